/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names to addresses without blocking (c-ares), one resolver per worker.  An answer, A and AAAA
 * together, is remembered for its TTL; then the next asker waits for a new one, which all who ask
 * meanwhile share.  While the name servers fail the old addresses go on, for an hour.  Literal
 * addresses and /etc/hosts are answered without a query, still through the loop.  How long to wait
 * is the asker's to decide (resolve_cancel).
 */
#ifndef CORRAL_UPSTREAM_RESOLVE_H
#define CORRAL_UPSTREAM_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "base/worker.h"

struct resolver;
struct resolve;			/* one who asks, waiting for the answer */

/*
 * res: the addresses, in the order to try them, in one piece of memory that is the callee's to
 * free(), or NULL: error says why (static).  The question is no more.
 */
typedef void resolve_fn(void *arg, struct addrinfo *res, const char *error);

/* NULL when the system refuses.  No resolv.conf, or an empty one, is none of its errors. */
struct resolver	*resolver_new(struct worker *w);
/* For tests: another resolv.conf, whose servers have this port, and the hosts file that CARES_HOSTS
 * in the environment names. */
struct resolver	*resolver_new_from(struct worker *w, const char *resolv_conf, uint16_t port);
/* With nobody waiting, on the worker's thread outside of its loop, or after it has ended. */
void	resolver_free(struct resolver *r);
/* fn runs from the loop, never from here. */
struct resolve	*resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_fn *fn,
    void *arg);
/* fn will not run.  The question to the name server goes on, for those who ask next. */
void	resolve_cancel(struct resolve *q);

#endif
