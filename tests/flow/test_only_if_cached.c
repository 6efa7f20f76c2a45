/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 9111 5.2.1.7: a client that wants no more than what is stored gets that, or a 504 at once. */
#include "tests/lib/flow.h"

#define ONLY	"Cache-Control: only-if-cached\r\n"
#define SECOND	INT64_C(1000000)

static void
nothing_stored(struct daemon *d, const char *path)
{
	struct answer *a = client_get(daemon_addr(d), path, ONLY);

	ck_assert(a->complete);
	ck_assert_int_eq(a->status, 504);
	ck_assert_msg(answer_says(a, "Cache-Status", "detail="), "%s", a->head);
	ck_assert(!answer_says(a, "Cache-Status", "fwd="));
	answer_free(a);
}

FLOW(only_if_cached)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 1\n", origin_url(o));
	struct answer *a;
	struct client *c;

	origin_answer(o, .path = "/p", .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n");
	nothing_stored(d, "/p");
	ck_assert_uint_eq(origin_requests(o, NULL), 0);

	/* A fetch of another client's is nothing stored either. */
	c = client_open(daemon_addr(d));
	origin_hold(o, "/p");
	client_ask(c, "/p", "");
	origin_wait_requests(o, "/p", 1);
	nothing_stored(d, "/p");
	origin_release(o, "/p");
	ck_assert_int_eq(client_answer(c)->status, 200);
	client_close(c);

	daemon_wait_stat(d, "flights", 0);
	a = client_get(daemon_addr(d), "/p", ONLY);
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->body, "hello");
	ck_assert_msg(answer_says(a, "Cache-Status", "corral; hit"), "%s", a->head);
	answer_free(a);

	daemon_advance_clock(d, 150 * SECOND);
	nothing_stored(d, "/p");
	ck_assert_uint_eq(origin_requests(o, NULL), 1);
	daemon_stop(d);
	origin_stop(o);
}
