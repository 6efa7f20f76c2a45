/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 8246: what is immutable is not asked for again while it is fresh, whatever age a client that
 * may have its will names; only its no-cache is.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static void
ask(struct origin *o, struct daemon *d, const char *path, const char *fields, bool asked)
{
	unsigned before = origin_requests(o, path);

	ck_assert_int_eq(client_status(daemon_addr(d), path, fields), 200);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_msg(origin_requests(o, path) == before + asked, "%s: %s", path, fields);
}

FLOW(immutable)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 1\nroutes:\n"
	    "  - { client_control: obey }\n", origin_url(o));

	origin_answer(o, .path = "/fixed", .text = "hello",
	    .fields = "Cache-Control: max-age=100, immutable\r\nETag: \"1\"\r\n",
	    .fields_304 = "ETag: \"1\"\r\n");
	origin_answer(o, .path = "/plain", .text = "hello",
	    .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n",
	    .fields_304 = "ETag: \"1\"\r\n");
	ask(o, d, "/fixed", "", true);
	ask(o, d, "/plain", "", true);
	daemon_advance_clock(d, 10 * SECOND);
	ask(o, d, "/fixed", "Cache-Control: max-age=0\r\n", false);
	ask(o, d, "/plain", "Cache-Control: max-age=0\r\n", true);
	ask(o, d, "/fixed", "Cache-Control: max-age=5\r\n", false);
	ask(o, d, "/fixed", "Cache-Control: no-cache\r\n", true);
	/* It still is, after a 304 that doesn't say it again. */
	ask(o, d, "/fixed", "Cache-Control: max-age=0\r\n", false);
	/* And isn't when its time is over. */
	daemon_advance_clock(d, 110 * SECOND);
	ask(o, d, "/fixed", "Cache-Control: max-age=1000\r\n", true);
	ask(o, d, "/fixed", "Cache-Control: max-age=0\r\n", false);
	daemon_stop(d);
	origin_stop(o);
}
