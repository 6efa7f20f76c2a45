/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration's clients: a burst of them, each on a connection of its own, that all ask at
 * the same moment; and what came of it.
 */
#ifndef CORRAL_DEMO_CLIENTS_H
#define CORRAL_DEMO_CLIENTS_H

#include "base/clock.h"
#include "base/slice.h"

struct sockaddr_in;

/* At least this often is `progress` called, if there is one. */
#define DEMO_PROGRESS_EVERY	(200 * USEC_PER_MSEC)

/*
 * One burst.  The caller's, on its stack: zeroed but for the first part, which stays the caller's;
 * the second part is written by demo_burst_run() and freed by demo_burst_fini().
 */
struct demo_burst {
	const struct sockaddr_in *to;
	const char		*host;		/* of the Host field */
	const char *const	*targets;	/* client i asks for i % ntargets */
	unsigned		 ntargets;
	unsigned		 n;		/* clients */
	usec_t			 deadline;	/* of the whole burst, by clock_mono() */
	void			(*progress)(void *arg, const struct demo_burst *b);
	void			*arg;

	unsigned		 answered;	/* with a whole 200; the others are in errors */
	unsigned		 errors;
	unsigned		 hits;		/* by Cache-Status */
	usec_t			 slowest;	/* from its request to the end of its answer */
	struct buf		 page;		/* the first body; with one target all equal it */
	struct buf		 fault;		/* what the first error was */
};

/*
 * Connects all, then asks all at once, and returns after the last answer or at the deadline:
 * answered + errors is n then.  Any thread; it blocks, and runs progress meanwhile.
 */
void	demo_burst_run(struct demo_burst *b);
void	demo_burst_fini(struct demo_burst *b);

#endif
