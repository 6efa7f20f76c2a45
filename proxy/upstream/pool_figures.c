/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of an upstream beside its places: usual times, health, figures; and the sweep of
 * connections that nobody uses.
 *
 * Usual times have a fixed table, found by the hash of the route; a route that finds it full shares
 * the slot that its hash points to, which only makes both look like a mixture.
 *
 * The sweep polls a bounded number of idle sockets under the lock, without waiting, because a
 * connection taken off the list for a look would be missing to those who ask meanwhile.
 */
#include "upstream/pool.h"

#include <poll.h>
#include <stdio.h>

#include "base/contract.h"

#include "upstream/pool_priv.h"

#define SWEEP_POLL	64	/* the oldest ones; servers close those first */
#define USUAL_LEAST	20	/* exchanges, before they say what is usual */

/* Locked.  Its slot, or a free one, or one to share. */
static struct route_times *
times_of(struct pool *p, uint64_t route)
{
	struct route_times *t;

	for (unsigned i = 0; i < POOL_ROUTES; i++) {
		t = &p->shared.times[(route + i) % POOL_ROUTES];
		if (!t->used || t->route == route)
			return t;
	}
	return &p->shared.times[route % POOL_ROUTES];
}

void
pool_learn_time(struct pool *p, uint64_t route, usec_t took)
{
	struct route_times *t;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	t = times_of(p, route);
	if (!t->used) {
		t->used = true;
		t->route = route;
	}
	usual_add(&t->usual, took);
	pthread_mutex_unlock(&p->lock);
}

usec_t
pool_usual_time(struct pool *p, uint64_t route, double share)
{
	usec_t t;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	t = usual_quantile(&times_of(p, route)->usual, share, USUAL_LEAST);
	pthread_mutex_unlock(&p->lock);
	return t;
}

void
pool_set_health(struct pool *p, struct server *s, bool up, usec_t mono)
{
	struct idle_list dropped;

	CHECK(p, POOL_MAGIC);
	CHECK(s, SERVER_MAGIC);
	pool_enter(p, &dropped, mono);
	s->shared.healthy = up;
	if (!up)
		pool_drop_idle_of(p, s, &dropped);
	pool_leave(p, &dropped, mono);
}

unsigned
pool_servers(struct pool *p, struct server *out[CONF_SERVERS_MAX])
{
	unsigned n;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	n = p->shared.nservers;
	for (unsigned i = 0; i < n; i++)
		out[i] = server_ref(p->shared.server[i]);
	pthread_mutex_unlock(&p->lock);
	return n;
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
			pool_drop_idle(p, of[k], dropped);
}

void
pool_sweep(struct pool *p, usec_t mono)
{
	struct idle_list dropped;
	struct idle *i;

	CHECK(p, POOL_MAGIC);
	pool_enter(p, &dropped, mono);
	while ((i = TAILQ_LAST(&p->shared.idle, idle_list)) != NULL &&
	    mono - i->since > p->shared.keepalive_idle)
		pool_drop_idle(p, i, &dropped);
	drop_closed(p, &dropped);
	pool_leave(p, &dropped, mono);
}

/* Locked. */
static void
server_figures(const struct server *s, struct server_figures *out)
{
	*out = (struct server_figures){
		.in_flight = s->shared.in_flight,
		.idle = s->shared.nidle,
		.healthy = s->shared.healthy,
		.backup = s->shared.backup,
		.breaker = s->shared.breaker.state,
		.opened = s->shared.breaker.opened,
		.requests = s->shared.requests,
		.failures = s->shared.failures,
	};
	snprintf(out->url, sizeof out->url, "%s", s->conf.url != NULL ? s->conf.url : "");
}

void
pool_figures(struct pool *p, struct pool_figures *out, usec_t mono)
{
	usec_t came;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	came = line_oldest(&p->shared.line);
	out->limit = pool_limit(p);
	out->open = p->shared.places + p->shared.nidle;
	out->idle = p->shared.nidle;
	out->queued = p->shared.line.n;
	out->orphans = p->shared.orphans;
	out->oldest = came < mono ? mono - came : 0;
	out->refused = p->shared.refused;
	out->nservers = p->shared.nservers;
	for (unsigned i = 0; i < p->shared.nservers; i++)
		server_figures(p->shared.server[i], &out->server[i]);
	pthread_mutex_unlock(&p->lock);
}

bool
pool_is_up(struct pool *p, usec_t mono)
{
	bool up;

	CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	up = pool_any_up(p, mono);
	pthread_mutex_unlock(&p->lock);
	return up;
}
