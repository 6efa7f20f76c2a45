/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend whose every 304 brings fields that were not there before, many or long ones: the head
 * that is stored does not grow with their sum.  What has become too much is fetched whole again.
 */
#include "tests/lib/flow.h"

#include <stdio.h>

#define SECOND		INT64_C(1000000)
#define ROUNDS		40u
#define LEAST_WHOLE	2u		/* fetches without a condition after the first */
#define LINES_MOST	450u		/* what an origin may send at once, twice, and our own */
#define BYTES_MOST	(256 * 1024)
#define KEPT		"Cache-Control: max-age=10\r\nETag: \"a\"\r\n"

/* n fields of that many bytes, with names of that round; to be freed. */
static char *
new_fields(unsigned round, unsigned n, unsigned bytes)
{
	size_t size = sizeof KEPT + (size_t)n * (bytes + 32), at;
	char *s = test_alloc(size);

	at = (size_t)snprintf(s, size, KEPT);
	for (unsigned i = 0; i < n; i++) {
		at += (size_t)snprintf(s + at, size - at, "X-%u-%u: ", round, i);
		memset(s + at, 'v', bytes);
		at += bytes;
		at += (size_t)snprintf(s + at, size - at, "\r\n");
	}
	return s;
}

static unsigned
lines(const char *head)
{
	unsigned n = 0;

	while ((head = strchr(head, '\n')) != NULL) {
		n++;
		head++;
	}
	return n;
}

/* How many requests for it had no condition. */
static unsigned
whole(struct origin *o, const char *path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < origin_requests(o, path); i++) {
		struct origin_request q = origin_request(o, path, i);

		n += origin_field(&q, "If-None-Match") == NULL;
	}
	return n;
}

static void
renewed(struct origin *o, struct daemon *d, const char *path, unsigned n, unsigned bytes,
    char *fields[ROUNDS])
{
	char name[32];
	int64_t before = daemon_stat(d, "bytes");

	for (unsigned i = 0; i < ROUNDS; i++) {
		fields[i] = new_fields(i, n, bytes);
		origin_answer(o, .path = path, .times = 1, .text = "hello", .fields = KEPT,
		    .fields_304 = fields[i]);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct answer *a = client_get(daemon_addr(d), path, "");

		ck_assert_msg(a->complete && a->status == 200, "%s, %u: %s", path, i,
		    a->fault != NULL ? a->fault : "not 200");
		ck_assert_str_eq(a->body, "hello");
		ck_assert_msg(lines(a->head) <= LINES_MOST && a->head_len <= BYTES_MOST,
		    "%s, %u: a head of %u lines, %zu bytes", path, i, lines(a->head), a->head_len);
		/* What the 304 says is for the one who asked, whatever becomes of it. */
		snprintf(name, sizeof name, "X-%u-0", i);
		ck_assert_msg((answer_field(a, name) != NULL) ==
		    answer_says(a, "Cache-Status", "fwd-status=304"), "%s, %u: %s", path, i,
		    a->head);
		answer_free(a);
		daemon_wait_stat(d, "flights", 0);
		ck_assert_int_le(daemon_stat(d, "bytes") - before, BYTES_MOST);
		ck_assert_int_le(daemon_stat(d, "objects"), 2);
		daemon_advance_clock(d, 11 * SECOND);
	}
	ck_assert_uint_eq(origin_requests(o, path), ROUNDS);
	ck_assert_msg(whole(o, path) > LEAST_WHOLE && whole(o, path) < ROUNDS / 2, "%s: %u whole",
	    path, whole(o, path));
}

FLOW(renewals_bounded)
{
	char *many[ROUNDS], *longs[ROUNDS];
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\n", origin_url(o));

	renewed(o, d, "/many", 150, 4, many);
	renewed(o, d, "/long", 3, 10000, longs);
	daemon_stop(d);
	origin_stop(o);
	for (unsigned i = 0; i < ROUNDS; i++) {
		free(many[i]);
		free(longs[i]);
	}
}
