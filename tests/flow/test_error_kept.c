/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error_ttl: a failure is the answer for those who come in the next moment, so a backend that is
 * down sees one try for each key and pause.  So is an error of the backend's about which it says
 * nothing, and only that.  Where there is something stale, that is the answer.
 */
#include "tests/lib/flow.h"

#define SECOND	INT64_C(1000000)
#define CLIENTS	10u
#define ROUNDS	5

/* Everyone asks, at one time. */
static void
all_get(struct herd *h, const char *path, const char *fields, int status)
{
	herd_ask(h, path, fields);
	herd_wait(h);
	ck_assert_msg(herd_count(h, status) == CLIENTS, "%s: %u of %u have %d; %s", path,
	    herd_count(h, status), CLIENTS, status, herd_answer(h, 0)->head);
}

/* The breaker would spare the backend anyhow. */
static struct daemon *
start(struct origin *o, const char *error_ttl)
{
	return daemon_start_steered("workers: 2\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    retries: 0\n    breaker: off\nroutes:\n- match: { path: /off }\n"
	    "  error_ttl: off\n- %s\n", origin_url(o), error_ttl);
}

/* One try for the key, for so long. */
static void
one_try(struct daemon *d, struct herd *h, const char *path, const char *fields)
{
	int64_t before = daemon_stat(d, "upstream_errors"), kept = daemon_stat(d, "kept_errors");

	all_get(h, path, "", 502);
	for (int i = 0; i < ROUNDS; i++) {
		all_get(h, path, fields, 502);
		ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "detail=connect"), CLIENTS);
		ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "fwd="), 0);
	}
	ck_assert_int_eq(daemon_stat(d, "upstream_errors"), before + 1);
	ck_assert_int_ge(daemon_stat(d, "kept_errors"), kept + ROUNDS * (int64_t)CLIENTS);
}

static void
refused(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "error_ttl: 100s");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	struct answer *a;
	int64_t kept;

	origin_answer(o, .path = "/*", .text = "hello", .framing = ORIGIN_CLOSE,
	    .fields = "Cache-Control: max-age=10\r\n");
	ck_assert_int_eq(client_status(daemon_addr(d), "/stored", ""), 200);
	daemon_wait_stat(d, "flights", 0);
	origin_refuse(o);
	one_try(d, h, "/one", "");
	/* A cookie is no way to get at it: the failure has nothing to do with who asks. */
	one_try(d, h, "/two", "Cookie: a=b\r\n");
	daemon_advance_clock(d, 101 * SECOND);
	one_try(d, h, "/one", "");
	daemon_wait_stat(d, "error", 3 * (ROUNDS + 1) * (int64_t)CLIENTS);

	kept = daemon_stat(d, "kept_errors");
	for (int i = 0; i < ROUNDS; i++) {
		all_get(h, "/stored", "", 200);
		ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "stale-if-error"), CLIENTS);
	}
	ck_assert_int_eq(daemon_stat(d, "upstream_errors"), 4);
	ck_assert_int_eq(daemon_stat(d, "kept_errors"), kept);

	for (int i = 0; i < ROUNDS; i++)
		ck_assert_int_eq(client_status(daemon_addr(d), "/off", ""), 502);
	ck_assert_int_eq(daemon_stat(d, "upstream_errors"), 4 + ROUNDS);

	/* What would change something is never answered by what has been. */
	a = client_exchangef(daemon_addr(d), "POST /one HTTP/1.1\r\nHost: test\r\n"
	    "Connection: close\r\nContent-Length: 0\r\n\r\n");
	ck_assert_int_eq(a->status, 502);
	ck_assert_msg(answer_says(a, "Cache-Status", "fwd=method"), "%s", a->head);
	answer_free(a);
	ck_assert_int_eq(daemon_stat(d, "upstream_errors"), 5 + ROUNDS);

	/* It is back: the first try after the pause finds out. */
	origin_accept(o);
	all_get(h, "/one", "", 502);
	daemon_advance_clock(d, 101 * SECOND);
	all_get(h, "/one", "", 200);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

/* By default it is a second. */
static void
by_default(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "{}");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	int64_t since = test_now();

	origin_refuse(o);
	for (int64_t i = 1; i <= ROUNDS; i++) {
		all_get(h, "/p", "", 502);
		all_get(h, "/p", "", 502);
		ck_assert_int_ge(daemon_stat(d, "upstream_errors"), i);
		/* The clock goes on by itself, too. */
		ck_assert_int_le(daemon_stat(d, "upstream_errors"),
		    i + (test_now() - since) / SECOND);
		daemon_advance_clock(d, SECOND);
	}
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

static const struct {
	const char	*path;
	int		 status;
	const char	*fields;
	const char	*asked;		/* by the first client */
	bool		 kept;
} errors[] = {
	{ "/500", 500, "", "", true },
	{ "/502", 502, "", "", true },
	{ "/503", 503, "Retry-After: 7\r\n", "", true },
	{ "/504", 504, "", "", true },
	{ "/cookie", 500, "", "Cookie: a=b\r\n", false },
	{ "/no-store", 500, "Cache-Control: no-store\r\n", "", false },
	{ "/zero", 500, "Cache-Control: max-age=0\r\n", "", false },
	{ "/tag", 500, "ETag: \"a\"\r\n", "", false },
	{ "/404", 404, "", "", false },
	{ "/501", 501, "", "", false },
	{ "/off", 500, "", "", false },
};
#define ERRORS	(sizeof errors / sizeof errors[0])

static void
answered(void)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o, "error_ttl: 100s");
	struct herd *h = herd_open(daemon_addr(d), CLIENTS);
	struct answer *a;

	for (size_t i = 0; i < ERRORS; i++) {
		const char *path = errors[i].path;

		origin_answer(o, .path = path, .times = 1, .status = errors[i].status,
		    .text = "oh", .fields = errors[i].fields);
		origin_answer(o, .path = path, .text = "fine");
		a = client_get(daemon_addr(d), path, errors[i].asked);
		ck_assert_int_eq(a->status, errors[i].status);
		answer_free(a);
		daemon_wait_stat(d, "flights", 0);
		all_get(h, path, "", errors[i].kept ? errors[i].status : 200);
		if (!errors[i].kept)
			continue;
		ck_assert_uint_eq(herd_count_says(h, "Cache-Status", "corral; hit"), CLIENTS);
		ck_assert_uint_eq(origin_requests(o, path), 1);
		if (errors[i].fields[0] != '\0')
			ck_assert_uint_eq(herd_count_says(h, "Retry-After", "7"), CLIENTS);
	}
	daemon_advance_clock(d, 101 * SECOND);
	for (size_t i = 0; i < ERRORS; i++)
		if (errors[i].kept)
			all_get(h, errors[i].path, "", 200);
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

FLOW(error_kept)
{
	refused();
	by_default();
	answered();
}
