/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIGHUP while clients are parked, fetches stand in the queue and an answer is arriving: the
 * server in use goes, the limit falls and rises, the balance changes, and nobody is lost.  Who has
 * a place keeps it, who waits for one gets it from the new servers.
 */
#include <signal.h>

#include "tests/lib/flow.h"

#define BIG	100000u
#define QUEUED	10u

static void
reload(struct daemon *d, const char *servers, const char *balance, unsigned limit)
{
	daemon_rewrite(d, "workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    balance: %s\n    max_connections: %u\n", servers, balance, limit);
	daemon_signal(d, SIGHUP);
	daemon_wait_text(d, "upstreams.default.servers.0.url", servers);
	daemon_wait_stat(d, "upstreams.default.limit", limit);
}

static unsigned
count_text(struct herd *h, const char *text)
{
	size_t n = strlen(text);

	herd_wait(h);
	return herd_count_body(h, n, test_sum(TEST_SUM, 0, text, n));
}

/* All places of the old server are taken: 20 wait for one page, 10 pages stand in the queue. */
static void
server_goes(struct origin *old, struct origin *new, struct daemon *d)
{
	struct client *filling = client_open(daemon_addr(d)), *late = client_open(daemon_addr(d));
	struct herd *parked, *queued;
	struct answer *a;

	origin_hold(old, "/parked");
	client_ask(filling, "/big", "");
	origin_piece(old, "/big", 10);
	client_read(filling, BIG / 10);
	parked = herd_start(daemon_addr(d), 20, "/parked");
	daemon_wait_stat(d, "parked", 20);
	origin_wait_requests(old, "/parked", 1);
	queued = herd_open(daemon_addr(d), QUEUED);
	herd_ask_each(queued, "/q", "");
	daemon_wait_stat(d, "upstreams.default.queued", QUEUED);

	reload(d, origin_url(new), "hash", 1);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.queued"), QUEUED);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.connections"), 2);
	client_ask(late, "/late", "");
	daemon_wait_stat(d, "upstreams.default.queued", QUEUED + 1);
	ck_assert_uint_eq(origin_requests(new, NULL), 0);

	origin_release(old, "/parked");
	ck_assert_uint_eq(count_text(parked, "old"), 20);
	ck_assert_uint_eq(origin_requests(new, NULL), 0);	/* the other still has its place */
	origin_piece(old, "/big", 90);
	a = client_answer(filling);
	ck_assert(a->complete && a->length == BIG && a->sum == test_body_sum(BIG));
	ck_assert_uint_eq(count_text(queued, "new"), QUEUED);
	ck_assert_str_eq(client_answer(late)->body, "new");
	ck_assert_uint_eq(origin_requests(old, NULL), 2);
	ck_assert_uint_eq(origin_most_open(new), 1);
	origin_wait_open(old, 0);
	herd_free(parked);
	herd_free(queued);
	client_close(filling);
	client_close(late);
}

/* A higher limit lets in at once those who wait; and what they wait for may be taken away again. */
static void
limit_rises(struct origin *new, struct origin *third, struct daemon *d)
{
	static const char *const held[] = { "/h0", "/h1", "/h2", "/h3" };
	struct herd *h = herd_open(daemon_addr(d), 4), *more;

	for (unsigned i = 0; i < 4; i++)
		origin_hold(new, held[i]);
	herd_ask_each(h, "/h", "");
	daemon_wait_stat(d, "upstreams.default.queued", 3);
	reload(d, origin_url(new), "round_robin", 8);
	for (unsigned i = 0; i < 4; i++)
		origin_wait_requests(new, held[i], 1);
	daemon_wait_stat(d, "upstreams.default.queued", 0);

	reload(d, origin_url(third), "least_connections", 6);
	/* Four are taken: two more may be asked at the new one. */
	more = herd_open(daemon_addr(d), 20);
	herd_ask_each(more, "/m", "");
	ck_assert_uint_eq(count_text(more, "third"), 20);
	ck_assert_uint_le(origin_most_open(third), 2);
	for (unsigned i = 0; i < 4; i++)
		origin_release(new, held[i]);
	ck_assert_uint_eq(count_text(h, "new"), 4);
	origin_wait_open(new, 0);
	herd_free(h);
	herd_free(more);
}

/* The whole upstream goes, and another takes its place. */
static void
upstream_goes(struct origin *third, struct origin *old, struct daemon *d)
{
	struct herd *h;

	origin_hold(third, "/last");
	h = herd_start(daemon_addr(d), 20, "/last");
	origin_wait_requests(third, "/last", 1);
	daemon_wait_stat(d, "parked", 20);
	daemon_rewrite(d, "workers: 2\nupstreams:\n  other:\n    servers: [ %s ]\n",
	    origin_url(old));
	daemon_signal(d, SIGHUP);
	daemon_wait_text(d, "upstreams.other.servers.0.url", origin_url(old));
	for (int64_t deadline = test_deadline(); origin_requests(old, "/after") == 0;) {
		ck_assert_int_eq(client_status(daemon_addr(d), "/after", ""), 200);
		ck_assert_int_gt(test_left(deadline), 0);
	}
	origin_release(third, "/last");
	ck_assert_uint_eq(count_text(h, "third"), 20);
	origin_wait_open(third, 0);
	herd_free(h);
}

FLOW(reload_in_flight)
{
	struct origin *old = origin_start(), *new = origin_start(), *third = origin_start();
	struct daemon *d;

	origin_answer(old, .path = "/big", .bytes = BIG, .piece = BIG / 100);
	origin_answer(old, .path = "/*", .text = "old");
	origin_answer(new, .path = "/*", .text = "new");
	origin_answer(third, .path = "/*", .text = "third");
	d = daemon_start("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 2\n", origin_url(old));
	server_goes(old, new, d);
	daemon_wait_stat(d, "requests", 20 + QUEUED + 2);
	limit_rises(new, third, d);
	upstream_goes(third, old, d);
	ck_assert_int_eq(daemon_stat(d, "error"), 0);
	ck_assert_int_eq(daemon_stat(d, "shed"), 0);
	ck_assert_int_eq(daemon_stat(d, "upstream_fetches"), origin_requests(old, NULL) +
	    origin_requests(new, NULL) + origin_requests(third, NULL));
	daemon_stop(d);
	origin_stop(old);
	origin_stop(new);
	origin_stop(third);
}
