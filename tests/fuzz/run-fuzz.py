#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run-fuzz.py BUILD SECONDS [TARGET...]: runs the fuzz targets of a build made with -Dfuzzing=true, as many at a time
as there are processors, so that all together take SECONDS.

Each starts from its kept inputs and from what earlier runs found to be interesting (BUILD/corpus). An input that
broke something is kept in BUILD/findings; the exit status is 1 then.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
INPUT_BYTES_MAX = 4096
# One input that takes longer is a finding: none has more than some thousand steps to go.
INPUT_SECONDS_MAX = 20
# A target that does not end by itself when its time is over is stuck.
GRACE_SECONDS = 60
EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
# A finding is printed before the statistics are: then the last progress line tells.
PROGRESS = re.compile(r"^#(\d+)\s", re.MULTILINE)


class Result:
    def __init__(self, name, status, output, new_findings):
        self.name = name
        self.broke = status != 0
        self.output = output
        self.findings = new_findings
        counts = EXECUTED.findall(output) or PROGRESS.findall(output)
        self.executions = int(counts[-1]) if counts else 0


def fuzz(build, name, seconds, scratch):
    corpus = build / "corpus" / name
    findings = build / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    before = set(findings.glob(f"{name}-*"))
    command = [
        str(build / "tests" / "fuzz" / f"fuzz-{name}"),
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-artifact_prefix={findings}/{name}-",
        "-print_final_stats=1",
        str(corpus),
        str(HERE / "inputs" / name),
    ]
    environment = dict(
        os.environ,
        TMPDIR=scratch,
        ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1",
        UBSAN_OPTIONS="print_stacktrace=1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               env=environment, errors="replace")
    try:
        output, _ = process.communicate(timeout=seconds + GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        output += f"\nkilled: did not end within {GRACE_SECONDS} seconds after its time\n"
    return Result(name, process.returncode, output, sorted(set(findings.glob(f"{name}-*")) - before))


def report(result, build):
    if not result.broke:
        print(f"{result.name:20} {result.executions:10} executions, nothing found", flush=True)
        return
    print(f"{result.name:20} {result.executions:10} executions, BROKE:", flush=True)
    log = build / "findings" / f"{result.name}.log"
    log.write_text(result.output)
    for line in result.output.splitlines():
        if re.search(r"ERROR|runtime error|SUMMARY|^killed", line):
            print(f"    {line.strip()}")
    print(f"    all that it said: {log}")
    for path in result.findings:
        print(f"    replay: {build}/tests/fuzz/fuzz-{result.name} {path}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("seconds", type=int)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    arguments = parser.parse_args()

    build = arguments.build.resolve()
    known = sorted(path.name for path in (HERE / "inputs").iterdir() if path.is_dir())
    unknown = sorted(set(arguments.targets) - set(known))
    if unknown:
        sys.exit(f"run: no target {', '.join(unknown)}; there are: {' '.join(known)}")
    targets = arguments.targets or known
    jobs = min(len(os.sched_getaffinity(0)), len(targets))
    rounds = -(-len(targets) // jobs)
    seconds = arguments.seconds // rounds
    if seconds < 1:
        sys.exit(f"run: {len(targets)} targets, {jobs} at a time, take at least {rounds} seconds")
    print(f"{len(targets)} targets, {jobs} at a time, {seconds} s each", flush=True)

    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(fuzz, build, name, seconds, scratch) for name in targets]
        results = []
        for run in concurrent.futures.as_completed(runs):
            results.append(run.result())
            report(results[-1], build)
    broke = sorted(result.name for result in results if result.broke)
    print(f"{sum(result.executions for result in results)} executions; "
          + (f"broke: {', '.join(broke)}" if broke else "nothing found"))
    # A target that ran nothing has found nothing either.
    idle = sorted(result.name for result in results if not result.executions and not result.broke)
    if idle:
        print(f"ran nothing: {', '.join(idle)}")
    return 1 if broke or idle else 0


if __name__ == "__main__":
    sys.exit(main())
