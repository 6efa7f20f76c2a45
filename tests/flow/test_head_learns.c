/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 9111 4.3.5: a HEAD that goes to the backend on its own, here because the key is known to be
 * for one client at a time, says whether what is stored is still right: it is updated, or it goes.
 */
#include "tests/lib/flow.h"

#define STORED	"Cache-Control: no-cache\r\nX-Version: 1\r\nETag: \"1\"\r\n" \
	"Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT\r\n"

static const struct {
	const char	*target;
	int		 status;
	const char	*fields;	/* of the HEAD's answer */
	const char	*text;		/* its length is said */
	const char	*then;		/* X-Version for a GET; NULL: nothing is stored */
} cases[] = {
    {"/same", 200, "ETag: \"1\"\r\nX-Version: 2\r\n", "hello", "2"},
    {"/weaker", 200, "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT\r\nX-Version: 2\r\n", "hello",
	"2"},
    {"/length", 200, "X-Version: 2\r\n", "hello", "2"},
    {"/etag", 200, "ETag: \"2\"\r\nX-Version: 2\r\n", "hello", NULL},
    {"/weak", 200, "ETag: W/\"1\"\r\nX-Version: 2\r\n", "hello", NULL},
    {"/modified", 200, "ETag: \"1\"\r\nLast-Modified: Tue, 15 Nov 1994 12:45:27 GMT\r\n", "hello",
	NULL},
    {"/longer", 200, "ETag: \"1\"\r\nX-Version: 2\r\n", "hello!", NULL},
    {"/missing", 404, "X-Version: 2\r\n", "hello!", "1"},
    {"/broken", 500, "X-Version: 2\r\n", "hello!", "1"},
    {"/elsewhere", 302, "X-Version: 2\r\nLocation: /\r\n", "hello!", "1"},
    {"/secret", 200, "ETag: \"1\"\r\nX-Version: 2\r\nCache-Control: no-store\r\n", "hello", NULL},
};
#define CASES	(sizeof cases / sizeof cases[0])

static void
head(struct daemon *d, size_t i)
{
	struct client *c = client_open(daemon_addr(d));
	const struct answer *a;

	client_sendf(c, "HEAD %s HTTP/1.1\r\nHost: test\r\n\r\n", cases[i].target);
	a = client_answer_to_head(c);
	ck_assert(a->complete);
	ck_assert_int_eq(a->status, cases[i].status);
	ck_assert_msg(answer_says(a, "Cache-Status", "detail=pass-marker"), "%s", a->head);
	client_close(c);
	daemon_wait_stat(d, "flights", 0);
}

static void
one_case(struct origin *o, struct daemon *d, size_t i)
{
	const char *target = cases[i].target;
	struct origin_request q;
	struct answer *a;

	origin_answer(o, .method = "HEAD", .path = target, .status = cases[i].status,
	    .text = cases[i].text, .fields = cases[i].fields);
	origin_answer(o, .method = "GET", .path = target, .text = "hello", .fields = STORED,
	    .fields_304 = "");
	ck_assert_int_eq(client_status(daemon_addr(d), target, ""), 200);
	daemon_wait_stat(d, "flights", 0);
	head(d, i);
	q = origin_request(o, target, 1);
	ck_assert_str_eq(q.method, "HEAD");
	ck_assert_ptr_null(origin_field(&q, "If-None-Match"));

	a = client_get(daemon_addr(d), target, "");
	daemon_wait_stat(d, "flights", 0);
	q = origin_request(o, target, 2);
	ck_assert_str_eq(q.method, "GET");
	ck_assert_int_eq(a->status, 200);
	ck_assert_str_eq(a->body, "hello");
	ck_assert_msg((origin_field(&q, "If-None-Match") != NULL) == (cases[i].then != NULL),
	    "%s: %s", target, q.head);
	ck_assert_msg(strcmp(answer_field(a, "X-Version"), cases[i].then != NULL ? cases[i].then :
	    "1") == 0, "%s: %s", target, a->head);
	ck_assert_ptr_null(answer_field_nth(a, "X-Version", 1));
	answer_free(a);
}

FLOW(head_learns)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));

	for (size_t i = 0; i < CASES; i++)
		one_case(o, d, i);
	daemon_stop(d);
	origin_stop(o);
}
