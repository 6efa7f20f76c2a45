/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options, signals, exit codes.
 *
 * Exit status: 0 done, 1 faulty configuration or the thing asked for failed, 2 wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/conf.h"
#include "base/contract.h"
#include "base/log.h"
#include "demo.h"
#include "proxy.h"

static const char usage[] =
    "usage: corral [-c FILE] [--upstream URL] [--listen ADDRESS] [--admin ADDRESS]\n"
    "       corral check  [-c FILE]     is the file good?  every fault, with its place\n"
    "       corral config [-c FILE]     the whole configuration in force, as YAML\n"
    "       corral demo   [--keep]      a slow backend, a stampede, and what became of it\n"
    "\n"
    "  -c, --config FILE    proxy.yaml to read (./proxy.yaml, then " SYSCONFDIR "/corral/proxy.yaml)\n"
    "  -t                   the same as check\n"
    "      --upstream URL   the backend, http://HOST:PORT; with it no file is needed\n"
    "      --listen ADDR    where clients come in, 127.0.0.1:8080\n"
    "      --admin ADDR     where /stats is, 127.0.0.1:9080, or off\n"
    "      --keep           demo: leave it running, to be tried by hand\n"
    "  -h, --help           this text\n"
    "  -V, --version        the version\n"
    "\n"
    "Signals: TERM, INT answer what is waiting, then exit; HUP reads the file again.\n"
    "See corral(8) and proxy.yaml(5).\n";

enum command {
	CMD_RUN,
	CMD_CHECK,
	CMD_CONFIG,
	CMD_DEMO,
};

struct options {
	enum command		cmd;
	struct conf_options	conf;
	bool			keep;
};

static _Noreturn void
wrong_usage(const char *what, const char *arg)
{
	if (what != NULL)
		fprintf(stderr, "corral: %s%s\n", what, arg);
	fputs(usage, stderr);
	exit(2);
}

static bool
take_command(struct options *o, const char *word)
{
	static const struct {
		const char	*word;
		enum command	 cmd;
	} words[] = {
		{ "check", CMD_CHECK }, { "config", CMD_CONFIG }, { "demo", CMD_DEMO },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(word, words[i].word) == 0) {
			o->cmd = words[i].cmd;
			return true;
		}
	return false;
}

static void
refuse_later_command(const char *word)
{
	static const char *const later[] = { "stats", "top", "purge", "explain" };

	for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
		if (strcmp(word, later[i]) == 0) {
			fprintf(stderr, "corral: %s is not available in this version; the admin "
			    "endpoint has GET /stats and POST /purge\n", word);
			exit(2);
		}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	enum { OPT_UPSTREAM = 256, OPT_LISTEN, OPT_ADMIN, OPT_KEEP };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "upstream", required_argument, NULL, OPT_UPSTREAM },
		{ "listen", required_argument, NULL, OPT_LISTEN },
		{ "admin", required_argument, NULL, OPT_ADMIN },
		{ "keep", no_argument, NULL, OPT_KEEP },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	bool got_command = false;
	int c;

	/* Before the options are read: those commands have some of their own. */
	if (argc > 1)
		refuse_later_command(argv[1]);
	while ((c = getopt_long(argc, argv, "c:thV", longs, NULL)) != -1)
		switch (c) {
		case 'c':
			o->conf.file = optarg;
			break;
		case 't':
			o->cmd = CMD_CHECK;
			break;
		case OPT_UPSTREAM:
			o->conf.upstream = optarg;
			break;
		case OPT_LISTEN:
			o->conf.listen = optarg;
			break;
		case OPT_ADMIN:
			o->conf.admin = optarg;
			break;
		case OPT_KEEP:
			o->keep = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			puts("corral " PACKAGE_VERSION);
			exit(0);
		default:
			wrong_usage(NULL, NULL);
		}
	for (; optind < argc; optind++) {
		refuse_later_command(argv[optind]);
		if (got_command || !take_command(o, argv[optind]))
			wrong_usage("unknown word: ", argv[optind]);
		got_command = true;
	}
	if (o->keep && o->cmd != CMD_DEMO)
		wrong_usage("--keep goes with demo", "");
}

/*
 * ./proxy.yaml, then the installed one; none is needed where the backend is given as an option.
 * False: there is none, and that was said.
 */
static bool
find_file(struct conf_options *c)
{
	static const char installed[] = SYSCONFDIR "/corral/proxy.yaml";

	if (c->file != NULL || c->upstream != NULL)
		return true;
	/* A file that is there but can't be read is a fault of its own, told by who reads it. */
	c->file = access("proxy.yaml", F_OK) == 0 || errno != ENOENT ? "proxy.yaml" :
	    access(installed, F_OK) == 0 || errno != ENOENT ? installed : NULL;
	if (c->file == NULL)
		fprintf(stderr, "corral: no configuration: there is no proxy.yaml here and no %s.\n"
		    "Name one with -c FILE, or do without: corral --upstream http://127.0.0.1:3000\n",
		    installed);
	return c->file != NULL;
}

/* Prints faults and warnings; NULL when there was a fault. */
static struct conf *
load(const struct conf_options *opt)
{
	struct buf faults = { 0 };
	struct conf *conf = conf_load(opt, &faults);

	if (faults.n > 0)
		fputs(buf_str(&faults), stderr);
	buf_fini(&faults);
	return conf;
}

static int
check(const struct conf_options *opt)
{
	struct conf *conf = load(opt);

	if (conf == NULL)
		return 1;
	printf("%s: good\n", opt->file != NULL ? opt->file : "options");
	conf_unref(conf);
	return 0;
}

static int
print_config(const struct conf_options *opt)
{
	struct conf *conf = load(opt);
	struct buf out = { 0 };

	if (conf == NULL)
		return 1;
	conf_print(conf, &out);
	fwrite(out.p, 1, out.n, stdout);
	buf_fini(&out);
	conf_unref(conf);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* Running. */

struct daemon {
	struct proxy			*proxy;
	const struct conf_options	*opt;
	bool				 stopping;
};

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (d->stopping) {
		log_warn("second signal %d: exiting at once", (int)sig);
		_exit(1);
	}
	d->stopping = true;
	log_info("stopping: answering what is waiting");
	proxy_drain(d->proxy);
}

static void
on_reload(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;
	struct conf *conf;

	(void)sig;
	(void)what;
	if (d->stopping)
		return;
	if ((conf = load(d->opt)) == NULL) {
		log_error("reload: the file has faults; the old configuration stays in force");
		return;
	}
	proxy_reload(d->proxy, conf);
	conf_unref(conf);
	log_info("reloaded");
}

/* Its default would end us: whoever rotates logs sends it to all that may write one. */
static void
on_reopen(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	log_info("SIGUSR1: the log goes to standard error, there is no file to reopen");
}

/* Sockets are what Corral lives on: as many as the system lets us have. */
static void
raise_files(const struct conf *conf)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < conf->limits.connections)
		log_info("%llu open files are allowed, which is what bounds the connections, not "
		    "limits.connections (%u); ulimit -n, or LimitNOFILE of systemd, raises it",
		    (unsigned long long)rl.rlim_cur, conf->limits.connections);
}

static void
announce(struct proxy *p)
{
	const char *text;

	for (unsigned i = 0; (text = proxy_listening(p, i)) != NULL; i++)
		log_info("listening on %s", text);
	if ((text = proxy_admin_address(p)) != NULL)
		log_info("admin on %s", text);
	log_info("ready");
}

static void
serve(struct daemon *d)
{
	struct event_base *base = proxy_base(d->proxy);
	struct event *ev[] = {
		evsignal_new(base, SIGTERM, on_stop, d),
		evsignal_new(base, SIGINT, on_stop, d),
		evsignal_new(base, SIGHUP, on_reload, d),
		evsignal_new(base, SIGUSR1, on_reopen, d),
	};

	for (size_t i = 0; i < sizeof ev / sizeof ev[0]; i++) {
		ASSERT(ev[i] != NULL);
		evsignal_add(ev[i], NULL);
	}
	if (proxy_start(d->proxy) == 0) {
		announce(d->proxy);
		proxy_run(d->proxy);
	} else {
		log_error("cannot start threads: %s", strerror(errno));
	}
	for (size_t i = 0; i < sizeof ev / sizeof ev[0]; i++)
		event_free(ev[i]);
}

static int
run(const struct conf_options *opt)
{
	struct daemon d = { .opt = opt };
	struct buf why = { 0 };
	struct conf *conf = load(opt);

	if (conf == NULL)
		return 1;
	raise_files(conf);
	d.proxy = proxy_new(conf, &why);
	conf_unref(conf);
	if (d.proxy == NULL) {
		log_error("%s", buf_str(&why));
		buf_fini(&why);
		return 1;
	}
	serve(&d);
	proxy_free(d.proxy);
	log_info("stopped");
	return d.stopping ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct options o = { .cmd = CMD_RUN };

	signal(SIGPIPE, SIG_IGN);
	read_options(&o, argc, argv);
	if (o.cmd == CMD_DEMO)
		return demo_run(o.keep);
	if (!find_file(&o.conf))
		return 1;
	switch (o.cmd) {
	case CMD_RUN:
		return run(&o.conf);
	case CMD_CHECK:
		return check(&o.conf);
	case CMD_CONFIG:
		return print_config(&o.conf);
	case CMD_DEMO:
		break;
	}
	return 2;
}
