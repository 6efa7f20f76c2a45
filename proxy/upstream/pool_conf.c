/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's birth, its end, and what a reload changes in between.
 *
 * A server is known by its URL: one that both configurations name is the same struct, with its
 * health, its breaker, its connections and its slot.  One that isn't named any more leaves the list
 * and loses its idle connections; the places that use it keep it by their references, and what they
 * give back is closed.
 *
 * Invariant: each server of the list has a slot of its own, its bit in pool_wait.tried.  A request
 * that remembers the bit of a server that has gone may spare a new one by it, once.
 */
#include "upstream/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/contract.h"

#include "upstream/pool_priv.h"

static void
limits_from(struct pool *p, const struct conf_upstream *u, usec_t mono)
{
	bool was_auto = p->shared.fixed == 0;

	if (u->max_connections == 0 && was_auto)
		limit_bounds(&p->shared.limit, u->min_connections, u->most_connections);
	else if (u->max_connections == 0)
		limit_init(&p->shared.limit, u->min_connections, u->most_connections, mono);
	p->shared.fixed = u->max_connections;
	p->shared.queue_length = u->queue_length;
	p->shared.queue_timeout = u->queue_timeout;
	p->shared.keepalive = u->keepalive_connections;
	p->shared.keepalive_idle = u->keepalive_idle;
	p->shared.balance = u->balance;
	p->shared.retry_budget = u->retry_budget;
	p->shared.breaker = u->breaker;
	p->shared.health_interval = u->health.path != NULL ? u->health.interval : 0;
}

/* The one of this URL, taken out of old[n]; NULL: none. */
static struct server *
take_known(struct server *old[], unsigned n, const struct conf_server *conf)
{
	struct server *s;

	for (unsigned i = 0; i < n; i++) {
		s = old[i];
		if (s == NULL || s->conf.url == NULL || conf->url == NULL ||
		    strcmp(s->conf.url, conf->url) != 0)
			continue;
		old[i] = NULL;
		return s;
	}
	return NULL;
}

/* A slot that none of the bits in *used has. */
static unsigned
free_slot(uint64_t *used)
{
	unsigned slot = 0;

	while (*used >> slot & 1)
		slot++;
	*used |= (uint64_t)1 << slot;
	return slot;
}

/* Locked.  old[] is left with those that u doesn't name. */
static void
servers_from(struct pool *p, const struct conf_upstream *u, struct server *old[], unsigned n)
{
	uint64_t used = 0;

	ASSERT(u->nservers > 0 && u->nservers <= CONF_SERVERS_MAX);
	for (unsigned i = 0; i < u->nservers; i++)
		if ((p->shared.server[i] = take_known(old, n, &u->servers[i])) != NULL)
			used |= (uint64_t)1 << p->shared.server[i]->shared.slot;
	for (unsigned i = 0; i < u->nservers; i++) {
		struct server *s = p->shared.server[i];

		if (s == NULL) {
			s = p->shared.server[i] = server_new(&u->servers[i]);
			s->shared.slot = free_slot(&used);
			s->shared.listed = true;
		}
		s->shared.weight = u->servers[i].weight > 0 ? u->servers[i].weight : 1;
		s->shared.backup = u->servers[i].backup;
		if (u->health.path == NULL)
			s->shared.healthy = true;
	}
	p->shared.nservers = u->nservers;
	p->shared.turn = 0;
	memset(p->shared.credit, 0, sizeof p->shared.credit);
}

struct pool *
pool_new(const struct conf_upstream *u, usec_t mono)
{
	struct pool *p;

	NEW(p, POOL_MAGIC);
	atomic_init(&p->refs, 1);
	ASSERT(pthread_mutex_init(&p->lock, NULL) == 0);
	TAILQ_INIT(&p->shared.idle);
	line_init(&p->shared.line);
	retry_init(&p->shared.retry, mono);
	p->shared.fixed = 1;		/* not auto yet */
	limits_from(p, u, mono);
	servers_from(p, u, NULL, 0);
	return p;
}

void
pool_configure(struct pool *p, const struct conf_upstream *u, usec_t mono)
{
	struct server *old[CONF_SERVERS_MAX];
	struct idle_list dropped;
	unsigned n;

	CHECK(p, POOL_MAGIC);
	pool_enter(p, &dropped, mono);
	n = p->shared.nservers;
	memcpy(old, p->shared.server, n * sizeof *old);
	limits_from(p, u, mono);
	servers_from(p, u, old, n);
	for (unsigned i = 0; i < n; i++)
		if (old[i] != NULL) {
			old[i]->shared.listed = false;
			pool_drop_idle_of(p, old[i], &dropped);
		}
	pool_leave(p, &dropped, mono);
	for (unsigned i = 0; i < n; i++)
		server_unref(old[i]);
}

struct pool *
pool_ref(struct pool *p)
{
	CHECK(p, POOL_MAGIC);
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void
pool_unref(struct pool *p)
{
	struct idle_list dropped = TAILQ_HEAD_INITIALIZER(dropped);

	if (p == NULL)
		return;
	CHECK(p, POOL_MAGIC);
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
		return;
	ASSERT(p->shared.places == 0 && p->shared.line.n == 0);
	for (unsigned i = 0; i < p->shared.nservers; i++) {
		pool_drop_idle_of(p, p->shared.server[i], &dropped);
		server_unref(p->shared.server[i]);
	}
	ASSERT(p->shared.nidle == 0);
	idle_close_all(&dropped);
	pthread_mutex_destroy(&p->lock);
	FREE(p);
}
