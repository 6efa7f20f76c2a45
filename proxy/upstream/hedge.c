/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: two runners, of which the second mostly never starts.  Each is the arg of its own fetch.
 * Once a head was taken there is one runner left, and all that comes is its.
 *
 * The ops of a fetch are its last word where fetch.h says so (end, fail): then its runner is empty.
 * The user's ops may cancel: after a call of them nothing of the hedge is touched, unless what was
 * called can't be the end of it.
 *
 * The timer runs from the moment the first request is sent: the time in the line is not the
 * server's.
 */
#include "upstream/hedge.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/contract.h"
#include "base/stats.h"
#include "upstream/pool.h"

struct hedge;

struct runner {
	struct hedge	*hedge;
	struct fetch	*fetch;		/* NULL: not started, or over */
};

/* Owned by its user until ops->end, ops->fail or hedge_cancel(). */
struct hedge {
	unsigned			 magic;
#define HEDGE_MAGIC			 0x4ed6e501
	struct worker			*worker;
	struct resolver			*resolver;
	const struct conf_upstream	*u;
	struct fetch_request		 req;		/* head: in text */
	struct buf			 text;		/* for the second; empty: there is none */
	const struct fetch_ops		*ops;
	void				*arg;
	struct runner			 run[2];
	struct runner			*winner;	/* its head was taken */
	struct event			*timer;
	bool				 second_begun;
	struct fetch_failure		 failure;	/* of the one that failed first */
	bool				 failed;
};

static void
hedge_free(struct hedge *h)
{
	if (h->timer != NULL)
		event_free(h->timer);
	buf_fini(&h->text);
	FREE(h);
}

static struct runner *
other(struct runner *r)
{
	return r == &r->hedge->run[0] ? &r->hedge->run[1] : &r->hedge->run[0];
}

static void
drop(struct runner *r)
{
	if (r->fetch != NULL)
		fetch_cancel(r->fetch);
	r->fetch = NULL;
}

static void
stop_timer(struct hedge *h)
{
	if (h->timer != NULL)
		event_del(h->timer);
}

static struct hedge *
hedge_of(struct runner *r)
{
	CHECK(r->hedge, HEDGE_MAGIC);
	return r->hedge;
}

/* What the fetches report. */

static void
run_sent(void *arg)
{
	struct runner *r = arg;
	struct hedge *h = hedge_of(r);
	struct timeval tv;
	usec_t usual;

	if (r == &h->run[1]) {
		stats_add(worker_stats(h->worker), STAT_hedges, 1);
		return;
	}
	if (h->text.n > 0 && !h->second_begun && (usual = pool_usual_time(h->u->runtime,
	    h->req.route, HEDGE_SHARE)) != USEC_NEVER) {
		tv = usec_timeval(usual);
		event_add(h->timer, &tv);
	}
	h->ops->sent(h->arg);
}

/* The backend's trouble, or that it is asked too much (RFC 6585 4): perhaps not the other's. */
static bool
is_good(int status)
{
	return status < 500 && status != 429;
}

static void
run_head(void *arg, struct head *resp)
{
	struct runner *r = arg;
	struct hedge *h = hedge_of(r);

	if (!is_good(resp->status) && other(r)->fetch != NULL &&
	    fetch_is_under_way(other(r)->fetch)) {
		head_fini(resp);
		drop(r);
		return;
	}
	if (r == &h->run[1])
		stats_add(worker_stats(h->worker), STAT_hedges_won, 1);
	h->winner = r;
	drop(other(r));
	stop_timer(h);
	h->ops->head(h->arg, resp);
}

static bool
run_body(void *arg, const char *p, size_t n)
{
	struct hedge *h = hedge_of(arg);

	return h->ops->body(h->arg, p, n);
}

static void
run_end(void *arg)
{
	struct hedge *h = hedge_of(arg);
	const struct fetch_ops *ops = h->ops;

	arg = h->arg;
	hedge_free(h);
	ops->end(arg);
}

static void
run_fail(void *arg, const struct fetch_failure *failure)
{
	struct runner *r = arg;
	struct hedge *h = hedge_of(r);
	const struct fetch_ops *ops = h->ops;
	struct fetch_failure why = *failure;

	r->fetch = NULL;
	if (other(r)->fetch != NULL) {
		h->failure = why;
		h->failed = true;
		return;
	}
	/* That there was no room for the second says nothing of the first. */
	if (h->failed && why.error == FETCH_BUSY)
		why = h->failure;
	arg = h->arg;
	hedge_free(h);
	ops->fail(arg, &why);
}

/* Of the first only: two servers would tell the same twice. */
static void
run_interim(void *arg, struct head *interim)
{
	struct runner *r = arg;
	struct hedge *h = hedge_of(r);

	if (r == &h->run[0] && h->ops->interim != NULL)
		h->ops->interim(h->arg, interim);
	else
		head_fini(interim);
}

static void
run_room(void *arg)
{
	struct hedge *h = hedge_of(arg);

	h->ops->room(h->arg);
}

static const struct fetch_ops run_ops = {
	.sent = run_sent,
	.head = run_head,
	.body = run_body,
	.end = run_end,
	.fail = run_fail,
	.interim = run_interim,
	.room = run_room,
};

/* The first takes far longer than usual. */
static void
took_long(evutil_socket_t fd, short what, void *arg)
{
	struct hedge *h = arg;
	struct fetch_request again;

	(void)fd;
	(void)what;
	CHECK(h, HEDGE_MAGIC);
	if (h->winner != NULL || h->run[0].fetch == NULL || h->second_begun ||
	    !pool_spend_retry(h->u->runtime, clock_mono()))
		return;
	h->second_begun = true;
	again = h->req;
	again.head = buf_slice(&h->text);
	again.background = true;
	again.avoid = fetch_server_bit(h->run[0].fetch);
	h->run[1].fetch = fetch_start(h->worker, h->resolver, h->u, &again, &run_ops, &h->run[1]);
}

/* What its user does. */

static struct fetch *
current(struct hedge *h)
{
	CHECK(h, HEDGE_MAGIC);
	return h->winner != NULL ? h->winner->fetch : h->run[0].fetch;
}

struct hedge *
hedge_start(struct worker *w, struct resolver *r, const struct conf_upstream *u,
    const struct fetch_request *req, const struct fetch_ops *ops, void *arg)
{
	struct hedge *h;

	NEW(h, HEDGE_MAGIC);
	h->worker = w;
	h->resolver = r;
	h->u = u;
	h->req = *req;
	h->ops = ops;
	h->arg = arg;
	h->run[0].hedge = h->run[1].hedge = h;
	if (u->hedge && req->idempotent && !req->has_body && !req->background) {
		buf_add_slice(&h->text, req->head);
		h->timer = evtimer_new(worker_base(w), took_long, h);
		ASSERT(h->timer != NULL);
	}
	h->run[0].fetch = fetch_start(w, r, u, req, &run_ops, &h->run[0]);
	return h;
}

bool
hedge_send_body(struct hedge *h, const char *p, size_t n)
{
	return fetch_send_body(current(h), p, n);
}

void
hedge_send_end(struct hedge *h)
{
	fetch_send_end(current(h));
}

void
hedge_resume(struct hedge *h)
{
	fetch_resume(current(h));
}

void
hedge_cancel(struct hedge *h)
{
	CHECK(h, HEDGE_MAGIC);
	drop(&h->run[0]);
	drop(&h->run[1]);
	hedge_free(h);
}

void
hedge_want(struct hedge *h, unsigned wanted)
{
	CHECK(h, HEDGE_MAGIC);
	if (h->winner == NULL && h->run[0].fetch != NULL)
		fetch_want(h->run[0].fetch, wanted);
}

bool
hedge_orphan(struct hedge *h)
{
	CHECK(h, HEDGE_MAGIC);
	stop_timer(h);
	/* One of them is enough for what nobody waits for. */
	if (h->winner == NULL && h->run[0].fetch != NULL)
		drop(&h->run[1]);
	return fetch_orphan(h->run[0].fetch != NULL ? h->run[0].fetch : h->run[1].fetch);
}
