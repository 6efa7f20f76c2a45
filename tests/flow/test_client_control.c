/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's no-cache is no weapon against the backend: it is ignored, or under `client_control:
 * obey` validated, and even then a storm of reloads is one fetch.  Nor does it go up with what all
 * may share, where another cache would follow it; only with what is passed on as it came.
 */
#include "tests/lib/flow.h"

#include <stdio.h>

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

/* The first request for the target says what its client said of caches, or nothing. */
static void
goes_up(struct origin *o, const char *target, const char *fields, bool does)
{
	static const char *const names[] = { "Cache-Control", "Pragma" };
	struct origin_request q = origin_request(o, target, 0);

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *said = answer_head_field(fields, names[i], 0);
		char *want = said != NULL && does ? test_text(said) : NULL;
		const char *got = origin_field(&q, names[i]);

		ck_assert_msg(want == NULL ? got == NULL : got != NULL && strcmp(got, want) == 0,
		    "%s, %s: %s goes up as %s", target, fields, names[i], got != NULL ? got : "-");
		free(want);
	}
}

static void
told_upwards(struct origin *o, struct daemon *d)
{
	static const struct { const char *path, *method; bool does; } ways[] = {
		{ "/shared", "GET", false },
		{ "/shared/head", "HEAD", false },
		{ "/obey", "GET", true },
		{ "/shared/post", "POST", true },
		{ "/off", "GET", true },
	};
	char target[64], head[128];
	struct answer *a;

	origin_answer(o, .path = "/shared*", .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\n");
	origin_answer(o, .path = "/obey/*", .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\n");
	origin_answer(o, .path = "/off/*", .text = "hello");
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
		for (size_t k = 0; k < RELOADS; k++) {
			snprintf(target, sizeof target, "%s/%zu", ways[i].path, k);
			/* As a head is looked up: a first line, then fields. */
			snprintf(head, sizeof head, "\r\n%s\r\n", reloads[k]);
			a = client_exchangef(daemon_addr(d),
			    "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s%s\r\n",
			    ways[i].method, target, reloads[k],
			    strcmp(ways[i].method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
			ck_assert_msg(a->status == 200, "%s: %d", target, a->status);
			answer_free(a);
			goes_up(o, target, head, ways[i].does);
		}
}

FLOW(client_control)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /obey }, client_control: obey }\n"
	    "  - { match: { path: /off }, cache: off }\n  - {}\n", origin_url(o));

	ignored(o, d);
	obeyed(o, d);
	storm(o, d);
	told_upwards(o, d);
	daemon_stop(d);
	origin_stop(o);
}
