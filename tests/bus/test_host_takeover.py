# SPDX-License-Identifier: LGPL-2.1-or-later
"""What takes a minute because another host might still be alive: its host id, and the leases that it held.

With the smallest io timeout a host is given up after 8 + 60 seconds of silence. Both tests share that minute.
"""

import os
import signal

import pytest

import disk_records as disk
from lease_calls import (MIB, SPACE, acquire, begin_acquire, begin_join, check_error, check_two_lines, fails_with,
                         format_lockspace, format_resource, inspect_lockspace, inspect_resource, join, lease, register,
                         values_of, wait_held)
from private_service import BusError

SECOND = 1_000_000


def test_silent_host_loses_its_place_and_a_live_one_keeps_it(make_service, make_storage, make_worker):
    """A is killed while it holds a lease; B watches A's host id and its lease; C wants the host id of B."""
    host_a, host_b, host_c = make_service("--host-name hostA"), make_service("--host-name hostB"), \
        make_service("--host-name hostC")
    path = make_storage()
    format_lockspace(host_a, path)
    format_resource(host_a, path)
    join(host_a, path, 1)
    join(host_b, path, 2)
    acquire(host_a, register(host_a, make_worker()), lease(path))
    host_b.wait_for_signal("HostStateChanged", SPACE, 0, lambda a: a == (1, "unknown", "live"))
    last_stamp = host_a.property(SPACE, "Lockspace", "LastRenewalUsec")
    host_a.kill_daemon()

    registration = register(host_b, make_worker())
    with fails_with("Held", "hostA"):
        acquire(host_b, registration, lease(path))
    taken = begin_acquire(host_b, registration, lease(path, wait=("b", True)))
    dead = host_b.begin(f"{SPACE}/hosts/1", "Host", "WaitForState", "(sa{sv})", "dead", {})
    busy = begin_join(host_c, path, 2)

    # The host id of a live host.
    host_c.wait_for_property(busy, "Lockspace", "State", "lost")
    reason = host_c.property(busy, "Lockspace", "Reason")
    check_two_lines(reason)
    assert "hostB" in reason
    assert values_of(host_c, busy, "Lockspace", "State") == ["lost"]
    assert disk.field(path, 512, disk.RECORD_NAME) == "hostB"
    assert host_b.property(SPACE, "Lockspace", "State") == "held"

    # The lease of a dead one.
    assert dead.result() == "dead"
    host_b.wait_for_signal("HostStateChanged", SPACE, 0, lambda a: a == (1, "fail", "dead"))
    states = [s.arguments[1:] for s in host_b.signals if s.member == "HostStateChanged" and s.arguments[0] == 1]
    assert states == [("unknown", "live"), ("live", "fail"), ("fail", "dead")]
    resource, = taken.result()
    assert host_b.property(resource, "Resource", "Version") == 2
    # Not before the former owner was harmless for certain. The clock of both is the same here.
    owned_at = disk.field(path, MIB, disk.TIMESTAMP) * SECOND
    assert owned_at >= last_stamp + 67 * SECOND
    info = inspect_resource(host_b, path)
    assert (info["state"], info["owner-host-id"], info["version"]) == ("held", 2, 2)

    # The place of the lost lockspace is free for another try, with another number.
    join(host_c, path, 3)
