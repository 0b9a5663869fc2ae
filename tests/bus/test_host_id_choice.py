# SPDX-License-Identifier: LGPL-2.1-or-later
"""Joining with a host id that bailiffd chooses: alone, again, beside others, and against another host at the same moment."""

import pathlib

import disk_records as disk
from lease_calls import (MIB, SPACE, begin_join, format_lockspace, inspect_lockspace, join, leave, wait_by_asking,
                         wait_held, wait_removed)

SECTOR = 4096


def hosts_on_disk(service, path):
    return {host["host-id"]: host["host-name"] for host in inspect_lockspace(service, path)["hosts"]}


def host_id(service):
    return service.property(SPACE, "Lockspace", "HostId")


def test_the_lowest_and_again_the_same(service, second_service, storage):
    format_lockspace(service, storage)
    path = begin_join(service, storage, host_id=0)
    assert host_id(service) in (0, 1)
    # The choice is announced.
    assert service.wait_for_property(SPACE, "Lockspace", "HostId", 1) == 1
    wait_held(service)
    join(second_service, storage, host_id=0)
    assert host_id(second_service) == 2
    assert hosts_on_disk(service, storage) == {1: service.property("Manager", "Manager", "HostName"), 2: "hostB"}

    # Who comes back has what it had, whoever was first.
    leave(second_service)
    leave(service)
    wait_removed(service, path)
    join(second_service, storage, host_id=0)
    assert host_id(second_service) == 2
    join(service, storage, host_id=0)
    assert host_id(service) == 1


def test_a_host_that_was_reset_takes_its_own_host_id_at_once(service, storage):
    format_lockspace(service, storage)
    join(service, storage, host_id=5)
    service.kill_daemon()
    # What a reset takes away.
    for path in pathlib.Path(service.directory, "run").rglob("*"):
        if path.is_file():
            path.unlink()
    service.start_daemon()
    join(service, storage, host_id=0)
    assert host_id(service) == 5


def test_two_hosts_that_choose_the_same(service, second_service, storage):
    # Twice the io timeout on disk is the time in which the other one may come.
    format_lockspace(service, storage, io_timeout=("u", 2))
    begin_join(service, storage, host_id=0)
    begin_join(second_service, storage, host_id=0)
    wait_held(service)
    wait_held(second_service)
    ids = host_id(service), host_id(second_service)
    assert len(set(ids)) == 2, ids
    on_disk = hosts_on_disk(service, storage)
    assert on_disk[ids[0]] == service.property("Manager", "Manager", "HostName")
    assert on_disk[ids[1]] == "hostB"


def test_taken_at_the_same_moment(service, storage):
    """Another host writes its name over ours while the join settles: it is named, and another host id chosen."""
    format_lockspace(service, storage, io_timeout=("u", 2))
    begin_join(service, storage, host_id=0)
    own = service.property("Manager", "Manager", "HostName")
    wait_by_asking(service, lambda: disk.field(storage, 0, disk.RECORD_NAME) == own, "our name on disk")
    disk.change(storage, 0, disk.RECORD_NAME, "quicker")
    wait_held(service)
    assert host_id(service) in (2, 3)
    assert "quicker" in service.log()
    assert hosts_on_disk(service, storage)[1] == "quicker"


def test_none_is_left(service, storage):
    format_lockspace(service, storage, sector_size=("u", SECTOR), align_size=("u", MIB))
    join(service, storage, host_id=1, io_timeout=1)
    leave(service)
    held = disk.read(storage, 0, SECTOR)
    for number in range(250):
        disk.write(storage, number * SECTOR, held)
        for field, value in (disk.OWNER_ID, number + 1), (disk.RECORD_NAME, "somebody"), (disk.TIMESTAMP, 1000):
            disk.change(storage, number * SECTOR, field, value)
    begin_join(service, storage, host_id=0)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert service.property(SPACE, "Lockspace", "Reason").startswith(
        "None of the 250 host ids of lockspace space is free.\n")
