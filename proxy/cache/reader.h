/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One who reads an object, complete or still filling, at its own pace.
 */
#ifndef CORRAL_CACHE_READER_H
#define CORRAL_CACHE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cache/crowd.h"
#include "cache/obj.h"

/* One who reads an object; embedded.  On the thread of its worker only. */
struct reader {
	unsigned	 magic;
#define READER_MAGIC	 0x7d3a61c9
	struct obj	*obj;		/* a reference; NULL: closed */
	struct seg	*seg;		/* a reference; NULL: no body at all */
	size_t		 seg_off;
	uint64_t	 off;
	bool		 listed;	/* on obj->readers */
	bool		 cut;		/* fell too far behind; guarded by the obj's lock */
	struct waiter	 waiter;
	LIST_ENTRY(reader) link;
};

enum reader_state {
	READER_DATA,			/* there is more to read now */
	READER_WAITING,			/* wake will come */
	READER_END,			/* all read, the object is sealed */
	READER_CUT,			/* the object is broken, or the reader too slow */
};

/* Bytes of a body, lent: seg is referenced for the holder, who drops it by seg_unref(). */
struct obj_piece {
	const char	*p;
	size_t		 n;
	struct seg	*seg;
};

/* expected: this is one of obj_expect()'s.  wake(arg) comes on w's loop after READER_WAITING. */
void	reader_open(struct reader *r, struct obj *o, bool expected, struct worker *w,
    void (*wake)(void *), void *arg);
/* Legal in any state, also when never opened (zeroed). */
void	reader_close(struct reader *r);
/*
 * Takes up to max pieces and together at most limit bytes, and moves on past them.  The number of
 * pieces; 0: nothing to read now, see *state.
 */
unsigned	reader_read(struct reader *r, struct obj_piece *pieces, unsigned max, size_t limit,
    enum reader_state *state);
/* reader_read() would say READER_CUT: for who has no room to read, and must let go all the same. */
bool	reader_is_cut(struct reader *r);
/* Any thread. */
void	seg_unref(struct seg *s);

#endif
