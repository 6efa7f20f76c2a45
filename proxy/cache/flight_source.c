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
#include "http/cc.h"
#include "http/cond.h"
#include "http/date.h"
#include "http/key.h"
#include "http/tags.h"
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

/* Asking. */

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
	if (fl->kind != FLIGHT_SHARED && fl->purges != fl->shard->purges)
		fl->purged = true;
	pthread_mutex_unlock(&fl->shard->lock);
}

static bool
is_cookie(struct slice name)
{
	return slice_caseeq(name, SLICE("Set-Cookie")) || slice_caseeq(name, SLICE("Set-Cookie2"));
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
		if (!is_cookie(h->f[i].name) && !cc_is_consumed(h->f[i].name))
			hdr_emit_field(&wire, h->f[i].name, h->f[i].value);
	buf_add_str(&wire, "\r\n");
	in = XCALLOC(1, sizeof *in + wire.n);
	in->n = wire.n;
	memcpy(in->p, wire.p, wire.n);
	buf_fini(&wire);

	pthread_mutex_lock(&fl->shard->lock);
	ASSERT(fl->state == FL_ASKING);
	atomic_store_explicit(fl->last_interim == NULL ? &fl->interims : &fl->last_interim->next, in,
	    memory_order_release);
	fl->last_interim = in;
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);
	crowds_post(due);
}

/* The head. */

/* What is judged, made and decided about one answer, before the lock is taken. */
struct decision {
	const struct head	*req;
	struct now		 asked, answered;
	struct cc		 cc;
	struct fresh		 fresh;
	struct obj		*o;
	struct names		*names;		/* of its Vary */
	struct entry		*spare;		/* in case there is none */
	bool			 to_store;
	bool			 too_large;
	bool			 obsolete;	/* what was stored is not the answer any more */
};

/* Fields that say something about this hop, or that we say anew. */
static void
clean(struct head *h, usec_t wall)
{
	char date[DATE_LEN + 1];

	hdr_remove_hop_by_hop(h);
	hdr_remove(h, SLICE("Age"));
	if (hdr_get(h, SLICE("Date")) == NULL) {
		/* RFC 9110 6.6.1: who stores or forwards an answer without a Date adds one. */
		date_format(wall / USEC_PER_SEC, date);
		hdr_add(h, SLICE("Date"), slice_str(date));
	}
}

/* What others may not see leaves the head: for the leader alone or, a stripped cookie, for nobody. */
static void
withhold(const struct flight *fl, const struct decision *d, struct head *h, struct buf *own)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->n; i++) {
		const struct hdr_field *f = &h->f[i];

		bool strip = is_cookie(f->name) && fl->policy.set_cookie == SET_COOKIE_STRIP;

		/* Stripped is what is shared; an answer for one, that is only stored, keeps it for that one. */
		if (strip && d->fresh.class == FRESH_SHARE)
			continue;
		if (strip || cc_withholds(&d->cc, f->name))
			hdr_emit_field(own, f->name, f->value);
		else
			h->f[kept++] = *f;
	}
	h->n = kept;
}

static void
write_wire(const struct head *h, struct buf *out)
{
	for (unsigned i = 0; i < h->n; i++)
		if (!cc_is_consumed(h->f[i].name))
			hdr_emit_field(out, h->f[i].name, h->f[i].value);
}

/* The facts that follow from a head which is ready; it is moved. */
static void
settle_meta(const struct flight *fl, const struct decision *d, struct head *h, struct obj_meta *m)
{
	const struct hdr_field *coding;

	m->received = d->answered.mono;
	m->received_wall = d->answered.wall;
	m->fetch_time = d->answered.mono - d->asked.mono;
	m->fresh = d->fresh;
	vary_names(h, &m->vary_names);
	if (m->vary_names.n > 0)
		vary_values(d->req, buf_slice(&m->vary_names), &m->vary_values);
	if (d->to_store)
		tags_of(h, fl->tags, &m->tags);
	m->head = *h;
	memset(h, 0, sizeof *h);
	m->sets_cookie = hdr_get(&m->head, SLICE("Set-Cookie")) != NULL;
	coding = hdr_get(&m->head, SLICE("Content-Encoding"));
	/* Of several lines none says what it is; a list is no coding that vary_match() knows. */
	m->coding = coding == NULL ? slice_of(NULL, 0) :
	    hdr_next(&m->head, SLICE("Content-Encoding"), coding) == NULL ? coding->value : SLICE(",");
	write_wire(&m->head, &m->wire);
}

/* The object's head and facts out of the response's head. */
static void
make_fetched(struct flight *fl, struct decision *d, struct head *resp)
{
	struct obj_meta m = { .bodyless = resp->framing == FRAMING_NONE };

	m.length = resp->framing == FRAMING_LENGTH ? resp->length :
	    resp->framing == FRAMING_NONE ? 0 : OBJ_NO_LENGTH;
	m.had_age = hdr_count(resp, SLICE("Age")) > 0;
	clean(resp, d->answered.wall);
	if (!m.bodyless || resp->status == 204)
		hdr_remove(resp, SLICE("Content-Length"));
	hdr_add(resp, SLICE("Via"), resp->minor == 0 ? SLICE("1.0 corral") : SLICE("1.1 corral"));
	if (d->fresh.class == FRESH_SHARE || d->to_store)
		withhold(fl, d, resp, &m.own_wire);
	settle_meta(fl, d, resp, &m);
	d->o = obj_new(&fl->cache->budget, &m, !m.bodyless,
	    atomic_load_explicit(&fl->cache->max_object, memory_order_relaxed));
}

/*
 * What the backend says now is instead of what is stored: unless it is an error, a refusal of this one
 * client, or a page for somebody who said who they are.
 */
static bool
replaces(const struct flight *fl, const struct fresh *fresh, int status)
{
	if (fresh->class == FRESH_SHARE)
		return !fresh_is_error(status);
	/* A part, or the outcome of a condition, says nothing of the whole. */
	return fl->audience == AUDIENCE_PLAIN && status < 400 && status != 206 && status != 304;
}

/* As much as an origin may send at once (upstream/response), and our own. */
#define RENEWED_FIELDS	208
#define RENEWED_BYTES	((size_t)128 * 1024)

/*
 * The stored head with the fields of `update`, and what follows from it for freshness.  Age isn't
 * stored, but it counts.
 */
static void
merge(struct flight *fl, struct decision *d, struct head *update, struct head *out)
{
	struct head age = { 0 }, get = *d->req;
	const struct hdr_field *f = NULL;

	get.method = SLICE("GET");
	while ((f = hdr_next(update, SLICE("Age"), f)) != NULL)
		hdr_add(&age, f->name, f->value);
	clean(update, d->answered.wall);
	cond_merge(&obj_meta(fl->basis)->head, update, fl->policy.set_cookie == SET_COOKIE_STORE,
	    d->answered.wall, out);
	while ((f = hdr_next(&age, SLICE("Age"), f)) != NULL)
		hdr_add(out, f->name, f->value);
	head_fini(&age);
	cc_of_response(out, &d->cc);
	fresh_judge(&get, out, &fl->policy, d->asked, d->answered, &d->fresh);
	hdr_remove(out, SLICE("Age"));
	/* Each 304 may bring new fields, and the sum of many is no head any more. */
	d->to_store = d->fresh.store && out->n <= RENEWED_FIELDS &&
	    out->arena.bytes <= RENEWED_BYTES;
	d->obsolete = replaces(fl, &d->fresh, 200);
	fl->marks = fl->kind != FLIGHT_PASS && d->fresh.class == FRESH_ALONE && d->fresh.marks;
}

/*
 * A 304 that sets a cookie was made for the leader: what it says of freshness is for all, the rest, which
 * may be about the leader as much as the cookie is, for the leader alone, as far as it isn't stored.
 */
static void
keep_for_leader(const struct head *stored, struct head *update, struct buf *own)
{
	static const struct slice for_all[] = {
		SLICE_INIT("Age"), SLICE_INIT("Cache-Control"), SLICE_INIT("CDN-Cache-Control"),
		SLICE_INIT("Connection"), SLICE_INIT("Date"), SLICE_INIT("ETag"),
		SLICE_INIT("Expires"), SLICE_INIT("Last-Modified"), SLICE_INIT("Surrogate-Control"),
		SLICE_INIT("Vary"),
	};
	unsigned kept = 0;

	hdr_remove_hop_by_hop(update);
	for (unsigned i = 0; i < update->n; i++) {
		const struct hdr_field *f = &update->f[i];
		bool shared = false;

		for (size_t k = 0; k < sizeof for_all / sizeof for_all[0]; k++)
			shared |= slice_caseeq(f->name, for_all[k]);
		if (shared)
			update->f[kept++] = *f;
		else if (is_cookie(f->name) || hdr_get(stored, f->name) == NULL)
			hdr_emit_field(own, f->name, f->value);
	}
	update->n = kept;
}

/* What is withheld leaves the merged head; the leader has it as far as it has just come. */
static void
withhold_renewed(const struct flight *fl, const struct decision *d, struct head *update,
    struct head *merged, struct buf *own)
{
	struct buf nobodys = { 0 };

	withhold(fl, d, merged, &nobodys);
	withhold(fl, d, update, own);
	buf_fini(&nobodys);
}

/*
 * RFC 9111 4.3.4, 4.3.5: the stored one with a head that *update has freshened.
 */
static void
make_renewed(struct flight *fl, struct decision *d, struct head *update)
{
	const struct obj_meta *was = obj_meta(fl->basis);
	struct obj_meta m = {
		.bodyless = was->bodyless, .length = obj_total(fl->basis),
		.had_age = hdr_count(update, SLICE("Age")) > 0,
	};
	struct head merged = { 0 };

	cc_of_response(update, &d->cc);
	if (fl->policy.set_cookie == SET_COOKIE_PRIVATE &&
	    hdr_get(update, SLICE("Set-Cookie")) != NULL && !cc_withholds(&d->cc, SLICE("Set-Cookie")))
		keep_for_leader(&was->head, update, &m.own_wire);
	merge(fl, d, update, &merged);
	withhold_renewed(fl, d, update, &merged, &m.own_wire);
	settle_meta(fl, d, &merged, &m);
	/* A hit on it saves what the body took. */
	if (m.fetch_time < was->fetch_time)
		m.fetch_time = was->fetch_time;
	if (slice_eq(buf_slice(&was->vary_names), buf_slice(&m.vary_names))) {
		/* It may have been chosen for more than this request's fields: see vary_match(). */
		m.vary_values.n = 0;
		buf_add_slice(&m.vary_values, buf_slice(&was->vary_values));
	}
	d->o = obj_renew(fl->basis, &m);
}

static uint64_t
largest(const struct flight *fl)
{
	uint64_t max = atomic_load_explicit(&fl->cache->max_object, memory_order_relaxed);
	uint64_t memory = atomic_load_explicit(&fl->cache->memory, memory_order_relaxed);

	return max < memory ? max : memory;
}

/* RFC 9110 9.3.3: the answer to a POST that says it is what a GET of the same URL would get. */
static bool
answers_get(const struct flight *fl, const struct head *req, const struct head *resp)
{
	const struct hdr_field *f = hdr_get(resp, SLICE("Content-Location"));
	struct buf key = { 0 };
	bool same;

	if (f == NULL || !method_is(req, "POST") || resp->status != 200)
		return false;
	same = key_resolve(flight_key(fl), f->value, &key) == 0 &&
	    slice_eq(buf_slice(&key), flight_key(fl));
	buf_fini(&key);
	return same;
}

/* The class this flight gives to an answer. */
static void
classify(struct flight *fl, struct decision *d, const struct head *resp)
{
	struct fresh *fresh = &d->fresh;

	cc_of_response(resp, &d->cc);
	fresh_judge(d->req, resp, &fl->policy, d->asked, d->answered, fresh);
	d->to_store = fresh->store;
	if (fl->kind == FLIGHT_PASS) {
		fresh->class = FRESH_ALONE;
		d->to_store = fresh->store && answers_get(fl, d->req, resp);
	}
	if (resp->framing == FRAMING_LENGTH && resp->length > largest(fl)) {
		if (fresh->class != FRESH_ALONE) {
			fresh->class = FRESH_ALONE;
			fresh->why = "too-large";
			fresh->marks = true;
			d->too_large = true;
		}
		d->to_store = false;
	}
	fl->marks = fl->kind != FLIGHT_PASS && fresh->class == FRESH_ALONE && fresh->marks;
	d->obsolete = fl->kind != FLIGHT_PASS && replaces(fl, fresh, resp->status);
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
 * (purged, evicted) or never have been ours: then it is made anew.  What falls out of the store is for the
 * caller to unreference.
 */
static unsigned
settle_entry_locked(struct flight *fl, struct decision *d, struct obj *out[3])
{
	struct entry *e = store_find(fl->shard, flight_key(fl), fl->hash);
	usec_t mono = d->answered.mono;
	unsigned nout = 0;

	if (fl->kind == FLIGHT_PASS && !fl->linked)
		return 0;
	if (e == NULL && (e = d->spare) != NULL) {
		d->spare = NULL;
		store_link(fl->cache, fl->shard, e);
	}
	if (e == NULL)
		return 0;
	e->failed_until = 0;
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
	if (fl->linked)
		nout = store_insert(fl->cache, fl->shard, e, d->o, mono, out);
	if (fl->basis != NULL && d->obsolete && store_remove(fl->shard, e, fl->basis))
		out[nout++] = fl->basis;
	store_settle(fl->cache, fl->shard, e, mono);
	return nout;
}

/* Takes and publishes the decision. */
static void
decide(struct flight *fl, struct decision *d, enum flight_answer answer, int status)
{
	struct obj *out[3];
	struct flight *held;
	struct crowd *due;
	unsigned nout, readers;

	d->names = names_new(buf_slice(&obj_meta(d->o)->vary_names));
	if (fl->kind != FLIGHT_PASS || d->to_store)
		d->spare = entry_new(flight_key(fl), fl->hash);
	if (d->to_store)
		obj_set_tags(d->o, &fl->cache->seed);

	pthread_mutex_lock(&fl->shard->lock);
	held = leave_table_locked(fl, FL_FILLING);
	fl->obj = obj_ref(d->o);
	fl->answer = answer;
	fl->answer_status = status;
	fl->class = d->fresh.class;
	fl->plain_only = d->fresh.plain_only;
	fl->alone_ranged = d->too_large && fl->leader_ranged;
	fl->stored = fl->linked = d->to_store && !fl->asked_not_to && !flight_is_purged_locked(fl);
	fl->not_stored = d->to_store && !fl->stored ? fl->asked_not_to ? "no-store" : "purged" : NULL;
	fl->expects = answer == ANSWER_FETCHED;
	readers = fl->class == FRESH_ALONE ? fl->leader_waits && !fl->alone_ranged :
	    fl->waits - (fl->plain_only ? fl->personal : 0);
	if (fl->expects)
		obj_expect(d->o, readers);
	nout = settle_entry_locked(fl, d, out);
	atomic_store_explicit(&fl->decided, true, memory_order_release);
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);

	if (!fl->linked)
		obj_forget(d->o);
	crowds_post(due);
	flight_unref(held);
	entry_free(d->spare);
	names_unref(d->names);
	for (unsigned i = 0; i < nout; i++)
		obj_unref(out[i]);
	/* Also for a pass marker alone: its entry counts too. */
	store_make_room(fl->cache);
}

/* The backend is in trouble: it isn't asked again at once.  Lock held. */
static void
pause_locked(struct flight *fl, usec_t mono)
{
	struct entry *e = store_find(fl->shard, flight_key(fl), fl->hash);

	if (e != NULL)
		e->failed_until = mono + FAILURE_PAUSE;
}

/*
 * RFC 5861 4: an error of the backend's, and what is stored may be served instead, by its own words or by
 * the leader's; the others look for themselves.
 * The rest of the error is not read.
 */
static bool
answered_stale(struct flight *fl, const struct head *req, const struct head *resp, struct now now)
{
	struct fresh_ask ask;
	const struct obj_meta *m;
	struct flight *held;
	struct crowd *due;
	struct entry *e;
	bool purged;

	if (fl->basis == NULL || fl->kind == FLIGHT_PASS || !fresh_is_error(resp->status))
		return false;
	m = obj_meta(fl->basis);
	fresh_ask(req, false, &ask);
	if (!fresh_use_on_error(&m->fresh, cache_age(m, now.mono), &ask))
		return false;
	pthread_mutex_lock(&fl->shard->lock);
	if ((purged = flight_is_purged_locked(fl))) {
		pthread_mutex_unlock(&fl->shard->lock);
		return false;
	}
	e = fl->entry;
	held = leave_table_locked(fl, FL_FAILED);
	fl->obj = obj_ref(fl->basis);
	fl->answer = ANSWER_STALE;
	fl->answer_status = resp->status;
	pause_locked(fl, now.mono);
	/* Nothing may be left of it: evicted while it was asked for. */
	if (e != NULL)
		store_settle(fl->cache, fl->shard, e, now.mono);
	atomic_store_explicit(&fl->decided, true, memory_order_release);
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);
	atomic_fetch_sub_explicit(&fl->cache->flights, 1, memory_order_relaxed);
	crowds_post(due);
	flight_unref(held);
	return true;
}

/* RFC 9111 4.3.5: what a HEAD that went to the backend says of what is stored for GET. */
static void
learn_from_head(struct flight *fl, const struct head *req, const struct head *resp, struct now asked,
    struct now answered)
{
	struct decision d = { .req = req, .asked = asked, .answered = answered };
	struct head update = { 0 };
	struct obj *out[3];
	struct entry *e;
	unsigned nout = 0;

	/* Not from what was said to somebody: its fields may be about that one. */
	if (fl->basis == NULL || !method_is(req, "HEAD") || resp->status != 200 ||
	    fl->audience != AUDIENCE_PLAIN || (hdr_get(resp, SLICE("Set-Cookie")) != NULL &&
	    fl->policy.set_cookie == SET_COOKIE_PRIVATE))
		return;
	if (cond_head_confirms(&obj_meta(fl->basis)->head, obj_total(fl->basis), resp)) {
		head_copy(&update, resp);
		make_renewed(fl, &d, &update);
		head_fini(&update);
		if (d.to_store)
			obj_set_tags(d.o, &fl->cache->seed);
	}
	pthread_mutex_lock(&fl->shard->lock);
	if ((e = store_find(fl->shard, flight_key(fl), fl->hash)) != NULL &&
	    store_remove(fl->shard, e, fl->basis)) {
		out[nout++] = fl->basis;
		if (d.o != NULL && d.to_store)
			nout += store_insert(fl->cache, fl->shard, e, d.o, answered.mono, out + nout);
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
		make_renewed(fl, &d, resp);
		head_fini(resp);
		decide(fl, &d, ANSWER_VALIDATED, status);
		return d.o;
	}
	classify(fl, &d, resp);
	make_fetched(fl, &d, resp);
	decide(fl, &d, ANSWER_FETCHED, status);
	if (!obj_wanted(d.o)) {
		flight_broken(fl);
		obj_unref(d.o);
		return NULL;
	}
	return d.o;
}

/*
 * The store gives the object up again.  marked: and the key isn't worth parking for; else what was there
 * before comes back, if it may still be served stale.
 */
static void
take_back(struct flight *fl, bool marked)
{
	struct entry *e;
	struct obj *out[3];
	unsigned nout = 0;
	usec_t mono = clock_mono();

	pthread_mutex_lock(&fl->shard->lock);
	if ((e = store_find(fl->shard, flight_key(fl), fl->hash)) != NULL) {
		if (store_remove(fl->shard, e, fl->obj)) {
			out[nout++] = fl->obj;
			/* Another may have renewed it meanwhile, or it never went. */
			if (!marked && fl->basis != NULL && obj_meta(fl->basis)->fresh.may_be_stale &&
			    !flight_is_purged_locked(fl) && !store_has_variant(e, fl->basis))
				nout += store_insert(fl->cache, fl->shard, e, fl->basis, mono,
				    out + nout);
		}
		if (marked) {
			e->marker[fl->audience] = mono + MARKER_LIFETIME;
			/* It may be off the list: evicted, but held by another flight. */
			store_touch(fl->cache, fl->shard, e, mono);
		} else {
			e->failed_until = mono + FAILURE_PAUSE;
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

void
flight_failed(struct flight *fl, const struct flight_failure *why)
{
	struct flight *held;
	struct crowd *due;
	struct entry *e;
	usec_t mono = clock_mono();

	CHECK(fl, FLIGHT_MAGIC);
	ASSERT(why->status != 0);
	pthread_mutex_lock(&fl->shard->lock);
	e = fl->entry;
	held = leave_table_locked(fl, FL_FAILED);
	fl->failure = *why;
	/* One that its client gave up says nothing about the backend. */
	if (fl->basis != NULL && (fl->kind == FLIGHT_SHARED || fl->waits > 0))
		pause_locked(fl, mono);
	if (e != NULL)
		store_settle(fl->cache, fl->shard, e, mono);
	atomic_store_explicit(&fl->decided, true, memory_order_release);
	due = crowds_mark(&fl->crowds);
	pthread_mutex_unlock(&fl->shard->lock);
	atomic_fetch_sub_explicit(&fl->cache->flights, 1, memory_order_relaxed);
	crowds_post(due);
	flight_unref(held);
}
