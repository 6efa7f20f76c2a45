/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: what a request has for the names of a Vary, as one string, a line for each name:
 *
 *	-			the request has no such field
 *	LENGTH=BYTES		as it came, several lines joined as RFC 9110 5.2 joins them
 *	LENGTH:MEMBERS		a list in its normal form
 *
 * The length is there so that no value can look like two.  The normal form is for the four fields
 * whose syntax and meaning we know (RFC 9110 12.5): members without white space, in lower case
 * where case means nothing, weights as short as they can be, in order, each once.  It is made only
 * of what is exactly in the grammar; anything else stays as it came, and so does a list in which
 * backends may read different things (two weights for one member, a parameter after the weight),
 * or that is too long to be worth it.  Members of one weight are sorted, but those of Accept: some
 * take their order for a preference, though that can't be relied on (12.5.4).
 *
 * What goes upstream for many is spelled like that too, in its own order (vary_respell()): else
 * whoever leads could choose by an odd spelling what all others of its variant get.
 *
 * Invariants: a list in normal form has at most LIST_MAX members in LIST_BYTES, ordered by what
 * they accept without the weight: some 3 us at worst, 0.1 for a browser's Accept-Encoding.
 *
 * Threads: pure.
 */
#include "http/vary.h"

#include "http/vary_priv.h"

#define LIST_MAX	32
#define LIST_BYTES	1024	/* longer fields stay as they came; browsers' have some 150 */

enum list_kind {
	LIST_NONE,		/* no list that we know */
	LIST_MEDIA,
	LIST_LANGUAGES,
	LIST_TOKENS,
	LIST_CODINGS,
};

static enum list_kind
kind_of(struct slice name)
{
	static const struct {
		struct slice	name;
		enum list_kind	kind;
	} t[] = {
		{ SLICE_INIT("accept"), LIST_MEDIA },
		{ SLICE_INIT("accept-charset"), LIST_TOKENS },
		{ SLICE_INIT("accept-encoding"), LIST_CODINGS },
		{ SLICE_INIT("accept-language"), LIST_LANGUAGES },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (slice_caseeq(name, t[i].name))
			return t[i].kind;
	return LIST_NONE;
}

/* One member in normal form. */
struct member {
	const char	*p;
	size_t		 range;		/* bytes of what it accepts: "text/html;level=1" */
	size_t		 n;		/* and with its weight: "text/html;level=1;q=0.5" */
};

struct list {
	char		text[LIST_BYTES];	/* the members, as they come */
	size_t		used;
	struct member	m[LIST_MAX];
	bool		sorted;			/* them; else they stand as they came */
	unsigned	n;
	size_t		bytes;			/* of all members, without what is between them */
};

/* A normal form is never longer than what it is made of, which was measured. */
static void
put(struct list *l, struct slice s, bool lower)
{
	for (size_t i = 0; i < s.n; i++)
		l->text[l->used++] = (char)(lower ? fold(s.p[i]) : s.p[i]);
}

/* Takes up to the first byte that isn't of the class. */
static struct slice
take(struct slice *s, unsigned class)
{
	struct slice head = { s->p, 0 };

	while (head.n < s->n && is(s->p[head.n], class))
		head.n++;
	*s = slice_of(s->p + head.n, s->n - head.n);
	return head;
}

static bool
take_char(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_of(s->p + 1, s->n - 1);
	return true;
}

/* A quoted string with its quotes (RFC 9110 5.6.4); empty: it isn't whole. */
static struct slice
take_quoted(struct slice *s)
{
	for (size_t i = 1; i < s->n; i++) {
		if (s->p[i] == '\\')
			i++;
		else if (s->p[i] == '"') {
			struct slice quoted = { s->p, i + 1 };

			*s = slice_of(s->p + i + 1, s->n - i - 1);
			return quoted;
		}
	}
	return SLICE("");
}

/* RFC 4647 2.1, of any length: letters and digits with hyphens between, or "*". */
static bool
is_language(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		int c = fold(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !is_digit((char)c) && c != '-' && c != '*')
			return false;
	}
	return true;
}

static bool
add_range(struct list *l, enum list_kind kind, struct slice *s)
{
	struct slice name = take(s, TCHAR);

	if (name.n == 0)
		return false;
	if (kind == LIST_LANGUAGES && !is_language(name))
		return false;
	put(l, kind == LIST_CODINGS ? plain_coding(name) : name, true);
	if (kind != LIST_MEDIA)
		return true;
	if (!take_char(s, '/') || (name = take(s, TCHAR)).n == 0)
		return false;
	put(l, SLICE("/"), false);
	put(l, name, true);
	return true;
}

/* RFC 9110 12.4.2: 0 or 1, up to three digits.  What is left of it without zeros at its end. */
static bool
short_weight(struct slice *w)
{
	if (w->n == 0 || w->n > 5 || (w->p[0] != '0' && w->p[0] != '1') ||
	    (w->n > 1 && w->p[1] != '.'))
		return false;
	for (size_t i = 2; i < w->n; i++)
		if (w->p[0] == '1' ? w->p[i] != '0' : !is_digit(w->p[i]))
			return false;
	while (w->n > 2 && w->p[w->n - 1] == '0')
		w->n--;
	if (w->n == 2)
		w->n = 1;
	return true;
}

/* Parameters and weight.  The weight must be the last: what is after it may belong to either. */
static bool
add_parameters(struct list *l, enum list_kind kind, struct slice s, size_t *range)
{
	struct slice name, value;

	for (s = slice_trim(s); s.n > 0; s = slice_trim(s)) {
		if (!take_char(&s, ';'))
			return false;
		s = slice_trim(s);
		name = take(&s, TCHAR);
		if (name.n == 0 || !take_char(&s, '='))
			return false;
		if (name.n == 1 && fold(name.p[0]) == 'q') {
			value = s;
			if (!short_weight(&value))
				return false;
			*range = l->used;
			if (!slice_eq(value, SLICE("1"))) {
				put(l, SLICE(";q="), false);
				put(l, value, false);
			}
			return true;
		}
		value = s.n > 0 && s.p[0] == '"' ? take_quoted(&s) : take(&s, TCHAR);
		if (kind != LIST_MEDIA || value.n == 0)
			return false;
		put(l, SLICE(";"), false);
		put(l, name, true);
		put(l, SLICE("="), false);
		put(l, value, false);
	}
	*range = l->used;
	return true;
}

/* Into its place, unless it is there already.  False: it is there with another weight. */
static bool
place(struct list *l, struct member m)
{
	unsigned at = l->n, i = l->n;
	int d = -1;

	while (i > 0 && (d = order(slice_of(m.p, m.range),
			     slice_of(l->m[i - 1].p, l->m[i - 1].range))) != 0) {
		i--;
		if (d < 0 && l->sorted)
			at = i;
		else if (l->sorted)
			break;
	}
	if (d == 0)
		return slice_eq(slice_of(m.p, m.n), slice_of(l->m[i - 1].p, l->m[i - 1].n));
	memmove(&l->m[at + 1], &l->m[at], (l->n - at) * sizeof l->m[0]);
	l->m[at] = m;
	l->n++;
	l->bytes += m.n;
	return true;
}

/* False: it is not to be normalised. */
static bool
add_member(struct list *l, enum list_kind kind, struct slice item)
{
	size_t start = l->used, range;

	if (l->n == LIST_MAX || !add_range(l, kind, &item) ||
	    !add_parameters(l, kind, item, &range))
		return false;
	return place(l, (struct member){ l->text + start, range - start, l->used - start });
}

/* The lines of one field of a request. */
struct lines {
	const struct head	*req;
	struct slice		 name;
	const struct hdr_field	*first;		/* NULL: absent */
	unsigned		 n;
	size_t			 bytes;		/* joined */
};

static const struct hdr_field *
next_line(const struct lines *in, unsigned *i, const struct hdr_field *f)
{
	return ++*i < in->n ? hdr_next(in->req, in->name, f) : NULL;
}

static bool
normalise(const struct lines *in, enum list_kind kind, struct list *l)
{
	const struct hdr_field *f = in->first;
	struct slice rest, item;
	unsigned i = 0;

	if (in->bytes > LIST_BYTES || in->n > LIST_MAX)
		return false;
	do {
		rest = f->value;
		while (slice_list_next(&rest, &item))
			if (!add_member(l, kind, item))
				return false;
	} while ((f = next_line(in, &i, f)) != NULL);
	return true;
}

static void
add_members(const struct list *l, struct buf *out)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (i > 0)
			buf_add(out, ",", 1);
		buf_add(out, l->m[i].p, l->m[i].n);
	}
}

static void
add_list(const struct list *l, struct buf *out)
{
	size_t n = l->bytes + (l->n > 0 ? l->n - 1 : 0);

	buf_reserve(out, n + 8);
	buf_add_u64(out, n);
	buf_add(out, ":", 1);
	add_members(l, out);
}

static void
add_as_it_came(const struct lines *in, struct buf *out)
{
	const struct hdr_field *f = in->first;
	unsigned i = 0;
	size_t n = 0;

	buf_add_u64(out, in->bytes);
	buf_add(out, "=", 1);
	do {
		if (n > 0)
			buf_add(out, ", ", 2);
		buf_add_slice(out, f->value);
		n += f->value.n;
	} while ((f = next_line(in, &i, f)) != NULL);
}

static struct lines
gather(const struct head *req, struct slice name)
{
	struct lines in = { .req = req, .name = name };
	const struct hdr_field *f = NULL;

	while ((f = hdr_next(req, name, f)) != NULL) {
		if (in.n++ == 0)
			in.first = f;
		in.bytes += f->value.n + (in.bytes > 0 ? 2 : 0);
	}
	return in;
}

static void
list_init(struct list *l, bool sorted)
{
	l->used = l->bytes = 0;
	l->n = 0;
	l->sorted = sorted;
}

static void
add_values(const struct head *req, struct slice name, struct buf *out)
{
	struct lines in = gather(req, name);
	enum list_kind kind;
	struct list l;

	if (in.first == NULL) {
		buf_add(out, "-", 1);
		return;
	}
	kind = kind_of(name);
	/* Which of two types of one weight comes first matters to most who choose by Accept. */
	list_init(&l, kind != LIST_MEDIA);
	if (kind != LIST_NONE && normalise(&in, kind, &l))
		add_list(&l, out);
	else
		add_as_it_came(&in, out);
}

void
vary_values(const struct head *req, struct slice names, struct buf *out)
{
	struct slice name;

	while (slice_list_next(&names, &name)) {
		add_values(req, name, out);
		buf_add(out, "\n", 1);
	}
}

bool
vary_respell(const struct head *req, const struct hdr_field *f, struct buf *out)
{
	enum list_kind kind = kind_of(f->name);
	struct lines in;
	struct list l;

	if (kind == LIST_NONE)
		return false;
	in = gather(req, f->name);
	list_init(&l, false);
	if (!normalise(&in, kind, &l))
		return false;
	if (in.first == f) {
		buf_add_slice(out, f->name);
		buf_add_slice(out, SLICE(": "));
		add_members(&l, out);
		buf_add_slice(out, SLICE("\r\n"));
	}
	return true;
}
