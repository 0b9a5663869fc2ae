# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffctl run: a command that runs as long as its leases are held, and all that is below it."""

import os
import signal

import pytest

from ctl import Running, ctl
from lease_calls import (MIB, SPACE, acquire, format_lockspace, format_resource, inspect_resource, join, lease, register,
                         release, wait_by_asking)


@pytest.fixture
def space(service, storage):
    format_lockspace(service, storage)
    format_resource(service, storage)
    format_resource(service, storage, 2 * MIB, "second")
    join(service, storage)
    return storage


@pytest.fixture
def run(service, space):
    """run(command...): in the background, with the lease on `thing`."""
    running = []

    def start(*command, options=()):
        running.append(Running(service, "run", *options, "space", f"thing@{space}:1M", "--", *command))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_exit_status_is_the_commands(service, space):
    place = f"thing@{space}:1M"
    for number, status in enumerate((0, 1, 42, 255), 1):
        run_to_the_end(service, status, "space", place, "--", "sh", "-c", f"exit {status}")
        info = inspect_resource(service, space)
        assert (info["state"], info["version"]) == ("free", number)
    run_to_the_end(service, 128 + signal.SIGKILL, "space", place, "--", "sh", "-c", "kill -KILL $$")
    assert not any("/registrations/" in path for path in service.objects())


def run_to_the_end(service, status, *arguments):
    running = Running(service, "run", *arguments)
    assert running.end()[0] == status
    return running


def test_what_cannot_be_run(service, space, tmp_path):
    place = f"thing@{space}:1M"
    (tmp_path / "data").write_text("no program")
    ctl(service, "run", "space", place, "--", "no-such-command-at-all", status=127)
    ctl(service, "run", "space", place, "--", tmp_path / "data", status=126)
    ctl(service, "run", "space", place, status=125)
    ctl(service, "run", "space", "nonsense", "--", "true", status=125)
    ctl(service, "run", "other", place, "--", "true", status=125)
    ctl(service, "run", "space", f"other@{space}:1M", "--", "true", status=125)
    # Nothing was acquired for any of them.
    assert inspect_resource(service, space)["version"] == 0


def test_held_by_somebody_else(service, space, worker):
    path = register(service, worker, "the-holder")
    acquire(service, path, lease(space))
    refused = ctl(service, "run", "space", f"thing@{space}:1M", "--", "touch", "/nonexistent/never", status=125)
    assert "the-holder" in refused.stderr
    waiting = Running(service, "run", "--wait", "space", f"thing@{space}:1M", "--", "echo", "got it")
    assert waiting.process.poll() is None
    release(service, path)
    status, out, _ = waiting.end()
    assert (status, out) == (0, "got it\n")


def variables(running):
    status, out, _ = running.end()
    assert status == 0
    return {name: value for name, _, value in (line.partition("=") for line in out.splitlines())
            if name.startswith("BAILIFF_") and name not in ("BAILIFF_BUILD_DIR", "BAILIFF_SHELL_DIR")}


def test_environment_of_the_command(service, space):
    one = Running(service, "run", "space", f"thing@{space}:1M", "--", "env")
    assert variables(one) == {"BAILIFF_LOCKSPACE": "space", "BAILIFF_RESOURCE": "thing", "BAILIFF_VERSION": "1"}
    two = Running(service, "run", "space", f"thing@{space}:1M", f"second@{space}:2M", "--", "env")
    assert variables(two) == {"BAILIFF_LOCKSPACE": "space", "BAILIFF_RESOURCE_1": "thing", "BAILIFF_VERSION_1": "2",
                              "BAILIFF_RESOURCE_2": "second", "BAILIFF_VERSION_2": "1"}


def test_lease_is_held_while_the_command_runs(service, space, run):
    command = run("sh", "-c", "echo $$; exec sleep 1000")
    command.line()
    assert inspect_resource(service, space)["state"] == "held"
    resource = f"{SPACE}/resources/thing"
    registration = service.property(resource, "Resource", "Registration")
    assert service.property(registration, "Registration", "Pid") == command.process.pid
    # TERM is for the command.
    command.process.send_signal(signal.SIGTERM)
    assert command.end()[0] == 128 + signal.SIGTERM
    assert inspect_resource(service, space)["state"] == "free"


def test_command_decides_what_term_means(service, run):
    command = run("sh", "-c", "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    assert command.line() == "ready\n"
    command.process.send_signal(signal.SIGTERM)
    status, out, _ = command.end()
    assert (status, out) == (7, "told\n")


def test_nobody_below_the_command_outlives_the_lease(service, space, run, tmp_path):
    ready = tmp_path / "ready"
    os.mkfifo(tmp_path / "told")
    command = run("sh", "-c", f"setsid sh -c 'trap \"\" TERM; echo $$ >{ready}; echo >{tmp_path}/told; "
                  f"while :; do sleep 0.1; done' & read _ <{tmp_path}/told; exit 5")
    assert command.end()[0] == 5
    assert not is_running(int(ready.read_text()))
    assert inspect_resource(service, space)["state"] == "free"


def test_killed_bailiffctl_takes_its_command_along_or_keeps_the_lease(service, space, run):
    """The lease must not be free while the command runs."""
    command = run("sh", "-c", "echo $$; exec sleep 1000")
    child = int(command.line())
    command.process.kill()
    command.process.wait()
    wait_by_asking(service, lambda: inspect_resource(service, space)["state"] == "free", "the release")
    assert not is_running(child)


def test_daemon_that_vanishes_for_good_ends_the_command(service, space, run):
    """Nobody would end it when the lease is lost, so bailiffctl does, in time."""
    command = run("sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done")
    child = int(command.line())
    service.kill_daemon()
    status, _, complaint = command.end()
    assert status == 128 + signal.SIGKILL
    assert "left the bus" in complaint
    assert not is_running(child)


def test_lease_that_is_given_back_behind_its_back_ends_the_command(service, space, run):
    command = run("sh", "-c", "echo $$; exec sleep 1000")
    child = int(command.line())
    release(service, service.property(f"{SPACE}/resources/thing", "Resource", "Registration"))
    assert command.end()[0] == 128 + signal.SIGTERM
    assert not is_running(child)


def test_forced_leave_walks_the_policy_of_the_command(service, space, run):
    command = run("sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done",
                  options=("--failure-policy", "signal TERM 1s, kill"))
    child = int(command.line())
    ctl(service, "leave", "space", "--force")
    assert command.end()[0] in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert not is_running(child)
