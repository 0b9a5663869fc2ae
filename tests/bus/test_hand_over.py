# SPDX-License-Identifier: LGPL-2.1-or-later
"""One bailiffd hands over to another one, and either of them stands still or ends in the midst of it: one of them is left."""

import os
import pathlib
import signal
import subprocess

import pytest

from lease_calls import SPACE, acquire, fails_with, lease, register, release, wait_by_asking
from main_loop import LIMIT
from private_service import BUILD, DaemonProcess


def wait_held(host):
    host.wait_for_property(SPACE, "Lockspace", "State", "held")


def is_stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


class HandOver:
    """`first` has agreed to hand over to `second`, and stands still."""

    def __init__(self, host, space, worker, where):
        self.host = host
        host.kill_daemon()
        host.start_daemon(prefix=("env", f"LD_PRELOAD={BUILD}/tests/stop-at-leaving.so", f"STOP_AT={where}"))
        wait_held(host)
        self.worker = worker
        self.registration = register(host, worker)
        self.held, = acquire(host, self.registration, lease(space))
        self.first, self.old_owner = host.daemon, host.owner()
        self.first.expected_to_end = True
        self.second = self.start("--replace")
        wait_by_asking(host, lambda: is_stopped(self.first.pid), "the first one stands still")

    def start(self, *arguments):
        """Whoever gets on the bus in the end."""
        first = self.host.daemon
        started = self.host.start_daemon(" ".join(arguments), wait=False)
        self.host.daemon.forget()
        self.host.daemon = first
        return started

    def go_on(self):
        os.kill(self.first.pid, signal.SIGCONT)

    def wait_said(self, text):
        wait_by_asking(self.host, lambda: text in self.host.log(), text)

    def wait_ended(self, process):
        wait_by_asking(self.host, lambda: process.poll() is not None, f"the end of {process.pid}")
        return process.returncode

    def check_nothing_is_lost(self):
        host = self.host
        host.wait_for_name()
        wait_held(host)
        assert host.property(SPACE, "Lockspace", "Generation") == 1
        assert host.property(self.registration, "Registration", "Resources") == [self.held]
        assert self.worker.poll() is None

    def first_stays(self):
        host = self.host
        assert self.second.poll() is not None and not self.first.ended
        host.wait_for_another_owner(self.old_owner)
        self.check_nothing_is_lost()
        renewed = host.property(SPACE, "Lockspace", "LastRenewalUsec")
        wait_by_asking(host, lambda: host.property(SPACE, "Lockspace", "LastRenewalUsec") > renewed, "a renewal")

    def second_goes_on(self):
        host = self.host
        host.wait_until(lambda: self.first.ended, "the end of the first one")
        host.daemon = DaemonProcess(self.second.pid)
        self.check_nothing_is_lost()
        assert self.second.poll() is None
        assert host.owner() not in (None, self.old_owner)
        release(host, self.registration)


@pytest.fixture
def hand_over(host, space, make_worker):
    made = []

    def make(where):
        made.append(HandOver(host, space, make_worker(), where))
        return made[-1]
    yield make
    for each in made:
        if not each.first.ended:
            each.go_on()


WAITS = "has agreed to hand over and has not ended"


@pytest.mark.parametrize("where", ["look", "end"])
def test_first_one_stands_still(hand_over, where):
    """For as long as it likes."""
    over = hand_over(where)
    over.wait_said(WAITS)
    # Whoever comes meanwhile takes nothing from either of them.
    third, fourth = over.start("--replace"), over.start()
    assert over.wait_ended(third) == 1
    over.wait_said("is about to take the place")
    assert over.second.poll() is None and not over.first.ended
    over.go_on()
    over.second_goes_on()
    assert over.wait_ended(fourth) == 1
    assert over.host.log().count(WAITS) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_second_one_ends(hand_over, number):
    """Before the first one looks: that one stays, and can be replaced later."""
    over = hand_over("look")
    # Only now it waits, and can be told to end.
    over.wait_said(WAITS)
    over.second.send_signal(number)
    assert over.wait_ended(over.second) == (-number if number == signal.SIGKILL else 1)
    over.go_on()
    over.first_stays()
    over.wait_said("The bailiffd that was to take over has ended")
    if number != signal.SIGKILL:
        over.wait_said("Told to end before it had taken over")
    over.old_owner, over.second = over.host.owner(), over.start("--replace")
    over.second_goes_on()


def test_first_one_was_told_to_end_meanwhile(hand_over):
    """It stays, and does that: it is not forgotten."""
    over = hand_over("look")
    over.second.kill()
    over.wait_ended(over.second)
    os.kill(over.first.pid, signal.SIGTERM)
    over.go_on()
    over.host.wait_until(lambda: over.first.ended, "the end of the first one")
    over.wait_said("Shut down")


def test_second_one_is_told_to_end_too_late(hand_over):
    """The first one has counted on it: it takes the place, and ends in order."""
    over = hand_over("end")
    over.wait_said(WAITS)
    over.second.terminate()
    over.wait_said("takes its place first")
    assert over.second.poll() is None
    over.go_on()
    assert over.wait_ended(over.second) == 0
    assert over.first.ended
    over.wait_said("Taken over from an earlier bailiffd: lockspaces: 1, registrations: 1.")
    over.wait_said("Shut down")
    assert over.worker.wait(LIMIT) == -signal.SIGTERM


@pytest.mark.parametrize("where", ["look", "end"])
def test_first_one_is_killed(hand_over, where):
    """After it has agreed."""
    over = hand_over(where)
    os.kill(over.first.pid, signal.SIGKILL)
    over.second_goes_on()


def test_both_are_killed(hand_over):
    """Then it is as after any crash."""
    over = hand_over("end")
    for pid in over.second.pid, over.first.pid:
        os.kill(pid, signal.SIGKILL)
    over.wait_ended(over.second)
    over.host.wait_until(lambda: over.first.ended, "the end of the first one")
    over.second = over.start()
    over.second_goes_on()


def test_nobody_asks_for_himself(host, space, make_worker):
    """Who does not wait to go on takes over nothing, and leaves nobody without a bailiffd."""
    held, = acquire(host, register(host, make_worker()), lease(space))
    with fails_with("Busy", "no bailiffd that waits to take the place"):
        host.call("Manager", "Manager", "HandOver", "(a{sv})", {})
    wait_held(host)
    assert host.property(held, "Resource", "State") == "held"


def test_second_one_ends_before_the_first_one_answers(host, space, make_worker):
    """That one finds the call when it goes on, and nobody who waits."""
    held, = acquire(host, register(host, make_worker()), lease(space))
    first, owner = host.daemon, host.owner()
    with subprocess.Popen(["dbus-monitor", "--address", host.address, "member='HandOver'"], stdout=subprocess.PIPE,
                          text=True) as monitor:
        assert "NameAcquired" in monitor.stdout.readline()
        os.kill(first.pid, signal.SIGSTOP)
        wait_by_asking(host, lambda: is_stopped(first.pid), "the first one stands still")
        second = host.start_daemon("--replace", wait=False)
        host.daemon.forget()
        host.daemon = first
        assert any("member=HandOver" in line for line in monitor.stdout)
        monitor.kill()
    second.kill()
    second.wait(LIMIT)
    os.kill(first.pid, signal.SIGCONT)
    wait_held(host)
    assert host.owner() == owner
    assert host.property(held, "Resource", "State") == "held"
    assert "Another bailiffd takes over" not in host.log()


def test_first_one_does_not_answer(host, space):
    """Said as what it is, with what to do; the first one goes on when it can."""
    first, owner = host.daemon, host.owner()
    os.kill(first.pid, signal.SIGSTOP)
    second = host.start_daemon("--replace", wait=False)
    host.daemon.forget()
    host.daemon = first
    wait_by_asking(host, lambda: second.poll() is not None, "the end of the second one")
    os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 1
    assert "has not answered for 5 s: it hangs, or its process is stopped" in host.log()
    wait_held(host)
    assert host.owner() == owner
