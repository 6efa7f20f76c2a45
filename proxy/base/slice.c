/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a slice is a view, a buf an owner; nothing here knows what the bytes mean beyond ASCII
 * case, OWS, digits and comma-separated lists, which every HTTP rule needs.
 *
 * Invariants: buf.n <= buf.cap; buf.p is NULL exactly when cap is 0.  A slice of length 0 may have
 * any pointer, NULL included, so no function here hands such a pointer to memcpy or memcmp.
 *
 * Threads: pure, or one owner per buf.
 *
 * Why not the locale's tolower and friends: protocol text is ASCII whatever the machine speaks.
 */
#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/contract.h"

#define BUF_MIN		64

static inline unsigned char
lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static inline bool
is_ows(char c)
{
	return c == ' ' || c == '\t';
}

bool
slice_caseeq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool
slice_casein(struct slice s, const struct slice *set, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_caseeq(s, set[i]))
			return true;
	return false;
}

bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

struct slice
slice_trim(struct slice s)
{
	while (s.n > 0 && is_ows(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_ows(s.p[s.n - 1]))
		s.n--;
	return s;
}

int
slice_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -1;
	}
	*out = v;
	return 0;
}

/*
 * Bytes up to the comma that ends the element.  A quoted string that never closes takes the rest:
 * what is inside it must not be read as directives of their own.
 */
static size_t
element_len(struct slice s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == ',' && !quoted)
			break;
	}
	return i;
}

bool
slice_list_next(struct slice *rest, struct slice *item)
{
	while (rest->n > 0) {
		size_t len = element_len(*rest);
		size_t past = len < rest->n ? len + 1 : len;

		*item = slice_trim(slice_of(rest->p, len));
		*rest = slice_of(rest->p + past, rest->n - past);
		if (item->n > 0)
			return true;
	}
	return false;
}

void
buf_reserve(struct buf *b, size_t more)
{
	size_t need, cap;
	char *p;

	ASSERT(!__builtin_add_overflow(b->n, more, &need));
	if (need <= b->cap)
		return;
	ASSERT(need <= SIZE_MAX / 2);
	cap = b->cap * 2 < BUF_MIN ? BUF_MIN : b->cap * 2;
	if (cap < need)
		cap = need;
	p = realloc(b->p, cap);
	ASSERT(p != NULL);
	b->p = p;
	b->cap = cap;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	buf_reserve(b, n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void
buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	buf_reserve(b, BUF_MIN);
	va_copy(again, ap);
	len = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	ASSERT(len >= 0);
	if ((size_t)len >= b->cap - b->n) {
		buf_reserve(b, (size_t)len + 1);
		len = vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
		ASSERT(len >= 0 && (size_t)len < b->cap - b->n);
	}
	va_end(again);
	b->n += (size_t)len;
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(b, digits + at, sizeof digits - at);
}

void
buf_drop(struct buf *b, size_t n)
{
	ASSERT(n <= b->n);
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

char *
buf_str(struct buf *b)
{
	buf_reserve(b, 1);
	b->p[b->n] = '\0';
	return b->p;
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}
