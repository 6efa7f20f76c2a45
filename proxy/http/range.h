/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte ranges over a known length (RFC 9110 14), pure.
 */
#ifndef CORRAL_HTTP_RANGE_H
#define CORRAL_HTTP_RANGE_H

#include "http/hdr.h"

/* More in one request are no use to anybody: such a Range is ignored (RFC 9110 14.2, 17.15). */
#define RANGE_MAX	16

struct range {
	uint64_t	first, last;	/* both included; last < length */
};

struct ranges {
	unsigned	n;
	struct range	r[RANGE_MAX];	/* as asked for, but what overlaps or touches is joined */
};

enum range_result {
	RANGE_WHOLE,			/* there is none, or it is to be ignored: send everything */
	RANGE_PARTS,			/* 206 with these */
	RANGE_NONE,			/* 416 (RFC 9110 15.5.17) */
};

/*
 * What the request's Range selects of a body of that length.  Ignored: malformed ones, other units
 * than bytes, more than one Range field, more than RANGE_MAX members, and several that together ask
 * for at least as much as everything.  Whether the method, the status and If-Range let a Range
 * count is the caller's to ask (cond_if_range()).
 */
enum range_result	range_select(const struct head *req, uint64_t length, struct ranges *out);

/* The request has a Range that range_select() may honour for some length. */
bool	range_asked(const struct head *req);

/*
 * "Content-Range: bytes first-last/length\r\n"; and "bytes * /length" (without the space) for a
 * 416.
 */
void	range_emit(const struct range *r, uint64_t length, struct buf *out);
void	range_emit_unsatisfied(uint64_t length, struct buf *out);

#endif
