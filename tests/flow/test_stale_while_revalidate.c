/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hot object under constant load that expires 500 times (RFC 5861 3): it is fetched once each
 * time, and nobody ever waits for that.  In each round the backend's answer is held until everybody
 * has been answered at least once more.
 */
#include "tests/lib/flow.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLIENTS		8
#define EXPIRATIONS	500u
#define SECOND		INT64_C(1000000)

/* Eight clients that do nothing but ask; a round is an answer for each. */
struct load {
	struct herd	*h;
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	unsigned	 rounds;
	bool		 stop;
	unsigned	 wrong;		/* answers that were not 200 with the body */
};

static void *
keep_asking(void *arg)
{
	struct load *l = arg;
	bool stop = false;

	while (!stop) {
		herd_ask(l->h, "/hot", "");
		herd_wait(l->h);
		pthread_mutex_lock(&l->lock);
		l->wrong += CLIENTS - herd_count_body(l->h, 1000, test_body_sum(1000));
		l->rounds++;
		stop = l->stop;
		pthread_cond_broadcast(&l->changed);
		pthread_mutex_unlock(&l->lock);
	}
	return NULL;
}

/* Two more rounds have ended: one of them began after this was called. */
static void
everybody_is_answered(struct load *l)
{
	struct timespec until;
	unsigned n;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&l->lock);
	n = l->rounds + 2;
	while (l->rounds < n && r == 0)
		r = pthread_cond_timedwait(&l->changed, &l->lock, &until);
	pthread_mutex_unlock(&l->lock);
	ck_assert_msg(r == 0, "clients wait for the backend");
}

FLOW(stale_while_revalidate)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    timeouts: { first_byte: 1h, idle: 1h }\n", origin_url(o));
	struct load l = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	const struct answer *a;
	struct answer *one;

	origin_answer(o, .path = "/hot", .bytes = 1000,
	    .fields = "Cache-Control: max-age=10, stale-while-revalidate=1000\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/hot", ""), 200);
	l.h = herd_open(daemon_addr(d), CLIENTS);
	ck_assert_int_eq(pthread_create(&l.thread, NULL, keep_asking, &l), 0);
	for (unsigned i = 0; i < EXPIRATIONS; i++) {
		origin_hold(o, "/hot");
		daemon_advance_clock(d, 11 * SECOND);
		origin_wait_requests(o, "/hot", i + 2);
		everybody_is_answered(&l);
		origin_release(o, "/hot");
		daemon_wait_stat(d, "flights", 0);
	}
	pthread_mutex_lock(&l.lock);
	l.stop = true;
	pthread_mutex_unlock(&l.lock);
	pthread_join(l.thread, NULL);
	ck_assert_uint_eq(l.wrong, 0);
	ck_assert_uint_eq(origin_requests(o, "/hot"), EXPIRATIONS + 1);
	ck_assert_uint_eq(origin_most_at_once(o), 1);
	ck_assert_int_eq(daemon_stat(d, "miss"), 1);
	ck_assert_int_eq(daemon_stat(d, "coalesced"), 0);
	ck_assert_int_ge(daemon_stat(d, "stale"), (int64_t)EXPIRATIONS * CLIENTS);
	ck_assert_int_eq(daemon_stat(d, "parked_peak"), 1);

	/* What it says, and that it has an end. */
	origin_hold(o, "/hot");
	daemon_advance_clock(d, 11 * SECOND);
	herd_ask(l.h, "/hot", "");
	herd_wait(l.h);
	for (unsigned i = 0; i < CLIENTS; i++) {
		a = herd_answer(l.h, i);
		ck_assert_msg(answer_says(a, "Cache-Status", "corral; hit; ttl=-") &&
		    answer_says(a, "Cache-Status", "detail=stale-while-revalidate"), "%s", a->head);
	}
	origin_release(o, "/hot");
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 1020 * SECOND);
	one = client_get(daemon_addr(d), "/hot", "");
	ck_assert_msg(answer_says(one, "Cache-Status", "fwd=stale"), "%s", one->head);
	daemon_wait_stat(d, "miss", 2);
	answer_free(one);
	herd_free(l.h);
	daemon_stop(d);
	origin_stop(o);
}
