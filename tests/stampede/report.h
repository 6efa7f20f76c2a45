/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run found, as a table, as JSON and as a page of HTML. */
#ifndef CORRAL_TESTS_STAMPEDE_REPORT_H
#define CORRAL_TESTS_STAMPEDE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/stampede/stampede.h"

struct line {
	const struct scenario	*scenario;
	struct result		 result;
};

struct score {
	unsigned	 passed, failed, skipped;
};

struct score	report_score(const struct line *lines, size_t n);

/* The table grows line by line, while the run goes on. */
void	report_begin(FILE *f, const struct run *r);
void	report_line(FILE *f, const struct line *line);
void	report_end(FILE *f, const struct run *r, const struct line *lines, size_t n);

/* False: the file can't be written, and errno says why. */
bool	report_json(const char *path, const struct run *r, const struct line *lines, size_t n);
bool	report_html(const char *path, const struct run *r, const struct line *lines, size_t n);

#endif
