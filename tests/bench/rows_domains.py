# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storage that hangs, under virtual machines: from the fail deadline until their processors have stopped.

Both sides get the same domains, with <lease> devices and <on_lockfailure>pause</on_lockfailure>: bailiffd by its hook,
sanlock by libvirt's plugin, whose killpath is libvirt_sanlock_helper.
"""

import json
import os
import subprocess
import sys

from contenders import LoadFailed
from private_service import BUILD, SOURCE
from results import Row, at_most

GUESTS = (1, 8)
GOAL = at_most(1000)
PRIVATE_MACHINE = SOURCE / "tests" / "support" / "private-machine"
# Its exit status where it cannot be had; the reason is the last line of its output.
NO_MACHINE = 77


def declare(count):
    return [Row(f"domain-pause/{count}/last", "from the fail deadline until the last domain's processors have stopped",
                "ms", GOAL),
            Row(f"domain-pause/{count}/p50", "until those of half of them have", "ms"),
            Row(f"domain-pause/{count}/first", "until those of the first have", "ms")]


def run_in_machine(*command):
    """(exit status, last line of output). What runs in there ends in order when its standard input does."""
    machine = subprocess.Popen([PRIVATE_MACHINE, sys.executable, "-B", *command], stdin=subprocess.PIPE,
                               # libvirtd runs the hook elsewhere than here.
                               env=dict(os.environ, BAILIFF_BUILD_DIR=str(BUILD.resolve())),
                               stdout=subprocess.PIPE, text=True)
    try:
        output = machine.stdout.read()
    finally:
        machine.stdin.close()
        status = machine.wait()
        machine.stdout.close()
    return status, (output.splitlines() or [""])[-1]


def pause(bench, side, count, repetition):
    """Each domain's time in ms, None of one that was not paused; or a text: why it cannot be measured here."""
    directory = os.path.join(bench.directory, f"domains-{count}-{side}-{repetition}")
    os.makedirs(directory)
    status, last_line = run_in_machine(os.path.join(os.path.dirname(__file__), "domain-pause"), side, str(count),
                                       directory)
    if status == NO_MACHINE:
        return last_line
    if status:
        raise LoadFailed(f"domain-pause {side} {count}: ended with status {status}")
    answer = json.loads(last_line)
    return answer["refused"] or answer["paused_ms"]


def domain_pause(bench, count):
    name = f"domain-pause/{count}"
    for repetition in range(bench.repeat):
        for side in bench.sides:
            bench.say(f"{name}: {side}, repetition {repetition + 1}")
            times = pause(bench, side, count, repetition)
            if isinstance(times, str):
                bench.results.note(f"{name}/last", f"{side}: not measured, {times}")
                continue
            took = sorted(time for time in times if time is not None)
            if len(took) < count:
                bench.results.note(f"{name}/last", f"{side}: {count - len(took)} domains were not paused")
            for metric, index in ("last", -1), ("p50", len(took) // 2), ("first", 0):
                if took:
                    bench.results.add(f"{name}/{metric}", side, took[index])


def groups(bench):
    for count in GUESTS:
        if bench.results.declare(*declare(count)):
            yield f"domain-pause/{count}", lambda _stack, count=count: domain_pause(bench, count)
