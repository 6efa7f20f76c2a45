/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: first who is in question at all (the best class that anyone is in), then one of those.
 *
 * In turn (round_robin, and those that least_connections finds equal): each server in question
 * earns its weight, the richest is chosen and pays what all have earned.  While the same servers
 * are in question, sum(weight) choices take each exactly as often as its weight, spread evenly:
 * what is left of a server's credit then is a multiple of that sum, and above minus the sum, since
 * the richest has something to pay with; so nobody was chosen too often, and therefore nobody too
 * rarely.
 *
 * Rendezvous: each server draws a number from the key and its id, exponentially distributed with
 * its weight for the rate; the least draw wins.  The least of such draws is each server's as
 * often as its share of the rates, and a draw does not depend on who else is there.
 * Why not a ring: it needs memory and upkeep for shares that are less even.
 *
 * Bounds: at most CONF_SERVERS_MAX servers of weight at most 1000 (the configuration's), so credits
 * stay far within an int; O(n).
 */
#include "upstream/balance.h"

#include <math.h>

#include "base/contract.h"
#include "base/hash.h"

/* The servers in question, a bit each. */
typedef uint64_t set_t;

_Static_assert(CONF_SERVERS_MAX <= 64, "a set is a word");

static bool
in(set_t set, unsigned i)
{
	return set >> i & 1;
}

static set_t
eligible(const struct candidate *c, unsigned n, bool tried, bool backup)
{
	set_t set = 0;

	for (unsigned i = 0; i < n; i++)
		if (c[i].up && c[i].tried == tried && c[i].backup == backup)
			set |= (set_t)1 << i;
	return set;
}

/* For this request a server that it has tried is as good as down while there is another. */
static set_t
best_class(const struct candidate *c, unsigned n)
{
	set_t set;

	if ((set = eligible(c, n, false, false)) != 0 || (set = eligible(c, n, false, true)) != 0 ||
	    (set = eligible(c, n, true, false)) != 0)
		return set;
	return eligible(c, n, true, true);
}

/*
 * Servers come and go from one set to the next; whatever that does to a credit, it must not
 * be more than a few rounds of turns.
 */
static int
bounded(int credit, int most)
{
	return credit > most ? most : credit < -most ? -most : credit;
}

static int
in_turn(set_t set, const struct candidate *c, unsigned n, unsigned *turn, int credit[])
{
	int best = -1, sum = 0;

	for (unsigned i = 0; i < n; i++)
		if (in(set, i))
			sum += (int)c[i].weight;
	for (unsigned k = 0; k < n; k++) {
		unsigned i = (*turn % n + k) % n;

		if (!in(set, i))
			continue;
		credit[i] = bounded(credit[i] + (int)c[i].weight, (int)n * sum);
		if (best < 0 || credit[i] > credit[best])
			best = (int)i;
	}
	credit[best] -= sum;
	*turn = (unsigned)best + 1;
	return best;
}

/* Those with the least in_flight / weight. */
static set_t
least_busy(set_t set, const struct candidate *c, unsigned n)
{
	set_t least = 0;
	unsigned best = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t mine, theirs;

		if (!in(set, i))
			continue;
		mine = (uint64_t)c[i].in_flight * c[best].weight;
		theirs = (uint64_t)c[best].in_flight * c[i].weight;
		if (least == 0 || mine < theirs) {
			least = 0;
			best = i;
		} else if (mine > theirs) {
			continue;
		}
		least |= (set_t)1 << i;
	}
	return least;
}

/* An even number in (0, 1), the same for the same key and server everywhere and always. */
static double
draw(uint64_t key, uint64_t id)
{
	const uint64_t both[2] = { key, id };

	return ((double)(hash_public(both, sizeof both) >> 12) + 0.5) * 0x1p-52;
}

static int
rendezvous(set_t set, const struct candidate *c, unsigned n, uint64_t key)
{
	double least = 0;
	int best = -1;

	for (unsigned i = 0; i < n; i++) {
		double d;

		if (!in(set, i))
			continue;
		d = -log(draw(key, c[i].id)) / c[i].weight;
		if (best < 0 || d < least) {
			best = (int)i;
			least = d;
		}
	}
	return best;
}

int
balance_choose(enum conf_balance how, const struct candidate *c, unsigned n, uint64_t key,
    unsigned *turn, int credit[])
{
	set_t set;

	ASSERT(n <= CONF_SERVERS_MAX);
	set = best_class(c, n);
	if (set == 0)
		return -1;
	switch (how) {
	case BALANCE_LEAST_CONNECTIONS:
		set = least_busy(set, c, n);
		break;
	case BALANCE_ROUND_ROBIN:
		break;
	case BALANCE_HASH:
		return rendezvous(set, c, n, key);
	}
	return in_turn(set, c, n, turn, credit);
}
