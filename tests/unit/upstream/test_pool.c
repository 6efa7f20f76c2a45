/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/upstream/seats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/contract.h"

/* Of one server. */
static struct pool *
pool_of(unsigned max, unsigned queue, unsigned keepalive)
{
	return pool_from(upstream_of("a", max, queue, keepalive));
}

/* A name is looked up for new connections only: one that is used all the time goes, too. */
START_TEST(a_connection_to_a_name_ends_in_time)
{
	static char address[] = "http://[::1]:80", literal[] = "::1";
	struct conf_server by_address = { .url = address, .host = literal, .weight = 1 };
	struct conf_upstream u = upstream_of("a", 1, 9, 9);
	struct conf_server *named = u.servers;
	struct pair c = connect_pair();
	struct seat s = { 0 };
	struct pool *p;

	if (_i == 1)
		u.servers = &by_address;
	p = pool_new(&u, 0);
	u.servers = named;
	servers_free(&u);
	ck_assert_int_eq(acquire(p, &s, SEC), POOL_READY);
	pool_release(&s.w, c.ours, 2 * SEC);
	for (usec_t now = 10 * SEC; now < 60 * SEC; now += 10 * SEC) {
		ck_assert_int_eq(acquire(p, &s, now), POOL_READY);
		ck_assert_int_eq(s.w.fd, c.ours);
		pool_release(&s.w, c.ours, now);
	}
	ck_assert_int_eq(acquire(p, &s, 61 * SEC), POOL_READY);
	ck_assert_int_eq(s.w.fd, c.ours);
	pool_release(&s.w, c.ours, _i < 2 ? 62 * SEC : 61 * SEC);
	ck_assert_int_eq(was_closed(&c), _i == 0);
	/* Nor is one taken up that has come to that age while it was idle. */
	ck_assert_int_eq(acquire(p, &s, 62 * SEC), POOL_READY);
	ck_assert_int_eq(s.w.fd, _i == 1 ? c.ours : -1);
	pool_release(&s.w, s.w.fd, 62 * SEC);
	close(c.theirs);
	pool_unref(p);
}
END_TEST

START_TEST(last_in_first_out)
{
	struct pool *p = pool_of(9, 0, 9);
	struct seat s[4] = { 0 };
	struct pair a = add_idle(p, 1), b = add_idle(p, 2);

	check_figures(p, 2, 2, 0);
	ck_assert_int_eq(acquire(p, &s[0], 3), POOL_READY);
	ck_assert_int_eq(s[0].w.fd, b.ours);
	ck_assert_int_eq(acquire(p, &s[1], 3), POOL_READY);
	ck_assert_int_eq(s[1].w.fd, a.ours);
	ck_assert_int_eq(acquire(p, &s[2], 3), POOL_READY);
	ck_assert_int_eq(s[2].w.fd, -1);
	check_figures(p, 3, 0, 0);
	pool_release(&s[2].w, -1, 4);
	pool_release(&s[1].w, a.ours, 4);
	pool_release(&s[0].w, b.ours, 5);
	ck_assert_int_eq(acquire(p, &s[3], 6), POOL_READY);
	ck_assert_int_eq(s[3].w.fd, b.ours);
	pool_release(&s[3].w, b.ours, 7);
	pool_unref(p);
	ck_assert(was_closed(&a) && was_closed(&b));
	close(a.theirs);
	close(b.theirs);
}
END_TEST

START_TEST(dead_ones_are_passed_over)
{
	struct pool *p = pool_of(9, 0, 9);
	struct pair a = add_idle(p, 1), b = add_idle(p, 2), c = add_idle(p, 3);
	struct seat s = { 0 };

	close(c.theirs);
	ck_assert_int_eq(send(b.theirs, "x", 1, 0), 1);
	ck_assert_int_eq(acquire(p, &s, 4), POOL_READY);
	ck_assert_int_eq(s.w.fd, a.ours);
	check_figures(p, 1, 0, 0);
	ck_assert_int_eq(send(b.theirs, "x", 1, MSG_NOSIGNAL), -1);
	pool_release(&s.w, a.ours, 4);
	close(a.theirs);
	ck_assert_int_eq(acquire(p, &s, 4), POOL_READY);
	ck_assert_int_eq(s.w.fd, -1);
	pool_release(&s.w, -1, 4);
	check_figures(p, 0, 0, 0);
	pool_unref(p);
	close(b.theirs);
}
END_TEST

START_TEST(only_young_ones_for_the_unrepeatable)
{
	struct pool *p = pool_of(2, 0, 9);
	struct pair a = add_idle(p, 10 * SEC), b = add_idle(p, 12 * SEC);
	struct seat s[2] = { 0 };

	ck_assert_int_eq(acquire_young(p, &s[0], 13 * SEC, 1 * SEC), POOL_READY);
	ck_assert_int_eq(s[0].w.fd, b.ours);
	/* The other one is too old for it, and in the way of a new one. */
	ck_assert_int_eq(acquire_young(p, &s[1], 13 * SEC, 1 * SEC), POOL_READY);
	ck_assert_int_eq(s[1].w.fd, -1);
	ck_assert(was_closed(&a));
	check_figures(p, 2, 0, 0);
	pool_release(&s[0].w, b.ours, 14 * SEC);
	pool_release(&s[1].w, -1, 14 * SEC);
	pool_unref(p);
	close(a.theirs);
	close(b.theirs);
}
END_TEST

START_TEST(the_keepalive_cap_drops_the_oldest)
{
	struct pool *p = pool_of(9, 0, 2);
	struct pair a = add_idle(p, 1), b = add_idle(p, 2), c = add_idle(p, 3);
	struct pool *none = pool_of(9, 0, 0);
	struct pair d = add_idle(none, 1);

	check_figures(p, 2, 2, 0);
	ck_assert(was_closed(&a) && !was_closed(&b) && !was_closed(&c));
	check_figures(none, 0, 0, 0);
	ck_assert(was_closed(&d));
	pool_unref(p);
	pool_unref(none);
	close(a.theirs);
	close(b.theirs);
	close(c.theirs);
	close(d.theirs);
}
END_TEST

START_TEST(the_queue_is_first_come_first_served)
{
	struct pool *p = pool_of(1, 2, 9);
	struct pair c = connect_pair();
	struct seat s[4] = { 0 };
	struct seat *order[4] = { 0 };

	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], 1), POOL_QUEUED);
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_QUEUED);
	ck_assert_int_eq(acquire(p, &s[3], 1), POOL_FULL);
	ck_assert_ptr_null(s[3].w.pool);
	check_figures(p, 1, 0, 2);
	s[1].order = s[2].order = order;
	pool_release(&s[0].w, c.ours, 2);
	ck_assert_uint_eq(s[1].readied, 0);
	/* On its way to the first, and nobody comes between. */
	ck_assert_int_eq(acquire(p, &s[3], 2), POOL_QUEUED);
	deliver();
	ck_assert_uint_eq(s[1].readied, 1);
	ck_assert_int_eq(s[1].w.fd, c.ours);
	ck_assert_ptr_eq(order[0], &s[1]);
	ck_assert_uint_eq(s[2].readied, 0);
	/* Closed by the server while it changes hands. */
	pool_release(&s[1].w, c.ours, 3);
	close(c.theirs);
	deliver();
	ck_assert_uint_eq(s[2].readied, 1);
	ck_assert_int_eq(s[2].w.fd, -1);
	pool_release(&s[2].w, -1, 4);
	deliver();
	ck_assert_uint_eq(s[3].readied, 1);
	ck_assert_int_eq(s[3].w.fd, -1);
	check_figures(p, 1, 0, 0);
	pool_release(&s[3].w, -1, 5);
	check_figures(p, 0, 0, 0);
	pool_unref(p);
}
END_TEST

START_TEST(giving_up)
{
	struct pool *p = pool_of(1, 9, 9);
	struct pair c = connect_pair();
	struct seat s[4] = { 0 };

	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	for (int i = 1; i < 4; i++)
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_QUEUED);
	pool_cancel(&s[2].w, 1);
	check_figures(p, 1, 0, 2);
	/* Given, not taken up: the connection goes to the next in the queue. */
	pool_release(&s[0].w, c.ours, 2);
	pool_cancel(&s[1].w, 2);
	check_figures(p, 1, 0, 0);
	deliver();
	ck_assert_uint_eq(s[1].readied, 0);
	ck_assert_uint_eq(s[2].readied, 0);
	ck_assert_uint_eq(s[3].readied, 1);
	ck_assert_int_eq(s[3].w.fd, c.ours);
	pool_release(&s[3].w, c.ours, 3);
	check_figures(p, 1, 1, 0);
	pool_unref(p);
	ck_assert(was_closed(&c));
	close(c.theirs);
}
END_TEST

START_TEST(a_reload_changes_the_limits)
{
	struct pool *p = pool_of(3, 9, 9);
	struct pair a, b, c = connect_pair();
	struct seat s[5] = { 0 };

	a = add_idle(p, 1);
	b = add_idle(p, 1);
	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_READY);
	/* Lower: what is open comes back first. */
	configure(p, upstream_of("a", 1, 9, 9), 2);
	ck_assert_int_eq(acquire(p, &s[3], 1), POOL_QUEUED);
	pool_release(&s[0].w, s[0].w.fd, 2);
	pool_release(&s[2].w, c.ours, 2);
	deliver();
	ck_assert_uint_eq(s[3].readied, 0);
	ck_assert(was_closed(&c) && was_closed(&b) && !was_closed(&a));
	check_figures(p, 1, 0, 1);
	pool_release(&s[1].w, -1, 2);
	deliver();
	ck_assert_uint_eq(s[3].readied, 1);
	/* Higher: those who wait get theirs at once. */
	ck_assert_int_eq(acquire(p, &s[0], 3), POOL_QUEUED);
	ck_assert_int_eq(acquire(p, &s[1], 3), POOL_QUEUED);
	configure(p, upstream_of("a", 4, 9, 9), 3);
	check_figures(p, 3, 0, 0);
	deliver();
	ck_assert_uint_eq(s[0].readied, 1);
	ck_assert_uint_eq(s[1].readied, 1);
	pool_release(&s[0].w, -1, 4);
	pool_release(&s[1].w, -1, 4);
	pool_release(&s[3].w, -1, 4);
	pool_unref(p);
	close(a.ours);	/* s[1] said -1 of it, and so it is ours again */
	close(a.theirs);
	close(b.theirs);
	close(c.theirs);
}
END_TEST

START_TEST(a_sweep_closes_the_old_and_the_dead)
{
	struct pool *p = pool_of(9, 9, 9);
	struct pair old = add_idle(p, 1 * SEC), dead = add_idle(p, 20 * SEC),
	    good = add_idle(p, 20 * SEC);

	pool_sweep(p, 31 * SEC);
	check_figures(p, 3, 3, 0);
	close(dead.theirs);
	pool_sweep(p, 31 * SEC + 1);
	check_figures(p, 1, 1, 0);
	ck_assert(was_closed(&old) && !was_closed(&good));
	/* Past keepalive.idle it is not handed out either. */
	struct seat s = { 0 };
	ck_assert_int_eq(acquire(p, &s, 51 * SEC), POOL_READY);
	ck_assert_int_eq(s.w.fd, -1);
	pool_release(&s.w, -1, 51 * SEC);
	pool_unref(p);
	close(old.theirs);
	close(good.theirs);
}
END_TEST

START_TEST(the_last_reference_frees)
{
	struct pool *p = pool_of(1, 1, 1);
	struct seat s = { 0 };

	ck_assert_int_eq(acquire(p, &s, 1), POOL_READY);
	ck_assert_ptr_eq(pool_ref(p), p);
	pool_unref(p);
	pool_unref(p);
	/* The place holds one still. */
	check_figures(p, 1, 0, 0);
	pool_release(&s.w, -1, 2);
	pool_unref(NULL);
}
END_TEST

/* Who has to go, and when. */

START_TEST(a_full_line_sends_the_last_away)
{
	struct pool *p = pool_of(1, 3, 9);
	struct seat s[6] = { 0 };

	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	/* Three requests of one client, each for something else. */
	for (int i = 1; i < 4; i++) {
		s[i].w.client = 7;
		s[i].w.key = (uint64_t)i;
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_QUEUED);
	}
	/* Its fourth would be the last. */
	s[4].w.client = 7;
	s[4].w.key = 4;
	ck_assert_int_eq(acquire(p, &s[4], 1), POOL_FULL);
	ck_assert_int_eq(s[4].w.retry_after, SEC);
	ck_assert_ptr_null(s[4].w.pool);
	/* Another client's first is not. */
	s[5].w.client = 8;
	s[5].w.key = 5;
	ck_assert_int_eq(acquire(p, &s[5], 1), POOL_QUEUED);
	ck_assert_uint_eq(s[3].readied, 0);
	check_figures(p, 1, 0, 3);
	deliver();
	ck_assert_uint_eq(s[3].readied, 1);
	ck_assert_int_eq(s[3].answer, POOL_FULL);
	ck_assert_int_eq(s[3].w.retry_after, SEC);
	ck_assert_ptr_null(s[3].w.pool);
	ck_assert_uint_eq(figures_of(p, 1).refused, 2);
	pool_cancel(&s[1].w, 1);
	pool_cancel(&s[2].w, 1);
	pool_cancel(&s[5].w, 1);
	pool_release(&s[0].w, -1, 1);
	pool_unref(p);
}
END_TEST

START_TEST(one_pushed_out_may_give_up_first)
{
	struct pool *p = pool_of(1, 1, 9);
	struct seat s[3] = { 0 };

	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	s[1].w.wanted = 1;
	s[1].w.key = s[1].w.client = 1;
	ck_assert_int_eq(acquire(p, &s[1], 1), POOL_QUEUED);
	s[2].w.wanted = 100;
	s[2].w.key = s[2].w.client = 2;
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_QUEUED);
	pool_cancel(&s[1].w, 1);
	ck_assert_ptr_null(s[1].w.pool);
	deliver();
	ck_assert_uint_eq(s[1].readied, 0);
	pool_cancel(&s[2].w, 1);
	pool_release(&s[0].w, -1, 1);
	pool_unref(p);
}
END_TEST

/* Places change hands a hundred times a second while others wait, for some seconds. */
static usec_t
keep_busy(struct pool *p, usec_t now)
{
	struct seat s[2] = { 0 };
	unsigned has = 0;

	ck_assert_int_eq(acquire(p, &s[0], now), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], now), POOL_QUEUED);
	for (int i = 0; i < 400; i++) {
		now += 10 * MSEC;
		pool_release(&s[has].w, -1, now);
		deliver();
		ck_assert_int_eq(acquire(p, &s[has], now), POOL_QUEUED);
		has = 1 - has;
		ck_assert_uint_eq(s[has].readied, (unsigned)i / 2 + 1);
	}
	pool_cancel(&s[1 - has].w, now);
	pool_release(&s[has].w, -1, now);
	return now;
}

START_TEST(who_would_wait_too_long_is_told_at_once)
{
	struct conf_upstream u = upstream_of("a", 1, 1000, 9);
	static struct seat s[60];
	unsigned n = 0;
	struct pool *p;
	usec_t now;

	memset(s, 0, sizeof s);
	u.queue_timeout = 200 * MSEC;
	p = pool_from(u);
	/* Nothing is known yet: all may stand in line. */
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(acquire(p, &s[i], 1), i == 0 ? POOL_READY : POOL_QUEUED);
	ck_assert_int_eq(pool_retry_after(p), SEC);
	for (int i = 49; i > 0; i--)
		pool_cancel(&s[i].w, 1);
	pool_release(&s[0].w, -1, 1);
	now = keep_busy(p, 1);
	/* A hundred a second: the twentieth has its turn within 200 ms, the twenty-first hasn't. */
	while (acquire(p, &s[n], now) != POOL_FULL)
		n++;
	ck_assert_uint_ge(n, 20);
	ck_assert_uint_le(n, 22);
	ck_assert_int_eq(s[n].w.retry_after, SEC);
	while (n-- > 1)
		pool_cancel(&s[n].w, now);
	pool_release(&s[0].w, -1, now);
	pool_unref(p);
}
END_TEST

/* Nothing moves for a minute, then all does: the line opens again. */
START_TEST(a_line_that_stood_still_moves_again)
{
	struct pool *p = pool_of(1, 1000, 9);
	struct seat s[3] = { 0 };
	static struct seat more[100];
	unsigned n = 0;
	usec_t now = 1;

	memset(more, 0, sizeof more);
	ck_assert_int_eq(acquire(p, &s[0], now), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], now), POOL_QUEUED);
	for (; now < 60 * SEC; now += SEC)
		pool_sweep(p, now);
	ck_assert_int_eq(acquire(p, &s[2], now), POOL_FULL);
	ck_assert_int_eq(s[2].w.retry_after, 60 * SEC);
	pool_cancel(&s[1].w, now);
	pool_release(&s[0].w, -1, now);
	now = keep_busy(p, now);
	while (n < 100 && acquire(p, &more[n], now) != POOL_FULL)
		n++;
	ck_assert_uint_eq(n, 100);
	while (n-- > 1)
		pool_cancel(&more[n].w, now);
	pool_release(&more[0].w, -1, now);
	pool_unref(p);
}
END_TEST

/* It hung once, and is well since: what comes in small bursts finds nobody in its way. */
/* All came at once, before anybody knew how long it takes: when that is known, half are told. */
START_TEST(a_line_that_is_too_long_is_shortened)
{
	struct pool *p = pool_of(2, 1000, 9);
	static struct seat s[100];
	unsigned told = 0, served = 0;
	usec_t now = 1;

	memset(s, 0, sizeof s);
	for (int i = 0; i < 100; i++) {
		s[i].w.client = (uint64_t)i;
		s[i].w.key = (uint64_t)i;
		ck_assert_int_eq(acquire(p, &s[i], now), i < 2 ? POOL_READY : POOL_QUEUED);
	}
	/* Each takes two seconds, two at a time: in 30 s it is the turn of 30. */
	for (int i = 0; i < 2; i++) {
		now = 1 + 2 * SEC;
		pool_release(&s[i].w, -1, now);
		deliver();
	}
	for (int i = 2; i < 100; i++) {
		told += s[i].readied == 1 && s[i].answer == POOL_FULL;
		served += s[i].readied == 1 && s[i].answer == POOL_READY;
		ck_assert(s[i].answer != POOL_FULL || s[i].w.retry_after >= 30 * SEC);
	}
	ck_assert_uint_eq(served, 2);
	ck_assert_uint_ge(told, 60);
	ck_assert_uint_le(told, 70);
	ck_assert_uint_eq(figures_of(p, now).queued, 98 - told - served);
	for (int i = 2; i < 100; i++) {
		if (s[i].readied == 1 && s[i].answer == POOL_FULL)
			continue;
		if (s[i].readied == 0)
			pool_cancel(&s[i].w, now);
		else
			pool_release(&s[i].w, -1, now);
	}
	pool_unref(p);
}
END_TEST

START_TEST(a_stall_is_not_held_against_the_quiet_after_it)
{
	struct pool *p = pool_of(1, 1000, 9);
	struct seat s[4] = { 0 };
	usec_t now = 1;

	ck_assert_int_eq(acquire(p, &s[0], now), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], now), POOL_QUEUED);
	for (; now < 60 * SEC; now += SEC)
		pool_sweep(p, now);
	ck_assert_int_eq(acquire(p, &s[2], now), POOL_FULL);
	pool_cancel(&s[1].w, now);
	pool_release(&s[0].w, -1, now);
	for (int burst = 0; burst < 3; burst++) {
		now += 2 * SEC;
		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(acquire(p, &s[i], now), i == 0 ? POOL_READY : POOL_QUEUED);
		for (int i = 0; i < 4; i++) {
			now += MSEC;
			pool_release(&s[i].w, -1, now);
			deliver();
		}
	}
	pool_unref(p);
}
END_TEST

START_TEST(the_background_takes_what_is_free_or_nothing)
{
	struct pool *p = pool_of(2, 9, 9);
	struct pair c = add_idle(p, 1);
	struct seat s[4] = { 0 }, back[4] = { 0 };

	for (int i = 0; i < 4; i++)
		back[i].w.background = true;
	/* Idle connections are there to be taken. */
	ck_assert_int_eq(acquire(p, &back[0], 1), POOL_READY);
	ck_assert_int_eq(back[0].w.fd, c.ours);
	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &back[1], 1), POOL_BUSY);
	ck_assert_ptr_null(back[1].w.pool);
	ck_assert_int_eq(acquire(p, &s[1], 1), POOL_QUEUED);
	ck_assert_int_eq(acquire(p, &back[2], 1), POOL_BUSY);
	pool_release(&s[0].w, -1, 1);
	/* Given to the line, not to the background. */
	ck_assert_int_eq(acquire(p, &back[3], 1), POOL_BUSY);
	deliver();
	ck_assert_uint_eq(s[1].readied, 1);
	pool_release(&back[0].w, c.ours, 1);
	pool_release(&s[1].w, -1, 1);
	ck_assert_int_eq(acquire(p, &back[1], 1), POOL_READY);
	pool_release(&back[1].w, -1, 1);
	pool_unref(p);
	close(c.theirs);
}
END_TEST

START_TEST(wanted_by_more_is_sooner)
{
	struct pool *p = pool_of(1, 9, 9);
	struct seat s[4] = { 0 };
	struct seat *order[4] = { 0 };

	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	pool_want(&s[0].w, 9);	/* has a place: nothing happens */
	for (int i = 1; i < 4; i++) {
		s[i].order = &order[0];
		s[i].w.wanted = 1;
		s[i].w.client = s[i].w.key = (uint64_t)i;
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_QUEUED);
	}
	pool_want(&s[3].w, 5);
	pool_release(&s[0].w, -1, 2);
	pool_want(&s[3].w, 6);	/* on its way already */
	deliver();
	ck_assert_ptr_eq(order[0], &s[3]);
	pool_want(&s[3].w, 7);
	pool_release(&s[3].w, -1, 2);
	pool_want(&s[3].w, 8);	/* over */
	deliver();
	ck_assert_ptr_eq(order[0], &s[1]);
	pool_cancel(&s[2].w, 2);
	pool_release(&s[1].w, -1, 2);
	pool_unref(p);
}
END_TEST

START_TEST(orphans_are_few)
{
	struct pool *p = pool_of(8, 9, 9), *small = pool_of(1, 9, 9);
	struct seat s[4] = { 0 };

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_READY);
	ck_assert(pool_orphan(&s[0].w));
	ck_assert(pool_orphan(&s[0].w));
	ck_assert(pool_orphan(&s[1].w));
	ck_assert(!pool_orphan(&s[2].w));
	ck_assert_uint_eq(figures_of(p, 1).orphans, 2);
	pool_release(&s[0].w, -1, 1);
	ck_assert_uint_eq(figures_of(p, 1).orphans, 1);
	ck_assert(pool_orphan(&s[2].w));
	/* A place that is taken again is nobody's orphan. */
	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	ck_assert_uint_eq(figures_of(p, 1).orphans, 2);
	for (int i = 0; i < 3; i++)
		pool_release(&s[i].w, -1, 1);
	ck_assert_uint_eq(figures_of(p, 1).orphans, 0);
	ck_assert_int_eq(acquire(small, &s[3], 1), POOL_READY);
	ck_assert(pool_orphan(&s[3].w));
	pool_release(&s[3].w, -1, 1);
	pool_unref(p);
	pool_unref(small);
}
END_TEST

/* auto: the limit follows what was reported, and places with it. */

static struct conf_upstream
auto_of(unsigned least, unsigned most)
{
	struct conf_upstream u = upstream_of("a", 0, 100, 100);

	u.min_connections = least;
	u.most_connections = most;
	return u;
}

START_TEST(an_auto_limit_stays_in_its_bounds)
{
	struct pool *p = pool_from(auto_of(2, 5));
	struct pool_figures f;
	struct seat s[6] = { 0 };
	unsigned n = 0;
	usec_t now = 1;

	f = figures_of(p, now);
	ck_assert_uint_ge(f.limit, 2);
	ck_assert_uint_le(f.limit, 5);
	/* Overloaded again and again: down to the floor. */
	for (int i = 0; i < 50; i++, now += SEC)
		exchange(p, POOL_FAILED, SEC, now);
	ck_assert_uint_eq(figures_of(p, now).limit, 2);
	while (acquire(p, &s[n], now) == POOL_READY)
		n++;
	ck_assert_uint_eq(n, 2);
	/* A fixed limit of the next conf wins, and the one who waits gets in. */
	configure(p, upstream_of("a", 4, 100, 100), now);
	deliver();
	ck_assert_uint_eq(s[2].readied, 1);
	ck_assert_uint_eq(figures_of(p, now).limit, 4);
	/* And back. */
	configure(p, auto_of(1, 1), now);
	ck_assert_uint_eq(figures_of(p, now).limit, 1);
	for (unsigned i = 0; i < 3; i++)
		pool_release(&s[i].w, -1, now);
	check_figures(p, 0, 0, 0);
	pool_unref(p);
}
END_TEST

/* What `auto` learns from: were there times when no place was free? */
START_TEST(held_back_by_the_limit)
{
	struct pool *p = pool_of(2, 9, 9);
	struct seat s[3] = { 0 };

	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	pool_report(&s[0].w, POOL_ANSWERED, 1, 1);
	ck_assert(!s[0].w.held_back);
	pool_release(&s[0].w, -1, 1);
	/* The last place was taken after its own. */
	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], 1), POOL_READY);
	ck_assert(!s[0].w.held_back && s[1].w.held_back);
	pool_report(&s[0].w, POOL_ANSWERED, 1, 1);
	ck_assert(s[0].w.held_back);
	/* Or it had to wait itself. */
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_QUEUED);
	pool_release(&s[0].w, -1, 1);
	deliver();
	pool_release(&s[1].w, -1, 1);
	ck_assert(s[2].w.held_back);
	pool_release(&s[2].w, -1, 1);
	pool_unref(p);
}
END_TEST

START_TEST(usual_times_are_kept_by_route)
{
	struct pool *p = pool_of(1, 1, 1);
	usec_t t;

	ck_assert_int_eq(pool_usual_time(p, 7, 0.5), USEC_NEVER);
	for (int i = 0; i < 100; i++) {
		pool_learn_time(p, 7, 100 * MSEC);
		pool_learn_time(p, 7 + 64, SEC);	/* wants the same slot */
	}
	t = pool_usual_time(p, 7, 0.99);
	ck_assert_int_ge(t, 100 * MSEC);
	ck_assert_int_le(t, 130 * MSEC);
	t = pool_usual_time(p, 7 + 64, 0.5);
	ck_assert_int_ge(t, SEC);
	ck_assert_int_le(t, 5 * SEC / 4 + 1);
	ck_assert_int_eq(pool_usual_time(p, 8, 0.5), USEC_NEVER);
	/* More routes than slots share. */
	for (uint64_t r = 0; r < 2000; r++)
		pool_learn_time(p, r, MSEC);
	ck_assert_int_ne(pool_usual_time(p, 999, 0.5), USEC_NEVER);
	pool_unref(p);
}
END_TEST

START_TEST(retries_are_paid_by_requests)
{
	struct pool *p = pool_of(9, 1, 1);
	unsigned n = 0;

	while (pool_spend_retry(p, 1))
		n++;
	ck_assert_uint_eq(n, 10);
	for (int i = 0; i < 100; i++)
		exchange(p, POOL_ANSWERED, MSEC, 1);
	for (n = 0; pool_spend_retry(p, 1); n++)
		;
	ck_assert_uint_ge(n, 9);
	ck_assert_uint_le(n, 10);
	pool_unref(p);
}
END_TEST

START_TEST(figures)
{
	struct pool *p = pool_of(2, 9, 9);
	struct pair c = add_idle(p, 1);
	struct seat s[3] = { 0 };
	struct pool_figures f;

	exchange(p, POOL_FAILED, 0, 2);
	for (int i = 0; i < 3; i++)
		acquire(p, &s[i], (i + 1) * SEC);
	f = figures_of(p, 10 * SEC);
	ck_assert_uint_eq(f.limit, 2);
	ck_assert_uint_eq(f.queued, 1);
	ck_assert_int_eq(f.oldest, 7 * SEC);
	ck_assert_uint_eq(f.nservers, 1);
	ck_assert_str_eq(f.server[0].url, "http://a");
	ck_assert_uint_eq(f.server[0].in_flight, 2);
	ck_assert_uint_eq(f.server[0].requests, 4);
	ck_assert_uint_eq(f.server[0].failures, 1);
	ck_assert(f.server[0].healthy && !f.server[0].backup);
	ck_assert_int_eq(f.server[0].breaker, BREAKER_CLOSED);
	pool_cancel(&s[2].w, 10 * SEC);
	pool_release(&s[1].w, -1, 10 * SEC);
	pool_release(&s[0].w, -1, 10 * SEC);
	ck_assert_int_eq(figures_of(p, 10 * SEC).oldest, 0);
	pool_unref(p);
	close(c.theirs);
}
END_TEST

/* A line of a hundred thousand: each who comes and each who goes costs little. */
START_TEST(a_long_line)
{
	const unsigned n = 100000;
	struct seat *s = calloc(n + 1, sizeof *s);
	struct pool *p = pool_of(1, n, 1);
	struct timespec t0, t1;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	ck_assert_int_eq(acquire(p, &s[n], 1), POOL_READY);
	for (unsigned i = 0; i < n; i++) {
		s[i].w.client = i * 7919;
		s[i].w.key = i * 104729;
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_QUEUED);
	}
	check_figures(p, 1, 0, n);
	for (unsigned i = 0; i < n; i += 2)
		pool_cancel(&s[i].w, 1);
	/* All servers are gone at once. */
	configure(p, upstream_of("b", 1, n, 1), 1);
	struct server *list[CONF_SERVERS_MAX];
	ck_assert_uint_eq(pool_servers(p, list), 1);
	pool_set_health(p, list[0], false, 1);
	server_unref(list[0]);
	check_figures(p, 1, 0, 0);
	deliver();
	for (unsigned i = 1; i < n; i += 2)
		ck_assert(s[i].readied == 1 && s[i].answer == POOL_DOWN);
	pool_release(&s[n].w, -1, 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	/* It takes a tenth of a second; a second per thousand if something were quadratic. */
	ck_assert_int_lt(t1.tv_sec - t0.tv_sec, 20);
	pool_unref(p);
	free(s);
}
END_TEST

/*
 * Workers pass the places of one pool to and fro: they give up now and then, report this and that,
 * and fail over, while somebody reconfigures the pool and turns its servers' health on and off.
 */

#define WORKERS		3
#define RUNNERS		40
#define ROUNDS		200
#define MOST		4	/* places, in any of the configurations */

struct crew {
	struct worker		*w;
	struct pool		*p;
	struct worker_msg	 go;
	unsigned		 left;
	_Atomic int		*inside, *over;
	struct runner {
		struct crew		*crew;
		struct pool_wait	 w;
		struct worker_msg	 next;
		unsigned		 rounds;
		bool			 queued;
		bool			 placed;
	}			 r[RUNNERS];
};

static void
runner_told(struct runner *r, enum pool_answer answer)
{
	r->queued = false;
	r->placed = answer == POOL_READY;
	if (r->placed && atomic_fetch_add(r->crew->inside, 1) + 1 > MOST)
		atomic_fetch_add(r->crew->over, 1);
	worker_post(r->crew->w, &r->next);
}

static void
runner_ready(void *arg, enum pool_answer answer)
{
	ck_assert_int_ne(answer, POOL_QUEUED);
	runner_told(arg, answer);
}

/* Uses its place somehow, and gives it back. */
static void
runner_leave(struct runner *r)
{
	int fd = r->w.fd;

	if (r->rounds % 5 == 0)
		pool_report(&r->w, POOL_FAILED, 1, 1);
	else if (r->rounds % 5 < 3)
		pool_report(&r->w, r->rounds % 7 ? POOL_ANSWERED : POOL_OVERLOADED, 1, 1);
	if (r->rounds % 5 == 0 && fd >= 0) {
		close(fd);
		fd = -1;
	}
	if (r->rounds % 10 == 0) {
		r->w.tried |= pool_server_bit(&r->w);
		if (pool_other_server(&r->w, r->rounds % 20 == 0, 1))
			fd = r->w.fd;
	}
	if (r->rounds % 6 == 0)
		(void)pool_orphan(&r->w);
	if (fd < 0 && r->rounds % 3 == 0)
		fd = socket(AF_INET, SOCK_STREAM, 0);	/* not connected: never idle */
	atomic_fetch_sub(r->crew->inside, 1);
	r->placed = false;
	pool_release(&r->w, fd, 1);
}

/* Gives back what it has or gives up what it waits for, and asks again. */
static void
runner_next(void *arg)
{
	struct runner *r = arg;
	enum pool_answer answer;

	if (r->queued)
		pool_cancel(&r->w, 1);
	else if (r->placed)
		runner_leave(r);
	r->queued = false;
	if (r->rounds-- == 0) {
		if (--r->crew->left == 0)
			worker_stop(r->crew->w);
		return;
	}
	r->w.worker = r->crew->w;
	r->w.ready = runner_ready;
	r->w.arg = r;
	r->w.max_idle = USEC_NEVER;
	r->w.tried = 0;
	r->w.background = r->rounds % 9 == 0;
	r->w.client = r->rounds % 4;
	r->w.key = r->rounds;
	r->w.wanted = r->rounds % 3;
	/* Before: w belongs to the pool when it is queued. */
	r->queued = true;
	answer = pool_acquire(r->crew->p, &r->w, 1);
	if (answer != POOL_QUEUED) {
		runner_told(r, answer);
		return;
	}
	pool_want(&r->w, r->rounds % 11);
	if (r->rounds % 4 == 0)
		worker_post(r->crew->w, &r->next);
}

static void
crew_go(void *arg)
{
	struct crew *c = arg;

	for (int i = 0; i < RUNNERS; i++)
		runner_next(&c->r[i]);
}

struct meddler {
	struct pool	*p;
	_Atomic bool	 stop;
	_Atomic int	 over;
};

/* What holds at any moment, whoever looks. */
static void
meddler_look(struct meddler *m)
{
	struct pool_figures f = figures_of(m->p, 1);
	unsigned in_flight = 0, idle = 0;

	for (unsigned i = 0; i < f.nservers; i++) {
		in_flight += f.server[i].in_flight;
		idle += f.server[i].idle;
	}
	/* Those with a server that was taken off the list aren't in its figures. */
	if (idle != f.idle || in_flight > f.open - f.idle || f.open > MOST ||
	    f.orphans > f.open - f.idle)
		m->over++;
}

static void *
meddler_main(void *arg)
{
	static const char *const names[] = { "ab", "b", "abc", "cb" };
	struct server *list[CONF_SERVERS_MAX];
	struct meddler *m = arg;

	for (unsigned i = 0; !m->stop; i++) {
		struct conf_upstream u = upstream_of(names[i % 4], 2 + i % 3, 70, 2);
		unsigned n;

		u.balance = (enum conf_balance)(i % 3);
		u.breaker.failures = i % 5 ? 1000000 : 2;
		u.breaker.pause = 0;
		if (i % 7 == 0) {
			u.max_connections = 0;
			u.min_connections = 1;
			u.most_connections = MOST;
		}
		configure(m->p, u, 1);
		n = pool_servers(m->p, list);
		for (unsigned k = 0; k < n; k++) {
			pool_set_health(m->p, list[k], (i + k) % 3 != 0, 1);
			server_unref(list[k]);
		}
		pool_sweep(m->p, 1);
		(void)pool_is_up(m->p, 1);
		pool_learn_time(m->p, i, 1);
		(void)pool_usual_time(m->p, i, 0.5);
		meddler_look(m);
		/* Nobody waits for it: so that the others get the lock at all. */
		usleep(100);
	}
	return NULL;
}

static void
crew_start(struct crew *c, struct pool *p, unsigned id, _Atomic int *inside, _Atomic int *over)
{
	c->w = worker_new(id, NULL);
	c->p = p;
	c->left = RUNNERS;
	c->inside = inside;
	c->over = over;
	c->go = (struct worker_msg){ .fn = crew_go, .arg = c };
	for (int k = 0; k < RUNNERS; k++) {
		c->r[k] = (struct runner){ .crew = c, .rounds = ROUNDS };
		c->r[k].next.fn = runner_next;
		c->r[k].next.arg = &c->r[k];
	}
	worker_post(c->w, &c->go);
}

START_TEST(workers_never_pass_the_cap)
{
	_Atomic int inside = 0, over = 0;
	struct meddler m = { .p = pool_from(upstream_of("ab", 3, 70, 2)) };
	static struct crew c[WORKERS];
	struct pool_figures f;
	pthread_t thread;

	for (unsigned i = 0; i < WORKERS; i++)
		crew_start(&c[i], m.p, i, &inside, &over);
	if (_i == 1)
		ck_assert_int_eq(pthread_create(&thread, NULL, meddler_main, &m), 0);
	for (int i = 0; i < WORKERS; i++)
		ck_assert_int_eq(worker_start(c[i].w), 0);
	for (int i = 0; i < WORKERS; i++)
		worker_join(c[i].w);
	m.stop = true;
	if (_i == 1)
		pthread_join(thread, NULL);
	ck_assert_int_eq(over, 0);
	ck_assert_int_eq(m.over, 0);
	ck_assert_int_eq(inside, 0);
	f = figures_of(m.p, 1);
	ck_assert_uint_eq(f.queued, 0);
	ck_assert_uint_eq(f.open, f.idle);
	ck_assert_uint_eq(f.orphans, 0);
	ck_assert_uint_le(f.idle, 2);
	for (unsigned i = 0; i < f.nservers; i++)
		ck_assert_uint_eq(f.server[i].in_flight, 0);
	pool_unref(m.p);
	for (int i = 0; i < WORKERS; i++)
		worker_free(c[i].w);
}
END_TEST

static Suite *
pool_suite(void)
{
	Suite *s = suite_create("pool");
	TCase *tc = tcase_create("pool");

	tcase_add_checked_fixture(tc, seats_setup, seats_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, last_in_first_out);
	tcase_add_test(tc, dead_ones_are_passed_over);
	tcase_add_test(tc, only_young_ones_for_the_unrepeatable);
	tcase_add_test(tc, the_keepalive_cap_drops_the_oldest);
	tcase_add_test(tc, the_queue_is_first_come_first_served);
	tcase_add_test(tc, giving_up);
	tcase_add_test(tc, a_reload_changes_the_limits);
	tcase_add_test(tc, a_sweep_closes_the_old_and_the_dead);
	tcase_add_test(tc, the_last_reference_frees);
	tcase_add_test(tc, a_full_line_sends_the_last_away);
	tcase_add_test(tc, one_pushed_out_may_give_up_first);
	tcase_add_test(tc, who_would_wait_too_long_is_told_at_once);
	tcase_add_test(tc, a_line_that_is_too_long_is_shortened);
	tcase_add_loop_test(tc, a_connection_to_a_name_ends_in_time, 0, 3);
	tcase_add_test(tc, a_line_that_stood_still_moves_again);
	tcase_add_test(tc, a_stall_is_not_held_against_the_quiet_after_it);
	tcase_add_test(tc, the_background_takes_what_is_free_or_nothing);
	tcase_add_test(tc, wanted_by_more_is_sooner);
	tcase_add_test(tc, orphans_are_few);
	tcase_add_test(tc, an_auto_limit_stays_in_its_bounds);
	tcase_add_test(tc, held_back_by_the_limit);
	tcase_add_test(tc, usual_times_are_kept_by_route);
	tcase_add_test(tc, retries_are_paid_by_requests);
	tcase_add_test(tc, figures);
	tcase_add_test(tc, a_long_line);
	tcase_add_loop_test(tc, workers_never_pass_the_cap, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(pool_suite)
