/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the backend fails, what it said last is served for a while (RFC 5861 4): after a 5xx, a
 * refused or broken connection, an answer that is none, silence; to all who wait for that fetch.
 * Not where must-revalidate forbids it, and not for longer than allowed.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define HERD	10

struct failure {
	const char		*name;
	const char		*stale, *strict;	/* the targets */
	const char		*says;			/* in Cache-Status, besides */
	const char		*says_not;
	struct origin_rule	 rule;
};

static const struct failure failures[] = {
    {"503", "/a", "/a/strict", "fwd-status=503", NULL, {.status = 503, .text = "busy"}},
    {"reset", "/b", "/b/strict", NULL, "fwd-status", {.raw = "", .close = true, .reset = true}},
    {"no HTTP", "/c", "/c/strict", NULL, "fwd-status", {.raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n"}},
    {"cut head", "/d", "/d/strict", NULL, "fwd-status",
	{.raw = "HTTP/1.1 200 OK\r\nA: ", .close = true}},
    {"silence", "/e", "/e/strict", NULL, "fwd-status", {.delay_ms = 100000}},
    {"refused", "/z", "/z/strict", NULL, "fwd-status", {.status = 500}},
};
#define FAILURES	(sizeof failures / sizeof failures[0])
#define REFUSED		(FAILURES - 1)

static void
first_good(struct origin *o, struct daemon *d, const char *target, const char *fields,
    const struct origin_rule *then)
{
	struct origin_rule next = *then;

	origin_answer(o, .path = target, .times = 1, .text = "hello", .fields = fields);
	next.path = target;
	origin_rule(o, &next);
	ck_assert_int_eq(client_status(daemon_addr(d), target, ""), 200);
}

/* Everyone gets the old answer.  n of them, so that all have come before it fails. */
static void
served_stale(struct origin *o, struct daemon *d, const struct failure *f, unsigned n)
{
	int64_t stale = daemon_stat(d, "stale");
	const struct answer *a;
	struct herd *h;

	origin_hold(o, f->stale);
	h = herd_start(daemon_addr(d), n, f->stale);
	if (n > 1)
		daemon_wait_stat(d, "parked", n);
	origin_release(o, f->stale);
	herd_wait(h);
	for (unsigned i = 0; i < n; i++) {
		a = herd_answer(h, i);
		ck_assert_msg(a->complete && a->status == 200 && a->length == 5, "%s: %s", f->name,
		    a->head != NULL ? a->head : "no answer");
		ck_assert_msg(answer_says(a, "Cache-Status", "corral; fwd=stale") &&
		    answer_says(a, "Cache-Status", "detail=stale-if-error") &&
		    answer_says(a, "Cache-Status", "ttl=-") &&
		    (f->says == NULL || answer_says(a, "Cache-Status", f->says)) &&
		    (f->says_not == NULL || !answer_says(a, "Cache-Status", f->says_not)),
		    "%s: %s", f->name, answer_field(a, "Cache-Status"));
		ck_assert_msg(answer_field(a, "Age") != NULL && atoi(answer_field(a, "Age")) >= 20,
		    "%s: %s", f->name, a->head);
	}
	daemon_wait_stat(d, "stale", stale + n);
	daemon_wait_stat(d, "flights", 0);
	herd_free(h);
}

static void
not_served(struct daemon *d, const struct failure *f)
{
	int64_t stale = daemon_stat(d, "stale");
	struct answer *a = client_get(daemon_addr(d), f->strict, "");

	ck_assert_msg(a->complete && a->status >= 500, "%s: %d", f->name, a->status);
	ck_assert(!answer_says(a, "Cache-Status", "stale-if-error"));
	ck_assert_int_eq(daemon_stat(d, "stale"), stale);
	answer_free(a);
}

/* Words of the answer come before the route's hour; what isn't asked for isn't done. */
static void
how_long(struct origin *o, struct daemon *d)
{
	static const struct origin_rule down = { .status = 503, .text = "down" };
	static const struct origin_rule gone = { .status = 404, .text = "gone" };

	first_good(o, d, "/short", "Cache-Control: max-age=10, stale-if-error=15\r\n", &down);
	first_good(o, d, "/none", "Cache-Control: max-age=10, stale-if-error=0\r\n", &down);
	first_good(o, d, "/gone", "Cache-Control: max-age=10, stale-if-error=100\r\n", &gone);
	first_good(o, d, "/long", "Cache-Control: max-age=10\r\n", &down);
	daemon_advance_clock(d, 20 * SECOND);
	ck_assert_int_eq(client_status(daemon_addr(d), "/short", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/none", ""), 503);
	ck_assert_int_eq(client_status(daemon_addr(d), "/gone", ""), 404);
	ck_assert_int_eq(client_status(daemon_addr(d), "/long", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 20 * SECOND);
	ck_assert_int_eq(client_status(daemon_addr(d), "/short", ""), 503);
	ck_assert_int_eq(client_status(daemon_addr(d), "/long", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 3600 * SECOND);
	ck_assert_int_eq(client_status(daemon_addr(d), "/long", ""), 503);
	daemon_wait_stat(d, "flights", 0);
}

FLOW(stale_if_error)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    timeouts: { first_byte: 1s }\n    breaker: off\n",
	    origin_url(o));

	how_long(o, d);
	for (size_t i = 0; i < FAILURES; i++) {
		const struct failure *f = &failures[i];

		first_good(o, d, f->stale, "Cache-Control: max-age=10\r\n", &f->rule);
		first_good(o, d, f->strict, "Cache-Control: max-age=10, must-revalidate\r\n",
		    &f->rule);
	}
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 20 * SECOND);
	for (size_t i = 0; i < FAILURES; i++) {
		if (i == REFUSED)
			origin_refuse(o);
		served_stale(o, d, &failures[i], i == REFUSED ? 1 : HERD);
		not_served(d, &failures[i]);
		daemon_wait_stat(d, "flights", 0);
	}
	daemon_stop(d);
	origin_stop(o);
}
