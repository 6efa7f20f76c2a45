/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One worker's evhttp and the sockets it accepts on, in front of a set of gates.  Each worker binds
 * the same addresses with SO_REUSEPORT, so the kernel spreads connections.
 */
#ifndef CORRAL_FRONT_LISTENER_H
#define CORRAL_FRONT_LISTENER_H

#include "base/conf.h"
#include "front/gate.h"

struct listener;

/* NULL when the system refuses. */
struct listener	*listener_new(struct worker *w, const struct gate_ops *ops, void *arg,
    _Atomic unsigned *connections);
/*
 * Binds and listens.  On success 0 and *bound is the address in use (a port 0 filled in by the
 * kernel; give it to the other workers); its text is addr's.  On failure -1 with errno.
 */
int	listener_bind(struct listener *l, const struct conf_addr *addr, struct conf_addr *bound);
/*
 * SO_REUSEPORT would let a second Corral share our port in silence: this tries to bind addr without
 * it first.  0 when the address is free (or its port is 0); -1 with errno (EADDRINUSE) when not.
 */
int	listener_probe(const struct conf_addr *addr);
/* addr:port as a Host would have it, brackets and all. */
void	listener_text(const struct conf_addr *addr, char *out, size_t n);
/*
 * Accepts what has already connected, then closes the sockets and drains the gates.  That takes one
 * turn of the loop, during which listener_connections() is not 0.
 */
void	listener_stop(struct listener *l);
/* Connections open now, and 1 more while sockets are; 0: may be freed. */
unsigned	listener_connections(const struct listener *l);
/* Cuts what is left. */
void	listener_kill(struct listener *l);
void	listener_free(struct listener *l);

/*
 * Guards our knowledge of evhttp's inside (the argument of its bufferevent callbacks): feeds one
 * request through a loopback connection.  0, or -1 when this libevent isn't the one we know.
 */
int	listener_selftest(void);

#endif
