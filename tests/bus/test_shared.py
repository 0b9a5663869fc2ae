# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared leases: beside each other on one host and on several, from one mode to the other, and under a new name."""

import signal

import pytest

import disk_records as disk
from ctl import ctl, ctl_json
from lease_calls import (MIB, SPACE, acquire, begin_acquire, end_worker, fails_with, format_lockspace, format_resource,
                         inspect_resource, join, lease, make_space, policy, register, release, values_of,
                         wait_by_asking, wait_ended, wait_removed)
from private_service import ROOT_PATH, options

RESOURCE = f"{ROOT_PATH}/{SPACE}/resources/thing"
SHARED = {"mode": ("s", "shared")}


@pytest.fixture
def space(service, storage):
    return make_space(service, storage)


def convert(service, mode, path=RESOURCE):
    service.call(path, "Resource", "Convert", "(sa{sv})", mode, {})


def release_one(service, path=RESOURCE, **given):
    service.call(path, "Resource", "Release", "(a{sv})", options(**given))


def sharers(service, path):
    return [(one["host-id"], one["generation"]) for one in inspect_resource(service, path)["shared-by"]]


def state_on_disk(service, path):
    return inspect_resource(service, path)["state"]


def shown(service):
    properties = service.properties(RESOURCE, "Resource")
    return properties["Mode"], properties["Version"], properties["Registration"], properties["Registrations"]


def test_on_two_hosts(service, second_service, space, make_worker):
    join(second_service, space, 2)
    here, there = register(service, make_worker()), register(second_service, make_worker())
    acquire(service, here, lease(space, **SHARED))
    acquire(second_service, there, lease(space, **SHARED))
    assert sharers(service, space) == [(1, 1), (2, 1)]
    assert shown(service) == ("shared", 0, here, [here])
    # Nobody gets it alone, on either host, and is told who is in the way.
    release(second_service, there, RESOURCE)
    with fails_with("Held", "host id 1"):
        acquire(second_service, there, lease(space))
    assert sharers(service, space) == [(1, 1)]
    acquire(second_service, there, lease(space, **SHARED))
    with fails_with("Held", "hostB"):
        convert(service, "exclusive")
    # That has changed nothing, and is in nobody's way.
    assert shown(service) == ("shared", 0, here, [here])
    assert sharers(service, space) == [(1, 1), (2, 1)]
    assert inspect_resource(service, space)["state"] == "shared"
    release(second_service, there, RESOURCE)
    acquire(second_service, there, lease(space, **SHARED))
    release(second_service, there)
    convert(service, "exclusive")
    version = inspect_resource(service, space)["version"]
    assert shown(service) == ("exclusive", version, here, [here])
    assert (state_on_disk(service, space), sharers(service, space)) == ("held", [])
    with fails_with("Held", "host id 1"):
        acquire(second_service, there, lease(space, **SHARED))
    convert(service, "shared")
    acquire(second_service, there, lease(space, **SHARED))
    assert values_of(service, RESOURCE, "Resource", "Mode") == ["exclusive", "shared"]
    assert values_of(service, RESOURCE, "Resource", "Version") == [version, 0]


def test_several_on_one_host(service, space, make_worker):
    workers = [make_worker() for _ in range(3)]
    first, second, third = [register(service, worker, f"worker{n}") for n, worker in enumerate(workers)]
    assert acquire(service, first, lease(space, **SHARED)) == [RESOURCE]
    before = disk.digest(space, (0, MIB))
    assert acquire(service, second, lease(space, **SHARED)) == [RESOURCE]
    acquire(service, third, lease(space, **SHARED))
    assert disk.digest(space, (0, MIB)) == before
    assert shown(service) == ("shared", 0, first, [first, second, third])
    assert service.property(SPACE, "Lockspace", "Registrations") == [first, second, third]
    for each in first, second, third:
        assert service.property(each, "Registration", "Resources") == [RESOURCE]

    with fails_with("Held", "worker"):
        acquire(service, second, lease(space, **SHARED))
    with fails_with("Held", "worker"):
        acquire(service, register(service, make_worker()), lease(space))
    with fails_with("Held", "worker1"):
        convert(service, "exclusive")
    with fails_with("Busy", "3 registrations"):
        release_one(service)

    # Those who let go, by themselves or by their end, leave it to the others; the last one gives it back.
    release(service, first, RESOURCE)
    assert shown(service) == ("shared", 0, second, [second, third])
    assert service.property(first, "Registration", "Resources") == []
    end_worker(workers[1])
    wait_removed(service, second)
    assert shown(service) == ("shared", 0, third, [third])
    assert disk.digest(space, (0, MIB)) == before
    convert(service, "exclusive")
    convert(service, "shared")
    acquire(service, first, lease(space, **SHARED))
    release(service, third)
    release(service, first)
    wait_removed(service, RESOURCE)
    assert (state_on_disk(service, space), sharers(service, space)) == ("free", [])


def test_calls_that_come_together(service, space, make_worker):
    """Each of them joins, whoever is first."""
    registrations = [register(service, make_worker()) for _ in range(4)]
    calls = [service.begin(each, "Registration", "Acquire", "(a(sssta{sv})a{sv})", [lease(space, **SHARED)], {})
             for each in registrations]
    for call in calls:
        assert call.result() == [RESOURCE]
    assert sorted(shown(service)[3]) == sorted(registrations)


def test_nobody_is_overtaken(service, space, make_worker):
    """Who waits for it alone is not kept out by others who go on joining."""
    first, alone, late, patient = [register(service, make_worker(), f"worker{n}") for n in range(4)]
    acquire(service, first, lease(space, **SHARED))
    waiting = begin_acquire(service, alone, lease(space, wait=("b", True)))
    with fails_with("Busy", "waited for"):
        acquire(service, late, lease(space, **SHARED))
    joining = begin_acquire(service, patient, lease(space, wait=("b", True), **SHARED))
    release(service, first)
    assert waiting.result() == [RESOURCE]
    assert shown(service)[3] == [alone]
    release(service, alone)
    assert joining.result() == [RESOURCE]
    acquire(service, late, lease(space, **SHARED))
    assert shown(service)[3] == [patient, late]


def test_orphan(service, space, make_worker):
    """It stays shared when the last one ends that held it, if any of them wanted so; and is adopted as it is."""
    one, two = make_worker(), make_worker()
    acquire(service, register(service, one), lease(space, persistent=("b", True), **SHARED))
    second = register(service, two)
    acquire(service, second, lease(space, **SHARED))
    end_worker(one)
    service.wait_until(lambda: shown(service)[3] == [second], "the end of the first")
    assert not service.property(RESOURCE, "Resource", "Orphan")
    end_worker(two)
    service.wait_for_property(RESOURCE, "Resource", "Orphan", True)
    assert shown(service) == ("shared", 0, "/", [])
    assert sharers(service, space) == [(1, 1)]
    heir = register(service, make_worker())
    with fails_with("Held", "orphan"):
        acquire(service, heir, lease(space, **SHARED))
    with fails_with("InvalidArgument", "shared"):
        acquire(service, heir, lease(space, adopt=("b", True)))
    with fails_with("Busy", "orphan"):
        convert(service, "exclusive")
    acquire(service, heir, lease(space, adopt=("b", True), **SHARED))
    convert(service, "exclusive")
    release(service, heir)
    assert state_on_disk(service, space) == "free"


def test_all_or_none(service, space, make_worker):
    """A lease that was joined is left again when another one of the call cannot be had."""
    format_resource(service, space, 2 * MIB, "wanted")
    here, there = register(service, make_worker()), register(service, make_worker())
    acquire(service, here, lease(space, **SHARED))
    acquire(service, here, lease(space, 2 * MIB, "wanted"))
    with fails_with("Held"):
        acquire(service, there, lease(space, **SHARED), lease(space, 2 * MIB, "wanted"))
    assert shown(service) == ("shared", 0, here, [here])
    assert service.property(there, "Registration", "Resources") == []
    # What was to be joined is released before the call has the rest of its leases: it is acquired then.
    waiting = begin_acquire(service, there, lease(space, **SHARED), lease(space, 2 * MIB, "wanted", wait=("b", True)))
    with fails_with("Held"):  # answered after that call has begun to wait
        acquire(service, register(service, make_worker()), lease(space, 2 * MIB, "wanted"))
    release(service, here, RESOURCE)
    assert sharers(service, space) == [] and not waiting.done
    release(service, here)
    assert waiting.result() == [RESOURCE, f"{ROOT_PATH}/{SPACE}/resources/wanted"]
    assert shown(service) == ("shared", 0, there, [there])
    assert sharers(service, space) == [(1, 1)]
    # "wanted" was given back meanwhile: nobody who holds a later lease waits for an earlier one.
    assert service.property(f"{SPACE}/resources/wanted", "Resource", "Version") == 3


def test_options(service, space, worker):
    registration = register(service, worker)
    with fails_with("InvalidArgument", "mode"):
        acquire(service, registration, lease(space, mode=("s", "both")))
    with fails_with("InvalidArgument", "version"):
        acquire(service, registration, lease(space, version=("t", 1), **SHARED))
    acquire(service, registration, lease(space, **SHARED))
    with fails_with("InvalidArgument", "mode"):
        convert(service, "neither")
    with fails_with("InvalidArgument"):
        release_one(service, rename=("s", "other"))
    convert(service, "shared")  # as it is
    other = register(service, worker, "other")
    with fails_with("InvalidArgument", "offset"):
        acquire(service, other, lease(space, 2 * MIB, **SHARED))


def test_new_name(service, space, worker):
    registration = register(service, worker)
    acquire(service, registration, lease(space))
    with fails_with("InvalidArgument"):
        release_one(service, rename=("s", "no/name"))
    with fails_with("InvalidArgument"):
        release_one(service, rename=("s", "thing"))
    version = inspect_resource(service, space)["version"]
    release_one(service, rename=("s", "other"))
    found = inspect_resource(service, space)
    assert (found["name"], found["state"], found["version"]) == ("other", "free", version)
    with fails_with("NotFound", "thing"):
        acquire(service, registration, lease(space))
    acquire(service, registration, lease(space, name="other"))


def test_name_that_cannot_be_changed(service, space, worker):
    """Another host wrote the leader last: it is released, but keeps its name, and the call says so."""
    registration = register(service, worker)
    acquire(service, registration, lease(space))
    disk.change(space, MIB, (176, "<Q"), 7)
    with fails_with("Busy", "host id 7"):
        release_one(service, rename=("s", "other"))
    wait_removed(service, RESOURCE)
    assert inspect_resource(service, space)["name"] == "thing"
    acquire(service, registration, lease(space))


def test_storage_that_fails_meanwhile(service, hanging_storage, make_worker):
    """From exclusive to shared it goes on by itself; the other way it stays shared."""
    path = hanging_storage.path
    format_lockspace(service, path, io_timeout=("u", 5))
    format_resource(service, path)
    join(service, path, io_timeout=5)
    registration = register(service, make_worker())
    acquire(service, registration, lease(path))
    hanging_storage.fail(reads=False)
    with fails_with("IoError"):
        convert(service, "shared")
    assert shown(service)[:2] == ("shared", 0)
    hanging_storage.fail(False, False)
    wait_by_asking(service, lambda: state_on_disk(service, path) == "shared", "the lease to be shared on disk")
    hanging_storage.fail(reads=False)
    with fails_with("IoError"):
        convert(service, "exclusive")
    hanging_storage.fail(False, False)
    assert shown(service)[:2] == ("shared", 0)
    assert sharers(service, path) == [(1, 1)]

    def made_exclusive():
        try:
            convert(service, "exclusive")
        except Exception as error:  # what the attempt left is still being given back
            assert "Busy" in str(error), error
            return False
        return True
    wait_by_asking(service, made_exclusive, "the lease to be exclusive")
    assert state_on_disk(service, path) == "held"


@pytest.mark.parametrize("mode", ["exclusive", "shared"])
def test_released_while_it_is_converted(service, hanging_storage, make_worker, mode):
    """The conversion is given up, and the release is done when its last write has ended."""
    path = hanging_storage.path
    format_lockspace(service, path, io_timeout=("u", 5))
    format_resource(service, path)
    join(service, path, io_timeout=5)
    registration = register(service, make_worker())
    acquire(service, registration, lease(path, **(SHARED if mode == "exclusive" else {})))
    hanging_storage.hang()
    converting = service.begin(RESOURCE, "Resource", "Convert", "(sa{sv})", mode, {})
    with fails_with("Busy", "converted"):
        convert(service, mode)
    releasing = service.begin(registration, "Registration", "Release", "(aoa{sv})", [], {})
    with fails_with("Busy", "released"):
        converting.result()
    assert not releasing.done
    hanging_storage.resume()
    releasing.result()
    wait_removed(service, RESOURCE)
    assert (state_on_disk(service, path), sharers(service, path)) == ("free", [])


def test_lost_lockspace(service, hanging_storage, make_worker):
    """All who share are made harmless, each by its own policy."""
    path = hanging_storage.path
    format_lockspace(service, path)
    format_resource(service, path)
    join(service, path)
    workers = [make_worker() for _ in range(2)]
    first = register(service, workers[0], failure_policy=policy(("kill", 0)))
    second = register(service, workers[1], failure_policy=policy(("signal", 5, "TERM"), ("kill", 0)))
    for each in first, second:
        acquire(service, each, lease(path, **SHARED))
    hanging_storage.hang()
    assert [wait_ended(service, worker) for worker in workers] == [-signal.SIGKILL, -signal.SIGTERM]
    hanging_storage.resume()


def test_wiped_out_by_another_host(service, space, make_worker):
    """To that host we were dead: it may use the resource, so nobody here may."""
    worker = make_worker()
    registration = register(service, worker, failure_policy=policy(("kill", 0)))
    acquire(service, registration, lease(space, **SHARED))
    disk.write(space, MIB + 2 * 512, bytes(512))
    with fails_with("Lost", "shared"):
        convert(service, "exclusive")
    assert wait_ended(service, worker) == -signal.SIGKILL
    wait_removed(service, RESOURCE)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert "thing" in service.property(SPACE, "Lockspace", "Reason")


def test_command_line(service, space, make_worker):
    one, two = make_worker(), make_worker()
    for worker, name in (one, "one"), (two, "two"):
        register(service, worker, name)
        ctl(service, "acquire", name, "space", f"thing@{space}:1M", "--shared")
    status = ctl(service, "status").stdout
    assert "shared" in status and "one" in status and "two" in status
    ctl(service, "convert", "space/thing", "exclusive", status=3)
    ctl(service, "convert", "space/nothing", "exclusive", status=1)
    ctl(service, "convert", "space/thing", "both", status=2)
    result = ctl(service, "run", "--shared", "space", f"thing@{space}:1M", "--", "sh", "-c",
                 "echo ${BAILIFF_VERSION-none}")
    assert result.stdout == "none\n"
    ctl(service, "release", "two")
    ctl(service, "convert", "space/thing", "exclusive")
    resource, = ctl_json(service, "status")["Lockspaces"][0]["Resources"]
    assert resource["Mode"] == "exclusive" and len(resource["Registrations"]) == 1
    ctl(service, "release", "one", "--rename", "other", status=2)
    ctl(service, "release", "two", "space/thing", "--rename", "other", status=1)
    ctl(service, "release", "one", "space/thing", "--rename", "other")
    assert ctl_json(service, "inspect", f"{space}:1M")["Name"] == "other"
    ctl(service, "acquire", "one", "space", f"other@{space}:1M", "--shared", "--version", "1", status=2)
