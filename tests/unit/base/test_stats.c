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
		{ STAT_saved_ms, "saved_ms" }, { STAT_refreshes, "refreshes" },
		{ STAT_refreshes_dropped, "refreshes_dropped" }, { STAT_hedges, "hedges" },
		{ STAT_hedges_won, "hedges_won" }, { STAT_kept_errors, "kept_errors" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		ck_assert_str_eq(stats_name(t[i].stat), t[i].name);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(stats_name((enum stat_id)i), stats_name((enum stat_id)k));
}
END_TEST

START_TEST(times_add_up)
{
	static struct stats a, b;
	uint64_t count[HISTO_BUCKETS] = { 0 }, sum = 0, n = 0;

	stats_time(&a, HISTO_fetch, 300 * USEC_PER_MSEC);
	stats_time(&a, HISTO_fetch, 300 * USEC_PER_MSEC);
	stats_time(&b, HISTO_fetch, 300 * USEC_PER_MSEC + 1);
	stats_time(&b, HISTO_fetch, 5 * USEC_PER_SEC);
	stats_time(&b, HISTO_park, 17);
	stats_sum_times(&a, HISTO_fetch, count, &sum);
	stats_sum_times(&b, HISTO_fetch, count, &sum);
	ck_assert_uint_eq(sum, 3 * 300 * USEC_PER_MSEC + 1 + 5 * USEC_PER_SEC);
	ck_assert_uint_eq(count[histo_bucket(300 * USEC_PER_MSEC)], 3);
	ck_assert_uint_eq(count[histo_bucket(5 * USEC_PER_SEC)], 1);
	for (unsigned i = 0; i < HISTO_BUCKETS; i++)
		n += count[i];
	ck_assert_uint_eq(n, 4);
}
END_TEST

/* A clock that steps back, and one who waited for ever, spoil neither sum nor memory. */
START_TEST(odd_times_are_counted)
{
	static struct stats a;
	uint64_t count[HISTO_BUCKETS] = { 0 }, sum = 0;

	stats_time(&a, HISTO_queue, 0);
	stats_time(&a, HISTO_queue, -5);
	stats_time(&a, HISTO_queue, INT64_MIN);
	stats_sum_times(&a, HISTO_queue, count, &sum);
	ck_assert_uint_eq(sum, 0);
	ck_assert_uint_eq(count[0], 3);
	stats_time(&a, HISTO_queue, USEC_NEVER);
	stats_sum_times(&a, HISTO_queue, count, &sum);
	ck_assert_uint_eq(count[HISTO_BUCKETS - 1], 1);
	ck_assert_uint_eq(sum, (uint64_t)USEC_NEVER);
}
END_TEST

START_TEST(times_and_counters_are_apart)
{
	static struct stats a;
	uint64_t out[STAT_COUNT] = { 0 }, count[HISTO_BUCKETS] = { 0 }, sum = 0;

	for (unsigned i = 0; i < HISTO_COUNT; i++)
		stats_time(&a, (enum histo_id)i, 1000);
	stats_sum(&a, out);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		ck_assert_uint_eq(out[i], 0);
	for (unsigned i = 0; i < HISTO_COUNT; i++)
		stats_sum_times(&a, (enum histo_id)i, count, &sum);
	ck_assert_uint_eq(count[histo_bucket(1000)], HISTO_COUNT);
	ck_assert_uint_eq(sum, 1000 * HISTO_COUNT);
}
END_TEST

START_TEST(histograms_have_names)
{
	ck_assert_str_eq(stats_time_name(HISTO_fetch), "fetch");
	ck_assert_str_eq(stats_time_name(HISTO_queue), "queue");
	ck_assert_str_eq(stats_time_name(HISTO_park), "park");
	ck_assert_uint_eq(HISTO_COUNT, 3);
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
	tcase_add_test(tc, times_add_up);
	tcase_add_test(tc, odd_times_are_counted);
	tcase_add_test(tc, times_and_counters_are_apart);
	tcase_add_test(tc, histograms_have_names);
	tcase_add_test(tc, neighbours_share_no_cache_line);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(stats_suite)
