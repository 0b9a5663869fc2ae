# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stop() and `bailiffctl stop`: refused while anybody holds leases, with who that is; and by force."""

import os
import signal

from ctl import ctl
from lease_calls import (MIB, acquire, end_worker, fails_with, inspect_lockspace, inspect_resource, lease, make_space,
                         policy, register, release, wait_removed)
from main_loop import LIMIT
from private_service import options


def stop(service, **given):
    service.daemon.expected_to_end = True
    service.call("Manager", "Manager", "Stop", "(a{sv})", options(**given))


def wait_gone(service):
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")


def hold(service, path, worker, name="worker", **given):
    registration = register(service, worker, name, **given)
    acquire(service, registration, lease(path))
    return registration


def test_without_leases(service, storage, worker):
    make_space(service, storage)
    register(service, worker)
    stop(service)
    wait_gone(service)
    assert worker.poll() is None
    assert "Shut down" in service.log()
    service.start_daemon()
    assert inspect_lockspace(service, storage)["hosts"][0]["timestamp"] == 0, "the host lease was not given back"


def test_refused_while_leases_are_held(service, storage, worker):
    make_space(service, storage)
    registration = hold(service, storage, worker)
    with fails_with("Busy", f"worker (process {worker.pid}): space/thing"):
        service.call("Manager", "Manager", "Stop", "(a{sv})", {})
    # Nothing has begun: leases are granted as before.
    release(service, registration)
    acquire(service, registration, lease(storage))
    assert "Shutting down" not in service.log()
    release(service, registration)
    stop(service)
    wait_gone(service)


def test_by_force(service, storage, make_worker):
    make_space(service, storage)
    worker = make_worker("signal.signal(signal.SIGINT, signal.SIG_DFL)")
    hold(service, storage, worker, failure_policy=policy(("signal", 30, "INT"), ("kill", 0)))
    stop(service, force=("b", True))
    assert worker.wait(LIMIT) == -signal.SIGINT
    wait_gone(service)
    service.start_daemon()
    assert inspect_resource(service, storage)["state"] == "free"


def test_who_asks_during_the_end_waits_for_it(service, storage, make_worker):
    make_space(service, storage)
    worker = make_worker("signal.signal(signal.SIGUSR1, signal.SIG_IGN)")
    registration = hold(service, storage, worker, failure_policy=policy(("signal", 30, "USR1"), ("kill", 0)))
    service.daemon.expected_to_end = True
    os.kill(service.daemon.pid, signal.SIGTERM)
    service.wait_for_signal("StepStarted", registration)
    asked = service.begin("Manager", "Manager", "Stop", "(a{sv})", {})
    with fails_with("Busy"):
        service.call("Manager", "Manager", "RegisterPid", "(usa{sv})", 0, "late", {})
    assert not asked.done
    worker.kill()
    asked.result()
    wait_gone(service)


def test_unknown_option(service):
    with fails_with("InvalidArgument"):
        service.call("Manager", "Manager", "Stop", "(a{sv})", options(hard=("b", True)))


def test_for_people(service, storage, worker):
    make_space(service, storage)
    hold(service, storage, worker, "database")
    assert f"database (process {worker.pid}): space/thing" in ctl(service, "stop", status=3).stderr
    service.daemon.expected_to_end = True
    ctl(service, "stop", "--force")
    worker.wait(LIMIT)
    assert not service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "(s)",
                            "org.bailiff.Bailiff1")
    wait_gone(service)
    assert "not running" in ctl(service, "stop", status=4).stderr


def test_holders_and_orphans_are_named_with_what_to_do_about_each(host, space, make_worker):
    worker, left = make_worker(), make_worker()
    first, second = register(host, left), register(host, worker)
    acquire(host, first, lease(space, persistent=("b", True)))
    acquire(host, second, lease(space, 2 * MIB, "second"))
    end_worker(left)
    wait_removed(host, first)
    said = ctl(host, "stop", status=3).stderr
    assert f"worker (process {worker.pid}): space/second; and for orphans: space/thing." in said
    assert "End those" in said and "release-orphans" in said


def test_orphans_keep_it_unless_forced(service, storage, worker):
    """What keeps them from other hosts are this host's renewals: who ends those is told what that means."""
    make_space(service, storage)
    registration = register(service, worker)
    resource, = acquire(service, registration, lease(storage, persistent=("b", True)))
    end_worker(worker)
    service.wait_for_property(resource, "Resource", "Orphan", True)
    wait_removed(service, registration)
    with fails_with("Busy", "orphans, leases whose holder has ended: space/thing"):
        service.call("Manager", "Manager", "Stop", "(a{sv})", {})
    assert "release-orphans" in ctl(service, "stop", status=3).stderr
    assert "Shutting down" not in service.log()

    service.daemon.expected_to_end = True
    said = ctl(service, "stop", "--force").stderr
    assert "stay on the storage: space/thing" in said and "--forget-orphans" in said
    wait_gone(service)
    service.start_daemon()
    assert inspect_resource(service, storage)["state"] == "held"
