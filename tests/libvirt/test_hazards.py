# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a real libvirt and a real QEMU do when they are asked at the worst of times, and what the ladder makes of it.

In each test a lockspace fails, by storage that answers with errors, while something else is wrong too: the guest's own
disk hangs, QEMU stands still, libvirtd does, libvirt-dbus is full. No step is held up by that, nothing is taken for
done that is not, and what is carried out late harms nobody.
"""

import contextlib
import itertools
import os
import select
import signal

import pytest

from event_times import EventTimes
from lease_calls import (MIB, acquire, format_lockspace, format_resource, join, lease, policy, wait_by_asking)
from lease_storage import NoSuchStorage, hanging_file
from main_loop import poll_until
from private_service import BusError, options
from real_libvirt import PAUSED, RUNNING, make_guest_disk

SECOND = 1_000_000
numbers = itertools.count()


class Space:
    """A lockspace of its own for a test, with one resource, on storage that fails on demand."""

    def __init__(self, service, store):
        self.service, self.store = service, store
        self.name = f"space{next(numbers)}"
        self.path = f"lockspaces/{self.name}"
        format_lockspace(service, store.path, name=self.name)
        format_resource(service, store.path, lockspace=self.name)
        self.join()

    def join(self):
        join(self.service, self.store.path, name=self.name)

    def lease(self):
        return lease(self.store.path, MIB, lockspace=self.name)

    def fail(self):
        """Returns at the fail deadline."""
        self.store.fail()
        self.service.wait_for_property(self.path, "Lockspace", "State", "failing")

    @property
    def fail_at_us(self):
        return self.service.property(self.path, "Lockspace", "FailAtUsec")


@pytest.fixture
def space(daemon, hanging_storage):
    made = Space(daemon, hanging_storage)
    yield made
    hanging_storage.fail(False, False)
    if daemon.property(made.path, "Lockspace", "State") == "held":
        daemon.call(made.path, "Lockspace", "Leave", "(a{sv})", options(force=("b", True)))


@pytest.fixture
def disk():
    """The guest's own storage, which hangs apart from that of the leases."""
    try:
        with hanging_file() as store:
            make_guest_disk(store.backing)
            yield store
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


@pytest.fixture
def guest(libvirt, disk):
    """It runs, and its disk can hang."""
    made = libvirt.guest(f"guest{next(numbers)}", disk.path, backing=disk.backing)
    made.start()
    made.wait_for_beats()
    yield made
    with contextlib.suppress(ProcessLookupError, TypeError):
        os.kill(made.pid, signal.SIGCONT)
    disk.resume()
    disk.fail(False, False)
    made.remove()
    libvirt.guests.remove(made)


def register_domain(service, guest, space, *steps, **given):
    path = service.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", guest.uuid,
                        options(failure_policy=policy(*steps), **given))
    acquire(service, path, space.lease())
    return path


def wait_state(service, path, wanted):
    service.wait_for_property(path, "Registration", "State", wanted)


def wait_cleared(service, path):
    """By the signal: the object may be gone at any moment afterwards."""
    service.wait_for_signal("Cleared", path)


def wait_step(service, path, index):
    service.wait_for_signal("StepStarted", path, matches=lambda arguments: arguments[0] == index)


def assert_never_early(times, path, space_fail_at, *graces):
    """Each step at its time or later, but none before the one in front of it has had its grace."""
    due = space_fail_at
    for index, grace in enumerate(graces):
        assert due <= times.one(path, "StepStarted", index) < due + 3 * SECOND
        due += grace * SECOND


def has_ended(pidfd):
    return bool(select.select([pidfd], [], [], 0)[0])


def state_letter(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]


@pytest.fixture
def pidfds():
    """pidfds(pid): to know a process by."""
    made = []

    def make(pid):
        made.append(os.pidfd_open(pid))
        return made[-1]

    yield make
    for each in made:
        os.close(each)


@contextlib.contextmanager
def standing_still(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_pause_in_good_time(daemon, guest, space):
    """As it should be: paused within a second of the deadline, quiet, and its lease given up."""
    path = register_domain(daemon, guest, space, ("pause", 20), ("kill", 0))
    times = EventTimes(daemon)
    space.fail()
    wait_cleared(daemon, path)
    beats = guest.beats
    wait_state(daemon, path, "paused")
    assert guest.state == PAUSED
    assert times.one(path, "Cleared", "paused") < space.fail_at_us + SECOND
    daemon.wait_for_property(space.path, "Lockspace", "State", "lost")
    assert guest.beats == beats


def test_the_disk_of_the_guest_hangs_at_the_pause(daemon, guest, disk, space):
    """libvirt says "paused" at once, in event and state; the guest's last write is still out."""
    path = register_domain(daemon, guest, space, ("pause", 25), ("kill", 0))
    disk.hang()
    space.fail()
    wait_by_asking(daemon, lambda: guest.state == PAUSED, "libvirt to say that it is paused")
    beats = guest.beats
    # Both are asked again, after all that was sent by then.
    assert guest.state == PAUSED
    assert daemon.property(path, "Registration", "State") == "failing"
    assert guest.beats == beats
    disk.resume()
    wait_state(daemon, path, "paused")
    landed = guest.beats
    daemon.wait_for_property(space.path, "Lockspace", "State", "lost")
    assert guest.beats == landed


def test_a_pause_by_an_io_error_that_is_not_over(daemon, libvirt, disk, space):
    """QEMU itself has stopped the guest; libvirt has nothing to do on Suspend, and returns at once whatever QEMU does. It
    is no pause before QEMU answers: what it does last when it stops a guest is to wait for all that is out."""
    guest = libvirt.guest(f"guest{next(numbers)}", disk.path, backing=disk.backing, error_policy="stop")
    try:
        guest.start()
        guest.wait_for_beats()
        path = register_domain(daemon, guest, space, ("pause", 2), ("pause", 25), ("kill", 0))
        disk.fail(reads=False, writes=True)
        guest.wait_for_state(PAUSED)
        pid = guest.pid
        with standing_still(pid):
            guest.call("Suspend")
            space.fail()
            first = daemon.wait_for_signal("StepFinished", path)
            assert first.arguments[:3] == (0, "pause", False)
        wait_state(daemon, path, "paused")
        assert guest.pid == pid
    finally:
        disk.fail(False, False)
        guest.remove()
        libvirt.guests.remove(guest)


def test_qemu_stands_still(daemon, guest, space, pidfds):
    """Suspend never returns, and Destroy takes ten seconds: each step has its grace and no more."""
    path = register_domain(daemon, guest, space, ("pause", 2), ("poweroff", 2), ("kill", 0))
    times = EventTimes(daemon)
    pidfd = pidfds(guest.pid)
    with standing_still(guest.pid):
        space.fail()
        fail_at_us = space.fail_at_us
        wait_cleared(daemon, path)
    assert has_ended(pidfd)
    assert_never_early(times, path, fail_at_us, 2, 2, 0)
    times.one(path, "Cleared", "exited")


def test_destroyed_is_not_gone(daemon, guest, disk, space, pidfds):
    """The guest has a write out to storage that hangs: no SIGKILL ends its process, and while it lives it is not
    cleared, whatever libvirt says."""
    path = register_domain(daemon, guest, space, ("poweroff", 12), ("kill", 0))
    pidfd = pidfds(guest.pid)
    disk.hang()
    space.fail()
    pid = guest.pid
    wait_step(daemon, path, 1)
    # It was killed, by libvirt or by us, and cannot end.
    poll_until(lambda: state_letter(pid) in "DZ", "the end of QEMU to begin")
    assert not has_ended(pidfd)
    assert daemon.property(path, "Registration", "State") == "failing"
    disk.resume()
    wait_cleared(daemon, path)
    assert has_ended(pidfd)


def test_libvirtd_stands_still_and_goes_on(daemon, libvirt, guest, space, pidfds):
    """What was given up is carried out when libvirtd goes on. The domain comes back only after that, and runs."""
    path = register_domain(daemon, guest, space, ("restart", 3), ("kill", 0), on_recovery=("s", "restart"))
    times = EventTimes(daemon)
    pidfd = pidfds(guest.pid)
    with standing_still(libvirt.libvirtd.pid):
        space.fail()
        fail_at_us = space.fail_at_us
        daemon.wait_for_signal("Cleared", path)
        assert has_ended(pidfd)
        assert_never_early(times, path, fail_at_us, 3, 0)
        space.store.fail(False, False)
        daemon.wait_for_property(space.path, "Lockspace", "State", "lost")
        space.join()
        # Its leases are there again, and Create is not asked for: the old Destroy is still out.
        wait_by_asking(daemon, lambda: daemon.property(path, "Registration", "Recovery") == "is being started",
                       "the attempt to start it")
    wait_by_asking(daemon, lambda: daemon.property(path, "Registration", "Recovery") == "", "its recovery")
    assert guest.state == RUNNING
    pid = guest.pid
    guest.wait_for_beats(20)
    assert guest.pid == pid
    guest.call("Destroy", "(u)", 0)


def test_libvirt_dbus_is_full(daemon, libvirt, guest, make_guest, space, pidfds):
    """Four calls for another domain whose QEMU stands still: nobody else gets an answer for half a minute."""
    victim = make_guest("victim")
    victim.start()
    path = register_domain(daemon, guest, space, ("pause", 2), ("poweroff", 2), ("kill", 0))
    times = EventTimes(daemon)
    pidfd = pidfds(guest.pid)
    with standing_still(victim.pid):
        stuck = [daemon.begin(victim.path, "org.libvirt.Domain", "Suspend", timeout=100) for _ in range(4)]
        space.fail()
        fail_at_us = space.fail_at_us
        wait_cleared(daemon, path)
        assert not any(call.done for call in stuck)
        assert has_ended(pidfd)
        assert_never_early(times, path, fail_at_us, 2, 2, 0)
    for call in stuck:
        with contextlib.suppress(BusError):
            call.result()


def test_libvirtd_is_dead(daemon, libvirt, guest, space, pidfds):
    """Its errors come at once, and so do the next steps; its guest is ended all the same."""
    path = register_domain(daemon, guest, space, ("pause", 20), ("poweroff", 10), ("kill", 0))
    times = EventTimes(daemon)
    pidfd = pidfds(guest.pid)
    libvirt.libvirtd.kill()
    libvirt.libvirtd.wait()
    space.fail()
    wait_cleared(daemon, path)
    assert has_ended(pidfd)
    assert times.one(path, "Cleared", "exited") < space.fail_at_us + 10 * SECOND
    libvirt.processes.remove(libvirt.libvirtd)
    libvirt.start_libvirtd()
