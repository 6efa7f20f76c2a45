/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a client's request to the upstream's, and from the fetch's events to the flight's.
 *
 * What goes up is written anew from what was understood.  The client was relieved of hop-by-hop
 * fields (RFC 9110 7.6.1) and of X-Forwarded-* before the lookup; here we say what we know.  Via is
 * appended (7.6.3).  Of what may be shared, Host, path and the lists of Accept go up in the normal
 * form of the key and of Vary: two spellings that are one to us must not get two answers from the
 * backend.  Else they go up as they came.
 *
 *	fetch ── head ──> flight_head ──> object, or NULL: nobody wants it, stop
 *	      ── body ──> flight_body ──> false: pause; `look` resumes
 *	      ── end ───> flight_end
 *	      ── fail ──> flight_failed (before the head) or flight_broken
 *
 * `look` is the message by which flight and object say, from any thread, that nobody may want this
 * any more, or that there is room again.
 */
#include "upstream/fill.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/contract.h"
#include "base/log.h"
#include "base/stats.h"
#include "http/cond.h"
#include "http/fresh.h"
#include "http/key.h"
#include "http/route.h"
#include "http/tags.h"
#include "http/vary.h"
#include "upstream/fetch.h"
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
	struct fetch			*fetch;
	struct head			 req;		/* what the answer answers */
	struct buf			 plain;		/* the request without our conditions */
	bool				 whole;		/* without the client's own conditions */
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
static void	fetch_failed(void *arg, enum fetch_error error, const char *why);

static const struct flight_failure abandoned = {
	503, "abandoned", "nobody waits for this answer"
};
static const struct flight_failure stopping = { 503, "stopping", "Corral is stopping" };
static const struct flight_failure cut_body = {
	400, "request-body", "the request's body broke off"
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
	fetch_cancel(f->fetch);
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

/* The request that goes up. */

/* RFC 9110 7.6.3: a pseudonym, and a comment by which we know our own. */
static void
add_via(const struct cache *c, struct buf *out)
{
	buf_addf(out, "corral (%08x)", (unsigned)cache_identity(c));
}

bool
fill_is_loop(const struct cache *c, const struct head *req)
{
	const struct hdr_field *f = NULL;
	struct buf mine = { 0 };
	bool loop = false;

	if (hdr_get(req, SLICE("Via")) == NULL)
		return false;
	add_via(c, &mine);
	while (!loop && (f = hdr_next(req, SLICE("Via"), f)) != NULL)
		loop = memmem(f->value.p, f->value.n, mine.p, mine.n) != NULL;
	buf_fini(&mine);
	return loop;
}

/* Said anew by us, or no business of the upstream's. */
static bool
is_ours(struct slice name)
{
	static const struct slice ours[] = {
		SLICE_INIT("Host"), SLICE_INIT("Content-Length"), SLICE_INIT("Expect"),
	};

	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (slice_caseeq(name, ours[i]))
			return true;
	return false;
}

/*
 * What a client asks of caches, which the route has us ignore: then one that stands between us and
 * the backend must not follow it either.
 */
static bool
is_control(struct slice name)
{
	return slice_caseeq(name, SLICE("Cache-Control")) || slice_caseeq(name, SLICE("Pragma"));
}

static void
write_body_framing(struct buf *out, const struct head *req)
{
	if (req->framing == FRAMING_LENGTH) {
		buf_add_str(out, "Content-Length: ");
		buf_add_u64(out, req->length);
		buf_add_str(out, "\r\n");
	} else if (req->framing == FRAMING_CHUNKED) {
		buf_add_str(out, "Transfer-Encoding: chunked\r\n");
	}
}

/* Without the empty line. */
static void
write_request(struct buf *out, const struct fill_request *r, const struct head *req,
    const struct conf_upstream *u, const struct cache *c)
{
	struct slice authority, path;
	struct buf host = { 0 };

	key_split(r->key, &authority, &path);
	if (req->authority.n == 0)
		buf_add_str(&host, u->server.authority);
	else if (r->whole)
		key_authority(req, &host);
	else
		buf_add_slice(&host, req->authority);
	buf_add_slice(out, req->method);
	buf_add_str(out, " ");
	buf_add_slice(out, r->whole ? path : req->path);
	buf_add_str(out, " HTTP/1.1\r\n");
	hdr_emit_field(out, SLICE("Host"), buf_slice(&host));
	for (unsigned i = 0; i < req->n; i++) {
		const struct hdr_field *f = &req->f[i];

		if (is_ours(f->name) || (r->whole && (fresh_field_partial(f->name) ||
		    (!r->route->client_control && is_control(f->name)))))
			continue;
		if (!r->whole || !vary_respell(req, f, out))
			hdr_emit_field(out, f->name, f->value);
	}
	buf_addf(out, "Via: 1.%d ", req->minor);
	add_via(c, out);
	buf_add_str(out, "\r\n");
	hdr_emit_field(out, SLICE("X-Forwarded-For"), slice_str(r->peer));
	hdr_emit_field(out, SLICE("X-Forwarded-Proto"), SLICE("http"));
	if (req->authority.n > 0)
		hdr_emit_field(out, SLICE("X-Forwarded-Host"), buf_slice(&host));
	write_body_framing(out, req);
	buf_fini(&host);
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
	fetch_cancel(f->fetch);
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
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	if (!flight_believes(f->flight, resp)) {
		head_fini(resp);
		ask_plainly(f);
		return;
	}
	if (is_unasked(f, resp)) {
		head_fini(resp);
		fetch_cancel(f->fetch);
		stats_add(worker_stats(f->fills->worker), STAT_upstream_errors, 1);
		fetch_failed(f, FETCH_MALFORMED, "a 304 to a request without conditions");
		return;
	}
	if (resp->status == 304 && flight_validates(f->flight) != NULL)
		stats_add(worker_stats(f->fills->worker), STAT_revalidated, 1);
	invalidate(f, resp);
	f->obj = flight_head(f->flight, &f->req, resp, f->asked, clock_now());
	if (f->obj == NULL) {
		/* Nobody wants the rest, and the flight is over. */
		fetch_cancel(f->fetch);
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

static const char *
failure_text(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
		return "the upstream's name has no address";
	case FETCH_CONNECT:
		return "the upstream could not be reached";
	case FETCH_CLOSED:
		return "the upstream closed the connection without an answer";
	case FETCH_QUEUE_FULL:
		return "too many requests wait for the upstream";
	case FETCH_QUEUE_TIMEOUT:
		return "no connection to the upstream became free in time";
	case FETCH_CONNECT_TIMEOUT:
		return "the upstream's name was not resolved, or its connection not made, in time";
	case FETCH_FIRST_BYTE_TIMEOUT:
		return "the upstream did not answer in time";
	case FETCH_IDLE_TIMEOUT:
		return "the upstream stopped in the middle of its answer";
	case FETCH_TOTAL_TIMEOUT:
		return "the upstream's answer took too long";
	case FETCH_MALFORMED:
		return "the upstream's answer was not valid HTTP, or its head too large";
	case FETCH_TRUNCATED:
		return "the upstream's answer was cut short";
	case FETCH_RESOURCES:
		return "Corral is out of sockets for the upstream";
	}
	return "the upstream failed";
}

static void
fetch_failed(void *arg, enum fetch_error error, const char *why)
{
	struct fill *f = arg;
	struct flight_failure failure = {
		fetch_error_status(error), fetch_error_name(error), failure_text(error),
	};

	CHECK(f, FILL_MAGIC);
	f->fetch = NULL;
	log_warn("upstream %s (%s): %s: %s", f->upstream->name, f->upstream->server.url,
	    fetch_error_name(error), why);
	if (f->obj != NULL)
		flight_broken(f->flight);
	else
		flight_failed(f->flight, &failure);
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
	struct fetch_request fr = {
		.head = head,
		.to_head = method_is(&f->req, "HEAD"),
		.idempotent = method_is_idempotent(f->req.method),
		.has_body = f->body != NULL,
		.chunked = f->req.framing == FRAMING_CHUNKED,
	};

	f->asked = clock_now();
	f->fetch = fetch_start(f->fills->worker, f->fills->resolver, f->upstream, &fr, &fetch_ops,
	    f);
}

/* Somebody says that this may not be wanted any more, or that there is room. */
static void
look(void *arg)
{
	struct fill *f = arg;

	CHECK(f, FILL_MAGIC);
	if (f->obj == NULL ? !flight_wanted(f->flight) : !obj_wanted(f->obj)) {
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
	fetch_resume(f->fetch);
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
	f->look.fn = look;
	f->look.arg = f;
	head_copy(&f->req, r->req);
	if (r->whole)
		f->req.method = SLICE("GET");
	LIST_INSERT_HEAD(&fs->all, f, link);
	flight_set_source(f->flight, fs->worker, &f->look);

	write_request(&head, r, &f->req, f->upstream, fs->cache);
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
	return fetch_send_body(f->fetch, p, n);
}

void
fill_send_end(struct fill *f)
{
	CHECK(f, FILL_MAGIC);
	fetch_send_end(f->fetch);
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
