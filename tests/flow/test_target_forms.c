/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms of a target (RFC 9112 3.2): the host of an absolute one counts, not Host; a path that
 * begins with two slashes names no host; * is for OPTIONS; CONNECT is refused.
 */
#include "tests/lib/flow.h"

static struct origin_request
seen(struct origin *o, struct daemon *d, const char *line, unsigned i)
{
	struct answer *a = client_exchangef(daemon_addr(d), "%s HTTP/1.1\r\nHost: test\r\n"
	    "Connection: close\r\n\r\n", line);

	ck_assert_msg(a->complete && a->status == 200, "%s: %d", line, a->status);
	answer_free(a);
	return origin_request(o, NULL, i);
}

FLOW(target_forms)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct origin_request r;
	struct answer *a;

	origin_answer(o, .path = "*", .text = "hello");
	r = seen(o, d, "GET http://Other.test:81/p?q", 0);
	ck_assert_str_eq(r.target, "/p?q");
	ck_assert_str_eq(origin_field(&r, "Host"), "other.test:81");
	r = seen(o, d, "GET http://other.test", 1);
	ck_assert_str_eq(r.target, "/");
	r = seen(o, d, "GET //evil.test/p", 2);
	ck_assert_str_eq(r.target, "//evil.test/p");
	ck_assert_str_eq(origin_field(&r, "Host"), "test");
	r = seen(o, d, "OPTIONS *", 3);
	ck_assert_str_eq(r.target, "*");
	a = client_exchangef(
	    daemon_addr(d), "CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n");
	ck_assert_int_ge(a->status, 400);
	answer_free(a);
	ck_assert_uint_eq(origin_requests(o, NULL), 4);
	daemon_stop(d);
	origin_stop(o);
}
