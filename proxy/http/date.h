/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP dates (RFC 9110 5.6.7). */
#ifndef CORRAL_HTTP_DATE_H
#define CORRAL_HTTP_DATE_H

#include <stdint.h>

#include "base/slice.h"

#define DATE_LEN	29		/* of an IMF-fixdate */

/*
 * All three forms: IMF-fixdate, RFC 850 (the century by the rule of 5.6.7, so it needs now) and
 * asctime.  Seconds since the epoch, or -1.  now: seconds since the epoch.
 */
int	date_parse(struct slice s, int64_t now, int64_t *out);
/* IMF-fixdate and a NUL. */
void	date_format(int64_t seconds, char out[DATE_LEN + 1]);

#endif
