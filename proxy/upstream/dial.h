/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a server's name to a connected socket, without blocking: resolve, then try the addresses in
 * turn.  All on the worker's thread.
 */
#ifndef CORRAL_UPSTREAM_DIAL_H
#define CORRAL_UPSTREAM_DIAL_H

#include "base/clock.h"
#include "base/conf.h"
#include "base/worker.h"

struct dial;
struct resolver;

enum dial_result {
	DIAL_CONNECTED,
	DIAL_UNKNOWN,		/* the name has no address, or nobody could tell */
	DIAL_REFUSED,		/* the last address refused, or could not be reached */
	DIAL_TIMEOUT,
	DIAL_RESOURCES,		/* no socket, no port, no memory here */
};

/* fd: the callee's, non-blocking, or -1: why says what was wrong (static).  The dial is no more. */
typedef void dial_fn(void *arg, int fd, enum dial_result result, const char *why);

/*
 * timeout is for all of it; an address that doesn't answer gets no more than its share, so that the
 * next one is tried too.  fn runs from the loop, never from here.  s must live until then.
 */
struct dial	*dial_start(struct worker *w, struct resolver *r, const struct conf_server *s,
    usec_t timeout, dial_fn *fn, void *arg);
/* fn will not run. */
void	dial_cancel(struct dial *d);

#endif
