/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way in which bodies reach clients: hits, misses, the coalesced and the passed all read an
 * object through here.
 *
 * Framing towards the client is ours, whatever the origin used: Content-Length when the length is
 * known (said by the origin, or the object is sealed), else chunked for HTTP/1.1 and the end of the
 * connection for HTTP/1.0.  The object's fields were serialised once; only the status line, Age,
 * Cache-Status, framing and Connection are written per answer.
 *
 * The head and the first pieces go out in one call.  At most DELIVER_HIGH waits in the gate for a
 * slow client; the rest waits in the object, which others read too.
 */
#include "front/deliver.h"

#include <stdio.h>
#include <string.h>

#include "base/contract.h"
#include "front/reply.h"

#define PIECES	16

static void
release_seg(void *arg)
{
	seg_unref(arg);
}

static void
write_head(struct deliver *d, const struct obj_meta *m, const struct deliver_head *h,
    struct buf *out)
{
	reply_add_status(out, m->head.status, m->head.reason);
	buf_add_slice(out, buf_slice(&m->wire));
	if (h->say_age) {
		buf_add_str(out, "Age: ");
		buf_add_u64(out, h->age < 0 ? 0 : (uint64_t)(h->age / USEC_PER_SEC));
		buf_add_str(out, "\r\n");
	}
	buf_add_str(out, "Cache-Status: ");
	buf_add_str(out, h->cache_status);
	buf_add_str(out, "\r\n");
	if (!m->bodyless && d->left != OBJ_NO_LENGTH) {
		buf_add_str(out, "Content-Length: ");
		buf_add_u64(out, d->left);
		buf_add_str(out, "\r\n");
	} else if (d->chunked) {
		buf_add_str(out, "Transfer-Encoding: chunked\r\n");
	}
	if (gate_closing(d->gate))
		buf_add_str(out, "Connection: close\r\n");
	else if (h->minor == 0 && h->keep_alive)
		buf_add_str(out, "Connection: keep-alive\r\n");
	buf_add_str(out, "\r\n");
}

/*
 * Gives the gate one batch: first (the head, or nothing), then what can be read.  False when there
 * was nothing to give.
 */
static bool
send_batch(struct deliver *d, struct slice first, enum reader_state *state)
{
	struct obj_piece body[PIECES];
	struct gate_piece out[PIECES + 3];
	char size_line[20];
	unsigned n = 0, nbody = 0;
	size_t bytes = 0;

	*state = READER_END;
	if (!d->ended)
		nbody = reader_read(&d->reader, body, PIECES, DELIVER_HIGH, state);
	for (unsigned i = 0; i < nbody; i++)
		bytes += body[i].n;
	if (first.n > 0)
		out[n++] = (struct gate_piece){ first.p, first.n, NULL, NULL };
	if (d->chunked && bytes > 0) {
		int len = snprintf(size_line, sizeof size_line, "%zx\r\n", bytes);

		out[n++] = (struct gate_piece){ size_line, (size_t)len, NULL, NULL };
	}
	for (unsigned i = 0; i < nbody; i++)
		out[n++] = (struct gate_piece){ body[i].p, body[i].n, release_seg, body[i].seg };
	d->body_sent += bytes;
	if (d->left != OBJ_NO_LENGTH) {
		ASSERT(bytes <= d->left);
		d->left -= bytes;
		d->ended = d->left == 0;
	}
	if (d->chunked && !d->ended && nbody == 0 && *state == READER_END) {
		out[n++] = (struct gate_piece){ "0\r\n\r\n", 5, NULL, NULL };
		d->ended = true;
	} else if (d->chunked && bytes > 0) {
		out[n++] = (struct gate_piece){ "\r\n", 2, NULL, NULL };
	} else if (*state == READER_END) {
		d->ended = true;
	}
	if (n == 0)
		return false;
	gate_send(d->gate, out, n);
	return true;
}

static enum deliver_state
pump(struct deliver *d, struct slice first)
{
	enum reader_state state;

	/* Its socket may be stuck, and then nothing is read below: but who is cut must let go. */
	if (first.n == 0 && !d->ended && reader_is_cut(&d->reader))
		return DELIVER_CUT;
	while (first.n > 0 || (!d->ended && gate_pending(d->gate) < DELIVER_HIGH)) {
		send_batch(d, first, &state);
		first.n = 0;
		if (state == READER_CUT)
			return DELIVER_CUT;
		if (state == READER_WAITING)
			break;
	}
	gate_set_low(d->gate, d->ended ? 0 : DELIVER_LOW);
	return d->ended && gate_pending(d->gate) == 0 ? DELIVER_DONE : DELIVER_MORE;
}

enum deliver_state
deliver_start(struct deliver *d, struct gate *g, struct obj *o, bool expected,
    const struct deliver_head *h, void (*wake)(void *), void *arg)
{
	const struct obj_meta *m = obj_meta(o);
	struct buf head = { 0 };
	enum deliver_state state;
	bool head_only;

	memset(d, 0, sizeof *d);
	d->gate = g;
	reader_open(&d->reader, o, expected, gate_worker(g), wake, arg);
	d->left = m->length;
	if (d->left == OBJ_NO_LENGTH && obj_state(o) == OBJ_SEALED)
		d->left = obj_total(o);
	head_only = h->to_head || m->bodyless;
	d->ended = head_only || d->left == 0;
	d->chunked = d->left == OBJ_NO_LENGTH && !head_only && h->minor >= 1;
	if (d->left == OBJ_NO_LENGTH && !head_only && !d->chunked)
		gate_set_close(g);

	buf_reserve(&head, m->wire.n + 256);
	write_head(d, m, h, &head);
	state = pump(d, buf_slice(&head));
	buf_fini(&head);
	return state;
}

enum deliver_state
deliver_more(struct deliver *d)
{
	return pump(d, slice_of(NULL, 0));
}

void
deliver_stop(struct deliver *d)
{
	reader_close(&d->reader);
}
