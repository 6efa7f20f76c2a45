/* SPDX-License-Identifier: BSD-2-Clause */
/* Those released after an unshareable answer do not wait for each other: all ask at one time. */
#include "tests/lib/flow.h"

FLOW(unshareable_not_a_chain)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 4\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 400\n", origin_url(o));
	struct herd *h;

	/*
	 * The head of the first answer says it all; its body is held back until the others have
	 * asked.
	 */
	origin_answer(o, .path = "/mine", .bytes = 100, .piece = 100,
	    .fields = "Set-Cookie: id=1\r\nCache-Control: max-age=60\r\n");
	origin_hold(o, "/mine");
	h = herd_start(daemon_addr(d), 100, "/mine");
	daemon_wait_stat(d, "parked", 100);
	origin_release(o, "/mine");
	origin_wait_requests(o, "/mine", 100);
	ck_assert_uint_eq(origin_most_at_once(o), 100);
	origin_piece(o, "/mine", 1);
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), 100);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
