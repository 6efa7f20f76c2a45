/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flight: one fetch in progress, and those parked on it.
 *
 *	FL_ASKING ── flight_head ──> FL_FILLING ── flight_end ───> FL_DONE
 *	    │        (decided, off        └─────── flight_broken ─> FL_FAILED	readers are cut
 *	    │         the table)
 *	    └─────── flight_failed ──────────────────────────────> FL_FAILED	one answer for all
 *
 * Two sides.  The source (upstream/fill) holds a reference and reports head, body and end, on its
 * worker's thread.  Each waiter holds a `struct wait` that is woken once, on its own thread, when
 * the flight is decided; then it asks flight_outcome() what that means for it.
 *
 * What nobody shares is a flight too, of one waiter and in no table: one path for all.
 */
#ifndef CORRAL_CACHE_FLIGHT_H
#define CORRAL_CACHE_FLIGHT_H

#include <stdbool.h>

#include "base/clock.h"
#include "cache/crowd.h"
#include "cache/obj.h"
#include "http/hdr.h"

struct conf_route;
struct flight;

enum flight_outcome {
	OUTCOME_OBJ,		/* read wait_take()'s object; perhaps stale, see flight_facts() */
	OUTCOME_PASS,		/* it was for the leader alone: ask the backend yourself */
	OUTCOME_AGAIN,		/* it was another variant: look up again */
	OUTCOME_FAIL,		/* see flight_failure() */
};

/*
 * Who asks, by what it says of itself: what one of them may not share says little about the others.
 */
enum audience {
	AUDIENCE_PLAIN,
	AUDIENCE_COOKIE,
	AUDIENCE_AUTHORIZED,
	AUDIENCES,
};

/* Whose a failure is: what decides whether those who ask next get it too. */
enum flight_blame {
	BLAME_NOBODY,		/* nothing to do with the backend: given up, no room here */
	BLAME_EXCHANGE,		/* the backend's, or what this very request did to it */
	BLAME_BACKEND,		/* it can't be reached, whatever is asked */
};

/* Why a flight came to nothing; static texts. */
struct flight_failure {
	int		 status;	/* to answer with: 502, 503, 504 */
	const char	*detail;	/* for Cache-Status */
	const char	*text;		/* for people */
	enum flight_blame blame;
	bool		 dropped;	/* background, no room: who waits for it asks again */
	usec_t		 retry_after;	/* when it may be better, as far as that is known; or 0 */
};

/* One who is parked; embedded.  On its worker's thread only. */
struct wait {
	unsigned		 magic;
#define WAIT_MAGIC		 0x5f1c20b7
	struct flight		*flight;	/* a reference; NULL: idle */
	bool			 leader;
	bool			 counted;	/* in `parked`, and a reason to keep the flight */
	bool			 taken;		/* wait_take() was called */
	enum audience		 audience;	/* set by the lookup */
	unsigned		 parked;	/* how often it has waited for what another asked */
	const struct head	*req;		/* its owner's; for Vary */
	const void		*seen;		/* the last interim answer it got */
	struct waiter		 waiter;
};

/* wake(arg): on w's loop, unless flight_leave() came first; then wait_next() says what for. */
void	wait_init(struct wait *wt, struct worker *w, void (*wake)(void *arg), void *arg);

enum wait_state {
	WAIT_INTERIM,			/* *interim is for this client, then ask again */
	WAIT_PARKED,			/* goes on waiting: the wake will come again */
	WAIT_DECIDED,			/* see flight_outcome() */
};

/*
 * After the wake, and after parking: what there is for this one.  *interim is valid until
 * flight_leave().
 */
enum wait_state	wait_next(struct wait *wt, struct slice *interim);

/* After WAIT_DECIDED. */
enum flight_outcome	flight_outcome(const struct wait *wt);
/*
 * OUTCOME_OBJ: a reference.  *expected is for reader_open(); if it isn't opened: obj_unexpect() if
 * *expected.
 */
struct obj	*wait_take(struct wait *wt, bool *expected);
/*
 * Who can't wait any longer gets what the store had, if that may be served stale: a reference, or
 * NULL.
 */
struct obj	*wait_take_stale(struct wait *wt, usec_t mono);
/* OUTCOME_FAIL.  The texts are static. */
const struct flight_failure	*flight_failure(const struct wait *wt);

/* For Cache-Status; nothing (all zero) until it is decided. */
struct flight_facts {
	bool	stored;			/* the backend's answer went into the store */
	const char *not_stored;		/* why it didn't, though it could; or NULL */
	bool	validated;		/* the answer is the stored one, renewed by a 304 */
	bool	stale;			/* the answer is the stored one, instead of an error */
	int	status;			/* of the backend's answer; 0: there was none */
};
void	flight_facts(const struct wait *wt, struct flight_facts *out);

/* The client is done with the flight, gave up or went away.  Legal in any state; afterwards the
 * wake will not come and wt is idle. */
void	flight_leave(struct wait *wt);
/* The peer half-closed: not counted any more, no reason to keep the flight, but still woken. */
void	flight_uncount(struct wait *wt);

/* The source's side. */

/* What it is for; the flight's own. */
struct slice	flight_key(const struct flight *fl);
/*
 * msg is posted to w when flight_wanted() may have changed much: to none, or to twice as many.
 * NULL ends it.
 */
void	flight_set_source(struct flight *fl, struct worker *w, struct worker_msg *msg);
enum flight_want {
	WANT_NOT,		/* nobody waits, and nobody else could use the answer */
	WANT_KEEPING,		/* nobody waits, but the answer is worth keeping */
	WANT_WAITED_FOR,
};
/* Before the head: is there still a reason to fetch?  *n: how many wait. */
enum flight_want	flight_wanted(struct flight *fl, unsigned *n);
/*
 * Before the head: it ends as by flight_failed() if it isn't waited for, in one step, so that
 * nobody can come in between.  False: somebody waits, it goes on.
 */
bool	flight_give_up(struct flight *fl, const struct flight_failure *why);
/* It was begun ahead of need, by nobody who waits for it. */
bool	flight_is_background(const struct flight *fl);

/* The stored answer whose validators are to be sent along, or NULL.  Immutable, the flight's. */
const struct head	*flight_validates(const struct flight *fl);
/*
 * Is this head an answer to what was asked?  False: a 304 for something that we don't have.  Then
 * it asks once more, without conditions; flight_validates() is NULL from here on.
 */
bool	flight_believes(struct flight *fl, const struct head *resp);

/*
 * A purge of its URL so far counts against the answer, what will be does not: before its
 * own invalidation (RFC 9111 4.4).  For flights of one's own.
 */
void	flight_note_purges(struct flight *fl);

/* An interim answer for all who wait now, or will (*h is not moved). */
void	flight_interim(struct flight *fl, const struct head *h);

/*
 * The final answer's head came (*resp is moved): decides, once, for everyone parked, stores the
 * object if it may be, and wakes them all.  req is the leader's request as it was understood.
 * Returns the object to fill with a reference for the source; NULL when nobody wants the rest and
 * the fetch may stop (the flight is over then).  After a 304 the object is sealed already.
 */
struct obj	*flight_head(struct flight *fl, const struct head *req, struct head *resp,
    struct now asked, struct now answered);
/* Body bytes.  False: stop reading until the message given to obj_set_source() comes. */
bool	flight_body(struct flight *fl, const void *p, size_t n);
void	flight_end(struct flight *fl);
/* After the head: the rest will not come. */
void	flight_broken(struct flight *fl);
/* Before the head. */
void	flight_failed(struct flight *fl, const struct flight_failure *why);
void	flight_unref(struct flight *fl);

#endif
