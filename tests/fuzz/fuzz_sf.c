/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured fields (RFC 9651).  The lines of an input are the lines of one field, read as a
 * dictionary and as a list.
 */
#include "http/sf.h"

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

#define INTEGER_MAX	999999999999999	/* 3.3.1 */

const char *const fuzz_words[] = {
	"a=1", "a", "=?0", "=?1", "=\"\\\"\"", "=:aGk=:", "=@1659578233", "=%\"%c3%bc\"", "=1.5",
	"=-0", "999999999999999", "=(a b);q", ";a=1;b", "*a", "=tok/en:x", ", ", "\n", NULL,
};

static const struct slice name = SLICE_INIT("F");

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void
check_key(struct slice key)
{
	ASSERT(key.n > 0 && (key.p[0] == '*' || (key.p[0] >= 'a' && key.p[0] <= 'z')));
	for (size_t i = 0; i < key.n; i++)
		ASSERT(key.p[i] != '\0' &&
		    strchr("abcdefghijklmnopqrstuvwxyz0123456789_-.*", key.p[i]) != NULL);
}

static void
check_value(const struct sf_value *v)
{
	switch (v->type) {
	case SF_INTEGER:
	case SF_DATE:
		ASSERT(v->integer >= -INTEGER_MAX && v->integer <= INTEGER_MAX);
		break;
	case SF_BOOLEAN:
		ASSERT(v->integer == 0 || v->integer == 1);
		break;
	case SF_TOKEN:
		ASSERT(v->text.n > 0 && (v->text.p[0] == '*' || is_alpha(v->text.p[0])));
		break;
	case SF_STRING:
		for (size_t i = 0; i < v->text.n; i++)
			ASSERT(v->text.p[i] >= 0x20 && v->text.p[i] < 0x7f);
		break;
	case SF_DECIMAL:
	case SF_BYTES:
	case SF_DISPLAY:
	case SF_INNER_LIST:
		break;
	}
}

/* As RFC 9651 4.1 writes it; of what isn't kept, something of its type. */
static void
write_value(const struct sf_value *v, struct buf *out)
{
	switch (v->type) {
	case SF_INTEGER:
	case SF_DATE:
		buf_addf(out, "%s%lld", v->type == SF_DATE ? "@" : "", (long long)v->integer);
		break;
	case SF_BOOLEAN:
		buf_addf(out, "?%lld", (long long)v->integer);
		break;
	case SF_TOKEN:
		buf_add_slice(out, v->text);
		break;
	case SF_STRING:
		buf_add(out, "\"", 1);
		for (size_t i = 0; i < v->text.n; i++) {
			if (v->text.p[i] == '"' || v->text.p[i] == '\\')
				buf_add(out, "\\", 1);
			buf_add(out, &v->text.p[i], 1);
		}
		buf_add(out, "\"", 1);
		break;
	case SF_DECIMAL:
		buf_add_str(out, "1.5");
		break;
	case SF_BYTES:
		buf_add_str(out, ":aGk=:");
		break;
	case SF_DISPLAY:
		buf_add_str(out, "%\"a\"");
		break;
	case SF_INNER_LIST:
		buf_add(out, "(", 1);
		buf_add_slice(out, v->text);
		buf_add(out, ")", 1);
		break;
	}
}

static void
write_all(const struct sf *sf, bool keys, struct buf *out)
{
	for (unsigned i = 0; i < sf->n; i++) {
		if (i > 0)
			buf_add(out, ", ", 2);
		if (keys) {
			buf_add_slice(out, sf->m[i].key);
			buf_add(out, "=", 1);
		}
		write_value(&sf->m[i].value, out);
	}
}

static bool
read_all(const struct head *h, bool keys, struct arena *a, struct sf *out)
{
	return keys ? sf_dictionary(h, name, a, out) : sf_list(h, name, a, out);
}

/* What was understood, written again, is understood the same. */
static void
there_and_back(const struct sf *sf, bool keys)
{
	struct arena a = { 0 };
	struct head h = { 0 };
	struct sf back;
	struct buf x = { 0 }, y = { 0 };

	write_all(sf, keys, &x);
	hdr_add(&h, name, buf_slice(&x));
	ASSERT(read_all(&h, keys, &a, &back) && back.n == sf->n);
	for (unsigned i = 0; i < sf->n; i++)
		ASSERT(back.m[i].value.type == sf->m[i].value.type);
	write_all(&back, keys, &y);
	fuzz_same(&x, &y);
	/* No fault hides behind something valid. */
	hdr_add(&h, name, SLICE("=\""));
	ASSERT(!read_all(&h, keys, &a, &back) && back.n == 0);
	head_fini(&h);
	arena_fini(&a);
}

static void
check(const struct head *h, bool keys)
{
	struct arena a = { 0 };
	struct head joined = { 0 };
	struct sf sf = { .n = 1 }, other;
	bool valid = read_all(h, keys, &a, &sf);
	struct buf x = { 0 }, y = { 0 };

	ASSERT(valid || sf.n == 0);
	ASSERT(sf.n <= SF_MEMBERS);
	for (unsigned i = 0; i < sf.n; i++) {
		check_value(&sf.m[i].value);
		if (keys)
			check_key(sf.m[i].key);
		for (unsigned k = 0; keys && k < i; k++)
			ASSERT(!slice_eq(sf.m[i].key, sf.m[k].key));
	}
	/* 4.2: lines are read as one. */
	fuzz_joined(h, name, &joined);
	ASSERT(read_all(&joined, keys, &a, &other) == valid);
	write_all(&sf, keys, &x);
	write_all(&other, keys, &y);
	fuzz_same(&x, &y);
	if (valid && sf.n > 0)
		there_and_back(&sf, keys);
	head_fini(&joined);
	arena_fini(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice rest = slice_of((const char *)data, n), line;
	struct head h = { 0 };

	while (h.n < 10 && fuzz_line(&rest, &line))
		fuzz_add(&h, name, line);
	check(&h, true);
	check(&h, false);
	head_fini(&h);
	return 0;
}
