/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache-Control (RFC 9111 5.2), parsed once into a struct. */
#ifndef CORRAL_HTTP_CC_H
#define CORRAL_HTTP_CC_H

#include "http/hdr.h"

#define CC_NONE		(-1)		/* the directive is absent, or its argument is malformed */
#define CC_MAX		2147483648	/* overflow, RFC 9111 1.2.2 */

struct cc {
	bool	present;		/* the field is there at all */
	bool	no_store, no_cache, is_private, is_public, must_revalidate, proxy_revalidate,
		no_transform, only_if_cached, must_understand, immutable;
	bool	no_cache_fields;	/* no-cache="…": with field names only */
	bool	private_fields;		/* private="…" */
	bool	max_age_bad, s_maxage_bad; /* there, but malformed: counts as stale, RFC 9111 4.2.1 */
	int64_t	max_age, s_maxage, min_fresh, max_stale, stale_while_revalidate, stale_if_error;
					/* seconds, or CC_NONE */
};

/* Of all fields of that name together, in their order; unknown directives are passed over. */
void	cc_parse(const struct head *h, struct slice field, struct cc *out);

#endif
