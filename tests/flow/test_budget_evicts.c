/* SPDX-License-Identifier: BSD-2-Clause */
/* The store keeps to cache.memory: the least recently used go first, what is in use stays whole. */
#include <stdio.h>

#include "tests/lib/flow.h"

FLOW(budget_evicts)
{
	struct origin *o = origin_start();
	struct daemon *d =
	    daemon_start("upstream: %s\nworkers: 2\ncache: { memory: 4MiB }\n", origin_url(o));
	struct client *slow = client_open_small(daemon_addr(d), 4096);
	char path[32];

	origin_answer(
	    o, .path = "/*", .bytes = 400 * KIB, .fields = "Cache-Control: max-age=60\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/kept", ""), 200);
	client_ask(slow, "/slow", "");
	ck_assert_uint_gt(client_read(slow, 1)->length, 0);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "/%u", i);
		ck_assert_int_eq(client_status(daemon_addr(d), path, ""), 200);
		/* Used all the time, so it stays. */
		ck_assert_int_eq(client_status(daemon_addr(d), "/kept", ""), 200);
	}
	ck_assert_int_le(daemon_stat(d, "bytes"), (int64_t)(4 * MIB));
	ck_assert_int_gt(daemon_stat(d, "evictions"), 25);
	ck_assert_int_lt(daemon_stat(d, "objects"), 12);
	ck_assert_uint_eq(origin_requests(o, "/kept"), 1);
	ck_assert_uint_eq(client_answer(slow)->sum, test_body_sum(400 * KIB));
	/* The last is still there, the first is not. */
	ck_assert_int_eq(client_status(daemon_addr(d), "/39", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/39"), 1);
	ck_assert_int_eq(client_status(daemon_addr(d), "/0", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/0"), 2);
	client_close(slow);
	daemon_stop(d);
	origin_stop(o);
}
