/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a backend sends past the end of an answer is nobody's: not the next request's answer, and
 * its connection is not used again.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define POISON	"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

FLOW(bytes_past_the_end)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n"
	    "routes: [ { match: { path: /304 }, cache: off }, {} ]\n", origin_url(o));
	static const char *const paths[] = { "/length", "/chunked", "/empty", "/304", "/head" };

	origin_answer(o, .path = "/length", .text = "hello", .after = POISON);
	origin_answer(
	    o, .path = "/chunked", .text = "hello", .framing = ORIGIN_CHUNKED, .after = POISON);
	origin_answer(o, .path = "/empty", .status = 204, .after = POISON);
	origin_answer(o, .path = "/304", .status = 304, .after = POISON);
	origin_answer(o, .path = "/head", .text = "hello", .after = POISON);
	origin_answer(o, .path = "/clean*", .text = "clean");
	for (unsigned i = 0; i < 5; i++) {
		struct client *c = client_open(daemon_addr(d));
		char clean[16];
		struct answer *a;

		client_sendf(
		    c, "%s %s HTTP/1.1\r\nHost: test\r\nIf-None-Match: \"x\"\r\n\r\n",
		    i == 4 ? "HEAD" : "GET", paths[i]);
		a = i == 4 ? client_answer_to_head(c) : client_answer(c);
		ck_assert_msg(a->complete, "%s: %s", paths[i], a->fault);
		ck_assert_uint_eq(a->length, i < 2 ? 5 : 0);
		snprintf(clean, sizeof clean, "/clean%u", i);
		client_ask(c, clean, "");
		a = client_answer(c);
		ck_assert(a->complete);
		ck_assert_msg(strcmp(a->body, "clean") == 0, "after %s: %s", paths[i], a->body);
		client_close(c);
		/* The clean answer came on a connection of its own. */
		ck_assert_uint_ne(origin_request(o, paths[i], 0).connection,
		    origin_request(o, clean, 0).connection);
	}
	daemon_stop(d);
	origin_stop(o);
}
