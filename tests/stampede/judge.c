/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies become counts, counts become words.  An answer is told right by its status, its length
 * and a sum over its bytes; bodies that the origin numbers tell besides which of its answers it
 * was, so that an answer kept too long, or another's, is no right one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/stampede/stampede.h"

double
in_ms(int64_t usec)
{
	return (double)usec / 1000;
}

static void	add_words(char *words, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
add_words(char *words, const char *fmt, va_list ap)
{
	size_t n = strlen(words);

	if (n > 0 && n + 2 < WORDS_SIZE) {
		memcpy(words + n, "; ", 3);
		n += 2;
	}
	vsnprintf(words + n, WORDS_SIZE - n, fmt, ap);
}

void
result_fail(struct result *res, const char *fmt, ...)
{
	va_list ap;

	res->verdict = FAILED;
	va_start(ap, fmt);
	add_words(res->words, fmt, ap);
	va_end(ap);
}

void
result_note(struct result *res, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_words(res->notes, fmt, ap);
	va_end(ap);
}

void
result_ideal(struct result *res, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(res->ideal, sizeof res->ideal, fmt, ap);
	va_end(ap);
}

void
run_target(const struct run *r, char *p, const char *fmt, ...)
{
	size_t n = strlen(r->prefix);
	va_list ap;

	memcpy(p, r->prefix, n);
	va_start(ap, fmt);
	vsnprintf(p + n, PATH_SIZE - n, fmt, ap);
	va_end(ap);
}

unsigned
run_requests(const struct run *r, struct result *res)
{
	struct origin_watched w = origin_watch_take(r->origin, r->watch);

	res->requests += w.requests;
	if (w.most_at_once > res->most_at_once)
		res->most_at_once = w.most_at_once;
	return w.requests;
}

unsigned
run_expect(const struct run *r, struct result *res, const char *who, unsigned least, unsigned most)
{
	unsigned n = run_requests(r, res);

	if ((n < least || n > most) && least == most)
		result_fail(res, "%s: %u origin requests, not %u", who, n, least);
	else if (n < least || n > most)
		result_fail(res, "%s: %u origin requests, not %u to %u", who, n, least, most);
	return n;
}

bool
run_wait_requests(const struct run *r, struct load *l, unsigned n, int64_t deadline)
{
	while (origin_watched(r->origin, r->watch).requests < n) {
		if (test_now() >= deadline)
			return false;
		load_pause(l, test_now() + MS);
	}
	return true;
}

unsigned
run_clients(const struct run *r, unsigned most)
{
	return r->clients < most ? r->clients : most;
}

/* Which of the origin's answers for that target it is; 0: none of them. */
static unsigned
number_of(const struct run *r, const struct reply *rep, const char *target)
{
	char text[PATH_SIZE + 64];

	for (unsigned number = origin_requests(r->origin, target); number > 0; number--) {
		size_t n = origin_numbered(text, sizeof text, target, number);

		if (n == rep->length && test_sum(TEST_SUM, 0, text, n) == rep->sum)
			return number;
	}
	return 0;
}

static bool
right_body(const struct run *r, struct result *res, const struct reply *rep, const struct want *w)
{
	unsigned number;

	if (w->any_body)
		return true;
	if (w->numbered == NULL) {
		if (rep->length == w->length && rep->sum == w->sum)
			return true;
		res->errors.body++;
		return false;
	}
	number = number_of(r, rep, w->numbered);
	if (number >= w->least && number > 0)
		return true;
	if (number > 0)
		res->errors.stale++;
	else
		res->errors.body++;
	return false;
}

static void
keep_first(struct result *res, int64_t took)
{
	if (res->firsts == res->room) {
		res->room = 2 * res->room + 1024;
		res->first = test_grow(res->first, res->room * sizeof *res->first);
	}
	res->first[res->firsts++] = took;
}

bool
judge(const struct run *r, struct result *res, const struct reply *rep, const struct want *w)
{
	int status = w->status != 0 ? w->status : 200;

	res->answers++;
	if (!rep->complete) {
		res->errors.none++;
		res->errors.example = rep->fault;
		return false;
	}
	keep_first(res, rep->first - rep->asked);
	if (rep->status == status)
		return right_body(r, res, rep, w);
	res->errors.example_status = rep->status;
	if (rep->status >= 500)
		res->errors.server++;
	else
		res->errors.status++;
	return false;
}

void
judge_all(const struct run *r, struct result *res, const struct load *l, size_t i,
    const struct want *w)
{
	for (; i < load_replies(l); i++)
		judge(r, res, load_reply(l, i), w);
}

void
judge_errors(struct result *res)
{
	const struct errors *e = &res->errors;

	if (e->none > 0)
		result_fail(res, "%u without an answer (%s)", e->none,
		    e->example != NULL ? e->example : "cut short");
	if (e->server + e->status > 0)
		result_fail(res, "%u with a wrong status (such as %d)", e->server + e->status,
		    e->example_status);
	if (e->body > 0)
		result_fail(res, "%u with a wrong body", e->body);
	if (e->stale > 0)
		result_fail(res, "%u with an answer that was over", e->stale);
}

int64_t
judge_slowest(const struct load *l, size_t i)
{
	int64_t most = 0;

	for (; i < load_replies(l); i++) {
		const struct reply *rep = load_reply(l, i);

		if (rep->last - rep->asked > most)
			most = rep->last - rep->asked;
	}
	return most;
}

void
all_ask(struct load *l, unsigned first, unsigned last, const char *target, const char *fields)
{
	for (unsigned i = first; i < last; i++)
		load_ask(l, i, 0, "GET", target, fields);
}

size_t
herd_of(const struct run *r, struct result *res, struct load *l, unsigned n, const char *target,
    const struct want *w)
{
	size_t before = load_replies(l);

	all_ask(l, 0, n, target, "");
	load_finish(l, test_now() + PATIENCE);
	judge_all(r, res, l, before, w);
	return before;
}
