/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fuzz targets share.  A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput() and
 * fuzz_words; it says by ASSERT what must hold for any input.  Its seeds are the files of
 * corpus/NAME/, text that a person can read, each named for what it shows.
 *
 * Two things run targets: driver.c, in every build, as part of `make check`; and clang's libFuzzer,
 * with --enable-fuzzing, by hand and for as long as one likes: make fuzz-programs &&
 * tests/fuzz/fuzz_cc -max_total_time=600 NEW-INPUTS tests/fuzz/corpus/cc
 */
#ifndef CORRAL_TESTS_FUZZ_FUZZ_H
#define CORRAL_TESTS_FUZZ_FUZZ_H

#include "http/hdr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the driver's mutations put in, NULL at the end. */
extern const char *const fuzz_words[];

/* The next part of an input, up to a line "--"; false when there is none left. */
bool	fuzz_part(struct slice *rest, struct slice *part);
/* The next line, without its end. */
bool	fuzz_line(struct slice *rest, struct slice *line);

/*
 * The lines "Name: value" of a text as fields, such as the parser gives: lines without a name are
 * passed over, bytes that can't stand in a value become "?", white space at its ends goes.  At most
 * 100.
 */
void	fuzz_head(struct head *h, struct slice text);
/* A value alone, by the same rules. */
void	fuzz_add(struct head *h, struct slice name, struct slice value);

/* The values of all fields of that name, joined by ", " (RFC 9110 5.2). */
void	fuzz_join(const struct head *h, struct slice name, struct buf *out);
/* A copy of h in which one field has them all, if there are any. */
void	fuzz_joined(const struct head *h, struct slice name, struct head *out);

/* The same bytes in both, else ASSERT; frees both. */
void	fuzz_same(struct buf *a, struct buf *b);

#endif
