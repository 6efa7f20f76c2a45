/* SPDX-License-Identifier: BSD-2-Clause */
/* max_connections is kept by all workers together, and all that wait for a place are served. */
#include "tests/lib/flow.h"

FLOW(connection_cap)
{
	struct origin *o = origin_start();
	struct daemon *d =
	    daemon_start("workers: 4\nroutes: [ { cache: off } ]\nupstreams:\n  default:\n"
			 "    servers: [ %s ]\n    max_connections: 8\n",
		origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), 300);

	origin_answer(o, .path = "/*", .bytes = 1000, .delay_ms = 2);
	origin_hold(o, "/p7");
	herd_ask_each(h, "/p", "");
	/* One place is taken all the time; the others are enough for all the others. */
	herd_wait_done(h, 299);
	origin_release(o, "/p7");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 1000, test_body_sum(1000)), 300);
	ck_assert_uint_eq(origin_most_open(o), 8);
	ck_assert_uint_le(origin_most_at_once(o), 8);
	ck_assert_uint_eq(origin_requests(o, NULL), 300);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
