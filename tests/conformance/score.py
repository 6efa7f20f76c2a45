# SPDX-License-Identifier: BSD-2-Clause
"""The score: what the suite makes of the results, and how they stand to the expectations."""

KINDS = ("required", "optimal", "check")
GOOD = {"pass", "yes"}


def applicable(suites):
    """The tests for a proxy, by id."""
    return {test["id"]: test for suite in suites for test in suite["tests"]
            if not test.get("browser_only")}


def kind(test):
    return test.get("kind", "required")


def with_dependencies(tests, idents):
    wanted, left = {}, list(idents)
    while left:
        ident = left.pop()
        if ident in tests and ident not in wanted:
            wanted[ident] = tests[ident]
            left += tests[ident].get("depends_on", [])
    return wanted


def outcome(tests, results, ident):
    """In the suite's words.  A test whose depends_on did not pass does not count."""
    if ident not in results:
        return "untested"
    for other in tests[ident].get("depends_on", []):
        if outcome(tests, results, other) not in GOOD:
            return "dependency_fail"
    result = results[ident]
    if result is True:
        return "yes" if kind(tests[ident]) == "check" else "pass"
    if result.name == "Setup":
        return "retry" if str(result) == "retry" else "setup_fail"
    if result.name == "AbortError":
        return "harness_fail"
    return {"required": "fail", "optimal": "optional_fail", "check": "no"}[kind(tests[ident])]


def because(tests, results, ident):
    """Why it did not pass."""
    for other in tests[ident].get("depends_on", []):
        if outcome(tests, results, other) not in GOOD:
            return f"it depends on {other}"
    return f"{results[ident].name}: {results[ident]}"


def read_expected(path, tests):
    """The tests that are expected not to pass, and the faults of the file.

    A line is an id, white space and the reason; empty lines and those that begin with # are notes.
    """
    expected, faults = {}, []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            ident, *reason = line.strip().split(None, 1) or [""]
            if not ident or ident.startswith("#"):
                continue
            if ident not in tests:
                faults.append(f"{path}:{number}: there is no test {ident}")
            elif ident in expected:
                faults.append(f"{path}:{number}: {ident} is here twice")
            elif not reason:
                faults.append(f"{path}:{number}: {ident} has no reason")
            else:
                expected[ident] = reason[0]
    return expected, faults


def figures(tests, outcomes):
    parts = []
    for each in KINDS:
        idents = [i for i in outcomes if kind(tests[i]) == each]
        good = sum(outcomes[i] in GOOD for i in idents)
        parts.append(f"{each} {good}/{len(idents)}")
    return ", ".join(parts)


def report(tests, results, expected):
    """Prints it all; returns the faults."""
    outcomes = {i: outcome(tests, results, i) for i in tests}
    faults = []
    for ident in sorted(outcomes):
        good = outcomes[ident] in GOOD
        if not good:
            why = because(tests, results, ident)
            print(f"{ident} {kind(tests[ident])} {outcomes[ident]}: {why}")
        if good and ident in expected:
            faults.append(f"{ident} passes now: remove its line ({expected[ident]})")
        elif not good and ident not in expected:
            faults.append(f"{ident} ({kind(tests[ident])}) does not pass, and nothing says why")
    print(f"figures: {figures(tests, outcomes)}")
    return faults
