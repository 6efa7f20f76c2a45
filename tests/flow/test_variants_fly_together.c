/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9111 4.1: the variants of a URL are fetched beside each other, each once, and not one after
 * another: at once where it is known what the URL varies by, else as soon as the first answer says
 * it.  All of a round are at the backend before it answers the first of them.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define GROUPS	4u
#define EACH	50u
#define SECOND	INT64_C(1000000)

/* All groups ask and are parked; nothing has been answered yet. */
static void
gather(struct origin *o, struct daemon *d, struct herd **h, const char *path)
{
	origin_hold(o, path);
	for (unsigned i = 0; i < GROUPS; i++) {
		char field[32];

		h[i] = herd_open(daemon_addr(d), EACH);
		snprintf(field, sizeof field, "X-Group: group %u\r\n", i);
		herd_ask(h[i], path, field);
		daemon_wait_stat(d, "parked", (i + 1) * EACH);
	}
}

/* Everyone has his own group's answer. */
static void
finish(struct herd **h)
{
	for (unsigned i = 0; i < GROUPS; i++) {
		char body[32];
		int n = snprintf(body, sizeof body, "group %u", i);

		herd_wait(h[i]);
		ck_assert_uint_eq(herd_count_body(h[i], (uint64_t)n,
		    test_sum(TEST_SUM, 0, body, (size_t)n)), EACH);
		ck_assert_uint_eq(herd_count_says(h[i], "Cache-Status", "collapsed"), EACH - 1);
		herd_free(h[i]);
	}
}

/* One fetch for each group, all at once, and no more of them. */
static void
one_round(struct origin *o, struct daemon *d, const char *path)
{
	unsigned before = origin_requests(o, path);
	struct herd *h[GROUPS];

	gather(o, d, h, path);
	origin_wait_requests(o, path, before + GROUPS);
	ck_assert_int_eq(daemon_stat(d, "flights"), GROUPS);
	origin_release(o, path);
	finish(h);
	ck_assert_uint_eq(origin_requests(o, path), before + GROUPS);
	daemon_wait_stat(d, "flights", 0);
}

static void
vary_known(struct origin *o, struct daemon *d)
{
	struct origin_request q;
	char etag[2][64];

	/* Nothing is stored for any of them, but the URL was asked for by somebody else. */
	ck_assert_int_eq(client_status(daemon_addr(d), "/known", "X-Group: fifth\r\n"), 200);
	one_round(o, d, "/known");
	ck_assert_int_eq(daemon_stat(d, "objects"), GROUPS + 1);
	ck_assert_uint_eq(origin_most_at_once(o), GROUPS);
	/* A purge takes the answers, not what is known of them. */
	ck_assert_int_eq(daemon_purge(d, "http://test/known"), GROUPS + 1);
	one_round(o, d, "/known");
	/* What was stored has expired. */
	daemon_advance_clock(d, 100 * SECOND);
	one_round(o, d, "/known");
	/* The same, and each of them can be validated. */
	ck_assert_int_eq(client_status(daemon_addr(d), "/etag", "X-Group: fifth\r\n"), 200);
	one_round(o, d, "/etag");
	daemon_advance_clock(d, 100 * SECOND);
	one_round(o, d, "/etag");
	ck_assert_int_eq(daemon_stat(d, "revalidated"), GROUPS);
	for (unsigned i = 0; i < 2; i++) {
		q = origin_request(o, "/etag", 1 + GROUPS + i);
		snprintf(etag[i], sizeof etag[i], "%s", origin_field(&q, "X-Group"));
		ck_assert_str_eq(origin_field(&q, "If-None-Match"), "\"same\"");
	}
	ck_assert_str_ne(etag[0], etag[1]);
}

/* The leader alone, then the three others at once. */
static void
vary_unknown(struct origin *o, struct daemon *d)
{
	struct herd *h[GROUPS];

	gather(o, d, h, "/unknown");
	origin_wait_requests(o, "/unknown", 1);
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_release_one(o, "/unknown");
	origin_wait_requests(o, "/unknown", GROUPS);
	daemon_wait_stat(d, "flights", GROUPS - 1);
	origin_release(o, "/unknown");
	for (unsigned i = 0; i < GROUPS; i++) {
		herd_wait(h[i]);
		ck_assert_uint_eq(herd_count(h[i], 200), EACH);
		herd_free(h[i]);
	}
	ck_assert_uint_eq(origin_requests(o, "/unknown"), GROUPS);
}

FLOW(variants_fly_together)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/etag", .echo = "X-Group",
	    .fields = "Cache-Control: max-age=60\r\nVary: X-Group\r\nETag: \"same\"\r\n",
	    .fields_304 = "Cache-Control: max-age=60\r\nETag: \"same\"\r\n");
	origin_answer(o, .path = "/*", .echo = "X-Group",
	    .fields = "Cache-Control: max-age=60\r\nVary: X-Group\r\n");
	vary_known(o, d);
	vary_unknown(o, d);
	daemon_stop(d);
	origin_stop(o);
}
