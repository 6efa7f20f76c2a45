/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that vanish in the middle of large answers: no signal ends the daemon, no fetch is left
 * over.
 */
#include "tests/lib/flow.h"

FLOW(broken_pipe)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(
	    o, .path = "/stored", .bytes = 8 * MIB, .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(
	    o, .path = "/own", .bytes = 100 * MIB, .fields = "Cache-Control: no-store\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
	for (unsigned i = 0; i < 20; i++) {
		struct client *c = client_open(daemon_addr(d));

		client_ask(c, i % 2 == 0 ? "/stored" : "/own", "");
		ck_assert_uint_gt(client_read(c, 1)->length, 0);
		if (i % 4 < 2)
			client_reset(c);
		else
			client_close(c);
	}
	daemon_wait_stat(d, "flights", 0);
	daemon_wait_stat(d, "requests", 21);
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
	ck_assert(daemon_running(d));
	daemon_stop(d);
	origin_stop(o);
}
