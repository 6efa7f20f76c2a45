/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's body whose chunks are not as RFC 9112 7.1 has them: 400, closed; the backend's
 * request
 * is never completed.
 */
#include "tests/lib/flow.h"

FLOW(bad_chunks)
{
	static const char *const bodies[] = {
		"0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
		"5 junk\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n",
		"5\r\nhello0\r\n\r\n", "\r\n\r\n", "g\r\n\r\n", "-1\r\n\r\n",
		"fffffffffffffffff\r\nhello\r\n", "5\r\nhello\r\n0\r\nX Y: z\r\n\r\n",
		"5\r\nhello\r\n0\r\n folded\r\n\r\n", "5\rhello\r\n0\r\n\r\n",
	};
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	unsigned n = sizeof bodies / sizeof bodies[0], seen;

	for (unsigned i = 0; i < n; i++) {
		struct client *c = client_open(daemon_addr(d));
		struct answer *a;

		client_sendf(c,
		    "POST /up HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n%s"
		    "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n",
		    bodies[i]);
		a = client_answer(c);
		ck_assert_msg(a->status == 400, "%u: %d", i, a->status);
		ck_assert_msg(client_closed(c), "%u: something after the answer", i);
		client_close(c);
	}
	daemon_wait_stat(d, "flights", 0);
	seen = origin_requests(o, "/up");
	for (unsigned i = 0; i < seen; i++)
		ck_assert_msg(
		    !origin_request(o, "/up", i).whole, "%u reached the backend whole", i);
	ck_assert_uint_eq(origin_requests(o, "/smuggled"), 0);
	daemon_wait_stat(d, "error", n);
	daemon_stop(d);
	origin_stop(o);
}
