/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate.  evhttp keeps accepting, connection lifetime and reply order; it never sees a byte that
 * a client wrote.  Each connection's bytes are taken out of its bufferevent's input, in that
 * evbuffer's callback, into the gate's hold; a whole head is read there strictly, and evhttp is
 * given CANON in its place, whatever the client asked for.
 *
 *	            gates_accept                        gate_finish
 *	 GS_NEW ─> GS_IDLE ─> GS_FED ─> GS_BUSY ──────────────> GS_NEXT ──> (IDLE or FED)
 *	              │  evhttp reads    │   user attached         │ bytes were held
 *	              └────── refused ───┴──────> GS_ANSWER <──────┘
 *	                                              │ answer has left
 *	                        finish and close ─> GS_LINGER ──> (connection freed)
 *
 *	GS_NEW     evhttp is still putting the connection together; the tick looks at it next
 *	GS_IDLE    between requests; evhttp's callbacks are on the bufferevent
 *	GS_FED     CANON is in the input; evhttp dispatches before the stack unwinds
 *	GS_BUSY    a user has the request; our callbacks are on, evhttp is dormant
 *	GS_NEXT    the answer is done and bytes are held: the tick looks for a head in them
 *	GS_ANSWER  the gate's own answer is leaving; input is thrown away
 *	GS_LINGER  shut down for writing; input is thrown away until FIN or a bound
 *	GS_DEAD    off every list; the struct waits for the frames that still hold it
 *
 * Invariants: our callbacks are on in BUSY, NEXT, ANSWER and LINGER, evhttp's in IDLE and FED.  The
 * input is empty whenever a callback of ours returns, but in FED.  All that ends a connection
 * goes through evhttp_connection_free() and comes back in closed(), the only destructor; so whoever
 * calls out holds a reference and looks at the state afterwards.
 *
 * Memory: the hold takes HOLD_MARK bytes and what one read brings, then reading stops; empty, it
 * holds none.  Body bytes are read past evbuffer_read() (4 KiB at a time after a FIONREAD: measured
 * 2.5 times the CPU) into a scratch buffer that all gates of the worker share.
 *
 * Time: one event per gate.  It is set earlier when something is due earlier, never later: it fires
 * in vain now and then and is set anew, so a request costs no timer calls.
 *
 * Departure: while a request is worked on, reading goes on, so FIN and RST are events.  With
 * reading off (FIN has come, or the hold is full) and nothing to write, epoll isn't asked about it;
 * then the kernel's idea of the connection is looked at every WATCH.  A client that fills the hold
 * and resets is seen that much later.
 *
 * Not a bufferevent_filter, which would be simpler: evhttp over one is a use-after-free with
 * timeouts and loses closing answers.  Thread rule: the worker's thread, but for `connections`.
 */
#include "front/gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/contract.h"
#include "base/log.h"
#include "base/worker.h"
#include "front/reply.h"
#include "http/parse.h"

#define CANON		"GET / HTTP/1.1\r\n\r\n"
#define CONTINUE	"HTTP/1.1 100 Continue\r\n\r\n"
#define HOLD_MARK	((size_t)60 << 10)	/* and one read more: 64 KiB */
#define SCRATCH		((size_t)64 << 10)
#define SCRATCH_READS	4		/* per event, so that one upload doesn't keep the loop */
#define SEND_IOV	64
#define LINGER_TIME	(2 * USEC_PER_SEC)
#define LINGER_BYTES	((size_t)16 << 20)
#define WATCH		(250 * USEC_PER_MSEC)
#define REFUSED_MAX	256		/* refused newcomers that may linger at a time */

enum gate_state {
	GS_NEW,
	GS_IDLE,
	GS_FED,
	GS_BUSY,
	GS_NEXT,
	GS_ANSWER,
	GS_LINGER,
	GS_DEAD,
};

enum body_state {
	BODY_NONE,		/* there is none, or it has been read to its end */
	BODY_UNREAD,		/* nobody asked for it yet */
	BODY_FLOW,		/* goes to the user as it comes */
	BODY_PAUSED,		/* the user wants no more for now */
	BODY_FAILED,		/* can't be read to its end: the connection closes */
};

/* Owned by its connection: born in gates_accept(), gone in closed().  On gates->all until then. */
struct gate {
	unsigned		 magic;
#define GATE_MAGIC		 0x6a7e0c31
	enum gate_state		 state;
	unsigned		 refs;		/* the connection's, and frames that call out */
	struct gates		*gs;
	TAILQ_ENTRY(gate)	 link;
	struct bufferevent	*bev;		/* the connection's; ours to hold only in GS_NEW */
	struct evbuffer_cb_entry *incb;
	struct evhttp_connection *evcon;	/* NULL in GS_NEW and GS_DEAD */
	struct evhttp_request	*req;		/* evhttp's, from dispatch to its reply's end */
	void			*user;

	struct event		 tick;
	usec_t			 armed;		/* when tick fires */
	usec_t			 deadline;	/* of IDLE, ANSWER and LINGER */

	struct buf		 hold;		/* bytes from off on are not looked at yet */
	size_t			 off;
	struct parse		 parse;

	struct parse_body	 body;
	enum body_state		 body_state;
	uint64_t		 body_limit;
	usec_t			 body_seen;	/* when body bytes last came */

	uint64_t		 direct;	/* bytes that went out without the output buffer */
	uint64_t		 added;		/* bytes put into the output buffer */
	uint64_t		 acked;		/* of both, taken by the peer when last looked at */
	uint64_t		 counted;	/* of both, in the worker's bytes_sent */
	usec_t			 out_seen;	/* when acked last grew */
	size_t			 low;
	size_t			 lingered;	/* bytes thrown away */

	bool			 counts;	/* in *gs->connections */
	bool			 over;		/* came past the limit of connections */
	bool			 parsing;	/* parse has begun a head */
	bool			 heads;		/* a head was read before */
	bool			 feeding;	/* the input changes by our own hand */
	bool			 half;		/* FIN has come */
	bool			 told_half;
	bool			 broken;	/* sending failed; the tick tells the user */
	bool			 close;		/* after this answer */
	bool			 expects;	/* 100-continue, and nothing was sent yet */
	bool			 answered;	/* a byte of this request's answer was sent */
	bool			 unsent;	/* the user waits for writable */
};

TAILQ_HEAD(gate_list, gate);

/* Owned by the listener. */
struct gates {
	unsigned		 magic;
#define GATES_MAGIC		 0x6a7e5e75
	struct worker		*w;
	const struct gate_ops	*ops;
	void			*arg;
	_Atomic unsigned	*connections;	/* NULL: not counted, no limit */
	struct gate_list	 all;
	unsigned		 n;		/* on all */
	unsigned		 nover;		/* of them past the limit of connections */
	bool			 draining;
	usec_t			 grace;
	struct gate		*fed;		/* in GS_FED: at most one */
	struct head		 fed_head;	/* its request */
	char			*scratch;
};

/* A release that waits in an output buffer. */
struct lent {
	void	(*release)(void *arg);
	void	*arg;
};

static void	linger(struct gate *g);
static void	body_pump(struct gate *g);

static const struct conf_limits *
limits(const struct gates *gs)
{
	return &worker_conf(gs->w)->limits;
}

static usec_t
after(usec_t now, usec_t d)
{
	return d >= USEC_NEVER - now ? USEC_NEVER : now + d;
}

static usec_t
earlier(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

static int
fd_of(const struct gate *g)
{
	return bufferevent_getfd(g->bev);
}

static struct evbuffer *
output(const struct gate *g)
{
	return bufferevent_get_output(g->bev);
}

static size_t
pending(const struct gate *g)
{
	return evbuffer_get_length(output(g));
}

static size_t
held(const struct gate *g)
{
	return g->hold.n - g->off;
}

static const char *
held_p(const struct gate *g)
{
	return g->hold.p == NULL ? "" : g->hold.p + g->off;
}

/* Good until the next read of any gate of the worker. */
static char *
scratch(struct gates *gs)
{
	if (gs->scratch == NULL)
		gs->scratch = XCALLOC(1, SCRATCH);
	return gs->scratch;
}

static struct gate *
gate_ref(struct gate *g)
{
	CHECK(g, GATE_MAGIC);
	g->refs++;
	return g;
}

static void
gate_unref(struct gate *g)
{
	ASSERT(g->refs > 0);
	if (--g->refs == 0) {
		ASSERT(g->state == GS_DEAD);
		FREE(g);
	}
}

/* Time */

static usec_t
due(const struct gate *g, usec_t now)
{
	const struct conf_limits *lim = limits(g->gs);
	usec_t when = USEC_NEVER;

	switch (g->state) {
	case GS_IDLE:
	case GS_ANSWER:
	case GS_LINGER:
		return g->deadline;
	case GS_BUSY:
		break;
	case GS_NEW:
	case GS_FED:
	case GS_NEXT:
	case GS_DEAD:
		return USEC_NEVER;
	}
	if (pending(g) > 0)
		when = earlier(after(g->out_seen, lim->send_timeout),
		    after(now, lim->send_timeout / 4 + USEC_PER_MSEC));
	if (g->body_state == BODY_FLOW)
		when = earlier(when, after(g->body_seen, lim->idle_timeout));
	if ((bufferevent_get_enabled(g->bev) & EV_READ) == 0)
		when = earlier(when, now + WATCH);
	return when;
}

static void
arm(struct gate *g, usec_t now)
{
	usec_t when = due(g, now);
	usec_t d;
	struct timeval tv;

	if (when >= g->armed)
		return;
	d = when > now ? when - now : 0;
	tv.tv_sec = (time_t)(d / USEC_PER_SEC);
	tv.tv_usec = (suseconds_t)(d % USEC_PER_SEC);
	ASSERT(event_add(&g->tick, &tv) == 0);
	g->armed = when;
}

/* The tick comes from the loop, at once.  Not as EV_TIMEOUT: event_add() would take that back. */
static void
hurry(struct gate *g)
{
	event_active(&g->tick, EV_READ, 0);
}

/* Birth and death */

/* Takes the gate off everything.  The user hears of it last, when all it lent has come back. */
static void
drop(struct gate *g)
{
	struct gates *gs = g->gs;
	void *user = g->user;

	if (gs->connections != NULL)
		stats_add(worker_stats(gs->w), STAT_bytes_sent,
		    g->direct + g->added - pending(g) - g->counted);
	if (gs->fed == g) {
		gs->fed = NULL;
		head_fini(&gs->fed_head);
	}
	event_del(&g->tick);
	evbuffer_remove_cb_entry(bufferevent_get_input(g->bev), g->incb);
	evbuffer_unfreeze(output(g), 1);
	evbuffer_drain(output(g), pending(g));
	buf_fini(&g->hold);
	g->off = 0;
	if (g->parsing)
		parse_fini(&g->parse);
	TAILQ_REMOVE(&gs->all, g, link);
	gs->n--;
	gs->nover -= g->over;
	if (g->counts)
		atomic_fetch_sub_explicit(gs->connections, 1, memory_order_relaxed);
	g->evcon = NULL;
	g->req = NULL;
	g->user = NULL;
	g->state = GS_DEAD;
	if (user != NULL)
		gs->ops->gone(user, GATE_LOST);
	gate_unref(g);
}

/* evhttp's close callback: the connection is being freed, whoever wanted it. */
static void
closed(struct evhttp_connection *evcon, void *arg)
{
	struct gate *g = arg;

	CHECK(g, GATE_MAGIC);
	ASSERT(g->evcon == evcon);
	drop(g);
}

/* Frees the connection; a user that is still attached hears GATE_LOST. */
static void
cut(struct gate *g)
{
	ASSERT(g->state != GS_DEAD && g->evcon != NULL);
	evhttp_connection_free(g->evcon);
}

/* The same, so that the peer can't take what it has for a whole answer; the kernel keeps nothing. */
static void
cut_reset(struct gate *g)
{
	struct sockaddr sa = { .sa_family = AF_UNSPEC };

	if (g->answered)
		(void)connect(fd_of(g), &sa, sizeof sa);
	cut(g);
}

/* evhttp has put the connection together, or given up on it. */
static void
meet(struct gate *g)
{
	bufferevent_data_cb readcb;
	struct bufferevent *bev = g->bev;
	void *arg;

	ASSERT(g->state == GS_NEW);
	bufferevent_getcb(bev, &readcb, NULL, NULL, &arg);
	if (readcb == NULL) {
		drop(g);
		bufferevent_decref(bev);
		return;
	}
	g->evcon = arg;
	ASSERT(evhttp_connection_get_bufferevent(g->evcon) == bev);
	evhttp_connection_set_closecb(g->evcon, closed, g);
	g->state = GS_IDLE;
	bufferevent_decref(bev);
}

/* Deadlines of an idle connection; a head that has begun has its own. */
static void
set_idle_deadline(struct gate *g, usec_t now, usec_t timeout)
{
	g->deadline = after(now, timeout);
	if (g->gs->draining && held(g) == 0)
		g->deadline = earlier(g->deadline, after(now, g->gs->grace));
	arm(g, now);
}

/* The hold */

static void
hold_add(struct gate *g, const char *p, size_t n)
{
	if (g->off > 0) {
		buf_drop(&g->hold, g->off);
		g->off = 0;
	}
	buf_add(&g->hold, p, n);
}

static void
hold_take(struct gate *g, struct evbuffer *in)
{
	size_t n = evbuffer_get_length(in);

	hold_add(g, NULL, 0);
	buf_reserve(&g->hold, n);
	ASSERT(evbuffer_remove(in, g->hold.p + g->hold.n, n) == (int)n);
	g->hold.n += n;
}

static void
hold_trim(struct gate *g)
{
	if (held(g) == 0) {
		buf_fini(&g->hold);
		g->off = 0;
	}
}

/* Reading is flow control towards the client: on while the hold is below its mark. */
static void
set_reading(struct gate *g)
{
	bool is = (bufferevent_get_enabled(g->bev) & EV_READ) != 0;
	bool want = !g->half && held(g) < HOLD_MARK;

	if (want != is) {
		if (want)
			bufferevent_enable(g->bev, EV_READ);
		else
			bufferevent_disable(g->bev, EV_READ);
	}
}

/* Output */

/* Without waiting.  Bytes taken, 0 where the socket takes none now; a failure is remembered. */
static size_t
push(struct gate *g, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t r;

	do
		r = sendmsg(fd_of(g), &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r == -1 && errno == EINTR);
	if (r == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			g->broken = true;
		return 0;
	}
	g->direct += (size_t)r;
	return (size_t)r;
}

static void
lent_back(const void *p, size_t n, void *arg)
{
	struct lent *l = arg;

	(void)p;
	(void)n;
	l->release(l->arg);
	free(l);
}

static void
release(const struct gate_piece *piece)
{
	if (piece->release != NULL)
		piece->release(piece->arg);
}

/* Puts a piece, from skip on, into the output buffer. */
static void
queue(struct gate *g, const struct gate_piece *piece, size_t skip)
{
	const char *p = piece->p;
	size_t n = piece->n - skip;
	struct lent *l = NULL;
	int r;

	if (g->broken || n == 0) {
		release(piece);
		return;
	}
	if (piece->release == NULL) {
		r = evbuffer_add(output(g), p + skip, n);
	} else {
		l = XCALLOC(1, sizeof *l);
		l->release = piece->release;
		l->arg = piece->arg;
		r = evbuffer_add_reference(output(g), p + skip, n, lent_back, l);
	}
	if (r == 0) {
		g->added += n;
		return;
	}
	g->broken = true;
	if (l != NULL)
		lent_back(NULL, 0, l);
}

/* Past pieces[*i] by r bytes; *skip is how much of it is gone already. */
static void
advance(const struct gate_piece *pieces, unsigned n, unsigned *i, size_t *skip, size_t r)
{
	while (*i < n && r >= pieces[*i].n - *skip) {
		r -= pieces[*i].n - *skip;
		*skip = 0;
		release(&pieces[(*i)++]);
	}
	*skip += r;
}

/* Sends directly what the socket takes. */
static void
send_direct(struct gate *g, const struct gate_piece *pieces, unsigned n, unsigned *i, size_t *skip)
{
	struct iovec iov[SEND_IOV];
	size_t total, sent;
	unsigned k;

	advance(pieces, n, i, skip, 0);
	while (*i < n) {
		total = 0;
		for (k = 0; k < SEND_IOV && *i + k < n; k++) {
			const struct gate_piece *piece = &pieces[*i + k];
			size_t from = k == 0 ? *skip : 0;

			/* sendmsg() only reads */
			iov[k].iov_base = (void *)((uintptr_t)piece->p + from);
			iov[k].iov_len = piece->n - from;
			total += iov[k].iov_len;
		}
		sent = push(g, iov, k);
		advance(pieces, n, i, skip, sent);
		if (sent < total)
			break;
	}
}

/* What is left in the output leaves by the loop, and is watched for progress. */
static void
start_writing(struct gate *g)
{
	usec_t now = clock_mono();

	bufferevent_enable(g->bev, EV_WRITE);
	g->out_seen = now;
	g->acked = 0;
	arm(g, now);
}

static void
send_pieces(struct gate *g, const struct gate_piece *pieces, unsigned n)
{
	bool was_empty = pending(g) == 0;
	size_t skip = 0;
	unsigned i = 0;

	if (was_empty && !g->broken)
		send_direct(g, pieces, n, &i, &skip);
	for (; i < n; i++, skip = 0)
		queue(g, &pieces[i], skip);
	if (g->broken)
		hurry(g);
	else if (was_empty && pending(g) > 0)
		start_writing(g);
}

/* By what the peer's side has taken: a slow reader's progress doesn't show in the buffer. */
static bool
output_moves(struct gate *g, usec_t now)
{
	int outq = 0;
	uint64_t acked = g->direct + g->added - pending(g);

	if (ioctl(fd_of(g), SIOCOUTQ, &outq) == 0 && outq > 0)
		acked -= earlier((usec_t)acked, outq);
	if (acked != g->acked) {
		g->acked = acked;
		g->out_seen = now;
	}
	return now - g->out_seen < limits(g->gs)->send_timeout;
}

/* Callbacks of the bufferevent while it is ours */

static void
writecb(struct bufferevent *bev, void *arg)
{
	struct gate *g = arg;

	(void)bev;
	gate_ref(g);
	if (g->state == GS_ANSWER && pending(g) == 0) {
		linger(g);
	} else if (g->state == GS_BUSY && g->unsent) {
		g->unsent = pending(g) > 0;
		g->gs->ops->writable(g->user);
	}
	gate_unref(g);
}

/* The peer sends no more, but may read on. */
static void
eof(struct gate *g)
{
	g->half = true;
	if (g->state == GS_LINGER) {
		cut(g);
		return;
	}
	if (g->state == GS_BUSY && !g->told_half) {
		g->told_half = true;
		g->gs->ops->gone(g->user, GATE_HALF);
	}
	if (g->state == GS_BUSY)
		body_pump(g);
	if (g->state == GS_BUSY)
		arm(g, clock_mono());
}

static void
eventcb(struct bufferevent *bev, short what, void *arg)
{
	struct gate *g = arg;

	(void)bev;
	gate_ref(g);
	if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0)
		eof(g);
	else
		cut(g);
	gate_unref(g);
}

static void
take_callbacks(struct gate *g)
{
	bufferevent_setcb(g->bev, NULL, writecb, eventcb, g);
}

/* Closing */

/* Shut down for writing; what still comes is thrown away, so that no reset eats the answer. */
static void
linger(struct gate *g)
{
	usec_t now;

	ASSERT(pending(g) == 0);
	if (g->half || g->broken || (g->over && g->gs->nover > REFUSED_MAX)) {
		cut(g);
		return;
	}
	g->state = GS_LINGER;
	shutdown(fd_of(g), SHUT_WR);
	g->off = g->hold.n;
	hold_trim(g);
	bufferevent_enable(g->bev, EV_READ);
	now = clock_mono();
	g->deadline = now + LINGER_TIME;
	arm(g, now);
}

static void
throw_away(struct gate *g, struct evbuffer *in)
{
	size_t got = evbuffer_get_length(in);
	ssize_t r;

	evbuffer_drain(in, got);
	for (int i = 0; i < SCRATCH_READS; i++) {
		r = recv(fd_of(g), scratch(g->gs), SCRATCH, MSG_DONTWAIT);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	g->lingered += got;
	if (g->lingered > LINGER_BYTES)
		cut(g);
}

static const char *
detail_of(int status)
{
	switch (status) {
	case 405:
		return "method";
	case 408:
		return "request-timeout";
	case 413:
		return "too-large";
	case 414:
		return "uri-too-long";
	case 417:
		return "expectation";
	case 431:
		return "header-too-large";
	case 501:
		return "not-implemented";
	case 503:
		return "connections";
	case 505:
		return "http-version";
	default:
		return "bad-request";
	}
}

/* The gate answers itself, and the connection closes. */
static void
refuse(struct gate *g, int status, const char *text, bool to_head)
{
	struct reply r = { .status = status, .detail = detail_of(status), .text = text,
	    .close = true, .to_head = to_head };
	struct buf out = { 0 };
	struct gate_piece piece = { 0 };
	struct now now = clock_now();

	if (status == 503)
		r.retry_after = 1;
	if (status == 405)
		r.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	take_callbacks(g);
	g->state = GS_ANSWER;
	g->deadline = now.mono + LINGER_TIME;
	g->off = g->hold.n;
	hold_trim(g);
	g->gs->ops->refused(g->gs->arg, status);
	reply_error(&out, &r, now.wall);
	piece.p = out.p;
	piece.n = out.n;
	send_pieces(g, &piece, 1);
	buf_fini(&out);
	if (pending(g) == 0)
		linger(g);
	else
		arm(g, now.mono);
}

/* Heads */

/* Gives the connection back to evhttp, for the next request.  False: evhttp ended it. */
static bool
give_back(struct gate *g)
{
	struct evhttp_request *req = g->req;
	bool alive;

	gate_ref(g);
	g->req = NULL;
	g->state = GS_IDLE;
	evhttp_send_reply_end(req);
	alive = g->state != GS_DEAD;
	gate_unref(g);
	return alive;
}

/* 0, or the status that refuses a well-formed request. */
static int
unwanted(const struct gates *gs, const struct head *h, const char **text)
{
	if (method_is(h, "CONNECT")) {
		*text = "CONNECT is not offered here";
		return 501;
	}
	if (method_is(h, "TRACE")) {
		*text = "TRACE is not offered here";
		return 405;
	}
	if (h->framing == FRAMING_LENGTH && h->length > limits(gs)->body) {
		*text = "the body is larger than limits.body";
		return 413;
	}
	return 0;
}

/*
 * Lets evhttp dispatch.  Within the input's callback evhttp's read callback follows by itself, from
 * the same stack.  evbuffer_add() would fail there: the end is frozen.
 */
static void
feed(struct gate *g, struct head *h, bool in_input)
{
	struct gates *gs = g->gs;

	if (g->state == GS_NEXT && !give_back(g)) {
		head_fini(h);
		return;
	}
	ASSERT(gs->fed == NULL);
	gs->fed = g;
	gs->fed_head = *h;
	g->state = GS_FED;
	g->feeding = true;
	ASSERT(evbuffer_prepend(bufferevent_get_input(g->bev), CANON, sizeof CANON - 1) == 0);
	g->feeding = false;
	if (in_input)
		return;
	bufferevent_trigger(g->bev, EV_READ, 0);
	ASSERT(g->state != GS_FED);
}

/* What is held is no whole head yet. */
static void
wait_for_head(struct gate *g)
{
	const struct conf_limits *lim = limits(g->gs);
	usec_t now;

	if (g->state == GS_NEXT) {
		if (g->half) {
			cut(g);
			return;
		}
		if (!give_back(g))
			return;
		set_idle_deadline(g, clock_mono(),
		    held(g) > 0 ? lim->header_timeout : lim->idle_timeout);
	} else if (!g->parsing && g->heads) {
		now = clock_mono();
		g->deadline = after(now, lim->header_timeout);
		arm(g, now);
	}
}

/* In GS_IDLE with bytes held, or GS_NEXT. */
static void
find_head(struct gate *g, bool in_input)
{
	struct head h = { 0 };
	struct parse_limits lim;
	enum parse_result r;
	const char *text;
	int status;

	if (!g->parsing) {
		lim.head_bytes = limits(g->gs)->header_bytes;
		lim.uri = limits(g->gs)->uri;
		lim.fields = limits(g->gs)->header_fields;
		parse_init(&g->parse, PARSE_REQUEST, &lim);
	}
	r = held(g) == 0 ? PARSE_MORE : parse_head(&g->parse, held_p(g), held(g), &h);
	if (r == PARSE_MORE) {
		wait_for_head(g);
		if (g->state != GS_DEAD)
			g->parsing = held(g) > 0;
		return;
	}
	g->parsing = false;
	status = g->parse.status;
	text = g->parse.reason;
	g->off += r == PARSE_DONE ? g->parse.used : 0;
	parse_fini(&g->parse);
	if (r == PARSE_DONE)
		status = unwanted(g->gs, &h, &text);
	if (status != 0) {
		refuse(g, status, text, r == PARSE_DONE && method_is(&h, "HEAD"));
		head_fini(&h);
		return;
	}
	g->heads = true;
	feed(g, &h, in_input);
}

void
gates_dispatch(struct gates *gs, struct evhttp_request *req)
{
	struct gate *g;
	struct head h;

	CHECK(gs, GATES_MAGIC);
	g = gate_ref(gs->fed);
	h = gs->fed_head;
	gs->fed = NULL;
	memset(&gs->fed_head, 0, sizeof gs->fed_head);
	ASSERT(g->state == GS_FED && evhttp_request_get_connection(req) == g->evcon);

	take_callbacks(g);
	g->state = GS_BUSY;
	g->req = req;
	g->close = !h.keep_alive;
	g->expects = h.expect_continue && h.minor >= 1;
	g->answered = g->unsent = g->told_half = false;
	g->body_limit = limits(gs)->body;
	g->body_state = h.framing == FRAMING_NONE ? BODY_NONE : BODY_UNREAD;
	parse_body_init(&g->body, &h);
	hold_trim(g);
	gs->ops->request(gs->arg, g, &h);
	if (g->state == GS_BUSY) {
		ASSERT(g->user != NULL);
		set_reading(g);
		if (g->half || held(g) >= HOLD_MARK)
			arm(g, clock_mono());
	}
	gate_unref(g);
}

/* Bodies */

static void
body_over(struct gate *g, enum body_state end, int status)
{
	g->body_state = end;
	if (status != 0)
		g->close = true;
	g->gs->ops->body_end(g->user, status);
}

/*
 * Hands on body bytes while the user takes them.  Returns the bytes used.  With in_hold they are
 * the hold's, whose offset goes along, since the user may finish from within.
 */
static size_t
body_run(struct gate *g, const char *p, size_t n, bool in_hold)
{
	size_t used = 0;

	while (g->state == GS_BUSY && g->body_state == BODY_FLOW) {
		struct slice data = { NULL, 0 };
		size_t step = 0;
		enum parse_result r = parse_body(&g->body, p + used, n - used, &data, &step);

		used += step;
		if (in_hold)
			g->off += step;
		switch (r) {
		case PARSE_MORE:
			if (g->half)
				body_over(g, BODY_FAILED, 400);
			return used;
		case PARSE_DATA:
			if (g->body.total > g->body_limit)
				body_over(g, BODY_FAILED, 413);
			else if (!g->gs->ops->body(g->user, data.p, data.n) &&
			    g->state == GS_BUSY && g->body_state == BODY_FLOW)
				g->body_state = BODY_PAUSED;
			break;
		case PARSE_DONE:
			body_over(g, BODY_NONE, 0);
			return used;
		case PARSE_ERROR:
			body_over(g, BODY_FAILED, 400);
			return used;
		}
	}
	return used;
}

static void
body_pump(struct gate *g)
{
	if (g->body_state == BODY_FLOW)
		(void)body_run(g, held_p(g), held(g), true);
}

/* More than evbuffer_read() brings at a time, past the hold.  An end is seen again by the loop. */
static void
body_read(struct gate *g)
{
	struct gates *gs = g->gs;
	size_t used, n;
	ssize_t r;

	for (int i = 0; i < SCRATCH_READS; i++) {
		if (g->state != GS_BUSY || g->body_state != BODY_FLOW || held(g) > 0)
			return;
		r = recv(fd_of(g), scratch(gs), SCRATCH, MSG_DONTWAIT);
		if (r == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
			/* The error was ours to see; the loop won't get it again. */
			cut(g);
			return;
		}
		if (r <= 0)
			return;
		n = (size_t)r;
		used = body_run(g, gs->scratch, n, false);
		if (used < n && (g->state == GS_BUSY || g->state == GS_NEXT))
			hold_add(g, gs->scratch + used, n - used);
		if (n < SCRATCH)
			return;
	}
}

/* True when what is held has the rest of the body. */
static bool
body_is_here(const struct gate *g)
{
	struct parse_body b = g->body;
	const char *p = held_p(g);
	size_t n = held(g), step;
	struct slice data;

	for (;;) {
		switch (parse_body(&b, p, n, &data, &step)) {
		case PARSE_DATA:
			p += step;
			n -= step;
			break;
		case PARSE_DONE:
			return true;
		case PARSE_MORE:
		case PARSE_ERROR:
			return false;
		}
	}
}

static void
body_skip(struct gate *g)
{
	struct slice data;
	enum parse_result r;
	size_t step;

	do {
		r = parse_body(&g->body, held_p(g), held(g), &data, &step);
		g->off += step;
	} while (r == PARSE_DATA);
	ASSERT(r == PARSE_DONE);
	g->body_state = BODY_NONE;
}

/* Input */

static void
busy_input(struct gate *g, struct evbuffer *in)
{
	usec_t now;

	hold_take(g, in);
	if (g->state == GS_BUSY && g->body_state == BODY_FLOW) {
		body_pump(g);
		if (g->state == GS_BUSY)
			body_read(g);
		if (g->state == GS_BUSY) {
			now = clock_mono();
			g->body_seen = now;
			arm(g, now);
		}
	}
	if (g->state == GS_BUSY) {
		hold_trim(g);
		set_reading(g);
		if (held(g) >= HOLD_MARK)
			arm(g, clock_mono());
	}
}

/* The input's callback: runs before evhttp sees the bytes, and leaves none. */
static void
input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct gate *g = arg;

	CHECK(g, GATE_MAGIC);
	if (g->feeding || info->n_added == 0 || evbuffer_get_length(in) == 0)
		return;
	gate_ref(g);
	switch (g->state) {
	case GS_IDLE:
		hold_take(g, in);
		find_head(g, true);
		break;
	case GS_BUSY:
	case GS_NEXT:
		busy_input(g, in);
		break;
	case GS_ANSWER:
	case GS_LINGER:
		throw_away(g, in);
		break;
	case GS_NEW:
	case GS_FED:
	case GS_DEAD:
		break;
	}
	gate_unref(g);
}

/* The tick */

static void
idle_tick(struct gate *g, usec_t now)
{
	const char *p = held_p(g);
	/* An empty line before a request line is no head yet. */
	bool began = held(g) > 2 || (held(g) > 0 && p[0] != '\r');

	if (now < g->deadline)
		return;
	if (began)
		refuse(g, 408, "the request's head took longer than limits.header_timeout", false);
	else
		cut(g);
}

/* Reading is off, so the socket has no voice: ask. */
static void
watch(struct gate *g)
{
	struct tcp_info ti;
	socklen_t len = sizeof ti;

	memset(&ti, 0, sizeof ti);
	if (getsockopt(fd_of(g), IPPROTO_TCP, TCP_INFO, &ti, &len) == -1)
		return;
	if (ti.tcpi_state == TCP_CLOSE) {
		cut(g);
	} else if (ti.tcpi_state == TCP_CLOSE_WAIT && !g->told_half) {
		g->told_half = true;
		g->gs->ops->gone(g->user, GATE_HALF);
	}
}

static void
busy_tick(struct gate *g, usec_t now)
{
	if (g->broken) {
		cut(g);
		return;
	}
	if (pending(g) > 0 && !output_moves(g, now)) {
		cut_reset(g);
		return;
	}
	body_pump(g);
	if (g->state != GS_BUSY)
		return;
	if (g->body_state == BODY_FLOW && now - g->body_seen >= limits(g->gs)->idle_timeout)
		body_over(g, BODY_FAILED, 408);
	if (g->state != GS_BUSY)
		return;
	hold_trim(g);
	set_reading(g);
	if ((bufferevent_get_enabled(g->bev) & EV_READ) == 0)
		watch(g);
}

static void
newcomer(struct gate *g, usec_t now)
{
	meet(g);
	if (g->state == GS_DEAD)
		return;
	set_idle_deadline(g, now, limits(g->gs)->header_timeout);
	if (g->over)
		refuse(g, 503, "limits.connections is reached", false);
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	struct gate *g = arg;
	usec_t now = clock_mono();

	(void)fd;
	(void)what;
	gate_ref(g);
	g->armed = USEC_NEVER;
	switch (g->state) {
	case GS_NEW:
		newcomer(g, now);
		break;
	case GS_IDLE:
		idle_tick(g, now);
		break;
	case GS_BUSY:
		busy_tick(g, now);
		break;
	case GS_NEXT:
		find_head(g, false);
		break;
	case GS_ANSWER:
	case GS_LINGER:
		if (now >= g->deadline)
			cut(g);
		break;
	case GS_FED:
	case GS_DEAD:
		break;
	}
	if (g->state != GS_DEAD) {
		hold_trim(g);
		arm(g, now);
	}
	gate_unref(g);
}

/* The set */

struct gates *
gates_new(struct worker *w, const struct gate_ops *ops, void *arg, _Atomic unsigned *connections)
{
	struct gates *gs;

	NEW(gs, GATES_MAGIC);
	gs->w = w;
	gs->ops = ops;
	gs->arg = arg;
	gs->connections = connections;
	TAILQ_INIT(&gs->all);
	return gs;
}

/* Past the limit a newcomer doesn't count, or those that are refused would keep others out. */
static void
count_in(struct gates *gs, struct gate *g)
{
	if (gs->connections == NULL)
		return;
	stats_add(worker_stats(gs->w), STAT_connections, 1);
	if (atomic_fetch_add_explicit(gs->connections, 1, memory_order_relaxed) <
	    limits(gs)->connections) {
		g->counts = true;
		return;
	}
	atomic_fetch_sub_explicit(gs->connections, 1, memory_order_relaxed);
	g->over = true;
	gs->nover++;
}

/* Never NULL: without a bufferevent of ours evhttp makes its own, and no gate would stand there. */
struct bufferevent *
gates_accept(struct gates *gs, struct event_base *base)
{
	struct gate *g;

	CHECK(gs, GATES_MAGIC);
	NEW(g, GATE_MAGIC);
	g->state = GS_NEW;
	g->refs = 1;
	g->gs = gs;
	g->armed = g->deadline = USEC_NEVER;
	TAILQ_INSERT_TAIL(&gs->all, g, link);
	gs->n++;
	count_in(gs, g);
	g->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	ASSERT(g->bev != NULL);
	/* With nothing left in the input evhttp's read callback isn't called. */
	bufferevent_setwatermark(g->bev, EV_READ, 1, 0);
	bufferevent_set_max_single_write(g->bev, 1 << 20);
	g->incb = evbuffer_add_cb(bufferevent_get_input(g->bev), input, g);
	ASSERT(g->incb != NULL);
	bufferevent_incref(g->bev);
	ASSERT(event_assign(&g->tick, base, -1, 0, tick, g) == 0);
	hurry(g);
	return g->bev;
}

unsigned
gates_count(const struct gates *gs)
{
	CHECK(gs, GATES_MAGIC);
	return gs->n;
}

void
gates_drain(struct gates *gs, int64_t grace_us)
{
	struct gate *g;
	usec_t now = clock_mono();

	CHECK(gs, GATES_MAGIC);
	gs->draining = true;
	gs->grace = grace_us;
	TAILQ_FOREACH(g, &gs->all, link) {
		if (g->state == GS_IDLE && held(g) == 0) {
			g->deadline = earlier(g->deadline, after(now, grace_us));
			arm(g, now);
		}
	}
}

void
gates_kill_all(struct gates *gs)
{
	struct gate *g;

	CHECK(gs, GATES_MAGIC);
	while ((g = TAILQ_FIRST(&gs->all)) != NULL) {
		gate_ref(g);
		if (g->state == GS_NEW)
			meet(g);
		if (g->state == GS_BUSY)
			cut_reset(g);
		else if (g->state != GS_DEAD)
			cut(g);
		gate_unref(g);
	}
}

void
gates_free(struct gates *gs)
{
	if (gs == NULL)
		return;
	CHECK(gs, GATES_MAGIC);
	ASSERT(TAILQ_EMPTY(&gs->all));
	free(gs->scratch);
	FREE(gs);
}

/* The user's side */

static void
check_busy(const struct gate *g)
{
	CHECK(g, GATE_MAGIC);
	ASSERT(g->state == GS_BUSY);
}

void
gate_attach(struct gate *g, void *user)
{
	check_busy(g);
	ASSERT(user != NULL);
	g->user = user;
}

const char *
gate_peer(const struct gate *g)
{
	char *address;
	uint16_t port;

	check_busy(g);
	evhttp_connection_get_peer(g->evcon, &address, &port);
	return address;
}

struct worker *
gate_worker(const struct gate *g)
{
	CHECK(g, GATE_MAGIC);
	return g->gs->w;
}

size_t
gate_held(const struct gate *g)
{
	check_busy(g);
	return held(g);
}

void
gate_body_start(struct gate *g)
{
	struct iovec iov = { (void *)(uintptr_t)CONTINUE, sizeof CONTINUE - 1 };

	check_busy(g);
	ASSERT(g->body_state == BODY_NONE || g->body_state == BODY_UNREAD);
	if (g->expects && g->body_state == BODY_UNREAD && held(g) == 0 && pending(g) == 0 &&
	    push(g, &iov, 1) < iov.iov_len)
		g->broken = true;	/* an empty send buffer that can't take 25 bytes */
	g->expects = false;
	g->body_state = BODY_FLOW;
	g->body_seen = clock_mono();
	hurry(g);
}

void
gate_body_resume(struct gate *g)
{
	check_busy(g);
	if (g->body_state != BODY_PAUSED)
		return;
	g->body_state = BODY_FLOW;
	g->body_seen = clock_mono();
	hurry(g);
}

size_t
gate_send(struct gate *g, const struct gate_piece *pieces, unsigned n)
{
	check_busy(g);
	g->expects = false;
	g->answered = true;
	send_pieces(g, pieces, n);
	if (g->broken)
		return GATE_FAILED;
	g->unsent = pending(g) > 0;
	return pending(g);
}

size_t
gate_pending(const struct gate *g)
{
	check_busy(g);
	return g->broken ? GATE_FAILED : pending(g);
}

void
gate_set_low(struct gate *g, size_t low)
{
	check_busy(g);
	if (low != g->low)
		bufferevent_setwatermark(g->bev, EV_WRITE, low, 0);
	g->low = low;
}

bool
gate_closing(struct gate *g)
{
	check_busy(g);
	if (!g->close)
		g->close = g->gs->draining || g->broken ||
		    (g->body_state != BODY_NONE && !body_is_here(g));
	return g->close;
}

void
gate_set_close(struct gate *g)
{
	check_busy(g);
	g->close = true;
}

static void
settle_stats(struct gate *g)
{
	uint64_t sent = g->direct + g->added;

	if (g->gs->connections != NULL)
		stats_add(worker_stats(g->gs->w), STAT_bytes_sent, sent - g->counted);
	g->counted = sent;
}

void
gate_finish(struct gate *g)
{
	check_busy(g);
	ASSERT(g->broken || pending(g) == 0);
	g->user = NULL;
	g->unsent = false;
	gate_ref(g);
	if (g->broken) {
		cut(g);
		gate_unref(g);
		return;
	}
	settle_stats(g);
	if (g->low != 0)
		gate_set_low(g, 0);
	if (!g->close && g->body_state != BODY_NONE) {
		if (body_is_here(g))
			body_skip(g);
		else
			g->close = true;
	}
	if (g->close || (g->half && held(g) == 0)) {
		linger(g);
	} else if (g->hold.p != NULL || g->half) {
		g->state = GS_NEXT;
		hurry(g);
	} else if (give_back(g)) {
		set_idle_deadline(g, clock_mono(), limits(g->gs)->idle_timeout);
	}
	gate_unref(g);
}

void
gate_kill(struct gate *g)
{
	check_busy(g);
	g->user = NULL;
	cut_reset(g);
}
