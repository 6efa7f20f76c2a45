#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The vectors of the public suite http-cache-tests, run against the built daemon.

Starts an origin (origin.py) and the daemon in front of it, both on ports of the kernel's choice,
runs all tests that apply to a proxy side by side (client.py), because the pauses in them take most
of the time, and scores them as the suite does (score.py).  Fails where a test does not pass that
has no line in the file `expected`, or passes and has one.  The vectors are not ours to ship:
without them the exit status is 77, which says "skipped" to make check.
"""

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
import tempfile

sys.dont_write_bytecode = True  # the source directory may be read-only

import score                    # noqa: E402
from client import Run          # noqa: E402
from origin import Origin       # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "..", "shared", "cache-tests", "tests.json")
SKIPPED = 77
READY = 30      # seconds for the daemon to start
DRAIN = 60      # seconds for it to end
PR_SET_PDEATHSIG = 1


class Daemon:
    """The daemon under test; it dies with this process, whatever becomes of it."""

    def __init__(self, program, lines):
        self.program, self.lines = program, lines
        self.log, self.address, self.process, self.reading = [], None, None, None

    async def __aenter__(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as conf:
            conf.write(self.lines)
            conf.flush()
            self.process = await asyncio.create_subprocess_exec(
                self.program, "-c", conf.name, stderr=asyncio.subprocess.PIPE,
                preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
            ready = asyncio.Event()
            self.reading = asyncio.ensure_future(self.read_log(ready))
            try:
                await asyncio.wait_for(ready.wait(), READY)
            except asyncio.TimeoutError:
                pass
        if self.address is None or self.process.returncode is not None:
            await self.__aexit__()
            raise SystemExit(f"{self.program} did not start:\n{self.tail()}")
        return self

    async def read_log(self, ready):
        async for line in self.process.stderr:
            line = line.decode("utf-8", "replace").rstrip()
            self.log.append(line)
            if "listening on " in line:
                self.address = line.partition("listening on ")[2].split()[0]
            if "info: ready" in line:
                ready.set()
        await self.process.wait()
        ready.set()

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(self.reading), DRAIN)
        except asyncio.TimeoutError:
            self.log.append(f"(it did not end within {DRAIN} s)")
            self.process.kill()
            await self.reading

    def tail(self):
        return "\n".join(self.log[-60:])


async def run_all(tests, address, jobs, results):
    """Runs the tests, the longest first, and puts their results where a timeout leaves them too."""
    host, _, port = address.rpartition(":")
    free = asyncio.Semaphore(jobs)

    async def run_one(test):
        async with free:
            results[test["id"]] = await Run(test, host, int(port)).result()

    longest = sorted(tests.values(), reverse=True,
                     key=lambda t: sum(r.get("pause_after") is True for r in t["requests"]))
    await asyncio.gather(*(run_one(test) for test in longest))


async def run(options, tests):
    """The results, and the faults of the run itself."""
    port = await Origin().start()
    # Some vectors have the origin drop connections without an answer, which is no reason to spare it
    # the others.
    lines = (f"listen: 127.0.0.1:0\nadmin: off\n"
             f"upstreams: {{ default: {{ servers: [ 'http://127.0.0.1:{port}' ], breaker: off }} }}\n")
    if not options.plain:
        # The suite has its cookies shared; the default is safer.
        lines += "routes: [ { set_cookie: store } ]\n"
    results, faults = {}, []
    async with Daemon(options.corral, lines) as daemon:
        running = asyncio.ensure_future(run_all(tests, daemon.address, options.jobs, results))
        await asyncio.wait({running, daemon.reading}, timeout=options.timeout,
                           return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        else:
            running.cancel()
            await asyncio.wait({running})
            missing = sorted(tests.keys() - results.keys())
            why = "the daemon ended" if daemon.reading.done() else f"{options.timeout} s passed"
            faults.append(f"{why} before {len(missing)} tests did: {' '.join(missing[:10])} ...")
    if daemon.process.returncode != 0:
        faults.append(f"the daemon's exit status is {daemon.process.returncode}:\n{daemon.tail()}")
    return results, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("vectors", nargs="?", default=os.environ.get("CACHE_TESTS") or VECTORS,
                        help="$CACHE_TESTS, or ../shared/cache-tests/tests.json beside the sources")
    parser.add_argument("--corral", default=os.environ.get("CORRAL") or "proxy/corral",
                        help="the daemon ($CORRAL)")
    parser.add_argument("--expected", default=os.path.join(HERE, "expected"),
                        help="the tests that do not pass, and why (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=32, help="tests at once (default: %(default)s)")
    parser.add_argument("--timeout", type=int, default=300,
                        help="seconds for all of them (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help="without set_cookie: store")
    parser.add_argument("--only", metavar="ID", action="append",
                        help="this test and what it depends on; may be repeated")
    parser.add_argument("--json", metavar="FILE",
                        help="write the results there, as the suite's own client does")
    options = parser.parse_args()

    if not os.path.exists(options.vectors):
        print(f"SKIP: no vectors of http-cache-tests at {os.path.normpath(options.vectors)}; "
              "CACHE_TESTS names another tests.json")
        return SKIPPED
    with open(options.vectors, encoding="utf-8") as f:
        tests = score.applicable(json.load(f))
    expected, faults = score.read_expected(options.expected, tests)
    if options.only:
        if unknown := [ident for ident in options.only if ident not in tests]:
            parser.error(f"there is no test {' '.join(unknown)}")
        tests = score.with_dependencies(tests, options.only)
        expected = {i: reason for i, reason in expected.items() if i in tests}
    results, more = asyncio.run(run(options, tests))
    faults += more
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump({i: r if r is True else [r.name, str(r)] for i, r in sorted(results.items())},
                      f, indent=2)
    if len(results) == len(tests):
        faults += score.report(tests, results, expected)
    for fault in faults:
        print(f"FAULT: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
