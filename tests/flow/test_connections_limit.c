/* SPDX-License-Identifier: BSD-2-Clause */
/* One connection more than limits.connections gets a 503; places come back when clients go. */
#include "tests/lib/flow.h"

FLOW(connections_limit)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\nlimits: { connections: 20 }\n",
	    origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), 20);
	struct client *c;
	struct answer *a;

	origin_answer(o, .path = "/p", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	herd_ask(h, "/p", "");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 20);
	c = client_open(daemon_addr(d));
	client_ask(c, "/p", "");
	a = client_answer(c);
	ck_assert_int_eq(a->status, 503);
	ck_assert_ptr_nonnull(answer_field(a, "Retry-After"));
	ck_assert(client_closed(c));
	client_close(c);
	daemon_wait_stat(d, "shed", 1);
	herd_leave(h, 0, 10, false);
	herd_free(h);
	/* Until the departures were seen. */
	for (int64_t deadline = test_deadline(); client_status(daemon_addr(d), "/p", "") != 200;)
		ck_assert_int_gt(test_left(deadline), 0);
	daemon_stop(d);
	origin_stop(o);
}
