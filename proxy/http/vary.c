/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: the names of a Vary become one sorted, comma-separated string; a request's values for
 * them become another, a line for each name:
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
 * or that is too long to be worth it.  Some take the order of members of one weight for a
 * preference, though that can't be relied on (12.5.4): they are where the form forgets something.
 *
 * Which coding: an answer that was stored for one Accept-Encoding may do for another
 * (vary_match()).  A request gives every coding a rank: refused, tolerated (identity that nobody
 * names), wanted (a weight of 1, or "*").  The backend knew the ranks of the first request and
 * chose.  If for the second request the chosen coding is ranked no lower, and no other is ranked
 * higher, then a backend that chooses for a reason chooses the same again.  So gzip that was chosen
 * for "gzip, br" is good for "gzip", but gzip for "gzip" is not for "gzip, br": it might have been
 * br.  Other weights than 1 and 0 express a preference that only equal ones share.  No
 * Accept-Encoding at all lets the backend do anything (12.5.3), so it is a case of its own.
 *
 * Invariants: names are tokens, lower case, each once; at most VARY_MAX of them and VARY_BYTES in
 * all, for vary_any() calls a longer list "*", and one with a member that is no token.  That bounds
 * the work for each request to VARY_MAX scans of its fields, whatever a backend sends.  A list in
 * normal form has at most LIST_MAX members in LIST_BYTES, ordered by what they accept without the
 * weight: some 3 us at worst, 0.1 for a browser's Accept-Encoding.
 *
 * Threads: pure.
 */
#include "http/vary.h"

#include "http/parse_priv.h"

#define VARY_MAX	32
#define VARY_BYTES	1024	/* of all names together */
#define LIST_MAX	32
#define LIST_BYTES	1024	/* longer fields stay as they came; browsers' have some 150 */

static const struct slice vary = SLICE_INIT("Vary");

static bool
is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is(s.p[i], TCHAR))
			return false;
	return s.n > 0;
}

/* Fields that we write: no client's request tells what the backend saw in them. */
static bool
is_our_own(struct slice name)
{
	return hdr_is_forwarded(name) || slice_caseeq(name, SLICE("Via"));
}

bool
vary_any(const struct head *resp)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item;
	unsigned members = 0;
	size_t bytes = 0;

	while ((f = hdr_next(resp, vary, f)) != NULL) {
		bytes += f->value.n;
		if (bytes > VARY_BYTES)
			return true;
		rest = f->value;
		while (slice_list_next(&rest, &item))
			if (slice_eq(item, SLICE("*")) || !is_token(item) ||
			    ++members > VARY_MAX || is_our_own(item))
				return true;
	}
	return false;
}

static int
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static int
compare(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int d = fold(a.p[i]) - fold(b.p[i]);

		if (d != 0)
			return d;
	}
	return (a.n > b.n) - (a.n < b.n);
}

/* Into its place among those there, unless it is there already. */
static unsigned
insert(struct slice *names, unsigned n, struct slice name)
{
	unsigned at = n;

	while (at > 0 && compare(name, names[at - 1]) < 0)
		at--;
	if (at > 0 && compare(name, names[at - 1]) == 0)
		return n;
	memmove(&names[at + 1], &names[at], (n - at) * sizeof *names);
	names[at] = name;
	return n + 1;
}

void
vary_names(const struct head *resp, struct buf *out)
{
	const struct hdr_field *f = NULL;
	struct slice names[VARY_MAX], rest, item;
	unsigned n = 0;

	while ((f = hdr_next(resp, vary, f)) != NULL) {
		rest = f->value;
		while (n < VARY_MAX && slice_list_next(&rest, &item))
			if (is_token(item))
				n = insert(names, n, item);
	}
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			buf_add(out, ",", 1);
		for (size_t k = 0; k < names[i].n; k++) {
			char c = (char)fold(names[i].p[k]);

			buf_add(out, &c, 1);
		}
	}
}

/* The normal form of a list. */

enum list_kind {
	LIST_NONE,		/* no list that we know */
	LIST_MEDIA,
	LIST_LANGUAGES,
	LIST_TOKENS,
	LIST_CODINGS,
};

/* name is lower case. */
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
		if (slice_eq(name, t[i].name))
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
	struct member	m[LIST_MAX];		/* ordered */
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

/* RFC 9110 8.4.1: these are other names of the same. */
static struct slice
plain_coding(struct slice name)
{
	if (slice_caseeq(name, SLICE("x-gzip")) || slice_caseeq(name, SLICE("x-compress")))
		return slice_of(name.p + 2, name.n - 2);
	return name;
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

static int
order(struct slice a, struct slice b)
{
	int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

/* Into its place, unless it is there already.  False: it is there with another weight. */
static bool
place(struct list *l, struct member m)
{
	unsigned at = l->n;
	int d = -1;

	while (at > 0 && (d = order(slice_of(m.p, m.range),
			      slice_of(l->m[at - 1].p, l->m[at - 1].range))) < 0)
		at--;
	if (at > 0 && d == 0)
		return slice_eq(slice_of(m.p, m.n), slice_of(l->m[at - 1].p, l->m[at - 1].n));
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

	if (in->bytes > LIST_BYTES)
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
add_list(const struct list *l, struct buf *out)
{
	size_t n = l->bytes + (l->n > 0 ? l->n - 1 : 0);

	buf_reserve(out, n + 8);
	buf_add_u64(out, n);
	buf_add(out, ":", 1);
	for (unsigned i = 0; i < l->n; i++) {
		if (i > 0)
			buf_add(out, ",", 1);
		buf_add(out, l->m[i].p, l->m[i].n);
	}
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

static void
add_values(const struct head *req, struct slice name, struct buf *out)
{
	struct lines in = { .req = req, .name = name };
	const struct hdr_field *f = NULL;
	enum list_kind kind;
	struct list l;

	while ((f = hdr_next(req, name, f)) != NULL) {
		if (in.n++ == 0)
			in.first = f;
		in.bytes += f->value.n + (in.bytes > 0 ? 2 : 0);
	}
	if (in.first == NULL) {
		buf_add(out, "-", 1);
		return;
	}
	l.used = 0;
	l.n = 0;
	l.bytes = 0;
	kind = kind_of(name);
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

/* The match of codings. */

enum rank {
	REFUSED,
	TOLERATED,
	WANTED,
};

/* What an Accept-Encoding in its normal form says, read from its start to its end. */
struct codings {
	struct slice	rest;		/* what comes after the current one */
	struct slice	name;		/* the current one; empty: there are no more */
	enum rank	rank;
	enum rank	identity, others;	/* others: that are not named */
};

/* False: a weight that is neither 1 nor 0. */
static bool
next_coding(struct codings *c)
{
	const char *end = memchr(c->rest.p, ',', c->rest.n), *weight;
	size_t n = end == NULL ? c->rest.n : (size_t)(end - c->rest.p);
	struct slice item = { c->rest.p, n };

	c->rest = end == NULL ? SLICE("") : slice_of(end + 1, c->rest.n - n - 1);
	c->name = item;
	c->rank = WANTED;
	if ((weight = memchr(item.p, ';', item.n)) == NULL)
		return true;
	c->name.n = (size_t)(weight - item.p);
	c->rank = REFUSED;
	return slice_eq(slice_of(weight, item.n - c->name.n), SLICE(";q=0"));
}

/* Leaves c at its first one. */
static bool
read_codings(struct slice value, struct codings *c)
{
	bool named = false, star = false;

	*c = (struct codings){ .rest = value, .identity = TOLERATED, .others = REFUSED };
	do {
		if (!next_coding(c))
			return false;
		if (slice_eq(c->name, SLICE("identity"))) {
			c->identity = c->rank;
			named = true;
		} else if (slice_eq(c->name, SLICE("*"))) {
			c->others = c->rank;
			star = true;
		}
	} while (c->rest.n > 0);
	if (star && !named)
		c->identity = c->others;
	c->rest = value;
	return next_coding(c);
}

/* The backend had `then` to go by when it chose; by `now` it would choose so again. */
static bool
keeps(bool chosen, enum rank then, enum rank now)
{
	return chosen ? then > REFUSED && now >= then : now <= then;
}

/* Both lists are ordered, so one walk through both sees each coding that either names. */
static bool
same_choice(struct codings *then, struct codings *now, struct slice coding)
{
	bool met = false;

	while (then->name.n > 0 || now->name.n > 0) {
		int d = then->name.n == 0 ? 1 : now->name.n == 0 ? -1 :
		    order(then->name, now->name);
		struct slice name = d <= 0 ? then->name : now->name;
		bool chosen = slice_caseeq(name, coding);

		met |= chosen;
		if (!slice_eq(name, SLICE("*")) && !slice_eq(name, SLICE("identity")) &&
		    !keeps(chosen, d <= 0 ? then->rank : then->others,
			d >= 0 ? now->rank : now->others))
			return false;
		if (d <= 0)
			next_coding(then);
		if (d >= 0)
			next_coding(now);
	}
	if (slice_caseeq(coding, SLICE("identity")))
		return keeps(true, then->identity, now->identity) &&
		    keeps(false, then->others, now->others);
	return keeps(false, then->identity, now->identity) &&
	    keeps(false, then->others, now->others) &&
	    (met || keeps(true, then->others, now->others));
}

/* One line of vary_values(): its sign, its bytes.  False at the end. */
static bool
next_value(struct slice *rest, char *sign, struct slice *value)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < rest->n && is_digit(rest->p[i]) && n <= rest->n; i++)
		n = n * 10 + (uint64_t)(rest->p[i] - '0');
	/* A sign, the bytes and the line's end. */
	if (rest->n - i < 2 || n > rest->n - i - 2)
		return false;
	*sign = rest->p[i];
	*value = slice_of(rest->p + i + 1, (size_t)n);
	*rest = slice_of(value->p + n + 1, rest->n - i - 2 - (size_t)n);
	return true;
}

/* Accept-Encoding then and now, and what came of it then. */
static bool
coding_fits(struct slice then, struct slice now, struct slice coding)
{
	struct codings a, b;

	coding = coding.n == 0 ? SLICE("identity") : plain_coding(coding);
	return is_token(coding) && !slice_eq(coding, SLICE("*")) && read_codings(then, &a) &&
	    read_codings(now, &b) && same_choice(&a, &b, coding);
}

bool
vary_match(struct slice names, struct slice stored_values, struct slice coding, struct slice values)
{
	struct slice name, then, now;
	char then_sign, now_sign;

	if (slice_eq(stored_values, values))
		return true;
	while (slice_list_next(&names, &name)) {
		if (!next_value(&stored_values, &then_sign, &then) ||
		    !next_value(&values, &now_sign, &now))
			return false;
		if (then_sign == now_sign && slice_eq(then, now))
			continue;
		if (then_sign != ':' || now_sign != ':' || kind_of(name) != LIST_CODINGS ||
		    !coding_fits(then, now, coding))
			return false;
	}
	return true;
}
