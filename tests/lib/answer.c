/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lib/test.h"

#define HEAD_MOST	(256u << 10)

enum {
	AT_HEAD,
	AT_LENGTH,		/* left bytes of body */
	AT_CHUNK_LINE,
	AT_CHUNK_DATA,
	AT_CHUNK_END,		/* CRLF after data */
	AT_TRAILERS,
	AT_CLOSE,		/* body until the peer closes */
	AT_END,
};

void
answer_init(struct answer *a, bool to_head, bool keep)
{
	*a = (struct answer){ .to_head = to_head, .keep = keep, .sum = TEST_SUM };
}

void
answer_fini(struct answer *a)
{
	free(a->head);
	free(a->hints);
	free(a->body);
	a->head = a->hints = a->body = NULL;
}

void
answer_free(struct answer *a)
{
	if (a == NULL)
		return;
	answer_fini(a);
	free(a);
}

const char *
answer_head_field(const char *head, const char *name, unsigned i)
{
	static _Thread_local char value[16384];
	size_t len = strlen(name);

	if (head == NULL)
		return NULL;
	for (const char *p = strstr(head, "\r\n"); p != NULL; p = strstr(p, "\r\n")) {
		const char *end;

		p += 2;
		if (strncasecmp(p, name, len) != 0 || p[len] != ':' || i-- > 0)
			continue;
		p += len + 1;
		p += strspn(p, " \t");
		end = strstr(p, "\r\n");
		if (end == NULL || (size_t)(end - p) >= sizeof value)
			return NULL;
		memcpy(value, p, (size_t)(end - p));
		value[end - p] = '\0';
		return value;
	}
	return NULL;
}

const char *
answer_field_nth(const struct answer *a, const char *name, unsigned i)
{
	return answer_head_field(a->head, name, i);
}

const char *
answer_field(const struct answer *a, const char *name)
{
	return answer_field_nth(a, name, 0);
}

bool
answer_says(const struct answer *a, const char *name, const char *text)
{
	const char *v;

	for (unsigned i = 0; (v = answer_field_nth(a, name, i)) != NULL; i++)
		if (strstr(v, text) != NULL)
			return true;
	return false;
}

static void
end(struct answer *a)
{
	a->state = AT_END;
	a->complete = a->fault == NULL;
	a->last = test_now();
}

static void
fault(struct answer *a, const char *why)
{
	if (a->fault == NULL)
		a->fault = why;
	end(a);
}

static bool
all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* RFC 9112 6.3. */
static void
frame(struct answer *a)
{
	const char *te = answer_field(a, "Transfer-Encoding"), *cl;

	a->chunked = te != NULL;
	if (te != NULL && strcasecmp(te, "chunked") != 0) {
		fault(a, "a Transfer-Encoding other than chunked");
		return;
	}
	cl = answer_field(a, "Content-Length");
	if (cl != NULL && a->chunked) {
		fault(a, "Content-Length and Transfer-Encoding");
		return;
	}
	if (answer_field_nth(a, "Content-Length", 1) != NULL) {
		fault(a, "two Content-Lengths");
		return;
	}
	cl = answer_field(a, "Content-Length");
	if (cl != NULL && !all_digits(cl)) {
		fault(a, "an odd Content-Length");
		return;
	}
	if (a->status == 204 && (cl != NULL || a->chunked)) {
		fault(a, "a 204 with a framing field");
		return;
	}
	if (a->to_head || a->status == 204 || a->status == 304) {
		end(a);
	} else if (a->chunked) {
		a->state = AT_CHUNK_LINE;
	} else if (cl != NULL) {
		a->left = strtoull(cl, NULL, 10);
		a->state = AT_LENGTH;
		if (a->left == 0)
			end(a);
	} else {
		a->until_close = true;
		a->state = AT_CLOSE;
	}
}

/* RFC 9110 15.2: a head and nothing else. */
static void
interim_done(struct answer *a)
{
	if (answer_field(a, "Content-Length") != NULL ||
	    answer_field(a, "Transfer-Encoding") != NULL)
		fault(a, "a 1xx with a framing field");
	a->hints = test_grow(a->hints, a->hints_len + a->head_len + 1);
	memcpy(a->hints + a->hints_len, a->head, a->head_len + 1);
	a->hints_len += a->head_len;
	a->interim++;
	a->status = 0;
	a->head_len = 0;
	a->first = 0;
}

static void
head_done(struct answer *a)
{
	if (a->head_len < 15 || strncmp(a->head, "HTTP/1.", 7) != 0 || a->head[8] != ' ' ||
	    !isdigit((unsigned char)a->head[9]) || !isdigit((unsigned char)a->head[10]) ||
	    !isdigit((unsigned char)a->head[11]) || a->head[12] != ' ') {
		fault(a, "no status line");
		return;
	}
	a->status = atoi(a->head + 9);
	if (strlen(a->head) != a->head_len) {
		fault(a, "a NUL in the head");
		return;
	}
	if (a->status >= 100 && a->status < 200 && a->status != 101) {
		interim_done(a);
		return;
	}
	frame(a);
}

static size_t
feed_head(struct answer *a, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a->first == 0)
			a->first = test_now();
		if (a->head_len % 4096 == 0)
			a->head = test_grow(a->head, a->head_len + 4096 + 1);
		a->head[a->head_len++] = p[i];
		a->head[a->head_len] = '\0';
		if (a->head_len > HEAD_MOST) {
			fault(a, "a head without end");
			return i + 1;
		}
		if (a->head_len >= 4 && memcmp(a->head + a->head_len - 4, "\r\n\r\n", 4) == 0) {
			head_done(a);
			return i + 1;
		}
	}
	return n;
}

static void
data(struct answer *a, const char *p, size_t n)
{
	if (n > 0 && a->first_body == 0)
		a->first_body = test_now();
	a->sum = test_sum(a->sum, a->length, p, n);
	if (a->keep) {
		/* doubling by hand: grown when the length passes a power of two */
		uint64_t have = 64, need = a->length + n + 1;

		while (have < a->length + 1)
			have *= 2;
		if (a->body == NULL || need > have) {
			while (have < need)
				have *= 2;
			a->body = test_grow(a->body, have);
		}
		memcpy(a->body + a->length, p, n);
		a->body[a->length + n] = '\0';
	}
	a->length += n;
}

static void
chunk_line(struct answer *a)
{
	char *stop;

	a->left = strtoull(a->line, &stop, 16);
	if (!isxdigit((unsigned char)a->line[0]) || (*stop != '\0' && *stop != ';')) {
		fault(a, "a bad chunk size");
		return;
	}
	a->state = a->left == 0 ? AT_TRAILERS : AT_CHUNK_DATA;
}

/* One byte of a line between chunks. */
static void
feed_line(struct answer *a, char c)
{
	if (c != '\n') {
		if (a->line_len == sizeof a->line - 1)
			fault(a, "a chunk line without end");
		else
			a->line[a->line_len++] = c;
		return;
	}
	if (a->line_len == 0 || a->line[a->line_len - 1] != '\r') {
		fault(a, "a bare LF between chunks");
		return;
	}
	a->line[--a->line_len] = '\0';
	if (a->state == AT_CHUNK_LINE)
		chunk_line(a);
	else if (a->state == AT_CHUNK_END && a->line_len != 0)
		fault(a, "bytes after a chunk's data");
	else if (a->state == AT_CHUNK_END)
		a->state = AT_CHUNK_LINE;
	else if (a->line_len == 0)
		end(a);
	else
		a->trailers++;
	a->line_len = 0;
}

size_t
answer_feed(struct answer *a, const char *p, size_t n)
{
	size_t i = 0, k;

	while (i < n && a->state != AT_END) {
		switch (a->state) {
		case AT_HEAD:
			i += feed_head(a, p + i, n - i);
			break;
		case AT_LENGTH:
		case AT_CHUNK_DATA:
			k = a->left < n - i ? (size_t)a->left : n - i;
			data(a, p + i, k);
			i += k;
			a->left -= k;
			if (a->left == 0 && a->state == AT_LENGTH)
				end(a);
			else if (a->left == 0)
				a->state = AT_CHUNK_END;
			break;
		case AT_CLOSE:
			data(a, p + i, n - i);
			i = n;
			break;
		default:
			feed_line(a, p[i++]);
			break;
		}
	}
	return i;
}

void
answer_eof(struct answer *a)
{
	if (a->state == AT_CLOSE)
		end(a);
	else if (a->state != AT_END)
		fault(a, a->status == 0 ? "closed without an answer" : "cut short");
}
