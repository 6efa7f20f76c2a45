/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kept connection that the backend closes as the next request comes: sent again once, on a new
 * connection, and nobody notices.  A POST is not sent twice.
 */
#include "tests/lib/flow.h"

static void
warm(struct origin *o, struct daemon *d)
{
	/* Three connections that are kept. */
	struct herd *h = herd_open(daemon_addr(d), 3);
	unsigned before = origin_requests(o, "/warm");

	origin_hold(o, "/warm");
	herd_ask(h, "/warm", "");
	origin_wait_requests(o, "/warm", before + 3);
	origin_release(o, "/warm");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 3);
	herd_free(h);
}

FLOW(stale_connection_retried)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes: [ { cache: off } ]\n",
	    origin_url(o));
	struct answer *a;

	origin_answer(o, .path = "/warm", .text = "warm");
	origin_answer(o, .path = "/a", .times = 1, .raw = "", .close = true);
	origin_answer(o, .path = "/a", .text = "second");
	origin_answer(o, .path = "/post", .times = 1, .raw = "", .close = true);
	origin_answer(o, .path = "/post", .text = "twice");

	warm(o, d);
	a = client_get(daemon_addr(d), "/a", "");
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->body, "second");
	answer_free(a);
	ck_assert_uint_eq(origin_requests(o, "/a"), 2);
	ck_assert_uint_ne(
	    origin_request(o, "/a", 0).connection, origin_request(o, "/a", 1).connection);
	daemon_wait_stat(d, "upstream_retries", 1);

	warm(o, d);
	a = client_exchangef(daemon_addr(d),
	    "POST /post HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	    "Content-Length: 3\r\n\r\nabc");
	ck_assert_int_eq(a->status, 502);
	answer_free(a);
	ck_assert_uint_eq(origin_requests(o, "/post"), 1);
	daemon_stop(d);
	origin_stop(o);
}
