/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

#include <time.h>

static usec_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
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
