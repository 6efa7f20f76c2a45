/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9110 9.3.3: the answer to a POST that says how long it is fresh, and that it is what a GET
 * of the same URL would get, answers later GETs.  It answers nobody who waits beside it.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define FRESH	"Cache-Control: max-age=100\r\n"
#define SAME	"Content-Location: /p$\r\n"

static const struct {
	const char	*name;
	int		 status;
	const char	*fields;	/* $: the case's number */
	bool		 answers;
} cases[] = {
    {"both", 200, FRESH SAME, true},
    {"Expires", 200, "Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\n" SAME, true},
    {"an absolute URL", 200, FRESH "Content-Location: http://TEST:80/%70$\r\n", true},
    {"s-maxage", 200, "Cache-Control: s-maxage=100\r\n" SAME, true},
    {"201 is no answer to a GET", 201, FRESH SAME, false},
    {"no Content-Location", 200, FRESH, false},
    {"nothing about freshness", 200, SAME, false},
    {"a guess is not enough", 200, "Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT\r\n" SAME, false},
    {"an entity tag is not enough", 200, "ETag: \"a\"\r\n" SAME, false},
    {"max-age=0", 200, "Cache-Control: max-age=0\r\n" SAME, false},
    {"another URL", 200, FRESH "Content-Location: /other$\r\n", false},
    {"another query", 200, FRESH "Content-Location: /p$?a\r\n", false},
    {"another host", 200, FRESH "Content-Location: http://other/p$\r\n", false},
    {"no-store", 200, "Cache-Control: no-store, max-age=100\r\n" SAME, false},
    {"no-cache", 200, "Cache-Control: no-cache, max-age=100\r\nETag: \"a\"\r\n" SAME, false},
    {"private", 200, "Cache-Control: private, max-age=100\r\n" SAME, false},
    {"a cookie", 200, FRESH "Set-Cookie: a=b\r\n" SAME, false},
    {"Vary: *", 200, FRESH "Vary: *\r\n" SAME, false},
    {"404", 404, FRESH SAME, false},
    {"303", 303, FRESH "Location: /p$\r\n" SAME, false},
    {"500", 500, FRESH SAME, false},
};
#define CASES	(sizeof cases / sizeof cases[0])

/* With the number in the place of each "$"; there is room. */
static void
numbered(char *out, const char *text, unsigned number)
{
	for (; *text != '\0'; text++)
		if (*text == '$')
			out += sprintf(out, "%u", number);
		else
			*out++ = *text;
	*out = '\0';
}

static int
post(struct daemon *d, const char *path)
{
	struct answer *a = client_exchangef(daemon_addr(d), "POST %s HTTP/1.1\r\nHost: test\r\n"
	    "Connection: close\r\nContent-Length: 4\r\n\r\nbody", path);
	int status = a->status;

	ck_assert(a->complete && !answer_says(a, "Cache-Status", "hit"));
	ck_assert_str_eq(a->body, "of a POST");
	answer_free(a);
	return status;
}

static void
get(struct daemon *d, const char *path, const char *name, bool from_post)
{
	struct answer *a = client_get(daemon_addr(d), path, "");

	ck_assert_int_eq(a->status, 200);
	ck_assert_msg(strcmp(a->body, from_post ? "of a POST" : "of a GET") == 0, "%s: %s", name,
	    a->body);
	ck_assert_msg(answer_says(a, "Cache-Status", "corral; hit") == from_post, "%s: %s", name,
	    a->head);
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

/* A GET that is up meanwhile gets its own answer, and the next POST is sent again. */
static void
beside(struct origin *o, struct daemon *d)
{
	struct client *c = client_open(daemon_addr(d));
	const struct answer *a;

	origin_hold(o, "/beside");
	client_ask(c, "/beside", "");
	origin_wait_requests(o, "/beside", 1);
	/* By the route's key these are one URL; the origin can hold one and not the other. */
	ck_assert_int_eq(post(d, "/beside?post"), 200);
	origin_release(o, "/beside");
	a = client_answer(c);
	ck_assert_str_eq(a->body, "of a GET");
	client_close(c);
	daemon_wait_stat(d, "flights", 0);
	get(d, "/beside", "beside", true);
	ck_assert_int_eq(post(d, "/beside?post"), 200);
	ck_assert_uint_eq(origin_requests(o, "/beside?post"), 2);
}

/* What was purged, or changed by another, while the answer was on its way is not its to say. */
static void
overtaken(struct origin *o, struct daemon *d)
{
	struct client *c = client_open(daemon_addr(d));

	for (unsigned i = 0; i < 2; i++) {
		origin_hold(o, "/beside/it?held");
		client_sendf(c, "POST /beside/it?held HTTP/1.1\r\nHost: test\r\nContent-Length: 0"
		    "\r\n\r\n");
		origin_wait_requests(o, "/beside/it?held", i + 1);
		if (i == 0)
			daemon_purge(d, "http://test/beside/it");
		else
			ck_assert_int_eq(post(d, "/beside/it?other"), 200);
		origin_release(o, "/beside/it?held");
		ck_assert_str_eq(client_answer(c)->body, "of a POST");
		daemon_wait_stat(d, "flights", 0);
		get(d, "/beside/it", i == 0 ? "purged" : "changed", false);
	}
	client_close(c);
}

FLOW(post_answers_get)
{
	static char path[CASES][16], fields[CASES][256];
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\nroutes:\n"
	    "  - { match: { path: /beside }, key: { query: none } }\n  - {}\n", origin_url(o));

	origin_answer(o, .method = "GET", .path = "/*", .text = "of a GET");
	for (unsigned i = 0; i < CASES; i++) {
		snprintf(path[i], sizeof path[i], "/p%u", i);
		numbered(fields[i], cases[i].fields, i);
	}
	for (unsigned i = 0; i < CASES; i++) {
		origin_answer(o, .method = "POST", .path = path[i], .status = cases[i].status,
		    .text = "of a POST", .fields = fields[i]);
		ck_assert_int_eq(post(d, path[i]), cases[i].status);
		daemon_wait_stat(d, "flights", 0);
		get(d, path[i], cases[i].name, cases[i].answers);
	}
	origin_answer(o, .method = "POST", .path = "/beside?post", .text = "of a POST",
	    .fields = FRESH "Content-Location: /beside\r\n");
	origin_answer(o, .method = "POST", .path = "/beside/it*", .text = "of a POST",
	    .fields = FRESH "Content-Location: /beside/it\r\n");
	beside(o, d);
	overtaken(o, d);
	daemon_stop(d);
	origin_stop(o);
}
