/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a reference in an answer (RFC 3986 5.2) to the key of what it points to, as far as that is
 * of the same origin.  The rest is none of a cache's business (RFC 9111 4.4).
 *
 * Threads: pure.
 */
#include "http/key.h"

#include "http/key_priv.h"
#include "http/parse.h"
#include "http/parse_priv.h"

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
		key_add_normal(out, slice_of(ref.p, n), false);
		end = remove_dots(out->p + at, out->n - at);
		out->n = at + end;
	}
	key_add_normal(out, slice_of(ref.p + n, ref.n - n), false);
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
	key_add_authority(&normal, other);
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
