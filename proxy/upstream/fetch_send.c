/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request of a fetch on its way out.
 *
 *	fetch_send_body() ──> unsent ── talk() ──> output of the bufferevent ──> socket
 *	                        ^                        │
 *	                        └── fetch_gather_unsent() ┘  before it is sent again
 *
 * `unsent` gathers the request while there is no connection, then the output does.  As long as not
 * a byte has left (`left`), all of it can go to another connection; later only a request without a
 * body can, whose head is kept for that.
 *
 * Invariant: `progress` is when a piece last left, or when there was something to send again after
 * our client's silence, so that no deadline counts that silence.
 *
 * Why the body isn't kept for a second try: it would have to be bounded, and then spilled.
 */
#include "upstream/fetch.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/clock.h"
#include "base/contract.h"

#include "upstream/fetch_priv.h"

#define OUT_HIGH	(128 * 1024)

void
fetch_keep_request(struct fetch *f, const struct fetch_request *req)
{
	ASSERT(req->head.n > 0);
	f->head = contract_strndup(req->head.p, req->head.n);
	f->head_n = req->head.n;
	f->repeatable = req->idempotent && !req->has_body;
	f->chunked = req->chunked;
	f->upload_ended = !req->has_body;
	evbuffer_add(f->unsent, f->head, f->head_n);
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
	fetch_arm(f);
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
	fetch_arm(f);
}

void
fetch_out_changed(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct fetch *f = arg;

	(void)out;
	CHECK(f, FETCH_MAGIC);
	if (info->n_deleted > 0) {
		f->left = true;
		f->progress = clock_mono();
	}
}

/* All of the request that there is, to be sent on another connection. */
void
fetch_gather_unsent(struct fetch *f)
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
	/* To its callback that looked as if it had gone to the server. */
	f->left = false;
}
