/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The circuit breaker of one server: after too many failures nothing is sent to it for a pause,
 * then one request tries it (M. Nygard, Release It!, 2007).
 *
 *	CLOSED ── failures in a row, or rate ──> OPEN ── pause over, breaker_begin ──> HALF_OPEN
 *	   ^                                      ^ ^                                  │ │ │
 *	   │                                      │ └─ cancelled (the pause is over) ──┘ │ │
 *	   │                                      └───────────── failure ────────────────┘ │
 *	   └──────────────────────────────────── success ──────────────────────────────────┘
 *
 * Pure: time is handed in, the caller locks.  A failure is an exchange that came to nothing (no
 * connection, no answer, garbage, a timeout), not an answer with an error status: a page that is
 * broken must not take the others away.
 */
#ifndef CORRAL_UPSTREAM_BREAKER_H
#define CORRAL_UPSTREAM_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/conf.h"

/* The error rate counts over at least so many exchanges, and forgets by halves in so long. */
#define BREAKER_LEAST	20
#define BREAKER_WINDOW	(10 * USEC_PER_SEC)

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN,		/* its probe is out */
};

struct breaker {
	enum breaker_state	 state;
	unsigned		 in_a_row;	/* failures */
	uint64_t		 cause;		/* of the last of them; 0: of nobody's */
	unsigned		 ok, failed;	/* of the window, decaying */
	usec_t			 window_began;
	usec_t			 pause;		/* of the last opening */
	usec_t			 until;		/* when it is over; HALF_OPEN: the probe's turn */
	unsigned long		 opened;	/* how often, ever */
};

void	breaker_init(struct breaker *b);
/*
 * May a request be sent now?  OPEN: once the pause is over, for the probe.  HALF_OPEN: once that
 * has been out for as long, for another.
 */
bool	breaker_allows(const struct breaker *b, usec_t mono);
/* One is about to be sent, and was allowed.  True: it is the probe; its end must be told. */
bool	breaker_begin(struct breaker *b, usec_t mono);
/* How it ended.  probe: what breaker_begin() said.  True: this opened it. */
bool	breaker_end(struct breaker *b, const struct conf_breaker *conf, bool probe, bool failed,
    usec_t mono);
/*
 * A failure that the request may have brought about itself (cause: a hash of what was asked for; 0:
 * it can't have, there was no connection).  False: the same cause as the failure before it, so it
 * says nothing new of the server, and breaker_end() is not to be told (unless it is the probe's).
 */
bool	breaker_is_news(struct breaker *b, uint64_t cause);
/*
 * What was asked for by this cause was answered, and breaker_end() is told so: the next failure of
 * the same is news.  Not that of another: one broken page among good ones is still one.
 */
void	breaker_answered(struct breaker *b, uint64_t cause);
/* It ended without saying anything of the server (cancelled): a probe may go out again. */
void	breaker_forget(struct breaker *b, bool probe);
/* How long until a request may be sent; 0: now; USEC_NEVER: the probe is out, nobody knows. */
usec_t	breaker_wait(const struct breaker *b, usec_t mono);

#endif
