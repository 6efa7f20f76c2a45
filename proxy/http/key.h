/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The canonical key of a request: scheme, host and port normalised (RFC 3986 6.2.2, 6.2.3: host in
 * lower case, the scheme's default port left out, percent-encoding of unreserved characters
 * decoded, other triplets in upper case), then path and query.  GET and HEAD share one key.
 */
#ifndef CORRAL_HTTP_KEY_H
#define CORRAL_HTTP_KEY_H

#include "base/conf.h"
#include "http/hdr.h"

/*
 * A key is a URL, "http://host[:port]/path?query", and, by a route's rules, lines after it: what
 * else tells two requests apart.  None of these bytes can stand in a URL.
 */

/* Appends "http://host[:port]/path?query" to out. */
void	key_make(const struct head *req, struct buf *out);
/*
 * Rewrites a key that key_make() or key_from_url() made by a route's rules: the query (kept,
 * dropped, sorted), then "\n" and "h:name:value" for each field, "\nc:name=value" for each cookie
 * of the rules that the request has, in the order of the rules.  Several lines of a field are
 * joined by ", "; a cookie that comes twice has two lines; "\nc:=" and all of a Cookie's line
 * follow when backends may see other cookies in it than we do.  req: NULL for a URL that a person
 * typed: the URL's part only.
 */
void	key_apply(const struct conf_key *rules, const struct head *req, struct buf *key);
/* The URL's part of a key, borrowed: all that a purge by URL, and an invalidation, go by. */
struct slice	key_url(struct slice key);
/*
 * The parts of a key's URL, borrowed.  What is sent upstream for an answer that others may get is
 * made of these, so that no spelling of a host or a path can bring an answer under the key of
 * another.
 */
void	key_split(struct slice key, struct slice *authority, struct slice *path);
/* Just the authority of a request in its normal form, appended. */
void	key_authority(const struct head *req, struct buf *out);
/* The same for a URL a person typed ("http://host/path").  0, or -1 if it is none. */
int	key_from_url(struct slice url, struct buf *out);
/*
 * RFC 3986 5.2: the key of a URI reference (a Location, a Content-Location) in an answer to the
 * request of this key.  0, or -1 if it is malformed or of another origin (RFC 9110 4.3.1; the
 * authority must be the same after normalisation, a scheme of https counts as another).  A fragment
 * is left out.  As after key_from_url(), no route's rules were applied to it.
 */
int	key_resolve(struct slice key, struct slice reference, struct buf *out);

#endif
