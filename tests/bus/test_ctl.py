# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffctl: each verb, its exit statuses, what it prints for people and for programs."""

import json
import os
import re
import select
import signal
import subprocess

import pytest

import disk_records as disk
from ctl import PROGRAM, Running, ctl, ctl_json, environment, on_terminal
from lease_calls import MIB, format_lockspace, format_resource, inspect_resource, join, register, unregister
from main_loop import LIMIT


@pytest.fixture(scope="module")
def space(module_service, module_storage):
    """Joined, with resources r1 to r6 at 1 to 6 MiB."""
    path = module_storage()
    format_lockspace(module_service, path)
    for number in range(1, 7):
        format_resource(module_service, path, number * MIB, f"r{number}")
    join(module_service, path)
    yield path
    ctl(module_service, "leave", "space", "--force")


def test_formatting_and_inspecting(daemon, storage):
    ctl(daemon, "format-lockspace", storage, "one", "--io-timeout", 3)
    ctl(daemon, "format-resource", f"{storage}:1M", "one", "thing", "--max-hosts", 7)
    shown = ctl_json(daemon, "inspect", storage)
    assert (shown["Kind"], shown["Name"], shown["IoTimeout"], shown["Hosts"]) == ("lockspace", "one", 3, [])
    shown = ctl_json(daemon, "inspect", f"{storage}:1024K")
    assert (shown["Kind"], shown["Name"], shown["Lockspace"], shown["NumHosts"], shown["State"]) == (
        "resource", "thing", "one", 7, "free")
    assert "thing" in ctl(daemon, "inspect", f"{storage}:{MIB}").stdout

    before = disk.digest(storage)
    # As it is typed, not as it is named on the bus.
    assert "the option --overwrite" in ctl(daemon, "format-lockspace", storage, "two", status=1).stderr
    ctl(daemon, "inspect", f"{storage}:2M", status=1)
    ctl(daemon, "format-lockspace", f"{storage}:99999999999999999999", "two", status=2)
    ctl(daemon, "format-lockspace", storage, "two", "--io-timeout", 256, status=2)
    ctl(daemon, "format-lockspace", storage, "two", "--io-timeout=-1", status=2)
    assert disk.digest(storage) == before
    ctl(daemon, "format-lockspace", storage, "two", "--overwrite")
    assert ctl_json(daemon, "inspect", storage)["Name"] == "two"


def test_daemon_that_hangs(daemon):
    """It is on the bus and answers nothing: any verb says so after its first look, whatever it would have waited for."""
    os.kill(daemon.daemon.pid, signal.SIGSTOP)
    try:
        verbs = [("status",), ("leave", "space"), ("join", "space", "/nowhere", 1)]
        asked = [subprocess.Popen([PROGRAM, *map(str, verb)], env=environment(daemon), text=True, stderr=subprocess.PIPE)
                 for verb in verbs]
        for verb, one in zip(verbs, asked):
            said = one.communicate(timeout=LIMIT)[1]
            assert one.returncode == 4 and "has not answered for 10 s" in said, (verb, said)
            assert said.count("bailiffctl: ") == 1 and "bailiffctl state" in said and "watchdog" in said
    finally:
        os.kill(daemon.daemon.pid, signal.SIGCONT)
    ctl(daemon, "status")


def test_join_that_takes_long(daemon, storage):
    """Where nobody sees the time that is left go by, a line says how long it takes and why."""
    ctl(daemon, "format-lockspace", storage, "other", "--io-timeout", 1)
    assert ctl(daemon, "join", "other", storage, 1, "--io-timeout", 1).stderr == ""
    ctl(daemon, "leave", "other")
    disk.change(storage, 0, disk.RECORD_NAME, "somebody")
    disk.change(storage, 0, disk.TIMESTAMP, 77)
    joining = Running(daemon, "join", "other", storage, 1, "--io-timeout", 1)
    try:
        complaints = joining.process.stderr
        assert select.select([complaints], [], [], LIMIT)[0]
        said = complaints.readline().decode()
        assert re.match(r"bailiffctl: joining other takes about (6\d s|1:\d\d): .* whether another host uses", said), said
        ctl(daemon, "leave", "other")
        status, _, rest = joining.end()
        assert status == 1 and "takes about" not in rest
    finally:
        joining.stop()


def test_joining_and_leaving(daemon, storage):
    ctl(daemon, "format-lockspace", f"{storage}:1M", "other", "--io-timeout", 1)
    assert "generation 1" in ctl(daemon, "join", "other", f"{storage}:1M", 5, "--io-timeout", 1).stdout
    ctl(daemon, "join", "other", f"{storage}:1M", 5, status=1)
    hosts = ctl_json(daemon, "hosts", "other")["other"]
    assert [(host["HostId"], host["State"]) for host in hosts] == [(5, "live")]
    history = ctl_json(daemon, "history", "other")
    assert history and all(entry["Worked"] for entry in history)
    ctl(daemon, "leave", "other")
    ctl(daemon, "leave", "other", status=1)
    # A join that fails says why, and leaves nothing behind that hinders the next one.
    refused = ctl(daemon, "join", "another", f"{storage}:1M", 5, "--io-timeout", 1, status=1)
    assert "another" in refused.stderr
    ctl(daemon, "join", "other", f"{storage}:1M", 5, "--io-timeout", 1)
    ctl(daemon, "leave", "other")


def test_leaving_by_force_says_whom_it_waits_for(daemon, storage, worker):
    format_lockspace(daemon, storage, name="busy")
    format_resource(daemon, storage, name="r1", lockspace="busy")
    join(daemon, storage, name="busy")
    ctl(daemon, "register", worker.pid, "careless", "--failure-policy", "ignore")
    ctl(daemon, "acquire", "careless", "busy", f"r1@{storage}:1M")
    leaving = Running(daemon, "leave", "busy", "--force")
    assert leaving.process.stderr.readline() == b"Waiting for the end of careless (ignore).\n"
    worker.kill()
    assert leaving.process.wait(LIMIT) == 0


def test_registering_acquiring_releasing(daemon, space, make_worker):
    first, second = make_worker(), make_worker()
    number = ctl(daemon, "register", first.pid, "first").stdout.strip()
    assert number.isdigit()
    ctl(daemon, "register", second.pid, "second", "--failure-policy", "signal INT 5s, kill")
    ctl(daemon, "acquire", number, "space", f"r1@{space}:1M", f"r2@{space}:2M")
    held = ctl(daemon, "acquire", "second", "space", f"r1@{space}:1M", status=3)
    assert "first" in held.stderr
    assert inspect_resource(daemon, space)["state"] == "held"

    status = ctl_json(daemon, "status")
    lockspace, = [each for each in status["Lockspaces"] if each["Name"] == "space"]
    assert sorted(resource["Name"] for resource in lockspace["Resources"]) == ["r1", "r2"]
    policies = {each["Name"]: each["FailurePolicy"] for each in status["Registrations"]}
    assert policies["second"] == [["signal", 5, {"Signal": "INT"}], ["kill", 0, {}]]
    assert "r1" in ctl(daemon, "status").stdout

    ctl(daemon, "unregister", "first", status=3)
    ctl(daemon, "leave", "space", status=3)
    ctl(daemon, "release", number)
    assert inspect_resource(daemon, space)["state"] == "free"
    for each in "first", "second":
        ctl(daemon, "unregister", each)
    ctl(daemon, "unregister", "first", status=1)
    assert first.poll() is None


def test_json_of_a_registration_names_it(daemon, worker):
    """A program needs the number to go on with."""
    shown = ctl_json(daemon, "register", worker.pid, "for-json")
    path, = [path for path in daemon.objects() if "/registrations/" in path]
    status, = ctl_json(daemon, "status")["Registrations"]
    unregister(daemon, path)
    for each in shown, status:
        assert (each["Registration"], each["Number"]) == (path, int(path.rpartition("/")[2]))


def test_ambiguous_name_of_a_registration(daemon, make_worker):
    paths = [register(daemon, make_worker(), "same") for _ in range(2)]
    ctl(daemon, "unregister", "same", status=1)
    for path in paths:
        ctl(daemon, "unregister", path.rpartition("/")[2])


@pytest.mark.parametrize("typed", [["stat"], ["joyn"], ["leave"], ["leave", "a", "b"], ["status", "more"], ["--nonsense"],
                                   ["status", "--nonsense"], ["join", "space", "/dev/null", "x"],
                                   ["register", "x", "name"], ["acquire", "1", "space", "no-place"], [""],
                                   ["register", "1", "name", "--failure-policy", "explode 3s"]],
                         ids=lambda typed: " ".join(typed) or "empty")
def test_wrong_usage(daemon, typed):
    ctl(daemon, *typed, status=2)


def test_usage_ends_without_a_blank(daemon):
    assert "Write: bailiffctl status\n" in ctl(daemon, "status", "more", status=2).stderr
    assert "Write: bailiffctl leave LOCKSPACE" in ctl(daemon, "leave", status=2).stderr


def test_near_misses_are_named(daemon):
    assert "'status'" in ctl(daemon, "statsu", status=2).stderr
    assert "'format-resource'" in ctl(daemon, "format-resorce", status=2).stderr


def test_help_and_version(daemon):
    assert "format-lockspace" in ctl(daemon, "--help").stdout
    for verb in ("status", "format-lockspace", "format-resource", "inspect", "join", "leave", "hosts", "history",
                 "format-index", "create-resource", "delete-resource", "lookup-resource", "list-resources",
                 "rebuild-index", "register", "acquire", "release", "unregister", "request", "read-value",
                 "write-value", "send-event", "monitor", "run"):
        assert "Usage:" in ctl(daemon, verb, "--help").stdout
        assert verb in ctl(daemon, "--help").stdout
    assert daemon.property("Manager", "Manager", "Version") in ctl(daemon, "--version").stdout


def test_no_daemon_has_its_own_status(make_service):
    service = make_service("none")
    for typed in ["status"], ["leave", "space"], ["monitor"], ["join", "a", "/b", "1"], ["status", "--json"]:
        ctl(service, *typed, status=4)


def test_no_bus_has_the_same(daemon):
    ctl(daemon, "status", status=4, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent")


def test_colours_are_for_terminals(daemon, space):
    assert "\x1b" in on_terminal(daemon, "status")
    assert "\x1b" not in ctl(daemon, "status").stdout
    assert "\x1b" not in on_terminal(daemon, "status", "--no-color")
    assert "\x1b" not in on_terminal(daemon, "status", NO_COLOR="1")
    assert "\x1b" not in on_terminal(daemon, "status", TERM="dumb")


def test_nothing_from_disk_reaches_the_terminal_raw(daemon, storage):
    format_resource(daemon, storage, 0)
    disk.change(storage, 0, disk.RECORD_NAME, "a\x1b]0;evil\x07")
    assert "\x1b" not in ctl(daemon, "inspect", storage).stdout
    assert "\x1b" not in on_terminal(daemon, "inspect", storage, "--no-color")
    ctl_json(daemon, "inspect", storage)


def test_output_that_cannot_be_written_is_an_error(daemon, space):
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, "status"], env=environment(daemon), stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1


def next_event(monitor, word, path_end=""):
    """Passes over the others."""
    while True:
        event = json.loads(monitor.line())
        if event["Event"] == word and event.get("Object", "").endswith(path_end):
            return event


def test_monitor_prints_events_as_json_lines(daemon, space, make_worker):
    monitor = Running(daemon, "monitor", "--json")
    try:
        assert json.loads(monitor.line())["Event"] == "daemon-present"
        next_event(monitor, "present", "/hosts/1")
        path = register(daemon, make_worker(), "watched")
        assert next_event(monitor, "added", path)["Details"]["Name"] == "watched"
        ctl(daemon, "acquire", "watched", "space", f"r3@{space}:3M")
        added = next_event(monitor, "added", "/resources/r3")
        assert added["Lockspace"] == "space" and added["SecondsSinceRenewal"] >= 0
        assert next_event(monitor, "changed", path)["Details"]["Resources"]
        ctl(daemon, "release", "watched")
        next_event(monitor, "removed", "/resources/r3")
        unregister(daemon, path)
        next_event(monitor, "removed", path)
        monitor.process.send_signal(signal.SIGINT)
        assert monitor.end()[0] in (0, -signal.SIGINT, 128 + signal.SIGINT)
    finally:
        monitor.stop()


def test_monitor_begins_with_what_a_person_wants_to_know_of_the_daemon(daemon):
    monitor = Running(daemon, "monitor")
    try:
        version = daemon.property("Manager", "Manager", "Version")
        assert re.search(rf" bailiffd: is on the bus: HostName \S+, Version {re.escape(version)}, WatchdogState disarmed$",
                         monitor.line().rstrip("\n"))
    finally:
        monitor.stop()


def test_monitor_tells_of_the_end_and_the_return_of_the_daemon(service):
    monitor = Running(service, "monitor", "--json")
    try:
        assert json.loads(monitor.line())["Event"] == "daemon-present"
        service.kill_daemon()
        next_event(monitor, "daemon-left")
        service.start_daemon()
        next_event(monitor, "daemon-present")
    finally:
        monitor.stop()


def test_hosts_of_what_was_never_held(daemon, tmp_path):
    ctl(daemon, "join", "nowhere", tmp_path / "missing", 1, "--io-timeout", 1, status=1)
    assert "No host was seen: it is lost." in ctl(daemon, "hosts", "nowhere").stdout
    ctl(daemon, "leave", "nowhere")
