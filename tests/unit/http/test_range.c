/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/range.h"

#include <stdio.h>

#include "tests/unit/unit.h"

#define BIG	"99999999999999999999999999999999"

static enum range_result
select_of(const char *one, const char *two, uint64_t length, struct ranges *rs, bool *asked)
{
	struct head h = { 0 };
	enum range_result result;

	if (one != NULL)
		hdr_add(&h, SLICE("Range"), slice_str(one));
	if (two != NULL)
		hdr_add(&h, SLICE("range"), slice_str(two));
	result = range_select(&h, length, rs);
	*asked = range_asked(&h);
	head_fini(&h);
	return result;
}

/* "0-4,7-9", "whole" or "416". */
static void
print(enum range_result result, const struct ranges *rs, struct buf *out)
{
	if (result == RANGE_WHOLE)
		buf_add_str(out, "whole");
	if (result == RANGE_NONE)
		buf_add_str(out, "416");
	for (unsigned i = 0; i < rs->n; i++)
		buf_addf(out, "%s%llu-%llu", i > 0 ? "," : "", (unsigned long long)rs->r[i].first,
		    (unsigned long long)rs->r[i].last);
}

START_TEST(selecting)
{
	static const struct {
		const char	*name;
		const char	*in;
		uint64_t	 length;
		const char	*out;
		bool		 asked;
	} t[] = {
		{ "14.2 none", NULL, 10, "whole", false },
		{ "14.1.2 first 500", "bytes=0-499", 10000, "0-499", true },
		{ "14.1.2 second 500", "bytes=500-999", 10000, "500-999", true },
		{ "14.1.2 final 500", "bytes=-500", 10000, "9500-9999", true },
		{ "14.1.2 open end", "bytes=9500-", 10000, "9500-9999", true },
		{ "14.1.2 first and last byte", "bytes=0-0,-1", 10000, "0-0,9999-9999", true },
		{ "14.1.2 first, middle, last", "bytes= 0-999, 4500-5499, -1000", 10000,
		    "0-999,4500-5499,9000-9999", true },
		{ "14.1.2 last past the end", "bytes=5-100", 10, "5-9", true },
		{ "14.1.2 suffix longer than all", "bytes=-11", 10, "0-9", true },
		{ "14.1.2 one may be the whole", "bytes=0-", 10, "0-9", true },
		{ "14.1.2 one byte", "bytes=9-9", 10, "9-9", true },

		{ "15.5.17 first at the end", "bytes=10-", 10, "416", true },
		{ "15.5.17 first past the end", "bytes=11-20", 10, "416", true },
		{ "15.5.17 suffix of nothing", "bytes=-0", 10, "416", true },
		{ "15.5.17 none of several", "bytes=10-11, 20-, -0", 10, "416", true },
		{ "14.1.2 those out of reach fall away", "bytes=20-30, 1-2, 40-", 10, "1-2", true },

		{ "14.1 unit in any case", "ByTeS=1-2", 10, "1-2", true },
		{ "14.2 other unit", "lines=1-2", 10, "whole", false },
		{ "14.2 unit with more behind", "bytesx=1-2", 10, "whole", false },
		{ "14.2 no unit", "1-2", 10, "whole", false },
		{ "14.2 nothing", "", 10, "whole", false },
		{ "14.2 no equals sign", "bytes", 10, "whole", false },
		{ "14.2 a colon instead", "bytes: 1-2", 10, "whole", false },
		{ "14.2 space before the equals sign", "bytes =1-2", 10, "whole", false },
		{ "14.1.1 no member", "bytes=", 10, "whole", false },
		{ "14.1.1 empty members only", "bytes=, ,", 10, "whole", false },
		{ "14.1.1 last before first", "bytes=5-4", 10, "whole", false },
		{ "14.2 one bad member spoils all", "bytes=1-2, 5-4", 10, "whole", false },
		{ "14.1.1 neither number", "bytes=-", 10, "whole", false },
		{ "14.1.1 no dash", "bytes=5", 10, "whole", false },
		{ "14.1.1 two dashes", "bytes=1--2", 10, "whole", false },
		{ "14.1.1 three numbers", "bytes=1-2-3", 10, "whole", false },
		{ "14.1.1 white space within", "bytes=1 - 2", 10, "whole", false },
		{ "14.1.1 sign", "bytes=+1-2", 10, "whole", false },
		{ "14.1.1 hex", "bytes=0x1-2", 10, "whole", false },
		{ "14.1.1 other-range", "bytes=*", 10, "whole", false },
		{ "14.1.1 quoted", "bytes=\"1-2\"", 10, "whole", false },
		{ "14.1.1 open quote", "bytes=1-2,\"", 10, "whole", false },
		{ "14.1.1 semicolon", "bytes=1-2;3-4", 10, "whole", false },
		{ "14.4 Content-Range's form", "bytes 1-2/10", 10, "whole", false },

		{ "5.6.1.2 empty members are passed over", "bytes=,1-2, ,\t4-5,,", 10, "1-2,4-5",
		    true },
		{ "5.6.3 white space around members", "bytes=\t1-2 ,  4-5\t", 10, "1-2,4-5", true },
		{ "leading zeros", "bytes=0001-00000000000000000000000000002", 10, "1-2", true },

		{ "17.4 last too large for us", "bytes=5-" BIG, 10, "5-9", true },
		{ "17.4 suffix too large for us", "bytes=-" BIG, 10, "0-9", true },
		{ "17.4 first too large for us", "bytes=" BIG "-", 10, "416", true },
		{ "17.4 both too large", "bytes=" BIG "-" BIG, 10, "416", true },
		{ "17.4 both too large, last before first", "bytes=" BIG "9-" BIG, 10, "whole",
		    false },
		{ "17.4 as much as 64 bits hold", "bytes=18446744073709551614-18446744073709551615",
		    UINT64_MAX, "18446744073709551614-18446744073709551614", true },
		{ "17.4 and one more", "bytes=0-18446744073709551616", UINT64_MAX,
		    "0-18446744073709551614", true },
		{ "17.4 sum overflows", "bytes=0-9223372036854775807,9223372036854775807-",
		    UINT64_MAX,
		    "whole", true },

		{ "15.3.7.2 order of the request", "bytes=7-8,0-1", 10, "7-8,0-1", true },
		{ "15.3.7.2 overlapping are joined", "bytes=0-3,2-5", 100, "0-5", true },
		{ "15.3.7.2 touching are joined", "bytes=0-3,4-5", 100, "0-5", true },
		{ "15.3.7.2 touching, backwards", "bytes=4-5,0-3", 100, "0-5", true },
		{ "15.3.7.2 a gap of one stays", "bytes=0-3,5-6", 100, "0-3,5-6", true },
		{ "15.3.7.2 one within another", "bytes=0-9,2-3,20-21", 100, "0-9,20-21", true },
		{ "15.3.7.2 one around others", "bytes=2-3,50-51,6-7,0-9", 100, "0-9,50-51", true },
		{ "15.3.7.2 one bridges two", "bytes=0-1,50-51,4-5,2-3", 100, "0-5,50-51", true },
		{ "15.3.7.2 joined to one, another between", "bytes=20-21,60-61,22-23", 100,
		    "20-23,60-61", true },
		{ "15.3.7.2 the same twice", "bytes=1-2,1-2", 100, "1-2", true },
		{ "15.3.7.2 suffix touches", "bytes=90-94,-5", 100, "90-99", true },

		{ "14.2 several that are everything", "bytes=0-4,5-9", 10, "whole", true },
		{ "14.2 several that are more, with gaps", "bytes=0-6,0-6", 10, "whole", true },
		{ "14.2 several that are one byte less", "bytes=0-4,5-8", 10, "0-8", true },
		{ "14.2 small body, many ranges", "bytes=0-0,1-1", 2, "whole", true },
		{ "14.2 one that is everything, one out of reach", "bytes=0-,10-", 10, "0-9",
		    true },
		{ "17.15 sixteen", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,"
		    "22-22,24-24,26-26,28-28,30-30", 100,
		    "0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,"
		    "28-28,30-30", true },
		{ "17.15 seventeen",
		    "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,"
		    "22-22,24-24,26-26,28-28,30-30,32-32", 100, "whole", false },
		{ "17.15 seventeen, all but one out of reach",
		    "bytes=0-0,200-,200-,200-,200-,200-,200-,200-,200-,200-,200-,200-,200-,200-,"
		    "200-,200-,200-", 100, "whole", false },

		{ "14.1.2 empty body: no int-range is there", "bytes=0-", 0, "416", true },
		{ "14.1.2 empty body: a suffix is no fault", "bytes=-5", 0, "whole", true },
		{ "14.1.2 empty body: either", "bytes=0-,-5", 0, "whole", true },
		{ "14.1.2 empty body: suffix of nothing", "bytes=-0", 0, "416", true },
		{ "14.2 empty body: malformed", "bytes=x", 0, "whole", false },

		{ "suite partial-store-complete-reuse-partial", "bytes=0-1", 11, "0-1", true },
		{ "suite partial-store-complete-reuse-partial-no-last", "bytes=1-", 11, "1-10",
		    true },
		{ "suite partial-store-complete-reuse-partial-suffix", "bytes=-1", 11, "10-10",
		    true },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct ranges rs;
		struct buf b = { 0 };
		bool asked;

		print(select_of(t[i].in, NULL, t[i].length, &rs, &asked), &rs, &b);
		ck_assert_msg(strcmp(buf_str(&b), t[i].out) == 0 && asked == t[i].asked,
		    "%s: %s, %d", t[i].name, b.p, asked);
		buf_fini(&b);
	}
}
END_TEST

START_TEST(one_field_only)
{
	struct ranges rs;
	bool asked;

	ck_assert_int_eq(select_of("bytes=1-2", "bytes=4-5", 10, &rs, &asked), RANGE_WHOLE);
	ck_assert(!asked);
	ck_assert_uint_eq(rs.n, 0);
}
END_TEST

/* By bytes: what is selected is what the members ask for, no byte twice, if not the whole. */
START_TEST(against_a_map)
{
	for (unsigned seed = 0; seed < 4096; seed++) {
		char in[64], want[12] = { 0 }, got[12] = { 0 };
		unsigned a = seed & 15, b = seed >> 4 & 15, c = seed >> 8 & 15;
		unsigned spans[3][2] = { { a, a + 1 }, { b, b + 2 }, { c, c } }, sum = 0;
		struct ranges rs;
		enum range_result result;
		bool asked;

		snprintf(in, sizeof in, "bytes=%u-%u,%u-%u,%u-%u", a, a + 1, b, b + 2, c, c);
		result = select_of(in, NULL, sizeof want, &rs, &asked);
		for (int i = 0; i < 3; i++)
			for (unsigned k = spans[i][0]; k <= spans[i][1] && k < sizeof want; k++,
			    sum++)
				want[k] = 1;
		for (unsigned i = 0; i < rs.n; i++)
			for (uint64_t k = rs.r[i].first; k <= rs.r[i].last; k++)
				got[k]++;
		ck_assert_int_eq(result, sum == 0 ? RANGE_NONE : RANGE_PARTS);
		ck_assert_msg(memcmp(want, got, sizeof want) == 0, "%s", in);
	}
}
END_TEST

START_TEST(emitting)
{
	struct range r = { 0, 18446744073709551613ULL };
	struct buf b = { 0 };

	range_emit(&r, UINT64_MAX - 1, &b);
	range_emit_unsatisfied(0, &b);
	ck_assert_str_eq(buf_str(&b),
	    "Content-Range: bytes 0-18446744073709551613/18446744073709551614\r\n"
	    "Content-Range: bytes */0\r\n");
	buf_fini(&b);
}
END_TEST

static Suite *
range_suite(void)
{
	Suite *s = suite_create("range");
	TCase *tc = tcase_create("range");

	tcase_add_test(tc, selecting);
	tcase_add_test(tc, one_field_only);
	tcase_add_test(tc, against_a_map);
	tcase_add_test(tc, emitting);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(range_suite)
