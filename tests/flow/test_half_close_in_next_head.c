/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A FIN in the middle of a pipelined head: the request before it is answered, the connection ends,
 * and nothing of the head that never came is left (the sanitizers' word on it is the exit status).
 */
#include "tests/lib/flow.h"

FLOW(half_close_in_next_head)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));

	origin_answer(o, .path = "/", .text = "hello");
	for (unsigned i = 0; i < 10; i++) {
		struct client *c = client_open(daemon_addr(d));

		origin_hold(o, "/");
		client_sendf(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX");
		origin_wait_requests(o, "/", i + 1);
		client_half_close(c);
		daemon_wait_stat(d, "parked", 0);
		origin_release(o, "/");
		ck_assert_str_eq(client_answer(c)->body, "hello");
		ck_assert(client_closed(c));
		client_close(c);
	}
	ck_assert_uint_eq(origin_requests(o, NULL), 10);
	daemon_stop(d);
	origin_stop(o);
}
