/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `balance: least_connections`, the default: who has something to do already gets less, for its
 * weight.
 */
#include "tests/lib/flow.h"

static void
slow_one_gets_less(struct origin *o[2])
{
	struct daemon *d = daemon_start("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ %s, %s ]\n", origin_url(o[0]),
	    origin_url(o[1]));
	struct client *held = client_open(daemon_addr(d)), *c = client_open(daemon_addr(d));
	unsigned busy;

	client_ask(held, "/held", "");
	daemon_wait_stat(d, "upstreams.default.connections", 1);
	busy = daemon_stat(d, "upstreams.default.servers.0.in_flight") == 1 ? 0 : 1;
	origin_wait_requests(o[busy], "/held", 1);
	for (unsigned i = 0; i < 20; i++) {
		client_ask(c, "/one", "");
		ck_assert_int_eq(client_answer(c)->status, 200);
	}
	ck_assert_uint_eq(origin_requests(o[busy], "/one"), 0);
	ck_assert_uint_eq(origin_requests(o[1 - busy], "/one"), 20);
	origin_release(o[busy], "/held");
	ck_assert_int_eq(client_answer(held)->status, 200);
	/* Equals take turns. */
	for (unsigned i = 0; i < 20; i++) {
		client_ask(c, "/two", "");
		ck_assert_int_eq(client_answer(c)->status, 200);
	}
	ck_assert_uint_ge(origin_requests(o[0], "/two"), 9);
	ck_assert_uint_ge(origin_requests(o[1], "/two"), 9);
	client_close(held);
	client_close(c);
	daemon_stop(d);
}

static void
strong_one_has_more(struct origin *o[2])
{
	struct daemon *d = daemon_start("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    servers: [ { url: \"%s\", weight: 2 }, %s ]\n",
	    origin_url(o[0]), origin_url(o[1]));
	struct herd *h;

	origin_hold(o[0], "/all");
	origin_hold(o[1], "/all");
	h = herd_start(daemon_addr(d), 30, "/all");
	daemon_wait_stat(d, "upstreams.default.connections", 30);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.0.in_flight"), 20);
	ck_assert_int_eq(daemon_stat(d, "upstreams.default.servers.1.in_flight"), 10);
	origin_wait_requests(o[0], "/all", 20);
	origin_wait_requests(o[1], "/all", 10);
	origin_release(o[0], "/all");
	origin_release(o[1], "/all");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 30);
	herd_free(h);
	daemon_stop(d);
}

FLOW(least_connections)
{
	struct origin *o[2];

	for (unsigned i = 0; i < 2; i++) {
		o[i] = origin_start();
		origin_answer(o[i], .path = "/*", .text = "hello");
		origin_hold(o[i], "/held");
	}
	slow_one_gets_less(o);
	strong_one_has_more(o);
	origin_stop(o[0]);
	origin_stop(o[1]);
}
