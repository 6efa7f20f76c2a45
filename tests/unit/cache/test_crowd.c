/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/crowd.h"

#include "tests/unit/cache/rig.h"

#define N	8

/* An owner: a lock, the crowds, and a count of references. */
struct owner {
	pthread_mutex_t		 lock;
	struct crowds		 crowds;
	_Atomic int		 refs;
};

static void
owner_ref(void *arg)
{
	atomic_fetch_add(&((struct owner *)arg)->refs, 1);
}

static void
owner_unref(void *arg)
{
	atomic_fetch_sub(&((struct owner *)arg)->refs, 1);
}

static void
owner_init(struct owner *o)
{
	pthread_mutex_init(&o->lock, NULL);
	crowds_init(&o->crowds, &o->lock, owner_ref, owner_unref, o);
	atomic_init(&o->refs, 0);
}

static void
owner_fini(struct owner *o)
{
	ck_assert_int_eq(atomic_load(&o->refs), 0);
	crowds_fini(&o->crowds);
	pthread_mutex_destroy(&o->lock);
}

static void
wake_all(struct owner *o)
{
	struct crowd *due;

	pthread_mutex_lock(&o->lock);
	due = crowds_mark(&o->crowds);
	pthread_mutex_unlock(&o->lock);
	crowds_post(due);
}

struct sleeper {
	struct owner	*owner;
	struct waiter	 waiter;
	unsigned	 wakes;
	struct sleeper	*leaves;	/* when this one wakes */
	bool		 rejoins;
};

static void
join(struct sleeper *s)
{
	pthread_mutex_lock(&s->owner->lock);
	crowd_join(&s->owner->crowds, &s->waiter);
	pthread_mutex_unlock(&s->owner->lock);
}

static void
woken(void *arg)
{
	struct sleeper *s = arg;

	s->wakes++;
	if (s->leaves != NULL)
		crowd_leave(&s->leaves->waiter);
	if (s->rejoins)
		join(s);
}

static void
sleeper_init(struct sleeper *s, struct owner *o, struct worker *w)
{
	*s = (struct sleeper){
		.owner = o, .waiter = { .worker = w, .wake = woken, .arg = s },
	};
}

START_TEST(woken_once_through_the_loop)
{
	struct worker *w[2] = { worker_new(0, NULL), worker_new(1, NULL) };
	struct sleeper s[N];
	struct owner o;

	owner_init(&o);
	for (unsigned i = 0; i < N; i++) {
		sleeper_init(&s[i], &o, w[i % 2]);
		join(&s[i]);
	}
	wake_all(&o);
	ck_assert_int_eq(atomic_load(&o.refs), 2);
	wake_all(&o);
	ck_assert_int_eq(atomic_load(&o.refs), 2);
	rig_turn(w[0]);
	for (unsigned i = 0; i < N; i++)
		ck_assert_uint_eq(s[i].wakes, i % 2 == 0);
	rig_turn(w[1]);
	rig_turn(w[0]);
	wake_all(&o);
	rig_turn(w[0]);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_uint_eq(s[i].wakes, 1);
		ck_assert(!crowd_leave(&s[i].waiter));
	}
	owner_fini(&o);
	worker_free(w[0]);
	worker_free(w[1]);
}
END_TEST

START_TEST(who_left_is_not_woken)
{
	struct worker *w = worker_new(0, NULL);
	struct sleeper s[3];
	struct owner o;

	owner_init(&o);
	for (unsigned i = 0; i < 3; i++) {
		sleeper_init(&s[i], &o, w);
		join(&s[i]);
	}
	/* Before the mark, and while the message is on its way. */
	ck_assert(crowd_leave(&s[0].waiter));
	wake_all(&o);
	ck_assert(crowd_leave(&s[1].waiter));
	ck_assert(!crowd_leave(&s[1].waiter));
	rig_turn(w);
	ck_assert_uint_eq(s[0].wakes + s[1].wakes, 0);
	ck_assert_uint_eq(s[2].wakes, 1);
	owner_fini(&o);
	worker_free(w);
}
END_TEST

/* Whoever stands there when the message arrives is called, also who joined after it was sent. */
START_TEST(joined_while_the_message_is_on_its_way)
{
	struct worker *w = worker_new(0, NULL);
	struct sleeper s[2];
	struct owner o;

	owner_init(&o);
	sleeper_init(&s[0], &o, w);
	sleeper_init(&s[1], &o, w);
	join(&s[0]);
	wake_all(&o);
	join(&s[1]);
	crowd_leave(&s[0].waiter);
	rig_turn(w);
	ck_assert_uint_eq(s[0].wakes, 0);
	ck_assert_uint_eq(s[1].wakes, 1);
	owner_fini(&o);
	worker_free(w);
}
END_TEST

START_TEST(a_wake_makes_others_leave)
{
	struct worker *w = worker_new(0, NULL);
	struct sleeper s[N];
	struct owner o;

	owner_init(&o);
	for (unsigned i = 0; i < N; i++) {
		sleeper_init(&s[i], &o, w);
		s[i].leaves = i % 2 == 0 ? &s[i + 1] : NULL;
		join(&s[i]);
	}
	wake_all(&o);
	rig_turn(w);
	for (unsigned i = 0; i < N; i++)
		ck_assert_uint_eq(s[i].wakes, i % 2 == 0);
	owner_fini(&o);
	worker_free(w);
}
END_TEST

START_TEST(a_wake_joins_again)
{
	struct worker *w = worker_new(0, NULL);
	struct sleeper s[N];
	struct owner o;

	owner_init(&o);
	for (unsigned i = 0; i < N; i++) {
		sleeper_init(&s[i], &o, w);
		s[i].rejoins = true;
		join(&s[i]);
	}
	for (unsigned round = 1; round <= 3; round++) {
		wake_all(&o);
		rig_turn(w);
		for (unsigned i = 0; i < N; i++)
			ck_assert_uint_eq(s[i].wakes, round);
	}
	for (unsigned i = 0; i < N; i++)
		ck_assert(crowd_leave(&s[i].waiter));
	owner_fini(&o);
	worker_free(w);
}
END_TEST

/*
 * Threads: sleepers that join, leave and join again by chance on three workers, while one thread
 * wakes.  Each counts its joins; in the end a last wake reaches whoever still waits.
 */
#define WORKERS	3
#define STEPS	3000

struct restless {
	struct sleeper		 s;
	struct worker_msg	 step;
	unsigned		 seed, steps, joins, left;
	bool			 last;		/* waits for the last wake */
	struct rig_count	*ready, *done;
};

static void
restless_woken(void *arg)
{
	struct restless *r = arg;

	r->s.wakes++;
	ASSERT(r->s.waiter.crowd == NULL);
	if (r->last) {
		r->last = false;
		rig_count_add(r->done, -1);
	}
}

static void
restless_step(void *arg)
{
	struct restless *r = arg;
	unsigned dice = rig_random(&r->seed) % 4;

	if (r->steps-- == 0) {
		/* It may be called already, so it must be in for anew. */
		r->left += crowd_leave(&r->s.waiter);
		r->last = true;
		r->joins++;
		join(&r->s);
		rig_count_add(r->ready, -1);
		return;
	}
	if (r->s.waiter.crowd == NULL) {
		r->joins++;
		join(&r->s);
	} else if (dice == 0) {
		r->left += crowd_leave(&r->s.waiter);
	}
	worker_post(r->s.waiter.worker, &r->step);
}

static void
wake_until(struct rig_count *ready, struct owner *o)
{
	for (;;) {
		bool over;

		wake_all(o);
		pthread_mutex_lock(&ready->lock);
		over = ready->left == 0;
		pthread_mutex_unlock(&ready->lock);
		if (over)
			break;
	}
	wake_all(o);
}

START_TEST(joins_leaves_and_wakes_by_chance)
{
	static struct restless r[WORKERS * N];
	struct worker *w[WORKERS];
	struct rig_count ready, done;
	struct owner o;

	owner_init(&o);
	rig_count_init(&ready, WORKERS * N);
	rig_count_init(&done, WORKERS * N);
	rig_workers_start(w, WORKERS);
	for (unsigned i = 0; i < WORKERS * N; i++) {
		r[i] = (struct restless){
			.s = { .owner = &o, .waiter = { .worker = w[i % WORKERS],
			    .wake = restless_woken, .arg = &r[i] } },
			.step = { .fn = restless_step, .arg = &r[i] },
			.seed = i, .steps = STEPS / N, .ready = &ready, .done = &done,
		};
		worker_post(w[i % WORKERS], &r[i].step);
	}
	wake_until(&ready, &o);
	rig_count_wait(&done);
	rig_workers_stop(w, WORKERS);
	for (unsigned i = 0; i < WORKERS * N; i++)
		ck_assert_uint_eq(r[i].joins, r[i].s.wakes + r[i].left);
	owner_fini(&o);
}
END_TEST

static Suite *
crowd_suite(void)
{
	Suite *s = suite_create("crowd");
	TCase *tc = tcase_create("crowd"), *threads = tcase_create("threads");

	tcase_add_test(tc, woken_once_through_the_loop);
	tcase_add_test(tc, who_left_is_not_woken);
	tcase_add_test(tc, joined_while_the_message_is_on_its_way);
	tcase_add_test(tc, a_wake_makes_others_leave);
	tcase_add_test(tc, a_wake_joins_again);
	suite_add_tcase(s, tc);
	tcase_add_test(threads, joins_leaves_and_wakes_by_chance);
	suite_add_tcase(s, threads);
	return s;
}

UNIT_MAIN(crowd_suite)
