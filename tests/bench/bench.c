/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `make bench`: figures of the built program, no verdicts.  This process is the backend (one
 * thread, which sleeps most of the time) and the clients (one epoll thread); Corral, and nginx for
 * comparison, are processes of their own.  overload has a backend of its own.
 *
 *	bench [herd | unshareable | dribble | slow | hits | overload]...	without words: all
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/bench/overload.h"
#include "tests/lib/client.h"
#include "tests/lib/daemon.h"
#include "tests/lib/herd.h"
#include "tests/lib/origin.h"
#include "tests/lib/test.h"

#define MIB		(UINT64_C(1) << 20)
#define NGINX		"/usr/sbin/nginx"
#define ROUNDS		3
#define PAGE		10000
#define STORE		"Cache-Control: max-age=3600\r\n"

static double
ms(int64_t usec)
{
	return (double)usec / 1000;
}

/* nginx, with a cache and its lock: what others use against stampedes. */

struct nginx {
	pid_t	 pid;
	char	 dir[64];
	char	 addr[32];
};

static const char nginx_conf[] =
    "daemon off; master_process on; worker_processes %u; worker_rlimit_nofile 20000;\n"
    "pid nginx.pid; error_log error.log;\n"
    "events { worker_connections 8000; }\n"
    "http {\n"
    "  access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n"
    "  uwsgi_temp_path u; scgi_temp_path s; keepalive_requests 1000000;\n"
    "  proxy_cache_path cache keys_zone=z:10m; proxy_cache z; proxy_cache_lock on;\n"
    "  proxy_cache_lock_timeout 30s; proxy_cache_lock_age 30s; proxy_http_version 1.1;\n"
    "  proxy_set_header Connection \"\";\n"
    "  upstream o { server 127.0.0.1:%u; keepalive 64; }\n"
    "  server { listen %s reuseport backlog=4096; location / { proxy_pass http://o; } }\n"
    "}\n";

/* A port that is free now; nobody else takes one on a machine that is quiet enough for figures. */
static unsigned
free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		test_fail("bind: %s", strerror(errno));
	close(fd);
	return ntohs(sin.sin_port);
}

static bool
nginx_start(struct nginx *n, const struct origin *o, unsigned workers)
{
	char path[96];
	FILE *f;

	*n = (struct nginx){ .dir = "/tmp/corral-bench-XXXXXX" };
	if (access(NGINX, X_OK) != 0 || mkdtemp(n->dir) == NULL)
		return false;
	chmod(n->dir, 0755);
	snprintf(n->addr, sizeof n->addr, "127.0.0.1:%u", free_port());
	snprintf(path, sizeof path, "%s/nginx.conf", n->dir);
	f = fopen(path, "w");
	if (f == NULL)
		return false;
	fprintf(f, nginx_conf, workers, origin_port(o), n->addr);
	fclose(f);
	n->pid = fork();
	if (n->pid == 0) {
		execl(NGINX, "nginx", "-p", n->dir, "-c", "nginx.conf", "-e", "error.log",
		    (char *)NULL);
		_exit(127);
	}
	for (int64_t deadline = test_deadline(); test_left(deadline) > 0;) {
		int fd = test_connect(n->addr, false);

		if (fd >= 0) {
			close(fd);
			return true;
		}
		poll(NULL, 0, 20);
	}
	return false;
}

static void
nginx_stop(struct nginx *n)
{
	char command[128];

	if (n->pid > 0) {
		kill(n->pid, SIGTERM);
		waitpid(n->pid, NULL, 0);
	}
	snprintf(command, sizeof command, "rm -rf '%s'", n->dir);
	if (system(command) != 0)
		fprintf(stderr, "bench: %s is left over\n", n->dir);
}

/* A cold page of a backend that takes 500 ms. */

static void
cold_herd(const char *who, const char *addr, struct origin *o, unsigned n)
{
	static unsigned page;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct herd *h = herd_open(addr, n);
		char path[32];

		snprintf(path, sizeof path, "/cold%u", page++);
		herd_ask(h, path, "");
		herd_wait(h);
		printf("%-8s %5u %9u %7u %10.1f %10.1f %12.1f\n", who, n, origin_requests(o, path),
		    n - herd_count_body(h, PAGE, test_body_sum(PAGE)), ms(herd_took(h, 500)),
		    ms(herd_took(h, 990)), ms(herd_took(h, 1000)) - 500);
		fflush(stdout);
		herd_free(h);
	}
}

static void
bench_herd(void)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\n", origin_url(o));
	struct nginx n;

	origin_answer(o, .path = "/*", .bytes = PAGE, .delay_ms = 500, .fields = STORE);
	printf("\nHerd: a cold page of %u bytes, 500 ms at the backend, 4 workers\n", PAGE);
	printf("%-8s %5s %9s %7s %10s %10s %12s\n", "", "herd", "upstream", "errors", "p50 ms",
	    "p99 ms", "slowest+ ms");
	cold_herd("corral", daemon_addr(d), o, 1000);
	cold_herd("corral", daemon_addr(d), o, 5000);
	daemon_stop(d);
	if (nginx_start(&n, o, 4)) {
		cold_herd("nginx", n.addr, o, 1000);
		cold_herd("nginx", n.addr, o, 5000);
		nginx_stop(&n);
	} else {
		printf("nginx: skipped, there is no " NGINX " that starts\n");
	}
	origin_stop(o);
}

static void
bench_unshareable(void)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("workers: 4\nupstreams:\n  default:\n    servers: [ %s ]\n"
	    "    max_connections: 400\n", origin_url(o));
	struct herd *h = herd_open(daemon_addr(d), 200);

	origin_answer(o, .path = "/mine", .bytes = PAGE, .delay_ms = 300,
	    .fields = "Cache-Control: private\r\n");
	printf("\nUnshareable: 200 clients, 300 ms at the backend, max_connections 400\n");
	printf("%-8s %9s %7s %12s %14s\n", "burst", "upstream", "errors", "slowest ms",
	    "backend times");
	for (unsigned burst = 1; burst <= 3; burst++) {
		unsigned before = origin_requests(o, NULL);

		herd_ask(h, "/mine", "");
		herd_wait(h);
		printf("%-8u %9u %7u %12.1f %14.2f\n", burst, origin_requests(o, NULL) - before,
		    200 - herd_count(h, 200), ms(herd_took(h, 1000)), ms(herd_took(h, 1000)) / 300);
	}
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

static void
bench_dribble(void)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 4\n", origin_url(o));
	struct herd *h;
	uint64_t before;
	int64_t latest = 0, sum = 0;

	/* One of everything first, so that only the body's memory is seen. */
	origin_answer(o, .path = "/warm", .bytes = PAGE, .delay_ms = 100);
	h = herd_start(daemon_addr(d), 50, "/warm");
	herd_wait(h);
	before = daemon_memory(d);
	origin_answer(o, .path = "/dribble", .bytes = MIB, .piece = MIB / 32, .piece_ms = 94,
	    .fields = STORE);
	herd_ask(h, "/dribble", "");
	herd_wait_bytes(h, MIB / 32 * 31);
	printf("\nDribble: 1 MiB over 3 s to 50 parked clients\n");
	printf("memory grew by %.2f bodies; ", (double)daemon_grown(d, before) / (double)MIB);
	herd_wait(h);
	for (unsigned i = 0; i < 50; i++) {
		int64_t late = herd_answer(h, i)->first_body - origin_first_sent(o, "/dribble");

		latest = late > latest ? late : latest;
		sum += late;
	}
	printf("first byte after the backend's: mean %.2f ms, latest %.2f ms; whole: %u of 50, "
	    "upstream %u\n", ms(sum / 50), ms(latest), herd_count_body(h, MIB, test_body_sum(MIB)),
	    origin_requests(o, "/dribble"));
	herd_free(h);
	daemon_stop(d);
	origin_stop(o);
}

/* Hits a second by one thread of our own: 64 clients, one request each, all again. */
static double
own_load(const char *addr, int64_t usec)
{
	struct herd *h = herd_open(addr, 64);
	int64_t began = test_now();
	unsigned n = 0;

	do {
		herd_ask(h, "/hit", "");
		herd_wait(h);
		n += herd_count(h, 200);
	} while (test_now() - began < usec);
	herd_free(h);
	return (double)n * 1e6 / (double)(test_now() - began);
}

static void
bench_slow(void)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", origin_url(o));
	struct client *slow[20];
	double alone, beside;
	uint64_t before;

	origin_answer(
	    o, .path = "/big", .bytes = 100 * MIB, .fields = "Cache-Control: no-store\r\n");
	origin_answer(o, .path = "/hit", .bytes = 1000, .fields = STORE);
	alone = own_load(daemon_addr(d), 1000000);
	before = daemon_memory(d);
	for (unsigned i = 0; i < 20; i++) {
		slow[i] = client_open_small(daemon_addr(d), 4096);
		client_ask(slow[i], "/big", "");
		client_read(slow[i], 1);
	}
	beside = own_load(daemon_addr(d), 1000000);
	printf("\nSlow readers: 20 of a 100 MiB body that may not be stored\n");
	printf("memory for each: %.0f KiB; others meanwhile %.0f hits/s (before: %.0f)\n",
	    (double)daemon_grown(d, before) / 20 / 1024, beside, alone);
	for (unsigned i = 0; i < 20; i++)
		client_reset(slow[i]);
	daemon_stop(d);
	origin_stop(o);
}

static void
hits(const char *who, const char *addr)
{
	char command[160], line[256];
	bool said = false;
	FILE *p;

	snprintf(command, sizeof command,
	    "wrk -t1 -c64 -d3s -H 'Host: test' http://%s/hit 2>/dev/null", addr);
	if (client_status(addr, "/hit", "") != 200)
		printf("%-8s does not answer\n", who);
	p = popen(command, "r");
	while (p != NULL && fgets(line, sizeof line, p) != NULL) {
		double rate;

		if (sscanf(line, "Requests/sec: %lf", &rate) == 1) {
			printf("%-8s %10.0f hits/s (wrk, 64 connections, 3 s)\n", who, rate);
			said = true;
		} else if (strstr(line, "Non-2xx") != NULL ||
		    strstr(line, "Socket errors") != NULL) {
			printf("%-8s %s", who, line);
		}
	}
	if (p != NULL)
		pclose(p);
	if (!said)
		printf("%-8s %10.0f hits/s (own load of 64 connections; no wrk here)\n", who,
		    own_load(addr, 3000000));
}

static void
bench_hits(void)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start("upstream: %s\nworkers: 1\n", origin_url(o));
	struct nginx n;

	origin_answer(o, .path = "/hit", .bytes = 1024, .fields = STORE);
	printf("\nHits of 1 KiB, keep-alive; one worker each\n");
	hits("corral", daemon_addr(d));
	daemon_stop(d);
	if (nginx_start(&n, o, 1)) {
		hits("nginx", n.addr);
		nginx_stop(&n);
	} else {
		printf("nginx: skipped, there is no " NGINX " that starts\n");
	}
	origin_stop(o);
}

static const struct {
	const char	*name;
	void		(*run)(void);
} benches[] = {
	{ "herd", bench_herd },
	{ "unshareable", bench_unshareable },
	{ "dribble", bench_dribble },
	{ "slow", bench_slow },
	{ "hits", bench_hits },
	{ "overload", bench_overload },
};

int
main(int argc, char **argv)
{
	bool any = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
		bool wanted = argc == 1;

		for (int k = 1; k < argc; k++)
			wanted = wanted || strcmp(argv[k], benches[i].name) == 0;
		if (wanted)
			benches[i].run();
		any = any || wanted;
	}
	if (!any) {
		fprintf(stderr, "usage: bench [herd | unshareable | dribble | slow | hits | "
		    "overload]...\n");
		return 2;
	}
	return 0;
}
