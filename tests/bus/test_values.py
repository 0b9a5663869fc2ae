# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values of resources."""

import subprocess

import pytest

import disk_records as disk
from ctl import PROGRAM, ctl, environment
from lease_calls import (MIB, acquire, check_error, fails_with, format_lockspace, format_resource, join, lease,
                         register, release)
from main_loop import LIMIT
from private_service import BusError, options

VALUE = MIB + 2002 * 512


def read(service, resource):
    return bytes(service.call(resource, "Resource", "ReadValue", "(a{sv})", options()))


def begin_write(service, resource, value):
    return service.begin(resource, "Resource", "WriteValue", "(aya{sv})", value, options())


def write(service, resource, value):
    begin_write(service, resource, value).result()


@pytest.fixture
def held(service, storage, worker):
    """A lease, exclusive, on 512-byte sectors."""
    format_lockspace(service, storage)
    format_resource(service, storage)
    join(service, storage)
    registration = register(service, worker)
    resource, = acquire(service, registration, lease(storage))
    return registration, resource


def test_written_and_read(service, storage, held):
    registration, resource = held
    assert read(service, resource) == bytes(512)
    before = disk.digest(storage, (0, MIB), (VALUE, 512))
    write(service, resource, bytes(range(256)) * 2)
    assert read(service, resource) == disk.read(storage, VALUE, 512) == bytes(range(256)) * 2
    write(service, resource, b"short")
    assert read(service, resource) == disk.read(storage, VALUE, 512) == b"short".ljust(512, b"\0")
    with fails_with("InvalidArgument", "512"):
        write(service, resource, bytes(513))
    with fails_with("InvalidArgument", "512"):
        write(service, resource, bytes(1 << 20))
    assert read(service, resource) == b"short".ljust(512, b"\0")
    # Nothing else of the storage has changed.
    assert disk.digest(storage, (0, MIB), (VALUE, 512)) == before

    release(service, registration)
    resource, = acquire(service, registration, lease(storage))
    assert read(service, resource) == b"short".ljust(512, b"\0")
    write(service, resource, b"")
    assert disk.read(storage, VALUE, 512) == bytes(512)
    for method, arguments in ("ReadValue", ("(a{sv})",)), ("WriteValue", ("(aya{sv})", b"x")):
        with fails_with("InvalidArgument"):
            service.call(resource, "Resource", method, *arguments, options(force=("b", True)))


@pytest.mark.parametrize("mib", [1, 2, 4, 8])
def test_large_sectors(service, make_storage, worker, mib):
    """Where it would lie behind the area, in other leases, there is no value."""
    path = make_storage(32)
    sizes = dict(sector_size=("u", 4096), align_size=("u", mib * MIB))
    format_lockspace(service, path, **sizes)
    format_resource(service, path, mib * MIB, **sizes)
    join(service, path)
    resource, = acquire(service, register(service, worker), lease(path, mib * MIB))
    before = disk.digest(path, (0, mib * MIB))
    if mib < 8:
        with fails_with("Unsupported", "no value"):
            read(service, resource)
        with fails_with("Unsupported", "no value"):
            write(service, resource, b"text")
        assert disk.digest(path, (0, mib * MIB)) == before
    else:
        write(service, resource, b"text")
        assert read(service, resource) == b"text".ljust(4096, b"\0")
        assert disk.read(path, mib * MIB + 2002 * 4096, 5) == b"text\0"


def test_lease_that_somebody_else_has_taken(service, storage, held):
    """As after a standstill of this host: the leader says so."""
    _, resource = held
    disk.change(storage, MIB, disk.OWNER_ID, 7)
    disk.change(storage, MIB, (48, "<Q"), 9)
    with pytest.raises(BusError) as caught:
        write(service, resource, b"text")
    check_error(caught.value, "Held")
    assert disk.read(storage, VALUE, 512) == bytes(512)


def test_release_waits_for_a_write(service, hanging_storage, worker):
    path = hanging_storage.path
    format_lockspace(service, path)
    format_resource(service, path)
    join(service, path)
    registration = register(service, worker)
    resource, = acquire(service, registration, lease(path))
    hanging_storage.hang()
    first = begin_write(service, resource, b"text")
    with fails_with("Busy"):
        write(service, resource, b"other")
    released = service.begin(registration, "Registration", "Release", "(aoa{sv})", [], {})
    service.wait_for_property(resource, "Resource", "State", "releasing")
    with fails_with("Busy"):
        write(service, resource, b"late")
    hanging_storage.resume()
    try:
        first.result()
        expected = b"text\0"
    except BusError as error:  # it was too late, and says so
        assert error.name.endswith("IoTimeout"), error
        expected = disk.read(hanging_storage.backing, VALUE, 5)
    try:
        released.result()
    except BusError as error:
        assert error.name.endswith("IoTimeout"), error
    service.wait_until(lambda: not any("/resources/" in each for each in service.objects()), "the release")
    assert disk.read(hanging_storage.backing, VALUE, 5) == expected
    assert disk.field(hanging_storage.backing, MIB, disk.TIMESTAMP) == 0


def test_bailiffctl(service, storage, held):
    ctl(service, "write-value", "space/thing", "a text")
    assert ctl(service, "read-value", "space/thing").stdout == "a text"
    assert ctl(service, "read-value", "space/thing", "--whole").stdout == "a text".ljust(512, "\0")
    given = bytes(range(1, 256))
    result = subprocess.run([PROGRAM, "write-value", "space/thing"], env=environment(service), input=given,
                            timeout=LIMIT, check=True)
    assert disk.read(storage, VALUE, 255) == given
    result = subprocess.run([PROGRAM, "read-value", "space/thing"], env=environment(service), capture_output=True,
                            timeout=LIMIT, check=True)
    assert result.stdout == given
    ctl(service, "write-value", "space/thing", "x" * 513, status=2)
    ctl(service, "write-value", "space/nothing", "x", status=1)
    ctl(service, "read-value", "thing", status=1)
    ctl(service, "read-value", status=2)
