/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool as its own files see it:
 *
 *	pool.c		the line, who gets a place and who is sent away
 *	pool_place.c	a wait and its place: server, connection, report
 *	pool_conf.c	its life, and what a reload changes
 *	pool_figures.c	what is known of it: usual times, health, figures, the sweep
 *	server.c	one server and its idle connections
 *	rate.c		how fast the line moves
 */
#ifndef CORRAL_UPSTREAM_POOL_PRIV_H
#define CORRAL_UPSTREAM_POOL_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/histo.h"

#include "upstream/limit.h"
#include "upstream/line.h"
#include "upstream/pool.h"
#include "upstream/rate.h"
#include "upstream/retry.h"
#include "upstream/server.h"

#define POOL_ROUTES	64

enum pool_wait_state {
	PW_NONE,
	PW_QUEUED,		/* in shared.line */
	PW_GIVEN,		/* has a place; its message is posted */
	PW_REFUSED,		/* has none; its message is posted, and says `answer` */
	PW_PLACE,		/* has a place and knows it */
};

/* What is usual for one route. */
struct route_times {
	bool		 used;
	uint64_t	 route;
	struct usual	 usual;
};

struct pool {
	unsigned		 magic;
#define POOL_MAGIC		 0x9b1d3ac4
	_Atomic unsigned	 refs;
	pthread_mutex_t		 lock;
	struct {
		/* from the configuration */
		unsigned	 fixed;		/* limit; 0: auto */
		unsigned	 queue_length;
		usec_t		 queue_timeout;
		unsigned	 keepalive;
		usec_t		 keepalive_idle;
		enum conf_balance balance;
		double		 retry_budget;
		struct conf_breaker breaker;
		usec_t		 health_interval;
		unsigned	 nservers;
		struct server	*server[CONF_SERVERS_MAX];	/* a reference each */

		struct limit	 limit;		/* auto */
		struct retry	 retry;
		unsigned	 turn;		/* the balancer's */
		int		 credit[CONF_SERVERS_MAX];
		unsigned	 places;	/* PW_GIVEN and PW_PLACE */
		unsigned	 orphans;	/* of those */
		unsigned	 nidle;
		struct idle_list idle;		/* of all servers, newest first */
		struct line	 line;		/* PW_QUEUED */
		struct rate	 rate;		/* of the line */
		uint64_t	 refused;	/* POOL_FULL */
		struct route_times times[POOL_ROUTES];
	} shared;
};

/*
 * Every change is between these two: the lock is taken; what has become free goes to those who wait
 * and what is too much is closed, after the lock is given back.  *dropped: connections to close.
 */
void	pool_enter(struct pool *p, struct idle_list *dropped, usec_t mono);
void	pool_leave(struct pool *p, struct idle_list *dropped, usec_t mono);

/* Locked, all up to pool_still_idle(). */

unsigned	pool_limit(const struct pool *p);
/* No place is free. */
bool	pool_full(const struct pool *p);
bool	pool_any_up(const struct pool *p, usec_t mono);
void	pool_drop_idle(struct pool *p, struct idle *i, struct idle_list *dropped);
void	pool_drop_idle_of(struct pool *p, struct server *s, struct idle_list *dropped);
/* Who is to be asked; NULL: none is up. */
struct server	*pool_choose(struct pool *p, const struct pool_wait *w, usec_t mono);
/*
 * A place with this server; there is one.  Its idle connection, off its lists, or NULL: then what
 * is idle elsewhere may be in the way, until pool_leave().
 */
struct idle	*pool_take_place(struct pool *p, struct pool_wait *w, struct server *s,
    usec_t mono);
/* The exchange with its server is over. */
void	pool_leave_server(struct pool *p, struct pool_wait *w, usec_t mono);

bool	pool_still_idle(int fd);
/* Outside the lock, with a place: a connection that is alive, or -1.  i: the first to look at. */
int	pool_first_alive(struct pool *p, struct pool_wait *w, usec_t mono, struct idle *i);

#endif
