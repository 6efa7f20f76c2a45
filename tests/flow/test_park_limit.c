/* SPDX-License-Identifier: BSD-2-Clause */
/* One more than park.limit is refused with 503 and Retry-After; those who wait are not affected. */
#include "tests/lib/flow.h"

FLOW(park_limit)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - park: { limit: 10 }\n", origin_url(o));
	struct answer *a;
	struct herd *h;

	origin_answer(o, .path = "/p", .bytes = 10, .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	h = herd_start(daemon_addr(d), 10, "/p");
	daemon_wait_stat(d, "parked", 10);
	a = client_get(daemon_addr(d), "/p", "");
	ck_assert_int_eq(a->status, 503);
	ck_assert_ptr_nonnull(answer_field(a, "Retry-After"));
	ck_assert_ptr_nonnull(answer_field(a, "Cache-Status"));
	answer_free(a);
	daemon_wait_stat(d, "shed", 1);
	origin_release(o, "/p");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 10);
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
