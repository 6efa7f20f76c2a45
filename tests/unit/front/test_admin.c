/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint over real sockets: a worker's thread serves, the test is the client. */
#include "front/admin.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "base/stats.h"
#include "base/worker.h"
#include "cache/cache.h"
#include "http/key.h"
#include "http/parse.h"
#include "upstream/pools.h"
#include "tests/unit/unit.h"

#define C	"Host: a\r\nConnection: close\r\n"
#define STORED	"http://www.example.com/page?a=1"

static struct conf		*conf;
static struct worker		*worker;
static struct cache		*cache;
static struct pools		*pools;
static struct admin		*admin;
static struct admin_env		 env;
static struct conf_addr		 bound;
static _Atomic int		 draining;

static void
never(void *arg)
{
	(void)arg;
	ck_abort_msg("woken after leaving");
}

static void
read_head(enum parse_kind kind, const char *text, struct head *h)
{
	struct parse ps;
	struct parse_limits lim = { 4096, 4096, 100 };

	parse_init(&ps, kind, &lim);
	ck_assert_int_eq(parse_head(&ps, text, strlen(text), h), PARSE_DONE);
	parse_fini(&ps);
}

/* Stores one object under the key of STORED. */
static void
store_one(void)
{
	struct head req = { 0 }, resp = { 0 };
	struct buf key = { 0 };
	struct wait wait;
	struct lookup lk = { .req = &req, .route = &conf->routes[0], .now = clock_now() };
	struct obj *obj;

	read_head(PARSE_REQUEST, "GET /page?a=1 HTTP/1.1\r\nHost: WWW.example.com:80\r\n\r\n", &req);
	read_head(PARSE_RESPONSE,
	    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\n", &resp);
	key_make(&req, &key);
	lk.key = buf_slice(&key);
	wait_init(&wait, worker, never, NULL);
	ck_assert_int_eq(cache_lookup(cache, &lk, &wait), V_LEAD);
	obj = flight_head(lk.flight, &req, &resp, lk.now, lk.now);
	ck_assert_ptr_nonnull(obj);
	flight_body(lk.flight, "body", 4);
	flight_end(lk.flight);
	flight_leave(&wait);
	obj_unref(obj);
	flight_unref(lk.flight);
	head_fini(&req);
	buf_fini(&key);
}

static void
setup(void)
{
	struct conf_options opt = { .upstream = "http://127.0.0.1:9", .listen = "127.0.0.1:0",
	    .admin = "127.0.0.1:0" };
	struct buf faults = { 0 };
	struct hash_seed seed = { 1, 2 };

	conf = conf_load(&opt, &faults);
	ck_assert_msg(conf != NULL, "%s", buf_str(&faults));
	buf_fini(&faults);
	pools = pools_new();
	pools_bind(pools, conf);
	worker = worker_new(0, conf);
	cache = cache_new(&seed, 1 << 20, 1 << 16);
	env = (struct admin_env){ .cache = cache, .pools = pools, .workers = &worker,
	    .nworkers = 1, .started = clock_mono() - 90 * USEC_PER_SEC, .draining = &draining };
	atomic_store(&draining, 0);
	admin = admin_new(worker, &conf->admin, &env, &bound);
	ck_assert_ptr_nonnull(admin);
	store_one();
	for (unsigned i = 0; i < STAT_COUNT; i++)
		stats_add(worker_stats(worker), i, 1u << i);
	ck_assert_int_eq(worker_start(worker), 0);
}

static void
teardown(void)
{
	worker_stop(worker);
	worker_join(worker);
	admin_free(admin);
	memset(&bound, 0, sizeof bound);
	cache_free(cache);
	worker_free(worker);
	conf_unref(conf);
	pools_free(pools);
}

/* The client's side */

static int
dial_with(int small)
{
	struct timeval limit = { 10, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	if (small > 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&bound.sa, bound.len), 0);
	return fd;
}

static int
dial(void)
{
	return dial_with(0);
}

static void
say(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = send(fd, p, n, MSG_NOSIGNAL);

		ck_assert_int_gt(r, 0);
		p += r;
		n -= (size_t)r;
	}
}

/* All until the server closes. */
static void
hear(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t r;

	while ((r = recv(fd, chunk, sizeof chunk, 0)) > 0)
		buf_add(out, chunk, (size_t)r);
	ck_assert_int_eq(r, 0);
	close(fd);
	buf_str(out);
}

static void
ask(const char *request, struct buf *out)
{
	int fd = dial();

	out->n = 0;
	say(fd, request, strlen(request));
	hear(fd, out);
}

static int
status_of(const struct buf *answer)
{
	int status = 0;

	ck_assert_int_eq(sscanf(answer->p, "HTTP/1.1 %d", &status), 1);
	return status;
}

static const char *
body_of(const struct buf *answer)
{
	const char *end = strstr(answer->p, "\r\n\r\n");

	ck_assert_ptr_nonnull(end);
	return end + 4;
}

static void
purge(const char *json, struct buf *out)
{
	struct buf req = { 0 };

	buf_addf(&req, "POST /purge HTTP/1.1\r\n" C "Content-Length: %zu\r\n\r\n%s", strlen(json),
	    json);
	ask(buf_str(&req), out);
	buf_fini(&req);
}

static json_t *
stats(void)
{
	struct buf out = { 0 };
	json_t *doc;

	ask("GET /stats HTTP/1.1\r\n" C "\r\n", &out);
	ck_assert_int_eq(status_of(&out), 200);
	doc = json_loads(body_of(&out), JSON_REJECT_DUPLICATES, NULL);
	ck_assert(json_is_object(doc));
	buf_fini(&out);
	return doc;
}

static long long
member(json_t *doc, const char *name)
{
	json_t *v = json_object_get(doc, name);

	ck_assert_msg(json_is_integer(v), "%s", name);
	return json_integer_value(v);
}

/* Cases */

static const struct {
	const char *name, *request;
	int status;
	const char *has;
} requests[] = {
	{ "stats", "GET /stats HTTP/1.1\r\n" C "\r\n", 200, "Content-Type: application/json\r\n" },
	{ "query ignored", "GET /stats?a=/x HTTP/1.1\r\n" C "\r\n", 200, "\"requests\": 127" },
	{ "stats of upstreams", "GET /stats HTTP/1.1\r\n" C "\r\n", 200,
	    "\"url\": \"http://127.0.0.1:9\"" },
	{ "no Host in 1.0", "GET /healthz HTTP/1.0\r\n\r\n", 200, "{\"status\":\"ok\"}\n" },
	{ "health", "GET /healthz HTTP/1.1\r\n" C "\r\n", 200, "{\"status\":\"ok\"}\n" },
	{ "readiness", "GET /readyz HTTP/1.1\r\n" C "\r\n", 200, "{\"status\":\"ok\"}\n" },
	{ "method of readiness", "POST /readyz HTTP/1.1\r\n" C "Content-Length: 0\r\n\r\n", 405,
	    "Allow: GET, HEAD\r\n" },
	{ "unknown path", "GET /nothing HTTP/1.1\r\n" C "\r\n", 404, "/stats" },
	{ "path prefix is another path", "GET /statsx HTTP/1.1\r\n" C "\r\n", 404, "" },
	{ "asterisk", "OPTIONS * HTTP/1.1\r\n" C "\r\n", 404, "" },
	{ "method of stats", "PUT /stats HTTP/1.1\r\n" C "\r\n", 405, "Allow: GET, HEAD\r\n" },
	{ "method of stats, with body", "POST /stats HTTP/1.1\r\n" C "Content-Length: 2\r\n\r\n{}",
	    405, "Allow: GET, HEAD\r\n" },
	{ "method of purge", "GET /purge HTTP/1.1\r\n" C "\r\n", 405, "Allow: POST\r\n" },
	{ "methods are case-sensitive, RFC 9110 9.1", "get /stats HTTP/1.1\r\n" C "\r\n", 405, "" },
	{ "a web page posts", "POST /purge HTTP/1.1\r\n" C "Origin: http://evil.example\r\n"
	    "Content-Length: 2\r\n\r\n{}", 403, "Origin" },
	{ "an opaque origin posts", "POST /purge HTTP/1.1\r\n" C "Origin: null\r\n"
	    "Content-Length: 2\r\n\r\n{}", 403, "Origin" },
	{ "no body at all", "POST /purge HTTP/1.1\r\n" C "\r\n", 400, "not JSON" },
	{ "length too large", "POST /purge HTTP/1.1\r\n" C "Content-Length: 65537\r\n\r\n", 413,
	    "64 KiB" },
	{ "chunked", "POST /purge HTTP/1.1\r\n" C "Transfer-Encoding: chunked\r\n\r\n"
	    "8\r\n{\"url\":\"\r\ne\r\nhttp://b.c/d\"}\r\n0\r\n\r\n", 200, "{\"purged\":0}\n" },
	{ "bad chunk", "POST /purge HTTP/1.1\r\n" C "Transfer-Encoding: chunked\r\n\r\n"
	    "1\r\n{x\r\n", 400, "body" },
	{ "continue is asked for", "POST /purge HTTP/1.1\r\n" C "Expect: 100-continue\r\n"
	    "Content-Length: 66000\r\n\r\n", 413, "64 KiB" },
};

START_TEST(test_request)
{
	struct buf out = { 0 };

	ask(requests[_i].request, &out);
	ck_assert_msg(status_of(&out) == requests[_i].status, "%s: %s", requests[_i].name, out.p);
	ck_assert_msg(strstr(out.p, requests[_i].has) != NULL, "%s: %s", requests[_i].name, out.p);
	ck_assert_ptr_nonnull(strstr(out.p, "Cache-Control: no-store\r\n"));
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *json;
	int status;
	const char *has;
} purges[] = {
	{ "{\"url\":\"http://b.c/d\"}", 200, "{\"purged\":0}\n" },
	{ " { \"url\" : \"http:\\/\\/b.c\" , \"soft\" : false } ", 200, "{\"purged\":0}\n" },
	{ "{\"url\":\"http://b.c/\",\"url\":\"http://b.c/\"}", 400, "duplicate" },
	{ "{\"url\":\"http://b.c/\"} x", 400, "not JSON" },
	{ "{\"url\":\"http://b.c/\\u0000\"}", 400, "not JSON" },
	{ "{\"url\":\"http://b.c/\"", 400, "not JSON" },
	{ "{'url':1}", 400, "not JSON" },
	{ "\"http://b.c/\"", 400, "not JSON" },
	{ "[\"http://b.c/\"]", 400, "must be a JSON object" },
	{ "{}", 400, "\"url\" or \"all\" is missing" },
	{ "{\"soft\":false}", 400, "\"url\" or \"all\" is missing" },
	{ "{\"url\":1}", 400, "\"url\" must be a string" },
	{ "{\"url\":null}", 400, "\"url\" must be a string" },
	{ "{\"url\":\"\"}", 400, "must be like" },
	{ "{\"url\":\"/path\"}", 400, "must be like" },
	{ "{\"url\":\"ftp://b.c/\"}", 400, "must be like" },
	{ "{\"url\":\"http://b.c/ \"}", 400, "must be like" },
	{ "{\"ulr\":\"http://b.c/\"}", 400, "unknown member \"ulr\"\n" },
	{ "{\"a\":1,\"b\\u001b[2J\":2}", 400, "unknown member \"a\", \"b?[2J\"\n" },
	{ "{\"tag\":\"t\",\"x\":1}", 400, "unknown member \"x\"\n" },
	{ "{\"tag\":\"t\"}", 501, "\"tag\" is not available in this version" },
	{ "{\"prefix\":\"http://b.c/\"}", 501, "\"prefix\" is not available in this version" },
	{ "{\"all\":true}", 200, "{\"purged\":1}\n" },
	{ "{\"all\":true,\"soft\":false}", 200, "{\"purged\":1}\n" },
	{ "{\"all\":false}", 400, "\"all\" must be true" },
	{ "{\"all\":1}", 400, "\"all\" must be true" },
	{ "{\"all\":null}", 400, "\"all\" must be true" },
	{ "{\"all\":true,\"url\":\"http://b.c/\"}", 400, "exclude each other" },
	{ "{\"all\":true,\"url\":null}", 400, "exclude each other" },
	{ "{\"all\":true,\"x\":1}", 400, "unknown member \"x\"\n" },
	{ "{\"all\":true,\"soft\":true}", 501, "\"soft\" is not available" },
	{ "{\"all\":true,\"tag\":\"t\"}", 501, "\"tag\" is not available" },
	{ "{\"url\":\"http://b.c/\",\"soft\":true}", 501, "\"soft\" is not available" },
};

START_TEST(test_purge_body)
{
	struct buf out = { 0 };

	purge(purges[_i].json, &out);
	ck_assert_msg(status_of(&out) == purges[_i].status, "%s: %s", purges[_i].json, out.p);
	ck_assert_msg(strstr(out.p, purges[_i].has) != NULL, "%s: %s", purges[_i].json, out.p);
	buf_fini(&out);
}
END_TEST

START_TEST(test_purge_object)
{
	struct buf out = { 0 };
	json_t *doc = stats();

	ck_assert_int_eq(member(doc, "objects"), 1);
	ck_assert_int_gt(member(doc, "bytes"), 4);
	json_decref(doc);
	purge("{\"url\":\"" STORED "\"}", &out);
	ck_assert_str_eq(body_of(&out), "{\"purged\":1}\n");
	purge("{\"url\":\"" STORED "\"}", &out);
	ck_assert_str_eq(body_of(&out), "{\"purged\":0}\n");
	doc = stats();
	ck_assert_int_eq(member(doc, "objects"), 0);
	ck_assert_int_eq(member(doc, "purged"), 1);
	json_decref(doc);
	buf_fini(&out);
}
END_TEST

START_TEST(test_purge_all)
{
	struct buf out = { 0 };
	json_t *doc;

	purge("{\"all\":true}", &out);
	ck_assert_str_eq(body_of(&out), "{\"purged\":1}\n");
	purge("{\"all\":true}", &out);
	ck_assert_str_eq(body_of(&out), "{\"purged\":0}\n");
	doc = stats();
	ck_assert_int_eq(member(doc, "objects"), 0);
	ck_assert_int_eq(member(doc, "purged"), 1);
	json_decref(doc);
	buf_fini(&out);
}
END_TEST

START_TEST(test_members)
{
	static const char *const figures[] = { "parked", "parked_peak", "flights", "objects", "bytes",
	    "transit_bytes", "evictions", "purged", "queued", "learned_routes", "uptime_s" };
	json_t *doc = stats();
	long long sum = 0;

	for (unsigned i = 0; i < STAT_COUNT; i++) {
		ck_assert_int_eq(member(doc, stats_name(i)), 1u << i);
		sum += i <= STAT_error ? member(doc, stats_name(i)) : 0;
	}
	ck_assert_int_eq(member(doc, "requests"), sum);
	for (unsigned i = 0; i < sizeof figures / sizeof figures[0]; i++)
		ck_assert_int_ge(member(doc, figures[i]), 0);
	ck_assert_int_ge(member(doc, "uptime_s"), 90);
	ck_assert_int_lt(member(doc, "uptime_s"), 150);
	ck_assert_str_eq(json_string_value(json_object_get(doc, "version")), PACKAGE_VERSION);
	json_decref(doc);
}
END_TEST

START_TEST(test_draining)
{
	struct buf out = { 0 };

	atomic_store(&draining, 1);
	ask("GET /healthz HTTP/1.1\r\n" C "\r\n", &out);
	ck_assert_int_eq(status_of(&out), 503);
	ck_assert_str_eq(body_of(&out), "{\"status\":\"draining\"}\n");
	ask("GET /readyz HTTP/1.1\r\n" C "\r\n", &out);
	ck_assert_int_eq(status_of(&out), 503);
	ck_assert_str_eq(body_of(&out), "{\"status\":\"draining\"}\n");
	buf_fini(&out);
}
END_TEST

START_TEST(test_head)
{
	struct buf out = { 0 };

	ask("HEAD /healthz HTTP/1.1\r\n" C "\r\n", &out);
	ck_assert_int_eq(status_of(&out), 200);
	ck_assert_ptr_nonnull(strstr(out.p, "Content-Length: 16\r\n"));
	ck_assert_str_eq(body_of(&out), "");
	ask("HEAD /nothing HTTP/1.1\r\n" C "\r\n", &out);
	ck_assert_int_eq(status_of(&out), 404);
	ck_assert_str_eq(body_of(&out), "");
	buf_fini(&out);
}
END_TEST

/* The largest body there may be, and one byte more, where only the bytes themselves tell. */
START_TEST(test_body_limit)
{
	struct buf req = { 0 }, out = { 0 };
	const char *json = "{\"url\":\"http://b.c/\"}";

	for (size_t size = 65536; size <= 65537; size++) {
		req.n = 0;
		buf_addf(&req, "POST /purge HTTP/1.1\r\n" C "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
		    size);
		buf_addf(&req, "%-*s\r\n0\r\n\r\n", (int)size, json);
		ask(buf_str(&req), &out);
		ck_assert_int_eq(status_of(&out), size == 65536 ? 200 : 413);
	}
	buf_fini(&req);
	buf_fini(&out);
}
END_TEST

/* Answers come in order on one connection, of which the last closes it. */
START_TEST(test_pipeline)
{
	struct buf out = { 0 };
	const char *p;

	ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
	    "POST /purge HTTP/1.1\r\nHost: a\r\nContent-Length: 22\r\n\r\n{\"url\":\"http://b.c/d\"}"
	    "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	    "HEAD /stats HTTP/1.1\r\n" C "\r\n", &out);
	p = strstr(out.p, "{\"status\":\"ok\"}\n");
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(p = strstr(p, "{\"purged\":0}\n"));
	ck_assert_ptr_nonnull(p = strstr(p, " 404 "));
	ck_assert_ptr_nonnull(p = strstr(p, "Connection: keep-alive\r\n"));
	ck_assert_ptr_nonnull(p = strstr(p, "{\"status\":\"ok\"}\n"));
	ck_assert_ptr_nonnull(strstr(p, "Connection: close\r\n\r\n"));
	buf_fini(&out);
}
END_TEST

/* A client that asks and doesn't read, until the endpoint takes no more; then it reads all. */
START_TEST(test_stuck_reader)
{
	static const char one[] = "GET /stats HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char last[] = "GET /healthz HTTP/1.1\r\n" C "\r\n";
	struct buf out = { 0 }, req = { 0 };
	int fd = dial_with(4096);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	unsigned asked = 0, n = 0;
	int large = 1 << 20;
	ssize_t r;

	/* Writable again and again while it reads.  It is stuck when that has ended. */
	while (poll(&pfd, 1, 300) == 1) {
		for (; req.n < 8192; asked++)
			buf_add_str(&req, one);
		if ((r = send(fd, req.p, req.n, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
			buf_drop(&req, (size_t)r);
	}
	ck_assert_uint_gt(asked, 100);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
	buf_add_str(&req, last);
	while (req.n > 0) {
		char chunk[65536];

		if ((r = send(fd, req.p, req.n, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
			buf_drop(&req, (size_t)r);
		if (req.n > 0 && (r = recv(fd, chunk, sizeof chunk, 0)) > 0)
			buf_add(&out, chunk, (size_t)r);
		ck_assert_int_gt(r, 0);
	}
	hear(fd, &out);
	/* A brace at the beginning of a line opens each document. */
	for (size_t i = 1; i < out.n; i++)
		n += out.p[i] == '{' && out.p[i - 1] == '\n';
	ck_assert_uint_eq(n, asked + 1);
	ck_assert_str_eq(out.p + out.n - 16, "{\"status\":\"ok\"}\n");
	buf_fini(&out);
	buf_fini(&req);
}
END_TEST

/* Clients that leave, or stay, in the middle of a body: nothing is lost or answered twice. */
START_TEST(test_half_body)
{
	static const char half[] = "POST /purge HTTP/1.1\r\n" C "Content-Length: 22\r\n\r\n{\"url\":";
	struct linger reset = { 1, 0 };
	struct buf out = { 0 };
	int fd = dial();

	say(fd, half, sizeof half - 1);
	shutdown(fd, SHUT_WR);
	hear(fd, &out);
	ck_assert_int_eq(status_of(&out), 400);

	fd = dial();
	say(fd, half, sizeof half - 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);

	fd = dial();
	say(fd, half, sizeof half - 1);
	ask("GET /healthz HTTP/1.1\r\n" C "\r\n", &out);
	say(fd, "\"http://b.c/d\"}", 15);
	out.n = 0;
	hear(fd, &out);
	ck_assert_str_eq(body_of(&out), "{\"purged\":0}\n");

	/* Left open: teardown cuts it. */
	fd = dial();
	say(fd, half, sizeof half - 1);
	ask("GET /healthz HTTP/1.1\r\n" C "\r\n", &out);
	buf_fini(&out);
}
END_TEST

static void
stop_admin(void *arg)
{
	(void)arg;
	admin_stop(admin);
}

/* Stopped: nobody new, an idle connection closes, a request on its way is answered. */
START_TEST(test_stop)
{
	static const char head[] = "POST /purge HTTP/1.1\r\nHost: a\r\nContent-Length: 22\r\n\r\n";
	struct worker_msg msg = { .fn = stop_admin };
	struct buf out = { 0 };
	int fd = dial(), idle = dial();

	say(fd, head, sizeof head - 1);
	ask("GET /healthz HTTP/1.1\r\n" C "\r\n", &out);
	worker_post(worker, &msg);
	out.n = 0;
	hear(idle, &out);
	ck_assert_uint_eq(out.n, 0);
	say(fd, "{\"url\":\"http://b.c/d\"}", 22);
	hear(fd, &out);
	ck_assert_ptr_nonnull(strstr(out.p, "Connection: close\r\n"));
	ck_assert_str_eq(body_of(&out), "{\"purged\":0}\n");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&bound.sa, bound.len), -1);
	close(fd);
	buf_fini(&out);
}
END_TEST

START_TEST(test_bound_already)
{
	struct conf_addr again = bound, got = { 0 };

	ck_assert_ptr_null(admin_new(worker, &again, &env, &got));
}
END_TEST

static Suite *
admin_suite(void)
{
	Suite *s = suite_create("front/admin");
	TCase *tc = tcase_create("admin");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_request, 0, (int)(sizeof requests / sizeof requests[0]));
	tcase_add_loop_test(tc, test_purge_body, 0, (int)(sizeof purges / sizeof purges[0]));
	tcase_add_test(tc, test_purge_object);
	tcase_add_test(tc, test_purge_all);
	tcase_add_test(tc, test_members);
	tcase_add_test(tc, test_draining);
	tcase_add_test(tc, test_head);
	tcase_add_test(tc, test_body_limit);
	tcase_add_test(tc, test_pipeline);
	tcase_add_test(tc, test_stuck_reader);
	tcase_add_test(tc, test_half_body);
	tcase_add_test(tc, test_stop);
	tcase_add_test(tc, test_bound_already);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(admin_suite)
