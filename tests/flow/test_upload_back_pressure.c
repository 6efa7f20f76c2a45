/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64 MiB go up while the backend does not read: the client is held back, the daemon holds little.
 * Then it reads, and gets every byte.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define BODY	(64 * MIB)
#define PIECE	65536

/* What is left of the piece that goes out now. */
struct sending {
	char		 buf[16 + PIECE + 2];
	size_t		 len, at;
	uint64_t	 off;		/* of the body, put into buf so far */
	bool		 chunked;
};

static void
next_piece(struct sending *s)
{
	if (s->at < s->len || s->off == BODY)
		return;
	s->at = 0;
	s->len = s->chunked ? (size_t)sprintf(s->buf, "%x\r\n", PIECE) : 0;
	test_body(s->buf + s->len, s->off, PIECE);
	s->len += PIECE;
	s->off += PIECE;
	if (s->chunked)
		s->len += (size_t)sprintf(s->buf + s->len, "\r\n");
}

/* As much as goes without waiting; how much. */
static size_t
send_some(struct client *c, struct sending *s)
{
	size_t sent = 0;
	long n;

	do {
		next_piece(s);
		n = client_offer(c, s->buf + s->at, s->len - s->at);
		ck_assert_int_ge(n, 0);
		s->at += (size_t)n;
		sent += (size_t)n;
	} while (n > 0);
	return sent;
}

static void
send_rest(struct client *c, struct sending *s)
{
	for (; s->at < s->len || s->off < BODY; s->at = s->len) {
		next_piece(s);
		client_send(c, s->buf + s->at, s->len - s->at);
	}
	if (s->chunked)
		client_send(c, "0\r\n\r\n", 5);
}

static void
scenario(struct origin *o, struct daemon *d, const char *path, bool chunked)
{
	struct client *c = client_open(daemon_addr(d));
	uint64_t before = daemon_memory(d), grown;
	struct sending s = { .chunked = chunked };
	struct origin_request r;

	origin_hold(o, path);
	if (chunked)
		client_sendf(
		    c, "PUT %s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n", path);
	else
		client_sendf(c, "PUT %s HTTP/1.1\r\nHost: test\r\nContent-Length: %llu\r\n\r\n",
		    path, (unsigned long long)BODY);
	origin_wait_requests(o, path, 1);
	/* Until nothing goes any more while others were served a hundred times. */
	for (unsigned still = 0; still < 100; still++) {
		if (send_some(c, &s) > 0)
			still = 0;
		ck_assert_uint_lt(s.off, BODY);
		ck_assert_int_eq(client_status(daemon_addr(d), "/small", ""), 200);
	}
	grown = daemon_grown(d, before);
	ck_assert_msg(
	    grown < daemon_allowance(2 * MIB), "grown by %llu", (unsigned long long)grown);
	origin_release(o, path);
	send_rest(c, &s);
	ck_assert_int_eq(client_answer(c)->status, 200);
	r = origin_request(o, path, 0);
	ck_assert(r.whole);
	ck_assert_uint_eq(r.body_length, BODY);
	ck_assert_uint_eq(r.body_sum, test_body_sum(BODY));
	client_close(c);
}

FLOW(upload_back_pressure)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/length", .slow_body = true);
	origin_answer(o, .path = "/chunked", .slow_body = true);
	origin_answer(
	    o, .path = "/small", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/small", ""), 200);
	scenario(o, d, "/length", false);
	scenario(o, d, "/chunked", true);
	daemon_wait_stat(d, "pass", 2);
	daemon_stop(d);
	origin_stop(o);
}
