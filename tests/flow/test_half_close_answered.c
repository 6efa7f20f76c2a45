/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that shuts down its sending side after the request still gets the whole of a large
 * answer.
 */
#include "tests/lib/flow.h"

static void
scenario(struct origin *o, struct daemon *d, const char *path)
{
	struct client *c = client_open(daemon_addr(d));
	struct answer *a;

	origin_hold(o, path);
	client_ask(c, path, "");
	origin_wait_requests(o, path, 1);
	client_half_close(c);
	daemon_wait_stat(d, "parked", 0);
	origin_release(o, path);
	a = client_answer(c);
	ck_assert_msg(
	    a->complete, "%s: %s after %llu", path, a->fault, (unsigned long long)a->length);
	ck_assert_uint_eq(a->sum, test_body_sum(8 * MIB));
	ck_assert(client_closed(c));
	client_close(c);
}

FLOW(half_close_answered)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(
	    o, .path = "/shared", .bytes = 8 * MIB, .fields = "Cache-Control: max-age=60\r\n");
	scenario(o, d, "/shared");
	/* Together with the request, of what is stored. */
	for (unsigned i = 0; i < 10; i++) {
		struct client *c = client_open(daemon_addr(d));

		client_ask(c, "/shared", "");
		client_half_close(c);
		ck_assert_uint_eq(client_answer(c)->sum, test_body_sum(8 * MIB));
		client_close(c);
	}
	daemon_wait_stat(d, "hit", 10);
	daemon_stop(d);
	origin_stop(o);
}
