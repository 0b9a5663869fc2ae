# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests for resources: between two daemons on one lockspace, and as written on disk by somebody."""

import signal
import struct

import pytest

import disk_records as disk
from ctl import ctl
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, end_worker, fails_with, format_lockspace, format_resource,
                         join, lease, policy, register, release, wait_by_asking, wait_ended, wait_live)
from private_service import full_path, options

MAGIC, VERSION = 0x08292011, 0x00010001
FORCE, GRACEFUL = 1, 2
THINGS = {name: MIB * (index + 1) for index, name in enumerate(["thing", "second", "third"])}


def request(service, path, name="thing", **given):
    service.call(SPACE, "Lockspace", "RequestResource", "(ssta{sv})", name, path, THINGS[name], options(**given))


def examine(service):
    service.call(SPACE, "Lockspace", "ExamineRequests", "(a{sv})", {})


def on_disk(path, name="thing"):
    """(version, action)"""
    magic, version, lver, action = struct.unpack("<IIQI", disk.read(path, THINGS[name] + 512, 20))
    assert (magic, version) == (MAGIC, VERSION)
    return lver, action


def put(path, name, lver, action, magic=MAGIC, version=VERSION):
    disk.write(path, THINGS[name] + 512, struct.pack("<IIQI", magic, version, lver, action))


def wait_requested(service, registration, name="thing", how="graceful"):
    wanted = (full_path(f"{SPACE}/resources/{name}"), how)
    service.wait_for_signal("ReleaseRequested", registration, matches=lambda arguments: arguments == wanted)


def requests_seen(service):
    return [s.arguments for s in service.signals if s.member == "ReleaseRequested"]


def hold(service, path, worker, *names, **given):
    registration = register(service, worker, **given)
    acquire(service, registration, *(lease(path, THINGS[name], name) for name in names or ["thing"]))
    return registration


def format_all(service, path):
    format_lockspace(service, path)
    for name, offset in THINGS.items():
        format_resource(service, path, offset, name)


@pytest.fixture
def space(service, storage):
    """Joined by this host."""
    format_all(service, storage)
    join(service, storage)
    return storage


@pytest.fixture
def other(second_service, space, service):
    """Another host, which both see live."""
    join(second_service, space, host_id=2)
    for each, host in (service, 2), (second_service, 1):
        wait_live(each, host)
    return second_service


def test_the_holder_is_told_and_the_next_one_has_it(service, other, space, make_worker):
    worker, next_worker = make_worker(), make_worker()
    registration = hold(service, space, worker)
    request(other, space)
    assert on_disk(space) == (2, GRACEFUL)
    wait_requested(service, registration)
    assert wait_ended(service, worker) == -signal.SIGTERM
    # Who that was is not on the storage: it may be this very host.
    assert f"Somebody requests resource thing of lockspace space, which worker (process {worker.pid}) holds" in service.log()
    heir = register(other, next_worker)
    resource, = acquire(other, heir, lease(space, wait=("b", True)))
    # It has reached the version that was wanted: the request is over.
    assert other.property(resource, "Resource", "Version") == 2
    examine(other)
    assert requests_seen(other) == [] and next_worker.poll() is None


def test_force_ends_who_does_not_listen(service, other, space, make_worker):
    deaf, bystander = make_worker(IGNORE_TERM), make_worker()
    registration = hold(service, space, deaf, failure_policy=policy(("signal", 30, "INT"), ("kill", 0)))
    hold(service, space, bystander, "second")
    request(other, space)
    wait_requested(service, registration)
    examine(service)
    assert len(requests_seen(service)) == 1 and deaf.poll() is None
    request(other, space, force=("b", True))
    wait_requested(service, registration, how="force")
    assert wait_ended(service, deaf) == -signal.SIGKILL
    started = service.wait_for_signal("StepStarted", registration)
    assert started.arguments == (0, "kill")
    heir = register(other, make_worker())
    acquire(other, heir, lease(space, wait=("b", True)))
    assert bystander.poll() is None


def test_ignore_is_only_told(service, space, make_worker):
    worker = make_worker()
    registration = hold(service, space, worker, failure_policy=policy(("ignore", 0)))
    request(service, space)
    wait_requested(service, registration)
    request(service, space, force=("b", True))
    wait_requested(service, registration, how="force")
    assert service.property(registration, "Registration", "State") == "active"
    assert worker.poll() is None
    release(service, registration)


@pytest.mark.parametrize("action, number", [(GRACEFUL, signal.SIGTERM), (FORCE, signal.SIGKILL)],
                         ids=["graceful", "force"])
def test_all_who_share_on_this_host_are_asked(service, space, make_worker, action, number):
    """And nobody else: not those without the lease, not the daemon."""
    workers = [make_worker() for _ in range(2)]
    registrations = [register(service, worker) for worker in workers]
    for registration in registrations:
        acquire(service, registration, lease(space, mode=("s", "shared")))
    bystander = make_worker()
    register(service, bystander)
    put(space, "thing", 9, action)
    examine(service)
    for worker, registration in zip(workers, registrations):
        wait_requested(service, registration, how="force" if action == FORCE else "graceful")
        assert wait_ended(service, worker) == -number
    assert len(requests_seen(service)) == 2
    assert bystander.poll() is None and not service.daemon.ended


def test_an_orphan_has_nobody_to_be_asked(service, other, space, make_worker):
    """That is said where it is known: on the host that keeps it, and to who asks there."""
    worker = make_worker()
    resource, = acquire(service, register(service, worker, "former"),
                        lease(space, THINGS["thing"], persistent=("b", True)))
    end_worker(worker)
    service.wait_for_property(resource, "Resource", "Orphan", True)
    request(other, space, force=("b", True))
    wait_by_asking(service, lambda: "which is an orphan here" in service.log(), "what the log says of the request")
    assert "release-orphans space thing" in service.log()
    examine(service)
    assert service.log().count("which is an orphan here") == 1
    with fails_with("Held", "orphan of this host"):
        request(service, space)
    assert service.property(resource, "Resource", "State") == "held"

    # Who adopts it is somebody who can be asked.
    adopter = make_worker(IGNORE_TERM)
    registration = register(service, adopter)
    acquire(service, registration, lease(space, THINGS["thing"], adopt=("b", True)))
    examine(service)
    wait_requested(service, registration)
    release(service, registration)


def test_nothing_is_asked_where_nobody_holds(service, space):
    before = disk.digest(space, (0, MIB))
    request(service, space, force=("b", True))
    assert disk.digest(space, (0, MIB)) == before


def test_what_is_refused(service, space, make_worker):
    worker = make_worker(IGNORE_TERM)
    hold(service, space, worker)
    with fails_with("Held", "version 1"):
        request(service, space, version=("t", 1))
    with fails_with("InvalidArgument"):
        request(service, space, version=("t", 0))
    put(space, "thing", 9, GRACEFUL)
    with fails_with("Busy", "9"):
        request(service, space)
    request(service, space, withdraw=("b", True))
    assert on_disk(space) == (0, 0)
    with fails_with("InvalidArgument", "withdraw"):
        request(service, space, withdraw=("b", True), force=("b", True))
    put(space, "thing", 2, FORCE, magic=MAGIC + 1)
    with fails_with("Corrupt", "request record"):
        request(service, space)
    put(space, "thing", 2, FORCE, version=VERSION + 0x10000)
    with fails_with("Unsupported"):
        request(service, space)
    examine(service)
    put(space, "thing", 0, 0)
    with fails_with("NotFound"):
        service.call(SPACE, "Lockspace", "RequestResource", "(ssta{sv})", "nothing", space, MIB, {})
    with fails_with("InvalidArgument"):
        service.call(SPACE, "Lockspace", "RequestResource", "(ssta{sv})", "thing", space, MIB + 1, {})
    with fails_with("InvalidArgument"):
        service.call(SPACE, "Lockspace", "RequestResource", "(ssta{sv})", "", space, MIB, {})
    assert requests_seen(service) == [] and worker.poll() is None


def test_nobody_is_touched_for_what_is_no_request_for_a_later_version(service, space, make_worker):
    """What is: the last one, whose signal comes after all others would have come."""
    worker = make_worker(IGNORE_TERM)
    registration = hold(service, space, worker, "thing", "second", "third")
    for number, case in enumerate([(1, FORCE), (0, FORCE), (2, 0), (2, 3), (2, 0xFFFFFFFF),
                                   (2, FORCE, MAGIC ^ 1), (2, FORCE, MAGIC, VERSION + 0x10000)]):
        put(space, "thing", *case)
        put(space, "third", 100 + number, GRACEFUL)
        examine(service)
    assert {path for path, how in requests_seen(service)} == {full_path(f"{SPACE}/resources/third")}
    assert len(requests_seen(service)) == 7
    put(space, "second", 1 << 63, GRACEFUL)
    examine(service)
    wait_requested(service, registration, "second")
    assert worker.poll() is None


def test_a_request_that_was_left_meets_the_next_holder_at_once(service, space, make_worker):
    put(space, "thing", 3, GRACEFUL)
    first = make_worker()
    registration = hold(service, space, first)
    wait_requested(service, registration)
    assert wait_ended(service, first) == -signal.SIGTERM
    second = make_worker()
    registration = register(service, second)
    acquire(service, registration, lease(space, wait=("b", True)))
    wait_requested(service, registration)
    assert wait_ended(service, second) == -signal.SIGTERM
    # Its version is reached.
    third = make_worker()
    registration = register(service, third)
    acquire(service, registration, lease(space, wait=("b", True)))
    examine(service)
    assert len(requests_seen(service)) == 2 and third.poll() is None


def test_bailiffctl(service, space, make_worker):
    place = f"thing@{space}:1M"
    ctl(service, "request", "space", place)
    hold(service, space, make_worker(IGNORE_TERM))
    ctl(service, "request", "space", place, "--version", 5)
    assert on_disk(space) == (5, GRACEFUL)
    ctl(service, "request", "space", place, status=3)
    ctl(service, "request", "space", place, "--withdraw")
    assert on_disk(space) == (0, 0)
    ctl(service, "request", "space", place, "--force", "--version", 1, status=3)
    for words in ("space", "thing"), ("space", place, "--version", 0), ("space", place, "--withdraw", "--force"), \
            ("space",):
        ctl(service, "request", *words, status=2)
    ctl(service, "request", "nothing", place, status=1)
    ctl(service, "request", "space", place, "--force")
    assert on_disk(space) == (2, FORCE)


def test_many_resources(service, make_storage, worker):
    """More than are read at a time."""
    path = make_storage(48)
    format_lockspace(service, path)
    names = {f"r{number}": MIB * number for number in range(1, 41)}
    for name, offset in names.items():
        format_resource(service, path, offset, name)
    join(service, path)
    registration = register(service, worker, failure_policy=policy(("ignore", 0)))
    acquire(service, registration, *(lease(path, offset, name) for name, offset in names.items()))
    for offset in names.values():
        disk.write(path, offset + 512, struct.pack("<IIQI", MAGIC, VERSION, 2, GRACEFUL))
    examine(service)
    assert sorted(requests_seen(service)) == sorted((full_path(f"{SPACE}/resources/{name}"), "graceful")
                                                    for name in names)
