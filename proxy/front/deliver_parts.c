/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several ranges in one answer.
 *
 *	--BOUNDARY␍␊  part's fields ␍␊ ␍␊  bytes  ␍␊--BOUNDARY␍␊ …  bytes  ␍␊--BOUNDARY--␍␊
 *
 * The text around the bytes is written anew when its turn comes, one part at a time; before that,
 * once, to know its length, since the answer says its whole length ahead.
 *
 * The boundary is a counter under the keyed hash, seeded once per process: no two answers have the
 * same one, and who writes a body can't know which one will stand beside it, so it can occur in a
 * body only by accident, once in 2^64.  Looking for it in the body would mean to have all of it.
 */
#include "front/deliver_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/contract.h"
#include "base/hash.h"

struct parts {
	unsigned	 magic;
#define PARTS_MAGIC	 0x3e94b7d2
	struct ranges	 ranges;
	unsigned	 next;		/* index in ranges */
	uint64_t	 length;	/* of the whole body */
	uint64_t	 total;		/* of the answer */
	struct slice	 type;
	struct buf	 text;		/* what parts_next() lent last */
	char		 boundary[24];
};

static struct hash_seed	boundary_seed;
static pthread_once_t	boundary_seeded = PTHREAD_ONCE_INIT;

static void
seed_boundary(void)
{
	boundary_seed = hash_seed_random();
}

static void
choose_boundary(char *out, size_t n)
{
	static _Atomic uint64_t counter;
	uint64_t i = atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);

	pthread_once(&boundary_seeded, seed_boundary);
	snprintf(out, n, "corral%016llx",
	    (unsigned long long)hash_bytes(&boundary_seed, &i, sizeof i));
}

/* What goes before part i, or ends the answer. */
static void
write_text(struct parts *p, unsigned i)
{
	struct buf *out = &p->text;

	out->n = 0;
	if (i > 0)
		buf_add_slice(out, SLICE("\r\n"));
	buf_add_slice(out, SLICE("--"));
	buf_add_str(out, p->boundary);
	if (i == p->ranges.n) {
		buf_add_slice(out, SLICE("--\r\n"));
		return;
	}
	buf_add_slice(out, SLICE("\r\n"));
	if (p->type.n > 0) {
		buf_add_slice(out, SLICE("Content-Type: "));
		buf_add_slice(out, p->type);
		buf_add_slice(out, SLICE("\r\n"));
	}
	range_emit(&p->ranges.r[i], p->length, out);
	buf_add_slice(out, SLICE("\r\n"));
}

struct parts *
parts_new(const struct ranges *rs, uint64_t length, struct slice type)
{
	struct parts *p;

	ASSERT(rs->n > 1 && rs->n <= RANGE_MAX);
	NEW(p, PARTS_MAGIC);
	p->ranges = *rs;
	p->length = length;
	p->type = type;
	choose_boundary(p->boundary, sizeof p->boundary);
	for (unsigned i = 0; i < rs->n; i++) {
		write_text(p, i);
		p->total += p->text.n + (rs->r[i].last - rs->r[i].first + 1);
	}
	write_text(p, rs->n);
	p->total += p->text.n;
	return p;
}

void
parts_free(struct parts *p)
{
	if (p == NULL)
		return;
	CHECK(p, PARTS_MAGIC);
	buf_fini(&p->text);
	FREE(p);
}

uint64_t
parts_length(const struct parts *p)
{
	CHECK(p, PARTS_MAGIC);
	return p->total;
}

void
parts_emit_type(const struct parts *p, struct buf *out)
{
	CHECK(p, PARTS_MAGIC);
	buf_add_slice(out, SLICE("Content-Type: multipart/byteranges; boundary="));
	buf_add_str(out, p->boundary);
	buf_add_slice(out, SLICE("\r\n"));
}

bool
parts_ascend(const struct ranges *rs)
{
	for (unsigned i = 1; i < rs->n; i++)
		if (rs->r[i].first <= rs->r[i - 1].last)
			return false;
	return true;
}

bool
parts_next(struct parts *p, struct range *r, struct slice *text)
{
	CHECK(p, PARTS_MAGIC);
	ASSERT(p->next <= p->ranges.n);
	write_text(p, p->next);
	*text = buf_slice(&p->text);
	if (p->next == p->ranges.n)
		return false;
	*r = p->ranges.r[p->next++];
	return true;
}
