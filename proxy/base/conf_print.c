/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration in force as YAML, by the same rows that read it: every key that is built, in
 * the table's order, defaults filled in.  What is printed reads back to the same configuration, so
 * it can be taken as the next file.  Keys that this version does not follow are left out.
 */
#include "base/conf_priv.h"

#include "base/contract.h"

static void	print_rows(struct buf *out, const struct conf *c, const char *prefix,
		    const void *base, unsigned indent);

static void
add_indent(struct buf *out, unsigned n)
{
	for (; n > 0; n--)
		buf_add_str(out, "  ");
}

/* Plain where YAML cannot read anything else into it, else in double quotes. */
static void
add_text(struct buf *out, const char *s)
{
	size_t plain = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_./:*-");

	if (plain > 0 && s[plain] == '\0' && s[plain - 1] != ':' && s[0] != ':' && s[0] != '-' &&
	    s[0] != '*' && strcmp(s, "null") != 0) {
		buf_add_str(out, s);
		return;
	}
	buf_add_str(out, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_str(out, "\\");
		else if (s[0] == '$' && s[1] == '{')
			buf_add_str(out, "$");
		buf_add(out, s, 1);
	}
	buf_add_str(out, "\"");
}

static void
add_word(struct buf *out, const struct conf_row *row, unsigned i)
{
	const char *p = row->words;

	for (; i > 0; i--) {
		p = strchr(p, '|');
		ASSERT(p != NULL);
		p++;
	}
	buf_add(out, p, strcspn(p, "|"));
}

static void
print_listen(struct buf *out, const struct conf *c, unsigned indent)
{
	unsigned i;

	buf_add_str(out, c->nlisten == 1 ? " " : "\n");
	for (i = 0; i < c->nlisten; i++) {
		if (c->nlisten > 1) {
			add_indent(out, indent + 1);
			buf_add_str(out, "- ");
		}
		add_text(out, c->listen[i].text);
		buf_add_str(out, "\n");
	}
}

static void
print_upstreams(struct buf *out, const struct conf *c, unsigned indent)
{
	unsigned i;

	buf_add_str(out, "\n");
	for (i = 0; i < c->nupstreams; i++) {
		add_indent(out, indent + 1);
		add_text(out, c->upstreams[i].name);
		buf_add_str(out, ":\n");
		print_rows(out, c, "upstreams.*", &c->upstreams[i], indent + 2);
	}
}

static void
print_routes(struct buf *out, const struct conf *c, unsigned indent)
{
	unsigned i;
	size_t at;

	buf_add_str(out, "\n");
	for (i = 0; i < c->nroutes; i++) {
		at = out->n;
		print_rows(out, c, "routes[]", &c->routes[i], indent + 2);
		out->p[at + 2 * ((size_t)indent + 1)] = '-';
	}
}

static void
print_names(struct buf *out, const struct conf_strings *names)
{
	unsigned i;

	for (i = 0; i < names->n; i++) {
		buf_add_str(out, i == 0 ? "[ " : ", ");
		add_text(out, names->v[i]);
	}
	buf_add_str(out, names->n == 0 ? "[]" : " ]");
}

static void
print_query(struct buf *out, const struct conf_row *row, const struct conf_key *key)
{
	if (key->query != QUERY_KEEP && key->query != QUERY_DROP) {
		add_word(out, row, key->query);
		return;
	}
	buf_add_str(out, key->query == QUERY_KEEP ? "{ keep: " : "{ drop: ");
	print_names(out, &key->query_names);
	buf_add_str(out, " }");
}

static bool
is_plain_server(const struct conf_server *s)
{
	return s->weight == 1 && !s->backup;
}

static void
print_server(struct buf *out, const struct conf_server *s)
{
	if (is_plain_server(s)) {
		add_text(out, s->url);
		return;
	}
	buf_add_str(out, "{ url: ");
	add_text(out, s->url);
	buf_addf(out, ", weight: %u, backup: %s }", s->weight, s->backup ? "true" : "false");
}

/* One a line, but for the usual one. */
static void
print_servers(struct buf *out, const struct conf_upstream *up, unsigned indent)
{
	unsigned i;

	if (up->nservers == 1) {
		buf_add_str(out, " [ ");
		print_server(out, &up->servers[0]);
		buf_add_str(out, " ]\n");
		return;
	}
	buf_add_str(out, "\n");
	for (i = 0; i < up->nservers; i++) {
		add_indent(out, indent + 1);
		buf_add_str(out, "- ");
		print_server(out, &up->servers[i]);
		buf_add_str(out, "\n");
	}
}

static void
print_connections(struct buf *out, const struct conf_upstream *up)
{
	if (up->max_connections > 0)
		buf_add_u64(out, up->max_connections);
	else
		buf_addf(out, "{ min: %u, most: %u }", up->min_connections, up->most_connections);
}

static void
print_ttl(struct buf *out, const struct conf_ttl *ttl)
{
	unsigned i;

	if (ttl->n == 0) {
		conf_time_print(out, ttl->any);
		return;
	}
	for (i = 0; i < ttl->n; i++) {
		buf_addf(out, "%s%d: ", i == 0 ? "{ " : ", ", ttl->by[i].status);
		conf_time_print(out, ttl->by[i].ttl);
	}
	buf_add_str(out, " }");
}

/* As auto where that is what it says. */
static void
print_weight(struct buf *out, const struct conf_row *row, double weight)
{
	if (weight <= 0)
		add_word(out, row, 1);
	else if ((uint64_t)(weight * 1e6 + 0.5) == 1000000)
		add_word(out, row, 0);
	else
		conf_share_print(out, weight);
}

/* A guard that is off: the keys in it have nothing to say. */
static bool
is_off(const struct conf_row *row, const void *base)
{
	const struct conf_upstream *up = base;

	if (row->type == KEY_BREAKER)
		return up->breaker.failures == 0 && up->breaker.error_rate <= 0;
	return row->type == KEY_HEALTH && up->health.path == NULL;
}

/* Only the two texts of a match may be absent; without both it is written as {}. */
static bool
is_absent(const struct conf_row *row, const void *base)
{
	return (row->type == KEY_HOST || row->type == KEY_PATH) &&
	    *(char *const *)((const char *)base + row->offset) == NULL;
}

static void
print_value(struct buf *out, const struct conf *c, const struct conf_row *row, const void *v)
{
	usec_t t;
	unsigned n;

	switch (row->type) {
	case KEY_ADMIN:
		add_text(out, ((const struct conf_addr *)v)->text);
		return;
	case KEY_CONNECTIONS:
		print_connections(out, v);
		return;
	case KEY_REF:
		add_text(out, c->upstreams[*(const unsigned *)v].name);
		return;
	case KEY_HOST:
	case KEY_PATH:
	case KEY_TARGET:
		add_text(out, *(char *const *)v);
		return;
	case KEY_COUNT:
		if ((n = *(const unsigned *)v) == 0 && row->words != NULL)
			add_word(out, row, 0);
		else
			buf_add_u64(out, n);
		return;
	case KEY_SIZE:
		conf_size_print(out, *(const size_t *)v);
		return;
	case KEY_SIZE64:
		conf_size_print(out, *(const uint64_t *)v);
		return;
	case KEY_TIME:
		if ((t = *(const usec_t *)v) == USEC_NEVER)
			add_word(out, row, 0);
		else
			conf_time_print(out, t);
		return;
	case KEY_SPAN:
		if ((t = *(const usec_t *)v) == 0)
			add_word(out, row, 0);
		else
			conf_time_print(out, t);
		return;
	case KEY_SHARE:
		if (*(const double *)v <= 0)
			add_word(out, row, 0);
		else
			conf_share_print(out, *(const double *)v);
		return;
	case KEY_WEIGHT:
		print_weight(out, row, *(const double *)v);
		return;
	case KEY_TTL:
		print_ttl(out, v);
		return;
	case KEY_CHOICE:
	case KEY_FLAG:
		n = row->type == KEY_FLAG ? *(const bool *)v : *(const unsigned *)v;
		add_word(out, row, n);
		return;
	case KEY_QUERY:
		print_query(out, row, v);
		return;
	case KEY_FIELDS:
	case KEY_COOKIES:
	case KEY_TAGS:
		print_names(out, v);
		return;
	case KEY_BREAKER:
	case KEY_HEALTH:		/* else it is printed as a section */
		add_word(out, row, 0);
		return;
	default:
		ASSERT(!"a row of this type has more than one value");
	}
}

/* A key inside prefix has something to say. */
static bool
has_values(const char *prefix, const void *base)
{
	unsigned i;

	for (i = 0; i < conf_nrows; i++)
		if (conf_key_inside(&conf_rows[i], prefix) && conf_rows[i].type != KEY_LATER &&
		    !is_absent(&conf_rows[i], base))
			return true;
	return false;
}

/* Every row inside it is for a later version. */
static bool
is_later(const struct conf_row *row)
{
	unsigned i;

	if (row->type == KEY_LATER)
		return true;
	if (row->type != KEY_SECTION)
		return false;
	for (i = 0; i < conf_nrows; i++)
		if (conf_key_inside(&conf_rows[i], row->path) && conf_rows[i].type != KEY_LATER)
			return false;
	return true;
}

static void
print_section(struct buf *out, const struct conf *c, const struct conf_row *row, const void *base,
    unsigned indent)
{
	if (has_values(row->path, base)) {
		buf_add_str(out, "\n");
		print_rows(out, c, row->path, base, indent + 1);
	} else
		buf_add_str(out, " {}\n");
}

static void
print_rows(struct buf *out, const struct conf *c, const char *prefix, const void *base,
    unsigned indent)
{
	unsigned i;

	for (i = 0; i < conf_nrows; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (!conf_key_inside(row, prefix) || is_later(row) || is_absent(row, base) ||
		    row->type == KEY_UPSTREAM)
			continue;
		add_indent(out, indent);
		buf_addf(out, "%s:", conf_key_name(row));
		if (row->type == KEY_SECTION || ((row->type == KEY_BREAKER ||
		    row->type == KEY_HEALTH) && !is_off(row, base)))
			print_section(out, c, row, base, indent);
		else if (row->type == KEY_LISTEN)
			print_listen(out, c, indent);
		else if (row->type == KEY_UPSTREAMS)
			print_upstreams(out, c, indent);
		else if (row->type == KEY_ROUTES)
			print_routes(out, c, indent);
		else if (row->type == KEY_SERVERS)
			print_servers(out, base, indent);
		else {
			buf_add_str(out, " ");
			print_value(out, c, row, (const char *)base + row->offset);
			buf_add_str(out, "\n");
		}
	}
}

void
conf_print(const struct conf *c, struct buf *out)
{
	print_rows(out, c, "", c, 0);
}

/* ---- what a reload leaves for the next start ---- */

static void
print_field(struct buf *out, const struct conf *c, const struct conf_row *row)
{
	if (row->type == KEY_LISTEN)
		print_listen(out, c, 0);
	else
		print_value(out, c, row, (const char *)c + row->offset);
}

void
conf_print_pending(const struct conf *running, const struct conf *fresh, struct buf *out)
{
	struct buf a = { 0 }, b = { 0 };
	const char *before = "";
	unsigned i;

	for (i = 0; i < conf_nrows; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (row->scope != SCOPE_CONF || row->reload != RESTART)
			continue;
		a.n = b.n = 0;
		print_field(&a, running, row);
		print_field(&b, fresh, row);
		if (slice_eq(buf_slice(&a), buf_slice(&b)))
			continue;
		buf_addf(out, "%s%s", before, row->path);
		before = ", ";
	}
	buf_fini(&a);
	buf_fini(&b);
}
