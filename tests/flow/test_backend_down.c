/* SPDX-License-Identifier: BSD-2-Clause */
/* Nobody listens where the backend should be: 502 with a small text, and no address in it. */
#include <unistd.h>

#include "tests/lib/flow.h"

FLOW(backend_down)
{
	char url[64];
	int fd = origin_refusing(url, sizeof url);
	struct daemon *d = daemon_start("upstream: %s\nworkers: 2\n", url);
	struct herd *h = herd_start(daemon_addr(d), 50, "/p");
	struct answer *a;

	herd_wait(h);
	ck_assert_uint_eq(herd_count(h, 502), 50);
	herd_free(h);
	a = client_get(daemon_addr(d), "/p", "");
	ck_assert_int_eq(a->status, 502);
	ck_assert_uint_gt(a->length, 0);
	ck_assert_uint_lt(a->length, 500);
	ck_assert_ptr_null(strstr(a->body, "127.0.0.1"));
	ck_assert(answer_says(a, "Cache-Status", "corral"));
	answer_free(a);
	daemon_wait_stat(d, "error", 51);
	daemon_stop(d);
	close(fd);
}
