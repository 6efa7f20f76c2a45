/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/1.0: closes after its answer, keeps the connection when asked to, and never sees chunks. */
#include "tests/lib/flow.h"

FLOW(http10)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_answer(o, .path = "/length", .bytes = 5000);
	origin_answer(o, .path = "/chunked", .bytes = 5000, .piece = 2500,
	    .framing = ORIGIN_CHUNKED);

	client_sendf(c, "GET /length HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
	a = client_answer(c);
	ck_assert_uint_eq(a->sum, test_body_sum(5000));
	ck_assert(!a->until_close);
	ck_assert(answer_says(a, "Connection", "keep-alive"));
	client_sendf(c, "GET /length HTTP/1.0\r\nHost: test\r\n\r\n");
	a = client_answer(c);
	ck_assert_uint_eq(a->sum, test_body_sum(5000));
	ck_assert(client_closed(c));
	client_close(c);

	/* No length is known: the end of the connection is the end of the body. */
	c = client_open(daemon_addr(d));
	client_sendf(c, "GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\nHost: test\r\n\r\n");
	origin_piece(o, "/chunked", 1);
	ck_assert_uint_eq(client_read(c, 2500)->length, 2500);
	origin_piece(o, "/chunked", 1);
	a = client_answer(c);
	ck_assert(a->complete && !a->chunked && a->until_close);
	ck_assert_uint_eq(a->sum, test_body_sum(5000));
	client_close(c);

	/* RFC 9112 3.2: Host is for 1.1 only. */
	a = client_exchangef(daemon_addr(d), "GET /length HTTP/1.0\r\n\r\n");
	ck_assert_int_eq(a->status, 200);
	answer_free(a);
	daemon_stop(d);
	origin_stop(o);
}
