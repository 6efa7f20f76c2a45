/* SPDX-License-Identifier: BSD-2-Clause */
/* A thousand clients on four workers ask for one cold page: one fetch, a thousand equal answers. */
#include "tests/lib/flow.h"

FLOW(herd_one_fetch)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\n", origin_url(o));
	struct herd *h;

	origin_answer(
	    o, .path = "/page", .bytes = 20000, .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/page");
	h = herd_start(daemon_addr(d), 1000, "/page");
	daemon_wait_stat(d, "parked", 1000);
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_release(o, "/page");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 20000, test_body_sum(20000)), 1000);
	ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "collapsed"), 999);
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	daemon_wait_stat(d, "miss", 1);
	daemon_wait_stat(d, "coalesced", 999);
	ck_assert_int_eq(daemon_stat(d, "parked_peak"), 1000);

	herd_ask(h, "/page", "");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 20000, test_body_sum(20000)), 1000);
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	daemon_wait_stat(d, "hit", 1000);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
