/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fetch, and perhaps a second one of the same request when the first takes far longer than usual
 * (Dean, Barroso, The Tail at Scale, CACM 56, 2013).  The first good head wins, the other is
 * cancelled; to its user it is one fetch, with the same ops.
 *
 *	hedge_start ── first ──────────────────────── head ──> ops->head …
 *	                 └─ slower than 99 of 100 ─> second ──┘ whichever comes first
 *
 * Only where u->hedge says so, for idempotent requests without a body, within the retry budget, on
 * another server if there is one, and only on a place that nobody else wants: the second is for the
 * one slow answer, not for a backend that is slow throughout.  An error (5xx, 429) or a failure of
 * one doesn't count while the other may still answer.
 *
 * On the thread of its worker; rules of re-entrance as for fetch.h.
 */
#ifndef CORRAL_UPSTREAM_HEDGE_H
#define CORRAL_UPSTREAM_HEDGE_H

#include "upstream/fetch.h"

/* Of the times that the route's answers have taken; known after so many of them. */
#define HEDGE_SHARE	0.99

struct hedge;

/* As fetch_start(). */
struct hedge	*hedge_start(struct worker *w, struct resolver *r, const struct conf_upstream *u,
    const struct fetch_request *req, const struct fetch_ops *ops, void *arg);
bool	hedge_send_body(struct hedge *h, const char *p, size_t n);
void	hedge_send_end(struct hedge *h);
void	hedge_resume(struct hedge *h);
void	hedge_cancel(struct hedge *h);
void	hedge_want(struct hedge *h, unsigned wanted);
bool	hedge_orphan(struct hedge *h);

#endif
