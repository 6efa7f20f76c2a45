/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/resolve_cache.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define HOUR	(3600 * SEC)
#define T0	(1000 * SEC)

/* addrs: separated by spaces. */
static struct answer
make(const char *addrs, usec_t ttl)
{
	struct answer a = { .ttl = ttl };
	char copy[256], *save = NULL;

	snprintf(copy, sizeof copy, "%s", addrs);
	for (char *s = strtok_r(copy, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
		struct address *to = &a.addrs[a.n++];

		if (inet_pton(AF_INET, s, &to->u.v4.sin_addr) == 1) {
			to->u.v4.sin_family = AF_INET;
			to->len = sizeof to->u.v4;
		} else {
			ck_assert_int_eq(inet_pton(AF_INET6, s, &to->u.v6.sin6_addr), 1);
			to->u.v6.sin6_family = AF_INET6;
			to->len = sizeof to->u.v6;
		}
	}
	return a;
}

static bool
learn(struct name *n, const char *addrs, usec_t ttl, usec_t now)
{
	struct answer a = make(addrs, ttl);

	return name_answered(n, &a, now);
}

static const struct ttl_case {
	usec_t	 ttl, kept;
} ttls[] = {
	{ 30 * SEC, 30 * SEC },
	{ 0, SEC },
	{ -5 * SEC, SEC },		/* RFC 2181 8: the top bit set */
	{ HOUR, HOUR },
	{ 24 * HOUR, HOUR },
	{ INT32_MAX * SEC, HOUR },
};

START_TEST(an_answer_is_fresh_for_its_ttl)
{
	const struct ttl_case *c = &ttls[_i];
	struct name n = { 0 };

	ck_assert_int_eq(name_state(&n, T0), NAME_UNKNOWN);
	learn(&n, "192.0.2.1", c->ttl, T0);
	ck_assert_int_eq(name_state(&n, T0 + c->kept - 1), NAME_FRESH);
	ck_assert_int_eq(name_state(&n, T0 + c->kept), NAME_EXPIRED);
	ck_assert_int_eq(name_state(&n, T0 + c->kept + HOUR - 1), NAME_EXPIRED);
	ck_assert_int_eq(name_state(&n, T0 + c->kept + HOUR), NAME_UNKNOWN);
}
END_TEST

START_TEST(a_failure_keeps_the_answer_for_an_hour)
{
	struct name n = { 0 };
	usec_t t = T0 + 10 * SEC;

	learn(&n, "192.0.2.1", 10 * SEC, T0);
	ck_assert(name_failed(&n, "why", t));
	ck_assert_int_eq(name_state(&n, t + SEC - 1), NAME_FRESH);
	ck_assert_int_eq(name_state(&n, t + SEC), NAME_FAILING);
	ck_assert(!name_failed(&n, "why", t + SEC));
	ck_assert_int_eq(name_state(&n, t + 2 * SEC - 1), NAME_FRESH);
	ck_assert_int_eq(name_state(&n, t + HOUR - 1), NAME_FAILING);
	ck_assert_int_eq(name_state(&n, t + HOUR), NAME_UNKNOWN);
	/* A pause doesn't make it older than that. */
	ck_assert(!name_failed(&n, "why", t + HOUR - 1));
	ck_assert_int_eq(name_state(&n, t + HOUR), NAME_UNKNOWN);
	ck_assert(!name_failed(&n, "why", t + HOUR));
	ck_assert_uint_eq(n.answer.n, 0);
	ck_assert_str_eq(n.error, "why");
	ck_assert_int_eq(name_state(&n, t + HOUR), NAME_ERROR);
	/* It comes back, and the next failure is a first one. */
	ck_assert(!learn(&n, "192.0.2.9", 10 * SEC, t + HOUR));
	ck_assert_int_eq(name_state(&n, t + HOUR), NAME_FRESH);
	ck_assert(name_failed(&n, "why", t + HOUR + 10 * SEC));
}
END_TEST

START_TEST(a_denial_voids_the_answer)
{
	struct name n = { 0 };

	learn(&n, "192.0.2.1", 10 * SEC, T0);
	name_denied(&n, "gone", T0 + 11 * SEC);
	ck_assert_uint_eq(n.answer.n, 0);
	ck_assert_int_eq(name_state(&n, T0 + 12 * SEC - 1), NAME_ERROR);
	ck_assert_int_eq(name_state(&n, T0 + 12 * SEC), NAME_UNKNOWN);
	name_failed(&n, "why", T0 + 12 * SEC);
	ck_assert_int_eq(name_state(&n, T0 + 12 * SEC), NAME_ERROR);
	ck_assert_str_eq(n.error, "why");
}
END_TEST

static const struct change_case {
	const char	*before, *after;
	bool		 changed;
} changes[] = {
	{ "", "192.0.2.1", false },
	{ "192.0.2.1", "192.0.2.1", false },
	{ "192.0.2.1", "192.0.2.2", true },
	{ "192.0.2.1 192.0.2.2", "192.0.2.2 192.0.2.1", false },
	{ "192.0.2.1 192.0.2.2", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.1 192.0.2.2", true },
	{ "192.0.2.1 2001:db8::1", "2001:db8::1 192.0.2.1", false },
	{ "192.0.2.1 2001:db8::1", "192.0.2.1 2001:db8::2", true },
	{ "2001:db8::1", "192.0.2.1", true },
};

START_TEST(a_change_is_one_of_addresses_not_of_order)
{
	const struct change_case *c = &changes[_i];
	struct name n = { 0 };

	if (*c->before != '\0')
		ck_assert(!learn(&n, c->before, SEC, T0));
	ck_assert(learn(&n, c->after, SEC, T0) == c->changed);
}
END_TEST

static const struct lack_case {
	const char	*before, *after;
	int		 family;
} lacks[] = {
	{ "", "", 0 },
	{ "192.0.2.1", "192.0.2.2", 0 },
	{ "192.0.2.1", "", AF_INET },
	{ "192.0.2.1", "2001:db8::1", AF_INET },
	{ "192.0.2.1", "2001:db8::1 192.0.2.1", 0 },
	{ "192.0.2.1 2001:db8::1", "192.0.2.1", AF_INET6 },
	{ "2001:db8::1", "192.0.2.1", AF_INET6 },
};

START_TEST(a_missing_family_is_noticed)
{
	const struct lack_case *c = &lacks[_i];
	struct answer after = make(c->after, SEC);
	struct name n = { 0 };

	if (*c->before != '\0')
		learn(&n, c->before, SEC, T0);
	ck_assert_int_eq(name_lacks(&n, &after, T0 + HOUR), c->family);
	ck_assert_int_eq(name_lacks(&n, &after, T0 + HOUR + SEC), 0);
}
END_TEST

static Suite *
resolve_cache_suite(void)
{
	Suite *s = suite_create("resolve_cache");
	TCase *tc = tcase_create("resolve_cache");

	tcase_add_loop_test(tc, an_answer_is_fresh_for_its_ttl, 0,
	    sizeof ttls / sizeof *ttls);
	tcase_add_test(tc, a_failure_keeps_the_answer_for_an_hour);
	tcase_add_test(tc, a_denial_voids_the_answer);
	tcase_add_loop_test(tc, a_change_is_one_of_addresses_not_of_order, 0,
	    sizeof changes / sizeof *changes);
	tcase_add_loop_test(tc, a_missing_family_is_noticed, 0, sizeof lacks / sizeof *lacks);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(resolve_cache_suite)
