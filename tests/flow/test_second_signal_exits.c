/* SPDX-License-Identifier: BSD-2-Clause */
/* A second SIGTERM or SIGINT does not wait for anyone. */
#include <signal.h>

#include "tests/lib/flow.h"

FLOW(second_signal_exits)
{
	struct origin *o = origin_start();

	origin_hold(o, "/never");
	for (unsigned round = 0; round < 2; round++) {
		struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
		struct client *c = client_open(daemon_addr(d));

		client_ask(c, "/never", "");
		daemon_wait_stat(d, "parked", 1);
		daemon_signal(d, round == 0 ? SIGTERM : SIGINT);
		daemon_wait_log(d, "stopping");
		ck_assert(daemon_running(d));
		daemon_signal(d, round == 0 ? SIGTERM : SIGINT);
		/* By itself, not by the signal. */
		ck_assert_int_lt(daemon_wait_exit(d), 128);
		client_close(c);
		daemon_free(d);
	}
	origin_stop(o);
}
