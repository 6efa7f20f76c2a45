/* SPDX-License-Identifier: BSD-2-Clause */
/* `corral demo` ends by itself, with a table in which a thousand clients are one fetch. */
#include "tests/lib/flow.h"

FLOW(demo)
{
	char *out, *err;
	int64_t began = test_now();
	bool thousand = false;

	ck_assert_int_eq(daemon_command((const char *const[]){ "demo", NULL }, &out, &err), 0);
	if (!test_instrumented())
		ck_assert_int_lt(test_now() - began, 30 * INT64_C(1000000));
	/*
	 * Somewhere a line begins with what was asked for, and goes on with 1000 clients, 1
	 * fetch.
	 */
	for (const char *p = strstr(out, "1000"); p != NULL; p = strstr(p + 4, "1000"))
		thousand = thousand || strtol(p + 4, NULL, 10) == 1;
	ck_assert_msg(thousand, "no line of 1000 clients and 1 fetch in:\n%s%s", out, err);
	free(out);
	free(err);
}
