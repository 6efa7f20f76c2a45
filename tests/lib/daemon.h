/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real daemon, run for one test: $CORRAL (or ./proxy/corral), on ports the kernel chooses.
 * $CORRAL_STEERED is the same with a clock that the test moves.
 */
#ifndef CORRAL_TESTS_LIB_DAEMON_H
#define CORRAL_TESTS_LIB_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;

/* Starts it with a configuration of `listen` and `admin` on free ports and these lines; returns
 * when
 * it says that it is ready. */
struct daemon	*daemon_start(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
struct daemon	*daemon_start_steered(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Starts it with these arguments instead; NULL ends them. */
struct daemon	*daemon_start_options(const char *const arguments[]);
/*
 * The end of a test: nothing is parked or in flight any more, the counts add up, SIGTERM ends it
 * with status 0.  Frees.
 */
void	daemon_stop(struct daemon *d);
/* Waits for it to end by itself: the exit status, or 128 + the signal.  Then daemon_free(). */
int	daemon_wait_exit(struct daemon *d);
/* Kills it if it still runs. */
void	daemon_free(struct daemon *d);

const char	*daemon_addr(const struct daemon *d);
const char	*daemon_admin(const struct daemon *d);
void	daemon_signal(struct daemon *d, int signo);
bool	daemon_running(struct daemon *d);
/* Puts other lines into its configuration file; SIGHUP makes it read them. */
void daemon_rewrite(struct daemon *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What it has written to standard error. */
bool	daemon_logged(struct daemon *d, const char *text);
void	daemon_wait_log(struct daemon *d, const char *text);

/* A member of /stats, by its path: "hit", "upstreams.default.servers.0.idle". */
int64_t	daemon_stat(struct daemon *d, const char *name);
/* Until the member has that value. */
void	daemon_wait_stat(struct daemon *d, const char *name, int64_t value);
/* Until it has at least that value. */
void	daemon_wait_stat_least(struct daemon *d, const char *name, int64_t value);
/* Until the member is there, and is that text. */
void	daemon_wait_text(struct daemon *d, const char *name, const char *text);
/* requests == hit + stale + miss + coalesced + pass + shed + error */
void	daemon_check_sum(struct daemon *d);

/* POST /purge of a URL; how many objects went. */
int	daemon_purge(struct daemon *d, const char *url);

/* Resident memory in bytes, and open descriptors. */
uint64_t	daemon_memory(struct daemon *d);
unsigned	daemon_files(struct daemon *d);
/* By how much the memory is more than it was; 0 if it is less. */
uint64_t	daemon_grown(struct daemon *d, uint64_t was);
/* What n bytes of growth may look like: more where instruments cost memory. */
uint64_t	daemon_allowance(uint64_t n);

/* Of one that was started steered: its clock goes forward. */
void	daemon_advance_clock(struct daemon *d, int64_t usec);

/* Runs the program with these arguments (NULL ends them) until it ends; its exit status.  *out,
 * *err:
 * what it printed, to be freed. */
int	daemon_command(const char *const arguments[], char **out, char **err);
/* A file of that text in a directory of the test's own; removed by daemon_unlink(). */
char	*daemon_file(const char *text);
void	daemon_unlink(char *path);

#endif
