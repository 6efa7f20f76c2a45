/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All who wait leave: a fetch that is for nobody is cancelled; one whose answer may be stored is
 * not lost.
 */
#include "tests/lib/flow.h"

FLOW(all_leave)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /pass }, cache: off }\n  - {}\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct herd *h;

	origin_answer(o, .path = "/*", .bytes = 1000, .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/pass");
	client_ask(c, "/pass", "");
	origin_wait_requests(o, "/pass", 1);
	client_reset(c);
	origin_wait_given_up(o, "/pass", 1);
	daemon_wait_stat(d, "flights", 0);

	origin_hold(o, "/shared");
	h = herd_start(daemon_addr(d), 10, "/shared");
	daemon_wait_stat(d, "parked", 10);
	herd_leave(h, 0, 10, true);
	daemon_wait_stat(d, "parked", 0);
	herd_free(h);
	origin_release(o, "/shared");
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/shared", ""), 200);
	daemon_wait_stat(d, "hit", 1);
	ck_assert_uint_eq(origin_requests(o, "/shared"), 1);
	daemon_wait_stat(d, "error", 11);
	daemon_stop(d);
	origin_stop(o);
}
