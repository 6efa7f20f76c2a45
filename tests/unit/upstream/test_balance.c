/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/balance.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define KEYS	10000

/* A balancer with its memory and its servers. */
struct rig {
	struct candidate c[CONF_SERVERS_MAX];
	unsigned	 n, turn;
	int		 credit[CONF_SERVERS_MAX];
};

static struct rig
make(unsigned n, const unsigned weight[])
{
	struct rig r = { .n = n };

	for (unsigned i = 0; i < n; i++)
		r.c[i] = (struct candidate){ .id = 0x9e3779b97f4a7c15u * (i + 1),
		    .weight = weight[i], .up = true };
	return r;
}

static int
choose(struct rig *r, enum conf_balance how, uint64_t key)
{
	return balance_choose(how, r->c, r->n, key, &r->turn, r->credit);
}

static const enum conf_balance ways[] = {
	BALANCE_LEAST_CONNECTIONS, BALANCE_ROUND_ROBIN, BALANCE_HASH,
};

/*
 * Servers, a word each: "u" up, "d" down, then "t" tried, "b" backup.  want: the numbers that may
 * be chosen; "" none.
 */
static const struct class_case {
	const char	*servers, *want;
} classes[] = {
	{ "d", "" },
	{ "d dt db dtb", "" },
	{ "u", "0" },
	{ "u u u", "012" },
	{ "u d u", "02" },
	{ "u ub", "0" },
	{ "d ub", "1" },
	{ "ub ub", "01" },
	{ "ut u", "1" },
	{ "ut ut", "01" },
	{ "ut d", "0" },
	{ "ut ub", "1" },		/* what it has tried is as good as down */
	{ "ut utb", "0" },
	{ "d utb", "1" },
	{ "dt u ub ut", "1" },
	{ "ut db u u", "23" },
};

START_TEST(tried_and_backup_come_later)
{
	const struct class_case *c = &classes[_i];
	bool seen[CONF_SERVERS_MAX];
	struct rig r = { 0 };

	for (const char *s = c->servers; *s != '\0'; s += strcspn(s, " "), s += *s == ' ') {
		size_t len = strcspn(s, " ");

		r.c[r.n++] = (struct candidate){ .id = r.n, .weight = 1, .up = *s == 'u',
		    .tried = memchr(s, 't', len) != NULL, .backup = memchr(s, 'b', len) != NULL };
	}
	for (unsigned w = 0; w < sizeof ways / sizeof *ways; w++) {
		memset(seen, 0, sizeof seen);
		for (uint64_t key = 0; key < 200; key++) {
			int k = choose(&r, ways[w], key);

			ck_assert_int_eq(k >= 0, *c->want != '\0');
			if (k >= 0)
				seen[k] = true;
		}
		for (unsigned i = 0; i < r.n; i++)
			ck_assert_int_eq(seen[i], strchr(c->want, '0' + (int)i) != NULL);
	}
}
END_TEST

START_TEST(of_no_servers_none)
{
	struct rig r = { 0 };

	for (unsigned w = 0; w < sizeof ways / sizeof *ways; w++)
		ck_assert_int_eq(choose(&r, ways[w], 7), -1);
}
END_TEST

static const struct weights_case {
	unsigned n, weight[64];
} weights[] = {
	{ 1, { 1 } },
	{ 3, { 1, 1, 1 } },
	{ 3, { 5, 1, 1 } },
	{ 3, { 1, 2, 3 } },
	{ 4, { 7, 3, 11, 1 } },
	{ 2, { 1000, 1 } },
	{ 5, { 1000, 999, 998, 1, 1 } },
	{ 12, { 20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
};

START_TEST(round_robin_is_exact_over_a_cycle)
{
	const struct weights_case *c = &weights[_i];
	struct rig r = make(c->n, c->weight);
	unsigned count[64], sum = 0;

	for (unsigned i = 0; i < c->n; i++)
		sum += c->weight[i];
	for (unsigned cycle = 0; cycle < 3; cycle++) {
		memset(count, 0, sizeof count);
		for (unsigned k = 0; k < sum; k++)
			count[choose(&r, BALANCE_ROUND_ROBIN, 0)]++;
		ck_assert_mem_eq(count, c->weight, c->n * sizeof *count);
		for (unsigned i = 0; i < c->n; i++)
			ck_assert_int_eq(r.credit[i], 0);
	}
}
END_TEST

START_TEST(round_robin_is_spread_evenly)
{
	static const unsigned w[] = { 5, 1, 1 };
	static const int want[] = { 0, 0, 1, 0, 2, 0, 0 };
	struct rig r = make(3, w);

	for (unsigned i = 0; i < 14; i++)
		ck_assert_int_eq(choose(&r, BALANCE_ROUND_ROBIN, 0), want[i % 7]);
}
END_TEST

/* Whatever goes up and down, no server is owed more than a few turns when all is well again. */
START_TEST(round_robin_recovers_at_once)
{
	static const unsigned w[] = { 1000, 1, 30, 30 };
	struct rig r = make(4, w);
	unsigned count[4] = { 0 };

	srandom(1);
	for (unsigned i = 0; i < 100000; i++) {
		for (unsigned k = 0; k < 4; k++)
			r.c[k].up = random() % 3 > 0;
		(void)choose(&r, BALANCE_ROUND_ROBIN, 0);
		for (unsigned k = 0; k < 4; k++)
			if (abs(r.credit[k]) > 5 * 1061)
				ck_abort_msg("server %u: credit %d", k, r.credit[k]);
	}
	for (unsigned k = 0; k < 4; k++)
		r.c[k].up = true;
	for (unsigned i = 0; i < 10 * 1061; i++)
		count[choose(&r, BALANCE_ROUND_ROBIN, 0)]++;
	for (unsigned k = 0; k < 4; k++)
		ck_assert_int_le(abs((int)count[k] - 10 * (int)w[k]), 6);
}
END_TEST

/* As may be left over from weights that were greater. */
START_TEST(no_debt_lasts)
{
	static const unsigned w[] = { 1, 1, 1 };
	struct rig r = make(3, w);
	unsigned count[3] = { 0 };

	r.credit[0] = -1000000;
	r.credit[1] = 1000000;
	for (unsigned i = 0; i < 300; i++)
		count[choose(&r, BALANCE_ROUND_ROBIN, 0)]++;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_le(abs((int)count[i] - 100), 10);
}
END_TEST

START_TEST(the_least_busy_for_its_weight)
{
	static const unsigned w[] = { 1, 2, 4 };
	struct rig r = make(3, w);

	r.c[0].in_flight = 1;
	r.c[1].in_flight = 3;
	r.c[2].in_flight = 3;
	ck_assert_int_eq(choose(&r, BALANCE_LEAST_CONNECTIONS, 0), 2);
	r.c[2].in_flight = 5;
	ck_assert_int_eq(choose(&r, BALANCE_LEAST_CONNECTIONS, 0), 0);
	r.c[0].in_flight = 2;
	r.c[1].in_flight = 2;
	ck_assert_int_eq(choose(&r, BALANCE_LEAST_CONNECTIONS, 0), 1);
	r.c[1].up = false;
	ck_assert_int_eq(choose(&r, BALANCE_LEAST_CONNECTIONS, 0), 2);
	for (unsigned i = 0; i < 3; i++)
		r.c[i].in_flight = UINT32_MAX;
	r.c[1].up = true;
	ck_assert_int_eq(choose(&r, BALANCE_LEAST_CONNECTIONS, 0), 2);
}
END_TEST

START_TEST(load_is_as_the_weights)
{
	static const unsigned w[] = { 1, 2, 4 };
	struct rig r = make(3, w);

	for (unsigned i = 0; i < 700; i++)
		r.c[choose(&r, BALANCE_LEAST_CONNECTIONS, 0)].in_flight++;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(r.c[i].in_flight, 100 * w[i]);
}
END_TEST

/* Nothing is in flight when the next comes: all are equal each time. */
START_TEST(equals_share_by_weight)
{
	static const unsigned w[] = { 1, 2, 4 };
	struct rig r = make(3, w);
	unsigned count[3] = { 0 };

	for (unsigned i = 0; i < 700; i++)
		count[choose(&r, BALANCE_LEAST_CONNECTIONS, 0)]++;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(count[i], 100 * w[i]);
}
END_TEST

static uint64_t
key_of(unsigned i)
{
	return i * 0x2545f4914f6cdd1du;
}

START_TEST(shares_of_the_keys_follow_the_weights)
{
	static const unsigned w[] = { 1, 1, 2, 4 };
	struct rig r = make(4, w);
	unsigned count[4] = { 0 };

	for (unsigned i = 0; i < KEYS; i++)
		count[choose(&r, BALANCE_HASH, key_of(i))]++;
	for (unsigned i = 0; i < 4; i++) {
		double share = (double)count[i] / KEYS, want = w[i] / 8.0;

		ck_assert_double_eq_tol(share, want, 0.02);
	}
}
END_TEST

/* Which one is down says how; the others keep their keys, and get theirs by weight. */
START_TEST(a_server_that_goes_moves_only_its_keys)
{
	static const unsigned w[] = { 1, 3, 2, 1, 3 };
	struct rig r = make(5, w);
	unsigned moved = 0, got[5] = { 0 };
	static int before[KEYS];

	for (unsigned i = 0; i < KEYS; i++)
		before[i] = choose(&r, BALANCE_HASH, key_of(i));
	r.c[_i].up = false;
	for (unsigned i = 0; i < KEYS; i++) {
		int k = choose(&r, BALANCE_HASH, key_of(i));

		ck_assert_int_ne(k, _i);
		if (before[i] != _i) {
			ck_assert_int_eq(k, before[i]);
			continue;
		}
		moved++;
		got[k]++;
	}
	for (int k = 0; k < 5; k++)
		if (k != _i)
			ck_assert_double_eq_tol((double)got[k] / moved,
			    (double)w[k] / (10 - w[_i]), 0.07);
	r.c[_i].up = true;
	for (unsigned i = 0; i < KEYS; i++)
		ck_assert_int_eq(choose(&r, BALANCE_HASH, key_of(i)), before[i]);
}
END_TEST

START_TEST(a_heavier_server_only_gains)
{
	static const unsigned w[] = { 2, 2, 2 };
	struct rig r = make(3, w), heavier = r;
	unsigned gained = 0;

	heavier.c[1].weight = 3;
	for (unsigned i = 0; i < KEYS; i++) {
		int k = choose(&r, BALANCE_HASH, key_of(i));
		int to = choose(&heavier, BALANCE_HASH, key_of(i));

		ck_assert(to == k || to == 1);
		gained += to != k;
	}
	ck_assert_uint_gt(gained, 0);
}
END_TEST

START_TEST(a_place_in_the_list_does_not_matter_to_a_key)
{
	static const unsigned w[] = { 1, 2, 3, 4 };
	struct rig r = make(4, w), turned = r;

	for (unsigned i = 0; i < 4; i++)
		turned.c[i] = r.c[3 - i];
	for (unsigned i = 0; i < KEYS; i++)
		ck_assert_int_eq(choose(&r, BALANCE_HASH, key_of(i)),
		    3 - choose(&turned, BALANCE_HASH, key_of(i)));
}
END_TEST

static Suite *
balance_suite(void)
{
	Suite *s = suite_create("balance");
	TCase *tc = tcase_create("balance");

	tcase_add_loop_test(tc, tried_and_backup_come_later, 0,
	    sizeof classes / sizeof *classes);
	tcase_add_test(tc, of_no_servers_none);
	tcase_add_loop_test(tc, round_robin_is_exact_over_a_cycle, 0,
	    sizeof weights / sizeof *weights);
	tcase_add_test(tc, round_robin_is_spread_evenly);
	tcase_add_test(tc, round_robin_recovers_at_once);
	tcase_add_test(tc, no_debt_lasts);
	tcase_add_test(tc, the_least_busy_for_its_weight);
	tcase_add_test(tc, load_is_as_the_weights);
	tcase_add_test(tc, equals_share_by_weight);
	tcase_add_test(tc, shares_of_the_keys_follow_the_weights);
	tcase_add_loop_test(tc, a_server_that_goes_moves_only_its_keys, 0, 5);
	tcase_add_test(tc, a_heavier_server_only_gains);
	tcase_add_test(tc, a_place_in_the_list_does_not_matter_to_a_key);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(balance_suite)
