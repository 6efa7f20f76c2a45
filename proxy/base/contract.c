/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
contract_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "corral: broken contract at %s:%d: %s\n", file, line, what);
	abort();
}

void *
contract_calloc(size_t n, size_t size, const char *file, int line)
{
	void *p = calloc(n, size);

	if (p == NULL)
		contract_fail(file, line, "out of memory for a small allocation");
	return p;
}

char *
contract_strndup(const char *s, size_t n)
{
	char *p = contract_calloc(n + 1, 1, __FILE__, __LINE__);

	memcpy(p, s, n);
	return p;
}
