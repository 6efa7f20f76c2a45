/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate: its life and its states.  evhttp keeps accepting, connection lifetime and reply order;
 * it never sees a byte that a client wrote.  Each connection's bytes are taken out of its
 * bufferevent's input, in that evbuffer's callback, into the gate's hold; a whole head is read
 * there strictly (gate_head.c), and evhttp is given a canonical one in its place.
 *
 *	            gates_accept                        gate_finish
 *	 GS_NEW ─> GS_IDLE ─> GS_FED ─> GS_BUSY ──────────────> GS_NEXT ──> (IDLE or FED)
 *	              │  evhttp reads    │   user attached         │ bytes were held
 *	              └────── refused ───┴──────> GS_ANSWER <──────┘
 *	                                              │ answer has left
 *	                        finish and close ─> GS_LINGER ──> (connection freed)
 *
 *	GS_NEW     evhttp is still putting the connection together; the tick looks at it next
 *	GS_IDLE    between requests; evhttp's callbacks are on the bufferevent
 *	GS_FED     CANON is in the input; evhttp dispatches before the stack unwinds
 *	GS_BUSY    a user has the request; our callbacks are on, evhttp is dormant
 *	GS_NEXT    the answer is done and bytes are held: the tick looks for a head in them
 *	GS_ANSWER  the gate's own answer is leaving; input is thrown away
 *	GS_LINGER  shut down for writing; input is thrown away until FIN or a bound
 *	GS_DEAD    off every list; the struct waits for the frames that still hold it
 *
 * Invariants: our callbacks are on in BUSY, NEXT, ANSWER and LINGER, evhttp's in IDLE and FED.  The
 * input is empty whenever a callback of ours returns, but in FED.  All that ends a connection
 * goes through evhttp_connection_free() and comes back in closed(), the only destructor; so whoever
 * calls out holds a reference and looks at the state afterwards.
 *
 * The hold takes HOLD_MARK bytes and what one read brings, then reading stops; empty, it holds no
 * memory.
 *
 * Not a bufferevent_filter, which would be simpler: evhttp over one is a use-after-free with
 * timeouts and loses closing answers.  Thread rule of all gate files: the worker's thread, but for
 * gates->connections.
 */
#include "front/gate.h"

#include <stdlib.h>

#include <event2/http.h>

#include "front/gate_priv.h"

struct gate *
gate_ref(struct gate *g)
{
	CHECK(g, GATE_MAGIC);
	g->refs++;
	return g;
}

void
gate_unref(struct gate *g)
{
	ASSERT(g->refs > 0);
	if (--g->refs == 0) {
		ASSERT(g->state == GS_DEAD);
		FREE(g);
	}
}

/* Birth and death */

static void	input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg);

/* In GS_NEW, on no list.  Without memory for it the process ends, see gates_accept(). */
struct gate *
gate_new(struct gates *gs, struct event_base *base)
{
	struct gate *g;

	NEW(g, GATE_MAGIC);
	g->state = GS_NEW;
	g->refs = 1;
	g->gs = gs;
	g->armed = g->deadline = USEC_NEVER;
	g->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	ASSERT(g->bev != NULL);
	/* With nothing left in the input evhttp's read callback isn't called. */
	bufferevent_setwatermark(g->bev, EV_READ, 1, 0);
	bufferevent_set_max_single_write(g->bev, 1 << 20);
	g->incb = evbuffer_add_cb(bufferevent_get_input(g->bev), input, g);
	ASSERT(g->incb != NULL);
	bufferevent_incref(g->bev);
	ASSERT(event_assign(&g->tick, base, -1, 0, gate_tick, g) == 0);
	return g;
}

/* Takes the gate off everything.  The user hears of it last, when all it lent has come back. */
static void
drop(struct gate *g)
{
	struct gates *gs = g->gs;
	void *user = g->user;

	gate_count_sent(g);
	if (gs->fed == g) {
		gs->fed = NULL;
		head_fini(&gs->fed_head);
	}
	event_del(&g->tick);
	evbuffer_remove_cb_entry(bufferevent_get_input(g->bev), g->incb);
	evbuffer_unfreeze(output(g), 1);
	evbuffer_drain(output(g), pending(g));
	buf_fini(&g->hold);
	g->off = 0;
	if (g->parsing)
		parse_fini(&g->parse);
	gates_remove(gs, g);
	g->evcon = NULL;
	g->req = NULL;
	g->user = NULL;
	g->state = GS_DEAD;
	if (user != NULL)
		gs->ops->gone(user, GATE_LOST);
	gate_unref(g);
}

/* evhttp's close callback: the connection is being freed, whoever wanted it. */
static void
closed(struct evhttp_connection *evcon, void *arg)
{
	struct gate *g = arg;

	CHECK(g, GATE_MAGIC);
	ASSERT(g->evcon == evcon);
	drop(g);
}

/* Frees the connection; a user that is still attached hears GATE_LOST. */
void
gate_cut(struct gate *g)
{
	ASSERT(g->state != GS_DEAD && g->evcon != NULL);
	evhttp_connection_free(g->evcon);
}

/* The same, and the peer can't take what it has for a whole answer: the kernel keeps nothing. */
void
gate_cut_reset(struct gate *g)
{
	struct sockaddr sa = { .sa_family = AF_UNSPEC };

	if (g->answered)
		(void)connect(fd_of(g), &sa, sizeof sa);
	gate_cut(g);
}

/* evhttp has put the connection together, or given up on it. */
void
gate_meet(struct gate *g)
{
	bufferevent_data_cb readcb;
	struct bufferevent *bev = g->bev;
	void *arg;

	ASSERT(g->state == GS_NEW);
	bufferevent_getcb(bev, &readcb, NULL, NULL, &arg);
	if (readcb == NULL) {
		drop(g);
		bufferevent_decref(bev);
		return;
	}
	g->evcon = arg;
	ASSERT(evhttp_connection_get_bufferevent(g->evcon) == bev);
	evhttp_connection_set_closecb(g->evcon, closed, g);
	g->state = GS_IDLE;
	bufferevent_decref(bev);
}

/* The hold */

void
gate_hold_add(struct gate *g, const char *p, size_t n)
{
	if (g->off > 0) {
		buf_drop(&g->hold, g->off);
		g->off = 0;
	}
	buf_add(&g->hold, p, n);
}

static void
hold_take(struct gate *g, struct evbuffer *in)
{
	size_t n = evbuffer_get_length(in);

	gate_hold_add(g, NULL, 0);
	buf_reserve(&g->hold, n);
	ASSERT(evbuffer_remove(in, g->hold.p + g->hold.n, n) == (int)n);
	g->hold.n += n;
}

void
gate_hold_trim(struct gate *g)
{
	if (held(g) == 0) {
		buf_fini(&g->hold);
		g->off = 0;
	}
}

/* Reading is flow control towards the client: on while the hold is below its mark. */
void
gate_set_reading(struct gate *g)
{
	bool is = (bufferevent_get_enabled(g->bev) & EV_READ) != 0;
	bool want = !g->half && held(g) < HOLD_MARK;

	if (want != is) {
		if (want)
			bufferevent_enable(g->bev, EV_READ);
		else
			bufferevent_disable(g->bev, EV_READ);
	}
}

/* The input */

static void
busy_input(struct gate *g, struct evbuffer *in)
{
	usec_t now;

	hold_take(g, in);
	if (g->state == GS_BUSY && g->body_state == BODY_FLOW) {
		gate_body_pump(g);
		if (g->state == GS_BUSY)
			gate_body_read(g);
		if (g->state == GS_BUSY) {
			now = clock_mono();
			g->body_seen = now;
			gate_arm(g, now);
		}
	}
	if (g->state == GS_BUSY) {
		gate_hold_trim(g);
		gate_set_reading(g);
		if (held(g) >= HOLD_MARK)
			gate_arm(g, clock_mono());
	}
}

/* The input's callback: runs before evhttp sees the bytes, and leaves none. */
static void
input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct gate *g = arg;

	CHECK(g, GATE_MAGIC);
	if (g->feeding || info->n_added == 0 || evbuffer_get_length(in) == 0)
		return;
	gate_ref(g);
	switch (g->state) {
	case GS_IDLE:
		hold_take(g, in);
		gate_find_head(g, true);
		break;
	case GS_BUSY:
	case GS_NEXT:
		busy_input(g, in);
		break;
	case GS_ANSWER:
	case GS_LINGER:
		gate_throw_away(g, in);
		break;
	case GS_NEW:
	case GS_FED:
	case GS_DEAD:
		break;
	}
	gate_unref(g);
}

/* Callbacks of the bufferevent while it is ours */

static void
writecb(struct bufferevent *bev, void *arg)
{
	struct gate *g = arg;

	(void)bev;
	gate_ref(g);
	if (g->state == GS_ANSWER && pending(g) == 0) {
		gate_linger(g);
	} else if (g->state == GS_BUSY && g->unsent) {
		g->unsent = pending(g) > 0;
		g->gs->ops->writable(g->user);
	}
	gate_unref(g);
}

/* The peer sends no more, but may read on. */
static void
eof(struct gate *g)
{
	g->half = true;
	if (g->state == GS_LINGER) {
		gate_cut(g);
		return;
	}
	if (g->state == GS_BUSY && !g->told_half) {
		g->told_half = true;
		g->gs->ops->gone(g->user, GATE_HALF);
	}
	if (g->state == GS_BUSY)
		gate_body_pump(g);
	if (g->state == GS_BUSY)
		gate_arm(g, clock_mono());
}

static void
eventcb(struct bufferevent *bev, short what, void *arg)
{
	struct gate *g = arg;

	(void)bev;
	gate_ref(g);
	if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0)
		eof(g);
	else
		gate_cut(g);
	gate_unref(g);
}

void
gate_take_callbacks(struct gate *g)
{
	bufferevent_setcb(g->bev, NULL, writecb, eventcb, g);
}

/* The user's side */

void
gate_attach(struct gate *g, void *user)
{
	check_busy(g);
	ASSERT(user != NULL);
	g->user = user;
}

const char *
gate_peer(const struct gate *g)
{
	char *address;
	uint16_t port;

	check_busy(g);
	evhttp_connection_get_peer(g->evcon, &address, &port);
	return address;
}

struct worker *
gate_worker(const struct gate *g)
{
	CHECK(g, GATE_MAGIC);
	return g->gs->w;
}

size_t
gate_held(const struct gate *g)
{
	check_busy(g);
	return held(g);
}

void
gate_finish(struct gate *g)
{
	check_busy(g);
	ASSERT(g->broken || pending(g) == 0);
	g->user = NULL;
	g->unsent = false;
	gate_ref(g);
	if (g->broken) {
		gate_cut(g);
		gate_unref(g);
		return;
	}
	gate_count_sent(g);
	if (g->low != 0)
		gate_set_low(g, 0);
	if (!g->close && g->body_state != BODY_NONE) {
		if (gate_body_is_here(g))
			gate_body_skip(g);
		else
			g->close = true;
	}
	if (g->close || (g->half && held(g) == 0)) {
		gate_linger(g);
	} else if (g->hold.p != NULL || g->half) {
		g->state = GS_NEXT;
		gate_hurry(g);
	} else if (gate_give_back(g)) {
		gate_set_idle(g, clock_mono(), limits(g->gs)->idle_timeout);
	}
	gate_unref(g);
}
