/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tags of a shard: a hash table of tags, each a ring of the objects that carry it.
 *
 *	bucket ── leader ── leader ── ...		one for each tag
 *	             │
 *	           link ── link ── (leader)		the other objects with this tag
 *
 * A link belongs to its object.  The first object of a tag leads: its link stands in the bucket for
 * all of them, and the next in the ring takes its place when it goes.  So nothing is allocated
 * under the lock but the doubled table, to link or unlink costs as much as the object has tags, and
 * a tag that every object carries is in nobody's way.
 *
 * A group of one origin is another tag than the same word of another origin: where hosts are many,
 * they must not stand in one ring that an invalidation walks again and again.  The place of such a
 * link comes from its tag and its origin.  For a purge tag an origin is a mere filter; then each
 * search walks past what is of others.
 *
 * Invariants: a link is in a ring exactly while its obj_tags have an entry; a ring has one leader;
 * the links of a ring have the same text, and if it is a group, the same origin.
 *
 * Threads: the shard's lock; obj_tags_make() and _fini() need none.
 *
 * The table doubles when it holds more than one tag a bucket.  With 64 shards that moves 1/64 of
 * the different tags under one lock, some 0.5 ms at a million of them, 10 ms at sixteen million.
 */
#include "cache/tags.h"

#include <stdlib.h>

#include "base/contract.h"
#include "http/key.h"
#include "http/tags.h"
#include "cache/cache_priv.h"

#define BUCKETS_MIN	16

struct tag_link {
	uint64_t		 hash;		/* of the text */
	uint64_t		 place;		/* the same, of a group with its origin */
	struct obj_tags		*of;
	struct tag_link		*next, *prev;	/* the ring */
	struct tag_link		*below, *above;	/* leaders of a bucket; above: NULL for the first */
	uint16_t		 at, n;		/* the text in of->lines */
	bool			 leads;
};

_Static_assert(TAGS_BYTES <= UINT16_MAX, "a line's place fits");

/* The tags of one object. */

static struct slice
next_line(struct slice *lines)
{
	const char *end = memchr(lines->p, '\n', lines->n);
	struct slice line = { lines->p, end == NULL ? lines->n : (size_t)(end - lines->p) };
	size_t past = line.n + (end != NULL);

	*lines = slice_of(lines->p + past, lines->n - past);
	return line;
}

void
obj_tags_make(struct obj_tags *t, const struct hash_seed *seed, struct slice lines)
{
	struct slice rest = lines, line;
	unsigned n = 0;

	ASSERT(t->v == NULL && lines.n <= TAGS_BYTES);
	for (; rest.n > 0; n++)
		next_line(&rest);
	*t = (struct obj_tags){ .n = n, .lines = lines.p };
	if (n == 0)
		return;
	t->v = XCALLOC(n, sizeof *t->v);
	rest = lines;
	for (unsigned i = 0; i < n; i++) {
		line = next_line(&rest);
		t->v[i].hash = hash_bytes(seed, line.p, line.n);
		t->v[i].at = (uint16_t)(line.p - lines.p);
		t->v[i].n = (uint16_t)line.n;
		t->v[i].of = t;
	}
}

void
obj_tags_fini(struct obj_tags *t)
{
	ASSERT(t->entry == NULL);
	free(t->v);
	*t = (struct obj_tags){ 0 };
}

bool
obj_tags_purged(const struct obj_tags *t, struct shard *s, uint64_t since)
{
	for (unsigned i = 0; i < t->n; i++)
		if (*purge_slot(s, t->v[i].hash) > since)
			return true;
	return false;
}

size_t
obj_tags_bytes(const struct obj_tags *t)
{
	return t->n * sizeof *t->v;
}

/* The index. */

void
tag_index_init(struct tag_index *ix)
{
	ix->nbuckets = BUCKETS_MIN;
	ix->buckets = XCALLOC(ix->nbuckets, sizeof *ix->buckets);
	ix->ntags = 0;
}

void
tag_index_fini(struct tag_index *ix)
{
	ASSERT(ix->ntags == 0);
	free(ix->buckets);
	*ix = (struct tag_index){ 0 };
}

static struct slice
text_of(const struct tag_link *l)
{
	return slice_of(l->of->lines + l->at, l->n);
}

static struct slice
key_of(const struct entry *e)
{
	return slice_of(e->key, e->keylen);
}

static bool
is_group(struct slice tag)
{
	return slice_starts(tag, SLICE("g:"));
}

/* The origin's part of a key, if the tag is one that belongs to an origin; else nothing. */
static struct slice
home_of(struct slice tag, const struct entry *e)
{
	struct slice key = key_of(e), authority, path;

	if (!is_group(tag))
		return SLICE("");
	key_split(key, &authority, &path);
	return slice_of(key.p, (size_t)(path.p - key.p) + (path.n > 0));
}

/* As hard to aim at as the tag's own hash, which a peer doesn't know. */
static uint64_t
place_of(uint64_t hash, struct slice home)
{
	const struct hash_seed seed = { hash, hash };

	return home.n == 0 ? hash : hash_bytes(&seed, home.p, home.n);
}

static struct tag_link **
bucket_of(const struct tag_index *ix, uint64_t place)
{
	return &ix->buckets[place & (ix->nbuckets - 1)];
}

static struct tag_link *
find_leader(const struct tag_index *ix, uint64_t place, struct slice tag, struct slice home)
{
	struct tag_link *l;

	for (l = *bucket_of(ix, place); l != NULL; l = l->below)
		if (l->place == place && slice_eq(text_of(l), tag) &&
		    slice_eq(home_of(tag, l->of->entry), home))
			return l;
	return NULL;
}

static void
put_first(struct tag_index *ix, struct tag_link *l)
{
	struct tag_link **b = bucket_of(ix, l->place);

	l->leads = true;
	l->above = NULL;
	l->below = *b;
	if (*b != NULL)
		(*b)->above = l;
	*b = l;
}

static void
take_off(struct tag_index *ix, struct tag_link *l)
{
	*(l->above == NULL ? bucket_of(ix, l->place) : &l->above->below) = l->below;
	if (l->below != NULL)
		l->below->above = l->above;
	l->leads = false;
}

static void
grow(struct tag_index *ix)
{
	struct tag_link **old = ix->buckets, *l, *next;
	unsigned nold = ix->nbuckets;

	ix->nbuckets = nold * 2;
	ix->buckets = XCALLOC(ix->nbuckets, sizeof *ix->buckets);
	for (unsigned i = 0; i < nold; i++)
		for (l = old[i]; l != NULL; l = next) {
			next = l->below;
			put_first(ix, l);
		}
	free(old);
}

static void
link_one(struct tag_index *ix, struct tag_link *l, const struct entry *e)
{
	struct slice tag = text_of(l), home = home_of(tag, e);
	struct tag_link *leader;

	l->place = place_of(l->hash, home);
	if ((leader = find_leader(ix, l->place, tag, home)) != NULL) {
		l->next = leader;
		l->prev = leader->prev;
		l->prev->next = leader->prev = l;
		return;
	}
	l->next = l->prev = l;
	if (ix->ntags == ix->nbuckets)
		grow(ix);
	ix->ntags++;
	put_first(ix, l);
}

static void
unlink_one(struct tag_index *ix, struct tag_link *l)
{
	if (l->leads) {
		take_off(ix, l);
		if (l->next != l)
			put_first(ix, l->next);
		else
			ix->ntags--;
	}
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}

void
tag_index_link(struct tag_index *ix, struct obj_tags *t, struct entry *e)
{
	ASSERT(t->entry == NULL && e != NULL);
	t->entry = e;
	for (unsigned i = 0; i < t->n; i++)
		link_one(ix, &t->v[i], e);
}

void
tag_index_unlink(struct tag_index *ix, struct obj_tags *t)
{
	if (t->entry == NULL)
		return;
	for (unsigned i = 0; i < t->n; i++)
		unlink_one(ix, &t->v[i]);
	t->entry = NULL;
}

struct entry *
tag_index_find(const struct tag_index *ix, struct slice tag, uint64_t hash, struct slice origin,
    uint64_t purge)
{
	struct slice home = is_group(tag) ? origin : SLICE("");
	struct tag_link *leader = find_leader(ix, place_of(hash, home), tag, home), *l = leader;

	while (l != NULL) {
		const struct entry *e = l->of->entry;

		if (e->purges < purge && slice_starts(key_of(e), origin))
			return l->of->entry;
		l = l->next == leader ? NULL : l->next;
	}
	return NULL;
}
