/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model: bytes gather in one buffer, which http/parse reads in place: interim heads, then the final
 * one are given away, then the body.  The data of several chunks is moved together where it lies,
 * so a thousand small chunks in one read are one piece for the reader.
 *
 * Interim heads cost every client that waits for the answer, so there are bounds for one answer, on
 * their number and on their bytes together; past them it is malformed.
 *
 * Invariants: off <= n <= cap.  After RESPONSE_MORE within a body all bytes are read, so the buffer
 * never holds more than one incomplete head and what one read puts behind it.
 *
 * Why not an evbuffer: the parser wants a head in one piece, and pulling it up for each read of a
 * dribbled head is quadratic.
 */
#include "upstream/response.h"

#include <stdlib.h>

#include "base/contract.h"

#define HEAD_BYTES	(64 * 1024)
#define HEAD_FIELDS	200
#define INTERIM_MAX	16
#define INTERIM_BYTES	HEAD_BYTES	/* all of them together */

void
response_init(struct response *a, bool to_head)
{
	static const struct parse_limits limits = {
		.head_bytes = HEAD_BYTES, .uri = HEAD_BYTES, .fields = HEAD_FIELDS,
	};

	*a = (struct response){ .to_head = to_head };
	parse_init(&a->parse, PARSE_RESPONSE, &limits);
}

void
response_fini(struct response *a)
{
	parse_fini(&a->parse);
	free(a->in);
	*a = (struct response){ 0 };
}

void
response_forget(struct response *a)
{
	ASSERT(a->off == 0 && !a->in_body && a->interim == 0);
	a->n = 0;
}

char *
response_room(struct response *a, size_t want, size_t *room)
{
	char *p;

	if (a->off > 0) {
		a->n -= a->off;
		memmove(a->in, a->in + a->off, a->n);
		a->off = 0;
	}
	if (a->cap - a->n < want) {
		/* Bounded: an incomplete head and one read. */
		p = realloc(a->in, a->n + want);
		ASSERT(p != NULL);
		a->in = p;
		a->cap = a->n + want;
	}
	*room = a->cap - a->n;
	return a->in + a->n;
}

void
response_put(struct response *a, size_t n)
{
	ASSERT(n <= a->cap - a->n);
	a->n += n;
}

size_t
response_pending(const struct response *a)
{
	return a->n - a->off;
}

static enum response_step
bad(struct response *a, const char *reason)
{
	a->reason = reason;
	return RESPONSE_BAD;
}

static bool
says_length(const struct head *h)
{
	const struct hdr_field *f = hdr_get(h, SLICE("Content-Length"));

	return f != NULL && !slice_eq(f->value, SLICE("0"));
}

static enum response_step
final_head(struct response *a, struct head *h)
{
	bool announced = (h->status == 204 || h->status == 304) &&
	    (hdr_get(h, SLICE("Transfer-Encoding")) != NULL || says_length(h));

	parse_response_framing(h, a->to_head);
	a->in_body = true;
	a->until_close = h->framing == FRAMING_CLOSE;
	/*
	 * A body that may not be there (204, 304), but is announced: should it come after all, it
	 * must not be taken for the next answer.
	 */
	a->keep_alive = h->keep_alive && !a->until_close && (a->to_head || !announced);
	a->empty = h->framing == FRAMING_NONE || (h->framing == FRAMING_LENGTH && h->length == 0);
	parse_body_init(&a->body, h);
	return RESPONSE_HEAD;
}

/* A 1xx head of n bytes.  RESPONSE_MORE: not one to pass on; h is empty again. */
static enum response_step
interim_head(struct response *a, struct head *h, size_t n)
{
	int status = h->status;

	a->interim_bytes += n;
	a->interim++;
	if (status >= 102 && a->interim <= INTERIM_MAX && a->interim_bytes <= INTERIM_BYTES) {
		hdr_remove_hop_by_hop(h);
		hdr_remove(h, SLICE("content-length"));
		parse_response_framing(h, a->to_head);
		return RESPONSE_INTERIM;
	}
	head_fini(h);
	/* 101 answers an Upgrade, and we never ask for one. */
	if (status != 100 && status < 102)
		return bad(a, "a status that nobody asked for");
	if (a->interim > INTERIM_MAX)
		return bad(a, "too many interim responses");
	if (a->interim_bytes > INTERIM_BYTES)
		return bad(a, "interim responses too large");
	return RESPONSE_MORE;
}

static enum response_step
read_head(struct response *a, struct head *h)
{
	enum response_step step;

	while (a->off < a->n) {
		switch (parse_head(&a->parse, a->in + a->off, a->n - a->off, h)) {
		case PARSE_MORE:
			return RESPONSE_MORE;
		case PARSE_DONE:
			break;
		case PARSE_DATA:
		case PARSE_ERROR:
			return bad(a, a->parse.reason);
		}
		a->off += a->parse.used;
		if (h->status >= 200)
			return final_head(a, h);
		step = interim_head(a, h, a->parse.used);
		if (step != RESPONSE_MORE)
			return step;
	}
	return RESPONSE_MORE;
}

static enum response_step
read_body(struct response *a, struct slice *all)
{
	struct slice piece;
	size_t used;

	if (a->empty)
		return RESPONSE_WHOLE;
	for (;;) {
		enum parse_result result;

		used = 0;
		result = parse_body(&a->body, a->in + a->off, a->n - a->off, &piece, &used);
		a->off += used;
		if (result == PARSE_MORE)
			return RESPONSE_MORE;
		if (result == PARSE_DONE)
			return RESPONSE_WHOLE;
		if (result == PARSE_ERROR)
			return bad(a, a->body.reason);
		if (all->n == 0) {
			*all = piece;
		} else {
			memmove(a->in + (all->p - a->in) + all->n, piece.p, piece.n);
			all->n += piece.n;
		}
	}
}

enum response_step
response_read(struct response *a, struct head *h, struct slice *data)
{
	*data = slice_of(NULL, 0);
	return a->in_body ? read_body(a, data) : read_head(a, h);
}
