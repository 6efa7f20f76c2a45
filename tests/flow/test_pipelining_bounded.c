/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests piled up behind one that is parked are held back, not collected: little memory, all
 * answered.
 */
#include "tests/lib/flow.h"

#define REQUEST                                        \
	"GET /next HTTP/1.1\r\nHost: test\r\nX-Fill: " \
	"0123456789012345678901234567890123456789\r\n\r\n"

FLOW(pipelining_bounded)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	size_t len = strlen(REQUEST), at = 0;
	unsigned sent = 0;
	uint64_t before, grown;

	origin_answer(o, .path = "/*", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/next", ""), 200);
	before = daemon_memory(d);
	origin_hold(o, "/held");
	client_ask(c, "/held", "");
	daemon_wait_stat(d, "parked", 1);
	for (unsigned still = 0; still < 20; still++) {
		long n = client_offer(c, &REQUEST[at], len - at);

		ck_assert_int_ge(n, 0);
		if (n > 0)
			still = 0;
		else
			ck_assert_int_eq(client_status(daemon_addr(d), "/next", ""), 200);
		at += (size_t)n;
		sent += at == len;
		at %= len;
		ck_assert_uint_lt(sent, 1000000);
	}
	grown = daemon_grown(d, before);
	ck_assert_msg(
	    grown < daemon_allowance(2 * MIB), "grown by %llu", (unsigned long long)grown);
	origin_release(o, "/held");
	ck_assert_int_eq(client_answer(c)->status, 200);
	for (unsigned i = 0; i < sent; i++)
		ck_assert(client_answer(c)->complete);
	client_reset(c);
	daemon_stop(d);
	origin_stop(o);
}
