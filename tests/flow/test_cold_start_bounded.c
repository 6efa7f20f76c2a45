/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An empty cache, and hundreds of clients for hundreds of different pages: after the start, after
 * all was purged, and after another start.  The backend works on as many requests as it may, never
 * on more, sees each page asked for once, and everyone is answered.
 */
#include "tests/lib/flow.h"

#define KEYS	300u
#define MOST	4u

static void
purge_all(struct daemon *d)
{
	static const char request[] = "POST /purge HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n"
	    "Content-Length: 12\r\n\r\n{\"all\":true}";
	struct answer *a = client_exchange(daemon_admin(d), request, sizeof request - 1);

	ck_assert_int_eq(a->status, 200);
	ck_assert_ptr_nonnull(a->body);
	ck_assert_msg(atoi(a->body + strcspn(a->body, "0123456789")) == KEYS, "%s", a->body);
	answer_free(a);
}

/* Two clients for each page. */
static void
cold(struct origin *o, struct daemon *d)
{
	struct herd *h = herd_open(daemon_addr(d), KEYS), *k = herd_open(daemon_addr(d), KEYS);
	unsigned before = origin_requests(o, NULL);

	herd_ask_each(h, "/page/", "");
	herd_ask_each(k, "/page/", "");
	herd_wait(h);
	herd_wait(k);
	ck_assert_uint_eq(herd_count(h, 200), KEYS);
	ck_assert_uint_eq(herd_count(k, 200), KEYS);
	ck_assert_uint_eq(origin_requests(o, NULL) - before, KEYS);
	ck_assert_uint_eq(origin_most_at_once(o), MOST);
	ck_assert_uint_le(origin_most_open(o), MOST);
	herd_free(h);
	herd_free(k);
}

static struct daemon *
start(struct origin *o)
{
	return daemon_start("workers: 4\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: %u\n", origin_url(o), MOST);
}

FLOW(cold_start_bounded)
{
	struct origin *o = origin_start();
	struct daemon *d = start(o);

	origin_answer(o, .path = "/page/*", .bytes = 2000, .delay_ms = 3,
	    .fields = "Cache-Control: max-age=600\r\n");
	cold(o, d);
	purge_all(d);
	cold(o, d);
	daemon_wait_stat(d, "miss", 2 * KEYS);
	ck_assert_int_eq(daemon_stat(d, "shed"), 0);
	daemon_stop(d);
	origin_wait_open(o, 0);
	d = start(o);
	cold(o, d);
	daemon_stop(d);
	origin_stop(o);
}
