/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response as a client sees it, read piece by piece.  Stricter than a browser: whatever a proxy
 * must not send is a fault.
 */
#ifndef CORRAL_TESTS_LIB_ANSWER_H
#define CORRAL_TESTS_LIB_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer {
	int		 status;	/* of the final head; 0: none yet */
	unsigned	 interim;	/* 1xx heads before it, */
	char		*hints;		/* one after the other; NULL: none */
	char		*head;		/* the final head, with its empty line */
	size_t		 head_len;
	char		*body;		/* if kept; followed by a NUL */
	uint64_t	 length;	/* body bytes so far */
	uint64_t	 sum;		/* test_sum() of them */
	bool		 complete;
	bool		 chunked;
	bool		 until_close;
	unsigned	 trailers;	/* lines of the trailer section */
	const char	*fault;		/* what is wrong with it; static */
	int64_t		 sent;		/* test_now() when the request left, ... */
	int64_t		 first;		/* the first byte of the final head came, */
	int64_t		 first_body;	/* the first byte of the body, */
	int64_t		 last;		/* and the last byte */

	/* the reader's own */
	bool		 to_head, keep;
	int		 state;
	uint64_t	 left;
	size_t		 hints_len;
	size_t		 line_len;
	char		 line[64];
};

void	answer_init(struct answer *a, bool to_head, bool keep);
void	answer_fini(struct answer *a);
void	answer_free(struct answer *a);
/* How many of the n bytes belong to this answer. */
size_t	answer_feed(struct answer *a, const char *p, size_t n);
/* The peer closed. */
void	answer_eof(struct answer *a);

/* The value of the i-th field of that name, on until the next call; NULL: there is none. */
const char	*answer_field_nth(const struct answer *a, const char *name, unsigned i);
const char	*answer_field(const struct answer *a, const char *name);
/* The head has a field of that name whose value has this text in it. */
bool	answer_says(const struct answer *a, const char *name, const char *text);

/* A field of any head, as above. */
const char	*answer_head_field(const char *head, const char *name, unsigned i);

#endif
