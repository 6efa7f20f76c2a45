/* SPDX-License-Identifier: BSD-2-Clause */
/* Every request is counted once, as what it ended as: the sum is the number of requests sent. */
#include "tests/lib/flow.h"

FLOW(counts_add_up)
{
	struct origin *o = origin_start();
	struct daemon *d =
	    daemon_start("upstream: %s\nworkers: 4\nroutes:\n"
			 "  - { match: { path: /off }, cache: off }\n  - { park: { limit: 40 } }\n",
		origin_url(o));
	struct client *c;
	struct herd *h;

	origin_answer(o, .path = "/bad", .raw = "nonsense\r\n\r\n");
	origin_answer(o, .path = "/mine", .text = "x", .fields = "Cache-Control: private\r\n");
	origin_answer(o, .path = "/*", .bytes = 100, .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	h = herd_start(daemon_addr(d), 50, "/p");	/* 1 miss, 39 coalesced, 10 shed */
	daemon_wait_stat(d, "parked", 40);
	herd_wait_done(h, 10);
	daemon_wait_stat(d, "shed", 10);
	origin_release(o, "/p");
	herd_wait(h);
	herd_ask(h, "/p", "");				/* 50 hits */
	herd_wait(h);
	herd_ask(h, "/off", "");			/* 50 passed */
	herd_wait(h);
	herd_ask(h, "/bad", ""); /* 50 errors, some of them refused by the limit */
	herd_wait(h);
	herd_free(h);
	c = client_open(daemon_addr(d));
	client_sendf(c, "nonsense\r\n\r\n");		/* 1 error */
	ck_assert_int_eq(client_answer(c)->status, 400);
	client_close(c);
	c = client_open(daemon_addr(d));		/* no request, nothing counted */
	client_close(c);
	ck_assert_int_eq(client_status(daemon_addr(d), "/mine", ""), 200);	/* 1 miss */
	ck_assert_int_eq(client_status(daemon_addr(d), "/mine", ""), 200);	/* 1 passed */

	daemon_wait_stat(d, "requests", 203);
	daemon_check_sum(d);
	daemon_wait_stat(d, "hit", 50);
	daemon_wait_stat(d, "pass", 51);
	ck_assert_int_eq(daemon_stat(d, "stale"), 0);
	daemon_wait_stat(d, "upstream_fetches", origin_requests(o, NULL));
	ck_assert_int_eq(daemon_stat(d, "objects"), 1);
	ck_assert_int_gt(daemon_stat(d, "bytes"), 100);
	daemon_stop(d);
	origin_stop(o);
}
