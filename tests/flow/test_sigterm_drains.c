/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGTERM under load: every request that was accepted gets a whole answer, then it exits with 0. */
#include <signal.h>
#include <unistd.h>

#include "tests/lib/flow.h"

FLOW(sigterm_drains)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 4\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 20\n", origin_url(o));
	struct client *body = client_open(daemon_addr(d)), *idle = client_open(daemon_addr(d));
	struct herd *parked, *own = herd_open(daemon_addr(d), 60);
	struct answer *a;
	int fd;

	origin_answer(o, .path = "/body", .bytes = 20000, .piece = 10000);
	origin_answer(o, .path = "/*", .bytes = 50000, .fields = "Cache-Control: max-age=60\r\n");
	origin_piece(o, "/body", 1);
	client_ask(body, "/body", "");
	ck_assert_uint_eq(client_read(body, 10000)->length, 10000);
	origin_hold(o, "/parked");
	parked = herd_start(daemon_addr(d), 100, "/parked");
	daemon_wait_stat(d, "parked", 100);
	origin_hold(o, "/own0");
	herd_ask_each(own, "/own", "");		/* more than the backend's connections */
	origin_wait_requests(o, "/own0", 1);

	daemon_signal(d, SIGTERM);
	daemon_wait_log(d, "stopping");
	a = client_get(daemon_admin(d), "/healthz", "");
	ck_assert_int_eq(a->status, 503);
	answer_free(a);
	/* Until the last worker has stopped accepting. */
	for (int64_t deadline = test_deadline(); (fd = test_connect(daemon_addr(d), false)) >= 0;
	     close(fd))
		ck_assert_int_gt(test_left(deadline), 0);
	origin_release(o, "/parked");
	herd_wait(parked);
	ck_assert_uint_eq(herd_count_body(parked, 50000, test_body_sum(50000)), 100);
	ck_assert_uint_eq(herd_count_says(parked, "Connection", "close"), 100);
	origin_release(o, "/own0");
	herd_wait(own);
	ck_assert_uint_eq(herd_count_body(own, 50000, test_body_sum(50000)), 60);
	ck_assert(daemon_running(d));
	origin_piece(o, "/body", 1);
	ck_assert_uint_eq(client_answer(body)->sum, test_body_sum(20000));
	ck_assert(client_closed(idle));
	ck_assert_int_eq(daemon_wait_exit(d), 0);
	herd_free(parked);
	herd_free(own);
	client_close(body);
	client_close(idle);
	daemon_free(d);
	origin_stop(o);
}
