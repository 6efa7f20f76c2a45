/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to the proxy while clients go on asking it: a command, or Corral's own purge by its
 * admin address.  Neither may hold up the load, so both are started and looked at again.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "tests/lib/test.h"
#include "tests/stampede/stampede.h"

#define HOOK_PATIENCE	(30000 * MS)

struct hook {
	pid_t		 pid;		/* of the command, a process group; 0: none runs */
	struct load	*admin;		/* the client that purges; NULL: a command does */
	int64_t		 deadline;
};

static pid_t
spawn(const char *command)
{
	char shell[] = "sh", option[] = "-c", *text = test_text(command);
	char *argv[] = { shell, option, text, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	pid_t pid = 0;
	int e;

	/* Its words must not end up in the middle of the table. */
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	e = posix_spawnp(&pid, "sh", &files, &attr, argv, environ);
	if (e != 0)
		fprintf(stderr, "stampede: %s: %s\n", command, strerror(e));
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	free(text);
	return e == 0 ? pid : 0;
}

struct hook *
hook_start(const struct run *r, enum hook_kind kind)
{
	static const char body[] = "{\"all\":true}";
	struct hook *h = test_alloc(sizeof *h);
	char text[256];

	h->deadline = test_now() + HOOK_PATIENCE;
	if (kind == RESTART || r->purge_all != NULL) {
		h->pid = spawn(kind == RESTART ? r->restart : r->purge_all);
		return h;
	}
	snprintf(text, sizeof text, "POST /purge HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	h->admin = load_open(r->admin, 1);
	load_send(h->admin, 0, 0, text);
	return h;
}

static enum hook_state
admin_turn(struct hook *h)
{
	const struct reply *rep;

	load_turn(h->admin, test_now());
	if (load_busy(h->admin) > 0)
		return test_now() < h->deadline ? HOOK_RUNS : HOOK_FAILED;
	rep = load_reply(h->admin, 0);
	if (rep->complete && rep->status / 100 == 2)
		return HOOK_DONE;
	fprintf(stderr, "stampede: POST /purge: status %d\n", rep->status);
	return HOOK_FAILED;
}

enum hook_state
hook_turn(struct hook *h)
{
	pid_t pid;
	int status;

	if (h->admin != NULL)
		return admin_turn(h);
	if (h->pid == 0)
		return HOOK_FAILED;
	pid = waitpid(h->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return test_now() < h->deadline ? HOOK_RUNS : HOOK_FAILED;
	h->pid = 0;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HOOK_DONE : HOOK_FAILED;
}

void
hook_free(struct hook *h)
{
	if (h == NULL)
		return;
	if (h->pid != 0) {
		kill(-h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	load_free(h->admin);
	free(h);
}
