/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 1xx answers of a backend (RFC 9110 15.2) reach everyone who waits for the final one, whether he
 * came before them or after; not HTTP/1.0, which knows none, and nobody who is served later.
 */
#include "tests/lib/flow.h"

#define HINT                                                                                       \
	"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nX-Hint: 1\r\n"             \
	"Connection: x-hop\r\nX-Hop: 1\r\n\r\n"

static void
hinted(struct client *c, unsigned n)
{
	struct answer *a = client_answer(c);

	ck_assert(a->complete);
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->body, "hello");
	ck_assert_uint_eq(a->interim, n);
	ck_assert_ptr_null(answer_field(a, "X-Hint"));
	ck_assert_ptr_null(answer_field(a, "Link"));
	if (n == 0)
		return;
	ck_assert(strncmp(a->hints, "HTTP/1.1 103 ", 13) == 0);
	ck_assert_str_eq(answer_head_field(a->hints, "Link", 0), "</style.css>; rel=preload");
	ck_assert_str_eq(answer_head_field(a->hints, "X-Hint", 0), "1");
	ck_assert_ptr_null(answer_head_field(a->hints, "X-Hop", 0));
}

static void
a_herd(struct origin *o, struct daemon *d)
{
	struct client *c[4], *old = client_open(daemon_addr(d));

	for (unsigned i = 0; i < 4; i++)
		c[i] = client_open(daemon_addr(d));
	origin_answer(o, .path = "/p", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	client_ask(c[0], "/p", "");
	origin_wait_requests(o, "/p", 1);
	client_ask(c[1], "/p", "");
	client_sendf(old, "GET /p HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
	daemon_wait_stat(d, "parked", 3);
	origin_say(o, "/p", HINT);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(client_wait_interim(c[i], 1)->status, 0);
	client_ask(c[2], "/p", "");
	ck_assert_int_eq(client_wait_interim(c[2], 1)->status, 0);
	daemon_wait_stat(d, "parked", 4);
	origin_say(o, "/p", HINT);
	client_ask(c[3], "/p", "");
	ck_assert_int_eq(client_wait_interim(c[3], 2)->status, 0);
	daemon_wait_stat(d, "parked", 5);
	origin_release(o, "/p");
	for (unsigned i = 0; i < 4; i++)
		hinted(c[i], 2);
	hinted(old, 0);
	client_ask(c[0], "/p", "");
	hinted(c[0], 0);		/* from the store, on a connection that had some */
	ck_assert_uint_eq(origin_requests(o, "/p"), 1);
	for (unsigned i = 0; i < 4; i++)
		client_close(c[i]);
	client_close(old);
}

/* 100 is about one connection; others go on, also to a request that is not shared. */
static void
other_ones(struct origin *o, struct daemon *d)
{
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_answer(o, .path = "/other", .text = "hello",
	    .before = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
		      "HTTP/1.1 199 \r\nX-Hint: 1\r\n\r\n");
	for (unsigned i = 0; i < 2; i++) {
		client_sendf(c, "%s /other HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
		    i == 0 ? "GET" : "POST");
		a = client_answer(c);
		ck_assert_int_eq(a->status, 200);
		ck_assert_str_eq(a->body, "hello");
		ck_assert_uint_eq(a->interim, 2);
		ck_assert(strncmp(a->hints, "HTTP/1.1 102 ", 13) == 0);
		ck_assert_ptr_nonnull(strstr(a->hints, "HTTP/1.1 199 "));
		ck_assert_ptr_null(answer_field(a, "X-Hint"));
	}
	client_close(c);
}

static void
too_many(struct origin *o, struct daemon *d)
{
	static char flood[17 * 64];
	struct answer *a;

	for (unsigned i = 0; i < 17; i++)
		strcat(flood, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	origin_answer(o, .path = "/flood", .text = "hello", .before = flood);
	a = client_get(daemon_addr(d), "/flood", "");
	ck_assert(a->complete);
	ck_assert_int_eq(a->status, 502);
	ck_assert_uint_le(a->interim, 16);
	answer_free(a);
}

FLOW(early_hints)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	a_herd(o, d);
	other_ones(o, d);
	too_many(o, d);
	daemon_stop(d);
	origin_stop(o);
}
