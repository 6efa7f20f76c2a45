/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What takes answers away before their time: by URL, by tag, all.
 *
 * One entry after the other goes, each in a hold of the lock of its own, so that no lookup waits
 * for a large purge.  Flights that are up are detached: those who wait are answered, the store
 * isn't.  What a key varies by is no answer, and stays for the herd that comes next.
 *
 * Each purge of a shard has a number, and passes over entries that were made or cleared since it
 * began: what a busy URL fetches between two holds is new, and to take that away, too, would cost a
 * fetch more each time.
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
clear_entry_locked(struct cache *c, struct shard *s, struct entry *e, struct gone *g,
    bool keep_names)
{
	usec_t mono = clock_mono();

	g->nobj = store_empty(s, e, g->obj);
	g->flights = flight_detach_all_locked(e);
	memset(e->marker, 0, sizeof e->marker);
	e->failed_until = e->no_refresh_until = e->vary_until = 0;
	e->failure.status = 0;
	e->purges = *purge_slot(s, e->hash) = s->purges;
	if (!keep_names)
		e->demand.until = 0;
	if (keep_names && e->names != NULL) {
		/* What it varies by is no answer: a herd after the purge parks by it at once. */
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

/* Finds an entry that is left for the purge of that number. */
typedef struct entry	*next_fn(struct shard *s, void *arg, uint64_t purge);

/* hash: of what is purged, a URL or a tag; NULL: everything. */
static void
begin_locked(struct shard *s, const uint64_t *hash)
{
	s->purges++;
	if (hash != NULL)
		*purge_slot(s, *hash) = s->purges;
	else
		for (unsigned i = 0; i < PURGE_SLOTS; i++)
			s->purged_at[i] = s->purges;
}

static unsigned
purge_each(struct cache *c, struct shard *s, const uint64_t *hash, next_fn *next_locked, void *arg)
{
	unsigned purged = 0;
	uint64_t purge = 0;
	struct entry *e;
	struct gone g;

	do {
		g = (struct gone){ .nobj = 0 };
		pthread_mutex_lock(&s->lock);
		if (purge == 0) {
			begin_locked(s, hash);
			purge = s->purges;
		}
		if ((e = next_locked(s, arg, purge)) != NULL)
			clear_entry_locked(c, s, e, &g, hash != NULL);
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
next_of_url_locked(struct shard *s, void *arg, uint64_t purge)
{
	const struct by_url *by = arg;

	return store_find_url(s, by->url, by->hash, purge);
}

unsigned
cache_purge(struct cache *c, struct slice key)
{
	struct by_url by = { key_url(key), 0 };

	CHECK(c, CACHE_MAGIC);
	by.hash = store_hash(c, key);
	return purge_each(c, store_shard(c, by.hash), &by.hash, next_of_url_locked, &by);
}

struct by_tag {
	struct slice	tag, origin;
	uint64_t	hash;
};

static struct entry *
next_of_tag_locked(struct shard *s, void *arg, uint64_t purge)
{
	const struct by_tag *by = arg;

	return tag_index_find(&s->tags, by->tag, by->hash, by->origin, purge);
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
			purged += purge_each(c, &c->shards[i], &by.hash, next_of_tag_locked, &by);
		lines = slice_of(lines.p + by.tag.n, lines.n - by.tag.n);
		if (lines.n > 0)
			lines = slice_of(lines.p + 1, lines.n - 1);
	}
	return purged;
}

/*
 * The next entry from bucket *arg on.  A table that grows moves entries to buckets of the same
 * number or a higher one, so none that was there at the start is passed over.
 */
static struct entry *
next_of_all_locked(struct shard *s, void *arg, uint64_t purge)
{
	unsigned *from = arg;
	struct entry *e;

	for (; *from < s->nbuckets; ++*from)
		LIST_FOREACH(e, &s->buckets[*from], link)
			if (e->purges < purge)
				return e;
	return NULL;
}

unsigned
cache_purge_all(struct cache *c)
{
	unsigned purged = 0;

	CHECK(c, CACHE_MAGIC);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		unsigned from = 0;

		purged += purge_each(c, &c->shards[i], NULL, next_of_all_locked, &from);
	}
	return purged;
}
