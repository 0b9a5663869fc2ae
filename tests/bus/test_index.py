# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resource indexes: format, create, delete, look up, list, rebuild; what is refused, and who waits for whom."""

import contextlib
import subprocess

import pytest

import disk_records as disk
from ctl import ctl, ctl_json
from index_calls import (FIRST, INDEX, INDEX_MAX_RESOURCES, LEASE, begin, create, delete, entries, format_index,
                         inspect_index, lookup, put_entry, rebuild)
from lease_calls import (MIB, SPACE, acquire, begin_join, fails_with, format_lockspace, format_resource,
                         inspect_resource, join, lease, leave, register, release, unregister, values_of,
                         wait_held)
from lease_storage import HANGING_STORE
from main_loop import poll_until
from private_service import BusError

PLACES = 6


@pytest.fixture
def path(make_storage):
    """Room for a lockspace, an index, and six resources."""
    return make_storage(3 + PLACES)


@pytest.fixture
def index(service, path):
    """A lockspace that is joined, and an empty index."""
    format_lockspace(service, path)
    join(service, path)
    format_index(service, path)
    return path


@contextlib.contextmanager
def nothing_changes(path, *but):
    """Only host leases may change, and what lies at (offset, length)."""
    before = disk.digest(path, (0, MIB), *but)
    yield
    assert disk.digest(path, (0, MIB), *but) == before


def test_create_look_up_delete(service, index, worker):
    assert entries(service, index) == []
    assert [create(service, index, name) for name in ("one", "two", "three")] == [FIRST, FIRST + MIB, FIRST + 2 * MIB]
    assert entries(service, index) == [("one", FIRST), ("two", FIRST + MIB), ("three", FIRST + 2 * MIB)]
    assert lookup(service, index, "two") == FIRST + MIB
    assert lookup(service, index, "two", resource_offset=("t", FIRST + MIB)) == FIRST + MIB
    with fails_with("NotFound", "two"):
        lookup(service, index, "two", resource_offset=("t", FIRST))

    # A resource as any other.
    registration = register(service, worker)
    resource, = acquire(service, registration, lease(index, FIRST + MIB, "two"))
    assert service.property(resource, "Resource", "Version") == 1
    release(service, registration, resource)

    delete(service, index, "two")
    assert entries(service, index) == [("one", FIRST), ("three", FIRST + 2 * MIB)]
    with fails_with("NotFound", "two"):
        lookup(service, index, "two")
    with fails_with("NotFound"):
        delete(service, index, "two")
    with fails_with("NotFound", "cleared"):
        acquire(service, registration, lease(index, FIRST + MIB, "two"))
    # Its place is free again.
    assert create(service, index, "four") == FIRST + MIB
    assert service.property(SPACE, "Lockspace", "Registrations") == []
    unregister(service, registration)


def test_index_lease_is_given_back(service, index):
    create(service, index, "one")
    delete(service, index, "one")
    rebuild(service, index)
    info = inspect_resource(service, index, LEASE)
    assert (info["name"], info["state"], info["version"]) == ("rindex_lease", "free", 3)
    assert all(ballot["released"] for ballot in info["ballots"])
    assert [path for path in service.objects() if "/resources/" in path] == []


def test_names_are_unique(service, index):
    create(service, index, "one")
    with nothing_changes(index, (LEASE, MIB)), fails_with("AlreadyExists", "one"):
        create(service, index, "one")
    with fails_with("InvalidArgument", "rindex_lease"):
        create(service, index, "rindex_lease")


def test_max_hosts(service, index):
    create(service, index, "few", max_hosts=("u", 3))
    assert inspect_resource(service, index, FIRST)["num-hosts"] == 3
    with fails_with("InvalidArgument", "2000"):
        create(service, index, "many", max_hosts=("u", 2001))


def test_end_of_device_and_of_index(service, index):
    for number in range(PLACES):
        create(service, index, f"thing{number}")
    with nothing_changes(index, (LEASE, MIB)), fails_with("InvalidArgument", "ends before"):
        create(service, index, "more")
    disk.write(index, INDEX + INDEX_MAX_RESOURCES[0], (PLACES - 1).to_bytes(4, "little"))
    delete(service, index, "thing2")
    create(service, index, "again")
    with fails_with("InvalidArgument", f"All {PLACES - 1} entries"):
        create(service, index, "more")


def test_nothing_is_overwritten(service, index):
    """A resource that has no entry, one of another lockspace, a lockspace, and one byte of something."""
    format_resource(service, index, FIRST, "hidden")
    with nothing_changes(index, (LEASE, MIB)), fails_with("AlreadyExists", "hidden"):
        create(service, index, "new")
    rebuild(service, index)
    assert entries(service, index) == [("hidden", FIRST)]
    format_resource(service, index, FIRST + MIB, "theirs", lockspace="other")
    with nothing_changes(index, (LEASE, MIB)), fails_with("AlreadyExists", "theirs"):
        create(service, index, "new")
    format_lockspace(service, index, FIRST + MIB, name="another", overwrite=("b", True))
    with nothing_changes(index, (LEASE, MIB)), fails_with("AlreadyExists", "lockspace named another"):
        create(service, index, "new")
    disk.write(index, FIRST + MIB, bytes(MIB - 1) + b"x")
    with nothing_changes(index, (LEASE, MIB)), fails_with("AlreadyExists", "other data"):
        create(service, index, "new")
    assert entries(service, index) == [("hidden", FIRST)]


def test_held_is_not_deleted(service, index, worker):
    offset = create(service, index, "used")
    registration = register(service, worker, "user")
    resource, = acquire(service, registration, lease(index, offset, "used"))
    with nothing_changes(index, (LEASE, MIB)), fails_with("Held", "user"):
        delete(service, index, "used")
    assert entries(service, index) == [("used", offset)]
    release(service, registration, resource)
    delete(service, index, "used")
    assert entries(service, index) == []


def test_format(service, path):
    format_lockspace(service, path)
    with fails_with("NotFound", "no resource index"):
        join(service, path)
        entries(service, path)
    disk.write(path, LEASE + 1000, b"x")
    with nothing_changes(path), fails_with("AlreadyExists"):
        format_index(service, path)
    format_index(service, path, overwrite=("b", True), max_resources=("u", 12))
    assert disk.field(path, INDEX, INDEX_MAX_RESOURCES) == 12
    create(service, path, "kept")
    with nothing_changes(path), fails_with("AlreadyExists", "resource index"):
        format_index(service, path)
    # A new one knows nothing of what is there, and does not touch it.
    format_index(service, path, overwrite=("b", True))
    assert disk.field(path, INDEX, INDEX_MAX_RESOURCES) == 4096
    assert entries(service, path) == []
    rebuild(service, path)
    assert entries(service, path) == [("kept", FIRST)]


def test_bad_arguments(service, index):
    for offset in (INDEX + 512, INDEX - 1, 2**63, 2**64 - 1, 2**64 - MIB):
        for method, name in (("FormatIndex", ()), ("CreateResource", ("new",)), ("ListResources", ())):
            with fails_with("InvalidArgument"):
                begin(service, method, index, *name, offset=offset).result()
    with fails_with("InvalidArgument", "the index would end"):
        format_index(service, index, offset=(2 + PLACES) * MIB)
    with fails_with("InvalidArgument", "16000"):
        format_index(service, index, max_resources=("u", 16001))
    with fails_with("InvalidArgument", "not absolute"):
        format_index(service, "no/path")
    for name in ("", "a b", "n" * 49, "a/b", "ä"):
        with fails_with("InvalidArgument"):
            create(service, index, name)
    for method, name in (("FormatIndex", ()), ("CreateResource", ("new",)), ("DeleteResource", ("new",)),
                         ("LookupResource", ("new",)), ("ListResources", ()), ("RebuildIndex", ())):
        with fails_with("InvalidArgument", "colour"):
            begin(service, method, index, *name, colour=("s", "red")).result()
    with fails_with("InvalidArgument", "max-hosts"):
        create(service, index, "new", max_hosts=("u", 0))
    with fails_with("NotFound"):
        entries(service, index + ".not-there")
    # On the lockspace itself.
    with fails_with("NotFound", "no resource index"):
        create(service, index, "new", offset=0)
    with fails_with("Busy"):
        format_index(service, index, offset=0, overwrite=("b", True))
    assert entries(service, index) == []


def test_damaged_header(service, index):
    create(service, index, "one")
    good = disk.read(index, INDEX, 512)
    for at, data, error in ((0, b"\0", "NotFound"), (6, b"\2", "Unsupported"), (8, b"\x10", "Unsupported"),
                            (8, b"\0", "Corrupt"), (8, b"\x08", "Corrupt"), (12, b"\0\4", "Corrupt"),
                            (16, b"\xff\xff\xff\xff", "Corrupt"), (24, b"\1", "Corrupt"), (32, b"S", "NotFound")):
        disk.write(index, INDEX, good[:at] + data + good[at + len(data):])
        with nothing_changes(index):
            for attempt in (entries, rebuild):
                with fails_with(error):
                    attempt(service, index)
            with fails_with(error):
                create(service, index, "new")
    disk.write(index, INDEX, good)
    assert entries(service, index) == [("one", FIRST)]


def test_damaged_entries(service, index):
    create(service, index, "one")
    put_entry(index, 1, "astray", FIRST)
    with fails_with("Corrupt"):
        entries(service, index)
    with fails_with("Corrupt", "astray"):
        lookup(service, index, "astray")
    assert lookup(service, index, "one") == FIRST
    assert create(service, index, "two") == FIRST + 2 * MIB
    put_entry(index, 4, "\x1b[31mred\n")
    rebuild(service, index)
    assert entries(service, index) == [("one", FIRST), ("two", FIRST + 2 * MIB)]
    # An entry for what is not there: nothing but the entry goes.
    put_entry(index, 3, "ghost")
    disk.write(index, FIRST + 3 * MIB + 512, b"something")
    delete(service, index, "ghost")
    assert disk.read(index, FIRST + 3 * MIB + 512, 9) == b"something"
    # An entry for something else.
    put_entry(index, 1, "two")
    put_entry(index, 5, "wrong")
    format_resource(service, index, FIRST + 5 * MIB, "right")
    with fails_with("Corrupt", "wrong"):
        delete(service, index, "wrong")
    # Two of one name.
    with fails_with("InvalidArgument", "resource-offset"):
        delete(service, index, "two")
    delete(service, index, "two", resource_offset=("t", FIRST + MIB))
    assert lookup(service, index, "two") == FIRST + 2 * MIB


def test_names_from_disk_are_made_safe(service, index):
    put_entry(index, 0, "\x1b[31mred\n")
    assert entries(service, index) == [("\\x1b[31mred\\x0a", FIRST)]


def test_needs_a_lockspace_that_is_held(service, path):
    format_lockspace(service, path)
    lockspace = begin_join(service, path)
    with fails_with("NotJoined"):
        format_index(service, path)
    with fails_with("NotJoined"):
        entries(service, path)
    wait_held(service, lockspace)
    format_index(service, path)


def test_user_of_the_index_lease(service, index, worker):
    """A client may hold the index's lease; its host must not take that for its own."""
    registration = register(service, worker)
    resource, = acquire(service, registration, lease(index, LEASE, "rindex_lease"))
    with fails_with("Busy", "rindex_lease"):
        create(service, index, "new")
    release(service, registration, resource)
    create(service, index, "new")


def test_one_change_at_a_time(service, index):
    calls = [begin(service, "CreateResource", index, f"thing{number}") for number in range(4)]
    results = []
    for call in calls:
        try:
            results.append(call.result())
        except BusError as error:
            assert error.name == "org.bailiff.Error.Busy", error
            results.append(None)
    assert results[0] == FIRST
    assert entries(service, index) == [(f"thing{number}", offset) for number, offset in enumerate(results)
                                       if offset is not None]


def test_two_hosts_create(make_service, path):
    """Both at once, again and again: each waits for the other, and no two get the same place."""
    hosts = make_service("--host-name hostA"), make_service("--host-name hostB")
    format_lockspace(hosts[0], path)
    for number, host in enumerate(hosts, 1):
        join(host, path, number)
    format_index(hosts[0], path)
    made = {}
    for turn in range(PLACES // 2):
        calls = [(f"thing{turn}{letter}", begin(host, "CreateResource", path, f"thing{turn}{letter}"))
                 for letter, host in zip("ab", hosts)]
        made |= {name: call.result() for name, call in calls}
    assert len(set(made.values())) == PLACES
    for host in hosts:
        assert dict(entries(host, path)) == made
    # The same name from both: one gets it.
    delete(hosts[0], path, "thing0a")
    calls = [begin(host, "CreateResource", path, "same") for host in hosts]
    outcomes = []
    for call in calls:
        try:
            outcomes.append(call.result())
        except BusError as error:
            outcomes.append(error.name)
    assert sorted(outcomes, key=str) == [made["thing0a"], "org.bailiff.Error.AlreadyExists"]


def test_held_on_another_host_is_not_deleted(make_service, path, worker):
    host_a, host_b = make_service("--host-name hostA"), make_service("--host-name hostB")
    format_lockspace(host_a, path)
    join(host_a, path, 1)
    join(host_b, path, 2)
    format_index(host_a, path)
    offset = create(host_a, path, "used")
    resource, = acquire(host_a, registration := register(host_a, worker), lease(path, offset, "used"))
    with fails_with("Held", "host id 1"):
        delete(host_b, path, "used")
    assert host_a.property(resource, "Resource", "State") == "held"
    assert entries(host_b, path) == [("used", offset)]
    release(host_a, registration, resource)
    delete(host_b, path, "used")


def test_leave_while_it_changes(service, index):
    """Whatever comes first: both end, and the lease is not left behind."""
    call = begin(service, "CreateResource", index, "new")
    leave(service)
    try:
        assert call.result() == FIRST
    except BusError as error:
        assert error.name.rsplit(".", 1)[1] in ("NotJoined", "Lost"), error
    join(service, index)
    info = inspect_resource(service, index, LEASE)
    assert info["state"] == "free"
    rebuild(service, index)
    assert create(service, index, "next") in (FIRST, FIRST + MIB)


def test_storage_of_the_index_hangs(service, storage, hanging_storage):
    """The index on other storage than the lockspace: calls fail in time, and the lockspace does not notice."""
    format_lockspace(service, storage)
    join(service, storage)
    other = hanging_storage.path
    format_index(service, other)
    assert create(service, other, "one") == FIRST
    hanging_storage.hang()
    with fails_with("IoTimeout"):
        create(service, other, "two")
    with fails_with("IoTimeout"):
        entries(service, other)
    assert values_of(service, SPACE, "Lockspace", "State")[-1] == "held"
    hanging_storage.resume()
    assert create(service, other, "three") == FIRST + MIB
    assert entries(service, other) == [("one", FIRST), ("three", FIRST + MIB)]


def test_inspect(service, index):
    """Without joining, and whatever is damaged."""
    create(service, index, "one")
    put_entry(index, 4, "astray", FIRST)
    put_entry(index, 9, "\x1b[31mred")
    leave(service)
    with nothing_changes(index):
        assert inspect_index(service, index) == {
            "lockspace": "space", "sector-size": 512, "align-size": MIB, "max-hosts": 2000, "max-resources": 4096,
            "resources": [{"name": "one", "offset": FIRST},
                          {"name": "astray", "offset": FIRST + 4 * MIB, "damage": "bad-field"},
                          {"name": "\\x1b[31mred", "offset": FIRST + 9 * MIB}]}
    for place, error in ((0, "NotFound"), (LEASE, "NotFound"), (INDEX + 512, "NotFound"), (INDEX + 1, "InvalidArgument")):
        with fails_with(error):
            inspect_index(service, index, place)
    # Moved to where its header does not say it is, and with sizes that cannot be.
    disk.write(index, FIRST + 3 * MIB, disk.read(index, INDEX, 4096))
    with fails_with("Corrupt"):
        inspect_index(service, index, FIRST + 3 * MIB)
    disk.write(index, INDEX + 8, b"\x07")
    with fails_with("Corrupt"):
        inspect_index(service, index)


def test_bailiffctl(service, path):
    place = f"{path}:1M"
    format_lockspace(service, path)
    ctl(service, "format-index", place, "space", status=1)
    join(service, path)
    ctl(service, "format-index", place, "space", "--max-resources", 16001, status=2)
    ctl(service, "format-index", place, "space", "--max-resources", "x", status=2)
    ctl(service, "format-index", place, "space", "--max-resources", 5)
    ctl(service, "format-index", place, "space", status=1)
    ctl(service, "format-index", place, "space", "--overwrite")
    assert "no resource" in ctl(service, "list-resources", place, "space").stdout
    assert ctl_json(service, "list-resources", place, "space") == []
    assert ctl(service, "create-resource", place, "space", "one").stdout == f"one@{path}:3M\n"
    assert ctl_json(service, "create-resource", place, "space", "two", "--max-hosts", 5) == {
        "Name": "two", "Path": path, "Offset": FIRST + MIB}
    ctl(service, "create-resource", place, "space", "one", status=1)
    ctl(service, "create-resource", place, "space", "three", "--max-hosts", 0, status=2)
    assert ctl(service, "lookup-resource", place, "space", "two").stdout == f"two@{path}:4M\n"
    ctl(service, "lookup-resource", place, "space", "three", status=1)
    assert ctl_json(service, "list-resources", place, "space") == [
        {"Name": "one", "Path": path, "Offset": FIRST}, {"Name": "two", "Path": path, "Offset": FIRST + MIB}]
    shown = ctl(service, "list-resources", place, "space").stdout
    assert f"{path}:3M" in shown and f"{path}:4M" in shown
    # What is printed is what other verbs take; what they hold is not deleted.
    ctl(service, "run", "space", f"one@{path}:3M", "--", "true")
    put_entry(path, 2, "two")
    ctl(service, "delete-resource", place, "space", "two", status=2)
    ctl(service, "delete-resource", place, "space", "two", "--resource-offset", "none", status=2)
    ctl(service, "delete-resource", place, "space", "two", "--resource-offset", "5M")
    ctl(service, "delete-resource", place, "space", "two")
    put_entry(path, 4, "ghost")
    ctl(service, "rebuild-index", place, "space")
    info = ctl_json(service, "inspect", place)
    assert (info["Kind"], info["Lockspace"]) == ("index", "space")
    assert info["Resources"] == [{"Name": "one", "Offset": FIRST}]
    shown = ctl(service, "inspect", place).stdout
    assert "Resource index of lockspace space" in shown and "one" in shown
    assert "neither" in ctl(service, "inspect", f"{path}:8M", status=1).stderr
    put_entry(path, 3, "hurt", FIRST)
    assert "damaged" in ctl(service, "inspect", place).stdout
    ctl(service, "list-resources", place, "nowhere", status=1)
    ctl(service, "list-resources", place, status=2)


def settle(service, path):
    """Changes are refused as long as one before may still land; then the index can be mended."""
    def rebuilt():
        try:
            rebuild(service, path)
            return True
        except BusError as error:
            assert error.name.rsplit(".", 1)[1] in ("Busy", "IoTimeout"), error
            return False
    poll_until(rebuilt, "the index to be changed again")


def create_while_it_hangs(service, store, name):
    """The offset, or None: refused for the storage's sake. The storage hangs at some moment of it."""
    hang = subprocess.Popen([str(HANGING_STORE), "hang", store.directory], stdin=subprocess.DEVNULL)
    call = begin(service, "CreateResource", store.path, name)
    try:
        return call.result()
    except BusError as error:
        assert error.name.rsplit(".", 1)[1] in ("IoTimeout", "Lost", "NotJoined"), error
        return None
    finally:
        assert hang.wait() == 0


def test_storage_hangs_in_the_middle(service, storage, hanging_storage):
    """Wherever the change is when it happens: in the end the index is whole, and what was said to be there is."""
    format_lockspace(service, storage)
    join(service, storage)
    path = hanging_storage.path
    format_index(service, path)
    made = {}
    for number in range(8):
        offset = create_while_it_hangs(service, hanging_storage, f"thing{number}")
        if offset:
            made[f"thing{number}"] = offset
        hanging_storage.resume()
        settle(service, path)
    found = entries(service, path)
    assert made.items() <= dict(found).items()
    assert len({offset for _, offset in found}) == len(found)
    for name, offset in found:
        assert inspect_resource(service, path, offset)["name"] == name
    assert values_of(service, SPACE, "Lockspace", "State")[-1] == "held"
    assert inspect_resource(service, path, LEASE)["state"] == "free"


def test_lockspace_fails_in_the_middle(service, hanging_storage):
    """The change ends, the lockspace is lost, and after it was joined again the index can be used."""
    path = hanging_storage.path
    format_lockspace(service, path)
    join(service, path)
    format_index(service, path)
    offset = create_while_it_hangs(service, hanging_storage, "new")
    service.wait_for_property(SPACE, "Lockspace", "State", lambda state: state in ("failing", "lost"))
    hanging_storage.resume()
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    join(service, path)
    settle(service, path)
    if offset:
        assert lookup(service, path, "new") == offset
    create(service, path, "next")
