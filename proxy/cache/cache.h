/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache, and its one question: what happens to this request?  Looked up, decided and parked in
 * one hold of the shard lock, so nothing slips between "not there" and "someone is fetching it".
 */
#ifndef CORRAL_CACHE_CACHE_H
#define CORRAL_CACHE_CACHE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/slice.h"
#include "cache/flight.h"
#include "cache/obj.h"
#include "http/hdr.h"

struct cache;
struct conf_route;
struct worker;

/*
 * memory: bytes the store may hold; max_object: of one body.  More than max_object of a body whose
 * length wasn't told is never held for the store.
 */
struct cache	*cache_new(const struct hash_seed *seed, size_t memory, size_t max_object);
/* With no flight, reader or client left. */
void	cache_free(struct cache *c);
/* From a reload.  Any thread.  Evicts at once what is over. */
void	cache_set_limits(struct cache *c, size_t memory, size_t max_object);

enum verdict {
	V_HIT,			/* lookup.obj: fresh, complete or still filling; read it */
	V_HIT_LEAD,		/* the same, and lookup.flight renews it in time: start its fill */
	V_STALE,		/* lookup.obj will do stale: read it; a refresh is up, or pauses */
	V_STALE_LEAD,		/* the same, and lookup.flight refreshes it: start its fill */
	V_PARK,			/* on a flight that is up: wait for the wake */
	V_LEAD,			/* on a new flight: start its fill, wait for the wake */
	V_PASS,			/* on a flight of one's own: start its fill, wait for the wake */
	V_FAILED,		/* it has just failed: lookup.failure is the answer (error_ttl) */
	V_ABSENT,		/* only-if-cached, and it isn't (RFC 9111 5.2.1.7): 504 */
	V_SHED,			/* too many wait for this already, or memory is short: see detail */
};

struct lookup {
	/* in */
	struct slice		 key;
	const struct head	*req;
	const struct conf_route	*route;
	bool			 has_body;
	bool			 alone;		/* OUTCOME_PASS came before: don't park again */
	struct now		 now;

	/* out */
	struct obj		*obj;		/* V_HIT*, V_STALE*: a reference */
	bool			 expected;	/* V_HIT*, V_STALE*: for reader_open() */
	struct flight		*flight;	/* V_LEAD, V_PASS, V_*_LEAD: the fill's */
	bool			 whole;		/* with flight: its answer may be for others */
	struct flight_failure	 failure;	/* V_FAILED */
	const char		*fwd;		/* not V_HIT*: Cache-Status fwd, RFC 9211 2.2 */
	const char		*detail;	/* Cache-Status detail, or NULL */
};

/* wait: initialised by wait_init(), idle.  On its worker's thread. */
enum verdict	cache_lookup(struct cache *c, struct lookup *lk, struct wait *wait);

/*
 * Forgets what is stored under all keys with the URL of this one, and the answers of flights that
 * are up for them: those parked get them, the store doesn't.  How many objects went.  Any thread.
 */
unsigned	cache_purge(struct cache *c, struct slice key);
/*
 * The same for all that carry one of these tags (lines of http/tags.h), of the origin of this key
 * only if one is given (RFC 9875: a group belongs to its origin).
 */
unsigned	cache_purge_tags(struct cache *c, struct slice lines, const struct slice *key);
unsigned	cache_purge_all(struct cache *c);

/*
 * Readers hold so much that the store doesn't have that those who hardly read should be cut, before
 * lookups say V_SHED for it.  Any thread.
 */
bool	cache_is_pressed(struct cache *c);
/* A random number that tells this process from others: for Via. */
uint32_t	cache_identity(const struct cache *c);

/* now.mono - received + initial age: RFC 9111 4.2.3. */
usec_t	cache_age(const struct obj_meta *m, usec_t mono);
/*
 * The age that its freshness goes by: the same, less what hits have renewed (`sliding_ttl`).
 */
usec_t	cache_fresh_age(const struct obj *o, usec_t mono);

/* What it has learned of routes (cache/learn); lives as long as the cache. */
struct learn;
struct learn	*cache_learn(struct cache *c);

struct cache_figures {
	uint64_t	objects;
	uint64_t	bytes;		/* stored */
	uint64_t	transit_bytes;	/* held only for readers */
	uint64_t	evictions;
	uint64_t	purged;
	uint64_t	flights;
	uint64_t	parked;
	uint64_t	parked_peak;
};

/* Any thread. */
void	cache_figures(struct cache *c, struct cache_figures *out);

#endif
