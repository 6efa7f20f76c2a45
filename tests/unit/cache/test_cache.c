/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache.h"

#include "http/key.h"

#include "tests/unit/cache/rig.h"

#define KEY	"http://a/"
#define PUBLIC	"Cache-Control: max-age=60\n"
#define PRIVATE	"Cache-Control: private\n"
#define OPEN	"Cache-Control: public, max-age=60\n"
#define AUTH	"Authorization: Basic x\n"
#define KIB	((size_t)1024)
#define MIB	(1024 * KIB)

static const struct flight_failure no_answer = {
	.status = 502, .detail = "connect", .text = "no answer", .blame = BLAME_BACKEND,
};

/* One worker that the test turns, and its cache. */
static struct worker *w;
static struct cache *c;

static void
set_up(void)
{
	w = worker_new(0, NULL);
	c = rig_cache(MIB, 64 * KIB);
}

static void
tear_down(void)
{
	rig_end(w, c);
}

/* What a request with these fields is told now; what it leads fails at once. */
static enum verdict
verdict_by(const char *key, const char *method, const char *fields, const struct conf_route *route)
{
	struct guest g;
	enum verdict v;

	guest_init(&g, w, method, fields);
	v = guest_ask_by(&g, c, key, route, false);
	if (v == V_HIT)
		guest_open(&g);
	if (g.lk.flight != NULL) {
		flight_failed(g.lk.flight, &no_answer);
		flight_unref(g.lk.flight);
	}
	guest_fini(&g);
	return v;
}

static enum verdict
verdict_of(const char *key, const char *method, const char *fields)
{
	return verdict_by(key, method, fields, &rig_route);
}

/* A whole fetch of the key by a request with req_fields, alone or not. */
static void
fetch_as(const char *key, const char *req_fields, const char *fields, size_t n, bool alone)
{
	struct guest g;

	guest_init(&g, w, "GET", req_fields);
	guest_ask_by(&g, c, key, &rig_route, alone);
	ck_assert_ptr_nonnull(g.lk.flight);
	rig_answer(&g, fields, n);
	guest_fini(&g);
	/* The wake on its way held the flight, and so the object. */
	rig_turn(w);
}

static void
fetch(const char *key, const char *req_fields, const char *fields, size_t n)
{
	fetch_as(key, req_fields, fields, n, false);
}

START_TEST(fresh_until_its_lifetime)
{
	struct guest g;

	fetch(KEY, "", PUBLIC, 100);
	guest_init(&g, w, "GET", "");
	rig_pass(59 * USEC_PER_SEC);
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_HIT);
	ck_assert(!g.lk.expected);
	ck_assert_int_eq(guest_age(&g), 59 * USEC_PER_SEC);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 100);
	guest_leave(&g);
	rig_pass(USEC_PER_SEC - 1);
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_HIT);
	guest_open(&g);
	guest_leave(&g);
	/* RFC 9111 4.2: fresh while the lifetime is greater than the age. */
	rig_pass(1);
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_LEAD);
	ck_assert_str_eq(g.lk.fwd, "stale");
	rig_answer(&g, PUBLIC, 200);
	guest_leave(&g);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_HIT);
	ck_assert_int_eq(guest_age(&g), 0);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 200);
	guest_fini(&g);
}
END_TEST

START_TEST(a_hit_while_it_fills)
{
	struct guest lead, hit;
	struct flight *fl;
	struct obj *o;

	guest_init(&lead, w, "GET", "");
	guest_init(&hit, w, "GET", "");
	guest_ask(&lead, c, KEY);
	fl = lead.lk.flight;
	o = rig_head(fl, &lead.req, 200, PUBLIC, RIG_NO_LENGTH);
	rig_feed(fl, 0, 10);
	ck_assert_int_eq(guest_ask(&hit, c, KEY), V_HIT);
	ck_assert(hit.lk.expected);
	guest_open(&hit);
	ck_assert_uint_eq(guest_read(&hit, SIZE_MAX), 10);
	rig_feed(fl, 10, 10);
	flight_end(fl);
	rig_turn(w);
	ck_assert_uint_eq(guest_read(&hit, SIZE_MAX), 10);
	ck_assert_int_eq(hit.state, READER_END);
	obj_unref(o);
	flight_unref(fl);
	guest_fini(&lead);
	guest_fini(&hit);
}
END_TEST

static const struct {
	const char	*method, *fields;
	bool		 cache, body;
	const char	*fwd;
} passes[] = {
	{ "GET", "", false, false, "bypass" },
	{ "POST", "", true, false, "method" },
	{ "PURGE", "", true, false, "method" },
	{ "GET", "", true, true, "request" },
};

START_TEST(passed_whatever_the_store_says)
{
	struct conf_route route = rig_route;
	struct guest g;
	struct obj *o;

	fetch(KEY, "", PUBLIC, 100);
	route.cache = passes[_i].cache;
	guest_init(&g, w, passes[_i].method, passes[_i].fields);
	g.lk = (struct lookup){
		.key = SLICE(KEY), .req = &g.req, .route = &route, .has_body = passes[_i].body,
		.now = clock_now(),
	};
	ck_assert_int_eq(g.verdict = cache_lookup(c, &g.lk, &g.wait), V_PASS);
	ck_assert_str_eq(g.lk.fwd, passes[_i].fwd);
	o = rig_head(g.lk.flight, &g.req, 200, PUBLIC, 5);
	rig_turn(w);
	ck_assert(!guest_stored(&g));
	rig_feed(g.lk.flight, 0, 5);
	flight_end(g.lk.flight);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 5);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	/* It left what is stored alone, and no marker. */
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_HIT);
}
END_TEST

START_TEST(coalesce_off_fetches_for_each)
{
	struct conf_route route = rig_route;
	struct guest a, b;

	route.coalesce = COALESCE_OFF;
	guest_init(&a, w, "GET", "");
	guest_init(&b, w, "GET", "");
	ck_assert_int_eq(guest_ask_by(&a, c, KEY, &route, false), V_LEAD);
	ck_assert_int_eq(guest_ask_by(&b, c, KEY, &route, false), V_LEAD);
	ck_assert_uint_eq(rig_figures(c).parked, 0);
	ck_assert_uint_eq(rig_figures(c).flights, 2);
	rig_answer(&a, PUBLIC, 10);
	rig_answer(&b, PUBLIC, 20);
	rig_turn(w);
	guest_open(&a);
	guest_open(&b);
	ck_assert_uint_eq(guest_read(&a, SIZE_MAX), 10);
	ck_assert_uint_eq(guest_read(&b, SIZE_MAX), 20);
	/* Stored all the same, the later one. */
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	guest_fini(&a);
	guest_fini(&b);
}
END_TEST

START_TEST(a_marker_lets_through_for_a_minute)
{
	struct guest g;

	fetch(KEY, "", PRIVATE, 10);
	guest_init(&g, w, "GET", "");
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_PASS);
	ck_assert_str_eq(g.lk.detail, "pass-marker");
	/* Nobody parks, not behind another that passes either. */
	ck_assert_uint_eq(rig_figures(c).parked, 0);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_PASS);
	flight_failed(g.lk.flight, &no_answer);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	rig_pass(60 * USEC_PER_SEC - 1);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_PASS);
	rig_pass(1);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_LEAD);
	/* The flight that failed took the entry with it. */
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
}
END_TEST

static const char *const audiences[] = { "", "Cookie: a=b\n", AUTH };

/* What one may not share says nothing about the others: neither its marker nor its absence. */
START_TEST(markers_are_for_an_audience)
{
	fetch(KEY, audiences[_i], PRIVATE, 10);
	for (int k = 0; k < 3; k++)
		ck_assert_int_eq(verdict_of(KEY, "GET", audiences[k]), k == _i ? V_PASS : V_LEAD);
	/* Who has both is one with Authorization. */
	ck_assert_int_eq(verdict_of(KEY, "GET", "Cookie: a=b\n" AUTH), _i == 2 ? V_PASS : V_LEAD);
	/* What another gets and may be shared is for all, but lifts only its own. */
	fetch(KEY, audiences[(_i + 1) % 3], "Cache-Control: public, max-age=10\n", 10);
	ck_assert_int_eq(verdict_of(KEY, "GET", audiences[_i]), V_HIT);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(verdict_of(KEY, "GET", audiences[_i]), V_PASS);
	ck_assert_int_eq(verdict_of(KEY, "GET", audiences[(_i + 1) % 3]), V_LEAD);
}
END_TEST

/* Who passes by a marker and gets an answer that may be stored: it is, and the marker goes. */
START_TEST(a_marker_goes_when_the_answer_is_shareable)
{
	fetch(KEY, "", PRIVATE, 10);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_PASS);
	fetch(KEY, "", PUBLIC, 10);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_HIT);
	ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 1);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_LEAD);
}
END_TEST

static const struct {
	const char	*method;
	int		 status;
	bool		 marked;
} unmarked[] = {
	{ "GET", 200, true },
	{ "GET", 206, false },
	{ "GET", 304, false },
	{ "HEAD", 200, false },
};

START_TEST(what_leaves_a_marker)
{
	struct guest g;
	struct obj *o;

	guest_init(&g, w, unmarked[_i].method, "");
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_LEAD);
	o = rig_head(g.lk.flight, &g.req, unmarked[_i].status, PRIVATE, RIG_NO_BODY);
	flight_end(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), unmarked[_i].marked ? V_PASS : V_LEAD);
}
END_TEST

/* A stream of URLs that may not be shared: a sixteenth of memory is theirs, and no object goes. */
START_TEST(markers_push_out_no_object)
{
	uint64_t objects;
	char key[40];

	for (unsigned i = 0; i < 16; i++) {
		snprintf(key, sizeof key, "http://b/%u", i);
		fetch(key, "", PUBLIC, 56 * KIB);
	}
	objects = rig_figures(c).bytes;
	ck_assert_uint_gt(objects, MIB * 7 / 8);
	ck_assert_uint_lt(objects, MIB * 15 / 16);
	for (unsigned i = 0; i < 5000; i++) {
		rig_pass(1);
		/* Each of a host of its own: of one host Corral would soon know. */
		snprintf(key, sizeof key, "http://a%u/", i);
		fetch(key, "", PRIVATE, 0);
		ck_assert_uint_le(rig_figures(c).bytes, objects + MIB / 16);
	}
	ck_assert_uint_gt(rig_figures(c).bytes, objects + MIB / 32);
	ck_assert_uint_eq(rig_figures(c).objects, 16);
	ck_assert_uint_eq(rig_figures(c).evictions, 0);
	/* The oldest of them went, not the newest. */
	ck_assert_int_eq(verdict_of(key, "GET", ""), V_PASS);
	ck_assert_int_eq(verdict_of("http://a0/", "GET", ""), V_LEAD);
}
END_TEST

START_TEST(alone_asks_without_parking)
{
	struct guest g, other;

	guest_init(&g, w, "GET", "");
	guest_init(&other, w, "GET", "");
	ck_assert_int_eq(guest_ask(&other, c, KEY), V_LEAD);
	ck_assert_int_eq(guest_ask_by(&g, c, KEY, &rig_route, true), V_PASS);
	ck_assert_str_eq(g.lk.detail, "unshareable");
	rig_answer(&other, PUBLIC, 10);
	rig_answer(&g, PUBLIC, 10);
	guest_leave(&g);
	/* But what there is by now is taken. */
	ck_assert_int_eq(guest_ask_by(&g, c, KEY, &rig_route, true), V_HIT);
	guest_open(&g);
	guest_fini(&g);
	guest_fini(&other);
}
END_TEST

static const struct {
	const char	*method, *fields;
	bool		 whole;
} alones[] = {
	{ "GET", "", true },
	{ "GET", "Accept: a\n", true },
	{ "GET", "If-Match: \"a\"\n", false },
	{ "GET", "Range: bytes=0-\n", false },
	{ "HEAD", "", false },
};

/* One's own answer is for the store too, if it is to a plain GET (RFC 9111 3). */
START_TEST(alone_a_part_is_passed)
{
	bool by_marker = _i % 2 == 1;
	int i = _i / 2;
	struct guest g;

	if (by_marker)
		fetch(KEY, "", PRIVATE, 10);
	guest_init(&g, w, alones[i].method, alones[i].fields);
	ck_assert_int_eq(guest_ask_by(&g, c, KEY, &rig_route, !by_marker), V_PASS);
	ck_assert_int_eq(g.lk.whole, alones[i].whole);
	rig_answer(&g, PUBLIC, 10);
	ck_assert_uint_eq(rig_figures(c).objects, alones[i].whole);
	guest_fini(&g);
}
END_TEST

/* RFC 9111 4.1 */
START_TEST(other_variants_ask_again)
{
	struct guest g[4];

	for (int i = 0; i < 4; i++) {
		guest_init(&g[i], w, "GET", i < 2 ? "Accept: a\n" : "Accept: b\n");
		ck_assert_int_eq(guest_ask(&g[i], c, KEY), i == 0 ? V_LEAD : V_PARK);
	}
	rig_answer(&g[0], PUBLIC "Vary: Accept\n", 10);
	rig_turn(w);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(flight_outcome(&g[i].wait), i < 2 ? OUTCOME_OBJ : OUTCOME_AGAIN);
	for (int i = 2; i < 4; i++) {
		guest_leave(&g[i]);
		ck_assert_int_eq(guest_ask(&g[i], c, KEY), i == 2 ? V_LEAD : V_PARK);
		ck_assert_str_eq(g[i].lk.fwd, "vary-miss");
	}
	rig_answer(&g[2], PUBLIC "Vary: Accept\n", 20);
	rig_turn(w);
	for (int i = 0; i < 4; i++) {
		guest_open(&g[i]);
		ck_assert_uint_eq(guest_read(&g[i], SIZE_MAX), i < 2 ? 10 : 20);
		guest_fini(&g[i]);
	}
	ck_assert_uint_eq(rig_figures(c).objects, 2);
	ck_assert_int_eq(verdict_of(KEY, "GET", "Accept: a\n"), V_HIT);
	ck_assert_int_eq(verdict_of(KEY, "GET", "Accept: b\n"), V_HIT);
	ck_assert_int_eq(verdict_of(KEY, "GET", "Accept: c\n"), V_LEAD);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_LEAD);
}
END_TEST

/* Once it is known what a key varies by, each variant is asked for beside the others. */
START_TEST(a_flight_for_each_known_variant)
{
	static const char *const fields[] = { "Accept: a\n", "Accept: b\n", "" };
	struct guest g[6];

	fetch(KEY, "Accept: z\n", PUBLIC "Vary: Accept\n", 10);
	for (int i = 0; i < 6; i++) {
		guest_init(&g[i], w, "GET", fields[i % 3]);
		ck_assert_int_eq(guest_ask(&g[i], c, KEY), i < 3 ? V_LEAD : V_PARK);
		ck_assert_str_eq(g[i].lk.fwd, "vary-miss");
	}
	ck_assert_uint_eq(rig_figures(c).flights, 3);
	ck_assert_uint_eq(rig_figures(c).parked, 6);
	for (int i = 0; i < 3; i++)
		rig_answer(&g[i], PUBLIC "Vary: accept\n", 20 + (size_t)i);
	rig_turn(w);
	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(flight_outcome(&g[i].wait), OUTCOME_OBJ);
		guest_open(&g[i]);
		ck_assert_uint_eq(guest_read(&g[i], SIZE_MAX), 20 + (size_t)i % 3);
		guest_fini(&g[i]);
	}
	ck_assert_uint_eq(rig_figures(c).objects, 4);
}
END_TEST

/*
 * What was known may be wrong by now: a flight for the old names must not hold the new ones apart.
 */
START_TEST(names_that_change)
{
	struct guest g[4];

	fetch(KEY, "", PUBLIC "Vary: Accept\n", 10);
	rig_pass(60 * USEC_PER_SEC);
	for (int i = 0; i < 2; i++) {
		guest_init(&g[i], w, "GET", i == 0 ? "Accept: a\n" : "Accept: b\n");
		ck_assert_int_eq(guest_ask(&g[i], c, KEY), V_LEAD);
	}
	/* By nothing any more: whoever comes has it, or shares one flight. */
	rig_answer(&g[0], PUBLIC, 20);
	ck_assert_int_eq(verdict_of(KEY, "GET", "Accept: c\n"), V_HIT);
	rig_pass(60 * USEC_PER_SEC);
	rig_answer(&g[1], "Cache-Control: max-age=0\n", 30);
	for (int i = 2; i < 4; i++) {
		guest_init(&g[i], w, "GET", i == 2 ? "Accept: a\n" : "Accept: b\n");
		ck_assert_int_eq(guest_ask(&g[i], c, KEY), i == 2 ? V_LEAD : V_PARK);
	}
	rig_answer(&g[2], PUBLIC, 40);
	rig_turn(w);
	guest_open(&g[3]);
	ck_assert_uint_eq(guest_read(&g[3], SIZE_MAX), 40);
	for (int i = 0; i < 4; i++)
		guest_fini(&g[i]);
}
END_TEST

START_TEST(eight_variants_of_a_key)
{
	char field[32];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(field, sizeof field, "Accept: %u\n", i);
		fetch(KEY, field, PUBLIC "Vary: accept\n", 10);
	}
	ck_assert_uint_eq(rig_figures(c).objects, 8);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(field, sizeof field, "Accept: %u\n", i);
		ck_assert_int_eq(verdict_of(KEY, "GET", field), i < 2 ? V_LEAD : V_HIT);
	}
	ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 8);
}
END_TEST

START_TEST(shed_past_the_park_limit)
{
	struct conf_route route = rig_route;
	struct guest g[3];

	route.park_limit = 2;
	for (int i = 0; i < 3; i++)
		guest_init(&g[i], w, "GET", "");
	ck_assert_int_eq(guest_ask_by(&g[0], c, KEY, &route, false), V_LEAD);
	ck_assert_int_eq(guest_ask_by(&g[1], c, KEY, &route, false), V_PARK);
	ck_assert_int_eq(guest_ask_by(&g[2], c, KEY, &route, false), V_SHED);
	ck_assert_ptr_null(g[2].wait.flight);
	ck_assert_ptr_null(g[2].lk.flight);
	/* One leaves: there is room again. */
	guest_leave(&g[1]);
	ck_assert_int_eq(guest_ask_by(&g[2], c, KEY, &route, false), V_PARK);
	ck_assert_uint_eq(rig_figures(c).parked, 2);
	rig_answer(&g[0], PUBLIC, 10);
	for (int i = 0; i < 3; i++)
		guest_fini(&g[i]);
}
END_TEST

/* One that half-closed waits like all others, though it is no reason to fetch. */
START_TEST(the_park_limit_counts_all_who_wait)
{
	struct conf_route route = rig_route;
	struct guest g[3];

	route.park_limit = 2;
	for (int i = 0; i < 3; i++)
		guest_init(&g[i], w, "GET", "");
	ck_assert_int_eq(guest_ask_by(&g[0], c, KEY, &route, false), V_LEAD);
	ck_assert_int_eq(guest_ask_by(&g[1], c, KEY, &route, false), V_PARK);
	flight_uncount(&g[1].wait);
	ck_assert_uint_eq(rig_figures(c).parked, 1);
	ck_assert_int_eq(guest_ask_by(&g[2], c, KEY, &route, false), V_SHED);
	ck_assert_str_eq(g[2].lk.detail, "park-limit");
	rig_answer(&g[0], PUBLIC, 10);
	for (int i = 0; i < 3; i++)
		guest_fini(&g[i]);
}
END_TEST

START_TEST(purged_while_asking)
{
	struct guest g[3];

	for (int i = 0; i < 3; i++)
		guest_init(&g[i], w, "GET", "");
	guest_ask(&g[0], c, KEY);
	ck_assert_int_eq(guest_ask(&g[1], c, KEY), V_PARK);
	ck_assert_uint_eq(_i == 0 ? cache_purge(c, SLICE(KEY)) : cache_purge_all(c), 0);
	/* Whoever comes after the purge may not have what was asked for before it. */
	ck_assert_int_eq(guest_ask(&g[2], c, KEY), V_LEAD);
	rig_answer(&g[0], PUBLIC, 10);
	ck_assert_uint_eq(rig_figures(c).objects, 0);
	rig_turn(w);
	for (int i = 0; i < 2; i++) {
		guest_open(&g[i]);
		ck_assert(!guest_stored(&g[i]));
		ck_assert_uint_eq(guest_read(&g[i], SIZE_MAX), 10);
	}
	rig_answer(&g[2], PUBLIC, 20);
	rig_turn(w);
	guest_open(&g[2]);
	ck_assert_uint_eq(guest_read(&g[2], SIZE_MAX), 20);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	for (int i = 0; i < 3; i++)
		guest_fini(&g[i]);
}
END_TEST

/* The same for one who asks alone, in no table. */
START_TEST(purged_while_one_asks_alone)
{
	struct guest g;

	guest_init(&g, w, "GET", "");
	guest_ask_by(&g, c, KEY, &rig_route, true);
	ck_assert_uint_eq(_i == 0 ? cache_purge(c, SLICE(KEY)) : cache_purge_all(c), 0);
	rig_answer(&g, PUBLIC, 10);
	ck_assert_uint_eq(rig_figures(c).objects, 0);
	rig_turn(w);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
	guest_leave(&g);
	/* And what is asked for after the purge is stored. */
	fetch_as(KEY, "", PUBLIC, 10, true);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	guest_fini(&g);
}
END_TEST

START_TEST(purged_while_filling)
{
	struct guest g, next;
	struct flight *fl;
	struct obj *o;

	guest_init(&g, w, "GET", "");
	guest_init(&next, w, "GET", "");
	guest_ask(&g, c, KEY);
	fl = g.lk.flight;
	o = rig_head(fl, &g.req, 200, PUBLIC, 1000);
	rig_feed(fl, 0, 500);
	rig_turn(w);
	guest_open(&g);
	ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 1);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
	ck_assert_uint_gt(rig_figures(c).transit_bytes, 1000);
	ck_assert_uint_eq(rig_figures(c).purged, 1);
	ck_assert_int_eq(guest_ask(&next, c, KEY), V_LEAD);
	rig_feed(fl, 500, 500);
	flight_end(fl);
	ck_assert_uint_eq(rig_figures(c).objects, 0);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 1000);
	ck_assert_int_eq(g.state, READER_END);
	rig_answer(&next, PUBLIC, 10);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	obj_unref(o);
	flight_unref(fl);
	guest_fini(&g);
	guest_fini(&next);
}
END_TEST

START_TEST(head_and_get_share_a_key)
{
	struct guest g;

	fetch(KEY, "", PUBLIC, 100);
	ck_assert_int_eq(verdict_of(KEY, "HEAD", ""), V_HIT);
	ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 1);
	/* A HEAD that leads fetches all, as GET (client.c), and GETs wait for it. */
	guest_init(&g, w, "HEAD", "");
	ck_assert_int_eq(guest_ask(&g, c, KEY), V_LEAD);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_PARK);
	g.req.method = SLICE("GET");
	rig_answer(&g, PUBLIC, 100);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_HIT);
	ck_assert_int_eq(verdict_of(KEY, "HEAD", ""), V_HIT);
	guest_fini(&g);
}
END_TEST

/* RFC 9111 3.5 */
START_TEST(authorization)
{
	fetch(KEY, AUTH, OPEN, 10);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_HIT);
	fetch("http://b/", AUTH, PUBLIC, 10);
	ck_assert_int_eq(verdict_of("http://b/", "GET", ""), V_LEAD);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
}
END_TEST

START_TEST(too_large_by_its_length)
{
	struct guest g[2];
	struct flight *fl;
	struct obj *o;

	for (int i = 0; i < 2; i++) {
		guest_init(&g[i], w, "GET", "");
		guest_ask(&g[i], c, KEY);
	}
	fl = g[0].lk.flight;
	o = rig_head(fl, &g[0].req, 200, PUBLIC, 64 * KIB + 1);
	ck_assert_str_eq(obj_meta(o)->fresh.why, "too-large");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g[1].wait), OUTCOME_PASS);
	ck_assert_uint_eq(rig_figures(c).objects, 0);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_PASS);
	guest_leave(&g[0]);
	ck_assert(!obj_wanted(o));
	flight_broken(fl);
	obj_unref(o);
	flight_unref(fl);
	guest_fini(&g[0]);
	guest_fini(&g[1]);
	/* As large as allowed is allowed. */
	fetch("http://b/", "", PUBLIC, 64 * KIB);
	ck_assert_int_eq(verdict_of("http://b/", "GET", ""), V_HIT);
}
END_TEST

/* It turns out while it fills: the store takes it back, those who read it go on. */
START_TEST(too_large_by_and_by)
{
	struct guest g, hit;
	struct flight *fl;
	struct obj *o;

	guest_init(&g, w, "GET", "");
	guest_init(&hit, w, "GET", "");
	guest_ask(&g, c, KEY);
	fl = g.lk.flight;
	o = rig_head(fl, &g.req, 200, PUBLIC, RIG_NO_LENGTH);
	rig_turn(w);
	guest_open(&g);
	ck_assert(rig_feed(fl, 0, 64 * KIB));
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_int_eq(guest_ask(&hit, c, KEY), V_HIT);
	ck_assert(rig_feed(fl, 64 * KIB, 1));
	ck_assert_uint_eq(rig_figures(c).objects, 0);
	ck_assert_uint_gt(rig_figures(c).transit_bytes, 64 * KIB);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_PASS);
	guest_open(&hit);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 64 * KIB + 1);
	ck_assert_uint_eq(guest_read(&hit, SIZE_MAX), 64 * KIB + 1);
	/* From here it is a window. */
	ck_assert(!rig_feed(fl, 64 * KIB + 1, 300 * KIB));
	rig_turn(w);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 300 * KIB);
	ck_assert_uint_eq(guest_read(&hit, SIZE_MAX), 300 * KIB);
	ck_assert_uint_lt(rig_figures(c).transit_bytes, 150 * KIB);
	flight_end(fl);
	rig_turn(w);
	obj_unref(o);
	flight_unref(fl);
	guest_fini(&g);
	guest_fini(&hit);
}
END_TEST

/* The oldest goes; what is read stays with its reader and is counted apart. */
START_TEST(evicted_while_filling)
{
	struct guest g;
	struct flight *fl;
	struct obj *o;
	char key[40];

	guest_init(&g, w, "GET", "");
	guest_ask(&g, c, KEY);
	fl = g.lk.flight;
	o = rig_head(fl, &g.req, 200, PUBLIC, RIG_NO_LENGTH);
	rig_turn(w);
	guest_open(&g);
	rig_feed(fl, 0, 20 * KIB);
	for (unsigned i = 0; i < 20; i++) {
		rig_pass(1);
		snprintf(key, sizeof key, "http://b/%u", i);
		fetch(key, "", PUBLIC, 60 * KIB);
		ck_assert_uint_le(rig_figures(c).bytes, MIB);
	}
	ck_assert_uint_gt(rig_figures(c).evictions, 0);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_LEAD);
	ck_assert_uint_gt(rig_figures(c).transit_bytes, 20 * KIB);
	rig_feed(fl, 20 * KIB, 20 * KIB);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 40 * KIB);
	/* A window now, with what was read gone. */
	ck_assert_uint_lt(rig_figures(c).transit_bytes, 36 * KIB);
	rig_feed(fl, 40 * KIB, 30 * KIB);
	flight_end(fl);
	rig_turn(w);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 30 * KIB);
	ck_assert_int_eq(g.state, READER_END);
	obj_unref(o);
	flight_unref(fl);
	guest_fini(&g);
}
END_TEST

/* Readers that read nothing hold more than memory and a good deal more: no new fetches. */
START_TEST(shed_when_readers_hold_too_much)
{
	struct guest slow, g;

	cache_set_limits(c, 80 * MIB, 80 * MIB);
	fetch(KEY, "", PUBLIC, 66 * MIB);
	guest_init(&slow, w, "GET", "");
	guest_init(&g, w, "GET", "");
	ck_assert_int_eq(guest_ask(&slow, c, KEY), V_HIT);
	guest_open(&slow);
	ck_assert_int_eq(verdict_of("http://other/", "GET", ""), V_LEAD);
	/* The object goes from the store, not from its reader. */
	cache_set_limits(c, MIB, 64 * KIB);
	ck_assert_uint_gt(rig_figures(c).transit_bytes, 65 * MIB);
	ck_assert_int_eq(guest_ask(&g, c, "http://other/"), V_SHED);
	ck_assert_str_eq(g.lk.detail, "memory");
	ck_assert_ptr_null(g.lk.flight);
	ck_assert_int_eq(verdict_of("http://other/", "POST", ""), V_SHED);
	guest_leave(&slow);
	ck_assert_int_eq(verdict_of("http://other/", "GET", ""), V_LEAD);
	guest_fini(&slow);
	guest_fini(&g);
}
END_TEST

START_TEST(a_hit_keeps_it_from_going)
{
	char key[40];

	fetch(KEY, "", PUBLIC, 60 * KIB);
	for (unsigned i = 0; i < 60; i++) {
		rig_pass(USEC_PER_MSEC);
		snprintf(key, sizeof key, "http://b/%u", i);
		fetch(key, "", PUBLIC, 60 * KIB);
		rig_pass(USEC_PER_MSEC);
		ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_HIT);
	}
	ck_assert_uint_gt(rig_figures(c).evictions, 30);
	cache_set_limits(c, 70 * KIB, 64 * KIB);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_int_eq(verdict_of(KEY, "GET", ""), V_HIT);
	cache_set_limits(c, 0, 64 * KIB);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
}
END_TEST

/* Threads. */

#define WORKERS	4
#define EACH	50

struct herd {
	struct guest		 g;
	struct worker_msg	 ask;
	struct rig_count	*asked, *woken;
};

static void
herd_woken(void *arg)
{
	struct herd *h = arg;

	h->g.wakes++;
	rig_count_add(h->woken, -1);
}

static void
herd_ask(void *arg)
{
	struct herd *h = arg;

	guest_ask(&h->g, c, KEY);
	rig_count_add(h->asked, -1);
}

static void
herd_read(void *arg)
{
	struct herd *h = arg;

	guest_open(&h->g);
	ASSERT(guest_read(&h->g, SIZE_MAX) == 5000 && h->g.state == READER_END);
	guest_fini(&h->g);
}

START_TEST(one_leads_of_many)
{
	static struct herd h[WORKERS * EACH];
	struct worker *ws[WORKERS];
	struct rig_count asked, woken;
	struct guest *leader = NULL;

	rig_workers_start(ws, WORKERS);
	rig_count_init(&asked, WORKERS * EACH);
	rig_count_init(&woken, WORKERS * EACH);
	for (unsigned i = 0; i < WORKERS * EACH; i++) {
		guest_init(&h[i].g, ws[i % WORKERS], "GET", "");
		h[i].g.wait.waiter.wake = herd_woken;
		h[i].g.wait.waiter.arg = &h[i];
		h[i].ask = (struct worker_msg){ .fn = herd_ask, .arg = &h[i] };
		h[i].asked = &asked;
		h[i].woken = &woken;
	}
	for (unsigned i = 0; i < WORKERS * EACH; i++)
		worker_post(ws[i % WORKERS], &h[i].ask);
	rig_count_wait(&asked);
	for (unsigned i = 0; i < WORKERS * EACH; i++) {
		if (h[i].g.verdict == V_LEAD) {
			ck_assert_ptr_null(leader);
			leader = &h[i].g;
		} else {
			ck_assert_int_eq(h[i].g.verdict, V_PARK);
		}
	}
	ck_assert_ptr_nonnull(leader);
	ck_assert_uint_eq(rig_figures(c).parked, WORKERS * EACH);
	ck_assert_uint_eq(rig_figures(c).flights, 1);
	rig_answer(leader, PUBLIC, 5000);
	rig_count_wait(&woken);
	for (unsigned i = 0; i < WORKERS * EACH; i++) {
		ck_assert_uint_eq(h[i].g.wakes, 1);
		rig_call(ws[i % WORKERS], herd_read, &h[i]);
	}
	rig_workers_stop(ws, WORKERS);
}
END_TEST

/*
 * The storm: guests on four workers ask for a few keys again and again, lead, park, read, pause,
 * leave at every moment.  Fetches end well, break, fail, answer 304, 503 or something in between;
 * what is stored expires, is purged by URL, by tag, or all of it; the memory is halved and doubled.
 * Each answer says for whom it is, and each guest checks that it is for it, and whole.
 */
#define STORMERS	32
#define STORM_TURNS	200

enum kind { PUBLIC_KIND, VARIES, PRIVATE_KIND, UNSTORED, SHORT, NO_CACHE, BY_CHANCE };

static const struct {
	const char	*key;
	enum kind	 kind;
} storm_keys[] = {
	{ "http://a/0", PUBLIC_KIND },
	{ "http://a/1", VARIES },
	{ "http://a/2", PRIVATE_KIND },
	{ "http://a/3", UNSTORED },
	{ "http://b/4", SHORT },
	{ "http://b/5", NO_CACHE },
	{ "http://b/4\nh:x:y", BY_CHANCE },
	{ "http://b/6", BY_CHANCE },
};

#define STORM_KEYS	((unsigned)(sizeof storm_keys / sizeof storm_keys[0]))

/* How the storm's requests ended: a run in which one of these never happens tests too little. */
enum storm_count {
	N_HIT, N_STALE, N_STALE_LEAD, N_PARK, N_ABSENT, N_RENEWED, N_DISBELIEVED, N_STALE_ON_ERROR,
	N_INTERIM, N_PURGED, N_HIT_LEAD, N_FAILED, N_COUNTS,
};

static _Atomic unsigned storm_counts[N_COUNTS];

static void
storm_count(enum storm_count what)
{
	atomic_fetch_add(&storm_counts[what], 1);
}

struct storm {
	struct worker		*w[WORKERS];
	struct conf_route	 route, obeys;
	struct rig_count	 left;		/* guests and fills */
};

struct stormer {
	struct guest		 g;
	struct storm		*storm;
	struct worker_msg	 step;
	unsigned		 seed, turns, number;
	unsigned		 key;
	bool			 alone;
	enum { ST_ASK, ST_WAIT, ST_READ } state;
};

/* A fetch: its steps are messages to its own worker. */
struct stormfill {
	struct flight		*fl;
	struct obj		*o;
	struct worker		*worker;
	struct storm		*storm;
	struct worker_msg	 step, look;
	struct head		 req;
	unsigned		 seed, key, pause;
	uint64_t		 off, total;
	bool			 held;
};

static void
fill_over(struct stormfill *f)
{
	if (f->o == NULL)
		flight_set_source(f->fl, NULL, NULL);
	worker_unpost(f->worker, &f->step);
	worker_unpost(f->worker, &f->look);
	obj_unref(f->o);
	flight_unref(f->fl);
	head_fini(&f->req);
	rig_count_add(&f->storm->left, -1);
	free(f);
}

static void
fill_look(void *arg)
{
	struct stormfill *f = arg;

	unsigned wanted;

	if (f->o == NULL) {
		if (flight_wanted(f->fl, &wanted) == WANT_NOT &&
		    flight_give_up(f->fl, &no_answer))
			fill_over(f);
	} else if (!obj_wanted(f->o)) {
		flight_broken(f->fl);
		fill_over(f);
	} else if (f->held && !obj_full(f->o)) {
		f->held = false;
		worker_post(f->worker, &f->step);
	}
}

static struct slice
who_asks(const struct head *req)
{
	return hdr_get(req, SLICE("X-Who"))->value;
}

static bool
says_who(const struct head *req)
{
	return hdr_get(req, SLICE("Authorization")) != NULL ||
	    hdr_get(req, SLICE("Cookie")) != NULL;
}

static void
add_total(struct head *h, uint64_t n, bool with_tag)
{
	char text[48];

	snprintf(text, sizeof text, "\"%llu\"", (unsigned long long)n);
	if (with_tag)
		hdr_add(h, SLICE("ETag"), slice_str(text));
	hdr_add(h, SLICE("X-Total"), slice_of(text + 1, strlen(text) - 2));
}

/* What is for all of a key's answers. */
static void
fill_fields(struct stormfill *f, enum kind kind, struct head *resp)
{
	static const char *const control[] = {
		[PUBLIC_KIND] = "max-age=1, stale-while-revalidate=3",
		[VARIES] = "max-age=1, stale-while-revalidate=3",
		[PRIVATE_KIND] = "private",
		[UNSTORED] = "max-age=0, stale-if-error=0",
		[NO_CACHE] = "no-cache",
	};

	if (kind != SHORT)
		hdr_add(resp, SLICE("Cache-Control"), slice_str(control[kind]));
	if (kind == VARIES)
		hdr_add(resp, SLICE("Vary"), SLICE("Accept"));
	if (kind == PRIVATE_KIND || hdr_get(&f->req, SLICE("Authorization")) != NULL)
		hdr_add(resp, SLICE("X-For"), who_asks(&f->req));
	hdr_add(resp, SLICE("Surrogate-Key"), f->key % 2 ? SLICE("odd all") : SLICE("even all"));
	hdr_add(resp, SLICE("Cache-Groups"), SLICE("\"group\""));
}

static enum kind
fill_kind(struct stormfill *f)
{
	enum kind kind = storm_keys[f->key].kind;

	return kind == BY_CHANCE ? (enum kind)(rig_random(&f->seed) % BY_CHANCE) : kind;
}

/* A 304 that confirms, and one that doesn't: then it goes on with a whole answer. */
static bool
fill_confirm(struct stormfill *f, struct head *resp)
{
	const struct head *stored = flight_validates(f->fl);
	unsigned dice = rig_random(&f->seed);

	if (stored == NULL || dice % 3 == 0)
		return false;
	rig_response(resp, 304, "", RIG_NO_BODY);
	if (dice % 8 == 1) {
		hdr_add(resp, SLICE("ETag"), SLICE("\"another\""));
		ASSERT(!flight_believes(f->fl, resp) && flight_validates(f->fl) == NULL);
		head_fini(resp);
		storm_count(N_DISBELIEVED);
		return false;
	}
	if (dice % 8 == 2 && storm_keys[f->key].kind == BY_CHANCE)
		fill_fields(f, PRIVATE_KIND, resp);
	else if (hdr_get(&f->req, SLICE("Authorization")) != NULL)
		hdr_add(resp, SLICE("X-For"), who_asks(&f->req));
	if (dice % 8 == 3)
		hdr_add(resp, SLICE("Set-Cookie"), who_asks(&f->req));
	if (dice % 8 == 4)
		hdr_add(resp, SLICE("ETag"), hdr_get(stored, SLICE("ETag"))->value);
	ASSERT(flight_believes(f->fl, resp));
	storm_count(N_RENEWED);
	return true;
}

static void
fill_whole(struct stormfill *f, struct head *resp)
{
	bool head = method_is(&f->req, "HEAD"), post = method_is(&f->req, "POST");
	enum kind kind = post ? PUBLIC_KIND : fill_kind(f);
	bool known = rig_random(&f->seed) % 2;

	if (rig_random(&f->seed) % (flight_validates(f->fl) != NULL ? 2 : 6) == 0) {
		f->total = 0;
		rig_response(resp, 503, "X-Total: 0\n", RIG_NO_BODY);
		return;
	}
	if (head)
		f->total = 0;
	rig_response(resp, 200, "", head ? RIG_NO_BODY : known ? (int64_t)f->total : RIG_NO_LENGTH);
	fill_fields(f, kind, resp);
	/* What it says of the stored one is true, or that it is another. */
	if (head && rig_random(&f->seed) % 4 == 0)
		hdr_add(resp, SLICE("ETag"), SLICE("\"another\""));
	if (head)
		return;
	add_total(resp, f->total, kind != UNSTORED);
	if (kind == VARIES)
		hdr_add(resp, SLICE("X-Accept"), hdr_get(&f->req, SLICE("Accept"))->value);
	if (post)
		hdr_add(resp, SLICE("Content-Location"),
		    key_url(slice_str(storm_keys[f->key].key)));
}

static bool
fill_head(struct stormfill *f)
{
	struct slice key = slice_str(storm_keys[f->key].key);
	struct head resp;

	if (!fill_confirm(f, &resp))
		fill_whole(f, &resp);
	if (method_is(&f->req, "POST")) {
		cache_purge(c, key);
		cache_purge_tags(c, SLICE("g:group\n"), &key);
	}
	f->o = flight_head(f->fl, &f->req, &resp, clock_now(), clock_now());
	if (f->o == NULL)
		return false;
	if (obj_state(f->o) == OBJ_FILLING)
		obj_set_source(f->o, f->worker, &f->look);
	else
		f->off = f->total = 0;
	worker_post(f->worker, &f->look);
	return true;
}

/* Only what can't be about the one who asked is for all. */
static void
fill_interim(struct stormfill *f)
{
	struct head h;

	rig_response(&h, 103, "", RIG_NO_BODY);
	if (says_who(&f->req))
		hdr_add(&h, SLICE("X-For"), who_asks(&f->req));
	flight_interim(f->fl, &h);
	head_fini(&h);
}

static void
fill_step(void *arg)
{
	struct stormfill *f = arg;
	unsigned dice = rig_random(&f->seed);
	size_t n;

	if (f->pause > 0) {
		f->pause--;
		if (dice % 3 == 0)
			fill_interim(f);
		worker_post(f->worker, &f->step);
		return;
	}
	if (dice % 25 == 0 || (f->o == NULL && !fill_head(f))) {
		if (dice % 25 == 0 && f->o == NULL)
			flight_failed(f->fl, &no_answer);
		else if (f->o != NULL)
			flight_broken(f->fl);
		fill_over(f);
		return;
	}
	n = dice % (60 * KIB);
	if (n > f->total - f->off)
		n = f->total - f->off;
	if (n > 0)
		f->held = !rig_feed(f->fl, f->off, n);
	f->off += n;
	if (f->off == f->total) {
		flight_end(f->fl);
		fill_over(f);
	} else if (!f->held) {
		worker_post(f->worker, &f->step);
	}
}

static void
fill_start(struct stormer *s)
{
	struct stormfill *f = XCALLOC(1, sizeof *f);

	f->fl = s->g.lk.flight;
	f->worker = s->g.worker;
	f->storm = s->storm;
	f->seed = s->seed * 7 + 1;
	f->key = s->key;
	f->pause = rig_random(&s->seed) % 6;
	f->total = rig_random(&s->seed) % 8 == 0 ? rig_random(&s->seed) % MIB :
	    rig_random(&s->seed) % (50 * KIB);
	f->step = (struct worker_msg){ .fn = fill_step, .arg = f };
	f->look = (struct worker_msg){ .fn = fill_look, .arg = f };
	head_copy(&f->req, &s->g.req);
	if (s->g.lk.whole)
		f->req.method = SLICE("GET");
	rig_count_add(&f->storm->left, 1);
	flight_set_source(f->fl, f->worker, &f->look);
	worker_post(f->worker, &f->step);
}

/* Time passes, and somebody tidies up. */
static void
storm_weather(struct stormer *s)
{
	static const struct slice tags[] = {
		SLICE_INIT("t:odd\n"), SLICE_INIT("t:even\nt:none\n"), SLICE_INIT("g:group\n"),
	};
	unsigned dice = rig_random(&s->seed);
	struct slice key = slice_str(storm_keys[rig_random(&s->seed) % STORM_KEYS].key);
	unsigned purged = 0;

	rig_pass(USEC_PER_MSEC);
	if (dice % 48 == 0)
		rig_pass(USEC_PER_SEC / 2);
	if (dice % 256 == 1)
		rig_pass(61 * USEC_PER_SEC);
	if (dice % 48 == 2)
		purged += cache_purge(c, key);
	if (dice % 64 == 3)
		purged += cache_purge_tags(c, tags[dice / 64 % 3], &key);
	if (dice % 512 == 4)
		purged += cache_purge_all(c);
	if (dice % 128 == 5)
		cache_set_limits(c, 40 * KIB, 64 * KIB);
	if (dice % 16 == 6)
		cache_set_limits(c, MIB, 64 * KIB);
	if (purged > 0)
		storm_count(N_PURGED);
}

/* This turn is over; the next one begins through the loop. */
static void
storm_next(struct stormer *s)
{
	static const char *const methods[] = {
		"GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST",
	};
	static const char *const control[] = {
		"", "", "Cache-Control: no-cache\n", "Cache-Control: only-if-cached\n",
		"Cache-Control: max-stale\n", "Cache-Control: no-store\n", "Authorization: x\n",
		"Cookie: a=b\n",
	};
	char fields[100];

	guest_fini(&s->g);
	if (s->turns-- == 0) {
		worker_unpost(s->g.worker, &s->step);
		rig_count_add(&s->storm->left, -1);
		return;
	}
	storm_weather(s);
	snprintf(fields, sizeof fields, "X-Who: %u\nAccept: %u\n%s", s->number, s->number % 3,
	    control[rig_random(&s->seed) % 8]);
	guest_init(&s->g, s->g.worker, methods[rig_random(&s->seed) % 8], fields);
	s->state = ST_ASK;
	s->alone = false;
	s->key = rig_random(&s->seed) % STORM_KEYS;
	worker_post(s->g.worker, &s->step);
}

static void
storm_more(void *arg)
{
	struct stormer *s = arg;

	ASSERT(s->state == ST_READ);
	worker_post(s->g.worker, &s->step);
}

static void
storm_read_on(struct stormer *s)
{
	const struct head *h = &obj_meta(s->g.obj)->head;
	const struct hdr_field *f;

	s->state = ST_READ;
	if ((f = hdr_get(h, SLICE("X-For"))) != NULL)
		ASSERT(slice_eq(f->value, who_asks(&s->g.req)));
	if ((f = hdr_get(h, SLICE("X-Accept"))) != NULL)
		ASSERT(slice_eq(f->value, hdr_get(&s->g.req, SLICE("Accept"))->value));
	/* Nobody gets another's cookie; one that comes with a 304 isn't even in the head. */
	ASSERT(hdr_get(h, SLICE("Set-Cookie")) == NULL);
	worker_post(s->g.worker, &s->step);
}

static void
storm_open(struct stormer *s)
{
	struct flight_facts facts;

	flight_facts(&s->g.wait, &facts);
	if (facts.stale)
		storm_count(N_STALE_ON_ERROR);
	s->g.more = storm_more;
	s->g.more_arg = s;
	guest_open(&s->g);
	storm_read_on(s);
}

/* It can't wait, or there is nothing to wait for. */
static bool
storm_stale(struct stormer *s)
{
	struct obj *o = wait_take_stale(&s->g.wait, clock_mono());
	struct flight_facts facts;

	if (o == NULL)
		return false;
	flight_facts(&s->g.wait, &facts);
	ASSERT(facts.status == 0 || facts.status >= 200);
	storm_count(N_STALE_ON_ERROR);
	flight_leave(&s->g.wait);
	s->g.obj = o;
	reader_open(&s->g.reader, o, false, s->g.worker, storm_more, s);
	storm_read_on(s);
	return true;
}

/* Decided, with the interim answers taken. */
static bool
storm_waited(struct stormer *s)
{
	struct slice text, who = who_asks(&s->g.req);
	const char *at;

	for (;;) {
		switch (wait_next(&s->g.wait, &text)) {
		case WAIT_INTERIM:
			storm_count(N_INTERIM);
			at = memmem(text.p, text.n, "X-For: ", 7);
			ASSERT(at == NULL || (memcmp(at + 7, who.p, who.n) == 0 &&
			    at[7 + who.n] == '\r'));
			break;
		case WAIT_PARKED:
			return false;
		case WAIT_DECIDED:
			return true;
		}
	}
}

static void
storm_woken(void *arg)
{
	struct stormer *s = arg;

	ASSERT(s->state == ST_WAIT);
	if (!storm_waited(s))
		return;
	worker_unpost(s->g.worker, &s->step);
	switch (flight_outcome(&s->g.wait)) {
	case OUTCOME_OBJ:
		storm_open(s);
		return;
	case OUTCOME_PASS:
		s->alone = true;
		/* FALLTHROUGH */
	case OUTCOME_AGAIN:
		flight_leave(&s->g.wait);
		s->state = ST_ASK;
		worker_post(s->g.worker, &s->step);
		return;
	case OUTCOME_FAIL:
		if (!storm_stale(s))
			storm_next(s);
		return;
	}
}

static void
storm_ask(struct stormer *s)
{
	const struct conf_route *route = rig_random(&s->seed) % 2 ? &s->storm->obeys :
	    &s->storm->route;

	s->state = ST_WAIT;
	s->g.wait.waiter.wake = storm_woken;
	s->g.wait.waiter.arg = s;
	switch (guest_ask_by(&s->g, c, storm_keys[s->key].key, route, s->alone)) {
	case V_HIT_LEAD:
	case V_STALE_LEAD:
		storm_count(s->g.verdict == V_HIT_LEAD ? N_HIT_LEAD : N_STALE_LEAD);
		fill_start(s);
		storm_open(s);
		return;
	case V_HIT:
	case V_STALE:
		storm_count(s->g.verdict == V_HIT ? N_HIT : N_STALE);
		storm_open(s);
		return;
	case V_LEAD:
	case V_PASS:
		fill_start(s);
		break;
	case V_PARK:
		storm_count(N_PARK);
		storm_waited(s);
		break;
	case V_FAILED:
		storm_count(N_FAILED);
		storm_next(s);
		return;
	case V_ABSENT:
		storm_count(N_ABSENT);
		/* FALLTHROUGH */
	case V_SHED:
		storm_next(s);
		return;
	}
	/* Some leave while they wait, some half-close. */
	if (rig_random(&s->seed) % 4 == 0)
		worker_post(s->g.worker, &s->step);
}

static void
storm_read(struct stormer *s)
{
	const struct hdr_field *total;
	uint64_t n;

	if (rig_random(&s->seed) % 40 == 0) {
		storm_next(s);
		return;
	}
	guest_read(&s->g, 1 + rig_random(&s->seed) % (80 * KIB));
	switch (s->g.state) {
	case READER_DATA:
		worker_post(s->g.worker, &s->step);
		return;
	case READER_WAITING:
		return;
	case READER_END:
		/* An answer to HEAD says nothing. */
		if ((total = hdr_get(&obj_meta(s->g.obj)->head, SLICE("X-Total"))) != NULL)
			ASSERT(slice_u64(total->value, &n) == 0 && n == s->g.reader.off);
		/* FALLTHROUGH */
	case READER_CUT:
		storm_next(s);
		return;
	}
}

static void
storm_step(void *arg)
{
	struct stormer *s = arg;

	switch (s->state) {
	case ST_ASK:
		storm_ask(s);
		return;
	case ST_WAIT:
		if (rig_random(&s->seed) % 2 == 0) {
			flight_uncount(&s->g.wait);
			return;
		}
		if (!storm_stale(s))
			storm_next(s);
		return;
	case ST_READ:
		storm_read(s);
		return;
	}
}

static void
storm_init(struct stormer *s, struct storm *st, unsigned i, unsigned seed)
{
	memset(s, 0, sizeof *s);
	guest_init(&s->g, st->w[i % WORKERS], "GET", "X-Who: 0\n");
	s->storm = st;
	s->seed = seed + i * 101;
	s->turns = STORM_TURNS;
	s->number = i;
	s->step = (struct worker_msg){ .fn = storm_step, .arg = s };
}

/* The first turn begins on its own worker, too. */
static void
storm_begin(void *arg)
{
	storm_next(arg);
}

static void
storm_once(unsigned seed)
{
	static char name[] = "Surrogate-Key", *fields[] = { name };
	static struct stormer s[STORMERS];
	struct storm st = { .route = rig_route };

	st.route.ttl.any = 50 * USEC_PER_MSEC;
	st.route.stale_while_revalidate = 200 * USEC_PER_MSEC;
	st.route.stale_if_error = 30 * USEC_PER_SEC;
	st.route.park_limit = 8;
	st.route.tags = (struct conf_strings){ fields, 1 };
	st.route.refresh_ahead = 1;
	st.route.error_ttl = 20 * USEC_PER_MSEC;
	st.route.jitter = 0.1;
	st.route.sliding_ttl = seed % 2 == 0;
	st.route.admit = (struct conf_admit){ .min_requests = 2, .window = USEC_PER_SEC };
	st.obeys = st.route;
	st.obeys.client_control = true;
	rig_workers_start(st.w, WORKERS);
	rig_count_init(&st.left, STORMERS);
	for (unsigned i = 0; i < STORMERS; i++)
		storm_init(&s[i], &st, i, seed);
	for (unsigned i = 0; i < STORMERS; i++)
		rig_call(s[i].g.worker, storm_begin, &s[i]);
	rig_count_wait(&st.left);
	rig_workers_stop(st.w, WORKERS);
	ck_assert_uint_eq(rig_figures(c).flights, 0);
	ck_assert_uint_eq(rig_figures(c).parked, 0);
}

/* What has not happened yet; N_COUNTS: nothing. */
static int
storm_lacks(void)
{
	int i = 0;

	while (i < N_COUNTS && atomic_load(&storm_counts[i]) > 0)
		i++;
	return i;
}

/* The threads choose what happens: once more until all of it has. */
START_TEST(storm)
{
	unsigned seed = (unsigned)_i * 1000 + 1, rounds = 0;

	do
		storm_once(seed + rounds * 7919);
	while (storm_lacks() < N_COUNTS && ++rounds < 20);
	ck_assert_msg(storm_lacks() == N_COUNTS, "no %d", storm_lacks());
}
END_TEST

static Suite *
cache_suite(void)
{
	Suite *s = suite_create("cache");
	TCase *ask = tcase_create("ask"), *purge = tcase_create("purge");
	TCase *room = tcase_create("room"), *threads = tcase_create("threads");
	TCase *all[] = { ask, purge, room, threads };

	tcase_add_test(ask, fresh_until_its_lifetime);
	tcase_add_test(ask, a_hit_while_it_fills);
	tcase_add_loop_test(ask, passed_whatever_the_store_says, 0,
	    (int)(sizeof passes / sizeof passes[0]));
	tcase_add_test(ask, coalesce_off_fetches_for_each);
	tcase_add_test(ask, a_marker_lets_through_for_a_minute);
	tcase_add_loop_test(ask, markers_are_for_an_audience, 0, 3);
	tcase_add_test(ask, a_marker_goes_when_the_answer_is_shareable);
	tcase_add_loop_test(ask, what_leaves_a_marker, 0,
	    (int)(sizeof unmarked / sizeof unmarked[0]));
	tcase_add_test(ask, alone_asks_without_parking);
	tcase_add_loop_test(ask, alone_a_part_is_passed, 0,
	    2 * (int)(sizeof alones / sizeof alones[0]));
	tcase_add_test(ask, other_variants_ask_again);
	tcase_add_test(ask, a_flight_for_each_known_variant);
	tcase_add_test(ask, names_that_change);
	tcase_add_test(ask, eight_variants_of_a_key);
	tcase_add_test(ask, shed_past_the_park_limit);
	tcase_add_test(ask, the_park_limit_counts_all_who_wait);
	tcase_add_test(ask, head_and_get_share_a_key);
	tcase_add_test(ask, authorization);
	tcase_add_loop_test(purge, purged_while_asking, 0, 2);
	tcase_add_loop_test(purge, purged_while_one_asks_alone, 0, 2);
	tcase_add_test(purge, purged_while_filling);
	tcase_add_test(room, markers_push_out_no_object);
	tcase_add_test(room, too_large_by_its_length);
	tcase_add_test(room, too_large_by_and_by);
	tcase_add_test(room, evicted_while_filling);
	tcase_add_test(room, shed_when_readers_hold_too_much);
	tcase_add_test(room, a_hit_keeps_it_from_going);
	tcase_add_test(threads, one_leads_of_many);
	tcase_add_loop_test(threads, storm, 0, 6);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		tcase_add_checked_fixture(all[i], set_up, tear_down);
		suite_add_tcase(s, all[i]);
	}
	return s;
}

UNIT_MAIN(cache_suite)
