/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: windows of busy time.  One is over when each place has been given back once on the
 * average, so a backend that answers in waves looks the same at any moment of the wave; but not
 * before a second, nor later than ten, so one that hangs is noticed.  A window weighs the more the
 * longer it is.
 *
 * Invariant: per_second is 0 until the first window is over; then it is never quite 0, until it is
 * forgotten.
 *
 * Why it is forgotten: after a backend has hung nearly everyone would be sent away at this rate, so
 * those who come in small bursts would hardly ever wait, and that it is well again be noticed
 * after a hundred bursts.
 *
 * Why not from how long a place is held: a few downloads that take hours say nothing of how fast
 * the other places change hands.
 */
#include "upstream/rate.h"

#define SHORTEST	USEC_PER_SEC
#define LONGEST		(10 * USEC_PER_SEC)
#define SMOOTH		(2 * USEC_PER_SEC)	/* a window so long weighs as much as all before */
#define SLOWEST		0.001			/* a second */
#define QUIET		USEC_PER_SEC

static void
close_window(struct rate *r)
{
	double seen = (double)r->count * USEC_PER_SEC / (double)r->spent;
	double weight = (double)r->spent / (double)(r->spent + SMOOTH);

	if (seen < SLOWEST)
		seen = SLOWEST;
	if (r->per_second > 0)
		seen = r->per_second + weight * (seen - r->per_second);
	r->per_second = seen;
	r->spent = 0;
	r->count = 0;
}

static void
forget(struct rate *r)
{
	r->spent = 0;
	r->count = 0;
	r->per_second = 0;
}

void
rate_tick(struct rate *r, bool waiting, usec_t mono)
{
	/* The readings of two threads may come in the other order. */
	if (r->waiting && mono > r->at)
		r->spent += mono - r->at;
	if (!r->waiting || mono > r->at)
		r->at = mono;
	if (r->waiting && !waiting)
		r->quiet = mono;
	else if (!r->waiting && waiting && mono - r->quiet >= QUIET)
		forget(r);
	r->waiting = waiting;
	if (r->spent >= LONGEST)
		close_window(r);
}

bool
rate_count(struct rate *r, unsigned places)
{
	if (!r->waiting)
		return false;
	r->count++;
	if (r->spent < SHORTEST || r->count < places)
		return false;
	close_window(r);
	return true;
}

usec_t
rate_wait(const struct rate *r, unsigned nth)
{
	return r->per_second > 0 ?
	    (usec_t)((double)nth / r->per_second * (double)USEC_PER_SEC) : USEC_NEVER;
}
