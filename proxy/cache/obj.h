/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response: a head that never changes and a body that grows until it is sealed.  One copy in
 * memory for any number of readers, each at its own pace.
 *
 *	OBJ_FILLING ── obj_end ──> OBJ_SEALED		whole; never changes again
 *	      └────── obj_fail ──> OBJ_BROKEN		cut short; readers are cut too
 *
 * One producer (the fill, on its worker) appends; readers on any worker follow.  While an object
 * may still be wanted from its beginning it keeps all of its body.  Otherwise (obj_forget: it is
 * not for the store, or was taken out of it) it is a sliding window: what every reader has passed
 * is freed, and the producer is held back when it is OBJ_WINDOW ahead of the fastest reader, or
 * when a reader is max_lag behind that one.  Such a laggard may hold up the others for a moment,
 * which is the producer's to measure; then it is cut.
 */
#ifndef CORRAL_CACHE_OBJ_H
#define CORRAL_CACHE_OBJ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/worker.h"
#include "cache/ahead.h"
#include "http/fresh.h"
#include "http/hdr.h"

#define OBJ_WINDOW	((uint64_t)256 * 1024)
#define OBJ_NO_LENGTH	UINT64_MAX

/* Bytes in memory, process-wide: what the store holds, and what only readers hold on to. */
struct budget {
	_Atomic int64_t	stored;
	_Atomic int64_t	transit;
};

enum obj_state {
	OBJ_FILLING,
	OBJ_SEALED,
	OBJ_BROKEN,
};

struct obj;
struct obj_tags;
struct seg;

/* Everything about an object that is known at its head; immutable from then on. */
struct obj_meta {
	struct head	 head;		/* the origin's, without hop-by-hop fields, Age, and, unless
					 * bodyless, Content-Length: those are said anew */
	struct buf	 wire;		/* the fields of head serialised, for every answer of it,
					 * without those that only caches are to see
					 * (cc_is_consumed()) */
	struct buf	 own_wire;	/* fields that only the leader may have; not in head */
	uint64_t	 length;	/* of the body; OBJ_NO_LENGTH: the origin doesn't say */
	bool		 bodyless;	/* no body by its status or method: head says all */
	bool		 had_age;	/* the origin sent Age */
	bool		 made_for;	/* for a request that says who asks, and confirmed to no other */
	bool		 sets_cookie;	/* head has Set-Cookie, as `set_cookie: store` keeps it */
	struct fresh	 fresh;
	usec_t		 received;	/* mono: when the head came */
	usec_t		 fetch_time;	/* from the request to the head */
	usec_t		 received_wall;	/* the same, by the other clock */
	struct buf	 tags;		/* http/tags.h */
	struct buf	 vary_names;	/* empty: one for all */
	struct buf	 vary_values;
	struct slice	 coding;	/* Content-Encoding, borrowed from head; empty: none */
};

/*
 * meta is moved.  has_body: bytes may follow (else it is still FILLING until obj_end()).  One
 * reference for the caller, who is the producer.
 */
struct obj	*obj_new(struct budget *budget, struct obj_meta *meta, bool has_body,
    uint64_t max_lag);
/*
 * A new head over the body of a sealed object (RFC 9111 4.3.4): sealed from the start.  meta is
 * moved.  One reference for the caller.
 */
struct obj	*obj_renew(const struct obj *was, struct obj_meta *meta);
/* Makes ready to be found by the tags in its meta; before it is linked. */
void	obj_set_tags(struct obj *o, const struct hash_seed *seed);
struct obj_tags	*obj_tags(struct obj *o);
/* When it is to be refreshed; guarded by the lock of the shard that has it. */
struct ahead	*obj_ahead(struct obj *o);
/* A hit has renewed its freshness (`sliding_ttl`): so much of its age counts no more.  Any
 * thread. */
void	obj_slide(struct obj *o, usec_t by);
usec_t	obj_slid(const struct obj *o);
/* Any thread. */
struct obj	*obj_ref(struct obj *o);
void	obj_unref(struct obj *o);
const struct obj_meta	*obj_meta(const struct obj *o);
enum obj_state	obj_state(const struct obj *o);
/* Body bytes so far; all of them once it is sealed. */
uint64_t	obj_total(const struct obj *o);

/* Producer.  Wakes the readers. */
void	obj_append(struct obj *o, const void *p, size_t n);
void	obj_end(struct obj *o);
void	obj_fail(struct obj *o);
/* Producer: true if it must stop reading until its message comes. */
bool	obj_full(struct obj *o);
/* Producer: it is (also) a laggard who makes it full. */
bool	obj_lagging(struct obj *o);
/* Producer: the moment is over.  Cuts who is still more than half of max_lag behind. */
void	obj_cut_laggards(struct obj *o);
/* Any thread: somebody reads it, is expected to, or the store has it. */
bool	obj_wanted(struct obj *o);
/*
 * Producer: msg is posted to w whenever obj_full(), obj_lagging() or obj_wanted() may have changed.
 * NULL: no more; after that the message isn't posted (it may still be on its way: unpost it).
 */
void	obj_set_source(struct obj *o, struct worker *w, struct worker_msg *msg);

/* The store takes it: its bytes count as stored from now on.  Shard lock held; takes the obj's. */
void	obj_link(struct obj *o);
/* The store gives it up; includes obj_forget(). */
void	obj_unlink(struct obj *o);
/* Nobody new will read it from the beginning. */
void	obj_forget(struct obj *o);
/* n more readers will come, each by reader_open() or by obj_unexpect(). */
void	obj_expect(struct obj *o, unsigned n);
void	obj_unexpect(struct obj *o);
/* What it costs in memory now. */
size_t	obj_bytes(struct obj *o);

#endif
