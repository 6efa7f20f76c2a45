/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The question and its answers, and what acts on the whole store.
 *
 * A lookup that must create a flight does so before it takes the lock for the second time, since
 * nothing of a peer's size is allocated under it.  Between the two holds another may have led: then
 * the second hold simply finds that flight, and what was prepared is thrown away.
 */
#include "cache/cache.h"

#include <stdlib.h>

#include "base/conf.h"
#include "base/contract.h"
#include "cache/cache_priv.h"
#include "http/fresh.h"

struct cache *
cache_new(const struct hash_seed *seed, size_t memory, size_t max_object)
{
	struct cache *c = aligned_alloc(_Alignof(struct cache), sizeof *c);

	ASSERT(c != NULL);
	memset(c, 0, sizeof *c);
	c->magic = CACHE_MAGIC;
	c->seed = *seed;
	/* Of the seed nothing but this is ever shown. */
	c->identity = (uint32_t)hash_bytes(seed, "identity", sizeof "identity" - 1);
	atomic_init(&c->memory, memory);
	atomic_init(&c->max_object, max_object);
	pthread_mutex_init(&c->evicting, NULL);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct shard *s = &c->shards[i];

		pthread_mutex_init(&s->lock, NULL);
		lru_init(&s->lru);
		lru_init(&s->marks);
		s->nbuckets = 64;
		s->buckets = XCALLOC(s->nbuckets, sizeof *s->buckets);
	}
	return c;
}

/* Takes the entry's objects and its flights out; what went is to be unreferenced after the lock. */
struct gone {
	struct obj	*obj[ENTRY_VARIANTS];
	unsigned	 nobj;
	struct flight	*flights;	/* a chain */
};

static void
clear_entry_locked(struct cache *c, struct shard *s, struct entry *e, struct gone *g)
{
	g->nobj = store_empty(s, e, g->obj);
	g->flights = flight_detach_all_locked(e);
	memset(e->marker, 0, sizeof e->marker);
	e->vary_until = 0;
	store_settle(c, s, e, 0);
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

unsigned
cache_purge(struct cache *c, struct slice key)
{
	uint64_t hash;
	struct shard *s;
	struct entry *e;
	struct gone g = { .nobj = 0 };

	CHECK(c, CACHE_MAGIC);
	hash = hash_bytes(&c->seed, key.p, key.n);
	s = store_shard(c, hash);
	pthread_mutex_lock(&s->lock);
	if ((e = store_find(s, key, hash)) != NULL)
		clear_entry_locked(c, s, e, &g);
	s->purges++;
	s->purged += g.nobj;
	pthread_mutex_unlock(&s->lock);
	drop_gone(&g);
	return g.nobj;
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
				clear_entry_locked(c, s, e, &g);
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

void
cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	cache_purge_all(c);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct shard *s = &c->shards[i];

		ASSERT(s->nentries == 0);
		free(s->buckets);
		buf_fini(&s->scratch);
		pthread_mutex_destroy(&s->lock);
	}
	pthread_mutex_destroy(&c->evicting);
	ASSERT(atomic_load(&c->flights) == 0 && atomic_load(&c->parked) == 0);
	ASSERT(atomic_load(&c->budget.stored) == 0 && atomic_load(&c->budget.transit) == 0);
	ASSERT(atomic_load(&c->mark_bytes) == 0);
	FREE(c);
}

void
cache_set_limits(struct cache *c, size_t memory, size_t max_object)
{
	CHECK(c, CACHE_MAGIC);
	atomic_store_explicit(&c->memory, memory, memory_order_relaxed);
	atomic_store_explicit(&c->max_object, max_object, memory_order_relaxed);
	store_make_room(c);
}

uint32_t
cache_identity(const struct cache *c)
{
	CHECK(c, CACHE_MAGIC);
	return c->identity;
}

usec_t
cache_age(const struct obj_meta *m, usec_t mono)
{
	return m->fresh.initial_age + (mono - m->received);
}

/* What a lookup found in one hold of the lock. */
enum found {
	FOUND_ANSWER,		/* the verdict stands */
	FOUND_NOTHING,		/* a flight is needed and wasn't prepared */
};

struct question {
	struct cache	*c;
	struct lookup	*lk;
	struct wait	*wait;
	struct shard	*s;
	uint64_t	 hash;
	enum audience	 audience;
	struct flight	*prepared;	/* of the kind that was asked for */
	struct entry	*entry;		/* likewise, for it */
	struct names	*names;		/* a reference: what the key's answers vary by */
	enum flight_kind kind;
};

static void
take_hit_locked(struct question *q, struct entry *e, struct obj *o)
{
	struct lookup *lk = q->lk;

	lk->obj = obj_ref(o);
	if (obj_state(o) == OBJ_FILLING) {
		obj_expect(o, 1);
		lk->expected = true;
	}
	lk->age = cache_age(obj_meta(o), lk->now.mono);
	store_touch(q->c, q->s, e, lk->now.mono);
}

/* Something to serve?  If not, says why a fetch is needed. */
static bool
find_fresh_locked(struct question *q, struct entry *e)
{
	struct lookup *lk = q->lk;
	struct obj *o;
	bool others;

	lk->fwd = "uri-miss";
	if (e == NULL)
		return false;
	o = store_select(q->s, e, lk->req, &others);
	if (o == NULL) {
		if (others)
			lk->fwd = "vary-miss";
		return false;
	}
	if (obj_state(o) == OBJ_BROKEN ||
	    cache_age(obj_meta(o), lk->now.mono) >= obj_meta(o)->fresh.lifetime) {
		lk->fwd = "stale";
		return false;
	}
	take_hit_locked(q, e, o);
	return true;
}

static void
link_flight_locked(struct question *q, struct entry *e)
{
	if (q->kind == FLIGHT_SHARED) {
		if (e == NULL) {
			e = q->entry;
			q->entry = NULL;
			store_link(q->c, q->s, e);
		}
		flight_enter_locked(q->prepared, e);
	}
	flight_park_locked(q->prepared, q->wait, true);
	q->lk->flight = q->prepared;
	q->lk->whole = q->kind != FLIGHT_PASS;
	q->prepared = NULL;
}

/* What only readers hold on to, beyond what the store may hold. */
static int64_t
transit_excess(struct cache *c)
{
	return atomic_load_explicit(&c->budget.transit, memory_order_relaxed) -
	    (int64_t)atomic_load_explicit(&c->memory, memory_order_relaxed);
}

static bool
memory_is_short(struct cache *c)
{
	return transit_excess(c) > TRANSIT_SPARE;
}

bool
cache_is_pressed(struct cache *c)
{
	CHECK(c, CACHE_MAGIC);
	return transit_excess(c) > TRANSIT_SPARE / 2;
}

/* A flight of one's own: whatever comes of it, nobody parks on it. */
static void
choose_own(struct question *q)
{
	/* A HEAD, or a part, is asked for as it came: its answer is no plain GET's. */
	bool plain = method_is(q->lk->req, "GET") && !fresh_request_partial(q->lk->req);

	q->lk->detail = q->lk->alone ? "unshareable" : "pass-marker";
	q->kind = plain ? FLIGHT_OWN : FLIGHT_PASS;
}

static enum found
ask_locked(struct question *q, enum verdict *v)
{
	struct lookup *lk = q->lk;
	struct entry *e = store_find(q->s, lk->key, q->hash);
	struct flight *fl = NULL;

	if (find_fresh_locked(q, e)) {
		*v = V_HIT;
		return FOUND_ANSWER;
	}
	if (lk->alone || (e != NULL && e->marker[q->audience] > lk->now.mono)) {
		choose_own(q);
		*v = V_PASS;
	} else if (lk->route->coalesce == COALESCE_OFF) {
		q->kind = FLIGHT_OWN;
		*v = V_LEAD;
	} else if (e != NULL && (fl = flight_find_locked(q->s, e, lk->req)) != NULL) {
		if (flight_parked_locked(fl) >= lk->route->park_limit) {
			lk->detail = "park-limit";
			*v = V_SHED;
			return FOUND_ANSWER;
		}
		flight_park_locked(fl, q->wait, false);
		*v = V_PARK;
		return FOUND_ANSWER;
	} else {
		/* So many variants at once: nobody would share them, and finding one takes time. */
		q->kind = e != NULL && e->nflights >= ENTRY_FLIGHTS ? FLIGHT_OWN : FLIGHT_SHARED;
		*v = V_LEAD;
	}
	if (memory_is_short(q->c)) {
		lk->detail = "memory";
		*v = V_SHED;
		return FOUND_ANSWER;
	}
	if (q->prepared == NULL || !flight_fits(q->prepared, q->kind, e == NULL ? NULL : e->names)) {
		q->names = e == NULL || q->kind != FLIGHT_SHARED ? NULL : names_ref(e->names);
		return FOUND_NOTHING;
	}
	link_flight_locked(q, e);
	return FOUND_ANSWER;
}

static void
prepare(struct question *q)
{
	flight_unref(q->prepared);
	q->prepared = flight_new(q->c, q->lk, q->hash, q->kind, q->audience);
	flight_set_names(q->prepared, q->names, q->lk->req);
	q->names = NULL;
	if (q->kind == FLIGHT_SHARED && q->entry == NULL)
		q->entry = entry_new(q->lk->key, q->hash);
}

/* Not ours to share, whatever the store says. */
static enum verdict
pass(struct question *q, const char *fwd)
{
	q->lk->fwd = fwd;
	q->kind = FLIGHT_PASS;
	if (memory_is_short(q->c)) {
		q->lk->detail = "memory";
		return V_SHED;
	}
	prepare(q);
	pthread_mutex_lock(&q->s->lock);
	link_flight_locked(q, NULL);
	pthread_mutex_unlock(&q->s->lock);
	return V_PASS;
}

static enum audience
audience_of(const struct head *req)
{
	if (hdr_get(req, SLICE("Authorization")) != NULL)
		return AUDIENCE_AUTHORIZED;
	return hdr_get(req, SLICE("Cookie")) != NULL ? AUDIENCE_COOKIE : AUDIENCE_PLAIN;
}

enum verdict
cache_lookup(struct cache *c, struct lookup *lk, struct wait *wait)
{
	struct question q = { .c = c, .lk = lk, .wait = wait };
	enum verdict v = V_PASS;
	enum found found;

	CHECK(c, CACHE_MAGIC);
	CHECK(wait, WAIT_MAGIC);
	ASSERT(wait->flight == NULL);
	wait->req = lk->req;
	lk->obj = NULL;
	lk->flight = NULL;
	lk->expected = lk->whole = false;
	lk->fwd = lk->detail = NULL;
	q.hash = hash_bytes(&c->seed, lk->key.p, lk->key.n);
	q.s = store_shard(c, q.hash);
	q.audience = audience_of(lk->req);

	if (!lk->route->cache)
		return pass(&q, "bypass");
	if (!method_is(lk->req, "GET") && !method_is(lk->req, "HEAD"))
		return pass(&q, "method");
	if (lk->has_body || !fresh_request_shareable(lk->req))
		return pass(&q, "request");
	for (;;) {
		pthread_mutex_lock(&q.s->lock);
		found = ask_locked(&q, &v);
		pthread_mutex_unlock(&q.s->lock);
		if (found == FOUND_ANSWER)
			break;
		prepare(&q);
	}
	flight_unref(q.prepared);
	entry_free(q.entry);
	return v;
}

void
cache_figures(struct cache *c, struct cache_figures *out)
{
	CHECK(c, CACHE_MAGIC);
	*out = (struct cache_figures){ .objects = 0 };
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct shard *s = &c->shards[i];

		pthread_mutex_lock(&s->lock);
		out->objects += s->nobjects;
		out->evictions += s->evictions;
		out->purged += s->purged;
		pthread_mutex_unlock(&s->lock);
	}
	out->bytes = (uint64_t)atomic_load(&c->budget.stored);
	out->transit_bytes = (uint64_t)atomic_load(&c->budget.transit);
	out->flights = (uint64_t)atomic_load(&c->flights);
	out->parked = (uint64_t)atomic_load(&c->parked);
	out->parked_peak = (uint64_t)atomic_load(&c->parked_peak);
}
