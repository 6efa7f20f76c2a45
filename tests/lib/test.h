/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the helpers of the flow tests and the bench share: deadlines, failing, sums, the generated
 * body.  Knows neither Check nor the daemon.
 */
#ifndef CORRAL_TESTS_LIB_TEST_H
#define CORRAL_TESTS_LIB_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a helper gives up: flow.h sets it to Check's way; else the message and abort(). */
extern void	(*test_failed)(const char *message);
void	test_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Microseconds of the monotonic clock. */
int64_t	test_now(void);
/* The moment at which a wait that should have ended long ago is a failure: 20 s from now, and more
 * where the daemon runs under valgrind. */
int64_t	test_deadline(void);
/* Milliseconds until then, for poll(); at least 0. */
int	test_left(int64_t deadline);

/* The daemon or the tests are built or run with something that costs memory and time. */
bool	test_instrumented(void);

/* Zeroed, never NULL. */
void	*test_alloc(size_t n);
void	*test_grow(void *p, size_t n);
char	*test_text(const char *s);

/* As many open files as the system allows; how many that is. */
unsigned	test_raise_files(void);
void	test_nonblocking(int fd);

/* "127.0.0.1:8080": a connected socket, or -1 with errno. */
int	test_connect(const char *addr, bool nonblocking);

/*
 * A sum over bytes that says where each of them stood, so that pieces can be summed as they come: n
 * bytes at p, which begin at offset off.  Cheap enough not to slow down a herd.
 */
#define TEST_SUM	UINT64_C(0xcbf29ce484222325)
uint64_t	test_sum(uint64_t sum, uint64_t off, const void *p, size_t n);

/* The generated body: n bytes of it from offset off. */
void	test_body(char *p, uint64_t off, size_t n);
uint64_t	test_body_sum(uint64_t n);

#endif
