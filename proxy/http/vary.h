/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which request fields choose a variant (RFC 9111 4.1), as one comparable string.
 */
#ifndef CORRAL_HTTP_VARY_H
#define CORRAL_HTTP_VARY_H

#include "http/hdr.h"

/*
 * The response's Vary has a member "*", or one of the fields that we write ourselves (X-Forwarded-*,
 * Via): matches nothing, so it is for one request only.
 */
bool	vary_any(const struct head *resp);
/*
 * The field names of the response's Vary, lower case, each once, in a fixed order, comma-separated;
 * empty when there is none.  A list of more than 32 names counts as "*" for vary_any().
 */
void	vary_names(const struct head *resp, struct buf *out);
/*
 * The values of those fields in a request, in that order, so that two requests select the same
 * variant exactly if the strings are equal.  An absent field differs from an empty one.
 */
void	vary_values(const struct head *req, struct slice names, struct buf *out);

#endif
