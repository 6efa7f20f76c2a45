/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a line moves: the places given back a second, while somebody waits.  Only that time
 * counts, because what a quiet backend is asked says nothing of what it could do.  When nobody has
 * waited for a second it is not known any more: what held up the line then is over.
 *
 * Pure: time is handed in, the caller locks.
 */
#ifndef CORRAL_UPSTREAM_RATE_H
#define CORRAL_UPSTREAM_RATE_H

#include <stdbool.h>

#include "base/clock.h"

/* Embedded; zeroed at first. */
struct rate {
	bool		waiting;	/* somebody was, when it was last told */
	usec_t		at;		/* when that was */
	usec_t		quiet;		/* since when nobody waits */
	usec_t		spent;		/* of this window, while somebody waited */
	unsigned	count;		/* places given back in it */
	double		per_second;	/* of the windows before, smoothed; 0: not known */
};

/* Before each change of the line or of the places, and after it: does somebody wait now? */
void	rate_tick(struct rate *r, bool waiting, usec_t mono);
/*
 * A place was given back.  places: how many there are: a window is one turn of all of them.  True:
 * one is over, and the rate was measured anew.
 */
bool	rate_count(struct rate *r, unsigned places);
/* When the nth of a line has its turn; USEC_NEVER: not known. */
usec_t	rate_wait(const struct rate *r, unsigned nth);

#endif
