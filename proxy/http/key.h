/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The canonical key of a request: scheme, host and port normalised (RFC 3986 6.2.2, 6.2.3: host in
 * lower case, the scheme's default port left out, percent-encoding of unreserved characters
 * decoded, other triplets in upper case), then path and query.  GET and HEAD share one key.
 */
#ifndef CORRAL_HTTP_KEY_H
#define CORRAL_HTTP_KEY_H

#include "http/hdr.h"

/* Appends "http://host[:port]/path?query" to out. */
void	key_make(const struct head *req, struct buf *out);
/*
 * The parts of a key, borrowed.  What is sent upstream for an answer that others may get is made of
 * these, so that no spelling of a host or a path can bring an answer under the key of another.
 */
void	key_split(struct slice key, struct slice *authority, struct slice *path);
/* Just the authority of a request in its normal form, appended. */
void	key_authority(const struct head *req, struct buf *out);
/* The same for a URL a person typed ("http://host/path").  0, or -1 if it is none. */
int	key_from_url(struct slice url, struct buf *out);

#endif
