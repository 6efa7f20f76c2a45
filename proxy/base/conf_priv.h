/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of base/conf share: the tree that is read from YAML, the faults, the rows of
 * conf_table.h, and the loader that brings them together.  Nobody else includes this.
 *
 *   conf_yaml   bytes -> tree of nodes with their places    conf_key    the rows, and what is near
 *   conf_value  texts -> durations, sizes, addresses, URLs  conf_walk   tree + rows -> fields
 *   conf_build  listeners, routes, cross-checks             conf_fault  faults, sorted by place
 *   conf_upstream  upstreams, their servers and guards      conf_print  fields -> YAML
 *   conf_names  lists of names, and the query rule          conf        file, options, references
 */
#ifndef CORRAL_BASE_CONF_PRIV_H
#define CORRAL_BASE_CONF_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/slice.h"

#define CONF_FILE_MAX		(1024u * 1024u)
#define CONF_DEPTH_MAX		16u
#define CONF_ENTRIES_MAX	4096u	/* of one list or mapping: bounds what is quadratic in it */
#define CONF_FAULTS_MAX		200u
#define CONF_NAMES_MAX		32u	/* of one list of names; every request pays for each */
#define CONF_UPSTREAM_UNSET	UINT32_MAX

/* ---- faults ---- */

struct conf_place {
	const char	*file;		/* or an option, "--upstream" */
	unsigned	 line, col;	/* from 1; line 0: of the file as a whole */
};

struct conf_fault {
	struct conf_place	 at;
	unsigned		 seq;	/* in the order found, for those of one place */
	char			*text;	/* in the arena */
};

struct conf_faults {
	struct arena		*arena;
	unsigned		 n;
	unsigned		 more;	/* found past CONF_FAULTS_MAX */
	struct conf_fault	 v[CONF_FAULTS_MAX];
};

void	conf_fault(struct conf_faults *f, struct conf_place at, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* Sorts them and appends one line each. */
void	conf_faults_write(struct conf_faults *f, struct buf *out);
/* text in quotes for a message: control bytes escaped, clipped.  In the arena. */
const char	*conf_quote(struct arena *a, const char *text);

/* ---- the tree ---- */

enum conf_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

struct conf_node {
	enum conf_kind		 kind;
	bool			 bad;	/* a fault was reported on it: say no more */
	bool			 null;	/* nothing was written, or ~, or null */
	bool			 done;	/* read before its turn */
	struct conf_place	 at;
	char			*text;	/* scalars; the environment is in it */
	struct conf_node	*key;	/* of a member of a mapping */
	struct conf_node	*first, *last, *next;
	unsigned		 n;	/* members */
};

/* NULL after a fault that leaves no tree.  An empty file is a null scalar. */
struct conf_node	*conf_yaml_read(struct slice bytes, const char *file, struct arena *a,
			    struct conf_faults *f);
/* The member of that name, or NULL. */
struct conf_node	*conf_node_get(const struct conf_node *map, const char *key);

/* ---- the rows ---- */

enum conf_type {
	KEY_SECTION,	/* a mapping of further keys */
	KEY_LISTEN,	/* an address, or a list of addresses and mappings */
	KEY_ADMIN,	/* an address, a mapping, or off */
	KEY_ADDR,	/* struct conf_addr */
	KEY_UPSTREAM,	/* the one upstream's URL */
	KEY_UPSTREAMS,	/* a mapping of names that the user chose */
	KEY_SERVERS,	/* struct conf_upstream: a list of URLs and mappings */
	KEY_URL,	/* struct conf_server */
	KEY_CONNECTIONS, /* struct conf_upstream: a count, its word, or a mapping of two bounds */
	KEY_BREAKER,	/* struct conf_upstream: off, or a mapping */
	KEY_HEALTH,	/* likewise */
	KEY_ROUTES,	/* a list of mappings */
	KEY_REF,	/* unsigned: an upstream, by its name */
	KEY_HOST,	/* char * */
	KEY_PATH,	/* char * */
	KEY_TARGET,	/* char *: what a request asks for */
	KEY_COUNT,	/* unsigned; its word stands for 0 */
	KEY_SIZE,	/* size_t */
	KEY_SIZE64,	/* uint64_t */
	KEY_TIME,	/* usec_t; its word stands for USEC_NEVER */
	KEY_SPAN,	/* usec_t; its word stands for 0 */
	KEY_SHARE,	/* double, 0 to 1; its word stands for 0 */
	KEY_WEIGHT,	/* double; its words stand for 1 and for 0 */
	KEY_TTL,	/* struct conf_ttl: a duration, or a mapping of statuses */
	KEY_CHOICE,	/* an enum: the place in the row's words */
	KEY_FLAG,	/* bool: the place in the row's words */
	KEY_QUERY,	/* struct conf_key: its query and query_names */
	KEY_PARAMS,	/* struct conf_strings: parameters of a query */
	KEY_FIELDS,	/* struct conf_strings: fields of a request */
	KEY_COOKIES,	/* struct conf_strings */
	KEY_TAGS,	/* struct conf_strings: fields of an answer */
	KEY_LATER,	/* not built; the words are those values that it does follow */
};

enum conf_scope {
	SCOPE_NONE,
	SCOPE_CONF,
	SCOPE_UPSTREAM,
	SCOPE_ROUTE,
	SCOPE_SERVER,
	SCOPE_ITEM,	/* of a listener, the admin endpoint or a query rule */
};

enum conf_reload {
	RELOAD,		/* SIGHUP brings it into force */
	RESTART,	/* taken at start; SIGHUP leaves the old value */
};

struct conf_row {
	const char		*path;	/* "a.b"; "[]" any member of a list, "*" any name */
	enum conf_type		 type;
	enum conf_scope		 scope;
	size_t			 offset;	/* of the field, in the scope's struct */
	uint64_t		 min, max;	/* in the field's unit; of fractions, millionths */
	const char		*words;	/* "a|b"; then "!c", known but not built; "!{}" a mapping */
	const char		*dflt;	/* as written in a file; NULL: none */
	enum conf_reload	 reload;
	const char		*sentence;
};

extern const struct conf_row conf_rows[];
extern const unsigned conf_nrows;

enum {
	WORD_NONE = -1,
	WORD_LATER = -2,
};

/* The row of a key inside prefix ("" is the top). */
const struct conf_row	*conf_key_find(const char *prefix, const char *key);
/* row is directly inside prefix. */
bool	conf_key_inside(const struct conf_row *row, const char *prefix);
/* The last part of its path. */
const char	*conf_key_name(const struct conf_row *row);
/* Its path inside the thing it belongs to: "limits.uri", "queue.length". */
const char	*conf_key_label(const struct conf_row *row);
/* The place of text among the row's words, or WORD_NONE or WORD_LATER. */
int	conf_key_word(const struct conf_row *row, const char *text);
/* "a duration from 1ms to 1h, or off" */
void	conf_key_expect(const struct conf_row *row, struct buf *out);
/* The known key of prefix that is nearest, or NULL when none is near. */
const char	*conf_key_near(const char *prefix, const char *key);
/* Where a key of that name does belong: the prefix as for people, or NULL. */
const char	*conf_key_elsewhere(const char *key, struct arena *a);

/* Edits between the two (a swap of neighbours is one), and whether that is a likely slip. */
unsigned	conf_distance(const char *a, const char *b);
bool	conf_is_near(const char *written, unsigned distance);

/* ---- values ---- */

/* 0, or -1. */
int	conf_time_parse(const char *s, usec_t *out);
int	conf_size_parse(const char *s, uint64_t *out);
/* "0.25" as 250000 millionths: what a file says exactly, and prints as it was. */
int	conf_share_parse(const char *s, uint64_t *out);
void	conf_time_print(struct buf *out, usec_t t);
void	conf_size_print(struct buf *out, uint64_t n);
void	conf_share_print(struct buf *out, double share);
/*
 * NULL, or what is wrong, to follow the quoted value.  addr: all but `line` is set.  Strings go
 * into the arena.
 */
const char	*conf_addr_parse(const char *s, struct arena *a, struct conf_addr *out);
const char	*conf_url_parse(const char *s, struct arena *a, struct conf_server *out);
const char	*conf_host_parse(const char *s, struct arena *a, char **out);
const char	*conf_path_parse(const char *s, struct arena *a, char **out);
const char	*conf_target_parse(const char *s, struct arena *a, char **out);
/*
 * Percent-encoding in one spelling, in place: the character itself where it is plain, else its
 * triplet in upper case.  No triplet in s may be broken: a "%" that two digits don't follow.
 */
bool	conf_is_broken_triplet(const char *p);
void	conf_normalise(char *s, bool (*is_plain)(char c));
/* text with ${NAME} and ${NAME:-default} replaced; NULL with *why when one cannot be. */
char	*conf_expand(const char *text, struct arena *a, const char **why);

/* ---- the loader ---- */

struct conf_loader {
	struct conf		*conf;
	struct arena		*keep;	/* goes with the conf */
	struct arena		*tmp;	/* goes with the loader */
	struct conf_faults	*faults;
	const char		*upstream;	/* the one being read, for messages */
	struct conf_place	 listen_at, admin_at;	/* line 0: a default, or an option */
};

void	*conf_zalloc(struct arena *a, size_t n);
char	*conf_strdup(struct arena *a, const char *s);

/* Fills what the rows of that scope give a default for. */
void	conf_defaults(struct conf_loader *ld, enum conf_scope scope, void *base);
/* Every member of map by its row; prefix is the pattern of map's path. */
void	conf_walk(struct conf_loader *ld, const struct conf_node *map, const char *prefix,
	    void *base);
void	conf_set(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
	    void *base);
void	conf_wrong(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n);
/* KEY_ADDR and KEY_URL, for those who hold one outside of a row. */
void	conf_set_addr(struct conf_loader *ld, const struct conf_node *n, struct conf_addr *out);
void	conf_set_server(struct conf_loader *ld, const struct conf_node *n,
	    struct conf_server *out);

/* What is more than one value: always, by its type, or where it is written as a mapping. */
bool	conf_is_built(enum conf_type type, const struct conf_node *n);
void	conf_build(struct conf_loader *ld, const struct conf_row *row, const struct conf_node *n,
	    void *base);
/* KEY_UPSTREAM, KEY_UPSTREAMS, KEY_SERVERS, KEY_CONNECTIONS, KEY_BREAKER, KEY_HEALTH. */
void	conf_upstream_set(struct conf_loader *ld, const struct conf_row *row,
	    const struct conf_node *n, void *to);
/* --upstream: the server of the upstream called default, of the only one, or of a new one. */
void	conf_upstream_override(struct conf_loader *ld, const struct conf_node *n);
/* KEY_PARAMS, KEY_FIELDS, KEY_COOKIES, KEY_TAGS. */
void	conf_names_set(struct conf_loader *ld, const struct conf_row *row,
	    const struct conf_node *n, struct conf_strings *out);
/* KEY_QUERY. */
void	conf_query_set(struct conf_loader *ld, const struct conf_row *row,
	    const struct conf_node *n, struct conf_key *key);
/* After the file (root: NULL without one) and the options: what is missing, what contradicts. */
void	conf_build_finish(struct conf_loader *ld, const struct conf_node *root);

#endif
