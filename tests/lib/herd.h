/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many clients at once, one request each and a connection for each, driven by one thread.
 */
#ifndef CORRAL_TESTS_LIB_HERD_H
#define CORRAL_TESTS_LIB_HERD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/answer.h"

struct herd;

/* n clients connect; returns when all have. */
struct herd	*herd_open(const char *addr, unsigned n);
/* All of them ask for the path at once; further fields as for client_ask().  May be called again on
 * the same connections after herd_wait(). */
void	herd_ask(struct herd *h, const char *path, const char *fields);
/* The same, each with a target of its own: path, then its number. */
void	herd_ask_each(struct herd *h, const char *path, const char *fields);
/* Both: herd_open() and herd_ask(). */
struct herd	*herd_start(const char *addr, unsigned n, const char *path);
/* Until every client has its answer or a fault. */
void	herd_wait(struct herd *h);
/* Until every client has n bytes of its body (or an end). */
void	herd_wait_bytes(struct herd *h, uint64_t n);
/* Until n clients have their answer or a fault. */
void	herd_wait_done(struct herd *h, unsigned n);
/* Clients from first to last (not included) go away: by a reset, or a close. */
void	herd_leave(struct herd *h, unsigned first, unsigned last, bool reset);
void	herd_free(struct herd *h);

/* After herd_wait(). */
const struct answer	*herd_answer(const struct herd *h, unsigned i);
/* How many complete answers have that status; 0: how many have none. */
unsigned	herd_count(const struct herd *h, int status);
/* How many complete answers have status 200 and a body of this length and sum. */
unsigned	herd_count_body(const struct herd *h, uint64_t length, uint64_t sum);
/* How many answers' Cache-Status has that text. */
unsigned	herd_count_says(const struct herd *h, const char *name, const char *text);
/*
 * Microseconds from its request to the last byte of its answer: the i-th per mille; 1000: the
 * slowest.
 */
int64_t	herd_took(const struct herd *h, unsigned per_mille);
/* The same to the first byte of the head. */
int64_t	herd_first_byte(const struct herd *h, unsigned per_mille);

#endif
