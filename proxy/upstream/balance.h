/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of several servers?  Pure; the caller locks.
 *
 *	least_connections	the least in_flight / weight; equals in turn, by weight
 *	round_robin		smooth weighted: each in turn, as often as its weight, spread evenly
 *	hash			rendezvous hashing (Thaler, Ravishankar, IEEE/ACM ToN 6, 1998),
 *				weighted: a key stays with its server while that is up, and a
 *				server that goes or comes moves only its own share of the keys
 */
#ifndef CORRAL_UPSTREAM_BALANCE_H
#define CORRAL_UPSTREAM_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

/* What there is to know of a server. */
struct candidate {
	uint64_t	 id;		/* a hash of its URL: the same over restarts */
	unsigned	 weight;	/* at least 1 */
	unsigned	 in_flight;
	bool		 up;		/* healthy, and its breaker lets one through */
	bool		 backup;
	bool		 tried;		/* by this very request, and failed */
};

/*
 * *turn, credit[n]: the balancer's memory between calls, zeroed at first.  key: of the request, for
 * BALANCE_HASH.  Those that are up and not tried come first, then (none of them left) those that
 * are up; in each, a backup only if there is no other.  -1: none is up.
 */
int	balance_choose(enum conf_balance how, const struct candidate *c, unsigned n, uint64_t key,
    unsigned *turn, int credit[]);

#endif
