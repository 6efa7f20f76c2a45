/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions are answered from the store (RFC 9111 4.3.2, RFC 9110 13.2.2), the backend doesn't see
 * them; and a herd of which half has a condition is one fetch without one.
 */
#include "tests/lib/flow.h"

#define FIELDS	"Cache-Control: max-age=60\r\nContent-Language: en\r\nVary: X-Y\r\n" \
	"ETag: \"v1\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static const struct {
	const char	*fields;
	int		 status;
} cases[] = {
	{ "", 200 },
	{ "If-None-Match: \"v1\"\r\n", 304 },
	{ "If-None-Match: W/\"v1\"\r\n", 304 },
	{ "If-None-Match: \"a\", \"b\" , \"v1\"\r\n", 304 },
	{ "If-None-Match: \"a\"\r\nIf-None-Match: \"v1\"\r\n", 304 },
	{ "If-None-Match: *\r\n", 304 },
	{ "If-None-Match: \"v2\"\r\n", 200 },
	{ "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304 },
	{ "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304 },
	{ "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304 },
	{ "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200 },
	{ "If-Modified-Since: yesterday\r\n", 200 },
	/* If-None-Match alone counts, where there is one. */
	{ "If-None-Match: \"v2\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200 },
	{ "If-None-Match: \"v1\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 304 },
	/* And before a range. */
	{ "If-None-Match: \"v1\"\r\nRange: bytes=0-0\r\n", 304 },
};

static void
check(const struct answer *a, int status, const char *what)
{
	ck_assert_msg(a->complete && a->status == status, "%s: %d", what, a->status);
	ck_assert(answer_says(a, "Cache-Status", "hit"));
	ck_assert_ptr_nonnull(answer_field(a, "Age"));
	ck_assert_str_eq(answer_field(a, "ETag"), "\"v1\"");
	ck_assert_str_eq(answer_field(a, "Cache-Control"), "max-age=60");
	ck_assert_str_eq(answer_field(a, "Vary"), "X-Y");
	if (status == 304) {
		ck_assert_ptr_null(answer_field(a, "Content-Length"));
		ck_assert_ptr_null(answer_field(a, "Transfer-Encoding"));
		ck_assert_ptr_null(answer_field(a, "Content-Language"));
		ck_assert_uint_eq(a->length, 0);
	}
}

static void
one_by_one(struct daemon *d, struct origin *o)
{
	struct client *c = client_open(daemon_addr(d));

	client_ask(c, "/p", "");
	ck_assert_str_eq(client_answer(c)->body, "hello");
	daemon_wait_stat(d, "flights", 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		client_ask(c, "/p", cases[i].fields);
		check(client_answer(c), cases[i].status, cases[i].fields);
		client_sendf(c, "HEAD /p HTTP/1.1\r\nHost: test\r\n%s\r\n", cases[i].fields);
		check(client_answer_to_head(c), cases[i].status, cases[i].fields);
	}
	ck_assert_uint_eq(origin_requests(o, "/p"), 1);
	client_close(c);
}

static void
herd(struct daemon *d, struct origin *o)
{
	struct herd *plain = herd_open(daemon_addr(d), 20), *have = herd_open(daemon_addr(d), 20);
	struct origin_request r;

	origin_hold(o, "/h");
	herd_ask(have, "/h", "If-None-Match: \"v1\"\r\n");
	origin_wait_requests(o, "/h", 1);
	herd_ask(plain, "/h", "");
	daemon_wait_stat(d, "parked", 40);
	origin_release(o, "/h");
	herd_wait(plain);
	herd_wait(have);
	ck_assert_uint_eq(herd_count(plain, 200), 20);
	ck_assert_uint_eq(herd_count(have, 304), 20);
	ck_assert_uint_eq(origin_requests(o, "/h"), 1);
	r = origin_request(o, "/h", 0);
	ck_assert_ptr_null(origin_field(&r, "If-None-Match"));
	herd_free(plain);
	herd_free(have);
}

FLOW(conditional_answers)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/*", .text = "hello", .fields = FIELDS);
	one_by_one(d, o);
	herd(d, o);
	daemon_stop(d);
	origin_stop(o);
}
