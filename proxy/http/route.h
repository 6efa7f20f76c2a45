/* SPDX-License-Identifier: BSD-2-Clause */
/* Host and path -> route. */
#ifndef CORRAL_HTTP_ROUTE_H
#define CORRAL_HTTP_ROUTE_H

#include "base/conf.h"
#include "base/slice.h"

/*
 * The first route that matches the request of this key (http/key.h: the host in lower case, the
 * path normalised, so that no other spelling of a path slips past its route); NULL when none does.
 */
const struct conf_route	*route_find(const struct conf *conf, struct slice key);

#endif
