/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/stats.h"

#include "tests/unit/unit.h"

START_TEST(sums_add_up)
{
	static struct stats a, b;
	uint64_t out[STAT_COUNT] = { 0 };

	for (unsigned i = 0; i < STAT_COUNT; i++) {
		stats_add(&a, (enum stat_id)i, i + 1);
		stats_add(&a, (enum stat_id)i, 1000);
		stats_add(&b, (enum stat_id)i, 7);
	}
	stats_sum(&a, out);
	stats_sum(&b, out);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		ck_assert_uint_eq(out[i], i + 1 + 1000 + 7);
}
END_TEST

START_TEST(large_counts_are_kept)
{
	static struct stats a;
	uint64_t out[STAT_COUNT] = { 0 };

	stats_add(&a, STAT_bytes_sent, UINT64_C(1) << 40);
	stats_add(&a, STAT_bytes_sent, UINT64_C(1) << 40);
	stats_sum(&a, out);
	ck_assert_uint_eq(out[STAT_bytes_sent], UINT64_C(1) << 41);
	ck_assert_uint_eq(out[STAT_hit], 0);
}
END_TEST

START_TEST(names_are_the_public_ones)
{
	static const struct {
		enum stat_id	 stat;
		const char	*name;
	} t[] = {
		{ STAT_hit, "hit" }, { STAT_stale, "stale" }, { STAT_miss, "miss" },
		{ STAT_coalesced, "coalesced" }, { STAT_pass, "pass" }, { STAT_shed, "shed" },
		{ STAT_error, "error" }, { STAT_upstream_fetches, "upstream_fetches" },
		{ STAT_upstream_retries, "upstream_retries" },
		{ STAT_upstream_errors, "upstream_errors" }, { STAT_revalidated, "revalidated" },
		{ STAT_saved_ms, "saved_ms" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		ck_assert_str_eq(stats_name(t[i].stat), t[i].name);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(stats_name((enum stat_id)i), stats_name((enum stat_id)k));
}
END_TEST

START_TEST(neighbours_share_no_cache_line)
{
	ck_assert_uint_eq(sizeof(struct stats) % 64, 0);
	ck_assert_uint_eq(_Alignof(struct stats), 64);
}
END_TEST

static Suite *
stats_suite(void)
{
	Suite *s = suite_create("stats");
	TCase *tc = tcase_create("stats");

	tcase_add_test(tc, sums_add_up);
	tcase_add_test(tc, large_counts_are_kept);
	tcase_add_test(tc, names_are_the_public_ones);
	tcase_add_test(tc, neighbours_share_no_cache_line);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(stats_suite)
