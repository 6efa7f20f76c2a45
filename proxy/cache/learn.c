/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a table of patterns, each with two counters: answers that were for one client alone, and
 * answers that others may have.
 *
 *	set[hash] ── lock ── slot, slot, slot, slot	the one seen longest ago makes room
 *
 * On the level of a path (keys that differ in their query) a pattern is in force from the first key
 * on, while more than three of four counted were alone: a burst for a new query string costs
 * little if it was wrong, and two backend times instead of one if it isn't in force.  The broad
 * levels (a directory, the first segment, who asks) say something about paths that nobody has asked
 * for yet, so they take eight, and nine of ten.
 *
 * Counters decay by halves and are capped, so a route that changes is believed after a few answers:
 * fetches of one's own, which is what a pattern in force leads to, are judged like all others.
 *
 * A client can make up keys without end; what it teaches should concern nobody else.  So:
 *   - a key without a query, and without more lines, has no pattern of its path: its own pass
 *     marker is all that speaks of it.  What comes with a query teaches nothing about the page
 *     without;
 *   - of answers that were alone, a key counts once a half-life on the path's level, a path once on
 *     the broad ones; so a herd of 200 counts as one, and a search page with a million queries is
 *     one path of its directory;
 *   - answers that are shared count each time: where people share pages, a pattern is hardly ever
 *     in force.  Who wants to make it so must find nine unshared paths for each shared answer;
 *   - the hash is keyed, so nobody can aim at a slot; whoever floods the table with made-up
 *     patterns makes it forget, and then clients park as they did before.
 * A weakness: on a host where hardly anything is shared, all new pages are taken for unshareable
 * until the first few of them are fetched; the upstream's limit is what bounds the herd then.
 *
 * Threads: a lock for each set, held to look and count, never two at once.
 *
 * Why a table of fixed size and not a tree of paths: it is bounded as it is, and a pattern is found
 * without walking.
 */
#include "cache/learn.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/contract.h"
#include "http/key.h"

#define WAYS		4
#define SETS		(LEARN_PATTERNS / WAYS)
#define RECENT		8	/* of a slot: what counted lately */
#define COOKIES		16	/* names that tell who asks; the rest is not looked at */

/* Counters are in eighths, so that one key is remembered for four half-lives. */
#define ONE		8
#define PATH_CAP	(16 * ONE)
#define BROAD_CAP	(32 * ONE)
#define BROAD_LEAST	(8 * ONE)

struct slot {
	uint64_t		 hash;		/* 0: free */
	usec_t			 seen;
	usec_t			 since;		/* counted, and decayed, from then on */
	uint16_t		 alone, shared;	/* ONE each */
	uint8_t			 next;		/* in recent */
	uint8_t			 level;
	uint8_t			 audience;
	uint32_t		 recent[RECENT];	/* alone, since the last decay; 0: none */
	char			 text[LEARN_TEXT];
};

struct set {
	_Alignas(64) pthread_mutex_t lock;
	struct slot		 slot[WAYS];
};

struct learn {
	unsigned		 magic;
#define LEARN_MAGIC		 0x1ea24b07
	struct hash_seed	 seed;
	struct set		 set[SETS];
};

struct learn *
learn_new(const struct hash_seed *seed)
{
	struct learn *l = aligned_alloc(_Alignof(struct learn), sizeof *l);

	ASSERT(l != NULL);
	memset(l, 0, sizeof *l);
	l->magic = LEARN_MAGIC;
	l->seed = *seed;
	for (unsigned i = 0; i < SETS; i++)
		pthread_mutex_init(&l->set[i].lock, NULL);
	return l;
}

void
learn_free(struct learn *l)
{
	if (l == NULL)
		return;
	CHECK(l, LEARN_MAGIC);
	for (unsigned i = 0; i < SETS; i++)
		pthread_mutex_destroy(&l->set[i].lock);
	FREE(l);
}

/* Text for people: what a stranger wrote, made harmless. */

struct text {
	char	*p;		/* LEARN_TEXT bytes */
	size_t	 n;
	bool	 clipped;
};

/* All or nothing, with room left for the dots that say that something is missing. */
static void
text_add(struct text *t, const char *p, size_t n)
{
	static const size_t room = LEARN_TEXT - sizeof "...";

	if (t->clipped || n > room - t->n) {
		t->clipped = true;
		return;
	}
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

static void
text_add_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

static void
text_encode(struct text *t, struct slice s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n && !t->clipped; i++) {
		unsigned char c = (unsigned char)s.p[i];
		const char triplet[3] = { '%', hex[c >> 4], hex[c & 15] };

		if (c > 0x20 && c < 0x7f)
			text_add(t, s.p + i, 1);
		else
			text_add(t, triplet, sizeof triplet);
	}
}

static void
text_end(struct text *t)
{
	memcpy(t->p + t->n, t->clipped ? "..." : "", t->clipped ? sizeof "..." : 1);
}

/* With the dots that text_end() will add, if nothing else can come before them. */
static uint8_t
text_len(const struct text *t)
{
	return (uint8_t)(t->n + (t->clipped ? sizeof "..." - 1 : 0));
}

/* The patterns of a request. */

static uint64_t
hash_slice(const struct learn *l, struct slice s)
{
	return hash_bytes(&l->seed, s.p, s.n);
}

/* Never 0. */
static uint64_t
pattern_hash(const struct learn *l, const struct learn_keys *k, enum learn_level level,
    uint64_t what)
{
	const uint64_t v[] = { level, k->audience, level == LEARN_PATH && k->query, what };
	uint64_t h = hash_bytes(&l->seed, v, sizeof v);

	return h != 0 ? h : 1;
}

/* up_to: how much of the path belongs to the pattern. */
static void
add_place(const struct learn *l, struct learn_keys *k, enum learn_level level, struct slice key,
    struct slice path, size_t up_to, uint64_t counts)
{
	size_t n = (size_t)(path.p - key.p) + up_to;

	k->hash[level] = pattern_hash(l, k, level, hash_slice(l, slice_of(key.p, n)));
	k->counts[level] = counts;
}

/* The parts of the path that are patterns, and the text that they are the beginnings of. */
static void
add_places(const struct learn *l, struct learn_keys *k, struct slice key, struct slice authority,
    struct slice path)
{
	const char *query = memchr(path.p, '?', path.n);
	size_t url_end = (size_t)(path.p - key.p) + path.n;
	size_t len = query == NULL ? path.n : (size_t)(query - path.p), dir = len, seg = 1;
	struct text t = { .p = k->url };
	uint64_t path_hash = hash_slice(l, slice_of(key.p, (size_t)(path.p - key.p) + len));

	k->query = query != NULL;
	while (dir > 0 && path.p[dir - 1] != '/')
		dir--;
	while (seg < dir && path.p[seg] != '/')
		seg++;
	seg = dir > 1 ? seg + 1 : dir;
	k->counts[LEARN_WHO] = path_hash;
	if (k->query || key.n > url_end)
		add_place(l, k, LEARN_PATH, key, path, len, hash_slice(l, key));
	if (dir > 0)
		add_place(l, k, LEARN_DIRECTORY, key, path, dir, path_hash);
	if (dir > 1)
		add_place(l, k, LEARN_SEGMENT, key, path, seg, path_hash);

	text_encode(&t, authority);
	text_encode(&t, slice_of(path.p, seg));
	k->end[LEARN_SEGMENT] = text_len(&t);
	text_encode(&t, slice_of(path.p + seg, dir - seg));
	k->end[LEARN_DIRECTORY] = text_len(&t);
	text_encode(&t, slice_of(path.p + dir, len - dir));
	k->end[LEARN_PATH] = text_len(&t);
	text_end(&t);
}

/* Into the sorted names, once. */
static void
add_name(struct slice name, struct slice names[COOKIES], unsigned *n)
{
	unsigned at = *n;

	for (unsigned i = 0; i < *n; i++)
		if (slice_eq(names[i], name))
			return;
	for (; at > 0; at--) {
		size_t shorter = name.n < names[at - 1].n ? name.n : names[at - 1].n;
		int cmp = memcmp(name.p, names[at - 1].p, shorter);

		if (cmp > 0 || (cmp == 0 && name.n > names[at - 1].n))
			break;
		names[at] = names[at - 1];
	}
	names[at] = name;
	++*n;
}

/*
 * The names of one Cookie's line.  What follows a quote that doesn't end within its pair may be
 * part of a value, and values are nobody's business.
 */
static void
add_names(struct slice line, struct slice names[COOKIES], unsigned *n)
{
	while (line.n > 0 && *n < COOKIES) {
		const char *end = memchr(line.p, ';', line.n), *eq;
		struct slice pair = { line.p, end == NULL ? line.n : (size_t)(end - line.p) };
		unsigned quotes = 0;

		line = end == NULL ? SLICE("") : slice_of(end + 1, line.n - pair.n - 1);
		pair = slice_trim(pair);
		for (size_t i = 0; i < pair.n; i++)
			quotes += pair.p[i] == '"';
		if (quotes % 2 != 0)
			return;
		if (pair.n > 0 && (eq = memchr(pair.p, '=', pair.n)) != NULL && eq > pair.p)
			add_name(slice_of(pair.p, (size_t)(eq - pair.p)), names, n);
	}
}

static void
add_who(const struct learn *l, struct learn_keys *k, const struct head *req,
    struct slice authority)
{
	uint64_t v[1 + COOKIES] = { hash_slice(l, authority) };
	const struct hdr_field *f = NULL;
	struct slice names[COOKIES];
	struct text t = { .p = k->who };
	unsigned n = 0;

	if (k->audience == AUDIENCE_COOKIE) {
		while (n < COOKIES && (f = hdr_next(req, SLICE("Cookie"), f)) != NULL)
			add_names(f->value, names, &n);
		if (n == 0)
			return;
	}
	text_encode(&t, authority);
	text_add_str(&t, n == 0 ? " Authorization" : " Cookie:");
	for (unsigned i = 0; i < n; i++) {
		v[1 + i] = hash_slice(l, names[i]);
		text_add_str(&t, i == 0 ? " " : ", ");
		text_encode(&t, names[i]);
	}
	text_end(&t);
	k->hash[LEARN_WHO] = pattern_hash(l, k, LEARN_WHO,
	    hash_bytes(&l->seed, v, (1 + n) * sizeof v[0]));
}

void
learn_keys_of(const struct learn *l, struct slice key, enum audience audience,
    const struct head *req, struct learn_keys *out)
{
	struct slice authority, path;

	CHECK(l, LEARN_MAGIC);
	*out = (struct learn_keys){ .audience = audience };
	key_split(key, &authority, &path);
	add_places(l, out, key, authority, path);
	if (audience != AUDIENCE_PLAIN)
		add_who(l, out, req, authority);
}

/* Slots.  All but lock_set() with their set's lock held. */

/* NULL: there is no pattern on this level. */
static struct set *
lock_set(struct learn *l, uint64_t hash)
{
	struct set *set = &l->set[hash % SETS];

	if (hash == 0)
		return NULL;
	pthread_mutex_lock(&set->lock);
	return set;
}

static void
decay(struct slot *s, usec_t mono)
{
	usec_t halves = mono < s->since ? 0 : (mono - s->since) / LEARN_HALF_LIFE;

	if (halves == 0)
		return;
	s->since += halves * LEARN_HALF_LIFE;
	s->alone = halves < 16 ? s->alone >> halves : 0;
	s->shared = halves < 16 ? s->shared >> halves : 0;
	memset(s->recent, 0, sizeof s->recent);
	if (s->alone == 0 && s->shared == 0)
		s->hash = 0;
}

static struct slot *
find(struct set *set, uint64_t hash, usec_t mono)
{
	for (unsigned i = 0; i < WAYS; i++) {
		struct slot *s = &set->slot[i];

		if (s->hash != hash)
			continue;
		decay(s, mono);
		if (s->hash == 0)
			return NULL;
		if (s->seen < mono)
			s->seen = mono;
		return s;
	}
	return NULL;
}

static void
write_text(struct slot *s, const struct learn_keys *k)
{
	static const char *const tail[LEARN_LEVELS] = {
		[LEARN_PATH] = "", [LEARN_DIRECTORY] = "*", [LEARN_SEGMENT] = "**",
	};
	struct text t = { .p = s->text };

	if (s->level == LEARN_WHO) {
		memcpy(s->text, k->who, sizeof s->text);
		return;
	}
	text_encode(&t, slice_of(k->url, k->end[s->level]));
	text_add_str(&t, s->level == LEARN_PATH && k->query ? "?*" : tail[s->level]);
	text_end(&t);
}

static struct slot *
make(struct set *set, const struct learn_keys *k, enum learn_level level, usec_t mono)
{
	struct slot *s = &set->slot[0];

	for (unsigned i = 0; i < WAYS; i++) {
		decay(&set->slot[i], mono);
		if (set->slot[i].hash == 0) {
			s = &set->slot[i];
			break;
		}
		if (set->slot[i].seen < s->seen)
			s = &set->slot[i];
	}
	*s = (struct slot){ .hash = k->hash[level], .seen = mono, .since = mono,
		.level = (uint8_t)level, .audience = (uint8_t)k->audience };
	write_text(s, k);
	return s;
}

/* True if it has counted since the last decay; else it has from here on. */
static bool
counted(struct slot *s, uint64_t what)
{
	uint32_t mark = (uint32_t)(what >> 32) | 1;

	for (unsigned i = 0; i < RECENT; i++)
		if (s->recent[i] == mark)
			return true;
	s->recent[s->next] = mark;
	s->next = (uint8_t)((s->next + 1) % RECENT);
	return false;
}

static bool
in_force(const struct slot *s)
{
	if (s->level == LEARN_PATH)
		return s->alone > 3 * s->shared;
	return s->alone >= BROAD_LEAST && s->alone >= 9 * s->shared;
}

bool
learn_is_alone(struct learn *l, const struct learn_keys *k, usec_t mono)
{
	bool alone = false;

	CHECK(l, LEARN_MAGIC);
	for (unsigned level = 0; level < LEARN_LEVELS; level++) {
		struct set *set = lock_set(l, k->hash[level]);
		struct slot *s;

		if (set == NULL)
			continue;
		if ((s = find(set, k->hash[level], mono)) != NULL)
			alone |= in_force(s);
		pthread_mutex_unlock(&set->lock);
	}
	return alone;
}

static void
count(struct slot *s, uint64_t what, bool alone)
{
	const uint16_t cap = s->level == LEARN_PATH ? PATH_CAP : BROAD_CAP;
	uint16_t *n = alone ? &s->alone : &s->shared;

	if (alone && counted(s, what))
		return;
	*n = *n < cap - ONE ? (uint16_t)(*n + ONE) : cap;
}

void
learn_saw(struct learn *l, const struct learn_keys *k, bool alone, usec_t mono)
{
	CHECK(l, LEARN_MAGIC);
	for (unsigned level = 0; level < LEARN_LEVELS; level++) {
		struct set *set = lock_set(l, k->hash[level]);
		struct slot *s;

		if (set == NULL)
			continue;
		if ((s = find(set, k->hash[level], mono)) == NULL)
			s = make(set, k, level, mono);
		count(s, k->counts[level], alone);
		pthread_mutex_unlock(&set->lock);
	}
}

/* For people. */

/* Into the list, which is sorted by `seen`; what is beyond max falls off. */
static void
list_add(const struct slot *s, struct learn_pattern *out, unsigned max, unsigned n)
{
	unsigned at = n < max ? n : max;

	while (at > 0 && out[at - 1].seen < s->seen) {
		if (at < max)
			out[at] = out[at - 1];
		at--;
	}
	if (at == max)
		return;
	out[at] = (struct learn_pattern){ .audience = (enum audience)s->audience,
		.alone = (s->alone + ONE - 1u) / ONE, .shared = (s->shared + ONE - 1u) / ONE,
		.seen = s->seen };
	memcpy(out[at].text, s->text, sizeof out[at].text);
}

/* How many are in force, listed or not. */
static unsigned
walk(struct learn *l, struct learn_pattern *out, unsigned max, usec_t mono)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SETS; i++) {
		struct set *set = &l->set[i];

		pthread_mutex_lock(&set->lock);
		for (unsigned k = 0; k < WAYS; k++) {
			struct slot *s = &set->slot[k];

			if (s->hash != 0)
				decay(s, mono);
			if (s->hash != 0 && in_force(s))
				list_add(s, out, max, n++);
		}
		pthread_mutex_unlock(&set->lock);
	}
	return n;
}

unsigned
learn_list(struct learn *l, struct learn_pattern *out, unsigned max, usec_t mono)
{
	unsigned n;

	CHECK(l, LEARN_MAGIC);
	n = walk(l, out, max, mono);
	return n < max ? n : max;
}

unsigned
learn_count(struct learn *l, usec_t mono)
{
	CHECK(l, LEARN_MAGIC);
	return walk(l, NULL, 0, mono);
}
