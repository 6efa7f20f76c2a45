/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.yaml: good files and what they mean, faulty files and the exact lines that say so, and the
 * way back through conf_print().  Works in a directory of its own.  `srcdir` is the top of the
 * source tree, whose samples are read too.
 */
#include "base/conf.h"

#include <arpa/inet.h>
#include <glob.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf_priv.h"
#include "tests/unit/unit.h"

#define FILE_NAME	"proxy.yaml"
#define UP		"upstream: http://127.0.0.1:3000\n"

static char top[PATH_MAX], dir[64];

static void
place_begin(void)
{
	const char *srcdir = getenv("srcdir");

	if (top[0] == '\0')		/* before the first chdir, where tests share a process */
		ck_assert_ptr_nonnull(realpath(srcdir != NULL ? srcdir : ".", top));
	snprintf(dir, sizeof dir, "/tmp/corral-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(setenv("CORRAL_TEST_PORT", "3000", 1), 0);
	ck_assert_int_eq(setenv("CORRAL_TEST_EMPTY", "", 1), 0);
	ck_assert_int_eq(unsetenv("CORRAL_TEST_UNSET"), 0);
}

static void
place_end(void)
{
	unlink(FILE_NAME);
	ck_assert_int_eq(chdir(top), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
write_file(const char *bytes, size_t n)
{
	FILE *f = fopen(FILE_NAME, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* The faults, or "" when it is good; then *out is the conf. */
static char *
load(const struct conf_options *opt, struct conf **out)
{
	struct buf faults = { 0 };
	struct conf *c = conf_load(opt, &faults);

	buf_str(&faults);
	ck_assert_int_eq(c == NULL, faults.n > 0);
	if (out != NULL)
		*out = c;
	else
		conf_unref(c);
	return faults.p;
}

static struct conf *
load_good(const char *yaml)
{
	struct conf_options opt = { .file = FILE_NAME };
	struct conf *c;
	char *faults;

	write_file(yaml, strlen(yaml));
	faults = load(&opt, &c);
	ck_assert_str_eq(faults, "");
	free(faults);
	return c;
}

static void
expect_faults(const char *yaml, const char *expected)
{
	struct conf_options opt = { .file = FILE_NAME };
	char *faults;

	write_file(yaml, strlen(yaml));
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, expected);
	free(faults);
}

/* ---- faults ---- */

static const struct {
	const char	*yaml;
	const char	*faults;
} faulty[] = {
	/* what is missing */
	{ "",
	    "proxy.yaml:1:1: no upstream is given; add a line such as upstream: "
	    "http://127.0.0.1:3000\n" },
	{ "# nothing\n---\n",
	    "proxy.yaml:1:1: no upstream is given; add a line such as upstream: "
	    "http://127.0.0.1:3000\n" },
	{ "upstream:\n",
	    "proxy.yaml:1:10: \"upstream\" must be a URL such as http://127.0.0.1:3000, not "
	    "empty\n" },
	{ "upstreams: {}\n",
	    "proxy.yaml:1:12: \"upstreams\" must be a mapping of names, each with its servers, "
	    "not an empty mapping\n" },
	{ "upstreams:\n  a: {}\n",
	    "proxy.yaml:2:3: upstreams.a has no servers; add servers: [ http://127.0.0.1:3000 "
	    "]\n" },
	{ "upstreams: { a: { servers: [ { backup: false } ] } }\n",
	    "proxy.yaml:1:30: a server in upstreams.a has no url; add url: "
	    "http://127.0.0.1:3000\n" },
	{ UP "listen: { proxy_protocol: false }\n",
	    "proxy.yaml:2:9: \"listen\" has no address; add address: 127.0.0.1:8080\n" },
	{ UP "admin: {}\n",
	    "proxy.yaml:2:8: \"admin\" has no address; add address: 127.0.0.1:8080\n" },

	/* keys */
	{ UP "lisen: 127.0.0.1:80\n",
	    "proxy.yaml:2:1: unknown key \"lisen\"; did you mean \"listen\"?\n" },
	{ "upstreams:\n  app:\n    servers: [ http://a ]\n    max_conections: 5\n",
	    "proxy.yaml:4:5: unknown key \"max_conections\" in upstreams.app; did you mean "
	    "\"max_connections\"?\n" },
	{ UP "memory: 1GiB\n",
	    "proxy.yaml:2:1: unknown key \"memory\"; it belongs in cache\n" },
	{ UP "limits: { listen: 1 }\n",
	    "proxy.yaml:2:11: unknown key \"listen\" in limits; it belongs in the top of the "
	    "file\n" },
	{ UP "routes: [ { connect: 1s } ]\n",
	    "proxy.yaml:2:13: unknown key \"connect\" in routes[]; it belongs in "
	    "upstreams.NAME.timeouts\n" },
	{ UP "frobnicate: 1\n",
	    "proxy.yaml:2:1: unknown key \"frobnicate\"; see proxy.yaml(5)\n" },
	{ UP "\"a\\nb\\e[m\": 1\n",
	    "proxy.yaml:2:1: unknown key \"a\\x0ab\\x1b[m\"; see proxy.yaml(5)\n" },
	{ UP "workers: 1\nworkers: 2\n",
	    "proxy.yaml:3:1: \"workers\" is given twice, first on line 2; remove one\n" },
	{ UP "cache:\n  memory: 2MiB\n  max_object: 1MiB\n  memory: 3MiB\n",
	    "proxy.yaml:5:3: \"memory\" is given twice, first on line 3; remove one\n" },
	{ UP "upstreams: { a: { servers: [ http://a ] } }\n",
	    "proxy.yaml:2:1: both \"upstream\" and \"upstreams\"; move the URL into "
	    "\"upstreams\", or remove one\n" },
	{ "upstreams: { a: { servers: [ http://a ] } }\n" UP,
	    "proxy.yaml:2:1: both \"upstream\" and \"upstreams\"; move the URL into "
	    "\"upstreams\", or remove one\n" },

	/* types, units, ranges */
	{ UP "workers: 0\n",
	    "proxy.yaml:2:10: \"workers\" must be a whole number from 1 to 256, or auto, not "
	    "\"0\"\n" },
	{ UP "workers: -1\n",
	    "proxy.yaml:2:10: \"workers\" must be a whole number from 1 to 256, or auto, not "
	    "\"-1\"\n" },
	{ UP "workers: [ 1 ]\n",
	    "proxy.yaml:2:10: \"workers\" must be a whole number from 1 to 256, or auto, not a "
	    "list\n" },
	{ UP "workers:\n",
	    "proxy.yaml:2:9: \"workers\" must be a whole number from 1 to 256, or auto, not "
	    "empty\n" },
	{ UP "workers: 99999999999999999999\n",
	    "proxy.yaml:2:10: \"workers\" must be a whole number from 1 to 256, or auto, not "
	    "\"99999999999999999999\"\n" },
	{ UP "cache: 5\n",
	    "proxy.yaml:2:8: \"cache\" must be a mapping of further keys, not \"5\"\n" },
	{ UP "cache: { memory: 512 }\n",
	    "proxy.yaml:2:18: \"cache.memory\" must be a size from 1MiB to 16TiB, not \"512\"; "
	    "sizes need their unit: 512KiB, 512MiB, 512GiB\n" },
	{ UP "cache: { memory: 64MB }\n",
	    "proxy.yaml:2:18: \"cache.memory\" must be a size from 1MiB to 16TiB, not \"64MB\"; "
	    "sizes are one number and a unit: 512KiB, 64MiB, 1GiB\n" },
	{ UP "cache: { memory: 99999999999TiB }\n",
	    "proxy.yaml:2:18: \"cache.memory\" must be a size from 1MiB to 16TiB, not "
	    "\"99999999999TiB\"\n" },
	{ UP "cache: { memory: 2MiB, max_object: 3MiB }\n",
	    "proxy.yaml:2:36: \"cache.max_object\" is larger than \"cache.memory\", which is "
	    "2MiB; lower it or leave it out\n" },
	{ UP "limits: { drain: 30 }\n",
	    "proxy.yaml:2:18: \"limits.drain\" must be a duration from 0s to 1d, not \"30\"; "
	    "durations need their unit: 30s\n" },
	{ UP "upstreams: { a: { serverz: x } }\n",
	    "proxy.yaml:2:1: both \"upstream\" and \"upstreams\"; move the URL into "
	    "\"upstreams\", or remove one\n"
	    "proxy.yaml:2:14: upstreams.a has no servers; add servers: [ http://127.0.0.1:3000 ]\n"
	    "proxy.yaml:2:19: unknown key \"serverz\" in upstreams.a; did you mean "
	    "\"servers\"?\n" },
	{ UP "limits: { drain: 1.5s }\n",
	    "proxy.yaml:2:18: \"limits.drain\" must be a duration from 0s to 1d, not \"1.5s\"; "
	    "durations are one number and a unit: 250ms, 10s, 5m, 2h, 1d\n" },
	{ UP "limits: { drain: 2d }\n",
	    "proxy.yaml:2:18: \"limits.drain\" must be a duration from 0s to 1d, not \"2d\"\n" },
	{ UP "routes: [ { coalesce: allways } ]\n",
	    "proxy.yaml:2:23: \"coalesce\" must be off, shareable or always, not \"allways\"\n" },
	{ UP "routes: [ { cache: maybe } ]\n",
	    "proxy.yaml:2:20: \"cache\" must be off or on, not \"maybe\"\n" },
	{ UP "log: { level: loud, format: xml }\n",
	    "proxy.yaml:2:15: \"log.level\" must be error, warn, info or debug, not \"loud\"\n"
	    "proxy.yaml:2:29: \"log.format\" must be text or json, not \"xml\"\n" },

	/* addresses */
	{ UP "listen: 8080\n",
	    "proxy.yaml:2:9: \"8080\" has no address; write 127.0.0.1:PORT for this machine "
	    "alone, 0.0.0.0:PORT for all\n" },
	{ UP "listen: :8080\n",
	    "proxy.yaml:2:9: \":8080\" has no address; write 127.0.0.1:PORT for this machine "
	    "alone, 0.0.0.0:PORT for all\n" },
	{ UP "listen: \"*:8080\"\n",
	    "proxy.yaml:2:9: \"*:8080\" is not an address; write 0.0.0.0:PORT, or \"[::]:PORT\" "
	    "for IPv6 too\n" },
	{ UP "listen: 127.0.0.1\n",
	    "proxy.yaml:2:9: \"127.0.0.1\" has no port; write one such as 127.0.0.1:8080\n" },
	{ UP "listen: localhost:80\n",
	    "proxy.yaml:2:9: \"localhost:80\" is not an address; names are not looked up here, "
	    "write one such as 127.0.0.1:8080\n" },
	{ UP "listen: \"::1:80\"\n",
	    "proxy.yaml:2:9: \"::1:80\" is not an address; IPv6 is written \"[::1]:8080\"\n" },
	{ UP "listen: \"[::g]:80\"\n",
	    "proxy.yaml:2:9: \"[::g]:80\" is not an address; IPv6 is written \"[::1]:8080\"\n" },
	{ UP "listen: \"[::1\"\n",
	    "proxy.yaml:2:9: \"[::1\" is not an address; IPv6 is written \"[::1]:8080\"\n" },
	{ UP "listen: 127.0.0.1:65536\n",
	    "proxy.yaml:2:9: \"127.0.0.1:65536\" has a port that is not a number from 0 to "
	    "65535\n" },
	{ UP "listen: unix:/run/x\n",
	    "proxy.yaml:2:9: \"unix:/run/x\" is a unix socket, which is not available in this "
	    "version; write an address such as 127.0.0.1:8080\n" },
	{ UP "listen: []\n",
	    "proxy.yaml:2:9: \"listen\" must be an address such as 127.0.0.1:8080, or a list of "
	    "them, not an empty list\n" },
	{ UP "listen:\n  - 127.0.0.1:80\n  - address: 127.0.0.1:80\n",
	    "proxy.yaml:4:5: \"127.0.0.1:80\" is given twice, first on line 3; remove one\n" },
	{ UP "listen: 127.0.0.1:80\nadmin: 127.0.0.1:80\n",
	    "proxy.yaml:3:8: clients and the admin endpoint cannot share the address "
	    "127.0.0.1:80; change \"listen\" or \"admin\"\n" },
	{ UP "listen: 127.0.0.1:9080\n",
	    "proxy.yaml:2:9: clients and the admin endpoint cannot share the address "
	    "127.0.0.1:9080; change \"listen\" or \"admin\"\n" },
	{ UP "listen: off\n",
	    "proxy.yaml:2:9: \"off\" has no port; write one such as 127.0.0.1:8080\n" },

	/* upstreams */
	{ "upstream: 127.0.0.1:3000\n",
	    "proxy.yaml:1:11: \"127.0.0.1:3000\" is not a URL; write one such as "
	    "http://127.0.0.1:3000\n" },
	{ "upstream: https://a\n",
	    "proxy.yaml:1:11: \"https://a\" speaks TLS, which is not available in this version; "
	    "use http://\n" },
	{ "upstream: unix:/x\n",
	    "proxy.yaml:1:11: \"unix:/x\" is a unix socket, which is not available in this "
	    "version; use a URL such as http://127.0.0.1:3000\n" },
	{ "upstream: ftp://a\n",
	    "proxy.yaml:1:11: \"ftp://a\" has a scheme that is not http\n" },
	{ "upstream: http://a/b\n",
	    "proxy.yaml:1:11: \"http://a/b\" has a path; requests keep their own, so write only "
	    "http://HOST:PORT\n" },
	{ "upstream: http://a?b\n",
	    "proxy.yaml:1:11: \"http://a?b\" has a path; requests keep their own, so write only "
	    "http://HOST:PORT\n" },
	{ "upstream: http://u:p@a\n",
	    "proxy.yaml:1:11: \"http://u:p@a\" has a user name in it, which is not sent to "
	    "backends; leave it out\n" },
	{ "upstream: http://:80\n",
	    "proxy.yaml:1:11: \"http://:80\" has no host\n" },
	{ "upstream: http://a:0\n",
	    "proxy.yaml:1:11: \"http://a:0\" has a port that is not a number from 1 to 65535\n" },
	{ "upstream: \"http://a:\"\n",
	    "proxy.yaml:1:11: \"http://a:\" has a port that is not a number from 1 to 65535\n" },
	{ "upstream: http://1.2.3.256\n",
	    "proxy.yaml:1:11: \"http://1.2.3.256\" has an IPv4 address that is not valid\n" },
	{ "upstream: \"http://[::x]:1\"\n",
	    "proxy.yaml:1:11: \"http://[::x]:1\" has an IPv6 address that is not valid\n" },
	{ "upstream: \"http://a b\"\n",
	    "proxy.yaml:1:11: \"http://a b\" has a host that is not valid\n" },
	{ "upstream: { url: http://a }\n",
	    "proxy.yaml:1:11: \"upstream\" must be a URL, not a mapping; settings go into "
	    "\"upstreams\": { default: { servers: [ URL ] } }\n" },
	{ "upstreams: { a: http://a }\n",
	    "proxy.yaml:1:17: an upstream is a mapping such as { servers: [ "
	    "http://127.0.0.1:3000 ] }\n" },
	{ "upstream: [ http://a, http://b ]\n",
	    "proxy.yaml:1:11: \"upstream\" must be a URL, not a list; several servers go into "
	    "\"upstreams\": { default: { servers: [ URL, URL ] } }\n" },
	{ "upstreams: { a: { servers: [] } }\n",
	    "proxy.yaml:1:28: \"servers\" must be a list such as [ http://127.0.0.1:3000 ], not "
	    "an empty list\n" },
	{ "upstreams: { \"a b\": { servers: http://a } }\n",
	    "proxy.yaml:1:14: \"a b\" cannot be a name; use at most 64 letters, digits, '-', "
	    "'_' and '.'\n" },

	/* several servers */
	{ "upstreams: { a: { servers: [ http://a, ~, [ http://b ] ] } }\n",
	    "proxy.yaml:1:40: \"servers\" must be a list such as [ http://127.0.0.1:3000 ], "
	    "not empty\n"
	    "proxy.yaml:1:43: \"servers\" must be a list such as [ http://127.0.0.1:3000 ], "
	    "not a list\n" },
	{ "upstreams: { a: { servers: [ http://a, { url: b }, { weight: 2 } ] } }\n",
	    "proxy.yaml:1:47: \"b\" is not a URL; write one such as http://127.0.0.1:3000\n"
	    "proxy.yaml:1:52: a server in upstreams.a has no url; add url: "
	    "http://127.0.0.1:3000\n" },
	{ "upstreams: { a: { servers: [ { url: http://a, weight: 0 }, { url: http://b, weight: "
	    "1001 }, { url: http://c, weight: 0.5, backup: maybe, wieght: 1 } ] } }\n",
	    "proxy.yaml:1:55: \"weight\" must be a whole number from 1 to 1000, not \"0\"\n"
	    "proxy.yaml:1:85: \"weight\" must be a whole number from 1 to 1000, not \"1001\"\n"
	    "proxy.yaml:1:118: \"weight\" must be a whole number from 1 to 1000, not \"0.5\"\n"
	    "proxy.yaml:1:131: \"backup\" must be false or true, not \"maybe\"\n"
	    "proxy.yaml:1:138: unknown key \"wieght\" in upstreams.a.servers[]; did you mean "
	    "\"weight\"?\n" },
	/* one server in two spellings */
	{ "upstreams:\n"
	    "  a:\n"
	    "    servers:\n"
	    "      - http://a\n"
	    "      - HTTP://A:80/\n"
	    "      - http://a:81\n"
	    "      - { url: \"http://a:80\", weight: 2 }\n",
	    "proxy.yaml:5:9: \"HTTP://A:80/\" is given twice in upstreams.a, first on line 4; "
	    "remove one, and give the other a weight if it is to get more\n"
	    "proxy.yaml:7:9: \"http://a:80\" is given twice in upstreams.a, first on line 4; "
	    "remove one, and give the other a weight if it is to get more\n" },
	{ "upstreams: { a: { servers: [ { url: http://a, backup: on }, { url: http://b, backup: "
	    "true } ] } }\n",
	    "proxy.yaml:1:28: every server in upstreams.a is a backup, so there is none that "
	    "they stand in for; leave out backup: true for one of them\n" },
	{ "upstreams: { a: { servers: { url: http://a, backup: true } } }\n",
	    "proxy.yaml:1:28: every server in upstreams.a is a backup, so there is none that "
	    "they stand in for; leave out backup: true for one of them\n" },
	{ "upstreams: { a: { servers: http://a, balance: leastconn } }\n",
	    "proxy.yaml:1:47: \"balance\" must be least_connections, round_robin or hash, not "
	    "\"leastconn\"\n" },

	/* what an upstream can take */
	{ "upstreams: { a: { servers: http://a, max_connections: 0 } }\n",
	    "proxy.yaml:1:55: \"max_connections\" must be a whole number from 1 to 1000000, "
	    "auto, or a mapping such as { min: 2, most: 512 }, not \"0\"\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: 1000001 } }\n",
	    "proxy.yaml:1:55: \"max_connections\" must be a whole number from 1 to 1000000, "
	    "auto, or a mapping such as { min: 2, most: 512 }, not \"1000001\"\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: off } }\n",
	    "proxy.yaml:1:55: \"max_connections\" must be a whole number from 1 to 1000000, "
	    "auto, or a mapping such as { min: 2, most: 512 }, not \"off\"\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: } }\n",
	    "proxy.yaml:1:55: \"max_connections\" must be a whole number from 1 to 1000000, "
	    "auto, or a mapping such as { min: 2, most: 512 }, not empty\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: {} } }\n",
	    "proxy.yaml:1:55: \"max_connections\" must be a whole number from 1 to 1000000, "
	    "auto, or a mapping such as { min: 2, most: 512 }, not an empty mapping\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: [ 2, 5 ] } }\n",
	    "proxy.yaml:1:55: \"max_connections\" must be a whole number from 1 to 1000000, "
	    "auto, or a mapping such as { min: 2, most: 512 }, not a list\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: { min: 2, max: 5 } } }\n",
	    "proxy.yaml:1:65: unknown key \"max\" in upstreams.a.max_connections; did you mean "
	    "\"most\"?\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: { min: 5, most: 4 } } }\n",
	    "proxy.yaml:1:62: \"max_connections.min\" is larger than \"max_connections.most\", "
	    "which is 4; lower min or raise most\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: { min: 257 } } }\n",
	    "proxy.yaml:1:62: \"max_connections.min\" is larger than \"max_connections.most\", "
	    "which is 256; lower min or raise most\n" },
	/* of values that are faults themselves, no more is said */
	{ "upstreams: { a: { servers: http://a, max_connections: { min: 300, most: 100001 } } }\n",
	    "proxy.yaml:1:73: \"max_connections.most\" must be a whole number from 1 to "
	    "100000, not \"100001\"\n" },
	{ "upstreams: { a: { servers: http://a, max_connections: { min: 0, most: auto } } }\n",
	    "proxy.yaml:1:62: \"max_connections.min\" must be a whole number from 1 to 100000, "
	    "not \"0\"\n"
	    "proxy.yaml:1:71: \"max_connections.most\" must be a whole number from 1 to "
	    "100000, not \"auto\"\n" },

	/* retries, hedges */
	{ "upstreams: { a: { servers: http://a, retry_budget: 1.1, hedge: maybe } }\n",
	    "proxy.yaml:1:52: \"retry_budget\" must be a share from 0 to 1, or off, not "
	    "\"1.1\"\n"
	    "proxy.yaml:1:64: \"hedge\" must be off or on, not \"maybe\"\n" },
	{ "upstreams: { a: { servers: http://a, retry_budget: 10%, hedge: 1s } }\n",
	    "proxy.yaml:1:52: \"retry_budget\" must be a share from 0 to 1, or off, not "
	    "\"10%\"; shares are written 0.1, with at most six digits after the point\n"
	    "proxy.yaml:1:64: \"hedge\" must be off or on, not \"1s\"\n" },

	/* the breaker */
	{ "upstreams: { a: { servers: http://a, breaker: on } }\n",
	    "proxy.yaml:1:47: \"breaker\" must be off, or a mapping such as { failures: 5, "
	    "pause: 5s }, not \"on\"\n" },
	{ "upstreams: { a: { servers: http://a, breaker: [] } }\n",
	    "proxy.yaml:1:47: \"breaker\" must be off, or a mapping such as { failures: 5, "
	    "pause: 5s }, not an empty list\n" },
	{ "upstreams: { a: { servers: http://a, breaker: { failures: 100001, error_rate: 2, "
	    "pause: 0s, rate: 1 } } }\n",
	    "proxy.yaml:1:59: \"breaker.failures\" must be a whole number from 0 to 100000, or "
	    "off, not \"100001\"\n"
	    "proxy.yaml:1:79: \"breaker.error_rate\" must be a share from 0 to 1, or off, not "
	    "\"2\"\n"
	    "proxy.yaml:1:89: \"breaker.pause\" must be a duration from 1ms to 1h, not \"0s\"\n"
	    "proxy.yaml:1:93: unknown key \"rate\" in upstreams.a.breaker; did you mean "
	    "\"error_rate\"?\n" },
	{ "upstreams: { a: { servers: http://a, breaker: { failures: five, error_rate: 50%, "
	    "pause: 5 } } }\n",
	    "proxy.yaml:1:59: \"breaker.failures\" must be a whole number from 0 to 100000, or "
	    "off, not \"five\"\n"
	    "proxy.yaml:1:77: \"breaker.error_rate\" must be a share from 0 to 1, or off, not "
	    "\"50%\"; shares are written 0.1, with at most six digits after the point\n"
	    "proxy.yaml:1:89: \"breaker.pause\" must be a duration from 1ms to 1h, not \"5\"; "
	    "durations need their unit: 5s\n" },

	/* health */
	{ "upstreams: { a: { servers: http://a, health: on } }\n",
	    "proxy.yaml:1:46: \"health\" must be off, or a mapping such as { path: /healthz }, "
	    "not \"on\"\n" },
	{ "upstreams: { a: { servers: http://a, health: } }\n",
	    "proxy.yaml:1:46: \"health\" must be off, or a mapping such as { path: /healthz }, "
	    "not empty\n" },
	{ "upstreams: { a: { servers: http://a, health: {} } }\n",
	    "proxy.yaml:1:46: \"health\" has no path; add path: /healthz, or whatever answers "
	    "200 when all is well\n" },
	{ "upstreams: { a: { servers: http://a, health: { uri: /, fails: 1, passes: 2 } } }\n",
	    "proxy.yaml:1:46: \"health\" has no path; add path: /healthz, or whatever answers "
	    "200 when all is well\n"
	    "proxy.yaml:1:48: unknown key \"uri\" in upstreams.a.health; did you mean "
	    "\"path\"?\n"
	    "proxy.yaml:1:56: unknown key \"fails\" in upstreams.a.health; did you mean "
	    "\"fall\"?\n"
	    "proxy.yaml:1:66: unknown key \"passes\" in upstreams.a.health; did you mean "
	    "\"rise\"?\n" },
	{ "upstreams: { a: { servers: http://a, health: { path: /x, interval: 99ms, timeout: 0s, "
	    "fall: 0, rise: 1001 } } }\n",
	    "proxy.yaml:1:68: \"health.interval\" must be a duration from 100ms to 1h, not "
	    "\"99ms\"\n"
	    "proxy.yaml:1:83: \"health.timeout\" must be a duration from 1ms to 1h, not "
	    "\"0s\"\n"
	    "proxy.yaml:1:93: \"health.fall\" must be a whole number from 1 to 1000, not "
	    "\"0\"\n"
	    "proxy.yaml:1:102: \"health.rise\" must be a whole number from 1 to 1000, not "
	    "\"1001\"\n" },
	{ "upstreams:\n"
	    "  a: { servers: http://a, health: { path: healthz } }\n"
	    "  b: { servers: http://a, health: { path: \"/a b\" } }\n"
	    "  c: { servers: http://a, health: { path: \"/a#b\" } }\n"
	    "  d: { servers: http://a, health: { path: /a%2 } }\n"
	    "  e: { servers: http://a, health: { path: \"/a\\r\\nX: y\" } }\n"
	    "  f: { servers: http://a, health: { path: /\xc3\xa9 } }\n"
	    "  g: { servers: http://a, health: { path: \"/a?b={c}\" } }\n"
	    "  h: { servers: http://a, health: { path: } }\n"
	    "routes: [ { upstream: a } ]\n",
	    "proxy.yaml:2:43: \"health.path\": \"healthz\" does not begin with /\n"
	    "proxy.yaml:3:43: \"health.path\": \"/a b\" has a character that no request has; "
	    "write it as %XX\n"
	    "proxy.yaml:4:43: \"health.path\": \"/a#b\" has a # in it; what follows one is "
	    "never sent, so leave it out\n"
	    "proxy.yaml:5:43: \"health.path\": \"/a%2\" has a % without its two digits; % "
	    "itself is written %25\n"
	    "proxy.yaml:6:43: \"health.path\": \"/a\\x0d\\x0aX: y\" has a character that no "
	    "request has; write it as %XX\n"
	    "proxy.yaml:7:43: \"health.path\": \"/\xc3\xa9\" has a character that no request "
	    "has; write it as %XX\n"
	    "proxy.yaml:8:43: \"health.path\": \"/a?b={c}\" has a character that no request "
	    "has; write it as %XX\n"
	    "proxy.yaml:9:43: \"health.path\" must be a path such as /healthz, not empty\n" },

	/* routes */
	{ UP "routes: []\n",
	    "proxy.yaml:2:9: \"routes\" is empty, so no request would be served; leave it out "
	    "to have one route for everything\n" },
	{ UP "routes: { cache: on }\n",
	    "proxy.yaml:2:9: \"routes\" must be a list of mappings, not a mapping\n" },
	{ UP "routes: [ off ]\n",
	    "proxy.yaml:2:11: a route is a mapping such as { match: { path: /api/ }, ttl: 10s "
	    "}\n" },
	{ "routes: [ { upstream: ap } ]\nupstreams: { app: { servers: http://a } }\n",
	    "proxy.yaml:1:23: no upstream is called \"ap\"; did you mean \"app\"?\n" },
	{ "routes: [ { upstream: zzzz } ]\nupstreams: { app: { servers: http://a } }\n",
	    "proxy.yaml:1:23: no upstream is called \"zzzz\"; there is \"app\"\n" },
	{ "upstreams: { a: { servers: http://a }, b: { servers: http://b } }\n",
	    "proxy.yaml:1:1: which upstream is meant is not clear: there are several and none "
	    "is called \"default\"; add to the route upstream: a\n" },
	{ UP "routes: [ { match: { path: api } } ]\n",
	    "proxy.yaml:2:28: \"match.path\": \"api\" does not begin with /\n" },
	{ UP "routes: [ { match: { path: /a* } } ]\n",
	    "proxy.yaml:2:28: \"match.path\": \"/a*\" is a pattern; a path matches all that "
	    "begins with it, so leave out the *\n" },
	{ UP "routes: [ { match: { path: /a?b } } ]\n",
	    "proxy.yaml:2:28: \"match.path\": \"/a?b\" has a query in it; only the path is "
	    "matched\n" },
	{ UP "routes: [ { match: { path: /a%2 } } ]\n",
	    "proxy.yaml:2:28: \"match.path\": \"/a%2\" has a % without its two digits; % itself "
	    "is written %25\n" },
	{ UP "routes: [ { match: { host: a:80 } } ]\n",
	    "proxy.yaml:2:28: \"match.host\": \"a:80\" has a port, which plays no part here; "
	    "leave it out\n" },
	{ UP "routes: [ { match: { host: \"*.a\" } } ]\n",
	    "proxy.yaml:2:28: \"match.host\": \"*.a\" is a pattern, which is not available in "
	    "this version; leave it out to match any host\n" },
	{ UP "routes: [ { match: { host: a..b } } ]\n",
	    "proxy.yaml:2:28: \"match.host\": \"a..b\" is not a host name\n" },
	{ UP "routes:\n  - match: { path: /a }\n  - ttl: 1s\n  - match: { path: /abc }\n",
	    "proxy.yaml:5:5: this route can never match: the one on line 3 takes all its "
	    "requests; put this one first\n" },
	{ UP "routes:\n  - match: { host: A.example }\n  - match: { host: a.example, path: / }\n",
	    "proxy.yaml:4:5: this route can never match: the one on line 3 is for the same "
	    "requests; remove one\n" },

	/* the key: its query */
	{ UP "routes: [ { key: off } ]\n",
	    "proxy.yaml:2:18: \"key\" must be a mapping of further keys, not \"off\"\n" },
	{ UP "routes: [ { key: { query: sort, qery: all } } ]\n",
	    "proxy.yaml:2:27: \"key.query\" must be all, none, sorted, { keep: [ names ] } or { "
	    "drop: [ names ] }, not \"sort\"\n"
	    "proxy.yaml:2:33: unknown key \"qery\" in routes[].key; did you mean \"query\"?\n" },
	{ UP "routes: [ { key: { query: } } ]\n",
	    "proxy.yaml:2:27: \"key.query\" must be all, none, sorted, { keep: [ names ] } or { "
	    "drop: [ names ] }, not empty\n" },
	{ UP "routes: [ { key: { query: [ page ] } } ]\n",
	    "proxy.yaml:2:27: \"key.query\" must be all, none, sorted, { keep: [ names ] } or { "
	    "drop: [ names ] }, not a list\n" },
	{ UP "routes: [ { key: { query: {} } } ]\n",
	    "proxy.yaml:2:27: \"key.query\" must be all, none, sorted, { keep: [ names ] } or { "
	    "drop: [ names ] }, not an empty mapping\n" },
	{ UP "routes: [ { key: { query: { dorp: [ a ] } } } ]\n",
	    "proxy.yaml:2:29: unknown key \"dorp\" in routes[].key.query; did you mean "
	    "\"drop\"?\n" },
	{ UP "routes: [ { key: { drop: [ a ] } } ]\n",
	    "proxy.yaml:2:20: unknown key \"drop\" in routes[].key; it belongs in "
	    "routes[].key.query\n" },
	{ UP "routes: [ { key: { query: { keep: [ a ], drop: [ b ] } } } ]\n",
	    "proxy.yaml:2:42: both \"keep\" and \"drop\"; what is not kept is dropped, so remove "
	    "one\n" },
	{ UP "routes: [ { key: { query: { keep: [] } } }, { key: { query: { drop: [] } } } ]\n",
	    "proxy.yaml:2:35: \"key.query.keep\" names nothing; write query: none\n"
	    "proxy.yaml:2:69: \"key.query.drop\" names nothing; write query: all\n" },
	{ UP "routes:\n"
	    "  - key: { query: { keep: [ \"*\" ] } }\n"
	    "  - key: { query: { drop: [ \"*\", a*b, \"**\", \"?q=1\", \"a&b\", \"a b\", \"\", "
	    "\"%4\", \"%zz\", \xc3\xa9 ] } }\n",
	    "proxy.yaml:3:29: \"key.query.keep\": \"*\" is every parameter; write query: all\n"
	    "proxy.yaml:4:29: \"key.query.drop\": \"*\" is every parameter; write query: none\n"
	    "proxy.yaml:4:34: \"key.query.drop\": \"a*b\" has a * that is not at its end; a "
	    "pattern is the beginning of the names and a *, such as utm_*\n"
	    "proxy.yaml:4:39: \"key.query.drop\": \"**\" has a * that is not at its end; a "
	    "pattern is the beginning of the names and a *, such as utm_*\n"
	    "proxy.yaml:4:45: \"key.query.drop\": \"?q=1\" has a value in it; write the name "
	    "alone\n"
	    "proxy.yaml:4:53: \"key.query.drop\": \"a&b\" is not the name of a parameter\n"
	    "proxy.yaml:4:60: \"key.query.drop\": \"a b\" is not the name of a parameter\n"
	    "proxy.yaml:4:67: \"key.query.drop\": \"\" is not the name of a parameter\n"
	    "proxy.yaml:4:71: \"key.query.drop\": \"%4\" has a % without its two digits; % itself "
	    "is written %25\n"
	    "proxy.yaml:4:77: \"key.query.drop\": \"%zz\" has a % without its two digits; % "
	    "itself is written %25\n"
	    "proxy.yaml:4:84: \"key.query.drop\": \"\xc3\xa9\" has a byte that no query has; "
	    "write it as %XX\n" },
	/* one name in two spellings */
	{ UP "routes: [ { key: { query: { drop: [ a%5b, \"a%5B\", b, \"%62\" ] } } } ]\n",
	    "proxy.yaml:2:43: \"key.query.drop\": \"a%5B\" is given twice; remove one\n"
	    "proxy.yaml:2:54: \"key.query.drop\": \"%62\" is given twice; remove one\n" },

	/* the key: fields and cookies */
	{ UP "routes: [ { key: { headers: Accept, cookies: off } } ]\n",
	    "proxy.yaml:2:29: \"key.headers\" must be a list, not \"Accept\"; write [ \"Accept\" "
	    "]\n"
	    "proxy.yaml:2:46: \"key.cookies\" must be a list, not \"off\"; for none write []\n" },
	{ UP "routes: [ { key: { headers: \"a b\", cookies: {} } } ]\n",
	    "proxy.yaml:2:29: \"key.headers\" must be a list of fields, such as [ Accept-Language "
	    "], not \"a b\"\n"
	    "proxy.yaml:2:45: \"key.cookies\" must be a list of cookies, such as [ currency ], "
	    "not an empty mapping\n" },
	{ UP "routes: [ { key: { headers: [ ~, [ a ], { a: b } ] } } ]\n",
	    "proxy.yaml:2:31: \"key.headers\" is a list of names; a member of it cannot be "
	    "empty\n"
	    "proxy.yaml:2:34: \"key.headers\" is a list of names; a member of it cannot be a "
	    "list\n"
	    "proxy.yaml:2:41: \"key.headers\" is a list of names; a member of it cannot be a "
	    "mapping\n" },
	{ UP "routes: [ { key: { headers: [ Accept, X-Plan, accept ] } } ]\n",
	    "proxy.yaml:2:47: \"key.headers\": \"accept\" is given twice; remove one\n" },
	{ UP "routes:\n"
	    "  - key:\n"
	    "      headers:\n"
	    "        - \"Accept:\"\n"
	    "        - X-*\n"
	    "        - a b\n"
	    "        - \"\"\n"
	    "        - HOST\n"
	    "        - Cookie\n"
	    "        - Authorization\n"
	    "        - Cache-Control\n"
	    "        - Range\n"
	    "        - If-None-Match\n"
	    "        - Proxy-Authorization\n"
	    "        - TE\n"
	    "        - X-Forwarded-For\n"
	    "        - Expect\n",
	    "proxy.yaml:5:11: \"key.headers\": \"Accept:\" has a colon in it; write the name "
	    "alone\n"
	    "proxy.yaml:6:11: \"key.headers\": \"X-*\" is a pattern, which is not read here; name "
	    "each field\n"
	    "proxy.yaml:7:11: \"key.headers\": \"a b\" is not the name of a field\n"
	    "proxy.yaml:8:11: \"key.headers\": \"\" is not the name of a field\n"
	    "proxy.yaml:9:11: \"key.headers\": \"HOST\" is in every key anyway; leave it out\n"
	    "proxy.yaml:10:11: \"key.headers\": \"Cookie\" differs from one client to the next; "
	    "name those that matter in cookies\n"
	    "proxy.yaml:11:11: \"key.headers\": \"Authorization\" is a secret, and what the store "
	    "has is for everyone; leave it out\n"
	    "proxy.yaml:12:11: \"key.headers\": \"Cache-Control\" speaks to caches, and tells no "
	    "answers apart; see client_control\n"
	    "proxy.yaml:13:11: \"key.headers\": \"Range\" asks for less than the whole answer, "
	    "and whole ones are stored; leave it out\n"
	    "proxy.yaml:14:11: \"key.headers\": \"If-None-Match\" asks for less than the whole "
	    "answer, and whole ones are stored; leave it out\n"
	    "proxy.yaml:15:11: \"key.headers\": \"Proxy-Authorization\" is about one connection "
	    "and never sent on; leave it out\n"
	    "proxy.yaml:16:11: \"key.headers\": \"TE\" is about one connection and never sent on; "
	    "leave it out\n"
	    "proxy.yaml:17:11: \"key.headers\": \"X-Forwarded-For\" is a client's claim about "
	    "itself, which is not sent on; leave it out\n"
	    "proxy.yaml:18:11: \"key.headers\": \"Expect\" is about a body, and requests with one "
	    "are not shared; leave it out\n" },
	{ UP "routes: [ { key: { cookies: [ a=1, sess*, \"a;b\", a b, \"\", a, A, a ] } } ]\n",
	    "proxy.yaml:2:31: \"key.cookies\": \"a=1\" has a value in it; write the name alone\n"
	    "proxy.yaml:2:36: \"key.cookies\": \"sess*\" is a pattern, which is not read here; "
	    "name each cookie\n"
	    "proxy.yaml:2:43: \"key.cookies\": \"a;b\" is not the name of a cookie\n"
	    "proxy.yaml:2:50: \"key.cookies\": \"a b\" is not the name of a cookie\n"
	    "proxy.yaml:2:55: \"key.cookies\": \"\" is not the name of a cookie\n"
	    "proxy.yaml:2:65: \"key.cookies\": \"a\" is given twice; remove one\n" },

	/* freshness, clients, cookies, tags */
	{ UP "routes: [ { stale_while_revalidate: 30, stale_if_error: never } ]\n",
	    "proxy.yaml:2:37: \"stale_while_revalidate\" must be a duration from 0s to 3650d, or "
	    "off, not \"30\"; durations need their unit: 30s\n"
	    "proxy.yaml:2:57: \"stale_if_error\" must be a duration from 0s to 3650d, or off, not "
	    "\"never\"; durations are one number and a unit: 250ms, 10s, 5m, 2h, 1d\n" },
	{ UP "routes: [ { stale_if_error: on, stale_while_revalidate: 3651d } ]\n",
	    "proxy.yaml:2:29: \"stale_if_error\" must be a duration from 0s to 3650d, or off, not "
	    "\"on\"; durations are one number and a unit: 250ms, 10s, 5m, 2h, 1d\n"
	    "proxy.yaml:2:57: \"stale_while_revalidate\" must be a duration from 0s to 3650d, or "
	    "off, not \"3651d\"\n" },
	{ UP "routes: [ { heuristic: 10%, client_control: obay, set_cookie: keep } ]\n",
	    "proxy.yaml:2:24: \"heuristic\" must be a share from 0 to 1, or off, not \"10%\"; "
	    "shares are written 0.1, with at most six digits after the point\n"
	    "proxy.yaml:2:45: \"client_control\" must be ignore or obey, not \"obay\"\n"
	    "proxy.yaml:2:63: \"set_cookie\" must be private, strip or store, not \"keep\"\n" },
	{ UP "routes: [ { heuristic: 1.000001 } ]\n",
	    "proxy.yaml:2:24: \"heuristic\" must be a share from 0 to 1, or off, not "
	    "\"1.000001\"\n" },
	/* times by status */
	{ UP "routes: [ { ttl: {} }, { ttl: [ 1s ] }, { ttl: }, { ttl: 5 }, { ttl: off } ]\n",
	    "proxy.yaml:2:18: \"ttl\" must be a duration from 0s to 3650d, or a mapping such "
	    "as { 200: 60s, 404: 10s }, not an empty mapping\n"
	    "proxy.yaml:2:31: \"ttl\" must be a duration from 0s to 3650d, or a mapping such "
	    "as { 200: 60s, 404: 10s }, not a list\n"
	    "proxy.yaml:2:48: \"ttl\" must be a duration from 0s to 3650d, or a mapping such "
	    "as { 200: 60s, 404: 10s }, not empty\n"
	    "proxy.yaml:2:58: \"ttl\" must be a duration from 0s to 3650d, or a mapping such "
	    "as { 200: 60s, 404: 10s }, not \"5\"; durations need their unit: 5s\n"
	    "proxy.yaml:2:70: \"ttl\" must be a duration from 0s to 3650d, or a mapping such "
	    "as { 200: 60s, 404: 10s }, not \"off\"; durations are one number and a unit: "
	    "250ms, 10s, 5m, 2h, 1d\n" },
	{ UP "routes: [ { ttl: { 200: 60s, 404: 10, 410: 3651d, 500: off, 301: , 302: {} } } ]\n",
	    "proxy.yaml:2:35: \"ttl.404\" must be a duration from 0s to 3650d, not \"10\"; "
	    "durations need their unit: 10s\n"
	    "proxy.yaml:2:44: \"ttl.410\" must be a duration from 0s to 3650d, not \"3651d\"\n"
	    "proxy.yaml:2:56: \"ttl.500\" must be a duration from 0s to 3650d, not \"off\"; "
	    "durations are one number and a unit: 250ms, 10s, 5m, 2h, 1d\n"
	    "proxy.yaml:2:66: \"ttl.301\" must be a duration from 0s to 3650d, not empty\n"
	    "proxy.yaml:2:73: \"ttl.302\" must be a duration from 0s to 3650d, not an empty "
	    "mapping\n" },
	{ UP "routes:\n"
	    "  - ttl:\n"
	    "      206: 1s\n"
	    "      304: 1s\n"
	    "      199: 1s\n"
	    "      600: 1s\n"
	    "      20: 1s\n"
	    "      0200: 1s\n"
	    "      2xx: 1s\n"
	    "      any: 1s\n"
	    "      \"\": 1s\n"
	    "      200: 1s\n"
	    "      \"200\": 2s\n",
	    "proxy.yaml:4:7: \"ttl\": \"206\" is a part of an answer, and whole ones are "
	    "stored; leave it out\n"
	    "proxy.yaml:5:7: \"ttl\": \"304\" renews what is stored, and has no time of its "
	    "own; leave it out\n"
	    "proxy.yaml:6:7: \"ttl\": \"199\" is not a status of an answer; write one from 200 "
	    "to 599\n"
	    "proxy.yaml:7:7: \"ttl\": \"600\" is not a status of an answer; write one from 200 "
	    "to 599\n"
	    "proxy.yaml:8:7: \"ttl\": \"20\" is not a status of an answer; write one from 200 "
	    "to 599\n"
	    "proxy.yaml:9:7: \"ttl\": \"0200\" is not a status of an answer; write one from "
	    "200 to 599\n"
	    "proxy.yaml:10:7: \"ttl\": \"2xx\" is not a status of an answer; write one from "
	    "200 to 599\n"
	    "proxy.yaml:11:7: \"ttl\": \"any\" is not a status of an answer; write one from "
	    "200 to 599\n"
	    "proxy.yaml:12:7: \"ttl\": \"\" is not a status of an answer; write one from 200 "
	    "to 599\n"
	    "proxy.yaml:14:7: \"200\" is given twice, first on line 13; remove one\n" },

	/* errors, refreshes, expiry, admission */
	{ UP "routes: [ { error_ttl: 1, jitter: 5%, sliding_ttl: 1 } ]\n",
	    "proxy.yaml:2:24: \"error_ttl\" must be a duration from 0s to 1d, or off, not "
	    "\"1\"; durations need their unit: 1s\n"
	    "proxy.yaml:2:35: \"jitter\" must be a share from 0 to 0.5, or off, not \"5%\"; "
	    "shares are written 0.1, with at most six digits after the point\n"
	    "proxy.yaml:2:52: \"sliding_ttl\" must be false or true, not \"1\"\n" },
	{ UP "routes: [ { error_ttl: 25h, jitter: 0.51, sliding_ttl: always } ]\n",
	    "proxy.yaml:2:24: \"error_ttl\" must be a duration from 0s to 1d, or off, not "
	    "\"25h\"\n"
	    "proxy.yaml:2:37: \"jitter\" must be a share from 0 to 0.5, or off, not \"0.51\"\n"
	    "proxy.yaml:2:56: \"sliding_ttl\" must be false or true, not \"always\"\n" },
	{ UP "routes: [ { refresh_ahead: on }, { refresh_ahead: 0.05 }, { refresh_ahead: 10.1 }, "
	    "{ refresh_ahead: 1s } ]\n",
	    "proxy.yaml:2:28: \"refresh_ahead\" must be a weight from 0.1 to 10, auto or off, "
	    "not \"on\"; weights are written 1.5, with at most six digits after the point\n"
	    "proxy.yaml:2:51: \"refresh_ahead\" must be a weight from 0.1 to 10, auto or off, "
	    "not \"0.05\"\n"
	    "proxy.yaml:2:76: \"refresh_ahead\" must be a weight from 0.1 to 10, auto or off, "
	    "not \"10.1\"\n"
	    "proxy.yaml:2:101: \"refresh_ahead\" must be a weight from 0.1 to 10, auto or off, "
	    "not \"1s\"; weights are written 1.5, with at most six digits after the point\n" },
	{ UP "routes: [ { admit: off } ]\n",
	    "proxy.yaml:2:20: \"admit\" must be a mapping of further keys, not \"off\"\n" },
	{ UP "routes: [ { admit: { min_fetch_time: 2h, min_requests: 0, window: 0s, min: 1 } } ]\n",
	    "proxy.yaml:2:38: \"admit.min_fetch_time\" must be a duration from 0s to 1h, not "
	    "\"2h\"\n"
	    "proxy.yaml:2:56: \"admit.min_requests\" must be a whole number from 1 to 1000000, "
	    "not \"0\"\n"
	    "proxy.yaml:2:67: \"admit.window\" must be a duration from 1s to 1d, not \"0s\"\n"
	    "proxy.yaml:2:71: unknown key \"min\" in routes[].admit; it belongs in "
	    "upstreams.NAME.max_connections\n" },
	{ UP "routes: [ { min_requests: 2, window: 1m } ]\n",
	    "proxy.yaml:2:13: unknown key \"min_requests\" in routes[]; it belongs in "
	    "routes[].admit\n"
	    "proxy.yaml:2:30: unknown key \"window\" in routes[]; it belongs in "
	    "routes[].admit\n" },

	{ UP "routes: [ { tags: off }, { tags: xkey } ]\n",
	    "proxy.yaml:2:19: \"tags\" must be a list, not \"off\"; for none write []\n"
	    "proxy.yaml:2:34: \"tags\" must be a list, not \"xkey\"; write [ \"xkey\" ]\n" },
	{ UP "routes: [ { tags: [ Set-Cookie, Connection, Cache-Tag, cache-tag, \"x\\ty\" ] } ]\n",
	    "proxy.yaml:2:21: \"tags\": \"Set-Cookie\" is for one client, and names no tags; "
	    "leave it out\n"
	    "proxy.yaml:2:33: \"tags\": \"Connection\" is about one connection and never sent on; "
	    "leave it out\n"
	    "proxy.yaml:2:56: \"tags\": \"cache-tag\" is given twice; remove one\n"
	    "proxy.yaml:2:67: \"tags\": \"x\\x09y\" is not the name of a field\n" },

	/* known, but not built */
	{ UP "listen:\n  - address: 127.0.0.1:1\n    tls: { certificate: a, key: b }\n",
	    "proxy.yaml:4:5: \"tls\" is not available in this version; leave it out\n" },
	{ UP "admin: { address: 127.0.0.1:1, token_file: x }\n",
	    "proxy.yaml:2:32: \"token_file\" is not available in this version; leave it out, or "
	    "write off\n" },
	{ UP "user: www-data\ntrusted: [ 10.0.0.0/8 ]\n",
	    "proxy.yaml:2:1: \"user\" is not available in this version; leave it out, or write "
	    "off\n"
	    "proxy.yaml:3:1: \"trusted\" is not available in this version; leave it out, or "
	    "write []\n" },
	{ "upstreams: { a: { servers: http://a, tls: { verify: false } } }\n",
	    "proxy.yaml:1:38: \"tls\" is not available in this version; leave it out\n" },
	{ UP "routes: [ { override_ttl: 1h, match: { methods: [ GET ] } } ]\n",
	    "proxy.yaml:2:13: \"override_ttl\" is not available in this version; leave it "
	    "out, or write off\n"
	    "proxy.yaml:2:40: \"methods\" is not available in this version; leave it out\n" },
	{ UP "routes: [ { cache: { x: y } } ]\n",
	    "proxy.yaml:2:20: a mapping for \"cache\" is not available in this version; write "
	    "off or on\n" },
	{ UP "routes: [ { match: { regex: ^/a } } ]\n",
	    "proxy.yaml:2:22: \"regex\" is not available in this version; leave it out\n" },

	/* what of YAML is not read, and what is no YAML */
	{ UP "workers: &a 1\n",
	    "proxy.yaml:2:10: anchors (&name) are not read here; write the value out\n" },
	{ UP "workers: *a\n",
	    "proxy.yaml:2:10: aliases (*name) are not read here; write the value out, or quote "
	    "it if it is a *\n" },
	{ UP "workers: !!int 1\n",
	    "proxy.yaml:2:10: tags (!type) are not read here; leave it out\n" },
	{ UP "log: { <<: { level: info } }\n",
	    "proxy.yaml:2:8: merge keys are not read here; write the keys out\n" },
	{ UP "? [ a ]\n: b\n",
	    "proxy.yaml:2:3: a key must be a word; one that begins with a bracket or brace "
	    "needs quotes\n" },
	{ UP "user: \"a\\0b\"\n",
	    "proxy.yaml:2:7: a value cannot hold a NUL byte\n" },
	{ UP "---\nlisten: 127.0.0.1:1\n",
	    "proxy.yaml:2:1: a second document; the file is one, remove the ---\n" },
	{ "just words\n",
	    "proxy.yaml:1:1: the file must be keys with their values, such as upstream: "
	    "http://127.0.0.1:3000\n" },
	{ "- a\n",
	    "proxy.yaml:1:1: the file must be keys with their values, such as upstream: "
	    "http://127.0.0.1:3000\n" },
	{ "cache:\n\tmemory: 1GiB\n",
	    "proxy.yaml:2:1: not YAML: while scanning for the next token, found character that "
	    "cannot start any token; indent with spaces, not with tabs\n" },
	{ UP "listen: [::1]:80\n",
	    "proxy.yaml:2:10: not YAML: while parsing a flow node, did not find expected node "
	    "content; an IPv6 address needs quotes: \"[::1]:8080\"\n" },
	{ UP "log: { level: info\n",
	    "proxy.yaml:3:1: not YAML: while parsing a flow mapping, did not find expected ',' "
	    "or '}'; check the indentation, brackets and quotes here and on the line before\n" },
	{ UP "user: \xff\n",
	    "proxy.yaml:2:7: not YAML: invalid leading UTF-8 octet; the file must be UTF-8 "
	    "text\n" },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
	    "proxy.yaml:1:17: nested too deep; at most 16 levels\n" },

	/* the environment */
	{ "upstream: http://${CORRAL_TEST_UNSET}\n",
	    "proxy.yaml:1:11: \"http://${CORRAL_TEST_UNSET}\" names a variable that is not set "
	    "in the environment; set it, or write ${NAME:-default}\n" },
	{ "upstream: http://${}\n",
	    "proxy.yaml:1:11: \"http://${}\" has a ${...} that is not ${NAME} or "
	    "${NAME:-default}; $${ stands for ${\n" },
	{ "upstream: http://${A\n",
	    "proxy.yaml:1:11: \"http://${A\" has a ${ without its }; $${ stands for ${\n" },
	{ UP "workers: ${CORRAL_TEST_PORT}\n",
	    "proxy.yaml:2:10: \"workers\" must be a whole number from 1 to 256, or auto, not "
	    "\"3000\"\n" },
};

START_TEST(faulty_files)
{
	expect_faults(faulty[_i].yaml, faulty[_i].faults);
}
END_TEST

START_TEST(all_faults_in_the_order_of_the_file)
{
	expect_faults(
	    "routes:\n"
	    "  - upstream: ap\n"
	    "    ttl: 5\n"
	    "lisen: 127.0.0.1:1\n"
	    "upstreams:\n"
	    "  app:\n"
	    "    servers: [ https://a ]\n"
	    "limits: { uri: 1MiB, urt: 5 }\n",
	    "proxy.yaml:2:15: no upstream is called \"ap\"; did you mean \"app\"?\n"
	    "proxy.yaml:3:10: \"ttl\" must be a duration from 0s to 3650d, or a mapping such as { "
	    "200: 60s, 404: 10s }, not \"5\"; durations need their unit: 5s\n"
	    "proxy.yaml:4:1: unknown key \"lisen\"; did you mean \"listen\"?\n"
	    "proxy.yaml:7:16: \"https://a\" speaks TLS, which is not available in this version; "
	    "use http://\n"
	    "proxy.yaml:8:22: unknown key \"urt\" in limits; did you mean \"uri\"?\n");
}
END_TEST

START_TEST(faults_are_bounded)
{
	struct conf_options opt = { .file = FILE_NAME };
	struct buf yaml = { 0 };
	char *faults;

	for (int i = 0; i < 300; i++)
		buf_addf(&yaml, "k%d: 1\n", i);
	write_file(yaml.p, yaml.n);
	faults = load(&opt, NULL);
	ck_assert_ptr_nonnull(strstr(faults, "\nproxy.yaml: 101 more faults are not listed\n"));
	free(faults);

	/* One member too many ends the reading, before anything gets quadratic in them. */
	yaml.n = 0;
	for (unsigned i = 0; i <= CONF_ENTRIES_MAX; i++)
		buf_addf(&yaml, "k%u: 1\n", i);
	write_file(yaml.p, yaml.n);
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, "proxy.yaml:4097:8: too many members; at most 4096\n");
	free(faults);
	buf_fini(&yaml);
}
END_TEST

START_TEST(lists_of_names_are_bounded)
{
	struct buf yaml = { 0 };
	struct conf *c;

	buf_add_str(&yaml, UP "routes: [ { tags: [ t0");
	for (unsigned i = 1; i < CONF_NAMES_MAX; i++)
		buf_addf(&yaml, ", t%u", i);
	buf_add_str(&yaml, " ] } ]\n");
	c = load_good(buf_str(&yaml));
	ck_assert_uint_eq(c->routes[0].tags.n, CONF_NAMES_MAX);
	ck_assert_str_eq(c->routes[0].tags.v[CONF_NAMES_MAX - 1], "t31");
	conf_unref(c);

	yaml.n -= strlen(" ] } ]\n");
	buf_add_str(&yaml, ",\n one, two ] } ]\n");
	expect_faults(buf_str(&yaml), "proxy.yaml:3:2: \"tags\" has too many names; at most 32\n");
	buf_fini(&yaml);
}
END_TEST

START_TEST(servers_are_bounded)
{
	struct buf yaml = { 0 };
	struct conf *c;

	buf_add_str(&yaml, "upstreams: { a: { servers: [ http://a:1");
	for (unsigned i = 2; i <= CONF_SERVERS_MAX; i++)
		buf_addf(&yaml, ", http://a:%u", i);
	buf_add_str(&yaml, " ] } }\n");
	c = load_good(buf_str(&yaml));
	ck_assert_uint_eq(c->upstreams[0].nservers, 64);
	ck_assert_uint_eq(c->upstreams[0].servers[63].port, 64);
	conf_unref(c);

	yaml.n -= strlen(" ] } }\n");
	buf_add_str(&yaml, ",\n http://b, http://b ] } }\n");
	expect_faults(buf_str(&yaml),
	    "proxy.yaml:2:2: upstreams.a has too many servers; at most 64\n");
	buf_fini(&yaml);
}
END_TEST

/* As many as there can be: 200 to 599, but for two. */
START_TEST(every_status_has_its_time)
{
	struct buf yaml = { 0 };
	struct conf *c;

	buf_add_str(&yaml, UP "routes: [ { ttl: { 599: 599s");
	for (int status = 598; status >= 200; status--)
		if (status != 206 && status != 304)
			buf_addf(&yaml, ",\n%d: %ds", status, status);
	buf_add_str(&yaml, " } } ]\n");
	c = load_good(buf_str(&yaml));
	ck_assert_uint_eq(c->routes[0].ttl.n, 398);
	for (unsigned i = 0; i < 398; i++) {
		const struct conf_status_ttl *by = &c->routes[0].ttl.by[i];

		ck_assert_int_eq(by->ttl, by->status * USEC_PER_SEC);
		ck_assert(i == 0 || by[-1].status < by->status);
	}
	conf_unref(c);
	buf_fini(&yaml);
}
END_TEST

START_TEST(files_that_are_none)
{
	static char large[CONF_FILE_MAX + 1];
	struct conf_options opt = { .file = FILE_NAME };
	char *faults;

	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, "proxy.yaml: cannot be opened: No such file or directory\n");
	free(faults);
	opt.file = ".";
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, ".: cannot be read: Is a directory\n");
	free(faults);
	opt.file = FILE_NAME;
	write_file("listen: 1\0", 10);
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults,
	    "proxy.yaml: is not text: it has a NUL byte; is it the right file?\n");
	free(faults);
	memset(large, '#', sizeof large);
	write_file(large, sizeof large);
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, "proxy.yaml: is larger than 1MiB; is it the right file?\n");
	free(faults);
	write_file(large, sizeof large - 1);
	opt.upstream = "http://a";
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, "");
	free(faults);
}
END_TEST

/* ---- what good files mean ---- */

static void
expect_port(const struct conf_addr *a, int family, unsigned port)
{
	ck_assert_int_eq(a->sa.ss_family, family);
	if (family == AF_INET) {
		ck_assert_uint_eq(a->len, sizeof(struct sockaddr_in));
		ck_assert_uint_eq(ntohs(((const struct sockaddr_in *)&a->sa)->sin_port), port);
	} else {
		ck_assert_uint_eq(a->len, sizeof(struct sockaddr_in6));
		ck_assert_uint_eq(ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port), port);
	}
}

/* The names, with a bar between them. */
static void
expect_names(const struct conf_strings *names, const char *expected)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < names->n; i++)
		buf_addf(&b, "%s%s", i == 0 ? "" : "|", names->v[i]);
	ck_assert_str_eq(buf_str(&b), expected);
	buf_fini(&b);
}

/* The one time, or those by status. */
static void
expect_ttl(const struct conf_ttl *ttl, const char *expected)
{
	struct buf b = { 0 };

	if (ttl->n == 0)
		conf_time_print(&b, ttl->any);
	else
		ck_assert_int_eq(ttl->any, 0);
	for (unsigned i = 0; i < ttl->n; i++) {
		buf_addf(&b, "%s%d ", i == 0 ? "" : "|", ttl->by[i].status);
		conf_time_print(&b, ttl->by[i].ttl);
	}
	ck_assert_str_eq(buf_str(&b), expected);
	buf_fini(&b);
}

/* PRODUCT section 2, "values shown are the defaults". */
static void
expect_route_defaults(const struct conf_route *r)
{
	ck_assert_int_eq(r->key.query, QUERY_ALL);
	expect_names(&r->key.query_names, "");
	expect_names(&r->key.headers, "");
	expect_names(&r->key.cookies, "");
	expect_ttl(&r->ttl, "0s");
	ck_assert_int_eq(r->stale_while_revalidate, 0);
	ck_assert_int_eq(r->stale_if_error, 3600 * USEC_PER_SEC);
	ck_assert_int_eq(r->error_ttl, USEC_PER_SEC);
	ck_assert_double_eq(r->heuristic, 0.1);
	ck_assert_double_eq(r->refresh_ahead, 1);
	ck_assert_double_eq(r->jitter, 0.05);
	ck_assert_int_eq(r->admit.min_fetch_time, 0);
	ck_assert_uint_eq(r->admit.min_requests, 1);
	ck_assert_int_eq(r->admit.window, 30 * USEC_PER_SEC);
	ck_assert(!r->sliding_ttl);
	ck_assert(!r->client_control);
	ck_assert_int_eq(r->set_cookie, SET_COOKIE_PRIVATE);
	expect_names(&r->tags, "Surrogate-Key|Cache-Tag|Cache-Groups");
}

static void
expect_guard_defaults(const struct conf_upstream *up)
{
	ck_assert_int_eq(up->balance, BALANCE_LEAST_CONNECTIONS);
	ck_assert_uint_eq(up->min_connections, 1);
	ck_assert_uint_eq(up->most_connections, 256);
	ck_assert_double_eq(up->retry_budget, 0.1);
	ck_assert(!up->hedge);
	ck_assert_uint_eq(up->breaker.failures, 5);
	ck_assert_double_eq(up->breaker.error_rate, 0.5);
	ck_assert_int_eq(up->breaker.pause, 5 * USEC_PER_SEC);
	ck_assert_ptr_null(up->health.path);
}

START_TEST(defaults)
{
	struct conf *c = load_good(UP);
	const struct conf_upstream *up = &c->upstreams[0];
	const struct conf_route *r = &c->routes[0];

	ck_assert_uint_eq(c->nlisten, 1);
	ck_assert_str_eq(c->listen[0].text, "127.0.0.1:8080");
	expect_port(&c->listen[0], AF_INET, 8080);
	ck_assert_str_eq(c->admin.text, "127.0.0.1:9080");
	expect_port(&c->admin, AF_INET, 9080);
	ck_assert_uint_ge(c->workers, 1);
	ck_assert_uint_le(c->workers, 256);
	ck_assert_uint_eq(c->cache_memory, 256u << 20);
	ck_assert_uint_eq(c->cache_max_object, 16u << 20);
	ck_assert_uint_eq(c->nupstreams, 1);
	ck_assert_str_eq(up->name, "default");
	ck_assert_uint_eq(up->line, 1);
	ck_assert_uint_eq(up->nservers, 1);
	ck_assert_str_eq(up->servers[0].authority, "127.0.0.1:3000");
	ck_assert_uint_eq(up->servers[0].weight, 1);
	ck_assert(!up->servers[0].backup);
	expect_guard_defaults(up);
	ck_assert_uint_eq(up->max_connections, 64);
	ck_assert_uint_eq(up->queue_length, 1024);
	ck_assert_int_eq(up->queue_timeout, 30 * USEC_PER_SEC);
	ck_assert_int_eq(up->connect_timeout, 2 * USEC_PER_SEC);
	ck_assert_int_eq(up->first_byte_timeout, 60 * USEC_PER_SEC);
	ck_assert_int_eq(up->idle_timeout, 15 * USEC_PER_SEC);
	ck_assert_int_eq(up->total_timeout, USEC_NEVER);
	ck_assert_uint_eq(up->keepalive_connections, 64);
	ck_assert_int_eq(up->keepalive_idle, 30 * USEC_PER_SEC);
	ck_assert_uint_eq(up->retries, 1);
	ck_assert_uint_eq(c->nroutes, 1);
	ck_assert_ptr_null(r->host);
	ck_assert_ptr_null(r->path);
	ck_assert_uint_eq(r->upstream, 0);
	ck_assert(r->cache);
	expect_route_defaults(r);
	ck_assert_int_eq(r->coalesce, COALESCE_SHAREABLE);
	ck_assert_uint_eq(r->park_limit, 100000);
	ck_assert_int_eq(r->park_timeout, 60 * USEC_PER_SEC);
	ck_assert_uint_eq(c->limits.connections, 100000);
	ck_assert_uint_eq(c->limits.header_bytes, 32u << 10);
	ck_assert_uint_eq(c->limits.header_fields, 100);
	ck_assert_uint_eq(c->limits.body, 64u << 20);
	ck_assert_uint_eq(c->limits.uri, 16u << 10);
	ck_assert_int_eq(c->limits.header_timeout, 10 * USEC_PER_SEC);
	ck_assert_int_eq(c->limits.idle_timeout, 60 * USEC_PER_SEC);
	ck_assert_int_eq(c->limits.send_timeout, 60 * USEC_PER_SEC);
	ck_assert_int_eq(c->limits.drain, 30 * USEC_PER_SEC);
	ck_assert_int_eq(c->log_level, LOG_INFO);
	ck_assert(!c->log_json);
	ck_assert_str_eq(c->file, FILE_NAME);
	conf_unref(c);
}
END_TEST

static const char everything[] =
    "routes:\n"
    "  - match: { host: Www.Example.COM, path: /a/ }\n"
    "    upstream: b\n"
    "    cache: off\n"
    "  - match: { host: \"[::1]\" }\n"
    "    upstream: a\n"
    "    ttl: 90s\n"
    "    error_ttl: off\n"
    "    refresh_ahead: 2.5\n"
    "    jitter: off\n"
    "    admit: { min_fetch_time: 1500ms, min_requests: 3, window: 2m }\n"
    "    sliding_ttl: true\n"
    "    coalesce: always\n"
    "    park: { limit: 5, timeout: 250ms }\n"
    "    key: { query: { drop: [ utm_*, fbclid, \"a[]\", a%5b%7e, '$${x' ] },\n"
    "      headers: [ Accept-Language, X-PLAN ], cookies: [ Currency, \"b[0]\" ] }\n"
    "    stale_while_revalidate: 90s\n"
    "    stale_if_error: off\n"
    "    heuristic: 0.25\n"
    "    client_control: obey\n"
    "    set_cookie: strip\n"
    "    tags: [ xkey, Cache-Tag ]\n"
    "  - match: { path: '/$${x}\"\\' }\n"
    "    upstream: a\n"
    "    ttl: { 404: 10s, \"200\": 60s, 599: 0s, 301: 1d }\n"
    "    error_ttl: 1d\n"
    "    refresh_ahead: off\n"
    "    jitter: 0.5\n"
    "    admit: { min_requests: 1000000 }\n"
    "    sliding_ttl: no\n"
    "    key: { query: { keep: [ page, p%41, \"%c3%a9%2a\" ] }, headers: [] }\n"
    "    stale_while_revalidate: 0s\n"
    "    stale_if_error: 3650d\n"
    "    heuristic: off\n"
    "    client_control: ignore\n"
    "    set_cookie: store\n"
    "    tags: []\n"
    "  - match: { path: / }\n"
    "    upstream: a\n"
    "listen:\n"
    "  - 127.0.0.1:0\n"
    "  - 127.0.0.1:0\n"
    "  - \"[::1]:8080\"\n"
    "  - { address: 0.0.0.0:81 }\n"
    "admin: off\n"
    "workers: 3\n"
    "cache: { memory: 2GiB, max_object: 1536KiB }\n"
    "upstreams:\n"
    "  a:\n"
    "    servers: [ { url: \"HTTP://[::1]:${CORRAL_TEST_PORT}/\" } ]\n"
    "    max_connections: 7\n"
    "    queue: { length: 0, timeout: 1m }\n"
    "    timeouts: { connect: 1500ms, first_byte: 2m, idle: 1h, total: 1d }\n"
    "    keepalive: { connections: 0, idle: 1s }\n"
    "    retries: 0\n"
    "    retry_budget: 0.25\n"
    "    hedge: on\n"
    "    breaker: { failures: off, pause: 1ms }\n"
    "    health: { path: \"/up?who=proxy&x=%2F\", interval: 100ms, timeout: 1h, fall: 1, "
    "rise: 1000 }\n"
    "  b:\n"
    "    servers:\n"
    "      - http://App.example\n"
    "      - { url: http://app.example:81, weight: 1000 }\n"
    "      - url: \"http://[::2]\"\n"
    "        weight: 7\n"
    "        backup: yes\n"
    "    balance: hash\n"
    "    max_connections: { min: 2, most: 512 }\n"
    "    retry_budget: off\n"
    "    breaker: off\n"
    "    health: off\n"
    "  c:\n"
    "    servers: { url: http://c }\n"
    "    balance: round_robin\n"
    "    max_connections: auto\n"
    "    breaker: { error_rate: off }\n"
    "    health: { path: / }\n"
    "limits: { connections: 1, header_bytes: 1KiB, header_fields: 8, body: 0B, uri: 64B,\n"
    "  header_timeout: 1ms, idle_timeout: 2ms, send_timeout: 3ms, drain: 0s }\n"
    "log: { level: debug, format: json, access: off }\n";

/* Routes that say nothing of it have the defaults, whatever those before them say. */
static void
expect_everything_kept(const struct conf_route *r)
{
	expect_route_defaults(&r[0]);
	ck_assert_int_eq(r[1].key.query, QUERY_DROP);
	expect_names(&r[1].key.query_names, "utm_*|fbclid|a[]|a[~|${x");
	expect_names(&r[1].key.headers, "accept-language|x-plan");
	expect_names(&r[1].key.cookies, "Currency|b[0]");
	ck_assert_int_eq(r[1].stale_while_revalidate, 90 * USEC_PER_SEC);
	ck_assert_int_eq(r[1].stale_if_error, 0);
	ck_assert_double_eq(r[1].heuristic, 0.25);
	expect_ttl(&r[1].ttl, "90s");
	ck_assert_int_eq(r[1].error_ttl, 0);
	ck_assert_double_eq(r[1].refresh_ahead, 2.5);
	ck_assert_double_eq(r[1].jitter, 0);
	ck_assert_int_eq(r[1].admit.min_fetch_time, 1500 * USEC_PER_MSEC);
	ck_assert_uint_eq(r[1].admit.min_requests, 3);
	ck_assert_int_eq(r[1].admit.window, 120 * USEC_PER_SEC);
	ck_assert(r[1].sliding_ttl);
	ck_assert(r[1].client_control);
	ck_assert_int_eq(r[1].set_cookie, SET_COOKIE_STRIP);
	expect_names(&r[1].tags, "xkey|Cache-Tag");
	ck_assert_int_eq(r[2].key.query, QUERY_KEEP);
	expect_names(&r[2].key.query_names, "page|pA|%C3%A9%2A");
	expect_names(&r[2].key.headers, "");
	ck_assert_int_eq(r[2].stale_while_revalidate, 0);
	ck_assert_int_eq(r[2].stale_if_error, 3650 * 86400 * USEC_PER_SEC);
	ck_assert_double_eq(r[2].heuristic, 0);
	expect_ttl(&r[2].ttl, "200 60s|301 1d|404 10s|599 0s");
	ck_assert_int_eq(r[2].error_ttl, 86400 * USEC_PER_SEC);
	ck_assert_double_eq(r[2].refresh_ahead, 0);
	ck_assert_double_eq(r[2].jitter, 0.5);
	ck_assert_int_eq(r[2].admit.min_fetch_time, 0);
	ck_assert_uint_eq(r[2].admit.min_requests, 1000000);
	ck_assert_int_eq(r[2].admit.window, 30 * USEC_PER_SEC);
	ck_assert(!r[2].sliding_ttl);
	ck_assert(!r[2].client_control);
	ck_assert_int_eq(r[2].set_cookie, SET_COOKIE_STORE);
	expect_names(&r[2].tags, "");
	expect_route_defaults(&r[3]);
}

/* As http/key.h writes the path of a request, or no route would be found. */
START_TEST(path_spelling)
{
	struct conf *c = load_good(UP "routes: [ { match: { path: /caf%c3%a9/%7Ex%2f%41+ } } ]\n");

	ck_assert_str_eq(c->routes[0].path, "/caf%C3%A9/~x%2FA+");
	conf_unref(c);
}
END_TEST

static void
expect_server(const struct conf_server *s, const char *authority, unsigned port, unsigned weight,
    bool backup)
{
	ck_assert_str_eq(s->authority, authority);
	ck_assert_uint_eq(s->port, port);
	ck_assert_uint_eq(s->weight, weight);
	ck_assert_int_eq(s->backup, backup);
}

/* What protects the three upstreams of `everything`. */
static void
expect_everything_guarded(const struct conf_upstream *up)
{
	ck_assert_int_eq(up[0].balance, BALANCE_LEAST_CONNECTIONS);
	ck_assert_uint_eq(up[0].max_connections, 7);
	ck_assert_double_eq(up[0].retry_budget, 0.25);
	ck_assert(up[0].hedge);
	ck_assert_uint_eq(up[0].breaker.failures, 0);
	ck_assert_double_eq(up[0].breaker.error_rate, 0.5);
	ck_assert_int_eq(up[0].breaker.pause, USEC_PER_MSEC);
	ck_assert_str_eq(up[0].health.path, "/up?who=proxy&x=%2F");
	ck_assert_int_eq(up[0].health.interval, 100 * USEC_PER_MSEC);
	ck_assert_int_eq(up[0].health.timeout, 3600 * USEC_PER_SEC);
	ck_assert_uint_eq(up[0].health.fall, 1);
	ck_assert_uint_eq(up[0].health.rise, 1000);
	ck_assert_int_eq(up[1].balance, BALANCE_HASH);
	ck_assert_uint_eq(up[1].max_connections, 0);
	ck_assert_uint_eq(up[1].min_connections, 2);
	ck_assert_uint_eq(up[1].most_connections, 512);
	ck_assert_double_eq(up[1].retry_budget, 0);
	ck_assert_uint_eq(up[1].breaker.failures, 0);
	ck_assert_double_eq(up[1].breaker.error_rate, 0);
	ck_assert_ptr_null(up[1].health.path);
	ck_assert_int_eq(up[2].balance, BALANCE_ROUND_ROBIN);
	ck_assert_uint_eq(up[2].max_connections, 0);
	ck_assert_uint_eq(up[2].min_connections, 1);
	ck_assert_uint_eq(up[2].most_connections, 256);
	ck_assert_uint_eq(up[2].breaker.failures, 5);
	ck_assert_double_eq(up[2].breaker.error_rate, 0);
	ck_assert_int_eq(up[2].breaker.pause, 5 * USEC_PER_SEC);
	ck_assert_str_eq(up[2].health.path, "/");
	ck_assert_int_eq(up[2].health.interval, 5 * USEC_PER_SEC);
	ck_assert_int_eq(up[2].health.timeout, 2 * USEC_PER_SEC);
	ck_assert_uint_eq(up[2].health.fall, 3);
	ck_assert_uint_eq(up[2].health.rise, 2);
}

START_TEST(every_key)
{
	struct conf *c = load_good(everything);
	const struct conf_upstream *a = &c->upstreams[0], *b = &c->upstreams[1];
	const struct conf_route *r = c->routes;

	ck_assert_uint_eq(c->nlisten, 4);
	expect_port(&c->listen[0], AF_INET, 0);
	expect_port(&c->listen[2], AF_INET6, 8080);
	expect_port(&c->listen[3], AF_INET, 81);
	ck_assert_uint_eq(c->listen[3].line, 44);
	ck_assert_uint_eq(c->admin.len, 0);
	ck_assert_uint_eq(c->workers, 3);
	ck_assert_uint_eq(c->cache_memory, (size_t)2 << 30);
	ck_assert_uint_eq(c->cache_max_object, 1536u << 10);
	ck_assert_uint_eq(c->nupstreams, 3);
	ck_assert_str_eq(a->name, "a");
	ck_assert_uint_eq(a->nservers, 1);
	ck_assert_str_eq(a->servers[0].url, "HTTP://[::1]:3000/");
	ck_assert_str_eq(a->servers[0].host, "::1");
	expect_server(&a->servers[0], "[::1]:3000", 3000, 1, false);
	ck_assert_uint_eq(a->queue_length, 0);
	ck_assert_int_eq(a->queue_timeout, 60 * USEC_PER_SEC);
	ck_assert_int_eq(a->connect_timeout, 1500 * USEC_PER_MSEC);
	ck_assert_int_eq(a->first_byte_timeout, 120 * USEC_PER_SEC);
	ck_assert_int_eq(a->idle_timeout, 3600 * USEC_PER_SEC);
	ck_assert_int_eq(a->total_timeout, 86400 * USEC_PER_SEC);
	ck_assert_uint_eq(a->keepalive_connections, 0);
	ck_assert_int_eq(a->keepalive_idle, USEC_PER_SEC);
	ck_assert_uint_eq(a->retries, 0);
	ck_assert_uint_eq(b->nservers, 3);
	expect_server(&b->servers[0], "app.example", 80, 1, false);
	expect_server(&b->servers[1], "app.example:81", 81, 1000, false);
	expect_server(&b->servers[2], "[::2]", 80, 7, true);
	expect_everything_guarded(c->upstreams);
	ck_assert_uint_eq(c->nroutes, 4);
	ck_assert_str_eq(r[0].host, "www.example.com");
	ck_assert_str_eq(r[0].path, "/a/");
	ck_assert_uint_eq(r[0].upstream, 1);
	ck_assert_uint_eq(r[0].line, 2);
	ck_assert(!r[0].cache);
	ck_assert_str_eq(r[1].host, "[::1]");
	ck_assert_ptr_null(r[1].path);
	ck_assert_int_eq(r[1].coalesce, COALESCE_ALWAYS);
	ck_assert_uint_eq(r[1].park_limit, 5);
	ck_assert_int_eq(r[1].park_timeout, 250 * USEC_PER_MSEC);
	ck_assert_str_eq(r[2].path, "/${x}\"\\");
	ck_assert_ptr_null(r[3].path);
	expect_everything_kept(r);
	ck_assert_uint_eq(c->limits.connections, 1);
	ck_assert_uint_eq(c->limits.header_bytes, 1024);
	ck_assert_uint_eq(c->limits.header_fields, 8);
	ck_assert_uint_eq(c->limits.body, 0);
	ck_assert_uint_eq(c->limits.uri, 64);
	ck_assert_int_eq(c->limits.header_timeout, 1 * USEC_PER_MSEC);
	ck_assert_int_eq(c->limits.idle_timeout, 2 * USEC_PER_MSEC);
	ck_assert_int_eq(c->limits.send_timeout, 3 * USEC_PER_MSEC);
	ck_assert_int_eq(c->limits.drain, 0);
	ck_assert_int_eq(c->log_level, LOG_DEBUG);
	ck_assert(c->log_json);
	conf_unref(c);
}
END_TEST

/* Files that say what this version does anyway, and other ways of writing. */
static const char *const good[] = {
	UP "user: off\ntrusted: []\ncache: { policy: lru, path: off }\n",
	UP "user: false\nadmin: no\n",
	"upstreams: { a: { servers: [ { url: http://a, weight: 1, backup: false } ], hedge: off, "
	    "health: off, balance: least_connections } }\n",
	UP "routes: [ { key: { query: all, headers: [], cookies: [] }, override_ttl: off, "
	    "stale_while_revalidate: off, client_control: ignore, purge: [], upgrade: off, "
	    "sliding_ttl: false, set_cookie: private, "
	    "admit: { min_fetch_time: 0ms, min_requests: 1, window: 30s } } ]\n",
	"upstreams: { a: { servers: http://a, breaker: {}, retry_budget: 0, "
	    "max_connections: { most: 1 } } }\n",
	"upstreams: { a: { servers: http://a, breaker: , hedge: false, "
	    "max_connections: { min: 256 } } }\n",
	UP "routes: [ { match: { path: /a }, error_ttl: 0s, jitter: 0, refresh_ahead: false, "
	    "sliding_ttl: off, admit: {} }, "
	    "{ error_ttl: no, refresh_ahead: 1.0, sliding_ttl: on, ttl: { 503: 1s } } ]\n",
	UP "routes: [ { stale_if_error: no, heuristic: 1, tags: [ X-Tags ], key: ~ } ]\n",
	UP "routes: [ { key: { query: { keep: [ \"${CORRAL_TEST_UNSET:-page}\" ] } } } ]\n",
	UP "limits:\n  # drain: 1s\nlog: ~\ncache: null\n",
	UP "workers: \"2\"\n'log': { \"level\": 'warn' }\n",
	UP "routes: [ { cache: yes }, ]\n",
	"%YAML 1.1\n---\n" UP "...\n",
	"\xef\xbb\xbf" UP,
	"upstream: http://127.0.0.1:3000\r\nworkers: 2\r\n",
	"upstream: ${CORRAL_TEST_UNSET:-http://a}\n",
	"upstream: ${CORRAL_TEST_EMPTY:-http://a}\n",
	UP "workers: ${CORRAL_TEST_EMPTY:-2}\n",
	"upstreams: { b: { servers: http://b }, default: { servers: http://a } }\n",
	UP "routes: [ { match: { path: /abc } }, { match: { path: /ab } }, { match: { path: /a, "
	    "host: a } }, {} ]\n",
};

START_TEST(good_files)
{
	conf_unref(load_good(good[_i]));
}
END_TEST

START_TEST(max_object_yields_to_memory)
{
	struct conf *c = load_good(UP "cache: { memory: 8MiB }\n");

	ck_assert_uint_eq(c->cache_max_object, 8u << 20);
	conf_unref(c);
}
END_TEST

START_TEST(default_upstream_of_several)
{
	struct conf *c = load_good("routes: [ {} ]\n"
	    "upstreams: { b: { servers: http://b }, default: { servers: http://a } }\n");

	ck_assert_uint_eq(c->routes[0].upstream, 1);
	conf_unref(c);
}
END_TEST

/* ---- options ---- */

START_TEST(options_alone)
{
	struct conf_options opt = { .upstream = "http://127.0.0.1:3000", .listen = "127.0.0.1:0",
	    .admin = "off" };
	struct conf *c;
	char *faults = load(&opt, &c);

	ck_assert_str_eq(faults, "");
	free(faults);
	ck_assert_ptr_null(c->file);
	expect_port(&c->listen[0], AF_INET, 0);
	ck_assert_uint_eq(c->admin.len, 0);
	ck_assert_str_eq(c->upstreams[0].servers[0].authority, "127.0.0.1:3000");
	ck_assert_uint_eq(c->upstreams[0].line, 0);
	ck_assert_uint_eq(c->nroutes, 1);
	conf_unref(c);
}
END_TEST

START_TEST(options_over_a_file)
{
	struct conf_options opt = { .file = FILE_NAME, .upstream = "http://c:1",
	    .admin = "127.0.0.1:1" };
	struct conf *c;
	char *faults;

	write_file(everything, strlen(everything));
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, "--upstream: the file has several upstreams and none is called "
	    "\"default\", so which one is meant is not clear; edit the file\n");
	free(faults);
	c = load_good("upstreams: { a: { servers: [ http://a, http://b ], retries: 3 } }\n"
	    "listen: 127.0.0.1:2\nadmin: off\n");
	conf_unref(c);
	faults = load(&opt, &c);
	ck_assert_str_eq(faults, "");
	free(faults);
	ck_assert_str_eq(c->upstreams[0].name, "a");
	ck_assert_uint_eq(c->upstreams[0].nservers, 1);
	ck_assert_str_eq(c->upstreams[0].servers[0].authority, "c:1");
	ck_assert_uint_eq(c->upstreams[0].retries, 3);
	expect_port(&c->listen[0], AF_INET, 2);
	expect_port(&c->admin, AF_INET, 1);
	conf_unref(c);
}
END_TEST

START_TEST(faulty_options)
{
	struct conf_options opt = { .upstream = "a:1", .listen = "80", .admin = "x" };
	char *faults = load(&opt, NULL);

	ck_assert_str_eq(faults,
	    "--upstream: \"a:1\" is not a URL; write one such as http://127.0.0.1:3000\n"
	    "--listen: \"80\" has no address; write 127.0.0.1:PORT for this machine alone, "
	    "0.0.0.0:PORT for all\n"
	    "--admin: \"x\" has no port; write one such as 127.0.0.1:8080\n");
	free(faults);
	opt = (struct conf_options){ 0 };
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults, "--upstream: no upstream is given; add --upstream "
	    "http://127.0.0.1:3000\n");
	free(faults);

	/* An option does not hide a fault of the file, and the shell has expanded it already. */
	opt = (struct conf_options){ .file = FILE_NAME, .listen = "${HOME}:1" };
	write_file(UP "listen: 80\n", strlen(UP "listen: 80\n"));
	faults = load(&opt, NULL);
	ck_assert_str_eq(faults,
	    "--listen: \"${HOME}:1\" is not an address; names are not looked up here, write one "
	    "such as 127.0.0.1:8080\n"
	    "proxy.yaml:2:9: \"80\" has no address; write 127.0.0.1:PORT for this machine alone, "
	    "0.0.0.0:PORT for all\n");
	free(faults);
}
END_TEST

/* ---- the way back ---- */

static char *
printed(const struct conf *c)
{
	struct buf out = { 0 };

	conf_print(c, &out);
	return buf_str(&out);
}

static void
expect_same_names(const struct conf_strings *a, const struct conf_strings *b)
{
	ck_assert_uint_eq(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++)
		ck_assert_str_eq(a->v[i], b->v[i]);
}

static void
expect_same_route(const struct conf_route *a, const struct conf_route *b)
{
	ck_assert_int_eq(a->key.query, b->key.query);
	expect_same_names(&a->key.query_names, &b->key.query_names);
	expect_same_names(&a->key.headers, &b->key.headers);
	expect_same_names(&a->key.cookies, &b->key.cookies);
	ck_assert_int_eq(a->stale_while_revalidate, b->stale_while_revalidate);
	ck_assert_int_eq(a->stale_if_error, b->stale_if_error);
	ck_assert_double_eq(a->heuristic, b->heuristic);
	ck_assert_int_eq(a->ttl.any, b->ttl.any);
	ck_assert_uint_eq(a->ttl.n, b->ttl.n);
	for (unsigned i = 0; i < a->ttl.n; i++) {
		ck_assert_int_eq(a->ttl.by[i].status, b->ttl.by[i].status);
		ck_assert_int_eq(a->ttl.by[i].ttl, b->ttl.by[i].ttl);
	}
	ck_assert_int_eq(a->error_ttl, b->error_ttl);
	ck_assert_double_eq(a->refresh_ahead, b->refresh_ahead);
	ck_assert_double_eq(a->jitter, b->jitter);
	ck_assert_int_eq(a->admit.min_fetch_time, b->admit.min_fetch_time);
	ck_assert_uint_eq(a->admit.min_requests, b->admit.min_requests);
	ck_assert_int_eq(a->admit.window, b->admit.window);
	ck_assert_int_eq(a->sliding_ttl, b->sliding_ttl);
	ck_assert_int_eq(a->client_control, b->client_control);
	ck_assert_int_eq(a->set_cookie, b->set_cookie);
	expect_same_names(&a->tags, &b->tags);
}

static void
expect_same_upstream(const struct conf_upstream *a, const struct conf_upstream *b)
{
	ck_assert_uint_eq(a->nservers, b->nservers);
	for (unsigned i = 0; i < a->nservers; i++) {
		ck_assert_str_eq(a->servers[i].url, b->servers[i].url);
		expect_server(&a->servers[i], b->servers[i].authority, b->servers[i].port,
		    b->servers[i].weight, b->servers[i].backup);
	}
	ck_assert_int_eq(a->balance, b->balance);
	ck_assert_uint_eq(a->max_connections, b->max_connections);
	ck_assert_uint_eq(a->min_connections, b->min_connections);
	ck_assert_uint_eq(a->most_connections, b->most_connections);
	ck_assert_int_eq(a->total_timeout, b->total_timeout);
	ck_assert_double_eq(a->retry_budget, b->retry_budget);
	ck_assert_int_eq(a->hedge, b->hedge);
	ck_assert_uint_eq(a->breaker.failures, b->breaker.failures);
	ck_assert_double_eq(a->breaker.error_rate, b->breaker.error_rate);
	ck_assert_int_eq(a->breaker.pause, b->breaker.pause);
	ck_assert_pstr_eq(a->health.path, b->health.path);
	ck_assert_int_eq(a->health.interval, b->health.interval);
	ck_assert_int_eq(a->health.timeout, b->health.timeout);
	ck_assert_uint_eq(a->health.fall, b->health.fall);
	ck_assert_uint_eq(a->health.rise, b->health.rise);
}

static void
expect_round_trip(struct conf *c)
{
	char *first = printed(c), *second;
	struct conf *again = load_good(first);

	second = printed(again);
	ck_assert_str_eq(first, second);
	ck_assert_uint_eq(c->nlisten, again->nlisten);
	ck_assert_uint_eq(c->nroutes, again->nroutes);
	ck_assert_int_eq(memcmp(&c->limits, &again->limits, sizeof c->limits), 0);
	for (unsigned i = 0; i < c->nroutes; i++) {
		ck_assert_pstr_eq(c->routes[i].path, again->routes[i].path);
		ck_assert_pstr_eq(c->routes[i].host, again->routes[i].host);
		ck_assert_uint_eq(c->routes[i].upstream, again->routes[i].upstream);
		expect_same_route(&c->routes[i], &again->routes[i]);
	}
	ck_assert_uint_eq(c->nupstreams, again->nupstreams);
	for (unsigned i = 0; i < c->nupstreams; i++)
		expect_same_upstream(&c->upstreams[i], &again->upstreams[i]);
	free(first);
	free(second);
	conf_unref(again);
	conf_unref(c);
}

START_TEST(round_trip)
{
	expect_round_trip(load_good(everything));
	expect_round_trip(load_good(UP));
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		expect_round_trip(load_good(good[i]));
}
END_TEST

START_TEST(printed_whole)
{
	struct conf *c = load_good("workers: 1\nadmin: off\nlisten: \"[::1]:1\"\n"
	    "upstreams: { a: { servers: http://a }, b: { servers: [ http://b, { url: "
	    "\"http://[::2]\", backup: on } ], max_connections: auto, retry_budget: 0, "
	    "breaker: off, health: { path: \"/up?a\" } } }\n"
	    "routes: [ { match: { path: /x }, upstream: a, ttl: { 404: 10s, 200: 60s }, error_ttl: "
	    "0s, refresh_ahead: 1.0, jitter: 0, admit: { min_fetch_time: 5ms }, sliding_ttl: on, "
	    "key: { query: { drop: [ fbclid, utm_*, \"a[]\" ] }, "
	    "cookies: [ plan ] }, stale_if_error: off, stale_while_revalidate: 1m, "
	    "heuristic: 0.000001, client_control: obey, set_cookie: store, tags: [] }, "
	    "{ upstream: a, cache: off, heuristic: 0.0, "
	    "refresh_ahead: no } ]\n");
	char *text = printed(c);

	ck_assert_str_eq(text,
	    "listen: \"[::1]:1\"\n"
	    "admin: off\n"
	    "workers: 1\n"
	    "cache:\n"
	    "  memory: 256MiB\n"
	    "  max_object: 16MiB\n"
	    "upstreams:\n"
	    "  a:\n"
	    "    servers: [ http://a ]\n"
	    "    balance: least_connections\n"
	    "    max_connections: 64\n"
	    "    queue:\n"
	    "      length: 1024\n"
	    "      timeout: 30s\n"
	    "    timeouts:\n"
	    "      connect: 2s\n"
	    "      first_byte: 60s\n"
	    "      idle: 15s\n"
	    "      total: off\n"
	    "    keepalive:\n"
	    "      connections: 64\n"
	    "      idle: 30s\n"
	    "    retries: 1\n"
	    "    retry_budget: 0.1\n"
	    "    hedge: off\n"
	    "    breaker:\n"
	    "      failures: 5\n"
	    "      error_rate: 0.5\n"
	    "      pause: 5s\n"
	    "    health: off\n"
	    "  b:\n"
	    "    servers:\n"
	    "      - http://b\n"
	    "      - { url: \"http://[::2]\", weight: 1, backup: true }\n"
	    "    balance: least_connections\n"
	    "    max_connections: { min: 1, most: 256 }\n"
	    "    queue:\n"
	    "      length: 1024\n"
	    "      timeout: 30s\n"
	    "    timeouts:\n"
	    "      connect: 2s\n"
	    "      first_byte: 60s\n"
	    "      idle: 15s\n"
	    "      total: off\n"
	    "    keepalive:\n"
	    "      connections: 64\n"
	    "      idle: 30s\n"
	    "    retries: 1\n"
	    "    retry_budget: off\n"
	    "    hedge: off\n"
	    "    breaker: off\n"
	    "    health:\n"
	    "      path: \"/up?a\"\n"
	    "      interval: 5s\n"
	    "      timeout: 2s\n"
	    "      fall: 3\n"
	    "      rise: 2\n"
	    "routes:\n"
	    "  - match:\n"
	    "      path: /x\n"
	    "    upstream: a\n"
	    "    cache: on\n"
	    "    key:\n"
	    "      query: { drop: [ fbclid, utm_*, \"a[]\" ] }\n"
	    "      headers: []\n"
	    "      cookies: [ plan ]\n"
	    "    ttl: { 200: 60s, 404: 10s }\n"
	    "    stale_while_revalidate: 60s\n"
	    "    stale_if_error: off\n"
	    "    error_ttl: off\n"
	    "    heuristic: 0.000001\n"
	    "    client_control: obey\n"
	    "    refresh_ahead: auto\n"
	    "    jitter: off\n"
	    "    admit:\n"
	    "      min_fetch_time: 5ms\n"
	    "      min_requests: 1\n"
	    "      window: 30s\n"
	    "    sliding_ttl: true\n"
	    "    set_cookie: store\n"
	    "    coalesce: shareable\n"
	    "    park:\n"
	    "      limit: 100000\n"
	    "      timeout: 60s\n"
	    "    tags: []\n"
	    "  - match: {}\n"
	    "    upstream: a\n"
	    "    cache: off\n"
	    "    key:\n"
	    "      query: all\n"
	    "      headers: []\n"
	    "      cookies: []\n"
	    "    ttl: 0s\n"
	    "    stale_while_revalidate: off\n"
	    "    stale_if_error: 1h\n"
	    "    error_ttl: 1s\n"
	    "    heuristic: off\n"
	    "    client_control: ignore\n"
	    "    refresh_ahead: off\n"
	    "    jitter: 0.05\n"
	    "    admit:\n"
	    "      min_fetch_time: 0s\n"
	    "      min_requests: 1\n"
	    "      window: 30s\n"
	    "    sliding_ttl: false\n"
	    "    set_cookie: private\n"
	    "    coalesce: shareable\n"
	    "    park:\n"
	    "      limit: 100000\n"
	    "      timeout: 60s\n"
	    "    tags: [ Surrogate-Key, Cache-Tag, Cache-Groups ]\n"
	    "limits:\n"
	    "  connections: 100000\n"
	    "  header_bytes: 32KiB\n"
	    "  header_fields: 100\n"
	    "  body: 64MiB\n"
	    "  uri: 16KiB\n"
	    "  header_timeout: 10s\n"
	    "  idle_timeout: 60s\n"
	    "  send_timeout: 60s\n"
	    "  drain: 30s\n"
	    "log:\n"
	    "  level: info\n"
	    "  format: text\n");
	free(text);
	conf_unref(c);
}
END_TEST

START_TEST(what_a_reload_leaves)
{
	struct conf *a = load_good(UP "workers: 1\n");
	struct conf *b = load_good(UP "workers: 1\ncache: { memory: 1GiB, max_object: 1MiB }\n"
	    "listen: [ 127.0.0.1:8080, 127.0.0.1:8081 ]\nadmin: off\nlimits: { drain: 1s }\n");
	struct conf *d = load_good("workers: 1\nupstreams: { b: { servers: [ http://a, http://b ], "
	    "balance: hash, max_connections: auto, breaker: off, health: { path: / }, "
	    "hedge: on } }\n"
	    "routes: [ { ttl: { 200: 1s }, jitter: off, refresh_ahead: off, error_ttl: off } ]\n");
	struct buf out = { 0 };

	conf_print_pending(a, a, &out);
	ck_assert_str_eq(buf_str(&out), "");
	conf_print_pending(a, b, &out);
	ck_assert_str_eq(buf_str(&out), "listen, admin");
	/* Upstreams and routes are not among them, whatever is in them. */
	out.n = 0;
	conf_print_pending(a, d, &out);
	ck_assert_str_eq(buf_str(&out), "");
	conf_unref(d);
	buf_fini(&out);
	conf_unref(a);
	conf_unref(b);
}
END_TEST

/*
 * Every sample is good, and printed as it is; the commented one is at the defaults, so it documents
 * them rightly.
 */
START_TEST(samples)
{
	struct conf_options opt = { 0 };
	char pattern[PATH_MAX + 64], *faults, *sample, *dflt;
	struct conf *c;
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof pattern, "%s/conf/*.yaml", top);
	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	snprintf(pattern, sizeof pattern, "%s/conf/examples/*.yaml", top);
	ck_assert_int_eq(glob(pattern, GLOB_APPEND, NULL, &found), 0);
	ck_assert_uint_ge(found.gl_pathc, 6);
	for (i = 0; i < found.gl_pathc; i++) {
		opt.file = found.gl_pathv[i];
		faults = load(&opt, &c);
		ck_assert_str_eq(faults, "");
		free(faults);
		expect_round_trip(c);
	}
	globfree(&found);

	snprintf(pattern, sizeof pattern, "%s/conf/proxy.yaml", top);
	opt.file = pattern;
	faults = load(&opt, &c);
	free(faults);
	sample = printed(c);
	conf_unref(c);
	opt = (struct conf_options){ .upstream = "http://127.0.0.1:3000" };
	faults = load(&opt, &c);
	free(faults);
	dflt = printed(c);
	conf_unref(c);
	ck_assert_str_eq(sample, dflt);
	free(sample);
	free(dflt);
}
END_TEST

/* ---- the table ---- */

START_TEST(rows_are_sound)
{
	unsigned i, j;

	for (i = 0; i < conf_nrows; i++) {
		const struct conf_row *row = &conf_rows[i];
		size_t n = strlen(row->sentence);

		ck_assert_msg(n > 8 && row->sentence[n - 1] == '.', "%s: no sentence", row->path);
		ck_assert_msg(row->min <= row->max, "%s: no range", row->path);
		if (row->scope == SCOPE_CONF || row->scope == SCOPE_UPSTREAM)
			ck_assert_msg(row->dflt != NULL || row->type == KEY_SERVERS ||
			    row->type == KEY_BREAKER || row->type == KEY_TARGET,
			    "%s: no default", row->path);
		for (j = 0; j < i; j++)
			ck_assert_str_ne(row->path, conf_rows[j].path);
	}
}
END_TEST

START_TEST(near_words)
{
	ck_assert_uint_eq(conf_distance("listen", "listen"), 0);
	ck_assert_uint_eq(conf_distance("lisen", "listen"), 1);
	ck_assert_uint_eq(conf_distance("lsiten", "listen"), 1);
	ck_assert_uint_eq(conf_distance("", "abc"), 3);
	ck_assert_uint_eq(conf_distance("kitten", "sitting"), 3);
	ck_assert(conf_is_near("ap", conf_distance("ap", "app")));
	ck_assert(!conf_is_near("a", conf_distance("a", "b")));
	ck_assert(!conf_is_near("memory", conf_distance("memory", "listen")));
}
END_TEST

START_TEST(durations_and_sizes)
{
	static const struct {
		const char	*text;
		usec_t		 usec;
		const char	*back;
	} times[] = {
		{ "0s", 0, "0s" }, { "0ms", 0, "0s" }, { "250ms", 250000, "250ms" },
		{ "1000ms", 1000000, "1s" }, { "60s", 60000000, "60s" },
		{ "120s", 120000000, "2m" },
		{ "90s", 90000000, "90s" }, { "24h", 86400000000, "1d" },
		{ "60m", 3600000000, "1h" },
		{ "", -1, NULL }, { "s", -1, NULL }, { "1", -1, NULL }, { "1S", -1, NULL },
		{ "1 s", -1, NULL }, { "1s ", -1, NULL }, { "-1s", -1, NULL }, { "+1s", -1, NULL },
		{ "1m30s", -1, NULL }, { "1e3s", -1, NULL }, { "0x1s", -1, NULL },
		{ "106751992d", -1, NULL }, { "18446744073709551616ms", -1, NULL },
	};
	struct buf b = { 0 };
	uint64_t size;
	usec_t t;

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		b.n = 0;
		if (times[i].back == NULL) {
			ck_assert_msg(conf_time_parse(times[i].text, &t) < 0, "%s", times[i].text);
			continue;
		}
		ck_assert_int_eq(conf_time_parse(times[i].text, &t), 0);
		ck_assert_int_eq(t, times[i].usec);
		conf_time_print(&b, t);
		ck_assert_str_eq(buf_str(&b), times[i].back);
	}
	ck_assert_int_eq(conf_size_parse("1536KiB", &size), 0);
	b.n = 0;
	conf_size_print(&b, size);
	ck_assert_str_eq(buf_str(&b), "1536KiB");
	ck_assert_int_eq(conf_size_parse("16777216TiB", &size), -1);
	ck_assert_int_eq(conf_size_parse("16777215TiB", &size), 0);
	ck_assert_int_eq(conf_size_parse("1kib", &size), -1);
	buf_fini(&b);
}
END_TEST

START_TEST(shares)
{
	static const struct {
		const char	*text, *back;
		uint64_t	 millionths;
	} good_ones[] = {
		{ "0", "0", 0 }, { "0.0", "0", 0 }, { "1", "1", 1000000 },
		{ "1.000000", "1", 1000000 },
		{ "0.1", "0.1", 100000 }, { "0.050", "0.05", 50000 }, { "00.3", "0.3", 300000 },
		{ "0.333333", "0.333333", 333333 }, { "0.000001", "0.000001", 1 },
		{ "0.999999", "0.999999", 999999 }, { "1000", "1000", 1000000000 },
	};
	static const char *const bad_ones[] = { "", ".", ".5", "1.", "-0.1", "+0.1", "0,1", "1e-1",
		"0.1 ", " 0.1", "0.1.1", "0.1%", "0.0000001", "nan", "0x1", "1001",
		"18446744073709551616" };
	struct buf b = { 0 };
	uint64_t v;

	for (size_t i = 0; i < sizeof good_ones / sizeof good_ones[0]; i++) {
		b.n = 0;
		ck_assert_msg(conf_share_parse(good_ones[i].text, &v) == 0, "%s",
		    good_ones[i].text);
		ck_assert_uint_eq(v, good_ones[i].millionths);
		conf_share_print(&b, (double)v / 1e6);
		ck_assert_str_eq(buf_str(&b), good_ones[i].back);
	}
	for (size_t i = 0; i < sizeof bad_ones / sizeof bad_ones[0]; i++)
		ck_assert_msg(conf_share_parse(bad_ones[i], &v) < 0, "%s", bad_ones[i]);
	buf_fini(&b);
}
END_TEST

/* ---- references ---- */

static int released;

static void
release(void *runtime)
{
	*(int *)runtime += 1;
}

static void *
borrow(void *arg)
{
	for (int i = 0; i < 10000; i++)
		conf_unref(conf_ref(arg));
	conf_unref(arg);
	return NULL;
}

START_TEST(last_reference_releases)
{
	struct conf *c = load_good(UP);
	pthread_t threads[4];

	c->upstreams[0].runtime = &released;
	c->upstreams[0].runtime_release = release;
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, borrow, conf_ref(c)), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(released, 0);
	conf_unref(c);
	ck_assert_int_eq(released, 1);
}
END_TEST

static Suite *
conf_suite(void)
{
	Suite *s = suite_create("conf");
	TCase *tc = tcase_create("conf");

	tcase_add_checked_fixture(tc, place_begin, place_end);
	tcase_add_loop_test(tc, faulty_files, 0, (int)(sizeof faulty / sizeof faulty[0]));
	tcase_add_loop_test(tc, good_files, 0, (int)(sizeof good / sizeof good[0]));
	tcase_add_test(tc, all_faults_in_the_order_of_the_file);
	tcase_add_test(tc, faults_are_bounded);
	tcase_add_test(tc, lists_of_names_are_bounded);
	tcase_add_test(tc, servers_are_bounded);
	tcase_add_test(tc, every_status_has_its_time);
	tcase_add_test(tc, files_that_are_none);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, path_spelling);
	tcase_add_test(tc, every_key);
	tcase_add_test(tc, max_object_yields_to_memory);
	tcase_add_test(tc, default_upstream_of_several);
	tcase_add_test(tc, options_alone);
	tcase_add_test(tc, options_over_a_file);
	tcase_add_test(tc, faulty_options);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, printed_whole);
	tcase_add_test(tc, what_a_reload_leaves);
	tcase_add_test(tc, samples);
	tcase_add_test(tc, rows_are_sound);
	tcase_add_test(tc, near_words);
	tcase_add_test(tc, durations_and_sizes);
	tcase_add_test(tc, shares);
	tcase_add_test(tc, last_reference_releases);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(conf_suite)
