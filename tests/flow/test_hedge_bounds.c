/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When there is no second request: by default, before it is known what is usual, for what may not
 * be sent twice, when the backend is full, and beyond the budget.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define SLOW	30u
#define USUAL	40	/* requests that tell what is usual */

/* Much more time than usual passes: at another upstream, so whatever is full does not matter. */
static void
time_passes(struct daemon *d)
{
	struct client *c = client_open(daemon_addr(d));

	for (unsigned i = 0; i < 20; i++) {
		client_ask(c, "/clock", "");
		ck_assert_int_eq(client_answer(c)->status, 200);
	}
	client_close(c);
}

static void
usual(struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), 2);

	for (unsigned i = 0; i < USUAL / 2; i++) {
		herd_ask_each(h, "/usual/", "");
		herd_wait(h);
		ck_assert_uint_eq(herd_count(h, 200), 2);
	}
	herd_free(h);
}

static struct daemon *
start(struct origin *first, struct origin *second, const char *more)
{
	return daemon_start("workers: 2\nroutes:\n  - { match: { path: /clock }, upstream: clock,"
	    " cache: off }\n  - { upstream: app }\nupstreams:\n  clock: { servers: %s }\n"
	    "  app:\n    balance: round_robin\n"
	    "    servers: [ { url: \"%s\", weight: 1000 }, %s ]\n%s", origin_url(second),
	    origin_url(first), origin_url(second), more);
}

/* A request that hangs at the first server, and nothing at the second comes of it. */
static void
alone(struct daemon *d, struct origin *first, struct origin *second, const char *method,
    const char *path)
{
	struct client *c = client_open(daemon_addr(d));

	origin_hold(first, path);
	client_sendf(c, "%s %s HTTP/1.1\r\nHost: test\r\n\r\n", method, path);
	origin_wait_requests(first, path, 1);
	time_passes(d);
	origin_release(first, path);
	ck_assert_str_eq(client_answer(c)->body, "first");
	ck_assert_msg(origin_requests(second, path) == 0, "%s %s: hedged", method, path);
	client_close(c);
}

/* Nor does it wait for a place: then it would only come when the backend is busiest. */
static void
full(struct daemon *d, struct origin *first, struct origin *second)
{
	struct client *other = client_open(daemon_addr(d)), *c = client_open(daemon_addr(d));

	origin_hold(first, "/takes-a-place");
	origin_hold(first, "/full");
	client_sendf(other, "POST /takes-a-place HTTP/1.1\r\nHost: test\r\n\r\n");
	origin_wait_requests(first, "/takes-a-place", 1);
	client_ask(c, "/full", "");
	origin_wait_requests(first, "/full", 1);
	time_passes(d);
	ck_assert_int_eq(daemon_stat(d, "upstreams.app.queued"), 0);
	origin_release(first, "/takes-a-place");
	ck_assert_int_eq(client_answer(other)->status, 200);
	time_passes(d);
	origin_release(first, "/full");
	ck_assert_str_eq(client_answer(c)->body, "first");
	ck_assert_uint_eq(origin_requests(second, "/full"), 0);
	client_close(other);
	client_close(c);
}

/* All of them hang: 10 that are kept, a tenth of the last seconds' requests, and one a second. */
static void
budgeted(struct daemon *d, struct origin *first, struct origin *second)
{
	struct herd *h = herd_open(daemon_addr(d), SLOW);
	int64_t since = test_now();
	unsigned n = 0;
	char path[16];

	for (unsigned i = 0; i < SLOW; i++) {
		snprintf(path, sizeof path, "/slow/%u", i);
		origin_hold(first, path);
	}
	herd_ask_each(h, "/slow/", "");
	time_passes(d);
	for (unsigned i = 0; i < SLOW; i++) {
		snprintf(path, sizeof path, "/slow/%u", i);
		n += origin_requests(second, path);
	}
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, 10 + (USUAL + 2 * SLOW) / 10 + 1 +
	    (unsigned)((test_now() - since) / 1000000));
	for (unsigned i = 0; i < SLOW; i++) {
		snprintf(path, sizeof path, "/slow/%u", i);
		origin_release(first, path);
	}
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), SLOW);
	herd_free(h);
}

FLOW(hedge_bounds)
{
	struct origin *first = origin_start(), *second = origin_start();
	struct daemon *d;

	origin_answer(second, .path = "/clock", .text = "tick", .delay_ms = 20);
	origin_answer(first, .path = "/usual*", .text = "usual", .delay_ms = 10);
	origin_answer(second, .path = "/usual*", .text = "usual", .delay_ms = 10);
	origin_answer(first, .path = "/*", .text = "first");
	origin_answer(second, .path = "/*", .text = "second");

	/* One that was held is usual from then on: a daemon for each. */
	d = start(first, second, "");
	usual(d);
	alone(d, first, second, "GET", "/by-default");
	ck_assert_int_eq(daemon_stat(d, "hedges"), 0);
	daemon_stop(d);

	d = start(first, second, "    hedge: on\n    retry_budget: off\n");
	usual(d);
	alone(d, first, second, "GET", "/no-budget");
	ck_assert_int_eq(daemon_stat(d, "hedges"), 0);
	daemon_stop(d);

	d = start(first, second, "    hedge: on\n");
	alone(d, first, second, "GET", "/nothing-known");
	daemon_stop(d);

	d = start(first, second, "    hedge: on\n");
	usual(d);
	alone(d, first, second, "POST", "/post");
	daemon_stop(d);

	d = start(first, second, "    hedge: on\n    max_connections: 2\n");
	usual(d);
	full(d, first, second);
	daemon_stop(d);

	d = start(first, second, "    hedge: on\n");
	usual(d);
	budgeted(d, first, second);
	daemon_stop(d);
	origin_stop(first);
	origin_stop(second);
}
