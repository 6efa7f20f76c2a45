/* SPDX-License-Identifier: BSD-2-Clause */
/* 1xx heads of a backend are not the answer; the final one is. */
#include "tests/lib/flow.h"

FLOW(interim_answers)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));

	origin_answer(o, .path = "/*", .text = "hello", .before = "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
	for (unsigned i = 0; i < 3; i++) {
		struct answer *a = client_get(daemon_addr(d), "/p", "");

		ck_assert(a->complete);
		ck_assert_int_eq(a->status, 200);
		ck_assert_str_eq(a->body, "hello");
		answer_free(a);
	}
	ck_assert_uint_eq(origin_connections(o), 1);
	daemon_stop(d);
	origin_stop(o);
}
