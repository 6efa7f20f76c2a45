/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a prober for each server that is to be checked, with a timer that never stops.
 *
 *	P_WAITING ── interval over ──> P_DIALING ── connected ──> P_ASKING ── head, or failure ─┐
 *	    ^                              └────────── no connection ──────────────────────────┤
 *	    └──────────────────────────────────────────────────────────────────────────────────┘
 *
 * In P_WAITING the timer is set for the next check, else for the end of this one's time.
 * Only the head's status counts; the rest is not read, and the connection is closed: a server that
 * can't take new connections isn't healthy.
 *
 * A new configuration makes new probers; one whose upstream, server and check are the same takes
 * over what the old one had counted.
 *
 * Threads: all on the control worker's; what was found goes to the pool, which has a lock.
 */
#include "upstream/health.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/contract.h"
#include "base/log.h"
#include "upstream/dial.h"
#include "upstream/pool.h"
#include "upstream/resolve.h"
#include "upstream/response.h"

enum prober_state {
	P_WAITING,
	P_DIALING,			/* dial */
	P_ASKING,			/* bev, answer */
};

struct prober {
	unsigned			 magic;
#define PROBER_MAGIC			 0x3ea17b0c
	enum prober_state		 state;
	struct health			*health;
	struct conf			*conf;		/* a reference, for u */
	const struct conf_upstream	*u;
	struct pool			*pool;		/* a reference */
	struct server			*server;	/* a reference */
	struct event			*timer;
	struct dial			*dial;
	struct bufferevent		*bev;
	struct response			 answer;
	usec_t				 began;		/* mono: this check */
	bool				 up;
	unsigned			 in_a_row;	/* outcomes that speak against `up` */
	LIST_ENTRY(prober)		 link;
};

LIST_HEAD(prober_list, prober);

struct health {
	unsigned		 magic;
#define HEALTH_MAGIC		 0x51c0ffe1
	struct worker		*worker;
	struct resolver		*resolver;
	struct prober_list	 all;
};

struct health *
health_new(struct worker *control)
{
	struct health *h;

	NEW(h, HEALTH_MAGIC);
	h->worker = control;
	h->resolver = resolver_new(control);
	LIST_INIT(&h->all);
	return h;
}

static void
set_timer(struct prober *p, usec_t t)
{
	struct timeval tv = usec_timeval(t < 0 ? 0 : t);

	event_add(p->timer, &tv);
}

/* Of this check nothing is left. */
static void
let_go(struct prober *p)
{
	int fd;

	if (p->state == P_DIALING)
		dial_cancel(p->dial);
	if (p->state == P_ASKING) {
		/* Closed last: its number may be another thread's at once. */
		fd = bufferevent_getfd(p->bev);
		bufferevent_setfd(p->bev, -1);
		bufferevent_free(p->bev);
		close(fd);
		response_fini(&p->answer);
	}
	p->state = P_WAITING;
}

static void
prober_free(struct prober *p)
{
	let_go(p);
	LIST_REMOVE(p, link);
	event_free(p->timer);
	server_unref(p->server);
	pool_unref(p->pool);
	conf_unref(p->conf);
	FREE(p);
}

static void
free_all(struct prober_list *list)
{
	struct prober *p;

	while ((p = LIST_FIRST(list)) != NULL)
		prober_free(p);
}

void
health_free(struct health *h)
{
	if (h == NULL)
		return;
	CHECK(h, HEALTH_MAGIC);
	free_all(&h->all);
	resolver_free(h->resolver);
	FREE(h);
}

/* One check is over.  why: static, NULL: it went well. */
static void
outcome(struct prober *p, const char *why)
{
	const struct conf_health *c = &p->u->health;
	usec_t mono = clock_mono();
	bool good = why == NULL;

	let_go(p);
	set_timer(p, c->interval - (mono - p->began));
	if (good == p->up) {
		p->in_a_row = 0;
		return;
	}
	if (++p->in_a_row < (good ? c->rise : c->fall))
		return;
	p->in_a_row = 0;
	p->up = good;
	pool_set_health(p->pool, p->server, good, mono);
	if (good)
		log_info("upstream %s (%s): healthy again", p->u->name,
		    server_conf(p->server)->url);
	else
		log_warn("upstream %s (%s): unhealthy: %s", p->u->name,
		    server_conf(p->server)->url, why);
}

/* Only the status counts. */
static void
on_read(struct bufferevent *bev, void *arg)
{
	struct prober *p = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t room, n = evbuffer_get_length(input);
	struct head h = { 0 };
	enum response_step step;
	struct slice data;
	int status;

	CHECK(p, PROBER_MAGIC);
	if (n == 0)
		return;
	evbuffer_remove(input, response_room(&p->answer, n, &room), n);
	response_put(&p->answer, n);
	while ((step = response_read(&p->answer, &h, &data)) == RESPONSE_INTERIM)
		head_fini(&h);
	if (step == RESPONSE_MORE)
		return;
	status = step == RESPONSE_HEAD ? h.status : 0;
	head_fini(&h);
	outcome(p, status == 0 ? "no valid answer to its check" :
	    status < 400 ? NULL : "its check was answered with an error status");
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct prober *p = arg;

	(void)bev;
	(void)what;
	CHECK(p, PROBER_MAGIC);
	outcome(p, "the connection of its check broke");
}

static void
ask(struct prober *p, int fd)
{
	struct evbuffer *out;

	p->bev = bufferevent_socket_new(worker_base(p->health->worker), fd, 0);
	if (p->bev == NULL) {
		close(fd);
		set_timer(p, p->u->health.interval);
		return;
	}
	p->state = P_ASKING;
	response_init(&p->answer, false);
	bufferevent_setcb(p->bev, on_read, NULL, on_event, p);
	out = bufferevent_get_output(p->bev);
	evbuffer_add_printf(out, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: corral/health\r\n"
	    "Connection: close\r\n\r\n", p->u->health.path, server_conf(p->server)->authority);
	bufferevent_enable(p->bev, EV_READ | EV_WRITE);
}

static void
dialed(void *arg, int fd, enum dial_result result, const char *why)
{
	struct prober *p = arg;

	CHECK(p, PROBER_MAGIC);
	p->state = P_WAITING;
	p->dial = NULL;
	if (result == DIAL_CONNECTED)
		ask(p, fd);
	else if (result == DIAL_RESOURCES)
		/* Ours, and says nothing of the server. */
		set_timer(p, p->u->health.interval);
	else
		outcome(p, why);
}

static void
ticked(evutil_socket_t fd, short what, void *arg)
{
	struct prober *p = arg;

	(void)fd;
	(void)what;
	CHECK(p, PROBER_MAGIC);
	if (p->state != P_WAITING) {
		outcome(p, "no answer to its check within health.timeout");
		return;
	}
	p->began = clock_mono();
	set_timer(p, p->u->health.timeout);
	p->state = P_DIALING;
	p->dial = dial_start(p->health->worker, p->health->resolver, server_conf(p->server),
	    p->u->health.timeout, dialed, p);
}

/* Another configuration's prober for the same, or NULL. */
static struct prober *
find(struct prober_list *list, const struct conf_upstream *u, const struct server *s)
{
	struct prober *p;

	LIST_FOREACH(p, list, link)
		if (p->server == s && p->pool == u->runtime &&
		    strcmp(p->u->health.path, u->health.path) == 0)
			return p;
	return NULL;
}

/* s: a reference, moved. */
static void
start(struct health *h, struct conf *conf, const struct conf_upstream *u, struct server *s,
    const struct prober *was, usec_t first)
{
	struct prober *p;

	NEW(p, PROBER_MAGIC);
	p->health = h;
	p->conf = conf_ref(conf);
	p->u = u;
	p->pool = pool_ref(u->runtime);
	p->server = s;
	p->up = was == NULL || was->up;
	p->in_a_row = was == NULL ? 0 : was->in_a_row;
	p->timer = evtimer_new(worker_base(h->worker), ticked, p);
	ASSERT(p->timer != NULL);
	LIST_INSERT_HEAD(&h->all, p, link);
	set_timer(p, first);
}

/* Those of one upstream, the first checks spread over the interval. */
static void
check_upstream(struct health *h, struct conf *conf, const struct conf_upstream *u,
    struct prober_list *old)
{
	struct server *s[CONF_SERVERS_MAX];
	unsigned n = pool_servers(u->runtime, s);

	for (unsigned i = 0; i < n; i++) {
		struct prober *was = u->health.path == NULL ? NULL : find(old, u, s[i]);

		if (was == NULL)
			pool_set_health(u->runtime, s[i], true, clock_mono());
		if (u->health.path != NULL)
			start(h, conf, u, s[i], was, u->health.interval * i / n);
		else
			server_unref(s[i]);
	}
}

void
health_set(struct health *h, struct conf *conf)
{
	struct prober_list old = LIST_HEAD_INITIALIZER(old);
	struct prober *p;

	CHECK(h, HEALTH_MAGIC);
	while ((p = LIST_FIRST(&h->all)) != NULL) {
		LIST_REMOVE(p, link);
		LIST_INSERT_HEAD(&old, p, link);
	}
	for (unsigned i = 0; i < conf->nupstreams; i++)
		check_upstream(h, conf, &conf->upstreams[i], &old);
	free_all(&old);
}
