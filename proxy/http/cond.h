/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditional requests and validation (RFC 9110 8.8, 13; RFC 9111 3.2, 4.3): entity tags compared,
 * If-None-Match and If-Modified-Since evaluated on a stored answer, a 304 merged into it.
 */
#ifndef CORRAL_HTTP_COND_H
#define CORRAL_HTTP_COND_H

#include "base/clock.h"
#include "http/hdr.h"

/*
 * RFC 9110 8.8.3: one entity-tag at the start of s: its opaque-tag with the quotes in *tag, *weak,
 * what follows in *rest.  False when there is none.  "w/" in lower case, or quotes left out, is
 * none.
 */
bool	cond_etag(struct slice s, struct slice *tag, bool *weak, struct slice *rest);

/* Both must be entity-tags.  8.8.3.2. */
bool	cond_etag_strong_equal(struct slice a, struct slice b);
bool	cond_etag_weak_equal(struct slice a, struct slice b);

/*
 * RFC 9111 4.3.2, RFC 9110 13.2.2: would this answer be 304 to that request?  If-None-Match (a
 * list, compared weakly; or "*") goes before If-Modified-Since, which counts in GET and HEAD only,
 * and is compared with Last-Modified, else with Date, else with `received` (wall).  Of a malformed
 * list the members before the fault count; a malformed or repeated date counts as absent.  Only GET
 * and HEAD, 200 and 203 can be not modified; If-Match and If-Unmodified-Since are the origin's to
 * evaluate.
 */
bool	cond_not_modified(const struct head *req, const struct head *resp, usec_t received);

/*
 * RFC 9110 13.1.5: If-Range holds, so a range may be served: no If-Range; its entity-tag equal to
 * the answer's by strong comparison; or its date exactly the answer's Last-Modified, which is
 * strong in the sense of 8.8.2.2 (at least a second before Date).
 */
bool	cond_if_range(const struct head *req, const struct head *resp);

/* The answer has an entity-tag, and no second one. */
bool	cond_has_etag(const struct head *resp);
/* That, or a Last-Modified that parses: it can be validated. */
bool	cond_has_validator(const struct head *resp);
/* Appends the lines If-None-Match and If-Modified-Since that validate this answer (4.3.1). */
void	cond_emit_validators(const struct head *stored, struct buf *out);

/*
 * RFC 9111 4.3.4: does this 304 (to a request with the validators of `stored`) speak of `stored`?
 * Its entity-tag must be equal, else Last-Modified; with neither of them it does.  Tags are
 * compared weakly, which is kinder than 4.3.4: servers that compress on the way out mark the tag
 * weak in the 200 and not in the 304 (cond_merge() keeps the weak one then).  A tag or date that
 * `stored` has not confirms nothing by itself.  (A 304 without any validator is common, and an
 * answer to what we asked; by the letter it would confirm only what has no validator either.)
 */
bool	cond_confirms(const struct head *stored, const struct head *resp304);

/*
 * RFC 9111 3.2: *out (empty) becomes the stored head, updated with the fields of `update`, whose
 * hop-by-hop fields are gone already; every field that is in `update` replaces all of that name.
 * Not updated: Content-Length; Content-Encoding and Content-Range, which describe the bytes that we
 * keep; a weak ETag by its own strong form; Transfer-Encoding, Via, and Set-Cookie unless
 * set_cookie.  Content-Type is updated: 3.2 excuses only caches that don't keep the body as it
 * came.  Age is the update's alone, so that *out is judged (fresh_judge()) like an answer that has
 * just come.  An update without a Date that can be read gets `now` (wall): the time at which it
 * came.  Status, reason and framing stay the stored ones.
 */
void	cond_merge(const struct head *stored, const struct head *update, bool set_cookie,
    usec_t now, struct head *out);

/*
 * RFC 9111 4.3.5: does a 200 answer to HEAD speak of the stored 200 answer to GET?  Its ETag,
 * Last-Modified and Content-Length, as far as it has them, are those of the stored one (`length` of
 * the body).
 */
bool	cond_head_confirms(const struct head *stored, uint64_t length, const struct head *resp);

/* RFC 9110 15.4.5: the fields of a 200 that its 304 leaves out: those that describe the body. */
bool	cond_omitted_in_304(struct slice name);

#endif
