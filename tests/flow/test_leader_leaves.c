/* SPDX-License-Identifier: BSD-2-Clause */
/* The client that caused the fetch goes away: the others get their answer from the same fetch. */
#include "tests/lib/flow.h"

static void
scenario(struct origin *o, struct daemon *d, const char *path, bool reset)
{
	struct client *leader = client_open(daemon_addr(d));
	struct herd *h;

	origin_hold(o, path);
	client_ask(leader, path, "");
	origin_wait_requests(o, path, 1);
	h = herd_start(daemon_addr(d), 99, path);
	daemon_wait_stat(d, "parked", 100);
	if (reset)
		client_reset(leader);
	else
		client_close(leader);
	daemon_wait_stat(d, "parked", 99);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 9000, test_body_sum(9000)), 99);
	ck_assert_uint_eq(origin_requests(o, path), 1);
	herd_free(h);
}

FLOW(leader_leaves)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\n", origin_url(o));

	origin_answer(o, .path = "/*", .bytes = 9000, .fields = "Cache-Control: max-age=60\r\n");
	scenario(o, d, "/closed", false);
	scenario(o, d, "/reset", true);
	daemon_wait_stat(d, "error", 2);
	daemon_stop(d);
	origin_stop(o);
}
