/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The admin endpoint: its own listener on the control worker, behind the same gate.
 * GET /stats, /healthz, /readyz; POST /purge {"url":…} or {"all":true}.  Its requests are not
 * counted as the proxy's.
 */
#ifndef CORRAL_FRONT_ADMIN_H
#define CORRAL_FRONT_ADMIN_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/conf.h"

struct admin;
struct cache;
struct pools;
struct worker;

/* What it speaks about; lives as long as the admin. */
struct admin_env {
	struct cache		*cache;
	struct pools		*pools;		/* NULL: none to speak of */
	struct worker		**workers;	/* those whose counters are summed */
	unsigned		 nworkers;
	usec_t			 started;	/* mono */
	_Atomic int		*draining;	/* not 0: /healthz and /readyz say 503 */
};

/* NULL with errno when the address can't be bound.  *bound: the address in use. */
struct admin	*admin_new(struct worker *control, const struct conf_addr *addr,
    const struct admin_env *env, struct conf_addr *bound);
/* No new connections; those that are open are drained. */
void	admin_stop(struct admin *a);
/* Cuts what is left, and frees. */
void	admin_free(struct admin *a);

#endif
