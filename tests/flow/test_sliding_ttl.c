/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `sliding_ttl`: each hit renews what the route's ttl gave, so what is asked for often enough
 * never expires; never what the answer said of itself, and nothing on other routes.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static void
ask(struct daemon *d, const char *path, const char *says)
{
	struct answer *a = client_get(daemon_addr(d), path, "");

	ck_assert_msg(a->status == 200 && answer_says(a, "Cache-Status", says), "%s: %s", path,
	    a->head != NULL ? a->head : "no answer");
	answer_free(a);
}

/* Fresh for 10 s, and asked for each 8 s. */
static void
slides(struct origin *o, struct daemon *d, const char *path)
{
	for (unsigned i = 0; i < 20; i++) {
		daemon_advance_clock(d, 8 * SECOND);
		/* Renewed by this very hit: 10 s are left, of which the last may have begun. */
		ask(d, path, i % 2 == 0 ? "corral; hit" : "ttl=");
	}
	ck_assert_uint_eq(origin_requests(o, path), 1);
	/* By as much as the ttl, from the last hit: not more for each of them. */
	daemon_advance_clock(d, 11 * SECOND);
	ask(d, path, "fwd=stale");
	ck_assert_uint_eq(origin_requests(o, path), 2);
}

static void
expires(struct origin *o, struct daemon *d, const char *path)
{
	ask(d, path, "fwd=uri-miss");
	daemon_advance_clock(d, 8 * SECOND);
	ask(d, path, "corral; hit");
	daemon_advance_clock(d, 8 * SECOND);
	ask(d, path, "fwd=stale");
	ck_assert_uint_eq(origin_requests(o, path), 2);
}

FLOW(sliding_ttl)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstream: %s\nroutes:\n"
	    "  - { match: { path: /fixed }, ttl: 10s, refresh_ahead: off, jitter: off }\n"
	    "  - { ttl: 10s, sliding_ttl: true, jitter: off }\n",
	    origin_url(o));

	origin_answer(o, .path = "/explicit", .text = "hello",
	    .fields = "Cache-Control: max-age=10\r\n");
	origin_answer(o, .path = "/*", .text = "hello");
	ask(d, "/slides", "fwd=uri-miss");
	slides(o, d, "/slides");
	expires(o, d, "/explicit");
	expires(o, d, "/fixed");
	daemon_stop(d);
	origin_stop(o);
}
