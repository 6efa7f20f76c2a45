/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client goes round
 *
 *	IDLE ── ask ──> (CONNECTING ──>) SENDING ──> READING ── answer, end, deadline ──> IDLE
 *
 * and each round leaves one reply.  A proxy may close a kept connection just when the next request
 * is on its way (RFC 9112 9.3.1); a request that got no byte on a connection that was used before
 * is sent once more on a new one, as every browser does, and that is no fault of the proxy.
 */
#include "tests/stampede/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/lib/answer.h"
#include "tests/lib/test.h"

#define EVENTS		256
#define CONNECT_AT_ONCE	200	/* well below a listen backlog */
#define CONNECT_PATIENCE_US	(INT64_C(5) * 1000000)

enum phase {
	IDLE,
	CONNECTING,
	SENDING,
	READING,
};

struct client {
	enum phase	 phase;
	int		 fd;		/* -1: none */
	bool		 used;		/* the connection has carried an answer */
	bool		 to_head;
	unsigned	 tag;
	char		*request;
	size_t		 len, off;
	int64_t		 asked;
	uint32_t	 events;	/* asked of epoll */
	struct answer	 answer;
};

struct load {
	char		*addr;
	int		 ep;
	unsigned	 n, busy;
	struct client	*clients;
	struct reply	*replies;
	size_t		 replied, room;
};

static void
watch(struct load *l, struct client *c, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.u32 = (uint32_t)(c - l->clients) };

	if (op == EPOLL_CTL_MOD && c->events == events)
		return;
	c->events = events;
	if (epoll_ctl(l->ep, op, c->fd, &ev) != 0)
		test_fail("epoll_ctl: %s", strerror(errno));
}

static void
hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->used = false;
}

static void
answered(struct load *l, struct client *c)
{
	const struct answer *a = &c->answer;

	if (l->replied == l->room) {
		l->room = 2 * l->room + 1024;
		l->replies = test_grow(l->replies, l->room * sizeof *l->replies);
	}
	l->replies[l->replied++] = (struct reply){
		.client = (unsigned)(c - l->clients),
		.tag = c->tag,
		.status = a->status,
		.complete = a->complete && a->fault == NULL,
		.unheard = !a->complete && a->status == 0,
		.fault = a->fault,
		.length = a->length,
		.sum = a->sum,
		.asked = c->asked,
		.first = a->first,
		.first_body = a->first_body,
		.last = a->last,
	};
	if (c->phase != IDLE)
		l->busy--;
	c->phase = IDLE;
}

/* It ends without an answer, for that reason. */
static void
end(struct load *l, struct client *c, const char *why)
{
	hang_up(c);
	if (c->answer.fault == NULL) {
		c->answer.fault = why;
		c->answer.complete = false;
	}
	answered(l, c);
}

static void
dial(struct load *l, struct client *c)
{
	c->phase = CONNECTING;
	c->fd = test_connect(l->addr, true);
	if (c->fd < 0)
		end(l, c, "cannot connect");
	else
		watch(l, c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* The connection is over, and the peer said so. */
static void
closed(struct load *l, struct client *c)
{
	bool again = c->used && c->answer.status == 0 && c->answer.head_len == 0;

	hang_up(c);
	if (c->phase == IDLE)
		return;
	if (again) {
		c->off = 0;
		dial(l, c);
		return;
	}
	answer_eof(&c->answer);
	answered(l, c);
}

static void
push(struct load *l, struct client *c)
{
	ssize_t n = send(c->fd, c->request + c->off, c->len - c->off, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		closed(l, c);
		return;
	}
	if (n > 0)
		c->off += (size_t)n;
	c->phase = c->off < c->len ? SENDING : READING;
	watch(l, c, c->phase == SENDING ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static void
connected(struct load *l, struct client *c)
{
	int e = 0;
	socklen_t len = sizeof e;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len);
	if (e != 0)
		end(l, c, "cannot connect");
	else
		push(l, c);
}

static void
pull(struct load *l, struct client *c)
{
	static char buf[65536];
	ssize_t n = recv(c->fd, buf, sizeof buf, 0);
	const char *v;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || c->phase == IDLE) {
		closed(l, c);
		return;
	}
	if (answer_feed(&c->answer, buf, (size_t)n) != (size_t)n)
		c->answer.fault = "bytes after the answer";
	if (!c->answer.complete && c->answer.fault == NULL)
		return;
	c->used = true;
	v = answer_field(&c->answer, "Connection");
	if (c->answer.fault != NULL || (v != NULL && strcasecmp(v, "close") == 0))
		hang_up(c);
	answered(l, c);
}

static void
event(struct load *l, struct client *c, uint32_t events)
{
	if (c->fd < 0)
		return;
	if (c->phase == CONNECTING) {
		connected(l, c);
		return;
	}
	if ((events & EPOLLOUT) != 0)
		push(l, c);
	if (c->fd >= 0 && c->phase != CONNECTING && (events & ~(uint32_t)EPOLLOUT) != 0)
		pull(l, c);
}

bool
load_turn(struct load *l, int64_t until)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(l->ep, ev, EVENTS, test_left(until));

	for (int i = 0; i < n; i++)
		event(l, &l->clients[ev[i].data.u32], ev[i].events);
	return test_now() < until;
}

void
load_pause(struct load *l, int64_t until)
{
	while (load_turn(l, until))
		continue;
}

void
load_finish(struct load *l, int64_t deadline)
{
	while (l->busy > 0 && load_turn(l, deadline))
		continue;
	for (unsigned i = 0; i < l->n; i++) {
		if (l->clients[i].phase == IDLE)
			continue;
		end(l, &l->clients[i], "no answer in time");
		l->replies[l->replied - 1].late = true;
	}
}

/* Connects the clients, not too many at once. */
static void
connect_all(struct load *l)
{
	int64_t deadline = test_now() + CONNECT_PATIENCE_US;

	for (unsigned i = 0; i < l->n; i++) {
		struct client *c = &l->clients[i];
		struct pollfd pfd = { .events = POLLOUT };

		c->fd = test_connect(l->addr, true);
		if (c->fd >= 0)
			watch(l, c, EPOLLIN, EPOLL_CTL_ADD);
		if (i % CONNECT_AT_ONCE != CONNECT_AT_ONCE - 1 && i != l->n - 1)
			continue;
		/* A backlog is served in order: with the last one all are through. */
		pfd.fd = c->fd;
		poll(&pfd, 1, test_left(deadline));
	}
}

struct load *
load_open(const char *addr, unsigned n)
{
	struct load *l = test_alloc(sizeof *l);

	l->addr = test_text(addr);
	l->n = n;
	l->clients = test_alloc(n * sizeof *l->clients);
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	if (l->ep < 0)
		test_fail("epoll: %s", strerror(errno));
	connect_all(l);
	return l;
}

void
load_free(struct load *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; i < l->n; i++) {
		hang_up(&l->clients[i]);
		answer_fini(&l->clients[i].answer);
		free(l->clients[i].request);
	}
	close(l->ep);
	free(l->clients);
	free(l->replies);
	free(l->addr);
	free(l);
}

void
load_send(struct load *l, unsigned client, unsigned tag, const char *text)
{
	struct client *c = &l->clients[client];

	if (c->phase != IDLE)
		test_fail("client %u is asked to do two things at once", client);
	free(c->request);
	c->request = test_text(text);
	c->len = strlen(text);
	c->off = 0;
	c->tag = tag;
	c->to_head = strncmp(text, "HEAD ", 5) == 0;
	answer_fini(&c->answer);
	answer_init(&c->answer, c->to_head, false);
	c->asked = test_now();
	l->busy++;
	if (c->fd < 0) {
		dial(l, c);
	} else {
		c->phase = SENDING;
		push(l, c);
	}
}

void
load_ask(struct load *l, unsigned client, unsigned tag, const char *method, const char *target,
    const char *fields)
{
	char text[2048];
	int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n", method,
	    target, fields);

	if (n < 0 || (size_t)n >= sizeof text)
		test_fail("a request that is too long: %s", target);
	load_send(l, client, tag, text);
}

void
load_leave(struct load *l, unsigned client)
{
	struct client *c = &l->clients[client];
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (c->fd >= 0)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	hang_up(c);
	if (c->phase != IDLE)
		l->busy--;
	c->phase = IDLE;
}

bool
load_idle(const struct load *l, unsigned client)
{
	return l->clients[client].phase == IDLE;
}

unsigned
load_busy(const struct load *l)
{
	return l->busy;
}

size_t
load_replies(const struct load *l)
{
	return l->replied;
}

const struct reply *
load_reply(const struct load *l, size_t i)
{
	return &l->replies[i];
}
