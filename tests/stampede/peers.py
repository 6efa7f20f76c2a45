#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The stampede suite, run against Corral and the proxies that people put there otherwise.

Each one that is installed is started, configured as a careful operator would for this one job (the
files in peers/, proxies.py), given to the suite `stampede`, which is the clients and the backend at
once, and ended again; then the results stand in one table (comparison.py).
"""

import argparse
import asyncio
import json
import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile

sys.dont_write_bytecode = True  # the source directory may be read-only

from comparison import Outcome, print_text, write_markdown          # noqa: E402
from proxies import READY, STOP, all_kinds, confine, free_port, running     # noqa: E402


def wish(word, directory):
    """`peers.py restart DIR` and `peers.py purge DIR`, as the suite calls them."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(READY + STOP + 5)
        s.connect(os.path.join(directory, "control"))
        s.sendall(word.encode() + b"\n")
        answer = b""
        while part := s.recv(4096):
            answer += part
    if answer != b"ok":
        print(answer.decode("utf-8", "replace"), file=sys.stderr)
        return 1
    return 0


async def serve(peer, options):
    """`peers.py serve`: one peer, to be tried by hand."""
    async with running(peer, options.origin_port or free_port(), options.limit) as at:
        print(f"{peer.name} {peer.version()} on 127.0.0.1:{at.port} in front of "
              f"127.0.0.1:{at.origin}, in {at.dir}; ^C ends it", flush=True)
        await asyncio.Event().wait()
    return 0


def suite_command(at, options, report):
    def hook(word):
        return shlex.join([sys.executable, os.path.abspath(__file__), word, at.dir])

    argv = [os.path.abspath(options.stampede), "--proxy", f"127.0.0.1:{at.port}",
            "--origin-port", str(at.origin), "--name", f"{at.kind.name} {at.kind.version()}",
            "--clients", str(options.clients), "--keys", str(options.keys),
            "--limit", str(options.limit), "--restart", hook("restart"), "--json", report]
    if at.kind.ours:
        argv += ["--admin", f"127.0.0.1:{at.admin}"]
    elif not at.kind.no_purge:
        argv += ["--purge-all", hook("purge")]
    if options.only:
        argv += ["--only", options.only]
    if options.reports:
        argv += ["--html", os.path.join(os.path.abspath(options.reports), at.kind.word + ".html")]
    return argv


async def measure(peer, options):
    """One run of the suite against one peer."""
    with tempfile.TemporaryDirectory(prefix="stampede-report-") as directory:
        report = os.path.join(directory, "report.json")
        try:
            async with running(peer, free_port(), options.limit) as at:
                suite = await asyncio.create_subprocess_exec(*suite_command(at, options, report),
                                                             preexec_fn=confine)
                try:
                    status = await asyncio.wait_for(suite.wait(), options.timeout)
                finally:
                    if suite.returncode is None:
                        suite.kill()
                        await suite.wait()
                if status not in (0, 1):
                    return Outcome(peer, fault=f"the suite ended with {status}\n{at.tail()}")
                fault = at.fault()
        except asyncio.TimeoutError:
            return Outcome(peer, fault=f"the suite was not done after {options.timeout} s")
        except (OSError, RuntimeError) as e:
            return Outcome(peer, fault=str(e))
        if options.reports:
            shutil.copy(report, os.path.join(options.reports, peer.word + ".json"))
        with open(report, encoding="utf-8") as f:
            return Outcome(peer, json.load(f), fault)


def repeat_command(options):
    defaults, words = parser().parse_args([]), []
    for name in ("clients", "keys", "limit", "only", "peers"):
        value = getattr(options, name)
        if value != getattr(defaults, name):
            words.append(f"--{name}={value}")
    return shlex.join(["make", "bench-peers"] + ([f"PEERS_OPTIONS={' '.join(words)}"]
                                                 if words else []))


async def run(options, peers):
    outcomes, absent = [], []
    for peer in peers:
        if peer.path() is None:
            absent.append(peer.name)
            print(f"{peer.name}: skipped, {peer.program} is not installed\n", flush=True)
            continue
        outcomes.append(await measure(peer, options))
        print(flush=True)
    print_text(outcomes)
    for name in absent:
        print(f"{name}: skipped, it is not installed")
    if options.markdown:
        write_markdown(options.markdown, outcomes, absent, options, repeat_command(options))
    # What the others do not pass is a figure; what Corral does not is a fault.
    return int(any(o.fault or o.peer.ours and o.passed < o.judged for o in outcomes))


def parser():
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0], epilog="`peers.py serve "
                                "PEER` starts one, to be tried by hand; `peers.py restart DIR` and "
                                "`peers.py purge DIR` are for the suite.")
    p.add_argument("action", nargs="*", metavar="ACTION", help="see below; without: the comparison")
    p.add_argument("--stampede", default=os.environ.get("STAMPEDE") or "tests/stampede/stampede",
                   help="the suite ($STAMPEDE)")
    p.add_argument("--corral", default=os.environ.get("CORRAL") or "proxy/corral",
                   help="the daemon ($CORRAL)")
    p.add_argument("--peers", metavar="PEER[,PEER]", help="these, and no others: "
                   + ", ".join(peer.word for peer in all_kinds("")))
    p.add_argument("--only", metavar="NAME[,NAME]", help="these scenarios")
    p.add_argument("--clients", type=int, default=1000, help="of a herd (default: %(default)s)")
    p.add_argument("--keys", type=int, default=10000, help="at once (default: %(default)s)")
    p.add_argument("--limit", type=int, default=400, help="the most that the origin takes at once "
                   "under /limited/ (default: %(default)s)")
    p.add_argument("--timeout", type=int, default=600,
                   help="seconds for each peer (default: %(default)s)")
    p.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    p.add_argument("--reports", metavar="DIR", help="write each peer's JSON and HTML there")
    p.add_argument("--origin-port", type=int, help="with serve: where the origin is or will be")
    return p


def main():
    p = parser()
    options = p.parse_args()
    action, *words = options.action or ["compare"]
    if action in ("restart", "purge") and len(words) == 1:
        return wish(action, words[0])
    chosen = words if action == "serve" else (options.peers or "").split(",")
    peers = {peer.word: peer for peer in all_kinds(options.corral)}
    if unknown := [word for word in chosen if word and word not in peers]:
        p.error(f"there is no peer {unknown[0]}; there are {', '.join(peers)}")
    if action == "serve" and len(words) == 1:
        work = serve(peers[words[0]], options)
    elif action == "compare":
        if min(options.clients, options.keys, options.limit, options.timeout) < 1:
            p.error("--clients, --keys, --limit and --timeout are at least 1")
        if not os.access(options.stampede, os.X_OK):
            p.error(f"the suite is not at {options.stampede}; --stampede says where it is")
        if options.reports:
            os.makedirs(options.reports, exist_ok=True)
        work = run(options, [peer for peer in peers.values()
                             if not options.peers or peer.word in chosen])
    else:
        p.error(f"what is {' '.join(options.action)}?")
    return asyncio.run(interruptible(work))


async def interruptible(work):
    """A TERM ends what was started, as an interrupt does."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    return await work


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
