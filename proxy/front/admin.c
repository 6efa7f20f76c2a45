/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The admin endpoint.  A listener and gates like the proxy's own, so what a client sends is read
 * with the same strictness; a request is answered at once and whole, from a table of pages.
 *
 *	request ─> page ─> answer ──────────────────────> finish
 *	             └ POST: body gathered ─> answer       ↑
 *	                                        └ writable ┘ (the socket was full)
 *
 * An `ask` lives from the request to the end of its answer, and owns what it gathers: at most
 * BODY_MAX.  Who may come here is the operator's choice of address; a browser that was lured into
 * posting here says so by its Origin, and is turned away.
 *
 * Faults are plain text like all of Corral's own, answers are JSON.  Thread rule: the control
 * worker's thread.
 */
#include "front/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <jansson.h>

#include "base/contract.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "front/gate.h"
#include "front/listener.h"
#include "front/reply.h"
#include "front/stats_doc.h"
#include "http/key.h"
#include "http/route.h"

#define BODY_MAX	((size_t)64 << 10)
#define NAME_SHOWN	64	/* characters of a peer's member name in a fault */

/* Owned by the proxy. */
struct admin {
	unsigned			 magic;
#define ADMIN_MAGIC			 0x2ad31b07
	const struct admin_env		*env;
	struct listener			*listener;
};

/* One request.  Owned by its gate's attachment: freed with gate_finish() or GATE_LOST. */
struct ask {
	unsigned		 magic;
#define ASK_MAGIC		 0x0a5c0de1
	struct admin		*admin;
	struct gate		*gate;
	const struct page	*page;
	struct head		 req;
	struct buf		 body;
	bool			 answered;	/* all of the answer was given to the gate */
};

/* What may be asked for.  get or post is NULL where the method isn't allowed. */
struct page {
	const char	*path;
	const char	*allow;
	void		(*get)(struct ask *k);
	void		(*post)(struct ask *k);		/* with the body gathered */
};

/* Answers */

static void
ask_free(struct ask *k)
{
	head_fini(&k->req);
	buf_fini(&k->body);
	FREE(k);
}

/* Gives the answer to the gate.  k is gone afterwards, unless the answer has to wait. */
static void
hand_over(struct ask *k, struct buf *out)
{
	struct gate_piece piece = { .p = out->p, .n = out->n };
	size_t left;

	k->answered = true;
	left = gate_send(k->gate, &piece, 1);
	buf_fini(out);
	if (left > 0)
		return;
	gate_finish(k->gate);
	ask_free(k);
}

static bool
keep_alive10(const struct ask *k)
{
	return k->req.minor == 0 && k->req.keep_alive && !gate_closing(k->gate);
}

static void
answer_json(struct ask *k, int status, struct slice body)
{
	struct buf out = { 0 };

	reply_body(&out, status, "application/json", body, gate_closing(k->gate), keep_alive10(k),
	    method_is(&k->req, "HEAD"), clock_now().wall);
	hand_over(k, &out);
}

static void
answer_fault(struct ask *k, int status, const char *text)
{
	struct reply r = { .status = status, .text = text, .close = gate_closing(k->gate),
	    .keep_alive10 = keep_alive10(k), .to_head = method_is(&k->req, "HEAD") };
	struct buf out = { 0 };

	if (status == 405)
		r.allow = k->page->allow;
	reply_error(&out, &r, clock_now().wall);
	hand_over(k, &out);
}

/* What it is doing, and whether it can */

static void
get_stats(struct ask *k)
{
	struct buf doc = { 0 };

	stats_doc(k->admin->env, &doc);
	answer_json(k, 200, buf_slice(&doc));
	buf_fini(&doc);
}

static void
get_healthz(struct ask *k)
{
	if (atomic_load_explicit(k->admin->env->draining, memory_order_relaxed) != 0)
		answer_json(k, 503, SLICE("{\"status\":\"draining\"}\n"));
	else
		answer_json(k, 200, SLICE("{\"status\":\"ok\"}\n"));
}

static void
get_readyz(struct ask *k)
{
	struct buf doc = { 0 };
	bool ready = stats_doc_ready(k->admin->env, &doc);

	answer_json(k, ready ? 200 : 503, buf_slice(&doc));
	buf_fini(&doc);
}

/* Purging */

/* A peer's text for a message: short, and harmless on a terminal. */
static void
add_shown(struct buf *out, const char *s)
{
	unsigned n = 0;

	for (; *s != '\0' && n < NAME_SHOWN; s++, n++) {
		char c = *s >= 0x20 && *s < 0x7f ? *s : '?';

		buf_add(out, &c, 1);
	}
	if (*s != '\0')
		buf_add_str(out, "...");
}

/* Lists in out the members that mean nothing here, and marks in *later one that will in time. */
static void
find_strangers(json_t *doc, struct buf *out, const char **later)
{
	const char *name;
	json_t *value;

	json_object_foreach(doc, name, value) {
		if (strcmp(name, "url") == 0 || strcmp(name, "all") == 0 ||
		    (strcmp(name, "soft") == 0 && json_is_false(value)))
			continue;
		if (strcmp(name, "tag") == 0 || strcmp(name, "prefix") == 0 ||
		    strcmp(name, "soft") == 0) {
			*later = name;
			continue;
		}
		/* A few are enough to see what is wrong. */
		if (out->n > 4 * NAME_SHOWN)
			continue;
		buf_add_str(out, out->n == 0 ? "unknown member \"" : ", \"");
		add_shown(out, name);
		buf_add_str(out, "\"");
	}
}

/* What is wrong with its value, or NULL.  One of the two is not NULL. */
static const char *
purge_fault(const json_t *url, const json_t *all)
{
	if (url != NULL && all != NULL)
		return "\"url\" and \"all\" exclude each other";
	if (all != NULL)
		return json_is_true(all) ? NULL : "\"all\" must be true";
	return json_is_string(url) ? NULL : "\"url\" must be a string";
}

/* The key that doc asks to purge, or *all; 0, or a status with its text in out. */
static int
purge_key(json_t *doc, bool *all, struct buf *out)
{
	const char *later = NULL, *fault;
	json_t *url;

	if (!json_is_object(doc)) {
		buf_add_str(out,
		    "the body must be a JSON object like {\"url\":\"http://host/path\"}");
		return 400;
	}
	find_strangers(doc, out, &later);
	if (out->n > 0)
		return 400;
	if (later != NULL) {
		buf_addf(out, "purging with \"%s\" is not available in this version", later);
		return 501;
	}
	url = json_object_get(doc, "url");
	*all = json_object_get(doc, "all") != NULL;
	fault = url == NULL && !*all ? "\"url\" or \"all\" is missing" :
	    purge_fault(url, json_object_get(doc, "all"));
	if (fault != NULL) {
		buf_add_str(out, fault);
		return 400;
	}
	if (*all ||
	    key_from_url(slice_of(json_string_value(url), json_string_length(url)), out) == 0)
		return 0;
	out->n = 0;
	buf_add_str(out, "\"url\" must be like http://host/path");
	return 400;
}

/* As a request for that URL would be keyed: by its route's rules for the query. */
static void
apply_route(struct ask *k, struct buf *key)
{
	const struct conf_route *r = route_find(worker_conf(gate_worker(k->gate)), buf_slice(key));

	if (r != NULL)
		key_apply(&r->key, NULL, key);
}

static void
purge_answer(struct ask *k, json_t *doc)
{
	struct cache *c = k->admin->env->cache;
	struct buf text = { 0 };
	bool all = false;
	int status = purge_key(doc, &all, &text);

	if (status != 0) {
		answer_fault(k, status, buf_str(&text));
	} else {
		unsigned n;

		if (!all)
			apply_route(k, &text);
		n = all ? cache_purge_all(c) : cache_purge(c, buf_slice(&text));
		text.n = 0;
		buf_addf(&text, "{\"purged\":%u}\n", n);
		answer_json(k, 200, buf_slice(&text));
	}
	buf_fini(&text);
}

static void
post_purge(struct ask *k)
{
	json_error_t e;
	json_t *doc;
	struct buf text = { 0 };

	doc = json_loadb(k->body.n == 0 ? "" : k->body.p, k->body.n, JSON_REJECT_DUPLICATES, &e);
	if (doc != NULL) {
		purge_answer(k, doc);
		json_decref(doc);
		return;
	}
	buf_add_str(&text, "the body is not JSON: ");
	add_shown(&text, e.text);
	buf_addf(&text, ", line %d column %d", e.line, e.column);
	answer_fault(k, 400, buf_str(&text));
	buf_fini(&text);
}

/* Requests */

static const struct page pages[] = {
	{ "/stats",	"GET, HEAD",	get_stats,	NULL },
	{ "/healthz",	"GET, HEAD",	get_healthz,	NULL },
	{ "/readyz",	"GET, HEAD",	get_readyz,	NULL },
	{ "/purge",	"POST",		NULL,		post_purge },
};

static const struct page *
find_page(const struct head *req)
{
	const char *query = memchr(req->path.p, '?', req->path.n);
	struct slice path = req->path;

	if (query != NULL)
		path.n = (size_t)(query - path.p);
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (slice_eq(path, slice_str(pages[i].path)))
			return &pages[i];
	return NULL;
}

static void
too_large(struct ask *k)
{
	gate_set_close(k->gate);
	answer_fault(k, 413, "a purge request is at most 64 KiB");
}

static void
post(struct ask *k)
{
	if (hdr_get(&k->req, SLICE("Origin")) != NULL) {
		answer_fault(k, 403, "requests of web pages (with Origin) may change nothing here");
	} else if (k->req.framing == FRAMING_LENGTH && k->req.length > BODY_MAX) {
		too_large(k);
	} else {
		gate_body_start(k->gate);
	}
}

static void
request(void *arg, struct gate *g, struct head *req)
{
	struct admin *a = arg;
	struct ask *k;

	CHECK(a, ADMIN_MAGIC);
	NEW(k, ASK_MAGIC);
	k->admin = a;
	k->gate = g;
	k->req = *req;
	memset(req, 0, sizeof *req);
	gate_attach(g, k);
	k->page = find_page(&k->req);
	if (k->page == NULL)
		answer_fault(k, 404, "nothing is here; there are /stats, /healthz, /readyz and "
		    "POST /purge");
	else if (k->page->post != NULL && method_is(&k->req, "POST"))
		post(k);
	else if (k->page->get != NULL &&
	    (method_is(&k->req, "GET") || method_is(&k->req, "HEAD")))
		k->page->get(k);
	else
		answer_fault(k, 405, "this page is not for that method");
}

static bool
body(void *user, const char *p, size_t n)
{
	struct ask *k = user;

	CHECK(k, ASK_MAGIC);
	if (k->answered)
		return false;
	if (n > BODY_MAX - k->body.n) {
		too_large(k);
		return false;
	}
	buf_add(&k->body, p, n);
	return true;
}

static void
body_end(void *user, int status)
{
	struct ask *k = user;

	CHECK(k, ASK_MAGIC);
	if (k->answered)
		return;
	if (status == 0)
		k->page->post(k);
	else
		answer_fault(k, status, "the request's body could not be read");
}

static void
writable(void *user)
{
	struct ask *k = user;

	CHECK(k, ASK_MAGIC);
	if (!k->answered || gate_pending(k->gate) > 0)
		return;
	gate_finish(k->gate);
	ask_free(k);
}

static void
gone(void *user, enum gate_gone how)
{
	struct ask *k = user;

	CHECK(k, ASK_MAGIC);
	switch (how) {
	case GATE_HALF:
		break;			/* it may still read */
	case GATE_LOST:
		ask_free(k);
		break;
	}
}

static void
refused(void *arg, int status)
{
	(void)arg;
	(void)status;
}

static const struct gate_ops ops = {
	.request = request,
	.refused = refused,
	.body = body,
	.body_end = body_end,
	.writable = writable,
	.gone = gone,
};

/* Life */

struct admin *
admin_new(struct worker *control, const struct conf_addr *addr, const struct admin_env *env,
    struct conf_addr *bound)
{
	struct admin *a;
	int error;

	if (listener_probe(addr) == -1)
		return NULL;
	NEW(a, ADMIN_MAGIC);
	a->env = env;
	a->listener = listener_new(control, &ops, a, NULL);
	if (a->listener != NULL && listener_bind(a->listener, addr, bound) == 0)
		return a;
	error = errno;
	admin_free(a);
	errno = error;
	return NULL;
}

void
admin_stop(struct admin *a)
{
	CHECK(a, ADMIN_MAGIC);
	listener_stop(a->listener);
}

void
admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	CHECK(a, ADMIN_MAGIC);
	if (a->listener != NULL) {
		listener_kill(a->listener);
		listener_free(a->listener);
	}
	FREE(a);
}
