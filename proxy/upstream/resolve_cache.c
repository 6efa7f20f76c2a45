/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a name has an answer or an error, never both, and a time until which it isn't asked again.
 *
 *	UNKNOWN ──answered──> FRESH ──TTL──> EXPIRED ──answered──> FRESH
 *	   │ ^                                 │
 *	   │ │                                 └─failed──> FRESH ──1 s──> FAILING
 *	   v │ 1 s                                           ^              │
 *	  ERROR                                              └────failed────┘
 *
 * answered leads to FRESH from anywhere, denied to ERROR, an hour after the TTL to UNKNOWN; failed
 * leads to ERROR where there is no answer.
 *
 * Why an old answer outlives a failure but not a denial: "I can't tell" says nothing about the
 * backend, which most likely is where it was; "there is no such name" is the operator's word.
 */
#include "upstream/resolve_cache.h"

#include <string.h>

#include "base/contract.h"

#define TTL_MIN		(1 * USEC_PER_SEC)
#define TTL_MAX		(3600 * USEC_PER_SEC)
#define ERROR_TTL	(1 * USEC_PER_SEC)	/* also the pause between questions that fail */
#define OLD_MAX		(3600 * USEC_PER_SEC)	/* beyond its TTL */

static bool
usable(const struct name *n, usec_t now)
{
	return n->answer.n > 0 && now < n->drop;
}

enum name_state
name_state(const struct name *n, usec_t now)
{
	if (usable(n, now)) {
		if (now < n->expires)
			return NAME_FRESH;
		return n->failing ? NAME_FAILING : NAME_EXPIRED;
	}
	return n->error != NULL && now < n->expires ? NAME_ERROR : NAME_UNKNOWN;
}

static bool
same_address(const struct address *a, const struct address *b)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return false;
	if (a->u.sa.sa_family == AF_INET)
		return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
	return memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, sizeof a->u.v6.sin6_addr) == 0 &&
	    a->u.v6.sin6_scope_id == b->u.v6.sin6_scope_id;
}

/* Each address of a is in b. */
static bool
within(const struct answer *a, const struct answer *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		unsigned k = 0;

		while (k < b->n && !same_address(&a->addrs[i], &b->addrs[k]))
			k++;
		if (k == b->n)
			return false;
	}
	return true;
}

bool
name_answered(struct name *n, const struct answer *a, usec_t now)
{
	bool changed = n->answer.n > 0 &&
	    !(within(a, &n->answer) && within(&n->answer, a));
	usec_t ttl = a->ttl;

	ASSERT(a->n > 0 && a->n <= ANSWER_ADDRS);
	if (ttl < TTL_MIN)
		ttl = TTL_MIN;
	if (ttl > TTL_MAX)
		ttl = TTL_MAX;
	n->answer = *a;
	n->error = NULL;
	n->expires = now + ttl;
	n->drop = n->expires + OLD_MAX;
	n->failing = false;
	return changed;
}

void
name_denied(struct name *n, const char *error, usec_t now)
{
	n->answer.n = 0;
	n->error = error;
	n->expires = now + ERROR_TTL;
	n->failing = false;
}

bool
name_failed(struct name *n, const char *error, usec_t now)
{
	bool first = !n->failing;

	if (!usable(n, now)) {
		n->answer.n = 0;
		n->error = error;
	}
	n->expires = now + ERROR_TTL;
	n->failing = true;
	return first;
}

static bool
has_family(const struct answer *a, int family)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (a->addrs[i].u.sa.sa_family == family)
			return true;
	}
	return false;
}

int
name_lacks(const struct name *n, const struct answer *a, usec_t now)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (unsigned i = 0; usable(n, now) && i < 2; i++) {
		if (has_family(&n->answer, families[i]) && !has_family(a, families[i]))
			return families[i];
	}
	return 0;
}
