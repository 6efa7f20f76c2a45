/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a list of pools by the names of their upstreams, as the conf bound last has them.
 *
 * Invariant: a pool that no conf names any more is off the list at once; it lives on while an older
 * conf or a fetch holds it.
 *
 * Known by the name alone: an operator who changes an upstream's servers means the same upstream,
 * and what is under way to it still counts.
 */
#include "upstream/pools.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/contract.h"

#include "upstream/pool.h"

/* A pool by the name it was made for. */
struct named {
	char			*name;
	struct pool		*pool;		/* a reference */
	struct conf		*conf;		/* last to name it, not referenced: an identity */
	LIST_ENTRY(named)	 link;
};

struct pools {
	unsigned		 magic;
#define POOLS_MAGIC		 0x1e94ab60
	LIST_HEAD(, named)	 all;		/* control thread only */
};

struct pools *
pools_new(void)
{
	struct pools *ps;

	NEW(ps, POOLS_MAGIC);
	LIST_INIT(&ps->all);
	return ps;
}

static void
forget(struct named *n)
{
	LIST_REMOVE(n, link);
	pool_unref(n->pool);
	free(n->name);
	free(n);
}

void
pools_free(struct pools *ps)
{
	struct named *n;

	if (ps == NULL)
		return;
	CHECK(ps, POOLS_MAGIC);
	while ((n = LIST_FIRST(&ps->all)) != NULL)
		forget(n);
	FREE(ps);
}

static struct named *
find(struct pools *ps, const char *name)
{
	struct named *n;

	LIST_FOREACH(n, &ps->all, link)
		if (strcmp(n->name, name) == 0)
			return n;
	return NULL;
}

static struct named *
make(struct pools *ps, const struct conf_upstream *u, usec_t mono)
{
	struct named *n = XCALLOC(1, sizeof *n);

	n->name = contract_strndup(u->name, strlen(u->name));
	n->pool = pool_new(u, mono);
	LIST_INSERT_HEAD(&ps->all, n, link);
	return n;
}

static void
release(void *pool)
{
	pool_unref(pool);
}

void
pools_bind(struct pools *ps, struct conf *conf)
{
	usec_t mono = clock_mono();
	struct named *n, *next;

	CHECK(ps, POOLS_MAGIC);
	for (unsigned i = 0; i < conf->nupstreams; i++) {
		struct conf_upstream *u = &conf->upstreams[i];

		ASSERT(u->runtime == NULL);
		if ((n = find(ps, u->name)) == NULL)
			n = make(ps, u, mono);
		else
			pool_configure(n->pool, u, mono);
		n->conf = conf;
		u->runtime = pool_ref(n->pool);
		u->runtime_release = release;
	}
	for (n = LIST_FIRST(&ps->all); n != NULL; n = next) {
		next = LIST_NEXT(n, link);
		if (n->conf != conf)
			forget(n);
	}
}

void
pools_sweep(struct pools *ps, usec_t mono)
{
	struct named *n;

	CHECK(ps, POOLS_MAGIC);
	LIST_FOREACH(n, &ps->all, link)
		pool_sweep(n->pool, mono);
}

void
pools_each(struct pools *ps, void (*fn)(void *arg, const char *name, struct pool *p), void *arg)
{
	struct named *n;

	CHECK(ps, POOLS_MAGIC);
	LIST_FOREACH(n, &ps->all, link)
		fn(arg, n->name, n->pool);
}
