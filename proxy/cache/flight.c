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
#include "cache/cache_priv.h"
#include "http/date.h"
#include "http/vary.h"

enum flight_state {
	FL_ASKING,		/* waits may come (if shared) and go; on its entry unless detached */
	FL_FILLING,		/* decided; obj is being filled */
	FL_DONE,
	FL_FAILED,
};

struct flight {
	unsigned		 magic;
#define FLIGHT_MAGIC		 0x60d83f17
	_Atomic unsigned	 refs;
	struct cache		*cache;
	struct shard		*shard;
	uint64_t		 hash;
	enum flight_kind	 kind;
	enum audience		 audience;		/* of the leader */
	bool			 cancel_on_leave;	/* of one's own: nobody waiting ends it */
	bool			 marks;			/* the source's: the key gets a pass marker */
	struct fresh_policy	 policy;
	/* For those whose fields select these values; NULL: for all. */
	struct names		*names;
	struct buf		 values;

	/* guarded by shard->lock */
	enum flight_state	 state;
	bool			 no_store;	/* purged: not for the store */
	uint64_t		 purges;	/* the shard's when this one started */
	struct entry		*entry;		/* whose flight this is; NULL: detached or of one's own */
	LIST_ENTRY(flight)	 link;		/* on entry->flights */
	struct flight		*chain;		/* after flight_detach_all_locked() */
	unsigned		 waits;		/* standing in the crowds */
	unsigned		 counted;	/* those of them that are a reason to fetch */
	unsigned		 personal;	/* those of them who say who they are, but the leader */
	bool			 leader_waits;
	struct worker		*source_worker;
	struct worker_msg	*source_msg;
	struct crowds		 crowds;

	/* set when it is decided, immutable from then on */
	struct obj		*obj;
	enum fresh_class	 class;
	bool			 by_policy;	/* shared only since the route says so */
	bool			 stored;
	struct flight_failure	 failure;
	/* the source's */
	uint64_t		 total;
	bool			 linked;	/* the store has obj, as far as we know */

	size_t			 keylen;
	char			 key[];
};

static struct slice
flight_key(const struct flight *fl)
{
	return slice_of(fl->key, fl->keylen);
}

struct flight *
flight_ref(struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	atomic_fetch_add_explicit(&fl->refs, 1, memory_order_relaxed);
	return fl;
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
	obj_unref(fl->obj);
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
    enum audience audience)
{
	struct flight *fl = XCALLOC(1, sizeof *fl + lk->key.n);

	fl->magic = FLIGHT_MAGIC;
	atomic_init(&fl->refs, 1);
	fl->cache = c;
	fl->shard = store_shard(c, hash);
	fl->hash = hash;
	fl->kind = kind;
	fl->audience = audience;
	fl->cancel_on_leave = method_is_safe(lk->req->method);
	fl->policy.ttl = lk->route->ttl;
	fl->policy.share_always = lk->route->coalesce == COALESCE_ALWAYS;
	crowds_init(&fl->crowds, &fl->shard->lock, crowd_ref, crowd_unref, fl);
	fl->keylen = lk->key.n;
	memcpy(fl->key, lk->key.p, lk->key.n);
	return fl;
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

struct flight *
flight_find_locked(struct shard *s, const struct entry *e, const struct head *req)
{
	const struct names *seen = NULL;
	struct flight *fl;

	LIST_FOREACH(fl, &e->flights, link) {
		if (fl->names == NULL)
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

static void
count_parked(struct cache *c, int64_t delta)
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

void
flight_park_locked(struct flight *fl, struct wait *wt, bool leader)
{
	CHECK(wt, WAIT_MAGIC);
	ASSERT(wt->flight == NULL && fl->state == FL_ASKING);
	wt->flight = flight_ref(fl);
	wt->leader = leader;
	wt->counted = true;
	wt->taken = false;
	fl->waits++;
	fl->counted++;
	wt->personal = hdr_get(wt->req, SLICE("Cookie")) != NULL ||
	    hdr_get(wt->req, SLICE("Authorization")) != NULL;
	if (leader) {
		fl->leader_waits = true;
		fl->purges = fl->shard->purges;
		atomic_fetch_add_explicit(&fl->cache->flights, 1, memory_order_relaxed);
	} else {
		fl->personal += wt->personal;
	}
	crowd_join(&fl->crowds, &wt->waiter);
	if (fl->kind == FLIGHT_SHARED)
		count_parked(fl->cache, 1);
}

static void
tell_source_locked(struct flight *fl)
{
	if (fl->source_msg != NULL)
		worker_post(fl->source_worker, fl->source_msg);
}

static void
uncount_locked(struct flight *fl, struct wait *wt)
{
	if (!wt->counted)
		return;
	wt->counted = false;
	fl->counted--;
	if (fl->kind == FLIGHT_SHARED)
		count_parked(fl->cache, -1);
	else if (fl->counted == 0 && fl->cancel_on_leave)
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

/* One of those the decided object waits for. */
static bool
is_expected(const struct flight *fl, const struct wait *wt)
{
	return fl->obj != NULL && (wt->leader ||
	    (fl->class != FRESH_ALONE && !(fl->by_policy && wt->personal)));
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
			fl->personal -= wt->personal;
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

enum flight_outcome
flight_outcome(const struct wait *wt)
{
	const struct flight *fl = wt->flight;
	const struct obj_meta *m;
	struct buf mine = { 0 };
	bool same;

	CHECK(wt, WAIT_MAGIC);
	ASSERT(fl != NULL && (fl->obj != NULL || fl->failure.status != 0));
	if (fl->obj == NULL)
		return OUTCOME_FAIL;
	if (!is_expected(fl, wt))
		return OUTCOME_PASS;
	m = obj_meta(fl->obj);
	if (wt->leader || m->vary_names.n == 0)
		return OUTCOME_OBJ;
	vary_values(wt->req, buf_slice(&m->vary_names), &mine);
	same = slice_eq(buf_slice(&mine), buf_slice(&m->vary_values));
	buf_fini(&mine);
	return same ? OUTCOME_OBJ : OUTCOME_AGAIN;
}

struct obj *
wait_take(struct wait *wt)
{
	CHECK(wt, WAIT_MAGIC);
	ASSERT(wt->flight != NULL && is_expected(wt->flight, wt) && !wt->taken);
	wt->taken = true;
	return obj_ref(wt->flight->obj);
}

const struct flight_failure *
flight_failure(const struct wait *wt)
{
	CHECK(wt, WAIT_MAGIC);
	ASSERT(wt->flight != NULL);
	return &wt->flight->failure;
}

bool
flight_stored(const struct wait *wt)
{
	CHECK(wt, WAIT_MAGIC);
	return wt->flight != NULL && wt->flight->stored;
}

/* The source's side. */

void
flight_set_source(struct flight *fl, struct worker *w, struct worker_msg *msg)
{
	CHECK(fl, FLIGHT_MAGIC);
	pthread_mutex_lock(&fl->shard->lock);
	fl->source_worker = w;
	fl->source_msg = msg;
	pthread_mutex_unlock(&fl->shard->lock);
}

bool
flight_wanted(struct flight *fl)
{
	bool wanted;

	CHECK(fl, FLIGHT_MAGIC);
	pthread_mutex_lock(&fl->shard->lock);
	wanted = fl->kind == FLIGHT_SHARED || fl->counted > 0 ||
	    (fl->waits > 0 && !fl->cancel_on_leave);
	pthread_mutex_unlock(&fl->shard->lock);
	return wanted;
}

void
flight_enter_locked(struct flight *fl, struct entry *e)
{
	ASSERT(fl->entry == NULL);
	fl->entry = e;
	flight_ref(fl);
	LIST_INSERT_HEAD(&e->flights, fl, link);
}

/* The entry's reference is the caller's from here on. */
static void
leave_entry_locked(struct flight *fl)
{
	LIST_REMOVE(fl, link);
	fl->entry = NULL;
}

struct flight *
flight_detach_all_locked(struct entry *e)
{
	struct flight *fl, *chain = NULL;

	while ((fl = LIST_FIRST(&e->flights)) != NULL) {
		leave_entry_locked(fl);
		fl->no_store = true;
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

/*
 * Decided: nobody joins any more, all parked are about to be woken.  Lock held.  The reference of
 * the entry is the caller's to drop after the lock.
 */
static struct flight *
leave_table_locked(struct flight *fl, enum flight_state state)
{
	struct flight *held = NULL;

	ASSERT(fl->state == FL_ASKING);
	fl->state = state;
	fl->source_msg = NULL;
	if (fl->kind == FLIGHT_SHARED)
		count_parked(fl->cache, -(int64_t)fl->counted);
	if (fl->entry != NULL) {
		leave_entry_locked(fl);
		held = fl;
	}
	return held;
}

/* The object's head and facts out of the response's head. */
static void
make_meta(struct obj_meta *m, const struct head *req, struct head *resp, struct now asked,
    struct now answered)
{
	char date[DATE_LEN + 1];

	memset(m, 0, sizeof *m);
	m->bodyless = resp->framing == FRAMING_NONE;
	m->length = resp->framing == FRAMING_LENGTH ? resp->length :
	    resp->framing == FRAMING_NONE ? 0 : OBJ_NO_LENGTH;
	m->had_age = hdr_count(resp, SLICE("Age")) > 0;
	m->received = answered.mono;
	m->fetch_time = answered.mono - asked.mono;
	vary_names(resp, &m->vary_names);
	if (m->vary_names.n > 0)
		vary_values(req, buf_slice(&m->vary_names), &m->vary_values);
	hdr_remove_hop_by_hop(resp);
	hdr_remove(resp, SLICE("Age"));
	if (!m->bodyless || resp->status == 204)
		hdr_remove(resp, SLICE("Content-Length"));
	if (hdr_get(resp, SLICE("Date")) == NULL) {
		/* RFC 9110 6.6.1: who stores or forwards an answer without a Date adds one. */
		date_format(answered.wall / USEC_PER_SEC, date);
		hdr_add(resp, SLICE("Date"), slice_str(date));
	}
	hdr_add(resp, SLICE("Via"), resp->minor == 0 ? SLICE("1.0 corral") : SLICE("1.1 corral"));
	m->head = *resp;
	memset(resp, 0, sizeof *resp);
	hdr_emit(&m->head, &m->wire);
}

/* The class this flight gives to an answer that is `fresh`. */
static void
classify(struct flight *fl, const struct head *req, const struct head *resp, struct now asked,
    struct now answered, struct fresh *fresh)
{
	uint64_t max = atomic_load_explicit(&fl->cache->max_object, memory_order_relaxed);
	uint64_t memory = atomic_load_explicit(&fl->cache->memory, memory_order_relaxed);

	fresh_judge(req, resp, &fl->policy, asked, answered, fresh);
	if (fl->kind == FLIGHT_PASS) {
		fresh->class = FRESH_ALONE;
	} else if (fresh->class != FRESH_ALONE && resp->framing == FRAMING_LENGTH &&
	    resp->length > (max < memory ? max : memory)) {
		fresh->class = FRESH_ALONE;
		fresh->why = "too-large";
		fresh->marks = true;
	}
	fl->marks = fresh->class == FRESH_ALONE && fresh->marks;
}

/* The key's Vary memory.  Names that stay the same stay the same pointer: flights compare it. */
static void
remember_names_locked(struct flight *fl, struct entry *e, struct names **names, usec_t mono)
{
	struct names *was = e->names, *is = *names;

	e->vary_until = is == NULL ? 0 : mono + MARKER_LIFETIME;
	if (is != NULL)
		store_touch(fl->cache, fl->shard, e, mono);
	if (was != NULL && is != NULL && was->n == is->n && memcmp(was->p, is->p, is->n) == 0)
		return;
	e->names = is;
	*names = was;
}

/*
 * Store, or remember that the key isn't worth parking for.  Lock held.  The entry may be gone
 * (purged, evicted) or never have been ours: then it is made anew.
 */
static unsigned
settle_entry_locked(struct flight *fl, struct obj *o, const struct fresh *fresh, struct entry **spare,
    struct names **names, usec_t mono, struct obj *out[2])
{
	struct entry *e = store_find(fl->shard, flight_key(fl), fl->hash);
	unsigned nout = 0;

	if (fl->kind == FLIGHT_PASS)
		return 0;
	if (e == NULL && (e = *spare) != NULL) {
		*spare = NULL;
		store_link(fl->cache, fl->shard, e);
	}
	if (e == NULL)
		return 0;
	if (fl->marks) {
		e->marker[fl->audience] = mono + MARKER_LIFETIME;
		store_touch(fl->cache, fl->shard, e, mono);
	} else if (fresh->class != FRESH_ALONE) {
		e->marker[fl->audience] = 0;
		remember_names_locked(fl, e, names, mono);
		if (fl->linked)
			nout = store_insert(fl->cache, fl->shard, e, o, mono, out);
	}
	store_settle(fl->cache, fl->shard, e, mono);
	return nout;
}

struct obj *
flight_head(struct flight *fl, const struct head *req, struct head *resp, struct now asked,
    struct now answered)
{
	struct entry *spare;
	struct obj_meta meta;
	struct obj *o, *out[2];
	struct fresh fresh;
	struct flight *held;
	struct crowd *due;
	struct names *names;
	unsigned nout, readers;

	CHECK(fl, FLIGHT_MAGIC);
	classify(fl, req, resp, asked, answered, &fresh);
	make_meta(&meta, req, resp, asked, answered);
	meta.fresh = fresh;
	names = names_new(buf_slice(&meta.vary_names));
	o = obj_new(&fl->cache->budget, &meta, !meta.bodyless,
	    atomic_load_explicit(&fl->cache->max_object, memory_order_relaxed));
	spare = fl->kind == FLIGHT_PASS ? NULL : entry_new(flight_key(fl), fl->hash);

	pthread_mutex_lock(&fl->shard->lock);
	held = leave_table_locked(fl, FL_FILLING);
	/* In no table, so no purge could find it: then any purge of its shard counts. */
	if (fl->kind == FLIGHT_OWN && fl->purges != fl->shard->purges)
		fl->no_store = true;
	fl->obj = obj_ref(o);
	fl->class = fresh.class;
	fl->by_policy = fresh.by_policy;
	fl->stored = fl->linked = fresh.class == FRESH_STORE && !fl->no_store;
	readers = fresh.class == FRESH_ALONE ? fl->leader_waits :
	    fl->waits - (fl->by_policy ? fl->personal : 0);
	obj_expect(o, readers);
	nout = settle_entry_locked(fl, o, &fresh, &spare, &names, answered.mono, out);
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);

	if (!fl->linked)
		obj_forget(o);
	crowds_post(due);
	flight_unref(held);
	entry_free(spare);
	names_unref(names);
	for (unsigned i = 0; i < nout; i++)
		obj_unref(out[i]);
	/* Also for a pass marker alone: its entry counts too. */
	if (fl->kind != FLIGHT_PASS)
		store_make_room(fl->cache);
	if (!obj_wanted(o)) {
		flight_broken(fl);
		obj_unref(o);
		return NULL;
	}
	return o;
}

/* The store gives the object up again.  marked: and the key isn't worth parking for. */
static void
take_back(struct flight *fl, bool marked)
{
	struct entry *e;
	bool was = false;
	usec_t mono = clock_mono();

	pthread_mutex_lock(&fl->shard->lock);
	if ((e = store_find(fl->shard, flight_key(fl), fl->hash)) != NULL) {
		was = store_remove(fl->shard, e, fl->obj);
		if (marked) {
			e->marker[fl->audience] = mono + MARKER_LIFETIME;
			/* It may be off the list: evicted, but held by another flight. */
			store_touch(fl->cache, fl->shard, e, mono);
		}
		store_settle(fl->cache, fl->shard, e, mono);
	}
	pthread_mutex_unlock(&fl->shard->lock);
	if (was)
		obj_unref(fl->obj);
}

bool
flight_body(struct flight *fl, const void *p, size_t n)
{
	CHECK(fl, FLIGHT_MAGIC);
	ASSERT(fl->state == FL_FILLING);
	obj_append(fl->obj, p, n);
	fl->total += n;
	if (fl->linked && fl->total > atomic_load_explicit(&fl->cache->max_object,
	    memory_order_relaxed)) {
		fl->linked = false;
		take_back(fl, true);
	}
	if (fl->linked)
		store_make_room(fl->cache);
	return !obj_full(fl->obj);
}

static void
over(struct flight *fl, enum flight_state state)
{
	pthread_mutex_lock(&fl->shard->lock);
	fl->state = state;
	pthread_mutex_unlock(&fl->shard->lock);
	atomic_fetch_sub_explicit(&fl->cache->flights, 1, memory_order_relaxed);
}

void
flight_end(struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	ASSERT(fl->state == FL_FILLING);
	over(fl, FL_DONE);
	obj_end(fl->obj);
}

void
flight_broken(struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	ASSERT(fl->state == FL_FILLING);
	over(fl, FL_FAILED);
	if (fl->linked)
		take_back(fl, false);
	obj_fail(fl->obj);
}

void
flight_failed(struct flight *fl, const struct flight_failure *why)
{
	struct flight *held;
	struct crowd *due;
	struct entry *e;

	CHECK(fl, FLIGHT_MAGIC);
	ASSERT(why->status != 0);
	pthread_mutex_lock(&fl->shard->lock);
	e = fl->entry;
	held = leave_table_locked(fl, FL_FAILED);
	fl->failure = *why;
	if (e != NULL)
		store_settle(fl->cache, fl->shard, e, clock_mono());
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);
	atomic_fetch_sub_explicit(&fl->cache->flights, 1, memory_order_relaxed);
	crowds_post(due);
	flight_unref(held);
}
