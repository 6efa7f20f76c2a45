/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May it be stored, shared, and for how long?  RFC 9111 3 and 4.2 as pure functions of the two
 * heads, the route's policy and the time.
 */
#ifndef CORRAL_HTTP_FRESH_H
#define CORRAL_HTTP_FRESH_H

#include "base/clock.h"
#include "http/hdr.h"

enum fresh_class {
	FRESH_STORE,		/* goes into the store: anyone may have it while it is fresh */
	FRESH_SHARE,		/* for those who wait for it now, not for the store */
	FRESH_ALONE,		/* for the one whose request it answers */
};

struct fresh_policy {
	usec_t	ttl;		/* lifetime when the response says nothing; 0: none */
	bool	share_always;	/* route says coalesce: always */
};

struct fresh {
	enum fresh_class	 class;
	const char		*why;		/* one word for Cache-Status detail; static */
	bool			 marks;		/* FRESH_ALONE: other answers of this key will be, too */
	bool			 by_policy;	/* FRESH_SHARE, only since the route says `always` */
	usec_t			 lifetime;	/* FRESH_STORE: RFC 9111 4.2.1; by the route's ttl:
						 * ttl + initial_age, so that it runs from arrival,
						 * however slow the backend is */
	usec_t			 initial_age;	/* corrected_initial_age, 4.2.3 */
};

/*
 * request_time, response_time: both clocks when the request was sent and the response head came.
 * req is the request that was sent, resp its final answer.
 */
void	fresh_judge(const struct head *req, const struct head *resp, const struct fresh_policy *policy,
    struct now request_time, struct now response_time, struct fresh *out);

/* Range and the conditions (RFC 9110 13.1, 14.2): fields that ask for less than the whole answer. */
bool	fresh_field_partial(struct slice name);
bool	fresh_request_partial(const struct head *req);
/* The request may be answered by, or wait for, an answer to somebody else's: GET or HEAD, no body. */
bool	fresh_request_shareable(const struct head *req);

#endif
