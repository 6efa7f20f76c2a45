/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An upstream as the whole process sees it: its places, its servers, and the line of those who
 * wait.  However many workers there are, the connections that are open never pass the limit:
 * max_connections, or what `auto` has found (upstream/limit).
 *
 * A place is: an open connection to one of the servers, or the right to open one.  pool_acquire()
 * gives a place at once, or puts the wait into the line (upstream/line: fair, the most wanted
 * first); whoever gives a place back hands it to the one who is next, through its mailbox.  With
 * the place comes the server, chosen by `balance` among those that are up (healthy, breaker
 * closed), and one of its idle connections, if there is one: bare sockets that any worker may take
 * up, last in first out.
 *
 * Who would have to wait too long is told so at once: when the line is full, or when at the present
 * rate its turn would come after queue.timeout.  What is only done ahead of time (background) takes
 * a place that is free, or none.
 *
 * Counted: each conf that names the upstream, each wait that is in the line or has a place, each
 * prober.
 */
#ifndef CORRAL_UPSTREAM_POOL_H
#define CORRAL_UPSTREAM_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/worker.h"
#include "upstream/breaker.h"
#include "upstream/line.h"

struct pool;
struct server;

enum pool_answer {
	POOL_READY,		/* a place: see wait->fd and pool_server() */
	POOL_QUEUED,		/* wait->ready will run from its worker's loop */
	POOL_FULL,		/* would wait too long, or the line is full: see retry_after */
	POOL_BUSY,		/* background, and there is no place that nobody else wants */
	POOL_DOWN,		/* no server is up: see retry_after */
};

/* A place, or the wish for one.  Embedded in the fetch; zeroed at first. */
struct pool_wait {
	struct worker		*worker;	/* set by the caller, as all up to pool */
	/* From the loop: what became of it, as pool_acquire() would have said it; never
	 * POOL_QUEUED. */
	void			(*ready)(void *arg, enum pool_answer answer);
	void			*arg;
	/*
	 * Take no connection that has been idle for longer (USEC_NEVER: any).  For requests that
	 * can't be sent again: a server that closes idle connections may be doing so right now.
	 */
	usec_t			 max_idle;
	uint64_t		 client;	/* hashes: of who asks, */
	uint64_t		 key;		/* and for what; also for `balance: hash` */
	unsigned		 wanted;	/* clients that wait for the answer */
	bool			 background;
	uint64_t		 tried;		/* servers that failed it (pool_server_bit()): not
						 * again unless no other is left */

	struct pool		*pool;		/* pool's own, from here on */
	struct server		*server;	/* of the place; a reference */
	int			 fd;		/* an idle connection for the caller; -1: connect */
	usec_t			 born;		/* mono: about when its connection was made */
	usec_t			 retry_after;	/* POOL_FULL, POOL_DOWN: try again after that */
	int			 state;
	enum pool_answer	 answer;
	bool			 probe;		/* the breaker's */
	bool			 reported;
	bool			 held_back;	/* all places were taken while it had one */
	bool			 orphan;	/* see pool_orphan() */
	struct worker_msg	 msg;
	struct line_node	 node;
};

/* One reference for the caller. */
struct pool	*pool_new(const struct conf_upstream *u, usec_t mono);
struct pool	*pool_ref(struct pool *p);
void	pool_unref(struct pool *p);
/*
 * From a reload.  Servers of the same URL keep their connections and what is known of them; new
 * ones begin as up; those that are named no more get no more requests, and their idle connections
 * are closed, as those over a lower limit when they come back.
 */
void	pool_configure(struct pool *p, const struct conf_upstream *u, usec_t mono);

/* On w->worker's thread.  After anything but POOL_READY and POOL_QUEUED w is as it was before. */
enum pool_answer	pool_acquire(struct pool *p, struct pool_wait *w, usec_t mono);
/* While POOL_QUEUED, or after that until ready has run: gives up; ready will not run. */
void	pool_cancel(struct pool_wait *w, usec_t mono);
/* While POOL_QUEUED, or at any other time, when it does nothing: more clients wait for it now. */
void	pool_want(struct pool_wait *w, unsigned wanted);
/* Gives the place back.  fd: a connection fit for reuse; -1: it was closed or never opened. */
void	pool_release(struct pool_wait *w, int fd, usec_t mono);

/* With a place. */

/* Where to connect; valid until pool_release() or pool_other_server(). */
const struct conf_server	*pool_server(const struct pool_wait *w);
/* One bit for it, for `tried`. */
uint64_t	pool_server_bit(const struct pool_wait *w);
/*
 * The exchange failed before a byte of an answer, and its connection is closed:
 * chooses a server once more for the same place, another one if there is one (`tried` is the
 * caller's to set before); w->fd as after POOL_READY.  untried: only one that isn't in `tried` will
 * do.  False: there is none, and the place stays as it is.
 */
bool	pool_other_server(struct pool_wait *w, bool untried, usec_t mono);
/* A retry or a hedge may be sent, and is paid for by the budget (upstream/retry). */
bool	pool_spend_retry(struct pool *p, usec_t mono);

enum pool_outcome {
	POOL_ANSWERED,		/* a whole head came; took: from the request sent to it */
	POOL_OVERLOADED,	/* the same, and it says that it is too much (503, 429) */
	POOL_FAILED,		/* no answer, garbage, a timeout: of a connection that was there */
	POOL_UNREACHABLE,	/* there was no connection */
};
/*
 * How the exchange with the server of this place went: for its breaker and for the limit.  At most
 * once for each connection tried; a place that is given back without says nothing of the server.
 */
void	pool_report(struct pool_wait *w, enum pool_outcome outcome, usec_t took, usec_t mono);

/* For one whose patience ended in the line: when it is worth while to ask again. */
usec_t	pool_retry_after(struct pool *p);

/*
 * Nobody waits any more for what this place fetches, but its answer is worth keeping.  True: it may
 * go on; so few do that they can't take the places of those who are waited for (a quarter of the
 * limit, at least one).  Counted until the place is given back.
 */
bool	pool_orphan(struct pool_wait *w);

/* What is usual (base/histo): of the routes of this upstream, by a hash of the route. */
void	pool_learn_time(struct pool *p, uint64_t route, usec_t took);
/* USEC_NEVER: not known yet. */
usec_t	pool_usual_time(struct pool *p, uint64_t route, double share);

/* The outcome of a health check, any thread. */
void	pool_set_health(struct pool *p, struct server *s, bool up, usec_t mono);
/* The servers of the conf in force; a reference each for the caller.  How many. */
unsigned	pool_servers(struct pool *p, struct server *out[CONF_SERVERS_MAX]);
const struct conf_server	*server_conf(const struct server *s);	/* the server's own copy */
struct server	*server_ref(struct server *s);
void	server_unref(struct server *s);

/* Closes idle connections that are past keepalive.idle or that the server has closed.  Any thread,
 * called about once a second by one. */
void	pool_sweep(struct pool *p, usec_t mono);

/* For stats. */
struct server_figures {
	char			 url[256];	/* clipped */
	unsigned		 in_flight, idle;
	bool			 healthy;	/* by health checks; true without them */
	bool			 backup;
	enum breaker_state	 breaker;
	unsigned long		 opened;	/* how often its breaker has */
	uint64_t		 requests, failures;	/* exchanges, ever */
};
struct pool_figures {
	unsigned		 limit;		/* now */
	unsigned		 open, idle;	/* connections; those of them that nobody uses */
	unsigned		 queued;
	unsigned		 orphans;
	usec_t			 oldest;	/* how long the first in the line has waited */
	uint64_t		 refused;	/* POOL_FULL, ever */
	unsigned		 nservers;
	struct server_figures	 server[CONF_SERVERS_MAX];
};
void	pool_figures(struct pool *p, struct pool_figures *out, usec_t mono);
/* A server is up, as far as anybody knows. */
bool	pool_is_up(struct pool *p, usec_t mono);

#endif
