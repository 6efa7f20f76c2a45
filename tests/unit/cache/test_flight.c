/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/flight.h"

#include "tests/unit/cache/rig.h"

#define KEY	"http://a/"
#define PUBLIC	"Cache-Control: max-age=60\n"
#define PRIVATE	"Cache-Control: private\n"
#define N	6

static const struct flight_failure no_answer = {
	.status = 504, .detail = "first-byte-timeout", .text = "no answer",
	.blame = BLAME_EXCHANGE,
};

/* One worker that the test turns, a cache, a leader and those who park behind it. */
struct party {
	struct worker	*w;
	struct cache	*c;
	struct guest	 g[N];
	struct flight	*fl;		/* the source's reference */
};

static void
party_start(struct party *p, const char *fields)
{
	p->w = worker_new(0, NULL);
	p->c = rig_cache(1024 * 1024, 64 * 1024);
	for (unsigned i = 0; i < N; i++) {
		guest_init(&p->g[i], p->w, "GET", fields);
		ck_assert_int_eq(guest_ask(&p->g[i], p->c, KEY), i == 0 ? V_LEAD : V_PARK);
	}
	p->fl = p->g[0].lk.flight;
	ck_assert_ptr_nonnull(p->fl);
	ck_assert_uint_eq(rig_figures(p->c).parked, N);
	ck_assert_uint_eq(rig_figures(p->c).flights, 1);
}

/* Everything was let go, so nothing may be left but what is stored. */
static void
party_end(struct party *p)
{
	for (unsigned i = 0; i < N; i++)
		guest_fini(&p->g[i]);
	flight_unref(p->fl);
	rig_turn(p->w);
	ck_assert_uint_eq(rig_figures(p->c).parked, 0);
	ck_assert_uint_eq(rig_figures(p->c).flights, 0);
	cache_purge_all(p->c);
	ck_assert_uint_eq(rig_figures(p->c).transit_bytes, 0);
	ck_assert_uint_eq(rig_figures(p->c).bytes, 0);
	cache_free(p->c);
	worker_free(p->w);
}

static void
finish(struct party *p, struct obj *o, size_t n)
{
	rig_feed(p->fl, 0, n);
	flight_end(p->fl);
	obj_unref(o);
}

static void
expect_whole(struct guest *g, size_t n)
{
	ck_assert_uint_eq(g->wakes, 1);
	ck_assert_int_eq(flight_outcome(&g->wait), OUTCOME_OBJ);
	guest_open(g);
	ck_assert_uint_eq(guest_read(g, SIZE_MAX), n);
	ck_assert_int_eq(g->state, READER_END);
}

START_TEST(all_parked_get_the_object)
{
	struct party p;
	struct obj *o;

	party_start(&p, "");
	o = rig_head(p.fl, &p.g[0].req, 200, PUBLIC, 1000);
	ck_assert_uint_eq(rig_figures(p.c).parked, 0);
	for (unsigned i = 0; i < N; i++)
		ck_assert_uint_eq(p.g[i].wakes, 0);
	rig_turn(p.w);
	for (unsigned i = 0; i < N; i++)
		ck_assert(guest_stored(&p.g[i]));
	finish(&p, o, 1000);
	for (unsigned i = 0; i < N; i++) {
		expect_whole(&p.g[i], 1000);
		ck_assert_ptr_eq(p.g[i].obj, o);
	}
	ck_assert_uint_eq(rig_figures(p.c).parked_peak, N);
	party_end(&p);
}
END_TEST

/* When the leader goes: before the head, between head and wake, after the wake without taking. */
START_TEST(leader_leaves)
{
	struct party p;
	struct obj *o;
	unsigned wanted;

	party_start(&p, "");
	if (_i == 0) {
		guest_leave(&p.g[0]);
		ck_assert_int_eq(flight_wanted(p.fl, &wanted), WANT_WAITED_FOR);
		ck_assert_uint_eq(wanted, N - 1);
		ck_assert_uint_eq(rig_figures(p.c).parked, N - 1);
	}
	o = rig_head(p.fl, &p.g[0].req, 200, PUBLIC, 1000);
	ck_assert_ptr_nonnull(o);
	if (_i == 1)
		guest_leave(&p.g[0]);
	rig_turn(p.w);
	ck_assert_uint_eq(p.g[0].wakes, _i == 2);
	if (_i == 2)
		guest_leave(&p.g[0]);
	finish(&p, o, 1000);
	for (unsigned i = 1; i < N; i++)
		expect_whole(&p.g[i], 1000);
	party_end(&p);
}
END_TEST

/* All leave an undecided flight: it goes on, since its answer is worth keeping, and is stored. */
START_TEST(all_leave_a_shared_flight)
{
	struct party p;
	struct obj *o;
	unsigned wanted;

	party_start(&p, "");
	for (unsigned i = 0; i < N; i++)
		guest_leave(&p.g[i]);
	ck_assert_int_eq(flight_wanted(p.fl, &wanted), WANT_KEEPING);
	ck_assert_uint_eq(wanted, 0);
	o = rig_head(p.fl, &p.g[0].req, 200, PUBLIC, 1000);
	ck_assert_ptr_nonnull(o);
	finish(&p, o, 1000);
	ck_assert_int_eq(guest_ask(&p.g[0], p.c, KEY), V_HIT);
	guest_open(&p.g[0]);
	ck_assert_uint_eq(guest_read(&p.g[0], SIZE_MAX), 1000);
	party_end(&p);
}
END_TEST

/* An answer that is not stored, and nobody waits: the fetch may stop. */
START_TEST(all_leave_and_it_is_not_worth_keeping)
{
	struct party p;

	party_start(&p, "");
	for (unsigned i = 0; i < N; i++)
		guest_leave(&p.g[i]);
	/* FRESH_ALONE, and FRESH_SHARE: no lifetime. */
	ck_assert_ptr_null(rig_head(p.fl, &p.g[0].req, 200, _i == 0 ? PRIVATE : "", 1000));
	ck_assert_uint_eq(rig_figures(p.c).flights, 0);
	party_end(&p);
}
END_TEST

START_TEST(alone_leader_gets_it_others_pass_together)
{
	struct party p;
	struct obj *o;

	party_start(&p, "");
	o = rig_head(p.fl, &p.g[0].req, 200, PRIVATE, 1000);
	rig_turn(p.w);
	for (unsigned i = 1; i < N; i++) {
		ck_assert_uint_eq(p.g[i].wakes, 1);
		ck_assert_int_eq(flight_outcome(&p.g[i].wait), OUTCOME_PASS);
		ck_assert(!guest_stored(&p.g[i]));
	}
	finish(&p, o, 1000);
	expect_whole(&p.g[0], 1000);
	party_end(&p);
}
END_TEST

/* The leader of an unshareable answer is gone: nobody gets it, the others pass all the same. */
START_TEST(alone_without_its_leader)
{
	struct party p;

	party_start(&p, "");
	guest_leave(&p.g[0]);
	ck_assert_ptr_null(rig_head(p.fl, &p.g[0].req, 200, PRIVATE, 1000));
	rig_turn(p.w);
	for (unsigned i = 1; i < N; i++)
		ck_assert_int_eq(flight_outcome(&p.g[i].wait), OUTCOME_PASS);
	party_end(&p);
}
END_TEST

/* FRESH_SHARE: those who wait get it, the store doesn't. */
START_TEST(shared_but_not_stored)
{
	struct party p;
	struct obj *o;

	party_start(&p, "");
	o = rig_head(p.fl, &p.g[0].req, 200, "", 1000);
	ck_assert_int_eq(obj_meta(o)->fresh.class, FRESH_SHARE);
	rig_turn(p.w);
	finish(&p, o, 1000);
	for (unsigned i = 0; i < N; i++) {
		ck_assert(!guest_stored(&p.g[i]));
		expect_whole(&p.g[i], 1000);
	}
	guest_leave(&p.g[0]);
	flight_unref(p.fl);
	p.fl = NULL;
	ck_assert_int_eq(guest_ask(&p.g[0], p.c, KEY), V_LEAD);
	flight_failed(p.g[0].lk.flight, &no_answer);
	p.fl = p.g[0].lk.flight;
	party_end(&p);
}
END_TEST

START_TEST(failure_is_one_answer_for_all)
{
	struct party p;

	party_start(&p, "");
	guest_leave(&p.g[N - 1]);
	flight_failed(p.fl, &no_answer);
	ck_assert_uint_eq(rig_figures(p.c).parked, 0);
	ck_assert_uint_eq(rig_figures(p.c).flights, 0);
	rig_turn(p.w);
	for (unsigned i = 0; i < N - 1; i++) {
		ck_assert_uint_eq(p.g[i].wakes, 1);
		ck_assert_int_eq(flight_outcome(&p.g[i].wait), OUTCOME_FAIL);
		ck_assert_int_eq(flight_failure(&p.g[i].wait)->status, 504);
		ck_assert_str_eq(flight_failure(&p.g[i].wait)->detail, "first-byte-timeout");
	}
	ck_assert_uint_eq(p.g[N - 1].wakes, 0);
	ck_assert_uint_eq(rig_figures(p.c).bytes, 0);
	/* The next may lead again. */
	guest_leave(&p.g[0]);
	flight_unref(p.fl);
	ck_assert_int_eq(guest_ask(&p.g[0], p.c, KEY), V_LEAD);
	p.fl = p.g[0].lk.flight;
	flight_failed(p.fl, &no_answer);
	party_end(&p);
}
END_TEST

START_TEST(broken_on_the_way)
{
	struct party p;
	struct obj *o;

	party_start(&p, "");
	o = rig_head(p.fl, &p.g[0].req, 200, PUBLIC, 1000);
	rig_turn(p.w);
	for (unsigned i = 0; i < N - 1; i++) {
		guest_open(&p.g[i]);
		guest_read(&p.g[i], SIZE_MAX);
	}
	rig_feed(p.fl, 0, 500);
	ck_assert_uint_eq(rig_figures(p.c).objects, 1);
	flight_broken(p.fl);
	ck_assert_uint_eq(rig_figures(p.c).objects, 0);
	ck_assert_uint_eq(rig_figures(p.c).bytes, 0);
	obj_unref(o);
	rig_turn(p.w);
	/* Also who comes to read only now. */
	guest_open(&p.g[N - 1]);
	for (unsigned i = 0; i < N; i++) {
		guest_read(&p.g[i], SIZE_MAX);
		ck_assert_int_eq(p.g[i].state, READER_CUT);
	}
	party_end(&p);
}
END_TEST

static unsigned posts;

static void
count_post(void *arg)
{
	(void)arg;
	posts++;
}

START_TEST(half_closed_is_no_reason_but_is_woken)
{
	struct party p;
	struct obj *o;

	party_start(&p, "");
	for (unsigned i = 0; i < N; i++) {
		flight_uncount(&p.g[i].wait);
		flight_uncount(&p.g[i].wait);
		ck_assert_uint_eq(rig_figures(p.c).parked, N - 1 - i);
	}
	guest_leave(&p.g[1]);
	ck_assert_uint_eq(rig_figures(p.c).parked, 0);
	o = rig_head(p.fl, &p.g[0].req, 200, PUBLIC, 1000);
	flight_uncount(&p.g[2].wait);
	rig_turn(p.w);
	finish(&p, o, 1000);
	expect_whole(&p.g[0], 1000);
	expect_whole(&p.g[2], 1000);
	party_end(&p);
}
END_TEST

/* A flight of one's own: a safe one ends with its client, an unsafe one when it is quite gone. */
START_TEST(own_flight_ends_with_its_client)
{
	struct worker *w = worker_new(0, NULL);
	struct cache *c = rig_cache(1024 * 1024, 1024);
	struct worker_msg msg = { .fn = count_post };
	struct guest g;
	bool safe = _i == 0;
	unsigned wanted;

	posts = 0;
	guest_init(&g, w, safe ? "OPTIONS" : "POST", "");
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_PASS);
	ck_assert_str_eq(g.lk.fwd, "method");
	ck_assert_uint_eq(rig_figures(c).parked, 0);
	ck_assert_uint_eq(rig_figures(c).flights, 1);
	flight_set_source(g.lk.flight, w, &msg);
	ck_assert_int_eq(flight_wanted(g.lk.flight, &wanted), WANT_WAITED_FOR);
	flight_uncount(&g.wait);
	rig_turn(w);
	ck_assert_int_eq(flight_wanted(g.lk.flight, &wanted),
	    safe ? WANT_NOT : WANT_WAITED_FOR);
	ck_assert_uint_eq(posts, safe);
	guest_leave(&g);
	rig_turn(w);
	ck_assert_int_eq(flight_wanted(g.lk.flight, &wanted), WANT_NOT);
	ck_assert_uint_eq(posts, safe ? 2 : 1);
	flight_failed(g.lk.flight, &no_answer);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	cache_free(c);
	worker_free(w);
}
END_TEST

START_TEST(head_as_it_is_stored)
{
	struct party p;
	const struct obj_meta *m;
	struct head resp;
	struct obj *o;
	struct now asked = clock_now();

	party_start(&p, "");
	rig_response(&resp, 200, PUBLIC "Age: 5\nConnection: close, X-Hop\nX-Hop: 1\n"
	    "Content-Length: 3\nX-Kept: yes\n", 3);
	rig_pass(250 * USEC_PER_MSEC);
	o = flight_head(p.fl, &p.g[0].req, &resp, asked, clock_now());
	m = obj_meta(o);
	ck_assert(slice_eq(buf_slice(&m->wire), SLICE("Cache-Control: max-age=60\r\n"
	    "X-Kept: yes\r\nDate: Tue, 14 Nov 2023 22:30:00 GMT\r\nVia: 1.1 corral\r\n")));
	ck_assert(m->had_age && !m->bodyless);
	ck_assert_uint_eq(m->length, 3);
	ck_assert_int_eq(m->fetch_time, 250 * USEC_PER_MSEC);
	ck_assert_int_eq(m->fresh.initial_age, 5250 * USEC_PER_MSEC);
	rig_pass(2 * USEC_PER_SEC);
	ck_assert_int_eq(cache_age(m, clock_mono()), 7250 * USEC_PER_MSEC);
	finish(&p, o, 3);
	party_end(&p);
}
END_TEST

/*
 * Threads: the head comes on one worker while those parked on others leave: some before, some
 * between decision and wake, some in the wake.  Each is woken once or left, never both.
 */
#define WORKERS	3
#define EACH	8
#define ROUNDS	60

struct leaver {
	struct guest		 g;
	struct worker_msg	 leave;
	bool			 gone;
	struct rig_count	*left;
};

static void
leaver_over(struct leaver *l)
{
	ASSERT(!l->gone);
	l->gone = true;
	worker_unpost(l->g.worker, &l->leave);
	guest_leave(&l->g);
	rig_count_add(l->left, -1);
}

static void
leaver_reads(void *arg)
{
	struct leaver *l = arg;

	ASSERT(!l->gone);
	guest_read(&l->g, SIZE_MAX);
	if (l->g.state == READER_END)
		leaver_over(l);
}

static void
leaver_woken(void *arg)
{
	struct leaver *l = arg;

	ASSERT(!l->gone && flight_outcome(&l->g.wait) == OUTCOME_OBJ);
	worker_unpost(l->g.worker, &l->leave);
	guest_open(&l->g);
	flight_leave(&l->g.wait);
	leaver_reads(l);
}

static void
leaver_leaves(void *arg)
{
	leaver_over(arg);
}

struct asking {
	struct leaver	*l;
	struct cache	*c;
};

static void
ask_one(void *arg)
{
	struct asking *a = arg;

	guest_init(&a->l->g, a->l->g.worker, "GET", "");
	a->l->g.more = leaver_reads;
	a->l->g.more_arg = a->l;
	a->l->g.wait.waiter.wake = leaver_woken;
	a->l->g.wait.waiter.arg = a->l;
	guest_ask(&a->l->g, a->c, KEY);
}

START_TEST(wake_against_leave)
{
	static struct leaver l[WORKERS * EACH];
	struct worker *w[WORKERS];
	struct cache *c = rig_cache(1024 * 1024, 64 * 1024);
	struct rig_count left;
	unsigned seed = 11;

	rig_workers_start(w, WORKERS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct flight *fl;
		struct obj *o;

		rig_count_init(&left, WORKERS * EACH);
		for (unsigned i = 0; i < WORKERS * EACH; i++) {
			struct asking a = { &l[i], c };

			memset(&l[i], 0, sizeof l[i]);
			l[i].g.worker = w[i % WORKERS];
			l[i].left = &left;
			l[i].leave = (struct worker_msg){ .fn = leaver_leaves, .arg = &l[i] };
			rig_call(w[i % WORKERS], ask_one, &a);
			ck_assert_int_eq(l[i].g.verdict, i == 0 ? V_LEAD : V_PARK);
		}
		fl = l[0].g.lk.flight;
		for (unsigned i = 1; i < WORKERS * EACH; i++)
			if (rig_random(&seed) % 3 == 0)
				worker_post(w[i % WORKERS], &l[i].leave);
		o = rig_head(fl, &l[0].g.req, 200, PUBLIC, 1000);
		rig_feed(fl, 0, 1000);
		flight_end(fl);
		obj_unref(o);
		rig_count_wait(&left);
		flight_unref(fl);
		for (unsigned i = 0; i < WORKERS * EACH; i++)
			head_fini(&l[i].g.req);
		ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 1);
	}
	rig_workers_stop(w, WORKERS);
	ck_assert_uint_eq(rig_figures(c).transit_bytes, 0);
	cache_free(c);
}
END_TEST

static Suite *
flight_suite(void)
{
	Suite *s = suite_create("flight");
	TCase *tc = tcase_create("flight"), *threads = tcase_create("threads");

	tcase_add_test(tc, all_parked_get_the_object);
	tcase_add_loop_test(tc, leader_leaves, 0, 3);
	tcase_add_test(tc, all_leave_a_shared_flight);
	tcase_add_loop_test(tc, all_leave_and_it_is_not_worth_keeping, 0, 2);
	tcase_add_test(tc, alone_leader_gets_it_others_pass_together);
	tcase_add_test(tc, alone_without_its_leader);
	tcase_add_test(tc, shared_but_not_stored);
	tcase_add_test(tc, failure_is_one_answer_for_all);
	tcase_add_test(tc, broken_on_the_way);
	tcase_add_test(tc, half_closed_is_no_reason_but_is_woken);
	tcase_add_loop_test(tc, own_flight_ends_with_its_client, 0, 2);
	tcase_add_test(tc, head_as_it_is_stored);
	suite_add_tcase(s, tc);
	tcase_add_test(threads, wake_against_leave);
	suite_add_tcase(s, threads);
	return s;
}

UNIT_MAIN(flight_suite)
