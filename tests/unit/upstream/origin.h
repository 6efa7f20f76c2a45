/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scripted origin for the tests of this room: a thread that accepts on 127.0.0.1, and one for
 * each connection that runs the test's serve function on the raw socket.
 */
#ifndef CORRAL_TESTS_UNIT_UPSTREAM_ORIGIN_H
#define CORRAL_TESTS_UNIT_UPSTREAM_ORIGIN_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define ORIGIN_CONNS	4096

struct origin;

/* nth: 0 for the first connection.  The socket is closed when it returns. */
typedef void origin_fn(struct origin *o, int fd, unsigned nth);

struct origin {
	origin_fn		*serve;
	void			*arg;
	int			 lfd;
	uint16_t		 port;
	pthread_t		 accepter;
	_Atomic unsigned	 conns;		/* accepted */
	_Atomic unsigned	 requests;	/* heads read by origin_read_head() */
	_Atomic unsigned	 peak;		/* open at the same time, as seen at each accept */
	pthread_mutex_t		 lock;
	struct origin_conn {
		struct origin	*origin;
		pthread_t	 thread;
		unsigned	 nth;
		int		 fd;		/* -1: closed */
	}			 conn[ORIGIN_CONNS];
};

static inline void *
origin_conn_main(void *arg)
{
	struct origin_conn *c = arg;
	struct origin *o = c->origin;

	o->serve(o, c->fd, c->nth);
	pthread_mutex_lock(&o->lock);
	close(c->fd);
	c->fd = -1;
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* Those that the peer has closed don't count, even if our thread has not seen it yet. */
static inline unsigned
origin_open_now(struct origin *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->conns; i++) {
		struct pollfd p = { .fd = o->conn[i].fd, .events = POLLRDHUP };

		if (p.fd >= 0 && (poll(&p, 1, 0) == 0 || (p.revents & (POLLRDHUP | POLLHUP)) == 0))
			n++;
	}
	return n;
}

static inline void *
origin_accept_main(void *arg)
{
	struct origin *o = arg;
	int fd, one = 1;

	for (;;) {
		struct origin_conn *c;
		unsigned open;

		fd = accept4(o->lfd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && errno == EMFILE) {
			sched_yield();	/* a test has taken them away for a while */
			continue;
		}
		if (fd < 0)
			return NULL;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		pthread_mutex_lock(&o->lock);
		if (o->conns == ORIGIN_CONNS)
			abort();
		c = &o->conn[o->conns];
		c->origin = o;
		c->nth = o->conns;
		c->fd = fd;
		o->conns++;
		open = origin_open_now(o);
		if (open > o->peak)
			o->peak = open;
		pthread_mutex_unlock(&o->lock);
		if (pthread_create(&c->thread, NULL, origin_conn_main, c) != 0)
			abort();
	}
}

static inline struct origin *
origin_start(origin_fn *serve, void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof sin;
	struct origin *o = calloc(1, sizeof *o);

	ck_assert_ptr_nonnull(o);
	o->serve = serve;
	o->arg = arg;
	pthread_mutex_init(&o->lock, NULL);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	o->lfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(o->lfd, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(o->lfd, 1024), 0);
	ck_assert_int_eq(getsockname(o->lfd, (struct sockaddr *)&sin, &n), 0);
	o->port = ntohs(sin.sin_port);
	ck_assert_int_eq(pthread_create(&o->accepter, NULL, origin_accept_main, o), 0);
	return o;
}

static inline void
origin_stop(struct origin *o)
{
	shutdown(o->lfd, SHUT_RDWR);
	pthread_join(o->accepter, NULL);
	close(o->lfd);
	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < o->conns; i++)
		if (o->conn[i].fd >= 0)
			shutdown(o->conn[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&o->lock);
	for (unsigned i = 0; i < o->conns; i++)
		pthread_join(o->conn[i].thread, NULL);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

/* One request head, byte by byte so that nothing after it is taken.  False: the peer has closed. */
static inline bool
origin_read_head(struct origin *o, int fd)
{
	char last[4] = { 0 }, c;

	while (memcmp(last, "\r\n\r\n", 4) != 0) {
		if (recv(fd, &c, 1, 0) != 1)
			return false;
		memmove(last, last + 1, 3);
		last[3] = c;
	}
	o->requests++;
	return true;
}

/* False: the peer takes no more. */
static inline bool
origin_send(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static inline bool
origin_say(int fd, const char *s)
{
	return origin_send(fd, s, strlen(s));
}

/* The close that follows becomes a reset. */
static inline void
origin_reset_on_close(int fd)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

/* Until the peer closes. */
static inline void
origin_wait_close(int fd)
{
	char c[4096];

	while (recv(fd, c, sizeof c, 0) > 0)
		;
}

#endif
