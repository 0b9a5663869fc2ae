# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared leases of bailiffd and of two real sanlock daemons: beside each other, in each other's way, converted, and
under a new name."""

import contextlib

import pytest

from lease_hosts import LIVE_OWNER, SHARED_OWNER, SanlockHost
from private_service import BusError, options
from sanlock_daemon import SanlockDaemon
from sanlock_records import RELEASED, SHARED

OTHER_NAME = -227
SH = {"mode": ("s", "shared")}


@pytest.fixture(scope="module")
def third(module_pair):
    """A second sanlock daemon, as host 3 of the lockspace; each of the hosts sees it live."""
    daemon = SanlockDaemon("thirdhost")
    try:
        host = SanlockHost(daemon, module_pair.space, 3)
        host.join()
        module_pair.bailiff.wait_until_sees(3, "live")
        module_pair.sanlock.wait_until_sees(3, "live")
        host.wait_until_sees(1, "live")
        host.wait_until_sees(2, "live")
        yield host
        host.end()
    finally:
        daemon.stop()


@pytest.fixture
def hosts(joined, third):
    """A process of each host."""
    yield joined.bailiff.process(), joined.sanlock.process(), third.process()
    third.end()


@contextlib.contextmanager
def refused(*words):
    with pytest.raises(BusError) as caught:
        yield
    assert caught.value.name == "org.bailiff.Error.Held", caught.value
    assert all(word in caught.value.message for word in words), caught.value


def convert(process, resource, mode):
    path = f"/org/bailiff/Bailiff1/lockspaces/space/resources/{resource.name}"
    process.service.call(path, "Resource", "Convert", "(sa{sv})", mode, {})


def sharers(resource):
    return [host_id for host_id in range(1, 5) if resource.host_sector(host_id).mode == SHARED]


def check_rest(resource, ours, mode):
    """Nobody is named as owner, and our sector is as sanlock writes it: ballot, RELEASED, mode and generation."""
    sector = resource.host_sector(1)
    assert (sector.intact, sector.flags, sector.mode) == (True, RELEASED, mode)
    assert sector.mode_generation == (resource.space.host_lease(1).owner_generation if mode else 0)
    assert resource.leader().timestamp == 0
    assert resource.leader().flags & 1 == 0


def test_beside_each_other(hosts, resource):
    ours, theirs, others = hosts
    assert theirs.acquire(resource, ":SH") == 0
    assert ours.acquire(resource, **SH) == 0
    assert others.acquire(resource, ":SH") == 0
    assert sharers(resource) == [1, 2, 3]
    check_rest(resource, ours, SHARED)
    # Each of them keeps out whoever wants it alone, to the last.
    theirs.release(resource)
    others.release(resource)
    assert sharers(resource) == [1]
    assert theirs.acquire(resource) == SHARED_OWNER
    assert sharers(resource) == [1]
    check_rest(resource, ours, SHARED)
    assert theirs.acquire(resource, ":SH") == 0
    ours.release()
    check_rest(resource, ours, 0)
    with refused("sanlockhost", "host id 2"):
        ours.acquire(resource)
    assert sharers(resource) == [2]
    theirs.release(resource)
    assert ours.acquire(resource) > 0
    assert others.acquire(resource, ":SH") == LIVE_OWNER


def test_ours_converts(hosts, resource):
    ours, theirs, others = hosts
    version = ours.acquire(resource)
    assert theirs.acquire(resource, ":SH") == LIVE_OWNER
    convert(ours, resource, "shared")
    check_rest(resource, ours, SHARED)
    assert theirs.acquire(resource, ":SH") == 0
    assert others.acquire(resource, ":SH") == 0
    with refused("host"):
        convert(ours, resource, "exclusive")
    # That attempt is over for everybody: our share stands, and others come and go.
    assert sharers(resource) == [1, 2, 3]
    check_rest(resource, ours, SHARED)
    others.release(resource)
    assert others.acquire(resource) == SHARED_OWNER
    assert others.acquire(resource, ":SH") == 0
    others.release(resource)
    with refused("sanlockhost", "host id 2"):
        convert(ours, resource, "exclusive")
    theirs.release(resource)
    convert(ours, resource, "exclusive")
    assert sharers(resource) == []
    leader = resource.leader()
    assert (leader.owner_id, leader.timestamp != 0, leader.flags & 1) == (1, True, 0)
    assert leader.lver > version
    assert resource.host_sector(1).flags == 0
    assert theirs.acquire(resource, ":SH") == LIVE_OWNER
    ours.release()
    assert theirs.acquire(resource) == 0


def test_theirs_converts(hosts, resource):
    ours, theirs, _ = hosts
    assert theirs.acquire(resource) == 0
    with refused("sanlockhost"):
        ours.acquire(resource, **SH)
    assert theirs.convert(resource, ":SH") == 0
    assert ours.acquire(resource, **SH) == 0
    assert theirs.convert(resource) == SHARED_OWNER
    assert sharers(resource) == [1, 2]
    # sanlock's failed attempt leaves RELEASED out; ours is not kept from anything by that.
    ours.release()
    assert ours.acquire(resource, **SH) == 0
    ours.release()
    assert theirs.convert(resource) == 0
    with refused("sanlockhost"):
        ours.acquire(resource, **SH)
    assert sharers(resource) == []


def test_turns_of_all_kinds(hosts, resource):
    ours, theirs, others = hosts
    for _ in range(4):
        assert ours.acquire(resource, **SH) == 0
        assert theirs.acquire(resource, ":SH") == 0
        ours.release()
        theirs.release(resource)
        assert ours.acquire(resource) > 0
        ours.release()
        assert others.acquire(resource) == 0
        others.release(resource)
    assert sharers(resource) == []


def test_at_the_same_time(hosts, resource):
    """All want to share at once. sanlock's answers may be that somebody else was on his way; nobody is left out of
    what he was told that he has."""
    ours, theirs, others = hosts
    for _ in range(6):
        clients = [theirs.begin_acquire(resource, ":SH"), others.begin_acquire(resource, ":SH")]
        assert ours.acquire(resource, wait=("b", True), **SH) == 0
        got = [process.result(client) == 0 for process, client in zip((theirs, others), clients)]
        assert sharers(resource) == [1] + [host_id for host_id, has in zip((2, 3), got) if has]
        ours.release()
        for process, has in zip((theirs, others), got):
            if has:
                process.release(resource)
    assert sharers(resource) == []


def test_new_name(hosts, resource):
    ours, theirs, _ = hosts
    version = ours.acquire(resource)
    path = f"/org/bailiff/Bailiff1/lockspaces/space/resources/{resource.name}"
    ours.service.call(path, "Resource", "Release", "(a{sv})", options(rename=("s", "renamed")))
    leader = resource.leader()
    assert (leader.lver, leader.timestamp, leader.intact) == (version, 0, True)
    assert theirs.acquire(resource) == OTHER_NAME
    resource.sanlock_text = resource.sanlock_text.replace(f":{resource.name}:", ":renamed:")
    resource.name = "renamed"
    assert theirs.acquire(resource) == 0
    assert theirs.version_of(resource) == version + 1
    theirs.release(resource)
    assert ours.acquire(resource) == version + 2
