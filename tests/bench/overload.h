/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A weak backend under ten times the load it can take: directly, and behind Corral.
 */
#ifndef CORRAL_TESTS_BENCH_OVERLOAD_H
#define CORRAL_TESTS_BENCH_OVERLOAD_H

/* Each row takes $BENCH_SECONDS, or 60 s. */
void	bench_overload(void);

#endif
