/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that fails before a byte of its answer: the request goes to another one, and the client
 * notices nothing.  What may have had an effect is not sent twice, and after a byte was sent on
 * nothing is.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/flow.h"

struct failover {
	const char		*name;
	const char		*request;
	int			 status;	/* what the client gets; 0: it is cut */
	unsigned		 first, second;	/* requests that the servers see */
	struct origin_rule	 rule;		/* of the first */
};

#define GET(path)	"GET " path " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
#define POST(path)	"POST " path " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" \
			"Content-Length: 3\r\n\r\nabc"

static const struct failover answers[] = {
    {"closes", GET("/closes"), 200, 1, 1, {.path = "/closes", .raw = "", .close = true}},
    {"resets", GET("/resets"), 200, 1, 1,
	{.path = "/resets", .raw = "", .close = true, .reset = true}},
    {"breaks off in its head", GET("/head"), 502, 1, 0,
	{.path = "/head", .raw = "HTTP/1.1 200 OK\r\nA: ", .close = true}},
    {"breaks off in its body", GET("/body"), 0, 1, 0,
	{.path = "/body", .bytes = 1000, .cut = true, .cut_at = 100}},
    {"breaks off in a chunk", GET("/chunk"), 0, 1, 0,
	{.path = "/chunk", .bytes = 1000, .framing = ORIGIN_CHUNKED, .cut = true, .cut_at = 100}},
    {"an error is an answer", GET("/500"), 500, 1, 0, {.path = "/500", .status = 500}},
    {"POST, and closes", POST("/post"), 502, 1, 0, {.path = "/post", .raw = "", .close = true}},
};

/* The first gets all but one in a thousand, as long as it is up. */
static struct daemon *
start(struct origin *first, struct origin *second, const char *more)
{
	return daemon_start("workers: 2\nroutes: [ { cache: off } ]\nupstreams:\n  default:\n"
	    "    balance: round_robin\n    breaker: off\n    keepalive: { connections: 0 }\n"
	    "    servers: [ { url: \"%s\", weight: 1000 }, %s ]\n%s", origin_url(first),
	    origin_url(second), more);
}

static void
scenario(struct daemon *d, struct origin *first, struct origin *second, const struct failover *f)
{
	struct answer *a;
	int status;

	origin_rule(first, &f->rule);
	a = client_exchange(daemon_addr(d), f->request, strlen(f->request));
	status = a->complete ? a->status : 0;
	ck_assert_msg(status == f->status, "%s: %d", f->name, status);
	answer_free(a);
	ck_assert_msg(origin_requests(first, f->rule.path) == f->first &&
	    origin_requests(second, f->rule.path) == f->second, "%s: %u and %u requests", f->name,
	    origin_requests(first, f->rule.path), origin_requests(second, f->rule.path));
}

/* Not a byte has left: anything may be sent to the other. */
static void
refused(struct origin *first, struct origin *second)
{
	struct daemon *d = start(first, second, "");
	struct answer *a;

	origin_refuse(first);
	ck_assert_int_eq(client_status(daemon_addr(d), "/refused", ""), 200);
	a = client_exchangef(daemon_addr(d), POST("/refused"));
	ck_assert_int_eq(a->status, 200);
	answer_free(a);
	origin_wait_whole(second, "/refused", 2);
	ck_assert_str_eq(origin_request(second, "/refused", 1).body, "abc");
	daemon_wait_stat(d, "upstream_retries", 2);
	ck_assert_int_eq(daemon_stat(d, "upstream_errors"), 2);
	daemon_wait_stat(d, "pass", 2);
	daemon_stop(d);
	origin_accept(first);
}

/* A server that lets nobody in and says nothing: it costs the time to connect, once. */
static void
unreachable(struct origin *second)
{
	char url[64];
	int fd = origin_refusing(url, sizeof url), full[8];
	struct daemon *d;
	struct herd *h;

	ck_assert_int_eq(listen(fd, 0), 0);
	/* Who comes when the queue is full gets no answer. */
	for (unsigned i = 0; i < 8; i++)
		full[i] = test_connect(url + strlen("http://"), true);
	d = daemon_start("workers: 2\nupstreams:\n  default:\n    balance: round_robin\n"
	    "    breaker: { failures: 1, pause: 1h }\n    timeouts: { connect: 200ms }\n"
	    "    servers: [ { url: \"%s\", weight: 1000 }, %s ]\n", url, origin_url(second));
	h = herd_start(daemon_addr(d), 20, "/unreachable");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 20);
	ck_assert_int_ge(herd_took(h, 1000), 150000);
	ck_assert_uint_eq(origin_requests(second, "/unreachable"), 1);
	daemon_wait_text(d, "upstreams.default.servers.0.state", "open");
	herd_ask(h, "/left-alone", "");
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 200), 20);
	daemon_wait_stat(d, "upstream_errors", 1);
	herd_free(h);
	daemon_stop(d);
	for (unsigned i = 0; i < 8; i++)
		if (full[i] >= 0)
			close(full[i]);
	close(fd);
}

static void
forbidden(struct origin *first, struct origin *second, const char *more)
{
	struct daemon *d = start(first, second, more);

	ck_assert_int_eq(client_status(daemon_addr(d), "/never", ""), 502);
	origin_refuse(first);
	ck_assert_int_eq(client_status(daemon_addr(d), "/never", ""), 502);
	origin_accept(first);
	ck_assert_uint_eq(origin_requests(second, "/never"), 0);
	ck_assert_int_eq(daemon_stat(d, "upstream_retries"), 0);
	daemon_stop(d);
}

/* A dead server costs the budget, no more: what was saved up (10), a tenth, and one a second. */
static void
budgeted(struct origin *first, struct origin *second)
{
	struct daemon *d = start(first, second, "");
	int64_t since = test_now();
	struct herd *h;
	unsigned n;

	origin_refuse(first);
	h = herd_start(daemon_addr(d), 60, "/budget");
	herd_wait(h);
	n = herd_count(h, 200);
	ck_assert_uint_eq(herd_count(h, 502), 60 - n);
	ck_assert_uint_eq(origin_requests(second, "/budget"), n);
	ck_assert_uint_ge(n, 10);
	ck_assert_uint_le(n, 10 + 6 + 1 + (unsigned)((test_now() - since) / 1000000));
	herd_free(h);
	daemon_stop(d);
	origin_accept(first);
}

FLOW(failover)
{
	struct origin *first = origin_start(), *second = origin_start();
	struct daemon *d = start(first, second, "");

	origin_answer(second, .path = "/*", .text = "second");
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		scenario(d, first, second, &answers[i]);
	daemon_stop(d);
	refused(first, second);
	origin_answer(first, .path = "/never", .raw = "", .close = true);
	forbidden(first, second, "    retries: 0\n");
	forbidden(first, second, "    retry_budget: off\n");
	budgeted(first, second);
	unreachable(second);
	origin_stop(first);
	origin_stop(second);
}
