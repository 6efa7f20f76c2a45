/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One server of an upstream, as its pool sees it: its breaker, its health, what is under way to it,
 * and the connections to it that nobody uses.
 *
 * Counted: the pool's list, each wait that has a place with it, each prober.  All but the count and
 * the copy of its configuration is guarded by the pool's lock.  server_conf(), server_ref() and
 * server_unref() are in upstream/pool.h.
 */
#ifndef CORRAL_UPSTREAM_SERVER_H
#define CORRAL_UPSTREAM_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/conf.h"
#include "upstream/balance.h"
#include "upstream/breaker.h"

struct server;

/* An open connection that nobody uses; its owner is the list it is on. */
struct idle {
	int			 fd;		/* -1: somebody took it */
	usec_t			 since;
	usec_t			 born;		/* mono: about when it was made */
	struct server		*server;	/* no reference: it goes before the server does */
	TAILQ_ENTRY(idle)	 of_server;
	TAILQ_ENTRY(idle)	 link;		/* of the pool's, or of those to be closed */
};

TAILQ_HEAD(idle_list, idle);

struct server {
	unsigned		 magic;
#define SERVER_MAGIC		 0x2c60e7d9
	_Atomic unsigned	 refs;
	struct conf_server	 conf;		/* url, host, port, authority: never changed */
	uint64_t		 id;		/* a hash of its URL */
	bool			 named;		/* by a name, whose address may change */
	struct {
		unsigned	 weight;
		bool		 backup;
		bool		 listed;	/* the conf in force names it */
		unsigned	 slot;		/* its bit in pool_wait.tried */
		bool		 healthy;
		struct breaker	 breaker;
		unsigned	 in_flight;	/* places with it */
		unsigned	 nidle;
		TAILQ_HEAD(, idle) idle;	/* newest first */
		uint64_t	 requests, failures;
	} shared;
};

/* One reference for the caller; up, and not listed yet. */
struct server	*server_new(const struct conf_server *conf);

/* The rest under the pool's lock. */

bool	server_is_up(const struct server *s, usec_t mono);
/* What the balancer has to know. */
struct candidate	server_candidate(const struct server *s, uint64_t tried, usec_t mono);

/* The connection comes back; *all is the pool's list, newest first, too. */
void	server_add_idle(struct server *s, struct idle *i, struct idle_list *all);
/* Off both lists. */
void	server_remove_idle(struct idle *i, struct idle_list *all);
/* The newest one if it is no older than max_idle; stays on its lists.  NULL: none. */
struct idle	*server_young_idle(const struct server *s, usec_t max_idle, usec_t mono);

/* It was made to what the server's name meant NAMED_FOR ago: not to be used again. */
bool	server_is_outdated(const struct server *s, const struct idle *i, usec_t mono);

/* Outside the lock: closes and frees them. */
void	idle_close_all(struct idle_list *list);

#endif
