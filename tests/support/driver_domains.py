# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain of libvirt's test driver, a bailiffd that finds it, and a lockspace: fixtures of who registers it. Test files
import them by name, since their `service` is another one than that of the other files."""

import os
import shutil

import pytest

from lease_calls import acquire, lease, make_space, policy
from libvirt_test_driver import UUID, LibvirtTestDriver, write_configuration
from private_service import options


@pytest.fixture
def service(make_service, tmp_path):
    return make_service(write_configuration(str(tmp_path)))


@pytest.fixture
def libvirt(service, tmp_path):
    if not shutil.which("libvirt-dbus", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("libvirt-dbus is not installed (Debian package libvirt-dbus)")
    made = LibvirtTestDriver(service, str(tmp_path))
    made.start_broker()
    yield made
    made.stop()


@pytest.fixture
def domain(libvirt):
    """It runs."""
    libvirt.start_qemu()
    return libvirt


@pytest.fixture
def space(service, hanging_storage):
    yield make_space(service, hanging_storage.path)
    hanging_storage.resume()
    hanging_storage.fail(False, False)


def register_domain(service, uuid=UUID, **given):
    return service.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", uuid, options(**given))


def register_with_lease(service, space, *steps, **given):
    path = register_domain(service, failure_policy=policy(*steps), **given)
    acquire(service, path, lease(space))
    return path


def resources(service, path):
    return service.property(path, "Registration", "Resources")
