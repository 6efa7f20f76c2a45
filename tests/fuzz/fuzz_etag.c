/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entity tags and conditions (RFC 9110 8.8, 13; RFC 9111 3.2, 4.3).  An input is the fields of a
 * stored answer, "--", those of a request, "--", those of a 304.
 */
#include "http/cond.h"

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

#define RECEIVED	(1700000000 * USEC_PER_SEC)

const char *const fuzz_words[] = {
	"ETag: ", "If-None-Match: ", "If-Modified-Since: ", "Last-Modified: ", "Date: ",
	"If-Range: ", "\"a\"", "W/\"a\"", "\"\"", "*", "W/", ", ", "\n", "\n--\n",
	"Content-Length: 1\n", "Content-Encoding: gzip\n", "Mon, 13 Nov 2023 22:13:20 GMT",
	"Age: 1\n", "Set-Cookie: a=1\n", NULL,
};

static const struct slice inm = SLICE_INIT("If-None-Match"), etag = SLICE_INIT("ETag");

static void
check_tag(struct slice s)
{
	struct slice tag, rest;
	bool weak;

	if (!cond_etag(s, &tag, &weak, &rest))
		return;
	ASSERT(tag.n >= 2 && tag.p == s.p + (weak ? 2 : 0) && rest.p == tag.p + tag.n);
	ASSERT(rest.n == s.n - tag.n - (weak ? 2 : 0));
	ASSERT(tag.p[0] == '"' && memchr(tag.p + 1, '"', tag.n - 1) == tag.p + tag.n - 1);
	ASSERT(memchr(tag.p, ' ', tag.n) == NULL && memchr(tag.p, '\0', tag.n) == NULL);
	s.n -= rest.n;
	ASSERT(cond_etag_weak_equal(s, tag) && cond_etag_weak_equal(tag, s));
	ASSERT(cond_etag_strong_equal(s, tag) == !weak && cond_etag_strong_equal(tag, tag));
}

static void
check_not_modified(struct head *req, const struct head *resp)
{
	bool out = cond_not_modified(req, resp, RECEIVED), star;
	const struct hdr_field *f = hdr_get(resp, etag);
	struct head joined = { 0 }, other = { 0 };
	struct slice opaque, rest;
	bool weak;
	struct buf list = { 0 };

	/* Two lines of a list are one. */
	fuzz_joined(req, inm, &joined);
	ASSERT(cond_not_modified(&joined, resp, RECEIVED) == out);
	fuzz_join(req, inm, &list);
	star = slice_eq(buf_slice(&list), SLICE("*"));
	head_copy(&other, req);
	hdr_remove(&other, SLICE("If-Modified-Since"));
	if (hdr_get(req, inm) != NULL) {
		/* 13.1.3: the date is not looked at. */
		ASSERT(cond_not_modified(&other, resp, RECEIVED) == out);
		ASSERT(!star || out);
		if (out && !star)
			ASSERT(f != NULL && cond_etag(f->value, &opaque, &weak, &rest) &&
			    memmem(list.p, list.n, opaque.p, opaque.n) != NULL);
	} else {
		ASSERT(!cond_not_modified(&other, resp, RECEIVED));
	}
	req->method = SLICE("POST");
	ASSERT(!cond_not_modified(req, resp, RECEIVED));
	req->method = SLICE("GET");
	buf_fini(&list);
	head_fini(&joined);
	head_fini(&other);
}

/* What validates an answer finds it not modified, by either condition, and it confirms itself. */
static void
check_validators(const struct head *resp)
{
	struct head req = { .method = SLICE("GET") };
	struct buf b = { 0 };

	cond_emit_validators(resp, &b);
	ASSERT(cond_has_validator(resp) == (b.n > 0));
	fuzz_head(&req, buf_slice(&b));
	ASSERT(b.n == 0 || cond_not_modified(&req, resp, RECEIVED));
	if (hdr_remove(&req, inm) > 0 && req.n > 0)
		ASSERT(cond_not_modified(&req, resp, RECEIVED));
	ASSERT(cond_confirms(resp, resp));
	buf_fini(&b);
	head_fini(&req);
}

static void
check_if_range(const struct head *req, const struct head *resp)
{
	const struct hdr_field *f = hdr_get(req, SLICE("If-Range"));
	const struct hdr_field *tag = hdr_get(resp, etag);

	if (f == NULL)
		ASSERT(cond_if_range(req, resp));
	else if (cond_if_range(req, resp))
		ASSERT((tag != NULL && cond_etag_strong_equal(f->value, tag->value)) ||
		    (hdr_get(resp, SLICE("Last-Modified")) && hdr_get(resp, SLICE("Date"))));
}

static void
same_fields(const struct head *a, const struct head *b, struct slice name)
{
	struct buf x = { 0 }, y = { 0 };

	ASSERT(hdr_count(a, name) == hdr_count(b, name));
	fuzz_join(a, name, &x);
	fuzz_join(b, name, &y);
	fuzz_same(&x, &y);
}

/* The update has none, or just the strong form of the stored weak one. */
static bool
keeps_tag(const struct head *stored, const struct head *update)
{
	const struct hdr_field *was = hdr_get(stored, etag), *is = hdr_get(update, etag);

	if (is == NULL || was == NULL)
		return is == NULL;
	return hdr_count(stored, etag) == 1 && hdr_count(update, etag) == 1 &&
	    slice_starts(was->value, SLICE("W/")) && !slice_starts(is->value, SLICE("W/")) &&
	    cond_etag_weak_equal(was->value, is->value);
}

/* RFC 9111 3.2, field by field; the same update a second time changes nothing. */
static void
check_merge(const struct head *stored, const struct head *update, bool set_cookie)
{
	static const struct slice kept[] = {
		SLICE_INIT("Content-Length"), SLICE_INIT("Content-Encoding"),
		SLICE_INIT("Content-Range"), SLICE_INIT("Set-Cookie"),
	};
	size_t nkept = sizeof kept / sizeof kept[0] - (set_cookie ? 1 : 0);
	struct head once = { 0 }, twice = { 0 };
	struct buf x = { 0 }, y = { 0 };

	cond_merge(stored, update, set_cookie, RECEIVED, &once);
	for (size_t i = 0; i < nkept; i++)
		same_fields(stored, &once, kept[i]);
	ASSERT(hdr_count(&once, SLICE("Date")) == 1);
	same_fields(update, &once, SLICE("Age"));
	same_fields(keeps_tag(stored, update) ? stored : update, &once, etag);
	same_fields(hdr_get(update, SLICE("X")) == NULL ? stored : update, &once, SLICE("X"));
	cond_merge(&once, update, set_cookie, RECEIVED, &twice);
	hdr_emit(&once, &x);
	hdr_emit(&twice, &y);
	fuzz_same(&x, &y);
	head_fini(&once);
	head_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice rest = slice_of((const char *)data, n), part;
	struct head h[3] = { { .status = 200 }, { .method = SLICE("GET") }, { .status = 304 } };

	for (int i = 0; i < 3 && fuzz_part(&rest, &part); i++)
		fuzz_head(&h[i], part);
	for (int i = 0; i < 3; i++)
		for (unsigned k = 0; k < h[i].n; k++)
			check_tag(h[i].f[k].value);
	check_not_modified(&h[1], &h[0]);
	check_validators(&h[0]);
	check_if_range(&h[1], &h[0]);
	check_merge(&h[0], &h[2], false);
	check_merge(&h[0], &h[2], true);
	cond_confirms(&h[0], &h[2]);
	h[0].status = 404;
	ASSERT(!cond_not_modified(&h[1], &h[0], RECEIVED));
	for (int i = 0; i < 3; i++)
		head_fini(&h[i]);
	return 0;
}
