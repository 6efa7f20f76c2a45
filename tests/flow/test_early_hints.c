/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 1xx answers of a backend (RFC 9110 15.2) reach everyone who waits for the final one, whether he
 * came before them or after; not HTTP/1.0, which knows none, and nobody who is served later.  To
 * one who said who it is they may be about it, so they are its alone; and no cookie goes that way.
 */
#include "tests/lib/flow.h"

#define HINT                                                                                       \
	"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nX-Hint: 1\r\n"             \
	"Connection: x-hop\r\nX-Hop: 1\r\n\r\n"

static void
is_hinted(const struct answer *a, unsigned n)
{
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
hinted(struct client *c, unsigned n)
{
	is_hinted(client_answer(c), n);
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

/* Before the head is there nobody knows whether the answer is for more than the one who asked. */
static void
personal(struct origin *o, struct daemon *d, const char *path, const char *leader,
    const char *other)
{
	struct client *c[3];

	origin_answer(o, .path = path, .text = "hello",
	    .fields = "Cache-Control: public, max-age=60\r\n");
	origin_hold(o, path);
	for (unsigned i = 0; i < 3; i++) {
		c[i] = client_open(daemon_addr(d));
		client_ask(c[i], path, i < 2 ? leader : other);
		daemon_wait_stat(d, "parked", i + 1);
	}
	origin_wait_requests(o, path, 1);
	origin_say(o, path, HINT);
	ck_assert_int_eq(client_wait_interim(c[0], 1)->status, 0);
	origin_say(o, path, HINT);
	origin_release(o, path);
	hinted(c[0], 2);
	hinted(c[1], 0);
	hinted(c[2], 0);
	ck_assert_uint_eq(origin_requests(o, path), 1);
	for (unsigned i = 0; i < 3; i++)
		client_close(c[i]);
}

/* Neither what sets a cookie nor what is meant for us. */
static void
fields_kept_back(struct origin *o, struct daemon *d, const char *path, const char *leader)
{
	static const char *const names[] = {
		"Set-Cookie", "Set-Cookie2", "Surrogate-Control", "X-Hop",
	};
	struct client *c[2];
	struct answer *a;

	origin_answer(o, .path = path, .text = "hello", .fields = "Cache-Control: max-age=60\r\n",
	    .before = "HTTP/1.1 103 Early Hints\r\nSet-Cookie: id=1\r\nset-cookie2: id=2\r\n"
		      "Link: </style.css>; rel=preload\r\nSurrogate-Control: max-age=60\r\n"
		      "Connection: x-hop\r\nX-Hop: 1\r\nX-Hint: 1\r\nSet-Cookie: id=3\r\n\r\n");
	origin_hold(o, path);
	for (unsigned i = 0; i < 2; i++) {
		c[i] = client_open(daemon_addr(d));
		client_ask(c[i], path, i == 0 ? leader : "");
		daemon_wait_stat(d, "parked", i + 1);
	}
	origin_release(o, path);
	for (unsigned i = 0; i < 2; i++) {
		a = client_answer(c[i]);
		for (size_t k = 0; a->hints != NULL && k < sizeof names / sizeof names[0]; k++)
			ck_assert_msg(answer_head_field(a->hints, names[k], 0) == NULL,
			    "%s to %u: %s", path, i, a->hints);
		is_hinted(a, i == 0 || leader[0] == '\0' ? 1 : 0);
		client_close(c[i]);
	}
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
	personal(o, d, "/cookie", "Cookie: id=1\r\n", "");
	personal(o, d, "/cookie/other", "Cookie: id=1\r\n", "Cookie: id=2\r\n");
	personal(o, d, "/basic", "Authorization: Basic x\r\n", "Authorization: Basic y\r\n");
	fields_kept_back(o, d, "/kept", "");
	fields_kept_back(o, d, "/kept/cookie", "Cookie: id=1\r\n");
	too_many(o, d);
	daemon_stop(d);
	origin_stop(o);
}
