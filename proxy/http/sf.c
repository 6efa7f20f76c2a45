/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: all lines of a field become one text (RFC 9651 4.2, RFC 9110 5.2), and a slice that
 * shrinks from its front is the cursor over it: each function eats what the algorithm of its
 * section eats, or says false, and then the field is invalid.
 *
 * Rules: RFC 9651 4.2 to the letter.  Members are separated by one comma each, so an empty line
 * among others, like a comma at the end, makes the whole invalid; a single empty line is an empty
 * list.  SP is not HTAB but around those commas.
 *
 * Invariants: a text is walked once; SF_MEMBERS bounds the comparisons of keys.
 *
 * Threads: pure.
 *
 * Why no parameters and no bytes: nobody here asks for them.  That they are well-formed is part of
 * the question whether the field is valid, so they are read all the same.
 */
#include "http/sf.h"

#include "http/parse_priv.h"

#define INTEGER_DIGITS	15		/* 3.3.1 */
#define WHOLE_DIGITS	12		/* of a decimal, 3.3.2 */
#define FRACTION_DIGITS	3

static bool
at(struct slice s, char c)
{
	return s.n > 0 && s.p[0] == c;
}

/* The first n bytes, off the front of s. */
static struct slice
take(struct slice *s, size_t n)
{
	struct slice head = slice_of(s->p, n);

	*s = slice_of(s->p + n, s->n - n);
	return head;
}

static bool
eat(struct slice *s, char c)
{
	if (!at(*s, c))
		return false;
	take(s, 1);
	return true;
}

static void
skip_sp(struct slice *s)
{
	while (eat(s, ' '))
		;
}

static void
skip_ows(struct slice *s)
{
	while (s->n > 0 && is_ows(s->p[0]))
		take(s, 1);
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_alpha(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static struct slice
digits(struct slice *s)
{
	size_t n = 0;

	while (n < s->n && is_digit(s->p[n]))
		n++;
	return take(s, n);
}

/* 4.2.3.3 */
static bool
key(struct slice *s, struct slice *out)
{
	size_t n = 0;

	if (s->n == 0 || (!is_lower(s->p[0]) && s->p[0] != '*'))
		return false;
	while (n < s->n && (is_lower(s->p[n]) || is_digit(s->p[n]) || s->p[n] == '_' ||
	    s->p[n] == '-' || s->p[n] == '.' || s->p[n] == '*'))
		n++;
	*out = take(s, n);
	return true;
}

/* 4.2.4 */
static bool
number(struct slice *s, struct sf_value *out)
{
	bool negative = eat(s, '-');
	struct slice whole = digits(s), fraction;
	uint64_t v;

	if (whole.n == 0 || whole.n > INTEGER_DIGITS)
		return false;
	if (eat(s, '.')) {
		fraction = digits(s);
		*out = (struct sf_value){ .type = SF_DECIMAL };
		return whole.n <= WHOLE_DIGITS && fraction.n > 0 && fraction.n <= FRACTION_DIGITS;
	}
	if (slice_u64(whole, &v) != 0)
		return false;
	*out = (struct sf_value){ .type = SF_INTEGER,
	    .integer = negative ? -(int64_t)v : (int64_t)v };
	return true;
}

static struct slice
unescaped(struct slice s, struct arena *a)
{
	char *p = arena_alloc(a, s.n);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		p[n++] = s.p[i];
	}
	return slice_of(p, n);
}

/* 4.2.5.  Without an arena the text is not wanted. */
static bool
string(struct slice *s, struct arena *a, struct sf_value *out)
{
	bool escaped = false;
	size_t i;

	take(s, 1);
	for (i = 0; i < s->n && s->p[i] != '"'; i++) {
		if (s->p[i] < 0x20 || s->p[i] > 0x7e)
			return false;
		if (s->p[i] != '\\')
			continue;
		if (++i == s->n || (s->p[i] != '"' && s->p[i] != '\\'))
			return false;
		escaped = true;
	}
	if (i == s->n)
		return false;
	*out = (struct sf_value){ .type = SF_STRING, .text = take(s, i) };
	if (escaped && a != NULL)
		out->text = unescaped(out->text, a);
	return eat(s, '"');
}

/* 4.2.6 */
static bool
token(struct slice *s, struct sf_value *out)
{
	size_t n = 1;

	while (n < s->n && (is(s->p[n], TCHAR) || s->p[n] == ':' || s->p[n] == '/'))
		n++;
	*out = (struct sf_value){ .type = SF_TOKEN, .text = take(s, n) };
	return true;
}

/* 4.2.7.  Padding may be left out, but what is there must be right. */
static bool
bytes(struct slice *s, struct sf_value *out)
{
	size_t n = 0, pad = 0;

	take(s, 1);
	while (n < s->n && (is_alpha(s->p[n]) || is_digit(s->p[n]) || s->p[n] == '+' ||
	    s->p[n] == '/'))
		n++;
	take(s, n);
	while (eat(s, '='))
		pad++;
	*out = (struct sf_value){ .type = SF_BYTES };
	return eat(s, ':') && n % 4 != 1 && (pad == 0 || (pad <= 2 && (n + pad) % 4 == 0));
}

/* 4.2.8 */
static bool
boolean(struct slice *s, struct sf_value *out)
{
	take(s, 1);
	*out = (struct sf_value){ .type = SF_BOOLEAN, .integer = at(*s, '1') };
	return eat(s, '0') || eat(s, '1');
}

/* 4.2.9 */
static bool
date(struct slice *s, struct sf_value *out)
{
	take(s, 1);
	if (!number(s, out) || out->type != SF_INTEGER)
		return false;
	out->type = SF_DATE;
	return true;
}

/* What may come next in a sequence of UTF-8 (RFC 3629 4); nothing is pending when need is 0. */
struct utf8 {
	unsigned	need;
	unsigned char	lo, hi;
};

static bool
utf8_feed(struct utf8 *u, unsigned char c)
{
	if (u->need > 0) {
		bool ok = c >= u->lo && c <= u->hi;

		*u = (struct utf8){ u->need - 1, 0x80, 0xbf };
		return ok;
	}
	*u = (struct utf8){ 0, 0x80, 0xbf };
	if (c < 0x80)
		return true;
	if (c < 0xc2 || c > 0xf4)
		return false;
	u->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	/* nothing too long, no surrogates, nothing past U+10FFFF */
	if (c == 0xe0)
		u->lo = 0xa0;
	else if (c == 0xed)
		u->hi = 0x9f;
	else if (c == 0xf0)
		u->lo = 0x90;
	else if (c == 0xf4)
		u->hi = 0x8f;
	return true;
}

/* After the "%": two digits, lower case. */
static bool
percent(struct slice *s, unsigned char *out)
{
	int high, low;

	if (s->n < 2)
		return false;
	high = s->p[0] <= '9' || is_lower(s->p[0]) ? hex_value(s->p[0]) : -1;
	low = s->p[1] <= '9' || is_lower(s->p[1]) ? hex_value(s->p[1]) : -1;
	take(s, 2);
	*out = (unsigned char)(high * 16 + low);
	return high >= 0 && low >= 0;
}

/* 4.2.10 */
static bool
display(struct slice *s, struct sf_value *out)
{
	struct utf8 u = { 0 };

	*out = (struct sf_value){ .type = SF_DISPLAY };
	take(s, 1);
	if (!eat(s, '"'))
		return false;
	while (s->n > 0) {
		unsigned char c = (unsigned char)take(s, 1).p[0];

		if (c < 0x20 || c > 0x7e)
			return false;
		if (c == '"')
			return u.need == 0;
		if (c == '%' && !percent(s, &c))
			return false;
		if (!utf8_feed(&u, c))
			return false;
	}
	return false;
}

/* 4.2.3.1 */
static bool
bare_item(struct slice *s, struct arena *a, struct sf_value *out)
{
	if (s->n == 0)
		return false;
	switch (s->p[0]) {
	case '"':
		return string(s, a, out);
	case ':':
		return bytes(s, out);
	case '?':
		return boolean(s, out);
	case '@':
		return date(s, out);
	case '%':
		return display(s, out);
	default:
		if (s->p[0] == '-' || is_digit(s->p[0]))
			return number(s, out);
		return (is_alpha(s->p[0]) || s->p[0] == '*') && token(s, out);
	}
}

/* 4.2.3.2 */
static bool
parameters(struct slice *s)
{
	struct slice name;
	struct sf_value v;

	while (eat(s, ';')) {
		skip_sp(s);
		if (!key(s, &name) || (eat(s, '=') && !bare_item(s, NULL, &v)))
			return false;
	}
	return true;
}

/* 4.2.1.2, its own parameters apart. */
static bool
inner_list(struct slice *s, struct sf_value *out)
{
	struct sf_value v;
	const char *start;

	take(s, 1);
	start = s->p;
	while (s->n > 0) {
		skip_sp(s);
		if (at(*s, ')')) {
			*out = (struct sf_value){ .type = SF_INNER_LIST,
			    .text = slice_of(start, (size_t)(s->p - start)) };
			return eat(s, ')');
		}
		if (!bare_item(s, NULL, &v) || !parameters(s) || (!at(*s, ' ') && !at(*s, ')')))
			return false;
	}
	return false;
}

/* 4.2.1.1 */
static bool
item_or_inner_list(struct slice *s, struct arena *a, struct sf_value *out)
{
	return (at(*s, '(') ? inner_list(s, out) : bare_item(s, a, out)) && parameters(s);
}

/* Of 4.2.2: a key alone is true. */
static bool
dictionary_member(struct slice *s, struct arena *a, struct sf_member *out)
{
	if (!key(s, &out->key))
		return false;
	if (eat(s, '='))
		return item_or_inner_list(s, a, &out->value);
	out->value = (struct sf_value){ .type = SF_BOOLEAN, .integer = 1 };
	return parameters(s);
}

static bool
list_member(struct slice *s, struct arena *a, struct sf_member *out)
{
	out->key = slice_of(NULL, 0);
	return item_or_inner_list(s, a, &out->value);
}

/* In a dictionary the last of a key overwrites the others (4.2.2). */
static void
put(struct sf *out, struct sf_member m)
{
	for (unsigned i = 0; m.key.n > 0 && i < out->n; i++)
		if (slice_eq(out->m[i].key, m.key)) {
			out->m[i].value = m.value;
			return;
		}
	out->m[out->n++] = m;
}

static unsigned
members_at_most(struct slice s)
{
	unsigned n = 1;

	for (size_t i = 0; i < s.n && n < SF_MEMBERS; i++)
		n += s.p[i] == ',';
	return n;
}

typedef bool member_fn(struct slice *s, struct arena *a, struct sf_member *out);

static bool
members(struct slice s, member_fn *member, struct arena *a, struct sf *out)
{
	struct sf_member m = { 0 };
	unsigned seen = 0;

	skip_sp(&s);
	if (s.n == 0)
		return true;
	out->m = arena_alloc(a, members_at_most(s) * sizeof *out->m);
	for (;;) {
		if (++seen > SF_MEMBERS || !member(&s, a, &m))
			return false;
		put(out, m);
		skip_ows(&s);
		if (s.n == 0)
			return true;
		if (!eat(&s, ','))
			return false;
		skip_ows(&s);
	}
}

/* As RFC 9110 5.2 joins them. */
static struct slice
joined(const struct head *h, struct slice name, struct arena *a)
{
	const struct hdr_field *first = hdr_get(h, name), *f;
	size_t n = 0;
	char *p, *to;

	for (f = first; f != NULL; f = hdr_next(h, name, f))
		n += f->value.n + 2;
	p = to = arena_alloc(a, n);
	for (f = first; f != NULL; f = hdr_next(h, name, f)) {
		if (f != first) {
			*to++ = ',';
			*to++ = ' ';
		}
		if (f->value.n > 0)
			memcpy(to, f->value.p, f->value.n);
		to += f->value.n;
	}
	return slice_of(p, (size_t)(to - p));
}

static bool
parse(const struct head *h, struct slice name, member_fn *member, struct arena *a, struct sf *out)
{
	const struct hdr_field *f = hdr_get(h, name);
	struct slice text;

	*out = (struct sf){ 0 };
	if (f == NULL)
		return false;
	text = hdr_next(h, name, f) == NULL ? f->value : joined(h, name, a);
	if (members(text, member, a, out))
		return true;
	*out = (struct sf){ 0 };
	return false;
}

bool
sf_dictionary(const struct head *h, struct slice name, struct arena *a, struct sf *out)
{
	return parse(h, name, dictionary_member, a, out);
}

bool
sf_list(const struct head *h, struct slice name, struct arena *a, struct sf *out)
{
	return parse(h, name, list_member, a, out);
}
