/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name server is an event in the resolver's own loop: it answers when the test lets the loop
 * turn, and its counts need no lock.  The clock is steered here; the loop's timers are real.
 */
#include "upstream/resolve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/contract.h"
#include "base/log.h"

#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define DNS_A		1
#define DNS_CNAME	5
#define DNS_AAAA	28

static usec_t offset;

usec_t
clock_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (usec_t)ts.tv_sec * SEC + ts.tv_nsec / 1000 + offset;
}

struct now
clock_now(void)
{
	return (struct now){ .mono = clock_mono(), .wall = clock_mono() };
}

static struct worker *w;
static struct resolver *r;

/* --- the name server --- */

enum how { ANSWERS, NODATA, NXNAME, SERVFAIL, REFUSES, SILENT, TRASH, TRUNCATED };

/* What is said of one family. */
struct side {
	enum how	 how;
	const char	*addrs[3];
	uint32_t	 ttl;
	uint32_t	 cname_ttl;	/* not 0: by way of another name */
	unsigned	 asked;
};

static struct side a, aaaa;
static int ns_fd, ns_listener;
static uint16_t ns_port;
static struct event *ns_event;
static char ns_conf[64], hosts[64];
static const struct trash *trash;

struct packet {
	unsigned char	 p[1024];
	size_t		 n;
};

static void
put(struct packet *k, const void *p, size_t n)
{
	ck_assert_uint_le(k->n + n, sizeof k->p);
	memcpy(k->p + k->n, p, n);
	k->n += n;
}

/* name, type, IN, TTL, length, data */
static void
put_record(struct packet *k, const char *name, uint16_t type, uint32_t ttl, const void *data,
    uint16_t n)
{
	unsigned char fixed[10] = { (unsigned char)(type >> 8), (unsigned char)type, 0, 1,
	    (unsigned char)(ttl >> 24), (unsigned char)(ttl >> 16), (unsigned char)(ttl >> 8),
	    (unsigned char)ttl, (unsigned char)(n >> 8), (unsigned char)n };

	put(k, name, strlen(name));
	put(k, fixed, sizeof fixed);
	put(k, data, n);
	k->p[7]++;
}

static void
put_answer(struct packet *k, const struct side *s, uint16_t type)
{
	static const char alias[] = "\3etc\4test";	/* with its NUL */
	unsigned char addr[16];
	char name[3] = "\xc0\x0c";	/* where the question has it */

	if (s->cname_ttl > 0) {
		put_record(k, name, DNS_CNAME, s->cname_ttl, alias, sizeof alias);
		name[1] = (char)(k->n - sizeof alias);
	}
	for (unsigned i = 0; i < 3 && s->addrs[i] != NULL; i++) {
		ck_assert_int_eq(inet_pton(type == DNS_A ? AF_INET : AF_INET6, s->addrs[i], addr),
		    1);
		put_record(k, name, type, s->ttl, addr,
		    type == DNS_A ? 4 : 16);
	}
}

/* Answers that are none; q: the length of the question, with its head. */
static const struct trash {
	const char	*what;
	size_t		 keep;		/* of the question; 0: all */
	unsigned char	 records;	/* as the head has it */
	const char	*tail;
	size_t		 n;
} trashes[] = {
	{ "nothing", 1, 0, "", 0 },
	{ "half a head", 7, 0, "", 0 },
	{ "half a question", 14, 1, "", 0 },
	{ "no record where one is announced", 0, 1, "", 0 },
	{ "a name that points at itself", 0, 1, "\xc0\x18\0\1\0\1\0\0\0\5\0\4abcd", 16 },
	{ "a name that points past the end", 0, 1, "\xff\xff\0\1\0\1\0\0\0\5\0\4abcd", 16 },
	{ "half a record", 0, 1, "\xc0\x0c\0\1\0\1\0\0", 8 },
	{ "more data announced than there is", 0, 1, "\xc0\x0c\0\1\0\1\0\0\0\5\xff\xffwxyz", 16 },
	{ "a label without an end", 0, 1, "\x3fxyz", 4 },
	{ "255 records announced", 0, 255, "\xc0\x0c\0\1\0\1\0\0\0\5\0\4wxyz", 16 },
};

static void
put_trash(struct packet *k)
{
	if (trash->keep > 0)
		k->n = trash->keep;
	k->p[7] = trash->records;
	put(k, trash->tail, trash->n);
}

static void
ns_ready(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	struct packet k = { .n = 0 };
	ssize_t n = recvfrom(fd, k.p, 512, 0, (struct sockaddr *)&from, &len);
	struct side *s;

	(void)what;
	(void)arg;
	ck_assert_int_gt(n, 16);
	k.n = (size_t)n;
	/* NAME.test; what the search list makes of it is nobody's. */
	if (strcasecmp((char *)&k.p[12 + 1 + k.p[12]], "\4test") != 0) {
		k.p[2] = 0x81;
		k.p[3] = 0x83;
		sendto(fd, k.p, k.n, 0, (struct sockaddr *)&from, len);
		return;
	}
	s = k.p[n - 3] == DNS_A ? &a : &aaaa;
	s->asked++;
	if (s->how == SILENT)
		return;
	k.p[2] = 0x81 | (s->how == TRUNCATED ? 2 : 0);
	k.p[3] = 0x80 | (s->how == NXNAME ? 3 : s->how == SERVFAIL ? 2 : s->how == REFUSES ? 5 :
	    0);
	if (s->how == ANSWERS)
		put_answer(&k, s, k.p[n - 3]);
	else if (s->how == TRASH)
		put_trash(&k);
	sendto(fd, k.p, k.n, 0, (struct sockaddr *)&from, len);
}

/* Over TCP, one question, by hand: first the length of the answer, then the rest. */
static void
ns_tcp_answer(const struct side *s)
{
	struct packet k = { .n = 0 };
	unsigned char length[2];
	int fd;

	while ((fd = accept(ns_listener, NULL, NULL)) < 0)
		event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
	while (recv(fd, length, 2, MSG_PEEK | MSG_DONTWAIT) < 2)
		event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
	ck_assert_int_eq(recv(fd, length, 2, 0), 2);
	k.n = (size_t)(length[0] << 8 | length[1]);
	ck_assert_uint_le(k.n, 512);
	ck_assert_int_eq(recv(fd, k.p, k.n, MSG_WAITALL), k.n);
	k.p[2] = 0x81;
	k.p[3] = 0x80;
	put_answer(&k, s, DNS_A);
	length[0] = 0;
	length[1] = (unsigned char)k.n;
	ck_assert_int_eq(send(fd, length, 2, 0), 2);
	event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
	ck_assert_int_eq(send(fd, k.p, k.n, 0), k.n);
	event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
	close(fd);
}

static void
says(struct side *s, enum how how, const char *addr, uint32_t ttl)
{
	*s = (struct side){ .how = how, .addrs = { addr }, .ttl = ttl, .asked = s->asked };
}

static void
check_asked(unsigned n4, unsigned n6)
{
	ck_assert_uint_eq(a.asked, n4);
	ck_assert_uint_eq(aaaa.asked, n6);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* --- the asker --- */

struct asked {
	unsigned	 answers;
	bool		 known;
	char		 addrs[1024];	/* "address:port address:port …" */
	const char	*error;
};

/* A port that is free for both. */
static void
bind_sockets(void)
{
	for (;;) {
		struct sockaddr_in sin = { .sin_family = AF_INET };
		socklen_t n = sizeof sin;

		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		ck_assert_int_eq(bind(ns_fd, (struct sockaddr *)&sin, sizeof sin), 0);
		ck_assert_int_eq(getsockname(ns_fd, (struct sockaddr *)&sin, &n), 0);
		ns_port = ntohs(sin.sin_port);
		ns_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (bind(ns_listener, (struct sockaddr *)&sin, sizeof sin) == 0)
			break;
		close(ns_fd);
		close(ns_listener);
	}
	ck_assert_int_eq(listen(ns_listener, 8), 0);
}

static void
setup(void)
{
	log_set_level(LOG_ERROR);
	offset = 0;
	w = worker_new(0, NULL);
	ck_assert_ptr_nonnull(w);
	bind_sockets();
	ns_event = event_new(worker_base(w), ns_fd, EV_READ | EV_PERSIST, ns_ready, NULL);
	event_add(ns_event, NULL);
	strcpy(ns_conf, "/tmp/corral-resolve-XXXXXX");
	close(mkstemp(ns_conf));
	write_file(ns_conf, "nameserver 127.0.0.1\nsearch test\n");
	strcpy(hosts, "/tmp/corral-hosts-XXXXXX");
	close(mkstemp(hosts));
	write_file(hosts, "127.0.0.1 localhost\n");
	setenv("CARES_HOSTS", hosts, 1);
	a.asked = aaaa.asked = 0;
	says(&a, ANSWERS, "192.0.2.7", 9);
	says(&aaaa, NODATA, NULL, 0);
	r = resolver_new_from(w, ns_conf, ns_port);
	ck_assert_ptr_nonnull(r);
}

static void
teardown(void)
{
	resolver_free(r);
	event_free(ns_event);
	close(ns_fd);
	close(ns_listener);
	worker_free(w);
	unlink(ns_conf);
	unlink(hosts);
}

static void
answer(void *arg, struct addrinfo *res, const char *error)
{
	struct asked *to = arg;
	char host[INET6_ADDRSTRLEN], port[8];

	to->answers++;
	to->known = res != NULL;
	to->error = error;
	to->addrs[0] = '\0';
	ck_assert((res == NULL) == (error != NULL));
	for (struct addrinfo *ai = res; ai != NULL; ai = ai->ai_next) {
		size_t n = strlen(to->addrs);

		ck_assert_int_eq(ai->ai_socktype, SOCK_STREAM);
		ck_assert_int_eq(getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof host, port,
		    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV), 0);
		snprintf(to->addrs + n, sizeof to->addrs - n, "%s%s:%s", n > 0 ? " " : "", host,
		    port);
	}
	free(res);
}

static void
turn(void)
{
	event_base_loop(worker_base(w), EVLOOP_ONCE);
}

static struct asked
ask_of(struct resolver *of, const char *host)
{
	struct asked to = { 0 };

	resolve_start(of, host, 8080, answer, &to);
	ck_assert_uint_eq(to.answers, 0);
	while (to.answers == 0)
		turn();
	return to;
}

static void
check_addrs(const char *host, const char *addrs)
{
	struct asked to = ask_of(r, host);

	ck_assert_msg(to.known && strcmp(to.addrs, addrs) == 0, "%s: %s", host,
	    to.known ? to.addrs : to.error);
}

static void
check_error(const char *host, const char *error)
{
	struct asked to = ask_of(r, host);

	ck_assert_msg(!to.known && strcmp(to.error, error) == 0, "%s: %s", host,
	    to.known ? to.addrs : to.error);
}

/* Until every question has ended: the sockets of the resolver are closed then. */
static void
settle(void)
{
	/* The worker's mailbox and the name server. */
	while (event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED) > 2)
		turn();
}

/* --- the tests --- */

START_TEST(literals_and_hosts_need_no_server)
{
	static const char *const confs[] = { "/nonexistent/resolv.conf", "/dev/null" };
	struct resolver *other = resolver_new_from(w, confs[_i], ns_port);
	struct asked to;

	ck_assert_ptr_nonnull(other);
	ck_assert_str_eq(ask_of(other, "192.0.2.1").addrs, "192.0.2.1:8080");
	ck_assert_str_eq(ask_of(other, "::1").addrs, "::1:8080");
	ck_assert_str_eq(ask_of(other, "2001:db8::2").addrs, "2001:db8::2:8080");
	to = ask_of(other, "localhost");
	ck_assert(to.known);
	ck_assert_ptr_nonnull(strstr(to.addrs, "127.0.0.1:8080"));
	resolver_free(other);
	/* The system's, whatever it is. */
	other = resolver_new(w);
	ck_assert_ptr_nonnull(strstr(ask_of(other, "localhost").addrs, "127.0.0.1:8080"));
	resolver_free(other);
	resolver_free(NULL);
}
END_TEST

START_TEST(the_hosts_file_is_read_again_soon)
{
	write_file(hosts, "192.0.2.1 box.test\n2001:db8::1 box.test\n");
	ck_assert_ptr_nonnull(strstr(ask_of(r, "box.test").addrs, "192.0.2.1:8080"));
	ck_assert_ptr_nonnull(strstr(ask_of(r, "BOX.test").addrs, "2001:db8::1:8080"));
	write_file(hosts, "192.0.2.2 box.test\n");
	offset += 4 * SEC;
	ck_assert_ptr_nonnull(strstr(ask_of(r, "box.test").addrs, "192.0.2.1:8080"));
	offset += 2 * SEC;
	check_addrs("box.test", "192.0.2.2:8080");
	check_asked(0, 0);
	/* Out of the file: now it is the name server's.  It doesn't know of the other family. */
	write_file(hosts, "\n");
	offset += 6 * SEC;
	check_addrs("box.test", "192.0.2.7:8080");
	check_asked(1, 1);
}
END_TEST

START_TEST(both_families)
{
	struct asked to;

	check_addrs("x.test", "192.0.2.7:8080");
	says(&aaaa, ANSWERS, "2001:db8::7", 9);
	to = ask_of(r, "y.test");
	ck_assert_ptr_nonnull(strstr(to.addrs, "192.0.2.7:8080"));
	ck_assert_ptr_nonnull(strstr(to.addrs, "2001:db8::7:8080"));
	says(&a, NODATA, NULL, 0);
	check_addrs("z.test", "2001:db8::7:8080");
	/* The search list. */
	check_addrs("z", "2001:db8::7:8080");
}
END_TEST

START_TEST(addresses_keep_their_order)
{
	a.addrs[0] = "192.0.2.3";
	a.addrs[1] = "192.0.2.1";
	a.addrs[2] = "192.0.2.2";
	for (int i = 0; i < 3; i++)
		check_addrs("x.test", "192.0.2.3:8080 192.0.2.1:8080 192.0.2.2:8080");
}
END_TEST

START_TEST(a_long_answer_comes_over_tcp)
{
	static const struct side whole = { .addrs = { "192.0.2.1", "192.0.2.2" }, .ttl = 9 };
	struct asked to = { 0 };

	says(&a, TRUNCATED, NULL, 0);
	resolve_start(r, "x.test", 8080, answer, &to);
	ns_tcp_answer(&whole);
	while (to.answers == 0)
		turn();
	ck_assert_str_eq(to.addrs, "192.0.2.1:8080 192.0.2.2:8080");
	settle();
}
END_TEST

static const struct ttl_case {
	uint32_t	 ttl, ttl6, cname_ttl;
	usec_t		 kept;
} ttls[] = {
	{ 30, 0, 0, 30 * SEC },
	{ 0, 0, 0, SEC },
	{ 90000, 0, 0, 3600 * SEC },
	{ 0x80000000u, 0, 0, SEC },
	{ 0xffffffffu, 0, 0, SEC },
	{ 30, 8, 0, 8 * SEC },
	{ 8, 30, 0, 8 * SEC },
	{ 30, 0, 4, 4 * SEC },
};

START_TEST(asked_again_after_the_ttl_and_not_before)
{
	const struct ttl_case *c = &ttls[_i];

	says(&a, ANSWERS, "192.0.2.7", c->ttl);
	a.cname_ttl = c->cname_ttl;
	if (c->ttl6 > 0)
		says(&aaaa, ANSWERS, "::1", c->ttl6);
	ck_assert(ask_of(r, "x.test").known);
	check_asked(1, 1);
	offset += c->kept - SEC / 2;
	ck_assert(ask_of(r, "x.test").known);
	check_asked(1, 1);
	offset += SEC / 2;
	a.addrs[0] = "192.0.2.8";
	ck_assert_ptr_nonnull(strstr(ask_of(r, "x.test").addrs, "192.0.2.8:8080"));
	check_asked(2, 2);
}
END_TEST

static const struct fail_case {
	const char	*name;
	enum how	 how4, how6;
} fails[] = {
	{ "both fail", SERVFAIL, SERVFAIL },
	{ "both refused", REFUSES, REFUSES },
	{ "silence", SILENT, SILENT },
	{ "A fails, AAAA has no data", SERVFAIL, NODATA },
	{ "A silent, AAAA has no data", SILENT, NODATA },
	{ "A fails, AAAA answers", SERVFAIL, ANSWERS },
};

START_TEST(a_failure_keeps_the_old_addresses)
{
	check_addrs("x.test", "192.0.2.7:8080");
	says(&a, fails[_i].how4, "192.0.2.8", 9);
	says(&aaaa, fails[_i].how6, "2001:db8::8", 9);
	offset += 10 * SEC;
	for (int i = 0; i < 2; i++) {
		unsigned n = a.asked;

		/* One pause long nothing is asked. */
		check_addrs("x.test", "192.0.2.7:8080");
		settle();
		ck_assert_uint_gt(a.asked, n);
		n = a.asked;
		check_addrs("x.test", "192.0.2.7:8080");
		settle();
		ck_assert_uint_eq(a.asked, n);
		offset += SEC;
	}
	/* Back again. */
	says(&a, ANSWERS, "192.0.2.9", 9);
	says(&aaaa, NODATA, NULL, 0);
	check_addrs("x.test", "192.0.2.7:8080");
	settle();
	check_addrs("x.test", "192.0.2.9:8080");
	/* An hour of it, and they are too old. */
	says(&a, SERVFAIL, NULL, 0);
	says(&aaaa, SERVFAIL, NULL, 0);
	offset += 3608 * SEC;
	check_addrs("x.test", "192.0.2.9:8080");
	settle();
	offset += 2 * SEC;
	check_error("x.test", "the name server did not answer");
}
END_TEST

START_TEST(an_answer_without_its_other_family_is_doubted)
{
	says(&aaaa, ANSWERS, "2001:db8::7", 9);
	ck_assert_ptr_nonnull(strstr(ask_of(r, "x.test").addrs, "192.0.2.7:8080"));
	/* It is really gone. */
	says(&aaaa, NODATA, NULL, 0);
	offset += 10 * SEC;
	check_addrs("x.test", "192.0.2.7:8080");
	check_asked(2, 3);
	offset += 10 * SEC;
	check_addrs("x.test", "192.0.2.7:8080");
	check_asked(3, 4);
	/* All is gone. */
	says(&a, NODATA, NULL, 0);
	offset += 10 * SEC;
	check_error("x.test", "the name has no address");
	check_asked(5, 5);
}
END_TEST

START_TEST(no_such_name_is_an_answer)
{
	check_addrs("x.test", "192.0.2.7:8080");
	says(&a, NXNAME, NULL, 0);
	says(&aaaa, NXNAME, NULL, 0);
	offset += 10 * SEC;
	check_error("x.test", "the name has no address");
	check_asked(2, 2);
	check_error("x.test", "the name has no address");
	check_asked(2, 2);
	offset += SEC;
	check_error("x.test", "the name has no address");
	check_asked(3, 3);
	says(&a, ANSWERS, "192.0.2.8", 9);
	offset += SEC;
	check_addrs("x.test", "192.0.2.8:8080");
}
END_TEST

START_TEST(a_failure_with_nothing_known_is_an_error_for_a_second)
{
	says(&a, SERVFAIL, NULL, 0);
	says(&aaaa, SERVFAIL, NULL, 0);
	check_error("x.test", "the name server did not answer");
	says(&a, ANSWERS, "192.0.2.8", 9);
	check_error("x.test", "the name server did not answer");
	offset += SEC;
	check_addrs("x.test", "192.0.2.8:8080");
}
END_TEST

START_TEST(nobody_waits_long_where_old_addresses_are)
{
	usec_t before;

	check_addrs("x.test", "192.0.2.7:8080");
	says(&a, SILENT, NULL, 0);
	offset += 10 * SEC;
	before = clock_mono();
	check_addrs("x.test", "192.0.2.7:8080");
	ck_assert_int_ge(clock_mono() - before, 200 * USEC_PER_MSEC);
	/* Its question is running still: less than the 1.5 s that it takes to fail. */
	ck_assert_int_gt(event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED), 2);
	/* A late answer counts. */
	says(&a, ANSWERS, "192.0.2.8", 9);
	settle();
	check_addrs("x.test", "192.0.2.8:8080");
}
END_TEST

START_TEST(a_lost_aaaa_does_not_lose_the_a)
{
	says(&aaaa, SILENT, NULL, 0);
	check_addrs("x.test", "192.0.2.7:8080");
	check_asked(1, 2);
}
END_TEST

START_TEST(who_asks_the_same_shares_one_question)
{
	struct asked to[6] = { { 0 } };
	struct resolve *q[6];

	for (int i = 0; i < 6; i++)
		q[i] = resolve_start(r, i % 2 ? "x.test" : "X.TEST", (uint16_t)(80 + i), answer,
		    &to[i]);
	resolve_cancel(q[0]);
	resolve_cancel(q[3]);
	while (to[5].answers == 0)
		turn();
	for (int i = 0; i < 6; i++) {
		char want[32];

		snprintf(want, sizeof want, "192.0.2.7:%d", 80 + i);
		if (i == 0 || i == 3)
			ck_assert_uint_eq(to[i].answers, 0);
		else
			ck_assert_str_eq(to[i].addrs, want);
	}
	check_asked(1, 1);
}
END_TEST

START_TEST(a_question_outlives_its_asker)
{
	struct asked to = { 0 };

	resolve_cancel(resolve_start(r, "x.test", 80, answer, &to));
	settle();
	check_asked(1, 1);
	check_addrs("x.test", "192.0.2.7:8080");
	check_asked(1, 1);
	ck_assert_uint_eq(to.answers, 0);
}
END_TEST

START_TEST(a_cancelled_question_is_not_answered)
{
	static const struct {
		const char	*host;
		enum how	 how;
		usec_t		 later;
	} cases[] = {
		{ "192.0.2.1", ANSWERS, 0 },
		{ "localhost", ANSWERS, 0 },
		{ "x.test", ANSWERS, 0 },	/* fresh */
		{ "x.test", ANSWERS, 10 * SEC },
		{ "x.test", SERVFAIL, 10 * SEC },
		{ "x.test", SILENT, 10 * SEC },
		{ "y.test", ANSWERS, 0 },
		{ "y.test", SILENT, 0 },
	};
	struct resolve *q;

	check_addrs("x.test", "192.0.2.7:8080");
	for (int turns = 0; turns < 6; turns++) {
		struct asked to = { 0 };

		a.how = cases[_i].how;
		offset += cases[_i].later;
		q = resolve_start(r, cases[_i].host, 1, answer, &to);
		for (int i = 0; i < turns && to.answers == 0; i++)
			event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
		if (to.answers == 0)
			resolve_cancel(q);
		to.answers = 0;
		for (int i = 0; i < 3; i++)
			event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
		ck_assert_uint_eq(to.answers, 0);
	}
	/* teardown() frees the resolver, with questions pending or not. */
}
END_TEST

/* Half of the answer is there when it is freed: c-ares calls that a success. */
START_TEST(freed_with_questions_pending)
{
	struct asked to = { 0 };
	struct resolve *q;

	says(&aaaa, _i == 0 ? SILENT : ANSWERS, "2001:db8::7", 9);
	if (_i == 1) {
		ck_assert(ask_of(r, "x.test").known);
		offset += 10 * SEC;
		says(&aaaa, SILENT, NULL, 0);
	}
	q = resolve_start(r, "x.test", 80, answer, &to);
	for (int i = 0; i < 5; i++)
		event_base_loop(worker_base(w), EVLOOP_NONBLOCK);
	resolve_cancel(q);
	ck_assert_uint_ge(a.asked, 1);
	resolver_free(r);
	ck_assert_int_eq(event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED), 2);
	r = resolver_new_from(w, ns_conf, ns_port);
	ck_assert_uint_eq(to.answers, 0);
}
END_TEST

START_TEST(trash_is_a_failure)
{
	struct asked to = { 0 };

	trash = &trashes[_i];
	check_addrs("x.test", "192.0.2.7:8080");
	a.how = aaaa.how = TRASH;
	offset += 10 * SEC;
	resolve_start(r, "y.test", 1, answer, &to);
	check_addrs("x.test", "192.0.2.7:8080");
	while (to.answers == 0)
		turn();
	ck_assert(!to.known);
	settle();
	check_addrs("x.test", "192.0.2.7:8080");
}
END_TEST

START_TEST(the_oldest_names_are_forgotten)
{
	char host[32];

	says(&a, ANSWERS, "192.0.2.7", 3000);
	for (int i = 0; i < 300; i++) {
		snprintf(host, sizeof host, "n%d.test", i);
		check_addrs(host, "192.0.2.7:8080");
		check_addrs("always.test", "192.0.2.7:8080");
	}
	check_asked(301, 301);
	check_addrs("n299.test", "192.0.2.7:8080");
	check_addrs("n60.test", "192.0.2.7:8080");
	check_asked(301, 301);
	check_addrs("n0.test", "192.0.2.7:8080");
	check_asked(302, 302);
}
END_TEST

START_TEST(more_addresses_than_anyone_tries)
{
	char line[64];
	FILE *f = fopen(hosts, "w");
	struct asked to;
	unsigned n = 1;

	for (int i = 1; i <= 40; i++) {
		snprintf(line, sizeof line, "192.0.2.%d many.test\n", i);
		fputs(line, f);
	}
	fclose(f);
	to = ask_of(r, "many.test");
	for (const char *p = to.addrs; (p = strchr(p, ' ')) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, 16);
}
END_TEST

START_TEST(an_idle_resolver_keeps_no_loop_alive)
{
	/* What is left in the loop is the worker's mailbox and the name server. */
	ck_assert_int_eq(event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED), 2);
	check_addrs("x.test", "192.0.2.7:8080");
	ck_assert_int_eq(event_base_get_num_events(worker_base(w), EVENT_BASE_COUNT_ADDED), 2);
}
END_TEST

static Suite *
resolve_suite(void)
{
	Suite *s = suite_create("resolve");
	TCase *tc = tcase_create("resolve");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, literals_and_hosts_need_no_server, 0, 2);
	tcase_add_test(tc, the_hosts_file_is_read_again_soon);
	tcase_add_test(tc, both_families);
	tcase_add_test(tc, addresses_keep_their_order);
	tcase_add_test(tc, a_long_answer_comes_over_tcp);
	tcase_add_loop_test(tc, asked_again_after_the_ttl_and_not_before, 0,
	    sizeof ttls / sizeof *ttls);
	tcase_add_loop_test(tc, a_failure_keeps_the_old_addresses, 0,
	    sizeof fails / sizeof *fails);
	tcase_add_test(tc, an_answer_without_its_other_family_is_doubted);
	tcase_add_test(tc, no_such_name_is_an_answer);
	tcase_add_test(tc, a_failure_with_nothing_known_is_an_error_for_a_second);
	tcase_add_test(tc, nobody_waits_long_where_old_addresses_are);
	tcase_add_test(tc, a_lost_aaaa_does_not_lose_the_a);
	tcase_add_test(tc, who_asks_the_same_shares_one_question);
	tcase_add_test(tc, a_question_outlives_its_asker);
	tcase_add_loop_test(tc, a_cancelled_question_is_not_answered, 0, 8);
	tcase_add_loop_test(tc, freed_with_questions_pending, 0, 2);
	tcase_add_loop_test(tc, trash_is_a_failure, 0, sizeof trashes / sizeof *trashes);
	tcase_add_test(tc, the_oldest_names_are_forgotten);
	tcase_add_test(tc, more_addresses_than_anyone_tries);
	tcase_add_test(tc, an_idle_resolver_keeps_no_loop_alive);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(resolve_suite)
