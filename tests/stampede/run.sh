#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The stampede conformance suite against the built program, as a test of `make check`: with smaller
# herds, and judged by counts alone, because a machine that runs tests is no place to take times.
# CORRAL: path of the built program.  STAMPEDE: of the suite.  Further options go to the suite.
set -u

CORRAL=${CORRAL:-./proxy/corral}
STAMPEDE=${STAMPEDE:-./tests/stampede/stampede}
tmp=$(mktemp -d) || exit 1
export CORRAL tmp

# Ends what the file names, and waits for that.  The shell that started it is gone, and init may
# take a second to bury the dead.
cat >"$tmp/stop" <<'END'
pid=$(cat "$tmp/pid" 2>/dev/null) || exit 0
kill "$pid" 2>/dev/null
n=0
while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
	n=$((n + 1))
	if [ "$n" -eq 400 ]; then
		echo "stampede: the daemon does not end" >&2
		kill -9 "$pid"
		exit 1
	fi
	sleep 0.05
done
rm -f "$tmp/pid"
END
cat >"$tmp/restart" <<'END'
sh "$tmp/stop" || exit 1
cat "$tmp/log" >>"$tmp/before" 2>/dev/null
: >"$tmp/log"
"$CORRAL" -c "$tmp/proxy.yaml" >/dev/null 2>"$tmp/log" </dev/null &
echo $! >"$tmp/pid"
n=0
until grep -q 'info: ready' "$tmp/log"; do
	n=$((n + 1))
	[ "$n" -lt 400 ] || exit 1
	sleep 0.05
done
END
trap 'sh "$tmp/stop"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# shellcheck disable=SC2046 # one word each
set -- $("$STAMPEDE" --free-ports 3) "$@"
[ $# -ge 3 ] || exit 1
proxy=127.0.0.1:$1 admin=127.0.0.1:$2 origin=$3
shift 3

# 400 for the private herds; 64 are what the origin can take of many keys.
configure() {
	cat >"$tmp/proxy.yaml" <<END
listen: $proxy
admin: $admin
workers: 2
upstreams:
  open:
    servers: [ http://127.0.0.1:$origin ]
    max_connections: 400
  limited:
    servers: [ http://127.0.0.1:$origin ]
    max_connections: 64
routes:
  - match: { path: /limited/ }
    upstream: limited
    coalesce: $1
  - upstream: open
    coalesce: $1
END
	sh "$tmp/restart" && return
	echo "stampede: the daemon does not start:" >&2
	cat "$tmp/log" >&2
	exit 1
}

# A suite that passes a proxy which protects nothing would prove nothing.
configure off
"$STAMPEDE" --proxy "$proxy" --origin-port "$origin" --clients 50 --no-times --only cold-herd \
    >"$tmp/out" 2>&1
status=$?
if [ "$status" -ne 1 ] || ! grep -q 'the herd: 50 origin requests, not 1' "$tmp/out"; then
	echo "stampede: self-test: without coalescing the status is $status, and:" >&2
	cat "$tmp/out" >&2
	exit 1
fi

configure shareable
"$STAMPEDE" --name corral --proxy "$proxy" --origin-port "$origin" --clients 200 --keys 500 \
    --limit 64 --admin "$admin" --restart "sh '$tmp/restart'" --no-times "$@"
status=$?
sh "$tmp/stop" || status=1
# What a sanitizer found, it says at the latest when the daemon ends.
if [ "$status" -ne 0 ] || grep -q 'ERROR: \|runtime error' "$tmp/before" "$tmp/log"; then
	cat "$tmp/before" "$tmp/log" >&2
	exit 1
fi
