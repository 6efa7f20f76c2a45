/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/breaker.h"

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define T0	(1000 * SEC)
#define PAUSE	(5 * SEC)

static const struct conf_breaker in_a_row = { .failures = 5, .pause = PAUSE };
static const struct conf_breaker by_rate = { .error_rate = 0.5, .pause = PAUSE };
static const struct conf_breaker off = { .pause = PAUSE };

/* n exchanges that end thus, one after the other; how many of them opened it. */
static unsigned
end(struct breaker *b, const struct conf_breaker *conf, unsigned n, bool failed, usec_t mono)
{
	unsigned opened = 0;

	while (n-- > 0)
		opened += breaker_end(b, conf, false, failed, mono);
	return opened;
}

static struct breaker
opened(const struct conf_breaker *conf)
{
	struct breaker b;

	breaker_init(&b);
	ck_assert_uint_eq(end(&b, conf, 20, true, T0), 1);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	return b;
}

START_TEST(closed_lets_all_through)
{
	struct breaker b;

	breaker_init(&b);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert(breaker_allows(&b, T0));
		ck_assert(!breaker_begin(&b, T0));
	}
	ck_assert_int_eq(breaker_wait(&b, T0), 0);
	breaker_forget(&b, false);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(failures_in_a_row_open_it)
{
	struct breaker b;

	breaker_init(&b);
	ck_assert_uint_eq(end(&b, &in_a_row, 4, true, T0), 0);
	ck_assert(!breaker_end(&b, &in_a_row, false, false, T0));
	ck_assert_uint_eq(end(&b, &in_a_row, 4, true, T0), 0);
	breaker_forget(&b, false);
	ck_assert(breaker_end(&b, &in_a_row, false, true, T0));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_uint_eq(b.opened, 1);
	ck_assert_int_eq(breaker_wait(&b, T0), PAUSE);
	ck_assert(!breaker_allows(&b, T0));
	ck_assert(!breaker_allows(&b, T0 + PAUSE - 1));
	ck_assert_int_eq(breaker_wait(&b, T0 + PAUSE - 1), 1);
}
END_TEST

START_TEST(one_probe_goes_out_after_the_pause)
{
	struct breaker b = opened(&in_a_row);

	ck_assert(breaker_allows(&b, T0 + PAUSE));
	ck_assert_int_eq(breaker_wait(&b, T0 + PAUSE), 0);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert(breaker_begin(&b, T0 + PAUSE));
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert(!breaker_allows(&b, T0 + PAUSE));
	ck_assert(!breaker_allows(&b, T0 + 2 * PAUSE - 1));
	ck_assert_int_eq(breaker_wait(&b, T0 + PAUSE), USEC_NEVER);
}
END_TEST

/* Its client may be sending a body by drops. */
START_TEST(a_probe_that_does_not_end_is_not_the_last)
{
	struct breaker b = opened(&in_a_row);
	usec_t t = T0 + PAUSE;

	ck_assert(breaker_begin(&b, t));
	t += PAUSE;
	ck_assert(breaker_allows(&b, t));
	ck_assert_int_eq(breaker_wait(&b, t), 0);
	ck_assert(breaker_begin(&b, t));
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert(!breaker_allows(&b, t + PAUSE - 1));
	ck_assert(!breaker_end(&b, &in_a_row, true, false, t));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	/* However the first ends, it is too late. */
	ck_assert(!breaker_end(&b, &in_a_row, true, true, t));
	breaker_forget(&b, true);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	ck_assert_uint_eq(b.in_a_row, 0);

	b = opened(&in_a_row);
	t = T0 + PAUSE;
	ck_assert(breaker_begin(&b, t));
	ck_assert(breaker_begin(&b, t + PAUSE));
	ck_assert(breaker_end(&b, &in_a_row, true, true, t + PAUSE));
	ck_assert(!breaker_end(&b, &in_a_row, true, false, t + PAUSE));
	breaker_forget(&b, true);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_int_eq(b.until, t + 2 * PAUSE);
}
END_TEST

START_TEST(a_good_probe_closes_it)
{
	struct breaker b = opened(&in_a_row);

	ck_assert(breaker_begin(&b, T0 + PAUSE));
	ck_assert(!breaker_end(&b, &in_a_row, true, false, T0 + PAUSE));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	ck_assert_uint_eq(b.opened, 1);
	/* What was before is forgotten: it takes as many again. */
	ck_assert_uint_eq(end(&b, &in_a_row, 4, true, T0 + PAUSE), 0);
	ck_assert(breaker_end(&b, &in_a_row, false, true, T0 + PAUSE));
	ck_assert_uint_eq(b.opened, 2);
}
END_TEST

START_TEST(a_bad_probe_opens_it_for_another_pause)
{
	struct breaker b = opened(&in_a_row);
	usec_t t = T0 + PAUSE;

	ck_assert(breaker_begin(&b, t));
	ck_assert(breaker_end(&b, &in_a_row, true, true, t + SEC));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_uint_eq(b.opened, 2);
	ck_assert(!breaker_allows(&b, t + SEC + PAUSE - 1));
	ck_assert(breaker_allows(&b, t + SEC + PAUSE));
}
END_TEST

START_TEST(a_cancelled_probe_may_go_out_again)
{
	struct breaker b = opened(&in_a_row);
	usec_t t = T0 + PAUSE;

	for (unsigned i = 0; i < 3; i++) {
		ck_assert(breaker_begin(&b, t));
		breaker_forget(&b, false);
		ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
		breaker_forget(&b, true);
		ck_assert_int_eq(b.state, BREAKER_OPEN);
		ck_assert(breaker_allows(&b, t));
		ck_assert_int_eq(breaker_wait(&b, t), 0);
	}
	ck_assert_uint_eq(b.opened, 1);
	ck_assert(breaker_begin(&b, t));
	(void)breaker_end(&b, &in_a_row, true, false, t);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

/* Those that began before it opened: they tell nothing new. */
START_TEST(late_ends_change_nothing)
{
	struct breaker b = opened(&in_a_row);
	usec_t t = T0 + PAUSE;

	ck_assert_uint_eq(end(&b, &in_a_row, 50, true, t - 1), 0);
	ck_assert_uint_eq(end(&b, &in_a_row, 50, false, t - 1), 0);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_int_eq(b.until, t);
	ck_assert(breaker_begin(&b, t));
	ck_assert_uint_eq(end(&b, &in_a_row, 50, true, t), 0);
	ck_assert_uint_eq(end(&b, &in_a_row, 50, false, t), 0);
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert_uint_eq(b.opened, 1);
	(void)breaker_end(&b, &in_a_row, true, false, t);
	ck_assert_uint_eq(b.in_a_row, 0);
	ck_assert_uint_eq(end(&b, &in_a_row, 4, true, t), 0);
}
END_TEST

static const struct rate_case {
	unsigned	ok, failed;
	bool		opens;
} rates[] = {
	{ 0, BREAKER_LEAST - 1, false },
	{ 0, BREAKER_LEAST, true },
	{ 10, 9, false },
	{ 10, 10, true },
	{ 11, 10, false },
	{ 100, 99, false },
	{ 100, 100, true },
};

START_TEST(the_error_rate_opens_it)
{
	const struct rate_case *c = &rates[_i];
	struct breaker b;

	breaker_init(&b);
	ck_assert_uint_eq(end(&b, &by_rate, c->ok, false, T0), 0);
	ck_assert_uint_eq(end(&b, &by_rate, c->failed, true, T0), c->opens);
}
END_TEST

START_TEST(a_rate_of_1_takes_failures_only)
{
	const struct conf_breaker all = { .error_rate = 1, .pause = PAUSE };
	struct breaker b;

	breaker_init(&b);
	(void)breaker_end(&b, &all, false, false, T0);
	ck_assert_uint_eq(end(&b, &all, 1000, true, T0), 0);
	breaker_init(&b);
	ck_assert_uint_eq(end(&b, &all, BREAKER_LEAST, true, T0), 1);
}
END_TEST

START_TEST(the_rate_forgets_by_halves)
{
	struct breaker b;

	breaker_init(&b);
	(void)end(&b, &by_rate, 400, false, T0);
	(void)end(&b, &by_rate, 16, true, T0);
	ck_assert(!breaker_end(&b, &by_rate, false, false, T0 + BREAKER_WINDOW - 1));
	ck_assert_uint_eq(b.ok, 401);
	(void)breaker_end(&b, &by_rate, false, false, T0 + BREAKER_WINDOW);
	ck_assert_uint_eq(b.ok, 201);
	ck_assert_uint_eq(b.failed, 8);
	(void)breaker_end(&b, &by_rate, false, false, T0 + 4 * BREAKER_WINDOW - 1);
	ck_assert_uint_eq(b.ok, 51);
	ck_assert_uint_eq(b.failed, 2);
	/* A night later nothing is left, whatever the number of windows. */
	(void)breaker_end(&b, &by_rate, false, true, USEC_NEVER - PAUSE - 1);
	ck_assert_uint_eq(b.ok, 0);
	ck_assert_uint_eq(b.failed, 1);
}
END_TEST

/* Without forgetting, a good day would outweigh the bad minute after it. */
START_TEST(a_good_day_does_not_hide_a_bad_minute)
{
	struct breaker b;
	usec_t t = T0;

	breaker_init(&b);
	for (unsigned i = 0; i < 10000; i++, t += SEC / 100)
		(void)breaker_end(&b, &by_rate, false, false, t);
	for (unsigned i = 0; i < 6000 && b.state == BREAKER_CLOSED; i++, t += SEC / 100)
		(void)breaker_end(&b, &by_rate, false, true, t);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
}
END_TEST

START_TEST(off_is_off)
{
	struct breaker b;

	breaker_init(&b);
	ck_assert_uint_eq(end(&b, &off, 1000, true, T0), 0);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	/* Each threshold without the other. */
	breaker_init(&b);
	ck_assert_uint_eq(end(&b, &by_rate, 10, true, T0), 0);
	breaker_init(&b);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(end(&b, &in_a_row, 4, true, T0), 0);
		(void)end(&b, &in_a_row, 1, false, T0);
	}
	/* Open, then a reload puts it off: the probe closes it, however it ends. */
	b = opened(&in_a_row);
	ck_assert(breaker_begin(&b, T0 + PAUSE));
	ck_assert(!breaker_end(&b, &off, true, true, T0 + PAUSE));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(a_clock_that_stands_still_or_goes_back)
{
	struct breaker b;

	breaker_init(&b);
	for (unsigned i = 0; i < 1000; i++)
		(void)breaker_end(&b, &by_rate, false, false, 0);
	ck_assert_uint_eq(b.ok, 1000);
	(void)breaker_end(&b, &by_rate, false, false, -SEC);
	ck_assert_uint_eq(b.ok, 1001);
	ck_assert_uint_eq(end(&b, &by_rate, 1001, true, 0), 1);
	ck_assert(!breaker_allows(&b, 0));
	/* Counts that can't be forgotten don't overflow either. */
	breaker_init(&b);
	b.window_began = T0;
	b.ok = 1U << 30;
	b.failed = 1U << 29;
	b.in_a_row = UINT32_MAX;
	ck_assert(!breaker_end(&b, &off, false, true, T0));
	ck_assert_uint_eq(b.ok, 1U << 29);
	ck_assert_uint_eq(b.in_a_row, UINT32_MAX);
}
END_TEST

START_TEST(a_pause_without_end)
{
	const struct conf_breaker once = { .failures = 1, .pause = USEC_NEVER };
	struct breaker b;

	breaker_init(&b);
	ck_assert(breaker_end(&b, &once, false, true, T0));
	ck_assert(!breaker_allows(&b, USEC_NEVER - 1));
}
END_TEST

/* What one page does to the server is one failure, until another fails or it goes well itself. */
START_TEST(one_page_does_not_open_it)
{
	struct breaker b;

	breaker_init(&b);
	ck_assert(breaker_is_news(&b, 7));
	(void)end(&b, &in_a_row, 1, true, T0);
	for (int i = 0; i < 100; i++) {
		ck_assert(!breaker_is_news(&b, 7));
		breaker_forget(&b, false);
	}
	ck_assert(breaker_is_news(&b, 8));
	(void)end(&b, &in_a_row, 1, true, T0);
	ck_assert(breaker_is_news(&b, 7));
	(void)end(&b, &in_a_row, 1, false, T0);
	breaker_answered(&b, 8);
	ck_assert(!breaker_is_news(&b, 7));
	breaker_answered(&b, 7);
	ck_assert(breaker_is_news(&b, 7));
	/* What can't be any page's doing counts each time. */
	for (int i = 0; i < 4; i++) {
		ck_assert(breaker_is_news(&b, 0));
		ck_assert_uint_eq(end(&b, &in_a_row, 1, true, T0), 0);
	}
	ck_assert(breaker_is_news(&b, 0));
	ck_assert_uint_eq(end(&b, &in_a_row, 1, true, T0), 1);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
}
END_TEST

static Suite *
breaker_suite(void)
{
	Suite *s = suite_create("breaker");
	TCase *tc = tcase_create("breaker");

	tcase_add_test(tc, closed_lets_all_through);
	tcase_add_test(tc, failures_in_a_row_open_it);
	tcase_add_test(tc, one_probe_goes_out_after_the_pause);
	tcase_add_test(tc, a_probe_that_does_not_end_is_not_the_last);
	tcase_add_test(tc, a_good_probe_closes_it);
	tcase_add_test(tc, a_bad_probe_opens_it_for_another_pause);
	tcase_add_test(tc, a_cancelled_probe_may_go_out_again);
	tcase_add_test(tc, late_ends_change_nothing);
	tcase_add_loop_test(tc, the_error_rate_opens_it, 0, sizeof rates / sizeof *rates);
	tcase_add_test(tc, a_rate_of_1_takes_failures_only);
	tcase_add_test(tc, the_rate_forgets_by_halves);
	tcase_add_test(tc, a_good_day_does_not_hide_a_bad_minute);
	tcase_add_test(tc, one_page_does_not_open_it);
	tcase_add_test(tc, off_is_off);
	tcase_add_test(tc, a_clock_that_stands_still_or_goes_back);
	tcase_add_test(tc, a_pause_without_end);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(breaker_suite)
