/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9111 4.1: the variants of a URL are fetched beside each other, each once, and not one after
 * another: at once where it is known what the URL varies by, else as soon as the first answer says it.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define GROUPS	4
#define EACH	10

/* Groups from first on ask and are parked. */
static void
gather(struct daemon *d, struct herd **h, unsigned first, const char *path)
{
	for (unsigned i = first; i < GROUPS; i++) {
		char field[16];

		h[i] = herd_open(daemon_addr(d), EACH);
		snprintf(field, sizeof field, "X-Group: %u\r\n", i);
		herd_ask(h[i], path, field);
		daemon_wait_stat(d, "parked", (i + 1 - first) * EACH);
	}
}

static void
finish(struct origin *o, struct herd **h, unsigned first, const char *path)
{
	origin_release(o, path);
	for (unsigned i = first; i < GROUPS; i++) {
		herd_wait(h[i]);
		ck_assert_uint_eq(herd_count_body(h[i], 100, test_body_sum(100)), EACH);
		herd_free(h[i]);
	}
	ck_assert_uint_eq(origin_requests(o, path), GROUPS);
}

FLOW(variants_fly_together)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct herd *h[GROUPS];

	origin_answer(o, .path = "/*", .bytes = 100,
	    .fields = "Cache-Control: max-age=60\r\nVary: X-Group\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/known", "X-Group: 0\r\n"), 200);
	origin_hold(o, "/known");
	gather(d, h, 1, "/known");
	origin_wait_requests(o, "/known", GROUPS);
	daemon_wait_stat(d, "flights", GROUPS - 1);
	finish(o, h, 1, "/known");

	origin_hold(o, "/unknown");
	gather(d, h, 0, "/unknown");
	origin_wait_requests(o, "/unknown", 1);
	origin_release_one(o, "/unknown");
	origin_wait_requests(o, "/unknown", GROUPS);
	daemon_wait_stat(d, "flights", GROUPS - 1);
	finish(o, h, 0, "/unknown");
	ck_assert_int_eq(daemon_stat(d, "objects"), 2 * GROUPS);
	daemon_stop(d);
	origin_stop(o);
}
