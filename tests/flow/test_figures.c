/* SPDX-License-Identifier: BSD-2-Clause */
/* The figures of /stats are those of what was done: each step here changes what it must. */
#include "tests/lib/flow.h"

#define CLIENTS	20u

static void
is(struct daemon *d, const char *name, int64_t value)
{
	ck_assert_msg(daemon_stat(d, name) == value, "%s is %lld, not %lld", name,
	    (long long)daemon_stat(d, name), (long long)value);
}

/* One in the place, five in the line, and one too many. */
static void
line(struct origin *o, struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), 5);
	struct client *first = client_open(daemon_addr(d));

	origin_hold(o, "/first");
	client_ask(first, "/first", "");
	origin_wait_requests(o, "/first", 1);
	herd_ask_each(h, "/line", "");
	daemon_wait_stat(d, "upstreams.app.queued", 5);
	is(d, "queued", 5);
	is(d, "upstreams.other.queued", 0);
	is(d, "upstreams.app.limit", 1);
	is(d, "upstreams.app.connections", 1);
	is(d, "upstreams.app.idle", 0);
	is(d, "upstreams.app.servers.0.in_flight", 1);
	is(d, "upstreams.app.refused", 0);
	is(d, "flights", 6);
	is(d, "parked", 6);
	daemon_wait_stat_least(d, "upstreams.app.queue_oldest_ms", 1);
	ck_assert_int_eq(client_status(daemon_addr(d), "/too-many", ""), 503);
	is(d, "upstreams.app.refused", 1);
	is(d, "upstream_errors", 0);
	origin_release(o, "/first");
	ck_assert_int_eq(client_answer(first)->status, 200);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 5);
	daemon_wait_stat(d, "upstreams.app.idle", 1);
	is(d, "queued", 0);
	is(d, "upstreams.app.queued", 0);
	is(d, "upstreams.app.queue_oldest_ms", 0);
	is(d, "upstreams.app.connections", 1);
	is(d, "upstreams.app.servers.0.in_flight", 0);
	is(d, "upstreams.app.servers.0.idle", 1);
	is(d, "upstreams.app.servers.0.requests", 6);
	is(d, "upstreams.app.servers.0.failures", 0);
	/* Who was refused has not waited. */
	is(d, "queue_time_us.count", 6);
	is(d, "fetch_time_us.count", 6);
	is(d, "park_time_us.count", 0);
	ck_assert_int_gt(daemon_stat(d, "queue_time_us.sum"), 1000);
	ck_assert_int_ge(daemon_stat(d, "queue_time_us.max"), daemon_stat(d, "queue_time_us.p50"));
	client_close(first);
	herd_free(h);
}

static void
parking(struct origin *o, struct daemon *d)
{
	struct herd *h;

	origin_hold(o, "/park");
	h = herd_start(daemon_addr(d), CLIENTS, "/park");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_release(o, "/park");
	herd_wait(h);
	/* The one who led has not waited for another. */
	daemon_wait_stat(d, "park_time_us.count", CLIENTS - 1);
	is(d, "fetch_time_us.count", 7);
	ck_assert_int_ge(daemon_stat(d, "park_time_us.p99"), daemon_stat(d, "park_time_us.p50"));
	ck_assert_int_ge(daemon_stat(d, "park_time_us.p99"), daemon_stat(d, "park_time_us.p90"));
	/* Hits wait for nothing. */
	herd_ask(h, "/park", "");
	herd_wait(h);
	is(d, "park_time_us.count", CLIENTS - 1);
	is(d, "queue_time_us.count", 7);
	daemon_wait_stat(d, "hit", CLIENTS);
	herd_free(h);
}

static void
failures(struct origin *o, struct daemon *d)
{
	/* On a new connection, so that it is not asked again. */
	origin_close_idle(o);
	origin_wait_open(o, 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/fails", ""), 502);
	ck_assert_int_eq(client_status(daemon_addr(d), "/fails", ""), 502);
	is(d, "upstreams.app.servers.0.failures", 1);
	is(d, "upstream_errors", 1);
	is(d, "kept_errors", 1);
	daemon_wait_stat(d, "error", 2);
	is(d, "upstreams.app.servers.0.opened", 1);
	daemon_wait_text(d, "upstreams.app.servers.0.state", "open");
	daemon_wait_text(d, "upstreams.other.servers.0.state", "up");
}

FLOW(figures)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 2\nupstreams:\n  app:\n    servers: [ %s ]\n"
	    "    max_connections: 1\n    queue: { length: 5 }\n    retries: 0\n"
	    "    breaker: { failures: 1, pause: 1h }\n  other: { servers: %s }\n"
	    "routes: [ { upstream: app, error_ttl: 1h } ]\n", origin_url(o), origin_url(o));
	static const char *const still[] = { "refreshes", "refreshes_dropped", "hedges",
	    "hedges_won", "learned_routes", "upstream_retries", "upstreams.app.orphans",
	    "upstreams.other.refused", "upstreams.other.servers.0.requests" };

	origin_answer(o, .path = "/fails*", .raw = "", .close = true);
	origin_answer(o, .path = "/*", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	line(o, d);
	parking(o, d);
	failures(o, d);
	for (size_t i = 0; i < sizeof still / sizeof still[0]; i++)
		is(d, still[i], 0);
	daemon_stop(d);
	origin_stop(o);
}
