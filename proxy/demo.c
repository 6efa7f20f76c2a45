/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration, in one process and four kinds of threads:
 *
 *	script (own thread): bursts of clients ──> Corral (its workers) ──> backend (a worker)
 *	main thread: Corral's control loop, until the script is done or a signal comes
 *
 * This file is the script and its table; demo_backend.c counts what reaches the backend, and
 * demo_clients.c measures what the clients see.  The table's figures are those two, nothing that
 * Corral says of itself; what Corral counted comes below it and has to agree.
 *
 * Each burst has a page of its own, so one doesn't warm another's.  The pages that are to be found
 * expired are asked for at the very beginning and expire while the cold pages have their turn.
 *
 * The one thread that touches a burst is the script's.  Everything waits for events, but for a
 * breath between two bursts, and nothing longer than the script's deadline.
 */
#include "demo.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/contract.h"
#include "base/log.h"
#include "base/slice.h"
#include "demo_backend.h"
#include "demo_clients.h"
#include "proxy.h"

#define BREATH		(100 * USEC_PER_MSEC)	/* between bursts; see play() */
#define SCRIPT_TIME	(27 * USEC_PER_SEC)
#define LAST_RESORT_S	29		/* then SIGALRM ends it, whatever hangs */
#define CROWD		1000
#define SPARE_FILES	256		/* beside the clients': backend, listeners, loops */

static double
seconds(usec_t t)
{
	return (double)t / (double)USEC_PER_SEC;
}

/* --- the script --- */

/* On demo_run()'s stack.  Set up before the script's thread starts, and its own until `done`. */
struct demo {
	struct demo_backend	*backend;
	struct proxy		*proxy;
	struct sockaddr_in	 front, admin;
	bool			 keep;
	bool			 tty;		/* progress goes to standard error */
	unsigned		 crowd;		/* the largest burst */
	usec_t			 deadline;
	const char		*doing;		/* for progress */
	usec_t			 shown;		/* when progress was last */
	unsigned		 sent;		/* requests to Corral, by all bursts */
	unsigned		 beforehand;	/* those of them that are in no row of the table */
	struct buf		 faults;	/* every expectation that did not hold */
	_Atomic int		 done;		/* the script has said all it had to say */
};

/* A row of the table. */
struct scene {
	const char	*name;
	const char	*page;		/* its path, and a query of its own */
	unsigned	 n;
	unsigned	 fetches;	/* expected at the backend */
	const char	*mark;		/* of the note that explains the row, or "" */
};

static void
show_progress(void *arg, const struct demo_burst *b)
{
	struct demo *d = arg;

	usec_t now = clock_mono();

	if (!d->tty || now - d->shown < DEMO_PROGRESS_EVERY)
		return;
	d->shown = now;
	fprintf(stderr, "\r\033[K%s: %u of %u clients answered", d->doing, b->answered, b->n);
}

static void
clear_progress(const struct demo *d)
{
	if (d->tty && d->shown != 0)
		fputs("\r\033[K", stderr);
}

static void
fault(struct demo *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
fault(struct demo *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&d->faults, fmt, ap);
	va_end(ap);
	buf_add_str(&d->faults, "\n");
}

/* Runs *b, whose targets and n are set, against Corral, or where else b->to says. */
static void
run_burst(struct demo *d, struct demo_burst *b, const char *doing)
{
	if (b->to == NULL) {
		b->to = &d->front;
		d->sent += b->n;
	}
	b->host = proxy_listening(d->proxy, 0);
	b->deadline = d->deadline;
	b->progress = show_progress;
	b->arg = d;
	d->doing = doing;
	d->shown = 0;
	demo_burst_run(b);
	clear_progress(d);
}

/* What n clients would wait at a backend that makes DEMO_BACKEND_SLOTS pages at a time. */
static usec_t
without_corral(unsigned n)
{
	return (usec_t)((n + DEMO_BACKEND_SLOTS - 1) / DEMO_BACKEND_SLOTS) * DEMO_PAGE_TIME;
}

static void
print_intro(void)
{
	printf("When many ask for the same page at the same moment, a backend makes it again for\n"
	    "each of them. Corral, in front of the backend, asks for it once and gives all of\n"
	    "them that one answer: it coalesces their requests.\n\n"
	    "The backend here takes %.1f s for a page and makes %d at a time; more have to wait\n"
	    "in line. Each row is a burst: so many clients, each on a connection of its own,\n"
	    "ask for one page at once.\n\n", seconds(DEMO_PAGE_TIME), DEMO_BACKEND_SLOTS);
}

static void
print_header(void)
{
	printf("%-30s %s   %s\n", "", "---- through Corral ----", "without Corral *");
	printf("%-22s%8s%9s%9s%7s%11s%8s\n", "", "", "backend", "slowest", "", "backend",
	    "slowest");
	printf("%-22s%8s%9s%9s%7s%11s%8s\n", "page", "clients", "requests", "client", "errors",
	    "requests", "client");
	fflush(stdout);
}

/*
 * One row.  Takes a breath before it: Corral is still closing the connections of the burst before,
 * and the time for that, tens of milliseconds after a thousand, is not this burst's.
 */
static void
play(struct demo *d, const struct scene *s)
{
	unsigned before = demo_backend_fetches(d->backend), fetches;
	struct demo_burst b = { .targets = &s->page, .ntargets = 1, .n = s->n };

	usleep(BREATH);
	run_burst(d, &b, s->name);
	fetches = demo_backend_fetches(d->backend) - before;
	printf("%-22s%8u%9u%7.3f s%7u%11u%6.1f s%s\n", s->name, s->n, fetches, seconds(b.slowest),
	    b.errors, s->n, seconds(without_corral(s->n)), s->mark);
	fflush(stdout);
	if (b.errors > 0)
		fault(d, "%s, burst of %u: %u errors, the first: %s", s->name, s->n, b.errors,
		    buf_str(&b.fault));
	if (fetches != s->fetches)
		fault(d, "%s, burst of %u: %u fetches reached the backend instead of %u", s->name,
		    s->n, fetches, s->fetches);
	demo_burst_fini(&b);
}

static const char *const expiring[] = { "/expired?1", "/expired?2", "/expired?3" };

/* The pages that are to be found expired: fetched, and then seen to be in the store. */
static void
store_expiring(struct demo *d)
{
	for (unsigned i = 0; i < 2; i++) {
		struct demo_burst b = { .targets = expiring, .ntargets = 3, .n = 3 };

		run_burst(d, &b, "storing the pages that will expire");
		if (b.errors > 0)
			fault(d, "storing pages: %s", buf_str(&b.fault));
		if (b.hits != i * b.n)
			fault(d, "storing pages: asked for %s, %u of %u came from the store",
			    i == 0 ? "once" : "again", b.hits, b.n);
		demo_burst_fini(&b);
	}
	d->beforehand = d->sent;
}

static void
print_note(void)
{
	printf("\n[1] %.1f s more than without Corral. Only the backend's answer can say that a\n"
	    "    page may not be shared (a shopping basket, say): the first burst waits for\n"
	    "    one answer to find that out, and then each client gets a page of its own.\n"
	    "    Corral remembers it, so the next burst (\"the same once more\") does not wait.\n",
	    seconds(DEMO_PAGE_TIME));
}

/* What the table says of `without Corral`, put to the test. */
static void
measure_direct(struct demo *d, unsigned n)
{
	const char *page = "/direct";
	struct demo_burst b = { .to = demo_backend_address(d->backend), .targets = &page,
	    .ntargets = 1, .n = n };

	run_burst(d, &b, "straight at the backend");
	if (b.errors > 0)
		fault(d, "straight at the backend: %u errors, the first: %s", b.errors,
		    buf_str(&b.fault));
	printf("\n*   Computed: %u pages, %d at a time, %.1f s each, take the backend %.1f s.\n"
	    "    Tried just now, %u clients without Corral: the slowest waited %.3f s.\n", n,
	    DEMO_BACKEND_SLOTS, seconds(DEMO_PAGE_TIME), seconds(without_corral(n)), n,
	    seconds(b.slowest));
	demo_burst_fini(&b);
}

/*
 * The bursts.  The expiring pages live DEMO_SHORT_LIFE; the three cold bursts behind them take a
 * DEMO_PAGE_TIME each, which is longer, so nobody has to wait for the expiry.
 */
static void
play_all(struct demo *d)
{
	const unsigned some = d->crowd < 100 ? d->crowd : 100, crowd = d->crowd;
	const char *late = some > 1 ? " [1]" : "";
	const struct scene scenes[] = {
		{ "cold: never asked for",	"/cold?1",	1,	1,	"" },
		{ "cold",			"/cold?2",	some,	1,	"" },
		{ "cold",			"/cold?3",	crowd,	1,	"" },
		{ "the same, now stored",	"/cold?3",	crowd,	0,	"" },
		{ "stored, but expired",	expiring[0],	1,	1,	"" },
		{ "stored, but expired",	expiring[1],	some,	1,	"" },
		{ "stored, but expired",	expiring[2],	crowd,	1,	"" },
		{ "may not be shared",		"/private?1",	1,	1,	"" },
		{ "may not be shared",		"/private?2",	some,	some,	late },
		{ "the same once more",		"/private?2",	some,	some,	"" },
		{ "may not be shared",		"/private?3",	crowd,	crowd,	late },
	};

	_Static_assert(3 * DEMO_PAGE_TIME > DEMO_SHORT_LIFE, "the pages have expired by then");
	print_header();
	store_expiring(d);
	for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
		play(d, &scenes[i]);
		if (clock_mono() >= d->deadline) {
			fault(d, "stopped after %.0f s, before its end", seconds(SCRIPT_TIME));
			return;
		}
	}
	if (some > 1)
		print_note();
	measure_direct(d, some);
}

static json_t *
ask_stats(struct demo *d)
{
	const char *page = "/stats";
	struct demo_burst b = { .to = &d->admin, .targets = &page, .ntargets = 1, .n = 1 };
	json_t *doc;

	run_burst(d, &b, "asking for the statistics");
	doc = json_loadb(b.page.n > 0 ? b.page.p : "", b.page.n, 0, NULL);
	if (doc == NULL)
		fault(d, "GET /stats: %s", b.errors > 0 ? buf_str(&b.fault) : "not JSON");
	demo_burst_fini(&b);
	return doc;
}

static long long
figure(json_t *doc, const char *name)
{
	return json_integer_value(json_object_get(doc, name));
}

static void
print_counts(const struct demo *d, json_t *doc)
{
	printf("\nWhat Corral itself counted (GET /stats):\n\n"
	    "%7lld requests, %u of them before the table, for the pages to expire\n"
	    "%7lld   hit: answered from the store\n"
	    "%7lld   miss: made Corral ask the backend\n"
	    "%7lld   coalesced: shared the answer to somebody else's miss\n"
	    "%7lld   pass: asked the backend for a page of its own, not to be shared\n"
	    "%7lld   stale, shed (turned away) or error\n"
	    "%7lld requests to the backend; %.0f s of its time saved by hit and coalesced\n",
	    figure(doc, "requests"), d->beforehand, figure(doc, "hit"), figure(doc, "miss"),
	    figure(doc, "coalesced"), figure(doc, "pass"),
	    figure(doc, "stale") + figure(doc, "shed") + figure(doc, "error"),
	    figure(doc, "upstream_fetches"), (double)figure(doc, "saved_ms") / 1000);
}

/* A worker counts a request when its answer has left, so the last ones may be a moment late. */
static void
print_stats(struct demo *d)
{
	usec_t until = clock_mono() + USEC_PER_SEC;
	json_t *doc = ask_stats(d);

	while (doc != NULL && figure(doc, "requests") < d->sent && clock_mono() < until) {
		json_decref(doc);
		doc = ask_stats(d);
	}
	if (doc == NULL)
		return;
	print_counts(d, doc);
	if (figure(doc, "requests") != d->sent)
		fault(d, "GET /stats: %lld requests, but %u were sent", figure(doc, "requests"),
		    d->sent);
	json_decref(doc);
}

static void
print_verdict(struct demo *d)
{
	if (d->faults.n > 0) {
		fflush(stdout);
		fprintf(stderr, "\ncorral demo: not as it should be:\n%s", buf_str(&d->faults));
		return;
	}
	printf("\nEach burst for a page that may be shared cost the backend one request (none,\n"
	    "when it was stored), and no client got an error.\n\n"
	    "Next: put these two lines into proxy.yaml, with your own backend's address, and\n"
	    "run `corral`:\n\n    listen: 127.0.0.1:8080\n    upstream: http://127.0.0.1:3000\n");
}

static void
print_keep(struct demo *d)
{
	const char *front = proxy_listening(d->proxy, 0);
	const char *admin = proxy_admin_address(d->proxy);

	printf("\nCorral goes on running, until Ctrl-C. To try by hand (any query makes a new "
	    "page):\n\n"
	    "    curl -i 'http://%s/cold?mine'        %.1f s, then from the store for 60 s\n"
	    "    curl -i 'http://%s/expired?mine'     lives 1 s\n"
	    "    curl -i 'http://%s/private?mine'     may not be shared\n"
	    "    curl http://%s/stats\n"
	    "    curl -d '{\"url\":\"http://%s/cold?mine\"}' http://%s/purge\n"
	    "    curl -i 'http://127.0.0.1:%u/cold?mine'        the backend itself\n",
	    front, seconds(DEMO_PAGE_TIME), front, front, admin, front, admin,
	    ntohs(demo_backend_address(d->backend)->sin_port));
}

static void *
script(void *arg)
{
	struct demo *d = arg;

	print_intro();
	if (d->crowd < CROWD)
		printf("The limit of open files (ulimit -n) allows only %u clients at once here, "
		    "not %d.\n\n", d->crowd, CROWD);
	play_all(d);
	if (clock_mono() < d->deadline)
		print_stats(d);
	print_verdict(d);
	if (d->keep)
		print_keep(d);
	fflush(stdout);
	atomic_store(&d->done, 1);
	if (d->keep)
		alarm(0);
	else
		proxy_drain(d->proxy);
	return NULL;
}

/* --- putting it together --- */

/* Raises the limit of open files; how many clients at once it allows.  Each has two ends. */
static unsigned
allowed_crowd(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return 1;
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur <= SPARE_FILES + 2)
		return 1;
	if (rl.rlim_cur >= SPARE_FILES + 2 * CROWD)
		return CROWD;
	return (unsigned)(rl.rlim_cur - SPARE_FILES) / 2;
}

static int
failed(const char *what, const char *why)
{
	fprintf(stderr, "corral demo: %s: %s\n", what, why);
	return -1;
}

static int
make_proxy(struct demo *d)
{
	char upstream[64];
	struct conf_options opt = { .upstream = upstream, .listen = "127.0.0.1:0",
	    .admin = "127.0.0.1:0" };
	struct buf why = { 0 };
	struct conf *conf;

	snprintf(upstream, sizeof upstream, "http://127.0.0.1:%u",
	    ntohs(demo_backend_address(d->backend)->sin_port));
	if ((conf = conf_load(&opt, &why)) != NULL) {
		d->proxy = proxy_new(conf, &why);
		conf_unref(conf);
	}
	if (d->proxy == NULL)
		failed("cannot start Corral", buf_str(&why));
	buf_fini(&why);
	return d->proxy == NULL ? -1 : 0;
}

static void
parse_address(const char *text, struct sockaddr_in *sa)
{
	int len = sizeof *sa;

	ASSERT(evutil_parse_sockaddr_port(text, (struct sockaddr *)sa, &len) == 0);
}

/* In the middle of the script a signal ends the process; afterwards (--keep) Corral is drained. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct demo *d = arg;

	(void)what;
	if (atomic_exchange(&d->done, 2) == 1) {
		proxy_drain(d->proxy);
		return;
	}
	signal((int)sig, SIG_DFL);
	raise((int)sig);
}

/* Runs script and control loop until both have ended. */
static int
run_both(struct demo *d)
{
	sigset_t all, old;
	pthread_t thread;
	int error;

	if (proxy_start(d->proxy) == -1)
		return failed("cannot start Corral's threads", strerror(errno));
	/* Signals are the main thread's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, NULL, script, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0)
		return failed("cannot start a thread", strerror(error));
	proxy_run(d->proxy);
	pthread_join(thread, NULL);
	return 0;
}

static int
run_demo(struct demo *d)
{
	struct event *on_int, *on_term;
	int r;

	if ((d->backend = demo_backend_new()) == NULL)
		return failed("cannot start the backend", strerror(errno));
	if (make_proxy(d) == -1)
		return -1;
	log_set_level(LOG_WARN);
	parse_address(proxy_listening(d->proxy, 0), &d->front);
	parse_address(proxy_admin_address(d->proxy), &d->admin);
	on_int = evsignal_new(proxy_base(d->proxy), SIGINT, on_signal, d);
	on_term = evsignal_new(proxy_base(d->proxy), SIGTERM, on_signal, d);
	ASSERT(on_int != NULL && on_term != NULL);
	evsignal_add(on_int, NULL);
	evsignal_add(on_term, NULL);
	r = run_both(d);
	event_free(on_int);
	event_free(on_term);
	return r;
}

static void
on_alarm(int sig)
{
	static const char text[] = "\ncorral demo: not done in time, giving up\n";
	ssize_t r = write(STDERR_FILENO, text, sizeof text - 1);

	(void)sig;
	(void)r;
	_exit(1);
}

int
demo_run(bool keep)
{
	struct demo d = { .keep = keep };
	int r;

	signal(SIGALRM, on_alarm);
	alarm(LAST_RESORT_S);
	d.tty = isatty(STDERR_FILENO);
	d.crowd = allowed_crowd();
	d.deadline = clock_mono() + SCRIPT_TIME;
	r = run_demo(&d);
	proxy_free(d.proxy);
	demo_backend_free(d.backend);
	alarm(0);
	if (d.faults.n > 0)
		r = -1;
	buf_fini(&d.faults);
	return r == 0 ? 0 : 1;
}
