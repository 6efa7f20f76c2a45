/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that the backend closed while they were idle are not used: no request is lost to
 * one.
 */
#include "tests/lib/flow.h"

FLOW(idle_connections_closed)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes: [ { cache: off } ]\n",
	    origin_url(o));

	origin_answer(o, .path = "/*", .text = "hello");
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(client_status(daemon_addr(d), "/a", ""), 200);
		origin_close_idle(o);
		origin_wait_open(o, 0);
	}
	ck_assert_uint_eq(origin_requests(o, NULL), 20);
	ck_assert_int_eq(daemon_stat(d, "error"), 0);
	daemon_stop(d);
	origin_stop(o);
}
