/* SPDX-License-Identifier: BSD-2-Clause */
/* One request after the other goes over one connection to the backend, whichever worker has it. */
#include "tests/lib/flow.h"

FLOW(keepalive_reused)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\nroutes: [ { cache: off } ]\n",
	    origin_url(o));

	origin_answer(o, .path = "/length", .bytes = 5000);
	origin_answer(o, .path = "/chunked", .bytes = 5000, .framing = ORIGIN_CHUNKED);
	origin_answer(o, .path = "/none", .status = 204);
	for (unsigned i = 0; i < 30; i++) {
		ck_assert_int_eq(client_status(daemon_addr(d), "/length", ""), 200);
		ck_assert_int_eq(client_status(daemon_addr(d), "/chunked", ""), 200);
		ck_assert_int_eq(client_status(daemon_addr(d), "/none", ""), 204);
	}
	ck_assert_uint_eq(origin_requests(o, NULL), 90);
	ck_assert_uint_eq(origin_connections(o), 1);
	daemon_stop(d);
	origin_stop(o);
}
