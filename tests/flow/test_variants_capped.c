/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A key keeps so many variants, the last that came; more of them at once than are worth finding
 * fetch for themselves.  Each client has its own all the same.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define KEPT	8u		/* as the manual says */
#define SEVERAL	20u
#define CROWD	100u		/* more than are looked for among the flights */

static int
ask(struct daemon *d, const char *path, unsigned group, const char *fields)
{
	char text[128], body[16];
	struct answer *a;
	int status;

	snprintf(text, sizeof text, "X-Group: %u\r\n%s", group, fields);
	snprintf(body, sizeof body, "%u", group);
	a = client_get(daemon_addr(d), path, text);
	status = a->status;
	ck_assert_msg(status == 504 || strcmp(a->body, body) == 0, "%u got %s", group, a->body);
	answer_free(a);
	return status;
}

static void
one_by_one(struct origin *o, struct daemon *d)
{
	for (unsigned i = 0; i < SEVERAL; i++) {
		ck_assert_int_eq(ask(d, "/several", i, ""), 200);
		daemon_wait_stat(d, "flights", 0);
		ck_assert_int_eq(daemon_stat(d, "objects"), i < KEPT ? i + 1 : KEPT);
	}
	for (unsigned i = 0; i < SEVERAL; i++)
		ck_assert_int_eq(ask(d, "/several", i, "Cache-Control: only-if-cached\r\n"),
		    i < SEVERAL - KEPT ? 504 : 200);
	/* One that went comes back, for the oldest. */
	ck_assert_int_eq(ask(d, "/several", 0, ""), 200);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_int_eq(ask(d, "/several", 0, "Cache-Control: only-if-cached\r\n"), 200);
	ck_assert_int_eq(ask(d, "/several", SEVERAL - KEPT,
	    "Cache-Control: only-if-cached\r\n"), 504);
	ck_assert_uint_eq(origin_requests(o, "/several"), SEVERAL + 1);
	ck_assert_int_eq(daemon_purge(d, "http://test/several"), KEPT);
}

static void
all_at_once(struct origin *o, struct daemon *d)
{
	struct client *c[2][CROWD];
	char field[64], body[16];

	ck_assert_int_eq(ask(d, "/crowd", CROWD, ""), 200);
	origin_hold(o, "/crowd");
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < CROWD; i++) {
			c[k][i] = client_open(daemon_addr(d));
			snprintf(field, sizeof field, "X-Group: %u\r\n", i);
			client_ask(c[k][i], "/crowd", field);
		}
	daemon_wait_stat_least(d, "flights", CROWD);
	origin_wait_requests(o, "/crowd", 1 + CROWD);
	origin_release(o, "/crowd");
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < CROWD; i++) {
			snprintf(body, sizeof body, "%u", i);
			ck_assert_str_eq(client_answer(c[k][i])->body, body);
			client_close(c[k][i]);
		}
	daemon_wait_stat(d, "flights", 0);
	ck_assert_uint_le(origin_requests(o, "/crowd"), 1 + 2 * CROWD);
	ck_assert_int_eq(daemon_stat(d, "objects"), KEPT);
}

FLOW(variants_capped)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 2\nupstreams:\n  default:\n"
	    "    servers: [ %s ]\n    max_connections: 300\n", origin_url(o));

	origin_answer(o, .path = "/*", .echo = "X-Group",
	    .fields = "Cache-Control: max-age=60\r\nVary: X-Group\r\n");
	one_by_one(o, d);
	all_at_once(o, d);
	daemon_stop(d);
	origin_stop(o);
}
