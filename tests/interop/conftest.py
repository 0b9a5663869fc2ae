# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: bailiffd and the real sanlock daemon on one lockspace. Joining takes seconds: tests that leave both hosts
as they were share one pair, and take a resource each."""

import contextlib
import itertools
import os

import pytest

from lease_hosts import Pair, Space
from lease_storage import MIB, NoSuchStorage, storage_directory
from private_service import PrivateService
from sanlock_daemon import SanlockDaemon

RESOURCES = 12


@pytest.fixture
def make_pair(service, sanlock):
    """make_pair(space): both hosts, not joined yet; the lockspace must be formatted before they do."""
    pairs = []

    def make(space):
        pairs.append(Pair(service, sanlock, space))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.end()


@pytest.fixture
def space(storage):
    return Space(storage)


@pytest.fixture
def pair(space, make_pair, sanlock):
    """Both hosts joined, on storage that sanlock formatted, with four free resources; for one test alone."""
    space.format_by_sanlock(sanlock, resources=4)
    return make_pair(space).join()


@pytest.fixture(scope="module")
def module_pair():
    if not SanlockDaemon.program():
        pytest.skip("sanlock is not installed")
    with contextlib.ExitStack() as stack:
        try:
            path = os.path.join(stack.enter_context(storage_directory()), "disk")
        except NoSuchStorage as reason:
            pytest.skip(str(reason))
        with open(path, "wb") as file:
            file.truncate((RESOURCES + 1) * MIB)
        service = PrivateService()
        stack.callback(service.stop)
        sanlock = SanlockDaemon("sanlockhost")
        stack.callback(sanlock.stop)
        space = Space(path)
        space.format_by_sanlock(sanlock, resources=RESOURCES)
        pair = Pair(service, sanlock, space)
        stack.callback(pair.end)
        pair.indices = itertools.count(1)
        yield pair.join()


@pytest.fixture
def joined(module_pair, request):
    """A pair that has joined, for all tests of the file."""
    request.node.bailiff_logs = [module_pair.bailiff.service]
    request.node.sanlock_daemon = module_pair.sanlock.sanlock
    yield module_pair
    module_pair.end()


@pytest.fixture
def resource(joined):
    """A free resource that no other test uses."""
    return joined.space.resource(next(joined.indices))
