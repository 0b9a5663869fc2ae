# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests of the daemon on a bus: one daemon for a whole file where its tests leave it as it was."""

import pytest

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
