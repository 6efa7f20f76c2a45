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

FLOW(coalesce_always)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n  - coalesce: always\n",
	    origin_url(o));

	origin_answer(o, .path = "/private", .bytes = 10, .fields = "Cache-Control: private\r\n");
	origin_answer(o, .path = "/cookie", .bytes = 10, .fields = "Set-Cookie: a=b\r\n");
	origin_answer(o, .path = "/*", .bytes = 10, .fields = "Cache-Control: no-store\r\n");
	ck_assert_uint_eq(fetches(o, d, "/no-store", ""), 1);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	/* The next burst shares again: nothing was marked as not to be shared. */
	ck_assert_uint_eq(fetches(o, d, "/no-store", ""), 2);
	ck_assert_uint_eq(fetches(o, d, "/private", ""), 10);
	ck_assert_uint_eq(fetches(o, d, "/cookie", ""), 10);
	ck_assert_uint_eq(fetches(o, d, "/authorized", "Authorization: Basic QTpC\r\n"), 10);
	ck_assert_uint_eq(fetches(o, d, "/with-cookie", "Cookie: a=b\r\n"), 10);
	daemon_stop(d);
	origin_stop(o);
}
