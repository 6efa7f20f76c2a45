/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trailer fields (RFC 9110 6.5) end here, in both directions: they are neither passed on nor taken
 * for fields of a head, and what follows them on the connection is read right.
 */
#include "tests/lib/flow.h"

#define CHUNKED	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
#define END	"0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nContent-Length: 99\r\nX-Sum: 2\r\n\r\n"

static void
clean(struct answer *a)
{
	ck_assert_msg(a->complete && a->status == 200, "%s", a->fault != NULL ? a->fault : a->head);
	ck_assert_str_eq(a->body, "hello");
	ck_assert_uint_eq(a->trailers, 0);
	ck_assert_ptr_null(answer_field(a, "X-Sum"));
	ck_assert_ptr_null(answer_field(a, "Set-Cookie"));
	ck_assert_ptr_null(answer_field(a, "Trailer"));
}

FLOW(trailers_dropped)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct origin_request q;

	origin_answer(o, .path = "/stored",
	    .raw = CHUNKED "Trailer: X-Sum\r\nCache-Control: max-age=60\r\n\r\n5\r\nhello\r\n" END);
	origin_answer(o, .path = "/up", .text = "hello");
	origin_answer(o, .path = "/bad", .raw = CHUNKED "\r\n5\r\nhello\r\n0\r\nX Sum: 1\r\n\r\n");
	for (unsigned i = 0; i < 2; i++) {
		client_ask(c, "/stored", "TE: trailers\r\nConnection: TE\r\n");
		clean(client_answer(c));
		daemon_wait_stat(d, "flights", 0);
	}
	ck_assert_uint_eq(origin_requests(o, "/stored"), 1);
	q = origin_request(o, "/stored", 0);
	ck_assert_ptr_null(origin_field(&q, "TE"));

	client_sendf(c, "POST /up HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"
	    "Trailer: X-Sum\r\n\r\n5\r\nhello\r\n" END);
	client_ask(c, "/stored", "");
	clean(client_answer(c));
	clean(client_answer(c));
	origin_wait_whole(o, "/up", 1);
	q = origin_request(o, "/up", 0);
	ck_assert_str_eq(q.body, "hello");
	ck_assert_uint_eq(q.trailers, 0);
	ck_assert_ptr_null(origin_field(&q, "X-Sum"));
	ck_assert_ptr_null(origin_field(&q, "Trailer"));
	ck_assert_uint_eq(origin_connections(o), 1);

	client_ask(c, "/bad", "");
	ck_assert(!client_answer(c)->complete);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
