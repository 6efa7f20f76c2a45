/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/pools.h"

#include <string.h>

#include "tests/unit/upstream/seats.h"

/* A configuration with upstreams made by hand: one for each pair of a name and its servers. */
struct hand {
	struct conf		 conf;
	struct conf_upstream	 u[3];
};

static void
hand_make(struct hand *h, const char *const names[][2], unsigned n)
{
	*h = (struct hand){ .conf = { .upstreams = h->u, .nupstreams = n } };
	for (unsigned i = 0; i < n; i++) {
		h->u[i] = upstream_of(names[i][1], 4, 9, 9);
		h->u[i].name = strdup(names[i][0]);
	}
}

static void
hand_free(struct hand *h)
{
	for (unsigned i = 0; i < h->conf.nupstreams; i++) {
		h->u[i].runtime_release(h->u[i].runtime);
		servers_free(&h->u[i]);
		free(h->u[i].name);
	}
}

static void
note(void *arg, const char *name, struct pool *p)
{
	char *all = arg;
	struct pool_figures f = figures_of(p, 1);

	strcat(all, name);
	strcat(all, f.server[0].url);
	strcat(all, " ");
}

START_TEST(an_upstream_keeps_its_pool_by_name)
{
	static const char *const before[][2] = { { "app", "ab" }, { "gone", "c" } };
	static const char *const after[][2] = { { "new", "a" }, { "app", "cb" } };
	struct pools *ps = pools_new();
	struct hand h1, h2;
	struct seat s = { 0 };
	char all[100] = "";
	struct pair a;

	hand_make(&h1, before, 2);
	pools_bind(ps, &h1.conf);
	ck_assert_ptr_ne(h1.u[0].runtime, h1.u[1].runtime);
	ck_assert_int_eq(acquire(h1.u[0].runtime, &s, clock_mono()), POOL_READY);
	a = add_idle(h1.u[1].runtime, clock_mono());
	hand_make(&h2, after, 2);
	pools_bind(ps, &h2.conf);
	ck_assert_ptr_eq(h2.u[1].runtime, h1.u[0].runtime);
	ck_assert_ptr_ne(h2.u[0].runtime, h1.u[1].runtime);
	/* What is under way in it still counts. */
	ck_assert_uint_eq(figures_of(h2.u[1].runtime, 1).open, 1);
	pools_each(ps, note, all);
	ck_assert_msg(strcmp(all, "newhttp://a apphttp://c ") == 0 ||
	    strcmp(all, "apphttp://c newhttp://a ") == 0, "%s", all);
	/* The other one goes with its conf. */
	ck_assert(!was_closed(&a));
	hand_free(&h1);
	ck_assert(was_closed(&a));
	pools_sweep(ps, clock_mono());
	hand_free(&h2);
	pools_free(ps);
	pool_release(&s.w, -1, clock_mono());
	pools_free(NULL);
	close(a.theirs);
}
END_TEST

START_TEST(the_sweep_reaches_all)
{
	static const char *const names[][2] = { { "one", "a" }, { "two", "b" } };
	struct pools *ps = pools_new();
	struct pair c[2];
	struct hand h;
	usec_t now;

	hand_make(&h, names, 2);
	pools_bind(ps, &h.conf);
	now = clock_mono();
	for (int i = 0; i < 2; i++)
		c[i] = add_idle(h.u[i].runtime, now);
	pools_sweep(ps, now + 30 * SEC);
	for (int i = 0; i < 2; i++)
		ck_assert(!was_closed(&c[i]));
	pools_sweep(ps, now + 30 * SEC + 1);
	for (int i = 0; i < 2; i++) {
		ck_assert(was_closed(&c[i]));
		close(c[i].theirs);
	}
	hand_free(&h);
	pools_free(ps);
}
END_TEST

static Suite *
pools_suite(void)
{
	Suite *s = suite_create("pools");
	TCase *tc = tcase_create("pools");

	tcase_add_checked_fixture(tc, seats_setup, seats_teardown);
	tcase_add_test(tc, an_upstream_keeps_its_pool_by_name);
	tcase_add_test(tc, the_sweep_reaches_all);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(pools_suite)
