/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invariant: `now` counts what came since `began`, `before` what came in the window before that; a
 * window in which nothing came leaves nothing behind.  Counts stop at COUNT_MAX, far above any
 * min_requests.
 *
 * Why not the times of the last min_requests requests: that is exact, and memory for each key that
 * anybody makes up.
 */
#include "cache/admit.h"

#define COUNT_MAX	(1u << 30)

static void
move_on(struct demand *d, usec_t window, usec_t mono)
{
	usec_t past = mono - d->began;

	if (d->until != 0 && past < window)
		return;
	d->before = d->until != 0 && past < 2 * window ? d->now : 0;
	d->began = d->until != 0 && past < 2 * window ? d->began + window : mono;
	d->now = 0;
}

void
demand_count(struct demand *d, usec_t window, usec_t mono)
{
	move_on(d, window, mono);
	if (d->now < COUNT_MAX)
		d->now++;
	d->until = d->began + 2 * window;
}

unsigned
demand_within(const struct demand *d, usec_t window, usec_t mono)
{
	struct demand m = *d;
	double left;

	if (d->until == 0)
		return 0;
	move_on(&m, window, mono);
	left = 1.0 - (double)(mono - m.began) / (double)window;
	return m.now + (unsigned)((double)m.before * left + 0.5);
}
