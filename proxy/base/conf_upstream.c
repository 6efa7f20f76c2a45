/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upstreams: their servers, the two forms of max_connections, and the guards that can be off.
 *
 * A row of type KEY_BREAKER or KEY_HEALTH is a section with one more value, off; the keys in it are
 * rows of the upstream like any other, defaults included, so what a mapping leaves out is at its
 * default.  The order of servers is kept: it is that of the file, of the figures, and of turns.
 */
#include "base/conf_priv.h"

#include "base/contract.h"

static struct conf_upstream *
upstream_init(struct conf_loader *ld, unsigned i, const char *name, unsigned line)
{
	struct conf_upstream *up = &ld->conf->upstreams[i];

	up->name = conf_strdup(ld->keep, name);
	up->line = line;
	conf_defaults(ld, SCOPE_UPSTREAM, up);
	return up;
}

static struct conf_upstream *
upstream_only(struct conf_loader *ld, unsigned line)
{
	struct conf *c = ld->conf;

	c->nupstreams = 1;
	c->upstreams = conf_zalloc(ld->keep, sizeof *c->upstreams);
	return upstream_init(ld, 0, "default", line);
}

/* ---- servers ---- */

static void
servers_init(struct conf_loader *ld, struct conf_upstream *up, unsigned n)
{
	unsigned i;

	up->nservers = n;
	up->servers = conf_zalloc(ld->keep, n * sizeof *up->servers);
	for (i = 0; i < n; i++)
		conf_defaults(ld, SCOPE_SERVER, &up->servers[i]);
}

static void
set_only_server(struct conf_loader *ld, const struct conf_node *n, struct conf_upstream *up)
{
	servers_init(ld, up, 1);
	conf_set_server(ld, n, &up->servers[0]);
}

static void
build_server(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_server *server)
{
	if (n->bad)
		return;
	if (n->kind == NODE_SCALAR && !n->null) {
		conf_set_server(ld, n, server);
	} else if (n->kind == NODE_MAP) {
		conf_walk(ld, n, "upstreams.*.servers[]", server);
		if (conf_node_get(n, "url") == NULL)
			conf_fault(ld->faults, n->at, "a server in upstreams.%s has no url; add "
			    "url: http://127.0.0.1:3000", ld->upstream);
	} else
		conf_wrong(ld, row, n);
}

static const struct conf_node *
nth(const struct conf_node *first, unsigned i)
{
	for (; i > 0; i--)
		first = first->next;
	return first;
}

/* By host and port: two spellings of one URL are one server, which would get two shares. */
static void
check_twice(struct conf_loader *ld, const struct conf_node *items, const struct conf_upstream *up)
{
	unsigned i, j;

	for (i = 0; i < up->nservers; i++) {
		const struct conf_server *s = &up->servers[i];

		for (j = 0; j < i && s->host != NULL; j++) {
			if (up->servers[j].host == NULL || s->port != up->servers[j].port ||
			    strcmp(s->host, up->servers[j].host) != 0)
				continue;
			conf_fault(ld->faults, nth(items, i)->at, "%s is given twice in "
			    "upstreams.%s, first on line %u; remove one, and give the other a "
			    "weight if it is to get more", conf_quote(ld->tmp, s->url),
			    ld->upstream, nth(items, j)->at.line);
			break;
		}
	}
}

static void
check_backups(struct conf_loader *ld, const struct conf_node *n, const struct conf_upstream *up)
{
	unsigned i;

	for (i = 0; i < up->nservers; i++)
		if (!up->servers[i].backup)
			return;
	conf_fault(ld->faults, n->at, "every server in upstreams.%s is a backup, so there is none "
	    "that they stand in for; leave out backup: true for one of them", ld->upstream);
}

static void
build_servers(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_upstream *up)
{
	const struct conf_node *items = n->kind == NODE_LIST ? n->first : n, *item = items;
	unsigned i;

	if (items == NULL) {
		conf_wrong(ld, row, n);
		return;
	}
	servers_init(ld, up, n->kind != NODE_LIST ? 1 :
	    n->n < CONF_SERVERS_MAX ? n->n : CONF_SERVERS_MAX);
	for (i = 0; i < up->nservers; i++, item = item->next)
		build_server(ld, row, item, &up->servers[i]);
	if (n->kind == NODE_LIST && item != NULL)
		conf_fault(ld->faults, item->at, "upstreams.%s has too many servers; at most %u",
		    ld->upstream, CONF_SERVERS_MAX);
	check_twice(ld, items, up);
	check_backups(ld, n, up);
}

/* ---- what an upstream may be asked for ---- */

static void
build_connections(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_upstream *up)
{
	const struct conf_node *min = conf_node_get(n, "min");
	unsigned before = ld->faults->n;

	up->max_connections = 0;
	if (n->n == 0) {
		conf_wrong(ld, row, n);
		return;
	}
	conf_walk(ld, n, row->path, up);
	if (ld->faults->n == before && up->min_connections > up->most_connections)
		conf_fault(ld->faults, min != NULL ? min->at : n->at, "\"max_connections.min\" is "
		    "larger than \"max_connections.most\", which is %u; lower min or raise most",
		    up->most_connections);
}

static void
build_breaker(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_upstream *up)
{
	/* As any section may be, with all its keys commented out. */
	if (n->kind == NODE_SCALAR && n->null)
		return;
	if (n->kind == NODE_MAP) {
		conf_walk(ld, n, row->path, up);
	} else if (n->kind == NODE_SCALAR && conf_key_word(row, n->text) >= 0) {
		up->breaker.failures = 0;
		up->breaker.error_rate = 0;
	} else
		conf_wrong(ld, row, n);
}

static void
build_health(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_upstream *up)
{
	if (n->kind == NODE_MAP) {
		conf_walk(ld, n, row->path, up);
		if (conf_node_get(n, "path") == NULL)
			conf_fault(ld->faults, n->at, "\"health\" has no path; add path: /healthz, "
			    "or whatever answers 200 when all is well");
	} else if (n->kind == NODE_SCALAR && !n->null && conf_key_word(row, n->text) >= 0) {
		up->health.path = NULL;
	} else
		conf_wrong(ld, row, n);
}

/* ---- upstreams ---- */

static void
build_upstream(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	struct conf_upstream *up;

	if (ld->conf->nupstreams > 0) {
		conf_fault(ld->faults, n->key->at, "both \"upstream\" and \"upstreams\"; "
		    "move the URL into \"upstreams\", or remove one");
		return;
	}
	up = upstream_only(ld, n->at.line);
	if (n->kind == NODE_MAP)
		conf_fault(ld->faults, n->at, "\"upstream\" must be a URL, not a mapping; "
		    "settings go into \"upstreams\": { default: { servers: [ URL ] } }");
	else if (n->kind == NODE_LIST && n->n > 1)
		conf_fault(ld->faults, n->at, "\"upstream\" must be a URL, not a list; several "
		    "servers go into \"upstreams\": { default: { servers: [ URL, URL ] } }");
	else if (n->kind != NODE_SCALAR || n->null)
		conf_wrong(ld, row, n);
	else
		set_only_server(ld, n, up);
}

static bool
name_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n <= 64 && s[n] == '\0';
}

static void
build_member(struct conf_loader *ld, const struct conf_node *m, struct conf_upstream *up)
{
	if (!name_ok(m->key->text)) {
		ld->upstream = conf_quote(ld->tmp, m->key->text);
		conf_fault(ld->faults, m->key->at, "%s cannot be a name; use at most 64 letters, "
		    "digits, '-', '_' and '.'", ld->upstream);
	}
	if (m->bad)
		return;
	if (m->kind != NODE_MAP) {
		conf_fault(ld->faults, m->at, "an upstream is a mapping such as "
		    "{ servers: [ http://127.0.0.1:3000 ] }");
		return;
	}
	conf_walk(ld, m, "upstreams.*", up);
	if (conf_node_get(m, "servers") == NULL)
		conf_fault(ld->faults, m->key->at, "upstreams.%s has no servers; add "
		    "servers: [ http://127.0.0.1:3000 ]", ld->upstream);
}

static void
build_upstreams(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	const struct conf_node *m;
	unsigned i = 0;

	if (n->kind != NODE_MAP || n->n == 0) {
		conf_wrong(ld, row, n);
		return;
	}
	/* Read all the same, for the faults that may be in it. */
	if (ld->conf->nupstreams > 0)
		conf_fault(ld->faults, n->key->at, "both \"upstream\" and \"upstreams\"; "
		    "move the URL into \"upstreams\", or remove one");
	ld->conf->nupstreams = n->n;
	ld->conf->upstreams = conf_zalloc(ld->keep, n->n * sizeof *ld->conf->upstreams);
	for (m = n->first; m != NULL; m = m->next, i++) {
		ld->upstream = m->key->text;
		build_member(ld, m, upstream_init(ld, i, m->key->text, m->key->at.line));
	}
}

void
conf_upstream_override(struct conf_loader *ld, const struct conf_node *n)
{
	struct conf *c = ld->conf;
	struct conf_upstream *up = NULL;
	unsigned i;

	for (i = 0; i < c->nupstreams; i++)
		if (c->nupstreams == 1 || strcmp(c->upstreams[i].name, "default") == 0)
			up = &c->upstreams[i];
	if (c->nupstreams == 0)
		up = upstream_only(ld, 0);
	if (up == NULL)
		conf_fault(ld->faults, n->at, "the file has several upstreams and none is called "
		    "\"default\", so which one is meant is not clear; edit the file");
	else
		set_only_server(ld, n, up);
}

void
conf_upstream_set(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    void *to)
{
	switch (row->type) {
	case KEY_UPSTREAM:
		build_upstream(ld, row, n);
		return;
	case KEY_UPSTREAMS:
		build_upstreams(ld, row, n);
		return;
	case KEY_SERVERS:
		build_servers(ld, row, n, to);
		return;
	case KEY_CONNECTIONS:
		build_connections(ld, row, n, to);
		return;
	case KEY_BREAKER:
		build_breaker(ld, row, n, to);
		return;
	case KEY_HEALTH:
		build_health(ld, row, n, to);
		return;
	default:
		ASSERT(!"a row of this type is none of an upstream's");
	}
}
