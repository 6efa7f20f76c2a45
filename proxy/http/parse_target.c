/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: tables and small matchers over whole parts; RFC 3986 for characters, RFC 9112 3.2 for the
 * four forms of a request target.
 *
 * Threads: pure.
 *
 * Why a file of its own: purge and explain read URLs that people type by the same rules as the
 * gate.
 */
#include "http/parse.h"

#include <arpa/inet.h>

#include "http/parse_priv.h"

const unsigned char parse_class[256] = {
#define A (TCHAR | TEXT | TARGET | NAME)	/* letters, digits and the like */
#define D (TEXT | TARGET | NAME)		/* sub-delims that are no tchar */
#define P (TEXT | TARGET)			/* ':' and the like */
#define T (TCHAR | TEXT | TARGET)
#define V (TEXT)
	0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
/*	SP !  "  #  $  %  &  '  (  )  *  +  ,  -  .  / */
	V, A, V, TCHAR | TEXT, A, T, A, A, D, D, A, A, D, A, A, P,
/*	0  1  2  3  4  5  6  7  8  9  :  ;  <  =  >  ? */
	A, A, A, A, A, A, A, A, A, A, P, D, V, D, V, P,
/*	@  A ... */
	P, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A,
/*	P ...                          Z  [  \  ]  ^  _ */
	A, A, A, A, A, A, A, A, A, A, A, P, V, P, T, A,
/*	`  a ... */
	T, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A,
/*	p ...                          z  {  |  }  ~ DEL */
	A, A, A, A, A, A, A, A, A, A, A, P, T, P, A, 0,
/*	obs-text, RFC 9110 5.5 */
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
#undef A
#undef D
#undef P
#undef T
#undef V
};

const char *
parse_why_not(char c, const char *otherwise)
{
	if (c == '\n')
		return "line feed without carriage return";
	if (c == '\0')
		return "NUL byte";
	if ((unsigned char)c < ' ' || c == 0x7f)
		return c == '\r' || c == '\t' ? otherwise : "control byte";
	return otherwise;
}

static bool
port_ok(struct slice s)
{
	uint64_t port;

	return s.n == 0 || (s.n <= 5 && slice_u64(s, &port) == 0 && port <= 65535);
}

static bool
ipv6_ok(struct slice s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (s.n == 0 || s.n >= sizeof text || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1;
}

static bool
triplet_ok(struct slice s, size_t at)
{
	return s.n - at >= 3 && hex_value(s.p[at + 1]) >= 0 && hex_value(s.p[at + 2]) >= 0;
}

bool
parse_authority_ok(struct slice s)
{
	size_t i = 0;

	if (s.n > 0 && s.p[0] == '[') {
		const char *end = memchr(s.p, ']', s.n);

		if (end == NULL || !ipv6_ok(slice_of(s.p + 1, (size_t)(end - s.p) - 1)))
			return false;
		i = (size_t)(end - s.p) + 1;
	} else {
		for (; i < s.n && s.p[i] != ':'; i++)
			if (s.p[i] == '%' ? !triplet_ok(s, i) : !is(s.p[i], NAME))
				return false;
	}
	if (i == 0)
		return false;
	return i == s.n || (s.p[i] == ':' && port_ok(slice_of(s.p + i + 1, s.n - i - 1)));
}

/*
 * RFC 3986's characters with whole %XX triplets, and | ^ [ ] { } and the backtick besides: the URL
 * standard that browsers follow leaves these as they are in a path or a query.  They mean nothing
 * to a parser of paths, so letting them through raw is safe.  The double quote, < and > are always
 * encoded by browsers; a backslash is a slash to some backends; # would be a fragment.
 */
static bool
target_ok(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '%' ? !triplet_ok(s, i) : !is(s.p[i], TARGET))
			return false;
	return true;
}

/* The part after "scheme://", or nothing if it is no http or https URL. */
static struct slice
after_scheme(struct slice s)
{
	static const struct slice schemes[] = { SLICE_INIT("http://"), SLICE_INIT("https://") };

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		size_t n = schemes[i].n;

		if (s.n > n && slice_caseeq(slice_of(s.p, n), schemes[i]))
			return slice_of(s.p + n, s.n - n);
	}
	return SLICE("");
}

static bool
absolute_form(struct slice method, struct slice s, struct slice *authority, struct slice *path)
{
	size_t n = 0;

	s = after_scheme(s);
	while (n < s.n && s.p[n] != '/' && s.p[n] != '?')
		n++;
	*authority = slice_of(s.p, n);
	*path = slice_of(s.p + n, s.n - n);
	if (!parse_authority_ok(*authority))
		return false;
	if (path->n == 0)		/* RFC 9112 3.2.4 */
		*path = slice_eq(method, SLICE("OPTIONS")) ? SLICE("*") : SLICE("/");
	return true;
}

bool
parse_target(struct slice method, struct slice target, struct slice *authority, struct slice *path)
{
	*authority = SLICE("");
	*path = target;
	if (target.n == 0 || !target_ok(target))
		return false;
	if (slice_eq(method, SLICE("CONNECT"))) {
		*authority = target;
		return parse_authority_ok(target) && is_digit(target.p[target.n - 1]) &&
		    memchr(target.p, ':', target.n) != NULL;
	}
	if (target.p[0] == '/')
		return true;
	if (slice_eq(target, SLICE("*")))
		return slice_eq(method, SLICE("OPTIONS"));
	return absolute_form(method, target, authority, path);
}
