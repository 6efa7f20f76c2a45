/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coalesce: always: those who wait share even an answer that must not be stored; but neither one
 * that is private or sets a cookie, nor the answer to Authorization or Cookie.
 */
#include "tests/lib/flow.h"

static unsigned
fetches(struct origin *o, struct daemon *d, const char *path, const char *fields)
{
	struct herd *h = herd_open(daemon_addr(d), 10);

	origin_hold(o, path);
	herd_ask(h, path, fields);
	if (fields[0] == '\0')
		daemon_wait_stat(d, "parked", 10);
	else
		origin_wait_requests(o, path, 1);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 10);
	herd_free(h);
	return origin_requests(o, path);
}

/* They wait beside others, and the answer to those is not for them: each asks for itself. */
static void
those_with_a_name(struct origin *o, struct daemon *d)
{
	static const char *const names[] = { "", "Cookie: a=b\r\n", "Authorization: Basic QTpC\r\n" };
	struct herd *h[3];

	origin_hold(o, "/mixed");
	for (unsigned i = 0; i < 3; i++) {
		h[i] = herd_open(daemon_addr(d), 10);
		herd_ask(h[i], "/mixed", names[i]);
		daemon_wait_stat(d, "parked", (i + 1) * 10);
	}
	origin_wait_requests(o, "/mixed", 1);
	origin_release(o, "/mixed");
	for (unsigned i = 0; i < 3; i++) {
		herd_wait(h[i]);
		ck_assert_uint_eq(herd_count_body(h[i], i == 0 ? 10 : 20,
		    test_body_sum(i == 0 ? 10 : 20)), 10);
		herd_free(h[i]);
	}
	ck_assert_uint_eq(origin_requests(o, "/mixed"), 21);
}

FLOW(coalesce_always)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n  - coalesce: always\n",
	    origin_url(o));

	origin_answer(o, .path = "/private", .bytes = 10, .fields = "Cache-Control: private\r\n");
	origin_answer(o, .path = "/cookie", .bytes = 10, .fields = "Set-Cookie: a=b\r\n");
	origin_answer(o, .path = "/mixed", .times = 1, .bytes = 10,
	    .fields = "Cache-Control: no-store\r\n");
	origin_answer(o, .path = "/mixed", .bytes = 20, .fields = "Cache-Control: no-store\r\n");
	origin_answer(o, .path = "/*", .bytes = 10, .fields = "Cache-Control: no-store\r\n");
	ck_assert_uint_eq(fetches(o, d, "/no-store", ""), 1);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	/* The next burst shares again: nothing was marked as not to be shared. */
	ck_assert_uint_eq(fetches(o, d, "/no-store", ""), 2);
	ck_assert_uint_eq(fetches(o, d, "/private", ""), 10);
	ck_assert_uint_eq(fetches(o, d, "/cookie", ""), 10);
	ck_assert_uint_eq(fetches(o, d, "/authorized", "Authorization: Basic QTpC\r\n"), 10);
	ck_assert_uint_eq(fetches(o, d, "/with-cookie", "Cookie: a=b\r\n"), 10);
	those_with_a_name(o, d);
	daemon_stop(d);
	origin_stop(o);
}
