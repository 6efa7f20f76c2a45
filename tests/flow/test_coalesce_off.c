/* SPDX-License-Identifier: BSD-2-Clause */
/* coalesce: off: each asks the backend for itself; a stored answer is still a hit. */
#include "tests/lib/flow.h"

FLOW(coalesce_off)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n  - coalesce: off\n",
	    origin_url(o));
	struct herd *h;

	origin_answer(o, .path = "/p", .bytes = 10, .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	h = herd_start(daemon_addr(d), 20, "/p");
	origin_wait_requests(o, "/p", 20);
	origin_release(o, "/p");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 20);
	ck_assert_int_eq(daemon_stat(d, "coalesced"), 0);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	ck_assert_uint_eq(origin_requests(o, NULL), 20);
	daemon_wait_stat(d, "hit", 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
