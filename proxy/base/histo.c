/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: bucket 0 is all below LEAST; then the octaves LEAST << o, each in four quarters, so that
 *
 *	bucket 1 + 4 o + q	is from (4 + q) << (o + 4) to (5 + q) << (o + 4) microseconds
 *
 * and the last has no end.  A bucket is found with a count of leading zeros, no logarithm: it is
 * done for each answer.
 */
#include "base/histo.h"

#include <stddef.h>

#define LEAST_SHIFT	6		/* 64 us */
#define LAST		(HISTO_BUCKETS - 1)

/* When so many are known the half of them is forgotten. */
#define USUAL_MOST	1024

/* Shares such as 0.07 are not quite what they say in binary: that must not cost a bucket. */
#define NEARLY		1e-9

unsigned
histo_bucket(usec_t t)
{
	unsigned top, bucket;

	if (t < (usec_t)1 << LEAST_SHIFT)
		return 0;
	top = 63 - (unsigned)__builtin_clzll((unsigned long long)t);
	bucket = 1 + 4 * (top - LEAST_SHIFT) + ((unsigned)(t >> (top - 2)) & 3);
	return bucket < LAST ? bucket : LAST;
}

usec_t
histo_bound(unsigned bucket)
{
	if (bucket >= LAST)
		return USEC_NEVER;
	return (usec_t)(4 + bucket % 4) << (bucket / 4 + LEAST_SHIFT - 2);
}

/* How many of n have to be below, at least one. */
static uint64_t
rank(uint64_t n, double share)
{
	double exact = share * (double)n - NEARLY * (double)n;
	uint64_t r;

	if (!(exact > 0))
		return 1;
	if (exact >= (double)n)
		return n;
	r = (uint64_t)exact;
	return (double)r < exact ? r + 1 : r > 0 ? r : 1;
}

usec_t
histo_quantile(const uint64_t count[HISTO_BUCKETS], double share)
{
	uint64_t n = 0, below = 0, need;
	unsigned b;

	for (b = 0; b < HISTO_BUCKETS; b++)
		n += count[b];
	if (n == 0)
		return 0;
	need = rank(n, share);
	for (b = 0; b < LAST; b++) {
		below += count[b];
		if (below >= need)
			break;
	}
	return histo_bound(b);
}

/*
 * What does not halve evenly is handed down to the next bucket: so however thinly the slow ones are
 * spread, half of them stay.  Rounding each bucket down would lose them all, and what is unusual
 * would seem to be ever less.
 */
static void
halve(struct usual *u)
{
	uint32_t odd = 0;

	u->n = 0;
	for (unsigned b = HISTO_BUCKETS; b-- > 0;) {
		uint32_t c = u->count[b] + odd;

		u->count[b] = c / 2;
		odd = c % 2;
		u->n += c / 2;
	}
}

void
usual_add(struct usual *u, usec_t t)
{
	if (u->n >= USUAL_MOST)
		halve(u);
	u->count[histo_bucket(t)]++;
	u->n++;
}

usec_t
usual_quantile(const struct usual *u, double share, uint32_t least)
{
	uint64_t count[HISTO_BUCKETS];

	if (u->n < least)
		return USEC_NEVER;
	for (size_t b = 0; b < HISTO_BUCKETS; b++)
		count[b] = u->count[b];
	return histo_quantile(count, share);
}
