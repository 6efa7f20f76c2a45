/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often a key is asked for, for routes that store only what is asked for often
 * (`admit.min_requests` within `admit.window`).  Pure; guarded by the lock of whoever holds it.
 *
 * Two windows side by side stand for one that slides: of the one before, that share counts which a
 * window ending now would still reach.
 */
#ifndef CORRAL_CACHE_ADMIT_H
#define CORRAL_CACHE_ADMIT_H

#include "base/clock.h"

struct demand {
	usec_t		began;		/* mono: of this window */
	usec_t		until;		/* mono: nothing of it counts any more; or 0 */
	unsigned	now, before;
};

/* Asked for once more. */
void	demand_count(struct demand *d, usec_t window, usec_t mono);
/* How often within the last window, about. */
unsigned	demand_within(const struct demand *d, usec_t window, usec_t mono);

#endif
