/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The retry budget of an upstream: retries and hedges are a share of its requests, not a count
 * each, so that a backend in trouble sees little more than before (a token bucket, as in Finagle).
 * Each request earns `share` of a token, each retry costs one; RETRY_FLOOR a second are earned
 * anyhow, so that a quiet site may retry too.  What is more than RETRY_KEPT is forgotten in a time
 * of RETRY_MEMORY (to 1/e): a busy site may retry what a server that dies had under way, but saves
 * nothing up for a bad day.
 *
 * Pure: time is handed in, the caller locks.
 */
#ifndef CORRAL_UPSTREAM_RETRY_H
#define CORRAL_UPSTREAM_RETRY_H

#include <stdbool.h>

#include "base/clock.h"

#define RETRY_FLOOR	1.0		/* tokens a second */
#define RETRY_KEPT	10.0		/* tokens, what it starts with */
#define RETRY_MEMORY	(10 * USEC_PER_SEC)

struct retry {
	double	tokens;
	usec_t	at;			/* mono: when time last counted */
};

void	retry_init(struct retry *r, usec_t mono);
/* A request is sent for the first time. */
void	retry_earn(struct retry *r, double share, usec_t mono);
/* One more may be sent again: true, and it is paid.  share 0: never. */
bool	retry_spend(struct retry *r, double share, usec_t mono);

#endif
