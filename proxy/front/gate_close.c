/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing.  The gate's own answers (GS_ANSWER), connections that wait for their peer to be done
 * (GS_LINGER), and who decides that an answer is the last.
 *
 * close() with unread bytes is a reset, and a reset can eat an answer that the peer hasn't read
 * yet.  So a connection that ends in order is shut down for writing first, and what still comes is
 * thrown away until FIN, LINGER_TIME or LINGER_BYTES.
 *
 * Invariants: a gate lingers with an empty output; it never leaves GS_LINGER but through
 * gate_cut().  Newcomers past limits.connections are not counted, so no more than REFUSED_MAX of
 * them linger.
 *
 * Not SO_LINGER: it blocks, or turns into a reset.
 */
#include "front/gate.h"

#include "front/gate_priv.h"
#include "front/reply.h"

#define LINGER_TIME	(2 * USEC_PER_SEC)
#define LINGER_BYTES	((size_t)16 << 20)
#define REFUSED_MAX	256		/* refused newcomers that may linger at a time */

/* Shut down for writing; what still comes is thrown away, so that no reset eats the answer. */
void
gate_linger(struct gate *g)
{
	usec_t now;

	ASSERT(pending(g) == 0);
	if (g->half || g->broken || (g->over && g->gs->nover > REFUSED_MAX)) {
		gate_cut(g);
		return;
	}
	g->state = GS_LINGER;
	shutdown(fd_of(g), SHUT_WR);
	g->off = g->hold.n;
	gate_hold_trim(g);
	bufferevent_enable(g->bev, EV_READ);
	now = clock_mono();
	g->deadline = now + LINGER_TIME;
	gate_arm(g, now);
}

void
gate_throw_away(struct gate *g, struct evbuffer *in)
{
	size_t got = evbuffer_get_length(in);
	ssize_t r;

	evbuffer_drain(in, got);
	for (int i = 0; i < SCRATCH_READS; i++) {
		r = recv(fd_of(g), gates_scratch(g->gs), SCRATCH, MSG_DONTWAIT);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	g->lingered += got;
	if (g->lingered > LINGER_BYTES)
		gate_cut(g);
}

static const char *
detail_of(int status)
{
	switch (status) {
	case 405:
		return "method";
	case 408:
		return "request-timeout";
	case 413:
		return "too-large";
	case 414:
		return "uri-too-long";
	case 417:
		return "expectation";
	case 431:
		return "header-too-large";
	case 501:
		return "not-implemented";
	case 503:
		return "connections";
	case 505:
		return "http-version";
	default:
		return "bad-request";
	}
}

/* The gate answers itself, and the connection closes. */
void
gate_refuse(struct gate *g, int status, const char *text, bool to_head)
{
	struct reply r = { .status = status, .cache.detail = detail_of(status), .text = text,
	    .close = true, .to_head = to_head };
	struct buf out = { 0 };
	struct gate_piece piece = { 0 };
	struct now now = clock_now();

	if (status == 503)
		r.retry_after = 1;
	if (status == 405)
		r.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	gate_take_callbacks(g);
	g->state = GS_ANSWER;
	g->deadline = now.mono + LINGER_TIME;
	g->off = g->hold.n;
	gate_hold_trim(g);
	g->gs->ops->refused(g->gs->arg, status);
	reply_error(&out, &r, now.wall);
	piece.p = out.p;
	piece.n = out.n;
	gate_send_pieces(g, &piece, 1);
	buf_fini(&out);
	if (pending(g) == 0)
		gate_linger(g);
	else
		gate_arm(g, now.mono);
}

/* The user's side */

bool
gate_closing(struct gate *g)
{
	check_busy(g);
	if (!g->close)
		g->close = g->gs->draining || g->broken ||
		    (g->body_state != BODY_NONE && !gate_body_is_here(g));
	return g->close;
}

void
gate_set_close(struct gate *g)
{
	check_busy(g);
	g->close = true;
}

void
gate_kill(struct gate *g)
{
	check_busy(g);
	g->user = NULL;
	gate_cut_reset(g);
}
