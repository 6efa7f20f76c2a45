/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/cc.h"

#include "tests/unit/unit.h"

static void
show_flag(struct buf *b, const char *name, bool set)
{
	if (set)
		buf_addf(b, "%s ", name);
}

static void
show_number(struct buf *b, const char *name, int64_t v)
{
	if (v != CC_NONE)
		buf_addf(b, "%s=%lld ", name, (long long)v);
}

static const char *
show(const struct cc *cc, struct buf *b)
{
	show_flag(b, "no-store", cc->no_store);
	show_flag(b, "no-cache", cc->no_cache);
	show_flag(b, "private", cc->is_private);
	show_flag(b, "public", cc->is_public);
	show_flag(b, "must-revalidate", cc->must_revalidate);
	show_flag(b, "proxy-revalidate", cc->proxy_revalidate);
	show_flag(b, "only-if-cached", cc->only_if_cached);
	show_flag(b, "must-understand", cc->must_understand);
	show_flag(b, "immutable", cc->immutable);
	show_flag(b, "max-age-bad", cc->max_age_bad);
	show_flag(b, "s-maxage-bad", cc->s_maxage_bad);
	show_number(b, "max-age", cc->max_age);
	show_number(b, "s-maxage", cc->s_maxage);
	show_number(b, "min-fresh", cc->min_fresh);
	show_number(b, "max-stale", cc->max_stale);
	show_number(b, "swr", cc->stale_while_revalidate);
	show_number(b, "sie", cc->stale_if_error);
	for (unsigned i = 0; i < cc->nwithheld; i++)
		buf_addf(b, "[%.*s] ", SLICE_FMT(cc->withheld[i]));
	return buf_str(b);
}

START_TEST(directives)
{
	static const struct {
		const char	*name;
		const char	*one, *two;	/* field lines; NULL: absent */
		const char	*out;
	} t[] = {
		{ "absent", NULL, NULL, "" },
		{ "empty", "", NULL, "" },
		{ "5.2.2 flags", "no-store, no-cache, private, public, must-revalidate, "
		    "proxy-revalidate, no-transform, must-understand, immutable", NULL,
		    "no-store no-cache private public must-revalidate proxy-revalidate "
		    "must-understand immutable " },
		{ "5.2 names in any case", "No-Store, MAX-AGE=3", NULL, "no-store max-age=3 " },
		{ "5.2 two lines", "max-age=3", "no-cache", "no-cache max-age=3 " },
		{ "numbers", "max-age=1,s-maxage=2,min-fresh=3,max-stale=4,"
		    "stale-while-revalidate=5,stale-if-error=6", NULL,
		    "max-age=1 s-maxage=2 min-fresh=3 max-stale=4 swr=5 sie=6 " },
		{ "5.2 quoted number", "max-age=\"10\"", NULL, "max-age=10 " },
		{ "1.2.2 overflow", "max-age=99999999999999999999999, s-maxage=2147483649", NULL,
		    "max-age=2147483648 s-maxage=2147483648 " },
		{ "leading zeros", "max-age=007", NULL, "max-age=7 " },
		{ "4.2.1 malformed: word", "max-age=soon", NULL, "max-age-bad " },
		{ "4.2.1 malformed: sign", "max-age=-1", NULL, "max-age-bad " },
		{ "4.2.1 malformed: plus", "s-maxage=+1", NULL, "s-maxage-bad " },
		{ "4.2.1 malformed: fraction", "max-age=1.5", NULL, "max-age-bad " },
		{ "4.2.1 malformed: empty", "max-age=", NULL, "max-age-bad " },
		{ "4.2.1 malformed: no argument", "s-maxage", NULL, "s-maxage-bad " },
		{ "4.2.1 malformed: spaces", "max-age = 10", NULL, "max-age-bad " },
		{ "4.2.1 malformed: open quote", "max-age=\"10", NULL, "no-store max-age-bad " },
		{ "an open quote may hide a no-store", "max-age=1, x=\"y, no-store", NULL,
		    "no-store max-age=1 " },
		{ "a closed quote hides what is in it", "max-age=1, x=\"\\\"y, no-store\"", NULL,
		    "max-age=1 " },
		{ "4.2.1 the first of two", "max-age=1, max-age=9", NULL, "max-age=1 " },
		{ "4.2.1 the first of two is malformed", "max-age=x, max-age=9", NULL,
		    "max-age-bad " },
		{ "5.2.1.2 max-stale alone", "max-stale", NULL, "max-stale=2147483648 " },
		{ "malformed windows are none", "stale-if-error=x, stale-while-revalidate", NULL,
		    "" },
		{ "5.2.2.4 no-cache with fields", "no-cache=\"a, no-store\", max-age=1", NULL,
		    "max-age=1 [a] [no-store] " },
		{ "5.2.2.7 private with fields", "private=\"a\"", NULL, "[a] " },
		{ "5.2.2.7 both, each name once", "private=\"a,B\", no-cache=\"b , c\"", NULL,
		    "[a] [B] [c] " },
		{ "5.2.2.4 with fields and without", "no-cache=\"a\", no-cache", NULL,
		    "no-cache [a] " },
		{ "5.2.2.7 no list of names", "private=\"a\\\", no-store\"", NULL, "private " },
		{ "5.2.2.7 a name with a space", "private=\"a b\"", NULL, "private " },
		{ "5.2.2.7 empty members", "private=\" ,a,, \"", NULL, "[a] " },
		{ "5.2.2.7 nothing but commas", "private=\",,\"", NULL, "private " },
		{ "private with one bare field", "private=a", NULL, "[a] " },
		{ "private with nothing", "private=\"\"", NULL, "private " },
		{ "private with spaces", "private = \"a\"", NULL, "[a] " },
		{ "no-cache with half a name", "no-cache=", NULL, "no-cache " },
		{ "what the answer needs: Vary", "no-cache=\"vary\"", NULL, "no-cache " },
		{ "what the answer needs: ETag", "private=\"x, ETAG\"", NULL, "private [x] " },
		{ "what the answer needs: Content-*", "no-cache=\"content-encoding\"", NULL,
		    "no-cache " },
		{ "what the answer needs: Last-Modified", "no-cache=Last-Modified", NULL,
		    "no-cache " },
		{ "what the answer needs: Date", "no-cache=Date", NULL, "no-cache " },
		{ "what the answer needs: Age", "no-cache=Age", NULL, "no-cache " },
		{ "what the answer needs: Expires", "no-cache=Expires", NULL, "no-cache " },
		{ "what the answer needs: Cache-Control", "no-cache=Cache-Control", NULL,
		    "no-cache " },
		{ "what the answer needs: targeted", "no-cache=CDN-Cache-Control, "
		    "private=Surrogate-Control", NULL, "no-cache private " },
		{ "much like it, but not needed", "no-cache=\"Contents, Content\"", NULL,
		    "[Contents] [Content] " },
		{ "5.2.3 unknown directives", "foo, bar=\"no-store, private\", max-age=1", NULL,
		    "max-age=1 " },
		{ "part of a name", "xno-store, no-storex", NULL, "" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head h = { 0 };
		struct buf b = { 0 };
		struct cc cc;

		if (t[i].one != NULL)
			hdr_add(&h, SLICE("Cache-Control"), slice_str(t[i].one));
		hdr_add(&h, SLICE("X-Cache-Control"), SLICE("only-if-cached"));
		if (t[i].two != NULL)
			hdr_add(&h, SLICE("cache-control"), slice_str(t[i].two));
		cc_parse(&h, SLICE("Cache-Control"), &cc);
		ck_assert_msg(strcmp(show(&cc, &b), t[i].out) == 0, "%s: %s", t[i].name, b.p);
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

/* No list makes us remember more than CC_WITHHELD names. */
START_TEST(too_many_names)
{
	for (unsigned n = CC_WITHHELD; n <= CC_WITHHELD + 1; n++) {
		struct head h = { 0 };
		struct buf b = { 0 };
		struct cc cc;

		buf_add_str(&b, "no-cache=\"");
		for (unsigned i = 0; i < n; i++)
			buf_addf(&b, "f%u,F%u,", i, i);
		buf_add_str(&b, "\"");
		hdr_add(&h, SLICE("Cache-Control"), buf_slice(&b));
		cc_parse(&h, SLICE("Cache-Control"), &cc);
		ck_assert_uint_eq(cc.nwithheld, CC_WITHHELD);
		ck_assert_int_eq(cc.no_cache, n > CC_WITHHELD);
		ck_assert(cc_withholds(&cc, SLICE("F31")));
		ck_assert(!cc_withholds(&cc, SLICE("f32")));
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

#define CDN		"CDN-Cache-Control"
#define SC		"Surrogate-Control"
#define GENERAL		"Cache-Control"

START_TEST(of_a_response)
{
	static const struct {
		const char	*name;
		const char	*field[6];	/* name, value, name, value, … */
		bool		targeted;
		const char	*out;
	} t[] = {
		{ "none", { NULL }, false, "" },
		{ "9111 5.2 alone", { GENERAL, "max-age=1" }, false, "max-age=1 " },
		{ "9213 2.1 goes before Cache-Control", { GENERAL, "no-store", CDN, "max-age=10" },
		    true, "max-age=10 " },
		{ "9213 2.1 and before Surrogate-Control", { SC, "no-store", CDN, "max-age=10" },
		    true, "max-age=10 " },
		{ "9213 2.1 any member makes it hold", { GENERAL, "max-age=1", CDN, "foo" }, true,
		    "" },
		{ "9213 2.1 empty", { GENERAL, "max-age=1", CDN, "" }, false, "max-age=1 " },
		{ "9213 2.1 empty, so the next", { SC, "max-age=1", CDN, "" }, true, "max-age=1 " },
		{ "9213 2.1 all of it", { CDN,
		    "no-store, no-cache, private, public, must-revalidate, "
		    "proxy-revalidate, must-understand, immutable, max-age=1, s-maxage=2, "
		    "stale-while-revalidate=3, stale-if-error=0" }, true,
		    "no-store no-cache private public must-revalidate proxy-revalidate "
		    "must-understand immutable max-age=1 s-maxage=2 swr=3 sie=0 " },
		{ "9213 2.1 two lines", { CDN, "max-age=1", CDN, "private" }, true,
		    "private max-age=1 " },
		{ "9651 4.2.2 the last of two", { CDN, "max-age=1, max-age=9" }, true,
		    "max-age=9 " },
		{ "9651 4.2.2 the last of two types", { CDN, "max-age=x, max-age=9" }, true,
		    "max-age=9 " },
		{ "9651 3.3.6 false", { CDN, "no-store=?0, private=?0, max-age=1" }, true,
		    "max-age=1 " },
		{ "9651 3.1.2 parameters are ignored", { CDN, "max-age=1;a=\"b\";c, private;x" },
		    true,
		    "private max-age=1 " },
		{ "9111 1.2.2 overflow", { CDN, "max-age=99999999999" }, true,
		    "max-age=2147483648 " },
		{ "9651 too many digits", { GENERAL, "no-store", CDN, "max-age=9999999999999999" },
		    false, "no-store " },
		{ "9213 2.1 wrong type: string", { GENERAL, "no-store", CDN, "max-age=\"10000\"" },
		    false, "no-store " },
		{ "9213 2.1 wrong type: decimal", { CDN, "max-age=1.0" }, false, "" },
		{ "9213 2.1 wrong type: negative", { CDN, "max-age=-1" }, false, "" },
		{ "9213 2.1 wrong type: true", { CDN, "max-age" }, false, "" },
		{ "9213 2.1 wrong type: date", { CDN, "s-maxage=@1" }, false, "" },
		{ "9213 2.1 wrong type: list", { CDN, "stale-if-error=(1)" }, false, "" },
		{ "9213 2.1 wrong type: no-store", { CDN, "no-store=1" }, false, "" },
		{ "9213 2.1 wrong type: private", { CDN, "private=a" }, false, "" },
		{ "9213 2.1 wrong, after what is right", { CDN,
		    "private=\"a\", no-store, max-age=x" },
		    false, "" },
		{ "9213 2.1 unknown, of any type", { CDN, "foo=\"1\", bar=(a b), max-age=1" }, true,
		    "max-age=1 " },
		{ "9651 invalid: type", { GENERAL, "no-store", CDN, "max-age=10000, &&&&&" }, false,
		    "no-store " },
		{ "9651 invalid: upper case", { GENERAL, "max-age=1", CDN, "MaX-aGe=3600" }, false,
		    "max-age=1 " },
		{ "9651 invalid: space before =", { GENERAL, "max-age=1", CDN, "max-age =100" },
		    false,
		    "max-age=1 " },
		{ "9651 invalid: space after =", { GENERAL, "max-age=1", CDN, "max-age= 100" },
		    false,
		    "max-age=1 " },
		{ "9651 4.2 invalid: an empty line", { CDN, "max-age=1", CDN, "" }, false, "" },
		{ "9111 5.2.2.4 no-cache with fields", { CDN, "no-cache=\"a, B\", max-age=1",
		    "b", "1", "A", "2" }, true, "max-age=1 [A] [b] " },
		{ "9111 5.2.2.4 on two lines", { CDN, "no-cache=\"a\"", CDN, "max-age=1", "A", "" },
		    true, "max-age=1 [A] " },
		{ "9111 5.2.2.4 a field that isn't there", { CDN, "no-cache=\"x\"" }, true, "" },
		{ "9111 5.2.2.7 no list of names", { CDN, "private=\"a b\"" }, true, "private " },
		{ "9111 5.2.2.7 escapes are no names", { CDN, "private=\"a\\\"\"" }, true,
		    "private " },
		{ "9111 5.2.2.7 an empty list", { CDN, "private=\"\"" }, true, "private " },
		{ "9111 5.2.2.7 what the answer needs", { CDN, "private=\"vary\"" }, true,
		    "private " },
		{ "Cache-Control's names are withheld too", { GENERAL, "max-age=1, private=\"a\"",
		    CDN,
		    "max-age=9, no-cache=\"b\"", "b", "1" }, true, "max-age=9 [b] [a] " },

		{ "Surrogate-Control", { GENERAL, "no-store", SC, "max-age=10" }, true,
		    "max-age=10 " },
		{ "SC no-store", { GENERAL, "max-age=1", SC, "no-store" }, true, "no-store " },
		{ "SC no-store-remote", { SC, "no-store-remote" }, true, "no-store " },
		{ "SC in any case", { SC, "Max-Age=5, No-Store-Remote" }, true,
		    "no-store max-age=5 " },
		{ "SC stale for a while", { SC, "max-age=60+30" }, true,
		    "max-age=60 swr=30 sie=30 " },
		{ "SC stale by name goes first", { SC, "stale-if-error=7, max-age=60+30" }, true,
		    "max-age=60 swr=30 sie=7 " },
		{ "SC + without a number", { SC, "max-age=60+" }, true, "max-age-bad " },
		{ "SC + without an age", { SC, "max-age=+60" }, true,
		    "max-age-bad swr=60 sie=60 " },
		{ "SC + is for max-age", { SC, "s-maxage=1+1" }, true, "s-maxage-bad " },
		{ "SC only content", { GENERAL, "max-age=1", SC, "content=\"ESI/1.0\"" }, false,
		    "max-age=1 " },
		{ "SC content too", { SC, "content=\"ESI/1.0 no-store\", max-age=1" }, true,
		    "max-age=1 " },
		{ "SC for another", { SC, "no-store;abc, max-age=1;def=\"x\", max-age=7" }, true,
		    "max-age=7 " },
		{ "SC all for another", { GENERAL, "max-age=1", SC, "max-age=3600;abc" }, false,
		    "max-age=1 " },
		{ "SC a semicolon that is quoted", { SC, "no-cache=\"a;b\"" }, true, "no-cache " },
		{ "SC an open quote", { SC, "content=\"x, max-age=1" }, true, "no-store " },
		{ "SC nothing", { GENERAL, "max-age=1", SC, "" }, false, "max-age=1 " },
		{ "SC an invalid CDN-Cache-Control before it", { CDN, "max-age=\"1\"", SC,
		    "max-age=5",
		    GENERAL, "no-store" }, true, "max-age=5 " },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head h = { 0 };
		struct buf b = { 0 };
		struct cc cc;

		for (int j = 0; j < 6 && t[i].field[j] != NULL; j += 2)
			hdr_add(&h, slice_str(t[i].field[j]), slice_str(t[i].field[j + 1]));
		cc_of_response(&h, &cc);
		ck_assert_msg(strcmp(show(&cc, &b), t[i].out) == 0, "%s: %s", t[i].name, b.p);
		ck_assert_msg(cc.targeted == t[i].targeted, "%s", t[i].name);
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

/* Names of fields that are not there cost a look each, so there is an end to them. */
START_TEST(names_without_end)
{
	struct head h = { 0 };
	struct buf b = { 0 };
	struct cc cc;

	buf_add_str(&b, "max-age=1, private=\"x");
	for (unsigned i = 1; i < 256; i++)
		buf_add_str(&b, ",x");
	buf_add_str(&b, "\"");
	hdr_add(&h, SLICE("CDN-Cache-Control"), buf_slice(&b));
	cc_of_response(&h, &cc);
	ck_assert(cc.targeted && !cc.is_private && cc.nwithheld == 0);
	hdr_remove(&h, SLICE("CDN-Cache-Control"));
	b.n--;
	buf_add_str(&b, ",x\"");
	hdr_add(&h, SLICE("CDN-Cache-Control"), buf_slice(&b));
	cc_of_response(&h, &cc);
	ck_assert(cc.targeted && cc.is_private && cc.nwithheld == 0);
	buf_fini(&b);
	head_fini(&h);
}
END_TEST

/* Of two fields that name more than fits together, nothing is handed on. */
START_TEST(too_many_names_of_two_fields)
{
	struct head h = { 0 };
	struct buf b = { 0 };
	struct cc cc;

	buf_add_str(&b, "private=\"");
	for (unsigned i = 0; i < CC_WITHHELD; i++)
		buf_addf(&b, "f%u,", i);
	buf_add_str(&b, "\"");
	hdr_add(&h, SLICE("Cache-Control"), buf_slice(&b));
	hdr_add(&h, SLICE("CDN-Cache-Control"), SLICE("max-age=1"));
	cc_of_response(&h, &cc);
	ck_assert(!cc.is_private && cc.nwithheld == CC_WITHHELD);
	hdr_add(&h, SLICE("CDN-Cache-Control"), SLICE("no-cache=\"g\""));
	hdr_add(&h, SLICE("G"), SLICE("1"));
	cc_of_response(&h, &cc);
	ck_assert(cc.is_private && cc_withholds(&cc, SLICE("g")));
	buf_fini(&b);
	head_fini(&h);
}
END_TEST

START_TEST(consumed)
{
	ck_assert(cc_is_consumed(SLICE("surrogate-control")));
	ck_assert(!cc_is_consumed(SLICE("CDN-Cache-Control")));
	ck_assert(!cc_is_consumed(SLICE("Cache-Control")));
}
END_TEST

static Suite *
cc_suite(void)
{
	Suite *s = suite_create("cc");
	TCase *tc = tcase_create("cc");

	tcase_add_test(tc, directives);
	tcase_add_test(tc, too_many_names);
	tcase_add_test(tc, of_a_response);
	tcase_add_test(tc, names_without_end);
	tcase_add_test(tc, too_many_names_of_two_fields);
	tcase_add_test(tc, consumed);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(cc_suite)
