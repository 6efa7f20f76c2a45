/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of one answer: bytes in; interim heads, the final head and the pieces of its body out.
 * No I/O and no clock; what servers send is hostile until it has passed here.
 */
#ifndef CORRAL_UPSTREAM_RESPONSE_H
#define CORRAL_UPSTREAM_RESPONSE_H

#include <stdbool.h>

#include "base/slice.h"
#include "http/hdr.h"
#include "http/parse.h"

enum response_step {
	RESPONSE_MORE,		/* all was taken; give more bytes */
	RESPONSE_INTERIM,	/* an interim head to pass on (RFC 9110 15.2); read on */
	RESPONSE_HEAD,		/* the final head; read on */
	RESPONSE_WHOLE,		/* it has ended; response_pending() bytes are not part of it */
	RESPONSE_BAD,		/* see reason */
};

/* Opaque in use; here so that it can be embedded. */
struct response {
	struct parse		 parse;
	struct parse_body	 body;
	bool			 to_head;
	bool			 in_body;	/* the final head is read */
	bool			 empty;		/* and no body follows it */
	bool			 until_close;	/* its body ends with the connection */
	bool			 keep_alive;	/* the connection may be used again after it */
	unsigned		 interim;	/* 1xx so far */
	size_t			 interim_bytes;	/* of their heads */
	const char		*reason;	/* RESPONSE_BAD: static text */
	char			*in;
	size_t			 off;		/* read up to here */
	size_t			 n, cap;
};

/* to_head: the answer to a HEAD request. */
void	response_init(struct response *a, bool to_head);
void	response_fini(struct response *a);
/* Forgets the bytes of a connection that is no more; nothing of them may have been read yet. */
void	response_forget(struct response *a);

/* Room for want bytes at least; *room is how much there is.  What was put there: response_put(). */
char	*response_room(struct response *a, size_t want, size_t *room);
void	response_put(struct response *a, size_t n);
/* Bytes that came and are not read yet. */
size_t	response_pending(const struct response *a);

/*
 * The next step.  RESPONSE_HEAD moves the head to *h, framing corrected for HEAD.  So does
 * RESPONSE_INTERIM, with a head that is fit for another connection: fields about this one and about
 * a body are gone.  100 is dropped, since it is about one connection.  In all other cases *data is
 * what there is of the body now, as one piece, valid until the next call of any kind.
 */
enum response_step	response_read(struct response *a, struct head *h, struct slice *data);

#endif
