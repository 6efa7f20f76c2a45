/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration's slow backend.
 *
 * A guest is a connection.  It has one request at a time, and is idle, waiting for a slot, or
 * having its page made; a request that came behind it stays in the connection's buffer:
 *
 *	idle ──> [waiting] ──> slotted: timer of DEMO_PAGE_TIME ──> answer written ──> idle
 *
 * `used` is the number of slotted guests, never above DEMO_BACKEND_SLOTS; the waiting ones are
 * served in the order they came, each by the guest that gives a slot back.  So the backend behaves
 * like one with a fixed number of processes, without having any: making a page is a timer.
 *
 * It is Corral's parser that reads the requests, but nothing else of Corral: `fetches` counts what
 * really arrived, on the far side of what the demonstration is about.
 *
 * Threads: everything is the worker thread's, which demo_backend_new() starts last and
 * demo_backend_free() joins first; only `fetches` is read by others, and `sa` never changes.
 */
#include "demo_backend.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include "base/contract.h"
#include "base/slice.h"
#include "base/worker.h"
#include "http/parse.h"

static const struct parse_limits head_limits = { 16384, 8192, 100 };

/* A connection.  Owned by its backend's guests; also on waiting while busy without a slot. */
struct guest {
	unsigned		 magic;
#define GUEST_MAGIC		 0x60e57a11
	struct demo_backend	*backend;
	struct bufferevent	*bev;
	struct event		*done;		/* pending while the page is made */
	struct head		 req;		/* the request being answered */
	bool			 busy;		/* has a request */
	bool			 slotted;	/* and one of the slots */
	LIST_ENTRY(guest)	 link;
	TAILQ_ENTRY(guest)	 wait_link;
};

struct demo_backend {
	unsigned		 magic;
#define BACKEND_MAGIC		 0x510bac3d
	struct worker		*worker;
	struct evconnlistener	*listener;
	struct sockaddr_in	 sa;		/* as bound */
	unsigned		 used;		/* slots */
	LIST_HEAD(, guest)	 guests;
	TAILQ_HEAD(, guest)	 waiting;
	_Atomic unsigned	 fetches;	/* requests that reached it */
};

static void	guest_read(struct bufferevent *bev, void *arg);

static void
guest_start(struct guest *gu)
{
	struct timeval tv = usec_timeval(DEMO_PAGE_TIME);

	gu->slotted = true;
	gu->backend->used++;
	ASSERT(event_add(gu->done, &tv) == 0);
}

/* The slot is free for the next in line. */
static void
guest_stop(struct guest *gu)
{
	struct demo_backend *b = gu->backend;
	struct guest *next;

	gu->busy = gu->slotted = false;
	head_fini(&gu->req);
	b->used--;
	if ((next = TAILQ_FIRST(&b->waiting)) != NULL) {
		TAILQ_REMOVE(&b->waiting, next, wait_link);
		guest_start(next);
	}
}

static void
guest_free(struct guest *gu)
{
	if (gu->slotted)
		guest_stop(gu);
	else if (gu->busy)
		TAILQ_REMOVE(&gu->backend->waiting, gu, wait_link);
	head_fini(&gu->req);
	LIST_REMOVE(gu, link);
	event_free(gu->done);
	bufferevent_free(gu->bev);
	FREE(gu);
}

/* What a page says about itself by its name. */
static const char *
cache_control(struct slice path)
{
	if (slice_starts(path, SLICE("/private")))
		return "private";
	if (slice_starts(path, SLICE("/expired")))
		return "max-age=1";
	return "max-age=60";
}

static void
page_made(evutil_socket_t fd, short what, void *arg)
{
	struct guest *gu = arg;
	struct buf text = { 0 }, out = { 0 };

	(void)fd;
	(void)what;
	CHECK(gu, GUEST_MAGIC);
	buf_addf(&text, "The page %.*s, which took the backend %d ms to make.\n",
	    SLICE_FMT(gu->req.path), (int)(DEMO_PAGE_TIME / USEC_PER_MSEC));
	buf_addf(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: %s\r\n"
	    "Content-Length: %zu\r\n\r\n", cache_control(gu->req.path), text.n);
	buf_add_slice(&out, buf_slice(&text));
	bufferevent_write(gu->bev, out.p, out.n);
	buf_fini(&text);
	buf_fini(&out);
	guest_stop(gu);
	/* A request may have come behind this one. */
	guest_read(gu->bev, gu);
}

static void
guest_read(struct bufferevent *bev, void *arg)
{
	struct guest *gu = arg;
	struct demo_backend *b;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n = evbuffer_get_length(in);
	struct parse ps;
	enum parse_result r;

	CHECK(gu, GUEST_MAGIC);
	if (gu->busy || n == 0)
		return;
	b = gu->backend;
	parse_init(&ps, PARSE_REQUEST, &head_limits);
	r = parse_head(&ps, (const char *)evbuffer_pullup(in, -1), n, &gu->req);
	if (r == PARSE_DONE)
		evbuffer_drain(in, ps.used);
	parse_fini(&ps);
	if (r == PARSE_MORE)
		return;
	if (r != PARSE_DONE || gu->req.framing != FRAMING_NONE) {
		guest_free(gu);
		return;
	}
	atomic_fetch_add(&b->fetches, 1);
	gu->busy = true;
	if (b->used < DEMO_BACKEND_SLOTS)
		guest_start(gu);
	else
		TAILQ_INSERT_TAIL(&b->waiting, gu, wait_link);
}

static void
guest_event(struct bufferevent *bev, short what, void *arg)
{
	struct guest *gu = arg;

	(void)bev;
	(void)what;
	CHECK(gu, GUEST_MAGIC);
	guest_free(gu);
}

static void
guest_new(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct demo_backend *b = arg;
	struct event_base *base = evconnlistener_get_base(lev);
	struct guest *gu;

	(void)sa;
	(void)len;
	CHECK(b, BACKEND_MAGIC);
	NEW(gu, GUEST_MAGIC);
	gu->backend = b;
	gu->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	gu->done = evtimer_new(base, page_made, gu);
	ASSERT(gu->bev != NULL && gu->done != NULL);
	LIST_INSERT_HEAD(&b->guests, gu, link);
	bufferevent_setcb(gu->bev, guest_read, NULL, guest_event, gu);
	bufferevent_enable(gu->bev, EV_READ | EV_WRITE);
}

struct demo_backend *
demo_backend_new(void)
{
	struct demo_backend *b;
	struct sockaddr *sa;
	socklen_t len = sizeof b->sa;

	NEW(b, BACKEND_MAGIC);
	sa = (struct sockaddr *)&b->sa;
	LIST_INIT(&b->guests);
	TAILQ_INIT(&b->waiting);
	b->sa.sin_family = AF_INET;
	b->sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((b->worker = worker_new(0, NULL)) != NULL)
		b->listener = evconnlistener_new_bind(worker_base(b->worker), guest_new, b,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, SOMAXCONN, sa, (int)len);
	if (b->listener != NULL &&
	    getsockname(evconnlistener_get_fd(b->listener), sa, &len) == 0 &&
	    worker_start(b->worker) == 0)
		return b;
	if (b->listener != NULL)
		evconnlistener_free(b->listener);
	worker_free(b->worker);
	FREE(b);
	return NULL;
}

void
demo_backend_free(struct demo_backend *b)
{
	struct guest *gu;

	if (b == NULL)
		return;
	CHECK(b, BACKEND_MAGIC);
	worker_stop(b->worker);
	worker_join(b->worker);
	while ((gu = LIST_FIRST(&b->guests)) != NULL)
		guest_free(gu);
	evconnlistener_free(b->listener);
	worker_free(b->worker);
	FREE(b);
}

const struct sockaddr_in *
demo_backend_address(const struct demo_backend *b)
{
	CHECK(b, BACKEND_MAGIC);
	return &b->sa;
}

unsigned
demo_backend_fetches(const struct demo_backend *b)
{
	CHECK(b, BACKEND_MAGIC);
	return atomic_load(&b->fetches);
}
