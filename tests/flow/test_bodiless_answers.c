/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HEAD, 204 and 304 have no body, whatever their fields say, and the connection goes on after
 * them.
 */
#include "tests/lib/flow.h"

FLOW(bodiless_answers)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n"
	    "routes: [ { match: { path: /304 }, cache: off }, {} ]\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_answer(o, .path = "/page", .bytes = 5000, .fields = "ETag: \"x\"\r\n");
	origin_answer(o, .path = "/204", .status = 204);
	origin_answer(o, .path = "/304", .raw = "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n"
	    "Content-Length: 5000\r\n\r\n");
	for (unsigned i = 0; i < 3; i++) {
		client_sendf(c, "HEAD /page HTTP/1.1\r\nHost: test\r\n\r\n");
		a = client_answer_to_head(c);
		ck_assert_int_eq(a->status, 200);
		ck_assert(answer_says(a, "Content-Length", "5000"));
		client_ask(c, "/204", "");
		a = client_answer(c);
		ck_assert(a->complete);
		ck_assert_int_eq(a->status, 204);
		client_ask(c, "/304", "If-None-Match: \"x\"\r\n");
		a = client_answer(c);
		ck_assert(a->complete);
		ck_assert_int_eq(a->status, 304);
		client_ask(c, "/page", "");
		a = client_answer(c);
		ck_assert(a->complete);
		ck_assert_uint_eq(a->sum, test_body_sum(5000));
	}
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
