/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strict, incremental reader of HTTP/1 heads, chunks and body framing (RFC 9112), for both
 * directions.  No I/O, no clock.  It accepts what the grammar accepts and refuses the rest at the
 * first line that shows it; nothing is repaired, with one exception that the RFC demands (an empty
 * line before a request line, 2.2, at most one).
 *
 * Requests refuse, among others: both Content-Length and Transfer-Encoding, more than one
 * Content-Length (also as a list), any Transfer-Encoding but exactly "chunked", Transfer-Encoding
 * in HTTP/1.0, obs-fold, bare CR or LF, NUL and control bytes, space before the colon, empty or
 * illegal names, white space other than single spaces in the request line, a missing, repeated or
 * malformed Host, a malformed target.
 *
 * Responses are read with the same strictness: where a request would be a 400, a response is
 * malformed and becomes a 502.  Differences: obs-fold is refused as well; both
 * Content-Length and Transfer-Encoding are refused; identical repeated Content-Lengths are refused;
 * an empty reason phrase may lack its space; 1xx are heads like others (the caller skips them).
 */
#ifndef CORRAL_HTTP_PARSE_H
#define CORRAL_HTTP_PARSE_H

#include "http/hdr.h"

struct parse_limits {
	size_t		head_bytes;	/* start line and fields; past it 431 */
	size_t		uri;		/* target; past it 414 */
	unsigned	fields;		/* past it 431 */
};

enum parse_kind {
	PARSE_REQUEST,
	PARSE_RESPONSE,
};

enum parse_result {
	PARSE_MORE,			/* nothing wrong so far; give more bytes */
	PARSE_DATA,			/* bodies: a piece of it */
	PARSE_DONE,
	PARSE_ERROR,			/* see status and reason */
};

#define PARSE_MAX_FIELDS	1000	/* ceiling of limits.header_fields */

/* Where one field stands in the buffer, its value trimmed. */
struct parse_field {
	uint32_t	name, name_n;
	uint32_t	value, value_n;
};

/*
 * Callers read used, status and reason; the rest is the reader's own, here so that the struct can
 * be embedded.  Between heads it holds no memory.
 */
struct parse {
	enum parse_kind		 kind;
	struct parse_limits	 limits;
	int			 phase;
	bool			 skipped;	/* the one empty line before a request line */
	size_t			 at;		/* the next byte; those before are right */
	size_t			 start;		/* where the start line starts */
	size_t			 mark;		/* where the version or value starts */
	size_t			 method_n;	/* from start */
	size_t			 target, target_n;
	size_t			 reason_n;	/* of a response's reason phrase */
	int			 minor;
	int			 code;		/* a response's status */
	unsigned		 seen;		/* fields that may come once */
	uint64_t		 length;	/* of Content-Length */
	struct parse_field	*fields;
	unsigned		 nfields, fieldcap;
	size_t			 used;		/* PARSE_DONE: bytes of the head, all of it */
	int			 status;	/* PARSE_ERROR: 400, 414, 417, 431, 501, 505; 502
						 * for responses */
	const char		*reason;	/* PARSE_ERROR: static text, fit for the peer */
};

void	parse_init(struct parse *ps, enum parse_kind kind, const struct parse_limits *limits);
void	parse_fini(struct parse *ps);

/*
 * buf holds all bytes since the head's first one; it may move and must only grow between calls.
 * PARSE_DONE fills h (an empty head; the caller frees it) and ps->used, and makes ps ready for the
 * next head.  After PARSE_ERROR h is empty and ps is good for nothing but parse_fini().
 *
 * A request's Host field says the same as h->authority afterwards, also where an absolute-form
 * target replaced it or HTTP/1.0 had none.
 *
 * For a response, h->framing is as for an answer to GET: the caller corrects it for HEAD (no body)
 * with parse_response_framing().  keep_alive is what the fields say; FRAMING_CLOSE ends the
 * connection all the same.
 */
enum parse_result	parse_head(struct parse *ps, const char *buf, size_t n, struct head *h);

/* RFC 9112 6.3: 1xx, 204, 304 and answers to HEAD have no body, whatever their fields say. */
void	parse_response_framing(struct head *h, bool to_head);

/* A body in its framing. */
struct parse_body {
	enum hdr_framing	 framing;
	uint64_t		 left;		/* of the length, or of the current chunk */
	int			 state;
	size_t			 line_bytes;	/* of the chunk line or of the trailer section */
	unsigned		 line_count;
	uint64_t		 total;		/* body bytes so far, without framing */
	const char		*reason;
};

#define PARSE_CHUNK_LINE	1024	/* longest chunk line, extensions included */
#define PARSE_TRAILER_BYTES	8192	/* longest trailer section; read strictly and dropped */

void	parse_body_init(struct parse_body *b, const struct head *h);

/*
 * Takes from p[0..n).  *used: bytes taken, framing included.  PARSE_DATA: *data is the next piece,
 * within p; call again with what follows.  PARSE_DONE: the body is whole; bytes after *used are not
 * part of it.  PARSE_MORE: all was taken.  FRAMING_CLOSE never says PARSE_DONE.
 */
enum parse_result	parse_body(struct parse_body *b, const char *p, size_t n,
    struct slice *data, size_t *used);

/*
 * A Host or an authority without userinfo: reg-name, IPv4 or [IPv6], never empty, then an optional
 * port, which may be empty ("host:") and is at most 65535.  No IPvFuture, no zone.
 */
bool	parse_authority_ok(struct slice s);

/*
 * A request target by the method's rules (RFC 9112 3.2): origin-form, absolute-form of http or
 * https, "*" for OPTIONS only, host:port for CONNECT only.  authority: empty for origin-form and
 * "*".  path: as in struct head, but "?query" for "http://host?query".  Both point into target or
 * at static text.
 */
bool	parse_target(struct slice method, struct slice target, struct slice *authority,
    struct slice *path);

#endif
