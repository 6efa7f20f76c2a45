/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Range (RFC 9110 14): whatever is asked for, what is sent lies within the body, no byte of it
 * twice, and several ranges are less than the whole.  The first line of an input is the length, the
 * others are Range fields.
 */
#include "http/range.h"

#include <stdio.h>

#include "base/contract.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_words[] = {
	"bytes=", "BYTES=", "0-", "-1", "-0", "0-0,", "1-2,", "99999999999999999999",
	"18446744073709551615", "18446744073709551614-", "9223372036854775807-", ", ", ",,",
	"\nbytes=", NULL,
};

static void
check_parts(const struct ranges *rs, uint64_t length)
{
	uint64_t left = length;

	ASSERT(rs->n >= 1 && rs->n <= RANGE_MAX);
	for (unsigned i = 0; i < rs->n; i++) {
		const struct range *r = &rs->r[i];

		ASSERT(r->first <= r->last && r->last < length);
		ASSERT(r->last - r->first < left);
		left -= r->last - r->first + 1;
		for (unsigned k = 0; k < i; k++)
			ASSERT(r->first > rs->r[k].last + 1 || rs->r[k].first > r->last + 1);
	}
	ASSERT(rs->n == 1 || left > 0);
}

static void
check_line(const struct range *r, uint64_t length)
{
	unsigned long long first, last, all;
	struct buf b = { 0 };
	int used = 0;

	range_emit(r, length, &b);
	ASSERT(sscanf(buf_str(&b), "Content-Range: bytes %llu-%llu/%llu\r\n%n", &first, &last, &all,
	    &used) == 3);
	ASSERT((size_t)used == b.n && first == r->first && last == r->last && all == length);
	buf_fini(&b);
}

static void
same_result(const struct head *h, uint64_t length, enum range_result result,
    const struct ranges *rs)
{
	struct ranges again;

	ASSERT(range_select(h, length, &again) == result && again.n == rs->n);
	for (unsigned i = 0; i < rs->n; i++)
		ASSERT(again.r[i].first == rs->r[i].first && again.r[i].last == rs->r[i].last);
}

/* Who asks for just what was selected gets it, by that spelling too. */
static void
ask_again(const struct ranges *rs, uint64_t length)
{
	struct head h = { 0 };
	struct buf b = { 0 };

	buf_add_str(&b, "bYtEs=");
	for (unsigned i = 0; i < rs->n; i++)
		buf_addf(&b, ", %llu-%llu", (unsigned long long)rs->r[i].first,
		    (unsigned long long)rs->r[i].last);
	hdr_add(&h, SLICE("RANGE"), buf_slice(&b));
	same_result(&h, length, RANGE_PARTS, rs);
	/* and twice is not once */
	hdr_add(&h, SLICE("Range"), buf_slice(&b));
	same_result(&h, length, RANGE_WHOLE, &(struct ranges){ 0 });
	ASSERT(!range_asked(&h));
	buf_fini(&b);
	head_fini(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice rest = slice_of((const char *)data, n), line = SLICE("");
	struct head h = { 0 };
	struct ranges rs;
	enum range_result result;
	uint64_t length;

	fuzz_line(&rest, &line);
	if (slice_u64(line, &length) != 0)
		length = 1000;
	while (h.n < 3 && fuzz_line(&rest, &line))
		fuzz_add(&h, SLICE("Range"), line);
	result = range_select(&h, length, &rs);
	same_result(&h, length, result, &rs);
	switch (result) {
	case RANGE_WHOLE:
		ASSERT(rs.n == 0);
		break;
	case RANGE_PARTS:
		ASSERT(h.n == 1 && range_asked(&h));
		check_parts(&rs, length);
		for (unsigned i = 0; i < rs.n; i++)
			check_line(&rs.r[i], length);
		ask_again(&rs, length);
		break;
	case RANGE_NONE:
		ASSERT(h.n == 1 && range_asked(&h) && rs.n == 0);
		break;
	}
	head_fini(&h);
	return 0;
}
