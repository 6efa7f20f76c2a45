/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/fresh.h"

#include "tests/unit/unit.h"

#define S		USEC_PER_SEC

/* The answer comes at 10:00:00.7 on 6 November 1994, half a second after the request went. */
static const struct now asked = { .mono = 1000 * S, .wall = 784116000 * S + 200000 };
static const struct now answered = { .mono = 1000 * S + 500000, .wall = 784116000 * S + 700000 };
#define DATE_NOW	"Date: Sun, 06 Nov 1994 10:00:00 GMT"

struct verdict {
	const char		*name;
	const char		*method;
	const char		*req[3];	/* "Name: value" */
	int			 status;
	const char		*resp[4];
	struct fresh_policy	 policy;
	enum fresh_class	 class;
	const char		*why;
	int64_t			 lifetime_ms, age_ms;
};

#define CC		"Cache-Control: "
#define STORED(l, a)	FRESH_STORE, "ok", l, a
#define SHARED(why)	FRESH_SHARE, why, 0, 500
#define ALONE(why)	FRESH_ALONE, why, 0, 500
#define ALWAYS		{ .share_always = true }
#define TTL		{ .ttl = 10 * S }

static const struct verdict verdicts[] = {
	/* lifetimes */
	{ "9111 4.2.1 max-age", "GET", {0}, 200, { CC "max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 4.2.1 s-maxage first", "GET", {0}, 200, { CC "max-age=60, s-maxage=5" }, {0},
	    STORED(5000, 500) },
	{ "9111 4.2.1 Expires", "GET", {0}, 200, { DATE_NOW, "Expires: Sun, 06 Nov 1994 10:01:00 GMT" },
	    {0}, STORED(60000, 500) },
	{ "9111 4.2.1 Expires without Date", "GET", {0}, 200, { "Expires: Sun, 06 Nov 1994 10:01:00 GMT" },
	    {0}, STORED(60000, 500) },
	{ "9111 5.3 max-age over Expires", "GET", {0}, 200, { CC "max-age=60", "Expires: 0" },
	    {0}, STORED(60000, 500) },
	{ "9111 5.3 Expires: 0", "GET", {0}, 200, { "Expires: 0" }, TTL, SHARED("stale-on-arrival") },
	{ "9111 5.3 Expires in the past", "GET", {0}, 200,
	    { DATE_NOW, "Expires: Sun, 06 Nov 1994 09:00:00 GMT" }, TTL, SHARED("stale-on-arrival") },
	{ "9111 4.2.1 malformed max-age", "GET", {0}, 200,
	    { CC "max-age=x", "Expires: Sun, 06 Nov 1994 10:01:00 GMT" }, TTL,
	    SHARED("stale-on-arrival") },
	{ "9111 4.2.1 malformed s-maxage", "GET", {0}, 200, { CC "s-maxage=, max-age=60" },
	    TTL, SHARED("stale-on-arrival") },
	{ "9111 4.2.1 max-age=0", "GET", {0}, 200, { CC "max-age=0" }, TTL,
	    SHARED("stale-on-arrival") },
	{ "9111 1.2.2 endless", "GET", {0}, 200, { CC "max-age=99999999999999999999" }, {0},
	    STORED(2147483648000, 500) },
	{ "explicit beats the route's ttl", "GET", {0}, 200, { CC "max-age=60" }, TTL,
	    STORED(60000, 500) },
	{ "the route's ttl runs from arrival", "GET", {0}, 200, { NULL }, TTL, STORED(10500, 500) },
	{ "the route's ttl, 9110 15.1 statuses", "GET", {0}, 404, { NULL }, TTL, STORED(10500, 500) },
	{ "the route's ttl is not for others", "GET", {0}, 302, { NULL }, TTL, SHARED("status") },
	{ "nor for failures", "GET", {0}, 503, { NULL }, TTL, SHARED("status") },
	{ "nor for 501", "GET", {0}, 501, { NULL }, TTL, SHARED("status") },
	{ "no lifetime at all", "GET", {0}, 200, { NULL }, {0}, SHARED("no-lifetime") },
	{ "9111 3 302 with a lifetime", "GET", {0}, 302, { CC "max-age=60" }, {0},
	    STORED(60000, 500) },
	{ "9111 3 500 with a lifetime", "GET", {0}, 500, { CC "max-age=60" }, {0},
	    STORED(60000, 500) },
	{ "9111 3 299 with a lifetime", "GET", {0}, 299, { CC "max-age=60" }, {0},
	    STORED(60000, 500) },

	/* ages */
	{ "9111 4.2.3 Age counts", "GET", {0}, 200, { CC "max-age=60", "Age: 20" }, {0},
	    STORED(60000, 20500) },
	{ "9111 4.2.3 stale by its Age", "GET", {0}, 200, { CC "max-age=60", "Age: 60" }, {0},
	    FRESH_SHARE, "stale-on-arrival", 0, 60500 },
	{ "9111 5.1 malformed Age", "GET", {0}, 200, { CC "max-age=60", "Age: -5" }, {0},
	    STORED(60000, 500) },
	{ "9111 5.1 the first of a list", "GET", {0}, 200, { CC "max-age=60", "Age: 5, 9" },
	    {0}, STORED(60000, 5500) },
	{ "9111 5.1 endless Age", "GET", {0}, 200,
	    { CC "max-age=60", "Age: 99999999999999999999999" }, {0},
	    FRESH_SHARE, "stale-on-arrival", 0, 2147483648500 },
	{ "9111 4.2.3 apparent age", "GET", {0}, 200,
	    { CC "max-age=60", "Date: Sun, 06 Nov 1994 09:59:30 GMT" }, {0},
	    STORED(60000, 30000) },
	{ "9111 4.2.3 the larger of both", "GET", {0}, 200,
	    { CC "max-age=60", "Date: Sun, 06 Nov 1994 09:59:30 GMT", "Age: 40" }, {0},
	    STORED(60000, 40500) },
	{ "9111 4.2.3 parts of a second are no age", "GET", {0}, 200,
	    { CC "max-age=1", DATE_NOW }, {0}, STORED(1000, 500) },
	{ "9111 4.2.3 a clock ahead", "GET", {0}, 200,
	    { CC "max-age=60", "Date: Sun, 06 Nov 1994 11:00:00 GMT" }, {0},
	    STORED(60000, 500) },
	{ "a backend's slow clock does not eat the route's ttl", "GET", {0}, 200,
	    { "Date: Sun, 06 Nov 1994 09:00:00 GMT" }, TTL, STORED(3610000, 3600000) },

	/* what forbids */
	{ "9111 5.2.2.5 no-store", "GET", {0}, 200, { CC "no-store, max-age=60" }, {0},
	    ALONE("no-store") },
	{ "9111 5.2.2.4 no-cache", "GET", {0}, 200, { CC "no-cache, max-age=60" }, {0},
	    ALONE("no-cache") },
	{ "9111 5.2.2.4 no-cache with fields", "GET", {0}, 200,
	    { CC "no-cache=\"a\", max-age=60" }, {0}, ALONE("no-cache") },
	{ "9111 5.2.2.7 private", "GET", {0}, 200, { CC "private, max-age=60" }, {0},
	    ALONE("private") },
	{ "9111 5.2.2.7 private with fields", "GET", {0}, 200,
	    { CC "max-age=60, private=\"a\"" }, {0}, ALONE("private") },
	{ "9111 7.3 Set-Cookie", "GET", {0}, 200, { CC "public, max-age=60", "Set-Cookie: a=b" },
	    {0}, ALONE("set-cookie") },
	{ "9111 4.1 Vary: *", "GET", {0}, 200, { CC "max-age=60", "Vary: a, *" }, {0},
	    ALONE("vary-star") },
	{ "9111 3.3 206", "GET", {0}, 206, { CC "max-age=60" }, {0}, ALONE("status") },
	{ "304", "GET", {0}, 304, { CC "max-age=60" }, {0}, ALONE("status") },
	{ "9110 15.5.13 412 is to a condition", "GET", {0}, 412, { CC "public, max-age=60" }, {0},
	    ALONE("status") },
	{ "9110 15.5.17 416 is to a range", "GET", {0}, 416, { CC "public, max-age=60" }, {0},
	    ALONE("status") },
	{ "6585 3 428", "GET", {0}, 428, { CC "public, max-age=60" }, TTL, ALONE("status") },
	{ "6585 4 429", "GET", {0}, 429, { CC "public, max-age=60" }, TTL, ALONE("status") },
	{ "6585 5 431", "GET", {0}, 431, { CC "public, max-age=60" }, TTL, ALONE("status") },
	{ "6585 6 511", "GET", {0}, 511, { CC "public, max-age=60" }, TTL, ALONE("status") },
	{ "429 without a word", "GET", {0}, 429, { NULL }, {0}, ALONE("status") },
	{ "a refusal is its client's", "GET", {0}, 403, { NULL }, {0}, ALONE("status") },
	{ "also where the route has a ttl", "GET", {0}, 400, { NULL }, TTL, ALONE("status") },
	{ "401", "GET", {0}, 401, { NULL }, TTL, ALONE("status") },
	{ "407", "GET", {0}, 407, { NULL }, TTL, ALONE("status") },
	{ "408", "GET", {0}, 408, { NULL }, TTL, ALONE("status") },
	{ "413", "GET", {0}, 413, { NULL }, TTL, ALONE("status") },
	{ "414", "GET", {0}, 414, { NULL }, TTL, ALONE("status") },
	{ "417", "GET", {0}, 417, { NULL }, TTL, ALONE("status") },
	{ "421", "GET", {0}, 421, { NULL }, TTL, ALONE("status") },
	{ "425", "GET", {0}, 425, { NULL }, TTL, ALONE("status") },
	{ "and where it is `always`", "GET", {0}, 403, { NULL }, ALWAYS, ALONE("status") },
	{ "9111 3 a refusal with a lifetime", "GET", {0}, 403, { CC "max-age=60" }, {0},
	    STORED(60000, 500) },
	{ "404 is about the page", "GET", {0}, 404, { NULL }, {0}, SHARED("no-lifetime") },
	{ "POST", "POST", {0}, 200, { CC "max-age=60" }, {0}, ALONE("method") },
	{ "HEAD is fetched by GET", "HEAD", {0}, 200, { CC "max-age=60" }, {0},
	    ALONE("method") },
	{ "9111 3.5 Authorization", "GET", { "Authorization: x" }, 200, { CC "max-age=60" }, {0},
	    ALONE("authorization") },
	{ "9111 3.5 opened by public", "GET", { "Authorization: x" }, 200,
	    { CC "max-age=60, public" }, {0}, STORED(60000, 500) },
	{ "9111 3.5 opened by must-revalidate", "GET", { "Authorization: x" }, 200,
	    { CC "max-age=60, must-revalidate" }, {0}, STORED(60000, 500) },
	{ "9111 3.5 opened by s-maxage", "GET", { "Authorization: x" }, 200,
	    { CC "s-maxage=60" }, {0}, STORED(60000, 500) },
	{ "9111 3.5 not opened by the route", "GET", { "Authorization: x" }, 200, { NULL },
	    { .ttl = 10 * S, .share_always = true }, ALONE("authorization") },
	{ "9111 3 a Cookie alone does not forbid", "GET", { "Cookie: a=b" }, 200,
	    { CC "max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 5.2.2.3 must-understand lifts no-store", "GET", {0}, 200,
	    { CC "must-understand, no-store, max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 5.2.2.3 not where we don't", "GET", {0}, 299,
	    { CC "must-understand, no-store, max-age=60" }, {0}, ALONE("no-store") },
	{ "9111 5.2.2.3 must-understand", "GET", {0}, 299,
	    { CC "must-understand, max-age=60" }, {0}, ALONE("status") },

	/* coalesce: always */
	{ "always: no-store is shared, not stored", "GET", {0}, 200, { CC "no-store, max-age=60" },
	    ALWAYS, SHARED("no-store") },
	{ "always: no-cache", "GET", {0}, 200, { CC "no-cache" }, ALWAYS, SHARED("no-cache") },
	{ "always: private stays alone", "GET", {0}, 200, { CC "no-store, private" }, ALWAYS,
	    ALONE("private") },
	{ "always: a cookie set stays alone", "GET", {0}, 200, { CC "no-store", "Set-Cookie: a" },
	    ALWAYS, ALONE("set-cookie") },
	{ "always: not to a Cookie", "GET", { "Cookie: a" }, 200, { CC "no-store" }, ALWAYS,
	    ALONE("no-store") },
	{ "always: not to Authorization", "GET", { "Authorization: a" }, 200,
	    { CC "no-store, public" }, ALWAYS, ALONE("no-store") },
	{ "always: Vary: * stays alone", "GET", {0}, 200, { CC "no-store", "Vary: *" }, ALWAYS,
	    ALONE("vary-star") },
	{ "always: 206 stays alone", "GET", {0}, 206, { CC "no-store" }, ALWAYS,
	    ALONE("status") },
	{ "always: POST stays alone", "POST", {0}, 200, { CC "no-store" }, ALWAYS,
	    ALONE("method") },
};

static void
add_line(struct head *h, const char *line)
{
	const char *colon = strchr(line, ':');

	hdr_add(h, slice_of(line, (size_t)(colon - line)), slice_trim(slice_str(colon + 1)));
}

START_TEST(judging)
{
	const struct verdict *t = &verdicts[_i];
	struct head req = { .method = slice_str(t->method) }, resp = { .status = t->status };
	struct fresh f;

	for (int i = 0; i < 3 && t->req[i] != NULL; i++)
		add_line(&req, t->req[i]);
	for (int i = 0; i < 4 && t->resp[i] != NULL; i++)
		add_line(&resp, t->resp[i]);
	fresh_judge(&req, &resp, &t->policy, asked, answered, &f);
	ck_assert_msg(f.class == t->class && strcmp(f.why, t->why) == 0, "%s: %d %s", t->name, f.class,
	    f.why);
	ck_assert_msg(f.lifetime == t->lifetime_ms * 1000 && f.initial_age == t->age_ms * 1000,
	    "%s: lifetime %lld age %lld", t->name, (long long)f.lifetime, (long long)f.initial_age);
	head_fini(&req);
	head_fini(&resp);
}
END_TEST

/* What the answer says of those to come, and whose word it was that shares it. */
START_TEST(beyond_this_answer)
{
	static const struct {
		const char		*name;
		const char		*method, *req;
		int			 status;
		const char		*resp;
		struct fresh_policy	 policy;
		bool			 marks, by_policy;
	} t[] = {
		{ "private", "GET", NULL, 200, CC "private", {0}, true, false },
		{ "no-store", "GET", NULL, 200, CC "no-store", {0}, true, false },
		{ "no-cache", "GET", NULL, 200, CC "no-cache", {0}, true, false },
		{ "Set-Cookie", "GET", NULL, 200, "Set-Cookie: a=b", {0}, true, false },
		{ "Vary: *", "GET", NULL, 200, "Vary: *", {0}, true, false },
		{ "Authorization", "GET", "Authorization: a", 200, CC "max-age=60", {0}, true, false },
		{ "must-understand", "GET", NULL, 299, CC "must-understand", {0}, true, false },
		{ "a refusal that says private", "GET", NULL, 403, CC "private", {0}, true, false },
		{ "a refusal", "GET", NULL, 403, NULL, {0}, false, false },
		{ "429", "GET", NULL, 429, CC "private", {0}, false, false },
		{ "412", "GET", NULL, 412, CC "no-store", {0}, false, false },
		{ "206", "GET", NULL, 206, CC "private", {0}, false, false },
		{ "304", "GET", NULL, 304, CC "no-store", {0}, false, false },
		{ "POST", "POST", NULL, 200, CC "private", {0}, false, false },
		{ "HEAD", "HEAD", NULL, 200, CC "private", {0}, false, false },
		{ "stored", "GET", NULL, 200, CC "max-age=60", {0}, false, false },
		{ "shared", "GET", NULL, 200, NULL, {0}, false, false },
		{ "always: no-store", "GET", NULL, 200, CC "no-store", ALWAYS, false, true },
		{ "always: no-cache", "GET", NULL, 200, CC "no-cache", ALWAYS, false, true },
		{ "always: shared anyway", "GET", NULL, 200, NULL, ALWAYS, false, false },
		{ "always: stored", "GET", NULL, 200, CC "max-age=60", ALWAYS, false, false },
		{ "always: private", "GET", NULL, 200, CC "private", ALWAYS, true, false },
		{ "always: to a Cookie", "GET", "Cookie: a", 200, CC "no-store", ALWAYS, true, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req = { .method = slice_str(t[i].method) };
		struct head resp = { .status = t[i].status };
		struct fresh f;

		if (t[i].req != NULL)
			add_line(&req, t[i].req);
		if (t[i].resp != NULL)
			add_line(&resp, t[i].resp);
		fresh_judge(&req, &resp, &t[i].policy, asked, answered, &f);
		ck_assert_msg(f.marks == t[i].marks, "%s: marks %d", t[i].name, f.marks);
		ck_assert_msg(f.by_policy == t[i].by_policy, "%s: by policy %d", t[i].name,
		    f.by_policy);
		head_fini(&req);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(partial_requests)
{
	static const char *const partial[] = {
		"Range", "if-range", "IF-NONE-MATCH", "If-Modified-Since", "If-Match",
		"If-Unmodified-Since",
	};
	static const char *const whole[] = { "Accept-Ranges", "Rang", "Range2", "If", "Content-Range" };
	struct head req = { .method = SLICE("GET") };

	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
		ck_assert_msg(!fresh_field_partial(slice_str(whole[i])), "%s", whole[i]);
		hdr_add(&req, slice_str(whole[i]), SLICE("1"));
	}
	ck_assert(!fresh_request_partial(&req));
	for (size_t i = 0; i < sizeof partial / sizeof partial[0]; i++) {
		ck_assert_msg(fresh_field_partial(slice_str(partial[i])), "%s", partial[i]);
		hdr_add(&req, slice_str(partial[i]), SLICE("1"));
		ck_assert(fresh_request_partial(&req));
		hdr_remove(&req, slice_str(partial[i]));
	}
	head_fini(&req);
}
END_TEST

/* A wall clock that jumps back between request and answer makes nothing negative. */
START_TEST(clocks_that_jump)
{
	struct head req = { .method = SLICE("GET") }, resp = { .status = 200 };
	struct fresh_policy policy = { .ttl = S };
	struct now later = { .mono = asked.mono, .wall = 0 };
	struct fresh f;

	add_line(&resp, DATE_NOW);
	fresh_judge(&req, &resp, &policy, asked, later, &f);
	ck_assert_int_eq(f.class, FRESH_STORE);
	ck_assert_int_eq(f.initial_age, 0);
	ck_assert_int_eq(f.lifetime, S);
	head_fini(&resp);
}
END_TEST

START_TEST(shareable_requests)
{
	static const struct {
		struct head	h;
		bool		ok;
	} t[] = {
		{ { .method = SLICE_INIT("GET") }, true },
		{ { .method = SLICE_INIT("HEAD") }, true },
		{ { .method = SLICE_INIT("GET"), .framing = FRAMING_LENGTH }, true },
		{ { .method = SLICE_INIT("GET"), .framing = FRAMING_LENGTH, .length = 1 }, false },
		{ { .method = SLICE_INIT("GET"), .framing = FRAMING_CHUNKED }, false },
		{ { .method = SLICE_INIT("POST") }, false },
		{ { .method = SLICE_INIT("get") }, false },
		{ { .method = SLICE_INIT("OPTIONS") }, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		ck_assert_msg(fresh_request_shareable(&t[i].h) == t[i].ok, "case %zu", i);
}
END_TEST

static Suite *
fresh_suite(void)
{
	Suite *s = suite_create("fresh");
	TCase *tc = tcase_create("fresh");

	tcase_add_loop_test(tc, judging, 0, sizeof verdicts / sizeof verdicts[0]);
	tcase_add_test(tc, beyond_this_answer);
	tcase_add_test(tc, partial_requests);
	tcase_add_test(tc, clocks_that_jump);
	tcase_add_test(tc, shareable_requests);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(fresh_suite)
