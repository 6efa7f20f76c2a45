/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: what a route's rules make of a key.  The query is taken apart at its "&"; what else tells
 * requests apart is added as lines of their own.
 *
 * Invariants: no byte of a URL is a line feed, and none of a field is, so no peer can write a line.
 * What two backends may read differently (a Cookie that is not quite one) goes in whole.
 *
 * Threads: pure.
 */
#include "http/key.h"

#include <stdlib.h>

#include "base/contract.h"
#include "http/parse_priv.h"

/* A byte of a name as it is meant, which a triplet and a character may spell alike. */
static int
next_byte(struct slice *s)
{
	int hi, lo, c;

	if (s->n >= 3 && s->p[0] == '%' && (hi = hex_value(s->p[1])) >= 0 &&
	    (lo = hex_value(s->p[2])) >= 0) {
		*s = slice_of(s->p + 3, s->n - 3);
		return hi << 4 | lo;
	}
	c = (unsigned char)s->p[0];
	*s = slice_of(s->p + 1, s->n - 1);
	return c;
}

static bool
name_fits(struct slice name, struct slice pattern)
{
	bool begins = pattern.n > 0 && pattern.p[pattern.n - 1] == '*';

	if (begins)
		pattern.n--;
	while (pattern.n > 0)
		if (name.n == 0 || next_byte(&name) != next_byte(&pattern))
			return false;
	return begins || name.n == 0;
}

static struct slice
name_of(struct slice parameter)
{
	const char *equals = memchr(parameter.p, '=', parameter.n);

	return equals == NULL ? parameter : slice_of(parameter.p, (size_t)(equals - parameter.p));
}

static bool
is_listed(struct slice parameter, const struct conf_strings *names)
{
	struct slice name = name_of(parameter);

	for (unsigned i = 0; i < names->n; i++)
		if (name_fits(name, slice_str(names->v[i])))
			return true;
	return false;
}

/* The next parameter of a query, empty ones too; rest->p is NULL at the end. */
static bool
next_parameter(struct slice *rest, struct slice *parameter)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = memchr(rest->p, '&', rest->n);
	*parameter = end == NULL ? *rest : slice_of(rest->p, (size_t)(end - rest->p));
	*rest = end == NULL ? slice_of(NULL, 0) :
	    slice_of(end + 1, rest->n - parameter->n - 1);
	return true;
}

/* Only parameters that are listed stay, or only those that are not; at: where the query starts. */
static void
filter_query(struct buf *key, size_t at, const struct conf_strings *names, bool listed)
{
	struct slice rest = slice_of(key->p + at, key->n - at), parameter;
	size_t to = at;
	bool first = true, all = true;

	while (next_parameter(&rest, &parameter)) {
		if (is_listed(parameter, names) != listed) {
			all = false;
			continue;
		}
		if (!first)
			key->p[to++] = '&';
		first = false;
		memmove(key->p + to, parameter.p, parameter.n);
		to += parameter.n;
	}
	key->n = to == at && !all ? at - 1 : to;
}

static int
compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

/* By name; those of one name as they came, for a backend may read them as a list. */
static int
compare_parameters(const void *va, const void *vb)
{
	const struct slice *a = va, *b = vb;
	int d = compare(name_of(*a), name_of(*b));

	return d != 0 ? d : (a->p > b->p) - (a->p < b->p);
}

/* Writes the sorted query behind the key, and then in the old one's place. */
static void
sort_query(struct buf *key, size_t at)
{
	struct slice rest, parameter, *all, few[32];
	size_t n = key->n - at, most = 1, count = 0;

	buf_reserve(key, n);
	for (size_t i = at; i < key->n; i++)
		most += key->p[i] == '&';
	if (most == 1)
		return;
	all = most <= sizeof few / sizeof few[0] ? few : XCALLOC(most, sizeof *all);
	rest = slice_of(key->p + at, n);
	while (next_parameter(&rest, &parameter))
		all[count++] = parameter;
	qsort(all, count, sizeof *all, compare_parameters);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add(key, "&", 1);
		buf_add_slice(key, all[i]);
	}
	if (all != few)
		free(all);
	memmove(key->p + at, key->p + at + n, n);
	key->n = at + n;
}

static void
apply_query(const struct conf_key *rules, struct buf *key)
{
	const char *mark = memchr(key->p, '?', key->n);
	size_t at;

	if (mark == NULL)
		return;
	at = (size_t)(mark - key->p) + 1;
	switch (rules->query) {
	case QUERY_ALL:
		break;
	case QUERY_NONE:
		key->n = at - 1;
		break;
	case QUERY_SORTED:
		sort_query(key, at);
		break;
	case QUERY_KEEP:
		filter_query(key, at, &rules->query_names, true);
		break;
	case QUERY_DROP:
		filter_query(key, at, &rules->query_names, false);
		break;
	}
}

/* The lines after the URL. */

static void
add_field(const struct head *req, struct slice name, struct buf *key)
{
	const struct hdr_field *f = hdr_get(req, name);

	if (f == NULL)
		return;
	buf_add_str(key, "\nh:");
	buf_add_slice(key, name);
	buf_add(key, ":", 1);
	buf_add_slice(key, f->value);
	while ((f = hdr_next(req, name, f)) != NULL) {
		buf_add(key, ", ", 2);
		buf_add_slice(key, f->value);
	}
}

/* The next "name=value" of a Cookie's line (RFC 6265 4.2.1), without the white space around it. */
static bool
next_pair(struct slice *rest, struct slice *pair)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, ';', rest->n);
	*pair = end == NULL ? *rest : slice_of(rest->p, (size_t)(end - rest->p));
	*rest = end == NULL ? SLICE("") : slice_of(end + 1, rest->n - pair->n - 1);
	*pair = slice_trim(*pair);
	return true;
}

/*
 * Backends differ in where a pair ends: at any ";", or not within quotes; some, at white space and
 * commas too.  True if they may see other cookies in this line than we do.
 */
static bool
is_ambiguous(struct slice line)
{
	struct slice pair;

	while (next_pair(&line, &pair)) {
		bool quoted = false, gap = false;

		for (size_t i = 0; i < pair.n; i++) {
			quoted ^= pair.p[i] == '"';
			gap |= is_ows(pair.p[i]) || pair.p[i] == ',';
			if (gap && pair.p[i] == '=')
				return true;
		}
		if (quoted)
			return true;
	}
	return false;
}

static const struct slice cookie = SLICE_INIT("Cookie");

/*
 * Of several of one name backends take the first or the last, so all of them tell requests apart:
 * otherwise whoever sends two would choose what the cache holds for those who send one.
 */
static void
add_cookie(const struct head *req, struct slice name, struct buf *key)
{
	const struct hdr_field *f = NULL;
	struct slice rest, pair, has;

	while ((f = hdr_next(req, cookie, f)) != NULL) {
		rest = f->value;
		while (next_pair(&rest, &pair)) {
			has = name_of(pair);
			if (!slice_eq(slice_trim(has), name))
				continue;
			buf_add_str(key, "\nc:");
			buf_add_slice(key, name);
			/* From the "=" on; there may be none. */
			buf_add(key, has.p + has.n, pair.n - has.n);
		}
	}
}

/* A line that backends may read otherwise tells requests apart as a whole. */
static void
add_cookies(const struct head *req, const struct conf_strings *names, struct buf *key)
{
	const struct hdr_field *f = NULL;

	for (unsigned i = 0; i < names->n; i++)
		add_cookie(req, slice_str(names->v[i]), key);
	while ((f = hdr_next(req, cookie, f)) != NULL)
		if (is_ambiguous(f->value)) {
			buf_add_str(key, "\nc:=");
			buf_add_slice(key, f->value);
		}
}

void
key_apply(const struct conf_key *rules, const struct head *req, struct buf *key)
{
	if (rules->query != QUERY_ALL)
		apply_query(rules, key);
	if (req == NULL)
		return;
	for (unsigned i = 0; i < rules->headers.n; i++)
		add_field(req, slice_str(rules->headers.v[i]), key);
	if (rules->cookies.n > 0)
		add_cookies(req, &rules->cookies, key);
}
