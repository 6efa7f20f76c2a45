/* SPDX-License-Identifier: BSD-2-Clause */
/* Who was parked for park.timeout gets a 503; the fetch goes on, and its answer is stored. */
#include "tests/lib/flow.h"

FLOW(park_timeout)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - park: { timeout: 300ms }\n", origin_url(o));
	struct herd *h;

	origin_answer(o, .path = "/p", .bytes = 10, .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	h = herd_start(daemon_addr(d), 10, "/p");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 503), 10);
	ck_assert_uint_eq(herd_count_says(h, "Retry-After", ""), 10);
	daemon_wait_stat(d, "parked", 0);
	daemon_wait_stat(d, "shed", 10);
	origin_release(o, "/p");
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
