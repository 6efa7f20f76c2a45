/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What flight.c (who waits) and flight_source.c (what comes, and who gets it) share.
 */
#ifndef CORRAL_CACHE_FLIGHT_PRIV_H
#define CORRAL_CACHE_FLIGHT_PRIV_H

#include "base/contract.h"
#include "cache/cache_priv.h"
#include "cache/learn.h"
#include "http/cc.h"
#include "http/fresh.h"

#define AGAIN_MAX	2	/* see flight_outcome() */

/* See flight_chance(). */
enum {
	CHANCE_JITTER,
	CHANCE_AHEAD,
};

enum flight_state {
	FL_ASKING,		/* waits may come (if shared) and go; on its entry or detached */
	FL_FILLING,		/* decided; obj is being filled */
	FL_DONE,
	FL_FAILED,
};

/* What those who waited got. */
enum flight_answer {
	ANSWER_FETCHED,		/* what the backend sent */
	ANSWER_VALIDATED,	/* the stored one, which a 304 has renewed */
	ANSWER_STALE,		/* the stored one, since the backend failed */
};

/* An interim answer, serialised; the list only grows. */
struct interim {
	struct interim *_Atomic	 next;
	size_t			 n;
	char			 p[];
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
	struct fresh_policy	 policy;
	bool			 asked_not_to;	/* store: the leader's no-store, which is obeyed */
	bool			 background;	/* begun ahead of need */
	const struct conf_strings *tags;	/* the route's; valid until the head is decided */
	double			 ahead, jitter;	/* the route's refresh_ahead and jitter */
	struct conf_admit	 admit;
	struct learn_keys	 learn;		/* what its answer teaches */
	/* For those whose fields select these values; NULL: for all. */
	struct names		*names;
	struct buf		 values;

	/* guarded by shard->lock */
	enum flight_state	 state;
	bool			 purged;	/* what it brings is not for the store */
	struct obj		*basis;		/* a reference, or NULL; immutable once started */
	uint64_t		 purges;	/* the shard's when this one started */
	struct entry		*entry;		/* whose it is; NULL: detached, or of one's own */
	LIST_ENTRY(flight)	 link;		/* on entry->flights */
	struct flight		*chain;		/* after flight_detach_all_locked() */
	unsigned		 waits;		/* standing in the crowds */
	unsigned		 counted;	/* those of them that are a reason to fetch */
	unsigned		 personal;	/* who say who they are, the leader apart */
	bool			 leader_waits;
	bool			 leader_ranged;	/* it asked for a range */
	struct interim		*last_interim;
	struct worker		*source_worker;
	struct worker_msg	*source_msg;
	struct crowds		 crowds;

	struct interim *_Atomic	 interims;	/* the first */

	/* set when it is decided, immutable from then on */
	_Atomic bool		 decided;	/* with release: what follows needs no lock then */
	enum flight_answer	 answer;
	int			 answer_status;	/* what the backend said, if it answered */
	bool			 expects;	/* who gets obj is one that obj_expect() counted */
	bool			 alone_ranged;	/* too large to slice: the leader asks anew, too */
	struct obj		*obj;
	enum fresh_class	 class;
	bool			 marks;		/* and so the key gets a pass marker */
	bool			 plain_only;	/* shared among those of AUDIENCE_PLAIN only */
	bool			 stored;
	const char		*not_stored;	/* why it isn't, though it could be; or NULL */
	struct flight_failure	 failure;
	/* the source's */
	bool			 conditional;	/* asks whether basis is still good */
	uint64_t		 total;
	bool			 linked;	/* the store has obj, as far as we know */

	size_t			 keylen;
	char			 key[];
};

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
	bool			 beside;	/* an error that is kept beside what is stored */
	bool			 obsolete;	/* what was stored is not the answer any more */
};

/* Its URL was purged, or one of the same slot.  Lock held. */
static inline bool
flight_purged_since_locked(const struct flight *fl)
{
	return *purge_slot(fl->shard, fl->hash) > fl->purges;
}

/* What it brings, or was based on, is no more for the store.  Lock held. */
bool	flight_is_purged_locked(const struct flight *fl);
/*
 * Nobody joins any more.  The flight's entry gives it up: a reference for the caller, or NULL.
 * Lock held.
 */
struct flight	*flight_leave_table_locked(struct flight *fl, enum flight_state state);
/* The decision stands.  Those to be woken, by crowds_post() after the lock.  Lock held. */
struct crowd	*flight_publish_locked(struct flight *fl);
/* The backend is in trouble: this key isn't asked for again at once.  Lock held; e may be NULL. */
void	flight_pause_locked(struct flight *fl, struct entry *e, usec_t mono);
/* A number in [0, 1) of this answer's own: its second argument tells several apart. */
double	flight_chance(const struct flight *fl, usec_t mono, uint64_t which);

/*
 * flight_answer.c: judges a response and makes the object.  *resp is moved.
 */
void	answer_fetched(struct flight *fl, struct decision *d, struct head *resp);
/* The same out of the stored head and *update, which stays the caller's, changed. */
void	answer_renewed(struct flight *fl, struct decision *d, struct head *update);

void	flight_count_parked(struct cache *c, int64_t delta);
/* Off its entry, whose reference is the caller's from here on.  Lock held. */
void	flight_leave_entry_locked(struct flight *fl);

#endif
