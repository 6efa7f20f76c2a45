/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an answer's head makes, before anything is decided and without the lock: the judgement (RFC
 * 9111 3 and 4.2), and the object, out of a response, or out of the stored head that a 304 has
 * freshened.
 *
 * What others may not see is sorted out here, once: it leaves the head that all share, and stands
 * in own_wire for the leader alone, or nowhere.
 */
#include "cache/flight_priv.h"

#include <string.h>

#include "http/cc.h"
#include "http/cond.h"
#include "http/date.h"
#include "http/key.h"
#include "http/tags.h"
#include "http/vary.h"

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

/* What others may not see leaves the head: for the leader alone; a stripped cookie for nobody. */
static void
withhold(const struct flight *fl, const struct decision *d, struct head *h, struct buf *own)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->n; i++) {
		const struct hdr_field *f = &h->f[i];

		bool strip = hdr_is_cookie(f->name) && fl->policy.set_cookie == SET_COOKIE_STRIP;

		/*
		 * Stripped is what is shared; an answer for one, that is only stored, keeps it for
		 * that one.
		 */
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
	m->sets_cookie = hdr_sets_cookie(&m->head);
	coding = hdr_get(&m->head, SLICE("Content-Encoding"));
	/* Of several lines none says what it is; a list is no coding that vary_match() knows. */
	m->coding = coding == NULL ? slice_of(NULL, 0) :
	    hdr_count(&m->head, coding->name) == 1 ? coding->value : SLICE(",");
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
	m.made_for = fl->audience != AUDIENCE_PLAIN;
	settle_meta(fl, d, resp, &m);
	d->o = obj_new(&fl->cache->budget, &m, !m.bodyless,
	    atomic_load_explicit(&fl->cache->max_object, memory_order_relaxed));
}

/* Earlier by up to the route's share: what came together does not go together. */
static void
spread_expiry(const struct flight *fl, struct decision *d)
{
	usec_t left = d->fresh.lifetime - d->fresh.initial_age;

	if (left > 0 && fl->jitter > 0)
		d->fresh.lifetime -= (usec_t)((double)left * fl->jitter *
		    flight_chance(fl, d->answered.mono, CHANCE_JITTER));
}

/*
 * What the backend says now is instead of what is stored: unless it is an error, a refusal of this
 * one client, or a page for somebody who said who they are.
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
 * The stored head with the fields of `update`, and what follows from it for freshness; age: what
 * update said of its Age, which isn't stored, but counts.  What is stored for all was made for a
 * request that said nothing of who asks, and is confirmed as such, whoever has asked now.
 */
static void
merge(struct flight *fl, struct decision *d, const struct head *update, const struct head *age,
    struct head *out)
{
	const struct obj_meta *was = obj_meta(fl->basis);
	struct head get = *d->req;

	get.method = SLICE("GET");
	if (was->fresh.class == FRESH_SHARE && !was->made_for)
		get.n = 0;
	cond_merge(&was->head, update, fl->policy.set_cookie == SET_COOKIE_STORE, d->answered.wall,
	    out);
	for (unsigned i = 0; i < age->n; i++)
		hdr_add(out, age->f[i].name, age->f[i].value);
	cc_of_response(out, &d->cc);
	fresh_judge(&get, out, &fl->policy, d->asked, d->answered, &d->fresh);
	spread_expiry(fl, d);
	hdr_remove(out, SLICE("Age"));
	/*
	 * What was made for somebody stays so, unless the backend says now that it is fresh for
	 * all.
	 */
	if (was->fresh.class == FRESH_ALONE && d->fresh.class == FRESH_SHARE &&
	    (d->fresh.plain_only || d->fresh.heuristic))
		fresh_only_validate(&d->fresh);
	/* Each 304 may bring new fields, and the sum of many is no head any more. */
	d->to_store = d->fresh.store && out->n <= RENEWED_FIELDS &&
	    out->arena.bytes <= RENEWED_BYTES;
	d->obsolete = replaces(fl, &d->fresh, 200);
	fl->marks = fl->kind != FLIGHT_PASS && d->fresh.class == FRESH_ALONE && d->fresh.marks;
}

/*
 * Of a 304 that was made for the leader: what it says of freshness is for all, the rest, which may
 * be about the leader, for the leader alone, as far as it isn't stored.
 */
static void
keep_for_leader(const struct head *stored, struct head *update, struct buf *own)
{
	static const struct slice for_all[] = {
		SLICE_INIT("Cache-Control"), SLICE_INIT("CDN-Cache-Control"), SLICE_INIT("Date"),
		SLICE_INIT("ETag"), SLICE_INIT("Expires"), SLICE_INIT("Last-Modified"),
		SLICE_INIT("Surrogate-Control"), SLICE_INIT("Vary"),
	};
	unsigned kept = 0;

	for (unsigned i = 0; i < update->n; i++) {
		const struct hdr_field *f = &update->f[i];
		bool shared = false;

		for (size_t k = 0; k < sizeof for_all / sizeof for_all[0]; k++)
			shared |= slice_caseeq(f->name, for_all[k]);
		if (shared)
			update->f[kept++] = *f;
		else if (hdr_is_cookie(f->name) || hdr_get(stored, f->name) == NULL)
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

/* The 304 answers one who said who it is, and nobody says that it is for others (RFC 9111 3.5). */
static bool
answers_somebody(const struct flight *fl, const struct decision *d, const struct head *merged)
{
	struct head get = *d->req;
	struct fresh as_asked;

	if (fl->audience == AUDIENCE_PLAIN || d->fresh.class != FRESH_SHARE)
		return false;
	get.method = SLICE("GET");
	fresh_judge(&get, merged, &fl->policy, d->asked, d->answered, &as_asked);
	return d->fresh.plain_only || as_asked.class == FRESH_ALONE;
}

/* RFC 9111 4.3.4, 4.3.5: the stored one with a head that *update has freshened. */
void
answer_renewed(struct flight *fl, struct decision *d, struct head *update)
{
	const struct obj_meta *was = obj_meta(fl->basis);
	struct obj_meta m = { .bodyless = was->bodyless, .length = obj_total(fl->basis) };
	struct head merged = { 0 }, age = { 0 };
	const struct hdr_field *f = NULL;

	while ((f = hdr_next(update, SLICE("Age"), f)) != NULL)
		hdr_add(&age, f->name, f->value);
	m.had_age = age.n > 0;
	clean(update, d->answered.wall);
	cc_of_response(update, &d->cc);
	if (fresh_sets_cookie(update, &d->cc, &fl->policy))
		keep_for_leader(&was->head, update, &m.own_wire);
	merge(fl, d, update, &age, &merged);
	if (answers_somebody(fl, d, &merged)) {
		head_fini(&merged);
		keep_for_leader(&was->head, update, &m.own_wire);
		merge(fl, d, update, &age, &merged);
	}
	head_fini(&age);
	withhold_renewed(fl, d, update, &merged, &m.own_wire);
	m.made_for = was->made_for && fl->audience != AUDIENCE_PLAIN;
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
	spread_expiry(fl, d);
	d->beside = fresh->by_error_ttl && fl->kind != FLIGHT_PASS && fl->basis != NULL &&
	    !fresh_is_error(obj_meta(fl->basis)->head.status);
	d->to_store = fresh->store && !d->beside;
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

void
answer_fetched(struct flight *fl, struct decision *d, struct head *resp)
{
	classify(fl, d, resp);
	make_fetched(fl, d, resp);
}
