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
	uint64_t	 goal;		/* what comes before this is passed over */
	struct seg	*start;		/* a reference, reader_keep()'s; NULL: it never goes back */
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
/*
 * Before anything is read: from now on the reader can go back.  False: it can't, because the object
 * is a sliding window, and the reader would keep all of what passes in memory.
 */
bool	reader_keep(struct reader *r);
/*
 * What is read next begins at off, which may be further on than the object has grown: what comes
 * before is passed over as it comes, and holds nobody back.  Backwards only after reader_keep().
 */
void	reader_seek(struct reader *r, uint64_t off);
/*
 * Nothing more will be read, but pieces are still lent.  Closes, unless what others have yet to
 * read would pile up behind those pieces; then it stays on as the laggard that it is: call again
 * when a wake comes, and close when the pieces have come back.  False: it was cut for that, or
 * before.
 */
bool	reader_leave(struct reader *r);
/* reader_read() would say READER_CUT: for who has no room to read, and must let go all the same. */
bool	reader_is_cut(struct reader *r);
/* Any thread. */
void	seg_unref(struct seg *s);

#endif
