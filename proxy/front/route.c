/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A linear walk: the order is the operator's, and lists are short.  A tree would have to keep the
 * first-match order across hosts and prefixes; it can come when a list of hundreds is seen.
 */
#include "front/route.h"

#include <string.h>

#include "base/contract.h"

/* The key is "scheme://authority/path": what stands between, and what follows. */
static void
split_key(struct slice key, struct slice *host, struct slice *path)
{
	const char *start = memchr(key.p, ':', key.n), *slash, *colon, *end = key.p + key.n;

	ASSERT(start != NULL && end - start >= 3);
	start += 3;
	slash = memchr(start, '/', (size_t)(end - start));
	/* OPTIONS * has no slash: "http://example.com*". */
	if (slash == NULL)
		slash = end > start && end[-1] == '*' ? end - 1 : end;
	*path = slice_of(slash, (size_t)(end - slash));
	*host = slice_of(start, (size_t)(slash - start));
	/* A port is not part of the host; the colons of an IPv6 literal are. */
	colon = memrchr(host->p, ':', host->n);
	if (colon != NULL && memchr(colon, ']', (size_t)(slash - colon)) == NULL)
		host->n = (size_t)(colon - host->p);
}

const struct conf_route *
route_find(const struct conf *conf, struct slice key)
{
	struct slice host, path;

	split_key(key, &host, &path);
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
