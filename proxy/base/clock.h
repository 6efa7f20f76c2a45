/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only reader of time.  Everything else is handed `now`, read once per event by the outermost
 * callback.  The tests link another implementation of this header, which they steer.
 *
 * Two clocks: `mono` never jumps and measures durations (ages, deadlines, fetch times); `wall` is
 * what HTTP dates speak about and may jump.  An object's age is fixed from the wall clock when it
 * arrives and grows by the monotonic one, so a clock that is set does not expire the store.
 */
#ifndef CORRAL_BASE_CLOCK_H
#define CORRAL_BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

typedef int64_t usec_t;		/* microseconds */

#define USEC_PER_SEC	((usec_t)1000000)
#define USEC_PER_MSEC	((usec_t)1000)
#define USEC_NEVER	INT64_MAX

struct now {
	usec_t	mono;		/* since some fixed moment */
	usec_t	wall;		/* since the epoch, UTC */
};

/* For timers; t is not negative. */
static inline struct timeval
usec_timeval(usec_t t)
{
	return (struct timeval){ (time_t)(t / USEC_PER_SEC), (suseconds_t)(t % USEC_PER_SEC) };
}

/* Any thread. */
struct now	clock_now(void);
usec_t	clock_mono(void);

#endif
