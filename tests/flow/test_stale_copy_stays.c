/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While what has expired is refreshed, every caller has the stale copy at once, and a refresh that
 * fails takes it away from nobody; the next one that works replaces it.
 */
#include "tests/lib/flow.h"

#define CALLERS	50u
#define SECOND	INT64_C(1000000)

/* All have that text, while the backend has this many requests for it. */
static void
all_have(struct origin *o, struct herd *h, const char *text, const char *says, unsigned fetches)
{
	size_t n = strlen(text);
	unsigned have;

	herd_ask(h, "/p", "");
	herd_wait(h);
	have = herd_count_body(h, n, test_sum(TEST_SUM, 0, text, n));
	ck_assert_msg(have == CALLERS, "after %u fetches %u have \"%s\"; the first has %s", fetches,
	    have, text, herd_answer(h, 0)->head);
	have = herd_count_says(h, "Cache-Status", says);
	ck_assert_msg(have == CALLERS, "after %u fetches %u say \"%s\"; the first has %s", fetches,
	    have, says, herd_answer(h, 0)->head);
	origin_wait_requests(o, "/p", fetches);
	ck_assert_uint_eq(origin_requests(o, "/p"), fetches);
}

FLOW(stale_copy_stays)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstream: %s\nroutes:\n"
	    "  - { ttl: 10s, stale_while_revalidate: 1h, stale_if_error: off, jitter: off,\n"
	    "      refresh_ahead: off, error_ttl: 10s }\n", origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), CALLERS);

	origin_answer(o, .path = "/p", .times = 1, .text = "old");
	origin_answer(o, .path = "/p", .times = 1, .status = 500, .text = "broken");
	origin_answer(o, .path = "/p", .times = 1, .raw = "HTTP/1.1 200 OK\r\nA: ", .close = true);
	origin_answer(o, .path = "/p", .text = "new");
	all_have(o, h, "old", "ttl=", 1);
	all_have(o, h, "old", "corral; hit", 1);
	for (unsigned failures = 1; failures <= 2; failures++) {
		daemon_advance_clock(d, 11 * SECOND);
		origin_hold(o, "/p");
		all_have(o, h, "old", "detail=stale-while-revalidate", 1 + failures);
		all_have(o, h, "old", "detail=stale-while-revalidate", 1 + failures);
		origin_release(o, "/p");
		daemon_wait_stat(d, "flights", 0);
		/* It failed, and is not tried at once again. */
		all_have(o, h, "old", "corral; hit", 1 + failures);
	}
	daemon_advance_clock(d, 11 * SECOND);
	origin_hold(o, "/p");
	all_have(o, h, "old", "detail=stale-while-revalidate", 4);
	origin_release(o, "/p");
	daemon_wait_stat(d, "flights", 0);
	all_have(o, h, "new", "corral; hit", 4);
	ck_assert_int_eq(daemon_stat(d, "objects"), 1);
	ck_assert_int_eq(daemon_stat(d, "refreshes"), 3);
	ck_assert_int_eq(daemon_stat(d, "miss"), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
