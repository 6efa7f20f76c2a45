/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a fetch has a place in the pool, in it a connection, on it one exchange.
 *
 *	F_QUEUED ──> F_READY ──> F_DIALING ──> F_HEAD ──> F_BODY ──> F_OVER
 *	               ^ └── idle connection ────^ │
 *	               └─── sent again ────────────┘      F_OVER from anywhere
 *
 * What there is in each state: a wish in the pool's queue (F_QUEUED), a place (all others but
 * F_OVER and a F_READY that was refused), a dial (F_DIALING), a bufferevent (F_HEAD, F_BODY).
 * teardown() takes down what there is; it is the only end of each of them but the retry's.
 *
 * Bytes out: `unsent` gathers the request while there is no connection, then the output of the
 * bufferevent does.  As long as not a byte of it has left, all of it can go to another connection.
 * Bytes in: the bufferevent reads 4 KiB at a time; they move to `answer`, and when there were so
 * many, one recv() fetches what else is there.  While a body is paused nothing is read, and all
 * that was read has been given away.
 *
 * Re-entrance: every entry from the loop counts in `depth`, and the struct lives until the
 * outermost has left.  Ops may cancel; after each op the state is looked at again.
 *
 * Deadlines: one timer, set for the earliest.  When a deadline moves away (it does with each read)
 * the timer stays and looks again when it fires.
 *
 * Why not bufferevent_set_timeouts: it can't tell a paused reader from a silent server.
 * Why the descriptor is taken out before the bufferevent is freed: that is done later by the loop,
 * and until then the pool would hand on a place whose connection is still open.
 */
#include "upstream/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/contract.h"
#include "base/stats.h"

#include "upstream/response.h"
#include "upstream/dial.h"
#include "upstream/pool.h"

#define READ_LITTLE	(16 * 1024)
#define READ_MUCH	(128 * 1024)
#define READ_FULL	4096		/* what a bufferevent reads at most */
#define OUT_HIGH	(128 * 1024)
#define OUT_LOW		(32 * 1024)
#define RISKY_IDLE	USEC_PER_SEC	/* see pool_wait.max_idle */

enum fetch_state {
	F_QUEUED,		/* in the pool's queue */
	F_READY,		/* the kick is active: begins from the loop */
	F_DIALING,
	F_HEAD,			/* the request is being sent or was; no final head yet */
	F_BODY,
	F_OVER,			/* holds nothing; freed when depth is 0 */
};

enum fetch_eof {
	EOF_NONE,
	EOF_CLEAN,
	EOF_RESET,
};

struct fetch {
	unsigned		 magic;
#define FETCH_MAGIC		 0x6fe7c4a1
	enum fetch_state	 state;
	unsigned		 depth;		/* entries from the loop on the stack */
	struct worker		*worker;
	struct resolver		*resolver;
	const struct conf_upstream *u;
	const struct fetch_ops	*ops;
	void			*arg;
	struct event		*timer;
	struct event		*kick;		/* made active by hand: F_READY, or body resumed */

	struct pool_wait	 place;
	bool			 placed;	/* place is one */
	int			 spare_fd;	/* came with the place, until taken up; or -1 */
	struct dial		*dial;
	struct bufferevent	*bev;
	struct evbuffer_cb_entry *out_cb;

	char			*head;		/* the request's, to be sent again */
	size_t			 head_n;
	bool			 repeatable;	/* idempotent, without a body */
	bool			 chunked;
	bool			 upload_ended;	/* true from the start without a body */
	bool			 want_room;
	struct evbuffer		*unsent;	/* while there is no connection */
	bool			 counted;	/* in upstream_fetches */
	unsigned		 retries;

	/* the exchange on this connection */
	bool			 reused;
	bool			 left;		/* a byte of the request has left */
	bool			 write_dead;	/* the server takes no more */
	bool			 answered;	/* a byte of an answer came */
	bool			 paused;
	enum fetch_eof		 eof;		/* after the bytes in answer */
	struct response		 answer;
	bool			 bulk;		/* reads come back full: read more at once */

	usec_t			 started;
	usec_t			 progress;	/* when a piece of the request last left */
	usec_t			 head_began;	/* first bytes of the head that is in answer */
	usec_t			 last_read;
	usec_t			 armed;		/* when the timer fires; USEC_NEVER: not set */
};

/* Deadlines */

static usec_t
after(usec_t from, usec_t timeout)
{
	return timeout < USEC_NEVER - from ? from + timeout : USEC_NEVER;
}

struct deadline {
	usec_t			 at;
	enum fetch_error	 error;
	const char		*why;
};

static void
sooner(struct deadline *d, usec_t at, enum fetch_error error, const char *why)
{
	if (at < d->at)
		*d = (struct deadline){ at, error, why };
}

/* Our own client has yet to send more of the body: the server's silence is no fault. */
static bool
awaits_client(const struct fetch *f)
{
	return !f->upload_ended && !f->write_dead &&
	    evbuffer_get_length(bufferevent_get_output(f->bev)) == 0;
}

static struct deadline
next_deadline(const struct fetch *f)
{
	struct deadline d = { USEC_NEVER, FETCH_TOTAL_TIMEOUT, NULL };
	usec_t alive = f->last_read > f->progress ? f->last_read : f->progress;

	sooner(&d, after(f->started, f->u->total_timeout), FETCH_TOTAL_TIMEOUT,
	    "no whole answer within timeouts.total");
	if (f->state == F_QUEUED)
		sooner(&d, after(f->started, f->u->queue_timeout), FETCH_QUEUE_TIMEOUT,
		    "no connection became free within queue.timeout");
	if (f->state == F_HEAD && response_pending(&f->answer) > 0) {
		sooner(&d, after(f->last_read, f->u->idle_timeout), FETCH_IDLE_TIMEOUT,
		    "silence within a head for timeouts.idle");
		sooner(&d, after(f->head_began, f->u->first_byte_timeout),
		    FETCH_FIRST_BYTE_TIMEOUT, "no whole head within timeouts.first_byte");
	} else if (f->state == F_HEAD && !awaits_client(f)) {
		sooner(&d, after(f->progress, f->u->first_byte_timeout),
		    FETCH_FIRST_BYTE_TIMEOUT, "no answer within timeouts.first_byte");
	} else if (f->state == F_BODY && !f->paused && !awaits_client(f)) {
		sooner(&d, after(alive, f->u->idle_timeout), FETCH_IDLE_TIMEOUT,
		    "silence within a body for timeouts.idle");
	}
	return d;
}

static void
arm(struct fetch *f)
{
	usec_t left, at = next_deadline(f).at;
	struct timeval tv;

	if (at >= f->armed)
		return;
	left = at - clock_mono();
	if (left < 0)
		left = 0;
	tv = (struct timeval){ left / USEC_PER_SEC, left % USEC_PER_SEC };
	event_add(f->timer, &tv);
	f->armed = at;
}

/* Life and death */

static void
fetch_free(struct fetch *f)
{
	ASSERT(f->state == F_OVER && f->bev == NULL && f->dial == NULL && !f->placed);
	event_free(f->timer);
	event_free(f->kick);
	evbuffer_free(f->unsent);
	response_fini(&f->answer);
	free(f->head);
	FREE(f);
}

static void
enter(struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	f->depth++;
}

/* f may be gone afterwards. */
static void
leave(struct fetch *f)
{
	if (--f->depth > 0)
		return;
	if (f->state == F_OVER)
		fetch_free(f);
	else
		arm(f);
}

/* The connection without its bufferevent, or -1. */
static int
take_fd(struct fetch *f)
{
	struct bufferevent *bev = f->bev;
	int fd;

	if (bev == NULL)
		return -1;
	f->bev = NULL;
	evbuffer_remove_cb_entry(bufferevent_get_output(bev), f->out_cb);
	fd = bufferevent_getfd(bev);
	/*
	 * Its events are deleted.  With epoll's changelist the kernel is told before the next wait,
	 * so no event can come; a delete that comes after the close finds nothing, which libevent
	 * expects.
	 */
	bufferevent_setfd(bev, -1);
	bufferevent_free(bev);
	return fd;
}

/* From any state to F_OVER.  reuse: the connection is fit for the next request. */
static void
teardown(struct fetch *f, bool reuse)
{
	usec_t mono = clock_mono();
	int fd = take_fd(f);

	if (f->dial != NULL)
		dial_cancel(f->dial);
	f->dial = NULL;
	if (fd >= 0 && !reuse) {
		close(fd);
		fd = -1;
	}
	if (f->spare_fd >= 0)
		fd = f->spare_fd;
	f->spare_fd = -1;
	if (f->placed)
		pool_release(&f->place, fd, mono);
	else if (f->state == F_QUEUED)
		pool_cancel(&f->place, mono);
	f->placed = false;
	event_del(f->timer);
	event_del(f->kick);
	f->state = F_OVER;
}

static void
count(struct fetch *f, enum stat_id what)
{
	stats_add(worker_stats(f->worker), what, 1);
}

static void
fail(struct fetch *f, enum fetch_error error, const char *why)
{
	/* While queued, or without resources here, no exchange with the upstream has failed. */
	if (f->placed && error != FETCH_RESOURCES)
		count(f, STAT_upstream_errors);
	teardown(f, false);
	f->ops->fail(f->arg, error, why);
}

/* Sending */

/* All of the request that there is, to be sent on another connection. */
static void
gather_unsent(struct fetch *f)
{
	struct evbuffer *out = bufferevent_get_output(f->bev);

	if (f->left) {
		ASSERT(f->repeatable);
		evbuffer_add(f->unsent, f->head, f->head_n);
		return;
	}
	/* The bufferevent freezes the front of its output for all but itself. */
	evbuffer_unfreeze(out, 1);
	evbuffer_add_buffer(f->unsent, out);
}

/* Once more on a new connection in our place, from the loop. */
static void
send_again(struct fetch *f)
{
	int fd;

	count(f, STAT_upstream_retries);
	if (f->bev != NULL)
		gather_unsent(f);
	fd = take_fd(f);
	if (fd >= 0)
		close(fd);
	f->reused = f->left = f->write_dead = false;
	f->eof = EOF_NONE;
	f->answered = false;
	response_forget(&f->answer);
	f->state = F_READY;
	event_active(f->kick, EV_TIMEOUT, 1);
}

/* The connection, or the attempt at one, broke before a byte of an answer. */
static void
broken(struct fetch *f, const char *why)
{
	if (f->reused && (f->repeatable || !f->left)) {
		send_again(f);
	} else if (f->repeatable && f->retries < f->u->retries) {
		f->retries++;
		count(f, STAT_upstream_errors);
		send_again(f);
	} else {
		fail(f, FETCH_CONNECT, why);
	}
}

static void	on_read(struct bufferevent *bev, void *arg);
static void	on_write(struct bufferevent *bev, void *arg);
static void	on_event(struct bufferevent *bev, short what, void *arg);

static void
out_changed(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct fetch *f = arg;

	(void)out;
	CHECK(f, FETCH_MAGIC);
	if (info->n_deleted > 0) {
		f->left = true;
		f->progress = clock_mono();
	}
}

/* The exchange begins on a connected socket, which becomes ours. */
static void
talk(struct fetch *f, int fd, bool reused)
{
	f->bev = bufferevent_socket_new(worker_base(f->worker), fd, 0);
	if (f->bev == NULL) {
		close(fd);
		fail(f, FETCH_RESOURCES, "no memory for a connection");
		return;
	}
	f->reused = reused;
	f->state = F_HEAD;
	f->progress = clock_mono();
	bufferevent_setcb(f->bev, on_read, on_write, on_event, f);
	bufferevent_setwatermark(f->bev, EV_WRITE, OUT_LOW, 0);
	bufferevent_set_max_single_write(f->bev, 1 << 20);
	f->out_cb = evbuffer_add_cb(bufferevent_get_output(f->bev), out_changed, f);
	if (!f->counted)
		count(f, STAT_upstream_fetches);
	f->counted = true;
	/* It leaves from the loop, so what ops->sent adds to the body comes after it. */
	evbuffer_add_buffer(bufferevent_get_output(f->bev), f->unsent);
	bufferevent_enable(f->bev, EV_READ | EV_WRITE);
	f->ops->sent(f->arg);
}

static void
dialed(void *arg, int fd, enum dial_result result, const char *why)
{
	struct fetch *f = arg;

	enter(f);
	f->dial = NULL;
	switch (result) {
	case DIAL_CONNECTED:
		talk(f, fd, false);
		break;
	case DIAL_UNKNOWN:
		fail(f, FETCH_RESOLVE, why);
		break;
	case DIAL_REFUSED:
		broken(f, why);
		break;
	case DIAL_TIMEOUT:
		fail(f, FETCH_CONNECT_TIMEOUT, why);
		break;
	case DIAL_RESOURCES:
		fail(f, FETCH_RESOURCES, why);
		break;
	}
	leave(f);
}

/* F_READY, from the loop. */
static void
begin(struct fetch *f)
{
	int fd = f->spare_fd;

	f->spare_fd = -1;
	if (!f->placed) {
		fail(f, FETCH_QUEUE_FULL, "queue.length requests wait for a connection already");
	} else if (fd >= 0) {
		talk(f, fd, true);
	} else {
		f->state = F_DIALING;
		f->dial = dial_start(f->worker, f->resolver, &f->u->server,
		    f->u->connect_timeout, dialed, f);
	}
}

static void
have_place(struct fetch *f)
{
	f->placed = true;
	f->spare_fd = f->place.fd;
	f->state = F_READY;
}

/* From the loop: the pool gives a place to us in the queue. */
static void
place_ready(void *arg)
{
	struct fetch *f = arg;

	enter(f);
	ASSERT(f->state == F_QUEUED);
	have_place(f);
	begin(f);
	leave(f);
}

/* Reading */

/* The answer is whole; what follows it on the connection, if anything, is not ours to read. */
static void
whole(struct fetch *f)
{
	bool reuse = f->answer.keep_alive && f->eof == EOF_NONE &&
	    response_pending(&f->answer) == 0 && f->upload_ended && !f->write_dead &&
	    evbuffer_get_length(bufferevent_get_output(f->bev)) == 0 &&
	    evbuffer_get_length(bufferevent_get_input(f->bev)) == 0;

	teardown(f, reuse);
	f->ops->end(f->arg);
}

/* One step of the reading.  False: it takes more bytes, or it is over. */
static bool
read_on(struct fetch *f)
{
	struct head h = { 0 };
	struct slice data;
	enum response_step step = response_read(&f->answer, &h, &data);

	if (data.n > 0) {
		f->paused = !f->ops->body(f->arg, data.p, data.n);
		if (f->state == F_OVER)
			return false;
	}
	switch (step) {
	case RESPONSE_MORE:
		if (f->paused)
			bufferevent_disable(f->bev, EV_READ);
		return false;
	case RESPONSE_HEAD:
		f->state = F_BODY;
		f->ops->head(f->arg, &h);
		return f->state == F_BODY;
	case RESPONSE_WHOLE:
		whole(f);
		return false;
	case RESPONSE_BAD:
		fail(f, FETCH_MALFORMED, f->answer.reason);
		return false;
	}
	return false;
}

/* The server has sent its last byte, and we have read it. */
static void
at_eof(struct fetch *f)
{
	bool clean = f->eof == EOF_CLEAN;

	if (f->state == F_HEAD && !f->answered)
		broken(f, clean ? "closed before an answer" : "reset before an answer");
	else if (f->state == F_HEAD)
		fail(f, FETCH_TRUNCATED, "ended within the head");
	else if (clean && f->answer.until_close)
		whole(f);
	else
		fail(f, FETCH_TRUNCATED,
		    clean ? "closed within the body" : "reset within the body");
}

static bool
talking(const struct fetch *f)
{
	return f->state == F_HEAD || f->state == F_BODY;
}

static void
run(struct fetch *f)
{
	/* We have asked nothing yet: these are the leavings of an earlier exchange. */
	if (f->reused && f->answered && !f->left) {
		f->answered = false;
		f->eof = EOF_RESET;
		response_forget(&f->answer);
	}
	while (!f->paused && talking(f) && read_on(f))
		;
	if (!f->paused && talking(f) && f->eof != EOF_NONE)
		at_eof(f);
}

/* Past the bufferevent, what else the socket has.  False: nothing now. */
static bool
recv_more(struct fetch *f)
{
	size_t room;
	char *p = response_room(&f->answer, f->bulk ? READ_MUCH : READ_LITTLE, &room);
	ssize_t n = recv(bufferevent_getfd(f->bev), p, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n > 0) {
		f->bulk = (size_t)n == room;
		f->answered = true;
		response_put(&f->answer, (size_t)n);
	} else {
		f->eof = n == 0 ? EOF_CLEAN : EOF_RESET;
	}
	return true;
}

static void
mark_read(struct fetch *f)
{
	f->last_read = clock_mono();
	if (response_pending(&f->answer) == 0)
		f->head_began = f->last_read;
}

/* What the bufferevent has read, and what else is there. */
static void
take_in(struct fetch *f)
{
	struct evbuffer *input = bufferevent_get_input(f->bev);
	size_t room, n = evbuffer_get_length(input);

	if (n == 0)
		return;
	mark_read(f);
	evbuffer_remove(input, response_room(&f->answer, n, &room), n);
	response_put(&f->answer, n);
	f->answered = true;
	if (n >= READ_FULL)
		(void)recv_more(f);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct fetch *f = arg;

	(void)bev;
	enter(f);
	take_in(f);
	run(f);
	leave(f);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct fetch *f = arg;

	(void)bev;
	enter(f);
	if (f->want_room && !f->upload_ended && !f->write_dead) {
		f->want_room = false;
		f->ops->room(f->arg);
	}
	leave(f);
}

/* Nothing more can be sent.  An answer may have come before that. */
static void
write_broke(struct fetch *f)
{
	f->write_dead = true;
	bufferevent_disable(f->bev, EV_WRITE);
	if (f->paused || f->eof != EOF_NONE)
		return;
	mark_read(f);
	while (f->eof == EOF_NONE && response_pending(&f->answer) < READ_MUCH)
		if (!recv_more(f))
			break;
	if (f->eof == EOF_NONE && response_pending(&f->answer) == 0)
		f->eof = EOF_RESET;
	run(f);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct fetch *f = arg;

	(void)bev;
	enter(f);
	if (what & BEV_EVENT_WRITING) {
		write_broke(f);
	} else {
		f->eof = what & BEV_EVENT_EOF ? EOF_CLEAN : EOF_RESET;
		run(f);
	}
	leave(f);
}

static void
kicked(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *f = arg;

	(void)fd;
	(void)what;
	enter(f);
	if (f->state == F_READY)
		begin(f);
	else
		run(f);
	leave(f);
}

static void
timed_out(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *f = arg;
	struct deadline d;

	(void)fd;
	(void)what;
	enter(f);
	f->armed = USEC_NEVER;
	d = next_deadline(f);
	if (d.at <= clock_mono())
		fail(f, d.error, d.why);
	leave(f);
}

/* What the caller does */

static void
keep_request(struct fetch *f, const struct fetch_request *req)
{
	ASSERT(req->head.n > 0);
	f->head = contract_strndup(req->head.p, req->head.n);
	f->head_n = req->head.n;
	f->repeatable = req->idempotent && !req->has_body;
	f->chunked = req->chunked;
	f->upload_ended = !req->has_body;
	evbuffer_add(f->unsent, f->head, f->head_n);
}

static void
want_place(struct fetch *f)
{
	f->place.worker = f->worker;
	f->place.ready = place_ready;
	f->place.arg = f;
	f->place.max_idle = f->repeatable ? USEC_NEVER : RISKY_IDLE;
	f->state = F_READY;
	switch (pool_acquire(f->u->runtime, &f->place, f->started)) {
	case POOL_READY:
		have_place(f);
		event_active(f->kick, EV_TIMEOUT, 1);
		break;
	case POOL_QUEUED:
		f->state = F_QUEUED;
		break;
	case POOL_FULL:
		event_active(f->kick, EV_TIMEOUT, 1);
		break;
	}
}

struct fetch *
fetch_start(struct worker *w, struct resolver *r, const struct conf_upstream *u,
    const struct fetch_request *req, const struct fetch_ops *ops, void *arg)
{
	struct fetch *f;

	NEW(f, FETCH_MAGIC);
	f->worker = w;
	f->resolver = r;
	f->u = u;
	f->ops = ops;
	f->arg = arg;
	f->spare_fd = -1;
	f->armed = USEC_NEVER;
	f->started = clock_mono();
	f->timer = event_new(worker_base(w), -1, 0, timed_out, f);
	f->kick = event_new(worker_base(w), -1, 0, kicked, f);
	f->unsent = evbuffer_new();
	ASSERT(f->timer != NULL && f->kick != NULL && f->unsent != NULL);
	response_init(&f->answer, req->to_head);
	keep_request(f, req);
	want_place(f);
	arm(f);
	return f;
}

/* Where the next bytes of the request go. */
static struct evbuffer *
request_out(struct fetch *f)
{
	return f->bev != NULL ? bufferevent_get_output(f->bev) : f->unsent;
}

bool
fetch_send_body(struct fetch *f, const char *p, size_t n)
{
	struct evbuffer *out;

	CHECK(f, FETCH_MAGIC);
	ASSERT(!f->upload_ended || f->state == F_OVER);
	if (f->state == F_OVER || f->write_dead)
		return false;
	out = request_out(f);
	if (evbuffer_get_length(out) == 0)
		f->progress = clock_mono();	/* until now it was the client's silence */
	if (n > 0 && f->chunked)
		evbuffer_add_printf(out, "%zx\r\n", n);
	evbuffer_add(out, p, n);
	if (n > 0 && f->chunked)
		evbuffer_add(out, "\r\n", 2);
	arm(f);
	f->want_room = evbuffer_get_length(out) > OUT_HIGH;
	return !f->want_room;
}

void
fetch_send_end(struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	if (f->state == F_OVER)
		return;
	ASSERT(!f->upload_ended);
	f->upload_ended = true;
	f->want_room = false;
	f->progress = clock_mono();
	if (f->chunked && !f->write_dead)
		evbuffer_add(request_out(f), "0\r\n\r\n", 5);
	arm(f);
}

void
fetch_resume(struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	if (!f->paused || f->state != F_BODY)
		return;
	f->paused = false;
	f->last_read = clock_mono();
	if (f->eof == EOF_NONE)
		bufferevent_enable(f->bev, EV_READ);
	event_active(f->kick, EV_TIMEOUT, 1);
	arm(f);
}

void
fetch_cancel(struct fetch *f)
{
	CHECK(f, FETCH_MAGIC);
	if (f->state == F_OVER)
		return;
	teardown(f, false);
	if (f->depth == 0)
		fetch_free(f);
}

const char *
fetch_error_name(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
		return "resolve";
	case FETCH_CONNECT:
		return "connect";
	case FETCH_QUEUE_FULL:
		return "queue-full";
	case FETCH_QUEUE_TIMEOUT:
		return "queue-timeout";
	case FETCH_CONNECT_TIMEOUT:
		return "connect-timeout";
	case FETCH_FIRST_BYTE_TIMEOUT:
		return "first-byte-timeout";
	case FETCH_IDLE_TIMEOUT:
		return "idle-timeout";
	case FETCH_TOTAL_TIMEOUT:
		return "total-timeout";
	case FETCH_MALFORMED:
		return "malformed";
	case FETCH_TRUNCATED:
		return "truncated";
	case FETCH_RESOURCES:
		return "resources";
	}
	return "unknown";
}

int
fetch_error_status(enum fetch_error error)
{
	switch (error) {
	case FETCH_RESOLVE:
	case FETCH_CONNECT:
	case FETCH_MALFORMED:
	case FETCH_TRUNCATED:
		return 502;
	case FETCH_QUEUE_FULL:
	case FETCH_QUEUE_TIMEOUT:
	case FETCH_RESOURCES:
		return 503;
	case FETCH_CONNECT_TIMEOUT:
	case FETCH_FIRST_BYTE_TIMEOUT:
	case FETCH_IDLE_TIMEOUT:
	case FETCH_TOTAL_TIMEOUT:
		return 504;
	}
	return 502;
}
