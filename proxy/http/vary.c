/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: the names of a Vary as one sorted, comma-separated string.  What a request has for them:
 * vary_values.c.  Whether two requests may have the same answer: vary_match.c.
 *
 * Invariants: names are tokens, lower case, each once; at most VARY_MAX of them and VARY_BYTES in
 * all, for vary_any() calls a longer list "*", and one with a member that is no token.  That bounds
 * the work for each request to VARY_MAX scans of its fields, whatever a backend sends.
 *
 * Threads: pure.
 */
#include "http/vary.h"

#include "http/vary_priv.h"

#define VARY_MAX	32
#define VARY_BYTES	1024	/* of all names together */

static const struct slice vary = SLICE_INIT("Vary");

/* Fields that we write: no client's request tells what the backend saw in them. */
static bool
is_our_own(struct slice name)
{
	return hdr_is_forwarded(name) || slice_caseeq(name, SLICE("Via"));
}

bool
vary_any(const struct head *resp)
{
	const struct hdr_field *f = NULL;
	struct slice rest, item;
	unsigned members = 0;
	size_t bytes = 0;

	while ((f = hdr_next(resp, vary, f)) != NULL) {
		bytes += f->value.n;
		if (bytes > VARY_BYTES)
			return true;
		rest = f->value;
		while (slice_list_next(&rest, &item))
			if (slice_eq(item, SLICE("*")) || !is_token(item) ||
			    ++members > VARY_MAX || is_our_own(item))
				return true;
	}
	return false;
}

static int
compare(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int d = fold(a.p[i]) - fold(b.p[i]);

		if (d != 0)
			return d;
	}
	return (a.n > b.n) - (a.n < b.n);
}

/* Into its place among those there, unless it is there already. */
static unsigned
insert(struct slice *names, unsigned n, struct slice name)
{
	unsigned at = n;

	while (at > 0 && compare(name, names[at - 1]) < 0)
		at--;
	if (at > 0 && compare(name, names[at - 1]) == 0)
		return n;
	memmove(&names[at + 1], &names[at], (n - at) * sizeof *names);
	names[at] = name;
	return n + 1;
}

void
vary_names(const struct head *resp, struct buf *out)
{
	const struct hdr_field *f = NULL;
	struct slice names[VARY_MAX], rest, item;
	unsigned n = 0;

	while ((f = hdr_next(resp, vary, f)) != NULL) {
		rest = f->value;
		while (n < VARY_MAX && slice_list_next(&rest, &item))
			if (is_token(item))
				n = insert(names, n, item);
	}
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			buf_add(out, ",", 1);
		for (size_t k = 0; k < names[i].n; k++) {
			char c = (char)fold(names[i].p[k]);

			buf_add(out, &c, 1);
		}
	}
}
