/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a list of chunks; only the first one is filled, the others are full or too small for what
 * came after them.  Allocation moves a mark; nothing is freed before everything is.
 *
 * Invariants: what arena_alloc gives is aligned for any type; used <= size in every chunk; a.bytes
 * is what all chunks together took from malloc.
 *
 * Threads: one at a time; reading what was allocated needs no lock.
 *
 * Why not a malloc for each part: a head has some forty parts that die together, and a store full
 * of heads wants to know what each one costs.  Why chunks start small and grow: most heads are
 * under 1 KiB, so a fixed page would waste most of the budget; doubling keeps the number of chunks
 * low.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/contract.h"

#define CHUNK_MIN	512
#define CHUNK_MAX	16384
#define ALIGN		alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk	*next;
	size_t			 size;		/* of data */
	size_t			 used;
	alignas(max_align_t) char data[];
};

static size_t
round_up(size_t n)
{
	ASSERT(n <= SIZE_MAX / 2);
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* A new first chunk of exactly that room; n is rounded already. */
static void
chunk_push(struct arena *a, size_t n)
{
	struct arena_chunk *c = malloc(sizeof *c + n);

	ASSERT(c != NULL);
	c->next = a->chunks;
	c->size = n;
	c->used = 0;
	a->chunks = c;
	a->bytes += sizeof *c + n;
}

/* From the first chunk at that alignment, or NULL if it has no room. */
static char *
take(struct arena *a, size_t n, size_t align)
{
	struct arena_chunk *c = a->chunks;
	size_t at;

	if (c == NULL)
		return NULL;
	at = (c->used + align - 1) & ~(align - 1);
	if (at > c->size || c->size - at < n)
		return NULL;
	c->used = at + n;
	return c->data + at;
}

static char *
alloc(struct arena *a, size_t n, size_t align)
{
	char *p = take(a, n, align);
	size_t room;

	if (p != NULL)
		return p;
	room = a->bytes < CHUNK_MIN ? CHUNK_MIN : a->bytes;
	if (room > CHUNK_MAX)
		room = CHUNK_MAX;
	chunk_push(a, room < n ? round_up(n) : round_up(room));
	return take(a, n, align);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return alloc(a, n == 0 ? 1 : n, ALIGN);
}

/* Bytes need no alignment: strings lie side by side. */
struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *p;

	if (s.n == 0)
		return SLICE("");
	p = alloc(a, s.n, 1);
	memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

void
arena_reserve(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->chunks;

	n = round_up(n);
	if (n > 0 && (c == NULL || c->size - c->used < n))
		chunk_push(a, n);
}

void
arena_fini(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}
