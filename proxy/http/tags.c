/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: the words of some fields become lines.  Who writes a field decides how it is divided; from
 * there on a word is a word, and its case counts.
 *
 * Invariants: no line comes twice, there are at most TAGS_MAX of them, in TAGS_BYTES with their
 * kinds and ends.  A word holds no line feed: fields have none, and a structured string is
 * printable ASCII.  At most TAGS_LOOKED words are compared with the lines there are, so a field
 * full of one word costs no more than one full of different ones.
 *
 * Threads: pure.
 */
#include "http/tags.h"

#include "http/parse_priv.h"
#include "http/sf.h"

#define TAGS_LOOKED	(TAGS_MAX * 4)

static const struct slice groups = SLICE_INIT("Cache-Groups");

struct tags {
	struct buf	*out;
	size_t		 start;		/* of the first line in out */
	unsigned	 n;
	unsigned	 looked;
};

static bool
is_there(const struct tags *t, char kind, struct slice word)
{
	struct slice line, all = buf_slice(t->out);

	for (size_t at = t->start; at < all.n; at += line.n + 1) {
		const char *p = all.p + at, *end = memchr(p, '\n', all.n - at);

		line = slice_of(p, (size_t)(end - p));
		if (line.p[0] == kind && slice_eq(slice_of(line.p + 2, line.n - 2), word))
			return true;
	}
	return false;
}

static void
add(struct tags *t, char kind, struct slice word)
{
	const char head[] = { kind, ':' };

	if (t->n == TAGS_MAX || t->looked == TAGS_LOOKED)
		return;
	t->looked++;
	if (t->out->n - t->start + sizeof head + word.n + 1 > TAGS_BYTES ||
	    is_there(t, kind, word))
		return;
	buf_add(t->out, head, sizeof head);
	buf_add_slice(t->out, word);
	buf_add(t->out, "\n", 1);
	t->n++;
}

static void
add_words(struct tags *t, struct slice s, bool commas)
{
	size_t i = 0, start;

	while (i < s.n) {
		for (start = i; i < s.n && !is_ows(s.p[i]) && !(commas && s.p[i] == ','); i++)
			;
		if (i > start)
			add(t, 't', slice_of(s.p + start, i - start));
		i++;
	}
}

/* RFC 9875 2: strings, whose parameters mean nothing yet; what has another member is invalid. */
static void
add_strings(struct tags *t, const struct head *h, struct slice name, char kind)
{
	struct arena a = { 0 };
	struct sf list;
	bool ok;

	if (hdr_get(h, name) == NULL)
		return;
	ok = sf_list(h, name, &a, &list);
	for (unsigned i = 0; ok && i < list.n; i++)
		ok = list.m[i].value.type == SF_STRING;
	for (unsigned i = 0; ok && i < list.n; i++)
		add(t, kind, list.m[i].value.text);
	arena_fini(&a);
}

static void
add_field(struct tags *t, const struct head *h, struct slice name)
{
	bool commas = !slice_caseeq(name, SLICE("Surrogate-Key")) &&
	    !slice_caseeq(name, SLICE("xkey"));
	const struct hdr_field *f = NULL;

	while ((f = hdr_next(h, name, f)) != NULL)
		add_words(t, f->value, commas);
}

void
tags_of(const struct head *resp, const struct conf_strings *fields, struct buf *out)
{
	struct tags t = { .out = out, .start = out->n };

	/* Groups first: they are the answer's own promise, purge tags only its operator's tool. */
	add_strings(&t, resp, groups, 'g');
	for (unsigned i = 0; i < fields->n; i++) {
		struct slice name = slice_str(fields->v[i]);

		if (slice_caseeq(name, groups))
			add_strings(&t, resp, name, 't');
		else
			add_field(&t, resp, name);
	}
}

void
tags_invalidated(const struct head *resp, struct buf *out)
{
	struct tags t = { .out = out, .start = out->n };

	add_strings(&t, resp, SLICE("Cache-Group-Invalidation"), 'g');
}
