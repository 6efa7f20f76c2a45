/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's evhttp, its listening sockets and its gates.
 *
 *	listener ── evhttp ── evhttp_connection ── bufferevent
 *	   ├── bound (evconnlistener, given to evhttp: evhttp accepts)
 *	   └── gates ── gate, one per connection
 *
 * Out of descriptors, a listening socket stays readable and its loop would spin.  So one descriptor
 * is kept in reserve: it is given up to accept one waiting connection, tell it 503 and close it,
 * and taken again.  Where that doesn't help, accepting pauses for PAUSE_MS.
 *
 * Stopping takes one turn of the loop: sockets are readable for what has already connected, so the
 * turn accepts it, and then the sockets close.  Until then listener_connections() is not 0.
 *
 * Thread rule: the worker's thread, or any one thread while the worker doesn't run.  The registry
 * is the exception, and has its lock: libevent hands the error callback of a listening socket the
 * argument of its accept callback, which is evhttp's, so that ours has to be looked up.
 */
#include "front/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/contract.h"
#include "base/log.h"
#include "base/worker.h"
#include "front/reply.h"

#define BACKLOG		65535			/* the kernel cuts it to net.core.somaxconn */
#define PAUSE_MS	100
#define GRACE		(200 * USEC_PER_MSEC)	/* idle connections, when draining */

/* One listening socket.  On listener->bounds and in the registry. */
struct bound {
	unsigned		 magic;
#define BOUND_MAGIC		 0xb0d15ade
	struct listener		*l;
	struct evhttp_bound_socket *socket;	/* evhttp's */
	struct event		*resume;	/* pending while accepting pauses */
	LIST_ENTRY(bound)	 link;
	LIST_ENTRY(bound)	 registered;
};

static struct {
	pthread_mutex_t		 lock;
	LIST_HEAD(, bound)	 bounds;
} registry = { PTHREAD_MUTEX_INITIALIZER, LIST_HEAD_INITIALIZER(bounds) };

/* Owned by the front of its worker. */
struct listener {
	unsigned		 magic;
#define LISTENER_MAGIC		 0x115d3e0a
	struct worker		*w;
	struct evhttp		*http;
	struct gates		*gates;
	int			 reserve;	/* a descriptor to give up; -1: none now */
	struct event		*stop;		/* pending between listener_stop() and closing */
	LIST_HEAD(, bound)	 bounds;
};

static struct bufferevent *
accepted(struct event_base *base, void *arg)
{
	struct listener *l = arg;

	CHECK(l, LISTENER_MAGIC);
	return gates_accept(l->gates, base);
}

static void
requested(struct evhttp_request *req, void *arg)
{
	struct listener *l = arg;

	CHECK(l, LISTENER_MAGIC);
	gates_dispatch(l->gates, req);
}

static int
reserve_fd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

/* Best effort: there is no gate for this one. */
static void
turn_away(int fd)
{
	struct reply r = { .status = 503, .cache.detail = "descriptors", .close = true,
	    .retry_after = 1, .text = "out of file descriptors" };
	struct buf out = { 0 };
	char unread[16384];

	reply_error(&out, &r, clock_now().wall);
	(void)!send(fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	/* Unread bytes would make close() a reset, which can eat the answer. */
	(void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
	buf_fini(&out);
	close(fd);
}

/* True if a waiting connection was taken off the queue. */
static bool
use_reserve(struct listener *l, int listening)
{
	int fd;

	if (l->reserve == -1)
		return false;
	close(l->reserve);
	fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1)
		turn_away(fd);
	l->reserve = reserve_fd();
	return fd != -1 && l->reserve != -1;
}

static struct evconnlistener *
lev_of(const struct bound *b)
{
	return evhttp_bound_socket_get_listener(b->socket);
}

static void
resume(evutil_socket_t fd, short what, void *arg)
{
	struct bound *b = arg;

	(void)fd;
	(void)what;
	CHECK(b, BOUND_MAGIC);
	if (b->l->reserve == -1)
		b->l->reserve = reserve_fd();
	evconnlistener_enable(lev_of(b));
}

static struct bound *
registered(const struct evconnlistener *lev)
{
	struct bound *b;

	pthread_mutex_lock(&registry.lock);
	LIST_FOREACH(b, &registry.bounds, registered)
		if (lev_of(b) == lev)
			break;
	pthread_mutex_unlock(&registry.lock);
	return b;
}

/* accept() failed, and not for the one connection's sake. */
static void
accept_failed(struct evconnlistener *lev, void *arg)
{
	static const struct timeval pause = { 0, PAUSE_MS * 1000 };
	int error = errno;
	struct bound *b = registered(lev);

	(void)arg;
	CHECK(b, BOUND_MAGIC);
	CHECK(b->l, LISTENER_MAGIC);
	if ((error == EMFILE || error == ENFILE) &&
	    use_reserve(b->l, evconnlistener_get_fd(lev))) {
		log_warn("out of file descriptors: a connection was answered 503 and closed");
		return;
	}
	log_warn("accept: %s; pausing for %d ms", strerror(error), PAUSE_MS);
	evconnlistener_disable(lev);
	event_add(b->resume, &pause);
}

static void
bound_free(struct bound *b)
{
	pthread_mutex_lock(&registry.lock);
	LIST_REMOVE(b, registered);
	pthread_mutex_unlock(&registry.lock);
	LIST_REMOVE(b, link);
	event_free(b->resume);
	evhttp_del_accept_socket(b->l->http, b->socket);
	FREE(b);
}

static void
close_sockets(struct listener *l)
{
	struct bound *b;

	while ((b = LIST_FIRST(&l->bounds)) != NULL)
		bound_free(b);
}

static void
stop(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	usec_t drain;

	(void)fd;
	(void)what;
	CHECK(l, LISTENER_MAGIC);
	close_sockets(l);
	drain = worker_conf(l->w)->limits.drain;
	gates_drain(l->gates, drain < GRACE ? drain : GRACE);
}

struct listener *
listener_new(struct worker *w, const struct gate_ops *ops, void *arg, _Atomic unsigned *connections)
{
	struct listener *l;

	NEW(l, LISTENER_MAGIC);
	l->w = w;
	LIST_INIT(&l->bounds);
	l->reserve = reserve_fd();
	l->gates = gates_new(w, ops, arg, connections);
	l->http = evhttp_new(worker_base(w));
	l->stop = evtimer_new(worker_base(w), stop, l);
	if (l->reserve == -1 || l->http == NULL || l->stop == NULL) {
		listener_free(l);
		return NULL;
	}
	evhttp_set_bevcb(l->http, accepted, l);
	evhttp_set_gencb(l->http, requested, l);
	evhttp_set_allowed_methods(l->http, EVHTTP_REQ_GET);
	return l;
}

/* A stream socket bound to addr, with SO_REUSEPORT if share is on.  -1 with errno. */
static int
bind_socket(const struct conf_addr *addr, bool share)
{
	const struct sockaddr *sa = (const struct sockaddr *)&addr->sa;
	int family = addr->sa.ss_family, on = 1, fd, error;

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == -1) ||
	    (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1) ||
	    bind(fd, sa, addr->len) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Takes fd over.  0, or -1 with errno and fd closed. */
static int
add_socket(struct listener *l, int fd)
{
	struct evconnlistener *lev;
	struct bound *b;

	lev = evconnlistener_new(worker_base(l->w), NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (lev == NULL) {
		close(fd);
		errno = ENOMEM;
		return -1;
	}
	NEW(b, BOUND_MAGIC);
	b->l = l;
	b->resume = evtimer_new(worker_base(l->w), resume, b);
	ASSERT(b->resume != NULL);
	b->socket = evhttp_bind_listener(l->http, lev);
	ASSERT(b->socket != NULL);
	evconnlistener_set_error_cb(lev, accept_failed);
	LIST_INSERT_HEAD(&l->bounds, b, link);
	pthread_mutex_lock(&registry.lock);
	LIST_INSERT_HEAD(&registry.bounds, b, registered);
	pthread_mutex_unlock(&registry.lock);
	return 0;
}

int
listener_bind(struct listener *l, const struct conf_addr *addr, struct conf_addr *bound)
{
	socklen_t len = sizeof bound->sa;
	int on = 1, fd, error;

	CHECK(l, LISTENER_MAGIC);
	if ((fd = bind_socket(addr, true)) == -1)
		return -1;
	*bound = *addr;
	/* Accepted sockets inherit TCP_NODELAY. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1 ||
	    listen(fd, BACKLOG) == -1 ||
	    getsockname(fd, (struct sockaddr *)&bound->sa, &len) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	bound->len = len;
	return add_socket(l, fd);
}

int
listener_probe(const struct conf_addr *addr)
{
	int fd = bind_socket(addr, false);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

void
listener_text(const struct conf_addr *addr, char *out, size_t n)
{
	const struct sockaddr *sa = (const struct sockaddr *)&addr->sa;
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	char host[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, &addr->sa, sizeof in6);
		inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
		snprintf(out, n, "[%s]:%u", host, ntohs(in6.sin6_port));
	} else {
		memcpy(&in, &addr->sa, sizeof in);
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
		snprintf(out, n, "%s:%u", host, ntohs(in.sin_port));
	}
}

void
listener_stop(struct listener *l)
{
	static const struct timeval next_turn = { 0, 0 };

	CHECK(l, LISTENER_MAGIC);
	event_add(l->stop, &next_turn);
}

unsigned
listener_connections(const struct listener *l)
{
	CHECK(l, LISTENER_MAGIC);
	return gates_count(l->gates) + (LIST_EMPTY(&l->bounds) ? 0 : 1);
}

void
listener_kill(struct listener *l)
{
	CHECK(l, LISTENER_MAGIC);
	event_del(l->stop);
	close_sockets(l);
	gates_kill_all(l->gates);
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	CHECK(l, LISTENER_MAGIC);
	if (l->stop != NULL) {
		listener_kill(l);
		event_free(l->stop);
	}
	if (l->http != NULL)
		evhttp_free(l->http);
	gates_free(l->gates);
	if (l->reserve != -1)
		close(l->reserve);
	FREE(l);
}

/*
 * The self-test: one connection over loopback, with as little around it as possible.  Each step
 * sets its flag; a libevent that works differently leaves one unset (or refuses outright).
 */
#define TEST_CANON	"GET / HTTP/1.1\r\n\r\n"

struct selftest {
	struct event_base	*base;
	struct bufferevent	*bev;
	struct evhttp_connection *evcon;
	bool			 known;		/* the callbacks' argument is the connection */
	bool			 dispatched;	/* what the input's callback prepends is read */
	bool			 freed;		/* freeing calls the close callback */
	bool			 feeding;
};

static void
test_closed(struct evhttp_connection *evcon, void *arg)
{
	struct selftest *t = arg;

	t->freed = evcon == t->evcon;
}

static void
test_meet(evutil_socket_t fd, short what, void *arg)
{
	struct selftest *t = arg;
	bufferevent_data_cb readcb;
	void *cbarg;

	(void)fd;
	(void)what;
	bufferevent_getcb(t->bev, &readcb, NULL, NULL, &cbarg);
	if (readcb == NULL || cbarg == NULL || evhttp_connection_get_bufferevent(cbarg) != t->bev)
		return;
	t->known = true;
	t->evcon = cbarg;
	evhttp_connection_set_closecb(t->evcon, test_closed, t);
}

static void
test_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct selftest *t = arg;

	if (t->feeding || info->n_added == 0)
		return;
	t->feeding = true;
	evbuffer_drain(in, evbuffer_get_length(in));
	(void)evbuffer_prepend(in, TEST_CANON, sizeof TEST_CANON - 1);
	t->feeding = false;
}

static struct bufferevent *
test_accepted(struct event_base *base, void *arg)
{
	static const struct timeval now = { 0, 0 };
	struct selftest *t = arg;

	t->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (t->bev == NULL)
		return NULL;
	bufferevent_setwatermark(t->bev, EV_READ, 1, 0);
	evbuffer_add_cb(bufferevent_get_input(t->bev), test_input, t);
	event_base_once(base, -1, EV_TIMEOUT, test_meet, t, &now);
	return t->bev;
}

static void
test_requested(struct evhttp_request *req, void *arg)
{
	struct selftest *t = arg;

	t->dispatched = t->known && evhttp_request_get_connection(req) == t->evcon;
	if (t->dispatched)
		evhttp_connection_free(t->evcon);
	event_base_loopbreak(t->base);
}

static int
test_connect(struct evhttp *http)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr *sa = (struct sockaddr *)&in;
	socklen_t len = sizeof in;
	int listening, fd;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listening == -1)
		return -1;
	if (bind(listening, sa, len) == -1 || listen(listening, 1) == -1 ||
	    getsockname(listening, sa, &len) == -1 || evhttp_accept_socket(http, listening) == -1) {
		close(listening);
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && (connect(fd, sa, len) == -1 || send(fd, "x", 1, MSG_NOSIGNAL) != 1)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int
listener_selftest(void)
{
	static const struct timeval limit = { 2, 0 };
	struct selftest t = { .base = event_base_new() };
	struct evhttp *http;
	int fd;

	if (t.base == NULL || (http = evhttp_new(t.base)) == NULL)
		return -1;
	evhttp_set_bevcb(http, test_accepted, &t);
	evhttp_set_gencb(http, test_requested, &t);
	if ((fd = test_connect(http)) != -1) {
		event_base_loopexit(t.base, &limit);
		event_base_dispatch(t.base);
		close(fd);
	}
	evhttp_free(http);
	event_base_free(t.base);
	return t.known && t.dispatched && t.freed ? 0 : -1;
}
