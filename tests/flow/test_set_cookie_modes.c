/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nobody gets a cookie that was set for another, stored or in flight, unless the route says so.
 * The backend never sets the same one twice.
 */
#include "tests/lib/flow.h"

#include <stdio.h>

#define HERD	20
#define SECOND	INT64_C(1000000)

static struct herd *
parked_herd(struct origin *o, struct daemon *d, const char *path, unsigned asked)
{
	struct herd *h;

	origin_hold(o, path);
	h = herd_start(daemon_addr(d), HERD, path);
	daemon_wait_stat(d, "parked", HERD);
	origin_wait_requests(o, path, asked);
	origin_release(o, path);
	herd_wait(h);
	daemon_wait_stat(d, "flights", 0);
	ck_assert_msg(herd_count(h, 200) == HERD, "%s: %u answers", path, herd_count(h, 200));
	return h;
}

/* How many have a cookie; each must have one of its own. */
static unsigned
cookies(struct herd *h, const char *path)
{
	bool seen[10 * HERD] = { false };
	unsigned n = 0;

	for (unsigned i = 0; i < HERD; i++) {
		const char *v = answer_field(herd_answer(h, i), "Set-Cookie");
		int nth;

		if (v == NULL)
			continue;
		ck_assert(sscanf(v, "n=%d", &nth) == 1 && nth > 0 && nth < 10 * HERD);
		ck_assert_msg(!seen[nth], "%s: two have the cookie %s", path, v);
		seen[nth] = true;
		n++;
	}
	return n;
}

/* What one more client gets: its cookie, or NULL. */
static char *
cookie_later(struct daemon *d, const char *path, bool hit)
{
	struct answer *a = client_get(daemon_addr(d), path, "");
	const char *v = answer_field(a, "Set-Cookie");
	char *copy = v != NULL ? test_text(v) : NULL;

	ck_assert_int_eq(a->status, 200);
	ck_assert_msg(answer_says(a, "Cache-Status", "hit") == hit, "%s: %s", path, a->head);
	answer_free(a);
	return copy;
}

/* The default: each his own, now and later. */
static void
private_mode(struct origin *o, struct daemon *d)
{
	struct herd *h;
	char *late;

	origin_answer(o, .path = "/private", .cookie = true, .text = "hello",
	    .fields = "Cache-Control: max-age=60\r\n");
	h = parked_herd(o, d, "/private", 1);
	ck_assert_uint_eq(cookies(h, "/private"), HERD);
	ck_assert_uint_eq(origin_requests(o, "/private"), HERD);
	late = cookie_later(d, "/private", false);
	ck_assert_str_eq(late, "n=21");
	ck_assert_int_eq(daemon_stat(d, "objects"), 0);
	free(late);
	herd_free(h);
}

static void
strip_mode(struct origin *o, struct daemon *d)
{
	struct herd *h;

	origin_answer(o, .path = "/strip", .cookie = true, .text = "hello",
	    .fields = "Cache-Control: max-age=60\r\n");
	h = parked_herd(o, d, "/strip", 1);
	ck_assert_uint_eq(cookies(h, "/strip"), 0);
	ck_assert_ptr_null(cookie_later(d, "/strip", true));
	ck_assert_uint_eq(origin_requests(o, "/strip"), 1);
	herd_free(h);
}

/* An answer for one, stored to be validated: the cookie is that one's, and not stored. */
static void
stripped_from_the_stored(struct origin *o, struct daemon *d)
{
	char *cookie;

	origin_answer(o, .path = "/strip/validated", .times = 1, .cookie = true, .text = "hello",
	    .fields = "Cache-Control: no-cache\r\nETag: \"1\"\r\n");
	origin_answer(o, .path = "/strip/validated", .status = 304,
	    .fields = "Cache-Control: no-cache\r\nETag: \"1\"\r\n");
	cookie = cookie_later(d, "/strip/validated", false);
	ck_assert_ptr_nonnull(cookie);
	ck_assert_str_eq(cookie, "n=1");
	free(cookie);
	daemon_wait_stat(d, "flights", 0);
	for (unsigned i = 0; i < 2; i++) {
		int64_t before = daemon_stat(d, "revalidated");

		ck_assert_ptr_null(cookie_later(d, "/strip/validated", false));
		ck_assert_int_eq(daemon_stat(d, "revalidated"), before + 1);
		daemon_wait_stat(d, "flights", 0);
	}
}

/* A field like any other. */
static void
store_mode(struct origin *o, struct daemon *d)
{
	struct herd *h;
	char *late;

	origin_answer(o, .path = "/store", .cookie = true, .text = "hello",
	    .fields = "Cache-Control: max-age=60\r\n");
	h = parked_herd(o, d, "/store", 1);
	for (unsigned i = 0; i < HERD; i++)
		ck_assert_str_eq(answer_field(herd_answer(h, i), "Set-Cookie"), "n=1");
	late = cookie_later(d, "/store", true);
	ck_assert_str_eq(late, "n=1");
	ck_assert_uint_eq(origin_requests(o, "/store"), 1);
	free(late);
	herd_free(h);
}

/* RFC 9111 5.2.2.4, 5.2.2.7: the rest is for everyone; the leader alone has the whole answer. */
static void
named_field(struct origin *o, struct daemon *d, const char *path, const char *fields)
{
	struct herd *h;

	origin_answer(o, .path = path, .cookie = true, .text = "hello", .fields = fields);
	h = parked_herd(o, d, path, 1);
	ck_assert_msg(cookies(h, path) == 1, "%s: %u cookies", path, cookies(h, path));
	ck_assert_ptr_null(cookie_later(d, path, true));
	ck_assert_uint_eq(origin_requests(o, path), 1);
	herd_free(h);
}

/* A 304 that sets a cookie sets it for the one whose request was sent. */
static void
not_modified(struct origin *o, struct daemon *d)
{
	struct herd *h;

	origin_answer(o, .path = "/304", .times = 1, .text = "hello",
	    .fields = "Cache-Control: max-age=10\r\nETag: \"1\"\r\n");
	origin_answer(o, .path = "/304", .cookie = true, .status = 304,
	    .fields = "Cache-Control: max-age=60\r\nETag: \"1\"\r\n");
	ck_assert_ptr_null(cookie_later(d, "/304", false));
	daemon_advance_clock(d, 20 * SECOND);
	h = parked_herd(o, d, "/304", 2);
	ck_assert_msg(cookies(h, "/304") == 1, "/304: %u cookies", cookies(h, "/304"));
	ck_assert_ptr_null(cookie_later(d, "/304", true));
	ck_assert_uint_eq(origin_requests(o, "/304"), 2);
	herd_free(h);
}

FLOW(set_cookie_modes)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /strip }, set_cookie: strip }\n"
	    "  - { match: { path: /store }, set_cookie: store }\n  - {}\n", origin_url(o));

	private_mode(o, d);
	strip_mode(o, d);
	stripped_from_the_stored(o, d);
	store_mode(o, d);
	named_field(o, d, "/no-cache", "Cache-Control: max-age=60, no-cache=\"Set-Cookie\"\r\n");
	named_field(o, d, "/named", "Cache-Control: max-age=60, private=\"set-cookie\"\r\n");
	not_modified(o, d);
	daemon_stop(d);
	origin_stop(o);
}
