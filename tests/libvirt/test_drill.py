# SPDX-License-Identifier: LGPL-2.1-or-later
"""A live drill of a real guest: it is really paused, its leases are given back though their storage is well, and then
it goes on with them."""

import pytest

from lease_calls import (SPACE, acquire, format_lockspace, format_resource, inspect_resource, join, lease, leave,
                         wait_removed)
from lease_storage import NoSuchStorage, storage_files
from private_service import options
from real_libvirt import OFF, PAUSED, RUNNING


@pytest.fixture
def space(daemon):
    """A lockspace on storage that is well, with one resource."""
    try:
        with storage_files() as make:
            path = make()
            format_lockspace(daemon, path)
            format_resource(daemon, path)
            join(daemon, path)
            yield path
            leave(daemon, force=("b", True))
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


def register(daemon, guest, steps, **given):
    return daemon.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", guest.uuid,
                       options(failure_policy=("a(sua{sv})", [(*step, {}) for step in steps]), **given))


def drill(daemon, registration):
    daemon.call(registration, "Registration", "Drill", "(a{sv})", {})


def states_of(daemon, path):
    return [each.arguments[1]["State"] for each in daemon.signals
            if each.path == path and each.member == "PropertiesChanged" and "State" in each.arguments[1]]


def test_paused_and_resumed(daemon, make_guest, space):
    guest = make_guest("guest")
    path = register(daemon, guest, [("pause", 20), ("poweroff", 20), ("kill", 0)], on_recovery=("s", "resume"))
    resource, = acquire(daemon, path, lease(space))
    version = daemon.property(resource, "Resource", "Version")
    guest.start()
    guest.wait_for_beats(3)
    pid = guest.pid

    drill(daemon, path)
    daemon.wait_for_signal("Cleared", path, matches=lambda arguments: arguments == ("paused",))
    daemon.wait_for_property(path, "Registration", "State", "active")
    guest.wait_for_state(RUNNING)
    beats = guest.beats
    guest.wait_for_beats(beats + 3)
    assert guest.pid == pid
    assert states_of(daemon, path) == ["failing", "paused", "active"]
    assert daemon.property(resource, "Resource", "Version") == version + 1
    assert daemon.property(SPACE, "Lockspace", "State") == "held"
    guest.call("Destroy", "(u)", 0)


def test_paused_and_left(daemon, make_guest, space):
    guest = make_guest("guest")
    path = register(daemon, guest, [("pause", 20), ("poweroff", 20), ("kill", 0)])
    acquire(daemon, path, lease(space))
    guest.start()
    guest.wait_for_beats(3)
    drill(daemon, path)
    daemon.wait_for_signal("Cleared", path, matches=lambda arguments: arguments == ("paused",))
    daemon.wait_until(lambda: inspect_resource(daemon, space)["state"] == "free", "the release of its lease on disk")
    assert guest.state == PAUSED
    assert daemon.property(path, "Registration", "State") == "paused"
    guest.call("Destroy", "(u)", 0)
    guest.wait_for_state(OFF)
    wait_removed(daemon, path)
