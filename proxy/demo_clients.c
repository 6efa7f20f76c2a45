/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration's clients.
 *
 * A burst connects all its clients first and then sends all requests, so it is as dense as one
 * machine can make it:
 *
 *	CL_CONNECTING ──> CL_READY ──> CL_ASKED ──> CL_OVER
 *
 * and from each state to CL_OVER by an error.  `open` counts the clients that are not CL_OVER,
 * `connecting` those in CL_CONNECTING; run_wait() waits for either to be 0.  A client is answered
 * by a whole 200 whose page equals everyone else's, and is an error otherwise: nobody is left out
 * of the count.
 *
 * One thread, the caller's, and plain epoll: what is measured here should not share an event loop,
 * or a bug, with what it measures.  Only the parser is Corral's.  An answer is read again from its
 * beginning whenever more of it comes, which for pages of a hundred bytes is once.
 */
#include "demo_clients.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/contract.h"
#include "http/hdr.h"
#include "http/parse.h"

#define ANSWER_MAX	((size_t)64 << 10)

static const struct parse_limits head_limits = { 16384, 8192, 100 };

enum client_state {
	CL_CONNECTING,		/* the kernel has not said yet */
	CL_READY,		/* connected, nothing sent */
	CL_ASKED,		/* all of the request is sent */
	CL_OVER,		/* answered, or counted in errors */
};

/* One of a burst's clients. */
struct client {
	enum client_state	 state;
	int			 fd;
	usec_t			 asked;		/* when, by clock_mono() */
	struct buf		 in;		/* the answer so far, head included */
};

/* A burst under way.  On the stack of demo_burst_run(). */
struct run {
	struct demo_burst	*burst;
	struct client		*clients;	/* burst->n of them */
	unsigned		 open;		/* not CL_OVER */
	unsigned		 connecting;
	int			 epoll;
};

static void
client_over(struct run *run, struct client *c)
{
	ASSERT(c->state != CL_OVER);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	run->connecting -= c->state == CL_CONNECTING;
	c->state = CL_OVER;
	buf_fini(&c->in);
	run->open--;
}

static void
client_failed(struct run *run, struct client *c, const char *why)
{
	if (run->burst->errors++ == 0)
		buf_add_str(&run->burst->fault, why);
	client_over(run, c);
}

/* The whole body into out; PARSE_MORE when it isn't here yet. */
static enum parse_result
read_body(const struct head *h, const char *p, size_t n, struct buf *out)
{
	struct parse_body body;
	enum parse_result r;
	struct slice data;
	size_t used;

	parse_body_init(&body, h);
	do {
		r = parse_body(&body, p, n, &data, &used);
		p += used;
		n -= used;
		if (r == PARSE_DATA)
			buf_add_slice(out, data);
	} while (r == PARSE_DATA);
	return r;
}

static void
client_answered(struct run *run, struct client *c, const struct head *h, struct slice page)
{
	struct demo_burst *b = run->burst;
	const struct hdr_field *f = hdr_get(h, SLICE("Cache-Status"));
	usec_t took = clock_mono() - c->asked;
	char why[64];

	if (h->status != 200) {
		snprintf(why, sizeof why, "an answer with status %d", h->status);
		client_failed(run, c, why);
		return;
	}
	if (b->answered == 0)
		buf_add_slice(&b->page, page);
	else if (b->ntargets == 1 && !slice_eq(page, buf_slice(&b->page))) {
		client_failed(run, c, "an answer unlike the others");
		return;
	}
	b->answered++;
	b->hits += f != NULL && slice_starts(f->value, SLICE("corral; hit"));
	if (took > b->slowest)
		b->slowest = took;
	client_over(run, c);
}

/* Looks whether the answer is whole. */
static void
client_look(struct run *run, struct client *c, bool ended)
{
	struct parse ps;
	struct head h = { 0 };
	struct buf page = { 0 };
	enum parse_result r;

	parse_init(&ps, PARSE_RESPONSE, &head_limits);
	r = parse_head(&ps, c->in.n > 0 ? c->in.p : "", c->in.n, &h);
	if (r == PARSE_DONE)
		r = read_body(&h, c->in.p + ps.used, c->in.n - ps.used, &page);
	parse_fini(&ps);
	if (r == PARSE_DONE)
		client_answered(run, c, &h, buf_slice(&page));
	else if (r == PARSE_ERROR)
		client_failed(run, c, "a malformed answer");
	else if (ended)
		client_failed(run, c, "a connection closed before the answer was whole");
	head_fini(&h);
	buf_fini(&page);
}

static void
client_read(struct run *run, struct client *c)
{
	char chunk[4096];
	ssize_t r = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);

	if (r == -1) {
		if (errno != EAGAIN && errno != EINTR)
			client_failed(run, c, strerror(errno));
		return;
	}
	buf_add(&c->in, chunk, (size_t)r);
	if (c->in.n > ANSWER_MAX)
		client_failed(run, c, "an answer that is too long");
	else
		client_look(run, c, r == 0);
}

static void
client_connected(struct run *run, struct client *c)
{
	struct epoll_event ev = { .events = 0, .data.ptr = c };
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		client_failed(run, c, strerror(error));
		return;
	}
	run->connecting--;
	c->state = CL_READY;
	epoll_ctl(run->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void
client_connect(struct run *run, struct client *c)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };
	const struct sockaddr *to = (const struct sockaddr *)run->burst->to;

	run->open++;
	run->connecting++;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1 || epoll_ctl(run->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1 ||
	    (connect(c->fd, to, sizeof *run->burst->to) == -1 && errno != EINPROGRESS))
		client_failed(run, c, strerror(errno));
}

static void
client_ask(struct run *run, struct client *c, const char *target)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	char request[512];
	int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target,
	    run->burst->host);

	ASSERT(n > 0 && (size_t)n < sizeof request);
	c->state = CL_ASKED;
	c->asked = clock_mono();
	/* It fits: nothing was ever sent on this socket. */
	if (send(c->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		client_failed(run, c, strerror(errno));
	else
		epoll_ctl(run->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void
client_event(struct run *run, struct client *c)
{
	switch (c->state) {
	case CL_CONNECTING:
		client_connected(run, c);
		break;
	case CL_READY:
		client_failed(run, c, "a connection closed before anything was asked");
		break;
	case CL_ASKED:
		client_read(run, c);
		break;
	case CL_OVER:
		break;
	}
}

/* Handles events until *left is 0 or the deadline has passed. */
static void
run_wait(struct run *run, const unsigned *left)
{
	struct epoll_event ev[256];
	struct demo_burst *b = run->burst;
	usec_t now, wait;
	int n;

	while (*left > 0 && (now = clock_mono()) < b->deadline) {
		if (b->progress != NULL)
			b->progress(b->arg, b);
		wait = b->deadline - now;
		if (wait > DEMO_PROGRESS_EVERY)
			wait = DEMO_PROGRESS_EVERY;
		n = epoll_wait(run->epoll, ev, 256, (int)(wait / USEC_PER_MSEC) + 1);
		for (int i = 0; i < n; i++)
			client_event(run, ev[i].data.ptr);
	}
}

void
demo_burst_run(struct demo_burst *b)
{
	struct run run = { .burst = b, .epoll = epoll_create1(EPOLL_CLOEXEC) };

	ASSERT(run.epoll != -1);
	run.clients = XCALLOC(b->n, sizeof *run.clients);
	for (unsigned i = 0; i < b->n; i++)
		client_connect(&run, &run.clients[i]);
	run_wait(&run, &run.connecting);

	for (unsigned i = 0; i < b->n; i++)
		if (run.clients[i].state == CL_READY)
			client_ask(&run, &run.clients[i], b->targets[i % b->ntargets]);
	run_wait(&run, &run.open);

	for (unsigned i = 0; i < b->n; i++)
		if (run.clients[i].state != CL_OVER)
			client_failed(&run, &run.clients[i], "no answer in time");
	free(run.clients);
	close(run.epoll);
}

void
demo_burst_fini(struct demo_burst *b)
{
	buf_fini(&b->page);
	buf_fini(&b->fault);
}
