/* SPDX-License-Identifier: BSD-2-Clause */
/* An object is a hit while it is fresh, says its Age, and is fetched again after that: once. */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static void
age_is(struct daemon *d, long least, const char *ttl_text)
{
	struct answer *a = client_get(daemon_addr(d), "/p", "");
	const char *age = answer_field(a, "Age");

	ck_assert_int_eq(a->status, 200);
	ck_assert_ptr_nonnull(age);
	/* Real time goes by as well. */
	ck_assert_msg(atol(age) >= least && atol(age) <= least + 5, "Age: %s, not %ld", age, least);
	ck_assert(answer_says(a, "Cache-Status", "hit"));
	ck_assert(answer_says(a, "Cache-Status", ttl_text));
	answer_free(a);
}

FLOW(expiry_and_age)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\n"
	    "routes: [ { jitter: off } ]\n", origin_url(o));
	struct herd *h;

	origin_answer(o, .path = "/p", .bytes = 100,
	    .fields = "Cache-Control: max-age=600\r\nAge: 100\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	age_is(d, 100, "ttl=49");	/* 499 or a little less */
	daemon_advance_clock(d, 300 * SECOND);
	age_is(d, 400, "ttl=19");
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	daemon_advance_clock(d, 250 * SECOND);
	/* Expired: a herd makes one fetch. */
	origin_hold(o, "/p");
	h = herd_start(daemon_addr(d), 50, "/p");
	daemon_wait_stat(d, "parked", 50);
	origin_release(o, "/p");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 100, test_body_sum(100)), 50);
	ck_assert_uint_eq(origin_requests(o, NULL), 2);
	daemon_wait_stat(d, "hit", 2);
	age_is(d, 100, "ttl=");
	ck_assert_int_eq(daemon_stat(d, "objects"), 1);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}
