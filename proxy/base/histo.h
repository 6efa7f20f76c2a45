/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations in buckets that grow with them: four to each doubling, so a value read back is at most
 * a quarter off.  From 64 us (less is in the first) to about an hour (more is in the last).
 *
 * Two uses: counters of a worker (base/stats.h), and what is usual for a route (struct usual).
 */
#ifndef CORRAL_BASE_HISTO_H
#define CORRAL_BASE_HISTO_H

#include <stdint.h>

#include "base/clock.h"

#define HISTO_BUCKETS	104

/* The bucket of a duration; less than 0 counts as 0. */
unsigned	histo_bucket(usec_t t);
/* The upper end of a bucket, not included; USEC_NEVER of the last. */
usec_t	histo_bound(unsigned bucket);
/*
 * The duration below which `share` (0 to 1) of those counted are: the upper end of its bucket.  0
 * when nothing was counted.
 */
usec_t	histo_quantile(const uint64_t count[HISTO_BUCKETS], double share);

/* What was usual lately: decays by halves, so it follows a backend that changes. */
struct usual {
	uint32_t	count[HISTO_BUCKETS];
	uint32_t	n;
};

/* Pure; the caller locks. */
void	usual_add(struct usual *u, usec_t t);
/* As histo_quantile(); USEC_NEVER with fewer than `least` counted. */
usec_t	usual_quantile(const struct usual *u, double share, uint32_t least);

#endif
