/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waking by worker.
 *
 *	crowd_join:	-> waiting			(under the lock)
 *	crowds_mark:	posted = true, a ref		(under the lock)
 *	crowds_post:	the message goes out		(after it)
 *	called:		waiting -> woken -> none	(under the lock, on the worker)
 *			wake(), one by one		(without it)
 *
 * A waiter may leave at any of these points, since only its own thread makes it leave and only its
 * own thread runs `called`.  A wake may make other waiters leave, or join again: `called` takes
 * them one by one from the head of `woken`, and who joins again stands in `waiting`.
 */
#include "cache/crowd.h"

#include <stdlib.h>

#include "base/contract.h"

void
crowds_init(struct crowds *cs, pthread_mutex_t *lock, void (*ref)(void *), void (*unref)(void *),
    void *owner)
{
	cs->lock = lock;
	cs->first = NULL;
	cs->ref = ref;
	cs->unref = unref;
	cs->owner = owner;
}

void
crowds_fini(struct crowds *cs)
{
	struct crowd *c;

	while ((c = cs->first) != NULL) {
		ASSERT(TAILQ_EMPTY(&c->waiting) && TAILQ_EMPTY(&c->woken));
		ASSERT(!c->posted);
		cs->first = c->next;
		free(c);
	}
}

static struct waiter *
next_woken(struct crowd *c)
{
	struct waiter *wt;

	/* The lock, since the waking thread may look whether this one stands in a crowd. */
	pthread_mutex_lock(c->all->lock);
	if ((wt = TAILQ_FIRST(&c->woken)) != NULL) {
		TAILQ_REMOVE(&c->woken, wt, link);
		wt->crowd = NULL;
	}
	pthread_mutex_unlock(c->all->lock);
	return wt;
}

static void
called(void *arg)
{
	struct crowd *c = arg;
	struct crowds *cs = c->all;
	struct waiter *wt;

	pthread_mutex_lock(cs->lock);
	c->posted = false;
	TAILQ_FOREACH(wt, &c->waiting, link)
		wt->woken = true;
	TAILQ_CONCAT(&c->woken, &c->waiting, link);
	pthread_mutex_unlock(cs->lock);

	while ((wt = next_woken(c)) != NULL)
		wt->wake(wt->arg);
	cs->unref(cs->owner);
}

void
crowd_join(struct crowds *cs, struct waiter *wt)
{
	struct crowd *c;

	ASSERT(wt->crowd == NULL && wt->worker != NULL && wt->wake != NULL);
	for (c = cs->first; c != NULL && c->worker != wt->worker; c = c->next)
		;
	if (c == NULL) {
		c = XCALLOC(1, sizeof *c);
		c->all = cs;
		c->worker = wt->worker;
		c->msg.fn = called;
		c->msg.arg = c;
		TAILQ_INIT(&c->waiting);
		TAILQ_INIT(&c->woken);
		c->next = cs->first;
		cs->first = c;
	}
	wt->crowd = c;
	wt->woken = false;
	TAILQ_INSERT_TAIL(&c->waiting, wt, link);
}

bool
crowd_leave_locked(struct waiter *wt)
{
	struct crowd *c = wt->crowd;

	if (c == NULL)
		return false;
	if (wt->woken)
		TAILQ_REMOVE(&c->woken, wt, link);
	else
		TAILQ_REMOVE(&c->waiting, wt, link);
	wt->crowd = NULL;
	return true;
}

bool
crowd_leave(struct waiter *wt)
{
	struct crowd *c = wt->crowd;
	bool was;

	if (c == NULL)
		return false;
	pthread_mutex_lock(c->all->lock);
	was = crowd_leave_locked(wt);
	pthread_mutex_unlock(c->all->lock);
	return was;
}

struct crowd *
crowds_mark(struct crowds *cs)
{
	struct crowd *due = NULL;

	for (struct crowd *c = cs->first; c != NULL; c = c->next) {
		if (TAILQ_EMPTY(&c->waiting) || c->posted)
			continue;
		c->posted = true;
		c->due = due;
		due = c;
		cs->ref(cs->owner);
	}
	return due;
}

void
crowds_post(struct crowd *due)
{
	struct crowd *next;

	for (; due != NULL; due = next) {
		next = due->due;	/* once posted it may be gone before we look again */
		worker_post(due->worker, &due->msg);
	}
}
