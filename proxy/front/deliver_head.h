/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object is to one request, and the head that says so.
 */
#ifndef CORRAL_FRONT_DELIVER_HEAD_H
#define CORRAL_FRONT_DELIVER_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "cache/obj.h"
#include "front/deliver.h"
#include "front/deliver_parts.h"
#include "http/range.h"

enum deliver_what {
	DELIVER_WHOLE,			/* as it is */
	DELIVER_NOT_MODIFIED,		/* 304 */
	DELIVER_RANGE,			/* 206 with ranges->r[0] */
	DELIVER_RANGES,			/* 206, multipart */
	DELIVER_UNSATISFIED,		/* 416 */
};

/*
 * Pure.  length: of the whole body, or OBJ_NO_LENGTH.  *ranges is set for DELIVER_RANGE and
 * DELIVER_RANGES only.
 */
enum deliver_what	deliver_choose(const struct obj_meta *m, const struct deliver_head *h,
    uint64_t length, struct ranges *ranges);

/* What a head is made of, for deliver_write_head(). */
struct deliver_answer {
	enum deliver_what	 what;
	const struct obj_meta	*m;
	const struct deliver_head *h;
	uint64_t		 whole;		/* of the body, or OBJ_NO_LENGTH */
	const struct range	*range;		/* of DELIVER_RANGE */
	const struct parts	*parts;		/* of DELIVER_RANGES */
	bool			 chunked;
	bool			 close;
};

/* With the empty line, and for a 416 with its body. */
void	deliver_write_head(const struct deliver_answer *a, struct buf *out);

#endif
