/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: two numbers of requests are allowed in turn, the base and, as a probe, a fifth more, each
 * for a window of a hundred answers or more.  While all places are taken, throughput is places /
 * response time (Little's law), so the two response times say what the added places brought:
 *
 *	gained = log(probe's speed / base's speed) / log(probe's places / base's places)
 *
 * is 1 where throughput grows as the places do, 0 where requests only wait longer at the backend,
 * and less than 0 where more of them do harm.  After each pair the base moves by GAIN * (gained -
 * WORTH), so it comes to rest where a tenth more places brings no more than 2.5 % more throughput.
 * The measure is noisy; small moves, each towards what was just seen, average it.  Moves get larger
 * while pair after pair says the same, windows longer while they don't, and at the start the steps
 * are of a half, each taken if it pays.
 *
 * Three things are not left to the pairs:
 *   Failures.  Each takes a place away at once, ten good answers give one back (`debt`).  So a rate
 *	of one in twenty hardly shows, and a backend that refuses all is down at the floor after
 *	as many answers as there were places.  Half of a debt that is still there when a window
 *	ends becomes part of the base.
 *   A slump.  The base is half as fast as the last time: half the places; or back, if it had grown.
 *   A stall.  All places are taken, and for a second or more hardly anything has come back of what
 *	should have.  Then response times say nothing yet, for those that are stuck have none.
 *
 * Invariants: floor <= base <= ceiling and floor <= limit_now() <= ceiling.  Windows in which the
 * limit held hardly anybody back say nothing about it: the base stays.
 *
 * Why not simpler.  More until it fails, then less (TCP Reno, AIMD) sees nothing before the backend
 * fails.  Vegas, and the gradients of Netflix' concurrency-limits and of Envoy, compare with the
 * best response time seen, or with a slow average, or with one measured afresh from time to time.
 * Where cheap and expensive requests are mixed the best is always a cheap one, and the limit falls
 * to the floor; an average gets used to the overload; and measuring afresh lets hardly anything
 * through for a while.  Here both halves of a pair see the same mix, moments apart.  A table of
 * throughput by number of places uses the data better, but is wrong after each change of the
 * backend.  Without the stall rule a backend that breaks down under what it could take before is
 * not left: nothing comes back to learn from.
 *
 * Known weakness: where throughput breaks down right past its peak the probes go over the edge, and
 * the base rests a step below it: a tenth of the best is lost, up to a sixth if answers also vary
 * much.  The table in the test has the figures.  One that takes seconds for each answer from the
 * start is learned in minutes, because a window is some answers long; and where one answer in ten
 * takes fifty times as long as the others, a few hundred say little: it wanders.
 *
 * Sources: Brakmo and others, TCP Vegas (SIGCOMM 1994); Cardwell and others, BBR (ACM Queue 14, 5,
 * 2016), for probes of a quarter more; Kiefer, Wolfowitz (1952) on finding a maximum by noisy
 * differences; Alizadeh and others, DCTCP (SIGCOMM 2010), on shrinking by the share of marks.
 */
#include "upstream/limit.h"

#include <math.h>
#include <stdlib.h>

#include "base/contract.h"

#define START		16
#define STEP		0.2	/* how much more a probe tries */
#define START_STEP	0.5	/* the same, until a probe doesn't clearly pay */
#define START_MORE	0.4	/* of gain: it pays */
#define CLIPPED_STEP	0.1	/* and how far the base stays below, where the ceiling is near */
#define WORTH		0.25	/* what more places have to bring, as a share of them */
#define GAIN		0.15
#define CLEAR_MORE	0.6	/* a gain of more says clearly: more; */
#define CLEAR_LESS	0.125	/* of less: less */
#define FIRST_HARM	-0.25	/* the most that the first of several harmful probes counts: it may
				 * have gone over an edge that the base is well below */
#define LONGEST_RUN	3
#define LONGEST_RUN_UP	2	/* a base much higher than was ever tried may be over an edge */
#define PATIENCE	3
#define ENOUGH		100	/* answers in a window, and */
#define LONG_ENOUGH	(500 * USEC_PER_MSEC)
#define TOO_LONG	(3 * USEC_PER_SEC)	/* after that fewer answers do: */
#define FEW		20
#define BREAKDOWN	0.7	/* a probe this much slower than the base is over at once */
#define EARLY		50	/* answers that have to say so */
#define SLUMP		0.5	/* a base this much slower than before is left at once */
#define STALL		4.0	/* usual response times in which hardly anything ended: */
#define STALL_SHARE	0.2	/* of what should have */
#define STALL_LEAST	((double)USEC_PER_SEC)
#define STALL_KEEPS	0.7	/* of the base */
#define GIVEN_BACK	0.1	/* places, by a good answer, to those that failures took */
#define SMOOTH		50	/* answers in the usual response time */

static double
within(const struct limit *l, double places)
{
	return fmin(fmax(places, l->floor), l->ceiling);
}

static void
open_window(struct limit *l, bool probe, usec_t mono)
{
	double step = l->starting ? START_STEP : STEP;
	unsigned low = (unsigned)l->base, high = (unsigned)ceil(l->base * (1 + step));

	if (high > l->ceiling) {
		high = l->ceiling;
		low = (unsigned)fmax(fmin(low, high / (1 + CLIPPED_STEP)), l->floor);
	}
	l->probing = probe && high > low;
	l->level = l->probing ? high : low;
	l->window = (struct limit_window){ .began = mono, .usual = l->usual };
}

/* Begins again from the base, with nothing to compare it with. */
static void
start_over(struct limit *l, usec_t mono)
{
	l->base_speed = 0;
	l->base_level = 0;
	open_window(l, false, mono);
}

void
limit_init(struct limit *l, unsigned floor, unsigned ceiling, usec_t mono)
{
	ASSERT(floor >= 1 && floor <= ceiling);
	*l = (struct limit){ .floor = floor, .ceiling = ceiling, .starting = true, .last = mono };
	l->base = within(l, START);
	start_over(l, mono);
}

void
limit_bounds(struct limit *l, unsigned floor, unsigned ceiling)
{
	ASSERT(floor >= 1 && floor <= ceiling);
	if (floor == l->floor && ceiling == l->ceiling)
		return;
	l->floor = floor;
	l->ceiling = ceiling;
	l->base = within(l, l->base);
	start_over(l, l->window.began);
}

unsigned
limit_now(const struct limit *l)
{
	return (unsigned)within(l, ceil(l->level - l->debt));
}

/* How many comparisons in a row have said the same clearly. */
static int
count_run(int run, double gained)
{
	if (gained > CLEAR_MORE)
		return run > 0 ? run + 1 : 1;
	if (gained < CLEAR_LESS)
		return run < 0 ? run - 1 : -1;
	return 0;
}

/* A pair is complete. */
static void
move(struct limit *l, double gained)
{
	bool up = gained > WORTH;
	int run = count_run(l->run, gained), times;

	if (l->starting && gained > START_MORE) {
		l->base = l->level;
		return;
	}
	l->starting = false;
	run = run > LONGEST_RUN_UP ? LONGEST_RUN_UP : run < -LONGEST_RUN ? -LONGEST_RUN : run;
	times = run == 0 ? 1 : abs(run);
	/* -1.25 the second time, -2 from the third on. */
	gained = fmax(gained, fmax(FIRST_HARM + 1 - times, -2));
	gained = fmin(gained, 1);
	l->base = within(l, l->base * exp(GAIN * (gained - WORTH) * times));
	l->run = run;
	l->patience = up == l->moved_up ? 0 : l->patience < PATIENCE ? l->patience + 1 : PATIENCE;
	l->moved_up = up;
}

/* Good answers a second, or what is proportional to it. */
static double
window_speed(const struct limit *l)
{
	const struct limit_window *w = &l->window;

	return w->took_sum > 0 ? l->level / w->took_sum * w->ok : 0;
}

/* Far slower at the base than the last time, by more than what places are fewer. */
static bool
slumped(const struct limit *l)
{
	double were = l->base_speed;

	if (l->level < l->base_level)
		were *= (double)l->level / l->base_level;
	return !l->probing && window_speed(l) < SLUMP * were;
}

static void
close_window(struct limit *l, usec_t mono)
{
	const struct limit_window *w = &l->window;
	double speed = window_speed(l);

	if (l->debt >= fmax(2, l->level / 10.0)) {
		/* The other half goes on being paid back, should it have been a moment. */
		l->debt /= 2;
		l->base = within(l, fmin(l->base, l->level - l->debt));
		start_over(l, mono);
	} else if (w->held < (w->ok + w->overloads) / 5 * 4 || w->ok == 0) {
		start_over(l, mono);
	} else if (slumped(l)) {
		l->base = within(l, l->level > l->base_level ? l->base_level : l->level / 2.0);
		l->starting = true;
		start_over(l, mono);
	} else if (!l->probing) {
		l->base_speed = speed;
		l->base_level = l->level;
		open_window(l, true, mono);
	} else {
		move(l, log(speed / l->base_speed) / log((double)l->level / l->base_level));
		open_window(l, false, mono);
	}
}

static bool
window_is_over(const struct limit *l, usec_t mono)
{
	const struct limit_window *w = &l->window;
	usec_t spent = mono - w->began;
	unsigned n = w->ok + w->overloads, scale;

	scale = l->probing ? 1 + l->patience / 2 : 1 + l->patience;
	if (n >= ENOUGH * scale && n >= 2 * l->level && spent >= LONG_ENOUGH * scale)
		return true;
	if (n >= FEW && spent >= TOO_LONG)
		return true;
	return l->probing && n >= EARLY && window_speed(l) < BREAKDOWN * l->base_speed;
}

/*
 * For so long have all places been taken, and so few came back: the backend is about to stand
 * still.  Response times would say so too late, when those that wait are over.  Where failures have
 * taken places away, fewer come back anyhow.
 */
static bool
stalled(const struct limit *l)
{
	const struct limit_window *w = &l->window;

	return l->known == SMOOTH && l->debt < 1 && w->usual > 0 &&
	    w->busy > fmax(STALL * w->usual, STALL_LEAST) &&
	    w->ends < STALL_SHARE * l->level * w->busy / w->usual;
}

static void
learn_usual(struct limit *l, usec_t took)
{
	if (l->known < SMOOTH)
		l->known++;
	l->usual += ((double)took - l->usual) / l->known;
}

void
limit_sample(struct limit *l, enum limit_outcome outcome, usec_t took, bool held_back, usec_t mono)
{
	struct limit_window *w = &l->window;

	if (outcome == LIMIT_NOTHING)
		return;
	if (took < 1)
		took = 1;
	/*
	 * Since the end before this one all places were taken, as far as this one was there.  (The
	 * readings of two threads may come in the other order.)
	 */
	if (held_back && mono > l->last)
		w->busy += (double)(mono - l->last < took ? mono - l->last : took);
	if (mono > l->last)
		l->last = mono;
	w->ends++;
	if (stalled(l)) {
		if (!l->probing)
			l->base = within(l, l->base * STALL_KEEPS);
		l->starting = !l->probing;
		start_over(l, mono);
		l->window.drain = true;
	}
	if (outcome == LIMIT_OVERLOAD) {
		l->debt = fmin(l->debt + 1, l->level - l->floor);
	} else {
		l->debt = fmax(l->debt - GIVEN_BACK, 0);
		learn_usual(l, took);
	}
	/* What ends now was sent when the other number was allowed. */
	if ((double)(mono - w->began) < l->usual || (w->drain && mono - took < w->began))
		return;
	w->took_sum += (double)took;
	w->held += held_back;
	if (outcome == LIMIT_OK)
		w->ok++;
	else
		w->overloads++;
	if (window_is_over(l, mono))
		close_window(l, mono);
}
