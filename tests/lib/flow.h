/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow test: FLOW(behaviour) { … } is a whole program of one scenario, the real daemon between
 * a scripted origin and scripted clients.  It waits on barriers and counters, never on time.
 */
#ifndef CORRAL_TESTS_LIB_FLOW_H
#define CORRAL_TESTS_LIB_FLOW_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "tests/lib/client.h"
#include "tests/lib/daemon.h"
#include "tests/lib/herd.h"
#include "tests/lib/origin.h"
#include "tests/lib/test.h"
#include "tests/unit/unit.h"

#define KIB	(UINT64_C(1) << 10)
#define MIB	(UINT64_C(1) << 20)

#define FLOW(name)							\
	static void flow_##name(void);					\
									\
	static void							\
	flow_failed(const char *message)				\
	{								\
		ck_abort_msg("%s", message);				\
	}								\
									\
	START_TEST(name)						\
	{								\
		test_failed = flow_failed;				\
		flow_##name();						\
	}								\
	END_TEST							\
									\
	static Suite *							\
	flow_suite(void)						\
	{								\
		Suite *s = suite_create(#name);				\
		TCase *tc = tcase_create(#name);			\
									\
		if (getenv("CK_DEFAULT_TIMEOUT") == NULL)		\
			tcase_set_timeout(tc, 60);			\
		tcase_add_test(tc, name);				\
		suite_add_tcase(s, tc);					\
		return s;						\
	}								\
	UNIT_MAIN(flow_suite)						\
									\
	static void							\
	flow_##name(void)

#endif
