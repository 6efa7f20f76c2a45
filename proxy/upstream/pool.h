/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections to one server, for the whole process: how many are open never passes
 * max_connections, whichever workers use them.  Idle ones are bare sockets that any worker may take
 * up, last in first out; so a place is never blocked by an idle connection of another worker.
 *
 * A place is: an open connection, or the right to open one.  pool_acquire() gives a place at once,
 * or queues (FIFO, bounded); the giver of a freed place hands it to the first in the queue, through
 * that one's mailbox.  Counted: each conf that names the server, each wait that is queued or has a
 * place.
 *
 * Whoever has a place may close its connection and open another one in it: a retry doesn't stand
 * in the queue again.
 */
#ifndef CORRAL_UPSTREAM_POOL_H
#define CORRAL_UPSTREAM_POOL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/worker.h"

struct pool;

enum pool_answer {
	POOL_READY,		/* wait->fd is an idle connection, or -1: connect one */
	POOL_QUEUED,		/* wait->ready will run from its worker's loop; then as READY */
	POOL_FULL,		/* the queue is at its length */
};

/* A place, or the wish for one.  Embedded in the fetch; zeroed at first. */
struct pool_wait {
	struct worker		*worker;	/* set by the caller, as ready, arg and max_idle */
	void			(*ready)(void *arg);
	void			*arg;
	/*
	 * Take no connection that has been idle for longer (USEC_NEVER: any).  For requests that
	 * can't be sent again: a server that closes idle connections may be doing so right now.
	 */
	usec_t			 max_idle;

	struct pool		*pool;		/* pool's own, from here on */
	int			 fd;		/* for the caller to read when ready */
	int			 state;
	struct worker_msg	 msg;
	TAILQ_ENTRY(pool_wait)	 link;
};

/* One reference for the caller. */
struct pool	*pool_new(const struct conf_upstream *u);
struct pool	*pool_ref(struct pool *p);
void	pool_unref(struct pool *p);
/* New limits from a reload; open connections over a lower cap are closed as they come back. */
void	pool_configure(struct pool *p, const struct conf_upstream *u);

/* On w->worker's thread.  After POOL_FULL w is as it was before. */
enum pool_answer	pool_acquire(struct pool *p, struct pool_wait *w, usec_t mono);
/* While POOL_QUEUED, or after that until ready has run: gives up; ready will not run. */
void	pool_cancel(struct pool_wait *w, usec_t mono);
/* Gives the place back.  fd: a connection fit for reuse; -1: it was closed or never opened. */
void	pool_release(struct pool_wait *w, int fd, usec_t mono);
/* Closes idle connections that are past keepalive.idle or that the server has closed.  Any thread,
 * called about once a second by one. */
void	pool_sweep(struct pool *p, usec_t mono);

/* For stats: open places, idle ones among them, queued. */
void	pool_figures(struct pool *p, unsigned *open, unsigned *idle, unsigned *queued);

#endif
