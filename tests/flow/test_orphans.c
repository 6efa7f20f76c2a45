/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All who wait leave.  What is worth keeping goes on, and who comes meanwhile has it; but only in a
 * quarter of the places, so that those who are waited for have the rest.  What still stands in the
 * queue is never asked for.
 */
#include <signal.h>
#include <stdio.h>

#include "tests/lib/flow.h"

#define PLACES	8u

static struct daemon *
start(struct origin *o, unsigned places)
{
	return daemon_start("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: %u\n", origin_url(o), places);
}

static void
someone_comes(struct origin *o)
{
	struct daemon *d = start(o, PLACES);
	struct herd *h;

	origin_hold(o, "/comes");
	h = herd_start(daemon_addr(d), 10, "/comes");
	origin_wait_requests(o, "/comes", 1);
	daemon_wait_stat(d, "parked", 10);
	herd_leave(h, 0, 10, true);
	daemon_wait_stat(d, "parked", 0);
	daemon_wait_stat(d, "upstreams.default.orphans", 1);
	herd_free(h);
	h = herd_start(daemon_addr(d), 5, "/comes");
	daemon_wait_stat(d, "parked", 5);
	origin_release(o, "/comes");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 5);
	ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "collapsed"), 5);
	ck_assert_int_eq(client_status(daemon_addr(d), "/comes", ""), 200);
	daemon_wait_stat(d, "hit", 1);
	ck_assert_uint_eq(origin_requests(o, "/comes"), 1);
	daemon_wait_stat(d, "upstreams.default.orphans", 0);
	herd_free(h);
	daemon_stop(d);
}

static void
queued(struct origin *o)
{
	struct daemon *d = start(o, 1);
	struct client *busy = client_open(daemon_addr(d));
	struct herd *h;

	origin_hold(o, "/busy");
	client_ask(busy, "/busy", "");
	origin_wait_requests(o, "/busy", 1);
	h = herd_start(daemon_addr(d), 10, "/queued");
	daemon_wait_stat(d, "upstreams.default.queued", 1);
	daemon_wait_stat(d, "parked", 11);
	/* The one who led is not the one who counts. */
	herd_leave(h, 0, 9, true);
	daemon_wait_stat(d, "parked", 2);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.queued"), 1);
	herd_leave(h, 9, 10, true);
	daemon_wait_stat(d, "upstreams.default.queued", 0);
	daemon_wait_stat(d, "flights", 1);
	origin_release(o, "/busy");
	ck_assert_int_eq(client_answer(busy)->status, 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/after", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/queued"), 0);
	daemon_wait_stat(d, "error", 10);
	herd_free(h);

	/* Those whose patience ended have left as well. */
	daemon_rewrite(d, "workers: 2\nroutes: [ { park: { timeout: 100ms } } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s ]\n    max_connections: 1\n"
	    "    retries: 0\n", origin_url(o));
	daemon_signal(d, SIGHUP);
	daemon_wait_log(d, "reloaded");
	origin_hold(o, "/busy-again");
	client_sendf(busy, "POST /busy-again HTTP/1.1\r\nHost: test\r\n\r\n");
	origin_wait_requests(o, "/busy-again", 1);
	h = herd_start(daemon_addr(d), 10, "/impatient");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 503), 10);
	daemon_wait_stat(d, "upstreams.default.queued", 0);
	origin_release(o, "/busy-again");
	(void)client_answer(busy);
	ck_assert_int_eq(client_status(daemon_addr(d), "/after", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/impatient"), 0);
	herd_free(h);
	client_close(busy);
	daemon_stop(d);
}

/* As many keys as there are places, and nobody waits for any of them any more. */
static void
many(struct origin *o)
{
	struct daemon *d = start(o, PLACES);
	struct herd *h = herd_open(daemon_addr(d), PLACES), *later;
	unsigned before = origin_requests(o, NULL);
	char path[16];

	for (unsigned i = 0; i < PLACES; i++) {
		snprintf(path, sizeof path, "/many%u", i);
		origin_hold(o, path);
	}
	herd_ask_each(h, "/many", "");
	for (unsigned i = 0; i < PLACES; i++) {
		snprintf(path, sizeof path, "/many%u", i);
		origin_wait_requests(o, path, 1);
	}
	herd_leave(h, 0, PLACES, true);
	daemon_wait_stat(d, "flights", PLACES / 4);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.orphans"), PLACES / 4);
	/* Given up means that the backend is told. */
	origin_wait_open(o, PLACES / 4);

	/* The others have the rest of the places at once. */
	later = herd_open(daemon_addr(d), PLACES);
	herd_ask_each(later, "/later", "");
	herd_wait(later);
	ck_assert_uint_eq(herd_count(later, 200), PLACES);
	for (unsigned i = 0; i < PLACES; i++) {
		snprintf(path, sizeof path, "/many%u", i);
		origin_release(o, path);
	}
	daemon_wait_stat(d, "flights", 0);
	daemon_wait_stat(d, "objects", PLACES + PLACES / 4);
	herd_ask_each(later, "/many", "");
	herd_wait(later);
	ck_assert_uint_eq(herd_count(later, 200), PLACES);
	ck_assert_uint_eq(origin_requests(o, NULL) - before, 3 * PLACES - PLACES / 4);
	herd_free(h);
	herd_free(later);
	daemon_stop(d);
}

FLOW(orphans)
{
	struct origin *o = origin_start();

	origin_answer(o, .path = "/*", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	someone_comes(o);
	queued(o);
	many(o);
	origin_stop(o);
}
