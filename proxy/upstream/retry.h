/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The retry budget of an upstream: retries and hedges are a share of its requests, not a count
 * each, so that a backend in trouble sees little more than before (a token bucket, as in Finagle).
 * Each request earns `share` of a token, each retry costs one; RETRY_FLOOR a second are earned
 * anyhow, so that a quiet site may retry too; no more than RETRY_MOST are kept.
 *
 * Pure: time is handed in, the caller locks.
 */
#ifndef CORRAL_UPSTREAM_RETRY_H
#define CORRAL_UPSTREAM_RETRY_H

#include <stdbool.h>

#include "base/clock.h"

#define RETRY_FLOOR	1.0		/* tokens a second */
#define RETRY_MOST	10.0		/* tokens, what it starts with */

struct retry {
	double	tokens;
	usec_t	at;			/* when the floor was last added */
};

void	retry_init(struct retry *r, usec_t mono);
/* A request is sent for the first time. */
void	retry_earn(struct retry *r, double share);
/* One more may be sent again: true, and it is paid.  share 0: never. */
bool	retry_spend(struct retry *r, double share, usec_t mono);

#endif
