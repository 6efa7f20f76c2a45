/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wait and its place: the server that is chosen for it, the connection that comes with it, what
 * is reported of the two, and leaving one server for another.
 *
 * Invariant: from pool_take_place() or a successful pool_other_server() on, the server's breaker
 * has begun one exchange, which pool_report() or pool_leave_server() ends.
 *
 * Idle connections are looked at outside the lock, one after the other, since it takes a system
 * call each; the place is there already, so nobody can come between.
 */
#include "upstream/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/contract.h"

#include "upstream/pool_priv.h"

#define ORPHANS	4	/* one place in so many */

/* Nothing to read and not closed: whatever an idle server says is wrong (RFC 9112 9.2). */
bool
pool_still_idle(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* Locked */

struct server *
pool_choose(struct pool *p, const struct pool_wait *w, usec_t mono)
{
	struct candidate c[CONF_SERVERS_MAX];
	unsigned n = p->shared.nservers;
	int k;

	for (unsigned i = 0; i < n; i++)
		c[i] = server_candidate(p->shared.server[i], w->tried, mono);
	k = balance_choose(p->shared.balance, c, n, w->key, &p->shared.turn, p->shared.credit);
	return k < 0 ? NULL : p->shared.server[k];
}

/* The newest idle connection of the wait's server if it is young enough, or NULL. */
static struct idle *
take_idle(struct pool *p, struct pool_wait *w, usec_t mono)
{
	usec_t most = w->max_idle < p->shared.keepalive_idle ? w->max_idle :
	    p->shared.keepalive_idle;
	struct idle *i = server_young_idle(w->server, most, mono);

	if (i == NULL || server_is_outdated(w->server, i, mono))
		return NULL;
	server_remove_idle(i, &p->shared.idle);
	p->shared.nidle--;
	w->born = i->born;
	return i;
}

static void
join_server(struct pool_wait *w, struct server *s, usec_t mono)
{
	w->server = server_ref(s);
	w->born = mono;
	w->probe = breaker_begin(&s->shared.breaker, mono);
	w->reported = false;
	s->shared.in_flight++;
	s->shared.requests++;
}

struct idle *
pool_take_place(struct pool *p, struct pool_wait *w, struct server *s, usec_t mono)
{
	struct idle *i;

	join_server(w, s, mono);
	i = take_idle(p, w, mono);
	p->shared.places++;
	w->orphan = false;
	w->held_back = pool_full(p);
	retry_earn(&p->shared.retry, p->shared.retry_budget, mono);
	return i;
}

void
pool_leave_server(struct pool *p, struct pool_wait *w, usec_t mono)
{
	struct server *s = w->server;

	ASSERT(s->shared.in_flight > 0);
	s->shared.in_flight--;
	if (w->reported)
		return;
	breaker_forget(&s->shared.breaker, w->probe);
	if (p->shared.fixed == 0)
		limit_sample(&p->shared.limit, LIMIT_NOTHING, 0, w->held_back, mono);
}

/* Outside the lock */

/* With a place: the next younger idle connection, after one that was found dead. */
static struct idle *
next_idle(struct pool *p, struct pool_wait *w, usec_t mono)
{
	struct idle *i;

	pthread_mutex_lock(&p->lock);
	i = take_idle(p, w, mono);
	pthread_mutex_unlock(&p->lock);
	return i;
}

int
pool_first_alive(struct pool *p, struct pool_wait *w, usec_t mono, struct idle *i)
{
	int fd;

	for (; i != NULL; i = next_idle(p, w, mono)) {
		fd = i->fd;
		free(i);
		if (pool_still_idle(fd))
			return fd;
		close(fd);
	}
	return -1;
}

/* With a place */

const struct conf_server *
pool_server(const struct pool_wait *w)
{
	ASSERT(w->state == PW_PLACE);
	return server_conf(w->server);
}

uint64_t
pool_server_bit(const struct pool_wait *w)
{
	ASSERT(w->state == PW_PLACE);
	/* Given before anyone could choose the server, and kept. */
	return (uint64_t)1 << w->server->shared.slot;
}

bool
pool_other_server(struct pool_wait *w, bool untried, usec_t mono)
{
	struct server *old = w->server, *s;
	struct pool *p = w->pool;
	struct idle_list dropped;
	struct idle *i = NULL;
	bool good;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_PLACE);
	pool_enter(p, &dropped, mono);
	old->shared.in_flight--;
	s = pool_choose(p, w, mono);
	good = s != NULL && (!untried || (w->tried >> s->shared.slot & 1) == 0);
	if (good) {
		if (!w->reported)
			breaker_forget(&old->shared.breaker, w->probe);
		join_server(w, s, mono);
		/* What is idle there is no better than what has just failed. */
		i = s != old ? take_idle(p, w, mono) : NULL;
	} else {
		old->shared.in_flight++;
	}
	pool_leave(p, &dropped, mono);
	if (!good)
		return false;
	server_unref(old);
	w->fd = pool_first_alive(p, w, mono, i);
	return true;
}

bool
pool_spend_retry(struct pool *p, usec_t mono)
{
	bool paid;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	paid = retry_spend(&p->shared.retry, p->shared.retry_budget, mono);
	pthread_mutex_unlock(&p->lock);
	return paid;
}

/* Locked.  What the exchange was to the server's breaker. */
static void
tell_breaker(struct pool *p, const struct pool_wait *w, enum pool_outcome outcome, usec_t mono)
{
	struct breaker *b = &w->server->shared.breaker;
	bool failed = outcome == POOL_FAILED || outcome == POOL_UNREACHABLE;

	if (!failed)
		breaker_answered(b, w->key);
	else if (!breaker_is_news(b, outcome == POOL_FAILED ? w->key : 0) && !w->probe)
		return;
	(void)breaker_end(b, &p->shared.breaker, w->probe, failed, mono);
}

void
pool_report(struct pool_wait *w, enum pool_outcome outcome, usec_t took, usec_t mono)
{
	struct pool *p = w->pool;
	struct idle_list dropped;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_PLACE && !w->reported);
	pool_enter(p, &dropped, mono);
	w->reported = true;
	w->held_back |= pool_full(p);
	w->server->shared.failures += outcome == POOL_FAILED || outcome == POOL_UNREACHABLE;
	tell_breaker(p, w, outcome, mono);
	if (p->shared.fixed == 0)
		limit_sample(&p->shared.limit, outcome == POOL_ANSWERED ? LIMIT_OK : LIMIT_OVERLOAD,
		    took, w->held_back, mono);
	pool_leave(p, &dropped, mono);
}

bool
pool_orphan(struct pool_wait *w)
{
	struct pool *p = w->pool;
	unsigned most;

	CHECK(p, POOL_MAGIC);
	ASSERT(w->state == PW_PLACE);
	pthread_mutex_lock(&p->lock);
	most = pool_limit(p) / ORPHANS;
	if (!w->orphan && p->shared.orphans < (most > 0 ? most : 1)) {
		w->orphan = true;
		p->shared.orphans++;
	}
	pthread_mutex_unlock(&p->lock);
	return w->orphan;
}
