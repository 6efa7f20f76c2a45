/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers go and come, hang up and break off, the configuration changes all the time, clients wait,
 * leave and ask again.  Nobody waits for ever, the places are never more than allowed, and in the
 * end each of them has been given back.
 */
#include <signal.h>
#include <stdio.h>

#include "tests/lib/flow.h"

#define SERVERS	3u
#define CLIENTS	60u
#define ROUNDS	40u
#define MOST	12u

/* The same each time. */
static unsigned
chance(unsigned n)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % n;
}

static const char *const balances[] = { "round_robin", "least_connections", "hash" };
static const char *const limits[] = { "1", "3", "12", "auto", "{ min: 2, most: 12 }" };
static const char *const healths[] = { "off", "{ path: /h, interval: 100ms, fall: 1 }",
    "{ path: /h, interval: 100ms, timeout: 50ms, rise: 1 }" };
static const char *const breakers[] = { "off", "{ failures: 2, pause: 50ms }",
    "{ failures: 1, pause: 1s }" };

static void
reload(struct origin *o[SERVERS], struct daemon *d)
{
	unsigned first = chance(SERVERS), limit = chance(5);
	char auto_limit[32];

	/* `auto` goes up to 256: not here. */
	snprintf(auto_limit, sizeof auto_limit, "{ most: %u }", MOST);
	daemon_rewrite(d, "workers: 4\nlog: { level: error }\n"
	    "routes: [ { ttl: 1s, error_ttl: 50ms, stale_while_revalidate: %us } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s, { url: \"%s\", weight: %u, backup: %s } ]\n"
	    "    balance: %s\n    max_connections: %s\n    hedge: %s\n    retries: %u\n"
	    "    health: %s\n    breaker: %s\n    queue: { length: %u, timeout: 2s }\n"
	    "    keepalive: { connections: %u }\n", chance(2), origin_url(o[first]),
	    origin_url(o[(first + 1 + chance(2)) % SERVERS]), 1 + chance(3),
	    chance(2) ? "true" : "false", balances[chance(3)],
	    limit == 3 ? auto_limit : limits[limit], chance(2) ? "on" : "off", chance(3),
	    healths[chance(3)], breakers[chance(3)], chance(2) * 100, chance(2) * MOST);
	daemon_signal(d, SIGHUP);
}

static void
storm(struct origin *o[SERVERS], struct daemon *d, bool down[SERVERS], unsigned round)
{
	struct herd *some = herd_open(daemon_addr(d), CLIENTS);
	struct herd *same = herd_open(daemon_addr(d), CLIENTS);
	unsigned one = chance(SERVERS), left = chance(CLIENTS);
	char path[32];

	snprintf(path, sizeof path, "/%c%u-", chance(2) ? 'a' : 'b', round - chance(2));
	herd_ask_each(some, path, "");
	snprintf(path, sizeof path, "/s%u", chance(4));
	herd_ask(same, path, "");
	ck_assert_int_le(daemon_stat(d, "upstreams.default.connections"), MOST);
	if (chance(2))
		reload(o, d);
	if (chance(3) == 0)
		herd_leave(some, 0, left, chance(2) == 0);
	if (chance(3) == 0)
		herd_leave(same, left, CLIENTS, chance(2) == 0);
	if (chance(2) == 0) {
		origin_close_idle(o[one]);
	} else {
		down[one] = !down[one];
		(down[one] ? origin_refuse : origin_accept)(o[one]);
	}
	herd_wait(some);
	herd_wait(same);
	herd_free(some);
	herd_free(same);
}

static void
rules(struct origin *o)
{
	origin_answer(o, .path = "/h", .times = 3, .text = "well");
	origin_answer(o, .path = "/h", .times = 2, .status = 500);
	origin_answer(o, .path = "/h", .text = "well", .delay_ms = 20);
	for (unsigned i = 0; i < 50; i++) {
		origin_answer(o, .path = "/a*", .times = 40, .text = "hello", .delay_ms = 3);
		origin_answer(o, .path = "/a*", .times = 2, .raw = "", .close = true);
		origin_answer(o, .path = "/b*", .times = 20, .bytes = 20000,
		    .framing = ORIGIN_CHUNKED);
		origin_answer(o, .path = "/b*", .times = 2, .bytes = 20000, .cut = true,
		    .cut_at = 100, .reset = true);
		origin_answer(o, .path = "/s*", .times = 1, .status = 503, .delay_ms = 20);
		origin_answer(o, .path = "/s*", .times = 1, .text = "private",
		    .fields = "Cache-Control: private\r\n");
		origin_answer(o, .path = "/s*", .times = 2, .bytes = 3000, .delay_ms = 10);
	}
	origin_answer(o, .path = "/*", .text = "hello");
}

FLOW(servers_storm)
{
	struct origin *o[SERVERS];
	bool down[SERVERS] = { false };
	struct daemon *d;

	for (unsigned i = 0; i < SERVERS; i++) {
		o[i] = origin_start();
		rules(o[i]);
	}
	d = daemon_start("workers: 4\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    max_connections: %u\n", origin_url(o[0]), MOST);
	for (unsigned i = 0; i < ROUNDS; i++)
		storm(o, d, down, i + 1);
	daemon_wait_stat(d, "flights", 0);
	daemon_wait_stat(d, "upstreams.default.queued", 0);
	daemon_wait_stat(d, "upstreams.default.orphans", 0);
	for (unsigned i = 0; i < 2; i++) {
		char name[64];

		snprintf(name, sizeof name, "upstreams.default.servers.%u.in_flight", i);
		daemon_wait_stat(d, name, 0);
	}
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.connections"),
	    daemon_stat(d, "upstreams.default.idle"));
	ck_assert_int_le(daemon_stat(d, "requests"), 2 * (int64_t)CLIENTS * ROUNDS);
	daemon_stop(d);
	for (unsigned i = 0; i < SERVERS; i++)
		origin_stop(o[i]);
}
