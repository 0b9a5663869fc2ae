# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registrations and the leases they hold: on the bus, on disk, and when those who asked are gone."""

import os
import time

import pytest

from gi.repository import Gio, GLib

import disk_records as disk
from lease_calls import (MIB, SPACE, acquire, begin_acquire, check_error, end_worker, fails_with, format_lockspace,
                         format_resource, inspect_resource, join, lease, policy, register, release, unregister,
                         values_of, wait_by_asking, wait_removed)
from private_service import BUS_NAME, ROOT_PATH, BusError, options

N_RESOURCES = 40
RESOURCE = f"{ROOT_PATH}/{SPACE}/resources"


@pytest.fixture(scope="module")
def space(module_service, module_storage):
    """A lockspace that this host has joined, with room for resources."""
    path = module_storage(N_RESOURCES + 2)
    format_lockspace(module_service, path)
    join(module_service, path)
    yield path
    module_service.call(SPACE, "Lockspace", "Leave", "(a{sv})", options(force=("b", True)))


@pytest.fixture(scope="module")
def numbers():
    return iter(range(1, N_RESOURCES + 1))


@pytest.fixture
def fresh(daemon, space, numbers):
    """fresh(): a resource of its own for the test, as Acquire() takes it; fresh(wait=...) with options."""
    def make(**given):
        number = next(numbers)
        format_resource(daemon, space, number * MIB, f"r{number}")
        return lease(space, number * MIB, f"r{number}", **given)
    return make


def state_on_disk(daemon, wanted):
    return inspect_resource(daemon, wanted[2], wanted[3])["state"]


def path_of(wanted):
    return f"{RESOURCE}/{wanted[1]}"


def with_options(wanted, **given):
    return (*wanted[:4], options(**given))


def test_registering_by_number(daemon, worker):
    path = register(daemon, worker, "some-worker")
    assert daemon.properties(path, "Registration") == {
        "Kind": "process", "Name": "some-worker", "Unit": "", "Domain": "", "Pid": worker.pid, "Uid": os.getuid(),
        "State": "active", "FailurePolicy": [("signal", 10, {"signal": "TERM"}), ("kill", 0, {})],
        "OnRecovery": "leave", "Step": -1, "Recovery": "", "Resources": []}
    unregister(daemon, path)
    wait_removed(daemon, path)
    assert worker.poll() is None


def test_registering_by_pidfd(daemon, worker):
    pidfd = os.pidfd_open(worker.pid)
    try:
        path = daemon.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", 0, "by-pidfd", {}, fds=[pidfd])
    finally:
        os.close(pidfd)
    assert daemon.property(path, "Registration", "Pid") == worker.pid
    # It is the daemon's own copy that tells it of the end.
    end_worker(worker)
    wait_removed(daemon, path)


def test_registering_the_caller(daemon):
    path = daemon.call("Manager", "Manager", "RegisterPid", "(usa{sv})", 0, "caller", {})
    assert daemon.property(path, "Registration", "Pid") == os.getpid()
    unregister(daemon, path)


def test_registering_by_number_and_start_time(daemon, worker):
    with open(f"/proc/{worker.pid}/stat") as stat:
        start = int(stat.read().rpartition(")")[2].split()[19])
    path = register(daemon, worker, start_time=("t", start))
    unregister(daemon, path)


def test_failure_policy_is_kept_and_replaced(daemon, worker):
    path = register(daemon, worker, failure_policy=policy(("notify", 2), ("signal", 3, "SIGINT"), ("kill", 0)))
    assert daemon.property(path, "Registration", "FailurePolicy") == [
        ("notify", 2, {}), ("signal", 3, {"signal": "INT"}), ("kill", 0, {})]
    daemon.call(path, "Registration", "SetFailurePolicy", "(a(sua{sv})a{sv})", [("kill", 0, {})], {})
    assert daemon.property(path, "Registration", "FailurePolicy") == [("kill", 0, {})]
    assert values_of(daemon, path, "Registration", "FailurePolicy") == [[("kill", 0, {})]]
    unregister(daemon, path)


def test_announcements_come_before_replies(daemon, worker, fresh):
    seen = len(daemon.signals)
    path = register(daemon, worker)
    assert any(s.member == "InterfacesAdded" and s.arguments[0] == path for s in daemon.signals[seen:])
    wanted = fresh()

    resource, = acquire(daemon, path, wanted)
    added = [s.arguments for s in daemon.signals[seen:] if s.member == "InterfacesAdded"]
    assert added[-1][0] == resource == path_of(wanted)
    assert added[-1][1][f"{BUS_NAME}.Resource"] == {
        "Name": wanted[1], "Lockspace": "space", "Path": wanted[2], "Offset": wanted[3], "Mode": "exclusive",
        "Version": 1, "Registration": path, "Registrations": [path], "Orphan": False, "State": "held"}
    assert values_of(daemon, path, "Registration", "Resources", seen) == [[resource]]
    # Not before the reply where earlier tests have changed it again and again.
    daemon.wait_for_signal("PropertiesChanged", SPACE, seen,
                           lambda arguments: path in arguments[1].get("Registrations", []))

    release(daemon, path, resource)
    removed = [s.arguments for s in daemon.signals[seen:] if s.member == "InterfacesRemoved"]
    assert removed == [(resource, [f"{BUS_NAME}.Resource"])]
    assert values_of(daemon, path, "Registration", "Resources", seen) == [[resource], []]
    assert path not in daemon.property(SPACE, "Lockspace", "Registrations")
    unregister(daemon, path)
    assert daemon.signals[-1].member == "InterfacesRemoved" and daemon.signals[-1].arguments[0] == path


def test_acquire_and_release_are_on_disk_and_count(daemon, worker, fresh):
    path, wanted = register(daemon, worker), fresh()
    for version in 1, 2, 3:
        resource, = acquire(daemon, path, wanted)
        assert daemon.property(resource, "Resource", "Version") == version
        info = inspect_resource(daemon, wanted[2], wanted[3])
        assert (info["state"], info["version"], info["owner-host-id"], info["owner-generation"]) == (
            "held", version, 1, 1)
        assert info["timestamp"] > 0
        if version == 2:
            daemon.call(resource, "Resource", "Release", "(a{sv})", {})
        else:
            release(daemon, path)
        info = inspect_resource(daemon, wanted[2], wanted[3])
        assert (info["state"], info["version"], info["timestamp"]) == ("free", version, 0)
        assert resource not in daemon.objects()
    unregister(daemon, path)


def test_demanded_version(daemon, worker, fresh):
    path, wanted = register(daemon, worker), fresh()
    acquire(daemon, path, wanted)
    release(daemon, path)
    with fails_with("Held", "version 1"):
        acquire(daemon, path, with_options(wanted, version=("t", 7)))
    assert state_on_disk(daemon, wanted) == "free"
    resource, = acquire(daemon, path, with_options(wanted, version=("t", 1)))
    assert daemon.property(resource, "Resource", "Version") == 2


def test_second_registration_is_told_who_holds_it(daemon, make_worker, fresh):
    first, second, wanted = make_worker(), make_worker(), fresh()
    holder, other = register(daemon, first, "the-holder"), register(daemon, second)
    acquire(daemon, holder, wanted)
    with fails_with("Held", "the-holder"):
        acquire(daemon, other, wanted)
    # Nor twice by the same one, which would wait for itself.
    for given in {}, {"wait": ("b", True)}:
        with fails_with("AlreadyExists", "the-holder"):
            acquire(daemon, holder, with_options(wanted, **given))
    assert daemon.property(path_of(wanted), "Resource", "Registration") == holder
    assert inspect_resource(daemon, wanted[2], wanted[3])["version"] == 1


def test_end_of_the_process_releases(daemon, make_worker, fresh):
    worker, one, two = make_worker(), fresh(), fresh()
    path = register(daemon, worker)
    resources = acquire(daemon, path, one, two)
    assert resources == [path_of(one), path_of(two)]
    end_worker(worker)
    wait_removed(daemon, path)
    for wanted in one, two:
        assert state_on_disk(daemon, wanted) == "free"
        assert path_of(wanted) not in daemon.objects()
    # It is said, and said before the registration goes.
    cleared = daemon.wait_for_signal("Cleared", path)
    assert cleared.arguments == ("exited",)
    assert "cleared" in values_of(daemon, path, "Registration", "State")


def test_zombie_has_ended(daemon, make_worker, fresh):
    """Nobody has waited for it yet, but it runs no more."""
    worker, wanted = make_worker(), fresh()
    path = register(daemon, worker)
    acquire(daemon, path, wanted)
    os.kill(worker.pid, 9)
    wait_removed(daemon, path)
    with open(f"/proc/{worker.pid}/stat") as stat:
        assert stat.read().rpartition(")")[2].split()[0] == "Z"
    assert state_on_disk(daemon, wanted) == "free"


def test_all_leases_or_none(daemon, make_worker, fresh):
    first, second = make_worker(), make_worker()
    holder, other = register(daemon, first, "the-holder"), register(daemon, second)
    free, held = fresh(), fresh()
    acquire(daemon, holder, held)
    for wanted in (free, held), (held, free):
        seen = len(daemon.signals)
        with fails_with("Held", "the-holder"):
            acquire(daemon, other, *wanted)
        assert state_on_disk(daemon, free) == "free"
        assert daemon.property(other, "Registration", "Resources") == []
        # Not even for a moment was there an object to see.
        assert not [s for s in daemon.signals[seen:] if s.member == "InterfacesAdded"]
    release(daemon, holder)
    assert acquire(daemon, other, held, free) == [path_of(held), path_of(free)]


def test_64_leases_is_not_too_many(daemon, worker, fresh, space):
    """As many as one call may have; those that are not formatted make all of them fail."""
    path, good = register(daemon, worker), fresh()
    others = [lease(space, good[3], f"none{n}") for n in range(63)]
    with fails_with("NotFound"):
        acquire(daemon, path, good, *others)
    assert state_on_disk(daemon, good) == "free"
    unregister(daemon, path)


def test_waiting_until_the_holder_on_this_host_releases(daemon, make_worker, fresh):
    first, second, wanted = make_worker(), make_worker(), fresh()
    holder, other = register(daemon, first), register(daemon, second)
    acquire(daemon, holder, wanted)
    waiting = begin_acquire(daemon, other, with_options(wanted, wait=("b", True)))
    # Other calls are answered meanwhile.
    assert daemon.property(path_of(wanted), "Resource", "Registration") == holder
    assert not waiting.done
    release(daemon, holder)
    assert waiting.result() == [path_of(wanted)]
    assert daemon.property(path_of(wanted), "Resource", "Registration") == other
    assert daemon.property(path_of(wanted), "Resource", "Version") == 2


def test_waiting_until_another_host_releases(daemon, second_service, make_worker, fresh, space):
    wanted = fresh()
    join(second_service, space, 2)
    here, there = register(daemon, make_worker()), register(second_service, make_worker())
    acquire(second_service, there, wanted)
    with fails_with("Held", "hostB"):
        acquire(daemon, here, wanted)
    waiting = begin_acquire(daemon, here, with_options(wanted, wait=("b", True)))
    daemon.properties(here, "Registration")
    assert not waiting.done
    release(second_service, there)
    assert waiting.result() == [path_of(wanted)]
    with fails_with("Held", daemon.property("Manager", "Manager", "HostName")):
        acquire(second_service, there, wanted)
    second_service.call(SPACE, "Lockspace", "Leave", "(a{sv})", {})


class Caller:
    """Another connection to the bus, that may leave it."""

    def __init__(self, service):
        self.connection = Gio.DBusConnection.new_for_address_sync(
            service.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        # The daemon asks the bus who a new caller is before it does anything for him; meanwhile other calls
        # pass. After this one it knows.
        try:
            self.connection.call_sync(BUS_NAME, f"/{BUS_NAME.replace('.', '/')}/Manager", f"{BUS_NAME}.Manager",
                                      "InspectLockspace", GLib.Variant("(sta{sv})", ("relative", 0, {})), None,
                                      Gio.DBusCallFlags.NONE, -1, None)
        except GLib.Error as error:
            assert "InvalidArgument" in error.message

    def begin_acquire(self, registration, *leases):
        self.connection.call(BUS_NAME, registration, f"{BUS_NAME}.Registration", "Acquire",
                             GLib.Variant("(a(sssta{sv})a{sv})", (list(leases), {})), None,
                             Gio.DBusCallFlags.NONE, -1, None, lambda *_outcome: None)
        # A round trip: the bus has passed on what was sent before.
        self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
                                  None, None, Gio.DBusCallFlags.NONE, -1, None)

    def leave(self):
        self.connection.close_sync()


def test_caller_that_leaves_gets_nothing(daemon, make_worker, fresh):
    first, second, wanted, also = make_worker(), make_worker(), fresh(), fresh()
    holder, other = register(daemon, first), register(daemon, second)
    acquire(daemon, holder, wanted)
    caller = Caller(daemon)
    caller.begin_acquire(other, also, with_options(wanted, wait=("b", True)))
    # It has begun: the registration cannot go any more.
    assert is_busy(daemon, other)
    caller.leave()
    # The call ends, and with it what keeps the registration.
    wait_by_asking(daemon, lambda: not is_busy(daemon, other), "the end of the call")
    assert state_on_disk(daemon, also) == "free"
    release(daemon, holder)
    acquire(daemon, holder, wanted, also)
    assert daemon.property(path_of(wanted), "Resource", "Version") == 2


def is_busy(daemon, registration):
    """Whether Unregister() is refused. What is not busy is gone after it."""
    try:
        unregister(daemon, registration)
    except BusError as error:
        check_error(error, "Busy")
        return True
    return False


def test_process_that_ends_while_its_call_waits(daemon, make_worker, fresh):
    first, second, wanted = make_worker(), make_worker(), fresh()
    holder, other = register(daemon, first), register(daemon, second)
    acquire(daemon, holder, wanted)
    waiting = begin_acquire(daemon, other, with_options(wanted, wait=("b", True)))
    daemon.properties(other, "Registration")  # behind the call: that has begun
    end_worker(second)
    with pytest.raises(BusError) as caught:
        waiting.result()
    check_error(caught.value, "NotFound")
    wait_removed(daemon, other)
    release(daemon, holder)
    assert state_on_disk(daemon, wanted) == "free"


def test_unregistering_is_refused_while_leases_are_held(daemon, worker, fresh):
    path, wanted = register(daemon, worker, "the-holder"), fresh()
    acquire(daemon, path, wanted)
    with fails_with("Busy", "the-holder"):
        unregister(daemon, path)
    assert state_on_disk(daemon, wanted) == "held"
    release(daemon, path)
    unregister(daemon, path)
    with pytest.raises(BusError) as caught:
        unregister(daemon, path)
    assert caught.value.name == "org.freedesktop.DBus.Error.UnknownMethod"


def test_releasing_some_of_them(daemon, worker, fresh):
    path, one, two, three = register(daemon, worker), fresh(), fresh(), fresh()
    acquire(daemon, path, one, two, three)
    release(daemon, path, path_of(two), path_of(two))
    assert [state_on_disk(daemon, each) for each in (one, two, three)] == ["held", "free", "held"]
    assert sorted(daemon.property(path, "Registration", "Resources")) == sorted([path_of(one), path_of(three)])
    release(daemon, path)
    release(daemon, path)  # all of none
    assert [state_on_disk(daemon, each) for each in (one, two, three)] == ["free"] * 3


def test_two_registrations_of_one_process(daemon, make_worker, fresh):
    worker, wanted = make_worker(), fresh()
    one, two = register(daemon, worker, "one"), register(daemon, worker, "two")
    assert one != two
    acquire(daemon, one, wanted)
    with fails_with("Held", "one"):
        acquire(daemon, two, wanted)
    end_worker(worker)
    wait_removed(daemon, one)
    wait_removed(daemon, two)
    assert state_on_disk(daemon, wanted) == "free"


def test_race_of_two_hosts_has_one_winner(daemon, second_service, make_worker, fresh, space):
    join(second_service, space, 2)
    here, there = register(daemon, make_worker()), register(second_service, make_worker())
    for _ in range(3):
        wanted = fresh()
        calls = [begin_acquire(daemon, here, wanted), begin_acquire(second_service, there, wanted)]
        outcomes = []
        for call in calls:
            try:
                outcomes.append(call.result())
            except BusError as error:
                check_error(error, "Held")
        assert len(outcomes) <= 1
        owner = inspect_resource(daemon, wanted[2], wanted[3])
        assert outcomes or owner["state"] == "free"
    release(second_service, there)
    second_service.call(SPACE, "Lockspace", "Leave", "(a{sv})", {})


def test_service_goes_on(daemon, space):
    assert daemon.property(SPACE, "Lockspace", "State") == "held"
    assert disk.field(space, 0, disk.OWNER_GENERATION) == 1


def test_what_changes_again_and_again_is_announced_twice_a_second(daemon, worker, fresh):
    """Who acquires and releases without a pause does not make everybody listen to each time; the last one is told."""
    path = register(daemon, worker)
    wanted = fresh()
    begin, began = len(daemon.signals), time.monotonic()
    for _ in range(20):
        acquire(daemon, path, wanted)
        release(daemon, path)

    def announced():
        return [signal.arguments[1]["Resources"] for signal in daemon.signals[begin:]
                if signal.path == path and "Resources" in signal.arguments[1]]
    daemon.wait_until(lambda: announced()[-1:] == [[]], "the announcement of the last release")
    assert announced()[0] == [path_of(wanted)]
    # Five before that.
    assert len(announced()) <= 6 + (time.monotonic() - began) / 0.5
