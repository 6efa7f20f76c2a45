/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint: what it has, what it refuses, and that its requests are not the proxy's. */
#include "tests/lib/flow.h"

static int
request(struct daemon *d, const char *method, const char *path)
{
	struct answer *a = client_exchangef(daemon_admin(d), "%s %s HTTP/1.1\r\nHost: admin\r\n"
	    "Connection: close\r\n\r\n", method, path);
	int status = a->complete ? a->status : 0;

	answer_free(a);
	return status;
}

FLOW(admin_answers)
{
	static const char *const members[] = {"requests", "hit", "stale", "miss", "coalesced",
	    "pass", "shed", "error", "upstream_fetches", "upstream_retries", "upstream_errors",
	    "revalidated", "refreshes", "refreshes_dropped", "hedges", "hedges_won", "kept_errors",
	    "parked", "parked_peak", "flights", "objects", "bytes", "evictions", "purged",
	    "saved_ms", "queued", "learned_routes", "uptime_s", "fetch_time_us.count",
	    "queue_time_us.count", "park_time_us.count", "upstreams.default.limit"};
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct answer *a = client_get(daemon_admin(d), "/stats", "");

	ck_assert(answer_says(a, "Content-Type", "application/json"));
	ck_assert_ptr_nonnull(strstr(a->body, "\"version\""));
	ck_assert_ptr_nonnull(strstr(a->body, "\"learned\""));
	answer_free(a);
	daemon_wait_text(d, "upstreams.default.servers.0.url", origin_url(o));
	for (unsigned i = 0; i < sizeof members / sizeof members[0]; i++)
		daemon_stat(d, members[i]);
	ck_assert_int_eq(request(d, "GET", "/healthz"), 200);
	ck_assert_int_eq(request(d, "GET", "/readyz"), 200);
	ck_assert_int_eq(request(d, "GET", "/nothing"), 404);
	ck_assert_int_eq(request(d, "DELETE", "/stats"), 405);
	ck_assert_int_eq(request(d, "GET", "/purge"), 405);
	ck_assert_int_eq(daemon_stat(d, "requests"), 0);
	ck_assert_uint_eq(origin_requests(o, NULL), 0);
	daemon_stop(d);
	origin_stop(o);
}
