/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A refusal is about the one who asked: those who wait beside it ask for themselves, at once, and
 * what comes later parks again.  Only where the backend gives it a lifetime it is for all.
 */
#include "tests/lib/flow.h"

#define CLIENTS	10

static void
scenario(struct origin *o, struct daemon *d, const char *path, int status)
{
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = path, .times = 1, .status = status, .text = "not you");
	/* Not stored: each of the others has to fetch. */
	origin_answer(o, .path = path, .bytes = 100, .piece = 100);
	origin_hold(o, path);
	herd_ask(h, path, "");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(o, path, 1);
	origin_release(o, path);
	origin_wait_requests(o, path, CLIENTS);
	origin_piece(o, path, 1);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, status), 1);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), CLIENTS - 1);

	origin_hold(o, path);
	herd_ask(h, path, "");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(o, path, CLIENTS + 1);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), CLIENTS);
	ck_assert_uint_eq(origin_requests(o, path), CLIENTS + 1);
	herd_free(h);
}

FLOW(refusals_not_shared)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/kept", .status = 403, .fields = "Cache-Control: max-age=60\r\n");
	scenario(o, d, "/429", 429);
	scenario(o, d, "/403", 403);
	scenario(o, d, "/400", 400);
	scenario(o, d, "/431", 431);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/kept", ""), 403);
	ck_assert_int_eq(client_status(daemon_addr(d), "/kept", ""), 403);
	ck_assert_uint_eq(origin_requests(o, "/kept"), 1);
	daemon_stop(d);
	origin_stop(o);
}
