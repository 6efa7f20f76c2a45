#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Stands in for corral in a flow test and runs it under valgrind (make check-valgrind); with
# --verdict DIR reads the logs of all those runs and fails if one of them lost memory or erred.
set -u

verdict() {
	runs=0 bad=0
	for log in "$1"/valgrind.*.log; do
		[ -e "$log" ] || continue
		runs=$((runs + 1))
		if ! grep -q 'ERROR SUMMARY: 0 errors' "$log"; then
			bad=$((bad + 1))
			echo "valgrind: $log:" >&2
			head -n 40 "$log" >&2
		fi
	done
	if [ "$runs" -eq 0 ]; then
		echo "valgrind: no run of corral left a log" >&2
		return 1
	fi
	echo "valgrind: $runs runs of corral, $bad with errors or leaks"
	[ "$bad" -eq 0 ]
}

if [ "${1-}" = --verdict ]; then
	verdict "$2"
	exit
fi
exec valgrind --leak-check=full --show-leak-kinds=definite,indirect,possible \
	--errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 --num-callers=25 --fair-sched=try \
	--log-file="$VALGRIND_LOGS/valgrind.%p.log" "$VALGRIND_CORRAL" "$@"
