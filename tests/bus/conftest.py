# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests of the daemon on a bus: one daemon for a whole file where its tests leave it as it was."""

import pytest

from control_groups import ControlGroup, NoControlGroups
from lease_calls import MIB, format_lockspace, format_resource, join
from private_service import PrivateService
from watchdogs import NoSuchWatchdog, pseudo_device


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


@pytest.fixture
def host(make_service):
    """A bus, and a daemon that the test kills, replaces and starts again."""
    service = make_service("none")
    service.start_daemon()
    return service


@pytest.fixture
def space(host, make_storage):
    """The place of a lockspace that `host` has joined; with two resources."""
    path = make_storage()
    format_lockspace(host, path)
    format_resource(host, path)
    format_resource(host, path, 2 * MIB, "second")
    join(host, path)
    return path


@pytest.fixture
def device():
    """A watchdog that resets nothing."""
    try:
        with pseudo_device() as made:
            yield made
    except NoSuchWatchdog as reason:
        pytest.skip(str(reason))


@pytest.fixture
def group():
    """The control group of a unit."""
    try:
        made = ControlGroup("a.service")
    except NoControlGroups as reason:
        pytest.skip(str(reason))
    yield made
    made.remove()
