/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/hdr.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

static void
add(struct head *h, const char *name, const char *value)
{
	hdr_add(h, slice_str(name), slice_str(value));
}

START_TEST(add_find_remove)
{
	struct head h = { 0 };
	const struct hdr_field *f;
	char name[16];

	ck_assert_ptr_null(hdr_get(&h, SLICE("A")));
	add(&h, "A", "1");
	add(&h, "B", "2");
	add(&h, "a", "3");
	f = hdr_get(&h, SLICE("a"));
	ck_assert(slice_eq(f->value, SLICE("1")));
	f = hdr_next(&h, SLICE("A"), f);
	ck_assert(slice_eq(f->value, SLICE("3")));
	ck_assert_ptr_null(hdr_next(&h, SLICE("A"), f));
	ck_assert_uint_eq(hdr_count(&h, SLICE("A")), 2);
	ck_assert_uint_eq(hdr_remove(&h, SLICE("a")), 2);
	ck_assert_uint_eq(hdr_remove(&h, SLICE("a")), 0);
	ck_assert_uint_eq(h.n, 1);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "n%d", i);
		add(&h, name, "v");
	}
	ck_assert_uint_eq(h.n, 101);
	ck_assert(slice_eq(h.f[0].name, SLICE("B")));
	ck_assert(slice_eq(h.f[100].name, SLICE("n99")));
	head_fini(&h);
	ck_assert_uint_eq(h.n, 0);
	head_fini(&h);
}
END_TEST

START_TEST(tokens)
{
	struct head h = { 0 };

	add(&h, "Connection", "foo , \"close, x\",");
	add(&h, "connection", "Keep-Alive");
	ck_assert(hdr_has_token(&h, SLICE("Connection"), SLICE("FOO")));
	ck_assert(hdr_has_token(&h, SLICE("Connection"), SLICE("keep-alive")));
	ck_assert(!hdr_has_token(&h, SLICE("Connection"), SLICE("close")));
	ck_assert(!hdr_has_token(&h, SLICE("Connection"), SLICE("fo")));
	ck_assert(!hdr_has_token(&h, SLICE("Other"), SLICE("foo")));
	head_fini(&h);
}
END_TEST

START_TEST(copies_are_deep)
{
	struct head h = { .minor = 1, .status = 200, .framing = FRAMING_LENGTH, .length = 9,
	    .keep_alive = true };
	struct head c = { 0 };
	char *text = strdup("GET");

	h.method = slice_str(text);
	h.target = h.path = SLICE("/x");
	h.authority = SLICE("a");
	h.reason = SLICE("OK");
	add(&h, "A", "1");
	add(&h, "B", "");
	head_copy(&c, &h);
	head_fini(&h);
	memset(text, 'x', 3);
	free(text);
	ck_assert(method_is(&c, "GET"));
	ck_assert(slice_eq(c.path, SLICE("/x")));
	ck_assert(slice_eq(c.target, SLICE("/x")));
	ck_assert(slice_eq(c.authority, SLICE("a")));
	ck_assert(slice_eq(c.reason, SLICE("OK")));
	ck_assert(slice_eq(hdr_get(&c, SLICE("a"))->value, SLICE("1")));
	ck_assert_uint_eq(hdr_get(&c, SLICE("b"))->value.n, 0);
	ck_assert_int_eq(c.status, 200);
	ck_assert_uint_eq(c.length, 9);
	ck_assert(c.keep_alive);
	add(&c, "C", "3");
	ck_assert_uint_eq(c.n, 3);
	head_fini(&c);
	head_copy(&c, &h);
	ck_assert_uint_eq(c.n, 0);
	head_fini(&c);
}
END_TEST

START_TEST(hop_by_hop)
{
	static const char *const gone[] = {
		"Connection", "keep-alive", "PROXY-Connection", "TE", "Transfer-Encoding",
		"Upgrade",
		"Trailer", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info",
		"X-Named", "y-NAMED", "HTTP2-Settings",
	};
	static const char *const kept[] = {
		"Content-Length", "Host", "Cache-Control", "Set-Cookie", "Authorization", "Vary",
		"X-Forwarded-For", "If-None-Match", "Via", "X-Name", "Accept",
	};
	struct head h = { 0 };

	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
		add(&h, gone[i], "close");
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		add(&h, kept[i], "1");
	add(&h, "Connection",
	    "x-named, Content-Length, host,cache-control,set-cookie,, authorization");
	add(&h, "connection", "Y-Named, vary, x-forwarded-for, if-none-match, via, http2-settings");
	add(&h, "Transfer-encoding", "chunked");
	hdr_remove_hop_by_hop(&h);
	ck_assert_uint_eq(h.n, sizeof kept / sizeof kept[0]);
	for (size_t i = 0; i < h.n; i++)
		ck_assert(slice_eq(h.f[i].name, slice_str(kept[i])));
	hdr_remove_hop_by_hop(&h);
	ck_assert_uint_eq(h.n, sizeof kept / sizeof kept[0]);
	head_fini(&h);
}
END_TEST

/* Each with each, these would be a billion comparisons. */
START_TEST(hop_by_hop_is_not_quadratic)
{
	struct head h = { 0 };
	struct buf b = { 0 };
	clock_t start = clock();

	for (int i = 0; i < 1000000; i++)
		buf_addf(&b, "%06d,", i);
	for (int i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof name, "x%05d", i);
		add(&h, name, "");
	}
	hdr_add(&h, SLICE("Connection"), buf_slice(&b));
	add(&h, "000123", "named");
	hdr_remove_hop_by_hop(&h);
	ck_assert_uint_eq(h.n, 1000);
	ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 10);
	buf_fini(&b);
	head_fini(&h);
}
END_TEST

START_TEST(claims_of_a_client)
{
	static const char *const gone[] = {
		"X-Forwarded-For", "x-forwarded-port", "X-FORWARDED-Prefix", "X-Forwarded-Host",
		"X-Forwarded-Anything", "X-Forwarded-", "Forwarded", "x-real-ip", "X-Original-URL",
		"X-Rewrite-URL",
	};
	static const char *const kept[] = {
		"X-Forwarded", "X-Forward-For", "Via", "X-Real-IPs", "Host", "XX-Forwarded-For",
		"X",
		"Forwarded-For",
	};
	struct head h = { 0 };

	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
		ck_assert_msg(hdr_is_forwarded(slice_str(gone[i])), "%s", gone[i]);
		add(&h, gone[i], "1");
		add(&h, gone[i], "2");
	}
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		ck_assert_msg(!hdr_is_forwarded(slice_str(kept[i])), "%s", kept[i]);
		add(&h, kept[i], "1");
	}
	hdr_remove_forwarded(&h);
	ck_assert_uint_eq(h.n, sizeof kept / sizeof kept[0]);
	for (size_t i = 0; i < h.n; i++)
		ck_assert(slice_eq(h.f[i].name, slice_str(kept[i])));
	head_fini(&h);
}
END_TEST

START_TEST(emission)
{
	struct head h = { 0 };
	struct buf b = { 0 };

	add(&h, "A", "1");
	add(&h, "Empty", "");
	add(&h, "X", "t\tx\xff");
	hdr_emit(&h, &b);
	ck_assert_str_eq(buf_str(&b), "A: 1\r\nEmpty: \r\nX: t\tx\xff\r\n");
	buf_fini(&b);
	head_fini(&h);
}
END_TEST

static const struct hdr_field unsafe[] = {
	{ SLICE_INIT("A"), SLICE_INIT("b\r\nC: d") },
	{ SLICE_INIT("A"), SLICE_INIT("b\n") },
	{ SLICE_INIT("A"), SLICE_INIT("\r") },
	{ SLICE_INIT("A"), SLICE_INIT("b\0c") },
	{ SLICE_INIT("A: b\r\nC"), SLICE_INIT("d") },
	{ SLICE_INIT("A:"), SLICE_INIT("d") },
	{ SLICE_INIT("A b"), SLICE_INIT("d") },
	{ SLICE_INIT("A\x80"), SLICE_INIT("d") },
	{ SLICE_INIT(""), SLICE_INIT("d") },
};

START_TEST(emission_refuses_what_would_split)
{
	struct buf b = { 0 };

	hdr_emit_field(&b, unsafe[_i].name, unsafe[_i].value);
}
END_TEST

START_TEST(methods)
{
	ck_assert(method_is_safe(SLICE("GET")));
	ck_assert(method_is_safe(SLICE("PROPFIND")));
	ck_assert(!method_is_safe(SLICE("get")));
	ck_assert(!method_is_safe(SLICE("POST")));
	ck_assert(!method_is_safe(SLICE("PUT")));
	ck_assert(!method_is_safe(SLICE("PURGE")));
	ck_assert(method_is_idempotent(SLICE("TRACE")));
	ck_assert(method_is_idempotent(SLICE("PUT")));
	ck_assert(method_is_idempotent(SLICE("DELETE")));
	ck_assert(!method_is_idempotent(SLICE("POST")));
	ck_assert(!method_is_idempotent(SLICE("PATCH")));
	ck_assert_str_eq(status_reason(200), "OK");
	ck_assert_str_eq(status_reason(431), "Request Header Fields Too Large");
	ck_assert_str_eq(status_reason(299), "");
}
END_TEST

static Suite *
hdr_suite(void)
{
	Suite *s = suite_create("hdr");
	TCase *tc = tcase_create("hdr");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, add_find_remove);
	tcase_add_test(tc, tokens);
	tcase_add_test(tc, copies_are_deep);
	tcase_add_test(tc, hop_by_hop);
	tcase_add_test(tc, hop_by_hop_is_not_quadratic);
	tcase_add_test(tc, claims_of_a_client);
	tcase_add_test(tc, emission);
	tcase_add_loop_test_raise_signal(tc, emission_refuses_what_would_split, SIGABRT, 0,
	    sizeof unsafe / sizeof unsafe[0]);
	tcase_add_test(tc, methods);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(hdr_suite)
