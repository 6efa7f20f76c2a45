/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/retry.h"

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define T0	(1000 * SEC)

/* How many may be sent again at once. */
static unsigned
spend_all(struct retry *r, double share, usec_t mono)
{
	unsigned n = 0;

	while (retry_spend(r, share, mono))
		n++;
	return n;
}

static struct retry
empty(double share)
{
	struct retry r;

	retry_init(&r, T0);
	ck_assert_uint_eq(spend_all(&r, share, T0), (unsigned)RETRY_KEPT);
	return r;
}

static const struct earn_case {
	double		share;
	unsigned	requests;
	usec_t		after;
	unsigned	retries;
} earns[] = {
	{ 0.1, 0, 0, 0 },
	{ 0.1, 9, 0, 0 },
	{ 0.1, 10, 0, 1 },
	{ 0.1, 35, 0, 3 },
	{ 0.2, 20, 0, 4 },
	{ 0.1, 1000, 0, 100 },			/* of the last few seconds all count */
	{ 0.1, 1000, 100 * SEC, 10 },		/* RETRY_MEMORY */
	{ 1, 1, 0, 1 },
	{ 1, 7, 0, 7 },
	{ 0.001, 1, SEC - 10 * USEC_PER_MSEC, 0 },
	{ 0.001, 0, SEC, 1 },			/* RETRY_FLOOR */
	{ 0.001, 0, 3 * SEC, 3 },
	{ 0.001, 0, 3600 * SEC, 10 },
	{ 0.001, 0, USEC_NEVER - T0, 10 },
	{ 0.5, 1, SEC / 2, 1 },
	{ 0.001, 0, -SEC, 0 },			/* threads read the clock before they lock */
};

START_TEST(a_share_and_a_floor_are_earned)
{
	const struct earn_case *c = &earns[_i];
	struct retry r = empty(c->share);

	for (unsigned i = 0; i < c->requests; i++)
		retry_earn(&r, c->share, T0);
	ck_assert_uint_eq(spend_all(&r, c->share, T0 + c->after), c->retries);
}
END_TEST

START_TEST(share_0_is_never)
{
	struct retry r;

	retry_init(&r, T0);
	for (unsigned i = 0; i < 1000; i++)
		retry_earn(&r, 0, T0);
	ck_assert(!retry_spend(&r, 0, T0));
	ck_assert(!retry_spend(&r, 0, T0 + 100 * SEC));
	/* Configured anew, nothing was lost. */
	ck_assert(retry_spend(&r, 0.1, T0 + 100 * SEC));
}
END_TEST

START_TEST(a_clock_that_went_back_earns_nothing_twice)
{
	struct retry r = empty(0.1);

	ck_assert_uint_eq(spend_all(&r, 0.1, T0 + 2 * SEC), 2);
	ck_assert_uint_eq(spend_all(&r, 0.1, T0 + SEC), 0);
	ck_assert_uint_eq(spend_all(&r, 0.1, T0 + 2 * SEC), 0);
}
END_TEST

/* A backend that fails everything: 1000 requests a second for a minute, all would be retried. */
START_TEST(a_dead_backend_sees_a_tenth_more)
{
	unsigned retries = 0;
	struct retry r;

	retry_init(&r, T0);
	for (unsigned i = 0; i < 60000; i++) {
		retry_earn(&r, 0.1, T0 + i * USEC_PER_MSEC);
		retries += retry_spend(&r, 0.1, T0 + i * USEC_PER_MSEC);
	}
	ck_assert_uint_ge(retries, 6000);
	ck_assert_uint_le(retries, 6000 + 60 + 10 + 1);
}
END_TEST

/* A server of a busy site dies with much under way: no more than ten seconds' share is retried. */
START_TEST(a_busy_site_has_ten_seconds_worth)
{
	struct retry r;
	usec_t t = T0;
	unsigned n;

	retry_init(&r, T0);
	for (unsigned i = 0; i < 100000; i++)
		retry_earn(&r, 0.1, t += USEC_PER_MSEC);
	n = spend_all(&r, 0.1, t);
	ck_assert_uint_ge(n, 900);
	ck_assert_uint_le(n, 1020);
	ck_assert_uint_eq(spend_all(&r, 0.1, t), 0);
}
END_TEST

static Suite *
retry_suite(void)
{
	Suite *s = suite_create("retry");
	TCase *tc = tcase_create("retry");

	tcase_add_loop_test(tc, a_share_and_a_floor_are_earned, 0, sizeof earns / sizeof *earns);
	tcase_add_test(tc, share_0_is_never);
	tcase_add_test(tc, a_clock_that_went_back_earns_nothing_twice);
	tcase_add_test(tc, a_dead_backend_sees_a_tenth_more);
	tcase_add_test(tc, a_busy_site_has_ten_seconds_worth);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(retry_suite)
