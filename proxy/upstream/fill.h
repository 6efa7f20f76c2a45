/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling a flight: writes the request that goes upstream, starts the fetch, and feeds the flight
 * with what comes: head, body, end, or a failure.  A fill needs no client: it lives until its fetch
 * ends, and only the flight knows who wants it.
 *
 * On the thread of its worker, which is the leader's.
 */
#ifndef CORRAL_UPSTREAM_FILL_H
#define CORRAL_UPSTREAM_FILL_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "http/hdr.h"

struct fill;
struct fills;

/* The fills of one worker, and its resolver. */
struct fills	*fills_new(struct worker *w, struct cache *c);
/* Cancels all; their flights fail.  No fill is started afterwards. */
void	fills_stop(struct fills *fs);
/* Not from its worker's loop. */
void	fills_free(struct fills *fs);

/* Who sends the request's body; on the same thread. */
struct fill_body_ops {
	/* Room again, after fill_send_body() said no. */
	void	(*room)(void *arg);
	/* No more of the body is wanted: the fill is over, its pointer dead. */
	void	(*over)(void *arg);
};

struct fill_request {
	struct flight			*flight;	/* moved */
	struct conf			*conf;		/* a reference is taken */
	const struct conf_route		*route;
	/* As the client sent it, without hop-by-hop fields and X-Forwarded-*; copied. */
	const struct head		*req;
	struct slice			 key;		/* of req */
	const char			*peer;		/* the client's address */
	/*
	 * Whole: the answer may be for others too, so the request is a plain GET of the key,
	 * without ranges and conditions of this one client.  Else it goes up as it came.
	 */
	bool				 whole;
	const struct fill_body_ops	*body;		/* NULL: the request has no body */
	void				*arg;
};

/* The request has been through this process already: its Via says so (RFC 9110 7.6.3). */
bool	fill_is_loop(const struct cache *c, const struct head *req);

/* Never calls back before it returns. */
struct fill	*fill_start(struct fills *fs, const struct fill_request *r);

/* With a body: its pieces, copied.  False: taken, but wait for body->room. */
bool	fill_send_body(struct fill *f, const char *p, size_t n);
void	fill_send_end(struct fill *f);
/* The client's body will not be completed: the exchange is cut. */
void	fill_abort(struct fill *f);
/* The client lost interest in body->room and body->over. */
void	fill_detach(struct fill *f);

#endif
