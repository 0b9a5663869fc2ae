# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sanlock daemon dies with leases, exclusive and shared: bailiffd has to wait until that host is dead for certain.

One test, since it takes more than a minute. Only a lower limit is checked: how much later the lease comes depends on
the machine, that it does not come earlier is the promise.
"""

import re
import time

import pytest

from lease_hosts import DEAD_AFTER, FAIL_AFTER
from private_service import BusError


def test_takeover(service, pair):
    exclusive, shared, other, both = (pair.space.resource(index) for index in (1, 2, 3, 4))
    ours, watching, theirs = pair.bailiff.process(), pair.bailiff.process(), pair.sanlock.process()
    assert theirs.acquire(exclusive) == 0
    assert theirs.acquire(shared, ":SH") == 0
    assert theirs.acquire(other) == 0
    assert theirs.acquire(both, ":SH") == 0
    assert ours.acquire(both, mode=("s", "shared")) == 0

    seen = len(service.signals)
    pair.sanlock.sanlock.kill()
    # Whole seconds, rounded down, of the clock that all hosts of this machine have in common.
    last_renewal = pair.space.host_lease(2).timestamp
    assert last_renewal <= time.monotonic()
    waiting = {resource: ours.begin_acquire(resource, wait=("b", True)) for resource in (exclusive, shared)}

    def refused(resource):
        with pytest.raises(BusError) as caught:
            watching.acquire(resource)
        assert caught.value.name == "org.bailiff.Error.Held"
        assert "sanlockhost (host id 2" in caught.value.message
        return caught.value.message

    def make_exclusive():
        path = f"{pair.bailiff.path}/resources/{both.name}"
        service.call(path, "Resource", "Convert", "(sa{sv})", "exclusive", {})

    refused(other)
    with pytest.raises(BusError, match="sanlockhost"):
        make_exclusive()
    service.wait_for_signal("HostStateChanged", pair.bailiff.path, seen, lambda a: a == (2, "live", "fail"))
    assert time.monotonic() >= last_renewal + FAIL_AFTER
    asked_at = time.monotonic()
    promised = int(re.search(r"(\d+) seconds to go", refused(other))[1])
    assert last_renewal + DEAD_AFTER <= time.monotonic() + promised
    # sanlock's last second may have begun just before it died, and one is added for what was rounded off.
    assert promised <= DEAD_AFTER - FAIL_AFTER + 1, f"asked {asked_at - last_renewal} s after the last renewal"
    assert not any(call.done for call in waiting.values())

    for resource, call in waiting.items():
        version = ours.version_of(call.result())
        assert time.monotonic() >= last_renewal + DEAD_AFTER
        leader = resource.leader()
        assert (leader.owner_id, leader.lver) == (1, version)
        # The time of the ballot that won, rounded down.
        assert leader.timestamp >= last_renewal + DEAD_AFTER
    assert exclusive.leader().lver == 2
    # The dead shared holder is gone for good: its sector was cleared.
    assert not any(shared.host_sector_bytes(2))
    # So is one beside whom we share.
    make_exclusive()
    assert not any(both.host_sector_bytes(2))
    assert both.leader().timestamp >= last_renewal + DEAD_AFTER
    # Without waiting, too.
    assert watching.acquire(other) == 2
    assert pair.space.host_lease(2).timestamp == last_renewal
    service.wait_for_signal("HostStateChanged", pair.bailiff.path, seen, lambda a: a == (2, "fail", "dead"))
