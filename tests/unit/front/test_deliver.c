/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivery into a gate that is played: what it takes at once, what waits in it, and every byte are
 * the test's to see.
 */
#include "front/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/event.h>

#include "base/contract.h"
#include "base/worker.h"
#include "cache/obj.h"
#include "cache/reader.h"
#include "tests/unit/unit.h"

#define KIB	((uint64_t)1024)
#define MIB	(1024 * KIB)

/* The gate: these win over libproxy.a's. */

struct held {
	uint64_t	 end;		/* of the output */
	void		(*release)(void *);
	void		*arg;
};

struct gate {
	struct worker	*w;
	struct buf	 out;		/* all that was sent */
	uint64_t	 left;		/* of it, what has left */
	uint64_t	 room;		/* what more would leave at once */
	struct held	 held[256];
	unsigned	 nheld, sends;
	size_t		 most;		/* that waited at one time */
	bool		 close;
};

static void
release_passed(struct gate *g)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < g->nheld; i++) {
		if (g->held[i].end <= g->left)
			g->held[i].release(g->held[i].arg);
		else
			g->held[kept++] = g->held[i];
	}
	g->nheld = kept;
}

/* The socket takes n more bytes. */
static void
drain(struct gate *g, uint64_t n)
{
	uint64_t waits = g->out.n - g->left;

	g->room += n > waits ? n - waits : 0;
	g->left += n > waits ? waits : n;
	release_passed(g);
}

size_t
gate_send(struct gate *g, const struct gate_piece *pieces, unsigned n)
{
	uint64_t can;

	g->sends++;
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_gt(pieces[i].n, 0);
		buf_add(&g->out, pieces[i].p, pieces[i].n);
		if (pieces[i].release == NULL)
			continue;
		ck_assert_uint_lt(g->nheld, sizeof g->held / sizeof g->held[0]);
		g->held[g->nheld++] = (struct held){ g->out.n, pieces[i].release, pieces[i].arg };
	}
	can = g->out.n - g->left < g->room ? g->out.n - g->left : g->room;
	g->room -= can;
	g->left += can;
	release_passed(g);
	if (g->out.n - g->left > g->most)
		g->most = g->out.n - g->left;
	return gate_pending(g);
}

size_t
gate_pending(const struct gate *g)
{
	return g->out.n - g->left;
}

void
gate_set_low(struct gate *g, size_t low)
{
	(void)g;
	(void)low;
}

bool
gate_closing(struct gate *g)
{
	return g->close;
}

void
gate_set_close(struct gate *g)
{
	g->close = true;
}

struct worker *
gate_worker(const struct gate *g)
{
	return g->w;
}

/* The rest of a scene: an object, a request, a delivery. */

struct scene {
	struct worker	*w;
	struct gate	 g;
	struct obj	*o;
	struct head	 req;
	struct deliver_head h;
	struct deliver	 d;
	unsigned	 wakes;
};

static struct budget budget;

static char
byte_at(uint64_t off)
{
	return (char)('a' + off % 26);
}

/* "Name: value\n" ... */
static void
add_fields(struct head *h, const char *fields)
{
	const char *colon, *end;

	for (; *fields != '\0'; fields = end + 1) {
		colon = strstr(fields, ": ");
		end = strchr(fields, '\n');
		hdr_add(h, slice_of(fields, (size_t)(colon - fields)),
		    slice_of(colon + 2, (size_t)(end - colon - 2)));
	}
}

static void
append(struct obj *o, uint64_t off, uint64_t n)
{
	char *p = malloc(n);

	ck_assert_ptr_nonnull(p);
	for (uint64_t i = 0; i < n; i++)
		p[i] = byte_at(off + i);
	obj_append(o, p, n);
	free(p);
}

/* An object of that length, still empty; the answer to a GET over HTTP/1.1 with these fields. */
static void
set(struct scene *s, int status, const char *fields, uint64_t length, const char *asked)
{
	struct obj_meta m;

	memset(s, 0, sizeof *s);
	s->w = worker_new(0, NULL);
	s->g.w = s->w;
	s->g.room = UINT64_MAX / 2;
	memset(&m, 0, sizeof m);
	m.head.status = status;
	m.head.reason = SLICE("Fine");
	add_fields(&m.head, fields);
	hdr_emit(&m.head, &m.wire);
	buf_add_str(&m.own_wire, "Set-Cookie: a=b\r\n");
	m.length = length;
	m.received_wall = 784111777 * USEC_PER_SEC;
	s->o = obj_new(&budget, &m, true, MIB);
	obj_expect(s->o, 1);
	s->req.method = SLICE("GET");
	s->req.minor = 1;
	add_fields(&s->req, asked);
	s->h = (struct deliver_head){
		.req = &s->req, .say_age = true,
		.cache = { .hit = true, .has_ttl = true, .ttl = USEC_PER_SEC },
		.age = 7 * USEC_PER_SEC, .minor = 1,
	};
}

static void
seal(struct scene *s, uint64_t n)
{
	append(s->o, 0, n);
	obj_end(s->o);
}

static void
woken(void *arg)
{
	++*(unsigned *)arg;
}

static enum deliver_state
start(struct scene *s)
{
	return deliver_start(&s->d, &s->g, s->o, true, &s->h, woken, &s->wakes);
}

static void
strike(struct scene *s)
{
	deliver_stop(&s->d);
	deliver_stop(&s->d);
	drain(&s->g, UINT64_MAX / 4);
	obj_unref(s->o);
	event_base_loop(worker_base(s->w), EVLOOP_NONBLOCK);
	worker_free(s->w);
	head_fini(&s->req);
	buf_fini(&s->g.out);
	ck_assert_int_eq(atomic_load(&budget.transit), 0);
	ck_assert_int_eq(atomic_load(&budget.stored), 0);
}

static const char *
body_of(const struct scene *s)
{
	const char *end = strstr(s->g.out.p, "\r\n\r\n");

	ck_assert_ptr_nonnull(end);
	return end + 4;
}

/* Several ranges of 100 bytes as they were sent: their parts in order, and nothing else. */
static void
check_parts(const struct scene *s, const char *type, const uint64_t (*want)[2], unsigned n,
    uint64_t whole)
{
	const char *at = strstr(s->g.out.p, "boundary="), *p = body_of(s);
	char boundary[71], text[300];
	size_t len;

	ck_assert_ptr_nonnull(at);
	at += strlen("boundary=");
	len = strcspn(at, "\r");
	ck_assert_uint_lt(len, sizeof boundary);
	memcpy(boundary, at, len);
	boundary[len] = '\0';
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof text,
		    "%s--%s\r\n%sContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
		    i > 0 ? "\r\n" : "", boundary, type, (unsigned long long)want[i][0],
		    (unsigned long long)want[i][1], (unsigned long long)whole);
		ck_assert_msg(strncmp(p, text, strlen(text)) == 0, "part %u: %.300s", i, p);
		p += strlen(text);
		for (uint64_t off = want[i][0]; off <= want[i][1]; off++)
			if (*p++ != byte_at(off))
				ck_abort_msg("part %u: byte %llu", i, (unsigned long long)off);
	}
	snprintf(text, sizeof text, "\r\n--%s--\r\n", boundary);
	ck_assert_str_eq(p, text);
	at = strstr(s->g.out.p, "Content-Length: ");
	ck_assert_ptr_nonnull(at);
	ck_assert_uint_eq(strtoul(at + 16, NULL, 10), strlen(body_of(s)));
}

/* Whole answers to what is asked of 26 bytes. */

struct answer_case {
	const char	*name;
	const char	*asked;
	int		 status;	/* of the object; 0: 200 */
	const char	*fields;	/* of the object */
	const char	*want;
	bool		 leader, to_head, no_req, keep_alive10;
};

#define END	"Age: 7\r\nCache-Status: corral; hit; ttl=1\r\n"
#define TEXT	"Content-Type: text/plain\n"
#define TEXT_R	"Content-Type: text/plain\r\n"
#define ABC	"abcdefghijklmnopqrstuvwxyz"
#define WHOLE	"HTTP/1.1 200 Fine\r\n" TEXT_R END "Content-Length: 26\r\n\r\n" ABC

static const struct answer_case answers[] = {
	{ .name = "whole", .asked = "", .fields = TEXT, .want = WHOLE },
	{ .name = "whole to HEAD", .asked = "", .fields = TEXT, .to_head = true,
	    .want = "HTTP/1.1 200 Fine\r\n" TEXT_R END "Content-Length: 26\r\n\r\n" },
	{ .name = "the leader's own fields", .asked = "", .fields = TEXT, .leader = true,
	    .want = "HTTP/1.1 200 Fine\r\n" TEXT_R "Set-Cookie: a=b\r\n" END
	    "Content-Length: 26\r\n\r\n" ABC },
	{ .name = "9110 15.3.7: a range", .asked = "Range: bytes=2-5\n", .fields = TEXT,
	    .want = "HTTP/1.1 206 Partial Content\r\n" TEXT_R END
	    "Content-Range: bytes 2-5/26\r\nContent-Length: 4\r\n\r\ncdef" },
	{ .name = "9110 14.1.2: open at its end", .asked = "RANGE: bytes=20-\n", .fields = TEXT,
	    .want = "HTTP/1.1 206 Partial Content\r\n" TEXT_R END
	    "Content-Range: bytes 20-25/26\r\nContent-Length: 6\r\n\r\nuvwxyz" },
	{ .name = "9110 14.1.2: a suffix", .asked = "Range: bytes=-3\n", .fields = TEXT,
	    .want = "HTTP/1.1 206 Partial Content\r\n" TEXT_R END
	    "Content-Range: bytes 23-25/26\r\nContent-Length: 3\r\n\r\nxyz" },
	{ .name = "9110 15.3.7: the leader's range", .asked = "Range: bytes=0-0\n", .fields = TEXT,
	    .leader = true,
	    .want = "HTTP/1.1 206 Partial Content\r\n" TEXT_R "Set-Cookie: a=b\r\n" END
	    "Content-Range: bytes 0-0/26\r\nContent-Length: 1\r\n\r\na" },
	{ .name = "9530 2: a digest is of one content", .asked = "Range: bytes=0-0\n",
	    .fields = "content-digest: sha-256=:x:\nContent-MD5: y\nContent-Range: z\n"
	    "Repr-Digest: k\n",
	    .want = "HTTP/1.1 206 Partial Content\r\nRepr-Digest: k\r\n" END
	    "Content-Range: bytes 0-0/26\r\nContent-Length: 1\r\n\r\na" },
	{ .name = "9213: consumed fields stay here in a 206", .asked = "Range: bytes=0-0\n",
	    .fields = TEXT "Surrogate-Control: max-age=1\n",
	    .want = "HTTP/1.1 206 Partial Content\r\n" TEXT_R END
	    "Content-Range: bytes 0-0/26\r\nContent-Length: 1\r\n\r\na" },
	{ .name = "9110 14.2: HEAD has no Range", .asked = "Range: bytes=2-5\n", .fields = TEXT,
	    .to_head = true,
	    .want = "HTTP/1.1 200 Fine\r\n" TEXT_R END "Content-Length: 26\r\n\r\n" },
	{ .name = "9110 14.2: Range of a 200 only", .asked = "Range: bytes=2-5\n", .status = 404,
	    .fields = TEXT,
	    .want = "HTTP/1.1 404 Fine\r\n" TEXT_R END "Content-Length: 26\r\n\r\n" ABC },
	{ .name = "the origin saw the Range", .asked = "Range: bytes=2-5\n", .fields = TEXT,
	    .no_req = true, .want = WHOLE },
	{ .name = "9110 14.2: another unit", .asked = "Range: lines=2-5\n", .fields = TEXT,
	    .want = WHOLE },
	{ .name = "9112 9.3: keep-alive to 1.0", .asked = "Range: bytes=2-5\n", .fields = TEXT,
	    .keep_alive10 = true,
	    .want = "HTTP/1.1 206 Partial Content\r\n" TEXT_R END
	    "Content-Range: bytes 2-5/26\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\n"
	    "cdef" },
	{ .name = "9110 13.1.5: If-Range holds", .asked = "Range: bytes=2-5\nIf-Range: \"v\"\n",
	    .fields = "ETag: \"v\"\n",
	    .want = "HTTP/1.1 206 Partial Content\r\nETag: \"v\"\r\n" END
	    "Content-Range: bytes 2-5/26\r\nContent-Length: 4\r\n\r\ncdef" },
	{ .name = "9110 13.1.5: If-Range doesn't hold",
	    .asked = "Range: bytes=2-5\nIf-Range: \"w\"\n", .fields = "ETag: \"v\"\n",
	    .want = "HTTP/1.1 200 Fine\r\nETag: \"v\"\r\n" END "Content-Length: 26\r\n\r\n" ABC },
	{ .name = "9110 15.4.5: 304 and its fields", .asked = "If-None-Match: \"v\"\n",
	    .fields = TEXT "ETag: \"v\"\nContent-Length: 26\nContent-Language: en\nVary: A\n"
	    "Cache-Control: max-age=9\n"
	    "Date: Sun, 06 Nov 1994 08:49:37 GMT\nExpires: 0\nContent-Location: /x\nX-Y: z\n"
	    "Surrogate-Control: max-age=1\n",
	    .want = "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nVary: A\r\n"
	    "Cache-Control: max-age=9\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nExpires: 0\r\n"
	    "Content-Location: /x\r\nX-Y: z\r\n" END "\r\n" },
	{ .name = "9110 13.2.2: a condition before a range",
	    .asked = "If-None-Match: \"v\"\nRange: bytes=2-5\n", .fields = "ETag: \"v\"\n",
	    .want = "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\n" END "\r\n" },
	{ .name = "9110 13.2.2: no match, then the range",
	    .asked = "If-None-Match: \"w\"\nRange: bytes=2-5\n", .fields = "ETag: \"v\"\n",
	    .want = "HTTP/1.1 206 Partial Content\r\nETag: \"v\"\r\n" END
	    "Content-Range: bytes 2-5/26\r\nContent-Length: 4\r\n\r\ncdef" },
	{ .name = "9110 13.1.3: 304 to HEAD by date", .to_head = true,
	    .asked = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\n",
	    .fields = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nETag: \"v\"\n",
	    .want = "HTTP/1.1 304 Not Modified\r\n*" },
	{ .name = "9110 13.1.3: modified since",
	    .asked = "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\n",
	    .fields = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n",
	    .want = "HTTP/1.1 200 Fine\r\n*" },
	{ .name = "the origin saw the condition", .asked = "If-None-Match: \"v\"\n",
	    .fields = "ETag: \"v\"\n", .no_req = true,
	    .want = "HTTP/1.1 200 Fine\r\n*" },
};

START_TEST(answers_to_requests)
{
	const struct answer_case *c = &answers[_i];
	size_t n = strlen(c->want);
	struct scene s;

	set(&s, c->status == 0 ? 200 : c->status, c->fields, 26, c->asked);
	seal(&s, 26);
	if (c->no_req)
		s.h.req = NULL;
	if (c->to_head)
		s.req.method = SLICE("HEAD");
	s.h.to_head = c->to_head;
	s.h.leader = c->leader;
	if (c->keep_alive10) {
		s.h.minor = 0;
		s.h.keep_alive = true;
	}
	ck_assert_msg(start(&s) == DELIVER_DONE, "%s", c->name);
	buf_str(&s.g.out);
	if (c->want[n - 1] == '*')
		n--;
	else
		n++;
	ck_assert_msg(strncmp(s.g.out.p, c->want, n) == 0, "%s: %s", c->name, s.g.out.p);
	/* Head and body together. */
	ck_assert_uint_eq(s.g.sends, 1);
	strike(&s);
}
END_TEST

START_TEST(no_range_satisfiable)
{
	struct scene s;

	set(&s, 200, TEXT, 26, "Range: bytes=26-\n");
	seal(&s, 26);
	ck_assert_int_eq(start(&s), DELIVER_DONE);
	buf_str(&s.g.out);
	ck_assert_ptr_nonnull(strstr(s.g.out.p, "HTTP/1.1 416 Range Not Satisfiable\r\n"));
	ck_assert_ptr_nonnull(strstr(s.g.out.p, "\r\nContent-Range: bytes */26\r\n"));
	ck_assert_ptr_nonnull(strstr(s.g.out.p, "\r\nCache-Status: corral; hit; ttl=1\r\n"));
	ck_assert_uint_eq(strtoul(strstr(s.g.out.p, "Content-Length: ") + 16, NULL, 10),
	    strlen(body_of(&s)));
	strike(&s);
}
END_TEST

/* In the order asked for, also backwards, and over the ends of segments. */
START_TEST(several_ranges)
{
	static const uint64_t up[][2] = { { 0, 9 }, { 65000, 66000 }, { 199999, 199999 } };
	static const uint64_t down[][2] = {
		{ 150000, 150010 }, { 0, 0 }, { 140000, 145000 }, { 5, 7 },
	};
	struct scene s;

	set(&s, 200, TEXT, 200000, "Range: bytes=0-9,65000-66000,-1\n");
	seal(&s, 200000);
	ck_assert_int_eq(start(&s), DELIVER_DONE);
	buf_str(&s.g.out);
	ck_assert_ptr_nonnull(strstr(s.g.out.p, "HTTP/1.1 206 Partial Content\r\n" END
	    "Content-Type: multipart/byteranges; boundary="));
	check_parts(&s, TEXT_R, up, 3, 200000);
	strike(&s);

	set(&s, 200, "X: y\n", 200000, "Range: bytes=150000-150010,0-0,140000-145000,5-7\n");
	seal(&s, 200000);
	ck_assert_int_eq(start(&s), DELIVER_DONE);
	buf_str(&s.g.out);
	check_parts(&s, "", down, 4, 200000);
	strike(&s);
}
END_TEST

/* No two answers have the same boundary. */
START_TEST(boundaries_differ)
{
	char seen[50][64];
	struct scene s;

	for (unsigned i = 0; i < 50; i++) {
		set(&s, 200, "", 1000, "Range: bytes=0-0,9-9\n");
		seal(&s, 1000);
		ck_assert_int_eq(start(&s), DELIVER_DONE);
		buf_str(&s.g.out);
		snprintf(seen[i], sizeof seen[i], "%.40s", strstr(s.g.out.p, "boundary="));
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(seen[i], seen[k]);
		strike(&s);
	}
}
END_TEST

/* A socket that takes little at a time: never more than the mark and one batch waits. */
START_TEST(several_large_ranges_to_a_slow_client)
{
	static const uint64_t parts[][2] = {
		{ MIB, 2 * MIB - 1 }, { 0, 300 * KIB }, { 3 * MIB, 4 * MIB + 5 },
		{ 600 * KIB, 900 * KIB },
	};
	enum deliver_state ds;
	struct scene s;

	set(&s, 200, TEXT, 5 * MIB,
	    "Range: bytes=1048576-2097151, 0-307200, 3145728-4194309, 614400-921600\n");
	seal(&s, 5 * MIB);
	s.g.room = 0;
	ds = start(&s);
	for (unsigned i = 0; ds == DELIVER_MORE; i++) {
		ck_assert_uint_lt(i, 200);
		drain(&s.g, 50 * KIB);
		ds = deliver_more(&s.d);
	}
	ck_assert_int_eq(ds, DELIVER_DONE);
	ck_assert_uint_lt(s.g.most, 2 * DELIVER_HIGH + KIB);
	buf_str(&s.g.out);
	check_parts(&s, TEXT_R, parts, 4, 5 * MIB);
	strike(&s);
}
END_TEST

/*
 * Bytes are sent when they are there, and with the last of the range it is over: no more is needed.
 */
START_TEST(a_range_while_it_fills)
{
	struct scene s;

	set(&s, 200, TEXT, 100 * MIB, "Range: bytes=1000-1009\n");
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	obj_forget(s.o);
	append(s.o, 0, 1000);
	event_base_loop(worker_base(s.w), EVLOOP_NONBLOCK);
	ck_assert_uint_eq(s.wakes, 1);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_MORE);
	buf_str(&s.g.out);
	ck_assert_str_eq(body_of(&s), "");
	append(s.o, 1000, 4);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_MORE);
	buf_str(&s.g.out);
	ck_assert_uint_eq(strlen(body_of(&s)), 4);
	append(s.o, 1004, 100);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_DONE);
	buf_str(&s.g.out);
	ck_assert_uint_eq(strlen(body_of(&s)), 10);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(body_of(&s)[i], byte_at(1000 + i));
	deliver_stop(&s.d);
	ck_assert(!obj_wanted(s.o));
	obj_fail(s.o);
	strike(&s);
}
END_TEST

/* The last bytes wait in the gate: nobody needs the rest of the object for that. */
START_TEST(lets_go_before_the_last_byte_has_left)
{
	struct scene s;

	set(&s, 200, TEXT, 100 * MIB, "Range: bytes=0-9\n");
	s.g.room = 0;
	obj_forget(s.o);
	append(s.o, 0, 1000);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	ck_assert(!obj_wanted(s.o));
	obj_fail(s.o);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_MORE);
	drain(&s.g, MIB);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_DONE);
	strike(&s);
}
END_TEST

/* Others read on, and our pieces would keep all of that in memory: cut like any laggard. */
START_TEST(a_stuck_range_is_cut)
{
	struct reader other;
	struct obj_piece piece[4];
	enum reader_state state;
	unsigned wakes = 0, n;
	struct scene s;

	set(&s, 200, TEXT, 100 * MIB, "Range: bytes=0-9\n");
	s.g.room = 0;
	obj_expect(s.o, 1);
	reader_open(&other, s.o, true, s.w, woken, &wakes);
	append(s.o, 0, 1000);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	obj_forget(s.o);
	for (uint64_t off = 1000; s.wakes == 0; off += 32 * KIB) {
		ck_assert_uint_lt(off, 2 * MIB);
		ck_assert_int_eq(deliver_more(&s.d), DELIVER_MORE);
		append(s.o, off, 32 * KIB);
		while ((n = reader_read(&other, piece, 4, MIB, &state)) > 0)
			while (n-- > 0)
				seg_unref(piece[n].seg);
		if (obj_full(s.o))
			obj_cut_laggards(s.o);
		event_base_loop(worker_base(s.w), EVLOOP_NONBLOCK);
	}
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_CUT);
	reader_close(&other);
	obj_fail(s.o);
	strike(&s);
}
END_TEST

/* The body is nothing to this client, also if it takes nothing of the head. */
static void
lets_go_at_once(struct scene *s)
{
	s->g.room = 0;
	obj_forget(s->o);
	ck_assert_int_eq(start(s), DELIVER_MORE);
	ck_assert(!obj_wanted(s->o));
	drain(&s->g, MIB);
	ck_assert_int_eq(deliver_more(&s->d), DELIVER_DONE);
	obj_fail(s->o);
	strike(s);
}

/* 304 while the body still comes. */
START_TEST(not_modified_needs_no_body)
{
	struct scene s;

	set(&s, 200, "ETag: \"v\"\n", 100 * MIB, "If-None-Match: *\n");
	lets_go_at_once(&s);
}
END_TEST

/* Likewise a HEAD. */
START_TEST(head_needs_no_body)
{
	struct scene s;

	set(&s, 200, "", 100 * MIB, "");
	s.req.method = SLICE("HEAD");
	s.h.to_head = true;
	lets_go_at_once(&s);
}
END_TEST

/* What the origin didn't say in advance is known when all is there, and not before. */
START_TEST(length_unknown)
{
	struct scene s;

	set(&s, 200, "", OBJ_NO_LENGTH, "Range: bytes=1-2\n");
	append(s.o, 0, 5);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	obj_end(s.o);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_DONE);
	buf_str(&s.g.out);
	ck_assert_str_eq(s.g.out.p, "HTTP/1.1 200 Fine\r\n" END "Transfer-Encoding: chunked\r\n\r\n"
	    "5\r\nabcde\r\n0\r\n\r\n");
	strike(&s);

	set(&s, 200, "", OBJ_NO_LENGTH, "Range: bytes=1-2\n");
	append(s.o, 0, 5);
	obj_end(s.o);
	ck_assert_int_eq(start(&s), DELIVER_DONE);
	buf_str(&s.g.out);
	ck_assert_str_eq(s.g.out.p, "HTTP/1.1 206 Partial Content\r\n" END
	    "Content-Range: bytes 1-2/5\r\nContent-Length: 2\r\n\r\nbc");
	strike(&s);
}
END_TEST

/* Upwards a window can give several; back it can't go, and says so before the head is out. */
START_TEST(several_ranges_of_a_window)
{
	static const uint64_t up[][2] = { { 0, 9 }, { 500, 509 } };
	struct scene s;

	set(&s, 200, "", 1000, "Range: bytes=0-9,500-509\n");
	obj_forget(s.o);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	append(s.o, 0, 400);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_MORE);
	append(s.o, 400, 600);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_DONE);
	buf_str(&s.g.out);
	check_parts(&s, "", up, 2, 1000);
	obj_end(s.o);
	strike(&s);

	set(&s, 200, "", 1000, "Range: bytes=500-509,0-9\n");
	obj_forget(s.o);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	append(s.o, 0, 1000);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_DONE);
	buf_str(&s.g.out);
	ck_assert_int_eq(strncmp(s.g.out.p, "HTTP/1.1 200 Fine\r\n", 19), 0);
	ck_assert_uint_eq(strlen(body_of(&s)), 1000);
	obj_end(s.o);
	strike(&s);
}
END_TEST

/* Back while it fills, because the store keeps its beginning; the first range is not there yet. */
START_TEST(several_ranges_while_the_store_fills)
{
	static const uint64_t down[][2] = { { 90000, 90009 }, { 10, 19 } };
	struct scene s;

	set(&s, 200, "", 100000, "Range: bytes=90000-90009,10-19\n");
	obj_link(s.o);
	append(s.o, 0, 50000);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	append(s.o, 50000, 45000);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_DONE);
	buf_str(&s.g.out);
	check_parts(&s, "", down, 2, 100000);
	obj_fail(s.o);
	obj_unlink(s.o);
	strike(&s);
}
END_TEST

START_TEST(a_broken_body_cuts_a_range)
{
	struct scene s;

	set(&s, 200, "", 1000, "Range: bytes=500-509\n");
	append(s.o, 0, 505);
	ck_assert_int_eq(start(&s), DELIVER_MORE);
	obj_fail(s.o);
	ck_assert_int_eq(deliver_more(&s.d), DELIVER_CUT);
	strike(&s);
}
END_TEST

static Suite *
deliver_suite(void)
{
	Suite *s = suite_create("deliver");
	TCase *tc = tcase_create("answers"), *filling = tcase_create("filling");

	tcase_add_loop_test(tc, answers_to_requests, 0, (int)(sizeof answers / sizeof answers[0]));
	tcase_add_test(tc, no_range_satisfiable);
	tcase_add_test(tc, several_ranges);
	tcase_add_test(tc, boundaries_differ);
	tcase_add_test(tc, several_large_ranges_to_a_slow_client);
	suite_add_tcase(s, tc);
	tcase_add_test(filling, a_range_while_it_fills);
	tcase_add_test(filling, lets_go_before_the_last_byte_has_left);
	tcase_add_test(filling, a_stuck_range_is_cut);
	tcase_add_test(filling, not_modified_needs_no_body);
	tcase_add_test(filling, head_needs_no_body);
	tcase_add_test(filling, length_unknown);
	tcase_add_test(filling, several_ranges_of_a_window);
	tcase_add_test(filling, several_ranges_while_the_store_fills);
	tcase_add_test(filling, a_broken_body_cuts_a_range);
	suite_add_tcase(s, filling);
	return s;
}

UNIT_MAIN(deliver_suite)
