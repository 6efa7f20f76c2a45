/* SPDX-License-Identifier: BSD-2-Clause */
/* What Vary names keeps answers apart, also among those who wait for one fetch; Vary: * for all. */
#include "tests/lib/flow.h"

static unsigned
answers(struct daemon *d, const char *path, const char *fields, const char *body)
{
	struct answer *a = client_get(daemon_addr(d), path, fields);
	unsigned right = a->complete && strcmp(a->body, body) == 0;

	answer_free(a);
	return right;
}

FLOW(vary_kept_apart)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct herd *de = herd_open(daemon_addr(d), 10), *fr = herd_open(daemon_addr(d), 10);
	int64_t hits;

	origin_answer(o, .path = "/v", .times = 1, .text = "deutsch",
	    .fields = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n");
	origin_answer(o, .path = "/v", .times = 1, .text = "francais!",
	    .fields = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n");
	origin_answer(o, .path = "/v", .status = 500);
	origin_answer(o, .path = "/star", .text = "own",
	    .fields = "Cache-Control: max-age=60\r\nVary: *\r\n");
	origin_hold(o, "/v");
	herd_ask(de, "/v", "Accept-Language: de\r\n");
	origin_wait_requests(o, "/v", 1);
	daemon_wait_stat(d, "parked", 10);
	herd_ask(fr, "/v", "Accept-Language: fr\r\n");
	daemon_wait_stat(d, "parked", 20);
	origin_release(o, "/v");
	herd_wait(de);
	herd_wait(fr);
	daemon_wait_stat(d, "requests", 20);
	ck_assert_uint_eq(herd_count_body(de, 7, test_sum(TEST_SUM, 0, "deutsch", 7)), 10);
	ck_assert_uint_eq(herd_count_body(fr, 9, test_sum(TEST_SUM, 0, "francais!", 9)), 10);
	ck_assert_uint_eq(origin_requests(o, "/v"), 2);

	hits = daemon_stat(d, "hit");
	ck_assert_uint_eq(answers(d, "/v", "Accept-Language: de\r\n", "deutsch"), 1);
	ck_assert_uint_eq(answers(d, "/v", "Accept-Language: fr\r\n", "francais!"), 1);
	ck_assert_uint_eq(origin_requests(o, "/v"), 2);
	daemon_wait_stat(d, "hit", hits + 2);

	ck_assert_uint_eq(answers(d, "/star", "", "own"), 1);
	ck_assert_uint_eq(answers(d, "/star", "", "own"), 1);
	ck_assert_uint_eq(origin_requests(o, "/star"), 2);
	herd_free(de);
	herd_free(fr);
	daemon_stop(d);
	origin_stop(o);
}
