/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: the lead is the time a fetch will need, plus what was drawn.
 *
 *	received                              from ──── lead ────> expires
 *	   │ nothing is refreshed so early      │ the next hit refreshes, if it is popular
 *
 * The time needed is the mean and four deviations (RFC 6298), so a backend whose times vary is
 * asked earlier; at least a quarter more than the mean.  What is drawn never makes the lead longer
 * than half of what is left when the object comes: the backend sees at most twice the fetches.
 * When a fetch takes nearly as long as the object lives there is no time to be early in: then
 * never, and those who come when it has expired share a flight.
 *
 * Popular: AHEAD_HITS hits in this lifetime, not all at once.  A page that is asked for once in a
 * while never gets there, so nothing is refreshed that nobody will ask for.
 *
 * Why not XFetch to the letter: its draws by request make the lead grow with the logarithm of the
 * request rate (a page with 1000 requests/s and a fetch of 0.3 s would be refreshed 1.7 s ahead,
 * which is always with max-age=1), and a hit would cost a logarithm.
 */
#include "cache/ahead.h"

#include <math.h>

#include "http/fresh.h"

#define SLACK	(10 * USEC_PER_MSEC)	/* the way to the backend's queue and back */

void
pace_add(struct pace *p, usec_t took)
{
	usec_t off;

	if (took < 0)
		took = 0;
	if (p->mean == 0) {
		p->mean = took;
		p->dev = took / 8;
		return;
	}
	off = took > p->mean ? took - p->mean : p->mean - took;
	p->dev += (off - p->dev) / 4;
	p->mean += (took - p->mean) / 8;
}

static usec_t
needed(const struct pace *p)
{
	usec_t spread = 4 * p->dev > p->mean / 4 ? 4 * p->dev : p->mean / 4;

	return p->mean + spread + SLACK;
}

void
ahead_plan(struct ahead *a, const struct fresh *f, const struct pace *p, usec_t took,
    usec_t received, double weight, double chance)
{
	usec_t left = f->lifetime - f->initial_age;
	usec_t lead = needed(p), most = left - left / 10;
	double drawn;

	*a = (struct ahead){ .from = USEC_NEVER };
	if (weight <= 0 || f->no_cache || left <= 0 || left >= USEC_NEVER - received ||
	    took + took / 4 + SLACK > most)
		return;
	drawn = weight * (double)p->mean * -log(1.0 - chance);
	if (lead + (usec_t)drawn > left / 2)
		lead = lead > left / 2 ? lead : left / 2;
	else
		lead += (usec_t)drawn;
	if (lead > most)
		lead = most;
	a->from = received + left - lead;
	a->spread = (left - lead) / 4;
}

bool
ahead_hit(struct ahead *a, usec_t mono)
{
	if (a->hits == 0)
		a->first_hit = mono;
	if (a->hits < AHEAD_HITS)
		a->hits++;
	return mono >= a->from && a->hits >= AHEAD_HITS && mono - a->first_hit >= a->spread;
}
