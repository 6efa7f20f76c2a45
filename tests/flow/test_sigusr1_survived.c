/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGUSR1, which those who rotate logs send to all, ends neither the daemon nor anyone's wait. */
#include <signal.h>

#include "tests/lib/flow.h"

FLOW(sigusr1_survived)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct herd *h;

	origin_answer(o, .path = "/*", .text = "hello");
	origin_hold(o, "/parked");
	h = herd_start(daemon_addr(d), 10, "/parked");
	daemon_wait_stat(d, "parked", 10);
	daemon_signal(d, SIGUSR1);
	daemon_wait_log(d, "SIGUSR1");
	ck_assert_int_eq(client_status(daemon_addr(d), "/next", ""), 200);
	ck_assert_int_eq(daemon_stat(d, "parked"), 10);
	origin_release(o, "/parked");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 10);
	ck_assert_uint_eq(origin_requests(o, "/parked"), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
