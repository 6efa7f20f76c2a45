/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9111 4.4: an unsafe request that succeeded makes what is stored for its URL invalid, and for
 * those that its answer names, if they are of the same origin.  RFC 9875: and the groups that it
 * names.
 */
#include "tests/lib/flow.h"

/* What is there before each request. */
enum {
	SELF	= 1,		/* http://test/dir/self */
	NEXT	= 2,		/* http://test/dir/next, in the groups "one" and "two" */
	TOP	= 4,		/* http://test/top, in the group "two" */
	OTHER	= 8,		/* http://other/dir/next, in the group "one" */
	ALL	= 15
};

static const struct {
	const char	*host, *path;
} places[] = {
    {"test", "/dir/self"}, {"test", "/dir/next"}, {"test", "/top"}, {"other", "/dir/next"},
};
#define PLACES	(sizeof places / sizeof places[0])

static const struct {
	const char	*method;
	int		 status;
	const char	*fields;
	unsigned	 gone;
} cases[] = {
    {"POST", 200, "", SELF},
    {"PUT", 204, "", SELF},
    {"DELETE", 200, "", SELF},
    {"PATCH", 200, "", SELF},
    {"FROBNICATE", 200, "", SELF},
    {"POST", 303, "", SELF},
    {"POST", 400, "", 0},
    {"DELETE", 404, "", 0},
    {"POST", 500, "", 0},
    {"OPTIONS", 200, "", 0},
    {"PROPFIND", 200, "", 0},
    {"HEAD", 200, "Location: /top\r\n", 0},
    {"POST", 201, "Location: /top\r\n", SELF | TOP},
    {"POST", 303, "Location: http://test/top\r\n", SELF | TOP},
    {"POST", 201, "Location: HTTP://TEST:80/t%6Fp#there\r\n", SELF | TOP},
    {"POST", 201, "Location: //test/top\r\n", SELF | TOP},
    {"POST", 201, "Location: next\r\n", SELF | NEXT},
    {"POST", 201, "Location: ../x/../top\r\n", SELF | TOP},
    {"PUT", 200, "Content-Location: next\r\n", SELF | NEXT},
    {"PUT", 201, "Content-Location: /dir/next\r\nLocation: /top\r\n", SELF | NEXT | TOP},
    {"POST", 201, "Location: http://other/dir/next\r\n", SELF},
    {"POST", 201, "Content-Location: //other/dir/next\r\n", SELF},
    {"POST", 201, "Location: https://test/top\r\n", SELF},
    {"POST", 201, "Location: http://test:81/top\r\n", SELF},
    {"POST", 201, "Location: http://test@other/top\r\n", SELF},
    {"POST", 201, "Location: http://[/top\r\n", SELF},
    {"POST", 404, "Location: /top\r\nContent-Location: next\r\n", 0},
    {"POST", 503, "Location: /top\r\n", 0},
    {"POST", 200, "Cache-Group-Invalidation: \"one\"\r\n", SELF | NEXT},
    {"POST", 200, "Cache-Group-Invalidation: \"two\"\r\n", SELF | NEXT | TOP},
    {"POST", 204, "cache-group-invalidation: \"none\", \"two\";a=1\r\n", SELF | NEXT | TOP},
    {"POST", 200, "Cache-Group-Invalidation: \"One\"\r\n", SELF},
    {"POST", 200, "Cache-Group-Invalidation: two\r\n", SELF},
    {"POST", 200, "Cache-Group-Invalidation: \"two\", 3\r\n", SELF},
    {"POST", 400, "Cache-Group-Invalidation: \"two\"\r\n", 0},
    {"POST", 500, "Cache-Group-Invalidation: \"two\"\r\n", 0},
    {"GET", 200, "Cache-Group-Invalidation: \"two\"\r\n", 0},
    {"OPTIONS", 200, "Cache-Group-Invalidation: \"two\"\r\n", 0},
};
#define CASES	(sizeof cases / sizeof cases[0])

static int
ask(struct daemon *d, const char *method, const char *host, const char *path, const char *fields)
{
	struct client *c = client_open(daemon_addr(d));
	const struct answer *a;
	int status;

	client_sendf(c, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path, host, fields);
	a = strcmp(method, "HEAD") == 0 ? client_answer_to_head(c) : client_answer(c);
	status = a->complete ? a->status : 0;
	client_close(c);
	return status;
}

static unsigned
gone(struct daemon *d)
{
	unsigned set = 0;
	int status;

	for (unsigned i = 0; i < PLACES; i++) {
		status = ask(d, "GET", places[i].host, places[i].path,
		    "Cache-Control: only-if-cached\r\n");
		ck_assert(status == 200 || status == 504);
		set |= status == 504 ? 1u << i : 0;
	}
	return set;
}

static void
one_case(struct origin *o, struct daemon *d, size_t i)
{
	bool safe = strcmp(cases[i].method, "GET") == 0 || strcmp(cases[i].method, "HEAD") == 0;
	unsigned went;

	for (unsigned k = 0; k < PLACES; k++)
		ck_assert_int_eq(ask(d, "GET", places[k].host, places[k].path, ""), 200);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_eq(gone(d), 0);
	if (safe) {
		/* What is stored would answer it. */
		origin_answer(o, .path = "/safe", .times = 1, .fields = cases[i].fields);
		ck_assert_int_eq(ask(d, cases[i].method, "test", "/safe", ""), 200);
	} else {
		origin_answer(o, .method = cases[i].method, .path = "/dir/self", .times = 1,
		    .status = cases[i].status, .fields = cases[i].fields);
		ck_assert_int_eq(ask(d, cases[i].method, "test", "/dir/self",
		    "Content-Length: 0\r\n"), cases[i].status);
	}
	daemon_wait_stat(d, "flights", 0);
	went = gone(d);
	ck_assert_msg(went == cases[i].gone, "%s -> %d %s: %x went, not %x", cases[i].method,
	    cases[i].status, cases[i].fields, went, cases[i].gone);
}

/*
 * Who waited gets the answer that was asked for before the change, but it isn't stored, and who
 * comes after the change doesn't wait for it.  `post` is the same URL by the route's key.
 */
static void
in_flight(struct origin *o, struct daemon *d, const char *path, const char *post, int status)
{
	struct client *before = client_open(daemon_addr(d)), *after = client_open(daemon_addr(d));
	bool changed = status < 400;

	origin_answer(o, .path = path, .times = 1, .text = "old",
	    .fields = "Cache-Control: max-age=1000\r\n");
	origin_answer(o, .path = path, .text = "new",
	    .fields = "Cache-Control: max-age=1000\r\n");
	origin_answer(o, .path = post, .status = status, .text = "done");
	origin_hold(o, path);
	client_ask(before, path, "");
	origin_wait_requests(o, path, 1);
	daemon_wait_stat(d, "parked", 1);
	ck_assert_int_eq(ask(d, "POST", "test", post, "Content-Length: 0\r\n"), status);
	client_ask(after, path, "");
	daemon_wait_stat(d, "parked", 2);
	origin_wait_requests(o, path, changed ? 2 : 1);
	origin_release(o, path);
	ck_assert_str_eq(client_answer(before)->body, "old");
	ck_assert_str_eq(client_answer(after)->body, changed ? "new" : "old");
	daemon_wait_stat(d, "flights", 0);
	client_close(before);
	before = client_open(daemon_addr(d));
	client_ask(before, path, "Cache-Control: only-if-cached\r\n");
	ck_assert_str_eq(client_answer(before)->body, changed ? "new" : "old");
	ck_assert_uint_eq(origin_requests(o, path), changed ? 2 : 1);
	client_close(before);
	client_close(after);
}

FLOW(invalidation)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /flight }, key: { query: none } }\n  - {}\n", origin_url(o));

	origin_answer(o, .method = "GET", .path = "/dir/next", .text = "x",
	    .fields = "Cache-Control: max-age=1000\r\nCache-Groups: \"one\", \"two\"\r\n");
	origin_answer(o, .method = "GET", .path = "/top", .text = "x",
	    .fields = "Cache-Control: max-age=1000\r\nCache-Groups: \"two\"\r\n");
	origin_answer(o, .method = "GET", .path = "/dir/*", .text = "x",
	    .fields = "Cache-Control: max-age=1000\r\n");
	for (size_t i = 0; i < CASES; i++)
		one_case(o, d, i);
	in_flight(o, d, "/flight/1", "/flight/1?post", 200);
	in_flight(o, d, "/flight/2", "/flight/2?post", 303);
	in_flight(o, d, "/flight/3", "/flight/3?post", 409);
	daemon_stop(d);
	origin_stop(o);
}
