/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache-Status as RFC 9211 has it: one line, parameters in a fixed order, strings escaped. */
#include "front/status.h"

#include "tests/unit/unit.h"

static const struct {
	const char	*name;
	struct status	 s;
	int		 sent;
	const char	*text;
} cases[] = {
	{ "2: nothing to say", { 0 }, 200, "corral" },
	{ "2.1 hit", { .hit = true, .has_ttl = true, .ttl = 41 * USEC_PER_SEC + 5 }, 200,
	    "corral; hit; ttl=41" },
	{ "2.2 fwd, with what became of it", { .fwd = "uri-miss", .stored = true, .collapsed = true,
	    .has_ttl = true, .ttl = 60 * USEC_PER_SEC, .fwd_status = 200 }, 200,
	    "corral; fwd=uri-miss; stored; collapsed; ttl=60" },
	{ "2.3 another status than the one sent", { .fwd = "stale", .fwd_status = 503,
	    .has_ttl = true, .ttl = -USEC_PER_SEC, .detail = "stale-if-error" }, 200,
	    "corral; fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error" },
	{ "2.3 only of what went forward", { .hit = true, .fwd_status = 200 }, 304, "corral; hit" },
	{ "2.4 stale since less than a second", { .hit = true, .has_ttl = true, .ttl = -1 }, 200,
	    "corral; hit; ttl=-1" },
	{ "2.4 fresh for less than a second", { .hit = true, .has_ttl = true, .ttl = 1 }, 200,
	    "corral; hit; ttl=0" },
	{ "2.4 stale since just now", { .hit = true, .has_ttl = true, .ttl = 0 }, 200,
	    "corral; hit; ttl=0" },
	{ "2.7 key", { .hit = true, .key = SLICE_INIT("http://a/b?c=\"d\\\"\nh:x:\x01\xff") }, 200,
	    "corral; hit; key=\"http://a/b?c=\\\"d\\\\\\\"%0Ah:x:%01%FF\"" },
};

START_TEST(each_case)
{
	struct buf out = { 0 }, want = { 0 };

	buf_addf(&want, "Cache-Status: %s\r\n", cases[_i].text);
	status_write(&cases[_i].s, cases[_i].sent, &out);
	ck_assert_msg(slice_eq(buf_slice(&out), buf_slice(&want)), "%s: %.*s", cases[_i].name,
	    (int)out.n, out.p);
	buf_fini(&out);
	buf_fini(&want);
}
END_TEST

static Suite *
status_suite(void)
{
	Suite *s = suite_create("status");
	TCase *tc = tcase_create("status");

	tcase_add_loop_test(tc, each_case, 0, (int)(sizeof cases / sizeof cases[0]));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(status_suite)
