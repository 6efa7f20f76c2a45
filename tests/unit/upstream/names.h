/* SPDX-License-Identifier: BSD-2-Clause */
/* A name server in a thread, for the tests of dial, and a resolv.conf that names its address. */
#ifndef CORRAL_TESTS_UNIT_UPSTREAM_NAMES_H
#define CORRAL_TESTS_UNIT_UPSTREAM_NAMES_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/*
 * The length of the first label decides: v4.test (2) has an A, v46.test (3) an A and a AAAA,
 * none.test (4) nothing, a.test (1) the addresses 127.0.0.9 and 127.0.0.1; others get silence.
 */
static struct server {
	int		 fd;
	uint16_t	 port;
	pthread_t	 thread;
	char		 conf[64];
} server;

/* The answer to a question of n bytes, in place; room for 64 more.  Its length. */
static inline size_t
answer_dns(unsigned char *q, size_t n)
{
	static const unsigned char a4[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7 };
	static const unsigned char a6[] = { 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16,
	    0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };
	static const unsigned char two[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 9,
	    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1 };
	bool v46 = q[12] == 3, aaaa = q[n - 3] == 28, none = q[12] == 4;

	q[2] = 0x81;
	q[3] = none ? 0x83 : 0x80;
	if (none || (aaaa && !v46))
		return n;
	if (q[12] == 1) {
		q[7] = 2;
		memcpy(q + n, two, sizeof two);
		return n + sizeof two;
	}
	q[7] = 1;
	memcpy(q + n, aaaa ? a6 : a4, aaaa ? sizeof a6 : sizeof a4);
	return n + (aaaa ? sizeof a6 : sizeof a4);
}

static inline void *
server_main(void *arg)
{
	unsigned char q[600];
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	ssize_t n;

	(void)arg;
	/* A datagram of one byte ends it. */
	while ((n = recvfrom(server.fd, q, 512, 0, (struct sockaddr *)&from, &len)) > 1) {
		/* Long labels get no answer. */
		if (n < 16 || q[12] > 4)
			continue;
		sendto(server.fd, q, answer_dns(q, (size_t)n), 0, (struct sockaddr *)&from, len);
	}
	return NULL;
}

static inline void
server_start(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof sin;
	FILE *f;
	int fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(server.fd, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(getsockname(server.fd, (struct sockaddr *)&sin, &n), 0);
	server.port = ntohs(sin.sin_port);
	strcpy(server.conf, "/tmp/corral-resolve-XXXXXX");
	fd = mkstemp(server.conf);
	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "w");
	fprintf(f, "nameserver 127.0.0.1\n");
	fclose(f);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, server_main, NULL), 0);
}

static inline void
server_stop(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(server.port) };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sendto(server.fd, "x", 1, 0, (struct sockaddr *)&sin, sizeof sin);
	pthread_join(server.thread, NULL);
	close(server.fd);
	unlink(server.conf);
}

#endif
