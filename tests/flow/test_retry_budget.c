/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Retries are a share of the requests, not one for each: a backend in trouble is asked little more
 * than before.  What a share of nothing allows is nothing, and of all, one for each.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define SAVED	10u		/* at first, and at most */
#define REQUESTS	100u

static struct daemon *
start(struct origin *o, const char *budget)
{
	return daemon_start_steered("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    retries: 1\n    retry_budget: %s\n    breaker: off\n"
	    "    keepalive: { connections: 0 }\nroutes: [ { error_ttl: off } ]\n", origin_url(o),
	    budget);
}

/* So many requests fail.  How many retries there were. */
static unsigned
let_fail(struct origin *o, struct daemon *d, unsigned n)
{
	unsigned before = origin_requests(o, NULL);
	int64_t retries = daemon_stat(d, "upstream_retries");

	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), "/bad", ""), 502);
	daemon_wait_stat(d, "flights", 0);
	retries = daemon_stat(d, "upstream_retries") - retries;
	/* The counter counts what the backend sees. */
	ck_assert_int_eq(origin_requests(o, NULL) - before, n + retries);
	return (unsigned)retries;
}

/* One a second is allowed in any case. */
static unsigned
seconds(int64_t since)
{
	return (unsigned)((test_now() - since) / SECOND) + 1;
}

FLOW(retry_budget)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "0");
	unsigned n;
	int64_t since;

	origin_answer(o, .path = "/bad", .raw = "", .close = true, .reset = true);
	ck_assert_uint_eq(let_fail(o, d, 20), 0);
	daemon_stop(d);

	since = test_now();
	d = start(o, "0.1");
	n = let_fail(o, d, REQUESTS);
	/* The last tenth may not have been worth one yet. */
	ck_assert_msg(n >= SAVED + REQUESTS / 10 - 1 &&
	    n <= SAVED + REQUESTS / 10 + seconds(since), "%u retries", n);
	/* A quiet hour is worth no more than what may be saved. */
	daemon_advance_clock(d, 3600 * SECOND);
	since = test_now();
	n = let_fail(o, d, REQUESTS);
	ck_assert_msg(n >= SAVED + REQUESTS / 10 - 1 &&
	    n <= SAVED + REQUESTS / 10 + seconds(since), "%u retries after an hour", n);
	daemon_stop(d);

	d = start(o, "1");
	ck_assert_uint_eq(let_fail(o, d, REQUESTS), REQUESTS);
	daemon_stop(d);
	origin_stop(o);
}
