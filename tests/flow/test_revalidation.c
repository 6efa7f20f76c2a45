/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An expired object that can be validated (RFC 9111 4.3) is asked for with a condition, and a 304
 * makes it fresh for all who wait: 200 with the stored body, under the new fields.
 */
#include "tests/lib/flow.h"

#include <stdio.h>

#define HERD	20
#define SECOND	INT64_C(1000000)
#define DATE	"Tue, 15 Nov 1994 12:45:26 GMT"

struct revalidation {
	const char	*path;
	const char	*text;
	const char	*validators;
	const char	*none_match, *since;	/* the condition's; NULL: not looked at */
};

static const struct revalidation cases[] = {
    {"/etag", "hello", "ETag: \"v1\"\r\n", "\"v1\"", NULL},
    {"/weak", "hello", "ETag: W/\"v1\"\r\n", "W/\"v1\"", NULL},
    {"/modified", "hello", "Last-Modified: " DATE "\r\n", NULL, DATE},
    {"/both", "hello", "ETag: \"v1\"\r\nLast-Modified: " DATE "\r\n", "\"v1\"", NULL},
    {"/empty", "", "ETag: \"v1\"\r\n", "\"v1\"", NULL},
};

static void
is_hit(struct daemon *d, const struct revalidation *c, const char *field)
{
	struct answer *a = client_get(daemon_addr(d), c->path, "");

	ck_assert_msg(a->status == 200 && answer_says(a, "Cache-Status", "corral; hit"), "%s: %s",
	    c->path, a->head);
	ck_assert_uint_eq(a->length, strlen(c->text));
	ck_assert_str_eq(answer_field(a, "X-Version"), field);
	ck_assert_ptr_null(answer_field_nth(a, "X-Version", 1));
	answer_free(a);
}

/* What a 304 makes of a parked herd's wait. */
static void
herd_of(struct origin *o, struct daemon *d, const struct revalidation *c)
{
	struct herd *h;
	unsigned collapsed;

	origin_hold(o, c->path);
	h = herd_start(daemon_addr(d), HERD, c->path);
	daemon_wait_stat(d, "parked", HERD);
	origin_release(o, c->path);
	herd_wait(h);
	daemon_wait_stat(d, "flights", 0);
	for (unsigned i = 0; i < HERD; i++) {
		const struct answer *a = herd_answer(h, i);

		ck_assert_msg(a->complete && a->status == 200 && a->length == strlen(c->text),
		    "%s: %s", c->path, a->head != NULL ? a->head : "no answer");
		ck_assert_str_eq(answer_field(a, "X-Version"), "2");
		ck_assert_msg(answer_says(a, "Cache-Status", "corral; fwd=stale; fwd-status=304"),
		    "%s: %s", c->path, answer_field(a, "Cache-Status"));
	}
	collapsed = herd_count_says(h, "Cache-Status", "collapsed");
	ck_assert_msg(collapsed == HERD - 1, "%s: %u collapsed", c->path, collapsed);
	herd_free(h);
}

static void
revalidated(struct origin *o, struct daemon *d, const struct revalidation *c)
{
	static char texts[2 * sizeof cases / sizeof cases[0]][256];
	char *first = texts[2 * (c - cases)], *second = texts[2 * (c - cases) + 1];
	int64_t before = daemon_stat(d, "revalidated");
	struct origin_request q;

	snprintf(first, 256, "Cache-Control: max-age=100\r\nX-Version: 1\r\n%s", c->validators);
	snprintf(second, 256, "Cache-Control: max-age=200\r\nX-Version: 2\r\n%s", c->validators);
	origin_answer(o, .path = c->path, .times = 1, .text = c->text, .fields = first);
	origin_answer(o, .path = c->path, .status = 304, .fields = second);
	ck_assert_int_eq(client_status(daemon_addr(d), c->path, ""), 200);
	daemon_wait_stat(d, "flights", 0);
	is_hit(d, c, "1");
	daemon_advance_clock(d, 150 * SECOND);
	herd_of(o, d, c);
	ck_assert_uint_eq(origin_requests(o, c->path), 2);
	ck_assert_int_eq(daemon_stat(d, "revalidated"), before + 1);
	q = origin_request(o, c->path, 0);
	ck_assert_ptr_null(origin_field(&q, "If-None-Match"));
	ck_assert_ptr_null(origin_field(&q, "If-Modified-Since"));
	q = origin_request(o, c->path, 1);
	if (c->none_match != NULL)
		ck_assert_str_eq(origin_field(&q, "If-None-Match"), c->none_match);
	if (c->since != NULL)
		ck_assert_str_eq(origin_field(&q, "If-Modified-Since"), c->since);

	/* Fresh again, for the time that the 304 said. */
	is_hit(d, c, "2");
	daemon_advance_clock(d, 150 * SECOND);
	is_hit(d, c, "2");
	ck_assert_uint_eq(origin_requests(o, c->path), 2);
	daemon_advance_clock(d, 100 * SECOND);
	ck_assert_int_eq(client_status(daemon_addr(d), c->path, ""), 200);
	ck_assert_uint_eq(origin_requests(o, c->path), 3);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "revalidated"), before + 2);
}

/* Something is new: it is the answer for all. */
static void
modified(struct origin *o, struct daemon *d)
{
	struct answer *a;

	origin_answer(o, .path = "/new", .times = 1, .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"v1\"\r\n");
	origin_answer(o, .path = "/new", .text = "hello again",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"v2\"\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/new", ""), 200);
	daemon_advance_clock(d, 150 * SECOND);
	a = client_get(daemon_addr(d), "/new", "");
	ck_assert_str_eq(a->body, "hello again");
	ck_assert_msg(answer_says(a, "Cache-Status", "corral; fwd=stale; stored"), "%s", a->head);
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_eq(origin_requests(o, "/new"), 2);
}

/* RFC 9111 4.3.4: a 304 about something else says nothing about what we have. */
static void
another_etag(struct origin *o, struct daemon *d)
{
	int64_t before = daemon_stat(d, "revalidated");
	struct origin_request q;
	struct answer *a;

	origin_answer(o, .path = "/odd", .times = 1, .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"v1\"\r\n");
	origin_answer(o, .path = "/odd", .times = 1, .status = 304,
	    .fields = "Cache-Control: max-age=100\r\nETag: \"v2\"\r\n");
	origin_answer(o, .path = "/odd", .text = "hello again",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"v2\"\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/odd", ""), 200);
	daemon_advance_clock(d, 150 * SECOND);
	a = client_get(daemon_addr(d), "/odd", "");
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->body, "hello again");
	answer_free(a);
	ck_assert_uint_eq(origin_requests(o, "/odd"), 3);
	q = origin_request(o, "/odd", 2);
	ck_assert_ptr_null(origin_field(&q, "If-None-Match"));
	daemon_wait_stat(d, "flights", 0);
	a = client_get(daemon_addr(d), "/odd", "");
	ck_assert(answer_says(a, "Cache-Status", "hit"));
	ck_assert_str_eq(a->body, "hello again");
	answer_free(a);
	ck_assert_int_le(daemon_stat(d, "revalidated"), before + 1);
}

FLOW(revalidation)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\n", origin_url(o));

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		revalidated(o, d, &cases[i]);
	modified(o, d);
	another_etag(o, d);
	daemon_stop(d);
	origin_stop(o);
}
