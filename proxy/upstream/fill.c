/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fetch for a flight: from the fetch's events to the flight's.
 *
 *	fetch ── head ──> flight_head ──> object, or NULL: nobody wants it, stop
 *	      ── body ──> flight_body ──> false: pause; `look` resumes
 *	      ── end ───> flight_end
 *	      ── fail ──> flight_failed (before the head) or flight_broken
 *
 * `look` is the message by which flight and object say, from any thread, that nobody may want this
 * any more, that many more do, or that there is room again.  What nobody waits for any more, but
 * others could use, goes on if it has begun, as far as the pool bears it; what only one would have
 * had is cancelled.
 */
#include "upstream/fill_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/contract.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stats.h"
#include "http/cond.h"
#include "http/key.h"
#include "http/route.h"
#include "http/tags.h"
#include "upstream/hedge.h"
#include "upstream/resolve.h"

/* Seconds.  Long enough for a client that reads to catch up, short enough for the others. */
#define LAGGARD_PATIENCE	1

struct fill {
	unsigned			 magic;
#define FILL_MAGIC			 0x52e8c9f4
	struct fills			*fills;
	struct flight			*flight;	/* a reference */
	struct obj			*obj;		/* a reference, from the head on */
	struct conf			*conf;		/* a reference */
	const struct conf_upstream	*upstream;
	struct hedge			*fetch;
	struct head			 req;		/* what the answer answers */
	struct buf			 plain;		/* the request without our conditions */
	bool				 whole;		/* without the client's own conditions */
	uint64_t			 client, route;	/* hashes: who asks, and by which route */
	struct now			 asked;
	bool				 paused;
	struct event			*patience;	/* with a reader who holds up the others */
	const struct fill_body_ops	*body;		/* NULL: nobody to tell */
	void				*arg;
	struct worker_msg		 look;
	LIST_ENTRY(fill)		 link;
};

struct fills {
	unsigned		 magic;
#define FILLS_MAGIC		 0x0b6d43e7
	struct worker		*worker;
	struct cache		*cache;
	struct resolver		*resolver;
	LIST_HEAD(, fill)	 all;
};

static void	look(void *arg);
static void	start_fetch(struct fill *f, struct slice head);
static void	fetch_failed(void *arg, const struct fetch_failure *failure);

static const struct flight_failure abandoned = {
	.status = 503, .detail = "abandoned", .text = "nobody waits for this answer",
};
static const struct flight_failure stopping = {
	.status = 503, .detail = "stopping", .text = "Corral is stopping",
};
static const struct flight_failure cut_body = {
	.status = 400, .detail = "request-body", .text = "the request's body broke off",
};

struct fills *
fills_new(struct worker *w, struct cache *c)
{
	struct fills *fs;

	NEW(fs, FILLS_MAGIC);
	fs->worker = w;
	fs->cache = c;
	fs->resolver = resolver_new(w);
	LIST_INIT(&fs->all);
	return fs;
}

/* The one way out: right from any state, the fetch gone already or never started. */
static void
fill_free(struct fill *f)
{
	const struct fill_body_ops *body = f->body;

	f->body = NULL;
	if (f->obj == NULL)
		flight_set_source(f->flight, NULL, NULL);
	worker_unpost(f->fills->worker, &f->look);
	if (f->patience != NULL)
		event_free(f->patience);
	LIST_REMOVE(f, link);
	obj_unref(f->obj);
	flight_unref(f->flight);
	conf_unref(f->conf);
	head_fini(&f->req);
	buf_fini(&f->plain);
	if (body != NULL)
		body->over(f->arg);
	FREE(f);
}

/* Ends it before its time. */
static void
fill_cancel(struct fill *f, const struct flight_failure *why)
{
	hedge_cancel(f->fetch);
	f->fetch = NULL;
	if (f->obj == NULL)
		flight_failed(f->flight, why);
	else
		flight_broken(f->flight);
	fill_free(f);
}

void
fills_stop(struct fills *fs)
{
	struct fill *f;

	CHECK(fs, FILLS_MAGIC);
	while ((f = LIST_FIRST(&fs->all)) != NULL)
		fill_cancel(f, &stopping);
}

void
fills_free(struct fills *fs)
{
	if (fs == NULL)
		return;
	CHECK(fs, FILLS_MAGIC);
	ASSERT(LIST_EMPTY(&fs->all));
	resolver_free(fs->resolver);
	FREE(fs);
}

/* What it is asked by. */

/* Who asks: its address, of IPv6 the network that one customer has (RFC 6177). */
static uint64_t
hash_client(const char *peer)
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, peer, &a) == 1)
		return hash_public(&a, 8);
	return hash_public(peer, strlen(peer));
}

static uint64_t
hash_route(const struct conf_route *route)
{
	const char *host = route->host == NULL ? "" : route->host;
	const char *path = route->path == NULL ? "" : route->path;

	return hash_public(host, strlen(host)) * 31 + hash_public(path, strlen(path));
}

/* What the fetch reports. */

static void
fetch_was_sent(void *arg)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	f->asked = clock_now();
}

/* The URL that a field of the answer points to, if it is of the same origin. */
static void
invalidate_reference(struct fill *f, const struct head *resp, struct slice name)
{
	const struct hdr_field *field = hdr_get(resp, name);
	const struct conf_route *route;
	struct buf key = { 0 };

	if (field != NULL && key_resolve(flight_key(f->flight), field->value, &key) == 0) {
		if ((route = route_find(f->conf, buf_slice(&key))) != NULL)
			key_apply(&route->key, NULL, &key);
		cache_purge(f->fills->cache, buf_slice(&key));
	}
	buf_fini(&key);
}

/* RFC 9111 4.4: an unsafe request that wasn't refused may have changed what we hold. */
static void
invalidate(struct fill *f, const struct head *resp)
{
	struct slice key = flight_key(f->flight);
	struct buf groups = { 0 };

	if (method_is_safe(f->req.method) || resp->status < 200 || resp->status >= 400)
		return;
	flight_note_purges(f->flight);
	cache_purge(f->fills->cache, key);
	invalidate_reference(f, resp, SLICE("Location"));
	invalidate_reference(f, resp, SLICE("Content-Location"));
	/* RFC 9875 3 */
	tags_invalidated(resp, &groups);
	cache_purge_tags(f->fills->cache, buf_slice(&groups), &key);
	buf_fini(&groups);
}

static void
fetch_got_interim(void *arg, struct head *h)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	flight_interim(f->flight, h);
	head_fini(h);
}

/* A 304 for something else than what we hold is no answer: asked once more, without conditions. */
static void
ask_plainly(struct fill *f)
{
	log_info("upstream %s: a 304 that is not about what was asked for; asked again",
	    f->upstream->name);
	hedge_cancel(f->fetch);
	start_fetch(f, buf_slice(&f->plain));
}

/* To a request without conditions there is no 304 (RFC 9110 15.4.5). */
static bool
is_unasked(const struct fill *f, const struct head *resp)
{
	return resp->status == 304 && f->whole && flight_validates(f->flight) == NULL;
}

static void
fetch_got_head(void *arg, struct head *resp)
{
	static const struct fetch_failure unasked = {
		.error = FETCH_MALFORMED, .why = "a 304 to a request without conditions",
	};
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	if (!flight_believes(f->flight, resp)) {
		head_fini(resp);
		ask_plainly(f);
		return;
	}
	if (is_unasked(f, resp)) {
		head_fini(resp);
		hedge_cancel(f->fetch);
		stats_add(worker_stats(f->fills->worker), STAT_upstream_errors, 1);
		fetch_failed(f, &unasked);
		return;
	}
	if (resp->status == 304 && flight_validates(f->flight) != NULL)
		stats_add(worker_stats(f->fills->worker), STAT_revalidated, 1);
	invalidate(f, resp);
	f->obj = flight_head(f->flight, &f->req, resp, f->asked, clock_now());
	if (f->obj == NULL) {
		/* Nobody wants the rest, and the flight is over. */
		hedge_cancel(f->fetch);
		fill_free(f);
		return;
	}
	if (obj_state(f->obj) == OBJ_FILLING)
		obj_set_source(f->obj, f->fills->worker, &f->look);
	/* Who wanted it may have gone between the decision and now. */
	worker_post(f->fills->worker, &f->look);
}

static void
out_of_patience(evutil_socket_t fd, short what, void *arg)
{
	struct fill *f = arg;

	(void)fd;
	(void)what;
	CHECK(f, FILL_MAGIC);
	if (!f->paused || !obj_lagging(f->obj))
		return;
	log_info("upstream %s: readers too slow for a body that many share were cut",
	    f->upstream->name);
	obj_cut_laggards(f->obj);
	look(f);
}

/* While the others wait for it, a laggard has LAGGARD_PATIENCE to catch up. */
static void
watch_laggards(struct fill *f)
{
	static const struct timeval tv = { LAGGARD_PATIENCE, 0 };

	if (!obj_lagging(f->obj))
		return;
	if (f->patience == NULL) {
		f->patience = evtimer_new(worker_base(f->fills->worker), out_of_patience, f);
		ASSERT(f->patience != NULL);
	}
	if (!evtimer_pending(f->patience, NULL))
		evtimer_add(f->patience, &tv);
}

static bool
fetch_got_body(void *arg, const char *p, size_t n)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	f->paused = !flight_body(f->flight, p, n);
	if (f->paused)
		watch_laggards(f);
	return !f->paused;
}

static void
fetch_ended(void *arg)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	f->fetch = NULL;
	flight_end(f->flight);
	fill_free(f);
}

static void
fetch_failed(void *arg, const struct fetch_failure *failure)
{
	struct fill *f = arg;
	struct flight_failure why = fill_failure(failure);

	CHECK(f, FILL_MAGIC);
	f->fetch = NULL;
	if (why.dropped)
		stats_add(worker_stats(f->fills->worker), STAT_refreshes_dropped, 1);
	else
		log_warn("upstream %s%s%s%s: %s: %s", f->upstream->name,
		    failure->server != NULL ? " (" : "",
		    failure->server != NULL ? failure->server : "",
		    failure->server != NULL ? ")" : "", fetch_error_name(failure->error),
		    failure->why);
	if (f->obj != NULL)
		flight_broken(f->flight);
	else
		flight_failed(f->flight, &why);
	fill_free(f);
}

static void
fetch_has_room(void *arg)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	if (f->body != NULL)
		f->body->room(f->arg);
}

static const struct fetch_ops fetch_ops = {
	.sent = fetch_was_sent,
	.head = fetch_got_head,
	.body = fetch_got_body,
	.end = fetch_ended,
	.fail = fetch_failed,
	.room = fetch_has_room,
	.interim = fetch_got_interim,
};

static void
start_fetch(struct fill *f, struct slice head)
{
	struct slice key = flight_key(f->flight);
	struct fetch_request fr = {
		.head = head,
		.to_head = method_is(&f->req, "HEAD"),
		.idempotent = method_is_idempotent(f->req.method),
		.has_body = f->body != NULL,
		.chunked = f->req.framing == FRAMING_CHUNKED,
		.client = f->client,
		.key = hash_public(key.p, key.n),
		.route = f->route,
		.background = flight_is_background(f->flight),
	};

	flight_wanted(f->flight, &fr.wanted);
	f->asked = clock_now();
	f->fetch = hedge_start(f->fills->worker, f->fills->resolver, f->upstream, &fr, &fetch_ops,
	    f);
}

/*
 * Nobody waits for it: true, and it is no more, unless it may go on for the sake of those who will
 * ask (or somebody has come in between).
 */
static bool
gave_up(struct fill *f, enum flight_want want)
{
	if (want == WANT_WAITED_FOR || (want == WANT_KEEPING && hedge_orphan(f->fetch)) ||
	    !flight_give_up(f->flight, &abandoned))
		return false;
	hedge_cancel(f->fetch);
	f->fetch = NULL;
	fill_free(f);
	return true;
}

/* Before the head: somebody has come or gone. */
static void
look_at_waiters(struct fill *f)
{
	unsigned wanted;

	if (!gave_up(f, flight_wanted(f->flight, &wanted)))
		hedge_want(f->fetch, wanted);
}

/* Somebody says that fewer may want this, or many more, or that there is room. */
static void
look(void *arg)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	if (f->obj == NULL) {
		look_at_waiters(f);
		return;
	}
	if (!obj_wanted(f->obj)) {
		fill_cancel(f, &abandoned);
		return;
	}
	if (!f->paused)
		return;
	if (obj_full(f->obj)) {
		watch_laggards(f);
		return;
	}
	f->paused = false;
	if (f->patience != NULL)
		evtimer_del(f->patience);
	hedge_resume(f->fetch);
}

/* The client's side. */

struct fill *
fill_start(struct fills *fs, const struct fill_request *r)
{
	const struct head *stored;
	struct buf head = { 0 };
	struct fill *f;

	CHECK(fs, FILLS_MAGIC);
	NEW(f, FILL_MAGIC);
	f->fills = fs;
	f->flight = r->flight;
	f->conf = conf_ref(r->conf);
	f->upstream = &r->conf->upstreams[r->route->upstream];
	f->body = r->body;
	f->arg = r->arg;
	f->whole = r->whole;
	f->client = hash_client(r->peer);
	f->route = hash_route(r->route);
	f->look.fn = look;
	f->look.arg = f;
	head_copy(&f->req, r->req);
	if (r->whole)
		f->req.method = SLICE("GET");
	LIST_INSERT_HEAD(&fs->all, f, link);
	flight_set_source(f->flight, fs->worker, &f->look);

	if (flight_is_background(f->flight))
		stats_add(worker_stats(fs->worker), STAT_refreshes, 1);
	fill_write_request(&head, r, &f->req, f->upstream, fs->cache);
	if ((stored = flight_validates(f->flight)) != NULL) {
		buf_add_slice(&f->plain, buf_slice(&head));
		buf_add_str(&f->plain, "\r\n");
		cond_emit_validators(stored, &head);
	}
	buf_add_str(&head, "\r\n");
	start_fetch(f, buf_slice(&head));
	buf_fini(&head);
	return f;
}

bool
fill_send_body(struct fill *f, const char *p, size_t n)
{
	CHECK(f, FILL_MAGIC);
	return hedge_send_body(f->fetch, p, n);
}

void
fill_send_end(struct fill *f)
{
	CHECK(f, FILL_MAGIC);
	hedge_send_end(f->fetch);
}

void
fill_abort(struct fill *f)
{
	CHECK(f, FILL_MAGIC);
	f->body = NULL;
	fill_cancel(f, &cut_body);
}

void
fill_detach(struct fill *f)
{
	CHECK(f, FILL_MAGIC);
	f->body = NULL;
}
