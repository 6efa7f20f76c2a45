/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend, a process of its own, works on all its n requests at once.  One takes
 *
 *	50 ms * (1 + (n/40)^2)	up to 40 at once: 50 ms alone, 100 ms at 40;
 *	100 ms * (n/40)^3	past that,
 *
 * so it does n / time a second: 400 at best, at 40; 178 at 60; 1 at 800.  It has BACKEND_ROOM
 * connections, the next ones stand in its listen queue, and like most it finds out that a client
 * has left when it writes.  All its requests get on equally fast, so they end in the order in which
 * they came: `done` is the work that each one who was there from the start has had by now, and a
 * request is over when `done` has grown by SERVICE since it came.
 *
 * The load is open: requests come at their rate whether answers come or not, each for a page of its
 * own that could be cached and never is asked for again.  A client gives up after PATIENCE, by a
 * reset.  Only good answers in time count.  Figures are of the whole time, from the first request.
 */
#include "tests/bench/overload.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/lib/answer.h"
#include "tests/lib/daemon.h"
#include "tests/lib/test.h"

#define SEC		INT64_C(1000000)
#define PEAK		40		/* at once */
#define SERVICE		0.05		/* seconds, alone */
#define BEST		400.0		/* a second: PEAK / (2 * SERVICE) */
#define BACKEND_ROOM	1000
#define TIMES		10		/* the load, in bests */
#define PATIENCE	(4 * SEC)
#define EVENTS		256
#define BODY		200
#define ADDRESSES	64

/* --- the backend --- */

struct shared {
	_Atomic unsigned	port;		/* 0: not yet */
	_Atomic unsigned	most;		/* at once */
};

/* A connection; on working while it has a request. */
struct guest {
	int			fd;
	bool			busy, gone;
	double			until;		/* done, then */
	unsigned		matched;	/* of the empty line that ends a head */
	TAILQ_ENTRY(guest)	link;
};

struct backend {
	struct shared		*shared;
	int			 listener, ep;
	unsigned		 connections, n;
	int64_t			 at;		/* when done was last brought up to date */
	double			 done;
	TAILQ_HEAD(, guest)	 working;
};

static double
slowdown(unsigned n)
{
	double load = (double)n / PEAK;

	return n <= PEAK ? 1 + load * load : 2 * load * load * load;
}

/* Brings `done` up to now, ending requests on the way, each at its moment. */
static struct guest *
next_done(struct backend *b, int64_t now)
{
	struct guest *g = TAILQ_FIRST(&b->working);
	double grows = 1 / slowdown(b->n), usec;

	if (g == NULL) {
		b->at = now;
		return NULL;
	}
	usec = (g->until - b->done) / grows * SEC;
	if ((double)b->at + usec > (double)now) {
		b->done += (double)(now - b->at) / SEC * grows;
		b->at = now;
		return NULL;
	}
	b->at += (int64_t)fmax(usec, 0);
	b->done = fmax(b->done, g->until);
	TAILQ_REMOVE(&b->working, g, link);
	b->n--;
	g->busy = false;
	return g;
}

static void
guest_close(struct backend *b, struct guest *g)
{
	close(g->fd);
	free(g);
	b->connections--;
}

static void
guest_answer(struct backend *b, struct guest *g)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n"
	    "Cache-Control: max-age=600\r\n\r\n";
	char text[sizeof head - 1 + BODY];

	memcpy(text, head, sizeof head - 1);
	memset(text + sizeof head - 1, 'x', BODY);
	if (send(g->fd, text, sizeof text, MSG_NOSIGNAL) != (ssize_t)sizeof text || g->gone)
		guest_close(b, g);
}

static void
guest_begin(struct backend *b, struct guest *g)
{
	g->busy = true;
	g->until = b->done + SERVICE;
	TAILQ_INSERT_TAIL(&b->working, g, link);
	if (++b->n > atomic_load(&b->shared->most))
		atomic_store(&b->shared->most, b->n);
}

/* Bodiless requests, one at a time: all that the clients here send. */
static void
guest_read(struct backend *b, struct guest *g)
{
	char buf[4096];
	ssize_t n = recv(g->fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		epoll_ctl(b->ep, EPOLL_CTL_DEL, g->fd, NULL);
		g->gone = true;
		if (!g->busy)
			guest_close(b, g);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		g->matched = buf[i] == "\r\n\r\n"[g->matched] ? g->matched + 1 : buf[i] == '\r';
		if (g->matched == 4) {
			g->matched = 0;
			if (!g->busy)
				guest_begin(b, g);
		}
	}
}

static void
backend_accept(struct backend *b)
{
	while (b->connections < BACKEND_ROOM) {
		int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
		struct guest *g;
		struct epoll_event ev;

		if (fd < 0)
			return;
		g = test_alloc(sizeof *g);
		g->fd = fd;
		ev = (struct epoll_event){ .events = EPOLLIN, .data.ptr = g };
		epoll_ctl(b->ep, EPOLL_CTL_ADD, fd, &ev);
		b->connections++;
	}
}

static _Noreturn void
backend_run(struct backend *b)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		/* A millisecond is a hundredth of what a request takes. */
		int n = epoll_wait(b->ep, events, EVENTS, b->n > 0 ? 1 : 20);
		int64_t now = test_now();
		struct guest *g;

		while ((g = next_done(b, now)) != NULL)
			guest_answer(b, g);
		for (int i = 0; i < n; i++)
			guest_read(b, events[i].data.ptr);
		backend_accept(b);
	}
}

static pid_t
backend_start(struct shared *shared)
{
	struct backend b = { .shared = shared, .at = test_now() };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;
	pid_t pid;

	*shared = (struct shared){ 0 };
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b.listener < 0 || bind(b.listener, (struct sockaddr *)&sin, sizeof sin) != 0 ||
	    getsockname(b.listener, (struct sockaddr *)&sin, &len) != 0 ||
	    listen(b.listener, 1024) != 0)
		test_fail("backend: %s", strerror(errno));
	shared->port = ntohs(sin.sin_port);
	pid = fork();
	if (pid < 0)
		test_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		b.ep = epoll_create1(EPOLL_CLOEXEC);
		TAILQ_INIT(&b.working);
		backend_run(&b);
	}
	close(b.listener);
	return pid;
}

static void
backend_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- the load --- */

/* A connection: on idle, or on waiting while it has a request, oldest first. */
struct client {
	int			fd;
	bool			busy, connected;
	int64_t			asked;
	char			request[80];
	size_t			len, off;
	struct answer		answer;
	TAILQ_ENTRY(client)	link;
};

TAILQ_HEAD(clients, client);

struct load {
	struct sockaddr_in to;
	int		 ep;
	struct clients	 idle, waiting;
	unsigned long	 offered, good, refused, failed, given_up;
	int64_t		*took;		/* of the good ones */
	size_t		 room;
};

static void
client_drop(struct load *l, struct client *c)
{
	struct linger now = { .l_onoff = 1 };

	TAILQ_REMOVE(c->busy ? &l->waiting : &l->idle, c, link);
	/* A reset leaves no TIME_WAIT, of which there are only so many. */
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(c->fd);
	answer_fini(&c->answer);
	free(c);
}

static void
client_write(struct load *l, struct client *c)
{
	ssize_t n = send(c->fd, c->request + c->off, c->len - c->off, MSG_NOSIGNAL);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		l->failed++;
		client_drop(l, c);
		return;
	}
	c->off += n > 0 ? (size_t)n : 0;
	if (c->off == c->len && !c->connected) {
		c->connected = true;
		epoll_ctl(l->ep, EPOLL_CTL_MOD, c->fd, &ev);
	}
}

/*
 * From an address of its own for each few, as clients have: all of them from one would be looked at
 * as one, and the system would search the ports of that address for long.
 */
static int
connect_from(const struct sockaddr_in *to, unsigned nth)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -1;
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + nth % ADDRESSES);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
client_ask(struct load *l, int64_t now)
{
	struct client *c = TAILQ_FIRST(&l->idle);

	l->offered++;
	if (c != NULL) {
		TAILQ_REMOVE(&l->idle, c, link);
	} else {
		struct epoll_event ev = { .events = EPOLLOUT };

		c = test_alloc(sizeof *c);
		c->fd = connect_from(&l->to, (unsigned)l->offered);
		if (c->fd < 0) {
			l->failed++;
			free(c);
			return;
		}
		ev.data.ptr = c;
		epoll_ctl(l->ep, EPOLL_CTL_ADD, c->fd, &ev);
		answer_init(&c->answer, false, false);
	}
	c->busy = true;
	c->asked = now;
	c->off = 0;
	c->len = (size_t)snprintf(c->request, sizeof c->request,
	    "GET /cold/%lu HTTP/1.1\r\nHost: overload\r\n\r\n", l->offered);
	TAILQ_INSERT_TAIL(&l->waiting, c, link);
	if (c->connected)
		client_write(l, c);
}

/* Its answer is there. */
static void
client_done(struct load *l, struct client *c, int64_t now)
{
	bool stays = !c->answer.until_close && !answer_says(&c->answer, "Connection", "close");

	if (c->answer.fault != NULL || (c->answer.status != 200 && c->answer.status != 503)) {
		l->failed++;
	} else if (c->answer.status == 503) {
		l->refused++;
	} else {
		if (l->good == l->room) {
			l->room = l->room * 2 + 1024;
			l->took = test_grow(l->took, l->room * sizeof *l->took);
		}
		l->took[l->good++] = now - c->asked;
	}
	if (!stays) {
		client_drop(l, c);
		return;
	}
	TAILQ_REMOVE(&l->waiting, c, link);
	c->busy = false;
	TAILQ_INSERT_HEAD(&l->idle, c, link);
	answer_fini(&c->answer);
	answer_init(&c->answer, false, false);
}

static void
client_read(struct load *l, struct client *c, int64_t now)
{
	char buf[4096];
	ssize_t n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !c->busy) {
		if (c->busy)
			l->failed++;
		client_drop(l, c);
		return;
	}
	answer_feed(&c->answer, buf, (size_t)n);
	if (c->answer.complete || c->answer.fault != NULL)
		client_done(l, c, now);
}

/* Requests at that rate for so long. */
static void
offer(struct load *l, double rate, int64_t usec)
{
	struct epoll_event events[EVENTS];
	int64_t began = test_now(), now = began;
	struct client *c;

	while (now - began < usec) {
		int n = epoll_wait(l->ep, events, EVENTS, 1);

		now = test_now();
		for (int i = 0; i < n; i++) {
			c = events[i].data.ptr;
			if ((events[i].events & EPOLLOUT) != 0 && !c->connected)
				client_write(l, c);
			else
				client_read(l, c, now);
		}
		while ((double)l->offered < fmin((double)(now - began), (double)usec) * rate / SEC)
			client_ask(l, now);
		while ((c = TAILQ_FIRST(&l->waiting)) != NULL && now - c->asked > PATIENCE) {
			l->given_up++;
			client_drop(l, c);
		}
	}
}

static int
earlier(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double
quantile(struct load *l, unsigned permille)
{
	if (l->good == 0)
		return NAN;
	return (double)l->took[(l->good - 1) * permille / 1000] / 1000;
}

static void
row(const char *who, unsigned port, struct shared *backend, double rate, int64_t usec)
{
	struct load l = { .to = { .sin_family = AF_INET }, .ep = epoll_create1(EPOLL_CLOEXEC) };
	double s = (double)usec / SEC;
	struct client *c;

	l.to.sin_port = htons((uint16_t)port);
	l.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TAILQ_INIT(&l.idle);
	TAILQ_INIT(&l.waiting);
	atomic_store(&backend->most, 0);
	offer(&l, rate, usec);
	if (l.good > 0)
		qsort(l.took, l.good, sizeof *l.took, earlier);
	printf("%-22s %9.0f %9.0f %9.0f %9.0f %7.0f %8.1f %% %8u %8.0f %8.0f\n", who,
	    (double)l.offered / s, (double)l.good / s, (double)l.refused / s,
	    (double)l.given_up / s, (double)l.failed / s, (double)l.good / s / BEST * 100,
	    atomic_load(&backend->most), quantile(&l, 500), quantile(&l, 990));
	fflush(stdout);
	while ((c = TAILQ_FIRST(&l.waiting)) != NULL || (c = TAILQ_FIRST(&l.idle)) != NULL)
		client_drop(&l, c);
	close(l.ep);
	free(l.took);
}

/* --- the table --- */

static void
direct(const char *who, struct shared *shared, double rate, int64_t usec)
{
	pid_t pid = backend_start(shared);

	row(who, shared->port, shared, rate, usec);
	backend_stop(pid);
}

/* What corral says against that configuration, without the place; NULL: nothing. */
static char *
objection(const char *conf)
{
	char *path = daemon_file(conf), *out, *err, *says;
	const char *arguments[] = { "check", "-c", path, NULL };
	bool good = daemon_command(arguments, &out, &err) == 0;

	err[strcspn(err, "\n")] = '\0';
	says = strstr(err, ": ");
	says = good ? NULL : test_text(says != NULL ? says + 2 : err);
	daemon_unlink(path);
	free(out);
	free(err);
	return says;
}

static void
behind_corral(const char *who, const char *max, struct shared *shared, double rate, int64_t usec)
{
	pid_t pid = backend_start(shared);
	char conf[256], *against;
	struct daemon *d;

	snprintf(conf, sizeof conf, "upstreams:\n  default:\n"
	    "    servers: [ http://127.0.0.1:%u ]\n    max_connections: %s\n", shared->port, max);
	against = objection(conf);
	if (against != NULL) {
		printf("%-22s skipped: %s\n", who, against);
		free(against);
	} else {
		d = daemon_start("%s", conf);
		row(who, (unsigned)atoi(strrchr(daemon_addr(d), ':') + 1), shared, rate, usec);
		daemon_stop(d);
	}
	backend_stop(pid);
}

void
bench_overload(void)
{
	const char *seconds = getenv("BENCH_SECONDS");
	int64_t usec = (seconds != NULL && atoi(seconds) > 0 ? atoi(seconds) : 60) * SEC;
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		test_fail("mmap: %s", strerror(errno));
	test_raise_files();
	printf("\nOverload: a backend that does %.0f requests/s at best, with %d at once, and less "
	    "with more;\n%d times that are offered for %d s, clients give up after %d s\n", BEST,
	    PEAK, TIMES, (int)(usec / SEC), (int)(PATIENCE / SEC));
	printf("%-22s %9s %9s %9s %9s %7s %10s %8s %8s %8s\n", "", "offered/s", "good/s",
	    "refused/s", "gave up/s", "error/s", "of best", "at once", "p50 ms", "p99 ms");
	direct("direct, 9/10 of best", shared, BEST * 0.9, usec < 10 * SEC ? usec : 10 * SEC);
	direct("direct", shared, BEST * TIMES, usec);
	behind_corral("max_connections: 40", "40", shared, BEST * TIMES, usec);
	behind_corral("max_connections: auto", "auto", shared, BEST * TIMES, usec);
	munmap(shared, sizeof *shared);
}
