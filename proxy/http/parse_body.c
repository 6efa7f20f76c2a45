/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a machine that looks at each byte of chunk lines and trailers once and judges it as it
 * comes; data is passed through in the pieces it came in.  So it needs no buffer, and a dribbled
 * body reads the same.
 *
 * The chunked machine, RFC 9112 7.1:
 *
 *   SIZE -> (EXT...) -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *                               -> (size 0) TRAILER -> T_NAME -> T_VALUE -> T_LF -> TRAILER
 *                                           TRAILER -> LAST_LF: over
 *
 * Invariants: left is what the current chunk, or the whole length, still owes; total + left fits
 * 63 bits; a broken or finished body stays so.
 *
 * Threads: one at a time for each parse_body.
 *
 * Why trailers are read and dropped: their names could claim what only the head may say.
 */
#include "http/parse.h"

#include "http/parse_priv.h"

#define TRAILER_FIELDS	100

enum {
	B_SIZE,				/* before the first digit */
	B_DIGITS,
	B_SEMI,				/* white space seen that only a semicolon may follow */
	B_EXT,				/* after a semicolon: white space, then a name */
	B_EXT_NAME,
	B_EXT_GAP,			/* after a name and white space: '=' or ';' */
	B_EXT_EQUALS,			/* after '=': white space, then a value */
	B_EXT_TOKEN,
	B_EXT_QUOTED,
	B_EXT_ESCAPE,			/* after a backslash in a quoted string */
	B_EXT_END,			/* after a quoted string */
	B_SIZE_LF,
	B_DATA,				/* also the one state of the other framings */
	B_DATA_CR,
	B_DATA_LF,
	B_TRAILER,
	B_T_NAME_1,			/* at the name's second byte or its colon */
	B_T_VALUE,
	B_T_LF,
	B_LAST_LF,
	B_OVER,
	B_BROKEN,
};

void
parse_body_init(struct parse_body *b, const struct head *h)
{
	*b = (struct parse_body){ .framing = h->framing, .state = B_DATA };
	switch (h->framing) {
	case FRAMING_NONE:
		b->state = B_OVER;
		break;
	case FRAMING_LENGTH:
		b->left = h->length;
		b->state = h->length == 0 ? B_OVER : B_DATA;
		break;
	case FRAMING_CHUNKED:
		b->state = B_SIZE;
		break;
	case FRAMING_CLOSE:
		b->left = UINT64_MAX;
		break;
	}
}

static int
bad(struct parse_body *b, const char *reason)
{
	b->reason = reason;
	b->state = B_BROKEN;
	return -1;
}

static int
size_digit(struct parse_body *b, char c)
{
	int v = hex_value(c);

	if (v < 0)
		return bad(b, parse_why_not(c, "malformed chunk size"));
	if (b->left > (INT64_MAX - b->total) >> 4)
		return bad(b, "chunk size too large");
	b->left = b->left << 4 | (unsigned)v;
	if (b->left > INT64_MAX - b->total)
		return bad(b, "chunk size too large");
	b->state = B_DIGITS;
	return 0;
}

/* The byte after a complete part of a chunk line: what may follow any of them. */
static int
after_part(struct parse_body *b, char c, int state_on_space)
{
	if (c == '\r')
		b->state = B_SIZE_LF;
	else if (c == ';')
		b->state = B_EXT;
	else if (is_ows(c))
		b->state = state_on_space;
	else
		return bad(b, parse_why_not(c, "malformed chunk line"));
	return 0;
}

static int
ext_value_byte(struct parse_body *b, char c)
{
	switch (b->state) {
	case B_EXT_EQUALS:
		if (is_ows(c))
			return 0;
		b->state = c == '"' ? B_EXT_QUOTED : B_EXT_TOKEN;
		return c == '"' || is(c, TCHAR) ? 0 :
		    bad(b, parse_why_not(c, "malformed chunk extension"));
	case B_EXT_TOKEN:
		return is(c, TCHAR) ? 0 : after_part(b, c, B_SEMI);
	case B_EXT_QUOTED:
		if (c == '"')
			b->state = B_EXT_END;
		else if (c == '\\')
			b->state = B_EXT_ESCAPE;
		return is(c, TEXT) ? 0 : bad(b, parse_why_not(c, "malformed chunk extension"));
	case B_EXT_ESCAPE:
		b->state = B_EXT_QUOTED;
		return is(c, TEXT) ? 0 : bad(b, parse_why_not(c, "malformed chunk extension"));
	default:
		return after_part(b, c, B_SEMI);
	}
}

static int
size_byte(struct parse_body *b, char c)
{
	if (b->line_bytes >= PARSE_CHUNK_LINE)
		return bad(b, "chunk line too long");
	b->line_bytes++;
	switch (b->state) {
	case B_SIZE:
		return size_digit(b, c);
	case B_DIGITS:
		return hex_value(c) >= 0 ? size_digit(b, c) : after_part(b, c, B_SEMI);
	case B_SEMI:
		if (is_ows(c))
			return 0;
		b->state = B_EXT;
		return c == ';' ? 0 : bad(b, parse_why_not(c, "malformed chunk line"));
	case B_EXT:
		if (is_ows(c))
			return 0;
		b->state = B_EXT_NAME;
		return is(c, TCHAR) ? 0 : bad(b, parse_why_not(c, "malformed chunk extension"));
	case B_EXT_NAME:
	case B_EXT_GAP:
		if (c == '=')
			b->state = B_EXT_EQUALS;
		else if (b->state == B_EXT_GAP && (c == ';' || is_ows(c)))
			b->state = c == ';' ? B_EXT : B_EXT_GAP;
		else if (b->state == B_EXT_GAP)
			return bad(b, parse_why_not(c, "malformed chunk extension"));
		else if (!is(c, TCHAR))
			return after_part(b, c, B_EXT_GAP);
		return 0;
	default:
		return ext_value_byte(b, c);
	}
}

static int
trailer_byte(struct parse_body *b, char c)
{
	if (b->line_bytes >= PARSE_TRAILER_BYTES)
		return bad(b, "trailer section too long");
	b->line_bytes++;
	switch (b->state) {
	case B_TRAILER:
		if (c == '\r') {
			b->state = B_LAST_LF;
			return 0;
		}
		if (++b->line_count > TRAILER_FIELDS)
			return bad(b, "too many trailer fields");
		b->state = B_T_NAME_1;
		return is(c, TCHAR) ? 0 : bad(b, parse_why_not(c, "malformed trailer field"));
	case B_T_NAME_1:
		if (c == ':')
			b->state = B_T_VALUE;
		else if (!is(c, TCHAR))
			return bad(b, parse_why_not(c, "malformed trailer field"));
		return 0;
	default:
		if (c == '\r')
			b->state = B_T_LF;
		else if (!is(c, TEXT))
			return bad(b, parse_why_not(c, "malformed trailer field"));
		return 0;
	}
}

static int
body_line_feed(struct parse_body *b, char c)
{
	if (c != '\n')
		return bad(b, "carriage return without line feed in a chunked body");
	switch (b->state) {
	case B_SIZE_LF:
		b->line_bytes = 0;
		b->state = b->left > 0 ? B_DATA : B_TRAILER;
		return 0;
	case B_DATA_LF:
		b->state = B_SIZE;
		return 0;
	case B_T_LF:
		b->line_bytes++;
		b->state = B_TRAILER;
		return 0;
	default:
		b->state = B_OVER;
		return 0;
	}
}

/* One byte of a chunked body's framing. */
static int
framing_byte(struct parse_body *b, char c)
{
	switch (b->state) {
	case B_SIZE_LF:
	case B_DATA_LF:
	case B_T_LF:
	case B_LAST_LF:
		return body_line_feed(b, c);
	case B_DATA_CR:
		b->state = B_DATA_LF;
		return c == '\r' ? 0 : bad(b, "chunk data without its line end");
	case B_TRAILER:
	case B_T_NAME_1:
	case B_T_VALUE:
		return trailer_byte(b, c);
	default:
		return size_byte(b, c);
	}
}

static void
take_data(struct parse_body *b, const char *p, size_t n, struct slice *data)
{
	*data = slice_of(p, n < b->left ? n : (size_t)b->left);
	b->total += data->n;
	if (b->framing == FRAMING_CLOSE)
		return;
	b->left -= data->n;
	if (b->left == 0)
		b->state = b->framing == FRAMING_CHUNKED ? B_DATA_CR : B_OVER;
}

enum parse_result
parse_body(struct parse_body *b, const char *p, size_t n, struct slice *data, size_t *used)
{
	size_t i = 0;

	*data = slice_of(NULL, 0);
	while (i < n && b->state != B_DATA && b->state != B_OVER && b->state != B_BROKEN)
		if (framing_byte(b, p[i]) == 0)
			i++;
	if (b->state == B_DATA && i < n) {
		take_data(b, p + i, n - i, data);
		*used = i + data->n;
		return PARSE_DATA;
	}
	*used = i;
	if (b->state == B_BROKEN)
		return PARSE_ERROR;
	return b->state == B_OVER ? PARSE_DONE : PARSE_MORE;
}
