/* SPDX-License-Identifier: BSD-2-Clause */
/* A fetch that fails is one answer for all who wait: 502, or 504 where it was a matter of time. */
#include "tests/lib/flow.h"

struct failure {
	const char		*name;
	int			 status;
	struct origin_rule	 rule;
};

static const struct failure failures[] = {
    {"closed before a head", 502, {.path = "/closed", .raw = "", .close = true}},
    {"reset", 502, {.path = "/reset", .raw = "", .close = true, .reset = true}},
    {"closed in the head", 502, {.path = "/part", .raw = "HTTP/1.1 200 OK\r\nA: ", .close = true}},
    {"no HTTP", 502, {.path = "/ssh", .raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n"}},
    {"both framings", 502,
	{.path = "/both",
	    .raw = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}},
    {"two lengths", 502,
	{.path = "/two",
	    .raw = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
		   "Content-Length: 4\r\n\r\nabcd"}},
    {"odd status", 502, {.path = "/2000", .raw = "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"}},
    {"space before colon", 502,
	{.path = "/colon",
	    .raw = "HTTP/1.1 200 OK\r\n"
		   "Content-Length : 0\r\n\r\n"}},
    {"no first byte in time", 504, {.path = "/slow", .delay_ms = 100000}},
};

static void
scenario(struct origin *o, struct daemon *d, const struct failure *f)
{
	struct herd *h;
	int64_t errors = daemon_stat(d, "error");

	origin_rule(o, &f->rule);
	if (f->status != 504)
		origin_hold(o, f->rule.path);
	h = herd_start(daemon_addr(d), 20, f->rule.path);
	if (f->status != 504)
		daemon_wait_stat(d, "parked", 20);
	origin_release(o, f->rule.path);
	herd_wait(h);
	ck_assert_msg(herd_count(h, f->status) == 20, "%s: %u answers with %d, the first %d (%s)",
	    f->name, herd_count(h, f->status), f->status, herd_answer(h, 0)->status,
	    herd_answer(h, 0)->fault != NULL ? herd_answer(h, 0)->fault : "whole");
	/* Sent again at most once, for all of them together. */
	ck_assert_msg(origin_requests(o, f->rule.path) <= 2, "%s: %u fetches", f->name,
	    origin_requests(o, f->rule.path));
	daemon_wait_stat(d, "error", errors + 20);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	herd_free(h);
}

FLOW(failure_one_answer)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    timeouts: { first_byte: 1s }\n    breaker: off\n", origin_url(o));

	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		scenario(o, d, &failures[i]);
	ck_assert_int_gt(daemon_stat(d, "upstream_errors"), 0);
	daemon_stop(d);
	origin_stop(o);
}
