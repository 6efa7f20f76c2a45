/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The breaker of the only server: after so many failures in a row, or too large a share, the
 * backend hears nothing for a pause, not even a connection; clients are told at once how long that
 * is, or get something stale.  Then one request tries it while the others are still turned away,
 * and its success brings all back.  An error page is no failure.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define CLIENTS	20u
#define PAUSE	100
#define SLACK	10		/* seconds that real time may add */
#define STATE	"upstreams.default.servers.0.state"
#define OPENED	"upstreams.default.servers.0.opened"

static struct daemon *
start(struct origin *o, const char *breaker)
{
	return daemon_start_steered("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    retries: 0\n    keepalive: { connections: 0 }\n    breaker: %s\n"
	    "    timeouts: { first_byte: 1h }\nroutes: [ { error_ttl: off } ]\n", origin_url(o),
	    breaker);
}

/* All are turned away, and told to come back when the pause is over. */
static void
turned_away(struct origin *o, struct daemon *d, struct herd *h, int after)
{
	unsigned connections = origin_connections(o), n;
	const char *text;

	herd_ask(h, "/some", "");
	herd_wait(h);
	n = herd_count(h, 503);
	ck_assert_msg(n == CLIENTS, "%u of %u: %s", n, CLIENTS, herd_answer(h, 0)->head);
	ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "detail=no-server"), CLIENTS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		text = answer_field(herd_answer(h, i), "Retry-After");
		ck_assert_ptr_nonnull(text);
		ck_assert_msg(atoi(text) <= after && atoi(text) > after - SLACK && atoi(text) > 0,
		    "Retry-After: %s, not %d", text, after);
	}
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_eq(origin_connections(o), connections);
}

/* So many requests, each for something else: a page that is broken is no broken server. */
static void
let_fail(struct daemon *d, unsigned n)
{
	static unsigned number;
	char path[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/bad/%u", number++);
		ck_assert_int_eq(client_status(daemon_addr(d), path, ""), 502);
	}
}

static void
is_gone(struct origin *o, struct daemon *d, struct herd *h)
{
	struct answer *a;

	let_fail(d, 3);
	ck_assert_uint_eq(origin_connections(o), 4);
	daemon_wait_text(d, STATE, "open");
	ck_assert_int_eq(client_status(daemon_admin(d), "/readyz", ""), 503);
	turned_away(o, d, h, PAUSE);
	daemon_advance_clock(d, 50 * SECOND);
	turned_away(o, d, h, PAUSE - 50);
	a = client_get(daemon_addr(d), "/old", "");
	ck_assert_msg(a->status == 200 && answer_says(a, "Cache-Status", "stale-if-error"), "%s",
	    a->head);
	answer_free(a);
	ck_assert_uint_eq(origin_connections(o), 4);
}

/* The pause is over: exactly one is let through. */
static void
probed(struct origin *o, struct daemon *d, struct herd *h, const char *path, int status)
{
	struct client *c = client_open(daemon_addr(d));
	unsigned connections = origin_connections(o), requests = origin_requests(o, path);

	daemon_advance_clock(d, (PAUSE + 1) * SECOND);
	origin_hold(o, path);
	client_ask(c, path, "");
	origin_wait_requests(o, path, requests + 1);
	daemon_wait_text(d, STATE, "half-open");
	herd_ask_each(h, "/some/", "");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 503), CLIENTS);
	ck_assert_uint_eq(herd_count_says(h, "Retry-After", ""), CLIENTS);
	ck_assert_uint_eq(origin_connections(o), connections + 1);
	origin_release(o, path);
	ck_assert_int_eq(client_answer(c)->status, status);
	daemon_wait_stat(d, "flights", 0);
	client_close(c);
}

static void
in_a_row(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "{ failures: 3, error_rate: off, pause: 100s }");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = "/bad*", .raw = "", .close = true, .reset = true);
	origin_answer(o, .path = "/500", .status = 500, .text = "oh");
	origin_answer(o, .path = "/old", .text = "old", .fields = "Cache-Control: max-age=10\r\n");
	origin_answer(o, .path = "/*", .text = "hello");
	ck_assert_int_eq(client_status(daemon_addr(d), "/old", ""), 200);
	daemon_advance_clock(d, 20 * SECOND);
	is_gone(o, d, h);
	probed(o, d, h, "/bad", 502);
	daemon_wait_text(d, STATE, "open");
	turned_away(o, d, h, PAUSE);
	probed(o, d, h, "/good", 200);
	daemon_wait_text(d, STATE, "up");
	ck_assert_int_eq(daemon_stat(d, OPENED), 2);
	ck_assert_int_eq(client_status(daemon_admin(d), "/readyz", ""), 200);
	herd_ask(h, "/good", "");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), CLIENTS);

	/* Not in a row, one page, and not failures. */
	for (int i = 0; i < 4; i++) {
		let_fail(d, 2);
		ck_assert_int_eq(client_status(daemon_addr(d), "/500", ""), 500);
	}
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), "/bad", ""), 502);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), "/500", ""), 500);
	daemon_wait_text(d, STATE, "up");
	ck_assert_int_eq(daemon_stat(d, OPENED), 2);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

static void
by_share(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "{ failures: off, error_rate: 0.5, pause: 100s }");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);

	origin_answer(o, .path = "/bad*", .raw = "", .close = true, .reset = true);
	origin_answer(o, .path = "/*", .text = "hello");
	for (int i = 0; i < 10; i++) {
		daemon_wait_text(d, STATE, "up");
		ck_assert_int_eq(client_status(daemon_addr(d), "/good", ""), 200);
		let_fail(d, 1);
	}
	daemon_wait_text(d, STATE, "open");
	turned_away(o, d, h, PAUSE);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

FLOW(breaker_open)
{
	in_a_row();
	by_share();
}
