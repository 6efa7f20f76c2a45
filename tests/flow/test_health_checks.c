/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Health checks: each server is asked for the path at the interval; `fall` failures in a row take
 * it out, `rise` successes in a row bring it back, and fewer do nothing.
 *
 * What the checks are answered is told by rules of ever shorter prefixes: one is over, the next
 * holds, and no request comes in between.
 */
#include "tests/lib/flow.h"

static unsigned
checks(struct origin *o)
{
	return origin_requests(o, "/healthz?deep");
}

static void
wait_checks(struct origin *o, unsigned more)
{
	origin_wait_requests(o, "/healthz?deep", checks(o) + more);
}

/* 20 requests: how many of them this one gets. */
static unsigned
share(struct daemon *d, struct origin *o, const char *path)
{
	struct client *c = client_open(daemon_addr(d));

	for (unsigned i = 0; i < 20; i++) {
		client_ask(c, path, "");
		ck_assert_int_eq(client_answer(c)->status, 200);
	}
	client_close(c);
	return origin_requests(o, path);
}

FLOW(health_checks)
{
	struct origin *sick = origin_start(), *sound = origin_start();
	struct daemon *d;
	struct origin_request r;

	origin_answer(sound, .path = "/*", .text = "hello");
	origin_answer(sick, .path = "/p*", .text = "hello");
	/* Never three in a row; a redirect is a success. */
	origin_answer(sick, .path = "/healthz?deep", .times = 1, .text = "well");
	origin_answer(sick, .path = "/healthz?deep", .times = 2, .status = 500);
	origin_answer(sick, .path = "/healthz?deep", .times = 1, .status = 302);
	origin_answer(sick, .path = "/healthz?deep", .times = 1, .raw = "", .close = true);
	origin_answer(sick, .path = "/healthz?deep", .times = 1, .raw = "SSH-2.0-x\r\n\r\n");
	origin_answer(sick, .path = "/healthz?deep", .text = "well");
	d = daemon_start("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s, %s ]\n    balance: round_robin\n"
	    "    health: { path: \"/healthz?deep\", interval: 100ms, timeout: 10s, fall: 3,"
	    " rise: 2 }\n", origin_url(sick), origin_url(sound));
	origin_wait_requests(sick, "/healthz?deep", 8);
	origin_wait_requests(sound, "/healthz?deep", 8);
	r = origin_request(sick, "/healthz?deep", 0);
	ck_assert_str_eq(r.method, "GET");
	ck_assert_int_gt(origin_request(sick, "/healthz?deep", 7).came - r.came, 400000);
	ck_assert(!daemon_logged(d, "unhealthy"));
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_uint_eq(share(d, sick, "/p1"), 10);

	/* Three in a row. */
	origin_answer(sick, .path = "/healthz*", .status = 404);
	origin_drop_rules(sick, "/healthz?deep");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "unhealthy");
	daemon_wait_log(d, "unhealthy");
	ck_assert_uint_eq(share(d, sick, "/p2"), 0);
	ck_assert_int_eq(client_status(daemon_admin(d), "/readyz", ""), 200);

	/* Never two in a row. */
	origin_answer(sick, .path = "/health*", .times = 1, .text = "well");
	origin_answer(sick, .path = "/health*", .times = 1, .status = 503);
	origin_answer(sick, .path = "/health*", .times = 1, .text = "well");
	origin_answer(sick, .path = "/health*", .status = 503);
	origin_drop_rules(sick, "/healthz*");
	wait_checks(sick, 6);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "unhealthy");
	ck_assert(!daemon_logged(d, "healthy again"));
	ck_assert_uint_eq(share(d, sick, "/p3"), 0);

	origin_answer(sick, .path = "/h*", .text = "well");
	origin_drop_rules(sick, "/health*");
	daemon_wait_text(d, "upstreams.default.servers.0.state", "up");
	ck_assert_uint_eq(share(d, sick, "/p4"), 10);
	/* Checks are counted as nothing else. */
	ck_assert_int_eq(daemon_stat(d, "upstream_fetches"), 80);
	ck_assert_int_eq(daemon_stat(d, "upstream_errors"), 0);
	daemon_stop(d);
	origin_stop(sick);
	origin_stop(sound);
}
