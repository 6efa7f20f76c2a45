/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judged by simulation: a backend of some kind, a line in front of it that is never empty (or that
 * fills at a rate), and the limiter between the two.  Seeded, so it comes out the same each time.
 *
 * A backend has a time of its own, which goes slower the more requests it has at once; a request is
 * over when it has had its work of that time.
 *
 * The outcome is chaotic: another rounding of exp() is as good as another seed.  So the demands
 * are what ten seeds met, with something to spare.  LIMIT_VERBOSE=1 prints the figures.
 */
#include "upstream/limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

#define FLOOR		1
#define CEILING		256
#define MSEC		USEC_PER_MSEC
#define SEC		USEC_PER_SEC
#define SEEDS		2
#define QUICK_REFUSAL	0.001	/* seconds */

enum shape {
	CONSTANT, EXPONENTIAL,
	HALVES,				/* 10 ms or 500 ms, as often */
	RARELY,				/* 10 ms, one in ten 500 ms */
	PARETO,				/* exponent 1.8: its variance has no bound but the cut */
};

struct backend {
	double		(*slowdown)(double n);	/* of each of n at once; NULL: none */
	unsigned	servers;		/* served at once, first come; 0: all */
	double		mean;			/* of work, in seconds */
	enum shape	shape;
	unsigned	room;			/* those past it are answered 503 at once; 0: no */
	double		faulty;			/* share answered 503 whatever the load */
	double		rate;			/* requests a second; 0: the line is never empty */
	double		patience;		/* the limiter's timeout in seconds; 0: none */
};

struct request {
	bool		served, refused, held_back;
	usec_t		began;
	double		work, ends;		/* ends: in the backend's own time */
	uint64_t	seq;
};

struct sim {
	struct backend	b;
	struct limit	limit;
	unsigned	fixed;			/* instead of the limit; 0: no */
	unsigned	floor, ceiling;
	uint64_t	seed, seq;
	usec_t		now;
	double		own;			/* the backend's own time */
	double		arrives;		/* the next one, with a rate */
	unsigned	waiting;
	struct request	r[CEILING];
	unsigned	n, nserved;
	unsigned long	good;
	double		area;			/* limit times time */
	unsigned	least, most;		/* limit */
};

static double
uniform(struct sim *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return ((double)(s->seed >> 11) + 0.5) / 9007199254740992.0;
}

static double
work(struct sim *s)
{
	double mean = s->b.mean;

	switch (s->b.shape) {
	case CONSTANT:
		return mean;
	case EXPONENTIAL:
		return -log(uniform(s)) * mean;
	case HALVES:
		return uniform(s) < 0.5 ? 0.010 : 0.500;
	case RARELY:
		return uniform(s) < 0.9 ? 0.010 : 0.500;
	case PARETO:
		return fmin(mean * 0.8 / 1.8 * pow(uniform(s), -1 / 1.8), 100 * mean);
	}
	return 0;
}

static unsigned
allowed(const struct sim *s)
{
	return s->fixed != 0 ? s->fixed : limit_now(&s->limit);
}

static double
own_speed(const struct sim *s)
{
	return s->b.slowdown != NULL ? 1 / s->b.slowdown(s->n) : 1;
}

static void
pass_time(struct sim *s, usec_t until)
{
	if (until <= s->now)
		return;
	s->own += (double)(until - s->now) / SEC * own_speed(s);
	s->area += (double)(until - s->now) / SEC * allowed(s);
	s->now = until;
}

/* Those that came first get the servers that are free. */
static void
serve(struct sim *s)
{
	while (s->nserved < s->n && (s->b.servers == 0 || s->nserved < s->b.servers)) {
		struct request *first = NULL;

		for (unsigned i = 0; i < s->n; i++)
			if (!s->r[i].served && (first == NULL || s->r[i].seq < first->seq))
				first = &s->r[i];
		first->served = true;
		first->ends = s->own + first->work;
		s->nserved++;
	}
}

static void
admit(struct sim *s)
{
	unsigned max = allowed(s);

	while (s->n < max && (s->b.rate == 0 || s->waiting > 0)) {
		struct request *q = &s->r[s->n++];

		*q = (struct request){ .began = s->now, .work = work(s), .seq = s->seq++ };
		if (s->waiting > 0)
			s->waiting--;
		q->refused = (s->b.room > 0 && s->n > s->b.room) ||
		    (s->b.faulty > 0 && uniform(s) < s->b.faulty);
		if (q->refused)
			q->work = QUICK_REFUSAL;
	}
	for (unsigned i = 0; s->n >= max && i < s->n; i++)
		s->r[i].held_back = true;
	serve(s);
}

static void
end(struct sim *s, struct request *at)
{
	struct request q = *at;
	bool good;

	*at = s->r[--s->n];
	s->nserved -= q.served;
	good = !q.refused && (s->b.patience == 0 ||
	    (double)(s->now - q.began) < s->b.patience * SEC);
	s->good += good;
	if (s->fixed != 0)
		return;
	limit_sample(&s->limit, good ? LIMIT_OK : LIMIT_OVERLOAD, s->now - q.began, q.held_back,
	    s->now);
	ck_assert_uint_ge(limit_now(&s->limit), s->floor);
	ck_assert_uint_le(limit_now(&s->limit), s->ceiling);
	s->least = allowed(s) < s->least ? allowed(s) : s->least;
	s->most = allowed(s) > s->most ? allowed(s) : s->most;
}

/* Which one ends next, and when. */
static struct request *
next(struct sim *s, usec_t *when)
{
	struct request *found = NULL;

	*when = USEC_NEVER;
	for (unsigned i = 0; i < s->n; i++) {
		struct request *q = &s->r[i];
		usec_t at = USEC_NEVER;

		if (q->served)
			at = s->now + (usec_t)ceil(
			    fmax(fmin((q->ends - s->own) / own_speed(s), 1e6), 0) * SEC);
		if (s->b.patience > 0 && q->began + (usec_t)(s->b.patience * SEC) < at)
			at = q->began + (usec_t)(s->b.patience * SEC);
		if (at < *when) {
			*when = at;
			found = q;
		}
	}
	return found;
}

static void
run(struct sim *s, usec_t until)
{
	for (;;) {
		struct request *q;
		usec_t when;

		admit(s);
		q = next(s, &when);
		if (s->b.rate > 0 && s->arrives < (double)when && s->arrives < (double)until) {
			pass_time(s, (usec_t)s->arrives);
			s->arrives += -log(uniform(s)) / s->b.rate * SEC;
			s->waiting++;
		} else if (when < until) {
			pass_time(s, when);
			end(s, q);
		} else {
			pass_time(s, until);
			return;
		}
	}
}

static void
begin(struct sim *s, const struct backend *b, unsigned fixed, unsigned seed)
{
	*s = (struct sim){ .b = *b, .fixed = fixed, .floor = FLOOR, .ceiling = CEILING,
		.seed = seed * UINT64_C(0x9e3779b97f4a7c15) };
	limit_init(&s->limit, FLOOR, CEILING, 0);
}

/* Good answers a second from now until then; s->area, least and most are of that time too. */
static double
goodput(struct sim *s, usec_t until)
{
	usec_t from = s->now;

	s->good = 0;
	s->area = 0;
	s->least = s->most = allowed(s);
	run(s, until);
	return (double)s->good * SEC / (double)(until - from);
}

static double
mean_limit(const struct sim *s, usec_t spent)
{
	return s->area * SEC / (double)spent;
}

/* Of the fixed limit that is said to be the best and of those about it. */
static double
best_fixed(const struct backend *b, unsigned said)
{
	static const double about[] = { 0.6, 0.8, 0.9, 1, 1.1, 1.5 };
	static struct sim s;
	double best = 0;

	for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
		begin(&s, b, (unsigned)fmin(ceil(said * about[i]), CEILING), SEEDS + 1);
		run(&s, 5 * SEC);
		best = fmax(best, goodput(&s, 25 * SEC));
	}
	return best;
}

static double
bends_then_square(double n)
{
	return n <= 40 ? 1 + n / 40 : 2 * (n / 40) * (n / 40);
}

static double
bends_then_steep(double n)
{
	return n <= 40 ? 1 + n / 40 : 2 * exp((n - 40) / 5);
}

static double
round_then_steep(double n)
{
	return 1 + (n / 40) * (n / 40) + (n <= 40 ? 0 : 2 * (exp((n - 40) / 10) - 1));
}

static const struct {
	const char	*name;
	struct backend	 b;
	unsigned	 at;		/* the best fixed limit */
	double		 share;		/* of its goodput, at least: from 20 s on, */
	double		 early;		/* and from 14 to 20 s */
	double		 lowest, highest;	/* mean limit */
} backends[] = {
	{ "16 servers", { .servers = 16, .mean = 0.05, .shape = EXPONENTIAL },
	    16, 0.9, 0.7, 14, 32 },
	{ "16 servers, constant", { .servers = 16, .mean = 0.05 }, 16, 0.9, 0.7, 14, 20 },
	{ "60 servers", { .servers = 60, .mean = 0.02, .shape = EXPONENTIAL },
	    60, 0.9, 0.7, 54, 75 },
	{ "100 servers, constant", { .servers = 100, .mean = 0.1 }, 100, 0.9, 0.7, 90, 120 },
	{ "square past 40", { bends_then_square, .mean = 0.05, .shape = EXPONENTIAL },
	    40, 0.9, 0.7, 30, 45 },
	{ "square past 40, constant", { bends_then_square, .mean = 0.05 }, 40, 0.9, 0.7, 30, 45 },
	{ "steep past 40, constant", { bends_then_steep, .mean = 0.05 }, 40, 0.88, 0.7, 30, 42 },
	/* The worst for it: an edge, and answers that vary. */
	{ "steep past 40", { bends_then_steep, .mean = 0.05, .shape = EXPONENTIAL },
	    40, 0.8, 0.6, 28, 42 },
	{ "round, steep past 40", { round_then_steep, .mean = 0.05, .shape = EXPONENTIAL },
	    38, 0.9, 0.7, 25, 42 },
	{ "timeouts past 40", { bends_then_steep, .mean = 0.05, .shape = EXPONENTIAL,
	    .patience = 0.5 }, 40, 0.8, 0.55, 28, 42 },
	{ "503 past 40", { .room = 40, .mean = 0.05, .shape = EXPONENTIAL }, 40, 0.9, 0.7, 36, 41 },
	{ "no limit", { .mean = 0.1 }, 256, 0.9, 0.7, 235, 256 },
	{ "one at a time, constant", { .servers = 1, .mean = 0.01 }, 1, 0.9, 0.7, 1, 6 },
	{ "one at a time", { .servers = 1, .mean = 0.02, .shape = EXPONENTIAL },
	    1, 0.9, 0.7, 1, 16 },
	{ "cheap and expensive", { .servers = 20, .shape = HALVES }, 20, 0.9, 0.7, 18, 80 },
	{ "rarely expensive", { .servers = 20, .shape = RARELY }, 20, 0.8, 0.4, 12, 160 },
	{ "heavy tail", { .servers = 20, .mean = 0.05, .shape = PARETO }, 20, 0.9, 0.7, 16, 40 },
	{ "2 % are 503", { .servers = 16, .mean = 0.05, .shape = EXPONENTIAL,
	    .faulty = 0.02 }, 16, 0.9, 0.7, 14, 32 },
	{ "5 % are 503", { .servers = 16, .mean = 0.05, .shape = EXPONENTIAL,
	    .faulty = 0.05 }, 16, 0.9, 0.7, 14, 32 },
};

START_TEST(finds_the_best)
{
	static struct sim s;
	const char *name = backends[_i].name;
	double best = best_fixed(&backends[_i].b, backends[_i].at);

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		double early, share, limit;

		begin(&s, &backends[_i].b, 0, seed);
		run(&s, 14 * SEC);
		early = goodput(&s, 20 * SEC) / best;
		share = goodput(&s, 80 * SEC) / best;
		limit = mean_limit(&s, 60 * SEC);
		if (getenv("LIMIT_VERBOSE") != NULL) {
			printf("%-26s best %7.1f/s  14-20 s %.3f  20-80 s %.3f  limit %.1f (%u to "
			    "%u)\n", name, best, early, share, limit, s.least, s.most);
			fflush(stdout);
		}
		ck_assert_msg(early >= backends[_i].early, "%s: 14 to 20 s: %.3f", name,
		    early);
		ck_assert_msg(share >= backends[_i].share, "%s: 20 to 80 s: %.3f", name, share);
		ck_assert_msg(limit >= backends[_i].lowest && limit <= backends[_i].highest,
		    "%s: limit %.1f", name, limit);
		ck_assert_msg(s.least > backends[_i].lowest / 4, "%s: as low as %u", name, s.least);
	}
}
END_TEST

/* Half of the servers leave after 30 s and come back after another 30. */
START_TEST(follows_a_step)
{
	const struct backend b = { .servers = 32, .mean = 0.05, .shape = EXPONENTIAL };
	static struct sim s;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		double before, during, after, low;

		begin(&s, &b, 0, seed);
		run(&s, 20 * SEC);
		before = goodput(&s, 30 * SEC);
		s.b.servers = 16;
		run(&s, 50 * SEC);
		during = goodput(&s, 60 * SEC);
		low = mean_limit(&s, 10 * SEC);
		s.b.servers = 32;
		run(&s, 70 * SEC);
		after = goodput(&s, 80 * SEC);
		ck_assert_double_ge(before, 0.85 * 640);
		ck_assert_double_ge(during, 0.85 * 320);
		ck_assert_double_le(low, 26);
		ck_assert_double_ge(after, 0.85 * 640);
	}
}
END_TEST

/* As when the database behind it gets slow: all takes three times as long, and too many do harm. */
static double
sick(double n)
{
	return n <= 12 ? 3 : 3 * exp((n - 12) / 6);
}

START_TEST(follows_a_breakdown)
{
	const struct backend b = { bends_then_square, .mean = 0.05, .shape = EXPONENTIAL };
	static struct sim s;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		double during, after;

		begin(&s, &b, 0, seed);
		run(&s, 30 * SEC);
		s.b.slowdown = sick;
		run(&s, 60 * SEC);
		during = goodput(&s, 90 * SEC);
		s.b.slowdown = bends_then_square;
		run(&s, 105 * SEC);
		after = goodput(&s, 120 * SEC);
		ck_assert_double_ge(during, 0.7 * 12 / 0.15);
		ck_assert_double_ge(after, 0.65 * 400);
	}
}
END_TEST

/* For 200 ms everything is answered 503 at once; then all is well again. */
START_TEST(survives_a_burst_of_errors)
{
	const struct backend b = { .servers = 16, .mean = 0.05, .shape = EXPONENTIAL };
	static struct sim s;

	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		double after;

		begin(&s, &b, 0, seed);
		run(&s, 20 * SEC);
		for (unsigned burst = 0; burst < 5; burst++) {
			s.b.faulty = 1;
			run(&s, s.now + 200 * MSEC);
			ck_assert_uint_le(allowed(&s), 4);
			s.b.faulty = 0;
			run(&s, s.now + 4800 * MSEC);
			ck_assert_uint_ge(allowed(&s), 6);
		}
		after = goodput(&s, s.now + 20 * SEC);
		ck_assert_double_ge(after, 0.85 * 320);
	}
}
END_TEST

START_TEST(low_load_teaches_nothing)
{
	const struct backend b = { .servers = 16, .mean = 0.05, .shape = EXPONENTIAL, .rate = 100 };
	static struct sim s;

	begin(&s, &b, 0, 1);
	ck_assert_double_ge(goodput(&s, 120 * SEC), 95);
	ck_assert_uint_eq(s.least, 16);
	ck_assert_uint_eq(s.most, 16);
}
END_TEST

START_TEST(errors_shrink_at_once)
{
	struct limit l;
	usec_t t = 0;

	limit_init(&l, 1, 256, t);
	ck_assert_uint_eq(limit_now(&l), 16);
	limit_sample(&l, LIMIT_NOTHING, 50 * MSEC, true, t += MSEC);
	ck_assert_uint_eq(limit_now(&l), 16);
	limit_sample(&l, LIMIT_OVERLOAD, 50 * MSEC, true, t += MSEC);
	ck_assert_uint_eq(limit_now(&l), 15);
	for (unsigned i = 0; i < 10; i++)
		limit_sample(&l, LIMIT_OK, 50 * MSEC, false, t += MSEC);
	ck_assert_uint_eq(limit_now(&l), 16);
	for (unsigned i = 0; i < 100; i++)
		limit_sample(&l, LIMIT_OVERLOAD, 50 * MSEC, true, t += MSEC);
	ck_assert_uint_eq(limit_now(&l), 1);
	for (unsigned i = 0; i < 150; i++)
		limit_sample(&l, LIMIT_OK, 50 * MSEC, true, t += MSEC);
	ck_assert_uint_eq(limit_now(&l), 16);
}
END_TEST

START_TEST(bounds_hold)
{
	struct limit l;
	usec_t t = 0;

	limit_init(&l, 2, 8, t);
	ck_assert_uint_eq(limit_now(&l), 7);	/* so that there is room for a probe */
	limit_init(&l, 8, 8, t);
	ck_assert_uint_eq(limit_now(&l), 8);
	limit_init(&l, 40, 80, t);
	ck_assert_uint_eq(limit_now(&l), 40);
	limit_init(&l, 1, 100, t);
	limit_bounds(&l, 20, 100);
	ck_assert_uint_eq(limit_now(&l), 20);
	limit_bounds(&l, 1, 5);
	ck_assert_uint_eq(limit_now(&l), 4);
	limit_bounds(&l, 3, 3);
	for (unsigned i = 0; i < 10000; i++) {
		limit_sample(&l, i % 7 == 0 ? LIMIT_OVERLOAD : LIMIT_OK, i % 50 * MSEC, i % 3 != 0,
		    t += 2 * MSEC);
		ck_assert_uint_eq(limit_now(&l), 3);
	}
	limit_bounds(&l, 1, 2);
	for (unsigned i = 0; i < 10000; i++) {
		limit_sample(&l, LIMIT_OK, 0, true, t);
		ck_assert_uint_le(limit_now(&l), 2);
		ck_assert_uint_ge(limit_now(&l), 1);
	}
}
END_TEST

/* Clocks that stand, answers in no time, only failures: nothing breaks, the bounds hold. */
START_TEST(odd_samples)
{
	struct limit l;
	usec_t t = 5 * SEC;

	limit_init(&l, 1, 64, t);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned k = i / 1000;

		limit_sample(&l, k % 3 == 0 ? LIMIT_OVERLOAD : LIMIT_OK,
		    k % 5 == 0 ? 0 : k % 5 == 1 ? -5 : k % 5 == 2 ? 3600 * SEC : 10 * MSEC,
		    k % 4 != 0, k % 7 == 0 ? t - SEC : t);
		if (k % 2 == 0)
			t += 3 * MSEC;
		ck_assert_uint_ge(limit_now(&l), 1);
		ck_assert_uint_le(limit_now(&l), 64);
		ck_assert(isfinite(l.base) && isfinite(l.debt) && isfinite(l.usual));
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("limit");
	TCase *tc = tcase_create("limit");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, finds_the_best, 0,
	    sizeof backends / sizeof backends[0]);
	tcase_add_test(tc, follows_a_step);
	tcase_add_test(tc, follows_a_breakdown);
	tcase_add_test(tc, survives_a_burst_of_errors);
	tcase_add_test(tc, low_load_teaches_nothing);
	tcase_add_test(tc, errors_shrink_at_once);
	tcase_add_test(tc, bounds_hold);
	tcase_add_test(tc, odd_samples);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
