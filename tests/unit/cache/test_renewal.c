/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache.h"

#include "tests/unit/cache/rig.h"

#define KEY	"http://a/"
#define TEN	"Cache-Control: max-age=10\n"
#define TAG	"ETag: \"v1\"\n"
#define FIRST	TEN TAG
#define KIB	((size_t)1024)
#define MIB	(1024 * KIB)
#define COUNT(a)	((int)(sizeof (a) / sizeof (a)[0]))

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
}

static void
tear_down(void)
{
	rig_end(w, c);
}

static enum verdict
ask(struct guest *g, const char *fields)
{
	guest_init(g, w, "GET", fields);
	return guest_ask_by(g, c, KEY, &route, false);
}

/* A whole fetch; the answer is stored. */
static void
fetch(const char *req_fields, const char *fields, size_t n)
{
	struct guest g;

	ask(&g, req_fields);
	ck_assert_ptr_nonnull(g.lk.flight);
	rig_answer(&g, fields, n);
	guest_fini(&g);
	rig_turn(w);
}

/* How many bytes a request with these fields gets from the store, -1: it isn't a hit. */
static int64_t
hit(const char *fields)
{
	struct guest g;
	int64_t n = -1;

	ask(&g, fields);
	if (g.verdict == V_HIT) {
		guest_open(&g);
		n = (int64_t)guest_read(&g, SIZE_MAX);
		ck_assert_int_eq(g.state, READER_END);
	}
	if (g.lk.flight != NULL)
		rig_fail(&g);
	guest_fini(&g);
	rig_turn(w);
	return n;
}

/* Bytes, counted. */

static struct budget budget;

#define HEADS	3		/* the first, and two that renew it */

/* What stands over one body, and what the figures must be. */
struct pile {
	struct obj	*o[HEADS];	/* NULL: gone */
	size_t		 fixed[HEADS];
	bool		 linked[HEADS];
	size_t		 body;
	struct guest	 reader;	/* of the first */
};

static struct obj_meta
some_meta(uint64_t length)
{
	struct obj_meta m;

	memset(&m, 0, sizeof m);
	hdr_add(&m.head, SLICE("Content-Type"), SLICE("text/plain"));
	hdr_emit(&m.head, &m.wire);
	buf_add_str(&m.tags, "t:a\nt:b\n");
	m.length = length;
	return m;
}

static void
check_figures(const struct pile *p)
{
	int64_t stored = 0, transit = 0;
	bool any_linked = false, any = p->reader.reader.obj != NULL;

	for (int i = 0; i < HEADS; i++) {
		bool alive = p->o[i] != NULL || (i == 0 && p->reader.reader.obj != NULL);

		any |= alive;
		any_linked |= p->linked[i];
		if (alive)
			*(p->linked[i] ? &stored : &transit) += (int64_t)p->fixed[i];
	}
	if (any)
		*(any_linked ? &stored : &transit) += (int64_t)p->body;
	ck_assert_int_eq(atomic_load(&budget.stored), stored);
	ck_assert_int_eq(atomic_load(&budget.transit), transit);
}

static void
pile_up(struct pile *p, size_t length)
{
	const struct hash_seed seed = { 1, 2 };
	struct obj_meta m = some_meta(length);
	int64_t before;
	char *bytes = malloc(length + 1);

	memset(p, 0, sizeof *p);
	rig_body(bytes, 0, length);
	p->o[0] = obj_new(&budget, &m, true, 0);
	obj_set_tags(p->o[0], &seed);
	if (length > 0)
		obj_append(p->o[0], bytes, length);
	free(bytes);
	obj_end(p->o[0]);
	for (int i = 1; i < HEADS; i++) {
		m = some_meta(length);
		before = atomic_load(&budget.transit);
		p->o[i] = obj_renew(p->o[0], &m);
		obj_set_tags(p->o[i], &seed);
		p->fixed[i] = (size_t)(atomic_load(&budget.transit) - before);
		p->body = obj_bytes(p->o[i]) - p->fixed[i];
	}
	p->fixed[0] = obj_bytes(p->o[0]) - p->body;
	ck_assert_uint_ge(p->body, length);
	obj_link(p->o[0]);
	p->linked[0] = true;
	check_figures(p);
}

enum { ACTORS = HEADS + 1, READER = HEADS };

static void
read_some(struct pile *p, int nth)
{
	if (nth == 0) {
		p->reader.worker = w;
		reader_open(&p->reader.reader, p->o[0], false, w, guest_more, &p->reader);
		return;
	}
	guest_read(&p->reader, SIZE_MAX);
	ck_assert_int_eq(p->reader.state, READER_END);
	reader_close(&p->reader.reader);
}

/* The nth step of an actor. */
static void
step(struct pile *p, int who, int nth)
{
	if (who == READER) {
		read_some(p, nth);
		return;
	}
	/* The first one is linked from the start. */
	switch (nth + (who == 0)) {
	case 0:
		obj_link(p->o[who]);
		p->linked[who] = true;
		return;
	case 1:
		obj_unlink(p->o[who]);
		p->linked[who] = false;
		return;
	case 2:
		obj_unref(p->o[who]);
		p->o[who] = NULL;
		return;
	}
}

static const int steps_of[ACTORS] = { 2, 3, 3, 2 };

#define STEPS	10

static void
play(const int *order, size_t length)
{
	int done[ACTORS] = { 0 };
	struct pile p;

	pile_up(&p, length);
	for (int i = 0; i < STEPS; i++) {
		step(&p, order[i], done[order[i]]++);
		check_figures(&p);
	}
	ck_assert_int_eq(atomic_load(&budget.stored), 0);
	ck_assert_int_eq(atomic_load(&budget.transit), 0);
}

/* Every way to go on from n steps. */
static unsigned
every_way(int *order, int n, int *done, size_t length)
{
	unsigned ways = 0;

	if (n == STEPS) {
		play(order, length);
		return 1;
	}
	for (int who = 0; who < ACTORS; who++) {
		/* The reader found the first one in the store; the other two are alike. */
		if (done[who] == steps_of[who] || (who == 2 && done[1] == 0) ||
		    (who == READER && done[who] == 0 && done[0] > 0))
			continue;
		done[who]++;
		order[n] = who;
		ways += every_way(order, n + 1, done, length);
		done[who]--;
	}
	return ways;
}

/*
 * Three heads over one body: linked, given up and let go in every order, with a reader of the first
 * that comes and goes: the body is counted once, where it belongs.
 */
START_TEST(counted_once_in_every_order)
{
	int order[STEPS], done[ACTORS] = { 0 };

	ck_assert_uint_eq(every_way(order, 0, done, _i == 0 ? 10 : 0), 6300);
}
END_TEST

START_TEST(a_renewed_head_may_come_back)
{
	struct pile p;

	pile_up(&p, 5 * KIB);
	step(&p, 1, 0);
	step(&p, 0, 0);
	check_figures(&p);
	obj_link(p.o[0]);
	p.linked[0] = true;
	check_figures(&p);
	step(&p, 1, 1);
	step(&p, 0, 0);
	check_figures(&p);
	for (int i = 0; i < HEADS; i++)
		obj_unref(p.o[i]);
	ck_assert_int_eq(atomic_load(&budget.transit), 0);
}
END_TEST

/* Validation. */

static const struct {
	const char	*stored;	/* its fields, beside max-age */
	bool		 validates;
} validators[] = {
	{ TAG, true },
	{ "ETag: W/\"v1\"\n", true },
	{ "Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT\n", true },
	{ "ETag: v1\n", false },
	{ "Last-Modified: yesterday\n", false },
	{ "X: y\n", false },
};

START_TEST(what_has_a_validator_is_validated)
{
	char fields[200];
	const struct head *asks;
	struct guest g;

	snprintf(fields, sizeof fields, TEN "%s", validators[_i].stored);
	fetch("", fields, 10);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, ""), V_LEAD);
	ck_assert_str_eq(g.lk.fwd, "stale");
	asks = flight_validates(g.lk.flight);
	ck_assert_int_eq(asks != NULL, validators[_i].validates);
	if (asks != NULL)
		ck_assert_str_eq(rig_field(asks, "Cache-Control"), "max-age=10");
	rig_fail(&g);
	guest_fini(&g);
}
END_TEST

static const struct {
	const char	*method, *fields;
	bool		 alone, validates;
} askers[] = {
	{ "GET", "", false, true },
	{ "GET", "", true, true },
	{ "GET", "Range: bytes=0-\n", false, true },
	{ "GET", "If-None-Match: \"x\"\n", false, true },
	{ "HEAD", "", false, true },
	/* As it came: its conditions are its own. */
	{ "GET", "If-None-Match: \"x\"\n", true, false },
	{ "GET", "If-Match: \"x\"\n", false, false },
	{ "HEAD", "", true, false },
	{ "POST", "", false, false },
};

START_TEST(what_goes_up_as_it_came_is_not_validated)
{
	struct guest g;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	guest_init(&g, w, askers[_i].method, askers[_i].fields);
	guest_ask_by(&g, c, KEY, &route, askers[_i].alone);
	ck_assert_ptr_nonnull(g.lk.flight);
	ck_assert_int_eq(flight_validates(g.lk.flight) != NULL, askers[_i].validates);
	ck_assert_int_eq(g.lk.whole, askers[_i].validates);
	rig_fail(&g);
	guest_fini(&g);
}
END_TEST

START_TEST(what_still_fills_is_not_validated)
{
	struct guest lead, g;
	struct obj *o;

	ask(&lead, "");
	o = rig_head(lead.lk.flight, &lead.req, 200, FIRST, RIG_NO_LENGTH);
	rig_feed(lead.lk.flight, 0, 10);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, ""), V_LEAD);
	ck_assert_ptr_null(flight_validates(g.lk.flight));
	rig_answer(&g, FIRST, 20);
	flight_end(lead.lk.flight);
	flight_unref(lead.lk.flight);
	obj_unref(o);
	guest_fini(&lead);
	guest_fini(&g);
	ck_assert_int_eq(hit(""), 20);
}
END_TEST

static const struct {
	int		 status;
	const char	*fields;
	bool		 believed;
} claims[] = {
	{ 200, "ETag: \"v2\"\n", true },
	{ 304, TAG, true },
	{ 304, "", true },
	{ 304, "ETag: \"v2\"\n", false },
	{ 304, "Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT\n", false },
	{ 412, "ETag: \"v2\"\n", true },
};

/*
 * RFC 9111 4.3.3: a 304 for something else is no answer; the next one is believed whatever it says.
 */
START_TEST(a_304_for_something_else_is_not_believed)
{
	struct head resp;
	struct guest g;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	rig_response(&resp, claims[_i].status, claims[_i].fields, RIG_NO_BODY);
	ck_assert_int_eq(flight_believes(g.lk.flight, &resp), claims[_i].believed);
	ck_assert_int_eq(flight_validates(g.lk.flight) != NULL, claims[_i].believed);
	if (!claims[_i].believed) {
		ck_assert(flight_believes(g.lk.flight, &resp));
		rig_answer(&g, FIRST, 30);
		rig_turn(w);
		ck_assert_int_eq(hit(""), 30);
	} else {
		rig_fail(&g);
	}
	head_fini(&resp);
	guest_fini(&g);
}
END_TEST

/*
 * And one that comes although nothing was asked is the answer, for its client alone; others ask
 * again.
 */
START_TEST(a_304_to_no_question)
{
	struct guest g, p;

	fetch("", TEN, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	ask(&p, "");
	rig_bare(&g, 304, TEN);
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	ck_assert_int_eq(flight_outcome(&p.wait), OUTCOME_AGAIN);
	guest_open(&g);
	ck_assert_int_eq(obj_meta(g.obj)->head.status, 304);
	guest_fini(&g);
	guest_fini(&p);
}
END_TEST

/* Renewal. */

START_TEST(renewed_for_all_who_wait)
{
	struct flight_facts facts;
	struct guest g[4];
	usec_t took;
	uint64_t bytes;

	ask(&g[0], "");
	rig_pass(3 * USEC_PER_SEC);
	rig_answer(&g[0], FIRST "X: old\nY: old\n", 100);
	guest_fini(&g[0]);
	rig_turn(w);
	bytes = rig_figures(c).bytes;
	rig_pass(10 * USEC_PER_SEC);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ask(&g[i], ""), i == 0 ? V_LEAD : V_PARK);
	rig_bare(&g[0], 304, "X: new\nAge: 4\nConnection: Z\nZ: hop\nContent-Length: 0\n");
	rig_turn(w);
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_eq(g[i].wakes, 1);
		ck_assert_int_eq(flight_outcome(&g[i].wait), OUTCOME_OBJ);
		flight_facts(&g[i].wait, &facts);
		ck_assert(facts.stored && facts.validated && !facts.stale);
		ck_assert_int_eq(facts.status, 304);
		guest_open(&g[i]);
		ck_assert_uint_eq(guest_read(&g[i], SIZE_MAX), 100);
		ck_assert_int_eq(g[i].state, READER_END);
	}
	const struct obj_meta *m = obj_meta(g[3].obj);

	ck_assert_int_eq(m->head.status, 200);
	ck_assert_uint_eq(m->length, 100);
	ck_assert_str_eq(rig_field(&m->head, "X"), "new");
	ck_assert_str_eq(rig_field(&m->head, "Y"), "old");
	ck_assert_str_eq(rig_field(&m->head, "Z"), "");
	ck_assert_str_eq(rig_field(&m->head, "Age"), "");
	ck_assert_str_eq(rig_field(&m->head, "Content-Length"), "");
	ck_assert(rig_buf_has(&m->wire, "X: new\r\n") && !rig_buf_has(&m->wire, "X: old"));
	/* RFC 9111 4.2.3: the update's Age counts. */
	ck_assert(m->had_age);
	ck_assert_int_eq(cache_age(m, clock_mono()), 4 * USEC_PER_SEC);
	took = m->fetch_time;
	/* rig_head() says that it came at once; what a hit saves is no less than before. */
	ck_assert_int_eq(took, 0);
	for (int i = 0; i < 4; i++)
		guest_fini(&g[i]);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_uint_lt(rig_figures(c).bytes, bytes + KIB);
	rig_pass(6 * USEC_PER_SEC - 1);
	ck_assert_int_eq(hit(""), 100);
	rig_pass(1);
	ck_assert_int_eq(hit(""), -1);
}
END_TEST

START_TEST(a_hit_on_it_saves_what_the_body_took)
{
	struct now asked;
	struct head resp;
	struct guest g;
	struct obj *o;

	ask(&g, "");
	asked = clock_now();
	rig_pass(3 * USEC_PER_SEC);
	rig_response(&resp, 200, FIRST, 0);
	o = flight_head(g.lk.flight, &g.req, &resp, asked, clock_now());
	flight_end(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	rig_pass(20 * USEC_PER_SEC);
	ask(&g, "");
	rig_bare(&g, 304, "");
	guest_open(&g);
	ck_assert_int_eq(obj_meta(g.obj)->fetch_time, 3 * USEC_PER_SEC);
	guest_fini(&g);
}
END_TEST

/* RFC 9111 4.3.4: the lifetime is what the merged head says. */
START_TEST(renewed_with_another_lifetime)
{
	struct guest g;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	rig_bare(&g, 304, "Cache-Control: max-age=100\n");
	guest_fini(&g);
	rig_pass(99 * USEC_PER_SEC);
	ck_assert_int_eq(hit(""), 10);
	/* And again: what was renewed is as good as what was fetched. */
	rig_pass(USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, ""), V_LEAD);
	rig_bare(&g, 304, TEN);
	guest_open(&g);
	ck_assert_uint_eq(obj_meta(g.obj)->length, 10);
	ck_assert_uint_eq(obj_total(g.obj), 10);
	guest_fini(&g);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(hit(""), -1);
}
END_TEST

static const struct {
	enum conf_set_cookie	 policy;
	const char		*head, *own;	/* Set-Cookie there */
} cookies[] = {
	{ SET_COOKIE_PRIVATE, "", "Set-Cookie: a=b\r\n" },
	{ SET_COOKIE_STRIP, "", "" },
	{ SET_COOKIE_STORE, "a=b", "" },
};

/* A cookie that comes with a 304 is the leader's, and no reason to share the rest no more. */
START_TEST(a_cookie_with_a_304)
{
	const struct obj_meta *m;
	struct guest g, p;

	route.set_cookie = cookies[_i].policy;
	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	ask(&p, "");
	rig_bare(&g, 304, "Set-Cookie: a=b\n");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&p.wait), OUTCOME_OBJ);
	guest_open(&p);
	m = obj_meta(p.obj);
	ck_assert_str_eq(rig_field(&m->head, "Set-Cookie"), cookies[_i].head);
	ck_assert_int_eq(rig_buf_has(&m->wire, "Set-Cookie"), cookies[_i].head[0] != '\0');
	ck_assert_uint_eq(m->own_wire.n, strlen(cookies[_i].own));
	ck_assert(m->own_wire.n == 0 || rig_buf_has(&m->own_wire, cookies[_i].own));
	guest_fini(&g);
	guest_fini(&p);
	ck_assert_int_eq(hit(""), 10);
}
END_TEST

/*
 * What is stored was made for nobody, and its 304 answers one who says who it is: it is renewed for
 * those who say nothing; what else the 304 says is for that one, unless the backend calls it fresh
 * for all.
 */
START_TEST(confirmed_for_somebody)
{
	static const struct {
		const char	*fields;
		bool		 shared;	/* X of the 304 */
	} t[] = {
		{ "Cache-Control: max-age=0\nETag: \"a\"\n", false },
		{ "Cache-Control: max-age=10\nETag: \"a\"\n", true },
	};
	const struct obj_meta *m;
	struct guest g, plain, cookie;

	fetch("", t[_i].fields, 10);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, "Cookie: a\n"), V_LEAD);
	ck_assert_int_eq(ask(&plain, ""), V_PARK);
	ck_assert_int_eq(ask(&cookie, "Cookie: b\n"), V_PARK);
	rig_bare(&g, 304, "X: of-a\n");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&plain.wait), OUTCOME_OBJ);
	ck_assert_int_eq(flight_outcome(&cookie.wait), t[_i].shared ? OUTCOME_OBJ : OUTCOME_PASS);
	guest_open(&plain);
	m = obj_meta(plain.obj);
	ck_assert_int_eq(rig_buf_has(&m->wire, "X: of-a"), t[_i].shared);
	ck_assert_int_eq(rig_buf_has(&m->own_wire, "X: of-a"), !t[_i].shared);
	ck_assert(m->fresh.class == FRESH_SHARE && m->fresh.plain_only == !t[_i].shared);
	guest_fini(&g);
	guest_fini(&plain);
	guest_fini(&cookie);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
}
END_TEST

/* RFC 9111 3.5: what `public` opened a 304 to the same one closes, by leaving it out. */
START_TEST(opened_and_closed_again)
{
	const char *fields = "Authorization: a\n";
	struct guest g;

	fetch(fields, "Cache-Control: public, max-age=1\nETag: \"a\"\n", 10);
	ck_assert_int_eq(hit(""), 10);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, fields), V_LEAD);
	rig_bare(&g, 304, "Cache-Control: max-age=60\n");
	rig_turn(w);
	guest_fini(&g);
	rig_turn(w);
	ck_assert_int_eq(hit(""), -1);
}
END_TEST

/* Who has credentials doesn't wait for what is said to one without, nor the other way round. */
START_TEST(apart_by_credentials)
{
	struct guest plain, alice, bob;

	ck_assert_int_eq(ask(&plain, ""), V_LEAD);
	ck_assert_int_eq(ask(&alice, "Authorization: a\n"), V_LEAD);
	ck_assert_int_eq(ask(&bob, "Authorization: b\n"), V_PARK);
	rig_fail(&plain);
	rig_fail(&alice);
	rig_turn(w);
	guest_fini(&plain);
	guest_fini(&alice);
	guest_fini(&bob);
}
END_TEST

/* Nobody joins what was led under rules that a reload has changed. */
START_TEST(apart_by_policy)
{
	struct guest before, after;

	route.set_cookie = SET_COOKIE_STORE;
	ck_assert_int_eq(ask(&before, ""), V_LEAD);
	route.set_cookie = SET_COOKIE_PRIVATE;
	ck_assert_int_eq(ask(&after, ""), V_LEAD);
	rig_fail(&before);
	rig_fail(&after);
	rig_turn(w);
	guest_fini(&before);
	guest_fini(&after);
}
END_TEST

/* RFC 9111 3.5: what a 304 says to Authorization is for others only if the answer opens that. */
START_TEST(confirmed_for_the_authorized)
{
	static const struct {
		const char	*fields;
		bool		 shared;	/* X of the 304 */
	} t[] = {
		{ "Cache-Control: max-age=10\nETag: \"a\"\n", false },
		{ "Cache-Control: max-age=10, public\nETag: \"a\"\n", true },
	};
	const struct obj_meta *m;
	struct guest g, next;

	fetch("", t[_i].fields, 10);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, "Authorization: a\n"), V_LEAD);
	rig_bare(&g, 304, "X: of-a\n");
	rig_turn(w);
	ck_assert_int_eq(ask(&next, "Authorization: b\n"), V_HIT);
	guest_open(&next);
	m = obj_meta(next.obj);
	ck_assert_int_eq(rig_buf_has(&m->wire, "X: of-a"), t[_i].shared);
	ck_assert_int_eq(rig_buf_has(&m->own_wire, "X: of-a"), !t[_i].shared);
	guest_fini(&g);
	guest_fini(&next);
}
END_TEST

static const struct {
	const char		*fields;
	enum conf_set_cookie	 policy;
	const char		*own;		/* all of it */
	const char		*gone, *kept;	/* names that are not, and are, for all */
} withheld[] = {
	{ "Cache-Control: max-age=10, private=\"A\"\nA: 1\nB: 2\n", SET_COOKIE_PRIVATE,
	    "A: 1\r\n", "A", "B" },
	{ "Cache-Control: max-age=10, no-cache=\"a, set-cookie\"\nA: 1\nB: 2\nSet-Cookie: c=d\n",
	    SET_COOKIE_PRIVATE, "A: 1\r\nSet-Cookie: c=d\r\n", "Set-Cookie", "B" },
	{ "Cache-Control: max-age=10, no-cache=\"set-cookie\"\nB: 2\nSet-Cookie: c=d\n",
	    SET_COOKIE_STORE, "Set-Cookie: c=d\r\n", "Set-Cookie", "B" },
	{ "Cache-Control: max-age=10, no-cache=\"set-cookie\"\nB: 2\nSet-Cookie: c=d\n",
	    SET_COOKIE_STRIP, "", "Set-Cookie", "B" },
	{ TEN "Surrogate-Control: max-age=10\nB: 2\n", SET_COOKIE_PRIVATE, "", "None", "B" },
};

/* RFC 9111 5.2.2.4, 5.2.2.7: the leader's only, in the answer and in the 304 that says it again. */
START_TEST(fields_for_the_leader)
{
	const struct obj_meta *m;
	char fields[300], line[30];
	struct guest g;

	route.set_cookie = withheld[_i].policy;
	snprintf(fields, sizeof fields, TAG "%s", withheld[_i].fields);
	ask(&g, "");
	rig_answer(&g, fields, 10);
	for (int round = 0; round < 2; round++) {
		guest_open(&g);
		m = obj_meta(g.obj);
		ck_assert_uint_eq(m->own_wire.n, strlen(withheld[_i].own));
		ck_assert(m->own_wire.n == 0 ||
		    memcmp(m->own_wire.p, withheld[_i].own, m->own_wire.n) == 0);
		ck_assert_str_eq(rig_field(&m->head, withheld[_i].gone), "");
		ck_assert_str_ne(rig_field(&m->head, withheld[_i].kept), "");
		snprintf(line, sizeof line, "%s: ", withheld[_i].gone);
		ck_assert(!rig_buf_has(&m->wire, line));
		ck_assert(!rig_buf_has(&m->wire, "Surrogate"));
		guest_fini(&g);
		ck_assert_int_eq(hit(""), 10);
		rig_pass(10 * USEC_PER_SEC);
		ck_assert_int_eq(ask(&g, ""), V_LEAD);
		rig_bare(&g, 304, withheld[_i].fields);
	}
	guest_fini(&g);
}
END_TEST

static const struct {
	const char	*who, *fields;
	enum flight_outcome parked;
	bool		 stored;	/* something is, afterwards */
	bool		 marked;
} merged[] = {
	{ "", "Cache-Control: no-store\n", OUTCOME_PASS, false, true },
	{ "", "Cache-Control: private\n", OUTCOME_PASS, false, true },
	{ "", "Vary: *\n", OUTCOME_PASS, false, true },
	{ "", "Cache-Control: no-cache\n", OUTCOME_PASS, true, true },
	/* Of one who says who it is: the others' page stays as it was. */
	{ "Cookie: a=b\n", "Cache-Control: private\n", OUTCOME_AGAIN, true, true },
	{ "Cookie: a=b\n", "", OUTCOME_OBJ, true, false },
};

START_TEST(a_304_after_which_it_may_not_be_shared)
{
	struct guest g, p;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, merged[_i].who);
	ask(&p, "");
	rig_bare(&g, 304, merged[_i].fields);
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	ck_assert_int_eq(flight_outcome(&p.wait), merged[_i].parked);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
	guest_fini(&g);
	guest_fini(&p);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, merged[_i].stored);
	ask(&g, merged[_i].who);
	ck_assert_int_eq(g.verdict == V_PASS, merged[_i].marked);
	if (g.lk.flight != NULL) {
		ck_assert_int_eq(flight_validates(g.lk.flight) != NULL, merged[_i].stored);
		rig_fail(&g);
	} else {
		guest_open(&g);
	}
	guest_fini(&g);
}
END_TEST

/* The 304 says that it varies: it is the leader's variant then, and the others look again. */
START_TEST(a_304_that_varies)
{
	struct guest g, p;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "Accept: a\n");
	ck_assert_int_eq(ask(&p, "Accept: b\n"), V_PARK);
	rig_bare(&g, 304, "Vary: Accept\n");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&g.wait), OUTCOME_OBJ);
	ck_assert_int_eq(flight_outcome(&p.wait), OUTCOME_AGAIN);
	guest_fini(&g);
	guest_fini(&p);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_int_eq(hit("Accept: a\n"), 10);
	ck_assert_int_eq(hit("Accept: b\n"), -1);
}
END_TEST

/* What was stored for several kinds of requests is renewed for all of them, by whoever leads. */
START_TEST(renewed_for_every_request_that_selects_it)
{
	const char *br = "Accept-Encoding: br, gzip\n", *gzip = "Accept-Encoding: gzip\n";
	struct guest g, p;

	fetch(br, FIRST "Vary: Accept-Encoding\nContent-Encoding: gzip\n", 10);
	ck_assert_int_eq(hit(gzip), 10);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&g, gzip), V_LEAD);
	ck_assert_int_eq(ask(&p, br), V_PARK);
	rig_bare(&g, 304, "Content-Encoding: br\n");
	rig_turn(w);
	ck_assert_int_eq(flight_outcome(&p.wait), OUTCOME_OBJ);
	guest_open(&p);
	ck_assert_str_eq(rig_field(&obj_meta(p.obj)->head, "Content-Encoding"), "gzip");
	guest_fini(&g);
	guest_fini(&p);
	ck_assert_int_eq(hit(gzip), 10);
	ck_assert_int_eq(hit(br), 10);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
}
END_TEST

/* RFC 9110 15.3.5: without a body; and with one of no bytes. */
START_TEST(renewed_without_a_body)
{
	struct guest g;
	struct obj *o;

	ask(&g, "");
	o = rig_head(g.lk.flight, &g.req, _i == 0 ? 204 : 200, FIRST, _i == 0 ? RIG_NO_BODY : 0);
	flight_end(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	for (int i = 0; i < 2; i++) {
		rig_pass(10 * USEC_PER_SEC);
		ask(&g, "");
		rig_bare(&g, 304, "");
		rig_turn(w);
		guest_open(&g);
		ck_assert_int_eq(obj_meta(g.obj)->bodyless, _i == 0);
		ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 0);
		ck_assert_int_eq(g.state, READER_END);
		guest_fini(&g);
		ck_assert_int_eq(hit(""), 0);
	}
}
END_TEST

/* What a 304 has confirmed was whole before, whatever becomes of its connection. */
START_TEST(broken_after_a_304)
{
	struct head resp;
	struct guest g;
	struct obj *o;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	rig_response(&resp, 304, _i == 0 ? "" : "Cache-Control: no-store\n", RIG_NO_BODY);
	o = flight_head(g.lk.flight, &g.req, &resp, clock_now(), clock_now());
	ck_assert_int_eq(obj_state(o), OBJ_SEALED);
	flight_broken(g.lk.flight);
	ck_assert_uint_eq(rig_figures(c).flights, 0);
	obj_unref(o);
	flight_unref(g.lk.flight);
	rig_turn(w);
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
	ck_assert_int_eq(g.state, READER_END);
	guest_fini(&g);
	ck_assert_int_eq(hit(""), _i == 0 ? 10 : -1);
}
END_TEST

START_TEST(two_renew_one_at_once)
{
	uint64_t bytes;
	struct guest a, b;

	route.coalesce = COALESCE_OFF;
	fetch("", FIRST, 5 * KIB);
	rig_pass(10 * USEC_PER_SEC);
	ck_assert_int_eq(ask(&a, ""), V_LEAD);
	ck_assert_int_eq(ask(&b, ""), V_LEAD);
	rig_bare(&a, 304, "");
	guest_fini(&a);
	bytes = rig_figures(c).bytes;
	ck_assert_int_eq(hit(""), 5 * (int64_t)KIB);
	rig_bare(&b, 304, "");
	rig_turn(w);
	guest_open(&b);
	ck_assert_uint_eq(guest_read(&b, SIZE_MAX), 5 * KIB);
	guest_fini(&b);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	ck_assert_uint_eq(rig_figures(c).bytes, bytes);
	ck_assert_uint_eq(rig_figures(c).transit_bytes, 0);
	ck_assert_int_eq(hit(""), 5 * (int64_t)KIB);
}
END_TEST

enum { EVICTED, PURGED };

/* It goes from the store while it is validated.  A purge says that it must not come back. */
START_TEST(gone_while_validated)
{
	struct guest g, p;

	fetch("", FIRST, 5 * KIB);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	ask(&p, "");
	if (_i == EVICTED)
		cache_set_limits(c, 0, 64 * KIB);
	else
		cache_purge(c, SLICE(KEY));
	ck_assert_uint_eq(rig_figures(c).objects, 0);
	ck_assert_uint_gt(rig_figures(c).transit_bytes, 5 * KIB);
	cache_set_limits(c, MIB, 64 * KIB);
	rig_bare(&g, 304, "");
	rig_turn(w);
	ck_assert_int_eq(guest_stored(&g), _i == EVICTED);
	ck_assert_int_eq(flight_outcome(&p.wait), OUTCOME_OBJ);
	guest_open(&p);
	ck_assert_uint_eq(guest_read(&p, SIZE_MAX), 5 * KIB);
	guest_fini(&g);
	guest_fini(&p);
	ck_assert_uint_eq(rig_figures(c).transit_bytes, 0);
	ck_assert_int_eq(hit(""), _i == EVICTED ? 5 * (int64_t)KIB : -1);
}
END_TEST

/* One of two, whose basis a purge of the same shard took away: it is in no table. */
START_TEST(purged_while_one_validates_alone)
{
	struct guest g;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	guest_init(&g, w, "GET", "");
	ck_assert_int_eq(guest_ask_by(&g, c, KEY, &route, true), V_PASS);
	cache_purge(c, SLICE(KEY));
	rig_bare(&g, 304, "");
	rig_turn(w);
	ck_assert(!guest_stored(&g));
	guest_open(&g);
	ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
	guest_fini(&g);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).bytes, 0);
}
END_TEST

START_TEST(read_on_while_it_is_renewed)
{
	struct guest slow, g;
	uint64_t head;

	fetch("", FIRST, 60 * KIB);
	ck_assert_int_eq(ask(&slow, ""), V_HIT);
	guest_open(&slow);
	ck_assert_uint_eq(guest_read(&slow, 10 * KIB), 10 * KIB);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	rig_bare(&g, 304, "");
	guest_fini(&g);
	rig_turn(w);
	/* Of the old one only the head is held for its reader. */
	head = rig_figures(c).transit_bytes;
	ck_assert_uint_gt(head, 0);
	ck_assert_uint_lt(head, 4 * KIB);
	ck_assert_uint_eq(cache_purge(c, SLICE(KEY)), 1);
	ck_assert_uint_gt(rig_figures(c).transit_bytes, 60 * KIB);
	ck_assert_uint_eq(guest_read(&slow, SIZE_MAX), 50 * KIB);
	ck_assert_int_eq(slow.state, READER_END);
	guest_fini(&slow);
}
END_TEST

static const struct {
	const char	*fields;	/* of the first */
	bool		 back;
} breaks[] = {
	{ FIRST, true },
	{ "Cache-Control: max-age=10, must-revalidate\n" TAG, false },
	{ "Cache-Control: s-maxage=10\n" TAG, false },
	{ TEN, true },
	{ FIRST "Vary: Accept\n", true },
};

/* What was there before comes back when the fetch that was to replace it breaks off. */
START_TEST(a_refresh_that_breaks)
{
	uint64_t bytes;
	struct guest g;
	struct obj *o;

	route.stale_if_error = USEC_PER_SEC * 3600;
	fetch("", breaks[_i].fields, 10);
	bytes = rig_figures(c).bytes;
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	o = rig_head(g.lk.flight, &g.req, 200, FIRST, 1000);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	rig_feed(g.lk.flight, 0, 500);
	flight_broken(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, breaks[_i].back);
	ck_assert_uint_eq(rig_figures(c).transit_bytes, 0);
	if (breaks[_i].back)
		ck_assert_uint_le(rig_figures(c).bytes, bytes);
	/* It is served while the backend is left alone, then asked about. */
	ck_assert_int_eq(ask(&g, ""), breaks[_i].back ? V_STALE : V_LEAD);
	if (breaks[_i].back) {
		ck_assert_str_eq(g.lk.detail, "stale-if-error");
		guest_open(&g);
		ck_assert_uint_eq(guest_read(&g, SIZE_MAX), 10);
		guest_fini(&g);
		rig_pass(USEC_PER_SEC);
		ck_assert_int_eq(ask(&g, ""), V_LEAD);
	}
	rig_fail(&g);
	guest_fini(&g);
}
END_TEST

/* What a tag purge could not find, since a refresh stood in its place, doesn't come back. */
START_TEST(a_refresh_that_breaks_after_its_tag_was_purged)
{
	struct slice key = SLICE(KEY);
	struct guest g;
	struct obj *o;

	route.stale_if_error = USEC_PER_SEC * 3600;
	fetch("", "Cache-Control: max-age=1\nETag: \"a\"\nCache-Groups: \"x\"\n", 10);
	rig_pass(10 * USEC_PER_SEC);
	ask(&g, "");
	o = rig_head(g.lk.flight, &g.req, 200, FIRST, 1000);
	rig_feed(g.lk.flight, 0, 500);
	ck_assert_uint_eq(cache_purge_tags(c, SLICE("g:x\n"), &key), 0);
	flight_broken(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, 0);
}
END_TEST

enum { BY_PURGE, BY_EVICTION, BY_SIZE, BY_MARK, NOT_AT_ALL };

/* It doesn't come back after a purge; nor when what broke was out of the store already. */
START_TEST(a_refresh_that_breaks_after)
{
	struct guest g;
	struct obj *o;

	fetch("", FIRST, 10);
	rig_pass(10 * USEC_PER_SEC);
	guest_init(&g, w, "GET", _i == BY_MARK ? "Cookie: a=b\n" : "");
	guest_ask_by(&g, c, KEY, &route, false);
	o = rig_head(g.lk.flight, &g.req, 200, _i == BY_MARK ? "Cache-Control: private\n" : FIRST,
	    RIG_NO_LENGTH);
	if (_i == BY_PURGE)
		cache_purge(c, SLICE(KEY));
	if (_i == BY_EVICTION)
		cache_set_limits(c, 0, 64 * KIB);
	cache_set_limits(c, MIB, 64 * KIB);
	rig_feed(g.lk.flight, 0, _i == BY_SIZE ? 65 * KIB : 5);
	flight_broken(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	rig_turn(w);
	/* A private answer to one who said who it is never took its place. */
	ck_assert_uint_eq(rig_figures(c).objects, _i >= BY_MARK);
}
END_TEST

/*
 * The one that was asked about is another variant than the answer, and still there: it is there
 * once.
 */
START_TEST(another_variant_breaks)
{
	struct guest g, b;
	struct obj *o;

	fetch("Cookie: a=b\n", FIRST "Vary: Accept\n", 10);
	rig_pass(10 * USEC_PER_SEC);
	route.coalesce = COALESCE_OFF;
	ask(&g, "");
	ask(&b, "");
	/* The second renews the first while the other's answer, for all, is on its way. */
	o = rig_head(g.lk.flight, &g.req, 200, FIRST, 1000);
	rig_bare(&b, 304, "");
	ck_assert_uint_eq(rig_figures(c).objects, 2);
	flight_broken(g.lk.flight);
	obj_unref(o);
	flight_unref(g.lk.flight);
	guest_fini(&g);
	guest_fini(&b);
	rig_turn(w);
	ck_assert_uint_eq(rig_figures(c).objects, 1);
	/* The renewed one, not the one from before. */
	ck_assert_int_eq(hit(""), 10);
}
END_TEST

static Suite *
renewal_suite(void)
{
	Suite *s = suite_create("renewal");
	TCase *bytes = tcase_create("bytes"), *ask_case = tcase_create("ask");
	TCase *renew = tcase_create("renew"), *gone = tcase_create("gone");
	TCase *all[] = { bytes, ask_case, renew, gone };

	tcase_add_loop_test(bytes, counted_once_in_every_order, 0, 2);
	tcase_add_test(bytes, a_renewed_head_may_come_back);
	tcase_add_loop_test(ask_case, what_has_a_validator_is_validated, 0, COUNT(validators));
	tcase_add_loop_test(ask_case, what_goes_up_as_it_came_is_not_validated, 0, COUNT(askers));
	tcase_add_test(ask_case, what_still_fills_is_not_validated);
	tcase_add_loop_test(ask_case, a_304_for_something_else_is_not_believed, 0, COUNT(claims));
	tcase_add_test(ask_case, a_304_to_no_question);
	tcase_add_test(renew, renewed_for_all_who_wait);
	tcase_add_test(renew, a_hit_on_it_saves_what_the_body_took);
	tcase_add_test(renew, renewed_with_another_lifetime);
	tcase_add_loop_test(renew, a_cookie_with_a_304, 0, COUNT(cookies));
	tcase_add_loop_test(renew, confirmed_for_somebody, 0, 2);
	tcase_add_test(renew, opened_and_closed_again);
	tcase_add_test(renew, apart_by_credentials);
	tcase_add_test(renew, apart_by_policy);
	tcase_add_loop_test(renew, confirmed_for_the_authorized, 0, 2);
	tcase_add_loop_test(renew, fields_for_the_leader, 0, COUNT(withheld));
	tcase_add_loop_test(renew, a_304_after_which_it_may_not_be_shared, 0, COUNT(merged));
	tcase_add_test(renew, a_304_that_varies);
	tcase_add_test(renew, renewed_for_every_request_that_selects_it);
	tcase_add_loop_test(renew, renewed_without_a_body, 0, 2);
	tcase_add_loop_test(renew, broken_after_a_304, 0, 2);
	tcase_add_test(renew, two_renew_one_at_once);
	tcase_add_loop_test(gone, gone_while_validated, 0, 2);
	tcase_add_test(gone, purged_while_one_validates_alone);
	tcase_add_test(gone, read_on_while_it_is_renewed);
	tcase_add_loop_test(gone, a_refresh_that_breaks, 0, COUNT(breaks));
	tcase_add_test(gone, a_refresh_that_breaks_after_its_tag_was_purged);
	tcase_add_loop_test(gone, a_refresh_that_breaks_after, BY_PURGE, NOT_AT_ALL);
	tcase_add_test(gone, another_variant_breaks);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		tcase_add_checked_fixture(all[i], set_up, tear_down);
		suite_add_tcase(s, all[i]);
	}
	return s;
}

UNIT_MAIN(renewal_suite)
