/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line of those who wait for a place at an upstream, and who is next: fair among clients and
 * among keys, and the sooner the more clients wait for the answer.
 *
 * Self-clocked fair queueing (S. J. Golestani, INFOCOM 1994) with two flows for each wait, its
 * client and its key.  Each flow is due once a round (LINE_COST of virtual time); a wait is due
 * when its client and its key both are, and the time until then is divided by how many want it:
 * that is its tag.  The least tag is next, and its tag is the virtual time from then on.  So a
 * client with a thousand requests in the line takes turns with the one who has one; ties are first
 * come, first served.  The keys of one client take turns as well: the first wait for a key that it
 * has none for comes before its second for another.  Who leaves unserved owes nothing.  When the
 * line is full, whoever has the greatest tag has to go, which may be the one who comes.
 *
 * Flows are hashed into LINE_FLOWS slots: two that collide share their turns until the table is
 * forgotten, which happens whenever the line is empty.
 *
 * Pure; the caller locks.  Adding, taking and removing take O(log n).
 */
#ifndef CORRAL_UPSTREAM_LINE_H
#define CORRAL_UPSTREAM_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/clock.h"

#define LINE_FLOWS	1024
#define LINE_COST	((uint64_t)1 << 20)

/* One in the line; embedded. */
struct line_node {
	RB_ENTRY(line_node)	 link;
	uint64_t		 tag, start, due;	/* virtual times */
	uint64_t		 seq;
	uint32_t		 wanted;
	uint16_t		 client, key, pair;	/* slots */
	usec_t			 since;		/* mono: when it came */
};

RB_HEAD(line_tree, line_node);

struct line {
	struct line_tree	 tree;
	unsigned		 n;
	uint64_t		 now;		/* virtual time */
	uint64_t		 seq;
	uint64_t		 client[LINE_FLOWS], key[LINE_FLOWS];	/* due so far */
	unsigned		 waits[LINE_FLOWS], keys[LINE_FLOWS];	/* of a client */
	unsigned		 pair[LINE_FLOWS];	/* waits of one client for one key, and */
	uint16_t		 owner[LINE_FLOWS];	/* the client who counts that key */
};

void	line_init(struct line *l);
/* client, key: hashes; wanted: how many clients wait for it (0 counts as 1). */
void	line_add(struct line *l, struct line_node *n, uint64_t client, uint64_t key,
    unsigned wanted, usec_t mono);
/* So many wait for it now; fewer than before change nothing. */
void	line_want(struct line *l, struct line_node *n, unsigned wanted);
/* It leaves unserved. */
void	line_remove(struct line *l, struct line_node *n);
/* Who is next, taken out; NULL: nobody. */
struct line_node	*line_take(struct line *l);
/* Who would be next, or who has to go first when the line is full; NULL: nobody. */
struct line_node	*line_first(struct line *l);
struct line_node	*line_last(struct line *l);
/* When the one who has waited longest came; USEC_NEVER: nobody waits.  O(n): for figures. */
usec_t	line_oldest(struct line *l);

#endif
