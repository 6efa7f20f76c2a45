/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/test.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define PATIENCE_US	(INT64_C(20) * 1000000)
/* A prime, so that no power of two in a buffer's size hides a misplaced piece. */
#define BODY_PERIOD	65521

void (*test_failed)(const char *message);

void
test_fail(const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (test_failed != NULL)
		test_failed(text);
	fprintf(stderr, "failed: %s\n", text);
	abort();
}

int64_t
test_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
test_deadline(void)
{
	return test_now() + (getenv("VALGRIND_CORRAL") != NULL ? 6 : 1) * PATIENCE_US;
}

int
test_left(int64_t deadline)
{
	int64_t left = deadline - test_now();

	return left <= 0 ? 0 : (int)(left / 1000 + 1);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED	1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef SANITIZED
#define SANITIZED	1
#endif
#ifndef SANITIZED
#define SANITIZED	0
#endif

bool
test_instrumented(void)
{
	return SANITIZED || getenv("VALGRIND_CORRAL") != NULL;
}

void *
test_alloc(size_t n)
{
	void *p = calloc(1, n > 0 ? n : 1);

	if (p == NULL)
		test_fail("out of memory");
	return p;
}

void *
test_grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (p == NULL)
		test_fail("out of memory");
	return p;
}

char *
test_text(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(test_alloc(n), s, n);
}

unsigned
test_raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		test_fail("getrlimit: %s", strerror(errno));
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	return rl.rlim_cur > 1u << 20 ? 1u << 20 : (unsigned)rl.rlim_cur;
}

void
test_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int
test_connect(const char *addr, bool nonblocking)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *colon = strrchr(addr, ':');
	char host[64];
	int fd, on = 1, e;

	if (colon == NULL || (size_t)(colon - addr) >= sizeof host)
		test_fail("no address: %s", addr);
	memcpy(host, addr, (size_t)(colon - addr));
	host[colon - addr] = '\0';
	sin.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		test_fail("no address: %s", addr);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) != 0 && errno != EINPROGRESS) {
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

/* Odd, and another one for each word. */
static uint64_t
weight(uint64_t word)
{
	return (word + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/*
 * The words of 8 bytes, each times its weight.  A word that comes in parts is the sum of its parts,
 * and so is its product.
 */
uint64_t
test_sum(uint64_t sum, uint64_t off, const void *p, size_t n)
{
	const unsigned char *c = p, *end = c + n;

	while (c < end) {
		uint64_t word = 0;

		if (off % 8 == 0 && end - c >= 8) {
			memcpy(&word, c, 8);
			sum += le64toh(word) * weight(off / 8);
			off += 8;
			c += 8;
		} else {
			sum += ((uint64_t)*c << 8 * (off % 8)) * weight(off / 8);
			off++;
			c++;
		}
	}
	return sum;
}

void
test_body(char *p, uint64_t off, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t x = (uint32_t)((off + i) % BODY_PERIOD) * 2654435761u;

		p[i] = (char)('!' + (x >> 16) % 90);
	}
}

uint64_t
test_body_sum(uint64_t n)
{
	char buf[8192];
	uint64_t sum = TEST_SUM;

	for (uint64_t off = 0; off < n;) {
		size_t k = n - off < sizeof buf ? (size_t)(n - off) : sizeof buf;

		test_body(buf, off, k);
		sum = test_sum(sum, off, buf, k);
		off += k;
	}
	return sum;
}
