/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that does not read a 100 MiB body which may not be stored: back-pressure reaches the
 * backend, the daemon holds little of it, and others are served meanwhile.
 */
#include "tests/lib/flow.h"

#define BODY	(100 * MIB)

/* Until the origin could send nothing more while several others were served. */
static uint64_t
wait_for_stall(struct origin *o, struct daemon *d)
{
	int64_t deadline = test_deadline();
	uint64_t sent = 0;

	for (unsigned still = 0; still < 50; still++) {
		if (origin_sent(o, "/big") != sent)
			still = 0;
		sent = origin_sent(o, "/big");
		ck_assert_int_eq(client_status(daemon_addr(d), "/small", ""), 200);
		if (test_left(deadline) == 0)
			test_fail("the backend can still send: %llu", (unsigned long long)sent);
	}
	return sent;
}

static void
scenario(struct origin *o, struct daemon *d)
{
	struct client *slow = client_open_small(daemon_addr(d), 4096);
	uint64_t before = daemon_memory(d), grown;

	client_ask(slow, "/big", "");
	ck_assert_uint_ge(client_read(slow, 1)->length, 1);
	ck_assert_uint_lt(wait_for_stall(o, d), BODY / 2);
	for (unsigned i = 0; i < 20; i++)
		client_take(slow, 1);
	grown = daemon_grown(d, before);
	ck_assert_msg(
	    grown < daemon_allowance(2 * MIB), "grown by %llu", (unsigned long long)grown);
	client_reset(slow);
	daemon_wait_stat(d, "flights", 0);
}

FLOW(slow_reader_bounded)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/big", .times = 1, .bytes = BODY,
	    .fields = "Cache-Control: no-store\r\n");
	origin_answer(o, .path = "/big", .bytes = BODY, .framing = ORIGIN_CHUNKED,
	    .fields = "Cache-Control: no-store\r\n");
	origin_answer(o, .path = "/small", .bytes = 100, .fields = "Cache-Control: max-age=60\r\n");
	/* Code and buffers that the first of all needs are there before memory is measured. */
	ck_assert_int_eq(client_status(daemon_addr(d), "/small", ""), 200);
	scenario(o, d);
	scenario(o, d);
	daemon_stop(d);
	origin_stop(o);
}
