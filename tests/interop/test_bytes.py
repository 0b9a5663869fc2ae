# SPDX-License-Identifier: LGPL-2.1-or-later
"""No byte changes but in our own sectors and in the leader of the resource, and what is reserved in these is zero.

The whole file is compared before and after each operation. No sanlock runs meanwhile, or it is stopped: what changes
is our work.
"""

import os
import signal

import pytest

from lease_hosts import BailiffHost, Space
from lease_storage import MIB
from main_loop import poll_until
from private_service import BusError
from sanlock_records import BALLOT, LEADER_SIZE, read_direct

HOST_ID = 7
GUARD = b"\xa5"
BITMAP = slice(256, 512)


class Watch:
    """Compares the file with what it was last time."""

    def __init__(self, space):
        self.space = space
        self.size = os.path.getsize(space.path)
        self.image = self.read()

    def read(self):
        return read_direct(self.space.path, 0, self.size)

    def changes(self):
        """The offsets of the sectors that changed since the last time."""
        image, step = self.read(), self.space.sector_size
        changed = {at for at in range(0, self.size, step) if image[at:at + step] != self.image[at:at + step]}
        self.image = image
        return changed

    def sector(self, at):
        return self.image[at:at + self.space.sector_size]


def host_lease_offset(space):
    return (HOST_ID - 1) * space.sector_size


def host_sector_offset(resource):
    return resource.offset + (HOST_ID + 1) * resource.space.sector_size


def check_reserved(watch, resource):
    """Fields that the format does not define, and those that nothing here has set."""
    lease = watch.sector(host_lease_offset(watch.space))
    assert not any(lease[LEADER_SIZE:])
    assert not any(lease[160:168]) and not any(lease[172:174]) and not any(lease[176:200])
    leader = watch.sector(resource.offset)
    assert not any(leader[LEADER_SIZE:])
    assert not any(leader[160:168]) and not any(leader[172:176])
    own = watch.sector(host_sector_offset(resource))
    assert not any(own[BALLOT.size:])


@pytest.fixture(params=[(512, 1), (4096, 1)], ids=["512", "4096"])
def guarded(request, make_storage, sanlock):
    """Formatted by sanlock, on storage that was full of something else, of which the last area is still full."""
    space = Space(make_storage(4), *request.param)
    with open(space.path, "r+b") as file:
        file.write(GUARD * 4 * MIB)
    space.format_by_sanlock(sanlock, resources=2)
    return space


def test_only_own_sectors_change(service, guarded):
    watch = Watch(guarded)
    resource = guarded.resource(1)
    lease, own = host_lease_offset(guarded), host_sector_offset(resource)
    host = BailiffHost(service, guarded, HOST_ID)
    try:
        host.join()
        assert watch.changes() == {lease}
        renewed = watch.sector(lease)
        poll_until(lambda: guarded.sector(lease) != renewed, "a renewal")
        assert watch.changes() == {lease}

        process = host.process()
        process.acquire(resource)
        assert watch.changes() - {lease} == {own, resource.offset}
        check_reserved(watch, resource)

        with pytest.raises(BusError):
            host.process().acquire(resource)
        assert watch.changes() <= {lease}

        process.release()
        assert watch.changes() - {lease} == {own, resource.offset}
        check_reserved(watch, resource)

        with pytest.raises(BusError):
            process.acquire(guarded.resource(2), version=("t", 41))
        assert watch.changes() <= {lease}

        host.leave()
        assert watch.changes() == {lease}
        check_reserved(watch, resource)
        assert watch.image.endswith(GUARD * MIB)
    finally:
        host.end()


@pytest.mark.parametrize("command", [["inspect"], ["--json", "inspect"]])
def test_inspecting_changes_nothing(service, guarded, command):
    watch = Watch(guarded)
    for offset in 0, guarded.align_size, 3 * guarded.align_size:
        service.command("bailiffctl", *command, f"{guarded.path}:{offset}")
    assert not watch.changes()


class Stopped:
    """sanlock stands still for a moment, much shorter than its lease lasts."""

    def __init__(self, sanlock):
        self.pid = sanlock.process.pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        # Its threads stop one by one, and a write that is under way ends.
        poll_until(self.stands_still, "the stop of sanlock")

    def stands_still(self):
        tasks = f"/proc/{self.pid}/task"
        return all(" T (stopped)" in open(f"{tasks}/{task}/status").read().replace("\t", " ")
                   for task in os.listdir(tasks))

    def __exit__(self, *error):
        os.kill(self.pid, signal.SIGCONT)


def test_refusal_writes_nothing(pair):
    """A live owner is in the way: not even a ballot is written."""
    resource = pair.space.resource(1)
    theirs = pair.sanlock.process()
    assert theirs.acquire(resource) == 0
    ours = pair.bailiff.process()
    with Stopped(pair.sanlock.sanlock):
        watch = Watch(pair.space)
        with pytest.raises(BusError) as caught:
            ours.acquire(resource)
        assert caught.value.name == "org.bailiff.Error.Held"
        assert watch.changes() <= {0}
    theirs.release(resource)


def test_shared_holder_costs_one_ballot(pair):
    """Its own sector, which says that it shares, is not touched."""
    resource = pair.space.resource(1)
    theirs = pair.sanlock.process()
    assert theirs.acquire(resource, ":SH") == 0
    ours = pair.bailiff.process()
    with Stopped(pair.sanlock.sanlock):
        watch = Watch(pair.space)
        with pytest.raises(BusError) as caught:
            ours.acquire(resource)
        assert caught.value.name == "org.bailiff.Error.Held"
        own = resource.offset + 2 * pair.space.sector_size
        assert watch.changes() - {0} == {own, resource.offset}
    theirs.release(resource)
    ours.acquire(resource, wait=("b", True))
