/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate: the only reader of what clients send.  One per connection, standing in the evbuffer
 * callback of the connection's input, before evhttp sees a byte.  It reads heads and body framing
 * strictly (http/parse), hands evhttp one canonical head at a time, and keeps the real request and
 * its body stream.  What breaks the rules it answers itself (4xx/5xx) and closes.
 *
 * Whoever handles a request (client, admin) knows only this interface, no evhttp:
 *
 *	ops->request(arg, g, head)	a head is whole; take it, gate_attach() yourself
 *	   gate_body_start(g)		… ops->body(), ops->body_end()
 *	   gate_send(g, …)		… ops->writable() when the output has drained
 *	   gate_finish(g)		the answer is complete and has left: next request
 *	   gate_kill(g)			or: cut the connection
 *	ops->gone(user, how)		the peer left
 *
 * All on the thread of the gate's worker.  No op is called from inside a gate_… call, except where
 * it says so.
 */
#ifndef CORRAL_FRONT_GATE_H
#define CORRAL_FRONT_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "http/hdr.h"

struct bufferevent;
struct event_base;
struct evhttp_request;
struct gate;
struct gates;
struct worker;

enum gate_gone {
	GATE_HALF,		/* FIN: the peer sends no more, but may still read.  Once at most.
				 * The gate stays usable for an answer. */
	GATE_LOST,		/* reset, timed out, or killed from outside: the gate is no more,
				 * all lent pieces have come back; the user drops its pointer and
				 * frees itself, without another call on the gate */
};

struct gate_ops {
	/*
	 * A request, in its turn.  *req is moved: the callee owns it (head_fini).  It must call
	 * gate_attach() before it returns, and may answer and gate_finish() at once.
	 */
	void	(*request)(void *arg, struct gate *g, struct head *req);
	/* The gate itself refused what came (400 … 505), or 408; status is what it answered.  For
	 * counting only. */
	void	(*refused)(void *arg, int status);

	/* With the user of gate_attach(): */

	/*
	 * n body bytes without framing, valid during the call or until gate_finish() or gate_kill()
	 * in it.  False: no more until gate_body_resume(), which is for after the call.
	 */
	bool	(*body)(void *user, const char *p, size_t n);
	/*
	 * Once after gate_body_start(): 0, the body is whole; else the status to answer with (400,
	 * 408, 413) before closing, which gate_finish() then does by itself.
	 */
	void	(*body_end)(void *user, int status);
	/*
	 * The output has drained to gate_set_low()'s mark (0 at first) after a gate_send() that
	 * left something in it.
	 */
	void	(*writable)(void *user);
	void	(*gone)(void *user, enum gate_gone how);
};

/*
 * A piece of an answer.  With release the bytes are lent and released once, on this thread, when
 * they have left or the connection is gone; without, they are copied if they can't be sent at once.
 */
struct gate_piece {
	const void	*p;
	size_t		 n;
	void		(*release)(void *arg);
	void		*arg;
};

/*
 * All gates of one worker for one purpose.  connections is counted over the whole process and
 * compared with limits.connections of the worker's conf when a connection comes: past it the
 * newcomer gets a 503 and is closed (ops->refused).  May be NULL: no limit (admin).
 */
struct gates	*gates_new(struct worker *w, const struct gate_ops *ops, void *arg,
    _Atomic unsigned *connections);
/* For evhttp: bevcb's and gencb's work.  The listener calls these. */
struct bufferevent	*gates_accept(struct gates *gs, struct event_base *base);
void	gates_dispatch(struct gates *gs, struct evhttp_request *req);
/* Connections open now. */
unsigned	gates_count(const struct gates *gs);
/*
 * Drain: from now on every answer closes its connection; idle connections are closed after grace_us
 * (so that a request that was just on its way is still answered).
 */
void	gates_drain(struct gates *gs, int64_t grace_us);
/* Cuts every connection; users get GATE_LOST.  Not from inside an op. */
void	gates_kill_all(struct gates *gs);
/* With no gates left. */
void	gates_free(struct gates *gs);

/* The user that gets the ops from now until gate_finish(), gate_kill() or GATE_LOST. */
void	gate_attach(struct gate *g, void *user);

/* The peer's address: its text without port, for X-Forwarded-For. */
const char	*gate_peer(const struct gate *g);
struct worker	*gate_worker(const struct gate *g);
/* Bytes of the client's that wait here: body nobody took yet, and pipelined requests.  Bounded. */
size_t	gate_held(const struct gate *g);

/*
 * The request has a body and somebody wants it: bytes come through ops->body, from the loop.  Sends
 * 100 Continue first if the client waits for it and nothing was answered yet.  Without a call the
 * body is not read, and gate_finish() closes the connection (after discarding a little).
 */
void	gate_body_start(struct gate *g);
void	gate_body_resume(struct gate *g);

/*
 * Sends pieces in order: by one writev where the output is empty, the rest through the output
 * buffer.  Every release has been or will be called exactly once, whatever happens; it may be
 * called from inside.  Returns the bytes that wait in the output now; stop giving more when that is
 * over the mark of your own choice and go on in ops->writable.  When sending has failed both
 * functions return GATE_FAILED, which is over any mark, and GATE_LOST comes from the loop.
 */
#define GATE_FAILED	(SIZE_MAX / 2)
size_t	gate_send(struct gate *g, const struct gate_piece *pieces, unsigned n);
size_t	gate_pending(const struct gate *g);
void	gate_set_low(struct gate *g, size_t low);

/*
 * An interim answer (RFC 9110 15.2), whole, before anything of the final one was sent; any number
 * of them.  Only for clients of HTTP/1.1, which is the caller's to know.  Copied where it can't
 * leave at once; no op comes of it, and to a client that takes nothing it may be dropped.
 */
void	gate_send_interim(struct gate *g, struct slice head);

/*
 * The answer's head must say `Connection: close` (and will not be followed by another answer).
 * Decided by asking: once true it stays so, whatever else comes.  True as well while a request's
 * body has neither been read nor come whole, since what follows it may never be seen.
 */
bool	gate_closing(struct gate *g);
/* Decide to close after this answer; before its head is written. */
void	gate_set_close(struct gate *g);

/*
 * The answer is complete and gate_pending() is 0 (contract; GATE_FAILED will do too).  Detaches the
 * user; the next pipelined request follows from the loop, or the connection closes: orderly, with
 * lingering, so that the answer isn't lost to a reset.
 */
void	gate_finish(struct gate *g);
/* Cuts the connection now; no op follows.  For answers that can't be completed. */
void	gate_kill(struct gate *g);

#endif
