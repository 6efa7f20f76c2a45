/* SPDX-License-Identifier: BSD-2-Clause */
/* Each of the backend's timeouts ends in a 504, or in a cut connection once bytes were sent on. */
#include "tests/lib/flow.h"

static struct daemon *
start(struct origin *o, const char *timeouts)
{
	return daemon_start("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    timeouts: %s\n", origin_url(o), timeouts);
}

static void
before_the_head(struct origin *o, const char *timeouts, const char *path)
{
	struct daemon *d = start(o, timeouts);

	origin_hold(o, path);
	ck_assert_int_eq(client_status(daemon_addr(d), path, ""), 504);
	origin_wait_given_up(o, path, 1);
	daemon_wait_stat(d, "error", 1);
	daemon_wait_stat(d, "upstream_errors", 1);
	daemon_stop(d);
}

static void
in_the_body(struct origin *o, const char *timeouts, const char *path)
{
	struct daemon *d = start(o, timeouts);
	struct answer *a;

	origin_piece(o, path, 1);
	a = client_get(daemon_addr(d), path, "");
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->fault, "cut short");
	ck_assert_uint_eq(a->length, 100);
	answer_free(a);
	origin_wait_given_up(o, path, 1);
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	daemon_stop(d);
}

FLOW(timeouts)
{
	struct origin *o = origin_start();

	origin_answer(o, .path = "/body*", .bytes = 1000, .piece = 100,
	    .fields = "Cache-Control: max-age=60\r\n");
	before_the_head(o, "{ first_byte: 200ms }", "/first-byte");
	before_the_head(o, "{ total: 200ms }", "/total");
	in_the_body(o, "{ idle: 200ms }", "/body-idle");
	in_the_body(o, "{ total: 400ms }", "/body-total");
	origin_stop(o);
}
