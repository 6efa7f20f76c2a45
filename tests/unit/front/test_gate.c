/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate behind a real listener: a worker thread with a scripted handler, and raw sockets in the
 * test's thread.  What the handler sees is counted under a lock; the tests wait on those counts.
 */
#include "front/gate.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/contract.h"
#include "base/worker.h"
#include "front/listener.h"
#include "front/reply.h"
#include "tests/unit/unit.h"

#define PATIENCE	10		/* seconds; only a failure waits that long */
#define BIG_PIECE	((size_t)64 << 10)
#define BIG_MARK	((size_t)256 << 10)
#define HOLD_MAX	((size_t)64 << 10)

enum count {
	N_REQUEST,
	N_REFUSED,
	N_HALF,
	N_LOST,
	N_BODY_END,
	N_PIECE,			/* body pieces */
	N_RELEASED,
	N_LENT,
	N_FINISHED,
	N_NO_FD,			/* accept4() found no descriptor */
	N_COUNT
};

struct srv;

/* One request in the handler's hands. */
struct user {
	struct srv		*s;
	struct gate		*g;
	struct head		 req;
	uint64_t		 got;		/* body bytes */
	uint64_t		 left;		/* of a big answer */
	bool			 pauses;
	struct event		*again;		/* resumes a paused body */
	TAILQ_ENTRY(user)	 link;
};

struct srv {
	struct conf		*conf;
	struct worker		*w;
	struct listener		*l;
	struct conf_addr	 bound;
	const char		*peer;		/* where clients come from */
	_Atomic unsigned	 connections;
	TAILQ_HEAD(, user)	 parked;
	char			*big;
	size_t			 most_pending, most_held;	/* the worker's thread only */
	pthread_mutex_t		 lock;
	pthread_cond_t		 changed;
	unsigned		 n[N_COUNT];
	int			 refused, body_end;		/* last status */
	bool			 called;
};

static void
count(struct srv *s, enum count what)
{
	pthread_mutex_lock(&s->lock);
	s->n[what]++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static unsigned
counted(struct srv *s, enum count what)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->n[what];
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* True when the count got there in time. */
static bool
reaches(struct srv *s, enum count what, unsigned n)
{
	struct timespec until;
	bool ok;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	pthread_mutex_lock(&s->lock);
	while (s->n[what] < n && r == 0)
		r = pthread_cond_timedwait(&s->changed, &s->lock, &until);
	ok = s->n[what] >= n;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

/* Time runs, or stands at `frozen`: this is base/clock for the whole program. */
static _Atomic usec_t frozen;

struct now
clock_now(void)
{
	struct timespec ts;
	struct now now = { .mono = atomic_load(&frozen) };

	if (now.mono == 0) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		now.mono = ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	now.wall = ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
	return now;
}

usec_t
clock_mono(void)
{
	return clock_now().mono;
}

/*
 * accept4() of the whole program, libevent's too, so that a test can wait for the accepts that find
 * no descriptor.  By its symbol, since libc declares it with a union of its own.
 */
static struct srv *_Atomic accepts_of;

int	counted_accept4(int fd, void *sa, socklen_t *len, int flags) __asm__("accept4");

int
counted_accept4(int fd, void *sa, socklen_t *len, int flags)
{
	int r = (int)syscall(SYS_accept4, fd, sa, len, flags), error = errno;
	struct srv *s = atomic_load(&accepts_of);

	if (r == -1 && error == EMFILE && s != NULL)
		count(s, N_NO_FD);
	errno = error;
	return r;
}

/* The handler */

static void
user_free(struct user *u)
{
	if (u->again != NULL)
		event_free(u->again);
	head_fini(&u->req);
	free(u);
}

static bool
path_is(const struct user *u, const char *prefix)
{
	return slice_starts(u->req.path, slice_str(prefix));
}

static void
done(struct user *u)
{
	struct srv *s = u->s;
	struct gate *g = u->g;

	user_free(u);
	gate_finish(g);
	count(s, N_FINISHED);
}

static void
answer(struct user *u, int status)
{
	struct buf body = { 0 }, out = { 0 };
	struct gate_piece piece = { 0 };
	bool close = gate_closing(u->g);

	buf_addf(&body, "%.*s %.*s %" PRIu64 "\n", SLICE_FMT(u->req.method),
	    SLICE_FMT(u->req.path), u->got);
	reply_body(&out, status, "text/plain", buf_slice(&body), close,
	    u->req.minor == 0 && !close, method_is(&u->req, "HEAD"), clock_now().wall);
	piece.p = out.p;
	piece.n = out.n;
	if (gate_send(u->g, &piece, 1) == 0)
		done(u);		/* else it is writable later, or lost */
	buf_fini(&out);
	buf_fini(&body);
}

static void
given_back(void *arg)
{
	count(arg, N_RELEASED);
}

/* More of a big answer while the output is below the mark. */
static void
big_more(struct user *u)
{
	struct gate_piece piece = { 0 };
	size_t held;

	while (u->left > 0 && gate_pending(u->g) < BIG_MARK) {
		piece.p = u->s->big;
		piece.n = u->left < BIG_PIECE ? (size_t)u->left : BIG_PIECE;
		piece.release = given_back;
		piece.arg = u->s;
		u->left -= piece.n;
		count(u->s, N_LENT);
		held = gate_send(u->g, &piece, 1);
		if (held > u->s->most_pending)
			u->s->most_pending = held;
	}
	if (u->left == 0 && gate_pending(u->g) == 0)
		done(u);
	else
		gate_set_low(u->g, u->left == 0 ? 0 : BIG_MARK / 2);
}

static void
big_start(struct user *u)
{
	struct buf out = { 0 };
	struct gate_piece piece = { 0 };

	u->left = strtoull(u->req.path.p + 5, NULL, 10);
	reply_add_status(&out, 200, SLICE("OK"));
	buf_addf(&out, "Content-Length: %" PRIu64 "\r\n%s\r\n", u->left,
	    gate_closing(u->g) ? "Connection: close\r\n" : "");
	piece.p = out.p;
	piece.n = out.n;
	gate_send(u->g, &piece, 1);
	buf_fini(&out);
	big_more(u);
}

static void
resume_body(evutil_socket_t fd, short what, void *arg)
{
	struct user *u = arg;

	(void)fd;
	(void)what;
	gate_body_resume(u->g);
}

static void
on_request(void *arg, struct gate *g, struct head *req)
{
	struct srv *s = arg;
	struct user *u = XCALLOC(1, sizeof *u);

	u->s = s;
	u->g = g;
	u->req = *req;
	gate_attach(g, u);
	ck_assert_str_eq(gate_peer(g), s->peer);
	if (path_is(u, "/park"))
		TAILQ_INSERT_TAIL(&s->parked, u, link);
	count(s, N_REQUEST);
	if (path_is(u, "/park")) {
		if (path_is(u, "/park-body"))
			gate_body_start(g);
	} else if (path_is(u, "/big/")) {
		big_start(u);
	} else if (u->req.framing == FRAMING_NONE || path_is(u, "/early")) {
		answer(u, 200);
	} else {
		u->pauses = path_is(u, "/pause");
		u->again = evtimer_new(worker_base(s->w), resume_body, u);
		gate_body_start(g);
	}
}

static void
on_refused(void *arg, int status)
{
	struct srv *s = arg;

	s->refused = status;
	count(s, N_REFUSED);
}

static bool
on_body(void *user, const char *p, size_t n)
{
	static const struct timeval next_turn = { 0, 0 };
	struct user *u = user;

	ck_assert_uint_gt(n, 0);
	ck_assert_ptr_nonnull(p);
	u->got += n;
	if (gate_held(u->g) > u->s->most_held)
		u->s->most_held = gate_held(u->g);
	count(u->s, N_PIECE);
	if (u->pauses)
		event_add(u->again, &next_turn);
	return !u->pauses && !path_is(u, "/park-body-stop");
}

static void
on_body_end(void *user, int status)
{
	struct user *u = user;

	u->s->body_end = status;
	count(u->s, N_BODY_END);
	if (path_is(u, "/park"))
		return;
	answer(u, status == 0 ? 200 : status);
}

static void
on_writable(void *user)
{
	big_more(user);
}

static void
on_gone(void *user, enum gate_gone how)
{
	struct user *u = user;
	struct srv *s = u->s;

	if (how == GATE_LOST) {
		if (path_is(u, "/park"))
			TAILQ_REMOVE(&s->parked, u, link);
		user_free(u);
	}
	count(s, how == GATE_LOST ? N_LOST : N_HALF);
}

static const struct gate_ops ops = {
	.request = on_request,
	.refused = on_refused,
	.body = on_body,
	.body_end = on_body_end,
	.writable = on_writable,
	.gone = on_gone,
};

/* The server */

static void
srv_open_at(struct srv *s, const char *listen, const char *peer)
{
	struct conf_options opt = { .upstream = "http://127.0.0.1:1", .listen = listen,
	    .admin = "off" };
	struct buf faults = { 0 };

	memset(s, 0, sizeof *s);
	s->peer = peer;
	signal(SIGPIPE, SIG_IGN);
	TAILQ_INIT(&s->parked);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->conf = conf_load(&opt, &faults);
	ck_assert_msg(s->conf != NULL, "%s", buf_str(&faults));
	buf_fini(&faults);
	s->big = XCALLOC(1, BIG_PIECE);
	for (size_t i = 0; i < BIG_PIECE; i++)
		s->big[i] = (char)('a' + i % 23);
}

static void
srv_open(struct srv *s)
{
	srv_open_at(s, "127.0.0.1:0", "127.0.0.1");
}

static void
srv_start(struct srv *s)
{
	s->w = worker_new(0, s->conf);
	ck_assert_ptr_nonnull(s->w);
	s->l = listener_new(s->w, &ops, s, &s->connections);
	ck_assert_ptr_nonnull(s->l);
	ck_assert_int_eq(listener_bind(s->l, &s->conf->listen[0], &s->bound), 0);
	ck_assert_int_eq(worker_start(s->w), 0);
}

/* Cuts what is left; everything lent must have come back. */
static void
srv_close(struct srv *s)
{
	worker_stop(s->w);
	worker_join(s->w);
	listener_free(s->l);
	ck_assert(TAILQ_EMPTY(&s->parked));
	ck_assert_uint_eq(s->n[N_LENT], s->n[N_RELEASED]);
	ck_assert_uint_eq(s->n[N_REQUEST], s->n[N_FINISHED] + s->n[N_LOST]);
	ck_assert_uint_eq(atomic_load(&s->connections), 0);
	worker_free(s->w);
	conf_unref(s->conf);
	free(s->big);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

struct call {
	struct worker_msg	 msg;
	struct srv		*s;
	void			(*fn)(struct srv *s);
};

static void
run_call(void *arg)
{
	struct call *c = arg;

	c->fn(c->s);
	pthread_mutex_lock(&c->s->lock);
	c->s->called = true;
	pthread_cond_broadcast(&c->s->changed);
	pthread_mutex_unlock(&c->s->lock);
}

/* Runs fn on the worker's thread and waits for it. */
static void
call(struct srv *s, void (*fn)(struct srv *s))
{
	struct call c = { .s = s, .fn = fn };

	c.msg.fn = run_call;
	c.msg.arg = &c;
	s->called = false;
	worker_post(s->w, &c.msg);
	pthread_mutex_lock(&s->lock);
	while (!s->called)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void
answer_parked(struct srv *s)
{
	struct user *u;

	while ((u = TAILQ_FIRST(&s->parked)) != NULL) {
		TAILQ_REMOVE(&s->parked, u, link);
		answer(u, 200);
	}
}

#define HINT		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define HINT_BIG	8192		/* a hint for clients that don't read */
#define HINT_MARK	((size_t)64 << 10)

static void
hint_parked(struct srv *s)
{
	struct user *u;

	TAILQ_FOREACH(u, &s->parked, link)
		gate_send_interim(u->g, SLICE(HINT));
}

/* More of them than a client that doesn't read can have in its buffers. */
static void
hint_parked_much(struct srv *s)
{
	struct gate *g = TAILQ_FIRST(&s->parked)->g;
	struct buf h = { 0 };

	buf_addf(&h, "HTTP/1.1 103 Early Hints\r\nX: %0*d\r\n\r\n", HINT_BIG, 0);
	for (int i = 0; i < 4000; i++) {
		gate_send_interim(g, buf_slice(&h));
		if (gate_pending(g) > s->most_pending)
			s->most_pending = gate_pending(g);
	}
	buf_fini(&h);
}

static void
start_parked_body(struct srv *s)
{
	gate_body_start(TAILQ_FIRST(&s->parked)->g);
}

static void
resume_parked(struct srv *s)
{
	gate_body_resume(TAILQ_FIRST(&s->parked)->g);
}

static void
kill_parked(struct srv *s)
{
	struct user *u;
	struct gate *g;

	while ((u = TAILQ_FIRST(&s->parked)) != NULL) {
		TAILQ_REMOVE(&s->parked, u, link);
		g = u->g;
		user_free(u);
		gate_kill(g);
		count(s, N_FINISHED);
	}
}

static void
look_held(struct srv *s)
{
	s->most_held = gate_held(TAILQ_FIRST(&s->parked)->g);
}

static void
stop_listening(struct srv *s)
{
	listener_stop(s->l);
}

static void
kill_all(struct srv *s)
{
	listener_kill(s->l);
}

/* The client */

static int
cl_open(struct srv *s)
{
	struct timeval tv = { PATIENCE, 0 };
	int fd = socket(s->bound.sa.ss_family, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&s->bound.sa, s->bound.len), 0);
	return fd;
}

/* Stops quietly when the server has closed: some tests send more than it wants. */
static void
cl_send(int fd, const char *p, size_t n)
{
	ssize_t r;

	for (; n > 0; p += r, n -= (size_t)r)
		if ((r = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
			return;
}

static void
cl_say(int fd, const char *text)
{
	cl_send(fd, text, strlen(text));
}

static void
cl_reset(int fd)
{
	struct linger hard = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(fd);
}

/* Everything until the end; closes.  False when it ended in an error or not in time. */
static bool
cl_rest(int fd, struct buf *in)
{
	char b[65536];
	ssize_t r;

	while ((r = recv(fd, b, sizeof b, 0)) > 0)
		buf_add(in, b, (size_t)r);
	close(fd);
	return r == 0;
}

/* Reads until the answers hold n lines that end the echo handler's bodies. */
static void
cl_answers(int fd, struct buf *in, unsigned n)
{
	char b[65536];
	unsigned have = 0;
	const char *p;
	ssize_t r;

	for (;;) {
		have = 0;
		buf_str(in);
		for (p = in->p; (p = strstr(p, "\r\n\r\n")) != NULL; p += 4)
			if (strchr(p + 4, '\n') != NULL || strncmp(in->p, "HTTP/1.1 100", 12) == 0)
				have++;
		if (have >= n)
			return;
		r = recv(fd, b, sizeof b, 0);
		ck_assert_msg(r > 0, "the answer ended early: %s", in->p);
		buf_add(in, b, (size_t)r);
	}
}

/* One request, its whole answer. */
static void
ask(int fd, const char *raw, const char *status, const char *part)
{
	struct buf in = { 0 };

	cl_say(fd, raw);
	cl_answers(fd, &in, 1);
	ck_assert_msg(strncmp(in.p + 9, status, 3) == 0, "%s: %s", raw, in.p);
	ck_assert_msg(strstr(in.p, part) != NULL, "%s: %s", raw, in.p);
	buf_fini(&in);
}

/* Sends raw, ends sending, and gives the statuses that came back, each followed by a space. */
static void
statuses(struct srv *s, const char *raw, size_t n, char *out)
{
	struct buf in = { 0 };
	const char *p;
	int fd = cl_open(s);

	cl_send(fd, raw, n);
	shutdown(fd, SHUT_WR);
	cl_rest(fd, &in);
	*out = '\0';
	buf_str(&in);
	for (p = in.p; (p = strstr(p, "HTTP/1.1 ")) != NULL; p += 9)
		strncat(out, p + 9, 4);
	buf_fini(&in);
}

/* Cases: bytes, the statuses they get, and how many requests reach the handler. */

struct raw {
	const char	*name;
	const char	*p;
	size_t		 n;
	const char	*want;
	unsigned	 requests;
};

#define H		"Host: a\r\n"
#define SECOND		"GET /smuggled HTTP/1.1\r\n" H "\r\n"
#define ROW(name, text, want, requests)	{ name, text, sizeof(text) - 1, want, requests }
#define GOOD(name, text, want, requests)	ROW(name, text, want, requests)
/* A request that must be refused; what follows it must not be taken for another. */
#define BAD(name, text, status)	ROW(name, text SECOND, status " ", 0)

static const struct raw rows[] = {
	GOOD("9112 3: a plain request", "GET / HTTP/1.1\r\n" H "\r\n", "200 ", 1),
	GOOD("9112 9.3.2: two in a row", "GET / HTTP/1.1\r\n" H "\r\n" SECOND, "200 200 ", 2),
	GOOD("9112 2.2: one empty line before it", "\r\nGET / HTTP/1.1\r\n" H "\r\n", "200 ", 1),
	GOOD("9112 2.2: empty line between two", "GET / HTTP/1.1\r\n" H "\r\n\r\n" SECOND,
	    "200 200 ", 2),
	GOOD("9112 9.6: nothing after close",
	    "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n" SECOND, "200 ", 1),
	GOOD("9110 7.6.1: close in a list",
	    "GET / HTTP/1.1\r\n" H "Connection: foo, close\r\n\r\n" SECOND, "200 ", 1),
	GOOD("9110 7.6.1: close in the second line",
	    "GET / HTTP/1.1\r\n" H "Connection: foo\r\nConnection: Close\r\n\r\n" SECOND, "200 ", 1),
	GOOD("9112 9.3: 1.0 closes", "GET / HTTP/1.0\r\n" H "\r\n" SECOND, "200 ", 1),
	GOOD("9112 9.3: 1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "200 ", 1),
	GOOD("9112 9.3: 1.0 keep-alive",
	    "GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n" SECOND, "200 200 ", 2),
	GOOD("9112 6.2: a body by length",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" SECOND, "200 200 ", 2),
	GOOD("9112 6.2: a request as body",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 36\r\n\r\n" SECOND "GET / HTTP/1.1\r\n" H "\r\n",
	    "200 200 ", 2),
	GOOD("9112 6.2: a length of zero",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n" SECOND, "200 200 ", 2),
	GOOD("9112 6.2: a GET with a body",
	    "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" SECOND, "200 200 ", 2),
	GOOD("9112 7.1: a chunked body",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" SECOND,
	    "200 200 ", 2),
	GOOD("9112 7.1.1: chunk extensions",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n" SECOND, "200 200 ", 2),
	GOOD("9112 7.1.2: trailers",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n" SECOND, "200 200 ", 2),
	GOOD("9110 6.5.1: trailers that claim what a head says",
	    "POST / HTTP/1.1\r\n" H "Trailer: host\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n0\r\nHost: b\r\nContent-Length: 50\r\nConnection: close\r\n\r\n" SECOND,
	    "200 200 ", 2),
	GOOD("9112 7: Chunked in any case",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n" SECOND,
	    "200 200 ", 2),
	GOOD("9110 9.1: PURGE with a body",
	    "PURGE / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" SECOND, "200 200 ", 2),
	GOOD("9110 9.1: M-SEARCH, chunked",
	    "M-SEARCH / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	    SECOND, "200 200 ", 2),
	GOOD("9110 9.1: methods know case", "get / HTTP/1.1\r\n" H "\r\n", "200 ", 1),
	GOOD("9112 3.2.4: OPTIONS *", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "200 ", 1),
	GOOD("9112 3.2.2: absolute-form", "GET http://b/x HTTP/1.1\r\n" H "\r\n", "200 ", 1),
	GOOD("9112 3.2: two slashes", "GET //evil/p HTTP/1.1\r\n" H "\r\n", "200 ", 1),
	GOOD("9110 7.2: Host with a port", "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", "200 ", 1),
	GOOD("9110 7.2: an IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200 ", 1),
	GOOD("9112 5: no space after the colon", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", "200 ", 1),
	GOOD("9110 5.5: obs-text in a value", "GET / HTTP/1.1\r\n" H "X: \xff\xfe\r\n\r\n", "200 ", 1),
	GOOD("9112 8: a head that ends early", "GET / HTTP/1.1\r\n" H, "", 0),
	GOOD("9112 8: a body that ends early",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel", "400 ", 1),
	GOOD("9112 8: a chunked body that ends early",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "400 ", 1),
	GOOD("one whole, one cut", "GET / HTTP/1.1\r\n" H "\r\nGET / HT", "200 ", 1),

	BAD("9112 6.1: Content-Length and Transfer-Encoding",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n", "400"),
	BAD("9112 6.1: the other way round",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
	    "0\r\n\r\n", "400"),
	BAD("9112 6.1: both, on a HEAD",
	    "HEAD / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
	BAD("9112 6.1: both, on an unknown method",
	    "FOO / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
#define CL(v)	"POST / HTTP/1.1\r\n" H "Content-Length:" v "\r\n\r\nhello"
	BAD("9112 6.3: +5", CL(" +5"), "400"),
	BAD("9112 6.3: -5", CL(" -5"), "400"),
	BAD("9112 6.3: 0x5", CL(" 0x5"), "400"),
	BAD("9112 6.3: 5,6", CL(" 5,6"), "400"),
	BAD("9112 6.3: 5, 5", CL(" 5, 5"), "400"),
	BAD("9112 6.3: empty", CL(""), "400"),
	BAD("9112 6.3: only spaces", CL("   "), "400"),
	BAD("9112 6.3: 5 5", CL(" 5 5"), "400"),
	BAD("9112 6.3: 5.0", CL(" 5.0"), "400"),
	BAD("9112 6.3: 5e0", CL(" 5e0"), "400"),
	BAD("9112 6.3: \"5\"", CL(" \"5\""), "400"),
	BAD("9112 6.3: 5;x", CL(" 5;x"), "400"),
	BAD("9112 6.3: too many digits", CL(" 99999999999999999999999"), "400"),
	BAD("9112 6.3: NUL inside", CL(" 5\0"), "400"),
	BAD("9112 6.3: two, equal",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400"),
	BAD("9112 6.3: two, different",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello", "400"),
#define TE(v)	"POST / HTTP/1.1\r\n" H "Transfer-Encoding:" v "\r\n\r\n0\r\n\r\n"
	BAD("9112 6.1: xchunked", TE(" xchunked"), "501"),
	BAD("9112 6.1: identity", TE(" identity"), "501"),
	BAD("9112 6.1: \"chunked\"", TE(" \"chunked\""), "400"),
	BAD("9112 6.1: empty", TE(""), "400"),
	BAD("9112 6.1: gzip, chunked", TE(" gzip, chunked"), "501"),
	BAD("9112 6.1: chunked, identity", TE(" chunked, identity"), "400"),
	BAD("9112 6.1: chunked, chunked", TE(" chunked, chunked"), "400"),
	BAD("9112 6.1: chunked;q=1", TE(" chunked;q=1"), "400"),
	BAD("9112 6.1: chunked with a NUL", TE(" chunked\0"), "400"),
	BAD("9112 6.1: chunked with a vertical tab", TE(" \vchunked"), "400"),
	BAD("9112 6.1: twice",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n", "400"),
	BAD("9112 6.1: in HTTP/1.0",
	    "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
	BAD("9112 5.1: space before the colon",
	    "POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello", "400"),
	BAD("9112 5.1: tab before the colon",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n", "400"),
	BAD("9112 5.2: obs-fold", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "400"),
	BAD("9112 5.2: obs-fold with a tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", "400"),
	BAD("9112 5.2: folded Transfer-Encoding",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n", "400"),
	BAD("9112 2.2: space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
	BAD("9112 2.2: bare LF ends the line", "GET / HTTP/1.1\n" H "\r\n", "400"),
	BAD("9112 2.2: bare LF ends a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", "400"),
	BAD("9112 2.2: bare LF ends the head", "GET / HTTP/1.1\r\n" H "\n", "400"),
	BAD("9112 2.2: bare CR in the line", "GET /\r HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 2.2: bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", "400"),
	BAD("9112 2.2: bare CR in a name", "GET / HTTP/1.1\r\n" H "X\r: a\r\n\r\n", "400"),
	BAD("9110 5.5: NUL in a value", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", "400"),
	BAD("9110 5.5: a line that begins with NUL", "GET / HTTP/1.1\r\n" H "\0\r\n\r\n", "400"),
	BAD("9110 5.5: a control byte in a value", "GET / HTTP/1.1\r\n" H "X: a\001b\r\n\r\n", "400"),
	BAD("9110 5.5: DEL in a value", "GET / HTTP/1.1\r\n" H "X: a\177b\r\n\r\n", "400"),
	BAD("9110 5.1: an empty name", "GET / HTTP/1.1\r\n" H ": a\r\n\r\n", "400"),
	BAD("9110 5.1: a space in a name", "GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n", "400"),
	BAD("9110 5.1: brackets in a name", "GET / HTTP/1.1\r\n" H "X(y): a\r\n\r\n", "400"),
	BAD("9110 5.1: obs-text in a name", "GET / HTTP/1.1\r\n" H "X\xff: a\r\n\r\n", "400"),
	BAD("9112 5: no colon", "GET / HTTP/1.1\r\n" H "Xa\r\n\r\n", "400"),
	BAD("9112 3.2: no Host", "GET / HTTP/1.1\r\n\r\n", "400"),
	BAD("9112 3.2: two Hosts", "GET / HTTP/1.1\r\n" H H "\r\n", "400"),
	BAD("9112 3.2: two Hosts, different", "GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n", "400"),
	BAD("9112 3.2: a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
	BAD("9112 3.2: a Host with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
	BAD("9112 3.2: a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
	BAD("9112 3.2: a Host with a bad port", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", "400"),
	GOOD("3986 3.2.2: a comma in a name", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "200 ", 1),
	BAD("9112 3.2: no slash first", "GET a HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2: a fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2: a space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2: a control byte in the target", "GET /a\001 HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2: obs-text in the target", "GET /\xff HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2: NUL in the target", "GET /a\0b HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2.4: * with GET", "GET * HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3.2.2: userinfo in absolute-form", "GET http://u@b/ HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3: two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3: a tab", "GET\t/ HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3: space before the method", " GET / HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3: space at the end", "GET / HTTP/1.1 \r\n" H "\r\n", "400"),
	BAD("9112 3: two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 3: no version (0.9)", "GET /\r\n" H "\r\n", "400"),
	BAD("9112 3: an illegal method", "G@T / HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9112 2.3: HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", "505"),
	BAD("9112 2.3: HTTP/0.9", "GET / HTTP/0.9\r\n" H "\r\n", "505"),
	BAD("9112 2.3: HTTP/1.01", "GET / HTTP/1.01\r\n" H "\r\n", "400"),
	BAD("9112 2.3: http/1.1", "GET / http/1.1\r\n" H "\r\n", "400"),
	BAD("9112 2.2: two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "400"),
	BAD("9110 10.1.1: another expectation",
	    "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", "417"),
	BAD("9110 9.3.6: CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "501"),
	BAD("9110 9.3.8: TRACE", "TRACE / HTTP/1.1\r\n" H "\r\n", "405"),
	BAD("9110 15.5.14: a length over the limit", CL(" 999999999999"), "413"),
#define CHUNKS(c)	"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n" c "\r\n" SECOND
	ROW("9112 7.1: 0x5", CHUNKS("0x5\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: +5", CHUNKS("+5\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: space first", CHUNKS(" 5\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: 5 junk", CHUNKS("5 junk\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: no size", CHUNKS("\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: an extension alone", CHUNKS(";a\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: too many digits", CHUNKS("11111111111111115\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: no CRLF after the data", CHUNKS("5\r\nhello0\r\n"), "400 ", 1),
	ROW("9112 7.1: data longer than its size", CHUNKS("5\r\nhello!\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: bare LF after the size", CHUNKS("5\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: bare LF in an extension", CHUNKS("5;a\nb\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: bare CR in an extension", CHUNKS("5;a\rb\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: bare LF after the data", CHUNKS("5\r\nhello\n0\r\n"), "400 ", 1),
	ROW("9112 7.1: NUL in a chunk line", CHUNKS("5;\0\r\nhello\r\n0\r\n"), "400 ", 1),
	ROW("9112 7.1.2: a bad trailer", CHUNKS("0\r\nX : y\r\n"), "400 ", 1),
	ROW("9112 5.2: a folded trailer", CHUNKS("0\r\nX: y\r\n z\r\n"), "400 ", 1),
	ROW("9112 2.2: bare LF ends a trailer", CHUNKS("0\r\nX: y\n"), "400 ", 1),
	ROW("9112 2.2: bare CR in a trailer", CHUNKS("0\r\nX: y\rz\r\n"), "400 ", 1),
	ROW("9110 5.5: NUL in a trailer", CHUNKS("0\r\nX: y\0\r\n"), "400 ", 1),
	ROW("9110 5.1: a trailer without name", CHUNKS("0\r\n: y\r\n"), "400 ", 1),
};

START_TEST(raw_bytes)
{
	struct srv s;
	char got[64];
	unsigned before;

	srv_open(&s);
	srv_start(&s);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		before = counted(&s, N_REQUEST);
		statuses(&s, rows[i].p, rows[i].n, got);
		ck_assert_msg(strcmp(got, rows[i].want) == 0, "%s: \"%s\", not \"%s\"",
		    rows[i].name, got, rows[i].want);
		ck_assert_msg(counted(&s, N_REQUEST) - before == rows[i].requests,
		    "%s: %u requests, not %u", rows[i].name, counted(&s, N_REQUEST) - before,
		    rows[i].requests);
	}
	srv_close(&s);
}
END_TEST

/* The same bytes one at a time say the same. */
START_TEST(byte_by_byte)
{
	struct srv s;
	struct buf in = { 0 };
	const char *p;
	char got[64];
	int fd, on = 1;

	srv_open(&s);
	srv_start(&s);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fd = cl_open(&s);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		for (size_t k = 0; k < rows[i].n; k++)
			cl_send(fd, rows[i].p + k, 1);
		shutdown(fd, SHUT_WR);
		in.n = 0;
		cl_rest(fd, &in);
		*got = '\0';
		for (p = buf_str(&in); (p = strstr(p, "HTTP/1.1 ")) != NULL; p += 9)
			strncat(got, p + 9, 4);
		ck_assert_msg(strcmp(got, rows[i].want) == 0, "%s: \"%s\", not \"%s\"",
		    rows[i].name, got, rows[i].want);
	}
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(refusals_are_whole)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET / HTTP/1.1\r\nHost : a\r\n\r\n");
	ck_assert(cl_rest(fd, &in));
	buf_str(&in);
	ck_assert(strstr(in.p, "HTTP/1.1 400 Bad Request\r\n") == in.p);
	ck_assert_ptr_nonnull(strstr(in.p, "\r\nDate: "));
	ck_assert_ptr_nonnull(strstr(in.p, "\r\nContent-Length: "));
	ck_assert_ptr_nonnull(strstr(in.p, "\r\nConnection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(in.p, "\r\nCache-Status: corral; detail=bad-request\r\n"));
	ck_assert_uint_eq(counted(&s, N_REFUSED), 1);
	ck_assert_int_eq(s.refused, 400);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* An answer before the body isn't lost to the reset that unread bytes would make. */
START_TEST(refused_body_is_thrown_away)
{
	struct srv s;
	struct buf in = { 0 };
	char *junk = XCALLOC(1, 8 << 20);
	int fd;

	srv_open(&s);
	s.conf->limits.body = 1000;
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "POST / HTTP/1.1\r\n" H "Content-Length: 8388608\r\n\r\n");
	cl_send(fd, junk, 8 << 20);
	ck_assert(cl_rest(fd, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 413 ", 13) == 0);
	ck_assert_ptr_nonnull(strstr(in.p, "detail=too-large"));
	ck_assert_uint_eq(counted(&s, N_REQUEST), 0);

	in.n = 0;
	fd = cl_open(&s);
	cl_say(fd, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n7d0\r\n");
	cl_send(fd, junk, 2000);
	ck_assert(cl_rest(fd, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 413 ", 13) == 0);
	ck_assert_int_eq(s.body_end, 413);
	free(junk);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(head_limits)
{
	struct srv s;
	struct buf raw = { 0 };
	char got[64];

	srv_open(&s);
	s.conf->limits.header_bytes = 4096;
	s.conf->limits.uri = 1000;
	s.conf->limits.header_fields = 10;
	srv_start(&s);
	buf_add_str(&raw, "GET /");
	for (int i = 0; i < 1000; i++)
		buf_add_str(&raw, "a");
	buf_add_str(&raw, " HTTP/1.1\r\n" H "\r\n" SECOND);
	statuses(&s, raw.p, raw.n, got);
	ck_assert_str_eq(got, "414 ");

	raw.n = 0;
	buf_add_str(&raw, "GET / HTTP/1.1\r\n" H "X: ");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&raw, "a");
	statuses(&s, raw.p, raw.n, got);
	ck_assert_str_eq(got, "431 ");

	raw.n = 0;
	buf_add_str(&raw, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < 10; i++)
		buf_add_str(&raw, "X: a\r\n");
	buf_add_str(&raw, "\r\n" SECOND);
	statuses(&s, raw.p, raw.n, got);
	ck_assert_str_eq(got, "431 ");
	ck_assert_uint_eq(counted(&s, N_REQUEST), 0);
	buf_fini(&raw);
	srv_close(&s);
}
END_TEST

static void *
send_all(void *arg)
{
	struct buf *raw = ((void **)arg)[0];
	int *fd = ((void **)arg)[1];

	cl_send(*fd, raw->p, raw->n);
	shutdown(*fd, SHUT_WR);
	return NULL;
}

/* "GET /<prefix><i>": answered in this order, each once. */
static void
check_order(struct buf *in, unsigned first, unsigned n)
{
	const char *p = buf_str(in);
	char line[32];

	for (unsigned i = first; i < first + n; i++) {
		snprintf(line, sizeof line, "GET /%u 0\n", i);
		p = strstr(p, "GET /");
		ck_assert_msg(p != NULL && strncmp(p, line, strlen(line)) == 0, "%s", line);
		p += strlen(line);
	}
	ck_assert_ptr_null(strstr(p, "GET /"));
}

START_TEST(pipelined_10000)
{
	struct srv s;
	struct buf raw = { 0 }, in = { 0 };
	void *args[2];
	pthread_t t;
	int fd;

	srv_open(&s);
	srv_start(&s);
	for (unsigned i = 0; i < 10000; i++)
		buf_addf(&raw, "GET /%u HTTP/1.1\r\n" H "\r\n", i);
	fd = cl_open(&s);
	args[0] = &raw;
	args[1] = &fd;
	pthread_create(&t, NULL, send_all, args);
	/* Reads while the other thread sends; both end by the half-close. */
	for (char b[65536];;) {
		ssize_t r = recv(fd, b, sizeof b, 0);

		ck_assert_int_ge(r, 0);
		if (r == 0)
			break;
		buf_add(&in, b, (size_t)r);
	}
	pthread_join(t, NULL);
	close(fd);
	check_order(&in, 0, 10000);
	buf_fini(&raw);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(pipelined_while_parked)
{
	struct srv s;
	struct buf raw = { 0 }, in = { 0 };
	unsigned n = 0;
	void *args[2];
	pthread_t t;
	int fd;

	srv_open(&s);
	srv_start(&s);
	while (raw.n < (1 << 20))
		buf_addf(&raw, "GET /%u HTTP/1.1\r\n" H "\r\n", n++);
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 1));
	args[0] = &raw;
	args[1] = &fd;
	pthread_create(&t, NULL, send_all, args);
	/* The hold fills to its mark, however much there is to take. */
	do
		call(&s, look_held);
	while (s.most_held < HOLD_MAX - 4096);
	for (int i = 0; i < 100; i++) {
		call(&s, look_held);
		ck_assert_uint_le(s.most_held, HOLD_MAX);
	}
	ck_assert_uint_eq(counted(&s, N_REQUEST), 1);
	call(&s, answer_parked);
	for (char b[65536];;) {
		ssize_t r = recv(fd, b, sizeof b, 0);

		ck_assert_int_ge(r, 0);
		if (r == 0)
			break;
		buf_add(&in, b, (size_t)r);
	}
	pthread_join(t, NULL);
	close(fd);
	ck_assert_uint_eq(counted(&s, N_REQUEST), n + 1);
	buf_drop(&in, (size_t)(strstr(buf_str(&in), "GET /park") + 9 - in.p));
	check_order(&in, 0, n);
	buf_fini(&raw);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(departures_while_parked)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n" SECOND "GET /cut");
	ck_assert(reaches(&s, N_REQUEST, 1));
	shutdown(fd, SHUT_WR);
	ck_assert(reaches(&s, N_HALF, 1));
	/* It can still be answered, and what it had sent whole as well. */
	call(&s, answer_parked);
	ck_assert(cl_rest(fd, &in));
	ck_assert_ptr_nonnull(strstr(buf_str(&in), "GET /park 0"));
	ck_assert_ptr_nonnull(strstr(in.p, "GET /smuggled 0"));
	ck_assert_uint_eq(counted(&s, N_REQUEST), 2);
	ck_assert_uint_eq(counted(&s, N_LOST), 0);

	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 3));
	cl_reset(fd);
	ck_assert(reaches(&s, N_LOST, 1));
	ck_assert_uint_eq(counted(&s, N_HALF), 1);

	/* With early bytes in the hold. */
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n" SECOND);
	ck_assert(reaches(&s, N_REQUEST, 4));
	cl_reset(fd);
	ck_assert(reaches(&s, N_LOST, 2));
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* The hold is full, so reading is off: it takes a look of the timer. */
START_TEST(departures_behind_a_full_hold)
{
	struct srv s;
	char *junk = XCALLOC(1, 1 << 20);
	int fd;

	srv_open(&s);
	srv_start(&s);
	for (int hard = 0; hard <= 1; hard++) {
		fd = cl_open(&s);
		cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
		ck_assert(reaches(&s, N_REQUEST, (unsigned)hard + 1));
		cl_send(fd, junk, 100000);
		do
			call(&s, look_held);
		while (s.most_held < HOLD_MAX - 4096);
		if (hard) {
			cl_reset(fd);
			ck_assert(reaches(&s, N_LOST, 1));
		} else {
			shutdown(fd, SHUT_WR);
			ck_assert(reaches(&s, N_HALF, 1));
			call(&s, kill_parked);
			close(fd);
		}
	}
	free(junk);
	srv_close(&s);
}
END_TEST

static uint64_t
read_big(struct srv *s, int fd)
{
	char b[65536];
	uint64_t n = 0;
	ssize_t r;
	bool body = false;
	char *p;

	while ((r = recv(fd, b, sizeof b - 1, 0)) > 0) {
		p = b;
		if (!body) {
			b[r] = '\0';
			p = strstr(b, "\r\n\r\n");
			ck_assert_ptr_nonnull(p);
			p += 4;
			body = true;
		}
		for (; p < b + r; p++, n++)
			if (*p != s->big[n % BIG_PIECE])
				return n;
	}
	ck_assert_int_eq(r, 0);
	return n;
}

START_TEST(half_close_then_50_mb)
{
	struct srv s;
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET /big/50000000 HTTP/1.1\r\n" H "\r\n");
	shutdown(fd, SHUT_WR);
	ck_assert_uint_eq(read_big(&s, fd), 50000000);
	close(fd);
	ck_assert_uint_le(s.most_pending, BIG_MARK + BIG_PIECE);
	srv_close(&s);
}
END_TEST

/* It stands still until it is served; another client isn't held up, and it ends whole. */
START_TEST(slow_reader)
{
	struct srv s;
	int slow, fd;

	srv_open(&s);
	srv_start(&s);
	slow = cl_open(&s);
	cl_say(slow, "GET /big/20000000 HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	ck_assert(reaches(&s, N_REQUEST, 1));
	for (int i = 0; i < 100; i++) {
		fd = cl_open(&s);
		ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
		close(fd);
	}
	ck_assert_uint_le(counted(&s, N_LENT) - counted(&s, N_RELEASED),
	    BIG_MARK / BIG_PIECE + 1);
	ck_assert_uint_eq(read_big(&s, slow), 20000000);
	close(slow);
	ck_assert_uint_le(s.most_pending, BIG_MARK + BIG_PIECE);
	srv_close(&s);
}
END_TEST

/* What is lent comes back when the connection goes. */
START_TEST(lent_pieces_come_back)
{
	struct srv s;
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET /big/90000000 HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_LENT, 8));
	cl_reset(fd);
	ck_assert(reaches(&s, N_LOST, 1));
	ck_assert_uint_eq(counted(&s, N_RELEASED), counted(&s, N_LENT));
	srv_close(&s);
}
END_TEST

START_TEST(kinds_of_requests)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "HEAD /h HTTP/1.1\r\n" H "\r\nGET /next HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	ck_assert(cl_rest(fd, &in));
	ck_assert_ptr_null(strstr(buf_str(&in), "HEAD /h"));
	ck_assert_ptr_nonnull(strstr(in.p, "GET /next"));

	fd = cl_open(&s);
	ask(fd, "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200",
	    "Connection: keep-alive\r\n");
	ask(fd, "PURGE /2 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "200", "PURGE /2 5\n");
	ask(fd, "M-SEARCH /3 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	    "200", "M-SEARCH /3 5\n");
	ask(fd, "GET /4 HTTP/1.0\r\n\r\n", "200", "Connection: close\r\n");
	in.n = 0;
	ck_assert(cl_rest(fd, &in));
	ck_assert_uint_eq(in.n, 0);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(early_answers)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	/* The body is small and here: it is skipped. */
	fd = cl_open(&s);
	ask(fd, "POST /early HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "200", "POST /early 0");
	ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	/* It isn't: the answer says so and the connection closes. */
	cl_say(fd, "POST /early HTTP/1.1\r\n" H "Content-Length: 500\r\n\r\nhello");
	ck_assert(cl_rest(fd, &in));
	ck_assert_ptr_nonnull(strstr(buf_str(&in), "Connection: close\r\n"));
	ck_assert_uint_eq(counted(&s, N_BODY_END), 0);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(expectations)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "POST /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	cl_answers(fd, &in, 1);
	ck_assert_str_eq(in.p, "HTTP/1.1 100 Continue\r\n\r\n");
	cl_say(fd, "hello");
	in.n = 0;
	cl_answers(fd, &in, 1);
	ck_assert_ptr_nonnull(strstr(in.p, "POST /a 5\n"));

	/* The body came along: no 100. */
	ask(fd, "POST /b HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
	    "200", "POST /b 5\n");
	/* HTTP/1.0 knows no 100. */
	cl_say(fd, "POST /c HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	ck_assert(reaches(&s, N_REQUEST, 3));
	cl_say(fd, "hello");
	in.n = 0;
	ck_assert(cl_rest(fd, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 200", 12) == 0);
	/* Nobody wants the body: no 100, and the connection closes. */
	fd = cl_open(&s);
	cl_say(fd, "POST /early HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	in.n = 0;
	ck_assert(cl_rest(fd, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 200", 12) == 0);
	ck_assert_ptr_nonnull(strstr(in.p, "Connection: close\r\n"));
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* Exactly these bytes come next. */
static void
cl_expect(int fd, const char *text)
{
	size_t n = strlen(text), have = 0;
	char b[4096];
	ssize_t r;

	ck_assert_uint_le(n, sizeof b);
	for (; have < n; have += (size_t)r) {
		r = recv(fd, b + have, n - have, 0);
		ck_assert_msg(r > 0, "ended early, not %s", text);
	}
	ck_assert_msg(memcmp(b, text, n) == 0, "%.*s, not %s", (int)n, b, text);
}

#define ANSWER	"HTTP/1.1 200"

/* They come before the answer, and change nothing about it, nor about the connection. */
START_TEST(interim_answers)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\nGET /next HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 1));
	call(&s, hint_parked);
	cl_expect(fd, HINT);			/* at once, not with the answer */
	call(&s, hint_parked);
	call(&s, answer_parked);
	cl_expect(fd, HINT ANSWER);
	cl_answers(fd, &in, 2);
	ck_assert_ptr_nonnull(strstr(in.p, "GET /next 0\n"));
	ck_assert_ptr_null(strstr(in.p, "Connection: close"));
	ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");

	/* A client that sends no more is told as well; the answer is the last. */
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
	shutdown(fd, SHUT_WR);
	ck_assert(reaches(&s, N_HALF, 1));
	call(&s, hint_parked);
	call(&s, answer_parked);
	cl_expect(fd, HINT ANSWER);
	in.n = 0;
	ck_assert(cl_rest(fd, &in));

	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	ck_assert(reaches(&s, N_REQUEST, 5));
	call(&s, hint_parked);
	call(&s, answer_parked);
	cl_expect(fd, HINT ANSWER);
	in.n = 0;
	ck_assert(cl_rest(fd, &in));
	ck_assert_ptr_nonnull(strstr(buf_str(&in), "Connection: close\r\n"));
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* RFC 9110 10.1.1: another interim answer is not the one that an expectation waits for. */
START_TEST(interim_answers_and_expectations)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "POST /park HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	ck_assert(reaches(&s, N_REQUEST, 1));
	call(&s, hint_parked);
	call(&s, start_parked_body);
	cl_expect(fd, HINT "HTTP/1.1 100 Continue\r\n\r\n");
	cl_say(fd, "hello");
	ck_assert(reaches(&s, N_BODY_END, 1));
	call(&s, hint_parked);
	call(&s, answer_parked);
	cl_expect(fd, HINT ANSWER);
	cl_answers(fd, &in, 1);
	ck_assert_ptr_nonnull(strstr(in.p, "POST /park 5\n"));
	/* Never asked for: it closes as without a hint, and in order. */
	cl_say(fd, "POST /park HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	ck_assert(reaches(&s, N_REQUEST, 2));
	call(&s, hint_parked);
	call(&s, answer_parked);
	cl_expect(fd, HINT ANSWER);
	in.n = 0;
	ck_assert(cl_rest(fd, &in));
	ck_assert_ptr_nonnull(strstr(buf_str(&in), "Connection: close\r\n"));
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* What it doesn't read is bounded; all that it is given is whole and in order. */
START_TEST(interim_answers_nobody_reads)
{
	struct srv s;
	struct buf in = { 0 };
	const char *p;
	size_t n = 0;
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "POST /park HTTP/1.1\r\n" H "Expect: 100-continue\r\nConnection: close\r\n"
	    "Content-Length: 5\r\n\r\n");
	ck_assert(reaches(&s, N_REQUEST, 1));
	call(&s, hint_parked_much);
	ck_assert_uint_ge(s.most_pending, HINT_MARK);
	ck_assert_uint_le(s.most_pending, HINT_MARK + 2 * HINT_BIG);
	call(&s, start_parked_body);
	cl_say(fd, "hello");
	ck_assert(reaches(&s, N_BODY_END, 1));
	call(&s, answer_parked);
	ck_assert(cl_rest(fd, &in));
	for (p = buf_str(&in); strncmp(p, "HTTP/1.1 103", 12) == 0; n++) {
		ck_assert_uint_eq(strspn(strstr(p, "X: ") + 3, "0"), HINT_BIG);
		p = strstr(p, "\r\n\r\n") + 4;
	}
	ck_assert_uint_gt(n, HINT_MARK / HINT_BIG);
	ck_assert_uint_lt(n, 4000);
	ck_assert(strncmp(p, "HTTP/1.1 100 Continue\r\n\r\n" ANSWER, 37) == 0);
	ck_assert_ptr_nonnull(strstr(p, "POST /park 5\n"));

	/* It leaves instead. */
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 2));
	call(&s, hint_parked_much);
	cl_reset(fd);
	ck_assert(reaches(&s, N_LOST, 1));
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* An answer has not begun: a plain end, which nobody can take for one, and no reset. */
START_TEST(killed_after_an_interim_answer)
{
	struct srv s;
	struct buf in = { 0 };
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 1));
	call(&s, hint_parked);
	call(&s, kill_parked);
	ck_assert(cl_rest(fd, &in));
	ck_assert_str_eq(buf_str(&in), HINT);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* 64 MiB through a handler that pauses after every piece. */
START_TEST(upload_64_mib)
{
	struct srv s;
	struct buf chunk = { 0 };
	char *data = XCALLOC(1, 1 << 20);
	int fd;

	srv_open(&s);
	s.conf->limits.body = 64 << 20;
	srv_start(&s);
	buf_addf(&chunk, "%x;x=y\r\n", 1 << 20);
	buf_add(&chunk, data, 1 << 20);
	buf_add_str(&chunk, "\r\n");
	for (int pause = 0; pause <= 1; pause++) {
		fd = cl_open(&s);
		cl_say(fd, pause ? "PUT /pause HTTP/1.1\r\n" : "PUT /flow HTTP/1.1\r\n");
		cl_say(fd, H "Transfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < 64; i++)
			cl_send(fd, chunk.p, chunk.n);
		ask(fd, "0\r\n\r\n", "200", pause ? "PUT /pause 67108864\n" : "PUT /flow 67108864\n");
		ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
		close(fd);
	}
	ck_assert_uint_le(s.most_held, 2 * HOLD_MAX);
	free(data);
	buf_fini(&chunk);
	srv_close(&s);
}
END_TEST

START_TEST(upload_stops_when_paused)
{
	struct srv s;
	char *data = XCALLOC(1, 1 << 20);
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "PUT /park-body-stop HTTP/1.1\r\n" H "Content-Length: 400000\r\n\r\n");
	cl_send(fd, data, 400000);
	ck_assert(reaches(&s, N_PIECE, 1));
	do
		call(&s, look_held);
	while (s.most_held < HOLD_MAX - 4096);
	ck_assert_uint_le(s.most_held, 2 * HOLD_MAX);
	ck_assert_uint_eq(counted(&s, N_PIECE), 1);
	call(&s, resume_parked);
	ck_assert(reaches(&s, N_PIECE, 2));
	while (counted(&s, N_BODY_END) == 0)
		call(&s, resume_parked);
	call(&s, answer_parked);
	ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "PUT /park-body-stop 400000\n");
	close(fd);
	free(data);
	srv_close(&s);
}
END_TEST

START_TEST(slow_heads)
{
	struct srv s;
	struct buf in = { 0 };
	int silent, partial, later;

	srv_open(&s);
	s.conf->limits.header_timeout = 100 * USEC_PER_MSEC;
	srv_start(&s);
	silent = cl_open(&s);
	partial = cl_open(&s);
	later = cl_open(&s);
	cl_say(partial, "GET / HT");
	ask(later, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	cl_say(later, "G");
	ck_assert(cl_rest(silent, &in));
	ck_assert_uint_eq(in.n, 0);
	ck_assert(cl_rest(partial, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 408 ", 13) == 0);
	ck_assert_ptr_nonnull(strstr(in.p, "detail=request-timeout"));
	in.n = 0;
	ck_assert(cl_rest(later, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 408 ", 13) == 0);
	ck_assert_uint_eq(counted(&s, N_REFUSED), 2);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* A head that trickles isn't kept alive by its trickling. */
START_TEST(trickling_head)
{
	struct srv s;
	struct buf in = { 0 };
	struct pollfd p = { .events = POLLIN };
	unsigned n = 0;

	srv_open(&s);
	s.conf->limits.header_timeout = 150 * USEC_PER_MSEC;
	srv_start(&s);
	p.fd = cl_open(&s);
	cl_say(p.fd, "GET / HTTP/1.1\r\nX: ");
	while (poll(&p, 1, 10) == 0 && n++ < 1000)
		cl_say(p.fd, "a");
	ck_assert_uint_lt(n, 1000);
	cl_rest(p.fd, &in);
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 408 ", 13) == 0);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(idle_and_stuck)
{
	struct srv s;
	struct buf in = { 0 };
	int fd, small = 4096;

	srv_open(&s);
	s.conf->limits.idle_timeout = 100 * USEC_PER_MSEC;
	s.conf->limits.send_timeout = 100 * USEC_PER_MSEC;
	srv_start(&s);
	/* Between requests: closed in silence. */
	fd = cl_open(&s);
	ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	ck_assert(cl_rest(fd, &in));
	ck_assert_uint_eq(in.n, 0);
	/* In a body: 408. */
	fd = cl_open(&s);
	cl_say(fd, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel");
	ck_assert(cl_rest(fd, &in));
	ck_assert(strncmp(buf_str(&in), "HTTP/1.1 408 ", 13) == 0);
	ck_assert_int_eq(s.body_end, 408);
	/* Parked: no limit of the gate's. */
	fd = cl_open(&s);
	cl_say(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 3));
	/* Taking nothing of an answer: cut. */
	{
		int stuck = cl_open(&s);

		setsockopt(stuck, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		cl_say(stuck, "GET /big/90000000 HTTP/1.1\r\n" H "\r\n");
		ck_assert(reaches(&s, N_LOST, 1));
		close(stuck);
	}
	call(&s, answer_parked);
	in.n = 0;
	cl_answers(fd, &in, 1);
	close(fd);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(connection_limit)
{
	struct srv s;
	struct buf in = { 0 };
	int a, b;

	srv_open(&s);
	s.conf->limits.connections = 1;
	srv_start(&s);
	a = cl_open(&s);
	ask(a, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	for (int i = 0; i < 300; i++) {
		b = cl_open(&s);
		in.n = 0;
		cl_rest(b, &in);
		ck_assert(strncmp(buf_str(&in), "HTTP/1.1 503 ", 13) == 0);
		ck_assert_ptr_nonnull(strstr(in.p, "Retry-After: 1\r\n"));
	}
	ck_assert_int_eq(s.refused, 503);
	ask(a, "GET /y HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "200", "GET /y 0");
	in.n = 0;
	ck_assert(cl_rest(a, &in));
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

static unsigned connections_now;

static void
look_connections(struct srv *s)
{
	connections_now = listener_connections(s->l);
}

START_TEST(drain)
{
	struct srv s;
	struct buf in = { 0 };
	int idle, parked, silent;

	srv_open(&s);
	srv_start(&s);
	silent = cl_open(&s);
	idle = cl_open(&s);
	ask(idle, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	parked = cl_open(&s);
	cl_say(parked, "GET /park HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_REQUEST, 2));
	call(&s, stop_listening);
	do
		call(&s, look_connections);
	while (connections_now > 3);	/* the socket still counts */
	ck_assert(cl_rest(idle, &in));
	ck_assert(cl_rest(silent, &in));
	ck_assert_uint_eq(in.n, 0);
	call(&s, answer_parked);
	ck_assert(cl_rest(parked, &in));
	ck_assert_ptr_nonnull(strstr(buf_str(&in), "Connection: close\r\n"));
	do
		call(&s, look_connections);
	while (connections_now > 0);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* A request that was on its way when the drain began: answered while the grace lasts. */
START_TEST(request_within_the_grace)
{
	struct srv s;
	struct buf in = { 0 };
	int fd[2];

	srv_open(&s);
	srv_start(&s);
	fd[0] = cl_open(&s);
	ask(fd[0], "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	fd[1] = cl_open(&s);				/* nothing was ever asked on this one */
	do
		call(&s, look_connections);
	while (connections_now < 3);
	atomic_store(&frozen, clock_mono());		/* the grace lasts as long as we like */
	call(&s, stop_listening);
	do
		call(&s, look_connections);
	while (connections_now > 2);
	for (int i = 0; i < 2; i++) {
		cl_say(fd[i], "GET /late HTTP/1.1\r\n" H "\r\n");
		in.n = 0;
		ck_assert(cl_rest(fd[i], &in));
		ck_assert_msg(strncmp(buf_str(&in), "HTTP/1.1 200 ", 13) == 0, "%s", in.p);
		ck_assert_ptr_nonnull(strstr(in.p, "Connection: close\r\n"));
		ck_assert_ptr_nonnull(strstr(in.p, "GET /late 0"));
	}
	atomic_store(&frozen, 0);
	do
		call(&s, look_connections);
	while (connections_now > 0);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

START_TEST(kill_in_every_state)
{
	struct srv s;
	int fd[8], n = 0;
	char b[65536];
	struct buf in = { 0 };

	srv_open(&s);
	srv_start(&s);
	fd[n++] = cl_open(&s);					/* new or idle */
	fd[n] = cl_open(&s);
	cl_say(fd[n++], "GET / HT");				/* in a head */
	fd[n] = cl_open(&s);
	ask(fd[n++], "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	fd[n] = cl_open(&s);
	cl_say(fd[n++], "GET /park HTTP/1.1\r\n" H "\r\n" SECOND);
	fd[n] = cl_open(&s);
	cl_say(fd[n++], "PUT /park-body HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello");
	fd[n] = cl_open(&s);
	cl_say(fd[n++], "GET /big/90000000 HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_LENT, 8));
	fd[n] = cl_open(&s);
	cl_say(fd[n], "GET / HTTP/1.1\r\n\r\n");		/* lingers */
	ck_assert_int_gt(recv(fd[n++], b, sizeof b, 0), 0);
	ck_assert(reaches(&s, N_REQUEST, 4));
	call(&s, kill_all);
	ck_assert_uint_eq(counted(&s, N_LOST), 3);
	ck_assert_uint_eq(counted(&s, N_RELEASED), counted(&s, N_LENT));
	call(&s, look_connections);
	ck_assert_uint_eq(connections_now, 0);
	while (n > 0)
		cl_rest(fd[--n], &in);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* A cut answer can't be taken for a whole one, even where only the connection's end would tell. */
START_TEST(kill_resets_what_was_begun)
{
	struct srv s;
	char b[65536];
	ssize_t r;
	int fd;

	srv_open(&s);
	srv_start(&s);
	fd = cl_open(&s);
	cl_say(fd, "GET /big/90000000 HTTP/1.1\r\n" H "\r\n");
	ck_assert(reaches(&s, N_LENT, 8));
	call(&s, kill_all);
	while ((r = recv(fd, b, sizeof b, 0)) > 0)
		continue;
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(fd);
	srv_close(&s);
}
END_TEST

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Pieces of the cases above, cut, joined and spoiled; the server must outlive them all. */
START_TEST(garbage)
{
	struct srv s;
	struct buf raw = { 0 }, in = { 0 };
	uint64_t x = 0x9e3779b97f4a7c15;
	int fd;

	srv_open(&s);
	s.conf->limits.header_timeout = 50 * USEC_PER_MSEC;
	s.conf->limits.idle_timeout = 50 * USEC_PER_MSEC;
	srv_start(&s);
	for (int round = 0; round < 1500; round++) {
		raw.n = 0;
		for (uint64_t k = 1 + next_random(&x) % 4; k > 0; k--) {
			const struct raw *r = &rows[next_random(&x) % (sizeof rows / sizeof rows[0])];
			size_t n = next_random(&x) % 3 == 0 ? next_random(&x) % (r->n + 1) : r->n;

			buf_add(&raw, r->p, n);
		}
		for (uint64_t k = next_random(&x) % 3; k > 0 && raw.n > 0; k--)
			raw.p[next_random(&x) % raw.n] = (char)next_random(&x);
		fd = cl_open(&s);
		if (next_random(&x) % 2 == 0) {
			cl_send(fd, raw.p, raw.n);
		} else {
			cl_send(fd, raw.p, raw.n / 2);
			cl_send(fd, raw.p + raw.n / 2, raw.n - raw.n / 2);
		}
		switch (next_random(&x) % 3) {
		case 0:
			cl_reset(fd);
			break;
		case 1:
			close(fd);
			break;
		default:
			shutdown(fd, SHUT_WR);
			in.n = 0;
			cl_rest(fd, &in);
		}
	}
	fd = cl_open(&s);
	ask(fd, "GET /alive HTTP/1.1\r\n" H "\r\n", "200", "GET /alive 0");
	close(fd);
	buf_fini(&raw);
	buf_fini(&in);
	srv_close(&s);
}
END_TEST

/* Out of descriptors: who comes is told so, nothing spins, and it recovers. */
START_TEST(no_descriptors)
{
	struct rlimit was, rl;
	struct srv s;
	struct buf in = { 0 };
	int first, fd[16];

	srv_open(&s);
	srv_start(&s);
	/* Clients are made before the limit bites; the server has none left for them. */
	for (int i = 0; i < 16; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_ge(fd[i], 0);
	}
	first = dup(0);
	close(first);
	getrlimit(RLIMIT_NOFILE, &was);
	rl = was;
	rl.rlim_cur = (rlim_t)first;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	for (int i = 0; i < 16; i++) {
		struct timeval tv = { PATIENCE, 0 };

		setsockopt(fd[i], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
		ck_assert_int_eq(connect(fd[i], (struct sockaddr *)&s.bound.sa, s.bound.len), 0);
		while (recv(fd[i], (char[4096]){ 0 }, 4096, 0) > 0)
			in.n++;
	}
	/* Under valgrind every second one is closed by valgrind. */
	ck_assert_uint_ge(in.n, 8);
	setrlimit(RLIMIT_NOFILE, &was);
	for (int i = 0; i < 16; i++)
		close(fd[i]);
	first = cl_open(&s);
	ask(first, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	close(first);
	srv_close(&s);
}
END_TEST

static void
limit_descriptors(rlim_t n)
{
	struct rlimit rl;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

static int
lowest_free(void)
{
	int fd = dup(0);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

/* Not even the reserve can be used: accepting pauses, and goes on when there are descriptors. */
START_TEST(accepting_pauses)
{
	struct rlimit was;
	struct srv s;
	struct now began;
	struct buf in = { 0 };
	int fd, late;

	srv_open(&s);
	srv_start(&s);
	atomic_store(&accepts_of, &s);
	fd = cl_open(&s);
	ask(fd, "GET /x HTTP/1.1\r\n" H "\r\n", "200", "GET /x 0");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	late = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert(fd >= 0 && late >= 0);
	getrlimit(RLIMIT_NOFILE, &was);
	limit_descriptors(0);
	began = clock_now();
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&s.bound.sa, s.bound.len), 0);
	/* At once: libevent's, then with the reserve given up.  Then one after each pause. */
	ck_assert(reaches(&s, N_NO_FD, 2 + 3));
	/* Three pauses of 100 ms, by libevent's coarse clock. */
	ck_assert_int_ge(clock_now().mono - began.mono, 250 * USEC_PER_MSEC);
	limit_descriptors(was.rlim_cur);
	ask(fd, "GET /waited HTTP/1.1\r\n" H "\r\n", "200", "GET /waited 0");
	/* The reserve was taken again, so the next shortage is answered. */
	limit_descriptors((rlim_t)lowest_free());
	ck_assert_int_eq(connect(late, (struct sockaddr *)&s.bound.sa, s.bound.len), 0);
	ck_assert(cl_rest(late, &in));
	ck_assert_msg(strncmp(buf_str(&in), "HTTP/1.1 503 ", 13) == 0, "%s", in.p);
	limit_descriptors(was.rlim_cur);
	close(fd);
	buf_fini(&in);
	atomic_store(&accepts_of, NULL);
	srv_close(&s);
}
END_TEST

/* False, and says so, where this machine has no ::1. */
static bool
has_ipv6(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd != -1 && bind(fd, (struct sockaddr *)&in6, sizeof in6) == 0;

	if (!has)
		printf("skipped: no IPv6 loopback here: %s\n", strerror(errno));
	if (fd != -1)
		close(fd);
	return has;
}

START_TEST(ipv6_listener)
{
	struct srv s;
	struct sockaddr_in6 in6;
	char text[80], want[80];
	int fd;

	if (!has_ipv6())
		return;
	srv_open_at(&s, "[::1]:0", "::1");
	srv_start(&s);
	memcpy(&in6, &s.bound.sa, sizeof in6);
	ck_assert_uint_ne(in6.sin6_port, 0);
	snprintf(want, sizeof want, "[::1]:%u", ntohs(in6.sin6_port));
	listener_text(&s.bound, text, sizeof text);
	ck_assert_str_eq(text, want);
	ck_assert_int_eq(listener_probe(&s.bound), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	fd = cl_open(&s);
	ask(fd, "GET /six HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200", "GET /six 0");
	ask(fd, "POST /b HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "200", "POST /b 5");
	close(fd);
	srv_close(&s);
}
END_TEST

START_TEST(probes)
{
	struct srv s;
	struct conf_addr zero;
	char text[80];

	srv_open(&s);
	srv_start(&s);
	ck_assert_int_eq(listener_selftest(), 0);
	ck_assert_int_eq(listener_probe(&s.bound), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	zero = s.conf->listen[0];
	ck_assert_int_eq(listener_probe(&zero), 0);
	listener_text(&zero, text, sizeof text);
	ck_assert_str_eq(text, "127.0.0.1:0");
	srv_close(&s);
}
END_TEST

/* Ten thousand idle connections should cost megabytes, not a hundred. */
START_TEST(idle_is_cheap)
{
	struct srv s;
	struct mallinfo2 before, after;
	int fd[200];

	srv_open(&s);
	srv_start(&s);
	for (int i = 0; i < 200; i++) {
		if (i == 100)
			before = mallinfo2();
		fd[i] = cl_open(&s);
		ask(fd[i], "POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "200", "POST /x 5");
	}
	after = mallinfo2();
	/* Sanitizers count nothing here, and so pass. */
	ck_assert_uint_lt((after.uordblks - before.uordblks) / 100, 5000);
	for (int i = 0; i < 200; i++)
		close(fd[i]);
	srv_close(&s);
}
END_TEST

static Suite *
gate_suite(void)
{
	Suite *suite = suite_create("gate");
	TCase *tc = tcase_create("gate");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, raw_bytes);
	tcase_add_test(tc, byte_by_byte);
	tcase_add_test(tc, refusals_are_whole);
	tcase_add_test(tc, refused_body_is_thrown_away);
	tcase_add_test(tc, head_limits);
	tcase_add_test(tc, pipelined_10000);
	tcase_add_test(tc, pipelined_while_parked);
	tcase_add_test(tc, departures_while_parked);
	tcase_add_test(tc, departures_behind_a_full_hold);
	tcase_add_test(tc, half_close_then_50_mb);
	tcase_add_test(tc, slow_reader);
	tcase_add_test(tc, lent_pieces_come_back);
	tcase_add_test(tc, kinds_of_requests);
	tcase_add_test(tc, early_answers);
	tcase_add_test(tc, expectations);
	tcase_add_test(tc, interim_answers);
	tcase_add_test(tc, interim_answers_and_expectations);
	tcase_add_test(tc, interim_answers_nobody_reads);
	tcase_add_test(tc, killed_after_an_interim_answer);
	tcase_add_test(tc, upload_64_mib);
	tcase_add_test(tc, upload_stops_when_paused);
	tcase_add_test(tc, slow_heads);
	tcase_add_test(tc, trickling_head);
	tcase_add_test(tc, idle_and_stuck);
	tcase_add_test(tc, connection_limit);
	tcase_add_test(tc, drain);
	tcase_add_test(tc, request_within_the_grace);
	tcase_add_test(tc, kill_in_every_state);
	tcase_add_test(tc, kill_resets_what_was_begun);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, no_descriptors);
	tcase_add_test(tc, accepting_pauses);
	tcase_add_test(tc, ipv6_listener);
	tcase_add_test(tc, probes);
	tcase_add_test(tc, idle_is_cheap);
	suite_add_tcase(suite, tc);
	return suite;
}

UNIT_MAIN(gate_suite)
