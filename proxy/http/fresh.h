/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May it be stored, shared, and for how long?  RFC 9111 3 and 4.2 as pure functions of the two
 * heads, the route's policy and the time.
 */
#ifndef CORRAL_HTTP_FRESH_H
#define CORRAL_HTTP_FRESH_H

#include "base/clock.h"
#include "base/conf.h"
#include "http/cc.h"
#include "http/hdr.h"

enum fresh_class {
	FRESH_SHARE,		/* everyone who waits for it may have it */
	FRESH_ALONE,		/* only the one whose request it answers */
};

struct fresh_policy {
	/* When the response says nothing. */
	const struct conf_ttl	*ttl;		/* lifetime by status; NULL: none */
	usec_t			 error_ttl;	/* lifetime of errors without a validator; or 0 */
	double			 heuristic;	/* share of the Last-Modified age, 4.2.2; 0: none */
	usec_t			 stale_while_revalidate, stale_if_error;

	enum conf_set_cookie	 set_cookie;
	bool			 share_always;	/* route says coalesce: always */
};

/* A guess is never longer than this: what nobody promised is looked at once a day. */
#define FRESH_HEURISTIC_MAX	((usec_t)86400 * USEC_PER_SEC)

struct fresh {
	enum fresh_class	 class;
	const char		*why;		/* one word for Cache-Status detail; static */
	bool			 marks;		/* FRESH_ALONE: so will be others of this key */
	/*
	 * FRESH_SHARE: only with requests that say nothing of who asks, since nobody says that it
	 * is for all (no lifetime, stale on arrival), or only the route does (`always`).
	 */
	bool			 plain_only;
	/*
	 * To be kept (RFC 9111 3): while it is fresh, or since it can be validated, or served
	 * stale.  With FRESH_ALONE: only for validation (no-cache).
	 */
	bool			 store;
	bool			 no_cache;	/* never served without validation (5.2.2.4) */
	bool			 heuristic;	/* lifetime is a guess (4.2.2) */
	bool			 by_ttl;	/* lifetime is the operator's, by `ttl` */
	bool			 by_error_ttl;	/* it is an error, and lives by `error_ttl` alone */
	usec_t			 lifetime;	/* 4.2.1; by the route's ttl: ttl + initial_age, so
						 * that it runs from arrival, however late */
	usec_t			 initial_age;	/* corrected_initial_age, 4.2.3 */
	/*
	 * How long past its lifetime it may be served stale, RFC 5861; both 0 with must-revalidate,
	 * proxy-revalidate, s-maxage or no-cache (RFC 9111 4.2.4).
	 */
	usec_t			 stale_while_revalidate, stale_if_error;
	bool			 may_be_stale;	/* none of those four forbids it, and no error */
	bool			 immutable;	/* RFC 8246: while fresh, a client's max-age is no
						 * reason to ask */
};

/*
 * request_time, response_time: both clocks when the request was sent and the response head came.
 * req is the request that was sent, resp its final answer.  A POST's answer is judged as one that
 * may be stored for GET if it says how long it is fresh (RFC 9110 9.3.3; the caller compares
 * Content-Location).
 */
void	fresh_judge(const struct head *req, const struct head *resp,
    const struct fresh_policy *policy, struct now request_time, struct now response_time,
    struct fresh *out);

/*
 * RFC 9111 7.3: under that policy a cookie of the answer (which has these directives) makes it one
 * client's.  Named by no-cache="set-cookie" or private="set-cookie" the cookie alone stays with
 * that one.
 */
bool	fresh_sets_cookie(const struct head *resp, const struct cc *cc,
    const struct fresh_policy *policy);

/*
 * Made for one who said who it is: kept for validation only, by whoever asks next with what that
 * one says of itself; never fresh, never stale, for nobody who waits.
 */
void	fresh_only_validate(struct fresh *f);

/* What a request asks of a cache (RFC 9111 5.2.1, 5.4). */
struct fresh_ask {
	bool	no_cache;		/* no-cache, or Pragma without Cache-Control */
	bool	no_store;
	bool	only_if_cached;
	bool	any_stale;		/* max-stale without a number */
	usec_t	max_age;		/* USEC_NEVER: any */
	usec_t	min_fresh;
	usec_t	max_stale;		/* 0: none */
	usec_t	stale_if_error;		/* RFC 5861 4 in a request; 0: doesn't say */
};

/*
 * obey: the route lets clients ask for what costs the backend a fetch (no-cache, no-store, max-age,
 * min-fresh, Pragma).  What spares it (only-if-cached, max-stale, stale-if-error) always counts.
 */
void	fresh_ask(const struct head *req, bool obey, struct fresh_ask *out);

enum fresh_use {
	FRESH_USE,		/* as it is */
	FRESH_USE_STALE,	/* as it is: the client said that stale is fine (max-stale) */
	FRESH_USE_REFRESH,	/* stale, while it is refreshed (stale-while-revalidate) */
	FRESH_VALIDATE,		/* not without asking the backend */
};

/* What may a stored answer of this age be used for (4.2, 4.2.4)? */
enum fresh_use	fresh_use(const struct fresh *f, usec_t age, const struct fresh_ask *ask);
/* May it be served instead of an error of the backend's (RFC 5861 4)? */
bool	fresh_use_on_error(const struct fresh *f, usec_t age, const struct fresh_ask *ask);
/* RFC 5861 4: the backend's answer is an error that a stale answer may stand in for. */
bool	fresh_is_error(int status);

/* Range and the conditions (RFC 9110 13.1, 14.2): fields that ask for less than everything. */
bool	fresh_field_partial(struct slice name);
bool	fresh_request_partial(const struct head *req);
/*
 * If-Match or If-Unmodified-Since: the origin's to evaluate, so such a request is answered from the
 * store while that is fresh (RFC 9111 4.3.2), else goes up as it came.
 */
bool	fresh_request_guarded(const struct head *req);
/* It may be answered by, or wait for, the answer to somebody else's: GET or HEAD, no body. */
bool	fresh_request_shareable(const struct head *req);

#endif
