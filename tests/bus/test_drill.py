# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drills: the timeline of a lockspace, told without touching anything, and the walk of one registration, which is
real."""

import json
import os
import pty
import signal
import subprocess

import pytest

from gi.repository import GLib

from ctl import PROGRAM, ctl, ctl_json, environment
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, begin_join, fails_with, format_lockspace, inspect_resource,
                         make_space_of_three, policy, register, release, unregister, wait_by_asking, wait_ended,
                         wanted)
from main_loop import LIMIT
from private_service import BusError, options

SECOND = 1_000_000


@pytest.fixture
def space(service, storage):
    return make_space_of_three(service, storage)


def drill(service, lockspace=SPACE):
    return service.call(lockspace, "Lockspace", "Drill", "(a{sv})", {})


def on_terminal(service, typed, *arguments):
    """bailiffctl whose standard input is a terminal on which this is typed: its status and what it said."""
    outside, inside = pty.openpty()
    try:
        process = subprocess.Popen([PROGRAM, *(str(each) for each in arguments)], env=environment(service), text=True,
                                   stdin=inside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.write(outside, typed.encode())
        output, _ = process.communicate(timeout=LIMIT)
        return process.returncode, output
    finally:
        os.close(outside)
        os.close(inside)


def short(events):
    return [(event["since-fail-usec"] / SECOND, event["event"], event.get("name", ""), event["text"].split(":")[0])
            for event in events]


def drill_live(service, registration):
    service.call(registration, "Registration", "Drill", "(a{sv})", {})


def test_the_timeline(service, space, make_worker):
    stopped, ignored, plain, idle = (make_worker() for _ in range(4))
    first = register(service, stopped, "stopped", failure_policy=policy(("notify", 5), ("signal", 20, "INT"), ("kill", 0)))
    second = register(service, ignored, "ignored", failure_policy=policy(("ignore", 0)))
    third = register(service, plain, "plain")
    register(service, idle, "idle")
    for number, path in enumerate((first, second, third), 1):
        acquire(service, path, wanted(space, number))

    seen = len(service.signals)
    events = drill(service)
    at = service.properties(SPACE, "Lockspace")
    assert short(events) == [
        (-2, "late", "", "space is late"),
        (0, "fail", "", "space has failed"),
        (0, "step", "stopped", "notify 5s"),
        (0, "step", "ignored", "ignore"),
        (0, "step", "plain", "signal TERM 10s"),
        (5, "step", "stopped", "signal INT 20s"),
        (10, "step", "plain", "kill"),
        (25, "step", "stopped", "kill"),
        (40, "guard", "", "the guard kills whoever is left, also if bailiffd is stuck"),
        (50, "reset", "", "no watchdog is armed"),
        (50, "left", "", "what a kill cannot end, such as a process that waits for storage, goes on"),
        (60, "free", "", "other hosts may take over what was held here"),
        (60, "left", "ignored", f"ignored (process {ignored.pid}) is ignored and goes on")]
    assert [event["at-usec"] for event in events] == sorted(event["at-usec"] for event in events)
    for event in events:
        assert event["at-usec"] - event["since-renewal-usec"] == events[0]["at-usec"] - 6 * SECOND
        assert event["at-usec"] - event["since-fail-usec"] == events[1]["at-usec"]
    # With a renewal between the two calls it is later, never earlier.
    assert events[1]["at-usec"] <= at["FailAtUsec"]
    steps = [event for event in events if event["event"] == "step" and event["registration"] == first]
    assert [(step["step"], step["action"], step["proof"], step["kind"]) for step in steps] == [
        (0, "notify", "none", "process"), (1, "signal", "end", "process"), (2, "kill", "checked", "process")]
    assert [step.get("until-usec", 0) - steps[0]["at-usec"] for step in steps[:2]] == [5 * SECOND, 25 * SECOND]
    assert "until-usec" not in steps[2]

    # Nothing was touched.
    assert not [each for each in service.signals[seen:] if each.member != "PropertiesChanged"]
    assert all(worker.poll() is None for worker in (stopped, ignored, plain, idle))
    assert service.property(SPACE, "Lockspace", "State") == "held"
    release(service, second)


def test_a_timeline_of_nobody(service, space):
    assert [event["event"] for event in drill(service)] == ["late", "fail", "free"]
    with fails_with("InvalidArgument", "colour"):
        service.call(SPACE, "Lockspace", "Drill", "(a{sv})", options(colour=("s", "red")))


def test_no_timeline_of_what_is_not_held(service, storage):
    format_lockspace(service, storage)
    begin_join(service, storage)
    with fails_with("NotJoined", "joining"):
        drill(service)


def test_a_live_drill_ends_in_the_end(service, space, make_worker):
    worker = make_worker(IGNORE_TERM)
    path = register(service, worker, failure_policy=policy(("signal", 1, "TERM"), ("kill", 0)))
    acquire(service, path, wanted(space, 1), wanted(space, 2))
    drill_live(service, path)
    with fails_with("Busy", "failing"):
        drill_live(service, path)
    service.wait_for_signal("Cleared", path, matches=lambda arguments: arguments == ("exited",))
    assert wait_ended(service, worker) == -signal.SIGKILL
    steps = [(each.member, *each.arguments[:2]) for each in service.signals
             if each.path == path and each.member.startswith("Step")]
    assert steps == [("StepStarted", 0, "signal"), ("StepFinished", 0, "signal"), ("StepStarted", 1, "kill"),
                     ("StepFinished", 1, "kill")]
    service.wait_until(lambda: all(inspect_resource(service, space, number * MIB)["state"] == "free"
                                   for number in (1, 2)), "the release of both leases on disk")
    assert service.property(SPACE, "Lockspace", "State") == "held"


def test_who_lets_go_of_everything_is_cleared(service, space, make_worker):
    worker = make_worker()
    path = register(service, worker, failure_policy=policy(("notify", 30), ("kill", 0)))
    resources = acquire(service, path, wanted(space, 1), wanted(space, 2))
    drill_live(service, path)
    release(service, path, resources[0])
    assert service.property(path, "Registration", "State") == "failing"
    release(service, path, resources[1])
    service.wait_for_signal("Cleared", path, matches=lambda arguments: arguments == ("released",))
    assert service.property(path, "Registration", "State") == "cleared"
    assert worker.poll() is None

    # And it goes on as if nothing had been: the same again, with leases.
    acquire(service, path, wanted(space, 1))
    assert service.property(path, "Registration", "State") == "active"
    release(service, path)
    unregister(service, path)


def test_a_program_knows_that_it_is_a_drill(service, space, make_worker, tmp_path):
    script = tmp_path / "tell"
    script.write_text(f"#!/bin/sh\nenv >{tmp_path}/env.part && mv {tmp_path}/env.part {tmp_path}/env\n")
    script.chmod(0o755)
    worker = make_worker()
    value = [("exec", 30, {"program": GLib.Variant("s", str(script))}), ("kill", 0, {})]
    path = register(service, worker, "guest", failure_policy=("a(sua{sv})", value))
    acquire(service, path, wanted(space, 1))
    drill_live(service, path)
    wait_by_asking(service, (tmp_path / "env").exists, "what the program tells")
    told = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert told["BAILIFF_DRILL"] == "1" and "BAILIFF_LOCKSPACE" not in told
    assert (told["BAILIFF_REGISTRATION"], told["BAILIFF_PID"]) == ("guest", str(worker.pid))
    release(service, path)
    unregister(service, path)


def test_live_drills_that_are_refused(service, space, make_worker):
    path = register(service, make_worker(), failure_policy=policy(("ignore", 0)))
    acquire(service, path, wanted(space, 1))
    with fails_with("InvalidArgument", "ignore"):
        drill_live(service, path)
    with fails_with("InvalidArgument", "colour"):
        service.call(path, "Registration", "Drill", "(a{sv})", options(colour=("s", "red")))
    assert service.property(path, "Registration", "State") == "active"
    release(service, path)
    unregister(service, path)
    with pytest.raises(BusError) as caught:
        drill_live(service, path)
    assert caught.value.name.startswith("org.freedesktop.DBus.Error.Unknown")


# bailiffctl

def test_the_timeline_for_people_and_programs(service, space, make_worker):
    path = register(service, make_worker(), "guest", failure_policy=policy(("notify", 5), ("kill", 0)))
    acquire(service, path, wanted(space, 1))
    number = path.rpartition("/")[2]
    lines = [line.split() for line in ctl(service, "drill", "space").stdout.splitlines()]
    assert lines[1] == ["RENEWAL", "FAIL", "EVENT", "REGISTRATION", "PROOF", "WHAT"]
    assert ["8", "s", "+0", "s", "step", "guest", f"({number})", "nothing", "notify", "5s"] in lines
    assert ["13", "s", "+5", "s", "step", "guest", f"({number})", "checked", "kill"] in lines
    assert ["6", "s", "-2", "s", "late"] in [line[:5] for line in lines]
    assert ["68", "s", "+60", "s", "free"] in [line[:5] for line in lines]
    assert any(line[:4] == ["what", "a", "kill", "cannot"] for line in lines)

    events = ctl_json(service, "drill", "space")
    assert [(event["Event"], event["SinceFailUsec"]) for event in events if event.get("Registration") == path] == [
        ("step", 0), ("step", 5 * SECOND)]
    ctl(service, "drill", "none", status=1)
    ctl(service, "drill", status=2)
    ctl(service, "drill", "space", "--yes", "guest", status=2)
    release(service, path)


def test_a_live_drill_has_to_be_confirmed(service, space, make_worker):
    worker = make_worker("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    path = register(service, worker, "guest", failure_policy=policy(("signal", 30, "INT"), ("kill", 0)))
    acquire(service, path, wanted(space, 1))
    number = path.rpartition("/")[2]

    nobody = ctl(service, "drill", "--live", "guest", status=2)
    assert "nothing was done" in nobody.stderr
    ctl(service, "drill", "--live", number, "--yes", "other", status=2)
    ctl(service, "drill", "--live", number, "--yes", number, status=2)
    ctl(service, "drill", "--live", number, "--yes", "", status=2)
    for typed in "other\n", "\n", "y\n", "\x04":
        status, output = on_terminal(service, typed, "drill", "--live", number)
        assert status == 2 and "nothing was done" in output
        assert "guest (process)" in output and "signal INT 30s, kill" in output
        assert "does not go on by itself" in output
    assert service.property(path, "Registration", "State") == "active"
    assert worker.poll() is None

    status, output = on_terminal(service, "guest\n", "drill", "--live", number)
    assert status == 0, output
    assert "step 1: signal" in output and "cleared: exited" in output
    assert "does not go on by itself" in output.rpartition("cleared: exited")[2]
    assert wait_ended(service, worker) == -signal.SIGINT


def test_a_live_drill_for_scripts(service, space, make_worker):
    worker = make_worker(IGNORE_TERM)
    path = register(service, worker, "guest", failure_policy=policy(("signal", 1, "TERM"), ("kill", 0)))
    acquire(service, path, wanted(space, 1))
    printed = ctl(service, "drill", "--live", "guest", "--yes", "guest", "--json").stdout
    events = [json.loads(line) for line in printed.splitlines()]
    assert [(event["Event"], event.get("Action"), event.get("How")) for event in events] == [
        ("step-started", "signal", None), ("step-finished", "signal", None), ("step-started", "kill", None),
        ("step-finished", "kill", None), ("cleared", None, "exited")]
    assert events[-1]["OnRecovery"] == "leave"
    assert events[2]["SinceStartUsec"] >= SECOND
    assert wait_ended(service, worker) == -signal.SIGKILL
