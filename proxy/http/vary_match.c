/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: equal values select the same answer (RFC 9111 4.1).  Beside that, an answer that was
 * stored for one Accept-Encoding may do for another.  A request gives every coding a rank: refused,
 * tolerated (identity that nobody names), wanted (a weight of 1, or "*").  The backend knew the
 * ranks of the first request and chose.  If for the second request the chosen coding is ranked no
 * lower, and no other is ranked higher, then a backend that chooses for a reason chooses the same
 * again.  So gzip that was chosen for "gzip, br" is good for "gzip", but gzip for "gzip" is not for
 * "gzip, br": it might have been br.  Other weights than 1 and 0 express a preference that only
 * equal ones share.  No Accept-Encoding at all lets the backend do anything (12.5.3), so it is a
 * case of its own.
 *
 * It reads the strings of vary_values() and allocates nothing, for it runs under a shard's lock.
 *
 * Threads: pure.
 */
#include "http/vary.h"

#include "http/vary_priv.h"

enum rank {
	REFUSED,
	TOLERATED,
	WANTED,
};

/* What an Accept-Encoding in its normal form says, read from its start to its end. */
struct codings {
	struct slice	rest;		/* what comes after the current one */
	struct slice	name;		/* the current one; empty: there are no more */
	enum rank	rank;
	enum rank	identity, others;	/* others: that are not named */
};

/* False: a weight that is neither 1 nor 0. */
static bool
next_coding(struct codings *c)
{
	const char *end = memchr(c->rest.p, ',', c->rest.n), *weight;
	size_t n = end == NULL ? c->rest.n : (size_t)(end - c->rest.p);
	struct slice item = { c->rest.p, n };

	c->rest = end == NULL ? SLICE("") : slice_of(end + 1, c->rest.n - n - 1);
	c->name = item;
	c->rank = WANTED;
	if ((weight = memchr(item.p, ';', item.n)) == NULL)
		return true;
	c->name.n = (size_t)(weight - item.p);
	c->rank = REFUSED;
	return slice_eq(slice_of(weight, item.n - c->name.n), SLICE(";q=0"));
}

/* Leaves c at its first one. */
static bool
read_codings(struct slice value, struct codings *c)
{
	bool named = false, star = false;

	*c = (struct codings){ .rest = value, .identity = TOLERATED, .others = REFUSED };
	do {
		if (!next_coding(c))
			return false;
		if (slice_eq(c->name, SLICE("identity"))) {
			c->identity = c->rank;
			named = true;
		} else if (slice_eq(c->name, SLICE("*"))) {
			c->others = c->rank;
			star = true;
		}
	} while (c->rest.n > 0);
	if (star && !named)
		c->identity = c->others;
	c->rest = value;
	return next_coding(c);
}

/* The backend had `then` to go by when it chose; by `now` it would choose so again. */
static bool
keeps(bool chosen, enum rank then, enum rank now)
{
	return chosen ? then > REFUSED && now >= then : now <= then;
}

/* Both lists are ordered, so one walk through both sees each coding that either names. */
static bool
same_choice(struct codings *then, struct codings *now, struct slice coding)
{
	bool met = false;

	while (then->name.n > 0 || now->name.n > 0) {
		int d = then->name.n == 0 ? 1 : now->name.n == 0 ? -1 :
		    order(then->name, now->name);
		struct slice name = d <= 0 ? then->name : now->name;
		bool chosen = slice_caseeq(name, coding);

		met |= chosen;
		if (!slice_eq(name, SLICE("*")) && !slice_eq(name, SLICE("identity")) &&
		    !keeps(chosen, d <= 0 ? then->rank : then->others,
			d >= 0 ? now->rank : now->others))
			return false;
		if (d <= 0)
			next_coding(then);
		if (d >= 0)
			next_coding(now);
	}
	if (slice_caseeq(coding, SLICE("identity")))
		return keeps(true, then->identity, now->identity) &&
		    keeps(false, then->others, now->others);
	return keeps(false, then->identity, now->identity) &&
	    keeps(false, then->others, now->others) &&
	    (met || keeps(true, then->others, now->others));
}

/* One line of vary_values(): its sign, its bytes.  False at the end. */
static bool
next_value(struct slice *rest, char *sign, struct slice *value)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < rest->n && is_digit(rest->p[i]) && n <= rest->n; i++)
		n = n * 10 + (uint64_t)(rest->p[i] - '0');
	/* A sign, the bytes and the line's end. */
	if (rest->n - i < 2 || n > rest->n - i - 2)
		return false;
	*sign = rest->p[i];
	*value = slice_of(rest->p + i + 1, (size_t)n);
	*rest = slice_of(value->p + n + 1, rest->n - i - 2 - (size_t)n);
	return true;
}

/* Accept-Encoding then and now, and what came of it then. */
static bool
coding_fits(struct slice then, struct slice now, struct slice coding)
{
	struct codings a, b;

	coding = coding.n == 0 ? SLICE("identity") : plain_coding(coding);
	return is_token(coding) && !slice_eq(coding, SLICE("*")) && read_codings(then, &a) &&
	    read_codings(now, &b) && same_choice(&a, &b, coding);
}

bool
vary_match(struct slice names, struct slice stored_values, struct slice coding, struct slice values)
{
	struct slice name, then, now;
	char then_sign, now_sign;

	if (slice_eq(stored_values, values))
		return true;
	while (slice_list_next(&names, &name)) {
		if (!next_value(&stored_values, &then_sign, &then) ||
		    !next_value(&values, &now_sign, &now))
			return false;
		if (then_sign == now_sign && slice_eq(then, now))
			continue;
		if (then_sign != ':' || now_sign != ':' ||
		    !slice_eq(name, SLICE("accept-encoding")) || !coding_fits(then, now, coding))
			return false;
	}
	return true;
}
