/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/tags.h"

#include "tests/unit/unit.h"

struct answer {
	const char	*name[3], *value[3];
};

static void
head_of(const struct answer *a, struct head *h)
{
	memset(h, 0, sizeof *h);
	for (int i = 0; i < 3 && a->name[i] != NULL; i++)
		hdr_add(h, slice_str(a->name[i]), slice_str(a->value[i]));
}

/* As in proxy.yaml by default; xkey and X-Tags are for routes that say so. */
static char surrogate_key[] = "Surrogate-Key", cache_tag[] = "Cache-Tag",
    cache_groups[] = "cache-groups",
    xkey[] = "xkey", x_tags[] = "X-Tags";
static char *defaults[] = { surrogate_key, cache_tag, cache_groups };
static char *others[] = { xkey, x_tags };

START_TEST(of_answers)
{
	static const struct {
		const char	*name;
		bool		 defaults;
		struct answer	 answer;
		const char	*lines;
	} t[] = {
		{ "none", true, { { "Foo" }, { "a" } }, "" },
		{ "Surrogate-Key", true, { { "Surrogate-Key" }, { "a b\t c" } },
		    "t:a\nt:b\nt:c\n" },
		{ "its commas are no ends", true, { { "surrogate-key" }, { "a,b c" } },
		    "t:a,b\nt:c\n" },
		{ "Cache-Tag", true, { { "Cache-Tag" }, { "a,b , c d,,e" } },
		    "t:a\nt:b\nt:c\nt:d\nt:e\n" },
		{ "case counts", true, { { "Cache-Tag" }, { "a,A" } }, "t:a\nt:A\n" },
		{ "each once", true, { { "Cache-Tag", "Surrogate-Key", "Cache-Tag" },
		    { "a,b,a", "c b", "d,b" } }, "t:c\nt:b\nt:a\nt:d\n" },
		{ "one is not another's beginning", true, { { "Cache-Tag" }, { "ab,a,abc" } },
		    "t:ab\nt:a\nt:abc\n" },
		{ "empty", true, { { "Cache-Tag", "Surrogate-Key" }, { "", " , " } }, "t:,\n" },
		{ "not the route's", false, { { "Cache-Tag", "Surrogate-Key" }, { "a", "b" } },
		    "" },
		{ "xkey", false, { { "XKey" }, { "a,b c" } }, "t:a,b\nt:c\n" },
		{ "any other", false, { { "X-Tags" }, { "a,b c" } }, "t:a\nt:b\nt:c\n" },
		{ "9875 2 groups", false, { { "Cache-Groups" }, { "\"a\", \"b c\"" } },
		    "g:a\ng:b c\n" },
		{ "9875 2 groups that are tags", true, { { "Cache-Groups" }, { "\"a\", \"b c\"" } },
		    "g:a\ng:b c\nt:a\nt:b c\n" },
		{ "9875 2 lines", false, { { "Cache-Groups", "Cache-Groups" }, { "\"a\"",
		    "\"b\"" } },
		    "g:a\ng:b\n" },
		{ "9875 2 parameters", false, { { "Cache-Groups" }, { "\"a\";x=1, \"b\"" } },
		    "g:a\ng:b\n" },
		{ "9875 2 case", false, { { "Cache-Groups" }, { "\"a\", \"A\", \"a\"" } },
		    "g:a\ng:A\n" },
		{ "9651 3.3.3 escapes", false, { { "Cache-Groups" }, { "\"a\\\"\\\\\"" } },
		    "g:a\"\\\n" },
		{ "9651 4.2 invalid as a whole", true, { { "Cache-Groups" }, { "\"a\", b c" } },
		    "" },
		{ "9875 2 no string", true, { { "Cache-Groups" }, { "\"a\", b" } }, "" },
		{ "9875 2 an inner list", true, { { "Cache-Groups" }, { "\"a\", (\"b\")" } }, "" },
		{ "9875 2 the empty group", false, { { "Cache-Groups" }, { "\"\"" } }, "g:\n" },
		{ "a group and a tag are two", true, { { "Cache-Tag", "Cache-Groups" }, { "a",
		    "\"b\"" } },
		    "g:b\nt:a\nt:b\n" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const struct conf_strings fields = t[i].defaults ?
		    (struct conf_strings){ defaults, 3 } : (struct conf_strings){ others, 2 };
		struct buf b = { 0 };
		struct head h;

		head_of(&t[i].answer, &h);
		buf_add_str(&b, "t:a\n");
		tags_of(&h, &fields, &b);
		ck_assert_msg(strcmp(buf_str(&b) + 4, t[i].lines) == 0, "%s: %s", t[i].name,
		    b.p + 4);
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

START_TEST(invalidated)
{
	static const struct {
		const char	*name;
		struct answer	 answer;
		const char	*lines;
	} t[] = {
		{ "absent", { { "Cache-Groups" }, { "\"a\"" } }, "" },
		{ "9875 3", { { "Cache-Group-Invalidation" }, { "\"a\", \"b\";p" } },
		    "g:a\ng:b\n" },
		{ "9875 3 lines", { { "cache-group-invalidation", "Cache-Group-Invalidation" },
		    { "\"a\"", "\"b\",\"a\"" } }, "g:a\ng:b\n" },
		{ "9875 3 no string", { { "Cache-Group-Invalidation" }, { "a" } }, "" },
		{ "9651 4.2 invalid", { { "Cache-Group-Invalidation" }, { "\"a\"," } }, "" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct buf b = { 0 };
		struct head h;

		head_of(&t[i].answer, &h);
		tags_invalidated(&h, &b);
		ck_assert_msg(strcmp(buf_str(&b), t[i].lines) == 0, "%s: %s", t[i].name, b.p);
		buf_fini(&b);
		head_fini(&h);
	}
}
END_TEST

static unsigned
count_lines(const struct buf *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\n';
	return n;
}

START_TEST(bounds)
{
	const struct conf_strings fields = { defaults, 3 };
	struct buf value = { 0 }, b = { 0 };
	struct head h = { 0 };

	/* So many and no more. */
	for (int i = 0; i < TAGS_MAX + 1; i++)
		buf_addf(&value, "k%d ", i);
	hdr_add(&h, SLICE("Surrogate-Key"), buf_slice(&value));
	tags_of(&h, &fields, &b);
	ck_assert_uint_eq(count_lines(&b), TAGS_MAX);
	head_fini(&h);
	/* Exactly as many bytes; a shorter one still finds room. */
	value.n = b.n = 0;
	for (int i = 0; i < TAGS_BYTES - 7; i++)
		buf_add(&value, "x", 1);
	buf_add_str(&value, " yy z q");
	hdr_add(&h, SLICE("Surrogate-Key"), buf_slice(&value));
	tags_of(&h, &fields, &b);
	ck_assert_uint_eq(b.n, TAGS_BYTES);
	ck_assert_msg(strcmp(buf_str(&b) + TAGS_BYTES - 5, "\nt:z\n") == 0, "%s",
	    b.p + TAGS_BYTES - 10);
	head_fini(&h);
	/* One word again and again, with one line left, isn't compared without end. */
	value.n = b.n = 0;
	for (int i = 0; i < TAGS_MAX - 1; i++)
		buf_addf(&value, "k%d,", i);
	for (int i = 0; i < 16000; i++)
		buf_addf(&value, "k%d,", TAGS_MAX - 2);
	buf_add_str(&value, "late");
	hdr_add(&h, SLICE("Cache-Tag"), buf_slice(&value));
	tags_of(&h, &fields, &b);
	ck_assert_uint_eq(count_lines(&b), TAGS_MAX - 1);
	head_fini(&h);
	/* Groups that are tags too are groups before they are tags. */
	value.n = b.n = 0;
	for (int i = 0; i < TAGS_MAX; i++)
		buf_addf(&value, "%s\"k%d\"", i > 0 ? "," : "", i);
	hdr_add(&h, SLICE("Cache-Groups"), buf_slice(&value));
	hdr_add(&h, SLICE("Surrogate-Key"), SLICE("late"));
	tags_of(&h, &fields, &b);
	ck_assert_uint_eq(count_lines(&b), TAGS_MAX);
	ck_assert(strstr(buf_str(&b), "t:") == NULL);
	head_fini(&h);
	buf_fini(&value);
	buf_fini(&b);
}
END_TEST

static Suite *
tags_suite(void)
{
	Suite *s = suite_create("tags");
	TCase *tc = tcase_create("tags");

	tcase_add_test(tc, of_answers);
	tcase_add_test(tc, invalidated);
	tcase_add_test(tc, bounds);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(tags_suite)
