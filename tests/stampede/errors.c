/* SPDX-License-Identifier: BSD-2-Clause */
/* An origin that fails: one failure is everyone's, and is over soon after its cause. */
#include <stdlib.h>

#include "tests/lib/test.h"
#include "tests/stampede/stampede.h"

#define BACKEND_MS	500
#define CUT_BYTES	100000
#define ERROR_PAUSE	(1500 * MS)	/* in which a failure may be remembered */
#define REFUSED_PAUSE	(100 * MS)	/* for its idle connections to be seen closed */
#define REFUSED_QUICK	(2000 * MS)
#define BACK_WITHIN	(10000 * MS)
#define POLL_EVERY	(200 * MS)

static void
run_errors_500(struct run *r, struct result *res)
{
	struct want want = { .status = 500, .length = 6,
		.sum = test_sum(TEST_SUM, 0, "sorry\n", 6) };
	struct load *l = load_open(r->proxy, r->clients);
	char target[PATH_SIZE];

	run_target(r, target, "page");
	origin_answer(r->origin, .path = target, .status = 500, .text = "sorry\n",
	    .delay_ms = BACKEND_MS);
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "the first herd", 1, 1);
	/* Who knows that it fails may say so for a moment, or ask once more. */
	herd_of(r, res, l, r->clients, target, &want);
	run_expect(r, res, "the second herd", 0, 1);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

const struct scenario errors_500 = {
	.name = "errors-500",
	.sentence = "Two herds, one after the other, on a page that answers 500.",
	.root = "/open/",
	.run = run_errors_500,
};

/* Until one client gets the page; true if that was in time. */
static bool
comes_back(struct run *r, struct result *res, struct load *l, const char *target)
{
	struct want want = { .length = PAGE, .sum = test_body_sum(PAGE) };
	struct result scratch = { .verdict = PASSED };
	int64_t began = test_now();

	for (;;) {
		int64_t next = test_now() + POLL_EVERY;
		size_t before = load_replies(l);

		load_ask(l, 0, 0, "GET", target, "");
		load_finish(l, began + BACK_WITHIN);
		scratch.firsts = 0;
		if (judge(r, &scratch, load_reply(l, before), &want)) {
			judge(r, res, load_reply(l, before), &want);
			break;
		}
		if (next >= began + BACK_WITHIN) {
			free(scratch.first);
			return false;
		}
		load_pause(l, next);
	}
	result_note(res, "served again %.0f ms after the origin was back",
	    in_ms(test_now() - began));
	free(scratch.first);
	return true;
}

static void
run_refused(struct run *r, struct result *res)
{
	unsigned n = run_clients(r, 200), wrong = 0;
	struct load *l = load_open(r->proxy, n);
	char target[PATH_SIZE];
	int64_t slowest;

	run_target(r, target, "page");
	origin_answer(r->origin, .path = target, .bytes = PAGE, .fields = FRESH);
	origin_refuse(r->origin);
	load_pause(l, test_now() + REFUSED_PAUSE);
	all_ask(l, 0, n, target, "");
	load_finish(l, test_now() + PATIENCE);
	for (size_t i = 0; i < load_replies(l); i++) {
		struct want want = { .status = load_reply(l, i)->status, .any_body = true };

		judge(r, res, load_reply(l, i), &want);
		wrong += load_reply(l, i)->complete && load_reply(l, i)->status / 100 != 5;
	}
	slowest = judge_slowest(l, 0);
	if (wrong > 0)
		result_fail(res, "%u were answered something else than 5xx", wrong);
	if (r->times && slowest > REFUSED_QUICK)
		result_fail(res, "the refusals took %.0f ms", in_ms(slowest));
	origin_accept(r->origin);
	if (!comes_back(r, res, l, target))
		result_fail(res, "not served within %.0f s after the origin was back",
		    in_ms(BACK_WITHIN) / 1000);
	run_expect(r, res, "the page", 1, 1);
	result_ideal(res, "1");
	judge_errors(res);
	load_free(l);
}

const struct scenario refused = {
	.name = "refused",
	.sentence = "The origin refuses connections while a herd comes, then it is back.",
	.root = "/open/",
	.run = run_refused,
};

static void
run_origin_cut(struct run *r, struct result *res)
{
	struct want whole = { .length = CUT_BYTES, .sum = test_body_sum(CUT_BYTES) };
	struct load *l = load_open(r->proxy, r->clients);
	unsigned cut = 0, refusals = 0, other = 0;
	char target[PATH_SIZE];
	size_t second;

	run_target(r, target, "file");
	origin_answer(r->origin, .path = target, .bytes = CUT_BYTES, .cut = true,
	    .cut_at = CUT_BYTES / 2, .delay_ms = BACKEND_MS, .fields = FRESH);
	all_ask(l, 0, r->clients, target, "");
	load_finish(l, test_now() + PATIENCE);
	second = load_replies(l);
	for (size_t i = 0; i < second; i++) {
		const struct reply *rep = load_reply(l, i);

		if (!rep->complete && !rep->late)
			cut++;
		else if (rep->complete && rep->status >= 500)
			refusals++;
		else
			other++;
	}
	result_note(res, "%u clients saw the body cut, %u an error", cut, refusals);
	if (other > 0)
		result_fail(res, "%u saw neither a cut nor an error", other);
	/* A retry is right, as long as it is not everyone's. */
	run_expect(r, res, "the herd on the cut body", 1, 2);
	origin_drop_rules(r->origin, target);
	origin_answer(r->origin, .path = target, .bytes = CUT_BYTES, .delay_ms = BACKEND_MS,
	    .fields = FRESH);
	load_pause(l, test_now() + ERROR_PAUSE);
	herd_of(r, res, l, r->clients, target, &whole);
	run_expect(r, res, "the herd on the whole one", 1, 1);
	result_ideal(res, "1 + 1");
	judge_errors(res);
	load_free(l);
}

const struct scenario origin_cut = {
	.name = "origin-cut",
	.sentence = "The origin closes in mid-body; nobody may take the half for the whole.",
	.root = "/open/",
	.run = run_origin_cut,
};
