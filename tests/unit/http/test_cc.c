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
	show_flag(b, "no-cache-fields", cc->no_cache_fields);
	show_flag(b, "private", cc->is_private);
	show_flag(b, "private-fields", cc->private_fields);
	show_flag(b, "public", cc->is_public);
	show_flag(b, "must-revalidate", cc->must_revalidate);
	show_flag(b, "proxy-revalidate", cc->proxy_revalidate);
	show_flag(b, "no-transform", cc->no_transform);
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
		    "no-transform must-understand immutable " },
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
		{ "4.2.1 the first of two is malformed", "max-age=x, max-age=9", NULL, "max-age-bad " },
		{ "5.2.1.2 max-stale alone", "max-stale", NULL, "max-stale=2147483648 " },
		{ "malformed windows are none", "stale-if-error=x, stale-while-revalidate", NULL, "" },
		{ "5.2.2.4 no-cache with fields", "no-cache=\"a, no-store\", max-age=1", NULL,
		    "no-cache-fields max-age=1 " },
		{ "5.2.2.7 private with fields", "private=\"a\\\", no-store\"", NULL,
		    "private-fields " },
		{ "private with one bare field", "private=a", NULL, "private-fields " },
		{ "private with nothing", "private=\"\"", NULL, "private " },
		{ "private with spaces", "private = \"a\"", NULL, "private-fields " },
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
		ck_assert_msg(cc.present == (t[i].one != NULL), "%s", t[i].name);
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

static Suite *
cc_suite(void)
{
	Suite *s = suite_create("cc");
	TCase *tc = tcase_create("cc");

	tcase_add_test(tc, directives);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(cc_suite)
