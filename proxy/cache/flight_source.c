/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source's side of a flight: what a response head decides, once, for everyone parked; then the
 * body, the end, or the failure.
 *
 * The decision is taken under the shard's lock, with all that it needs made before: the object, an
 * entry in case there is none, the names of Vary.  What it decided is immutable afterwards.  Waking is
 * the crowd's business and happens after the lock, as does everything that frees.
 */
#include "cache/flight.h"

#include <string.h>

#include "base/contract.h"
#include "cache/flight_priv.h"
#include "http/date.h"
#include "http/vary.h"

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
		flight_count_parked(fl->cache, -(int64_t)fl->counted);
	if (fl->entry != NULL) {
		flight_leave_entry_locked(fl);
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
	const struct names *was = e->names, *is = *names;

	e->vary_until = is == NULL ? 0 : mono + MARKER_LIFETIME;
	if (is != NULL)
		store_touch(fl->cache, fl->shard, e, mono);
	if (was != NULL && is != NULL && was->n == is->n && memcmp(was->p, is->p, is->n) == 0)
		return;
	store_set_names(fl->cache, fl->shard, e, *names);
	*names = NULL;
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
