# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: a bailiffd with a real polkitd on one bus for a whole file, and users who are not root."""

import pytest

from other_user import OtherUser
from private_service import PrivateService
from real_polkit import RealPolkit, need_private_machine


@pytest.fixture(scope="module")
def module_polkit():
    need_private_machine()
    service = PrivateService()
    try:
        polkit = RealPolkit(service)
        try:
            yield polkit
        finally:
            polkit.stop()
    finally:
        service.stop()


@pytest.fixture
def polkit(module_polkit, request):
    request.node.bailiff_logs = [module_polkit.service]
    return module_polkit


@pytest.fixture
def daemon(polkit):
    return polkit.service


@pytest.fixture
def make_user(daemon):
    """make_user(name): a process of that user on the bus."""
    users = []

    def make(name, groups=False):
        users.append(OtherUser(daemon, name, groups))
        return users[-1]

    yield make
    for user in users:
        user.end()
