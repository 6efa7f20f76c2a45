/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `admit`: what is made quickly, or asked for rarely, gets no place in the store, and
 * Cache-Status says so.  Those who wait for it share its fetch all the same.
 */
#include "tests/lib/flow.h"

#define CLIENTS	50u
#define SECOND	INT64_C(1000000)

/* One answer's Cache-Status has (or lacks) these. */
static void
ask(struct daemon *d, const char *path, const char *has, const char *lacks)
{
	struct answer *a = client_get(daemon_addr(d), path, "");

	ck_assert_int_eq(a->status, 200);
	ck_assert_msg(answer_says(a, "Cache-Status", has), "%s: %s", path, a->head);
	ck_assert_msg(!answer_says(a, "Cache-Status", lacks), "%s: %s", path, a->head);
	answer_free(a);
}

/* All wait for one fetch, which takes that long by the daemon's clock. */
static void
herd(struct origin *o, struct daemon *d, const char *path, int64_t took)
{
	unsigned before = origin_requests(o, path);
	struct herd *h;

	origin_hold(o, path);
	h = herd_start(daemon_addr(d), CLIENTS, path);
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(o, path, before + 1);
	daemon_advance_clock(d, took);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), CLIENTS);
	ck_assert_uint_eq(origin_requests(o, path), before + 1);
	herd_free(h);
}

static void
fetch_time(struct origin *o, struct daemon *d)
{
	herd(o, d, "/time/fast", 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	ask(d, "/time/fast", "detail=admit", "stored");
	ask(d, "/time/fast", "fwd=uri-miss", "stored");
	ck_assert_uint_eq(origin_requests(o, "/time/fast"), 3);
	/* Shared again, not remembered as something that can't be. */
	herd(o, d, "/time/fast", 0);
	ck_assert_int_eq(daemon_stat(d, "pass"), 0);

	herd(o, d, "/time/slow", 21 * SECOND);
	ask(d, "/time/slow", "corral; hit", "detail");
	ck_assert_uint_eq(origin_requests(o, "/time/slow"), 1);
}

static void
requests(struct origin *o, struct daemon *d)
{
	ask(d, "/often/a", "detail=admit", "stored");
	ask(d, "/often/a", "detail=admit", "stored");
	ask(d, "/often/a", "stored", "detail");
	ask(d, "/often/a", "corral; hit", "detail");
	ck_assert_uint_eq(origin_requests(o, "/often/a"), 3);

	/* Those of long ago don't count. */
	ask(d, "/often/b", "detail=admit", "stored");
	ask(d, "/often/b", "detail=admit", "stored");
	daemon_advance_clock(d, 58 * SECOND);
	ask(d, "/often/b", "detail=admit", "stored");
	ask(d, "/often/b", "detail=admit", "stored");
	ask(d, "/often/b", "stored", "detail");

	/* A crowd is often enough. */
	herd(o, d, "/often/crowd", 0);
	ask(d, "/often/crowd", "corral; hit", "detail");
	ck_assert_uint_eq(origin_requests(o, "/often/crowd"), 1);

	/* What is stored stays so when it is renewed. */
	daemon_advance_clock(d, 301 * SECOND);
	ask(d, "/often/a", "stored", "admit");
	ask(d, "/often/a", "corral; hit", "detail");
}

FLOW(admit)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstream: %s\nroutes:\n"
	    "  - { match: { path: /time/ }, admit: { min_fetch_time: 20s } }\n"
	    "  - { match: { path: /often/ }, admit: { min_requests: 3, window: 30s } }\n",
	    origin_url(o));

	origin_answer(o, .path = "/*", .text = "hello",
	    .fields = "Cache-Control: max-age=300\r\n");
	fetch_time(o, d);
	requests(o, d);
	daemon_stop(d);
	origin_stop(o);
}
