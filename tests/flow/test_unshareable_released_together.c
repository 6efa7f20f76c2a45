/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer that is not for everyone: its client gets it, all the others are released at once, and
 * the next burst does not park.
 */
#include "tests/lib/flow.h"

FLOW(unshareable_released_together)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 4\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 400\n", origin_url(o));
	struct herd *h;

	/* The second answer and all later ones wait until 199 ask for them at the same time. */
	origin_answer(o, .path = "/mine", .bytes = 100, .fields = "Cache-Control: private\r\n");
	origin_hold(o, "/mine");
	h = herd_start(daemon_addr(d), 200, "/mine");
	daemon_wait_stat(d, "parked", 200);
	origin_wait_requests(o, "/mine", 1);
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	origin_release(o, "/mine");
	herd_wait_done(h, 1);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), 200);
	ck_assert_uint_eq(origin_requests(o, NULL), 200);
	daemon_wait_stat(d, "miss", 1);
	daemon_wait_stat(d, "pass", 199);

	origin_hold(o, "/mine");
	herd_ask(h, "/mine", "");
	origin_wait_requests(o, "/mine", 400);	/* all of them, none waits for another */
	ck_assert_int_eq(daemon_stat(d, "parked"), 0);
	ck_assert_uint_eq(origin_most_at_once(o), 200);
	origin_release(o, "/mine");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), 200);
	daemon_wait_stat(d, "pass", 399);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
