/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/lru.h"

#include <stddef.h>

#include "base/contract.h"

static void
publish_oldest(struct lru *l)
{
	const struct lru_node *last = TAILQ_LAST(&l->order, lru_order);

	atomic_store_explicit(&l->oldest, last == NULL ? USEC_NEVER : last->used,
	    memory_order_relaxed);
}

void
lru_init(struct lru *l)
{
	TAILQ_INIT(&l->order);
	atomic_init(&l->oldest, USEC_NEVER);
}

void
lru_touch(struct lru *l, struct lru_node *n, usec_t mono)
{
	if (n->on)
		TAILQ_REMOVE(&l->order, n, link);
	n->on = 1;
	n->used = mono;
	TAILQ_INSERT_HEAD(&l->order, n, link);
	publish_oldest(l);
}

void
lru_remove(struct lru *l, struct lru_node *n)
{
	if (!n->on)
		return;
	n->on = 0;
	TAILQ_REMOVE(&l->order, n, link);
	publish_oldest(l);
}

struct lru_node *
lru_victim(struct lru *l)
{
	return TAILQ_LAST(&l->order, lru_order);
}

usec_t
lru_oldest(struct lru *l)
{
	return atomic_load_explicit(&l->oldest, memory_order_relaxed);
}
