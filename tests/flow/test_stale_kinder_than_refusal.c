/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Past park.limit, and at park.timeout, a client whose object may be served stale gets that
 * instead of a 503; one whose object must not be is refused.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define LIMIT	10

/* It is stored, expires, and its backend answers no more until it is released. */
static void
expire(struct origin *o, struct daemon *d, const char *target, const char *fields)
{
	origin_answer(o, .path = target, .times = 1, .text = "hello", .fields = fields);
	origin_answer(o, .path = target, .text = "hello again", .fields = fields);
	ck_assert_int_eq(client_status(daemon_addr(d), target, ""), 200);
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 20 * SECOND);
	origin_hold(o, target);
}

static void
past_the_limit(struct origin *o, struct daemon *d, const char *target, const char *fields,
    bool kind)
{
	int64_t stale = daemon_stat(d, "stale"), shed = daemon_stat(d, "shed");
	struct herd *h, *late;

	expire(o, d, target, fields);
	h = herd_start(daemon_addr(d), LIMIT, target);
	daemon_wait_stat(d, "parked", LIMIT);
	late = herd_start(daemon_addr(d), 5, target);
	herd_wait(late);
	ck_assert_uint_eq(herd_count(late, kind ? 200 : 503), 5);
	ck_assert_uint_eq(herd_count_says(late, "Cache-Status", "detail=park-limit"), 5);
	ck_assert_uint_eq(herd_count_says(late, "Cache-Status", "ttl=-"), kind ? 5 : 0);
	ck_assert_uint_eq(herd_count_says(late, "Retry-After", ""), kind ? 0 : 5);
	ck_assert_uint_eq(herd_count_body(late, 5, test_sum(TEST_SUM, 0, "hello", 5)),
	    kind ? 5 : 0);
	daemon_wait_stat(d, "stale", stale + (kind ? 5 : 0));
	daemon_wait_stat(d, "shed", shed + (kind ? 0 : 5));
	ck_assert_int_eq(daemon_stat(d, "parked"), LIMIT);
	origin_release(o, target);
	herd_wait(h);
	/* Those who could wait have what is new. */
	ck_assert_uint_eq(herd_count_body(h, 11, test_sum(TEST_SUM, 0, "hello again", 11)), LIMIT);
	ck_assert_uint_eq(origin_requests(o, target), 2);
	daemon_wait_stat(d, "flights", 0);
	herd_free(late);
	herd_free(h);
}

static void
out_of_time(struct origin *o, struct daemon *d, const char *target, const char *fields, bool kind)
{
	int64_t stale = daemon_stat(d, "stale"), shed = daemon_stat(d, "shed");
	struct herd *h;
	struct answer *a;

	expire(o, d, target, fields);
	h = herd_start(daemon_addr(d), LIMIT, target);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, kind ? 200 : 503), LIMIT);
	ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "detail=park-timeout"), LIMIT);
	ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "fwd=stale"), LIMIT);
	ck_assert_uint_eq(herd_count_body(h, 5, test_sum(TEST_SUM, 0, "hello", 5)),
	    kind ? LIMIT : 0);
	daemon_wait_stat(d, "stale", stale + (kind ? LIMIT : 0));
	daemon_wait_stat(d, "shed", shed + (kind ? 0 : LIMIT));
	/* The fetch went on without them. */
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_release(o, target);
	daemon_wait_stat(d, "flights", 0);
	a = client_get(daemon_addr(d), target, "");
	ck_assert_str_eq(a->body, "hello again");
	ck_assert_msg(answer_says(a, "Cache-Status", "hit"), "%s", a->head);
	ck_assert_uint_eq(origin_requests(o, target), 2);
	answer_free(a);
	herd_free(h);
}

FLOW(stale_kinder_than_refusal)
{
	static const char may[] = "Cache-Control: max-age=10\r\n";
	static const char may_validated[] = "Cache-Control: max-age=10\r\nETag: \"1\"\r\n";
	static const char must_not[] = "Cache-Control: max-age=10, must-revalidate\r\n";
	static const char not_so_long[] = "Cache-Control: max-age=10, stale-if-error=5\r\n";
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /limit }, park: { limit: %d } }\n"
	    "  - park: { timeout: 300ms }\n", origin_url(o), LIMIT);

	past_the_limit(o, d, "/limit/a", may, true);
	past_the_limit(o, d, "/limit/b", may_validated, true);
	past_the_limit(o, d, "/limit/c", must_not, false);
	past_the_limit(o, d, "/limit/d", not_so_long, false);
	out_of_time(o, d, "/a", may, true);
	out_of_time(o, d, "/b", must_not, false);
	out_of_time(o, d, "/c", not_so_long, false);
	daemon_stop(d);
	origin_stop(o);
}
