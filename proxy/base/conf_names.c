/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of names: fields of a request or an answer, cookies, parameters of a query; and the query
 * rule that holds one of them.
 *
 * What is written is checked here once and kept in the form in which it is compared, so that who
 * makes a key compares bytes.  A name that could never tell two requests apart, or that would tell
 * each request from every other, is a fault: such a key looks right, and the cache it makes is
 * empty.  A list replaces its default whole, and is short (CONF_NAMES_MAX), because every request
 * pays for each of its names.
 */
#include "base/conf_priv.h"

#include <ctype.h>

#include "base/contract.h"

struct why {
	const char	*name;		/* lower case; "*" at the end: any that begin so */
	const char	*why;
};

#define CONNECTION	"is about one connection and never sent on; leave it out"
#define CONDITION						\
	"asks for less than the whole answer, and whole ones are stored; leave it out"
#define DIRECTIVE	"speaks to caches, and tells no answers apart; see client_control"
#define CLAIM		"is a client's claim about itself, which is not sent on; leave it out"

static const struct why not_in_a_key[] = {
	{ "host", "is in every key anyway; leave it out" },
	{ "cookie", "differs from one client to the next; name those that matter in cookies" },
	{ "authorization", "is a secret, and what the store has is for everyone; leave it out" },
	{ "cache-control", DIRECTIVE }, { "pragma", DIRECTIVE },
	{ "range", CONDITION }, { "if-*", CONDITION },
	{ "expect", "is about a body, and requests with one are not shared; leave it out" },
	{ "content-length", "is about a body, and requests with one are not shared; leave it out" },
	{ "forwarded", CLAIM }, { "x-forwarded-*", CLAIM }, { "x-real-ip", CLAIM },
	{ "x-original-url", CLAIM }, { "x-rewrite-url", CLAIM },
};

static const struct why not_a_tag[] = {
	{ "set-cookie", "is for one client, and names no tags; leave it out" },
};

static const struct why of_a_connection[] = {
	{ "connection", CONNECTION }, { "keep-alive", CONNECTION }, { "te", CONNECTION },
	{ "proxy-*", CONNECTION }, { "trailer", CONNECTION }, { "transfer-encoding", CONNECTION },
	{ "upgrade", CONNECTION },
};

static const char *
find_why(const struct why *set, size_t n, const char *name)
{
	size_t i, len;

	for (i = 0; i < n; i++) {
		len = strcspn(set[i].name, "*");
		if (strncasecmp(name, set[i].name, len) == 0 &&
		    (set[i].name[len] == '*' || name[len] == '\0'))
			return set[i].why;
	}
	return NULL;
}

#define WHY(set, name)	find_why(set, sizeof set / sizeof set[0], name)

/* ---- one name: NULL, or what is wrong ---- */

#define ALNUM	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* RFC 9110 5.1, but for the star: who writes one means a pattern. */
static const char *
check_field(const struct conf_row *row, const char *s)
{
	size_t n = strspn(s, ALNUM "!#$%&'+-.^_`|~");
	const char *why;

	if (s[n] == '*')
		return "is a pattern, which is not read here; name each field";
	if (n > 0 && s[n] == ':')
		return "has a colon in it; write the name alone";
	if (n == 0 || s[n] != '\0')
		return "is not the name of a field";
	if ((why = WHY(of_a_connection, s)) != NULL)
		return why;
	return row->type == KEY_FIELDS ? WHY(not_in_a_key, s) : WHY(not_a_tag, s);
}

/* Wider than RFC 6265 4.1.1: names such as a[b] are about, and browsers send them. */
static const char *
check_cookie(const char *s)
{
	const char *p;

	if (strchr(s, '*') != NULL)
		return "is a pattern, which is not read here; name each cookie";
	if (strchr(s, '=') != NULL)
		return "has a value in it; write the name alone";
	for (p = s; *p > ' ' && *p < 0x7f && strchr(";,\"\\", *p) == NULL; )
		p++;
	return p == s || *p != '\0' ? "is not the name of a cookie" : NULL;
}

static const char *
check_param(const struct conf_row *row, const char *s)
{
	const char *p;

	if (strcmp(s, "*") == 0)
		return strcmp(conf_key_name(row), "keep") == 0 ?
		    "is every parameter; write query: all" :
		    "is every parameter; write query: none";
	if (strchr(s, '=') != NULL)
		return "has a value in it; write the name alone";
	for (p = s; *p > ' ' && *p < 0x7f && strchr("&#", *p) == NULL; p++) {
		if (*p == '*' && p[1] != '\0')
			return "has a * that is not at its end; a pattern is the beginning of the "
			    "names and a *, such as utm_*";
		if (conf_is_broken_triplet(p))
			return "has a % without its two digits; % itself is written %25";
	}
	if ((unsigned char)*p >= 0x7f)
		return "has a byte that no query has; write it as %XX";
	return p == s || *p != '\0' ? "is not the name of a parameter" : NULL;
}

static const char *
check_name(const struct conf_row *row, const char *s)
{
	switch (row->type) {
	case KEY_COOKIES:
		return check_cookie(s);
	case KEY_PARAMS:
		return check_param(row, s);
	default:
		return check_field(row, s);
	}
}

/* ---- the form in which it is kept ---- */

static void
fold(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

/*
 * Who compares reads a triplet and its character as the same, so each name is kept in one spelling:
 * a triplet only where the character would mean something here, or is not visible.
 */
static bool
is_plain(char c)
{
	return c > ' ' && c < 0x7f && strchr("%&=#*", c) == NULL;
}

static char *
keep_name(struct conf_loader *ld, const struct conf_row *row, const char *text)
{
	char *s = conf_strdup(ld->keep, text);

	if (row->type == KEY_FIELDS)
		fold(s);
	else if (row->type == KEY_PARAMS)
		conf_normalise(s, is_plain);
	return s;
}

/* ---- lists ---- */

static bool
is_same(const struct conf_row *row, const char *a, const char *b)
{
	return row->type == KEY_TAGS ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static void
add_name(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_strings *out)
{
	const char *label = conf_key_label(row), *why;
	unsigned i;
	char *name;

	if (n->bad)
		return;
	if (n->kind != NODE_SCALAR || n->null) {
		conf_fault(ld->faults, n->at, "\"%s\" is a list of names; a member of it cannot "
		    "be %s", label, n->kind == NODE_MAP ? "a mapping" :
		    n->kind == NODE_LIST ? "a list" : "empty");
		return;
	}
	if ((why = check_name(row, n->text)) != NULL) {
		conf_fault(ld->faults, n->at, "\"%s\": %s %s", label,
		    conf_quote(ld->tmp, n->text), why);
		return;
	}
	name = keep_name(ld, row, n->text);
	for (i = 0; i < out->n && !is_same(row, out->v[i], name); i++)
		;
	if (i < out->n)
		conf_fault(ld->faults, n->at, "\"%s\": %s is given twice; remove one", label,
		    conf_quote(ld->tmp, n->text));
	else
		out->v[out->n++] = name;
}

static void
not_a_list(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	static const char *const none[] = { "off", "no", "false", "none" };
	unsigned i;

	if (n->kind != NODE_SCALAR || n->null) {
		conf_wrong(ld, row, n);
		return;
	}
	for (i = 0; i < sizeof none / sizeof none[0] && strcmp(n->text, none[i]) != 0; i++)
		;
	if (i < sizeof none / sizeof none[0])
		conf_fault(ld->faults, n->at, "\"%s\" must be a list, not %s; for none write []",
		    conf_key_label(row), conf_quote(ld->tmp, n->text));
	else if (check_name(row, n->text) == NULL)
		conf_fault(ld->faults, n->at, "\"%s\" must be a list, not %s; write [ %s ]",
		    conf_key_label(row), conf_quote(ld->tmp, n->text),
		    conf_quote(ld->tmp, n->text));
	else
		conf_wrong(ld, row, n);
}

void
conf_names_set(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_strings *out)
{
	const struct conf_node *item;
	unsigned i = 0;

	*out = (struct conf_strings){ NULL, 0 };
	if (n->kind != NODE_LIST) {
		not_a_list(ld, row, n);
		return;
	}
	if (n->n == 0) {
		if (row->type == KEY_PARAMS)
			conf_fault(ld->faults, n->at, "\"%s\" names nothing; write query: %s",
			    conf_key_label(row),
			    strcmp(conf_key_name(row), "keep") == 0 ? "none" : "all");
		return;
	}
	out->v = conf_zalloc(ld->keep, CONF_NAMES_MAX * sizeof *out->v);
	for (item = n->first; item != NULL && i < CONF_NAMES_MAX; item = item->next, i++)
		add_name(ld, row, item, out);
	if (item != NULL)
		conf_fault(ld->faults, item->at, "\"%s\" has too many names; at most %u",
		    conf_key_label(row), CONF_NAMES_MAX);
}

/* ---- the query ---- */

void
conf_query_set(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_key *key)
{
	const struct conf_node *keep, *drop;
	int word;

	key->query_names = (struct conf_strings){ NULL, 0 };
	if (n->kind == NODE_SCALAR && !n->null && (word = conf_key_word(row, n->text)) >= 0) {
		key->query = (enum conf_query)word;
		return;
	}
	if (n->kind != NODE_MAP || n->n == 0) {
		conf_wrong(ld, row, n);
		return;
	}
	conf_walk(ld, n, row->path, &key->query_names);
	keep = conf_node_get(n, "keep");
	drop = conf_node_get(n, "drop");
	key->query = keep != NULL ? QUERY_KEEP : QUERY_DROP;
	if (keep != NULL && drop != NULL)
		conf_fault(ld->faults, n->last->key->at, "both \"keep\" and \"drop\"; what is not "
		    "kept is dropped, so remove one");
}
