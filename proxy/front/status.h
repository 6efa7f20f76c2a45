/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache-Status (RFC 9211): what happened to one request, as the field's value. */
#ifndef CORRAL_FRONT_STATUS_H
#define CORRAL_FRONT_STATUS_H

#include "base/clock.h"
#include "base/slice.h"

struct status {
	const char	*fwd;		/* why it went forward; NULL: it didn't */
	bool		 hit;		/* served from the store without asking */
	bool		 stored;
	bool		 collapsed;
	bool		 has_ttl;
	usec_t		 ttl;		/* freshness left; negative: stale for so long */
	int		 fwd_status;	/* what the backend answered; 0: nothing */
	const char	*detail;	/* one word, or NULL */
	struct slice	 key;		/* if it was asked for; empty: not */
};

/*
 * "Cache-Status: corral; fwd=uri-miss; stored; ttl=60\r\n", appended.  sent: the answer's status.
 */
void	status_write(const struct status *s, int sent, struct buf *out);

#endif
