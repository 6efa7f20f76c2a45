/* SPDX-License-Identifier: BSD-2-Clause */
/* Who comes while a shareable body is still arriving reads it from the beginning, as a hit. */
#include "tests/lib/flow.h"

FLOW(late_reader_joins)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *first = client_open(daemon_addr(d)), *late = client_open(daemon_addr(d));

	origin_answer(o, .path = "/p", .bytes = 40000, .piece = 10000,
	    .fields = "Cache-Control: max-age=60\r\n");
	origin_piece(o, "/p", 2);
	client_ask(first, "/p", "");
	ck_assert_uint_ge(client_read(first, 20000)->length, 20000);
	client_ask(late, "/p", "");
	ck_assert_uint_ge(client_read(late, 20000)->length, 20000);
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_piece(o, "/p", 2);
	ck_assert_uint_eq(client_answer(first)->sum, test_body_sum(40000));
	ck_assert_uint_eq(client_answer(late)->sum, test_body_sum(40000));
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	daemon_wait_stat(d, "hit", 1);
	client_close(first);
	client_close(late);
	daemon_stop(d);
	origin_stop(o);
}
