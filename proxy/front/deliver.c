/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way in which bodies reach clients: hits, misses, the coalesced and the passed all read an
 * object through here, whole, in part, or not at all (304, 416: front/deliver_head decides).
 *
 * Framing towards the client is ours, whatever the origin used: Content-Length when the length is
 * known (said by the origin, or the object is sealed), else chunked for HTTP/1.1 and the end of the
 * connection for HTTP/1.0.
 *
 * The head and the first pieces go out in one call.  At most DELIVER_HIGH waits in the gate for a
 * slow client; the rest waits in the object, which others read too.
 *
 * A range is a reader that was sent ahead and stops early; several are one that is sent on when a
 * part is out.  `left` is what the reader still has to give before the next part, or the end.  A
 * range of a length that isn't known yet would have to wait for the end: it is answered whole.  So
 * are ranges out of order of an object that keeps no beginning to go back to.
 */
#include "front/deliver.h"

#include <stdio.h>
#include <string.h>

#include "base/contract.h"
#include "front/deliver_head.h"
#include "front/deliver_parts.h"
#include "http/hdr.h"

#define PIECES	16

static void
release_seg(void *arg)
{
	seg_unref(arg);
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
		nbody = reader_read(&d->reader, body, PIECES,
		    d->left < DELIVER_HIGH ? (size_t)d->left : DELIVER_HIGH, state);
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
		if (d->left == 0 && d->parts == NULL)
			d->ended = true;
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

/* Between two parts, or after the last: the text to send, and the reader is sent on. */
static struct slice
next_part(struct deliver *d)
{
	struct slice text;
	struct range r;

	if (parts_next(d->parts, &r, &text)) {
		reader_seek(&d->reader, r.first);
		d->left = r.last - r.first + 1;
	} else {
		d->left = 0;
		d->ended = true;
	}
	return text;
}

/*
 * Ours is out, but the object may go on: others may need memory that our last pieces hold.  False:
 * it was cut for them.
 */
static bool
let_go(struct deliver *d)
{
	if (d->body_sent > 0)
		return reader_leave(&d->reader);
	reader_close(&d->reader);
	return true;
}

static enum deliver_state
pump(struct deliver *d, struct slice first)
{
	enum reader_state state;

	/* Its socket may be stuck, and then nothing is read below: but who is cut must let go. */
	if (first.n == 0 && !d->ended && reader_is_cut(&d->reader))
		return DELIVER_CUT;
	for (;;) {
		if (first.n == 0) {
			if (d->ended || gate_pending(d->gate) >= DELIVER_HIGH)
				break;
			if (d->left == 0)
				first = next_part(d);
		}
		send_batch(d, first, &state);
		first.n = 0;
		if (state == READER_CUT)
			return DELIVER_CUT;
		if (state == READER_WAITING)
			break;
	}
	gate_set_low(d->gate, d->ended ? 0 : DELIVER_LOW);
	if (d->ended && gate_pending(d->gate) == 0)
		return DELIVER_DONE;
	return d->ended && d->partial && !let_go(d) ? DELIVER_CUT : DELIVER_MORE;
}

/* What this request gets of the object; sets how its body is read. */
static enum deliver_what
choose(struct deliver *d, const struct obj_meta *m, const struct deliver_head *h, uint64_t whole,
    struct ranges *ranges)
{
	enum deliver_what what = deliver_choose(m, h, whole, ranges);
	const struct hdr_field *type;

	if (what == DELIVER_RANGES && !parts_ascend(ranges) && !reader_keep(&d->reader))
		what = DELIVER_WHOLE;
	d->left = whole;
	d->partial = what != DELIVER_WHOLE || h->to_head;
	switch (what) {
	case DELIVER_WHOLE:
		d->ended = h->to_head || m->bodyless || whole == 0;
		d->chunked = whole == OBJ_NO_LENGTH && !d->ended && h->minor >= 1;
		if (whole == OBJ_NO_LENGTH && !d->ended && !d->chunked)
			gate_set_close(d->gate);
		break;
	case DELIVER_NOT_MODIFIED:
	case DELIVER_UNSATISFIED:
		d->ended = true;
		break;
	case DELIVER_RANGE:
		reader_seek(&d->reader, ranges->r[0].first);
		d->left = ranges->r[0].last - ranges->r[0].first + 1;
		break;
	case DELIVER_RANGES:
		type = hdr_get(&m->head, SLICE("Content-Type"));
		d->parts = parts_new(ranges, whole, type == NULL ? SLICE("") : type->value);
		break;
	}
	return what;
}

enum deliver_state
deliver_start(struct deliver *d, struct gate *g, struct obj *o, bool expected,
    const struct deliver_head *h, void (*wake)(void *), void *arg)
{
	struct deliver_answer a = { .m = obj_meta(o), .h = h };
	struct ranges ranges;
	struct buf head = { 0 };
	enum deliver_state state;

	memset(d, 0, sizeof *d);
	d->gate = g;
	reader_open(&d->reader, o, expected, gate_worker(g), wake, arg);
	a.whole = a.m->length;
	if (a.whole == OBJ_NO_LENGTH && obj_state(o) == OBJ_SEALED)
		a.whole = obj_total(o);
	a.what = choose(d, a.m, h, a.whole, &ranges);
	a.range = &ranges.r[0];
	a.parts = d->parts;
	a.chunked = d->chunked;
	a.close = gate_closing(g);

	buf_reserve(&head, a.m->wire.n + 256);
	deliver_write_head(&a, &head);
	if (d->parts != NULL)
		buf_add_slice(&head, next_part(d));
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
	parts_free(d->parts);
	d->parts = NULL;
}
