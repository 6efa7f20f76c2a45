/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this room share: shards and entries.
 *
 *	cache ── shard[hash] ── lock: entries (key -> entry), LRU
 *	                          │
 *	                        entry ── objects (variants)   references
 *	                              ── flight               undecided, at most one; a reference
 *	                              ── pass markers         until when
 *
 * Under a shard's lock: look, link, count.  Never: call out, log, or take another shard's lock.
 * Lock order: shard, obj, mailbox.
 */
#ifndef CORRAL_CACHE_PRIV_H
#define CORRAL_CACHE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/slice.h"
#include "cache/cache.h"
#include "cache/flight.h"
#include "cache/lru.h"
#include "cache/obj.h"

#define CACHE_SHARDS		64
#define ENTRY_VARIANTS		8	/* objects of one key; the oldest makes room */
/* How long a key whose answer could not be shared is passed without parking. */
#define MARKER_LIFETIME		(60 * USEC_PER_SEC)

/* All we hold for a key. */
struct entry {
	struct lru_node		 lru;		/* first: the victim is its entry */
	uint64_t		 hash;
	LIST_ENTRY(entry)	 link;		/* in its shard's bucket */
	struct obj		*obj[ENTRY_VARIANTS];	/* newest first; references */
	unsigned		 nobj;
	struct flight		*flight;	/* undecided; a reference */
	usec_t			 marker[2];	/* mono; [1] for requests with Authorization */
	size_t			 bytes;		/* of the entry itself */
	size_t			 keylen;
	char			 key[];
};

LIST_HEAD(bucket, entry);

struct shard {
	_Alignas(64) pthread_mutex_t lock;	/* guards all that follows, but oldest in lru */
	struct bucket		*buckets;
	unsigned		 nbuckets;	/* a power of two */
	unsigned		 nentries;
	struct lru		 lru;
	uint64_t		 nobjects;
	uint64_t		 evictions;
	uint64_t		 purged;
	uint64_t		 purges;	/* how often some key of it was purged */
	struct buf		 scratch;	/* for vary_values() under the lock */
};

struct cache {
	unsigned		 magic;
#define CACHE_MAGIC		 0x2c7d05b1
	struct hash_seed	 seed;
	struct budget		 budget;
	_Atomic size_t		 memory;
	_Atomic size_t		 max_object;
	_Atomic int64_t		 flights;
	_Atomic int64_t		 parked;
	_Atomic int64_t		 parked_peak;
	pthread_mutex_t		 evicting;	/* one thread makes room at a time */
	struct shard		 shards[CACHE_SHARDS];
};

/* store.c: entries of a shard, all with its lock held. */

struct shard	*store_shard(struct cache *c, uint64_t hash);
struct entry	*store_find(struct shard *s, struct slice key, uint64_t hash);
struct entry	*entry_new(struct slice key, uint64_t hash);	/* outside the lock; not yet linked */
void	entry_free(struct entry *e);				/* not linked */
void	store_link(struct cache *c, struct shard *s, struct entry *e);
/* Unlinks and frees the entry if it holds nothing any more. */
void	store_settle(struct cache *c, struct shard *s, struct entry *e, usec_t mono);
/* The object that the request selects, or NULL.  *others: there are some for other requests. */
struct obj	*store_select(struct shard *s, const struct entry *e, const struct head *req,
    bool *others);
/*
 * Puts the object in, in the place of the one with the same variant.  Up to two objects fall out:
 * to be unreferenced by the caller after the lock.
 */
unsigned	store_insert(struct shard *s, struct entry *e, struct obj *o, usec_t mono,
    struct obj *out[2]);
/* Takes this object out if it is in; true if so (the reference is then the caller's). */
bool	store_remove(struct shard *s, struct entry *e, const struct obj *o);
/* Takes all out; to be unreferenced by the caller. */
unsigned	store_empty(struct shard *s, struct entry *e, struct obj *out[ENTRY_VARIANTS]);
/* No lock held: evicts until the budget is kept. */
void	store_make_room(struct cache *c);

/* flight.c, for cache.c: */

enum flight_kind {
	FLIGHT_SHARED,		/* in the table: others park on it */
	FLIGHT_OWN,		/* for one, but its answer may go into the store */
	FLIGHT_PASS,		/* for one, never stored */
};

struct flight	*flight_new(struct cache *c, struct slice key, uint64_t hash, enum flight_kind kind,
    const struct conf_route *route, bool authorized, bool cancel_on_leave);
struct flight	*flight_ref(struct flight *fl);
enum flight_kind	flight_kind(const struct flight *fl);
/* With the shard's lock held. */
/* It is e's flight now (e->flight holds the reference). */
void	flight_enter_locked(struct flight *fl, struct entry *e);
void	flight_park_locked(struct flight *fl, struct wait *wt, bool leader);
unsigned	flight_parked_locked(const struct flight *fl);
/* The entry lets go of it: what it brings is not for the store. */
void	flight_detach_locked(struct flight *fl);

#endif
