/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.yaml as an immutable, counted struct.  Built completely or not at all; faults are
 * collected, each with its place.  After conf_load() nothing in it changes (but `runtime`, set once
 * before the first reference is handed on), so any thread may read it while it holds a reference.
 */
#ifndef CORRAL_BASE_CONF_H
#define CORRAL_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/slice.h"

struct conf_addr {
	char			*text;	/* as written, for messages */
	struct sockaddr_storage	 sa;
	socklen_t		 len;	/* 0: off */
	unsigned		 line;
};

struct conf_server {
	char		*url;		/* as written */
	char		*host;		/* name or literal address, no brackets */
	uint16_t	 port;
	char		*authority;	/* host[:port] as an HTTP Host, brackets and all */
	unsigned	 weight;	/* its share among the servers of its upstream, 1 to 1000 */
	bool		 backup;	/* used only while no other server is up */
};

#define CONF_SERVERS_MAX	64	/* of one upstream */

enum conf_balance {
	BALANCE_LEAST_CONNECTIONS,
	BALANCE_ROUND_ROBIN,
	BALANCE_HASH,		/* of the key; a server that goes moves only its own keys */
};

/* Requests that probe each server. */
struct conf_health {
	char		*path;		/* NULL: off */
	usec_t		 interval, timeout;
	unsigned	 fall, rise;	/* so many in a row take it out, or in again */
};

struct conf_breaker {
	unsigned	 failures;	/* in a row; 0: off */
	double		 error_rate;	/* of the last requests; 0: off */
	usec_t		 pause;
};

struct conf_upstream {
	char			*name;
	struct conf_server	*servers;	/* never empty */
	unsigned		 nservers;
	enum conf_balance	 balance;
	unsigned		 max_connections;	/* 0: auto, within the two that follow */
	unsigned		 min_connections, most_connections;
	unsigned		 queue_length;
	usec_t			 queue_timeout;
	usec_t			 connect_timeout;
	usec_t			 first_byte_timeout;
	usec_t			 idle_timeout;		/* between two reads of an answer */
	usec_t			 total_timeout;		/* USEC_NEVER: off */
	unsigned		 keepalive_connections;
	usec_t			 keepalive_idle;
	unsigned		 retries;
	double			 retry_budget;	/* retries and hedges, as a share of requests */
	bool			 hedge;
	struct conf_breaker	 breaker;
	struct conf_health	 health;
	unsigned		 line;			/* in the file; 0: made by a default */
	/*
	 * What upstream/ keeps for it between configurations (its pool), bound once by
	 * pools_bind() before the conf is published; released with the conf.
	 */
	void			*runtime;
	void			(*runtime_release)(void *);
};

enum conf_coalesce {
	COALESCE_OFF,
	COALESCE_SHAREABLE,
	COALESCE_ALWAYS,
};

/* What becomes of an answer that sets a cookie. */
enum conf_set_cookie {
	SET_COOKIE_PRIVATE,		/* it is not shared */
	SET_COOKIE_STRIP,		/* it is shared without it; nobody gets the cookie */
	SET_COOKIE_STORE,		/* as any other field (RFC 9111 7.3) */
};

enum conf_query {
	QUERY_ALL,
	QUERY_NONE,
	QUERY_SORTED,
	QUERY_KEEP,			/* only the parameters in query_names */
	QUERY_DROP,			/* all but those */
};

struct conf_strings {
	char		**v;
	unsigned	  n;
};

/* What tells two requests apart. */
struct conf_key {
	enum conf_query		query;
	struct conf_strings	query_names;	/* "*" at the end of one: any that begin so */
	struct conf_strings	headers;	/* field names, lower case */
	struct conf_strings	cookies;	/* names of cookies */
};

/* How long an answer is fresh that does not say so itself. */
struct conf_ttl {
	usec_t			 any;		/* of statuses that may be stored so; 0: none */
	struct conf_status_ttl {
		int		 status;
		usec_t		 ttl;
	}			*by;		/* ascending; these only if there are any */
	unsigned		 n;
};

/* What is worth storing. */
struct conf_admit {
	usec_t			 min_fetch_time;
	unsigned		 min_requests;	/* within window; 1: any */
	usec_t			 window;
};

struct conf_route {
	char			*host;		/* lower case, NULL: any */
	char			*path;		/* prefix, spelled as in keys; NULL: any */
	unsigned		 upstream;	/* index into conf.upstreams */
	bool			 cache;
	struct conf_key		 key;
	struct conf_ttl		 ttl;
	usec_t			 stale_while_revalidate, stale_if_error; /* likewise; 0: off */
	usec_t			 error_ttl;	/* a failure is the answer for so long; 0: off */
	double			 heuristic;	/* share of the Last-Modified age; 0: off */
	double			 refresh_ahead;	/* weight, 1: auto; 0: off */
	double			 jitter;	/* share of the lifetime; 0: off */
	struct conf_admit	 admit;
	bool			 sliding_ttl;	/* each hit renews what ttl gave */
	bool			 client_control; /* a client's no-cache and max-age are obeyed */
	enum conf_set_cookie	 set_cookie;
	struct conf_strings	 tags;		/* response fields that name purge tags */
	enum conf_coalesce	 coalesce;
	unsigned		 park_limit;	/* clients waiting on one fetch */
	usec_t			 park_timeout;
	unsigned		 line;
};

struct conf_limits {
	unsigned	connections;
	size_t		header_bytes;
	unsigned	header_fields;
	uint64_t	body;
	size_t		uri;
	usec_t		header_timeout;
	usec_t		idle_timeout;
	usec_t		send_timeout;
	usec_t		drain;
};

struct conf {
	struct conf_addr	*listen;
	unsigned		 nlisten;
	struct conf_addr	 admin;		/* len 0: off */
	unsigned		 workers;	/* never 0: auto is resolved */
	size_t			 cache_memory;
	size_t			 cache_max_object;
	struct conf_upstream	*upstreams;
	unsigned		 nupstreams;
	struct conf_route	*routes;	/* never empty */
	unsigned		 nroutes;
	struct conf_limits	 limits;
	enum log_level		 log_level;
	bool			 log_json;
	char			*file;		/* NULL: made from options alone */
	/* conf.c's own */
	void			*priv;
};

/* Options of the command line that stand for keys; NULL when not given. */
struct conf_options {
	const char	*file;		/* NULL: no file is read */
	const char	*upstream;
	const char	*listen;
	const char	*admin;
};

/*
 * Reads and checks the whole file and the options.  On success a conf with one reference.  On
 * failure NULL, and *faults holds every fault, one per line: `file:line:column: reason; hint`.
 * (*faults may hold warnings after a success.)  A file that cannot be read is a fault too.
 */
struct conf	*conf_load(const struct conf_options *opt, struct buf *faults);

/* Any thread. */
struct conf	*conf_ref(struct conf *c);
void	conf_unref(struct conf *c);

/* The whole configuration in force as YAML that conf_load() reads back to the same. */
void	conf_print(const struct conf *c, struct buf *out);

/*
 * For a reload: the names of the keys that differ and wait for a restart ("listen, workers");
 * nothing when there are none.
 */
void	conf_print_pending(const struct conf *running, const struct conf *fresh, struct buf *out);

#endif
