/* SPDX-License-Identifier: BSD-2-Clause */
/* The departure of a parked client, by FIN or reset, is noticed while it is parked. */
#include "tests/lib/flow.h"

FLOW(parked_client_leaves)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *early = client_open(daemon_addr(d));
	struct herd *h;

	origin_answer(o, .path = "/p", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	h = herd_start(daemon_addr(d), 30, "/p");
	daemon_wait_stat(d, "parked", 30);
	/* One that has sent more than its request. */
	client_ask(early, "/p", "");
	client_ask(early, "/q", "");
	daemon_wait_stat(d, "parked", 31);
	client_reset(early);
	daemon_wait_stat(d, "parked", 30);
	herd_leave(h, 0, 10, true);
	daemon_wait_stat(d, "parked", 20);
	herd_leave(h, 10, 20, false);
	daemon_wait_stat(d, "parked", 10);
	daemon_wait_stat(d, "error", 21);
	origin_release(o, "/p");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 10);
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	daemon_wait_stat(d, "requests", 31);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
