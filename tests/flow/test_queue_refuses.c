/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Too many want a connection: who would wait in vain hears so at once, with the time after which it
 * is worth while to ask again.  A full line is no property of the client that filled it: another
 * one's request takes the place of its last.  Who may be served something stale is.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define GREEDY	"127.0.0.2"
#define OTHER	"127.0.0.3"

static struct daemon *
start(struct origin *o, const char *queue)
{
	return daemon_start_steered("workers: 1\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 1\n    queue: %s\n    timeouts: { first_byte: 1h, idle: 1h }\n",
	    origin_url(o), queue);
}

static struct client *
ask(struct daemon *d, const char *source, const char *path)
{
	struct client *c = client_open_from(daemon_addr(d), source);

	client_ask(c, path, "");
	return c;
}

/* It is in the line when this returns. */
static struct client *
ask_queued(struct daemon *d, const char *source, const char *path)
{
	int64_t before = daemon_stat(d, "queued");
	struct client *c = ask(d, source, path);

	daemon_wait_stat(d, "queued", before + 1);
	return c;
}

static void
served(struct client *c)
{
	ck_assert_int_eq(client_answer(c)->status, 200);
	client_close(c);
}

static void
refused(struct client *c, long least, long most)
{
	struct answer *a = client_answer(c);
	const char *after;

	ck_assert_msg(a->status == 503, "%s", a->head);
	ck_assert_msg(answer_says(a, "Cache-Status", "detail=queue-full"), "%s", a->head);
	after = answer_field(a, "Retry-After");
	ck_assert_ptr_nonnull(after);
	ck_assert_msg(atol(after) >= least && atol(after) <= most, "Retry-After: %s", after);
	client_close(c);
}

static void
full(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "{ length: 3 }");
	struct client *held, *line[3], *b, *old;
	struct answer *a;

	origin_answer(o, .path = "/old", .text = "old", .fields = "Cache-Control: max-age=10\r\n");
	origin_answer(o, .path = "/*", .text = "hello");
	ck_assert_int_eq(client_status(daemon_addr(d), "/old", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	daemon_advance_clock(d, 20 * SECOND);
	origin_hold(o, "/held");
	held = ask(d, "127.0.0.9", "/held");
	origin_wait_requests(o, "/held", 1);
	line[0] = ask_queued(d, GREEDY, "/0");
	line[1] = ask_queued(d, GREEDY, "/1");
	line[2] = ask_queued(d, GREEDY, "/2");
	refused(ask(d, GREEDY, "/3"), 1, 60);
	old = ask(d, GREEDY, "/old");
	a = client_answer(old);
	ck_assert_msg(a->status == 200 && answer_says(a, "Cache-Status", "fwd=stale") &&
	    answer_says(a, "Cache-Status", "detail=stale-if-error"), "%s", a->head);
	client_close(old);
	b = ask(d, OTHER, "/b");
	refused(line[2], 1, 60);
	ck_assert_int_eq(daemon_stat(d, "queued"), 3);
	daemon_wait_stat(d, "shed", 2);
	daemon_wait_stat(d, "stale", 1);
	ck_assert_uint_eq(origin_requests(o, NULL), 2);
	origin_release(o, "/held");
	served(held);
	served(line[0]);
	served(line[1]);
	served(b);
	ck_assert_uint_eq(origin_requests(o, "/2") + origin_requests(o, "/3"), 0);
	daemon_stop(d);
	origin_stop(o);
}

/*
 * The backend takes ten seconds for each, as three have shown.  The fourth in line would have its
 * turn after 40, which is more than queue.timeout: it doesn't wait for that to find out.
 */
static void
in_vain(void)
{
	static const char *const path[] = { "/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h" };
	struct origin *o = origin_start();
	struct daemon *d = start(o, "{ length: 100, timeout: 35s }");
	struct client *c[7];

	origin_answer(o, .path = "/*", .text = "hello");
	for (unsigned i = 0; i < 8; i++)
		origin_hold(o, path[i]);
	c[0] = ask(d, GREEDY, path[0]);
	origin_wait_requests(o, path[0], 1);
	for (unsigned i = 1; i < 4; i++)
		c[i] = ask_queued(d, GREEDY, path[i]);
	for (unsigned i = 0; i < 3; i++) {
		daemon_advance_clock(d, 10 * SECOND);
		origin_release(o, path[i]);
		served(c[i]);
		origin_wait_requests(o, path[i + 1], 1);
	}
	for (unsigned i = 4; i < 7; i++)
		c[i] = ask_queued(d, GREEDY, path[i]);
	refused(ask(d, GREEDY, path[7]), 36, 44);
	for (unsigned i = 3; i < 7; i++) {
		origin_release(o, path[i]);
		served(c[i]);
	}
	ck_assert_uint_eq(origin_requests(o, path[7]), 0);
	daemon_stop(d);
	origin_stop(o);
}

/* Nothing waits. */
static void
no_queue(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "{ length: 0 }");
	struct client *held;

	origin_answer(o, .path = "/*", .text = "hello");
	origin_hold(o, "/held");
	held = ask(d, GREEDY, "/held");
	origin_wait_requests(o, "/held", 1);
	refused(ask(d, OTHER, "/0"), 1, 60);
	origin_release(o, "/held");
	served(held);
	daemon_wait_stat(d, "flights", 0);
	served(ask(d, OTHER, "/0"));
	daemon_stop(d);
	origin_stop(o);
}

FLOW(queue_refuses)
{
	no_queue();
	full();
	in_vain();
}
