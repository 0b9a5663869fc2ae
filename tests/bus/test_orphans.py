# SPDX-License-Identifier: LGPL-2.1-or-later
"""Persistent leases: what their holder leaves behind is an orphan, until it is adopted, released, or left on disk."""

import os
import signal

import pytest

import disk_records as disk
from ctl import ctl, ctl_json
from lease_calls import (MIB, SPACE, acquire, begin_acquire, end_worker, fails_with, format_lockspace, format_resource,
                         inspect_resource, join, lease, leave, make_space_of_three, policy, register, release,
                         values_of, wait_by_asking, wait_ended, wait_held, wait_removed, wanted)
from private_service import ROOT_PATH, options

RESOURCE = f"{ROOT_PATH}/{SPACE}/resources"
PERSISTENT = {"persistent": ("b", True)}
ADOPT = {"adopt": ("b", True)}


@pytest.fixture
def space(service, storage):
    return make_space_of_three(service, storage)


@pytest.fixture
def make_orphan(service, make_worker):
    """make_orphan(path, number): a worker acquires it as persistent and ends; returns the object's path."""
    def make(path, number=1):
        worker = make_worker()
        registration = register(service, worker, "former")
        resource = acquire(service, registration, wanted(path, number, **PERSISTENT))[0]
        end_worker(worker)
        service.wait_for_property(resource, "Resource", "Orphan", True)
        wait_removed(service, registration)
        return resource
    return make


def version_of(service, resource):
    return service.property(resource, "Resource", "Version")


def test_an_orphan_stays_held_and_is_adopted(service, space, make_orphan, make_worker):
    orphan = make_orphan(space)
    assert orphan == f"{RESOURCE}/r1"
    assert values_of(service, orphan, "Resource", "Registration") == ["/"]
    assert service.property(orphan, "Resource", "State") == "held"
    assert inspect_resource(service, space)["state"] == "held"
    assert service.property(SPACE, "Lockspace", "Registrations") == []
    path = register(service, make_worker(), "second")
    with fails_with("Held", "orphan"):
        acquire(service, path, wanted(space))

    # Not a byte is written: but for this host's own lease the storage stays as it is.
    before, version = disk.digest(space, (0, 512)), version_of(service, orphan)
    assert acquire(service, path, wanted(space, version=("t", version), **ADOPT, **PERSISTENT)) == [orphan]
    assert disk.digest(space, (0, 512)) == before
    at = service.properties(orphan, "Resource")
    assert (at["Registration"], at["Orphan"], at["Version"]) == (path, False, version)
    assert service.property(path, "Registration", "Resources") == [orphan]
    with fails_with("NotFound", "no orphan"):
        acquire(service, path, wanted(space, **ADOPT))
    release(service, path)
    assert inspect_resource(service, space)["state"] == "free"


def test_an_orphan_that_was_adopted_as_an_ordinary_lease(service, space, make_orphan, make_worker):
    """It is given back when its new holder ends."""
    orphan = make_orphan(space)
    worker = make_worker()
    path = register(service, worker)
    acquire(service, path, wanted(space, **ADOPT))
    end_worker(worker)
    wait_removed(service, orphan)
    assert inspect_resource(service, space)["state"] == "free"


def test_adopting_what_is_no_orphan(service, space, make_orphan, make_worker):
    path = register(service, make_worker())
    with fails_with("NotFound", "no orphan"):
        acquire(service, path, wanted(space, **ADOPT))
    assert inspect_resource(service, space)["state"] == "free"
    orphan = make_orphan(space)
    with fails_with("Held", "version"):
        acquire(service, path, wanted(space, version=("t", version_of(service, orphan) + 1), **ADOPT))
    with fails_with("InvalidArgument", space):
        acquire(service, path, lease(space, 2 * MIB, "r1", **ADOPT))
    assert service.property(orphan, "Resource", "Orphan") is True


def test_all_or_none_leaves_an_orphan_an_orphan(service, space, make_orphan, make_worker):
    orphan = make_orphan(space)
    other = register(service, make_worker(), "other")
    acquire(service, other, wanted(space, 2))
    path = register(service, make_worker())
    with fails_with("Held", "other"):
        acquire(service, path, wanted(space, 1, **ADOPT), wanted(space, 2))
    assert service.property(orphan, "Resource", "Registration") == "/"
    assert inspect_resource(service, space)["state"] == "held"
    acquire(service, path, wanted(space, 1, **ADOPT), wanted(space, 3))
    assert service.property(orphan, "Resource", "Registration") == path


def test_orphans_are_released_one_by_one_or_all(service, space, make_orphan, make_worker):
    orphans = [make_orphan(space, number) for number in (1, 2, 3)]
    service.call(orphans[0], "Resource", "Release", "(a{sv})", {})
    wait_removed(service, orphans[0])
    assert inspect_resource(service, space)["state"] == "free"
    assert service.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {}) == 2
    assert inspect_resource(service, space, 2 * MIB)["state"] == "free"
    assert service.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {}) == 0
    # One that is in use is none.
    path = register(service, make_worker())
    acquire(service, path, wanted(space, 1, **PERSISTENT))
    assert service.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {}) == 0
    release(service, path)
    assert inspect_resource(service, space)["state"] == "free"
    leave(service)
    assert disk.field(space, 0, disk.TIMESTAMP) == 0


def test_who_waits_gets_an_orphan_when_it_is_released(service, space, make_orphan, make_worker):
    orphan = make_orphan(space)
    version = version_of(service, orphan)
    path = register(service, make_worker())
    call = begin_acquire(service, path, wanted(space, wait=("b", True)))
    service.call(orphan, "Resource", "Release", "(a{sv})", {})
    assert call.result() == [orphan]
    assert version_of(service, orphan) > version


def test_another_host_does_not_get_an_orphan(service, second_service, space, make_orphan, make_worker):
    join(second_service, space, 2)
    make_orphan(space)
    path = register(second_service, make_worker())
    with fails_with("Held", "host id 1"):
        acquire(second_service, path, wanted(space))


def test_leaving_with_orphans(service, space, make_orphan):
    make_orphan(space)
    with fails_with("Busy", "orphan of resource r1"):
        leave(service)
    assert service.property(SPACE, "Lockspace", "State") == "held"
    leave(service, force=("b", True))
    # Nobody has said that it is out of use: other hosts have to wait.
    assert inspect_resource(service, space)["state"] == "held"
    assert disk.field(space, MIB, disk.TIMESTAMP) > 0
    assert disk.field(space, 0, disk.TIMESTAMP) > 0
    # To join again would make it void at once.
    with fails_with("Busy", "r1"):
        join(service, space)
    assert disk.field(space, 0, disk.OWNER_GENERATION) == 1
    join_again(service, space)
    assert service.property(SPACE, "Lockspace", "Generation") == 2
    leave(service)
    join(service, space)


def join_again(service, path):
    lockspace = service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "space", path, 0, 1,
                             options(io_timeout=("u", 1), forget_orphans=("b", True)))
    wait_held(service, lockspace)


def test_what_is_not_left_behind_is_no_reason_not_to_join(service, space, make_orphan, make_worker):
    make_orphan(space, 1)
    make_orphan(space, 2)
    path = register(service, make_worker())
    acquire(service, path, wanted(space, 1, **ADOPT), wanted(space, 3, **PERSISTENT))
    service.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {})
    release(service, path)
    leave(service)
    join(service, space)


def test_stopping_the_daemon_with_orphans(service, space, make_orphan):
    make_orphan(space)
    service.daemon.expected_to_end = True
    os.kill(service.daemon.pid, signal.SIGTERM)
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")
    assert disk.field(space, MIB, disk.TIMESTAMP) > 0
    assert disk.field(space, 0, disk.TIMESTAMP) > 0


def test_losing_the_lockspace(service, hanging_storage, storage, make_orphan, make_worker):
    """Orphans do not delay it. Of the leases of a registration that has to be killed the persistent ones are lost with
    the lockspace; in a lockspace that is well they are orphans."""
    path = make_space_of_three(service, hanging_storage.path)
    format_lockspace(service, storage, name="well")
    format_resource(service, storage, lockspace="well")
    join(service, storage, name="well")
    orphan = make_orphan(path)
    worker = make_worker()
    registration = register(service, worker, failure_policy=policy(("kill", 0)))
    acquire(service, registration, wanted(path, 2, **PERSISTENT), lease(storage, lockspace="well", **PERSISTENT))

    hanging_storage.hang()
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert wait_ended(service, worker) == -signal.SIGKILL
    wait_removed(service, registration)
    assert orphan not in service.objects() and f"{RESOURCE}/r2" not in service.objects()
    assert service.property("lockspaces/well/resources/thing", "Resource", "Orphan") is True
    assert service.call("lockspaces/well", "Lockspace", "ReleaseOrphans", "(a{sv})", {}) == 1

    hanging_storage.resume()
    with fails_with("Busy", "r2"):
        join(service, path)
    join_again(service, path)
    assert service.property(SPACE, "Lockspace", "Generation") == 2
    path = register(service, make_worker())
    acquire(service, path, wanted(hanging_storage.path))


def test_ctl(service, space, make_worker):
    worker = make_worker()
    number = ctl(service, "register", worker.pid, "short-lived").stdout.strip()
    ctl(service, "acquire", number, "space", f"r1@{space}:1M", f"r2@{space}:2M", "--persistent")
    end_worker(worker)
    service.wait_for_property(f"{RESOURCE}/r2", "Resource", "Orphan", True)
    wait_by_asking(service, lambda: "registrations/" not in "".join(service.objects()), "the end of the registration")
    assert "(orphan)" in ctl(service, "status").stdout
    assert [each["Orphan"] for each in ctl_json(service, "status")["Lockspaces"][0]["Resources"]] == [True, True]
    number = ctl(service, "register", make_worker().pid, "second").stdout.strip()
    ctl(service, "acquire", number, "space", f"r1@{space}:1M", "--adopt")
    assert ctl(service, "release-orphans", "space", "r2").stdout == "1\n"
    assert ctl(service, "release-orphans", "space").stdout == "0\n"
    complaint = ctl(service, "release-orphans", "space", "r1", status=1).stderr
    assert "no orphan" in complaint
