/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invariant: tokens >= 0.  What time adds (up to RETRY_KEPT) and takes (above it) is settled when
 * somebody wants to spend, and every STEP at most while requests come.
 */
#include "upstream/retry.h"

#include <math.h>

/* Ten tenths are not quite one in binary. */
#define ONE	(1.0 - 1e-6)
#define STEP	(USEC_PER_SEC / 10)

void
retry_init(struct retry *r, usec_t mono)
{
	*r = (struct retry){ .tokens = RETRY_KEPT, .at = mono };
}

static void
pass_time(struct retry *r, usec_t mono)
{
	double t = (double)(mono - r->at);

	/* Threads read the clock before they take the lock: it may seem to go back a little. */
	if (t <= 0)
		return;
	r->at = mono;
	if (r->tokens > RETRY_KEPT)
		r->tokens = RETRY_KEPT + (r->tokens - RETRY_KEPT) * exp(-t / RETRY_MEMORY);
	else
		r->tokens = fmin(r->tokens + RETRY_FLOOR * t / USEC_PER_SEC, RETRY_KEPT);
}

void
retry_earn(struct retry *r, double share, usec_t mono)
{
	if (mono - r->at >= STEP)
		pass_time(r, mono);
	r->tokens += share;
}

bool
retry_spend(struct retry *r, double share, usec_t mono)
{
	if (!(share > 0))
		return false;
	pass_time(r, mono);
	if (r->tokens < ONE)
		return false;
	r->tokens = r->tokens > 1.0 ? r->tokens - 1.0 : 0;
	return true;
}
