/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What flight.c (who waits) and flight_source.c (what comes, and who gets it) share.
 */
#ifndef CORRAL_CACHE_FLIGHT_PRIV_H
#define CORRAL_CACHE_FLIGHT_PRIV_H

#include "base/contract.h"
#include "cache/cache_priv.h"

enum flight_state {
	FL_ASKING,		/* waits may come (if shared) and go; on its entry unless detached */
	FL_FILLING,		/* decided; obj is being filled */
	FL_DONE,
	FL_FAILED,
};

struct flight {
	unsigned		 magic;
#define FLIGHT_MAGIC		 0x60d83f17
	_Atomic unsigned	 refs;
	struct cache		*cache;
	struct shard		*shard;
	uint64_t		 hash;
	enum flight_kind	 kind;
	enum audience		 audience;		/* of the leader */
	bool			 cancel_on_leave;	/* of one's own: nobody waiting ends it */
	bool			 marks;			/* the source's: the key gets a pass marker */
	struct fresh_policy	 policy;
	/* For those whose fields select these values; NULL: for all. */
	struct names		*names;
	struct buf		 values;

	/* guarded by shard->lock */
	enum flight_state	 state;
	bool			 no_store;	/* purged: not for the store */
	uint64_t		 purges;	/* the shard's when this one started */
	struct entry		*entry;		/* whose flight this is; NULL: detached or of one's own */
	LIST_ENTRY(flight)	 link;		/* on entry->flights */
	struct flight		*chain;		/* after flight_detach_all_locked() */
	unsigned		 waits;		/* standing in the crowds */
	unsigned		 counted;	/* those of them that are a reason to fetch */
	unsigned		 personal;	/* those of them who say who they are, but the leader */
	bool			 leader_waits;
	struct worker		*source_worker;
	struct worker_msg	*source_msg;
	struct crowds		 crowds;

	/* set when it is decided, immutable from then on */
	struct obj		*obj;
	enum fresh_class	 class;
	bool			 by_policy;	/* shared only since the route says so */
	bool			 stored;
	struct flight_failure	 failure;
	/* the source's */
	uint64_t		 total;
	bool			 linked;	/* the store has obj, as far as we know */

	size_t			 keylen;
	char			 key[];
};

static inline struct slice
flight_key(const struct flight *fl)
{
	return slice_of(fl->key, fl->keylen);
}

void	flight_count_parked(struct cache *c, int64_t delta);
/* Off its entry, whose reference is the caller's from here on.  Lock held. */
void	flight_leave_entry_locked(struct flight *fl);

#endif
