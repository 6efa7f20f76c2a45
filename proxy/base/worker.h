/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: one thread, its event loop, its mailbox, its counters and the configuration it works
 * by.  Everything that belongs to a worker is touched by its own thread alone; the mailbox is the
 * only way in from another thread.
 *
 * A message is embedded in the struct it is about, so posting never allocates.  Posting a message
 * that is already posted does nothing.  After worker_unpost() on the owner's thread the message
 * will not run, wherever it was on its way.
 */
#ifndef CORRAL_BASE_WORKER_H
#define CORRAL_BASE_WORKER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/stats.h"

struct conf;
struct event_base;
struct worker;

typedef void worker_fn(void *arg);

struct worker_msg {
	worker_fn		*fn;	/* runs on the worker's thread */
	void			*arg;
	bool			 queued; /* guarded by the mailbox's lock */
	TAILQ_ENTRY(worker_msg)	 link;
};

/*
 * conf: a reference is taken.  The loop is made here but the thread only by worker_start(), so
 * listeners and timers can be set up before.  NULL when the system refuses (errno set).
 */
struct worker	*worker_new(unsigned id, struct conf *conf);
/* Runs the loop in a new thread.  0, or -1 with errno. */
int	worker_start(struct worker *w);
/* Runs the loop in the calling thread until worker_stop(). */
void	worker_run(struct worker *w);
/* Ends the loop after the current event.  Any thread. */
void	worker_stop(struct worker *w);
/* Waits for the thread of worker_start() to end. */
void	worker_join(struct worker *w);
/* After its thread has ended, and with nothing posted any more. */
void	worker_free(struct worker *w);

/* Any thread, also its own: fn runs later, from the loop, never from here. */
void	worker_post(struct worker *w, struct worker_msg *msg);
/* Owner's thread only.  True if it was on its way and now will not run. */
bool	worker_unpost(struct worker *w, struct worker_msg *msg);

/* Owner's thread only. */
struct event_base	*worker_base(struct worker *w);
struct conf	*worker_conf(struct worker *w);	/* borrowed; conf_ref() to keep */
/* Takes over the caller's reference and drops the one on the old. */
void	worker_set_conf(struct worker *w, struct conf *conf);

unsigned	worker_id(const struct worker *w);
struct stats	*worker_stats(struct worker *w);	/* write on the owner's thread only */
/* The thread of this worker is running the caller. */
bool	worker_is_current(const struct worker *w);

#endif
