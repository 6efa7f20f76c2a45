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
#undef STAT
	};

	ASSERT(what < STAT_COUNT);
	return names[what];
}
