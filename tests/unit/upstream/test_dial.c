/* SPDX-License-Identifier: BSD-2-Clause */
#include "upstream/dial.h"

#include <sched.h>

#include <event2/event.h>

#include "base/contract.h"

#include "upstream/resolve.h"

#include "tests/unit/upstream/names.h"

static struct worker *w;
static struct resolver *r;
static int listener;
static uint16_t port;

struct dialed {
	bool			 done;
	int			 fd;
	enum dial_result	 result;
	const char		*why;
};

static void
setup(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof sin;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(listener, 16), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&sin, &n), 0);
	port = ntohs(sin.sin_port);
	server_start();
	w = worker_new(0, NULL);
	ck_assert_ptr_nonnull(w);
	r = resolver_new_from(w, server.conf, server.port);
}

static void
teardown(void)
{
	resolver_free(r);
	worker_free(w);
	server_stop();
	close(listener);
}

static void
done(void *arg, int fd, enum dial_result result, const char *why)
{
	struct dialed *d = arg;

	ck_assert(!d->done);
	*d = (struct dialed){ true, fd, result, why };
}

static struct dialed
dial(const char *host, usec_t timeout)
{
	struct conf_server s = { .host = (char *)(uintptr_t)host, .port = port };
	struct dialed d = { 0 };

	dial_start(w, r, &s, timeout, done, &d);
	ck_assert(!d.done);
	while (!d.done)
		event_base_loop(worker_base(w), EVLOOP_ONCE);
	ck_assert((d.result == DIAL_CONNECTED) == (d.fd >= 0));
	ck_assert((d.result == DIAL_CONNECTED) == (d.why == NULL));
	return d;
}

START_TEST(the_next_address_is_tried)
{
	struct sockaddr_in peer;
	socklen_t n = sizeof peer;
	struct dialed d = dial("a.test", 20 * USEC_PER_SEC);

	ck_assert_int_eq(d.result, DIAL_CONNECTED);
	ck_assert_int_eq(getpeername(d.fd, (struct sockaddr *)&peer, &n), 0);
	ck_assert_uint_eq(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
	close(d.fd);
}
END_TEST

START_TEST(all_refuse)
{
	close(listener);
	ck_assert_int_eq(dial("a.test", 20 * USEC_PER_SEC).result, DIAL_REFUSED);
	listener = socket(AF_INET, SOCK_STREAM, 0);
}
END_TEST

START_TEST(names_without_an_answer)
{
	ck_assert_int_eq(dial("none.test", 20 * USEC_PER_SEC).result, DIAL_UNKNOWN);
	ck_assert_int_eq(dial("silent.test", 50 * USEC_PER_MSEC).result, DIAL_TIMEOUT);
}
END_TEST

START_TEST(cancel_after_each_turn)
{
	static char host[] = "a.test";
	struct conf_server s = { .host = host, .port = port };
	struct dialed d = { 0 };
	struct dial *dl;

	for (int turns = 0; turns < 8; turns++) {
		d.done = false;
		dl = dial_start(w, r, &s, 20 * USEC_PER_SEC, done, &d);
		for (int i = 0; i < turns && !d.done; i++)
			event_base_loop(worker_base(w), i % 2 ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
		if (d.done) {
			close(d.fd);
			continue;
		}
		dial_cancel(dl);
		event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
		ck_assert(!d.done);
	}
}
END_TEST

static void
setup_alone(void)
{
	/* A network of our own has no addresses, not even ::1. */
	if (unshare(CLONE_NEWNET) != 0)
		(void)unshare(CLONE_NEWUSER | CLONE_NEWNET);
	port = 1;
	w = worker_new(0, NULL);
	ck_assert_ptr_nonnull(w);
	r = resolver_new_from(w, "/dev/null", 53);
}

static void
teardown_alone(void)
{
	resolver_free(r);
	worker_free(w);
}

/* As where IPv6 is off: what the system says then is what it says when no port is left, too. */
START_TEST(no_address_to_connect_from)
{
	ck_assert_int_eq(dial("::1", 20 * USEC_PER_SEC).result, DIAL_REFUSED);
}
END_TEST

static Suite *
dial_suite(void)
{
	Suite *s = suite_create("dial");
	TCase *tc = tcase_create("dial");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_next_address_is_tried);
	tcase_add_test(tc, all_refuse);
	tcase_add_test(tc, names_without_an_answer);
	tcase_add_test(tc, cancel_after_each_turn);
	suite_add_tcase(s, tc);
	tc = tcase_create("alone");
	tcase_add_checked_fixture(tc, setup_alone, teardown_alone);
	tcase_add_test(tc, no_address_to_connect_from);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(dial_suite)
