/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events, one line each, on standard error.  A message that repeats is held back after a burst and
 * reported with its count, so a failing backend cannot turn the log into the next failure.
 */
#ifndef CORRAL_BASE_LOG_H
#define CORRAL_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/* Set once from the configuration, before threads start, and again by a reload.  Any thread. */
void	log_set_level(enum log_level level);
/* JSON lines ({"time":…,"level":…,"msg":…}) instead of text. */
void	log_set_json(bool on);

/*
 * One event.  fmt is also the identity for the rate limit (10 lines in 10 s each), so it must be a
 * literal.  Bytes from peers are escaped by the writer.  Any thread; never called under a lock.
 */
void	log_event(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	log_event(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	log_event(LOG_WARN, __VA_ARGS__)
#define log_info(...)	log_event(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_event(LOG_DEBUG, __VA_ARGS__)

#endif
