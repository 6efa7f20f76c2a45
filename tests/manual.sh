#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Holds the manual to the code: every row of stats_table.h and every option of `corral --help` is in
# corral.8, every key of conf_table.h is in proxy.yaml.5, and the pages are clean mdoc.
# CORRAL: path of the built program.
set -u

top=$(dirname "$0")/..
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
faults=0

# lacking PAGE NAMES...: those that no item or heading of the page names.
lacking() {
	# -- and - as people type them, macros' punctuation away, one word a line.
	sed -n -e '/^\.\(It\|Sh\|Ss\|Op\|Fl\|Nm\)/!d' -e 's/\\-/-/g' -e 's/Fl Fl \([a-z]\)/--\1/g' \
	    -e 's/Fl \([a-zA-Z]\)/-\1/g' -e 's/[][",()]/ /g' -e p "$1" | tr -s '[:blank:]' '\n' >"$tmp/words"
	shift
	for name in "$@"; do
		grep -qxF -e "$name" "$tmp/words" || printf '%s\n' "$name"
	done
}

# holds PAGE WHAT NAMES...
holds() {
	page=$1 what=$2
	shift 2
	if [ $# -lt 3 ]; then
		echo "manual.sh: found only $# names: $what" >&2
		faults=$((faults + 1))
	fi
	for name in $(lacking "$page" "$@"); do
		echo "${page##*/}: lacks $name ($what)" >&2
		faults=$((faults + 1))
	done
}

counters() {
	sed -n -e 's/^STAT(\([a-z0-9_]*\),.*/\1/p' -e 's/^HISTO(\([a-z0-9_]*\),.*/\1_time_us/p' "$1"
}

# The last word of each key's path: in a list or a mapping the manual names the member.
keys() {
	sed -n 's/^KEY("\([^"]*\)".*/\1/p' "$1" | sed -e 's/\[\]//g' -e 's/.*\.//' | LC_ALL=C sort -u
}

options() {
	"$1" --help | tr -s ' \t|[],' '\n' | grep -E '^--?[a-z][a-z-]*$' | LC_ALL=C sort -u
}

lint() {
	if command -v mandoc >/dev/null && ! mandoc -Tlint -Wwarning "$1" >&2; then
		faults=$((faults + 1))
	fi
	command -v man >/dev/null || return 0
	LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$1" 2>"$tmp/warnings" >/dev/null
	if [ -s "$tmp/warnings" ]; then
		cat "$tmp/warnings" >&2
		faults=$((faults + 1))
	fi
}

# A check that can't fail is none.
printf '.It Va hit\n.It Fl Fl keep\nmiss is only in the text\n' >"$tmp/page"
if [ "$(lacking "$tmp/page" hit miss --keep -c | tr '\n' ' ')" != "miss -c " ]; then
	echo "manual.sh: self-test: did not find what a page lacks" >&2
	exit 1
fi

# shellcheck disable=SC2046 # names without spaces
{
	holds "$top/docs/corral.8" "a row of stats_table.h" \
	    $(counters "$top/proxy/base/stats_table.h")
	holds "$top/docs/proxy.yaml.5" "a key of conf_table.h" $(keys "$top/proxy/base/conf_table.h")
	holds "$top/docs/corral.8" "an option of corral --help" $(options "${CORRAL:?}")
}
lint "$top/docs/corral.8"
lint "$top/docs/proxy.yaml.5"
[ "$faults" -eq 0 ] && echo "manual: complete and clean"
