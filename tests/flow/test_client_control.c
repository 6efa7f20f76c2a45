/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's no-cache is no weapon against the backend: it is ignored, or under `client_control:
 * obey` validated, and even then a storm of reloads is one fetch.
 */
#include "tests/lib/flow.h"

static const char *const reloads[] = {
    "Cache-Control: no-cache\r\n",
    "Cache-Control: max-age=0\r\n",
    "Pragma: no-cache\r\n",
    "Cache-Control: max-age=0\r\nPragma: no-cache\r\n",
};
#define RELOADS	(sizeof reloads / sizeof reloads[0])
#define STORM	50

static void
ignored(struct origin *o, struct daemon *d)
{
	origin_answer(o, .path = "/ignore", .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/ignore", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	for (size_t i = 0; i < RELOADS; i++) {
		struct answer *a = client_get(daemon_addr(d), "/ignore", reloads[i]);

		ck_assert_int_eq(a->status, 200);
		ck_assert_msg(answer_says(a, "Cache-Status", "corral; hit"), "%s: %s", reloads[i],
		    a->head);
		answer_free(a);
	}
	ck_assert_uint_eq(origin_requests(o, "/ignore"), 1);
}

static void
obeyed(struct origin *o, struct daemon *d)
{
	struct origin_request q;

	origin_answer(o, .path = "/obey", .times = 1, .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n");
	origin_answer(o, .path = "/obey", .status = 304,
	    .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/obey", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	for (unsigned i = 0; i < RELOADS; i++) {
		struct answer *a = client_get(daemon_addr(d), "/obey", reloads[i]);

		ck_assert_int_eq(a->status, 200);
		ck_assert_str_eq(a->body, "hello");
		ck_assert_msg(answer_says(a, "Cache-Status", "fwd="), "%s: %s", reloads[i],
		    a->head);
		answer_free(a);
		daemon_wait_stat(d, "flights", 0);
		ck_assert_msg(origin_requests(o, "/obey") == i + 2, "%s", reloads[i]);
		q = origin_request(o, "/obey", i + 1);
		ck_assert_str_eq(origin_field(&q, "If-None-Match"), "\"1\"");
	}
	ck_assert_int_eq(client_status(daemon_addr(d), "/obey", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/obey"), RELOADS + 1);
}

static void
storm(struct origin *o, struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), STORM);

	origin_hold(o, "/obey");
	herd_ask(h, "/obey", reloads[0]);
	daemon_wait_stat(d, "parked", STORM);
	origin_wait_requests(o, "/obey", RELOADS + 2);
	origin_release(o, "/obey");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), STORM);
	ck_assert_uint_eq(origin_requests(o, "/obey"), RELOADS + 2);
	herd_free(h);
}

FLOW(client_control)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /obey }, client_control: obey }\n  - {}\n", origin_url(o));

	ignored(o, d);
	obeyed(o, d);
	storm(o, d);
	daemon_stop(d);
	origin_stop(o);
}
