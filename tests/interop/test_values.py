# SPDX-License-Identifier: LGPL-2.1-or-later
"""The value of a resource: what one writes the other reads."""

from private_service import options
from sanlock_library import exchange_value


def test_both_ways(joined, resource):
    service = joined.bailiff.service
    ours = joined.bailiff.process()
    path, = ours.begin_acquire(resource).result()
    service.call(path, "Resource", "WriteValue", "(aya{sv})", b"from bailiff", options())
    ours.release()
    found = exchange_value(joined.sanlock.sanlock, resource.sanlock_text, b"from sanlock")
    assert found == b"from bailiff".ljust(512, b"\0")

    path, = ours.begin_acquire(resource, wait=("b", True)).result()
    found = service.call(path, "Resource", "ReadValue", "(a{sv})", options())
    assert bytes(found) == b"from sanlock".ljust(512, b"\0")
    # Reading alone leaves it as it is, for them too.
    ours.release()
    assert exchange_value(joined.sanlock.sanlock, resource.sanlock_text) == b"from sanlock".ljust(512, b"\0")
