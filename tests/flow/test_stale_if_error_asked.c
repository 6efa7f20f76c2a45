/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request may say itself that it would rather have a stale answer than an error (RFC 5861 4),
 * whether the backend says 503 or nothing.  That is for those who say so, for as long as they say,
 * and never where the answer says must-revalidate; the others of the herd have what the backend
 * says.
 */
#include "tests/lib/flow.h"

#include <stdio.h>

#define HERD	8u
#define SECOND	INT64_C(1000000)
#define RATHER	"Cache-Control: stale-if-error=60\r\n"
#define BRIEFLY	"Cache-Control: stale-if-error=5\r\n"

struct failure {
	const char		*name;
	int			 status;	/* of the others' answer */
	bool			 again;		/* the others ask again: it was an answer to one */
	struct origin_rule	 rule;
};

static const struct failure failures[] = {
    {"503", 503, true, {.status = 503, .text = "busy"}},
    {"500", 500, true, {.status = 500, .text = "oh"}},
    {"broken", 502, false, {.raw = "HTTP/1.1 200 OK\r\nA: ", .close = true}},
};
#define FAILURES	(sizeof failures / sizeof failures[0])

enum use { BY_ITSELF, STRICT, LED, FOLLOWED, USES };

static const char *const uses[USES] = { "itself", "strict", "led", "followed" };

static void
gets(struct daemon *d, const char *path, const char *fields, int status)
{
	struct answer *a = client_get(daemon_addr(d), path, fields);
	bool stale = answer_says(a, "Cache-Status", "detail=stale-if-error");

	ck_assert_msg(a->complete && a->status == status && stale == (status == 200), "%s, %s: %s",
	    path, fields, a->head != NULL ? a->head : "no answer");
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

/* One who waits for the others or for whom they wait, and two herds, one that would rather. */
static void
herds(struct origin *o, struct daemon *d, const struct failure *f, const char *path,
    const char *leads, bool again)
{
	struct client *leader = client_open(daemon_addr(d));
	struct herd *rather = herd_open(daemon_addr(d), HERD);
	struct herd *others = herd_open(daemon_addr(d), HERD);
	struct answer *a;

	origin_hold(o, path);
	client_ask(leader, path, leads);
	origin_wait_requests(o, path, 2);
	herd_ask(rather, path, RATHER);
	herd_ask(others, path, "");
	daemon_wait_stat(d, "parked", 2 * HERD + 1);
	if (again) {
		/* So that all of them wait for the same one. */
		origin_release_one(o, path);
		origin_wait_requests(o, path, 3);
		daemon_wait_stat(d, "parked", HERD);
	}
	origin_release(o, path);
	herd_wait(rather);
	herd_wait(others);
	a = client_answer(leader);
	ck_assert_msg(a->status == (leads[0] != '\0' ? 200 : f->status), "%s: %d", path, a->status);
	ck_assert_msg(herd_count(rather, 200) == HERD &&
	    herd_count_says(rather, "Cache-Status", "detail=stale-if-error") == HERD,
	    "%s: %u have it stale", path, herd_count(rather, 200));
	ck_assert_msg(herd_count(others, f->status) == HERD, "%s: %u of the others have a %d", path,
	    herd_count(others, f->status), f->status);
	ck_assert_msg(origin_requests(o, path) == (again ? 3 : 2), "%s: %u requests", path,
	    origin_requests(o, path) - 1);
	daemon_wait_stat(d, "flights", 0);
	client_close(leader);
	herd_free(rather);
	herd_free(others);
}

static void
failing(struct origin *o, struct daemon *d, const struct failure *f, char paths[USES][40])
{
	gets(d, paths[BY_ITSELF], "", f->status);
	gets(d, paths[BY_ITSELF], BRIEFLY, f->status);
	gets(d, paths[BY_ITSELF], RATHER, 200);
	gets(d, paths[BY_ITSELF], "", f->status);
	gets(d, paths[STRICT], RATHER, f->status);
	gets(d, paths[STRICT], "", f->status);
	herds(o, d, f, paths[LED], RATHER, f->again);
	herds(o, d, f, paths[FOLLOWED], "", false);
}

FLOW(stale_if_error_asked)
{
	static char paths[FAILURES][USES][40];
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    retries: 0\n    breaker: off\n"
	    "routes: [ { stale_if_error: off } ]\n", origin_url(o));

	for (size_t i = 0; i < FAILURES; i++)
		for (unsigned k = 0; k < USES; k++) {
			struct origin_rule rule = failures[i].rule;

			snprintf(paths[i][k], sizeof paths[i][k], "/%s/%s", failures[i].name,
			    uses[k]);
			rule.path = paths[i][k];
			origin_answer(o, .path = rule.path, .times = 1, .text = "hello",
			    .fields = k != STRICT ? "Cache-Control: max-age=10\r\n" :
			    "Cache-Control: max-age=10, must-revalidate\r\n");
			origin_rule(o, &rule);
			ck_assert_int_eq(client_status(daemon_addr(d), rule.path, ""), 200);
		}
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 20 * SECOND);
	for (size_t i = 0; i < FAILURES; i++)
		failing(o, d, &failures[i], paths[i]);
	daemon_stop(d);
	origin_stop(o);
}
