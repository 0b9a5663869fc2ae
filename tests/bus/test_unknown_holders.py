# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who holds a resource is written down, and who that is cannot be read: he may be using it. Until somebody has removed
what cannot be read, nobody takes the lease over, and nothing calls a failed lockspace harmless."""

import pathlib
import signal

import pytest

from lease_calls import (MIB, SPACE, acquire, end_worker, fails_with, format_lockspace, format_resource,
                         inspect_resource, join, leave, lease, register, release, wait_by_asking, wait_removed)
from private_service import options
from sealed_files import damage
from watchdogs import SECOND, boottime

THING = "lockspaces/space/resources/thing"
# Counted from the fail deadline: the window of a reset, with what a device's timer does on top.
EARLIEST, LATEST = 50 * SECOND, 56 * SECOND
SHARED = {"mode": ("s", "shared")}
PERSISTENT = {"persistent": ("b", True)}


def make_unreadable(host, registration, how="damaged"):
    """The daemon is killed, and the next one started. The record's path."""
    record = pathlib.Path(host.directory, "run", "held", registration.rsplit("/", 1)[1])
    host.kill_daemon()
    if how == "missing":
        record.unlink()
    else:
        damage(record)
    host.start_daemon()
    return record


def wait_taken_over(host):
    state = host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state != "late")
    assert state == "held", host.property(SPACE, "Lockspace", "Reason")


def wait_on_disk(host, path, state, offset=MIB):
    wait_by_asking(host, lambda: inspect_resource(host, path, offset)["state"] == state, f"a resource that is {state}")


def refuses_everything(host, space, record, make_worker):
    other = register(host, make_worker(), f"other-{boottime()}")
    with fails_with("Busy", str(record)):
        host.call(THING, "Resource", "Release", "(a{sv})", {})
    with fails_with("Busy", str(record)):
        host.call(THING, "Resource", "Release", "(a{sv})", options(rename=("s", "elsewhere")))
    with fails_with("Busy", str(record)):
        host.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {})
    with fails_with("Busy", str(record)):
        host.call(THING, "Resource", "Convert", "(sa{sv})", "shared", {})
    with fails_with("Busy", str(record)):
        acquire(host, other, lease(space, adopt=("b", True)))
    with fails_with("Held", str(record)):
        acquire(host, other, lease(space))
    with fails_with("Busy", str(record)):
        leave(host)
    assert inspect_resource(host, space)["state"] == "held"


def acquire_for(host, space, worker, *offset_and_name, **given):
    registration = register(host, worker, f"worker-{worker.pid}")
    acquire(host, registration, lease(space, *offset_and_name, **given))
    return registration


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_nobody_takes_it_over(host, space, make_worker, how):
    """Neither when that daemon crashes, too."""
    worker = make_worker()
    record = make_unreadable(host, acquire_for(host, space, worker), how)
    for _ in range(2):
        wait_taken_over(host)
        assert host.property(THING, "Resource", "Orphan")
        refuses_everything(host, space, record, make_worker)
        host.kill_daemon()
        host.start_daemon()
    wait_taken_over(host)
    assert worker.poll() is None and record.exists()
    end_worker(worker)
    record.unlink()
    wait_on_disk(host, space, "free")
    acquire(host, register(host, make_worker()), lease(space))


def test_persistent_one_is_an_orphan_then(host, space, make_worker):
    """What was an orphan before stays what it was."""
    gone, unknown = make_worker(), make_worker()
    registration = acquire_for(host, space, gone, 2 * MIB, "second", **PERSISTENT)
    end_worker(gone)
    wait_removed(host, registration)
    record = make_unreadable(host, acquire_for(host, space, unknown, **PERSISTENT))
    wait_taken_over(host)
    host.call(f"{SPACE}/resources/second", "Resource", "Release", "(a{sv})", {})
    with fails_with("Busy", str(record)):
        host.call(THING, "Resource", "Release", "(a{sv})", {})
    record.unlink()
    wait_by_asking(host, lambda: "not used by anybody unknown" in host.log(), "an orphan like any other")
    assert inspect_resource(host, space)["state"] == "held"
    assert host.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {}) == 1
    wait_on_disk(host, space, "free")


def test_record_that_can_be_read_again(host, space, make_worker):
    """As when an earlier version of bailiffd has run for a while."""
    registration = acquire_for(host, space, make_worker())
    record = pathlib.Path(host.directory, "run", "held", registration.rsplit("/", 1)[1])
    text = record.read_bytes()
    make_unreadable(host, registration)
    wait_taken_over(host)
    host.kill_daemon()
    record.write_bytes(text)
    host.start_daemon()
    wait_taken_over(host)
    assert not host.property(THING, "Resource", "Orphan")
    assert host.property(THING, "Resource", "Registrations") == [registration]
    release(host, registration)
    wait_on_disk(host, space, "free")


def test_who_shares_it_goes_on(host, space, make_worker):
    """His letting go of it gives nothing back, also not after another crash."""
    known = acquire_for(host, space, make_worker(), **SHARED)
    record = make_unreadable(host, acquire_for(host, space, make_worker(), **SHARED))
    wait_taken_over(host)
    assert host.property(THING, "Resource", "Registrations") == [known]
    assert host.property(known, "Registration", "State") == "active"
    with fails_with("Busy", str(record)):
        host.call(THING, "Resource", "Convert", "(sa{sv})", "exclusive", {})
    release(host, known)
    assert host.property(THING, "Resource", "Orphan")
    assert inspect_resource(host, space)["state"] == "shared"
    # What is written down of the resource anew names the other one still.
    host.kill_daemon()
    host.start_daemon()
    wait_taken_over(host)
    with fails_with("Busy", str(record)):
        host.call(THING, "Resource", "Release", "(a{sv})", {})
    record.unlink()
    wait_on_disk(host, space, "free")


@pytest.fixture
def watched(make_service, hanging_storage, device, tmp_path):
    config = tmp_path / "bailiffd.conf"
    config.write_text(f"[watchdog]\ntype=device\ndevice={device.path}\n")
    service = make_service(f"--config {config}")
    format_lockspace(service, hanging_storage.path)
    format_resource(service, hanging_storage.path)
    join(service, hanging_storage.path)
    return service


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_watchdog_is_not_fed_past_the_failure(watched, hanging_storage, device, make_worker, how):
    """He cannot be stopped: the host is, unless somebody says in time that he does not run."""
    record = make_unreadable(watched, acquire_for(watched, hanging_storage.path, make_worker()), how)
    wait_taken_over(watched)
    hanging_storage.fail()
    watched.wait_for_property(SPACE, "Lockspace", "State", "failing")
    fail = watched.property(SPACE, "Lockspace", "FailAtUsec")
    for _ in range(2):  # who follows after a crash knows it, too
        watched.wait_for_property("Manager", "Manager", "WatchdogState", "firing")
        wait_by_asking(watched, lambda: fail + EARLIEST <= device.fires_at() <= fail + LATEST,
                       "a timer that is set to the deadline")
        assert watched.property(SPACE, "Lockspace", "State") == "failing"
        with fails_with("AlreadyExists"):
            join(watched, hanging_storage.path)
        with fails_with("Busy", str(record)):
            leave(watched, force=("b", True))
        with fails_with("Busy", str(record)):
            watched.call(THING, "Resource", "Release", "(a{sv})", {})
        watched.kill_daemon()
        watched.start_daemon()
    assert str(record) in watched.log()
    watched.wait_for_property(SPACE, "Lockspace", "State", "failing")
    record.unlink()
    watched.wait_for_property(SPACE, "Lockspace", "State", "lost")
    watched.wait_for_property("Manager", "Manager", "WatchdogState", "idle")
    assert not device.count("fire")


def test_orphan_from_before_is_left_as_it_was(watched, hanging_storage, device, make_worker):
    """Nobody is known to have ended, and nobody unknown to hold it."""
    gone = make_worker()
    registration = acquire_for(watched, hanging_storage.path, gone, **PERSISTENT)
    other = register(watched, make_worker(), "without")
    end_worker(gone)
    wait_removed(watched, registration)
    make_unreadable(watched, other)
    wait_taken_over(watched)
    hanging_storage.fail()
    watched.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert not device.count("fire")


def test_end_of_the_daemon_leaves_it_guarded(watched, hanging_storage, device, make_worker):
    """As if it were killed: nobody would wait for who has to look."""
    record = make_unreadable(watched, acquire_for(watched, hanging_storage.path, make_worker()))
    wait_taken_over(watched)
    watched.wait_for_property("Manager", "Manager", "WatchdogState", "armed")
    watched.kill_daemon(signal.SIGTERM)
    assert not device.count("stop")
    watched.start_daemon()
    wait_by_asking(watched, lambda: watched.property(SPACE, "Lockspace", "State") == "leaving", "an unfinished leave")
    assert inspect_resource(watched, hanging_storage.path)["state"] == "held"
    record.unlink()
    wait_by_asking(watched, lambda: not any(path.endswith(SPACE) for path in watched.objects()), "the end of the leave")
    wait_on_disk(watched, hanging_storage.path, "free")
    device.wait_for("stop")
    join(watched, hanging_storage.path)


def test_stop_tells_who_may_run(host, space, make_worker):
    """He is nobody who has left an orphan: of that one somebody has seen the end."""
    record = make_unreadable(host, acquire_for(host, space, make_worker()))
    wait_taken_over(host)
    with fails_with("Busy", f"{record} is about (resource thing), which cannot be read"):
        host.call("Manager", "Manager", "Stop", "(a{sv})", {})
    # Nor does force end the one that keeps other hosts from what he may use.
    with fails_with("Busy", str(record)):
        host.call("Manager", "Manager", "Stop", "(a{sv})", options(force=("b", True)))
    assert host.property(SPACE, "Lockspace", "State") == "held"


def test_leaving_by_force_stops_those_who_are_known(host, space, make_worker):
    known = make_worker()
    acquire_for(host, space, known, 2 * MIB, "second")
    record = make_unreadable(host, acquire_for(host, space, make_worker()))
    wait_taken_over(host)
    with fails_with("Busy", str(record)):
        leave(host, force=("b", True))
    assert known.wait(60) == -signal.SIGTERM
    assert inspect_resource(host, space)["state"] == "held"
    record.unlink()
    wait_by_asking(host, lambda: not any(path.endswith(SPACE) for path in host.objects()), "the end of the leave")
    assert inspect_resource(host, space)["state"] == "free"


def test_what_cannot_be_seen_for_now_was_not_removed(host, space, make_worker):
    """Nobody has made sure of anything by that."""
    registration = register(host, make_worker())
    acquire(host, registration, lease(space))
    record = make_unreadable(host, registration)
    wait_taken_over(host)
    aside = record.parent.with_name("aside")
    record.parent.rename(aside)
    record.parent.symlink_to("held")  # no error that tells that a file is not there
    begin = boottime()
    wait_by_asking(host, lambda: boottime() > begin + 5 * SECOND or inspect_resource(host, space)["state"] != "held", "two looks")
    record.parent.unlink()
    aside.rename(record.parent)
    refuses_everything(host, space, record, make_worker)


@pytest.mark.parametrize("instead", ["nothing", "another one"])
def test_runtime_directory_that_was_moved_away(host, space, make_worker, instead):
    """That is no removal of what lies in it: he still runs."""
    worker = make_worker()
    record = make_unreadable(host, acquire_for(host, space, worker))
    wait_taken_over(host)
    directory = pathlib.Path(host.directory, "run")
    directory.rename(directory.with_name("away"))
    if instead == "another one":
        (directory / "held").mkdir(parents=True)
    outcomes = "was replaced while bailiffd runs", "is not used by anybody unknown"
    wait_by_asking(host, lambda: any(outcome in host.log() for outcome in outcomes), "a look at that directory")
    assert outcomes[1] not in host.log()
    assert host.property(THING, "Resource", "Orphan")
    if instead == "another one":
        directory.rename(directory.with_name("another"))  # with what was written into it meanwhile
    directory.with_name("away").rename(directory)
    end_worker(worker)
    record.unlink()
    wait_on_disk(host, space, "free")
