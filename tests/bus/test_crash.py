# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffd is killed: the next one takes over what it can prove, and makes harmless what it cannot."""

import os
import signal

import pytest

from lease_calls import (MIB, SPACE, acquire, end_worker, fails_with, format_lockspace, format_resource, join, lease,
                         begin_join, inspect_resource, register, release, unregister, wait_held)
from main_loop import poll_until, wait_until
from private_service import options


@pytest.fixture
def host(make_service):
    """A bus, and a daemon that the test starts and kills."""
    service = make_service("none")
    service.start_daemon()
    return service


@pytest.fixture
def space(host, make_storage):
    """Joined; with two resources."""
    path = make_storage()
    format_lockspace(host, path)
    format_resource(host, path)
    format_resource(host, path, 2 * MIB, "second")
    join(host, path)
    return path


def restart(host):
    host.kill_daemon()
    host.start_daemon()


def runtime_path(host, *parts):
    return os.path.join(host.directory, "run", *parts)


def resources_of(host, registration):
    return host.property(registration, "Registration", "Resources")


def wait_taken_over(host, lockspace=SPACE):
    state = host.wait_for_property(lockspace, "Lockspace", "State", lambda state: state != "late")
    assert state == "held", host.property(lockspace, "Lockspace", "Reason")


def test_everything_is_kept(host, space, make_worker):
    worker = make_worker()
    registration = register(host, worker, "the-holder")
    idle = register(host, make_worker(), "without")
    held, = acquire(host, registration, lease(space))
    shared, = acquire(host, registration, lease(space, 2 * MIB, "second", mode=("s", "shared")))
    for _ in range(3):
        restart(host)
        wait_taken_over(host)
        assert host.property(SPACE, "Lockspace", "Generation") == 1
        assert sorted(resources_of(host, registration)) == sorted([held, shared])
        assert host.property(registration, "Registration", "Pid") == worker.pid
        assert host.property(registration, "Registration", "State") == "active"
        assert host.property(held, "Resource", "Version") == 1
        assert host.property(shared, "Resource", "Mode") == "shared"
        assert host.property(idle, "Registration", "Name") == "without"
    assert worker.poll() is None
    release(host, registration)
    # Given back on disk: another one gets it, with the next version.
    again, = acquire(host, idle, lease(space))
    assert host.property(again, "Resource", "Version") == 2
