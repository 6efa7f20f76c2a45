/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contracts: what must hold, said in the code and checked in every build.
 *
 * A broken contract is our own bug: it prints the place and the condition and aborts.  What peers,
 * files and the system do wrong is never a contract; it is an error return.
 *
 * Every struct that travels through a `void *` or lives longer than a function starts with
 * `unsigned magic`.  NEW allocates it zeroed and signs it, CHECK verifies the signature, FREE
 * erases it, so a stale pointer is found at its first use.
 */
#ifndef CORRAL_BASE_CONTRACT_H
#define CORRAL_BASE_CONTRACT_H

#include <stddef.h>

/* Prints file, line and condition to standard error and aborts.  Any thread. */
_Noreturn void	contract_fail(const char *file, int line, const char *what);

/*
 * Allocation of small, fixed-size things: never NULL, aborts when memory is out.  Anything whose
 * size a peer chooses goes through malloc() and an error answer instead.
 */
void	*contract_calloc(size_t n, size_t size, const char *file, int line);
char	*contract_strndup(const char *s, size_t n);

#define ASSERT(cond)							\
	do {								\
		if (__builtin_expect(!(cond), 0))			\
			contract_fail(__FILE__, __LINE__, #cond);	\
	} while (0)

#define CHECK(p, m)	ASSERT((p) != NULL && (p)->magic == (m))

#define NEW(p, m)							\
	do {								\
		(p) = contract_calloc(1, sizeof *(p), __FILE__, __LINE__); \
		(p)->magic = (m);					\
	} while (0)

/* Frees and clears the giver's pointer. */
#define FREE(p)								\
	do {								\
		(p)->magic = 0;						\
		free(p);						\
		(p) = NULL;						\
	} while (0)

#define XCALLOC(n, size)	contract_calloc((n), (size), __FILE__, __LINE__)

#endif
