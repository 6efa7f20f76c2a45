/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pools of the whole process, kept across reloads: an upstream that stays the same keeps its
 * connections, its queue and its count.
 */
#ifndef CORRAL_UPSTREAM_POOLS_H
#define CORRAL_UPSTREAM_POOLS_H

#include "base/conf.h"

struct pools;

struct pools	*pools_new(void);
/* After the last conf it bound is gone. */
void	pools_free(struct pools *ps);
/*
 * Gives each upstream of conf its pool (as `runtime`), the one of the same name and server if there
 * is one, with the limits of this conf.  Before conf is published; control thread.
 */
void	pools_bind(struct pools *ps, struct conf *conf);
/* About once a second: closes what idled too long.  Control thread. */
void	pools_sweep(struct pools *ps, usec_t mono);

#endif
