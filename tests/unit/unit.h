/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main() of a test program: UNIT_MAIN(suite_fn), where suite_fn is `Suite *suite_fn(void)`.
 * CK_RUN_SUITE, CK_FORK, CK_VERBOSITY and CK_DEFAULT_TIMEOUT work as in Check's manual.  Check's
 * closing line ("100%: Checks: 12, Failures: 0, Errors: 0") is what ./bootstrap counts.
 */
#ifndef CORRAL_TESTS_UNIT_UNIT_H
#define CORRAL_TESTS_UNIT_UNIT_H

#include <stdlib.h>

#include <check.h>

/* A program that ran no test has tested nothing, so it fails too. */
#define UNIT_MAIN(suite_fn)						\
	int								\
	main(void)							\
	{								\
		SRunner *sr = srunner_create(suite_fn());		\
		int failed, ran;					\
									\
		srunner_run_all(sr, CK_ENV);				\
		failed = srunner_ntests_failed(sr);			\
		ran = srunner_ntests_run(sr);				\
		srunner_free(sr);					\
		return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
	}

#endif
