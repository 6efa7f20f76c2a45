/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9110 7.6: what belongs to one connection is not sent on in either direction; who asks and
 * through whom is said; Host stays what the client sent.
 */
#include "tests/lib/flow.h"

#define REQUEST                                                                               \
	"GET /f?x=1 HTTP/1.1\r\nHost: Example.test:99\r\nConnection: keep-alive, X-Drop, "    \
	"close\r\n"                                                                           \
	"Keep-Alive: timeout=5\r\nX-Drop: 1\r\nX-Keep: 2\r\nTE: trailers\r\nUpgrade: "        \
	"websocket\r\n"                                                                       \
	"Proxy-Connection: close\r\nProxy-Authorization: x\r\nX-Forwarded-For: 192.0.2.1\r\n" \
	"Via: 1.0 before\r\nCookie: a=b\r\n\r\n"

static void
request_fields(struct origin *o)
{
	static const char *const gone[] = {
	    "Keep-Alive", "X-Drop", "TE", "Upgrade", "Proxy-Connection"};
	struct origin_request r = origin_request(o, "/f?x=1", 0);

	for (unsigned i = 0; i < sizeof gone / sizeof gone[0]; i++)
		ck_assert_msg(
		    origin_field(&r, gone[i]) == NULL, "%s was sent on:\n%s", gone[i], r.head);
	ck_assert_str_eq(r.method, "GET");
	ck_assert_str_eq(origin_field(&r, "Host"), "example.test:99");
	ck_assert_str_eq(origin_field(&r, "X-Keep"), "2");
	ck_assert_str_eq(origin_field(&r, "Cookie"), "a=b");
	ck_assert_ptr_nonnull(strstr(origin_field(&r, "X-Forwarded-For"), "127.0.0.1"));
	ck_assert_str_eq(origin_field(&r, "X-Forwarded-Proto"), "http");
	ck_assert_str_eq(origin_field(&r, "X-Forwarded-Host"), "example.test:99");
	ck_assert_ptr_nonnull(strstr(r.head, "1.0 before"));
	ck_assert_ptr_nonnull(strstr(r.head, "1.1 corral"));
}

static void
answer_fields(const struct answer *a)
{
	static const char *const gone[] = { "Keep-Alive", "X-Hop", "Upgrade", "Proxy-Connection" };

	ck_assert_msg(a->complete, "%s", a->fault);
	for (unsigned i = 0; i < sizeof gone / sizeof gone[0]; i++)
		ck_assert_msg(
		    answer_field(a, gone[i]) == NULL, "%s was sent on:\n%s", gone[i], a->head);
	ck_assert(answer_says(a, "X-End", "1"));
	ck_assert(answer_says(a, "Server", "origin"));
	ck_assert(answer_says(a, "Via", "corral"));
	ck_assert(answer_says(a, "Cache-Status", "corral"));
	ck_assert(answer_says(a, "Connection", "close"));
	ck_assert_ptr_nonnull(answer_field(a, "Date"));
	ck_assert_ptr_null(answer_field_nth(a, "Date", 1));
	ck_assert_str_eq(a->body, "hello");
}

FLOW(fields_forwarded)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct answer *a;

	origin_answer(o, .path = "/*", .text = "hello",
	    .fields =
		"Connection: X-Hop\r\nX-Hop: 1\r\n"
		"Keep-Alive: timeout=5\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nServer: origin\r\n"
		"X-End: 1\r\n");
	a = client_exchange(daemon_addr(d), REQUEST, strlen(REQUEST));
	answer_fields(a);
	request_fields(o);
	answer_free(a);
	daemon_stop(d);
	origin_stop(o);
}
