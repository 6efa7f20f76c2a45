/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: each form is a pattern; a cursor eats fixed text, names and digits, and the first
 * mismatch ends it.  Days are counted by arithmetic on the Gregorian calendar.
 *
 * Rules: names are read in any case, as RFC 9111 4.2 asks of caches; the name of the day must be
 * one, but is not compared with the date, as it adds nothing to its meaning; days must exist;
 * second 60 is a leap second and counts as the next minute's first.
 *
 * Threads: pure.
 *
 * Why not strptime and timegm: they follow the locale, skip white space and accept half a date.
 */
#include "http/date.h"

#include "base/contract.h"

#define DAY_S		86400
#define DATE_MAX	253402300799	/* 31 Dec 9999 23:59:59 */

static const char month_names[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

static const char day_names[7][10] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
};

struct civil {
	int	year, month, day, hour, min, sec;	/* month and day from 1 */
};

/* Days from 1 January 1970, Gregorian; year >= 0. */
static int64_t
days_of(int year, int month, int day)
{
	static const int before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	/* the last year whose 29 February is over */
	int64_t y = month > 2 ? year : year - 1;

	return 365 * (int64_t)year + (y >= 0 ? y / 4 - y / 100 + y / 400 : -1) + before[month - 1] +
	    day - 1 - 719527;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_days(int year, int month)
{
	static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool
eat(struct slice *s, const char *text)
{
	struct slice t = slice_str(text);

	if (s->n < t.n || !slice_caseeq(slice_of(s->p, t.n), t))
		return false;
	*s = slice_of(s->p + t.n, s->n - t.n);
	return true;
}

static bool
eat_digits(struct slice *s, size_t n, int *out)
{
	uint64_t v;

	if (s->n < n || slice_u64(slice_of(s->p, n), &v) != 0)
		return false;
	*out = (int)v;
	*s = slice_of(s->p + n, s->n - n);
	return true;
}

static bool
eat_month(struct slice *s, int *month)
{
	for (int i = 0; i < 12; i++)
		if (eat(s, month_names[i])) {
			*month = i + 1;
			return true;
		}
	return false;
}

static bool
eat_time(struct slice *s, struct civil *c)
{
	return eat_digits(s, 2, &c->hour) && eat(s, ":") && eat_digits(s, 2, &c->min) &&
	    eat(s, ":") && eat_digits(s, 2, &c->sec);
}

/* The whole name or its first three letters; which one tells the forms apart. */
static bool
eat_day_name(struct slice *s, bool *whole)
{
	for (int i = 0; i < 7; i++) {
		char abbr[4] = { day_names[i][0], day_names[i][1], day_names[i][2], '\0' };

		*whole = true;
		if (eat(s, day_names[i]))
			return true;
		*whole = false;
		if (eat(s, abbr))
			return true;
	}
	return false;
}

static bool
imf_fixdate(struct slice s, struct civil *c)
{
	return eat(&s, ", ") && eat_digits(&s, 2, &c->day) && eat(&s, " ") &&
	    eat_month(&s, &c->month) && eat(&s, " ") && eat_digits(&s, 4, &c->year) &&
	    eat(&s, " ") && eat_time(&s, c) &&
	    eat(&s, " GMT") && s.n == 0;
}

/* The year has two digits still. */
static bool
rfc850(struct slice s, struct civil *c)
{
	return eat(&s, ", ") && eat_digits(&s, 2, &c->day) && eat(&s, "-") &&
	    eat_month(&s, &c->month) && eat(&s, "-") && eat_digits(&s, 2, &c->year) &&
	    eat(&s, " ") && eat_time(&s, c) &&
	    eat(&s, " GMT") && s.n == 0;
}

static bool
asctime_date(struct slice s, struct civil *c)
{
	return eat(&s, " ") && eat_month(&s, &c->month) && eat(&s, " ") &&
	    (eat(&s, " ") ? eat_digits(&s, 1, &c->day) : eat_digits(&s, 2, &c->day)) &&
	    eat(&s, " ") && eat_time(&s, c) && eat(&s, " ") &&
	    eat_digits(&s, 4, &c->year) && s.n == 0;
}

static int
civil_seconds(const struct civil *c, int64_t *out)
{
	if (c->day < 1 || c->day > month_days(c->year, c->month) || c->hour > 23 || c->min > 59 ||
	    c->sec > 60)
		return -1;
	*out = days_of(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->min * 60 + c->sec;
	/* The leap second at the end of all years that can be written. */
	if (*out > DATE_MAX)
		*out = DATE_MAX;
	return 0;
}

/*
 * RFC 9110 5.6.7: a two-digit year that appears to be more than 50 years in the future is the most
 * recent past year with those digits.  So it is the latest such year that is at most 50 years
 * ahead.
 */
static int
rfc850_seconds(struct civil *c, int64_t now, int64_t *out)
{
	int year_now = 1970, two = c->year;

	if (now > DATE_MAX - 60 * 366LL * DAY_S)
		now = DATE_MAX - 60 * 366LL * DAY_S;
	while (days_of(year_now + 1, 1, 1) * DAY_S <= now)
		year_now++;
	c->year = year_now - year_now % 100 + two + 100;
	while (c->year > year_now + 50)
		c->year -= 100;
	if (civil_seconds(c, out) != 0)
		return -1;
	if (c->year < year_now + 50 || *out - days_of(c->year, 1, 1) * DAY_S <=
	    now - days_of(year_now, 1, 1) * DAY_S)
		return 0;
	c->year -= 100;
	return civil_seconds(c, out);
}

int
date_parse(struct slice s, int64_t now, int64_t *out)
{
	struct civil c = { 0 };
	bool whole;

	if (!eat_day_name(&s, &whole))
		return -1;
	if (whole)
		return rfc850(s, &c) ? rfc850_seconds(&c, now, out) : -1;
	if (imf_fixdate(s, &c) || asctime_date(s, &c))
		return civil_seconds(&c, out);
	return -1;
}

static void
put2(char *p, int v)
{
	p[0] = (char)('0' + v / 10);
	p[1] = (char)('0' + v % 10);
}

void
date_format(int64_t seconds, char out[DATE_LEN + 1])
{
	int64_t days;
	int year, month = 1, rest;

	ASSERT(seconds >= 0 && seconds <= DATE_MAX);
	days = seconds / DAY_S;
	rest = (int)(seconds % DAY_S);
	year = 1970 + (int)(days / 366);
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", DATE_LEN + 1);
	memcpy(out, day_names[(days + 4) % 7], 3);
	put2(out + 5, (int)(days - days_of(year, month, 1)) + 1);
	memcpy(out + 8, month_names[month - 1], 3);
	put2(out + 12, year / 100);
	put2(out + 14, year % 100);
	put2(out + 17, rest / 3600);
	put2(out + 20, rest / 60 % 60);
	put2(out + 23, rest % 60);
}
