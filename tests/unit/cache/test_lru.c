/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/lru.h"

#include "tests/unit/unit.h"

#define N	5

START_TEST(empty)
{
	struct lru l;
	struct lru_node n = { .on = 0 };

	lru_init(&l);
	ck_assert_ptr_null(lru_victim(&l));
	ck_assert(lru_oldest(&l) == USEC_NEVER);
	lru_remove(&l, &n);
	ck_assert_ptr_null(lru_victim(&l));
}
END_TEST

START_TEST(the_longest_unused_goes_first)
{
	struct lru l;
	struct lru_node n[N] = { { .on = 0 } };
	/* Put on in order 0..4; then 0 and 2 are used again. */
	static const int order[N] = { 1, 3, 4, 0, 2 };
	static const usec_t used[N] = { 20, 40, 50, 60, 70 };

	lru_init(&l);
	for (int i = 0; i < N; i++)
		lru_touch(&l, &n[i], 10 * (i + 1));
	lru_touch(&l, &n[0], 60);
	lru_touch(&l, &n[2], 70);
	for (int i = 0; i < N; i++) {
		ck_assert_ptr_eq(lru_victim(&l), &n[order[i]]);
		ck_assert(lru_oldest(&l) == used[i]);
		/* Looking changes nothing. */
		ck_assert_ptr_eq(lru_victim(&l), &n[order[i]]);
		lru_remove(&l, &n[order[i]]);
	}
	ck_assert_ptr_null(lru_victim(&l));
	ck_assert(lru_oldest(&l) == USEC_NEVER);
}
END_TEST

START_TEST(removed_from_the_middle)
{
	struct lru l;
	struct lru_node n[3] = { { .on = 0 } };

	lru_init(&l);
	for (int i = 0; i < 3; i++)
		lru_touch(&l, &n[i], i);
	lru_remove(&l, &n[1]);
	lru_remove(&l, &n[1]);
	ck_assert_ptr_eq(lru_victim(&l), &n[0]);
	lru_remove(&l, &n[0]);
	ck_assert_ptr_eq(lru_victim(&l), &n[2]);
	lru_touch(&l, &n[1], 3);
	ck_assert_ptr_eq(lru_victim(&l), &n[2]);
	lru_remove(&l, &n[2]);
	ck_assert_ptr_eq(lru_victim(&l), &n[1]);
}
END_TEST

START_TEST(used_again_alone)
{
	struct lru l;
	struct lru_node n = { .on = 0 };

	lru_init(&l);
	lru_touch(&l, &n, 1);
	lru_touch(&l, &n, 2);
	ck_assert(lru_oldest(&l) == 2);
	ck_assert_ptr_eq(lru_victim(&l), &n);
}
END_TEST

static Suite *
lru_suite(void)
{
	Suite *s = suite_create("lru");
	TCase *tc = tcase_create("lru");

	tcase_add_test(tc, empty);
	tcase_add_test(tc, the_longest_unused_goes_first);
	tcase_add_test(tc, removed_from_the_middle);
	tcase_add_test(tc, used_again_alone);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(lru_suite)
