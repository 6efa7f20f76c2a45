/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an answer is fresh, by its fields and the route (RFC 9111 4.2.1): asked twice, then
 * again
 * after some seconds of the steered clock.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static const struct {
	const char	*name;
	const char	*target;
	const char	*fields;
	bool		 stored;
	unsigned	 fresh_s;	/* at least; and not at twice that */
} cases[] = {
    {"max-age", "/a", "Cache-Control: max-age=100\r\n", true, 100},
    {"s-maxage before max-age", "/b", "Cache-Control: max-age=10, s-maxage=100\r\n", true, 100},
    {"max-age before Expires", "/c",
	"Cache-Control: max-age=100\r\n"
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
	true, 100},
    {"Expires of long ago", "/d", "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n", false, 0},
    {"Expires: 0", "/e", "Expires: 0\r\n", false, 0},
    {"Expires of far away", "/f",
	"Date: Thu, 01 Jan 2060 00:00:00 GMT\r\n"
	"Expires: Thu, 01 Jan 2060 00:01:40 GMT\r\n",
	true, 100},
    {"nothing said", "/g", "", false, 0},
    {"nothing said, route ttl", "/ttl", "", true, 50},
    {"no-store, route ttl", "/ttl/no-store", "Cache-Control: no-store\r\n", false, 0},
    {"no-cache", "/h", "Cache-Control: no-cache, max-age=100\r\n", false, 0},
    {"max-age=0", "/i", "Cache-Control: max-age=0\r\n", false, 0},
    {"private", "/j", "Cache-Control: private, max-age=100\r\n", false, 0},
    {"Set-Cookie", "/k", "Cache-Control: max-age=100\r\nSet-Cookie: a=b\r\n", false, 0},
    {"route cache: off", "/off", "Cache-Control: max-age=100\r\n", false, 0},
    {"Age as old as max-age", "/l", "Cache-Control: max-age=100\r\nAge: 100\r\n", false, 0},
    {"a guess, of 1000 seconds", "/n",
	"Date: Thu, 01 Jan 2060 00:16:40 GMT\r\n"
	"Last-Modified: Thu, 01 Jan 2060 00:00:00 GMT\r\n",
	true, 100},
    {"a guess is a day at most", "/o",
	"Date: Thu, 01 Jan 2060 00:00:00 GMT\r\n"
	"Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
	true, 86400},
    {"no guess by the route", "/guess/off",
	"Date: Thu, 01 Jan 2060 00:16:40 GMT\r\n"
	"Last-Modified: Thu, 01 Jan 2060 00:00:00 GMT\r\n",
	false, 0},
    {"must-understand lifts no-store", "/p",
	"Cache-Control: must-understand, no-store, max-age=100\r\n", true, 100},
    {"quoted max-age in capitals", "/m", "CACHE-CONTROL: MAX-AGE=\"100\"\r\n", true, 100},
};

FLOW(freshness)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 1\nroutes:\n"
						"  - { match: { path: /ttl }, ttl: 50s }\n  - { "
						"match: { path: /off }, cache: off }\n"
						"  - { match: { path: /guess }, heuristic: 0 }\n  - {}\n",
	    origin_url(o));

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *target = cases[i].target;

		origin_answer(o, .path = target, .text = "hello", .fields = cases[i].fields);
		for (unsigned round = 0; round < 2; round++) {
			ck_assert_int_eq(client_status(daemon_addr(d), target, ""), 200);
			daemon_wait_stat(d, "flights", 0);
		}
		ck_assert_msg(origin_requests(o, target) == (cases[i].stored ? 1 : 2),
		    "%s: %u fetches", cases[i].name, origin_requests(o, target));
		if (!cases[i].stored)
			continue;
		daemon_advance_clock(d, cases[i].fresh_s / 2 * SECOND);
		ck_assert_int_eq(client_status(daemon_addr(d), target, ""), 200);
		ck_assert_msg(origin_requests(o, target) == 1, "%s: expired early", cases[i].name);
		daemon_advance_clock(d, cases[i].fresh_s * SECOND);
		ck_assert_int_eq(client_status(daemon_addr(d), target, ""), 200);
		ck_assert_msg(origin_requests(o, target) == 2, "%s: still fresh", cases[i].name);
	}
	daemon_stop(d);
	origin_stop(o);
}
