# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a domain afterwards: it goes on, or is started again, only with leases that are really its own."""

import pytest

from domain_leases import (MIB, SPACE, Harmless, join_space, lease_of, lose, register_domain, registration_of, start_all,
                           wait_unregistered)
from lease_calls import IGNORE_TERM, acquire, join, lease, policy, register, release
from real_libvirt import OFF, PAUSED, RUNNING, make_guest_disk


@pytest.fixture
def witness(make_guest):
    guest = make_guest("witness")
    start_all(guest)
    return guest


def hold_up_the_loss(daemon, make_worker, space):
    """The lockspace is not lost before this one is killed, some seconds later: storage that answers by then lets the
    host lease be given back, so that other hosts need not wait for a minute."""
    path = register(daemon, make_worker(IGNORE_TERM), "slow",
                    failure_policy=policy(("signal", 5, "TERM"), ("kill", 0)))
    acquire(daemon, path, lease(space, 8 * MIB, "r8"))


def version_of(daemon, path):
    resource, = daemon.property(path, "Registration", "Resources")
    return daemon.property(resource, "Resource", "Version")


def test_the_version_is_the_same(daemon, hanging_storage, space, make_guest, witness):
    guest = make_guest("guest", leases=[lease_of(space, 1)], on_lockfailure="pause")
    start_all(guest)
    path, _ = registration_of(daemon, guest)
    version, pid = version_of(daemon, path), guest.pid
    harmless = Harmless(daemon, {path: guest})
    lose(daemon, hanging_storage)
    daemon.wait_for_property(path, "Registration", "State", "paused")
    assert daemon.property(path, "Registration", "Recovery")
    harmless.check(witness)
    hanging_storage.resume()
    daemon.wait_for_property(path, "Registration", "State", "active")
    guest.wait_for_state(RUNNING)
    guest.wait_for_beats()
    assert guest.pid == pid
    # One win further, and that is ours.
    assert version_of(daemon, path) == version + 1
    assert daemon.property(path, "Registration", "Recovery") == ""


def test_who_lost_the_lease_to_another_host_does_not_go_on(daemon, hanging_storage, space, make_guest, make_service,
                                                           make_worker, witness):
    other = make_service("--host-name hostB")
    join(other, hanging_storage.backing, host_id=2)
    guest = make_guest("guest", leases=[lease_of(space, 1)], on_lockfailure="pause")
    start_all(guest)
    path, _ = registration_of(daemon, guest)
    harmless = Harmless(daemon, {path: guest})
    hold_up_the_loss(daemon, make_worker, space)
    lose(daemon, hanging_storage)
    daemon.wait_for_property(path, "Registration", "State", "paused")
    holder = register(other, make_worker(), "holder")
    acquiring = other.begin(holder, "Registration", "Acquire", "(a(sssta{sv})a{sv})",
                            [lease(hanging_storage.backing, wait=("b", True), name="r1")], {})
    hanging_storage.resume()
    acquiring.result()
    release(other, holder)
    # The lease is free again when this host comes back: it is the version that tells.
    guest.wait_for_state(OFF)
    harmless.check(witness)
    wait_unregistered(daemon, guest)


def test_who_is_resumed_by_hand_needs_the_lease(daemon, hanging_storage, space, make_guest, witness):
    guest = make_guest("guest")
    start_all(guest)
    path = register_domain(daemon, guest, failure_policy=policy(("pause", 10), ("kill", 0)))
    acquire(daemon, path, lease(space, MIB, "r1"))
    lose(daemon, hanging_storage)
    daemon.wait_for_property(path, "Registration", "State", "paused")
    # There is no lease to be had.
    guest.call("Resume")
    guest.wait_for_state(PAUSED)
    daemon.wait_for_property(path, "Registration", "State", "paused")
    hanging_storage.resume()
    daemon.wait_for_property(SPACE, "Lockspace", "State", "lost")
    join(daemon, space)
    assert guest.state == PAUSED
    guest.call("Resume")
    daemon.wait_for_property(path, "Registration", "State", "active")
    assert guest.state == RUNNING
    guest.wait_for_beats()
    assert len(daemon.property(path, "Registration", "Resources")) == 1


def test_a_pause_counts_when_the_last_write_has_landed(daemon, hanging_storage, libvirt, make_guest, witness):
    """The guest's own disk hangs with the lease."""
    make_guest_disk(hanging_storage.path)
    join_space(daemon, hanging_storage.path, offset=8 * MIB)
    guest = libvirt.guest("guest", hanging_storage.path, backing=hanging_storage.backing,
                          leases=[("space", "r1", hanging_storage.path, 9 * MIB)], on_lockfailure="pause")
    try:
        start_all(guest)
        path, _ = registration_of(daemon, guest)
        harmless = Harmless(daemon, {path: guest})
        lose(daemon, hanging_storage)
        daemon.wait_for_signal("StepStarted", path)
        # libvirt says so at once, which is not enough.
        guest.wait_for_state(PAUSED)
        witness.wait_for_beats(20)
        assert not harmless.beats
        hanging_storage.resume()
        daemon.wait_for_signal("Cleared", path)
        harmless.check(witness)
    finally:
        hanging_storage.resume()
        guest.remove()
        libvirt.guests.remove(guest)
