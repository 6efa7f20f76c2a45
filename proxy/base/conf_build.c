/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is more than one value: listeners, routes, times by status; and the checks that look at two
 * places at once.
 *
 * The caller reads `upstream` and `upstreams` before everything else, so a route's reference is
 * resolved as it is met, wherever in the file the two stand.  A thing with a fault in it keeps its
 * place in its array, so one fault does not breed others.
 */
#include "base/conf_priv.h"

#include <netinet/in.h>
#include <stdlib.h>

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

/* ---- times by status ---- */

/* NULL, or what is wrong. */
static const char *
status_parse(const char *s, int *out)
{
	if (strlen(s) != 3 || strspn(s, "0123456789") != 3 || s[0] < '2' || s[0] > '5')
		return "is not a status of an answer; write one from 200 to 599";
	*out = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	if (*out == 206)
		return "is a part of an answer, and whole ones are stored; leave it out";
	if (*out == 304)
		return "renews what is stored, and has no time of its own; leave it out";
	return NULL;
}

static int
by_status(const void *va, const void *vb)
{
	const struct conf_status_ttl *a = va, *b = vb;

	return a->status - b->status;
}

/* A status that is given twice was a fault of the mapping. */
static void
build_ttl(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
    struct conf_ttl *ttl)
{
	struct conf_row member = *row;		/* of a path and a place of its own */
	const struct conf_node *m;
	struct buf path = { 0 };
	const char *why;

	*ttl = (struct conf_ttl){ 0 };
	if (n->n == 0) {
		conf_wrong(ld, row, n);
		return;
	}
	member.type = KEY_TIME;
	member.offset = 0;
	ttl->by = conf_zalloc(ld->keep, n->n * sizeof *ttl->by);
	for (m = n->first; m != NULL; m = m->next) {
		struct conf_status_ttl *by = &ttl->by[ttl->n];

		if ((why = status_parse(m->key->text, &by->status)) != NULL) {
			conf_fault(ld->faults, m->key->at, "\"%s\": %s %s", conf_key_label(row),
			    conf_quote(ld->tmp, m->key->text), why);
			continue;
		}
		path.n = 0;
		buf_addf(&path, "%s.%d", row->path, by->status);
		member.path = buf_str(&path);
		conf_set(ld, &member, m, &ttl->by[ttl->n++].ttl);
	}
	buf_fini(&path);
	qsort(ttl->by, ttl->n, sizeof *ttl->by, by_status);
}

/* ---- the whole ---- */

bool
conf_is_built(enum conf_type type, const struct conf_node *n)
{
	switch (type) {
	case KEY_LISTEN:
	case KEY_ADMIN:
	case KEY_UPSTREAM:
	case KEY_UPSTREAMS:
	case KEY_SERVERS:
	case KEY_BREAKER:
	case KEY_HEALTH:
	case KEY_ROUTES:
	case KEY_QUERY:
	case KEY_PARAMS:
	case KEY_FIELDS:
	case KEY_COOKIES:
	case KEY_TAGS:
		return true;
	case KEY_CONNECTIONS:
	case KEY_TTL:
		return n->kind == NODE_MAP;
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
	case KEY_UPSTREAMS:
	case KEY_SERVERS:
	case KEY_CONNECTIONS:
	case KEY_BREAKER:
	case KEY_HEALTH:
		conf_upstream_set(ld, row, n, to);
		return;
	case KEY_ROUTES:
		build_routes(ld, row, n);
		return;
	case KEY_TTL:
		build_ttl(ld, row, n, to);
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
