/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the backend says to caches of our kind goes before what it says to all: CDN-Cache-Control
 * (RFC 9213), which is passed on, then Surrogate-Control, which is not; not after a 304 either.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)

static const struct {
	const char	*target, *fields;
	bool		 stored;
	unsigned	 fresh_s;	/* for at least so long, and not for twice that */
} cases[] = {
    {"/a", "Cache-Control: no-store\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/b", "Cache-Control: max-age=10\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/c", "Cache-Control: s-maxage=10\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/d", "Cache-Control: max-age=900\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/e", "Cache-Control: private\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/f", "Expires: 0\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/g", "CDN-Cache-Control: max-age=100, unknown=\"x\";a, other\r\n", true, 100},
    {"/h", "CDN-Cache-Control: max-age=10\r\ncdn-cache-control: max-age=100\r\n", true, 100},
    {"/i", "Cache-Control: max-age=100\r\nCDN-Cache-Control: max-age=100, no-store\r\n", false, 0},
    {"/j", "Cache-Control: max-age=100\r\nCDN-Cache-Control: private, max-age=100\r\n", false, 0},
    {"/k", "Cache-Control: max-age=100\r\nCDN-Cache-Control: max-age=100, no-cache\r\n", false, 0},
    {"/l", "Cache-Control: max-age=100\r\nCDN-Cache-Control: max-age=0\r\n", false, 0},
    {"/m", "Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\nCDN-Cache-Control: must-revalidate\r\n",
	false, 0},
    /* No structured field (RFC 9213 2.1): as if it weren't there. */
    {"/n", "Cache-Control: max-age=100\r\nCDN-Cache-Control: no-store, max-age=\r\n", true, 100},
    {"/o", "Cache-Control: max-age=100\r\nCDN-Cache-Control: No-Store\r\n", true, 100},
    {"/p", "Cache-Control: max-age=100\r\nCDN-Cache-Control: no-store;\r\n", true, 100},
    {"/q", "Cache-Control: max-age=100\r\nCDN-Cache-Control: no-store, &\r\n", true, 100},
    {"/r", "Cache-Control: max-age=100\r\nCDN-Cache-Control:\r\n", true, 100},
    {"/s", "Cache-Control: no-store\r\nCDN-Cache-Control: max-age=100 max-age=100\r\n", false, 0},
    /* Surrogate-Control */
    {"/S/a", "Cache-Control: no-store\r\nSurrogate-Control: max-age=100\r\n", true, 100},
    {"/S/b", "Cache-Control: max-age=10\r\nSurrogate-Control: max-age=100+1\r\n", true, 100},
    {"/S/c", "Cache-Control: max-age=100\r\nSurrogate-Control: max-age=100, no-store\r\n",
	false, 0},
    {"/S/d", "Surrogate-Control: max-age=10\r\nCDN-Cache-Control: max-age=100\r\n", true, 100},
    {"/S/e", "Surrogate-Control: max-age=100\r\nCDN-Cache-Control: max-age=100, no-store\r\n",
	false, 0},
    {"/S/f", "Surrogate-Control: max-age=100\r\nCDN-Cache-Control: ?\r\n", true, 100},
    {"/S/g", "Cache-Control: max-age=100\r\nSurrogate-Control: no-store;Varnish\r\n", true, 100},
    {"/S/h", "Surrogate-Control: content=\"ESI/1.0\", max-age=100\r\n", true, 100},
};

/* The answer's fields are the backend's, but for Surrogate-Control. */
static bool
fields_right(const struct answer *a, const char *fields)
{
	bool cdn = strstr(fields, "CDN-Cache-Control") != NULL;
	bool plain = strncmp(fields, "Cache-Control", 13) == 0;

	return (answer_field(a, "CDN-Cache-Control") != NULL) == cdn &&
	    (answer_field(a, "Cache-Control") != NULL) == plain &&
	    answer_field(a, "Surrogate-Control") == NULL;
}

static void
ask(struct daemon *d, size_t i)
{
	struct answer *a = client_get(daemon_addr(d), cases[i].target, "");

	ck_assert_int_eq(a->status, 200);
	ck_assert_msg(fields_right(a, cases[i].fields), "%s", a->head);
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

static void
one_case(struct origin *o, struct daemon *d, size_t i)
{
	const char *target = cases[i].target;

	origin_answer(o, .path = target, .text = "hello", .fields = cases[i].fields);
	ask(d, i);
	ask(d, i);
	ck_assert_msg(origin_requests(o, target) == (cases[i].stored ? 1 : 2), "%s: %u fetches",
	    cases[i].fields, origin_requests(o, target));
	if (!cases[i].stored)
		return;
	daemon_advance_clock(d, cases[i].fresh_s / 2 * SECOND);
	ask(d, i);
	ck_assert_msg(origin_requests(o, target) == 1, "%s: expired early", cases[i].fields);
	daemon_advance_clock(d, cases[i].fresh_s * SECOND);
	ask(d, i);
	ck_assert_msg(origin_requests(o, target) == 2, "%s: still fresh", cases[i].fields);
}

static void
silent(struct daemon *d, const char *fields, int status, const char *says)
{
	struct answer *a = client_get(daemon_addr(d), "/304", fields);

	ck_assert_int_eq(a->status, status);
	ck_assert_msg(answer_says(a, "Cache-Status", says), "%s", a->head);
	ck_assert_msg(answer_field(a, "Surrogate-Control") == NULL, "%s", a->head);
	ck_assert_str_eq(answer_field(a, "CDN-Cache-Control"), "bad;");
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

/* It renews what is stored and is still not passed on: by nothing that is made of the object. */
static void
not_modified(struct origin *o, struct daemon *d)
{
	origin_answer(o, .path = "/304", .text = "hello", .fields = "CDN-Cache-Control: bad;\r\n"
	    "Surrogate-Control: max-age=100\r\nCache-Control: no-store\r\nETag: \"1\"\r\n",
	    .fields_304 = "Surrogate-Control: max-age=200\r\nETag: \"1\"\r\n");
	silent(d, "", 200, "fwd=uri-miss");
	silent(d, "", 200, "hit");
	daemon_advance_clock(d, 150 * SECOND);
	silent(d, "", 200, "fwd-status=304");
	daemon_advance_clock(d, 150 * SECOND);
	silent(d, "", 200, "hit");
	silent(d, "If-None-Match: \"1\"\r\n", 304, "hit");
	silent(d, "Range: bytes=1-2\r\n", 206, "hit");
	silent(d, "Range: bytes=0-0,3-3\r\n", 206, "hit");
	ck_assert_uint_eq(origin_requests(o, "/304"), 2);
}

FLOW(targeted_control)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 1\n", origin_url(o));

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		one_case(o, d, i);
	not_modified(o, d);
	daemon_stop(d);
	origin_stop(o);
}
