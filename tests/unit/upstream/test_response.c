/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/response.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

#define OK	"HTTP/1.1 200 OK\r\n"
#define CHUNKED	OK "Transfer-Encoding: chunked\r\n\r\n"

/* What it comes to when all bytes are in. */
struct row {
	const char		*name;
	const char		*bytes;
	enum response_step	 last;
	int			 status;
	const char		*body;
	const char		*interim;	/* status and fields of those passed on */
	bool			 to_head;
	bool			 keep_alive;	/* of RESPONSE_WHOLE */
	size_t			 pending;	/* of RESPONSE_WHOLE, all bytes at once */
};

static const struct row rows[] = {
	{ "9112 6.3 length", OK "Content-Length: 5\r\n\r\nhello", RESPONSE_WHOLE, 200,
	    .body = "hello", .keep_alive = true },
	{ "9112 6.3 bytes past it", OK "Content-Length: 5\r\n\r\nhelloEVIL", RESPONSE_WHOLE, 200,
	    .body = "hello", .keep_alive = true, .pending = 4 },
	{ "9112 7.1 chunked", CHUNKED "5\r\nhello\r\n1\r\n \r\n5;x\r\nworld\r\n0\r\nT: u\r\n\r\nXX",
	    RESPONSE_WHOLE, 200, .body = "hello world", .keep_alive = true, .pending = 2 },
	{ "9112 6.3 until close", OK "\r\nhello", RESPONSE_MORE, 200, .body = "hello" },
	{ "9110 9.3.2 HEAD", OK "Content-Length: 5\r\n\r\n", RESPONSE_WHOLE, 200, .body = "",
	    .to_head = true, .keep_alive = true },
	{ "9110 15.3.5 204", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", RESPONSE_WHOLE,
	    204, .body = "", .pending = 5 },
	{ "9110 15.3.5 204 alone", "HTTP/1.1 204 No\r\n\r\n", RESPONSE_WHOLE, 204, .body = "",
	    .keep_alive = true },
	{ "9110 15.2 interim", "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
	    RESPONSE_WHOLE, 200, .body = "x", .keep_alive = true,
	    .interim = "103 Link: x\r\n" },
	{ "9110 15.2 any other", "HTTP/1.1 102 Processing\r\n\r\n"
	    "HTTP/1.1 199 \r\nA: b\r\nC: d\r\n\r\n" OK "Content-Length: 0\r\n\r\n",
	    RESPONSE_WHOLE, 200, .body = "", .keep_alive = true,
	    .interim = "102 199 A: b\r\nC: d\r\n" },
	{ "9110 7.6.1 hop-by-hop of a 103", "HTTP/1.1 103 Early\r\n"
	    "Connection: x-a, close\r\nX-A: 1\r\nKeep-Alive: timeout=1\r\n"
	    "Upgrade: h2c\r\nLink: x\r\nTrailer: y\r\n\r\n"
	    OK "Content-Length: 1\r\n\r\nx", RESPONSE_WHOLE, 200, .body = "x", .keep_alive = true,
	    .interim = "103 Link: x\r\n" },
	{ "9110 8.6 no length in a 1xx", "HTTP/1.1 103 \r\nContent-Length: 9\r\nLink: x\r\n\r\n"
	    OK "Content-Length: 1\r\n\r\nx", RESPONSE_WHOLE, 200, .body = "x", .keep_alive = true,
	    .interim = "103 Link: x\r\n" },
	{ "9112 6.1 no coding in a 1xx", "HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n"
	    OK "Content-Length: 1\r\n\r\nx", RESPONSE_WHOLE, 200, .body = "x", .keep_alive = true,
	    .interim = "103 " },
	{ "9110 15.2 before an answer to HEAD", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
	    OK "Content-Length: 5\r\n\r\n", RESPONSE_WHOLE, 200, .body = "", .to_head = true,
	    .keep_alive = true, .interim = "103 Link: x\r\n" },
	{ "9112 5.2 a folded 1xx", "HTTP/1.1 103 Early\r\nLink: x\r\n y\r\n\r\n" OK "\r\n",
	    RESPONSE_BAD, 0, .body = "" },
	{ "a 1xx, then cut", "HTTP/1.1 103 Early\r\n\r\n" OK, RESPONSE_MORE, 0, .body = "",
	    .interim = "103 " },
	{ "9110 15.2.2 101", "HTTP/1.1 101 Switching\r\n\r\n", RESPONSE_BAD, 0, .body = "" },
	{ "9112 9.3 close", OK "Connection: close\r\nContent-Length: 1\r\n\r\nx", RESPONSE_WHOLE, 200,
	    .body = "x" },
	{ "9112 9.3 1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", RESPONSE_WHOLE, 200,
	    .body = "x" },
	{ "9112 7.1 bad size", CHUNKED "5\r\nhello\r\nx\r\n", RESPONSE_BAD, 200, .body = "hello" },
	{ "9112 6.1 both", OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    RESPONSE_BAD, 0, .body = "" },
	{ "9112 2.2 bare LF", "HTTP/1.1 200 OK\n\n", RESPONSE_BAD, 0, .body = "" },
	{ "in the head", OK "Content-Le", RESPONSE_MORE, 0, .body = "" },
	{ "in the body", OK "Content-Length: 5\r\n\r\nhel", RESPONSE_MORE, 200, .body = "hel" },
};

struct seen {
	enum response_step	 last;
	int			 status;
	struct buf		 interim;
	struct buf		 body;
};

static void
give(struct response *a, const char *p, size_t n)
{
	size_t room;
	char *to = response_room(a, n, &room);

	ck_assert_uint_ge(room, n);
	memcpy(to, p, n);
	response_put(a, n);
}

/* Reads until more is needed or it is over. */
static void
read_all(struct response *a, struct seen *s)
{
	struct head h = { 0 };
	struct slice data;

	while ((s->last = response_read(a, &h, &data)) == RESPONSE_HEAD ||
	    s->last == RESPONSE_INTERIM) {
		ck_assert_int_eq(s->status, 0);
		ck_assert_uint_eq(data.n, 0);
		if (s->last == RESPONSE_HEAD) {
			s->status = h.status;
		} else {
			ck_assert_int_eq(h.framing, FRAMING_NONE);
			buf_addf(&s->interim, "%d ", h.status);
			hdr_emit(&h, &s->interim);
		}
		head_fini(&h);
		h = (struct head){ 0 };
	}
	buf_add_slice(&s->body, data);
}

/* In pieces of `piece` bytes, after a first one of `first`. */
static void
check_row(const struct row *r, size_t first, size_t piece)
{
	size_t at = 0, n = strlen(r->bytes);
	struct seen s = { .last = RESPONSE_MORE };
	struct response a;

	response_init(&a, r->to_head);
	while (at < n && s.last == RESPONSE_MORE) {
		size_t k = at == 0 ? first : piece;

		if (k > n - at)
			k = n - at;
		give(&a, r->bytes + at, k);
		at += k;
		read_all(&a, &s);
	}
	ck_assert_msg(s.last == r->last && s.status == r->status &&
	    slice_eq(buf_slice(&s.body), slice_str(r->body)), "%s: step %d, status %d, '%.*s'",
	    r->name, (int)s.last, s.status, SLICE_FMT(buf_slice(&s.body)));
	ck_assert_msg(slice_eq(buf_slice(&s.interim), slice_str(r->interim ? r->interim : "")),
	    "%s: interim '%.*s'", r->name, SLICE_FMT(buf_slice(&s.interim)));
	if (s.last == RESPONSE_WHOLE)
		ck_assert_msg(a.keep_alive == r->keep_alive, "%s", r->name);
	if (s.last == RESPONSE_WHOLE && first == n)
		ck_assert_msg(response_pending(&a) == r->pending, "%s", r->name);
	if (s.last == RESPONSE_BAD)
		ck_assert_ptr_nonnull(a.reason);
	buf_fini(&s.interim);
	buf_fini(&s.body);
	response_fini(&a);
}

/* However the bytes fall into reads, it comes to the same. */
START_TEST(any_split_is_the_same)
{
	const struct row *r = &rows[_i];
	size_t n = strlen(r->bytes);

	for (size_t piece = 1; piece <= 3; piece++)
		check_row(r, piece, piece);
	for (size_t first = 1; first <= n; first++)
		check_row(r, first, n);
}
END_TEST

START_TEST(chunks_of_one_read_are_one_piece)
{
	struct buf in = { 0 };
	struct head h = { 0 };
	struct slice data;
	struct response a;

	buf_add_str(&in, CHUNKED);
	for (int i = 0; i < 1000; i++)
		buf_addf(&in, "%x\r\n%.*s\r\n", i % 7 + 1, i % 7 + 1, "abcdefg");
	response_init(&a, false);
	give(&a, in.p, in.n);
	ck_assert_int_eq(response_read(&a, &h, &data), RESPONSE_HEAD);
	head_fini(&h);
	ck_assert_int_eq(response_read(&a, &h, &data), RESPONSE_MORE);
	ck_assert_uint_eq(response_pending(&a), 0);
	ck_assert_uint_eq(data.n, 142 * 28 + 1 + 2 + 3 + 4 + 5 + 6);
	for (size_t i = 0, at = 0; i < 1000; at += i % 7 + 1, i++)
		ck_assert(memcmp(data.p + at, "abcdefg", i % 7 + 1) == 0);
	buf_fini(&in);
	response_fini(&a);
}
END_TEST

START_TEST(an_endless_head_is_refused_in_bounded_memory)
{
	struct seen s = { .last = RESPONSE_MORE };
	struct response a;
	char piece[1000];
	size_t given = 0;

	memset(piece, 'x', sizeof piece);
	response_init(&a, false);
	give(&a, OK "X: ", strlen(OK "X: "));
	for (; s.last == RESPONSE_MORE; given += sizeof piece) {
		give(&a, piece, sizeof piece);
		read_all(&a, &s);
		ck_assert_uint_lt(given, 70000);
	}
	ck_assert_int_eq(s.last, RESPONSE_BAD);
	ck_assert_uint_lt(a.cap, 140000);
	response_fini(&a);
}
END_TEST

/* n of them with a field of `bytes`: the last step, and how many were passed on. */
static enum response_step
flood(int status, unsigned n, size_t bytes, unsigned *passed)
{
	struct response a;
	struct head h = { 0 };
	struct slice data;
	struct buf one = { 0 };
	enum response_step step = RESPONSE_MORE;

	buf_addf(&one, "HTTP/1.1 %d Some\r\nX: %0*d\r\n\r\n", status, (int)bytes, 0);
	*passed = 0;
	response_init(&a, false);
	while (n-- > 0 && step == RESPONSE_MORE) {
		give(&a, one.p, one.n);
		while ((step = response_read(&a, &h, &data)) == RESPONSE_INTERIM) {
			(*passed)++;
			head_fini(&h);
			h = (struct head){ 0 };
		}
	}
	ck_assert_uint_lt(a.cap, 140000);
	ck_assert((step == RESPONSE_BAD) == (a.reason != NULL));
	response_fini(&a);
	buf_fini(&one);
	return step;
}

START_TEST(interim_heads_are_bounded)
{
	unsigned passed;

	ck_assert_int_eq(flood(103, 16, 1, &passed), RESPONSE_MORE);
	ck_assert_uint_eq(passed, 16);
	ck_assert_int_eq(flood(103, 17, 1, &passed), RESPONSE_BAD);
	ck_assert_uint_eq(passed, 16);
	ck_assert_int_eq(flood(100, 16, 1, &passed), RESPONSE_MORE);
	ck_assert_uint_eq(passed, 0);
	ck_assert_int_eq(flood(100, 17, 1, &passed), RESPONSE_BAD);
	/* All of them together are no larger than one head may be. */
	ck_assert_int_eq(flood(103, 3, 20000, &passed), RESPONSE_MORE);
	ck_assert_uint_eq(passed, 3);
	ck_assert_int_eq(flood(103, 4, 20000, &passed), RESPONSE_BAD);
	ck_assert_uint_eq(passed, 3);
	ck_assert_int_eq(flood(100, 4, 20000, &passed), RESPONSE_BAD);
}
END_TEST

START_TEST(leavings_are_forgotten)
{
	struct seen s = { .last = RESPONSE_MORE };
	struct response a;

	response_init(&a, false);
	give(&a, "junk", 4);
	response_forget(&a);
	ck_assert_uint_eq(response_pending(&a), 0);
	give(&a, rows[0].bytes, strlen(rows[0].bytes));
	read_all(&a, &s);
	ck_assert_int_eq(s.last, RESPONSE_WHOLE);
	ck_assert(slice_eq(buf_slice(&s.body), SLICE("hello")));
	buf_fini(&s.body);
	response_fini(&a);
}
END_TEST

static Suite *
answer_suite(void)
{
	Suite *s = suite_create("answer");
	TCase *tc = tcase_create("answer");

	tcase_add_loop_test(tc, any_split_is_the_same, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tc, chunks_of_one_read_are_one_piece);
	tcase_add_test(tc, an_endless_head_is_refused_in_bounded_memory);
	tcase_add_test(tc, interim_heads_are_bounded);
	tcase_add_test(tc, leavings_are_forgotten);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(answer_suite)
