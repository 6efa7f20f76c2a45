/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-worker counters, summed on read.  Only the owning worker writes its struct, so a count is a
 * plain load and store; any thread may read.
 */
#ifndef CORRAL_BASE_STATS_H
#define CORRAL_BASE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

enum stat_id {
#define STAT(name, unit, sentence)	STAT_##name,
#include "base/stats_table.h"
#undef STAT
	STAT_COUNT
};

/* Padded to whole cache lines: neighbours are other workers'. */
struct stats {
	_Alignas(64) _Atomic uint64_t	v[STAT_COUNT];
};

/* Owner's thread only. */
static inline void
stats_add(struct stats *s, enum stat_id what, uint64_t n)
{
	atomic_store_explicit(&s->v[what],
	    atomic_load_explicit(&s->v[what], memory_order_relaxed) + n, memory_order_relaxed);
}

/* Adds s to out[STAT_COUNT].  Any thread. */
void	stats_sum(const struct stats *s, uint64_t out[]);
const char	*stats_name(enum stat_id what);

#endif
