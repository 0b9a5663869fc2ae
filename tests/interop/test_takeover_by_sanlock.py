# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffd dies with a lease: sanlock takes that host for dead after the same time, and not earlier.

One test, since it takes more than a minute; only the lower limit is checked.
"""

import time

from lease_hosts import DEAD_AFTER


def test_takeover(service, pair):
    resource = pair.space.resource(1)
    ours, theirs = pair.bailiff.process(), pair.sanlock.process()
    ours.acquire(resource)
    service.kill_daemon()
    last_renewal = pair.space.host_lease(1).timestamp
    assert last_renewal <= time.monotonic()

    taking = theirs.begin_acquire(resource)
    pair.sanlock.wait_until_sees(1, "fail")
    while (result := theirs.result(taking)) != 0:
        # Its first answers: alive, as far as it knows.
        assert result == -243
        taking = theirs.begin_acquire(resource)
    assert time.monotonic() >= last_renewal + DEAD_AFTER
    leader = resource.leader()
    assert (leader.owner_id, leader.lver) == (2, 2)
    assert leader.timestamp >= last_renewal + DEAD_AFTER
    assert pair.space.host_lease(1).timestamp == last_renewal
    assert pair.sanlock.state_of(1) == "dead"
