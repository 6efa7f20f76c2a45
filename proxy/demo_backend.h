/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration's slow backend: an HTTP server on a loopback port that the kernel gives, in a
 * thread of its own.  It takes DEMO_PAGE_TIME for each page and makes DEMO_BACKEND_SLOTS at a time.
 *
 * A page says by its name how long it may be kept: /private... not at all (private), /expired...
 * for DEMO_SHORT_LIFE, any other for 60 s.
 */
#ifndef CORRAL_DEMO_BACKEND_H
#define CORRAL_DEMO_BACKEND_H

#include "base/clock.h"

#define DEMO_PAGE_TIME		(500 * USEC_PER_MSEC)
#define DEMO_BACKEND_SLOTS	64	/* as many as Corral's max_connections has by default */
#define DEMO_SHORT_LIFE		(1 * USEC_PER_SEC)

struct demo_backend;
struct sockaddr_in;

/* Listens and serves at once.  The caller owns it.  NULL with errno. */
struct demo_backend	*demo_backend_new(void);
/* Ends its thread; pages being made are dropped.  Any thread but that one.  NULL is fine. */
void	demo_backend_free(struct demo_backend *b);

/* As bound; never changes, so any thread may read it while the backend lives. */
const struct sockaddr_in	*demo_backend_address(const struct demo_backend *b);
/* Requests that have reached it so far.  Any thread. */
unsigned	demo_backend_fetches(const struct demo_backend *b);

#endif
