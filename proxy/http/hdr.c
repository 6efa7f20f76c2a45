/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: an array of fields in their order, in the head's arena with all their bytes.  Removing
 * closes the gap and leaves the bytes to the arena: a head is short-lived or is copied tight into
 * the store.
 *
 * Invariants: n <= cap; every slice points into the arena or at static text; names are tokens and
 * values hold no CR, LF or NUL, which the parser ensures for theirs and hdr_emit_field() checks
 * for all.
 *
 * Threads: one at a time while it changes; any number once nobody changes it.
 *
 * Why not a hash by name: heads have some twenty fields and are asked for a few names; a scan that
 * compares lengths first is faster, and order is kept for free.
 */
#include "http/hdr.h"

#include <stdlib.h>

#include "base/contract.h"

#define FIELDS_MIN	8

void
head_fini(struct head *h)
{
	arena_fini(&h->arena);
	*h = (struct head){ 0 };
}

static size_t
head_bytes(const struct head *h)
{
	size_t n = h->method.n + h->target.n + h->authority.n + h->path.n + h->reason.n;

	for (unsigned i = 0; i < h->n; i++)
		n += h->f[i].name.n + h->f[i].value.n;
	return n;
}

void
head_copy(struct head *dst, const struct head *src)
{
	ASSERT(dst->f == NULL && dst->arena.chunks == NULL);
	*dst = *src;
	dst->arena = (struct arena){ 0 };
	dst->cap = src->n;
	dst->f = NULL;
	arena_reserve(&dst->arena, src->n * sizeof *src->f + head_bytes(src));
	if (src->n > 0)
		dst->f = arena_alloc(&dst->arena, src->n * sizeof *src->f);
	for (unsigned i = 0; i < src->n; i++) {
		dst->f[i].name = arena_copy(&dst->arena, src->f[i].name);
		dst->f[i].value = arena_copy(&dst->arena, src->f[i].value);
	}
	dst->method = arena_copy(&dst->arena, src->method);
	dst->target = arena_copy(&dst->arena, src->target);
	dst->authority = arena_copy(&dst->arena, src->authority);
	dst->path = arena_copy(&dst->arena, src->path);
	dst->reason = arena_copy(&dst->arena, src->reason);
}

void
hdr_add(struct head *h, struct slice name, struct slice value)
{
	if (h->n == h->cap) {
		unsigned cap = h->cap < FIELDS_MIN ? FIELDS_MIN : h->cap * 2;
		struct hdr_field *f = arena_alloc(&h->arena, cap * sizeof *f);

		if (h->n > 0)
			memcpy(f, h->f, h->n * sizeof *f);
		h->f = f;
		h->cap = cap;
	}
	h->f[h->n].name = arena_copy(&h->arena, name);
	h->f[h->n].value = arena_copy(&h->arena, value);
	h->n++;
}

const struct hdr_field *
hdr_next(const struct head *h, struct slice name, const struct hdr_field *prev)
{
	for (size_t i = prev == NULL ? 0 : (size_t)(prev - h->f) + 1; i < h->n; i++)
		if (slice_caseeq(h->f[i].name, name))
			return &h->f[i];
	return NULL;
}

const struct hdr_field *
hdr_get(const struct head *h, struct slice name)
{
	return hdr_next(h, name, NULL);
}

unsigned
hdr_count(const struct head *h, struct slice name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < h->n; i++)
		count += slice_caseeq(h->f[i].name, name);
	return count;
}

/* Keeps the fields that the predicate does not want; how many went. */
static unsigned
remove_if(struct head *h, bool (*gone)(struct slice name, const void *arg), const void *arg)
{
	unsigned kept = 0, was = h->n;

	for (unsigned i = 0; i < was; i++)
		if (!gone(h->f[i].name, arg))
			h->f[kept++] = h->f[i];
	h->n = kept;
	return was - kept;
}

static bool
is_named(struct slice name, const void *arg)
{
	return slice_caseeq(name, *(const struct slice *)arg);
}

unsigned
hdr_remove(struct head *h, struct slice name)
{
	return remove_if(h, is_named, &name);
}

bool
hdr_has_token(const struct head *h, struct slice name, struct slice token)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item;

	while ((f = hdr_next(h, name, f)) != NULL) {
		rest = f->value;
		while (slice_list_next(&rest, &item))
			if (slice_caseeq(item, token))
				return true;
	}
	return false;
}

static bool
is_hop_by_hop(struct slice name)
{
	static const struct slice set[] = {
		SLICE_INIT("Connection"),
		SLICE_INIT("Keep-Alive"),
		SLICE_INIT("Proxy-Authenticate"),
		SLICE_INIT("Proxy-Authentication-Info"),
		SLICE_INIT("Proxy-Authorization"),
		SLICE_INIT("Proxy-Connection"),
		SLICE_INIT("TE"),
		SLICE_INIT("Trailer"),
		SLICE_INIT("Transfer-Encoding"),
		SLICE_INIT("Upgrade"),
	};

	return slice_casein(name, set, sizeof set / sizeof set[0]);
}

/*
 * What a Connection option can't take away: whoever sends it would choose what the next hop
 * believes about the message, or what a shared cache keeps (RFC 9110 7.6.1 forbids naming such
 * fields).
 */
static bool
is_protected(struct slice name)
{
	static const struct slice set[] = {
		SLICE_INIT("Age"),
		SLICE_INIT("Authorization"),
		SLICE_INIT("Cache-Control"),
		SLICE_INIT("CDN-Cache-Control"),
		SLICE_INIT("Content-Encoding"),
		SLICE_INIT("Content-Length"),
		SLICE_INIT("Content-Range"),
		SLICE_INIT("Content-Type"),
		SLICE_INIT("Cookie"),
		SLICE_INIT("Date"),
		SLICE_INIT("ETag"),
		SLICE_INIT("Expect"),
		SLICE_INIT("Expires"),
		SLICE_INIT("Forwarded"),
		SLICE_INIT("Host"),
		SLICE_INIT("Last-Modified"),
		SLICE_INIT("Location"),
		SLICE_INIT("Pragma"),
		SLICE_INIT("Range"),
		SLICE_INIT("Set-Cookie"),
		SLICE_INIT("Surrogate-Control"),
		SLICE_INIT("Vary"),
		SLICE_INIT("Via"),
	};
	static const struct slice xff = SLICE_INIT("X-Forwarded-"), cond = SLICE_INIT("If-");

	return slice_casein(name, set, sizeof set / sizeof set[0]) ||
	    (name.n > xff.n && slice_caseeq(slice_of(name.p, xff.n), xff)) ||
	    (name.n > cond.n && slice_caseeq(slice_of(name.p, cond.n), cond));
}

/* By ASCII, whatever the locale. */
static int
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Any total order will do that calls names equal which differ in case only. */
static int
name_order(const void *va, const void *vb)
{
	const struct slice *a = va, *b = vb;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (size_t i = 0; i < a->n; i++) {
		int d = fold(a->p[i]) - fold(b->p[i]);

		if (d != 0)
			return d;
	}
	return 0;
}

struct options {
	struct slice	*name;
	size_t		 n;
};

static bool
is_gone(struct slice name, const void *arg)
{
	const struct options *o = arg;

	if (is_hop_by_hop(name))
		return true;
	return o->n > 0 && !is_protected(name) &&
	    bsearch(&name, o->name, o->n, sizeof *o->name, name_order) != NULL;
}

/*
 * A head of the largest size can carry thousands of options and a thousand fields, so the options
 * are sorted and looked up, not compared each with each.
 */
void
hdr_remove_hop_by_hop(struct head *h)
{
	static const struct slice connection = SLICE_INIT("Connection");
	const struct hdr_field *f = NULL;
	struct options o = { NULL, 0 };
	size_t most = 0;
	struct slice rest, item;

	while ((f = hdr_next(h, connection, f)) != NULL)
		most += f->value.n / 2 + 1;
	if (most > 0)
		o.name = XCALLOC(most, sizeof *o.name);
	while ((f = hdr_next(h, connection, f)) != NULL) {
		rest = f->value;
		while (slice_list_next(&rest, &item))
			o.name[o.n++] = item;
	}
	ASSERT(o.n <= most);
	if (o.n > 1)
		qsort(o.name, o.n, sizeof *o.name, name_order);
	remove_if(h, is_gone, &o);
	free(o.name);
}

bool
hdr_is_forwarded(struct slice name)
{
	static const struct slice prefix = SLICE_INIT("X-Forwarded-");
	static const struct slice set[] = {
		SLICE_INIT("Forwarded"), SLICE_INIT("X-Original-URL"), SLICE_INIT("X-Real-IP"),
		SLICE_INIT("X-Rewrite-URL"),
	};

	return (name.n >= prefix.n && slice_caseeq(slice_of(name.p, prefix.n), prefix)) ||
	    slice_casein(name, set, sizeof set / sizeof set[0]);
}

static bool
is_forwarded(struct slice name, const void *arg)
{
	(void)arg;
	return hdr_is_forwarded(name);
}

void
hdr_remove_forwarded(struct head *h)
{
	remove_if(h, is_forwarded, NULL);
}

void
hdr_emit_field(struct buf *out, struct slice name, struct slice value)
{
	ASSERT(name.n > 0);
	for (size_t i = 0; i < name.n; i++)
		ASSERT((unsigned char)name.p[i] - 0x21U < 0x5eU && name.p[i] != ':');
	for (size_t i = 0; i < value.n; i++)
		ASSERT(value.p[i] != '\r' && value.p[i] != '\n' && value.p[i] != '\0');
	buf_reserve(out, name.n + value.n + 4);
	buf_add_slice(out, name);
	buf_add(out, ": ", 2);
	buf_add_slice(out, value);
	buf_add(out, "\r\n", 2);
}

bool
hdr_is_cookie(struct slice name)
{
	return slice_caseeq(name, SLICE("Set-Cookie")) || slice_caseeq(name, SLICE("Set-Cookie2"));
}

bool
hdr_sets_cookie(const struct head *h)
{
	for (unsigned i = 0; i < h->n; i++)
		if (hdr_is_cookie(h->f[i].name))
			return true;
	return false;
}

void
hdr_emit(const struct head *h, struct buf *out)
{
	for (unsigned i = 0; i < h->n; i++)
		hdr_emit_field(out, h->f[i].name, h->f[i].value);
}

bool
method_is(const struct head *h, const char *name)
{
	return slice_eq(h->method, slice_str(name));
}

static bool
method_in(struct slice method, const struct slice *set, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(method, set[i]))
			return true;
	return false;
}

bool
method_is_safe(struct slice method)
{
	static const struct slice set[] = {
		SLICE_INIT("GET"), SLICE_INIT("HEAD"), SLICE_INIT("OPTIONS"), SLICE_INIT("TRACE"),
		SLICE_INIT("PROPFIND"), SLICE_INIT("REPORT"), SLICE_INIT("SEARCH"),
	};

	return method_in(method, set, sizeof set / sizeof set[0]);
}

bool
method_is_idempotent(struct slice method)
{
	static const struct slice set[] = { SLICE_INIT("PUT"), SLICE_INIT("DELETE") };

	return method_is_safe(method) || method_in(method, set, sizeof set / sizeof set[0]);
}

const char *
status_reason(int status)
{
	static const struct {
		int		 status;
		const char	*phrase;
	} t[] = {
		{ 100, "Continue" }, { 101, "Switching Protocols" }, { 102, "Processing" },
		{ 103, "Early Hints" },
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 203, "Non-Authoritative Information" }, { 204, "No Content" },
		{ 205, "Reset Content" }, { 206, "Partial Content" }, { 207, "Multi-Status" },
		{ 208, "Already Reported" }, { 226, "IM Used" },
		{ 300, "Multiple Choices" }, { 301, "Moved Permanently" }, { 302, "Found" },
		{ 303, "See Other" }, { 304, "Not Modified" }, { 305, "Use Proxy" },
		{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 402, "Payment Required" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" }, { 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" }, { 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" }, { 423, "Locked" }, { 424, "Failed Dependency" },
		{ 425, "Too Early" }, { 426, "Upgrade Required" }, { 428, "Precondition Required" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" }, { 506, "Variant Also Negotiates" },
		{ 507, "Insufficient Storage" }, { 508, "Loop Detected" },
		{ 511, "Network Authentication Required" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (t[i].status == status)
			return t[i].phrase;
	return "";
}
