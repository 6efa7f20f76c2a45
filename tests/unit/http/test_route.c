/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/route.h"

#include "tests/unit/unit.h"

static char example[] = "example.com", v6[] = "[::1]", api[] = "/api/", apex[] = "/api/x";

/* Hosts are stored in lower case, as conf.c leaves them. */
static struct conf_route routes[] = {
	{ .host = example, .path = api },
	{ .host = example },
	{ .host = v6 },
	{ .path = apex },
	{ .path = api },
};
#define NROUTES	(sizeof routes / sizeof routes[0])

static const struct {
	const char	*key;
	int		 route;		/* -1: none */
} cases[] = {
	{ "http://example.com/api/1", 0 },
	{ "http://example.com/api/", 0 },
	{ "http://example.com/api", 1 },
	{ "http://example.com/", 1 },
	{ "http://example.com:8080/api/1", 0 },
	{ "http://example.com:8080/other", 1 },
	{ "http://example.com/other?x=/api/", 1 },
	{ "http://[::1]/", 2 },
	{ "http://[::1]:8080/", 2 },
	{ "http://[::2]/", -1 },
	{ "http://[::2]:1/api/x", 3 },
	{ "http://other.example/api/xyz", 3 },
	{ "http://other.example/api/y", 4 },
	{ "http://other.example/API/y", -1 },
	{ "http://sub.example.com/", -1 },
	{ "http://example.com.evil/", -1 },
	{ "http://evil/http://example.com/", -1 },
	{ "http:///api/", 4 },
	{ "http://example.com", 1 },
	{ "http://example.com*", 1 },
	{ "http://example.com:8080*", 1 },
	{ "http://other.example*", -1 },
};

START_TEST(first_match_wins)
{
	const struct conf conf = { .routes = routes, .nroutes = NROUTES };
	const struct conf_route *r = route_find(&conf, slice_str(cases[_i].key));

	if (cases[_i].route < 0)
		ck_assert_msg(r == NULL, "%s: a route was found", cases[_i].key);
	else
		ck_assert_msg(r == &routes[cases[_i].route], "%s: not route %d", cases[_i].key,
		    cases[_i].route);
}
END_TEST

START_TEST(a_route_for_everything)
{
	struct conf_route any = { .host = NULL };
	const struct conf conf = { .routes = &any, .nroutes = 1 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_ptr_eq(route_find(&conf, slice_str(cases[i].key)), &any);
}
END_TEST

static Suite *
route_suite(void)
{
	Suite *s = suite_create("route");
	TCase *tc = tcase_create("route");

	tcase_add_loop_test(tc, first_match_wins, 0, (int)(sizeof cases / sizeof cases[0]));
	tcase_add_test(tc, a_route_for_everything);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(route_suite)
