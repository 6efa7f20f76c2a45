/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9111 4.1: an answer that was chosen for one Accept-Encoding also does for another by which
 * the backend would choose the same coding again, and for no other.  White space, order and case
 * tell nobody apart.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define NONE	NULL		/* the request has no such field */
#define BROWSER	"gzip, deflate, br"

static const struct {
	const char	*first;		/* whose answer is stored */
	const char	*coding;	/* of that answer */
	const char	*then;
	bool		 reused;
} encodings[] = {
    {BROWSER, "gzip", BROWSER, true},
    {BROWSER, "gzip", "gzip", true},
    {BROWSER, "gzip", "gzip, deflate", true},
    {BROWSER, "gzip", "br,DEFLATE ,\t GZip", true},
    {BROWSER, "gzip", "x-gzip", true},
    {BROWSER, "gzip", "gzip;q=1.000", true},
    {BROWSER, "gzip", "gzip, identity;q=0", true},
    {BROWSER, "GZIP", "gzip", true},
    {BROWSER, "gzip", "br", false},
    {BROWSER, "gzip", NONE, false},
    {BROWSER, "gzip", "", false},
    {BROWSER, "gzip", "gzip;q=0", false},
    {BROWSER, "gzip", "gzip;q=0, deflate, br", false},
    {BROWSER, "gzip", "gzip;q=0.5", false},
    {BROWSER, "gzip", "gzip, zstd", false},
    {BROWSER, "gzip", "gzip, identity", false},
    {BROWSER, "gzip", "*", false},
    {BROWSER, "gzip, br", "gzip, br", false},
    {"gzip", "gzip", BROWSER, false},
    {"gzip", "gzip", NONE, false},
    {NONE, "gzip", "gzip", false},
    {NONE, "gzip", NONE, true},
    {"", NULL, NONE, false},
    {"gzip", NULL, "gzip", true},
    {"gzip", NULL, "identity", true},
    {"gzip", NULL, "gzip;q=0", true},
    {"gzip", NULL, NONE, false},
    {"gzip", NULL, "br", false},
    {"gzip", NULL, "gzip, br", false},
    {"gzip", NULL, "identity;q=0", false},
    {"gzip", NULL, "*;q=0", false},
    {NONE, NULL, "gzip", false},
    {"gzip;q=0.5, br", "br", "br, gzip;q=0.50", true},
    {"gzip;q=0.5, br", "br", "br", false},
};

static const struct {
	const char	*first, *then;
	bool		 reused;
} languages[] = {
    {"de, en;q=0.5", "de, en;q=0.5", true},
    {"de, en;q=0.5", "EN;Q=0.500 ,\tde;q=1", true},
    {"de-AT,de,en", "en, de , DE-at, de", true},
    {"de, en;q=0.5", "de, en;q=0.6", false},
    {"de, en;q=0.5", "de", false},
    {"de", "de-AT", false},
    {"de", NONE, false},
    {"not a list", "not  a list", false},
};

static void
ask(struct daemon *d, const char *path, const char *name, const char *value, const char *body)
{
	char field[128] = "";
	struct answer *a;

	if (value != NULL)
		snprintf(field, sizeof field, "%s: %s\r\n", name, value);
	a = client_get(daemon_addr(d), path, field);
	ck_assert_int_eq(a->status, 200);
	ck_assert_msg(body == NULL || strcmp(a->body, body) == 0,
	    "%s: \"%s\" got the %s answer", path, value != NULL ? value : "nothing", a->body);
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

/* The backend says "first" once, and then "second". */
static void
asked_twice(struct origin *o, struct daemon *d, const char *path, const char *fields,
    const char *name, const char *first, const char *then, bool reused)
{
	origin_answer(o, .path = path, .times = 1, .text = "first", .fields = fields);
	origin_answer(o, .path = path, .text = "second", .fields = fields);
	ask(d, path, name, first, "first");
	ask(d, path, name, then, reused ? "first" : "second");
	/* The first is as well served as before: by its own answer, or by the newer one. */
	ask(d, path, name, first, NULL);
	ck_assert_uint_eq(origin_requests(o, path), reused ? 1 : 2);
}

/* The same for those who wait: without a word about Vary they parked on one fetch. */
static void
herds(struct origin *o, struct daemon *d)
{
	struct herd *one = herd_open(daemon_addr(d), 1), *gzip = herd_open(daemon_addr(d), 10),
	    *br = herd_open(daemon_addr(d), 10);

	origin_answer(o, .path = "/herd", .times = 1, .text = "gzip",
	    .fields = "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n"
	    "Content-Encoding: gzip\r\n");
	origin_answer(o, .path = "/herd", .times = 1, .text = "b",
	    .fields = "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n"
	    "Content-Encoding: br\r\n");
	origin_hold(o, "/herd");
	herd_ask(one, "/herd", "Accept-Encoding: " BROWSER "\r\n");
	origin_wait_requests(o, "/herd", 1);
	herd_ask(gzip, "/herd", "Accept-Encoding: gzip\r\n");
	herd_ask(br, "/herd", "Accept-Encoding: br\r\n");
	daemon_wait_stat(d, "parked", 21);
	origin_release(o, "/herd");
	herd_wait(one);
	herd_wait(gzip);
	herd_wait(br);
	ck_assert_uint_eq(herd_count_body(one, 4, test_sum(TEST_SUM, 0, "gzip", 4)), 1);
	ck_assert_uint_eq(herd_count_body(gzip, 4, test_sum(TEST_SUM, 0, "gzip", 4)), 10);
	ck_assert_uint_eq(herd_count_body(br, 1, test_sum(TEST_SUM, 0, "b", 1)), 10);
	ck_assert_uint_eq(origin_requests(o, "/herd"), 2);
	herd_free(one);
	herd_free(gzip);
	herd_free(br);
}

FLOW(vary_encodings)
{
	static char path[64][16], fields[64][128];
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	size_t n = sizeof encodings / sizeof encodings[0], at;

	for (size_t i = 0; i < n; i++) {
		snprintf(path[i], sizeof path[i], "/e%zu", i);
		snprintf(fields[i], sizeof fields[i], "Cache-Control: max-age=60\r\n"
		    "Vary: Accept-Encoding\r\n%s%s%s",
		    encodings[i].coding != NULL ? "Content-Encoding: " : "",
		    encodings[i].coding != NULL ? encodings[i].coding : "",
		    encodings[i].coding != NULL ? "\r\n" : "");
		asked_twice(o, d, path[i], fields[i], "Accept-Encoding", encodings[i].first,
		    encodings[i].then, encodings[i].reused);
	}
	for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
		at = n + i;
		snprintf(path[at], sizeof path[at], "/l%zu", i);
		asked_twice(o, d, path[at],
		    "Cache-Control: max-age=60\r\nVary: ACCEPT-language\r\n", "Accept-Language",
		    languages[i].first, languages[i].then, languages[i].reused);
	}
	herds(o, d);
	daemon_stop(d);
	origin_stop(o);
}
