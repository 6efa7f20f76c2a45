/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 50 callers at the same moment, nothing held: one fetch, and the same answer for all; whether it
 * was never there or has expired.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define CALLERS	50u
#define ROUNDS	20u

static void
same_answer(struct herd *h, const char *path, unsigned number)
{
	char body[256];
	size_t n = origin_numbered(body, sizeof body, path, number);
	unsigned have;

	herd_ask(h, path, "");
	herd_wait(h);
	have = herd_count_body(h, n, test_sum(TEST_SUM, 0, body, n));
	ck_assert_msg(have == CALLERS, "%s: %u of %u have \"%.*s\"", path, have, CALLERS,
	    (int)n - 1, body);
}

FLOW(same_tick)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 4\nupstream: %s\n"
	    "routes: [ { ttl: 60s, stale_if_error: off, refresh_ahead: off } ]\n", origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), CALLERS);
	char path[16];

	origin_answer(o, .path = "/*", .numbered = true);
	for (unsigned i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof path, "/p?%u", i);
		same_answer(h, path, 1);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		daemon_advance_clock(d, INT64_C(61000000));
		same_answer(h, "/p?0", i + 2);
	}
	ck_assert_uint_eq(origin_requests(o, NULL), 2 * ROUNDS);
	ck_assert_int_eq(daemon_stat(d, "miss"), 2 * ROUNDS);
	ck_assert_int_eq(daemon_stat(d, "pass"), 0);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
