/* SPDX-License-Identifier: BSD-2-Clause */
/* Which byte may stand where: for the files of http/ only.  The table is in parse_target.c. */
#ifndef CORRAL_HTTP_PARSE_PRIV_H
#define CORRAL_HTTP_PARSE_PRIV_H

#include "base/slice.h"

enum {
	TCHAR	= 1,			/* of a token, RFC 9110 5.6.2 */
	TEXT	= 2,			/* of a value or reason: HTAB, SP, VCHAR, obs-text */
	TARGET	= 4,			/* of a request target; see target_ok() */
	NAME	= 8,			/* of a reg-name but '%', RFC 3986 3.2.2 */
};

extern const unsigned char parse_class[256];

static inline bool
is(char c, unsigned class)
{
	return (parse_class[(unsigned char)c] & class) != 0;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is(s.p[i], TCHAR))
			return false;
	return s.n > 0;
}

static inline int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static inline bool
is_ows(char c)
{
	return c == ' ' || c == '\t';
}

/* Why a byte can't stand where it does, for bytes that stand nowhere; else what the caller says. */
const char	*parse_why_not(char c, const char *otherwise);

#endif
