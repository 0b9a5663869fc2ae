# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every size of sector and area that the format knows: both hosts join and take turns."""

import pytest

from lease_hosts import LIVE_OWNER, BailiffHost, Space
from private_service import BusError
from sanlock_records import make_old_format

MAX_HOSTS = {(512, 1): 2000, (4096, 1): 250, (4096, 2): 500, (4096, 4): 1000, (4096, 8): 2000}


def take_turns(pair, resource):
    ours, theirs = pair.bailiff.process(), pair.sanlock.process()
    for version in 1, 3:
        assert ours.acquire(resource) == version
        assert theirs.acquire(resource) == LIVE_OWNER
        ours.release()
        assert theirs.acquire(resource) == 0
        assert theirs.version_of(resource) == version + 1
        with pytest.raises(BusError) as caught:
            ours.acquire(resource)
        assert caught.value.name == "org.bailiff.Error.Held"
        theirs.release(resource)


def test_turns(service, sanlock, make_storage, make_pair):
    """All geometries at once: joining takes its time."""
    pairs = []
    for (sector_size, align_mib), max_hosts in MAX_HOSTS.items():
        space = Space(make_storage(2 * align_mib), sector_size, align_mib, f"space-{sector_size}-{align_mib}")
        space.format_by_sanlock(sanlock, resources=1)
        pair = make_pair(space)
        # The highest host id there is: its sector is the last one of all hosts.
        pair.bailiff.host_id = max_hosts
        pairs.append(pair)
        pair.begin_join()
    for pair in pairs:
        pair.finish_join()
        lockspace = service.properties(pair.bailiff.path, "Lockspace")
        assert (lockspace["SectorSize"], lockspace["AlignSize"]) == (pair.space.sector_size, pair.space.align_size)
        take_turns(pair, pair.space.resource(1))


def test_host_id_beyond_the_last(service, sanlock, make_storage):
    for (sector_size, align_mib), max_hosts in MAX_HOSTS.items():
        space = Space(make_storage(align_mib), sector_size, align_mib, f"space-{sector_size}-{align_mib}")
        space.format_by_sanlock(sanlock)
        host = BailiffHost(service, space, max_hosts + 1)
        with pytest.raises((AssertionError, BusError), match=f"{max_hosts + 1} (does not exist|is not possible)"):
            host.join()


@pytest.mark.parametrize("geometry", [(512, 1), (4096, 8)], ids=["512", "4096"])
def test_old_format(service, sanlock, make_storage, make_pair, geometry):
    """Records of versions that knew no flags for the size of an area: used, and left as they are."""
    sector_size, align_mib = geometry
    space = Space(make_storage(3 * align_mib), sector_size, align_mib)
    space.format_by_sanlock(sanlock, resources=1)
    resource = space.resource(1)
    make_old_format(space.path, 0, resource.offset + space.align_size, sector_size)
    pair = make_pair(space).join()
    assert service.property(pair.bailiff.path, "Lockspace", "AlignSize") == space.align_size
    take_turns(pair, resource)
    pair.bailiff.leave()
    pair.sanlock.leave()
    for leader in resource.leader(), space.host_lease(1), space.host_lease(2):
        assert leader.intact
        assert (leader.version & 0xFFFF, leader.flags) == (3, 0)
    pair.sanlock.join()
    assert pair.sanlock.process().acquire(resource) == 0
