/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever the backend does, a cookie and a private page are received only by the client whose
 * request they answer: sixty clients with and without Cookie ask for a few URLs whose answers
 * change between public, private and cookie-setting from request to request, while time goes by,
 * refreshes run, and 304s confirm what is stored.  The backend stamps the id of the request into
 * cookie and body.
 */
#include <stdio.h>

#include "tests/lib/flow.h"

#define CLIENTS	60
#define ROUNDS	100
#define URLS	5
#define ANSWERS	400		/* of each URL that are scripted; then the last goes on */
#define SECOND	INT64_C(1000000)
#define ETAG	"ETag: \"1\"\r\n"

static const char *const urls[URLS] = { "/a", "/b", "/c", "/d", "/strip/e" };

/*
 * X-Own: the body is for nobody else; X-Session: for nobody with another Cookie; X-Open: for all.
 * A 304 says nothing about the body that it confirms.
 */
static const struct origin_rule moods[] = {
    {.fields = "Cache-Control: max-age=5, stale-while-revalidate=5\r\n" ETAG,
	.fields_304 = "Cache-Control: max-age=5, stale-while-revalidate=5\r\n" ETAG},
    {.fields = "Cache-Control: max-age=5, stale-if-error=30\r\n" ETAG,
	.fields_304 = "Cache-Control: max-age=5\r\n" ETAG, .cookie = true},
    {.fields = "Cache-Control: private, max-age=5\r\nX-Own: 1\r\n" ETAG,
	.fields_304 = "Cache-Control: private\r\n" ETAG, .cookie = true},
    {.fields = "Cache-Control: private\r\nX-Own: 1\r\n", .fields_304 = ETAG},
    {.fields = "Cache-Control: max-age=5\r\nX-Own: 1\r\n", .cookie = true},
    {.fields = "Cache-Control: public, max-age=5, no-cache=\"Set-Cookie\"\r\nX-Open: 1\r\n" ETAG,
	.fields_304 = "Cache-Control: max-age=5, no-cache=\"Set-Cookie\"\r\n" ETAG, .cookie = true},
    {.fields = "Cache-Control: max-age=5, private=\"set-cookie\"\r\n", .cookie = true},
    {.fields = "Cache-Control: no-store\r\nX-Own: 1\r\n",
	.fields_304 = "Cache-Control: no-store\r\n", .cookie = true},
    {.fields = "Cache-Control: no-cache\r\nX-Own: 1\r\n" ETAG, .cookie = true,
	.fields_304 = "Cache-Control: no-cache\r\n" ETAG},
    {.fields = "Cache-Control: max-age=5\r\nVary: Cookie\r\nX-Session: 1\r\n" ETAG},
    {.fields = "Cache-Control: max-age=5\r\nX-Own: 1\r\n", .cookie = true, .status = 404},
    {.fields = "", .status = 503, .cookie = true},
};
#define MOODS	(sizeof moods / sizeof moods[0])

/* The same sequence in each run. */
static unsigned
chance(unsigned n)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % n;
}

static struct {
	struct client	*c;
	char		 id[32];
	unsigned	 url;
} asking[CLIENTS];

static struct {
	unsigned	 cookies, own, left;
} seen;

/* Two thirds of the clients have no session. */
static bool
has_session(unsigned i)
{
	return i % 3 == 1;
}

static bool
is_authorized(unsigned i)
{
	return !has_session(i) && i % 4 == 2;
}

static void
ask_one(struct daemon *d, unsigned i, unsigned round)
{
	char fields[160];
	int n;

	if (asking[i].c == NULL)
		asking[i].c = client_open(daemon_addr(d));
	asking[i].url = chance(URLS);
	snprintf(asking[i].id, sizeof asking[i].id, "id=%u.%u", i, round);
	n = snprintf(fields, sizeof fields, "X-Id: %s\r\n", asking[i].id);
	if (has_session(i))
		snprintf(fields + n, sizeof fields - (size_t)n, "Cookie: session=%u.%u\r\n", i,
		    round);
	else if (is_authorized(i))
		snprintf(fields + n, sizeof fields - (size_t)n, "Authorization: Basic %u\r\n", i);
	client_ask(asking[i].c, urls[asking[i].url], fields);
}

/* RFC 9111 3.5: the page was made for one with Authorization, and not opened to all. */
static bool
is_closed(const struct answer *a)
{
	unsigned whose, round;

	return sscanf(a->body, "id=%u.%u", &whose, &round) == 2 && is_authorized(whose) &&
	    answer_field(a, "X-Open") == NULL;
}

/* The page was made for a client with the same Cookie: for nobody else's session, at least. */
static bool
same_session(unsigned i, const char *body)
{
	unsigned whose, round;

	return strcmp(body, asking[i].id) == 0 ||
	    (sscanf(body, "id=%u.%u", &whose, &round) == 2 && !has_session(i) &&
	     !has_session(whose));
}

static void
look_at(unsigned i, unsigned round)
{
	const struct answer *a = client_answer(asking[i].c);
	const char *id = asking[i].id, *url = urls[asking[i].url], *v;

	ck_assert_msg(a->complete, "%s: %s", url, a->fault != NULL ? a->fault : "no answer");
	v = answer_field(a, "Set-Cookie");
	if (v != NULL) {
		ck_assert_msg(strcmp(v, id) == 0, "round %u, %s: %s got the cookie %s:\n%s", round,
		    url, id, v, a->head);
		ck_assert_ptr_null(answer_field_nth(a, "Set-Cookie", 1));
		seen.cookies++;
	}
	ck_assert_msg(!is_closed(a) || strcmp(a->body, id) == 0,
	    "round %u, %s: %s got the page of %s:\n%s", round, url, id, a->body, a->head);
	/* Without cookies these are for everyone who waits, or until they expire. */
	if (answer_field(a, "X-Own") != NULL && strncmp(url, "/strip", 6) != 0) {
		ck_assert_msg(strcmp(a->body, id) == 0, "round %u, %s: %s got the page of %s:\n%s",
		    round, url, id, a->body, a->head);
		seen.own++;
	}
	ck_assert_msg(answer_field(a, "X-Session") == NULL || same_session(i, a->body),
	    "round %u, %s: %s got the page of %s:\n%s", round, url, id, a->body, a->head);
}

/* Now and then one doesn't wait for its answer, which may have been the one that led. */
static void
one_round(struct origin *o, struct daemon *d, unsigned round)
{
	unsigned held = chance(URLS);

	origin_hold(o, urls[held]);
	for (unsigned i = 0; i < CLIENTS; i++)
		ask_one(d, i, round);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (chance(40) == 0) {
			client_reset(asking[i].c);
			asking[i].c = NULL;
			seen.left++;
		}
	origin_release(o, urls[held]);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (asking[i].c != NULL)
			look_at(i, round);
}

FLOW(cookies_never_leak)
{
	static const int64_t steps[] = { 0, 3, 6, 11, 70, 70 };
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_steered("upstream: %s\nworkers: 2\nroutes:\n"
	    "  - { match: { path: /strip }, set_cookie: strip }\n  - {}\n", origin_url(o));

	for (unsigned i = 0; i < URLS; i++)
		for (unsigned k = 0; k <= ANSWERS; k++) {
			struct origin_rule r = moods[chance(4) == 0 ? chance(2) : chance(MOODS)];

			r.path = urls[i];
			r.times = k < ANSWERS ? 1 : 0;
			r.echo = "X-Id";
			origin_rule(o, &r);
		}
	for (unsigned round = 0; round < ROUNDS; round++) {
		one_round(o, d, round);
		daemon_advance_clock(d, steps[chance(6)] * SECOND);
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		client_close(asking[i].c);
	daemon_wait_stat(d, "flights", 0);
	/* It was what it is meant to be: of everything some. */
	ck_assert_uint_ge(seen.cookies, 200);
	ck_assert_uint_ge(seen.own, 100);
	ck_assert_uint_ge(seen.left, 50);
	ck_assert_int_ge(daemon_stat(d, "hit"), 200);
	ck_assert_int_ge(daemon_stat(d, "stale"), 100);
	ck_assert_int_ge(daemon_stat(d, "coalesced"), 100);
	ck_assert_int_ge(daemon_stat(d, "pass"), 200);
	ck_assert_int_ge(daemon_stat(d, "revalidated"), 100);
	daemon_stop(d);
	origin_stop(o);
}
