/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: one event per gate, the tick.  It is set earlier when something is due earlier, never
 * later: it fires in vain now and then and is set anew, so a request costs no timer calls.  It also
 * does, in a turn of the loop of its own, what can't be done where it was found necessary
 * (gate_hurry()): meet a newcomer, take up the next head, tell of a failed send.
 *
 *	GS_IDLE		deadline: idle, a head that has begun, or the grace of a drain
 *	GS_BUSY		a slow reader, a silent body, a socket with reading off
 *	GS_ANSWER, GS_LINGER	deadline
 *
 * Departure: while a request is worked on, reading goes on, so FIN and RST are events.  With
 * reading off (FIN has come, or the hold is full) and nothing to write, epoll isn't asked about it;
 * then the kernel's idea of the connection is looked at every WATCH.  A client that fills the hold
 * and resets is seen that much later.
 *
 * Invariant: `armed` is when the event fires, USEC_NEVER if it isn't set.  Not bufferevent
 * timeouts: they know reading and writing, but neither heads nor a reader that is slow in the
 * kernel's buffers.
 */
#include "front/gate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "front/gate_priv.h"

#define WATCH		(250 * USEC_PER_MSEC)

static usec_t
due(const struct gate *g, usec_t now)
{
	const struct conf_limits *lim = limits(g->gs);
	usec_t when = USEC_NEVER;

	switch (g->state) {
	case GS_IDLE:
	case GS_ANSWER:
	case GS_LINGER:
		return g->deadline;
	case GS_BUSY:
		break;
	case GS_NEW:
	case GS_FED:
	case GS_NEXT:
	case GS_DEAD:
		return USEC_NEVER;
	}
	if (pending(g) > 0)
		when = earlier(after(g->out_seen, lim->send_timeout),
		    after(now, lim->send_timeout / 4 + USEC_PER_MSEC));
	if (g->body_state == BODY_FLOW)
		when = earlier(when, after(g->body_seen, lim->idle_timeout));
	if ((bufferevent_get_enabled(g->bev) & EV_READ) == 0)
		when = earlier(when, now + WATCH);
	return when;
}

void
gate_arm(struct gate *g, usec_t now)
{
	usec_t when = due(g, now);
	struct timeval tv;

	if (when >= g->armed)
		return;
	tv = usec_timeval(when > now ? when - now : 0);
	ASSERT(event_add(&g->tick, &tv) == 0);
	g->armed = when;
}

/* The tick comes from the loop, at once.  Not as EV_TIMEOUT: event_add() would take that back. */
void
gate_hurry(struct gate *g)
{
	event_active(&g->tick, EV_READ, 0);
}

/* Deadlines of an idle connection; a head that has begun has its own. */
void
gate_set_idle(struct gate *g, usec_t now, usec_t timeout)
{
	g->deadline = after(now, timeout);
	if (g->gs->draining && held(g) == 0)
		g->deadline = earlier(g->deadline, after(now, g->gs->grace));
	gate_arm(g, now);
}

/* The tick */

static void
idle_tick(struct gate *g, usec_t now)
{
	const char *p = held_p(g);
	/* An empty line before a request line is no head yet. */
	bool began = held(g) > 2 || (held(g) > 0 && p[0] != '\r');

	if (now < g->deadline)
		return;
	if (began)
		gate_refuse(g, 408, "the request's head took longer than limits.header_timeout",
		    false);
	else
		gate_cut(g);
}

/* Reading is off, so the socket has no voice: ask. */
static void
watch(struct gate *g)
{
	struct tcp_info ti;
	socklen_t len = sizeof ti;

	memset(&ti, 0, sizeof ti);
	if (getsockopt(fd_of(g), IPPROTO_TCP, TCP_INFO, &ti, &len) == -1)
		return;
	if (ti.tcpi_state == TCP_CLOSE) {
		gate_cut(g);
	} else if (ti.tcpi_state == TCP_CLOSE_WAIT && !g->told_half) {
		g->told_half = true;
		g->gs->ops->gone(g->user, GATE_HALF);
	}
}

static void
busy_tick(struct gate *g, usec_t now)
{
	if (g->broken) {
		gate_cut(g);
		return;
	}
	if (pending(g) > 0 && !gate_output_moves(g, now)) {
		gate_cut_reset(g);
		return;
	}
	gate_body_pump(g);
	if (g->state != GS_BUSY)
		return;
	if (g->body_state == BODY_FLOW && now - g->body_seen >= limits(g->gs)->idle_timeout)
		gate_body_over(g, BODY_FAILED, 408);
	if (g->state != GS_BUSY)
		return;
	gate_hold_trim(g);
	gate_set_reading(g);
	if ((bufferevent_get_enabled(g->bev) & EV_READ) == 0)
		watch(g);
}

static void
newcomer(struct gate *g, usec_t now)
{
	gate_meet(g);
	if (g->state == GS_DEAD)
		return;
	gate_set_idle(g, now, limits(g->gs)->header_timeout);
	if (g->over)
		gate_refuse(g, 503, "limits.connections is reached", false);
}

void
gate_tick(evutil_socket_t fd, short what, void *arg)
{
	struct gate *g = arg;
	usec_t now = clock_mono();

	(void)fd;
	(void)what;
	gate_ref(g);
	g->armed = USEC_NEVER;
	switch (g->state) {
	case GS_NEW:
		newcomer(g, now);
		break;
	case GS_IDLE:
		idle_tick(g, now);
		break;
	case GS_BUSY:
		busy_tick(g, now);
		break;
	case GS_NEXT:
		gate_find_head(g, false);
		break;
	case GS_ANSWER:
	case GS_LINGER:
		if (now >= g->deadline)
			gate_cut(g);
		break;
	case GS_FED:
	case GS_DEAD:
		break;
	}
	if (g->state != GS_DEAD) {
		gate_hold_trim(g);
		gate_arm(g, now);
	}
	gate_unref(g);
}
