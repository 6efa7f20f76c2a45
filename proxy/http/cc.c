/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: walk the list members of all fields of that name; each is a name, perhaps with "=" and an
 * argument, bare or quoted (RFC 9111 5.2 wants both forms read alike).
 *
 * Rules: the first of repeated numbers counts (4.2.1); a lifetime that is there but can't be read
 * counts as stale, never as absent, so that a typing error can't make the operator's own ttl
 * apply; white space around "=" is such an error for numbers, but does not hide a no-store or
 * private.  Numbers too large are CC_MAX (1.2.2).
 *
 * Threads: pure.
 *
 * Why not look directives up when asked: several rules ask about the same head, and quoting makes
 * searching the raw text wrong.
 */
#include "http/cc.h"

struct directive {
	struct slice	name;
	struct slice	arg;		/* without its quotes */
	bool		has_arg;
	bool		spaced;		/* white space around "=" */
};

static struct directive
directive_of(struct slice item)
{
	const char *eq = memchr(item.p, '=', item.n);
	struct directive d = { .name = item };
	struct slice name, arg;

	if (eq == NULL)
		return d;
	name = slice_of(item.p, (size_t)(eq - item.p));
	arg = slice_of(eq + 1, item.n - name.n - 1);
	d.has_arg = true;
	d.name = slice_trim(name);
	d.arg = slice_trim(arg);
	d.spaced = d.name.n != name.n || d.arg.n != arg.n;
	if (d.arg.n >= 2 && d.arg.p[0] == '"' && d.arg.p[d.arg.n - 1] == '"')
		d.arg = slice_of(d.arg.p + 1, d.arg.n - 2);
	return d;
}

/* delta-seconds, RFC 9111 1.2.2; CC_NONE if it is none. */
static int64_t
seconds_of(const struct directive *d)
{
	uint64_t v;

	if (d->spaced || d->arg.n == 0)
		return CC_NONE;
	for (size_t i = 0; i < d->arg.n; i++)
		if (d->arg.p[i] < '0' || d->arg.p[i] > '9')
			return CC_NONE;
	if (slice_u64(d->arg, &v) != 0 || v > CC_MAX)
		return CC_MAX;
	return (int64_t)v;
}

static bool
set_flag(const struct directive *d, struct cc *cc)
{
	const struct {
		struct slice	 name;
		bool		*flag;
	} t[] = {
		{ SLICE("no-store"), &cc->no_store },
		{ SLICE("public"), &cc->is_public },
		{ SLICE("must-revalidate"), &cc->must_revalidate },
		{ SLICE("proxy-revalidate"), &cc->proxy_revalidate },
		{ SLICE("no-transform"), &cc->no_transform },
		{ SLICE("only-if-cached"), &cc->only_if_cached },
		{ SLICE("must-understand"), &cc->must_understand },
		{ SLICE("immutable"), &cc->immutable },
		/* with names of fields in an argument, these two mean less */
		{ SLICE("no-cache"), d->arg.n > 0 ? &cc->no_cache_fields : &cc->no_cache },
		{ SLICE("private"), d->arg.n > 0 ? &cc->private_fields : &cc->is_private },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (slice_caseeq(d->name, t[i].name)) {
			*t[i].flag = true;
			return true;
		}
	return false;
}

static void
set_number(const struct directive *d, struct cc *cc)
{
	bool no_matter = false;
	const struct {
		struct slice	 name;
		int64_t		*seconds;
		bool		*is_bad;
	} t[] = {
		{ SLICE("max-age"), &cc->max_age, &cc->max_age_bad },
		{ SLICE("s-maxage"), &cc->s_maxage, &cc->s_maxage_bad },
		{ SLICE("min-fresh"), &cc->min_fresh, &no_matter },
		{ SLICE("max-stale"), &cc->max_stale, &no_matter },
		{ SLICE("stale-while-revalidate"), &cc->stale_while_revalidate, &no_matter },
		{ SLICE("stale-if-error"), &cc->stale_if_error, &no_matter },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (!slice_caseeq(d->name, t[i].name))
			continue;
		if (*t[i].seconds != CC_NONE || *t[i].is_bad)
			return;
		*t[i].seconds = seconds_of(d);
		*t[i].is_bad = *t[i].seconds == CC_NONE;
		/* max-stale alone: of any age, RFC 9111 5.2.1.2 */
		if (t[i].seconds == &cc->max_stale && !d->has_arg)
			cc->max_stale = CC_MAX;
		return;
	}
}

/* A quoted string without an end: it swallowed whatever was said after it. */
static bool
is_unclosed(struct slice item)
{
	bool quoted = false;

	for (size_t i = 0; i < item.n; i++) {
		if (quoted && item.p[i] == '\\')
			i++;
		else if (item.p[i] == '"')
			quoted = !quoted;
	}
	return quoted;
}

void
cc_parse(const struct head *h, struct slice field, struct cc *out)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item;

	*out = (struct cc){
		.max_age = CC_NONE, .s_maxage = CC_NONE, .min_fresh = CC_NONE,
		.max_stale = CC_NONE, .stale_while_revalidate = CC_NONE,
		.stale_if_error = CC_NONE,
	};
	while ((f = hdr_next(h, field, f)) != NULL) {
		out->present = true;
		rest = f->value;
		while (slice_list_next(&rest, &item)) {
			struct directive d = directive_of(item);

			if (!set_flag(&d, out))
				set_number(&d, out);
			/* It may have been a no-store: the safe reading. */
			if (is_unclosed(item))
				out->no_store = true;
		}
	}
}
