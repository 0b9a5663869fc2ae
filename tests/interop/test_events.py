# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events between bailiff and sanlock, both ways."""

import pytest

from main_loop import poll_until
from private_service import options
from sanlock_library import EventWatcher


@pytest.fixture
def watcher(pair):
    watcher = EventWatcher(pair.sanlock.sanlock, pair.space.name)
    yield watcher
    watcher.stop()


def wait_for_event(service, event):
    return service.wait_for_signal("HostEvent", matches=lambda arguments: arguments[2] == event).arguments


def send_by_sanlock(pair, event, data, generation=0):
    """sanlock refuses another event until the one before it is over: until every renewal that carries it is made."""
    def sent():
        return pair.sanlock.sanlock.run("client", "set_event", "-s", pair.space.name, "-i", pair.bailiff.host_id,
                                        "-g", generation, "-e", event, "-d", data, check=False).returncode == 0
    poll_until(sent, f"sanlock to take event {event}")


def test_bailiff_to_sanlock(service, pair, watcher):
    host = f"{pair.bailiff.path}/hosts/{pair.sanlock.host_id}"
    service.call(host, "Host", "SendEvent", "(tta{sv})", 7, 9, {})
    assert watcher.wait_for(7) == (1, 1, 7, 9)
    service.call(pair.bailiff.path, "Lockspace", "SendEvent", "(tta{sv})", 8, 10, options(replace=("b", True)))
    assert watcher.wait_for(8) == (1, 1, 8, 10)


def test_sanlock_to_bailiff(service, pair):
    """Once, whatever the generation that sanlock writes; but none that was meant for an earlier one."""
    send_by_sanlock(pair, 7, 9)
    assert wait_for_event(service, 7) == (2, 1, 7, 9)
    send_by_sanlock(pair, 8, 0, generation=5)
    send_by_sanlock(pair, 9, 3, generation=1)
    assert wait_for_event(service, 9) == (2, 1, 9, 3)
    arrived = [s.arguments for s in service.signals if s.member == "HostEvent"]
    assert arrived == [(2, 1, 7, 9), (2, 1, 9, 3)]
