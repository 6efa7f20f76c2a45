/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: places are counted, idle connections lie on a list in the order of their return, waits
 * stand in the line.
 *
 *	             pool_acquire                     pool_release
 *	PW_NONE ------------------> PW_PLACE ----------------------> PW_NONE
 *	    |                          ^
 *	    +----> PW_QUEUED --> PW_GIVEN     (message on its way; has a place)
 *	                  \----> PW_REFUSED --> PW_NONE   (message on its way; has none)
 *
 * Invariants, whenever the lock is free:
 *  - places + idle <= limit, except after it shrank (a reload, or `auto`); then nothing is opened
 *    until it is so
 *  - somebody stands in the line only while places >= limit and a server is up
 *  - idle <= keepalive, and each idle connection has nobody but the pool
 *  - a place has a server, which counts it; what its breaker began with it is ended once, by
 *    pool_report(), or by pool_release() when nothing was reported
 *
 * An idle connection never stands in the way of a place: if the server that was chosen has none
 * that will do, the oldest one of any server is closed for the new one, in pool_leave().
 *
 * Threads: any; one mutex for all of it.  Under it: choose, link, count, and post to a mailbox
 * (lock order: pool, then mailbox).  The post has to be inside, or a wait could be cancelled and
 * freed between the giving and the posting.  Nothing is called out from under it, and sockets are
 * closed after it.  A wait in the line is the pool's; with its message on its way it is its
 * worker's again, who may take the message back.
 *
 * No timers: a server can go down only by something told here (a report, a health check, a reload),
 * and then those in the line are told at once; one whose breaker's pause is over is found up by the
 * next who is to be given a place.
 *
 * Why not a pool per worker: with max_connections 3 and four workers one of them would have none,
 * and the idle connections of one would block the places of the others.
 */
#include "upstream/pool.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/contract.h"

#include "upstream/pool_priv.h"

#define RETRY_AFTER_LEAST	USEC_PER_SEC
#define RETRY_AFTER_MOST	(60 * USEC_PER_SEC)

static struct pool_wait *
wait_of(struct line_node *n)
{
	return (struct pool_wait *)(void *)((char *)n - offsetof(struct pool_wait, node));
}

/* On the worker of the wait: what another thread made of it. */
static void
told(void *arg)
{
	struct pool_wait *w = arg;
	struct pool *p = w->pool;
	enum pool_answer answer = POOL_READY;

	CHECK(p, POOL_MAGIC);
	if (w->state == PW_GIVEN) {
		w->state = PW_PLACE;
		if (w->fd >= 0 && !pool_still_idle(w->fd)) {
			close(w->fd);
			w->fd = -1;
		}
	} else {
		ASSERT(w->state == PW_REFUSED);
		answer = w->answer;
		w->state = PW_NONE;
		w->pool = NULL;
		pool_unref(p);
	}
	w->ready(w->arg, answer);
}

/* Limits and servers, locked */

unsigned
pool_limit(const struct pool *p)
{
	return p->shared.fixed > 0 ? p->shared.fixed : limit_now(&p->shared.limit);
}

bool
pool_full(const struct pool *p)
{
	return p->shared.places >= pool_limit(p);
}

bool
pool_any_up(const struct pool *p, usec_t mono)
{
	for (unsigned i = 0; i < p->shared.nservers; i++)
		if (server_is_up(p->shared.server[i], mono))
			return true;
	return false;
}

/* While none is up: when the first of them may be. */
static usec_t
back_up_in(const struct pool *p, usec_t mono)
{
	usec_t check = p->shared.health_interval > 0 ? p->shared.health_interval : USEC_PER_SEC;
	usec_t soonest = USEC_NEVER, t;

	for (unsigned i = 0; i < p->shared.nservers; i++) {
		const struct server *s = p->shared.server[i];

		t = breaker_wait(&s->shared.breaker, mono);
		if (!s->shared.healthy && t < check)
			t = check;
		if (t < soonest)
			soonest = t;
	}
	/* A probe is out: nobody knows how long it takes. */
	return soonest > 0 && soonest < USEC_NEVER ? soonest : USEC_PER_SEC;
}

/* Idle connections, locked */

void
pool_drop_idle(struct pool *p, struct idle *i, struct idle_list *dropped)
{
	server_remove_idle(i, &p->shared.idle);
	p->shared.nidle--;
	TAILQ_INSERT_TAIL(dropped, i, link);
}

void
pool_drop_idle_of(struct pool *p, struct server *s, struct idle_list *dropped)
{
	struct idle *i;

	while ((i = TAILQ_FIRST(&s->shared.idle)) != NULL)
		pool_drop_idle(p, i, dropped);
}

/* The line, locked */

/* From the line, with an answer that is no place. */
static void
refuse(struct pool *p, struct pool_wait *w, enum pool_answer answer, usec_t retry_after)
{
	w->state = PW_REFUSED;
	w->answer = answer;
	w->retry_after = retry_after;
	p->shared.refused += answer == POOL_FULL;
	worker_post(w->worker, &w->msg);
}

static void
refuse_all(struct pool *p, usec_t mono)
{
	usec_t t = back_up_in(p, mono);
	struct line_node *n;

	while ((n = line_take(&p->shared.line)) != NULL)
		refuse(p, wait_of(n), POOL_DOWN, t);
}

/* When it is worth while to ask again, for one who would be the nth of the line. */
static usec_t
retry_after(const struct pool *p, unsigned nth)
{
	usec_t t = rate_wait(&p->shared.rate, nth);

	if (t < RETRY_AFTER_LEAST || t == USEC_NEVER)
		return RETRY_AFTER_LEAST;
	return t < RETRY_AFTER_MOST ? t : RETRY_AFTER_MOST;
}

/*
 * The last of the line would have to wait too long.  One may wait whatever the rate was: only while
 * somebody does is it measured, so a backend that hung for a minute and is well again is noticed.
 */
static bool
too_long(const struct pool *p)
{
	usec_t t = rate_wait(&p->shared.rate, p->shared.line.n);

	return p->shared.line.n > p->shared.queue_length ||
	    (p->shared.line.n > 1 && t != USEC_NEVER && t > p->shared.queue_timeout);
}

/* Out of the line again, who would be its last. */
static struct pool_wait *
take_last(struct pool *p)
{
	struct pool_wait *last = wait_of(line_last(&p->shared.line));

	line_remove(&p->shared.line, &last->node);
	return last;
}

/*
 * The rate was measured anew, and is less than when they came: those who won't have their turn in
 * time are told so now.
 */
static void
shorten(struct pool *p)
{
	while (too_long(p)) {
		struct pool_wait *last = take_last(p);

		refuse(p, last, POOL_FULL, retry_after(p, p->shared.line.n + 1));
	}
}

/* A place to the first in the line.  False: no server is up. */
static bool
give(struct pool *p, usec_t mono, struct idle_list *dropped)
{
	struct pool_wait *w = wait_of(line_first(&p->shared.line));
	struct server *s = pool_choose(p, w, mono);
	struct idle *i;

	if (s == NULL)
		return false;
	(void)line_take(&p->shared.line);
	i = pool_take_place(p, w, s, mono);
	w->held_back = true;
	w->state = PW_GIVEN;
	w->fd = -1;
	if (i != NULL) {
		w->fd = i->fd;
		i->fd = -1;
		TAILQ_INSERT_TAIL(dropped, i, link);
	}
	worker_post(w->worker, &w->msg);
	return true;
}

/* Places that have become free go to those who wait, and what is idle beyond the limits goes away,
 * the oldest first. */
static void
settle(struct pool *p, usec_t mono, struct idle_list *dropped)
{
	if (p->shared.line.n > 0 && !pool_any_up(p, mono))
		refuse_all(p, mono);
	while (p->shared.line.n > 0 && !pool_full(p))
		if (!give(p, mono, dropped))
			refuse_all(p, mono);
	while (p->shared.nidle > 0 && (p->shared.nidle > p->shared.keepalive ||
	    p->shared.places + p->shared.nidle > pool_limit(p)))
		pool_drop_idle(p, TAILQ_LAST(&p->shared.idle, idle_list), dropped);
}

void
pool_enter(struct pool *p, struct idle_list *dropped, usec_t mono)
{
	TAILQ_INIT(dropped);
	pthread_mutex_lock(&p->lock);
	rate_tick(&p->shared.rate, p->shared.line.n > 0, mono);
}

void
pool_leave(struct pool *p, struct idle_list *dropped, usec_t mono)
{
	settle(p, mono, dropped);
	rate_tick(&p->shared.rate, p->shared.line.n > 0, mono);
	pthread_mutex_unlock(&p->lock);
	idle_close_all(dropped);
}

/*
 * Into the line.  If it is too long then, whoever would be its last has to go, now rather than
 * after queue.timeout: mostly the one who comes, but not if the other has had more turns.
 */
static enum pool_answer
stand_in_line(struct pool *p, struct pool_wait *w, usec_t mono)
{
	struct pool_wait *last;

	line_add(&p->shared.line, &w->node, w->client, w->key, w->wanted, mono);
	w->state = PW_QUEUED;
	if (!too_long(p))
		return POOL_QUEUED;
	last = take_last(p);
	if (last != w) {
		refuse(p, last, POOL_FULL, retry_after(p, p->shared.line.n + 1));
		return POOL_QUEUED;
	}
	w->state = PW_NONE;
	w->retry_after = retry_after(p, p->shared.line.n + 1);
	p->shared.refused++;
	return POOL_FULL;
}

/* Locked.  *i: the idle connection of a place, or NULL. */
static enum pool_answer
ask(struct pool *p, struct pool_wait *w, usec_t mono, struct idle **i)
{
	struct server *s;

	if (!pool_full(p) && p->shared.line.n == 0) {
		if ((s = pool_choose(p, w, mono)) != NULL) {
			*i = pool_take_place(p, w, s, mono);
			w->state = PW_PLACE;
			return POOL_READY;
		}
	} else if (pool_any_up(p, mono)) {
		return w->background ? POOL_BUSY : stand_in_line(p, w, mono);
	}
	w->retry_after = back_up_in(p, mono);
	return POOL_DOWN;
}

enum pool_answer
pool_acquire(struct pool *p, struct pool_wait *w, usec_t mono)
{
	enum pool_answer answer;
	struct idle_list dropped;
	struct idle *i = NULL;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_NONE && w->ready != NULL && w->worker != NULL);
	w->pool = pool_ref(p);
	w->fd = -1;
	w->retry_after = 0;
	w->msg.fn = told;
	w->msg.arg = w;

	pool_enter(p, &dropped, mono);
	answer = ask(p, w, mono, &i);
	pool_leave(p, &dropped, mono);

	/* w of a queued one may be changed by another thread from here on. */
	if (answer == POOL_QUEUED)
		return answer;
	if (answer != POOL_READY) {
		w->pool = NULL;
		pool_unref(p);
		return answer;
	}
	w->fd = pool_first_alive(p, w, mono, i);
	return answer;
}

void
pool_cancel(struct pool_wait *w, usec_t mono)
{
	struct pool *p = w->pool;
	struct idle_list dropped;
	int state;

	CHECK(p, POOL_MAGIC);
	pool_enter(p, &dropped, mono);
	state = w->state;
	ASSERT(state == PW_QUEUED || state == PW_GIVEN || state == PW_REFUSED);
	if (state == PW_QUEUED)
		line_remove(&p->shared.line, &w->node);
	pool_leave(p, &dropped, mono);

	/* Out of the line it is ours alone. */
	if (state != PW_QUEUED)
		worker_unpost(w->worker, &w->msg);
	if (state == PW_GIVEN) {
		w->state = PW_PLACE;
		pool_release(w, w->fd, mono);
		return;
	}
	w->state = PW_NONE;
	w->pool = NULL;
	pool_unref(p);
}

void
pool_want(struct pool_wait *w, unsigned wanted)
{
	struct pool *p = w->pool;

	if (p == NULL)
		return;
	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	if (w->state == PW_QUEUED)
		line_want(&p->shared.line, &w->node, wanted);
	pthread_mutex_unlock(&p->lock);
}

/* What is given back: a connection for its list, or NULL if it can't be used again. */
static struct idle *
idle_of(int fd, usec_t born, usec_t mono)
{
	struct idle *i;

	if (fd < 0)
		return NULL;
	i = XCALLOC(1, sizeof *i);
	i->fd = fd;
	i->since = mono;
	i->born = born;
	return i;
}

/* A name is looked up for new connections only: kept ones must not hold on to its old address. */
static bool
is_worth_keeping(const struct server *s, const struct idle *i, usec_t mono)
{
	return s->shared.listed && s->shared.healthy && !server_is_outdated(s, i, mono);
}

void
pool_release(struct pool_wait *w, int fd, usec_t mono)
{
	struct pool *p = w->pool;
	struct server *s = w->server;
	struct idle *i = idle_of(fd, w->born, mono);
	struct idle_list dropped;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_PLACE);
	pool_enter(p, &dropped, mono);
	pool_leave_server(p, w, mono);
	ASSERT(p->shared.places > 0);
	p->shared.places--;
	p->shared.orphans -= w->orphan;
	if (rate_count(&p->shared.rate, pool_limit(p)))
		shorten(p);
	if (i != NULL && is_worth_keeping(s, i, mono)) {
		server_add_idle(s, i, &p->shared.idle);
		p->shared.nidle++;
	} else if (i != NULL) {
		TAILQ_INSERT_TAIL(&dropped, i, link);
	}
	pool_leave(p, &dropped, mono);

	w->state = PW_NONE;
	w->fd = -1;
	w->orphan = false;
	w->server = NULL;
	server_unref(s);
	w->pool = NULL;
	pool_unref(p);
}

usec_t
pool_retry_after(struct pool *p)
{
	usec_t t;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	t = retry_after(p, p->shared.line.n + 1);
	pthread_mutex_unlock(&p->lock);
	return t;
}
