/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: judging an answer is three questions in turn.  Is it for one request only
 * (share_verdict)?  How long is it fresh (explicit_lifetime, or a guess)?  How old is it already
 * (initial_age_of)?  The first reason found is the word that Cache-Status shows.  Using it later is
 * arithmetic on what was found then, the age, and what the client asks.
 *
 * Rules: RFC 9111 3, 4.2 and 5.2 for a shared cache, RFC 5861, RFC 8246.  Fresh means age <
 * lifetime; a window of n seconds ends n seconds after that.
 *
 * Threads: pure; time comes in.
 *
 * Why FRESH_SHARE: an answer that may not be stored, or is stale on arrival, may still answer
 * requests that were already waiting for it when nothing ties it to one of them; that is what
 * saves the backend.
 */
#include "http/fresh.h"

#include "http/cc.h"
#include "http/cond.h"
#include "http/date.h"
#include "http/vary.h"

#define NO_LIFETIME	(-1)

struct verdict {
	enum fresh_class	 class;
	const char		*why;		/* NULL: nothing against it */
	bool			 marks;
	bool			 plain_only;
	bool			 no_cache;
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

/* RFC 9110 15.1, without 206, which we don't store. */
static bool
heuristically_cacheable(int status)
{
	static const int set[] = { 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501 };

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
 * A part, a condition's outcome, or what RFC 6585 forbids to store: it answers the very request
 * that was sent and says nothing about what a plain one would get.
 */
static bool
never_shared(int status)
{
	static const int set[] = { 206, 304, 412, 416, 428, 429, 431, 511 };

	return status < 200 || status_in(status, set, sizeof set / sizeof set[0]);
}

/*
 * Refusals of the one who asked: its credentials, address, fields or pace.  Without an explicit
 * word of the backend they are not for those who wait beside it, or whoever leads could refuse a
 * page to all.
 */
static bool
about_the_client(int status)
{
	static const int set[] = { 400, 401, 403, 407, 408, 413, 414, 417, 421, 425 };

	return status_in(status, set, sizeof set / sizeof set[0]);
}

/* What a ttl for all is for: no failure, and no refusal, is kept by the operator's default. */
static bool
ttl_applies(int status)
{
	return heuristically_cacheable(status) && !about_the_client(status) && status < 500;
}

/* What the operator says of this status; 0: nothing. */
static usec_t
ttl_of(const struct conf_ttl *ttl, int status)
{
	if (ttl == NULL)
		return 0;
	for (unsigned i = 0; i < ttl->n; i++)
		if (ttl->by[i].status == status)
			return ttl->by[i].ttl;
	return ttl_applies(status) ? ttl->any : 0;
}

/* RFC 9111 3.5 */
static bool
opens_authorization(const struct cc *cc)
{
	return cc->is_public || cc->must_revalidate || cc->s_maxage != CC_NONE;
}

/* The backend can know who asks, and may have answered that one. */
static bool
names_somebody(const struct head *req)
{
	return has(req, SLICE("Authorization")) || has(req, SLICE("Cookie"));
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
	bool shared = policy->share_always && !names_somebody(req);
	struct verdict v = { .class = shared ? FRESH_SHARE : FRESH_ALONE, .marks = !shared,
	    .plain_only = shared };

	if (cc->no_store && !(cc->must_understand && understood(resp->status)))
		v.why = "no-store";
	else if (cc->no_cache)
		v = (struct verdict){ v.class, "no-cache", v.marks, v.plain_only, true };
	else
		v = (struct verdict){ .class = FRESH_SHARE };
	return v;
}

static struct verdict
alone(const char *why, bool marks)
{
	return (struct verdict){ .class = FRESH_ALONE, .why = why, .marks = marks };
}

bool
fresh_sets_cookie(const struct head *resp, const struct cc *cc, const struct fresh_policy *policy)
{
	if (policy->set_cookie != SET_COOKIE_PRIVATE)
		return false;
	for (unsigned i = 0; i < resp->n; i++)
		if (hdr_is_cookie(resp->f[i].name) && !cc_withholds(cc, resp->f[i].name))
			return true;
	return false;
}

/* Whether anyone else may have it, apart from its age and from the method. */
static struct verdict
share_verdict(const struct head *req, const struct head *resp, const struct cc *cc,
    const struct fresh_policy *policy)
{
	struct verdict v;

	if (has(req, SLICE("Authorization")) && !opens_authorization(cc))
		return alone("authorization", true);
	if (cc->is_private)
		return alone("private", true);
	if (fresh_sets_cookie(resp, cc, policy))
		return alone("set-cookie", true);
	if (vary_any(resp))
		return alone("vary-star", true);
	v = directive_verdict(req, resp, cc, policy);
	if (v.class != FRESH_ALONE && cc->must_understand && !understood(resp->status))
		return alone("status", true);
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

static int64_t
date_or_now(const struct head *resp, int64_t wall)
{
	int64_t date;

	return date_of(resp, SLICE("Date"), wall, &date) == 0 ? date : wall;
}

/* 5.3, 4.2.1: what can't be read, or is said twice, has expired. */
static int64_t
expires_lifetime(const struct head *resp, int64_t wall)
{
	int64_t date = date_or_now(resp, wall), expires;

	if (hdr_count(resp, SLICE("Expires")) > 1 ||
	    date_of(resp, SLICE("Expires"), wall, &expires) != 0 || expires <= date)
		return 0;
	return expires - date < CC_MAX ? expires - date : CC_MAX;
}

/* RFC 9111 4.2.1, in seconds; NO_LIFETIME if the response says nothing. */
static int64_t
explicit_lifetime(const struct head *resp, const struct cc *cc, int64_t wall)
{
	if (cc->s_maxage != CC_NONE || cc->s_maxage_bad)
		return cc->s_maxage_bad ? 0 : cc->s_maxage;
	if (cc->max_age != CC_NONE || cc->max_age_bad)
		return cc->max_age_bad ? 0 : cc->max_age;
	if (cc->targeted || !has(resp, SLICE("Expires")))
		return NO_LIFETIME;
	return expires_lifetime(resp, wall);
}

/*
 * 4.2.2, for an answer without an explicit lifetime; 0: no guess.  `public` marks any status as one
 * that may be guessed about.
 */
static usec_t
heuristic_lifetime(const struct head *resp, const struct cc *cc, const struct fresh_policy *policy,
    int64_t wall)
{
	int64_t modified, date = date_or_now(resp, wall);
	double guess;

	if (!heuristically_cacheable(resp->status) && !cc->is_public)
		return 0;
	if (date_of(resp, SLICE("Last-Modified"), wall, &modified) != 0)
		return 0;
	guess = policy->heuristic * (double)(date - modified) * (double)USEC_PER_SEC;
	if (!(guess > 0))
		return 0;
	return guess < (double)FRESH_HEURISTIC_MAX ? (usec_t)guess : FRESH_HEURISTIC_MAX;
}

/* 5.1: the first member counts; nonsense counts as no Age. */
static int64_t
age_value(const struct head *resp)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item = { 0 };
	int64_t seconds;

	while (item.n == 0 && (f = hdr_next(resp, SLICE("Age"), f)) != NULL) {
		rest = f->value;
		if (!slice_list_next(&rest, &item))
			item = (struct slice){ 0 };
	}
	seconds = cc_seconds(item);
	return seconds == CC_NONE ? 0 : seconds;
}

/*
 * 4.2.3.  The wall clock is compared with Date in whole seconds, which is all that Date has: one
 * second between them may be a moment, and would make what lives for a second stale on arrival now
 * and then, so it doesn't count (4.2.3 leaves it to us whether Date does at all).  How long the
 * answer took is measured by the other clock.
 */
static usec_t
initial_age_of(const struct head *resp, struct now request_time, struct now response_time)
{
	int64_t wall = whole_seconds(response_time.wall), date;
	usec_t apparent = 0, corrected;

	if (date_of(resp, SLICE("Date"), wall, &date) == 0 && wall > date + 1)
		apparent = (wall - date < CC_MAX ? wall - date : CC_MAX) * USEC_PER_SEC;
	corrected = age_value(resp) * USEC_PER_SEC;
	if (response_time.mono > request_time.mono)
		corrected += response_time.mono - request_time.mono;
	return apparent > corrected ? apparent : corrected;
}

static usec_t
window(int64_t said, usec_t otherwise)
{
	return said == CC_NONE ? otherwise : said * USEC_PER_SEC;
}

/* RFC 9111 4.2.4, RFC 5861.  said: there is a lifetime. */
static void
set_windows(const struct cc *cc, const struct fresh_policy *policy, bool said, struct fresh *out)
{
	out->may_be_stale = !cc->must_revalidate && !cc->proxy_revalidate && !cc->no_cache &&
	    cc->s_maxage == CC_NONE && !cc->s_maxage_bad;
	if (!out->may_be_stale)
		return;
	/* What never was fresh is not covered by the operator's word about what no longer is. */
	out->stale_while_revalidate = window(cc->stale_while_revalidate,
	    said ? policy->stale_while_revalidate : 0);
	out->stale_if_error = window(cc->stale_if_error, policy->stale_if_error);
}

void
fresh_only_validate(struct fresh *f)
{
	f->class = FRESH_ALONE;
	f->plain_only = false;
	f->marks = true;
	f->why = "credentials";
	f->no_cache = true;
	f->may_be_stale = false;
	f->stale_while_revalidate = f->stale_if_error = 0;
}

/*
 * Two pages for two clients may well have one date (of their template, say), but hardly one tag:
 * what was made for one who said who it is can be validated for the next by its tag alone.
 */
static bool
can_be_validated(const struct head *req, const struct head *resp)
{
	return names_somebody(req) ? cond_has_etag(resp) : cond_has_validator(resp);
}

/*
 * Not fresh, so nobody has said that it may be used again; those who wait beside the one who asked
 * get it only if nothing ties it to that one.  Errors are about the backend.
 */
static void
keep_apart(const struct head *req, const struct head *resp, struct fresh *out)
{
	if (out->class != FRESH_SHARE || fresh_is_error(resp->status))
		return;
	out->plain_only = true;
	if (!names_somebody(req))
		return;
	fresh_only_validate(out);
	out->store = out->store && can_be_validated(req, resp);
}

/* Nobody said how long. */
static void
settle_silent(const struct head *resp, struct fresh *out)
{
	out->why = ttl_applies(resp->status) ? "no-lifetime" : "status";
	if (about_the_client(resp->status))
		out->class = FRESH_ALONE;
}

/*
 * `error_ttl`: an error about which nothing is said is the backend's trouble of the moment, and the
 * answer for everyone who asks within it.  One with a validator is a page, and goes by RFC 9111 3;
 * and what one client's cookie may have brought about is not kept for the others.
 */
static bool
is_kept_error(const struct head *req, const struct head *resp, const struct fresh_policy *policy,
    const struct fresh *out)
{
	return policy->error_ttl > 0 && fresh_is_error(resp->status) &&
	    out->class == FRESH_SHARE && !cond_has_validator(resp) && !names_somebody(req);
}

/* How long, and whether that, or a validator, makes it worth keeping. */
static void
judge_lifetime(const struct head *req, const struct head *resp, const struct cc *cc,
    const struct fresh_policy *policy, int64_t wall, struct fresh *out)
{
	int64_t seconds = explicit_lifetime(resp, cc, wall);
	usec_t ttl = ttl_of(policy->ttl, resp->status);
	/* RFC 9111 3, its last condition */
	bool allowed = seconds != NO_LIFETIME || cc->is_public ||
	    heuristically_cacheable(resp->status);

	if (seconds != NO_LIFETIME)
		out->lifetime = seconds * USEC_PER_SEC;
	else if ((out->by_ttl = ttl > 0))
		out->lifetime = ttl + out->initial_age;
	else if ((out->by_error_ttl = is_kept_error(req, resp, policy, out)))
		out->lifetime = policy->error_ttl + out->initial_age;
	else if (!names_somebody(req) || cc->is_public)
		/* No guess about a page that may be somebody's. */
		out->heuristic = (out->lifetime = heuristic_lifetime(resp, cc, policy, wall)) > 0;
	/* Past its time an error stands in for nothing, least of all for the next one. */
	if (!fresh_is_error(resp->status))
		set_windows(cc, policy, seconds != NO_LIFETIME || out->lifetime > 0, out);
	if (out->lifetime > out->initial_age) {
		out->why = "ok";
		out->store = true;
		return;
	}
	if (seconds != NO_LIFETIME || out->lifetime > 0)
		out->why = "stale-on-arrival";
	else
		settle_silent(resp, out);
	out->store = out->class == FRESH_SHARE && allowed && (cond_has_validator(resp) ||
	    (seconds != NO_LIFETIME && out->stale_if_error > 0));
	keep_apart(req, resp, out);
}

/* 5.2.2.4: kept to be validated, if it can be; it has no lifetime for us, whatever it says. */
static void
judge_no_cache(const struct head *req, const struct head *resp, const struct cc *cc, int64_t wall,
    struct fresh *out)
{
	out->no_cache = true;
	out->store = can_be_validated(req, resp) &&
	    (heuristically_cacheable(resp->status) || cc->is_public ||
	     explicit_lifetime(resp, cc, wall) != NO_LIFETIME);
}

static void
judge_get(const struct head *req, const struct head *resp, const struct cc *cc,
    const struct fresh_policy *policy, int64_t wall, struct fresh *out)
{
	struct verdict v = share_verdict(req, resp, cc, policy);

	out->class = v.class;
	out->why = v.why;
	out->marks = v.marks;
	out->plain_only = v.plain_only;
	out->immutable = cc->immutable;
	if (v.no_cache)
		judge_no_cache(req, resp, cc, wall, out);
	else if (v.why == NULL)
		judge_lifetime(req, resp, cc, policy, wall, out);
}

void
fresh_judge(const struct head *req, const struct head *resp, const struct fresh_policy *policy,
    struct now request_time, struct now response_time, struct fresh *out)
{
	usec_t age = initial_age_of(resp, request_time, response_time);
	int64_t wall = whole_seconds(response_time.wall);
	const struct fresh lonely = { .class = FRESH_ALONE, .initial_age = age };
	struct cc cc;

	*out = lonely;
	if (never_shared(resp->status)) {
		out->why = "status";
		return;
	}
	cc_of_response(resp, &cc);
	if (method_is(req, "GET")) {
		judge_get(req, resp, &cc, policy, wall, out);
		return;
	}
	/* RFC 9110 9.3.3: only with an explicit lifetime, and it answers nobody who waits. */
	if (method_is(req, "POST") && explicit_lifetime(resp, &cc, wall) != NO_LIFETIME)
		judge_get(req, resp, &cc, policy, wall, out);
	if (!out->store || out->no_cache)
		*out = lonely;
	out->class = FRESH_ALONE;
	out->why = "method";
}

void
fresh_ask(const struct head *req, bool obey, struct fresh_ask *out)
{
	const struct hdr_field *f = hdr_get(req, SLICE("Cache-Control"));
	struct cc cc;

	*out = (struct fresh_ask){ .max_age = USEC_NEVER };
	if (f == NULL) {
		out->no_cache = obey && hdr_has_token(req, SLICE("Pragma"), SLICE("no-cache"));
		return;
	}
	cc_parse(req, SLICE("Cache-Control"), &cc);
	out->only_if_cached = cc.only_if_cached;
	out->any_stale = cc.max_stale == CC_MAX;
	out->max_stale = window(cc.max_stale, 0);
	out->stale_if_error = window(cc.stale_if_error, 0);
	if (!obey)
		return;
	out->no_cache = cc.no_cache;
	out->no_store = cc.no_store;
	out->max_age = window(cc.max_age, USEC_NEVER);
	out->min_fresh = window(cc.min_fresh, 0);
}

/*
 * 5.2.1.1: who names an age wants nothing stale, unless it says max-stale.  RFC 8246 2.1: a fresh
 * immutable answer is validated when the client says no-cache, and for no age.
 */
enum fresh_use
fresh_use(const struct fresh *f, usec_t age, const struct fresh_ask *ask)
{
	bool fresh = age < f->lifetime;
	usec_t over = age - f->lifetime;

	if (f->no_cache || ask->no_cache)
		return FRESH_VALIDATE;
	if (ask->min_fresh > 0 && f->lifetime - age < ask->min_fresh)
		return FRESH_VALIDATE;
	if (age > ask->max_age && !(fresh && f->immutable))
		return FRESH_VALIDATE;
	if (fresh)
		return FRESH_USE;
	if (!f->may_be_stale)
		return FRESH_VALIDATE;
	if (over < f->stale_while_revalidate && ask->max_age == USEC_NEVER)
		return FRESH_USE_REFRESH;
	if (ask->any_stale || (ask->max_stale > 0 && over <= ask->max_stale))
		return FRESH_USE_STALE;
	return FRESH_VALIDATE;
}

bool
fresh_use_on_error(const struct fresh *f, usec_t age, const struct fresh_ask *ask)
{
	usec_t longest = f->stale_if_error > ask->stale_if_error ? f->stale_if_error :
	    ask->stale_if_error;

	if (f->no_cache)
		return false;
	return age < f->lifetime || (f->may_be_stale && age - f->lifetime < longest);
}

bool
fresh_is_error(int status)
{
	static const int set[] = { 500, 502, 503, 504 };

	return status_in(status, set, sizeof set / sizeof set[0]);
}

bool
fresh_field_partial(struct slice name)
{
	static const struct slice set[] = {
		SLICE_INIT("Range"), SLICE_INIT("If-Range"), SLICE_INIT("If-None-Match"),
		SLICE_INIT("If-Modified-Since"), SLICE_INIT("If-Match"),
		SLICE_INIT("If-Unmodified-Since"),
	};

	return slice_casein(name, set, sizeof set / sizeof set[0]);
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
fresh_request_guarded(const struct head *req)
{
	return has(req, SLICE("If-Match")) || has(req, SLICE("If-Unmodified-Since"));
}

bool
fresh_request_shareable(const struct head *req)
{
	return (method_is(req, "GET") || method_is(req, "HEAD")) &&
	    (req->framing == FRAMING_NONE || (req->framing == FRAMING_LENGTH && req->length == 0));
}
