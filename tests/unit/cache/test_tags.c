/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/tags.h"

#include <stdio.h>

#include "cache/cache_priv.h"
#include "tests/unit/unit.h"

/* No cache: an entry is its key, an object its tags. */

static const struct hash_seed seed = { 1, 2 };

static struct entry *
new_entry(const char *key)
{
	struct entry *e = calloc(1, sizeof *e + strlen(key));

	ck_assert_ptr_nonnull(e);
	e->keylen = strlen(key);
	memcpy(e->key, key, e->keylen);
	return e;
}

static struct entry *
find(const struct tag_index *ix, const char *tag, const char *origin)
{
	return tag_index_find(ix, slice_str(tag), hash_bytes(&seed, tag, strlen(tag)),
	    slice_str(origin), 1);
}

START_TEST(none)
{
	struct obj_tags t = { 0 };
	struct tag_index ix;
	struct entry *e = new_entry("k");

	tag_index_init(&ix);
	ck_assert_ptr_null(find(&ix, "t:a", ""));
	ck_assert_uint_eq(obj_tags_bytes(&t), 0);
	obj_tags_make(&t, &seed, slice_of(NULL, 0));
	ck_assert_uint_eq(obj_tags_bytes(&t), 0);
	tag_index_unlink(&ix, &t);
	tag_index_link(&ix, &t, e);
	ck_assert_uint_eq(ix.ntags, 0);
	tag_index_unlink(&ix, &t);
	obj_tags_fini(&t);
	tag_index_fini(&ix);
	free(e);
}
END_TEST

START_TEST(linked_and_unlinked)
{
	struct obj_tags t = { 0 };
	struct entry *e = new_entry("http://a/x");
	struct tag_index ix;

	tag_index_init(&ix);
	obj_tags_make(&t, &seed, SLICE("t:a\nt:ab\ng:a\n"));
	ck_assert_uint_gt(obj_tags_bytes(&t), 0);
	ck_assert_ptr_null(find(&ix, "t:a", ""));
	for (int again = 0; again < 2; again++) {
		tag_index_link(&ix, &t, e);
		ck_assert_uint_eq(ix.ntags, 3);
		ck_assert_ptr_eq(find(&ix, "t:a", ""), e);
		ck_assert_ptr_eq(find(&ix, "t:ab", ""), e);
		ck_assert_ptr_eq(find(&ix, "g:a", "http://a/"), e);
		ck_assert_ptr_null(find(&ix, "t:b", ""));
		ck_assert_ptr_null(find(&ix, "t:", ""));
		ck_assert_ptr_null(find(&ix, "t:abc", ""));
		ck_assert_ptr_null(find(&ix, "g:ab", "http://a/"));
		/* The text is compared, whatever the hash says. */
		ck_assert_ptr_null(tag_index_find(&ix, SLICE("t:c"), hash_bytes(&seed, "t:a", 3),
		    SLICE(""), 1));
		tag_index_unlink(&ix, &t);
		tag_index_unlink(&ix, &t);
		ck_assert_uint_eq(ix.ntags, 0);
		ck_assert_ptr_null(find(&ix, "t:a", ""));
		ck_assert_ptr_null(find(&ix, "g:a", "http://a/"));
	}
	obj_tags_fini(&t);
	tag_index_fini(&ix);
	free(e);
}
END_TEST

START_TEST(origins)
{
	static const char *const key[] = { "http://a/x", "http://b/x", "http://a:81/x",
	    "http://a.b/x",
	    "http://a/y\nh:z:http://b/" };
	enum { N = sizeof key / sizeof key[0] };
	struct obj_tags t[N] = { { 0 } };
	struct entry *e[N];
	struct tag_index ix;

	tag_index_init(&ix);
	for (int i = 0; i < N; i++) {
		e[i] = new_entry(key[i]);
		obj_tags_make(&t[i], &seed, SLICE("g:x\nt:x\n"));
		tag_index_link(&ix, &t[i], e[i]);
	}
	ck_assert_ptr_eq(find(&ix, "g:x", "http://b/"), e[1]);
	ck_assert_ptr_eq(find(&ix, "g:x", "http://a:81/"), e[2]);
	ck_assert_ptr_eq(find(&ix, "g:x", "http://a.b/"), e[3]);
	ck_assert_ptr_null(find(&ix, "g:x", "http://c/"));
	/* RFC 9875 2: a group without its origin is none. */
	ck_assert_ptr_null(find(&ix, "g:x", ""));
	ck_assert_ptr_eq(find(&ix, "t:x", "http://b/"), e[1]);
	ck_assert_ptr_eq(find(&ix, "t:x", "http://a.b/"), e[3]);
	ck_assert_ptr_null(find(&ix, "t:x", "http://c/"));
	ck_assert_ptr_nonnull(find(&ix, "t:x", ""));
	/* Both of one origin, one after the other, by the group and by the tag. */
	ck_assert_ptr_eq(find(&ix, "g:x", "http://a/"), e[0]);
	tag_index_unlink(&ix, &t[0]);
	ck_assert_ptr_eq(find(&ix, "g:x", "http://a/"), e[4]);
	ck_assert_ptr_eq(find(&ix, "t:x", "http://a/"), e[4]);
	tag_index_unlink(&ix, &t[4]);
	ck_assert_ptr_null(find(&ix, "g:x", "http://a/"));
	ck_assert_ptr_null(find(&ix, "t:x", "http://a/"));
	ck_assert_ptr_eq(find(&ix, "g:x", "http://b/"), e[1]);
	for (int i = 0; i < N; i++) {
		tag_index_unlink(&ix, &t[i]);
		obj_tags_fini(&t[i]);
		free(e[i]);
	}
	tag_index_fini(&ix);
}
END_TEST

/* Who purges asks until there is none: each entry comes, whoever leads at the time. */
START_TEST(asked_until_there_is_none)
{
	enum { N = 6 };
	/* Two objects of each entry. */
	struct obj_tags t[N] = { { 0 } };
	struct entry *e[N / 2], *found;
	struct tag_index ix;
	unsigned taken = 0;

	for (int first = 0; first < N; first++) {
		tag_index_init(&ix);
		for (int i = 0; i < N; i++) {
			if (i % 2 == 0)
				e[i / 2] = new_entry("http://a/");
			obj_tags_make(&t[i], &seed, SLICE("t:all\nt:other\n"));
			tag_index_link(&ix, &t[i], e[i / 2]);
		}
		ck_assert_uint_eq(ix.ntags, 2);
		/* What the purge, or a later one, has seen already is not found again. */
		e[0]->purges = 1;
		ck_assert_ptr_eq(find(&ix, "t:all", ""), e[1]);
		e[0]->purges = 0;
		/* One goes for another reason: the leader, one in the middle, the last. */
		tag_index_unlink(&ix, &t[first]);
		for (taken = 0; (found = find(&ix, "t:all", "")) != NULL; taken++)
			for (int i = 0; i < N; i++)
				if (t[i].entry == found)
					tag_index_unlink(&ix, &t[i]);
		ck_assert_uint_eq(taken, N / 2);
		ck_assert_uint_eq(ix.ntags, 0);
		for (int i = 0; i < N; i++) {
			ck_assert_ptr_null(t[i].entry);
			obj_tags_fini(&t[i]);
		}
		for (int i = 0; i < N / 2; i++)
			free(e[i]);
		tag_index_fini(&ix);
	}
}
END_TEST

#define OBJECTS	3000

/* Each object has a tag of its own, one of ten, and one that all have; they come and go. */
START_TEST(against_a_plain_list)
{
	static struct obj_tags t[OBJECTS];
	static char lines[OBJECTS][32];
	static bool on[OBJECTS];
	static unsigned in_ten[10];
	struct entry *e[OBJECTS];
	struct tag_index ix;
	uint32_t rnd = 1;
	unsigned count = 0;
	char tag[16];

	tag_index_init(&ix);
	for (unsigned i = 0; i < OBJECTS; i++) {
		snprintf(lines[i], sizeof lines[i], "t:own%u\nt:ten%u\nt:all\n", i, i % 10);
		e[i] = new_entry("http://a/");
		obj_tags_make(&t[i], &seed, slice_str(lines[i]));
	}
	for (unsigned step = 0; step < 8 * OBJECTS; step++) {
		unsigned i;

		rnd = rnd * 1664525 + 1013904223;
		i = (rnd >> 8) % OBJECTS;
		if (on[i])
			tag_index_unlink(&ix, &t[i]);
		else
			tag_index_link(&ix, &t[i], e[i]);
		on[i] = !on[i];
		count += on[i] ? 1 : -1U;
		in_ten[i % 10] += on[i] ? 1 : -1U;
		snprintf(tag, sizeof tag, "t:own%u", i);
		ck_assert_ptr_eq(find(&ix, tag, ""), on[i] ? e[i] : NULL);
		snprintf(tag, sizeof tag, "t:ten%u", i % 10);
		ck_assert_int_eq(find(&ix, tag, "") != NULL, in_ten[i % 10] > 0);
		ck_assert_int_eq(find(&ix, "t:all", "") != NULL, count > 0);
	}
	ck_assert_uint_gt(count, OBJECTS / 4);
	ck_assert_uint_ge(ix.nbuckets, ix.ntags);
	for (unsigned i = 0; i < OBJECTS; i++) {
		snprintf(tag, sizeof tag, "t:own%u", i);
		ck_assert_ptr_eq(find(&ix, tag, ""), on[i] ? e[i] : NULL);
		tag_index_unlink(&ix, &t[i]);
		obj_tags_fini(&t[i]);
		free(e[i]);
	}
	ck_assert_uint_eq(ix.ntags, 0);
	tag_index_fini(&ix);
}
END_TEST

static Suite *
tags_suite(void)
{
	Suite *s = suite_create("cache tags");
	TCase *tc = tcase_create("tags");

	tcase_add_test(tc, none);
	tcase_add_test(tc, linked_and_unlinked);
	tcase_add_test(tc, origins);
	tcase_add_test(tc, asked_until_there_is_none);
	tcase_add_test(tc, against_a_plain_list);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(tags_suite)
