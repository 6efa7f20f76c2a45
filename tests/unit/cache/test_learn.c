/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/learn.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"

#include "tests/unit/unit.h"

#define T0	(1000 * USEC_PER_SEC)
#define MINUTE	LEARN_HALF_LIFE

static const struct hash_seed seed = { 0x0123456789abcdef, 0xfedcba9876543210 };

static struct learn_keys
keys_of(const struct learn *l, const char *key, enum audience who, const char *cookie)
{
	struct learn_keys k;
	struct head req = { .minor = 1 };

	if (who == AUDIENCE_AUTHORIZED)
		hdr_add(&req, SLICE("Authorization"), SLICE("Basic c2VjcmV0"));
	if (cookie != NULL)
		hdr_add(&req, SLICE("Cookie"), slice_str(cookie));
	learn_keys_of(l, slice_str(key), who, &req, &k);
	head_fini(&req);
	return k;
}

/* The i-th of the keys that like stands for, with i in the place of its '#', if it has one. */
static void
saw(struct learn *l, bool alone, usec_t mono, unsigned i, const char *like)
{
	const char *at = strchr(like, '#');
	struct learn_keys k;
	char key[512];

	if (at == NULL)
		snprintf(key, sizeof key, "%s", like);
	else
		snprintf(key, sizeof key, "%.*s%u%s", (int)(at - like), like, i, at + 1);
	k = keys_of(l, key, AUDIENCE_PLAIN, NULL);
	learn_saw(l, &k, alone, mono);
}

static bool
is_alone(struct learn *l, const char *key, usec_t mono)
{
	struct learn_keys k = keys_of(l, key, AUDIENCE_PLAIN, NULL);

	return learn_is_alone(l, &k, mono);
}

/* Patterns. */

START_TEST(which_patterns_a_request_has)
{
	static const struct {
		const char	*name, *key, *cookie;
		enum audience	 who;
		bool		 has[LEARN_LEVELS];
	} t[] = {
		{ "page", "http://h/p", NULL, AUDIENCE_PLAIN, { false, true, false, false } },
		{ "root", "http://h/", NULL, AUDIENCE_PLAIN, { false, true, false, false } },
		{ "query", "http://h/p?", NULL, AUDIENCE_PLAIN, { true, true, false, false } },
		{ "slashes in a query", "http://h/p?/a/b", NULL, AUDIENCE_PLAIN,
		    { true, true, false, false } },
		{ "lines", "http://h/p\nc:a=b", NULL, AUDIENCE_PLAIN,
		    { true, true, false, false } },
		{ "slashes in lines", "http://h/p\nc:a=/x/y", NULL, AUDIENCE_PLAIN,
		    { true, true, false, false } },
		{ "deep", "http://h/a/b/c", NULL, AUDIENCE_PLAIN, { false, true, true, false } },
		{ "empty segment", "http://h//", NULL, AUDIENCE_PLAIN,
		    { false, true, true, false } },
		{ "no path", "http://h", NULL, AUDIENCE_PLAIN, { false, false, false, false } },
		{ "asterisk", "http://h*", NULL, AUDIENCE_PLAIN, { false, false, false, false } },
		{ "cookie", "http://h/p", "a=1", AUDIENCE_COOKIE, { false, true, false, true } },
		{ "cookie without a name", "http://h/p", "=1; x; ;;", AUDIENCE_COOKIE,
		    { false, true, false, false } },
		{ "plain, whatever it sends", "http://h/p", "a=1", AUDIENCE_PLAIN,
		    { false, true, false, false } },
		{ "authorized", "http://h/p", "a=1", AUDIENCE_AUTHORIZED,
		    { false, true, false, true } },
	};
	struct learn *l = learn_new(&seed);

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct learn_keys k = keys_of(l, t[i].key, t[i].who, t[i].cookie);

		for (unsigned n = 0; n < LEARN_LEVELS; n++)
			ck_assert_msg((k.hash[n] != 0) == t[i].has[n], "%s: level %u",
			    t[i].name, n);
	}
	learn_free(l);
}
END_TEST

START_TEST(what_is_one_pattern)
{
	static const struct {
		const char	*name, *a, *b;
		bool		 same[LEARN_LEVELS - 1];
	} t[] = {
		{ "queries", "http://h/a/p?x=1", "http://h/a/p?x=2", { true, true, true } },
		{ "lines", "http://h/a/p\nh:x:1", "http://h/a/p\nh:x:2", { true, true, true } },
		{ "with and without a query", "http://h/a/p?x\nh:x:1", "http://h/a/p\nh:x:1",
		    { false, true, true } },
		{ "siblings", "http://h/a/p?x", "http://h/a/q?x", { false, true, true } },
		{ "cousins", "http://h/a/p?x", "http://h/a/b/q?x", { false, false, true } },
		{ "strangers", "http://h/a/p?x", "http://h/b/p?x", { false, false, false } },
		{ "hosts", "http://h/a/p?x", "http://g/a/p?x", { false, false, false } },
		{ "ports", "http://h/a/p?x", "http://h:81/a/p?x", { false, false, false } },
		{ "host and path don't melt", "http://h/a/p?x", "http://h/a/a/p?x",
		    { false, false, true } },
	};
	struct learn *l = learn_new(&seed);

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct learn_keys a = keys_of(l, t[i].a, AUDIENCE_PLAIN, NULL),
		    b = keys_of(l, t[i].b, AUDIENCE_PLAIN, NULL);

		for (unsigned n = 0; n < LEARN_LEVELS - 1; n++)
			ck_assert_msg((a.hash[n] == b.hash[n]) == t[i].same[n], "%s: level %u",
			    t[i].name, n);
	}
	learn_free(l);
}
END_TEST

START_TEST(levels_audiences_and_seeds_are_apart)
{
	static const struct hash_seed other = { 1, 2 };
	struct learn *l = learn_new(&seed), *m = learn_new(&other);
	uint64_t all[2 * AUDIENCES * LEARN_LEVELS];
	unsigned n = 0;

	for (unsigned who = 0; who < AUDIENCES; who++) {
		/* Directory and first segment are the same text. */
		struct learn_keys a = keys_of(l, "http://h/a/?x", (enum audience)who, "c=1"),
		    b = keys_of(m, "http://h/a/?x", (enum audience)who, "c=1");

		for (unsigned i = 0; i < LEARN_LEVELS; i++) {
			if (who == AUDIENCE_PLAIN && i == LEARN_WHO)
				continue;
			all[n++] = a.hash[i];
			all[n++] = b.hash[i];
		}
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_uint_ne(all[i], all[k]);
	learn_free(l);
	learn_free(m);
}
END_TEST

START_TEST(who_asks_is_the_names_of_its_cookies)
{
	static const struct {
		const char	*a, *b;
		bool		 same;
	} t[] = {
		{ "a=1; b=2", "a=1; b=2", true },
		{ "a=1; b=2", "b=3;a=4", true },
		{ "a=1; b=2", "a=1; b=2; a=3", true },
		{ "a=1; b=2", "a=1", false },
		{ "a=1; b=2", "ab=1", false },
		{ "a=1", "A=1", false },
		{ "a=1; \"; q=2", "a=1", true },
		{ "k=1; a=\"x; y=z\"", "k=1", true },
		{ "k=1; a=\"x\"; y=z", "a=1; k=1; y=1", true },
	};
	struct learn *l = learn_new(&seed);

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct learn_keys a = keys_of(l, "http://h/p", AUDIENCE_COOKIE, t[i].a),
		    b = keys_of(l, "http://h/q", AUDIENCE_COOKIE, t[i].b);

		ck_assert_msg((a.hash[LEARN_WHO] == b.hash[LEARN_WHO]) == t[i].same, "%s | %s",
		    t[i].a, t[i].b);
	}
	learn_free(l);
}
END_TEST

START_TEST(more_cookies_than_are_looked_at)
{
	struct learn *l = learn_new(&seed);
	char many[40000] = "";
	size_t n = 0;
	struct learn_keys k;

	for (unsigned i = 0; n < sizeof many - 16; i++)
		n += (size_t)snprintf(many + n, sizeof many - n, "n%05u=v;", 99999 - i);
	k = keys_of(l, "http://h/p", AUDIENCE_COOKIE, many);
	ck_assert_uint_ne(k.hash[LEARN_WHO], 0);
	ck_assert_uint_lt(strlen(k.who), LEARN_TEXT);
	ck_assert_str_eq(k.who + strlen(k.who) - 3, "...");
	/* Sorted: the sixteenth that came is the first. */
	ck_assert_ptr_eq(strstr(k.who, "n99984, n99985, "), k.who + strlen("h Cookie: "));
	learn_free(l);
}
END_TEST

/* Text for people. */

static void
text_of(const char *key, enum audience who, const char *cookie, enum learn_level level, char *out)
{
	struct learn *l = learn_new(&seed);
	struct learn_pattern p[4];
	struct learn_keys k = keys_of(l, key, who, cookie);

	for (unsigned i = 0; i < LEARN_LEVELS; i++)
		if (i != level)
			k.hash[i] = 0;
	for (unsigned i = 0; i < 8; i++) {
		k.counts[level] = (uint64_t)(i + 1) << 40;
		learn_saw(l, &k, true, T0);
	}
	ck_assert_uint_eq(learn_list(l, p, 4, T0), 1);
	ck_assert_int_eq(p[0].audience, who);
	ck_assert_uint_eq(p[0].alone, 8);
	ck_assert_uint_eq(p[0].shared, 0);
	memcpy(out, p[0].text, LEARN_TEXT);
	learn_free(l);
}

START_TEST(texts)
{
	static const struct {
		const char		*key;
		enum audience		 who;
		const char		*cookie;
		enum learn_level	 level;
		const char		*text;
	} t[] = {
		{ "http://h/a/b/p?x=1", AUDIENCE_PLAIN, NULL, LEARN_PATH, "h/a/b/p?*" },
		{ "http://h/a/b/p\nc:s=secret", AUDIENCE_PLAIN, NULL, LEARN_PATH, "h/a/b/p" },
		{ "http://h/a/b/p?x=1", AUDIENCE_PLAIN, NULL, LEARN_DIRECTORY, "h/a/b/*" },
		{ "http://h/a/b/p?x=1", AUDIENCE_PLAIN, NULL, LEARN_SEGMENT, "h/a/**" },
		{ "http://h:81/", AUDIENCE_COOKIE, "a=1", LEARN_DIRECTORY, "h:81/*" },
		{ "http://h/", AUDIENCE_COOKIE, "b=SECRET; a=1", LEARN_WHO, "h Cookie: a, b" },
		{ "http://h/", AUDIENCE_COOKIE, "a b\x7f\xff=1", LEARN_WHO,
		    "h Cookie: a%20b%7F%FF" },
		{ "http://h/", AUDIENCE_AUTHORIZED, "a=1", LEARN_WHO, "h Authorization" },
		{ "http://h/\x01\x1b[2J\xc3\xa4%41?", AUDIENCE_PLAIN, NULL, LEARN_PATH,
		    "h/%01%1B[2J%C3%A4%41?*" },
	};
	char text[LEARN_TEXT];

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		text_of(t[i].key, t[i].who, t[i].cookie, t[i].level, text);
		ck_assert_str_eq(text, t[i].text);
	}
}
END_TEST

/* Whatever the lengths of its parts, a text ends within its place and shows that it was clipped. */
START_TEST(long_texts_are_clipped)
{
	char key[600], text[LEARN_TEXT];

	for (unsigned host = 1; host < 140; host += 5)
		for (unsigned dir = 0; dir < 200; dir += 7)
			for (unsigned level = 0; level < LEARN_WHO; level++) {
				int n = snprintf(key, sizeof key, "http://%0*d/a/%0*d\xff/p\xff?q",
				    (int)host, 0, (int)dir, 0);

				ck_assert_int_lt(n, (int)sizeof key);
				text_of(key, AUDIENCE_PLAIN, NULL, (enum learn_level)level, text);
				n = (int)strnlen(text, sizeof text);
				ck_assert_int_lt(n, LEARN_TEXT);
				for (int i = 0; i < n; i++)
					ck_assert(text[i] > 0x20 && text[i] < 0x7f);
				if (host > LEARN_TEXT)
					ck_assert_str_eq(text + n - 3, "...");
			}
}
END_TEST

/* The level of a path. */

START_TEST(one_key_is_enough_on_its_path)
{
	struct learn *l = learn_new(&seed);

	ck_assert(!is_alone(l, "http://h/p?b=2", T0));
	saw(l, true, T0, 1, "http://h/p?b=#");
	ck_assert(is_alone(l, "http://h/p?b=2", T0));
	/* Other paths, and the page without a query, are as they were. */
	ck_assert(!is_alone(l, "http://h/p", T0));
	ck_assert(!is_alone(l, "http://h/p\nh:a:b", T0));
	ck_assert(!is_alone(l, "http://h/q?b=2", T0));
	ck_assert(!is_alone(l, "http://g/p?b=2", T0));
	ck_assert_uint_eq(learn_count(l, T0), 1);
	learn_free(l);
}
END_TEST

START_TEST(a_herd_counts_once)
{
	struct learn *l = learn_new(&seed);

	for (unsigned i = 0; i < 200; i++)
		saw(l, true, T0, 1, "http://h/p?b=#");
	saw(l, false, T0, 1, "http://h/p?b=#");
	ck_assert(!is_alone(l, "http://h/p?b=2", T0));
	/* Shared answers count each time. */
	for (unsigned i = 2; i < 5; i++) {
		ck_assert(!is_alone(l, "http://h/p?b=x", T0));
		saw(l, true, T0, i, "http://h/p?b=#");
	}
	ck_assert(is_alone(l, "http://h/p?b=2", T0));
	saw(l, false, T0, 1, "http://h/p?b=#");
	ck_assert(!is_alone(l, "http://h/p?b=2", T0));
	learn_free(l);
}
END_TEST

START_TEST(a_page_without_a_query_teaches_its_path_nothing)
{
	struct learn *l = learn_new(&seed);

	for (unsigned i = 0; i < 100; i++)
		saw(l, true, T0 + i, i, "http://h/p");
	ck_assert(!is_alone(l, "http://h/p", T0 + 100));
	ck_assert_uint_eq(learn_count(l, T0 + 100), 0);
	learn_free(l);
}
END_TEST

/* However many taught it, six shared answers are believed. */
START_TEST(capped_and_so_unlearned_at_once)
{
	struct learn *l = learn_new(&seed);
	struct learn_pattern p;

	for (unsigned i = 0; i < 10000; i++)
		saw(l, true, T0, i, "http://h/p?b=#");
	ck_assert_uint_eq(learn_list(l, &p, 1, T0), 1);
	ck_assert_uint_eq(p.alone, 16);
	for (unsigned i = 0; i < 5; i++) {
		saw(l, false, T0, i, "http://h/p?b=#");
		ck_assert(is_alone(l, "http://h/p?b=x", T0));
	}
	saw(l, false, T0, 0, "http://h/p?b=#");
	ck_assert(!is_alone(l, "http://h/p?b=x", T0));
	/* And it can't be taught away again by who makes up keys. */
	for (unsigned i = 0; i < 10000; i++)
		saw(l, true, T0, 20000 + i, "http://h/p?b=#");
	ck_assert(!is_alone(l, "http://h/p?b=x", T0));
	learn_free(l);
}
END_TEST

START_TEST(audiences_learn_apart)
{
	for (unsigned who = 0; who < AUDIENCES; who++) {
		struct learn *l = learn_new(&seed);
		struct learn_keys k = keys_of(l, "http://h/p?b=1", (enum audience)who, "a=1");

		learn_saw(l, &k, true, T0);
		for (unsigned other = 0; other < AUDIENCES; other++) {
			k = keys_of(l, "http://h/p?b=2", (enum audience)other, "a=1");
			ck_assert(learn_is_alone(l, &k, T0) == (other == who));
		}
		learn_free(l);
	}
}
END_TEST

/* The broad levels. */

START_TEST(a_directory_takes_eight_paths)
{
	struct learn *l = learn_new(&seed);

	for (unsigned i = 0; i < 8; i++) {
		ck_assert(!is_alone(l, "http://h/u/new", T0));
		ck_assert(!is_alone(l, "http://h/u/some/deeper", T0));
		saw(l, true, T0, i, "http://h/u/#");
	}
	ck_assert(is_alone(l, "http://h/u/new", T0));
	ck_assert(is_alone(l, "http://h/u/some/deeper", T0));
	ck_assert(!is_alone(l, "http://h/unlike", T0));
	ck_assert(!is_alone(l, "http://h/v/new", T0));
	learn_free(l);
}
END_TEST

START_TEST(a_segment_takes_eight_paths_wherever_they_are)
{
	struct learn *l = learn_new(&seed);

	for (unsigned i = 0; i < 8; i++) {
		ck_assert(!is_alone(l, "http://h/u/9/feed", T0));
		saw(l, true, T0, i, "http://h/u/#/feed");
	}
	ck_assert(is_alone(l, "http://h/u/9/feed", T0));
	ck_assert_uint_eq(learn_count(l, T0), 1);
	learn_free(l);
}
END_TEST

/* A search page with a million queries is one path; the pages beside it are not its victims. */
START_TEST(queries_don_t_teach_the_directory)
{
	struct learn *l = learn_new(&seed);

	for (unsigned i = 0; i < 5000; i++) {
		saw(l, true, T0, i, "http://h/a/search?q=#");
		saw(l, true, T0, i, "http://h/a/find?q=#");
	}
	ck_assert(is_alone(l, "http://h/a/search?q=new", T0));
	ck_assert(!is_alone(l, "http://h/a/news", T0));
	ck_assert(!is_alone(l, "http://h/a/news?page=2", T0));
	learn_free(l);
}
END_TEST

START_TEST(nine_of_ten_must_be_alone)
{
	struct learn *l = learn_new(&seed);

	saw(l, false, T0, 0, "http://h/u/shared");
	for (unsigned i = 0; i < 9; i++) {
		ck_assert(!is_alone(l, "http://h/u/new", T0));
		saw(l, true, T0, i, "http://h/u/#");
	}
	ck_assert(is_alone(l, "http://h/u/new", T0));
	/* At most 32 count, so a fourth shared one is too much, whoever taught how long. */
	for (unsigned i = 0; i < 1000; i++)
		saw(l, true, T0, i, "http://h/u/#");
	for (unsigned i = 0; i < 2; i++) {
		saw(l, false, T0, 0, "http://h/u/shared");
		ck_assert(is_alone(l, "http://h/u/new", T0));
	}
	saw(l, false, T0, 0, "http://h/u/shared");
	ck_assert(!is_alone(l, "http://h/u/new", T0));
	learn_free(l);
}
END_TEST

START_TEST(cookies_take_eight_paths)
{
	struct learn *l = learn_new(&seed);
	struct learn_keys k;
	char key[64];

	/* Queries are not paths. */
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "http://h/d0/p?q=%u", i);
		k = keys_of(l, key, AUDIENCE_COOKIE, "sid=1");
		learn_saw(l, &k, true, T0);
	}
	for (unsigned i = 0; i < 8; i++) {
		k = keys_of(l, "http://h/elsewhere", AUDIENCE_COOKIE, "sid=new");
		ck_assert(!learn_is_alone(l, &k, T0));
		snprintf(key, sizeof key, "http://h/d%u/p", i);
		k = keys_of(l, key, AUDIENCE_COOKIE, "sid=1");
		learn_saw(l, &k, true, T0);
	}
	k = keys_of(l, "http://h/elsewhere", AUDIENCE_COOKIE, "sid=new");
	ck_assert(learn_is_alone(l, &k, T0));
	k = keys_of(l, "http://h/elsewhere", AUDIENCE_COOKIE, "lang=en");
	ck_assert(!learn_is_alone(l, &k, T0));
	k = keys_of(l, "http://g/elsewhere", AUDIENCE_COOKIE, "sid=new");
	ck_assert(!learn_is_alone(l, &k, T0));
	ck_assert(!is_alone(l, "http://h/elsewhere", T0));
	learn_free(l);
}
END_TEST

/* Time. */

START_TEST(one_key_is_remembered_for_four_half_lives)
{
	struct learn *l = learn_new(&seed);

	saw(l, true, T0, 1, "http://h/p?b=#");
	ck_assert(is_alone(l, "http://h/p?b=2", T0 + 4 * MINUTE - 1));
	ck_assert_uint_eq(learn_count(l, T0 + 4 * MINUTE - 1), 1);
	ck_assert(!is_alone(l, "http://h/p?b=2", T0 + 4 * MINUTE));
	ck_assert_uint_eq(learn_count(l, T0 + 4 * MINUTE), 0);
	learn_free(l);
}
END_TEST

START_TEST(nothing_comes_back_after_long)
{
	for (unsigned i = 4; i < 80; i++) {
		struct learn *l = learn_new(&seed);

		saw(l, true, T0, 1, "http://h/p?b=#");
		ck_assert(!is_alone(l, "http://h/p?b=2", T0 + i * MINUTE));
		learn_free(l);
	}
}
END_TEST

/* It doesn't matter how often, or when, somebody looks. */
START_TEST(decay_is_the_same_however_it_is_looked_at)
{
	srand(4);
	for (unsigned round = 0; round < 200; round++) {
		struct learn *a = learn_new(&seed), *b = learn_new(&seed);
		unsigned n = 1 + (unsigned)rand() % 40, m = (unsigned)rand() % 6;
		usec_t end = T0 + rand() % (10 * MINUTE);
		struct learn_pattern pa, pb;

		for (unsigned i = 0; i < n; i++) {
			saw(a, true, T0, i, "http://h/p?b=#");
			saw(b, true, T0, i, "http://h/p?b=#");
		}
		for (unsigned i = 0; i < m; i++) {
			saw(a, false, T0, i, "http://h/p?b=#");
			saw(b, false, T0, i, "http://h/p?b=#");
		}
		for (usec_t t = T0; t < end; t += 1 + rand() % MINUTE)
			is_alone(b, "http://h/p?b=x", t);
		ck_assert_uint_eq(learn_list(a, &pa, 1, end), learn_list(b, &pb, 1, end));
		ck_assert(is_alone(a, "http://h/p?b=x", end) == is_alone(b, "http://h/p?b=x", end));
		if (learn_list(a, &pa, 1, end) == 1 && learn_list(b, &pb, 1, end) == 1) {
			ck_assert_uint_eq(pa.alone, pb.alone);
			ck_assert_uint_eq(pa.shared, pb.shared);
		}
		learn_free(a);
		learn_free(b);
	}
}
END_TEST

/* A route that was shared and is not any more: no longer than its few half-lives. */
START_TEST(what_was_shared_is_forgotten_too)
{
	struct learn *l = learn_new(&seed);
	usec_t t = T0;

	for (unsigned i = 0; i < 1000; i++)
		saw(l, false, T0, i, "http://h/p?b=#");
	for (unsigned i = 0; !is_alone(l, "http://h/p?b=x", t); i++) {
		saw(l, true, t, 5000 + i, "http://h/p?b=#");
		t += USEC_PER_SEC;
		ck_assert_int_lt(t, T0 + 3 * MINUTE);
	}
	ck_assert_int_ge(t, T0 + MINUTE);
	learn_free(l);
}
END_TEST

/* The same few keys keep it up, once each half-life. */
START_TEST(what_goes_on_stays)
{
	struct learn *l = learn_new(&seed);
	struct learn_pattern p;

	for (unsigned i = 0; i < 100; i++) {
		for (unsigned n = 0; n < 3; n++)
			saw(l, true, T0 + i * MINUTE, 1, "http://h/p?b=#");
		ck_assert(is_alone(l, "http://h/p?b=2", T0 + i * MINUTE));
		ck_assert_uint_eq(learn_list(l, &p, 1, T0 + i * MINUTE), 1);
		ck_assert_uint_eq(p.alone, i == 0 ? 1 : 2);
	}
	learn_free(l);
}
END_TEST

START_TEST(time_of_other_threads_may_be_a_little_behind)
{
	struct learn *l = learn_new(&seed);

	saw(l, true, T0, 1, "http://h/p?b=#");
	saw(l, true, T0 - 5, 2, "http://h/p?b=#");
	ck_assert(is_alone(l, "http://h/p?b=3", T0 - 10));
	ck_assert_uint_eq(learn_count(l, T0 - 10 * MINUTE), 1);
	ck_assert(is_alone(l, "http://h/p?b=3", T0));
	ck_assert(!is_alone(l, "http://h/p?b=3", USEC_NEVER));
	learn_free(l);
}
END_TEST

/* Bounds. */

START_TEST(a_flood_of_patterns_is_bounded)
{
	struct learn *l = learn_new(&seed);
	static struct learn_pattern p[2 * LEARN_PATTERNS];
	unsigned n;

	for (unsigned i = 0; i < 30000; i++)
		saw(l, true, T0 + i, i, "http://h/p#?x");
	n = learn_count(l, T0 + 30000);
	ck_assert_uint_le(n, LEARN_PATTERNS);
	ck_assert_uint_gt(n, LEARN_PATTERNS * 9 / 10);
	ck_assert_uint_eq(learn_list(l, p, 2 * LEARN_PATTERNS, T0 + 30000), n);
	for (unsigned i = 1; i < n; i++)
		ck_assert_int_ge(p[i - 1].seen, p[i].seen);
	ck_assert_int_eq(p[0].seen, T0 + 29999);
	/* A short list is the beginning of the long one. */
	{
		struct learn_pattern few[3];

		ck_assert_uint_eq(learn_list(l, few, 3, T0 + 30000), 3);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_int_eq(few[i].seen, p[i].seen);
	}
	ck_assert_uint_eq(learn_list(l, NULL, 0, T0), 0);
	learn_free(l);
}
END_TEST

/* What is in use is not what makes room. */
START_TEST(a_pattern_in_use_outlives_a_flood)
{
	struct learn *l = learn_new(&seed);

	saw(l, true, T0, 1, "http://h/used?#");
	saw(l, true, T0, 1, "http://h/unused?#");
	for (unsigned i = 0; i < 20000; i++) {
		saw(l, true, T0 + 1 + i, i, "http://g/flood#?x");
		ck_assert(is_alone(l, "http://h/used?2", T0 + 1 + i));
	}
	ck_assert(!is_alone(l, "http://h/unused?2", T0 + 20001));
	learn_free(l);
}
END_TEST

START_TEST(asking_makes_nothing)
{
	struct learn *l = learn_new(&seed);
	char key[64];

	saw(l, true, T0, 1, "http://h/p?#");
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "http://h/flood%u?x", i);
		ck_assert(!is_alone(l, key, T0 + i));
	}
	ck_assert_uint_eq(learn_count(l, T0), 1);
	learn_free(l);
}
END_TEST

/* Patterns that share a set, as an attacker can't choose but chance does: each keeps its own. */
START_TEST(neighbours_in_a_set)
{
	struct learn *l = learn_new(&seed);
	struct learn_keys k = keys_of(l, "http://h/p?x", AUDIENCE_PLAIN, NULL);
	uint64_t home = k.hash[LEARN_PATH];

	k.hash[LEARN_DIRECTORY] = 0;
	for (unsigned i = 0; i < 4; i++) {
		k.hash[LEARN_PATH] = home + (uint64_t)i * LEARN_PATTERNS;
		learn_saw(l, &k, i % 2 == 0, T0 + i);
	}
	for (unsigned i = 0; i < 4; i++) {
		k.hash[LEARN_PATH] = home + (uint64_t)i * LEARN_PATTERNS;
		ck_assert(learn_is_alone(l, &k, T0 + 3) == (i % 2 == 0));
	}
	/* A fifth: the one seen longest ago goes, which is the one that nobody asked for. */
	for (unsigned i = 1; i < 4; i++) {
		k.hash[LEARN_PATH] = home + (uint64_t)i * LEARN_PATTERNS;
		learn_is_alone(l, &k, T0 + 10);
	}
	k.hash[LEARN_PATH] = home + (uint64_t)4 * LEARN_PATTERNS;
	learn_saw(l, &k, true, T0 + 11);
	ck_assert(learn_is_alone(l, &k, T0 + 11));
	k.hash[LEARN_PATH] = home;
	ck_assert(!learn_is_alone(l, &k, T0 + 11));
	k.hash[LEARN_PATH] = home + (uint64_t)2 * LEARN_PATTERNS;
	ck_assert(learn_is_alone(l, &k, T0 + 11));
	learn_free(l);
}
END_TEST

/* Threads. */

#define ROUNDS	3000

struct job {
	struct learn	*l;
	unsigned	 who;
	unsigned	 seen;
};

static void *
work(void *arg)
{
	struct job *j = arg;
	char key[64];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct learn_keys k;
		struct learn_pattern p[4];

		snprintf(key, sizeof key, "http://h/p%u?q=%u", i % 7, i * 4 + j->who);
		k = keys_of(j->l, key, AUDIENCE_PLAIN, NULL);
		learn_saw(j->l, &k, true, T0 + i);
		j->seen += learn_is_alone(j->l, &k, T0 + i);
		if (i % 100 == 0)
			ASSERT(learn_list(j->l, p, 4, T0 + i) <= 4);
	}
	return NULL;
}

START_TEST(many_threads)
{
	struct learn *l = learn_new(&seed);
	struct job job[4];
	pthread_t t[4];

	for (unsigned i = 0; i < 4; i++) {
		job[i] = (struct job){ .l = l, .who = i };
		ck_assert_int_eq(pthread_create(&t[i], NULL, work, &job[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		ck_assert_uint_eq(job[i].seen, ROUNDS);
	}
	/* Seven paths with queries; seven paths are too few for their directory. */
	ck_assert_uint_eq(learn_count(l, T0), 7);
	learn_free(l);
}
END_TEST

START_TEST(nothing_to_free)
{
	learn_free(NULL);
}
END_TEST

static Suite *
learn_suite(void)
{
	Suite *s = suite_create("learn");
	TCase *tc = tcase_create("learn");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, which_patterns_a_request_has);
	tcase_add_test(tc, what_is_one_pattern);
	tcase_add_test(tc, levels_audiences_and_seeds_are_apart);
	tcase_add_test(tc, who_asks_is_the_names_of_its_cookies);
	tcase_add_test(tc, more_cookies_than_are_looked_at);
	tcase_add_test(tc, texts);
	tcase_add_test(tc, long_texts_are_clipped);
	tcase_add_test(tc, one_key_is_enough_on_its_path);
	tcase_add_test(tc, a_herd_counts_once);
	tcase_add_test(tc, a_page_without_a_query_teaches_its_path_nothing);
	tcase_add_test(tc, capped_and_so_unlearned_at_once);
	tcase_add_test(tc, audiences_learn_apart);
	tcase_add_test(tc, a_directory_takes_eight_paths);
	tcase_add_test(tc, a_segment_takes_eight_paths_wherever_they_are);
	tcase_add_test(tc, queries_don_t_teach_the_directory);
	tcase_add_test(tc, nine_of_ten_must_be_alone);
	tcase_add_test(tc, cookies_take_eight_paths);
	tcase_add_test(tc, one_key_is_remembered_for_four_half_lives);
	tcase_add_test(tc, nothing_comes_back_after_long);
	tcase_add_test(tc, decay_is_the_same_however_it_is_looked_at);
	tcase_add_test(tc, what_was_shared_is_forgotten_too);
	tcase_add_test(tc, what_goes_on_stays);
	tcase_add_test(tc, time_of_other_threads_may_be_a_little_behind);
	tcase_add_test(tc, a_flood_of_patterns_is_bounded);
	tcase_add_test(tc, a_pattern_in_use_outlives_a_flood);
	tcase_add_test(tc, asking_makes_nothing);
	tcase_add_test(tc, neighbours_in_a_set);
	tcase_add_test(tc, many_threads);
	tcase_add_test(tc, nothing_to_free);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(learn_suite)
