/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include <event2/event.h>

#include "base/contract.h"

#include "tests/unit/unit.h"

#define POSTERS		4
#define POSTS		5000

/* Runs what is there and what that posts, without a thread. */
static void
turn(struct worker *w)
{
	event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
}

/* Messages that write their number into a log. */

struct note {
	struct worker_msg	 msg;
	int			 number;
	int			*log;
	unsigned		*n;
	struct worker		*worker;
	unsigned		 again;		/* posts itself that often */
};

static void
write_note(void *arg)
{
	struct note *note = arg;

	note->log[(*note->n)++] = note->number;
	if (note->again > 0) {
		note->again--;
		worker_post(note->worker, &note->msg);
	}
}

static void
note_init(struct note *note, int number, struct worker *w, int *log, unsigned *n)
{
	*note = (struct note){
		.msg = { .fn = write_note, .arg = note },
		.number = number, .log = log, .n = n, .worker = w,
	};
}

START_TEST(mail_comes_in_order_and_not_from_post)
{
	struct worker *w = worker_new(3, NULL);
	struct note note[10];
	int log[10];
	unsigned n = 0;

	ck_assert_uint_eq(worker_id(w), 3);
	ck_assert_ptr_null(worker_conf(w));
	for (int i = 0; i < 10; i++) {
		note_init(&note[i], i, w, log, &n);
		worker_post(w, &note[i].msg);
	}
	ck_assert_uint_eq(n, 0);
	turn(w);
	ck_assert_uint_eq(n, 10);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(log[i], i);
	worker_free(w);
}
END_TEST

START_TEST(posted_twice_runs_once)
{
	struct worker *w = worker_new(0, NULL);
	struct note note;
	int log[4];
	unsigned n = 0;

	note_init(&note, 1, w, log, &n);
	worker_post(w, &note.msg);
	worker_post(w, &note.msg);
	turn(w);
	ck_assert_uint_eq(n, 1);
	worker_post(w, &note.msg);
	turn(w);
	ck_assert_uint_eq(n, 2);
	worker_free(w);
}
END_TEST

START_TEST(unposted_does_not_run)
{
	struct worker *w = worker_new(0, NULL);
	struct note a, b;
	int log[4];
	unsigned n = 0;

	note_init(&a, 1, w, log, &n);
	note_init(&b, 2, w, log, &n);
	ck_assert(!worker_unpost(w, &a.msg));
	worker_post(w, &a.msg);
	worker_post(w, &b.msg);
	ck_assert(worker_unpost(w, &a.msg));
	ck_assert(!worker_unpost(w, &a.msg));
	turn(w);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(log[0], 2);
	worker_post(w, &a.msg);
	turn(w);
	ck_assert_uint_eq(n, 2);
	worker_free(w);
}
END_TEST

struct pair {
	struct note	 first, second;
};

static void
take_back_second(void *arg)
{
	struct pair *p = arg;

	ASSERT(worker_unpost(p->first.worker, &p->second.msg));
	worker_post(p->first.worker, &p->second.msg);
	ASSERT(worker_unpost(p->first.worker, &p->second.msg));
}

/* The one that is next in the drain that is running. */
START_TEST(unposted_during_the_drain)
{
	struct worker *w = worker_new(0, NULL);
	struct pair p;
	int log[4];
	unsigned n = 0;

	note_init(&p.first, 1, w, log, &n);
	note_init(&p.second, 2, w, log, &n);
	p.first.msg.fn = take_back_second;
	p.first.msg.arg = &p;
	worker_post(w, &p.first.msg);
	worker_post(w, &p.second.msg);
	turn(w);
	ck_assert_uint_eq(n, 0);
	worker_free(w);
}
END_TEST

/* A message that posts itself again leaves a turn to everything else each time. */
START_TEST(what_a_message_posts_comes_next_turn)
{
	struct worker *w = worker_new(0, NULL);
	struct note note;
	int log[16];
	unsigned n = 0;

	note_init(&note, 1, w, log, &n);
	note.again = 3;
	worker_post(w, &note.msg);
	for (unsigned i = 1; i <= 4; i++) {
		event_base_loop(worker_base(w), EVLOOP_ONCE | EVLOOP_NONBLOCK);
		ck_assert_uint_eq(n, i);
	}
	turn(w);
	ck_assert_uint_eq(n, 4);
	worker_free(w);
}
END_TEST

/* Stopped before it runs: it must not run for ever. */
START_TEST(stopped_before_started)
{
	struct worker *w = worker_new(0, NULL);

	worker_stop(w);
	worker_run(w);
	worker_stop(w);
	ck_assert_int_eq(worker_start(w), 0);
	worker_join(w);
	worker_join(w);
	worker_free(w);
	worker_free(NULL);
}
END_TEST

struct about {
	struct worker_msg	 msg;
	struct worker		*worker, *other;
	bool			 current, other_current, blocked;
};

static void
look_about(void *arg)
{
	struct about *a = arg;
	sigset_t set;

	a->current = worker_is_current(a->worker);
	a->other_current = worker_is_current(a->other);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	a->blocked = sigismember(&set, SIGTERM) == 1;
	worker_stop(a->worker);
}

START_TEST(thread_of_its_own_without_signals)
{
	struct worker *w = worker_new(0, NULL), *other = worker_new(1, NULL);
	struct about a = { .msg = { .fn = look_about, .arg = &a }, .worker = w, .other = other };
	sigset_t set;

	ck_assert_int_eq(worker_start(w), 0);
	worker_post(w, &a.msg);
	worker_join(w);
	ck_assert(a.current && !a.other_current && a.blocked);
	ck_assert(!worker_is_current(w));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	ck_assert(!sigismember(&set, SIGTERM));
	worker_free(w);
	worker_free(other);
}
END_TEST

/* Many post to one; each one's order is kept, nothing is lost, no knock is missing. */

struct poster;

struct parcel {
	struct worker_msg	 msg;
	struct poster		*from;
	unsigned		 number;
};

struct poster {
	struct worker		*to;
	struct parcel		 parcel[POSTS];
	unsigned		 next;		/* owner's thread */
	unsigned		*left;
};

static void
receive(void *arg)
{
	struct parcel *p = arg;

	ASSERT(p->number == p->from->next);
	p->from->next++;
	if (--*p->from->left == 0)
		worker_stop(p->from->to);
}

static void *
post_all(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 0; i < POSTS; i++) {
		p->parcel[i].msg.fn = receive;
		p->parcel[i].msg.arg = &p->parcel[i];
		p->parcel[i].from = p;
		p->parcel[i].number = i;
		worker_post(p->to, &p->parcel[i].msg);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

START_TEST(many_post_to_one)
{
	static struct poster poster[POSTERS];
	struct worker *w = worker_new(0, NULL);
	unsigned left = POSTERS * POSTS;
	pthread_t thread[POSTERS];

	ck_assert_int_eq(worker_start(w), 0);
	for (unsigned i = 0; i < POSTERS; i++) {
		poster[i].to = w;
		poster[i].left = &left;
		ck_assert_int_eq(pthread_create(&thread[i], NULL, post_all, &poster[i]), 0);
	}
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(thread[i], NULL);
	worker_join(w);
	ck_assert_uint_eq(left, 0);
	worker_free(w);
}
END_TEST

/*
 * One message, posted again and again from elsewhere, and taken back now and then by its owner, who
 * then does its work at once: no post may be without effect.
 */
struct tug {
	struct worker		*worker;
	struct worker_msg	 poke;		/* posted from elsewhere */
	struct worker_msg	 pull;		/* the owner's, posts itself until the end */
	_Atomic unsigned	 posts;
	unsigned		 seen;		/* posts at the last poke */
};

static void
poked(void *arg)
{
	struct tug *t = arg;

	t->seen = atomic_load(&t->posts);
}

static void
pulled(void *arg)
{
	struct tug *t = arg;

	if (worker_unpost(t->worker, &t->poke))
		poked(t);
	if (t->seen == POSTS)
		worker_stop(t->worker);
	else
		worker_post(t->worker, &t->pull);
}

START_TEST(post_against_unpost)
{
	struct tug t = { .worker = worker_new(0, NULL) };

	t.poke = (struct worker_msg){ .fn = poked, .arg = &t };
	t.pull = (struct worker_msg){ .fn = pulled, .arg = &t };
	ck_assert_int_eq(worker_start(t.worker), 0);
	worker_post(t.worker, &t.pull);
	for (unsigned i = 0; i < POSTS; i++) {
		atomic_fetch_add(&t.posts, 1);
		worker_post(t.worker, &t.poke);
	}
	worker_join(t.worker);
	ck_assert_uint_eq(t.seen, POSTS);
	worker_free(t.worker);
}
END_TEST

static Suite *
worker_suite(void)
{
	Suite *s = suite_create("worker");
	TCase *tc = tcase_create("mailbox"), *threads = tcase_create("threads");

	tcase_add_test(tc, mail_comes_in_order_and_not_from_post);
	tcase_add_test(tc, posted_twice_runs_once);
	tcase_add_test(tc, unposted_does_not_run);
	tcase_add_test(tc, unposted_during_the_drain);
	tcase_add_test(tc, what_a_message_posts_comes_next_turn);
	tcase_add_test(tc, stopped_before_started);
	suite_add_tcase(s, tc);
	tcase_add_test(threads, thread_of_its_own_without_signals);
	tcase_add_test(threads, many_post_to_one);
	tcase_add_test(threads, post_against_unpost);
	suite_add_tcase(s, threads);
	return s;
}

UNIT_MAIN(worker_suite)
