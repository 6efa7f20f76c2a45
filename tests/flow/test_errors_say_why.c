/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer of our own says that the request went forward (RFC 9211 2.2), and by what it failed;
 * one about a limit names the limit.
 */
#include "tests/lib/flow.h"

static void
fails(struct daemon *d, const char *path, int status, const char *detail, const char *text)
{
	struct answer *a = client_get(daemon_addr(d), path, "");

	ck_assert_int_eq(a->status, status);
	ck_assert_msg(answer_says(a, "Cache-Status", "corral; fwd=uri-miss; detail="), "%s", a->head);
	ck_assert_msg(answer_says(a, "Cache-Status", detail), "%s", a->head);
	ck_assert_msg(strstr(a->body, text) != NULL, "%s: %s", path, a->body);
	answer_free(a);
}

FLOW(errors_say_why)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 1\nlimits: { body: 1KiB }\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    timeouts: { first_byte: 200ms }\n    breaker: off\n",
	    origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_answer(o, .path = "/closed", .raw = "", .close = true);
	origin_answer(o, .path = "/reset", .raw = "", .close = true, .reset = true);
	origin_hold(o, "/slow");
	origin_hold(o, "/upload");
	fails(d, "/closed", 502, "detail=closed", "without an answer");
	fails(d, "/reset", 502, "detail=closed", "without an answer");
	fails(d, "/slow", 504, "detail=first-byte-timeout", "in time");

	client_sendf(c, "PUT /upload HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "400\r\n%01024d\r\n", 7);
	origin_wait_requests(o, "/upload", 1);
	client_sendf(c, "1\r\nx\r\n0\r\n\r\n");
	a = client_answer(c);
	ck_assert_int_eq(a->status, 413);
	ck_assert(answer_says(a, "Cache-Status", "detail=too-large"));
	ck_assert_msg(strstr(a->body, "limits.body") != NULL, "%s", a->body);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
