/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/stats.h"

#include "base/contract.h"

void
stats_sum(const struct stats *s, uint64_t out[])
{
	for (unsigned i = 0; i < STAT_COUNT; i++)
		out[i] += atomic_load_explicit(&s->v[i], memory_order_relaxed);
}

const char *
stats_name(enum stat_id what)
{
	static const char *const names[] = {
#define STAT(name, unit, sentence)	#name,
#include "base/stats_table.h"
	};

	ASSERT(what < STAT_COUNT);
	return names[what];
}

void
stats_sum_times(const struct stats *s, enum histo_id what, uint64_t count[HISTO_BUCKETS],
    uint64_t *sum_us)
{
	ASSERT(what < HISTO_COUNT);
	for (unsigned i = 0; i < HISTO_BUCKETS; i++)
		count[i] += atomic_load_explicit(&s->h[what][i], memory_order_relaxed);
	*sum_us += atomic_load_explicit(&s->h_sum[what], memory_order_relaxed);
}

const char *
stats_time_name(enum histo_id what)
{
	static const char *const names[] = {
#define HISTO(name, sentence)	#name,
#include "base/stats_table.h"
	};

	ASSERT(what < HISTO_COUNT);
	return names[what];
}
