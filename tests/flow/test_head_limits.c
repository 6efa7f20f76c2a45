/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads that are too large: 414 and 431; at the limits they pass. */
#include <stdio.h>

#include "tests/lib/flow.h"

static int
status(struct daemon *d, size_t uri, size_t field, unsigned fields)
{
	char *text = test_alloc(200000), *p = text;
	struct answer *a;
	int s;

	p += sprintf(
	    p, "GET /%0*d HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", (int)uri - 1, 0);
	if (field > 0)
		p += sprintf(p, "X: %0*d\r\n", (int)field, 0);
	for (unsigned i = 0; i < fields; i++)
		p += sprintf(p, "F%u: x\r\n", i);
	p += sprintf(p, "\r\n");
	a = client_exchange(daemon_addr(d), text, (size_t)(p - text));
	s = a->complete ? a->status : 0;
	answer_free(a);
	free(text);
	return s;
}

FLOW(head_limits)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n"
	    "limits: { uri: 1KiB, header_bytes: 8KiB, header_fields: 20 }\n", origin_url(o));
	unsigned passed;

	origin_answer(o, .path = "/*", .text = "hello");
	ck_assert_int_eq(status(d, 400, 0, 0), 200);
	ck_assert_int_eq(status(d, 1025, 0, 0), 414);
	ck_assert_int_eq(status(d, 100000, 0, 0), 414);
	ck_assert_int_eq(status(d, 10, 4000, 0), 200);
	ck_assert_int_eq(status(d, 10, 8 * 1024, 0), 431);
	ck_assert_int_eq(status(d, 10, 150000, 0), 431);
	ck_assert_int_eq(status(d, 10, 0, 18), 200);
	ck_assert_int_eq(status(d, 10, 0, 19), 431);
	passed = origin_requests(o, NULL);
	ck_assert_uint_eq(passed, 3);
	daemon_wait_stat(d, "error", 5);
	daemon_stop(d);
	origin_stop(o);
}
