/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a server outlives a reload that still names it: its kept connections, its open
 * breaker, that it is unhealthy.  What is not checked any more is taken to be well.
 */
#include <signal.h>

#include "tests/lib/flow.h"

#define CHECKED	"{ path: /healthz, interval: 100ms, timeout: 1h, fall: 1, rise: 1 }"

static void
lines(struct daemon *d, struct origin *o[2], const char *weight, const char *health,
    const char *limit)
{
	daemon_rewrite(d, "workers: 2\nroutes: [ { cache: off } ]\nupstreams:\n  default:\n"
	    "    servers: [ { url: \"%s\", weight: %s }, %s ]\n    balance: round_robin\n"
	    "    breaker: { failures: 1, pause: 1h }\n    health: %s\n    max_connections: %s\n",
	    origin_url(o[0]), weight, origin_url(o[1]), health, limit);
	daemon_signal(d, SIGHUP);
	/* The limit says that it is in force. */
	daemon_wait_stat(d, "upstreams.default.limit", atoi(limit));
}

static unsigned
share(struct daemon *d, struct origin *o, const char *path, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), path, ""), 200);
	return origin_requests(o, path);
}

FLOW(reload_keeps_known)
{
	struct origin *o[2] = { origin_start(), origin_start() };
	struct daemon *d = daemon_start_steered("upstream: %s\n", origin_url(o[0]));
	unsigned was;

	for (unsigned i = 0; i < 2; i++) {
		if (i == 0)
			origin_answer(o[i], .path = "/healthz", .status = 500);
		origin_answer(o[i], .path = "/*", .text = "hello");
	}
	lines(d, o, "1", "off", "10");
	ck_assert_uint_eq(share(d, o[0], "/equal", 10), 5);
	was = origin_connections(o[0]);
	daemon_wait_stat(d, "upstreams.default.servers.0.idle", 1);
	lines(d, o, "4", "off", "11");
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.0.idle"), 1);
	ck_assert_uint_eq(share(d, o[0], "/weight", 10), 8);
	ck_assert_uint_eq(origin_connections(o[0]), was);

	/* Unhealthy, and checked as before: it stays out without another check. */
	lines(d, o, "4", CHECKED, "12");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "unhealthy");
	origin_hold(o[0], "/healthz");
	was = origin_requests(o[0], "/healthz");
	origin_wait_requests(o[0], "/healthz", was + 1);
	lines(d, o, "9", CHECKED, "13");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "unhealthy");
	ck_assert_uint_eq(share(d, o[0], "/out", 10), 0);
	lines(d, o, "9", "off", "14");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_uint_eq(share(d, o[0], "/in", 10), 9);
	origin_release(o[0], "/healthz");

	/* Its breaker. */
	origin_refuse(o[0]);
	origin_wait_open(o[0], 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/finds-out", ""), 200);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "open");
	origin_accept(o[0]);
	lines(d, o, "1", "off", "15");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "open");
	ck_assert_uint_eq(share(d, o[0], "/broken", 10), 0);
	daemon_advance_clock(d, INT64_C(3600) * 1000000);
	ck_assert_uint_eq(share(d, o[0], "/mended", 10), 5);
	daemon_stop(d);
	origin_stop(o[0]);
	origin_stop(o[1]);
}
