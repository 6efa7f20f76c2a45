/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/line.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* A wait that knows whose it is. */
struct person {
	struct line_node node;			/* first */
	uint64_t	 client;
	unsigned	 number;		/* in order of coming */
	bool		 in;
};

static struct line line;
static unsigned come;

static void
setup(void)
{
	line_init(&line);
	come = 0;
}

static struct person *
person_of(struct line_node *n)
{
	return (struct person *)n;
}

static void
join(struct person *p, uint64_t client, uint64_t key, unsigned wanted)
{
	p->client = client;
	p->number = come++;
	p->in = true;
	line_add(&line, &p->node, client, key, wanted, 1000 + p->number);
}

static void
leave(struct person *p)
{
	p->in = false;
	line_remove(&line, &p->node);
}

static struct person *
take(void)
{
	struct line_node *first = line_first(&line), *n = line_take(&line);

	/* Not for each of a million an assertion that Check writes down. */
	if (n != first)
		ck_abort_msg("the first is not the one who is next");
	if (n != NULL)
		person_of(n)->in = false;
	return person_of(n);
}

START_TEST(nobody_is_in_an_empty_line)
{
	ck_assert_ptr_null(line_take(&line));
	ck_assert_ptr_null(line_first(&line));
	ck_assert_ptr_null(line_last(&line));
	ck_assert_int_eq(line_oldest(&line), USEC_NEVER);
	ck_assert_uint_eq(line.n, 0);
}
END_TEST

START_TEST(equals_are_served_as_they_came)
{
	static struct person p[100];

	for (unsigned i = 0; i < 100; i++)
		join(&p[i], i, i, 1);
	ck_assert_ptr_eq(line_last(&line), &p[99].node);
	ck_assert_int_eq(line_oldest(&line), 1000);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(line.n, 100 - i);
		ck_assert_ptr_eq(take(), &p[i]);
	}
	ck_assert_ptr_null(take());
}
END_TEST

/* One with a thousand waits for as many keys, then ten with one each. */
START_TEST(the_one_with_many_takes_turns_with_those_with_one)
{
	static struct person many[1000], one[10];
	unsigned served = 0, turns = 0;

	for (unsigned i = 0; i < 1000; i++)
		join(&many[i], 500, 7 * i, 1);
	for (unsigned i = 0; i < 10; i++)
		join(&one[i], i, 10000 + 7 * i, 1);
	ck_assert_ptr_eq(line_last(&line), &many[999].node);
	for (; served < 10; turns++)
		served += take()->client != 500;
	ck_assert_uint_le(turns, 20);
	for (; turns < 1010; turns++)
		ck_assert_uint_eq(take()->client, 500);
	ck_assert_ptr_null(take());
}
END_TEST

/* Each from a client of its own; a thousand want one key. */
START_TEST(keys_take_turns_too)
{
	static struct person hot[500], other[10];
	unsigned served = 0, turns = 0;

	for (unsigned i = 0; i < 500; i++)
		join(&hot[i], i, 900, 1);
	for (unsigned i = 0; i < 10; i++)
		join(&other[i], 600 + i, i, 1);
	for (; served < 10; turns++)
		served += take()->client >= 600;
	ck_assert_uint_le(turns, 20);
}
END_TEST

/* One address for many people: a page that all of them want is not before all that others want. */
START_TEST(keys_of_one_client_take_turns)
{
	static struct person hot[200], other[10];
	unsigned served = 0, turns = 0;

	for (unsigned i = 0; i < 200; i++)
		join(&hot[i], 1, 7, 1);
	for (unsigned i = 0; i < 10; i++)
		join(&other[i], 1, 100 + i, 1);
	for (; served < 10; turns++)
		served += take()->number >= 200;
	ck_assert_uint_le(turns, 25);
	for (; take() != NULL; turns++)
		;
	ck_assert_uint_eq(turns, 210);
}
END_TEST

/* Two clients whose pairs share a slot: nothing is counted on the wrong one. */
START_TEST(pairs_that_collide)
{
	static struct person a, b, more[20];

	for (int round = 0; round < 1000; round++) {
		join(&a, 1, 31, 1);
		join(&b, 2, 0, 1);
		ck_assert_uint_eq(a.node.pair, b.node.pair);
		join(&more[round % 20], 3, (uint64_t)round, 1);
		leave(&a);
		leave(&b);
		if (round % 20 == 19)
			for (int i = 0; i < 20; i++)
				leave(&more[i]);
		ck_assert_uint_le(line.keys[1], 1);
		ck_assert_uint_eq(line.keys[2], 0);
	}
	for (unsigned i = 0; i < LINE_FLOWS; i++)
		ck_assert(line.pair[i] == 0 && line.keys[i] == 0 && line.waits[i] == 0);
}
END_TEST

START_TEST(places_are_shared_evenly)
{
	static struct person p[3][400];
	unsigned count[3] = { 0 };

	for (unsigned c = 0; c < 3; c++)
		for (unsigned i = 0; i < (c + 2) * 100; i++)
			join(&p[c][i], c, 10 + c + 3 * i, 1);
	for (unsigned i = 0; i < 300; i++) {
		count[take()->client]++;
		ck_assert_uint_le(count[0] > count[2] ? count[0] - count[2] :
		    count[2] - count[0], 2);
	}
	for (unsigned c = 0; c < 3; c++)
		ck_assert_uint_ge(count[c], 99);
}
END_TEST

START_TEST(the_more_want_it_the_sooner)
{
	static struct person p[5];
	static const unsigned wanted[5] = { 1, 0, 3, 50, 2 }, order[5] = { 3, 2, 4, 0, 1 };

	for (unsigned i = 0; i < 5; i++)
		join(&p[i], i, i, wanted[i]);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_ptr_eq(take(), &p[order[i]]);
}
END_TEST

/* The crowd comes later, behind one whose client has a long line of its own. */
START_TEST(wanting_more_moves_it_on)
{
	static struct person p[100], other;
	uint64_t tag;

	for (unsigned i = 0; i < 100; i++)
		join(&p[i], 1, i, 1);
	join(&other, 2, 200, 1);
	line_want(&line, &p[99].node, 50);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_ptr_ne(take(), &p[98]);
	ck_assert(!p[99].in);
	tag = p[50].node.tag;
	line_want(&line, &p[50].node, 1);
	line_want(&line, &p[50].node, 0);
	ck_assert_uint_eq(p[50].node.tag, tag);
	line_want(&line, &p[50].node, 3);
	ck_assert_uint_lt(p[50].node.tag, tag);
	tag = p[50].node.tag;
	line_want(&line, &p[50].node, 2);
	ck_assert_uint_eq(p[50].node.tag, tag);
	line_want(&line, &p[50].node, UINT32_MAX);
	ck_assert_uint_lt(p[50].node.tag, tag);
	ck_assert_uint_gt(p[50].node.tag, p[50].node.start);
}
END_TEST

START_TEST(those_who_wanted_it_too_share_the_cost)
{
	static struct person alone, shared, next;

	join(&alone, 2, 2, 1);
	join(&shared, 1, 1, 4);
	ck_assert_ptr_eq(take(), &shared);
	ck_assert_uint_eq(line.now, LINE_COST / 4);
	join(&next, 1, 1, 1);
	ck_assert_uint_eq(next.node.tag, LINE_COST / 4 + LINE_COST);
}
END_TEST

/* Its tag is before the virtual time then, which must not go back. */
START_TEST(time_does_not_go_back)
{
	static struct person a[20], b[20];
	uint64_t now;

	for (unsigned i = 0; i < 20; i++) {
		join(&a[i], 1, i, 1);
		join(&b[i], 2, 100 + i, 1);
	}
	for (unsigned i = 0; i < 20; i++)
		(void)take();
	now = line.now;
	line_want(&line, &a[19].node, 1000);
	ck_assert_ptr_eq(take(), &a[19]);
	ck_assert_uint_eq(line.now, now);
	ck_assert_ptr_eq(take(), &a[10]);
}
END_TEST

/* All ways to leave: in the order of coming, the other way round, and mixed. */
START_TEST(who_leaves_owes_nothing)
{
	static struct person gone[300], stays, fresh;

	join(&stays, 9, 9, 1);
	for (unsigned i = 0; i < 300; i++)
		join(&gone[i], 1, 2, 1);
	for (unsigned i = 0; i < 300; i++)
		leave(&gone[_i == 0 ? i : _i == 1 ? 299 - i : i * 7 % 300]);
	ck_assert_uint_eq(line.client[1], 0);
	ck_assert_uint_eq(line.key[2], 0);
	join(&fresh, 1, 2, 1);
	ck_assert_uint_eq(fresh.node.tag, stays.node.tag);
	ck_assert_uint_eq(line.n, 2);
}
END_TEST

START_TEST(a_wait_that_is_refused_at_the_end_leaves_no_trace)
{
	static struct person p[10], refused;
	struct line before;

	for (unsigned i = 0; i < 10; i++)
		join(&p[i], 1, i, 1);
	before = line;
	for (unsigned i = 0; i < 100; i++) {
		join(&refused, 1, 50, 1);
		ck_assert_ptr_eq(line_last(&line), &refused.node);
		leave(&refused);
	}
	ck_assert_mem_eq(line.client, before.client, sizeof line.client);
	ck_assert_uint_eq(line.now, before.now);
	ck_assert_uint_eq(line.n, before.n);
}
END_TEST

/*
 * One asks for five times its share, and its waits give up after a while; the other always has
 * one in the line.  Both get about half of the turns, for ever.  (If leaving were not free, the
 * greedy one would soon get none at all.)
 */
START_TEST(a_greedy_client_keeps_its_share)
{
	static struct person greedy[64], modest;
	unsigned next = 0, oldest = 0, count[2] = { 0 };

	for (unsigned turn = 0; turn < 20000; turn++) {
		for (unsigned i = 0; i < 3; i++, next++) {
			if (next - oldest == 64)
				oldest++;
			if (greedy[next % 64].in)
				leave(&greedy[next % 64]);
			join(&greedy[next % 64], 0, next % 500, 1);
		}
		if (!modest.in)
			join(&modest, 1, 600, 1);
		count[take()->client]++;
		if (turn % 1000 == 999) {
			ck_assert_uint_ge(count[0], 450);
			ck_assert_uint_ge(count[1], 450);
			memset(count, 0, sizeof count);
		}
	}
}
END_TEST

/*
 * A line of two hundred, always full, and whoever comes is wanted by everybody: the one that had
 * the worst place at first gets its turn in a bounded time (see line.c).
 */
START_TEST(nobody_starves)
{
	static struct person crowd[200], poor[50];
	unsigned turns = 0;

	for (unsigned i = 0; i < 50; i++)
		join(&poor[i], 1000, 1000, 1);
	for (unsigned i = 0; i < 200; i++)
		join(&crowd[i], i, i, UINT32_MAX);
	while (poor[0].in) {
		struct person *p = take();

		if (++turns > 200 * 1024 + 200)
			ck_abort_msg("it waits too long");
		if (p >= crowd && p < crowd + 200)
			join(p, p->client, p->client, UINT32_MAX);
	}
	/* The others of the same flow come in their turn: with fewer in the crowd, for speed. */
	for (unsigned i = 4; i < 200; i++)
		if (crowd[i].in)
			leave(&crowd[i]);
	for (turns = 0; poor[49].in; turns++) {
		struct person *p = take();

		if (turns > 4 * 1024 * 50)
			ck_abort_msg("the last waits too long");
		if (p >= crowd && p < crowd + 4)
			join(p, p->client, p->client, UINT32_MAX);
	}
}
END_TEST

START_TEST(an_empty_line_forgets)
{
	static struct person p[50], a, b;

	for (unsigned i = 0; i < 50; i++)
		join(&p[i], 1, 1, 1);
	while (take() != NULL)
		;
	join(&a, 1, 1, 1);
	ck_assert_uint_eq(a.node.tag, LINE_COST);
	ck_assert_uint_eq(line.now, 0);
	ck_assert_uint_eq(a.node.seq, 0);
	leave(&a);
	join(&b, 1, 1, 1);
	ck_assert_uint_eq(b.node.tag, LINE_COST);
}
END_TEST

#define CROWD	100000

/* A hundred thousand of all kinds, by chance; the least tag is always first, and nobody is lost. */
START_TEST(a_hundred_thousand)
{
	struct person *p = calloc(CROWD, sizeof *p), *last = NULL;
	unsigned left = 0, in = 0;
	usec_t oldest = USEC_NEVER;

	ck_assert_ptr_nonnull(p);
	srandom(7);
	for (unsigned i = 0; i < CROWD; i++) {
		join(&p[i], (uint64_t)random(), (uint64_t)random() % 5000,
		    (unsigned)random() % 4);
		if (i % 3 == 0)
			line_want(&line, &p[(unsigned)random() % (i + 1)].node, i % 100);
	}
	for (unsigned i = 0; i < CROWD; i += 1 + (unsigned)random() % 5, left++)
		leave(&p[i]);
	for (unsigned i = 0; i < CROWD; i++) {
		in += p[i].in;
		if (p[i].in && p[i].node.since < oldest)
			oldest = p[i].node.since;
	}
	ck_assert_uint_eq(in, CROWD - left);
	ck_assert_uint_eq(line.n, in);
	ck_assert_int_eq(line_oldest(&line), oldest);
	for (; in > 0; in--) {
		struct person *n = take();

		if (n == NULL)
			ck_abort_msg("somebody was lost");
		if (last != NULL && (n->node.tag < last->node.tag ||
		    (n->node.tag == last->node.tag && n->node.seq < last->node.seq)))
			ck_abort_msg("out of order");
		last = n;
	}
	ck_assert_ptr_null(take());
	free(p);
}
END_TEST

/* The same happenings give the same order: the tags of two runs, folded into one number. */
static uint64_t
run(void)
{
	static struct person p[500];
	uint64_t trace = 0;

	setup();
	memset(p, 0, sizeof p);
	srandom(3);
	for (unsigned i = 0; i < 20000; i++) {
		struct person *one = &p[(unsigned)random() % 500];

		switch (random() % 4) {
		case 0:
		case 1:
			if (!one->in)
				join(one, (uint64_t)random() % 40, (uint64_t)random() % 90, 1);
			break;
		case 2:
			if (one->in && random() % 2 == 0)
				leave(one);
			else if (one->in)
				line_want(&line, &one->node, (unsigned)random() % 30);
			break;
		case 3:
			if ((one = take()) != NULL)
				trace = trace * 31 + (uint64_t)(one - p);
			break;
		}
	}
	return trace;
}

START_TEST(the_same_again)
{
	uint64_t first = run();

	ck_assert_uint_ne(first, 0);
	ck_assert_uint_eq(run(), first);
}
END_TEST

static Suite *
line_suite(void)
{
	Suite *s = suite_create("line");
	TCase *tc = tcase_create("line");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nobody_is_in_an_empty_line);
	tcase_add_test(tc, equals_are_served_as_they_came);
	tcase_add_test(tc, the_one_with_many_takes_turns_with_those_with_one);
	tcase_add_test(tc, keys_take_turns_too);
	tcase_add_test(tc, keys_of_one_client_take_turns);
	tcase_add_test(tc, pairs_that_collide);
	tcase_add_test(tc, places_are_shared_evenly);
	tcase_add_test(tc, the_more_want_it_the_sooner);
	tcase_add_test(tc, wanting_more_moves_it_on);
	tcase_add_test(tc, those_who_wanted_it_too_share_the_cost);
	tcase_add_test(tc, time_does_not_go_back);
	tcase_add_loop_test(tc, who_leaves_owes_nothing, 0, 3);
	tcase_add_test(tc, a_wait_that_is_refused_at_the_end_leaves_no_trace);
	tcase_add_test(tc, a_greedy_client_keeps_its_share);
	tcase_add_test(tc, nobody_starves);
	tcase_add_test(tc, an_empty_line_forgets);
	tcase_add_test(tc, a_hundred_thousand);
	tcase_add_test(tc, the_same_again);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(line_suite)
