/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend of HTTP/1.0: its answers are shared and stored like others, its connections end where
 * it says so, and Expires is all it needs (RFC 9111 5.3).
 */
#include "tests/lib/flow.h"

#define OK	"HTTP/1.0 200 OK\r\n"

static void
shared_and_stored(struct origin *o, struct daemon *d, const struct origin_rule *r)
{
	struct herd *h;
	struct answer *a;

	origin_rule(o, r);
	origin_hold(o, r->path);
	h = herd_start(daemon_addr(d), 20, r->path);
	daemon_wait_stat(d, "parked", 20);
	origin_release(o, r->path);
	herd_wait(h);
	ck_assert_msg(herd_count(h, 200) == 20, "%s: %u answers", r->path, herd_count(h, 200));
	daemon_wait_stat(d, "flights", 0);
	a = client_get(daemon_addr(d), r->path, "");
	ck_assert_msg(answer_says(a, "Cache-Status", "hit"), "%s: %s", r->path, a->head);
	ck_assert(strncmp(a->head, "HTTP/1.1 200 ", 13) == 0);
	ck_assert_str_eq(a->body, "hello");
	ck_assert_uint_eq(origin_requests(o, r->path), 1);
	answer_free(a);
	herd_free(h);
}

FLOW(http10_origin)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	static const struct origin_rule rules[] = {
	    {.path = "/close", .close = true,
		.raw = OK "Cache-Control: max-age=60\r\n\r\nhello"},
	    {.path = "/length-close", .close = true,
		.raw = OK "Content-Length: 5\r\nCache-Control: max-age=60\r\n\r\nhello"},
	    {.path = "/keep-1",
		.raw = OK "Connection: keep-alive\r\nContent-Length: 5\r\n"
			  "Cache-Control: max-age=60\r\n\r\nhello"},
	    {.path = "/keep-2",
		.raw = OK "Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n"
			  "Content-Length: 5\r\nCache-Control: max-age=60\r\n\r\nhello"},
	    {.path = "/expires", .close = true,
		.raw = OK "Date: Thu, 01 Jan 2060 00:00:00 GMT\r\n"
			  "Expires: Thu, 01 Jan 2060 00:01:40 GMT\r\n\r\nhello"},
	};

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		shared_and_stored(o, d, &rules[i]);
	ck_assert_uint_eq(origin_request(o, "/keep-1", 0).connection,
	    origin_request(o, "/keep-2", 0).connection);
	ck_assert_uint_ne(origin_request(o, "/close", 0).connection,
	    origin_request(o, "/length-close", 0).connection);

	/* Neither says that it lasts. */
	origin_answer(o, .path = "/pragma", .close = true,
	    .raw = OK "Pragma: no-cache\r\n\r\nhello");
	origin_answer(o, .path = "/expired", .close = true,
	    .raw = OK "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhello");
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(client_status(daemon_addr(d), "/pragma", ""), 200);
		ck_assert_int_eq(client_status(daemon_addr(d), "/expired", ""), 200);
		daemon_wait_stat(d, "flights", 0);
	}
	ck_assert_uint_eq(origin_requests(o, "/pragma"), 2);
	ck_assert_uint_eq(origin_requests(o, "/expired"), 2);
	daemon_stop(d);
	origin_stop(o);
}
