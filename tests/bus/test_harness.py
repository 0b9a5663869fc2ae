# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness itself, with the least that a service is: it is on the bus, it describes itself, it goes."""

import os
import signal
import subprocess

import pytest

from private_service import BUS_NAME, BusError

INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"


def test_name_is_on_the_bus(service):
    assert service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                        "(s)", BUS_NAME)


def test_introspection_names_the_manager(service):
    xml = service.call("Manager", INTROSPECTABLE, "Introspect")
    assert f'<interface name="{BUS_NAME}.Manager">' in xml


def test_version_is_a_text(service):
    version = service.property("Manager", "Manager", "Version")
    assert isinstance(version, str) and version


def test_error_has_its_name(service):
    with pytest.raises(BusError) as caught:
        service.call("Manager", "Manager", "NoSuchMethod")
    assert caught.value.name == "org.freedesktop.DBus.Error.UnknownMethod"
    assert "GDBus.Error" not in caught.value.message


def test_shutdown_leaves_nothing(make_service):
    service = make_service()
    directory, processes = service.directory, service.processes()
    assert service.daemon.pid in processes
    service.stop()
    assert not os.path.exists(directory)
    assert not [pid for pid in processes if os.path.exists(f"/proc/{pid}")]


def test_daemon_ends_well_on_sigterm(service):
    service.kill_daemon(signal.SIGTERM)
    assert not service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                            "(s)", BUS_NAME)


def test_daemon_starts_again_after_sigkill(service):
    service.kill_daemon()
    service.start_daemon()
    assert service.property("Manager", "Manager", "Version")


def test_two_hosts_have_a_bus_and_a_name_each(service, second_service):
    assert service.address != second_service.address
    assert second_service.property("Manager", "Manager", "HostName") == "hostB"
    assert service.property("Manager", "Manager", "HostName") != "hostB"


def test_wrong_argument_is_reported_with_the_log(make_service):
    with pytest.raises(AssertionError, match="ended with status"):
        make_service("--no-such-argument")


def copy(*arguments):
    return subprocess.Popen(["dd", "bs=4096", "count=1", "status=none", *arguments], stderr=subprocess.DEVNULL)


def test_storage_takes_direct_io(make_storage):
    first, second = make_storage(2), make_storage()
    assert first != second
    assert os.path.getsize(first) == 2 << 20
    assert copy(f"if={first}", f"of={second}", "iflag=direct", "oflag=direct", "conv=notrunc").wait() == 0


def test_storage_hangs_and_goes_on(hanging_storage):
    first_byte = ["if=/dev/urandom", f"of={hanging_storage.path}", "oflag=direct", "conv=notrunc"]
    hanging_storage.hang()
    write = copy(*first_byte)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            write.wait(0.5)
        with open(hanging_storage.backing, "rb") as backing:
            assert not any(backing.read(4096))
    finally:
        hanging_storage.resume()
    assert write.wait() == 0
    with open(hanging_storage.backing, "rb") as backing:
        assert any(backing.read(4096))


def test_storage_fails_and_works_again(hanging_storage):
    read = [f"if={hanging_storage.path}", "of=/dev/null", "iflag=direct"]
    write = ["if=/dev/zero", f"of={hanging_storage.path}", "oflag=direct", "conv=notrunc"]
    assert (copy(*read).wait(), copy(*write).wait()) == (0, 0)
    hanging_storage.fail(writes=False)
    assert (copy(*read).wait(), copy(*write).wait()) == (1, 0)
    hanging_storage.fail(reads=False)
    assert (copy(*read).wait(), copy(*write).wait()) == (0, 1)
    hanging_storage.fail(False, False)
    assert (copy(*read).wait(), copy(*write).wait()) == (0, 0)
