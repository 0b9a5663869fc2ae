# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registered domains on the bus: paused, and what becomes of them when storage or somebody else lets them go on.

libvirt-dbus is the real one, with libvirt's test driver; libvirtd and QEMU are real in tests/libvirt.
"""

import os
import signal

import pytest

from driver_domains import domain, libvirt, register_domain, register_with_lease, resources, service, space
from event_times import EventTimes
from lease_calls import (SPACE, acquire, fails_with, join, lease, leave, release, unregister, values_of,
                         wait_by_asking, wait_ended, wait_removed)
from libvirt_test_driver import OFF, PAUSED, RUNNING, UUID
from successors import WAYS

SECOND = 1_000_000


def state(service, path):
    return service.property(path, "Registration", "State")


def wait_state(service, path, wanted):
    service.wait_for_property(path, "Registration", "State", wanted)


def fail(service, hanging_storage):
    """Returns at the fail deadline."""
    hanging_storage.fail()
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")


def pause_by_failure(service, hanging_storage, path):
    fail(service, hanging_storage)
    wait_state(service, path, "paused")
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")


def version(service, path):
    (resource,) = resources(service, path)
    return service.property(resource, "Resource", "Version")


def test_registered(service, domain):
    path = register_domain(service, UUID.upper())
    values = service.properties(path, "Registration")
    assert (values["Kind"], values["Domain"], values["Pid"]) == ("domain", UUID, domain.qemu.pid)
    assert values["State"] == "active"
    with fails_with("AlreadyExists"):
        register_domain(service)
    unregister(service, path)
    assert domain.qemu.poll() is None and domain.state == RUNNING


def test_refused(service, domain, make_service):
    with fails_with("InvalidArgument", "'test' is not a UUID"):
        register_domain(service, "test")
    for wrong in "", "test", UUID[:-1], UUID + "0":
        with fails_with("InvalidArgument"):
            register_domain(service, wrong)
    with fails_with("NotFound"):
        register_domain(service, UUID.replace("6", "7"))
    with fails_with("InvalidArgument"):
        register_domain(service, domain_name=("s", "../test"))
    domain.kill_broker()
    with fails_with("IoError"):
        register_domain(service)
    assert not [path for path in service.objects() if "/registrations/" in path]


def test_its_end(service, domain, space):
    """Whatever libvirt says: the end of its process is its end."""
    path = register_with_lease(service, space, ("pause", 10), ("kill", 0))
    domain.call("Destroy", "(u)", 0)
    assert domain.state == OFF
    assert state(service, path) == "active" and resources(service, path)
    domain.end_qemu()
    service.wait_for_signal("Cleared", path)
    wait_removed(service, path)


def test_started_while_registered(service, libvirt, space):
    """As libvirt's hook does it: registered, then started."""
    libvirt.kill_broker()
    path = register_domain(service, domain_name=("s", "test"))
    assert service.property(path, "Registration", "Pid") == 0
    acquire(service, path, lease(space))
    libvirt.start_qemu()
    service.wait_for_property(path, "Registration", "Pid", libvirt.qemu.pid)
    assert state(service, path) == "active"
    libvirt.end_qemu()
    wait_removed(service, path)


def test_registered_and_never_started(service, libvirt, space, hanging_storage):
    """There is nothing to end, so that the loss of its lease ends nothing, not even the host."""
    path = register_with_lease(service, space, ("poweroff", 10), ("kill", 0), on_recovery=("s", "restart"))
    libvirt.call("Destroy", "(u)", 0)
    fail(service, hanging_storage)
    wait_removed(service, path)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert libvirt.state == OFF


def test_paused_and_resumed_when_storage_is_back(service, domain, space, hanging_storage):
    path = register_with_lease(service, space, ("pause", 20), ("kill", 0), on_recovery=("s", "resume"))
    before = version(service, path)
    times = EventTimes(service)
    pause_by_failure(service, hanging_storage, path)
    assert domain.state == PAUSED and resources(service, path) == []
    service.wait_for_signal("Cleared", path)
    times.one(path, "Cleared", "paused")
    assert [s.arguments[:3] for s in times.of(path, "StepFinished")] == [(0, "pause", True)]

    hanging_storage.fail(False, False)
    join(service, space)
    wait_state(service, path, "active")
    wait_by_asking(service, lambda: domain.state == RUNNING, "the domain to go on")
    assert version(service, path) == before + 1
    assert values_of(service, path, "Registration", "State") == ["failing", "paused", "active"]
    assert domain.qemu.poll() is None


def test_resumed_by_somebody(service, domain, space, hanging_storage):
    """Its leases are taken again, at once and as they were."""
    path = register_with_lease(service, space, ("pause", 20), ("kill", 0))
    before = version(service, path)
    pause_by_failure(service, hanging_storage, path)
    hanging_storage.fail(False, False)
    join(service, space)
    assert (state(service, path), domain.state) == ("paused", PAUSED)
    domain.call("Resume")
    wait_state(service, path, "active")
    assert domain.state == RUNNING
    assert version(service, path) == before + 1


def test_resumed_without_the_lockspace(service, domain, space, hanging_storage):
    """There is nothing to take: it is paused again."""
    path = register_with_lease(service, space, ("pause", 20), ("kill", 0))
    pause_by_failure(service, hanging_storage, path)
    since = len(service.signals)
    domain.call("Resume")
    service.wait_for_signal("Cleared", path, since, lambda arguments: arguments == ("paused",))
    assert domain.state == PAUSED and domain.qemu.poll() is None
    assert state(service, path) == "paused"


def test_resumed_after_another_host_had_its_lease(service, second_service, domain, space, hanging_storage, worker):
    path = register_with_lease(service, space, ("pause", 20), ("kill", 0))
    pause_by_failure(service, hanging_storage, path)
    hanging_storage.fail(False, False)
    join(service, space)
    # The other one takes it and gives it back: nobody holds it, and its version tells.
    join(second_service, space, host_id=2)
    other = second_service.call("Manager", "Manager", "RegisterPid", "(usa{sv})", worker.pid, "worker", {})
    acquire(second_service, other, lease(space))
    release(second_service, other)
    since = len(service.signals)
    domain.call("Resume")
    service.wait_for_signal("Cleared", path, since, lambda arguments: arguments == ("paused",))
    assert domain.state == PAUSED and resources(service, path) == []
    leave(second_service)


def test_resumed_unseen(service, domain, space, hanging_storage):
    """libvirt-dbus ends, and the one that comes has the domain running; nobody has told of that."""
    path = register_with_lease(service, space, ("pause", 20), ("kill", 0))
    pause_by_failure(service, hanging_storage, path)
    domain.kill_broker()
    since = len(service.signals)
    domain.start_broker()
    service.wait_for_signal("Cleared", path, since, lambda arguments: arguments == ("paused",))
    assert domain.state == PAUSED


def test_neither_leases_nor_a_pause(service, domain, space, hanging_storage):
    """Resumed without its leases, and libvirt is gone before it could be paused again: its process is ended."""
    path = register_with_lease(service, space, ("pause", 20), ("kill", 0))
    pause_by_failure(service, hanging_storage, path)
    os.kill(service.daemon.pid, signal.SIGSTOP)
    try:
        domain.call("Resume")
        domain.kill_broker()
    finally:
        os.kill(service.daemon.pid, signal.SIGCONT)
    assert wait_ended(service, domain.qemu) == -signal.SIGKILL
    wait_removed(service, path)


def test_silence(service, domain, space, hanging_storage):
    """libvirt-dbus answers nothing: each step has its grace and no more, and what is asked meanwhile is answered."""
    path = register_with_lease(service, space, ("pause", 2), ("poweroff", 2), ("kill", 0))
    times = EventTimes(service)
    os.kill(domain.broker.pid, signal.SIGSTOP)
    fail(service, hanging_storage)
    at_us = service.property(SPACE, "Lockspace", "FailAtUsec")
    assert wait_ended(service, domain.qemu) == -signal.SIGKILL
    service.wait_for_signal("Cleared", path)
    for index, grace in (0, 0), (1, 2), (2, 4):
        assert times.one(path, "StepStarted", index) >= at_us + grace * SECOND
    assert [e.arguments[:3] for e in times.of(path, "StepFinished")][:2] == [(0, "pause", False), (1, "poweroff", False)]
    os.kill(domain.broker.pid, signal.SIGCONT)
    wait_removed(service, path)


def test_said_to_be_destroyed(service, domain, space, hanging_storage):
    """The test driver knows no process: it reports a domain as destroyed whose process lives."""
    path = register_with_lease(service, space, ("poweroff", 2), ("kill", 0))
    fail(service, hanging_storage)
    wait_by_asking(service, lambda: domain.state == OFF, "Destroy")
    assert domain.qemu.poll() is None and state(service, path) == "failing"
    assert wait_ended(service, domain.qemu) == -signal.SIGKILL
    service.wait_for_signal("Cleared", path)


@pytest.mark.parametrize("way", WAYS)
def test_poweroff_goes_on_with_the_next_daemon(service, domain, space, hanging_storage, way):
    """libvirt had not answered when the first one left the bus, and the next one counts before it is there."""
    path = register_with_lease(service, space, ("poweroff", 30), ("kill", 0))
    os.kill(domain.broker.pid, signal.SIGSTOP)
    fail(service, hanging_storage)
    service.wait_for_property(path, "Registration", "Step", 0)
    WAYS[way](service)
    assert state(service, path) == "failing" and service.property(path, "Registration", "Step") == 0
    os.kill(domain.broker.pid, signal.SIGCONT)
    wait_by_asking(service, lambda: domain.state == OFF, "Destroy")
    assert service.property(path, "Registration", "Step") == 0
    domain.end_qemu()
    assert domain.qemu.returncode == 1  # of its shell, at the end of its input; not killed
    wait_removed(service, path)
