/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "tests/unit/unit.h"

START_TEST(pieces_are_aligned_and_apart)
{
	struct arena a = { 0 };
	unsigned char *p[200];

	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(&a, i);
		ck_assert_uint_eq((uintptr_t)p[i] % alignof(max_align_t), 0);
		memset(p[i], (int)i, i);
		arena_copy(&a, SLICE("odd"));
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_eq(p[i][j], i);
	ck_assert_uint_gt(a.bytes, 199 * 200 / 2);
	arena_fini(&a);
	ck_assert_uint_eq(a.bytes, 0);
	ck_assert_ptr_null(a.chunks);
}
END_TEST

START_TEST(copies_are_copies)
{
	struct arena a = { 0 };
	char src[] = "hello";
	struct slice s = arena_copy(&a, slice_str(src));

	src[0] = 'J';
	ck_assert(slice_eq(s, SLICE("hello")));
	s = arena_copy(&a, slice_of(NULL, 0));
	ck_assert_uint_eq(s.n, 0);
	ck_assert_ptr_nonnull(s.p);
	arena_fini(&a);
}
END_TEST

START_TEST(a_reserve_is_one_malloc)
{
	struct arena a = { 0 };
	size_t bytes;

	arena_reserve(&a, 5000);
	bytes = a.bytes;
	ck_assert_uint_ge(bytes, 5000);
	ck_assert_uint_lt(bytes, 5100);
	for (int i = 0; i < 500; i++)
		arena_copy(&a, SLICE("0123456789"));
	ck_assert_uint_eq(a.bytes, bytes);
	arena_reserve(&a, 0);
	ck_assert_uint_eq(a.bytes, bytes);
	arena_fini(&a);
}
END_TEST

START_TEST(large_pieces_fit)
{
	struct arena a = { 0 };
	char *p = arena_alloc(&a, 1 << 20);

	memset(p, 1, 1 << 20);
	arena_alloc(&a, 16);
	arena_fini(&a);
	arena_fini(&a);
	ck_assert_uint_eq(a.bytes, 0);
}
END_TEST

static Suite *
arena_suite(void)
{
	Suite *s = suite_create("arena");
	TCase *tc = tcase_create("arena");

	tcase_add_test(tc, pieces_are_aligned_and_apart);
	tcase_add_test(tc, copies_are_copies);
	tcase_add_test(tc, a_reserve_is_one_malloc);
	tcase_add_test(tc, large_pieces_fit);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(arena_suite)
