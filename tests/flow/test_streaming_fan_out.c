/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A body that comes in pieces reaches 50 parked clients piece by piece: each has piece k before the
 * backend may send piece k + 1.  It is held once in memory.
 */
#include "tests/lib/flow.h"

#define PIECE	(64 * KIB)
#define PIECES	128

static void
scenario(struct origin *o, struct daemon *d, const char *path)
{
	struct herd *h;
	uint64_t before, grown;

	origin_hold(o, path);
	h = herd_start(daemon_addr(d), 50, path);
	daemon_wait_stat(d, "parked", 50);
	before = daemon_memory(d);
	origin_release(o, path);
	for (unsigned k = 1; k <= PIECES; k++) {
		origin_piece(o, path, 1);
		herd_wait_bytes(h, k * PIECE);
	}
	grown = daemon_grown(d, before);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, PIECES * PIECE, test_body_sum(PIECES * PIECE)), 50);
	ck_assert_uint_eq(origin_requests(o, path), 1);
	/* One body, and an eighth of what fifty would be for all the rest. */
	ck_assert_msg(grown < daemon_allowance(PIECES * PIECE + 50 * PIECES * PIECE / 8),
	    "grown by %llu", (unsigned long long)grown);
	herd_free(h);
}

FLOW(streaming_fan_out)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\n", origin_url(o));

	origin_answer(o, .path = "/length", .bytes = PIECES * PIECE, .piece = PIECE,
	    .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(o, .path = "/chunked", .bytes = PIECES * PIECE, .piece = PIECE,
	    .framing = ORIGIN_CHUNKED, .fields = "Cache-Control: max-age=60\r\n");
	scenario(o, d, "/length");
	scenario(o, d, "/chunked");
	daemon_stop(d);
	origin_stop(o);
}
