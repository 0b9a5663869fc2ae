# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd keeps for bailiffd while that is started again: pidfds of registered processes, and the watchdog."""

import os
import pathlib
import re

import pytest

from descriptor_store import ServiceManager
from lease_calls import (MIB, SPACE, acquire, begin_join, end_worker, format_resource, inspect_resource, lease, leave,
                         make_space, policy, register, release, unregister, wait_by_asking, wait_ended)
from main_loop import poll_until
from private_service import SOURCE
from watchdogs import SECOND, boottime


@pytest.fixture
def systemd(tmp_path):
    manager = ServiceManager(tmp_path)
    yield manager
    manager.end()


@pytest.fixture
def host(make_service, systemd):
    """Started by this systemd."""
    service = make_service("none")
    systemd.start(service)
    return service


@pytest.fixture
def space(host, make_storage):
    return make_space(host, make_storage())


def pid_of(pidfd):
    return int(re.search(r"^Pid:\s*(-?\d+)", pathlib.Path(f"/proc/self/fdinfo/{pidfd}").read_text(), re.M)[1])


def name_of(registration, worker):
    start = pathlib.Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[19]
    return f"process-{registration.rpartition('/')[2]}-{worker.pid}-{start}"


def wait_for_names(systemd, *names):
    poll_until(lambda: systemd.names() == sorted(names), f"a store of {names}")


def wait_taken_over(host):
    state = host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state != "late")
    assert state == "held", host.property(SPACE, "Lockspace", "Reason")


def restart(host, systemd):
    """The number of messages until then."""
    host.kill_daemon()
    systemd.read_all()
    seen = len(systemd.messages)
    systemd.start(host)
    wait_taken_over(host)
    return seen


def test_the_unit_has_as_much_room():
    unit = (SOURCE / "data/bailiffd.service.in").read_text()
    header = (SOURCE / "src/common/fd-store.h").read_text()
    assert (re.search(r"^FileDescriptorStoreMax=(\d+)$", unit, re.M)[1]
            == re.search(r"^#define FD_STORE_MAX (\d+)u$", header, re.M)[1])


def test_kept_while_registered(host, systemd, make_worker):
    first, second = make_worker(), make_worker()
    one, other = register(host, first, "first"), register(host, second, "second")
    wait_for_names(systemd, name_of(one, first), name_of(other, second))
    assert pid_of(systemd.fd(name_of(one, first))) == first.pid
    unregister(host, one)
    wait_for_names(systemd, name_of(other, second))
    end_worker(second)
    wait_for_names(systemd)


def test_found_again_by_its_pidfd(host, systemd, space, make_worker):
    worker = make_worker()
    registration = register(host, worker)
    held, = acquire(host, registration, lease(space))
    name = name_of(registration, worker)
    wait_for_names(systemd, name)
    for _ in range(2):
        seen = restart(host, systemd)
        assert host.property(registration, "Registration", "Pid") == worker.pid
        assert host.property(held, "Resource", "Version") == 1
        # It is the one that systemd has: no other was kept in its place.
        assert systemd.said_of(name, seen) == []
        assert systemd.names() == [name]
    end_worker(worker)
    wait_for_names(systemd)
    wait_by_asking(host, lambda: inspect_resource(host, space, MIB)["state"] == "free", "a free resource")


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "zombie"])
def test_ended_meanwhile(host, systemd, space, make_worker, reaped):
    worker = make_worker()
    registration = register(host, worker)
    acquire(host, registration, lease(space))
    host.kill_daemon()
    if reaped:
        end_worker(worker)
    else:
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    systemd.start(host)
    wait_taken_over(host)
    assert registration not in host.objects()
    wait_for_names(systemd)
    wait_by_asking(host, lambda: inspect_resource(host, space, MIB)["state"] == "free", "a free resource")


def test_wrong_ones_are_refused(host, systemd, space, make_worker, tmp_path):
    """Everything is found as without them, they are closed, and what is right is kept in their place."""
    plain = tmp_path / "plain"
    plain.write_text("nothing of yours")
    workers = [make_worker() for _ in range(3)]
    paths = [register(host, worker, f"worker-{worker.pid}") for worker in workers]
    names = [name_of(path, worker) for path, worker in zip(paths, workers)]
    for path, offset in zip(paths, (MIB, 2 * MIB, 3 * MIB)):
        if offset != MIB:
            format_resource(host, space, offset, f"at-{offset}")
        acquire(host, path, lease(space, offset, "thing" if offset == MIB else f"at-{offset}"))
    wait_for_names(systemd, *names)
    host.kill_daemon()
    systemd.read_all()
    other = make_worker()
    gone = make_worker()
    ended = os.pidfd_open(gone.pid)
    end_worker(gone)
    reading, writing = os.pipe()
    with plain.open("r+b") as file:
        systemd.put(names[0], file.fileno())
        systemd.put("watchdog", file.fileno())
    foreign = os.pidfd_open(other.pid)
    systemd.put(names[1], foreign)
    # One that says that its process has ended, of whatever process: that alone proves nobody's end.
    systemd.put(names[2], ended)
    systemd.put("process-999-1-1", foreign)
    systemd.put("lockspace-from-the-future", writing)
    for fd in (foreign, ended, writing):
        os.close(fd)
    systemd.start(host)
    wait_taken_over(host)
    for path, worker in zip(paths, workers):
        assert host.property(path, "Registration", "Pid") == worker.pid
        assert host.property(path, "Registration", "Resources")
    wait_for_names(systemd, *names)
    for name, worker in zip(names, workers):
        assert pid_of(systemd.fd(name)) == worker.pid
    assert os.read(reading, 1) == b""  # nobody has its other end
    os.close(reading)
    assert plain.read_text() == "nothing of yours"
    assert host.log().count("is not that process") == 2
    for worker in workers:
        end_worker(worker)
    wait_for_names(systemd)
    assert other.poll() is None


def test_executed_anew(host, systemd, space, make_worker):
    """The program inherits them; systemd need not be told."""
    worker = make_worker()
    registration = register(host, worker)
    acquire(host, registration, lease(space))
    name = name_of(registration, worker)
    wait_for_names(systemd, name)
    for _ in range(2):
        seen = len(systemd.messages)
        host.reexecute()
        host.wait_for_property(SPACE, "Lockspace", "State", "held")
        assert systemd.said_of(name, seen) == []
    assert host.property(registration, "Registration", "Pid") == worker.pid
    restart(host, systemd)
    assert host.property(registration, "Registration", "Pid") == worker.pid
    end_worker(worker)
    wait_for_names(systemd)


def test_a_systemd_that_does_not_read(host, systemd, space, make_worker):
    """It holds up nothing."""
    systemd.pause()
    workers = [make_worker() for _ in range(30)]
    paths = [register(host, worker, f"worker-{worker.pid}") for worker in workers]
    acquire(host, paths[0], lease(space))
    systemd.go_on()
    wait_for_names(systemd, *[name_of(path, worker) for path, worker in zip(paths, workers)])


# The watchdog

@pytest.fixture
def guarded(make_service, systemd, device, make_storage, tmp_path):
    """A bailiffd with a watchdog device, and a lockspace; (service, path)"""
    config = tmp_path / "bailiffd.conf"
    config.write_text(f"[watchdog]\ntype=device\ndevice={device.path}\n")
    service = make_service("none")
    systemd.start(service, arguments=f"--config {config}")
    service.arguments = f"--config {config}"
    path = make_space(service, make_storage())
    wait_for_names(systemd, "watchdog")
    return service, path


def fires_in_full(device):
    return device.fires_at() > boottime() + 50 * SECOND


def test_watchdog_goes_on_after_a_crash(guarded, systemd, device, make_worker):
    """With the open device: nobody could take it meanwhile, and it is not closed before it is safe."""
    service, path = guarded
    worker = make_worker()
    registration = register(service, worker)
    acquire(service, registration, lease(path))
    for _ in range(2):
        restart(service, systemd)
        service.wait_for_property("Manager", "Manager", "WatchdogState", "armed")
        fed = boottime()
        poll_until(lambda fed=fed: device.events()[-1][0] > fed and fires_in_full(device), "a full feed")
    assert worker.poll() is None
    assert device.count("open") == 1 and not device.count("unclean", "busy", "magic", "disable")
    release(service, registration)
    leave(service)
    device.wait_for("stop")
    assert systemd.names() == [name_of(registration, worker)]
    assert not device.count("unclean", "fire")


def test_watchdog_is_stopped_although_systemd_hangs(guarded, systemd, device):
    """Its timer; and it is opened again when systemd has closed it."""
    service, path = guarded
    systemd.pause()
    leave(service)
    device.wait_for("magic")
    assert device.fires_at() == 0
    assert not device.count("stop")
    begin_join(service, path, io_timeout=1)
    device.wait_for("busy")
    systemd.go_on()
    service.wait_for_property(SPACE, "Lockspace", "State", "held")
    wait_for_names(systemd, "watchdog")
    assert fires_in_full(device)
    leave(service)
    device.wait_for("stop", 2)
    wait_for_names(systemd)
    assert not device.count("unclean", "fire")


def test_watchdog_runs_on_when_nobody_comes(guarded, systemd, device):
    service, _ = guarded
    service.kill_daemon()
    assert not device.count("unclean")
    systemd.close_all()
    device.wait_for("unclean")
    assert not device.count("magic", "disable")
    assert device.fires_at() > boottime()


def test_watchdog_is_fed_from_leases_alone(guarded, systemd, device, make_worker):
    """Who comes after a crash and cannot renew does not feed past the deadline."""
    service, path = guarded
    worker = make_worker("signal.signal(signal.SIGUSR1, signal.SIG_IGN)")
    registration = register(service, worker, failure_policy=policy(("signal", 40, "USR1"), ("kill", 0)))
    acquire(service, registration, lease(path))
    service.kill_daemon()
    os.rename(path, path + ".gone")
    systemd.start(service)
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    fail = service.property(SPACE, "Lockspace", "FailAtUsec")
    poll_until(lambda: fail + 50 * SECOND <= device.fires_at() <= fail + 56 * SECOND, "a timer set to the deadline")
    assert device.count("open") == 1 and not device.count("unclean")
    end_worker(worker)
    device.wait_for("stop")
    os.rename(path + ".gone", path)


def test_watchdog_and_a_takeover(guarded, systemd, device):
    """By one that systemd knows nothing of: what it has kept of the device goes with the process that had it."""
    service, _ = guarded
    del service.environment["NOTIFY_SOCKET"]
    former = service.daemon
    former.expected_to_end = True
    service.start_daemon(arguments=f"{service.arguments} --replace", wait=False)
    service.wait_until(lambda: former.ended, "the end of the former bailiffd")
    service.wait_for_name()
    wait_for_names(systemd)
    wait_taken_over(service)
    service.wait_for_property("Manager", "Manager", "WatchdogState", "armed")
    assert device.count("open") == 2 and device.count("unclean") == 1
    poll_until(lambda: fires_in_full(device), "a full feed")
    assert not device.count("magic", "disable", "fire")


def test_watchdog_of_nothing_is_stopped(guarded, systemd, device):
    """Nothing is left that it was for."""
    service, _ = guarded
    service.kill_daemon()
    for each in pathlib.Path(service.directory, "run", "lockspaces").iterdir():
        each.unlink()
    systemd.start(service)
    device.wait_for("stop")
    wait_for_names(systemd)
    assert not device.count("unclean")


def test_watchdog_of_what_is_not_known_goes_on(guarded, systemd, device, make_worker):
    """Until whoever may use it has ended."""
    service, path = guarded
    worker = make_worker()
    acquire(service, register(service, worker), lease(path))
    service.kill_daemon()
    pathlib.Path(service.directory, "run", "lockspaces", "n-space").write_text("nonsense")
    systemd.start(service)
    wait_ended(service, worker)
    device.wait_for("stop")
    wait_for_names(systemd)
    assert device.count("open") == 1 and not device.count("unclean", "fire")
    # Not stopped and opened again: fed by the deadline of what is not known.
    assert device.count("enable") == 1


def test_what_is_no_watchdog(guarded, systemd, device, tmp_path):
    """It is not written to, and the device is used as if it had not been there."""
    service, _ = guarded
    plain = tmp_path / "plain"
    plain.write_text("nothing of yours")
    service.kill_daemon()
    systemd.read_all()
    with plain.open("r+b") as file:
        systemd.put("watchdog", file.fileno())
    device.wait_for("unclean")
    systemd.start(service)
    wait_taken_over(service)
    device.wait_for("open", 2)
    wait_for_names(systemd, "watchdog")
    poll_until(lambda: fires_in_full(device), "a full feed")
    assert "is none" in service.log()
    assert plain.read_text() == "nothing of yours"
    assert os.fstat(systemd.fd("watchdog")).st_ino != plain.stat().st_ino
    leave(service)
    device.wait_for("stop")


def test_watchdog_when_the_configuration_is_broken_by_now(guarded, systemd, device, make_worker, tmp_path):
    """What stands behind leases that are held is not stopped for that."""
    service, path = guarded
    worker = make_worker()
    acquire(service, register(service, worker), lease(path))
    service.kill_daemon()
    broken = tmp_path / "broken.conf"
    broken.write_text("[daemon\n")
    fed = boottime()
    systemd.start(service, arguments=f"--config {broken}")
    wait_taken_over(service)
    service.wait_for_property("Manager", "Manager", "WatchdogState", "armed")
    poll_until(lambda: device.events()[-1][0] > fed and fires_in_full(device), "a full feed")
    assert device.count("open") == 1 and not device.count("unclean", "magic", "disable")
    assert worker.poll() is None
