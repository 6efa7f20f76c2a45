/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every head of the tables is read at once, byte by byte, and cut in two at each place; each way
 * must give the same answer.  Wrong heads end with the line that is wrong, so a reader that waits
 * for the end of the head fails.
 */
#include "http/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

#define COUNT(t)	(sizeof (t) / sizeof (t)[0])

static const struct parse_limits limits = { .head_bytes = 600, .uri = 100, .fields = 8 };

struct outcome {
	enum parse_result	result;
	int			status;
	const char		*reason;
	size_t			used;
	char			head[1200];
};

/* The head in one line. */
static void
describe(const struct head *h, enum parse_kind kind, char *out, size_t size)
{
	static const char *const framing[] = { "none", "length", "chunked", "close" };
	struct buf b = { 0 };

	if (kind == PARSE_REQUEST)
		buf_addf(&b, "%.*s %.*s at %.*s", SLICE_FMT(h->method), SLICE_FMT(h->path),
		    SLICE_FMT(h->authority));
	else
		buf_addf(&b, "%d '%.*s'", h->status, SLICE_FMT(h->reason));
	buf_addf(&b, " 1.%d %s", h->minor, framing[h->framing]);
	if (h->framing == FRAMING_LENGTH)
		buf_addf(&b, "=%llu", (unsigned long long)h->length);
	buf_add_str(&b, h->keep_alive ? " keep" : " end");
	buf_add_str(&b, h->expect_continue ? " expect" : "");
	for (unsigned i = 0; i < h->n; i++)
		buf_addf(&b, " %.*s=%.*s", SLICE_FMT(h->f[i].name), SLICE_FMT(h->f[i].value));
	ck_assert_uint_lt(b.n, size);
	memcpy(out, buf_str(&b), b.n + 1);
	buf_fini(&b);
}

/* Reads in with arrivals of `first` bytes, then `then` bytes each; each call sees an exact copy. */
static void
run(enum parse_kind kind, struct slice in, size_t first, size_t then, struct outcome *o)
{
	struct parse ps;
	struct head h = { 0 };
	size_t n = first;

	memset(o, 0, sizeof *o);
	parse_init(&ps, kind, &limits);
	for (;;) {
		char *copy = malloc(n);

		memcpy(copy, in.p, n);
		o->result = parse_head(&ps, copy, n, &h);
		memset(copy, 'x', n);
		free(copy);
		if (o->result != PARSE_MORE || n == in.n)
			break;
		n = n + then < in.n ? n + then : in.n;
	}
	o->used = ps.used;
	if (o->result == PARSE_DONE) {
		describe(&h, kind, o->head, sizeof o->head);
		ck_assert_ptr_null(ps.fields);
	} else {
		ck_assert_ptr_null(h.f);
		ck_assert_uint_eq(h.arena.bytes, 0);
	}
	if (o->result == PARSE_ERROR) {
		ck_assert_ptr_nonnull(ps.reason);
		o->status = ps.status;
		o->reason = ps.reason;
	}
	head_fini(&h);
	parse_fini(&ps);
}

static void
run_all_ways(enum parse_kind kind, const char *name, struct slice in, struct outcome *o)
{
	struct outcome other;

	run(kind, in, in.n, 1, o);
	for (size_t cut = 1; cut < in.n; cut++) {
		run(kind, in, cut, cut == 1 ? 1 : in.n, &other);
		ck_assert_msg(o->result == other.result && o->status == other.status &&
		    o->reason == other.reason && o->used == other.used &&
		    strcmp(o->head, other.head) == 0, "%s: cut at %zu: %d %d %s", name, cut,
		    other.result, other.status, other.reason == NULL ? other.head : other.reason);
	}
}

struct good {
	const char	*name;
	struct slice	 in;
	const char	*head;
};

struct wrong {
	const char	*name;
	struct slice	 in;
	int		 status;
};

#define G(name, in, head)	{ name, SLICE_INIT(in), head }
#define W(name, in, status)	{ name, SLICE_INIT(in), status }
#define H			" HTTP/1.1\r\nHost: a\r\n"

static const struct good good_requests[] = {
	G("9112 3 plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / at a 1.1 none keep Host=a"),
	G("9112 2.2 one empty line first", "\r\nGET /" H "\r\n", "GET / at a 1.1 none keep Host=a"),
	G("9112 3.1 unknown method", "M-SEARCH /" H "\r\n", "M-SEARCH / at a 1.1 none keep Host=a"),
	G("9110 9.1 methods are case-sensitive", "get /" H "\r\n",
	    "get / at a 1.1 none keep Host=a"),
	G("9112 3.2.1 path and query", "GET /a/b?c=d&e=%20%C3%a4" H "\r\n",
	    "GET /a/b?c=d&e=%20%C3%a4 at a 1.1 none keep Host=a"),
	G("9112 3.2.1 double slash is a path", "GET //evil/p" H "\r\n",
	    "GET //evil/p at a 1.1 none keep Host=a"),
	G("URL standard: what browsers send raw", "GET /|^[]{}`?|^[]{}`" H "\r\n",
	    "GET /|^[]{}`?|^[]{}` at a 1.1 none keep Host=a"),
	G("3986 3.3 sub-delims", "GET /!$&'()*+,;=:@-._~" H "\r\n",
	    "GET /!$&'()*+,;=:@-._~ at a 1.1 none keep Host=a"),
	G("9112 3.2.2 absolute-form replaces Host", "GET http://b:81/x?y" H "\r\n",
	    "GET /x?y at b:81 1.1 none keep Host=b:81"),
	G("9112 3.2.2 scheme in any case, https", "GET HTTPS://B/" H "\r\n",
	    "GET / at B 1.1 none keep Host=B"),
	G("9112 3.2.2 absolute-form without path", "GET http://b" H "\r\n",
	    "GET / at b 1.1 none keep Host=b"),
	G("9112 3.2.2 absolute-form with a query only", "GET http://b?q" H "\r\n",
	    "GET /?q at b 1.1 none keep Host=b"),
	G("9112 3.2.2 absolute-form in HTTP/1.0 without Host", "GET http://b/ HTTP/1.0\r\n\r\n",
	    "GET / at b 1.0 none end Host=b"),
	G("9112 3.2.4 asterisk", "OPTIONS *" H "\r\n", "OPTIONS * at a 1.1 none keep Host=a"),
	G("9112 3.2.4 OPTIONS without path", "OPTIONS http://b" H "\r\n",
	    "OPTIONS * at b 1.1 none keep Host=b"),
	G("9112 3.2.4 OPTIONS with a path", "OPTIONS http://b/" H "\r\n",
	    "OPTIONS / at b 1.1 none keep Host=b"),
	G("9112 3.2.3 authority-form", "CONNECT b:443" H "\r\n",
	    "CONNECT b:443 at b:443 1.1 none keep Host=b:443"),
	G("9112 3.2 IPv6 Host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
	    "GET / at [2001:db8::1]:8080 1.1 none keep Host=[2001:db8::1]:8080"),
	G("9112 2.3 HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / at  1.0 none end"),
	G("9112 5 names keep their case, values are trimmed",
	    "GET /" H "X-A:\t b c \t\r\nx-a:\r\n\r\n",
	    "GET / at a 1.1 none keep Host=a X-A=b c x-a="),
	G("9110 5.5 HTAB and obs-text in values", "GET /" H "X: a\tb\x80\xff\r\n\r\n",
	    "GET / at a 1.1 none keep Host=a X=a\tb\x80\xff"),
	G("9110 5.6.2 all of tchar", "GET /" H "!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n",
	    "GET / at a 1.1 none keep Host=a !#$%&'*+-.^_`|~09azAZ=1"),
	G("9112 6.2 Content-Length", "POST /" H "Content-Length: 10\r\n\r\n",
	    "POST / at a 1.1 length=10 keep Host=a Content-Length=10"),
	G("9110 8.6 leading zeros are digits", "POST /" H "content-length:007\r\n\r\n",
	    "POST / at a 1.1 length=7 keep Host=a content-length=007"),
	G("9110 8.6 the largest length", "POST /" H "Content-Length: 9223372036854775807\r\n\r\n",
	    "POST / at a 1.1 length=9223372036854775807 keep Host=a "
	    "Content-Length=9223372036854775807"),
	G("9112 6.1 chunked in any case", "POST /" H "Transfer-Encoding: Chunked\r\n\r\n",
	    "POST / at a 1.1 chunked keep Host=a Transfer-Encoding=Chunked"),
	G("9112 9.3 close", "GET /" H "Connection: foo, CLOSE\r\n\r\n",
	    "GET / at a 1.1 none end Host=a Connection=foo, CLOSE"),
	G("9112 9.3 close in a second line", "GET /" H "Connection: a\r\nConnection: close\r\n\r\n",
	    "GET / at a 1.1 none end Host=a Connection=a Connection=close"),
	G("9112 9.3 close wins", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	    "GET / at  1.0 none end Connection=keep-alive, close"),
	G("9112 9.3 keep-alive in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
	    "GET / at  1.0 none keep Connection=Keep-Alive"),
	G("9110 10.1.1 Expect", "PUT /" H "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n",
	    "PUT / at a 1.1 length=1 keep expect Host=a Content-Length=1 Expect=100-Continue"),
	G("9110 10.1.1 Expect in HTTP/1.0 is ignored",
	    "PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
	    "PUT / at  1.0 length=1 end Content-Length=1 Expect=100-continue"),
	G("limits: fields, just within",
	    "GET /" H "2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n",
	    "GET / at a 1.1 none keep Host=a 2= 3= 4= 5= 6= 7= 8="),
};

static const struct wrong wrong_requests[] = {
	W("9112 2.2 two empty lines first", "\r\n\r", 400),
	W("9112 2.2 bare LF first", "\n", 400),
	W("9112 2.2 bare LF ends the request line", "GET / HTTP/1.1\n", 400),
	W("9112 2.2 bare LF in the target", "GET /\n", 400),
	W("9112 2.2 bare LF ends a field", "GET /" H "A: b\n", 400),
	W("9112 2.2 bare LF ends a name", "GET /" H "A\n", 400),
	W("9112 2.2 bare LF as the empty line", "GET /" H "\n", 400),
	W("9112 2.2 bare CR in a value", "GET /" H "A: b\rc", 400),
	W("9112 2.2 CR CR LF", "GET /" H "A: b\r\r", 400),
	W("9112 2.2 bare CR in the request line", "GET / HTTP/1.1\rX", 400),
	W("9112 2.2 bare CR as the empty line", "GET /" H "\rX", 400),
	W("9112 2.2 bare CR first", "\rG", 400),
	W("9112 3 not HTTP: TLS", "\x16\x03\x01\x02", 400),
	W("9112 3 space first", " GET /", 400),
	W("9112 3 tab first", "\tGET /", 400),
	W("9112 3 two spaces before the target", "GET  /", 400),
	W("9112 3 tab before the target", "GET\t/", 400),
	W("9112 3 two spaces before the version", "GET /  HTTP/1.1", 400),
	W("9112 3 tab before the version", "GET /\tHTTP/1.1", 400),
	W("9112 3 space after the version", "GET / HTTP/1.1 ", 400),
	W("9112 3 space in the target", "GET /a b HTTP/1.1", 400),
	W("9112 3 HTTP/0.9", "GET /\r\n", 400),
	W("9112 3 only a method", "GET\r\n", 400),
	W("9112 3 no version", "GET / \r\n", 400),
	W("9112 3.1 method is no token", "GE(T", 400),
	W("9112 3.1 NUL in the method", "GE\0T", 400),
	W("9112 2.3 HTTP/2.0", "GET / HTTP/2.0\r", 505),
	W("9112 2.3 HTTP/0.9 named", "GET / HTTP/0.9\r", 505),
	W("9112 2.3 HTTP/1.2", "GET / HTTP/1.2\r", 505),
	W("9112 2.3 HTTP/1.9", "GET / HTTP/1.9\r", 505),
	W("9112 2.3 http/1.1", "GET / http/1.1\r", 400),
	W("9112 2.3 HTTP/1", "GET / HTTP/1\r", 400),
	W("9112 2.3 HTTP/1.10", "GET / HTTP/1.10", 400),
	W("9112 2.3 HTTP/11.1", "GET / HTTP/11.1", 400),
	W("9112 2.3 HTTP/+1.1", "GET / HTTP/+1.1", 400),
	W("9112 2.3 NUL in the version", "GET / HTTP/1.\0", 400),
	W("9112 3.2 target without slash", "GET foo ", 400),
	W("9112 3.2 query only", "GET ?a ", 400),
	W("9112 3.2.4 asterisk for GET", "GET * ", 400),
	W("9112 3.2.4 more than an asterisk", "OPTIONS ** ", 400),
	W("9112 3.2.3 authority-form for GET", "GET a:80 ", 400),
	W("9112 3.2.3 CONNECT with a path", "CONNECT /x ", 400),
	W("9112 3.2.3 CONNECT without a port", "CONNECT a ", 400),
	W("9112 3.2.3 CONNECT with an empty port", "CONNECT a: ", 400),
	W("9112 3.2.3 CONNECT, absolute-form", "CONNECT http://a/ ", 400),
	W("9112 3.2.3 CONNECT, address without a port", "CONNECT [::1] ", 400),
	W("9112 3.2.2 other scheme", "GET ftp://a/ ", 400),
	W("9112 3.2.2 one slash", "GET http:/a/ ", 400),
	W("9112 3.2.2 no authority", "GET http:///x ", 400),
	W("9112 3.2.2 scheme alone", "GET http:// ", 400),
	W("9110 4.2.4 userinfo", "GET http://u:p@a/ ", 400),
	W("9112 3.2.2 bad port", "GET http://a:8x/ ", 400),
	W("9112 3.2.2 absolute-form still needs Host", "GET http://a/ HTTP/1.1\r\n\r\n", 400),
	W("9112 3.2.2 absolute-form with a bad Host", "GET http://a/ HTTP/1.1\r\nHost: @\r\n", 400),
	W("3986 fragment", "GET /a#", 400),
	W("3986 <", "GET /<", 400),
	W("3986 >", "GET />", 400),
	W("3986 double quote", "GET /?a=\"", 400),
	W("3986 backslash", "GET /\\", 400),
	W("3986 byte above 0x7f", "GET /\xc3", 400),
	W("3986 DEL", "GET /\x7f", 400),
	W("3986 NUL", "GET /\0", 400),
	W("3986 2.1 triplet of no hex", "GET /%zz ", 400),
	W("3986 2.1 triplet cut short", "GET /%2 ", 400),
	W("3986 2.1 percent alone", "GET /% ", 400),
	W("3986 2.1 triplet across the query", "GET /%2?1 ", 400),
	W("9112 3.2 no Host", "GET / HTTP/1.1\r\n\r\n", 400),
	W("9112 3.2 no Host but others", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400),
	W("9112 3.2 two Hosts", "GET /" H "Host: a\r\n", 400),
	W("9112 3.2 two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
	W("9112 3.2 empty Host", "GET / HTTP/1.1\r\nHost:\r\n", 400),
	W("9112 3.2 empty Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: \r\n", 400),
	W("9112 3.2 Host with a list", "GET / HTTP/1.1\r\nHost: a, b\r\n", 400),
	W("9112 3.2 Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n", 400),
	W("9112 3.2 Host with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n", 400),
	W("9112 5.1 space before the colon", "GET /" H "A : b", 400),
	W("9112 5.1 tab before the colon", "GET /" H "A\t: b", 400),
	W("9112 5.1 space before the Host's colon", "GET / HTTP/1.1\r\nHost : a", 400),
	W("9112 5.1 empty name", "GET /" H ": b", 400),
	W("9112 5.1 no colon", "GET /" H "Abc\r", 400),
	W("9112 5.1 name is no token", "GET /" H "A(b): c", 400),
	W("9112 5.1 name above 0x7f", "GET /" H "\xc3: c", 400),
	W("9112 5.1 NUL begins a line", "GET /" H "\0", 400),
	W("9112 5.1 NUL in a name", "GET /" H "A\0: b", 400),
	W("9110 5.5 NUL in a value", "GET /" H "A: b\0", 400),
	W("9110 5.5 control byte in a value", "GET /" H "A: b\x01", 400),
	W("9110 5.5 vertical tab in a value", "GET /" H "A: b\v", 400),
	W("9110 5.5 DEL in a value", "GET /" H "A: b\x7f", 400),
	W("9112 5.2 obs-fold", "GET /" H "A: b\r\n ", 400),
	W("9112 5.2 obs-fold by tab", "GET /" H "A: b\r\n\tc", 400),
	W("9112 2.2 white space before the first field", "GET / HTTP/1.1\r\n Host: a", 400),
	W("9112 6.3 two lengths", "POST /" H "Content-Length: 5\r\nContent-Length: 5\r\n", 400),
	W("9112 6.3 list of lengths", "POST /" H "Content-Length: 5, 5\r\n", 400),
	W("9112 6.3 two different lengths in a list", "POST /" H "Content-Length: 5,6\r\n", 400),
	W("9110 8.6 +5", "POST /" H "Content-Length: +5\r\n", 400),
	W("9110 8.6 -5", "POST /" H "Content-Length: -5\r\n", 400),
	W("9110 8.6 0x5", "POST /" H "Content-Length: 0x5\r\n", 400),
	W("9110 8.6 5 5", "POST /" H "Content-Length: 5 5\r\n", 400),
	W("9110 8.6 5.0", "POST /" H "Content-Length: 5.0\r\n", 400),
	W("9110 8.6 quoted", "POST /" H "Content-Length: \"5\"\r\n", 400),
	W("9110 8.6 empty", "POST /" H "Content-Length:\r\n", 400),
	W("9110 8.6 64 bits", "POST /" H "Content-Length: 9223372036854775808\r\n", 400),
	W("9110 8.6 overflow", "POST /" H "Content-Length: 18446744073709551617\r\n", 400),
	W("9110 8.6 odd length with GET", "GET /" H "Content-Length: a\r\n", 400),
	W("9112 6.1 length, then coding",
	    "POST /" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
	W("9112 6.1 coding, then length",
	    "POST /" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
	W("9112 6.1 two coding fields",
	    "POST /" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
	W("9112 6.1 gzip, chunked", "POST /" H "Transfer-Encoding: gzip, chunked\r\n", 501),
	W("9112 6.1 identity", "POST /" H "Transfer-Encoding: identity\r\n", 501),
	W("9112 6.1 xchunked", "POST /" H "Transfer-Encoding: xchunked\r\n", 501),
	W("9112 7 parameters of another coding", "POST /" H "Transfer-Encoding: a;b=\"c,d\"\r\n",
	    501),
	W("9112 6.1 chunked is not last", "POST /" H "Transfer-Encoding: chunked, gzip\r\n", 400),
	W("9112 6.1 chunked twice", "POST /" H "Transfer-Encoding: chunked, chunked\r\n", 400),
	W("9112 7.1 chunked with a parameter", "POST /" H "Transfer-Encoding: chunked;q=1\r\n",
	    400),
	W("9112 6.1 quoted", "POST /" H "Transfer-Encoding: \"chunked\"\r\n", 400),
	W("9112 6.1 empty", "POST /" H "Transfer-Encoding:\r\n", 400),
	W("9112 6.1 empty elements", "POST /" H "Transfer-Encoding: ,chunked\r\n", 400),
	W("9112 6.1 two words", "POST /" H "Transfer-Encoding: chunked foo\r\n", 400),
	W("9112 6.1 parameter without value", "POST /" H "Transfer-Encoding: a;b\r\n", 400),
	W("9112 6.1 open quote", "POST /" H "Transfer-Encoding: a;b=\"c\\\r\n", 400),
	W("9112 6.1 vertical tab", "POST /" H "Transfer-Encoding:\vchunked\r\n", 400),
	W("9112 6.1 in HTTP/1.0",
	    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", 400),
	W("9110 10.1.1 other expectation", "PUT /" H "Expect: 200-ok\r\n", 417),
	W("9110 10.1.1 empty expectation", "PUT /" H "Expect:\r\n", 417),
	W("9110 10.1.1 two expectations", "PUT /" H "Expect: 100-continue, x\r\n", 417),
	W("limits: one field too many", "GET /" H "2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9",
	    431),
};

static const struct good good_responses[] = {
	G("9112 4 plain", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
	    "200 'OK' 1.1 length=3 keep Content-Length=3"),
	G("9112 4 empty reason", "HTTP/1.1 200 \r\n\r\n", "200 '' 1.1 close keep"),
	G("9112 4 empty reason without its space", "HTTP/1.1 200\r\n\r\n", "200 '' 1.1 close keep"),
	G("9112 4 any reason", "HTTP/1.0 404 n\xc3\xb6t\there \r\n\r\n",
	    "404 'n\xc3\xb6t\there ' 1.0 close end"),
	G("9112 4 odd but valid status", "HTTP/1.1 799 x\r\n\r\n", "799 'x' 1.1 close keep"),
	G("9112 6.3 chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n",
	    "200 'OK' 1.1 chunked keep Transfer-Encoding=CHUNKED"),
	G("9112 6.3 unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\n",
	    "200 'OK' 1.1 close keep Transfer-Encoding=foo"),
	G("9112 6.3 100 has no body", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
	    "100 'Continue' 1.1 none keep Content-Length=5"),
	G("9112 6.3 103 has no body", "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "103 'x' 1.1 none keep Transfer-Encoding=chunked"),
	G("9112 6.3 204 has no body", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n",
	    "204 'x' 1.1 none keep Content-Length=5"),
	G("9112 6.3 304 has no body", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
	    "304 'x' 1.1 none keep Content-Length=5"),
	G("9112 9.3 close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
	    "200 'OK' 1.1 close end Connection=close"),
	G("9112 9.3 keep-alive in HTTP/1.0",
	    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
	    "200 'OK' 1.0 length=0 keep Connection=keep-alive Content-Length=0"),
	G("9110 Host and Expect mean nothing here",
	    "HTTP/1.1 200 OK\r\nHost: @\r\nExpect: x\r\n\r\n",
	    "200 'OK' 1.1 close keep Host=@ Expect=x"),
};

static const struct wrong wrong_responses[] = {
	W("9112 2.2 empty line first", "\r\n", 502),
	W("9112 4 no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", 502),
	W("9112 2.3 HTTP/2.0", "HTTP/2.0 200 OK\r\n", 502),
	W("9112 2.3 HTTP/1.2", "HTTP/1.2 200 OK\r\n", 502),
	W("9112 4 lower case", "http/1.1 200 OK\r\n", 502),
	W("9112 4 two spaces", "HTTP/1.1  200 OK\r\n", 502),
	W("9112 4 tab", "HTTP/1.1\t200 OK\r\n", 502),
	W("9112 4 two digits", "HTTP/1.1 20 OK\r\n", 502),
	W("9112 4 two digits, nothing else", "HTTP/1.1 20\r\n", 502),
	W("9112 4 four digits", "HTTP/1.1 2000 OK\r\n", 502),
	W("9112 4 minus", "HTTP/1.1 -20 OK\r\n", 502),
	W("9112 4 below 100", "HTTP/1.1 099 OK\r\n", 502),
	W("9112 4 tab before the reason", "HTTP/1.1 200\tOK\r\n", 502),
	W("9112 4 NUL in the reason", "HTTP/1.1 200 O\0", 502),
	W("9112 2.2 bare LF", "HTTP/1.1 200 OK\n", 502),
	W("9112 2.2 bare CR", "HTTP/1.1 200 OK\rX", 502),
	W("9112 5.2 obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c", 502),
	W("9112 5.1 space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 1", 502),
	W("9112 6.3 identical lengths",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n", 502),
	W("9112 6.3 list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n", 502),
	W("9112 6.3 both",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 502),
	W("9112 6.1 other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", 502),
	W("9112 7.2 compressed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: x-gzip\r\n", 502),
	W("9112 6.1 unknown coding, then chunked",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo, chunked\r\n", 502),
	W("9112 6.3 both, of an unknown coding",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\nContent-Length: 1\r\n", 502),
	W("9112 6.1 in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", 502),
	W("9112 6.3 bad length even for 204", "HTTP/1.1 204 x\r\nContent-Length: x\r\n", 502),
	W("limits: one field too many",
	    "HTTP/1.1 200 OK\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9", 502),
};

static void
check_good(enum parse_kind kind, const struct good *t)
{
	struct outcome o;

	run_all_ways(kind, t->name, t->in, &o);
	ck_assert_msg(o.result == PARSE_DONE, "%s: %d %s", t->name, o.status, o.reason);
	ck_assert_uint_eq(o.used, t->in.n);
	ck_assert_msg(strcmp(o.head, t->head) == 0, "%s: %s", t->name, o.head);
}

static void
check_wrong(enum parse_kind kind, const struct wrong *t)
{
	struct outcome o;

	run_all_ways(kind, t->name, t->in, &o);
	ck_assert_msg(o.result == PARSE_ERROR && o.status == t->status,
	    "%s: result %d status %d %s",
	    t->name, o.result, o.status, o.reason == NULL ? o.head : o.reason);
}

START_TEST(requests_accepted)
{
	check_good(PARSE_REQUEST, &good_requests[_i]);
}
END_TEST

START_TEST(requests_refused)
{
	check_wrong(PARSE_REQUEST, &wrong_requests[_i]);
}
END_TEST

START_TEST(responses_accepted)
{
	check_good(PARSE_RESPONSE, &good_responses[_i]);
}
END_TEST

START_TEST(responses_refused)
{
	check_wrong(PARSE_RESPONSE, &wrong_responses[_i]);
}
END_TEST

/* Each byte that may not stand in a part is refused there, and each that may is not. */
START_TEST(every_byte_in_every_part)
{
	static const char tchar[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char target[] = "-._~:/?[]@!$&'()*+,;=|^{}`0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (int c = 0; c < 256; c++) {
		const bool is_tchar = c != 0 && strchr(tchar, c) != NULL;
		const bool is_target = c != 0 && strchr(target, c) != NULL;
		const bool is_text = c == '\t' || (c >= 0x20 && c != 0x7f);
		const struct {
			const char	*before, *after;
			bool		 ok;
		} t[] = {
			{ "G", "", is_tchar || c == ' ' },
			{ "GET /", " ", is_target || c == ' ' },
			{ "GET /" H "A", "", is_tchar || c == ':' },
			{ "GET /" H "A:", "", is_text || c == '\r' },
		};

		for (size_t i = 0; i < COUNT(t); i++) {
			struct outcome o;
			struct buf b = { 0 };
			char byte = (char)c;

			buf_add_str(&b, t[i].before);
			buf_add(&b, &byte, 1);
			if (c != ' ')
				buf_add_str(&b, t[i].after);
			run(PARSE_REQUEST, buf_slice(&b), b.n, 1, &o);
			ck_assert_msg(o.result == (t[i].ok ? PARSE_MORE : PARSE_ERROR),
			    "byte %#x in part %zu: %d", (unsigned)c, i, o.result);
			buf_fini(&b);
		}
	}
}
END_TEST

static void
add_many(struct buf *b, char c, size_t n)
{
	while (n-- > 0)
		buf_add(b, &c, 1);
}

static void
check_limit(const char *name, struct buf *b, enum parse_result result, int status)
{
	struct outcome o;

	run_all_ways(PARSE_REQUEST, name, buf_slice(b), &o);
	ck_assert_msg(o.result == result && o.status == status, "%s: %d %d %s", name, o.result,
	    o.status, o.reason);
	buf_fini(b);
}

START_TEST(limits_are_exact_and_early)
{
	struct buf b = { 0 };

	buf_add_str(&b, "GET /");
	add_many(&b, 'a', 99);
	buf_add_str(&b, H "\r\n");
	check_limit("target of 100", &b, PARSE_DONE, 0);

	buf_add_str(&b, "GET /");
	add_many(&b, 'a', 100);
	check_limit("unfinished target of 101: 9110 15.5.15", &b, PARSE_ERROR, 414);

	buf_add_str(&b, "GET /" H "X: ");
	add_many(&b, 'a', 600 - b.n - 4);
	buf_add_str(&b, "\r\n\r\n");
	ck_assert_uint_eq(b.n, 600);
	check_limit("head of 600", &b, PARSE_DONE, 0);

	buf_add_str(&b, "\r\nGET /" H "X: ");
	add_many(&b, 'a', 602 - b.n - 4);
	buf_add_str(&b, "\r\n\r\n");
	check_limit("the empty line before it is not counted", &b, PARSE_DONE, 0);

	buf_add_str(&b, "GET /" H "X: ");
	add_many(&b, 'a', 601 - b.n);
	check_limit("unfinished head of 601: 6585 5", &b, PARSE_ERROR, 431);

	buf_add_str(&b, "GET /" H);
	add_many(&b, 'a', 601 - b.n);
	check_limit("unfinished name of 601", &b, PARSE_ERROR, 431);

	add_many(&b, 'M', 64);
	buf_add_str(&b, " /" H "\r\n");
	check_limit("method of 64", &b, PARSE_DONE, 0);

	add_many(&b, 'M', 65);
	check_limit("unfinished method of 65", &b, PARSE_ERROR, 501);
}
END_TEST

/* The reader stops at the head's end, and is ready for the next one at once. */
START_TEST(pipelined_heads)
{
	static const char two[] = "GET /1" H "Connection: close\r\n\r\nPOST /2" H
	    "Content-Length: 3\r\n\r\nabc";
	struct parse ps;
	struct head h = { 0 };
	size_t first;

	parse_init(&ps, PARSE_REQUEST, &limits);
	ck_assert_int_eq(parse_head(&ps, two, sizeof two - 1, &h), PARSE_DONE);
	ck_assert(slice_eq(h.path, SLICE("/1")));
	ck_assert(!h.keep_alive);
	first = ps.used;
	head_fini(&h);
	ck_assert_int_eq(parse_head(&ps, two + first, sizeof two - 1 - first, &h), PARSE_DONE);
	ck_assert(slice_eq(h.path, SLICE("/2")));
	ck_assert(h.keep_alive);
	ck_assert_str_eq(two + first + ps.used, "abc");
	head_fini(&h);
	parse_fini(&ps);
}
END_TEST

/* Looking at a quadratic number of bytes would take minutes here. */
START_TEST(a_dribbled_head_takes_linear_time)
{
	static const struct parse_limits wide = { .head_bytes = 1 << 20, .uri = 1 << 20,
	    .fields = 1000 };
	struct parse ps;
	struct head h = { 0 };
	struct buf b = { 0 };
	clock_t start = clock();

	buf_add_str(&b, "GET /");
	add_many(&b, 'a', 400000);
	buf_add_str(&b, H "X: ");
	add_many(&b, 'b', 600000);
	parse_init(&ps, PARSE_REQUEST, &wide);
	for (size_t n = 1; n <= b.n; n++)
		ck_assert_int_eq(parse_head(&ps, b.p, n, &h), PARSE_MORE);
	ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 5);
	parse_fini(&ps);
	buf_fini(&b);
}
END_TEST

START_TEST(framing_of_answers_to_head)
{
	static const char in[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
	struct parse ps;
	struct head h = { 0 };

	parse_init(&ps, PARSE_RESPONSE, &limits);
	ck_assert_int_eq(parse_head(&ps, in, sizeof in - 1, &h), PARSE_DONE);
	parse_response_framing(&h, false);
	ck_assert_int_eq(h.framing, FRAMING_LENGTH);
	parse_response_framing(&h, true);
	ck_assert_int_eq(h.framing, FRAMING_NONE);
	ck_assert_uint_eq(h.length, 0);
	head_fini(&h);
	parse_fini(&ps);
}
END_TEST

START_TEST(authorities)
{
	static const struct {
		const char	*in;
		bool		 ok;
	} t[] = {
		{ "a", true }, { "example.com", true }, { "example.com.", true },
		{ "EXAMPLE.com:80", true }, { "a:", true }, { "a:0", true }, { "a:65535", true },
		{ "127.0.0.1:8080", true }, { "[::1]", true }, { "[::1]:80", true },
		{ "[2001:DB8::]:", true }, { "[::ffff:1.2.3.4]", true }, { "a_b-c~d", true },
		{ "a!$&'()*+,;=b", true }, { "a%2Db", true }, { "xn--bcher-kva.example", true },
		{ "", false }, { ":80", false }, { "a:65536", false }, { "a:000080", false },
		{ "a:-1", false }, { "a:8 0", false }, { "a:80:80", false }, { "a b", false },
		{ "a/b", false }, { "a?b", false }, { "a#b", false }, { "u@a", false },
		{ "a\\b", false }, { "a%2", false }, { "a%zz", false }, { "a\"", false },
		{ "[]", false }, { "[::1", false }, { "::1", false }, { "[::1]x", false },
		{ "[1.2.3.4]", false }, { "[::g]", false }, { "[fe80::1%25eth0]", false },
		{ "[v1.x]", false }, { "a]", false }, { "[[::1]]", false }, { "a\x80", false },
		{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", false },
		{ "a|b", false }, { "<a>", false }, { "a^b", false }, { "{a}", false },
	};

	for (size_t i = 0; i < COUNT(t); i++)
		ck_assert_msg(parse_authority_ok(slice_str(t[i].in)) == t[i].ok, "'%s'", t[i].in);
	ck_assert(!parse_authority_ok(SLICE("a\0b")));
	ck_assert(!parse_authority_ok(SLICE("[::1\0]")));
}
END_TEST

/* --- bodies --- */

/* "data|" and how it ended, reading `step` bytes at a time; stops at the body's end. */
static void
read_body(enum hdr_framing framing, uint64_t length, struct slice in, size_t step, struct buf *out,
    size_t *taken)
{
	struct head h = { .framing = framing, .length = length };
	struct parse_body b;
	enum parse_result r = PARSE_MORE;
	size_t at = 0, given = 0;

	parse_body_init(&b, &h);
	while (r == PARSE_MORE || r == PARSE_DATA) {
		size_t n = given - at, used;
		char *copy = malloc(n + 1);
		struct slice data;

		memcpy(copy, in.p + at, n);
		r = parse_body(&b, copy, n, &data, &used);
		ck_assert_uint_le(used, n);
		ck_assert_int_eq(r == PARSE_DATA, data.n > 0);
		buf_add_slice(out, data);
		free(copy);
		at += used;
		if (r != PARSE_MORE)
			continue;
		ck_assert_uint_eq(at, given);
		if (given == in.n)
			break;
		given = given + step < in.n ? given + step : in.n;
	}
	*taken = at;
	if (r != PARSE_ERROR)
		ck_assert_uint_eq(b.total, out->n);
	else
		ck_assert_ptr_nonnull(b.reason);
	buf_add_str(out, r == PARSE_DONE ? "|done" : r == PARSE_ERROR ? "|error" : "|more");
}

struct body {
	const char	*name;
	struct slice	 in;
	const char	*out;		/* data and how it ended */
	size_t		 left;		/* bytes after the end of a body that is done */
};

#define B(name, in, out, left)	{ name, SLICE_INIT(in), out, left }

static const struct body chunked[] = {
	B("9112 7.1 plain", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET", "abcde|done", 3),
	B("9112 7.1 empty", "0\r\n\r\n", "|done", 0),
	B("9112 7.1 hex in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
	    "01234567890123456789|done", 0),
	B("9112 7.1 leading zeros", "00000000000000000000003\r\nabc\r\n000\r\n\r\n", "abc|done", 0),
	B("9112 7.1 data is opaque", "5\r\n\r\n\x01\n\r\r\n0\r\n\r\n", "\r\n\x01\n\r|done", 0),
	B("9112 7.1.1 extension", "3;a\r\nabc\r\n0;x=y\r\n\r\n", "abc|done", 0),
	B("9112 7.1.1 several", "3;a;b=c;d=\"e\"\r\nabc\r\n0\r\n\r\n", "abc|done", 0),
	B("9112 7.1.1 bad white space is allowed there",
	    "3 ; a\t= \"b\" ;c = d\r\nabc\r\n0\r\n\r\n",
	    "abc|done", 0),
	B("9112 7.1.1 quoted pair", "3;a=\";\\\"\\\\\t\x80\"\r\nabc\r\n0\r\n\r\n", "abc|done", 0),
	B("9112 7.1.2 trailers are dropped", "0\r\nA: b\r\nContent-Length: 9\r\nC:\r\n\r\nX",
	    "|done", 1),
	B("9112 7.1 unfinished", "3\r\nab", "ab|more", 0),
	B("9112 7.1 unfinished at the end", "0\r\n\r", "|more", 0),
	B("9112 7.1 63 bits: the size may be had", "7fffffffffffffff\r\nabc", "abc|more", 0),
	B("9112 7.1 no digits", "\r\n", "|error", 0),
	B("9112 7.1 0x5", "0x5", "|error", 0),
	B("9112 7.1 +5", "+5", "|error", 0),
	B("9112 7.1 -5", "-5", "|error", 0),
	B("9112 7.1 space first", " 5", "|error", 0),
	B("9112 7.1 space last", "5 \r", "|error", 0),
	B("9112 7.1 junk", "5 junk", "|error", 0),
	B("9112 7.1 extension first", ";a", "|error", 0),
	B("9112 7.1 semicolon alone", "5;\r", "|error", 0),
	B("9112 7.1.1 no value", "5;a=\r", "|error", 0),
	B("9112 7.1.1 space after a name", "5;a \r", "|error", 0),
	B("9112 7.1.1 two words", "5;a b", "|error", 0),
	B("9112 7.1.1 space after a value", "5;a=b \r", "|error", 0),
	B("9112 7.1.1 junk after a quoted string", "5;a=\"b\"c", "|error", 0),
	B("9112 7.1.1 open quote", "5;a=\"b\r", "|error", 0),
	B("9112 7.1.1 line end in a quoted pair", "5;a=\"\\\r", "|error", 0),
	B("9112 7.1.1 no name", "5;=b", "|error", 0),
	B("9112 2.2 bare LF after the size", "5\n", "|error", 0),
	B("9112 2.2 bare LF in an extension", "5;a\n", "|error", 0),
	B("9112 2.2 bare CR after the size", "5\rX", "|error", 0),
	B("9112 7.1 NUL in the size", "5\0", "|error", 0),
	B("9112 7.1 64 bits", "8000000000000000", "|error", 0),
	B("9112 7.1 overflow", "10000000000000003", "|error", 0),
	B("9112 7.1 the sum overflows", "1\r\na\r\n7fffffffffffffff", "a|error", 0),
	B("9112 7.1 data too long", "3\r\nabcd", "abc|error", 0),
	B("9112 7.1 data without CRLF", "3\r\nabc0", "abc|error", 0),
	B("9112 7.1 data with LF", "3\r\nabc\n", "abc|error", 0),
	B("9112 7.1 data with a bare CR", "3\r\nabc\rX", "abc|error", 0),
	B("9112 7.1.2 bare LF ends the body", "0\r\n\n", "|error", 0),
	B("9112 7.1.2 bare CR ends the body", "0\r\n\rX", "|error", 0),
	B("9112 7.1.2 space before the colon", "0\r\nA : b", "|error", 0),
	B("9112 7.1.2 obs-fold", "0\r\nA: b\r\n c", "|error", 0),
	B("9112 7.1.2 no colon", "0\r\nA\r", "|error", 0),
	B("9112 7.1.2 empty name", "0\r\n:", "|error", 0),
	B("9112 7.1.2 NUL", "0\r\nA: \0", "|error", 0),
	B("9112 7.1.2 bare LF ends a trailer", "0\r\nA: b\n", "|error", 0),
};

static void
check_body(enum hdr_framing framing, uint64_t length, const struct body *t)
{
	for (size_t step = 1; step <= t->in.n + 1; step++) {
		struct buf out = { 0 };
		size_t taken;

		read_body(framing, length, t->in, step, &out, &taken);
		ck_assert_msg(strcmp(buf_str(&out), t->out) == 0, "%s, by %zu: %s", t->name, step,
		    buf_str(&out));
		if (strstr(t->out, "|done") != NULL)
			ck_assert_msg(taken + t->left == t->in.n, "%s, by %zu: %zu taken", t->name,
			    step, taken);
		buf_fini(&out);
	}
}

START_TEST(chunked_bodies)
{
	check_body(FRAMING_CHUNKED, 0, &chunked[_i]);
}
END_TEST

START_TEST(other_bodies)
{
	static const struct body none = B("9112 6.3 none", "GET", "|done", 3);
	static const struct body five = B("9112 6.2 length", "abcdeGET", "abcde|done", 3);
	static const struct body cut = B("9112 6.2 cut short", "abc", "abc|more", 0);
	static const struct body to_end = B("9112 6.3 until close", "abc", "abc|more", 0);

	check_body(FRAMING_NONE, 0, &none);
	check_body(FRAMING_LENGTH, 0, &none);
	check_body(FRAMING_LENGTH, 5, &five);
	check_body(FRAMING_LENGTH, INT64_MAX, &cut);
	check_body(FRAMING_CLOSE, 0, &to_end);
}
END_TEST

static const char *
end_of_body(struct buf *in)
{
	static char text[32];
	struct buf out = { 0 };
	size_t taken;

	read_body(FRAMING_CHUNKED, 0, buf_slice(in), in->n, &out, &taken);
	snprintf(text, sizeof text, "%s", buf_str(&out));
	buf_fini(&out);
	buf_fini(in);
	return text;
}

START_TEST(limits_of_chunk_lines_and_trailers)
{
	struct buf b = { 0 };

	buf_add_str(&b, "0;");
	add_many(&b, 'a', PARSE_CHUNK_LINE - 3);
	buf_add_str(&b, "\r\n\r\n");
	ck_assert_str_eq(end_of_body(&b), "|done");

	buf_add_str(&b, "0;");
	add_many(&b, 'a', PARSE_CHUNK_LINE - 1);
	ck_assert_str_eq(end_of_body(&b), "|error");

	add_many(&b, '0', PARSE_CHUNK_LINE + 1);
	ck_assert_str_eq(end_of_body(&b), "|error");

	buf_add_str(&b, "0\r\nA:");
	add_many(&b, 'a', PARSE_TRAILER_BYTES);
	ck_assert_str_eq(end_of_body(&b), "|error");

	buf_add_str(&b, "0\r\n");
	for (int i = 0; i < 100; i++)
		buf_add_str(&b, "A:\r\n");
	buf_add_str(&b, "\r\n");
	ck_assert_str_eq(end_of_body(&b), "|done");

	buf_add_str(&b, "0\r\n");
	for (int i = 0; i < 100; i++)
		buf_add_str(&b, "A:\r\n");
	buf_add_str(&b, "A");
	ck_assert_str_eq(end_of_body(&b), "|error");
}
END_TEST

/* An error stays one, and an end stays the end. */
START_TEST(after_the_end)
{
	struct head h = { .framing = FRAMING_CHUNKED };
	struct parse_body b;
	struct slice data;
	size_t used;

	parse_body_init(&b, &h);
	ck_assert_int_eq(parse_body(&b, "x", 1, &data, &used), PARSE_ERROR);
	ck_assert_int_eq(parse_body(&b, "0\r\n\r\n", 5, &data, &used), PARSE_ERROR);
	parse_body_init(&b, &h);
	ck_assert_int_eq(parse_body(&b, "0\r\n\r\n", 5, &data, &used), PARSE_DONE);
	ck_assert_uint_eq(used, 5);
	ck_assert_int_eq(parse_body(&b, "0\r\n\r\n", 5, &data, &used), PARSE_DONE);
	ck_assert_uint_eq(used, 0);
}
END_TEST

static Suite *
parse_suite(void)
{
	Suite *s = suite_create("parse");
	TCase *tc = tcase_create("parse");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, requests_accepted, 0, COUNT(good_requests));
	tcase_add_loop_test(tc, requests_refused, 0, COUNT(wrong_requests));
	tcase_add_loop_test(tc, responses_accepted, 0, COUNT(good_responses));
	tcase_add_loop_test(tc, responses_refused, 0, COUNT(wrong_responses));
	tcase_add_test(tc, every_byte_in_every_part);
	tcase_add_test(tc, limits_are_exact_and_early);
	tcase_add_test(tc, pipelined_heads);
	tcase_add_test(tc, a_dribbled_head_takes_linear_time);
	tcase_add_test(tc, framing_of_answers_to_head);
	tcase_add_test(tc, authorities);
	tcase_add_loop_test(tc, chunked_bodies, 0, COUNT(chunked));
	tcase_add_test(tc, other_bodies);
	tcase_add_test(tc, limits_of_chunk_lines_and_trailers);
	tcase_add_test(tc, after_the_end);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(parse_suite)
