/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a confused backend says instead of an answer: a 304 to a request without conditions, or
 * about something else than was asked for (RFC 9110 15.4.5, RFC 9111 4.3.4), a 206 to one without
 * Range.  It costs one more request at most, no 304 is handed on, and what is stored stays.
 */
#include "tests/lib/flow.h"

#include <stdio.h>

#define SECOND	INT64_C(1000000)

static void
gets(struct daemon *d, const char *path, const char *fields, int status, const char *text,
    const char *says)
{
	struct answer *a = client_get(daemon_addr(d), path, fields);

	ck_assert_msg(a->complete && a->status == status, "%s: %s", path,
	    a->head != NULL ? a->head : "no answer");
	if (text != NULL)
		ck_assert_str_eq(a->body, text);
	ck_assert_msg(answer_says(a, "Cache-Status", says), "%s: %s", path, a->head);
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

/* If-None-Match of the i-th request for it; "": it had none. */
static const char *
asked(struct origin *o, const char *path, unsigned i)
{
	static struct origin_request q;
	const char *v;

	ck_assert_msg(i < origin_requests(o, path), "%s: no request %u", path, i);
	q = origin_request(o, path, i);
	v = origin_field(&q, "If-None-Match");
	return v != NULL ? v : "";
}

/* Nothing is stored, so nothing was asked that a 304 could answer. */
static void
nothing_stored(struct origin *o, struct daemon *d)
{
	static const char etag[] = "ETag: \"a\"\r\n";
	struct herd *h;

	origin_answer(o, .path = "/cold", .status = 304, .fields = etag);
	gets(d, "/cold", "", 502, NULL, "corral");
	gets(d, "/cold", "If-None-Match: \"a\"\r\n", 502, NULL, "corral");
	ck_assert_str_eq(asked(o, "/cold", 1), "");
	ck_assert_uint_eq(origin_requests(o, "/cold"), 2);

	origin_hold(o, "/cold");
	h = herd_start(daemon_addr(d), 10, "/cold");
	daemon_wait_stat(d, "parked", 10);
	origin_release(o, "/cold");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 502), 10);
	ck_assert_uint_eq(origin_requests(o, "/cold"), 3);
	herd_free(h);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);

	/* Where the client's condition goes up, its answer comes down. */
	origin_answer(o, .path = "/off/p", .status = 304, .fields = etag);
	gets(d, "/off/p", "If-None-Match: \"a\"\r\n", 304, NULL, "corral");
	ck_assert_str_eq(asked(o, "/off/p", 0), "\"a\"");
}

/* It can't be validated, was asked for plainly, and the answer is a 304. */
static void
not_asked(struct origin *o, struct daemon *d, const char *path, const char *more, bool may)
{
	static char fields[2][100];
	int64_t objects = daemon_stat(d, "objects");

	snprintf(fields[may], sizeof fields[may], "Cache-Control: max-age=10%s\r\n", more);
	origin_answer(o, .path = path, .times = 1, .text = "hello", .fields = fields[may]);
	origin_answer(o, .path = path, .times = 2, .status = 304);
	origin_answer(o, .path = path, .text = "hello again", .fields = fields[may]);
	gets(d, path, "", 200, "hello", "stored");
	for (unsigned i = 0; i < 2; i++) {
		daemon_advance_clock(d, 11 * SECOND);
		gets(d, path, "", may ? 200 : 502, may ? "hello" : NULL,
		    may ? "detail=stale-if-error" : "fwd=stale");
		ck_assert_uint_eq(origin_requests(o, path), 2 + i);
		ck_assert_int_eq(daemon_stat(d, "objects"), objects + 1);
	}
	daemon_advance_clock(d, 2 * SECOND);
	gets(d, path, "", 200, "hello again", "fwd=stale");
	ck_assert_int_eq(daemon_stat(d, "objects"), objects + 1);
}

/* It is asked twice, and then it has no answer; what is stored can be validated afterwards. */
static void
of_another(struct origin *o, struct daemon *d, const char *path, const char *more, bool may)
{
	static const char other[] = "Cache-Control: max-age=10\r\nETag: \"b\"\r\n";
	static char fields[2][100];

	snprintf(fields[may], sizeof fields[may], "Cache-Control: max-age=10%s\r\nETag: \"a\"\r\n",
	    more);
	origin_answer(o, .path = path, .times = 1, .text = "hello", .fields = fields[may]);
	origin_answer(o, .path = path, .times = 4, .status = 304, .fields = other);
	origin_answer(o, .path = path, .status = 304, .fields = fields[may]);
	gets(d, path, "", 200, "hello", "stored");
	for (unsigned i = 0; i < 2; i++) {
		daemon_advance_clock(d, 11 * SECOND);
		gets(d, path, "", may ? 200 : 502, may ? "hello" : NULL,
		    may ? "detail=stale-if-error" : "fwd=stale");
		ck_assert_uint_eq(origin_requests(o, path), 2 * i + 3);
		ck_assert_str_eq(asked(o, path, 2 * i + 1), "\"a\"");
		ck_assert_str_eq(asked(o, path, 2 * i + 2), "");
	}
	daemon_advance_clock(d, 2 * SECOND);
	gets(d, path, "", 200, "hello", "fwd-status=304");
	ck_assert_str_eq(asked(o, path, 5), "\"a\"");
	ck_assert_uint_eq(origin_requests(o, path), 6);
}

/* Servers that compress mark the tag as weak when they do, which is not on a 304. */
static void
weak_and_strong(struct origin *o, struct daemon *d)
{
	struct answer *a;

	origin_answer(o, .path = "/weak", .times = 1, .text = "hello",
	    .fields = "Cache-Control: max-age=10\r\nETag: W/\"a\"\r\n");
	origin_answer(o, .path = "/weak", .status = 304,
	    .fields = "Cache-Control: max-age=10\r\nETag: \"a\"\r\nX-New: 1\r\n");
	gets(d, "/weak", "", 200, "hello", "stored");
	for (unsigned i = 1; i < 3; i++) {
		daemon_advance_clock(d, 11 * SECOND);
		a = client_get(daemon_addr(d), "/weak", "");
		ck_assert_int_eq(a->status, 200);
		ck_assert_str_eq(a->body, "hello");
		ck_assert_str_eq(answer_field(a, "ETag"), "W/\"a\"");
		ck_assert_ptr_null(answer_field_nth(a, "ETag", 1));
		ck_assert_str_eq(answer_field(a, "X-New"), "1");
		answer_free(a);
		daemon_wait_stat(d, "flights", 0);
		ck_assert_uint_eq(origin_requests(o, "/weak"), i + 1);
		ck_assert_str_eq(asked(o, "/weak", i), "W/\"a\"");
	}
}

static void
unasked_part(struct origin *o, struct daemon *d)
{
	int64_t objects = daemon_stat(d, "objects");

	origin_answer(o, .path = "/part", .times = 1, .text = "hello",
	    .fields = "Cache-Control: max-age=10\r\n");
	origin_answer(o, .path = "/part", .times = 1, .status = 206, .text = "ell",
	    .fields = "Cache-Control: max-age=10\r\nContent-Range: bytes 1-3/5\r\n");
	origin_answer(o, .path = "/part", .status = 503, .text = "down");
	gets(d, "/part", "", 200, "hello", "stored");
	daemon_advance_clock(d, 11 * SECOND);
	ck_assert_int_ne(client_status(daemon_addr(d), "/part", ""), 0);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), objects + 1);
	daemon_advance_clock(d, 2 * SECOND);
	gets(d, "/part", "", 200, "hello", "detail=stale-if-error");
}

FLOW(odd_304)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstream: %s\nroutes:\n"
	    "  - { match: { path: /off/ }, cache: off }\n  - { error_ttl: off }\n",
	    origin_url(o));

	nothing_stored(o, d);
	not_asked(o, d, "/plain", "", true);
	not_asked(o, d, "/plain/strict", ", must-revalidate", false);
	of_another(o, d, "/other", "", true);
	of_another(o, d, "/other/strict", ", must-revalidate", false);
	weak_and_strong(o, d);
	unasked_part(o, d);
	daemon_stop(d);
	origin_stop(o);
}
