/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates (RFC 9110 5.6.7): what is read can be written and read again, and read in capitals;
 * nothing but a date is one; only two-digit years depend on the time of reading, and never lie more
 * than fifty years ahead of it.
 */
#include "http/date.h"

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

#define DATE_MAX	253402300799	/* 31 Dec 9999 23:59:59 */
#define DATE_MIN	(-62167219200)	/* 1 Jan 0000 */
#define YEAR_S		31622400	/* a long one */

const char *const fuzz_words[] = {
	"Sun", "Sunday", "Nov", "Feb", ", ", " GMT", "00:00:00", "23:59:60", "29", "9999", "0000",
	"1970", "-94 ", "-73 ", "  6 ", NULL,
};

static void
there_and_back(int64_t seconds)
{
	char text[DATE_LEN + 1];
	int64_t back;

	date_format(seconds, text);
	ASSERT(strlen(text) == DATE_LEN);
	ASSERT(date_parse(slice_of(text, DATE_LEN), 0, &back) == 0 && back == seconds);
}

/* All of it was a date, so neither less nor more is one. */
static void
all_of_it(struct slice s, int64_t now)
{
	struct buf more = { 0 };
	int64_t out;

	for (size_t n = 0; n < s.n; n++)
		ASSERT(date_parse(slice_of(s.p, n), now, &out) != 0);
	buf_add_slice(&more, s);
	buf_add(&more, " ", 1);
	ASSERT(date_parse(buf_slice(&more), now, &out) != 0);
	buf_fini(&more);
}

/* RFC 9111 4.2: in any case. */
static void
in_capitals(struct slice s, int64_t now, int64_t seconds)
{
	struct buf loud = { 0 };
	int64_t out;

	buf_add_slice(&loud, s);
	for (size_t i = 0; i < loud.n; i++)
		if (loud.p[i] >= 'a' && loud.p[i] <= 'z')
			loud.p[i] ^= 0x20;
	ASSERT(date_parse(buf_slice(&loud), now, &out) == 0 && out == seconds);
	buf_fini(&loud);
}

static bool
two_digit_year(struct slice s)
{
	return memchr(s.p, '-', s.n) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int64_t times[] = { 0, 951782400, 1700000000, 4102444799, DATE_MAX };
	struct slice rest = slice_of((const char *)data, n), s;
	int64_t out, first = 0;
	uint64_t any = 0;

	memcpy(&any, data, n < sizeof any ? n : sizeof any);
	there_and_back((int64_t)(any % (DATE_MAX + 1)));
	if (!fuzz_line(&rest, &s))
		return 0;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		if (date_parse(s, times[i], &out) != 0)
			return 0;
		ASSERT(out >= DATE_MIN && out <= DATE_MAX);
		if (two_digit_year(s))
			ASSERT(out <= times[i] + 51LL * YEAR_S && out >= times[i] - 51LL * YEAR_S -
			    (times[i] == DATE_MAX ? 100LL * YEAR_S : 0));
		else
			ASSERT(i == 0 || out == first);
		first = out;
		in_capitals(s, times[i], out);
		if (out >= 0)
			there_and_back(out);
	}
	all_of_it(s, 1700000000);
	return 0;
}
