/* SPDX-License-Identifier: BSD-2-Clause */
/* All scenarios, in the order in which they run and are reported. */
#include "tests/stampede/stampede.h"

const struct scenario *const scenarios[] = {
	&cold_herd,
	&slow_origin,
	&uncacheable,
	&new_query,
	&max_age_0,
	&leader_leaves,
	&vary_groups,
	&streamed_body,
	&head_and_get,
	&ranges,
	&not_found,
	&redirect,
	&expired,
	&expired_swr,
	&hot_expiry,
	&mass_expiry,
	&errors_500,
	&refused,
	&origin_cut,
	&purge_all,
	&restart,
	NULL,
};
