/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of a body that still comes: each is answered as soon as its own bytes are there, from one
 * fetch; and a fetch of which nobody wants more than a part is not carried to its end.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define KEEP	"Cache-Control: max-age=60\r\n"
#define PIECE	10000

static void
ask(struct client *c, uint64_t first, uint64_t last)
{
	char field[80];

	snprintf(field, sizeof field, "Range: bytes=%llu-%llu\r\n", (unsigned long long)first,
	    (unsigned long long)last);
	client_ask(c, "/p", field);
}

static void
check(const struct answer *a, uint64_t first, uint64_t last)
{
	static char body[4 * PIECE];

	ck_assert(a->complete);
	ck_assert_int_eq(a->status, 206);
	ck_assert_uint_eq(a->length, last - first + 1);
	test_body(body, first, last - first + 1);
	ck_assert_int_eq(memcmp(a->body, body, last - first + 1), 0);
}

/* The fourth piece comes when all others have what they want. */
static void
one_fetch_for_all(struct origin *o, struct daemon *d)
{
	struct client *middle = client_open(daemon_addr(d)), *early = client_open(daemon_addr(d));
	struct client *late = client_open(daemon_addr(d)), *over = client_open(daemon_addr(d));

	ask(middle, PIECE + 5, PIECE + 14);
	origin_wait_requests(o, "/p", 1);
	origin_piece(o, "/p", 1);
	/* Its head may come before its bytes. */
	ck_assert_int_eq(client_head(middle)->status, 206);
	ask(early, 0, 9);
	check(client_answer(early), 0, 9);
	origin_piece(o, "/p", 1);
	check(client_answer(middle), PIECE + 5, PIECE + 14);
	ask(late, 4 * PIECE - 3, 4 * PIECE - 1);
	ck_assert_int_eq(client_head(late)->status, 206);
	ask(over, PIECE - 10, 2 * PIECE + 10);
	ck_assert_uint_ge(client_read(over, PIECE + 10)->length, PIECE + 10);
	origin_piece(o, "/p", 1);
	check(client_answer(over), PIECE - 10, 2 * PIECE + 10);
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_piece(o, "/p", 1);
	check(client_answer(late), 4 * PIECE - 3, 4 * PIECE - 1);
	daemon_wait_stat(d, "flights", 0);
	client_ask(late, "/p", "");
	ck_assert_uint_eq(client_answer(late)->sum, test_body_sum(4 * PIECE));
	ck_assert_uint_eq(origin_requests(o, "/p"), 1);
	client_close(middle);
	client_close(early);
	client_close(late);
	client_close(over);
}

FLOW(ranges_while_filling)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *c;
	struct answer *a;

	origin_answer(o, .path = "/p", .bytes = 4 * PIECE, .piece = PIECE, .fields = KEEP);
	one_fetch_for_all(o, d);

	/* It can't be kept, and the client has what it wanted. */
	origin_answer(o, .path = "/big", .bytes = 500 * MIB,
	    .fields = "Cache-Control: no-store\r\n");
	a = client_get(daemon_addr(d), "/big", "Range: bytes=1000000-1000009\r\n");
	ck_assert(a->complete);
	ck_assert_int_eq(a->status, 206);
	ck_assert_uint_eq(a->length, 10);
	answer_free(a);
	origin_wait_given_up(o, "/big", 1);
	daemon_wait_stat(d, "flights", 0);

	/* Its end isn't known yet: a range of it can't be told, so all of it comes. */
	origin_answer(o, .path = "/c", .bytes = 2 * PIECE, .framing = ORIGIN_CHUNKED,
	    .piece = PIECE, .fields = KEEP);
	c = client_open(daemon_addr(d));
	client_ask(c, "/c", "Range: bytes=0-9\r\n");
	origin_piece(o, "/c", 1);
	ck_assert_int_eq(client_head(c)->status, 200);
	origin_piece(o, "/c", 1);
	ck_assert_uint_eq(client_answer(c)->sum, test_body_sum(2 * PIECE));
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
