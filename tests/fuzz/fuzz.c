/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: inputs are text, so that a seed is written with an editor and a finding is read with one;
 * what the parser would never let through is made harmless here, for the rules of http/ rely on it.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/contract.h"

#define FIELDS_MAX	100

bool
fuzz_line(struct slice *rest, struct slice *line)
{
	const char *end;
	size_t n;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, '\n', rest->n);
	n = end == NULL ? rest->n : (size_t)(end - rest->p);
	*line = slice_of(rest->p, n > 0 && rest->p[n - 1] == '\r' ? n - 1 : n);
	n += end != NULL;
	*rest = slice_of(rest->p + n, rest->n - n);
	return true;
}

bool
fuzz_part(struct slice *rest, struct slice *part)
{
	struct slice line;

	if (rest->n == 0)
		return false;
	*part = slice_of(rest->p, 0);
	while (fuzz_line(rest, &line) && !slice_eq(line, SLICE("--")))
		part->n = (size_t)(line.p + line.n - part->p);
	return true;
}

static bool
is_token(struct slice s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], lower = (char)(c | 0x20);

		if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') &&
		    (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return s.n > 0;
}

void
fuzz_add(struct head *h, struct slice name, struct slice value)
{
	struct buf b = { 0 };

	buf_add_slice(&b, value);
	for (size_t i = 0; i < b.n; i++) {
		unsigned char c = (unsigned char)b.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			b.p[i] = '?';
	}
	hdr_add(h, name, slice_trim(buf_slice(&b)));
	buf_fini(&b);
}

void
fuzz_head(struct head *h, struct slice text)
{
	struct slice line;

	while (h->n < FIELDS_MAX && fuzz_line(&text, &line)) {
		const char *colon = memchr(line.p, ':', line.n);
		size_t n = colon == NULL ? 0 : (size_t)(colon - line.p);

		if (is_token(slice_of(line.p, n)))
			fuzz_add(h, slice_of(line.p, n), slice_of(colon + 1, line.n - n - 1));
	}
}

void
fuzz_join(const struct head *h, struct slice name, struct buf *out)
{
	const struct hdr_field *f = NULL;

	while ((f = hdr_next(h, name, f)) != NULL) {
		if (f != hdr_get(h, name))
			buf_add(out, ", ", 2);
		buf_add_slice(out, f->value);
	}
}

void
fuzz_joined(const struct head *h, struct slice name, struct head *out)
{
	struct buf b = { 0 };

	fuzz_join(h, name, &b);
	head_copy(out, h);
	if (hdr_remove(out, name) > 0)
		hdr_add(out, name, slice_trim(buf_slice(&b)));
	buf_fini(&b);
}

void
fuzz_same(struct buf *a, struct buf *b)
{
	ASSERT(slice_eq(buf_slice(a), buf_slice(b)));
	buf_fini(a);
	buf_fini(b);
}
