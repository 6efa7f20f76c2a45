/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests sent all at once are answered one by one, in their order, misses and hits alike. */
#include <stdio.h>

#include "tests/lib/flow.h"

#define REQUESTS	50

FLOW(pipelining_in_order)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *c = client_open(daemon_addr(d));
	char text[REQUESTS * 128];
	size_t n = 0;

	/* Each has a length of its own, by which its answer is known. */
	for (unsigned i = 0; i < REQUESTS; i++) {
		static char paths[REQUESTS][16];

		snprintf(paths[i], sizeof paths[i], "/p%u", i);
		origin_answer(o, .path = paths[i], .bytes = 1000 + i,
		    .delay_ms = i % 3 == 0 ? 5 : 0, .fields = "Cache-Control: max-age=60\r\n");
		if (i % 2 == 0)
			ck_assert_int_eq(client_status(daemon_addr(d), paths[i], ""), 200);
	}
	for (unsigned i = 0; i < REQUESTS; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		    i % 5 == 1 ? "POST /p%u HTTP/1.1\r\nHost: test\r\nContent-Length: "
				 "18\r\n\r\nGET / HTTP/1.1\r\n\r\n"
			       : "GET /p%u HTTP/1.1\r\nHost: test\r\n\r\n",
		    i);
	client_send(c, text, n);
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct answer *a = client_answer(c);

		ck_assert_msg(a->complete, "%u: %s", i, a->fault);
		ck_assert_uint_eq(a->length, 1000 + i);
		ck_assert_uint_eq(a->sum, test_body_sum(1000 + i));
	}
	ck_assert_uint_eq(origin_requests(o, "/"), 0);
	daemon_wait_stat(d, "requests", REQUESTS + REQUESTS / 2);
	client_close(c);
	daemon_stop(d);
	origin_stop(o);
}
