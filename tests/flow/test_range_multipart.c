/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several ranges in one answer (RFC 9110 14.6): in the order asked for, from a stored body and from
 * one that still comes, to a reader who takes its time too.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define BODY	(4 * MIB)
#define FIELDS	"Cache-Control: max-age=60\r\nContent-Type: text/x\r\n"

struct part {
	uint64_t	first, last;
};

/* What the body of a multipart answer must be, by the boundary that its head says. */
static void
check(const struct answer *a, const struct part *parts, unsigned n, uint64_t whole)
{
	const char *type, *p = a->body;
	char boundary[80], text[240], *want;

	ck_assert(a->complete);
	ck_assert_int_eq(a->status, 206);
	ck_assert_ptr_null(answer_field(a, "Content-Range"));
	ck_assert_ptr_null(answer_field_nth(a, "Content-Type", 1));
	type = answer_field(a, "Content-Type");
	ck_assert_ptr_nonnull(type);
	ck_assert_int_eq(
	    sscanf(type, "multipart/byteranges; boundary=%70[0-9A-Za-z]", boundary), 1);
	for (unsigned i = 0; i < n; i++) {
		size_t len = (size_t)(parts[i].last - parts[i].first + 1);

		snprintf(text, sizeof text, "%s--%s\r\nContent-Type: text/x\r\n"
		    "Content-Range: bytes %llu-%llu/%llu\r\n\r\n", i == 0 ? "" : "\r\n", boundary,
		    (unsigned long long)parts[i].first, (unsigned long long)parts[i].last,
		    (unsigned long long)whole);
		ck_assert_int_eq(strncmp(p, text, strlen(text)), 0);
		p += strlen(text);
		want = test_alloc(len);
		test_body(want, parts[i].first, len);
		ck_assert_int_eq(memcmp(p, want, len), 0);
		free(want);
		p += len;
	}
	snprintf(text, sizeof text, "\r\n--%s--\r\n", boundary);
	ck_assert_str_eq(p, text);
	ck_assert_uint_eq(a->length, (uint64_t)(p - a->body) + strlen(text));
}

static void
from_the_store(struct daemon *d)
{
	static const struct part up[] = { { 0, 0 }, { 65535, 65537 }, { BODY - 5, BODY - 1 } };
	static const struct part down[] = {
		{ 3 * MIB, 3 * MIB + 299999 }, { 7, 9 }, { MIB, 2 * MIB },
	};
	struct client *c = client_open_small(daemon_addr(d), 4096);

	client_ask(c, "/p", "Range: bytes=0-0, 65535-65537, -5\r\n");
	check(client_answer(c), up, 3, BODY);
	client_ask(c, "/p", "Range: bytes=3145728-3445727,7-9,1048576-2097152\r\n");
	check(client_answer(c), down, 3, BODY);
	/* What can be one is one (RFC 9110 15.3.7.2). */
	client_ask(c, "/p", "Range: bytes=0-4,5-9\r\n");
	ck_assert_str_eq(answer_field(client_answer(c), "Content-Range"), "bytes 0-9/4194304");
	client_ask(c, "/p", "Range: bytes=99999999-,5-9\r\n");
	ck_assert_str_eq(answer_field(client_answer(c), "Content-Range"), "bytes 5-9/4194304");
	client_close(c);
}

/* The first part asked for is the last to come. */
static void
while_it_fills(struct origin *o, struct daemon *d)
{
	static const struct part down[] = { { 35000, 35009 }, { 5, 14 }, { 39999, 39999 } };
	struct client *c = client_open(daemon_addr(d)), *other = client_open(daemon_addr(d));

	client_ask(other, "/f", "");
	origin_piece(o, "/f", 1);
	ck_assert_uint_ge(client_read(other, 10000)->length, 10000);
	client_ask(c, "/f", "Range: bytes=35000-35009,5-14,39999-39999\r\n");
	ck_assert_int_eq(client_head(c)->status, 206);
	origin_piece(o, "/f", 3);
	check(client_answer(c), down, 3, 40000);
	ck_assert_uint_eq(client_answer(other)->sum, test_body_sum(40000));
	ck_assert_uint_eq(origin_requests(o, "/f"), 1);
	client_close(c);
	client_close(other);
}

FLOW(range_multipart)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/p", .bytes = BODY, .fields = FIELDS);
	origin_answer(o, .path = "/f", .bytes = 40000, .piece = 10000, .fields = FIELDS);
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	from_the_store(d);
	while_it_fills(o, d);

	/* No way back in what is not kept: all of it, decided before the head. */
	origin_answer(o, .path = "/n", .bytes = 2 * MIB, .fields = "Cache-Control: no-store\r\n");
	ck_assert_int_eq(
	    client_status(daemon_addr(d), "/n", "Range: bytes=2000000-2000009,5-9\r\n"), 200);
	daemon_stop(d);
	origin_stop(o);
}
