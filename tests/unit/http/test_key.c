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
		{ "3986 6.2.2.1 host in lower case", "EXAMPLE.com", "/Path", "http://example.com/Path" },
		{ "3986 6.2.3 default port", "a:80", "/", "http://a/" },
		{ "3986 6.2.3 empty port", "a:", "/", "http://a/" },
		{ "3986 6.2.3 zeros in the port", "a:0080", "/", "http://a/" },
		{ "other port", "a:8080", "/", "http://a:8080/" },
		{ "443 is no default here", "a:443", "/", "http://a:443/" },
		{ "IPv6", "[2001:DB8::80]", "/", "http://[2001:db8::80]/" },
		{ "IPv6 with default port", "[::1]:80", "/", "http://[::1]/" },
		{ "3986 6.2.2.2 unreserved are decoded", "a", "/%41%7e%2d%5F%30", "http://a/A~-_0" },
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

static Suite *
key_suite(void)
{
	Suite *s = suite_create("key");
	TCase *tc = tcase_create("key");

	tcase_add_test(tc, requests);
	tcase_add_test(tc, urls);
	tcase_add_test(tc, parts);
	tcase_add_test(tc, authorities);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(key_suite)
