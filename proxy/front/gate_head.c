/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heads.  What is held is read by http/parse; a whole head that we serve is kept in
 * gates->fed_head, and evhttp is given CANON instead, whatever the client asked for.  evhttp
 * dispatches it at once, on the same stack, and gates_dispatch() hands the real head to the user.
 *
 *	find_head ──> PARSE_MORE   wait_for_head: the head's deadline runs
 *	         ├──> bad, unwanted: gate_refuse()
 *	         └──> feed: GS_FED ── evhttp ──> gates_dispatch: GS_BUSY ──> ops->request
 *
 * Invariants: at most one gate of a worker is GS_FED, and never after feed() has returned, but from
 * the input's callback: there evhttp's read callback follows by itself.  A gate in GS_NEXT is given
 * back to evhttp before it is fed or waits, since only then evhttp reads.
 *
 * Not evhttp's own parser behind a check of ours: two readers of the same bytes that disagree about
 * where a request ends are how requests are smuggled.
 */
#include "front/gate.h"

#include <event2/http.h>

#include "front/gate_priv.h"

#define CANON		"GET / HTTP/1.1\r\n\r\n"

/* Gives the connection back to evhttp, for the next request.  False: evhttp ended it. */
bool
gate_give_back(struct gate *g)
{
	struct evhttp_request *req = g->req;
	bool alive;

	gate_ref(g);
	g->req = NULL;
	g->state = GS_IDLE;
	evhttp_send_reply_end(req);
	alive = g->state != GS_DEAD;
	gate_unref(g);
	return alive;
}

/* 0, or the status that refuses a well-formed request. */
static int
unwanted(const struct gates *gs, const struct head *h, const char **text)
{
	if (method_is(h, "CONNECT")) {
		*text = "CONNECT is not offered here";
		return 501;
	}
	if (method_is(h, "TRACE")) {
		*text = "TRACE is not offered here";
		return 405;
	}
	if (h->framing == FRAMING_LENGTH && h->length > limits(gs)->body) {
		*text = "the body is larger than limits.body";
		return 413;
	}
	return 0;
}

/*
 * Lets evhttp dispatch.  Within the input's callback evhttp's read callback follows by itself, from
 * the same stack.  evbuffer_add() would fail there: the end is frozen.
 */
static void
feed(struct gate *g, struct head *h, bool in_input)
{
	struct gates *gs = g->gs;

	if (g->state == GS_NEXT && !gate_give_back(g)) {
		head_fini(h);
		return;
	}
	ASSERT(gs->fed == NULL);
	gs->fed = g;
	gs->fed_head = *h;
	g->state = GS_FED;
	g->feeding = true;
	ASSERT(evbuffer_prepend(bufferevent_get_input(g->bev), CANON, sizeof CANON - 1) == 0);
	g->feeding = false;
	if (in_input)
		return;
	bufferevent_trigger(g->bev, EV_READ, 0);
	ASSERT(g->state != GS_FED);
}

/* What is held is no whole head yet. */
static void
wait_for_head(struct gate *g, bool began)
{
	const struct conf_limits *lim = limits(g->gs);
	usec_t now;

	if (g->state == GS_NEXT) {
		if (g->half) {
			gate_cut(g);
			return;
		}
		if (!gate_give_back(g))
			return;
		gate_set_idle(g, clock_mono(),
		    held(g) > 0 ? lim->header_timeout : lim->idle_timeout);
	} else if (!began && g->heads) {
		now = clock_mono();
		g->deadline = after(now, lim->header_timeout);
		gate_arm(g, now);
	}
}

/* In GS_IDLE with bytes held, or GS_NEXT. */
void
gate_find_head(struct gate *g, bool in_input)
{
	struct head h = { 0 };
	struct parse_limits lim;
	enum parse_result r;
	const char *text;
	bool began;
	int status;

	if (!g->parsing) {
		lim.head_bytes = limits(g->gs)->header_bytes;
		lim.uri = limits(g->gs)->uri;
		lim.fields = limits(g->gs)->header_fields;
		parse_init(&g->parse, PARSE_REQUEST, &lim);
	}
	began = g->parsing;
	r = held(g) == 0 ? PARSE_MORE : parse_head(&g->parse, held_p(g), held(g), &h);
	if (r == PARSE_MORE) {
		/* First of all: what follows may end the connection, with what the parser holds. */
		g->parsing = held(g) > 0;
		wait_for_head(g, began);
		return;
	}
	g->parsing = false;
	status = g->parse.status;
	text = g->parse.reason;
	g->off += r == PARSE_DONE ? g->parse.used : 0;
	parse_fini(&g->parse);
	if (r == PARSE_DONE)
		status = unwanted(g->gs, &h, &text);
	if (status != 0) {
		gate_refuse(g, status, text, r == PARSE_DONE && method_is(&h, "HEAD"));
		head_fini(&h);
		return;
	}
	g->heads = true;
	feed(g, &h, in_input);
}

void
gates_dispatch(struct gates *gs, struct evhttp_request *req)
{
	struct gate *g;
	struct head h;

	CHECK(gs, GATES_MAGIC);
	g = gate_ref(gs->fed);
	h = gs->fed_head;
	gs->fed = NULL;
	memset(&gs->fed_head, 0, sizeof gs->fed_head);
	ASSERT(g->state == GS_FED && evhttp_request_get_connection(req) == g->evcon);

	gate_take_callbacks(g);
	g->state = GS_BUSY;
	g->req = req;
	g->close = !h.keep_alive;
	g->expects = h.expect_continue && h.minor >= 1;
	g->answered = g->unsent = g->told_half = false;
	g->body_limit = limits(gs)->body;
	g->body_state = h.framing == FRAMING_NONE ? BODY_NONE : BODY_UNREAD;
	parse_body_init(&g->body, &h);
	gate_hold_trim(g);
	gs->ops->request(gs->arg, g, &h);
	if (g->state == GS_BUSY) {
		ASSERT(g->user != NULL);
		gate_set_reading(g);
		if (g->half || held(g) >= HOLD_MARK)
			gate_arm(g, clock_mono());
	}
	gate_unref(g);
}
