/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-2-4 from its paper: two rounds a word, four at the end.  Keys are URLs of some 50 bytes,
 * so it costs some 50 ns; a faster unkeyed hash would let a peer fill one bucket.
 */
#include "base/hash.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>

#include "base/contract.h"

struct sip {
	uint64_t	v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t x, unsigned b)
{
	return x << b | x >> (64 - b);
}

static inline void
sip_rounds(struct sip *s, unsigned rounds)
{
	while (rounds-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_rounds(s, 2);
	s->v0 ^= m;
}

uint64_t
hash_bytes(const struct hash_seed *seed, const void *p, size_t n)
{
	struct sip s = {
		seed->k0 ^ UINT64_C(0x736f6d6570736575), seed->k1 ^ UINT64_C(0x646f72616e646f6d),
		seed->k0 ^ UINT64_C(0x6c7967656e657261), seed->k1 ^ UINT64_C(0x7465646279746573),
	};
	const unsigned char *b = p;
	uint64_t m, last = (uint64_t)n << 56;
	size_t left;

	for (left = n; left >= 8; left -= 8, b += 8) {
		memcpy(&m, b, 8);
		sip_word(&s, le64toh(m));
	}
	while (left > 0) {
		left--;
		last |= (uint64_t)b[left] << (8 * left);
	}
	sip_word(&s, last);
	s.v2 ^= 0xff;
	sip_rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
hash_public(const void *p, size_t n)
{
	static const struct hash_seed seed = { 0, 0 };

	return hash_bytes(&seed, p, n);
}

struct hash_seed
hash_seed_random(void)
{
	struct hash_seed seed;

	ASSERT(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
	return seed;
}
