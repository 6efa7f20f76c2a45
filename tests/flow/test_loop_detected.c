/* SPDX-License-Identifier: BSD-2-Clause */
/* An upstream that is Corral itself: the second time round the request is refused. */
#include <signal.h>

#include "tests/lib/flow.h"

FLOW(loop_detected)
{
	struct daemon *d = daemon_start("upstream: http://127.0.0.1:1\n");
	struct answer *a;

	daemon_rewrite(d, "upstream: http://%s\n", daemon_addr(d));
	daemon_signal(d, SIGHUP);
	daemon_wait_log(d, "reloaded");
	a = client_get(daemon_addr(d), "/get", "");
	ck_assert_int_eq(a->status, 508);
	ck_assert(answer_says(a, "Cache-Status", "detail=loop"));
	answer_free(a);
	a = client_exchangef(daemon_addr(d), "POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n"
	    "Connection: close\r\n\r\nhi");
	ck_assert_int_eq(a->status, 508);
	answer_free(a);
	/* Once round for each. */
	daemon_wait_stat(d, "requests", 4);
	ck_assert_int_eq(daemon_stat(d, "upstream_fetches"), 2);

	/* Another Corral before this one is none. */
	a = client_get(daemon_addr(d), "/other", "Via: 1.1 corral (00000000), 1.1 corral\r\n");
	ck_assert_int_eq(a->status, 508);
	daemon_wait_stat(d, "requests", 6);
	ck_assert_int_eq(daemon_stat(d, "upstream_fetches"), 3);
	answer_free(a);
	daemon_stop(d);
}
