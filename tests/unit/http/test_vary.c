/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/vary.h"

#include "tests/unit/unit.h"

START_TEST(names)
{
	static const struct {
		const char	*name;
		const char	*one, *two;	/* Vary lines */
		bool		 any;
		const char	*out;
	} t[] = {
		{ "absent", NULL, NULL, false, "" },
		{ "empty", "", NULL, false, "" },
		{ "one", "Accept-Encoding", NULL, false, "accept-encoding" },
		{ "order does not count", "b, A", NULL, false, "a,b" },
		{ "two lines, repeats", "b, a", "A,c", false, "a,b,c" },
		{ "prefixes", "aa, a", NULL, false, "a,aa" },
		{ "no token: as *", "a b, e", NULL, true, NULL },
		{ "an open quote hides names: as *", "\"x, Cookie", NULL, true, NULL },
		{ "9110 7.6.3 we write Via ourselves", "a, via", NULL, true, NULL },
		{ "and X-Forwarded-*", "X-Forwarded-Port", NULL, true, NULL },
		{ "9111 4.1 *", "*", NULL, true, NULL },
		{ "9111 4.1 * among others", "a", "b, *", true, NULL },
		{ "a * within a name is none", "a*", NULL, false, "a*" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head h = { 0 };
		struct buf b = { 0 };

		if (t[i].one != NULL)
			hdr_add(&h, SLICE("Vary"), slice_str(t[i].one));
		if (t[i].two != NULL)
			hdr_add(&h, SLICE("vary"), slice_str(t[i].two));
		ck_assert_msg(vary_any(&h) == t[i].any, "%s", t[i].name);
		vary_names(&h, &b);
		if (t[i].out != NULL)
			ck_assert_msg(strcmp(buf_str(&b), t[i].out) == 0, "%s: %s", t[i].name, b.p);
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

/* Work for each request must not grow with what a backend lists. */
START_TEST(too_many_names)
{
	struct head h = { 0 };
	struct buf b = { 0 };

	for (int i = 0; i < 32; i++)
		buf_addf(&b, "x-%02d,", i);
	hdr_add(&h, SLICE("Vary"), buf_slice(&b));
	ck_assert(!vary_any(&h));
	hdr_add(&h, SLICE("Vary"), SLICE("y"));
	ck_assert(vary_any(&h));
	buf_fini(&b);
	vary_names(&h, &b);
	ck_assert_uint_eq(b.n, 32 * 5 - 1);
	buf_fini(&b);
	head_fini(&h);
}
END_TEST

struct request {
	const char	*name[4], *value[4];
};

static void
values_of(const struct request *r, struct slice vary, struct buf *out)
{
	struct head h = { 0 };

	for (int i = 0; i < 4 && r->name[i] != NULL; i++)
		hdr_add(&h, slice_str(r->name[i]), slice_str(r->value[i]));
	vary_values(&h, vary, out);
	head_fini(&h);
}

START_TEST(values)
{
	static const struct {
		const char	*name;
		struct request	 a, b;
		bool		 same;
	} t[] = {
		{ "equal", { { "A", "B" }, { "1", "2" } }, { { "A", "B" }, { "1", "2" } }, true },
		{ "names in any case and order", { { "A", "B" }, { "1", "2" } },
		    { { "b", "a" }, { "2", "1" } }, true },
		{ "other fields do not count", { { "A" }, { "1" } }, { { "A", "C" }, { "1", "3" } },
		    true },
		{ "different", { { "A" }, { "1" } }, { { "A" }, { "2" } }, false },
		{ "case of values", { { "A" }, { "x" } }, { { "A" }, { "X" } }, false },
		{ "absent and empty", { { NULL }, { NULL } }, { { "A" }, { "" } }, false },
		{ "swapped", { { "A", "B" }, { "1", "2" } }, { { "A", "B" }, { "2", "1" } },
		    false },
		{ "a value can't look like two", { { "A", "B" }, { "x", "y" } },
		    { { "A" }, { "x\t1:y" } }, false },
		{ "9110 5.2 lines combine", { { "A", "A" }, { "1", "2" } }, { { "A" }, { "1, 2" } },
		    true },
		{ "empty lines", { { "A", "A" }, { "", "1" } }, { { "A" }, { "1" } }, true },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf a = { 0 }, b = { 0 };

		values_of(&t[i].a, SLICE("a,b"), &a);
		values_of(&t[i].b, SLICE("a,b"), &b);
		ck_assert_msg(slice_eq(buf_slice(&a), buf_slice(&b)) == t[i].same, "%s", t[i].name);
		buf_fini(&a);
		buf_fini(&b);
	}
}
END_TEST

/* Two values of one field: do they select the same? */
START_TEST(normal_forms)
{
	static const struct {
		const char	*name;
		const char	*field, *a, *b;
		bool		 same;
	} t[] = {
		{ "9110 12.5.4 order of languages", "Accept-Language", "en, de", "de, en", true },
		{ "4647 2 case of languages", "Accept-Language", "en, de", "eN, De", true },
		{ "9110 5.6.1 white space", "Accept-Language", "en, de", " en ,   de", true },
		{ "5.6.1 empty members", "Accept-Language", "en,de", ",en,,de,", true },
		{ "repeats", "Accept-Language", "en, de, EN", "de, en", true },
		{ "not a subset", "Accept-Language", "en, de", "en", false },
		{ "12.4.2 a weight of 1", "Accept-Language", "en;q=1.000", "en", true },
		{ "12.4.2 its zeros", "Accept-Language", "en;q=0.50", "en;q=0.5", true },
		{ "12.4.2 a weight of 0", "Accept-Language", "en;q=0.000", "en;q=0", true },
		{ "12.4.2 a dot alone", "Accept-Language", "en;q=0.", "en;q=0", true },
		{ "5.6.6 case and space at weights", "Accept-Language", "en ;\tQ=0.5", "en;q=0.5",
		    true },
		{ "other weights", "Accept-Language", "en;q=0.5", "en;q=0.51", false },
		{ "0 is not absent", "Accept-Language", "en, de;q=0", "en", false },
		{ "weights stay with their members", "Accept-Language", "en, de;q=0.5",
		    "de, en;q=0.5", false },
		{ "12.4.2 no weight: as it came", "Accept-Language", "en;q=2", "EN;q=2", false },
		{ "no weight: .5", "Accept-Language", "en;q=.5", "EN;q=.5", false },
		{ "no weight: four digits", "Accept-Language", "en;q=0.5000", "en;q=0.5", false },
		{ "no weight: 1.1", "Accept-Language", "en;q=1.1", "EN;q=1.1", false },
		{ "no weight: space", "Accept-Language", "en;q= 0.5", "en;q=0.5", false },
		{ "two weights of one: as it came", "Accept-Language", "en, en;q=0.5",
		    "en;q=0.5, en", false },
		{ "two weights in one", "Accept-Language", "en;q=0.5;q=0.6", "EN;q=0.5;q=0.6",
		    false },
		{ "no language", "Accept-Language", "e_n", "E_N", false },
		{ "12.5.1 types in any case", "Accept", "Text/HTML, */*;q=0.8",
		    "text/html,*/*;q=0.80", true },
		{ "12.5.1 their order, which servers go by", "Accept",
		    "text/html, application/json",
		    "application/json, text/html", false },
		{ "12.5.1 parameters' names", "Accept", "text/html; Level=1", "text/html;level=1",
		    true },
		{ "their values", "Accept", "text/html;level=a", "text/html;level=A", false },
		{ "5.6.4 quoted values", "Accept", "text/html; a=\"B , ;c\"",
		    "text/html;a=\"B , ;c\"", true },
		{ "their case", "Accept", "text/html;a=\"B\"", "text/html;a=\"b\"", false },
		{ "their space", "Accept", "text/html;a=\"B \"", "text/html;a=\"B\"", false },
		{ "an open quote", "Accept", "a/b;c=\"d, e/f", "e/f, a/b;c=\"d", false },
		{ "a quote that ends in a backslash", "Accept", "a/b;c=\"\\", "A/b;c=\"\\", false },
		{ "after the weight: as it came", "Accept", "a/b;q=0.5;c=d", "a/b;q=0.50;c=d",
		    false },
		{ "no type", "Accept", "text", "TEXT", false },
		{ "no subtype", "Accept", "text/", "TEXT/", false },
		{ "one with parameters is another", "Accept", "a/b;c=d, a/b;q=0.1", "a/b;c=d",
		    false },
		{ "12.5.3 codings", "Accept-Encoding", "gzip, deflate, br", "br,deflate,GZip",
		    true },
		{ "8.4.1.3 x-gzip is gzip", "Accept-Encoding", "x-gzip, br", "br, gzip", true },
		{ "8.4.1.1 x-compress", "Accept-Encoding", "X-Compress", "compress", true },
		{ "only these", "Accept-Encoding", "x-br", "br", false },
		{ "parameters of codings", "Accept-Encoding", "gzip;a=b", "GZIP;a=b", false },
		{ "12.5.3 *", "Accept-Encoding", "*, gzip;q=0", "gzip;q=0,*", true },
		{ "12.5.2 charsets", "Accept-Charset", "UTF-8, iso-8859-1;q=0.9",
		    "iso-8859-1;q=0.90,utf-8", true },
		{ "empty and only commas", "Accept", "", ", ,", true },
		{ "other fields: byte for byte", "Foo", "1, 2", "1,2", false },
		{ "other fields: order", "Foo", "1, 2", "2, 1", false },
		{ "other fields: case", "Cookie", "a", "A", false },
		{ "as it came looks like no list", "Accept-Language", "en;q=2", "en", false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const struct request ra = { { t[i].field }, { t[i].a } };
		const struct request rb = { { t[i].field }, { t[i].b } };
		struct buf vary = { 0 }, a = { 0 }, b = { 0 };
		struct head resp = { 0 };

		hdr_add(&resp, SLICE("Vary"), slice_str(t[i].field));
		vary_names(&resp, &vary);
		values_of(&ra, buf_slice(&vary), &a);
		values_of(&rb, buf_slice(&vary), &b);
		ck_assert_msg(slice_eq(buf_slice(&a), buf_slice(&b)) == t[i].same, "%s: %s %s",
		    t[i].name, buf_str(&a), buf_str(&b));
		buf_fini(&vary);
		buf_fini(&a);
		buf_fini(&b);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(texts)
{
	static const struct {
		const char	*name;
		struct request	 r;
		const char	*out;
	} t[] = {
		{ "absent", { { NULL }, { NULL } }, "-\n-\n" },
		{ "empty", { { "Accept", "Foo" }, { "", "" } }, "0:\n0=\n" },
		{ "9110 5.2 two lines each", { { "Accept", "Foo", "accept", "foo" },
		    { "b/*;q=0.70,", "B", "A/a ,b/*;Q=0.7", "A" } }, "13:b/*;q=0.7,a/a\n4=B, A\n" },
		{ "as it came", { { "Accept", "accept" }, { "B, ", "a/b" } }, "8=B, , a/b\n-\n" },
		{ "in their own order", { { "Accept" }, { "a/b-c, a/b;q=0.3, a/a;q=0.1" } },
		    "25:a/b-c,a/b;q=0.3,a/a;q=0.1\n-\n" },
		{ "each once, in their own order", { { "Accept" }, { "b/b, a/a, B/b" } },
		    "7:b/b,a/a\n-\n" },
		{ "as it came: two weights", { { "Accept" }, { "b/b, a/a, b/b;q=0" } },
		    "17=b/b, a/a, b/b;q=0\n-\n" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf b = { 0 };

		values_of(&t[i].r, SLICE("accept,foo"), &b);
		ck_assert_msg(strcmp(buf_str(&b), t[i].out) == 0, "%s: %s", t[i].name, b.p);
		buf_fini(&b);
	}
}
END_TEST

/* What is one variant is one request for the backend, whoever asks. */
START_TEST(one_spelling)
{
	static const struct {
		struct request	 r;
		const char	*out;
	} t[] = {
		{ { { "Accept" }, { "APPLICATION/Json , */*;q=0.10" } },
		    "Accept: application/json,*/*;q=0.1\r\n" },
		{ { { "Accept-Language", "accept-language" }, { "DE", "en;q=1.000" } },
		    "Accept-Language: de,en\r\n" },
		{ { { "Accept-Encoding" }, { "x-gzip,  br" } }, "Accept-Encoding: gzip,br\r\n" },
		{ { { "Accept-Language", "Foo" }, { "de;q=2", "A,  b" } }, "" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf out = { 0 };
		struct head h = { 0 };

		for (unsigned k = 0; k < 2 && t[i].r.name[k] != NULL; k++)
			hdr_add(&h, slice_str(t[i].r.name[k]), slice_str(t[i].r.value[k]));
		for (unsigned k = 0; k < h.n; k++)
			ck_assert(vary_respell(&h, &h.f[k], &out) == (t[i].out[0] != '\0'));
		ck_assert_str_eq(buf_str(&out), t[i].out);
		head_fini(&h);
		buf_fini(&out);
	}
}
END_TEST

/* A long list is not worth its order: it stays as it came. */
START_TEST(long_lists)
{
	struct buf value = { 0 }, out = { 0 };
	struct head h = { 0 };

	for (int i = 0; i < 32; i++)
		buf_addf(&value, "X%02d,", 31 - i);
	hdr_add(&h, SLICE("Accept-Charset"), buf_slice(&value));
	vary_values(&h, SLICE("accept-charset"), &out);
	ck_assert_msg(strncmp(buf_str(&out), "127:x00,x01,", 12) == 0, "%s", out.p);
	out.n = 0;
	hdr_add(&h, SLICE("Accept-Charset"), SLICE("y"));
	vary_values(&h, SLICE("accept-charset"), &out);
	ck_assert_msg(strncmp(buf_str(&out), "131=X31,X30,", 12) == 0, "%s", out.p);
	head_fini(&h);
	/* 1024 bytes are normalised, one more is not. */
	for (size_t n = 1024; n <= 1025; n++) {
		char big[1025];
		struct head one = { 0 };

		memset(big, 'A', n);
		hdr_add(&one, SLICE("Accept-Charset"), slice_of(big, n));
		out.n = 0;
		vary_values(&one, SLICE("accept-charset"), &out);
		ck_assert_msg(strncmp(buf_str(&out), n == 1024 ? "1024:aa" : "1025=AA", 7) == 0,
		    "%s", out.p);
		head_fini(&one);
	}
	buf_fini(&value);
	buf_fini(&out);
}
END_TEST

/* No bytes of a peer make it read or write past an end, and none of it is slow. */
START_TEST(hostile_lists)
{
	static const char pieces[][8] = { ",", ";", "q=", "q=0.5", "\"", "\\", "=", "*", "/", "a",
	    "A/b",
	    " ", "\t", "gzip", ";q=0", "\x80" };
	struct slice vary = SLICE("accept,accept-charset,accept-encoding,accept-language");
	uint32_t seed = 1;
	struct buf value = { 0 }, out = { 0 };

	for (int round = 0; round < 20000; round++) {
		static const char *const name[] = { "Accept", "Accept-Charset", "Accept-Encoding",
		    "Accept-Language" };
		struct head h = { 0 };

		value.n = 0;
		for (int i = 0; i < 1 + round % 24; i++) {
			seed = seed * 1664525 + 1013904223;
			buf_add_str(&value, pieces[seed >> 28]);
		}
		for (int i = 0; i < 4; i++)
			hdr_add(&h, slice_str(name[i]), slice_trim(buf_slice(&value)));
		out.n = 0;
		vary_values(&h, vary, &out);
		ck_assert(vary_match(vary, buf_slice(&out), SLICE("gzip"), buf_slice(&out)));
		head_fini(&h);
	}
	value.n = 0;
	for (int i = 0; i < 32 * 1024; i++)
		buf_add(&value, ",", 1);
	for (int i = 0; i < 1000; i++) {
		struct head h = { 0 };

		hdr_add(&h, SLICE("Accept"), buf_slice(&value));
		out.n = 0;
		vary_values(&h, SLICE("accept"), &out);
		ck_assert_uint_eq(out.n, value.n + strlen("32768=\n"));
		head_fini(&h);
	}
	buf_fini(&value);
	buf_fini(&out);
}
END_TEST

/* An answer of this coding, stored for one Accept-Encoding (NULL: none), asked for with another. */
START_TEST(codings)
{
	static const struct {
		const char	*name;
		const char	*stored, *coding, *asked;
		bool		 match;
	} t[] = {
		{ "equal", "gzip", "gzip", "gzip", true },
		{ "equal, with weights", "gzip;q=0.5", "gzip", "gzip;q=0.5", true },
		{ "equal in normal form", "br, gzip", "br", "GZIP,br;q=1", true },
		{ "fewer to choose from, the chosen among them", "br, gzip", "gzip", "gzip", true },
		{ "three", "br, deflate, gzip", "br", "br, gzip", true },
		{ "the chosen is gone", "br, gzip", "gzip", "br", false },
		{ "more to choose from", "gzip", "gzip", "br, gzip", false },
		{ "others", "br", "br", "gzip", false },
		{ "9110 8.4.1 case", "br, gzip", "GZip", "gzip", true },
		{ "8.4.1.3 x-gzip is gzip", "br, gzip", "x-gzip", "gzip", true },
		{ "8.4.1.3 the other way round", "br, x-gzip", "gzip", "gzip", true },
		{ "none chosen", "br, gzip", "", "gzip", true },
		{ "none chosen, none wanted", "br, gzip", "", "", true },
		{ "identity is none", "br, gzip", "identity", "gzip", true },
		{ "none chosen, more to choose from", "gzip", "", "br, gzip", false },
		{ "12.5.3 identity;q=0", "br, gzip", "", "gzip, identity;q=0", false },
		{ "12.5.3 *;q=0", "br, gzip", "", "gzip, *;q=0", false },
		{ "12.5.3 *;q=0 but identity", "br, gzip", "", "*;q=0, gzip, identity", true },
		{ "chosen, and identity is refused now", "br, gzip", "gzip", "gzip, identity;q=0",
		    true },
		{ "chosen for want of identity", "gzip, identity;q=0", "gzip", "gzip", false },
		{ "identity was named, and is not", "gzip, identity", "", "gzip", false },
		{ "identity was not named, and is", "gzip", "gzip", "gzip, identity", false },
		{ "the chosen identity is named now", "gzip", "", "gzip, identity", true },
		{ "only identity", "gzip", "", "identity", true },
		{ "a weight of 0", "br, gzip", "gzip", "br;q=0, gzip", true },
		{ "0 for the chosen", "br, gzip", "gzip", "br, gzip;q=0", false },
		{ "0 then", "br;q=0, gzip", "gzip", "gzip", true },
		{ "0 then, wanted now", "br;q=0, gzip", "gzip", "br, gzip", false },
		{ "other weights are preferences", "br;q=0.5, gzip", "gzip", "gzip", false },
		{ "on the other side", "br, gzip", "gzip", "gzip;q=0.5", false },
		{ "12.5.3 * then", "*", "gzip", "gzip", true },
		{ "* then, all but one", "*, br;q=0", "gzip", "gzip", true },
		{ "* then, that one now", "*, br;q=0", "gzip", "gzip, br", false },
		{ "* now", "gzip", "gzip", "gzip, *", false },
		{ "* now, named then", "br, gzip", "gzip", "*", false },
		{ "* both, one refused more", "*", "gzip", "*, br;q=0", true },
		{ "* both, the chosen is refused", "*", "gzip", "*, gzip;q=0", false },
		{ "* both, one refused less", "*, br;q=0", "gzip", "*", false },
		{ "* includes identity", "*", "", "identity", true },
		{ "* both, and nobody names the chosen", "*, br", "zstd", "*", true },
		{ "* takes everything back", "br, gzip", "gzip", "*;q=0, gzip", true },
		{ "12.5.3 nothing wanted, coded all the same", "", "gzip", "gzip", false },
		{ "refused, but sent (a 406)", "br, identity;q=0", "", "br", false },
		{ "a coding that nobody wanted", "br", "gzip", "", false },
		{ "absent now", "br, gzip", "gzip", NULL, false },
		{ "absent now, none chosen", "br, gzip", "", NULL, false },
		{ "absent then", NULL, "", "gzip", false },
		{ "absent both", NULL, "gzip", NULL, true },
		{ "8.4 several codings", "br, gzip", "gzip, br", "gzip", false },
		{ "malformed then", "br gzip", "gzip", "gzip", false },
		{ "malformed now", "br, gzip", "gzip", "gzip;", false },
		{ "two weights of one", "br, gzip", "gzip", "gzip, gzip;q=0", false },
		{ "* is no coding", "br, *", "*", "*", false },
		{ "empty now and then", "", "", "", true },
	};
	struct slice vary = SLICE("accept-encoding");

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const struct request ra = { { t[i].stored ? "Accept-Encoding" : NULL },
		    { t[i].stored } };
		const struct request rb = { { t[i].asked ? "Accept-Encoding" : NULL },
		    { t[i].asked } };
		struct buf a = { 0 }, b = { 0 };

		values_of(&ra, vary, &a);
		values_of(&rb, vary, &b);
		ck_assert_msg(vary_match(vary, buf_slice(&a), slice_str(t[i].coding),
				  buf_slice(&b)) == t[i].match, "%s", t[i].name);
		buf_fini(&a);
		buf_fini(&b);
	}
}
END_TEST

/* What a request says of gzip, br, zstd, identity and *, each: nothing, 1 or 0. */
#define SAID		5
#define LISTS		243

static const char *const coding[SAID] = { "gzip", "br", "zstd", "identity", "*" };

static int
said(int list, int which)
{
	while (which-- > 0)
		list /= 3;
	return list % 3;
}

/* 0: refused, 1: tolerated, 2: wanted.  which: one of them but *, or another coding. */
static int
rank_of(int list, int which)
{
	int own = which < 4 ? said(list, which) : 0, others = said(list, 4);

	if (own == 0 && others == 0)
		return which == 3;
	return (own == 0 ? others : own) == 1 ? 2 : 0;
}

static bool
may_have(int stored, int chosen, int asked)
{
	for (int i = 0; i < SAID; i++) {
		int then = rank_of(stored, i), now = rank_of(asked, i);

		if (i == chosen ? then == 0 || now < then : now > then)
			return false;
	}
	return true;
}

/* Each list against each, for each coding, by the definition in vary.c's head. */
START_TEST(all_codings)
{
	static struct buf value[LISTS];
	struct slice vary = SLICE("accept-encoding");
	unsigned matches = 0;

	for (int i = 0; i < LISTS; i++) {
		struct head h = { 0 };
		struct buf b = { 0 };

		for (int k = 0; k < SAID; k++)
			if (said(i, k) > 0)
				buf_addf(&b, "%s%s,", coding[k], said(i, k) == 1 ? "" : ";q=0");
		hdr_add(&h, SLICE("Accept-Encoding"), buf_slice(&b));
		vary_values(&h, vary, &value[i]);
		buf_fini(&b);
		head_fini(&h);
	}
	for (int i = 0; i < LISTS; i++)
		for (int k = 0; k < LISTS; k++)
			for (int c = 0; c < SAID; c++) {
				bool match = vary_match(vary, buf_slice(&value[i]),
				    slice_str(c == 4 ? "deflate" : coding[c]),
				    buf_slice(&value[k]));

				ck_assert_msg(match == (i == k || may_have(i, c, k)),
				    "%s for %.*s is asked for with %.*s", c == 4 ? "deflate" :
				    coding[c], SLICE_FMT(buf_slice(&value[i])),
				    SLICE_FMT(buf_slice(&value[k])));
				matches += match;
			}
	ck_assert_uint_gt(matches, LISTS * SAID);
	for (int i = 0; i < LISTS; i++)
		buf_fini(&value[i]);
}
END_TEST

START_TEST(codings_among_others)
{
	static const struct {
		const char	*name;
		struct request	 stored, asked;
		bool		 match;
	} t[] = {
		{ "the others are equal", { { "Accept", "Accept-Encoding", "Foo" }, { "a/b",
		    "br, gzip", "1" } },
		    { { "Accept", "Accept-Encoding", "Foo" }, { "A/b", "gzip", "1" } }, true },
		{ "one before differs", { { "Accept", "Accept-Encoding", "Foo" }, { "a/b",
		    "br, gzip", "1" } },
		    { { "Accept", "Accept-Encoding", "Foo" }, { "a/c", "gzip", "1" } }, false },
		{ "one after differs", { { "Accept", "Accept-Encoding", "Foo" }, { "a/b",
		    "br, gzip", "1" } },
		    { { "Accept", "Accept-Encoding", "Foo" }, { "a/b", "gzip", "2" } }, false },
		{ "one is absent", { { "Accept-Encoding", "Foo" }, { "br, gzip", "1" } },
		    { { "Accept-Encoding" }, { "gzip" } }, false },
		{ "only Accept-Encoding is met so", { { "Foo" }, { "br,gzip" } }, { { "Foo" },
		    { "gzip" } },
		    false },
		{ "nor Accept-Charset", { { "Accept-Charset" }, { "br,gzip" } },
		    { { "Accept-Charset" }, { "gzip" } }, false },
	};
	struct slice vary = SLICE("accept,accept-charset,accept-encoding,foo");

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf a = { 0 }, b = { 0 };

		values_of(&t[i].stored, vary, &a);
		values_of(&t[i].asked, vary, &b);
		ck_assert_msg(vary_match(vary, buf_slice(&a), SLICE("gzip"), buf_slice(&b)) ==
		    t[i].match, "%s", t[i].name);
		/* Values that are cut short match nothing but themselves. */
		for (size_t n = 0; n < b.n; n++)
			ck_assert(!vary_match(vary, buf_slice(&a), SLICE("gzip"), slice_of(b.p,
			    n)));
		buf_fini(&a);
		buf_fini(&b);
	}
}
END_TEST

static Suite *
vary_suite(void)
{
	Suite *s = suite_create("vary");
	TCase *tc = tcase_create("vary");

	tcase_add_test(tc, names);
	tcase_add_test(tc, too_many_names);
	tcase_add_test(tc, values);
	tcase_add_test(tc, normal_forms);
	tcase_add_test(tc, texts);
	tcase_add_test(tc, long_lists);
	tcase_add_test(tc, one_spelling);
	tcase_add_test(tc, hostile_lists);
	tcase_add_test(tc, codings);
	tcase_add_test(tc, all_codings);
	tcase_add_test(tc, codings_among_others);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(vary_suite)
