# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lockspace of which nothing can be read: what stands behind those who are stopped for it. The deadline is assumed, the
last kill needs no main loop, and a watchdog is not fed past it."""

import pathlib
import re
import signal

import pytest

import open_metrics
from ctl import ctl
from lease_calls import (IGNORE_TERM, SPACE, acquire, end_worker, fails_with, format_lockspace, format_resource, join,
                         lease, leave, policy, register, release, unregister, wait_by_asking, wait_ended)
from main_loop import poll_until
from sealed_files import damage, reseal
from stopped_thread import StoppedThread
from watchdogs import SECOND, boottime

# Counted from the fail deadline: the last kill; and the window of a reset, with what a device's timer does on top.
LAST_KILL, EARLIEST, LATEST = 40 * SECOND, 50 * SECOND, 56 * SECOND
# Is asked for long enough to be seen, and harms nobody.
SLOW = policy(("notify", 39), ("kill", 0))


@pytest.fixture
def watched(make_service, make_storage, device, tmp_path):
    """A daemon with that watchdog, and the lockspaces `space` and `other`, each with a resource."""
    config = tmp_path / "bailiffd.conf"
    config.write_text(f"[watchdog]\ntype=device\ndevice={device.path}\n")
    service = make_service(f"--config {config}")
    service.places = {name: make_storage() for name in ("space", "other")}
    for name, path in service.places.items():
        format_lockspace(service, path, name=name)
        format_resource(service, path, lockspace=name)
        join(service, path, name=name)
    return service


def runtime_file(host, *parts):
    return pathlib.Path(host.directory, "run", *parts)


def assume_free_at(host, when):
    """What is written down beside: from then on another host may have what was held."""
    past = runtime_file(host, "past", "1-space")
    past.write_bytes(reseal(re.sub(rb"DoubtFromUsec=\d+", b"DoubtFromUsec=%d" % when, past.read_bytes())))


def forsaken(service):
    return service.property("Manager", "Manager", "ForsakenLockspaces")


@pytest.mark.parametrize("what", ["lockspaces/n-space", "resources/n-space/n-thing"])
def test_watchdog_is_not_fed_past_it(watched, device, make_worker, what):
    """Another lockspace is as fresh as can be."""
    worker = make_worker()
    registration = register(watched, worker, failure_policy=SLOW)
    acquire(watched, registration, lease(watched.places["space"]))
    acquire(watched, register(watched, make_worker(), "in-the-other"), lease(watched.places["other"], lockspace="other"))
    watched.kill_daemon()
    damage(runtime_file(watched, *what.split("/")))
    fires = None
    before = boottime()
    for _ in range(2):  # who follows after a crash knows it, too
        watched.start_daemon()
        assert forsaken(watched) == ["space"]
        watched.wait_for_property("Manager", "Manager", "WatchdogState", "firing")
        poll_until(lambda: before + EARLIEST - 20 * SECOND <= device.fires_at() <= boottime() + LATEST,
                   "a timer that is set to the deadline")
        # It follows from the last renewal before the end, or is the moment of the first start.
        assert fires is None or abs(device.fires_at() - fires) <= 2 * SECOND
        fires = device.fires_at()
        watched.wait_for_property("lockspaces/other", "Lockspace", "State", "held")
        last = watched.property("lockspaces/other", "Lockspace", "LastRenewalUsec")
        wait_by_asking(watched, lambda: watched.property("lockspaces/other", "Lockspace", "LastRenewalUsec") > last,
                       "a renewal of the other one")
        assert device.fires_at() <= fires + SECOND
        assert worker.poll() is None
        watched.kill_daemon()
    watched.start_daemon()
    shown = ctl(watched, "status").stdout
    assert "space" in shown and "watchdog firing" in shown
    families = open_metrics.parse(watched.call("Manager", "Manager", "GetMetrics", "(a{sv})", {}))
    assert list(families["bailiff_forsaken_users"].samples.values()) == [1]
    end_worker(worker)
    watched.wait_for_property("Manager", "Manager", "WatchdogState", "armed")
    poll_until(lambda: device.fires_at() > boottime() + 50 * SECOND, "a full feed")
    assert forsaken(watched) == []
    assert not runtime_file(watched, *what.split("/")).exists()
    join(watched, watched.places["space"])
    assert not device.count("fire")


def test_last_kill_needs_no_main_loop(watched, device, make_worker):
    """The deadline is as it is written down beside; the policy would wait for longer than that."""
    worker = make_worker(IGNORE_TERM)
    acquire(watched, register(watched, worker, failure_policy=SLOW), lease(watched.places["space"]))
    watched.kill_daemon()
    damage(runtime_file(watched, "lockspaces", "n-space"))
    fail = boottime() - LAST_KILL + 8 * SECOND
    assume_free_at(watched, fail + 60 * SECOND)
    watched.start_daemon()
    with StoppedThread(watched.daemon.pid):
        assert worker.wait(60) == -signal.SIGKILL
        assert boottime() >= fail + 39 * SECOND
    watched.wait_for_property("Manager", "Manager", "ForsakenLockspaces", [])


@pytest.mark.parametrize("past", ["gone", "damaged"])
def test_nothing_is_known(host, space, make_worker, past):
    """Then another host may have the lease already: all is overdue, and no grace is given."""
    worker = make_worker(IGNORE_TERM)
    acquire(host, register(host, worker, failure_policy=SLOW), lease(space))
    host.kill_daemon()
    damage(runtime_file(host, "lockspaces", "n-space"))
    if past == "gone":
        runtime_file(host, "past", "1-space").unlink()
    else:
        damage(runtime_file(host, "past", "1-space"))
    start = boottime()
    host.start_daemon()
    assert wait_ended(host, worker) == -signal.SIGKILL
    assert boottime() < start + 39 * SECOND
    assert "lockspace space" in host.log().replace("Lockspace", "lockspace")


def test_only_its_end_is_enough(host, space, make_storage, make_worker):
    """It lets go of a lease elsewhere, and is unregistered: neither says anything of what it holds in `space`."""
    elsewhere = make_storage()
    format_lockspace(host, elsewhere, name="other")
    format_resource(host, elsewhere, lockspace="other")
    join(host, elsewhere, name="other")
    worker = make_worker()
    registration = register(host, worker, failure_policy=SLOW)
    acquire(host, registration, lease(space), lease(elsewhere, lockspace="other"))
    host.kill_daemon()
    damage(runtime_file(host, "lockspaces", "n-space"))
    host.start_daemon()
    assert host.property(registration, "Registration", "State") == "failing"
    host.wait_for_property("lockspaces/other", "Lockspace", "State", "held")
    with fails_with("Busy", "worker"):
        join(host, space)
    release(host, registration)
    with fails_with("Busy", "being stopped"):
        unregister(host, registration)
    assert host.property(registration, "Registration", "State") == "failing"
    with fails_with("Busy", "worker"):
        join(host, space)
    end_worker(worker)
    host.wait_for_property("Manager", "Manager", "ForsakenLockspaces", [])
    join(host, space)
    assert host.property(SPACE, "Lockspace", "Generation") == 2


def test_somebody_unknown_may_be_one_of_them(watched, device, make_worker):
    """Until it is made sure that he is not."""
    worker = make_worker()
    registration = register(watched, worker, failure_policy=SLOW)
    acquire(watched, registration, lease(watched.places["space"]))
    record = runtime_file(watched, "held", registration.rsplit("/", 1)[1])
    leave(watched, "lockspaces/other")
    watched.kill_daemon()
    damage(runtime_file(watched, "lockspaces", "n-space"))
    damage(record)
    watched.start_daemon()
    watched.wait_for_property("Manager", "Manager", "WatchdogState", "firing")
    with fails_with("Busy", str(record)):
        join(watched, watched.places["space"])
    assert worker.poll() is None
    end_worker(worker)
    assert forsaken(watched) == ["space"]
    record.unlink()
    wait_by_asking(watched, lambda: forsaken(watched) == [], "nobody who may use it")
    watched.wait_for_property("Manager", "Manager", "WatchdogState", "idle")
    device.wait_for("stop")
    join(watched, watched.places["space"])
    assert not device.count("fire")


def test_what_cannot_be_seen_for_now_was_not_removed(watched, device, make_worker):
    """Nobody has made sure of anything by that."""
    worker = make_worker()
    registration = register(watched, worker, failure_policy=SLOW)
    acquire(watched, registration, lease(watched.places["space"]))
    leave(watched, "lockspaces/other")
    watched.kill_daemon()
    damage(runtime_file(watched, "lockspaces", "n-space"))
    record = runtime_file(watched, "held", registration.rsplit("/", 1)[1])
    damage(record)
    watched.start_daemon()
    watched.wait_for_property("Manager", "Manager", "WatchdogState", "firing")
    aside = record.parent.with_name("aside")
    record.parent.rename(aside)
    record.parent.symlink_to("held")  # no error that tells that a file is not there
    begin = boottime()
    wait_by_asking(watched, lambda: boottime() > begin + 5 * SECOND or forsaken(watched) == [], "two looks")
    assert forsaken(watched) == ["space"]
    assert watched.property("Manager", "Manager", "WatchdogState") == "firing"
    assert runtime_file(watched, "lockspaces", "n-space").exists()
    record.parent.unlink()
    aside.rename(record.parent)
    record.unlink()
    wait_by_asking(watched, lambda: forsaken(watched) == [], "nobody who may use it")
    end_worker(worker)


@pytest.mark.parametrize("what", [["lockspaces"], ["lockspaces", "resources"], ["resources"], ["resources/n-space"]])
def test_directory_that_cannot_be_listed(host, space, make_worker, what):
    """It is no empty one: who was given leases is stopped, and who was not is left alone."""
    worker, other = make_worker(), make_worker()
    acquire(host, register(host, worker), lease(space))
    registration = register(host, other, "other")
    host.kill_daemon()
    for name in what:
        directory = runtime_file(host, name)
        directory.rename(runtime_file(host, name.replace("/", "-") + "-aside"))
        directory.symlink_to(directory.name)
    host.start_daemon()
    assert wait_ended(host, worker) is not None
    assert host.property(registration, "Registration", "State") == "active"
    assert other.poll() is None


def test_end_of_the_daemon_waits_for_them(host, space, make_worker):
    worker = make_worker(IGNORE_TERM)
    acquire(host, register(host, worker, failure_policy=policy(("notify", 2), ("kill", 0))), lease(space))
    host.kill_daemon()
    damage(runtime_file(host, "lockspaces", "n-space"))
    host.start_daemon()
    host.kill_daemon(signal.SIGTERM)
    assert worker.poll() is not None or worker.wait(10) == -signal.SIGKILL
    assert not runtime_file(host, "lockspaces", "n-space").exists()
