#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The include rule of docs/architecture.md: base < http < cache < upstream < front < the files at
# proxy/'s top.  A file includes its own layer and lower ones; <event2/http.h> is for front/ alone;
# ROOM_priv.h is for its own room.  Usage: layers.sh [DIR]   (default: proxy/ beside tests/)
set -u

# Prints one line for each breach under the directory $1, and a last line "N includes".
breaches() {
	(cd "$1" && find . -name '*.[ch]' | LC_ALL=C sort | sed 's|^\./||' |
	while IFS= read -r file; do
		sed -n "s|^[[:space:]]*#[[:space:]]*include[[:space:]]*\\([\"<][^\">]*\\)[\">].*|$file \\1|p" \
		    "$file"
	done) | awk '
	function layer(path,  room) {
		if (path !~ /\//)
			return 6
		room = path
		sub(/\/.*/, "", room)
		return room in rank ? rank[room] : 0
	}
	BEGIN {
		rank["base"] = 1; rank["http"] = 2; rank["cache"] = 3
		rank["upstream"] = 4; rank["front"] = 5
	}
	{
		file = $1; kind = substr($2, 1, 1); what = substr($2, 2)
		seen++
		if (layer(file) == 0)
			print file ": no such room; the rooms are base, http, cache, upstream, front"
		if (what ~ /^event2\/http/ && layer(file) != 5)
			print file ": only front/ speaks evhttp, but this includes " what
		if (kind == "<")
			next
		if (what ~ /\.\./ || (what !~ /\// && layer(file) < 6))
			print file ": write \"" what "\" relative to proxy/"
		else if (layer(what) == 0)
			print file ": \"" what "\" is in no room"
		else if (layer(what) > layer(file))
			print file ": includes upward: \"" what "\""
		if (what ~ /_priv\.h$/) {
			room = file; sub(/\/.*/, "", room)
			owner = what; sub(/\/.*/, "", owner)
			if (room != owner)
				print file ": \"" what "\" is private to " owner "/"
		}
	}
	END { print seen + 0 " includes" }'
}

# plant NAME FILE INCLUDE: a tree with that one include must be found faulty, and by that file.
plant() {
	rm -rf "$tmp/t" && mkdir -p "$tmp/t/base" "$tmp/t/http" "$tmp/t/cache" "$tmp/t/front" || exit 1
	printf '#include "base/good.h"\n%s\n' "$3" >"$tmp/t/$2"
	if ! breaches "$tmp/t" | grep -q "^$2: "; then
		echo "layers.sh: self-test: did not find $1" >&2
		exit 1
	fi
}

top=$(dirname "$0")/../proxy
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

plant "an upward include" base/bad.c '#include "cache/flight.h"'
plant "an upward include with spaces" http/bad.h '  #  include   "front/gate.h"'
plant "an include of the top" front/bad.c '#include "proxy.h"'
plant "evhttp in the cache" cache/bad.c '#include <event2/http.h>'
plant "evhttp's struct in http" http/bad.c '#include <event2/http_struct.h>'
plant "evhttp at the top" demo_backend.c '#include <event2/http.h>'
plant "another room's private header" front/bad.c '#include "cache/cache_priv.h"'
plant "a relative include" http/bad.c '#include "../base/log.h"'
rm -rf "$tmp/t" && mkdir -p "$tmp/t/front"
printf '#include <event2/http.h>\n#include "front/gate.h"\n#include "cache/obj.h"\n' >"$tmp/t/front/ok.c"
printf '#include <event2/event.h>\n#include "front/gate.h"\n#include "proxy.h"\n' >"$tmp/t/demo.c"
if [ "$(breaches "$tmp/t")" != "6 includes" ]; then
	echo "layers.sh: self-test: a good tree was found faulty:" >&2
	breaches "$tmp/t" >&2
	exit 1
fi

out=$(breaches "${1:-$top}")
case $out in
"0 includes") echo "layers.sh: no sources under ${1:-$top}" >&2; exit 1 ;;
*" includes") ;;
*) echo "layers.sh: no answer" >&2; exit 1 ;;
esac
if [ "$(printf '%s\n' "$out" | wc -l)" -ne 1 ]; then
	printf '%s\n' "$out" | sed '$d' >&2
	exit 1
fi
echo "layers: $out, none upward"
