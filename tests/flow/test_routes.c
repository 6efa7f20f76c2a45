/* SPDX-License-Identifier: BSD-2-Clause */
/* The first route whose host and path match decides upstream and rules. */
#include "tests/lib/flow.h"

static bool
answers(struct daemon *d, const char *host, const char *path, const char *body)
{
	struct answer *a = client_exchangef(daemon_addr(d), "GET %s HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: close\r\n\r\n", path, host);
	bool right = a->complete && a->body != NULL && strcmp(a->body, body) == 0;

	answer_free(a);
	return right;
}

FLOW(routes)
{
	struct origin *app = origin_start(), *files = origin_start();
	struct daemon *d = daemon_start(
	    "workers: 1\nupstreams:\n  app: { servers: [ %s ] }\n"
	    "  files: { servers: [ %s ] }\nroutes:\n"
	    "  - { match: { host: files.test, path: /a/ }, upstream: files, ttl: 60s }\n"
	    "  - { match: { path: /static/ }, upstream: files }\n"
	    "  - { match: { host: app.test }, upstream: app }\n",
	    origin_url(app), origin_url(files));

	origin_answer(app, .path = "/*", .text = "app");
	origin_answer(files, .path = "/*", .text = "files");
	ck_assert(answers(d, "files.test", "/a/b", "files"));
	ck_assert(answers(d, "FILES.test:80", "/a/b", "files"));
	ck_assert_uint_eq(origin_requests(files, NULL), 1);	/* the same page, stored by ttl */
	ck_assert(answers(d, "app.test", "/static/x", "files"));
	ck_assert(answers(d, "app.test", "/", "app"));
	ck_assert(answers(d, "app.test:8080", "/a/b", "app"));
	ck_assert(!answers(d, "other.test", "/", "app"));
	ck_assert_uint_eq(origin_requests(app, NULL), 2);
	daemon_stop(d);
	origin_stop(app);
	origin_stop(files);
}
