/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a flow's number is the virtual time at which all that it asked for will have been served,
 * were it served once a round (LINE_COST of virtual time).  A wait that comes moves the numbers of
 * its client and of its key up by one round, each from its own place; the later of them is when it
 * is due, and what of that lies ahead is divided by how many want it:
 *
 *	tag = start + (due - start) / wanted		start: the virtual time when it came
 *
 * The two flows don't pull each other: otherwise a client with a thousand waits for as many keys
 * would drag every key's number along with its own, and whoever comes with one of those slots would
 * wait behind that client.
 *
 * Within what a client is due, its keys take turns: its nth wait for a key goes to where the nth
 * turn of all its keys ends, not to the end of all that it waits for.  (Else a client that is many,
 * behind a proxy, would wait for one page that all of them want before all others.)  Those that are
 * there already keep their tags, so for a while it may have two turns in a round.
 *
 * Leaving unserved takes the round back from both numbers.  Without that, a client that asks for
 * more than its share, and whose waits time out, would fall further behind with every one of them
 * and end with nothing at all, instead of with its share.  Being served takes back all but
 * LINE_COST / wanted: the others who wanted it pay the rest.
 *
 * Nobody starves: a tag never grows, and is beyond the wait's start by LINE_COST / WANTED_MOST at
 * least.  So once the time has come to x, at most those are taken at x who were in the line then;
 * the first who came later moves it on to x + LINE_COST / WANTED_MOST.  In a line of bounded length
 * the time passes every tag after a bounded number of turns.
 *
 * Invariants: now never goes back; no tag is before it but where line_want() put it there; a flow's
 * number is at least LINE_COST times its waits in the line, so taking back can't underflow.
 * Overflow: one flow would have to be given 2^44 places without the line ever being empty.
 *
 * The line that is empty forgets everything: then nobody is owed anything.
 */
#include "upstream/line.h"

#include <string.h>

#include "base/contract.h"

#define WANTED_MOST	1024

_Static_assert(LINE_COST / WANTED_MOST > 0, "each that comes moves the time on");
_Static_assert(LINE_FLOWS <= UINT16_MAX + 1, "a slot's number fits");

static int
compare(const struct line_node *a, const struct line_node *b)
{
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* libbsd's own word for this, __unused, isn't there without its headers in place of libc's. */
RB_GENERATE_INTERNAL(line_tree, line_node, link, compare, static __attribute__((unused)))

void
line_init(struct line *l)
{
	memset(l, 0, sizeof *l);
	RB_INIT(&l->tree);
}

static uint64_t
tag_of(const struct line_node *n)
{
	return n->start + (n->due - n->start) / n->wanted;
}

static uint32_t
counted(unsigned wanted)
{
	return wanted == 0 ? 1 : wanted < WANTED_MOST ? wanted : WANTED_MOST;
}

/* Into the tree, where its wishes put it. */
static void
insert(struct line *l, struct line_node *n, unsigned wanted)
{
	struct line_node *same;

	n->wanted = counted(wanted);
	n->tag = tag_of(n);
	same = RB_INSERT(line_tree, &l->tree, n);
	ASSERT(same == NULL);
}

/* One round more for a flow; when it is due. */
static uint64_t
charge(const struct line *l, uint64_t *flow)
{
	*flow = (*flow > l->now ? *flow : l->now) + LINE_COST;
	return *flow;
}

static void
take_back(struct line *l, const struct line_node *n, uint64_t cost)
{
	ASSERT(l->client[n->client] >= cost && l->key[n->key] >= cost);
	l->client[n->client] -= cost;
	l->key[n->key] -= cost;
}

/*
 * It is one of its client's and of its client's for that key.  Of pairs that share a slot the first
 * one's client counts the key, until all of them have left.
 */
static void
count_in(struct line *l, const struct line_node *n)
{
	l->waits[n->client]++;
	if (l->pair[n->pair]++ > 0)
		return;
	l->owner[n->pair] = n->client;
	l->keys[n->client]++;
}

static void
count_out(struct line *l, const struct line_node *n)
{
	l->waits[n->client]--;
	if (--l->pair[n->pair] == 0)
		l->keys[l->owner[n->pair]]--;
}

/* When it is due by its client, whose number has been charged: the sooner, the fewer of its key. */
static uint64_t
due_by_client(const struct line *l, const struct line_node *n)
{
	uint64_t all = l->waits[n->client];
	unsigned keys = l->keys[n->client] > 0 ? l->keys[n->client] : 1;
	uint64_t turn = (uint64_t)l->pair[n->pair] * keys;
	uint64_t ahead = (turn < all ? all - turn : 0) * LINE_COST;
	uint64_t due = l->client[n->client] - ahead;

	return due > l->now + LINE_COST ? due : l->now + LINE_COST;
}

void
line_add(struct line *l, struct line_node *n, uint64_t client, uint64_t key, unsigned wanted,
    usec_t mono)
{
	uint64_t by_client, by_key;

	if (l->n == 0 && l->seq > 0)
		line_init(l);
	n->client = (uint16_t)(client % LINE_FLOWS);
	n->key = (uint16_t)(key % LINE_FLOWS);
	n->pair = (uint16_t)((client * 31 + key) % LINE_FLOWS);
	count_in(l, n);
	charge(l, &l->client[n->client]);
	by_client = due_by_client(l, n);
	by_key = charge(l, &l->key[n->key]);
	n->start = l->now;
	n->due = by_client > by_key ? by_client : by_key;
	n->seq = l->seq++;
	n->since = mono;
	insert(l, n, wanted);
	l->n++;
}

static void
unlink_node(struct line *l, struct line_node *n)
{
	ASSERT(l->n > 0);
	(void)RB_REMOVE(line_tree, &l->tree, n);
	count_out(l, n);
	l->n--;
}

void
line_want(struct line *l, struct line_node *n, unsigned wanted)
{
	if (counted(wanted) <= n->wanted)
		return;
	(void)RB_REMOVE(line_tree, &l->tree, n);
	insert(l, n, wanted);
}

void
line_remove(struct line *l, struct line_node *n)
{
	unlink_node(l, n);
	take_back(l, n, LINE_COST);
}

struct line_node *
line_take(struct line *l)
{
	struct line_node *n = line_first(l);

	if (n == NULL)
		return NULL;
	unlink_node(l, n);
	take_back(l, n, LINE_COST - LINE_COST / n->wanted);
	/* Its tag may have passed meanwhile, by being wanted more. */
	if (n->tag > l->now)
		l->now = n->tag;
	return n;
}

struct line_node *
line_first(struct line *l)
{
	return RB_MIN(line_tree, &l->tree);
}

struct line_node *
line_last(struct line *l)
{
	return RB_MAX(line_tree, &l->tree);
}

usec_t
line_oldest(struct line *l)
{
	usec_t oldest = USEC_NEVER;
	struct line_node *n;

	for (n = line_first(l); n != NULL; n = RB_NEXT(line_tree, &l->tree, n))
		if (n->since < oldest)
			oldest = n->since;
	return oldest;
}
