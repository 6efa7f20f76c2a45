/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole Corral in a process: workers, cache, pools, listeners and the admin endpoint, put
 * together from a configuration, run, reloaded and stopped in order.
 */
#ifndef CORRAL_PROXY_H
#define CORRAL_PROXY_H

#include "base/conf.h"

struct proxy;
struct event_base;

/* Binds everything, starts nothing.  Takes a reference on conf.  NULL: *why says what failed. */
struct proxy	*proxy_new(struct conf *conf, struct buf *why);
/* The workers' threads start to serve.  0, or -1 with errno. */
int	proxy_start(struct proxy *p);
/* Runs the control loop (admin, sweeping, draining) in the calling thread until it has stopped. */
void	proxy_run(struct proxy *p);
/*
 * Drain: stop accepting, answer what is parked or in flight within limits.drain, then proxy_run()
 * returns.  Any thread.
 */
void	proxy_drain(struct proxy *p);
/* Takes over conf for whatever comes from now on.  Control thread.  A reference is taken. */
void	proxy_reload(struct proxy *p, struct conf *conf);
/* After proxy_run(); also after a proxy_new() that was never started. */
void	proxy_free(struct proxy *p);

/* "127.0.0.1:8080": the i-th listener as bound; NULL past the last. */
const char	*proxy_listening(const struct proxy *p, unsigned i);
/* NULL: off. */
const char	*proxy_admin_address(const struct proxy *p);
/* The control worker's loop, for signals. */
struct event_base	*proxy_base(struct proxy *p);

#endif
