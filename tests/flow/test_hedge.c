/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hedge: on`: when an answer takes longer than nearly all of its route do, one more request goes
 * to another server; the first good answer is for all who wait, and the other request is
 * cancelled.  One more, for the one that hangs: not a second crowd.
 */
#include "tests/lib/flow.h"

#define CLIENTS	20u

/*
 * So that it is known what is usual, and that more time has passed than usual: each of these takes
 * its time.
 */
static void
usual(struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), 8);

	for (unsigned i = 0; i < 8; i++) {
		herd_ask_each(h, "/usual/", "");
		herd_wait(h);
		ck_assert_uint_eq(herd_count(h, 200), 8);
	}
	herd_free(h);
}

/* All from the first but for one in a thousand. */
static struct daemon *
start(struct origin *first, struct origin *second, const char *more)
{
	return daemon_start("workers: 2\nupstreams:\n  default:\n    balance: round_robin\n"
	    "    servers: [ { url: \"%s\", weight: 1000 }, %s ]\n%s", origin_url(first),
	    origin_url(second), more);
}

static void
one_hangs(struct origin *first, struct origin *second)
{
	struct daemon *d = start(first, second, "    hedge: on\n");
	int64_t hedges, won;
	struct herd *h;

	usual(d);
	hedges = daemon_stat(d, "hedges");
	won = daemon_stat(d, "hedges_won");
	origin_hold(first, "/hangs");
	origin_hold(second, "/hangs");
	h = herd_start(daemon_addr(d), CLIENTS, "/hangs");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(first, "/hangs", 1);
	origin_wait_requests(second, "/hangs", 1);
	usual(d);
	ck_assert_uint_eq(origin_requests(second, "/hangs"), 1);
	origin_release(second, "/hangs");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 6, test_sum(TEST_SUM, 0, "second", 6)), CLIENTS);
	origin_wait_given_up(first, "/hangs", 1);
	origin_release(first, "/hangs");
	ck_assert_uint_eq(origin_requests(first, "/hangs"), 1);
	ck_assert_uint_eq(origin_requests(second, "/hangs"), 1);
	daemon_wait_stat_least(d, "hedges", hedges + 1);
	daemon_wait_stat_least(d, "hedges_won", won + 1);
	daemon_wait_stat(d, "flights", 0);
	herd_free(h);
	daemon_stop(d);
}

/* Of the two the one that is no error, whichever was asked first and whichever comes first. */
static void
error_does_not_count(struct origin *first, struct origin *second)
{
	struct daemon *d = start(first, second, "    hedge: on\n");
	struct client *c = client_open(daemon_addr(d));

	usual(d);
	for (int i = 0; i < 2; i++) {
		const char *path = i == 0 ? "/first-good" : "/first-paced";

		origin_hold(first, path);
		client_ask(c, path, "");
		origin_wait_requests(second, path, 1);		/* 500, or 429, at once */
		usual(d);
		origin_release(first, path);
		ck_assert_str_eq(client_answer(c)->body, "first");
	}

	origin_hold(first, "/second-good");
	origin_hold(second, "/second-good");
	client_ask(c, "/second-good", "");
	origin_wait_requests(second, "/second-good", 1);
	origin_release(first, "/second-good");			/* 500 */
	usual(d);
	origin_release(second, "/second-good");
	ck_assert_str_eq(client_answer(c)->body, "second");

	/* A broken one neither. */
	origin_hold(first, "/first-breaks");
	origin_hold(second, "/first-breaks");
	client_ask(c, "/first-breaks", "");
	origin_wait_requests(second, "/first-breaks", 1);
	origin_release(first, "/first-breaks");
	usual(d);
	origin_release(second, "/first-breaks");
	ck_assert_str_eq(client_answer(c)->body, "second");
	client_close(c);
	daemon_stop(d);
}

/* One of the two is enough for an answer that is only kept. */
static void
all_leave(struct origin *first, struct origin *second)
{
	struct daemon *d = start(first, second, "    hedge: on\n");
	struct herd *h;

	usual(d);
	origin_hold(first, "/leave");
	origin_hold(second, "/leave");
	h = herd_start(daemon_addr(d), CLIENTS, "/leave");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(second, "/leave", 1);
	herd_leave(h, 0, CLIENTS, true);
	origin_wait_given_up(second, "/leave", 1);
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_release(first, "/leave");
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(client_status(daemon_addr(d), "/leave", ""), 200);
	daemon_wait_stat(d, "hit", 1);
	ck_assert_uint_eq(origin_requests(first, "/leave"), 1);
	herd_free(h);
	daemon_stop(d);
}

FLOW(hedge)
{
	struct origin *first = origin_start(), *second = origin_start();

	origin_answer(first, .path = "/usual*", .text = "usual", .delay_ms = 20);
	origin_answer(second, .path = "/usual*", .text = "usual", .delay_ms = 20);
	origin_answer(first, .path = "/second-good", .status = 500);
	origin_answer(first, .path = "/first-breaks", .raw = "nonsense\r\n\r\n", .close = true);
	origin_answer(second, .path = "/first-good", .status = 500);
	origin_answer(second, .path = "/first-paced", .status = 429);
	origin_answer(first, .path = "/leave", .text = "first",
	    .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(first, .path = "/*", .text = "first");
	origin_answer(second, .path = "/*", .text = "second");
	one_hangs(first, second);
	error_does_not_count(first, second);
	all_leave(first, second);
	origin_stop(first);
	origin_stop(second);
}
