/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool with several servers: choosing, failing over, going down, coming back, reloads. */
#include "tests/unit/upstream/seats.h"

#include <string.h>

#include "base/contract.h"

/* A breaker that opens at the second failure in a row, for five seconds. */
static struct conf_upstream
fragile(const char *names, unsigned max)
{
	struct conf_upstream u = upstream_of(names, max, 9, 9);

	u.breaker.failures = 2;
	u.breaker.pause = 5 * SEC;
	return u;
}

/* Takes a place, which has to be with this server. */
static void
take(struct pool *p, struct seat *s, char server, usec_t now)
{
	ck_assert_int_eq(acquire(p, s, now), POOL_READY);
	ck_assert_int_eq(server_of(s), server);
}

static void
set_health(struct pool *p, char server, bool up, usec_t now)
{
	struct server *list[CONF_SERVERS_MAX];
	unsigned n = pool_servers(p, list);

	for (unsigned i = 0; i < n; i++) {
		if (server_conf(list[i])->host[0] == server)
			pool_set_health(p, list[i], up, now);
		server_unref(list[i]);
	}
}

START_TEST(connections_stay_with_their_servers)
{
	struct conf_upstream u = upstream_of("ab", 3, 9, 9);
	struct seat s[4] = { 0 };
	struct pair a, b;
	struct pool *p;

	u.balance = BALANCE_ROUND_ROBIN;
	p = pool_from(u);
	a = add_idle(p, 1);
	b = add_idle(p, 1);
	/* In turn, and each with its own. */
	take(p, &s[0], 'a', 2);
	ck_assert_int_eq(s[0].w.fd, a.ours);
	take(p, &s[1], 'b', 2);
	ck_assert_int_eq(s[1].w.fd, b.ours);
	pool_release(&s[0].w, a.ours, 2);
	pool_release(&s[1].w, b.ours, 3);
	take(p, &s[0], 'a', 4);
	ck_assert_int_eq(s[0].w.fd, a.ours);
	take(p, &s[1], 'b', 4);
	take(p, &s[2], 'a', 4);
	ck_assert_int_eq(s[2].w.fd, -1);
	pool_release(&s[0].w, -1, 4);
	pool_release(&s[2].w, -1, 4);
	pool_release(&s[1].w, b.ours, 4);
	pool_unref(p);
	ck_assert(was_closed(&b));
	close(a.ours);
	close(a.theirs);
	close(b.theirs);
}
END_TEST

START_TEST(the_oldest_of_any_server_makes_room)
{
	struct conf_upstream u = upstream_of("abc", 2, 9, 9);
	struct seat s[2] = { 0 };
	struct pair a, b;
	struct pool *p;

	u.balance = BALANCE_ROUND_ROBIN;
	p = pool_from(u);
	a = add_idle(p, 1);
	b = add_idle(p, 2);
	check_figures(p, 2, 2, 0);
	take(p, &s[0], 'c', 3);
	ck_assert_int_eq(s[0].w.fd, -1);
	ck_assert(was_closed(&a) && !was_closed(&b));
	check_figures(p, 2, 1, 0);
	/* a's turn: b's connection is in its way now. */
	take(p, &s[1], 'a', 3);
	ck_assert(was_closed(&b));
	check_figures(p, 2, 0, 0);
	pool_release(&s[0].w, -1, 3);
	pool_release(&s[1].w, -1, 3);
	pool_unref(p);
	close(a.theirs);
	close(b.theirs);
}
END_TEST

/* Who waits has no server yet: it is chosen when a place is free. */
START_TEST(the_server_is_chosen_when_the_place_is_given)
{
	struct pool *p = pool_from(upstream_of("ab", 2, 9, 9));
	struct pair c = connect_pair();
	struct seat s[3] = { 0 };

	take(p, &s[0], 'a', 1);
	take(p, &s[1], 'b', 1);
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_QUEUED);
	/* a is sick, so its connection is no good, and its place goes to b. */
	set_health(p, 'a', false, 2);
	pool_release(&s[0].w, c.ours, 2);
	ck_assert(was_closed(&c));
	deliver();
	ck_assert_uint_eq(s[2].readied, 1);
	ck_assert_int_eq(server_of(&s[2]), 'b');
	ck_assert_int_eq(s[2].w.fd, -1);
	ck_assert_uint_eq(figures_of(p, 2).server[1].in_flight, 2);
	pool_release(&s[1].w, -1, 2);
	pool_release(&s[2].w, -1, 2);
	pool_unref(p);
	close(c.theirs);
}
END_TEST

START_TEST(a_backup_waits_for_its_day)
{
	struct conf_upstream u = upstream_of("ab", 9, 9, 9);
	struct seat s[3] = { 0 };
	struct pool *p;

	u.servers[1].backup = true;
	p = pool_from(u);
	take(p, &s[0], 'a', 1);
	take(p, &s[1], 'a', 1);
	set_health(p, 'a', false, 1);
	take(p, &s[2], 'b', 1);
	pool_release(&s[2].w, -1, 1);
	set_health(p, 'a', true, 1);
	take(p, &s[2], 'a', 1);
	for (int i = 0; i < 3; i++)
		pool_release(&s[i].w, -1, 1);
	ck_assert(figures_of(p, 1).server[1].backup);
	pool_unref(p);
}
END_TEST

START_TEST(failing_over)
{
	struct conf_upstream u = upstream_of("abc", 9, 9, 9);
	struct seat s = { 0 };
	struct pair b;
	struct pool *p;
	uint64_t bit[3];

	u.balance = BALANCE_ROUND_ROBIN;
	p = pool_from(u);
	exchange(p, POOL_ANSWERED, 1, 1);
	b = add_idle(p, 1);
	exchange(p, POOL_ANSWERED, 1, 1);
	take(p, &s, 'a', 2);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(server_of(&s), "abc"[i]);
		ck_assert_int_eq(s.w.fd, i == 1 ? b.ours : -1);
		if (i == 1)
			close(b.ours);
		bit[i] = pool_server_bit(&s.w);
		s.w.tried |= bit[i];
		pool_report(&s.w, POOL_FAILED, 1, 2);
		ck_assert_int_eq(pool_other_server(&s.w, true, 2), i < 2);
	}
	ck_assert(bit[0] != bit[1] && bit[1] != bit[2] && bit[0] != bit[2]);
	/* None is left that was not tried, and the place stays; one that was will do, too. */
	ck_assert_int_eq(server_of(&s), 'c');
	ck_assert(pool_other_server(&s.w, false, 2));
	check_figures(p, 1, 0, 0);
	pool_release(&s.w, -1, 2);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(figures_of(p, 2).server[i].failures, 1);
		ck_assert_uint_eq(figures_of(p, 2).server[i].in_flight, 0);
	}
	pool_unref(p);
	close(b.theirs);
}
END_TEST

/* What is idle there is no better than what has just failed. */
START_TEST(the_same_server_gets_a_new_connection)
{
	struct pool *p = pool_from(upstream_of("a", 9, 9, 9));
	struct pair a = add_idle(p, 1), b = add_idle(p, 1);
	struct seat s = { 0 };

	take(p, &s, 'a', 2);
	ck_assert_int_eq(s.w.fd, b.ours);
	pool_report(&s.w, POOL_FAILED, 1, 2);
	close(s.w.fd);
	s.w.tried |= pool_server_bit(&s.w);
	ck_assert(pool_other_server(&s.w, false, 2));
	ck_assert_int_eq(s.w.fd, -1);
	pool_release(&s.w, -1, 2);
	pool_unref(p);
	close(a.theirs);
	close(b.theirs);
}
END_TEST

START_TEST(an_open_breaker_sends_nothing)
{
	struct conf_upstream u = fragile("a", 1);
	struct seat s[4] = { 0 };
	struct pool *p = pool_from(u);

	ck_assert(pool_is_up(p, 0));
	exchange(p, POOL_FAILED, 1, 1 * SEC);
	/* Whoever waits is told when it opens, not when the place is free. */
	take(p, &s[0], 'a', 1 * SEC);
	ck_assert_int_eq(acquire(p, &s[1], 1 * SEC), POOL_QUEUED);
	pool_report(&s[0].w, POOL_FAILED, 1, 2 * SEC);
	check_figures(p, 1, 0, 0);
	deliver();
	ck_assert_uint_eq(s[1].readied, 1);
	ck_assert_int_eq(s[1].answer, POOL_DOWN);
	ck_assert_int_eq(s[1].w.retry_after, 5 * SEC);
	ck_assert_ptr_null(s[1].w.pool);
	ck_assert(!pool_is_up(p, 2 * SEC));
	/* It is of no use for a retry, either. */
	ck_assert(!pool_other_server(&s[0].w, false, 2 * SEC));
	pool_release(&s[0].w, -1, 2 * SEC);
	/* Who comes meanwhile hears when to come again. */
	ck_assert_int_eq(acquire(p, &s[1], 4 * SEC), POOL_DOWN);
	ck_assert_int_eq(s[1].w.retry_after, 3 * SEC);
	s[2].w.background = true;
	ck_assert_int_eq(acquire(p, &s[2], 4 * SEC), POOL_DOWN);
	ck_assert_int_eq(figures_of(p, 4 * SEC).server[0].breaker, BREAKER_OPEN);
	ck_assert_uint_eq(figures_of(p, 4 * SEC).server[0].opened, 1);
	pool_unref(p);
}
END_TEST

/* One exchange about that page, which ends so. */
static void
exchange_of(struct pool *p, uint64_t key, enum pool_outcome outcome, usec_t now)
{
	struct seat s = { .w.key = key };

	ck_assert_int_eq(acquire(p, &s, now), POOL_READY);
	pool_report(&s.w, outcome, 1, now);
	pool_release(&s.w, -1, now);
}

/* However often it is asked for, and however seldom the others are. */
START_TEST(a_broken_page_opens_no_breaker)
{
	struct conf_upstream u = upstream_of("a", 9, 0, 9);
	struct pool *p;

	u.breaker = (struct conf_breaker){ .failures = 3, .error_rate = 0.1, .pause = 5 * SEC };
	p = pool_from(u);
	for (int i = 0; i < 100; i++) {
		exchange_of(p, 7, POOL_FAILED, SEC);
		exchange_of(p, 7, POOL_FAILED, SEC);
		exchange_of(p, 8, POOL_ANSWERED, SEC);
	}
	ck_assert_uint_eq(figures_of(p, SEC).server[0].failures, 200);
	/* A server that fails with each page now and then is another matter. */
	for (int i = 0; i < 20; i++) {
		exchange_of(p, 7, POOL_ANSWERED, SEC);
		if (figures_of(p, SEC).server[0].opened > 0)
			break;
		exchange_of(p, 7, POOL_FAILED, SEC);
		if (figures_of(p, SEC).server[0].opened > 0)
			break;
	}
	ck_assert_uint_eq(figures_of(p, SEC).server[0].opened, 1);
	pool_unref(p);
}
END_TEST

/* After the pause one request goes out; its end decides for all. */
START_TEST(one_probe_closes_it)
{
	struct pool *p = pool_from(fragile("a", 9));
	struct seat s[4] = { 0 };

	exchange(p, POOL_FAILED, 1, 1 * SEC);
	exchange(p, POOL_FAILED, 1, 1 * SEC);
	take(p, &s[0], 'a', 6 * SEC);
	ck_assert(s[0].w.probe);
	ck_assert_int_eq(acquire(p, &s[1], 6 * SEC), POOL_DOWN);
	ck_assert_int_eq(s[1].w.retry_after, SEC);
	/* A probe that is cancelled leaves it to the next. */
	pool_release(&s[0].w, -1, 6 * SEC);
	take(p, &s[1], 'a', 6 * SEC);
	ck_assert(s[1].w.probe);
	pool_report(&s[1].w, POOL_FAILED, 1, 7 * SEC);
	ck_assert_int_eq(acquire(p, &s[2], 7 * SEC), POOL_DOWN);
	pool_release(&s[1].w, -1, 8 * SEC);
	take(p, &s[2], 'a', 12 * SEC);
	pool_report(&s[2].w, POOL_OVERLOADED, 1, 12 * SEC);
	/* An answer is an answer to the breaker. */
	take(p, &s[3], 'a', 12 * SEC);
	ck_assert(!s[3].w.probe);
	pool_release(&s[2].w, -1, 12 * SEC);
	pool_release(&s[3].w, -1, 12 * SEC);
	ck_assert_uint_eq(figures_of(p, 0).server[0].opened, 2);
	pool_unref(p);
}
END_TEST

/* An upload by drops, for one: nobody else may have to wait for its client. */
START_TEST(no_probe_holds_the_way_back)
{
	struct pool *p = pool_from(fragile("a", 9));
	struct seat s[3] = { 0 };

	exchange(p, POOL_FAILED, 1, 1 * SEC);
	exchange(p, POOL_FAILED, 1, 1 * SEC);
	take(p, &s[0], 'a', 6 * SEC);
	ck_assert(s[0].w.probe);
	ck_assert_int_eq(acquire(p, &s[1], 10 * SEC), POOL_DOWN);
	take(p, &s[1], 'a', 11 * SEC);
	ck_assert(s[1].w.probe);
	ck_assert_int_eq(acquire(p, &s[2], 11 * SEC), POOL_DOWN);
	pool_report(&s[1].w, POOL_ANSWERED, 1, 11 * SEC);
	take(p, &s[2], 'a', 11 * SEC);
	ck_assert(!s[2].w.probe);
	pool_report(&s[0].w, POOL_FAILED, 1, 12 * SEC);
	ck_assert(pool_is_up(p, 12 * SEC));
	for (int i = 0; i < 3; i++)
		pool_release(&s[i].w, -1, 12 * SEC);
	ck_assert_uint_eq(figures_of(p, 0).server[0].opened, 1);
	pool_unref(p);
}
END_TEST

/* The others carry on, and the line's first is the probe of the one that may be back. */
START_TEST(the_first_in_the_line_is_the_probe)
{
	struct pool *p = pool_from(fragile("ab", 2));
	struct seat s[6] = { 0 };

	take(p, &s[0], 'a', 1 * SEC);
	take(p, &s[1], 'b', 1 * SEC);
	pool_report(&s[0].w, POOL_FAILED, 1, 1 * SEC);
	pool_release(&s[0].w, -1, 1 * SEC);
	take(p, &s[0], 'a', 1 * SEC);
	pool_report(&s[0].w, POOL_FAILED, 1, 1 * SEC);
	for (int i = 2; i < 6; i++)
		ck_assert_int_eq(acquire(p, &s[i], 1 * SEC), POOL_QUEUED);
	pool_release(&s[0].w, -1, 2 * SEC);
	deliver();
	ck_assert_uint_eq(s[2].readied, 1);
	ck_assert_int_eq(server_of(&s[2]), 'b');
	pool_release(&s[2].w, -1, 6 * SEC);
	deliver();
	ck_assert_uint_eq(s[3].readied, 1);
	ck_assert_int_eq(server_of(&s[3]), 'a');
	ck_assert(s[3].w.probe);
	/* While it is out, b has them. */
	pool_release(&s[1].w, -1, 6 * SEC);
	deliver();
	ck_assert_int_eq(server_of(&s[4]), 'b');
	/* Given to one who gives up: the probe goes to the next. */
	pool_release(&s[3].w, -1, 6 * SEC);
	ck_assert_uint_eq(s[5].readied, 0);
	pool_cancel(&s[5].w, 6 * SEC);
	take(p, &s[0], 'a', 6 * SEC);
	ck_assert(s[0].w.probe);
	pool_report(&s[0].w, POOL_ANSWERED, 1, 6 * SEC);
	pool_release(&s[0].w, -1, 6 * SEC);
	pool_release(&s[4].w, -1, 6 * SEC);
	ck_assert_int_eq(figures_of(p, 0).server[0].breaker, BREAKER_CLOSED);
	pool_unref(p);
}
END_TEST

START_TEST(health_takes_out_and_brings_back)
{
	struct conf_upstream u = upstream_of("ab", 2, 9, 9);
	struct seat s[4] = { 0 };
	static char path[] = "/";
	struct pair a;
	struct pool *p;

	u.health.path = path;
	u.health.interval = 7 * SEC;
	p = pool_from(u);
	a = add_idle(p, 1);
	set_health(p, 'a', false, 1);
	ck_assert(was_closed(&a));
	ck_assert(pool_is_up(p, 1));
	take(p, &s[0], 'b', 1);
	take(p, &s[1], 'b', 1);
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_QUEUED);
	set_health(p, 'b', false, 1);
	ck_assert(!pool_is_up(p, 1));
	deliver();
	ck_assert_int_eq(s[2].answer, POOL_DOWN);
	ck_assert_int_eq(s[2].w.retry_after, 7 * SEC);
	ck_assert_int_eq(acquire(p, &s[3], 1), POOL_DOWN);
	ck_assert_int_eq(s[3].w.retry_after, 7 * SEC);
	/* Sick, and it stays so over a reload that still checks it. */
	u = upstream_of("ab", 2, 9, 9);
	u.health.path = path;
	configure(p, u, 2);
	ck_assert_int_eq(acquire(p, &s[3], 2), POOL_DOWN);
	set_health(p, 'b', true, 2);
	ck_assert_int_eq(acquire(p, &s[3], 2), POOL_QUEUED);
	pool_release(&s[0].w, -1, 2);
	deliver();
	ck_assert_int_eq(server_of(&s[3]), 'b');
	/* One that isn't checked any more is up. */
	configure(p, upstream_of("ab", 2, 9, 9), 3);
	ck_assert(figures_of(p, 3).server[0].healthy);
	pool_release(&s[1].w, -1, 3);
	pool_release(&s[3].w, -1, 3);
	pool_unref(p);
	close(a.theirs);
}
END_TEST

START_TEST(a_reload_changes_the_servers)
{
	struct pool *p = pool_from(upstream_of("ab", 3, 9, 9));
	struct pair a = add_idle(p, 1), b = add_idle(p, 1), kept = connect_pair();
	struct seat s[4] = { 0 };
	uint64_t bit_a, bit_b;

	take(p, &s[0], 'a', 1);
	take(p, &s[1], 'b', 1);
	bit_a = pool_server_bit(&s[0].w);
	bit_b = pool_server_bit(&s[1].w);
	pool_release(&s[1].w, b.ours, 1);
	/* a goes, b stays, c comes. */
	configure(p, upstream_of("cb", 3, 9, 9), 2);
	ck_assert(!was_closed(&b));
	ck_assert_int_eq(server_of(&s[0]), 'a');
	ck_assert_str_eq(pool_server(&s[0].w)->url, "http://a");
	ck_assert_str_eq(figures_of(p, 2).server[0].url, "http://c");
	ck_assert_uint_eq(figures_of(p, 2).server[1].idle, 1);
	/* What comes back to a is closed. */
	pool_release(&s[0].w, a.ours, 2);
	ck_assert(was_closed(&a));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(acquire(p, &s[i], 3), POOL_READY);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_ne(server_of(&s[i]), 'a');
		if (server_of(&s[i]) == 'b')
			ck_assert_uint_eq(pool_server_bit(&s[i].w), bit_b);
		else
			ck_assert_uint_eq(pool_server_bit(&s[i].w), bit_a);
	}
	/* None of those that were is left, and somebody waits: it gets one of the new. */
	ck_assert_int_eq(acquire(p, &s[3], 3), POOL_QUEUED);
	configure(p, upstream_of("d", 4, 9, 9), 3);
	deliver();
	ck_assert_int_eq(server_of(&s[3]), 'd');
	for (int i = 0; i < 3; i++) {
		pool_report(&s[i].w, POOL_FAILED, 1, 3);
		if (s[i].w.fd >= 0)
			close(s[i].w.fd);
	}
	/* Failing over from a server that has gone. */
	ck_assert(pool_other_server(&s[0].w, true, 3));
	ck_assert_int_eq(server_of(&s[0]), 'd');
	for (int i = 0; i < 4; i++)
		pool_release(&s[i].w, i == 3 ? kept.ours : -1, 3);
	check_figures(p, 1, 1, 0);
	pool_unref(p);
	close(a.theirs);
	close(b.theirs);
	close(kept.theirs);
}
END_TEST

/* A prober may hold a server that the pool has forgotten. */
START_TEST(a_server_outlives_its_pool)
{
	struct pool *p = pool_from(upstream_of("ab", 3, 9, 9));
	struct server *list[CONF_SERVERS_MAX];
	struct pair a = add_idle(p, 1);

	ck_assert_uint_eq(pool_servers(p, list), 2);
	configure(p, upstream_of("b", 3, 9, 9), 1);
	ck_assert(was_closed(&a));
	check_figures(p, 0, 0, 0);
	close(a.theirs);
	pool_set_health(p, list[0], false, 1);
	ck_assert(pool_is_up(p, 1));
	pool_unref(p);
	ck_assert_str_eq(server_conf(list[0])->url, "http://a");
	ck_assert_str_eq(server_conf(list[1])->url, "http://b");
	ck_assert_ptr_eq(server_ref(list[0]), list[0]);
	server_unref(list[0]);
	server_unref(list[0]);
	server_unref(list[1]);
	server_unref(NULL);
}
END_TEST

/* As many as there may be: each has its bit, and they share the load. */
START_TEST(sixty_four_servers)
{
	char names[CONF_SERVERS_MAX + 1] = { 0 };
	static struct seat s[2 * CONF_SERVERS_MAX];
	unsigned n = 2 * CONF_SERVERS_MAX;
	uint64_t bits = 0;
	struct pool *p;

	memset(s, 0, sizeof s);
	for (int i = 0; i < CONF_SERVERS_MAX; i++)
		names[i] = (char)('0' + i);
	p = pool_from(upstream_of(names, n, 9, 9));
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_READY);
		bits |= pool_server_bit(&s[i].w);
	}
	ck_assert_uint_eq(bits, UINT64_MAX);
	for (unsigned i = 0; i < CONF_SERVERS_MAX; i++)
		ck_assert_uint_eq(figures_of(p, 1).server[i].in_flight, 2);
	for (unsigned i = 0; i < n; i++)
		pool_release(&s[i].w, -1, 1);
	pool_unref(p);
}
END_TEST

START_TEST(bits_differ_after_a_reload)
{
	struct pool *p = pool_from(upstream_of("ab", 3, 9, 9));
	struct seat s[3] = { 0 };
	uint64_t bits = 0;

	configure(p, upstream_of("cadb", 3, 9, 9), 1);
	configure(p, upstream_of("ecb", 3, 9, 9), 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(acquire(p, &s[i], 1), POOL_READY);
		bits |= pool_server_bit(&s[i].w);
	}
	ck_assert_int_eq(__builtin_popcountll(bits), 3);
	for (int i = 0; i < 3; i++)
		pool_release(&s[i].w, -1, 1);
	pool_unref(p);
}
END_TEST

START_TEST(a_key_stays_with_its_server)
{
	struct conf_upstream u = upstream_of("abc", 9, 9, 9);
	struct seat s = { 0 };
	struct pool *p;
	char first, second;

	u.balance = BALANCE_HASH;
	p = pool_from(u);
	s.w.key = 0x1234567;
	ck_assert_int_eq(acquire(p, &s, 1), POOL_READY);
	first = server_of(&s);
	pool_release(&s.w, -1, 1);
	for (int i = 0; i < 5; i++) {
		take(p, &s, first, 1);
		pool_release(&s.w, -1, 1);
	}
	set_health(p, first, false, 1);
	ck_assert_int_eq(acquire(p, &s, 1), POOL_READY);
	second = server_of(&s);
	ck_assert_int_ne(second, first);
	pool_release(&s.w, -1, 1);
	set_health(p, first, true, 1);
	take(p, &s, first, 1);
	pool_release(&s.w, -1, 1);
	pool_unref(p);
}
END_TEST

static Suite *
pool_servers_suite(void)
{
	Suite *s = suite_create("pool_servers");
	TCase *tc = tcase_create("pool_servers");

	tcase_add_checked_fixture(tc, seats_setup, seats_teardown);
	tcase_add_test(tc, connections_stay_with_their_servers);
	tcase_add_test(tc, the_oldest_of_any_server_makes_room);
	tcase_add_test(tc, the_server_is_chosen_when_the_place_is_given);
	tcase_add_test(tc, a_backup_waits_for_its_day);
	tcase_add_test(tc, failing_over);
	tcase_add_test(tc, the_same_server_gets_a_new_connection);
	tcase_add_test(tc, an_open_breaker_sends_nothing);
	tcase_add_test(tc, a_broken_page_opens_no_breaker);
	tcase_add_test(tc, one_probe_closes_it);
	tcase_add_test(tc, no_probe_holds_the_way_back);
	tcase_add_test(tc, the_first_in_the_line_is_the_probe);
	tcase_add_test(tc, health_takes_out_and_brings_back);
	tcase_add_test(tc, a_reload_changes_the_servers);
	tcase_add_test(tc, a_server_outlives_its_pool);
	tcase_add_test(tc, sixty_four_servers);
	tcase_add_test(tc, bits_differ_after_a_reload);
	tcase_add_test(tc, a_key_stays_with_its_server);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(pool_servers_suite)
