/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/cond.h"

#include "tests/unit/unit.h"

#define D0	"Mon, 13 Nov 2023 22:13:19 GMT"
#define D1	"Mon, 13 Nov 2023 22:13:20 GMT"
#define D1_850	"Monday, 13-Nov-23 22:13:20 GMT"
#define D1_ASC	"Mon Nov 13 22:13:20 2023"
#define D2	"Mon, 13 Nov 2023 22:13:21 GMT"
#define D3	"Mon, 13 Nov 2023 22:13:22 GMT"
#define D3_SECS	1699913602	/* D3 */

struct line {
	const char	*name, *value;
};

static void
head_of(struct head *h, const struct line *lines, size_t n)
{
	*h = (struct head){ .minor = 1 };
	for (size_t i = 0; i < n && lines[i].name != NULL; i++)
		hdr_add(h, slice_str(lines[i].name), slice_str(lines[i].value));
}

START_TEST(one_etag)
{
	static const struct {
		const char	*name, *in;
		const char	*tag;		/* NULL: none */
		bool		 weak;
		const char	*rest;
	} t[] = {
		{ "8.8.3 strong", "\"xyzzy\"", "\"xyzzy\"", false, "" },
		{ "8.8.3 weak", "W/\"xyzzy\"", "\"xyzzy\"", true, "" },
		{ "8.8.3 empty", "\"\"", "\"\"", false, "" },
		{ "8.8.3 one letter", "\"!\"", "\"!\"", false, "" },
		{ "8.8.3 a backslash escapes nothing", "\"a\\\"", "\"a\\\"", false, "" },
		{ "8.8.3 a comma within", "\"a,b\" , x", "\"a,b\"", false, " , x" },
		{ "8.8.3 obs-text", "\"\xfc\xff\"", "\"\xfc\xff\"", false, "" },
		{ "8.8.3 what follows is the caller's", "\"a\"\"b\"", "\"a\"", false, "\"b\"" },
		{ "8.8.3 weakness is case-sensitive", "w/\"a\"", NULL, false, NULL },
		{ "8.8.3 backslash for slash", "W\\\"a\"", NULL, false, NULL },
		{ "8.8.3 no slash", "W\"a\"", NULL, false, NULL },
		{ "8.8.3 space behind the slash", "W/ \"a\"", NULL, false, NULL },
		{ "8.8.3 weak and nothing", "W/", NULL, false, NULL },
		{ "8.8.3 no quotes", "abc", NULL, false, NULL },
		{ "8.8.3 single quotes", "'abc'", NULL, false, NULL },
		{ "8.8.3 never closed", "\"abc", NULL, false, NULL },
		{ "8.8.3 one quote", "\"", NULL, false, NULL },
		{ "8.8.3 a space within", "\"a b\"", NULL, false, NULL },
		{ "8.8.3 a tab within", "\"a\tb\"", NULL, false, NULL },
		{ "8.8.3 DEL within", "\"a\x7f\"", NULL, false, NULL },
		{ "8.8.3 space before", " \"a\"", NULL, false, NULL },
		{ "8.8.3 nothing", "", NULL, false, NULL },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct slice tag, rest;
		bool weak;

		if (!cond_etag(slice_str(t[i].in), &tag, &weak, &rest)) {
			ck_assert_msg(t[i].tag == NULL, "%s: refused", t[i].name);
			continue;
		}
		ck_assert_msg(t[i].tag != NULL, "%s: accepted", t[i].name);
		ck_assert_msg(slice_eq(tag, slice_str(t[i].tag)) && weak == t[i].weak &&
		    slice_eq(rest, slice_str(t[i].rest)), "%s", t[i].name);
	}
}
END_TEST

/* The table of 8.8.3.2, and what is no entity-tag, which equals nothing. */
START_TEST(comparing)
{
	static const struct {
		const char	*name, *a, *b;
		bool		 strong, weak;
	} t[] = {
		{ "8.8.3.2 both weak", "W/\"1\"", "W/\"1\"", false, true },
		{ "8.8.3.2 both weak, different", "W/\"1\"", "W/\"2\"", false, false },
		{ "8.8.3.2 one weak", "W/\"1\"", "\"1\"", false, true },
		{ "8.8.3.2 both strong", "\"1\"", "\"1\"", true, true },
		{ "8.8.3.2 different", "\"1\"", "\"2\"", false, false },
		{ "8.8.3.2 case counts", "\"a\"", "\"A\"", false, false },
		{ "8.8.3.2 a prefix", "\"a\"", "\"ab\"", false, false },
		{ "8.8.3 no quotes", "a", "a", false, false },
		{ "8.8.3 lower case w", "w/\"a\"", "w/\"a\"", false, false },
		{ "8.8.3 more behind", "\"a\" ", "\"a\" ", false, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct slice a = slice_str(t[i].a), b = slice_str(t[i].b);

		ck_assert_msg(cond_etag_strong_equal(a, b) == t[i].strong, "%s", t[i].name);
		ck_assert_msg(cond_etag_strong_equal(b, a) == t[i].strong, "%s", t[i].name);
		ck_assert_msg(cond_etag_weak_equal(a, b) == t[i].weak, "%s", t[i].name);
		ck_assert_msg(cond_etag_weak_equal(b, a) == t[i].weak, "%s", t[i].name);
	}
}
END_TEST

#define INM(v)	"If-None-Match", v
#define IMS(v)	"If-Modified-Since", v
#define ETAG(v)	"ETag", v
#define LM(v)	"Last-Modified", v
#define DATE(v)	"Date", v

START_TEST(not_modified)
{
	static const struct {
		const char	*name;
		struct line	 req[3], resp[3];
		bool		 out;
	} t[] = {
		{ "13.2.2 no condition", { { 0 } }, { { ETAG("\"a\"") } }, false },

		{ "13.1.2 strong", { { INM("\"a\"") } }, { { ETAG("\"a\"") } }, true },
		{ "13.1.2 different", { { INM("\"b\"") } }, { { ETAG("\"a\"") } }, false },
		{ "13.1.2 weak, weak", { { INM("W/\"a\"") } }, { { ETAG("W/\"a\"") } }, true },
		{ "13.1.2 weak, strong", { { INM("W/\"a\"") } }, { { ETAG("\"a\"") } }, true },
		{ "13.1.2 strong, weak", { { INM("\"a\"") } }, { { ETAG("W/\"a\"") } }, true },
		{ "13.1.2 no entity-tag here", { { INM("\"a\"") } }, { { LM(D1) } }, false },
		{ "13.1.2 first of a list", { { INM("\"a\", \"b\", \"c\"") } },
		    { { ETAG("\"a\"") } }, true },
		{ "13.1.2 middle of a list", { { INM("\"b\", \"a\", \"c\"") } },
		    { { ETAG("\"a\"") } }, true },
		{ "13.1.2 last of a list", { { INM("\"b\",\"c\",\"a\"") } }, { { ETAG("\"a\"") } },
		    true },
		{ "13.1.2 none of a list", { { INM("\"b\",\"c\"") } }, { { ETAG("\"a\"") } },
		    false },
		{ "5.2 list over two lines", { { INM("\"b\"") }, { "if-none-match", "\"a\"" } },
		    { { ETAG("\"a\"") } }, true },
		{ "5.6.1.2 empty members, white space", { { INM(", ,\t\"b\" ,,  W/\"a\" ,") } },
		    { { ETAG("\"a\"") } }, true },
		{ "8.8.3 a comma within a tag", { { INM("\"x,\", \"a,b\"") } },
		    { { ETAG("\"a,b\"") } }, true },
		{ "8.8.3 a member within a tag is none", { { INM("\"x,\"a\",y\"") } },
		    { { ETAG("\"a\"") } }, false },
		{ "8.8.3 a backslash at the end of a tag", { { INM("\"x\\\", \"a\"") } },
		    { { ETAG("\"a\"") } }, true },
		{ "8.8.3 obs-text", { { INM("\"abcdef\xfc\"") } }, { { ETAG("\"abcdef\xfc\"") } },
		    true },
		{ "8.8.3 the empty tag", { { INM("\"\"") } }, { { ETAG("\"\"") } }, true },

		{ "13.1.2 *", { { INM("*") } }, { { ETAG("\"a\"") } }, true },
		{ "13.1.2 * needs no entity-tag", { { INM("*") } }, { { DATE(D1) } }, true },
		{ "13.1.2 * in quotes is a tag", { { INM("\"*\"") } }, { { ETAG("\"a\"") } },
		    false },
		{ "13.1.2 * is no member of a list", { { INM("*, \"a\"") } }, { { ETAG("\"a\"") } },
		    false },
		{ "13.1.2 nor on a line of its own", { { INM("\"b\"") }, { INM("*") } },
		    { { ETAG("\"a\"") } }, false },
		{ "13.1.2 nor with a line behind it", { { INM("*") }, { INM("\"b\"") } },
		    { { ETAG("\"a\"") } }, false },
		{ "members before a fault count", { { INM("\"a\", b, \"c\"") } },
		    { { ETAG("\"a\"") } }, true },
		{ "members behind a fault don't", { { INM("\"b\", c, \"a\"") } },
		    { { ETAG("\"a\"") } }, false },
		{ "nor on the next line", { { INM("b") }, { INM("\"a\"") } }, { { ETAG("\"a\"") } },
		    false },
		{ "no comma between members", { { INM("\"a\" \"b\"") } }, { { ETAG("\"a\"") } },
		    false },
		{ "never closed", { { INM("\"a") } }, { { ETAG("\"a\"") } }, false },
		{ "no quotes", { { INM("a") } }, { { ETAG("\"a\"") } }, false },
		{ "no quotes on either side", { { INM("a") } }, { { ETAG("a") } }, false },
		{ "weakness in lower case", { { INM("w/\"a\"") } }, { { ETAG("w/\"a\"") } },
		    false },
		{ "weakness without its slash", { { INM("W\"a\"") } }, { { ETAG("W\"a\"") } },
		    false },
		{ "empty", { { INM("") } }, { { ETAG("\"a\"") } }, false },
		{ "two entity-tags here", { { INM("\"a\"") } }, { { ETAG("\"a\"") },
		    { ETAG("\"a\"") } },
		    false },
		{ "more behind the entity-tag here", { { INM("\"a\"") } }, { { ETAG("\"a\";x") } },
		    false },

		{ "13.2.2 If-None-Match goes first, holds", { { INM("\"a\"") }, { IMS(D0) } },
		    { { ETAG("\"a\"") }, { LM(D1) } }, true },
		{ "13.2.2 If-None-Match goes first, fails", { { IMS(D2) }, { INM("\"b\"") } },
		    { { ETAG("\"a\"") }, { LM(D1) } }, false },
		{ "13.1.3 If-None-Match hides the date, even where no tag is here",
		    { { IMS(D2) }, { INM("\"b\"") } }, { { LM(D1) } }, false },
		{ "13.1.3 and malformed", { { IMS(D2) }, { INM("b") } }, { { LM(D1) } }, false },

		{ "13.1.3 the same", { { IMS(D1) } }, { { LM(D1) } }, true },
		{ "13.1.3 later", { { IMS(D2) } }, { { LM(D1) } }, true },
		{ "13.1.3 earlier", { { IMS(D0) } }, { { LM(D1) } }, false },
		{ "5.6.7 RFC 850 there", { { IMS(D1_850) } }, { { LM(D1) } }, true },
		{ "5.6.7 RFC 850 here", { { IMS(D1) } }, { { LM(D1_850) } }, true },
		{ "5.6.7 asctime there", { { IMS(D1_ASC) } }, { { LM(D1) } }, true },
		{ "5.6.7 asctime here, earlier there", { { IMS(D0) } }, { { LM(D1_ASC) } }, false },
		{ "13.1.3 a date to come", { { IMS("Fri, 01 Jan 2100 00:00:00 GMT") } },
		    { { LM(D1) } },
		    true },
		{ "13.1.3 malformed", { { IMS("yesterday") } }, { { LM(D1) } }, false },
		{ "13.1.3 a number", { { IMS("1699913602") } }, { { LM(D1) } }, false },
		{ "13.1.3 the length of old browsers", { { IMS(D1 "; length=3") } }, { { LM(D1) } },
		    false },
		{ "13.1.3 more than one", { { IMS(D1) }, { IMS(D1) } }, { { LM(D1) } }, false },
		{ "9111 4.3.2 Date for want of Last-Modified", { { IMS(D1) } }, { { DATE(D1) } },
		    true },
		{ "9111 4.3.2 and earlier", { { IMS(D0) } }, { { DATE(D1) } }, false },
		{ "9111 4.3.2 Last-Modified goes first", { { IMS(D1) } }, { { LM(D1) },
		    { DATE(D3) } },
		    true },
		{ "9111 4.3.2 a malformed Last-Modified is none", { { IMS(D1) } },
		    { { LM("0") }, { DATE(D2) } }, false },
		{ "9111 4.3.2 when it came, for want of both", { { IMS(D3) } },
		    { { ETAG("\"a\"") } },
		    true },
		{ "9111 4.3.2 and earlier than that", { { IMS(D2) } }, { { ETAG("\"a\"") } },
		    false },

		{ "13.1.1 If-Match is not ours", { { "If-Match", "\"a\"" } }, { { ETAG("\"a\"") } },
		    false },
		{ "13.1.4 If-Unmodified-Since is not ours", { { "If-Unmodified-Since", D1 } },
		    { { LM(D1) } }, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req, resp;
		usec_t at = D3_SECS * USEC_PER_SEC + 999999;

		head_of(&req, t[i].req, 3);
		head_of(&resp, t[i].resp, 3);
		req.method = SLICE("GET");
		resp.status = 200;
		ck_assert_msg(cond_not_modified(&req, &resp, at) == t[i].out, "%s", t[i].name);
		req.method = SLICE("HEAD");
		resp.status = 203;
		ck_assert_msg(cond_not_modified(&req, &resp, at) == t[i].out, "HEAD %s", t[i].name);
		head_fini(&req);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(methods_and_statuses)
{
	static const struct {
		const char	*name, *method;
		int		 status;
		bool		 out;
	} t[] = {
		{ "13.2.1 200", "GET", 200, true },
		{ "13.2.1 203", "GET", 203, true },
		{ "13.2.1 204", "GET", 204, false },
		{ "13.2.1 206", "GET", 206, false },
		{ "13.2.1 404", "GET", 404, false },
		{ "13.2.1 301", "GET", 301, false },
		{ "13.2.1 500", "GET", 500, false },
		{ "13.1.2 POST would be 412", "POST", 200, false },
		{ "9.1 methods are case-sensitive", "get", 200, false },
	};
	static const struct line inm = { INM("\"a\"") }, ims = { IMS(D1) };
	static const struct line stored[] = { { ETAG("\"a\"") }, { LM(D1) } };

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head by_tag, by_date, resp;

		head_of(&by_tag, &inm, 1);
		head_of(&by_date, &ims, 1);
		head_of(&resp, stored, 2);
		by_tag.method = by_date.method = slice_str(t[i].method);
		resp.status = t[i].status;
		ck_assert_msg(cond_not_modified(&by_tag, &resp, 0) == t[i].out, "%s", t[i].name);
		ck_assert_msg(cond_not_modified(&by_date, &resp, 0) == t[i].out, "%s", t[i].name);
		head_fini(&by_tag);
		head_fini(&by_date);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(if_range)
{
	static const struct {
		const char	*name;
		struct line	 req[2], resp[3];
		bool		 out;
	} t[] = {
		{ "13.1.5 none", { { 0 } }, { { 0 } }, true },
		{ "13.1.5 strong tag", { { "If-Range", "\"a\"" } }, { { ETAG("\"a\"") } }, true },
		{ "13.1.5 other tag", { { "If-Range", "\"b\"" } }, { { ETAG("\"a\"") } }, false },
		{ "13.1.5 weak tag there", { { "If-Range", "W/\"a\"" } }, { { ETAG("\"a\"") } },
		    false },
		{ "13.1.5 weak tag here", { { "If-Range", "\"a\"" } }, { { ETAG("W/\"a\"") } },
		    false },
		{ "13.1.5 both weak", { { "If-Range", "W/\"a\"" } }, { { ETAG("W/\"a\"") } },
		    false },
		{ "13.1.5 a list is none", { { "If-Range", "\"a\", \"b\"" } },
		    { { ETAG("\"a\"") } }, false },
		{ "13.1.5 * is none", { { "If-Range", "*" } }, { { ETAG("\"a\"") } }, false },
		{ "13.1.5 tag, but no tag here", { { "If-Range", "\"a\"" } }, { { LM(D1) },
		    { DATE(D3) } },
		    false },
		{ "13.1.5 empty", { { "If-Range", "" } }, { { ETAG("\"\"") } }, false },
		{ "13.1.5 two", { { "If-Range", "\"a\"" }, { "If-Range", "\"a\"" } },
		    { { ETAG("\"a\"") } },
		    false },
		{ "13.1.5 strong date", { { "If-Range", D1 } }, { { LM(D1) }, { DATE(D3) } },
		    true },
		{ "8.8.2.2 a second is enough", { { "If-Range", D1 } }, { { LM(D1) },
		    { DATE(D2) } },
		    true },
		{ "8.8.2.2 the same second is not", { { "If-Range", D1 } }, { { LM(D1) },
		    { DATE(D1) } },
		    false },
		{ "8.8.2.2 no Date", { { "If-Range", D1 } }, { { LM(D1) } }, false },
		{ "8.8.2.2 malformed Date", { { "If-Range", D1 } }, { { LM(D1) }, { DATE("now") } },
		    false },
		{ "13.1.5 later is not the same", { { "If-Range", D2 } }, { { LM(D1) },
		    { DATE(D3) } },
		    false },
		{ "13.1.5 earlier is not the same", { { "If-Range", D0 } }, { { LM(D1) },
		    { DATE(D3) } },
		    false },
		{ "5.6.7 RFC 850", { { "If-Range", D1_850 } }, { { LM(D1) }, { DATE(D3) } }, true },
		{ "5.6.7 asctime here", { { "If-Range", D1 } }, { { LM(D1_ASC) }, { DATE(D3) } },
		    true },
		{ "13.1.5 date, but no Last-Modified", { { "If-Range", D1 } },
		    { { ETAG("\"a\"") } }, false },
		{ "13.1.5 neither", { { "If-Range", "a" } }, { { ETAG("a") } }, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head req, resp;

		head_of(&req, t[i].req, 2);
		head_of(&resp, t[i].resp, 3);
		ck_assert_msg(cond_if_range(&req, &resp) == t[i].out, "%s", t[i].name);
		head_fini(&req);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(validators)
{
	static const struct {
		const char	*name;
		struct line	 resp[3];
		const char	*out;		/* empty: can't be validated */
	} t[] = {
		{ "9111 4.3.1 none", { { DATE(D1) } }, "" },
		{ "9111 4.3.1 tag", { { ETAG("\"a\"") } }, "If-None-Match: \"a\"\r\n" },
		{ "9111 4.3.1 weak tag", { { ETAG("W/\"a\"") } }, "If-None-Match: W/\"a\"\r\n" },
		{ "9111 4.3.1 date", { { LM(D1) } }, "If-Modified-Since: " D1 "\r\n" },
		{ "9111 4.3.1 both", { { LM(D1) }, { ETAG("\"a\"") } },
		    "If-None-Match: \"a\"\r\nIf-Modified-Since: " D1 "\r\n" },
		{ "9110 13.1.3 the date as it came", { { LM(D1_850) } },
		    "If-Modified-Since: " D1_850 "\r\n" },
		{ "9110 8.8.3 a tag without quotes is none", { { ETAG("a") } }, "" },
		{ "9110 8.8.3 lower case w is none", { { ETAG("w/\"a\"") }, { LM(D1) } },
		    "If-Modified-Since: " D1 "\r\n" },
		{ "9110 8.8.2 a malformed date is none", { { LM("-1") }, { ETAG("\"a\"") } },
		    "If-None-Match: \"a\"\r\n" },
		{ "9110 5.3 two of one name", { { ETAG("\"a\"") }, { ETAG("\"b\"") } }, "" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head resp;
		struct buf b = { 0 };

		head_of(&resp, t[i].resp, 3);
		cond_emit_validators(&resp, &b);
		ck_assert_msg(strcmp(buf_str(&b), t[i].out) == 0, "%s: %s", t[i].name, b.p);
		ck_assert_msg(cond_has_validator(&resp) == (t[i].out[0] != '\0'), "%s", t[i].name);
		ck_assert_msg(cond_has_etag(&resp) == (strncmp(b.p, "If-None", 7) == 0), "%s",
		    t[i].name);
		buf_fini(&b);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(confirming)
{
	static const struct {
		const char	*name;
		struct line	 stored[3], resp[3];
		bool		 out;
	} t[] = {
		{ "9111 4.3.4 the same strong tag", { { ETAG("\"a\"") } }, { { ETAG("\"a\"") } },
		    true },
		{ "9111 4.3.4 another strong tag", { { ETAG("\"a\"") } }, { { ETAG("\"b\"") } },
		    false },
		{ "9111 4.3.4 another strong tag, the same date", { { ETAG("\"a\"") }, { LM(D1) } },
		    { { ETAG("\"b\"") }, { LM(D1) } }, false },
		{ "9111 4.3.4 the same strong tag, another date", { { ETAG("\"a\"") }, { LM(D1) } },
		    { { ETAG("\"a\"") }, { LM(D2) } }, true },
		{ "9111 4.3.4 strong there, weak here", { { ETAG("W/\"a\"") } },
		    { { ETAG("\"a\"") } },
		    true },
		{ "9111 4.3.4 weak there, strong here", { { ETAG("\"a\"") } },
		    { { ETAG("W/\"a\"") } },
		    true },
		{ "9111 4.3.4 both weak", { { ETAG("W/\"a\"") } }, { { ETAG("W/\"a\"") } }, true },
		{ "9111 4.3.4 another weak one", { { ETAG("W/\"a\"") } }, { { ETAG("W/\"b\"") } },
		    false },
		{ "9111 4.3.4 the same date", { { LM(D1) } }, { { LM(D1) } }, true },
		{ "9111 4.3.4 the same date, another form", { { LM(D1) } }, { { LM(D1_ASC) } },
		    true },
		{ "9111 4.3.4 another date", { { LM(D1) } }, { { LM(D2) } }, false },
		{ "9111 4.3.4 the date, where both had a tag", { { ETAG("\"a\"") }, { LM(D1) } },
		    { { LM(D1) } }, true },
		{ "9111 4.3.4 a date that isn't here", { { ETAG("\"a\"") } }, { { LM(D1) } },
		    false },
		{ "9111 4.3.4 a tag that isn't here", { { LM(D1) } }, { { ETAG("\"a\"") } },
		    false },
		{ "9111 4.3.4 a weak tag that isn't here", { { LM(D1) } }, { { ETAG("W/\"a\"") } },
		    false },
		{ "9111 4.3.4 a strong tag that isn't here, a strong date",
		    { { LM(D1) }, { DATE(D3) } }, { { ETAG("\"a\"") }, { LM(D1) } }, true },
		{ "9111 4.3.4 a strong tag that isn't here, a weak date",
		    { { LM(D1) }, { DATE(D1) } }, { { ETAG("\"a\"") }, { LM(D1) } }, false },
		{ "9111 4.3.4 a weak tag that isn't here, the same date",
		    { { LM(D1) } }, { { ETAG("W/\"a\"") }, { LM(D1) } }, true },
		{ "9111 4.3.4 none", { { LM(D1) } }, { { DATE(D3) } }, true },
		{ "9111 4.3.4 none on either side", { { DATE(D1) } }, { { DATE(D3) } }, true },
		{ "9110 8.8.3 a malformed tag is none", { { ETAG("\"a\"") } }, { { ETAG("a") } },
		    true },
		{ "9110 8.8.2 a malformed date is none", { { LM(D1) } }, { { LM("0") } }, true },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head stored, resp;

		head_of(&stored, t[i].stored, 3);
		head_of(&resp, t[i].resp, 3);
		ck_assert_msg(cond_confirms(&stored, &resp) == t[i].out, "%s", t[i].name);
		head_fini(&stored);
		head_fini(&resp);
	}
}
END_TEST

#define SAID	DATE(D2)
#define SAID_OUT "Date: " D2 "\r\n"

START_TEST(merging)
{
	static const struct {
		const char	*name;
		struct line	 stored[5], update[5];
		bool		 set_cookie;
		const char	*out;
	} t[] = {
		{ "9111 3.2 what the update leaves out stays", { { "Test-Header", "a" } },
		    { { SAID } },
		    false, "Test-Header: a\r\n" SAID_OUT },
		{ "9111 3.2 what it has replaces", { { "Test-Header", "a" }, { "B", "1" } },
		    { { SAID }, { "test-header", "b" } }, false,
		    "B: 1\r\n" SAID_OUT "test-header: b\r\n" },
		{ "9111 3.2 what is new is added", { { "B", "1" } }, { { SAID }, { "C", "2" } },
		    false,
		    "B: 1\r\n" SAID_OUT "C: 2\r\n" },
		{ "9111 3.2 one for many", { { "A", "1" }, { "A", "2" } }, { { "a", "3" },
		    { SAID } }, false,
		    "a: 3\r\n" SAID_OUT },
		{ "9111 3.2 many for one", { { "A", "1" } }, { { "A", "2" }, { SAID }, { "A",
		    "3" } }, false,
		    "A: 2\r\n" SAID_OUT "A: 3\r\n" },
		{ "9111 3.2 empty replaces, too", { { "A", "1" } }, { { "A", "" }, { SAID } },
		    false,
		    "A: \r\n" SAID_OUT },
		{ "9111 3.2 Cache-Control and Expires", { { "Cache-Control", "max-age=1" },
		    { "Expires", D1 } }, { { "Cache-Control", "max-age=2" }, { "Expires", D3 },
		    { SAID } },
		    false, "Cache-Control: max-age=2\r\nExpires: " D3 "\r\n" SAID_OUT },
		{ "9111 3.2 Content- alone means nothing", { { "Content-Foo", "1" },
		    { "X-Content-Foo", "1" } }, { { "Content-Foo", "2" }, { "X-Content-Foo", "2" },
		    { SAID } },
		    false, "Content-Foo: 2\r\nX-Content-Foo: 2\r\n" SAID_OUT },
		{ "9110 8.8.3 not the strong form of a weak ETag", { { ETAG("W/\"a\"") } },
		    { { SAID }, { ETAG("\"a\"") } }, false, "ETag: W/\"a\"\r\n" SAID_OUT },
		{ "9111 3.2 ETag, Content-Location, CSP", { { ETAG("W/\"b\"") },
		    { "Content-Location", "/a" }, { "Content-Security-Policy", "a" } },
		    { { SAID }, { ETAG("\"a\"") }, { "Content-Location", "/b" },
		    { "Content-Security-Policy", "b" } }, false, SAID_OUT "ETag: \"a\"\r\n"
		    "Content-Location: /b\r\nContent-Security-Policy: b\r\n" },
		{ "9111 3.2 Content-Type is updated", { { "Content-Type", "text/plain" } },
		    { { "Content-Type", "text/plain;charset=utf-8" }, { SAID } }, false,
		    "Content-Type: text/plain;charset=utf-8\r\n" SAID_OUT },
		{ "9111 3.2 Content-Length is not", { { "Content-Length", "36" } },
		    { { "content-length", "10" }, { SAID } }, false,
		    "Content-Length: 36\r\n" SAID_OUT },
		{ "9111 3.2 nor added", { { "A", "1" } }, { { "Content-Length", "0" }, { SAID } },
		    false,
		    "A: 1\r\n" SAID_OUT },
		{ "9111 3.2 what describes the stored bytes", { { "Content-Encoding", "gzip" },
		    { "Content-Range", "bytes 0-1/2" } }, { { "CONTENT-ENCODING", "br" },
		    { "Content-Range", "bytes 0-1/3" }, { SAID } }, false,
		    "Content-Encoding: gzip\r\nContent-Range: bytes 0-1/2\r\n" SAID_OUT },
		{ "what describes the message", { { "Via", "1.1 a" } }, { { "Via", "1.1 b" },
		    { "Transfer-Encoding", "chunked" }, { SAID } }, false,
		    "Via: 1.1 a\r\n" SAID_OUT },
		{ "9111 4.2.3 Age is the update's", { { "Age", "9" } }, { { SAID }, { "Age",
		    "1" } }, false,
		    SAID_OUT "Age: 1\r\n" },
		{ "9111 4.2.3 also where it has none", { { "Age", "9" } }, { { SAID } }, false,
		    SAID_OUT },
		{ "Set-Cookie by default", { { "A", "1" } }, { { "Set-Cookie", "a=1" }, { SAID },
		    { "Set-Cookie2", "a=1" } }, false,
		    "A: 1\r\n" SAID_OUT },
		{ "9111 7.3 Set-Cookie where it is stored", { { "Set-Cookie", "a=1" },
		    { "Set-Cookie", "b=1" } }, { { "Set-Cookie", "a=2" }, { SAID } }, true,
		    "Set-Cookie: a=2\r\n" SAID_OUT },
		{ "9110 6.6.1 Date replaces", { { DATE(D0) } }, { { SAID } }, false, SAID_OUT },
		{ "9110 6.6.1 no Date: when it came", { { DATE(D0) }, { "A", "1" } }, { { "A",
		    "2" } }, false,
		    "A: 2\r\nDate: " D3 "\r\n" },
		{ "9110 6.6.1 a malformed Date: the same", { { DATE(D0) } }, { { DATE("0") } },
		    false,
		    "Date: " D3 "\r\n" },
		{ "9110 6.6.1 two Dates: the same", { { DATE(D0) } }, { { DATE(D1) }, { "date",
		    D2 } }, false,
		    "Date: " D3 "\r\n" },
		{ "nothing into nothing", { { 0 } }, { { 0 } }, false, "Date: " D3 "\r\n" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head stored, update, out = { 0 };
		struct buf b = { 0 };

		head_of(&stored, t[i].stored, 5);
		head_of(&update, t[i].update, 5);
		cond_merge(&stored, &update, t[i].set_cookie, D3_SECS * USEC_PER_SEC + 5, &out);
		/* What is left must not live in either. */
		head_fini(&stored);
		head_fini(&update);
		hdr_emit(&out, &b);
		ck_assert_msg(strcmp(buf_str(&b), t[i].out) == 0, "%s:\n%s", t[i].name, b.p);
		buf_fini(&b);
		head_fini(&out);
	}
}
END_TEST

/* Start line and framing stay those of the body that is kept. */
START_TEST(merging_keeps_the_rest)
{
	struct head stored, update, out = { 0 };
	static const struct line a = { "A", "1" }, said = { SAID };
	char reason[] = "Fine";

	head_of(&stored, &a, 1);
	stored.status = 203;
	stored.reason = slice_str(reason);
	stored.framing = FRAMING_LENGTH;
	stored.length = 36;
	head_of(&update, &said, 1);
	update.status = 304;
	update.minor = 0;
	update.reason = SLICE("Not Modified");
	update.framing = FRAMING_NONE;
	cond_merge(&stored, &update, false, 0, &out);
	memset(reason, 'x', sizeof reason - 1);
	ck_assert_int_eq(out.status, 203);
	ck_assert_int_eq(out.minor, 1);
	ck_assert(slice_eq(out.reason, SLICE("Fine")));
	ck_assert_int_eq(out.framing, FRAMING_LENGTH);
	ck_assert_uint_eq(out.length, 36);
	ck_assert_uint_eq(stored.n, 1);
	ck_assert_uint_eq(update.n, 1);
	head_fini(&stored);
	head_fini(&update);
	head_fini(&out);
}
END_TEST

START_TEST(confirming_by_head)
{
	static const struct {
		const char	*name;
		struct line	 stored[3], resp[4];
		int		 was, is;
		bool		 out;
	} t[] = {
		{ "9111 4.3.5 nothing to compare", { { 0 } }, { { 0 } }, 200, 200, true },
		{ "9111 4.3.5 all the same", { { ETAG("\"a\"") }, { LM(D1) } },
		    { { ETAG("\"a\"") }, { LM(D1) }, { "Content-Length", "36" } }, 200, 200, true },
		{ "9111 4.3.5 other length", { { 0 } }, { { "Content-Length", "37" } }, 200, 200,
		    false },
		{ "9111 4.3.5 other tag", { { ETAG("\"a\"") } }, { { ETAG("\"b\"") } }, 200, 200,
		    false },
		{ "9111 4.3.5 other weakness", { { ETAG("\"a\"") } }, { { ETAG("W/\"a\"") } }, 200,
		    200,
		    false },
		{ "9111 4.3.5 other date", { { LM(D1) } }, { { LM(D2) } }, 200, 200, false },
		{ "5.6.7 the same date in another form", { { LM(D1) } }, { { LM(D1_850) } }, 200,
		    200,
		    true },
		{ "9111 4.3.5 a tag that isn't here", { { LM(D1) } }, { { ETAG("\"a\"") },
		    { LM(D1) } }, 200,
		    200, false },
		{ "9111 4.3.5 a date that isn't here", { { ETAG("\"a\"") } },
		    { { ETAG("\"a\"") }, { LM(D1) } }, 200, 200, false },
		{ "9111 4.3.5 says less than is here", { { ETAG("\"a\"") }, { LM(D1) } }, { { 0 } },
		    200, 200,
		    true },
		{ "9111 4.3.5 not 200", { { 0 } }, { { 0 } }, 200, 404, false },
		{ "9111 4.3.5 not 200 here", { { 0 } }, { { 0 } }, 404, 200, false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct head stored, resp;

		head_of(&stored, t[i].stored, 3);
		head_of(&resp, t[i].resp, 4);
		stored.status = t[i].was;
		resp.status = t[i].is;
		ck_assert_msg(cond_head_confirms(&stored, 36, &resp) == t[i].out, "%s", t[i].name);
		head_fini(&stored);
		head_fini(&resp);
	}
}
END_TEST

START_TEST(omitted)
{
	static const struct {
		const char	*name;
		bool		 out;
	} t[] = {
		{ "Content-Type", true }, { "content-length", true }, { "Content-Encoding", true },
		{ "Content-Language", true }, { "Content-Range", true }, { "Content-MD5", true },
		{ "Repr-Digest", true },
		/* 15.4.5: these must be there */
		{ "Content-Location", false }, { "Date", false }, { "ETag", false }, { "Vary",
		    false },
		{ "Cache-Control", false }, { "Expires", false },
		/* and these may be */
		{ "Last-Modified", false }, { "Set-Cookie", false }, { "Content-Foo", false },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		ck_assert_msg(cond_omitted_in_304(slice_str(t[i].name)) == t[i].out, "%s",
		    t[i].name);
}
END_TEST

static Suite *
cond_suite(void)
{
	Suite *s = suite_create("cond");
	TCase *tc = tcase_create("cond");

	tcase_add_test(tc, one_etag);
	tcase_add_test(tc, comparing);
	tcase_add_test(tc, not_modified);
	tcase_add_test(tc, methods_and_statuses);
	tcase_add_test(tc, if_range);
	tcase_add_test(tc, validators);
	tcase_add_test(tc, confirming);
	tcase_add_test(tc, merging);
	tcase_add_test(tc, merging_keeps_the_rest);
	tcase_add_test(tc, confirming_by_head);
	tcase_add_test(tc, omitted);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(cond_suite)
