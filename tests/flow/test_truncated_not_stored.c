/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend breaks off in a body: the clients' connections are cut, and nothing is stored. */
#include "tests/lib/flow.h"

static void
scenario(struct origin *o, struct daemon *d, const char *path)
{
	struct herd *h;

	origin_hold(o, path);
	h = herd_start(daemon_addr(d), 10, path);
	daemon_wait_stat(d, "parked", 10);
	origin_release(o, path);
	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 0), 10);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_le(herd_answer(h, i)->length, 5000);
	ck_assert_uint_eq(origin_requests(o, path), 1);
	daemon_wait_stat(d, "objects", 0);
	herd_free(h);
	/* The next one asks again, and gets it whole. */
	ck_assert_int_eq(client_status(daemon_addr(d), path, ""), 200);
	ck_assert_uint_eq(origin_requests(o, path), 2);
}

#define STORE	"Cache-Control: max-age=60\r\n"

FLOW(truncated_not_stored)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(o, .path = "/length", .times = 1, .bytes = 9000, .cut = true, .cut_at = 5000,
	    .fields = STORE);
	origin_answer(o, .path = "/chunked", .times = 1, .bytes = 9000, .cut = true, .cut_at = 5000,
	    .framing = ORIGIN_CHUNKED, .fields = STORE);
	origin_answer(o, .path = "/reset", .times = 1, .bytes = 9000, .cut = true, .cut_at = 5000,
	    .framing = ORIGIN_CHUNKED, .reset = true, .fields = STORE);
	origin_answer(o, .path = "/bad-chunk", .times = 1, .raw = "HTTP/1.1 200 OK\r\n" STORE
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\n");
	origin_answer(o, .path = "/*", .bytes = 9000);
	scenario(o, d, "/length");
	scenario(o, d, "/chunked");
	scenario(o, d, "/reset");
	scenario(o, d, "/bad-chunk");
	daemon_wait_stat(d, "error", 40);
	daemon_stop(d);
	origin_stop(o);
}
