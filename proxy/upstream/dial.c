/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: one question, then one connect at a time.
 *
 *	dial_start ──> question ──> connect ──> fn(fd)
 *	                              │  ^
 *	                              └──┘ refused, or its share of the time is over: next address
 *
 * Exactly one thing is pending at any time: the question together with a timer, or the event of a
 * connecting socket with its timeout.
 *
 * Why a plain event and not a bufferevent: which errno it was decides between "next address" and
 * "no sockets left here", and the winner goes into a bufferevent only when it is one.
 *
 * Why not the addresses in parallel: an upstream is one server that the operator named; racing its
 * addresses would open connections beyond the pool's count.
 */
#include "upstream/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/contract.h"

#include "upstream/resolve.h"

struct dial {
	unsigned		 magic;
#define DIAL_MAGIC		 0x4d1a1c0f
	struct worker		*worker;
	struct resolve		*question;	/* NULL: answered */
	struct evutil_addrinfo	*addrs;		/* the answer */
	struct evutil_addrinfo	*next;		/* the one to try after the current */
	struct event		*event;		/* the timer of the question, or of fd */
	int			 fd;		/* connecting, or -1 */
	usec_t			 deadline;
	dial_fn			*fn;
	void			*arg;
};

/* Right from any state. */
static void
dial_free(struct dial *d)
{
	if (d->question != NULL)
		resolve_cancel(d->question);
	if (d->event != NULL)
		event_free(d->event);
	if (d->fd >= 0)
		close(d->fd);
	free(d->addrs);
	FREE(d);
}

static void
finish(struct dial *d, int fd, enum dial_result result, const char *why)
{
	dial_fn *fn = d->fn;
	void *arg = d->arg;

	dial_free(d);
	fn(arg, fd, result, why);
}

static bool
out_of_resources(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
	    error == EADDRNOTAVAIL || error == EAGAIN;
}

static const char *
refusal_text(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "no way to the address";
	case ETIMEDOUT:
		return "the address does not answer";
	default:
		return "could not connect";
	}
}

/*
 * For EADDRNOTAVAIL, which says either that no port is left or that there is no address here to
 * connect from, as for ::1 where IPv6 is off: it is the latter.
 */
static bool
lacks_source(const struct evutil_addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool lacks = fd >= 0 && connect(fd, ai->ai_addr, (socklen_t)ai->ai_addrlen) < 0 &&
	    errno == EADDRNOTAVAIL;

	if (fd >= 0)
		close(fd);
	return lacks;
}

/* 0: connected; EINPROGRESS: on its way; else why not.  d->fd is the socket of the first two. */
static int
start_connect(struct dial *d, const struct evutil_addrinfo *ai)
{
	int one = 1, error = 0;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	/* We write in large pieces; waiting to fill a segment only delays them. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, ai->ai_addr, (socklen_t)ai->ai_addrlen) < 0)
		error = errno == EINTR ? EINPROGRESS : errno;
	if (error == EADDRNOTAVAIL && lacks_source(ai))
		error = EHOSTUNREACH;
	if (error != 0 && error != EINPROGRESS)
		close(fd);
	else
		d->fd = fd;
	return error;
}

/* An equal share of what is left for each address not tried yet, this one included. */
static struct timeval
share(const struct dial *d, usec_t now)
{
	usec_t left = d->deadline - now;
	unsigned n = 1;

	for (const struct evutil_addrinfo *ai = d->next; ai != NULL; ai = ai->ai_next)
		n++;
	return usec_timeval(left > 0 ? left / n : 0);
}

static void	connecting(evutil_socket_t fd, short what, void *arg);

static bool
wait_connect(struct dial *d)
{
	struct timeval tv = share(d, clock_mono());

	d->event = event_new(worker_base(d->worker), d->fd, EV_WRITE, connecting, d);
	return d->event != NULL && event_add(d->event, &tv) == 0;
}

/* Tries addresses until one is on its way, or none is left.  error: what the last one said. */
static void
try_next(struct dial *d, int error)
{
	int fd;

	while (d->next != NULL) {
		struct evutil_addrinfo *ai = d->next;

		d->next = ai->ai_next;
		error = start_connect(d, ai);
		if (error == 0) {
			fd = d->fd;
			d->fd = -1;
			finish(d, fd, DIAL_CONNECTED, NULL);
			return;
		}
		if (error == EINPROGRESS && wait_connect(d))
			return;
		if (error == EINPROGRESS || out_of_resources(error)) {
			finish(d, -1, DIAL_RESOURCES, "no socket left to connect with");
			return;
		}
	}
	if (error == ETIMEDOUT)
		finish(d, -1, DIAL_TIMEOUT, "no connection within timeouts.connect");
	else
		finish(d, -1, DIAL_REFUSED, refusal_text(error));
}

/* The socket is connected or refused, or its time is over. */
static void
connecting(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	int error = 0;
	socklen_t n = sizeof error;

	CHECK(d, DIAL_MAGIC);
	event_free(d->event);
	d->event = NULL;
	if (what & EV_WRITE) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
			error = errno;
	} else {
		error = ETIMEDOUT;
	}
	d->fd = -1;
	if (error == 0) {
		finish(d, fd, DIAL_CONNECTED, NULL);
		return;
	}
	close(fd);
	try_next(d, error);
}

/*
 * The addresses of the first one's family in turn, so that a name with several shares out its
 * connections.  Where to begin is process-wide and the order in which threads count no matter.
 */
static struct addrinfo *
in_turn(struct addrinfo *first)
{
	static _Atomic unsigned turn;
	struct addrinfo *last = first, *start = first, *before = NULL;
	unsigned n = 1, k = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed);

	for (; last->ai_next != NULL && last->ai_next->ai_family == first->ai_family; n++)
		last = last->ai_next;
	for (k %= n; k > 0; k--) {
		before = start;
		start = start->ai_next;
	}
	if (before != NULL) {
		before->ai_next = last->ai_next;
		last->ai_next = first;
	}
	return start;
}

static void
resolved(void *arg, struct evutil_addrinfo *res, const char *error)
{
	struct dial *d = arg;

	CHECK(d, DIAL_MAGIC);
	d->question = NULL;
	if (d->event != NULL)
		event_free(d->event);
	d->event = NULL;
	if (res == NULL) {
		finish(d, -1, DIAL_UNKNOWN, error);
		return;
	}
	d->addrs = res;
	d->next = in_turn(res);
	try_next(d, 0);
}

static void
question_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;

	(void)fd;
	(void)what;
	CHECK(d, DIAL_MAGIC);
	finish(d, -1, DIAL_TIMEOUT, "the name was not resolved within timeouts.connect");
}

struct dial *
dial_start(struct worker *w, struct resolver *r, const struct conf_server *s, usec_t timeout,
    dial_fn *fn, void *arg)
{
	usec_t now = clock_mono();
	struct timeval tv;
	struct dial *d;

	NEW(d, DIAL_MAGIC);
	d->worker = w;
	d->fd = -1;
	d->deadline = timeout < USEC_NEVER - now ? now + timeout : USEC_NEVER;
	d->fn = fn;
	d->arg = arg;
	d->question = resolve_start(r, s->host, s->port, resolved, d);
	d->event = event_new(worker_base(w), -1, 0, question_timeout, d);
	ASSERT(d->event != NULL);
	tv = share(d, now);
	event_add(d->event, &tv);
	return d;
}

void
dial_cancel(struct dial *d)
{
	CHECK(d, DIAL_MAGIC);
	dial_free(d);
}
