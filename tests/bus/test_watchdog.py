# SPDX-License-Identifier: LGPL-2.1-or-later
"""The watchdog behind the daemon: a device that takes all system calls and resets nothing, and Debian's wdmd on it."""

import pathlib
import re

import pytest

import open_metrics
from ctl import ctl
from lease_calls import (SPACE, acquire, begin_join, check_two_lines, end_worker, fails_with, format_lockspace, join,
                         lease, leave, make_space, policy, register, release)
from main_loop import poll_until
from sealed_files import reseal
from stopped_thread import StoppedThread
from successors import WAYS
from watchdogs import SECOND, NoSuchWatchdog, boottime, pseudo_device, real_wdmd

# The window of a reset, counted from the fail deadline, and what a device's timer does on top.
EARLIEST, LATEST = 50 * SECOND, 56 * SECOND
# When others may take over.
FREE = 60 * SECOND


@pytest.fixture
def make_device():
    """make_device(*settings)"""
    contexts = []

    def make(*settings):
        try:
            context = pseudo_device(*settings)
            device = context.__enter__()
        except NoSuchWatchdog as reason:
            pytest.skip(str(reason))
        contexts.append(context)
        return device
    yield make
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture
def device(make_device):
    return make_device()


@pytest.fixture
def start(make_service, tmp_path):
    """start(text): a bailiffd with this group [watchdog]."""
    def make(text):
        config = tmp_path / "bailiffd.conf"
        config.write_text(f"[watchdog]\n{text}\n")
        return make_service(f"--config {config}")
    return make


def with_device(start, device):
    return start(f"type=device\ndevice={device.path}")


def state(service):
    return service.property("Manager", "Manager", "WatchdogState")


def description(service):
    return service.property("Manager", "Manager", "WatchdogDescription")


def wait_for_state(service, wanted):
    service.wait_for_property("Manager", "Manager", "WatchdogState", wanted)


def hold(service, path, worker, *steps):
    """Joined, and held by a worker with this policy."""
    make_space(service, path)
    registration = register(service, worker, failure_policy=policy(*steps))
    acquire(service, registration, lease(path))
    return registration


def fires_in_window_of(device, fail):
    return fail + EARLIEST <= device.fires_at() <= fail + LATEST


def fires_in_full(device):
    return device.fires_at() > boottime() + 50 * SECOND


def test_none_is_said_loudly(make_service, storage):
    service = make_service()
    assert state(service) == "disarmed"
    check_two_lines(description(service))
    make_space(service, storage)
    assert "No watchdog is configured" in service.log()
    shown = ctl(service, "status").stdout
    assert "watchdog disarmed" in shown and "No watchdog is configured" in shown and "[watchdog]" in shown
    families = open_metrics.parse(service.call("Manager", "Manager", "GetMetrics", "(a{sv})", {}))
    assert families["bailiff_watchdog"].samples


def test_armed_while_joined(start, device, storage):
    service = with_device(start, device)
    assert state(service) == "idle"
    assert not device.count("open")
    make_space(service, storage)
    wait_for_state(service, "armed")
    poll_until(lambda: "Pseudo watchdog" in description(service), "the device's identity")
    assert fires_in_full(device)
    shown = ctl(service, "status").stdout
    assert "watchdog armed" in shown and device.path in shown
    drill = service.call(SPACE, "Lockspace", "Drill", "(a{sv})", {})
    assert not [event for event in drill if "no watchdog" in event["text"]]
    leave(service)
    wait_for_state(service, "idle")
    device.wait_for("stop")
    assert not device.count("unclean", "fire", "busy")


def test_not_opened_before_the_storage_is_there(start, device, tmp_path):
    """A record may wait for its storage for days, and tries again and again."""
    service = with_device(start, device)
    begin_join(service, str(tmp_path / "not-attached"))
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert "no storage" in service.property(SPACE, "Lockspace", "Reason")
    assert not device.count("open") and state(service) == "idle"


def test_cleared_in_time(start, device, hanging_storage, make_storage, make_worker):
    """One lockspace fails, and who held leases there is killed: it is fed on for the other one."""
    service = with_device(start, device)
    other = make_storage()
    format_lockspace(service, other, name="other")
    join(service, other, name="other", host_id=1)
    hold(service, hanging_storage.path, make_worker(), ("kill", 0))
    hanging_storage.hang()
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    wait_for_state(service, "armed")
    poll_until(lambda: fires_in_full(device), "a full feed")
    hanging_storage.resume()
    leave(service, "lockspaces/other")
    device.wait_for("stop")
    assert not device.count("unclean", "fire")


def test_not_cleared_in_time(start, device, hanging_storage, make_worker):
    """It is set to the deadline; and when they are gone after all, stopped."""
    service = with_device(start, device)
    worker = make_worker("signal.signal(signal.SIGUSR1, signal.SIG_IGN)")
    hold(service, hanging_storage.path, worker, ("signal", 40, "USR1"), ("kill", 0))
    hanging_storage.fail()
    wait_for_state(service, "firing")
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    fail = service.property(SPACE, "Lockspace", "FailAtUsec")
    poll_until(lambda: fires_in_window_of(device, fail), "a timer that is set to the deadline")
    assert "50 to 60 seconds after the fail deadline" in service.log()
    # Nothing that happens meanwhile puts it off.
    assert not service.property(SPACE, "Lockspace", "State") == "lost"
    # Set to less each second: who is killed leaves no more than what is left.
    shown = device.timeout()
    poll_until(lambda: device.timeout() < shown - 1, "less than before")
    assert fires_in_window_of(device, fail)
    end_worker(worker)
    device.wait_for("stop")
    wait_for_state(service, "idle")
    assert not device.count("fire", "unclean")


# A thread that waits for storage which hangs: nothing ends its process before that answers.
WAITS = """
import mmap, os, threading
def wait():
    os.preadv(os.open({path!r}, os.O_RDONLY | os.O_DIRECT), [mmap.mmap(-1, 4096)], 8 << 20)
threading.Thread(target=wait, daemon=True).start()
"""


def make_overdue(service, ago):
    """What is left of a daemon that was killed: its lockspace fails for that long. The fail deadline."""
    record = pathlib.Path(service.directory, "run/lockspaces/n-space")
    fail = boottime() - ago
    text = record.read_bytes().replace(b"State=held", b"State=failing")
    record.write_bytes(reseal(re.sub(rb"FailAtUsec=\d+", b"FailAtUsec=%d" % fail, text)))
    return fail


@pytest.mark.parametrize("way", WAYS)
def test_successors_do_not_put_it_off(start, device, storage, hanging_storage, make_worker, way):
    """One follows another, each as soon as it is there, until the reset comes: in time."""
    service = with_device(start, device)
    hanging_storage.hang(90)
    hold(service, storage, make_worker(WAITS.format(path=hanging_storage.path)), ("kill", 0))
    service.kill_daemon()
    fail = make_overdue(service, 38 * SECOND)
    service.start_daemon()
    while not device.count("fire") and boottime() < fail + FREE:
        WAYS[way](service)
        wait_for_state(service, "firing")
    hanging_storage.resume()
    fired = [when for when, name, _ in device.events() if name == "fire"]
    assert fired and fail + EARLIEST <= fired[0] <= fail + FREE


def test_ignored_is_no_reason(start, device, hanging_storage, make_worker):
    service = with_device(start, device)
    worker = make_worker()
    hold(service, hanging_storage.path, worker, ("ignore", 0))
    hanging_storage.fail()
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    wait_for_state(service, "armed")
    poll_until(lambda: fires_in_full(device), "a full feed")
    assert worker.poll() is None
    assert "resets this host" not in service.log()
    end_worker(worker)
    device.wait_for("stop")


def test_the_main_loop_stands_still(start, device, storage, make_worker):
    service = with_device(start, device)
    hold(service, storage, make_worker(), ("kill", 0))
    with StoppedThread(service.daemon.pid):
        # Fed at first, as long as the lease is good; then set to the deadline. Nobody tells it to.
        poll_until(lambda: not fires_in_full(device), "a timer that counts down")
        fires = device.fires_at()
        assert fires <= boottime() + LATEST
    # It goes on: the lease is lost, the worker is killed, and the watchdog stopped.
    device.wait_for("stop")
    assert not device.count("fire", "unclean")


def test_killed_and_started_again(start, device, storage, make_worker):
    """What kill -9 leaves is armed; the next bailiffd takes over the leases, and feeds."""
    service = with_device(start, device)
    worker = make_worker()
    registration = hold(service, storage, worker, ("kill", 0))
    service.kill_daemon()
    device.wait_for("unclean")
    assert not device.count("magic")
    assert device.fires_at() > boottime()
    service.start_daemon()
    service.wait_for_property(SPACE, "Lockspace", "State", "held")
    wait_for_state(service, "armed")
    poll_until(lambda: fires_in_full(device), "a full feed")
    assert worker.poll() is None
    release(service, registration)
    leave(service)
    device.wait_for("stop")
    assert not device.count("fire")


def reexecute(service):
    """The same process, with the same descriptors."""
    service.reexecute()
    service.wait_for_property(SPACE, "Lockspace", "State", "held")


def test_executed_anew(start, device, storage, make_worker):
    service = with_device(start, device)
    worker = make_worker()
    hold(service, storage, worker, ("kill", 0))
    for _ in range(2):
        reexecute(service)
        wait_for_state(service, "armed")
    assert worker.poll() is None and not service.daemon.ended
    poll_until(lambda: fires_in_full(device), "a full feed")
    end_worker(worker)
    leave(service)
    device.wait_for("stop")
    assert device.count("open") == 1 and not device.count("unclean", "fire")


@pytest.mark.parametrize("settings, reason", [
    (["fixed=30"], "says 30"),
    (["busy=1"], "is in use"),
    (["options=0"], "cannot be trusted"),
])
def test_a_device_that_is_refused(start, make_device, storage, settings, reason):
    device = make_device(*settings)
    service = with_device(start, device)
    format_lockspace(service, storage)
    begin_join(service, storage)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    why = service.property(SPACE, "Lockspace", "Reason")
    check_two_lines(why)
    assert reason in why
    wait_for_state(service, "failed")
    assert description(service) == why
    assert not device.count("unclean")


def test_no_device(start, storage):
    service = start("type=device\ndevice=/dev/bailiff-has-none")
    # Before anything is joined: on the day of the first join it would be too late to see to it.
    assert state(service) == "failed"
    check_two_lines(description(service))
    assert "There is no watchdog device /dev/bailiff-has-none" in service.log()
    shown = ctl(service, "status").stdout
    assert "watchdog failed" in shown and "no watchdog device /dev/bailiff-has-none" in shown
    families = open_metrics.parse(service.call("Manager", "Manager", "GetMetrics", "(a{sv})", {}))
    assert open_metrics.value(families, "bailiff_watchdog", state="failed") == 1
    format_lockspace(service, storage)
    begin_join(service, storage)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    why = service.property(SPACE, "Lockspace", "Reason")
    assert "no watchdog device /dev/bailiff-has-none" in why and "counts from the next start" in why


def test_a_device_that_comes_later(start, tmp_path):
    path = tmp_path / "watchdog"
    service = start(f"type=device\ndevice={path}")
    assert state(service) == "failed"
    path.touch()
    wait_for_state(service, "idle")
    poll_until(lambda: "can be had by now" in service.log(), "what the log says of it")


def test_no_wdmd(start, tmp_path):
    service = start(f"type=wdmd\nsocket={tmp_path}/wdmd.sock")
    assert state(service) == "failed"
    assert "wdmd does not run" in description(service)


# Debian's wdmd

@pytest.fixture
def wdmd(device):
    try:
        with real_wdmd(device) as process:
            yield process
    except NoSuchWatchdog as reason:
        pytest.skip(str(reason))


def test_wdmd(start, wdmd, storage):
    service = start(f"type=wdmd\nsocket={wdmd.socket}")
    assert state(service) == "idle"
    format_lockspace(service, storage)
    with fails_with("InvalidArgument", "8 x 1 = 8 s"):
        begin_join(service, storage, io_timeout=1)
    join(service, storage, io_timeout=2)
    assert "8 x 2 = 16 s" in service.log()
    wait_for_state(service, "armed")
    assert wdmd.socket in description(service)
    wdmd.wait_for("bailiff space")
    wdmd.wait_for("test_live ci")
    first = wdmd.log().count("test_live ci")
    poll_until(lambda: wdmd.log().count("test_live ci") > first, "a second renewal at wdmd")
    leave(service)
    wdmd.wait_for("renewal 0 expire 0")
    wait_for_state(service, "idle")


def test_wdmd_outlives_a_crash(start, device, wdmd, storage, make_worker):
    """A client that is gone without having said that it is safe is a reason for wdmd not to feed any more."""
    service = start(f"type=wdmd\nsocket={wdmd.socket}")
    make_space(service, storage, io_timeout=2)
    registration = register(service, make_worker())
    acquire(service, registration, lease(storage))
    service.kill_daemon()
    wdmd.wait_for("client dead")
    device.wait_for("unclean")
    assert device.fires_at() > boottime()


def test_wdmd_and_another_program(start, device, wdmd, storage):
    """To wdmd it is the same client, which goes on; a client that another process follows would be none."""
    service = start(f"type=wdmd\nsocket={wdmd.socket}")
    make_space(service, storage, io_timeout=2)
    reexecute(service)
    wait_for_state(service, "armed")
    told = wdmd.log().count("test_live ci")
    poll_until(lambda: wdmd.log().count("test_live ci") > told, "a renewal at wdmd")
    assert wdmd.log().count("register ci") == 1
    assert "client dead" not in wdmd.log()
    with fails_with("Unsupported", "wdmd would reset this host"):
        service.call("Manager", "Manager", "HandOver", "(a{sv})", {})
    leave(service)
    wdmd.wait_for("renewal 0 expire 0")
    assert not device.count("unclean")


def test_join_without_wdmd(start, storage, tmp_path):
    service = start(f"type=wdmd\nsocket={tmp_path}/none.sock")
    format_lockspace(service, storage)
    begin_join(service, storage, io_timeout=3)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert "wdmd does not run" in service.property(SPACE, "Lockspace", "Reason")
