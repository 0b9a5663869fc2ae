# SPDX-License-Identifier: LGPL-2.1-or-later
"""What either side writes, the other takes for its own: areas byte for byte, records field by field."""

import json
import re

import pytest

from lease_hosts import IO_TIMEOUT, LIVE_OWNER, SanlockHost, Space
from lease_storage import MIB
from private_service import BusError

GEOMETRIES = [(512, 1), (4096, 1), (4096, 2), (4096, 4), (4096, 8)]
# sanlock writes whatever is on its stack between the fields of the request record.
UNDEFINED = slice(20, 24)
OLD_CONTENT = b"\xa5"


def read_leader(sanlock, *arguments):
    said = sanlock.run("direct", "read_leader", *arguments).stdout
    fields = dict(re.findall(r"^(\w+) (.*)$", said, re.MULTILINE))
    assert fields.pop("read_leader") == "done 0"
    return fields


def content(path):
    with open(path, "rb") as file:
        return bytearray(file.read())


def fill(path):
    """What was on the storage before must not shine through."""
    with open(path, "r+b") as file:
        size = file.seek(0, 2)
        file.seek(0)
        for _ in range(size // MIB):
            file.write(OLD_CONTENT * MIB)


@pytest.mark.parametrize("sector_size, align_mib", GEOMETRIES)
def test_formatted_alike(service, sanlock, make_storage, sector_size, align_mib):
    ours, theirs = (Space(make_storage(4 * align_mib), sector_size, align_mib) for _ in range(2))
    for space in ours, theirs:
        fill(space.path)
    ours.format_by_bailiff(service, resources=2, overwrite=True)
    theirs.format_by_sanlock(sanlock, resources=2)
    images = [content(space.path) for space in (ours, theirs)]
    for image in images:
        for index in 1, 2:
            request = ours.resource(index).offset + sector_size
            image[request + UNDEFINED.start:request + UNDEFINED.stop] = bytes(4)
    different = [at for at in range(0, len(images[0]), sector_size)
                 if images[0][at:at + sector_size] != images[1][at:at + sector_size]]
    assert not different
    assert images[0][3 * ours.align_size:] == OLD_CONTENT * ours.align_size


def test_fewer_hosts_formatted_alike(service, sanlock, space):
    """A resource for fewer hosts than its area holds. sanlock has no command for that, but keeps to it."""
    space.format_by_bailiff(service)
    service.command("bailiffctl", "format-resource", f"{space.path}:1M", "space", "thing1", "--max-hosts=1", check=True)
    leader = read_leader(sanlock, "-r", space.resource(1).sanlock_text)
    assert (leader["num_hosts"], leader["max_hosts"]) == ("1", "2000")


def leader_as_printed(leader, delta):
    """As sanlock prints what our own parser read."""
    names = "magic version flags sector_size num_hosts max_hosts owner_id owner_generation lver space_name" \
            " resource_name timestamp checksum io_timeout".split()
    printed = {name: hex(value) if name in ("magic", "version", "flags", "checksum") else str(value)
               for name, value in ((name, getattr(leader, name)) for name in names)}
    last = ("extra1", "extra2", "extra3") if delta else ("write_id", "write_generation", "write_timestamp")
    written = leader.write_id, leader.write_generation, leader.write_timestamp
    return printed | {name: str(value) for name, value in zip(last, written)}


def test_sanlock_reads_what_we_hold(service, sanlock, space, make_pair):
    space.format_by_bailiff(service, resources=2)
    pair = make_pair(space)
    resource = space.resource(1)
    assert "done 0" in sanlock.run("direct", "read_leader", "-r", resource.sanlock_text).stdout
    pair.join()
    ours, theirs = pair.bailiff.process(), pair.sanlock.process()
    assert ours.acquire(resource) == 1
    assert theirs.acquire(resource) == LIVE_OWNER
    assert theirs.acquire(space.resource(2)) == 0

    held = resource.leader()
    assert held.intact
    assert leader_as_printed(held, delta=False) == read_leader(sanlock, "-r", resource.sanlock_text)
    assert (held.owner_id, held.owner_generation, held.lver) == (1, 1, 1)
    assert (held.write_id, held.write_generation) == (1, 1)
    ballot = resource.host_sector(1)
    assert ballot.intact
    assert (ballot.inp, ballot.inp2, ballot.inp3, ballot.lver) == (1, 1, held.timestamp, 1)
    assert ballot.mbal == ballot.bal == 1
    assert (ballot.flags, ballot.mode) == (0, 0)

    lease = space.host_lease(1)
    assert lease.intact
    assert (lease.owner_id, lease.owner_generation, lease.io_timeout) == (1, 1, IO_TIMEOUT)
    assert lease.resource_name == pair.bailiff.name

    dump = sanlock.run("direct", "dump", f"{space.path}:0:{3 * MIB}").stdout.splitlines()
    rows = {tuple(row.split()[1:3]): row.split() for row in dump}
    assert rows["space", lease.resource_name][4:] == ["0001", "0001"]
    assert rows["space", "sanlockhost"][4:] == ["0002", "0001"]
    assert rows["space", "thing1"][3:] == [f"{held.timestamp:010}", "0001", "0001", "1"]

    ours.release()
    released = resource.leader()
    assert leader_as_printed(released, delta=False) == read_leader(sanlock, "-r", resource.sanlock_text)
    assert (released.owner_id, released.lver, released.timestamp) == (1, 1, 0)
    assert resource.host_sector(1).flags == 1

    pair.bailiff.leave()
    left = space.host_lease(1)
    assert leader_as_printed(left, delta=True) == read_leader(sanlock, "-s", space.sanlock_text(1))
    assert (left.owner_id, left.owner_generation, left.timestamp) == (1, 1, 0)


def test_we_inspect_what_sanlock_holds(pair, service):
    def inspect(offset):
        place = f"{pair.space.path}:{offset}"
        return json.loads(service.command("bailiffctl", "--json", "inspect", place, check=True).stdout)

    first, second = pair.space.resource(1), pair.space.resource(2)
    theirs = pair.sanlock.process()
    assert theirs.acquire(first) == 0
    assert theirs.acquire(second, ":SH") == 0

    held = inspect(first.offset)
    assert (held["State"], held["OwnerHostId"], held["OwnerGeneration"], held["Version"]) == ("held", 2, 1, 1)
    assert held["Timestamp"] == first.leader().timestamp
    shared = inspect(second.offset)
    assert (shared["State"], shared["SharedBy"]) == ("shared", [{"HostId": 2, "Generation": 1}])
    hosts = {host["HostId"]: host for host in inspect(0)["Hosts"]}
    assert (hosts[2]["HostName"], hosts[2]["IoTimeout"]) == ("sanlockhost", IO_TIMEOUT)

    theirs.release(first)
    assert inspect(first.offset)["State"] == "free"
    pair.sanlock.leave()
    hosts = {host["HostId"]: host for host in inspect(0)["Hosts"]}
    assert hosts[2]["Timestamp"] == 0


def test_formatting_spares_what_sanlock_uses(service, sanlock, space):
    space.format_by_sanlock(sanlock, resources=1)
    host = SanlockHost(sanlock, space)
    host.join()
    try:
        before = content(space.path)
        with pytest.raises(BusError) as caught:
            space.format_by_bailiff(service)
        assert caught.value.name == "org.bailiff.Error.AlreadyExists"
        refused = service.command("bailiffctl", "format-resource", f"{space.path}:1M", "space", "thing1")
        assert refused.returncode == 1
        # The first sector is no host's here; sanlock renews the second.
        after = content(space.path)
        assert (after[:512], after[1024:]) == (before[:512], before[1024:])
        assert host.process().acquire(space.resource(1)) == 0
    finally:
        host.end()
