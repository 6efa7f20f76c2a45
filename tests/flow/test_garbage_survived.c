/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever bytes come and however clients go, the daemon goes on, keeps nothing open and forgets
 * nobody.
 */
#include "tests/lib/flow.h"

static uint32_t
chance(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Parts of requests, cut and mixed. */
static size_t
garbage(uint32_t *state, char *out, size_t size)
{
	static const char *const parts[] = {"GET /p HTTP/1.1\r\n", "Host: test\r\n", "\r\n",
	    "POST /q HTTP/1.1\r\n", "Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n",
	    "5\r\nhello\r\n", "0\r\n\r\n", "Expect: 100-continue\r\n", "\n", ": ", "HTTP/1.0\r\n"};
	size_t n = 0;

	for (uint32_t k = chance(state) % 12; k > 0; k--) {
		const char *part = parts[chance(state) % 12];
		size_t len = strlen(part);

		if (n + len + 1 >= size)
			break;
		memcpy(out + n, part, len);
		n += len;
		if (chance(state) % 8 == 0)
			out[n++] = (char)chance(state);
	}
	return n;
}

FLOW(garbage_survived)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	unsigned files;
	uint32_t state = 1;
	char text[1024];

	origin_answer(o, .path = "/*", .text = "hello");
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	files = daemon_files(d);
	for (unsigned i = 0; i < 500; i++) {
		struct client *c = client_open(daemon_addr(d));

		client_send(c, text, garbage(&state, text, sizeof text));
		switch (chance(&state) % 4) {
		case 0:
			client_close(c);
			break;
		case 1:
			client_half_close(c);
			client_closed(c);
			client_close(c);
			break;
		default:
			client_reset(c);
			break;
		}
	}
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	/* A handful of kept connections to the backend may be new. */
	for (int64_t deadline = test_deadline(); daemon_files(d) > files + 64;)
		ck_assert_int_gt(test_left(deadline), 0);
	daemon_stop(d);
	origin_stop(o);
}
