/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/fetch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "base/contract.h"

#include "upstream/pool.h"
#include "upstream/resolve.h"

#include "tests/unit/upstream/origin.h"

#define GOOD	"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
#define MSEC	USEC_PER_MSEC

/* Results of an ask besides enum fetch_error. */
#define PENDING	-2
#define WHOLE	-1

/* A worker driven by the test's own thread, and an upstream. */
struct bench {
	struct worker		*w;
	struct resolver		*r;
	struct conf_upstream	 u;
	struct conf_server	 server[2];	/* of u; the second one only if asked for */
	struct origin		*o;
};

/* One fetch and what came of it. */
struct ask {
	struct bench		*b;
	struct fetch		*f;
	int			 result;
	const char		*why;
	const char		*server;	/* of a failure */
	usec_t			 retry_after;
	int			 status;
	uint64_t		 length;
	unsigned		 sent;
	unsigned		 heads;
	unsigned		 interims;
	struct buf		 interim;	/* status and fields of those */
	unsigned		 rooms;
	unsigned		 bodies;	/* calls of ops->body */
	size_t			 largest;
	size_t			 got;
	struct buf		 body;
	bool			 drop;		/* count the body only */
	bool			 pause;		/* ops->body says no each time */
	bool			 paused;
	const char		*cancel_in;	/* the op that cancels */
};

static uint64_t
stat_of(struct bench *b, enum stat_id s)
{
	return atomic_load(&worker_stats(b->w)->v[s]);
}

static bool
cancel_here(struct ask *a, const char *op)
{
	if (a->cancel_in == NULL || strcmp(a->cancel_in, op) != 0)
		return false;
	fetch_cancel(a->f);
	a->f = NULL;
	return true;
}

static void
ask_sent(void *arg)
{
	struct ask *a = arg;

	a->sent++;
	cancel_here(a, "sent");
}

static void
ask_head(void *arg, struct head *h)
{
	struct ask *a = arg;

	a->heads++;
	a->status = h->status;
	a->length = h->length;
	head_fini(h);
	cancel_here(a, "head");
}

static void
ask_interim(void *arg, struct head *h)
{
	struct ask *a = arg;

	ck_assert_uint_eq(a->heads, 0);
	a->interims++;
	buf_addf(&a->interim, "%d ", h->status);
	hdr_emit(h, &a->interim);
	head_fini(h);
	cancel_here(a, "interim");
}

static bool
ask_body(void *arg, const char *p, size_t n)
{
	struct ask *a = arg;

	ck_assert(!a->paused);
	a->bodies++;
	a->got += n;
	if (n > a->largest)
		a->largest = n;
	if (!a->drop)
		buf_add(&a->body, p, n);
	if (cancel_here(a, "body"))
		return false;
	a->paused = a->pause;
	return !a->pause;
}

static void
ask_end(void *arg)
{
	struct ask *a = arg;

	ck_assert_int_eq(a->result, PENDING);
	a->result = WHOLE;
	a->f = NULL;
}

static void
ask_fail(void *arg, const struct fetch_failure *failure)
{
	struct ask *a = arg;

	ck_assert_int_eq(a->result, PENDING);
	ck_assert_ptr_nonnull(failure->why);
	a->result = (int)failure->error;
	a->why = failure->why;
	a->server = failure->server;
	a->retry_after = failure->retry_after;
	a->f = NULL;
}

static void
ask_room(void *arg)
{
	struct ask *a = arg;

	a->rooms++;
}

static const struct fetch_ops ask_ops = {
	.sent = ask_sent,
	.head = ask_head,
	.body = ask_body,
	.end = ask_end,
	.fail = ask_fail,
	.interim = ask_interim,
	.room = ask_room,
};

static const struct fetch_request get = {
	.head = SLICE_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), .idempotent = true,
};
static const struct fetch_request head = {
	.head = SLICE_INIT("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), .idempotent = true,
	.to_head = true,
};
static const struct fetch_request post = {
	.head = SLICE_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
};
static const struct fetch_request upload = {
	.head = SLICE_INIT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
	.has_body = true, .chunked = true,
};

static void
upstream_defaults(struct conf_upstream *u, struct conf_server server[2], uint16_t port)
{
	static char host[] = "127.0.0.1", one[] = "http://one", two[] = "http://two";

	server[0] = (struct conf_server){ .url = one, .host = host, .port = port, .weight = 1 };
	server[1] = (struct conf_server){ .url = two, .host = host, .port = port, .weight = 1 };
	*u = (struct conf_upstream){ .servers = server, .nservers = 1 };
	u->retry_budget = 1;
	u->max_connections = 64;
	u->queue_length = 1024;
	u->queue_timeout = u->connect_timeout = u->first_byte_timeout = u->idle_timeout =
	    20 * USEC_PER_SEC;
	u->total_timeout = USEC_NEVER;
	u->keepalive_connections = 64;
	u->keepalive_idle = 20 * USEC_PER_SEC;
}

static void
bench_open(struct bench *b, origin_fn *serve, void *arg)
{
	signal(SIGPIPE, SIG_IGN);
	*b = (struct bench){ 0 };
	b->o = origin_start(serve, arg);
	b->w = worker_new(0, NULL);
	ck_assert_ptr_nonnull(b->w);
	b->r = resolver_new(b->w);
	ck_assert_ptr_nonnull(b->r);
	upstream_defaults(&b->u, b->server, b->o->port);
	b->u.runtime = pool_new(&b->u, clock_mono());
}

/* After a change of b->u. */
static void
bench_configure(struct bench *b)
{
	pool_configure(b->u.runtime, &b->u, clock_mono());
}

static void
bench_new_pool(struct bench *b)
{
	pool_unref(b->u.runtime);
	b->u.runtime = pool_new(&b->u, clock_mono());
}

static void
bench_close(struct bench *b)
{
	pool_unref(b->u.runtime);
	resolver_free(b->r);
	worker_free(b->w);
	origin_stop(b->o);
}

static void
ask_start(struct ask *a, struct bench *b, const struct fetch_request *req)
{
	*a = (struct ask){ .b = b, .result = PENDING };
	a->f = fetch_start(b->w, b->r, &b->u, req, &ask_ops, a);
	ck_assert_int_eq(a->result, PENDING);
	ck_assert_uint_eq(a->sent, 0);
}

static void
turn(struct bench *b)
{
	event_base_loop(worker_base(b->w), EVLOOP_ONCE);
}

/* Whatever is due now. */
static void
settle(struct bench *b)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(worker_base(b->w), EVLOOP_NONBLOCK);
}

static void
ask_wait(struct ask *a)
{
	while (a->result == PENDING && a->f != NULL)
		turn(a->b);
}

static void
ask_fini(struct ask *a)
{
	if (a->f != NULL)
		fetch_cancel(a->f);
	buf_fini(&a->interim);
	buf_fini(&a->body);
}

/* The upstream works: a fresh request gets the right answer. */
static void
check_good(struct bench *b)
{
	struct ask a;

	ask_start(&a, b, &get);
	ask_wait(&a);
	ck_assert_msg(a.result == WHOLE && a.status == 200 &&
	    slice_eq(buf_slice(&a.body), SLICE("good")), "not good: %d %s '%.*s'", a.result,
	    a.why ? a.why : "", SLICE_FMT(buf_slice(&a.body)));
	ask_fini(&a);
}

static struct pool_figures
figures_of(struct bench *b)
{
	struct pool_figures f;

	pool_figures(b->u.runtime, &f, clock_mono());
	return f;
}

static unsigned
idle_of(struct bench *b)
{
	return figures_of(b).idle;
}

static unsigned
open_of(struct bench *b)
{
	return figures_of(b).open;
}

/* How many times were counted of this. */
static uint64_t
times_of(struct bench *b, enum histo_id h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HISTO_BUCKETS; i++)
		n += atomic_load(&worker_stats(b->w)->h[h][i]);
	return n;
}

/* A table of answers. */

struct answer {
	const char	*name;
	const char	*say;
	int		 result;
	int		 status;	/* of the head that ops->head saw; 0: none */
	const char	*body;
	bool		 reused;	/* the next request goes over the same connection */
	bool		 close;		/* the origin closes after it */
	bool		 reset;		/* with a reset */
	bool		 to_head;
	bool		 extra;		/* says more than the answer */
	const char	*interim;	/* what ops->interim saw */
	size_t		 n;		/* of say, if it holds NULs or is cut; 0: strlen */
};

#define OK	"HTTP/1.1 200 OK\r\n"
#define CHUNKED	OK "Transfer-Encoding: chunked\r\n\r\n"
#define BAD	.result = FETCH_MALFORMED
#define CUT	.result = FETCH_TRUNCATED
#define FINE	.result = WHOLE, .status = 200

static const struct answer answers[] = {
	/* good ones */
	{ "length", OK "Content-Length: 5\r\n\r\nhello", FINE, .body = "hello", .reused = true },
	{ "length 0", OK "Content-Length: 0\r\n\r\n", FINE, .body = "", .reused = true },
	{ "chunked", CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", FINE, .body = "hello world",
	    .reused = true },
	{ "chunked, three pieces", CHUNKED "1\r\na\r\n2;x=y\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n",
	    FINE, .body = "abcdef", .reused = true },
	{ "chunked, trailers are dropped", CHUNKED "1\r\na\r\n0\r\nX: y\r\n\r\n", FINE, .body = "a",
	    .reused = true },
	{ "chunked, empty", CHUNKED "0\r\n\r\n", FINE, .body = "", .reused = true },
	{ "until close", OK "\r\nhello", FINE, .body = "hello", .close = true },
	{ "until close, keep-alive claimed", OK "Connection: keep-alive\r\n\r\nhello", FINE,
	    .body = "hello", .close = true },
	{ "until close, an unknown coding", OK "Transfer-Encoding: foo\r\n\r\nhello", FINE,
	    .body = "hello", .close = true },
	{ "until close, what looks like chunks", OK "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	    FINE, .body = "0\r\n\r\n", .close = true },
	{ "until close, empty", OK "\r\n", FINE, .body = "", .close = true },
	{ "Connection: close", OK "Connection: close\r\nContent-Length: 5\r\n\r\nhello", FINE,
	    .body = "hello" },
	{ "Connection: foo, close", OK "Connection: foo, close\r\nContent-Length: 5\r\n\r\nhello",
	    FINE, .body = "hello" },
	{ "1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", FINE, .body = "hello" },
	{ "1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n"
	    "hello", FINE, .body = "hello", .reused = true },
	{ "204", "HTTP/1.1 204 No Content\r\n\r\n", .result = WHOLE, .status = 204, .body = "",
	    .reused = true },
	{ "304", "HTTP/1.1 304 Not Modified\r\n\r\n", .result = WHOLE, .status = 304, .body = "",
	    .reused = true },
	/* a body that should not come, but might: not on this connection */
	{ "304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
	    .result = WHOLE, .status = 304, .body = "" },
	{ "304 with a length, to HEAD", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
	    .result = WHOLE, .status = 304, .body = "", .to_head = true, .reused = true },
	{ "204 with an empty one", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
	    .result = WHOLE, .status = 204, .body = "", .reused = true },
	{ "204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
	    .result = WHOLE, .status = 204, .body = "" },
	{ "404", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", .result = WHOLE,
	    .status = 404, .body = "no", .reused = true },
	{ "no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", FINE, .body = "",
	    .reused = true },
	{ "HEAD with a length", OK "Content-Length: 5\r\n\r\n", FINE, .body = "", .to_head = true,
	    .reused = true },
	{ "HEAD chunked", CHUNKED, FINE, .body = "", .to_head = true, .reused = true },
	{ "HEAD without framing", OK "\r\n", FINE, .body = "", .to_head = true, .reused = true },
	/* 1xx (9110 15.2) */
	{ "100 then 200", "HTTP/1.1 100 Continue\r\n\r\n" GOOD, FINE, .body = "good",
	    .reused = true },
	{ "103 with fields", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" GOOD, FINE,
	    .body = "good", .reused = true, .interim = "103 Link: </x>\r\n" },
	{ "103 with a length has no body", "HTTP/1.1 103 Early Hints\r\nContent-Length: 99\r\n\r\n"
	    GOOD, FINE, .body = "good", .reused = true, .interim = "103 " },
	{ "102, 100, 103", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nConnection: x\r\nX: y\r\nLink: </x>\r\n\r\n" GOOD, FINE,
	    .body = "good", .reused = true, .interim = "102 103 Link: </x>\r\n" },
	{ "103, then rubbish", "HTTP/1.1 103 Early Hints\r\n\r\nrubbish\r\n", BAD,
	    .interim = "103 " },
	{ "103, then closed", "HTTP/1.1 103 Early Hints\r\n\r\n", CUT, .close = true,
	    .interim = "103 " },
	{ "101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", BAD },
	{ "100, then closed", "HTTP/1.1 100 Continue\r\n\r\n", CUT, .close = true },
	/* more bytes than the answer */
	{ "bytes past the length", OK "Content-Length: 5\r\n\r\nhelloX", FINE, .body = "hello",
	    .extra = true },
	{ "an answer past the length", OK "Content-Length: 5\r\n\r\nhello" OK
	    "Content-Length: 4\r\n\r\nevil", FINE, .body = "hello", .extra = true },
	{ "bytes past the last chunk", CHUNKED "1\r\na\r\n0\r\n\r\n" OK
	    "Content-Length: 4\r\n\r\nevil", FINE, .body = "a", .extra = true },
	{ "204 with a body", "HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nevil", .result = WHOLE,
	    .status = 204, .body = "", .extra = true },
	{ "304 with a body", "HTTP/1.1 304 No\r\nContent-Length: 4\r\n\r\nevil", .result = WHOLE,
	    .status = 304, .body = "", .extra = true },
	{ "HEAD with a body", OK "Content-Length: 4\r\n\r\nevil", FINE, .body = "", .to_head = true,
	    .extra = true },
	/* framing (9112 6) */
	{ "two lengths", OK "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello", BAD },
	{ "two equal lengths", OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", BAD },
	{ "a list of lengths", OK "Content-Length: 5, 5\r\n\r\nhello", BAD },
	{ "length and chunked", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n", BAD },
	{ "length +5", OK "Content-Length: +5\r\n\r\nhello", BAD },
	{ "length -5", OK "Content-Length: -5\r\n\r\nhello", BAD },
	{ "length 0x5", OK "Content-Length: 0x5\r\n\r\nhello", BAD },
	{ "length empty", OK "Content-Length:\r\n\r\nhello", BAD },
	{ "length past 64 bits", OK "Content-Length: 99999999999999999999\r\n\r\nhello", BAD },
	{ "gzip, chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", BAD },
	{ "chunked twice", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n", BAD },
	{ "chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD },
	/* chunks (9112 7.1) */
	{ "chunk size 0x5", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", BAD, .status = 200 },
	{ "chunk size +5", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", BAD, .status = 200 },
	{ "chunk size -5", CHUNKED "-5\r\nhello\r\n0\r\n\r\n", BAD, .status = 200 },
	{ "chunk size empty", CHUNKED "\r\nhello\r\n0\r\n\r\n", BAD, .status = 200 },
	{ "chunk size past 64 bits", CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", BAD,
	    .status = 200 },
	{ "chunk size, bare LF", CHUNKED "5\nhello\r\n0\r\n\r\n", BAD, .status = 200 },
	{ "no CRLF after the chunk", CHUNKED "5\r\nhelloXX0\r\n\r\n", BAD, .status = 200 },
	{ "junk after a good chunk", CHUNKED "5\r\nhello\r\nzz\r\n", BAD, .status = 200,
	    .body = "hello" },
	/* start line and fields (9112 4, 5) */
	{ "not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", BAD },
	{ "HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "status 2000", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "status -5", "HTTP/1.1 -5 OK\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "status 20", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "status 000", "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "status 099", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", BAD },
	{ "NUL in a value", OK "X: a\0b\r\nContent-Length: 0\r\n\r\n", BAD,
	    .n = sizeof(OK "X: a\0b\r\nContent-Length: 0\r\n\r\n") - 1 },
	{ "a line that begins with NUL", OK "\0X: a\r\n\r\n", BAD,
	    .n = sizeof(OK "\0X: a\r\n\r\n") - 1 },
	{ "bare CR in a value", OK "X: a\rb\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "obs-fold", OK "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", BAD },
	{ "a space before the colon", OK "Content-Length : 0\r\n\r\n", BAD },
	{ "no colon", OK "Content-Length\r\n\r\n", BAD },
	{ "empty name", OK ": x\r\n\r\n", BAD },
	{ "a space before the first field", OK " X: y\r\n\r\n", BAD },
	/* ends too early (9112 8) */
	{ "closed before a byte", "", .result = FETCH_CLOSED, .close = true },
	{ "reset before a byte", "", .result = FETCH_CLOSED, .close = true, .reset = true },
	{ "closed in the head", "HTTP/1.1 200 OK\r\nContent-Le", CUT, .close = true },
	{ "closed in the body", OK "Content-Length: 5\r\n\r\nhel", CUT, .status = 200,
	    .body = "hel", .close = true },
	{ "closed in a chunk", CHUNKED "5\r\nhel", CUT, .status = 200, .body = "hel",
	    .close = true },
	{ "closed before the last chunk", CHUNKED "5\r\nhello\r\n", CUT, .status = 200,
	    .body = "hello", .close = true },
	{ "closed before the empty line of the trailers", CHUNKED "5\r\nhello\r\n0\r\n", CUT,
	    .status = 200, .body = "hello", .close = true },
	{ "reset within until close", OK "\r\nhello", CUT, .status = 200, .close = true,
	    .reset = true },
};

struct canned {
	_Atomic bool		 bytewise;
	const struct answer	*_Atomic a;
	_Atomic unsigned	 resets_allowed;	/* the client has read what was said */
};

/* The first request of a canned answer gets it, others on the same connection get GOOD. */
static void
serve_canned(struct origin *o, int fd, unsigned nth)
{
	struct canned *c = o->arg;
	const struct answer *a = NULL;
	size_t n;

	(void)nth;
	while (origin_read_head(o, fd)) {
		a = atomic_exchange(&c->a, NULL);
		if (a == NULL) {
			origin_say(fd, GOOD);
			continue;
		}
		n = a->n > 0 ? a->n : strlen(a->say);
		for (size_t i = 0; c->bytewise && i < n; i++)
			origin_send(fd, a->say + i, 1);
		if (!c->bytewise)
			origin_send(fd, a->say, n);
		if (!a->close)
			continue;
		if (a->reset) {
			while (n > 0 && c->resets_allowed == 0)
				sched_yield();
			origin_reset_on_close(fd);
		}
		return;
	}
}

static void
check_answer(struct bench *b, struct canned *c, const struct answer *row)
{
	unsigned conns;
	struct ask a;

	bench_new_pool(b);
	c->resets_allowed = 0;
	c->a = row;
	conns = b->o->conns;
	ask_start(&a, b, row->to_head ? &head : &get);
	while (a.result == PENDING) {
		turn(b);
		if (a.heads > 0 && (a.got > 0 || row->body == NULL))
			c->resets_allowed = 1;
	}
	ck_assert_msg(a.result == row->result && a.status == row->status,
	    "%s: result %d (%s), status %d", row->name, a.result, a.why ? a.why : "", a.status);
	ck_assert_msg(row->body == NULL || slice_eq(buf_slice(&a.body), slice_str(row->body)),
	    "%s: body '%.*s'", row->name, SLICE_FMT(buf_slice(&a.body)));
	if (row->interim != NULL)
		ck_assert_msg(slice_eq(buf_slice(&a.interim), slice_str(row->interim)),
		    "%s: interim '%.*s'", row->name, SLICE_FMT(buf_slice(&a.interim)));
	ck_assert_msg(idle_of(b) == (row->reused ? 1 : 0), "%s: %u idle", row->name, idle_of(b));
	ask_fini(&a);
	check_good(b);
	ck_assert_msg(b->o->conns == conns + (row->reused ? 1 : 2), "%s: %u connections", row->name,
	    b->o->conns - conns);
}

START_TEST(each_answer_of_the_table)
{
	struct canned c = { 0 };
	struct bench b;

	c.bytewise = _i == 1;
	bench_open(&b, serve_canned, &c);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		/* Bytes that come later than the end are the idle connection's concern. */
		if (!answers[i].extra || !c.bytewise)
			check_answer(&b, &c, &answers[i]);
	bench_close(&b);
}
END_TEST

START_TEST(a_good_answer_cut_anywhere)
{
	static const char *const whole[] = {
		OK "X: y\r\nContent-Length: 5\r\n\r\nhello",
		CHUNKED "5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
	};
	struct canned c = { 0 };
	struct bench b;

	bench_open(&b, serve_canned, &c);
	for (size_t k = 0; k < 3; k++)
		for (size_t n = 1; n < strlen(whole[k]); n++) {
			const char *end = strstr(whole[k], k == 2 ? "\r\n\r\nx" : "\r\n\r\n");
			size_t first = (size_t)(end - whole[k]);
			struct answer row = { "cut", whole[k], CUT, .close = true, .n = n,
			    .status = n >= first + 4 ? 200 : 0 };

			check_answer(&b, &c, &row);
		}
	bench_close(&b);
}
END_TEST

START_TEST(heads_have_limits)
{
	struct canned c = { 0 };
	struct buf many = { 0 }, large = { 0 }, interim = { 0 }, fits = { 0 };
	struct bench b;

	bench_open(&b, serve_canned, &c);
	buf_add_str(&many, OK);
	for (int i = 0; i < 2000; i++)
		buf_add_str(&many, "X: y\r\n");
	buf_add_str(&many, "\r\n");
	check_answer(&b, &c, &(struct answer){ "2000 fields", buf_str(&many), BAD });
	/* Endless: no line end, no empty line. */
	buf_add_str(&large, OK "X: ");
	buf_reserve(&large, 300000);
	memset(large.p + large.n, 'x', 300000);
	large.n += 300000;
	check_answer(&b, &c, &(struct answer){ "endless value", buf_str(&large), BAD });
	for (int i = 0; i < 17; i++)
		buf_add_str(&interim, "HTTP/1.1 103 Early Hints\r\n\r\n");
	buf_add_str(&interim, GOOD);
	check_answer(&b, &c, &(struct answer){ "17 interim", buf_str(&interim), BAD });
	check_answer(&b, &c, &(struct answer){ "16 interim", strstr(interim.p + 5, "HTTP"), FINE,
	    .body = "good", .reused = true });
	buf_add_str(&fits, OK "Content-Length: 0\r\n");
	for (int i = 0; i < 199; i++)
		buf_addf(&fits, "X%d: %0300d\r\n", i, i);
	buf_add_str(&fits, "\r\n");
	check_answer(&b, &c, &(struct answer){ "200 fields, 60 KiB", buf_str(&fits), FINE,
	    .body = "", .reused = true });
	bench_close(&b);
	buf_fini(&many);
	buf_fini(&large);
	buf_fini(&interim);
	buf_fini(&fits);
}
END_TEST

/* Reuse and retries. */

/* Serves arg requests on each connection, then closes without an answer to the next one. */
static void
serve_then_hang_up(struct origin *o, int fd, unsigned nth)
{
	const unsigned *each = o->arg;

	(void)nth;
	for (unsigned i = 0; i < *each && origin_read_head(o, fd); i++)
		origin_say(fd, GOOD);
	origin_read_head(o, fd);
	origin_reset_on_close(fd);
}

START_TEST(a_stale_connection_costs_nothing)
{
	unsigned each = 1;
	struct bench b;

	bench_open(&b, serve_then_hang_up, &each);
	check_good(&b);
	ck_assert_uint_eq(idle_of(&b), 1);
	/* It hangs up on reading the second request: the retry is sent over a new connection. */
	check_good(&b);
	ck_assert_uint_eq(b.o->conns, 2);
	ck_assert_uint_eq(b.o->requests, 3);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_fetches), 2);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 0);
	bench_close(&b);
}
END_TEST

START_TEST(what_cannot_be_repeated_is_not)
{
	unsigned each = 1;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_then_hang_up, &each);
	b.u.retries = 5;
	check_good(&b);
	ask_start(&a, &b, &post);
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_CLOSED);
	ck_assert_uint_eq(a.sent, 1);
	ck_assert_uint_eq(b.o->requests, 2);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 0);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 1);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(a_fresh_connection_is_retried_as_often_as_configured)
{
	unsigned each = 0;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_then_hang_up, &each);
	b.u.retries = 3;
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_CLOSED);
	ck_assert_uint_eq(a.sent, 4);
	ck_assert_uint_eq(b.o->requests, 4);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_fetches), 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 3);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 4);
	ck_assert_uint_eq(open_of(&b), 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* Answers, and sends something more when told to. */
static void
serve_and_babble(struct origin *o, int fd, unsigned nth)
{
	_Atomic int *babble = o->arg;

	while (origin_read_head(o, fd)) {
		origin_say(fd, GOOD);
		if (nth > 0)
			continue;
		while (*babble == 0)
			sched_yield();
		origin_say(fd, OK "Content-Length: 4\r\n\r\nevil");
		*babble = 2;
	}
}

START_TEST(an_idle_connection_that_speaks_is_not_reused)
{
	_Atomic int babble = 0;
	struct bench b;

	bench_open(&b, serve_and_babble, &babble);
	check_good(&b);
	ck_assert_uint_eq(idle_of(&b), 1);
	babble = 1;
	while (babble != 2)
		sched_yield();
	check_good(&b);
	ck_assert_uint_eq(b.o->conns, 2);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 0);
	bench_close(&b);
}
END_TEST

static uint16_t
closed_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

START_TEST(refused)
{
	unsigned each = 0;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_then_hang_up, &each);
	b.server[0].port = closed_port();
	b.u.retries = 2;
	bench_new_pool(&b);
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_CONNECT);
	ck_assert_str_eq(a.why, "connection refused");
	ck_assert_str_eq(a.server, "http://one");
	ck_assert_uint_eq(a.sent, 0);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_fetches), 0);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 2);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 3);
	ck_assert_uint_eq(open_of(&b), 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(a_name_is_resolved)
{
	static char host[] = "localhost";
	struct canned c = { 0 };
	struct bench b;

	bench_open(&b, serve_canned, &c);
	b.server[0].host = host;
	bench_new_pool(&b);
	check_good(&b);
	bench_close(&b);
}
END_TEST

/* Deadlines. */

static void
serve_silence(struct origin *o, int fd, unsigned nth)
{
	const char *say = o->arg;

	(void)nth;
	if (!origin_read_head(o, fd))
		return;
	origin_say(fd, say);
	origin_wait_close(fd);
}

START_TEST(silence_has_an_end)
{
	static const struct {
		const char		*say;
		usec_t			 first_byte, idle, total;
		int			 result;
	} rows[] = {
		{ "", 40 * MSEC, 9 * USEC_PER_SEC, USEC_NEVER, FETCH_FIRST_BYTE_TIMEOUT },
		{ "HTTP/1.1 100 Continue\r\n\r\n", 40 * MSEC, 9 * USEC_PER_SEC, USEC_NEVER,
		    FETCH_FIRST_BYTE_TIMEOUT },
		{ "HTTP/1.1 103 Early Hints\r\n\r\n", 40 * MSEC, 9 * USEC_PER_SEC, USEC_NEVER,
		    FETCH_FIRST_BYTE_TIMEOUT },
		{ "HTTP/1.1 200", 9 * USEC_PER_SEC, 40 * MSEC, USEC_NEVER, FETCH_IDLE_TIMEOUT },
		{ OK "\r\nxx", 9 * USEC_PER_SEC, 40 * MSEC, USEC_NEVER, FETCH_IDLE_TIMEOUT },
		{ OK "\r\nxx", 9 * USEC_PER_SEC, 9 * USEC_PER_SEC, 40 * MSEC, FETCH_TOTAL_TIMEOUT },
	};
	const char *say = rows[_i].say;
	struct bench b;
	struct ask a;
	usec_t began;

	bench_open(&b, serve_silence, (void *)(uintptr_t)say);
	b.u.first_byte_timeout = rows[_i].first_byte;
	b.u.idle_timeout = rows[_i].idle;
	b.u.total_timeout = rows[_i].total;
	b.u.retries = 3;
	began = clock_mono();
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, rows[_i].result);
	ck_assert_int_ge(clock_mono() - began, 40 * MSEC);
	ck_assert_uint_eq(b.o->requests, 1);
	ck_assert_uint_eq(open_of(&b), 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* A dribbled head: each byte is in time, the head is not. */
static void
serve_dribble(struct origin *o, int fd, unsigned nth)
{
	struct timespec ts = { 0, 5000000 };

	(void)nth;
	if (!origin_read_head(o, fd))
		return;
	origin_say(fd, OK "X: ");
	while (origin_say(fd, "x"))
		nanosleep(&ts, NULL);
}

START_TEST(a_dribbled_head_has_an_end)
{
	struct bench b;
	struct ask a;

	bench_open(&b, serve_dribble, NULL);
	b.u.first_byte_timeout = 100 * MSEC;
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_FIRST_BYTE_TIMEOUT);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* The queue. */

START_TEST(the_queue_has_a_length_and_a_timeout)
{
	struct bench b;
	struct ask first, second, third;

	bench_open(&b, serve_silence, (void *)(uintptr_t)"");
	b.u.max_connections = 1;
	b.u.queue_length = 1;
	b.u.queue_timeout = 50 * MSEC;
	bench_configure(&b);
	ask_start(&first, &b, &get);
	ask_start(&second, &b, &get);
	ask_start(&third, &b, &get);
	ask_wait(&third);
	ck_assert_int_eq(third.result, FETCH_QUEUE_FULL);
	ck_assert_int_eq(second.result, PENDING);
	ask_wait(&second);
	ck_assert_int_eq(second.result, FETCH_QUEUE_TIMEOUT);
	ck_assert_int_ge(second.retry_after, USEC_PER_SEC);
	ck_assert_int_ge(third.retry_after, USEC_PER_SEC);
	ck_assert_uint_eq(second.sent, 0);
	ck_assert_int_eq(first.result, PENDING);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 0);
	/* The next one waits, and gets the place of the first. */
	ask_start(&third, &b, &get);
	while (b.o->requests < 1)
		turn(&b);
	ask_fini(&first);
	while (b.o->requests < 2)
		turn(&b);
	ck_assert_uint_eq(b.o->peak, 1);
	ask_fini(&third);
	bench_close(&b);
}
END_TEST

START_TEST(no_descriptor_left)
{
	struct canned c = { 0 };
	struct rlimit old, low;
	int fd;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_canned, &c);
	settle(&b);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = dup(STDERR_FILENO);	/* the lowest one that is free */
	close(fd);
	low = old;
	low.rlim_cur = (rlim_t)fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(a.result, FETCH_RESOURCES);
	ck_assert_int_eq(fetch_error_status(FETCH_RESOURCES), 503);
	ask_fini(&a);
	check_good(&b);
	bench_close(&b);
}
END_TEST

/* Cancelling. */

START_TEST(cancel_before_the_loop_runs)
{
	struct canned c = { 0 };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_canned, &c);
	ask_start(&a, &b, &get);
	ask_fini(&a);
	settle(&b);
	ck_assert_int_eq(a.result, PENDING);
	ck_assert_uint_eq(a.sent, 0);
	check_good(&b);
	/* With an idle connection in its hand, it goes back. */
	ask_start(&a, &b, &get);
	ck_assert_uint_eq(idle_of(&b), 0);
	ask_fini(&a);
	ck_assert_uint_eq(idle_of(&b), 1);
	check_good(&b);
	ck_assert_uint_eq(b.o->conns, 1);
	bench_close(&b);
}
END_TEST

/* After any number of turns of the loop. */
START_TEST(cancel_after_each_turn)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "name.invalid" };
	const char *half = OK "Content-Length: 9\r\n\r\nhell";
	struct bench b;
	struct ask a;

	bench_open(&b, serve_silence, (void *)(uintptr_t)half);
	b.server[0].host = (char *)(uintptr_t)hosts[_i];
	bench_new_pool(&b);
	for (int turns = 0; turns < 12; turns++) {
		ask_start(&a, &b, &get);
		for (int i = 0; i < turns && a.f != NULL; i++)
			event_base_loop(worker_base(b.w), EVLOOP_NONBLOCK | EVLOOP_ONCE);
		ask_fini(&a);
		ck_assert_uint_eq(open_of(&b), 0);
	}
	settle(&b);
	bench_close(&b);
}
END_TEST

START_TEST(cancel_in_an_op)
{
	static const char *const ops[] = { "sent", "head", "body" };
	struct canned c = { 0 };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_canned, &c);
	ask_start(&a, &b, &get);
	a.cancel_in = ops[_i];
	ask_wait(&a);
	settle(&b);
	ck_assert_ptr_null(a.f);
	ck_assert_int_eq(a.result, PENDING);
	ck_assert_uint_eq(open_of(&b), 0);
	ck_assert_uint_eq(a.heads, _i > 0 ? 1 : 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* Those that the op has not seen yet are never given. */
START_TEST(cancel_in_the_first_interim)
{
	static const struct answer hints = { .say = "HTTP/1.1 103 Early Hints\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\n\r\n" GOOD };
	struct canned c = { 0 };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_canned, &c);
	c.a = &hints;
	ask_start(&a, &b, &get);
	a.cancel_in = "interim";
	ask_wait(&a);
	settle(&b);
	ck_assert_ptr_null(a.f);
	ck_assert_int_eq(a.result, PENDING);
	ck_assert_uint_eq(a.interims, 1);
	ck_assert_uint_eq(a.heads, 0);
	ck_assert_uint_eq(open_of(&b), 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(interim_answers_nobody_wants_are_dropped)
{
	static const struct answer hint = { .say = "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" GOOD };
	struct fetch_ops deaf = ask_ops;
	struct canned c = { 0 };
	struct bench b;
	struct ask a = { .b = &b, .result = PENDING };

	deaf.interim = NULL;
	bench_open(&b, serve_canned, &c);
	c.a = &hint;
	a.f = fetch_start(b.w, b.r, &b.u, &get, &deaf, &a);
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert(slice_eq(buf_slice(&a.body), SLICE("good")));
	ck_assert_uint_eq(a.interims, 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(cancel_in_the_queue)
{
	struct bench b;
	struct ask a, q;

	bench_open(&b, serve_silence, (void *)(uintptr_t)"");
	b.u.max_connections = 1;
	bench_configure(&b);
	ask_start(&a, &b, &get);
	ask_start(&q, &b, &get);
	ask_fini(&q);
	/* And with the place on its way. */
	ask_start(&q, &b, &get);
	ask_fini(&a);
	ask_fini(&q);
	settle(&b);
	ck_assert_int_eq(q.result, PENDING);
	ck_assert_uint_eq(open_of(&b), 0);
	bench_close(&b);
}
END_TEST

/* Streams. */

#define BIG	((size_t)32 << 20)

struct flood {
	_Atomic size_t	taken;		/* by the kernel */
	bool		chunked;
};

static void
serve_flood(struct origin *o, int fd, unsigned nth)
{
	static const char piece[65536];
	struct flood *fl = o->arg;
	char line[64];

	(void)nth;
	while (origin_read_head(o, fd)) {
		fl->taken = 0;
		snprintf(line, sizeof line, OK "Content-Length: %zu\r\n\r\n", BIG);
		origin_say(fd, fl->chunked ? CHUNKED : line);
		while (fl->taken < BIG) {
			ssize_t n;

			if (fl->chunked && !origin_say(fd, "10000\r\n"))
				return;
			if (fl->chunked) {
				if (!origin_send(fd, piece, sizeof piece) ||
				    !origin_say(fd, "\r\n"))
					return;
				fl->taken += sizeof piece;
				continue;
			}
			if ((n = send(fd, piece, sizeof piece, MSG_NOSIGNAL)) <= 0)
				return;
			fl->taken += (size_t)n;
		}
		if (fl->chunked)
			origin_say(fd, "0\r\n\r\n");
	}
}

START_TEST(large_bodies_come_in_large_pieces)
{
	struct flood fl = { .chunked = _i == 1 };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_flood, &fl);
	ask_start(&a, &b, &get);
	a.drop = true;
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert_uint_eq(a.got, BIG);
	ck_assert_uint_le(a.largest, 256 << 10);
	ck_assert_uint_ge(a.largest, 32 << 10);
	ck_assert_uint_eq(idle_of(&b), 1);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(back_pressure_reaches_the_origin)
{
	struct flood fl = { .chunked = _i == 1 };
	size_t bound = ((size_t)16 << 20), taken;
	struct bench b;
	struct ask a;
	int same = 0;

	bench_open(&b, serve_flood, &fl);
	b.u.idle_timeout = 150 * MSEC;
	ask_start(&a, &b, &get);
	a.drop = a.pause = true;
	while (!a.paused)
		turn(&b);
	/* Until the kernel's buffers are full; the idle timeout does not run meanwhile. */
	for (taken = 0; same < 30; same = fl.taken == taken ? same + 1 : 0) {
		struct timespec ts = { 0, 10000000 };

		taken = fl.taken;
		event_base_loop(worker_base(b.w), EVLOOP_NONBLOCK);
		nanosleep(&ts, NULL);
	}
	ck_assert_int_eq(a.result, PENDING);
	ck_assert_uint_le(a.got, 256 << 10);
	ck_assert_uint_eq(a.bodies, 1);
	ck_assert_uint_lt(taken, bound);
	/* Every piece is followed by a pause now. */
	while (a.result == PENDING) {
		if (a.paused) {
			a.paused = false;
			fetch_resume(a.f);
			fetch_resume(a.f);
		}
		turn(&b);
	}
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert_uint_eq(a.got, BIG);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(the_end_of_a_paused_answer)
{
	struct canned c = { 0 };
	static const struct answer cut = { "cut", OK "\r\nhello", .close = true };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_canned, &c);
	c.a = &cut;
	ask_start(&a, &b, &get);
	a.pause = true;
	while (!a.paused)
		turn(&b);
	settle(&b);
	ck_assert_int_eq(a.result, PENDING);
	a.paused = false;
	fetch_resume(a.f);
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ask_fini(&a);
	/* Whole already: nothing to wait for. */
	ask_start(&a, &b, &get);
	a.pause = true;
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert_uint_eq(idle_of(&b), 1);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* Uploads. */

struct sink {
	_Atomic bool	 open;		/* read on */
	_Atomic size_t	 got;		/* of the body, with its framing */
	const char	*early;		/* answer at once, then read nothing and close */
};

static void
serve_sink(struct origin *o, int fd, unsigned nth)
{
	struct sink *s = o->arg;
	char p[65536], tail[5] = { 0 };

	(void)nth;
	if (!origin_read_head(o, fd))
		return;
	if (s->early != NULL) {
		origin_say(fd, s->early);
		return;
	}
	while (!s->open)
		sched_yield();
	while (memcmp(tail, "0\r\n\r\n", 5) != 0) {
		ssize_t n = recv(fd, p, sizeof p, 0);

		if (n <= 0)
			return;
		s->got += (size_t)n;
		for (ssize_t i = n > 5 ? n - 5 : 0; i < n; i++) {
			memmove(tail, tail + 1, 4);
			tail[4] = p[i];
		}
	}
	origin_say(fd, GOOD);
	origin_wait_close(fd);
}

START_TEST(uploads_stream_with_room)
{
	static const char piece[40000];
	struct sink s = { 0 };
	unsigned pieces = 0, rooms = 0;
	struct bench b;
	struct ask a;
	size_t framing;
	bool more;

	bench_open(&b, serve_sink, &s);
	ask_start(&a, &b, &upload);
	/* Before the connection is up: no more than the mark is taken. */
	while ((more = fetch_send_body(a.f, piece, sizeof piece)))
		pieces++;
	pieces++;
	ck_assert_uint_eq(pieces, 4);
	s.open = true;
	while (pieces < 500) {
		while (a.rooms == rooms)
			turn(&b);
		rooms = a.rooms;
		do {
			more = fetch_send_body(a.f, piece, sizeof piece);
			pieces++;
		} while (more);
	}
	fetch_send_end(a.f);
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert_int_eq(a.status, 200);
	framing = pieces * (strlen("9c40\r\n") + strlen("\r\n")) + strlen("0\r\n\r\n");
	ck_assert_uint_eq(s.got, pieces * sizeof piece + framing);
	ck_assert_uint_ge(a.rooms, 10);
	ck_assert_uint_eq(idle_of(&b), 1);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* The answer comes while the body is still to be sent; then the origin is gone. */
START_TEST(an_early_answer_counts)
{
	static const char piece[65536];
	struct sink s = { .early = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno" };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_sink, &s);
	ask_start(&a, &b, &upload);
	while (a.result == PENDING) {
		if (_i == 1 && a.f != NULL)
			fetch_send_body(a.f, piece, sizeof piece);
		turn(&b);
	}
	ck_assert_msg(a.result == WHOLE && a.status == 403, "%d %s", a.result, a.why);
	ck_assert_uint_eq(open_of(&b), 0);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(a_slow_client_is_no_fault_of_the_origin)
{
	struct timespec ts = { 0, 120000000 };
	struct sink s = { .open = true };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_sink, &s);
	b.u.first_byte_timeout = 80 * MSEC;
	ask_start(&a, &b, &upload);
	for (int i = 0; i < 3; i++) {
		settle(&b);
		nanosleep(&ts, NULL);
		settle(&b);
		ck_assert_int_eq(a.result, PENDING);
		fetch_send_body(a.f, "x", 1);
	}
	fetch_send_end(a.f);
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* A body that has not begun to leave goes over to the fresh connection. */
START_TEST(an_unsent_body_survives_a_stale_connection)
{
	_Atomic int babble = 0;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_and_babble, &babble);
	check_good(&b);
	ask_start(&a, &b, &upload);
	fetch_send_body(a.f, "hello", 5);
	fetch_send_end(a.f);
	/* The idle connection is in its hands already when it turns out to be out of step. */
	babble = 1;
	while (babble != 2)
		sched_yield();
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert(slice_eq(buf_slice(&a.body), SLICE("good")));
	ck_assert_uint_eq(b.o->conns, 2);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 1);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* The second connection hangs up. */
static void
babble_then_hang_up(struct origin *o, int fd, unsigned nth)
{
	if (nth != 1)
		serve_and_babble(o, fd, nth);
	else
		(void)origin_read_head(o, fd);
}

/* What hadn't left on the kept connection was not tried by it: the retry is still to come. */
START_TEST(an_unsent_request_has_its_retries)
{
	_Atomic int babble = 0;
	struct bench b;
	struct ask a;

	bench_open(&b, babble_then_hang_up, &babble);
	b.u.retries = 1;
	check_good(&b);
	ask_start(&a, &b, &get);
	babble = 1;
	while (babble != 2)
		sched_yield();
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert_uint_eq(b.o->conns, 3);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 2);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* Several servers, breakers, budgets. */

/* A second server at that port; the first one is asked first. */
static void
bench_add_server(struct bench *b, uint16_t port)
{
	b->server[1].port = port;
	b->u.nservers = 2;
	b->u.balance = BALANCE_ROUND_ROBIN;
	bench_new_pool(b);
}

START_TEST(failing_over_before_the_first_byte)
{
	/* 0: refused, 1: closed without an answer, 2: a name without an address */
	static char nowhere[] = "name.invalid";
	unsigned none = 0;
	struct canned c = { 0 };
	struct origin *o2;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_then_hang_up, &none);
	o2 = origin_start(serve_canned, &c);
	if (_i == 0)
		b.server[0].port = closed_port();
	if (_i == 2)
		b.server[0].host = nowhere;
	b.u.retries = 1;
	bench_add_server(&b, o2->port);
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_msg(a.result == WHOLE, "%d %s", a.result, a.why ? a.why : "");
	ck_assert_uint_eq(o2->requests, 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_fetches), 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 1);
	ck_assert_uint_eq(figures_of(&b).server[0].failures, 1);
	ck_assert_uint_eq(figures_of(&b).server[1].failures, 0);
	ask_fini(&a);
	bench_close(&b);
	origin_stop(o2);
}
END_TEST

/* Answers once, and is gone when it has read the next request on that connection. */
static void
serve_then_die(struct origin *o, int fd, unsigned nth)
{
	(void)nth;
	if (!origin_read_head(o, fd))
		return;
	origin_say(fd, GOOD);
	if (origin_read_head(o, fd))
		shutdown(o->lfd, SHUT_RDWR);
	origin_reset_on_close(fd);
}

/* The free second try goes to a server that was not tried, and costs nothing. */
START_TEST(failing_over_from_a_kept_connection)
{
	struct canned c = { 0 };
	struct origin *o2;
	struct bench b;

	bench_open(&b, serve_then_die, NULL);
	o2 = origin_start(serve_canned, &c);
	b.u.retries = 0;
	bench_add_server(&b, o2->port);
	for (int i = 0; i < 3; i++)
		check_good(&b);
	ck_assert_uint_eq(b.o->requests, 2);
	ck_assert_uint_eq(o2->requests, 2);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_fetches), 3);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 0);
	bench_close(&b);
	origin_stop(o2);
}
END_TEST

/* A server whose backlog is full: a connect to it takes forever. */
struct deaf {
	int		 fd[4];
	uint16_t	 port;
};

static void
deaf_open(struct deaf *d)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof sin;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(d->fd[0], (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(d->fd[0], 0), 0);
	ck_assert_int_eq(getsockname(d->fd[0], (struct sockaddr *)&sin, &n), 0);
	d->port = ntohs(sin.sin_port);
	for (int i = 1; i < 4; i++) {
		d->fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(d->fd[i], (struct sockaddr *)&sin, sizeof sin);
	}
}

static void
deaf_close(struct deaf *d)
{
	for (int i = 0; i < 4; i++)
		close(d->fd[i]);
}

START_TEST(a_connect_timeout_is_tried_elsewhere)
{
	struct canned c = { 0 };
	struct deaf deaf;
	struct bench b;
	struct ask a;
	uint16_t port;

	bench_open(&b, serve_canned, &c);
	deaf_open(&deaf);
	port = b.o->port;
	b.server[0].port = deaf.port;
	b.u.connect_timeout = 50 * MSEC;
	b.u.retries = 5;
	if (_i == 0)
		bench_add_server(&b, port);
	else if (_i == 1)
		bench_new_pool(&b);
	else
		bench_add_server(&b, deaf.port);
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, _i == 0 ? WHOLE : FETCH_CONNECT_TIMEOUT);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), _i == 1 ? 0 : 1);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), _i == 2 ? 2 : 1);
	ck_assert_uint_eq(figures_of(&b).server[0].failures, 1);
	if (_i > 0)
		ck_assert_str_eq(a.server, _i == 1 ? "http://one" : "http://two");
	ck_assert_uint_eq(open_of(&b), _i == 0 ? 1 : 0);
	ask_fini(&a);
	bench_close(&b);
	deaf_close(&deaf);
}
END_TEST

/* Not a byte of it left, so it may go to the other server, body and all. */
START_TEST(a_post_fails_over_before_it_has_left)
{
	struct sink s = { .open = true };
	struct bench b;
	struct ask a;
	uint16_t port;

	bench_open(&b, serve_sink, &s);
	port = b.o->port;
	b.server[0].port = closed_port();
	b.u.retries = 1;
	bench_add_server(&b, port);
	ask_start(&a, &b, &upload);
	fetch_send_body(a.f, "hello", 5);
	fetch_send_end(a.f);
	ask_wait(&a);
	ck_assert_int_eq(a.result, WHOLE);
	ck_assert_uint_eq(s.got, strlen("5\r\nhello\r\n0\r\n\r\n"));
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* An answer that has begun is never asked for again, nor is one that is late. */
START_TEST(no_second_try_once_the_server_has_it)
{
	static const char *const say[] = { "HTTP/1.1 20", "" };
	struct canned c = { 0 };
	struct origin *o2;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_silence, (void *)(uintptr_t)say[_i]);
	o2 = origin_start(serve_canned, &c);
	b.u.retries = 3;
	b.u.first_byte_timeout = b.u.idle_timeout = 40 * MSEC;
	bench_add_server(&b, o2->port);
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, _i == 0 ? FETCH_IDLE_TIMEOUT : FETCH_FIRST_BYTE_TIMEOUT);
	ck_assert_str_eq(a.server, "http://one");
	ck_assert_uint_eq(o2->requests, 0);
	ck_assert_uint_eq(figures_of(&b).server[0].failures, 1);
	ask_fini(&a);
	bench_close(&b);
	origin_stop(o2);
}
END_TEST

START_TEST(retries_end_with_the_budget)
{
	unsigned none = 0;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_then_hang_up, &none);
	b.u.retries = 50;
	b.u.retry_budget = _i == 0 ? 0 : 0.001;
	bench_new_pool(&b);
	ask_start(&a, &b, &get);
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_CLOSED);
	if (_i == 0)
		ck_assert_uint_eq(a.sent, 1);
	/* Ten to begin with, and one a second. */
	ck_assert_uint_ge(a.sent, _i == 0 ? 1 : 11);
	ck_assert_uint_le(a.sent, 20);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_retries), a.sent - 1);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(a_broken_server_is_left_alone)
{
	unsigned none = 0;
	struct bench b;
	struct ask a;

	bench_open(&b, serve_then_hang_up, &none);
	b.u.breaker.failures = 3;
	b.u.breaker.pause = 100 * USEC_PER_SEC;
	bench_new_pool(&b);
	for (int i = 0; i < 3; i++) {
		ask_start(&a, &b, &get);
		ask_wait(&a);
		ck_assert_int_eq(a.result, FETCH_CLOSED);
		ask_fini(&a);
	}
	ask_start(&a, &b, &get);
	ck_assert(!fetch_is_under_way(a.f));
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_NO_SERVER);
	ck_assert_int_gt(a.retry_after, 50 * USEC_PER_SEC);
	ck_assert_ptr_null(a.server);
	ck_assert_int_eq(fetch_error_status(FETCH_NO_SERVER), 503);
	ck_assert_uint_eq(b.o->requests, 3);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 3);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

/* What breaks before it has begun is not the server's word on anything. */
START_TEST(a_stale_connection_is_no_failure_of_the_server)
{
	unsigned each = 1;
	struct bench b;

	bench_open(&b, serve_then_hang_up, &each);
	b.u.breaker.failures = 1;
	b.u.breaker.pause = 100 * USEC_PER_SEC;
	b.u.retry_budget = 0;
	bench_new_pool(&b);
	for (int i = 0; i < 4; i++)
		check_good(&b);
	ck_assert_uint_eq(figures_of(&b).server[0].failures, 0);
	ck_assert_int_eq(figures_of(&b).server[0].breaker, BREAKER_CLOSED);
	bench_close(&b);
}
END_TEST

/* An upload is cut short by its client: nothing is said of the server. */
START_TEST(what_is_reported_of_cancelled_exchanges)
{
	struct bench b;
	struct ask a;

	bench_open(&b, serve_silence, (void *)(uintptr_t)"");
	b.u.breaker.failures = 1;
	bench_new_pool(&b);
	ask_start(&a, &b, &get);
	while (a.sent == 0)
		turn(&b);
	ask_fini(&a);
	ask_start(&a, &b, &upload);
	b.u.total_timeout = 50 * MSEC;
	ask_wait(&a);
	ck_assert_int_eq(a.result, FETCH_TOTAL_TIMEOUT);
	ck_assert_uint_eq(figures_of(&b).server[0].failures, 0);
	ck_assert_int_eq(figures_of(&b).server[0].breaker, BREAKER_CLOSED);
	ask_fini(&a);
	bench_close(&b);
}
END_TEST

START_TEST(background_fetches_are_not_queued)
{
	struct fetch_request back = get;
	struct bench b;
	struct ask first, second;

	back.background = true;
	bench_open(&b, serve_silence, (void *)(uintptr_t)"");
	b.u.max_connections = 1;
	bench_configure(&b);
	ask_start(&first, &b, &back);
	ck_assert(fetch_is_under_way(first.f));
	ask_start(&second, &b, &back);
	ck_assert(!fetch_is_under_way(second.f));
	ask_wait(&second);
	ck_assert_int_eq(second.result, FETCH_BUSY);
	ck_assert_int_eq(fetch_error_status(FETCH_BUSY), 503);
	ck_assert_uint_eq(stat_of(&b, STAT_upstream_errors), 0);
	ask_fini(&first);
	ask_fini(&second);
	bench_close(&b);
}
END_TEST

START_TEST(orphans_need_a_place)
{
	struct bench b;
	struct ask a, q;

	bench_open(&b, serve_silence, (void *)(uintptr_t)"");
	b.u.max_connections = 1;
	bench_configure(&b);
	ask_start(&a, &b, &get);
	ask_start(&q, &b, &get);
	ck_assert(fetch_is_under_way(a.f) && !fetch_is_under_way(q.f));
	ck_assert(fetch_orphan(a.f));
	ck_assert(!fetch_orphan(q.f));
	ck_assert_uint_eq(fetch_server_bit(a.f), 1);
	ck_assert_uint_eq(fetch_server_bit(q.f), 0);
	fetch_want(q.f, 7);
	fetch_want(a.f, 7);
	ask_fini(&a);
	ask_fini(&q);
	ck_assert_uint_eq(figures_of(&b).orphans, 0);
	bench_close(&b);
}
END_TEST

/* More wanted, sooner its turn. */
START_TEST(the_wanted_one_is_next)
{
	struct bench b;
	struct ask a, one, many;
	struct fetch_request other = get;

	bench_open(&b, serve_silence, (void *)(uintptr_t)"");
	b.u.max_connections = 1;
	bench_configure(&b);
	other.client = other.key = 1;
	ask_start(&a, &b, &get);
	ask_start(&one, &b, &get);
	ask_start(&many, &b, &other);
	fetch_want(many.f, 9);
	ask_fini(&a);
	settle(&b);
	ck_assert(fetch_is_under_way(many.f) && !fetch_is_under_way(one.f));
	ask_fini(&one);
	ask_fini(&many);
	bench_close(&b);
}
END_TEST

START_TEST(a_server_to_avoid)
{
	struct fetch_request req = get;
	struct canned c = { 0 };
	struct bench b;
	struct ask a, second;

	bench_open(&b, serve_canned, &c);
	bench_add_server(&b, b.o->port);
	ask_start(&a, &b, &get);
	req.avoid = fetch_server_bit(a.f);
	ask_start(&second, &b, &req);
	ck_assert_uint_ne(fetch_server_bit(a.f), fetch_server_bit(second.f));
	ask_wait(&a);
	ask_wait(&second);
	ask_fini(&a);
	ask_start(&a, &b, &req);
	ck_assert_uint_ne(fetch_server_bit(a.f), req.avoid);
	ask_fini(&a);
	ask_fini(&second);
	bench_close(&b);
}
END_TEST

START_TEST(times_are_learned)
{
	static const struct answer error = {
		.say = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
	};
	struct fetch_request req = get;
	struct canned c = { 0 };
	struct bench b;
	struct ask a;

	bench_open(&b, serve_canned, &c);
	req.route = 5;
	for (int i = 0; i < 25; i++) {
		ask_start(&a, &b, &req);
		ask_wait(&a);
		ask_fini(&a);
	}
	c.a = &error;
	ask_start(&a, &b, &req);
	ask_wait(&a);
	ck_assert_int_eq(a.status, 500);
	ask_fini(&a);
	ck_assert_uint_eq(times_of(&b, HISTO_fetch), 26);
	ck_assert_uint_eq(times_of(&b, HISTO_queue), 26);
	ck_assert_int_lt(pool_usual_time(b.u.runtime, 5, 0.5), 20 * USEC_PER_SEC);
	ck_assert_int_eq(pool_usual_time(b.u.runtime, 6, 0.5), USEC_NEVER);
	/* A page that is broken doesn't take the server away. */
	ck_assert_uint_eq(figures_of(&b).server[0].failures, 0);
	ck_assert_uint_eq(figures_of(&b).server[0].requests, 26);
	bench_close(&b);
}
END_TEST

/* Its server is taken out of the configuration while it is under way. */
START_TEST(a_reload_in_the_middle)
{
	const char *half = OK "Content-Length: 9\r\n\r\nhell";
	struct conf_server other[2];
	struct conf_upstream u2;
	struct bench b;
	struct ask a, q;

	bench_open(&b, serve_silence, (void *)(uintptr_t)half);
	b.u.max_connections = 1;
	bench_configure(&b);
	ask_start(&a, &b, &get);
	ask_start(&q, &b, &get);
	while (a.heads == 0)
		turn(&b);
	upstream_defaults(&u2, other, closed_port());
	u2.servers = &other[1];
	u2.max_connections = 1;
	pool_configure(b.u.runtime, &u2, clock_mono());
	ck_assert_int_eq(a.result, PENDING);
	ask_fini(&a);
	/* The one in the line goes to the new one, of which its own conf knows nothing. */
	ask_wait(&q);
	ck_assert_int_eq(q.result, FETCH_CONNECT);
	ck_assert_ptr_null(q.server);
	ask_fini(&q);
	bench_close(&b);
}
END_TEST

/* Two workers, one cap. */

#define CROWD	50

struct team {
	struct worker		*w;
	struct resolver		*r;
	struct conf_upstream	*u;
	struct worker_msg	 go;
	unsigned		 left;
	_Atomic unsigned	*all;
	struct worker		**others;
	struct member {
		struct team	*t;
		unsigned	 again;
		bool		 good;
	}			 m[CROWD];
	unsigned		 whole;
};

static void	member_ask(struct member *m);

static void
member_sent(void *arg)
{
	(void)arg;
}

static void
member_head(void *arg, struct head *h)
{
	struct member *m = arg;

	m->good = h->status == 200;
	head_fini(h);
}

static bool
member_body(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	return true;
}

static void
member_done(struct member *m)
{
	if (m->again-- > 1) {
		member_ask(m);
	} else if (--m->t->left == 0 && atomic_fetch_sub(m->t->all, 1) == 1) {
		worker_stop(m->t->others[0]);
		worker_stop(m->t->others[1]);
	}
}

static void
member_end(void *arg)
{
	struct member *m = arg;

	m->t->whole += m->good;
	member_done(m);
}

static void
member_fail(void *arg, const struct fetch_failure *failure)
{
	(void)failure;
	member_done(arg);
}

static const struct fetch_ops member_ops = {
	.sent = member_sent, .head = member_head, .body = member_body, .end = member_end,
	.fail = member_fail, .room = member_sent,
};

static void
member_ask(struct member *m)
{
	m->good = false;
	fetch_start(m->t->w, m->t->r, m->t->u, &get, &member_ops, m);
}

static void
team_go(void *arg)
{
	struct team *t = arg;

	t->left = CROWD / 2;
	for (int i = 0; i < CROWD / 2; i++) {
		t->m[i] = (struct member){ .t = t, .again = 6 };
		member_ask(&t->m[i]);
	}
}

/* Closes now and then, so places change hands with and without a connection. */
static void
serve_some(struct origin *o, int fd, unsigned nth)
{
	for (unsigned i = 0; i < 5 + nth % 7 && origin_read_head(o, fd); i++)
		origin_say(fd, i % 3 != 2 ? GOOD :
		    OK "Connection: close\r\nContent-Length: 1\r\n\r\nx");
}

START_TEST(two_workers_share_one_cap)
{
	_Atomic unsigned all = 2;
	struct worker *workers[2];
	struct team t[2] = { 0 };
	struct conf_server server[2];
	struct conf_upstream u;
	struct origin *o;

	signal(SIGPIPE, SIG_IGN);
	o = origin_start(serve_some, NULL);
	upstream_defaults(&u, server, o->port);
	u.max_connections = 3;
	u.retries = 9;
	u.runtime = pool_new(&u, clock_mono());
	for (int i = 0; i < 2; i++) {
		workers[i] = worker_new((unsigned)i, NULL);
		t[i].w = workers[i];
		t[i].r = resolver_new(workers[i]);
		t[i].u = &u;
		t[i].all = &all;
		t[i].others = workers;
		t[i].go = (struct worker_msg){ .fn = team_go, .arg = &t[i] };
		worker_post(workers[i], &t[i].go);
	}
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(worker_start(workers[i]), 0);
	for (int i = 0; i < 2; i++)
		worker_join(workers[i]);
	ck_assert_uint_eq(t[0].whole + t[1].whole, CROWD * 6);
	ck_assert_uint_le(o->peak, 3);
	ck_assert_uint_ge(o->peak, 2);
	for (int i = 0; i < 2; i++)
		resolver_free(t[i].r);
	pool_unref(u.runtime);
	for (int i = 0; i < 2; i++)
		worker_free(workers[i]);
	origin_stop(o);
}
END_TEST

START_TEST(errors_have_names_and_statuses)
{
	for (int e = FETCH_RESOLVE; e <= FETCH_RESOURCES; e++) {
		ck_assert_str_ne(fetch_error_name((enum fetch_error)e), "unknown");
		ck_assert_int_ge(fetch_error_status((enum fetch_error)e), 502);
		ck_assert_int_le(fetch_error_status((enum fetch_error)e), 504);
	}
}
END_TEST

static Suite *
fetch_suite(void)
{
	Suite *s = suite_create("fetch");
	TCase *tc = tcase_create("fetch");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, each_answer_of_the_table, 0, 2);
	tcase_add_test(tc, a_good_answer_cut_anywhere);
	tcase_add_test(tc, heads_have_limits);
	tcase_add_test(tc, a_stale_connection_costs_nothing);
	tcase_add_test(tc, what_cannot_be_repeated_is_not);
	tcase_add_test(tc, a_fresh_connection_is_retried_as_often_as_configured);
	tcase_add_test(tc, an_idle_connection_that_speaks_is_not_reused);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, a_name_is_resolved);
	tcase_add_loop_test(tc, silence_has_an_end, 0, 6);
	tcase_add_test(tc, a_dribbled_head_has_an_end);
	tcase_add_test(tc, the_queue_has_a_length_and_a_timeout);
	tcase_add_test(tc, no_descriptor_left);
	tcase_add_test(tc, cancel_before_the_loop_runs);
	tcase_add_loop_test(tc, cancel_after_each_turn, 0, 3);
	tcase_add_loop_test(tc, cancel_in_an_op, 0, 3);
	tcase_add_test(tc, cancel_in_the_first_interim);
	tcase_add_test(tc, interim_answers_nobody_wants_are_dropped);
	tcase_add_test(tc, cancel_in_the_queue);
	tcase_add_loop_test(tc, large_bodies_come_in_large_pieces, 0, 2);
	tcase_add_loop_test(tc, back_pressure_reaches_the_origin, 0, 2);
	tcase_add_test(tc, the_end_of_a_paused_answer);
	tcase_add_test(tc, uploads_stream_with_room);
	tcase_add_loop_test(tc, an_early_answer_counts, 0, 2);
	tcase_add_test(tc, a_slow_client_is_no_fault_of_the_origin);
	tcase_add_test(tc, an_unsent_body_survives_a_stale_connection);
	tcase_add_test(tc, an_unsent_request_has_its_retries);
	tcase_add_loop_test(tc, failing_over_before_the_first_byte, 0, 3);
	tcase_add_test(tc, failing_over_from_a_kept_connection);
	tcase_add_loop_test(tc, a_connect_timeout_is_tried_elsewhere, 0, 3);
	tcase_add_test(tc, a_post_fails_over_before_it_has_left);
	tcase_add_loop_test(tc, no_second_try_once_the_server_has_it, 0, 2);
	tcase_add_loop_test(tc, retries_end_with_the_budget, 0, 2);
	tcase_add_test(tc, a_broken_server_is_left_alone);
	tcase_add_test(tc, a_stale_connection_is_no_failure_of_the_server);
	tcase_add_test(tc, what_is_reported_of_cancelled_exchanges);
	tcase_add_test(tc, background_fetches_are_not_queued);
	tcase_add_test(tc, orphans_need_a_place);
	tcase_add_test(tc, the_wanted_one_is_next);
	tcase_add_test(tc, a_server_to_avoid);
	tcase_add_test(tc, times_are_learned);
	tcase_add_test(tc, a_reload_in_the_middle);
	tcase_add_test(tc, two_workers_share_one_cap);
	tcase_add_test(tc, errors_have_names_and_statuses);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(fetch_suite)
