/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for a connection waits fairly: one client with many requests takes turns with one that
 * has a single one, and what many wait for comes before what was asked for once, though earlier.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define MANY	50u
#define WANTED	20u
#define SINGLE	5u

/* Takes the only connection. */
static struct client *
occupy(struct origin *o, struct daemon *d)
{
	struct client *c = client_open_from(daemon_addr(d), "127.0.0.9");

	origin_answer(o, .path = "/*", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	origin_hold(o, "/held");
	client_ask(c, "/held", "");
	origin_wait_requests(o, "/held", 1);
	return c;
}

static void
ended(struct client **c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(client_answer(c[i])->status, 200);
		client_close(c[i]);
	}
}

static struct daemon *
start(struct origin *o)
{
	return daemon_start("workers: 1\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 1\n", origin_url(o));
}

/* The place of a target among all requests that the origin has seen. */
static unsigned
place_of(struct origin *o, const char *target)
{
	unsigned i = 0;

	while (strcmp(origin_request(o, NULL, i).target, target) != 0)
		i++;
	return i;
}

static void
among_clients(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o);
	struct client *held = occupy(o, d), *c[MANY + 1];
	char path[32];

	for (unsigned i = 0; i < MANY; i++) {
		c[i] = client_open_from(daemon_addr(d), "127.0.0.2");
		snprintf(path, sizeof path, "/greedy/%u", i);
		client_ask(c[i], path, "");
	}
	daemon_wait_stat(d, "queued", MANY);
	c[MANY] = client_open_from(daemon_addr(d), "127.0.0.3");
	client_ask(c[MANY], "/modest", "");
	daemon_wait_stat(d, "queued", MANY + 1);
	origin_release(o, "/held");
	ended(&held, 1);
	ended(c, MANY + 1);
	/* After the one that was being answered, and one turn of the other's. */
	ck_assert_msg(place_of(o, "/modest") <= 2, "it is number %u", place_of(o, "/modest"));
	daemon_stop(d);
	origin_stop(o);
}

/* What it was told before, it has heard. */
static void
settle(struct daemon *d)
{
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
}

static void
most_wanted_first(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o);
	struct client *held, *c[SINGLE + WANTED];
	char text[32];

	origin_answer(o, .path = "/stored", .fields = "Cache-Control: max-age=60\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	held = occupy(o, d);
	for (unsigned i = 0; i < SINGLE + WANTED; i++) {
		snprintf(text, sizeof text, "127.0.1.%u", i + 1);
		c[i] = client_open_from(daemon_addr(d), text);
		snprintf(text, sizeof text, "/once/%u", i);
		client_ask(c[i], i < SINGLE ? text : "/wanted", "");
		daemon_wait_stat(d, "parked", i + 2);
	}
	ck_assert_int_eq(daemon_stat(d, "queued"), SINGLE + 1);
	settle(d);
	origin_release(o, "/held");
	ended(&held, 1);
	ended(c, SINGLE + WANTED);
	/* After what had been stored before, and the one that was being answered. */
	ck_assert_msg(place_of(o, "/wanted") == 2, "it is number %u", place_of(o, "/wanted"));
	ck_assert_uint_eq(origin_requests(o, "/wanted"), 1);
	daemon_stop(d);
	origin_stop(o);
}

FLOW(queue_fair)
{
	among_clients();
	most_wanted_first();
}
