/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_priv.h"

#include "http/vary.h"

#include "tests/unit/cache/rig.h"

#define KIB	((size_t)1024)

static uint64_t
hash_of(struct cache *c, const char *key)
{
	return hash_bytes(&c->seed, key, strlen(key));
}

/* A sealed object of n body bytes for requests whose Accept has that value (NULL: for all). */
static struct obj *
new_obj(struct cache *c, const char *accept, size_t n)
{
	struct obj_meta m;
	struct head req;
	struct obj *o;
	char *body = calloc(1, n + 1);

	ck_assert_ptr_nonnull(body);
	memset(&m, 0, sizeof m);
	m.length = n;
	if (accept != NULL) {
		rig_request(&req, "GET", "");
		hdr_add(&req, SLICE("Accept"), slice_str(accept));
		buf_add_str(&m.vary_names, "accept");
		vary_values(&req, buf_slice(&m.vary_names), &m.vary_values);
		head_fini(&req);
	}
	o = obj_new(&c->budget, &m, true, 1);
	if (n > 0)
		obj_append(o, body, n);
	obj_end(o);
	free(body);
	return o;
}

/* Puts it in under the key as of now; what fell out goes.  How many that were. */
static unsigned
put(struct cache *c, const char *key, struct obj *o)
{
	uint64_t hash = hash_of(c, key);
	struct shard *s = store_shard(c, hash);
	struct obj *out[2];
	struct entry *e;
	unsigned n;

	pthread_mutex_lock(&s->lock);
	if ((e = store_find(s, slice_str(key), hash)) == NULL) {
		e = entry_new(slice_str(key), hash);
		store_link(c, s, e);
	}
	n = store_insert(c, s, e, o, clock_mono(), out);
	pthread_mutex_unlock(&s->lock);
	obj_unref(o);
	for (unsigned i = 0; i < n; i++)
		obj_unref(out[i]);
	return n;
}

static bool
has(struct cache *c, const char *key)
{
	uint64_t hash = hash_of(c, key);
	struct shard *s = store_shard(c, hash);
	bool found;

	pthread_mutex_lock(&s->lock);
	found = store_find(s, slice_str(key), hash) != NULL;
	pthread_mutex_unlock(&s->lock);
	return found;
}

START_TEST(thousands_of_keys_in_growing_tables)
{
	struct cache *c = rig_cache(SIZE_MAX / 2, KIB);
	char key[32];

	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "http://a/%u", i);
		put(c, key, new_obj(c, NULL, 0));
	}
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "http://a/%u", i);
		ck_assert_msg(has(c, key), "%s is lost", key);
		snprintf(key, sizeof key, "http://b/%u", i);
		ck_assert_msg(!has(c, key), "%s was never put in", key);
	}
	for (unsigned i = 0; i < CACHE_SHARDS; i++)
		ck_assert_uint_ge(c->shards[i].nbuckets * 2, c->shards[i].nentries);
	ck_assert_uint_eq(rig_figures(c).objects, 20000);
	ck_assert_uint_eq(cache_purge_all(c), 20000);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
	cache_free(c);
}
END_TEST

START_TEST(settled_when_nothing_is_held)
{
	struct cache *c = rig_cache(KIB * KIB, KIB);
	struct slice key = SLICE("http://a/");
	uint64_t hash = hash_bytes(&c->seed, key.p, key.n);
	struct shard *s = store_shard(c, hash);
	struct entry *e = entry_new(key, hash);

	pthread_mutex_lock(&s->lock);
	store_link(c, s, e);
	ck_assert_int_eq(atomic_load(&c->budget.stored), (int64_t)e->bytes);
	e->marker[1] = 100;
	store_settle(c, s, e, 99);
	ck_assert_ptr_eq(store_find(s, key, hash), e);
	/* A marker holds the entry until its time, not at it. */
	store_settle(c, s, e, 100);
	ck_assert_ptr_null(store_find(s, key, hash));
	ck_assert_int_eq(atomic_load(&c->budget.stored), 0);
	pthread_mutex_unlock(&s->lock);
	cache_free(c);
}
END_TEST

START_TEST(variants_newest_first_and_at_most_eight)
{
	struct cache *c = rig_cache(KIB * KIB, KIB);
	struct slice key = SLICE("k");
	uint64_t hash = hash_bytes(&c->seed, key.p, key.n);
	struct shard *s = store_shard(c, hash);
	struct head req;
	struct entry *e;
	char accept[8], field[32];
	bool others;

	for (unsigned i = 0; i < ENTRY_VARIANTS + 3; i++) {
		snprintf(accept, sizeof accept, "%u", i);
		ck_assert_uint_eq(put(c, "k", new_obj(c, accept, 10)), i >= ENTRY_VARIANTS);
	}
	ck_assert_uint_eq(rig_figures(c).objects, ENTRY_VARIANTS);
	/* The same variant takes its own place. */
	ck_assert_uint_eq(put(c, "k", new_obj(c, "5", 10)), 1);
	ck_assert_uint_eq(rig_figures(c).objects, ENTRY_VARIANTS);
	pthread_mutex_lock(&s->lock);
	e = store_find(s, key, hash);
	for (unsigned i = 0; i < ENTRY_VARIANTS + 3; i++) {
		snprintf(field, sizeof field, "Accept: %u\n", i);
		rig_request(&req, "GET", field);
		ck_assert_int_eq(store_select(s, e, &req, &others) != NULL, i >= 3);
		ck_assert(i >= 3 || others);
		head_fini(&req);
	}
	pthread_mutex_unlock(&s->lock);
	/* One for everybody that is newer than all variants. */
	put(c, "k", new_obj(c, NULL, 20));
	rig_request(&req, "GET", "Accept: 5\n");
	pthread_mutex_lock(&s->lock);
	ck_assert_uint_eq(obj_total(store_select(s, e, &req, &others)), 20);
	ck_assert(!others);
	pthread_mutex_unlock(&s->lock);
	head_fini(&req);
	cache_free(c);
}
END_TEST

START_TEST(removed_and_emptied)
{
	struct cache *c = rig_cache(KIB * KIB, KIB);
	struct obj *o = new_obj(c, "a", 10), *other = new_obj(c, "b", 10);
	struct obj *out[ENTRY_VARIANTS];
	uint64_t hash = hash_of(c, "k");
	struct shard *s = store_shard(c, hash);
	struct entry *e;

	put(c, "k", obj_ref(o));
	put(c, "k", obj_ref(other));
	pthread_mutex_lock(&s->lock);
	e = store_find(s, SLICE("k"), hash);
	ck_assert(store_remove(s, e, o));
	ck_assert(!store_remove(s, e, o));
	ck_assert_uint_eq(store_empty(s, e, out), 1);
	ck_assert_ptr_eq(out[0], other);
	ck_assert_uint_eq(s->nobjects, 0);
	store_settle(c, s, e, 0);
	ck_assert_ptr_null(store_find(s, SLICE("k"), hash));
	pthread_mutex_unlock(&s->lock);
	ck_assert_int_eq(atomic_load(&c->budget.stored), 0);
	/* The store's references and ours. */
	obj_unref(o);
	obj_unref(o);
	obj_unref(other);
	obj_unref(other);
	ck_assert_int_eq(atomic_load(&c->budget.transit), 0);
	cache_free(c);
}
END_TEST

#define KEYS	300

static void
key_of(char *key, size_t n, unsigned i)
{
	snprintf(key, n, "http://host.example/%03u", i);
}

/* Keys on all shards: each goes in the order of its last use, and not one more than needed. */
START_TEST(evicted_in_lru_order_across_shards)
{
	struct cache *c = rig_cache(SIZE_MAX / 2, KIB);
	unsigned order[KEYS], seed = 7, shards = 0;
	bool seen[CACHE_SHARDS] = { false };
	char key[40];
	size_t each;

	for (unsigned i = 0; i < KEYS; i++) {
		key_of(key, sizeof key, i);
		rig_pass(1);
		put(c, key, new_obj(c, NULL, 100));
		order[i] = i;
		shards += !seen[hash_of(c, key) >> 58];
		seen[hash_of(c, key) >> 58] = true;
	}
	ck_assert_uint_gt(shards, CACHE_SHARDS / 2);
	each = rig_figures(c).bytes / KEYS;
	ck_assert_uint_eq(each * KEYS, rig_figures(c).bytes);
	/* Used again in an order by chance. */
	for (unsigned i = KEYS; i-- > 1;) {
		unsigned k = rig_random(&seed) % (i + 1), t = order[i];

		order[i] = order[k];
		order[k] = t;
	}
	for (unsigned i = 0; i < KEYS; i++) {
		uint64_t hash;
		struct shard *s;

		key_of(key, sizeof key, order[i]);
		hash = hash_of(c, key);
		s = store_shard(c, hash);
		rig_pass(1);
		pthread_mutex_lock(&s->lock);
		lru_touch(&s->lru, &store_find(s, slice_str(key), hash)->lru, clock_mono());
		pthread_mutex_unlock(&s->lock);
	}
	for (unsigned gone = 1; gone <= KEYS; gone++) {
		cache_set_limits(c, each * (KEYS - gone + 1) - 1, KIB);
		ck_assert_uint_eq(rig_figures(c).bytes, each * (KEYS - gone));
		ck_assert_uint_eq(rig_figures(c).evictions, gone);
		key_of(key, sizeof key, order[gone - 1]);
		ck_assert_msg(!has(c, key), "%s, unused for longest, is there still", key);
		if (gone < KEYS) {
			key_of(key, sizeof key, order[gone]);
			ck_assert_msg(has(c, key), "%s went too early", key);
		}
	}
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
	cache_free(c);
}
END_TEST

/* Several threads put and make room: in the end the budget is kept. */
#define WORKERS	4
#define PUTS	400

struct putter {
	struct cache	*c;
	unsigned	 id;
};

static void
put_many(void *arg)
{
	struct putter *p = arg;
	char key[40];

	for (unsigned i = 0; i < PUTS; i++) {
		snprintf(key, sizeof key, "http://%u/%u", p->id, i);
		put(p->c, key, new_obj(p->c, NULL, 1000));
		store_make_room(p->c);
	}
}

static void *
putter_main(void *arg)
{
	put_many(arg);
	return NULL;
}

START_TEST(the_budget_is_kept_by_many)
{
	const size_t memory = 100 * KIB;
	struct cache *c = rig_cache(memory, KIB);
	struct putter p[WORKERS];
	pthread_t t[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		p[i] = (struct putter){ c, i };
		ck_assert_int_eq(pthread_create(&t[i], NULL, putter_main, &p[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_le(rig_figures(c).bytes, memory);
	ck_assert_uint_gt(rig_figures(c).bytes, memory / 2);
	ck_assert_uint_eq(rig_figures(c).objects + rig_figures(c).evictions, WORKERS * PUTS);
	cache_free(c);
}
END_TEST

static Suite *
store_suite(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("entries"), *lru = tcase_create("eviction");

	tcase_add_test(tc, thousands_of_keys_in_growing_tables);
	tcase_add_test(tc, settled_when_nothing_is_held);
	tcase_add_test(tc, variants_newest_first_and_at_most_eight);
	tcase_add_test(tc, removed_and_emptied);
	suite_add_tcase(s, tc);
	tcase_add_test(lru, evicted_in_lru_order_across_shards);
	tcase_add_test(lru, the_budget_is_kept_by_many);
	suite_add_tcase(s, lru);
	return s;
}

UNIT_MAIN(store_suite)
