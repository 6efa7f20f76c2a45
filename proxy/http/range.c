/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: the members are read as they were written (a number too large for us is as good as the
 * largest), then laid over the length: those beyond it fall away, those that overlap or touch
 * become one, which stands where the first of them stood (RFC 9110 15.3.7.2 wants the order of the
 * request).
 *
 * Rules: one fault makes the whole field as good as absent (14.1.2, 14.2).  Nobody gets more bytes
 * for several ranges than the whole would be.  An empty body has no range to show, but a suffix of
 * it is no fault either (14.1.2), so that is answered with the whole.
 *
 * Invariant: at most RANGE_MAX members, each compared with each once; so the work is that of
 * reading the field.
 *
 * Threads: pure.
 */
#include "http/range.h"

#include "http/parse_priv.h"

struct spec {
	uint64_t	first, last;
	bool		suffix;		/* the last `last` bytes */
};

struct specs {
	unsigned	n;
	struct spec	s[RANGE_MAX];
};

/* Digits without their leading zeros; false if there are others, or none. */
static bool
eat_number(struct slice *s, struct slice *digits)
{
	size_t n = 0, zeros = 0;

	while (n < s->n && is_digit(s->p[n]))
		n++;
	while (zeros < n && s->p[zeros] == '0')
		zeros++;
	*digits = slice_of(s->p + zeros, n - zeros);
	*s = slice_of(s->p + n, s->n - n);
	return n > 0;
}

static uint64_t
number_of(struct slice digits)
{
	uint64_t v;

	if (digits.n == 0)
		return 0;
	return slice_u64(digits, &v) == 0 ? v : UINT64_MAX;
}

/* Exact, also where both are too large. */
static bool
number_less(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return a.n < b.n;
	return a.n > 0 && memcmp(a.p, b.p, a.n) < 0;
}

/* int-range or suffix-range, RFC 9110 14.1.1. */
static bool
read_spec(struct slice item, struct spec *out)
{
	struct slice first, last;

	out->suffix = item.n > 0 && item.p[0] == '-';
	if (!out->suffix && !eat_number(&item, &first))
		return false;
	if (item.n == 0 || item.p[0] != '-')
		return false;
	item = slice_of(item.p + 1, item.n - 1);
	out->first = out->suffix ? 0 : number_of(first);
	out->last = UINT64_MAX;
	if (item.n == 0)
		return !out->suffix;
	if (!eat_number(&item, &last) || item.n > 0)
		return false;
	out->last = number_of(last);
	return out->suffix || !number_less(last, first);
}

static bool
read_specs(const struct head *req, struct specs *out)
{
	static const struct slice range = SLICE_INIT("Range"), unit = SLICE_INIT("bytes=");
	const struct hdr_field *f = hdr_get(req, range);
	struct slice rest, item;

	out->n = 0;
	if (f == NULL || hdr_next(req, range, f) != NULL || f->value.n < unit.n ||
	    !slice_caseeq(slice_of(f->value.p, unit.n), unit))
		return false;
	rest = slice_of(f->value.p + unit.n, f->value.n - unit.n);
	while (slice_list_next(&rest, &item))
		if (out->n == RANGE_MAX || !read_spec(item, &out->s[out->n++]))
			return false;
	return out->n > 0;
}

bool
range_asked(const struct head *req)
{
	struct specs specs;

	return read_specs(req, &specs);
}

/* What of the body a member selects; false: nothing.  length > 0. */
static bool
lay(const struct spec *s, uint64_t length, struct range *out)
{
	if (s->suffix) {
		if (s->last == 0)
			return false;
		out->first = s->last < length ? length - s->last : 0;
		out->last = length - 1;
		return true;
	}
	out->first = s->first;
	out->last = s->last < length ? s->last : length - 1;
	return s->first < length;
}

static bool
touch(const struct range *a, const struct range *b)
{
	/* no overflow: last < length */
	return a->first <= b->last + 1 && b->first <= a->last + 1;
}

/*
 * Joined with all that it touches, in the place of the first of them.  Those that are there touch
 * each other nowhere, so what one of them adds can't touch another.
 */
static void
put(struct ranges *rs, struct range r)
{
	unsigned at = RANGE_MAX, kept = 0;

	for (unsigned i = 0; i < rs->n; i++) {
		struct range x = rs->r[i];

		if (!touch(&x, &r)) {
			rs->r[kept++] = x;
			continue;
		}
		r.first = x.first < r.first ? x.first : r.first;
		r.last = x.last > r.last ? x.last : r.last;
		if (at == RANGE_MAX)
			at = kept++;
	}
	if (at == RANGE_MAX)
		at = kept++;
	rs->r[at] = r;
	rs->n = kept;
}

static enum range_result
select_empty(const struct specs *specs)
{
	for (unsigned i = 0; i < specs->n; i++)
		if (specs->s[i].suffix && specs->s[i].last > 0)
			return RANGE_WHOLE;
	return RANGE_NONE;
}

enum range_result
range_select(const struct head *req, uint64_t length, struct ranges *out)
{
	struct specs specs;
	struct range r;
	uint64_t left = length;		/* of what may be asked for in all */
	unsigned several = 0;
	bool too_much = false;

	out->n = 0;
	if (!read_specs(req, &specs))
		return RANGE_WHOLE;
	if (length == 0)
		return select_empty(&specs);
	for (unsigned i = 0; i < specs.n; i++) {
		if (!lay(&specs.s[i], length, &r))
			continue;
		several++;
		too_much = too_much || r.last - r.first >= left - 1;
		left -= too_much ? 0 : r.last - r.first + 1;
		put(out, r);
	}
	if (several > 1 && too_much) {
		out->n = 0;
		return RANGE_WHOLE;
	}
	return out->n > 0 ? RANGE_PARTS : RANGE_NONE;
}

void
range_emit(const struct range *r, uint64_t length, struct buf *out)
{
	buf_add_str(out, "Content-Range: bytes ");
	buf_add_u64(out, r->first);
	buf_add(out, "-", 1);
	buf_add_u64(out, r->last);
	buf_add(out, "/", 1);
	buf_add_u64(out, length);
	buf_add(out, "\r\n", 2);
}

void
range_emit_unsatisfied(uint64_t length, struct buf *out)
{
	buf_add_str(out, "Content-Range: bytes */");
	buf_add_u64(out, length);
	buf_add(out, "\r\n", 2);
}
