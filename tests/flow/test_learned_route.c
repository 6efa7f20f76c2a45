/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A herd that nobody can share anything with, for a new URL each time: after the first one nobody
 * parks, all are at the backend at once.  What is shareable is not concerned, and a route that has
 * become shareable is shared again soon; what was learned is forgotten after a while.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define CLIENTS	100u
#define SECOND	INT64_C(1000000)
#define PRIVATE	"Cache-Control: private\r\n"

/* A herd of which nobody waits for anybody. */
static void
all_at_once(struct origin *o, struct daemon *d, struct herd *h, const char *path,
    const char *fields)
{
	origin_hold(o, path);
	herd_ask(h, path, fields);
	origin_wait_requests(o, path, CLIENTS);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), CLIENTS);
	ck_assert_msg(herd_count_says(h, "Cache-Status", "detail=learned") == CLIENTS, "%s: %s",
	    path, answer_field(herd_answer(h, 0), "Cache-Status"));
	daemon_wait_stat(d, "flights", 0);
}

/* A herd that waits for one; what is then: one fetch for all, or one for each. */
static void
parked(struct origin *o, struct daemon *d, struct herd *h, const char *path, const char *fields,
    unsigned fetches)
{
	origin_hold(o, path);
	herd_ask(h, path, fields);
	daemon_wait_stat(d, "parked", CLIENTS);
	origin_wait_requests(o, path, 1);
	ck_assert_uint_eq(origin_requests(o, path), 1);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), CLIENTS);
	ck_assert_uint_eq(origin_requests(o, path), fetches);
	daemon_wait_stat(d, "flights", 0);
}

static void
by_path(struct origin *o, struct daemon *d, struct herd *h)
{
	origin_answer(o, .path = "/search*", .text = "mine", .fields = PRIVATE);
	origin_answer(o, .path = "/page*", .text = "all", .fields = "Cache-Control: max-age=9\r\n");
	parked(o, d, h, "/search?q=0", "", CLIENTS);
	ck_assert_int_ge(daemon_stat(d, "learned_routes"), 1);
	all_at_once(o, d, h, "/search?q=1", "");
	all_at_once(o, d, h, "/search?q=2", "");
	parked(o, d, h, "/page?q=1", "", 1);
	parked(o, d, h, "/page?q=2", "", 1);
	/* Forgotten. */
	daemon_advance_clock(d, 1000 * SECOND);
	ck_assert_int_eq(daemon_stat(d, "learned_routes"), 0);
	parked(o, d, h, "/search?q=3", "", CLIENTS);
	/* It turns out to be for all, now: those that were sent on alone have noticed. */
	origin_drop_rules(o, "/search*");
	origin_answer(o, .path = "/search*", .text = "all",
	    .fields = "Cache-Control: max-age=9\r\n");
	all_at_once(o, d, h, "/search?q=4", "");
	ck_assert_int_eq(daemon_stat(d, "learned_routes"), 0);
	parked(o, d, h, "/search?q=5", "", 1);
}

/* Who comes with the cookie of a session gets pages of its own, whichever it asks for. */
static void
by_cookie(struct origin *o, struct daemon *d, struct herd *h)
{
	char path[32];

	origin_answer(o, .path = "/new/page", .text = "x", .fields = PRIVATE);
	origin_answer(o, .path = "/new/list", .text = "x",
	    .fields = "Cache-Control: max-age=9\r\n");
	origin_answer(o, .path = "/*", .text = "mine", .fields = PRIVATE);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(path, sizeof path, "/own/%u", i);
		ck_assert_int_eq(client_status(daemon_addr(d), path, "Cookie: sid=1\r\n"), 200);
	}
	daemon_wait_stat(d, "flights", 0);
	all_at_once(o, d, h, "/new/page", "Cookie: sid=2\r\n");
	/* Not who comes without. */
	parked(o, d, h, "/new/list", "", 1);
}

static void
each(void (*scenario)(struct origin *o, struct daemon *d, struct herd *h))
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    max_connections: 400\n", origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	scenario(o, d, h);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

FLOW(learned_route)
{
	each(by_path);
	each(by_cookie);
}
