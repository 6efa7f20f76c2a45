/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects and their segments.
 *
 *	obj ── first ──> seg ──> seg ──> seg <── tail ── obj
 *	                  ^       ^
 *	             reader       reader			(each with a reference)
 *
 * A segment references the next one, so whoever holds a segment holds the rest of the body.  The
 * object holds the first as long as it keeps its body; when it forgets, it lets the first go, and
 * what every reader has passed frees itself.
 *
 * The lock guards everything about a filling object.  A sealed object is immutable: readers that
 * saw OBJ_SEALED (acquire) take no lock at all, which is the case of every hit.  Lock order: shard,
 * then obj, then a mailbox; posting a message is the one call made under it, and a leaf.
 */
#include "cache/obj.h"

#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "cache/obj_priv.h"

#define SEG_FIRST	((size_t)4 * 1024)	/* while the length is unknown */
#define SEG_MAX		((size_t)64 * 1024)

/* Segments. */

static struct seg *
seg_new(struct budget *budget, size_t cap)
{
	struct seg *s = malloc(sizeof *s + cap);

	/* At most SEG_MAX, whatever the peer says: small enough for the contract's rule. */
	ASSERT(s != NULL);
	atomic_init(&s->refs, 1);
	s->cap = cap;
	s->used = 0;
	s->next = NULL;
	s->budget = budget;
	return s;
}

static inline size_t
seg_bytes(const struct seg *s)
{
	return sizeof *s + s->cap;
}

void
seg_unref(struct seg *s)
{
	struct seg *next;

	/* A loop and not a recursion: a long body lets go of many at once. */
	for (; s != NULL; s = next) {
		if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
			return;
		next = s->next;
		/* Only a body that isn't the store's any more loses segments. */
		atomic_fetch_sub_explicit(&s->budget->transit, (int64_t)seg_bytes(s),
		    memory_order_relaxed);
		free(s);
	}
}

/* Objects. */

static void
count(_Atomic int64_t *where, int64_t n)
{
	atomic_fetch_add_explicit(where, n, memory_order_relaxed);
}

/* A segment more, of an object that fills: nobody else is over this body. */
static void
account(struct obj *o, size_t n)
{
	o->body->bytes += n;
	count(o->linked ? &o->budget->stored : &o->budget->transit, (int64_t)n);
}

static struct body *
body_new(void)
{
	struct body *b = XCALLOC(1, sizeof *b);

	atomic_init(&b->refs, 1);
	return b;
}

static void
body_unref(struct body *b)
{
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}

static void
crowd_ref(void *owner)
{
	obj_ref(owner);
}

static void
crowd_unref(void *owner)
{
	obj_unref(owner);
}

static size_t
first_cap(uint64_t length)
{
	if (length == OBJ_NO_LENGTH)
		return SEG_FIRST;
	return length < SEG_MAX ? (size_t)length : SEG_MAX;
}

static struct obj *
make(struct budget *budget, struct obj_meta *meta, enum obj_state state)
{
	struct obj *o;

	NEW(o, OBJ_MAGIC);
	atomic_init(&o->refs, 1);
	atomic_init(&o->state, state);
	o->meta = *meta;
	memset(meta, 0, sizeof *meta);
	o->budget = budget;
	o->ahead.from = USEC_NEVER;
	pthread_mutex_init(&o->lock, NULL);
	LIST_INIT(&o->readers);
	crowds_init(&o->waiting, &o->lock, crowd_ref, crowd_unref, o);
	o->fixed_bytes = sizeof *o + sizeof *o->body + o->meta.head.arena.bytes + o->meta.wire.cap +
	    o->meta.own_wire.cap + o->meta.tags.cap + o->meta.vary_names.cap +
	    o->meta.vary_values.cap;
	return o;
}

struct obj *
obj_new(struct budget *budget, struct obj_meta *meta, bool has_body, uint64_t max_lag)
{
	struct obj *o = make(budget, meta, OBJ_FILLING);

	o->max_lag = max_lag < OBJ_WINDOW ? OBJ_WINDOW : max_lag;
	o->body = body_new();
	count(&budget->transit, (int64_t)o->fixed_bytes);
	if (has_body && o->meta.length != 0) {
		o->first = seg_new(budget, first_cap(o->meta.length));
		o->tail = seg_ref(o->first);
		account(o, seg_bytes(o->first));
	}
	return o;
}

struct obj *
obj_renew(const struct obj *was, struct obj_meta *meta)
{
	struct obj *o;

	CHECK(was, OBJ_MAGIC);
	ASSERT(obj_state(was) == OBJ_SEALED);
	o = make(was->budget, meta, OBJ_SEALED);
	o->body = was->body;
	atomic_fetch_add_explicit(&o->body->refs, 1, memory_order_relaxed);
	o->first = was->first == NULL ? NULL : seg_ref(was->first);
	o->total = was->total;
	count(&o->budget->transit, (int64_t)o->fixed_bytes);
	return o;
}

void
obj_set_tags(struct obj *o, const struct hash_seed *seed)
{
	CHECK(o, OBJ_MAGIC);
	ASSERT(!o->linked);
	obj_tags_make(&o->tags, seed, buf_slice(&o->meta.tags));
	o->fixed_bytes += obj_tags_bytes(&o->tags);
	count(&o->budget->transit, (int64_t)obj_tags_bytes(&o->tags));
}

struct obj_tags *
obj_tags(struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	return &o->tags;
}

struct ahead *
obj_ahead(struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	return &o->ahead;
}

void
obj_slide(struct obj *o, usec_t by)
{
	CHECK(o, OBJ_MAGIC);
	atomic_store_explicit(&o->slid, by, memory_order_relaxed);
}

usec_t
obj_slid(const struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	return atomic_load_explicit(&o->slid, memory_order_relaxed);
}

struct obj *
obj_ref(struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void
obj_unref(struct obj *o)
{
	if (o == NULL)
		return;
	CHECK(o, OBJ_MAGIC);
	if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	ASSERT(!o->linked && o->nreaders == 0 && o->source_msg == NULL);
	seg_unref(o->first);
	seg_unref(o->tail);
	count(&o->budget->transit, -(int64_t)o->fixed_bytes);
	body_unref(o->body);
	obj_tags_fini(&o->tags);
	crowds_fini(&o->waiting);
	head_fini(&o->meta.head);
	buf_fini(&o->meta.wire);
	buf_fini(&o->meta.own_wire);
	buf_fini(&o->meta.tags);
	buf_fini(&o->meta.vary_names);
	buf_fini(&o->meta.vary_values);
	pthread_mutex_destroy(&o->lock);
	FREE(o);
}

const struct obj_meta *
obj_meta(const struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	return &o->meta;
}

enum obj_state
obj_state(const struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	return (enum obj_state)atomic_load_explicit(&o->state, memory_order_acquire);
}

uint64_t
obj_total(const struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	ASSERT(obj_state(o) != OBJ_FILLING);
	return o->total;
}

size_t
obj_bytes(struct obj *o)
{
	size_t n;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	n = o->fixed_bytes + o->body->bytes;
	pthread_mutex_unlock(&o->lock);
	return n;
}

/* What follows runs with the lock held where its name ends in _locked. */

bool
obj_wanted_locked(const struct obj *o)
{
	return o->linked || o->expected > 0 || o->nreaders > 0;
}

/* Sets rear to where the slowest is, if it may matter. */
static void
find_rear_locked(struct obj *o)
{
	const struct reader *r;
	uint64_t rear = o->front;

	if (o->front < o->rear || o->front - o->rear <= o->max_lag)
		return;
	LIST_FOREACH(r, &o->readers, link)
		if (!r->cut && r->off < rear)
			rear = r->off;
	o->rear = rear;
}

/*
 * Somebody is too far behind the fastest reader (not the producer, who may be a window ahead of all
 * of them: the only reader is no laggard).
 */
static bool
lagging_locked(struct obj *o)
{
	find_rear_locked(o);
	return o->front > o->rear && o->front - o->rear > o->max_lag;
}

static bool
full_locked(struct obj *o)
{
	return o->forgotten && (o->total - o->front > OBJ_WINDOW || lagging_locked(o));
}

void
obj_tell_source_locked(struct obj *o)
{
	if (o->source_msg != NULL)
		worker_post(o->source_worker, o->source_msg);
}

/* The producer was held back, and readers have moved. */
void
obj_maybe_resume_locked(struct obj *o)
{
	if (!o->held)
		return;
	if (o->forgotten && o->total - o->front > OBJ_WINDOW / 2)
		return;
	if (o->forgotten && lagging_locked(o)) {
		/* It starts to count the laggard's time. */
		if (!o->lag_told)
			obj_tell_source_locked(o);
		o->lag_told = true;
		return;
	}
	o->held = o->lag_told = false;
	obj_tell_source_locked(o);
}

/* The reference on the first segment, to be dropped by the caller after the lock. */
static struct seg *
drop_first_locked(struct obj *o)
{
	struct seg *s;

	if (!o->forgotten || o->expected > 0 || obj_state(o) != OBJ_FILLING)
		return NULL;
	s = o->first;
	o->first = NULL;
	return s;
}

static struct seg *
grow_locked(struct obj *o)
{
	uint64_t left;
	size_t cap;

	if (o->meta.length != OBJ_NO_LENGTH) {
		left = o->meta.length - o->total;
		ASSERT(left > 0);
		cap = left < SEG_MAX ? (size_t)left : SEG_MAX;
	} else {
		cap = o->tail->cap * 2 > SEG_MAX ? SEG_MAX : o->tail->cap * 2;
	}
	struct seg *s = seg_new(o->budget, cap);

	account(o, seg_bytes(s));
	/* The new one's first reference is its predecessor's; the tail's moves on. */
	o->tail->next = s;
	return seg_ref(s);
}

void
obj_append(struct obj *o, const void *p, size_t n)
{
	const char *from = p;
	struct seg *passed = NULL;
	struct crowd *due;

	CHECK(o, OBJ_MAGIC);
	ASSERT(obj_state(o) == OBJ_FILLING && o->tail != NULL);
	while (n > 0) {
		pthread_mutex_lock(&o->lock);
		if (o->tail->used == o->tail->cap) {
			passed = o->tail;
			o->tail = grow_locked(o);
		}
		struct seg *s = o->tail;
		size_t take = n < s->cap - s->used ? n : s->cap - s->used;

		memcpy(s->data + s->used, from, take);
		s->used += take;
		o->total += take;
		due = crowds_mark(&o->waiting);
		pthread_mutex_unlock(&o->lock);
		crowds_post(due);
		seg_unref(passed);
		passed = NULL;
		from += take;
		n -= take;
	}
}

static void
finish(struct obj *o, enum obj_state state)
{
	struct crowd *due;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	ASSERT(obj_state(o) == OBJ_FILLING);
	o->source_msg = NULL;
	atomic_store_explicit(&o->state, state, memory_order_release);
	due = crowds_mark(&o->waiting);
	pthread_mutex_unlock(&o->lock);
	crowds_post(due);
}

void
obj_end(struct obj *o)
{
	finish(o, OBJ_SEALED);
}

void
obj_fail(struct obj *o)
{
	finish(o, OBJ_BROKEN);
}

bool
obj_full(struct obj *o)
{
	bool full;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	full = full_locked(o);
	if (full)
		o->held = true;
	pthread_mutex_unlock(&o->lock);
	return full;
}

bool
obj_lagging(struct obj *o)
{
	bool lagging;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	lagging = o->forgotten && lagging_locked(o);
	pthread_mutex_unlock(&o->lock);
	return lagging;
}

void
obj_cut_laggards(struct obj *o)
{
	struct reader *r;
	struct crowd *due;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	LIST_FOREACH(r, &o->readers, link) {
		if (r->cut || o->front - r->off <= o->max_lag / 2)
			continue;
		r->cut = true;
		/* It may be waiting for its own socket: call it, so that it lets go. */
		if (r->waiter.crowd == NULL)
			crowd_join(&o->waiting, &r->waiter);
	}
	due = crowds_mark(&o->waiting);
	pthread_mutex_unlock(&o->lock);
	crowds_post(due);
}

bool
obj_wanted(struct obj *o)
{
	bool wanted;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	wanted = obj_wanted_locked(o);
	pthread_mutex_unlock(&o->lock);
	return wanted;
}

void
obj_set_source(struct obj *o, struct worker *w, struct worker_msg *msg)
{
	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	o->source_worker = w;
	o->source_msg = msg;
	pthread_mutex_unlock(&o->lock);
}

/* From one account to the other; the body's bytes go with the first, or the last, head over it. */
static void
move(struct obj *o, bool to_store)
{
	int64_t n = (int64_t)o->fixed_bytes;

	if (to_store ? o->body->linked++ == 0 : --o->body->linked == 0)
		n += (int64_t)o->body->bytes;
	count(&o->budget->stored, to_store ? n : -n);
	count(&o->budget->transit, to_store ? -n : n);
}

void
obj_link(struct obj *o)
{
	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	/* It may come back, if it has kept its body: as one does that was sealed before it went. */
	ASSERT(!o->linked && (!o->forgotten || o->first != NULL || o->total == 0));
	o->linked = true;
	o->forgotten = false;
	move(o, true);
	pthread_mutex_unlock(&o->lock);
}

static void
forget(struct obj *o, bool unlink)
{
	struct seg *first;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	if (unlink) {
		ASSERT(o->linked);
		o->linked = false;
		move(o, false);
	}
	o->forgotten = true;
	first = drop_first_locked(o);
	if (!obj_wanted_locked(o))
		obj_tell_source_locked(o);
	pthread_mutex_unlock(&o->lock);
	seg_unref(first);
}

void
obj_unlink(struct obj *o)
{
	forget(o, true);
}

void
obj_forget(struct obj *o)
{
	forget(o, false);
}

void
obj_expect(struct obj *o, unsigned n)
{
	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	o->expected += n;
	pthread_mutex_unlock(&o->lock);
}

struct seg *
obj_unexpect_locked(struct obj *o)
{
	ASSERT(o->expected > 0);
	o->expected--;
	return drop_first_locked(o);
}

void
obj_unexpect(struct obj *o)
{
	struct seg *first;

	CHECK(o, OBJ_MAGIC);
	pthread_mutex_lock(&o->lock);
	first = obj_unexpect_locked(o);
	if (!obj_wanted_locked(o))
		obj_tell_source_locked(o);
	pthread_mutex_unlock(&o->lock);
	seg_unref(first);
}
