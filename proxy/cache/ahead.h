/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Refreshing ahead: when is an object that is still fresh to be fetched again, so that nobody waits
 * when it expires?  Pure; guarded by the lock of whoever holds the structs.
 *
 * XFetch (Vattani, Chierichetti, Lowenstein, Optimal Probabilistic Cache Stampede Prevention, PVLDB
 * 8, 2015) has each request draw an exponentially distributed lead, scaled by the fetch time, and
 * refresh if the object expires within it.  With flights one request is enough, whichever it is; so
 * here each object draws once, when it comes, on top of the time that its fetch will take.
 */
#ifndef CORRAL_CACHE_AHEAD_H
#define CORRAL_CACHE_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct fresh;

/* So many hits in one lifetime make a page one that is asked for again and again. */
#define AHEAD_HITS	3

/* How long the fetches of a key take: smoothed mean and mean deviation, as TCP does (RFC 6298). */
struct pace {
	usec_t	mean, dev;		/* mean 0: not known */
};

void	pace_add(struct pace *p, usec_t took);

/* One object's. */
struct ahead {
	usec_t		from;		/* mono: due from then on; USEC_NEVER: never */
	usec_t		spread;		/* its hits must be spread over so long */
	usec_t		first_hit;	/* mono */
	unsigned	hits;
};

/*
 * When it comes, at `received` (mono).  weight: scales the random lead; 0: never.  chance: a number
 * in [0, 1), evenly distributed.
 */
void	ahead_plan(struct ahead *a, const struct fresh *f, const struct pace *p, usec_t took,
    usec_t received, double weight, double chance);
/* It is used once more.  True: refresh it now, if nobody does. */
bool	ahead_hit(struct ahead *a, usec_t mono);

#endif
