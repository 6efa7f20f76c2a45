/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One exchange with an upstream: a place in the pool, a server, a connection over a bufferevent,
 * one request, one answer read strictly by http/parse.  Deadlines for each step, safe retries, on
 * another server if there is one, cancel at any time.
 *
 * All on the thread of its worker.  No op is called from inside a fetch_… call; a fetch_… call may
 * be made from inside an op.
 *
 * Deadlines, from the upstream's configuration:
 *	queue_timeout		from fetch_start() to a place in the pool
 *	connect_timeout		resolving the name and connecting, all addresses together
 *	first_byte_timeout	from the last piece of the request that left to the first byte of
 *				the final head (1xx don't count), then again until that head is
 *				whole.  Not while our client has yet to send more of the body
 *	idle_timeout		between two reads of an answer.  Not while ops->body said no, nor
 *				while our client has yet to send more of the body
 *	total_timeout		from fetch_start() to the end
 *
 * Sent again in the same place of the pool, if the request is idempotent without a body, or not a
 * byte of it had left:
 *	at once, on a new connection to the same server, when a reused one broke before a byte of an
 *	answer (not counted as an error, nor paid from the retry budget);
 *	up to u->retries times and within the retry budget, on another server if one is up, when a
 *	connection was refused, or broke before a byte of an answer;
 *	likewise, but only on a server that was not tried yet, when the name has no address or no
 *	connection could be made in time.
 * Other timeouts are not tried again.
 * Requests that can't be sent again take only connections that were in use a second ago.
 */
#ifndef CORRAL_UPSTREAM_FETCH_H
#define CORRAL_UPSTREAM_FETCH_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/slice.h"
#include "base/worker.h"
#include "http/hdr.h"

struct fetch;
struct resolver;

enum fetch_error {
	FETCH_RESOLVE,		/* the name has no address */
	FETCH_CONNECT,		/* refused, unreachable */
	FETCH_CLOSED,		/* closed or reset before a byte of an answer */
	FETCH_QUEUE_FULL,	/* it would have had to wait too long */
	FETCH_QUEUE_TIMEOUT,
	FETCH_BUSY,		/* background, and there was no place to spare */
	FETCH_NO_SERVER,	/* none is up: unhealthy, or its breaker is open */
	FETCH_CONNECT_TIMEOUT,
	FETCH_FIRST_BYTE_TIMEOUT,
	FETCH_IDLE_TIMEOUT,
	FETCH_TOTAL_TIMEOUT,
	FETCH_MALFORMED,	/* not HTTP as RFC 9112 has it */
	FETCH_TRUNCATED,	/* the answer ended before its framing said so */
	FETCH_RESOURCES,	/* no socket, no memory here */
};

/* Why it came to nothing. */
struct fetch_failure {
	enum fetch_error error;
	const char	*why;		/* static text for the log: what exactly was wrong */
	const char	*server;	/* the URL of the one it happened with, or NULL; it lives as
					 * long as the conf of fetch_start() */
	usec_t		 retry_after;	/* when to try again, as far as that is known; else 0 */
};

struct fetch_ops {
	/* The request is about to be sent (ages are counted from here).  Again on a retry. */
	void	(*sent)(void *arg);
	/* The final answer's head, framing corrected for HEAD; *resp is moved to the callee. */
	void	(*head)(void *arg, struct head *resp);
	/* Body bytes without framing, valid during the call.  False: none until fetch_resume(). */
	bool	(*body)(void *arg, const char *p, size_t n);
	/*
	 * The answer is whole.  The fetch is no more when this returns (also after fail), and its
	 * place in the pool is free already.  Both may come while the body is paused.
	 */
	void	(*end)(void *arg);
	void	(*fail)(void *arg, const struct fetch_failure *failure);
	/*
	 * An interim answer came (RFC 9110 15.2; not 100, which is about one connection, and not
	 * 101): *h is moved, without the fields about this connection or about a body.  Any number,
	 * up to a bound of ours, all before head; after one the request isn't sent again.  NULL:
	 * they are dropped.
	 */
	void	(*interim)(void *arg, struct head *h);
	/* Room for more of the request's body (after fetch_send_body() said no). */
	void	(*room)(void *arg);
};

struct fetch_request {
	struct slice	head;		/* serialised, with the empty line; copied */
	bool		to_head;	/* method HEAD */
	bool		idempotent;	/* may be sent again when nothing of an answer came */
	bool		has_body;	/* fetch_send_body() … fetch_send_end() follow */
	bool		chunked;	/* the body is to be sent in chunks */
	uint64_t	client, key;	/* hashes, for the line and for `balance: hash` */
	uint64_t	route;		/* a hash, for what is usual */
	unsigned	wanted;		/* clients that wait for it */
	bool		background;	/* a free place or none */
	uint64_t	avoid;		/* servers (fetch_server_bit()): only if no other is up */
};

/*
 * Starts.  u must live until the end (the caller holds its conf); u->runtime is its struct pool.
 * FETCH_QUEUE_FULL and the like come through ops->fail, from the loop.
 */
struct fetch	*fetch_start(struct worker *w, struct resolver *r, const struct conf_upstream *u,
    const struct fetch_request *req, const struct fetch_ops *ops, void *arg);

/*
 * Part of the request's body; copied.  False: it was taken, but wait for ops->room before more.
 * (Room may never come: then the server has stopped reading, and end or fail is near.)
 */
bool	fetch_send_body(struct fetch *f, const char *p, size_t n);
void	fetch_send_end(struct fetch *f);

/* More clients wait for it now: sooner its turn, while it is in the line. */
void	fetch_want(struct fetch *f, unsigned wanted);
/* It has a place: the upstream is, or is about to be, asked. */
bool	fetch_is_under_way(const struct fetch *f);
/*
 * Nobody waits for it, but its answer is worth keeping.  False: it should be cancelled, since it
 * has no place yet, or too many such are under way.
 */
bool	fetch_orphan(struct fetch *f);
/* For another fetch's `avoid`; 0 before it has a place. */
uint64_t	fetch_server_bit(const struct fetch *f);

/* After ops->body said false. */
void	fetch_resume(struct fetch *f);
/* No op follows.  The connection is closed unless it is idle. */
void	fetch_cancel(struct fetch *f);

const char	*fetch_error_name(enum fetch_error error);
/* 502, 503 or 504. */
int	fetch_error_status(enum fetch_error error);

#endif
