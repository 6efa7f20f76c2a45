/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9111 3.1, RFC 9110 7.6.1: what a backend says about its connection is no part of the answer:
 * neither the first client gets it, nor a later one, nor does a 304 bring it in.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define HOPS						\
	"Connection: X-Hop, keep-alive\r\n"		\
	"Connection: x-HOP-2 ,, X-Absent\r\n"		\
	"X-Hop: 1\r\nX-Hop: 2\r\nx-hop-2: 1\r\n"	\
	"Keep-Alive: timeout=5\r\n"			\
	"Proxy-Authenticate: Basic realm=\"a\"\r\n"	\
	"Proxy-Authentication-Info: a=b\r\n"		\
	"Proxy-Authorization: Basic YTpi\r\n"		\
	"Proxy-Connection: keep-alive\r\n"		\
	"TE: trailers\r\n"				\
	"Trailer: X-End\r\n"				\
	"Upgrade: h2c\r\n"

static const char *const gone[] = {
    "Connection", "X-Hop", "X-Hop-2", "Keep-Alive", "Proxy-Authenticate",
    "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
    "Transfer-Encoding", "Upgrade",
};

static void
ask(struct daemon *d, const char *path, const char *fields, int status, const char *says,
    const char *version)
{
	struct client *c = client_open(daemon_addr(d));
	const struct answer *a;

	client_ask(c, path, fields);
	a = client_answer(c);
	ck_assert(a->complete);
	ck_assert_int_eq(a->status, status);
	ck_assert_msg(answer_says(a, "Cache-Status", says), "%s", a->head);
	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
		ck_assert_msg(answer_field(a, gone[i]) == NULL, "%s:\n%s", gone[i], a->head);
	/* What isn't named stays, as it was stored. */
	ck_assert_str_eq(answer_field(a, "X-Version"), version);
	ck_assert_str_eq(answer_field(a, "X-Hop-3"), "kept");
	ck_assert_str_eq(answer_field(a, "ETag"), "\"1\"");
	client_close(c);
	daemon_wait_stat(d, "flights", 0);
}

static void
stored(struct daemon *d, const char *path, const char *version)
{
	ask(d, path, "", 200, "hit", version);
	ask(d, path, "Range: bytes=1-3\r\n", 206, "hit", version);
	ask(d, path, "Range: bytes=1-3,5-6\r\n", 206, "hit", version);
	ask(d, path, "If-None-Match: \"1\"\r\n", 304, "hit", version);
}

FLOW(hop_fields_not_stored)
{
	static const char first[] = HOPS "Cache-Control: max-age=100\r\nETag: \"1\"\r\n"
	    "X-Version: 1\r\nX-Hop-3: kept\r\n";
	static const char then[] = HOPS "Cache-Control: max-age=100\r\nETag: \"1\"\r\n"
	    "X-Version: 2\r\n";
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 1\n", origin_url(o));

	origin_answer(o, .path = "/length", .bytes = 100, .fields = first, .fields_304 = then);
	origin_answer(o, .path = "/chunks", .bytes = 100, .framing = ORIGIN_CHUNKED,
	    .fields = first, .fields_304 = then);
	ask(d, "/length", "", 200, "fwd=uri-miss; stored", "1");
	/* It is chunked for this one by us, since its length isn't known yet. */
	ck_assert_int_eq(client_status(daemon_addr(d), "/chunks", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	stored(d, "/length", "1");
	stored(d, "/chunks", "1");
	daemon_advance_clock(d, 150 * SECOND);
	ask(d, "/length", "", 200, "fwd=stale; fwd-status=304", "2");
	ask(d, "/chunks", "", 200, "fwd=stale; fwd-status=304", "2");
	stored(d, "/length", "2");
	stored(d, "/chunks", "2");
	ck_assert_uint_eq(origin_requests(o, NULL), 4);
	daemon_stop(d);
	origin_stop(o);
}
