/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of its own making: the victim is at the end, and TAILQ_LAST reads the end through a
 * pointer of another struct's type, which an optimising compiler need not see.
 */
#include "cache/lru.h"

#include <stddef.h>

static void
publish_oldest(struct lru *l)
{
	atomic_store_explicit(&l->oldest, l->last == NULL ? USEC_NEVER : l->last->used,
	    memory_order_relaxed);
}

void
lru_init(struct lru *l)
{
	l->newest = l->last = NULL;
	atomic_init(&l->oldest, USEC_NEVER);
}

static void
take_off(struct lru *l, struct lru_node *n)
{
	*(n->newer == NULL ? &l->newest : &n->newer->older) = n->older;
	*(n->older == NULL ? &l->last : &n->older->newer) = n->newer;
	n->on = false;
}

static void
put_first(struct lru *l, struct lru_node *n)
{
	n->newer = NULL;
	n->older = l->newest;
	*(l->newest == NULL ? &l->last : &l->newest->newer) = n;
	l->newest = n;
	n->on = true;
}

void
lru_touch(struct lru *l, struct lru_node *n, usec_t mono)
{
	if (n->on)
		take_off(l, n);
	n->used = mono;
	put_first(l, n);
	publish_oldest(l);
}

void
lru_remove(struct lru *l, struct lru_node *n)
{
	if (!n->on)
		return;
	take_off(l, n);
	publish_oldest(l);
}

struct lru_node *
lru_victim(struct lru *l)
{
	return l->last;
}

usec_t
lru_oldest(struct lru *l)
{
	return atomic_load_explicit(&l->oldest, memory_order_relaxed);
}
