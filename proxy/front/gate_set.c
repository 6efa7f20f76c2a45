/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All gates of one worker for one purpose.
 *
 *	listener ── gates ── all: every gate that is not GS_DEAD
 *	              │  └── fed: the one that evhttp is about to dispatch
 *	              └── scratch: one read's room for all of them
 *
 * Invariant: a gate is on `all` from gates_accept() to gates_remove(), and n and nover count what
 * is there.  Thread rule: the worker's thread; *connections is shared by all workers, atomic, and
 * only a count, so relaxed.  Connections that count never pass the limit; the number does for a
 * moment while a newcomer is being refused, so that one who just fitted may be refused with it.
 *
 * Not a count per worker: the kernel spreads connections unevenly, and the limit is the process's.
 */
#include "front/gate.h"

#include <stdlib.h>

#include "base/stats.h"
#include "front/gate_priv.h"

struct gates *
gates_new(struct worker *w, const struct gate_ops *ops, void *arg, _Atomic unsigned *connections)
{
	struct gates *gs;

	NEW(gs, GATES_MAGIC);
	gs->w = w;
	gs->ops = ops;
	gs->arg = arg;
	gs->connections = connections;
	TAILQ_INIT(&gs->all);
	return gs;
}

/* Past the limit a newcomer doesn't count, or those that are refused would keep others out. */
static void
count_in(struct gates *gs, struct gate *g)
{
	if (gs->connections == NULL)
		return;
	stats_add(worker_stats(gs->w), STAT_connections, 1);
	if (atomic_fetch_add_explicit(gs->connections, 1, memory_order_relaxed) <
	    limits(gs)->connections) {
		g->counts = true;
		return;
	}
	atomic_fetch_sub_explicit(gs->connections, 1, memory_order_relaxed);
	g->over = true;
	gs->nover++;
}

/* Never NULL: without a bufferevent of ours evhttp makes its own, and no gate would stand there. */
struct bufferevent *
gates_accept(struct gates *gs, struct event_base *base)
{
	struct gate *g;

	CHECK(gs, GATES_MAGIC);
	g = gate_new(gs, base);
	TAILQ_INSERT_TAIL(&gs->all, g, link);
	gs->n++;
	count_in(gs, g);
	gate_hurry(g);
	return g->bev;
}

/* What gates_accept() did, but for the gate itself. */
void
gates_remove(struct gates *gs, struct gate *g)
{
	TAILQ_REMOVE(&gs->all, g, link);
	gs->n--;
	gs->nover -= g->over;
	if (g->counts)
		atomic_fetch_sub_explicit(gs->connections, 1, memory_order_relaxed);
}

/* Good until the next read of any gate of the worker. */
char *
gates_scratch(struct gates *gs)
{
	if (gs->scratch == NULL)
		gs->scratch = XCALLOC(1, SCRATCH);
	return gs->scratch;
}

unsigned
gates_count(const struct gates *gs)
{
	CHECK(gs, GATES_MAGIC);
	return gs->n;
}

void
gates_drain(struct gates *gs, int64_t grace_us)
{
	struct gate *g;
	usec_t now = clock_mono();

	CHECK(gs, GATES_MAGIC);
	gs->draining = true;
	gs->grace = grace_us;
	TAILQ_FOREACH(g, &gs->all, link) {
		if (g->state == GS_IDLE && held(g) == 0) {
			g->deadline = earlier(g->deadline, after(now, grace_us));
			gate_arm(g, now);
		}
	}
}

void
gates_kill_all(struct gates *gs)
{
	struct gate *g;

	CHECK(gs, GATES_MAGIC);
	while ((g = TAILQ_FIRST(&gs->all)) != NULL) {
		gate_ref(g);
		if (g->state == GS_NEW)
			gate_meet(g);
		if (g->state == GS_BUSY)
			gate_cut_reset(g);
		else if (g->state != GS_DEAD)
			gate_cut(g);
		gate_unref(g);
	}
}

void
gates_free(struct gates *gs)
{
	if (gs == NULL)
		return;
	CHECK(gs, GATES_MAGIC);
	ASSERT(TAILQ_EMPTY(&gs->all));
	free(gs->scratch);
	FREE(gs);
}
