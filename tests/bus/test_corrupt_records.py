# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records on disk that are damaged, or of a kind that this version does not know: refused, and never overwritten."""

import pytest

import disk_records as disk
from lease_calls import (MIB, SPACE, acquire, begin_join, check_two_lines, end_worker, fails_with, format_lockspace,
                         format_resource, inspect_resource, join, lease, leave, register, release, unregister,
                         wait_removed)

UNKNOWN_VERSION = 0x00070004
UNKNOWN_LOCKSPACE_VERSION = 0x00040004
UNKNOWN_FLAG = 0x10 | 0x100
OWN_ID, OTHER_ID = 1, 5


def host_sector(host_id):
    """Where a host's ballot is, from the beginning of the resource."""
    return (host_id + 1) * 512


@pytest.fixture(scope="module")
def space(module_service, module_storage):
    path = module_storage(4)
    format_lockspace(module_service, path)
    join(module_service, path, OWN_ID)
    yield path
    leave(module_service, force=("b", True))


@pytest.fixture
def registration(daemon, worker):
    path = register(daemon, worker)
    yield path
    unregister(daemon, path)


def used_resource(daemon, space, registration):
    """At 1 MiB: acquired and released once, so that leader and own ballot are written."""
    format_resource(daemon, space, overwrite=("b", True))
    acquire(daemon, registration, lease(space))
    release(daemon, registration)


def flip_name(path):
    disk.flip(path, MIB + 60)


def flip_unused(path):
    disk.flip(path, MIB + 164)


def flip_checksum(path):
    disk.flip(path, MIB + 168)


def flip_own_ballot(path):
    disk.flip(path, MIB + host_sector(OWN_ID) + 8)


def flip_own_ballot_checksum(path):
    disk.flip(path, MIB + host_sector(OWN_ID) + 48)


def dirt_in_the_ballot_of_another(path):
    disk.flip(path, MIB + host_sector(OTHER_ID) + 3)


def more_hosts_than_fit(path):
    disk.change(path, MIB, (16, "<Q"), 2 ** 63)


def sector_size_of_no_device(path):
    disk.change(path, MIB, disk.SECTOR_SIZE, 1024)


DAMAGE = [flip_name, flip_unused, flip_checksum, flip_own_ballot, flip_own_ballot_checksum,
          dirt_in_the_ballot_of_another, more_hosts_than_fit, sector_size_of_no_device]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_resource_is_not_acquired(daemon, space, registration, damage):
    used_resource(daemon, space, registration)
    damage(space)
    before = disk.digest(space, (0, 512))
    for wait in False, True:
        with fails_with("Corrupt"):
            acquire(daemon, registration, lease(space, wait=("b", wait)))
    assert disk.digest(space, (0, 512)) == before
    assert daemon.property(registration, "Registration", "Resources") == []


def test_damaged_ballot_of_a_host_that_never_joined(daemon, space, registration):
    """Nobody writes there any more, so it is looked for only once; but also in a place that was known before it was
    formatted anew."""
    for _ in range(2):
        used_resource(daemon, space, registration)
        format_resource(daemon, space, overwrite=("b", True))
        disk.flip(space, MIB + host_sector(2000) + 40)
        before = disk.digest(space, (0, 512))
        for _ in range(2):
            with fails_with("Corrupt"):
                acquire(daemon, registration, lease(space))
        assert disk.digest(space, (0, 512)) == before


@pytest.mark.parametrize("which, value", [(disk.VERSION, UNKNOWN_VERSION), (disk.VERSION, 0x00050004),
                                          (disk.FLAGS, UNKNOWN_FLAG), (disk.FLAGS, 0x80000010)])
def test_resource_of_an_unknown_kind_is_not_acquired(daemon, space, registration, which, value):
    used_resource(daemon, space, registration)
    disk.change(space, MIB, which, value)
    before = disk.digest(space, (0, 512))
    with fails_with("Unsupported"):
        acquire(daemon, registration, lease(space))
    with fails_with("Unsupported"):
        inspect_resource(daemon, space)
    assert disk.digest(space, (0, 512)) == before


def test_resource_with_other_sizes_than_its_lockspace_is_not_acquired(daemon, space, registration):
    format_resource(daemon, space, sector_size=("u", 4096), align_size=("u", MIB), overwrite=("b", True))
    before = disk.digest(space, (0, 512))
    with fails_with("Corrupt", "sizes"):
        acquire(daemon, registration, lease(space))
    assert disk.digest(space, (0, 512)) == before


@pytest.mark.parametrize("magic, name", [(0x11282016, "NotFound"), (0x12345678, "NotFound"), (0, "NotFound")])
def test_resource_with_another_magic_is_not_there(daemon, space, registration, magic, name):
    used_resource(daemon, space, registration)
    disk.change(space, MIB, disk.MAGIC, magic)
    before = disk.digest(space, (0, 512))
    with fails_with(name):
        acquire(daemon, registration, lease(space))
    assert disk.digest(space, (0, 512)) == before


def test_damage_to_one_of_two_leases_gives_the_other_back(daemon, space, registration):
    used_resource(daemon, space, registration)
    format_resource(daemon, space, 2 * MIB, "good", overwrite=("b", True))
    flip_unused(space)
    with fails_with("Corrupt"):
        acquire(daemon, registration, lease(space, 2 * MIB, "good"), lease(space))
    assert inspect_resource(daemon, space, 2 * MIB)["state"] == "free"


def test_damage_while_the_lease_is_held_is_not_overwritten(daemon, space, make_worker):
    format_resource(daemon, space, overwrite=("b", True))
    worker = make_worker()
    registration = register(daemon, worker)
    acquire(daemon, registration, lease(space))
    flip_unused(space)
    leader = disk.read(space, MIB, 512)
    with fails_with("Corrupt"):
        release(daemon, registration)
    end_worker(worker)
    daemon.wait_for_signal("Cleared", registration)
    assert disk.read(space, MIB, 512) == leader
    assert disk.read(space, MIB + 3 * 512, MIB - 3 * 512) == bytes(MIB - 3 * 512)
    # It stays ours until somebody has repaired it; then this host can take it up again.
    wait_removed(daemon, registration)
    flip_unused(space)
    successor = make_worker()
    registration = register(daemon, successor)
    acquire(daemon, registration, lease(space))
    release(daemon, registration)
    unregister(daemon, registration)
    assert inspect_resource(daemon, space)["state"] == "free"


# Lockspaces. All of these are joined on storage of their own.

def lost_join(daemon, path, host_id):
    lockspace = begin_join(daemon, path, host_id, name="hurt")
    daemon.wait_for_property(lockspace, "Lockspace", "State", "lost")
    reason = daemon.property(lockspace, "Lockspace", "Reason")
    check_two_lines(reason)
    leave(daemon, lockspace)
    return reason


@pytest.mark.parametrize("host_id", [1, 5])
@pytest.mark.parametrize("byte", [20, 60, 110, 150, 168])
def test_damaged_host_lease_is_not_joined(daemon, storage, host_id, byte):
    format_lockspace(daemon, storage, name="hurt")
    disk.flip(storage, (host_id - 1) * 512 + byte)
    before = disk.digest(storage)
    assert "damaged" in lost_join(daemon, storage, host_id)
    assert disk.digest(storage) == before


@pytest.mark.parametrize("host_id", [1, 5])
@pytest.mark.parametrize("which, value", [(disk.VERSION, UNKNOWN_LOCKSPACE_VERSION), (disk.FLAGS, UNKNOWN_FLAG)])
def test_host_lease_of_an_unknown_kind_is_not_joined(daemon, storage, host_id, which, value):
    format_lockspace(daemon, storage, name="hurt")
    disk.change(storage, (host_id - 1) * 512, which, value)
    before = disk.digest(storage)
    assert "does not know" in lost_join(daemon, storage, host_id)
    assert disk.digest(storage) == before


def test_host_lease_that_somebody_else_owns_is_not_joined(daemon, storage):
    """A record that says it is of another host id is in the wrong place."""
    format_lockspace(daemon, storage, name="hurt")
    disk.change(storage, 4 * 512, disk.OWNER_ID, 7)
    before = disk.digest(storage)
    lost_join(daemon, storage, 5)
    assert disk.digest(storage) == before


def test_damaged_records_of_others_are_left_alone(daemon, storage):
    format_lockspace(daemon, storage, name="hurt")
    disk.flip(storage, 6 * 512 + 60)
    before = disk.digest(storage, (4 * 512, 512))
    lockspace = join(daemon, storage, 5, name="hurt")
    leave(daemon, lockspace)
    assert disk.digest(storage, (4 * 512, 512)) == before


def test_generation_that_cannot_grow_is_not_joined(daemon, storage):
    format_lockspace(daemon, storage, name="hurt")
    disk.change(storage, 0, disk.OWNER_ID, 1)
    disk.change(storage, 0, disk.OWNER_GENERATION, 2 ** 64 - 1)
    before = disk.digest(storage)
    lost_join(daemon, storage, 1)
    assert disk.digest(storage) == before


def test_version_that_cannot_grow_is_not_acquired(daemon, space, registration):
    used_resource(daemon, space, registration)
    disk.change(space, MIB, (48, "<Q"), 2 ** 64 - 1)
    before = disk.digest(space, (0, 512))
    with fails_with("Corrupt"):
        acquire(daemon, registration, lease(space))
    assert disk.digest(space, (0, 512)) == before


def test_service_goes_on(daemon, space):
    assert daemon.property(SPACE, "Lockspace", "State") == "held"
