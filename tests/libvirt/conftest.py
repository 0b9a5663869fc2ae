# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: a bailiffd, a libvirtd and a libvirt-dbus on one bus for a whole file; guests that count their beats."""

import itertools
import os

import pytest

from domain_leases import SPACE, forget_domains, join_space
from lease_calls import leave
from lease_storage import NoSuchStorage, storage_directory
from private_service import PrivateService
from real_libvirt import RealLibvirt, make_guest_disk, need_private_machine


@pytest.fixture(scope="module")
def module_libvirt():
    need_private_machine()
    service = PrivateService()
    try:
        libvirt = RealLibvirt(service, hook=True)
        try:
            yield libvirt
        finally:
            libvirt.stop()
    finally:
        service.stop()


@pytest.fixture(scope="module")
def guest_directory(module_libvirt):
    try:
        with storage_directory() as directory:
            yield directory
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


@pytest.fixture
def libvirt(module_libvirt, request):
    """The libvirt that all tests of this file use."""
    request.node.bailiff_logs = [module_libvirt.service]
    return module_libvirt


@pytest.fixture
def daemon(libvirt):
    """The bailiffd beside it."""
    return libvirt.service


@pytest.fixture
def make_guest(libvirt, guest_directory):
    """make_guest(name, leases=(), on_lockfailure=None): a guest that is off, with a disk on storage that is well."""
    guests, numbers = [], itertools.count()

    def make(name, **more):
        disk = os.path.join(guest_directory, f"{name}.{next(numbers)}.img")
        make_guest_disk(disk)
        guests.append(libvirt.guest(name, disk, **more))
        return guests[-1]

    yield make
    for guest in guests:
        guest.remove()
        libvirt.guests.remove(guest)


@pytest.fixture
def space(daemon, hanging_storage):
    """A lockspace with resources on storage that can hang, joined as host 1; it is left in whatever state it is."""
    join_space(daemon, hanging_storage.path)
    yield hanging_storage.path
    hanging_storage.resume()
    forget_all(daemon)


def forget_all(daemon):
    """The guests are gone; what waits to be started again, and a lockspace, may be left."""
    forget_domains(daemon)
    if any(path.endswith(f"/{SPACE}") for path in daemon.objects()):
        leave(daemon, force=("b", True))
