/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: an entity-tag is read by its own grammar, not as a quoted string, for it knows no escapes:
 * a backslash in one is a byte like others (RFC 9110 8.8.3).  So lists of them are walked here,
 * too.
 *
 * Rules: ETag, Last-Modified, Date, If-Modified-Since and If-Range hold one value; a second field
 * of that name, or a value that can't be read, makes them as good as absent, except that an
 * If-None-Match which is there at all hides If-Modified-Since (13.1.3), and an If-Range which can't
 * be read does not hold (13.1.5).  Every doubt ends in the full answer, never in a 304.
 *
 * What a merge leaves alone (RFC 9111 3.2): Content-Length, by the letter; Content-Encoding and
 * Content-Range, since the stored bytes are in that coding and that range, whatever a 304 says of
 * others; Content-Type is not among them, for we keep bodies as they came, and only caches that
 * keep something else are excused from it.
 *
 * Bounds: a merge looks each field of one head up in the other; parsed heads hold at most
 * PARSE_MAX_FIELDS, and an origin's a fifth of that.
 *
 * Threads: pure.
 */
#include "http/cond.h"

#include "base/contract.h"
#include "http/date.h"
#include "http/parse_priv.h"

/*
 * Where no clock is given: a two-digit year (RFC 9110 5.6.7) is within fifty years of 2025.  These
 * dates are compared with each other only, and all of them are read alike.
 */
#define SOME_DAY	((int64_t)1735689600)

static const struct slice etag = SLICE_INIT("ETag");
static const struct slice last_modified = SLICE_INIT("Last-Modified");
static const struct slice date = SLICE_INIT("Date");

/* --- entity tags --- */

static bool
is_etagc(char c)
{
	unsigned char u = (unsigned char)c;

	return u == 0x21 || (u >= 0x23 && u != 0x7f);
}

static struct slice
after(struct slice s, size_t n)
{
	return slice_of(s.p + n, s.n - n);
}

bool
cond_etag(struct slice s, struct slice *tag, bool *weak, struct slice *rest)
{
	size_t n = 1;

	*weak = slice_starts(s, SLICE("W/"));
	if (*weak)
		s = after(s, 2);
	if (s.n < 2 || s.p[0] != '"')
		return false;
	while (n < s.n && is_etagc(s.p[n]))
		n++;
	if (n == s.n || s.p[n] != '"')
		return false;
	*tag = slice_of(s.p, n + 1);
	*rest = after(s, n + 1);
	return true;
}

/* One entity-tag and nothing else. */
static bool
whole_etag(struct slice s, struct slice *tag, bool *weak)
{
	struct slice rest;

	return cond_etag(s, tag, weak, &rest) && rest.n == 0;
}

bool
cond_etag_weak_equal(struct slice a, struct slice b)
{
	struct slice ta, tb;
	bool wa, wb;

	return whole_etag(a, &ta, &wa) && whole_etag(b, &tb, &wb) && slice_eq(ta, tb);
}

bool
cond_etag_strong_equal(struct slice a, struct slice b)
{
	struct slice ta, tb;
	bool wa, wb;

	return whole_etag(a, &ta, &wa) && whole_etag(b, &tb, &wb) && !wa && !wb && slice_eq(ta, tb);
}

/* --- fields that hold one value --- */

static const struct hdr_field *
only_field(const struct head *h, struct slice name)
{
	const struct hdr_field *f = hdr_get(h, name);

	return f != NULL && hdr_next(h, name, f) == NULL ? f : NULL;
}

static bool
date_field(const struct head *h, struct slice name, int64_t now, int64_t *out)
{
	const struct hdr_field *f = only_field(h, name);

	return f != NULL && date_parse(f->value, now, out) == 0;
}

/* The answer's entity-tag, as a whole; false if it has none. */
static bool
etag_field(const struct head *h, struct slice *value, bool *weak)
{
	const struct hdr_field *f = only_field(h, etag);
	struct slice tag;

	if (f == NULL || !whole_etag(f->value, &tag, weak))
		return false;
	*value = f->value;
	return true;
}

/* RFC 9110 8.8.2.2: nothing can have changed within the second that Last-Modified names. */
static bool
is_strong_date(const struct head *h, int64_t modified)
{
	int64_t said;

	return date_field(h, date, SOME_DAY, &said) && said > modified;
}

/* --- requests --- */

/* A member of If-None-Match; false at the end, or at the first fault. */
static bool
next_member(struct slice *rest, struct slice *tag)
{
	bool weak;

	while (rest->n > 0 && (is_ows(rest->p[0]) || rest->p[0] == ','))
		*rest = after(*rest, 1);
	if (!cond_etag(*rest, tag, &weak, rest))
		return false;
	while (rest->n > 0 && is_ows(rest->p[0]))
		*rest = after(*rest, 1);
	return rest->n == 0 || rest->p[0] == ',';
}

/* RFC 9110 13.1.2, of a request that has the field: there is nothing newer than what it knows. */
static bool
none_match_fails(const struct head *req, const struct head *resp)
{
	static const struct slice name = SLICE_INIT("If-None-Match");
	const struct hdr_field *f = only_field(req, name);
	struct slice ours, our_tag, rest, tag;
	bool weak;

	if (f != NULL && slice_eq(f->value, SLICE("*")))
		return true;
	if (!etag_field(resp, &ours, &weak) || !whole_etag(ours, &our_tag, &weak))
		return false;
	for (f = hdr_get(req, name); f != NULL; f = hdr_next(req, name, f)) {
		rest = f->value;
		while (next_member(&rest, &tag))
			if (slice_eq(tag, our_tag))
				return true;
		if (rest.n > 0)
			return false;
	}
	return false;
}

/* RFC 9111 4.3.2: when the stored answer was made, as well as can be known. */
static int64_t
modified_by(const struct head *resp, int64_t received)
{
	int64_t seconds;

	if (date_field(resp, last_modified, received, &seconds) ||
	    date_field(resp, date, received, &seconds))
		return seconds;
	return received;
}

bool
cond_not_modified(const struct head *req, const struct head *resp, usec_t received)
{
	int64_t now = received / USEC_PER_SEC, since;

	if (!method_is(req, "GET") && !method_is(req, "HEAD"))
		return false;
	if (resp->status != 200 && resp->status != 203)
		return false;
	if (hdr_get(req, SLICE("If-None-Match")) != NULL)
		return none_match_fails(req, resp);
	return date_field(req, SLICE("If-Modified-Since"), now, &since) &&
	    modified_by(resp, now) <= since;
}

bool
cond_if_range(const struct head *req, const struct head *resp)
{
	static const struct slice name = SLICE_INIT("If-Range");
	const struct hdr_field *f = only_field(req, name);
	int64_t theirs, ours;
	struct slice value;
	bool weak;

	if (f == NULL)
		return hdr_get(req, name) == NULL;
	if (date_parse(f->value, SOME_DAY, &theirs) == 0)
		return date_field(resp, last_modified, SOME_DAY, &ours) && ours == theirs &&
		    is_strong_date(resp, ours);
	return etag_field(resp, &value, &weak) && cond_etag_strong_equal(f->value, value);
}

/* --- validation --- */

bool
cond_has_etag(const struct head *resp)
{
	struct slice value;
	bool weak;

	return etag_field(resp, &value, &weak);
}

bool
cond_has_validator(const struct head *resp)
{
	int64_t seconds;

	return cond_has_etag(resp) || date_field(resp, last_modified, SOME_DAY, &seconds);
}

void
cond_emit_validators(const struct head *stored, struct buf *out)
{
	struct slice value;
	int64_t seconds;
	bool weak;

	if (etag_field(stored, &value, &weak))
		hdr_emit_field(out, SLICE("If-None-Match"), value);
	/* As it came, not as we would write it: some origins compare the text (RFC 9110 13.1.3). */
	if (date_field(stored, last_modified, SOME_DAY, &seconds))
		hdr_emit_field(out, SLICE("If-Modified-Since"), hdr_get(stored,
		    last_modified)->value);
}

/* The same Last-Modified in both. */
static bool
same_modified(const struct head *stored, const struct head *resp, bool strong)
{
	int64_t was, is;

	return date_field(stored, last_modified, SOME_DAY, &was) &&
	    date_field(resp, last_modified, SOME_DAY, &is) && was == is &&
	    (!strong || is_strong_date(stored, was));
}

bool
cond_confirms(const struct head *stored, const struct head *resp304)
{
	struct slice theirs, ours;
	bool weak = true, have, unused;
	int64_t seconds;

	have = etag_field(resp304, &theirs, &weak);
	if (have && etag_field(stored, &ours, &unused))
		return cond_etag_weak_equal(theirs, ours);
	if (have || date_field(resp304, last_modified, SOME_DAY, &seconds))
		return same_modified(stored, resp304, have && !weak);
	return true;
}

/* --- heads merged --- */

/* Stays as it is stored, whatever the update says. */
static bool
is_kept(struct slice name, bool set_cookie)
{
	static const struct slice set[] = {
		SLICE_INIT("Content-Encoding"),
		SLICE_INIT("Content-Length"),
		SLICE_INIT("Content-Range"),
		SLICE_INIT("Transfer-Encoding"),
		SLICE_INIT("Via"),
	};

	return slice_casein(name, set, sizeof set / sizeof set[0]) ||
	    (!set_cookie && hdr_is_cookie(name));
}

/* The stored tag is the weak form of the update's: our bytes are not what the strong one names. */
static bool
is_weaker(const struct head *stored, const struct head *update)
{
	struct slice ours, theirs;
	bool our_weak, their_weak;

	return etag_field(stored, &ours, &our_weak) && etag_field(update, &theirs, &their_weak) &&
	    our_weak && !their_weak && cond_etag_weak_equal(ours, theirs);
}

/* Everything of `stored` but its fields. */
static void
copy_start(const struct head *stored, struct head *out)
{
	struct head bare = *stored;

	bare.f = NULL;
	bare.n = bare.cap = 0;
	head_copy(out, &bare);
}

void
cond_merge(const struct head *stored, const struct head *update, bool set_cookie, usec_t now,
    struct head *out)
{
	int64_t wall = now / USEC_PER_SEC, seconds;
	bool dated = date_field(update, date, wall, &seconds);
	bool keep_etag = is_weaker(stored, update);
	char text[DATE_LEN + 1];

	copy_start(stored, out);
	for (unsigned i = 0; i < stored->n; i++) {
		struct slice name = stored->f[i].name;

		/* Both are the update's to say. */
		if (slice_caseeq(name, SLICE("Age")) || slice_caseeq(name, date))
			continue;
		if (is_kept(name, set_cookie) || (keep_etag && slice_caseeq(name, etag)) ||
		    hdr_get(update, name) == NULL)
			hdr_add(out, name, stored->f[i].value);
	}
	for (unsigned i = 0; i < update->n; i++) {
		struct slice name = update->f[i].name;

		if (!is_kept(name, set_cookie) && !(keep_etag && slice_caseeq(name, etag)) &&
		    (dated || !slice_caseeq(name, date)))
			hdr_add(out, name, update->f[i].value);
	}
	if (!dated) {
		/* RFC 9110 6.6.1: without one, or with one that says nothing. */
		date_format(wall, text);
		hdr_add(out, date, slice_str(text));
	}
}

/* The validator of that name, if the update has it, is the stored one's too. */
static bool
same_field(const struct head *stored, const struct head *resp, struct slice name)
{
	const struct hdr_field *is = hdr_get(resp, name), *was;

	if (is == NULL)
		return true;
	was = only_field(stored, name);
	return was != NULL && only_field(resp, name) != NULL && slice_eq(was->value, is->value);
}

bool
cond_head_confirms(const struct head *stored, uint64_t length, const struct head *resp)
{
	const struct hdr_field *f = hdr_get(resp, SLICE("Content-Length"));
	uint64_t said;

	if (stored->status != 200 || resp->status != 200)
		return false;
	if (f != NULL && (slice_u64(f->value, &said) != 0 || said != length))
		return false;
	return same_field(stored, resp, etag) &&
	    (same_field(stored, resp, last_modified) || same_modified(stored, resp, false));
}

bool
cond_omitted_in_304(struct slice name)
{
	static const struct slice set[] = {
		SLICE_INIT("Content-Digest"),
		SLICE_INIT("Content-Encoding"),
		SLICE_INIT("Content-Language"),
		SLICE_INIT("Content-Length"),
		SLICE_INIT("Content-MD5"),
		SLICE_INIT("Content-Range"),
		SLICE_INIT("Content-Type"),
		SLICE_INIT("Digest"),
		SLICE_INIT("Repr-Digest"),
	};

	return slice_casein(name, set, sizeof set / sizeof set[0]);
}
