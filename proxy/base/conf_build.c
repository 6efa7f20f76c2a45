/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is more than one value: listeners, upstreams, routes; and the checks that look at two places
 * at once.
 *
 * The caller reads `upstream` and `upstreams` before everything else, so a route's reference is
 * resolved as it is met, wherever in the file the two stand.  A thing with a fault in it keeps its
 * place in its array, so one fault does not breed others.
 */
#include "base/conf_priv.h"

#include <netinet/in.h>

#include "base/contract.h"

/* ---- listeners and the admin endpoint ---- */

static bool
same_addr(const struct conf_addr *a, const struct conf_addr *b)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;

	if (a->len == 0 || a->len != b->len || memcmp(&a->sa, &b->sa, a->len) != 0)
		return false;
	/* Port 0 is another port each time. */
	return (a->sa.ss_family == AF_INET ? in->sin_port : in6->sin6_port) != 0;
}

static void
build_addr(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    const char *prefix, struct conf_addr *out)
{
	if (n->bad)
		return;
	if (n->kind == NODE_SCALAR && !n->null) {
		conf_set_addr(ld, n, out);
	} else if (n->kind == NODE_MAP) {
		conf_walk(ld, n, prefix, out);
		if (conf_node_get(n, "address") == NULL)
			conf_fault(ld->faults, n->at, "\"%s\" has no address; add address: "
			    "127.0.0.1:8080", conf_key_label(row));
	} else
		conf_wrong(ld, row, n);
}

static void
build_listen(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	const struct conf_node *item = n->kind == NODE_LIST ? n->first : n;
	struct conf *c = ld->conf;
	unsigned i, j;

	if (n->kind == NODE_LIST && n->n == 0) {
		conf_wrong(ld, row, n);
		return;
	}
	c->nlisten = n->kind == NODE_LIST ? n->n : 1;
	c->listen = conf_zalloc(ld->keep, c->nlisten * sizeof *c->listen);
	ld->listen_at = n->at;
	for (i = 0; i < c->nlisten; i++, item = item->next) {
		build_addr(ld, row, item, "listen[]", &c->listen[i]);
		for (j = 0; j < i; j++) {
			if (!same_addr(&c->listen[i], &c->listen[j]))
				continue;
			conf_fault(ld->faults, item->at,
			    "%s is given twice, first on line %u; remove one",
			    conf_quote(ld->tmp, c->listen[i].text), c->listen[j].line);
			break;
		}
	}
}

static void
build_admin(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	struct conf_addr *admin = &ld->conf->admin;

	ld->admin_at = n->at;
	if (n->kind == NODE_SCALAR && !n->null && conf_key_word(row, n->text) >= 0)
		*admin = (struct conf_addr){ .text = conf_strdup(ld->keep, "off"),
		    .line = n->at.line };
	else
		build_addr(ld, row, n, "admin", admin);
}

/* ---- upstreams ---- */

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
	else if (n->kind != NODE_SCALAR || n->null)
		conf_wrong(ld, row, n);
	else
		conf_set_server(ld, n, &up->server);
}

static void
build_servers(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_server *server)
{
	const struct conf_node *item = n->kind == NODE_LIST ? n->first : n;

	if (item == NULL || (item->kind == NODE_SCALAR && item->null) || item->kind == NODE_LIST) {
		conf_wrong(ld, row, item == NULL ? n : item);
		return;
	}
	if (item->next != NULL && n->kind == NODE_LIST)
		conf_fault(ld->faults, item->next->at, "a second server in upstreams.%s is not "
		    "available in this version; name one", ld->upstream);
	if (item->kind == NODE_SCALAR) {
		conf_set_server(ld, item, server);
		return;
	}
	conf_walk(ld, item, "upstreams.*.servers[]", server);
	if (!item->bad && conf_node_get(item, "url") == NULL)
		conf_fault(ld->faults, item->at, "a server in upstreams.%s has no url; add url: "
		    "http://127.0.0.1:3000", ld->upstream);
}

static bool
name_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n <= 64 && s[n] == '\0';
}

static void
build_upstreams(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	const struct conf_node *m;
	struct conf_upstream *up;
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
	ld->conf->upstreams = conf_zalloc(ld->keep, n->n * sizeof *up);
	for (m = n->first; m != NULL; m = m->next, i++) {
		ld->upstream = m->key->text;
		up = upstream_init(ld, i, m->key->text, m->key->at.line);
		if (!name_ok(m->key->text)) {
			ld->upstream = conf_quote(ld->tmp, m->key->text);
			conf_fault(ld->faults, m->key->at, "%s cannot be a name; use at most 64 "
			    "letters, digits, '-', '_' and '.'", ld->upstream);
		}
		if (m->bad)
			continue;
		if (m->kind != NODE_MAP) {
			conf_fault(ld->faults, m->at, "an upstream is a mapping such as "
			    "{ servers: [ http://127.0.0.1:3000 ] }");
			continue;
		}
		conf_walk(ld, m, "upstreams.*", up);
		if (conf_node_get(m, "servers") == NULL)
			conf_fault(ld->faults, m->key->at, "upstreams.%s has no servers; add "
			    "servers: [ http://127.0.0.1:3000 ]", ld->upstream);
	}
}

void
conf_build_override(struct conf_loader *ld, const struct conf_node *n)
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
		conf_set_server(ld, n, &up->server);
}

/* ---- routes ---- */

static void
route_upstream(struct conf_loader *ld, struct conf_route *route, struct conf_place at)
{
	const struct conf *c = ld->conf;
	unsigned i;

	if (route->upstream != CONF_UPSTREAM_UNSET || c->nupstreams == 0)
		return;
	for (i = 0; i < c->nupstreams; i++)
		if (c->nupstreams == 1 || strcmp(c->upstreams[i].name, "default") == 0)
			break;
	route->upstream = i < c->nupstreams ? i : 0;
	if (i == c->nupstreams)
		conf_fault(ld->faults, at, "which upstream is meant is not clear: there are "
		    "several and none is called \"default\"; add to the route upstream: %s",
		    c->upstreams[0].name);
}

static struct conf_route
route_default(struct conf_loader *ld)
{
	struct conf_route route = { .upstream = CONF_UPSTREAM_UNSET };

	conf_defaults(ld, SCOPE_ROUTE, &route);
	return route;
}

/* Every request for b is one for a. */
static bool
covers(const struct conf_route *a, const struct conf_route *b)
{
	if (a->host != NULL && (b->host == NULL || strcmp(a->host, b->host) != 0))
		return false;
	return a->path == NULL ||
	    (b->path != NULL && strncmp(b->path, a->path, strlen(a->path)) == 0);
}

static void
check_order(struct conf_loader *ld, const struct conf_node *list, const bool *faulty)
{
	const struct conf_route *routes = ld->conf->routes;
	const struct conf_node *n = list->first;
	unsigned i, j;

	for (i = 0; i < list->n; i++, n = n->next) {
		for (j = 0; j < i; j++)
			if (!faulty[i] && !faulty[j] && covers(&routes[j], &routes[i]))
				break;
		if (j < i && covers(&routes[i], &routes[j]))
			conf_fault(ld->faults, n->at, "this route can never match: the one on "
			    "line %u is for the same requests; remove one", routes[j].line);
		else if (j < i)
			conf_fault(ld->faults, n->at, "this route can never match: the one on "
			    "line %u takes all its requests; put this one first", routes[j].line);
	}
}

static void
build_routes(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n)
{
	struct conf *c = ld->conf;
	struct conf_route dflt;
	const struct conf_node *m;
	unsigned i = 0, before;
	bool *faulty;

	if (n->kind != NODE_LIST) {
		conf_wrong(ld, row, n);
		return;
	}
	if (n->n == 0) {
		conf_fault(ld->faults, n->at, "\"routes\" is empty, so no request would be served; "
		    "leave it out to have one route for everything");
		return;
	}
	c->nroutes = n->n;
	c->routes = conf_zalloc(ld->keep, n->n * sizeof *c->routes);
	faulty = conf_zalloc(ld->tmp, n->n * sizeof *faulty);
	dflt = route_default(ld);	/* once: a list that a route sets is a new one */
	for (m = n->first; m != NULL; m = m->next, i++) {
		struct conf_route *route = &c->routes[i];

		before = ld->faults->n;
		*route = dflt;
		route->line = m->at.line;
		if (m->kind == NODE_MAP)
			conf_walk(ld, m, "routes[]", route);
		else if (!m->bad)
			conf_fault(ld->faults, m->at, "a route is a mapping such as "
			    "{ match: { path: /api/ }, ttl: 10s }");
		if (!m->bad)
			route_upstream(ld, route, m->at);
		faulty[i] = m->bad || ld->faults->n != before;
	}
	check_order(ld, n, faulty);
}

/* ---- the whole ---- */

bool
conf_is_built(enum conf_type type)
{
	switch (type) {
	case KEY_LISTEN:
	case KEY_ADMIN:
	case KEY_UPSTREAM:
	case KEY_UPSTREAMS:
	case KEY_SERVERS:
	case KEY_ROUTES:
	case KEY_QUERY:
	case KEY_PARAMS:
	case KEY_FIELDS:
	case KEY_COOKIES:
	case KEY_TAGS:
		return true;
	default:
		return false;
	}
}

void
conf_build(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n, void *to)
{
	switch (row->type) {
	case KEY_LISTEN:
		build_listen(ld, row, n);
		return;
	case KEY_ADMIN:
		build_admin(ld, row, n);
		return;
	case KEY_UPSTREAM:
		build_upstream(ld, row, n);
		return;
	case KEY_UPSTREAMS:
		build_upstreams(ld, row, n);
		return;
	case KEY_SERVERS:
		build_servers(ld, row, n, to);
		return;
	case KEY_ROUTES:
		build_routes(ld, row, n);
		return;
	case KEY_QUERY:
		conf_query_set(ld, row, n, to);
		return;
	case KEY_PARAMS:
	case KEY_FIELDS:
	case KEY_COOKIES:
	case KEY_TAGS:
		conf_names_set(ld, row, n, to);
		return;
	default:
		ASSERT(!"a row of this type has one value");
	}
}

static void
check_store(struct conf_loader *ld, const struct conf_node *root)
{
	const struct conf_node *max = conf_node_get(conf_node_get(root, "cache"), "max_object");
	struct conf *c = ld->conf;
	struct buf memory = { 0 };

	if (c->cache_max_object <= c->cache_memory)
		return;
	if (max != NULL) {
		conf_size_print(&memory, c->cache_memory);
		conf_fault(ld->faults, max->at, "\"cache.max_object\" is larger than "
		    "\"cache.memory\", which is %s; lower it or leave it out", buf_str(&memory));
		buf_fini(&memory);
	}
	c->cache_max_object = c->cache_memory;
}

static void
check_addrs(struct conf_loader *ld)
{
	const struct conf *c = ld->conf;
	struct conf_place at = ld->admin_at.file != NULL ? ld->admin_at : ld->listen_at;
	unsigned i;

	for (i = 0; i < c->nlisten; i++)
		if (same_addr(&c->listen[i], &c->admin))
			conf_fault(ld->faults, at, "clients and the admin endpoint cannot share "
			    "the address %s; change \"listen\" or \"admin\"", c->admin.text);
}

void
conf_build_finish(struct conf_loader *ld, const struct conf_node *root)
{
	struct conf *c = ld->conf;
	struct conf_place at = { "--upstream", 0, 0 };

	if (root != NULL)
		at = (struct conf_place){ root->at.file, 1, 1 };
	if (c->nupstreams == 0 && conf_node_get(root, "upstream") == NULL &&
	    conf_node_get(root, "upstreams") == NULL)
		conf_fault(ld->faults, at, "no upstream is given; %s http://127.0.0.1:3000",
		    root != NULL ? "add a line such as upstream:" : "add --upstream");
	if (c->nroutes == 0) {
		c->nroutes = 1;
		c->routes = conf_zalloc(ld->keep, sizeof *c->routes);
		c->routes[0] = route_default(ld);
		if (conf_node_get(root, "routes") == NULL)
			route_upstream(ld, &c->routes[0], at);
	}
	check_store(ld, root);
	check_addrs(ld);
}
