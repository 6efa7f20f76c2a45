/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `balance: hash`: a key is asked of the same server again and again, by whomever, also after a
 * restart.  When a server goes only its own keys move, and they come back with it.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define SERVERS	3u
#define KEYS	60u
#define HOUR	(INT64_C(3600) * 1000000)

static struct daemon *
start(struct origin *o[SERVERS])
{
	return daemon_start_steered("workers: 2\nroutes: [ { cache: off } ]\n"
	    "upstreams:\n  default:\n    balance: hash\n    servers: [ %s, %s, %s ]\n"
	    "    breaker: { failures: 1, pause: 1h }\n", origin_url(o[0]), origin_url(o[1]),
	    origin_url(o[2]));
}

/* Who answers for each key, by a client of its own each time. */
static void
ask_all(struct daemon *d, char who[KEYS])
{
	struct answer *a;
	char path[16];

	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(path, sizeof path, "/k?%u", i);
		a = client_get(daemon_addr(d), path, "");
		ck_assert_msg(a->status == 200 && a->body != NULL, "%s: %d", path, a->status);
		who[i] = a->body[0];
		answer_free(a);
	}
}

FLOW(hash_stays)
{
	static const char *const names[SERVERS] = {"a", "b", "c"};
	char first[KEYS], again[KEYS];
	unsigned share[SERVERS] = { 0 };
	struct origin *o[SERVERS];
	struct daemon *d;

	for (unsigned i = 0; i < SERVERS; i++) {
		o[i] = origin_start();
		origin_answer(o[i], .path = "/*", .text = names[i]);
	}
	d = start(o);
	ask_all(d, first);
	for (unsigned i = 0; i < KEYS; i++)
		share[first[i] - 'a']++;
	for (unsigned i = 0; i < SERVERS; i++)
		ck_assert_msg(share[i] > 0, "%s has no key", names[i]);
	ask_all(d, again);
	ck_assert_mem_eq(first, again, KEYS);
	daemon_stop(d);
	d = start(o);
	ask_all(d, again);
	ck_assert_mem_eq(first, again, KEYS);

	origin_refuse(o[2]);
	origin_wait_open(o[2], 0);
	ask_all(d, again);
	for (unsigned i = 0; i < KEYS; i++) {
		if (first[i] != 'c')
			ck_assert_msg(again[i] == first[i], "key %u: %c, now %c", i, first[i],
			    again[i]);
		else
			ck_assert_int_ne(again[i], 'c');
	}
	daemon_wait_text(d, "upstreams.default.servers.2.state", "open");

	origin_accept(o[2]);
	daemon_advance_clock(d, HOUR);
	ask_all(d, again);
	ck_assert_mem_eq(first, again, KEYS);
	daemon_stop(d);
	for (unsigned i = 0; i < SERVERS; i++)
		origin_stop(o[i]);
}
