/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration from its file and the command line, and the references on it.
 *
 * A conf and all it points to live in one arena, so that a reading that fails, at whatever point,
 * and the last reference that goes, are the same one call.  While it is built it belongs to the
 * loader; once conf_load() has returned it nothing in it changes, so threads need no lock: the
 * count of references is the only atomic.
 *
 * Order matters once: upstreams are read first, since routes name them; options come after the file
 * has been judged, so that a fault in it is not hidden by an option that covers it.
 */
#include "base/conf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/contract.h"

#define WORKERS_MAX	256u

struct conf_owner {
	unsigned	 magic;
#define CONF_OWNER_MAGIC 0x63a1f7e5
	atomic_uint	 refs;
	struct arena	 arena;		/* all that conf points to */
	struct conf	 conf;
};

static struct conf_owner *
owner_of(struct conf *c)
{
	struct conf_owner *o;

	ASSERT(c != NULL);
	o = c->priv;
	CHECK(o, CONF_OWNER_MAGIC);
	return o;
}

static void
owner_free(struct conf_owner *o)
{
	unsigned i;

	for (i = 0; i < o->conf.nupstreams; i++) {
		struct conf_upstream *up = &o->conf.upstreams[i];

		if (up->runtime_release != NULL)
			up->runtime_release(up->runtime);
	}
	arena_fini(&o->arena);
	FREE(o);
}

struct conf *
conf_ref(struct conf *c)
{
	ASSERT(atomic_fetch_add_explicit(&owner_of(c)->refs, 1, memory_order_relaxed) > 0);
	return c;
}

void
conf_unref(struct conf *c)
{
	struct conf_owner *o;

	if (c == NULL)
		return;
	o = owner_of(c);
	if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
		owner_free(o);
}

/* ---- the file ---- */

/* 0, or -1 after a fault. */
static int
read_file(const char *file, struct buf *bytes, struct conf_faults *faults)
{
	struct conf_place at = { file, 0, 0 };
	char piece[16384];
	ssize_t n;
	int fd;

	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) < 0) {
		conf_fault(faults, at, "cannot be opened: %s", strerror(errno));
		return -1;
	}
	do {
		n = read(fd, piece, sizeof piece);
		if (n > 0)
			buf_add(bytes, piece, (size_t)n);
	} while (bytes->n <= CONF_FILE_MAX && (n > 0 || (n < 0 && errno == EINTR)));
	if (n < 0)
		conf_fault(faults, at, "cannot be read: %s", strerror(errno));
	else if (bytes->n > CONF_FILE_MAX)
		conf_fault(faults, at, "is larger than 1MiB; is it the right file?");
	else if (bytes->n > 0 && memchr(bytes->p, '\0', bytes->n) != NULL)
		conf_fault(faults, at, "is not text: it has a NUL byte; is it the right file?");
	close(fd);
	return faults->n > 0 ? -1 : 0;
}

/* A mapping, or an empty one for an empty file; NULL after a fault. */
static struct conf_node *
read_tree(struct conf_loader *ld, const char *file)
{
	struct buf bytes = { 0 };
	struct conf_node *root = NULL;

	if (read_file(file, &bytes, ld->faults) == 0)
		root = conf_yaml_read(buf_slice(&bytes), file, ld->tmp, ld->faults);
	buf_fini(&bytes);
	if (root == NULL || root->kind == NODE_MAP)
		return root;
	if (root->kind == NODE_SCALAR && root->null) {
		root->kind = NODE_MAP;
		return root;
	}
	if (!root->bad)
		conf_fault(ld->faults, root->at, "the file must be keys with their values, such as "
		    "upstream: http://127.0.0.1:3000");
	return NULL;
}

/* ---- putting it together ---- */

static const struct conf_row *
row_of(const char *key)
{
	const struct conf_row *row = conf_key_find("", key);

	ASSERT(row != NULL);
	return row;
}

static void
set_first(struct conf_loader *ld, const struct conf_node *root, const char *key)
{
	struct conf_node *n = conf_node_get(root, key);

	if (n == NULL)
		return;
	conf_set(ld, row_of(key), n, ld->conf);
	n->done = true;
}

static void
set_upstreams(struct conf_loader *ld, const struct conf_node *root)
{
	const struct conf_node *a = conf_node_get(root, "upstream");
	const struct conf_node *b = conf_node_get(root, "upstreams");
	bool short_first = a != NULL && b != NULL && a->at.line < b->at.line;

	/* In the order of the file, so that a contradiction is reported at the later one. */
	set_first(ld, root, short_first ? "upstream" : "upstreams");
	set_first(ld, root, short_first ? "upstreams" : "upstream");
}

/* Options are taken as they are: the shell has had its turn at the environment. */
static struct conf_node
option_node(struct conf_loader *ld, const char *name, const char *value)
{
	return (struct conf_node){ .kind = NODE_SCALAR, .at = { name, 0, 0 },
	    .text = conf_strdup(ld->tmp, value) };
}

static void
set_option(struct conf_loader *ld, const char *name, const char *value)
{
	struct conf_node n;

	if (value == NULL)
		return;
	n = option_node(ld, name, value);
	conf_set(ld, row_of(name + 2), &n, ld->conf);
}

static unsigned
processors(void)
{
	cpu_set_t set;
	unsigned n;

	/* Those this process may run on, not those there are: containers and taskset count. */
	if (sched_getaffinity(0, sizeof set, &set) < 0 || (n = (unsigned)CPU_COUNT(&set)) == 0)
		return 1;
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

static void
load(struct conf_loader *ld, const struct conf_options *opt)
{
	struct conf_node *root = NULL, upstream;

	conf_defaults(ld, SCOPE_CONF, ld->conf);
	ld->listen_at.file = ld->admin_at.file = NULL;
	if (opt->file != NULL) {
		ld->conf->file = conf_strdup(ld->keep, opt->file);
		root = read_tree(ld, opt->file);
	}
	if (root != NULL)
		set_upstreams(ld, root);
	if (opt->upstream != NULL) {
		upstream = option_node(ld, "--upstream", opt->upstream);
		conf_upstream_override(ld, &upstream);
	}
	if (root != NULL)
		conf_walk(ld, root, "", ld->conf);
	set_option(ld, "--listen", opt->listen);
	set_option(ld, "--admin", opt->admin);
	/* A file that has no tree lacks everything; to say so helps nobody. */
	if (root != NULL || opt->file == NULL)
		conf_build_finish(ld, root);
	if (ld->conf->workers == 0)
		ld->conf->workers = processors();
}

struct conf *
conf_load(const struct conf_options *opt, struct buf *faults)
{
	struct arena tmp = { 0 };
	struct conf_faults found = { .arena = &tmp };
	struct conf_loader ld = { .tmp = &tmp, .faults = &found };
	struct conf_owner *o;

	NEW(o, CONF_OWNER_MAGIC);
	atomic_init(&o->refs, 1);
	o->conf.priv = o;
	ld.conf = &o->conf;
	ld.keep = &o->arena;
	load(&ld, opt);
	if (found.n > 0) {
		conf_faults_write(&found, faults);
		owner_free(o);
		o = NULL;
	}
	arena_fini(&tmp);
	return o == NULL ? NULL : &o->conf;
}
