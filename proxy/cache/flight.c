/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flights: who waits for a fetch, and what they get.  The moves are drawn in the header.
 *
 * While it is undecided, everything about who waits is guarded by its shard's lock.  Deciding
 * happens under that lock too, and only once; what it decided (obj, class, failure) is immutable
 * afterwards, so each waiter reads it on its own thread without a lock.  Waking is the crowd's
 * business and happens after the lock.
 *
 * References: the entry's while undecided, the source's until the end, one per wait, one per wake
 * that is on its way.
 */
#include "cache/flight.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/contract.h"
#include "cache/flight_priv.h"
#include "http/cond.h"
#include "http/range.h"
#include "http/vary.h"

struct flight *
flight_ref(struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	atomic_fetch_add_explicit(&fl->refs, 1, memory_order_relaxed);
	return fl;
}

static void
free_interims(struct flight *fl)
{
	struct interim *in = atomic_load(&fl->interims), *next;

	for (; in != NULL; in = next) {
		next = atomic_load(&in->next);
		free(in);
	}
}

void
flight_unref(struct flight *fl)
{
	if (fl == NULL)
		return;
	CHECK(fl, FLIGHT_MAGIC);
	if (atomic_fetch_sub_explicit(&fl->refs, 1, memory_order_acq_rel) != 1)
		return;
	ASSERT(fl->entry == NULL && fl->waits == 0);
	crowds_fini(&fl->crowds);
	free_interims(fl);
	obj_unref(fl->obj);
	obj_unref(fl->basis);
	names_unref(fl->names);
	buf_fini(&fl->values);
	FREE(fl);
}

static void
crowd_ref(void *owner)
{
	flight_ref(owner);
}

static void
crowd_unref(void *owner)
{
	flight_unref(owner);
}

struct flight *
flight_new(struct cache *c, const struct lookup *lk, uint64_t hash, enum flight_kind kind,
    enum audience audience, bool no_store, const struct learn_keys *learn)
{
	const struct conf_route *r = lk->route;
	struct flight *fl = XCALLOC(1, sizeof *fl + lk->key.n);

	fl->magic = FLIGHT_MAGIC;
	atomic_init(&fl->refs, 1);
	fl->cache = c;
	fl->shard = store_shard(c, hash);
	fl->hash = hash;
	fl->kind = kind;
	fl->audience = audience;
	fl->cancel_on_leave = method_is_safe(lk->req->method);
	fl->asked_not_to = no_store;
	fl->policy = (struct fresh_policy){
		.ttl = &r->ttl, .error_ttl = r->error_ttl, .heuristic = r->heuristic,
		.stale_while_revalidate = r->stale_while_revalidate,
		.stale_if_error = r->stale_if_error, .set_cookie = r->set_cookie,
		.share_always = r->coalesce == COALESCE_ALWAYS,
	};
	fl->tags = &r->tags;
	fl->ahead = r->refresh_ahead;
	fl->jitter = r->jitter;
	fl->admit = r->admit;
	if (learn != NULL)
		fl->learn = *learn;
	crowds_init(&fl->crowds, &fl->shard->lock, crowd_ref, crowd_unref, fl);
	fl->keylen = lk->key.n;
	memcpy(fl->key, lk->key.p, lk->key.n);
	return fl;
}

struct slice
flight_key(const struct flight *fl)
{
	return slice_of(fl->key, fl->keylen);
}

/* Variants. */

struct names *
names_new(struct slice s)
{
	struct names *n;

	if (s.n == 0)
		return NULL;
	n = XCALLOC(1, sizeof *n + s.n);
	atomic_init(&n->refs, 1);
	n->n = s.n;
	memcpy(n->p, s.p, s.n);
	return n;
}

struct names *
names_ref(struct names *n)
{
	if (n != NULL)
		atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void
names_unref(struct names *n)
{
	if (n != NULL && atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) == 1)
		free(n);
}

void
flight_set_names(struct flight *fl, struct names *names, const struct head *req)
{
	fl->names = names;
	if (names != NULL)
		vary_values(req, slice_of(names->p, names->n), &fl->values);
}

bool
flight_fits(const struct flight *fl, enum flight_kind kind, const struct names *names)
{
	return fl->kind == kind && (kind != FLIGHT_SHARED || fl->names == names);
}

/*
 * What is said to one with credentials, or for the lack of them, is seldom for others; and what was
 * led before a reload goes by its rules of who may have it.
 */
static bool
may_wait_for(const struct flight *fl, enum audience audience, const struct conf_route *route)
{
	return (fl->audience == AUDIENCE_AUTHORIZED) == (audience == AUDIENCE_AUTHORIZED) &&
	    fl->policy.set_cookie == route->set_cookie &&
	    fl->policy.share_always == (route->coalesce == COALESCE_ALWAYS);
}

struct flight *
flight_find_locked(struct shard *s, const struct entry *e, const struct head *req,
    enum audience audience, const struct conf_route *route, const struct obj *stored)
{
	const struct names *seen = NULL;
	struct flight *fl;

	LIST_FOREACH(fl, &e->flights, link) {
		if (route != NULL && !may_wait_for(fl, audience, route))
			continue;
		/* What was stored for several kinds of requests is renewed for all at once. */
		if (fl->names == NULL || (stored != NULL && fl->basis == stored))
			return fl;
		if (fl->names != seen) {
			s->scratch.n = 0;
			vary_values(req, slice_of(fl->names->p, fl->names->n), &s->scratch);
			seen = fl->names;
		}
		if (slice_eq(buf_slice(&s->scratch), buf_slice(&fl->values)))
			return fl;
	}
	return NULL;
}

/* Waits. */

void
wait_init(struct wait *wt, struct worker *w, void (*wake)(void *arg), void *arg)
{
	memset(wt, 0, sizeof *wt);
	wt->magic = WAIT_MAGIC;
	wt->waiter.worker = w;
	wt->waiter.wake = wake;
	wt->waiter.arg = arg;
}

void
flight_count_parked(struct cache *c, int64_t delta)
{
	int64_t now = atomic_fetch_add_explicit(&c->parked, delta, memory_order_relaxed) + delta;
	int64_t peak = atomic_load_explicit(&c->parked_peak, memory_order_relaxed);

	while (now > peak && !atomic_compare_exchange_weak_explicit(&c->parked_peak, &peak, now,
	    memory_order_relaxed, memory_order_relaxed))
		;
}

unsigned
flight_parked_locked(const struct flight *fl)
{
	/* Those who half-closed, too: they wait as well. */
	return fl->waits;
}

double
flight_chance(const struct flight *fl, usec_t mono, uint64_t which)
{
	const uint64_t what[] = { fl->hash, (uint64_t)mono, which };

	return (double)(hash_bytes(&fl->cache->seed, what, sizeof what) >> 11) / 0x1p53;
}

bool
flight_is_background(const struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	return fl->background;
}

void
flight_start_locked(struct flight *fl, struct obj *basis, bool background)
{
	fl->background = background;
	fl->basis = basis == NULL ? NULL : obj_ref(basis);
	fl->conditional = basis != NULL && fl->kind != FLIGHT_PASS &&
	    cond_has_validator(&obj_meta(basis)->head);
	fl->purges = fl->shard->purges;
	atomic_fetch_add_explicit(&fl->cache->flights, 1, memory_order_relaxed);
}

static void
tell_source_locked(struct flight *fl)
{
	if (fl->source_msg != NULL)
		worker_post(fl->source_worker, fl->source_msg);
}

void
flight_park_locked(struct flight *fl, struct wait *wt, bool leader)
{
	CHECK(wt, WAIT_MAGIC);
	ASSERT(wt->flight == NULL && fl->state == FL_ASKING);
	wt->flight = flight_ref(fl);
	wt->leader = leader;
	wt->counted = true;
	wt->taken = false;
	wt->seen = NULL;
	fl->waits++;
	fl->counted++;
	if (leader) {
		fl->leader_waits = true;
		fl->leader_ranged = range_asked(wt->req);
	} else {
		wt->parked++;
		fl->personal += wt->audience != AUDIENCE_PLAIN;
	}
	crowd_join(&fl->crowds, &wt->waiter);
	if (fl->kind != FLIGHT_SHARED)
		return;
	flight_count_parked(fl->cache, 1);
	/* Wanted twice as much: in the upstream's line that counts. */
	if ((fl->counted & (fl->counted - 1)) == 0)
		tell_source_locked(fl);
}

static void
uncount_locked(struct flight *fl, struct wait *wt)
{
	if (!wt->counted)
		return;
	wt->counted = false;
	fl->counted--;
	if (fl->kind == FLIGHT_SHARED)
		flight_count_parked(fl->cache, -1);
	if (fl->counted == 0 && (fl->kind == FLIGHT_SHARED || fl->cancel_on_leave))
		tell_source_locked(fl);
}

void
flight_uncount(struct wait *wt)
{
	struct flight *fl = wt->flight;

	CHECK(wt, WAIT_MAGIC);
	if (fl == NULL)
		return;
	pthread_mutex_lock(&fl->shard->lock);
	if (fl->state == FL_ASKING)
		uncount_locked(fl, wt);
	pthread_mutex_unlock(&fl->shard->lock);
}

/* May this one have the object that was decided on, as far as the decision goes? */
static bool
is_for(const struct flight *fl, const struct wait *wt)
{
	if (fl->obj == NULL)
		return false;
	if (fl->answer == ANSWER_STALE)
		return true;
	return wt->leader ? !fl->alone_ranged :
	    fl->class != FRESH_ALONE && !(fl->plain_only && wt->audience != AUDIENCE_PLAIN);
}

/* One of those the decided object waits for. */
static bool
is_expected(const struct flight *fl, const struct wait *wt)
{
	return fl->expects && is_for(fl, wt);
}

/*
 * The next interim answer that it has not had.  What the backend says before it knows whether its
 * answer may be shared is for all only if it can't know who asked.
 */
static const struct interim *
unseen(const struct wait *wt)
{
	const struct interim *seen = wt->seen;

	if (!wt->leader && wt->flight->audience != AUDIENCE_PLAIN)
		return NULL;
	return seen == NULL ? atomic_load_explicit(&wt->flight->interims, memory_order_acquire) :
	    atomic_load_explicit(&seen->next, memory_order_acquire);
}

enum wait_state
wait_next(struct wait *wt, struct slice *interim)
{
	struct flight *fl = wt->flight;
	const struct interim *in;
	bool parked = false;

	CHECK(wt, WAIT_MAGIC);
	ASSERT(fl != NULL);
	if ((in = unseen(wt)) == NULL &&
	    !atomic_load_explicit(&fl->decided, memory_order_acquire)) {
		/* Under the lock nothing more can come between the last look and standing there. */
		pthread_mutex_lock(&fl->shard->lock);
		in = unseen(wt);
		parked = in == NULL && fl->state == FL_ASKING;
		if (parked && wt->waiter.crowd == NULL)
			crowd_join(&fl->crowds, &wt->waiter);
		pthread_mutex_unlock(&fl->shard->lock);
	}
	if (in != NULL) {
		wt->seen = in;
		*interim = slice_of(in->p, in->n);
		return WAIT_INTERIM;
	}
	return parked ? WAIT_PARKED : WAIT_DECIDED;
}

void
flight_leave(struct wait *wt)
{
	struct flight *fl = wt->flight;
	bool decided;

	CHECK(wt, WAIT_MAGIC);
	if (fl == NULL)
		return;
	wt->flight = NULL;
	pthread_mutex_lock(&fl->shard->lock);
	decided = fl->state != FL_ASKING;
	crowd_leave_locked(&wt->waiter);
	fl->waits--;
	if (!decided) {
		if (wt->leader)
			fl->leader_waits = false;
		else
			fl->personal -= wt->audience != AUDIENCE_PLAIN;
		uncount_locked(fl, wt);
		/* Of one's own, and its one is gone: even an unsafe one has nobody to answer. */
		if (fl->waits == 0 && fl->kind != FLIGHT_SHARED)
			tell_source_locked(fl);
	}
	pthread_mutex_unlock(&fl->shard->lock);
	if (decided && is_expected(fl, wt) && !wt->taken)
		obj_unexpect(fl->obj);
	flight_unref(fl);
}

/* The object was chosen for the leader's fields: is it this one's variant, too? */
static bool
is_variant_of(const struct obj *o, const struct head *req)
{
	const struct obj_meta *m = obj_meta(o);
	struct buf mine = { 0 };
	bool same;

	if (m->vary_names.n == 0)
		return true;
	vary_values(req, buf_slice(&m->vary_names), &mine);
	same = vary_match(buf_slice(&m->vary_names), buf_slice(&m->vary_values), m->coding,
	    buf_slice(&mine));
	buf_fini(&mine);
	return same;
}

/* The stored answer may stand in for an error, for this request. */
static bool
may_have_stale(const struct obj *basis, const struct head *req, usec_t mono)
{
	const struct obj_meta *m;
	struct fresh_ask ask;

	if (basis == NULL)
		return false;
	m = obj_meta(basis);
	fresh_ask(req, false, &ask);
	return fresh_use_on_error(&m->fresh, cache_fresh_age(basis, mono), &ask) &&
	    is_variant_of(basis, req);
}

/*
 * The answer was for the leader alone, for a reason of the leader's: what it said of itself, or a
 * refusal of its request.  Others may well share the next one; were they all released, one such
 * client would turn any herd into as many fetches.  A few times only, for each is a wait.
 */
static bool
says_nothing(const struct flight *fl, const struct wait *wt)
{
	return fl->class == FRESH_ALONE && wt->parked <= AGAIN_MAX &&
	    (!fl->marks || fl->audience != wt->audience);
}

enum flight_outcome
flight_outcome(const struct wait *wt)
{
	const struct flight *fl = wt->flight;

	CHECK(wt, WAIT_MAGIC);
	ASSERT(fl != NULL && (fl->obj != NULL || fl->failure.status != 0));
	if (fl->obj == NULL)
		return fl->failure.dropped ? OUTCOME_AGAIN : OUTCOME_FAIL;
	if (!is_for(fl, wt))
		return says_nothing(fl, wt) ? OUTCOME_AGAIN : OUTCOME_PASS;
	if (wt->leader)
		return OUTCOME_OBJ;
	/* The leader may have asked for stale answers that the others did not. */
	if (fl->answer == ANSWER_STALE)
		return may_have_stale(fl->obj, wt->req, clock_mono()) ? OUTCOME_OBJ : OUTCOME_AGAIN;
	return is_variant_of(fl->obj, wt->req) ? OUTCOME_OBJ : OUTCOME_AGAIN;
}

struct obj *
wait_take(struct wait *wt, bool *expected)
{
	CHECK(wt, WAIT_MAGIC);
	ASSERT(wt->flight != NULL && is_for(wt->flight, wt) && !wt->taken);
	wt->taken = true;
	*expected = is_expected(wt->flight, wt);
	return obj_ref(wt->flight->obj);
}

struct obj *
wait_take_stale(struct wait *wt, usec_t mono)
{
	const struct flight *fl = wt->flight;
	bool purged;

	CHECK(wt, WAIT_MAGIC);
	ASSERT(fl != NULL);
	if (fl->basis == NULL)
		return NULL;
	pthread_mutex_lock(&fl->shard->lock);
	purged = flight_is_purged_locked(fl);
	pthread_mutex_unlock(&fl->shard->lock);
	return !purged && may_have_stale(fl->basis, wt->req, mono) ? obj_ref(fl->basis) : NULL;
}

const struct flight_failure *
flight_failure(const struct wait *wt)
{
	CHECK(wt, WAIT_MAGIC);
	ASSERT(wt->flight != NULL);
	return &wt->flight->failure;
}

void
flight_facts(const struct wait *wt, struct flight_facts *out)
{
	const struct flight *fl = wt->flight;

	CHECK(wt, WAIT_MAGIC);
	*out = (struct flight_facts){ .stored = false };
	if (fl == NULL || !atomic_load_explicit(&fl->decided, memory_order_acquire))
		return;
	out->stored = fl->stored;
	out->not_stored = fl->not_stored;
	out->validated = fl->answer == ANSWER_VALIDATED;
	out->stale = fl->answer == ANSWER_STALE;
	out->status = fl->answer_status;
}

/* The table. */

bool
flight_is_purged_locked(const struct flight *fl)
{
	/*
	 * In no table, so no purge could find it.  A POST's own purge (RFC 9111 4.4) doesn't count
	 * against its answer, which is stored there (RFC 9110 9.3.3): see flight_note_purges().
	 */
	return fl->purged || (fl->basis != NULL &&
	    obj_tags_purged(obj_tags(fl->basis), fl->shard, fl->purges)) ||
	    (flight_purged_since_locked(fl) && (fl->kind == FLIGHT_OWN ||
	    (fl->kind == FLIGHT_PASS && fl->basis != NULL)));
}

void
flight_enter_locked(struct flight *fl, struct entry *e)
{
	ASSERT(fl->entry == NULL);
	fl->entry = e;
	flight_ref(fl);
	LIST_INSERT_HEAD(&e->flights, fl, link);
	e->nflights++;
}

/* The entry's reference is the caller's from here on. */
void
flight_leave_entry_locked(struct flight *fl)
{
	LIST_REMOVE(fl, link);
	fl->entry->nflights--;
	fl->entry = NULL;
}

struct flight *
flight_detach_all_locked(struct entry *e)
{
	struct flight *fl, *chain = NULL;

	while ((fl = LIST_FIRST(&e->flights)) != NULL) {
		flight_leave_entry_locked(fl);
		fl->purged = true;
		if (fl->counted == 0)
			tell_source_locked(fl);
		fl->chain = chain;
		chain = fl;
	}
	return chain;
}

void
flight_drop_chain(struct flight *fl)
{
	struct flight *next;

	for (; fl != NULL; fl = next) {
		next = fl->chain;
		flight_unref(fl);
	}
}
