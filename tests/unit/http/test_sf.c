/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/sf.h"

#include "tests/unit/unit.h"

static const char *const type_names[] = {
	[SF_INTEGER] = "int", [SF_DECIMAL] = "dec", [SF_STRING] = "str", [SF_TOKEN] = "tok",
	[SF_BYTES] = "bytes", [SF_BOOLEAN] = "bool", [SF_DATE] = "date", [SF_DISPLAY] = "display",
	[SF_INNER_LIST] = "list",
};

static void
show_value(const struct sf_value *v, struct buf *b)
{
	buf_add_str(b, type_names[v->type]);
	if (v->type == SF_INTEGER || v->type == SF_BOOLEAN || v->type == SF_DATE)
		buf_addf(b, ":%lld", (long long)v->integer);
	if (v->type == SF_STRING || v->type == SF_TOKEN || v->type == SF_INNER_LIST)
		buf_addf(b, ":<%.*s>", SLICE_FMT(v->text));
	buf_add_str(b, " ");
}

static const char *
show(bool ok, const struct sf *sf, struct buf *b)
{
	if (!ok) {
		ck_assert(sf->n == 0 && sf->m == NULL);
		return "invalid";
	}
	for (unsigned i = 0; i < sf->n; i++) {
		if (sf->m[i].key.n > 0)
			buf_addf(b, "%.*s=", SLICE_FMT(sf->m[i].key));
		show_value(&sf->m[i].value, b);
	}
	return buf_str(b);
}

struct field {
	const char	*name;
	const char	*lines[3];	/* NULL: no more */
	const char	*out;
};

static void
check(const struct field *t, bool dictionary)
{
	struct head h = { 0 };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct sf sf;
	const char *got;
	bool ok;

	hdr_add(&h, SLICE("X-F"), SLICE("other"));
	for (int i = 0; i < 3 && t->lines[i] != NULL; i++)
		hdr_add(&h, i == 0 ? SLICE("F") : SLICE("f"), slice_str(t->lines[i]));
	ok = dictionary ? sf_dictionary(&h, SLICE("F"), &a, &sf) : sf_list(&h, SLICE("F"), &a, &sf);
	got = show(ok, &sf, &b);
	ck_assert_msg(strcmp(got, t->out) == 0, "%s: %s", t->name, got);
	buf_fini(&b);
	arena_fini(&a);
	head_fini(&h);
}

#define BAD	"invalid"

static const struct field lists[] = {
	{ "absent", { NULL }, BAD },
	{ "3.1 empty", { "" }, "" },
	{ "3.1 spaces alone", { "   " }, "" },
	{ "3.1 tokens", { "sugar, tea,rum \t,\t gin" },
	    "tok:<sugar> tok:<tea> tok:<rum> tok:<gin> " },
	{ "3.1 two lines", { "sugar, tea", "rum" }, "tok:<sugar> tok:<tea> tok:<rum> " },
	{ "4.2 two lines, one string", { "\"a", "b\"" }, "str:<a, b> " },
	{ "4.2 a line that is empty", { "a", "" }, BAD },
	{ "4.2 the first line is empty", { "", "a" }, BAD },
	{ "4.2 the middle line is empty", { "a", "", "b" }, BAD },
	{ "4.2 two empty lines", { "", "" }, BAD },
	{ "4.2.1 comma at the end", { "a," }, BAD },
	{ "4.2.1 comma and space at the end", { "a, " }, BAD },
	{ "4.2.1 comma at the start", { ",a" }, BAD },
	{ "4.2.1 two commas", { "a,,b" }, BAD },
	{ "4.2.1 no comma", { "a b" }, BAD },
	{ "4.2.1 other separator", { "a; b c" }, BAD },
	{ "4.2 space at both ends", { "  a  " }, "tok:<a> " },
	{ "4.2 a tab is no space", { "\ta" }, BAD },
	{ "4.2 no ASCII", { "\xc3\xa9" }, BAD },

	{ "3.3.1 integers", { "42, -17, 0, -0, 007" }, "int:42 int:-17 int:0 int:0 int:7 " },
	{ "3.3.1 15 digits", { "999999999999999, -999999999999999" },
	    "int:999999999999999 int:-999999999999999 " },
	{ "3.3.1 16 digits", { "1000000000000000" }, BAD },
	{ "3.3.1 zeros count", { "0000000000000001" }, BAD },
	{ "3.3.1 sign alone", { "-" }, BAD },
	{ "3.3.1 two signs", { "--1" }, BAD },
	{ "3.3.1 plus", { "+1" }, BAD },
	{ "3.3.1 space after the sign", { "- 1" }, BAD },
	{ "3.3.1 letters after it", { "1a" }, BAD },
	{ "3.3.2 decimals", { "4.5, -0.125, 123456789012.123" }, "dec dec dec " },
	{ "3.3.2 13 digits", { "1234567890123.1" }, BAD },
	{ "3.3.2 four decimals", { "1.1234" }, BAD },
	{ "3.3.2 no decimals", { "1." }, BAD },
	{ "3.3.2 no whole", { ".5" }, BAD },
	{ "3.3.2 two points", { "1.2.3" }, BAD },

	{ "3.3.3 strings", { "\"hello\", \"\"" }, "str:<hello> str:<> " },
	{ "3.3.3 escapes", { "\"a\\\"b\\\\c\"" }, "str:<a\"b\\c> " },
	{ "3.3.3 a comma inside", { "\"a, b;c\"" }, "str:<a, b;c> " },
	{ "3.3.3 other escapes", { "\"a\\n\"" }, BAD },
	{ "3.3.3 an escape at the end", { "\"a\\" }, BAD },
	{ "3.3.3 an escaped end", { "\"a\\\"" }, BAD },
	{ "3.3.3 no end", { "\"a" }, BAD },
	{ "3.3.3 quote alone", { "\"" }, BAD },
	{ "3.3.3 a tab", { "\"a\tb\"" }, BAD },
	{ "3.3.3 DEL", { "\"a\x7f\"" }, BAD },
	{ "3.3.3 no ASCII", { "\"\xc3\xa9\"" }, BAD },
	{ "3.3.3 single quotes", { "'a'" }, BAD },

	{ "3.3.4 tokens", { "foo123/456, *a:b, A!#$%&'*+-.^_`|~" },
	    "tok:<foo123/456> tok:<*a:b> tok:<A!#$%&'*+-.^_`|~> " },
	{ "3.3.4 starts with a sign", { "!a" }, BAD },
	{ "3.3.4 ends at another byte", { "a@b" }, BAD },

	{ "3.3.5 bytes", { ":cHJldGVuZA==:, ::, :YWI=:, :YWJj:, :+/+/:" },
	    "bytes bytes bytes bytes bytes " },
	{ "4.2.7 padding left out", { ":YQ:" }, "bytes " },
	{ "4.2.7 half of the padding", { ":YQ=:" }, BAD },
	{ "4.2.7 too much padding", { ":YWJj====:" }, BAD },
	{ "4.2.7 padding in the middle", { ":Y=Q=:" }, BAD },
	{ "4.2.7 padding alone", { ":==:" }, BAD },
	{ "4.2.7 one character over", { ":YWJjZ:" }, BAD },
	{ "4.2.7 another alphabet", { ":YW_-:" }, BAD },
	{ "4.2.7 a space", { ":YW Jj:" }, BAD },
	{ "4.2.7 no end", { ":YWJj" }, BAD },

	{ "3.3.6 booleans", { "?1, ?0" }, "bool:1 bool:0 " },
	{ "3.3.6 another digit", { "?2" }, BAD },
	{ "3.3.6 nothing", { "?" }, BAD },
	{ "3.3.6 two digits", { "?10" }, BAD },
	{ "3.3.6 a word", { "?true" }, BAD },

	{ "3.3.7 dates", { "@1659578233, @-1, @0" }, "date:1659578233 date:-1 date:0 " },
	{ "3.3.7 a decimal", { "@1.5" }, BAD },
	{ "3.3.7 nothing", { "@" }, BAD },
	{ "3.3.7 a word", { "@now" }, BAD },

	{ "3.3.8 display strings", { "%\"This is for %c3%bcsers\", %\"\", %\"a\\b\"" },
	    "display display display " },
	{ "3.3.8 a quote in it", { "%\"%22\"" }, "display " },
	{ "4.2.10 upper case", { "%\"%C3%bc\"" }, BAD },
	{ "4.2.10 upper case at the end", { "%\"%4E\"" }, BAD },
	{ "4.2.10 half of a pair", { "%\"%c\"" }, BAD },
	{ "4.2.10 no hex", { "%\"%zz\"" }, BAD },
	{ "4.2.10 cut off", { "%\"%c3\"" }, BAD },
	{ "4.2.10 cut off by a letter", { "%\"%c3a\"" }, BAD },
	{ "4.2.10 a byte that starts nothing", { "%\"%80\"" }, BAD },
	{ "4.2.10 too long a form", { "%\"%c1%bf\"" }, BAD },
	{ "4.2.10 too long a form of three", { "%\"%e0%9f%bf\"" }, BAD },
	{ "4.2.10 too long a form of four", { "%\"%f0%8f%bf%bf\"" }, BAD },
	{ "4.2.10 a surrogate", { "%\"%ed%a0%80\"" }, BAD },
	{ "4.2.10 past the last", { "%\"%f4%90%80%80\"" }, BAD },
	{ "4.2.10 far past the last", { "%\"%f5%80%80%80\"" }, BAD },
	{ "4.2.10 all lengths",
	    { "%\"%7f%c2%80%e0%a0%80%ed%9f%bf%ef%bf%bf%f0%90%80%80%f4%8f%bf%bf\"" },
	    "display " },
	{ "4.2.10 no end", { "%\"a" }, BAD },
	{ "4.2.10 no quotes", { "%a" }, BAD },
	{ "4.2.10 no ASCII", { "%\"\xc3\xbc\"" }, BAD },

	{ "3.1.1 inner lists", { "(\"foo\" \"bar\"), (\"baz\"), (\"bat\"   \"one\" ), ()" },
	    "list:<\"foo\" \"bar\"> list:<\"baz\"> list:<\"bat\"   \"one\" > list:<> " },
	{ "3.1.1 with parameters", { "(\"foo\"; a=1;b=2);lvl=5, (a;x b);lvl=1" },
	    "list:<\"foo\"; a=1;b=2> list:<a;x b> " },
	{ "4.2.1.2 commas in it", { "(a, b)" }, BAD },
	{ "4.2.1.2 no space in it", { "(\"a\"\"b\")" }, BAD },
	{ "4.2.1.2 a tab in it", { "(a\tb)" }, BAD },
	{ "4.2.1.2 no end", { "(a b" }, BAD },
	{ "4.2.1.2 no end after a space", { "(a " }, BAD },
	{ "4.2.1.2 no end at all", { "(" }, BAD },
	{ "4.2.1.2 one in another", { "((a))" }, BAD },

	{ "3.1.2 parameters", { "abc;a=1;b=2; cde_456, d;*x-.=?0;y=:YQ==:" },
	    "tok:<abc> tok:<d> " },
	{ "4.2.3.2 spaces after the semicolon", { "a;  b" }, "tok:<a> " },
	{ "4.2.3.2 a tab after the semicolon", { "a;\tb" }, BAD },
	{ "4.2.3.2 a space before the semicolon", { "a ;b" }, BAD },
	{ "4.2.3.2 upper case", { "a;B" }, BAD },
	{ "4.2.3.2 no name", { "a;" }, BAD },
	{ "4.2.3.2 no value", { "a;b=" }, BAD },
	{ "4.2.3.2 spaces at the =", { "a;b= 1" }, BAD },
	{ "4.2.3.2 an inner list", { "a;b=(c)" }, BAD },
};

START_TEST(list)
{
	check(&lists[_i], false);
}
END_TEST

static const struct field dictionaries[] = {
	{ "absent", { NULL }, BAD },
	{ "3.2 empty", { "" }, "" },
	{ "3.2 members", { "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:" },
	    "en=str:<Applepie> da=bytes " },
	{ "3.2 true by itself", { "a=?0, b, c; foo=bar" }, "a=bool:0 b=bool:1 c=bool:1 " },
	{ "3.2 inner lists", { "rating=1.5, feelings=(joy sadness)" },
	    "rating=dec feelings=list:<joy sadness> " },
	{ "3.2 parameters", { "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid" },
	    "a=list:<1 2> b=int:3 c=int:4 d=list:<5 6> " },
	{ "3.2 two lines", { "foo=1", "bar=2" }, "foo=int:1 bar=int:2 " },
	{ "4.2.2 the last of a key, in the place of the first", { "a=1,b=2", "a=x;y" },
	    "a=tok:<x> b=int:2 " },
	{ "4.2.3.3 keys", { "a_b-c.d*9=1, *=2" }, "a_b-c.d*9=int:1 *=int:2 " },
	{ "4.2.3.3 upper case", { "A=1" }, BAD },
	{ "4.2.3.3 upper case inside", { "aB=1" }, BAD },
	{ "4.2.3.3 a digit first", { "1a=1" }, BAD },
	{ "4.2.3.3 a dash first", { "-a" }, BAD },
	{ "4.2.2 no value", { "a=" }, BAD },
	{ "4.2.2 no value, but more", { "a=,b" }, BAD },
	{ "4.2.2 space before the =", { "a =1" }, BAD },
	{ "4.2.2 space after the =", { "a= 1" }, BAD },
	{ "4.2.2 comma at the end", { "a=1," }, BAD },
	{ "4.2.2 an empty line", { "a=1", "" }, BAD },
	{ "4.2.2 no comma", { "a=1 b=2" }, BAD },
	{ "4.2.2 a later fault takes all", { "a=1, b=2, &&&" }, BAD },
	{ "4.2.2 a fault in what is overwritten", { "a=!, a=1" }, BAD },
};

START_TEST(dictionary)
{
	check(&dictionaries[_i], true);
}
END_TEST

START_TEST(as_many_as_fit)
{
	for (unsigned n = SF_MEMBERS; n <= SF_MEMBERS + 1; n++) {
		struct head h = { 0 };
		struct arena a = { 0 };
		struct buf b = { 0 };
		struct sf sf;

		for (unsigned i = 0; i < n; i++)
			buf_addf(&b, "%sk%u=%u", i > 0 ? "," : "", i, i);
		hdr_add(&h, SLICE("F"), buf_slice(&b));
		ck_assert_int_eq(sf_dictionary(&h, SLICE("F"), &a, &sf), n == SF_MEMBERS);
		ck_assert_uint_eq(sf.n, n == SF_MEMBERS ? SF_MEMBERS : 0);
		buf_fini(&b);
		arena_fini(&a);
		head_fini(&h);
	}
}
END_TEST

static Suite *
sf_suite(void)
{
	Suite *s = suite_create("sf");
	TCase *tc = tcase_create("sf");

	tcase_add_loop_test(tc, list, 0, sizeof lists / sizeof lists[0]);
	tcase_add_loop_test(tc, dictionary, 0, sizeof dictionaries / sizeof dictionaries[0]);
	tcase_add_test(tc, as_many_as_fit);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(sf_suite)
