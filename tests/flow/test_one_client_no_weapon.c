/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client whose answer is for it alone (its credentials, its cookie, or a refusal of its
 * request) can't turn a herd on a page that all may share into as many fetches: of those who wait
 * for it one asks again, for all of them.  Nobody waits for one who sent Authorization (RFC 9111
 * 3.5).
 */
#include "tests/lib/flow.h"

#include <stdio.h>

#define HERD	60u
#define MOST	3u		/* fetches of a herd and the one who leads it */
#define SECOND	INT64_C(1000000)
#define PAGE	"the page of all"
#define SHARED	"Cache-Control: max-age=60\r\n"
#define COOKIE	"Cookie: id=1\r\n"

struct weapon {
	const char	*name;
	const char	*lead;		/* the first one's fields */
	int		 status;	/* of its answer, and the fields */
	const char	*fields;
	bool		 beside;	/* nobody waits for it */
};

static const struct weapon weapons[] = {
    {"authorization", "Authorization: Basic x\r\n", 200, SHARED, true},
    {"refused-authorization", "Authorization: Basic x\r\n", 401, "WWW-Authenticate: Basic\r\n",
	true},
    {"private", COOKIE, 200, "Cache-Control: private\r\n", false},
    {"no-store", COOKIE, 200, "Cache-Control: no-store\r\n", false},
    {"set-cookie", COOKIE, 200, SHARED "Set-Cookie: id=2\r\n", false},
    {"400", "X-Odd: 1\r\n", 400, "", false},
    {"403", "X-Odd: 1\r\n", 403, "", false},
    {"416", "X-Odd: 1\r\n", 416, "", false},
    {"429", "X-Odd: 1\r\n", 429, "Retry-After: 1\r\n", false},
    {"431", COOKIE, 431, "", false},
};
#define WEAPONS	(sizeof weapons / sizeof weapons[0])

static void
is_page(const struct herd *h, const struct weapon *w)
{
	uint64_t sum = test_sum(TEST_SUM, 0, PAGE, sizeof PAGE - 1);

	unsigned n = herd_count_body(h, sizeof PAGE - 1, sum);

	ck_assert_msg(n == HERD, "%s: %u of %u have the page", w->name, n, HERD);
	ck_assert_msg(herd_count_says(h, "Set-Cookie", "") == 0, "%s: a cookie", w->name);
}

/* One who comes first, a herd behind it; asked: so often it was fetched before. */
static void
led(struct origin *o, struct daemon *d, const struct weapon *w, const char *path, unsigned asked)
{
	struct client *leader = client_open(daemon_addr(d));
	struct herd *h = herd_open(daemon_addr(d), HERD);
	struct answer *a;

	origin_hold(o, path);
	client_ask(leader, path, w->lead);
	origin_wait_requests(o, path, asked + 1);
	herd_ask(h, path, "");
	daemon_wait_stat(d, "parked", HERD + 1);
	/* Not for the leader: one of theirs is under way. */
	if (w->beside)
		origin_wait_requests(o, path, asked + 2);
	ck_assert_msg(origin_requests(o, path) == asked + (w->beside ? 2 : 1), "%s: %u requests",
	    path, origin_requests(o, path) - asked);
	origin_release(o, path);
	herd_wait(h);
	a = client_answer(leader);
	ck_assert_msg(a->complete && a->status == w->status, "%s: %d", path, a->status);
	is_page(h, w);
	ck_assert_msg(origin_requests(o, path) <= asked + MOST, "%s: %u fetches for one page", path,
	    origin_requests(o, path) - asked);
	daemon_wait_stat(d, "flights", 0);

	/* It is stored, as if nothing had been. */
	asked = origin_requests(o, path);
	herd_ask(h, path, "");
	herd_wait(h);
	is_page(h, w);
	ck_assert_msg(origin_requests(o, path) == asked, "%s: fetched again", path);
	client_close(leader);
	herd_free(h);
}

FLOW(one_client_no_weapon)
{
	static char cold[WEAPONS][40], expired[WEAPONS][40];
	struct origin *o = origin_start();
	/* Without stale answers, which would spare the backend as well. */
	struct daemon *d = daemon_start_steered("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    max_connections: 400\n"
	    "routes: [ { stale_if_error: off } ]\n", origin_url(o));

	for (size_t i = 0; i < WEAPONS; i++) {
		const struct weapon *w = &weapons[i];

		snprintf(cold[i], sizeof cold[i], "/cold/%s", w->name);
		origin_answer(o, .path = cold[i], .times = 1, .status = w->status,
		    .text = "yours", .fields = w->fields);
		origin_answer(o, .path = cold[i], .text = PAGE, .fields = SHARED);
		led(o, d, w, cold[i], 0);

		/* And at each of its expirations. */
		snprintf(expired[i], sizeof expired[i], "/expired/%s", w->name);
		origin_answer(o, .path = expired[i], .times = 1, .text = PAGE, .fields = SHARED);
		origin_answer(o, .path = expired[i], .times = 1, .status = w->status,
		    .text = "yours", .fields = w->fields);
		origin_answer(o, .path = expired[i], .text = PAGE, .fields = SHARED);
		ck_assert_int_eq(client_status(daemon_addr(d), expired[i], ""), 200);
		daemon_wait_stat(d, "flights", 0);
		daemon_advance_clock(d, 61 * SECOND);
		led(o, d, w, expired[i], 1);
	}
	daemon_stop(d);
	origin_stop(o);
}
