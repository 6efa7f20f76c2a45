/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that fails again and again is left alone for a pause, and nobody notices that it is
 * away.  Then a single request tries it: if that fails, too, it is left alone again, else it is
 * back.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define FAILURES	3u
#define CLIENTS		20u
#define PAUSE		(INT64_C(600) * 1000000)

/* That many requests, one by one, each for another page; how many of them the server saw. */
static unsigned
seen_of(struct daemon *d, struct origin *o, struct origin_watch *w, unsigned n)
{
	static unsigned page;
	char path[32];

	(void)origin_watch_take(o, w);
	for (unsigned i = 0; i < n; i++) {
		int status;

		snprintf(path, sizeof path, "/p?%u", page++);
		status = client_status(daemon_addr(d), path, "");
		ck_assert_msg(status == 200, "%s: %d", path, status);
	}
	return origin_watched(o, w).requests;
}

FLOW(breaker)
{
	struct origin *bad = origin_start(), *good = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s, %s ]\n    balance: round_robin\n"
	    "    keepalive: { connections: 0 }\n    breaker: { failures: %u, pause: 10m }\n",
	    origin_url(bad), origin_url(good), FAILURES);
	struct origin_watch *w = origin_watch(bad, "/p?");
	struct herd *h;

	origin_answer(good, .path = "/*", .text = "good");
	/* Errors are answers. */
	origin_answer(bad, .path = "/500", .status = 500);
	origin_answer(bad, .path = "/fine", .text = "bad");
	origin_answer(bad, .path = "/held", .text = "bad");
	for (unsigned i = 0; i < 4 * FAILURES; i++)
		(void)client_status(daemon_addr(d), "/500", "");
	ck_assert_uint_eq(origin_requests(bad, "/500"), 2 * FAILURES);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	/* One page that kills it says nothing of the others. */
	origin_answer(bad, .path = "/crash", .raw = "", .close = true);
	for (unsigned i = 0; i < 4 * FAILURES; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), "/crash", ""), 200);
	ck_assert_uint_eq(origin_requests(bad, "/crash"), 2 * FAILURES);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_int_eq(client_status(daemon_addr(d), "/fine", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/fine", ""), 200);

	origin_answer(bad, .path = "/p*", .raw = "", .close = true);
	origin_answer(bad, .path = "/p?*", .text = "bad");
	ck_assert_uint_eq(seen_of(d, bad, w, 10 * FAILURES), FAILURES);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "open");
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.0.failures"),
	    3 * FAILURES);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.0.opened"), 1);
	ck_assert_int_eq(daemon_stat(d, "upstream_retries"), 3 * FAILURES);

	/* The pause is over: one tries it, and no more. */
	daemon_advance_clock(d, PAUSE);
	ck_assert_uint_eq(seen_of(d, bad, w, 10), 1);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "open");
	daemon_advance_clock(d, PAUSE / 2);
	ck_assert_uint_eq(seen_of(d, bad, w, 10), 0);

	/* Also if many come while it is tried. */
	origin_drop_rules(bad, "/p*");
	origin_hold(bad, "/held");
	daemon_advance_clock(d, PAUSE);
	h = herd_start(daemon_addr(d), CLIENTS, "/held");
	herd_wait_done(h, CLIENTS - 1);
	origin_wait_requests(bad, "/held", 1);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "half-open");
	ck_assert_uint_eq(origin_requests(bad, "/held"), 1);
	origin_release(bad, "/held");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), CLIENTS);
	herd_free(h);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_uint_eq(seen_of(d, bad, w, 20), 10);
	ck_assert_int_eq(daemon_stat(d, "error"), 0);
	daemon_stop(d);
	origin_stop(bad);
	origin_stop(good);
}
