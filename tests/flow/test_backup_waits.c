/* SPDX-License-Identifier: BSD-2-Clause */
/* A backup is asked only while no other server is up, and no longer. */
#include "tests/lib/flow.h"

#define HOUR	(INT64_C(3600) * 1000000)

/* n clients at once; each has its answer from that one. */
static void
all_from(struct daemon *d, struct origin *o, const char *path, unsigned n)
{
	struct herd *h = herd_start(daemon_addr(d), n, path);

	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), n);
	ck_assert_uint_eq(origin_requests(o, path), n);
	herd_free(h);
}

FLOW(backup_waits)
{
	struct origin *a = origin_start(), *b = origin_start(), *spare = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ { url: \"%s\", backup: true }, %s, %s ]\n"
	    "    breaker: { failures: 1, pause: 1h }\n", origin_url(spare), origin_url(a),
	    origin_url(b));
	struct herd *h;

	origin_answer(a, .path = "/*", .text = "a");
	origin_answer(b, .path = "/*", .text = "b");
	origin_answer(spare, .path = "/*", .text = "spare");
	/* However busy they are. */
	origin_hold(a, "/held");
	origin_hold(b, "/held");
	h = herd_start(daemon_addr(d), 20, "/held");
	origin_wait_requests(a, "/held", 10);
	origin_wait_requests(b, "/held", 10);
	origin_release(a, "/held");
	origin_release(b, "/held");
	herd_wait(h);
	herd_free(h);

	/* One of the two goes: the other one does it. */
	origin_refuse(a);
	origin_wait_open(a, 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/finds-out", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/finds-out", ""), 200);
	daemon_wait_text(d, "upstreams.default.servers.1.state", "open");
	all_from(d, b, "/one-down", 20);
	ck_assert_uint_eq(origin_requests(spare, NULL), 0);

	/* Both. */
	origin_refuse(b);
	origin_wait_open(b, 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/finds-out", ""), 200);
	daemon_wait_text(d, "upstreams.default.servers.2.state", "open");
	all_from(d, spare, "/both-down", 20);
	ck_assert_int_eq(client_status(daemon_admin(d), "/readyz", ""), 200);

	/* One is back. */
	origin_accept(b);
	daemon_advance_clock(d, HOUR);
	ck_assert_int_eq(client_status(daemon_addr(d), "/finds-out", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/finds-out", ""), 200);
	daemon_wait_text(d, "upstreams.default.servers.2.state", "up");
	all_from(d, b, "/back", 20);
	ck_assert_uint_eq(origin_requests(spare, "/back"), 0);
	daemon_stop(d);
	origin_stop(a);
	origin_stop(b);
	origin_stop(spare);
}
