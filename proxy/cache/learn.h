/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the answers of a route have been like: where most new keys turn out to be nobody else's, the
 * next ones don't park at all.  The pass marker of a key (cache_priv.h), for keys that nobody has
 * asked for before.
 *
 * A pattern is a host with one of: a path whatever its query, a directory, the first segment of a
 * path, or the names of the cookies that come with a request; each for one audience.
 */
#ifndef CORRAL_CACHE_LEARN_H
#define CORRAL_CACHE_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/slice.h"
#include "cache/flight.h"
#include "http/hdr.h"

#define LEARN_PATTERNS	1024	/* remembered at most */
#define LEARN_HALF_LIFE	(60 * USEC_PER_SEC)
#define LEARN_TEXT	128	/* bytes of a pattern as people see it, with a NUL */

struct learn;

enum learn_level {
	LEARN_PATH,		/* host/path?* or, of keys that differ otherwise, host/path */
	LEARN_DIRECTORY,	/* host/some/directory/NAME */
	LEARN_SEGMENT,		/* host/some/ and all below */
	LEARN_WHO,		/* host, and the cookies' names, or "Authorization" */
	LEARN_LEVELS,
};

/* The patterns that one request belongs to.  Copied freely. */
struct learn_keys {
	uint64_t	hash[LEARN_LEVELS];	/* 0: it has none on this level */
	uint64_t	counts[LEARN_LEVELS];	/* what counts as one there */
	enum audience	audience;
	uint8_t		end[LEARN_LEVELS];	/* of this level's part of url */
	bool		query;
	char		url[LEARN_TEXT];	/* host and path, harmless, clipped */
	char		who[LEARN_TEXT];
};

struct learn	*learn_new(const struct hash_seed *seed);
void	learn_free(struct learn *l);

/* key: as http/key has it.  Pure; any thread. */
void	learn_keys_of(const struct learn *l, struct slice key, enum audience audience,
    const struct head *req, struct learn_keys *out);
/* A new key there should not park.  Any thread; takes no lock but its own, for a moment. */
bool	learn_is_alone(struct learn *l, const struct learn_keys *k, usec_t mono);
/* An answer was judged.  alone: nobody else may have it.  Any thread, likewise. */
void	learn_saw(struct learn *l, const struct learn_keys *k, bool alone, usec_t mono);

/* A pattern in force. */
struct learn_pattern {
	char		 text[LEARN_TEXT];	/* printable ASCII */
	enum audience	 audience;
	unsigned	 alone, shared;		/* answers that count, of late */
	usec_t		 seen;			/* mono: asked for, or answered */
};

/*
 * Those in force, at most max of them, the one that was seen last first; how many they are.  Any
 * thread.
 */
unsigned	learn_list(struct learn *l, struct learn_pattern *out, unsigned max, usec_t mono);
/* How many are in force.  Any thread. */
unsigned	learn_count(struct learn *l, usec_t mono);

#endif
