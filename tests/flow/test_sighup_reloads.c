/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIGHUP: a good file takes over without losing a connection, a parked client or an object; a bad
 * one
 * changes nothing and says why.
 */
#include <signal.h>

#include "tests/lib/flow.h"

FLOW(sighup_reloads)
{
	struct origin *first = origin_start(), *second = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(first));
	struct client *kept = client_open(daemon_addr(d));
	struct herd *h;

	origin_answer(
	    first, .path = "/stored", .text = "first", .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(first, .path = "/*", .text = "first");
	origin_answer(second, .path = "/*", .text = "second!");
	client_ask(kept, "/stored", "");
	ck_assert_str_eq(client_answer(kept)->body, "first");
	origin_hold(first, "/parked");
	h = herd_start(daemon_addr(d), 20, "/parked");
	daemon_wait_stat(d, "parked", 20);

	daemon_rewrite(
	    d, "upstream: %s\nworkers: 2\nroutes:\n  - { mach: {}, ttl: 5 }\n", origin_url(second));
	daemon_signal(d, SIGHUP);
	daemon_wait_log(d, "stays in force");
	ck_assert(daemon_logged(d, ":6:7: "));
	ck_assert(daemon_logged(d, "mach"));
	client_ask(kept, "/bad-file", "");
	ck_assert_str_eq(client_answer(kept)->body, "first");

	daemon_rewrite(
	    d, "upstream: %s\nworkers: 2\nroutes:\n  - { ttl: 60s }\n", origin_url(second));
	daemon_signal(d, SIGHUP);
	daemon_wait_log(d, "reloaded");
	/* Requests that come from now on ask the new backend, under the new rules. */
	for (int64_t deadline = test_deadline();;) {
		client_ask(kept, "/new", "");
		if (strcmp(client_answer(kept)->body, "second!") == 0)
			break;
		ck_assert_int_gt(test_left(deadline), 0);
	}
	client_ask(kept, "/new", "");
	ck_assert(answer_says(client_answer(kept), "Cache-Status", "hit"));
	client_ask(kept, "/stored", "");
	ck_assert_str_eq(client_answer(kept)->body, "first");
	origin_release(first, "/parked");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 5, test_sum(TEST_SUM, 0, "first", 5)), 20);
	client_close(kept);
	herd_free(h);
	daemon_stop(d);
	origin_stop(first);
	origin_stop(second);
}
