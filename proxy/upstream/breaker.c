/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: the drawing in the header.  Only CLOSED counts; each way out of it, and into it, starts
 * the counts anew.  Only the probe moves an open breaker: exchanges that began before it opened and
 * end later tell of the time before.  Their success must not close it, and their failures (a
 * server that hangs lets them time out one after the other) must not make the pause longer.
 *
 * A probe that is cancelled has said nothing: OPEN again with the pause over, for the next one.
 * Nor has one that is out for a whole pause: another goes out beside it.  It may be waiting for its
 * own client, who sends a body by drops, and no client may hold the server's way back.  What ends
 * first while it is HALF_OPEN decides; a probe that ends later is one of the time before.
 *
 * A page that makes the server drop the connection, asked for again and again, is one failure
 * (breaker_is_news()), whether others are answered in between or not: it must not take them away.
 *
 * With both thresholds off nothing opens it, not even a probe of the time when they were on.
 *
 * Known weakness: an exchange that began before it opened and fails after a probe has closed it is
 * taken for a new one.  It matters where the timeouts are longer than the pause: then a server that
 * hung for a moment may be left alone for one pause more.
 */
#include "upstream/breaker.h"

#include <limits.h>

#include "base/contract.h"

/* Well below where the sum would overflow, should the clock stand still. */
#define COUNT_MOST	(UINT_MAX / 4)

static void
start_anew(struct breaker *b)
{
	b->in_a_row = b->ok = b->failed = 0;
	b->cause = 0;
}

void
breaker_init(struct breaker *b)
{
	*b = (struct breaker){ .state = BREAKER_CLOSED };
}

bool
breaker_allows(const struct breaker *b, usec_t mono)
{
	return b->state == BREAKER_CLOSED || mono >= b->until;
}

static usec_t
later(usec_t mono, usec_t pause)
{
	return pause < USEC_NEVER - mono ? mono + pause : USEC_NEVER;
}

bool
breaker_begin(struct breaker *b, usec_t mono)
{
	ASSERT(breaker_allows(b, mono));
	if (b->state == BREAKER_CLOSED)
		return false;
	b->state = BREAKER_HALF_OPEN;
	b->until = later(mono, b->pause);
	return true;
}

static void
halve(struct breaker *b)
{
	b->ok /= 2;
	b->failed /= 2;
}

static void
decay(struct breaker *b, usec_t mono)
{
	if (b->ok + b->failed == 0)
		b->window_began = mono;
	if (b->ok >= COUNT_MOST || b->failed >= COUNT_MOST)
		halve(b);
	while (mono - b->window_began >= BREAKER_WINDOW && b->ok + b->failed > 0) {
		halve(b);
		b->window_began += BREAKER_WINDOW;
	}
	if (b->ok + b->failed == 0)
		b->window_began = mono;
}

static void
count(struct breaker *b, bool failed, usec_t mono)
{
	decay(b, mono);
	if (failed) {
		b->failed++;
		b->in_a_row += b->in_a_row < UINT_MAX;
	} else {
		b->ok++;
		b->in_a_row = 0;
	}
}

static bool
too_many(const struct breaker *b, const struct conf_breaker *conf)
{
	unsigned n = b->ok + b->failed;

	if (conf->failures > 0 && b->in_a_row >= conf->failures)
		return true;
	return conf->error_rate > 0 && n >= BREAKER_LEAST &&
	    (double)b->failed >= conf->error_rate * (double)n;
}

static void
open_for(struct breaker *b, usec_t pause, usec_t mono)
{
	b->state = BREAKER_OPEN;
	b->pause = pause;
	b->until = later(mono, pause);
	b->opened++;
	start_anew(b);
}

/* A probe has ended. */
static bool
decide(struct breaker *b, const struct conf_breaker *conf, bool failed, usec_t mono)
{
	if (b->state != BREAKER_HALF_OPEN)
		return false;
	if (failed && (conf->failures > 0 || conf->error_rate > 0)) {
		open_for(b, conf->pause, mono);
		return true;
	}
	b->state = BREAKER_CLOSED;
	start_anew(b);
	return false;
}

bool
breaker_end(struct breaker *b, const struct conf_breaker *conf, bool probe, bool failed,
    usec_t mono)
{
	if (probe)
		return decide(b, conf, failed, mono);
	if (b->state != BREAKER_CLOSED)
		return false;
	count(b, failed, mono);
	if (!failed || !too_many(b, conf))
		return false;
	open_for(b, conf->pause, mono);
	return true;
}

bool
breaker_is_news(struct breaker *b, uint64_t cause)
{
	bool news = cause == 0 || cause != b->cause;

	b->cause = cause;
	return news;
}

void
breaker_answered(struct breaker *b, uint64_t cause)
{
	if (b->cause == cause)
		b->cause = 0;
}

void
breaker_forget(struct breaker *b, bool probe)
{
	if (!probe || b->state != BREAKER_HALF_OPEN)
		return;
	b->state = BREAKER_OPEN;
	b->until = 0;
}

usec_t
breaker_wait(const struct breaker *b, usec_t mono)
{
	switch (b->state) {
	case BREAKER_CLOSED:
		break;
	case BREAKER_OPEN:
		return mono < b->until ? b->until - mono : 0;
	case BREAKER_HALF_OPEN:
		return mono < b->until ? USEC_NEVER : 0;
	}
	return 0;
}
