/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/key.h"

#include "tests/unit/unit.h"

START_TEST(requests)
{
	static const struct {
		const char	*name;
		const char	*authority, *path;
		const char	*key;
	} t[] = {
		{ "plain", "a", "/", "http://a/" },
		{ "3986 6.2.2.1 host in lower case", "EXAMPLE.com", "/Path",
		    "http://example.com/Path" },
		{ "3986 6.2.3 default port", "a:80", "/", "http://a/" },
		{ "3986 6.2.3 empty port", "a:", "/", "http://a/" },
		{ "3986 6.2.3 zeros in the port", "a:0080", "/", "http://a/" },
		{ "other port", "a:8080", "/", "http://a:8080/" },
		{ "443 is no default here", "a:443", "/", "http://a:443/" },
		{ "IPv6", "[2001:DB8::80]", "/", "http://[2001:db8::80]/" },
		{ "IPv6 with default port", "[::1]:80", "/", "http://[::1]/" },
		{ "3986 6.2.2.2 unreserved are decoded", "a", "/%41%7e%2d%5F%30",
		    "http://a/A~-_0" },
		{ "3986 6.2.2.1 others in upper case", "a", "/%2f%c3%a4%3d?%26%2b",
		    "http://a/%2F%C3%A4%3D?%26%2B" },
		{ "3986 6.2.2.2 in hosts", "%41%2c", "/", "http://a%2C/" },
		{ "decoded once", "a", "/%2541", "http://a/%2541" },
		{ "query order is kept", "a", "/?b=2&a=1", "http://a/?b=2&a=1" },
		{ "an empty query is a query", "a", "/?", "http://a/?" },
		{ "dot segments are kept", "a", "/x/../y", "http://a/x/../y" },
		{ "raw characters", "a", "/|[]", "http://a/|[]" },
		{ "a broken triplet does no harm", "a", "/%4", "http://a/%4" },
		{ "HTTP/1.0 without Host", "", "/x", "http:///x" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head h = { .method = SLICE("GET"), .authority = slice_str(t[i].authority),
		    .path = slice_str(t[i].path) };
		struct buf b = { 0 }, again = { 0 };

		key_make(&h, &b);
		ck_assert_msg(strcmp(buf_str(&b), t[i].key) == 0, "%s: %s", t[i].name, b.p);
		h.method = SLICE("HEAD");
		key_make(&h, &again);
		ck_assert_msg(slice_eq(buf_slice(&b), buf_slice(&again)), "%s: HEAD", t[i].name);
		buf_fini(&b);
		buf_fini(&again);
	}
}
END_TEST

START_TEST(urls)
{
	static const struct {
		const char	*url;
		const char	*key;		/* NULL: none */
	} t[] = {
		{ "http://A:80/%7ex?%2f", "http://a/~x?%2F" },
		{ "HTTP://a", "http://a/" },
		{ "http://a?q", "http://a/?q" },
		{ "http://[::1]:81/x", "http://[::1]:81/x" },
		{ "", NULL },
		{ "/x", NULL },
		{ "a/x", NULL },
		{ "*", NULL },
		{ "https://a/", NULL },
		{ "ftp://a/", NULL },
		{ "http://", NULL },
		{ "http:///x", NULL },
		{ "http://u@a/", NULL },
		{ "http://a/#x", NULL },
		{ "http://a/ x", NULL },
		{ "http://a/\r\nX", NULL },
		{ "http://a/%zz", NULL },
		{ "http://a:99999/", NULL },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf b = { 0 }, again = { 0 };
		int rc = key_from_url(slice_str(t[i].url), &b);

		ck_assert_msg(rc == (t[i].key == NULL ? -1 : 0), "%s", t[i].url);
		ck_assert_msg(strcmp(buf_str(&b), t[i].key == NULL ? "" : t[i].key) == 0, "%s: %s",
		    t[i].url, b.p);
		if (rc == 0) {
			ck_assert_int_eq(key_from_url(buf_slice(&b), &again), 0);
			ck_assert(slice_eq(buf_slice(&b), buf_slice(&again)));
		}
		buf_fini(&b);
		buf_fini(&again);
	}
}
END_TEST

/* What goes upstream, out of the key: split and put together again it is the same key. */
START_TEST(parts)
{
	static const struct {
		const char	*key, *authority, *path;
	} t[] = {
		{ "http://a/", "a", "/" },
		{ "http://a:8080/x?y", "a:8080", "/x?y" },
		{ "http://[::1]:81//x", "[::1]:81", "//x" },
		{ "http://a/http://b/", "a", "/http://b/" },
		{ "http://a/x:1", "a", "/x:1" },
		{ "http:///x", "", "/x" },
		{ "http://a*", "a", "*" },
		{ "http://*", "", "*" },
		{ "http://a", "a", "" },
		{ "http://", "", "" },
		{ "http://a/x\nh:b:/y", "a", "/x" },
		{ "http://a\nc:b=/", "a", "" },
		{ "http://a*\nc:b=*", "a", "*" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct slice authority, path;

		key_split(slice_str(t[i].key), &authority, &path);
		ck_assert_msg(slice_eq(authority, slice_str(t[i].authority)), "%s: %.*s", t[i].key,
		    (int)authority.n, authority.p);
		ck_assert_msg(slice_eq(path, slice_str(t[i].path)), "%s: %.*s", t[i].key,
		    (int)path.n, path.p);
	}
}
END_TEST

START_TEST(authorities)
{
	static const struct {
		const char	*authority, *normal;
	} t[] = {
		{ "a", "a" },
		{ "ex%61mple.com", "example.com" },
		{ "EXAMPLE.com:", "example.com" },
		{ "example.com:080", "example.com" },
		{ "example.com:80", "example.com" },
		{ "example.com:08080", "example.com:8080" },
		{ "A:443", "a:443" },
		{ "[2001:DB8::80]:80", "[2001:db8::80]" },
		{ "%41%2c", "a%2C" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head h = { .method = SLICE("GET"), .authority = slice_str(t[i].authority),
		    .path = SLICE("/x") };
		struct buf b = { 0 }, key = { 0 };
		struct slice authority, path;

		key_authority(&h, &b);
		ck_assert_msg(slice_eq(buf_slice(&b), slice_str(t[i].normal)), "%s: %.*s",
		    t[i].authority, (int)b.n, b.p);
		/* The same as the key has. */
		key_make(&h, &key);
		key_split(buf_slice(&key), &authority, &path);
		ck_assert(slice_eq(authority, buf_slice(&b)));
		buf_fini(&b);
		buf_fini(&key);
	}
}
END_TEST

/* Of words with a space between; NULL: none. */
static struct conf_strings
strings(const char *words)
{
	struct conf_strings s = { calloc(4, sizeof *s.v), 0 };

	for (size_t n; words != NULL && (n = strcspn(words, " ")) > 0; s.n++) {
		ck_assert_uint_lt(s.n, 4);
		s.v[s.n] = strndup(words, n);
		words += n + (words[n] == ' ');
	}
	return s;
}

static void
strings_free(struct conf_strings *s)
{
	while (s->n > 0)
		free(s->v[--s->n]);
	free(s->v);
}

START_TEST(queries)
{
	static const struct {
		const char		*name;
		enum conf_query		 query;
		const char		*names;		/* NULL: none */
		const char		*path, *out;
	} t[] = {
		{ "all: nothing is touched", QUERY_ALL, NULL, "/x?b=1&&a&?", "/x?b=1&&a&?" },
		{ "none", QUERY_NONE, NULL, "/x?b=1?&a", "/x" },
		{ "none, empty", QUERY_NONE, NULL, "/x?", "/x" },
		{ "none, there is none", QUERY_NONE, NULL, "/x&a=1", "/x&a=1" },
		{ "sorted", QUERY_SORTED, NULL, "/?c=1&a=2&b=3", "/?a=2&b=3&c=1" },
		{ "sorted by name, values stay", QUERY_SORTED, NULL, "/?a1=1&a=2&a-=1&a=10&a",
		    "/?a=2&a=10&a&a-=1&a1=1" },
		{ "sorted, one", QUERY_SORTED, NULL, "/?a", "/?a" },
		{ "sorted, empty", QUERY_SORTED, NULL, "/?", "/?" },
		{ "sorted, empty ones", QUERY_SORTED, NULL, "/?b&&a&", "/?&&a&b" },
		{ "sorted, many", QUERY_SORTED, NULL, "/?zg&zf&ze&zd&zc&zb&za&yg&yf&ye&yd&yc&yb&ya"
		    "&xg&xf&xe&xd&xc&xb&xa&wg&wf&we&wd&wc&wb&wa&vg&vf&ve&vd&vc&vb&va",
		    "/?va&vb&vc&vd&ve&vf&vg&wa&wb&wc&wd&we&wf&wg&xa&xb&xc&xd&xe&xf&xg"
		    "&ya&yb&yc&yd&ye&yf&yg&za&zb&zc&zd&ze&zf&zg" },
		{ "keep", QUERY_KEEP, "b a", "/?a=1&c=2&b&ab=3", "/?a=1&b" },
		{ "keep none", QUERY_KEEP, "b", "/?a=1&c=2", "/" },
		{ "keep the last", QUERY_KEEP, "c", "/?a=1&c=2", "/?c=2" },
		{ "keep, repeated", QUERY_KEEP, "a", "/?a=1&b&a=0", "/?a=1&a=0" },
		{ "keep in a list of nothing", QUERY_KEEP, NULL, "/?a", "/" },
		{ "keep, empty", QUERY_KEEP, "a", "/?", "/" },
		{ "keep a prefix", QUERY_KEEP, "a*", "/?a&ab=1&b&xa", "/?a&ab=1" },
		{ "keep *", QUERY_KEEP, "*", "/?a&&b", "/?a&&b" },
		{ "drop", QUERY_DROP, "utm_* fbclid",
		    "/?utm_source=x&id=7&fbclid=1&utm_=2&fbclid2&utm", "/?id=7&fbclid2&utm" },
		{ "drop the last", QUERY_DROP, "b", "/?a&b=1", "/?a" },
		{ "drop all", QUERY_DROP, "b", "/?b=1&b", "/" },
		{ "drop nothing", QUERY_DROP, "b", "/?a=1&c", "/?a=1&c" },
		{ "drop, empty as it came", QUERY_DROP, "b", "/?", "/?" },
		{ "drop, case", QUERY_DROP, "b", "/?B=1", "/?B=1" },
		{ "drop, a value is no name", QUERY_DROP, "b", "/?a=b", "/?a=b" },
		{ "drop, no name", QUERY_DROP, "b", "/?=b&c", "/?=b&c" },
		{ "3986 6.2.2.2 encoded names", QUERY_DROP, "utm_*", "/?%75tm%5fx=1&a", "/?a" },
		{ "reserved characters either way", QUERY_DROP, "f[] g%5b%5D",
		    "/?f%5B%5d=1&f[]=2&g[]=3&g%5b%5d=4&h[]=5", "/?h[]=5" },
		{ "a star that is meant", QUERY_DROP, "a%2A", "/?a*=1&ab=1", "/?ab=1" },
		{ "only the first question mark", QUERY_DROP, "b", "/?a=?b&b=?", "/?a=?b" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct conf_key rules = { .query = t[i].query, .query_names = strings(t[i].names) };
		struct head h = { .method = SLICE("GET"), .authority = SLICE("a"),
		    .path = slice_str(t[i].path) };
		struct buf b = { 0 };

		for (int typed = 0; typed < 2; typed++) {
			b.n = 0;
			key_make(&h, &b);
			key_apply(&rules, typed ? NULL : &h, &b);
			ck_assert_msg(strcmp(buf_str(&b) + strlen("http://a"), t[i].out) == 0,
			    "%s: %s", t[i].name, b.p);
			key_apply(&rules, NULL, &b);
			ck_assert_msg(strcmp(buf_str(&b) + strlen("http://a"), t[i].out) == 0,
			    "%s, again: %s", t[i].name, b.p);
		}
		buf_fini(&b);
		strings_free(&rules.query_names);
	}
}
END_TEST

START_TEST(lines)
{
	static const struct {
		const char		*name;
		const char		*headers, *cookies;	/* NULL: none */
		const char		*field[3], *value[3];
		const char		*out;
	} t[] = {
		{ "nothing asked for", NULL, NULL, { "Cookie" }, { "a=1" }, "" },
		{ "a field", "x-a", NULL, { "X-A", "X-B" }, { "One", "2" }, "\nh:x-a:One" },
		{ "absent", "x-a", "a", { "X-AB" }, { "1" }, "" },
		{ "empty is not absent", "x-a", NULL, { "x-a" }, { "" }, "\nh:x-a:" },
		{ "9110 5.2 lines", "x-a", NULL, { "x-a", "b", "X-a" }, { "1", "2", "3" },
		    "\nh:x-a:1, 3" },
		{ "in the rules' order", "b a", "d c", { "A", "B", "Cookie" },
		    { "1", "2", "c=3; d=4" }, "\nh:b:2\nh:a:1\nc:d=4\nc:c=3" },
		{ "6265 4.2.1 a cookie", NULL, "b", { "Cookie" }, { "ab=0; b=1; bc=2" },
		    "\nc:b=1" },
		{ "6265 a value with =", NULL, "b", { "Cookie" }, { "b=a==;c" }, "\nc:b=a==" },
		{ "6265 quotes belong to the value", NULL, "b", { "cookie" }, { "b=\"x\"" },
		    "\nc:b=\"x\"" },
		{ "6265 5.4 names have a case", NULL, "b", { "Cookie" }, { "B=1" }, "" },
		{ "empty value", NULL, "b", { "Cookie" }, { "b=" }, "\nc:b=" },
		{ "no value is not an empty one", NULL, "b", { "Cookie" }, { "b" }, "\nc:b" },
		{ "no space, empty pairs", NULL, "b", { "Cookie" }, { ";a=0;;b=1; ;" },
		    "\nc:b=1" },
		{ "twice", NULL, "b", { "Cookie" }, { "b=1; a=0; b=2" },
		    "\nc:b=1\nc:b=2" },
		{ "in two lines", NULL, "b", { "Cookie", "Cookie" }, { "b=1", "a; b=2" },
		    "\nc:b=1\nc:b=2" },
		{ "space that some take for the end", NULL, "b", { "Cookie" },
		    { "a=1 b=2" }, "\nc:=a=1 b=2" },
		{ "a comma, likewise", NULL, "b", { "Cookie" }, { "a=1,b=2" },
		    "\nc:=a=1,b=2" },
		{ "space before =", NULL, "b", { "Cookie" }, { "b =2" },
		    "\nc:b=2\nc:=b =2" },
		{ "a cookie in quotes", NULL, "b", { "Cookie", "Cookie" },
		    { "x=1", "a=\"; b=1; c=\"" }, "\nc:b=1\nc:=a=\"; b=1; c=\"" },
		{ "commas and space in a value", NULL, "b", { "Cookie" },
		    { "a={\"x\": 1, \"y\"}; b=1" }, "\nc:b=1" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct conf_key rules = { .headers = strings(t[i].headers),
		    .cookies = strings(t[i].cookies) };
		struct head h = { .method = SLICE("GET"), .authority = SLICE("a"),
		    .path = SLICE("/?x") };
		struct buf b = { 0 };

		for (int k = 0; k < 3 && t[i].field[k] != NULL; k++)
			hdr_add(&h, slice_str(t[i].field[k]), slice_str(t[i].value[k]));
		key_make(&h, &b);
		key_apply(&rules, &h, &b);
		ck_assert_msg(strcmp(buf_str(&b) + strlen("http://a/?x"), t[i].out) == 0, "%s: %s",
		    t[i].name, b.p);
		ck_assert(slice_eq(key_url(buf_slice(&b)), SLICE("http://a/?x")));
		b.n = strlen("http://a/?x");
		key_apply(&rules, NULL, &b);
		ck_assert_uint_eq(b.n, strlen("http://a/?x"));
		buf_fini(&b);
		head_fini(&h);
		strings_free(&rules.headers);
		strings_free(&rules.cookies);
	}
}
END_TEST

/* Thousands of parameters cost no more than their sorting. */
START_TEST(long_queries)
{
	const struct conf_key sorted = { .query = QUERY_SORTED };
	struct conf_key drop = { .query = QUERY_DROP, .query_names = strings("b*") };
	struct buf path = { 0 }, b = { 0 };
	struct head h = { .method = SLICE("GET"), .authority = SLICE("a") };

	buf_add_str(&path, "/?");
	for (int i = 0; i < 8000; i++)
		buf_add(&path, i % 2 ? "b&" : "&", i % 2 ? 2 : 1);
	buf_add_str(&path, "a");
	h.path = buf_slice(&path);
	for (int i = 0; i < 100; i++) {
		b.n = 0;
		key_make(&h, &b);
		key_apply(&sorted, &h, &b);
		ck_assert_uint_eq(b.n, path.n + strlen("http://a"));
	}
	ck_assert_msg(strcmp(buf_str(&b) + b.n - 6, "&b&b&b") == 0, "%s", b.p + b.n - 6);
	ck_assert_msg(strncmp(b.p + strlen("http://a/?") + 3998, "&&a&b&b", 7) == 0, "%.9s",
	    b.p + strlen("http://a/?") + 3998);
	b.n = 0;
	key_make(&h, &b);
	key_apply(&drop, &h, &b);
	ck_assert_uint_eq(b.n, strlen("http://a/?") + 4000 + 1);
	buf_fini(&path);
	buf_fini(&b);
	strings_free(&drop.query_names);
}
END_TEST

START_TEST(references)
{
	static const struct {
		const char	*base, *ref;
		const char	*out;		/* NULL: none */
	} t[] = {
		/* RFC 3986 5.4.1. */
		{ "http://a/b/c/d;p?q", "g:h", NULL },
		{ "http://a/b/c/d;p?q", "g", "http://a/b/c/g" },
		{ "http://a/b/c/d;p?q", "./g", "http://a/b/c/g" },
		{ "http://a/b/c/d;p?q", "g/", "http://a/b/c/g/" },
		{ "http://a/b/c/d;p?q", "/g", "http://a/g" },
		{ "http://a/b/c/d;p?q", "//g", NULL },
		{ "http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y" },
		{ "http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y" },
		{ "http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q" },
		{ "http://a/b/c/d;p?q", "g#s", "http://a/b/c/g" },
		{ "http://a/b/c/d;p?q", "g?y#s", "http://a/b/c/g?y" },
		{ "http://a/b/c/d;p?q", ";x", "http://a/b/c/;x" },
		{ "http://a/b/c/d;p?q", "g;x?y#s", "http://a/b/c/g;x?y" },
		{ "http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q" },
		{ "http://a/b/c/d;p?q", ".", "http://a/b/c/" },
		{ "http://a/b/c/d;p?q", "./", "http://a/b/c/" },
		{ "http://a/b/c/d;p?q", "..", "http://a/b/" },
		{ "http://a/b/c/d;p?q", "../", "http://a/b/" },
		{ "http://a/b/c/d;p?q", "../g", "http://a/b/g" },
		{ "http://a/b/c/d;p?q", "../..", "http://a/" },
		{ "http://a/b/c/d;p?q", "../../", "http://a/" },
		{ "http://a/b/c/d;p?q", "../../g", "http://a/g" },
		/* 5.4.2. */
		{ "http://a/b/c/d;p?q", "../../../g", "http://a/g" },
		{ "http://a/b/c/d;p?q", "../../../../g", "http://a/g" },
		{ "http://a/b/c/d;p?q", "/./g", "http://a/g" },
		{ "http://a/b/c/d;p?q", "/../g", "http://a/g" },
		{ "http://a/b/c/d;p?q", "g.", "http://a/b/c/g." },
		{ "http://a/b/c/d;p?q", ".g", "http://a/b/c/.g" },
		{ "http://a/b/c/d;p?q", "g..", "http://a/b/c/g.." },
		{ "http://a/b/c/d;p?q", "..g", "http://a/b/c/..g" },
		{ "http://a/b/c/d;p?q", "./../g", "http://a/b/g" },
		{ "http://a/b/c/d;p?q", "./g/.", "http://a/b/c/g/" },
		{ "http://a/b/c/d;p?q", "g/./h", "http://a/b/c/g/h" },
		{ "http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h" },
		{ "http://a/b/c/d;p?q", "g;x=1/./y", "http://a/b/c/g;x=1/y" },
		{ "http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y" },
		{ "http://a/b/c/d;p?q", "g?y/./x", "http://a/b/c/g?y/./x" },
		{ "http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/g?y/../x" },
		{ "http://a/b/c/d;p?q", "g#s/../x", "http://a/b/c/g" },
		{ "http://a/b/c/d;p?q", "http:g", NULL },
		/* Of the same origin, however it is written. */
		{ "http://a/b", "http://a/c", "http://a/c" },
		{ "http://a/b", "HTTP://A:80/c/../d", "http://a/d" },
		{ "http://a/b", "http://a", "http://a/" },
		{ "http://a/b", "http://a?x", "http://a/?x" },
		{ "http://a/b", "http://a#x", "http://a/" },
		{ "http://a/b", "//A:/c", "http://a/c" },
		{ "http://a:8080/b", "http://a:08080/c", "http://a:8080/c" },
		{ "http://[::1]/b", "http://[::1]:80/c", "http://[::1]/c" },
		{ "http://a/b", "c:d", NULL },
		{ "http://a/b", "./c:d", "http://a/c:d" },
		{ "http://a/b", "/c:d", "http://a/c:d" },
		{ "http://a/b?x=/c", "d", "http://a/d" },
		{ "http://a/b/", "c", "http://a/b/c" },
		{ "http://a/b", "/.//c", "http://a//c" },
		{ "http://a/b", "/%7ec/%2E%2e/%2f", "http://a/%2F" },
		{ "http://a/b?q\nh:x:/y", "c", "http://a/c" },
		{ "http://a/b?q\nh:x:/y", "", "http://a/b?q" },
		{ "http://a*", "c", "http://a/c" },
		{ "http://a*", "", "http://a/" },
		{ "http:///b", "c", "http:///c" },
		/* Of another, or none. */
		{ "http://a/b", "https://a/c", NULL },
		{ "http://a/b", "http://a:8080/c", NULL },
		{ "http://a/b", "http://b/c", NULL },
		{ "http://a/b", "http://a.b/c", NULL },
		{ "http://a/b", "http://u@a/c", NULL },
		{ "http://a/b", "//b/c", NULL },
		{ "http://a/b", "///c", NULL },
		{ "http://a/b", "http:/c", NULL },
		{ "http://a/b", "http:", NULL },
		{ "http://a/b", ":c", "http://a/:c" },
		{ "http://a/b", "c d", NULL },
		{ "http://a/b", "c\nh:x:y", NULL },
		{ "http://a/b", "\\c", NULL },
		{ "http://a/b", "%zz", NULL },
		{ "http://a/b", "%4", NULL },
		{ "http://a/b", "?\x80", NULL },
		{ "http://a/b", "http://a%/c", NULL },
		{ "http:///b", "http:///c", NULL },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf b = { 0 };
		int rc;

		buf_add_str(&b, "before ");
		rc = key_resolve(slice_str(t[i].base), slice_str(t[i].ref), &b);
		ck_assert_msg(rc == (t[i].out == NULL ? -1 : 0), "%s at %s: %s", t[i].ref,
		    t[i].base,
		    buf_str(&b));
		ck_assert_msg(strcmp(buf_str(&b) + 7, t[i].out == NULL ? "" : t[i].out) == 0,
		    "%s at %s: %s", t[i].ref, t[i].base, b.p + 7);
		buf_fini(&b);
	}
	/* A slice of no bytes may point nowhere. */
	struct buf b = { 0 };

	ck_assert_int_eq(key_resolve(SLICE("http://a/b"), slice_of(NULL, 0), &b), 0);
	buf_fini(&b);
}
END_TEST

static Suite *
key_suite(void)
{
	Suite *s = suite_create("key");
	TCase *tc = tcase_create("key");

	tcase_add_test(tc, requests);
	tcase_add_test(tc, urls);
	tcase_add_test(tc, parts);
	tcase_add_test(tc, authorities);
	tcase_add_test(tc, queries);
	tcase_add_test(tc, lines);
	tcase_add_test(tc, long_queries);
	tcase_add_test(tc, references);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(key_suite)
