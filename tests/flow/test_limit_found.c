/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `max_connections: auto`, within bounds: a backend that takes more at once gets more, one that
 * says that it is too much (503) gets less at once, and the bounds hold whatever it does.
 */
#include "tests/lib/flow.h"

#define LEAST	2
#define MOST	40
#define CLIENTS	80

struct load {
	struct origin	*o;
	struct daemon	*d;
	struct herd	*h;
	int64_t		 limit;
};

/* One round of requests, more than there are places for. */
static void
ask(struct load *l, const char *path)
{
	herd_ask_each(l->h, path, "");
	herd_wait(l->h);
	l->limit = daemon_stat(l->d, "upstreams.default.limit");
	ck_assert_int_ge(l->limit, LEAST);
	ck_assert_int_le(l->limit, MOST);
	ck_assert_uint_le(origin_most_open(l->o), MOST);
}

FLOW(limit_found)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s ]\n    breaker: off\n"
	    "    max_connections: { min: %d, most: %d }\n", origin_url(o), LEAST, MOST);
	struct load l = { .o = o, .d = d, .h = herd_open(daemon_addr(d), CLIENTS) };
	int64_t start = daemon_stat(d, "upstreams.default.limit"), high;

	ck_assert_int_ge(start, LEAST);
	ck_assert_int_lt(start, MOST);
	/* Its time does not depend on how many it has. */
	origin_answer(o, .path = "/more*", .text = "hello", .delay_ms = 30);
	origin_answer(o, .path = "/less*", .status = 503, .delay_ms = 5);
	for (int64_t deadline = test_deadline(); l.limit < start + start / 2;) {
		ask(&l, "/more");
		ck_assert_uint_eq(herd_count(l.h, 200), CLIENTS);
		ck_assert_msg(test_left(deadline) > 0, "the limit is %lld, and was %lld",
		    (long long)l.limit, (long long)start);
	}
	ask(&l, "/more");
	ck_assert_uint_gt(origin_most_at_once(o), (unsigned)start);
	high = l.limit;
	for (int64_t deadline = test_deadline(); l.limit > high / 2;) {
		ask(&l, "/less");
		ck_assert_msg(test_left(deadline) > 0, "the limit is %lld, and was %lld",
		    (long long)l.limit, (long long)high);
	}
	herd_free(l.h);
	daemon_stop(d);
	origin_stop(o);
}
