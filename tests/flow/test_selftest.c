/* SPDX-License-Identifier: BSD-2-Clause */
/* The scripted origin and the scripted clients against each other, without the daemon. */
#include "tests/lib/flow.h"

static const char *
address(const struct origin *o)
{
	return origin_url(o) + strlen("http://");
}

static void
framings(struct origin *o)
{
	static const char *const paths[] = { "/length", "/chunked", "/close" };

	origin_answer(o, .path = "/length", .bytes = 300000, .fields = "A: b\r\n");
	origin_answer(o, .path = "/chunked", .bytes = 300000, .framing = ORIGIN_CHUNKED);
	origin_answer(o, .path = "/close", .bytes = 300000, .framing = ORIGIN_CLOSE);
	for (unsigned i = 0; i < 3; i++) {
		struct answer *a = client_get(address(o), paths[i], "X: y\r\n");

		ck_assert_str_eq(a->fault != NULL ? a->fault : "", "");
		ck_assert_uint_eq(a->length, 300000);
		ck_assert_uint_eq(a->sum, test_body_sum(300000));
		ck_assert(strlen(a->body) == 300000);
		ck_assert(answer_says(a, "a", "b") == (i == 0));
		answer_free(a);
	}
}

static void
faults(struct origin *o)
{
	struct answer *a;

	origin_answer(o, .path = "/cut", .bytes = 1000, .cut = true, .cut_at = 10);
	origin_answer(o, .path = "/reset", .bytes = 1000, .cut = true, .cut_at = 0, .reset = true);
	origin_answer(o, .path = "/both", .raw = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	a = client_get(address(o), "/cut", "");
	ck_assert_str_eq(a->fault, "cut short");
	ck_assert_uint_eq(a->length, 10);
	answer_free(a);
	a = client_get(address(o), "/reset", "");
	ck_assert_ptr_nonnull(a->fault);
	answer_free(a);
	a = client_get(address(o), "/both", "");
	ck_assert_str_eq(a->fault, "Content-Length and Transfer-Encoding");
	answer_free(a);
}

static void
pieces(struct origin *o)
{
	struct client *c = client_open(address(o));

	origin_answer(o, .path = "/pieces", .bytes = 30, .piece = 10, .framing = ORIGIN_CHUNKED);
	client_ask(c, "/pieces", "");
	ck_assert_int_eq(client_head(c)->status, 200);
	for (unsigned i = 1; i <= 3; i++) {
		origin_piece(o, "/pieces", 1);
		ck_assert_uint_eq(client_read(c, 10 * i)->length, 10 * i);
	}
	ck_assert_uint_eq(client_answer(c)->sum, test_body_sum(30));
	origin_close_idle(o);
	ck_assert(client_closed(c));
	client_close(c);
}

static void
uploads(struct origin *o)
{
	struct client *c = client_open(address(o));
	struct origin_request r;

	origin_answer(o, .path = "/up", .status = 201);
	client_sendf(c, "PUT /up HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n");
	client_send_body(c, 0, 100000);
	ck_assert_int_eq(client_answer(c)->status, 201);
	client_sendf(c, "PUT /up HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n");
	ck_assert_int_eq(client_answer(c)->status, 201);
	r = origin_request(o, "/up", 0);
	ck_assert(r.whole && r.body_length == 100000 && r.body_sum == test_body_sum(100000));
	r = origin_request(o, "/up", 1);
	ck_assert(r.whole && r.chunked);
	ck_assert_str_eq(r.body, "abcde");
	ck_assert_uint_eq(r.trailers, 1);
	ck_assert_str_eq(r.method, "PUT");
	ck_assert_str_eq(origin_field(&r, "host"), "test");
	client_close(c);
}

static void
herds(struct origin *o)
{
	struct herd *h;

	origin_answer(o, .path = "/herd", .bytes = 5000);
	origin_hold(o, "/herd");
	h = herd_start(address(o), 200, "/herd");
	origin_wait_requests(o, "/herd", 200);
	herd_leave(h, 0, 10, true);
	origin_wait_given_up(o, "/herd", 10);
	origin_release(o, "/herd");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 5000, test_body_sum(5000)), 190);
	ck_assert_uint_eq(herd_count(h, 200), 190);
	ck_assert_uint_eq(herd_count(h, 0), 10);
	ck_assert_uint_eq(origin_most_at_once(o), 200);
	herd_ask(h, "/herd", "");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 190);
	herd_free(h);
}

static void
interim(struct origin *o)
{
	struct client *c = client_open(address(o));
	struct answer *a;

	origin_answer(o, .path = "/hint", .text = "x", .cookie = true);
	for (unsigned i = 1; i <= 2; i++) {
		origin_hold(o, "/hint");
		client_ask(c, "/hint", "");
		origin_wait_requests(o, "/hint", i);
		origin_say(o, "/hint", "HTTP/1.1 103 Early\r\nA: b\r\n\r\n");
		ck_assert_int_eq(client_wait_interim(c, 1)->status, 0);
		origin_release(o, "/hint");
		a = client_answer(c);
		ck_assert_str_eq(a->hints, "HTTP/1.1 103 Early\r\nA: b\r\n\r\n");
		ck_assert_str_eq(a->body, "x");
		ck_assert_str_eq(answer_field(a, "Set-Cookie"), i == 1 ? "n=1" : "n=2");
	}
	client_close(c);
	origin_answer(o, .path = "/odd", .text = "x",
	    .before = "HTTP/1.1 103 Early\r\nContent-Length: 1\r\n\r\n");
	a = client_get(address(o), "/odd", "");
	ck_assert_str_eq(a->fault, "a 1xx with a framing field");
	answer_free(a);
}

/* The last one: nobody gets in after it. */
static void
refuses(struct origin *o)
{
	struct client *c = client_open(address(o));

	client_ask(c, "/hint", "");
	ck_assert_int_eq(client_answer(c)->status, 200);
	origin_refuse(o);
	ck_assert(client_closed(c));
	client_close(c);
	ck_assert_int_eq(test_connect(address(o), false), -1);
}

FLOW(selftest)
{
	struct origin *o = origin_start();

	framings(o);
	faults(o);
	pieces(o);
	uploads(o);
	herds(o);
	interim(o);
	refuses(o);
	origin_stop(o);
}
