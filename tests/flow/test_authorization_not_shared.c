/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers to Authorization stay with their client, unless the answer opens them (RFC 9111 3.5). */
#include "tests/lib/flow.h"

#define ALICE	"Authorization: Basic YWxpY2U6eA==\r\n"
#define BOB	"Authorization: Basic Ym9iOng=\r\n"

FLOW(authorization_not_shared)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));

	origin_answer(
	    o, .path = "/mine", .text = "hello", .fields = "Cache-Control: max-age=60\r\n");
	origin_answer(o, .path = "/public", .text = "hello",
	    .fields = "Cache-Control: public, max-age=60\r\n");
	origin_answer(
	    o, .path = "/s-maxage", .text = "hello", .fields = "Cache-Control: s-maxage=60\r\n");

	ck_assert_int_eq(client_status(daemon_addr(d), "/mine", ALICE), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/mine", ALICE), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/mine", BOB), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/mine", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/mine"), 4);

	ck_assert_int_eq(client_status(daemon_addr(d), "/public", ALICE), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/public", BOB), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/public", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/public"), 1);
	ck_assert_int_eq(client_status(daemon_addr(d), "/s-maxage", ALICE), 200);
	ck_assert_int_eq(client_status(daemon_addr(d), "/s-maxage", ""), 200);
	ck_assert_uint_eq(origin_requests(o, "/s-maxage"), 1);
	daemon_stop(d);
	origin_stop(o);
}
