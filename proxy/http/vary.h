/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which request fields choose a variant (RFC 9111 4.1), as one comparable string.
 */
#ifndef CORRAL_HTTP_VARY_H
#define CORRAL_HTTP_VARY_H

#include "http/hdr.h"

/*
 * The response's Vary has a member "*", or one of the fields that we write ourselves
 * (X-Forwarded-*, Via): matches nothing, so it is for one request only.
 */
bool	vary_any(const struct head *resp);
/*
 * The field names of the response's Vary, lower case, each once, in a fixed order, comma-separated;
 * empty when there is none.  A list of more than 32 names counts as "*" for vary_any().
 */
void	vary_names(const struct head *resp, struct buf *out);
/*
 * The values of those fields in a request, in that order: two requests whose strings are equal
 * select the same variant.  Accept, Accept-Charset, Accept-Encoding and Accept-Language are written
 * in a normal form, others as they came, several lines of one name joined (RFC 9110 5.2).  An
 * absent field differs from an empty one.
 */
void	vary_values(const struct head *req, struct slice names, struct buf *out);
/*
 * The request that has these values may get the answer that was stored for stored_values: they are
 * equal, or differ in Accept-Encoding only, and by what both accept the backend would choose the
 * same coding again.  All are of the same names.  coding: the value of the answer's
 * Content-Encoding, empty when it has none; one of several codings is for equal values only.
 * Allocates nothing.
 */
bool	vary_match(struct slice names, struct slice stored_values, struct slice coding,
    struct slice values);

/*
 * For what is sent upstream on behalf of a whole variant: if f has a normal form, it is appended in
 * that spelling ("Name: value\r\n", all lines of its name at the first of them, nothing at the
 * others), its members in their own order, and this is true.  False: it goes as it came.
 */
bool	vary_respell(const struct head *req, const struct hdr_field *f, struct buf *out);

#endif
