/* SPDX-License-Identifier: BSD-2-Clause */
/* A client that takes nothing of its answer for limits.send_timeout is cut, and its fetch ends. */
#include "tests/lib/flow.h"

FLOW(stuck_reader_cut)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start(
	    "upstream: %s\nworkers: 1\nlimits: { send_timeout: 500ms }\n", origin_url(o));
	struct client *c = client_open_small(daemon_addr(d), 4096);

	origin_answer(
	    o, .path = "/big", .bytes = 100 * MIB, .fields = "Cache-Control: no-store\r\n");
	client_ask(c, "/big", "");
	ck_assert_uint_ge(client_read(c, 1)->length, 1);
	origin_wait_given_up(o, "/big", 1);
	daemon_wait_stat(d, "flights", 0);
	daemon_wait_stat(d, "error", 1);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
