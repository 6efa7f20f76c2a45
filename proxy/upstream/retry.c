/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invariant: 0 <= tokens <= RETRY_MOST.  What the floor earns is added when somebody wants to
 * spend; until then it's not needed.
 */
#include "upstream/retry.h"

/* Ten tenths are not quite one in binary. */
#define ONE	(1.0 - 1e-6)

void
retry_init(struct retry *r, usec_t mono)
{
	*r = (struct retry){ .tokens = RETRY_MOST, .at = mono };
}

static void
add(struct retry *r, double tokens)
{
	r->tokens += tokens;
	if (r->tokens > RETRY_MOST)
		r->tokens = RETRY_MOST;
}

void
retry_earn(struct retry *r, double share)
{
	if (share > 0)
		add(r, share);
}

bool
retry_spend(struct retry *r, double share, usec_t mono)
{
	if (!(share > 0))
		return false;
	/* Threads read the clock before they take the lock: it may seem to go back a little. */
	if (mono > r->at) {
		add(r, RETRY_FLOOR * (double)(mono - r->at) / (double)USEC_PER_SEC);
		r->at = mono;
	}
	if (r->tokens < ONE)
		return false;
	r->tokens = r->tokens > 1.0 ? r->tokens - 1.0 : 0;
	return true;
}
