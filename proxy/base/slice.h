/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes: a slice points at bytes that somebody else owns; a buf owns bytes and grows.
 * Neither is NUL-terminated by nature; buf_str() terminates.
 */
#ifndef CORRAL_BASE_SLICE_H
#define CORRAL_BASE_SLICE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char	*p;
	size_t		 n;
};

/* A slice of a string literal, usable in static initialisers as SLICE_INIT. */
#define SLICE(lit)	((struct slice){ "" lit, sizeof(lit) - 1 })
#define SLICE_INIT(lit)	{ "" lit, sizeof(lit) - 1 }
/* For printf: "%.*s", SLICE_FMT(s) */
#define SLICE_FMT(s)	(int)(s).n, (s).p

static inline struct slice
slice_of(const char *p, size_t n)
{
	return (struct slice){ p, n };
}

static inline struct slice
slice_str(const char *s)
{
	return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case folded, never the locale's. */
bool	slice_caseeq(struct slice a, struct slice b);
/* The same as one of the n in set, case folded. */
bool	slice_casein(struct slice s, const struct slice *set, size_t n);
bool	slice_starts(struct slice s, struct slice prefix);
/* Without SP and HTAB at both ends (RFC 9110 5.6.3 OWS). */
struct slice	slice_trim(struct slice s);
/* One or more ASCII digits and nothing else; -1 if not, or if it does not fit.  0 otherwise. */
int	slice_u64(struct slice s, uint64_t *out);

/*
 * The next element of a comma-separated list (RFC 9110 5.6.1), trimmed, quoted strings respected;
 * empty elements are skipped.  *rest starts as the whole list and is advanced.  False at the end.
 */
bool	slice_list_next(struct slice *rest, struct slice *item);

struct buf {
	char	*p;
	size_t	 n;		/* bytes in use */
	size_t	 cap;
};

/* A zeroed struct buf is empty and valid.  Growth aborts when memory is out: bound it first. */
void	buf_reserve(struct buf *b, size_t more);
void	buf_add(struct buf *b, const void *p, size_t n);
void	buf_add_slice(struct buf *b, struct slice s);
void	buf_add_str(struct buf *b, const char *s);
void	buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Decimal, without printf: for hot paths. */
void	buf_add_u64(struct buf *b, uint64_t v);
/* Drops the first n bytes; the rest moves to the front. */
void	buf_drop(struct buf *b, size_t n);
/* NUL-terminates (the NUL is not counted) and returns the bytes. */
char	*buf_str(struct buf *b);
void	buf_fini(struct buf *b);

static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

#endif
