/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many keys at once: each may be fetched once, and not all of them at one time.  These scenarios
 * live under /limited/, where the proxy may be told what the origin can take.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/test.h"
#include "tests/stampede/stampede.h"

#define KEY_MS		20		/* of each key at the origin */
#define KEYS_PATIENCE	(60000 * MS)	/* for a sweep over all keys */
#define OVER		(2100 * MS)	/* as in expiry.c */
#define TOGETHER	2		/* clients that ask for one key at once in a sweep */

#define HOT_KEYS	1000
#define HOT_CLIENTS	100
#define HOT_SHARE	4		/* clients that ask for one key at one tick */
#define HOT_TICK	(20 * MS)
#define HOT_BEFORE	(1000 * MS)
#define HOT_PATIENCE	(30000 * MS)

/* The right answer to a request for that key. */
static void
judge_key(struct run *r, struct result *res, const struct reply *rep, unsigned least)
{
	char target[PATH_SIZE];
	struct want want = { .numbered = target, .least = least };

	run_target(r, target, "k%u", rep->tag);
	judge(r, res, rep, &want);
}

static void
group_asks(struct run *r, struct load *l, unsigned group, unsigned together, unsigned key)
{
	char target[PATH_SIZE];

	run_target(r, target, "k%u", key);
	for (unsigned i = 0; i < together; i++)
		load_ask(l, group * together + i, key, "GET", target, "");
}

static bool
group_idle(const struct load *l, unsigned group, unsigned together)
{
	for (unsigned i = 0; i < together; i++)
		if (!load_idle(l, group * together + i))
			return false;
	return true;
}

/* Groups of clients that ask together take one key after the other; how long it took. */
static int64_t
sweep(struct run *r, struct result *res, struct load *l, unsigned clients, unsigned together,
    unsigned keys, unsigned least)
{
	int64_t began = test_now(), deadline = began + KEYS_PATIENCE;
	unsigned next = 0, groups = clients / together;
	size_t seen = load_replies(l);

	for (unsigned g = 0; g < groups && next < keys; g++)
		group_asks(r, l, g, together, next++);
	while (load_busy(l) > 0 && load_turn(l, deadline)) {
		for (; seen < load_replies(l); seen++) {
			/* A copy: asking may move the replies. */
			struct reply rep = *load_reply(l, seen);
			unsigned g = rep.client / together;

			judge_key(r, res, &rep, least);
			if (next < keys && group_idle(l, g, together))
				group_asks(r, l, g, together, next++);
		}
	}
	load_finish(l, test_now());
	for (; seen < load_replies(l); seen++)
		judge_key(r, res, load_reply(l, seen), least);
	if (next < keys)
		result_fail(res, "only %u of %u keys were asked for in time", next, keys);
	return test_now() - began;
}

static void
judge_limit(struct run *r, struct result *res)
{
	if (r->limit > 0 && res->most_at_once > r->limit)
		result_fail(res, "%u requests at once at the origin, over %u", res->most_at_once,
		    r->limit);
}

static void
run_mass_expiry(struct run *r, struct result *res)
{
	unsigned n = r->clients / TOGETHER * TOGETHER;
	struct load *l;
	char target[PATH_SIZE];
	int64_t took;

	n = n < TOGETHER ? TOGETHER : n;
	l = load_open(r->proxy, n);
	run_target(r, target, "k*");
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = KEY_MS,
	    .fields = "Cache-Control: max-age=1\r\n");
	sweep(r, res, l, n, 1, r->keys, 1);
	run_expect(r, res, "the cold keys", r->keys, r->keys);
	res->firsts = 0;	/* the report is to say how long expired ones took */
	load_pause(l, test_now() + OVER);
	took = sweep(r, res, l, n, TOGETHER, r->keys, 2);
	run_expect(r, res, "the expired keys", r->keys, r->keys);
	result_ideal(res, "%u + %u", r->keys, r->keys);
	result_note(res, "all keys anew in %.2f s, %.0f a second", in_ms(took) / 1000,
	    r->keys / (in_ms(took) / 1000));
	if (r->limit > 0)
		result_note(res, "%.0f %% of what the origin can give at its limit",
		    100.0 * r->keys * KEY_MS / r->limit / in_ms(took));
	judge_limit(r, res);
	judge_errors(res);
	load_free(l);
}

const struct scenario mass_expiry = {
	.name = "mass-expiry",
	.sentence = "All keys are over at one time; two clients at once ask for each.",
	.root = "/limited/",
	.run = run_mass_expiry,
};

/* A hot set under load, and what is done to the proxy meanwhile. */
struct upheaval {
	enum hook_kind	 kind;
	struct load	*load;
	unsigned	 clients, keys, cursor;
	size_t		 seen;		/* replies looked at */
	int64_t		 done;		/* when the hook was over; 0: not yet */
	bool		*anew;		/* keys answered to who asked after that */
	unsigned	 left;		/* keys that are not */
	unsigned	 again;		/* requests lost while it was on, and asked again */
};

static void
upheaval_reply(struct run *r, struct result *res, struct upheaval *u, const struct reply *rep)
{
	bool after = u->done != 0 && rep->asked >= u->done;

	/* A proxy that is not there hears nobody. */
	if (u->kind == RESTART && !after && !rep->complete) {
		u->again++;
		return;
	}
	judge_key(r, res, rep, u->kind == PURGE_ALL && after ? 2 : 1);
	if (after && rep->complete && rep->status == 200 && !u->anew[rep->tag]) {
		u->anew[rep->tag] = true;
		u->left--;
	}
}

static void
upheaval_tick(struct run *r, struct result *res, struct upheaval *u)
{
	int64_t tick = test_now() + HOT_TICK;
	char target[PATH_SIZE];

	for (unsigned i = 0; i < u->clients; i++) {
		unsigned key;

		if (!load_idle(u->load, i))
			continue;
		key = u->cursor++ / HOT_SHARE % u->keys;
		run_target(r, target, "k%u", key);
		load_ask(u->load, i, key, "GET", target, "");
	}
	load_pause(u->load, tick);
	for (; u->seen < load_replies(u->load); u->seen++)
		upheaval_reply(r, res, u, load_reply(u->load, u->seen));
}

/* Load before, while the hook is at work, and until every key was answered after it. */
static void
upheaval_run(struct run *r, struct result *res, struct upheaval *u)
{
	int64_t began = test_now(), deadline = began + HOT_PATIENCE;
	enum hook_state state = HOOK_RUNS;
	struct hook *hook;

	while (test_now() < began + HOT_BEFORE)
		upheaval_tick(r, res, u);
	run_expect(r, res, "before it", 0, 0);
	hook = hook_start(r, u->kind);
	began = test_now();
	while (u->left > 0 && state != HOOK_FAILED && test_now() < deadline) {
		upheaval_tick(r, res, u);
		if (state == HOOK_RUNS)
			state = hook_turn(hook);
		if (state == HOOK_DONE && u->done == 0) {
			u->done = test_now();
			result_note(res, "the hook took %.0f ms", in_ms(u->done - began));
		}
	}
	if (state != HOOK_DONE)
		result_fail(res, "the hook failed");
	else if (u->left > 0)
		result_fail(res, "%u of %u keys were not answered after it", u->left, u->keys);
	else
		result_note(res, "all keys anew %.0f ms after it", in_ms(test_now() - u->done));
	load_finish(u->load, test_now() + PATIENCE);
	for (; u->seen < load_replies(u->load); u->seen++)
		upheaval_reply(r, res, u, load_reply(u->load, u->seen));
	hook_free(hook);
}

static void
upheaval(struct run *r, struct result *res, enum hook_kind kind)
{
	struct upheaval u = { .kind = kind, .clients = run_clients(r, HOT_CLIENTS),
		.keys = r->keys < HOT_KEYS ? r->keys : HOT_KEYS };
	char target[PATH_SIZE];

	u.load = load_open(r->proxy, u.clients);
	u.left = u.keys;
	u.anew = test_alloc(u.keys * sizeof *u.anew);
	run_target(r, target, "k*");
	origin_answer(r->origin, .path = target, .numbered = true, .delay_ms = KEY_MS,
	    .fields = FRESH);
	sweep(r, res, u.load, u.clients, 1, u.keys, 1);
	run_expect(r, res, "the cold keys", u.keys, u.keys);
	res->firsts = 0;
	u.seen = load_replies(u.load);
	upheaval_run(r, res, &u);
	/* A cache that outlives the restart needs none of them. */
	run_expect(r, res, "after it", kind == RESTART ? 0 : u.keys, u.keys);
	result_ideal(res, "%u + %u", u.keys, u.keys);
	if (kind == RESTART)
		result_note(res, "%u requests were not heard while it was on, and asked again",
		    u.again);
	judge_limit(r, res);
	judge_errors(res);
	load_free(u.load);
	free(u.anew);
}

static void
run_purge_all(struct run *r, struct result *res)
{
	upheaval(r, res, PURGE_ALL);
}

const struct scenario purge_all = {
	.name = "purge-all",
	.sentence = "Everything is purged while a thousand keys are under load.",
	.root = "/limited/",
	.needs = A_PURGE,
	.run = run_purge_all,
};

static void
run_restart(struct run *r, struct result *res)
{
	upheaval(r, res, RESTART);
}

const struct scenario restart = {
	.name = "restart",
	.sentence = "The proxy is started anew while a thousand keys are under load.",
	.root = "/limited/",
	.needs = A_RESTART,
	.run = run_restart,
};
