/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a key is text: the scheme, the authority in lower case without the default port, the path
 * with its query.  Percent-encoding is normalised in both (RFC 3986 6.2.2): a triplet of an
 * unreserved character is decoded, any other is written in upper case.  Nothing else is touched:
 * "%2F" is no slash, dot segments stay, the order of a query stays, for a backend may tell them
 * apart.  Only a route's rules may say that this backend doesn't (key_apply()): they take the query
 * apart at its "&", and add what else tells requests apart as lines of their own.
 *
 * Invariants: a request and the URL a person types for it give the same key, because both go
 * through parse_target(); a key of a key is the key.  No byte of a URL is a line feed, and none of
 * a field is, so no peer can write a line.
 *
 * Threads: pure.
 */
#include "http/key.h"

#include <stdlib.h>

#include "base/contract.h"
#include "http/parse.h"
#include "http/parse_priv.h"

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '.' || c == '_' || c == '~';
}

static void
add_char(struct buf *out, int c, bool lower)
{
	char byte = (char)(lower && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);

	buf_add(out, &byte, 1);
}

static void
add_normal(struct buf *out, struct slice s, bool lower)
{
	static const char upper[] = "0123456789ABCDEF";

	buf_reserve(out, s.n);
	for (size_t i = 0; i < s.n; i++) {
		int hi, lo;

		if (s.p[i] != '%' || s.n - i < 3 || (hi = hex_value(s.p[i + 1])) < 0 ||
		    (lo = hex_value(s.p[i + 2])) < 0) {
			add_char(out, s.p[i], lower);
			continue;
		}
		if (is_unreserved(hi << 4 | lo)) {
			add_char(out, hi << 4 | lo, lower);
		} else {
			add_char(out, '%', false);
			add_char(out, upper[hi], false);
			add_char(out, upper[lo], false);
		}
		i += 2;
	}
}

/* Where the port's colon is, or the end.  Colons within brackets are the address's. */
static size_t
host_len(struct slice authority)
{
	size_t i = authority.n;

	while (i > 0 && authority.p[i - 1] != ':' && authority.p[i - 1] != ']')
		i--;
	return i > 0 && authority.p[i - 1] == ':' ? i - 1 : authority.n;
}

static void
add_authority(struct buf *out, struct slice authority)
{
	size_t n = host_len(authority);
	uint64_t port;

	add_normal(out, slice_of(authority.p, n), true);
	if (n == authority.n ||
	    slice_u64(slice_of(authority.p + n + 1, authority.n - n - 1), &port) != 0 || port == 80)
		return;
	buf_add(out, ":", 1);
	buf_add_u64(out, port);
}

/* RFC 3986 6.2.3: an empty path before a query is "/". */
static void
add_key(struct buf *out, struct slice authority, struct slice path)
{
	buf_add_str(out, "http://");
	add_authority(out, authority);
	if (path.n > 0 && path.p[0] == '?')
		buf_add(out, "/", 1);
	add_normal(out, path, false);
}

void
key_make(const struct head *req, struct buf *out)
{
	add_key(out, req->authority, req->path);
}

struct slice
key_url(struct slice key)
{
	const char *end = memchr(key.p, '\n', key.n);

	return end == NULL ? key : slice_of(key.p, (size_t)(end - key.p));
}

void
key_split(struct slice key, struct slice *authority, struct slice *path)
{
	static const size_t scheme = sizeof "http://" - 1;
	const char *start, *end, *slash;

	ASSERT(key.n >= scheme);
	key = key_url(key);
	start = key.p + scheme;
	end = key.p + key.n;
	slash = memchr(start, '/', (size_t)(end - start));
	/* OPTIONS * has no slash: "http://example.com*". */
	if (slash == NULL)
		slash = end > start && end[-1] == '*' ? end - 1 : end;
	*authority = slice_of(start, (size_t)(slash - start));
	*path = slice_of(slash, (size_t)(end - slash));
}

void
key_authority(const struct head *req, struct buf *out)
{
	add_authority(out, req->authority);
}

int
key_from_url(struct slice url, struct buf *out)
{
	static const struct slice scheme = SLICE_INIT("http://");
	struct slice authority, path;

	if (url.n < scheme.n || !slice_caseeq(slice_of(url.p, scheme.n), scheme) ||
	    !parse_target(SLICE("GET"), url, &authority, &path))
		return -1;
	add_key(out, authority, path);
	return 0;
}

/* The query, by a route's rules. */

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

/* References. */

/* The scheme's bytes with the colon, 0 if there is none (RFC 3986 3.1). */
static size_t
scheme_len(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		int c = s.p[i] | 0x20;

		if (s.p[i] == ':')
			return i > 0 ? i + 1 : 0;
		if (!(c >= 'a' && c <= 'z') && (i == 0 || !(is_digit(s.p[i]) || s.p[i] == '+' ||
					     s.p[i] == '-' || s.p[i] == '.')))
			return 0;
	}
	return 0;
}

/* RFC 3986 5.2.4, in place, of a path that begins with a slash; its new length. */
static size_t
remove_dots(char *p, size_t n)
{
	size_t to = 0, end;

	for (size_t i = 0; i < n; i = end) {
		struct slice segment;
		bool dots;

		for (end = i + 1; end < n && p[end] != '/'; end++)
			;
		segment = slice_of(p + i + 1, end - i - 1);
		dots = slice_eq(segment, SLICE(".."));
		if (dots)
			while (to > 0 && p[--to] != '/')
				;
		if (dots || slice_eq(segment, SLICE("."))) {
			if (end == n)
				p[to++] = '/';
		} else {
			memmove(p + to, p + i, end - i);
			to += end - i;
		}
	}
	return to;
}

static size_t
path_len(struct slice path_and_query)
{
	const char *mark = memchr(path_and_query.p, '?', path_and_query.n);

	return mark == NULL ? path_and_query.n : (size_t)(mark - path_and_query.p);
}

/* RFC 3986 5.2.2 and 5.2.3, of what is of the same origin: the path and query that it comes to. */
static void
add_target(struct buf *out, struct slice base, struct slice ref, bool has_authority)
{
	size_t n = path_len(ref), at = out->n, end, cut = path_len(base);

	if (base.n == 0 || base.p[0] != '/') {
		base = SLICE("/");
		cut = 1;
	}
	if (n == 0 && !has_authority) {
		buf_add_slice(out, ref.n > 0 ? slice_of(base.p, cut) : base);
	} else {
		if (n == 0) {
			buf_add(out, "/", 1);
		} else if (ref.p[0] != '/') {
			while (base.p[cut - 1] != '/')
				cut--;
			buf_add(out, base.p, cut);
		}
		/* Triplets first: "%2E%2E" is "..", RFC 3986 6.2.2. */
		add_normal(out, slice_of(ref.p, n), false);
		end = remove_dots(out->p + at, out->n - at);
		out->n = at + end;
	}
	add_normal(out, slice_of(ref.p + n, ref.n - n), false);
}

/* Takes "http://authority" or "//authority" off the reference.  False: it is of another origin. */
static bool
same_origin(struct slice authority, struct slice *ref, bool *has_authority)
{
	struct slice other, path;
	size_t scheme = scheme_len(*ref), n;
	struct buf normal = { 0 };
	bool same;

	if (scheme > 0 && !slice_caseeq(slice_of(ref->p, scheme), SLICE("http:")))
		return false;
	*ref = slice_of(ref->p + scheme, ref->n - scheme);
	*has_authority = slice_starts(*ref, SLICE("//"));
	if (!*has_authority)
		return scheme == 0;
	for (n = 2; n < ref->n && ref->p[n] != '/' && ref->p[n] != '?'; n++)
		;
	other = slice_of(ref->p + 2, n - 2);
	path = slice_of(ref->p + n, ref->n - n);
	*ref = path;
	if (!parse_authority_ok(other))
		return false;
	add_authority(&normal, other);
	same = slice_eq(buf_slice(&normal), authority);
	buf_fini(&normal);
	return same;
}

int
key_resolve(struct slice key, struct slice reference, struct buf *out)
{
	struct slice authority, base, none, path;
	const char *fragment;
	bool has_authority;
	size_t start = out->n, at;

	if (reference.n == 0)
		reference = SLICE("");
	if ((fragment = memchr(reference.p, '#', reference.n)) != NULL)
		reference.n = (size_t)(fragment - reference.p);
	key_split(key, &authority, &base);
	if (!same_origin(authority, &reference, &has_authority))
		return -1;
	buf_add_str(out, "http://");
	buf_add_slice(out, authority);
	at = out->n;
	add_target(out, base, reference, has_authority);
	if (parse_target(SLICE("GET"), slice_of(out->p + at, out->n - at), &none, &path))
		return 0;
	out->n = start;
	return -1;
}
