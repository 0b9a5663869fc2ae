# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests of the daemon on a bus: one daemon for a whole file where its tests leave it as it was."""

import pytest

from lease_calls import end_worker, start_worker
from lease_storage import NoSuchStorage, storage_files
from private_service import PrivateService


@pytest.fixture(scope="module")
def module_service():
    service = PrivateService()
    yield service
    service.stop()


@pytest.fixture
def daemon(module_service, request):
    """The bailiffd that all tests of this file talk to."""
    request.node.bailiff_logs = [module_service]
    assert not module_service.daemon.ended
    return module_service


@pytest.fixture(scope="module")
def module_storage():
    """module_storage(mib): a file of zeroes that lasts as long as the file's tests."""
    try:
        with storage_files() as make:
            yield make
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


@pytest.fixture
def make_worker():
    """make_worker(first): a process to register; `first` is what it does first, in Python."""
    workers = []

    def make(first=""):
        workers.append(start_worker(first))
        return workers[-1]

    yield make
    for worker in workers:
        end_worker(worker)


@pytest.fixture
def worker(make_worker):
    return make_worker()
