/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that waits for 100 Continue gets it when its body is wanted, and no answer but the
 * last.
 */
#include "tests/lib/flow.h"

FLOW(expect_continue)
{
	struct origin *o = origin_start();
	struct daemon *d =
	    daemon_start("upstream: %s\nworkers: 2\nlimits: { body: 1KiB }\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_answer(o, .path = "/up", .status = 201);
	client_sendf(c, "POST /up HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
	    "Content-Length: 5\r\n\r\n");
	client_wait_interim(c, 1);
	client_sendf(c, "hello");
	a = client_answer(c);
	ck_assert_int_eq(a->status, 201);
	ck_assert_uint_eq(a->interim, 1);
	ck_assert(strcmp(origin_request(o, "/up", 0).body, "hello") == 0);

	/* Too large: the answer is final, and the body is never asked for. */
	client_sendf(c, "POST /up HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
	    "Content-Length: 5000\r\n\r\n");
	a = client_answer(c);
	ck_assert_int_eq(a->status, 413);
	ck_assert_uint_eq(a->interim, 0);
	client_close(c);

	a = client_exchangef(daemon_addr(d), "POST /up HTTP/1.1\r\nHost: test\r\nExpect: tea\r\n"
	    "Content-Length: 5\r\n\r\n");
	ck_assert_int_eq(a->status, 417);
	answer_free(a);
	ck_assert_uint_eq(origin_requests(o, "/up"), 1);
	daemon_stop(d);
	origin_stop(o);
}
