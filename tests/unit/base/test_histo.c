/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/histo.h"

#include "tests/unit/unit.h"

#define MS	USEC_PER_MSEC
#define SEC	USEC_PER_SEC

static const struct bucket_case {
	usec_t		t;
	unsigned	bucket;
} cases[] = {
	{ INT64_MIN, 0 }, { -1, 0 }, { 0, 0 }, { 63, 0 },
	{ 64, 1 }, { 79, 1 }, { 80, 2 }, { 96, 3 }, { 112, 4 }, { 127, 4 },
	{ 128, 5 }, { 159, 5 }, { 160, 6 },
	{ 3220 * SEC, 102 }, { 3222 * SEC, 103 }, { 3600 * SEC, 103 }, { USEC_NEVER, 103 },
};

START_TEST(a_duration_has_its_bucket)
{
	ck_assert_uint_eq(histo_bucket(cases[_i].t), cases[_i].bucket);
}
END_TEST

START_TEST(buckets_meet_and_are_a_quarter_wide)
{
	ck_assert_int_eq(histo_bound(0), 64);
	for (unsigned b = 0; b + 1 < HISTO_BUCKETS; b++) {
		ck_assert_uint_eq(histo_bucket(histo_bound(b) - 1), b);
		ck_assert_uint_eq(histo_bucket(histo_bound(b)), b + 1);
		if (b + 2 < HISTO_BUCKETS)
			ck_assert_int_le(4 * histo_bound(b + 1), 5 * histo_bound(b));
	}
	ck_assert_int_eq(histo_bound(HISTO_BUCKETS - 1), USEC_NEVER);
	ck_assert_int_eq(histo_bound(HISTO_BUCKETS), USEC_NEVER);
}
END_TEST

static usec_t
end_of(usec_t t)
{
	return histo_bound(histo_bucket(t));
}

START_TEST(a_quantile_is_the_end_of_its_bucket)
{
	uint64_t count[HISTO_BUCKETS] = { 0 };

	ck_assert_int_eq(histo_quantile(count, 0.99), 0);
	count[histo_bucket(10 * MS)] = 93;
	count[histo_bucket(300 * MS)] = 6;
	count[histo_bucket(9 * SEC)] = 1;
	ck_assert_int_eq(histo_quantile(count, -1), end_of(10 * MS));
	ck_assert_int_eq(histo_quantile(count, 0), end_of(10 * MS));
	ck_assert_int_eq(histo_quantile(count, 0.93), end_of(10 * MS));
	ck_assert_int_eq(histo_quantile(count, 0.94), end_of(300 * MS));
	ck_assert_int_eq(histo_quantile(count, 0.99), end_of(300 * MS));
	ck_assert_int_eq(histo_quantile(count, 0.991), end_of(9 * SEC));
	ck_assert_int_eq(histo_quantile(count, 1), end_of(9 * SEC));
	ck_assert_int_eq(histo_quantile(count, 2), end_of(9 * SEC));
	count[HISTO_BUCKETS - 1] = 1000;
	ck_assert_int_eq(histo_quantile(count, 0.5), USEC_NEVER);
}
END_TEST

START_TEST(shares_that_binary_can_not_say)
{
	uint64_t count[HISTO_BUCKETS] = { 0 };

	for (unsigned k = 1; k < 100; k++) {
		count[1] = k;
		count[50] = 100 - k;
		ck_assert_int_eq(histo_quantile(count, k / 100.0), histo_bound(1));
	}
}
END_TEST

START_TEST(usual_needs_enough)
{
	struct usual u = { 0 };

	ck_assert_int_eq(usual_quantile(&u, 0.5, 0), 0);
	for (unsigned i = 0; i < 19; i++)
		usual_add(&u, 10 * MS);
	ck_assert_int_eq(usual_quantile(&u, 0.5, 20), USEC_NEVER);
	usual_add(&u, 10 * MS);
	ck_assert_int_eq(usual_quantile(&u, 0.5, 20), end_of(10 * MS));
}
END_TEST

static uint32_t
sum(const struct usual *u)
{
	uint32_t n = 0;

	for (unsigned b = 0; b < HISTO_BUCKETS; b++)
		n += u->count[b];
	return n;
}

START_TEST(usual_follows_a_backend_that_changes)
{
	struct usual u = { 0 };

	for (unsigned i = 0; i < 100000; i++) {
		usual_add(&u, 500 * MS);
		ck_assert_uint_eq(u.n, sum(&u));
		ck_assert_uint_le(u.n, 1024);
	}
	for (unsigned i = 0; i < 8 * 1024; i++)
		usual_add(&u, 10 * MS);
	ck_assert_int_eq(usual_quantile(&u, 0.99, 20), end_of(10 * MS));
	for (unsigned i = 0; i < 1024; i++)
		usual_add(&u, 2 * SEC);
	ck_assert_int_eq(usual_quantile(&u, 0.5, 20), end_of(2 * SEC));
}
END_TEST

/* Two in a hundred are slow, each in a bucket of its own: halving must not lose them. */
START_TEST(usual_keeps_a_thin_tail)
{
	struct usual u = { 0 };

	for (unsigned i = 0; i < 20000; i++) {
		usual_add(&u, i % 50 == 0 ? histo_bound(60 + i / 50 % 30) : 10 * MS);
		if (i > 2000) {
			ck_assert_int_eq(usual_quantile(&u, 0.97, 20), end_of(10 * MS));
			ck_assert_int_ge(usual_quantile(&u, 0.99, 20), histo_bound(60));
		}
	}
}
END_TEST

START_TEST(usual_forgets_one_that_was_far_off)
{
	struct usual u = { 0 };

	usual_add(&u, 3000 * SEC);
	for (unsigned i = 0; i < 4096; i++)
		usual_add(&u, 10 * MS);
	ck_assert_int_eq(usual_quantile(&u, 1, 20), end_of(10 * MS));
}
END_TEST

static Suite *
histo_suite(void)
{
	Suite *s = suite_create("histo");
	TCase *tc = tcase_create("histo");

	tcase_add_loop_test(tc, a_duration_has_its_bucket, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tc, buckets_meet_and_are_a_quarter_wide);
	tcase_add_test(tc, a_quantile_is_the_end_of_its_bucket);
	tcase_add_test(tc, shares_that_binary_can_not_say);
	tcase_add_test(tc, usual_needs_enough);
	tcase_add_test(tc, usual_follows_a_backend_that_changes);
	tcase_add_test(tc, usual_keeps_a_thin_tail);
	tcase_add_test(tc, usual_forgets_one_that_was_far_off);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(histo_suite)
