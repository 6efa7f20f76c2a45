/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of keys share. */
#ifndef CORRAL_HTTP_KEY_PRIV_H
#define CORRAL_HTTP_KEY_PRIV_H

#include "base/slice.h"

/* RFC 3986 6.2.2: percent-encoding normalised; lower: letters too.  Appended. */
void	key_add_normal(struct buf *out, struct slice s, bool lower);
/* The host in lower case, the port unless it is the scheme's own. */
void	key_add_authority(struct buf *out, struct slice authority);

#endif
