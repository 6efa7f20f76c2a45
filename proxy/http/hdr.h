/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message head as understood: the start line's parts, the fields in their order, and what the
 * framing says.  What goes out is always written from this struct, never copied from what came in.
 *
 * All bytes live in the head's arena.  A head that many threads read is immutable by then.
 */
#ifndef CORRAL_HTTP_HDR_H
#define CORRAL_HTTP_HDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct hdr_field {
	struct slice	name;		/* as received; compare without case */
	struct slice	value;		/* no white space at its ends */
};

enum hdr_framing {
	FRAMING_NONE,			/* no body */
	FRAMING_LENGTH,
	FRAMING_CHUNKED,
	FRAMING_CLOSE,			/* until the connection closes; responses only */
};

struct head {
	struct arena		 arena;
	struct hdr_field	*f;
	unsigned		 n, cap;
	int			 minor;		/* HTTP/1.minor, 0 or 1 */

	/* requests */
	struct slice		 method;	/* case-sensitive */
	struct slice		 target;	/* as received */
	struct slice		 authority;	/* host[:port]: of an absolute-form target, else of
						 * Host; empty only in HTTP/1.0 without Host */
	struct slice		 path;		/* path and query; "*" for OPTIONS *, also for
						 * OPTIONS http://host; the target for CONNECT;
						 * never empty, so "/" for http://host */
	bool			 expect_continue; /* HTTP/1.1, Expect: 100-continue, body or not */

	/* responses */
	int			 status;
	struct slice		 reason;

	enum hdr_framing	 framing;
	uint64_t		 length;	/* of FRAMING_LENGTH */
	bool			 keep_alive;	/* the sender lets it go on (RFC 9112 9.3) */
};

/* A zeroed head is empty and valid. */
void	head_fini(struct head *h);
/* Deep copy of everything into an empty dst. */
void	head_copy(struct head *dst, const struct head *src);

/* Both are copied into the arena. */
void	hdr_add(struct head *h, struct slice name, struct slice value);
/* The first field of that name, or NULL. */
const struct hdr_field	*hdr_get(const struct head *h, struct slice name);
/* The next of that name after prev (NULL: the first), or NULL. */
const struct hdr_field	*hdr_next(const struct head *h, struct slice name,
    const struct hdr_field *prev);
unsigned	hdr_count(const struct head *h, struct slice name);
/* Removes every field of that name; how many there were. */
unsigned	hdr_remove(struct head *h, struct slice name);
/* True if a field of that name has the token in its comma-separated list, case folded. */
bool	hdr_has_token(const struct head *h, struct slice name, struct slice token);
/*
 * Removes Connection and what it names, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding,
 * Upgrade, Trailer, Proxy-Authenticate, Proxy-Authorization, Proxy-Authentication-Info
 * (RFC 9110 7.6.1).  Connection can't name away Content-Length, Host, Cache-Control and others a
 * cache must see: such options are dropped without effect.
 */
void	hdr_remove_hop_by_hop(struct head *h);

/*
 * X-Forwarded-*, Forwarded and their like: what a proxy says of the client or of the URL it was
 * asked for.  From a client it is a claim that nobody checked.
 */
bool	hdr_is_forwarded(struct slice name);
void	hdr_remove_forwarded(struct head *h);

/* Set-Cookie, and Set-Cookie2, which some still send (RFC 6265 9.4). */
bool	hdr_is_cookie(struct slice name);
bool	hdr_sets_cookie(const struct head *h);

/* "Name: value\r\n" for each field.  The empty line is the caller's. */
void	hdr_emit(const struct head *h, struct buf *out);
/* One field.  Values come from heads that were parsed, or from us: no CR, LF or NUL (contract). */
void	hdr_emit_field(struct buf *out, struct slice name, struct slice value);

bool	method_is(const struct head *h, const char *name);
/*
 * GET, HEAD, OPTIONS, TRACE (RFC 9110 9.2.1), and PROPFIND, REPORT, SEARCH, which their RFCs call
 * safe.
 */
bool	method_is_safe(struct slice method);
/* Safe, or PUT or DELETE (RFC 9110 9.2.2). */
bool	method_is_idempotent(struct slice method);
/* The registered phrase, or "" where there is none. */
const char	*status_reason(int status);

#endif
