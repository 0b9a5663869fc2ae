# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host shuts down, as logind says it: what nobody uses is left, the rest when its users have ended."""

import os
import signal

import pytest
from gi.repository import GLib

from lease_calls import (SPACE, acquire, format_lockspace, format_resource, inspect_lockspace, inspect_resource, join,
                         lease, leave, policy, register, release, wait_by_asking, wait_held, wait_removed)
from main_loop import LIMIT, poll_until
from mocked_systemd import LOGIN, MOCK, MockedLogind
from private_service import full_path

MANAGER = f"{LOGIN}.Manager"
PATIENCE = 95


@pytest.fixture
def logind(service):
    made = MockedLogind(service)
    yield made
    if made.process.poll() is None:
        made.vanish()


def inhibitors(service, logind):
    return [each[:4] for each in service.call(logind.main, MANAGER, "ListInhibitors")]


OURS = ("shutdown", "bailiffd", "Leases on shared storage are given back", "delay")


def wait_for_inhibitors(service, logind, wanted):
    wait_by_asking(service, lambda: inhibitors(service, logind) == wanted, f"the inhibitors {wanted}")


def prepare_for_shutdown(service, logind, begins=True):
    service.call(logind.main, MOCK, "EmitSignal", "(sssav)", MANAGER, "PrepareForShutdown", "b",
                 [GLib.Variant("b", begins)])


def make_space(service, path, name="space"):
    format_lockspace(service, path, name=name)
    format_resource(service, path, lockspace=name)
    return join(service, path, name=name)


def host_lease(service, path):
    return inspect_lockspace(service, path)["hosts"][0]["timestamp"]


def test_inhibited_while_anything_is_joined(service, logind, make_storage):
    assert inhibitors(service, logind) == []
    paths = [make_storage(), make_storage()]
    for path, name in zip(paths, ("a", "b")):
        make_space(service, path, name)
    wait_for_inhibitors(service, logind, [OURS])
    leave(service, "lockspaces/a")
    assert inhibitors(service, logind) == [OURS]
    leave(service, "lockspaces/b")
    wait_for_inhibitors(service, logind, [])
    make_space_again = join(service, paths[0], name="a")
    wait_for_inhibitors(service, logind, [OURS])
    assert make_space_again in service.objects()


def test_logind_that_comes_later(service, storage):
    make_space(service, storage)
    logind = MockedLogind(service)
    try:
        wait_for_inhibitors(service, logind, [OURS])
    finally:
        logind.vanish()


def test_what_nobody_uses_is_left_at_once(service, logind, make_storage):
    paths = [make_storage(), make_storage()]
    spaces = [make_space(service, path, name) for path, name in zip(paths, ("a", "b"))]
    wait_for_inhibitors(service, logind, [OURS])
    prepare_for_shutdown(service, logind)
    for space in spaces:
        wait_removed(service, space)
    wait_for_inhibitors(service, logind, [])
    assert all(host_lease(service, path) == 0 for path in paths)


def test_what_is_used_is_left_when_its_users_have_ended(service, logind, storage, worker):
    space = make_space(service, storage)
    registration = register(service, worker, failure_policy=policy(("signal", 30, "USR1"), ("kill", 0)))
    acquire(service, registration, lease(storage))
    wait_for_inhibitors(service, logind, [OURS])
    prepare_for_shutdown(service, logind)
    # The shutdown goes on, or nobody would end it.
    wait_for_inhibitors(service, logind, [])
    assert service.property(space, "Lockspace", "State") == "held"
    assert worker.poll() is None
    worker.kill()
    wait_removed(service, full_path(space))
    assert host_lease(service, storage) == 0
    assert inspect_resource(service, storage)["state"] == "free"


def hold_and_end(service, logind, storage, make_worker):
    """bailiffd is to end in a shutdown of the host, while this worker holds a lease."""
    make_space(service, storage)
    worker = make_worker("signal.signal(signal.SIGINT, signal.SIG_DFL)")
    registration = register(service, worker, failure_policy=policy(("signal", 30, "INT"), ("kill", 0)))
    acquire(service, registration, lease(storage))
    prepare_for_shutdown(service, logind)
    poll_until(lambda: "The host shuts down" in service.log(), "the log to say that the host shuts down")
    service.daemon.expected_to_end = True
    os.kill(service.daemon.pid, signal.SIGTERM)
    return worker


def test_sigterm_then_waits_for_the_users(service, logind, storage, make_worker):
    """systemd ends who uses leases as it ends bailiffd: no failure policy is walked meanwhile."""
    worker = hold_and_end(service, logind, storage, make_worker)
    poll_until(lambda: f"waiting for the end of who holds leases: worker (process {worker.pid}): space/thing"
               in service.log(), "the log to say who is waited for")
    # It goes on as before.
    service.wait_for_property(SPACE, "Lockspace", "State", "held")
    assert worker.poll() is None
    worker.terminate()
    assert worker.wait(LIMIT) == -signal.SIGTERM
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")
    service.start_daemon()
    assert host_lease(service, storage) == 0
    assert inspect_resource(service, storage)["state"] == "free"


def test_a_second_lockspace_of_one_who_releases(service, logind, make_storage, worker):
    paths = [make_storage(), make_storage()]
    spaces = [make_space(service, path, name) for path, name in zip(paths, ("a", "b"))]
    registration = register(service, worker)
    held = acquire(service, registration, *[lease(path, lockspace=name) for path, name in zip(paths, ("a", "b"))])
    prepare_for_shutdown(service, logind)
    poll_until(lambda: "The host shuts down" in service.log(), "the log to say that the host shuts down")
    release(service, registration, held[0])
    wait_removed(service, spaces[0])
    assert service.property(spaces[1], "Lockspace", "State") == "held"
    service.call(registration, "Registration", "Release", "(aoa{sv})", [], {})
    wait_removed(service, spaces[1])


def test_a_shutdown_that_is_called_off(service, logind, storage):
    space = make_space(service, storage)
    generation = service.property(space, "Lockspace", "Generation")
    prepare_for_shutdown(service, logind)
    wait_removed(service, space)
    seen = len(service.signals)
    prepare_for_shutdown(service, logind, False)
    service.wait_for_signal("InterfacesAdded", since=seen, matches=lambda arguments: arguments[0] == space)
    wait_held(service)
    assert service.property(space, "Lockspace", "Generation") == generation + 1
    wait_for_inhibitors(service, logind, [OURS])


def test_a_daemon_that_starts_meanwhile(service, storage):
    """The signal was sent before; the property tells. What is joined now is left again."""
    logind = MockedLogind(service)
    try:
        service.call(logind.main, MOCK, "UpdateProperties", "(sa{sv})", MANAGER,
                     {"PreparingForShutdown": GLib.Variant("b", True)})
        service.kill_daemon(signal.SIGTERM)
        service.start_daemon()
        poll_until(lambda: "The host shuts down" in service.log(), "the log to say that the host shuts down")
        format_lockspace(service, storage)
        space = service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "space", storage, 0, 1, {})
        wait_removed(service, space)
    finally:
        logind.vanish()


def test_no_patience_without_end(service, logind, storage, make_worker):
    """Nobody ends it: after a time that is longer than systemd's own its failure policy is walked."""
    worker = hold_and_end(service, logind, storage, make_worker)
    assert worker.wait(PATIENCE + LIMIT) == -signal.SIGINT
    assert "still leases are held: worker" in service.log()
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")


def test_without_logind_as_before(service, storage, make_worker):
    make_space(service, storage)
    worker = make_worker("signal.signal(signal.SIGINT, signal.SIG_DFL)")
    registration = register(service, worker, failure_policy=policy(("signal", 30, "INT"), ("kill", 0)))
    acquire(service, registration, lease(storage))
    service.kill_daemon(signal.SIGTERM)
    assert worker.wait(LIMIT) == -signal.SIGINT
    assert "CRITICAL" not in service.log()
