/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/ahead.h"

#include "http/fresh.h"

#include "tests/unit/unit.h"

#define MS	USEC_PER_MSEC
#define S	USEC_PER_SEC
#define THEN	(1000 * S)

/* A page of that lifetime, which took so long each time. */
static struct ahead
planned(usec_t lifetime, usec_t took, double weight, double chance)
{
	struct fresh f = { .lifetime = lifetime, .initial_age = took };
	struct pace p = { .mean = 0 };
	struct ahead a;

	for (int i = 0; i < 50; i++)
		pace_add(&p, took);
	ahead_plan(&a, &f, &p, took, THEN, weight, chance);
	return a;
}

/* Done in time: the lead is what the fetch takes and a quarter more, whatever was drawn. */
START_TEST(lead_is_enough)
{
	static const struct { usec_t lifetime, took; } pages[] = {
		{ 1 * S, 300 * MS }, { 1 * S, 10 * MS }, { 60 * S, 300 * MS }, { 60 * S, 20 * S },
		{ 3600 * S, 5 * S }, { 2 * S, 700 * MS },
	};

	for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++)
		for (double chance = 0; chance < 1; chance += 0.01) {
			usec_t left = pages[i].lifetime - pages[i].took;
			struct ahead a = planned(pages[i].lifetime, pages[i].took, 1, chance);
			usec_t lead = THEN + left - a.from;

			ck_assert(a.from != USEC_NEVER);
			ck_assert_int_ge(lead, pages[i].took + pages[i].took / 4);
			ck_assert_int_lt(lead, left);
			/* More than half only if the fetch itself needs it. */
			ck_assert(lead <= left / 2 || chance == 0 ||
			    pages[i].took + pages[i].took / 4 + 11 * MS >= left / 2);
		}
}
END_TEST

/* The draws are exponential, of the fetch time's mean: the paper's delta * beta * -ln(u). */
START_TEST(leads_are_spread)
{
	const usec_t took = 1 * S, lifetime = 1000 * S;
	double sum = 0;
	usec_t least = USEC_NEVER;
	int n = 1000;

	for (int i = 0; i < n; i++) {
		struct ahead a = planned(lifetime, took, 1, (i + 0.5) / n);
		usec_t lead = THEN + lifetime - took - a.from;

		sum += (double)lead;
		least = lead < least ? lead : least;
	}
	ck_assert_int_ge(least, took + took / 4);
	ck_assert_int_le(least, took + took / 4 + 20 * MS);
	ck_assert_double_ge((sum / n - (double)least) / (double)took, 0.95);
	ck_assert_double_le((sum / n - (double)least) / (double)took, 1.05);
	/* Twice the weight, twice the spread. */
	ck_assert_int_lt(planned(lifetime, took, 2, 0.9).from,
	    planned(lifetime, took, 1, 0.9).from);
}
END_TEST

START_TEST(never)
{
	struct fresh no_cache = { .lifetime = 60 * S, .no_cache = true };
	struct fresh stale = { .lifetime = 1 * S, .initial_age = 2 * S };
	struct fresh forever = { .lifetime = USEC_NEVER };
	struct pace p = { .mean = MS, .dev = 0 };
	struct ahead a;

	/* off; too short-lived for its fetch */
	ck_assert(planned(60 * S, MS, 0, 0.5).from == USEC_NEVER);
	ck_assert(planned(1 * S, 500 * MS, 1, 0.5).from == USEC_NEVER);
	ck_assert(planned(1 * S, 990 * MS, 1, 0).from == USEC_NEVER);
	ahead_plan(&a, &no_cache, &p, MS, THEN, 1, 0.5);
	ck_assert(a.from == USEC_NEVER);
	ahead_plan(&a, &stale, &p, MS, THEN, 1, 0.5);
	ck_assert(a.from == USEC_NEVER);
	ahead_plan(&a, &forever, &p, MS, THEN, 1, 0.5);
	ck_assert(a.from == USEC_NEVER);
	ck_assert(!ahead_hit(&a, USEC_NEVER - 1));
}
END_TEST

/* How often would a page that is asked for every so often, from `from` on, be refreshed? */
static bool
refreshed(usec_t first, usec_t every, usec_t until)
{
	struct ahead a = planned(1 * S, 300 * MS, 1, 0.2);

	for (usec_t t = first; t < until; t += every)
		if (ahead_hit(&a, THEN + t))
			return true;
	return false;
}

START_TEST(only_what_is_popular)
{
	/* lives 700 ms */
	ck_assert(refreshed(1 * MS, 5 * MS, 700 * MS));
	ck_assert(refreshed(50 * MS, 100 * MS, 700 * MS));
	ck_assert(!refreshed(100 * MS, 400 * MS, 700 * MS));
	ck_assert(!refreshed(699 * MS, 1, 700 * MS));
	/* a crowd at one moment is one visit */
	ck_assert(!refreshed(600 * MS, 1 * MS, 660 * MS));
	ck_assert(!refreshed(10 * MS, 1 * MS, 100 * MS));
}
END_TEST

/* RFC 6298: mean and deviation follow, a single outlier moves them little. */
START_TEST(pace)
{
	struct pace p = { .mean = 0 };
	usec_t mean;

	pace_add(&p, 100 * MS);
	ck_assert_int_eq(p.mean, 100 * MS);
	for (int i = 0; i < 100; i++)
		pace_add(&p, 100 * MS);
	ck_assert_int_eq(p.mean, 100 * MS);
	ck_assert_int_lt(p.dev, MS);
	pace_add(&p, 900 * MS);
	ck_assert_int_eq(p.mean, 200 * MS);
	ck_assert_int_ge(p.dev, 199 * MS);
	mean = p.mean;
	pace_add(&p, -5);
	ck_assert_int_lt(p.mean, mean);
	ck_assert_int_ge(p.mean, 0);
	for (int i = 0; i < 100; i++)
		pace_add(&p, 300 * MS);
	ck_assert_int_ge(p.mean, 295 * MS);
	ck_assert_int_le(p.mean, 305 * MS);
}
END_TEST

static Suite *
ahead_suite(void)
{
	Suite *s = suite_create("ahead");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, lead_is_enough);
	tcase_add_test(tc, leads_are_spread);
	tcase_add_test(tc, never);
	tcase_add_test(tc, only_what_is_popular);
	tcase_add_test(tc, pace);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(ahead_suite)
