/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon dies with the thread that started it (PR_SET_PDEATHSIG), so a test that fails leaves
 * nothing behind.  A thread reads its standard error, which tests wait on.
 */
#include "tests/lib/daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/lib/client.h"
#include "tests/lib/test.h"

#define MAX_ARGUMENTS	16
/* What a login shell gives: the daemon must help itself to more. */
#define SOFT_FILES	1024

struct daemon {
	pid_t		 pid;		/* 0: reaped */
	int		 status;
	char		*conf;		/* its file, or NULL */
	char		*clock;		/* the file of the steered clock, or NULL */
	_Atomic int64_t	*offset;	/* mapped from it */
	char		 addr[64], admin[64];
	int		 err;
	pthread_t	 reader;

	pthread_mutex_t	 lock;		/* guards what follows */
	pthread_cond_t	 changed;
	char		*log;
	size_t		 log_len;
	bool		 log_end;
};

static const char *
program(const char *variable, const char *otherwise)
{
	const char *path = getenv(variable);

	return path != NULL && path[0] != '\0' ? path : otherwise;
}

char *
daemon_file(const char *text)
{
	const char *dir = getenv("TMPDIR");
	char *path;
	size_t n = strlen(text);
	int fd;

	if (asprintf(&path, "%s/corral-test-XXXXXX.yaml", dir != NULL ? dir : "/tmp") < 0)
		test_fail("out of memory");
	fd = mkostemps(path, 5, O_CLOEXEC);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		test_fail("%s: %s", path, strerror(errno));
	close(fd);
	return path;
}

void
daemon_unlink(char *path)
{
	if (path != NULL)
		unlink(path);
	free(path);
}

/* Between fork and exec: only what is safe there. */
static void
become(const char *path, char *const argv[], char *const envp[], bool soft_files, int out, int err)
{
	struct rlimit rl;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (soft_files && getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_max > SOFT_FILES) {
		rl.rlim_cur = SOFT_FILES;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execve(path, argv, envp);
	_exit(126);
}

/* The environment with some settings more. */
static char **
environment(const char *clock)
{
	char **envp, *asan = NULL, *steer = NULL;
	const char *had = getenv("ASAN_OPTIONS");
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	envp = test_alloc((n + 3) * sizeof *envp);
	n = 0;
	for (char **e = environ; *e != NULL; e++)
		if (strncmp(*e, "ASAN_OPTIONS=", 13) != 0 && strncmp(*e, "CORRAL_CLOCK=", 13) != 0)
			envp[n++] = test_text(*e);
	/* Memory that was freed counts as used while it is in quarantine. */
	if (asprintf(&asan, "ASAN_OPTIONS=%s%squarantine_size_mb=4", had != NULL ? had : "",
	    had != NULL ? ":" : "") < 0 ||
	    (clock != NULL && asprintf(&steer, "CORRAL_CLOCK=%s", clock) < 0))
		test_fail("out of memory");
	envp[n++] = asan;
	if (steer != NULL)
		envp[n++] = steer;
	return envp;
}

static pid_t
spawn(const char *path, const char *const arguments[], const char *clock, int out, int err)
{
	char *argv[MAX_ARGUMENTS + 2] = { test_text(path) }, **envp = environment(clock);
	/* valgrind can't be given more once it runs. */
	bool soft_files = getenv("VALGRIND_CORRAL") == NULL;
	pid_t pid;

	for (unsigned i = 0; arguments[i] != NULL && i < MAX_ARGUMENTS; i++)
		argv[i + 1] = test_text(arguments[i]);
	pid = fork();
	if (pid == 0)
		become(path, argv, envp, soft_files, out, err);
	if (pid < 0)
		test_fail("fork: %s", strerror(errno));
	for (char **p = argv; *p != NULL; p++)
		free(*p);
	for (char **p = envp; *p != NULL; p++)
		free(*p);
	free(envp);
	return pid;
}

static void *
read_log(void *arg)
{
	struct daemon *d = arg;
	char buf[4096];
	ssize_t n;

	do {
		n = read(d->err, buf, sizeof buf);
		pthread_mutex_lock(&d->lock);
		if (n > 0) {
			d->log = test_grow(d->log, d->log_len + (size_t)n + 1);
			memcpy(d->log + d->log_len, buf, (size_t)n);
			d->log_len += (size_t)n;
			d->log[d->log_len] = '\0';
		} else {
			d->log_end = true;
		}
		pthread_cond_broadcast(&d->changed);
		pthread_mutex_unlock(&d->lock);
	} while (n > 0);
	return NULL;
}

static bool
logged(const struct daemon *d, const char *text)
{
	return d->log != NULL && strstr(d->log, text) != NULL;
}

/* The end of its log, for a message. */
static const char *
tail(struct daemon *d)
{
	return d->log == NULL ? "" : d->log_len > 3000 ? d->log + d->log_len - 3000 : d->log;
}

bool
daemon_logged(struct daemon *d, const char *text)
{
	bool yes;

	pthread_mutex_lock(&d->lock);
	yes = logged(d, text);
	pthread_mutex_unlock(&d->lock);
	return yes;
}

void
daemon_wait_log(struct daemon *d, const char *text)
{
	int64_t deadline = test_deadline();
	struct timespec ts = { .tv_sec = (time_t)(deadline / 1000000),
		.tv_nsec = (long)(deadline % 1000000) * 1000 };

	pthread_mutex_lock(&d->lock);
	while (!logged(d, text)) {
		if (d->log_end || pthread_cond_timedwait(&d->changed, &d->lock, &ts) != 0)
			test_fail("the daemon %s \"%s\", but:\n%s",
			    d->log_end ? "ended without saying" : "does not say", text, tail(d));
	}
	pthread_mutex_unlock(&d->lock);
}

/* What follows the text in its log, up to the end of the line. */
static void
after(struct daemon *d, const char *text, char *out, size_t size)
{
	const char *p;
	size_t n;

	pthread_mutex_lock(&d->lock);
	p = d->log != NULL ? strstr(d->log, text) : NULL;
	n = p != NULL ? strcspn(p + strlen(text), " \r\n") : 0;
	if (n == 0 || n >= size)
		test_fail("the daemon did not say \"%s\", but:\n%s", text, tail(d));
	memcpy(out, p + strlen(text), n);
	out[n] = '\0';
	pthread_mutex_unlock(&d->lock);
}

static struct daemon *
start(const char *path, const char *const arguments[], char *conf, char *clock)
{
	struct daemon *d = test_alloc(sizeof *d);
	pthread_condattr_t ca;
	int ends[2];

	d->conf = conf;
	d->clock = clock;
	if (clock != NULL) {
		int fd = open(clock, O_RDWR | O_CLOEXEC);

		if (fd < 0 || ftruncate(fd, sizeof *d->offset) != 0)
			test_fail("%s: %s", clock, strerror(errno));
		d->offset =
		    mmap(NULL, sizeof *d->offset, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (d->offset == MAP_FAILED)
			test_fail("mmap: %s", strerror(errno));
	}
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &ca);
	pthread_condattr_destroy(&ca);
	if (pipe2(ends, O_CLOEXEC) != 0)
		test_fail("pipe: %s", strerror(errno));
	d->err = ends[0];
	d->pid = spawn(path, arguments, clock, -1, ends[1]);
	close(ends[1]);
	if (pthread_create(&d->reader, NULL, read_log, d) != 0)
		test_fail("no thread");
	daemon_wait_log(d, "info: ready");
	after(d, "listening on ", d->addr, sizeof d->addr);
	if (daemon_logged(d, "admin on "))
		after(d, "admin on ", d->admin, sizeof d->admin);
	return d;
}

static struct daemon	*start_conf(const char *path, bool steered, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static struct daemon *
start_conf(const char *path, bool steered, const char *fmt, va_list ap)
{
	const char *arguments[] = { "-c", NULL, NULL };
	char *lines, *text, *conf, *clock = NULL;

	if (vasprintf(&lines, fmt, ap) < 0 ||
	    asprintf(&text, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n%s", lines) < 0)
		test_fail("out of memory");
	arguments[1] = conf = daemon_file(text);
	if (steered)
		clock = daemon_file("\0");
	free(lines);
	free(text);
	return start(path, arguments, conf, clock);
}

struct daemon *
daemon_start(const char *fmt, ...)
{
	struct daemon *d;
	va_list ap;

	va_start(ap, fmt);
	d = start_conf(program("CORRAL", "./proxy/corral"), false, fmt, ap);
	va_end(ap);
	return d;
}

struct daemon *
daemon_start_steered(const char *fmt, ...)
{
	struct daemon *d;
	va_list ap;

	va_start(ap, fmt);
	d = start_conf(program("CORRAL_STEERED", "./tests/corral-steered"), true, fmt, ap);
	va_end(ap);
	return d;
}

struct daemon *
daemon_start_options(const char *const arguments[])
{
	return start(program("CORRAL", "./proxy/corral"), arguments, NULL, NULL);
}

void
daemon_rewrite(struct daemon *d, const char *fmt, ...)
{
	char *lines;
	va_list ap;
	FILE *f = fopen(d->conf, "w");

	va_start(ap, fmt);
	if (vasprintf(&lines, fmt, ap) < 0 || f == NULL)
		test_fail("%s: %s", d->conf, strerror(errno));
	va_end(ap);
	fprintf(f, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n%s", lines);
	if (fclose(f) != 0)
		test_fail("%s: %s", d->conf, strerror(errno));
	free(lines);
}

const char *
daemon_addr(const struct daemon *d)
{
	return d->addr;
}

const char *
daemon_admin(const struct daemon *d)
{
	return d->admin;
}

void
daemon_signal(struct daemon *d, int signo)
{
	if (d->pid != 0)
		kill(d->pid, signo);
}

static bool
reap(struct daemon *d, int flags)
{
	int status;
	pid_t pid;

	if (d->pid == 0)
		return true;
	do
		pid = waitpid(d->pid, &status, flags);
	while (pid < 0 && errno == EINTR);
	if (pid != d->pid)
		return false;
	d->pid = 0;
	d->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}

bool
daemon_running(struct daemon *d)
{
	return !reap(d, WNOHANG);
}

int
daemon_wait_exit(struct daemon *d)
{
	int64_t deadline = test_deadline();
	struct timespec ts = { .tv_sec = (time_t)(deadline / 1000000),
		.tv_nsec = (long)(deadline % 1000000) * 1000 };

	/* Its standard error ends when it does. */
	pthread_mutex_lock(&d->lock);
	while (!d->log_end)
		if (pthread_cond_timedwait(&d->changed, &d->lock, &ts) != 0)
			test_fail("the daemon does not end:\n%s", tail(d));
	pthread_mutex_unlock(&d->lock);
	reap(d, 0);
	return d->status;
}

void
daemon_free(struct daemon *d)
{
	if (d == NULL)
		return;
	daemon_signal(d, SIGKILL);
	reap(d, 0);
	pthread_join(d->reader, NULL);
	close(d->err);
	daemon_unlink(d->conf);
	daemon_unlink(d->clock);
	if (d->offset != NULL)
		munmap((void *)(uintptr_t)d->offset, sizeof *d->offset);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d->log);
	free(d);
}

static struct answer *
stats(struct daemon *d)
{
	struct answer *a = client_get(d->admin, "/stats", "");

	if (!a->complete || a->status != 200)
		test_fail("GET /stats: status %d, %s; the daemon %s:\n%s", a->status,
		    a->fault != NULL ? a->fault : "whole", daemon_running(d) ? "runs" : "ended",
		    tail(d));
	return a;
}

/* JSON of our own: well-formed, so this only finds the ends of things. */

static const char *
past_string(const char *p)
{
	for (p++; *p != '"' && *p != '\0'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '\0' ? p : p + 1;
}

static const char *
past_value(const char *p)
{
	int depth = 0;

	do {
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p = *p == '"' ? past_string(p) : p + 1;
	} while (*p != '\0' && (depth > 0 || strchr(",}] \r\n", *p) == NULL));
	return p;
}

/* The value of that member, or of the element of that number, of what begins at p; or NULL. */
static const char *
inside(const char *p, const char *name, size_t n)
{
	bool list = *p == '[', found;
	unsigned long i = 0;

	if (*p != '{' && !list)
		return NULL;
	for (p++;; i++) {
		p += strspn(p, ", \r\n");
		if (*p == '}' || *p == ']' || *p == '\0')
			return NULL;
		found = list ? i == strtoul(name, NULL, 10) :
		    strncmp(p + 1, name, n) == 0 && p[1 + n] == '"';
		if (!list)
			p = past_string(p);
		if (!list)
			p += strspn(p, ": ");
		if (found)
			return p;
		p = past_value(p);
	}
}

/* NULL: there is none. */
static const char *
value_at(const struct answer *a, const char *path)
{
	const char *p = a->body != NULL ? a->body : "";

	for (const char *name = path; p != NULL && *name != '\0';) {
		size_t n = strcspn(name, ".");

		p = inside(p, name, n);
		name += n + (name[n] == '.');
	}
	return p;
}

static int64_t
member(const struct answer *a, const char *path)
{
	const char *p = value_at(a, path);
	long long v;
	char *end;

	if (p == NULL)
		test_fail("/stats has no %s: %.3000s", path, a->body != NULL ? a->body : "");
	v = strtoll(p, &end, 10);
	if (end == p)
		test_fail("%s of /stats is no number: %.40s", path, p);
	return v;
}

int64_t
daemon_stat(struct daemon *d, const char *name)
{
	struct answer *a = stats(d);
	int64_t value = member(a, name);

	answer_free(a);
	return value;
}

static void
wait_stat(struct daemon *d, const char *name, int64_t value, bool least)
{
	int64_t deadline = test_deadline(), have;

	for (;;) {
		have = daemon_stat(d, name);
		if (have == value || (least && have > value))
			return;
		if (test_left(deadline) == 0)
			test_fail("%s is %lld, waiting for %lld; the daemon's log:\n%s", name,
			    (long long)have, (long long)value, tail(d));
		poll(NULL, 0, 2);
	}
}

void
daemon_wait_stat(struct daemon *d, const char *name, int64_t value)
{
	wait_stat(d, name, value, false);
}

void
daemon_wait_stat_least(struct daemon *d, const char *name, int64_t value)
{
	wait_stat(d, name, value, true);
}

void
daemon_wait_text(struct daemon *d, const char *path, const char *text)
{
	int64_t deadline = test_deadline();
	size_t n = strlen(text);
	bool same;

	for (;;) {
		struct answer *a = stats(d);
		const char *p = value_at(a, path);

		same = p != NULL && *p == '"' && strncmp(p + 1, text, n) == 0 && p[1 + n] == '"';
		if (!same && test_left(deadline) == 0)
			test_fail("%s is %.40s, waiting for %s; the daemon's log:\n%s", path,
			    p != NULL ? p : "not there", text, tail(d));
		answer_free(a);
		if (same)
			return;
		poll(NULL, 0, 2);
	}
}

void
daemon_check_sum(struct daemon *d)
{
	static const char *const outcomes[] = { "hit", "stale", "miss", "coalesced", "pass", "shed",
		"error" };
	struct answer *a = stats(d);
	int64_t requests = member(a, "requests"), sum = 0;

	for (unsigned i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
		sum += member(a, outcomes[i]);
	if (sum != requests)
		test_fail("requests is %lld, its parts make %lld: %.3000s", (long long)requests,
		    (long long)sum, a->body);
	answer_free(a);
}

void
daemon_stop(struct daemon *d)
{
	int status;

	daemon_wait_stat(d, "parked", 0);
	daemon_wait_stat(d, "flights", 0);
	daemon_check_sum(d);
	daemon_signal(d, SIGTERM);
	status = daemon_wait_exit(d);
	if (status != 0)
		test_fail("the daemon ended with %d:\n%s", status, tail(d));
	daemon_free(d);
}

int
daemon_purge(struct daemon *d, const char *url)
{
	struct answer *a;
	char body[512];
	const char *p;
	int n;

	n = snprintf(body, sizeof body, "{\"url\":\"%s\"}", url);
	a = client_exchangef(d->admin,
	    "POST /purge HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n"
	    "Content-Length: %d\r\n\r\n%s",
	    n, body);
	if (a->status != 200 || a->body == NULL)
		test_fail("POST /purge %s: status %d", body, a->status);
	p = a->body + strcspn(a->body, "0123456789");
	n = atoi(p);
	answer_free(a);
	return n;
}

uint64_t
daemon_memory(struct daemon *d)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)d->pid);
	f = fopen(path, "r");
	if (f == NULL)
		test_fail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmRSS: %lu kB", &kib) == 1)
			break;
	fclose(f);
	return (uint64_t)kib * 1024;
}

uint64_t
daemon_grown(struct daemon *d, uint64_t was)
{
	uint64_t is = daemon_memory(d);

	return is > was ? is - was : 0;
}

unsigned
daemon_files(struct daemon *d)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)d->pid);
	dir = opendir(path);
	if (dir == NULL)
		test_fail("%s: %s", path, strerror(errno));
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

uint64_t
daemon_allowance(uint64_t n)
{
	return test_instrumented() ? 8 * n + (UINT64_C(4) << 20) : n;
}

void
daemon_advance_clock(struct daemon *d, int64_t usec)
{
	*d->offset += usec;
}

/* All that comes from a descriptor, until it ends. */
static void
slurp(int fds[2], char *out[2])
{
	struct pollfd pfd[2] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };
	size_t len[2] = { 0, 0 };
	int64_t deadline = test_deadline() + 40 * INT64_C(1000000);

	out[0] = test_text("");
	out[1] = test_text("");
	while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
		if (poll(pfd, 2, test_left(deadline)) == 0)
			test_fail("the command does not end: %s%s", out[0], out[1]);
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (pfd[i].fd < 0 || pfd[i].revents == 0)
				continue;
			out[i] = test_grow(out[i], len[i] + 4097);
			n = read(pfd[i].fd, out[i] + len[i], 4096);
			if (n <= 0)
				pfd[i].fd = -1;
			else
				len[i] += (size_t)n;
			out[i][len[i]] = '\0';
		}
	}
}

int
daemon_command(const char *const arguments[], char **out, char **err)
{
	int a[2], b[2], ends[2], status;
	char *text[2];
	pid_t pid;

	if (pipe2(a, O_CLOEXEC) != 0 || pipe2(b, O_CLOEXEC) != 0)
		test_fail("pipe: %s", strerror(errno));
	pid = spawn(program("CORRAL", "./proxy/corral"), arguments, NULL, a[1], b[1]);
	close(a[1]);
	close(b[1]);
	ends[0] = a[0];
	ends[1] = b[0];
	slurp(ends, text);
	close(a[0]);
	close(b[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			test_fail("waitpid: %s", strerror(errno));
	*out = text[0];
	*err = text[1];
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
