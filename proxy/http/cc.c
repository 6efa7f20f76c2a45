/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: walk the list members of all fields of that name; each is a name, perhaps with "=" and an
 * argument, bare or quoted (RFC 9111 5.2 wants both forms read alike).  A response may have a field
 * aimed at us: CDN-Cache-Control, which is a structured field, goes before Surrogate-Control, which
 * is written like Cache-Control with some things of its own, and that before Cache-Control.
 *
 * Rules: the first of repeated numbers counts (4.2.1); a lifetime that is there but can't be read
 * counts as stale, never as absent, so that a typing error can't make the operator's own ttl
 * apply; white space around "=" is such an error for numbers, but does not hide a no-store or
 * private.  Numbers too large are CC_MAX (1.2.2).  Only CDN-Cache-Control is all or nothing: one
 * that is wrong anywhere is absent (RFC 9213 2.1).
 *
 * Threads: pure.
 *
 * Why not look directives up when asked: several rules ask about the same head, and quoting makes
 * searching the raw text wrong.
 */
#include "http/cc.h"

#include <stddef.h>

#include "http/parse_priv.h"
#include "http/sf.h"

struct directive {
	struct slice	name;
	struct slice	arg;		/* without its quotes */
	bool		has_arg;
	bool		spaced;		/* white space around "=" */
};

static const struct {
	struct slice	name;
	size_t		flag;
} flags[] = {
	{ SLICE_INIT("no-store"), offsetof(struct cc, no_store) },
	{ SLICE_INIT("public"), offsetof(struct cc, is_public) },
	{ SLICE_INIT("must-revalidate"), offsetof(struct cc, must_revalidate) },
	{ SLICE_INIT("proxy-revalidate"), offsetof(struct cc, proxy_revalidate) },
	{ SLICE_INIT("only-if-cached"), offsetof(struct cc, only_if_cached) },
	{ SLICE_INIT("must-understand"), offsetof(struct cc, must_understand) },
	{ SLICE_INIT("immutable"), offsetof(struct cc, immutable) },
};

/* With names of fields in an argument, these two mean less. */
static const struct {
	struct slice	name;
	size_t		flag;
} qualified[] = {
	{ SLICE_INIT("no-cache"), offsetof(struct cc, no_cache) },
	{ SLICE_INIT("private"), offsetof(struct cc, is_private) },
};

#define NOT_KEPT	SIZE_MAX

static const struct {
	struct slice	name;
	size_t		seconds;
	size_t		is_bad;		/* NOT_KEPT: malformed is the same as absent */
} numbers[] = {
	{ SLICE_INIT("max-age"), offsetof(struct cc, max_age), offsetof(struct cc, max_age_bad) },
	{ SLICE_INIT("s-maxage"), offsetof(struct cc, s_maxage),
	    offsetof(struct cc, s_maxage_bad) },
	{ SLICE_INIT("min-fresh"), offsetof(struct cc, min_fresh), NOT_KEPT },
	{ SLICE_INIT("max-stale"), offsetof(struct cc, max_stale), NOT_KEPT },
	{ SLICE_INIT("stale-while-revalidate"), offsetof(struct cc, stale_while_revalidate),
	    NOT_KEPT },
	{ SLICE_INIT("stale-if-error"), offsetof(struct cc, stale_if_error), NOT_KEPT },
};

#define COUNT(t)	(sizeof (t) / sizeof (t)[0])

static bool *
flag_at(struct cc *cc, size_t offset)
{
	return (bool *)((char *)cc + offset);
}

static int64_t *
seconds_at(struct cc *cc, size_t offset)
{
	return (int64_t *)(void *)((char *)cc + offset);
}

bool
cc_withholds(const struct cc *cc, struct slice name)
{
	for (unsigned i = 0; i < cc->nwithheld; i++)
		if (slice_caseeq(cc->withheld[i], name))
			return true;
	return false;
}

/* An answer without it would say something else, or be taken for something else. */
static bool
is_essential(struct slice name)
{
	static const struct slice set[] = {
		SLICE_INIT("Vary"), SLICE_INIT("ETag"), SLICE_INIT("Last-Modified"),
		SLICE_INIT("Date"), SLICE_INIT("Age"), SLICE_INIT("Expires"),
		SLICE_INIT("Cache-Control"), SLICE_INIT("CDN-Cache-Control"),
		SLICE_INIT("Surrogate-Control"),
	};
	const struct slice content = SLICE("Content-");

	if (name.n >= content.n && slice_caseeq(slice_of(name.p, content.n), content))
		return true;
	return slice_casein(name, set, COUNT(set));
}

/* Of one list, repeated and absent ones too: each is looked up. */
#define NAMES_LOOKED	256

/* False: there is no room for it. */
static bool
withhold(struct cc *cc, struct slice name)
{
	if (cc_withholds(cc, name))
		return true;
	if (cc->nwithheld == CC_WITHHELD)
		return false;
	cc->withheld[cc->nwithheld++] = name;
	return true;
}

/*
 * False if the list is none that can be kept to, so that the directive holds without it.  resp:
 * take from there the names that it has, since the list's own bytes won't last; a field that is not
 * there needs no withholding.  NULL: the list itself is borrowed.
 */
static bool
withhold_list(struct cc *cc, struct slice list, const struct head *resp)
{
	const struct hdr_field *f;
	struct slice name;
	unsigned n = 0;

	while (slice_list_next(&list, &name)) {
		if (++n > NAMES_LOOKED || !is_token(name) || is_essential(name))
			return false;
		if (resp == NULL) {
			if (!withhold(cc, name))
				return false;
		} else if ((f = hdr_get(resp, name)) != NULL && !withhold(cc, f->name)) {
			return false;
		}
	}
	return n > 0;
}

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

int64_t
cc_seconds(struct slice arg)
{
	uint64_t v;

	if (arg.n == 0)
		return CC_NONE;
	for (size_t i = 0; i < arg.n; i++)
		if (!is_digit(arg.p[i]))
			return CC_NONE;
	if (slice_u64(arg, &v) != 0 || v > CC_MAX)
		return CC_MAX;
	return (int64_t)v;
}

static bool
set_flag(const struct directive *d, struct cc *cc)
{
	for (size_t i = 0; i < COUNT(flags); i++)
		if (slice_caseeq(d->name, flags[i].name)) {
			*flag_at(cc, flags[i].flag) = true;
			return true;
		}
	for (size_t i = 0; i < COUNT(qualified); i++)
		if (slice_caseeq(d->name, qualified[i].name)) {
			if (!withhold_list(cc, d->arg, NULL))
				*flag_at(cc, qualified[i].flag) = true;
			return true;
		}
	return false;
}

static bool
set_number(const struct directive *d, struct cc *cc)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		int64_t *seconds = seconds_at(cc, numbers[i].seconds);
		bool *is_bad = NULL;

		if (!slice_caseeq(d->name, numbers[i].name))
			continue;
		if (numbers[i].is_bad != NOT_KEPT)
			is_bad = flag_at(cc, numbers[i].is_bad);
		if (*seconds != CC_NONE || (is_bad != NULL && *is_bad))
			return true;
		*seconds = d->spaced ? CC_NONE : cc_seconds(d->arg);
		if (is_bad != NULL)
			*is_bad = *seconds == CC_NONE;
		/* max-stale alone: of any age, RFC 9111 5.2.1.2 */
		if (seconds == &cc->max_stale && !d->has_arg)
			*seconds = CC_MAX;
		return true;
	}
	return false;
}

/*
 * What is outside of quoted strings: whether there is a ";", and whether a string has no end, so
 * that it swallowed whatever was said after it.
 */
static void
scan(struct slice item, bool *semicolon, bool *unclosed)
{
	bool quoted = false;

	*semicolon = false;
	for (size_t i = 0; i < item.n; i++) {
		if (quoted && item.p[i] == '\\')
			i++;
		else if (item.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && item.p[i] == ';')
			*semicolon = true;
	}
	*unclosed = quoted;
}

static void
reset(struct cc *cc)
{
	*cc = (struct cc){
		.max_age = CC_NONE, .s_maxage = CC_NONE, .min_fresh = CC_NONE,
		.max_stale = CC_NONE, .stale_while_revalidate = CC_NONE,
		.stale_if_error = CC_NONE,
	};
}

void
cc_parse(const struct head *h, struct slice field, struct cc *out)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item;
	bool semicolon, unclosed;

	reset(out);
	while ((f = hdr_next(h, field, f)) != NULL) {
		rest = f->value;
		while (slice_list_next(&rest, &item)) {
			struct directive d = directive_of(item);

			if (!set_flag(&d, out))
				set_number(&d, out);
			scan(item, &semicolon, &unclosed);
			/* It may have been a no-store: the safe reading. */
			if (unclosed)
				out->no_store = true;
		}
	}
}

/* One known directive as a member of a dictionary.  False: it has the wrong type. */
static bool
set_typed_flag(const struct sf_value *v, bool *flag)
{
	if (v->type != SF_BOOLEAN)
		return false;
	*flag = v->integer != 0;
	return true;
}

static bool
set_typed(const struct head *resp, const struct sf_member *m, struct cc *out)
{
	const struct sf_value *v = &m->value;

	for (size_t i = 0; i < COUNT(flags); i++)
		if (slice_eq(m->key, flags[i].name))
			return set_typed_flag(v, flag_at(out, flags[i].flag));
	for (size_t i = 0; i < COUNT(qualified); i++)
		if (slice_eq(m->key, qualified[i].name)) {
			bool *flag = flag_at(out, qualified[i].flag);

			if (v->type != SF_STRING)
				return set_typed_flag(v, flag);
			*flag = !withhold_list(out, v->text, resp);
			return true;
		}
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (slice_eq(m->key, numbers[i].name)) {
			int64_t *seconds = seconds_at(out, numbers[i].seconds);

			/* Those of requests mean nothing here, of whatever type. */
			if (seconds == &out->max_stale || seconds == &out->min_fresh)
				return true;
			*seconds = v->integer < CC_MAX ? v->integer : CC_MAX;
			return v->type == SF_INTEGER && v->integer >= 0;
		}
	return true;
}

/* RFC 9213 2.1.  False: absent, empty or invalid. */
static bool
cdn_parse(const struct head *resp, struct cc *out)
{
	struct arena a = { 0 };
	struct sf sf;
	bool ok = sf_dictionary(resp, SLICE("CDN-Cache-Control"), &a, &sf) && sf.n > 0;

	reset(out);
	for (unsigned i = 0; ok && i < sf.n; i++)
		ok = set_typed(resp, &sf.m[i], out);
	arena_fini(&a);
	return ok;
}

static void
set_if_none(int64_t *seconds, int64_t v)
{
	if (*seconds == CC_NONE)
		*seconds = v;
}

/* max-age=60+30: fresh for 60 seconds, and for 30 more it may be served stale. */
static bool
set_surrogate_age(const struct directive *d, struct cc *out)
{
	const char *plus = d->arg.n == 0 ? NULL : memchr(d->arg.p, '+', d->arg.n);
	struct directive age = *d;
	int64_t stale;

	if (plus == NULL || !slice_caseeq(d->name, SLICE("max-age")))
		return false;
	age.arg.n = (size_t)(plus - d->arg.p);
	stale = cc_seconds(slice_of(plus + 1, d->arg.n - age.arg.n - 1));
	if (stale == CC_NONE)
		age.arg.n = 0;
	set_number(&age, out);
	if (stale != CC_NONE) {
		set_if_none(&out->stale_while_revalidate, stale);
		set_if_none(&out->stale_if_error, stale);
	}
	return true;
}

/* False: it says nothing to us. */
static bool
surrogate_item(struct slice item, struct cc *out)
{
	struct directive d = directive_of(item);
	bool semicolon, unclosed;

	scan(item, &semicolon, &unclosed);
	if (unclosed || slice_caseeq(item, SLICE("no-store-remote"))) {
		out->no_store = true;
		return true;
	}
	/* We announce no Surrogate-Capability, so whoever is named there is somebody else. */
	if (semicolon)
		return false;
	return set_surrogate_age(&d, out) || set_flag(&d, out) || set_number(&d, out);
}

/* False: absent, or nothing of it is about storing, as when it only says what content is. */
static bool
surrogate_parse(const struct head *resp, struct cc *out)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item;
	bool any = false;

	reset(out);
	while ((f = hdr_next(resp, SLICE("Surrogate-Control"), f)) != NULL) {
		rest = f->value;
		while (slice_list_next(&rest, &item))
			any = surrogate_item(item, out) || any;
	}
	return any;
}

void
cc_of_response(const struct head *resp, struct cc *out)
{
	struct cc general;

	if (!cdn_parse(resp, out) && !surrogate_parse(resp, out)) {
		cc_parse(resp, SLICE("Cache-Control"), out);
		return;
	}
	out->targeted = true;
	cc_parse(resp, SLICE("Cache-Control"), &general);
	for (unsigned i = 0; i < general.nwithheld; i++)
		if (!withhold(out, general.withheld[i]))
			out->is_private = true;
}

bool
cc_is_consumed(struct slice name)
{
	return slice_caseeq(name, SLICE("Surrogate-Control"));
}
