/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands around the ranges of a multipart/byteranges answer (RFC 9110 14.6).
 */
#ifndef CORRAL_FRONT_DELIVER_PARTS_H
#define CORRAL_FRONT_DELIVER_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/range.h"

struct parts;

/* Of a body of that length.  type: its Content-Type, borrowed; empty: it has none. */
struct parts	*parts_new(const struct ranges *rs, uint64_t length, struct slice type);
void	parts_free(struct parts *p);
/* Of the whole answer: ranges and what is around them. */
uint64_t	parts_length(const struct parts *p);
/* The answer's own Content-Type line. */
void	parts_emit_type(const struct parts *p, struct buf *out);
/* False: a part begins before the end of one that goes before it, so the body is read backwards. */
bool	parts_ascend(const struct ranges *rs);
/*
 * The text that goes before the next part, whose bytes *r says; false: all parts are out, and the
 * text ends the answer.  The text is lent until the next call.
 */
bool	parts_next(struct parts *p, struct range *r, struct slice *text);

#endif
