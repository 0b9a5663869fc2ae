# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events between hosts: two daemons on one lockspace, each on a bus of its own."""

import json

import pytest

import disk_records as disk
from ctl import Running, ctl
from lease_calls import SPACE, check_error, fails_with, format_lockspace, join, leave, wait_by_asking, wait_live
from private_service import BusError, options

EVENT_GENERATION = (176, "<Q")
EVENT = (184, "<Q")
EVENT_DATA = (192, "<Q")
BITMAP = 256


def send(service, host_id, event, data=0, **given):
    return service.call(f"{SPACE}/hosts/{host_id}", "Host", "SendEvent", "(tta{sv})", event, data, options(**given))


def send_to_all(service, event, data=0, **given):
    return service.call(SPACE, "Lockspace", "SendEvent", "(tta{sv})", event, data, options(**given))


def events(service, since=0):
    """(sender, its generation, event, data) of all that have arrived."""
    return [s.arguments for s in service.signals[since:] if s.member == "HostEvent"]


def wait_for_event(service, event, since=0):
    return service.wait_for_signal("HostEvent", SPACE, since, lambda arguments: arguments[2] == event).arguments


def written(path, host_id=1):
    """The event and the bits of the first eight hosts in a host's sector."""
    sector = (host_id - 1) * 512
    return [disk.field(path, sector, which) for which in (EVENT_GENERATION, EVENT, EVENT_DATA)] + [
        disk.read(path, sector + BITMAP, 1)[0]]


def wait_for_renewals(service, count=1):
    """Until it has read the lockspace this often."""
    for _ in range(count):
        before = service.property(SPACE, "Lockspace", "LastRenewalUsec")
        wait_by_asking(service, lambda: service.property(SPACE, "Lockspace", "LastRenewalUsec") != before, "a renewal")


@pytest.fixture
def hosts(service, second_service, storage):
    """Host 1 and host 2, who see each other live."""
    format_lockspace(service, storage)
    join(service, storage)
    join(second_service, storage, host_id=2)
    for each, other in (service, 2), (second_service, 1):
        wait_live(each, other)
    return service, second_service


def test_an_event_arrives_once(hosts, storage):
    first, second = hosts
    send(first, 2, 7, 9)
    # The reply says that it is on disk: for the generation that was shown, for this host alone.
    assert written(storage) == [1, 7, 9, 1 << 1]
    assert wait_for_event(second, 7) == (1, 1, 7, 9)
    # It is there for three renewals, and seen three times; the next one comes after all of them.
    send(first, 2, 0)
    assert written(storage) == [0, 0, 0, 0]
    send(first, 2, 8)
    assert wait_for_event(second, 8) == (1, 1, 8, 0)
    assert [each[2] for each in events(second)] == [7, 8]
    assert events(first) == []


def test_an_event_is_not_repeated_while_its_bit_is_set(hosts):
    first, second = hosts
    send(first, 2, 7)
    wait_for_event(second, 7)
    # Carried again by each renewal of the sender, of which the reader has seen some when it hears of the last.
    for _ in range(3):
        send(first, 2, 7)
        wait_for_renewals(second)
    send(first, 2, 8, replace=("b", True))
    wait_for_event(second, 8)
    assert [each[2] for each in events(second)] == [7, 8]


def test_the_same_event_again(hosts, storage):
    first, second = hosts
    for _ in range(2):
        seen = len(second.signals)
        send(first, 2, 7, 9)
        assert wait_for_event(second, 7, seen) == (1, 1, 7, 9)
        send(first, 2, 0)
        # Until the reader has read the sector without the bit: it renews after that.
        wait_for_renewals(second, 2)
    assert len(events(second)) == 2


def test_one_event_at_a_time(hosts, storage):
    first, _ = hosts
    send(first, 2, 7)
    with fails_with("Busy", "replace"):
        send(first, 2, 8)
    with fails_with("Busy", "replace"):
        send(first, 2, 7, 1)
    assert written(storage) == [1, 7, 0, 1 << 1]
    send(first, 2, 8, replace=("b", True))
    assert written(storage) == [1, 8, 0, 1 << 1]


def test_events_to_nobody(hosts, storage):
    first, second = hosts
    with fails_with("InvalidArgument", "this host"):
        send(first, 1, 7)
    with fails_with("InvalidArgument"):
        send(first, 2, 0, 7)
    leave(second)
    first.wait_for_property(f"{SPACE}/hosts/2", "Host", "State", "free")
    with fails_with("NotFound", "free"):
        send(first, 2, 7)
    assert written(storage)[3] == 0


def test_events_to_all(hosts, storage):
    first, second = hosts
    send_to_all(second, 7, 9)
    assert written(storage, 2)[:3] == [0, 7, 9]
    bits = disk.read(storage, 512 + BITMAP, 256)
    assert sum(bin(byte).count("1") for byte in bits) == 1999 and bits[0] == 0b11111101
    assert wait_for_event(first, 7) == (2, 1, 7, 9)
    send_to_all(second, 0)
    assert written(storage, 2) == [0, 0, 0, 0]


def test_events_for_another_life_of_a_host(hosts):
    first, second = hosts
    send(first, 2, 7, generation=("t", 2))
    wait_for_renewals(second)
    send(first, 2, 8, generation=("t", 0), replace=("b", True))
    assert wait_for_event(second, 8) == (1, 1, 8, 0)
    assert [each[2] for each in events(second)] == [8]


def test_events_wait_for_the_storage(service, hanging_storage):
    path = hanging_storage.path
    # Six seconds between late and failing.
    format_lockspace(service, path, io_timeout=("u", 3))
    join(service, path, io_timeout=3)
    hanging_storage.hang()
    calls = [service.begin(SPACE, "Lockspace", "SendEvent", "(tta{sv})", 7, 0, {}),
             service.begin(SPACE, "Lockspace", "SendEvent", "(tta{sv})", 7, 0, {})]
    service.wait_for_property(SPACE, "Lockspace", "State", "late")
    assert not any(call.done for call in calls)
    with fails_with("Busy", "late"):
        send_to_all(service, 8)
    hanging_storage.resume()
    for call in calls:
        call.result()
    assert written(hanging_storage.backing)[:3] == [0, 7, 0]

    hanging_storage.hang()
    lost = service.begin(SPACE, "Lockspace", "SendEvent", "(tta{sv})", 7, 0, {})
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    with pytest.raises(BusError) as caught:
        lost.result()
    check_error(caught.value, "Lost")
    hanging_storage.resume()


def test_bailiffctl(hosts):
    first, second = hosts
    monitor = Running(second, "monitor", "--json")
    try:
        assert json.loads(monitor.line())["Event"] == "daemon-present"
        ctl(first, "send-event", "space", 2, 9223372036854775807, 5)
        while True:
            line = json.loads(monitor.line())
            if line["Event"] == "HostEvent":
                break
    finally:
        monitor.stop()
    assert line["Details"] == {"HostId": 1, "Generation": 1, "Event": 9223372036854775807, "Data": 5}
    ctl(first, "send-event", "space", "all", 8, status=3)
    ctl(first, "send-event", "space", "all", 8, "--replace")
    assert wait_for_event(second, 8) == (1, 1, 8, 0)
    ctl(first, "send-event", "space", "all", 0)
    ctl(first, "send-event", "space", 2, 9, "--generation", 5)
    ctl(first, "send-event", "space", 99, 1, status=1)
    for words in ("space", 2), ("space", 0, 1), ("space", "some", 1), ("space", 2, -1), ("space", 2, "x"), \
            ("space", "all", 1, "--generation", 1), ("space", 2, 1, "--generation", "x"):
        ctl(first, "send-event", *words, status=2)
