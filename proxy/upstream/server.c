/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a server lives as long as someone counts it; whether it gets requests is another matter
 * (`listed`, `healthy`, the breaker).
 *
 * Invariants, under the pool's lock: an idle connection is on the list of its server and on that of
 * the pool; a server that isn't listed has none.
 *
 * Why it keeps a copy of its configuration: a reload drops the conf that named it while places and
 * probers still use it.
 */
#include "upstream/server.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/contract.h"
#include "base/hash.h"

#include "upstream/pool.h"

#define NAMED_FOR	(60 * USEC_PER_SEC)

static char *
copy(const char *s)
{
	return s == NULL ? NULL : contract_strndup(s, strlen(s));
}

/* Nobody gains by choosing URLs that collide, and a key must find its server after a restart. */
static uint64_t
id_of(const char *url)
{
	return url == NULL ? 0 : hash_public(url, strlen(url));
}

static bool
is_name(const char *host)
{
	struct in6_addr a;

	return host != NULL && inet_pton(AF_INET, host, &a) != 1 &&
	    inet_pton(AF_INET6, host, &a) != 1;
}

struct server *
server_new(const struct conf_server *conf)
{
	struct server *s;

	NEW(s, SERVER_MAGIC);
	atomic_init(&s->refs, 1);
	s->conf = *conf;
	s->conf.url = copy(conf->url);
	s->conf.host = copy(conf->host);
	s->conf.authority = copy(conf->authority);
	s->id = id_of(conf->url);
	s->named = is_name(conf->host);
	s->shared.healthy = true;
	breaker_init(&s->shared.breaker);
	TAILQ_INIT(&s->shared.idle);
	return s;
}

struct server *
server_ref(struct server *s)
{
	CHECK(s, SERVER_MAGIC);
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
server_unref(struct server *s)
{
	if (s == NULL)
		return;
	CHECK(s, SERVER_MAGIC);
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	ASSERT(s->shared.in_flight == 0 && TAILQ_EMPTY(&s->shared.idle));
	free(s->conf.url);
	free(s->conf.host);
	free(s->conf.authority);
	FREE(s);
}

const struct conf_server *
server_conf(const struct server *s)
{
	CHECK(s, SERVER_MAGIC);
	return &s->conf;
}

bool
server_is_up(const struct server *s, usec_t mono)
{
	return s->shared.listed && s->shared.healthy &&
	    breaker_allows(&s->shared.breaker, mono);
}

struct candidate
server_candidate(const struct server *s, uint64_t tried, usec_t mono)
{
	return (struct candidate){
		.id = s->id,
		.weight = s->shared.weight,
		.in_flight = s->shared.in_flight,
		.up = server_is_up(s, mono),
		.backup = s->shared.backup,
		.tried = (tried >> s->shared.slot & 1) != 0,
	};
}

void
server_add_idle(struct server *s, struct idle *i, struct idle_list *all)
{
	i->server = s;
	TAILQ_INSERT_HEAD(&s->shared.idle, i, of_server);
	TAILQ_INSERT_HEAD(all, i, link);
	s->shared.nidle++;
}

void
server_remove_idle(struct idle *i, struct idle_list *all)
{
	struct server *s = i->server;

	TAILQ_REMOVE(&s->shared.idle, i, of_server);
	TAILQ_REMOVE(all, i, link);
	s->shared.nidle--;
	i->server = NULL;
}

struct idle *
server_young_idle(const struct server *s, usec_t max_idle, usec_t mono)
{
	struct idle *i = TAILQ_FIRST(&s->shared.idle);

	return i != NULL && mono - i->since <= max_idle ? i : NULL;
}

void
idle_close_all(struct idle_list *list)
{
	struct idle *i;

	while ((i = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, i, link);
		if (i->fd >= 0)
			close(i->fd);
		free(i);
	}
}

bool
server_is_outdated(const struct server *s, const struct idle *i, usec_t mono)
{
	return s->named && mono - i->born > NAMED_FOR;
}
