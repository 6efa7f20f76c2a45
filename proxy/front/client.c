/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request's state machine.
 *
 *	         ┌────────────── lookup again: alone, or another variant ─────────────┐
 *	         v                                                                    │
 *	CL_ASKING ── V_PARK, V_LEAD, V_PASS ──> CL_WAITING ── wake ── OUTCOME_PASS, _AGAIN
 *	    │ V_HIT, V_STALE, and their _LEAD       │ OUTCOME_OBJ; OUTCOME_FAIL, and stale will do
 *	    v                                       v
 *	CL_SENDING <────────────────────────────────┘ ── last byte left ──> gone
 *	    ^
 *	    └── an error answer: V_SHED, V_FAILED, V_ABSENT, OUTCOME_FAIL, park timeout, no route
 *
 * Each request is counted exactly once, by count(), as what it ended as.  A client that half-closes
 * while it waits is counted at once as one that left, is no reason to keep a flight any more, and
 * still gets the answer if there is one.
 *
 * A request's body goes gate -> fill, held back by the fetch; it never touches the cache.
 */
#include "front/client.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/conf.h"
#include "base/contract.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "front/deliver.h"
#include "front/reply.h"
#include "front/status.h"
#include "http/fresh.h"
#include "http/key.h"
#include "http/route.h"
#include "upstream/fill.h"

/* By which a request asks that Cache-Status tell more: "key" (RFC 9211 2.6). */
static const struct slice debug_field = SLICE_INIT("Corral-Debug");

enum client_state {
	CL_ASKING,			/* on no flight, nothing sent */
	CL_WAITING,			/* on a flight; a timer runs if parked on one for all */
	CL_SENDING,			/* the head of an answer was given to the gate */
};

struct clients {
	unsigned		 magic;
#define CLIENTS_MAGIC		 0x6c1d7fa3
	struct worker		*worker;
	struct cache		*cache;
	struct fills		*fills;
	TAILQ_HEAD(, client)	 list;
	unsigned		 n;		/* on list */
};

struct client {
	unsigned		 magic;
#define CLIENT_MAGIC		 0x4dbb7013
	enum client_state	 state;
	struct clients		*all;
	struct gate		*gate;
	struct conf		*conf;		/* a reference */
	const struct conf_route	*route;
	struct head		 req;
	struct buf		 key;
	bool			 has_body;
	bool			 whole;		/* by a plain GET's answer: see deliver_head.req */
	bool			 show_key;	/* in Cache-Status */
	bool			 counted;
	bool			 went_forward;	/* it, or its flight, asked the backend */
	enum stat_id		 outcome;	/* what it is counted as when the answer is out */
	enum verdict		 verdict;	/* of the last lookup */
	const char		*fwd, *detail;	/* of the last lookup */
	struct fill		*fill;		/* takes our body; NULL: not, or no more */
	struct wait		 wait;
	struct event		*park_timer;
	struct deliver		 deliver;
	usec_t			 saved;		/* backend time, if served without its own fetch */
	usec_t			 parked_at;	/* mono: since when it waits for another's; or 0 */
	uint64_t		 pressed;	/* bytes taken at the last clients_press(), and 1 */
	TAILQ_ENTRY(client)	 link;		/* on all->list */
};

struct clients *
clients_new(struct worker *w, struct cache *c, struct fills *fs)
{
	struct clients *cs;

	NEW(cs, CLIENTS_MAGIC);
	cs->worker = w;
	cs->cache = c;
	cs->fills = fs;
	TAILQ_INIT(&cs->list);
	return cs;
}

void
clients_free(struct clients *cs)
{
	if (cs == NULL)
		return;
	CHECK(cs, CLIENTS_MAGIC);
	ASSERT(cs->n == 0);
	FREE(cs);
}

static void
count(struct client *cl, enum stat_id outcome)
{
	struct stats *st = worker_stats(cl->all->worker);

	if (cl->counted)
		return;
	cl->counted = true;
	stats_add(st, outcome, 1);
	if (outcome == STAT_hit || outcome == STAT_stale || outcome == STAT_coalesced)
		stats_add(st, STAT_saved_ms, (uint64_t)(cl->saved / USEC_PER_MSEC));
}

static void
stop_timer(struct client *cl)
{
	if (cl->park_timer == NULL)
		return;
	event_free(cl->park_timer);
	cl->park_timer = NULL;
}

/* Its time as one who is parked is over. */
static void
stop_parking(struct client *cl)
{
	stop_timer(cl);
	if (cl->parked_at != 0)
		stats_time(worker_stats(cl->all->worker), HISTO_park,
		    clock_mono() - cl->parked_at);
	cl->parked_at = 0;
}

/* Right from any state; the gate is done with us or gone. */
static void
client_free(struct client *cl)
{
	stop_parking(cl);
	deliver_stop(&cl->deliver);
	flight_leave(&cl->wait);
	if (cl->fill != NULL)
		fill_detach(cl->fill);
	head_fini(&cl->req);
	buf_fini(&cl->key);
	conf_unref(cl->conf);
	TAILQ_REMOVE(&cl->all->list, cl, link);
	cl->all->n--;
	FREE(cl);
}

/* All has left. */
static void
finish(struct client *cl)
{
	count(cl, cl->outcome);
	gate_finish(cl->gate);
	client_free(cl);
}

/* The answer can't be completed, and the client must see that. */
static void
cut(struct client *cl)
{
	count(cl, STAT_error);
	gate_kill(cl->gate);
	client_free(cl);
}

/* It waits with more, and took next to nothing of what it was given. */
static bool
hardly_reads(struct client *cl)
{
	size_t pending;
	uint64_t was = cl->pressed, sent = cl->deliver.body_sent;

	if (cl->state != CL_SENDING || cl->deliver.gate == NULL)
		return false;
	pending = gate_pending(cl->gate);
	if (pending == 0 || pending == GATE_FAILED)
		return false;
	/* With the head and the framing more may be pending than was sent of the body. */
	cl->pressed = (sent > pending ? sent - pending : 0) + 1;
	return was > 0 && cl->pressed < was + CLIENTS_PRESS_RATE;
}

void
clients_press(struct clients *cs)
{
	struct client *cl, *next;
	unsigned n = 0;

	CHECK(cs, CLIENTS_MAGIC);
	for (cl = TAILQ_FIRST(&cs->list); cl != NULL; cl = next) {
		next = TAILQ_NEXT(cl, link);
		if (!hardly_reads(cl))
			continue;
		cut(cl);
		n++;
	}
	if (n > 0)
		log_warn("memory is short: %u clients that hardly read their answers were cut", n);
}

/* Whole seconds, at least one. */
static unsigned
retry_seconds(usec_t t)
{
	return t <= USEC_PER_SEC ? 1 : (unsigned)((t + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

/* Our own answer instead of the backend's. */
static void
answer_failure(struct client *cl, const struct flight_failure *why)
{
	struct reply r = {
		.status = why->status,
		.cache = {
			.fwd = cl->went_forward ? cl->fwd : NULL, .detail = why->detail,
			.collapsed = cl->went_forward && cl->verdict == V_PARK,
			.key = cl->show_key ? buf_slice(&cl->key) : slice_of(NULL, 0),
		},
		.text = why->text,
		.retry_after = why->status == 503 ? retry_seconds(why->retry_after) : 0,
		.keep_alive10 = cl->req.minor == 0 && cl->req.keep_alive,
		.to_head = method_is(&cl->req, "HEAD"),
	};
	struct buf out = { 0 };
	struct gate_piece piece;

	stop_parking(cl);
	flight_leave(&cl->wait);
	if (cl->has_body)
		gate_set_close(cl->gate);
	r.close = gate_closing(cl->gate);
	cl->state = CL_SENDING;
	cl->outcome = why->status == 503 ? STAT_shed : STAT_error;
	reply_error(&out, &r, clock_now().wall);
	piece = (struct gate_piece){ out.p, out.n, NULL, NULL };
	gate_set_low(cl->gate, 0);
	if (gate_send(cl->gate, &piece, 1) == 0)
		finish(cl);
	buf_fini(&out);
}

static void
answer_error(struct client *cl, int status, const char *detail, const char *text)
{
	const struct flight_failure why = { .status = status, .detail = detail, .text = text };

	answer_failure(cl, &why);
}

static void
after_delivery_step(struct client *cl, enum deliver_state ds)
{
	switch (ds) {
	case DELIVER_MORE:
		return;
	case DELIVER_DONE:
		finish(cl);
		return;
	case DELIVER_CUT:
		cut(cl);
		return;
	}
}

static void
object_grew(void *arg)
{
	struct client *cl = arg;

	CHECK(cl, CLIENT_MAGIC);
	after_delivery_step(cl, deliver_more(&cl->deliver));
}

static bool
is_from_store(const struct client *cl)
{
	return cl->verdict == V_HIT || cl->verdict == V_HIT_LEAD || cl->verdict == V_STALE ||
	    cl->verdict == V_STALE_LEAD;
}

/*
 * RFC 9211 2: what happened to this request.  stale: the reason why it gets a stale answer after
 * all.
 */
static struct status
cache_status(const struct client *cl, const struct obj *o, struct now now,
    const struct flight_facts *facts, const char *stale)
{
	const struct obj_meta *m = obj_meta(o);
	struct status s = {
		.hit = is_from_store(cl), .fwd = cl->fwd, .detail = cl->detail,
		.fwd_status = facts->status, .stored = facts->stored,
		.collapsed = cl->verdict == V_PARK,
		.ttl = m->fresh.lifetime - cache_fresh_age(o, now.mono),
		.key = cl->show_key ? buf_slice(&cl->key) : slice_of(NULL, 0),
	};

	s.has_ttl = s.hit || stale != NULL || s.stored;
	if (stale != NULL)
		s.detail = stale;
	else if (s.detail == NULL && facts->not_stored != NULL)
		s.detail = facts->not_stored;
	else if (s.detail == NULL && !s.hit && cl->verdict != V_PASS &&
	    strcmp(m->fresh.why, "ok") != 0)
		s.detail = m->fresh.why;
	return s;
}

/* Takes over nothing: the object's reference stays the caller's. */
static void
send_object(struct client *cl, struct obj *o, bool expected, const char *stale,
    const struct flight_facts *facts, struct now now)
{
	const struct obj_meta *m = obj_meta(o);
	struct deliver_head h = {
		.req = cl->whole || stale != NULL ? &cl->req : NULL,
		.leader = cl->verdict == V_LEAD || cl->verdict == V_PASS,
		.age = cache_age(m, now.mono),
		.to_head = method_is(&cl->req, "HEAD"),
		.minor = cl->req.minor,
		.keep_alive = cl->req.keep_alive,
	};

	if (facts->stale)
		stale = "stale-if-error";
	h.say_age = is_from_store(cl) || stale != NULL || facts->validated || m->had_age;
	h.cache = cache_status(cl, o, now, facts, stale);
	if (stale != NULL) {
		cl->outcome = STAT_stale;
		/* What is withheld from others came with an answer of its own. */
		h.leader = false;
	}
	cl->saved = m->fetch_time;
	cl->state = CL_SENDING;
	after_delivery_step(cl,
	    deliver_start(&cl->deliver, cl->gate, o, expected, &h, object_grew, cl));
}

/* It need not, or can't, wait any longer: a stale answer if that may be, or else false. */
static bool
sent_stale(struct client *cl, const char *why)
{
	struct now now = clock_now();
	struct obj *o = wait_take_stale(&cl->wait, now.mono);
	struct flight_facts facts;

	if (o == NULL)
		return false;
	flight_facts(&cl->wait, &facts);
	facts.stored = false;
	stop_parking(cl);
	flight_leave(&cl->wait);
	send_object(cl, o, false, why, &facts, now);
	obj_unref(o);
	return true;
}

static void
park_timed_out(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;

	(void)fd;
	(void)what;
	CHECK(cl, CLIENT_MAGIC);
	ASSERT(cl->state == CL_WAITING);
	if (!sent_stale(cl, "park-timeout"))
		answer_error(cl, 503, "park-timeout",
		    "the answer that many wait for did not come in time");
}

static void
start_timer(struct client *cl)
{
	struct timeval tv = usec_timeval(cl->route->park_timeout);

	if (cl->verdict == V_PARK && cl->parked_at == 0)
		cl->parked_at = clock_mono();
	/* Parked once more, for another variant: the time goes on. */
	if (cl->park_timer != NULL)
		return;
	cl->park_timer = evtimer_new(worker_base(cl->all->worker), park_timed_out, cl);
	ASSERT(cl->park_timer != NULL);
	evtimer_add(cl->park_timer, &tv);
}

/* The request's body: room in the fetch, or no use for more. */

static void
fill_has_room(void *arg)
{
	struct client *cl = arg;

	CHECK(cl, CLIENT_MAGIC);
	gate_body_resume(cl->gate);
}

static void
fill_is_over(void *arg)
{
	struct client *cl = arg;

	CHECK(cl, CLIENT_MAGIC);
	cl->fill = NULL;
}

static const struct fill_body_ops fill_body_ops = {
	.room = fill_has_room,
	.over = fill_is_over,
};

static void
start_fill(struct client *cl, struct flight *fl, bool whole)
{
	struct fill_request r = {
		.flight = fl,
		.conf = cl->conf,
		.route = cl->route,
		.req = &cl->req,
		.key = buf_slice(&cl->key),
		.peer = gate_peer(cl->gate),
		.whole = whole,
		.body = cl->has_body ? &fill_body_ops : NULL,
		.arg = cl,
	};
	struct fill *f = fill_start(cl->all->fills, &r);

	if (cl->has_body) {
		cl->fill = f;
		gate_body_start(cl->gate);
	}
}

/*
 * What there is for one who waits: interim answers (RFC 9110 15.2) go out as they come, to those
 * who know them.  True when the flight is decided.
 */
static bool
waited(struct client *cl)
{
	struct slice interim;

	for (;;) {
		switch (wait_next(&cl->wait, &interim)) {
		case WAIT_INTERIM:
			if (cl->req.minor >= 1)
				gate_send_interim(cl->gate, interim);
			break;
		case WAIT_PARKED:
			return false;
		case WAIT_DECIDED:
			return true;
		}
	}
}

/* V_HIT and the stale ones. */
static void
send_stored(struct client *cl, struct lookup *lk)
{
	const struct flight_facts none = { .stored = false };

	cl->outcome = cl->verdict == V_HIT || cl->verdict == V_HIT_LEAD ? STAT_hit : STAT_stale;
	if (obj_meta(lk->obj)->fresh.by_error_ttl)
		stats_add(worker_stats(cl->all->worker), STAT_kept_errors, 1);
	stop_parking(cl);
	send_object(cl, lk->obj, lk->expected, NULL, &none, lk->now);
	obj_unref(lk->obj);
}

/* V_ABSENT, V_SHED. */
static void
turn_down(struct client *cl, const char *why)
{
	if (cl->verdict == V_ABSENT)
		answer_error(cl, 504, why,
		    "the request wants a stored answer only, and there is none");
	else
		answer_error(cl, 503, why, strcmp(why, "memory") == 0 ?
		    "slow readers hold too much memory" : "too many wait for this page already");
}

/* alone: why the answer to another request is not for this one; NULL: nothing is known of that. */
static void
ask(struct client *cl, const char *alone)
{
	struct lookup lk = {
		.key = buf_slice(&cl->key),
		.req = &cl->req,
		.route = cl->route,
		.has_body = cl->has_body,
		.alone = alone != NULL,
		.now = clock_now(),
	};

	cl->state = CL_WAITING;
	cl->verdict = cache_lookup(cl->all->cache, &lk, &cl->wait);
	cl->fwd = lk.fwd;
	cl->went_forward = lk.fwd != NULL && cl->verdict != V_SHED && cl->verdict != V_FAILED;
	cl->detail = alone != NULL && cl->verdict == V_PASS ? alone : lk.detail;
	cl->whole = lk.whole || lk.flight == NULL;
	switch (cl->verdict) {
	case V_HIT_LEAD:
	case V_STALE_LEAD:
		start_fill(cl, lk.flight, lk.whole);
		/* FALLTHROUGH */
	case V_STALE:
	case V_HIT:
		send_stored(cl, &lk);
		return;
	case V_PARK:
		cl->outcome = STAT_coalesced;
		start_timer(cl);
		/* Those that came before it; what is decided meanwhile comes with the wake. */
		waited(cl);
		return;
	case V_LEAD:
		cl->outcome = STAT_miss;
		start_timer(cl);
		start_fill(cl, lk.flight, lk.whole);
		return;
	case V_PASS:
		cl->outcome = STAT_pass;
		stop_parking(cl);
		start_fill(cl, lk.flight, lk.whole);
		return;
	case V_FAILED:
		stats_add(worker_stats(cl->all->worker), STAT_kept_errors, 1);
		answer_failure(cl, &lk.failure);
		return;
	case V_ABSENT:
	case V_SHED:
		turn_down(cl, lk.detail);
		return;
	}
}

/* The flight is decided, or an interim answer has come. */
static void
woken(void *arg)
{
	struct client *cl = arg;
	struct flight_failure fail;
	struct flight_facts facts;
	struct obj *o;
	bool expected;

	CHECK(cl, CLIENT_MAGIC);
	ASSERT(cl->state == CL_WAITING);
	if (!waited(cl))
		return;
	switch (flight_outcome(&cl->wait)) {
	case OUTCOME_OBJ:
		flight_facts(&cl->wait, &facts);
		/* An error, and this one said that stale is better, though the leader did not. */
		if (cl->verdict == V_PARK && fresh_is_error(facts.status) && !facts.stale &&
		    sent_stale(cl, "stale-if-error"))
			return;
		stop_parking(cl);
		o = wait_take(&cl->wait, &expected);
		send_object(cl, o, expected, NULL, &facts, clock_now());
		obj_unref(o);
		return;
	case OUTCOME_PASS:
		flight_leave(&cl->wait);
		/* A leader only since it asked for a range of what is too large to be kept. */
		ask(cl, cl->verdict == V_LEAD ? "too-large" : "unshareable");
		return;
	case OUTCOME_AGAIN:
		flight_leave(&cl->wait);
		ask(cl, NULL);
		return;
	case OUTCOME_FAIL:
		if (sent_stale(cl, "stale-if-error"))
			return;
		fail = *flight_failure(&cl->wait);
		answer_failure(cl, &fail);
		return;
	}
}

/* What the gate reports. */

static void
gate_request(void *arg, struct gate *g, struct head *req)
{
	struct clients *cs = arg;
	struct client *cl;

	CHECK(cs, CLIENTS_MAGIC);
	NEW(cl, CLIENT_MAGIC);
	TAILQ_INSERT_TAIL(&cs->list, cl, link);
	cs->n++;
	cl->all = cs;
	cl->gate = g;
	cl->conf = conf_ref(worker_conf(cs->worker));
	cl->req = *req;
	memset(req, 0, sizeof *req);
	cl->has_body = cl->req.framing == FRAMING_CHUNKED ||
	    (cl->req.framing == FRAMING_LENGTH && cl->req.length > 0);
	wait_init(&cl->wait, cs->worker, woken, cl);
	gate_attach(g, cl);

	/* Now, so that Vary is about what the backend will see. */
	hdr_remove_hop_by_hop(&cl->req);
	hdr_remove_forwarded(&cl->req);
	cl->show_key = hdr_has_token(&cl->req, debug_field, SLICE("key"));
	hdr_remove(&cl->req, debug_field);
	key_make(&cl->req, &cl->key);
	cl->route = route_find(cl->conf, buf_slice(&cl->key));
	if (cl->route == NULL) {
		answer_error(cl, 404, "no-route", "no route for this host and path");
		return;
	}
	if (fill_is_loop(cs->cache, &cl->req)) {
		answer_error(cl, 508, "loop", "this request has been here before: the upstream "
		    "leads back to Corral");
		return;
	}
	key_apply(&cl->route->key, &cl->req, &cl->key);
	ask(cl, NULL);
}

static void
gate_refused(void *arg, int status)
{
	struct clients *cs = arg;

	CHECK(cs, CLIENTS_MAGIC);
	stats_add(worker_stats(cs->worker), status == 503 ? STAT_shed : STAT_error, 1);
}

static bool
gate_got_body(void *user, const char *p, size_t n)
{
	struct client *cl = user;

	CHECK(cl, CLIENT_MAGIC);
	/* Answered already: what is left of the body is of no use, the connection will close. */
	if (cl->fill == NULL)
		return false;
	return fill_send_body(cl->fill, p, n);
}

static void
gate_body_ended(void *user, int status)
{
	struct client *cl = user;
	struct fill *f = cl->fill;

	CHECK(cl, CLIENT_MAGIC);
	cl->fill = NULL;
	if (status == 0) {
		if (f != NULL) {
			fill_detach(f);
			fill_send_end(f);
		}
		cl->has_body = false;
		return;
	}
	/* Leave first: the abort is not to be told to us as a failure of the upstream. */
	flight_leave(&cl->wait);
	if (f != NULL)
		fill_abort(f);
	if (cl->state == CL_SENDING)
		cut(cl);
	else if (status == 413)
		answer_error(cl, status, "too-large", "the body is larger than limits.body");
	else if (status == 408)
		answer_error(cl, status, "request-timeout",
		    "nothing of the request's body came for limits.idle_timeout");
	else
		answer_error(cl, status, "bad-request",
		    "the request's body is cut short, or not chunked as RFC 9112 has it");
}

static void
gate_writable(void *user)
{
	struct client *cl = user;

	CHECK(cl, CLIENT_MAGIC);
	ASSERT(cl->state == CL_SENDING);
	if (cl->deliver.gate != NULL)
		after_delivery_step(cl, deliver_more(&cl->deliver));
	else
		finish(cl);
}

static void
gate_gone(void *user, enum gate_gone how)
{
	struct client *cl = user;

	CHECK(cl, CLIENT_MAGIC);
	if (how == GATE_HALF) {
		if (cl->state == CL_WAITING) {
			count(cl, STAT_error);
			flight_uncount(&cl->wait);
		}
		return;
	}
	count(cl, STAT_error);
	client_free(cl);
}

const struct gate_ops client_gate_ops = {
	.request = gate_request,
	.refused = gate_refused,
	.body = gate_got_body,
	.body_end = gate_body_ended,
	.writable = gate_writable,
	.gone = gate_gone,
};
