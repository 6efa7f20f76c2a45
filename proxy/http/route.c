/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A linear walk: the order is the operator's, and lists are short.  A tree would have to keep the
 * first-match order across hosts and prefixes; it can come when a list of hundreds is seen.
 */
#include "http/route.h"

#include <string.h>

#include "http/key.h"

/* A port is not part of the host; the colons of an IPv6 literal are. */
static struct slice
without_port(struct slice authority)
{
	const char *colon = memrchr(authority.p, ':', authority.n);
	const char *end = authority.p + authority.n;

	if (colon != NULL && memchr(colon, ']', (size_t)(end - colon)) == NULL)
		authority.n = (size_t)(colon - authority.p);
	return authority;
}

const struct conf_route *
route_find(const struct conf *conf, struct slice key)
{
	struct slice host, path;

	key_split(key, &host, &path);
	host = without_port(host);
	for (unsigned i = 0; i < conf->nroutes; i++) {
		const struct conf_route *r = &conf->routes[i];

		if (r->host != NULL && !slice_eq(host, slice_str(r->host)))
			continue;
		if (r->path != NULL && !slice_starts(path, slice_str(r->path)))
			continue;
		return r;
	}
	return NULL;
}
