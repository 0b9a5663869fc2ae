# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resource indexes: what either side writes the other uses, and both write the same bytes."""

import concurrent.futures
import re

import pytest

import disk_records as disk
from index_calls import create, delete, entries, format_index, lookup, rebuild
from lease_calls import fails_with
from lease_hosts import LIVE_OWNER, BailiffHost, Resource, Space
from lease_storage import MIB
from private_service import BusError
from sanlock_records import Leader, read_direct

GEOMETRIES = [(512, 1), (4096, 1), (4096, 2), (4096, 4), (4096, 8)]
# sanlock writes whatever is on its stack between the fields of the request record.
UNDEFINED = 20, 4
# The time of the clearing, outside the checksum.
WRITE_TIMESTAMP = 192, 8
PLACES = 8
NOT_FOUND = -2


class SanlockIndex:
    """sanlock's side of an index that lies right behind the lockspace."""

    def __init__(self, sanlock, space):
        self.sanlock, self.text = sanlock, f"{space.name}:{space.path}:{space.align_size}"

    def run(self, verb, *arguments):
        """Its answer, and the offset where it says one."""
        said = self.sanlock.run("client", verb, "-x", self.text, *arguments, check=False).stdout
        answer = re.search(r" done (-?\d+)", said)
        offset = re.search(r"offset (\d+)", said)
        return int(answer[1]), offset and int(offset[1])

    def format(self):
        assert self.run("format")[0] == 0

    def create(self, name):
        answer, offset = self.run("create", "-e", name)
        return offset if answer == 0 else answer

    def delete(self, name):
        return self.run("delete", "-e", name)[0]

    def lookup(self, name):
        answer, offset = self.run("lookup", "-e", name)
        return offset if answer == 0 else answer

    def rebuild(self):
        assert self.run("rebuild")[0] == 0


class BailiffIndex:
    """The same, of a bailiffd that has joined."""

    def __init__(self, service, space):
        self.service, self.path, self.offset = service, space.path, space.align_size

    def format(self):
        format_index(self.service, self.path, offset=self.offset)

    def create(self, name):
        return create(self.service, self.path, name, offset=self.offset)

    def delete(self, name):
        delete(self.service, self.path, name, offset=self.offset)
        return 0

    def lookup(self, name):
        return lookup(self.service, self.path, name, offset=self.offset)

    def rebuild(self):
        rebuild(self.service, self.path, offset=self.offset)

    def entries(self):
        return entries(self.service, self.path, offset=self.offset)


def content(path, *undefined):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    for offset, length in undefined:
        data[offset:offset + length] = bytes(length)
    return data


def difference(ours, theirs, sector_size):
    return [at // sector_size for at in range(0, len(ours), sector_size)
            if ours[at:at + sector_size] != theirs[at:at + sector_size]]


@pytest.mark.parametrize("sector_size, align_mib", GEOMETRIES)
def test_written_alike(service, sanlock, make_storage, sector_size, align_mib):
    """The same calls on either side, each on storage of its own."""
    ours, theirs = (Space(make_storage(6 * align_mib), sector_size, align_mib) for _ in range(2))
    ours.format_by_bailiff(service)
    theirs.format_by_sanlock(sanlock)
    host = BailiffHost(service, ours)
    host.join()
    sanlock.run("client", "add_lockspace", "-s", theirs.sanlock_text(1), "-o", 1)
    sanlock_index = SanlockIndex(sanlock, theirs)
    # Its daemon cannot be told the sizes there.
    sanlock.run("direct", "format", "-x", sanlock_index.text, "-Z", sector_size, "-A", f"{align_mib}M")
    align = ours.align_size
    BailiffIndex(service, ours).format()
    without = [(area * align + sector_size + UNDEFINED[0], UNDEFINED[1]) for area in range(2, 6)]
    without += [(area * align + WRITE_TIMESTAMP[0], WRITE_TIMESTAMP[1]) for area in range(3, 6)]
    ours_now, theirs_now = content(ours.path, *without)[align:], content(theirs.path, *without)[align:]
    assert not difference(ours_now, theirs_now, sector_size)
    for index in BailiffIndex(service, ours), sanlock_index:
        for name in "one", "n" * 48, "two":
            index.create(name)
        assert index.delete("n" * 48) == 0
        assert index.lookup("two") == 5 * align
    images = [content(space.path, *without) for space in (ours, theirs)]
    # The header and the entries.
    assert not difference(images[0][align:2 * align], images[1][align:2 * align], sector_size)
    # The resources. One was acquired before it was cleared, by us alone.
    assert not difference(images[0][3 * align:], images[1][3 * align:], sector_size)
    for index in BailiffIndex(service, ours), sanlock_index:
        index.rebuild()
    rebuilt = [content(space.path, *without)[align:2 * align] for space in (ours, theirs)]
    assert rebuilt[0] == images[0][align:2 * align]
    assert rebuilt[1] == rebuilt[0]
    sanlock.run("client", "rem_lockspace", "-s", theirs.sanlock_text(1))


@pytest.fixture
def indexes(service, sanlock, make_storage, make_pair):
    """Both on one lockspace, and no index yet: bailiff's side, sanlock's side."""
    space = Space(make_storage(3 + PLACES))
    space.format_by_sanlock(sanlock)
    pair = make_pair(space).join()
    return pair, BailiffIndex(service, space), SanlockIndex(sanlock, space)


@pytest.mark.parametrize("formatter", ["bailiff", "sanlock"])
def test_one_index_for_both(indexes, formatter):
    pair, bailiff, sanlock = indexes
    (bailiff if formatter == "bailiff" else sanlock).format()
    made = {"b1": bailiff.create("b1"), "s1": sanlock.create("s1"), "b2": bailiff.create("b2"),
            "s2": sanlock.create("s2")}
    assert made == {"b1": 3 * MIB, "s1": 4 * MIB, "b2": 5 * MIB, "s2": 6 * MIB}
    assert dict(bailiff.entries()) == made
    for name, offset in made.items():
        assert bailiff.lookup(name) == sanlock.lookup(name) == offset
    # Each deletes what the other made.
    assert sanlock.delete("b1") == 0
    assert bailiff.delete("s1") == 0
    assert sanlock.lookup("b1") == sanlock.lookup("s1") == NOT_FOUND
    assert dict(bailiff.entries()) == {"b2": 5 * MIB, "s2": 6 * MIB}
    # The places are used again, each by the other.
    assert bailiff.create("b3") == 3 * MIB
    assert sanlock.create("s3") == 4 * MIB
    # The resources are good for both.
    for name in "b3", "s3", "b2", "s2":
        resource = Resource(pair.space, name, bailiff.lookup(name))
        for host in pair.bailiff, pair.sanlock:
            process = host.process()
            process.acquire(resource)
            assert resource.leader().owner_id == host.host_id
            process.release() if host is pair.bailiff else process.release(resource)
    before = read_direct(pair.space.path, MIB, MIB)
    for index in bailiff, sanlock:
        index.rebuild()
        assert read_direct(pair.space.path, MIB, MIB) == before


def test_held_by_sanlock_is_not_deleted(indexes):
    pair, bailiff, sanlock = indexes
    sanlock.format()
    resource = Resource(pair.space, "used", sanlock.create("used"))
    for mode in "", ":SH":
        process = pair.sanlock.process()
        assert process.acquire(resource, mode) == 0
        with fails_with("Held", "host id 2"):
            bailiff.delete("used")
        assert bailiff.lookup("used") == resource.offset
        process.release(resource)
    bailiff.delete("used")
    assert sanlock.lookup("used") == NOT_FOUND


def test_twins_of_sanlock(indexes):
    """It makes one name twice. We do not, and want to be told which one is meant."""
    _, bailiff, sanlock = indexes
    sanlock.format()
    assert (sanlock.create("twin"), sanlock.create("twin")) == (3 * MIB, 4 * MIB)
    assert bailiff.entries() == [("twin", 3 * MIB), ("twin", 4 * MIB)]
    with fails_with("AlreadyExists", "twin"):
        bailiff.create("twin")
    with fails_with("InvalidArgument", "resource-offset"):
        bailiff.delete("twin")
    delete(bailiff.service, bailiff.path, "twin", resource_offset=("t", 4 * MIB))
    assert bailiff.lookup("twin") == sanlock.lookup("twin") == 3 * MIB


def stuck(pair, owner):
    """The index's lease as sanlock leaves it after another host has committed for `owner`, a live host: it is named
    as the owner, somebody else wrote so, and its sector does not say RELEASED."""
    space = pair.space
    at = 2 * space.align_size
    leader = Leader(space.sector(at))
    leader.owner_id, leader.owner_generation = owner, space.host_lease(owner).owner_generation
    leader.timestamp, leader.write_id = 77, 3 - owner
    sector = bytearray(space.sector(at))
    sector[:len(leader.pack())] = leader.pack()
    disk.write(space.path, at, bytes(sector))
    host_at = at + (owner + 1) * space.sector_size
    host_sector = bytearray(space.sector(host_at))
    host_sector[52:56] = bytes(4)
    disk.write(space.path, host_at, bytes(host_sector))


def test_stuck_index_lease(indexes):
    """Named as the owner of a lease that nobody uses, we acquire it and give it back as it should be: then everybody
    can use the index again. What sanlock has left stuck only sanlock can free; we say so."""
    pair, bailiff, sanlock = indexes
    bailiff.format()
    bailiff.create("one")
    sanlock.create("two")
    stuck(pair, pair.bailiff.host_id)
    assert sanlock.create("three") == LIVE_OWNER
    bailiff.rebuild()
    assert sanlock.create("three") == 5 * MIB
    stuck(pair, pair.sanlock.host_id)
    with fails_with("Held", "host id 2"):
        bailiff.create("four")
    sanlock.rebuild()
    assert bailiff.create("four") == 6 * MIB


def test_both_create_at_the_same_time(indexes):
    """sanlock gives up at once where we wait for it; and it may leave the lease stuck when we have committed for it,
    until it uses the index again. Nobody gets a place that another got."""
    _, bailiff, sanlock = indexes
    bailiff.format()

    def by_bailiff(number):
        try:
            return f"b{number}", bailiff.create(f"b{number}")
        except BusError as error:
            assert error.name == "org.bailiff.Error.Held", error
            return f"b{number}", None

    def by_sanlock(number):
        for _ in range(50):
            answer = sanlock.create(f"s{number}")
            if answer > 0:
                return f"s{number}", answer
            assert answer in (-11, -16, -243, -244, -245, -247), answer
        return f"s{number}", None

    made = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for number in range(PLACES // 2):
            theirs = pool.submit(by_sanlock, number)
            made += [by_bailiff(number), theirs.result()]
    offsets = {name: offset for name, offset in made if offset is not None}
    assert len(set(offsets.values())) == len(offsets) >= PLACES // 2
    sanlock.rebuild()
    assert dict(bailiff.entries()) == offsets
