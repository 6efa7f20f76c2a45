/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A refresh in the background (RFC 5861 3) that renews nothing, for whatever reason, is not tried
 * again for a second, however many ask: a backend that refuses, fails or breaks off is not asked
 * back to back for the whole window.  Nobody waits meanwhile, and what is stored stays.
 */
#include "tests/lib/flow.h"

#define CLIENTS	6u
#define ROUNDS	10
#define SECOND	INT64_C(1000000)
#define PAGE	"the page of all"
#define KEPT	"Cache-Control: max-age=10, stale-while-revalidate=100000\r\n"

struct refresh {
	const char		*path;
	const char		*fields;	/* of those who ask */
	int			 pause;		/* seconds */
	struct origin_rule	 rule;		/* what the backend says from then on */
};

static const struct refresh refreshes[] = {
    {"/429", "", 1, {.status = 429, .text = "slower"}},
    {"/403", "", 1, {.status = 403, .text = "no"}},
    {"/500", "", 1, {.status = 500, .text = "oh"}},
    {"/503", "", 1, {.status = 503, .text = "oh"}},
    {"/206", "", 1, {.status = 206, .text = "p", .fields = "Content-Range: bytes 4-4/15\r\n"}},
    {"/304", "", 1, {.status = 304}},
    {"/cut", "", 1, {.fields = KEPT, .bytes = 1000, .cut = true, .cut_at = 10}},
    {"/reset", "", 1, {.raw = "HTTP/1.1 200 OK\r\nA: ", .close = true, .reset = true}},
    {"/noise", "", 1, {.raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n", .close = true}},
    /* A pass marker's time: what such clients get is not for all. */
    {"/private", "Cookie: id=1\r\n", 60, {.fields = "Cache-Control: private\r\n", .text = "me"}},
};
#define REFRESHES	(sizeof refreshes / sizeof refreshes[0])

/* Everyone asks and has the stored answer. */
static void
served(struct herd *h, const char *path, const char *fields)
{
	uint64_t sum = test_sum(TEST_SUM, 0, PAGE, sizeof PAGE - 1);
	unsigned n;

	herd_ask(h, path, fields);
	herd_wait(h);
	n = herd_count_body(h, sizeof PAGE - 1, sum);
	ck_assert_msg(n == CLIENTS, "%s: %u of %u have the page", path, n, CLIENTS);
	n = herd_count_says(h, "Cache-Status", "detail=stale-while-revalidate");
	ck_assert_msg(n == CLIENTS, "%s: %u of %u stale", path, n, CLIENTS);
}

/* How many more fetches there may have been than one: the clock goes on by itself, too. */
static unsigned
slack(int64_t since)
{
	return (unsigned)((test_now() - since) / SECOND);
}

static void
paused(struct origin *o, struct daemon *d, const struct refresh *r)
{
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	unsigned before, n;
	int64_t since;

	for (unsigned expiration = 0; expiration < 3; expiration++) {
		before = origin_requests(o, r->path);
		origin_hold(o, r->path);
		since = test_now();
		/* It is refreshed, and nobody waits for that. */
		served(h, r->path, r->fields);
		origin_wait_requests(o, r->path, before + 1);
		served(h, r->path, r->fields);
		origin_release(o, r->path);
		daemon_wait_stat(d, "flights", 0);
		for (unsigned i = 0; i < ROUNDS; i++) {
			served(h, r->path, r->fields);
			daemon_wait_stat(d, "flights", 0);
		}
		n = origin_requests(o, r->path) - before;
		ck_assert_msg(n >= 1 && n <= 1 + slack(since), "%s: %u fetches", r->path, n);
		daemon_advance_clock(d, r->pause * SECOND);
	}
	herd_free(h);
}

/* No request comes, so what didn't come of it is counted. */
static void
refused(struct origin *o, struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	int64_t before, since;

	/* No connection is left that would be tried first. */
	origin_answer(o, .path = "/refused", .text = PAGE, .fields = KEPT,
	    .framing = ORIGIN_CLOSE);
	ck_assert_int_eq(client_status(daemon_addr(d), "/refused", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	origin_refuse(o);
	daemon_advance_clock(d, 11 * SECOND);
	for (unsigned expiration = 0; expiration < 3; expiration++) {
		before = daemon_stat(d, "upstream_errors");
		since = test_now();
		served(h, "/refused", "");
		daemon_wait_stat_least(d, "upstream_errors", before + 1);
		for (unsigned i = 0; i < ROUNDS; i++) {
			daemon_wait_stat(d, "flights", 0);
			served(h, "/refused", "");
		}
		ck_assert_int_le(daemon_stat(d, "upstream_errors") - before, 1 + slack(since));
		daemon_advance_clock(d, SECOND);
	}
	herd_free(h);
}

static void
each(void (*scenario)(struct origin *o, struct daemon *d))
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    retries: 0\n    breaker: off\n"
	    "routes: [ { stale_if_error: off } ]\n", origin_url(o));

	scenario(o, d);
	daemon_stop(d);
	origin_stop(o);
}

static void
answered(struct origin *o, struct daemon *d)
{
	for (size_t i = 0; i < REFRESHES; i++) {
		struct origin_rule rule = refreshes[i].rule;

		origin_answer(o, .path = refreshes[i].path, .times = 1, .text = PAGE,
		    .fields = KEPT);
		rule.path = refreshes[i].path;
		origin_rule(o, &rule);
		ck_assert_int_eq(client_status(daemon_addr(d), rule.path, ""), 200);
	}
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 11 * SECOND);
	for (size_t i = 0; i < REFRESHES; i++)
		paused(o, d, &refreshes[i]);
}

FLOW(refresh_paused)
{
	each(answered);
	each(refused);
}
