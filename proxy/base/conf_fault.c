/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The faults of one reading.  They are found in the order in which the rows are asked, and reported
 * in the order of the file, because that is how a person goes through it.  Their number is bounded:
 * a file of the wrong kind altogether has one on every line.
 */
#include "base/conf_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define QUOTE_MAX	80	/* bytes of a value that a message repeats */

void
conf_fault(struct conf_faults *f, struct conf_place at, const char *fmt, ...)
{
	struct buf text = { 0 };
	struct conf_fault *v;
	va_list ap;

	if (f->n == CONF_FAULTS_MAX) {
		f->more++;
		return;
	}
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	v = &f->v[f->n];
	v->at = at;
	v->seq = f->n++;
	v->text = conf_strdup(f->arena, buf_str(&text));
	buf_fini(&text);
}

static int
by_place(const void *va, const void *vb)
{
	const struct conf_fault *a = va, *b = vb;

	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.col != b->at.col)
		return a->at.col < b->at.col ? -1 : 1;
	return a->seq < b->seq ? -1 : 1;
}

void
conf_faults_write(struct conf_faults *f, struct buf *out)
{
	unsigned i;

	qsort(f->v, f->n, sizeof f->v[0], by_place);
	for (i = 0; i < f->n; i++) {
		const struct conf_fault *v = &f->v[i];

		buf_add_str(out, v->at.file);
		if (v->at.line > 0)
			buf_addf(out, ":%u:%u", v->at.line, v->at.col);
		buf_addf(out, ": %s\n", v->text);
	}
	if (f->more > 0)
		buf_addf(out, "%s: %u more faults are not listed\n", f->v[0].at.file, f->more);
}

const char *
conf_quote(struct arena *a, const char *text)
{
	struct buf b = { 0 };
	const unsigned char *s = (const unsigned char *)text;
	const char *quoted;
	size_t i;

	buf_add_str(&b, "\"");
	/* A clip must not cut a UTF-8 sequence: its later bytes begin with the bits 10. */
	for (i = 0; s[i] != 0 && (i < QUOTE_MAX || (s[i] & 0xc0) == 0x80); i++) {
		if (s[i] < 0x20 || s[i] == 0x7f)
			buf_addf(&b, "\\x%02x", s[i]);
		else
			buf_add(&b, &s[i], 1);
	}
	buf_add_str(&b, s[i] != 0 ? "...\"" : "\"");
	quoted = conf_strdup(a, buf_str(&b));
	buf_fini(&b);
	return quoted;
}
