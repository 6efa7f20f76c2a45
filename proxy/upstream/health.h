/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Active health checks: GET health.path on each server each health.interval, on a connection of its
 * own beside the pool's places (a full upstream must not look dead).  2xx and 3xx within
 * health.timeout are a success.  `fall` failures in a row take the server out, `rise` successes in
 * a row bring it back; at first, and without checks, a server is up.
 *
 * All on the control worker's thread.
 */
#ifndef CORRAL_UPSTREAM_HEALTH_H
#define CORRAL_UPSTREAM_HEALTH_H

#include "base/conf.h"
#include "base/worker.h"

struct health;

struct health	*health_new(struct worker *control);
void	health_free(struct health *h);
/*
 * Checks what this conf says from now on, whose upstreams have been bound to their pools.  What was
 * counted of a server whose check stays the same goes on; one that is not checked any more is up.
 */
void	health_set(struct health *h, struct conf *conf);

#endif
