/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML to a tree of nodes, each with its place, by libyaml's events.
 *
 * The language is a part of YAML: one document of mappings, lists and plain or quoted words.
 * Anchors, aliases, tags and merge keys are faults: they are a second way to say things, aliases
 * let a small file grow without bound, and the place in a message would no longer be where the
 * writer looks.  Depth and the number of members are bounded, so nothing below needs to be.
 *
 * `${NAME}` is replaced in the text of values only, after YAML has been read, so what comes from
 * the environment can never be more than a value.
 *
 * A fault about meaning (a duplicate key, an anchor) leaves the tree usable without the culprit, so
 * that the rest is judged in the same run.  One about form ends the reading.
 */
#include "base/conf_priv.h"

#include <yaml.h>

#include "base/contract.h"

struct level {
	struct conf_node	*node;
	struct conf_node	*key;	/* of a mapping: it waits for its value */
};

struct reader {
	yaml_parser_t		 yaml;
	struct slice		 bytes;
	const char		*file;
	struct arena		*arena;
	struct conf_faults	*faults;
	struct level		 stack[CONF_DEPTH_MAX];
	unsigned		 depth;
	struct conf_node	*root;
	unsigned		 documents;
};

static struct conf_place
place_of(const struct reader *r, yaml_mark_t mark)
{
	return (struct conf_place){ r->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

/* ---- faults of form ---- */

/* libyaml gives an offset in bytes for what is not text at all. */
static struct conf_place
place_of_offset(const struct reader *r, size_t offset)
{
	struct conf_place at = { r->file, 1, 1 };
	size_t i;

	for (i = 0; i < offset && i < r->bytes.n; i++) {
		at.col++;
		if (r->bytes.p[i] == '\n') {
			at.line++;
			at.col = 1;
		}
	}
	return at;
}

static struct slice
line_at(const struct reader *r, size_t line)
{
	const char *p = r->bytes.p, *end = p + r->bytes.n, *nl;

	for (; line > 0; line--) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			return SLICE("");
		p = nl + 1;
	}
	nl = memchr(p, '\n', (size_t)(end - p));
	return slice_of(p, (size_t)((nl == NULL ? end : nl) - p));
}

/* The usual reasons, which libyaml's words do not bring to mind. */
static const char *
syntax_hint(struct slice line)
{
	size_t i;

	for (i = 0; i < line.n && line.p[i] == ' '; i++)
		continue;
	if (i < line.n && line.p[i] == '\t')
		return "; indent with spaces, not with tabs";
	if (line.n > 1 && memmem(line.p, line.n, "]:", 2) != NULL)
		return "; an IPv6 address needs quotes: \"[::1]:8080\"";
	return "; check the indentation, brackets and quotes here and on the line before";
}

static void
syntax_fault(struct reader *r)
{
	const yaml_parser_t *y = &r->yaml;
	const char *problem = y->problem != NULL ? y->problem : "cannot be read";

	if (y->error == YAML_SCANNER_ERROR || y->error == YAML_PARSER_ERROR)
		conf_fault(r->faults, place_of(r, y->problem_mark), "not YAML: %s%s%s%s",
		    y->context != NULL ? y->context : "", y->context != NULL ? ", " : "", problem,
		    syntax_hint(line_at(r, y->problem_mark.line)));
	else
		conf_fault(r->faults, place_of_offset(r, y->problem_offset),
		    "not YAML: %s; the file must be UTF-8 text", problem);
}

/* ---- the tree ---- */

struct conf_node *
conf_node_get(const struct conf_node *map, const char *key)
{
	struct conf_node *n;

	if (map == NULL || map->kind != NODE_MAP)
		return NULL;
	for (n = map->first; n != NULL; n = n->next)
		if (strcmp(n->key->text, key) == 0)
			return n;
	return NULL;
}

static struct conf_node *
node_new(struct reader *r, enum conf_kind kind, yaml_mark_t mark)
{
	struct conf_node *n = conf_zalloc(r->arena, sizeof *n);

	n->kind = kind;
	n->at = place_of(r, mark);
	return n;
}

static bool
expects_key(const struct reader *r)
{
	const struct level *top = r->depth == 0 ? NULL : &r->stack[r->depth - 1];

	return top != NULL && top->node->kind == NODE_MAP && top->key == NULL;
}

static void
check_key(struct reader *r, struct conf_node *key)
{
	const struct conf_node *same;

	if (key->bad)
		return;
	key->bad = true;
	if (key->kind != NODE_SCALAR) {
		conf_fault(r->faults, key->at, "a key must be a word; one that begins with a "
		    "bracket or brace needs quotes");
	} else if (strcmp(key->text, "<<") == 0) {
		conf_fault(r->faults, key->at, "merge keys are not read here; write the keys out");
	} else if ((same = conf_node_get(r->stack[r->depth - 1].node, key->text)) != NULL) {
		conf_fault(r->faults, key->at, "%s is given twice, first on line %u; remove one",
		    conf_quote(r->arena, key->text), same->key->at.line);
	} else
		key->bad = false;
}

static void
append(struct conf_node *to, struct conf_node *n)
{
	if (to->last == NULL)
		to->first = n;
	else
		to->last->next = n;
	to->last = n;
	to->n++;
}

/* Puts n where the reader stands.  0, or -1 after a fault that ends the reading. */
static int
place_node(struct reader *r, struct conf_node *n)
{
	struct level *top;

	if (r->depth == 0) {
		r->root = n;
		return 0;
	}
	top = &r->stack[r->depth - 1];
	if (expects_key(r)) {
		check_key(r, n);
		top->key = n;
		return 0;
	}
	if (top->node->n >= CONF_ENTRIES_MAX) {
		conf_fault(r->faults, n->at, "too many members; at most %u", CONF_ENTRIES_MAX);
		return -1;
	}
	n->key = top->key;
	top->key = NULL;
	if (n->key == NULL || !n->key->bad)
		append(top->node, n);
	return 0;
}

/* ---- events ---- */

static void
check_plainness(struct reader *r, struct conf_node *n, const yaml_char_t *anchor,
    const yaml_char_t *tag)
{
	if (anchor != NULL)
		conf_fault(r->faults, n->at,
		    "anchors (&name) are not read here; write the value out");
	if (tag != NULL)
		conf_fault(r->faults, n->at, "tags (!type) are not read here; leave it out");
	if (anchor != NULL || tag != NULL)
		n->bad = true;
}

static int
on_scalar(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value, *why = NULL;
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct conf_node *n = node_new(r, NODE_SCALAR, ev->start_mark);

	check_plainness(r, n, ev->data.scalar.anchor, ev->data.scalar.tag);
	n->text = conf_strdup(r->arena, text);
	n->null = plain && (strcmp(text, "") == 0 || strcmp(text, "~") == 0 ||
	    strcmp(text, "null") == 0);
	if (strlen(text) != ev->data.scalar.length) {
		conf_fault(r->faults, n->at, "a value cannot hold a NUL byte");
		n->bad = true;
	} else if (!expects_key(r)) {
		char *expanded = conf_expand(text, r->arena, &why);

		if (expanded == NULL) {
			conf_fault(r->faults, n->at, "%s %s", conf_quote(r->arena, text), why);
			n->bad = true;
		} else
			n->text = expanded;
	}
	return place_node(r, n);
}

static int
on_open(struct reader *r, enum conf_kind kind, const yaml_event_t *ev)
{
	struct conf_node *n = node_new(r, kind, ev->start_mark);

	if (kind == NODE_LIST)
		check_plainness(r, n, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
	else
		check_plainness(r, n, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	if (place_node(r, n) < 0)
		return -1;
	if (r->depth == CONF_DEPTH_MAX) {
		conf_fault(r->faults, n->at, "nested too deep; at most %u levels", CONF_DEPTH_MAX);
		return -1;
	}
	r->stack[r->depth++] = (struct level){ n, NULL };
	return 0;
}

static int
on_alias(struct reader *r, const yaml_event_t *ev)
{
	struct conf_node *n = node_new(r, NODE_SCALAR, ev->start_mark);

	conf_fault(r->faults, n->at,
	    "aliases (*name) are not read here; write the value out, or quote it if it is a *");
	n->bad = true;
	n->text = conf_strdup(r->arena, "");
	return place_node(r, n);
}

/* 1: go on, 0: the end, -1: a fault that ends the reading. */
static int
on_event(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (++r->documents == 1)
			return 1;
		conf_fault(r->faults, place_of(r, ev->start_mark),
		    "a second document; the file is one, remove the ---");
		return -1;
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev) < 0 ? -1 : 1;
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev) < 0 ? -1 : 1;
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, NODE_LIST, ev) < 0 ? -1 : 1;
	case YAML_MAPPING_START_EVENT:
		return on_open(r, NODE_MAP, ev) < 0 ? -1 : 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		ASSERT(r->depth > 0);
		r->depth--;
		return 1;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 1;
	}
	return 1;
}

struct conf_node *
conf_yaml_read(struct slice bytes, const char *file, struct arena *a, struct conf_faults *f)
{
	static const struct slice byte_order_mark = SLICE_INIT("\xef\xbb\xbf");
	struct reader r = { .file = file, .arena = a, .faults = f };
	yaml_event_t ev;
	int more;

	/* Some editors write one.  libyaml would count it as a column. */
	if (slice_starts(bytes, byte_order_mark))
		bytes = slice_of(bytes.p + byte_order_mark.n, bytes.n - byte_order_mark.n);
	r.bytes = bytes;
	ASSERT(yaml_parser_initialize(&r.yaml) == 1);
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	/* An empty buf has no pointer, which libyaml takes for a mistake. */
	yaml_parser_set_input_string(&r.yaml,
	    (const unsigned char *)(bytes.n > 0 ? bytes.p : ""), bytes.n);
	do {
		if (!yaml_parser_parse(&r.yaml, &ev)) {
			syntax_fault(&r);
			more = -1;
		} else {
			more = on_event(&r, &ev);
			yaml_event_delete(&ev);
		}
	} while (more > 0);
	yaml_parser_delete(&r.yaml);
	if (more < 0)
		return NULL;
	if (r.root == NULL) {
		r.root = node_new(&r, NODE_SCALAR, (yaml_mark_t){ 0, 0, 0 });
		r.root->null = true;
		r.root->text = conf_strdup(a, "");
	}
	return r.root;
}
