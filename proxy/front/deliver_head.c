/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions and ranges, evaluated by us (RFC 9110 13.2.2, 14.2; RFC 9111 4.3.2), and the heads of
 * the answers.
 *
 * The object's fields were serialised once; only the status line, Age, Cache-Status, framing and
 * Connection are written per answer.  304 and 206 say fewer of the object's fields and are rarer:
 * they write them one by one.
 *
 * Most requests have no condition and no Range, and pay one pass over the names of their fields.
 */
#include "front/deliver_head.h"

#include "base/clock.h"
#include "base/contract.h"
#include "front/reply.h"
#include "http/cc.h"
#include "http/cond.h"
#include "http/hdr.h"

#define ASKS_IF_CHANGED	1u		/* If-None-Match, If-Modified-Since */
#define ASKS_RANGE	2u

static unsigned
asks(const struct head *req)
{
	unsigned found = 0;

	for (unsigned i = 0; i < req->n; i++) {
		struct slice name = req->f[i].name;

		switch (name.n) {
		case sizeof "Range" - 1:
			if (slice_caseeq(name, SLICE("Range")))
				found |= ASKS_RANGE;
			break;
		case sizeof "If-None-Match" - 1:
			if (slice_caseeq(name, SLICE("If-None-Match")))
				found |= ASKS_IF_CHANGED;
			break;
		case sizeof "If-Modified-Since" - 1:
			if (slice_caseeq(name, SLICE("If-Modified-Since")))
				found |= ASKS_IF_CHANGED;
			break;
		default:
			break;
		}
	}
	return found;
}

enum deliver_what
deliver_choose(const struct obj_meta *m, const struct deliver_head *h, uint64_t length,
    struct ranges *ranges)
{
	unsigned asked;

	if (h->req == NULL || (asked = asks(h->req)) == 0)
		return DELIVER_WHOLE;
	if (!h->to_head && !method_is(h->req, "GET"))
		return DELIVER_WHOLE;
	if ((asked & ASKS_IF_CHANGED) != 0 && cond_not_modified(h->req, &m->head, m->received_wall))
		return DELIVER_NOT_MODIFIED;
	if ((asked & ASKS_RANGE) == 0 || h->to_head || m->bodyless || m->head.status != 200 ||
	    length == OBJ_NO_LENGTH || !cond_if_range(h->req, &m->head))
		return DELIVER_WHOLE;
	switch (range_select(h->req, length, ranges)) {
	case RANGE_WHOLE:
		return DELIVER_WHOLE;
	case RANGE_PARTS:
		return ranges->n == 1 ? DELIVER_RANGE : DELIVER_RANGES;
	case RANGE_NONE:
		return DELIVER_UNSATISFIED;
	}
	return DELIVER_WHOLE;
}

/*
 * Not in a 206: what would say something else of a part than of the whole.  Content-Digest (RFC
 * 9530 2) and Content-MD5 are over the content of one message; several parts have each its own
 * Content-Type.
 */
static bool
omitted_in_206(struct slice name, bool several)
{
	return slice_caseeq(name, SLICE("Content-Range")) ||
	    slice_caseeq(name, SLICE("Content-Digest")) ||
	    slice_caseeq(name, SLICE("Content-MD5")) ||
	    (several && slice_caseeq(name, SLICE("Content-Type")));
}

static bool
omitted(enum deliver_what what, struct slice name)
{
	switch (what) {
	case DELIVER_WHOLE:
	case DELIVER_UNSATISFIED:
		break;
	case DELIVER_NOT_MODIFIED:
		return cond_omitted_in_304(name);
	case DELIVER_RANGE:
		return omitted_in_206(name, false);
	case DELIVER_RANGES:
		return omitted_in_206(name, true);
	}
	return false;
}

static void
write_fields(const struct deliver_answer *a, struct buf *out)
{
	const struct head *head = &a->m->head;

	if (a->what == DELIVER_WHOLE) {
		buf_add_slice(out, buf_slice(&a->m->wire));
	} else {
		for (unsigned i = 0; i < head->n; i++)
			if (!omitted(a->what, head->f[i].name) && !cc_is_consumed(head->f[i].name))
				hdr_emit_field(out, head->f[i].name, head->f[i].value);
	}
	if (a->h->leader)
		buf_add_slice(out, buf_slice(&a->m->own_wire));
}

static void
write_length(struct buf *out, uint64_t n)
{
	buf_add_slice(out, SLICE("Content-Length: "));
	buf_add_u64(out, n);
	buf_add_slice(out, SLICE("\r\n"));
}

/* What the body is, and where it ends. */
static void
write_framing(const struct deliver_answer *a, struct buf *out)
{
	switch (a->what) {
	case DELIVER_WHOLE:
		if (!a->m->bodyless && a->whole != OBJ_NO_LENGTH)
			write_length(out, a->whole);
		else if (a->chunked)
			buf_add_slice(out, SLICE("Transfer-Encoding: chunked\r\n"));
		return;
	case DELIVER_NOT_MODIFIED:
	case DELIVER_UNSATISFIED:
		return;
	case DELIVER_RANGE:
		range_emit(a->range, a->whole, out);
		write_length(out, a->range->last - a->range->first + 1);
		return;
	case DELIVER_RANGES:
		parts_emit_type(a->parts, out);
		write_length(out, parts_length(a->parts));
		return;
	}
}

static void
write_unsatisfied(const struct deliver_answer *a, struct buf *out)
{
	struct buf range = { 0 };
	struct reply r = {
		.status = 416, .cache = a->h->cache,
		.text = "none of the ranges asked for begins before the end of the body",
		.close = a->close, .keep_alive10 = a->h->minor == 0 && a->h->keep_alive,
	};

	range_emit_unsatisfied(a->whole, &range);
	r.fields = buf_slice(&range);
	reply_error(out, &r, clock_now().wall);
	buf_fini(&range);
}

static int
status_of(const struct deliver_answer *a)
{
	return a->what == DELIVER_WHOLE ? a->m->head.status :
	    a->what == DELIVER_NOT_MODIFIED ? 304 : 206;
}

void
deliver_write_head(const struct deliver_answer *a, struct buf *out)
{
	const struct deliver_head *h = a->h;
	const struct head *head = &a->m->head;
	int status = status_of(a);

	if (a->what == DELIVER_UNSATISFIED) {
		write_unsatisfied(a, out);
		return;
	}
	reply_add_status(out, status,
	    status == head->status ? head->reason : slice_str(status_reason(status)));
	write_fields(a, out);
	if (h->say_age) {
		buf_add_slice(out, SLICE("Age: "));
		buf_add_u64(out, h->age < 0 ? 0 : (uint64_t)(h->age / USEC_PER_SEC));
		buf_add_slice(out, SLICE("\r\n"));
	}
	status_write(&h->cache, status, out);
	write_framing(a, out);
	if (a->close)
		buf_add_slice(out, SLICE("Connection: close\r\n"));
	else if (h->minor == 0 && h->keep_alive)
		buf_add_slice(out, SLICE("Connection: keep-alive\r\n"));
	buf_add_slice(out, SLICE("\r\n"));
}
