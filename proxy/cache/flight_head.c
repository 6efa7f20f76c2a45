/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a response head decides, once, for everyone parked.
 *
 * The decision is taken under the shard's lock, with all that it needs made before
 * (flight_answer.c): the object, an entry in case there is none, the names of Vary.  What it
 * decided is immutable afterwards.  Waking is the crowd's business and happens after the lock, as
 * does everything that frees.
 */
#include "cache/flight.h"

#include <string.h>

#include "base/contract.h"
#include "cache/flight_priv.h"
#include "http/cond.h"

/*
 * Decided: nobody joins any more, all parked are about to be woken.  Lock held.  The reference of
 * the entry is the caller's to drop after the lock.
 */
struct flight *
flight_leave_table_locked(struct flight *fl, enum flight_state state)
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

struct crowd *
flight_publish_locked(struct flight *fl)
{
	atomic_store_explicit(&fl->decided, true, memory_order_release);
	return crowds_mark(&fl->crowds);
}

void
flight_pause_locked(struct flight *fl, struct entry *e, usec_t mono)
{
	usec_t pause = fl->policy.error_ttl > 0 ? fl->policy.error_ttl : FAILURE_PAUSE;

	if (e == NULL)
		return;
	e->failed_until = mono + pause;
	e->failure.status = 0;
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
 * An error of the moment takes no page's place in the store, which may do again, or for somebody
 * else: its status alone is remembered beside it.
 */
static void
keep_error_locked(struct flight *fl, const struct decision *d, struct entry *e)
{
	flight_pause_locked(fl, e, d->answered.mono);
	e->failure = (struct flight_failure){
		.status = obj_meta(d->o)->head.status, .detail = "error-ttl",
		.text = "the upstream has answered with an error a moment ago",
		.blame = BLAME_EXCHANGE,
	};
}

/* When what has come is to be fetched again, by what this fetch and those before it took. */
static void
plan_refresh_locked(struct flight *fl, const struct decision *d, struct entry *e)
{
	usec_t took = d->answered.mono - d->asked.mono;

	if (d->fresh.class != FRESH_SHARE || fresh_is_error(obj_meta(d->o)->head.status))
		return;
	pace_add(&e->pace, took);
	ahead_plan(obj_ahead(d->o), &d->fresh, &e->pace, took, d->answered.mono,
	    fl->audience == AUDIENCE_AUTHORIZED ? 0 : fl->ahead,
	    flight_chance(fl, d->answered.mono, CHANCE_AHEAD));
}

/*
 * Worth its place in the store, as the route has it; what is there already has been, and an error
 * is kept for the backend's sake.
 */
static bool
is_admitted_locked(const struct flight *fl, const struct decision *d, const struct entry *e)
{
	if (d->fresh.by_error_ttl ||
	    (fl->basis != NULL && !obj_meta(fl->basis)->fresh.by_error_ttl))
		return true;
	if (d->answered.mono - d->asked.mono < fl->admit.min_fetch_time)
		return false;
	return fl->admit.min_requests <= 1 || (e != NULL && demand_within(&e->demand,
	    fl->admit.window, d->answered.mono) >= fl->admit.min_requests);
}

/*
 * Store, or remember that the key isn't worth parking for.  Lock held.  The entry may be gone
 * (purged, evicted) or never have been ours: then it is made anew.  What falls out of the store is
 * for the caller to unreference.
 */
static unsigned
settle_entry_locked(struct flight *fl, struct decision *d, struct entry *e, struct obj *out[3])
{
	usec_t mono = d->answered.mono;
	unsigned nout = 0;

	if (fl->kind == FLIGHT_PASS && !fl->linked)
		return 0;
	if (e == NULL && (e = d->spare) != NULL) {
		d->spare = NULL;
		store_link(fl->cache, fl->shard, e);
		/* No lookup could count it: there was no entry, nor did this one make one. */
		if (fl->kind == FLIGHT_OWN && fl->admit.min_requests > 1)
			demand_count(&e->demand, fl->admit.window, mono);
	}
	if (e == NULL)
		return 0;
	e->failed_until = 0;
	e->failure.status = 0;
	e->no_refresh_until = fl->basis != NULL && !fl->linked && !d->obsolete ?
	    mono + FAILURE_PAUSE : 0;
	if (fl->marks) {
		e->marker[fl->audience] = mono + MARKER_LIFETIME;
		store_touch(fl->cache, fl->shard, e, mono);
	} else if (d->fresh.class == FRESH_SHARE) {
		e->marker[fl->audience] = 0;
	}
	if (d->fresh.class == FRESH_SHARE || fl->linked)
		remember_names_locked(fl, e, &d->names, mono);
	if (d->beside)
		keep_error_locked(fl, d, e);
	plan_refresh_locked(fl, d, e);
	if (fl->linked)
		nout = store_insert(fl->cache, fl->shard, e, d->o, mono, out);
	if (fl->basis != NULL && d->obsolete && store_remove(fl->shard, e, fl->basis))
		out[nout++] = fl->basis;
	store_settle(fl->cache, fl->shard, e, mono);
	return nout;
}

/* What this answer says of others of its route; refusals of one client, and errors, say nothing. */
static void
teach(const struct flight *fl, const struct decision *d)
{
	if (fl->kind != FLIGHT_PASS && !fresh_is_error(obj_meta(d->o)->head.status) &&
	    (fl->class == FRESH_SHARE || fl->marks))
		learn_saw(fl->cache->learn, &fl->learn, fl->class != FRESH_SHARE,
		    d->answered.mono);
}

/* Does it go into the store, and if not, why, though it could?  Lock held. */
static void
choose_store_locked(struct flight *fl, const struct decision *d, const struct entry *e)
{
	bool admitted = is_admitted_locked(fl, d, e);

	fl->stored = fl->linked = d->to_store && admitted && !fl->asked_not_to &&
	    !flight_is_purged_locked(fl) &&
	    !obj_tags_purged(obj_tags(d->o), fl->shard, fl->purges);
	if (d->to_store && !fl->stored)
		fl->not_stored = fl->asked_not_to ? "no-store" : admitted ? "purged" : "admit";
}

/* Takes and publishes the decision. */
static void
decide(struct flight *fl, struct decision *d, enum flight_answer answer, int status)
{
	struct obj *out[3];
	struct flight *held;
	struct crowd *due;
	struct entry *e;
	unsigned nout, readers;

	d->names = names_new(buf_slice(&obj_meta(d->o)->vary_names));
	if (fl->kind != FLIGHT_PASS || d->to_store)
		d->spare = entry_new(flight_key(fl), fl->hash);
	if (d->to_store)
		obj_set_tags(d->o, &fl->cache->seed);

	pthread_mutex_lock(&fl->shard->lock);
	held = flight_leave_table_locked(fl, FL_FILLING);
	fl->obj = obj_ref(d->o);
	fl->answer = answer;
	fl->answer_status = status;
	fl->class = d->fresh.class;
	fl->plain_only = d->fresh.plain_only;
	fl->alone_ranged = d->too_large && fl->leader_ranged;
	e = store_find(fl->shard, flight_key(fl), fl->hash);
	choose_store_locked(fl, d, e);
	fl->expects = answer == ANSWER_FETCHED;
	readers = fl->class == FRESH_ALONE ? fl->leader_waits && !fl->alone_ranged :
	    fl->waits - (fl->plain_only ? fl->personal : 0);
	if (fl->expects)
		obj_expect(d->o, readers);
	nout = settle_entry_locked(fl, d, e, out);
	due = flight_publish_locked(fl);
	pthread_mutex_unlock(&fl->shard->lock);

	if (!fl->linked)
		obj_forget(d->o);
	crowds_post(due);
	teach(fl, d);
	flight_unref(held);
	entry_free(d->spare);
	names_unref(d->names);
	for (unsigned i = 0; i < nout; i++)
		obj_unref(out[i]);
	/* Also for a pass marker alone: its entry counts too. */
	store_make_room(fl->cache);
}

/*
 * What is stored will do instead of an error: by RFC 5861 4; or this only renews, ahead of need,
 * what may be served without it for a while longer.
 */
static bool
outlives_error(const struct flight *fl, const struct head *req, usec_t mono)
{
	const struct obj_meta *m = obj_meta(fl->basis);
	usec_t age = cache_fresh_age(fl->basis, mono);
	struct fresh_ask ask;

	fresh_ask(req, false, &ask);
	return fresh_use_on_error(&m->fresh, age, &ask) ||
	    (fl->background && fresh_use(&m->fresh, age, &ask) != FRESH_VALIDATE);
}

/*
 * RFC 5861 4: an error of the backend's, and what is stored may be served instead, by its own words
 * or by the leader's; the others look for themselves.  The rest of the error is not read.
 */
static bool
answered_stale(struct flight *fl, const struct head *req, const struct head *resp, struct now now)
{
	struct flight *held;
	struct crowd *due;
	struct entry *e;
	bool purged;

	if (fl->basis == NULL || fl->kind == FLIGHT_PASS || !fresh_is_error(resp->status) ||
	    !outlives_error(fl, req, now.mono))
		return false;
	pthread_mutex_lock(&fl->shard->lock);
	if ((purged = flight_is_purged_locked(fl))) {
		pthread_mutex_unlock(&fl->shard->lock);
		return false;
	}
	e = fl->entry;
	held = flight_leave_table_locked(fl, FL_FAILED);
	fl->obj = obj_ref(fl->basis);
	fl->answer = ANSWER_STALE;
	fl->answer_status = resp->status;
	flight_pause_locked(fl, store_find(fl->shard, flight_key(fl), fl->hash), now.mono);
	/* Nothing may be left of it: evicted while it was asked for. */
	if (e != NULL)
		store_settle(fl->cache, fl->shard, e, now.mono);
	due = flight_publish_locked(fl);
	pthread_mutex_unlock(&fl->shard->lock);
	atomic_fetch_sub_explicit(&fl->cache->flights, 1, memory_order_relaxed);
	crowds_post(due);
	flight_unref(held);
	return true;
}

/* RFC 9111 4.3.5: what a HEAD that went to the backend says of what is stored for GET. */
static void
learn_from_head(struct flight *fl, const struct head *req, const struct head *resp,
    struct now asked, struct now answered)
{
	struct decision d = { .req = req, .asked = asked, .answered = answered };
	struct head update = { 0 };
	struct obj *out[3];
	struct entry *e;
	unsigned nout = 0;

	/* Not from what was said to somebody: its fields may be about that one. */
	if (fl->basis == NULL || !method_is(req, "HEAD") || resp->status != 200 ||
	    fl->asked_not_to || fl->audience != AUDIENCE_PLAIN || (hdr_sets_cookie(resp) &&
	    fl->policy.set_cookie == SET_COOKIE_PRIVATE))
		return;
	if (cond_head_confirms(&obj_meta(fl->basis)->head, obj_total(fl->basis), resp)) {
		head_copy(&update, resp);
		answer_renewed(fl, &d, &update);
		head_fini(&update);
		if (d.to_store)
			obj_set_tags(d.o, &fl->cache->seed);
	}
	pthread_mutex_lock(&fl->shard->lock);
	if ((e = store_find(fl->shard, flight_key(fl), fl->hash)) != NULL &&
	    store_remove(fl->shard, e, fl->basis)) {
		out[nout++] = fl->basis;
		if (d.o != NULL && d.to_store &&
		    !obj_tags_purged(obj_tags(d.o), fl->shard, fl->purges))
			nout += store_insert(fl->cache, fl->shard, e, d.o, answered.mono,
			    out + nout);
		store_settle(fl->cache, fl->shard, e, answered.mono);
	}
	pthread_mutex_unlock(&fl->shard->lock);
	for (unsigned i = 0; i < nout; i++)
		obj_unref(out[i]);
	obj_unref(d.o);
}

struct obj *
flight_head(struct flight *fl, const struct head *req, struct head *resp, struct now asked,
    struct now answered)
{
	struct decision d = { .req = req, .asked = asked, .answered = answered };
	int status = resp->status;

	CHECK(fl, FLIGHT_MAGIC);
	if (answered_stale(fl, req, resp, answered)) {
		head_fini(resp);
		return NULL;
	}
	learn_from_head(fl, req, resp, asked, answered);
	if (status == 304 && fl->conditional) {
		answer_renewed(fl, &d, resp);
		head_fini(resp);
		decide(fl, &d, ANSWER_VALIDATED, status);
		return d.o;
	}
	answer_fetched(fl, &d, resp);
	decide(fl, &d, ANSWER_FETCHED, status);
	if (!obj_wanted(d.o)) {
		flight_broken(fl);
		obj_unref(d.o);
		return NULL;
	}
	return d.o;
}
