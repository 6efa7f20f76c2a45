/* SPDX-License-Identifier: BSD-2-Clause */
/* Each way in which a backend may end its answer reaches HTTP/1.1 and HTTP/1.0 clients whole. */
#include "tests/lib/flow.h"

#define BYTES	200000

static const struct {
	const char		*target;
	enum origin_framing	 framing;
	unsigned		 minor;
} cases[] = {
	{ "/length1", ORIGIN_LENGTH, 1 },
	{ "/chunked1", ORIGIN_CHUNKED, 1 },
	{ "/close1", ORIGIN_CLOSE, 1 },
	{ "/length0", ORIGIN_LENGTH, 0 },
	{ "/chunked0", ORIGIN_CHUNKED, 0 },
	{ "/close0", ORIGIN_CLOSE, 0 },
};

FLOW(framings)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		origin_answer(o, .path = cases[i].target, .bytes = BYTES,
		    .framing = cases[i].framing, .fields = "Cache-Control: max-age=60\r\n");
		for (unsigned round = 0; round < 2; round++) {
			struct answer *a = client_exchangef(daemon_addr(d),
			    "GET %s HTTP/1.%u\r\nHost: test\r\n"
			    "Connection: close\r\n\r\n",
			    cases[i].target, cases[i].minor);

			ck_assert_msg(a->complete, "%s: %s", cases[i].target, a->fault);
			ck_assert_uint_eq(a->length, BYTES);
			ck_assert_uint_eq(a->sum, test_body_sum(BYTES));
			ck_assert(!a->chunked || cases[i].minor == 1);
			ck_assert(answer_says(a, "Cache-Status", "hit") == (round == 1));
			answer_free(a);
			daemon_wait_stat(d, "flights", 0);
		}
	}
	ck_assert_uint_eq(origin_requests(o, NULL), 6);
	daemon_stop(d);
	origin_stop(o);
}
