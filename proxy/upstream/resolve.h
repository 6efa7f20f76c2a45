/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names to addresses without blocking (evdns), one resolver per worker.  Literal addresses and
 * /etc/hosts are answered without a query, still through the loop.  Nothing is remembered from one
 * question to the next.  How long to wait is the asker's to decide (resolve_cancel).
 */
#ifndef CORRAL_UPSTREAM_RESOLVE_H
#define CORRAL_UPSTREAM_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "base/worker.h"

struct resolver;
struct resolve;			/* one question, pending */

/*
 * res: the addresses, in the order to try them (evutil_freeaddrinfo() is the callee's), or NULL:
 * error says why (static).  The question is no more.
 */
typedef void resolve_fn(void *arg, struct addrinfo *res, const char *error);

/* NULL when the system refuses.  No resolv.conf, or an empty one, is none of its errors. */
struct resolver	*resolver_new(struct worker *w);
/* With another resolv.conf than the system's: for tests. */
struct resolver	*resolver_new_from(struct worker *w, const char *resolv_conf);
/* With no question pending, on the worker's thread outside of its loop, or after it has ended. */
void	resolver_free(struct resolver *r);
/* fn runs from the loop, never from here. */
struct resolve	*resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_fn *fn,
    void *arg);
/* fn will not run. */
void	resolve_cancel(struct resolve *q);

#endif
