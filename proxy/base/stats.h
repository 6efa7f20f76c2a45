/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-worker counters and histograms, summed on read.  Only the owning worker writes its struct, so
 * a count is a plain load and store; any thread may read.
 */
#ifndef CORRAL_BASE_STATS_H
#define CORRAL_BASE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/histo.h"

enum stat_id {
#define STAT(name, unit, sentence)	STAT_##name,
#include "base/stats_table.h"
	STAT_COUNT
};

enum histo_id {
#define HISTO(name, sentence)	HISTO_##name,
#include "base/stats_table.h"
	HISTO_COUNT
};

/* Padded to whole cache lines: neighbours are other workers'. */
struct stats {
	_Alignas(64) _Atomic uint64_t	v[STAT_COUNT];
	_Atomic uint64_t		h[HISTO_COUNT][HISTO_BUCKETS];
	_Atomic uint64_t		h_sum[HISTO_COUNT];	/* microseconds */
};

/* There is one writer: no read-modify-write is needed. */
static inline void
stats_raise(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

/* Owner's thread only. */
static inline void
stats_add(struct stats *s, enum stat_id what, uint64_t n)
{
	stats_raise(&s->v[what], n);
}

/* Counts one that took t; less than 0 counts as 0.  Owner's thread only. */
static inline void
stats_time(struct stats *s, enum histo_id what, usec_t t)
{
	stats_raise(&s->h[what][histo_bucket(t)], 1);
	if (t > 0)
		stats_raise(&s->h_sum[what], (uint64_t)t);
}

/* Adds s to out[STAT_COUNT].  Any thread. */
void	stats_sum(const struct stats *s, uint64_t out[]);
const char	*stats_name(enum stat_id what);
/*
 * Adds what s counted to count and *sum_us.  How many they are is the sum of count: read at the
 * same moment as the buckets, which no number kept beside them would be.  Any thread.
 */
void	stats_sum_times(const struct stats *s, enum histo_id what, uint64_t count[HISTO_BUCKETS],
    uint64_t *sum_us);
const char	*stats_time_name(enum histo_id what);

#endif
