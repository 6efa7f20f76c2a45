/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that read nothing, each of a large page of its own: what they hold beyond the store's
 * memory is bounded.  They are cut, one that reads is not, and others are served again.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define STUCK	16
#define BODY	(7 * MIB)

FLOW(stuck_readers_let_go)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n"
	    "cache: { memory: 8MiB, max_object: 8MiB }\n", origin_url(o));
	struct client *stuck[STUCK], *reads = client_open_small(daemon_addr(d), 65536);
	char path[32];

	origin_answer(o, .path = "/*", .bytes = BODY, .fields = "Cache-Control: max-age=60\r\n");
	client_ask(reads, "/reads", "");
	ck_assert_uint_ge(client_read(reads, 1)->length, 1);
	/* Whole before it is driven out: else its fetch would go at the pace of this client. */
	daemon_wait_stat(d, "flights", 0);
	for (unsigned i = 0; i < STUCK; i++) {
		stuck[i] = client_open_small(daemon_addr(d), 4096);
		snprintf(path, sizeof path, "/%u", i);
		client_ask(stuck[i], path, "");
		/* Refused, or whole in the store before the next one drives it out. */
		ck_assert_ptr_nonnull(client_head(stuck[i]));
		daemon_wait_stat(d, "flights", 0);
	}
	/* Cut, or refused where that came too late for them. */
	while (daemon_stat(d, "error") + daemon_stat(d, "shed") == 0 ||
	    daemon_stat(d, "transit_bytes") > (int64_t)(48 * MIB))
		client_take(reads, 256 * KIB);
	ck_assert_int_lt(daemon_stat(d, "transit_bytes") + daemon_stat(d, "bytes"),
	    (int64_t)(8 * MIB + 8 * MIB + 64 * MIB));
	ck_assert_int_eq(client_status(daemon_addr(d), "/other", ""), 200);
	ck_assert_uint_eq(client_answer(reads)->sum, test_body_sum(BODY));
	client_close(reads);
	for (unsigned i = 0; i < STUCK; i++)
		client_reset(stuck[i]);
	daemon_stop(d);
	origin_stop(o);
}
