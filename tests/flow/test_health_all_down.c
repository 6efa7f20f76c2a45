/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No server is healthy: 503 at once, with Retry-After, or what may be served stale; the backend
 * sees nothing but checks, and load balancers in front are told.  As soon as one is back all is as
 * before.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static void
answered(struct daemon *d, const char *path, int status, const char *says)
{
	struct answer *a = client_get(daemon_addr(d), path, "");

	ck_assert_msg(a->status == status && answer_says(a, "Cache-Status", says), "%s: %s", path,
	    a->head != NULL ? a->head : "no answer");
	if (status == 503)
		ck_assert_ptr_nonnull(answer_field(a, "Retry-After"));
	answer_free(a);
}

FLOW(health_all_down)
{
	struct origin *o[2] = { origin_start(), origin_start() };
	struct daemon *d;
	unsigned before[2];
	struct answer *a;
	struct herd *h;

	for (unsigned i = 0; i < 2; i++)
		origin_answer(o[i], .path = "/*", .text = "hello",
		    .fields = "Cache-Control: max-age=10\r\n");
	d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s, %s ]\n    breaker: off\n"
	    "    health: { path: /healthz, interval: 100ms, fall: 1, rise: 1 }\n",
	    origin_url(o[0]), origin_url(o[1]));
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
	ck_assert_int_eq(client_status(daemon_admin(d), "/readyz", ""), 200);
	for (unsigned i = 0; i < 2; i++)
		origin_refuse(o[i]);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "unhealthy");
	daemon_wait_text(d, "upstreams.default.servers.1.state", "unhealthy");
	a = client_get(daemon_admin(d), "/readyz", "");
	ck_assert_int_eq(a->status, 503);
	ck_assert_ptr_nonnull(strstr(a->body, "default"));
	answer_free(a);
	ck_assert_int_eq(client_status(daemon_admin(d), "/healthz", ""), 200);

	answered(d, "/new", 503, "detail=no-server");
	answered(d, "/stored", 200, "corral; hit");
	daemon_advance_clock(d, 11 * SECOND);
	answered(d, "/stored", 200, "detail=stale-if-error");
	h = herd_start(daemon_addr(d), 50, "/herd");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 503), 50);
	ck_assert_uint_eq(herd_count_says(h, "Retry-After", ""), 50);
	herd_free(h);
	daemon_wait_stat(d, "shed", 51);
	ck_assert_int_eq(daemon_stat(d, "error"), 0);
	for (unsigned i = 0; i < 2; i++) {
		before[i] = origin_requests(o[i], "/healthz");
		ck_assert_uint_eq(origin_requests(o[i], "/new"), 0);
	}

	/* It was no failure of theirs, so none is kept. */
	origin_accept(o[1]);
	origin_wait_requests(o[1], "/healthz", before[1] + 1);
	daemon_wait_text(d, "upstreams.default.servers.1.state", "up");
	ck_assert_int_eq(client_status(daemon_admin(d), "/readyz", ""), 200);
	answered(d, "/herd", 200, "fwd=uri-miss");
	answered(d, "/new", 200, "fwd=uri-miss");
	ck_assert_uint_eq(origin_requests(o[1], "/new"), 1);
	ck_assert_uint_eq(origin_requests(o[0], "/healthz"), before[0]);
	daemon_stop(d);
	origin_stop(o[0]);
	origin_stop(o[1]);
}
