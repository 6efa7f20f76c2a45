/* SPDX-License-Identifier: BSD-2-Clause */
/* A backend given by name is looked up; a name that does not exist is a 502, without a stall. */
#include "tests/lib/flow.h"

FLOW(name_resolved)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start(
	    "workers: 2\nupstreams:\n"
	    "  good: { servers: [ \"http://localhost:%u\" ] }\n"
	    "  none: { servers: [ \"http://no-such-host.invalid:80\" ], timeouts: { connect: 1s } "
	    "}\n"
	    "routes:\n  - { match: { path: /none }, upstream: none }\n  - { upstream: good }\n",
	    origin_port(o));
	int status;

	origin_answer(o, .path = "/*", .text = "hello");
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	status = client_status(daemon_addr(d), "/none", "");
	ck_assert_msg(status == 502 || status == 504, "%d", status);
	ck_assert_int_eq(client_status(daemon_addr(d), "/q", ""), 200);
	daemon_stop(d);
	origin_stop(o);
}
