/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that two readers could understand in two ways: refused, the connection closed, and not a
 * byte of them at the backend.  Bytes to status.
 */
#include "tests/lib/flow.h"

#define H	"Host: test\r\n"
#define NEXT	"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"
#define REQ(text)	text NEXT, sizeof(text NEXT) - 1

static const struct {
	const char	*name;
	int		 status;
	const char	*bytes;
	size_t		 n;
} cases[] = {
    {"9112 6.1 both framings", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {"9112 6.3 two lengths", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	    "Content-Length: 6\r\n\r\nhello")},
    {"9112 6.3 two equal lengths", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	    "Content-Length: 5\r\n\r\nhello")},
    {"9110 8.6 list of lengths", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: 5,6\r\n\r\nhello")},
    {"9110 8.6 length with a sign", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello")},
    {"9110 8.6 length below 0", 400, REQ("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n")},
    {"9110 8.6 hex length", 400, REQ("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello")},
    {"9110 8.6 empty length", 400, REQ("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n")},
    {"9110 8.6 length with a blank", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello")},
    {"9110 8.6 endless length", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n")},
    {"9112 6.1 coding xchunked", 501,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n")},
    {"9112 6.1 coding identity", 501,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n")},
    {"9112 6.1 coding gzip, chunked", 501,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
    {"9112 6.1 coding in quotes", 0,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n")},
    {"9112 6.1 coding with a weight", 0,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n")},
    {"9112 6.1 no coding", 0, REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n")},
    {"9112 6.1 coded twice", 400,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {"9112 6.1 coding in HTTP/1.0", 400,
	REQ("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {"9112 5.1 space before the colon", 400,
	REQ("POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello")},
    {"9112 5.1 tab before the colon", 400,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n")},
    {"9112 5.2 folded line", 400, REQ("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n")},
    {"9112 5.2 folded coding", 400,
	REQ("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n"
	    "0\r\n\r\n")},
    {"9112 2.2 first line begins with a space", 400, REQ("GET / HTTP/1.1\r\n X: y\r\n" H "\r\n")},
    {"9112 2.2 bare LF", 400, REQ("GET / HTTP/1.1\n" H "\n")},
    {"9112 2.2 bare LF in a field", 400, REQ("GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n")},
    {"9112 2.2 bare CR", 400, REQ("GET / HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n")},
    {"9110 5.5 NUL in a value", 400, REQ("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n")},
    {"9110 5.5 NUL ends the head", 400, REQ("GET / HTTP/1.1\r\n" H "\0\r\nX: y\r\n\r\n")},
    {"9110 5.5 control byte", 400, REQ("GET / HTTP/1.1\r\n" H "X: a\1b\r\n\r\n")},
    {"9110 5.1 empty name", 400, REQ("GET / HTTP/1.1\r\n" H ": x\r\n\r\n")},
    {"9110 5.1 illegal name", 400, REQ("GET / HTTP/1.1\r\n" H "X(Y: x\r\n\r\n")},
    {"9112 5 no colon", 400, REQ("GET / HTTP/1.1\r\n" H "X\r\n\r\n")},
    {"9112 3.2 no Host", 400, REQ("GET / HTTP/1.1\r\n\r\n")},
    {"9112 3.2 two Hosts", 400, REQ("GET / HTTP/1.1\r\n" H H "\r\n")},
    {"9112 3.2 bad Host", 400, REQ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")},
    {"9112 3.2 Host with credentials", 400, REQ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n")},
    {"9112 3 two spaces", 400, REQ("GET  / HTTP/1.1\r\n" H "\r\n")},
    {"9112 3 tab", 400, REQ("GET\t/ HTTP/1.1\r\n" H "\r\n")},
    {"9112 3 space in the target", 400, REQ("GET /a b HTTP/1.1\r\n" H "\r\n")},
    {"9112 3 control byte in the target", 400, REQ("GET /\1 HTTP/1.1\r\n" H "\r\n")},
    {"9112 3 NUL in the target", 400, REQ("GET /a\0b HTTP/1.1\r\n" H "\r\n")},
    {"9112 3.2 no path", 400, REQ("GET a HTTP/1.1\r\n" H "\r\n")},
    {"9112 3 trailing space", 400, REQ("GET / HTTP/1.1 \r\n" H "\r\n")},
    {"9112 3 no version", 400, REQ("GET /\r\n" H "\r\n")},
    {"9112 2.3 version 2.0", 505, REQ("GET / HTTP/2.0\r\n" H "\r\n")},
    {"9112 2.3 odd version", 400, REQ("GET / HTTP/1.1.1\r\n" H "\r\n")},
    {"9112 3 illegal method", 400, REQ("G(T / HTTP/1.1\r\n" H "\r\n")},
    {"9110 10.1.1 unknown expectation", 417, REQ("GET / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n")},
};

FLOW(smuggling)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	size_t n = sizeof cases / sizeof cases[0];

	origin_answer(o, .path = "/*", .text = "hello");
	for (size_t i = 0; i < n; i++) {
		struct client *c = client_open(daemon_addr(d));
		struct answer *a;

		client_send(c, cases[i].bytes, cases[i].n);
		a = client_answer(c);
		/* 0: 400 and 501 are both right. */
		ck_assert_msg(a->complete &&
			(a->status == cases[i].status ||
			    (cases[i].status == 0 && (a->status == 400 || a->status == 501))),
		    "%s: %d", cases[i].name, a->status);
		ck_assert_msg(client_closed(c), "%s: something after the answer", cases[i].name);
		client_close(c);
		ck_assert_msg(
		    origin_requests(o, NULL) == 0, "%s: reached the backend", cases[i].name);
	}
	daemon_wait_stat(d, "error", (int64_t)n);
	daemon_wait_stat(d, "requests", (int64_t)n);
	ck_assert_int_eq(client_status(daemon_addr(d), "/good", ""), 200);
	daemon_stop(d);
	origin_stop(o);
}
