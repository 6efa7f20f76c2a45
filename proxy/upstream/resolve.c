/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a host is a name with those who wait for it; c-ares asks, we remember.
 *
 *	resolve_start ──> host, fresh ────────────────────────────> deliver, from the loop
 *	                    │ not fresh: on its waiting list            ^
 *	                    v                                           │
 *	                  ares_getaddrinfo, one per host at a time ─> answered
 *
 * An asker is on its host's waiting list, or its deliver event is active with the answer in it.
 * c-ares may call back before ares_getaddrinfo() returns (hosts file, errors); the asker hears of
 * it from the loop in any case.  c-ares keeps a pointer to the host until it has called back, so a
 * host that is asked about is never forgotten.
 *
 * When there is an old answer, no asker waits longer than PATIENCE for the new one, and not at all
 * when the last question failed: with silent name servers each connection would otherwise lose its
 * time here.  The question goes on without them.
 *
 * Asked for both families at once, c-ares tells only how the last of its two queries ended: with
 * A refused and AAAA "no data" the name would seem to be without addresses.  So a family that was
 * there before and is missing now is asked for alone, and its loss is believed only when the name
 * server itself says so; else the question has failed, and the old answer stays.  Why not always
 * one question per family: with a search list the two could end in different domains, and the
 * order among them would be ours to find.
 *
 * Known weaknesses: the resolv.conf is read once, at the start.  c-ares 1.18 leaks the ten bytes of
 * "localhost" for each question where the hosts file doesn't have that name.
 *
 * Threads: all on the worker's.
 *
 * Why not evdns, which is there already: its getaddrinfo knows no TTLs, and its plain queries,
 * which do, take one family each, and neither sort nor read the hosts file.
 */
#include "upstream/resolve.h"

#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ares.h>
#include <event2/event.h>

#include "base/contract.h"
#include "base/log.h"

#include "upstream/resolve_cache.h"

/* First wait and rounds, doubling: 1.5 s with one name server, before a connect timeout of 2 s is
 * over, even when it never answers for AAAA.  A slow answer to the first still counts. */
#define QUERY_MS	500
#define QUERY_ROUNDS	2
#define PATIENCE	(250 * USEC_PER_MSEC)
/* The file has no TTL, and is not far away. */
#define HOSTS_TTL	(5 * USEC_PER_SEC)
/* Names come from the configuration; a reload may bring new ones. */
#define HOSTS_MAX	256
#define DNS_PORT	53

/* A socket of c-ares's. */
struct dns_socket {
	int			 fd;
	struct event		*event;
	LIST_ENTRY(dns_socket)	 link;
};

struct host {
	unsigned		 magic;
#define HOST_MAGIC		 0x5e0a7d11
	struct resolver		*resolver;
	char			*host;
	struct name		 name;
	bool			 asking;	/* c-ares owes us a callback */
	struct answer		 doubted;	/* what waits for the question about one family */
	bool			 doubting;	/* that question is the one being asked */
	struct event		*patience;	/* running: then the old answer will do */
	TAILQ_HEAD(, resolve)	 waiting;
	TAILQ_ENTRY(host)	 link;
};

struct resolver {
	unsigned		 magic;
#define RESOLVER_MAGIC		 0x77c0a1de
	struct event_base	*base;
	ares_channel		 channel;
	struct event		*timer;		/* c-ares's next timeout */
	LIST_HEAD(, dns_socket)	 sockets;
	TAILQ_HEAD(, host)	 hosts;		/* asked for longest ago first */
	unsigned		 n_hosts;
	unsigned		 askers;	/* that have not been freed */
	bool			 starting;	/* inside ares_getaddrinfo() */
	bool			 closing;	/* inside ares_destroy() */
	int			 flags;		/* ARES_AI_… */
};

struct resolve {
	unsigned		 magic;
#define RESOLVE_MAGIC		 0x1e5a90b3
	struct resolver		*resolver;
	struct host		*host;		/* on its list, or NULL */
	uint16_t		 port;
	struct event		*deliver;
	struct addrinfo		*res;
	const char		*error;
	resolve_fn		*fn;
	void			*arg;
	TAILQ_ENTRY(resolve)	 link;
};

/* --- those who ask --- */

static void
resolve_free(struct resolve *q)
{
	if (q->host != NULL)
		TAILQ_REMOVE(&q->host->waiting, q, link);
	free(q->res);
	event_free(q->deliver);
	q->resolver->askers--;
	FREE(q);
}

static void
deliver(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *q = arg;
	struct addrinfo *res;
	resolve_fn *fn;
	const char *error;

	(void)fd;
	(void)what;
	CHECK(q, RESOLVE_MAGIC);
	fn = q->fn;
	arg = q->arg;
	error = q->error;
	res = q->res;
	q->res = NULL;
	resolve_free(q);
	fn(arg, res, error);
}

/* A list as getaddrinfo() has it, in one allocation. */
static struct addrinfo *
make_list(const struct answer *a, uint16_t port)
{
	struct item {
		struct addrinfo	 ai;
		struct address	 addr;
	} *items = XCALLOC(a->n, sizeof *items);

	for (unsigned i = 0; i < a->n; i++) {
		struct item *it = &items[i];

		it->addr = a->addrs[i];
		if (it->addr.u.sa.sa_family == AF_INET)
			it->addr.u.v4.sin_port = htons(port);
		else
			it->addr.u.v6.sin6_port = htons(port);
		it->ai.ai_family = it->addr.u.sa.sa_family;
		it->ai.ai_socktype = SOCK_STREAM;
		it->ai.ai_protocol = IPPROTO_TCP;
		it->ai.ai_addr = &it->addr.u.sa;
		it->ai.ai_addrlen = it->addr.len;
		it->ai.ai_next = i + 1 < a->n ? &items[i + 1].ai : NULL;
	}
	return &items[0].ai;
}

/* a: the answer; without an address, error is. */
static void
give(struct resolve *q, const struct answer *a, const char *error)
{
	if (q->host != NULL)
		TAILQ_REMOVE(&q->host->waiting, q, link);
	q->host = NULL;
	if (a->n > 0)
		q->res = make_list(a, q->port);
	else
		q->error = error;
	event_active(q->deliver, EV_TIMEOUT, 1);
}

static void
give_all(struct host *h)
{
	struct resolve *q;

	event_del(h->patience);
	while ((q = TAILQ_FIRST(&h->waiting)) != NULL)
		give(q, &h->name.answer, h->name.error);
}

static void
patience_over(evutil_socket_t fd, short what, void *arg)
{
	struct host *h = arg;

	(void)fd;
	(void)what;
	CHECK(h, HOST_MAGIC);
	if (h->name.answer.n > 0)
		give_all(h);
}

/* --- c-ares and the loop --- */

static void
set_timer(struct resolver *r)
{
	struct timeval tv;

	if (ares_timeout(r->channel, NULL, &tv) != NULL)
		event_add(r->timer, &tv);
	else
		event_del(r->timer);
}

static void
timer_over(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;

	(void)fd;
	(void)what;
	CHECK(r, RESOLVER_MAGIC);
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(r);
}

static void
socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;

	CHECK(r, RESOLVER_MAGIC);
	ares_process_fd(r->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(r);
}

/* From c-ares: what it wants to hear of fd; nothing, before it closes it. */
static void
socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = arg;
	struct dns_socket *s;
	short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

	CHECK(r, RESOLVER_MAGIC);
	LIST_FOREACH(s, &r->sockets, link) {
		if (s->fd == fd)
			break;
	}
	if (s != NULL) {
		event_free(s->event);
		if (what == 0) {
			LIST_REMOVE(s, link);
			free(s);
			return;
		}
	} else {
		if (what == 0)
			return;
		s = XCALLOC(1, sizeof *s);
		s->fd = fd;
		LIST_INSERT_HEAD(&r->sockets, s, link);
	}
	s->event = event_new(r->base, fd, what | EV_PERSIST, socket_ready, r);
	ASSERT(s->event != NULL);
	event_add(s->event, NULL);
}

/* --- questions and answers --- */

static void	answered(void *arg, int status, int timeouts, struct ares_addrinfo *res);

static void
ask(struct host *h, int family)
{
	struct resolver *r = h->resolver;
	struct ares_addrinfo_hints hints = {
		.ai_flags = r->flags,
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
	};

	ASSERT(!h->asking);
	h->asking = true;
	r->starting = true;
	ares_getaddrinfo(r->channel, h->host, NULL, &hints, answered, h);
	r->starting = false;
}

/* The name server has spoken; the rest are failures. */
static bool
is_denial(int status)
{
	return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME;
}

static const char *
error_text(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return "the name has no address";
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
	case ARES_ESERVFAIL:
		return "the name server did not answer";
	case ARES_ENOMEM:
		return "no memory to resolve the name";
	default:
		return "the name could not be resolved";
	}
}

/* False: no address in it. */
static bool
read_answer(const struct ares_addrinfo *res, struct answer *a)
{
	int ttl = INT_MAX;

	memset(a, 0, sizeof *a);
	for (const struct ares_addrinfo_node *node = res->nodes;
	    node != NULL && a->n < ANSWER_ADDRS; node = node->ai_next) {
		struct address *to = &a->addrs[a->n];

		if ((node->ai_family != AF_INET && node->ai_family != AF_INET6) ||
		    node->ai_addrlen > sizeof to->u)
			continue;
		memcpy(&to->u, node->ai_addr, node->ai_addrlen);
		to->len = node->ai_addrlen;
		a->n++;
		if (node->ai_ttl < ttl)
			ttl = node->ai_ttl;
	}
	for (const struct ares_addrinfo_cname *c = res->cnames; c != NULL; c = c->next) {
		if (c->ttl < ttl)
			ttl = c->ttl;
	}
	a->ttl = ttl * USEC_PER_SEC;
	return a->n > 0;
}

/* No answer came, or half a one. */
static void
failed(struct host *h, int status)
{
	const char *error = error_text(status);

	if (name_failed(&h->name, error, clock_mono()) && h->name.answer.n > 0)
		log_warn("upstream %s: %s; its last known addresses are used meanwhile", h->host,
		    error);
	give_all(h);
}

static void
accept_answer(struct host *h, const struct answer *a)
{
	char text[INET6_ADDRSTRLEN] = "";
	const struct address *first = &a->addrs[0];
	bool was_failing = h->name.failing;

	if (a->n == 0) {
		name_denied(&h->name, error_text(ARES_ENODATA), clock_mono());
	} else if (name_answered(&h->name, a, clock_mono())) {
		inet_ntop(first->u.sa.sa_family, first->u.sa.sa_family == AF_INET ?
		    (const void *)&first->u.v4.sin_addr : (const void *)&first->u.v6.sin6_addr,
		    text, sizeof text);
		log_info("upstream %s: new addresses, %u, first %s", h->host, a->n, text);
	} else if (was_failing) {
		log_info("upstream %s: the name is resolved again", h->host);
	}
	give_all(h);
}

/* From c-ares: later, or from inside ask(), or from ares_destroy(). */
static void
answered(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
	struct host *h = arg;
	bool doubting, in_file;
	struct answer a;
	int family;

	(void)timeouts;
	CHECK(h, HOST_MAGIC);
	doubting = h->doubting;
	h->asking = h->doubting = false;
	if (status == ARES_SUCCESS && !read_answer(res, &a))
		status = ARES_ENODATA;
	if (res != NULL)
		ares_freeaddrinfo(res);
	/* Half an answer is a success then too, and nothing may be asked any more. */
	if (h->resolver->closing)
		return;
	if (status != ARES_SUCCESS)
		a.n = 0;
	if (doubting) {
		/* An address after all: the next question will bring both families again. */
		if (is_denial(status))
			accept_answer(h, &h->doubted);
		else
			failed(h, status);
		return;
	}
	if (status != ARES_SUCCESS && !is_denial(status)) {
		failed(h, status);
		return;
	}
	in_file = status == ARES_SUCCESS && h->resolver->starting && a.ttl == 0;
	if (in_file)
		a.ttl = HOSTS_TTL;
	/* Not of a name that doesn't exist: it has neither family. */
	family = in_file || status == ARES_ENOTFOUND ? 0 :
	    name_lacks(&h->name, &a, clock_mono());
	if (family == 0) {
		accept_answer(h, &a);
		return;
	}
	h->doubted = a;
	h->doubting = true;
	ask(h, family);
}

/* --- hosts --- */

static void
host_free(struct host *h)
{
	ASSERT(!h->asking && TAILQ_EMPTY(&h->waiting));
	TAILQ_REMOVE(&h->resolver->hosts, h, link);
	h->resolver->n_hosts--;
	event_free(h->patience);
	free(h->host);
	FREE(h);
}

/* Makes room for one more, among those that nobody waits for. */
static void
forget_oldest(struct resolver *r)
{
	struct host *h = TAILQ_FIRST(&r->hosts), *next;

	for (; h != NULL && r->n_hosts >= HOSTS_MAX; h = next) {
		next = TAILQ_NEXT(h, link);
		if (!h->asking && TAILQ_EMPTY(&h->waiting))
			host_free(h);
	}
}

static struct host *
get_host(struct resolver *r, const char *host)
{
	struct host *h;

	TAILQ_FOREACH(h, &r->hosts, link) {
		if (strcasecmp(h->host, host) == 0)
			break;
	}
	if (h != NULL) {
		TAILQ_REMOVE(&r->hosts, h, link);
	} else {
		forget_oldest(r);
		NEW(h, HOST_MAGIC);
		h->resolver = r;
		h->host = contract_strndup(host, strlen(host));
		TAILQ_INIT(&h->waiting);
		h->patience = event_new(r->base, -1, 0, patience_over, h);
		ASSERT(h->patience != NULL);
		r->n_hosts++;
	}
	TAILQ_INSERT_TAIL(&r->hosts, h, link);
	return h;
}

static bool
read_literal(const char *host, struct answer *a)
{
	struct address *to = &a->addrs[0];

	memset(a, 0, sizeof *a);
	a->n = 1;
	if (inet_pton(AF_INET, host, &to->u.v4.sin_addr) == 1) {
		to->u.v4.sin_family = AF_INET;
		to->len = sizeof to->u.v4;
		return true;
	}
	if (inet_pton(AF_INET6, host, &to->u.v6.sin6_addr) == 1) {
		to->u.v6.sin6_family = AF_INET6;
		to->len = sizeof to->u.v6;
		return true;
	}
	return false;
}

/* --- the outside --- */

static pthread_once_t library = PTHREAD_ONCE_INIT;

static void
library_init(void)
{
	/* It has nothing to undo on this system. */
	(void)ares_library_init(ARES_LIB_INIT_ALL);
}

static struct resolver *
make_resolver(struct worker *w, const char *resolv_conf, uint16_t port, int flags)
{
	static char lookups[] = "fb";		/* the file first, whatever nsswitch.conf says */
	char *path = contract_strndup(resolv_conf, strlen(resolv_conf));
	struct ares_options o = {
		.timeout = QUERY_MS,
		.tries = QUERY_ROUNDS,
		.udp_port = port,
		.tcp_port = port,
		.lookups = lookups,
		.sock_state_cb = socket_state,
		.resolvconf_path = path,
	};
	struct resolver *r;
	int error;

	pthread_once(&library, library_init);
	NEW(r, RESOLVER_MAGIC);
	r->base = worker_base(w);
	r->flags = flags;
	LIST_INIT(&r->sockets);
	TAILQ_INIT(&r->hosts);
	o.sock_state_cb_data = r;
	error = ares_init_options(&r->channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
	    ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
	    ARES_OPT_RESOLVCONF);
	free(path);
	if (error != ARES_SUCCESS) {
		FREE(r);
		return NULL;
	}
	r->timer = event_new(r->base, -1, 0, timer_over, r);
	ASSERT(r->timer != NULL);
	return r;
}

struct resolver *
resolver_new_from(struct worker *w, const char *resolv_conf, uint16_t port)
{
	return make_resolver(w, resolv_conf, port, ARES_AI_ENVHOSTS);
}

struct resolver *
resolver_new(struct worker *w)
{
	return make_resolver(w, "/etc/resolv.conf", DNS_PORT, 0);
}

void
resolver_free(struct resolver *r)
{
	struct host *h;

	if (r == NULL)
		return;
	CHECK(r, RESOLVER_MAGIC);
	ASSERT(r->askers == 0);
	r->closing = true;
	ares_destroy(r->channel);	/* calls back for what it still asks */
	while ((h = TAILQ_FIRST(&r->hosts)) != NULL)
		host_free(h);
	ASSERT(LIST_EMPTY(&r->sockets));
	event_free(r->timer);
	FREE(r);
}

/* q joins those who wait, and there is a question that will answer them. */
static void
wait_for(struct resolve *q, struct host *h, bool old)
{
	struct timeval tv = usec_timeval(PATIENCE);

	TAILQ_INSERT_TAIL(&h->waiting, q, link);
	q->host = h;
	if (old && !event_pending(h->patience, EV_TIMEOUT, NULL))
		event_add(h->patience, &tv);
	if (!h->asking)
		ask(h, AF_UNSPEC);
}

struct resolve *
resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_fn *fn, void *arg)
{
	struct answer literal;
	struct resolve *q;
	struct host *h;

	CHECK(r, RESOLVER_MAGIC);
	NEW(q, RESOLVE_MAGIC);
	q->resolver = r;
	r->askers++;
	q->port = port;
	q->fn = fn;
	q->arg = arg;
	q->deliver = event_new(r->base, -1, 0, deliver, q);
	ASSERT(q->deliver != NULL);
	if (read_literal(host, &literal)) {
		give(q, &literal, NULL);
		return q;
	}
	h = get_host(r, host);
	switch (name_state(&h->name, clock_mono())) {
	case NAME_FAILING:
		give(q, &h->name.answer, NULL);
		if (!h->asking)
			ask(h, AF_UNSPEC);
		break;
	case NAME_FRESH:
	case NAME_ERROR:
		give(q, &h->name.answer, h->name.error);
		break;
	case NAME_EXPIRED:
		wait_for(q, h, true);
		break;
	case NAME_UNKNOWN:
		wait_for(q, h, false);
		break;
	}
	set_timer(r);
	return q;
}

void
resolve_cancel(struct resolve *q)
{
	CHECK(q, RESOLVE_MAGIC);
	resolve_free(q);
}
