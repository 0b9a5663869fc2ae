# SPDX-License-Identifier: LGPL-2.1-or-later
"""A step of a failure policy is under way when bailiffd is executed anew, replaced or killed: it goes on where it was, and
is not done twice."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from exec_programs import launchers, running, scripts, steps
from lease_calls import SPACE, acquire, lease, policy, register, wait_by_asking, wait_ended
from mocked_systemd import SYSTEMD_MANAGER, MockedLogind, MockedSystemd
from private_service import options
from successors import INCIDENT, SECOND, WAYS, events, failing_space, reexecute, story, wait_step


def wait_lines(host, path, n):
    def written():
        return os.path.exists(path) and len(pathlib.Path(path).read_text().splitlines()) >= n
    wait_by_asking(host, written, f"{n} lines in {path}")
    return pathlib.Path(path).read_text().splitlines()


BLOCKS = """echo $$ >>$0.runs; echo it has begun; read line <$0.fifo; echo "it goes on"; exit $line"""


@pytest.fixture
def blocking(scripts):
    """A program that says that it runs, and ends with the status that is written into its FIFO."""
    program = scripts("blocks", BLOCKS)
    os.mkfifo(program + ".fifo")
    return program


def let_end(program, status):
    with open(program + ".fifo", "w", encoding="ascii") as fifo:
        fifo.write(f"{status}\n")


def runs(program):
    return [int(line) for line in pathlib.Path(program + ".runs").read_text().splitlines()]


def begin_program(host, hanging_storage, path, worker, program, seconds, n=1):
    registration = register(host, worker, "worker", failure_policy=steps(("exec", seconds, program), ("kill", 0)))
    acquire(host, registration, lease(path))
    hanging_storage.fail()
    wait_step(host, registration, 0)
    wait_lines(host, program + ".runs", n)
    return registration


@pytest.mark.parametrize("status", [0, 7])
def test_program_outlives_a_reexecution(host, hanging_storage, failing_space, make_worker, blocking, status):
    worker = make_worker()
    registration = begin_program(host, hanging_storage, failing_space, worker, blocking, 20)
    started = [step for step in story(host) if step["event"] == "step-started"][0]["time-usec"]
    for _ in range(2):
        reexecute(host)
        assert host.property(registration, "Registration", "Step") == 0
    program, = runs(blocking)
    os.kill(program, 0)
    let_end(blocking, status)
    wait_by_asking(host, lambda: "it goes on" in host.log(), "what the program writes")
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
    assert runs(blocking) == [program]
    told = story(host)
    assert [event for event in events(told) if event != "handed-over"] == [
        "renewal-late", "failed", "step-started 0 exec", "taken-over", "step-continued 0 exec", "taken-over",
        "step-continued 0 exec", "step-finished 0 exec", "step-started 1 kill", "step-finished 1 kill", "cleared", "lost"]
    finished = [step for step in told if step["event"] == "step-finished"][0]
    kill_at = [step for step in told if step.get("action") == "kill"][0]["time-usec"]
    assert (finished["worked"], f"status {status}" in finished["detail"]) == (status == 0, True)
    # What has worked has the rest of its grace; what has failed is over.
    assert (kill_at >= started + 19 * SECOND) == (status == 0)


def test_program_that_hangs_is_killed_at_its_limit_after_a_reexecution(host, hanging_storage, failing_space, make_worker,
                                                                       blocking):
    worker = make_worker()
    begin_program(host, hanging_storage, failing_space, worker, blocking, 6)
    fail_at = host.property(SPACE, "Lockspace", "FailAtUsec")
    reexecute(host)
    assert wait_ended(host, worker) == -signal.SIGKILL
    wait_by_asking(host, lambda: not running(blocking), "the end of the program")
    kill_at = [step for step in story(host) if step.get("action") == "kill"][0]["time-usec"]
    assert fail_at + 6 * SECOND <= kill_at < fail_at + 20 * SECOND
    assert len(runs(blocking)) == 1


def test_launcher_that_hangs_at_a_reexecution(host, hanging_storage, failing_space, make_worker, blocking):
    """It is not waited for: another one is started, and the program has failed."""
    worker = make_worker()
    begin_program(host, hanging_storage, failing_space, worker, blocking, 25)
    launcher, = launchers(host)
    os.kill(launcher, signal.SIGSTOP)
    reexecute(host)
    assert wait_ended(host, worker) == -signal.SIGKILL
    wait_by_asking(host, lambda: not running(blocking), "the end of the program")
    assert len(runs(blocking)) == 1 and launchers(host) != [launcher]
    wait_by_asking(host, lambda: "kill" in str(events(story(host))), "the next step")


@pytest.mark.parametrize("way", ["kill", "replace"])
def test_program_ends_with_its_daemon_and_is_not_run_again(host, hanging_storage, failing_space, make_worker, blocking,
                                                            way):
    worker = make_worker()
    begin_program(host, hanging_storage, failing_space, worker, blocking, 30)
    fail_at = host.property(SPACE, "Lockspace", "FailAtUsec")
    WAYS[way](host)
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
    wait_by_asking(host, lambda: not running(blocking), "the end of the program")
    assert len(runs(blocking)) == 1
    told = story(host)
    finished = [step for step in told if step["event"] == "step-finished"][0]
    assert not finished["worked"] and "not run again" in finished["detail"]
    # The next step is due at once.
    assert [step for step in told if step.get("action") == "kill"][0]["time-usec"] < fail_at + 30 * SECOND


COUNTS_TERM = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: open(sys.argv[1], "a").write("TERM\\n"))
while True:
    signal.pause()
"""


@pytest.mark.parametrize("way", WAYS)
def test_signal_is_sent_once(host, hanging_storage, failing_space, tmp_path, way):
    """It has worked: the rest of its grace is waited for."""
    told = tmp_path / "told"
    told.write_text("")
    worker = subprocess.Popen([sys.executable, "-c", COUNTS_TERM, str(told)])
    try:
        registration = register(host, worker, failure_policy=policy(("signal", 8, "TERM"), ("kill", 0)))
        acquire(host, registration, lease(failing_space))
        hanging_storage.fail()
        wait_step(host, registration, 0)
        wait_lines(host, told, 1)
        fail_at = host.property(SPACE, "Lockspace", "FailAtUsec")
        # Written down when the main loop comes round.
        state = pathlib.Path(host.directory, "run/held", registration.rpartition("/")[2])
        wait_by_asking(host, lambda: "StepWorked=true" in state.read_text(), "that it has worked")
        WAYS[way](host)
        assert wait_ended(host, worker) == -signal.SIGKILL
        host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
        assert told.read_text() == "TERM\n"
        finished = [step for step in story(host) if step["event"] == "step-finished"][0]
        assert finished["worked"] and "TERM" in finished["detail"]
        assert [step for step in story(host) if step.get("action") == "kill"][0]["time-usec"] >= fail_at + 8 * SECOND
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize("way", WAYS)
def test_stop_of_a_unit_goes_on(host, hanging_storage, failing_space, group, way):
    """It takes its time. Asked for again, which to systemd is the same job; the unit ends within the same step."""
    systemd = MockedSystemd(host, group)
    try:
        systemd.add_method(SYSTEMD_MANAGER, "StopUnit", "ss", "o", "ret = dbus.ObjectPath('/org/freedesktop/systemd1/Job/1')")
        process = group.run()
        unit = host.call("Manager", "Manager", "RegisterUnit", "(sa{sv})", "a.service",
                         options(failure_policy=policy(("stop-unit", 30), ("kill", 0))))
        acquire(host, unit, lease(failing_space))
        hanging_storage.fail()
        wait_step(host, unit, 0)
        WAYS[way](host)
        wait_by_asking(host, lambda: len(systemd.calls("StopUnit")) == 2, "the second call")
        assert process.poll() is None
        group.kill()
        systemd.set_state("inactive")
        assert wait_ended(host, process) == -signal.SIGKILL
        host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
        assert [event for event in events(story(host)) if event != "handed-over"] == [
            "renewal-late", "failed", "step-started 0 stop-unit", "taken-over", "step-continued 0 stop-unit",
            "step-finished 0 stop-unit", "cleared", "lost"]
    finally:
        systemd.vanish()


@pytest.mark.parametrize("way", WAYS)
def test_shutdown_of_the_host_goes_on(host, hanging_storage, failing_space, make_worker, way):
    """logind has not answered when the daemon leaves the bus, which is no failure of the step."""
    logind = MockedLogind(host)
    try:
        worker = make_worker()
        registration = register(host, worker, failure_policy=policy(("host-poweroff", 30), ("kill", 0)))
        acquire(host, registration, lease(failing_space))
        logind.hang()
        hanging_storage.fail()
        wait_step(host, registration, 0)
        WAYS[way](host)
        assert host.property(registration, "Registration", "Step") == 0 and worker.poll() is None
        logind.go_on()
        wait_by_asking(host, lambda: len(logind.calls("PowerOffWithFlags")) == 2, "the second call")
        state = pathlib.Path(host.directory, "run/held", registration.rpartition("/")[2])
        wait_by_asking(host, lambda: "StepWorked=true" in state.read_text(), "that it has worked")
        worker.kill()
        host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
        assert [event for event in events(story(host)) if event != "handed-over"] == [
            "renewal-late", "failed", "step-started 0 host-poweroff", "taken-over", "step-continued 0 host-poweroff",
            "step-finished 0 host-poweroff", "cleared", "lost"]
    finally:
        logind.vanish()
