/* SPDX-License-Identifier: BSD-2-Clause */
/* More than queue.length wait for a connection: 503 with Retry-After; so after queue.timeout. */
#include "tests/lib/flow.h"

static struct daemon *
start(struct origin *o, const char *queue)
{
	return daemon_start("workers: 4\nroutes: [ { cache: off } ]\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    max_connections: 2\n    queue: %s\n", origin_url(o), queue);
}

static void
full(struct origin *o)
{
	struct daemon *d = start(o, "{ length: 5 }");
	struct herd *h;

	origin_hold(o, "/full");
	h = herd_start(daemon_addr(d), 20, "/full");
	herd_wait_done(h, 13);
	ck_assert_uint_eq(herd_count(h, 503), 13);
	ck_assert_uint_eq(herd_count_says(h, "Retry-After", ""), 13);
	origin_release(o, "/full");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 7);
	daemon_wait_stat(d, "shed", 13);
	daemon_wait_stat(d, "pass", 7);
	herd_free(h);
	daemon_stop(d);
}

static void
timed_out(struct origin *o)
{
	struct daemon *d = start(o, "{ length: 100, timeout: 300ms }");
	struct herd *h;

	origin_hold(o, "/timed");
	h = herd_start(daemon_addr(d), 20, "/timed");
	herd_wait_done(h, 18);
	ck_assert_uint_eq(herd_count(h, 503), 18);
	ck_assert_uint_eq(herd_count_says(h, "Retry-After", ""), 18);
	origin_release(o, "/timed");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 2);
	daemon_wait_stat(d, "shed", 18);
	herd_free(h);
	daemon_stop(d);
}

FLOW(queue_bounded)
{
	struct origin *o = origin_start();

	origin_answer(o, .path = "/*", .text = "hello");
	full(o);
	timed_out(o);
	ck_assert_uint_le(origin_most_at_once(o), 2);
	origin_stop(o);
}
