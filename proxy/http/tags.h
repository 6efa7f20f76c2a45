/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Purge tags of an answer, and cache groups (RFC 9875): which words it carries, as text.
 *
 * A tag is a line: a kind, a colon and the word.  "t:word" is a purge tag, from any field that the
 * route lists; "g:word" is a cache group, from Cache-Groups only, and means something within its
 * origin only.
 */
#ifndef CORRAL_HTTP_TAGS_H
#define CORRAL_HTTP_TAGS_H

#include "base/conf.h"
#include "http/hdr.h"

#define TAGS_MAX	128		/* of one answer; more are left out */
#define TAGS_BYTES	8192		/* of all of them, as lines */

/*
 * The tags of an answer: lines, each ended by "\n", each once; groups first, then the fields in the
 * route's order.  Surrogate-Key and xkey are divided by white space, Cache-Groups is a structured
 * list of strings (an invalid one counts as absent), any other field by commas or white space.
 * Cache-Groups gives "g:" lines always, and "t:" lines too when the route lists it.
 */
void	tags_of(const struct head *resp, const struct conf_strings *fields, struct buf *out);

/*
 * The groups that an answer to an unsafe request invalidates (Cache-Group-Invalidation, RFC 9875
 * 3), as "g:" lines.
 */
void	tags_invalidated(const struct head *resp, struct buf *out);

#endif
