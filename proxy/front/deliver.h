/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an object to a client: writes the head for this client, then the body as it comes, lent by
 * reference, never more than DELIVER_HIGH ahead of the client's socket.
 */
#ifndef CORRAL_FRONT_DELIVER_H
#define CORRAL_FRONT_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/slice.h"
#include "cache/obj.h"
#include "cache/reader.h"
#include "front/gate.h"
#include "front/status.h"

#define DELIVER_HIGH	((size_t)256 * 1024)
#define DELIVER_LOW	((size_t)64 * 1024)

struct parts;

enum deliver_state {
	DELIVER_MORE,			/* wait for wake or for writable */
	DELIVER_DONE,			/* all has left: gate_finish() */
	DELIVER_CUT,			/* the body broke off: gate_kill() */
};

/* Embedded in the client. */
struct deliver {
	struct gate	*gate;
	struct reader	 reader;
	bool		 chunked;	/* we frame it, its length isn't known */
	bool		 ended;		/* all of the body was given to the gate */
	bool		 partial;	/* the end is not the object's end: 206, 304, 416, HEAD */
	uint64_t	 left;		/* of the body, or of the part that is being sent;
					 * OBJ_NO_LENGTH: unknown */
	struct parts	*parts;		/* of a multipart answer, or NULL */
	uint64_t	 body_sent;	/* given to the gate */
};

/* What the head says beside the object's own fields. */
struct deliver_head {
	/*
	 * The request whose conditions (If-None-Match, If-Modified-Since) and Range are answered
	 * here, from the whole answer that the object is; NULL: the origin has seen them.
	 */
	const struct head *req;
	bool		 leader;	/* with the fields that are withheld from others */
	struct status	 cache;		/* Cache-Status */
	bool		 say_age;
	usec_t		 age;
	bool		 to_head;	/* HEAD: no body */
	int		 minor;		/* the client's HTTP/1.minor */
	bool		 keep_alive;	/* the client asked for it, HTTP/1.0 */
};

/*
 * Starts: opens the reader, sends the head and what there is of the body.  wake(arg) comes when
 * there is more to read.  The object's reference stays the caller's.
 */
enum deliver_state	deliver_start(struct deliver *d, struct gate *g, struct obj *o,
    bool expected, const struct deliver_head *h, void (*wake)(void *), void *arg);
/* After a wake, or when the gate is writable. */
enum deliver_state	deliver_more(struct deliver *d);
/* Legal in any state, also when never started (zeroed). */
void	deliver_stop(struct deliver *d);

#endif
