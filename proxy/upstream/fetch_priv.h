/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fetch as its own files see it:
 *
 *	fetch.c		states, connections, reading; the only one that calls ops
 *	fetch_place.c	what it has to do with the pool
 *	fetch_send.c	the request on its way out
 *	fetch_time.c	deadlines and their timer
 *	fetch_error.c	names and statuses of errors
 */
#ifndef CORRAL_UPSTREAM_FETCH_PRIV_H
#define CORRAL_UPSTREAM_FETCH_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/worker.h"

#include "upstream/fetch.h"
#include "upstream/pool.h"
#include "upstream/response.h"

struct bufferevent;
struct dial;
struct evbuffer;
struct evbuffer_cb_entry;
struct evbuffer_cb_info;
struct event;

enum fetch_state {
	F_QUEUED,		/* in the pool's queue */
	F_READY,		/* the kick is active: begins from the loop */
	F_DIALING,
	F_HEAD,			/* the request is being sent or was; no final head yet */
	F_BODY,
	F_OVER,			/* holds nothing; freed when depth is 0 */
};

enum fetch_eof {
	EOF_NONE,
	EOF_CLEAN,
	EOF_RESET,
};

/* Owned by its caller until ops->end, ops->fail or fetch_cancel(), then by the frames in depth. */
struct fetch {
	unsigned		 magic;
#define FETCH_MAGIC		 0x6fe7c4a1
	enum fetch_state	 state;
	unsigned		 depth;		/* entries from the loop on the stack */
	struct worker		*worker;
	struct resolver		*resolver;
	const struct conf_upstream *u;
	const struct fetch_ops	*ops;
	void			*arg;
	struct event		*timer;
	struct event		*kick;		/* made active by hand: F_READY, or body resumed */

	struct pool_wait	 place;
	bool			 placed;	/* place is one */
	enum pool_answer	 answer_of_pool; /* not placed, F_READY: why not */
	uint64_t		 route;
	int			 spare_fd;	/* came with the place, until taken up; or -1 */
	struct dial		*dial;
	struct bufferevent	*bev;
	struct evbuffer_cb_entry *out_cb;

	char			*head;		/* the request's, to be sent again */
	size_t			 head_n;
	bool			 repeatable;	/* idempotent, without a body */
	bool			 chunked;
	bool			 upload_ended;	/* true from the start without a body */
	bool			 want_room;
	struct evbuffer		*unsent;	/* while there is no connection */
	bool			 counted;	/* in upstream_fetches */
	unsigned		 retries;
	bool			 resent;	/* after it had left on a kept connection */

	/* the exchange on this connection */
	bool			 reused;
	bool			 left;		/* a byte of the request has left */
	bool			 write_dead;	/* the server takes no more */
	bool			 answered;	/* a byte of an answer came */
	bool			 paused;
	enum fetch_eof		 eof;		/* after the bytes in answer */
	struct response		 answer;
	bool			 bulk;		/* reads come back full: read more at once */

	usec_t			 started;
	usec_t			 waited;	/* for the place */
	usec_t			 progress;	/* when a piece of the request last left */
	usec_t			 head_began;	/* first bytes of the head that is in answer */
	usec_t			 last_read;
	usec_t			 armed;		/* when the timer fires; USEC_NEVER: not set */
};

/* When a fetch fails unless something moves, and what it is then. */
struct fetch_deadline {
	usec_t			 at;
	enum fetch_error	 error;
	const char		*why;
};

/* fetch_place.c */
/* The first step: to F_READY, with answer_of_pool, or F_QUEUED. */
void	fetch_ask_place(struct fetch *f, const struct fetch_request *req, usec_t max_idle);
void	fetch_have_place(struct fetch *f);
/* Tell the pool how it went; the second one does nothing when it was told already. */
void	fetch_report_head(struct fetch *f, int status);
void	fetch_report_failure(struct fetch *f);
/* Before the place is given back; the pool is told if it is the server's fault. */
struct fetch_failure	fetch_failure_of(struct fetch *f, enum fetch_error error, const char *why);
/*
 * A kept connection broke, which most likely says nothing of its server, but may: to another server
 * that was not tried, if one is up, or else to the same.  Costs nothing of the budget.
 */
void	fetch_leave_server(struct fetch *f);
/*
 * The server failed before a byte of an answer, and the connection is closed: another try is
 * allowed, paid, and has its server, which is none that was tried if `untried`.
 */
bool	fetch_other_server(struct fetch *f, bool untried);

/* fetch_send.c */
void	fetch_keep_request(struct fetch *f, const struct fetch_request *req);
/* All of the request that there is goes to unsent, to be sent on another connection. */
void	fetch_gather_unsent(struct fetch *f);
/* The output's callback. */
void	fetch_out_changed(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg);

/* fetch_time.c */
/* The earliest of those that run in this state. */
struct fetch_deadline	fetch_next_deadline(const struct fetch *f);
/* Sets the timer earlier if a deadline is now nearer than it. */
void	fetch_arm(struct fetch *f);

#endif
