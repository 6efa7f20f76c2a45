/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event, one line, one write(2) to standard error, so that lines of several threads and of
 * forked programs do not mix.
 *
 * The whole message is escaped after formatting (\n, \t, \\, \xNN for all that is not printable
 * ASCII), so that nothing a peer sent can start a line, colour a terminal or end a JSON string, and
 * no caller has to remember it.
 *
 * Rate limit: a slot for each format, found by its address.  A slot admits BURST lines in a WINDOW
 * that opens with its first line; what it held back is counted and reported with the first event
 * (of any format) after the window has ended.  Weakness: when no event follows, the count stays
 * unsaid; a timer for it would tie the log to a loop.  When all slots are taken a new format is not
 * limited; there are more slots than formats in the program.
 *
 * Locks: one mutex around the slots, held for a few loads and stores, never while writing.  The
 * level is an atomic, so a debug line that is off costs one load.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* So that a line, each byte of it escaped, stays below PIPE_BUF: larger writes may be torn. */
#define MESSAGE_MAX	768			/* bytes, formatted; more is cut */
#define TEXT_MAX	(MESSAGE_MAX * 4)	/* all of them as \xNN */
#define LINE_MAX_BYTES	(TEXT_MAX * 2 + 128)	/* each backslash twice in JSON */
#define SLOTS		256			/* a power of two */
#define LAST_MAX	160
#define BURST		10
#define WINDOW		(10 * USEC_PER_SEC)

struct slot {
	const char	*fmt;		/* NULL: free; a taken one is never given back */
	usec_t		 opened;
	unsigned	 lines;		/* in this window */
	unsigned	 held;		/* past BURST, not reported yet */
	enum log_level	 level;
	char		 last[LAST_MAX];	/* the beginning of the last one that was written */
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static atomic_int log_level = LOG_INFO;
static atomic_bool log_json;

static struct {
	pthread_mutex_t	 lock;
	struct slot	 slots[SLOTS];
	unsigned	 holding;	/* slots whose held is not 0 */
} limiter = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

void
log_set_json(bool on)
{
	atomic_store_explicit(&log_json, on, memory_order_relaxed);
}

/* ---- lines ---- */

static size_t
escape(char *out, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c < 0x7f && c != '\\') {
			*p++ = (char)c;
			continue;
		}
		*p++ = '\\';
		if (c == '\\' || c == '\n' || c == '\r' || c == '\t') {
			*p++ = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : '\\';
			continue;
		}
		*p++ = 'x';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	*p = '\0';
	return (size_t)(p - out);
}

static size_t
line_text(char *out, size_t cap, enum log_level level, const char *text)
{
	return (size_t)snprintf(out, cap, "corral: %s: %s\n", level_names[level], text);
}

/* text is printable ASCII by now, so two characters are left to escape. */
static size_t
line_json(char *out, size_t cap, enum log_level level, const char *text, usec_t wall)
{
	time_t secs = (time_t)(wall / USEC_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&secs, &tm);
	n = strftime(out, cap, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(out + n, cap - n, ".%06uZ\",\"level\":\"%s\",\"msg\":\"",
	    (unsigned)(wall % USEC_PER_SEC), level_names[level]);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			out[n++] = '\\';
		out[n++] = *text;
	}
	memcpy(out + n, "\"}\n", 3);
	return n + 3;
}

static void
write_line(enum log_level level, const char *message, usec_t wall)
{
	char text[TEXT_MAX + 1], line[LINE_MAX_BYTES];
	size_t n;

	escape(text, message);
	if (atomic_load_explicit(&log_json, memory_order_relaxed))
		n = line_json(line, sizeof line, level, text, wall);
	else
		n = line_text(line, sizeof line, level, text);
	/* A log that cannot be written has nowhere to be reported. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

/* ---- the rate limit ---- */

static struct slot *
slot_of(const char *fmt)
{
	uintptr_t h = (uintptr_t)fmt;
	unsigned i, at;

	h ^= h >> 9;
	for (i = 0; i < SLOTS; i++) {
		at = (unsigned)(h + i) & (SLOTS - 1);
		if (limiter.slots[at].fmt == NULL || limiter.slots[at].fmt == fmt)
			return &limiter.slots[at];
	}
	return NULL;
}

static bool
admit(enum log_level level, const char *fmt, usec_t now)
{
	struct slot *s;
	bool ok = true;

	pthread_mutex_lock(&limiter.lock);
	if ((s = slot_of(fmt)) != NULL) {
		if (s->fmt == NULL || now - s->opened >= WINDOW) {
			s->fmt = fmt;
			s->level = level;
			s->opened = now;
			s->lines = 0;
		}
		ok = ++s->lines <= BURST;
		if (!ok && s->held++ == 0)
			limiter.holding++;
	}
	pthread_mutex_unlock(&limiter.lock);
	return ok;
}

/* One slot whose window has ended with lines held back; false when there is none. */
static bool
take_held(usec_t now, struct slot *out)
{
	unsigned i = SLOTS;

	pthread_mutex_lock(&limiter.lock);
	if (limiter.holding > 0)
		for (i = 0; i < SLOTS; i++)
			if (limiter.slots[i].held > 0 && now - limiter.slots[i].opened >= WINDOW)
				break;
	if (i < SLOTS) {
		*out = limiter.slots[i];
		limiter.slots[i].held = 0;
		limiter.holding--;
	}
	pthread_mutex_unlock(&limiter.lock);
	return i < SLOTS;
}

static void
remember(const char *fmt, const char *message)
{
	struct slot *s;

	pthread_mutex_lock(&limiter.lock);
	if ((s = slot_of(fmt)) != NULL && s->fmt == fmt)
		snprintf(s->last, sizeof s->last, "%.*s", LAST_MAX - 1, message);
	pthread_mutex_unlock(&limiter.lock);
}

static void
report_held(struct now now)
{
	char message[MESSAGE_MAX];
	struct slot s;

	while (take_held(now.mono, &s)) {
		snprintf(message, sizeof message,
		    "%u more were held back that are like this one: %s", s.held, s.last);
		write_line(s.level, message, now.wall);
	}
}

void
log_event(enum log_level level, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	int saved = errno, n;
	struct now now;
	va_list ap;

	if ((int)level > atomic_load_explicit(&log_level, memory_order_relaxed))
		return;
	now = clock_now();
	report_held(now);
	if (admit(level, fmt, now.mono)) {
		errno = saved;			/* for %m */
		va_start(ap, fmt);
		n = vsnprintf(message, sizeof message, fmt, ap);
		va_end(ap);
		if (n >= (int)sizeof message)
			memcpy(message + sizeof message - 4, "...", 4);
		if (n >= 0) {
			write_line(level, message, now.wall);
			remember(fmt, message);
		}
	}
	errno = saved;
}
