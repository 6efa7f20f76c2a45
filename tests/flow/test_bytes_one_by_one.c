/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests that come byte by byte, head and body, are the same requests. */
#include "tests/lib/flow.h"

#define TEXT	"GET /a HTTP/1.1\r\nHost: test\r\nX: y\r\n\r\n" \
	"POST /b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" \
	"5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\nT: u\r\n\r\n" \
	"PUT /c HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"

FLOW(bytes_one_by_one)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));

	origin_answer(o, .path = "/a", .text = "one");
	origin_answer(o, .path = "/b", .text = "two");
	origin_answer(o, .path = "/c", .text = "three");
	for (size_t i = 0; i < strlen(TEXT); i++) {
		client_send(c, &TEXT[i], 1);
		/* The daemon has served another client since: it has read the byte. */
		ck_assert_int_eq(client_status(daemon_addr(d), "/other", ""), 404);
	}
	ck_assert_str_eq(client_answer(c)->body, "one");
	ck_assert_str_eq(client_answer(c)->body, "two");
	ck_assert_str_eq(client_answer(c)->body, "three");
	ck_assert(strcmp(origin_request(o, "/b", 0).body, "hello world") == 0);
	ck_assert(strcmp(origin_request(o, "/c", 0).body, "hello") == 0);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
