# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffd is killed while a process holds a lease: the next one must not join as long as that process lives."""

import os

import pytest

from lease_calls import (MIB, SPACE, acquire, end_worker, fails_with, format_lockspace, format_resource, join, lease,
                         begin_join, inspect_resource, register, release, unregister, wait_held)
from main_loop import poll_until
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


def test_successor_waits_for_the_end_of_the_holder(host, space, make_worker, make_storage):
    worker = make_worker()
    acquire(host, register(host, worker, "the-holder"), lease(space))
    for _ in range(2):
        restart(host)
        with fails_with("Busy", "the-holder"):
            begin_join(host, space)
        assert not any("/lockspaces/" in path for path in host.objects())
    assert worker.poll() is None
    # Another lockspace is no matter of that process.
    other = make_storage()
    format_lockspace(host, other, name="other")
    join(host, other, name="other")

    end_worker(worker)
    join(host, space)
    assert host.property(SPACE, "Lockspace", "Generation") == 2
    # What the dead generation held is free to take.
    successor = make_worker()
    resource, = acquire(host, register(host, successor), lease(space))
    assert host.property(resource, "Resource", "Version") == 2


def test_holder_that_ended_with_the_daemon_is_no_hindrance(host, space, make_worker):
    worker = make_worker()
    acquire(host, register(host, worker), lease(space))
    host.kill_daemon()
    end_worker(worker)
    host.start_daemon()
    join(host, space)


def test_persistent_lease_is_a_hindrance_after_its_holder(host, space, make_worker):
    """Also one whose holder ended while no daemon was there."""
    worker = make_worker()
    acquire(host, register(host, worker), lease(space, persistent=("b", True)), lease(space, 2 * MIB, "second"))
    host.kill_daemon()
    end_worker(worker)
    host.start_daemon()
    with fails_with("Busy", "(thing)"):
        begin_join(host, space)
    lockspace = host.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "space", space, 0, 1,
                          options(io_timeout=("u", 1), forget_orphans=("b", True)))
    wait_held(host, lockspace)


def test_zombie_is_no_hindrance(host, space, make_worker):
    worker = make_worker()
    acquire(host, register(host, worker), lease(space))
    worker.kill()
    restart(host)
    join(host, space)


def test_released_leases_are_no_hindrance(host, space, make_worker):
    released, unregistered, without = make_worker(), make_worker(), make_worker()
    path = register(host, released, "released")
    acquire(host, path, lease(space))
    release(host, path)
    path = register(host, unregistered, "unregistered")
    acquire(host, path, lease(space))
    release(host, path)
    unregister(host, path)
    register(host, without, "without")
    held = os.path.join(host.directory, "run", "held")
    poll_until(lambda: not os.listdir(held), "the end of the held records")
    restart(host)
    join(host, space)


def test_lease_held_at_last_counts(host, space, make_worker):
    """One of two leases was given back: the other one still is in use."""
    path = register(host, make_worker(), "the-holder")
    first, _second = acquire(host, path, lease(space), lease(space, 2 * MIB, "second"))
    release(host, path, first)
    restart(host)
    with fails_with("Busy", "the-holder"):
        begin_join(host, space)


def test_numbers_of_registrations_are_not_used_again(host, space, make_worker):
    """A client that still has the path of a registration of the dead daemon must not speak to another one."""
    path = register(host, make_worker(), "the-holder")
    acquire(host, path, lease(space))
    restart(host)
    assert register(host, make_worker(), "another") != path


def test_damaged_runtime_directory_is_not_taken_for_empty(host, space, make_worker):
    acquire(host, register(host, make_worker()), lease(space))
    held = os.path.join(host.directory, "run", "held")
    name, = os.listdir(held)
    host.kill_daemon()
    with open(os.path.join(held, name), "w") as file:
        file.write("nonsense")
    host.start_daemon()
    with fails_with("Busy", name):
        begin_join(host, space)
    assert inspect_resource(host, space)["state"] == "held"
