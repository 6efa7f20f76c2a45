/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of names, and for how long: pure bookkeeping, asks nobody.  One set per resolver,
 * on its thread.  A struct name is embedded in what its resolver keeps for it.
 */
#ifndef CORRAL_UPSTREAM_RESOLVE_CACHE_H
#define CORRAL_UPSTREAM_RESOLVE_CACHE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"

/* More than a connect timeout has time for; what is past it is dropped. */
#define ANSWER_ADDRS	16

struct address {
	socklen_t	 len;
	union {
		struct sockaddr		 sa;
		struct sockaddr_in	 v4;
		struct sockaddr_in6	 v6;
	} u;				/* its port means nothing here */
};

struct answer {
	unsigned	 n;
	struct address	 addrs[ANSWER_ADDRS];	/* in the order to try them */
	usec_t		 ttl;		/* as the name server has it; clamped when it is learned */
};

/* One name: zeroed, it is unknown. */
struct name {
	struct answer	 answer;	/* n is 0: none */
	const char	*error;		/* when there is none: why (static), or NULL: never asked */
	usec_t		 expires;	/* answer or error are not asked for again before */
	usec_t		 drop;		/* answer is too old for anything from here on */
	bool		 failing;	/* the last question got no answer */
};

enum name_state {
	NAME_UNKNOWN,		/* ask, and wait for what comes */
	NAME_FRESH,		/* use the answer */
	NAME_EXPIRED,		/* ask; the answer serves when that takes too long or fails */
	NAME_FAILING,		/* ask, and use the answer meanwhile: the last question failed */
	NAME_ERROR,		/* the error is the answer for now */
};

enum name_state	name_state(const struct name *n, usec_t now);
/* True if there was an answer before, with other addresses; their order doesn't matter. */
bool	name_answered(struct name *n, const struct answer *a, usec_t now);
/* It does not exist, or has no address: the old answer is void.  error: static. */
void	name_denied(struct name *n, const char *error, usec_t now);
/* Nobody could tell.  True if this is the first time in a row. */
bool	name_failed(struct name *n, const char *error, usec_t now);
/* AF_INET or AF_INET6, of which n has an address that is not too old and a has none; else 0. */
int	name_lacks(const struct name *n, const struct answer *a, usec_t now);

#endif
