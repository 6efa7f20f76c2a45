/* SPDX-License-Identifier: BSD-2-Clause */
/* `corral check` tells all faults of a file in one go, each with its place and a hint. */
#include "tests/lib/flow.h"

#define FAULTY	"listen: 127.0.0.1:8080\n"		\
	"upstreams:\n"					\
	"  app:\n"					\
	"    servers: [ http://127.0.0.1:3000 ]\n"	\
	"    max_conections: 10\n"			\
	"    timeouts: { connect: 5 }\n"		\
	"routes:\n"					\
	"  - match: { path: /a }\n"			\
	"    upstream: ap\n"				\
	"    coalesce: perhaps\n"			\
	"    override_ttl: 1s\n"			\
	"workers: 100000\n"

FLOW(config_faults)
{
	static const char *const told[] = {":5:5: ", "max_connections",
	    ":6:26: ", ":9:15: ", ":10:15: ", "shareable",
	    ":11:5: ", "not available in this version", ":12:10: "};
	char *path = daemon_file(FAULTY), *out, *err, *printed;

	ck_assert_int_eq(
	    daemon_command((const char *const[]){"check", "-c", path, NULL}, &out, &err), 1);
	for (unsigned i = 0; i < sizeof told / sizeof told[0]; i++)
		ck_assert_msg(strstr(err, told[i]) != NULL, "no \"%s\" in:\n%s", told[i], err);
	free(out);
	free(err);
	/* To run it is refused in the same way. */
	ck_assert_int_eq(daemon_command((const char *const[]){ "-c", path, NULL }, &out, &err), 1);
	ck_assert_ptr_nonnull(strstr(err, ":5:5: "));
	free(out);
	free(err);
	daemon_unlink(path);

	path = daemon_file("listen: 127.0.0.1:8080\nupstream: http://127.0.0.1:3000\n");
	ck_assert_int_eq(
	    daemon_command((const char *const[]){"-t", "-c", path, NULL}, &out, &err), 0);
	ck_assert_str_eq(err, "");
	free(out);
	free(err);
	/* What is in force reads back as itself. */
	ck_assert_int_eq(
	    daemon_command((const char *const[]){"config", "-c", path, NULL}, &printed, &err), 0);
	free(err);
	daemon_unlink(path);
	path = daemon_file(printed);
	ck_assert_int_eq(
	    daemon_command((const char *const[]){"config", "-c", path, NULL}, &out, &err), 0);
	ck_assert_str_eq(out, printed);
	free(out);
	free(err);
	free(printed);
	daemon_unlink(path);

	ck_assert_int_eq(daemon_command((const char *const[]){"--nonsense", NULL}, &out, &err), 2);
	free(out);
	free(err);
	ck_assert_int_eq(
	    daemon_command((const char *const[]){"-c", "/no/such/file", NULL}, &out, &err), 1);
	ck_assert_ptr_nonnull(strstr(err, "/no/such/file"));
	free(out);
	free(err);
}
