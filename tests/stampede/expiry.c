/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stored pages whose lifetime ends.  Proxies that keep time in whole seconds may call a page of
 * max-age=1 fresh for almost two, so what has to be over is given two seconds and a little more.
 */
#include <stdlib.h>

#include "tests/lib/test.h"
#include "tests/stampede/stampede.h"

#define BACKEND_MS	500
#define OVER		(2100 * MS)	/* a lifetime of one second, by any clock */

/* The page's first answer, by one client. */
static void
store(struct run *r, struct result *res, struct load *l, const char *target)
{
	struct want want = { .numbered = target, .least = 1 };

	herd_of(r, res, l, 1, target, &want);
	run_expect(r, res, "the first client", 1, 1);
	res->firsts = 0;	/* the report is to say what the herd got */
}

static void
run_expired(struct run *r, struct result *res)
{
	struct load *l = load_open(r->proxy, r->clients);
	struct want want = { .least = 2 };
	char target[PATH_SIZE];

	run_target(r, target, "page");
	want.numbered = target;
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = BACKEND_MS,
	    .fields = "Cache-Control: max-age=1\r\n");
	store(r, res, l, target);
	load_pause(l, test_now() + OVER);
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "the herd", 1, 1);
	result_ideal(res, "1 + 1");
	judge_errors(res);
	load_free(l);
}

const struct scenario expired = {
	.name = "expired",
	.sentence = "A stored page is over, and may not be served stale, when a herd asks for it.",
	.root = "/open/",
	.run = run_expired,
};

static void
run_expired_swr(struct run *r, struct result *res)
{
	struct load *l = load_open(r->proxy, r->clients);
	struct want want = { .least = 1 };
	int64_t slowest = 0;
	char target[PATH_SIZE];
	size_t i;

	run_target(r, target, "page");
	want.numbered = target;
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = BACKEND_MS,
	    .fields = "Cache-Control: max-age=1, stale-while-revalidate=60\r\n");
	store(r, res, l, target);
	load_pause(l, test_now() + OVER);
	for (i = herd_of(r, res, l, r->clients, target, &want); i < load_replies(l); i++) {
		const struct reply *rep = load_reply(l, i);

		if (rep->first - rep->asked > slowest)
			slowest = rep->first - rep->asked;
	}
	/* The new one is fetched behind their backs. */
	run_wait_requests(r, l, 1, test_now() + BACKEND_MS * MS);
	load_pause(l, test_now() + 2 * BACKEND_MS * MS);
	run_expect(r, res, "the herd", 1, 1);
	result_ideal(res, "1 + 1");
	result_note(res, "the slowest of the herd waited %.1f ms", in_ms(slowest));
	if (r->times && slowest > BACKEND_MS * MS / 2)
		result_fail(res, "clients waited for the new page (%.0f ms)", in_ms(slowest));
	judge_errors(res);
	load_free(l);
}

const struct scenario expired_swr = {
	.name = "expired-swr",
	.sentence = "The same with stale-while-revalidate=60: nobody need wait for the new one.",
	.root = "/open/",
	.run = run_expired_swr,
};

#define HOT_MS		300
#define HOT_CLIENTS	100
#define HOT_TICK	(50 * MS)
#define HOT_FOR		(8000 * MS)
#define HOT_FOR_COUNTS	(4000 * MS)	/* is enough where times are not judged */
#define HOT_LEARNING	(1500 * MS)	/* until the first lifetime is surely over */
#define HOT_WAITED	(HOT_MS * MS / 2)
#define HOT_MAY_WAIT	100		/* one of so many answers */
#define HOT_AGE		(2000 * MS)	/* the oldest of a lifetime of one second, by any clock */
#define RARE_EVERY	(3000 * MS)

struct hot {
	char		 page[PATH_SIZE], rare[PATH_SIZE];
	unsigned	 clients, rare_asked;
	int64_t		 began, end;
};

/* Everyone who has nothing to wait for asks again, at every tick; one asks for the rare page. */
static void
hot_load(struct hot *hot, struct load *l)
{
	int64_t rare = hot->began;

	for (int64_t tick = hot->began; tick < hot->end; tick += HOT_TICK) {
		for (unsigned i = 0; i < hot->clients; i++)
			if (load_idle(l, i))
				load_ask(l, i, 0, "GET", hot->page, "");
		if (tick >= rare && load_idle(l, hot->clients)) {
			load_ask(l, hot->clients, 1, "GET", hot->rare, "");
			hot->rare_asked++;
			rare += RARE_EVERY;
		}
		load_pause(l, tick + HOT_TICK);
	}
	load_finish(l, test_now() + PATIENCE);
}

/* The sums of all the answers that the origin gave, and when it gave them. */
struct given {
	uint64_t	 sum;
	int64_t		 when;
};

static struct given *
all_given(struct origin *o, const char *target, unsigned n)
{
	struct given *all = test_alloc((n + 1) * sizeof *all);
	char text[PATH_SIZE + 64];

	for (unsigned i = 0; i < n; i++) {
		size_t len = origin_numbered(text, sizeof text, target, i + 1);

		all[i].sum = test_sum(TEST_SUM, 0, text, len);
		all[i].when = origin_request(o, target, i).came + HOT_MS * MS;
	}
	return all;
}

static void
judge_hot(struct run *r, struct result *res, const struct hot *hot, const struct load *l)
{
	struct want want = { .any_body = true };
	unsigned n = origin_requests(r->origin, hot->page), waited = 0, counted = 0;
	struct given *given = all_given(r->origin, hot->page, n);
	int64_t slowest = 0, oldest = 0;

	for (size_t i = 0; i < load_replies(l); i++) {
		const struct reply *rep = load_reply(l, i);
		unsigned v = n;

		if (!judge(r, res, rep, &want) || rep->tag != 0)
			continue;
		while (v > 0 && given[v - 1].sum != rep->sum)
			v--;
		if (v == 0)
			res->errors.body++;
		else if (rep->asked - given[v - 1].when > oldest)
			oldest = rep->asked - given[v - 1].when;
		if (rep->asked < hot->began + HOT_LEARNING)
			continue;
		counted++;
		waited += rep->first - rep->asked > HOT_WAITED;
		if (rep->first - rep->asked > slowest)
			slowest = rep->first - rep->asked;
	}
	free(given);
	result_note(res, "%u of %u answers waited after the first lifetime, the slowest %.0f ms; "
	    "the oldest answer was %.2f s old", waited, counted, in_ms(slowest),
	    in_ms(oldest) / 1000);
	if (r->times && waited > counted / HOT_MAY_WAIT)
		result_fail(res, "%u of %u answers waited for the backend", waited, counted);
	if (oldest > HOT_AGE)
		result_fail(res, "an answer was %.2f s old, and had a lifetime of 1 s",
		    in_ms(oldest) / 1000);
}

static void
run_hot_expiry(struct run *r, struct result *res)
{
	struct hot hot = { .clients = run_clients(r, HOT_CLIENTS) };
	struct load *l = load_open(r->proxy, hot.clients + 1);
	struct want first = { .least = 1 };
	struct origin_watch *watch;
	struct origin_watched seen;
	unsigned rare;

	run_target(r, hot.page, "hot");
	run_target(r, hot.rare, "rare");
	watch = origin_watch(r->origin, hot.page);
	origin_answer(r->origin, .path = hot.page, .numbered = true, .delay_ms = HOT_MS,
	    .fields = "Cache-Control: max-age=1\r\n");
	origin_answer(r->origin, .path = hot.rare, .numbered = true, .delay_ms = HOT_MS,
	    .fields = "Cache-Control: max-age=1\r\n");
	first.numbered = hot.page;
	herd_of(r, res, l, 1, hot.page, &first);
	hot.began = test_now();
	hot.end = hot.began + (r->times ? HOT_FOR : HOT_FOR_COUNTS);
	hot_load(&hot, l);
	judge_hot(r, res, &hot, l);
	seen = origin_watched(r->origin, watch);
	rare = run_requests(r, res);
	res->requests += seen.requests;
	res->most_at_once = seen.most_at_once;
	result_ideal(res, "1 a lifetime, 1 at once");
	if (seen.most_at_once > 1)
		result_fail(res, "the hot page was fetched %u times at once", seen.most_at_once);
	if (rare > hot.rare_asked)
		result_fail(res, "the page asked for %u times was fetched %u times",
		    hot.rare_asked, rare);
	result_note(res, "%u fetches of the hot page, %u of the rare one", seen.requests, rare);
	judge_errors(res);
	load_free(l);
}

const struct scenario hot_expiry = {
	.name = "hot-expiry",
	.sentence = "A page of max-age=1 and 300 ms is asked for steadily for 8 s, another rarely.",
	.root = "/open/",
	.run = run_hot_expiry,
};
