/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache-Control and its relatives (RFC 9111 5.2, RFC 9213).  An input is the fields of an answer.
 */
#include "http/cc.h"

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_words[] = {
	"Cache-Control: ", "CDN-Cache-Control: ", "Surrogate-Control: ", "max-age=", "s-maxage=",
	"stale-while-revalidate=", "stale-if-error=", "no-store", "no-cache", "private", "=\"",
	"\"", "\\", "must-revalidate", "immutable", "2147483648", "99999999999999999999", "60+30",
	";cdn", "content=\"ESI/1.0\"", ", ", "\n", "Set-Cookie", "=?0", NULL,
};

static const struct slice cache_control = SLICE_INIT("Cache-Control");
static const struct slice targeted[] = {
	SLICE_INIT("CDN-Cache-Control"), SLICE_INIT("Surrogate-Control"),
};

static void
check_number(int64_t v)
{
	ASSERT(v == CC_NONE || (v >= 0 && v <= CC_MAX));
}

static void
check_withheld(const struct cc *cc)
{
	static const struct slice never[] = {
		SLICE_INIT("Vary"), SLICE_INIT("ETag"), SLICE_INIT("Last-Modified"),
		SLICE_INIT("Date"), SLICE_INIT("Age"), SLICE_INIT("Expires"),
		SLICE_INIT("Cache-Control"), SLICE_INIT("CDN-Cache-Control"),
		SLICE_INIT("Surrogate-Control"), SLICE_INIT("Content-Length"),
		SLICE_INIT("Content-Encoding"),
	};

	ASSERT(cc->nwithheld <= CC_WITHHELD);
	for (unsigned i = 0; i < cc->nwithheld; i++) {
		struct slice name = cc->withheld[i];

		ASSERT(name.n > 0 && cc_withholds(cc, name));
		for (size_t k = 0; k < name.n; k++)
			ASSERT(name.p[k] > ' ' &&
			    strchr("\",;=:()<>@[]{}/?\\", name.p[k]) == NULL);
	}
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		ASSERT(!cc_withholds(cc, never[i]));
	ASSERT(!cc_withholds(cc, SLICE("not@named")));
}

static void
check(const struct cc *cc)
{
	check_number(cc->max_age);
	check_number(cc->s_maxage);
	check_number(cc->min_fresh);
	check_number(cc->max_stale);
	check_number(cc->stale_while_revalidate);
	check_number(cc->stale_if_error);
	ASSERT(!cc->max_age_bad || cc->max_age == CC_NONE);
	ASSERT(!cc->s_maxage_bad || cc->s_maxage == CC_NONE);
	check_withheld(cc);
}

/* As text, names in lower case, so that two can be compared. */
static void
print(const struct cc *cc, struct buf *out)
{
	buf_addf(out, "%d%d%d%d%d%d%d%d%d%d%d%d %lld %lld %lld %lld %lld %lld",
	    cc->targeted, cc->no_store, cc->no_cache, cc->is_private, cc->is_public,
	    cc->must_revalidate, cc->proxy_revalidate, cc->only_if_cached,
	    cc->must_understand, cc->immutable, cc->max_age_bad, cc->s_maxage_bad,
	    (long long)cc->max_age, (long long)cc->s_maxage, (long long)cc->min_fresh,
	    (long long)cc->max_stale, (long long)cc->stale_while_revalidate,
	    (long long)cc->stale_if_error);
	for (unsigned i = 0; i < cc->nwithheld; i++) {
		buf_add(out, " ", 1);
		buf_add_slice(out, cc->withheld[i]);
	}
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] >= 'A' && out->p[i] <= 'Z')
			out->p[i] |= 0x20;
}

static void
same(const struct cc *a, const struct cc *b)
{
	struct buf x = { 0 }, y = { 0 };

	print(a, &x);
	print(b, &y);
	fuzz_same(&x, &y);
}

/* Each value closes the quotes that it opens, so that no line reaches into the next. */
static bool
lines_are_closed(const struct head *h, struct slice name)
{
	const struct hdr_field *f = NULL;
	bool quoted = false;

	while ((f = hdr_next(h, name, f)) != NULL && !quoted)
		for (size_t i = 0; i < f->value.n; i++) {
			if (quoted && f->value.p[i] == '\\')
				i++;
			else if (f->value.p[i] == '"')
				quoted = !quoted;
		}
	return !quoted;
}

static void
shouted(const struct head *h, struct head *out)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < h->n; i++) {
		b.n = 0;
		buf_add_slice(&b, h->f[i].value);
		for (size_t k = 0; k < b.n; k++)
			if (b.p[k] >= 'a' && b.p[k] <= 'z')
				b.p[k] ^= 0x20;
		hdr_add(out, h->f[i].name, buf_slice(&b));
	}
	buf_fini(&b);
}

static void
check_field(const struct head *h, struct slice name)
{
	struct head joined = { 0 }, loud = { 0 }, more = { 0 };
	struct cc cc, other;

	cc_parse(h, name, &cc);
	check(&cc);
	ASSERT(!cc.targeted);
	if (lines_are_closed(h, name)) {
		fuzz_joined(h, name, &joined);
		cc_parse(&joined, name, &other);
		same(&cc, &other);
	}
	/* 5.2: directives are the same in any case. */
	shouted(h, &loud);
	cc_parse(&loud, name, &other);
	same(&cc, &other);
	/* Whatever stands before it, a no-store on a line of its own counts. */
	head_copy(&more, h);
	hdr_add(&more, name, SLICE("no-store"));
	cc_parse(&more, name, &other);
	ASSERT(other.no_store);
	head_fini(&joined);
	head_fini(&loud);
	head_fini(&more);
}

static void
check_response(const struct head *h)
{
	bool any = hdr_get(h, targeted[0]) != NULL || hdr_get(h, targeted[1]) != NULL;
	struct cc cc, plain;

	cc_of_response(h, &cc);
	check(&cc);
	cc_parse(h, cache_control, &plain);
	if (cc.targeted)
		ASSERT(any);
	else
		same(&cc, &plain);
	/* What Cache-Control withholds stays withheld, unless all of the answer is. */
	for (unsigned i = 0; i < plain.nwithheld; i++)
		ASSERT(cc_withholds(&cc, plain.withheld[i]) || cc.is_private);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct head h = { 0 };

	fuzz_head(&h, slice_of((const char *)data, n));
	check_field(&h, cache_control);
	check_field(&h, targeted[0]);
	check_field(&h, targeted[1]);
	check_response(&h);
	head_fini(&h);
	return 0;
}
