# SPDX-License-Identifier: BSD-2-Clause
"""What the suite says of each proxy, put side by side."""

import os
import time


class Outcome:
    """What came of one peer: a report, or the reason why there is none."""

    def __init__(self, peer, report=None, fault=None):
        self.peer, self.version, self.fault = peer, peer.version(), fault
        self.results = {r["scenario"]: r for r in report["results"]} if report else {}
        self.passed = report["passed"] if report else 0
        self.judged = self.passed + report["failed"] if report else 0


def seconds(ms):
    """Three figures, as far as there are three worth having."""
    s = ms / 1000
    return f"{s:.3f}" if s < 1 else f"{s:.2f}" if s < 10 else f"{s:.1f}"


def plural(n, word):
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def error_count(result):
    return sum(result["errors"].values())


def why_skipped(peer, result):
    return peer.no_purge if result["scenario"] == "purge-all" and peer.no_purge \
        else result["reason"]


def scenarios_of(outcomes):
    """Each scenario's name with one of its results, in the order of the suite; one of those that
    say what is ideal, if there are any."""
    found = {}
    for o in outcomes:
        for name, r in o.results.items():
            if name not in found or "ideal" not in found[name]:
                found[name] = r
    return found


def print_text(outcomes):
    """Scenario by scenario, a line for each peer, and under it what the suite found wrong."""
    print(f"\n{'':16} {'':8} {'origin':>8} {'most at':>8} {'first byte, s':>27} {'':>7}\n"
          f"{'':16} {'':8} {'requests':>8} {'once':>8} {'p50':>9}{'p99':>9}{'max':>9} "
          f"{'errors':>7}")
    for name, some in scenarios_of(outcomes).items():
        print(f"\n{name}: {some['sentence']}"
              + (f" Ideal: {some['ideal']}." if some.get("ideal") else ""))
        for o in outcomes:
            r = o.results.get(name)
            if r is None or r["verdict"] == "skipped":
                why = why_skipped(o.peer, r) if r else "no result"
                print(f"  {o.peer.name:14} {'skipped':8} {why}")
                continue
            first, verdict = r["first_byte_ms"], r["verdict"]
            print(f"  {o.peer.name:14} {'FAILED' if verdict == 'failed' else verdict:8} "
                  f"{r['origin_requests']:8} {r['most_at_once']:8} "
                  + "".join(f"{seconds(first[k]):>9}" for k in ("p50", "p99", "max"))
                  + f" {error_count(r):7}")
            if verdict == "failed":
                print(f"  {'':14} ! {r['reason']}")
    print()
    for o in outcomes:
        print(f"{o.peer.name} {o.version}: {o.passed} of {o.judged} passed"
              + (f"; {o.fault}" if o.fault else ""))


def cell(outcome, name):
    r = outcome.results.get(name)
    if r is None:
        return "no result"
    if r["verdict"] == "skipped":
        return "-"
    errors = error_count(r)
    return (("" if r["verdict"] == "passed" else "**fails:** ")
            + f"{r['origin_requests']:,} req"
            + (f" ({r['most_at_once']:,} at once)" if r["most_at_once"] > 1 else "")
            + f", {seconds(r['first_byte_ms']['p99'])} s"
            + (f", {plural(errors, 'error')}" if errors else ""))


def write_markdown(path, outcomes, absent, options, command):
    """The table of docs/comparison.md."""
    def row(*cells):
        return "| " + " | ".join(cells) + " |\n"

    with open(path, "w", encoding="utf-8") as f:
        f.write(row("scenario", "ideal", *(f"{o.peer.name} {o.version}" for o in outcomes)))
        f.write(row(*["---"] * (len(outcomes) + 2)))
        for name, some in scenarios_of(outcomes).items():
            f.write(row(f"`{name}`: {some['sentence']}", some.get("ideal", ""),
                        *(cell(o, name) for o in outcomes)))
        f.write(row("**passed**", "", *(f"**{o.passed} of {o.judged}**" for o in outcomes)))
        f.write(f"""
Each cell: requests that reached the origin (and the most of them at one time), the 99th percentile
of the time to the first byte, and answers that were wrong or missing. {options.clients:,} clients,
{options.keys:,} keys, at most {options.limit:,} requests at once allowed under `/limited/`;
clients, proxy and origin on one machine with {plural(os.cpu_count(), 'processor')};
{time.strftime('%Y-%m-%d')}.
""")
        for o in outcomes:
            if o.peer.note:
                f.write(f"\n{o.peer.name} {o.peer.note}.\n")
            for name, r in o.results.items():
                if r["verdict"] == "skipped":
                    f.write(f"\n{o.peer.name} was not asked for `{name}`: "
                            f"{why_skipped(o.peer, r)}.\n")
            if o.fault:
                f.write(f"\n{o.peer.name}: {o.fault.splitlines()[0]}.\n")
        if absent:
            f.write(f"\nNot installed, so not measured: {', '.join(absent)}.\n")
        f.write(f"\nRepeat it with `{command}`.\n")
