/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of an object: each at its own pace, on its own worker.
 *
 * A reader of a sealed object takes no lock: nothing changes any more, and the segment it holds
 * holds the rest.  While the object fills, what a reader does is guarded by the object's lock,
 * since its place decides whether the producer may go on: the fastest and the slowest hold it back.
 *
 * Who wants a part in the middle passes over what comes before it without taking references, but
 * walks segment by segment, 64 KiB a step.  To go back, the reader holds on to the first segment
 * and starts again from there.
 *
 * A lent piece holds its segment and so all that follow.  That is why a reader which is content
 * with a part may not just vanish from a sliding window: the others would go on, and a client that
 * never takes its last bytes would keep in memory all that they read (reader_leave()).
 */
#include "cache/reader.h"

#include <string.h>

#include "cache/obj_priv.h"

void
reader_open(struct reader *r, struct obj *o, bool expected, struct worker *w, void (*wake)(void *),
    void *arg)
{
	struct seg *first = NULL;

	memset(r, 0, sizeof *r);
	r->magic = READER_MAGIC;
	r->obj = obj_ref(o);
	r->waiter.worker = w;
	r->waiter.wake = wake;
	r->waiter.arg = arg;

	if (!expected && obj_state(o) == OBJ_SEALED) {
		r->seg = o->first == NULL ? NULL : seg_ref(o->first);
		return;
	}
	pthread_mutex_lock(&o->lock);
	ASSERT(o->first != NULL || o->tail == NULL);
	if (o->first != NULL)
		r->seg = seg_ref(o->first);
	LIST_INSERT_HEAD(&o->readers, r, link);
	r->listed = true;
	o->nreaders++;
	if (o->rear > 0)
		o->rear = 0;
	if (expected)
		first = obj_unexpect_locked(o);
	pthread_mutex_unlock(&o->lock);
	seg_unref(first);
}

/* The reader that was where the front is has left the list, or gone back. */
static void
move_front_locked(struct obj *o)
{
	uint64_t was = o->front;
	const struct reader *other;

	o->front = 0;
	LIST_FOREACH(other, &o->readers, link) {
		if (other->off > o->front)
			o->front = other->off;
		/* A herd that leaves together mustn't walk the list once for each. */
		if (o->front == was)
			break;
	}
}

static void
close_locked(struct reader *r)
{
	struct obj *o = r->obj;

	crowd_leave_locked(&r->waiter);
	LIST_REMOVE(r, link);
	r->listed = false;
	o->nreaders--;
	if (obj_state(o) != OBJ_FILLING)
		return;
	/* Also while it isn't forgotten: it may be, with this front. */
	if (r->off == o->front)
		move_front_locked(o);
	obj_maybe_resume_locked(o);
	if (!obj_wanted_locked(o))
		obj_tell_source_locked(o);
}

void
reader_close(struct reader *r)
{
	struct obj *o = r->obj;

	if (o == NULL)
		return;
	CHECK(r, READER_MAGIC);
	if (r->listed) {
		pthread_mutex_lock(&o->lock);
		close_locked(r);
		pthread_mutex_unlock(&o->lock);
	}
	r->obj = NULL;
	seg_unref(r->seg);
	seg_unref(r->start);
	r->seg = r->start = NULL;
	obj_unref(o);
}

/*
 * Walks on from the reader's segment without taking references: the one it started on holds all
 * that follow.  The caller settles which one the reader holds afterwards.
 */
static unsigned
walk(struct reader *r, struct seg **at, struct obj_piece *pieces, unsigned max, size_t limit)
{
	struct seg *s = r->seg;
	unsigned n = 0;

	while (n < max && limit > 0 && s != NULL) {
		size_t have = s->used - r->seg_off;

		if (have == 0) {
			if (s->next == NULL)
				break;
			s = s->next;
			r->seg_off = 0;
			continue;
		}
		if (r->off < r->goal) {
			have = have < r->goal - r->off ? have : (size_t)(r->goal - r->off);
			r->seg_off += have;
			r->off += have;
			continue;
		}
		if (have > limit)
			have = limit;
		pieces[n++] = (struct obj_piece){ s->data + r->seg_off, have, seg_ref(s) };
		r->seg_off += have;
		r->off += have;
		limit -= have;
	}
	*at = s;
	return n;
}

static void
settle(struct reader *r, struct seg *at)
{
	struct seg *was = r->seg;

	if (at == was)
		return;
	r->seg = seg_ref(at);
	seg_unref(was);
}

/* Only the fastest and the slowest hold back the producer. */
static void
moved_locked(const struct reader *r, uint64_t was)
{
	struct obj *o = r->obj;
	bool fastest = r->off > o->front;

	if (fastest)
		o->front = r->off;
	if (fastest || was <= o->rear)
		obj_maybe_resume_locked(o);
}

static unsigned
read_filling(struct reader *r, struct seg **at, struct obj_piece *pieces, unsigned max,
    size_t limit, enum reader_state *state)
{
	struct obj *o = r->obj;
	uint64_t was = r->off;
	unsigned n = 0;

	pthread_mutex_lock(&o->lock);
	*at = r->seg;
	if (r->cut || obj_state(o) == OBJ_BROKEN) {
		*state = READER_CUT;
	} else if ((n = walk(r, at, pieces, max, limit)) > 0) {
		*state = READER_DATA;
	} else if (obj_state(o) == OBJ_SEALED) {
		*state = READER_END;
	} else {
		*state = READER_WAITING;
		if (r->waiter.crowd == NULL)
			crowd_join(&o->waiting, &r->waiter);
	}
	if (r->off != was)
		moved_locked(r, was);
	pthread_mutex_unlock(&o->lock);
	return n;
}

bool
reader_is_cut(struct reader *r)
{
	struct obj *o = r->obj;
	bool cut;

	CHECK(r, READER_MAGIC);
	ASSERT(o != NULL);
	if (obj_state(o) == OBJ_SEALED)
		return false;
	pthread_mutex_lock(&o->lock);
	cut = (r->cut || obj_state(o) == OBJ_BROKEN) && obj_state(o) != OBJ_SEALED;
	pthread_mutex_unlock(&o->lock);
	return cut;
}

unsigned
reader_read(struct reader *r, struct obj_piece *pieces, unsigned max, size_t limit,
    enum reader_state *state)
{
	struct seg *at;
	unsigned n;

	CHECK(r, READER_MAGIC);
	ASSERT(r->obj != NULL && max > 0 && limit > 0);
	if (obj_state(r->obj) == OBJ_SEALED) {
		n = walk(r, &at, pieces, max, limit);
		*state = n > 0 ? READER_DATA : READER_END;
	} else {
		n = read_filling(r, &at, pieces, max, limit, state);
	}
	settle(r, at);
	return n;
}

bool
reader_keep(struct reader *r)
{
	struct obj *o = r->obj;
	bool may = true;

	CHECK(r, READER_MAGIC);
	ASSERT(o != NULL && r->off == 0 && r->seg_off == 0 && r->start == NULL);
	if (obj_state(o) != OBJ_SEALED) {
		pthread_mutex_lock(&o->lock);
		/* What the store has is as small as it allows, also when it gives it up later. */
		may = obj_state(o) != OBJ_FILLING || o->linked;
		pthread_mutex_unlock(&o->lock);
	}
	if (may && r->seg != NULL)
		r->start = seg_ref(r->seg);
	return may;
}

static void
go_back_locked(struct reader *r)
{
	struct obj *o = r->obj;
	bool fastest = r->off == o->front;

	r->off = 0;
	r->seg_off = 0;
	if (obj_state(o) != OBJ_FILLING)
		return;
	o->rear = 0;
	if (fastest)
		move_front_locked(o);
}

void
reader_seek(struct reader *r, uint64_t off)
{
	struct seg *was = r->seg;

	CHECK(r, READER_MAGIC);
	ASSERT(r->obj != NULL);
	r->goal = off;
	if (off >= r->off)
		return;
	ASSERT(r->start != NULL);
	if (r->listed) {
		pthread_mutex_lock(&r->obj->lock);
		go_back_locked(r);
		pthread_mutex_unlock(&r->obj->lock);
	} else {
		r->off = 0;
		r->seg_off = 0;
	}
	r->seg = seg_ref(r->start);
	seg_unref(was);
}

bool
reader_leave(struct reader *r)
{
	struct obj *o = r->obj;
	bool stays, cut;

	if (o == NULL)
		return true;
	CHECK(r, READER_MAGIC);
	if (r->listed) {
		pthread_mutex_lock(&o->lock);
		stays = obj_state(o) == OBJ_FILLING && !o->linked &&
		    (o->nreaders > 1 || o->expected > 0);
		cut = stays && r->cut;
		pthread_mutex_unlock(&o->lock);
		if (stays)
			return !cut;
	}
	reader_close(r);
	return true;
}
