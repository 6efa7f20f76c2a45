/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's loop and mailbox.
 *
 *	any thread ── worker_post ──> mail (list, under the lock) ── eventfd ──> loop ── msg->fn
 *
 * The list is intrusive, so posting can't fail.  The eventfd is written only when nobody has
 * knocked since the last drain: a herd of a thousand wakes costs one write and one read.  A drain
 * runs as many messages as were there when it began; what they post comes in the next turn, so a
 * message that posts itself again can't starve the sockets.
 *
 * The lock guards the list and the `queued` of the messages, and is never held across fn.
 */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

#include "base/conf.h"
#include "base/contract.h"

struct worker {
	unsigned		 magic;
#define WORKER_MAGIC		 0x3b1f9e05
	unsigned		 id;
	struct event_base	*base;
	struct event		*knock_event;	/* reads knock_fd */
	int			 knock_fd;
	pthread_t		 thread;
	bool			 started;	/* thread is to be joined */
	struct worker_msg	 stop_msg;
	struct conf		*conf;		/* our reference; owner's thread only */
	struct stats		*stats;

	struct {				/* guarded by lock */
		pthread_mutex_t			 lock;
		TAILQ_HEAD(, worker_msg)	 mail;
		unsigned			 nmail;
		bool				 knocked;	/* a drain is on its way */
	} shared;
};

/* The worker whose loop runs in this thread. */
static _Thread_local const struct worker *current;

static void
loop_break(void *arg)
{
	struct worker *w = arg;

	CHECK(w, WORKER_MAGIC);
	event_base_loopbreak(w->base);
}

static struct worker_msg *
take_one(struct worker *w)
{
	struct worker_msg *msg;

	pthread_mutex_lock(&w->shared.lock);
	if ((msg = TAILQ_FIRST(&w->shared.mail)) != NULL) {
		TAILQ_REMOVE(&w->shared.mail, msg, link);
		w->shared.nmail--;
		msg->queued = false;
	}
	pthread_mutex_unlock(&w->shared.lock);
	return msg;
}

static void
knock(struct worker *w)
{
	uint64_t one = 1;

	/* It can fail only when the count is at its limit, and then a drain is due anyway. */
	(void)!write(w->knock_fd, &one, sizeof one);
}

static void
drain_mail(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct worker_msg *msg;
	unsigned n;
	uint64_t knocks;
	bool more;

	(void)what;
	CHECK(w, WORKER_MAGIC);
	(void)!read(fd, &knocks, sizeof knocks);
	pthread_mutex_lock(&w->shared.lock);
	n = w->shared.nmail;
	pthread_mutex_unlock(&w->shared.lock);

	while (n-- > 0 && (msg = take_one(w)) != NULL)
		msg->fn(msg->arg);

	pthread_mutex_lock(&w->shared.lock);
	more = w->shared.nmail > 0;
	w->shared.knocked = more;
	pthread_mutex_unlock(&w->shared.lock);
	if (more)
		knock(w);
}

static void
use_threads(void)
{
	evthread_use_pthreads();
}

struct worker *
worker_new(unsigned id, struct conf *conf)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct event_config *ec;
	struct worker *w;

	pthread_once(&once, use_threads);
	NEW(w, WORKER_MAGIC);
	w->id = id;
	w->knock_fd = -1;
	w->stop_msg.fn = loop_break;
	w->stop_msg.arg = w;
	pthread_mutex_init(&w->shared.lock, NULL);
	TAILQ_INIT(&w->shared.mail);
	w->stats = aligned_alloc(_Alignof(struct stats), sizeof *w->stats);
	ASSERT(w->stats != NULL);
	memset(w->stats, 0, sizeof *w->stats);	/* nobody else has it yet */
	if (conf != NULL)
		w->conf = conf_ref(conf);

	if ((ec = event_config_new()) == NULL)
		goto fail;
	/*
	 * The changelist halves the epoll_ctl calls, a quarter of a hit's CPU.  A deletion then
	 * reaches the kernel when the loop next waits: the descriptor may be closed by then, and
	 * its number be another thread's new socket, which isn't in this loop's set: the kernel
	 * says ENOENT, as libevent expects.  ThreadSanitizer can't know that and calls it a race,
	 * so its builds do without.
	 */
#ifndef CORRAL_PLAIN_EPOLL
	event_config_set_flag(ec, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
#endif
	w->base = event_base_new_with_config(ec);
	event_config_free(ec);
	if (w->base == NULL)
		goto fail;
	if ((w->knock_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1)
		goto fail;
	w->knock_event = event_new(w->base, w->knock_fd, EV_READ | EV_PERSIST, drain_mail, w);
	if (w->knock_event == NULL || event_add(w->knock_event, NULL) == -1)
		goto fail;
	return w;
fail:
	worker_free(w);
	return NULL;
}

void
worker_run(struct worker *w)
{
	CHECK(w, WORKER_MAGIC);
	current = w;
	event_base_dispatch(w->base);
	current = NULL;
}

static void *
thread_main(void *arg)
{
	worker_run(arg);
	return NULL;
}

int
worker_start(struct worker *w)
{
	sigset_t all, old;
	int error;

	CHECK(w, WORKER_MAGIC);
	ASSERT(!w->started);
	/* Signals are the main thread's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&w->thread, NULL, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0) {
		errno = error;
		return -1;
	}
	w->started = true;
	return 0;
}

void
worker_stop(struct worker *w)
{
	worker_post(w, &w->stop_msg);
}

void
worker_join(struct worker *w)
{
	CHECK(w, WORKER_MAGIC);
	if (!w->started)
		return;
	pthread_join(w->thread, NULL);
	w->started = false;
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	CHECK(w, WORKER_MAGIC);
	ASSERT(!w->started);
	if (w->knock_event != NULL)
		event_free(w->knock_event);
	if (w->base != NULL)
		event_base_free(w->base);
	if (w->knock_fd != -1)
		close(w->knock_fd);
	if (w->conf != NULL)
		conf_unref(w->conf);
	pthread_mutex_destroy(&w->shared.lock);
	free(w->stats);
	FREE(w);
}

void
worker_post(struct worker *w, struct worker_msg *msg)
{
	bool must_knock = false;

	CHECK(w, WORKER_MAGIC);
	ASSERT(msg->fn != NULL);
	pthread_mutex_lock(&w->shared.lock);
	if (!msg->queued) {
		msg->queued = true;
		TAILQ_INSERT_TAIL(&w->shared.mail, msg, link);
		w->shared.nmail++;
		must_knock = !w->shared.knocked;
		w->shared.knocked = true;
	}
	pthread_mutex_unlock(&w->shared.lock);
	if (must_knock)
		knock(w);
}

bool
worker_unpost(struct worker *w, struct worker_msg *msg)
{
	bool was;

	CHECK(w, WORKER_MAGIC);
	pthread_mutex_lock(&w->shared.lock);
	if ((was = msg->queued)) {
		TAILQ_REMOVE(&w->shared.mail, msg, link);
		w->shared.nmail--;
		msg->queued = false;
	}
	pthread_mutex_unlock(&w->shared.lock);
	return was;
}

struct event_base *
worker_base(struct worker *w)
{
	CHECK(w, WORKER_MAGIC);
	return w->base;
}

struct conf *
worker_conf(struct worker *w)
{
	CHECK(w, WORKER_MAGIC);
	return w->conf;
}

void
worker_set_conf(struct worker *w, struct conf *conf)
{
	CHECK(w, WORKER_MAGIC);
	conf_unref(w->conf);
	w->conf = conf;
}

unsigned
worker_id(const struct worker *w)
{
	CHECK(w, WORKER_MAGIC);
	return w->id;
}

struct stats *
worker_stats(struct worker *w)
{
	CHECK(w, WORKER_MAGIC);
	return w->stats;
}

bool
worker_is_current(const struct worker *w)
{
	return current == w;
}
