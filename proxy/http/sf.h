/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured fields (RFC 9651), read strictly: a field that is not exactly what the grammar says is
 * invalid as a whole, and then it counts as absent (RFC 9651 4.2).  Only what Corral needs is kept;
 * all of the grammar is checked.
 */
#ifndef CORRAL_HTTP_SF_H
#define CORRAL_HTTP_SF_H

#include "http/hdr.h"

enum sf_type {
	SF_INTEGER,
	SF_DECIMAL,
	SF_STRING,
	SF_TOKEN,
	SF_BYTES,
	SF_BOOLEAN,
	SF_DATE,
	SF_DISPLAY,
	SF_INNER_LIST,
};

struct sf_value {
	enum sf_type	type;
	int64_t		integer;	/* SF_INTEGER, SF_DATE; SF_BOOLEAN: 0 or 1 */
	/*
	 * SF_TOKEN, SF_STRING: its text; a string's is unescaped, in the arena if it had escapes.
	 * SF_INNER_LIST: what stands between its parentheses: valid items, separated by spaces.
	 */
	struct slice	text;
};

struct sf_member {
	struct slice	key;		/* of a dictionary's member */
	struct sf_value	value;		/* its parameters were checked and are not kept */
};

#define SF_MEMBERS	256		/* more: invalid, as far as we are concerned */

struct sf {
	struct sf_member	*m;	/* in the arena; of one key in a dictionary, the last */
	unsigned		 n;
};

/*
 * All fields of that name together.  False: it is absent or invalid, *out is empty.  The result
 * borrows from h and from the arena.  A field that is there and empty is valid, with no members.
 */
bool	sf_dictionary(const struct head *h, struct slice name, struct arena *a, struct sf *out);
bool	sf_list(const struct head *h, struct slice name, struct arena *a, struct sf *out);

#endif
