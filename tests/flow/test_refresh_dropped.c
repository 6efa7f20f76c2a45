/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done in the background takes a connection that is free, or none: while the only one is
 * busy, refreshes ahead of expiry and those of what is stale are left out, not queued; clients are
 * answered at once, and the backend hears of nothing.  As soon as there is room it is done.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define CLIENTS	5u

static void
served(struct herd *h, const char *path, const char *says)
{
	herd_ask(h, path, "");
	herd_wait(h);
	for (unsigned i = 0; i < CLIENTS; i++)
		ck_assert_msg(herd_answer(h, i)->status == 200 &&
		    answer_says(herd_answer(h, i), "Cache-Status", says), "%s: %s", path,
		    herd_answer(h, i)->head);
}

/* A background fetch is wanted, and left out. */
static void
dropped(struct daemon *d, struct herd *h, const char *path, const char *says)
{
	int64_t before = daemon_stat(d, "refreshes_dropped"), since = 0;

	for (unsigned i = 0; i < 100 && daemon_stat(d, "refreshes_dropped") == before; i++) {
		daemon_advance_clock(d, 10 * SECOND);
		since = test_now();
		served(h, path, says);
		daemon_wait_stat(d, "flights", 1);
		ck_assert_int_eq(daemon_stat(d, "queued"), 0);
	}
	ck_assert_int_gt(daemon_stat(d, "refreshes_dropped"), before);
	/* Nor is one tried for each client. */
	ck_assert_int_eq(daemon_stat(d, "refreshes"), daemon_stat(d, "refreshes_dropped"));
	ck_assert_int_le(daemon_stat(d, "refreshes_dropped") - before,
	    1 + (test_now() - since) / (SECOND / 10));
}

/* The clock has passed the pause after a drop. */
static void
refreshed(struct origin *o, struct daemon *d, struct herd *h, const char *path)
{
	daemon_advance_clock(d, SECOND);
	served(h, path, "corral; hit");
	origin_wait_requests(o, path, 2);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_eq(origin_requests(o, path), 2);
}

FLOW(refresh_dropped)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    max_connections: 1\n"
	    "    timeouts: { first_byte: 1h, idle: 1h }\n", origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	struct client *c = client_open(daemon_addr(d));

	origin_answer(o, .path = "/hot", .text = "hot",
	    .fields = "Cache-Control: max-age=1000\r\n");
	origin_answer(o, .path = "/swr", .text = "old",
	    .fields = "Cache-Control: max-age=100, stale-while-revalidate=100000\r\n");
	origin_answer(o, .path = "/slow", .text = "slow");
	ck_assert_int_eq(client_status(daemon_addr(d), "/swr", ""), 200);
	/* It is slow to fetch, so it is refreshed early. */
	origin_hold(o, "/hot");
	client_ask(c, "/hot", "");
	origin_wait_requests(o, "/hot", 1);
	daemon_advance_clock(d, 100 * SECOND);
	origin_release(o, "/hot");
	ck_assert_int_eq(client_answer(c)->status, 200);
	daemon_wait_stat(d, "flights", 0);

	origin_hold(o, "/slow");
	client_ask(c, "/slow", "");
	origin_wait_requests(o, "/slow", 1);
	dropped(d, h, "/hot", "corral; hit; ttl");
	dropped(d, h, "/swr", "detail=stale-while-revalidate");
	ck_assert_uint_eq(origin_requests(o, NULL), 3);
	origin_release(o, "/slow");
	ck_assert_int_eq(client_answer(c)->status, 200);
	daemon_wait_stat(d, "flights", 0);
	refreshed(o, d, h, "/hot");
	refreshed(o, d, h, "/swr");
	ck_assert_uint_eq(origin_most_at_once(o), 1);
	ck_assert_uint_le(origin_most_open(o), 1);
	ck_assert_int_eq(daemon_stat(d, "shed"), 0);
	client_close(c);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
