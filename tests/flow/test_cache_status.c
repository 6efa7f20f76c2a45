/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9211: what Cache-Status says, to the letter, for each way in which a request can end; and Age
 * beside it (RFC 9111 5.1).
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/lib/flow.h"

#define SECOND		INT64_C(1000000)
#define AGED(s)		((s) + 1)	/* Age is there, and so many seconds */
#define MAY_TAKE	5		/* seconds that a step may take on a slow machine */

/* The backend's answers, in this order for each target. */
static const struct origin_rule rules[] = {
    {.path = "/fresh", .text = "0123456789",
	.fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n",
	.fields_304 = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n"},
    {.path = "/fresh/*", .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n",
	.text = "0123456789"},
    {.path = "/aged", .fields = "Cache-Control: max-age=100\r\nAge: 10\r\n"},
    {.path = "/404", .status = 404, .fields = "Cache-Control: max-age=100\r\n"},
    {.path = "/private", .fields = "Cache-Control: private\r\n"},
    {.path = "/herd/private", .fields = "Cache-Control: private\r\n"},
    {.path = "/no-store", .fields = "Cache-Control: no-store\r\n"},
    {.path = "/no-cache", .fields = "Cache-Control: no-cache\r\n"},
    {.path = "/no-cache/etag", .fields = "Cache-Control: no-cache\r\nETag: \"1\"\r\n",
	.fields_304 = "Cache-Control: no-cache\r\n"},
    {.path = "/set-cookie", .fields = "Cache-Control: max-age=100\r\n", .cookie = true},
    {.path = "/authorization", .fields = "Cache-Control: max-age=100\r\n"},
    {.path = "/vary-star", .fields = "Cache-Control: max-age=100\r\nVary: *\r\n"},
    {.path = "/too-large", .fields = "Cache-Control: max-age=100\r\n", .bytes = 5000},
    {.path = "/429", .status = 429, .fields = "Cache-Control: max-age=100\r\n"},
    {.path = "/403", .status = 403},
    {.path = "/500", .status = 500},
    {.path = "/kept", .status = 500},
    {.path = "/silent"},
    {.path = "/silent/etag", .fields = "ETag: \"1\"\r\n"},
    {.path = "/expired", .fields = "Cache-Control: max-age=0, must-revalidate\r\n"},
    {.path = "/expired/kept", .fields = "Cache-Control: max-age=0\r\n"},
    {.path = "/vary", .fields = "Cache-Control: max-age=100\r\nVary: X-Group\r\n"},
    {.path = "/stale", .fields = "Cache-Control: max-age=100\r\n"},
    {.path = "/swr", .fields = "Cache-Control: max-age=100, stale-while-revalidate=100\r\n"},
    {.path = "/503", .times = 1, .fields = "Cache-Control: max-age=100\r\n"},
    {.path = "/503", .status = 503},
    {.path = "/peer",
	.fields = "Cache-Control: max-age=100\r\nCache-Status: peer; hit; ttl=110\r\n"},
    {.path = "/obey", .fields = "Cache-Control: max-age=100\r\nETag: \"1\"\r\n",
	.fields_304 = "Cache-Control: max-age=100\r\n"},
    {.path = "/closed", .raw = "", .close = true},
    {.path = "/malformed", .raw = "SSH-2.0\r\n\r\n", .close = true},
    {.path = "/*", .fields = "Cache-Control: max-age=100\r\n"},
};

struct step {
	unsigned	 after_s;	/* the clock goes forward before it */
	const char	*method;	/* NULL: GET */
	const char	*path, *fields;
	int		 status;	/* 0: 200 */
	const char	*says;		/* "#" stands for a number, */
	int		 ttl;		/* this one or a little less */
	int		 age;
};

#define CLEN0	"Content-Length: 0\r\n"
#define MISS	"corral; fwd=uri-miss"
#define KEEP	"corral; fwd=uri-miss; stored; ttl=#"

static const struct step steps[] = {
    /* Stored, and hits of all kinds. */
    {0, NULL, "/fresh", "", 200, KEEP, 99, 0},
    {0, NULL, "/fresh", "", 200, "corral; hit; ttl=#", 99, AGED(0)},
    {0, "HEAD", "/fresh", "", 200, "corral; hit; ttl=#", 99, AGED(0)},
    {0, NULL, "/fresh", "Range: bytes=1-2\r\n", 206, "corral; hit; ttl=#", 99, AGED(0)},
    {0, NULL, "/fresh", "Range: bytes=1-2,4-5\r\n", 206, "corral; hit; ttl=#", 99, AGED(0)},
    {0, NULL, "/fresh", "Range: bytes=10-\r\n", 416, "corral; hit; ttl=#", 99, 0},
    {0, NULL, "/fresh", "If-None-Match: \"1\"\r\n", 304, "corral; hit; ttl=#", 99, AGED(0)},
    {40, NULL, "/fresh", "", 200, "corral; hit; ttl=#", 59, AGED(40)},
    {0, NULL, "/fresh", "Cache-Control: only-if-cached, no-cache\r\n", 200,
	"corral; hit; ttl=#", 59, AGED(40)},
    {100, NULL, "/fresh", "Cache-Control: max-stale=90\r\n", 200,
	"corral; hit; ttl=#; detail=max-stale", -41, AGED(140)},
    {0, NULL, "/fresh", "Cache-Control: only-if-cached\r\n", 504,
	"corral; detail=only-if-cached", 0, 0},
    {0, NULL, "/fresh", "", 200, "corral; fwd=stale; fwd-status=304; stored; ttl=#", 99, AGED(0)},
    {110, NULL, "/fresh", "If-None-Match: \"1\"\r\n", 304, "corral; fwd=stale; stored; ttl=#", 99,
	AGED(0)},
    {0, NULL, "/aged", "", 200, KEEP, 89, AGED(10)},
    {0, NULL, "/aged", "", 200, "corral; hit; ttl=#", 89, AGED(10)},
    {0, NULL, "/404", "", 404, KEEP, 99, 0},
    {0, NULL, "/404", "", 404, "corral; hit; ttl=#", 99, AGED(0)},
    /* Made by us of what the backend has sent whole. */
    {0, NULL, "/fresh/206", "Range: bytes=1-2\r\n", 206, MISS "; fwd-status=200; stored; ttl=#", 99,
	0},
    {0, NULL, "/fresh/416", "Range: bytes=10-\r\n", 416, MISS "; fwd-status=200; stored; ttl=#", 99,
	0},
    {0, NULL, "/fresh/304", "If-None-Match: \"1\"\r\n", 304, MISS "; fwd-status=200; stored; ttl=#",
	99, 0},
    {0, "HEAD", "/fresh/head", "", 200, KEEP, 99, 0},
    /* For one client, or not for long, and why. */
    {0, NULL, "/private", "", 200, MISS "; detail=private", 0, 0},
    {0, NULL, "/private", "", 200, MISS "; detail=pass-marker", 0, 0},
    {0, NULL, "/no-store", "", 200, MISS "; detail=no-store", 0, 0},
    {0, NULL, "/no-cache", "", 200, MISS "; detail=no-cache", 0, 0},
    {0, NULL, "/no-cache/etag", "", 200, KEEP "; detail=no-cache", -1, 0},
    {0, NULL, "/no-cache/etag", "", 200,
	"corral; fwd=stale; fwd-status=304; stored; ttl=#; detail=pass-marker", -1, AGED(0)},
    {0, NULL, "/set-cookie", "", 200, MISS "; detail=set-cookie", 0, 0},
    {0, NULL, "/authorization", "Authorization: Basic x\r\n", 200, MISS "; detail=authorization", 0,
	0},
    {0, NULL, "/vary-star", "", 200, MISS "; detail=vary-star", 0, 0},
    {0, NULL, "/too-large", "", 200, MISS "; detail=too-large", 0, 0},
    {0, NULL, "/429", "", 429, MISS "; detail=status", 0, 0},
    {0, NULL, "/403", "", 403, MISS "; detail=status", 0, 0},
    {0, NULL, "/500", "", 500, MISS "; detail=status", 0, 0},
    {0, NULL, "/silent", "", 200, MISS "; detail=no-lifetime", 0, 0},
    {0, NULL, "/silent/etag", "", 200, KEEP "; detail=no-lifetime", -1, 0},
    {0, NULL, "/expired", "", 200, MISS "; detail=stale-on-arrival", 0, 0},
    {0, NULL, "/expired/kept", "", 200, KEEP "; detail=stale-on-arrival", -1, 0},
    {0, NULL, "/fresh/if", "If-Match: \"1\"\r\n", 200, MISS "; detail=precondition", 0, 0},
    /* Other reasons to go forward. */
    {0, NULL, "/vary", "X-Group: a\r\n", 200, KEEP, 99, 0},
    {0, NULL, "/vary", "X-Group: b\r\n", 200, "corral; fwd=vary-miss; stored; ttl=#", 99, 0},
    {0, NULL, "/stale", "", 200, KEEP, 99, 0},
    {110, NULL, "/stale", "", 200, "corral; fwd=stale; stored; ttl=#", 99, 0},
    {0, "POST", "/stale", CLEN0, 200, "corral; fwd=method", 0, 0},
    {0, "OPTIONS", "/stale", "", 200, "corral; fwd=method", 0, 0},
    {0, "FROBNICATE", "/stale", CLEN0, 200, "corral; fwd=method", 0, 0},
    {0, NULL, "/off", "", 200, "corral; fwd=bypass", 0, 0},
    {0, NULL, "/obey", "", 200, KEEP, 99, 0},
    {0, NULL, "/obey", "Cache-Control: no-cache\r\n", 200,
	"corral; fwd=request; fwd-status=304; stored; ttl=#", 99, AGED(0)},
    {0, NULL, "/obey", "Cache-Control: min-fresh=1000\r\n", 200,
	"corral; fwd=request; fwd-status=304; stored; ttl=#", 99, AGED(0)},
    {0, NULL, "/alone", "", 200, KEEP, 99, 0},
    /* Stale */
    {0, NULL, "/swr", "", 200, KEEP, 99, 0},
    {120, NULL, "/swr", "", 200, "corral; hit; ttl=#; detail=stale-while-revalidate", -21,
	AGED(120)},
    {0, NULL, "/503", "", 200, KEEP, 99, 0},
    {130, NULL, "/503", "", 200, "corral; fwd=stale; fwd-status=503; ttl=#; detail=stale-if-error",
	-31, AGED(130)},
    {0, NULL, "/kept", "", 500, KEEP, 99, 0},
    {0, NULL, "/kept", "", 500, "corral; hit; ttl=#", 99, AGED(0)},
    /* Errors of ours. */
    {0, NULL, "/down", "", 502, MISS "; detail=connect", 0, 0},
    {0, NULL, "/down", "", 502, "corral; detail=connect", 0, 0},
    {0, NULL, "/closed", "", 502, MISS "; detail=closed", 0, 0},
    {0, NULL, "/malformed", "", 502, MISS "; detail=malformed", 0, 0},
    {0, NULL, "/no-route", "X-Route: none\r\n", 404, "corral; detail=no-route", 0, 0},
    {0, NULL, "/bad", "Bad Field: x\r\n", 400, "corral; detail=bad-request", 0, 0},
    /* The key, for who asks. */
    {0, NULL, "/key/%7e?a=%2f", "Corral-Debug: key\r\nX-Device: \"a\\\xe4\r\n", 200,
	KEEP "; key=\"http://test/key/~?a=%2F%0Ah:x-device:\\\"a\\\\%E4\"", 99, 0},
    {0, NULL, "/key/%7e?a=%2f", "Corral-Debug: other, Key\r\nX-Device: \"a\\\xe4\r\n", 200,
	"corral; hit; ttl=#; key=\"http://test/key/~?a=%2F%0Ah:x-device:\\\"a\\\\%E4\"", 99,
	AGED(0)},
    {0, NULL, "/key/%7e?a=%2f", "Corral-Debug: keys\r\nX-Device: \"a\\\xe4\r\n", 200,
	"corral; hit; ttl=#", 99, AGED(0)},
};

/* A number of seconds that the clock, and nothing else, may have made a little worse. */
static bool
near(long is, long should, long worse)
{
	return worse < 0 ? is <= should && is >= should - MAY_TAKE :
	    is >= should && is <= should + MAY_TAKE;
}

static bool
value_is(const char *value, const char *says, int ttl)
{
	char *end;

	for (; *says != '\0' && value != NULL; says++) {
		if (*says == '#') {
			if (!near(strtol(value, &end, 10), ttl, -1) || end == value)
				return false;
			value = end;
		} else if (*value++ != *says) {
			return false;
		}
	}
	return value != NULL && *value == '\0';
}

static void
check(const struct answer *a, const char *path, int status, const char *says, int ttl, int age)
{
	const char *v;

	ck_assert_msg(a->complete && a->status == status, "%s: status %d\n%s", path, a->status,
	    a->head != NULL ? a->head : "");
	v = answer_field(a, "Cache-Status");
	ck_assert_msg(value_is(v, says, ttl), "%s:\n%s\nand not\n%s (%d)", path, v, says, ttl);
	ck_assert_ptr_null(answer_field_nth(a, "Cache-Status", 1));
	v = answer_field(a, "Age");
	ck_assert_msg((v != NULL) == (age != 0) && (v == NULL || near(atoi(v), age - 1, 1)),
	    "%s: Age %s\n%s", path, v != NULL ? v : "is missing", a->head);
}

static void
step(struct origin *o, struct daemon *d, const struct step *s)
{
	bool head = s->method != NULL && strcmp(s->method, "HEAD") == 0;
	unsigned before = origin_requests(o, NULL);
	struct client *c = client_open(daemon_addr(d));
	const struct answer *a;

	daemon_advance_clock(d, s->after_s * SECOND);
	client_sendf(c, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n",
	    s->method != NULL ? s->method : "GET", s->path,
	    strstr(s->fields, "X-Route") != NULL ? "other" : "test", s->fields);
	a = head ? client_answer_to_head(c) : client_answer(c);
	check(a, s->path, s->status, s->says, s->ttl, s->age);
	/* It went forward, or it was refreshed; else it is a lie. */
	daemon_wait_stat(d, "flights", 0);
	if (strcmp(s->path, "/down") != 0)
		ck_assert_msg((origin_requests(o, NULL) > before) ==
		    (strstr(s->says, "fwd=") != NULL || strstr(s->says, "revalidate") != NULL),
		    "%s: %s", s->path, s->says);
	client_close(c);
}

/* Of so many that waited for one fetch, how many were told what. */
static void
herd_says(const struct herd *h, unsigned n, int status, const char *says, int ttl, unsigned number)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++)
		found += value_is(answer_field(herd_answer(h, i), "Cache-Status"), says, ttl);
	ck_assert_uint_eq(herd_count(h, status), n);
	ck_assert_msg(found == number, "%u were told %s, e.g. %s", found, says,
	    answer_field(herd_answer(h, n - 1), "Cache-Status"));
}

static struct herd *
parked(struct origin *o, struct daemon *d, const char *path)
{
	struct herd *h;

	origin_hold(o, path);
	h = herd_start(daemon_addr(d), 5, path);
	daemon_wait_stat(d, "parked", 5);
	return h;
}

static void
waited(struct origin *o, struct daemon *d)
{
	struct herd *h = parked(o, d, "/herd");
	struct answer *a;

	origin_release(o, "/herd");
	herd_wait(h);
	herd_says(h, 5, 200, KEEP, 99, 1);
	herd_says(h, 5, 200, MISS "; stored; collapsed; ttl=#", 99, 4);
	herd_free(h);

	h = parked(o, d, "/herd/private");
	origin_release(o, "/herd/private");
	herd_wait(h);
	herd_says(h, 5, 200, MISS "; detail=private", 0, 1);
	herd_says(h, 5, 200, MISS "; detail=unshareable", 0, 4);
	herd_free(h);

	/* One more than may wait. */
	h = parked(o, d, "/limit");
	a = client_get(daemon_addr(d), "/limit", "");
	check(a, "/limit", 503, "corral; detail=park-limit", 0, 0);
	answer_free(a);
	origin_release(o, "/limit");
	herd_wait(h);
	herd_free(h);

	/* And for too long. */
	origin_hold(o, "/patience");
	h = herd_start(daemon_addr(d), 5, "/patience");
	herd_wait(h);
	herd_says(h, 5, 503, MISS "; detail=park-timeout", 0, 1);
	herd_says(h, 5, 503, MISS "; collapsed; detail=park-timeout", 0, 4);
	herd_free(h);
	origin_release(o, "/patience");
	daemon_wait_stat(d, "flights", 0);
}

/* 2: caches nearer to the backend come first, also when the answer is stored. */
static void
peer(struct daemon *d, const char *ours, int ttl)
{
	struct answer *a = client_get(daemon_addr(d), "/peer", "");

	ck_assert_str_eq(answer_field_nth(a, "Cache-Status", 0), "peer; hit; ttl=110");
	ck_assert_msg(value_is(answer_field_nth(a, "Cache-Status", 1), ours, ttl), "%s", a->head);
	ck_assert_ptr_null(answer_field_nth(a, "Cache-Status", 2));
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

/* At the end: the backend isn't there any more. */
static void
refused(struct origin *o, struct daemon *d)
{
	struct answer *a = client_get(daemon_addr(d), "/stale", "");

	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
	origin_refuse(o);
	daemon_advance_clock(d, 150 * SECOND);
	a = client_get(daemon_addr(d), "/stale", "");
	check(a, "/stale", 200, "corral; fwd=stale; ttl=#; detail=stale-if-error", -51, AGED(150));
	answer_free(a);
	daemon_wait_stat(d, "flights", 0);
}

FLOW(cache_status)
{
	struct origin *o = origin_start();
	struct origin_request q;
	struct daemon *d;
	char down[64];
	int fd = origin_refusing(down, sizeof down);

	d = daemon_start_steered("workers: 2\ncache: { max_object: 4KiB }\nupstreams:\n"
	    "  default: { servers: [ %s ] }\n  down: { servers: [ %s ] }\nroutes:\n"
	    "  - { match: { host: test, path: /off }, cache: off }\n"
	    "  - { match: { host: test, path: /obey }, jitter: off, client_control: obey }\n"
	    "  - { match: { host: test, path: /alone }, jitter: off, coalesce: off }\n"
	    "  - { match: { host: test, path: /key/ }, jitter: off,\n"
	    "      key: { headers: [ X-Device ] } }\n"
	    "  - { match: { host: test, path: /limit }, park: { limit: 5 } }\n"
	    "  - { match: { host: test, path: /patience }, park: { timeout: 200ms } }\n"
	    "  - { match: { host: test, path: /down }, upstream: down, error_ttl: 100s }\n"
	    "  - { match: { host: test, path: /kept }, jitter: off, error_ttl: 100s }\n"
	    "  - { match: { host: test }, jitter: off, error_ttl: off }\n",
	    origin_url(o), down);
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		origin_rule(o, &rules[i]);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		step(o, d, &steps[i]);
	q = origin_request(o, "/key/~?a=%2F", 0);
	ck_assert_ptr_null(origin_field(&q, "Corral-Debug"));
	ck_assert_ptr_nonnull(origin_field(&q, "X-Device"));
	waited(o, d);
	peer(d, KEEP, 99);
	peer(d, "corral; hit; ttl=#", 99);
	refused(o, d);
	daemon_stop(d);
	origin_stop(o);
	close(fd);
}
