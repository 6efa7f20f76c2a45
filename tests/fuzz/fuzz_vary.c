/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vary (RFC 9111 4.1).  An input is the fields of an answer, "--", those of a request, "--", those
 * of another request.
 */
#include "http/vary.h"

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

#define NAMES_MAX	32

const char *const fuzz_words[] = {
	"Vary: ", "Accept-Encoding", "Accept-Language", "Accept", "Cookie", "*", "gzip", "br",
	"identity", ";q=0", ";q=0.5", ";q=1.000", ", ", ",", "en", "en-GB", "text/html", "*/*",
	"\n", "\n--\n", NULL,
};

static const struct slice accept_encoding = SLICE_INIT("accept-encoding");

/* Lower case, each once, in a fixed order. */
static void
check_names(struct slice names)
{
	struct slice rest = names, item, last = SLICE("");
	unsigned n = 0;

	while (slice_list_next(&rest, &item)) {
		size_t least = item.n < last.n ? item.n : last.n;
		int order = least == 0 ? 0 : memcmp(last.p, item.p, least);

		ASSERT(n == 0 || order < 0 || (order == 0 && last.n < item.n));
		for (size_t i = 0; i < item.n; i++)
			ASSERT(!(item.p[i] >= 'A' && item.p[i] <= 'Z') && item.p[i] > ' ' &&
			    item.p[i] != '"');
		last = item;
		n++;
	}
	ASSERT(n <= NAMES_MAX);
	ASSERT(names.n == 0 || (n > 0 && names.p[0] != ',' && names.p[names.n - 1] != ','));
}

static void
turned(const struct head *h, struct head *out)
{
	for (unsigned i = h->n; i > 0; i--)
		hdr_add(out, h->f[i - 1].name, h->f[i - 1].value);
}

/* Neither the order of the lines nor their number matters. */
static void
check_answer(const struct head *resp, struct buf *names)
{
	struct head back = { 0 }, joined = { 0 };
	struct buf x = { 0 }, y = { 0 }, z = { 0 };
	bool any = vary_any(resp);

	vary_names(resp, names);
	check_names(buf_slice(names));
	turned(resp, &back);
	ASSERT(vary_any(&back) == any);
	fuzz_joined(resp, SLICE("Vary"), &joined);
	/* Only the bound on the bytes may tell them apart, and that only makes it stricter. */
	ASSERT(!any || vary_any(&joined) || names->n == 0);
	if (!any) {
		buf_add_slice(&x, buf_slice(names));
		vary_names(&back, &y);
		buf_add_slice(&z, buf_slice(&y));
		fuzz_same(&x, &y);
		vary_names(&joined, &x);
		fuzz_same(&x, &z);
	}
	head_fini(&back);
	head_fini(&joined);
}

static bool
is_ows(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Where ", " divides a list, outside of quoted strings, with something on both sides; 0: nowhere.
 */
static size_t
division(struct slice v)
{
	bool quoted = false;

	for (size_t i = 0; i + 2 < v.n; i++) {
		if (quoted && v.p[i] == '\\')
			i++;
		else if (v.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && i > 0 && v.p[i] == ',' && v.p[i + 1] == ' ' &&
		    !is_ows(v.p[i - 1]) && !is_ows(v.p[i + 2]))
			return i;
	}
	return 0;
}

/* The first list that can be is divided into two lines. */
static bool
divided(const struct head *h, struct head *out)
{
	bool done = false;

	for (unsigned i = 0; i < h->n; i++) {
		struct slice name = h->f[i].name, v = h->f[i].value;
		size_t at = done ? 0 : division(v);

		if (at == 0) {
			hdr_add(out, name, v);
			continue;
		}
		hdr_add(out, name, slice_of(v.p, at));
		hdr_add(out, name, slice_of(v.p + at + 2, v.n - at - 2));
		done = true;
	}
	return done;
}

static void
same_values(const struct head *a, const struct head *b, struct slice names)
{
	struct buf x = { 0 }, y = { 0 };

	vary_values(a, names, &x);
	vary_values(b, names, &y);
	fuzz_same(&x, &y);
}

static void
check_request(const struct head *req, struct slice names)
{
	struct head other = { 0 };

	same_values(req, req, names);
	if (divided(req, &other))
		same_values(req, &other, names);
	/* What isn't named, or stands elsewhere, does not count. */
	hdr_add(&other, SLICE("not@named"), SLICE("x"));
	head_fini(&other);
	hdr_add(&other, SLICE("not@named"), SLICE("x"));
	for (unsigned i = 0; i < req->n; i++)
		hdr_add(&other, req->f[i].name, req->f[i].value);
	same_values(req, &other, names);
	head_fini(&other);
}

/* Of these names without Accept-Encoding. */
static void
without_encoding(struct slice names, struct buf *out)
{
	struct slice item;

	while (slice_list_next(&names, &item))
		if (!slice_eq(item, accept_encoding)) {
			if (out->n > 0)
				buf_add(out, ",", 1);
			buf_add_slice(out, item);
		}
}

static void
check_match(const struct head *a, const struct head *b, struct slice names, struct slice coding)
{
	struct buf x = { 0 }, y = { 0 }, fewer = { 0 };
	bool match, equal;

	vary_values(a, names, &x);
	vary_values(b, names, &y);
	equal = slice_eq(buf_slice(&x), buf_slice(&y));
	ASSERT(vary_match(names, buf_slice(&x), coding, buf_slice(&x)));
	match = vary_match(names, buf_slice(&x), coding, buf_slice(&y));
	ASSERT(match || !equal);
	without_encoding(names, &fewer);
	if (match) {
		ASSERT(equal || fewer.n != names.n);
		same_values(a, b, buf_slice(&fewer));
	}
	buf_fini(&x);
	buf_fini(&y);
	buf_fini(&fewer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice rest = slice_of((const char *)data, n), part, coding = SLICE("");
	struct head h[3] = { { .minor = 1 } };
	const struct hdr_field *f;
	struct buf names = { 0 };

	for (int i = 0; i < 3 && fuzz_part(&rest, &part); i++)
		fuzz_head(&h[i], part);
	check_answer(&h[0], &names);
	if ((f = hdr_get(&h[0], SLICE("Content-Encoding"))) != NULL)
		coding = f->value;
	if (!vary_any(&h[0])) {
		check_request(&h[1], buf_slice(&names));
		check_request(&h[2], buf_slice(&names));
		check_match(&h[1], &h[2], buf_slice(&names), coding);
		check_match(&h[2], &h[1], buf_slice(&names), coding);
	}
	buf_fini(&names);
	for (int i = 0; i < 3; i++)
		head_fini(&h[i]);
	return 0;
}
