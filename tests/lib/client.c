/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/lib/test.h"

struct client {
	int		 fd;
	bool		 eof;		/* or reset */
	bool begun; /* answer is being read, or was not yet asked for as a whole */
	int64_t		 sent;
	struct answer	 answer;
	size_t		 in_len;	/* bytes that came after the answer that is being read */
	char		 in[65536];
};

struct client *
client_open(const char *addr)
{
	struct client *c = test_alloc(sizeof *c);

	c->fd = test_connect(addr, false);
	if (c->fd < 0)
		test_fail("connect to %s: %s", addr, strerror(errno));
	test_nonblocking(c->fd);
	c->sent = test_now();
	return c;
}

struct client *
client_open_small(const char *addr, int receive_buffer)
{
	struct client *c = test_alloc(sizeof *c);
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *colon = strrchr(addr, ':');

	/* The buffer has to be small before the window is told to the peer. */
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
	sin.sin_port = htons((uint16_t)atoi(colon + 1));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof sin) != 0)
		test_fail("connect to %s: %s", addr, strerror(errno));
	test_nonblocking(c->fd);
	c->sent = test_now();
	return c;
}

struct client *
client_open_from(const char *addr, const char *source)
{
	struct client *c = test_alloc(sizeof *c);
	struct sockaddr_in sin = { .sin_family = AF_INET }, from = { .sin_family = AF_INET };
	const char *colon = strrchr(addr, ':');

	sin.sin_port = htons((uint16_t)atoi(colon + 1));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || inet_pton(AF_INET, source, &from.sin_addr) != 1 ||
	    bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    connect(c->fd, (struct sockaddr *)&sin, sizeof sin) != 0)
		test_fail("connect to %s from %s: %s", addr, source, strerror(errno));
	test_nonblocking(c->fd);
	c->sent = test_now();
	return c;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	answer_fini(&c->answer);
	free(c);
}

void
client_reset(struct client *c)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	client_close(c);
}

void
client_half_close(struct client *c)
{
	shutdown(c->fd, SHUT_WR);
}

static void
await(struct client *c, short what, int64_t deadline, const char *doing)
{
	struct pollfd pfd = { .fd = c->fd, .events = what };

	if (poll(&pfd, 1, test_left(deadline)) == 0)
		test_fail("%s: nothing happened for too long (status %d, %llu bytes of body)",
		    doing, c->answer.status, (unsigned long long)c->answer.length);
}

long
client_offer(struct client *c, const void *p, size_t n)
{
	ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);

	if (k >= 0)
		return (long)k;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

void
client_send(struct client *c, const void *p, size_t n)
{
	int64_t deadline = test_deadline();
	const char *s = p;

	while (n > 0) {
		long k = client_offer(c, s, n);

		if (k < 0)
			return;		/* the peer closed; its answer says why */
		s += k;
		n -= (size_t)k;
		if (k == 0)
			await(c, POLLOUT, deadline, "sending");
	}
	c->sent = test_now();
}

void
client_sendf(struct client *c, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		test_fail("out of memory");
	client_send(c, text, (size_t)n);
	free(text);
}

void
client_send_body(struct client *c, uint64_t off, uint64_t n)
{
	char buf[65536];

	while (n > 0) {
		size_t k = n < sizeof buf ? (size_t)n : sizeof buf;

		test_body(buf, off, k);
		client_send(c, buf, k);
		off += k;
		n -= k;
	}
}

void
client_ask(struct client *c, const char *path, const char *fields)
{
	client_sendf(c, "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, fields);
}

/* Feeds what has come to the answer; what is left over stays. */
static void
digest(struct client *c)
{
	size_t k = answer_feed(&c->answer, c->in, c->in_len);

	c->in_len -= k;
	memmove(c->in, c->in + k, c->in_len);
	if (c->eof && c->in_len == 0)
		answer_eof(&c->answer);
}

static void
begin(struct client *c, bool to_head)
{
	if (c->begun)
		return;
	answer_fini(&c->answer);
	answer_init(&c->answer, to_head, true);
	c->answer.sent = c->sent;
	c->begun = true;
	digest(c);
}

/* Reads up to most bytes; false when there was nothing. */
static bool
receive(struct client *c, size_t most)
{
	size_t room = sizeof c->in - c->in_len;
	ssize_t n = recv(c->fd, c->in + c->in_len, most < room ? most : room, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		c->eof = true;
	else
		c->in_len += (size_t)n;
	return true;
}

static void
read_until(struct client *c, bool (*enough)(const struct answer *, uint64_t), uint64_t n)
{
	int64_t deadline = test_deadline();

	while (!enough(&c->answer, n) && !c->answer.complete && c->answer.fault == NULL) {
		if (!receive(c, sizeof c->in))
			await(c, POLLIN, deadline, "reading");
		digest(c);
	}
}

static bool
never(const struct answer *a, uint64_t n)
{
	(void)a;
	(void)n;
	return false;
}

static bool
has_head(const struct answer *a, uint64_t n)
{
	(void)n;
	return a->status != 0;
}

static bool
has_interim(const struct answer *a, uint64_t n)
{
	return a->interim >= n;
}

static bool
has_bytes(const struct answer *a, uint64_t n)
{
	return a->length >= n;
}

struct answer *
client_answer(struct client *c)
{
	begin(c, false);
	read_until(c, never, 0);
	c->begun = false;
	return &c->answer;
}

struct answer *
client_answer_to_head(struct client *c)
{
	begin(c, true);
	read_until(c, never, 0);
	c->begun = false;
	return &c->answer;
}

struct answer *
client_head(struct client *c)
{
	begin(c, false);
	read_until(c, has_head, 0);
	return &c->answer;
}

struct answer *
client_wait_interim(struct client *c, unsigned n)
{
	begin(c, false);
	read_until(c, has_interim, n);
	return &c->answer;
}

struct answer *
client_read(struct client *c, uint64_t n)
{
	begin(c, false);
	read_until(c, has_bytes, n);
	return &c->answer;
}

long
client_take(struct client *c, size_t n)
{
	size_t had = c->in_len;

	begin(c, false);
	if (!receive(c, n))
		return 0;
	if (c->eof)
		return -1;
	n = c->in_len - had;
	digest(c);
	return (long)n;
}

bool
client_closed(struct client *c)
{
	int64_t deadline = test_deadline();
	bool silent = c->in_len == 0;

	while (!c->eof) {
		if (!receive(c, sizeof c->in))
			await(c, POLLIN, deadline, "waiting for the peer to close");
		if (c->in_len > 0)
			silent = false;
		c->in_len = 0;
	}
	return silent;
}

/* The answer is the caller's now. */
static struct answer *
last_answer(struct client *c)
{
	struct answer *a = test_alloc(sizeof *a);

	*a = *client_answer(c);
	c->answer = (struct answer){ 0 };
	client_close(c);
	return a;
}

struct answer *
client_get(const char *addr, const char *path, const char *fields)
{
	struct client *c = client_open(addr);

	client_sendf(
	    c, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s\r\n", path, fields);
	return last_answer(c);
}

int
client_status(const char *addr, const char *path, const char *fields)
{
	struct answer *a = client_get(addr, path, fields);
	int status = a->complete ? a->status : 0;

	answer_free(a);
	return status;
}

struct answer *
client_exchange(const char *addr, const void *p, size_t n)
{
	struct client *c = client_open(addr);

	client_send(c, p, n);
	return last_answer(c);
}

struct answer *
client_exchangef(const char *addr, const char *fmt, ...)
{
	struct client *c = client_open(addr);
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		test_fail("out of memory");
	client_send(c, text, (size_t)n);
	free(text);
	return last_answer(c);
}
