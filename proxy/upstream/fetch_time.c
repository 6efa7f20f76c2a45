/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of a fetch: which is next, by state, and the timer for it.
 *
 *	always		total
 *	F_QUEUED	queue
 *	F_DIALING	connect: the dial's own
 *	F_HEAD		first_byte from the last piece of the request that left; from the first
 *			bytes of a head on, first_byte again for all of it and idle between reads
 *	F_BODY		idle, unless the reader is paused
 *
 * Neither first_byte nor idle runs while our own client has yet to send more of the body.
 *
 * One timer, set for the earliest.  When a deadline moves away (it does with each read) the timer
 * stays and looks again when it fires, so a read costs no timer call.  Whatever may bring one
 * nearer is followed by fetch_arm().
 *
 * Invariant: `armed` is when the timer fires, USEC_NEVER if it isn't set.
 * Why not bufferevent_set_timeouts: it can't tell a paused reader from a silent server.
 */
#include "upstream/fetch.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"

#include "upstream/fetch_priv.h"

static usec_t
after(usec_t from, usec_t timeout)
{
	return timeout < USEC_NEVER - from ? from + timeout : USEC_NEVER;
}

static void
sooner(struct fetch_deadline *d, usec_t at, enum fetch_error error, const char *why)
{
	if (at < d->at)
		*d = (struct fetch_deadline){ at, error, why };
}

/* Our own client has yet to send more of the body: the server's silence is no fault. */
static bool
awaits_client(const struct fetch *f)
{
	return !f->upload_ended && !f->write_dead &&
	    evbuffer_get_length(bufferevent_get_output(f->bev)) == 0;
}

struct fetch_deadline
fetch_next_deadline(const struct fetch *f)
{
	struct fetch_deadline d = { USEC_NEVER, FETCH_TOTAL_TIMEOUT, NULL };
	usec_t alive = f->last_read > f->progress ? f->last_read : f->progress;

	sooner(&d, after(f->started, f->u->total_timeout), FETCH_TOTAL_TIMEOUT,
	    "no whole answer within timeouts.total");
	if (f->state == F_QUEUED)
		sooner(&d, after(f->started, f->u->queue_timeout), FETCH_QUEUE_TIMEOUT,
		    "no connection became free within queue.timeout");
	if (f->state == F_HEAD && response_pending(&f->answer) > 0) {
		sooner(&d, after(f->last_read, f->u->idle_timeout), FETCH_IDLE_TIMEOUT,
		    "silence within a head for timeouts.idle");
		sooner(&d, after(f->head_began, f->u->first_byte_timeout),
		    FETCH_FIRST_BYTE_TIMEOUT, "no whole head within timeouts.first_byte");
	} else if (f->state == F_HEAD && !awaits_client(f)) {
		sooner(&d, after(f->progress, f->u->first_byte_timeout),
		    FETCH_FIRST_BYTE_TIMEOUT, "no answer within timeouts.first_byte");
	} else if (f->state == F_BODY && !f->paused && !awaits_client(f)) {
		sooner(&d, after(alive, f->u->idle_timeout), FETCH_IDLE_TIMEOUT,
		    "silence within a body for timeouts.idle");
	}
	return d;
}

void
fetch_arm(struct fetch *f)
{
	usec_t left, at = fetch_next_deadline(f).at;
	struct timeval tv;

	if (at >= f->armed)
		return;
	left = at - clock_mono();
	if (left < 0)
		left = 0;
	tv = usec_timeval(left);
	event_add(f->timer, &tv);
	f->armed = at;
}
