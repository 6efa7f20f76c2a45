/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll thread, one lock over everything.  A connection goes round
 *
 *	READING ── head, body ──> WAITING ── barrier, delay ──> SENDING ── end ──> READING
 *
 * and after every event or order all that could move is moved (advance()).
 */
#include "tests/lib/origin.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "tests/lib/answer.h"
#include "tests/lib/test.h"

#define HEAD_MOST	(128u << 10)
#define BLOCK		65536
#define BUCKETS		4096	/* of targets: tens of thousands in a load of many keys */
#define NUMBERED_MOST	640	/* a target of 511 bytes, and the words around it */

enum phase {
	READING_HEAD,
	READING_BODY,
	WAITING,
	SENDING,
	LINGERING,		/* answered early: the rest of the request is discarded */
};

enum chunk_phase {
	CHUNK_LINE,
	CHUNK_DATA,
	CHUNK_END,
	CHUNK_TRAILER,
};

struct entry {
	struct origin_request	 request;
	char			*head;
	struct entry		*next;
};

struct target {
	char		*name;
	bool		 held;
	unsigned	 passes;	/* that so many may go all the same */
	unsigned	 pieces;	/* let go so far */
	unsigned	 requests, whole, given_up, cookies;
	uint64_t	 sent, received;
	int64_t first_sent; /* test_now() when the first byte of a body left; 0: not yet */
	struct origin_watch *watch;	/* or NULL */
	struct target	*next;		/* of its bucket */
};

struct origin_watch {
	char			*prefix;
	unsigned		 at_once;
	struct origin_watched	 figures;
	struct origin_watch	*next;
};

struct script {
	struct origin_rule	 rule;
	char			*path;
	unsigned		 used;
	bool			 over;
	struct script		*next;
};

struct conn {
	int		 fd;
	unsigned	 number;
	enum phase	 phase;
	uint32_t	 events;	/* asked of epoll */
	bool		 eof;
	char		*in;
	size_t		 in_len, in_size;
	struct entry	*entry;
	struct target	*target;
	const struct origin_rule *rule;
	bool		 last;		/* the request asks to close */
	uint64_t	 left;		/* of the request's body, or of its chunk */
	enum chunk_phase chunk;
	int64_t		 due;		/* when the answer may begin, or its next piece may go */
	unsigned	 pieces;	/* let go by time */
	char		*out;
	size_t		 out_len, out_off, out_size, out_body;
	uint64_t	 body_off;	/* of the answer's body, put into out so far */
	char		 echo[NUMBERED_MOST];	/* the body, by the rule's echo or number */
	bool		 ended;		/* all of it was put into out, */
	bool		 past_end;	/* and what the rule says comes after it */
	TAILQ_ENTRY(conn) link;
};

struct origin {
	int		 fd, ep, bell;
	unsigned	 port;
	char		 url[64];
	pthread_t	 thread;

	pthread_mutex_t	 lock;		/* guards all that follows */
	pthread_cond_t	 changed;
	bool		 stop, close_idle;
	TAILQ_HEAD(, conn) conns;
	struct target	*targets[BUCKETS];
	struct origin_watch *watches;
	struct script	*scripts;
	struct entry	*entries, **entries_end;
	unsigned	 requests, at_once, most_at_once;
	unsigned	 connections, open, most_open;
	char		 fault[256];
};

/* What is answered to a target without a rule. */
static const struct origin_rule no_rule = { .status = 404, .text = "no rule\n" };

static struct target **
bucket_of(struct origin *o, const char *name)
{
	uint32_t h = 2166136261u;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return &o->targets[h % BUCKETS];
}

static struct origin_watch *
watch_for(const struct origin *o, const char *name)
{
	struct origin_watch *w;

	for (w = o->watches; w != NULL; w = w->next)
		if (strncmp(name, w->prefix, strlen(w->prefix)) == 0)
			break;
	return w;
}

static struct target *
target_of(struct origin *o, const char *name)
{
	struct target **bucket = bucket_of(o, name), *t;

	for (t = *bucket; t != NULL; t = t->next)
		if (strcmp(t->name, name) == 0)
			return t;
	t = test_alloc(sizeof *t);
	t->name = test_text(name);
	t->watch = watch_for(o, name);
	t->next = *bucket;
	*bucket = t;
	return t;
}

static const struct origin_rule *
rule_for(struct origin *o, const char *method, const char *target)
{
	for (struct script *s = o->scripts; s != NULL; s = s->next) {
		size_t n = strlen(s->rule.path);
		bool match = n > 0 && s->rule.path[n - 1] == '*' ?
		    strncmp(s->rule.path, target, n - 1) == 0 : strcmp(s->rule.path, target) == 0;

		if (match && !s->over &&
		    (s->rule.method == NULL || strcmp(s->rule.method, method) == 0) &&
		    (s->rule.times == 0 || s->used < s->rule.times)) {
			s->used++;
			return &s->rule;
		}
	}
	return &no_rule;
}

static void
fault(struct origin *o, const char *what, const char *head)
{
	if (o->fault[0] == '\0')
		snprintf(o->fault, sizeof o->fault, "%s: %.150s", what, head);
}

static bool
answering(const struct conn *c)
{
	return c->entry != NULL;
}

static void
answered(struct origin *o, struct conn *c)
{
	if (c->entry == NULL)
		return;
	c->entry = NULL;
	o->at_once--;
	if (c->target->watch != NULL)
		c->target->watch->at_once--;
	pthread_cond_broadcast(&o->changed);
}

static void
conn_close(struct origin *o, struct conn *c, bool reset)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	answered(o, c);
	/* A daemon just being forked may hold the socket open, and epoll would go on with it. */
	epoll_ctl(o->ep, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	TAILQ_REMOVE(&o->conns, c, link);
	o->open--;
	pthread_cond_broadcast(&o->changed);
	free(c->in);
	free(c->out);
	free(c);
}

static void
out_add(struct conn *c, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (c->out_len + n > c->out_size) {
		c->out_size = c->out_len + n + 1024;
		c->out = test_grow(c->out, c->out_size);
	}
	memcpy(c->out + c->out_len, p, n);
	c->out_len += n;
}

static bool
bodiless(const struct conn *c, int status)
{
	return strcmp(c->entry->request.method, "HEAD") == 0 || status == 204 || status == 304;
}

static const char *
body_text(const struct conn *c)
{
	return c->rule->echo != NULL || c->rule->numbered ? c->echo : c->rule->text;
}

static uint64_t
body_total(const struct conn *c)
{
	const char *text = body_text(c);

	return text != NULL ? strlen(text) : c->rule->bytes;
}

static void
take_echo(struct conn *c)
{
	const char *v = answer_head_field(c->entry->head, c->rule->echo, 0);

	snprintf(c->echo, sizeof c->echo, "%s", v != NULL ? v : "");
}

static void
out_cookie(struct conn *c)
{
	char line[160];
	int n = c->rule->echo != NULL ?
	    snprintf(line, sizeof line, "Set-Cookie: %s\r\n", c->echo) :
	    snprintf(line, sizeof line, "Set-Cookie: n=%u\r\n", ++c->target->cookies);

	out_add(c, line, (size_t)n);
}

/* RFC 9110 6.6.1: who has a clock says when; Squid stores for a herd only what does. */
static void
out_date(struct conn *c)
{
	time_t now = time(NULL);
	struct tm tm;
	char line[64];

	if (gmtime_r(&now, &tm) != NULL)
		out_add(c, line, strftime(line, sizeof line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
		    &tm));
}

static void
answer_begin(struct conn *c)
{
	const struct origin_rule *r = c->rule;
	bool not_modified = r->fields_304 != NULL &&
	    answer_head_field(c->entry->head, "If-None-Match", 0) != NULL;
	int status = not_modified ? 304 : r->status != 0 ? r->status : 200;
	const char *fields = not_modified ? r->fields_304 : r->fields;
	char line[128];
	int n;

	c->phase = SENDING;
	c->body_off = 0;
	c->ended = c->past_end = false;
	c->pieces = 0;
	c->due = test_now() + (int64_t)r->piece_ms * 1000;
	if (r->before != NULL)
		out_add(c, r->before, strlen(r->before));
	if (r->raw != NULL) {
		out_add(c, r->raw, r->raw_len != 0 ? r->raw_len : strlen(r->raw));
		c->ended = true;
		return;
	}
	n = snprintf(line, sizeof line, "HTTP/1.1 %d Text\r\n", status);
	out_add(c, line, (size_t)n);
	/* Those who watch want an origin like others; scripted tests want their own bytes. */
	if (c->target->watch != NULL)
		out_date(c);
	if (fields != NULL)
		out_add(c, fields, strlen(fields));
	if (r->echo != NULL)
		take_echo(c);
	else if (r->numbered)
		origin_numbered(c->echo, sizeof c->echo, c->target->name, c->entry->request.number);
	if (r->cookie)
		out_cookie(c);
	if (status == 204 || status == 304)
		n = 0;
	else if (r->framing == ORIGIN_LENGTH)
		n = snprintf(line, sizeof line, "Content-Length: %llu\r\n",
		    (unsigned long long)body_total(c));
	else if (r->framing == ORIGIN_CHUNKED)
		n = snprintf(line, sizeof line, "Transfer-Encoding: chunked\r\n");
	else
		n = snprintf(line, sizeof line, "Connection: close\r\n");
	out_add(c, line, (size_t)n);
	out_add(c, "\r\n", 2);
	c->ended = bodiless(c, status);
}

/* The next bytes of the body into out, as far as they may go. */
static void
answer_more(struct conn *c)
{
	const struct origin_rule *r = c->rule;
	uint64_t total = body_total(c), limit = total;
	const char *text = body_text(c);
	char block[BLOCK], line[32];
	size_t n;

	if (r->cut && r->cut_at < limit)
		limit = r->cut_at;
	if (r->piece != 0) {
		uint64_t may = r->piece * (r->piece_ms != 0 ? c->pieces : c->target->pieces);

		if (may < limit)
			limit = may;
	}
	if (c->body_off < limit) {
		n = limit - c->body_off < BLOCK ? (size_t)(limit - c->body_off) : BLOCK;
		if (text != NULL)
			memcpy(block, text + c->body_off, n);
		else
			test_body(block, c->body_off, n);
		if (r->framing == ORIGIN_CHUNKED)
			out_add(c, line, (size_t)snprintf(line, sizeof line, "%zx\r\n", n));
		out_add(c, block, n);
		if (r->framing == ORIGIN_CHUNKED)
			out_add(c, "\r\n", 2);
		c->out_body = n;
		c->body_off += n;
	}
	if (r->cut && c->body_off >= r->cut_at) {
		c->ended = true;
	} else if (c->body_off == total) {
		if (r->framing == ORIGIN_CHUNKED)
			out_add(c, "0\r\n\r\n", 5);
		c->ended = true;
	}
}

/* False: the connection is gone. */
static bool
answer_end(struct origin *o, struct conn *c)
{
	const struct origin_rule *r = c->rule;
	bool closes =
	    r->close || r->cut || (r->raw == NULL && r->framing == ORIGIN_CLOSE) || c->last;
	bool unread = r->early && !c->entry->request.whole;

	answered(o, c);
	if (unread && !r->reset) {
		shutdown(c->fd, SHUT_WR);
		c->phase = LINGERING;
		return true;
	}
	if (closes) {
		conn_close(o, c, r->reset);
		return false;
	}
	c->phase = READING_HEAD;
	return true;
}

/* 1: all is out, 0: not now, -1: the connection is gone. */
static int
flush(struct origin *o, struct conn *c)
{
	while (c->out_off < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			c->target->given_up++;
			conn_close(o, c, false);
			return -1;
		}
		c->out_off += (size_t)n;
	}
	if (c->out_body > 0 && c->target->first_sent == 0)
		c->target->first_sent = test_now();
	c->target->sent += c->out_body;
	c->out_off = c->out_len = c->out_body = 0;
	return 1;
}

static bool
due(const struct conn *c, int64_t now)
{
	return c->due <= now;
}

static int
send_answer(struct origin *o, struct conn *c, int64_t now)
{
	for (;;) {
		int done;

		/*
		 * In one piece with the answer's end: what comes later is another's to tell apart.
		 */
		if (c->ended && c->rule->after != NULL && !c->past_end) {
			out_add(c, c->rule->after, strlen(c->rule->after));
			c->past_end = true;
		}
		done = flush(o, c);
		if (done <= 0)
			return done;
		if (c->ended)
			return answer_end(o, c) ? 1 : -1;
		if (c->rule->piece_ms != 0 && due(c, now)) {
			c->pieces++;
			c->due += (int64_t)c->rule->piece_ms * 1000;
		}
		answer_more(c);
		if (c->out_len == 0 && !c->ended)
			return 0;
	}
}

static void
body_bytes(struct conn *c, const char *p, size_t n)
{
	struct origin_request *q = &c->entry->request;

	if (q->body_length < sizeof q->body - 1) {
		size_t k = sizeof q->body - 1 - (size_t)q->body_length;

		memcpy(q->body + q->body_length, p, n < k ? n : k);
	}
	q->body_sum = test_sum(q->body_sum, q->body_length, p, n);
	q->body_length += n;
	c->target->received += n;
}

/* Takes one line from in[*at]; NULL: not whole yet. */
static const char *
body_line(struct conn *c, size_t *at)
{
	char *p = c->in + *at, *lf = memchr(p, '\n', c->in_len - *at);

	if (lf == NULL)
		return NULL;
	*at += (size_t)(lf - p) + 1;
	*lf = '\0';
	if (lf > p && lf[-1] == '\r')
		lf[-1] = '\0';
	return p;
}

/* Chunks from in; true when the last one and the trailers are read. */
static bool
read_chunks(struct origin *o, struct conn *c, size_t *at)
{
	const char *line;
	size_t n;

	while (*at < c->in_len) {
		if (c->chunk == CHUNK_DATA) {
			n = c->left < c->in_len - *at ? (size_t)c->left : c->in_len - *at;
			body_bytes(c, c->in + *at, n);
			*at += n;
			c->left -= n;
			if (c->left == 0)
				c->chunk = CHUNK_END;
			continue;
		}
		line = body_line(c, at);
		if (line == NULL)
			return false;
		if (c->chunk == CHUNK_LINE) {
			if (!isxdigit((unsigned char)line[0]))
				fault(o, "a bad chunk size", line);
			c->left = strtoull(line, NULL, 16);
			c->chunk = c->left == 0 ? CHUNK_TRAILER : CHUNK_DATA;
		} else if (line[0] == '\0') {
			if (c->chunk == CHUNK_TRAILER)
				return true;
			c->chunk = CHUNK_LINE;
		} else if (c->chunk == CHUNK_END) {
			fault(o, "bytes after a chunk's data", line);
		} else {
			c->entry->request.trailers++;
		}
	}
	return false;
}

static void
in_drop(struct conn *c, size_t n)
{
	if (c->in == NULL)
		return;
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
	c->in[c->in_len] = '\0';
}

static void
whole(struct origin *o, struct conn *c)
{
	c->entry->request.whole = true;
	c->target->whole++;
	if (c->phase == READING_BODY)
		c->phase = WAITING;
	if (c->in_len > 0)
		fault(o, "bytes after a request", c->in);
	pthread_cond_broadcast(&o->changed);
}

static void
read_body(struct origin *o, struct conn *c)
{
	size_t at = 0;
	bool done;

	if (c->entry->request.chunked) {
		done = read_chunks(o, c, &at);
	} else {
		at = c->left < c->in_len ? (size_t)c->left : c->in_len;
		body_bytes(c, c->in, at);
		c->left -= at;
		done = c->left == 0;
	}
	in_drop(c, at);
	if (done)
		whole(o, c);
}

static void
read_fields(struct origin *o, struct conn *c, const char *head)
{
	struct origin_request *q = &c->entry->request;
	const char *v = answer_head_field(head, "Transfer-Encoding", 0);

	q->chunked = v != NULL;
	if (v != NULL && strcasecmp(v, "chunked") != 0)
		fault(o, "a Transfer-Encoding other than chunked", head);
	v = answer_head_field(head, "Content-Length", 0);
	if (v != NULL && q->chunked)
		fault(o, "Content-Length and Transfer-Encoding", head);
	c->left = v != NULL ? strtoull(v, NULL, 10) : 0;
	if (answer_head_field(head, "Content-Length", 1) != NULL)
		fault(o, "two Content-Lengths", head);
	if (answer_head_field(head, "Host", 0) == NULL ||
	    answer_head_field(head, "Host", 1) != NULL)
		fault(o, "no Host, or two", head);
	v = answer_head_field(head, "Connection", 0);
	c->last = v != NULL && strcasecmp(v, "close") == 0;
}

static void
watch_count(struct origin_watch *w)
{
	w->figures.requests++;
	if (++w->at_once > w->figures.most_at_once)
		w->figures.most_at_once = w->at_once;
}

static void
read_head(struct origin *o, struct conn *c)
{
	char *stop = c->in != NULL ? strstr(c->in, "\r\n\r\n") : NULL;
	struct entry *e;
	size_t len;

	if (stop == NULL) {
		if (c->in_len > HEAD_MOST)
			fault(o, "a head without end", c->in);
		return;
	}
	len = (size_t)(stop - c->in) + 4;
	e = test_alloc(sizeof *e);
	e->head = test_alloc(len + 1);
	memcpy(e->head, c->in, len);
	e->request.head = e->head;
	e->request.connection = c->number;
	e->request.body_sum = TEST_SUM;
	if (sscanf(e->head, "%31s %511s HTTP/1.1\r\n", e->request.method, e->request.target) != 2)
		fault(o, "no request line", e->head);
	*o->entries_end = e;
	o->entries_end = &e->next;
	c->entry = e;
	read_fields(o, c, e->head);
	in_drop(c, len);
	c->chunk = CHUNK_LINE;
	c->target = target_of(o, e->request.target);
	c->rule = rule_for(o, e->request.method, e->request.target);
	c->due = c->rule->delay_ms != 0 ? test_now() + (int64_t)c->rule->delay_ms * 1000 : 0;
	e->request.number = ++c->target->requests;
	e->request.came = test_now();
	o->requests++;
	if (++o->at_once > o->most_at_once)
		o->most_at_once = o->at_once;
	if (c->target->watch != NULL)
		watch_count(c->target->watch);
	c->phase = READING_BODY;
	if (!e->request.chunked && c->left == 0)
		whole(o, c);
	else if (c->rule->early)
		c->phase = WAITING;
	pthread_cond_broadcast(&o->changed);
}

/* Whether its socket is to be read now. */
static bool
wants_input(const struct conn *c)
{
	if (c->eof)
		return false;
	return c->phase != READING_BODY || !c->rule->slow_body || !c->target->held;
}

/* False: the connection is gone. */
static bool
conn_read(struct origin *o, struct conn *c)
{
	ssize_t n;

	if (c->in_size < c->in_len + BLOCK + 1) {
		c->in_size = c->in_len + BLOCK + 1;
		c->in = test_grow(c->in, c->in_size);
	}
	n = recv(c->fd, c->in + c->in_len, BLOCK, 0);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0) {
		/* Corral never half-closes towards a backend: it has given up. */
		if (answering(c))
			c->target->given_up++;
		conn_close(o, c, false);
		return false;
	}
	c->in_len += (size_t)n;
	c->in[c->in_len] = '\0';
	if (c->phase == LINGERING || (c->phase != READING_HEAD && c->rule->early))
		c->in_len = 0;
	return true;
}

static bool
may_answer(struct conn *c)
{
	if (!c->target->held || c->rule->slow_body)
		return true;
	if (c->target->passes == 0)
		return false;
	c->target->passes--;
	return true;
}

/* Moves it as far as it goes.  False: it is gone. */
static bool
advance(struct origin *o, struct conn *c, int64_t now)
{
	struct epoll_event ev = { .data.ptr = c };
	enum phase was;

	do {
		was = c->phase;
		if (c->phase == READING_HEAD)
			read_head(o, c);
		if (c->phase == READING_BODY && c->in_len > 0 && wants_input(c))
			read_body(o, c);
		if (c->phase == WAITING && due(c, now) && may_answer(c))
			answer_begin(c);
		if (c->phase == SENDING && send_answer(o, c, now) < 0)
			return false;
	} while (c->phase != was);
	ev.events = (wants_input(c) ? EPOLLIN : 0) | (c->out_off < c->out_len ? EPOLLOUT : 0);
	if (ev.events != c->events) {
		c->events = ev.events;
		epoll_ctl(o->ep, EPOLL_CTL_MOD, c->fd, &ev);
	}
	return true;
}

static void
accept_all(struct origin *o)
{
	int fd, on = 1;

	while ((fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct conn *c = test_alloc(sizeof *c);
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c->fd = fd;
		c->number = o->connections++;
		c->events = EPOLLIN;
		TAILQ_INSERT_TAIL(&o->conns, c, link);
		if (++o->open > o->most_open)
			o->most_open = o->open;
		epoll_ctl(o->ep, EPOLL_CTL_ADD, fd, &ev);
		pthread_cond_broadcast(&o->changed);
	}
}

/* What the test ordered, and what time has brought. */
static int64_t
advance_all(struct origin *o)
{
	int64_t now = test_now(), next = INT64_MAX;
	struct conn *c, *following;

	for (c = TAILQ_FIRST(&o->conns); c != NULL; c = following) {
		following = TAILQ_NEXT(c, link);
		if (o->close_idle && c->phase == READING_HEAD && c->in_len == 0) {
			conn_close(o, c, false);
			continue;
		}
		if (!advance(o, c, now))
			continue;
		if (((c->phase == WAITING && !c->target->held) ||
		    (c->phase == SENDING && c->rule->piece_ms != 0)) && c->due < next)
			next = c->due;
	}
	o->close_idle = false;
	return next;
}

static void *
run(void *arg)
{
	struct origin *o = arg;
	struct epoll_event ev[64];
	int64_t next = INT64_MAX;
	uint64_t rings;
	bool stop = false;

	while (!stop) {
		int n = epoll_wait(o->ep, ev, 64, next == INT64_MAX ? -1 : test_left(next));
		bool all = n == 0 || (next != INT64_MAX && test_now() >= next);

		pthread_mutex_lock(&o->lock);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (ev[i].data.ptr == &o->bell) {
				if (read(o->bell, &rings, sizeof rings) > 0)
					all = true;
			} else if (ev[i].data.ptr == o) {
				accept_all(o);
			} else if ((ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 ||
			    conn_read(o, c)) {
				int64_t now = test_now();

				if (advance(o, c, now) &&
				    (c->phase == WAITING || c->phase == SENDING) &&
				    (c->rule->delay_ms != 0 || c->rule->piece_ms != 0) &&
				    c->due < next)
					next = c->due;
			}
		}
		if (all)
			next = advance_all(o);
		stop = o->stop;
		pthread_mutex_unlock(&o->lock);
	}
	return NULL;
}

static void
ring(struct origin *o)
{
	uint64_t one = 1;

	if (write(o->bell, &one, sizeof one) != sizeof one)
		test_fail("eventfd: %s", strerror(errno));
}

/* A bound socket of 127.0.0.1 and its port: *port, or if that is 0 the kernel's choice. */
static int
bound(unsigned *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (*port != 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof sin) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		test_fail("the origin's socket: %s", strerror(errno));
	*port = ntohs(sin.sin_port);
	return fd;
}

int
origin_refusing(char *url, size_t n)
{
	unsigned port = 0;
	int fd = bound(&port);

	snprintf(url, n, "http://127.0.0.1:%u", port);
	return fd;
}

struct origin *
origin_start(void)
{
	return origin_start_at(0);
}

struct origin *
origin_start_at(unsigned port)
{
	struct origin *o = test_alloc(sizeof *o);
	struct epoll_event listening = { .events = EPOLLIN, .data.ptr = o };
	struct epoll_event ringing = { .events = EPOLLIN, .data.ptr = &o->bell };
	pthread_condattr_t ca;
	int on = 1;

	test_raise_files();
	o->port = port;
	o->fd = bound(&o->port);
	/* For origin_refuse(); set before the bind it would let the kernel choose a port in use. */
	setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	test_nonblocking(o->fd);
	snprintf(o->url, sizeof o->url, "http://127.0.0.1:%u", o->port);
	TAILQ_INIT(&o->conns);
	o->entries_end = &o->entries;
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&o->changed, &ca);
	pthread_condattr_destroy(&ca);
	o->ep = epoll_create1(EPOLL_CLOEXEC);
	o->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (listen(o->fd, 4096) != 0 || o->ep < 0 || o->bell < 0 ||
	    epoll_ctl(o->ep, EPOLL_CTL_ADD, o->fd, &listening) != 0 ||
	    epoll_ctl(o->ep, EPOLL_CTL_ADD, o->bell, &ringing) != 0 ||
	    pthread_create(&o->thread, NULL, run, o) != 0)
		test_fail("the origin does not start: %s", strerror(errno));
	return o;
}

void
origin_stop(struct origin *o)
{
	char fault_text[sizeof o->fault];
	void *next;

	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_mutex_unlock(&o->lock);
	ring(o);
	pthread_join(o->thread, NULL);
	memcpy(fault_text, o->fault, sizeof fault_text);
	while (!TAILQ_EMPTY(&o->conns))
		conn_close(o, TAILQ_FIRST(&o->conns), false);
	for (struct entry *e = o->entries; e != NULL; e = next) {
		next = e->next;
		free(e->head);
		free(e);
	}
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct target *t = o->targets[i]; t != NULL; t = next) {
			next = t->next;
			free(t->name);
			free(t);
		}
	}
	for (struct origin_watch *w = o->watches; w != NULL; w = next) {
		next = w->next;
		free(w->prefix);
		free(w);
	}
	for (struct script *s = o->scripts; s != NULL; s = next) {
		next = s->next;
		free(s->path);
		free(s);
	}
	close(o->fd);
	close(o->ep);
	close(o->bell);
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->lock);
	free(o);
	if (fault_text[0] != '\0')
		test_fail("the origin was sent %s", fault_text);
}

const char *
origin_url(const struct origin *o)
{
	return o->url;
}

unsigned
origin_port(const struct origin *o)
{
	return o->port;
}

void
origin_rule(struct origin *o, const struct origin_rule *rule)
{
	struct script *s = test_alloc(sizeof *s), **end;

	s->rule = *rule;
	s->rule.path = s->path = test_text(rule->path);
	pthread_mutex_lock(&o->lock);
	for (end = &o->scripts; *end != NULL; end = &(*end)->next)
		continue;
	*end = s;
	pthread_mutex_unlock(&o->lock);
}

void
origin_hold(struct origin *o, const char *target)
{
	pthread_mutex_lock(&o->lock);
	target_of(o, target)->held = true;
	pthread_mutex_unlock(&o->lock);
}

void
origin_release(struct origin *o, const char *target)
{
	pthread_mutex_lock(&o->lock);
	target_of(o, target)->held = false;
	pthread_mutex_unlock(&o->lock);
	ring(o);
}

void
origin_release_one(struct origin *o, const char *target)
{
	pthread_mutex_lock(&o->lock);
	target_of(o, target)->passes++;
	pthread_mutex_unlock(&o->lock);
	ring(o);
}

void
origin_piece(struct origin *o, const char *target, unsigned n)
{
	pthread_mutex_lock(&o->lock);
	target_of(o, target)->pieces += n;
	pthread_mutex_unlock(&o->lock);
	ring(o);
}

void
origin_close_idle(struct origin *o)
{
	pthread_mutex_lock(&o->lock);
	o->close_idle = true;
	pthread_mutex_unlock(&o->lock);
	ring(o);
}

void
origin_say(struct origin *o, const char *target, const char *text)
{
	unsigned n = 0;
	struct conn *c;

	pthread_mutex_lock(&o->lock);
	TAILQ_FOREACH(c, &o->conns, link)
		if (c->phase == WAITING && strcmp(c->target->name, target) == 0 &&
		    send(c->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text))
			n++;
	pthread_mutex_unlock(&o->lock);
	if (n == 0)
		test_fail("no request for %s waits for its answer", target);
}

/* Nobody else gets the port: a socket that does not listen keeps it. */
void
origin_refuse(struct origin *o)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o->port) };
	int on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pthread_mutex_lock(&o->lock);
	close(o->fd);
	o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(o->fd, (struct sockaddr *)&sin, sizeof sin) != 0)
		test_fail("the origin's port is gone: %s", strerror(errno));
	o->close_idle = true;
	pthread_mutex_unlock(&o->lock);
	ring(o);
}

void
origin_accept(struct origin *o)
{
	struct epoll_event listening = { .events = EPOLLIN, .data.ptr = o };

	pthread_mutex_lock(&o->lock);
	test_nonblocking(o->fd);
	if (listen(o->fd, 4096) != 0 || epoll_ctl(o->ep, EPOLL_CTL_ADD, o->fd, &listening) != 0)
		test_fail("the origin does not listen again: %s", strerror(errno));
	pthread_mutex_unlock(&o->lock);
}

void
origin_drop_rules(struct origin *o, const char *path)
{
	pthread_mutex_lock(&o->lock);
	for (struct script *s = o->scripts; s != NULL; s = s->next)
		if (strcmp(s->path, path) == 0)
			s->over = true;
	pthread_mutex_unlock(&o->lock);
}

bool
origin_take_fault(struct origin *o, char *text, size_t n)
{
	pthread_mutex_lock(&o->lock);
	snprintf(text, n, "%s", o->fault);
	o->fault[0] = '\0';
	pthread_mutex_unlock(&o->lock);
	return text[0] != '\0';
}

struct origin_watch *
origin_watch(struct origin *o, const char *prefix)
{
	struct origin_watch *w = test_alloc(sizeof *w);

	w->prefix = test_text(prefix);
	pthread_mutex_lock(&o->lock);
	w->next = o->watches;
	o->watches = w;
	pthread_mutex_unlock(&o->lock);
	return w;
}

struct origin_watched
origin_watched(struct origin *o, const struct origin_watch *w)
{
	struct origin_watched figures;

	pthread_mutex_lock(&o->lock);
	figures = w->figures;
	pthread_mutex_unlock(&o->lock);
	return figures;
}

struct origin_watched
origin_watch_take(struct origin *o, struct origin_watch *w)
{
	struct origin_watched figures;

	pthread_mutex_lock(&o->lock);
	figures = w->figures;
	w->figures = (struct origin_watched){ .most_at_once = w->at_once };
	pthread_mutex_unlock(&o->lock);
	return figures;
}

size_t
origin_numbered(char *p, size_t n, const char *target, unsigned number)
{
	int len = snprintf(p, n, "answer %u to %s\n", number, target);

	return (size_t)len < n ? (size_t)len : n - 1;
}

enum figure {
	REQUESTS,
	WHOLE,
	GIVEN_UP,
	OPEN,
};

/* Lock held. */
static unsigned
figure(struct origin *o, const char *target, enum figure what)
{
	struct target *t = target != NULL ? target_of(o, target) : NULL;

	switch (what) {
	case REQUESTS:
		return t != NULL ? t->requests : o->requests;
	case WHOLE:
		return t->whole;
	case GIVEN_UP:
		return t->given_up;
	case OPEN:
		return o->open;
	}
	return 0;
}

static void
wait_figure(struct origin *o, const char *target, enum figure what, unsigned n, const char *words)
{
	int64_t deadline = test_deadline();
	struct timespec ts = { .tv_sec = (time_t)(deadline / 1000000),
		.tv_nsec = (long)(deadline % 1000000) * 1000 };

	pthread_mutex_lock(&o->lock);
	while (what == OPEN ? figure(o, target, what) != n : figure(o, target, what) < n) {
		if (pthread_cond_timedwait(&o->changed, &o->lock, &ts) != 0)
			test_fail("the origin has %u %s (%s), waiting for %u",
			    figure(o, target, what), words, target != NULL ? target : "all", n);
	}
	pthread_mutex_unlock(&o->lock);
}

static unsigned
get_figure(struct origin *o, const char *target, enum figure what)
{
	unsigned n;

	pthread_mutex_lock(&o->lock);
	n = figure(o, target, what);
	pthread_mutex_unlock(&o->lock);
	return n;
}

unsigned
origin_requests(struct origin *o, const char *target)
{
	return get_figure(o, target, REQUESTS);
}

void
origin_wait_requests(struct origin *o, const char *target, unsigned n)
{
	wait_figure(o, target, REQUESTS, n, "requests");
}

void
origin_wait_whole(struct origin *o, const char *target, unsigned n)
{
	wait_figure(o, target, WHOLE, n, "whole requests");
}

void
origin_wait_given_up(struct origin *o, const char *target, unsigned n)
{
	wait_figure(o, target, GIVEN_UP, n, "requests given up");
}

void
origin_wait_open(struct origin *o, unsigned n)
{
	wait_figure(o, NULL, OPEN, n, "open connections");
}

struct origin_request
origin_request(struct origin *o, const char *target, unsigned i)
{
	struct origin_request r = { .head = NULL };

	pthread_mutex_lock(&o->lock);
	for (const struct entry *e = o->entries; e != NULL && r.head == NULL; e = e->next)
		if ((target == NULL || strcmp(e->request.target, target) == 0) && i-- == 0)
			r = e->request;
	pthread_mutex_unlock(&o->lock);
	if (r.head == NULL)
		test_fail(
		    "the origin saw no such request for %s", target != NULL ? target : "anything");
	return r;
}

const char *
origin_field(const struct origin_request *r, const char *name)
{
	return answer_head_field(r->head, name, 0);
}

uint64_t
origin_sent(struct origin *o, const char *target)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = target_of(o, target)->sent;
	pthread_mutex_unlock(&o->lock);
	return n;
}

int64_t
origin_first_sent(struct origin *o, const char *target)
{
	int64_t when;

	pthread_mutex_lock(&o->lock);
	when = target_of(o, target)->first_sent;
	pthread_mutex_unlock(&o->lock);
	return when;
}

uint64_t
origin_received(struct origin *o, const char *target)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = target_of(o, target)->received;
	pthread_mutex_unlock(&o->lock);
	return n;
}

unsigned
origin_most_at_once(struct origin *o)
{
	unsigned n;

	pthread_mutex_lock(&o->lock);
	n = o->most_at_once;
	pthread_mutex_unlock(&o->lock);
	return n;
}

unsigned
origin_connections(struct origin *o)
{
	unsigned n;

	pthread_mutex_lock(&o->lock);
	n = o->connections;
	pthread_mutex_unlock(&o->lock);
	return n;
}

unsigned
origin_open(struct origin *o)
{
	return get_figure(o, NULL, OPEN);
}

unsigned
origin_most_open(struct origin *o)
{
	unsigned n;

	pthread_mutex_lock(&o->lock);
	n = o->most_open;
	pthread_mutex_unlock(&o->lock);
	return n;
}
