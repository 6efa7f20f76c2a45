/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eviction order of one shard: exact LRU.  Guarded by the shard's lock, except lru_oldest().
 *
 * The order across shards comes from the time of last use: whoever needs room takes the victim of
 * the shard whose oldest was used longest ago, so the whole store is evicted in LRU order (within
 * the clock's microsecond) without a lock or a list that all shards share.
 */
#ifndef CORRAL_CACHE_LRU_H
#define CORRAL_CACHE_LRU_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"

/* Embedded in what is evicted; a zeroed one is on no list. */
struct lru_node {
	usec_t			 used;		/* mono */
	struct lru_node		*newer, *older;
	bool			 on;
};

struct lru {
	struct lru_node		*newest, *last;	/* last: used longest ago */
	_Atomic usec_t		 oldest;	/* its time; USEC_NEVER when empty */
};

void	lru_init(struct lru *l);
/* Used now: put on, or moved to the front. */
void	lru_touch(struct lru *l, struct lru_node *n, usec_t mono);
void	lru_remove(struct lru *l, struct lru_node *n);
/* The next to go, still on the list; NULL when empty. */
struct lru_node	*lru_victim(struct lru *l);
/* Any thread, no lock: when the victim was last used. */
usec_t	lru_oldest(struct lru *l);

#endif
