/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Those who wait for one thing: a flight's head, an object's next bytes.  They stand grouped by
 * worker, so a wake costs one message per worker however many wait, and after it each waiter is
 * touched by its own thread only.
 *
 * The owner (flight, obj) brings the lock that guards the groups and is kept alive by a reference
 * for each message on its way.
 */
#ifndef CORRAL_CACHE_CROWD_H
#define CORRAL_CACHE_CROWD_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/worker.h"

struct crowd;

/* One who waits; embedded.  worker, wake and arg are set by its owner before the first join. */
struct waiter {
	struct worker		*worker;
	void			(*wake)(void *arg);	/* on that worker's loop */
	void			*arg;
	struct crowd		*crowd;		/* NULL: not waiting */
	bool			 woken;		/* on crowd->woken, else on crowd->waiting */
	TAILQ_ENTRY(waiter)	 link;
};

TAILQ_HEAD(waiters, waiter);

/* The waiters of one worker. */
struct crowd {
	struct crowds		*all;
	struct worker		*worker;
	struct worker_msg	 msg;
	struct waiters		 waiting;	/* for the next wake; guarded by *all->lock */
	struct waiters		 woken;		/* being called now; that worker's thread only */
	bool			 posted;	/* guarded by *all->lock: msg is on its way */
	struct crowd		*due;		/* next to be posted; the waking thread's */
	struct crowd		*next;
};

struct crowds {
	pthread_mutex_t		*lock;
	struct crowd		*first;		/* one per worker that ever waited here */
	void			(*ref)(void *owner);
	void			(*unref)(void *owner);
	void			*owner;
};

void	crowds_init(struct crowds *cs, pthread_mutex_t *lock, void (*ref)(void *),
    void (*unref)(void *), void *owner);
/* With nobody waiting. */
void	crowds_fini(struct crowds *cs);

/* Under the lock, on the waiter's own thread. */
void	crowd_join(struct crowds *cs, struct waiter *wt);
/* Takes the lock; on the waiter's own thread; afterwards wake will not come.  True if it waited. */
bool	crowd_leave(struct waiter *wt);
/* The same with the lock held. */
bool	crowd_leave_locked(struct waiter *wt);

/*
 * Wakes all who wait now: mark under the lock, post what it gave after the lock.  One thread at a
 * time wakes the same crowds.
 */
struct crowd	*crowds_mark(struct crowds *cs);
void	crowds_post(struct crowd *due);

#endif
