/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asks for itself asks as it likes, with conditions and ranges (RFC 9110 13, 14): what comes is
 * not what a plain GET would get and is not kept, whatever the backend says of its lifetime.
 */
#include "tests/lib/flow.h"

#define KEEP	"Cache-Control: public, max-age=60\r\n"

static void
part(struct origin *o, struct daemon *d, const char *field, const char *value, int status,
    const char *detail)
{
	unsigned before = origin_requests(o, "/p");
	struct answer *a = client_exchangef(daemon_addr(d), "GET /p HTTP/1.1\r\nHost: test\r\n"
	    "Connection: close\r\n%s: %s\r\n\r\n", field, value);
	struct origin_request r = origin_request(o, "/p", before);

	ck_assert_int_eq(a->status, status);
	ck_assert_str_eq(origin_field(&r, field), value);
	ck_assert(!answer_says(a, "Cache-Status", "stored"));
	ck_assert(answer_says(a, "Cache-Status", detail));
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	answer_free(a);
}

FLOW(partial_answers_not_stored)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct origin_request r;

	origin_answer(o, .path = "/p", .times = 1, .fields = "Cache-Control: private\r\n");
	origin_answer(o, .path = "/p", .times = 1, .status = 412, .text = "no", .fields = KEEP);
	origin_answer(o, .path = "/p", .times = 1, .status = 416, .text = "no", .fields = KEEP);
	origin_answer(o, .path = "/p", .times = 1, .status = 206, .text = "h",
	    .fields = KEEP "Content-Range: bytes 0-0/5\r\n");
	/* A backend that does not know ranges answers with all of it; still to a range. */
	origin_answer(o, .path = "/p", .text = "hello", .fields = KEEP);
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	part(o, d, "If-Match", "\"no\"", 412, "detail=precondition");
	part(o, d, "Range", "bytes=9-", 416, "detail=pass-marker");
	part(o, d, "Range", "bytes=0-0", 206, "detail=pass-marker");
	part(o, d, "If-Range", "\"a\"", 200, "detail=pass-marker");
	client_sendf(c, "HEAD /p HTTP/1.1\r\nHost: test\r\n\r\n");
	ck_assert_int_eq(client_answer_to_head(c)->status, 200);
	r = origin_request(o, "/p", 5);
	ck_assert_str_eq(r.method, "HEAD");
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);

	client_ask(c, "/p", "");
	ck_assert_str_eq(client_answer(c)->body, "hello");
	ck_assert_uint_eq(origin_requests(o, "/p"), 7);
	ck_assert_int_eq(daemon_stat(d, "objects"), 1);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
