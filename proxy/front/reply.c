/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heads of answers.  Pure but for one thing: the Date line is formatted once per second and thread
 * (it costs more than the rest of a hit's head).  Each thread has its own copy, so there is no
 * lock.
 */
#include "front/reply.h"

#include "base/contract.h"
#include "http/date.h"

#define DATE_NAME	"Date: "
#define DATE_LINE	(sizeof DATE_NAME - 1 + DATE_LEN + 2)

void
reply_add_date(struct buf *out, usec_t wall)
{
	static _Thread_local int64_t	have = INT64_MIN;
	static _Thread_local char	line[DATE_LINE + 1];
	int64_t second = wall / USEC_PER_SEC;

	if (second != have) {
		memcpy(line, DATE_NAME, sizeof DATE_NAME - 1);
		date_format(second, line + sizeof DATE_NAME - 1);
		memcpy(line + DATE_LINE - 2, "\r\n", 2);
		have = second;
	}
	buf_add(out, line, DATE_LINE);
}

void
reply_add_status(struct buf *out, int status, struct slice reason)
{
	ASSERT(status >= 100 && status <= 999);
	buf_add_slice(out, SLICE("HTTP/1.1 "));
	buf_add_u64(out, (uint64_t)status);
	/* The space stays without a phrase (RFC 9112 4). */
	buf_add_slice(out, SLICE(" "));
	buf_add_slice(out, reason);
	buf_add_slice(out, SLICE("\r\n"));
}

static void
start(struct buf *out, int status, const char *type, size_t length, usec_t wall)
{
	reply_add_status(out, status, slice_str(status_reason(status)));
	reply_add_date(out, wall);
	buf_add_slice(out, SLICE("Content-Type: "));
	buf_add_str(out, type);
	buf_add_slice(out, SLICE("\r\nContent-Length: "));
	buf_add_u64(out, length);
	buf_add_slice(out, SLICE("\r\nCache-Control: no-store\r\n"));
}

static void
end(struct buf *out, bool close, bool keep_alive10)
{
	if (close)
		buf_add_slice(out, SLICE("Connection: close\r\n"));
	else if (keep_alive10)
		buf_add_slice(out, SLICE("Connection: keep-alive\r\n"));
	buf_add_slice(out, SLICE("\r\n"));
}

void
reply_error(struct buf *out, const struct reply *r, usec_t wall)
{
	const char *text = r->text != NULL ? r->text : status_reason(r->status);

	start(out, r->status, "text/plain; charset=utf-8", strlen(text) + 1, wall);
	status_write(&r->cache, r->status, out);
	buf_add_slice(out, r->fields);
	if (r->retry_after > 0) {
		buf_add_slice(out, SLICE("Retry-After: "));
		buf_add_u64(out, (uint64_t)r->retry_after);
		buf_add_slice(out, SLICE("\r\n"));
	}
	if (r->allow != NULL) {
		buf_add_slice(out, SLICE("Allow: "));
		buf_add_str(out, r->allow);
		buf_add_slice(out, SLICE("\r\n"));
	}
	end(out, r->close, r->keep_alive10);
	if (!r->to_head) {
		buf_add_str(out, text);
		buf_add_slice(out, SLICE("\n"));
	}
}

void
reply_body(struct buf *out, int status, const char *type, struct slice body, bool close,
    bool keep_alive10, bool to_head, usec_t wall)
{
	start(out, status, type, body.n, wall);
	end(out, close, keep_alive10);
	if (!to_head)
		buf_add_slice(out, body);
}
