#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.py as a test of `make check`; skipped, and saying so, where there is no python3.
# CORRAL: path of the built program.  CACHE_TESTS: the vectors, if not in ../shared/cache-tests/.
if ! command -v python3 >/dev/null; then
	echo "SKIP: no python3 to run the vectors of http-cache-tests with"
	exit 77
fi
exec python3 "$(dirname "$0")/run.py" "$@"
