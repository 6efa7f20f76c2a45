/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What spares the backend beyond one fetch for all: failures that are kept, refreshes ahead of
 * expiry, admission, ttls that slide, expiry that is spread, and routes that were learned.
 */
#include "cache/cache.h"

#include "cache/learn.h"

#include "tests/unit/cache/rig.h"

#define KEY	"http://a/"
#define TEN	"Cache-Control: max-age=10\n"
#define TAG	"ETag: \"v1\"\n"
#define SECOND	USEC_PER_SEC
#define MS	USEC_PER_MSEC
#define COUNT(a)	((int)(sizeof (a) / sizeof (a)[0]))

static struct worker *w;
static struct cache *c;
static struct conf_route route;

/* What those who ask for the page say of themselves. */
static const char *who;

static void
set_up(void)
{
	w = worker_new(0, NULL);
	c = rig_cache(1024 * 1024, 64 * 1024);
	route = rig_route;
	who = "";
	route.error_ttl = SECOND;
	route.stale_if_error = 100 * SECOND;
}

static void
tear_down(void)
{
	rig_end(w, c);
}

static enum verdict
ask_for(struct guest *g, const char *key, const char *fields)
{
	guest_init(g, w, "GET", fields);
	return guest_ask_by(g, c, key, &route, false);
}

/* A head that took so long, and the end. */
static void
answer(struct guest *lead, int status, const char *fields, usec_t took)
{
	struct flight *fl = lead->lk.flight;
	struct now asked = clock_now();
	struct head resp;
	struct obj *o;

	rig_pass(took);
	rig_response(&resp, status, fields, RIG_NO_BODY);
	o = flight_head(fl, &lead->req, &resp, asked, clock_now());
	if (o != NULL)
		flight_end(fl);
	obj_unref(o);
	flight_unref(fl);
	lead->lk.flight = NULL;
	rig_turn(w);
}

static void
fail_by(struct guest *lead, enum flight_blame blame, bool dropped)
{
	const struct flight_failure why = { .status = 502, .detail = "connect", .text = "gone",
	    .blame = blame, .dropped = dropped };

	flight_failed(lead->lk.flight, &why);
	flight_unref(lead->lk.flight);
	lead->lk.flight = NULL;
	rig_turn(w);
}

/* Leaves; what it leads is answered at once and uncacheably. */
static enum verdict
look(const char *key, const char *fields)
{
	struct guest g;
	enum verdict v = ask_for(&g, key, fields);

	if (g.lk.obj != NULL)
		guest_open(&g);
	if (g.lk.flight != NULL)
		answer(&g, 400, "", 0);
	guest_fini(&g);
	rig_turn(w);
	return v;
}

/* A failure, kept. */

static const struct {
	enum flight_blame	 blame;
	const char		*fields;
	bool			 leaves;	/* before it fails */
	bool			 kept;
} failures[] = {
	{ BLAME_BACKEND, "", false, true },
	{ BLAME_BACKEND, "Cookie: a=b\n", false, true },
	{ BLAME_EXCHANGE, "", false, true },
	/* what one client's cookie did to the backend is not held against others */
	{ BLAME_EXCHANGE, "Cookie: a=b\n", false, false },
	{ BLAME_NOBODY, "", false, false },
	/* nobody has waited for it */
	{ BLAME_BACKEND, "", true, false },
};

START_TEST(one_try_for_each_pause)
{
	struct guest lead, g;

	ck_assert_int_eq(ask_for(&lead, KEY, failures[_i].fields), V_LEAD);
	if (failures[_i].leaves)
		guest_leave(&lead);
	fail_by(&lead, failures[_i].blame, false);
	if (!failures[_i].leaves)
		ck_assert_int_eq(flight_outcome(&lead.wait), OUTCOME_FAIL);
	guest_fini(&lead);
	rig_pass(300 * MS);
	if (!failures[_i].kept) {
		ck_assert_int_eq(look(KEY, ""), V_LEAD);
		return;
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask_for(&g, KEY, i == 0 ? "" : "Cookie: c=d\n"), V_FAILED);
		ck_assert_int_eq(g.lk.failure.status, 502);
		ck_assert_str_eq(g.lk.failure.detail, "connect");
		ck_assert_int_eq(g.lk.failure.retry_after, 700 * MS);
		ck_assert_ptr_null(g.lk.flight);
		guest_fini(&g);
	}
	ck_assert_int_eq(look("http://a/other", ""), V_LEAD);
	rig_pass(700 * MS);
	ck_assert_int_eq(look(KEY, ""), V_LEAD);
}
END_TEST

/* While the backend is down, made-up URLs without end are remembered within bounds. */
START_TEST(failures_are_bounded)
{
	struct guest g;
	char key[32];

	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof key, "http://a/%d", i);
		ask_for(&g, key, "");
		fail_by(&g, BLAME_BACKEND, false);
		guest_fini(&g);
		rig_pass(1);
		ck_assert_uint_le(rig_figures(c).bytes, 1024 * 1024 / 16);
	}
	ck_assert_int_eq(look(key, ""), V_FAILED);
}
END_TEST

/* A success, or a purge, ends the pause; error_ttl: 0 begins none. */
START_TEST(pause_ends)
{
	struct guest lead;

	if (_i == 0)
		route.error_ttl = 0;
	ask_for(&lead, KEY, "");
	fail_by(&lead, BLAME_BACKEND, false);
	guest_fini(&lead);
	if (_i == 1)
		cache_purge(c, SLICE(KEY));
	ck_assert_int_eq(look(KEY, ""), _i == 2 ? V_FAILED : V_LEAD);
}
END_TEST

/* Also of a fetch for one: of a route that shares none, or where nothing is shareable. */
START_TEST(one_try_where_none_is_shared)
{
	const char *key = "http://a/list?n=1";
	struct guest g;

	if (_i == 0) {
		route.coalesce = COALESCE_OFF;
	} else {
		ask_for(&g, "http://a/list?n=0", "");
		answer(&g, 200, "Cache-Control: private\n", 0);
		guest_fini(&g);
	}
	ck_assert_int_eq(ask_for(&g, key, ""), _i == 0 ? V_LEAD : V_PASS);
	fail_by(&g, BLAME_BACKEND, false);
	guest_fini(&g);
	ck_assert_int_eq(look(key, ""), V_FAILED);
	rig_pass(SECOND);
	ck_assert_int_eq(look(key, ""), _i == 0 ? V_LEAD : V_PASS);
}
END_TEST

/* With something stale that may be served, that is the answer, and the backend is left alone. */
START_TEST(stale_before_failure)
{
	struct guest g;

	ask_for(&g, KEY, "");
	answer(&g, 200, TEN TAG, 0);
	guest_fini(&g);
	rig_pass(11 * SECOND);
	ck_assert_int_eq(ask_for(&g, KEY, ""), V_LEAD);
	fail_by(&g, BLAME_BACKEND, false);
	guest_fini(&g);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(look(KEY, ""), V_STALE);
	rig_pass(SECOND);
	ck_assert_int_eq(look(KEY, ""), V_LEAD);
}
END_TEST

/* An error of the backend's own, about which it says nothing, is stored for error_ttl. */
START_TEST(errors_are_kept)
{
	static const struct { int status; const char *fields, *req; enum verdict then; } row[] = {
		{ 500, "", "", V_HIT },
		{ 503, "", "", V_HIT },
		{ 500, TAG, "", V_LEAD },
		{ 500, "", "Cookie: a=b\n", V_LEAD },
		{ 500, "Cache-Control: no-store\n", "", V_PASS },
		{ 500, "Cache-Control: max-age=0\n", "", V_LEAD },
		{ 404, "", "", V_LEAD },
		{ 501, "", "", V_LEAD },
	};
	struct guest g;

	ask_for(&g, KEY, row[_i].req);
	answer(&g, row[_i].status, row[_i].fields, 0);
	guest_fini(&g);
	route.refresh_ahead = 1;
	for (int i = 0; row[_i].then == V_HIT && i < 9; i++) {
		/* However popular: one try for each error_ttl. */
		rig_pass(100 * MS);
		ck_assert_int_eq(look(KEY, ""), V_HIT);
	}
	if (row[_i].then != V_HIT) {
		rig_pass(900 * MS);
		ck_assert_int_eq(look(KEY, ""), row[_i].then);
	}
	rig_pass(100 * MS);
	ck_assert_int_ne(look(KEY, ""), V_HIT);
}
END_TEST

/* Refreshing ahead. */

/* A page that lives 10 s and takes 1 s, asked for each 100 ms until someone must fetch. */
static enum verdict
ask_steadily(struct guest *g, usec_t *when)
{
	enum verdict v;

	for (*when = 0; *when < 20 * SECOND; *when += 100 * MS) {
		rig_pass(100 * MS);
		v = ask_for(g, KEY, who);
		if (v != V_HIT)
			return v;
		guest_open(g);
		guest_fini(g);
		rig_turn(w);
	}
	return V_HIT;
}

static void
have_page(void)
{
	struct guest g;

	route.refresh_ahead = 1;
	ck_assert_int_eq(ask_for(&g, KEY, who), V_LEAD);
	answer(&g, 200, TEN TAG, SECOND);
	guest_fini(&g);
}

START_TEST(popular_page_never_expires)
{
	struct guest lead, g;
	usec_t when;

	if (_i == 2)
		who = "Cookie: a=b\n";
	have_page();
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(ask_steadily(&lead, &when), V_HIT_LEAD);
		ck_assert_int_ge(when, 4 * SECOND);
		/* in time: what is left of 10 s, one gone before it came, is enough for a fetch */
		ck_assert_int_le(when, 8 * SECOND - SECOND / 4);
		ck_assert(flight_is_background(lead.lk.flight));
		ck_assert_ptr_nonnull(flight_validates(lead.lk.flight));
		guest_open(&lead);
		/* one is enough */
		ck_assert_int_eq(ask_for(&g, KEY, ""), V_HIT);
		guest_open(&g);
		guest_fini(&g);
		answer(&lead, _i == 0 ? 304 : 200, TEN TAG, SECOND);
		guest_fini(&lead);
	}
}
END_TEST

/* Whatever becomes of a refresh, what is fresh stays, and is not asked for again at once. */
START_TEST(refresh_that_fails)
{
	struct guest lead;
	usec_t when;

	have_page();
	ck_assert_int_eq(ask_steadily(&lead, &when), V_HIT_LEAD);
	guest_open(&lead);
	switch (_i) {
	case 0:
		fail_by(&lead, BLAME_BACKEND, false);
		break;
	case 1:
		answer(&lead, 503, "", 0);
		break;
	case 2:
		fail_by(&lead, BLAME_NOBODY, true);
		break;
	}
	guest_fini(&lead);
	ck_assert_int_eq(look(KEY, ""), V_HIT);
	rig_pass(99 * MS);
	ck_assert_int_eq(look(KEY, ""), V_HIT);
	rig_pass(_i == 2 ? MS : SECOND);
	/* A new try, while it is fresh still. */
	ck_assert_int_eq(ask_for(&lead, KEY, ""), V_HIT_LEAD);
	guest_open(&lead);
	answer(&lead, 304, TEN TAG, 0);
	guest_fini(&lead);
}
END_TEST

/* One whose answer may not be stored, by its own word, renews nothing. */
START_TEST(no_refresh_for_no_store)
{
	struct guest lead;
	usec_t when;

	have_page();
	ck_assert_int_eq(ask_steadily(&lead, &when), V_HIT_LEAD);
	guest_open(&lead);
	fail_by(&lead, BLAME_NOBODY, true);
	guest_fini(&lead);
	rig_pass(100 * MS);
	route.client_control = true;
	ck_assert_int_eq(look(KEY, "Cache-Control: no-store\n"), V_HIT);
	ck_assert_int_eq(ask_for(&lead, KEY, ""), V_HIT_LEAD);
	guest_open(&lead);
	answer(&lead, 304, TEN TAG, 0);
	guest_fini(&lead);
}
END_TEST

START_TEST(refresh_not_wanted)
{
	struct guest g;
	usec_t when;

	have_page();
	if (_i == 0) {
		/* the route says no, also after a reload */
		route.refresh_ahead = 0;
		ck_assert_int_eq(ask_steadily(&g, &when), V_LEAD);
		ck_assert_int_ge(when, 8 * SECOND);
		answer(&g, 304, TEN TAG, SECOND);
		guest_fini(&g);
	} else {
		/* now and then */
		for (int i = 0; i < 20; i++) {
			enum verdict v;

			rig_pass(4 * SECOND);
			v = ask_for(&g, KEY, "");
			ck_assert(v == V_HIT || v == V_LEAD);
			if (v == V_HIT)
				guest_open(&g);
			else
				answer(&g, 200, TEN TAG, SECOND);
			guest_fini(&g);
			rig_turn(w);
		}
	}
}
END_TEST

/* Dropped for want of room: who has come to wait for it meanwhile asks again. */
START_TEST(dropped_refresh_is_no_failure)
{
	struct guest lead, g;
	usec_t when;

	have_page();
	ck_assert_int_eq(ask_steadily(&lead, &when), V_HIT_LEAD);
	guest_open(&lead);
	rig_pass(10 * SECOND);
	ck_assert_int_eq(ask_for(&g, KEY, ""), V_PARK);
	fail_by(&lead, BLAME_NOBODY, true);
	ck_assert_uint_eq(g.wakes, 1);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_AGAIN);
	guest_fini(&g);
	guest_fini(&lead);
	ck_assert_int_eq(look(KEY, ""), V_LEAD);
}
END_TEST

/* Nobody waits any more: given up in one step, unless somebody has come. */
START_TEST(giving_up)
{
	static const struct flight_failure why = { .status = 503, .detail = "abandoned",
	    .text = "nobody" };
	struct guest lead, g;
	unsigned wanted;

	ask_for(&lead, KEY, "");
	ck_assert(!flight_give_up(lead.lk.flight, &why));
	guest_leave(&lead);
	ck_assert_int_eq(flight_wanted(lead.lk.flight, &wanted), WANT_KEEPING);
	if (_i == 0) {
		ck_assert_int_eq(ask_for(&g, KEY, ""), V_PARK);
		ck_assert(!flight_give_up(lead.lk.flight, &why));
		answer(&lead, 200, TEN, 0);
		guest_open(&g);
		guest_fini(&g);
	} else {
		ck_assert(flight_give_up(lead.lk.flight, &why));
		flight_unref(lead.lk.flight);
		lead.lk.flight = NULL;
		ck_assert_int_eq(look(KEY, ""), V_LEAD);
	}
	guest_fini(&lead);
}
END_TEST

static unsigned posts;

static void
count_post(void *arg)
{
	(void)arg;
	posts++;
}

/* What nobody waits for and the store won't have is wanted by nobody: the source hears of it. */
START_TEST(purged_and_not_waited_for)
{
	struct worker_msg msg = { .fn = count_post };
	struct guest lead;
	unsigned wanted;
	usec_t when;

	posts = 0;
	if (_i == 0) {
		ask_for(&lead, KEY, "");
		guest_leave(&lead);
	} else {
		have_page();
		ck_assert_int_eq(ask_steadily(&lead, &when), V_HIT_LEAD);
		guest_open(&lead);
	}
	flight_set_source(lead.lk.flight, w, &msg);
	ck_assert_int_ne(flight_wanted(lead.lk.flight, &wanted), WANT_NOT);
	cache_purge(c, SLICE(KEY));
	rig_turn(w);
	ck_assert_uint_eq(posts, 1);
	ck_assert_int_eq(flight_wanted(lead.lk.flight, &wanted), WANT_NOT);
	flight_set_source(lead.lk.flight, NULL, NULL);
	fail_by(&lead, BLAME_NOBODY, false);
	guest_fini(&lead);
}
END_TEST

/* The source hears of it when the last one goes, and when twice as many have come. */
START_TEST(source_is_told)
{
	struct worker_msg msg = { .fn = count_post };
	struct guest lead, g[7];

	posts = 0;
	ask_for(&lead, KEY, "");
	flight_set_source(lead.lk.flight, w, &msg);
	for (int i = 0; i < COUNT(g); i++) {
		ck_assert_int_eq(ask_for(&g[i], KEY, ""), V_PARK);
		rig_turn(w);
	}
	/* 2, 4, 8 */
	ck_assert_uint_eq(posts, 3);
	for (int i = 0; i < COUNT(g); i++)
		guest_fini(&g[i]);
	rig_turn(w);
	ck_assert_uint_eq(posts, 3);
	guest_leave(&lead);
	rig_turn(w);
	ck_assert_uint_eq(posts, 4);
	flight_set_source(lead.lk.flight, NULL, NULL);
	answer(&lead, 200, TEN, 0);
	guest_fini(&lead);
}
END_TEST

/* Admission. */

START_TEST(admitted_when_slow)
{
	struct guest g;

	route.admit = (struct conf_admit){ .min_fetch_time = 100 * MS };
	ask_for(&g, KEY, "");
	answer(&g, 200, TEN, 99 * MS);
	ck_assert(!guest_stored(&g));
	guest_fini(&g);
	ck_assert_int_eq(ask_for(&g, KEY, ""), V_LEAD);
	answer(&g, 200, TEN, 100 * MS);
	ck_assert(guest_stored(&g));
	guest_fini(&g);
	ck_assert_int_eq(look(KEY, ""), V_HIT);
}
END_TEST

START_TEST(admitted_when_asked_for_often)
{
	struct flight_facts facts;
	struct guest g;

	route.admit = (struct conf_admit){ .min_requests = 3, .window = 30 * SECOND };
	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(ask_for(&g, KEY, ""), V_LEAD);
		answer(&g, 200, TEN, 0);
		flight_facts(&g.wait, &facts);
		ck_assert_int_eq(facts.stored, i == 3);
		if (i < 3)
			ck_assert_str_eq(facts.not_stored, "admit");
		guest_fini(&g);
		rig_pass(_i == 0 ? SECOND : 0);
	}
	ck_assert_int_eq(look(KEY, ""), V_HIT);
	/* Too long ago. */
	for (int i = 0; i < 4; i++) {
		rig_pass(61 * SECOND);
		ck_assert_int_eq(ask_for(&g, "http://a/rare", ""), V_LEAD);
		answer(&g, 200, TEN, 0);
		ck_assert(!guest_stored(&g));
		guest_fini(&g);
	}
}
END_TEST

/* Where nobody shares a fetch there is no entry to count in until one makes it. */
START_TEST(admitted_without_coalescing)
{
	struct guest g;

	route.coalesce = COALESCE_OFF;
	route.admit = (struct conf_admit){ .min_requests = 3, .window = 30 * SECOND };
	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(ask_for(&g, KEY, ""), V_LEAD);
		answer(&g, 200, TEN, 0);
		ck_assert_int_eq(guest_stored(&g), i == 3);
		guest_fini(&g);
	}
	ck_assert_int_eq(look(KEY, ""), V_HIT);
}
END_TEST

/* An error is kept so that the backend has peace: however fast it came, or rarely asked for. */
START_TEST(errors_need_no_admission)
{
	struct guest g;

	if (_i == 0)
		route.admit.min_fetch_time = SECOND;
	else
		route.admit = (struct conf_admit){ .min_requests = 9, .window = SECOND };
	ask_for(&g, KEY, "");
	answer(&g, 503, "", 0);
	guest_fini(&g);
	ck_assert_int_eq(look(KEY, ""), V_HIT);
	rig_pass(SECOND);
	/* It opens the store to nothing else. */
	ck_assert_int_eq(ask_for(&g, KEY, ""), V_LEAD);
	answer(&g, 200, TEN, 0);
	ck_assert(!guest_stored(&g));
	guest_fini(&g);
}
END_TEST

/* Those who share one fetch are that many requests, and share it whether or not it is stored. */
START_TEST(not_admitted_still_shared)
{
	struct guest lead, g[2];

	route.admit = (struct conf_admit){ .min_requests = _i == 0 ? 3 : 4,
	    .window = 30 * SECOND };
	ask_for(&lead, KEY, "");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ask_for(&g[i], KEY, ""), V_PARK);
	answer(&lead, 200, TEN, 0);
	ck_assert_int_eq(guest_stored(&lead), _i == 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(flight_outcome(&g[i].wait), OUTCOME_OBJ);
		guest_open(&g[i]);
		guest_fini(&g[i]);
	}
	guest_fini(&lead);
}
END_TEST

/* Sliding. */

START_TEST(ttl_slides)
{
	static const struct { const char *fields; bool slides; int status; } row[] = {
		{ "", true, 200 },
		/* what the answer itself says is its own */
		{ TEN, false, 200 },
		{ "Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT\n", true, 200 },
		/* that nothing is there does not stay so for being asked for */
		{ "", false, 404 },
	};
	struct guest g;

	route.ttl.any = 10 * SECOND;
	route.sliding_ttl = true;
	ask_for(&g, KEY, "");
	answer(&g, row[_i].status, row[_i].fields, 0);
	guest_fini(&g);
	for (int i = 0; i < 10; i++) {
		rig_pass(9 * SECOND);
		ck_assert_int_eq(look(KEY, ""), i == 0 || row[_i].slides ? V_HIT : V_LEAD);
		if (i > 0 && !row[_i].slides)
			return;
	}
	rig_pass(11 * SECOND);
	ck_assert_int_eq(ask_for(&g, KEY, ""), V_LEAD);
	/* It is stale since a second, not since a minute and a half. */
	route.stale_if_error = 5 * SECOND;
	fail_by(&g, BLAME_BACKEND, false);
	guest_fini(&g);
}
END_TEST

/* What never expires needs no refresh, however popular it is. */
START_TEST(sliding_is_not_refreshed)
{
	struct guest g;

	route.ttl.any = 10 * SECOND;
	route.sliding_ttl = true;
	route.refresh_ahead = 1;
	ask_for(&g, KEY, "");
	answer(&g, 200, "", SECOND);
	guest_fini(&g);
	for (int i = 0; i < 300; i++) {
		rig_pass(100 * MS);
		ck_assert_int_eq(look(KEY, ""), V_HIT);
	}
}
END_TEST

/* Jitter: earlier, never later, and not all at one time. */
START_TEST(expiry_is_spread)
{
	struct guest g;
	unsigned gone = 0, was = 0;
	char key[32];

	route.jitter = 0.5;
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof key, "http://a/%d", i);
		ask_for(&g, key, "");
		answer(&g, 200, TEN, 0);
		guest_fini(&g);
	}
	for (int t = 0; t <= 10; t++) {
		gone = 0;
		for (int i = 0; i < 200; i++) {
			snprintf(key, sizeof key, "http://a/%d", i);
			guest_init(&g, w, "GET", "Cache-Control: only-if-cached\n");
			if (guest_ask_by(&g, c, key, &route, false) == V_ABSENT)
				gone++;
			else
				guest_open(&g);
			guest_fini(&g);
			rig_turn(w);
		}
		ck_assert(t >= 5 || gone == 0);
		ck_assert(t <= 5 || t >= 10 || (gone > was && gone - was < 80));
		ck_assert(t != 10 || gone == 200);
		was = gone;
		rig_pass(SECOND);
	}
}
END_TEST

/* Learned routes. */

START_TEST(new_keys_of_a_learned_path_pass)
{
	struct guest g;
	char key[64];

	ck_assert_int_eq(ask_for(&g, "http://a/list?n=0", ""), V_LEAD);
	answer(&g, 200, "Cache-Control: private\n", 0);
	guest_fini(&g);
	for (int i = 1; i < 5; i++) {
		snprintf(key, sizeof key, "http://a/list?n=%d", i);
		ck_assert_int_eq(ask_for(&g, key, ""), V_PASS);
		ck_assert_str_eq(g.lk.detail, "learned");
		answer(&g, 200, "Cache-Control: private\n", 0);
		guest_fini(&g);
	}
	ck_assert_uint_ge(learn_count(cache_learn(c), clock_mono()), 1);
	/* others are not concerned */
	ck_assert_int_eq(look("http://a/page?n=1", ""), V_LEAD);
	/* nor what is known to be for all */
	for (int i = 0; i < 4; i++) {
		snprintf(key, sizeof key, "http://a/list?shared=%d", i);
		if (ask_for(&g, key, "") == V_HIT) {
			guest_open(&g);
		} else {
			ck_assert_ptr_nonnull(g.lk.flight);
			answer(&g, 200, TEN, 0);
			/* stored, also by one who passed */
			ck_assert(guest_stored(&g));
		}
		guest_fini(&g);
		ck_assert_int_eq(look(key, ""), V_HIT);
	}
	/* and now the path is not what it was */
	ck_assert_int_eq(look("http://a/list?n=99", ""), V_LEAD);
}
END_TEST

/* An error says nothing of the page that will come again. */
START_TEST(errors_teach_nothing)
{
	struct guest g;

	ask_for(&g, "http://a/list?n=0", "");
	answer(&g, 500, _i == 0 ? "Set-Cookie: a=b\n" : "", 0);
	guest_fini(&g);
	if (_i == 0) {
		ck_assert_int_eq(look("http://a/list?n=1", ""), V_LEAD);
		return;
	}
	ask_for(&g, "http://a/list?n=2", "");
	answer(&g, 200, "Cache-Control: private\n", 0);
	guest_fini(&g);
	ck_assert_int_eq(look("http://a/list?n=3", ""), V_PASS);
}
END_TEST

static Suite *
protect_suite(void)
{
	Suite *s = suite_create("protect");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, one_try_for_each_pause, 0, COUNT(failures));
	tcase_add_loop_test(tc, one_try_where_none_is_shared, 0, 2);
	tcase_add_test(tc, failures_are_bounded);
	tcase_add_loop_test(tc, pause_ends, 0, 3);
	tcase_add_test(tc, stale_before_failure);
	tcase_add_loop_test(tc, errors_are_kept, 0, 8);
	tcase_add_loop_test(tc, popular_page_never_expires, 0, 3);
	tcase_add_loop_test(tc, refresh_that_fails, 0, 3);
	tcase_add_test(tc, no_refresh_for_no_store);
	tcase_add_loop_test(tc, refresh_not_wanted, 0, 2);
	tcase_add_test(tc, dropped_refresh_is_no_failure);
	tcase_add_loop_test(tc, giving_up, 0, 2);
	tcase_add_loop_test(tc, purged_and_not_waited_for, 0, 2);
	tcase_add_test(tc, source_is_told);
	tcase_add_test(tc, admitted_when_slow);
	tcase_add_loop_test(tc, admitted_when_asked_for_often, 0, 2);
	tcase_add_test(tc, admitted_without_coalescing);
	tcase_add_loop_test(tc, errors_need_no_admission, 0, 2);
	tcase_add_loop_test(tc, not_admitted_still_shared, 0, 2);
	tcase_add_loop_test(tc, ttl_slides, 0, 4);
	tcase_add_test(tc, sliding_is_not_refreshed);
	tcase_add_test(tc, expiry_is_spread);
	tcase_add_test(tc, new_keys_of_a_learned_path_pass);
	tcase_add_loop_test(tc, errors_teach_nothing, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(protect_suite)
