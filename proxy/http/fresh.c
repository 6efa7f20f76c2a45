/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: three questions in turn.  Is it for one request only (fresh_alone)?  How long is it fresh
 * (lifetime)?  How old is it already (age)?  The first reason found is the word that Cache-Status
 * shows.
 *
 * Rules: RFC 9111 3 and 4.2 for a shared cache, stricter where strictness is the safe side:
 * private and no-cache with field names count as if they had none, and a Set-Cookie is never
 * shared.
 *
 * Threads: pure; time comes in.
 *
 * Why FRESH_SHARE: an answer that may not be stored, or is stale on arrival, may still answer
 * requests that were already waiting for it when nothing ties it to one of them; that is what
 * saves the backend.
 */
#include "http/fresh.h"

#include "http/cc.h"
#include "http/date.h"
#include "http/vary.h"

#define NO_LIFETIME	(-1)

struct verdict {
	enum fresh_class	 class;
	const char		*why;
	bool			 marks;
	bool			 by_policy;
};

static bool
has(const struct head *h, struct slice name)
{
	return hdr_get(h, name) != NULL;
}

static bool
status_in(int status, const int *set, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (set[i] == status)
			return true;
	return false;
}

/* RFC 9110 15.1, without 206, which we don't store, and 501: no failure is kept by a default. */
static bool
heuristically_cacheable(int status)
{
	static const int set[] = { 200, 203, 204, 300, 301, 308, 404, 405, 410, 414 };

	return status_in(status, set, sizeof set / sizeof set[0]);
}

/* Those whose meaning asks nothing more of a cache (must-understand, RFC 9111 5.2.2.3). */
static bool
understood(int status)
{
	static const int set[] = {
		200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 451,
		500, 501, 502, 503, 504,
	};

	return status_in(status, set, sizeof set / sizeof set[0]);
}

/*
 * A part, a condition's outcome, or what RFC 6585 forbids to store: it answers the very request that
 * was sent and says nothing about what a plain one would get.
 */
static bool
never_shared(int status)
{
	static const int set[] = { 206, 304, 412, 416, 428, 429, 431, 511 };

	return status < 200 || status_in(status, set, sizeof set / sizeof set[0]);
}

/*
 * Refusals of the one who asked: its credentials, address, fields or pace.  Without an explicit word
 * of the backend they are not for those who wait beside it, or whoever leads could refuse a page to all.
 */
static bool
about_the_client(int status)
{
	static const int set[] = { 400, 401, 403, 407, 408, 413, 414, 417, 421, 425 };

	return status_in(status, set, sizeof set / sizeof set[0]);
}

/* RFC 9111 3.5 */
static bool
opens_authorization(const struct cc *cc)
{
	return cc->is_public || cc->must_revalidate || cc->s_maxage != CC_NONE || cc->s_maxage_bad;
}

/*
 * no-store and no-cache: the only ones that the operator's "everyone gets the same" overrules, and
 * not where the request says who is asking.  5.2.2.3: must-understand lifts no-store where we
 * understand.
 */
static struct verdict
directive_verdict(const struct head *req, const struct head *resp, const struct cc *cc,
    const struct fresh_policy *policy)
{
	bool shared = policy->share_always && !has(req, SLICE("Authorization")) &&
	    !has(req, SLICE("Cookie"));
	struct verdict v = { shared ? FRESH_SHARE : FRESH_ALONE, "no-cache", !shared, shared };

	if (cc->no_store && !(cc->must_understand && understood(resp->status)))
		v.why = "no-store";
	else if (!cc->no_cache && !cc->no_cache_fields)
		v = (struct verdict){ FRESH_STORE, "ok", false, false };
	return v;
}

/* Whether anyone else may have it, apart from its age. */
static struct verdict
share_verdict(const struct head *req, const struct head *resp, const struct cc *cc,
    const struct fresh_policy *policy)
{
	struct verdict v;

	if (never_shared(resp->status))
		return (struct verdict){ FRESH_ALONE, "status", false, false };
	if (!method_is(req, "GET"))
		return (struct verdict){ FRESH_ALONE, "method", false, false };
	if (has(req, SLICE("Authorization")) && !opens_authorization(cc))
		return (struct verdict){ FRESH_ALONE, "authorization", true, false };
	if (cc->is_private || cc->private_fields)
		return (struct verdict){ FRESH_ALONE, "private", true, false };
	if (has(resp, SLICE("Set-Cookie")))
		return (struct verdict){ FRESH_ALONE, "set-cookie", true, false };
	if (vary_any(resp))
		return (struct verdict){ FRESH_ALONE, "vary-star", true, false };
	v = directive_verdict(req, resp, cc, policy);
	if (v.class != FRESH_ALONE && cc->must_understand && !understood(resp->status))
		return (struct verdict){ FRESH_ALONE, "status", true, false };
	return v;
}

static int64_t
whole_seconds(usec_t t)
{
	return t / USEC_PER_SEC;
}

/* Of the first field of that name; -1 if absent or malformed. */
static int
date_of(const struct head *h, struct slice name, int64_t now, int64_t *out)
{
	const struct hdr_field *f = hdr_get(h, name);

	return f == NULL ? -1 : date_parse(f->value, now, out);
}

/* RFC 9111 4.2.1, in seconds; NO_LIFETIME if the response says nothing. */
static int64_t
explicit_lifetime(const struct head *resp, const struct cc *cc, int64_t wall)
{
	int64_t expires, date;

	if (cc->s_maxage != CC_NONE || cc->s_maxage_bad)
		return cc->s_maxage_bad ? 0 : cc->s_maxage;
	if (cc->max_age != CC_NONE || cc->max_age_bad)
		return cc->max_age_bad ? 0 : cc->max_age;
	if (!has(resp, SLICE("Expires")))
		return NO_LIFETIME;
	if (date_of(resp, SLICE("Expires"), wall, &expires) != 0)
		return 0;
	if (date_of(resp, SLICE("Date"), wall, &date) != 0)
		date = wall;
	if (expires <= date)
		return 0;
	return expires - date < CC_MAX ? expires - date : CC_MAX;
}

/* 5.1: the first member counts; nonsense counts as no Age. */
static int64_t
age_value(const struct head *resp)
{
	const struct hdr_field *f = hdr_get(resp, SLICE("Age"));
	struct slice rest, item;
	uint64_t v;

	if (f == NULL)
		return 0;
	rest = f->value;
	if (!slice_list_next(&rest, &item))
		return 0;
	for (size_t i = 0; i < item.n; i++)
		if (item.p[i] < '0' || item.p[i] > '9')
			return 0;
	return slice_u64(item, &v) != 0 || v > CC_MAX ? CC_MAX : (int64_t)v;
}

/*
 * 4.2.3.  The wall clock is compared with Date in whole seconds, which is all that Date has; how
 * long the answer took is measured by the other clock.
 */
static usec_t
initial_age_of(const struct head *resp, struct now request_time, struct now response_time)
{
	int64_t wall = whole_seconds(response_time.wall), date;
	usec_t apparent = 0, corrected;

	if (date_of(resp, SLICE("Date"), wall, &date) == 0 && wall > date)
		apparent = (wall - date < CC_MAX ? wall - date : CC_MAX) * USEC_PER_SEC;
	corrected = age_value(resp) * USEC_PER_SEC;
	if (response_time.mono > request_time.mono)
		corrected += response_time.mono - request_time.mono;
	return apparent > corrected ? apparent : corrected;
}

/* Not for the store after all. */
static void
settle(struct fresh *out, enum fresh_class class, const char *why)
{
	out->class = class;
	out->why = why;
	out->lifetime = 0;
}

void
fresh_judge(const struct head *req, const struct head *resp, const struct fresh_policy *policy,
    struct now request_time, struct now response_time, struct fresh *out)
{
	struct cc cc;
	struct verdict v;
	int64_t seconds;

	cc_parse(resp, SLICE("Cache-Control"), &cc);
	v = share_verdict(req, resp, &cc, policy);
	*out = (struct fresh){ .class = v.class, .why = v.why, .marks = v.marks,
	    .by_policy = v.by_policy };
	out->initial_age = initial_age_of(resp, request_time, response_time);
	if (v.class != FRESH_STORE)
		return;
	seconds = explicit_lifetime(resp, &cc, whole_seconds(response_time.wall));
	if (seconds != NO_LIFETIME) {
		out->lifetime = seconds * USEC_PER_SEC;
	} else if (about_the_client(resp->status)) {
		settle(out, FRESH_ALONE, "status");
		return;
	} else if (!heuristically_cacheable(resp->status)) {
		settle(out, FRESH_SHARE, "status");
		return;
	} else if (policy->ttl <= 0) {
		settle(out, FRESH_SHARE, "no-lifetime");
		return;
	} else {
		out->lifetime = policy->ttl + out->initial_age;
	}
	if (out->lifetime <= out->initial_age)
		settle(out, FRESH_SHARE, "stale-on-arrival");
}

bool
fresh_field_partial(struct slice name)
{
	static const struct slice set[] = {
		SLICE_INIT("Range"), SLICE_INIT("If-Range"), SLICE_INIT("If-None-Match"),
		SLICE_INIT("If-Modified-Since"), SLICE_INIT("If-Match"),
		SLICE_INIT("If-Unmodified-Since"),
	};

	for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
		if (slice_caseeq(name, set[i]))
			return true;
	return false;
}

bool
fresh_request_partial(const struct head *req)
{
	for (unsigned i = 0; i < req->n; i++)
		if (fresh_field_partial(req->f[i].name))
			return true;
	return false;
}

bool
fresh_request_shareable(const struct head *req)
{
	return (method_is(req, "GET") || method_is(req, "HEAD")) &&
	    (req->framing == FRAMING_NONE || (req->framing == FRAMING_LENGTH && req->length == 0));
}
