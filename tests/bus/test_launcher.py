# SPDX-License-Identifier: LGPL-2.1-or-later
"""The launcher of programs is killed, or stands still, while bailiffd runs: failure policies come to their kill all the
same, nothing that it had started goes on, and another one takes its place."""

import os
import re
import shutil
import signal

import pytest

from event_times import EventTimes
from exec_programs import launchers, running, scripts, steps
from lease_calls import (IGNORE_TERM, acquire, format_lockspace, join, lease, make_space, register, unregister,
                         wait_by_asking, wait_ended)
from main_loop import poll_until
import open_metrics
from open_metrics import value
from private_service import BUILD

SECOND = 1_000_000
# A program with a child in another session: "hanging" twice.
HANGS = """[ "$1" = child ] || setsid "$0" child &
    trap '' TERM HUP
    echo hanging; while :; do sleep 1000; done"""


def gone_lines(service):
    """The delays that the log tells of, one for each time that there was no launcher any more."""
    return [float(delay) for delay in
            re.findall(r"There is no launcher of programs .* started again in ([0-9.]+) s", service.log())]


def launcher_metrics(service):
    families = open_metrics.parse(service.call("Manager", "Manager", "GetMetrics", "(a{sv})", {}))
    return value(families, "bailiff_launcher_up"), value(families, "bailiff_launcher_losses", "_total")


def wait_for_another(service, before):
    def is_there():
        # What it left may still be the daemon's child for a moment.
        return launcher_metrics(service)[0] == 1 and before not in launchers(service) and len(launchers(service)) == 1
    wait_by_asking(service, is_there, "another launcher")
    return launchers(service)[0]


def kill_launcher(service, times):
    """Again and again; the next one is there each time but after the last."""
    launcher, = launchers(service)
    for n in range(times):
        os.kill(launcher, signal.SIGKILL)
        if n + 1 < times:
            launcher = wait_for_another(service, launcher)
    return launcher


def test_killed_in_a_row(service, worker, scripts):
    assert launcher_metrics(service) == (1, 0)
    launcher = kill_launcher(service, 6)
    wait_for_another(service, launcher)
    # Each time it was started once, later than the time before.
    assert launcher_metrics(service) == (1, 6)
    assert gone_lines(service) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
    assert service.log().count("The launcher of programs runs again") == 6
    unregister(service, register(service, worker, failure_policy=steps(("exec", 3, scripts("good")), ("kill", 0))))


def test_standing_still(service, worker, scripts):
    """Nobody needs it, and still it is found out and replaced."""
    launcher, = launchers(service)
    os.kill(launcher, signal.SIGSTOP)
    wait_for_another(service, launcher)
    assert "does not answer" in service.log()
    assert launcher_metrics(service)[0] == 1
    unregister(service, register(service, worker, failure_policy=steps(("exec", 3, scripts("good")), ("kill", 0))))


def test_the_next_one_has_nothing_of_the_daemon(service, storage, worker, scripts):
    """Of a lockspace that is joined: its device, its lock file, its timers."""
    first, = launchers(service)
    wanted = sorted(os.readlink(f"/proc/{first}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{first}/fd"))
    format_lockspace(service, storage)
    join(service, storage)
    os.kill(first, signal.SIGKILL)
    second = wait_for_another(service, first)
    found = sorted(os.readlink(f"/proc/{second}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{second}/fd"))
    assert found == wanted


def test_an_upgrade(make_service, worker, scripts, tmp_path):
    """The file that bailiffd runs from is replaced and removed: the next launcher is of the old version still."""
    service = make_service("none")
    copy = tmp_path / "bailiffd"
    shutil.copy(BUILD / "src/daemon/bailiffd", copy)
    service.start_daemon(program=copy)
    copy.unlink()
    copy.write_text("#!/bin/false\n")
    copy.chmod(0o755)
    launcher = kill_launcher(service, 2)
    wait_for_another(service, launcher)
    copy.unlink()
    wait_for_another(service, kill_launcher(service, 1))
    unregister(service, register(service, worker, failure_policy=steps(("exec", 3, scripts("good")), ("kill", 0))))


# Policies

@pytest.fixture
def space(service, hanging_storage):
    yield make_space(service, hanging_storage.path)
    hanging_storage.resume()


def finished(times, path):
    return [event.arguments[:4] for event in times.of(path, "StepFinished")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_gone_during_a_step(service, hanging_storage, space, make_worker, scripts, how):
    """The step has more than half a minute left; and what it was doing does not go on behind the kill."""
    stubborn = make_worker(IGNORE_TERM)
    hangs = scripts("hangs", HANGS)
    path = register(service, stubborn, failure_policy=steps(("exec", 35, hangs), ("kill", 0)))
    acquire(service, path, lease(space))
    times = EventTimes(service)
    launcher, = launchers(service)
    hanging_storage.hang()
    wait_by_asking(service, lambda: service.log().count("hanging") == 2, "the program and its child")
    began = times.one(path, "StepStarted", 0, "exec")
    os.kill(launcher, how)
    assert wait_ended(service, stubborn) == -signal.SIGKILL
    service.wait_for_signal("Cleared", path)
    index, action, worked, detail = finished(times, path)[0]
    assert (index, action, worked) == (0, "exec", False)
    assert "launcher is gone" in detail
    assert times.one(path, "StepStarted", 1, "kill") < began + 35 * SECOND
    wait_by_asking(service, lambda: not running(hangs), "the end of the program and of its child")
    wait_for_another(service, launcher)


def test_away_when_it_is_needed(service, make_worker, scripts):
    """Killed so often that it is not back for some seconds: the step does not wait for it. (On a slow machine it may be
    back before the step begins, whose program then ends the worker; but the delay is twice as long the next time.)"""
    times = EventTimes(service)
    ends = scripts("ends", "kill -KILL $BAILIFF_PID")
    launcher = kill_launcher(service, 5)
    for losses in range(6, 10):
        launcher = wait_for_another(service, launcher)
        stubborn = make_worker(IGNORE_TERM)
        path = register(service, stubborn, failure_policy=steps(("exec", 35, ends), ("kill", 0)))
        os.kill(launcher, signal.SIGKILL)
        wait_by_asking(service, lambda: launcher_metrics(service)[1] == losses, "the end of the launcher")
        service.call(path, "Registration", "Drill", "(a{sv})", {})
        assert wait_ended(service, stubborn) == -signal.SIGKILL
        service.wait_for_signal("Cleared", path)
        index, action, worked, detail = finished(times, path)[0]
        if "launcher of programs is gone" in detail:
            assert (index, action, worked) == (0, "exec", False)
            kill_at = times.one(path, "StepStarted", 1, "kill")
            assert kill_at < times.one(path, "StepStarted", 0, "exec") + 35 * SECOND
            return
    raise AssertionError("the launcher was back each time")


def test_standing_still_when_it_is_needed(service, make_worker, scripts):
    stubborn = make_worker(IGNORE_TERM)
    never = scripts("never", "echo it was run")
    path = register(service, stubborn, failure_policy=steps(("exec", 35, never), ("kill", 0)))
    times = EventTimes(service)
    launcher, = launchers(service)
    os.kill(launcher, signal.SIGSTOP)
    service.call(path, "Registration", "Drill", "(a{sv})", {})
    assert wait_ended(service, stubborn) == -signal.SIGKILL
    service.wait_for_signal("Cleared", path)
    assert "launcher is gone" in finished(times, path)[0][3]
    assert times.one(path, "StepStarted", 1, "kill") < times.one(path, "StepStarted", 0, "exec") + 35 * SECOND
    wait_for_another(service, launcher)
    assert "it was run" not in service.log()


@pytest.mark.parametrize("stopped", [False, True])
def test_the_daemon_executes_itself_during_a_step(service, hanging_storage, space, make_worker, scripts, stopped):
    """The launcher goes on with its program. One that stands still does not, and what it had started is gone. Either
    way the policy comes to its kill, and then nothing of the program is left."""
    stubborn = make_worker(IGNORE_TERM)
    hangs = scripts("hangs", HANGS)
    path = register(service, stubborn, failure_policy=steps(("exec", 4, hangs), ("kill", 0)))
    acquire(service, path, lease(space))
    launcher, = launchers(service)
    hanging_storage.fail()
    wait_by_asking(service, lambda: running(hangs), "the program")
    if stopped:
        os.kill(launcher, signal.SIGSTOP)
    old = service.owner()
    os.kill(service.daemon.pid, signal.SIGUSR1)
    service.wait_for_another_owner(old)
    if stopped:
        poll_until(lambda: not os.path.exists(f"/proc/{launcher}"), "the end of the launcher")
    assert wait_ended(service, stubborn) == -signal.SIGKILL
    poll_until(lambda: not running(hangs), "the end of the program and of its child")
    # One that was given up is a child until it has ended.
    poll_until(lambda: len(launchers(service)) == 1, "one launcher")
    assert (launchers(service) == [launcher]) == (not stopped)


# The daemon's own end

def test_no_launcher_outlives_its_daemon(service):
    launcher, = launchers(service)
    service.kill_daemon()
    poll_until(lambda: not os.path.exists(f"/proc/{launcher}"), "the end of the launcher")


@pytest.mark.parametrize("stopped", [False, True])
def test_no_program_outlives_its_daemon(service, make_worker, scripts, stopped):
    """Nor does a launcher that stands still in that moment."""
    hangs = scripts("hangs", HANGS)
    path = register(service, make_worker(IGNORE_TERM), failure_policy=steps(("exec", 35, hangs), ("kill", 0)))
    service.call(path, "Registration", "Drill", "(a{sv})", {})
    wait_by_asking(service, lambda: service.log().count("hanging") == 2, "the program and its child")
    launcher, = launchers(service)
    if stopped:
        os.kill(launcher, signal.SIGSTOP)
    service.kill_daemon()
    poll_until(lambda: not os.path.exists(f"/proc/{launcher}"), "the end of the launcher")
    poll_until(lambda: not running(hangs), "the end of the program and of its child")


@pytest.mark.parametrize("how", [None, signal.SIGSTOP, signal.SIGKILL])
def test_the_daemon_waits_for_its_launcher(service, how):
    """When it is gone nothing of it is left; also when the launcher cannot end by itself."""
    launcher, = launchers(service)
    if how:
        os.kill(launcher, how)
    service.kill_daemon(signal.SIGTERM)
    assert not os.path.exists(f"/proc/{launcher}")
    assert "ot ended" not in service.log()
