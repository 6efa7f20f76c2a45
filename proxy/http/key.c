/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a key is text: the scheme, the authority in lower case without the default port, the path
 * with its query.  Percent-encoding is normalised in both (RFC 3986 6.2.2): a triplet of an
 * unreserved character is decoded, any other is written in upper case.  Nothing else is touched:
 * "%2F" is no slash, dot segments stay, the order of a query stays, for a backend may tell them
 * apart.  Only a route's rules may say that this backend doesn't: key_rules.c.  What an answer's
 * references point to: key_resolve.c.
 *
 * Invariants: a request and the URL a person types for it give the same key, because both go
 * through parse_target(); a key of a key is the key.
 *
 * Threads: pure.
 */
#include "http/key.h"

#include "base/contract.h"
#include "http/key_priv.h"
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

void
key_add_normal(struct buf *out, struct slice s, bool lower)
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

void
key_add_authority(struct buf *out, struct slice authority)
{
	size_t n = host_len(authority);
	uint64_t port;

	key_add_normal(out, slice_of(authority.p, n), true);
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
	key_add_authority(out, authority);
	if (path.n > 0 && path.p[0] == '?')
		buf_add(out, "/", 1);
	key_add_normal(out, path, false);
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
	key_add_authority(out, req->authority);
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
