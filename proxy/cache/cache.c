/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The question and its answers, and the cache as a whole.  Purges: cache_purge.c.
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
#include "cache/learn.h"
#include "http/fresh.h"
#include "http/key.h"

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
	c->learn = learn_new(seed);
	pthread_mutex_init(&c->evicting, NULL);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct shard *s = &c->shards[i];

		pthread_mutex_init(&s->lock, NULL);
		lru_init(&s->lru);
		lru_init(&s->marks);
		tag_index_init(&s->tags);
		s->nbuckets = 64;
		s->buckets = XCALLOC(s->nbuckets, sizeof *s->buckets);
	}
	return c;
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
		tag_index_fini(&s->tags);
		buf_fini(&s->scratch);
		pthread_mutex_destroy(&s->lock);
	}
	learn_free(c->learn);
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

usec_t
cache_fresh_age(const struct obj *o, usec_t mono)
{
	return cache_age(obj_meta(o), mono) - obj_slid(o);
}

struct learn *
cache_learn(struct cache *c)
{
	CHECK(c, CACHE_MAGIC);
	return c->learn;
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
	struct fresh_ask ask;
	struct flight	*prepared;	/* of the kind that was asked for */
	struct entry	*entry;		/* likewise, for it */
	struct names	*names;		/* a reference: what the key's answers vary by */
	enum flight_kind kind;
	struct obj	*stored;	/* what the request selects, under this lock; or NULL */
	bool		 has_keys;	/* the two that follow were found */
	struct learn_keys keys;		/* of its route */
	bool		 learned_alone;	/* answers there are not for others */
	bool		 demanded;	/* counted in its entry's demand */
};

static void
take_locked(struct question *q, struct entry *e, const char *detail)
{
	struct lookup *lk = q->lk;
	struct obj *o = q->stored;

	lk->obj = obj_ref(o);
	if (obj_state(o) == OBJ_FILLING) {
		obj_expect(o, 1);
		lk->expected = true;
	}
	lk->detail = detail;
	lk->fwd = NULL;
	store_prefer(e, o);
	store_touch(q->c, q->s, e, lk->now.mono);
}

/*
 * Stored, but not for this request: with a cookie that the route, since then, does not hand on any
 * more; or the refusal of somebody else's credentials, or of having none.
 */
static bool
is_barred(const struct question *q, const struct obj_meta *m)
{
	int status = m->head.status;

	return (m->sets_cookie && q->lk->route->set_cookie != SET_COOKIE_STORE) ||
	    (q->audience == AUDIENCE_AUTHORIZED &&
	     (status == 401 || status == 403 || status == 407));
}

/* What is there for this request, and what may be done with it. */
static enum fresh_use
find_stored_locked(struct question *q, struct entry *e)
{
	struct lookup *lk = q->lk;
	const struct obj_meta *m;
	enum fresh_use use;
	bool others = false;
	usec_t age;

	q->stored = e == NULL ? NULL : store_select(q->s, e, lk->req, &others);
	if (q->stored != NULL && (obj_state(q->stored) == OBJ_BROKEN ||
	    is_barred(q, obj_meta(q->stored))))
		q->stored = NULL;
	if (q->stored == NULL) {
		lk->fwd = others ? "vary-miss" : "uri-miss";
		return FRESH_VALIDATE;
	}
	m = obj_meta(q->stored);
	age = cache_fresh_age(q->stored, lk->now.mono);
	use = fresh_use(&m->fresh, age, &q->ask);
	/* RFC 9211 2.2: fresh, but the request does not let us use it. */
	lk->fwd = age < m->fresh.lifetime && !m->fresh.no_cache ? "request" : "stale";
	return use;
}

/* Instead of asking a backend that has just failed, or of sending the client away. */
static bool
may_be_stale_locked(struct question *q)
{
	return q->stored != NULL && fresh_use_on_error(&obj_meta(q->stored)->fresh,
	    cache_fresh_age(q->stored, q->lk->now.mono), &q->ask);
}

/* For `admit`: once for each lookup. */
static void
count_demand_locked(struct question *q, struct entry *e)
{
	const struct conf_admit *admit = &q->lk->route->admit;

	if (e == NULL || q->demanded || admit->min_requests <= 1)
		return;
	demand_count(&e->demand, admit->window, q->lk->now.mono);
	q->demanded = true;
}

static void
start_prepared_locked(struct question *q, struct entry *e, bool background)
{
	struct obj *basis = q->stored;

	if (q->kind == FLIGHT_SHARED) {
		if (e == NULL) {
			e = q->entry;
			q->entry = NULL;
			store_link(q->c, q->s, e);
			count_demand_locked(q, e);
		}
		flight_enter_locked(q->prepared, e);
	}
	if (basis != NULL && obj_state(basis) != OBJ_SEALED)
		basis = NULL;
	flight_start_locked(q->prepared, basis, background);
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
choose_own(struct question *q, const char *detail)
{
	/* A HEAD, or a part, is asked for as it came: its answer is no plain GET's. */
	bool plain = method_is(q->lk->req, "GET") && !fresh_request_partial(q->lk->req);

	q->lk->detail = detail;
	q->kind = plain ? FLIGHT_OWN : FLIGHT_PASS;
}

/* The prepared flight will do; else it must be made first, without the lock. */
static bool
is_prepared(struct question *q, const struct entry *e)
{
	struct names *names = e == NULL || q->kind != FLIGHT_SHARED ? NULL : e->names;

	if (q->prepared != NULL && flight_fits(q->prepared, q->kind, names))
		return true;
	q->names = names_ref(names);
	return false;
}

/*
 * Served while one flight, which needs no client, renews it: what is stale and fine so (RFC 5861
 * 3), or fresh, but not for long.
 */
static enum found
refresh_locked(struct question *q, struct entry *e, enum fresh_use use, enum verdict *v)
{
	const char *detail = use == FRESH_USE ? NULL : "stale-while-revalidate";

	*v = use == FRESH_USE ? V_HIT : V_STALE;
	q->kind = FLIGHT_SHARED;
	/*
	 * The marker: what this kind of client fetches can't be shared, so it renews nothing.  Of
	 * the flights one that is up will do, whoever leads it: nobody waits for this.  Nor does
	 * one renew what it forbids to store.
	 */
	if (e->failed_until > q->lk->now.mono || e->no_refresh_until > q->lk->now.mono ||
	    e->marker[q->audience] > q->lk->now.mono || e->nflights >= ENTRY_FLIGHTS ||
	    q->ask.only_if_cached || q->ask.no_store ||
	    obj_state(q->stored) != OBJ_SEALED || memory_is_short(q->c) ||
	    flight_find_locked(q->s, e, q->lk->req, q->audience, NULL, q->stored) != NULL) {
		take_locked(q, e, detail);
		return FOUND_ANSWER;
	}
	if (!is_prepared(q, e))
		return FOUND_NOTHING;
	take_locked(q, e, detail);
	start_prepared_locked(q, e, true);
	*v = use == FRESH_USE ? V_HIT_LEAD : V_STALE_LEAD;
	return FOUND_ANSWER;
}

/*
 * `sliding_ttl`: each hit makes what the operator's ttl gave begin anew; but that a page isn't
 * there is not to stay so for ever, for being asked for.
 */
static bool
slides(const struct question *q)
{
	const struct obj_meta *m = obj_meta(q->stored);

	return q->lk->route->sliding_ttl && m->fresh.by_ttl && m->head.status < 400;
}

/*
 * Fresh still, but asked for so often that somebody would wait when it expires; which what slides
 * doesn't do then.  What somebody with credentials fetches is seldom for the others.
 */
static bool
is_due_locked(struct question *q, enum fresh_use use)
{
	return use == FRESH_USE && q->lk->route->refresh_ahead > 0 && !slides(q) &&
	    q->audience != AUDIENCE_AUTHORIZED &&
	    ahead_hit(obj_ahead(q->stored), q->lk->now.mono);
}

/* No room for one more: what is stored will do, if it may; else a refusal. */
static enum found
shed_locked(struct question *q, struct entry *e, const char *why, enum verdict *v)
{
	*v = may_be_stale_locked(q) ? V_STALE : V_SHED;
	if (*v == V_STALE)
		take_locked(q, e, why);
	q->lk->detail = why;
	return FOUND_ANSWER;
}

/* Served as it is, without the backend: true, with the verdict. */
static bool
serve_locked(struct question *q, struct entry *e, enum fresh_use use, enum verdict *v)
{
	const char *why;

	if (use == FRESH_USE) {
		if (slides(q))
			obj_slide(q->stored, q->lk->now.mono - obj_meta(q->stored)->received);
		*v = V_HIT;
		why = NULL;
	} else if (use == FRESH_USE_STALE) {
		*v = V_STALE;
		why = "max-stale";
	} else if (e != NULL && e->failed_until > q->lk->now.mono && may_be_stale_locked(q)) {
		*v = V_STALE;
		why = "stale-if-error";
	} else {
		return false;
	}
	take_locked(q, e, why);
	return true;
}

/* `error_ttl`: it has just failed, and that is the answer for those who come now. */
static bool
has_failed_locked(struct question *q, const struct entry *e, enum verdict *v)
{
	struct lookup *lk = q->lk;

	if (e == NULL || e->failure.status == 0 || e->failed_until <= lk->now.mono)
		return false;
	lk->failure = e->failure;
	lk->failure.retry_after = e->failed_until - lk->now.mono;
	lk->fwd = NULL;
	*v = V_FAILED;
	return true;
}

/* Somebody fetches it already: true, parked or refused. */
static bool
join_locked(struct question *q, struct entry *e, enum verdict *v)
{
	struct flight *fl = e == NULL ? NULL :
	    flight_find_locked(q->s, e, q->lk->req, q->audience, q->lk->route, q->stored);

	if (fl == NULL)
		return false;
	if (flight_parked_locked(fl) >= q->lk->route->park_limit) {
		shed_locked(q, e, "park-limit", v);
	} else {
		flight_park_locked(fl, q->wait, false);
		*v = V_PARK;
	}
	return true;
}

/* Not to be served: what kind of flight brings it?  False: one that is up, see *v. */
static bool
choose_locked(struct question *q, struct entry *e, bool guarded, enum verdict *v)
{
	struct lookup *lk = q->lk;

	*v = V_PASS;
	if (guarded) {
		q->stored = NULL;
		lk->detail = "precondition";
		q->kind = FLIGHT_PASS;
		return true;
	}
	if (lk->alone || (e != NULL && e->marker[q->audience] > lk->now.mono)) {
		choose_own(q, lk->alone ? "unshareable" : "pass-marker");
		return true;
	}
	*v = V_LEAD;
	q->kind = FLIGHT_OWN;
	if (lk->route->coalesce == COALESCE_OFF)
		return true;
	if (join_locked(q, e, v))
		return false;
	/* Nothing speaks for it but its route, and that speaks against it. */
	if (q->learned_alone && (e == NULL || e->nobj == 0)) {
		*v = V_PASS;
		choose_own(q, "learned");
		return true;
	}
	/* So many variants at once: nobody would share them, and finding one takes time. */
	if (e == NULL || e->nflights < ENTRY_FLIGHTS)
		q->kind = FLIGHT_SHARED;
	return true;
}

static enum found
ask_locked(struct question *q, enum verdict *v)
{
	struct lookup *lk = q->lk;
	struct entry *e = store_find(q->s, lk->key, q->hash);
	enum fresh_use use = find_stored_locked(q, e);
	/* RFC 9111 4.3.2: not ours to evaluate, so only what is fresh may answer it. */
	bool guarded = use != FRESH_USE && fresh_request_guarded(lk->req);

	count_demand_locked(q, e);
	if (is_due_locked(q, use) || (use == FRESH_USE_REFRESH && !guarded))
		return refresh_locked(q, e, use, v);
	if (!guarded && serve_locked(q, e, use, v))
		return FOUND_ANSWER;
	if (q->ask.only_if_cached) {
		lk->detail = "only-if-cached";
		lk->fwd = NULL;
		*v = V_ABSENT;
		return FOUND_ANSWER;
	}
	if (has_failed_locked(q, e, v) || !choose_locked(q, e, guarded, v))
		return FOUND_ANSWER;
	if (memory_is_short(q->c))
		return shed_locked(q, e, "memory", v);
	if (!is_prepared(q, e))
		return FOUND_NOTHING;
	start_prepared_locked(q, e, false);
	flight_park_locked(lk->flight, q->wait, true);
	return FOUND_ANSWER;
}

/* What the route's answers have been like.  True: that is a reason to look again. */
static bool
recall(struct question *q)
{
	if (q->kind == FLIGHT_PASS || q->has_keys)
		return false;
	q->has_keys = true;
	learn_keys_of(q->c->learn, q->lk->key, q->audience, q->lk->req, &q->keys);
	q->learned_alone = learn_is_alone(q->c->learn, &q->keys, q->lk->now.mono);
	return q->learned_alone && q->kind == FLIGHT_SHARED;
}

/* Without the lock: what is needed when it is taken next. */
static void
prepare(struct question *q)
{
	if (recall(q)) {
		names_unref(q->names);
		q->names = NULL;
		return;
	}
	flight_unref(q->prepared);
	q->prepared = flight_new(q->c, q->lk, q->hash, q->kind, q->audience, q->ask.no_store,
	    q->kind == FLIGHT_PASS ? NULL : &q->keys);
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
	start_prepared_locked(q, NULL, false);
	flight_park_locked(q->lk->flight, q->wait, true);
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
	q.hash = store_hash(c, lk->key);
	q.s = store_shard(c, q.hash);
	q.audience = wait->audience = audience_of(lk->req);

	fresh_ask(lk->req, lk->route->client_control, &q.ask);
	if (!lk->route->cache) {
		/* Not even a POST's answer, which might be stored for GET. */
		q.ask.no_store = true;
		return pass(&q, "bypass");
	}
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
