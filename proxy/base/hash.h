/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyed hash of bytes: SipHash-2-4 (Aumasson, Bernstein, 2012).  Peers choose our keys, so the hash
 * is seeded at start from the kernel; whoever does not know the seed can't aim at a bucket.
 */
#ifndef CORRAL_BASE_HASH_H
#define CORRAL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_seed {
	uint64_t	k0, k1;
};

/* From the kernel's random source; aborts when there is none. */
struct hash_seed	hash_seed_random(void);
/* Pure; any thread. */
uint64_t	hash_bytes(const struct hash_seed *seed, const void *p, size_t n);
/*
 * The same without a secret: for what has to be the same in every Corral and after every start, and
 * where nobody gains by a collision.
 */
uint64_t	hash_public(const void *p, size_t n);

#endif
