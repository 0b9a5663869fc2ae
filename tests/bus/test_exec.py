# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exec steps: a program is looked at when its policy is given, and run as the one who gave it when storage hangs."""

import os
import pathlib
import signal

import pytest

from event_times import EventTimes
from exec_programs import launchers, running, scripts, steps
from lease_calls import (IGNORE_TERM, SPACE, acquire, fails_with, make_space_of_three, register, unregister,
                         wait_by_asking, wait_ended, wanted)
from mocked_systemd import MockedSystemd
from private_service import BusError, options

SECOND = 1_000_000


# When the policy is given

def bad_programs(scripts, tmp_path):
    return {
        "NotFound": [str(tmp_path / "missing"), scripts("file") + "/below"],
        "InvalidArgument": [scripts("plain", mode=0o644), str(tmp_path), "/dev/null"],
    }


def test_programs_that_could_not_be_run_are_refused(daemon, worker, scripts, tmp_path):
    good = scripts("good")
    before = daemon.objects()
    for name, programs in bad_programs(scripts, tmp_path).items():
        for program in programs:
            with fails_with(name, program):
                register(daemon, worker, failure_policy=steps(("exec", 3, program), ("kill", 0)))
            with fails_with(name, "Step 2 (exec)"):
                register(daemon, worker, failure_policy=steps(("exec", 3, good), ("exec", 3, program), ("kill", 0)))
    assert daemon.objects() == before

    path = register(daemon, worker, failure_policy=steps(("exec", 3, good), ("kill", 0)))
    policy = daemon.property(path, "Registration", "FailurePolicy")
    for name, programs in bad_programs(scripts, tmp_path).items():
        for program in programs:
            with fails_with(name, program):
                daemon.call(path, "Registration", "SetFailurePolicy", "(a(sua{sv})a{sv})",
                            steps(("exec", 3, program), ("kill", 0))[1], {})
    assert daemon.property(path, "Registration", "FailurePolicy") == policy
    unregister(daemon, path)


def test_a_registration_that_ends_while_its_program_is_looked_at(daemon, make_worker, scripts):
    """The look takes its time, here by a launcher that stands still: what it was for may be gone by then."""
    path = register(daemon, make_worker())
    launcher, = launchers(daemon)
    os.kill(launcher, signal.SIGSTOP)
    try:
        pending = daemon.begin(path, "Registration", "SetFailurePolicy", "(a(sua{sv})a{sv})",
                               steps(("exec", 3, scripts("good")), ("kill", 0))[1], {})
        unregister(daemon, path)
    finally:
        os.kill(launcher, signal.SIGCONT)
    with pytest.raises(BusError) as caught:
        pending.result()
    # The latter on a machine that is slow as well.
    assert caught.value.name in ("org.bailiff.Error.NotFound", "org.bailiff.Error.IoTimeout")


def test_a_look_that_takes_too_long_holds_up_nobody(daemon, worker, scripts):
    given = options(failure_policy=steps(("exec", 3, scripts("good")), ("kill", 0)))
    launcher, = launchers(daemon)
    held_up = 0
    os.kill(launcher, signal.SIGSTOP)
    try:
        # On a slow machine a second may be over before two other calls are; but not each time.
        while held_up < 20:
            pending = daemon.begin("Manager", "Manager", "RegisterPid", "(usa{sv})", worker.pid, "worker", given)
            unregister(daemon, register(daemon, worker))
            waited = not pending.done
            with fails_with("IoTimeout", "good"):
                pending.result()
            if waited:
                break
            held_up += 1
    finally:
        os.kill(launcher, signal.SIGCONT)
    assert held_up < 20


# When it is walked

@pytest.fixture
def space(service, hanging_storage):
    yield make_space_of_three(service, hanging_storage.path)
    hanging_storage.resume()


def hold(service, path, number, worker, *given, name="worker"):
    registration = register(service, worker, name=name, failure_policy=steps(*given))
    acquire(service, registration, wanted(path, number))
    return registration


def wait_file(service, path):
    wait_by_asking(service, lambda: os.path.exists(path), path)
    return pathlib.Path(path).read_text().splitlines()


def finished(times, path):
    return [event.arguments[:4] for event in times.of(path, "StepFinished")]


def test_the_walk(service, hanging_storage, space, make_worker, scripts):
    """One whose program ends it, one whose program hangs, one whose program fails: all at the same time."""
    shows = scripts("shows", """for word; do echo "<$word>"; done >$0.new
        tr '\\0' '\\n' </proc/$$/environ >>$0.new; id -u >>$0.new; mv $0.new $0.out
        echo it is told; kill -TERM $BAILIFF_PID""")
    hangs = scripts("hangs", """trap '' TERM HUP
        [ "$1" = again ] || "$0" again &
        echo hanging; while :; do sleep 1000; done""")
    fails = scripts("fails", "exit 7")
    obedient, stubborn, other = make_worker(), make_worker(IGNORE_TERM), make_worker(IGNORE_TERM)
    paths = [
        hold(service, space, 1, obedient, ("exec", 20, shows, "two words", ""), ("kill", 0), name="first"),
        hold(service, space, 2, stubborn, ("exec", 2, hangs), ("kill", 0)),
        hold(service, space, 3, other, ("exec", 30, fails), ("kill", 0))]
    times = EventTimes(service)
    fail_at = None

    hanging_storage.hang()
    service.wait_for_property(SPACE, "Lockspace", "State", "late")
    fail_at = service.property(SPACE, "Lockspace", "FailAtUsec")
    assert wait_file(service, shows + ".out") == [
        "<two words>", "<>", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "BAILIFF_LOCKSPACE=space",
        "BAILIFF_REGISTRATION=first", f"BAILIFF_REGISTRATION_ID={paths[0].rsplit('/', 1)[1]}",
        "BAILIFF_KIND=process", f"BAILIFF_PID={obedient.pid}", "BAILIFF_STEP=0", "BAILIFF_STEP_SECONDS=20",
        str(os.geteuid())]
    assert wait_ended(service, obedient) == -signal.SIGTERM
    assert wait_ended(service, stubborn) == -signal.SIGKILL
    assert wait_ended(service, other) == -signal.SIGKILL
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")

    # What hangs is over at the end of its grace; what fails is over at once.
    kill_at = times.one(paths[1], "StepStarted", 1, "kill")
    assert fail_at + 2 * SECOND <= kill_at < fail_at + 30 * SECOND
    index, action, worked, detail = finished(times, paths[1])[0]
    assert (index, action, worked) == (0, "exec", False)
    assert hangs in detail or "answer" in detail
    index, action, worked, detail = finished(times, paths[2])[0]
    assert (index, action, worked) == (0, "exec", False) and "status 7" in detail
    assert "\n" not in detail  # it is told in one line everywhere
    assert times.one(paths[2], "StepStarted", 1, "kill") < fail_at + 30 * SECOND
    for step in finished(times, paths[1]) + finished(times, paths[2]):
        assert step[3]
    wait_by_asking(service, lambda: not running(hangs), "the end of the program that hung and of its child")
    wait_by_asking(service, lambda: "Registration first, shows: it is told" in service.log(), "the program's output")


def test_a_unit(service, scripts, group):
    """In a drill, which runs what would be run. This unit has no main process."""
    systemd = MockedSystemd(service, group)
    try:
        process = group.run()
        shows = scripts("shows", "tr '\\0' '\\n' </proc/$$/environ >$0.new; mv $0.new $0.out")
        unit = service.call("Manager", "Manager", "RegisterUnit", "(sa{sv})", "a.service",
                            options(failure_policy=steps(("exec", 1, shows), ("kill", 0))))
        service.call(unit, "Registration", "Drill", "(a{sv})", {})
        assert [line for line in wait_file(service, shows + ".out") if line.startswith("BAILIFF_")] == [
            "BAILIFF_DRILL=1", "BAILIFF_REGISTRATION=a.service", f"BAILIFF_REGISTRATION_ID={unit.rsplit('/', 1)[1]}",
            "BAILIFF_KIND=unit", "BAILIFF_UNIT=a.service", "BAILIFF_STEP=0", "BAILIFF_STEP_SECONDS=1"]
        assert wait_ended(service, process) == -signal.SIGKILL
    finally:
        systemd.vanish()
