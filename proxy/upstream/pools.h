/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pools of the whole process, kept across reloads: an upstream that keeps its name keeps its
 * line, its count and what is known of those of its servers that stay.
 */
#ifndef CORRAL_UPSTREAM_POOLS_H
#define CORRAL_UPSTREAM_POOLS_H

#include "base/conf.h"

struct pool;
struct pools;

struct pools	*pools_new(void);
/* After the last conf it bound is gone. */
void	pools_free(struct pools *ps);
/*
 * Gives each upstream of conf its pool (as `runtime`), the one of the same name if there is one,
 * with the servers and limits of this conf.  Before conf is published; control thread.
 */
void	pools_bind(struct pools *ps, struct conf *conf);
/* About once a second: closes what idled too long.  Control thread. */
void	pools_sweep(struct pools *ps, usec_t mono);
/* Those of the conf bound last, in no order.  Control thread, or any after all others ended. */
void	pools_each(struct pools *ps, void (*fn)(void *arg, const char *name, struct pool *p),
    void *arg);

#endif
