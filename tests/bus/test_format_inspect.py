# SPDX-License-Identifier: LGPL-2.1-or-later
"""Formatting and inspecting: what is written is what is read, and nothing that somebody may need is overwritten."""

import os

import pytest

import disk_records as disk
from lease_calls import (MIB, acquire, fails_with, format_lockspace, format_resource, inspect_lockspace,
                         inspect_resource, join, lease, leave, register, release, unregister)

# Sector size, area size in MiB, and how many hosts fit: the five that there are.
GEOMETRIES = [(512, 1, 2000), (4096, 1, 250), (4096, 2, 500), (4096, 4, 1000), (4096, 8, 2000)]
geometries = pytest.mark.parametrize("sector_size, area, max_hosts", GEOMETRIES)


def sizes(sector_size, area):
    return {"sector_size": ("u", sector_size), "align_size": ("u", area * MIB)}


@geometries
def test_lockspace_is_as_it_was_asked_for(daemon, storage, sector_size, area, max_hosts):
    format_lockspace(daemon, storage, area * MIB, io_timeout=("u", 7), **sizes(sector_size, area))
    assert inspect_lockspace(daemon, storage, area * MIB) == {
        "name": "space", "sector-size": sector_size, "align-size": area * MIB, "max-hosts": max_hosts,
        "io-timeout": 7, "hosts": []}
    assert not any(disk.read(storage, 0, area * MIB))


@geometries
def test_resource_is_as_it_was_asked_for(daemon, storage, sector_size, area, max_hosts):
    format_resource(daemon, storage, area * MIB, max_hosts=("u", 3), **sizes(sector_size, area))
    assert inspect_resource(daemon, storage, area * MIB) == {
        "name": "thing", "lockspace": "space", "sector-size": sector_size, "align-size": area * MIB,
        "max-hosts": max_hosts, "num-hosts": 3, "version": 0, "state": "free", "owner-host-id": 0,
        "owner-generation": 0, "timestamp": 0, "shared-by": [], "ballots": []}
    assert not any(disk.read(storage, 0, area * MIB))


def test_defaults(daemon, storage):
    daemon.call("Manager", "Manager", "FormatLockspace", "(stsa{sv})", storage, 0, "space", {})
    format_resource(daemon, storage)
    space, thing = inspect_lockspace(daemon, storage), inspect_resource(daemon, storage)
    assert (space["sector-size"], space["align-size"], space["io-timeout"]) == (512, MIB, 10)
    assert (thing["sector-size"], thing["align-size"], thing["num-hosts"]) == (512, MIB, 2000)


def test_default_area_of_large_sectors_is_8_mib(daemon, storage):
    format_lockspace(daemon, storage, sector_size=("u", 4096))
    assert inspect_lockspace(daemon, storage)["align-size"] == 8 * MIB


@pytest.mark.parametrize("length", [1, 48])
def test_names_of_every_length(daemon, storage, length):
    format_lockspace(daemon, storage, name="s" * length)
    format_resource(daemon, storage, lockspace="s" * length, name="r" * length)
    assert inspect_lockspace(daemon, storage)["name"] == "s" * length
    assert inspect_resource(daemon, storage)["name"] == "r" * length
    assert inspect_resource(daemon, storage)["lockspace"] == "s" * length


def live_lockspace(daemon, path):
    format_lockspace(daemon, path)


def live_resource(daemon, path):
    format_resource(daemon, path, 0)


def damaged_lockspace(daemon, path):
    format_lockspace(daemon, path)
    disk.flip(path, 100)


def lockspace_without_magic(daemon, path):
    format_lockspace(daemon, path)
    disk.write(path, 0, bytes(4))


def resource_without_first_sector(daemon, path):
    format_resource(daemon, path, 0)
    disk.write(path, 0, bytes(512))


def ext4(daemon, path):
    disk.write(path, 1024 + 56, b"\x53\xef")


def text_far_behind(daemon, path):
    disk.write(path, MIB - 5, b"text\n")


def all_ones(daemon, path):
    disk.write(path, 0, b"\xff" * MIB)


OCCUPANTS = [live_lockspace, live_resource, damaged_lockspace, lockspace_without_magic,
             resource_without_first_sector, ext4, text_far_behind, all_ones]


@pytest.mark.parametrize("occupy", OCCUPANTS, ids=lambda occupy: occupy.__name__)
@pytest.mark.parametrize("format_area", [format_lockspace, format_resource], ids=lambda f: f.__name__)
def test_occupied_area_is_overwritten_on_demand_only(daemon, storage, format_area, occupy):
    occupy(daemon, storage)
    before = disk.digest(storage)
    for refused in ({}, {"overwrite": ("b", False)}):
        with fails_with("AlreadyExists"):
            format_area(daemon, storage, 0, name="other", **refused)
    assert disk.digest(storage) == before

    format_area(daemon, storage, 0, name="other", overwrite=("b", True))
    inspect = inspect_lockspace if format_area is format_lockspace else inspect_resource
    assert inspect(daemon, storage, 0)["name"] == "other"
    assert not any(disk.read(storage, MIB, 15 * MIB))


def test_neighbours_stay_as_they_are(daemon, storage):
    disk.write(storage, 0, b"a" * MIB + bytes(MIB) + b"b" * MIB)
    format_lockspace(daemon, storage, MIB)
    assert disk.read(storage, 0, MIB) == b"a" * MIB
    assert disk.read(storage, 2 * MIB, MIB) == b"b" * MIB


@pytest.mark.parametrize("inspect", [inspect_lockspace, inspect_resource], ids=lambda f: f.__name__)
def test_inspecting_writes_nothing(daemon, storage, inspect):
    format_lockspace(daemon, storage)
    format_resource(daemon, storage)
    before = disk.digest(storage)
    os.chmod(storage, 0o444)
    inspect(daemon, storage, 0 if inspect is inspect_lockspace else MIB)
    assert disk.digest(storage) == before


def test_inspecting_tells_of_a_damaged_host_record(daemon, storage):
    format_lockspace(daemon, storage)
    disk.flip(storage, 4 * 512 + 60)
    hosts = inspect_lockspace(daemon, storage)["hosts"]
    assert [host["host-id"] for host in hosts] == [5]
    assert hosts[0]["damage"]


def test_inspecting_shows_no_control_characters_of_the_disk(daemon, storage):
    format_resource(daemon, storage)
    disk.change(storage, MIB, disk.RECORD_NAME, "a\x1b[31m\n\xe4")
    name = inspect_resource(daemon, storage)["name"]
    assert name.startswith("a") and name.isprintable()


def test_wrong_kind_is_not_found(daemon, storage):
    format_lockspace(daemon, storage)
    format_resource(daemon, storage)
    with fails_with("NotFound"):
        inspect_lockspace(daemon, storage, MIB)
    with fails_with("NotFound"):
        inspect_resource(daemon, storage, 0)
    with fails_with("NotFound"):
        inspect_lockspace(daemon, storage, 2 * MIB)


# Where this daemon has joined, nothing is formatted, whatever is asked for and by whichever name.

@pytest.fixture(scope="class")
def joined(module_service, module_storage):
    """Joined at 1 MiB; a lease is held on the resource at 10 MiB, out of reach of the others."""
    path = module_storage()
    format_lockspace(module_service, path, MIB)
    format_resource(module_service, path, 10 * MIB)
    lockspace = join(module_service, path, offset=MIB)
    yield path
    leave(module_service, lockspace)


def link(path, kind):
    """Another name of the same storage."""
    other = f"{path}.{kind}"
    if kind == "symlink" and not os.path.lexists(other):
        os.symlink(path, other)
    elif kind == "hardlink" and not os.path.lexists(other):
        os.link(path, other)
    elif kind == "dots":
        return os.path.join(os.path.dirname(path), ".", "..", os.path.basename(os.path.dirname(path)),
                            os.path.basename(path))
    return path if kind == "itself" else other


class TestJoined:
    @pytest.mark.parametrize("name", ["itself", "dots", "symlink", "hardlink"])
    @pytest.mark.parametrize("format_area", [format_lockspace, format_resource], ids=lambda f: f.__name__)
    def test_joined_lockspace_is_never_overwritten(self, daemon, joined, format_area, name):
        before = disk.digest(joined, (MIB, 512))
        with fails_with("Busy", "space"):
            format_area(daemon, link(joined, name), MIB, name="other", overwrite=("b", True))
        assert disk.digest(joined, (MIB, 512)) == before
        assert daemon.property("lockspaces/space", "Lockspace", "State") == "held"

    def test_larger_area_that_covers_it_is_refused(self, daemon, joined):
        before = disk.digest(joined, (MIB, 512))
        with fails_with("Busy", "space"):
            format_lockspace(daemon, joined, 0, name="other", overwrite=("b", True), **sizes(4096, 8))
        assert disk.digest(joined, (MIB, 512)) == before

    def test_next_area_may_be_formatted(self, daemon, joined):
        format_resource(daemon, joined, 0, name="before", overwrite=("b", True))
        format_resource(daemon, joined, 2 * MIB, name="behind", overwrite=("b", True))

    @pytest.mark.parametrize("name", ["itself", "symlink"])
    def test_held_resource_is_never_overwritten(self, daemon, joined, worker, name):
        registration = register(daemon, worker)
        acquire(daemon, registration, lease(joined, 10 * MIB))
        before = disk.read(joined, 10 * MIB, MIB)
        try:
            with fails_with("Busy", "thing"):
                format_resource(daemon, link(joined, name), 10 * MIB, name="other", overwrite=("b", True))
            assert disk.read(joined, 10 * MIB, MIB) == before
        finally:
            release(daemon, registration)
            unregister(daemon, registration)
