/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/pools.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/contract.h"
#include "upstream/pool.h"

/* A pool by the name and server it was made for. */
struct named {
	char			*name;
	char			*url;
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
	free(n->url);
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
find(struct pools *ps, const struct conf_upstream *u)
{
	struct named *n;

	LIST_FOREACH(n, &ps->all, link)
		if (strcmp(n->name, u->name) == 0 && strcmp(n->url, u->server.url) == 0)
			return n;
	return NULL;
}

static struct named *
make(struct pools *ps, const struct conf_upstream *u)
{
	struct named *n = XCALLOC(1, sizeof *n);

	n->name = contract_strndup(u->name, strlen(u->name));
	n->url = contract_strndup(u->server.url, strlen(u->server.url));
	n->pool = pool_new(u);
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
	struct named *n, *next;

	CHECK(ps, POOLS_MAGIC);
	for (unsigned i = 0; i < conf->nupstreams; i++) {
		struct conf_upstream *u = &conf->upstreams[i];

		ASSERT(u->runtime == NULL);
		if ((n = find(ps, u)) == NULL)
			n = make(ps, u);
		else
			pool_configure(n->pool, u);
		n->conf = conf;
		u->runtime = pool_ref(n->pool);
		u->runtime_release = release;
	}
	/* What this conf doesn't name lives on only while an older conf or a fetch holds it. */
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
