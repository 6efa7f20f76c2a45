/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not answered within limits.drain is cut, and the daemon exits with 0 all the same. */
#include <signal.h>

#include "tests/lib/flow.h"

FLOW(drain_limit)
{
	struct origin *o = origin_start();
	struct daemon *d =
	    daemon_start("upstream: %s\nworkers: 2\nlimits: { drain: 300ms }\n", origin_url(o));
	struct herd *h;

	origin_hold(o, "/never");
	h = herd_start(daemon_addr(d), 20, "/never");
	daemon_wait_stat(d, "parked", 20);
	daemon_signal(d, SIGTERM);
	ck_assert_int_eq(daemon_wait_exit(d), 0);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 0);
	herd_free(h);
	daemon_free(d);
	origin_stop(o);
}
