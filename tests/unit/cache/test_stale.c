/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache.h"

#include "tests/unit/cache/rig.h"

#define KEY	"http://a/"
#define TEN	"Cache-Control: max-age=10\n"
#define TAG	"ETag: \"v1\"\n"
#define FIRST	TEN TAG
#define WINDOW	"Cache-Control: max-age=10, stale-while-revalidate=30\n" TAG
#define STRICT	"Cache-Control: max-age=10, must-revalidate\n" TAG
#define COOKIE	"Cookie: a=b\n"
#define SECOND	USEC_PER_SEC
#define KIB	((size_t)1024)
#define MIB	(1024 * KIB)
#define COUNT(a)	((int)(sizeof (a) / sizeof (a)[0]))

static const struct flight_failure no_answer = {
	.status = 502, .detail = "connect", .text = "no answer", .blame = BLAME_BACKEND,
};

/* One worker that the test turns, its cache, and the route by which all ask. */
static struct worker *w;
static struct cache *c;
static struct conf_route route;

static void
set_up(void)
{
	w = worker_new(0, NULL);
	c = rig_cache(MIB, 64 * KIB);
	route = rig_route;
	route.stale_if_error = 100 * SECOND;
}

static void
tear_down(void)
{
	rig_end(w, c);
}

static enum verdict
ask_for(struct guest *g, const char *key, const char *method, const char *fields, bool alone)
{
	guest_init(g, w, method, fields);
	return guest_ask_by(g, c, key, &route, alone);
}

static enum verdict
ask(struct guest *g, const char *fields)
{
	return ask_for(g, KEY, "GET", fields, false);
}

/* A whole fetch; the answer is stored. */
static void
fetch_of(const char *key, const char *req_fields, const char *fields, size_t n)
{
	struct guest g;

	ask_for(&g, key, "GET", req_fields, false);
	ck_assert_ptr_nonnull(g.lk.flight);
	rig_answer(&g, fields, n);
	guest_fini(&g);
	rig_turn(w);
}

/* Stored, and no longer fresh. */
static void
have_stale(const char *fields)
{
	fetch_of(KEY, "", fields, 10);
	rig_pass(10 * SECOND);
}

static void
leave(struct guest *g)
{
	if (g->lk.obj != NULL)
		guest_open(g);
	if (g->lk.flight != NULL)
		rig_fail(g);
	guest_fini(g);
}

/* What a request with these fields is told now; what it leads fails at once, which may pause. */
static enum verdict
verdict_of(const char *key, const char *fields)
{
	struct guest g;
	enum verdict v = ask_for(&g, key, "GET", fields, false);

	leave(&g);
	rig_turn(w);
	return v;
}

/* Stale while it is refreshed. */

static const struct {
	const char	*method, *fields;
	bool		 alone;
} readers[] = {
	{ "GET", "", false },
	{ "HEAD", "", false },
	{ "GET", "Range: bytes=0-1\n", false },
	{ "GET", "If-None-Match: \"v1\"\n", false },
	{ "GET", COOKIE, false },
	{ "GET", "", true },
};

START_TEST(one_refresh_however_many_ask)
{
	unsigned wanted;
	struct guest lead, g;

	have_stale(WINDOW);
	ck_assert_int_eq(ask_for(&lead, KEY, readers[_i].method, readers[_i].fields,
	    readers[_i].alone), V_STALE_LEAD);
	ck_assert_str_eq(lead.lk.detail, "stale-while-revalidate");
	ck_assert(lead.lk.whole && !lead.lk.expected);
	ck_assert_int_eq(guest_age(&lead), 10 * SECOND);
	ck_assert_ptr_nonnull(flight_validates(lead.lk.flight));
	/* It waits for nothing. */
	ck_assert_ptr_null(lead.wait.flight);
	ck_assert_uint_eq(rig_figures(c).parked, 0);
	for (int i = 0; i < COUNT(readers); i++) {
		ck_assert_int_eq(ask_for(&g, KEY, readers[i].method, readers[i].fields,
		    readers[i].alone), V_STALE);
		ck_assert_str_eq(g.lk.detail, "stale-while-revalidate");
		ck_assert_ptr_null(g.lk.flight);
		guest_open(&g);
		ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
		guest_fini(&g);
	}
	ck_assert_uint_eq(rig_figures(c).flights, 1);
	ck_assert(flight_is_background(lead.lk.flight));
	ck_assert_int_eq(flight_wanted(lead.lk.flight, &wanted), WANT_WAITED_FOR);
	ck_assert_uint_eq(wanted, 0);
	lead.req.method = SLICE("GET");
	rig_bare(&lead, 304, "");
	leave(&lead);
	ck_assert_int_eq(verdict_of(KEY, ""), V_HIT);
}
END_TEST

/* RFC 5861 3: the window ends; who comes then waits for the refresh that is up. */
START_TEST(the_window_ends)
{
	struct guest lead, g;

	have_stale(WINDOW);
	rig_pass(30 * SECOND - 1);
	ck_assert_int_eq(ask(&lead, ""), V_STALE_LEAD);
	rig_pass(1);
	ck_assert_int_eq(ask(&g, ""), V_PARK);
	ck_assert_str_eq(g.lk.fwd, "stale");
	rig_answer(&lead, WINDOW, 20);
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 20);
	leave(&g);
	leave(&lead);
	rig_pass(40 * SECOND);
	ck_assert_int_eq(verdict_of(KEY, ""), V_LEAD);
}
END_TEST

static const char *const no_windows[] = {
	"Cache-Control: max-age=10, stale-while-revalidate=30, must-revalidate\n" TAG,
	"Cache-Control: max-age=10, stale-while-revalidate=30, proxy-revalidate\n" TAG,
	"Cache-Control: s-maxage=10, stale-while-revalidate=30\n" TAG,
	TEN TAG,
};

/* RFC 9111 4.2.4 */
START_TEST(not_where_the_answer_forbids_it)
{
	have_stale(no_windows[_i]);
	ck_assert_int_eq(verdict_of(KEY, ""), V_LEAD);
}
END_TEST

enum { FAILS, ANSWERS_503, BREAKS };

START_TEST(a_refresh_that_fails_pauses)
{
	struct guest g;
	struct obj *o;

	have_stale(WINDOW);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(ask(&g, ""), V_STALE_LEAD);
		if (_i == FAILS) {
			rig_fail(&g);
		} else if (_i == ANSWERS_503) {
			rig_bare(&g, 503, "");
		} else {
			o = rig_head(g.lk.flight, &g.req, 200, WINDOW, 100);
			flight_broken(g.lk.flight);
			obj_unref(o);
			flight_unref(g.lk.flight);
			g.lk.flight = NULL;
		}
		leave(&g);
		ck_assert_uint_eq(rig_figures(c).flights, 0);
		ck_assert_int_eq(verdict_of(KEY, ""), V_STALE);
		rig_pass(SECOND - 1);
		ck_assert_int_eq(verdict_of(KEY, ""), V_STALE);
		rig_pass(1);
	}
	/* And an answer ends the pause. */
	ck_assert_int_eq(ask(&g, ""), V_STALE_LEAD);
	rig_bare(&g, 304, "");
	leave(&g);
	rig_pass(10 * SECOND);
	ck_assert_int_eq(verdict_of(KEY, ""), V_STALE_LEAD);
}
END_TEST

/* One that was up already shows that the backend is well again. */
START_TEST(an_answer_ends_the_pause)
{
	struct guest a, b;

	route.ttl.any = SECOND / 10;
	route.stale_while_revalidate = 10 * SECOND;
	route.coalesce = COALESCE_OFF;
	fetch_of(KEY, "", TAG, 10);
	rig_pass(11 * SECOND);
	ck_assert_int_eq(ask(&a, ""), V_LEAD);
	ck_assert_int_eq(ask(&b, ""), V_LEAD);
	leave(&a);
	ck_assert_int_eq(verdict_of(KEY, ""), V_STALE);
	rig_bare(&b, 304, "");
	leave(&b);
	ck_assert_int_eq(verdict_of(KEY, ""), V_HIT);
	rig_pass(SECOND / 10);
	ck_assert_int_eq(verdict_of(KEY, ""), V_STALE_LEAD);
}
END_TEST

/* What this kind of client fetches renews nothing: a minute long it leaves it to others. */
START_TEST(a_marker_stops_the_refreshes_of_its_audience)
{
	struct guest g;

	have_stale("Cache-Control: max-age=10, stale-while-revalidate=3000\n" TAG);
	ck_assert_int_eq(ask(&g, COOKIE), V_STALE_LEAD);
	rig_bare(&g, 200, "Cache-Control: private\n");
	leave(&g);
	ck_assert_int_eq(verdict_of(KEY, COOKIE), V_STALE);
	rig_pass(60 * SECOND - 1);
	ck_assert_int_eq(verdict_of(KEY, COOKIE), V_STALE);
	ck_assert_int_eq(verdict_of(KEY, ""), V_STALE_LEAD);
	rig_pass(SECOND);
	ck_assert_int_eq(verdict_of(KEY, COOKIE), V_STALE_LEAD);
}
END_TEST

START_TEST(no_refresh_of_what_still_fills)
{
	struct guest lead, g;
	struct obj *o;

	ask(&lead, "");
	o = rig_head(lead.lk.flight, &lead.req, 200, WINDOW, RIG_NO_LENGTH);
	rig_feed(lead.lk.flight, 0, 5);
	rig_pass(20 * SECOND);
	ck_assert_int_eq(ask(&g, ""), V_STALE);
	ck_assert(g.lk.expected);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 5);
	flight_end(lead.lk.flight);
	flight_unref(lead.lk.flight);
	lead.lk.flight = NULL;
	obj_unref(o);
	leave(&lead);
	leave(&g);
	ck_assert_int_eq(verdict_of(KEY, ""), V_STALE_LEAD);
}
END_TEST

static const struct {
	const char	*stored;	/* NULL: nothing */
	usec_t		 age;
	bool		 failed;	/* just now */
	const char	*asks;
	enum verdict	 verdict;
	const char	*detail;
} directives[] = {
	{ NULL, 0, false, "only-if-cached", V_ABSENT, "only-if-cached" },
	{ FIRST, 9, false, "only-if-cached", V_HIT, NULL },
	{ FIRST, 10, false, "only-if-cached", V_ABSENT, "only-if-cached" },
	{ FIRST, 10, true, "only-if-cached", V_STALE, "stale-if-error" },
	{ WINDOW, 10, false, "only-if-cached", V_STALE, "stale-while-revalidate" },
	{ FIRST, 15, false, "max-stale=5", V_STALE, "max-stale" },
	{ FIRST, 16, false, "max-stale=5", V_LEAD, NULL },
	{ FIRST, 99, false, "max-stale", V_STALE, "max-stale" },
	{ STRICT, 11, false, "max-stale", V_LEAD, NULL },
	{ FIRST, 10, true, "x", V_STALE, "stale-if-error" },
	{ STRICT, 10, true, "x", V_LEAD, NULL },
	{ FIRST, 5, false, "no-cache", V_HIT, NULL },
};

/* RFC 9111 5.2.1 */
START_TEST(what_a_client_says)
{
	char fields[100];
	struct guest g;

	if (directives[_i].stored != NULL)
		fetch_of(KEY, "", directives[_i].stored, 10);
	rig_pass(directives[_i].age * SECOND);
	if (directives[_i].failed)
		ck_assert_int_eq(verdict_of(KEY, ""), V_LEAD);
	snprintf(fields, sizeof fields, "Cache-Control: %s\n", directives[_i].asks);
	ck_assert_int_eq(ask(&g, fields), directives[_i].verdict);
	if (directives[_i].detail != NULL)
		ck_assert_str_eq(g.lk.detail, directives[_i].detail);
	ck_assert_int_eq(g.lk.flight != NULL, directives[_i].verdict == V_LEAD);
	leave(&g);
}
END_TEST

/* Where the route obeys: a reload asks the backend, many at once ask it together. */
START_TEST(reloads_coalesce)
{
	struct guest a, b;

	route.client_control = true;
	fetch_of(KEY, "", FIRST, 10);
	ck_assert_int_eq(ask(&a, "Cache-Control: no-cache\n"), V_LEAD);
	ck_assert_str_eq(a.lk.fwd, "request");
	ck_assert_ptr_nonnull(flight_validates(a.lk.flight));
	ck_assert_int_eq(ask(&b, "Pragma: no-cache\n"), V_PARK);
	ck_assert_int_eq(verdict_of(KEY, ""), V_HIT);
	rig_bare(&a, 304, "");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&b.wait), OUTCOME_OBJ);
	leave(&a);
	leave(&b);
	/* RFC 9111 5.2.1.5: what was asked for with no-store is not kept. */
	rig_pass(20 * SECOND);
	cache_purge(c, SLICE(KEY));
	fetch_of(KEY, "Cache-Control: no-store\n", FIRST, 10);
	ck_assert_uint_eq(rig_figures(c).objects, 0);
}
END_TEST

/* Stale, since the backend fails. */

static const struct {
	const char	*stored;
	usec_t		 age;
	const char	*asks;
	bool		 served;
} covers[] = {
	{ FIRST, 10, "", true },
	{ FIRST, 109, "", true },
	{ FIRST, 110, "", false },
	{ FIRST, 200, "Cache-Control: stale-if-error=1000\n", true },
	{ FIRST, 10, COOKIE, true },
	{ STRICT, 10, "", false },
	{ STRICT, 10, "Cache-Control: stale-if-error=1000\n", false },
	{ "Cache-Control: max-age=10, stale-if-error=0\n" TAG, 10, "", false },
	{ "Cache-Control: max-age=10, no-cache\n" TAG, 10, "", false },
};

/* RFC 5861 4, each for itself: when the fetch fails, and when it takes too long to wait. */
START_TEST(stale_for_who_waits)
{
	bool timeout = _i % 2 == 1;
	struct guest g, p;
	struct obj *o;
	int i = _i / 2;

	fetch_of(KEY, "", covers[i].stored, 10);
	rig_pass(covers[i].age * SECOND);
	ask(&g, "");
	ask(&p, covers[i].asks);
	if (p.verdict != V_PARK) {
		/* no-cache has left a marker: on its own. */
		ck_assert_int_eq(p.verdict, V_PASS);
		ck_assert(!covers[i].served);
	}
	if (!timeout) {
		flight_failed(p.verdict == V_PASS ? p.lk.flight : g.lk.flight, &no_answer);
		rig_turn(w);
		ck_assert_int_eq(flight_outcome(&p.wait), OUTCOME_FAIL);
		ck_assert_int_eq(flight_failure(&p.wait)->status, 502);
	}
	o = wait_take_stale(&p.wait, clock_mono());
	ck_assert_int_eq(o != NULL, covers[i].served);
	obj_unref(o);
	if (timeout && p.lk.flight != NULL)
		flight_failed(p.lk.flight, &no_answer);
	if (timeout || p.lk.flight != NULL)
		flight_failed(g.lk.flight, &no_answer);
	flight_unref(p.lk.flight);
	flight_unref(g.lk.flight);
	guest_fini(&p);
	guest_fini(&g);
}
END_TEST

START_TEST(nothing_stored_is_nothing_stale)
{
	struct guest g;

	ask(&g, "");
	ck_assert_ptr_null(wait_take_stale(&g.wait, clock_mono()));
	leave(&g);
	/* And no pause: there is nothing to serve meanwhile. */
	ck_assert_int_eq(verdict_of(KEY, ""), V_LEAD);
}
END_TEST

/* RFC 9111 4.3.2: the origin's to evaluate, so nothing of ours stands in. */
START_TEST(nothing_stale_for_a_precondition)
{
	struct guest g;

	have_stale(FIRST);
	ck_assert_int_eq(ask(&g, "If-Match: \"v1\"\n"), V_PASS);
	ck_assert_str_eq(g.lk.detail, "precondition");
	ck_assert_ptr_null(wait_take_stale(&g.wait, clock_mono()));
	leave(&g);
}
END_TEST

/* What was stored for another variant is nothing for this one. */
START_TEST(stale_is_of_one_variant)
{
	struct guest a, b;
	struct obj *o;

	fetch_of(KEY, "Accept: a\n", FIRST "Vary: Accept\n", 10);
	/* The last answer varies by nothing, so both wait for one flight. */
	fetch_of(KEY, "Accept: b\n", "X: says nothing\n", 10);
	rig_pass(10 * SECOND);
	ck_assert_int_eq(ask(&a, "Accept: a\n"), V_LEAD);
	ck_assert_int_eq(ask(&b, "Accept: b\n"), V_PARK);
	ck_assert_ptr_null(wait_take_stale(&b.wait, clock_mono()));
	ck_assert_ptr_nonnull(o = wait_take_stale(&a.wait, clock_mono()));
	obj_unref(o);
	rig_bare(&a, 503, "");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&a.wait), OUTCOME_OBJ);
	ck_assert_int_eq(flight_outcome(&b.wait), OUTCOME_AGAIN);
	leave(&a);
	leave(&b);
}
END_TEST

enum { SHARED, OWN, PASSED, KINDS };

/* A purge says that it must not be served any more, to nobody and for no reason. */
START_TEST(not_after_a_purge)
{
	struct guest g;
	struct obj *o;

	have_stale(FIRST);
	ask_for(&g, KEY, _i == PASSED ? "HEAD" : "GET", "", _i != SHARED);
	ck_assert_ptr_nonnull(o = wait_take_stale(&g.wait, clock_mono()));
	obj_unref(o);
	ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 1);
	ck_assert_ptr_null(wait_take_stale(&g.wait, clock_mono()));
	rig_bare(&g, 503, "");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	guest_open(&g);
	ck_assert_int_eq(obj_meta(g.obj)->head.status, 503);
	leave(&g);
}
END_TEST

static const struct {
	const char	*stored;
	usec_t		 age;
	int		 status;
	bool		 stands_in;
} errors[] = {
	{ FIRST, 10, 500, true },
	{ FIRST, 10, 502, true },
	{ FIRST, 10, 503, true },
	{ FIRST, 10, 504, true },
	{ FIRST, 109, 503, true },
	{ FIRST, 110, 503, false },
	{ FIRST, 10, 501, false },
	{ FIRST, 10, 404, false },
	{ FIRST, 10, 429, false },
	{ STRICT, 10, 503, false },
};

START_TEST(stale_instead_of_an_error)
{
	struct flight_facts facts;
	struct guest g[3];

	fetch_of(KEY, "", errors[_i].stored, 10);
	rig_pass(errors[_i].age * SECOND);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ask(&g[i], i == 2 ? COOKIE : ""), i == 0 ? V_LEAD : V_PARK);
	rig_bare(&g[0], errors[_i].status, "Cache-Control: max-age=5\n");
	rig_turn(w);
	for (int i = 0; i < 3; i++) {
		flight_facts(&g[i].wait, &facts);
		ck_assert_int_eq(facts.stale, errors[_i].stands_in);
		ck_assert_int_eq(facts.status, errors[_i].status);
		ck_assert(!facts.validated);
		if (!errors[_i].stands_in)
			continue;
		ck_assert(!facts.stored);
		ck_assert_int_eq(flight_outcome(&g[i].wait), OUTCOME_OBJ);
		guest_open(&g[i]);
		ck_assert_int_eq(obj_meta(g[i].obj)->head.status, 200);
		ck_assert_uint_eq(guest_read(&g[i], SIZE_MAX), 10);
	}
	for (int i = 0; i < 3; i++)
		leave(&g[i]);
	ck_assert_uint_eq(rig_figures(c).flights, 0);
	if (errors[_i].stands_in) {
		ck_assert_int_eq(verdict_of(KEY, ""), V_STALE);
		rig_pass(SECOND);
		ck_assert_int_eq(verdict_of(KEY, ""), V_LEAD);
	}
}
END_TEST

/* Evicted while it was asked about: those who wait get it, and nothing is left behind. */
START_TEST(evicted_then_an_error)
{
	struct guest g;

	have_stale(FIRST);
	ask(&g, "");
	cache_set_limits(c, 0, 64 * KIB);
	cache_set_limits(c, MIB, 64 * KIB);
	rig_bare(&g, 503, "");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	leave(&g);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
}
END_TEST

/* Stale rather than sent away. */
START_TEST(stale_past_the_park_limit)
{
	struct guest lead, g;

	route.park_limit = 1;
	have_stale(_i == 0 ? FIRST : STRICT);
	ck_assert_int_eq(ask(&lead, ""), V_LEAD);
	ck_assert_int_eq(ask(&g, ""), _i == 0 ? V_STALE : V_SHED);
	ck_assert_str_eq(g.lk.detail, "park-limit");
	ck_assert_int_eq(g.lk.obj != NULL, _i == 0);
	leave(&g);
	leave(&lead);
}
END_TEST

/* What answers make of what is stored. */

static const struct {
	const char	*who;
	int		 status;
	const char	*fields;
	unsigned	 objects;	/* afterwards */
	int		 of;		/* the status of the one that is there */
} answers[] = {
	{ "", 200, TEN, 1, 200 },
	{ "", 404, TEN, 1, 404 },
	{ "", 200, "Cache-Control: no-store\n", 0, 0 },
	{ "", 200, "Cache-Control: private\n", 0, 0 },
	{ "", 302, "Cache-Control: private\n", 0, 0 },
	{ "", 200, "X: says nothing\n", 0, 0 },
	{ "", 404, "X: says nothing\n", 0, 0 },
	{ "", 200, "Set-Cookie: a=b\n", 0, 0 },
	{ "", 401, "X: not you\n", 1, 200 },
	{ "", 403, "X: not you\n", 1, 200 },
	{ "", 404, "Cache-Control: private\n", 1, 200 },
	{ "", 429, "X: too fast\n", 1, 200 },
	{ COOKIE, 200, "Cache-Control: private\n", 1, 200 },
	{ COOKIE, 302, "Set-Cookie: a=b\n", 1, 200 },
	{ COOKIE, 200, TEN, 1, 200 },
	/* Not stored, so it is that one's alone. */
	{ COOKIE, 200, "Cache-Control: max-age=0\n", 1, 200 },
	{ "Authorization: x\n", 200, "X: says nothing\n", 1, 200 },
	{ "", 503, "X: past the window\n", 1, 200 },
};

START_TEST(what_makes_it_obsolete)
{
	struct guest g;

	route.stale_if_error = 0;
	have_stale(FIRST);
	ck_assert_int_eq(ask(&g, answers[_i].who), V_LEAD);
	rig_bare(&g, answers[_i].status, answers[_i].fields);
	leave(&g);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, answers[_i].objects);
	if (answers[_i].objects == 0)
		return;
	ask(&g, "Cache-Control: max-stale\n");
	ck_assert(g.verdict == V_HIT || g.verdict == V_STALE);
	ck_assert_int_eq(obj_meta(g.lk.obj)->head.status, answers[_i].of);
	leave(&g);
}
END_TEST

static const struct {
	const char	*who;
	int		 status;
	const char	*fields;
	unsigned	 objects;
	bool		 renewed;
} heads[] = {
	{ "", 200, TAG "X: new\n", 1, true },
	{ "", 200, TAG "X: new\nContent-Length: 10\n", 1, true },
	{ "", 200, "X: new\n", 1, true },
	{ "", 200, "ETag: \"v2\"\n", 0, false },
	{ "", 200, TAG "Content-Length: 11\n", 0, false },
	{ "", 200, TAG "Cache-Control: no-store\n", 0, false },
	{ "", 404, "ETag: \"v2\"\n", 1, false },
	{ "", 503, "", 1, false },
	{ COOKIE, 200, "ETag: \"v2\"\n", 1, false },
	{ COOKIE, 200, TAG "X: new\n", 1, false },
};

/* RFC 9111 4.3.5 */
START_TEST(what_a_head_says_of_it)
{
	struct guest g;

	have_stale(FIRST "X: old\n");
	ck_assert_int_eq(ask_for(&g, KEY, "HEAD", heads[_i].who, true), V_PASS);
	rig_bare(&g, heads[_i].status, heads[_i].fields);
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	guest_open(&g);
	ck_assert_int_eq(obj_meta(g.obj)->head.status, heads[_i].status);
	leave(&g);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, heads[_i].objects);
	ck_assert_int_eq(ask(&g, ""), heads[_i].renewed ? V_HIT : V_LEAD);
	if (heads[_i].renewed) {
		guest_open(&g);
		ck_assert_str_eq(rig_field(&obj_meta(g.obj)->head, "X"), "new");
		ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
	}
	leave(&g);
}
END_TEST

/* It says nothing of what took the other's place. */
START_TEST(a_head_that_comes_late)
{
	struct guest g;

	have_stale(FIRST);
	ask_for(&g, KEY, "HEAD", "", true);
	fetch_of(KEY, "", TEN "ETag: \"v2\"\n", 20);
	rig_bare(&g, 200, _i == 0 ? TAG : "ETag: \"v3\"\n");
	leave(&g);
	rig_turn(w);
	ck_assert_int_eq(ask(&g, ""), V_HIT);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 20);
	leave(&g);
}
END_TEST

static const struct {
	const char	*method, *key;
	int		 status;
	const char	*fields;
	bool		 stored;
} posts[] = {
	{ "POST", KEY, 200, TEN "Content-Location: http://a/\n", true },
	{ "POST", KEY, 200, TEN "Content-Location: /\n", true },
	{ "POST", KEY, 201, TEN "Content-Location: /\n", false },
	{ "POST", "http://a/x", 200, TEN "Content-Location: x\n", true },
	{ "POST", KEY, 200, TEN "Content-Location: /x\n", false },
	{ "POST", KEY, 200, TEN "Content-Location: http://b/\n", false },
	{ "POST", KEY, 200, TEN "X: y\n", false },
	{ "POST", KEY, 200, "Content-Location: /\n" TAG, false },
	{ "POST", KEY, 404, TEN "Content-Location: /\n", false },
	{ "POST", KEY, 200, "Cache-Control: private, max-age=10\nContent-Location: /\n", false },
	{ "PUT", KEY, 200, TEN "Content-Location: /\n", false },
};

/* RFC 9110 9.3.3: the answer to a POST that is what a GET would get, although it purges its key. */
START_TEST(an_answer_to_a_post)
{
	const char *key = posts[_i].key;
	struct guest g;
	struct obj *o;

	fetch_of(key, "", FIRST, 20);
	ck_assert_int_eq(ask_for(&g, key, posts[_i].method, "", false), V_PASS);
	ck_assert_uint_eq(cache_purge(c, slice_str(key)), 1);
	o = rig_head(g.lk.flight, &g.req, posts[_i].status, posts[_i].fields, 30);
	rig_feed(g.lk.flight, 0, 30);
	flight_end(g.lk.flight);
	rig_turn(w);
	ck_assert_int_eq(guest_stored(&g), posts[_i].stored);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 30);
	guest_fini(&g);
	obj_unref(o);
	flight_unref(g.lk.flight);
	rig_turn(w);
	ck_assert_int_eq(verdict_of(key, ""), posts[_i].stored ? V_HIT : V_LEAD);
}
END_TEST

/* Nor does a Content-Location make more of what was asked for as it came. */
START_TEST(an_answer_to_a_part)
{
	struct guest g;

	ck_assert_int_eq(ask_for(&g, KEY, "GET", "Range: bytes=0-1\n", true), V_PASS);
	rig_answer(&g, TEN "Content-Location: /\n", 10);
	ck_assert(!guest_stored(&g));
	leave(&g);
}
END_TEST

/* Interim answers. */

static void
interim(struct guest *lead, int status, const char *fields)
{
	struct head h;

	rig_response(&h, status, fields, RIG_NO_BODY);
	h.reason = SLICE("So Far");
	flight_interim(lead->lk.flight, &h);
	head_fini(&h);
}

static void
expect_interim(struct guest *g, const char *text)
{
	struct slice s = { 0 };

	ck_assert_int_eq(wait_next(&g->wait, &s), WAIT_INTERIM);
	ck_assert(slice_eq(s, slice_str(text)));
}

START_TEST(interim_answers_for_all)
{
	static const char one[] = "HTTP/1.1 102 So Far\r\n\r\n";
	static const char two[] = "HTTP/1.1 103 So Far\r\nLink: <a>\r\n\r\n";
	struct guest lead, early, late, gone;
	struct slice s;

	ask(&lead, "");
	ask(&early, "");
	ask(&gone, "");
	ck_assert_int_eq(wait_next(&early.wait, &s), WAIT_PARKED);
	interim(&lead, 102, "");
	/* One that leaves meanwhile isn't called. */
	guest_fini(&gone);
	rig_turn(w);
	ck_assert_uint_eq(gone.wakes, 0);
	ck_assert_uint_eq(lead.wakes, 1);
	ck_assert_uint_eq(early.wakes, 1);
	expect_interim(&lead, one);
	expect_interim(&early, one);
	ck_assert_int_eq(wait_next(&early.wait, &s), WAIT_PARKED);
	interim(&lead, 103, "Link: <a>\nSet-Cookie: a=b\nSurrogate-Control: max-age=1\n");
	/* Who comes late has them all at once, and the wakes that come from then on. */
	ck_assert_int_eq(ask(&late, ""), V_PARK);
	expect_interim(&late, one);
	expect_interim(&late, two);
	ck_assert_int_eq(wait_next(&late.wait, &s), WAIT_PARKED);
	rig_turn(w);
	/* The leader hadn't come back to wait. */
	ck_assert_uint_eq(lead.wakes, 1);
	ck_assert_uint_eq(early.wakes, 2);
	expect_interim(&early, two);
	ck_assert_int_eq(wait_next(&early.wait, &s), WAIT_PARKED);
	ck_assert_uint_eq(rig_figures(c).parked, 3);
	rig_answer(&lead, TEN, 10);
	rig_turn(w);
	expect_interim(&lead, two);
	ck_assert_int_eq(wait_next(&lead.wait, &s), WAIT_DECIDED);
	ck_assert_int_eq(wait_next(&early.wait, &s), WAIT_DECIDED);
	ck_assert_int_eq(wait_next(&late.wait, &s), WAIT_DECIDED);
	ck_assert_uint_eq(early.wakes, 3);
	ck_assert_int_eq(flight_outcome(&late.wait), OUTCOME_OBJ);
	leave(&lead);
	leave(&early);
	leave(&late);
}
END_TEST

/*
 * What is said to one who said who it is isn't for the others; they are woken, and go on waiting.
 */
START_TEST(interim_answers_for_one)
{
	struct guest lead, g;
	struct slice s;

	ask(&lead, COOKIE);
	ck_assert_int_eq(ask(&g, ""), V_PARK);
	interim(&lead, 103, "Link: <a>\n");
	rig_turn(w);
	ck_assert_int_eq(wait_next(&lead.wait, &s), WAIT_INTERIM);
	ck_assert_int_eq(wait_next(&g.wait, &s), WAIT_PARKED);
	flight_failed(lead.lk.flight, &no_answer);
	rig_turn(w);
	ck_assert_uint_eq(g.wakes, 2);
	ck_assert_int_eq(wait_next(&g.wait, &s), WAIT_DECIDED);
	flight_unref(lead.lk.flight);
	guest_fini(&lead);
	guest_fini(&g);
}
END_TEST

/* Purging. */

START_TEST(purged_by_url)
{
	static const char *const keys[] = {
		"http://a/x", "http://a/x\nh:accept:a", "http://a/x\nc:a=b", "http://a/xy",
		"http://a/x?",
	};
	struct guest g;

	for (int i = 0; i < COUNT(keys); i++)
		fetch_of(keys[i], "", TEN, 10);
	ask_for(&g, "http://a/x\nh:accept:z", "GET", "", false);
	ck_assert_uint_eq(cache_purge(c, slice_str(keys[_i])), 3);
	ck_assert_uint_eq(rig_figures(c).objects, 2);
	ck_assert_uint_eq(rig_figures(c).purged, 3);
	for (int i = 0; i < COUNT(keys); i++)
		ck_assert_int_eq(verdict_of(keys[i], ""), i < 3 ? V_LEAD : V_HIT);
	/* What was being asked for isn't stored. */
	rig_answer(&g, TEN, 10);
	ck_assert(!guest_stored(&g));
	leave(&g);
}
END_TEST

static char surrogate_key[] = "Surrogate-Key", *tag_fields[] = { surrogate_key };

static const struct {
	const char	*lines, *origin;
	unsigned	 purged;
	bool		 left[4];	/* of the four below */
} by_tags[] = {
	{ "t:one\n", NULL, 2, { false, true, false, true } },
	{ "t:two\n", NULL, 2, { false, false, true, true } },
	{ "t:one\nt:two\n", NULL, 3, { false, false, false, true } },
	{ "t:one\nt:two", NULL, 3, { false, false, false, true } },
	{ "t:none\n\n", NULL, 0, { true, true, true, true } },
	{ "", NULL, 0, { true, true, true, true } },
	{ "t:one\n", "http://a/", 1, { false, true, true, true } },
	/* RFC 9875 3: of one origin. */
	{ "g:all\n", "http://a/whatever", 2, { false, false, true, true } },
	{ "g:all\n", "http://b/", 1, { true, true, false, true } },
	{ "g:all\n", "http://c/", 0, { true, true, true, true } },
	{ "g:all\n", NULL, 0, { true, true, true, true } },
};

START_TEST(purged_by_tag)
{
	static const struct {
		const char	*key, *fields;
	} four[] = {
		{ "http://a/1", TEN "Surrogate-Key: one two\nCache-Groups: \"all\"\n" },
		{ "http://a/2", TEN "Surrogate-Key: two\nCache-Groups: \"all\"\n" },
		{ "http://b/1", TEN "Surrogate-Key: one\nCache-Groups: \"all\"\n" },
		{ "http://b/2", TEN },
	};
	struct slice origin = by_tags[_i].origin == NULL ? slice_of(NULL, 0) :
	    slice_str(by_tags[_i].origin);

	route.tags = (struct conf_strings){ tag_fields, 1 };
	for (int i = 0; i < 4; i++)
		fetch_of(four[i].key, "", four[i].fields, 10);
	ck_assert_uint_eq(cache_purge_tags(c, slice_str(by_tags[_i].lines),
	    by_tags[_i].origin == NULL ? NULL : &origin), by_tags[_i].purged);
	ck_assert_uint_eq(rig_figures(c).objects, 4 - by_tags[_i].purged);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(verdict_of(four[i].key, ""), by_tags[_i].left[i] ? V_HIT : V_LEAD);
}
END_TEST

/* A renewed one carries the tags that the merged head has; what is being asked about goes too. */
START_TEST(renewed_and_purged_by_tag)
{
	struct guest g;

	route.tags = (struct conf_strings){ tag_fields, 1 };
	have_stale(FIRST "Surrogate-Key: one two\nCache-Groups: \"all\"\n");
	ask(&g, "");
	rig_bare(&g, 304, "Surrogate-Key: three\n");
	leave(&g);
	ck_assert_uint_eq(cache_purge_tags(c, SLICE("t:one\nt:two\n"), NULL), 0);
	rig_pass(10 * SECOND);
	ask(&g, "");
	ck_assert_uint_eq(cache_purge_tags(c, _i == 0 ? SLICE("t:three\n") : SLICE("g:all\n"),
	    &SLICE(KEY)), 1);
	rig_bare(&g, 304, "");
	rig_turn(w);
	ck_assert(!guest_stored(&g));
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	leave(&g);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
}
END_TEST

static Suite *
stale_suite(void)
{
	Suite *s = suite_create("stale");
	TCase *refresh = tcase_create("refresh"), *error = tcase_create("error");
	TCase *obsolete = tcase_create("obsolete"), *interims = tcase_create("interim");
	TCase *purge = tcase_create("purge");
	TCase *all[] = { refresh, error, obsolete, interims, purge };

	tcase_add_loop_test(refresh, one_refresh_however_many_ask, 0, COUNT(readers));
	tcase_add_test(refresh, the_window_ends);
	tcase_add_loop_test(refresh, not_where_the_answer_forbids_it, 0, COUNT(no_windows));
	tcase_add_loop_test(refresh, a_refresh_that_fails_pauses, FAILS, BREAKS + 1);
	tcase_add_test(refresh, an_answer_ends_the_pause);
	tcase_add_test(refresh, a_marker_stops_the_refreshes_of_its_audience);
	tcase_add_test(refresh, no_refresh_of_what_still_fills);
	tcase_add_loop_test(refresh, what_a_client_says, 0, COUNT(directives));
	tcase_add_test(refresh, reloads_coalesce);
	tcase_add_loop_test(error, stale_for_who_waits, 0, 2 * COUNT(covers));
	tcase_add_test(error, nothing_stored_is_nothing_stale);
	tcase_add_test(error, nothing_stale_for_a_precondition);
	tcase_add_test(error, stale_is_of_one_variant);
	tcase_add_loop_test(error, not_after_a_purge, SHARED, KINDS);
	tcase_add_loop_test(error, stale_instead_of_an_error, 0, COUNT(errors));
	tcase_add_test(error, evicted_then_an_error);
	tcase_add_loop_test(error, stale_past_the_park_limit, 0, 2);
	tcase_add_loop_test(obsolete, what_makes_it_obsolete, 0, COUNT(answers));
	tcase_add_loop_test(obsolete, what_a_head_says_of_it, 0, COUNT(heads));
	tcase_add_loop_test(obsolete, a_head_that_comes_late, 0, 2);
	tcase_add_loop_test(obsolete, an_answer_to_a_post, 0, COUNT(posts));
	tcase_add_test(obsolete, an_answer_to_a_part);
	tcase_add_test(interims, interim_answers_for_all);
	tcase_add_test(interims, interim_answers_for_one);
	tcase_add_loop_test(purge, purged_by_url, 0, 3);
	tcase_add_loop_test(purge, purged_by_tag, 0, COUNT(by_tags));
	tcase_add_loop_test(purge, renewed_and_purged_by_tag, 0, 2);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		tcase_add_checked_fixture(all[i], set_up, tear_down);
		suite_add_tcase(s, all[i]);
	}
	return s;
}

UNIT_MAIN(stale_suite)
