/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache-Control (RFC 9111 5.2), parsed once into a struct. */
#ifndef CORRAL_HTTP_CC_H
#define CORRAL_HTTP_CC_H

#include "http/hdr.h"

#define CC_NONE		(-1)		/* the directive is absent, or its argument is malformed */
#define CC_MAX		2147483648	/* overflow, RFC 9111 1.2.2 */
#define CC_WITHHELD	32		/* field names that no-cache and private list together */

struct cc {
	bool	targeted;		/* it is CDN-Cache-Control or Surrogate-Control: Expires
					 * doesn't count beside it (RFC 9213 2.1) */
	bool	no_store, no_cache, is_private, is_public, must_revalidate, proxy_revalidate,
		only_if_cached, must_understand, immutable;
	/*
	 * The fields that no-cache="..." and private="..." name (5.2.2.4, 5.2.2.7): stored and
	 * shared without them.  Borrowed from the head.  A list that is no list of field names, one
	 * that is too long, or one that names what the answer can't be understood without
	 * (Content-*, Vary, ETag, Last-Modified, Date, Age, Expires, Cache-Control and its targeted
	 * relatives), counts as the directive without an argument.
	 */
	struct slice	withheld[CC_WITHHELD];
	unsigned	nwithheld;
	bool	max_age_bad, s_maxage_bad; /* there, but malformed: stale, RFC 9111 4.2.1 */
	int64_t	max_age, s_maxage, min_fresh, max_stale, stale_while_revalidate, stale_if_error;
					/* seconds, or CC_NONE */
};

/* delta-seconds (RFC 9111 1.2.2): CC_NONE if it is none, CC_MAX if it is more. */
int64_t	cc_seconds(struct slice arg);

/* Of all fields of that name together, in their order; unknown directives are passed over. */
void	cc_parse(const struct head *h, struct slice field, struct cc *out);

/*
 * The directives of a response that hold for us: CDN-Cache-Control (RFC 9213, a structured field:
 * one that is invalid, or empty, counts as absent), else Surrogate-Control as its users write it
 * (W3C Edge Architecture 1.0, and the ecosystem's max-age=60+30, of which the second number is how
 * long it may be served stale, no-store, no-store-remote, content="..."; a directive for another
 * device by ";target" doesn't count), else Cache-Control.  withheld is always that of Cache-Control
 * too.
 */
void	cc_of_response(const struct head *resp, struct cc *out);

/* Surrogate-Control: said to us, and not passed on. */
bool	cc_is_consumed(struct slice name);
/* The answer's field is one that cc->withheld names. */
bool	cc_withholds(const struct cc *cc, struct slice name);

#endif
