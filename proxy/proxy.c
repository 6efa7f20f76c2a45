/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns whom:
 *
 *	proxy ── control worker: admin, sweeping, draining, signals (main's)
 *	      ── site per worker: worker, fills, clients, listener
 *	      ── cache, pools, conf
 *
 * Stopping, step by step, each when the one before is through everywhere:
 *	1. each site accepts what had connected and closes its sockets; its connections drain
 *	2. no connection is left, or limits.drain is over and what is left is cut
 *	3. each site cancels its fills (nobody waits for them any more) and ends its loop
 *	4. the threads are joined, and all is freed by one thread
 * A flight's source and its readers may be on different workers: that is why all workers run until
 * step 3 is reached by all.
 */
#include "proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/contract.h"
#include "base/log.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "front/admin.h"
#include "front/client.h"
#include "front/listener.h"
#include "upstream/fill.h"
#include "upstream/health.h"
#include "upstream/pools.h"

#define SWEEP_EVERY	(1 * USEC_PER_SEC)
#define DRAIN_LOOK	(10 * USEC_PER_MSEC)
#define ADDRESS_TEXT	80

struct site {
	struct proxy		*proxy;
	struct worker		*worker;
	struct fills		*fills;
	struct clients		*clients;
	struct listener		*listener;
	struct worker_msg	 drain, cut, end, press;
};

enum proxy_phase {
	PHASE_SERVING,
	PHASE_DRAINING,			/* step 1 and 2 */
	PHASE_CUT,			/* the grace period is over */
	PHASE_ENDING,			/* step 3 */
};

struct proxy {
	unsigned		 magic;
#define PROXY_MAGIC		 0x7a90e2c5
	struct conf		*conf;		/* a reference: the newest */
	struct cache		*cache;
	struct pools		*pools;
	struct health		*health;
	struct worker		*control;
	struct site		*sites;
	unsigned		 nsites;
	struct worker		**workers;	/* of the sites, for admin */
	struct admin		*admin;
	struct admin_env	 admin_env;
	char			 (*listening)[ADDRESS_TEXT];
	unsigned		 nlistening;
	char			 admin_address[ADDRESS_TEXT];
	struct event		*tick;
	enum proxy_phase	 phase;		/* control thread's */
	usec_t			 cut_at;	/* mono: the end of the grace period */
	struct worker_msg	 drain;

	_Atomic unsigned	 connections;	/* of all listeners */
	_Atomic unsigned	 sites_left;	/* that have not reached the awaited step */
	_Atomic int		 draining;
};

/* On the sites' threads. */

static void
site_drain(void *arg)
{
	struct site *s = arg;

	listener_stop(s->listener);
	/* The sockets are closed a turn later; their connections are counted by then. */
	atomic_fetch_sub(&s->proxy->sites_left, 1);
}

static void
site_cut(void *arg)
{
	struct site *s = arg;

	listener_kill(s->listener);
}

static void
site_press(void *arg)
{
	struct site *s = arg;

	clients_press(s->clients);
}

static void
site_end(void *arg)
{
	struct site *s = arg;

	listener_kill(s->listener);
	fills_stop(s->fills);
	atomic_fetch_sub(&s->proxy->sites_left, 1);
}

/* On the control thread. */

static void
set_tick(struct proxy *p, usec_t every)
{
	struct timeval tv = usec_timeval(every);

	event_add(p->tick, &tv);
}

static void
post_all(struct proxy *p, size_t msg)
{
	atomic_store(&p->sites_left, p->nsites);
	for (unsigned i = 0; i < p->nsites; i++)
		worker_post(p->sites[i].worker, (struct worker_msg *)((char *)&p->sites[i] + msg));
}

static void
drain_step(struct proxy *p)
{
	bool reached = atomic_load(&p->sites_left) == 0;

	switch (p->phase) {
	case PHASE_SERVING:
		return;
	case PHASE_DRAINING:
		if (clock_mono() >= p->cut_at) {
			log_warn("the grace period is over: %u connections are cut",
			    atomic_load(&p->connections));
			p->phase = PHASE_CUT;
			post_all(p, offsetof(struct site, cut));
			return;
		}
		/* FALLTHROUGH */
	case PHASE_CUT:
		if (p->phase == PHASE_DRAINING && !reached)
			return;
		if (atomic_load(&p->connections) > 0)
			return;
		p->phase = PHASE_ENDING;
		post_all(p, offsetof(struct site, end));
		return;
	case PHASE_ENDING:
		if (reached)
			event_base_loopbreak(worker_base(p->control));
		return;
	}
}

static void
ticked(evutil_socket_t fd, short what, void *arg)
{
	struct proxy *p = arg;

	(void)fd;
	(void)what;
	CHECK(p, PROXY_MAGIC);
	pools_sweep(p->pools, clock_mono());
	if (p->phase == PHASE_SERVING && cache_is_pressed(p->cache))
		for (unsigned i = 0; i < p->nsites; i++)
			worker_post(p->sites[i].worker, &p->sites[i].press);
	drain_step(p);
	set_tick(p, p->phase == PHASE_SERVING ? SWEEP_EVERY : DRAIN_LOOK);
}

static void
start_drain(void *arg)
{
	struct proxy *p = arg;

	CHECK(p, PROXY_MAGIC);
	if (p->phase != PHASE_SERVING)
		return;
	p->phase = PHASE_DRAINING;
	p->cut_at = clock_mono() + p->conf->limits.drain;
	atomic_store(&p->draining, 1);
	post_all(p, offsetof(struct site, drain));
	set_tick(p, DRAIN_LOOK);
}

void
proxy_drain(struct proxy *p)
{
	CHECK(p, PROXY_MAGIC);
	worker_post(p->control, &p->drain);
}

/* A new conf on its way to one worker. */
struct handover {
	struct worker_msg	 msg;
	struct worker		*worker;
	struct conf		*conf;		/* a reference, to be the worker's */
};

static void
take_conf(void *arg)
{
	struct handover *h = arg;

	worker_set_conf(h->worker, h->conf);
	free(h);
}

static void
hand_conf(struct worker *w, struct conf *conf)
{
	struct handover *h = XCALLOC(1, sizeof *h);

	h->msg.fn = take_conf;
	h->msg.arg = h;
	h->worker = w;
	h->conf = conf_ref(conf);
	worker_post(w, &h->msg);
}

/* What this version takes over only at start. */
static void
warn_of_restart(const struct conf *running, const struct conf *fresh)
{
	struct buf keys = { 0 };

	conf_print_pending(running, fresh, &keys);
	if (keys.n > 0)
		log_warn("reload: a change of %s takes a restart", buf_str(&keys));
	buf_fini(&keys);
}

static void
apply_log(const struct conf *conf)
{
	log_set_level(conf->log_level);
	log_set_json(conf->log_json);
}

void
proxy_reload(struct proxy *p, struct conf *conf)
{
	CHECK(p, PROXY_MAGIC);
	warn_of_restart(p->conf, conf);
	pools_bind(p->pools, conf);
	health_set(p->health, conf);
	cache_set_limits(p->cache, conf->cache_memory, conf->cache_max_object);
	apply_log(conf);
	for (unsigned i = 0; i < p->nsites; i++)
		hand_conf(p->sites[i].worker, conf);
	hand_conf(p->control, conf);
	conf_unref(p->conf);
	p->conf = conf_ref(conf);
}

/* Putting it together. */

static int
site_init(struct proxy *p, struct site *s, unsigned id)
{
	s->proxy = p;
	s->drain = (struct worker_msg){ .fn = site_drain, .arg = s };
	s->cut = (struct worker_msg){ .fn = site_cut, .arg = s };
	s->end = (struct worker_msg){ .fn = site_end, .arg = s };
	s->press = (struct worker_msg){ .fn = site_press, .arg = s };
	if ((s->worker = worker_new(id, p->conf)) == NULL)
		return -1;
	s->fills = fills_new(s->worker, p->cache);
	s->clients = clients_new(s->worker, p->cache, s->fills);
	s->listener = listener_new(s->worker, &client_gate_ops, s->clients, &p->connections);
	p->workers[id] = s->worker;
	return s->listener == NULL ? -1 : 0;
}

/* Every worker listens on every address; the first one settles a port that the kernel gives. */
static int
bind_all(struct proxy *p, struct buf *why)
{
	p->listening = XCALLOC(p->conf->nlisten, sizeof *p->listening);
	for (unsigned i = 0; i < p->conf->nlisten; i++) {
		struct conf_addr addr = p->conf->listen[i];

		if (listener_probe(&addr) != 0)
			goto fail;
		for (unsigned j = 0; j < p->nsites; j++)
			if (listener_bind(p->sites[j].listener, &addr, &addr) != 0)
				goto fail;
		listener_text(&addr, p->listening[i], ADDRESS_TEXT);
		p->nlistening++;
		continue;
fail:
		buf_addf(why, "cannot listen on %s: %s", addr.text, strerror(errno));
		return -1;
	}
	return 0;
}

static int
open_admin(struct proxy *p, struct buf *why)
{
	struct conf_addr bound = p->conf->admin;

	p->admin_env = (struct admin_env){
		.cache = p->cache,
		.pools = p->pools,
		.workers = p->workers,
		.nworkers = p->nsites,
		.started = clock_mono(),
		.draining = &p->draining,
	};
	if (bound.len == 0)
		return 0;
	p->admin = admin_new(p->control, &p->conf->admin, &p->admin_env, &bound);
	if (p->admin == NULL) {
		buf_addf(why, "cannot listen on %s (admin): %s", p->conf->admin.text,
		    strerror(errno));
		return -1;
	}
	listener_text(&bound, p->admin_address, ADDRESS_TEXT);
	return 0;
}

struct proxy *
proxy_new(struct conf *conf, struct buf *why)
{
	struct hash_seed seed = hash_seed_random();
	struct proxy *p;

	if (listener_selftest() != 0) {
		buf_add_str(why, "this libevent's evhttp is not one that Corral knows");
		return NULL;
	}
	NEW(p, PROXY_MAGIC);
	p->conf = conf_ref(conf);
	p->drain = (struct worker_msg){ .fn = start_drain, .arg = p };
	apply_log(conf);
	p->pools = pools_new();
	pools_bind(p->pools, conf);
	p->cache = cache_new(&seed, conf->cache_memory, conf->cache_max_object);
	p->sites = XCALLOC(conf->workers, sizeof *p->sites);
	p->workers = XCALLOC(conf->workers, sizeof *p->workers);
	if ((p->control = worker_new(conf->workers, conf)) == NULL)
		goto fail;
	p->health = health_new(p->control);
	for (; p->nsites < conf->workers; p->nsites++)
		if (site_init(p, &p->sites[p->nsites], p->nsites) != 0) {
			p->nsites++;
			goto fail;
		}
	if ((p->tick = evtimer_new(worker_base(p->control), ticked, p)) == NULL)
		goto fail;
	if (bind_all(p, why) != 0 || open_admin(p, why) != 0)
		goto fail;
	health_set(p->health, conf);
	return p;
fail:
	if (why->n == 0)
		buf_addf(why, "cannot start: %s", strerror(errno));
	proxy_free(p);
	return NULL;
}

int
proxy_start(struct proxy *p)
{
	CHECK(p, PROXY_MAGIC);
	for (unsigned i = 0; i < p->nsites; i++)
		if (worker_start(p->sites[i].worker) != 0)
			return -1;
	return 0;
}

void
proxy_run(struct proxy *p)
{
	CHECK(p, PROXY_MAGIC);
	set_tick(p, SWEEP_EVERY);
	worker_run(p->control);
}

static void
site_fini(struct site *s)
{
	if (s->listener != NULL) {
		listener_kill(s->listener);
		listener_free(s->listener);
	}
	clients_free(s->clients);
	if (s->fills != NULL)
		fills_stop(s->fills);
	fills_free(s->fills);
}

void
proxy_free(struct proxy *p)
{
	if (p == NULL)
		return;
	CHECK(p, PROXY_MAGIC);
	for (unsigned i = 0; i < p->nsites; i++)
		if (p->sites[i].worker != NULL) {
			worker_stop(p->sites[i].worker);
			worker_join(p->sites[i].worker);
		}
	/* From here on this is the only thread. */
	admin_free(p->admin);
	health_free(p->health);
	for (unsigned i = 0; i < p->nsites; i++)
		site_fini(&p->sites[i]);
	if (p->tick != NULL)
		event_free(p->tick);
	for (unsigned i = 0; i < p->nsites; i++)
		worker_free(p->sites[i].worker);
	worker_free(p->control);
	cache_free(p->cache);
	conf_unref(p->conf);
	pools_free(p->pools);
	free(p->sites);
	free(p->workers);
	free(p->listening);
	FREE(p);
}

const char *
proxy_listening(const struct proxy *p, unsigned i)
{
	CHECK(p, PROXY_MAGIC);
	return i < p->nlistening ? p->listening[i] : NULL;
}

const char *
proxy_admin_address(const struct proxy *p)
{
	CHECK(p, PROXY_MAGIC);
	return p->admin == NULL ? NULL : p->admin_address;
}

struct event_base *
proxy_base(struct proxy *p)
{
	CHECK(p, PROXY_MAGIC);
	return worker_base(p->control);
}
