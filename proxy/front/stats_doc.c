/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each source is read once and then written down, so that what belongs together adds up in every
 * document: outcomes to `requests`, buckets to their count.  Sources are read one after another,
 * while the others go on: a client may be `parked` here and not yet counted there.
 *
 * Its size is bounded: by the number of upstreams and servers that the conf names, by
 * LEARNED_SHOWN, and by the buckets of a histogram, of which only those in use are listed.
 *
 * Text that isn't ours is given to jansson as it is, which escapes what JSON wants escaped and
 * refuses what is no UTF-8: that is shown as "?".
 */
#include "front/stats_doc.h"

#include <stdio.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/contract.h"
#include "base/histo.h"
#include "base/stats.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "cache/learn.h"
#include "upstream/pool.h"
#include "upstream/pools.h"
#include "front/admin.h"

#define LEARNED_SHOWN	32

/* Building blocks.  Values are ours to give away. */

static void
put_new(json_t *doc, const char *name, json_t *value)
{
	ASSERT(json_object_set_new(doc, name, value) == 0);
}

static void
put(json_t *doc, const char *name, uint64_t v)
{
	put_new(doc, name, json_integer((json_int_t)v));
}

static void
put_text(json_t *doc, const char *name, const char *text)
{
	json_t *s = json_string(text);

	put_new(doc, name, s != NULL ? s : json_string("?"));
}

/* The last bucket has no end. */
static json_t *
bound(usec_t t)
{
	return t == USEC_NEVER ? json_null() : json_integer(t);
}

static void
append(json_t *list, json_t *value)
{
	ASSERT(json_array_append_new(list, value) == 0);
}

static int
dump_to_buf(const char *p, size_t n, void *arg)
{
	buf_add(arg, p, n);
	return 0;
}

/* doc's text and a newline.  Takes doc. */
static void
dump(json_t *doc, size_t flags, struct buf *out)
{
	ASSERT(json_dump_callback(doc, dump_to_buf, out, flags) == 0);
	buf_add_str(out, "\n");
	json_decref(doc);
}

/* Counters and histograms of the workers */

static void
put_counters(json_t *doc, const struct admin_env *env)
{
	uint64_t v[STAT_COUNT] = { 0 };
	uint64_t requests = 0;

	for (unsigned i = 0; i < env->nworkers; i++)
		stats_sum(worker_stats(env->workers[i]), v);
	for (unsigned i = STAT_hit; i <= STAT_error; i++)
		requests += v[i];
	put(doc, "requests", requests);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		put(doc, stats_name(i), v[i]);
}

static json_t *
histogram(const uint64_t count[HISTO_BUCKETS], uint64_t sum)
{
	static const struct {
		const char	*name;
		double		 share;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 } };
	json_t *doc = json_object(), *buckets = json_array();
	uint64_t total = 0;
	usec_t max = 0;

	for (unsigned i = 0; i < HISTO_BUCKETS; i++) {
		if (count[i] == 0)
			continue;
		total += count[i];
		max = histo_bound(i);
		append(buckets, json_pack("[o,I]", bound(max), (json_int_t)count[i]));
	}
	put(doc, "count", total);
	put(doc, "sum", sum);
	for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
		put_new(doc, quantiles[i].name, bound(histo_quantile(count, quantiles[i].share)));
	put_new(doc, "max", bound(max));
	put_new(doc, "buckets", buckets);
	return doc;
}

static void
put_times(json_t *doc, const struct admin_env *env)
{
	for (unsigned what = 0; what < HISTO_COUNT; what++) {
		uint64_t count[HISTO_BUCKETS] = { 0 }, sum = 0;
		char name[64];

		for (unsigned i = 0; i < env->nworkers; i++)
			stats_sum_times(worker_stats(env->workers[i]), what, count, &sum);
		snprintf(name, sizeof name, "%s_time_us", stats_time_name(what));
		put_new(doc, name, histogram(count, sum));
	}
}

/* The cache */

static void
put_figures(json_t *doc, struct cache *c)
{
	struct cache_figures f = { 0 };

	cache_figures(c, &f);
	put(doc, "parked", f.parked);
	put(doc, "parked_peak", f.parked_peak);
	put(doc, "flights", f.flights);
	put(doc, "objects", f.objects);
	put(doc, "bytes", f.bytes);
	put(doc, "transit_bytes", f.transit_bytes);
	put(doc, "evictions", f.evictions);
	put(doc, "purged", f.purged);
}

static const char *
audience_name(enum audience a)
{
	switch (a) {
	case AUDIENCE_PLAIN:
		return "plain";
	case AUDIENCE_COOKIE:
		return "cookie";
	case AUDIENCE_AUTHORIZED:
		return "authorized";
	case AUDIENCES:
		break;
	}
	contract_fail(__FILE__, __LINE__, "an audience");
}

/* The patterns in force; *n: how many. */
static json_t *
learned(struct learn *l, usec_t mono, uint64_t *n)
{
	struct learn_pattern p[LEARNED_SHOWN];
	unsigned shown = learn_list(l, p, LEARNED_SHOWN, mono);
	json_t *list = json_array();

	/* Others unlearn in the meantime: not fewer than are shown. */
	*n = learn_count(l, mono);
	if (*n < shown)
		*n = shown;
	for (unsigned i = 0; i < shown; i++) {
		json_t *one = json_object();

		put_text(one, "pattern", p[i].text);
		put_text(one, "audience", audience_name(p[i].audience));
		put(one, "unshareable", p[i].alone);
		put(one, "shareable", p[i].shared);
		append(list, one);
	}
	return list;
}

/* Upstreams */

static const char *
server_state(const struct server_figures *s)
{
	if (!s->healthy)
		return "unhealthy";
	switch (s->breaker) {
	case BREAKER_CLOSED:
		return "up";
	case BREAKER_OPEN:
		return "open";
	case BREAKER_HALF_OPEN:
		return "half-open";
	}
	contract_fail(__FILE__, __LINE__, "a state of a breaker");
}

static json_t *
server_doc(const struct server_figures *s)
{
	json_t *doc = json_object();

	put_text(doc, "url", s->url);
	put_text(doc, "state", server_state(s));
	put_new(doc, "backup", json_boolean(s->backup));
	put(doc, "in_flight", s->in_flight);
	put(doc, "idle", s->idle);
	put(doc, "requests", s->requests);
	put(doc, "failures", s->failures);
	put(doc, "opened", s->opened);
	return doc;
}

struct upstreams {
	json_t		*doc;
	usec_t		 mono;
	uint64_t	 queued;
};

static void
add_upstream(void *arg, const char *name, struct pool *p)
{
	struct upstreams *u = arg;
	struct pool_figures f = { 0 };
	json_t *doc = json_object(), *servers = json_array();

	pool_figures(p, &f, u->mono);
	u->queued += f.queued;
	put(doc, "limit", f.limit);
	put(doc, "connections", f.open);
	put(doc, "idle", f.idle);
	put(doc, "queued", f.queued);
	put(doc, "queue_oldest_ms", f.oldest < 0 ? 0 : (uint64_t)(f.oldest / USEC_PER_MSEC));
	put(doc, "refused", f.refused);
	put(doc, "orphans", f.orphans);
	for (unsigned i = 0; i < f.nservers; i++)
		append(servers, server_doc(&f.server[i]));
	put_new(doc, "servers", servers);
	put_new(u->doc, name, doc);
}

/* Numbers first, then what has members of its own: for people, and for who looks with grep. */
void
stats_doc(const struct admin_env *env, struct buf *out)
{
	usec_t mono = clock_mono();
	struct upstreams u = { .doc = json_object(), .mono = mono };
	json_t *doc = json_object(), *routes;
	uint64_t nroutes;

	ASSERT(doc != NULL);
	if (env->pools != NULL)
		pools_each(env->pools, add_upstream, &u);
	routes = learned(cache_learn(env->cache), mono, &nroutes);
	put_counters(doc, env);
	put_figures(doc, env->cache);
	put(doc, "queued", u.queued);
	put(doc, "learned_routes", nroutes);
	put(doc, "uptime_s", (uint64_t)((mono - env->started) / USEC_PER_SEC));
	put_text(doc, "version", PACKAGE_VERSION);
	put_times(doc, env);
	put_new(doc, "upstreams", u.doc);
	put_new(doc, "learned", routes);
	dump(doc, JSON_INDENT(2), out);
}

/* Readiness */

struct down {
	json_t	*names;
	usec_t	 mono;
};

static void
add_down(void *arg, const char *name, struct pool *p)
{
	struct down *d = arg;
	json_t *s;

	if (pool_is_up(p, d->mono))
		return;
	s = json_string(name);
	append(d->names, s != NULL ? s : json_string("?"));
}

bool
stats_doc_ready(const struct admin_env *env, struct buf *out)
{
	struct down d = { .names = json_array(), .mono = clock_mono() };
	bool draining = atomic_load_explicit(env->draining, memory_order_relaxed) != 0;
	json_t *doc = json_object();
	size_t n;

	ASSERT(doc != NULL && d.names != NULL);
	if (!draining && env->pools != NULL)
		pools_each(env->pools, add_down, &d);
	n = json_array_size(d.names);
	put_text(doc, "status", draining ? "draining" : n > 0 ? "no upstream is up" : "ok");
	if (n > 0)
		put_new(doc, "upstreams", d.names);
	else
		json_decref(d.names);
	dump(doc, JSON_COMPACT | JSON_PRESERVE_ORDER, out);
	return !draining && n == 0;
}
