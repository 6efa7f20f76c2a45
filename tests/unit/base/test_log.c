/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: levels, escaping, JSON, one write a line, the rate limit.  Time is steered here. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

/* Each test begins past the windows of the last, so it can share a process with it. */
static usec_t beginning = 1000 * USEC_PER_SEC;
static struct now test_now;

struct now
clock_now(void)
{
	return test_now;
}

usec_t
clock_mono(void)
{
	return test_now.mono;
}

/* ---- standard error into a pipe that keeps the borders between writes ---- */

static int packets, real_stderr;

static void
catch_begin(void)
{
	int fds[2];

	/* O_DIRECT: each write is a packet, so two writes for one line would show. */
	ck_assert_int_eq(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
	packets = fds[0];
	real_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	beginning += 1000 * USEC_PER_SEC;
	test_now = (struct now){ .mono = beginning, .wall = 86400 * USEC_PER_SEC + 1500 };
	log_set_level(LOG_INFO);
	log_set_json(false);
}

static void
catch_end(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(packets);
}

static const char *
next_line(void)
{
	static char line[16384];
	ssize_t n = read(packets, line, sizeof line - 1);

	if (n < 0)
		return NULL;
	line[n] = '\0';
	return line;
}

#define EXPECT(text)	ck_assert_pstr_eq(next_line(), text)

START_TEST(text_lines)
{
	log_info("listening on %s", "127.0.0.1:8080");
	EXPECT("corral: info: listening on 127.0.0.1:8080\n");
	log_error("no");
	EXPECT("corral: error: no\n");
	log_warn("hm");
	EXPECT("corral: warn: hm\n");
	EXPECT(NULL);
}
END_TEST

START_TEST(levels)
{
	log_debug("unheard");
	EXPECT(NULL);
	log_set_level(LOG_DEBUG);
	log_debug("heard");
	EXPECT("corral: debug: heard\n");
	log_set_level(LOG_ERROR);
	log_warn("unheard");
	EXPECT(NULL);
}
END_TEST

START_TEST(peers_bytes_are_escaped)
{
	log_info("from %s.", "a\nb\r\t\x1b[31m\\\x7f\xc3\xa9\"");
	EXPECT("corral: info: from a\\nb\\r\\t\\x1b[31m\\\\\\x7f\\xc3\\xa9\".\n");
}
END_TEST

START_TEST(json_lines)
{
	log_set_json(true);
	log_warn("from %s.", "a\n\"\\");
	EXPECT("{\"time\":\"1970-01-02T00:00:00.001500Z\",\"level\":\"warn\","
	    "\"msg\":\"from a\\\\n\\\"\\\\\\\\.\"}\n");
}
END_TEST

START_TEST(long_messages_are_cut)
{
	static char flood[10000];
	const char *line;

	memset(flood, '\\', sizeof flood - 1);
	log_info("%s", flood);
	line = next_line();
	ck_assert_uint_eq(strlen(line), strlen("corral: info: \n") + 2 * 764 + 3);
	ck_assert_str_eq(line + strlen(line) - 6, "\\\\...\n");
	memset(flood, '\x01', sizeof flood - 1);
	log_set_json(true);
	log_info("%s", flood);
	line = next_line();
	ck_assert_str_eq(line + strlen(line) - 6, "...\"}\n");
	EXPECT(NULL);
}
END_TEST

static void
failing(int i)
{
	log_error("backend %d failed", i);
}

START_TEST(repeats_are_held_back)
{
	char line[64];

	for (int i = 0; i < 25; i++)
		failing(i);
	for (int i = 0; i < 10; i++) {
		snprintf(line, sizeof line, "corral: error: backend %d failed\n", i);
		EXPECT(line);
	}
	EXPECT(NULL);
	log_info("another is not");
	EXPECT("corral: info: another is not\n");

	test_now.mono += 10 * USEC_PER_SEC - 1;
	failing(25);
	EXPECT(NULL);
	test_now.mono += 1;
	log_info("another reports them");
	EXPECT("corral: error: 16 more were held back that are like this one: backend 9 failed\n");
	EXPECT("corral: info: another reports them\n");
	failing(26);
	EXPECT("corral: error: backend 26 failed\n");
	EXPECT(NULL);
}
END_TEST

static void *
shout(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		failing(1);
	return NULL;
}

START_TEST(threads_share_the_limit)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, shout, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 10; i++)
		EXPECT("corral: error: backend 1 failed\n");
	EXPECT(NULL);
	test_now.mono += 10 * USEC_PER_SEC;
	log_info("later");
	EXPECT("corral: error: 3990 more were held back that are like this one: "
	    "backend 1 failed\n");
	EXPECT("corral: info: later\n");
}
END_TEST

START_TEST(errno_is_kept_and_read)
{
	errno = ENOENT;
	log_info("open: %m");
	ck_assert_int_eq(errno, ENOENT);
	EXPECT("corral: info: open: No such file or directory\n");
}
END_TEST

static Suite *
log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, catch_begin, catch_end);
	tcase_add_test(tc, text_lines);
	tcase_add_test(tc, levels);
	tcase_add_test(tc, peers_bytes_are_escaped);
	tcase_add_test(tc, json_lines);
	tcase_add_test(tc, long_messages_are_cut);
	tcase_add_test(tc, repeats_are_held_back);
	tcase_add_test(tc, threads_share_the_limit);
	tcase_add_test(tc, errno_is_kept_and_read);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(log_suite)
