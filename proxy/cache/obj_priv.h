/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What obj.c and reader.c share: the object, its segments, and what a moving reader sets off.
 */
#ifndef CORRAL_CACHE_OBJ_PRIV_H
#define CORRAL_CACHE_OBJ_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/contract.h"
#include "cache/crowd.h"
#include "cache/obj.h"
#include "cache/reader.h"
#include "cache/tags.h"

struct seg {
	_Atomic unsigned	 refs;
	size_t			 cap;
	size_t			 used;		/* guarded by the obj's lock while it fills */
	struct seg		*next;		/* likewise; a reference */
	struct budget		*budget;
	char			 data[];
};

/*
 * The bytes of a body, as far as the budget goes: counted once, however many heads stand over it (a
 * validated object is a new head over the same segments).  linked and bytes: guarded by the lock of
 * the object that fills it, later by its shard's.
 */
struct body {
	_Atomic unsigned	 refs;
	unsigned		 linked;	/* objects over it that the store has */
	size_t			 bytes;		/* of all segments ever */
};

struct obj {
	unsigned		 magic;
#define OBJ_MAGIC		 0x41c6e92d
	_Atomic unsigned	 refs;
	_Atomic int		 state;		/* enum obj_state */
	struct obj_meta		 meta;
	struct budget		*budget;
	uint64_t		 max_lag;
	size_t			 fixed_bytes;	/* without segments */
	struct body		*body;		/* a reference */
	struct obj_tags		 tags;		/* on its shard's index while linked */
	struct ahead		 ahead;		/* guarded by its shard's lock */
	_Atomic usec_t		 slid;		/* see obj_slide() */

	pthread_mutex_t		 lock;		/* guards what follows while OBJ_FILLING */
	struct seg		*first;		/* NULL: no body, or forgotten */
	struct seg		*tail;		/* NULL: no body */
	uint64_t		 total;
	bool			 linked;
	bool			 forgotten;
	unsigned		 expected;	/* readers still to come */
	unsigned		 nreaders;
	LIST_HEAD(, reader)	 readers;
	uint64_t		 front;		/* where the fastest reader is */
	uint64_t		 rear;		/* no reader was behind this when last looked */
	bool			 held;		/* the producer was told obj_full() */
	bool			 lag_told;	/* since then: that it is a laggard who holds it */
	struct worker		*source_worker;
	struct worker_msg	*source_msg;
	struct crowds		 waiting;	/* readers at the end of what there is */
};

static inline struct seg *
seg_ref(struct seg *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

/* With the object's lock held. */
bool	obj_wanted_locked(const struct obj *o);
void	obj_tell_source_locked(struct obj *o);
/* The producer was held back, and readers have moved. */
void	obj_maybe_resume_locked(struct obj *o);
/* A reference on the first segment or NULL, to be dropped by the caller after the lock. */
struct seg	*obj_unexpect_locked(struct obj *o);

#endif
