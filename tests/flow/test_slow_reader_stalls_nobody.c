/* SPDX-License-Identifier: BSD-2-Clause */
/* One of those who share a body does not read: the others get all of it. */
#include "tests/lib/flow.h"

FLOW(slow_reader_stalls_nobody)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *slow = client_open_small(daemon_addr(d), 4096);
	struct herd *h;

	origin_answer(o, .path = "/p", .bytes = 12 * MIB, .framing = ORIGIN_CHUNKED,
	    .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/p");
	client_ask(slow, "/p", "");
	origin_wait_requests(o, "/p", 1);
	h = herd_start(daemon_addr(d), 20, "/p");
	daemon_wait_stat(d, "parked", 21);
	origin_release(o, "/p");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 12 * MIB, test_body_sum(12 * MIB)), 20);
	/* And it loses nothing by its slowness. */
	ck_assert_uint_eq(client_answer(slow)->sum, test_body_sum(12 * MIB));
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	client_close(slow);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
