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
		{ "other fields do not count", { { "A" }, { "1" } }, { { "A", "C" }, { "1", "3" } }, true },
		{ "different", { { "A" }, { "1" } }, { { "A" }, { "2" } }, false },
		{ "case of values", { { "A" }, { "x" } }, { { "A" }, { "X" } }, false },
		{ "absent and empty", { { NULL }, { NULL } }, { { "A" }, { "" } }, false },
		{ "swapped", { { "A", "B" }, { "1", "2" } }, { { "A", "B" }, { "2", "1" } }, false },
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

static Suite *
vary_suite(void)
{
	Suite *s = suite_create("vary");
	TCase *tc = tcase_create("vary");

	tcase_add_test(tc, names);
	tcase_add_test(tc, too_many_names);
	tcase_add_test(tc, values);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(vary_suite)
