/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk: a mapping of the tree and the rows of its prefix, side by side.  Each member finds its
 * row; the row says what may stand there and where it goes.  What a row cannot say in one value is
 * handed to conf_build().
 *
 * Defaults go the same way as what is written: the text in the row is read as if it stood in the
 * file, so the manual, the table and the behaviour have one source.
 */
#include "base/conf_priv.h"

#include <stdint.h>

#include "base/contract.h"

void *
conf_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n == 0 ? 1 : n), 0, n == 0 ? 1 : n);
}

char *
conf_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(arena_alloc(a, n), s, n);
}

/* The prefix as the writer knows it: the upstream's own name for the star. */
static const char *
shown(struct conf_loader *ld, const char *prefix)
{
	struct buf b = { 0 };
	const char *p, *s;

	for (p = prefix; *p != '\0'; p++) {
		if (*p == '*')
			buf_add_str(&b, ld->upstream);
		else
			buf_add(&b, p, 1);
	}
	s = conf_strdup(ld->tmp, buf_str(&b));
	buf_fini(&b);
	return s;
}

/* ---- faults ---- */

static void
unknown_key(struct conf_loader *ld, const struct conf_node *key, const char *prefix)
{
	const char *where = "", *in = "", *hint;

	if (ld->faults->n == CONF_FAULTS_MAX) {	/* not reported: spare the search */
		ld->faults->more++;
		return;
	}
	if (prefix[0] != '\0') {
		in = " in ";
		where = shown(ld, prefix);
	}
	if ((hint = conf_key_near(prefix, key->text)) != NULL)
		conf_fault(ld->faults, key->at, "unknown key %s%s%s; did you mean \"%s\"?",
		    conf_quote(ld->tmp, key->text), in, where, hint);
	else if ((hint = conf_key_elsewhere(key->text, ld->tmp)) != NULL)
		conf_fault(ld->faults, key->at, "unknown key %s%s%s; it belongs in %s",
		    conf_quote(ld->tmp, key->text), in, where, hint);
	else
		conf_fault(ld->faults, key->at, "unknown key %s%s%s; see proxy.yaml(5)",
		    conf_quote(ld->tmp, key->text), in, where);
}

static void
not_available(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	struct conf_place at = n->key != NULL ? n->key->at : n->at;

	if (row->words != NULL)
		conf_fault(ld->faults, at,
		    "\"%s\" is not available in this version; leave it out, or write %.*s",
		    conf_key_name(row), (int)strcspn(row->words, "|"), row->words);
	else
		conf_fault(ld->faults, at, "\"%s\" is not available in this version; leave it out",
		    conf_key_name(row));
}

static bool
is_duration(enum conf_type type)
{
	return type == KEY_TIME || type == KEY_SPAN || type == KEY_TTL;
}

static bool
is_fraction(enum conf_type type)
{
	return type == KEY_SHARE || type == KEY_WEIGHT;
}

static bool
is_count(enum conf_type type)
{
	return type == KEY_COUNT || type == KEY_CONNECTIONS;
}

static bool
is_unit(enum conf_type type, const char *unit)
{
	static const char *const times[] = { "ms", "s", "m", "h", "d", NULL };
	static const char *const sizes[] = { "KiB", "MiB", "GiB", "TiB", NULL };
	const char *const *u = is_duration(type) ? times : sizes;

	while (*u != NULL && strcmp(*u, unit) != 0)
		u++;
	return *u != NULL;
}

/* After the value, when it is nearly right. */
static const char *
value_hint(struct conf_loader *ld, const struct conf_row *row, const char *text)
{
	const char *unit = text + strspn(text, "0123456789");
	bool number = unit > text && *unit == '\0';
	struct buf b = { 0 };
	const char *hint = "";
	uint64_t share;

	/* Well spelt, and out of range: that was said. */
	if (strlen(text) > 20 || (unit > text && is_unit(row->type, unit)))
		return "";
	if (is_duration(row->type) && number)
		buf_addf(&b, "; durations need their unit: %ss", text);
	else if (is_duration(row->type))
		buf_add_str(&b, "; durations are one number and a unit: 250ms, 10s, 5m, 2h, 1d");
	else if (row->type == KEY_SIZE || row->type == KEY_SIZE64)
		buf_addf(&b, number ? "; sizes need their unit: %sKiB, %sMiB, %sGiB" :
		    "; sizes are one number and a unit: 512KiB, 64MiB, 1GiB", text, text, text);
	else if (is_fraction(row->type) && conf_share_parse(text, &share) < 0)
		buf_addf(&b, "; %s, with at most six digits after the point",
		    row->type == KEY_SHARE ? "shares are written 0.1" :
		    "weights are written 1.5");
	else
		return "";
	hint = conf_strdup(ld->tmp, buf_str(&b));
	buf_fini(&b);
	return hint;
}

void
conf_wrong(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	struct buf expect = { 0 };
	const char *what = n->n == 0 ? "an empty list" : "a list", *hint = "";

	if (n->bad)
		return;
	if (n->kind == NODE_MAP)
		what = n->n == 0 ? "an empty mapping" : "a mapping";
	if (n->kind == NODE_SCALAR) {
		what = n->null ? "empty" : conf_quote(ld->tmp, n->text);
		hint = n->null ? "" : value_hint(ld, row, n->text);
	}
	conf_key_expect(row, &expect);
	conf_fault(ld->faults, n->at, "\"%s\" must be %s, not %s%s", conf_key_label(row),
	    buf_str(&expect), what, hint);
	buf_fini(&expect);
}

/* ---- single values ---- */

/* What a word of the row stands for. */
static uint64_t
word_number(const struct conf_row *row, int word)
{
	if (row->type == KEY_TIME)
		return (uint64_t)USEC_NEVER;
	return row->type == KEY_WEIGHT && word == 0 ? 1000000 : 0;
}

/* In the row's unit; 0, or -1. */
static int
number_parse(const struct conf_row *row, const char *text, uint64_t *out)
{
	usec_t t = 0;
	int rc;

	if (is_count(row->type))
		return slice_u64(slice_str(text), out);
	if (is_fraction(row->type))
		return conf_share_parse(text, out);
	if (!is_duration(row->type))
		return conf_size_parse(text, out);
	rc = conf_time_parse(text, &t);
	*out = (uint64_t)t;
	return rc;
}

static void
set_number(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n, void *to)
{
	uint64_t v = 0;
	int word = conf_key_word(row, n->text);

	if (word >= 0)
		v = word_number(row, word);
	else if (number_parse(row, n->text, &v) < 0 || v < row->min || v > row->max ||
	    (row->type == KEY_SIZE && v > SIZE_MAX)) {
		conf_wrong(ld, row, n);
		return;
	}
	switch (row->type) {
	case KEY_COUNT:
		*(unsigned *)to = (unsigned)v;
		break;
	case KEY_CONNECTIONS:
		((struct conf_upstream *)to)->max_connections = (unsigned)v;
		break;
	case KEY_SIZE:
		*(size_t *)to = (size_t)v;
		break;
	case KEY_SIZE64:
		*(uint64_t *)to = v;
		break;
	case KEY_SHARE:
	case KEY_WEIGHT:
		*(double *)to = (double)v / 1e6;
		break;
	case KEY_TTL:
		*(struct conf_ttl *)to = (struct conf_ttl){ .any = (usec_t)v };
		break;
	default:
		*(usec_t *)to = (usec_t)v;
		break;
	}
}

static void
set_choice(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n, void *to)
{
	int word = conf_key_word(row, n->text);

	if (word < 0)
		conf_wrong(ld, row, n);
	else if (row->type == KEY_FLAG)
		*(bool *)to = word == 1;
	else
		*(unsigned *)to = (unsigned)word;	/* gcc and clang: enums without negatives */
}

static void
set_text(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n, void *to)
{
	const char *why;

	if (row->type == KEY_HOST)
		why = conf_host_parse(n->text, ld->keep, to);
	else if (row->type == KEY_PATH)
		why = conf_path_parse(n->text, ld->keep, to);
	else
		why = conf_target_parse(n->text, ld->keep, to);
	if (why != NULL)
		conf_fault(ld->faults, n->at, "\"%s\": %s %s", conf_key_label(row),
		    conf_quote(ld->tmp, n->text), why);
}

/* An upstream by name; they have been read before the routes, wherever they stand in the file. */
static void
set_ref(struct conf_loader *ld, const struct conf_node *n, void *to)
{
	const struct conf *c = ld->conf;
	unsigned i, d, least = UINT32_MAX, nearest = 0;

	for (i = 0; i < c->nupstreams; i++) {
		d = conf_distance(n->text, c->upstreams[i].name);
		if (d < least) {
			least = d;
			nearest = i;
		}
		if (strcmp(n->text, c->upstreams[i].name) == 0)
			break;
	}
	*(unsigned *)to = i;
	if (i < c->nupstreams || c->nupstreams == 0)
		return;
	*(unsigned *)to = 0;
	if (conf_is_near(n->text, least))
		conf_fault(ld->faults, n->at, "no upstream is called %s; did you mean %s?",
		    conf_quote(ld->tmp, n->text), conf_quote(ld->tmp, c->upstreams[nearest].name));
	else
		conf_fault(ld->faults, n->at, "no upstream is called %s; there is %s%s",
		    conf_quote(ld->tmp, n->text), conf_quote(ld->tmp, c->upstreams[0].name),
		    c->nupstreams > 1 ? ", and others" : "");
}

void
conf_set_addr(struct conf_loader *ld, const struct conf_node *n, struct conf_addr *out)
{
	const char *why;

	if (n->bad)
		return;
	out->line = n->at.line;
	if ((why = conf_addr_parse(n->text, ld->keep, out)) != NULL)
		conf_fault(ld->faults, n->at, "%s %s", conf_quote(ld->tmp, n->text), why);
}

void
conf_set_server(struct conf_loader *ld, const struct conf_node *n, struct conf_server *out)
{
	const char *why;

	if (n->bad)
		return;
	if ((why = conf_url_parse(n->text, ld->keep, out)) != NULL)
		conf_fault(ld->faults, n->at, "%s %s", conf_quote(ld->tmp, n->text), why);
}

static void
set_scalar(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n, void *to)
{
	switch (row->type) {
	case KEY_ADDR:
		conf_set_addr(ld, n, to);
		return;
	case KEY_URL:
		conf_set_server(ld, n, to);
		return;
	case KEY_REF:
		set_ref(ld, n, to);
		return;
	case KEY_HOST:
	case KEY_PATH:
	case KEY_TARGET:
		set_text(ld, row, n, to);
		return;
	case KEY_COUNT:
	case KEY_CONNECTIONS:
	case KEY_SIZE:
	case KEY_SIZE64:
	case KEY_TIME:
	case KEY_SPAN:
	case KEY_TTL:
	case KEY_SHARE:
	case KEY_WEIGHT:
		set_number(ld, row, n, to);
		return;
	case KEY_CHOICE:
	case KEY_FLAG:
		set_choice(ld, row, n, to);
		return;
	default:
		ASSERT(!"a row of this type has more than one value");
	}
}

/* ---- the walk ---- */

static void
set_later(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	if (n->kind == NODE_SCALAR && !n->null && conf_key_word(row, n->text) >= 0)
		return;
	if (n->kind == NODE_LIST && n->n == 0 && conf_key_word(row, "[]") >= 0)
		return;
	not_available(ld, row, n);
}

static void
set_section(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    void *base)
{
	/* Nothing in it: all its keys are commented out, as in a sample. */
	if (n->kind == NODE_SCALAR && n->null)
		return;
	if (n->kind != NODE_MAP)
		conf_wrong(ld, row, n);
	else
		conf_walk(ld, n, row->path, base);
}

static void
value_not_available(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	struct buf expect = { 0 };

	conf_key_expect(row, &expect);
	if (n->kind == NODE_MAP)
		conf_fault(ld->faults, n->at,
		    "a mapping for \"%s\" is not available in this version; write %s",
		    conf_key_label(row), buf_str(&expect));
	else
		conf_fault(ld->faults, n->at,
		    "\"%s: %s\" is not available in this version; write %s", conf_key_label(row),
		    n->text, buf_str(&expect));
	buf_fini(&expect);
}

void
conf_set(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n, void *base)
{
	const char *form = n->kind == NODE_MAP ? "{}" : n->kind == NODE_LIST ? "[]" : n->text;

	if (n->bad || n->done)
		return;
	if (row->type == KEY_LATER)
		set_later(ld, row, n);
	else if (row->type == KEY_SECTION)
		set_section(ld, row, n, base);
	else if (conf_key_word(row, form) == WORD_LATER)
		value_not_available(ld, row, n);
	else if (conf_is_built(row->type, n))
		conf_build(ld, row, n, (char *)base + row->offset);
	else if (n->kind != NODE_SCALAR || n->null)
		conf_wrong(ld, row, n);
	else
		set_scalar(ld, row, n, (char *)base + row->offset);
}

void
conf_walk(struct conf_loader *ld, const struct conf_node *map, const char *prefix, void *base)
{
	const struct conf_node *n;
	const struct conf_row *row;

	for (n = map->first; n != NULL; n = n->next) {
		if ((row = conf_key_find(prefix, n->key->text)) == NULL)
			unknown_key(ld, n->key, prefix);
		else
			conf_set(ld, row, n, base);
	}
}

/* Only lists need the YAML reader, which is slow to set up. */
static struct conf_node *
default_node(struct conf_loader *ld, const struct conf_row *row)
{
	struct conf_node *n;

	if (row->dflt[0] == '[')
		return conf_yaml_read(slice_str(row->dflt), "default", ld->tmp, ld->faults);
	n = conf_zalloc(ld->tmp, sizeof *n);
	n->kind = NODE_SCALAR;
	n->at.file = "default";
	n->text = conf_strdup(ld->tmp, row->dflt);
	return n;
}

void
conf_defaults(struct conf_loader *ld, enum conf_scope scope, void *base)
{
	unsigned i;

	for (i = 0; i < conf_nrows; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (row->scope != scope || row->dflt == NULL)
			continue;
		conf_set(ld, row, default_node(ld, row), base);
	}
}
