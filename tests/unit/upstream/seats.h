/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of the pool: upstreams made by hand, waits that note what became of them, and
 * connections whose other end the test holds.
 */
#ifndef CORRAL_TESTS_UNIT_UPSTREAM_SEATS_H
#define CORRAL_TESTS_UNIT_UPSTREAM_SEATS_H

#include "upstream/pool.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define MSEC	USEC_PER_MSEC

/* A connection: ours goes through the pool, theirs is the server's end. */
struct pair {
	int	ours, theirs;
};

/* A wait, and what was said to it. */
struct seat {
	struct pool_wait	 w;
	unsigned		 readied;
	enum pool_answer	 answer;	/* of the last ready */
	struct seat		**order;	/* where to note that its turn came */
};

/* Driven by the test's own thread. */
static struct worker *seat_worker;

static inline void
seats_setup(void)
{
	seat_worker = worker_new(0, NULL);
	ck_assert_ptr_nonnull(seat_worker);
}

static inline void
seats_teardown(void)
{
	worker_free(seat_worker);
}

static inline struct pair
connect_pair(void)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	return (struct pair){ fd[0], fd[1] };
}

/* The pool has closed its end. */
static inline bool
was_closed(const struct pair *p)
{
	char c;

	return recv(p->theirs, &c, 1, MSG_DONTWAIT) == 0;
}

/* Servers by name: http://a, http://b and so on; they live as long as the program. */
static inline struct conf_server *
servers_named(const char *names)
{
	unsigned n = (unsigned)strlen(names);
	struct conf_server *s = calloc(n, sizeof *s);

	for (unsigned i = 0; i < n; i++) {
		char url[16];

		snprintf(url, sizeof url, "http://%c", names[i]);
		s[i].url = strdup(url);
		s[i].host = strdup(url + 7);
		s[i].authority = strdup(url + 7);
		s[i].port = 80;
		s[i].weight = 1;
	}
	return s;
}

static inline void
servers_free(struct conf_upstream *u)
{
	for (unsigned i = 0; i < u->nservers; i++) {
		free(u->servers[i].url);
		free(u->servers[i].host);
		free(u->servers[i].authority);
	}
	free(u->servers);
	u->servers = NULL;
}

/* To be freed with servers_free(). */
static inline struct conf_upstream
upstream_of(const char *names, unsigned max, unsigned queue, unsigned keepalive)
{
	struct conf_upstream u = { 0 };

	u.servers = servers_named(names);
	u.nservers = (unsigned)strlen(names);
	u.max_connections = max;
	u.queue_length = queue;
	u.queue_timeout = 30 * SEC;
	u.keepalive_connections = keepalive;
	u.keepalive_idle = 30 * SEC;
	u.retry_budget = 0.1;
	u.breaker.pause = 5 * SEC;
	return u;
}

/* Only the pool lives on. */
static inline struct pool *
pool_from(struct conf_upstream u)
{
	struct pool *p = pool_new(&u, 0);

	servers_free(&u);
	return p;
}

static inline void
configure(struct pool *p, struct conf_upstream u, usec_t now)
{
	pool_configure(p, &u, now);
	servers_free(&u);
}

static inline void
seat_ready(void *arg, enum pool_answer answer)
{
	struct seat *s = arg;

	s->readied++;
	s->answer = answer;
	if (s->order != NULL)
		*s->order++ = s;
}

/* What the test has set of s->w stays. */
static inline enum pool_answer
acquire_young(struct pool *p, struct seat *s, usec_t now, usec_t max_idle)
{
	s->w.worker = seat_worker;
	s->w.ready = seat_ready;
	s->w.arg = s;
	s->w.max_idle = max_idle;
	return pool_acquire(p, &s->w, now);
}

static inline enum pool_answer
acquire(struct pool *p, struct seat *s, usec_t now)
{
	return acquire_young(p, s, now, USEC_NEVER);
}

static inline void
deliver(void)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(worker_base(seat_worker), EVLOOP_NONBLOCK);
}

static inline struct pool_figures
figures_of(struct pool *p, usec_t now)
{
	struct pool_figures f;

	pool_figures(p, &f, now);
	return f;
}

static inline void
check_figures(struct pool *p, unsigned open, unsigned idle, unsigned queued)
{
	struct pool_figures f = figures_of(p, 0);

	ck_assert_msg(f.open == open && f.idle == idle && f.queued == queued,
	    "%u open, %u idle, %u queued", f.open, f.idle, f.queued);
}

/* The letter of its server. */
static inline char
server_of(const struct seat *s)
{
	return pool_server(&s->w)->host[0];
}

/* An idle connection for the pool, as if it had been used until then. */
static inline struct pair
add_idle(struct pool *p, usec_t since)
{
	struct pair c = connect_pair();
	struct seat s = { 0 };

	ck_assert_int_eq(acquire_young(p, &s, since, -1), POOL_READY);
	ck_assert_int_eq(s.w.fd, -1);
	pool_release(&s.w, c.ours, since);
	return c;
}

/* One exchange that ends so at once. */
static inline void
exchange(struct pool *p, enum pool_outcome outcome, usec_t took, usec_t now)
{
	struct seat s = { 0 };

	ck_assert_int_eq(acquire(p, &s, now), POOL_READY);
	pool_report(&s.w, outcome, took, now);
	pool_release(&s.w, -1, now);
}

#endif
