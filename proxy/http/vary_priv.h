/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of Vary share: small facts about lists and codings. */
#ifndef CORRAL_HTTP_VARY_PRIV_H
#define CORRAL_HTTP_VARY_PRIV_H

#include "http/parse_priv.h"

static inline int
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* By bytes: the order of the members of a list in its normal form. */
static inline int
order(struct slice a, struct slice b)
{
	int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

/* RFC 9110 8.4.1: these are other names of the same. */
static inline struct slice
plain_coding(struct slice name)
{
	if (slice_caseeq(name, SLICE("x-gzip")) || slice_caseeq(name, SLICE("x-compress")))
		return slice_of(name.p + 2, name.n - 2);
	return name;
}

#endif
