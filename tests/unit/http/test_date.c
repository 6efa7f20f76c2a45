/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/date.h"

#include <time.h>

#include "tests/unit/unit.h"

#define NOW	1700000000	/* 14 November 2023 22:13:20 */

START_TEST(parsing)
{
	static const struct {
		const char	*name;
		const char	*in;
		int64_t		 out;		/* -1: refused */
	} t[] = {
		{ "9110 5.6.7 IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "9110 5.6.7 RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "9110 5.6.7 asctime", "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "asctime, two digits", "Wed Nov 16 08:49:37 1994", 784975777 },
		{ "epoch", "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "leap day", "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 },
		{ "leap day of 2000", "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
		{ "leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
		{ "the last one", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
		{ "wrong day of the week", "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "RFC 850: less than 50 years ahead", "Friday, 01-Jan-72 00:00:00 GMT",
		    3218832000 },
		{ "RFC 850: just within 50 years", "Tuesday, 14-Nov-73 22:13:20 GMT", 3277923200 },
		{ "RFC 850: just past 50 years", "Thursday, 15-Nov-73 22:13:20 GMT", 122249600 },
		{ "RFC 850: past century", "Friday, 01-Jan-99 00:00:00 GMT", 915148800 },
		{ "no such day", "Wed, 30 Feb 2022 00:00:00 GMT", -1 },
		{ "no leap day in 1900", "Thu, 29 Feb 1900 00:00:00 GMT", -1 },
		{ "day 0", "Wed, 00 Jan 2022 00:00:00 GMT", -1 },
		{ "hour 24", "Sun, 06 Nov 1994 24:00:00 GMT", -1 },
		{ "minute 60", "Sun, 06 Nov 1994 08:60:37 GMT", -1 },
		{ "second 61", "Sun, 06 Nov 1994 08:49:61 GMT", -1 },
		{ "9111 4.2 day in any case", "sUN, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "9111 4.2 month in any case", "Sun, 06 NOV 1994 08:49:37 GMT", 784111777 },
		{ "9111 4.2 zone in any case", "Sun, 06 Nov 1994 08:49:37 gMT", 784111777 },
		{ "9111 4.2 RFC 850 in any case", "SUNDAY, 06-nov-94 08:49:37 gmt", 784111777 },
		{ "9111 4.2 asctime in any case", "SUN nov  6 08:49:37 1994", 784111777 },
		{ "zone", "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
		{ "offset", "Sun, 06 Nov 1994 08:49:37 +0000", -1 },
		{ "no zone", "Sun, 06 Nov 1994 08:49:37", -1 },
		{ "one digit", "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
		{ "sign", "Sun, +6 Nov 1994 08:49:37 GMT", -1 },
		{ "junk behind", "Sun, 06 Nov 1994 08:49:37 GMT;", -1 },
		{ "two digits of year", "Sun, 06 Nov 94 08:49:37 GMT", -1 },
		{ "asctime with zone", "Sun Nov  6 08:49:37 1994 GMT", -1 },
		{ "number", "0", -1 },
		{ "nothing", "", -1 },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		int64_t v = -1;
		int rc = date_parse(slice_str(t[i].in), NOW, &v);

		ck_assert_msg(rc == (t[i].out == -1 ? -1 : 0) && v == t[i].out, "%s: %d %lld",
		    t[i].name, rc, (long long)v);
	}
}
END_TEST

/* Against the C library, for days of every month and year of four centuries. */
START_TEST(there_and_back)
{
	for (int64_t s = 0; s < 13000000000; s += 86400 * 11 + 3607) {
		char ours[DATE_LEN + 1], theirs[64];
		time_t t = s;
		struct tm tm;
		int64_t back;

		date_format(s, ours);
		ck_assert_uint_gt(strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT",
		    gmtime_r(&t, &tm)), 0);
		ck_assert_str_eq(ours, theirs);
		ck_assert_int_eq(date_parse(slice_str(ours), NOW, &back), 0);
		ck_assert_int_eq(back, s);
	}
}
END_TEST

START_TEST(edges)
{
	char out[DATE_LEN + 1];

	date_format(0, out);
	ck_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
	date_format(253402300799, out);
	ck_assert_str_eq(out, "Fri, 31 Dec 9999 23:59:59 GMT");
}
END_TEST

static Suite *
date_suite(void)
{
	Suite *s = suite_create("date");
	TCase *tc = tcase_create("date");

	tcase_add_test(tc, parsing);
	tcase_add_test(tc, there_and_back);
	tcase_add_test(tc, edges);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(date_suite)
