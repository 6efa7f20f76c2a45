/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POST /purge drops a URL; a fetch that is up for it still answers those who wait, and isn't
 * stored.  One that is led after the purge has begun is left alone, so a purge of a URL that is
 * asked for all the time costs one fetch.
 */
#include "tests/lib/flow.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLIENTS	16
#define PURGES	150u
#define BODY	(4 * MIB)	/* takes a while to be freed, in which clients ask */

struct load {
	struct herd	*h;
	pthread_t	 thread;
	_Atomic bool	 stop;
};

/* Next to nothing comes of each answer, so they ask often. */
static void *
keep_asking(void *arg)
{
	struct load *l = arg;

	while (!atomic_load(&l->stop)) {
		herd_ask(l->h, "/hot", "Range: bytes=0-9\r\n");
		herd_wait(l->h);
	}
	return NULL;
}

static void
a_hot_one(struct origin *o, struct daemon *d)
{
	struct load l = { .h = herd_open(daemon_addr(d), CLIENTS) };

	origin_answer(o, .path = "/hot", .bytes = BODY, .fields = "Cache-Control: max-age=600\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/hot", ""), 200);
	ck_assert_int_eq(pthread_create(&l.thread, NULL, keep_asking, &l), 0);
	for (unsigned i = 0; i < PURGES; i++) {
		ck_assert_int_eq(daemon_purge(d, "http://test/hot"), 1);
		origin_wait_requests(o, "/hot", i + 2);
		daemon_wait_stat(d, "flights", 0);
	}
	atomic_store(&l.stop, true);
	pthread_join(l.thread, NULL);
	ck_assert_uint_eq(origin_requests(o, "/hot"), PURGES + 1);
	herd_free(l.h);
}

FLOW(purge)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct answer *a;
	struct herd *h;

	origin_answer(o, .path = "/*", .bytes = 1000, .fields = "Cache-Control: max-age=60\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/a", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/b", ""), 200);
	ck_assert_int_eq(daemon_stat(d, "objects"), 2);
	ck_assert_int_eq(daemon_purge(d, "http://test/a"), 1);
	ck_assert_int_eq(daemon_purge(d, "http://test/a"), 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), 1);
	ck_assert_int_eq(daemon_stat(d, "purged"), 1);
	ck_assert_int_eq(client_status(daemon_addr(d), "/a", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/b", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/a"), 2);
	ck_assert_uint_eq(origin_requests(o, "/b"), 1);

	origin_hold(o, "/flight");
	h = herd_start(daemon_addr(d), 20, "/flight");
	daemon_wait_stat(d, "parked", 20);
	daemon_purge(d, "http://test/flight");
	origin_release(o, "/flight");
	herd_wait(h);
	ck_assert_uint_eq(herd_count_body(h, 1000, test_body_sum(1000)), 20);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), 2);
	ck_assert_int_eq(client_status(daemon_addr(d), "/flight", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/flight"), 2);

	a = client_exchangef(daemon_admin(d),
	    "POST /purge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    "Content-Length: 9\r\n\r\n{\"url\":5}");
	ck_assert_int_eq(a->status, 400);
	answer_free(a);
	herd_free(h);
	a_hot_one(o, d);
	daemon_stop(d);
	origin_stop(o);
}
