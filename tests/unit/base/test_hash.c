/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"

#include <string.h>

#include "tests/unit/unit.h"

/*
 * Reference vectors of SipHash-2-4: the key is 00 01 .. 0f, the message of length n 00 01 .. n-1,
 * the result is written with its lowest byte first.
 */
static const unsigned char vectors[][8] = {
	{ 0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72 },
	{ 0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74 },
	{ 0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d },
	{ 0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85 },
	{ 0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf },
	{ 0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18 },
	{ 0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb },
	{ 0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab },
	{ 0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93 },
	{ 0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e },
	{ 0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a },
	{ 0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4 },
	{ 0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75 },
	{ 0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14 },
	{ 0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7 },
	{ 0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1 },
};
#define NVECTORS	(sizeof vectors / sizeof vectors[0])

static const struct hash_seed reference = {
	UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
};

START_TEST(siphash_2_4_reference_vectors)
{
	unsigned char message[NVECTORS];
	uint64_t expected = 0;

	for (size_t i = 0; i < NVECTORS; i++)
		message[i] = (unsigned char)i;
	for (size_t i = 8; i-- > 0;)
		expected = expected << 8 | vectors[_i][i];
	ck_assert_uint_eq(hash_bytes(&reference, message, (size_t)_i), expected);
}
END_TEST

START_TEST(bytes_may_stand_anywhere)
{
	char raw[64];
	uint64_t first = hash_bytes(&reference, "a key of some twenty", 20);

	for (size_t at = 0; at < 16; at++) {
		memcpy(raw + at, "a key of some twenty", 20);
		ck_assert_uint_eq(hash_bytes(&reference, raw + at, 20), first);
	}
}
END_TEST

START_TEST(seed_and_length_matter)
{
	struct hash_seed other = { reference.k0 ^ 1, reference.k1 };
	struct hash_seed another = { reference.k0, reference.k1 ^ 1 };

	ck_assert_uint_ne(hash_bytes(&reference, "x", 1), hash_bytes(&other, "x", 1));
	ck_assert_uint_ne(hash_bytes(&reference, "x", 1), hash_bytes(&another, "x", 1));
	ck_assert_uint_ne(hash_bytes(&reference, "\0\0", 1), hash_bytes(&reference, "\0\0", 2));
}
END_TEST

START_TEST(random_seeds_differ)
{
	struct hash_seed a = hash_seed_random(), b = hash_seed_random();

	ck_assert(a.k0 != b.k0 || a.k1 != b.k1);
}
END_TEST

static Suite *
hash_suite(void)
{
	Suite *s = suite_create("hash");
	TCase *tc = tcase_create("hash");

	tcase_add_loop_test(tc, siphash_2_4_reference_vectors, 0, (int)NVECTORS);
	tcase_add_test(tc, bytes_may_stand_anywhere);
	tcase_add_test(tc, seed_and_length_matter);
	tcase_add_test(tc, random_seeds_differ);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(hash_suite)
