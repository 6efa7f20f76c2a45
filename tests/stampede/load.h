/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of the proxy, a connection each and one request at a time, all in the caller's thread.
 * Unlike tests/lib/herd they fail no test: whatever a proxy does, or does not do, becomes a reply.
 */
#ifndef CORRAL_TESTS_STAMPEDE_LOAD_H
#define CORRAL_TESTS_STAMPEDE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load;

/* What came of one request. */
struct reply {
	unsigned	 client;
	unsigned	 tag;		/* the asker's own */
	int		 status;	/* 0: no head came */
	bool		 complete;
	bool		 unheard;	/* the connection failed before a byte of an answer */
	bool		 late;		/* not complete when load_finish() gave up */
	const char	*fault;		/* static; NULL: none */
	uint64_t	 length, sum;	/* of the body */
	int64_t		 asked;		/* test_now() when it was to be sent */
	int64_t		 first, first_body, last;	/* bytes of the answer; 0: none came */
};

/* n clients, connected as far as the proxy lets them. */
struct load	*load_open(const char *addr, unsigned n);
void	load_free(struct load *l);

/* An idle client asks; one without a connection makes one first.  fields: "A: b\r\n", or "". */
void	load_ask(struct load *l, unsigned client, unsigned tag, const char *method,
	    const char *target, const char *fields);
/* The same with the whole text of a request. */
void	load_send(struct load *l, unsigned client, unsigned tag, const char *text);
/* The client goes away by a reset; what it asked for gets no reply. */
void	load_leave(struct load *l, unsigned client);

bool	load_idle(const struct load *l, unsigned client);
/* How many clients wait for an answer. */
unsigned	load_busy(const struct load *l);

/* Moves what can be moved, and waits for that at most until the moment; false: it has come. */
bool	load_turn(struct load *l, int64_t until);
/* All of that time, whatever happens. */
void	load_pause(struct load *l, int64_t until);
/* Until nobody waits; who still does at the deadline gets a reply that says so. */
void	load_finish(struct load *l, int64_t deadline);

/* Replies in the order in which they were complete, on until the next load_ask() or turn. */
size_t	load_replies(const struct load *l);
const struct reply	*load_reply(const struct load *l, size_t i);

#endif
