/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spellings of a host or a path that have one key (RFC 3986 6.2) are one request to the backend, in
 * the key's form: no spelling brings its own answer to those who use another.  What is for nobody
 * else goes up as it came.
 */
#include "tests/lib/flow.h"

static void
ask(struct daemon *d, const char *method, const char *path, const char *host, const char *status)
{
	struct answer *a = client_exchangef(daemon_addr(d), "%s %s HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: close\r\n\r\n", method, path, host);

	ck_assert_msg(a->complete && a->status == 200, "%s: %d", host, a->status);
	ck_assert_msg(answer_says(a, "Cache-Status", status), "%s %s: %s", host, path, a->head);
	answer_free(a);
}

static void
seen(struct origin *o, const char *path, const char *host)
{
	struct origin_request r;

	ck_assert_uint_eq(origin_requests(o, path), 1);
	r = origin_request(o, path, 0);
	ck_assert_str_eq(origin_field(&r, "Host"), host);
	ck_assert_str_eq(origin_field(&r, "X-Forwarded-Host"), host);
}

FLOW(one_key_one_request)
{
	static const char *const hosts[] = {
		"ex%61mple.com", "EXAMPLE.com:", "example.com:080", "example.com",
	};
	static const char *const paths[] = { "/0", "/1", "/2", "/3" };
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));

	origin_answer(o, .path = "/mine", .text = "hello", .fields = "Cache-Control: private\r\n");
	origin_answer(o, .path = "/*", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	/* Whoever comes first, all the others have its answer. */
	for (unsigned i = 0; i < 4; i++) {
		ask(d, "GET", paths[i], hosts[i], "stored");
		for (unsigned k = 0; k < 4; k++)
			ask(d, "GET", paths[i], hosts[k], "; hit");
		seen(o, paths[i], "example.com");
	}
	ask(d, "GET", "/%65nc%2fx", "example.com", "stored");
	ask(d, "GET", "/enc%2Fx", "example.com", "; hit");
	seen(o, "/enc%2Fx", "example.com");
	ask(d, "POST", "/%65nc%2fx", "EXAMPLE.com:80", "fwd=method");
	seen(o, "/%65nc%2fx", "EXAMPLE.com:80");
	ask(d, "GET", "/%6dine", "example.com", "detail=private");
	ask(d, "GET", "/%6Dine", "example.com", "detail=pass-marker");
	ck_assert_uint_eq(origin_requests(o, "/mine"), 2);
	daemon_stop(d);
	origin_stop(o);
}
