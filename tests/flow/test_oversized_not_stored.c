/* SPDX-License-Identifier: BSD-2-Clause */
/* A body larger than cache.max_object: everyone gets it whole, nothing is stored. */
#include "tests/lib/flow.h"

static void
scenario(struct origin *o, struct daemon *d, const char *path)
{
	struct herd *h;

	origin_hold(o, path);
	h = herd_start(daemon_addr(d), 20, path);
	daemon_wait_stat(d, "parked", 20);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 3 * MIB, test_body_sum(3 * MIB)), 20);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	herd_free(h);
}

FLOW(oversized_not_stored)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\ncache: { max_object: 1MiB }\n",
	    origin_url(o));

	origin_answer(o, .path = "/length", .bytes = 3 * MIB,
	    .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(o, .path = "/chunked", .bytes = 3 * MIB, .framing = ORIGIN_CHUNKED,
	    .fields = "Cache-Control: max-age=60\r\n");
	scenario(o, d, "/length");
	scenario(o, d, "/chunked");
	ck_assert_int_lt(daemon_stat(d, "bytes"), (int64_t)MIB);
	daemon_stop(d);
	origin_stop(o);
}
