/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What takes answers away before their time: by URL, by tag, all.
 *
 * One entry after the other goes, each in a hold of the lock of its own, so that no lookup waits for a
 * large purge.  Flights that are up are detached: those who wait are answered, the store isn't.  What a
 * key varies by is no answer, and stays for the herd that comes next.
 */
#include "cache/cache.h"

#include <string.h>

#include "base/contract.h"
#include "cache/cache_priv.h"
#include "http/key.h"

/* Takes the entry's objects and its flights out; what went is to be unreferenced after the lock. */
struct gone {
	struct obj	*obj[ENTRY_VARIANTS];
	unsigned	 nobj;
	struct flight	*flights;	/* a chain */
};

static void
clear_entry_locked(struct cache *c, struct shard *s, struct entry *e, struct gone *g, bool keep_names)
{
	usec_t mono = clock_mono();

	g->nobj = store_empty(s, e, g->obj);
	g->flights = flight_detach_all_locked(e);
	memset(e->marker, 0, sizeof e->marker);
	e->failed_until = e->no_refresh_until = e->vary_until = 0;
	if (keep_names && e->names != NULL) {
		/* What it varies by is no answer; a herd that comes after the purge parks by it at once. */
		e->vary_until = mono + MARKER_LIFETIME;
		store_touch(c, s, e, mono);
	}
	store_settle(c, s, e, mono);
}

static void
drop_gone(struct gone *g)
{
	for (unsigned i = 0; i < g->nobj; i++)
		obj_unref(g->obj[i]);
	flight_drop_chain(g->flights);
}

/*
 * The next entry from bucket *from on.  A table that grows moves entries to buckets of the same
 * number or a higher one, so none that was there at the start is passed over.
 */
static struct entry *
next_entry_locked(struct shard *s, unsigned *from)
{
	for (; *from < s->nbuckets; ++*from)
		if (!LIST_EMPTY(&s->buckets[*from]))
			return LIST_FIRST(&s->buckets[*from]);
	return NULL;
}

/*
 * One entry after the other goes, each in a hold of its own: next_locked() finds those that are left.
 */
static unsigned
purge_each(struct cache *c, struct shard *s,
    struct entry *(*next_locked)(struct shard *s, const void *arg), const void *arg)
{
	unsigned purged = 0;
	struct entry *e;
	struct gone g;

	do {
		g = (struct gone){ .nobj = 0 };
		pthread_mutex_lock(&s->lock);
		if ((e = next_locked(s, arg)) != NULL)
			clear_entry_locked(c, s, e, &g, true);
		s->purges++;
		s->purged += g.nobj;
		pthread_mutex_unlock(&s->lock);
		drop_gone(&g);
		purged += g.nobj;
	} while (e != NULL);
	return purged;
}

struct by_url {
	struct slice	url;
	uint64_t	hash;
};

static struct entry *
next_of_url_locked(struct shard *s, const void *arg)
{
	const struct by_url *by = arg;

	return store_find_url(s, by->url, by->hash);
}

unsigned
cache_purge(struct cache *c, struct slice key)
{
	struct by_url by = { key_url(key), 0 };

	CHECK(c, CACHE_MAGIC);
	by.hash = store_hash(c, key);
	return purge_each(c, store_shard(c, by.hash), next_of_url_locked, &by);
}

struct by_tag {
	struct slice	tag, origin;
	uint64_t	hash;
};

static struct entry *
next_of_tag_locked(struct shard *s, const void *arg)
{
	const struct by_tag *by = arg;

	return tag_index_find(&s->tags, by->tag, by->hash, by->origin);
}

/* "http://host:port/": what the keys of an origin begin with. */
static struct slice
origin_of(struct slice key)
{
	struct slice authority, path;

	key_split(key, &authority, &path);
	return slice_of(key.p, (size_t)(path.p - key.p) + (path.n > 0));
}

unsigned
cache_purge_tags(struct cache *c, struct slice lines, const struct slice *key)
{
	struct by_tag by = { .origin = key == NULL ? slice_of(NULL, 0) : origin_of(*key) };
	unsigned purged = 0;
	const char *end;

	CHECK(c, CACHE_MAGIC);
	while (lines.n > 0) {
		end = memchr(lines.p, '\n', lines.n);
		by.tag = slice_of(lines.p, end == NULL ? lines.n : (size_t)(end - lines.p));
		by.hash = hash_bytes(&c->seed, by.tag.p, by.tag.n);
		for (unsigned i = 0; i < CACHE_SHARDS; i++)
			purged += purge_each(c, &c->shards[i], next_of_tag_locked, &by);
		lines = slice_of(lines.p + by.tag.n, lines.n - by.tag.n);
		if (lines.n > 0)
			lines = slice_of(lines.p + 1, lines.n - 1);
	}
	return purged;
}

unsigned
cache_purge_all(struct cache *c)
{
	unsigned purged = 0;

	CHECK(c, CACHE_MAGIC);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct shard *s = &c->shards[i];
		unsigned from = 0;
		struct entry *e;
		struct gone g;

		/* Entry by entry, so that no lookup waits for a whole shard. */
		for (;;) {
			g = (struct gone){ .nobj = 0 };
			pthread_mutex_lock(&s->lock);
			if ((e = next_entry_locked(s, &from)) != NULL)
				clear_entry_locked(c, s, e, &g, false);
			s->purges++;
			s->purged += g.nobj;
			pthread_mutex_unlock(&s->lock);
			drop_gone(&g);
			purged += g.nobj;
			if (e == NULL)
				break;
		}
	}
	return purged;
}
