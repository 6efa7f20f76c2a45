/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which objects of a shard carry a tag (http/tags.h).
 *
 * An object's links are made before the shard's lock is taken and freed after; under it they are
 * only hung in and taken out.  tag_index_*(): with the shard's lock held.
 */
#ifndef CORRAL_CACHE_TAGS_H
#define CORRAL_CACHE_TAGS_H

#include "base/hash.h"
#include "base/slice.h"

struct entry;
struct shard;
struct tag_link;

/* The tags of one object, embedded in it; zeroed: it has none. */
struct obj_tags {
	struct tag_link		*v;
	unsigned		 n;
	const char		*lines;
	struct entry		*entry;		/* whose object it is; NULL: on no index */
};

/* Lines as tags_of() makes them; they must stay where they are until obj_tags_fini(). */
void	obj_tags_make(struct obj_tags *t, const struct hash_seed *seed, struct slice lines);
/* On no index any more. */
void	obj_tags_fini(struct obj_tags *t);
/* One of them was purged in that shard after the purge of that number.  Lock held. */
bool	obj_tags_purged(const struct obj_tags *t, struct shard *s, uint64_t since);
/* What they cost in memory, the lines apart. */
size_t	obj_tags_bytes(const struct obj_tags *t);

/* Of one shard, embedded in it. */
struct tag_index {
	struct tag_link		**buckets;
	unsigned		 nbuckets;	/* a power of two */
	unsigned		 ntags;		/* different ones */
};

void	tag_index_init(struct tag_index *ix);
/* It must be empty. */
void	tag_index_fini(struct tag_index *ix);
/* The entry has that object now, and keeps its key and its place until tag_index_unlink(). */
void	tag_index_link(struct tag_index *ix, struct obj_tags *t, struct entry *e);
/* No-op when it is on no index. */
void	tag_index_unlink(struct tag_index *ix, struct obj_tags *t);
/*
 * An entry from before that purge of the shard (see entry.purges) that has an object with this tag,
 * or NULL.  Whoever takes such objects out asks again until there is none; the same one is given
 * while it is there. tag: one line, without its end; hash: hash_bytes() of it with the seed that
 * the links were made with.  origin: only entries whose key begins with it; empty: all.  A group
 * ("g:") belongs to its origin and is found by it only: by the key up to and with the first byte of
 * its path.
 */
struct entry	*tag_index_find(const struct tag_index *ix, struct slice tag, uint64_t hash,
    struct slice origin, uint64_t purge);

#endif
