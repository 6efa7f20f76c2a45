/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/contract.h"

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC

/* A connection: ours goes through the pool, theirs is the server's end. */
struct pair {
	int	ours, theirs;
};

struct seat {
	struct pool_wait	 w;
	unsigned		 readied;
	struct seat		**order;	/* where to note that its turn came */
};

static struct worker *w;

static void
setup(void)
{
	w = worker_new(0, NULL);
	ck_assert_ptr_nonnull(w);
}

static void
teardown(void)
{
	worker_free(w);
}

static struct pair
connect_pair(void)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	return (struct pair){ fd[0], fd[1] };
}

/* The pool has closed its end. */
static bool
was_closed(const struct pair *p)
{
	char c;

	return recv(p->theirs, &c, 1, MSG_DONTWAIT) == 0;
}

static struct conf_upstream
limits(unsigned max, unsigned queue, unsigned keepalive)
{
	struct conf_upstream u = { 0 };

	u.max_connections = max;
	u.queue_length = queue;
	u.keepalive_connections = keepalive;
	u.keepalive_idle = 30 * SEC;
	return u;
}

static struct pool *
pool_of(unsigned max, unsigned queue, unsigned keepalive)
{
	struct conf_upstream u = limits(max, queue, keepalive);

	return pool_new(&u);
}

static void
ready(void *arg)
{
	struct seat *s = arg;

	s->readied++;
	if (s->order != NULL)
		*s->order++ = s;
}

static enum pool_answer
acquire_young(struct pool *p, struct seat *s, usec_t now, usec_t max_idle)
{
	s->w.worker = w;
	s->w.ready = ready;
	s->w.arg = s;
	s->w.max_idle = max_idle;
	return pool_acquire(p, &s->w, now);
}

static enum pool_answer
acquire(struct pool *p, struct seat *s, usec_t now)
{
	return acquire_young(p, s, now, USEC_NEVER);
}

static void
deliver(void)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
}

static void
check_figures(struct pool *p, unsigned open, unsigned idle, unsigned queued)
{
	unsigned o, i, q;

	pool_figures(p, &o, &i, &q);
	ck_assert_msg(o == open && i == idle && q == queued, "%u open, %u idle, %u queued", o, i,
	    q);
}

/* An idle connection for the pool, as if it had been used until then. */
static struct pair
add_idle(struct pool *p, usec_t since)
{
	struct pair c = connect_pair();
	struct seat s = { 0 };

	ck_assert_int_eq(acquire_young(p, &s, since, -1), POOL_READY);
	ck_assert_int_eq(s.w.fd, -1);
	pool_release(&s.w, c.ours, since);
	return c;
}

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
	struct conf_upstream two = limits(1, 9, 9), four = limits(4, 9, 9);
	struct pair a, b, c = connect_pair();
	struct seat s[5] = { 0 };

	a = add_idle(p, 1);
	b = add_idle(p, 1);
	ck_assert_int_eq(acquire(p, &s[0], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[1], 1), POOL_READY);
	ck_assert_int_eq(acquire(p, &s[2], 1), POOL_READY);
	/* Lower: what is open comes back first. */
	pool_configure(p, &two);
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
	pool_configure(p, &four);
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

/* Two workers pass the places of one pool to and fro, giving up now and then. */

#define RUNNERS	40
#define ROUNDS	200

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
	}			 r[RUNNERS];
};

static void
runner_ready(void *arg)
{
	struct runner *r = arg;

	r->queued = false;
	if (atomic_fetch_add(r->crew->inside, 1) + 1 > 3)
		atomic_fetch_add(r->crew->over, 1);
	worker_post(r->crew->w, &r->next);
}

/* Gives back what it has or gives up what it waits for, and asks again. */
static void
runner_next(void *arg)
{
	struct runner *r = arg;
	int fd;

	if (r->queued) {
		pool_cancel(&r->w, 1);
	} else if (r->w.pool != NULL) {
		fd = r->w.fd;
		if (fd < 0 && r->rounds % 3 == 0)
			fd = socket(AF_INET, SOCK_STREAM, 0);	/* not connected: never idle */
		atomic_fetch_sub(r->crew->inside, 1);
		pool_release(&r->w, fd, 1);
	}
	if (r->rounds-- == 0) {
		if (--r->crew->left == 0)
			worker_stop(r->crew->w);
		return;
	}
	r->w.worker = r->crew->w;
	r->w.ready = runner_ready;
	r->w.arg = r;
	r->w.max_idle = USEC_NEVER;
	/* Before: w belongs to the pool when it is queued. */
	r->queued = true;
	switch (pool_acquire(r->crew->p, &r->w, 1)) {
	case POOL_READY:
		runner_ready(r);
		break;
	case POOL_QUEUED:
		if (r->rounds % 4 == 0)
			worker_post(r->crew->w, &r->next);
		break;
	case POOL_FULL:
		r->queued = false;
		worker_post(r->crew->w, &r->next);
		break;
	}
}

static void
crew_go(void *arg)
{
	struct crew *c = arg;

	for (int i = 0; i < RUNNERS; i++)
		runner_next(&c->r[i]);
}

START_TEST(two_workers_never_pass_the_cap)
{
	_Atomic int inside = 0, over = 0;
	struct pool *p = pool_of(3, 70, 2);
	static struct crew c[2];
	unsigned open, idle, queued;

	for (int i = 0; i < 2; i++) {
		c[i].w = worker_new((unsigned)i, NULL);
		c[i].p = p;
		c[i].left = RUNNERS;
		c[i].inside = &inside;
		c[i].over = &over;
		c[i].go = (struct worker_msg){ .fn = crew_go, .arg = &c[i] };
		for (int k = 0; k < RUNNERS; k++) {
			c[i].r[k] = (struct runner){ .crew = &c[i], .rounds = ROUNDS };
			c[i].r[k].next.fn = runner_next;
			c[i].r[k].next.arg = &c[i].r[k];
		}
		worker_post(c[i].w, &c[i].go);
	}
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(worker_start(c[i].w), 0);
	for (int i = 0; i < 2; i++)
		worker_join(c[i].w);
	ck_assert_int_eq(over, 0);
	ck_assert_int_eq(inside, 0);
	pool_figures(p, &open, &idle, &queued);
	ck_assert_uint_eq(queued, 0);
	ck_assert_uint_eq(open, idle);
	ck_assert_uint_le(idle, 2);
	pool_unref(p);
	for (int i = 0; i < 2; i++)
		worker_free(c[i].w);
}
END_TEST

static Suite *
pool_suite(void)
{
	Suite *s = suite_create("pool");
	TCase *tc = tcase_create("pool");

	tcase_add_checked_fixture(tc, setup, teardown);
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
	tcase_add_test(tc, two_workers_never_pass_the_cap);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(pool_suite)
