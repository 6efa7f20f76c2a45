/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this room share: shards and entries.
 *
 *	cache ── shard[hash] ── lock: entries (key -> entry), LRU
 *	                          │
 *	                        entry ── objects (variants)   references
 *	                              ── flights              undecided, one for each variant
 *	                              ── names                what the key's answers vary by
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
#include "cache/admit.h"
#include "cache/ahead.h"
#include "cache/cache.h"
#include "cache/flight.h"
#include "cache/lru.h"
#include "cache/obj.h"
#include "cache/tags.h"

#define CACHE_SHARDS		64
#define ENTRY_VARIANTS		8	/* objects of a key; the one used longest ago makes room */
#define ENTRY_FLIGHTS		64	/* undecided variants of a key; more of them fetch alone */
#define PURGE_SLOTS		1024
/* How long a key whose answer could not be shared is passed without parking. */
#define MARKER_LIFETIME		(60 * USEC_PER_SEC)
/*
 * After a fetch that failed: how long what is stale is served without trying again, on routes
 * without an error_ttl.
 */
#define FAILURE_PAUSE		USEC_PER_SEC
/* After a refresh that found the backend busy: how long none is tried. */
#define BUSY_PAUSE		(100 * USEC_PER_MSEC)
/*
 * Bytes that only readers hold may exceed cache.memory by half of this; then readers who hardly
 * move are cut.  By all of it: then new fetches are refused, too.
 */
#define TRANSIT_SPARE		((int64_t)64 << 20)

/* Field names of a Vary, as vary_names() has them; counted, immutable. */
struct names {
	_Atomic unsigned	 refs;
	size_t			 n;
	char			 p[];
};

LIST_HEAD(flight_list, flight);

/* All we hold for a key. */
struct entry {
	struct lru_node		 lru;		/* first: the victim is its entry */
	struct lru		*on;		/* its shard's lru or marks; NULL: neither */
	uint64_t		 hash;
	LIST_ENTRY(entry)	 link;		/* in its shard's bucket */
	struct obj		*obj[ENTRY_VARIANTS];	/* used last first; references */
	unsigned		 nobj;
	struct flight_list	 flights;	/* undecided; a reference each */
	unsigned		 nflights;
	/*
	 * What the last shareable answer varied by, NULL: by nothing.  With it each variant of a
	 * herd parks on a flight of its own at once.  Keeps the entry until vary_until.
	 */
	struct names		*names;
	usec_t			 vary_until;	/* mono */
	usec_t			 marker[AUDIENCES];	/* mono: pass until then */
	usec_t			 failed_until;	/* mono: the last fetch failed; a pause */
	struct flight_failure	 failure;	/* status 0: none that is kept for others */
	usec_t			 no_refresh_until; /* mono: the last refresh renewed nothing */
	struct pace		 pace;		/* how long its fetches take */
	struct demand		 demand;	/* how often it is asked for, if that counts */
	uint64_t		 purges;	/* its shard's when it was linked or purged */
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
	struct lru		 lru;		/* entries with objects, and those that lost them */
	struct lru		 marks;		/* entries that only remember something */
	uint64_t		 nobjects;
	uint64_t		 evictions;
	uint64_t		 purged;
	uint64_t		 purges;	/* how many have begun here, whatever they found */
	/*
	 * The number of the last purge of a URL, or of a tag, whose hash falls here: for flights
	 * that no purge could find, since they are in no table, or their tags weren't known yet.
	 */
	uint64_t		 purged_at[PURGE_SLOTS];
	struct tag_index	 tags;		/* of all objects linked here */
	struct buf		 scratch;	/* for vary_values() under the lock */
};

static inline uint64_t *
purge_slot(struct shard *s, uint64_t hash)
{
	return &s->purged_at[hash >> 16 & (PURGE_SLOTS - 1)];
}

struct cache {
	unsigned		 magic;
#define CACHE_MAGIC		 0x2c7d05b1
	struct hash_seed	 seed;
	uint32_t		 identity;
	struct budget		 budget;
	struct learn		*learn;
	_Atomic size_t		 memory;
	_Atomic size_t		 max_object;
	_Atomic int64_t		 flights;
	_Atomic int64_t		 parked;
	_Atomic int64_t		 parked_peak;
	pthread_mutex_t		 evicting;	/* one thread makes room at a time */
	_Atomic int64_t		 mark_bytes;	/* of the entries on the marks of all shards */
	struct shard		 shards[CACHE_SHARDS];
};

/* store.c: entries of a shard, all with its lock held. */

struct shard	*store_shard(struct cache *c, uint64_t hash);
struct entry	*store_find(struct shard *s, struct slice key, uint64_t hash);
struct entry	*entry_new(struct slice key, uint64_t hash);	/* without the lock; not linked */
void	entry_free(struct entry *e);				/* not linked */
void	store_link(struct cache *c, struct shard *s, struct entry *e);
/* What its answers vary by: a reference, moved; what it had before goes.  Counted. */
void	store_set_names(struct cache *c, struct shard *s, struct entry *e, struct names *names);
/* Used now: to the front of the order that it belongs to. */
void	store_touch(struct cache *c, struct shard *s, struct entry *e, usec_t mono);
/* This object of it is used: the last of its variants to go. */
void	store_prefer(struct entry *e, struct obj *o);
/* Unlinks and frees the entry if it holds nothing any more. */
void	store_settle(struct cache *c, struct shard *s, struct entry *e, usec_t mono);
/* The object that the request selects, or NULL.  *others: there are some for other requests. */
struct obj	*store_select(struct shard *s, const struct entry *e, const struct head *req,
    bool *others);
/*
 * Puts the object in, in the place of the one with the same variant.  Up to two objects fall out:
 * to be unreferenced by the caller after the lock.
 */
unsigned	store_insert(struct cache *c, struct shard *s, struct entry *e, struct obj *o,
    usec_t mono, struct obj *out[2]);
/* There is one of the same variant. */
bool	store_has_variant(const struct entry *e, const struct obj *o);
/* Takes this object out if it is in; true if so (the reference is then the caller's). */
bool	store_remove(struct shard *s, struct entry *e, const struct obj *o);
/*
 * An entry of that hash whose key has this URL, whatever else its key says, and which holds
 * something for this purge to take away (see entry.purges); or NULL.
 */
struct entry	*store_find_url(struct shard *s, struct slice url, uint64_t hash, uint64_t purge);
/* The hash of a key: of its URL, so that all that have it are in one place. */
uint64_t	store_hash(const struct cache *c, struct slice key);
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

struct learn_keys;

struct names	*names_new(struct slice s);
struct names	*names_ref(struct names *n);	/* NULL is none */
void	names_unref(struct names *n);

/* It may store nothing: no_store.  learn: of its route, not for FLIGHT_PASS. */
struct flight	*flight_new(struct cache *c, const struct lookup *lk, uint64_t hash,
    enum flight_kind kind, enum audience audience, bool no_store, const struct learn_keys *learn);
/* It is for those whose fields select the same as req's do.  names is moved; NULL: for all. */
void	flight_set_names(struct flight *fl, struct names *names, const struct head *req);
/* It is of that kind, and was made for an entry of those names. */
bool	flight_fits(const struct flight *fl, enum flight_kind kind, const struct names *names);
struct flight	*flight_ref(struct flight *fl);
/* With the shard's lock held. */
/*
 * The entry's flight for the variant that req selects, or which renews `stored`, that one of this
 * audience may wait for under the rules of this route; NULL for a route: whoever may.  Or NULL.
 */
struct flight	*flight_find_locked(struct shard *s, const struct entry *e, const struct head *req,
    enum audience audience, const struct conf_route *route, const struct obj *stored);
/*
 * It has begun.  basis: what the store has for these and is to be renewed, or NULL: to be
 * validated, or served stale should the fetch fail.  background: nobody waits for it yet.
 */
void	flight_start_locked(struct flight *fl, struct obj *basis, bool background);
/* It is one of e's flights now, who takes a reference. */
void	flight_enter_locked(struct flight *fl, struct entry *e);
void	flight_park_locked(struct flight *fl, struct wait *wt, bool leader);
unsigned	flight_parked_locked(const struct flight *fl);
/* The entry lets go of its flights: what they bring isn't for the store.  A chain of references. */
struct flight	*flight_detach_all_locked(struct entry *e);
void	flight_drop_chain(struct flight *fl);	/* without the lock */

#endif
