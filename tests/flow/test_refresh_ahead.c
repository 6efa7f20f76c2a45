/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that is asked for again and again is fetched anew before it expires: through any number of
 * lifetimes nobody waits, nobody gets anything stale, and the backend sees one request at a time.
 * What is asked for rarely, or all at once and then no more, is not refreshed for nothing.  When
 * the refresh fails, what is there stays.  Where a lifetime is too short for all that, those who
 * come share a fetch.
 *
 * A fetch takes 100 s of a lifetime of 1000 by the daemon's clock, if nothing else is said.
 */
#include "tests/lib/flow.h"

#define SECOND		INT64_C(1000000)
#define FETCH		(100 * SECOND)
#define STEP		(10 * SECOND)
#define LIFETIME	(1000 * SECOND)
#define CLIENTS		5u
#define LIFETIMES	6u
#define KEPT		"Cache-Control: max-age=1000\r\n"
#define PAGE		"the page of all"

static struct daemon *
start(struct origin *o, const char *more)
{
	return daemon_start_steered("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    timeouts: { first_byte: 1h, idle: 1h }\n    retries: 0\n"
	    "    breaker: off\n%s", origin_url(o), more);
}

/* The first fetch; it takes its time. */
static void
fetch_slowly(struct origin *o, struct daemon *d, const char *path, int64_t takes)
{
	struct client *c = client_open(daemon_addr(d));
	unsigned before = origin_requests(o, path);

	origin_hold(o, path);
	client_ask(c, path, "");
	origin_wait_requests(o, path, before + 1);
	daemon_advance_clock(d, takes);
	origin_release(o, path);
	ck_assert_int_eq(client_answer(c)->status, 200);
	daemon_wait_stat(d, "flights", 0);
	client_close(c);
}

/* Everyone asks, and has the stored page at once. */
static void
all_hit(struct herd *h, const char *path, const char *says)
{
	uint64_t sum = test_sum(TEST_SUM, 0, PAGE, sizeof PAGE - 1);
	unsigned n;

	herd_ask(h, path, "");
	herd_wait(h);
	n = herd_count_body(h, sizeof PAGE - 1, sum);
	ck_assert_msg(n == CLIENTS, "%s: %u of %u have the page", path, n, CLIENTS);
	n = herd_count_says(h, "Cache-Status", says);
	ck_assert_msg(n == CLIENTS, "%s: %u of %u say \"%s\": %s", path, n, CLIENTS, says,
	    answer_field(herd_answer(h, 0), "Cache-Status"));
}

/* Steadily, for that long or until a refresh has begun.  True: it has. */
static bool
ask_steadily(struct daemon *d, struct herd *h, const char *path, int64_t most)
{
	int64_t before = daemon_stat(d, "refreshes");

	for (int64_t t = 0; t < most; t += STEP) {
		daemon_advance_clock(d, STEP);
		all_hit(h, path, "corral; hit");
		if (daemon_stat(d, "refreshes") > before)
			return true;
	}
	return false;
}

static void
nobody_ever_waits(int64_t takes)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = "/hot", .text = PAGE, .fields = KEPT);
	fetch_slowly(o, d, "/hot", takes);
	for (unsigned i = 0; i < LIFETIMES; i++) {
		origin_hold(o, "/hot");
		ck_assert_msg(ask_steadily(d, h, "/hot", LIFETIME), "lifetime %u: no refresh", i);
		origin_wait_requests(o, "/hot", i + 2);
		/* While the backend takes its time. */
		for (int64_t t = 0; t < takes; t += STEP) {
			daemon_advance_clock(d, STEP);
			all_hit(h, "/hot", "corral; hit");
		}
		origin_release(o, "/hot");
		daemon_wait_stat(d, "flights", 0);
	}
	ck_assert_uint_eq(origin_requests(o, "/hot"), LIFETIMES + 1);
	ck_assert_uint_eq(origin_most_at_once(o), 1);
	ck_assert_int_eq(daemon_stat(d, "refreshes"), LIFETIMES);
	ck_assert_int_eq(daemon_stat(d, "miss"), 1);
	ck_assert_int_eq(daemon_stat(d, "coalesced"), 0);
	ck_assert_int_eq(daemon_stat(d, "stale"), 0);
	ck_assert_int_eq(daemon_stat(d, "parked_peak"), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

/* Not in the background: as many requests as clients that waited. */
static void
not_for_nothing(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o,
	    "routes: [ { match: { path: /off }, refresh_ahead: off }, {} ]\n");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = "/*", .text = PAGE, .fields = KEPT);
	/* Now and then. */
	fetch_slowly(o, d, "/rare", FETCH);
	for (unsigned i = 0; i < 30; i++) {
		daemon_advance_clock(d, 400 * SECOND);
		ck_assert_int_eq(client_status(daemon_addr(d), "/rare", ""), 200);
		daemon_wait_stat(d, "flights", 0);
	}
	ck_assert_uint_ge(origin_requests(o, "/rare"), 10);
	daemon_wait_stat(d, "miss", origin_requests(o, "/rare"));
	/* All at one time, and then no more. */
	fetch_slowly(o, d, "/burst", FETCH);
	daemon_advance_clock(d, 800 * SECOND);
	all_hit(h, "/burst", "corral; hit");
	/* Where the route says no. */
	fetch_slowly(o, d, "/off", FETCH);
	ck_assert(!ask_steadily(d, h, "/off", 800 * SECOND));
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "refreshes"), 0);
	ck_assert_uint_eq(origin_requests(o, "/burst"), 1);
	ck_assert_uint_eq(origin_requests(o, "/off"), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

/* For the rest of its lifetime it is fresh; after that it is what stale_if_error allows. */
static void
stays(struct daemon *d, struct herd *h, const char *path, int then)
{
	int64_t stale = daemon_stat(d, "stale");

	ck_assert(ask_steadily(d, h, path, LIFETIME));
	daemon_wait_stat(d, "flights", 0);
	for (unsigned i = 0; i < 10; i++) {
		all_hit(h, path, "corral; hit");
		daemon_advance_clock(d, SECOND);
		daemon_wait_stat(d, "flights", 0);
	}
	ck_assert_int_eq(daemon_stat(d, "stale"), stale);
	daemon_advance_clock(d, LIFETIME);
	if (then == 200) {
		all_hit(h, path, "stale-if-error");
	} else {
		herd_ask(h, path, "");
		herd_wait(h);
		ck_assert_uint_eq(herd_count(h, then), CLIENTS);
	}
	daemon_wait_stat(d, "flights", 0);
}

static void
failure_costs_nothing(bool stale)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, stale ? "" : "routes: [ { stale_if_error: off } ]\n");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	int64_t errors;

	origin_answer(o, .path = "/500", .times = 1, .text = PAGE, .fields = KEPT);
	origin_answer(o, .path = "/500", .status = 500, .text = "oh");
	fetch_slowly(o, d, "/500", FETCH);
	stays(d, h, "/500", stale ? 200 : 500);
	origin_answer(o, .path = "/gone", .text = PAGE, .fields = KEPT, .framing = ORIGIN_CLOSE);
	fetch_slowly(o, d, "/gone", FETCH);
	/* A kept 500 is an error of ours to those who come after the one who got it. */
	errors = daemon_stat(d, "error");
	ck_assert_int_le(errors, stale ? 0 : CLIENTS - 1);
	origin_refuse(o);
	stays(d, h, "/gone", stale ? 200 : 502);
	ck_assert_int_ge(daemon_stat(d, "upstream_errors"), 1);
	daemon_wait_stat(d, "error", errors + (stale ? 0 : CLIENTS));
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

static void
too_short(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = "/short", .text = PAGE, .fields = KEPT);
	fetch_slowly(o, d, "/short", 900 * SECOND);
	ck_assert(!ask_steadily(d, h, "/short", 80 * SECOND));
	daemon_advance_clock(d, 20 * SECOND);
	origin_hold(o, "/short");
	herd_ask(h, "/short", "");
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_release(o, "/short");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), CLIENTS);
	ck_assert_uint_eq(origin_requests(o, "/short"), 2);
	ck_assert_int_eq(daemon_stat(d, "refreshes"), 0);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

FLOW(refresh_ahead)
{
	nobody_ever_waits(FETCH);
	/* As max-age=1 and a backend that takes 300 ms. */
	nobody_ever_waits(3 * FETCH);
	too_short();
	not_for_nothing();
	failure_costs_nothing(true);
	failure_costs_nothing(false);
}
