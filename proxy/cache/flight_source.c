/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source's side of a flight: before the head what to ask, interim answers, whether it is still
 * wanted; after it (flight_head.c) the body, and the end or the failure.
 *
 * A failure, too, is decided under the shard's lock, once for all who wait.  Waking is the crowd's
 * business and happens after the lock, as does everything that frees.
 */
#include "cache/flight.h"

#include <string.h>

#include "base/contract.h"
#include "cache/flight_priv.h"
#include "http/cc.h"
#include "http/cond.h"

void
flight_set_source(struct flight *fl, struct worker *w, struct worker_msg *msg)
{
	CHECK(fl, FLIGHT_MAGIC);
	pthread_mutex_lock(&fl->shard->lock);
	fl->source_worker = w;
	fl->source_msg = msg;
	/* Purged before there was anybody to tell. */
	if (msg != NULL && fl->purged && fl->counted == 0)
		worker_post(w, msg);
	pthread_mutex_unlock(&fl->shard->lock);
}

/* What is done ahead of need is wanted as it is, unless it was purged. */
static bool
is_waited_for_locked(const struct flight *fl)
{
	return fl->counted > 0 || (fl->background && !fl->purged) ||
	    (fl->waits > 0 && !fl->cancel_on_leave);
}

enum flight_want
flight_wanted(struct flight *fl, unsigned *n)
{
	enum flight_want want = WANT_WAITED_FOR;

	CHECK(fl, FLIGHT_MAGIC);
	pthread_mutex_lock(&fl->shard->lock);
	*n = fl->counted;
	if (!is_waited_for_locked(fl))
		want = fl->kind == FLIGHT_SHARED && !fl->purged ? WANT_KEEPING : WANT_NOT;
	pthread_mutex_unlock(&fl->shard->lock);
	return want;
}

const struct head *
flight_validates(const struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	return fl->conditional ? &obj_meta(fl->basis)->head : NULL;
}

bool
flight_believes(struct flight *fl, const struct head *resp)
{
	CHECK(fl, FLIGHT_MAGIC);
	if (resp->status != 304 || !fl->conditional ||
	    cond_confirms(&obj_meta(fl->basis)->head, resp))
		return true;
	fl->conditional = false;
	return false;
}

void
flight_note_purges(struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	pthread_mutex_lock(&fl->shard->lock);
	if (fl->kind != FLIGHT_SHARED && flight_purged_since_locked(fl))
		fl->purged = true;
	pthread_mutex_unlock(&fl->shard->lock);
}

void
flight_interim(struct flight *fl, const struct head *h)
{
	struct buf wire = { 0 };
	struct interim *in;
	struct crowd *due;

	CHECK(fl, FLIGHT_MAGIC);
	buf_addf(&wire, "HTTP/1.1 %d ", h->status);
	buf_add_slice(&wire, h->reason);
	buf_add_str(&wire, "\r\n");
	for (unsigned i = 0; i < h->n; i++)
		if (!hdr_is_cookie(h->f[i].name) && !cc_is_consumed(h->f[i].name))
			hdr_emit_field(&wire, h->f[i].name, h->f[i].value);
	buf_add_str(&wire, "\r\n");
	in = XCALLOC(1, sizeof *in + wire.n);
	in->n = wire.n;
	memcpy(in->p, wire.p, wire.n);
	buf_fini(&wire);

	pthread_mutex_lock(&fl->shard->lock);
	ASSERT(fl->state == FL_ASKING);
	atomic_store_explicit(fl->last_interim == NULL ? &fl->interims : &fl->last_interim->next,
	    in, memory_order_release);
	fl->last_interim = in;
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);
	crowds_post(due);
}

/*
 * The store gives the object up again.  marked: and the key isn't worth parking for; else what was
 * there before comes back, if it may still be served stale.
 */
static void
take_back(struct flight *fl, bool marked)
{
	struct obj *was = fl->basis;
	struct entry *e;
	struct obj *out[3];
	unsigned nout = 0;
	usec_t mono = clock_mono();

	pthread_mutex_lock(&fl->shard->lock);
	if ((e = store_find(fl->shard, flight_key(fl), fl->hash)) != NULL) {
		if (store_remove(fl->shard, e, fl->obj)) {
			out[nout++] = fl->obj;
			/* Another may have renewed it meanwhile, or it never went. */
			if (!marked && was != NULL && obj_meta(was)->fresh.may_be_stale &&
			    !flight_is_purged_locked(fl) && !store_has_variant(e, was))
				nout += store_insert(fl->cache, fl->shard, e, was, mono,
				    out + nout);
		}
		if (marked) {
			e->marker[fl->audience] = mono + MARKER_LIFETIME;
			/* It may be off the list: evicted, but held by another flight. */
			store_touch(fl->cache, fl->shard, e, mono);
		} else {
			flight_pause_locked(fl, e, mono);
		}
		store_settle(fl->cache, fl->shard, e, mono);
	}
	pthread_mutex_unlock(&fl->shard->lock);
	for (unsigned i = 0; i < nout; i++)
		obj_unref(out[i]);
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
	if (fl->answer == ANSWER_FETCHED)
		obj_end(fl->obj);
}

void
flight_broken(struct flight *fl)
{
	CHECK(fl, FLIGHT_MAGIC);
	ASSERT(fl->state == FL_FILLING);
	over(fl, FL_FAILED);
	/* What a 304 has confirmed was whole before. */
	if (fl->answer != ANSWER_FETCHED)
		return;
	if (fl->linked)
		take_back(fl, false);
	obj_fail(fl->obj);
}

/*
 * What the failure means for those who ask next: a pause in which what is stale is served, and, if
 * somebody has waited for it and it isn't one client's doing, the failure as their answer.
 * *spare: an entry in case there is none, taken if it is needed; or NULL.
 */
static void
remember_failure_locked(struct flight *fl, const struct flight_failure *why, usec_t mono,
    struct entry **spare)
{
	struct entry *e = store_find(fl->shard, flight_key(fl), fl->hash);
	bool kept = fl->waits > 0 && fl->policy.error_ttl > 0 &&
	    (why->blame == BLAME_BACKEND || fl->audience == AUDIENCE_PLAIN);

	if (fl->kind == FLIGHT_PASS)
		return;
	if (e != NULL && why->dropped)
		e->no_refresh_until = mono + BUSY_PAUSE;
	/* One that its client gave up says nothing about the backend. */
	if (why->blame == BLAME_NOBODY || (fl->kind != FLIGHT_SHARED && fl->waits == 0))
		return;
	if (e == NULL && kept && (e = *spare) != NULL) {
		*spare = NULL;
		store_link(fl->cache, fl->shard, e);
		store_touch(fl->cache, fl->shard, e, mono);
	}
	flight_pause_locked(fl, e, mono);
	if (e != NULL && kept)
		e->failure = *why;
}

/* *held: to be unreferenced after the lock; *spare: as above.  Lock held. */
static struct crowd *
fail_locked(struct flight *fl, const struct flight_failure *why, struct flight **held,
    struct entry **spare)
{
	struct entry *e = fl->entry;
	usec_t mono = clock_mono();

	ASSERT(why->status != 0);
	*held = flight_leave_table_locked(fl, FL_FAILED);
	fl->failure = *why;
	remember_failure_locked(fl, why, mono, spare);
	if (e != NULL)
		store_settle(fl->cache, fl->shard, e, mono);
	return flight_publish_locked(fl);
}

static void
failed(struct flight *fl, struct crowd *due, struct flight *held)
{
	atomic_fetch_sub_explicit(&fl->cache->flights, 1, memory_order_relaxed);
	crowds_post(due);
	/* A failure that is kept counts, and while the backend is down nothing else makes room. */
	store_make_room(fl->cache);
	flight_unref(held);
}

void
flight_failed(struct flight *fl, const struct flight_failure *why)
{
	struct entry *spare = NULL;
	struct flight *held;
	struct crowd *due;

	CHECK(fl, FLIGHT_MAGIC);
	/* One of one's own made no entry when it began. */
	if (fl->kind == FLIGHT_OWN)
		spare = entry_new(flight_key(fl), fl->hash);
	pthread_mutex_lock(&fl->shard->lock);
	due = fail_locked(fl, why, &held, &spare);
	pthread_mutex_unlock(&fl->shard->lock);
	entry_free(spare);
	failed(fl, due, held);
}

bool
flight_give_up(struct flight *fl, const struct flight_failure *why)
{
	struct flight *held = NULL;
	struct entry *spare = NULL;
	struct crowd *due = NULL;
	bool wanted;

	CHECK(fl, FLIGHT_MAGIC);
	pthread_mutex_lock(&fl->shard->lock);
	if (!(wanted = is_waited_for_locked(fl)))
		due = fail_locked(fl, why, &held, &spare);
	pthread_mutex_unlock(&fl->shard->lock);
	if (!wanted)
		failed(fl, due, held);
	return !wanted;
}
