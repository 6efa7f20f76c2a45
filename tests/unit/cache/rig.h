/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of this room share: a clock they set, heads, bodies that can be checked, and
 * guests, who ask the cache as a client would.
 *
 * Two ways to run: a worker whose loop the test turns itself (rig_turn), so that every order is the
 * test's own; or worker threads, with rig_call() to do something on one of them.  What runs on a
 * worker's thread checks with ASSERT.
 */
#ifndef CORRAL_TESTS_UNIT_CACHE_RIG_H
#define CORRAL_TESTS_UNIT_CACHE_RIG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/contract.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "cache/reader.h"

#include "tests/unit/unit.h"

/* The clock: this wins over libproxy.a's. */

static _Atomic int64_t rig_mono = 1000 * USEC_PER_SEC;

usec_t
clock_mono(void)
{
	return atomic_load(&rig_mono);
}

struct now
clock_now(void)
{
	usec_t mono = clock_mono();

	return (struct now){ .mono = mono, .wall = mono + 1700000000 * USEC_PER_SEC };
}

static inline void
rig_pass(usec_t t)
{
	atomic_fetch_add(&rig_mono, t);
}

/* Heads.  fields: "Name: value\n" ... */

static inline void
rig_fields(struct head *h, const char *fields)
{
	const char *colon, *end;

	for (; *fields != '\0'; fields = end + 1) {
		colon = strstr(fields, ": ");
		end = strchr(fields, '\n');
		hdr_add(h, slice_of(fields, (size_t)(colon - fields)),
		    slice_of(colon + 2, (size_t)(end - colon - 2)));
	}
}

static inline void
rig_request(struct head *h, const char *method, const char *fields)
{
	memset(h, 0, sizeof *h);
	h->minor = 1;
	h->method = slice_str(method);
	h->framing = FRAMING_NONE;
	rig_fields(h, fields);
}

#define RIG_NO_LENGTH	(-1)
#define RIG_NO_BODY	(-2)

static inline void
rig_response(struct head *h, int status, const char *fields, int64_t length)
{
	memset(h, 0, sizeof *h);
	h->minor = 1;
	h->status = status;
	h->framing = length == RIG_NO_BODY ? FRAMING_NONE :
	    length == RIG_NO_LENGTH ? FRAMING_CHUNKED : FRAMING_LENGTH;
	h->length = length < 0 ? 0 : (uint64_t)length;
	rig_fields(h, fields);
}

/* The byte of every body at that offset. */
static inline char
rig_byte(uint64_t off)
{
	return (char)(off * 31 + (off >> 8) * 7 + (off >> 16));
}

static inline void
rig_body(char *p, uint64_t off, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = rig_byte(off + i);
}

/* Loops. */

/* Runs what is there for a worker without a thread, and what that posts, to the end. */
static inline void
rig_turn(struct worker *w)
{
	event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
}

struct rig_call {
	struct worker_msg	 msg;
	void			(*fn)(void *);
	void			*arg;
	pthread_mutex_t		 lock;
	pthread_cond_t		 cond;
	bool			 done;
};

static inline void
rig_called(void *arg)
{
	struct rig_call *c = arg;

	c->fn(c->arg);
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&c->lock);
}

/* fn(arg) on w's thread; returns when it is done. */
static inline void
rig_call(struct worker *w, void (*fn)(void *), void *arg)
{
	struct rig_call c = { .msg = { .fn = rig_called }, .fn = fn, .arg = arg };

	c.msg.arg = &c;
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.cond, NULL);
	worker_post(w, &c.msg);
	pthread_mutex_lock(&c.lock);
	while (!c.done)
		pthread_cond_wait(&c.cond, &c.lock);
	pthread_mutex_unlock(&c.lock);
	pthread_cond_destroy(&c.cond);
	pthread_mutex_destroy(&c.lock);
}

/* Something that many threads count down and one waits for. */
struct rig_count {
	pthread_mutex_t	 lock;
	pthread_cond_t	 cond;
	unsigned	 left;
};

static inline void
rig_count_init(struct rig_count *c, unsigned n)
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->cond, NULL);
	c->left = n;
}

static inline void
rig_count_add(struct rig_count *c, int n)
{
	pthread_mutex_lock(&c->lock);
	ASSERT(n > 0 || c->left > 0);
	c->left = (unsigned)((int)c->left + n);
	pthread_cond_broadcast(&c->cond);
	pthread_mutex_unlock(&c->lock);
}

static inline void
rig_count_wait(struct rig_count *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->left > 0)
		pthread_cond_wait(&c->cond, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static inline void
rig_workers_start(struct worker **w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		w[i] = worker_new(i, NULL);
		ASSERT(w[i] != NULL && worker_start(w[i]) == 0);
	}
}

static inline void
rig_workers_stop(struct worker **w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		worker_stop(w[i]);
	for (unsigned i = 0; i < n; i++) {
		worker_join(w[i]);
		worker_free(w[i]);
	}
}

static inline unsigned
rig_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

/* A cache and a route to ask it by. */

static const struct conf_route rig_route = {
	.cache = true,
	.coalesce = COALESCE_SHAREABLE,
	.park_limit = 100000,
	.park_timeout = 60 * USEC_PER_SEC,
};

static inline struct cache *
rig_cache(size_t memory, size_t max_object)
{
	const struct hash_seed seed = { 1, 2 };

	return cache_new(&seed, memory, max_object);
}

static inline struct cache_figures
rig_figures(struct cache *c)
{
	struct cache_figures f;

	cache_figures(c, &f);
	return f;
}

/* The end of a test: cache_free() asserts that nothing is left, whatever it did. */
static inline void
rig_end(struct worker *w, struct cache *c)
{
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).transit_bytes, 0);
	cache_purge_all(c);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
	cache_free(c);
	worker_free(w);
}

/* Guests. */

struct guest {
	struct worker		*worker;
	struct head		 req;
	struct wait		 wait;
	struct lookup		 lk;
	enum verdict		 verdict;
	unsigned		 wakes;		/* of the wait */
	unsigned		 body_wakes;
	void			(*more)(void *);	/* the reader's; set before guest_open() */
	void			*more_arg;
	struct obj		*obj;		/* a reference, from guest_open() on */
	struct reader		 reader;
	enum reader_state	 state;
};

static inline void
guest_woken(void *arg)
{
	((struct guest *)arg)->wakes++;
}

static inline void
guest_more(void *arg)
{
	((struct guest *)arg)->body_wakes++;
}

static inline void
guest_init(struct guest *g, struct worker *w, const char *method, const char *fields)
{
	memset(g, 0, sizeof *g);
	g->worker = w;
	rig_request(&g->req, method, fields);
	wait_init(&g->wait, w, guest_woken, g);
	g->more = guest_more;
	g->more_arg = g;
}

static inline enum verdict
guest_ask_by(struct guest *g, struct cache *c, const char *key, const struct conf_route *route,
    bool alone)
{
	g->lk = (struct lookup){
		.key = slice_str(key), .req = &g->req, .route = route, .alone = alone,
		.now = clock_now(),
	};
	g->verdict = cache_lookup(c, &g->lk, &g->wait);
	return g->verdict;
}

static inline enum verdict
guest_ask(struct guest *g, struct cache *c, const char *key)
{
	return guest_ask_by(g, c, key, &rig_route, false);
}

/* Of what the lookup found. */
static inline usec_t
guest_age(const struct guest *g)
{
	return cache_age(obj_meta(g->lk.obj), g->lk.now.mono);
}

/* The flight's answer went into the store. */
static inline bool
guest_stored(const struct guest *g)
{
	struct flight_facts facts;

	flight_facts(&g->wait, &facts);
	return facts.stored;
}

/* Becomes a reader of what it hit or waited for. */
static inline void
guest_open(struct guest *g)
{
	bool expected = true;

	if (g->lk.obj != NULL) {
		g->obj = g->lk.obj;
		g->lk.obj = NULL;
		expected = g->lk.expected;
	} else {
		g->obj = wait_take(&g->wait, &expected);
	}
	reader_open(&g->reader, g->obj, expected, g->worker, g->more, g->more_arg);
}

/* Reads at most limit bytes (as far as there are any) and checks them.  How many it were. */
static inline size_t
guest_read(struct guest *g, size_t limit)
{
	struct obj_piece piece[4];
	size_t all = 0;
	unsigned n;

	while (limit > 0) {
		uint64_t off = g->reader.off;

		n = reader_read(&g->reader, piece, 4, limit, &g->state);
		if (n == 0)
			break;
		for (unsigned i = 0; i < n; i++) {
			for (size_t k = 0; k < piece[i].n; k++)
				ASSERT(piece[i].p[k] == rig_byte(off + k));
			off += piece[i].n;
			all += piece[i].n;
			limit -= piece[i].n;
			seg_unref(piece[i].seg);
		}
		ASSERT(off == g->reader.off);
	}
	return all;
}

/* Leaves everything; may ask again. */
static inline void
guest_leave(struct guest *g)
{
	if (g->reader.magic != 0)
		reader_close(&g->reader);
	obj_unref(g->obj);
	g->obj = NULL;
	flight_leave(&g->wait);
}

static inline void
guest_fini(struct guest *g)
{
	guest_leave(g);
	head_fini(&g->req);
}

/* The source's side, for the leader's request; the head came just now and at once. */

static inline struct obj *
rig_head(struct flight *fl, const struct head *req, int status, const char *fields, int64_t length)
{
	struct head resp;

	rig_response(&resp, status, fields, length);
	return flight_head(fl, req, &resp, clock_now(), clock_now());
}

/* n bytes of the body from off.  What the last flight_body() said. */
static inline bool
rig_feed(struct flight *fl, uint64_t off, size_t n)
{
	char *p = malloc(n);
	bool more;

	ASSERT(p != NULL);
	rig_body(p, off, n);
	more = flight_body(fl, p, n);
	free(p);
	return more;
}

/* The head of a fetch that a guest led, and nothing after it: it ends there, or is over already. */
static inline void
rig_bare(struct guest *leader, int status, const char *fields)
{
	struct flight *fl = leader->lk.flight;
	struct head resp;
	struct obj *o;

	rig_response(&resp, status, fields, RIG_NO_BODY);
	ASSERT(flight_believes(fl, &resp));
	o = flight_head(fl, &leader->req, &resp, clock_now(), clock_now());
	if (o != NULL)
		flight_end(fl);
	obj_unref(o);
	flight_unref(fl);
	leader->lk.flight = NULL;
}

static inline void
rig_fail(struct guest *leader)
{
	static const struct flight_failure no_answer = {
		.status = 502, .detail = "connect", .text = "no answer",
		.blame = BLAME_BACKEND,
	};

	flight_failed(leader->lk.flight, &no_answer);
	flight_unref(leader->lk.flight);
	leader->lk.flight = NULL;
}

/* The value of a field of a head, or "": several lines are joined by "|". */
static inline const char *
rig_field(const struct head *h, const char *name)
{
	static char text[512];
	const struct hdr_field *f = NULL;
	size_t n = 0;

	text[0] = '\0';
	while ((f = hdr_next(h, slice_str(name), f)) != NULL)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n > 0 ? "|" : "",
		    (int)f->value.n, f->value.p);
	return text;
}

static inline bool
rig_buf_has(const struct buf *b, const char *text)
{
	return b->n > 0 && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* The whole of a fetch that a guest led: a stored, sealed answer of that length. */
static inline void
rig_answer(struct guest *leader, const char *fields, size_t n)
{
	struct flight *fl = leader->lk.flight;
	struct obj *o = rig_head(fl, &leader->req, 200, fields, (int64_t)n);

	ASSERT(o != NULL);
	if (n > 0)
		rig_feed(fl, 0, n);
	flight_end(fl);
	obj_unref(o);
	flight_unref(fl);
	leader->lk.flight = NULL;
}

#endif
