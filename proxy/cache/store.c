/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store: entries by key in shards, a byte budget over all, and who must go.
 *
 * Buckets are chained and doubled when they hold more than one entry each: with 64 shards that
 * moves 1/64 of the table under one lock, some 0.3 ms at a million entries.
 *
 * The budget counts what is linked (heads, bodies also while they fill, entries).  Who goes over it
 * makes room at once: the least recently used entry of all shards goes, then the next.  Entries
 * that merely remember something stand in an order of their own, with a bound of their own.  An
 * entry whose body is still filling may go too; its readers keep it, as a sliding window.
 */
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "cache/cache_priv.h"
#include "http/key.h"
#include "http/vary.h"

#define MALLOC_COST	16	/* what the allocator adds to each piece, about */

struct shard *
store_shard(struct cache *c, uint64_t hash)
{
	return &c->shards[hash >> 58];
}

static struct bucket *
bucket_of(const struct shard *s, uint64_t hash)
{
	return &s->buckets[hash & (s->nbuckets - 1)];
}

struct entry *
store_find(struct shard *s, struct slice key, uint64_t hash)
{
	struct entry *e;

	LIST_FOREACH(e, bucket_of(s, hash), link)
		if (e->hash == hash && slice_eq(slice_of(e->key, e->keylen), key))
			return e;
	return NULL;
}

/* Something that a purge takes away. */
static bool
holds_answers(const struct entry *e)
{
	for (unsigned i = 0; i < AUDIENCES; i++)
		if (e->marker[i] > 0)
			return true;
	return e->nobj > 0 || !LIST_EMPTY(&e->flights) || e->failure.status != 0;
}

struct entry *
store_find_url(struct shard *s, struct slice url, uint64_t hash, uint64_t purge)
{
	struct entry *e;

	LIST_FOREACH(e, bucket_of(s, hash), link)
		if (e->hash == hash && e->purges < purge && holds_answers(e) &&
		    slice_eq(key_url(slice_of(e->key, e->keylen)), url))
			return e;
	return NULL;
}

uint64_t
store_hash(const struct cache *c, struct slice key)
{
	struct slice url = key_url(key);

	return hash_bytes(&c->seed, url.p, url.n);
}

struct entry *
entry_new(struct slice key, uint64_t hash)
{
	struct entry *e = XCALLOC(1, sizeof *e + key.n);

	LIST_INIT(&e->flights);
	e->hash = hash;
	e->keylen = key.n;
	memcpy(e->key, key.p, key.n);
	e->bytes = sizeof *e + key.n + MALLOC_COST;
	return e;
}

void
entry_free(struct entry *e)
{
	if (e != NULL)
		names_unref(e->names);
	free(e);
}

static void
grow(struct shard *s)
{
	unsigned n = s->nbuckets * 2;
	struct bucket *old = s->buckets;
	unsigned nold = s->nbuckets;
	struct entry *e;

	s->buckets = XCALLOC(n, sizeof *s->buckets);
	s->nbuckets = n;
	for (unsigned i = 0; i < nold; i++)
		while ((e = LIST_FIRST(&old[i])) != NULL) {
			LIST_REMOVE(e, link);
			LIST_INSERT_HEAD(bucket_of(s, e->hash), e, link);
		}
	free(old);
}

void
store_link(struct cache *c, struct shard *s, struct entry *e)
{
	if (s->nentries >= s->nbuckets)
		grow(s);
	s->nentries++;
	e->purges = s->purges;
	LIST_INSERT_HEAD(bucket_of(s, e->hash), e, link);
	atomic_fetch_add_explicit(&c->budget.stored, (int64_t)e->bytes, memory_order_relaxed);
}

static void
take_off(struct cache *c, struct shard *s, struct entry *e)
{
	if (e->on == NULL)
		return;
	if (e->on == &s->marks)
		atomic_fetch_sub_explicit(&c->mark_bytes, (int64_t)e->bytes, memory_order_relaxed);
	lru_remove(e->on, &e->lru);
	e->on = NULL;
}

void
store_touch(struct cache *c, struct shard *s, struct entry *e, usec_t mono)
{
	struct lru *to = e->nobj > 0 ? &s->lru : &s->marks;

	if (e->on != to) {
		take_off(c, s, e);
		if (to == &s->marks)
			atomic_fetch_add_explicit(&c->mark_bytes, (int64_t)e->bytes,
			    memory_order_relaxed);
	}
	lru_touch(to, &e->lru, mono);
	e->on = to;
}

static size_t
names_bytes(const struct names *n)
{
	return n == NULL ? 0 : sizeof *n + n->n + MALLOC_COST;
}

void
store_set_names(struct cache *c, struct shard *s, struct entry *e, struct names *names)
{
	int64_t more = (int64_t)names_bytes(names) - (int64_t)names_bytes(e->names);

	names_unref(e->names);
	e->names = names;
	e->bytes = (size_t)((int64_t)e->bytes + more);
	atomic_fetch_add_explicit(&c->budget.stored, more, memory_order_relaxed);
	if (e->on == &s->marks)
		atomic_fetch_add_explicit(&c->mark_bytes, more, memory_order_relaxed);
}

static bool
holds_something(const struct entry *e, usec_t mono)
{
	for (unsigned i = 0; i < AUDIENCES; i++)
		if (e->marker[i] > mono)
			return true;
	return e->nobj > 0 || !LIST_EMPTY(&e->flights) || e->vary_until > mono ||
	    (e->failure.status != 0 && e->failed_until > mono) || e->demand.until > mono;
}

void
store_settle(struct cache *c, struct shard *s, struct entry *e, usec_t mono)
{
	if (holds_something(e, mono)) {
		/* Nothing but memories: somebody must be able to find and evict it. */
		if (e->on == NULL && LIST_EMPTY(&e->flights))
			store_touch(c, s, e, mono);
		return;
	}
	take_off(c, s, e);
	LIST_REMOVE(e, link);
	s->nentries--;
	atomic_fetch_sub_explicit(&c->budget.stored, (int64_t)e->bytes, memory_order_relaxed);
	entry_free(e);
}

/* *made: the names of which s->scratch holds the values, for variants mostly have the same. */
static bool
selects(struct shard *s, const struct obj_meta *m, const struct head *req, struct slice *made)
{
	struct slice names = buf_slice(&m->vary_names);

	if (names.n == 0)
		return true;
	if (!slice_eq(names, *made)) {
		s->scratch.n = 0;
		vary_values(req, names, &s->scratch);
		*made = names;
	}
	return vary_match(names, buf_slice(&m->vary_values), m->coding, buf_slice(&s->scratch));
}

struct obj *
store_select(struct shard *s, const struct entry *e, const struct head *req, bool *others)
{
	struct slice made = { NULL, 0 };

	*others = false;
	for (unsigned i = 0; i < e->nobj; i++) {
		if (selects(s, obj_meta(e->obj[i]), req, &made))
			return e->obj[i];
		*others = true;
	}
	return NULL;
}

static bool
same_variant(const struct obj *a, const struct obj *b)
{
	const struct obj_meta *x = obj_meta(a), *y = obj_meta(b);

	return slice_eq(buf_slice(&x->vary_names), buf_slice(&y->vary_names)) &&
	    slice_eq(buf_slice(&x->vary_values), buf_slice(&y->vary_values));
}

bool
store_has_variant(const struct entry *e, const struct obj *o)
{
	for (unsigned i = 0; i < e->nobj; i++)
		if (same_variant(e->obj[i], o))
			return true;
	return false;
}

static struct obj *
take_out(struct shard *s, struct entry *e, unsigned i)
{
	struct obj *o = e->obj[i];

	e->nobj--;
	s->nobjects--;
	memmove(&e->obj[i], &e->obj[i + 1], (e->nobj - i) * sizeof e->obj[0]);
	tag_index_unlink(&s->tags, obj_tags(o));
	obj_unlink(o);
	return o;
}

void
store_prefer(struct entry *e, struct obj *o)
{
	unsigned i = 0;

	while (e->obj[i] != o)
		i++;
	memmove(&e->obj[1], &e->obj[0], i * sizeof e->obj[0]);
	e->obj[0] = o;
}

unsigned
store_insert(struct cache *c, struct shard *s, struct entry *e, struct obj *o, usec_t mono,
    struct obj *out[2])
{
	unsigned nout = 0;

	for (unsigned i = 0; i < e->nobj; i++)
		if (same_variant(e->obj[i], o)) {
			out[nout++] = take_out(s, e, i);
			break;
		}
	if (e->nobj == ENTRY_VARIANTS) {
		out[nout++] = take_out(s, e, ENTRY_VARIANTS - 1);
		s->evictions++;
	}
	memmove(&e->obj[1], &e->obj[0], e->nobj * sizeof e->obj[0]);
	e->obj[0] = obj_ref(o);
	e->nobj++;
	s->nobjects++;
	obj_link(o);
	tag_index_link(&s->tags, obj_tags(o), e);
	store_touch(c, s, e, mono);
	return nout;
}

bool
store_remove(struct shard *s, struct entry *e, const struct obj *o)
{
	for (unsigned i = 0; i < e->nobj; i++)
		if (e->obj[i] == o) {
			take_out(s, e, i);
			return true;
		}
	return false;
}

unsigned
store_empty(struct shard *s, struct entry *e, struct obj *out[ENTRY_VARIANTS])
{
	unsigned n = 0;

	while (e->nobj > 0)
		out[n++] = take_out(s, e, e->nobj - 1);
	return n;
}

/* Which of a shard's two orders. */
static struct lru *
order_of(struct shard *s, bool marks)
{
	return marks ? &s->marks : &s->lru;
}

static struct shard *
shard_with_oldest(struct cache *c, bool marks)
{
	struct shard *found = NULL;
	usec_t oldest = USEC_NEVER, t;

	for (unsigned i = 0; i < CACHE_SHARDS; i++)
		if ((t = lru_oldest(order_of(&c->shards[i], marks))) < oldest) {
			oldest = t;
			found = &c->shards[i];
		}
	return found;
}

/* One entry goes, if the shard has one still: its objects and what it remembers. */
static void
evict_one(struct cache *c, struct shard *s, bool marks)
{
	struct obj *out[ENTRY_VARIANTS];
	struct lru_node *victim;
	struct entry *e;
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	if ((victim = lru_victim(order_of(s, marks))) != NULL) {
		e = (struct entry *)victim;
		n = store_empty(s, e, out);
		s->evictions += n;
		memset(e->marker, 0, sizeof e->marker);
		e->vary_until = e->failed_until = e->demand.until = 0;
		take_off(c, s, e);
		store_settle(c, s, e, 0);
	}
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < n; i++)
		obj_unref(out[i]);
}

static int64_t
memory_of(struct cache *c)
{
	return (int64_t)atomic_load_explicit(&c->memory, memory_order_relaxed);
}

/* What merely remembers may take a sixteenth: unshareable URLs without end push out no object. */
static bool
over_marks(struct cache *c)
{
	return atomic_load_explicit(&c->mark_bytes, memory_order_relaxed) > memory_of(c) / 16;
}

static bool
over_budget(struct cache *c)
{
	return atomic_load_explicit(&c->budget.stored, memory_order_relaxed) > memory_of(c);
}

/* False when the budget is kept, or nothing is left that could go. */
static bool
evict_next(struct cache *c)
{
	bool marks = over_marks(c);
	struct shard *s;

	if (!marks && !over_budget(c))
		return false;
	s = shard_with_oldest(c, marks);
	if (s == NULL && !marks)
		s = shard_with_oldest(c, marks = true);
	if (s != NULL)
		evict_one(c, s, marks);
	return s != NULL;
}

void
store_make_room(struct cache *c)
{
	bool more = true;

	/*
	 * Who comes second leaves it to the first, who goes on until the budget is kept, and looks
	 * again when it has let go: the second may have come just before that.
	 */
	while (more && (over_budget(c) || over_marks(c)) &&
	    pthread_mutex_trylock(&c->evicting) == 0) {
		while ((more = evict_next(c)))
			;
		more = shard_with_oldest(c, false) != NULL || shard_with_oldest(c, true) != NULL;
		pthread_mutex_unlock(&c->evicting);
	}
}
