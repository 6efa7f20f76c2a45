/* SPDX-License-Identifier: BSD-2-Clause */
/* A purge while a body is arriving: its readers get all of it, later clients what comes after. */
#include "tests/lib/flow.h"

FLOW(purge_while_filling)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));

	origin_answer(o, .path = "/p", .times = 1, .bytes = 20000, .piece = 10000,
	    .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(o, .path = "/p", .text = "new", .fields = "Cache-Control: max-age=60\r\n");
	origin_piece(o, "/p", 1);
	client_ask(c, "/p", "");
	ck_assert_uint_eq(client_read(c, 10000)->length, 10000);
	ck_assert_int_eq(daemon_purge(d, "http://test/p"), 1);
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/p"), 2);
	origin_piece(o, "/p", 1);
	ck_assert_uint_eq(client_answer(c)->sum, test_body_sum(20000));
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), 1);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
