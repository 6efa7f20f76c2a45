/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a question is answered by evdns_getaddrinfo(), which may call back before it returns
 * (literal addresses, /etc/hosts, errors).  So an answer is kept in the question, and an event made
 * active by hand brings it to the asker from the loop.
 *
 * A cancelled question lives on until evdns has said so: evdns keeps our pointer until then.  Such
 * ones are counted, and resolver_free() lets the loop run once to bring them home.
 *
 * Threads: all on the worker's.
 *
 * Why literals don't go to evdns although it knows them: evutil_getaddrinfo() with NUMERICHOST is
 * the same answer without a walk through its hosts and search lists.
 */
#include "upstream/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include "base/contract.h"

struct resolver {
	unsigned		 magic;
#define RESOLVER_MAGIC		 0x77c0a1de
	struct event_base	*base;
	struct evdns_base	*dns;
	unsigned		 pending;	/* questions that have not been freed */
};

struct resolve {
	unsigned		 magic;
#define RESOLVE_MAGIC		 0x1e5a90b3
	struct resolver		*resolver;
	struct evdns_getaddrinfo_request *asked;	/* NULL when evdns owes us nothing */
	struct event		*deliver;
	struct evutil_addrinfo	*res;
	const char		*error;
	resolve_fn		*fn;		/* NULL: cancelled */
	void			*arg;
};

static void
resolve_free(struct resolve *q)
{
	ASSERT(q->asked == NULL);
	if (q->res != NULL)
		evutil_freeaddrinfo(q->res);
	if (q->deliver != NULL)
		event_free(q->deliver);
	q->resolver->pending--;
	FREE(q);
}

static void
deliver(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *q = arg;
	struct evutil_addrinfo *res;
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

static const char *
error_text(int error)
{
	switch (error) {
	case EVUTIL_EAI_NONAME:
	case EVUTIL_EAI_NODATA:
		return "the name has no address";
	case EVUTIL_EAI_AGAIN:
		return "the name server did not answer";
	case EVUTIL_EAI_MEMORY:
		return "no memory to resolve the name";
	default:
		return "the name could not be resolved";
	}
}

/* From evdns: later, or from inside resolve_start(). */
static void
answered(int error, struct evutil_addrinfo *res, void *arg)
{
	struct resolve *q = arg;

	CHECK(q, RESOLVE_MAGIC);
	q->asked = NULL;
	q->res = res;
	if (q->fn == NULL) {
		resolve_free(q);
		return;
	}
	if (error != 0 || res == NULL)
		q->error = error_text(error);
	event_active(q->deliver, EV_TIMEOUT, 1);
}

struct resolver *
resolver_new_from(struct worker *w, const char *resolv_conf)
{
	struct resolver *r;

	NEW(r, RESOLVER_MAGIC);
	r->base = worker_base(w);
	/* Its sockets must not keep a loop alive that has nothing else to do. */
	r->dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (r->dns == NULL) {
		FREE(r);
		return NULL;
	}
	/* Before the file, whose `options` go above these: ask again while a connect timeout of
	 * 2 s is still running, and don't let a lost AAAA hold back an A. */
	evdns_base_set_option(r->dns, "timeout:", "1");
	evdns_base_set_option(r->dns, "getaddrinfo-allow-skew:", "0.25");
	/* It tells of a missing or empty file; then 127.0.0.1 is asked, as libc would. */
	(void)evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, resolv_conf);
	return r;
}

struct resolver *
resolver_new(struct worker *w)
{
	return resolver_new_from(w, "/etc/resolv.conf");
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	CHECK(r, RESOLVER_MAGIC);
	if (r->pending > 0)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
	ASSERT(r->pending == 0);
	evdns_base_free(r->dns, 0);
	FREE(r);
}

static bool
is_literal(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

struct resolve *
resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_fn *fn, void *arg)
{
	struct evutil_addrinfo hints = { 0 };
	struct evdns_getaddrinfo_request *asked;
	struct evutil_addrinfo *res = NULL;
	struct resolve *q;
	char service[8];
	int error;

	CHECK(r, RESOLVER_MAGIC);
	NEW(q, RESOLVE_MAGIC);
	q->resolver = r;
	r->pending++;
	q->fn = fn;
	q->arg = arg;
	q->deliver = event_new(r->base, -1, 0, deliver, q);
	ASSERT(q->deliver != NULL);
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_protocol = IPPROTO_TCP;
	snprintf(service, sizeof service, "%u", (unsigned)port);
	if (is_literal(host)) {
		hints.ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV;
		error = evutil_getaddrinfo(host, service, &hints, &res);
		answered(error, error == 0 ? res : NULL, q);
		return q;
	}
	/* NULL when it has called back already; then it must not overwrite what answered() left. */
	asked = evdns_getaddrinfo(r->dns, host, service, &hints, answered, q);
	if (asked != NULL)
		q->asked = asked;
	return q;
}

void
resolve_cancel(struct resolve *q)
{
	CHECK(q, RESOLVE_MAGIC);
	ASSERT(q->fn != NULL);
	q->fn = NULL;
	if (q->asked != NULL)
		evdns_getaddrinfo_cancel(q->asked);	/* answered() follows, from the loop */
	else
		resolve_free(q);
}
