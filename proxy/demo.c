/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration, in one process and four kinds of threads:
 *
 *	script (own thread, epoll): bursts of clients ──> Corral (its workers) ──> backend (a worker)
 *	main thread: Corral's control loop, until the script is done or a signal comes
 *
 * The backend takes PAGE_TIME for a page and makes BACKEND_SLOTS of them at a time, the rest wait:
 * what a backend with a fixed number of processes does.  It counts what reaches it; the table's
 * figures are that count and what the clients measured, nothing that Corral says of itself.
 *
 * A burst connects all its clients first and then sends all requests, so it is as dense as one
 * machine can make it.  Each burst has a page of its own, so one doesn't warm another's.  The pages
 * that are to be found expired are asked for at the very beginning and expire while the cold pages
 * have their turn.
 *
 * The one thread that touches a burst is the script's; of the backend the script reads an atomic
 * count.  Everything waits for events, and nothing longer than the script's deadline.
 */
#include "demo.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/contract.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/worker.h"
#include "http/parse.h"
#include "proxy.h"

#define PAGE_TIME	(500 * USEC_PER_MSEC)
#define BACKEND_SLOTS	64		/* as many as Corral's max_connections has by default */
#define SHORT_LIFE	(1 * USEC_PER_SEC)	/* of the pages that are to expire: max-age=1 */
#define LOOK		(200 * USEC_PER_MSEC)	/* how often progress is shown */
#define SCRIPT_TIME	(27 * USEC_PER_SEC)
#define LAST_RESORT_S	29		/* then SIGALRM ends it, whatever hangs */
#define CROWD		1000
#define SPARE_FILES	256		/* beside the clients': backend, listeners, loops */
#define ANSWER_MAX	((size_t)64 << 10)

static const struct parse_limits head_limits = { 16384, 8192, 100 };

static double
seconds(usec_t t)
{
	return (double)t / (double)USEC_PER_SEC;
}

/* --- the backend --- */

/* A connection of the backend.  Owned by the backend's list; on waiting while it has no slot. */
struct guest {
	unsigned		 magic;
#define GUEST_MAGIC		 0x60e57a11
	struct backend		*backend;
	struct bufferevent	*bev;
	struct event		*done;		/* pending while the page is made */
	struct head		 req;		/* the request being answered */
	bool			 busy;		/* has a request */
	bool			 slotted;	/* and one of the slots */
	LIST_ENTRY(guest)	 link;
	TAILQ_ENTRY(guest)	 wait_link;
};

/* Owned by the demo; all but `fetches` on its worker's thread. */
struct backend {
	unsigned		 magic;
#define BACKEND_MAGIC		 0x510bac3d
	struct worker		*worker;
	struct evconnlistener	*listener;
	struct sockaddr_in	 sa;
	unsigned		 used;		/* slots */
	LIST_HEAD(, guest)	 guests;
	TAILQ_HEAD(, guest)	 waiting;
	_Atomic unsigned	 fetches;	/* requests that reached it */
};

static void	guest_read(struct bufferevent *bev, void *arg);

static void
guest_start(struct guest *gu)
{
	struct timeval tv = { (time_t)(PAGE_TIME / USEC_PER_SEC),
	    (suseconds_t)(PAGE_TIME % USEC_PER_SEC) };

	gu->slotted = true;
	gu->backend->used++;
	ASSERT(event_add(gu->done, &tv) == 0);
}

/* The slot is free for the next in line. */
static void
guest_stop(struct guest *gu)
{
	struct backend *b = gu->backend;
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
	    SLICE_FMT(gu->req.path), (int)(PAGE_TIME / USEC_PER_MSEC));
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
	struct backend *b;
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
	if (b->used < BACKEND_SLOTS)
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
	struct backend *b = arg;
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

/* NULL with errno. */
static struct backend *
backend_new(void)
{
	struct backend *b;
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

static void
backend_free(struct backend *b)
{
	struct guest *gu;

	CHECK(b, BACKEND_MAGIC);
	worker_stop(b->worker);
	worker_join(b->worker);
	while ((gu = LIST_FIRST(&b->guests)) != NULL)
		guest_free(gu);
	evconnlistener_free(b->listener);
	worker_free(b->worker);
	FREE(b);
}

/* --- bursts of clients --- */

enum client_state {
	CL_CONNECTING,
	CL_READY,		/* connected, nothing sent */
	CL_ASKED,
	CL_OVER,		/* answered, or counted in errors */
};

struct client {
	enum client_state	 state;
	int			 fd;
	usec_t			 asked;
	struct buf		 in;		/* the answer so far, head included */
};

/* One burst: what is asked and what came of it. */
struct burst {
	/* in */
	const struct sockaddr_in *to;
	const char		*host;		/* of the Host field */
	const char *const	*targets;	/* client i asks for i % ntargets */
	unsigned		 ntargets;
	unsigned		 n;
	usec_t			 deadline;	/* mono */
	void			(*progress)(void *arg, const struct burst *b);
	void			*arg;

	/* out */
	unsigned		 answered;
	unsigned		 errors;
	unsigned		 hits;		/* by Cache-Status */
	usec_t			 slowest;
	struct buf		 page;		/* the first answer's body; with one target all equal it */
	struct buf		 fault;		/* what the first error was */

	/* own */
	struct client		*clients;
	unsigned		 open;		/* not CL_OVER */
	unsigned		 connecting;
	int			 epoll;
};

static void
client_over(struct burst *b, struct client *c)
{
	ASSERT(c->state != CL_OVER);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	b->connecting -= c->state == CL_CONNECTING;
	c->state = CL_OVER;
	buf_fini(&c->in);
	b->open--;
}

static void
client_failed(struct burst *b, struct client *c, const char *why)
{
	if (b->errors++ == 0)
		buf_add_str(&b->fault, why);
	client_over(b, c);
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
client_answered(struct burst *b, struct client *c, const struct head *h, struct slice page)
{
	const struct hdr_field *f = hdr_get(h, SLICE("Cache-Status"));
	usec_t took = clock_mono() - c->asked;
	char why[64];

	if (h->status != 200) {
		snprintf(why, sizeof why, "an answer with status %d", h->status);
		client_failed(b, c, why);
		return;
	}
	if (b->answered == 0)
		buf_add_slice(&b->page, page);
	else if (b->ntargets == 1 && !slice_eq(page, buf_slice(&b->page))) {
		client_failed(b, c, "an answer unlike the others");
		return;
	}
	b->answered++;
	b->hits += f != NULL && slice_starts(f->value, SLICE("corral; hit"));
	if (took > b->slowest)
		b->slowest = took;
	client_over(b, c);
}

/* Looks whether the answer is whole. */
static void
client_look(struct burst *b, struct client *c, bool ended)
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
		client_answered(b, c, &h, buf_slice(&page));
	else if (r == PARSE_ERROR)
		client_failed(b, c, "a malformed answer");
	else if (ended)
		client_failed(b, c, "a connection closed before the answer was whole");
	head_fini(&h);
	buf_fini(&page);
}

static void
client_read(struct burst *b, struct client *c)
{
	char chunk[4096];
	ssize_t r = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);

	if (r == -1) {
		if (errno != EAGAIN && errno != EINTR)
			client_failed(b, c, strerror(errno));
		return;
	}
	buf_add(&c->in, chunk, (size_t)r);
	if (c->in.n > ANSWER_MAX)
		client_failed(b, c, "an answer that is too long");
	else
		client_look(b, c, r == 0);
}

static void
client_connected(struct burst *b, struct client *c)
{
	struct epoll_event ev = { .events = 0, .data.ptr = c };
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		client_failed(b, c, strerror(error));
		return;
	}
	b->connecting--;
	c->state = CL_READY;
	epoll_ctl(b->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void
client_connect(struct burst *b, struct client *c)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };

	b->open++;
	b->connecting++;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1 || epoll_ctl(b->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1 ||
	    (connect(c->fd, (const struct sockaddr *)b->to, sizeof *b->to) == -1 &&
	    errno != EINPROGRESS))
		client_failed(b, c, strerror(errno));
}

static void
client_ask(struct burst *b, struct client *c, const char *target)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	char request[512];
	int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target,
	    b->host);

	ASSERT(n > 0 && (size_t)n < sizeof request);
	c->state = CL_ASKED;
	c->asked = clock_mono();
	/* It fits: nothing was ever sent on this socket. */
	if (send(c->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		client_failed(b, c, strerror(errno));
	else
		epoll_ctl(b->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void
client_event(struct burst *b, struct client *c)
{
	switch (c->state) {
	case CL_CONNECTING:
		client_connected(b, c);
		break;
	case CL_READY:
		client_failed(b, c, "a connection closed before anything was asked");
		break;
	case CL_ASKED:
		client_read(b, c);
		break;
	case CL_OVER:
		break;
	}
}

/* Handles events until *left is 0 or the deadline has passed. */
static void
burst_wait(struct burst *b, const unsigned *left)
{
	struct epoll_event ev[256];
	usec_t now, wait;
	int n;

	while (*left > 0 && (now = clock_mono()) < b->deadline) {
		if (b->progress != NULL)
			b->progress(b->arg, b);
		wait = b->deadline - now;
		if (wait > LOOK)
			wait = LOOK;
		n = epoll_wait(b->epoll, ev, 256, (int)(wait / USEC_PER_MSEC) + 1);
		for (int i = 0; i < n; i++)
			client_event(b, ev[i].data.ptr);
	}
}

/* Connects all, then asks all at once, and waits for the last answer or the deadline. */
static void
burst_run(struct burst *b)
{
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT(b->epoll != -1);
	b->clients = XCALLOC(b->n, sizeof *b->clients);
	for (unsigned i = 0; i < b->n; i++)
		client_connect(b, &b->clients[i]);
	burst_wait(b, &b->connecting);

	for (unsigned i = 0; i < b->n; i++)
		if (b->clients[i].state == CL_READY)
			client_ask(b, &b->clients[i], b->targets[i % b->ntargets]);
	burst_wait(b, &b->open);

	for (unsigned i = 0; i < b->n; i++)
		if (b->clients[i].state != CL_OVER)
			client_failed(b, &b->clients[i], "no answer in time");
	free(b->clients);
	close(b->epoll);
}

static void
burst_fini(struct burst *b)
{
	buf_fini(&b->page);
	buf_fini(&b->fault);
}

/* --- the script --- */

struct demo {
	struct backend		*backend;
	struct proxy		*proxy;
	struct sockaddr_in	 front, admin;
	bool			 keep;
	bool			 tty;		/* progress goes to standard error */
	unsigned		 crowd;		/* the largest burst */
	usec_t			 deadline;
	const char		*doing;		/* for progress */
	usec_t			 shown;		/* when progress was last */
	unsigned		 sent;		/* requests to Corral, by all bursts */
	usec_t			 direct;	/* measured: 100 clients straight at the backend */
	struct buf		 faults;	/* every expectation that did not hold */
	_Atomic int		 done;		/* the script has said all it had to say */
};

/* A row of the table. */
struct scene {
	const char	*name;
	const char	*page;		/* its path, and a query of its own */
	unsigned	 n;
	unsigned	 fetches;	/* expected at the backend */
};

static void
show_progress(void *arg, const struct burst *b)
{
	struct demo *d = arg;

	usec_t now = clock_mono();

	if (!d->tty || now - d->shown < LOOK)
		return;
	d->shown = now;
	fprintf(stderr, "\r\033[K%s: %u of %u clients answered", d->doing, b->answered, b->n);
}

static void
clear_progress(const struct demo *d)
{
	if (d->tty && d->shown != 0)
		fputs("\r\033[K", stderr);
}

static void
fault(struct demo *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
fault(struct demo *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&d->faults, fmt, ap);
	va_end(ap);
	buf_add_str(&d->faults, "\n");
}

/* Runs *b, whose targets and n are set, against Corral, or where else b->to says. */
static void
run_burst(struct demo *d, struct burst *b, const char *doing)
{
	if (b->to == NULL) {
		b->to = &d->front;
		d->sent += b->n;
	}
	b->host = proxy_listening(d->proxy, 0);
	b->deadline = d->deadline;
	b->progress = show_progress;
	b->arg = d;
	d->doing = doing;
	d->shown = 0;
	burst_run(b);
	clear_progress(d);
}

/* What n clients would wait at a backend that makes BACKEND_SLOTS pages at a time. */
static usec_t
without_corral(unsigned n)
{
	return (usec_t)((n + BACKEND_SLOTS - 1) / BACKEND_SLOTS) * PAGE_TIME;
}

static void
print_header(void)
{
	printf("%-30s %8s %8s %9s %9s\n", "", "", "backend", "slowest", "without");
	printf("%-30s %8s %8s %9s %9s %7s\n", "page", "clients", "fetches", "client", "Corral",
	    "errors");
	fflush(stdout);
}

static void
play(struct demo *d, const struct scene *s)
{
	unsigned before = atomic_load(&d->backend->fetches), fetches;
	struct burst b = { .targets = &s->page, .ntargets = 1, .n = s->n };

	run_burst(d, &b, s->name);
	fetches = atomic_load(&d->backend->fetches) - before;
	printf("%-30s %8u %8u %7.3f s %7.1f s %7u\n", s->name, s->n, fetches, seconds(b.slowest),
	    seconds(without_corral(s->n)), b.errors);
	fflush(stdout);
	if (b.errors > 0)
		fault(d, "%s, burst of %u: %u errors, the first: %s", s->name, s->n, b.errors,
		    buf_str(&b.fault));
	if (fetches != s->fetches)
		fault(d, "%s, burst of %u: %u fetches reached the backend instead of %u", s->name,
		    s->n, fetches, s->fetches);
	burst_fini(&b);
}

static const char *const expiring[] = { "/expired?1", "/expired?2", "/expired?3" };

/* The pages that are to be found expired: fetched, and then seen to be in the store. */
static void
store_expiring(struct demo *d)
{
	for (unsigned i = 0; i < 2; i++) {
		struct burst b = { .targets = expiring, .ntargets = 3, .n = 3 };

		run_burst(d, &b, "storing the pages that will expire");
		if (b.errors > 0)
			fault(d, "storing pages: %s", buf_str(&b.fault));
		if (b.hits != i * b.n)
			fault(d, "storing pages: asked for %s, %u of %u came from the store",
			    i == 0 ? "once" : "again", b.hits, b.n);
		burst_fini(&b);
	}
}

/* What the table says of `without Corral`, put to the test. */
static void
measure_direct(struct demo *d, unsigned n)
{
	const char *page = "/direct";
	struct burst b = { .to = &d->backend->sa, .targets = &page, .ntargets = 1, .n = n };

	run_burst(d, &b, "straight at the backend");
	if (b.errors > 0)
		fault(d, "straight at the backend: %u errors, the first: %s", b.errors,
		    buf_str(&b.fault));
	printf("\nWithout Corral, computed: the backend makes %d pages at a time, %.1f s each, so %u "
	    "clients wait\n%.1f s. Measured just now, %u clients straight at the backend: %.3f s.\n",
	    BACKEND_SLOTS, seconds(PAGE_TIME), n, seconds(without_corral(n)), n,
	    seconds(b.slowest));
	burst_fini(&b);
}

/*
 * The bursts.  The expiring pages live SHORT_LIFE; the three cold bursts behind them take a
 * PAGE_TIME each, which is longer, so nobody has to wait for the expiry.
 */
static void
play_all(struct demo *d)
{
	const unsigned some = d->crowd < 100 ? d->crowd : 100, crowd = d->crowd;
	const struct scene scenes[] = {
		{ "cold",			"/cold?1",	1,	1 },
		{ "cold",			"/cold?2",	some,	1 },
		{ "cold",			"/cold?3",	crowd,	1 },
		{ "the same, now in the store",	"/cold?3",	crowd,	0 },
		{ "expired",			expiring[0],	1,	1 },
		{ "expired",			expiring[1],	some,	1 },
		{ "expired",			expiring[2],	crowd,	1 },
		{ "may not be shared",		"/private?1",	1,	1 },
		{ "may not be shared",		"/private?2",	some,	some },
		{ "the same once more",		"/private?2",	some,	some },
		{ "may not be shared",		"/private?3",	crowd,	crowd },
	};

	_Static_assert(3 * PAGE_TIME > SHORT_LIFE, "the pages have expired by then");
	print_header();
	store_expiring(d);
	for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
		play(d, &scenes[i]);
		if (clock_mono() >= d->deadline) {
			fault(d, "stopped after %.0f s, before its end", seconds(SCRIPT_TIME));
			return;
		}
	}
	measure_direct(d, some);
	printf("A page that may not be shared is fetched for each client, %d at a time. Who waited for "
	    "the first\nanswer to it learns that one page later; the next burst goes straight on.\n",
	    BACKEND_SLOTS);
}

static json_t *
ask_stats(struct demo *d)
{
	const char *page = "/stats";
	struct burst b = { .to = &d->admin, .targets = &page, .ntargets = 1, .n = 1 };
	json_t *doc;

	run_burst(d, &b, "asking for the statistics");
	doc = json_loadb(b.page.n > 0 ? b.page.p : "", b.page.n, 0, NULL);
	if (doc == NULL)
		fault(d, "GET /stats: %s", b.errors > 0 ? buf_str(&b.fault) : "not JSON");
	burst_fini(&b);
	return doc;
}

static long long
figure(json_t *doc, const char *name)
{
	return json_integer_value(json_object_get(doc, name));
}

/* A worker counts a request when its answer has left, so the last ones may be a moment late. */
static void
print_stats(struct demo *d)
{
	usec_t until = clock_mono() + USEC_PER_SEC;
	json_t *doc = ask_stats(d);

	while (doc != NULL && figure(doc, "requests") < d->sent && clock_mono() < until) {
		json_decref(doc);
		doc = ask_stats(d);
	}
	if (doc == NULL)
		return;
	printf("\nCorral's own count (GET /stats): requests %lld = hit %lld + miss %lld + coalesced "
	    "%lld + pass %lld\n+ stale %lld + shed %lld + error %lld; fetches %lld; backend time "
	    "saved %.0f s\n",
	    figure(doc, "requests"), figure(doc, "hit"), figure(doc, "miss"),
	    figure(doc, "coalesced"), figure(doc, "pass"), figure(doc, "stale"),
	    figure(doc, "shed"), figure(doc, "error"), figure(doc, "upstream_fetches"),
	    (double)figure(doc, "saved_ms") / 1000);
	if (figure(doc, "requests") != d->sent)
		fault(d, "GET /stats: %lld requests, but %u were sent", figure(doc, "requests"),
		    d->sent);
	json_decref(doc);
}

static void
print_verdict(struct demo *d)
{
	if (d->faults.n > 0) {
		fflush(stdout);
		fprintf(stderr, "\ncorral demo: not as it should be:\n%s", buf_str(&d->faults));
		return;
	}
	printf("\nEvery page that may be shared was fetched once, and nobody was turned away.\n"
	    "Next: put these two lines into proxy.yaml, with your own backend's address, and run "
	    "`corral`:\n\n    listen: 127.0.0.1:8080\n    upstream: http://127.0.0.1:3000\n");
}

static void
print_keep(struct demo *d)
{
	const char *front = proxy_listening(d->proxy, 0);
	const char *admin = proxy_admin_address(d->proxy);

	printf("\nCorral goes on running, until Ctrl-C. To try by hand (any query makes a new page):\n\n"
	    "    curl -i 'http://%s/cold?mine'        %.1f s, then from the store for 60 s\n"
	    "    curl -i 'http://%s/expired?mine'     lives 1 s\n"
	    "    curl -i 'http://%s/private?mine'     may not be shared\n"
	    "    curl http://%s/stats\n"
	    "    curl -d '{\"url\":\"http://%s/cold?mine\"}' http://%s/purge\n"
	    "    curl -i 'http://127.0.0.1:%u/cold?mine'        the backend itself\n",
	    front, seconds(PAGE_TIME), front, front, admin, front, admin,
	    ntohs(d->backend->sa.sin_port));
}

static void *
script(void *arg)
{
	struct demo *d = arg;

	printf("A backend that takes %.1f s for a page, %d at a time; Corral in front of it; all "
	    "clients of a burst\nask at once, each on a connection of its own.\n\n",
	    seconds(PAGE_TIME), BACKEND_SLOTS);
	if (d->crowd < CROWD)
		printf("The limit of open files allows only %u clients at once here, not %d "
		    "(ulimit -n).\n\n", d->crowd, CROWD);
	play_all(d);
	if (clock_mono() < d->deadline)
		print_stats(d);
	print_verdict(d);
	if (d->keep)
		print_keep(d);
	fflush(stdout);
	atomic_store(&d->done, 1);
	if (d->keep)
		alarm(0);
	else
		proxy_drain(d->proxy);
	return NULL;
}

/* --- putting it together --- */

/* Raises the limit of open files; how many clients at once it allows.  Each has two ends. */
static unsigned
allowed_crowd(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return 1;
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur <= SPARE_FILES + 2)
		return 1;
	if (rl.rlim_cur >= SPARE_FILES + 2 * CROWD)
		return CROWD;
	return (unsigned)(rl.rlim_cur - SPARE_FILES) / 2;
}

static int
failed(const char *what, const char *why)
{
	fprintf(stderr, "corral demo: %s: %s\n", what, why);
	return -1;
}

static int
make_proxy(struct demo *d)
{
	char upstream[64];
	struct conf_options opt = { .upstream = upstream, .listen = "127.0.0.1:0",
	    .admin = "127.0.0.1:0" };
	struct buf why = { 0 };
	struct conf *conf;

	snprintf(upstream, sizeof upstream, "http://127.0.0.1:%u", ntohs(d->backend->sa.sin_port));
	if ((conf = conf_load(&opt, &why)) != NULL) {
		d->proxy = proxy_new(conf, &why);
		conf_unref(conf);
	}
	if (d->proxy == NULL)
		failed("cannot start Corral", buf_str(&why));
	buf_fini(&why);
	return d->proxy == NULL ? -1 : 0;
}

static void
parse_address(const char *text, struct sockaddr_in *sa)
{
	int len = sizeof *sa;

	ASSERT(evutil_parse_sockaddr_port(text, (struct sockaddr *)sa, &len) == 0);
}

/* In the middle of the script a signal ends the process; afterwards (--keep) Corral is drained. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct demo *d = arg;

	(void)what;
	if (atomic_exchange(&d->done, 2) == 1) {
		proxy_drain(d->proxy);
		return;
	}
	signal((int)sig, SIG_DFL);
	raise((int)sig);
}

/* Runs script and control loop until both have ended. */
static int
run_both(struct demo *d)
{
	sigset_t all, old;
	pthread_t thread;
	int error;

	if (proxy_start(d->proxy) == -1)
		return failed("cannot start Corral's threads", strerror(errno));
	/* Signals are the main thread's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, NULL, script, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0)
		return failed("cannot start a thread", strerror(error));
	proxy_run(d->proxy);
	pthread_join(thread, NULL);
	return 0;
}

static int
run_demo(struct demo *d)
{
	struct event *on_int, *on_term;
	int r;

	if ((d->backend = backend_new()) == NULL)
		return failed("cannot start the backend", strerror(errno));
	if (make_proxy(d) == -1)
		return -1;
	log_set_level(LOG_WARN);
	parse_address(proxy_listening(d->proxy, 0), &d->front);
	parse_address(proxy_admin_address(d->proxy), &d->admin);
	on_int = evsignal_new(proxy_base(d->proxy), SIGINT, on_signal, d);
	on_term = evsignal_new(proxy_base(d->proxy), SIGTERM, on_signal, d);
	ASSERT(on_int != NULL && on_term != NULL);
	evsignal_add(on_int, NULL);
	evsignal_add(on_term, NULL);
	r = run_both(d);
	event_free(on_int);
	event_free(on_term);
	return r;
}

static void
on_alarm(int sig)
{
	static const char text[] = "\ncorral demo: not done in time, giving up\n";
	ssize_t r = write(STDERR_FILENO, text, sizeof text - 1);

	(void)sig;
	(void)r;
	_exit(1);
}

int
demo_run(bool keep)
{
	struct demo d = { .keep = keep };
	int r;

	signal(SIGALRM, on_alarm);
	alarm(LAST_RESORT_S);
	d.tty = isatty(STDERR_FILENO);
	d.crowd = allowed_crowd();
	d.deadline = clock_mono() + SCRIPT_TIME;
	r = run_demo(&d);
	proxy_free(d.proxy);
	if (d.backend != NULL)
		backend_free(d.backend);
	alarm(0);
	if (d.faults.n > 0)
		r = -1;
	buf_fini(&d.faults);
	return r == 0 ? 0 : 1;
}
