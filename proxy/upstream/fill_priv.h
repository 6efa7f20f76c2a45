/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fill's own files:
 *
 *	fill.c		from the fetch's events to the flight's
 *	fill_request.c	the request that goes up
 *	fill_failure.c	what an error is to those who wait
 */
#ifndef CORRAL_UPSTREAM_FILL_PRIV_H
#define CORRAL_UPSTREAM_FILL_PRIV_H

#include "base/conf.h"
#include "base/slice.h"
#include "cache/flight.h"
#include "http/hdr.h"
#include "upstream/fetch.h"
#include "upstream/fill.h"

/* Appends it, without the empty line.  req: r->req, with the method that is asked for. */
void	fill_write_request(struct buf *out, const struct fill_request *r, const struct head *req,
    const struct conf_upstream *u, const struct cache *c);
struct flight_failure	fill_failure(const struct fetch_failure *f);

#endif
