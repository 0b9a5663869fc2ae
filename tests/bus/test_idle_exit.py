# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bailiffd that nobody needs ends, and the next call starts it again: by a real bus that starts services. No call is
lost at that moment, and nothing that is needed ends."""

import pathlib
import random
import time

import pytest
from gi.repository import Gio, GLib

from lease_calls import (SPACE, acquire, format_lockspace, format_resource, join, lease, leave, register,
                         wait_by_asking, wait_removed)
from main_loop import LIMIT, poll_until
from mocked_systemd import SYSTEMD, SYSTEMD_MANAGER, SYSTEMD_PATH, MockedService
from private_service import BUILD, BUS_NAME, PROPERTIES, BusError, full_interface, full_path, options

ENDS = "There is nothing to do"


@pytest.fixture
def start(make_service, tmp_path):
    """start(text): a bailiffd with this configuration."""
    def make(text, arguments="", **more):
        (tmp_path / "bailiffd.conf").write_text(text)
        return make_service(f"--config {tmp_path}/bailiffd.conf {arguments}", **more)
    return make


def wait_ended(service):
    service.daemon.expected_to_end = True
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")
    assert ENDS in service.log() and "Shut down" in service.log()


def stays(service):
    """Nobody calls for three times as long as it waits."""
    began = time.monotonic()
    wait_by_asking(service, lambda: service.daemon.ended or time.monotonic() > began + 3, "three seconds")
    assert not service.daemon.ended


def look_for(service, seconds):
    """A call that lasts so long, and touches nothing."""
    service.call("Manager", "Manager", "CheckStorage", "(sta{sv})", str(BUILD / "build.ninja"), 0,
                 options(duration=("u", seconds)))


def test_it_ends(start):
    wait_ended(start("[daemon]\nidle-exit=1\n"))


def test_not_while_a_call_is_in_progress(start):
    service = start("[daemon]\nidle-exit=1\n")
    look_for(service, 3)
    assert not service.daemon.ended
    wait_ended(service)


def test_calls_put_it_off(start):
    service = start("[daemon]\nidle-exit=2\n")
    begun = last = time.monotonic()
    while last < begun + 4:
        # It counts from the call, and when that came only we can tell: not before this.
        last = time.monotonic()
        service.property("Manager", "Manager", "Version")
        GLib.MainContext.default().iteration(False)
    wait_ended(service)
    assert time.monotonic() > last + 2


def test_not_while_anything_is_joined_or_registered(start, storage, worker):
    service = start("[daemon]\nidle-exit=1\n")
    registration = register(service, worker)
    stays(service)
    format_lockspace(service, storage)
    join(service, storage)
    service.call(registration, "Registration", "Unregister", "(a{sv})", {})

    stays(service)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    leave(service)
    wait_ended(service)


def test_not_while_a_lost_lockspace_is_there(start, storage):
    """Somebody wants to know why."""
    service = start("[daemon]\nidle-exit=1\n")
    path = service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "space", storage, 0, 1, {})
    service.wait_for_property(path, "Lockspace", "State", "lost")
    stays(service)
    leave(service, path)
    wait_removed(service, full_path(path))
    wait_ended(service)


def test_not_while_leases_are_left_of_an_earlier_one(start, storage, worker):
    service = start("[daemon]\nidle-exit=1\n")
    format_lockspace(service, storage)
    format_resource(service, storage)
    join(service, storage)
    acquire(service, register(service, worker), lease(storage))
    service.kill_daemon()
    # What cannot be read any more cannot be taken over either, and counts as held.
    records = [each for each in pathlib.Path(service.directory, "run").iterdir() if each.name.startswith("held")]
    assert records
    for record in records:
        for path in ([record] if record.is_file() else list(record.iterdir())):
            path.write_text("no record\n")
    service.start_daemon()
    stays(service)


@pytest.mark.parametrize("text", ["", "[daemon]\nidle-exit=no\n", "[daemon]\nidle-exit=auto\n"])
def test_never_unless_it_is_said(start, text):
    service = start(text, "--verbose")
    look_for(service, 1)
    assert "bailiffd ends when it has nothing to do" not in service.log()


# How it is started: by systemd.

@pytest.mark.parametrize("state, ends", [("enabled", False), ("disabled", True), ("static", False)])
def test_where_systemd_starts_it_for_calls_only(make_service, state, ends):
    service = make_service("none")
    systemd = MockedService(service, "systemd", SYSTEMD, SYSTEMD_PATH)
    try:
        systemd.add_method(SYSTEMD_MANAGER, "GetUnitFileState", "s", "s", f'ret = "{state}"')
        service.environment["INVOCATION_ID"] = "6d8b6a0a6e0b4a0f8ff6a5a1a1a1a1a1"
        service.start_daemon("--verbose")
        poll_until(lambda: systemd.calls("GetUnitFileState"), "the question to systemd")
        asked, = systemd.calls("GetUnitFileState")
        assert asked[0].endswith(".service")
        if ends:
            poll_until(lambda: "has nothing to do for 300 s" in service.log(), "the log to say when it ends")
        else:
            look_for(service, 1)
            assert "has nothing to do" not in service.log()
    finally:
        systemd.vanish()


# By the bus.

ACTIVATION = "<busconfig><servicedir>{}</servicedir></busconfig>"
SERVICE = "[D-BUS Service]\nName={}\nUser=root\nExec={} --config {} --runtime-dir {} --state-dir {}\n"


@pytest.fixture
def activated(make_service, tmp_path):
    """activated(text): a bus that starts a bailiffd with this configuration when somebody calls."""
    def make(text):
        service = make_service("none")
        directory = pathlib.Path(service.directory)
        for name in "services", "run", "state":
            (directory / name).mkdir(exist_ok=True)
        (tmp_path / "bailiffd.conf").write_text(text)
        (directory / "services" / f"{BUS_NAME}.service").write_text(SERVICE.format(
            BUS_NAME, BUILD / "src/daemon/bailiffd", tmp_path / "bailiffd.conf", directory / "run", directory / "state"))
        (directory / "policy.d/activation.conf").write_text(ACTIVATION.format(directory / "services"))
        service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
        return service
    return make


def call(service, path, interface, method, signature, *arguments):
    """As everybody else calls: it is started for it."""
    reply = service.connection.call_sync(BUS_NAME, full_path(path), full_interface(interface), method,
                                         GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE,
                                         LIMIT * 1000, None)
    return reply.unpack()


def pid_of(service):
    try:
        return service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus",
                            "GetConnectionUnixProcessID", "(s)", BUS_NAME)
    except BusError:
        return None


def version(service):
    return call(service, "Manager", PROPERTIES, "Get", "(ss)", f"{BUS_NAME}.Manager", "Version")[0]


def test_started_again_by_the_next_call(activated):
    service = activated("[daemon]\nidle-exit=1\n")
    assert pid_of(service) is None
    known = version(service)
    first = pid_of(service)
    wait_by_asking(service, lambda: pid_of(service) is None, "the end of bailiffd")
    assert version(service) == known
    assert pid_of(service) not in (None, first)
    wait_by_asking(service, lambda: pid_of(service) is None, "the end of the second bailiffd")


class Calls:
    """Many calls, none of which waits for the one before."""

    def __init__(self, service):
        self.service = service
        self.made = 0
        self.replies = []

    def make(self):
        self.made += 1
        method, signature, arguments = (("Get", "(ss)", (f"{BUS_NAME}.Manager", "Version")) if self.made % 2 else
                                        ("RegisterPid", "(usa{sv})", (4194304, "nobody", {})))
        self.service.connection.call(BUS_NAME, full_path("Manager"), PROPERTIES if self.made % 2 else f"{BUS_NAME}.Manager",
                                     method, GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE,
                                     LIMIT * 1000, None, self.on_reply)

    def on_reply(self, connection, result):
        try:
            self.replies.append(connection.call_finish(result).unpack()[0])
        except GLib.Error as error:
            self.replies.append(Gio.DBusError.get_remote_error(error) or error.message)


def busy_until(moment):
    while time.monotonic() < moment:
        GLib.MainContext.default().iteration(False)


def test_no_call_is_lost(activated):
    """Calls at about the moment at which it ends: each is answered, by the one or by the next one. What begins something
    is refused in so many words by one that ends."""
    service = activated("[daemon]\nidle-exit=1\n")
    chance = random.Random(1)
    known = version(service)
    seen = set()
    for _ in range(24):
        # A call that comes before that moment puts it off.
        busy_until(time.monotonic() + 1 + chance.uniform(-0.001, 0.006))
        calls = Calls(service)
        for _ in range(30):
            calls.make()
            busy_until(time.monotonic() + 0.0002)
        service.wait_until(lambda: len(calls.replies) == calls.made, "all replies")
        assert set(calls.replies) <= {known, "org.bailiff.Error.NotFound", "org.bailiff.Error.Busy"}, calls.replies
        assert calls.replies.count(known) == calls.made / 2
        seen.add(pid_of(service))
    assert len(seen) > 3, "it never ended"
    wait_by_asking(service, lambda: pid_of(service) is None, "the end of bailiffd")
