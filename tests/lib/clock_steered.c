/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/clock.h for tests/corral-steered: the real clocks, and an offset that a test writes into the
 * file which CORRAL_CLOCK names.  So an hour passes between two requests without a wait.  The
 * loop's
 * own timers stay with the real time.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>

static _Atomic int64_t *offset;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
map_offset(void)
{
	const char *path = getenv("CORRAL_CLOCK");
	void *p = MAP_FAILED;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		p = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (p == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	offset = p;
}

static usec_t
read_clock(clockid_t id)
{
	struct timespec ts;

	pthread_once(&once, map_offset);
	clock_gettime(id, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000 +
	    (offset != NULL ? *offset : 0);
}

usec_t
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

struct now
clock_now(void)
{
	return (struct now){ .mono = clock_mono(), .wall = read_clock(CLOCK_REALTIME) };
}
