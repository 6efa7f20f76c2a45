#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every sample in conf/ is good, and what `corral config` prints of it reads back to the same.
# CORRAL: path of the built program.
set -u

top=$(dirname "$0")/..
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
faults=0 seen=0

printf 'listen: 127.0.0.1:8080\nupstraem: http://127.0.0.1:3000\n' >"$tmp/faulty.yaml"
"${CORRAL:?}" check -c "$tmp/faulty.yaml" >"$tmp/out" 2>&1
status=$?
if [ "$status" -ne 1 ] || ! grep -q 'faulty\.yaml:2:1: ' "$tmp/out"; then
	echo "samples.sh: self-test: a faulty file gave status $status and:" >&2
	cat "$tmp/out" >&2
	exit 1
fi

for file in "$top"/conf/*.yaml "$top"/conf/examples/*.yaml; do
	[ -e "$file" ] || continue
	seen=$((seen + 1))
	if ! "$CORRAL" check -c "$file" >"$tmp/out" 2>&1; then
		echo "samples.sh: $file is not good:" >&2
		cat "$tmp/out" >&2
		faults=$((faults + 1))
	elif ! "$CORRAL" config -c "$file" >"$tmp/first.yaml" ||
	    ! "$CORRAL" config -c "$tmp/first.yaml" >"$tmp/second.yaml" ||
	    ! cmp -s "$tmp/first.yaml" "$tmp/second.yaml"; then
		echo "samples.sh: $file: what corral config prints does not read back to the same" >&2
		diff "$tmp/first.yaml" "$tmp/second.yaml" >&2
		faults=$((faults + 1))
	fi
done
if [ "$seen" -eq 0 ]; then
	echo "samples.sh: no samples found" >&2
	exit 1
fi
echo "samples: $seen read, $faults faulty"
[ "$faults" -eq 0 ]
