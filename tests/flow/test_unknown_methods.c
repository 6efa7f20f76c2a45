/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Methods that evhttp does not know go through with their names and bodies; the next request is
 * safe.
 */
#include "tests/lib/flow.h"

FLOW(unknown_methods)
{
	static const char *const methods[] = { "PURGE", "M-SEARCH", "PROPFIND", "OPTIONS", "DELETE",
		"PATCH", "get", "X" };
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));

	origin_answer(o, .path = "/*", .text = "done");
	for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		struct origin_request r;

		client_sendf(c, "%s /m HTTP/1.1\r\nHost: test\r\nContent-Length: 38\r\n\r\n"
		    "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n", methods[i]);
		ck_assert_msg(client_answer(c)->complete, "%s", methods[i]);
		r = origin_request(o, "/m", i);
		ck_assert_str_eq(r.method, methods[i]);
		ck_assert_uint_eq(r.body_length, 38);
	}
	client_sendf(c,
	    "M-SEARCH /chunked HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5;ext=\"a b\"\r\nhello\r\n0\r\n\r\n");
	ck_assert_str_eq(client_answer(c)->body, "done");
	ck_assert(strcmp(origin_request(o, "/chunked", 0).body, "hello") == 0);
	ck_assert_uint_eq(origin_requests(o, "/smuggled"), 0);
	daemon_wait_stat(d, "pass", 9);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
