/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: a fetch has a place in the pool, in it a connection, on it one exchange.
 *
 *	F_QUEUED ──> F_READY ──> F_DIALING ──> F_HEAD ──> F_BODY ──> F_OVER
 *	               ^ └── idle connection ────^ │
 *	               └─── sent again ────────────┘      F_OVER from anywhere
 *
 * What there is in each state: a wish in the pool's line (F_QUEUED), a place (all others but F_OVER
 * and a F_READY that was refused), a dial (F_DIALING), a bufferevent (F_HEAD, F_BODY).  teardown()
 * takes down what there is; it is the only end of each of them but the retry's.  The place stays
 * the same over retries; the server in it may be another one.
 *
 * Bytes out: see fetch_send.c.
 * Bytes in: the bufferevent reads 4 KiB at a time; they move to `answer`, and when there were so
 * many, one recv() fetches what else is there.  While a body is paused nothing is read, and all
 * that was read has been given away.
 *
 * Re-entrance: every entry from the loop counts in `depth`, and the struct lives until the
 * outermost has left.  Ops may cancel; after each op the state is looked at again.
 *
 * Deadlines are in fetch_time.c; each entry ends in leave(), which sets the timer for the next one.
 *
 * Known weakness: bytes past an answer's end close the connection when they are there by the time
 * it is taken up again.  Those that come even later, when the next request has begun to leave, look
 * like its answer: HTTP/1.1 has nothing to tell them apart by.
 *
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

#include "upstream/dial.h"
#include "upstream/fetch_priv.h"

#define READ_LITTLE	(16 * 1024)
#define READ_MUCH	(128 * 1024)
#define READ_FULL	4096		/* what a bufferevent reads at most */
#define OUT_LOW		(32 * 1024)
#define RISKY_IDLE	USEC_PER_SEC	/* see pool_wait.max_idle */

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
		fetch_arm(f);
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
	struct fetch_failure failure = fetch_failure_of(f, error, why);

	/* While queued, or without resources here, no exchange with the upstream has failed. */
	if (f->placed && error != FETCH_RESOURCES)
		count(f, STAT_upstream_errors);
	teardown(f, false);
	f->ops->fail(f->arg, &failure);
}

/* Sending */

/* What is to be sent is kept for another connection. */
static void
drop_connection(struct fetch *f)
{
	int fd;

	if (f->bev != NULL)
		fetch_gather_unsent(f);
	fd = take_fd(f);
	if (fd >= 0)
		close(fd);
}

/* Once more in our place, from the loop; on spare_fd if there is one. */
static void
send_again(struct fetch *f)
{
	count(f, STAT_upstream_retries);
	f->reused = f->left = f->write_dead = false;
	f->eof = EOF_NONE;
	f->answered = false;
	response_forget(&f->answer);
	f->state = F_READY;
	event_active(f->kick, EV_TIMEOUT, 1);
}

/*
 * The connection, or the attempt at one, broke before a byte of an answer.  untried: only a server
 * that was not tried yet is worth another try.
 */
static void
broken(struct fetch *f, enum fetch_error error, const char *why, bool untried)
{
	if (f->left && !f->repeatable) {
		fail(f, error, why);
		return;
	}
	drop_connection(f);
	if (f->reused) {
		/* Always allowed; see fetch_other_server() for what the backend may have seen. */
		f->resent |= f->left;
		fetch_leave_server(f);
		send_again(f);
	} else if (fetch_other_server(f, untried)) {
		count(f, STAT_upstream_errors);
		send_again(f);
	} else {
		fail(f, error, why);
	}
}

static void	on_read(struct bufferevent *bev, void *arg);
static void	on_write(struct bufferevent *bev, void *arg);
static void	on_event(struct bufferevent *bev, short what, void *arg);

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
	f->out_cb = evbuffer_add_cb(bufferevent_get_output(f->bev), fetch_out_changed, f);
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
		broken(f, FETCH_RESOLVE, why, true);
		break;
	case DIAL_REFUSED:
		broken(f, FETCH_CONNECT, why, false);
		break;
	case DIAL_TIMEOUT:
		broken(f, FETCH_CONNECT_TIMEOUT, why, true);
		break;
	case DIAL_RESOURCES:
		fail(f, FETCH_RESOURCES, why);
		break;
	}
	leave(f);
}

/* The pool gave no place. */
static void
refused(struct fetch *f)
{
	switch (f->answer_of_pool) {
	case POOL_FULL:
		fail(f, FETCH_QUEUE_FULL, "too many requests wait for a connection already");
		break;
	case POOL_BUSY:
		fail(f, FETCH_BUSY, "no connection to spare for work in the background");
		break;
	case POOL_DOWN:
		fail(f, FETCH_NO_SERVER, "no server is up");
		break;
	case POOL_READY:
	case POOL_QUEUED:
		ASSERT(!"a place is none");
	}
}

/* F_READY, from the loop. */
static void
begin(struct fetch *f)
{
	int fd = f->spare_fd;

	f->spare_fd = -1;
	if (!f->placed) {
		refused(f);
	} else if (fd >= 0) {
		talk(f, fd, true);
	} else {
		f->state = F_DIALING;
		f->dial = dial_start(f->worker, f->resolver, pool_server(&f->place),
		    f->u->connect_timeout, dialed, f);
	}
}

/* From the loop: what became of us in the line. */
static void
place_ready(void *arg, enum pool_answer answer)
{
	struct fetch *f = arg;

	enter(f);
	ASSERT(f->state == F_QUEUED);
	f->state = F_READY;
	f->answer_of_pool = answer;
	f->waited = clock_mono() - f->started;
	if (answer == POOL_READY)
		fetch_have_place(f);
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

/* The op may cancel. */
static void
interim(struct fetch *f, struct head *h)
{
	if (f->ops->interim != NULL)
		f->ops->interim(f->arg, h);
	else
		head_fini(h);
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
	case RESPONSE_INTERIM:
		interim(f, &h);
		return f->state == F_HEAD;
	case RESPONSE_HEAD:
		f->state = F_BODY;
		fetch_report_head(f, h.status);
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
		broken(f, FETCH_CLOSED,
		    clean ? "closed before an answer" : "reset before an answer", false);
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
	struct fetch_deadline d;

	(void)fd;
	(void)what;
	enter(f);
	f->armed = USEC_NEVER;
	d = fetch_next_deadline(f);
	if (d.at <= clock_mono())
		fail(f, d.error, d.why);
	leave(f);
}

/* What the caller does */

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
	fetch_keep_request(f, req);
	f->place.ready = place_ready;
	fetch_ask_place(f, req, f->repeatable ? USEC_NEVER : RISKY_IDLE);
	if (f->answer_of_pool == POOL_READY)
		fetch_have_place(f);
	if (f->state == F_READY)
		event_active(f->kick, EV_TIMEOUT, 1);
	fetch_arm(f);
	return f;
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
	fetch_arm(f);
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
