/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a machine that looks at each byte once, in order, and judges each part when its last byte
 * is seen: a byte as it comes, the target at its space, a line at its LF, the head at the empty
 * line. A verdict depends on the bytes up to `at` only, so a head that dribbles in gets the same
 * answer as one that arrives whole, and time is linear however it is cut.
 *
 *   request:  SKIP -> METHOD -> TARGET -> VERSION -> START_LF -> FIELD ...
 *   response:         STATUS                      -> START_LF -> FIELD ...
 *   FIELD -> NAME -> VALUE -> FIELD_LF -> FIELD ... -> END_LF: done
 *
 * Invariants: what lies before `at` was accepted for good; only offsets are kept until the head is
 * complete, for the buffer may move; the head is then built over one copy of its bytes.
 *
 * Threads: one at a time for each parse.
 *
 * Why not find the end of the head first and then split: the first wrong line would go unanswered
 * until an end that a hostile peer need not send, and each arrival would be searched again.
 */
#include "http/parse.h"

#include <stdlib.h>

#include "base/contract.h"
#include "http/parse_priv.h"

#define METHOD_MAX	64
#define REASON_AT	13			/* in a status line: past "HTTP/1.1 200 " */
#define HEAD_BYTES_MAX	(1U << 30)	/* so that offsets fit struct parse_field */
#define SPARE_FIELDS	4		/* room in a new head for what the caller adds */

enum {
	P_SKIP,				/* nothing but perhaps an empty line was seen */
	P_SKIP_LF,
	P_METHOD,
	P_TARGET,
	P_VERSION,
	P_STATUS,			/* a response's whole start line */
	P_START_LF,
	P_FIELD,			/* at the start of a field line, or of the empty line */
	P_NAME,
	P_VALUE,
	P_FIELD_LF,
	P_END_LF,
	P_DONE,
};

enum {
	SEEN_HOST	= 1,
	SEEN_LENGTH	= 2,
	SEEN_CODING	= 4,
	SEEN_CONTINUE	= 8,
	SEEN_UNKNOWN	= 16,		/* with SEEN_CODING: it is none that we know */
};

static void
rewind_head(struct parse *ps)
{
	free(ps->fields);
	*ps = (struct parse){
		.kind = ps->kind,
		.limits = ps->limits,
		.phase = ps->kind == PARSE_REQUEST ? P_SKIP : P_STATUS,
		.used = ps->used,
	};
}

void
parse_init(struct parse *ps, enum parse_kind kind, const struct parse_limits *limits)
{
	*ps = (struct parse){ .kind = kind, .limits = *limits };
	if (ps->limits.head_bytes > HEAD_BYTES_MAX)
		ps->limits.head_bytes = HEAD_BYTES_MAX;
	if (ps->limits.fields > PARSE_MAX_FIELDS)
		ps->limits.fields = PARSE_MAX_FIELDS;
	rewind_head(ps);
}

void
parse_fini(struct parse *ps)
{
	free(ps->fields);
	*ps = (struct parse){ 0 };
}

static int
refuse(struct parse *ps, int status, const char *reason)
{
	ps->status = ps->kind == PARSE_REQUEST ? status : 502;
	ps->reason = reason;
	return -1;
}

static int
refuse_byte(struct parse *ps, char c, const char *otherwise)
{
	return refuse(ps, 400, parse_why_not(c, otherwise));
}

static int
scan_skip(struct parse *ps, const char *buf)
{
	if (buf[ps->at] == '\r' && !ps->skipped) {
		ps->at++;
		ps->phase = P_SKIP_LF;
		return 0;
	}
	ps->start = ps->at;
	ps->phase = P_METHOD;
	return 0;
}

static int
scan_method(struct parse *ps, const char *buf, size_t end)
{
	for (; ps->at < end; ps->at++) {
		size_t len = ps->at - ps->start;

		if (buf[ps->at] == ' ' && len > 0) {
			ps->method_n = len;
			ps->target = ++ps->at;
			ps->phase = P_TARGET;
			return 0;
		}
		if (!is(buf[ps->at], TCHAR))
			return refuse_byte(ps, buf[ps->at], "malformed method");
		if (len == METHOD_MAX)
			return refuse(ps, 501, "method too long");
	}
	return 0;
}

static int
target_end(struct parse *ps, const char *buf)
{
	struct slice authority, path;

	ps->target_n = ps->at - ps->target;
	if (!parse_target(slice_of(buf + ps->start, ps->method_n),
	    slice_of(buf + ps->target, ps->target_n), &authority, &path))
		return refuse(ps, 400, "malformed request target");
	ps->mark = ++ps->at;
	ps->phase = P_VERSION;
	return 0;
}

static int
scan_target(struct parse *ps, const char *buf, size_t end)
{
	for (; ps->at < end; ps->at++) {
		if (buf[ps->at] == ' ')
			return target_end(ps, buf);
		if (!is(buf[ps->at], TARGET))
			return refuse_byte(ps, buf[ps->at],
			    buf[ps->at] == '\r' ? "request line without a version" :
			    "illegal byte in the request target");
		if (ps->at - ps->target >= ps->limits.uri)
			return refuse(ps, 414, "request target too long");
	}
	return 0;
}

/* "HTTP/" DIGIT "." DIGIT, RFC 9112 2.3.  The minor version, -1 if malformed, -2 if not ours. */
static int
version_of(struct slice s)
{
	if (s.n != 8 || !slice_starts(s, SLICE("HTTP/")) || !is_digit(s.p[5]) || s.p[6] != '.' ||
	    !is_digit(s.p[7]))
		return -1;
	return s.p[5] == '1' && s.p[7] <= '1' ? s.p[7] - '0' : -2;
}

static int
scan_version(struct parse *ps, const char *buf, size_t end)
{
	for (; ps->at < end; ps->at++) {
		if (buf[ps->at] == '\r') {
			ps->minor = version_of(slice_of(buf + ps->mark, ps->at - ps->mark));
			if (ps->minor == -1)
				return refuse(ps, 400, "malformed HTTP version");
			if (ps->minor == -2)
				return refuse(ps, 505, "HTTP version not supported");
			ps->at++;
			ps->phase = P_START_LF;
			return 0;
		}
		if (!is(buf[ps->at], TEXT) || is_ows(buf[ps->at]) || ps->at - ps->mark >= 8)
			return refuse_byte(ps, buf[ps->at], "malformed HTTP version");
	}
	return 0;
}

/* status-line, RFC 9112 4; the space before an empty reason may be missing. */
static int
status_end(struct parse *ps, struct slice s)
{
	if (s.n < 12 || (ps->minor = version_of(slice_of(s.p, 8))) < 0)
		return refuse(ps, 502, "malformed HTTP version in a response");
	if (s.p[8] != ' ' || !is_digit(s.p[9]) || !is_digit(s.p[10]) || !is_digit(s.p[11]) ||
	    (s.n > 12 && s.p[12] != ' '))
		return refuse(ps, 502, "malformed status line");
	ps->code = (s.p[9] - '0') * 100 + (s.p[10] - '0') * 10 + (s.p[11] - '0');
	if (ps->code < 100)
		return refuse(ps, 502, "status below 100");
	ps->reason_n = s.n > REASON_AT ? s.n - REASON_AT : 0;
	return 0;
}

static int
scan_status(struct parse *ps, const char *buf, size_t end)
{
	for (; ps->at < end; ps->at++) {
		if (buf[ps->at] == '\r') {
			if (status_end(ps, slice_of(buf + ps->start, ps->at - ps->start)) != 0)
				return -1;
			ps->at++;
			ps->phase = P_START_LF;
			return 0;
		}
		if (!is(buf[ps->at], TEXT))
			return refuse_byte(ps, buf[ps->at], "malformed status line");
	}
	return 0;
}

static int
field_start(struct parse *ps, const char *buf)
{
	char c = buf[ps->at];

	if (c == '\r') {
		ps->at++;
		ps->phase = P_END_LF;
		return 0;
	}
	if (ps->nfields >= ps->limits.fields)
		return refuse(ps, 431, "too many header fields");
	if (is_ows(c))
		return refuse(ps, 400, ps->nfields == 0 ? "white space before the first field" :
		    "folded header field");
	if (ps->nfields == ps->fieldcap) {
		ps->fieldcap = ps->fieldcap == 0 ? 16 : ps->fieldcap * 2;
		ps->fields = realloc(ps->fields, ps->fieldcap * sizeof *ps->fields);
		ASSERT(ps->fields != NULL);
	}
	ps->fields[ps->nfields] = (struct parse_field){ .name = (uint32_t)ps->at };
	ps->phase = P_NAME;
	return 0;
}

static int
scan_name(struct parse *ps, const char *buf, size_t end)
{
	struct parse_field *f = &ps->fields[ps->nfields];

	for (; ps->at < end; ps->at++) {
		char c = buf[ps->at];

		if (is(c, TCHAR))
			continue;
		f->name_n = (uint32_t)(ps->at - f->name);
		if (c != ':')
			return refuse_byte(ps, c, is_ows(c) ? "white space in a field name" :
			    c == '\r' ? "header field without a colon" : "illegal field name");
		if (f->name_n == 0)
			return refuse(ps, 400, "empty field name");
		ps->mark = ++ps->at;
		ps->phase = P_VALUE;
		return 0;
	}
	return 0;
}

static int
scan_value(struct parse *ps, const char *buf, size_t end)
{
	struct parse_field *f = &ps->fields[ps->nfields];
	struct slice v;

	while (ps->at < end && is(buf[ps->at], TEXT))
		ps->at++;
	if (ps->at == end)
		return 0;
	if (buf[ps->at] != '\r')
		return refuse_byte(ps, buf[ps->at], "illegal byte in a field value");
	v = slice_trim(slice_of(buf + ps->mark, ps->at - ps->mark));
	f->value = (uint32_t)(v.p - buf);
	f->value_n = (uint32_t)v.n;
	ps->at++;
	ps->phase = P_FIELD_LF;
	return 0;
}

/* Takes one token from the front; false if there is none. */
static bool
eat_token(struct slice *s)
{
	size_t n = 0;

	while (n < s->n && is(s->p[n], TCHAR))
		n++;
	*s = slice_of(s->p + n, s->n - n);
	return n > 0;
}

static bool
eat_quoted(struct slice *s)
{
	size_t i = 1;

	if (s->n == 0 || s->p[0] != '"')
		return false;
	while (i < s->n && s->p[i] != '"')
		i += s->p[i] == '\\' ? 2 : 1;
	if (i >= s->n)
		return false;
	*s = slice_of(s->p + i + 1, s->n - i - 1);
	return true;
}

/* transfer-coding = token *( OWS ";" OWS token BWS "=" BWS ( token / quoted-string ) ) */
static bool
coding_ok(struct slice s)
{
	if (!eat_token(&s))
		return false;
	for (s = slice_trim(s); s.n > 0; s = slice_trim(s)) {
		if (s.p[0] != ';')
			return false;
		s = slice_trim(slice_of(s.p + 1, s.n - 1));
		if (!eat_token(&s))
			return false;
		s = slice_trim(s);
		if (s.n == 0 || s.p[0] != '=')
			return false;
		s = slice_trim(slice_of(s.p + 1, s.n - 1));
		if (!eat_quoted(&s) && !eat_token(&s))
			return false;
	}
	return true;
}

/*
 * Anything but "chunked" alone ends the connection; the question is only with which word.  501 for
 * codings that could be meant and that we don't know (RFC 9112 6.1); 400 for what no sender may
 * write: a list that breaks the grammar, chunked with parameters or before another coding (7.1,
 * 6.1), or alone among empty elements.
 */
static int
coding_status(struct slice value)
{
	static const struct slice chunked = SLICE_INIT("chunked");
	struct slice rest = value, item, name;
	bool last_chunked = false;
	unsigned codings = 0;

	while (slice_list_next(&rest, &item)) {
		if (last_chunked || !coding_ok(item))
			return 400;
		codings++;
		name = item;
		eat_token(&item);
		name.n -= item.n;
		last_chunked = slice_caseeq(name, chunked);
		if (last_chunked && item.n > 0)
			return 400;
	}
	return codings > (last_chunked ? 1U : 0U) ? 501 : 400;
}

/* Codings that change the bytes, which we can't undo (RFC 9112 7.2). */
static bool
is_compression(struct slice coding)
{
	static const struct slice set[] = {
		SLICE_INIT("gzip"), SLICE_INIT("x-gzip"), SLICE_INIT("deflate"),
		SLICE_INIT("compress"), SLICE_INIT("x-compress"),
	};

	return slice_casein(coding, set, sizeof set / sizeof set[0]);
}

/*
 * RFC 9112 6.3 (4): an answer whose last coding isn't chunked ends with its connection.  So it is
 * read, if no coding of it is one that would have to be undone; the field goes no further, as any
 * of one hop.
 */
static bool
ends_with_connection(struct slice value)
{
	struct slice rest = value, item, name;

	while (slice_list_next(&rest, &item)) {
		name = item;
		if (!eat_token(&item))
			return false;
		name.n -= item.n;
		if (is_compression(name) || slice_caseeq(name, SLICE("chunked")))
			return false;
	}
	return true;
}

static int
on_transfer_encoding(struct parse *ps, struct slice value)
{
	if (ps->seen & SEEN_CODING)
		return refuse(ps, 400, "more than one Transfer-Encoding");
	if (ps->seen & SEEN_LENGTH)
		return refuse(ps, 400, "both Content-Length and Transfer-Encoding");
	if (ps->minor == 0)
		return refuse(ps, 400, "Transfer-Encoding in HTTP/1.0");
	if (!slice_caseeq(value, SLICE("chunked"))) {
		int status = coding_status(value);

		if (status == 501 && ps->kind == PARSE_RESPONSE && ends_with_connection(value)) {
			ps->seen |= SEEN_CODING | SEEN_UNKNOWN;
			return 0;
		}
		return refuse(ps, status, status == 501 ? "transfer coding not supported" :
		    "malformed Transfer-Encoding");
	}
	ps->seen |= SEEN_CODING;
	return 0;
}

static int
on_content_length(struct parse *ps, struct slice value)
{
	if (ps->seen & SEEN_LENGTH)
		return refuse(ps, 400, "more than one Content-Length");
	if (ps->seen & SEEN_CODING)
		return refuse(ps, 400, "both Content-Length and Transfer-Encoding");
	if (slice_u64(value, &ps->length) != 0 || ps->length > INT64_MAX)
		return refuse(ps, 400, "malformed Content-Length");
	ps->seen |= SEEN_LENGTH;
	return 0;
}

static int
on_host(struct parse *ps, struct slice value)
{
	if (ps->seen & SEEN_HOST)
		return refuse(ps, 400, "more than one Host");
	if (!parse_authority_ok(value))
		return refuse(ps, 400, "malformed Host");
	ps->seen |= SEEN_HOST;
	return 0;
}

/* RFC 9110 10.1.1: an HTTP/1.0 client can't be waiting for a 100. */
static int
on_expect(struct parse *ps, struct slice value)
{
	if (!slice_caseeq(value, SLICE("100-continue")))
		return refuse(ps, 417, "expectation not supported");
	if (ps->minor > 0)
		ps->seen |= SEEN_CONTINUE;
	return 0;
}

static int
field_end(struct parse *ps, const char *buf)
{
	const struct parse_field *f = &ps->fields[ps->nfields++];
	struct slice name = slice_of(buf + f->name, f->name_n);
	struct slice value = slice_of(buf + f->value, f->value_n);

	ps->phase = P_FIELD;
	if (slice_caseeq(name, SLICE("Content-Length")))
		return on_content_length(ps, value);
	if (slice_caseeq(name, SLICE("Transfer-Encoding")))
		return on_transfer_encoding(ps, value);
	if (ps->kind == PARSE_RESPONSE)
		return 0;
	if (slice_caseeq(name, SLICE("Host")))
		return on_host(ps, value);
	if (slice_caseeq(name, SLICE("Expect")))
		return on_expect(ps, value);
	return 0;
}

static int
head_end(struct parse *ps)
{
	if (ps->kind == PARSE_REQUEST && ps->minor > 0 && !(ps->seen & SEEN_HOST))
		return refuse(ps, 400, "no Host");
	ps->phase = P_DONE;
	return 0;
}

static int
line_feed(struct parse *ps, const char *buf)
{
	if (buf[ps->at] != '\n')
		return refuse(ps, 400, "carriage return without line feed");
	ps->at++;
	switch (ps->phase) {
	case P_SKIP_LF:
		ps->skipped = true;
		ps->phase = P_SKIP;
		return 0;
	case P_FIELD_LF:
		return field_end(ps, buf);
	case P_END_LF:
		return head_end(ps);
	default:
		ps->phase = P_FIELD;
		return 0;
	}
}

/* Takes bytes before end; either moves on, or changes the phase, or refuses. */
static int
step(struct parse *ps, const char *buf, size_t end)
{
	switch (ps->phase) {
	case P_SKIP:
		return scan_skip(ps, buf);
	case P_METHOD:
		return scan_method(ps, buf, end);
	case P_TARGET:
		return scan_target(ps, buf, end);
	case P_VERSION:
		return scan_version(ps, buf, end);
	case P_STATUS:
		return scan_status(ps, buf, end);
	case P_FIELD:
		return field_start(ps, buf);
	case P_NAME:
		return scan_name(ps, buf, end);
	case P_VALUE:
		return scan_value(ps, buf, end);
	default:
		return line_feed(ps, buf);
	}
}

static void
fill_fields(const struct parse *ps, const char *copy, struct head *h)
{
	h->n = ps->nfields;
	for (unsigned i = 0; i < ps->nfields; i++) {
		const struct parse_field *f = &ps->fields[i];

		h->f[i].name = slice_of(copy + (f->name - ps->start), f->name_n);
		h->f[i].value = slice_of(copy + (f->value - ps->start), f->value_n);
	}
}

/*
 * RFC 9112 3.2.2: the authority of an absolute-form target replaces what Host said.  The field is
 * rewritten, so that nobody behind us can believe the other one.
 */
static void
fill_request(const struct parse *ps, const char *copy, struct head *h)
{
	static const struct slice host = SLICE_INIT("Host");
	unsigned i = 0;

	h->method = slice_of(copy, ps->method_n);
	h->target = slice_of(copy + (ps->target - ps->start), ps->target_n);
	ASSERT(parse_target(h->method, h->target, &h->authority, &h->path));
	if (h->path.p[0] == '?') {	/* http://host?query: RFC 9112 3.2.1 wants the slash */
		char *path = arena_alloc(&h->arena, h->path.n + 1);

		path[0] = '/';
		memcpy(path + 1, h->path.p, h->path.n);
		h->path = slice_of(path, h->path.n + 1);
	}
	h->expect_continue = (ps->seen & SEEN_CONTINUE) != 0;
	while (i < h->n && !slice_caseeq(h->f[i].name, host))
		i++;
	if (h->authority.n == 0) {
		if (i < h->n)
			h->authority = h->f[i].value;
		return;
	}
	if (i < h->n)
		h->f[i].value = h->authority;
	else
		hdr_add(h, host, h->authority);
}

static void
fill_framing(const struct parse *ps, struct head *h)
{
	if (ps->seen & SEEN_UNKNOWN)
		h->framing = FRAMING_CLOSE;
	else if (ps->seen & SEEN_CODING)
		h->framing = FRAMING_CHUNKED;
	else if (ps->seen & SEEN_LENGTH)
		h->framing = FRAMING_LENGTH;
	else
		h->framing = ps->kind == PARSE_REQUEST ? FRAMING_NONE : FRAMING_CLOSE;
	h->length = h->framing == FRAMING_LENGTH ? ps->length : 0;
	h->keep_alive = !hdr_has_token(h, SLICE("Connection"), SLICE("close")) &&
	    (h->minor > 0 || hdr_has_token(h, SLICE("Connection"), SLICE("keep-alive")));
}

static void
fill_head(const struct parse *ps, const char *buf, struct head *h)
{
	size_t bytes = ps->at - ps->start;
	const char *copy;

	h->cap = ps->nfields + SPARE_FIELDS;
	arena_reserve(&h->arena, h->cap * sizeof *h->f + bytes);
	h->f = arena_alloc(&h->arena, h->cap * sizeof *h->f);
	copy = arena_copy(&h->arena, slice_of(buf + ps->start, bytes)).p;
	h->minor = ps->minor;
	fill_fields(ps, copy, h);
	if (ps->kind == PARSE_REQUEST) {
		fill_request(ps, copy, h);
	} else {
		h->status = ps->code;
		if (ps->reason_n > 0)
			h->reason = slice_of(copy + REASON_AT, ps->reason_n);
	}
	fill_framing(ps, h);
	if (ps->kind == PARSE_RESPONSE)
		parse_response_framing(h, false);
}

enum parse_result
parse_head(struct parse *ps, const char *buf, size_t n, struct head *h)
{
	ASSERT(h->f == NULL && h->arena.chunks == NULL);
	ASSERT(n >= ps->at && ps->reason == NULL);
	while (ps->at < n && ps->phase != P_DONE) {
		size_t end = ps->start + ps->limits.head_bytes;

		if (ps->at == end) {
			refuse(ps, 431, "head too large");
			return PARSE_ERROR;
		}
		if (step(ps, buf, n < end ? n : end) != 0)
			return PARSE_ERROR;
	}
	if (ps->phase != P_DONE)
		return PARSE_MORE;
	fill_head(ps, buf, h);
	ps->used = ps->at;
	rewind_head(ps);
	return PARSE_DONE;
}

void
parse_response_framing(struct head *h, bool to_head)
{
	if (!to_head && h->status >= 200 && h->status != 204 && h->status != 304)
		return;
	h->framing = FRAMING_NONE;
	h->length = 0;
}
