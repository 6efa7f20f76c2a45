/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server dies while many wait for what it was asked: all get the other one's answer, for one
 * request more.  Also where it was asked on a connection that had been kept.
 */
#include "tests/lib/flow.h"

#define CLIENTS	50

static void
dies(struct daemon *d, struct origin *first, struct origin *second, const char *path)
{
	struct herd *h;

	origin_answer(first, .path = path, .raw = "", .close = true, .reset = true);
	origin_answer(second, .path = path, .text = "second");
	origin_hold(first, path);
	h = herd_start(daemon_addr(d), CLIENTS, path);
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(first, path, 1);
	origin_refuse(first);
	origin_release(first, path);
	herd_wait(h);
	ck_assert_msg(herd_count_body(h, 6, test_sum(TEST_SUM, 0, "second", 6)) == CLIENTS,
	    "%s: %u of them have %d", path, herd_count(h, herd_answer(h, 0)->status),
	    herd_answer(h, 0)->status);
	ck_assert_uint_eq(origin_requests(first, path), 1);
	ck_assert_uint_eq(origin_requests(second, path), 1);
	herd_free(h);
	origin_accept(first);
}

FLOW(failover_of_herd)
{
	struct origin *first = origin_start(), *second = origin_start();
	struct daemon *d = daemon_start("workers: 2\nupstreams:\n  default:\n"
	    "    balance: round_robin\n    breaker: off\n"
	    "    servers: [ { url: \"%s\", weight: 1000 }, %s ]\n", origin_url(first),
	    origin_url(second));

	dies(d, first, second, "/new-connection");
	daemon_wait_stat(d, "miss", 1);
	daemon_wait_stat(d, "coalesced", CLIENTS - 1);

	origin_answer(first, .path = "/warm", .text = "first");
	ck_assert_int_eq(client_status(daemon_addr(d), "/warm", ""), 200);
	daemon_wait_stat(d, "upstreams.default.servers.0.idle", 1);
	dies(d, first, second, "/kept-connection");
	ck_assert_uint_eq(origin_request(first, "/warm", 0).connection,
	    origin_request(first, "/kept-connection", 0).connection);
	ck_assert_int_eq(daemon_stat(d, "error"), 0);
	daemon_stop(d);
	origin_stop(first);
	origin_stop(second);
}
