/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many requests an upstream can take at once, found by measuring it (`max_connections: auto`).
 * Pure: time is handed in, the caller locks.
 *
 * Exchanges are counted in windows.  While the limit is what holds requests back, more is tried as
 * long as more brings more throughput, less when responses slow without it; failures and timeouts
 * shrink it at once.  When the limit is not reached nothing is learned, and it stays.
 */
#ifndef CORRAL_UPSTREAM_LIMIT_H
#define CORRAL_UPSTREAM_LIMIT_H

#include <stdbool.h>

#include "base/clock.h"

enum limit_outcome {
	LIMIT_OK,			/* a whole head came; took is the time to it */
	LIMIT_OVERLOAD,			/* timed out, refused, or answered 503 */
	LIMIT_NOTHING,			/* says nothing: cancelled, our own fault */
};

/* What was counted while one number of requests was allowed. */
struct limit_window {
	usec_t		began;
	bool		drain;		/* what was sent before that doesn't count */
	unsigned	ok, overloads;
	unsigned	held;		/* of both, those that held others back */
	double		took_sum;	/* of both */
	double		usual;		/* response time when it began */
	double		busy;		/* for how long all places were taken, at least */
	unsigned	ends;		/* of all since it began */
};

/* Embedded; its fields are limit.c's own. */
struct limit {
	unsigned	floor, ceiling;
	double		base;		/* what was found, in places */
	unsigned	level;		/* what is tried now: the base, or a bit more */
	bool		probing;	/* it is a bit more */
	bool		starting;	/* with large steps, until one doesn't pay */
	double		debt;		/* places that failures took away from it */
	struct limit_window	window;
	double		usual;		/* response time, smoothed */
	unsigned	known;		/* answers it is from, as far as they matter */
	usec_t		last;		/* when the last answer came */
	double		base_speed;	/* throughput in the last window at the base, */
	unsigned	base_level;	/* and the places there were; 0: nothing to compare with */
	int		run;		/* comparisons in a row that said: more (> 0), less (< 0) */
	bool		moved_up;	/* by the last one */
	unsigned	patience;	/* by how many windows the next one at the base is longer */
};

void	limit_init(struct limit *l, unsigned floor, unsigned ceiling, usec_t mono);
/* New bounds from a reload; what was found is kept within them. */
void	limit_bounds(struct limit *l, unsigned floor, unsigned ceiling);
/* Within its bounds. */
unsigned	limit_now(const struct limit *l);
/*
 * An exchange ended.  took: from the request sent to the head.  held_back: all places were taken at
 * some time while it ran, so the limit did hold others back.
 */
void	limit_sample(struct limit *l, enum limit_outcome outcome, usec_t took, bool held_back,
    usec_t mono);

#endif
