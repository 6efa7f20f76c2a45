/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * routes[].key: requests that differ only in what the rules drop are one flight and one object,
 * which everything that goes by URL finds: a purge, an unsafe request.  What is dropped isn't sent
 * up for an answer that others may get, or it would be a word of one client's about the page of
 * all.
 */
#include "tests/lib/flow.h"

#define HERD	30
#define PARTS	3

/* Each of these herds of ten asks in its own way for the same. */
struct same {
	const char	*path[PARTS];	/* each client adds its number to it if `each`, */
	const char	*fields[PARTS];
	const char	*sent;		/* and one request goes up, for this */
	bool		 each;
	const char	*later;		/* is a hit then */
	const char	*other;		/* is not */
	const char	*typed;		/* in a purge */
};

static const struct same same[] = {
    {{"/none", "/none?", "/none?a=b&c"}, {"", "", ""}, "/none", false, "/none?x", "/nonesuch",
	"http://test/none?some=thing"},
    {{"/none/each?n=", "/none/each?utm=", "/none/each?"}, {"", "", ""}, "/none/each", true,
	"/none/each?a=b", "/none/eac", "http://TEST:80/none/each"},
    {{"/sorted?a=1&b=2&c=3", "/sorted?c=3&b=2&a=1", "/sorted?b=2&c=3&a=1"}, {"", "", ""},
	"/sorted?a=1&b=2&c=3", false, "/sorted?c=3&a=1&b=2", "/sorted?a=1&b=2",
	"http://test/sorted?b=2&a=1&c=3"},
    {{"/keep?id=7&x=", "/keep?y=&id=7&x=", "/keep?%69d=7&z"}, {"", "", ""}, "/keep?id=7", true,
	"/keep?p=9&id=7", "/keep?id=8", "http://test/keep?id=7&none=1"},
    {{"/drop?id=7&utm_source=", "/drop?utm_=1&id=7&fbclid=", "/drop?fbclid&id=7&utm_x="},
	{"", "", ""}, "/drop?id=7", true, "/drop?id=7", "/drop?id=7&fbclid2=1",
	"http://test/drop?id=7&utm_campaign=x"},
    {{"/cookies?1", "/cookies?1", "/cookies?1"},
	{"Cookie: lang=de; sid=1\r\n", "Cookie: sid=2; lang=de\r\n", "Cookie: lang=de\r\n"},
	"/cookies?1", false, NULL, "/cookies?1", "http://test/cookies?1"},
};

static bool
stored(struct daemon *d, const char *path)
{
	return client_status(daemon_addr(d), path, "Cache-Control: only-if-cached\r\n") == 200;
}

static void
one_flight(struct origin *o, struct daemon *d, const struct same *s)
{
	int64_t objects = daemon_stat(d, "objects");
	struct herd *h[PARTS];

	origin_hold(o, s->sent);
	for (unsigned i = 0; i < PARTS; i++) {
		h[i] = herd_open(daemon_addr(d), HERD / PARTS);
		(s->each ? herd_ask_each : herd_ask)(h[i], s->path[i], s->fields[i]);
		daemon_wait_stat(d, "parked", (i + 1) * HERD / PARTS);
	}
	origin_wait_requests(o, s->sent, 1);
	ck_assert_int_eq(daemon_stat(d, "flights"), 1);
	origin_release(o, s->sent);
	for (unsigned i = 0; i < PARTS; i++) {
		herd_wait(h[i]);
		ck_assert_uint_eq(herd_count(h[i], 200), HERD / PARTS);
		herd_free(h[i]);
	}
	daemon_wait_stat(d, "flights", 0);
	ck_assert_msg(origin_requests(o, s->sent) == 1, "%s", s->sent);
	ck_assert_int_eq(daemon_stat(d, "objects"), objects + 1);
	ck_assert_msg(s->later == NULL || stored(d, s->later), "%s", s->sent);
	ck_assert_msg(!stored(d, s->other), "%s", s->other);
	ck_assert_msg(daemon_purge(d, s->typed) == 1, "%s", s->typed);
	ck_assert(s->later == NULL || !stored(d, s->later));
}

/* What is in the key, with the URL as it is, keeps apart: here three at once. */
static void
kept_apart(struct origin *o, struct daemon *d, const char *path, const char *const fields[PARTS])
{
	int64_t objects = daemon_stat(d, "objects");
	char typed[64];
	struct herd *h[PARTS];

	origin_hold(o, path);
	for (unsigned i = 0; i < PARTS; i++) {
		h[i] = herd_open(daemon_addr(d), HERD / PARTS);
		herd_ask(h[i], path, fields[i]);
		daemon_wait_stat(d, "parked", (i + 1) * HERD / PARTS);
	}
	origin_wait_requests(o, path, PARTS);
	ck_assert_int_eq(daemon_stat(d, "flights"), PARTS);
	origin_release(o, path);
	for (unsigned i = 0; i < PARTS; i++) {
		herd_wait(h[i]);
		ck_assert_uint_eq(herd_count(h[i], 200), HERD / PARTS);
		ck_assert_uint_eq(herd_count_says(h[i], "X-Was", ""), HERD / PARTS);
		herd_free(h[i]);
	}
	ck_assert_uint_eq(origin_requests(o, path), PARTS);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(daemon_stat(d, "objects"), objects + PARTS);

	/* Each has what was fetched for it. */
	for (unsigned i = 0; i < PARTS; i++) {
		struct answer *a = client_get(daemon_addr(d), path, fields[i]);
		const char *value = strstr(fields[i], ": ");
		size_t n = value != NULL ? strcspn(value + 2, "\r") : 0;

		ck_assert_msg(answer_says(a, "Cache-Status", "hit"), "%s", a->head);
		ck_assert_msg(a->length == n && (n == 0 || strncmp(a->body, value + 2, n) == 0),
		    "%s got \"%s\"", fields[i], n == 0 ? "" : a->body);
		answer_free(a);
	}
	strcat(strcpy(typed, "http://test"), path);
	ck_assert_int_eq(daemon_purge(d, typed), PARTS);
	ck_assert_int_eq(daemon_stat(d, "objects"), objects);

	/* And an unsafe request invalidates them all. */
	for (unsigned i = 0; i < PARTS; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), path, fields[i]), 200);
	daemon_wait_stat(d, "objects", objects + PARTS);
	answer_free(client_exchangef(daemon_addr(d), "POST %s HTTP/1.1\r\nHost: test\r\n"
	    "Connection: close\r\nContent-Length: 0\r\n\r\n", path));
	ck_assert_int_eq(daemon_stat(d, "objects"), objects);
}

/* What answers one request only is asked for as it came, and invalidates what it stands for. */
static void
passed(struct origin *o, struct daemon *d)
{
	struct answer *a;

	ck_assert_int_eq(client_status(daemon_addr(d), "/keep?id=7", ""), 200);
	ck_assert(stored(d, "/keep?id=7"));
	a = client_exchangef(daemon_addr(d), "POST /keep?x=1&id=7&y HTTP/1.1\r\nHost: test\r\n"
	    "Connection: close\r\nContent-Length: 1\r\n\r\nx");
	ck_assert_int_eq(a->status, 200);
	answer_free(a);
	ck_assert_uint_eq(origin_requests(o, "/keep?x=1&id=7&y"), 1);
	ck_assert(!stored(d, "/keep?id=7"));
	ck_assert_int_eq(client_status(daemon_addr(d), "/drop?utm_x=1",
	    "If-Match: \"a\"\r\n"), 200);
	ck_assert_uint_eq(origin_requests(o, "/drop?utm_x=1"), 1);
	ck_assert(!stored(d, "/drop"));
}

FLOW(key_rules)
{
	static const char *const devices[] = { "X-Device: a\r\n", "X-Device: b\r\n", "" };
	static const char *const langs[] = { "Cookie: lang=de\r\n", "Cookie: lang=fr\r\n", "" };
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /none }, key: { query: none } }\n"
	    "  - { match: { path: /sorted }, key: { query: sorted } }\n"
	    "  - { match: { path: /keep }, key: { query: { keep: [ id ] } } }\n"
	    "  - { match: { path: /drop }, key: { query: { drop: [ 'utm_*', fbclid ] } } }\n"
	    "  - { match: { path: /headers }, key: { headers: [ X-Device ] } }\n"
	    "  - { match: { path: /cookies }, key: { cookies: [ lang ] } }\n  - {}\n",
	    origin_url(o));

	origin_answer(o, .path = "/headers*", .echo = "X-Device",
	    .fields = "Cache-Control: max-age=60\r\nX-Was: 1\r\n");
	origin_answer(o, .path = "/cookies/*", .echo = "Cookie",
	    .fields = "Cache-Control: max-age=60\r\nX-Was: 1\r\n");
	origin_answer(o, .path = "/*", .bytes = 100, .fields = "Cache-Control: max-age=60\r\n");
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		one_flight(o, d, &same[i]);
	kept_apart(o, d, "/headers?q=1", devices);
	kept_apart(o, d, "/cookies/apart", langs);
	passed(o, d);
	daemon_stop(d);
	origin_stop(o);
}
