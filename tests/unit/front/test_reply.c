/* SPDX-License-Identifier: BSD-2-Clause */
#include "front/reply.h"

#include "tests/unit/unit.h"

#define WALL	(784111777 * USEC_PER_SEC + 5)	/* the instant that RFC 9110 5.6.7 writes out */
#define DATE	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

struct error_case {
	const char	*name;
	struct reply	 r;
	const char	*want;
};

static const struct error_case errors[] = {
	{ "9211 2: a detail",
	    { .status = 400, .cache.detail = "bad-request", .text = "no Host", .close = true },
	    "HTTP/1.1 400 Bad Request\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 8\r\nCache-Control: no-store\r\n"
	    "Cache-Status: corral; detail=bad-request\r\nConnection: close\r\n\r\nno Host\n" },
	{ "9110 10.2.3: Retry-After", { .status = 503, .text = "x", .retry_after = 12 },
	    "HTTP/1.1 503 Service Unavailable\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 2\r\nCache-Control: no-store\r\nCache-Status: corral\r\n"
	    "Retry-After: 12\r\n\r\nx\n" },
	{ "9110 15.5.6: Allow", { .status = 405, .text = "x", .allow = "GET, HEAD", .close = true },
	    "HTTP/1.1 405 Method Not Allowed\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 2\r\nCache-Control: no-store\r\nCache-Status: corral\r\n"
	    "Allow: GET, HEAD\r\nConnection: close\r\n\r\nx\n" },
	{ "9110 9.3.2: no content to HEAD, its length all the same",
	    { .status = 502, .text = "bad", .to_head = true },
	    "HTTP/1.1 502 Bad Gateway\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 4\r\nCache-Control: no-store\r\nCache-Status: corral\r\n\r\n" },
	{ "9112 9.3: keep-alive to 1.0", { .status = 504, .text = "x", .keep_alive10 = true },
	    "HTTP/1.1 504 Gateway Timeout\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 2\r\nCache-Control: no-store\r\nCache-Status: corral\r\n"
	    "Connection: keep-alive\r\n\r\nx\n" },
	{ "without a text the phrase", { .status = 404 },
	    "HTTP/1.1 404 Not Found\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 10\r\nCache-Control: no-store\r\nCache-Status: corral\r\n\r\n"
	    "Not Found\n" },
};

START_TEST(error_answers)
{
	const struct error_case *c = &errors[_i];
	struct buf out = { 0 };

	reply_error(&out, &c->r, WALL);
	ck_assert_msg(strcmp(buf_str(&out), c->want) == 0, "%s:\n%s", c->name, out.p);
	buf_fini(&out);
}
END_TEST

START_TEST(admin_answers)
{
	struct buf out = { 0 };

	reply_body(&out, 200, "application/json", SLICE("{}"), false, false, false, WALL);
	ck_assert_str_eq(buf_str(&out), "HTTP/1.1 200 OK\r\n" DATE
	    "Content-Type: application/json\r\nContent-Length: 2\r\n"
	    "Cache-Control: no-store\r\n\r\n{}");
	out.n = 0;
	reply_body(&out, 200, "application/json", SLICE("{}"), true, false, true, WALL);
	ck_assert_str_eq(buf_str(&out), "HTTP/1.1 200 OK\r\n" DATE
	    "Content-Type: application/json\r\nContent-Length: 2\r\n"
	    "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
	buf_fini(&out);
}
END_TEST

START_TEST(date_follows_the_clock)
{
	struct buf out = { 0 };

	reply_add_date(&out, WALL);
	reply_add_date(&out, WALL + USEC_PER_SEC / 2);
	reply_add_date(&out, WALL + USEC_PER_SEC);
	reply_add_date(&out, WALL);
	ck_assert_str_eq(buf_str(&out), DATE DATE "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n" DATE);
	buf_fini(&out);
}
END_TEST

START_TEST(status_lines)
{
	struct buf out = { 0 };

	reply_add_status(&out, 200, SLICE("Fine"));
	reply_add_status(&out, 299, SLICE(""));
	ck_assert_str_eq(buf_str(&out), "HTTP/1.1 200 Fine\r\nHTTP/1.1 299 \r\n");
	buf_fini(&out);
}
END_TEST

static Suite *
reply_suite(void)
{
	Suite *suite = suite_create("reply");
	TCase *tc = tcase_create("reply");

	tcase_add_loop_test(tc, error_answers, 0, sizeof errors / sizeof errors[0]);
	tcase_add_test(tc, admin_answers);
	tcase_add_test(tc, date_follows_the_clock);
	tcase_add_test(tc, status_lines);
	suite_add_tcase(suite, tc);
	return suite;
}

UNIT_MAIN(reply_suite)
