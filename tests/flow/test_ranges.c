/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One range of what is stored (RFC 9110 14, 15.3.7, 15.5.17).  Asked for by a range at first, it is
 * fetched whole, once; the backend sees no Range.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define BODY	100000
#define FIELDS	"Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: text/x\r\n" \
	"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static const struct {
	const char	*fields;
	int		 status;
	uint64_t	 first, last;	/* of a 206 */
} cases[] = {
	{ "Range: bytes=0-0\r\n", 206, 0, 0 },
	{ "Range: bytes=65530-65550\r\n", 206, 65530, 65550 },
	{ "Range: bytes=99999-\r\n", 206, 99999, 99999 },
	{ "Range: bytes=10-999999999999\r\n", 206, 10, 99999 },
	{ "Range: bytes=-200000\r\n", 206, 0, 99999 },
	{ "Range: bytes=-1\r\n", 206, 99999, 99999 },
	{ "Range: bytes=100000-\r\n", 416, 0, 0 },
	{ "Range: bytes=-0\r\n", 416, 0, 0 },
	{ "Range: bytes=9-8\r\n", 200, 0, 0 },
	{ "Range: bytes=x\r\n", 200, 0, 0 },
	{ "Range: pages=1-2\r\n", 200, 0, 0 },
	{ "If-Range: \"v1\"\r\nRange: bytes=5-9\r\n", 206, 5, 9 },
	{ "If-Range: W/\"v1\"\r\nRange: bytes=5-9\r\n", 200, 0, 0 },
	{ "If-Range: \"v2\"\r\nRange: bytes=5-9\r\n", 200, 0, 0 },
	{ "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\nRange: bytes=5-9\r\n", 206, 5, 9 },
	{ "If-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\nRange: bytes=5-9\r\n", 200, 0, 0 },
	{ "If-None-Match: \"v2\"\r\nRange: bytes=5-9\r\n", 206, 5, 9 },
};

static void
check(const struct answer *a, size_t i)
{
	static char body[BODY];
	char text[80];
	uint64_t n = cases[i].last - cases[i].first + 1;

	ck_assert_msg(a->complete && a->status == cases[i].status, "%s: %d", cases[i].fields,
	    a->status);
	ck_assert(!a->chunked && !a->until_close);
	switch (a->status) {
	case 200:
		ck_assert_uint_eq(a->sum, test_body_sum(BODY));
		ck_assert_ptr_null(answer_field(a, "Content-Range"));
		break;
	case 206:
		snprintf(text, sizeof text, "bytes %llu-%llu/%d",
		    (unsigned long long)cases[i].first, (unsigned long long)cases[i].last, BODY);
		ck_assert_str_eq(answer_field(a, "Content-Range"), text);
		ck_assert_str_eq(answer_field(a, "Content-Type"), "text/x");
		ck_assert_str_eq(answer_field(a, "ETag"), "\"v1\"");
		test_body(body, cases[i].first, n);
		ck_assert_uint_eq(a->length, n);
		ck_assert_int_eq(memcmp(a->body, body, n), 0);
		break;
	default:
		snprintf(text, sizeof text, "bytes */%d", BODY);
		ck_assert_str_eq(answer_field(a, "Content-Range"), text);
	}
}

/* All cases at a target whose fetch the first of them starts. */
static void
all(struct daemon *d, struct origin *o, const char *target)
{
	struct client *c = client_open(daemon_addr(d));
	struct origin_request r;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct answer *a;

		client_ask(c, target, cases[i].fields);
		a = client_answer(c);
		check(a, i);
		ck_assert(answer_says(a, "Cache-Status", i == 0 ? "; stored" : "; hit"));
		if (i == 0)
			daemon_wait_stat(d, "flights", 0);
	}
	client_sendf(c, "HEAD %s HTTP/1.1\r\nHost: test\r\nRange: bytes=0-0\r\n\r\n", target);
	ck_assert_int_eq(client_answer_to_head(c)->status, 200);
	ck_assert_uint_eq(origin_requests(o, target), 1);
	r = origin_request(o, target, 0);
	ck_assert_ptr_null(origin_field(&r, "Range"));
	client_close(c);
}

FLOW(ranges)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c;
	struct answer *a;

	origin_answer(o, .path = "/p", .bytes = BODY, .fields = FIELDS);
	all(d, o, "/p");

	/* Only a 200 has ranges. */
	origin_answer(o, .path = "/404", .status = 404, .text = "hello", .fields = FIELDS);
	for (unsigned i = 0; i < 2; i++) {
		a = client_get(daemon_addr(d), "/404", "Range: bytes=0-0\r\n");
		ck_assert_int_eq(a->status, 404);
		ck_assert_str_eq(a->body, "hello");
		answer_free(a);
		daemon_wait_stat(d, "flights", 0);
	}

	/* HTTP/1.0, and the connection goes on. */
	c = client_open(daemon_addr(d));
	for (unsigned i = 0; i < 2; i++) {
		client_sendf(c, "GET /p HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n"
		    "Range: bytes=1-3\r\n\r\n");
		a = client_answer(c);
		ck_assert_int_eq(a->status, 206);
		ck_assert_uint_eq(a->length, 3);
	}
	client_close(c);

	/* The length is known once the body is whole, however it was framed. */
	origin_answer(o, .path = "/chunked", .bytes = BODY, .framing = ORIGIN_CHUNKED,
	    .fields = FIELDS);
	ck_assert_int_eq(client_status(daemon_addr(d), "/chunked", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/chunked", "Range: bytes=7-8\r\n"), 206);
	daemon_stop(d);
	origin_stop(o);
}
