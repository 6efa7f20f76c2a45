/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/rate.h"

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define MSEC	USEC_PER_MSEC

/* n places given back, one each `gap`, while somebody waits. */
static usec_t
run(struct rate *r, usec_t now, unsigned n, usec_t gap, unsigned places)
{
	rate_tick(r, true, now);
	while (n-- > 0) {
		now += gap;
		rate_tick(r, true, now);
		rate_count(r, places);
		rate_tick(r, true, now);
	}
	return now;
}

static void
check_wait(const struct rate *r, unsigned nth, usec_t least, usec_t most)
{
	usec_t t = rate_wait(r, nth);

	ck_assert_msg(t >= least && t <= most, "%lld us", (long long)t);
}

START_TEST(not_known_at_first)
{
	struct rate r = { 0 };

	ck_assert_int_eq(rate_wait(&r, 1), USEC_NEVER);
	run(&r, 0, 50, 10 * MSEC, 4);
	ck_assert_int_eq(rate_wait(&r, 1), USEC_NEVER);
	run(&r, SEC / 2, 60, 10 * MSEC, 4);
	check_wait(&r, 100, SEC - MSEC, SEC + MSEC);
}
END_TEST

/* A pause says nothing of the backend: the burst after it is judged by the last one. */
START_TEST(only_time_in_which_somebody_waits_counts)
{
	struct rate r = { 0 };
	usec_t now = run(&r, 0, 110, 10 * MSEC, 4);

	for (int burst = 0; burst < 100; burst++) {
		rate_tick(&r, false, now);
		for (int i = 0; i < 9; i++) {
			now += 100 * MSEC;
			rate_tick(&r, false, now);
			rate_count(&r, 4);
		}
		now = run(&r, now, 10, 10 * MSEC, 4);
	}
	check_wait(&r, 100, SEC - MSEC, SEC + MSEC);
}
END_TEST

/* But a second of it says that nothing holds up the line any more, whatever that was. */
START_TEST(it_is_forgotten)
{
	struct rate r = { 0 };
	usec_t now = run(&r, 0, 110, 10 * MSEC, 4);

	rate_tick(&r, false, now);
	check_wait(&r, 100, SEC - MSEC, SEC + MSEC);
	now += SEC / 2;
	rate_tick(&r, false, now);
	now += SEC / 2;
	rate_tick(&r, true, now);
	ck_assert_int_eq(rate_wait(&r, 1), USEC_NEVER);
	/* Nor does the time of then count: half a window is none. */
	now = run(&r, now, 90, 10 * MSEC, 4);
	ck_assert_int_eq(rate_wait(&r, 1), USEC_NEVER);
	run(&r, now, 11, 10 * MSEC, 4);
	check_wait(&r, 100, SEC - MSEC, SEC + MSEC);
}
END_TEST

START_TEST(it_follows)
{
	struct rate r = { 0 };
	usec_t now = run(&r, 0, 1000, 10 * MSEC, 4);

	check_wait(&r, 100, SEC - MSEC, SEC + MSEC);
	now = run(&r, now, 100, 100 * MSEC, 4);
	check_wait(&r, 10, 800 * MSEC, SEC + 100 * MSEC);
	/* One that hangs is noticed in a while. */
	rate_tick(&r, true, now + 10 * SEC);
	rate_tick(&r, true, now + 20 * SEC);
	check_wait(&r, 10, 20 * SEC, USEC_NEVER - 1);
}
END_TEST

/* Sixteen places that all come back at the same moment, each two seconds. */
START_TEST(waves_are_smooth)
{
	struct rate r = { 0 };
	usec_t now = 0;

	rate_tick(&r, true, now);
	for (int wave = 0; wave < 10; wave++) {
		for (int part = 0; part < 4; part++) {
			now += SEC / 2;
			rate_tick(&r, true, now);
			if (wave > 1)
				check_wait(&r, 8, SEC * 3 / 4, SEC * 5 / 4);
		}
		for (int i = 0; i < 16; i++)
			rate_count(&r, 16);
	}
}
END_TEST

START_TEST(clocks_of_two_threads)
{
	struct rate r = { 0 };

	rate_tick(&r, true, 5 * SEC);
	rate_tick(&r, true, 4 * SEC);
	rate_tick(&r, true, 6 * SEC);
	for (int i = 0; i < 10; i++)
		rate_count(&r, 10);
	check_wait(&r, 10, SEC, SEC);
}
END_TEST

static Suite *
rate_suite(void)
{
	Suite *s = suite_create("rate");
	TCase *tc = tcase_create("rate");

	tcase_add_test(tc, not_known_at_first);
	tcase_add_test(tc, only_time_in_which_somebody_waits_counts);
	tcase_add_test(tc, it_is_forgotten);
	tcase_add_test(tc, it_follows);
	tcase_add_test(tc, waves_are_smooth);
	tcase_add_test(tc, clocks_of_two_threads);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(rate_suite)
