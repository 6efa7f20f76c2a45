/* SPDX-License-Identifier: BSD-2-Clause */
/* `balance: round_robin`: each server in turn, as often as its weight says, spread evenly. */
#include "tests/lib/flow.h"

FLOW(round_robin_weights)
{
	struct origin *a = origin_start(), *b = origin_start();
	struct daemon *d = daemon_start("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    balance: round_robin\n"
	    "    servers: [ %s, { url: \"%s\", weight: 3 } ]\n", origin_url(a), origin_url(b));
	struct client *c = client_open(daemon_addr(d));
	struct herd *h;

	origin_answer(a, .path = "/*", .text = "a");
	origin_answer(b, .path = "/*", .text = "b");
	for (unsigned i = 1; i <= 40; i++) {
		client_ask(c, "/p", "");
		ck_assert_int_eq(client_answer(c)->status, 200);
		if (i % 4 != 0)
			continue;
		ck_assert_uint_eq(origin_requests(a, "/p"), i / 4);
		ck_assert_uint_eq(origin_requests(b, "/p"), i / 4 * 3);
	}
	/* Neither is it a matter of who is quicker. */
	origin_hold(b, "/held");
	h = herd_start(daemon_addr(d), 20, "/held");
	origin_wait_requests(b, "/held", 15);
	herd_wait_done(h, 5);
	ck_assert_uint_eq(origin_requests(a, "/held"), 5);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.1.in_flight"), 15);
	origin_release(b, "/held");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 20);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.0.requests"), 15);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.1.requests"), 45);
	herd_free(h);
	client_close(c);
	daemon_stop(d);
	origin_stop(a);
	origin_stop(b);
}
