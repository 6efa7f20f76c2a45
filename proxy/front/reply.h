/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heads of answers, serialised; and Corral's own small answers: errors and admin.
 */
#ifndef CORRAL_FRONT_REPLY_H
#define CORRAL_FRONT_REPLY_H

#include "base/clock.h"
#include "base/slice.h"
#include "front/status.h"
#include "http/hdr.h"

struct reply {
	int		 status;
	struct status	 cache;		/* Cache-Status */
	const char	*text;		/* what went wrong, for people; a newline is added */
	const char	*allow;		/* a 405's Allow, or NULL */
	struct slice	 fields;	/* more lines, each with its end */
	int		 retry_after;	/* seconds, 0: none */
	bool		 close;		/* Connection: close */
	bool		 keep_alive10;	/* HTTP/1.0 client whose keep-alive is granted */
	bool		 to_head;	/* no body */
};

/* A whole error answer: text/plain, no-store, Date, Cache-Status: corral; …  wall: the time now. */
void	reply_error(struct buf *out, const struct reply *r, usec_t wall);
/* A whole answer of the admin endpoint. */
void	reply_body(struct buf *out, int status, const char *type, struct slice body, bool close,
    bool keep_alive10, bool to_head, usec_t wall);
/* "Date: …\r\n" formatted once per second and thread. */
void	reply_add_date(struct buf *out, usec_t wall);
/* "HTTP/1.1 200 OK\r\n" */
void	reply_add_status(struct buf *out, int status, struct slice reason);

#endif
