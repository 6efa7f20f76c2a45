/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is freed together: what is allocated here never moves and goes with arena_fini().
 * Used for heads, whose parts are born with the head and die with it.  One thread at a time.
 */
#ifndef CORRAL_BASE_ARENA_H
#define CORRAL_BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_chunk;

/* A zeroed arena is empty and valid. */
struct arena {
	struct arena_chunk	*chunks;
	size_t			 bytes;		/* taken from malloc, for budgets */
};

/* Aligned for any type; not zeroed.  Aborts when memory is out: bound sizes first. */
void	*arena_alloc(struct arena *a, size_t n);
struct slice	arena_copy(struct arena *a, struct slice s);
/* Makes room for n bytes in one piece, so that the next allocations cost one malloc together. */
void	arena_reserve(struct arena *a, size_t n);
void	arena_fini(struct arena *a);

#endif
