#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the suites of a build one after the other, and counts what was tested.

Meson counts programs; one program holds many test cases, and a case that was skipped in a program that
passed would go unseen. So the cases are counted here, from the output that Meson keeps in its logs:
the lines of TAP that GTest programs write, and the lines that tests/conftest.py writes for pytest. A program
that speaks neither is one case.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time

# Quick ones first: what is wrong everywhere shows early. Suites that are not named here follow.
ORDER = ["check", "unit", "simulation", "bus", "polkit", "install", "torture", "interop", "libvirt", "demo", "vm", "package"]

GOOD = {"OK", "EXPECTEDFAIL"}
TAP = re.compile(r"^(not )?ok \d+\s*(?:- )?(.*?)(?:\s*#\s*((?i:SKIP|TODO))\b[\s:]*(.*))?$")
TAP_SKIP_ALL = re.compile(r"^1\.\.0\s*#\s*(?i:SKIP)\w*[\s:]*(.*)$")
CASE = re.compile(r"^case (passed|failed|skipped) (\S.*?)(?: # (.*))?$")


class Tally:
    def __init__(self):
        self.count = collections.Counter(passed=0, failed=0, skipped=0)
        self.failed = []
        self.skipped = []

    def add(self, outcome, name, detail=""):
        self.count[outcome] += 1
        if outcome == "failed":
            self.failed.append((name, detail))
        elif outcome == "skipped":
            self.skipped.append((name, detail or "gave no reason"))


def cases_of(output):
    """(outcome, name, detail) for each case that the output of one program tells of."""
    for line in output.splitlines():
        line = line.rstrip()
        match = CASE.match(line)
        if match:
            yield match[1], match[2], match[3] or ""
            continue
        match = TAP.match(line)
        if match:
            mark = (match[3] or "").upper()
            if mark == "SKIP":
                yield "skipped", match[2], match[4]
            elif mark == "TODO":
                yield "skipped", match[2], "not done yet: " + (match[4] or "")
            else:
                yield "failed" if match[1] else "passed", match[2], ""


def add_program(tally, entry):
    # "bailiff:unit / layout": the project is known.
    name, result = entry["name"].rpartition(":")[2], entry["result"]
    cases = list(cases_of(entry.get("stdout", "")))
    for outcome, case, detail in cases:
        tally.add(outcome, f"{name}: {case}", detail)
    outcomes = {case[0] for case in cases}
    if result == "SKIP":
        if "skipped" not in outcomes:
            last = "".join(entry.get("stdout", "").strip().splitlines()[-1:])
            tally.add("skipped", name, TAP_SKIP_ALL.sub(r"\1", last))
    elif result not in GOOD:
        # A program that crashed, or ran out of time, between its cases.
        if "failed" not in outcomes:
            tally.add("failed", name, f"{result}, exit status {entry.get('returncode')}")
    elif not cases:
        tally.add("passed", name)


# Their tests wait for deadlines more than they compute: so many run at a time on each processor.
WAITING = {"bus": 3, "interop": 2, "vm": 2}


def suites_of(build):
    listing = subprocess.run(["meson", "introspect", "--tests", str(build)],
                             stdout=subprocess.PIPE, check=True)
    found = {suite.rpartition(":")[2] for test in json.loads(listing.stdout) for suite in test["suite"]}
    return [s for s in ORDER if s in found] + sorted(found.difference(ORDER))


def run_suite(build, suite, setup, tally):
    logbase = f"suite-{suite}"
    log = build / "meson-logs" / (f"{logbase}-{setup}.json" if setup else f"{logbase}.json")
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(build), "--suite", suite, "--logbase", logbase, "--print-errorlogs"]
    if setup:
        command += ["--setup", setup]
    if suite in WAITING:
        command += ["--num-processes", str(WAITING[suite] * (os.cpu_count() or 1))]
    print(f"\n== {suite} ==", flush=True)
    begin = time.monotonic()
    status = subprocess.run(command).returncode
    print(f"{suite} took {time.monotonic() - begin:.0f} s", flush=True)
    entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    failed_before = tally.count["failed"]
    for entry in entries:
        add_program(tally, entry)
    if not entries:
        tally.add("failed", suite, f"meson test ran nothing (exit status {status})")
    elif status and tally.count["failed"] == failed_before:
        tally.add("failed", suite, f"meson test ended with exit status {status}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--setup", help="the Meson test setup to run under")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    arguments = parser.parse_args()

    known = suites_of(arguments.build)
    unknown = [s for s in arguments.suites if s not in known]
    if unknown:
        sys.exit(f"run: no suite {', '.join(unknown)}; there are: {' '.join(known)}")

    tally = Tally()
    for suite in [s for s in known if not arguments.suites or s in arguments.suites]:
        run_suite(arguments.build, suite, arguments.setup, tally)

    print()
    for name, detail in tally.failed:
        print(f"FAILED {name}" + (f": {detail}" if detail else ""))
    for name, reason in tally.skipped:
        print(f"skipped {name}: {reason}")
    count = tally.count
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
