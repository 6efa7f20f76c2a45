/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/admit.h"

#include "tests/unit/unit.h"

#define S	USEC_PER_SEC
#define THEN	(1000 * S)

START_TEST(counts_within_the_window)
{
	struct demand d = { .now = 0 };

	ck_assert_uint_eq(demand_within(&d, 30 * S, THEN), 0);
	for (unsigned i = 1; i <= 5; i++) {
		demand_count(&d, 30 * S, THEN + i * S);
		ck_assert_uint_eq(demand_within(&d, 30 * S, THEN + i * S), i);
	}
	ck_assert(d.until > THEN + 30 * S);
}
END_TEST

/* What came before the window counts less and less, and then not at all. */
START_TEST(slides)
{
	struct demand d = { .now = 0 };
	unsigned last = 100, n;

	for (int i = 0; i < 100; i++)
		demand_count(&d, 10 * S, THEN);
	for (usec_t t = 0; t <= 25 * S; t += S / 4) {
		n = demand_within(&d, 10 * S, THEN + t);
		ck_assert_uint_le(n, last);
		last = n;
		if (t < 10 * S)
			ck_assert_uint_eq(n, 100);
		if (t >= 20 * S)
			ck_assert_uint_eq(n, 0);
	}
	/* Looking changed nothing. */
	ck_assert_uint_eq(demand_within(&d, 10 * S, THEN), 100);
	/* After a pause it begins anew. */
	demand_count(&d, 10 * S, THEN + 300 * S);
	ck_assert_uint_eq(demand_within(&d, 10 * S, THEN + 300 * S), 1);
}
END_TEST

/* A steady rate is found, whatever the phase. */
START_TEST(steady)
{
	struct demand d = { .now = 0 };

	for (usec_t t = 0; t < 100 * S; t += S / 2) {
		demand_count(&d, 10 * S, THEN + t);
		if (t > 20 * S) {
			ck_assert_uint_ge(demand_within(&d, 10 * S, THEN + t), 19);
			ck_assert_uint_le(demand_within(&d, 10 * S, THEN + t), 21);
		}
	}
}
END_TEST

/* One request in each window never makes two. */
START_TEST(rare)
{
	struct demand d = { .now = 0 };

	for (usec_t t = 0; t < 500 * S; t += 21 * S) {
		demand_count(&d, 10 * S, THEN + t);
		ck_assert_uint_eq(demand_within(&d, 10 * S, THEN + t), 1);
	}
}
END_TEST

static Suite *
admit_suite(void)
{
	Suite *s = suite_create("admit");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, counts_within_the_window);
	tcase_add_test(tc, slides);
	tcase_add_test(tc, steady);
	tcase_add_test(tc, rare);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(admit_suite)
