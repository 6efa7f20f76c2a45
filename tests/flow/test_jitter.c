/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was stored together expires bit by bit: within the last part of its lifetime, as large as
 * the route says, and never later.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define PAGES	200u

/* How many are still fresh.  The backend isn't asked. */
static unsigned
fresh(struct herd *h, const char *path)
{
	unsigned n;

	herd_ask_each(h, path, "Cache-Control: only-if-cached\r\n");
	herd_wait(h);
	n = herd_count(h, 200);
	ck_assert_uint_eq(herd_count(h, 504), PAGES - n);
	ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "corral; hit"), n);
	return n;
}

FLOW(jitter)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstream: %s\nroutes:\n"
	    "- { match: { path: /half/ }, jitter: 0.5 }\n"
	    "- { match: { path: /none/ }, jitter: off }\n- {}\n", origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), PAGES);
	unsigned left[4];

	origin_answer(o, .path = "/*", .text = "hello",
	    .fields = "Cache-Control: max-age=1000\r\n");
	herd_ask_each(h, "/half/", "");
	herd_wait(h);
	herd_ask_each(h, "/none/", "");
	herd_wait(h);
	herd_ask_each(h, "/some/", "");
	herd_wait(h);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_eq(origin_requests(o, NULL), 3 * PAGES);
	daemon_advance_clock(d, 480 * SECOND);
	ck_assert_uint_eq(fresh(h, "/half/"), PAGES);
	for (unsigned i = 0; i < 4; i++) {
		daemon_advance_clock(d, 110 * SECOND);
		left[i] = fresh(h, "/half/");
	}
	/* At 590, 700, 810, 920 s: a fifth more are gone each time; chance adds a little. */
	for (unsigned i = 0; i < 4; i++)
		ck_assert_msg(left[i] > (i == 3 ? 0 : PAGES / 10) && left[i] < PAGES - PAGES / 20 &&
		    (i == 0 || left[i] + PAGES / 20 < left[i - 1]), "%u, %u, %u, %u of %u",
		    left[0], left[1], left[2], left[3], PAGES);
	/* By default a twentieth. */
	ck_assert_uint_eq(fresh(h, "/some/"), PAGES);
	daemon_advance_clock(d, 55 * SECOND);
	left[0] = fresh(h, "/some/");
	ck_assert_msg(left[0] > 0 && left[0] < PAGES, "%u of %u by default", left[0], PAGES);
	ck_assert_uint_eq(fresh(h, "/none/"), PAGES);
	daemon_advance_clock(d, 25 * SECOND);
	ck_assert_uint_eq(fresh(h, "/half/") + fresh(h, "/some/") + fresh(h, "/none/"), 0);
	ck_assert_uint_eq(origin_requests(o, NULL), 3 * PAGES);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
