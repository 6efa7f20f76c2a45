/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One scripted client: a connection that sends and reads just what the test says, when it says so.
 * Every wait ends at a deadline and then fails the test.
 */
#ifndef CORRAL_TESTS_LIB_CLIENT_H
#define CORRAL_TESTS_LIB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lib/answer.h"

struct client;

/* addr: "127.0.0.1:8080". */
struct client	*client_open(const char *addr);
/* The same with a receive buffer of that many bytes, for slow readers. */
struct client	*client_open_small(const char *addr, int receive_buffer);
/* The same as another client: from that address of the loopback network, "127.0.0.2". */
struct client	*client_open_from(const char *addr, const char *source);
void	client_close(struct client *c);
/* Cuts the connection with a reset, and closes. */
void	client_reset(struct client *c);
/* Sends a FIN and still reads. */
void	client_half_close(struct client *c);

void	client_send(struct client *c, const void *p, size_t n);
void	client_sendf(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* n bytes of the generated body from off. */
void	client_send_body(struct client *c, uint64_t off, uint64_t n);
/* Sends what goes without waiting; how many bytes that was; -1: the peer closed. */
long	client_offer(struct client *c, const void *p, size_t n);
/* "GET path" with Host: test and these further fields ("A: b\r\n", or ""). */
void	client_ask(struct client *c, const char *path, const char *fields);

/*
 * The next answer, whole (or with a fault); c's own, on until the next one is begun.  Before that,
 * client_head() reads only until its head is there, client_read() until n bytes of its body are.
 */
struct answer	*client_answer(struct client *c);
struct answer	*client_answer_to_head(struct client *c);
struct answer	*client_head(struct client *c);
struct answer *client_wait_interim(struct client *c, unsigned n); /* until n 1xx heads have come */
struct answer	*client_read(struct client *c, uint64_t n);
/* Reads what is there now without waiting, at most n bytes of whatever; 0: nothing, -1: closed. */
long	client_take(struct client *c, size_t n);
/* Waits for the peer to close; true if it sent nothing more before that. */
bool	client_closed(struct client *c);

/* A connection for one GET; the answer's body is kept.  answer_free() it. */
struct answer	*client_get(const char *addr, const char *path, const char *fields);
/* The same, and only the status of a whole answer; 0: it was none. */
int	client_status(const char *addr, const char *path, const char *fields);
/* A connection for these bytes, as they are (a request that asks to close). */
struct answer	*client_exchange(const char *addr, const void *p, size_t n);
struct answer	*client_exchangef(const char *addr, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
