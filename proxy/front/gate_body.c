/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request bodies.
 *
 *	BODY_NONE <──────────── end ─────────────┐
 *	BODY_UNREAD ── gate_body_start() ──> BODY_FLOW ── bad, too large, late ──> BODY_FAILED
 *	                       gate_body_resume() │ ^
 *	                                    BODY_PAUSED    ops->body said no
 *
 * Invariants: the user gets body bytes in BODY_FLOW only, always from the loop; it may finish or
 * kill from inside ops->body, so state and body_state are looked at again after each call.  What
 * nobody takes stays in the hold, which fills and so stops reading.  BODY_FAILED closes the
 * connection after the answer: where the body ends is not known.
 *
 * Body bytes are read past evbuffer_read() (4 KiB at a time after a FIONREAD: measured 2.5 times
 * the CPU) into a scratch buffer that all gates of the worker share; only what is left over goes
 * into the hold.  Why not always: a read past the bufferevent hides an error from it, which is then
 * ours to act on, and only bodies bring enough to pay for that.
 */
#include "front/gate.h"

#include <errno.h>

#include "front/gate_priv.h"

#define CONTINUE	"HTTP/1.1 100 Continue\r\n\r\n"

void
gate_body_over(struct gate *g, enum body_state end, int status)
{
	g->body_state = end;
	if (status != 0)
		g->close = true;
	g->gs->ops->body_end(g->user, status);
}

/*
 * Hands on body bytes while the user takes them.  Returns the bytes used.  With in_hold they are
 * the hold's, whose offset goes along, since the user may finish from within.
 */
static size_t
body_run(struct gate *g, const char *p, size_t n, bool in_hold)
{
	size_t used = 0;

	while (g->state == GS_BUSY && g->body_state == BODY_FLOW) {
		struct slice data = { NULL, 0 };
		size_t step = 0;
		enum parse_result r = parse_body(&g->body, p + used, n - used, &data, &step);

		used += step;
		if (in_hold)
			g->off += step;
		switch (r) {
		case PARSE_MORE:
			if (g->half)
				gate_body_over(g, BODY_FAILED, 400);
			return used;
		case PARSE_DATA:
			if (g->body.total > g->body_limit)
				gate_body_over(g, BODY_FAILED, 413);
			else if (!g->gs->ops->body(g->user, data.p, data.n) &&
			    g->state == GS_BUSY && g->body_state == BODY_FLOW)
				g->body_state = BODY_PAUSED;
			break;
		case PARSE_DONE:
			gate_body_over(g, BODY_NONE, 0);
			return used;
		case PARSE_ERROR:
			gate_body_over(g, BODY_FAILED, 400);
			return used;
		}
	}
	return used;
}

void
gate_body_pump(struct gate *g)
{
	if (g->body_state == BODY_FLOW)
		(void)body_run(g, held_p(g), held(g), true);
}

/* More than evbuffer_read() brings at a time, past the hold.  An end is seen again by the loop. */
void
gate_body_read(struct gate *g)
{
	struct gates *gs = g->gs;
	size_t used, n;
	ssize_t r;

	for (int i = 0; i < SCRATCH_READS; i++) {
		if (g->state != GS_BUSY || g->body_state != BODY_FLOW || held(g) > 0)
			return;
		r = recv(fd_of(g), gates_scratch(gs), SCRATCH, MSG_DONTWAIT);
		if (r == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
			/* The error was ours to see; the loop won't get it again. */
			gate_cut(g);
			return;
		}
		if (r <= 0)
			return;
		n = (size_t)r;
		used = body_run(g, gs->scratch, n, false);
		if (used < n && (g->state == GS_BUSY || g->state == GS_NEXT))
			gate_hold_add(g, gs->scratch + used, n - used);
		if (n < SCRATCH)
			return;
	}
}

/* True when what is held has the rest of the body. */
bool
gate_body_is_here(const struct gate *g)
{
	struct parse_body b = g->body;
	const char *p = held_p(g);
	size_t n = held(g), step;
	struct slice data;

	for (;;) {
		switch (parse_body(&b, p, n, &data, &step)) {
		case PARSE_DATA:
			p += step;
			n -= step;
			break;
		case PARSE_DONE:
			return true;
		case PARSE_MORE:
		case PARSE_ERROR:
			return false;
		}
	}
}

void
gate_body_skip(struct gate *g)
{
	struct slice data;
	enum parse_result r;
	size_t step;

	do {
		r = parse_body(&g->body, held_p(g), held(g), &data, &step);
		g->off += step;
	} while (r == PARSE_DATA);
	ASSERT(r == PARSE_DONE);
	g->body_state = BODY_NONE;
}

/* The user's side */

void
gate_body_start(struct gate *g)
{
	struct gate_piece piece = { .p = CONTINUE, .n = sizeof CONTINUE - 1 };

	check_busy(g);
	ASSERT(g->body_state == BODY_NONE || g->body_state == BODY_UNREAD);
	if (g->expects && g->body_state == BODY_UNREAD && held(g) == 0)
		gate_send_pieces(g, &piece, 1);
	g->expects = false;
	g->body_state = BODY_FLOW;
	g->body_seen = clock_mono();
	gate_hurry(g);
}

void
gate_body_resume(struct gate *g)
{
	check_busy(g);
	if (g->body_state != BODY_PAUSED)
		return;
	g->body_state = BODY_FLOW;
	g->body_seen = clock_mono();
	gate_hurry(g);
}
