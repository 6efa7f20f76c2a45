/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Corral says of itself: the documents of GET /stats and GET /readyz, JSON objects with a
 * newline.  The control worker's thread: it is the one that knows the upstreams.
 */
#ifndef CORRAL_FRONT_STATS_DOC_H
#define CORRAL_FRONT_STATS_DOC_H

#include <stdbool.h>

#include "base/slice.h"

struct admin_env;

/* Appended to out. */
void	stats_doc(const struct admin_env *env, struct buf *out);
/* The same.  False: whoever sends clients here should send them elsewhere. */
bool	stats_doc_ready(const struct admin_env *env, struct buf *out);

#endif
