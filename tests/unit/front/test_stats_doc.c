/* SPDX-License-Identifier: BSD-2-Clause */
/* The documents of the admin endpoint, about upstreams that only this test knows. */
#include "front/stats_doc.h"

#include <string.h>

#include <jansson.h>

#include "base/conf.h"
#include "base/contract.h"
#include "base/stats.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "cache/learn.h"
#include "front/admin.h"
#include "upstream/pool.h"
#include "upstream/pools.h"
#include "tests/unit/unit.h"

#define NWORKERS	2
#define NOW		(1000 * USEC_PER_SEC)

/* These win over libproxy.a's. */

struct pool {
	const char		*name;
	bool			 up;
	struct pool_figures	 figures;
};

struct pools {
	struct pool		 pool[2];
	unsigned		 n;
};

usec_t
clock_mono(void)
{
	return NOW;
}

struct now
clock_now(void)
{
	return (struct now){ .mono = NOW, .wall = NOW };
}

void
pools_each(struct pools *ps, void (*fn)(void *arg, const char *name, struct pool *p), void *arg)
{
	for (unsigned i = 0; i < ps->n; i++)
		fn(arg, ps->pool[i].name, &ps->pool[i]);
}

void
pool_figures(struct pool *p, struct pool_figures *out, usec_t mono)
{
	ASSERT(mono == NOW);
	*out = p->figures;
}

bool
pool_is_up(struct pool *p, usec_t mono)
{
	ASSERT(mono == NOW);
	return p->up;
}

static struct pools		 pools;
static struct worker		*workers[NWORKERS];
static struct conf		*conf;
static struct admin_env		 env;
static _Atomic int		 draining;

static void
setup(void)
{
	struct conf_options opt = { .upstream = "http://127.0.0.1:9", .listen = "127.0.0.1:0",
	    .admin = "off" };
	struct hash_seed seed = { 1, 2 };
	struct buf faults = { 0 };

	conf = conf_load(&opt, &faults);
	ck_assert_msg(conf != NULL, "%s", buf_str(&faults));
	buf_fini(&faults);
	for (unsigned i = 0; i < NWORKERS; i++)
		workers[i] = worker_new(i, conf);
	atomic_store(&draining, 0);
	pools = (struct pools){ .n = 2,
		.pool = { { .name = "a", .up = true }, { .name = "b", .up = true } } };
	env = (struct admin_env){ .cache = cache_new(&seed, 1 << 20, 1 << 16), .pools = &pools,
		.workers = workers, .nworkers = NWORKERS, .started = NOW - 90 * USEC_PER_SEC,
		.draining = &draining };
}

static void
teardown(void)
{
	cache_free(env.cache);
	for (unsigned i = 0; i < NWORKERS; i++)
		worker_free(workers[i]);
	conf_unref(conf);
}

static json_t *
stats(void)
{
	struct buf text = { 0 };
	json_t *doc;

	stats_doc(&env, &text);
	ck_assert_int_eq(text.p[text.n - 1], '\n');
	doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert(json_is_object(doc));
	buf_fini(&text);
	return doc;
}

static long long
number(const json_t *doc, const char *name)
{
	json_t *v = json_object_get(doc, name);

	ck_assert_msg(json_is_integer(v), "%s", name);
	return json_integer_value(v);
}

static const char *
string(const json_t *doc, const char *name)
{
	json_t *v = json_object_get(doc, name);

	ck_assert_msg(json_is_string(v), "%s", name);
	return json_string_value(v);
}

/* Histograms */

static const char *const times[HISTO_COUNT] = { "fetch_time_us", "queue_time_us", "park_time_us" };

START_TEST(nothing_was_timed)
{
	json_t *doc = stats();

	for (unsigned i = 0; i < HISTO_COUNT; i++) {
		json_t *h = json_object_get(doc, times[i]);
		static const char *const members[] = { "count", "sum", "p50", "p90", "p99", "max" };

		for (unsigned k = 0; k < sizeof members / sizeof members[0]; k++)
			ck_assert_int_eq(number(h, members[k]), 0);
		ck_assert_uint_eq(json_array_size(json_object_get(h, "buckets")), 0);
	}
	json_decref(doc);
}
END_TEST

START_TEST(times_of_all_workers)
{
	json_t *doc, *h, *buckets;
	long long n = 0, last = 0;

	for (unsigned i = 0; i < 95; i++)
		stats_time(worker_stats(workers[i % NWORKERS]), HISTO_fetch, USEC_PER_MSEC);
	for (unsigned i = 0; i < 5; i++)
		stats_time(worker_stats(workers[i % NWORKERS]), HISTO_fetch, USEC_PER_SEC);
	stats_time(worker_stats(workers[1]), HISTO_park, 2 * USEC_PER_SEC);
	doc = stats();
	h = json_object_get(doc, "fetch_time_us");
	ck_assert_int_eq(number(h, "count"), 100);
	ck_assert_int_eq(number(h, "sum"), 95 * USEC_PER_MSEC + 5 * USEC_PER_SEC);
	ck_assert_int_gt(number(h, "p50"), USEC_PER_MSEC);
	ck_assert_int_lt(number(h, "p50"), 2 * USEC_PER_MSEC);
	ck_assert_int_eq(number(h, "p50"), number(h, "p90"));
	ck_assert_int_gt(number(h, "p99"), USEC_PER_SEC);
	ck_assert_int_lt(number(h, "p99"), 2 * USEC_PER_SEC);
	ck_assert_int_eq(number(h, "p99"), number(h, "max"));
	buckets = json_object_get(h, "buckets");
	ck_assert_uint_eq(json_array_size(buckets), 2);
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		json_t *one = json_array_get(buckets, i);

		ck_assert_uint_eq(json_array_size(one), 2);
		ck_assert_int_gt(json_integer_value(json_array_get(one, 0)), last);
		last = json_integer_value(json_array_get(one, 0));
		n += json_integer_value(json_array_get(one, 1));
	}
	ck_assert_int_eq(n, 100);
	ck_assert_int_eq(last, number(h, "max"));
	ck_assert_int_eq(number(json_object_get(doc, "park_time_us"), "count"), 1);
	ck_assert_int_eq(number(json_object_get(doc, "queue_time_us"), "count"), 0);
	json_decref(doc);
}
END_TEST

/* The last bucket has no end that could be told. */
START_TEST(longer_than_can_be_told)
{
	json_t *doc, *h, *bucket;

	stats_time(worker_stats(workers[0]), HISTO_queue, 1000000 * USEC_PER_SEC);
	doc = stats();
	h = json_object_get(doc, "queue_time_us");
	ck_assert(json_is_null(json_object_get(h, "p50")));
	ck_assert(json_is_null(json_object_get(h, "max")));
	bucket = json_array_get(json_object_get(h, "buckets"), 0);
	ck_assert(json_is_null(json_array_get(bucket, 0)));
	ck_assert_int_eq(json_integer_value(json_array_get(bucket, 1)), 1);
	ck_assert_int_eq(number(h, "count"), 1);
	json_decref(doc);
}
END_TEST

/* Upstreams */

static const struct {
	struct server_figures	 server;
	const char		*state;
} servers[] = {
	{ { .url = "http://s1", .healthy = true, .breaker = BREAKER_CLOSED }, "up" },
	{ { .url = "http://s2", .healthy = true, .breaker = BREAKER_OPEN }, "open" },
	{ { .url = "http://s3", .healthy = true, .breaker = BREAKER_HALF_OPEN }, "half-open" },
	{ { .url = "http://s4", .healthy = false, .breaker = BREAKER_CLOSED }, "unhealthy" },
	{ { .url = "http://s5", .healthy = false, .breaker = BREAKER_OPEN, .backup = true },
	    "unhealthy" },
};
#define NSERVERS	(sizeof servers / sizeof servers[0])

START_TEST(states_of_servers)
{
	struct pool_figures *f = &pools.pool[0].figures;
	json_t *doc, *list;

	for (unsigned i = 0; i < NSERVERS; i++) {
		f->server[i] = servers[i].server;
		f->server[i].in_flight = 10 + i;
		f->server[i].idle = 20 + i;
		f->server[i].requests = (UINT64_C(1) << 40) + i;
		f->server[i].failures = 40 + i;
		f->server[i].opened = 50 + i;
	}
	f->nservers = NSERVERS;
	doc = stats();
	list = json_object_get(json_object_get(json_object_get(doc, "upstreams"), "a"), "servers");
	ck_assert_uint_eq(json_array_size(list), NSERVERS);
	for (unsigned i = 0; i < NSERVERS; i++) {
		json_t *s = json_array_get(list, i);

		ck_assert_str_eq(string(s, "url"), servers[i].server.url);
		ck_assert_str_eq(string(s, "state"), servers[i].state);
		ck_assert(json_is_true(json_object_get(s, "backup")) == servers[i].server.backup);
		ck_assert_int_eq(number(s, "in_flight"), 10 + i);
		ck_assert_int_eq(number(s, "idle"), 20 + i);
		ck_assert_int_eq(number(s, "requests"), (1LL << 40) + i);
		ck_assert_int_eq(number(s, "failures"), 40 + i);
		ck_assert_int_eq(number(s, "opened"), 50 + i);
	}
	json_decref(doc);
}
END_TEST

START_TEST(figures_of_upstreams)
{
	json_t *doc, *b;

	pools.pool[0].figures = (struct pool_figures){ .queued = 3 };
	pools.pool[1].figures = (struct pool_figures){ .limit = 8, .open = 7, .idle = 2,
		.queued = 4, .orphans = 1, .oldest = 1500 * USEC_PER_MSEC, .refused = 11 };
	doc = stats();
	ck_assert_int_eq(number(doc, "queued"), 7);
	b = json_object_get(json_object_get(doc, "upstreams"), "b");
	ck_assert_int_eq(number(b, "limit"), 8);
	ck_assert_int_eq(number(b, "connections"), 7);
	ck_assert_int_eq(number(b, "idle"), 2);
	ck_assert_int_eq(number(b, "queued"), 4);
	ck_assert_int_eq(number(b, "queue_oldest_ms"), 1500);
	ck_assert_int_eq(number(b, "refused"), 11);
	ck_assert_int_eq(number(b, "orphans"), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(b, "servers")), 0);
	json_decref(doc);
}
END_TEST

START_TEST(without_upstreams)
{
	json_t *doc;

	env.pools = NULL;
	doc = stats();
	ck_assert_int_eq(number(doc, "queued"), 0);
	ck_assert_uint_eq(json_object_size(json_object_get(doc, "upstreams")), 0);
	json_decref(doc);
}
END_TEST

/* Who looks with grep for a number's name finds the number, not a server's. */
START_TEST(numbers_come_first)
{
	static const char *const names[] = { "requests", "queued", "hit", "learned_routes" };
	struct buf text = { 0 };

	stats_add(worker_stats(workers[0]), STAT_hit, 5);
	pools.pool[0].figures = (struct pool_figures){ .queued = 3, .nservers = 1,
		.server = { servers[0].server } };
	stats_doc(&env, &text);
	buf_str(&text);
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		char quoted[32];

		snprintf(quoted, sizeof quoted, "\"%s\": ", names[i]);
		ck_assert_ptr_nonnull(strstr(text.p, quoted));
		ck_assert(strstr(text.p, quoted) < strstr(text.p, "_time_us\": "));
	}
	ck_assert_ptr_nonnull(strstr(text.p, "{\n  \"requests\": 5,\n"));
	buf_fini(&text);
}
END_TEST

/* Learned */

static void
learn(const char *key, enum audience who, bool alone, usec_t mono)
{
	struct learn_keys k;
	struct head req = { .minor = 1 };

	hdr_add(&req, SLICE("Cookie"), SLICE("sid=1"));
	learn_keys_of(cache_learn(env.cache), slice_str(key), who, &req, &k);
	learn_saw(cache_learn(env.cache), &k, alone, mono);
	head_fini(&req);
}

START_TEST(what_was_learned)
{
	json_t *doc = stats(), *one;

	ck_assert_int_eq(number(doc, "learned_routes"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "learned")), 0);
	json_decref(doc);
	for (unsigned i = 0; i < 7; i++) {
		char key[64];

		snprintf(key, sizeof key, "http://h/cart?i=%u", i);
		learn(key, AUDIENCE_COOKIE, true, NOW);
	}
	learn("http://h/cart?i=0", AUDIENCE_COOKIE, false, NOW);
	learn("http://h/page?i=0", AUDIENCE_PLAIN, false, NOW);
	doc = stats();
	ck_assert_int_eq(number(doc, "learned_routes"), 1);
	one = json_array_get(json_object_get(doc, "learned"), 0);
	ck_assert_str_eq(string(one, "pattern"), "h/cart?*");
	ck_assert_str_eq(string(one, "audience"), "cookie");
	ck_assert_int_eq(number(one, "unshareable"), 7);
	ck_assert_int_eq(number(one, "shareable"), 1);
	json_decref(doc);
}
END_TEST

START_TEST(a_list_of_what_was_learned_is_bounded)
{
	json_t *doc;

	for (unsigned i = 0; i < 40; i++) {
		char key[64];

		snprintf(key, sizeof key, "http://h%u/p?x", i);
		learn(key, AUDIENCE_AUTHORIZED, true, NOW - 1000 + i);
	}
	doc = stats();
	ck_assert_int_eq(number(doc, "learned_routes"), 40);
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "learned")), 32);
	ck_assert_str_eq(string(json_array_get(json_object_get(doc, "learned"), 0), "pattern"),
	    "h39/p?*");
	json_decref(doc);
}
END_TEST

/* Readiness */

static const struct {
	const char	*name;
	int		 draining;
	bool		 up[2];
	unsigned	 n;
	const char	*first;		/* name of the first upstream */
	bool		 ready;
	const char	*text;
} ready[] = {
	{ "all up", 0, { true, true }, 2, "a", true, "{\"status\":\"ok\"}\n" },
	{ "no upstreams", 0, { false, false }, 0, "a", true, "{\"status\":\"ok\"}\n" },
	{ "one down", 0, { true, false }, 2, "a", false,
	    "{\"status\":\"no upstream is up\",\"upstreams\":[\"b\"]}\n" },
	{ "all down", 0, { false, false }, 2, "a", false,
	    "{\"status\":\"no upstream is up\",\"upstreams\":[\"a\",\"b\"]}\n" },
	{ "draining", 1, { true, true }, 2, "a", false, "{\"status\":\"draining\"}\n" },
	{ "draining and down", 1, { false, false }, 2, "a", false,
	    "{\"status\":\"draining\"}\n" },
	{ "a name with a quote", 0, { false, true }, 2, "a\"b", false,
	    "{\"status\":\"no upstream is up\",\"upstreams\":[\"a\\\"b\"]}\n" },
	{ "a name that is no text", 0, { false, true }, 2, "a\xff", false,
	    "{\"status\":\"no upstream is up\",\"upstreams\":[\"?\"]}\n" },
};

START_TEST(readiness)
{
	struct buf text = { 0 };
	bool is_ready;

	atomic_store(&draining, ready[_i].draining);
	pools.n = ready[_i].n;
	pools.pool[0].name = ready[_i].first;
	for (unsigned i = 0; i < 2; i++)
		pools.pool[i].up = ready[_i].up[i];
	is_ready = stats_doc_ready(&env, &text);
	ck_assert_msg(is_ready == ready[_i].ready, "%s", ready[_i].name);
	ck_assert_str_eq(buf_str(&text), ready[_i].text);
	buf_fini(&text);
}
END_TEST

static Suite *
stats_doc_suite(void)
{
	Suite *s = suite_create("front/stats_doc");
	TCase *tc = tcase_create("stats_doc");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_was_timed);
	tcase_add_test(tc, times_of_all_workers);
	tcase_add_test(tc, longer_than_can_be_told);
	tcase_add_test(tc, states_of_servers);
	tcase_add_test(tc, figures_of_upstreams);
	tcase_add_test(tc, without_upstreams);
	tcase_add_test(tc, numbers_come_first);
	tcase_add_test(tc, what_was_learned);
	tcase_add_test(tc, a_list_of_what_was_learned_is_bounded);
	tcase_add_loop_test(tc, readiness, 0, (int)(sizeof ready / sizeof ready[0]));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(stats_doc_suite)
