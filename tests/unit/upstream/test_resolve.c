/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/contract.h"

#include "tests/unit/upstream/names.h"

static struct worker *w;

struct asked {
	unsigned	 answers;
	bool		 known;
	char		 addrs[256];	/* "address:port address:port …" */
	const char	*error;
};

static void
setup(void)
{
	w = worker_new(0, NULL);
	ck_assert_ptr_nonnull(w);
}

static void
teardown(void)
{
	worker_free(w);
}

static void
answer(void *arg, struct addrinfo *res, const char *error)
{
	struct asked *a = arg;
	char host[INET6_ADDRSTRLEN], port[8];

	a->answers++;
	a->known = res != NULL;
	a->error = error;
	ck_assert((res == NULL) == (error != NULL));
	for (struct addrinfo *ai = res; ai != NULL; ai = ai->ai_next) {
		size_t n = strlen(a->addrs);

		ck_assert_int_eq(ai->ai_socktype, SOCK_STREAM);
		ck_assert_int_eq(getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof host, port,
		    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV), 0);
		snprintf(a->addrs + n, sizeof a->addrs - n, "%s%s:%s", n > 0 ? " " : "", host,
		    port);
	}
	if (res != NULL)
		evutil_freeaddrinfo(res);
}

static struct asked
ask(struct resolver *r, const char *host)
{
	struct asked a = { 0 };

	resolve_start(r, host, 8080, answer, &a);
	ck_assert_uint_eq(a.answers, 0);
	while (a.answers == 0)
		event_base_loop(worker_base(w), EVLOOP_ONCE);
	return a;
}

static void
check_addrs(struct resolver *r, const char *host, const char *addrs)
{
	struct asked a = ask(r, host);

	ck_assert_msg(a.known && strcmp(a.addrs, addrs) == 0, "%s: %s", host,
	    a.known ? a.addrs : a.error);
}

START_TEST(literals_and_hosts_need_no_server)
{
	static const char *const confs[] = { "/nonexistent/resolv.conf", "/dev/null" };
	struct resolver *r = resolver_new_from(w, confs[_i]);
	struct asked a;

	ck_assert_ptr_nonnull(r);
	check_addrs(r, "192.0.2.1", "192.0.2.1:8080");
	check_addrs(r, "::1", "::1:8080");
	check_addrs(r, "2001:db8::2", "2001:db8::2:8080");
	a = ask(r, "localhost");
	ck_assert(a.known);
	ck_assert_ptr_nonnull(strstr(a.addrs, "127.0.0.1:8080"));
	resolver_free(r);
}
END_TEST

START_TEST(names_are_asked_for)
{
	struct resolver *r;
	struct asked a;

	server_start();
	r = resolver_new_from(w, server.conf);
	check_addrs(r, "v4.test", "192.0.2.7:8080");
	a = ask(r, "v46.test");
	ck_assert(a.known);
	ck_assert_ptr_nonnull(strstr(a.addrs, "192.0.2.7:8080"));
	ck_assert_ptr_nonnull(strstr(a.addrs, "2001:db8::7:8080"));
	a = ask(r, "none.test");
	ck_assert(!a.known);
	ck_assert_str_eq(a.error, "the name has no address");
	resolver_free(r);
	server_stop();
}
END_TEST

START_TEST(a_cancelled_question_is_not_answered)
{
	static const char *const hosts[] = { "192.0.2.1", "localhost", "v4.test", "silent.test" };
	struct asked a = { 0 };
	struct resolve *q;
	struct resolver *r;

	server_start();
	r = resolver_new_from(w, server.conf);
	for (int turns = 0; turns < 3; turns++) {
		q = resolve_start(r, hosts[_i], 1, answer, &a);
		for (int i = 0; i < turns && a.answers == 0; i++)
			event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
		if (a.answers == 0)
			resolve_cancel(q);
		a.answers = 0;
		for (int i = 0; i < turns; i++)
			event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
		ck_assert_uint_eq(a.answers, 0);
	}
	/* The cancelled ones may be on their way home still. */
	resolver_free(r);
	server_stop();
}
END_TEST

START_TEST(an_idle_resolver_keeps_no_loop_alive)
{
	/* What is left in the worker's loop is its mailbox alone, with a resolver or without. */
	int before = event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED);
	struct resolver *r;

	server_start();
	r = resolver_new_from(w, server.conf);
	ck_assert_int_eq(event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED), before);
	check_addrs(r, "v4.test", "192.0.2.7:8080");
	ck_assert_int_eq(event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED), before);
	resolver_free(r);
	resolver_free(NULL);
	server_stop();
}
END_TEST

static Suite *
resolve_suite(void)
{
	Suite *s = suite_create("resolve");
	TCase *tc = tcase_create("resolve");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, literals_and_hosts_need_no_server, 0, 2);
	tcase_add_test(tc, names_are_asked_for);
	tcase_add_loop_test(tc, a_cancelled_question_is_not_answered, 0, 4);
	tcase_add_test(tc, an_idle_resolver_keeps_no_loop_alive);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(resolve_suite)
