/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: places are counted, idle connections lie on a list in the order of their return, waits
 * stand in a queue.
 *
 *	           pool_acquire                     pool_release
 *	PW_NONE ------------------> PW_PLACE ----------------------> PW_NONE
 *	    |                          ^
 *	    +----> PW_QUEUED --> PW_GIVEN (message on its way; has a place)
 *
 * Invariants, under the lock:
 *  - places + idle <= max, except after a reload lowered max; then nothing is opened until it is so
 *  - somebody is queued only while there is no idle connection and places >= max
 *  - idle <= keepalive, and each idle connection has nobody but the pool
 *
 * Threads: any; one mutex for all of it.  Under it: link, count, and post to a mailbox (lock order:
 * pool, then mailbox).  The post has to be inside, or a wait could be cancelled and freed between
 * the giving and the posting.  Nothing is called out from under it, and sockets are closed after
 * it.  The sweep polls a bounded number of idle sockets under it, without waiting, because a
 * connection taken off the list for a look would be missing to those who ask meanwhile.
 *
 * Why not a pool per worker: with max_connections 3 and four workers one of them would have none,
 * and the idle connections of one would block the places of the others.
 */
#include "upstream/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/contract.h"

#define SWEEP_POLL	64	/* the oldest ones; servers close those first */

enum pool_wait_state {
	PW_NONE,
	PW_QUEUED,		/* on shared.queue */
	PW_GIVEN,		/* has a place; its message is posted */
	PW_PLACE,		/* has a place and knows it */
};

/* An open connection that nobody uses. */
struct idle {
	int			 fd;
	usec_t			 since;
	TAILQ_ENTRY(idle)	 link;
};

TAILQ_HEAD(idle_list, idle);

struct pool {
	unsigned		 magic;
#define POOL_MAGIC		 0x9b1d3ac4
	_Atomic unsigned	 refs;
	pthread_mutex_t		 lock;
	struct {
		unsigned	 max;
		unsigned	 queue_length;
		unsigned	 keepalive;
		usec_t		 keepalive_idle;
		unsigned	 places;	/* PW_GIVEN and PW_PLACE */
		unsigned	 nidle;
		unsigned	 nqueued;
		struct idle_list idle;		/* newest first */
		TAILQ_HEAD(, pool_wait) queue;	/* first come first */
	} shared;
};

static void
limits_from(struct pool *p, const struct conf_upstream *u)
{
	p->shared.max = u->max_connections;
	p->shared.queue_length = u->queue_length;
	p->shared.keepalive = u->keepalive_connections;
	p->shared.keepalive_idle = u->keepalive_idle;
}

struct pool *
pool_new(const struct conf_upstream *u)
{
	struct pool *p;

	NEW(p, POOL_MAGIC);
	atomic_init(&p->refs, 1);
	ASSERT(pthread_mutex_init(&p->lock, NULL) == 0);
	TAILQ_INIT(&p->shared.idle);
	TAILQ_INIT(&p->shared.queue);
	limits_from(p, u);
	return p;
}

struct pool *
pool_ref(struct pool *p)
{
	CHECK(p, POOL_MAGIC);
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

/* Outside the lock. */
static void
close_all(struct idle_list *list)
{
	struct idle *i;

	while ((i = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, i, link);
		if (i->fd >= 0)
			close(i->fd);
		free(i);
	}
}

void
pool_unref(struct pool *p)
{
	if (p == NULL)
		return;
	CHECK(p, POOL_MAGIC);
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
		return;
	ASSERT(p->shared.places == 0 && p->shared.nqueued == 0);
	close_all(&p->shared.idle);
	pthread_mutex_destroy(&p->lock);
	FREE(p);
}

/* Nothing to read and not closed: whatever an idle server says is wrong (RFC 9112 9.2). */
static bool
still_idle(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* Locked.  From the list to another one, to be closed outside. */
static void
drop_idle(struct pool *p, struct idle *i, struct idle_list *dropped)
{
	TAILQ_REMOVE(&p->shared.idle, i, link);
	p->shared.nidle--;
	TAILQ_INSERT_TAIL(dropped, i, link);
}

/* On the worker of the wait: the place that a releaser gave. */
static void
given(void *arg)
{
	struct pool_wait *w = arg;

	ASSERT(w->state == PW_GIVEN);
	w->state = PW_PLACE;
	if (w->fd >= 0 && !still_idle(w->fd)) {
		close(w->fd);
		w->fd = -1;
	}
	w->ready(w->arg);
}

/* Locked.  One place, with a connection or without, goes to the first in the queue. */
static void
give(struct pool *p, int fd)
{
	struct pool_wait *w = TAILQ_FIRST(&p->shared.queue);

	TAILQ_REMOVE(&p->shared.queue, w, link);
	p->shared.nqueued--;
	p->shared.places++;
	w->state = PW_GIVEN;
	w->fd = fd;
	worker_post(w->worker, &w->msg);
}

/* Locked.  Places that have become free go to those who wait, and what is idle beyond the limits
 * goes away, the oldest first. */
static void
settle(struct pool *p, struct idle_list *dropped)
{
	while (p->shared.nidle > 0 && (p->shared.nidle > p->shared.keepalive ||
	    p->shared.places + p->shared.nidle > p->shared.max))
		drop_idle(p, TAILQ_LAST(&p->shared.idle, idle_list), dropped);
	while (p->shared.nqueued > 0 && p->shared.places + p->shared.nidle < p->shared.max)
		give(p, -1);
}

void
pool_configure(struct pool *p, const struct conf_upstream *u)
{
	struct idle_list dropped = TAILQ_HEAD_INITIALIZER(dropped);

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	limits_from(p, u);
	settle(p, &dropped);
	pthread_mutex_unlock(&p->lock);
	close_all(&dropped);
}

/* Locked.  The newest idle connection if it is young enough. */
static struct idle *
take_idle(struct pool *p, usec_t max_idle, usec_t mono)
{
	struct idle *i = TAILQ_FIRST(&p->shared.idle);

	if (max_idle > p->shared.keepalive_idle)
		max_idle = p->shared.keepalive_idle;
	if (i == NULL || mono - i->since > max_idle)
		return NULL;
	TAILQ_REMOVE(&p->shared.idle, i, link);
	p->shared.nidle--;
	return i;
}

/*
 * Locked.  A place, with an idle connection or without.  False: all are taken.  When no idle
 * connection will do, the oldest one makes room for a new one.
 */
static bool
take_place(struct pool *p, struct pool_wait *w, usec_t mono, struct idle **i,
    struct idle_list *dropped)
{
	*i = take_idle(p, w->max_idle, mono);
	if (*i == NULL && p->shared.places + p->shared.nidle >= p->shared.max) {
		if (p->shared.nidle == 0 || p->shared.places >= p->shared.max)
			return false;
		drop_idle(p, TAILQ_LAST(&p->shared.idle, idle_list), dropped);
	}
	p->shared.places++;
	return true;
}

/* With a place: the next younger idle connection, after one that was found dead. */
static struct idle *
next_idle(struct pool *p, struct pool_wait *w, usec_t mono)
{
	struct idle *i;

	pthread_mutex_lock(&p->lock);
	i = take_idle(p, w->max_idle, mono);
	pthread_mutex_unlock(&p->lock);
	return i;
}

/* With a place: an idle connection that is alive, or -1.  i: the first one to look at. */
static int
first_alive(struct pool *p, struct pool_wait *w, usec_t mono, struct idle *i)
{
	int fd;

	for (; i != NULL; i = next_idle(p, w, mono)) {
		fd = i->fd;
		free(i);
		if (still_idle(fd))
			return fd;
		close(fd);
	}
	return -1;
}

/* Locked.  To the end of the queue, if it has room. */
static bool
enqueue(struct pool *p, struct pool_wait *w)
{
	if (p->shared.nqueued >= p->shared.queue_length)
		return false;
	w->state = PW_QUEUED;
	p->shared.nqueued++;
	TAILQ_INSERT_TAIL(&p->shared.queue, w, link);
	return true;
}

enum pool_answer
pool_acquire(struct pool *p, struct pool_wait *w, usec_t mono)
{
	struct idle_list dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct idle *i = NULL;
	bool place, queued = false;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_NONE && w->ready != NULL && w->worker != NULL);
	w->pool = pool_ref(p);
	w->fd = -1;
	w->msg.fn = given;
	w->msg.arg = w;

	pthread_mutex_lock(&p->lock);
	place = take_place(p, w, mono, &i, &dropped);
	if (place)
		w->state = PW_PLACE;
	else
		queued = enqueue(p, w);
	pthread_mutex_unlock(&p->lock);

	/* w of a queued one may be changed by another thread from here on. */
	close_all(&dropped);
	if (queued)
		return POOL_QUEUED;
	if (!place) {
		w->pool = NULL;
		pool_unref(p);
		return POOL_FULL;
	}
	w->fd = first_alive(p, w, mono, i);
	return POOL_READY;
}

void
pool_cancel(struct pool_wait *w, usec_t mono)
{
	struct pool *p = w->pool;
	bool queued;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	ASSERT(w->state == PW_QUEUED || w->state == PW_GIVEN);
	queued = w->state == PW_QUEUED;
	if (queued) {
		TAILQ_REMOVE(&p->shared.queue, w, link);
		p->shared.nqueued--;
		w->state = PW_NONE;
	}
	pthread_mutex_unlock(&p->lock);

	if (queued) {
		w->pool = NULL;
		pool_unref(p);
		return;
	}
	worker_unpost(w->worker, &w->msg);
	w->state = PW_PLACE;
	pool_release(w, w->fd, mono);
}

/* Locked.  The place goes back; what is left of i is idle or to be closed. */
static void
take_back(struct pool *p, struct idle *i, struct idle_list *dropped)
{
	ASSERT(p->shared.places > 0);
	p->shared.places--;
	if (i != NULL && p->shared.nqueued > 0 &&
	    p->shared.places + p->shared.nidle < p->shared.max) {
		give(p, i->fd);
		i->fd = -1;
		TAILQ_INSERT_TAIL(dropped, i, link);
	} else if (i != NULL) {
		TAILQ_INSERT_HEAD(&p->shared.idle, i, link);
		p->shared.nidle++;
	}
	settle(p, dropped);
}

void
pool_release(struct pool_wait *w, int fd, usec_t mono)
{
	struct idle_list dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct pool *p = w->pool;
	struct idle *i = NULL;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_PLACE);
	w->state = PW_NONE;
	w->fd = -1;
	w->pool = NULL;
	if (fd >= 0) {
		i = XCALLOC(1, sizeof *i);
		i->fd = fd;
		i->since = mono;
	}
	pthread_mutex_lock(&p->lock);
	take_back(p, i, &dropped);
	pthread_mutex_unlock(&p->lock);
	close_all(&dropped);
	pool_unref(p);
}

/* Locked.  Those among the oldest that are readable: closed by the server, or out of step. */
static void
drop_closed(struct pool *p, struct idle_list *dropped)
{
	struct pollfd pfd[SWEEP_POLL];
	struct idle *of[SWEEP_POLL], *i;
	nfds_t n = 0;

	TAILQ_FOREACH_REVERSE(i, &p->shared.idle, idle_list, link) {
		if (n == SWEEP_POLL)
			break;
		pfd[n] = (struct pollfd){ .fd = i->fd, .events = POLLIN | POLLRDHUP };
		of[n++] = i;
	}
	if (n == 0 || poll(pfd, n, 0) <= 0)
		return;
	for (nfds_t k = 0; k < n; k++)
		if (pfd[k].revents != 0)
			drop_idle(p, of[k], dropped);
}

void
pool_sweep(struct pool *p, usec_t mono)
{
	struct idle_list dropped = TAILQ_HEAD_INITIALIZER(dropped);
	struct idle *i;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	while ((i = TAILQ_LAST(&p->shared.idle, idle_list)) != NULL &&
	    mono - i->since > p->shared.keepalive_idle)
		drop_idle(p, i, &dropped);
	drop_closed(p, &dropped);
	settle(p, &dropped);
	pthread_mutex_unlock(&p->lock);
	close_all(&dropped);
}

void
pool_figures(struct pool *p, unsigned *open, unsigned *idle, unsigned *queued)
{
	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	*open = p->shared.places + p->shared.nidle;
	*idle = p->shared.nidle;
	*queued = p->shared.nqueued;
	pthread_mutex_unlock(&p->lock);
}
