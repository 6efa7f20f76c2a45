/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Herds on pages that the proxy does not have: who may share a fetch does, who may not does not
 * wait for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/stampede/stampede.h"

#define BACKEND_MS	500		/* of most pages: long enough for a whole herd to come */
#define SLOW_MS		6500		/* longer than the lock timeouts that others have */
#define PRIVATE_MS	300
#define PRIVATE_CLIENTS	200
#define FIRST_BURST	2.5		/* in backend times: one to learn it, one for all */
#define NEXT_BURST	1.5
#define QUERY_BURSTS	4

#define STREAM_BYTES	(UINT64_C(1) << 20)
#define STREAM_PIECES	32
#define STREAM_MS	2000
#define STREAM_CLIENTS	100		/* at first; half as many come in the middle */
#define FIRST_BODY_LATE	(250 * MS)	/* after the origin's, or after asking */

/* A cold page of ordinary bytes, one herd. */
static void
cold(struct run *r, struct result *res, int delay_ms)
{
	struct want want = { .length = PAGE, .sum = test_body_sum(PAGE) };
	struct load *l = load_open(r->proxy, r->clients);
	char target[PATH_SIZE];

	run_target(r, target, "page");
	origin_answer(
	    r->origin, .path = target, .bytes = PAGE, .delay_ms = delay_ms, .fields = FRESH);
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "the herd", 1, 1);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

static void
run_cold_herd(struct run *r, struct result *res)
{
	cold(r, res, BACKEND_MS);
}

const struct scenario cold_herd = {
	.name = "cold-herd",
	.sentence = "Everyone asks at once for a page that nobody has asked for before.",
	.root = "/open/",
	.run = run_cold_herd,
};

static void
run_slow_origin(struct run *r, struct result *res)
{
	cold(r, res, SLOW_MS);
}

const struct scenario slow_origin = {
	.name = "slow-origin",
	.sentence = "The same, and the origin takes 6.5 s: longer than a lock may time out.",
	.root = "/open/",
	.run = run_slow_origin,
};

static int
by_sum(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* How many of the replies from the i-th on have a body that another has, too. */
static unsigned
shared(const struct load *l, size_t i)
{
	size_t n = load_replies(l) - i;
	uint64_t *sums = test_alloc((n + 1) * sizeof *sums);
	unsigned same = 0, k = 0;

	for (; i < load_replies(l); i++)
		if (load_reply(l, i)->complete && load_reply(l, i)->status == 200)
			sums[k++] = load_reply(l, i)->sum;
	qsort(sums, k, sizeof *sums, by_sum);
	for (unsigned j = 1; j < k; j++)
		same += sums[j] == sums[j - 1];
	free(sums);
	return same;
}

/* Everyone's own answer, fetched by everyone; how many backend times it took. */
static double
private_burst(struct run *r, struct result *res, struct load *l, unsigned n, const char *target,
    unsigned number)
{
	struct want want = { .any_body = true };
	size_t before = herd_of(r, res, l, n, target, &want);
	double times = in_ms(judge_slowest(l, before)) / PRIVATE_MS;
	unsigned same = shared(l, before);
	char who[32];

	snprintf(who, sizeof who, "burst %u", number);
	run_expect(r, res, who, n, n);
	result_note(res, "burst %u in %.2f backend times", number, times);
	if (same > 0)
		result_fail(res, "burst %u: %u clients got the private answer of another", number,
		    same);
	return times;
}

static void
run_uncacheable(struct run *r, struct result *res)
{
	unsigned n = run_clients(r, PRIVATE_CLIENTS);
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE];
	double first, second;

	run_target(r, target, "mine");
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = PRIVATE_MS,
	    .fields = "Cache-Control: private\r\n");
	first = private_burst(r, res, l, n, target, 1);
	second = private_burst(r, res, l, n, target, 2);
	result_ideal(res, "2 x %u", n);
	if (r->times && first > FIRST_BURST)
		result_fail(res, "the first burst took %.2f backend times, over %.1f", first,
		    FIRST_BURST);
	if (r->times && second > NEXT_BURST)
		result_fail(res, "the second burst took %.2f backend times, over %.1f", second,
		    NEXT_BURST);
	judge_errors(res);
	load_free(l);
}

const struct scenario uncacheable = {
	.name = "uncacheable",
	.sentence = "200 clients want a private page: none may get another's, or queue for it.",
	.root = "/open/",
	.run = run_uncacheable,
};

static void
run_new_query(struct run *r, struct result *res)
{
	unsigned n = run_clients(r, PRIVATE_CLIENTS);
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE];

	run_target(r, target, "search*");
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = PRIVATE_MS,
	    .fields = "Cache-Control: private\r\n");
	for (unsigned burst = 1; burst <= QUERY_BURSTS; burst++) {
		double times;

		run_target(r, target, "search?q=%u", burst);
		times = private_burst(r, res, l, n, target, burst);
		if (r->times && burst > 1 && times > NEXT_BURST)
			result_fail(res, "burst %u took %.2f backend times, over %.1f", burst,
			    times, NEXT_BURST);
	}
	result_ideal(res, "%u x %u", QUERY_BURSTS, n);
	judge_errors(res);
	load_free(l);
}

const struct scenario new_query = {
	.name = "new-query",
	.sentence = "The same with a new query string in each burst: the route is to be learned.",
	.root = "/open/",
	.run = run_new_query,
};

static void
run_max_age_0(struct run *r, struct result *res)
{
	struct load *l = load_open(r->proxy, r->clients);
	struct want want = { .least = 1 };
	char target[PATH_SIZE];

	run_target(r, target, "page");
	want.numbered = target;
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = BACKEND_MS,
	    .fields = "Cache-Control: max-age=0\r\n");
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "the first herd", 1, 1);
	want.least = 1 + origin_requests(r->origin, target);
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "the second herd", 1, 1);
	result_ideal(res, "2 x 1");
	judge_errors(res);
	load_free(l);
}

const struct scenario max_age_0 = {
	.name = "max-age-0",
	.sentence = "A page that is over at once: who waits for it shares it, nobody after them.",
	.root = "/open/",
	.run = run_max_age_0,
};

static void
run_leader_leaves(struct run *r, struct result *res)
{
	struct want want = { .length = PAGE, .sum = test_body_sum(PAGE) };
	unsigned n = r->clients > 1 ? r->clients : 2;
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE];

	run_target(r, target, "page");
	origin_answer(r->origin, .path = target, .bytes = PAGE, .delay_ms = 2 * BACKEND_MS,
	    .fields = FRESH);
	load_ask(l, 0, 0, "GET", target, "");
	if (!run_wait_requests(r, l, 1, test_now() + PATIENCE))
		result_fail(res, "the first client's request does not reach the origin");
	all_ask(l, 1, n, target, "");
	load_pause(l, test_now() + BACKEND_MS * MS);
	load_leave(l, 0);
	load_finish(l, test_now() + PATIENCE);
	judge_all(r, res, l, 0, &want);
	if (load_replies(l) != n - 1)
		result_fail(res, "%zu of %u clients were answered", load_replies(l), n - 1);
	run_expect(r, res, "the herd", 1, 1);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

const struct scenario leader_leaves = {
	.name = "leader-leaves",
	.sentence = "The client that came first is cut off while all others wait for its answer.",
	.root = "/open/",
	.run = run_leader_leaves,
};

static const char *const languages[] = { "de", "en", "fr", "pt" };
#define LANGUAGES	(sizeof languages / sizeof languages[0])

/* 200 clients in four groups, each to get what was answered to its own language. */
static void
vary_herd(struct run *r, struct result *res, struct load *l, unsigned n, const char *target,
    const char *who)
{
	size_t i = load_replies(l);
	char fields[64];

	for (unsigned c = 0; c < n; c++) {
		unsigned group = c % LANGUAGES;

		snprintf(fields, sizeof fields, "Accept-Language: %s\r\n", languages[group]);
		load_ask(l, c, group, "GET", target, fields);
	}
	load_finish(l, test_now() + PATIENCE);
	result_note(res, "%s in %.2f backend times", who,
	    in_ms(judge_slowest(l, i)) / BACKEND_MS);
	for (; i < load_replies(l); i++) {
		const struct reply *rep = load_reply(l, i);
		const char *text = languages[rep->tag];
		struct want want = { .length = strlen(text),
			.sum = test_sum(TEST_SUM, 0, text, strlen(text)) };

		judge(r, res, rep, &want);
	}
	run_expect(r, res, who, LANGUAGES, LANGUAGES);
}

static void
run_vary_groups(struct run *r, struct result *res)
{
	unsigned n = run_clients(r, 200);
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE];

	run_target(r, target, "page*");
	origin_answer(r->origin, .path = target, .echo = "Accept-Language",
	    .delay_ms = BACKEND_MS,
	    .fields = "Vary: Accept-Language\r\nCache-Control: max-age=2\r\n");
	run_target(r, target, "page-a");
	vary_herd(r, res, l, n, target, "unknown to vary");
	run_target(r, target, "page-b");
	vary_herd(r, res, l, n, target, "another page");
	/* Past the lifetime of the first page: the proxy knows by now that it varies. */
	load_pause(l, test_now() + 2500 * MS);
	run_target(r, target, "page-a");
	vary_herd(r, res, l, n, target, "known to vary");
	result_ideal(res, "3 x %zu", LANGUAGES);
	judge_errors(res);
	load_free(l);
}

const struct scenario vary_groups = {
	.name = "vary-groups",
	.sentence = "200 clients in four languages want a page with Vary: Accept-Language.",
	.root = "/open/",
	.run = run_vary_groups,
};

static int64_t
latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void
run_streamed_body(struct run *r, struct result *res)
{
	struct want want = { .length = STREAM_BYTES, .sum = test_body_sum(STREAM_BYTES) };
	unsigned n = run_clients(r, STREAM_CLIENTS), more = (n + 1) / 2;
	struct load *l = load_open(r->proxy, n + more);
	int64_t first, early = 0, late = 0, middle;
	char target[PATH_SIZE];

	run_target(r, target, "video");
	origin_answer(r->origin, .path = target, .bytes = STREAM_BYTES,
	    .framing = ORIGIN_CHUNKED, .piece = STREAM_BYTES / STREAM_PIECES,
	    .piece_ms = STREAM_MS / STREAM_PIECES, .fields = FRESH);
	middle = test_now() + STREAM_MS / 2 * MS;
	all_ask(l, 0, n, target, "");
	load_pause(l, middle);
	all_ask(l, n, n + more, target, "");
	load_finish(l, test_now() + PATIENCE);
	judge_all(r, res, l, 0, &want);
	first = origin_first_sent(r->origin, target);
	for (size_t i = 0; i < load_replies(l); i++) {
		const struct reply *rep = load_reply(l, i);

		if (rep->first_body == 0)
			continue;
		if (rep->client < n)
			early = latest(early, rep->first_body - first);
		else
			late = latest(late, rep->first_body - rep->asked);
	}
	run_expect(r, res, "all of them", 1, 1);
	result_ideal(res, "1");
	result_note(res, "first body byte at the latest %.0f ms after the origin's, and for those "
	    "who came in the middle %.0f ms after asking", in_ms(early), in_ms(late));
	if (r->times && (early > FIRST_BODY_LATE || late > FIRST_BODY_LATE))
		result_fail(res, "the body is not sent on while it comes");
	judge_errors(res);
	load_free(l);
}

const struct scenario streamed_body = {
	.name = "streamed-body",
	.sentence = "1 MiB comes over 2 s, without a length; more clients come in the middle.",
	.root = "/open/",
	.run = run_streamed_body,
};

static void
run_head_and_get(struct run *r, struct result *res)
{
	struct want get = { .length = PAGE, .sum = test_body_sum(PAGE) };
	struct want head = { .length = 0, .sum = TEST_SUM };
	unsigned n = run_clients(r, 200);
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE];

	run_target(r, target, "page");
	origin_answer(r->origin, .path = target, .bytes = PAGE, .delay_ms = BACKEND_MS,
	    .fields = FRESH);
	for (unsigned i = 0; i < n; i++)
		load_ask(l, i, i % 2, i % 2 == 0 ? "GET" : "HEAD", target, "");
	load_finish(l, test_now() + PATIENCE);
	for (size_t i = 0; i < load_replies(l); i++)
		judge(r, res, load_reply(l, i), load_reply(l, i)->tag == 0 ? &get : &head);
	/* One for both is best; one for each method is no stampede. */
	run_expect(r, res, "the herd", 1, 2);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

const struct scenario head_and_get = {
	.name = "head-and-get",
	.sentence = "200 clients want a cold page, every other one only its head.",
	.root = "/open/",
	.run = run_head_and_get,
};

#define RANGE_BYTES	1000

/* The sum of bytes first to first + RANGE_BYTES of the generated body, counted from 0. */
static uint64_t
range_sum(unsigned first)
{
	char part[RANGE_BYTES];

	test_body(part, first, sizeof part);
	return test_sum(TEST_SUM, 0, part, sizeof part);
}

static void
run_ranges(struct run *r, struct result *res)
{
	struct want whole = { .length = PAGE, .sum = test_body_sum(PAGE) };
	unsigned n = run_clients(r, 200);
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE], fields[64];

	run_target(r, target, "file");
	origin_answer(r->origin, .path = target, .bytes = PAGE, .delay_ms = BACKEND_MS,
	    .fields = FRESH "Accept-Ranges: bytes\r\nETag: \"1\"\r\n");
	for (unsigned i = 0; i < n; i++) {
		unsigned first = i % (PAGE / RANGE_BYTES) * RANGE_BYTES;

		snprintf(fields, sizeof fields, "Range: bytes=%u-%u\r\n", first,
		    first + RANGE_BYTES - 1);
		load_ask(l, i, first, "GET", target, fields);
	}
	load_finish(l, test_now() + PATIENCE);
	for (size_t i = 0; i < load_replies(l); i++) {
		const struct reply *rep = load_reply(l, i);
		struct want part = { .status = 206, .length = RANGE_BYTES,
			.sum = range_sum(rep->tag) };

		/* RFC 9110 14.2: a range may be ignored. */
		judge(r, res, rep, rep->status == 200 ? &whole : &part);
	}
	run_expect(r, res, "the herd", 1, 1);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

const struct scenario ranges = {
	.name = "ranges",
	.sentence = "200 clients want ten different ranges of a cold file.",
	.root = "/open/",
	.run = run_ranges,
};

/* A cold page with that status, which says how long it is good. */
static void
status_herd(struct run *r, struct result *res, int status, const char *fields)
{
	struct want want = { .status = status, .length = 6,
		.sum = test_sum(TEST_SUM, 0, "words\n", 6) };
	struct load *l = load_open(r->proxy, r->clients);
	char target[PATH_SIZE];

	run_target(r, target, "page");
	origin_answer(r->origin, .path = target, .status = status, .text = "words\n",
	    .delay_ms = BACKEND_MS, .fields = fields);
	herd_of(r, res, l, r->clients, target, &want);
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "both herds", 1, 1);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

static void
run_not_found(struct run *r, struct result *res)
{
	status_herd(r, res, 404, FRESH);
}

const struct scenario not_found = {
	.name = "not-found",
	.sentence = "Two herds on a page that is not there, and says for how long.",
	.root = "/open/",
	.run = run_not_found,
};

static void
run_redirect(struct run *r, struct result *res)
{
	status_herd(r, res, 301, FRESH "Location: /elsewhere\r\n");
}

const struct scenario redirect = {
	.name = "redirect",
	.sentence = "Two herds on a page that has moved.",
	.root = "/open/",
	.run = run_redirect,
};
