/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/slice.h"

#include <inttypes.h>

#include "tests/unit/unit.h"

START_TEST(compare)
{
	ck_assert(slice_eq(SLICE("abc"), SLICE("abc")));
	ck_assert(!slice_eq(SLICE("abc"), SLICE("abC")));
	ck_assert(!slice_eq(SLICE("abc"), SLICE("ab")));
	ck_assert(slice_eq(slice_of(NULL, 0), SLICE("")));
	const struct slice set[] = { SLICE("Date"), SLICE("") };

	ck_assert(slice_casein(SLICE("DATE"), set, 2) && slice_casein(SLICE(""), set, 2));
	ck_assert(!slice_casein(SLICE(""), set, 1) && !slice_casein(SLICE("Dat"), set, 2));
	ck_assert(slice_caseeq(SLICE("Content-LENGTH"), SLICE("content-length")));
	ck_assert(!slice_caseeq(SLICE("a"), SLICE("b")));
	/* only letters fold: '@' and '`', '[' and '{' differ by the same bit */
	ck_assert(!slice_caseeq(SLICE("@["), SLICE("`{")));
	ck_assert(!slice_caseeq(SLICE("\xc0"), SLICE("\xe0")));
	ck_assert(slice_starts(SLICE("http://x"), SLICE("http://")));
	ck_assert(!slice_starts(SLICE("http:/"), SLICE("http://")));
	ck_assert(slice_starts(SLICE("x"), slice_of(NULL, 0)));
	ck_assert_uint_eq(slice_str(NULL).n, 0);
	ck_assert_uint_eq(slice_str("four").n, 4);
}
END_TEST

START_TEST(trim)
{
	ck_assert(slice_eq(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
	ck_assert(slice_eq(slice_trim(SLICE("a")), SLICE("a")));
	ck_assert_uint_eq(slice_trim(SLICE(" \t ")).n, 0);
	ck_assert_uint_eq(slice_trim(slice_of(NULL, 0)).n, 0);
	ck_assert(slice_eq(slice_trim(SLICE("\va\r")), SLICE("\va\r")));
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		struct slice	in;
		int		rc;
		uint64_t	v;
	} t[] = {
		{ SLICE_INIT("0"), 0, 0 },
		{ SLICE_INIT("0042"), 0, 42 },
		{ SLICE_INIT("18446744073709551615"), 0, UINT64_MAX },
		{ SLICE_INIT("18446744073709551616"), -1, 0 },
		{ SLICE_INIT("99999999999999999999999999"), -1, 0 },
		{ SLICE_INIT(""), -1, 0 },
		{ SLICE_INIT("+5"), -1, 0 },
		{ SLICE_INIT("-5"), -1, 0 },
		{ SLICE_INIT(" 5"), -1, 0 },
		{ SLICE_INIT("5 "), -1, 0 },
		{ SLICE_INIT("0x5"), -1, 0 },
		{ SLICE_INIT("5\0"), -1, 0 },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		uint64_t v = 7;

		ck_assert_msg(slice_u64(t[i].in, &v) == t[i].rc, "case %zu", i);
		ck_assert_msg(v == (t[i].rc == 0 ? t[i].v : 7), "case %zu: %" PRIu64, i, v);
	}
}
END_TEST

START_TEST(lists)
{
	static const struct {
		const char	*in;
		const char	*out;		/* items, each followed by '|' */
	} t[] = {
		{ "", "" },
		{ "a", "a|" },
		{ "a, b ,c", "a|b|c|" },
		{ " , ,a,, b,\t,", "a|b|" },
		{ "a=\"x,y\", b", "a=\"x,y\"|b|" },
		{ "a=\"x\\\",y\", b", "a=\"x\\\",y\"|b|" },
		{ "a=\"open, b", "a=\"open, b|" },
		{ "a=\"open\\", "a=\"open\\|" },
		{ "a\\,b", "a\\|b|" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct slice rest = slice_str(t[i].in), item;
		struct buf b = { 0 };

		while (slice_list_next(&rest, &item)) {
			buf_add_slice(&b, item);
			buf_add_str(&b, "|");
		}
		ck_assert_str_eq(buf_str(&b), t[i].out);
		buf_fini(&b);
	}
}
END_TEST

START_TEST(buffers)
{
	struct buf b = { 0 };
	char big[301];

	ck_assert_str_eq(buf_str(&b), "");
	ck_assert_uint_eq(b.n, 0);
	buf_add(&b, NULL, 0);
	buf_add_str(&b, "ab");
	buf_add_slice(&b, SLICE("cd"));
	buf_addf(&b, "%d-%s", 7, "x");
	buf_add_u64(&b, 0);
	buf_add_u64(&b, UINT64_MAX);
	ck_assert_str_eq(buf_str(&b), "abcd7-x018446744073709551615");
	buf_drop(&b, 4);
	ck_assert_str_eq(buf_str(&b), "7-x018446744073709551615");
	buf_drop(&b, b.n);
	ck_assert_uint_eq(b.n, 0);

	memset(big, 'z', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	buf_addf(&b, "<%s>", big);
	ck_assert_uint_eq(b.n, 302);
	ck_assert_int_eq(b.p[301], '>');
	ck_assert(slice_eq(buf_slice(&b), slice_of(b.p, 302)));
	buf_fini(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

/* A line that exactly fills what is reserved must not lose its last byte to the NUL. */
START_TEST(format_at_the_edge)
{
	for (int len = 50; len < 80; len++) {
		struct buf b = { 0 };

		buf_addf(&b, "%*s|", len, "");
		ck_assert_uint_eq(b.n, (size_t)len + 1);
		ck_assert_int_eq(b.p[len], '|');
		buf_fini(&b);
	}
}
END_TEST

START_TEST(growth_is_geometric)
{
	struct buf b = { 0 };
	unsigned moves = 0;
	size_t cap = 0;

	for (int i = 0; i < 100000; i++) {
		buf_add(&b, "x", 1);
		moves += b.cap != cap;
		cap = b.cap;
	}
	ck_assert_uint_eq(b.n, 100000);
	ck_assert_uint_le(moves, 20);
	buf_fini(&b);
}
END_TEST

static Suite *
slice_suite(void)
{
	Suite *s = suite_create("slice");
	TCase *tc = tcase_create("slice");

	tcase_add_test(tc, compare);
	tcase_add_test(tc, trim);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, buffers);
	tcase_add_test(tc, format_at_the_edge);
	tcase_add_test(tc, growth_is_geometric);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(slice_suite)
