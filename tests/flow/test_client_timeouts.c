/* SPDX-License-Identifier: BSD-2-Clause */
/* A head that does not get on is answered 408; an idle connection is closed without a word. */
#include "tests/lib/flow.h"

FLOW(client_timeouts)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n"
	    "limits: { header_timeout: 300ms, idle_timeout: 300ms }\n", origin_url(o));
	struct client *slow = client_open(daemon_addr(d)), *idle = client_open(daemon_addr(d));

	origin_answer(o, .path = "/p", .text = "hello");
	client_sendf(slow, "GET / HTTP/1.1\r\nHost");
	client_ask(idle, "/p", "");
	ck_assert_int_eq(client_answer(idle)->status, 200);
	ck_assert_int_eq(client_answer(slow)->status, 408);
	ck_assert(client_closed(slow));
	ck_assert(client_closed(idle));
	client_close(slow);
	client_close(idle);
	daemon_wait_stat(d, "error", 1);
	daemon_wait_stat(d, "requests", 2);
	daemon_stop(d);
	origin_stop(o);
}
