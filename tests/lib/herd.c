/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll thread owns all sockets.  The test's thread gives it an order (ask, leave, stop) under
 * the lock and waits for figures that the thread keeps there; answers are read by the test only
 * after the wait that says they are done.
 */
#include "tests/lib/herd.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/lib/test.h"

#define EVENTS	256
#define CONNECT_AT_ONCE	200	/* well below a listen backlog */

struct sheep {
	struct answer	 answer;
	int		 fd;
	bool		 connected;
	bool		 busy;		/* asked, not answered */
	bool		 stuck;		/* its request did not leave at once */
	size_t		 out_off;	/* of its request */
	char		*request;
};

struct herd {
	char		*addr;
	unsigned	 n;
	struct sheep	*sheep;
	int		 ep, bell;
	pthread_t	 thread;
	bool		 threaded;

	pthread_mutex_t	 lock;		/* guards what follows, and answers' lengths */
	pthread_cond_t	 changed;
	unsigned	 done, want_done;	/* answered; someone waits for so many */
	bool		 ask, stop;
	unsigned	 leave_first, leave_last;
	bool		 leave, leave_reset;
	uint64_t	 want_bytes;	/* someone waits for this many bytes of each */
	unsigned	 have_bytes;	/* clients that have them */
};

static void
watch(struct herd *h, unsigned i, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.u32 = i };

	if (epoll_ctl(h->ep, op, h->sheep[i].fd, &ev) != 0)
		test_fail("epoll_ctl: %s", strerror(errno));
}

static void
finished(struct herd *h, struct sheep *s)
{
	s->busy = false;
	/* Waking for each of thousands would cost more than they do. */
	if (++h->done >= h->want_done)
		pthread_cond_broadcast(&h->changed);
}

static void
drop(struct herd *h, struct sheep *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->busy) {
		answer_eof(&s->answer);
		finished(h, s);
	}
}

static void
push(struct herd *h, unsigned i)
{
	struct sheep *s = &h->sheep[i];
	size_t len = strlen(s->request);
	ssize_t n = send(s->fd, s->request + s->out_off, len - s->out_off, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		drop(h, s);
		return;
	}
	if (s->out_off == 0)
		s->answer.sent = test_now();
	if (n > 0)
		s->out_off += (size_t)n;
	if (s->out_off < len || s->stuck)
		watch(h, i, s->out_off < len ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
	s->stuck = s->out_off < len;
}

static void
pull(struct herd *h, struct sheep *s)
{
	static _Thread_local char buf[65536];
	bool had = s->answer.length >= h->want_bytes;
	ssize_t n = recv(s->fd, buf, sizeof buf, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(h, s);
		return;
	}
	if (!s->busy || answer_feed(&s->answer, buf, (size_t)n) != (size_t)n)
		s->answer.fault = "bytes after the answer";
	if (!had && s->answer.length >= h->want_bytes) {
		if (++h->have_bytes == h->n)
			pthread_cond_broadcast(&h->changed);
	}
	if (s->busy && (s->answer.complete || s->answer.fault != NULL))
		finished(h, s);
}

static void
orders(struct herd *h)
{
	uint64_t rings;

	if (read(h->bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
		test_fail("eventfd: %s", strerror(errno));
	if (h->leave) {
		struct linger l = { .l_onoff = 1, .l_linger = 0 };

		for (unsigned i = h->leave_first; i < h->leave_last; i++) {
			if (h->leave_reset && h->sheep[i].fd >= 0)
				setsockopt(h->sheep[i].fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
			drop(h, &h->sheep[i]);
		}
		h->leave = false;
		pthread_cond_broadcast(&h->changed);
	}
	if (h->ask) {
		h->ask = false;
		for (unsigned i = 0; i < h->n; i++) {
			if (h->sheep[i].fd >= 0)
				push(h, i);
			else
				drop(h, &h->sheep[i]);
		}
	}
}

static void *
run(void *arg)
{
	struct herd *h = arg;
	struct epoll_event ev[EVENTS];
	bool stop = false;

	while (!stop) {
		int n = epoll_wait(h->ep, ev, EVENTS, -1);

		pthread_mutex_lock(&h->lock);
		for (int i = 0; i < n; i++) {
			struct sheep *s;

			if (ev[i].data.u32 == h->n) {
				orders(h);
				continue;
			}
			s = &h->sheep[ev[i].data.u32];
			if (s->fd >= 0 && (ev[i].events & EPOLLOUT) != 0)
				push(h, ev[i].data.u32);
			if (s->fd >= 0 && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
				pull(h, s);
		}
		stop = h->stop;
		pthread_mutex_unlock(&h->lock);
	}
	return NULL;
}

static void
ring(struct herd *h)
{
	uint64_t one = 1;

	if (write(h->bell, &one, sizeof one) != sizeof one)
		test_fail("eventfd: %s", strerror(errno));
}

/* Connects them, not too many at once; before the thread runs. */
static void
connect_all(struct herd *h)
{
	unsigned started = 0, connected = 0;
	int64_t deadline = test_deadline();
	struct epoll_event ev[EVENTS];

	while (connected < h->n) {
		int n;

		for (; started < h->n && started - connected < CONNECT_AT_ONCE; started++) {
			h->sheep[started].fd = test_connect(h->addr, true);
			if (h->sheep[started].fd < 0)
				test_fail("client %u: connect: %s", started, strerror(errno));
			watch(h, started, EPOLLOUT, EPOLL_CTL_ADD);
		}
		n = epoll_wait(h->ep, ev, EVENTS, test_left(deadline));
		if (n == 0)
			test_fail("%u of %u clients connected, the rest did not", connected, h->n);
		for (int i = 0; i < n; i++) {
			struct sheep *s = &h->sheep[ev[i].data.u32];
			int e = 0;
			socklen_t len = sizeof e;

			if (s->connected)
				continue;
			getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len);
			if (e != 0)
				test_fail("client %u: connect: %s", ev[i].data.u32, strerror(e));
			s->connected = true;
			connected++;
			watch(h, ev[i].data.u32, EPOLLIN, EPOLL_CTL_MOD);
		}
	}
}

struct herd *
herd_open(const char *addr, unsigned n)
{
	struct herd *h = test_alloc(sizeof *h);
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = n };
	pthread_condattr_t ca;

	if (test_raise_files() < n + 64)
		test_fail("the system's limit of open files is below %u", n + 64);
	h->addr = test_text(addr);
	h->n = n;
	h->sheep = test_alloc(n * sizeof *h->sheep);
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&h->changed, &ca);
	pthread_condattr_destroy(&ca);
	h->ep = epoll_create1(EPOLL_CLOEXEC);
	h->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->ep < 0 || h->bell < 0 || epoll_ctl(h->ep, EPOLL_CTL_ADD, h->bell, &ev) != 0)
		test_fail("epoll: %s", strerror(errno));
	connect_all(h);
	return h;
}

static void
ask(struct herd *h, const char *path, const char *fields, bool each)
{
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < h->n; i++) {
		struct sheep *s = &h->sheep[i];
		char number[16] = "";

		if (each)
			snprintf(number, sizeof number, "%u", i);
		free(s->request);
		if (asprintf(&s->request, "GET %s%s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, number,
		    fields) < 0)
			test_fail("out of memory");
		answer_fini(&s->answer);
		answer_init(&s->answer, false, false);
		s->out_off = 0;
		s->busy = true;
	}
	h->done = h->have_bytes = 0;
	h->want_bytes = 0;
	h->ask = true;
	pthread_mutex_unlock(&h->lock);
	if (!h->threaded && pthread_create(&h->thread, NULL, run, h) != 0)
		test_fail("no thread");
	h->threaded = true;
	ring(h);
}

void
herd_ask(struct herd *h, const char *path, const char *fields)
{
	ask(h, path, fields, false);
}

void
herd_ask_each(struct herd *h, const char *path, const char *fields)
{
	ask(h, path, fields, true);
}

struct herd *
herd_start(const char *addr, unsigned n, const char *path)
{
	struct herd *h = herd_open(addr, n);

	herd_ask(h, path, "");
	return h;
}

/* Lock held.  False after the deadline. */
static bool
wait_change(struct herd *h, int64_t deadline)
{
	struct timespec ts = { .tv_sec = (time_t)(deadline / 1000000),
		.tv_nsec = (long)(deadline % 1000000) * 1000 };

	return pthread_cond_timedwait(&h->changed, &h->lock, &ts) == 0;
}

void
herd_wait_done(struct herd *h, unsigned n)
{
	int64_t deadline = test_deadline();

	pthread_mutex_lock(&h->lock);
	h->want_done = n;
	while (h->done < n)
		if (!wait_change(h, deadline) && h->done < n)
			test_fail(
			    "%u of %u clients have their answer, waiting for %u", h->done, h->n, n);
	pthread_mutex_unlock(&h->lock);
}

void
herd_wait(struct herd *h)
{
	herd_wait_done(h, h->n);
}

void
herd_wait_bytes(struct herd *h, uint64_t n)
{
	int64_t deadline = test_deadline();

	pthread_mutex_lock(&h->lock);
	h->want_bytes = n;
	h->have_bytes = 0;
	for (unsigned i = 0; i < h->n; i++)
		h->have_bytes += h->sheep[i].answer.length >= n;
	h->want_done = h->n;
	while (h->have_bytes < h->n && h->done < h->n)
		if (!wait_change(h, deadline) && h->have_bytes < h->n)
			test_fail("%u of %u clients have %llu bytes", h->have_bytes, h->n,
			    (unsigned long long)n);
	pthread_mutex_unlock(&h->lock);
}

void
herd_leave(struct herd *h, unsigned first, unsigned last, bool reset)
{
	int64_t deadline = test_deadline();

	pthread_mutex_lock(&h->lock);
	h->leave_first = first;
	h->leave_last = last;
	h->leave_reset = reset;
	h->leave = true;
	ring(h);
	while (h->leave)
		if (!wait_change(h, deadline) && h->leave)
			test_fail("the herd's thread does nothing");
	pthread_mutex_unlock(&h->lock);
}

void
herd_free(struct herd *h)
{
	if (h == NULL)
		return;
	if (h->threaded) {
		pthread_mutex_lock(&h->lock);
		h->stop = true;
		pthread_mutex_unlock(&h->lock);
		ring(h);
		pthread_join(h->thread, NULL);
	}
	for (unsigned i = 0; i < h->n; i++) {
		if (h->sheep[i].fd >= 0)
			close(h->sheep[i].fd);
		answer_fini(&h->sheep[i].answer);
		free(h->sheep[i].request);
	}
	close(h->ep);
	close(h->bell);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h->sheep);
	free(h->addr);
	free(h);
}

const struct answer *
herd_answer(const struct herd *h, unsigned i)
{
	return &h->sheep[i].answer;
}

unsigned
herd_count(const struct herd *h, int status)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n; i++)
		n += status == 0 ? !h->sheep[i].answer.complete :
		    h->sheep[i].answer.complete && h->sheep[i].answer.status == status;
	return n;
}

unsigned
herd_count_body(const struct herd *h, uint64_t length, uint64_t sum)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n; i++) {
		const struct answer *a = &h->sheep[i].answer;

		n += a->complete && a->status == 200 && a->length == length && a->sum == sum;
	}
	return n;
}

unsigned
herd_count_says(const struct herd *h, const char *name, const char *text)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n; i++)
		n += answer_says(&h->sheep[i].answer, name, text);
	return n;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t
per_mille(const struct herd *h, unsigned which, bool first_byte)
{
	int64_t *took = test_alloc(h->n * sizeof *took), result = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < h->n; i++) {
		const struct answer *a = &h->sheep[i].answer;

		if (a->complete)
			took[n++] = (first_byte ? a->first : a->last) - a->sent;
	}
	qsort(took, n, sizeof *took, by_value);
	if (n > 0)
		result = took[which >= 1000 ? n - 1 : (uint64_t)n * which / 1000];
	free(took);
	return result;
}

int64_t
herd_took(const struct herd *h, unsigned which)
{
	return per_mille(h, which, false);
}

int64_t
herd_first_byte(const struct herd *h, unsigned which)
{
	return per_mille(h, which, true);
}
