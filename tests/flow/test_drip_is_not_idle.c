/* SPDX-License-Identifier: BSD-2-Clause */
/* A backend that goes on sending, however slowly, is not cut by timeouts.idle. */
#include "tests/lib/flow.h"

FLOW(drip_is_not_idle)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    timeouts: { idle: 2s }\n", origin_url(o));
	struct answer *a;

	/* Twice the timeout in all, a tenth of it between two pieces. */
	origin_answer(o, .path = "/drip", .bytes = 20, .piece = 1, .piece_ms = 200);
	a = client_get(daemon_addr(d), "/drip", "");
	ck_assert(a->complete);
	ck_assert_uint_eq(a->sum, test_body_sum(20));
	answer_free(a);
	daemon_stop(d);
	origin_stop(o);
}
