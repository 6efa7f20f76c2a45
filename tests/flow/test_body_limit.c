/* SPDX-License-Identifier: BSD-2-Clause */
/* A request's body over limits.body: 413; announced at once, chunked when it gets there. */
#include "tests/lib/flow.h"

FLOW(body_limit)
{
	struct origin *o = origin_start();
	struct daemon *d =
	    daemon_start("upstream: %s\nworkers: 2\nlimits: { body: 1KiB }\n", origin_url(o));
	struct client *c;
	struct answer *a;

	origin_answer(o, .path = "/*", .text = "hello");
	a = client_exchangef(daemon_addr(d),
	    "PUT /exact HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	    "Content-Length: 1024\r\n\r\n%01024d",
	    7);
	ck_assert_int_eq(a->status, 200);
	answer_free(a);

	/* No byte of the body is needed to know. */
	c = client_open(daemon_addr(d));
	client_sendf(c, "PUT /over HTTP/1.1\r\nHost: test\r\nContent-Length: 1025\r\n\r\n");
	ck_assert_int_eq(client_answer(c)->status, 413);
	client_close(c);
	ck_assert_uint_eq(origin_requests(o, "/over"), 0);

	c = client_open(daemon_addr(d));
	client_sendf(c, "PUT /chunked HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "400\r\n%01024d\r\n", 7);
	origin_wait_requests(o, "/chunked", 1);
	client_sendf(c, "1\r\nx\r\n0\r\n\r\n");
	ck_assert_int_eq(client_answer(c)->status, 413);
	ck_assert(client_closed(c));
	client_close(c);
	origin_wait_given_up(o, "/chunked", 1);
	ck_assert(!origin_request(o, "/chunked", 0).whole);
	daemon_wait_stat(d, "error", 2);
	daemon_wait_stat(d, "pass", 1);
	daemon_stop(d);
	origin_stop(o);
}
