/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/fresh.h"

#include "http/date.h"

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
	bool			 store;
	const char		*why;
	int64_t			 lifetime_ms, age_ms;
};

static const struct conf_ttl ten_seconds = { .any = 10 * S }, one_second = { .any = S };

#define CC		"Cache-Control: "
#define STORED(l, a)	FRESH_SHARE, true, "ok", l, a
#define SHARED(why)	FRESH_SHARE, false, why, 0, 500
#define ALONE(why)	FRESH_ALONE, false, why, 0, 500
/* Kept only for validation, or to be served stale. */
#define KEPT(why)	FRESH_SHARE, true, why, 0, 500
#define KEPT_ALONE(why)	FRESH_ALONE, true, why, 0, 500
#define ALWAYS		{ .share_always = true }
#define TTL		{ .ttl = &ten_seconds }
#define TENTH		{ .heuristic = 0.1 }
#define AN_HOUR		{ .stale_if_error = 3600 * S }
#define STRIP		{ .set_cookie = SET_COOKIE_STRIP }
#define KEEP		{ .set_cookie = SET_COOKIE_STORE }
#define CDN		"CDN-Cache-Control: "
#define SC		"Surrogate-Control: "
#define ETAG		"ETag: \"a\""
#define COOKIE		"Set-Cookie: a=b"
/* 10000 s before the Date above */
#define MODIFIED	"Last-Modified: Sun, 06 Nov 1994 07:13:20 GMT"

static const struct verdict verdicts[] = {
	/* lifetimes */
	{ "9111 4.2.1 max-age", "GET", {0}, 200, { CC "max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 4.2.1 s-maxage first", "GET", {0}, 200, { CC "max-age=60, s-maxage=5" }, {0},
	    STORED(5000, 500) },
	{ "9111 4.2.1 Expires", "GET", {0}, 200, { DATE_NOW,
	    "Expires: Sun, 06 Nov 1994 10:01:00 GMT" },
	    {0}, STORED(60000, 500) },
	{ "9111 4.2.1 Expires without Date", "GET", {0}, 200,
	    { "Expires: Sun, 06 Nov 1994 10:01:00 GMT" },
	    {0}, STORED(60000, 500) },
	{ "9111 5.3 max-age over Expires", "GET", {0}, 200, { CC "max-age=60", "Expires: 0" },
	    {0}, STORED(60000, 500) },
	{ "9111 5.3 Expires: 0", "GET", {0}, 200, { "Expires: 0" }, TTL,
	    SHARED("stale-on-arrival") },
	{ "9111 5.3 Expires in the past", "GET", {0}, 200,
	    { DATE_NOW, "Expires: Sun, 06 Nov 1994 09:00:00 GMT" }, TTL,
	    SHARED("stale-on-arrival") },
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
	{ "the route's ttl, 9110 15.1 statuses", "GET", {0}, 404, { NULL }, TTL, STORED(10500,
	    500) },
	{ "the route's ttl is not for others", "GET", {0}, 302, { NULL }, TTL, SHARED("status") },
	{ "nor for failures", "GET", {0}, 503, { NULL }, TTL, SHARED("status") },
	{ "nor for 501", "GET", {0}, 501, { NULL }, TTL, SHARED("status") },
	{ "nor where `public` is all that is said", "GET", {0}, 302, { CC "public" }, TTL,
	    SHARED("status") },
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
	    FRESH_SHARE, false, "stale-on-arrival", 60000, 60500 },
	{ "9111 5.1 malformed Age", "GET", {0}, 200, { CC "max-age=60", "Age: -5" }, {0},
	    STORED(60000, 500) },
	{ "9111 5.1 the first of a list", "GET", {0}, 200, { CC "max-age=60", "Age: 5, 9" },
	    {0}, STORED(60000, 5500) },
	{ "9111 5.1 the first of two lines", "GET", {0}, 200, { CC "max-age=60", "Age: 5",
	    "Age: 90" },
	    {0}, STORED(60000, 5500) },
	{ "9111 5.1 after an empty line", "GET", {0}, 200, { CC "max-age=60", "Age:", "Age: 9" },
	    {0},
	    STORED(60000, 9500) },
	{ "9111 5.1 the first is malformed", "GET", {0}, 200, { CC "max-age=60", "Age: old, 90" },
	    {0},
	    STORED(60000, 500) },
	{ "9111 5.1 a fraction", "GET", {0}, 200, { CC "max-age=60", "Age: 7200.0" }, {0},
	    STORED(60000, 500) },
	{ "9111 5.1 a parameter", "GET", {0}, 200, { CC "max-age=60", "Age: 7200;foo=111" }, {0},
	    STORED(60000, 500) },
	{ "9111 5.1 endless Age", "GET", {0}, 200,
	    { CC "max-age=60", "Age: 99999999999999999999999" }, {0},
	    FRESH_SHARE, false, "stale-on-arrival", 60000, 2147483648500 },
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
	    { CC "no-cache=\"a\", max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 5.2.2.7 private", "GET", {0}, 200, { CC "private, max-age=60" }, {0},
	    ALONE("private") },
	{ "9111 5.2.2.7 private with fields", "GET", {0}, 200,
	    { CC "max-age=60, private=\"a\"" }, {0}, STORED(60000, 500) },
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
	{ "9110 9.3.3 POST", "POST", {0}, 200, { CC "max-age=60" }, {0}, FRESH_ALONE, true,
	    "method",
	    60000, 500 },
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
	    { .ttl = &ten_seconds, .share_always = true }, ALONE("authorization") },
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

	/* what the Expires field may look like */
	{ "9111 4.2.1 Expires twice", "GET", {0}, 200,
	    { DATE_NOW, "Expires: Sun, 06 Nov 1994 10:01:00 GMT",
	      "Expires: Sun, 06 Nov 1994 10:01:00 GMT" }, TTL, SHARED("stale-on-arrival") },
	{ "9111 5.3 Expires with a malformed Date", "GET", {0}, 200,
	    { "Date: foo", "Expires: Sun, 06 Nov 1994 10:00:10 GMT" }, {0}, STORED(10000, 500) },
	{ "9111 4.2.1 Expires before a Date ahead", "GET", {0}, 200,
	    { "Date: Sun, 06 Nov 1994 10:06:40 GMT", "Expires: Sun, 06 Nov 1994 10:05:00 GMT" },
	    {0},
	    SHARED("stale-on-arrival") },
	{ "9111 4.2.1 Expires is relative to Date", "GET", {0}, 200,
	    { "Date: Sun, 06 Nov 1994 10:00:10 GMT", "Expires: Sun, 06 Nov 1994 10:00:20 GMT",
	      "Age: 15" }, {0}, FRESH_SHARE, false, "stale-on-arrival", 10000, 15500 },
	{ "9111 4.2.1 Expires with a slow Date and Age", "GET", {0}, 200,
	    { "Date: Sun, 06 Nov 1994 09:59:50 GMT", "Expires: Sun, 06 Nov 1994 10:00:10 GMT",
	      "Age: 25" }, {0}, FRESH_SHARE, false, "stale-on-arrival", 20000, 25500 },
	{ "9111 1.2.2 Expires at the end of days", "GET", {0}, 200,
	    { DATE_NOW, "Expires: Fri, 31 Dec 9999 23:59:59 GMT" }, {0},
	    STORED(2147483648000, 500) },

	/* RFC 9111 3: what is worth keeping */
	{ "9111 3 stale, but can be validated", "GET", {0}, 200, { CC "max-age=0", ETAG }, {0},
	    KEPT("stale-on-arrival") },
	{ "9111 3 nothing said, but can be validated", "GET", {0}, 200, { ETAG }, {0},
	    KEPT("no-lifetime") },
	{ "9111 3 by its Last-Modified", "GET", {0}, 200, { MODIFIED }, {0}, KEPT("no-lifetime") },
	{ "9111 3 a Last-Modified that is none", "GET", {0}, 200, { "Last-Modified: foo" }, TENTH,
	    SHARED("no-lifetime") },
	{ "9111 3 not if nothing allows it", "GET", {0}, 302, { ETAG }, {0}, SHARED("status") },
	{ "9111 3 public allows it", "GET", {0}, 302, { CC "public", ETAG }, {0}, KEPT("status") },
	{ "9111 3 Expires allows it", "GET", {0}, 302, { "Expires: 0", ETAG }, {0},
	    KEPT("stale-on-arrival") },
	{ "9111 3 501 is one of 9110 15.1", "GET", {0}, 501, { ETAG }, {0}, KEPT("status") },
	{ "9111 3 a refusal is not for validation", "GET", {0}, 414, { ETAG }, {0},
	    ALONE("status") },
	{ "9111 3 an explicit refusal is", "GET", {0}, 403, { CC "max-age=0", ETAG }, {0},
	    KEPT("stale-on-arrival") },
	{ "5861 4 stale, but better than an error", "GET", {0}, 200, { CC "max-age=0" }, AN_HOUR,
	    KEPT("stale-on-arrival") },
	{ "5861 4 by the response's own word", "GET", {0}, 200,
	    { CC "max-age=0, stale-if-error=5" },
	    {0}, KEPT("stale-on-arrival") },
	{ "5861 4 the response says no", "GET", {0}, 200, { CC "max-age=0, stale-if-error=0" },
	    AN_HOUR, SHARED("stale-on-arrival") },
	{ "9111 4.2.4 it may never be stale", "GET", {0}, 200, { CC "max-age=0, must-revalidate" },
	    AN_HOUR, SHARED("stale-on-arrival") },
	{ "5861 4 only what once had a lifetime", "GET", {0}, 200, { NULL }, AN_HOUR,
	    SHARED("no-lifetime") },
	{ "5861 4 an error is no better than an error", "GET", {0}, 503, { CC "max-age=0" },
	    AN_HOUR, SHARED("stale-on-arrival") },
	{ "9111 3 599", "GET", {0}, 599, { CC "max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 3 499", "GET", {0}, 499, { CC "max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 3 400", "GET", {0}, 400, { CC "max-age=60" }, {0}, STORED(60000, 500) },
	{ "9111 3 204 by Expires", "GET", {0}, 204, { "Expires: Sun, 06 Nov 1994 10:01:00 GMT" },
	    {0}, STORED(60000, 500) },

	/* no-cache */
	{ "9111 5.2.2.4 kept for validation", "GET", {0}, 200, { CC "no-cache", ETAG }, {0},
	    KEPT_ALONE("no-cache") },
	{ "9111 5.2.2.4 whatever its lifetime", "GET", {0}, 200, { CC "max-age=60, no-cache",
	    MODIFIED },
	    TENTH, KEPT_ALONE("no-cache") },
	{ "9111 3 no-cache alone allows no storing", "GET", {0}, 302, { CC "no-cache", ETAG }, {0},
	    ALONE("no-cache") },
	{ "9111 3 no-cache with max-age does", "GET", {0}, 302, { CC "no-cache, max-age=0", ETAG },
	    {0}, KEPT_ALONE("no-cache") },
	{ "always: no-cache is shared, and kept", "GET", {0}, 200, { CC "no-cache", ETAG }, ALWAYS,
	    KEPT("no-cache") },
	{ "9111 5.2.2.5 no-store is not kept", "GET", {0}, 200, { CC "no-cache, no-store", ETAG },
	    {0},
	    ALONE("no-store") },
	{ "9111 5.2.2.7 private is not kept", "GET", {0}, 200, { CC "private", ETAG }, {0},
	    ALONE("private") },
	{ "always: no-store is not kept", "GET", {0}, 200, { CC "no-store", ETAG }, ALWAYS,
	    SHARED("no-store") },
	{ "9111 5.4 Pragma in an answer says nothing", "GET", {0}, 200,
	    { CC "max-age=60", "Pragma: no-cache" }, {0}, STORED(60000, 500) },

	/* heuristics */
	{ "9111 4.2.2 a tenth", "GET", {0}, 200, { DATE_NOW, MODIFIED }, TENTH, STORED(1000000,
	    500) },
	{ "9111 4.2.2 without Date", "GET", {0}, 200, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 by Date, not by our clock", "GET", {0}, 200,
	    { "Date: Sun, 06 Nov 1994 10:16:40 GMT", MODIFIED }, TENTH, STORED(1100000, 500) },
	{ "9111 4.2.2 never longer than a day", "GET", {0}, 200,
	    { "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT" }, TENTH, STORED(86400000, 500) },
	{ "9111 4.2.2 too young", "GET", {0}, 200,
	    { DATE_NOW, "Last-Modified: Sun, 06 Nov 1994 09:59:55 GMT", "Age: 1" }, TENTH,
	    FRESH_SHARE, true, "stale-on-arrival", 500, 1500 },
	{ "9111 4.2.2 modified at Date", "GET", {0}, 200,
	    { DATE_NOW, "Last-Modified: Sun, 06 Nov 1994 10:00:00 GMT" }, TENTH,
	    KEPT("no-lifetime") },
	{ "9111 4.2.2 modified later", "GET", {0}, 200,
	    { DATE_NOW, "Last-Modified: Sun, 06 Nov 1994 11:00:00 GMT" }, TENTH,
	    KEPT("no-lifetime") },
	{ "9111 4.2.2 not beside Expires", "GET", {0}, 200, { "Expires: 0", MODIFIED }, TENTH,
	    KEPT("stale-on-arrival") },
	{ "9111 4.2.2 not beside max-age", "GET", {0}, 200, { CC "max-age=x", MODIFIED }, TENTH,
	    KEPT("stale-on-arrival") },
	{ "9111 4.2.2 the route's ttl goes first", "GET", {0}, 200, { MODIFIED },
	    { .ttl = &ten_seconds, .heuristic = 0.1 }, STORED(10500, 500) },
	{ "9111 4.2.2 201", "GET", {0}, 201, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 202", "GET", {0}, 202, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 203", "GET", {0}, 203, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 204", "GET", {0}, 204, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 302", "GET", {0}, 302, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 403", "GET", {0}, 403, { MODIFIED }, TENTH, ALONE("status") },
	{ "9111 4.2.2 404", "GET", {0}, 404, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 405", "GET", {0}, 405, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 410", "GET", {0}, 410, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 414", "GET", {0}, 414, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 501", "GET", {0}, 501, { MODIFIED }, TENTH, STORED(1000000, 500) },
	{ "9111 4.2.2 502", "GET", {0}, 502, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 503", "GET", {0}, 503, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 504", "GET", {0}, 504, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 599", "GET", {0}, 599, { MODIFIED }, TENTH, SHARED("status") },
	{ "9111 4.2.2 599 that is public", "GET", {0}, 599, { MODIFIED, CC "public" }, TENTH,
	    STORED(1000000, 500) },

	/* targeted fields */
	{ "9213 2.1 CDN-Cache-Control", "GET", {0}, 200, { CC "no-store", CDN "max-age=60" }, {0},
	    STORED(60000, 500) },
	{ "9213 2.1 shorter", "GET", {0}, 200, { CC "max-age=60", CDN "max-age=1" }, {0},
	    STORED(1000, 500) },
	{ "9213 2.1 no-store", "GET", {0}, 200, { CC "max-age=60", CDN "no-store" }, {0},
	    ALONE("no-store") },
	{ "9213 2.1 private", "GET", {0}, 200, { CC "max-age=60", CDN "private" }, {0},
	    ALONE("private") },
	{ "9213 2.1 no-cache", "GET", {0}, 200, { CC "max-age=60", CDN "no-cache" }, {0},
	    ALONE("no-cache") },
	{ "9213 2.1 Expires doesn't count", "GET", {0}, 200,
	    { CDN "foo", "Expires: Sun, 06 Nov 1994 10:01:00 GMT" }, {0}, SHARED("no-lifetime") },
	{ "9213 2.1 nor an Expires in the past", "GET", {0}, 200, { CDN "max-age=60",
	    "Expires: 0" },
	    {0}, STORED(60000, 500) },
	{ "9213 2.1 max-age=0", "GET", {0}, 200,
	    { CDN "max-age=0", "Expires: Sun, 06 Nov 1994 10:01:00 GMT" }, {0},
	    SHARED("stale-on-arrival") },
	{ "9213 2.1 with Age", "GET", {0}, 200, { CDN "max-age=60", "Age: 60" }, {0},
	    FRESH_SHARE, false, "stale-on-arrival", 60000, 60500 },
	{ "9213 2.1 an invalid one", "GET", {0}, 200, { CC "no-store", CDN "max-age=\"60\"" }, {0},
	    ALONE("no-store") },
	{ "9213 2.1 it opens Authorization", "GET", { "Authorization: x" }, 200,
	    { CC "max-age=60", CDN "max-age=60, public" }, {0}, STORED(60000, 500) },
	{ "9213 2.1 Cache-Control doesn't", "GET", { "Authorization: x" }, 200,
	    { CC "public", CDN "max-age=60" }, {0}, ALONE("authorization") },
	{ "Surrogate-Control", "GET", {0}, 200, { CC "no-store", SC "max-age=60" }, {0},
	    STORED(60000, 500) },
	{ "Surrogate-Control: no-store", "GET", {0}, 200, { CC "max-age=60", SC "no-store" }, {0},
	    ALONE("no-store") },

	/* cookies */
	{ "9111 7.3 Set-Cookie, stripped", "GET", {0}, 200, { CC "max-age=60", COOKIE }, STRIP,
	    STORED(60000, 500) },
	{ "9111 7.3 Set-Cookie, stored", "GET", {0}, 200, { CC "max-age=60", COOKIE }, KEEP,
	    STORED(60000, 500) },
	{ "9111 7.3 Set-Cookie and private, stored", "GET", {0}, 200, { CC "private", COOKIE },
	    KEEP,
	    ALONE("private") },
	{ "9111 5.2.2.4 the cookie alone is withheld", "GET", {0}, 200,
	    { CC "max-age=60, no-cache=\"set-cookie\"", COOKIE, COOKIE }, {0}, STORED(60000, 500) },
	{ "9111 5.2.2.7 likewise", "GET", {0}, 200, { CC "max-age=60, private=Set-Cookie", COOKIE },
	    {0},
	    STORED(60000, 500) },
	{ "9213 2.1 likewise", "GET", {0}, 200, { CDN "max-age=60, private=\"set-cookie\"",
	    COOKIE },
	    {0}, STORED(60000, 500) },
	{ "9111 5.2.2.7 another field is withheld", "GET", {0}, 200,
	    { CC "max-age=60, private=\"cookie\"", COOKIE }, {0}, ALONE("set-cookie") },

	/* POST */
	{ "9110 9.3.3 Expires", "POST", {0}, 200, { "Expires: Sun, 06 Nov 1994 10:01:00 GMT" }, {0},
	    FRESH_ALONE, true, "method", 60000, 500 },
	{ "9110 9.3.3 nothing said", "POST", {0}, 200, { MODIFIED },
	    { .heuristic = 0.1, .ttl = &one_second },
	    ALONE("method") },
	{ "9110 9.3.3 no-store", "POST", {0}, 200, { CC "max-age=60, no-store" }, {0},
	    ALONE("method") },
	{ "9110 9.3.3 no-cache", "POST", {0}, 200, { CC "max-age=60, no-cache", ETAG }, {0},
	    ALONE("method") },
	{ "9110 9.3.3 private", "POST", {0}, 200, { CC "max-age=60, private" }, {0},
	    ALONE("method") },
	{ "9110 9.3.3 Authorization", "POST", { "Authorization: a" }, 200, { CC "max-age=60" }, {0},
	    ALONE("method") },
	{ "9110 9.3.3 a cookie", "POST", {0}, 200, { CC "max-age=60", COOKIE }, {0},
	    ALONE("method") },
	{ "9110 9.3.3 always", "POST", {0}, 200, { CC "max-age=60, no-store" }, ALWAYS,
	    ALONE("method") },
	{ "9110 9.3.4 PUT", "PUT", {0}, 200, { CC "max-age=60" }, {0}, ALONE("method") },
	{ "9110 9.3.3 206", "POST", {0}, 206, { CC "max-age=60" }, {0}, ALONE("status") },
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
	ck_assert_msg(f.class == t->class && strcmp(f.why, t->why) == 0, "%s: %d %s", t->name,
	    f.class,
	    f.why);
	ck_assert_msg(f.store == t->store, "%s: store %d", t->name, f.store);
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
		bool			 marks, plain_only;
	} t[] = {
		{ "private", "GET", NULL, 200, CC "private", {0}, true, false },
		{ "no-store", "GET", NULL, 200, CC "no-store", {0}, true, false },
		{ "no-cache", "GET", NULL, 200, CC "no-cache", {0}, true, false },
		{ "Set-Cookie", "GET", NULL, 200, "Set-Cookie: a=b", {0}, true, false },
		{ "Vary: *", "GET", NULL, 200, "Vary: *", {0}, true, false },
		{ "Authorization", "GET", "Authorization: a", 200, CC "max-age=60", {0}, true,
		    false },
		{ "must-understand", "GET", NULL, 299, CC "must-understand", {0}, true, false },
		{ "a refusal that says private", "GET", NULL, 403, CC "private", {0}, true, false },
		{ "a refusal", "GET", NULL, 403, NULL, {0}, false, false },
		{ "429", "GET", NULL, 429, CC "private", {0}, false, false },
		{ "412", "GET", NULL, 412, CC "no-store", {0}, false, false },
		{ "206", "GET", NULL, 206, CC "private", {0}, false, false },
		{ "304", "GET", NULL, 304, CC "no-store", {0}, false, false },
		{ "POST", "POST", NULL, 200, CC "private", {0}, false, false },
		{ "HEAD", "HEAD", NULL, 200, CC "private", {0}, false, false },
		{ "POST that is stored", "POST", NULL, 200, CC "max-age=60", ALWAYS, false, false },
		{ "stored", "GET", NULL, 200, CC "max-age=60", {0}, false, false },
		{ "shared", "GET", NULL, 200, NULL, {0}, false, true },
		{ "stale on arrival", "GET", NULL, 200, CC "max-age=0", {0}, false, true },
		{ "an error", "GET", "Cookie: a", 503, NULL, {0}, false, false },
		{ "no lifetime, to a Cookie", "GET", "Cookie: a", 200, NULL, {0}, true, false },
		{ "max-age=0, to a Cookie", "GET", "Cookie: a", 200, CC "max-age=0", {0}, true,
		    false },
		{ "5.2.2.2, to Authorization", "GET", "Authorization: a", 200,
		    CC "max-age=0, must-revalidate", {0}, true, false },
		{ "5.2.2.10, to Authorization", "GET", "Authorization: a", 200, CC "s-maxage=0",
		    {0}, true, false },
		{ "always: no-store", "GET", NULL, 200, CC "no-store", ALWAYS, false, true },
		{ "always: no-cache", "GET", NULL, 200, CC "no-cache", ALWAYS, false, true },
		{ "always: shared anyway", "GET", NULL, 200, NULL, ALWAYS, false, true },
		{ "always: stored", "GET", NULL, 200, CC "max-age=60", ALWAYS, false, false },
		{ "always: private", "GET", NULL, 200, CC "private", ALWAYS, true, false },
		{ "always: to a Cookie", "GET", "Cookie: a", 200, CC "no-store", ALWAYS, true,
		    false },
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
		ck_assert_msg(f.plain_only == t[i].plain_only, "%s: by policy %d", t[i].name,
		    f.plain_only);
		head_fini(&req);
		head_fini(&resp);
	}
}
END_TEST

/* What is known about a stored answer besides its lifetime. */
START_TEST(properties)
{
	static const struct {
		const char		*name, *resp, *more;
		struct fresh_policy	 policy;
		bool			 no_cache, heuristic, may_be_stale, immutable;
		int			 swr_s, sie_s;
	} t[] = {
		{ "plain", CC "max-age=60", NULL, {0}, false, false, true, false, 0, 0 },
		{ "5861 by the route", CC "max-age=60", NULL,
		    { .stale_while_revalidate = 5 * S, .stale_if_error = 7 * S },
		    false, false, true, false, 5, 7 },
		{ "5861 by the response",
		    CC "max-age=1, stale-while-revalidate=2, stale-if-error=3",
		    NULL, { .stale_while_revalidate = 5 * S, .stale_if_error = 7 * S },
		    false, false, true, false, 2, 3 },
		{ "5861 the response says no",
		    CC "max-age=1, stale-while-revalidate=0, stale-if-error=0",
		    NULL, { .stale_while_revalidate = 5 * S, .stale_if_error = 7 * S },
		    false, false, true, false, 0, 0 },
		{ "5861 the response says nonsense", CC "max-age=1, stale-while-revalidate=x", NULL,
		    { .stale_while_revalidate = 5 * S }, false, false, true, false, 5, 0 },
		{ "5861 targeted", CDN "max-age=1, stale-while-revalidate=4",
		    CC "max-age=1, stale-while-revalidate=9, must-revalidate", {0},
		    false, false, true, false, 4, 0 },
		{ "Surrogate-Control", SC "max-age=60+30", NULL, AN_HOUR,
		    false, false, true, false, 30, 30 },
		{ "5861 by the route, and it never was fresh", ETAG, NULL,
		    { .stale_while_revalidate = 5 * S, .stale_if_error = 7 * S },
		    false, false, true, false, 0, 7 },
		{ "5861 by the response, and it never was fresh", ETAG,
		    CC "stale-while-revalidate=3", {0}, false, false, true, false, 3, 0 },
		{ "5861 by the route, after its ttl", ETAG, NULL,
		    { .ttl = &one_second, .stale_while_revalidate = 5 * S },
		    false, false, true, false, 5,
		    0 },
		{ "5861 stale on arrival", CC "max-age=0", NULL,
		    { .stale_while_revalidate = 5 * S, .stale_if_error = 7 * S },
		    false, false, true, false, 5, 7 },
		{ "9111 5.2.2.2 must-revalidate", CC "max-age=1, must-revalidate, stale-if-error=3",
		    NULL,
		    { .stale_while_revalidate = 5 * S, .stale_if_error = 7 * S },
		    false, false, false, false, 0, 0 },
		{ "9111 5.2.2.8 proxy-revalidate", CC "max-age=1, proxy-revalidate", NULL, AN_HOUR,
		    false, false, false, false, 0, 0 },
		{ "9111 5.2.2.10 s-maxage", CC "s-maxage=1, stale-while-revalidate=4", NULL,
		    AN_HOUR,
		    false, false, false, false, 0, 0 },
		{ "9111 5.2.2.10 s-maxage, malformed", CC "s-maxage=x", NULL, AN_HOUR,
		    false, false, false, false, 0, 0 },
		{ "9111 4.2.4 targeted", CDN "max-age=1, must-revalidate", NULL, AN_HOUR,
		    false, false, false, false, 0, 0 },
		{ "9111 5.2.2.4 no-cache", CC "no-cache, stale-if-error=5", ETAG, AN_HOUR,
		    true, false, false, false, 0, 0 },
		{ "9111 5.2.2.4 no-cache, shared", CC "no-cache", ETAG,
		    { .share_always = true, .stale_if_error = S }, true, false, false, false, 0,
		    0 },
		{ "9111 4.2.2 a guess", MODIFIED, NULL, TENTH, false, true, true, false, 0, 0 },
		{ "9111 4.2.2 no guess", MODIFIED, CC "max-age=1", TENTH, false, false, true, false,
		    0, 0 },
		{ "the route's ttl is no guess", MODIFIED, NULL,
		    { .ttl = &one_second, .heuristic = 0.1 },
		    false, false, true, false, 0, 0 },
		{ "8246 immutable", CC "max-age=1, immutable", NULL, {0}, false, false, true, true,
		    0, 0 },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req = { .method = SLICE("GET") }, resp = { .status = 200 };
		struct fresh f;

		add_line(&resp, t[i].resp);
		if (t[i].more != NULL)
			add_line(&resp, t[i].more);
		fresh_judge(&req, &resp, &t[i].policy, asked, answered, &f);
		ck_assert_msg(f.no_cache == t[i].no_cache, "%s: no_cache", t[i].name);
		ck_assert_msg(f.heuristic == t[i].heuristic, "%s: heuristic", t[i].name);
		ck_assert_msg(f.may_be_stale == t[i].may_be_stale, "%s: may_be_stale", t[i].name);
		ck_assert_msg(f.immutable == t[i].immutable, "%s: immutable", t[i].name);
		ck_assert_msg(f.stale_while_revalidate == t[i].swr_s * S &&
		    f.stale_if_error == t[i].sie_s * S, "%s: %lld %lld", t[i].name,
		    (long long)f.stale_while_revalidate, (long long)f.stale_if_error);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(asking)
{
	static const struct {
		const char		*name;
		const char		*req[2];
		bool			 obey;
		struct fresh_ask	 ask;
	} t[] = {
		{ "nothing", { NULL }, true, { .max_age = USEC_NEVER } },
		{ "9111 5.2.1 all, obeyed", { CC "no-cache, no-store, only-if-cached, max-age=1, "
		    "min-fresh=2, max-stale=3, stale-if-error=4" }, true,
		    { .no_cache = true, .no_store = true, .only_if_cached = true, .max_age = S,
		      .min_fresh = 2 * S, .max_stale = 3 * S, .stale_if_error = 4 * S } },
		{ "9111 5.2.1 what spares the backend", { CC "no-cache, no-store, only-if-cached, "
		    "max-age=1, min-fresh=2, max-stale=3, stale-if-error=4" }, false,
		    { .only_if_cached = true, .max_age = USEC_NEVER, .max_stale = 3 * S,
		      .stale_if_error = 4 * S } },
		{ "9111 5.2.1.1 max-age=0", { CC "max-age=0" }, true, { .max_age = 0 } },
		{ "9111 5.2.1.1 malformed", { CC "max-age=x" }, true, { .max_age = USEC_NEVER } },
		{ "9111 5.2.1.2 max-stale alone", { CC "max-stale" }, false,
		    { .max_age = USEC_NEVER, .any_stale = true, .max_stale = CC_MAX * S } },
		{ "9111 5.2.1.2 max-stale=0", { CC "max-stale=0" }, false,
		    { .max_age = USEC_NEVER } },
		{ "9111 5.4 Pragma", { "Pragma: x, No-Cache" }, true,
		    { .no_cache = true, .max_age = USEC_NEVER } },
		{ "9111 5.4 Pragma, ignored", { "Pragma: no-cache" }, false,
		    { .max_age = USEC_NEVER } },
		{ "9111 5.4 Pragma, another", { "Pragma: no-cache2" }, true,
		    { .max_age = USEC_NEVER } },
		{ "9111 5.4 Pragma beside Cache-Control", { "Pragma: no-cache", CC "max-age=5" },
		    true,
		    { .max_age = 5 * S } },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req = { .method = SLICE("GET") };
		struct fresh_ask a;

		for (int j = 0; j < 2 && t[i].req[j] != NULL; j++)
			add_line(&req, t[i].req[j]);
		fresh_ask(&req, t[i].obey, &a);
		ck_assert_msg(a.no_cache == t[i].ask.no_cache && a.no_store == t[i].ask.no_store &&
		    a.only_if_cached == t[i].ask.only_if_cached &&
		    a.any_stale == t[i].ask.any_stale,
		    "%s: flags", t[i].name);
		ck_assert_msg(a.max_age == t[i].ask.max_age && a.min_fresh == t[i].ask.min_fresh &&
		    a.max_stale == t[i].ask.max_stale &&
		    a.stale_if_error == t[i].ask.stale_if_error,
		    "%s: numbers", t[i].name);
		head_fini(&req);
	}
}
END_TEST

#define ANY		.max_age = USEC_NEVER
#define TEN		.lifetime = 10 * S, .may_be_stale = true

/* All of objects that are fresh for ten seconds. */
START_TEST(using)
{
	static const struct {
		const char		*name;
		struct fresh		 f;
		usec_t			 age;
		struct fresh_ask	 ask;
		enum fresh_use		 use;
	} t[] = {
		{ "9111 4.2 fresh", { TEN }, 0, { ANY }, FRESH_USE },
		{ "9111 4.2 fresh to the last", { TEN }, 10 * S - 1, { ANY }, FRESH_USE },
		{ "9111 4.2 stale at its lifetime", { TEN }, 10 * S, { ANY }, FRESH_VALIDATE },
		{ "9111 4.2 no lifetime", { .may_be_stale = true }, 0, { ANY }, FRESH_VALIDATE },
		{ "9111 4.2.2 a guess", { TEN, .heuristic = true }, 9 * S, { ANY }, FRESH_USE },
		{ "9111 4.2.4 fresh needs no leave to be stale", { .lifetime = 10 * S }, 9 * S,
		    { ANY },
		    FRESH_USE },
		{ "9111 5.2.2.4 no-cache", { TEN, .no_cache = true }, 0, { ANY, .any_stale = true,
		    .max_stale = S }, FRESH_VALIDATE },

		{ "9111 5.2.1.4 no-cache", { TEN }, 0, { ANY, .no_cache = true }, FRESH_VALIDATE },
		{ "9111 5.2.1.5 no-store is not about what is stored", { TEN }, 0,
		    { ANY, .no_store = true }, FRESH_USE },
		{ "9111 5.2.1.1 max-age", { TEN }, 5 * S, { .max_age = 5 * S }, FRESH_USE },
		{ "9111 5.2.1.1 older", { TEN }, 5 * S + 1, { .max_age = 5 * S }, FRESH_VALIDATE },
		{ "9111 5.2.1.1 no age at all", { TEN }, 0, { .max_age = 0 }, FRESH_USE },
		{ "9111 5.2.1.1 older, though stale is fine", { TEN }, 11 * S,
		    { .max_age = 5 * S, .max_stale = 60 * S }, FRESH_VALIDATE },
		{ "9111 5.2.1.3 min-fresh", { TEN }, 7 * S, { ANY, .min_fresh = 3 * S },
		    FRESH_USE },
		{ "9111 5.2.1.3 not so long", { TEN }, 7 * S + 1, { ANY, .min_fresh = 3 * S },
		    FRESH_VALIDATE },
		{ "9111 5.2.1.3 not when stale", { TEN }, 11 * S,
		    { ANY, .min_fresh = 1, .max_stale = 60 * S }, FRESH_VALIDATE },

		{ "9111 5.2.1.2 max-stale", { TEN }, 13 * S, { ANY, .max_stale = 3 * S },
		    FRESH_USE_STALE },
		{ "9111 5.2.1.2 staler", { TEN }, 13 * S + 1, { ANY, .max_stale = 3 * S },
		    FRESH_VALIDATE },
		{ "9111 5.2.1.2 at once", { TEN }, 10 * S, { ANY }, FRESH_VALIDATE },
		{ "9111 5.2.1.2 any", { TEN }, 100000 * S, { ANY, .any_stale = true },
		    FRESH_USE_STALE },
		{ "9111 5.2.1.2 with an age", { TEN }, 11 * S, { .max_age = 20 * S,
		    .max_stale = 3 * S },
		    FRESH_USE_STALE },
		{ "9111 4.2.4 forbidden", { .lifetime = 10 * S }, 11 * S, { ANY, .any_stale = true,
		    .max_stale = 60 * S }, FRESH_VALIDATE },

		{ "5861 3 within", { TEN, .stale_while_revalidate = 4 * S }, 14 * S - 1, { ANY },
		    FRESH_USE_REFRESH },
		{ "5861 3 past it", { TEN, .stale_while_revalidate = 4 * S }, 14 * S, { ANY },
		    FRESH_VALIDATE },
		{ "5861 3 fresh", { TEN, .stale_while_revalidate = 4 * S }, 9 * S, { ANY },
		    FRESH_USE },
		{ "5861 3 before max-stale", { TEN, .stale_while_revalidate = 4 * S }, 11 * S,
		    { ANY, .any_stale = true }, FRESH_USE_REFRESH },
		{ "5861 3 max-stale past it", { TEN, .stale_while_revalidate = 4 * S }, 15 * S,
		    { ANY, .any_stale = true }, FRESH_USE_STALE },
		{ "9111 5.2.1.1 who names an age wants it fresh", { TEN,
		    .stale_while_revalidate = 40 * S }, 11 * S, { .max_age = 60 * S },
		    FRESH_VALIDATE },
		{ "5861 3 no-cache", { TEN, .stale_while_revalidate = 4 * S }, 11 * S,
		    { ANY, .no_cache = true }, FRESH_VALIDATE },
		{ "5861 4 is for errors only", { TEN, .stale_if_error = 60 * S }, 11 * S,
		    { ANY, .stale_if_error = 60 * S }, FRESH_VALIDATE },

		{ "8246 2.1 reload", { TEN, .immutable = true }, 5 * S, { .max_age = 0 },
		    FRESH_USE },
		{ "8246 2.1 no-cache is a signal", { TEN, .immutable = true }, 5 * S,
		    { ANY, .no_cache = true }, FRESH_VALIDATE },
		{ "8246 2 stale", { TEN, .immutable = true }, 10 * S, { ANY }, FRESH_VALIDATE },
		{ "8246 2 stale, and too old", { TEN, .immutable = true }, 11 * S,
		    { .max_age = 0, .max_stale = 60 * S }, FRESH_VALIDATE },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		ck_assert_msg(fresh_use(&t[i].f, t[i].age, &t[i].ask) == t[i].use, "%s: %d",
		    t[i].name,
		    fresh_use(&t[i].f, t[i].age, &t[i].ask));
}
END_TEST

START_TEST(using_on_error)
{
	static const struct {
		const char		*name;
		struct fresh		 f;
		usec_t			 age;
		struct fresh_ask	 ask;
		bool			 ok;
	} t[] = {
		{ "5861 4 within", { TEN, .stale_if_error = 60 * S }, 70 * S - 1, { ANY }, true },
		{ "5861 4 past it", { TEN, .stale_if_error = 60 * S }, 70 * S, { ANY }, false },
		{ "5861 4 no window", { TEN }, 10 * S, { ANY }, false },
		{ "5861 4 still fresh", { TEN }, 10 * S - 1, { ANY, .no_cache = true }, true },
		{ "5861 4 still fresh, never stale", { .lifetime = 10 * S }, 9 * S, { ANY }, true },
		{ "5861 4 the request's window", { TEN }, 15 * S - 1, { ANY,
		    .stale_if_error = 5 * S },
		    true },
		{ "5861 4 past the request's", { TEN }, 15 * S, { ANY, .stale_if_error = 5 * S },
		    false },
		{ "5861 4 the longer one", { TEN, .stale_if_error = 60 * S }, 60 * S,
		    { ANY, .stale_if_error = 5 * S }, true },
		{ "9111 4.2.4 forbidden", { .lifetime = 10 * S, .stale_if_error = 60 * S }, 11 * S,
		    { ANY, .stale_if_error = 60 * S }, false },
		{ "9111 5.2.2.4 no-cache", { TEN, .no_cache = true }, 0, { ANY }, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		ck_assert_msg(fresh_use_on_error(&t[i].f, t[i].age, &t[i].ask) == t[i].ok, "%s",
		    t[i].name);
	for (int status = 100; status < 1000; status++)
		ck_assert_int_eq(fresh_is_error(status),
		    status == 500 || status == 502 || status == 503 || status == 504);
}
END_TEST

START_TEST(guarded_requests)
{
	static const struct {
		const char	*line;
		bool		 guarded;
	} t[] = {
		{ "If-Match: *", true },
		{ "if-unmodified-since: x", true },
		{ "If-None-Match: *", false },
		{ "If-Modified-Since: x", false },
		{ "If-Range: x", false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req = { .method = SLICE("GET") };

		add_line(&req, t[i].line);
		ck_assert_msg(fresh_request_guarded(&req) == t[i].guarded, "%s", t[i].line);
		head_fini(&req);
	}
}
END_TEST

START_TEST(partial_requests)
{
	static const char *const partial[] = {
		"Range", "if-range", "IF-NONE-MATCH", "If-Modified-Since", "If-Match",
		"If-Unmodified-Since",
	};
	static const char *const whole[] = { "Accept-Ranges", "Rang", "Range2", "If",
	    "Content-Range" };
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

/* 4.2.3: dates have whole seconds, so one between ours and theirs may be no time at all. */
START_TEST(a_second_may_be_a_moment)
{
	struct head req = { .method = SLICE("GET") };
	struct fresh_policy policy = { .ttl = NULL };

	for (int64_t behind = 0; behind < 4; behind++) {
		struct now then = { .mono = 1000 * S, .wall = 1700000000 * S };
		struct head resp = { .status = 200 };
		char date[DATE_LEN + 1];
		struct fresh f;

		date_format(1700000000 - behind, date);
		hdr_add(&resp, SLICE("Date"), slice_str(date));
		hdr_add(&resp, SLICE("Cache-Control"), SLICE("max-age=1"));
		fresh_judge(&req, &resp, &policy, then, then, &f);
		ck_assert_int_eq(f.initial_age, behind < 2 ? 0 : behind * S);
		ck_assert_str_eq(f.why, behind < 2 ? "ok" : "stale-on-arrival");
		head_fini(&resp);
	}
}
END_TEST

/* A wall clock that jumps back between request and answer makes nothing negative. */
START_TEST(clocks_that_jump)
{
	struct head req = { .method = SLICE("GET") }, resp = { .status = 200 };
	struct fresh_policy policy = { .ttl = &one_second };
	struct now later = { .mono = asked.mono, .wall = 0 };
	struct fresh f;

	add_line(&resp, DATE_NOW);
	fresh_judge(&req, &resp, &policy, asked, later, &f);
	ck_assert(f.store);
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

/* What nobody has said to be for all, and was made for one who said who it is. */
START_TEST(made_for_somebody)
{
	static const struct {
		const char	*name;
		const char	*req, *resp[2];
		bool		 alone, store, may_be_stale;
	} t[] = {
		{ "9111 4.2.2 no guess for a Cookie", "Cookie: a",
		    { "Last-Modified: Mon, 01 Jan 1990 00:00:00 GMT" }, true, false, false },
		{ "9111 5.2.2.4 nor kept by a date alone", "Cookie: a",
		    { CC "no-cache", "Last-Modified: Mon, 01 Jan 1990 00:00:00 GMT" }, true, false,
		    false },
		{ "9111 5.2.2.4 kept by a tag", "Cookie: a", { CC "no-cache", "ETag: W/\"a\"" },
		    true, true, false },
		{ "9111 5.2.2.4 by a date, when it was nobody", NULL,
		    { CC "no-cache", "Last-Modified: Mon, 01 Jan 1990 00:00:00 GMT" }, true, true,
		    false },
		{ "9111 4.2.2 nor for Authorization", "Authorization: a",
		    { CC "must-revalidate", "Last-Modified: Mon, 01 Jan 1990 00:00:00 GMT" },
		    true, false, false },
		{ "9111 4.2.2 but for one that the backend calls public", "Cookie: a",
		    { CC "public", "Last-Modified: Mon, 01 Jan 1990 00:00:00 GMT" }, false, true,
		    true },
		{ "9111 4.3 kept for validation only", "Cookie: a",
		    { CC "max-age=0", "ETag: \"a\"" },
		    true, true, false },
		{ "5861 4 not kept for errors", "Cookie: a", { CC "max-age=0" }, true, false,
		    false },
		{ "9111 5.2.2.2 asked each time", "Authorization: a",
		    { CC "max-age=0, must-revalidate", "ETag: \"a\"" }, true, true, false },
		{ "9111 3.5 a malformed s-maxage opens nothing", "Authorization: a",
		    { CC "s-maxage=x", "ETag: \"a\"" }, true, false, false },
		{ "9111 3.5 fresh for all", "Authorization: a", { CC "public, max-age=60" }, false,
		    true, true },
		{ "nobody", NULL, { CC "max-age=0", "ETag: \"a\"" }, false, true, true },
	};
	const struct fresh_policy policy = { .heuristic = 0.1,
	    .stale_if_error = 60 * USEC_PER_SEC };

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req = { .method = SLICE("GET") };
		struct head resp = { .status = 200 };
		struct fresh f;

		if (t[i].req != NULL)
			add_line(&req, t[i].req);
		for (unsigned k = 0; k < 2 && t[i].resp[k] != NULL; k++)
			add_line(&resp, t[i].resp[k]);
		fresh_judge(&req, &resp, &policy, asked, answered, &f);
		ck_assert_msg((f.class == FRESH_ALONE) == t[i].alone, "%s: %s", t[i].name, f.why);
		ck_assert_msg(f.store == t[i].store, "%s: store %d", t[i].name, f.store);
		ck_assert_msg(f.may_be_stale == t[i].may_be_stale, "%s: may be stale", t[i].name);
		head_fini(&req);
		head_fini(&resp);
	}
}
END_TEST

static Suite *
fresh_suite(void)
{
	Suite *s = suite_create("fresh");
	TCase *tc = tcase_create("fresh");

	tcase_add_loop_test(tc, judging, 0, sizeof verdicts / sizeof verdicts[0]);
	tcase_add_test(tc, beyond_this_answer);
	tcase_add_test(tc, made_for_somebody);
	tcase_add_test(tc, properties);
	tcase_add_test(tc, asking);
	tcase_add_test(tc, using);
	tcase_add_test(tc, using_on_error);
	tcase_add_test(tc, guarded_requests);
	tcase_add_test(tc, partial_requests);
	tcase_add_test(tc, a_second_may_be_a_moment);
	tcase_add_test(tc, clocks_that_jump);
	tcase_add_test(tc, shareable_requests);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(fresh_suite)
