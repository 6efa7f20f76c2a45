/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A refusal is about the one who asked: of those who wait beside it another asks, for all that are
 * left, and a herd can't be made into many fetches by one whom the backend refuses.  Where it
 * refuses everyone, each gets a refusal of its own.  Only where the backend gives it a lifetime it
 * is for all.
 */
#include "tests/lib/flow.h"

#define CLIENTS	10

static void
scenario(struct origin *o, struct daemon *d, const char *path, int status)
{
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = path, .times = 1, .status = status, .text = "not you");
	/* Not stored, but for those who wait. */
	origin_answer(o, .path = path, .bytes = 100);
	origin_hold(o, path);
	herd_ask(h, path, "");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(o, path, 1);
	origin_release_one(o, path);
	daemon_wait_stat(d, "parked", CLIENTS - 1);
	origin_wait_requests(o, path, 2);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, status), 1);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), CLIENTS - 1);

	origin_hold(o, path);
	herd_ask(h, path, "");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(o, path, 3);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), CLIENTS);
	ck_assert_uint_eq(origin_requests(o, path), 3);
	herd_free(h);
}

static void
all_refused(struct origin *o, struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = "/none", .status = 403, .text = "nobody");
	origin_hold(o, "/none");
	herd_ask(h, "/none", "");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_release(o, "/none");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 403), CLIENTS);
	ck_assert_uint_eq(origin_requests(o, "/none"), CLIENTS);
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
	all_refused(o, d);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/kept", ""), 403);
	ck_assert_int_eq(client_status(daemon_addr(d), "/kept", ""), 403);
	ck_assert_uint_eq(origin_requests(o, "/kept"), 1);
	daemon_stop(d);
	origin_stop(o);
}
