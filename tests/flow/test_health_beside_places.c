/* SPDX-License-Identifier: BSD-2-Clause */
/* A backend whose places are all taken is checked all the same, and is not unhealthy for that. */
#include <signal.h>

#include "tests/lib/flow.h"

static void
reload(struct origin *o, struct daemon *d, const char *timeout)
{
	daemon_rewrite(d, "workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s ]\n    max_connections: 1\n"
	    "    health: { path: /healthz, interval: 100ms, timeout: %s, fall: 1, rise: 1 }\n",
	    origin_url(o), timeout);
	daemon_signal(d, SIGHUP);
}

FLOW(health_beside_places)
{
	struct origin *o = origin_start();
	struct daemon *d;
	struct herd *h;
	unsigned seen;

	origin_answer(o, .path = "/*", .text = "hello");
	origin_hold(o, "/held");
	d = daemon_start("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s ]\n    max_connections: 1\n"
	    "    health: { path: /healthz, interval: 100ms, timeout: 5s, fall: 1 }\n",
	    origin_url(o));
	h = herd_start(daemon_addr(d), 10, "/held");
	daemon_wait_stat(d, "upstreams.default.queued", 9);
	seen = origin_requests(o, "/healthz");
	origin_wait_requests(o, "/healthz", seen + 3);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.connections"), 1);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.0.in_flight"), 1);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_uint_eq(origin_requests(o, "/held"), 1);
	ck_assert_uint_le(origin_most_open(o), 2);

	/* A check that gets no answer in time is a failure, and nobody is cut off by it. */
	origin_hold(o, "/healthz");
	reload(o, d, "500ms");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "unhealthy");
	herd_wait_done(h, 9);
	ck_assert_uint_eq(herd_count(h, 503), 9);
	origin_release(o, "/healthz");
	origin_release(o, "/held");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 1);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_int_eq(client_status(daemon_addr(d), "/after", ""), 200);
	herd_free(h);

	/* One that is under way, and would be for long, holds up no stop. */
	origin_hold(o, "/healthz");
	seen = origin_requests(o, "/healthz");
	reload(o, d, "1h");
	origin_wait_requests(o, "/healthz", seen + 1);
	daemon_stop(d);
	origin_stop(o);
}
