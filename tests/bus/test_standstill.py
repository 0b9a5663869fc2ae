# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that was stopped and continued together with its clock: what it sees afterwards is made up here.

A clock cannot be stopped in a test. But to the daemon it is the same whether its own clock lost a minute or the clocks of
all others gained one, and whether it slept while another host took a resource or the record of that host came from here.
"""

import signal

import pytest

import disk_records as disk
from event_times import EventTimes, boottime_us
from lease_calls import (MIB, SPACE, acquire, check_two_lines, format_lockspace, format_resource, join,
                         lease, policy, register, wait_ended)
from main_loop import poll_until

SECTOR = 512
LEASE_VERSION = (48, "<Q")
# Who wrote a leader record last; under no checksum.
WRITTEN_BY = (176, "<Q")
WRITTEN_AT = (192, "<Q")
LATER = 100


def own_stamp(storage):
    return disk.field(storage, 0, disk.TIMESTAMP)


def wait_renewed(service, storage, times=1):
    for _ in range(times):
        before = own_stamp(storage)
        poll_until(lambda: own_stamp(storage) != before, "the host lease is renewed", give_up=service.why_silent)


class Peer:
    """The host lease of another host, whose clock is ahead by a second for each host id, and by what a test adds."""

    def __init__(self, storage, host_id):
        self.storage, self.record, self.ahead = storage, (host_id - 1) * SECTOR, host_id
        disk.change(storage, self.record, disk.OWNER_ID, host_id)
        disk.change(storage, self.record, disk.OWNER_GENERATION, 1)
        disk.change(storage, self.record, disk.RECORD_NAME, f"peer-{host_id}")

    def renew(self):
        disk.change(self.storage, self.record, disk.TIMESTAMP, boottime_us() // 1000000 + self.ahead)


def renew_with(service, storage, peers, times=1):
    """Each of them is renewed before each renewal of ours."""
    for _ in range(times):
        for peer in peers:
            peer.renew()
        wait_renewed(service, storage)


@pytest.fixture(name="worker")
def a_worker_with_a_lease(service, storage, make_worker):
    format_lockspace(service, storage)
    format_resource(service, storage)
    format_resource(service, storage, 2 * MIB, "second")
    join(service, storage)
    worker = make_worker()
    # With a policy of half a minute: to be seen that nothing is granted any more.
    worker.registration = register(service, worker, failure_policy=policy(("notify", 30), ("kill", 0)))
    acquire(service, worker.registration, lease(storage), lease(storage, 2 * MIB, "second"))
    return worker


def check_lost(service, storage, worker, *words):
    lost = service.wait_for_signal("LeaseLost", SPACE)
    check_two_lines(lost.arguments[0])
    for word in words:
        assert word in lost.arguments[0]
    assert service.property(SPACE, "Lockspace", "Reason") == lost.arguments[0]
    # The time of the policy is over already, as seen by whoever holds the lease now.
    assert wait_ended(service, worker) == -signal.SIGKILL
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")


def take(storage, offset, by=2, versions=1):
    disk.change(storage, offset, LEASE_VERSION, disk.field(storage, offset, LEASE_VERSION) + versions)
    disk.change(storage, offset, disk.OWNER_GENERATION, 1)
    disk.change(storage, offset, WRITTEN_BY, by)
    disk.change(storage, offset, disk.OWNER_ID, by)


@pytest.mark.parametrize("offset", [MIB, 2 * MIB], ids=["thing", "second"])
def test_resource_that_another_host_has_taken(service, storage, worker, offset):
    take(storage, offset)
    taken = disk.read(storage, offset, SECTOR)
    check_lost(service, storage, worker, "host id 2", "version 2", "thing" if offset == MIB else "second")
    # It is theirs: nothing of ours is written there, and nobody is told that we are alive.
    assert disk.read(storage, offset, SECTOR) == taken


def test_a_walk_that_is_under_way_does_not_keep_its_pace(service, storage, make_storage, worker):
    """The policy of half a minute is being walked for another lockspace when the resource is found taken."""
    other = make_storage()
    format_lockspace(service, other, name="other")
    format_resource(service, other, lockspace="other")
    join(service, other, name="other")
    acquire(service, worker.registration, lease(other, lockspace="other"))
    times = EventTimes(service)
    disk.write(other, 0, bytes(SECTOR))
    service.wait_for_signal("StepStarted", worker.registration)
    take(storage, MIB)
    assert wait_ended(service, worker) == -signal.SIGKILL
    service.wait_for_signal("Cleared", worker.registration)
    steps = {event.arguments[1]: event.at_us for event in reversed(times.of(worker.registration, "StepStarted"))}
    assert steps["kill"] < steps["notify"] + 30 * 1000000


def test_resource_formatted_anew(service, storage, worker):
    disk.write(storage, 3 * MIB, bytes(MIB))
    format_resource(service, storage, 3 * MIB)
    disk.write(storage, MIB, disk.read(storage, 3 * MIB, MIB))
    check_lost(service, storage, worker, "thing")


def test_what_is_still_ours(service, storage, worker):
    # Each resource is looked at with every second renewal.
    wait_renewed(service, storage, 3)
    # Committed once more, by a host that saw our ballot.
    disk.change(storage, MIB, WRITTEN_BY, 2)
    disk.change(storage, MIB, WRITTEN_AT, 12345)
    wait_renewed(service, storage, 3)
    # A leader record of an earlier version that was long on its way. Our ballot stands.
    take(storage, 2 * MIB, versions=-1)
    wait_renewed(service, storage, 3)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    # A damaged one lets nobody acquire.
    disk.flip(storage, MIB + 60)
    wait_renewed(service, storage, 3)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    assert "cannot be seen for now" in service.log()
    assert worker.poll() is None


def test_two_clocks_that_moved_on(service, storage, worker):
    peers = [Peer(storage, 2), Peer(storage, 3)]
    renew_with(service, storage, peers, 6)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    for peer in peers:
        peer.ahead += LATER
        peer.renew()
    check_lost(service, storage, worker, "stood still for")
    stamp = own_stamp(storage)
    assert boottime_us() // 1000000 - stamp < LATER
    assert stamp != 0, "given back"


def test_one_clock_that_moved_on(service, storage, worker):
    """Alone it is believed when it goes on from there."""
    peer = Peer(storage, 2)
    renew_with(service, storage, [peer], 6)
    peer.ahead += LATER
    renew_with(service, storage, [peer])
    assert service.property(SPACE, "Lockspace", "State") == "held"
    peer.renew()
    check_lost(service, storage, worker, "stood still for")


def test_one_clock_against_others(service, storage, worker):
    peers = [Peer(storage, host_id) for host_id in (2, 3, 4)]
    renew_with(service, storage, peers, 6)
    peers[0].ahead += LATER
    renew_with(service, storage, peers, 4)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    assert "by others it did not" in service.log()
    # What is held decides: all of it is looked at with the next renewal.
    take(storage, MIB)
    peers[0].renew()
    check_lost(service, storage, worker, "host id 2")


def test_record_that_jumps_once(service, storage, worker):
    """A stamp that nobody goes on from says nothing."""
    peer = Peer(storage, 2)
    renew_with(service, storage, [peer], 6)
    peer.ahead += 5000
    renew_with(service, storage, [peer])
    peer.ahead -= 5000
    renew_with(service, storage, [peer], 4)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    assert worker.poll() is None
