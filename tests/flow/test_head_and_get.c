/* SPDX-License-Identifier: BSD-2-Clause */
/* A HEAD is answered from what a GET stored; what a HEAD brought is no body for a GET. */
#include "tests/lib/flow.h"

FLOW(head_and_get)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_answer(o, .path = "/*", .bytes = 5000, .fields = "Cache-Control: max-age=60\r\n");
	client_sendf(c, "HEAD /p HTTP/1.1\r\nHost: test\r\n\r\n");
	ck_assert(client_answer_to_head(c)->complete);
	daemon_wait_stat(d, "flights", 0);
	client_ask(c, "/p", "");
	a = client_answer(c);
	ck_assert_uint_eq(a->sum, test_body_sum(5000));
	daemon_wait_stat(d, "flights", 0);
	client_sendf(c, "HEAD /p HTTP/1.1\r\nHost: test\r\n\r\n");
	a = client_answer_to_head(c);
	ck_assert(answer_says(a, "Cache-Status", "hit"));
	ck_assert(answer_says(a, "Content-Length", "5000"));
	client_ask(c, "/p", "");
	a = client_answer(c);
	ck_assert(answer_says(a, "Cache-Status", "hit"));
	ck_assert_uint_eq(a->sum, test_body_sum(5000));
	ck_assert_uint_le(origin_requests(o, NULL), 2);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
