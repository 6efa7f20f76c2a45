/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of an object: each at its own pace, on its own worker.
 *
 * A reader of a sealed object takes no lock: nothing changes any more, and the segment it holds holds
 * the rest.  While the object fills, what a reader does is guarded by the object's lock, since its
 * place decides whether the producer may go on: the fastest and the slowest hold it back.
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

/* r, who was where the front is, has left the list. */
static void
move_front_locked(struct obj *o, const struct reader *r)
{
	const struct reader *other;

	o->front = 0;
	LIST_FOREACH(other, &o->readers, link) {
		if (other->off > o->front)
			o->front = other->off;
		/* A herd that leaves together mustn't walk the list once for each. */
		if (o->front == r->off)
			break;
	}
}

void
reader_close(struct reader *r)
{
	struct obj *o = r->obj;

	if (o == NULL)
		return;
	CHECK(r, READER_MAGIC);
	r->obj = NULL;
	if (r->listed) {
		pthread_mutex_lock(&o->lock);
		crowd_leave_locked(&r->waiter);
		LIST_REMOVE(r, link);
		o->nreaders--;
		if (obj_state(o) == OBJ_FILLING) {
			/* Also while it isn't forgotten: it may be, with this front. */
			if (r->off == o->front)
				move_front_locked(o, r);
			obj_maybe_resume_locked(o);
			if (!obj_wanted_locked(o))
				obj_tell_source_locked(o);
		}
		pthread_mutex_unlock(&o->lock);
	}
	seg_unref(r->seg);
	r->seg = NULL;
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
read_filling(struct reader *r, struct seg **at, struct obj_piece *pieces, unsigned max, size_t limit,
    enum reader_state *state)
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
		moved_locked(r, was);
	} else if (obj_state(o) == OBJ_SEALED) {
		*state = READER_END;
	} else {
		*state = READER_WAITING;
		if (r->waiter.crowd == NULL)
			crowd_join(&o->waiting, &r->waiter);
	}
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
