# SPDX-License-Identifier: LGPL-2.1-or-later
"""Joining and leaving a lockspace, as one host and as two, on the bus and on disk."""

import os
import shutil
import signal
import time

import pytest

import disk_records as disk
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, begin_join, check_error, fails_with,
                         format_lockspace, format_resource, inspect_lockspace, inspect_resource, join, lease, leave,
                         policy, register, release, values_of, wait_by_asking, wait_held, wait_removed)
from private_service import BusError, options

SECOND = 1_000_000
DEADLINES = {"LateAtUsec": 6, "FailAtUsec": 8, "FreeAtUsec": 68}


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@pytest.fixture
def space(storage, service):
    """A lockspace that nobody has joined yet."""
    format_lockspace(service, storage)
    return storage


def host_record(service, path, host_id=1):
    return next(host for host in inspect_lockspace(service, path)["hosts"] if host["host-id"] == host_id)


def test_states_come_in_order(service, space):
    before = boottime()
    path = begin_join(service, space)
    # The object was announced before the reply named it.
    added = next(s for s in service.signals if s.member == "InterfacesAdded")
    assert added.arguments[0] == path
    first = added.arguments[1]["org.bailiff.Bailiff1.Lockspace"]
    assert (first["State"], first["Generation"], first["Reason"]) == ("joining", 0, "")
    assert [first[name] for name in ("LastRenewalUsec", *DEADLINES)] == [0] * 4

    wait_held(service)
    after = boottime()
    assert values_of(service, path, "Lockspace", "State") == ["held"]
    assert values_of(service, path, "Lockspace", "Generation") == [1]
    ends = [end for end in values_of(service, path, "Lockspace", "JoinEndsAtUsec") if end]
    # Twice the io timeout that is on disk.
    assert ends and ends[0] >= before + 2 * SECOND
    assert after >= before + 2 * SECOND


def test_what_is_known_of_a_held_lockspace(service, space):
    join(service, space, host_id=7)
    now = service.properties(SPACE, "Lockspace")
    assert {name: now[name] for name in ("Name", "Path", "Offset", "HostId", "Generation", "SectorSize", "AlignSize",
                                         "IoTimeout", "State", "Reason", "Registrations")} == {
        "Name": "space", "Path": space, "Offset": 0, "HostId": 7, "Generation": 1, "SectorSize": 512,
        "AlignSize": MIB, "IoTimeout": 1, "State": "held", "Reason": "", "Registrations": []}
    record = host_record(service, space, 7)
    assert (record["generation"], record["io-timeout"]) == (1, 1)
    assert record["host-name"] == service.property("Manager", "Manager", "HostName")
    assert record["timestamp"] > 0


def test_deadlines_count_from_the_start_of_the_last_renewal(service, space):
    join(service, space)
    first = service.properties(SPACE, "Lockspace")
    wait_by_asking(service, lambda: service.property(SPACE, "Lockspace", "LastRenewalUsec")
                   > first["LastRenewalUsec"], "another renewal")
    for now in first, service.properties(SPACE, "Lockspace"):
        assert 0 < now["LastRenewalUsec"] < boottime()
        assert {name: now[name] - now["LastRenewalUsec"] for name in DEADLINES} == {
            name: seconds * SECOND for name, seconds in DEADLINES.items()}


def test_renewal_history(service, space):
    join(service, space)

    def history(most=0):
        return service.call(SPACE, "Lockspace", "GetRenewalHistory", "(u)", most)

    wait_by_asking(service, lambda: len(history()) >= 3, "three renewals")
    entries = history()
    assert [set(entry) for entry in entries] == [{"started-usec", "read-usec", "write-usec", "worked", "detail"}] * len(
        entries)
    assert all(entry["worked"] and entry["detail"] == "" for entry in entries)
    starts = [entry["started-usec"] for entry in entries]
    assert starts == sorted(starts)
    # Renewals begin 2 s apart; a slow machine only makes it more.
    assert all(later - earlier >= 1.5 * SECOND for earlier, later in zip(starts, starts[1:]))
    # Deadlines count from the time stamp, which is taken between the read and the write of a renewal.
    last, entry = service.property(SPACE, "Lockspace", "LastRenewalUsec"), history(1)[0]
    assert last >= entry["started-usec"] or last >= starts[-1]
    assert history(1)[0]["started-usec"] >= starts[-1]
    assert len(history(1)) == 1
    assert len(history(0xFFFFFFFF)) >= len(entries)


def test_leaving_frees_the_record_and_rejoining_counts(service, space):
    path = join(service, space)
    leave(service)
    wait_removed(service, path)
    assert host_record(service, space)["timestamp"] == 0
    assert disk.field(space, 0, disk.OWNER_GENERATION) == 1
    with pytest.raises(BusError):
        service.property(SPACE, "Lockspace", "State")

    join(service, space)
    assert service.property(SPACE, "Lockspace", "Generation") == 2
    assert host_record(service, space)["generation"] == 2


def test_leaving_while_joining(service, space):
    path = begin_join(service, space)
    leave(service)
    wait_removed(service, path)
    assert disk.field(space, 0, disk.TIMESTAMP) == 0
    # Nothing of the join is left that could hinder the next one.
    join(service, space)


def test_stopping_the_daemon_gives_the_host_lease_back(service, space):
    join(service, space)
    service.kill_daemon(signal.SIGTERM)
    assert disk.field(space, 0, disk.TIMESTAMP) == 0
    assert disk.field(space, 0, disk.OWNER_GENERATION) == 1


def test_leave_is_refused_while_leases_are_held(service, space, worker):
    join(service, space)
    format_resource(service, space)
    acquire(service, register(service, worker, "the-holder"), lease(space))
    with fails_with("Busy", "the-holder"):
        leave(service)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    assert worker.poll() is None


def test_who_lets_go_of_one_lockspace_keeps_the_leases_of_another(service, make_storage, make_worker):
    paths = {name: make_storage() for name in ("space", "well")}
    for name, path in paths.items():
        format_lockspace(service, path, name=name)
        format_resource(service, path, lockspace=name)
        join(service, path, name=name)
    registration = register(service, make_worker(), failure_policy=policy(("notify", 40), ("kill", 0)))
    lost, kept = acquire(service, registration, *(lease(path, lockspace=name) for name, path in paths.items()))
    left = service.begin(SPACE, "Lockspace", "Leave", "(a{sv})", options(force=("b", True)))
    service.wait_for_property(registration, "Registration", "State", "failing")
    release(service, registration, lost)
    left.result()
    # It lives, and uses the other one.
    service.wait_for_property(registration, "Registration", "State", "active")
    assert values_of(service, registration, "Registration", "State") == ["failing", "active"]
    assert [s.arguments for s in service.signals if s.member == "Cleared"] == [("released",)]
    assert service.property(registration, "Registration", "Resources") == [kept]
    release(service, registration, kept)
    assert service.property(registration, "Registration", "State") == "active"


def test_leave_by_force_walks_the_policies_first(service, space, make_worker):
    join(service, space)
    format_resource(service, space, MIB, "one")
    format_resource(service, space, 2 * MIB, "two")
    format_resource(service, space, 3 * MIB, "three")
    obedient, stubborn = make_worker(), make_worker(IGNORE_TERM)
    bystander = make_worker()
    given = {"failure_policy": policy(("signal", 1, "TERM"), ("kill", 0))}
    acquire(service, register(service, obedient, **given), lease(space, MIB, "one"))
    acquire(service, register(service, stubborn, **given), lease(space, 2 * MIB, "two"), lease(space, 3 * MIB, "three"))
    without_lease = register(service, bystander)

    leave(service, force=("b", True))
    # The reply says that all of it is over.
    assert (obedient.poll(), stubborn.poll()) == (-15, -9)
    assert bystander.poll() is None and without_lease in service.objects()
    for offset in MIB, 2 * MIB, 3 * MIB:
        assert inspect_resource(service, space, offset)["state"] == "free"
    assert host_record(service, space)["timestamp"] == 0
    assert not any("/lockspaces/" in path for path in service.objects())


def test_two_hosts_see_each_other(service, second_service, space):
    join(service, space, 1)
    join(second_service, space, 2)
    here, there = service.property("Manager", "Manager", "HostName"), "hostB"
    # Who was there before us is unknown until its record was seen to change; who comes later is live from the start.
    news = second_service.wait_for_signal("HostStateChanged", SPACE, 0, lambda a: a[0] == 1)
    assert news.arguments == (1, "unknown", "live")
    for seeing, number, name in (second_service, 1, here), (service, 2, there):
        path = f"{SPACE}/hosts/{number}"
        seeing.wait_for_signal("InterfacesAdded", "", 0, lambda a: a[0].endswith(path))
        seen = seeing.properties(path, "Host")
        assert (seen["HostId"], seen["HostName"], seen["Generation"], seen["State"], seen["IoTimeout"]) == (
            number, name, 1, "live", 1)
        assert 0 < seen["LastSeenUsec"] <= boottime()
        assert seeing.call(path, "Host", "WaitForState", "(sa{sv})", "live", {}) == "live"

    waiting = second_service.begin(f"{SPACE}/hosts/1", "Host", "WaitForState", "(sa{sv})", "free", {})
    seen = len(second_service.signals)
    leave(service)
    assert waiting.result() == "free"
    news = second_service.wait_for_signal("HostStateChanged", SPACE, seen, lambda a: a[0] == 1)
    assert news.arguments == (1, "live", "free")
    assert second_service.property(f"{SPACE}/hosts/1", "Host", "State") == "free"


def test_waiting_for_a_state_ends_with_the_lockspace(service, space):
    join(service, space)
    waiting = service.begin(f"{SPACE}/hosts/1", "Host", "WaitForState", "(sa{sv})", "dead", {})
    with fails_with("InvalidArgument"):
        service.call(f"{SPACE}/hosts/1", "Host", "WaitForState", "(sa{sv})", "asleep", {})
    leave(service)
    with pytest.raises(BusError) as caught:
        waiting.result()
    check_error(caught.value, "Lost")


def test_host_id_of_a_silent_host_is_watched_before_it_is_taken(service, second_service, space):
    join(service, space, 1)
    service.kill_daemon()
    before, started = disk.digest(space), boottime()
    path = begin_join(second_service, space, 1)
    # 8 N + 60 s of silence, then the name must stand for 2 N.
    ends = second_service.wait_for_property(path, "Lockspace", "JoinEndsAtUsec", lambda value: value > 0)
    assert ends >= started + 68 * SECOND
    leave(second_service)
    wait_removed(second_service, path)
    assert disk.digest(space) == before


def test_host_comes_back_under_its_own_name_at_once(service, space):
    """After a boot, with which the runtime directory is gone."""
    join(service, space)
    service.kill_daemon()
    shutil.rmtree(os.path.join(service.directory, "run"))
    os.mkdir(os.path.join(service.directory, "run"))
    service.start_daemon()
    started = boottime()
    path = begin_join(service, space)
    ends = service.wait_for_property(path, "Lockspace", "JoinEndsAtUsec", lambda value: value > 0)
    assert ends < started + 68 * SECOND
    wait_held(service)
    assert service.property(SPACE, "Lockspace", "Generation") == 2


def test_two_lockspaces_on_one_disk(service, space):
    format_lockspace(service, space, 4 * MIB, name="other")
    first = begin_join(service, space)
    second = begin_join(service, space, 3, 4 * MIB, "other")
    wait_held(service, first)
    wait_held(service, second)
    leave(service, first)
    assert service.property(second, "Lockspace", "State") == "held"
    assert host_record(service, space)["timestamp"] == 0
    assert disk.field(space, 4 * MIB + 2 * 512, disk.TIMESTAMP) > 0


@pytest.mark.parametrize("sector_size, area, host_id", [(4096, 1, 250), (4096, 8, 2000)])
def test_last_host_of_larger_sectors(service, storage, sector_size, area, host_id):
    service.call("Manager", "Manager", "FormatLockspace", "(stsa{sv})", storage, 0, "space", options(
        sector_size=("u", sector_size), align_size=("u", area * MIB), io_timeout=("u", 1)))
    join(service, storage, host_id)
    assert disk.field(storage, (host_id - 1) * sector_size, disk.OWNER_ID) == host_id
    assert service.property(SPACE, "Lockspace", "AlignSize") == area * MIB
