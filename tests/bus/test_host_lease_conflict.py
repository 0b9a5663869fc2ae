# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody else writes this host's record: the lease is lost at once, whatever the deadlines say."""

import signal

import pytest

import disk_records as disk
from event_times import EventTimes
from lease_calls import (MIB, SPACE, acquire, check_two_lines, fails_with, format_lockspace, format_resource, join,
                         lease, policy, register, wait_ended)


def other_host(path):
    disk.change(path, 0, disk.RECORD_NAME, "intruder")


def next_generation(path):
    disk.change(path, 0, disk.OWNER_GENERATION, 2)


def released(path):
    disk.change(path, 0, disk.TIMESTAMP, 0)


def formatted_anew(path):
    disk.write(path, 0, fresh_sector[path])


def nothing_left(path):
    disk.write(path, 0, bytes(512))


def damaged(path):
    disk.flip(path, 60)


fresh_sector = {}


@pytest.mark.parametrize("overwrite", [other_host, next_generation, released, formatted_anew, nothing_left, damaged],
                         ids=lambda overwrite: overwrite.__name__)
def test_overwritten_record_is_a_lost_lease(service, storage, make_worker, overwrite):
    format_lockspace(service, storage)
    fresh_sector[storage] = disk.read(storage, 0, 512)
    format_resource(service, storage)
    format_resource(service, storage, 2 * MIB, "second")
    join(service, storage)
    worker = make_worker()
    registration = register(service, worker, failure_policy=policy(("notify", 2), ("kill", 0)))
    acquire(service, registration, lease(storage))
    times = EventTimes(service)

    overwrite(storage)
    record = disk.read(storage, 0, 512)
    lost = service.wait_for_signal("LeaseLost", SPACE)
    check_two_lines(lost.arguments[0])
    at = service.properties(SPACE, "Lockspace")
    assert at["State"] == "failing" and at["Reason"] == lost.arguments[0]
    # The renewals had worked so far: no deadline had to pass for this.
    assert times.one(SPACE, "LeaseLost") < at["FailAtUsec"]
    with fails_with("Lost"):
        acquire(service, registration, lease(storage, 2 * MIB, "second"))
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert wait_ended(service, worker) == -signal.SIGKILL
    assert [e.arguments[0] for e in times.of(SPACE, "State")] == ["failing", "lost"]
    # It is somebody else's now.
    assert disk.read(storage, 0, 512) == record
