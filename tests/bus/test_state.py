# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffctl state: what is written down, with a daemon, without one, and when a file is damaged."""

import os
import pathlib
import re
import signal
import time

import pytest

from ctl import ctl, ctl_json
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, format_lockspace, format_resource, inspect_resource, join,
                         lease, policy, register, release, wait_by_asking)
from sealed_files import reseal


@pytest.fixture
def run(host):
    return pathlib.Path(host.directory, "run")


@pytest.fixture
def held(host, space, make_worker):
    """A registration with a policy of its own that holds one resource alone and shares another."""
    worker = make_worker(IGNORE_TERM)
    registration = register(host, worker, failure_policy=policy(("signal", 5, "TERM"), ("kill", 0)))
    acquire(host, registration, lease(space))
    acquire(host, registration, lease(space, 2 * MIB, "second", mode=("s", "shared")))
    return registration


def number(registration):
    return int(registration.rsplit("/", 1)[1])


def state(host, run, status=0):
    return ctl(host, "state", "--runtime-dir", run, status=status)


def state_json(host, run):
    return ctl_json(host, "state", "--runtime-dir", run)


def file_of(run, *parts):
    path = run.joinpath(*parts)
    assert path.is_file()
    return path


def assert_tells_all(host, run, space, registration, pid):
    told = state_json(host, run)
    lockspace, = told["Lockspaces"]
    assert lockspace["Name"] == "space" and lockspace["Path"] == str(space) and lockspace["State"] == "held"
    assert lockspace["Generation"] == 1 and lockspace["HostId"] >= 1
    assert 0 < lockspace["LastRenewalUsec"] < told["BootTimeUsec"]
    timeout = lockspace["IoTimeout"] * 10**6
    assert lockspace["FailAtUsec"] == lockspace["LastRenewalUsec"] + 8 * timeout
    assert lockspace["FreeAtUsec"] == lockspace["FailAtUsec"] + 60 * 10**6
    first, second = sorted(told["Resources"], key=lambda one: one["Mode"])
    assert (first["Use"], first["Mode"], first["Version"]) == ("held", "exclusive", 1)
    assert (second["Use"], second["Mode"], second["Name"]) == ("held", "shared", "second")
    for one in first, second:
        assert one["Lockspace"] == "space" and one["Holders"] == [number(registration)]
        assert not one["Orphan"] and not one["Persistent"]
    holder, = told["Registrations"]
    assert holder["Number"] == number(registration) and holder["Pid"] == pid and holder["State"] == "active"
    assert holder["Policy"] == "signal TERM 5s, kill" and holder["Lockspaces"] == ["space"] and holder["Uid"] == os.getuid()
    assert holder["GivenUp"] == [] and told["Unreadable"] == []
    text = state(host, run).stdout
    row, = re.findall(r"^space +held +\d+ +1 +(\d+) s ago +(\S+(?: s)?) +(\S+(?: s)?) +(\S+)$", text, re.M)
    assert row[3].startswith(f"{space}:")
    assert re.search(rf"^space/second +held +shared +\d+ +{number(registration)} \(\S+\) +no +{space}:2M$", text, re.M)
    assert f"process {pid}" in text and "signal TERM 5s, kill" in text


def test_with_and_without_a_daemon(host, space, held, run, make_worker):
    pid = host.property(held, "Registration", "Pid")
    assert_tells_all(host, run, space, held, pid)
    host.kill_daemon(signal.SIGKILL)
    assert_tells_all(host, run, space, held, pid)


def test_nothing_is_written_down(host, run, space, held):
    release(host, held)
    host.call(SPACE, "Lockspace", "Leave", "(a{sv})", {})
    host.call(held, "Registration", "Unregister", "(a{sv})", {})
    wait_by_asking(host, lambda: not any(state_json(host, run)[kind] for kind in ("Lockspaces", "Resources", "Registrations")),
                   "nothing is written down any more")
    assert f"Nothing is written down in {run}" in state(host, run).stdout
    assert ctl(host, "state", BAILIFF_RUNTIME_DIR=str(run)).stdout == state(host, run).stdout


def test_no_such_directory(host, tmp_path):
    result = ctl(host, "state", "--runtime-dir", tmp_path / "none", status=1)
    assert "none" in result.stderr and "--runtime-dir" in result.stderr


def test_directory_that_is_none_of_bailiffd(host, tmp_path):
    result = ctl(host, "state", "--runtime-dir", tmp_path, status=1)
    assert f"never used the directory {tmp_path}" in result.stderr and "--runtime-dir" in result.stderr
    assert result.stdout == ""
    ctl(host, "state", "--runtime-dir", tmp_path, "--json", status=1)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_files_of_somebody_else_and_no_right(host, run, space, held):
    path = file_of(run, "lockspaces", "n-space")
    host.kill_daemon(signal.SIGKILL)
    os.chown(path, 1234, 1234)
    assert "another user" in state(host, run, status=1).stderr
    os.chown(path, 0, 0)
    for directory in run.parents:
        if directory.stat().st_uid == os.getuid() and directory.stat().st_mode & 0o055 != 0o055 and str(directory) != "/":
            directory.chmod(0o755)
    result = ctl_as_nobody(host, "state", "--runtime-dir", run)
    assert result.returncode == 5 and "may not be read" in result.stderr and "root" in result.stderr


def ctl_as_nobody(host, *arguments):
    import subprocess
    from ctl import PROGRAM, environment
    return subprocess.run([PROGRAM, *(str(a) for a in arguments)], env=environment(host), text=True, capture_output=True,
                          user=65534, group=65534, extra_groups=[], timeout=60)


@pytest.mark.parametrize("where", [("lockspaces", "n-space"), ("resources", "n-space", "n-second"), ("held", None)])
def test_damaged_files(host, space, held, run, where):
    path = file_of(run, *(part or str(number(held)) for part in where))
    host.kill_daemon(signal.SIGKILL)
    good = path.read_bytes()
    for bad, words in ((good[:1000], "damaged"),
                       (b"", "damaged"),
                       (good.replace(b"Name", b"name", 1), "damaged"),
                       (reseal(good.replace(b"Format=", b"Format=1", 1)), "another version"),
                       (reseal(re.sub(rb"BootId=........", b"BootId=00000000", good)), "earlier boot"),
                       (reseal(good.replace(b"\nName=", b"\nOther=", 1)), "Name is missing")):
        path.write_bytes(bad)
        result = state(host, run, status=1)
        assert str(path) in result.stderr and words in result.stderr
        # The others are told of.
        assert ("space/second" in result.stdout) == (where[0] != "resources")
        assert re.search("^space +held", result.stdout, re.M) is not None or where[0] == "lockspaces"
    path.unlink()
    state(host, run)
    os.mkfifo(path)
    assert "damaged" in state(host, run, status=1).stderr
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert "damaged" in state(host, run, status=1).stderr


def test_what_is_over(host, space, held, run):
    path = file_of(run, "resources", "n-space", "n-second")
    host.kill_daemon(signal.SIGKILL)
    path.write_bytes(b"# bailiff void           \n" + path.read_bytes()[26:])
    assert "second" not in state(host, run).stdout


def test_text_that_is_none(host, space, held, run):
    """Whatever stands in a file with a good sum: no character of it rules the terminal."""
    path = file_of(run, "held", str(number(held)))
    host.kill_daemon(signal.SIGKILL)
    good = path.read_bytes()
    path.write_bytes(reseal(re.sub(rb"Target=.*", b"Target=a\x1b[2Jb", good)))
    text = state(host, run).stdout
    assert "\x1b" not in text and "a\\u{1b}[2Jb" in text
    path.write_bytes(reseal(re.sub(rb"\nState=.*", b"\nState=failing\nWalked=signal TERM 5s, kill\nFailedLockspace=space\n"
                                   b"FailAtUsec=1\nStep=18446744073709551615\nStepSinceUsec=1", good)))
    assert "18446744073709551615" not in state(host, run).stdout


def test_reader_beside_a_writer(host, space, held, run):
    """The daemon writes while the files are read: no reader sees a damaged one."""
    end = time.monotonic() + 1
    reads = 0
    while reads < 5 or time.monotonic() < end:
        release(host, held)
        acquire(host, held, lease(space))
        state(host, run)
        reads += 1


def test_walk_is_told(host, space, held, run):
    """A drill holds the walk at its first step."""
    host.call(held, "Registration", "Drill", "(a{sv})", {})
    wait_by_asking(host, lambda: state_json(host, run)["Registrations"][0]["State"] == "failing", "the walk is written down")
    host.kill_daemon(signal.SIGKILL)
    holder, = state_json(host, run)["Registrations"]
    assert holder["Walked"] == "signal TERM 5s, kill" and holder["Step"] == 0 and holder["Drilling"]
    assert re.search(rf'Registration {number(held)} \(worker\) walks "signal TERM 5s, kill" \(lockspace .*\): signal TERM 5s, for \d+ s',
                     state(host, run).stdout)


def test_incident_under_way(host, hanging_storage, make_worker, run):
    format_lockspace(host, hanging_storage.path)
    format_resource(host, hanging_storage.path)
    join(host, hanging_storage.path)
    registration = register(host, make_worker(), failure_policy=policy(("notify", 30), ("kill", 0)))
    acquire(host, registration, lease(hanging_storage.path))
    assert state_json(host, run)["Incidents"] == []
    hanging_storage.fail()
    host.wait_for_property(registration, "Registration", "Step", lambda step: step == 0)
    wait_by_asking(host, lambda: [one["StepCount"] >= 3 for one in state_json(host, run)["Incidents"]] == [True],
                   "the story is written down")
    host.kill_daemon(signal.SIGKILL)
    incident, = state_json(host, run)["Incidents"]
    lockspace, = state_json(host, run)["Lockspaces"]
    assert (incident["Number"], incident["Lockspace"], incident["Outcome"]) == (1, "space", "ongoing")
    assert (incident["RegistrationCount"], incident["ClearedCount"], incident["EndedUsec"]) == (1, 0, 0)
    assert incident["FailAtUsec"] == lockspace["FailAtUsec"]
    assert re.search(rf"^ +1 +\S+ \S+ +space +\d+(\.\d+)? s +ongoing +0/1 +{re.escape(incident['Cause'].splitlines()[0][:20])}",
                     state(host, run).stdout, re.M)
    path = file_of(run, "incidents", "1")
    good = path.read_text()
    path.write_text(re.sub(r"StartedRealtimeUsec=\d+", "StartedRealtimeUsec=18446744073709551615",
                           re.sub(r"Cause=.*", "Cause=a\x1b[2Jb", good)))
    assert "\x1b" not in state(host, run).stdout
    for bad, words in ((good[:18], "damaged"), ("", "damaged"), (good.replace("Format=1", "Format=2"), "another version"),
                       (re.sub("BootId=........", "BootId=00000000", good), "earlier boot"),
                       (good.replace("\nCause=", "\nOther="), "Cause is missing")):
        path.write_text(bad)
        result = state(host, run, status=1)
        assert str(path) in result.stderr and words in result.stderr
        assert "ongoing" not in result.stdout and re.search("^space", result.stdout, re.M)
    path.unlink()
    os.mkfifo(path)
    assert "damaged" in state(host, run, status=1).stderr


def test_reexecute(host, space, held):
    result = ctl(host, "reexecute")
    assert re.fullmatch(r"bailiffd \S+ goes on\.\n", result.stdout)
    assert not host.daemon.ended
    host.wait_for_property(SPACE, "Lockspace", "State", lambda one: one == "held")
    assert ctl_json(host, "reexecute")["Version"] == host.property("Manager", "Manager", "Version")
    host.wait_for_property(SPACE, "Lockspace", "State", lambda one: one == "held")
    assert len(host.property(held, "Registration", "Resources")) == 2
    release(host, held)
    assert inspect_resource(host, space)["state"] == "free"


def test_reexecute_without_a_daemon(host):
    host.kill_daemon(signal.SIGKILL)
    assert "bailiffd" in ctl(host, "reexecute", status=4).stderr
