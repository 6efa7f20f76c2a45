/* SPDX-License-Identifier: BSD-2-Clause */
/* --upstream, --listen and --admin are enough to run; a port in use is told and refused. */
#include <signal.h>

#include "tests/lib/flow.h"

FLOW(options_without_file)
{
	struct origin *o = origin_start();
	struct daemon *d = daemon_start_options((const char *const[]){ "--upstream", origin_url(o),
	    "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", NULL });
	char *out, *err;

	origin_answer(o, .path = "/*", .text = "hello");
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	daemon_wait_stat(d, "miss", 1);
	ck_assert_int_eq(daemon_command((const char *const[]){"--upstream", origin_url(o),
					    "--listen", daemon_addr(d), "--admin", "off", NULL},
			     &out, &err),
	    1);
	ck_assert_ptr_nonnull(strstr(err, daemon_addr(d)));
	free(out);
	free(err);
	daemon_stop(d);

	d = daemon_start_options((const char *const[]){ "--upstream", origin_url(o), "--listen",
	    "127.0.0.1:0", "--admin", "off", NULL });
	ck_assert(!daemon_logged(d, "admin on"));
	ck_assert_int_eq(client_status(daemon_addr(d), "/p", ""), 200);
	daemon_signal(d, SIGINT);
	ck_assert_int_eq(daemon_wait_exit(d), 0);
	daemon_free(d);
	origin_stop(o);
}
