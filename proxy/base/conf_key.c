/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of conf_table.h as a table, and the questions asked of it: which row is this key, what
 * may stand there, and which key did the writer mean.  Pure; any thread.
 *
 * Looking up is a walk over all rows.  There are about a hundred, and a file has a few dozen keys.
 */
#include "base/conf_priv.h"

#include <stdlib.h>

#define IN_CONF(f)	SCOPE_CONF, offsetof(struct conf, f)
#define IN_UPSTREAM(f)	SCOPE_UPSTREAM, offsetof(struct conf_upstream, f)
#define AN_UPSTREAM	SCOPE_UPSTREAM, 0
#define IN_ROUTE(f)	SCOPE_ROUTE, offsetof(struct conf_route, f)
#define IN_ADDR		SCOPE_ITEM, 0
#define IN_SERVER(f)	SCOPE_SERVER, offsetof(struct conf_server, f)
#define A_SERVER	SCOPE_SERVER, 0
#define IN_QUERY	SCOPE_ITEM, 0
#define NOWHERE		SCOPE_NONE, 0

#define KEY(...)	KEY_ROW(__VA_ARGS__)
#define KEY_ROW(path, type, scope, offset, min, max, words, dflt, reload, sentence)		\
	{ path, type, scope, offset, min, max, words, dflt, reload, sentence },

const struct conf_row conf_rows[] = {
#include "base/conf_table.h"
};
const unsigned conf_nrows = sizeof conf_rows / sizeof conf_rows[0];

bool
conf_key_inside(const struct conf_row *row, const char *prefix)
{
	size_t n = strlen(prefix);
	const char *rest = row->path;

	if (n > 0) {
		if (strncmp(rest, prefix, n) != 0 || rest[n] != '.')
			return false;
		rest += n + 1;
	}
	return strchr(rest, '.') == NULL;
}

const char *
conf_key_name(const struct conf_row *row)
{
	const char *dot = strrchr(row->path, '.');

	return dot == NULL ? row->path : dot + 1;
}

const char *
conf_key_label(const struct conf_row *row)
{
	const char *p, *label = row->path;

	for (p = label; (p = strpbrk(p, "*]")) != NULL; p++)
		if (p[1] == '.')
			label = p + 2;
	return label;
}

const struct conf_row *
conf_key_find(const char *prefix, const char *key)
{
	unsigned i;

	for (i = 0; i < conf_nrows; i++)
		if (conf_key_inside(&conf_rows[i], prefix) &&
		    strcmp(conf_key_name(&conf_rows[i]), key) == 0)
			return &conf_rows[i];
	return NULL;
}

static bool
is_no(struct slice s)
{
	return slice_eq(s, SLICE("off")) || slice_eq(s, SLICE("false")) || slice_eq(s, SLICE("no"));
}

static bool
is_yes(struct slice s)
{
	return slice_eq(s, SLICE("on")) || slice_eq(s, SLICE("true")) || slice_eq(s, SLICE("yes"));
}

/* YAML has several names for the same two things, and formatters like to exchange them. */
static bool
same_word(struct slice word, struct slice text)
{
	return slice_eq(word, text) || (is_no(word) && is_no(text)) ||
	    (is_yes(word) && is_yes(text));
}

int
conf_key_word(const struct conf_row *row, const char *text)
{
	const char *p = row->words;
	size_t n;
	int i;

	for (i = 0; p != NULL && *p != '\0'; i++) {
		n = strcspn(p, "|");
		if (p[0] == '!' && slice_eq(slice_of(p + 1, n - 1), slice_str(text)))
			return WORD_LATER;
		if (p[0] != '!' && same_word(slice_of(p, n), slice_str(text)))
			return i;
		p += p[n] == '|' ? n + 1 : n;
	}
	return WORD_NONE;
}

/* "a, b or c"; those that are known but not built stand last in a row, and are not named. */
static void
add_words(struct buf *out, const struct conf_row *row, const char *before)
{
	const char *p = row->words;
	bool last;
	size_t n;

	for (; p != NULL && *p != '\0' && *p != '!'; p += n + !last) {
		n = strcspn(p, "|");
		last = p[n] == '\0';
		buf_add_str(out, before);
		buf_add(out, p, n);
		before = last || p[n + 1] == '!' || strpbrk(p + n + 1, "|") == NULL ? " or " : ", ";
		if (!last && p[n + 1] != '!' && strchr(p + n + 1, '|') != NULL &&
		    strchr(p + n + 1, '|')[1] == '!')
			before = " or ";
	}
}

void
conf_key_expect(const struct conf_row *row, struct buf *out)
{
	switch (row->type) {
	case KEY_SECTION:
		buf_add_str(out, "a mapping of further keys");
		return;
	case KEY_LISTEN:
		buf_add_str(out, "an address such as 127.0.0.1:8080, or a list of them");
		return;
	case KEY_ADMIN:
	case KEY_ADDR:
		buf_add_str(out, "an address such as 127.0.0.1:9080");
		break;
	case KEY_UPSTREAM:
	case KEY_URL:
		buf_add_str(out, "a URL such as http://127.0.0.1:3000");
		return;
	case KEY_UPSTREAMS:
		buf_add_str(out, "a mapping of names, each with its servers");
		return;
	case KEY_BREAKER:
		buf_add_str(out, "off, or a mapping such as { failures: 5, pause: 5s }");
		return;
	case KEY_HEALTH:
		buf_add_str(out, "off, or a mapping such as { path: /healthz }");
		return;
	case KEY_SERVERS:
		buf_add_str(out, "a list such as [ http://127.0.0.1:3000 ]");
		return;
	case KEY_ROUTES:
		buf_add_str(out, "a list of mappings");
		return;
	case KEY_REF:
		buf_add_str(out, "the name of an upstream");
		return;
	case KEY_HOST:
		buf_add_str(out, "a host name");
		return;
	case KEY_PATH:
		buf_add_str(out, "the beginning of a path, such as /api/");
		return;
	case KEY_TARGET:
		buf_add_str(out, "a path such as /healthz");
		return;
	case KEY_COUNT:
	case KEY_CONNECTIONS:
		buf_addf(out, "a whole number from %llu to %llu",
		    (unsigned long long)row->min, (unsigned long long)row->max);
		break;
	case KEY_SIZE:
	case KEY_SIZE64:
		buf_add_str(out, "a size from ");
		conf_size_print(out, row->min);
		buf_add_str(out, " to ");
		conf_size_print(out, row->max);
		return;
	case KEY_TIME:
	case KEY_SPAN:
	case KEY_TTL:
		buf_add_str(out, "a duration from ");
		conf_time_print(out, (usec_t)row->min);
		buf_add_str(out, " to ");
		conf_time_print(out, (usec_t)row->max);
		break;
	case KEY_SHARE:
	case KEY_WEIGHT:
		buf_add_str(out, row->type == KEY_SHARE ? "a share from " : "a weight from ");
		conf_share_print(out, (double)row->min / 1e6);
		buf_add_str(out, " to ");
		conf_share_print(out, (double)row->max / 1e6);
		break;
	case KEY_CHOICE:
	case KEY_FLAG:
		add_words(out, row, "");
		return;
	case KEY_QUERY:
		buf_add_str(out, "all, none, sorted, { keep: [ names ] } or { drop: [ names ] }");
		return;
	case KEY_PARAMS:
		buf_add_str(out, "a list of parameters, such as [ page, utm_* ]");
		return;
	case KEY_FIELDS:
		buf_add_str(out, "a list of fields, such as [ Accept-Language ]");
		return;
	case KEY_COOKIES:
		buf_add_str(out, "a list of cookies, such as [ currency ]");
		return;
	case KEY_TAGS:
		buf_add_str(out, "a list of fields, such as [ Surrogate-Key ]");
		return;
	case KEY_LATER:
		return;
	}
	/* Where one more "or" follows, the first is a comma. */
	if (row->type == KEY_WEIGHT || row->type == KEY_CONNECTIONS)
		add_words(out, row, ", ");
	else
		add_words(out, row, ", or ");
	if (row->type == KEY_CONNECTIONS)
		buf_add_str(out, ", or a mapping such as { min: 2, most: 512 }");
	else if (row->type == KEY_TTL)
		buf_add_str(out, ", or a mapping such as { 200: 60s, 404: 10s }");
}

/* ---- what was meant ---- */

#define NEAR_MAX	40	/* longer words are nobody's slip */

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

unsigned
conf_distance(const char *a, const char *b)
{
	unsigned d[3][NEAR_MAX + 1];		/* three rows of the usual matrix, by turns */
	size_t na = strlen(a), nb = strlen(b), i, j;
	unsigned *row, *up, *upup;

	if (na > NEAR_MAX || nb > NEAR_MAX)
		return NEAR_MAX;
	for (j = 0; j <= nb; j++)
		d[0][j] = (unsigned)j;
	for (i = 1; i <= na; i++) {
		row = d[i % 3];
		up = d[(i + 2) % 3];
		upup = d[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			row[j] = min3(up[j] + 1, row[j - 1] + 1,
			    up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upup[j - 2] + 1 < row[j])
				row[j] = upup[j - 2] + 1;
		}
	}
	return d[na % 3][nb];
}

bool
conf_is_near(const char *written, unsigned distance)
{
	size_t n = strlen(written);

	return distance <= (n < 3 ? 1 : n < 9 ? 2 : 3) && distance < n;
}

/* Said elsewhere for the same thing, and further from it, or nearer to another, by its letters. */
static const struct {
	const char	*written, *meant;
} synonyms[] = {
	{ "max", "most" }, { "fails", "fall" }, { "passes", "rise" }, { "uri", "path" },
	{ "url", "path" }, { "rate", "error_rate" },
};

static const char *
synonym(const char *prefix, const char *key)
{
	size_t i;

	for (i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++)
		if (strcmp(key, synonyms[i].written) == 0 &&
		    conf_key_find(prefix, synonyms[i].meant) != NULL)
			return synonyms[i].meant;
	return NULL;
}

const char *
conf_key_near(const char *prefix, const char *key)
{
	const char *best = synonym(prefix, key);
	unsigned i, d, least = NEAR_MAX;

	if (best != NULL)
		return best;
	for (i = 0; i < conf_nrows; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (!conf_key_inside(row, prefix))
			continue;
		d = conf_distance(key, conf_key_name(row));
		if (d < least) {
			least = d;
			best = conf_key_name(row);
		}
	}
	return conf_is_near(key, least) ? best : NULL;
}

const char *
conf_key_elsewhere(const char *key, struct arena *a)
{
	struct buf b = { 0 };
	const char *p, *where;
	unsigned i;

	for (i = 0; i < conf_nrows; i++)
		if (strcmp(conf_key_name(&conf_rows[i]), key) == 0)
			break;
	if (i == conf_nrows)
		return NULL;
	p = conf_rows[i].path;
	if (strchr(p, '.') == NULL)
		return "the top of the file";
	for (; p < strrchr(conf_rows[i].path, '.'); p++) {
		if (*p == '*')
			buf_add_str(&b, "NAME");
		else
			buf_add(&b, p, 1);
	}
	where = conf_strdup(a, buf_str(&b));
	buf_fini(&b);
	return where;
}
