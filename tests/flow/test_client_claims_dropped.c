/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client says about proxies before us, or keeps from going up by Connection (RFC 9110
 * 7.6.1), is not what the backend sees: neither the backend nor Vary may take it for real.
 */
#include "tests/lib/flow.h"

#define CLAIMS									\
	"X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /e\r\nX-Forwarded-For: 192.0.2.1\r\n"	\
	"X-Real-IP: 192.0.2.2\r\nX-Original-URL: /e\r\nX-Rewrite-URL: /e\r\n"	\
	"Forwarded: for=192.0.2.3\r\n"

static void
claims(struct origin *o, struct daemon *d)
{
	static const char *const gone[] = {
		"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "X-Original-URL",
		"X-Rewrite-URL", "Forwarded",
	};
	struct origin_request r;

	ck_assert_int_eq(client_status(daemon_addr(d), "/claims", CLAIMS), 200);
	r = origin_request(o, "/claims", 0);
	for (unsigned i = 0; i < sizeof gone / sizeof gone[0]; i++)
		ck_assert_msg(origin_field(&r, gone[i]) == NULL, "%s went up", gone[i]);
	ck_assert_str_eq(origin_field(&r, "X-Forwarded-For"), "127.0.0.1");
}

FLOW(client_claims_dropped)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct answer *a;

	origin_answer(o, .path = "/lang", .times = 1, .text = "default",
	    .fields = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n");
	origin_answer(o, .path = "/lang", .text = "deutsch",
	    .fields = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n");
	origin_answer(o, .path = "/from", .text = "yours",
	    .fields = "Cache-Control: max-age=60\r\nVary: X-Forwarded-For\r\n");
	origin_answer(o, .path = "/*", .text = "hello");
	claims(o, d);
	/* Answered without the field, so it is the answer of those without. */
	a = client_exchangef(daemon_addr(d), "GET /lang HTTP/1.1\r\nHost: test\r\n"
	    "Accept-Language: de\r\nConnection: close, Accept-Language\r\n\r\n");
	ck_assert_str_eq(a->body, "default");
	answer_free(a);
	a = client_get(daemon_addr(d), "/lang", "Accept-Language: de\r\n");
	ck_assert_str_eq(a->body, "deutsch");
	answer_free(a);
	ck_assert_int_eq(client_status(daemon_addr(d), "/lang", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/lang"), 2);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), "/from", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/from"), 2);
	daemon_stop(d);
	origin_stop(o);
}
