/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stampede conformance suite: what a proxy does to a weak backend when many clients come at
 * once, by what the backend itself sees.  For any caching proxy, not only Corral:
 *
 *	stampede --proxy 127.0.0.1:8080 --origin-port 3000 [options]
 *
 *	--name TEXT		what the report calls the proxy
 *	--clients N		of a herd (1000)
 *	--keys N		of the scenarios with many keys (10000)
 *	--limit N		the proxy was told to send the origin no more than N requests at
 *				once under /limited/; unless given, what was seen is only reported
 *	--only NAME[,NAME]	these scenarios, and no others
 *	--list			says which there are
 *	--purge-all COMMAND	makes the proxy forget everything it stored
 *	--admin ADDRESS		the same by Corral's own admin address
 *	--restart COMMAND	ends the proxy and starts it anew; returns when it answers
 *	--no-times		judge by counts only: on a busy machine times are no test
 *	--json FILE, --html FILE	the report
 *	--free-ports N		prints N ports that nobody uses just now, and no more
 *
 * The suite is the origin, on 127.0.0.1 and the port given; the proxy is to forward everything
 * there that comes with `Host: test`, in HTTP/1.1, and to store what may be stored.  It should let
 * at least 400 requests at once through, because the herds of unshareable pages are measured in
 * backend times: except under /limited/, where it may be given a limit for what the origin can
 * take.  Every scenario uses targets that no run has used before, so a proxy need not be empty.  A
 * proxy that shares private answers, or serves what is over without leave, fails as one does that
 * asks the origin too often.
 *
 * Exit status: 0, all that ran passed; 1, something failed; 2, the suite could not be run.
 * A scenario whose hook is missing is skipped, says so, and counts for nothing.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/lib/test.h"
#include "tests/stampede/report.h"
#include "tests/stampede/stampede.h"

#define CLIENTS		1000
#define KEYS		10000
#define CLIENTS_MOST	20000
#define KEYS_MOST	1000000
#define WAY_PATIENCE	(10000 * MS)
#define WAY_AGAIN	(100 * MS)
#define SPARE_FILES	256		/* beside two for each client: its own and the proxy's */
/* Below the ports that Linux gives to whoever asks for any. */
#define PORTS_FIRST	10000
#define PORTS_LAST	32000

struct options {
	struct run	 run;
	unsigned	 origin_port, free_ports;
	const char	*only, *json, *html;
	bool		 list;
};

static void	give_up(const char *message) __attribute__((noreturn));

/* What makes a run worthless: no port, no memory, no files. */
static void
give_up(const char *message)
{
	fflush(stdout);
	fprintf(stderr, "stampede: %s\n", message);
	_exit(2);
}

static void	usage(const char *what, const char *value) __attribute__((noreturn));

static void
usage(const char *what, const char *value)
{
	fprintf(stderr, "stampede: %s%s%s\n", what, value != NULL ? ": " : "",
	    value != NULL ? value : "");
	fprintf(stderr, "usage: stampede --proxy ADDRESS --origin-port PORT [--name TEXT] "
	    "[--clients N] [--keys N]\n"
	    "	[--limit N] [--only NAME[,NAME]] [--purge-all COMMAND | --admin ADDRESS]\n"
	    "	[--restart COMMAND] [--no-times] [--json FILE] [--html FILE]\n"
	    "       stampede --list | --free-ports N\n");
	exit(2);
}

static unsigned
number(const char *option, const char *text, unsigned long least, unsigned long most)
{
	char *stop;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &stop, 10);
	if (errno != 0 || stop == text || *stop != '\0' || text[0] == '-' || n < least || n > most)
		usage(option, text);
	return (unsigned)n;
}

/* "127.0.0.1:8080" */
static const char *
address(const char *option, const char *text)
{
	const char *colon = strrchr(text, ':');
	struct in_addr in;
	char host[64];

	if (colon == NULL || (size_t)(colon - text) >= sizeof host)
		usage(option, text);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (inet_pton(AF_INET, host, &in) != 1)
		usage(option, text);
	number(option, colon + 1, 1, 65535);
	return text;
}

enum which {
	PROXY = 256,
	ORIGIN_PORT,
	NAME,
	CLIENTS_N,
	KEYS_N,
	LIMIT,
	ONLY,
	LIST,
	PURGE,
	ADMIN,
	RESTART_BY,
	NO_TIMES,
	JSON,
	HTML,
	FREE_PORTS,
};

static const struct option words[] = {
	{ "proxy", required_argument, NULL, PROXY },
	{ "origin-port", required_argument, NULL, ORIGIN_PORT },
	{ "name", required_argument, NULL, NAME },
	{ "clients", required_argument, NULL, CLIENTS_N },
	{ "keys", required_argument, NULL, KEYS_N },
	{ "limit", required_argument, NULL, LIMIT },
	{ "only", required_argument, NULL, ONLY },
	{ "list", no_argument, NULL, LIST },
	{ "purge-all", required_argument, NULL, PURGE },
	{ "admin", required_argument, NULL, ADMIN },
	{ "restart", required_argument, NULL, RESTART_BY },
	{ "no-times", no_argument, NULL, NO_TIMES },
	{ "json", required_argument, NULL, JSON },
	{ "html", required_argument, NULL, HTML },
	{ "free-ports", required_argument, NULL, FREE_PORTS },
	{ NULL, 0, NULL, 0 },
};

static void
take_option(struct options *o, int which)
{
	switch (which) {
	case PROXY:
		o->run.proxy = address("--proxy", optarg);
		break;
	case ORIGIN_PORT:
		o->origin_port = number("--origin-port", optarg, 1, 65535);
		break;
	case NAME:
		o->run.name = optarg;
		break;
	case CLIENTS_N:
		o->run.clients = number("--clients", optarg, 2, CLIENTS_MOST);
		break;
	case KEYS_N:
		o->run.keys = number("--keys", optarg, 1, KEYS_MOST);
		break;
	case LIMIT:
		o->run.limit = number("--limit", optarg, 1, 1000000);
		break;
	case ONLY:
		o->only = optarg;
		break;
	case LIST:
		o->list = true;
		break;
	case PURGE:
		o->run.purge_all = optarg;
		break;
	case ADMIN:
		o->run.admin = address("--admin", optarg);
		break;
	case RESTART_BY:
		o->run.restart = optarg;
		break;
	case NO_TIMES:
		o->run.times = false;
		break;
	case JSON:
		o->json = optarg;
		break;
	case HTML:
		o->html = optarg;
		break;
	case FREE_PORTS:
		o->free_ports = number("--free-ports", optarg, 1, 100);
		break;
	default:
		usage("no such option", NULL);
	}
}

/* Whether the name is one of those between commas. */
static bool
named(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p != NULL; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

static void
check_only(const char *list)
{
	char *copy = test_text(list), *rest = copy, *word;

	while ((word = strsep(&rest, ",")) != NULL) {
		bool found = false;

		for (size_t i = 0; scenarios[i] != NULL; i++)
			found = found || strcmp(scenarios[i]->name, word) == 0;
		if (!found)
			usage("no such scenario", word);
	}
	free(copy);
}

static void
list_scenarios(void)
{
	for (size_t i = 0; scenarios[i] != NULL; i++)
		printf("%-14s %s\n", scenarios[i]->name, scenarios[i]->sentence);
}

static bool
port_free(unsigned port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static void
print_free_ports(unsigned n)
{
	unsigned span = PORTS_LAST - PORTS_FIRST;
	unsigned port = PORTS_FIRST + (unsigned)(test_now() / 7 + getpid() * 61) % span;

	for (unsigned tried = 0; n > 0 && tried < span; tried++) {
		port = port == PORTS_LAST ? PORTS_FIRST : port + 1;
		if (!port_free(port))
			continue;
		printf("%u\n", port);
		n--;
	}
	if (n > 0)
		test_fail("there are no free ports");
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
percentiles(struct result *res)
{
	if (res->firsts == 0)
		return;
	qsort(res->first, res->firsts, sizeof *res->first, by_value);
	res->p50 = res->first[res->firsts / 2];
	res->p99 = res->first[res->firsts * 99 / 100];
	res->max = res->first[res->firsts - 1];
	free(res->first);
	res->first = NULL;
}

/* Why it can't be run; NULL: it can. */
static const char *
missing(const struct run *r, const struct scenario *s)
{
	switch (s->needs) {
	case NOTHING:
		return NULL;
	case A_PURGE:
		return r->purge_all != NULL || r->admin != NULL ? NULL :
		    "there is no --purge-all, and no --admin";
	case A_RESTART:
		return r->restart != NULL ? NULL : "there is no --restart";
	}
	return NULL;
}

static void
run_one(struct run *r, struct line *line)
{
	const struct scenario *s = line->scenario;
	struct result *res = &line->result;
	const char *why = missing(r, s);
	int64_t began = test_now();
	char fault[256];

	if (why != NULL) {
		res->verdict = SKIPPED;
		snprintf(res->words, sizeof res->words, "%s", why);
		return;
	}
	snprintf(r->prefix, sizeof r->prefix, "%s%s/%s/", s->root, r->nonce, s->name);
	r->watch = origin_watch(r->origin, r->prefix);
	s->run(r, res);
	run_requests(r, res);
	if (origin_take_fault(r->origin, fault, sizeof fault)) {
		for (char *p = fault; *p != '\0'; p++)
			if (*p < ' ' || *p > '~')
				*p = ' ';	/* it came from the proxy as it is */
		result_fail(res, "the origin was sent %s", fault);
	}
	percentiles(res);
	res->took = test_now() - began;
}

/* Whether what the proxy is asked for comes to the origin at all; it may need a moment for that. */
static void
check_way(struct run *r, const char *root)
{
	int64_t deadline = test_now() + WAY_PATIENCE;
	struct load *l = load_open(r->proxy, 1);
	char target[PATH_SIZE];
	const struct reply *rep;

	snprintf(target, sizeof target, "%s%s/way", root, r->nonce);
	origin_answer(r->origin, .path = target, .text = "yes\n",
	    .fields = "Cache-Control: no-store\r\n");
	for (;;) {
		load_ask(l, 0, 0, "GET", target, "");
		load_finish(l, deadline);
		rep = load_reply(l, load_replies(l) - 1);
		if (rep->complete && rep->status == 200 && origin_requests(r->origin, target) > 0)
			break;
		if (test_now() >= deadline)
			test_fail("the proxy at %s does not forward %s to the origin at %s: %s, "
			    "status %d", r->proxy, target, origin_url(r->origin),
			    rep->fault != NULL ? rep->fault : "an answer", rep->status);
		load_pause(l, test_now() + WAY_AGAIN);
	}
	load_free(l);
}

static int
run_all(struct options *o)
{
	struct run *r = &o->run;
	struct line *lines = NULL;
	struct score score;
	size_t n = 0;

	report_begin(stdout, r);
	for (size_t i = 0; scenarios[i] != NULL; i++) {
		if (o->only != NULL && !named(o->only, scenarios[i]->name))
			continue;
		lines = test_grow(lines, (n + 1) * sizeof *lines);
		lines[n] = (struct line){ .scenario = scenarios[i] };
		run_one(r, &lines[n]);
		report_line(stdout, &lines[n++]);
	}
	report_end(stdout, r, lines, n);
	score = report_score(lines, n);
	if (o->json != NULL && !report_json(o->json, r, lines, n))
		test_fail("%s: %s", o->json, strerror(errno));
	if (o->html != NULL && !report_html(o->html, r, lines, n))
		test_fail("%s: %s", o->html, strerror(errno));
	free(lines);
	return score.failed > 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct options o = { .run = { .clients = CLIENTS, .keys = KEYS, .times = true } };
	int which, status;

	test_failed = give_up;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	while ((which = getopt_long(argc, argv, "", words, NULL)) != -1)
		take_option(&o, which);
	if (optind < argc)
		usage("what is this", argv[optind]);
	if (o.only != NULL)
		check_only(o.only);
	if (o.list || o.free_ports > 0) {
		if (o.list)
			list_scenarios();
		else
			print_free_ports(o.free_ports);
		return 0;
	}
	if (o.run.proxy == NULL || o.origin_port == 0)
		usage("--proxy and --origin-port are needed", NULL);
	if (test_raise_files() < 2 * o.run.clients + SPARE_FILES)
		test_fail("the system's limit of open files is too low for %u clients",
		    o.run.clients);
	snprintf(o.run.nonce, sizeof o.run.nonce, "%llx", (unsigned long long)time(NULL) << 20 |
	    (unsigned long long)(test_now() & 0xfffff));
	o.run.origin = origin_start_at(o.origin_port);
	check_way(&o.run, "/open/");
	check_way(&o.run, "/limited/");
	status = run_all(&o);
	origin_stop(o.run.origin);
	return status;
}
