# SPDX-License-Identifier: LGPL-2.1-or-later
"""Watchdogs behind leases: when they run, and what they are not for. One guest, so these tests go on from each other."""

import time

from guest_watchdog import DISK, DOG, dog, join_with_softdog, run_in_unit, set_space, wait_lockspace
from service_state import kept, main_pid, status

# The second one of this guest.
HARDWARE = "/sys/class/watchdog/watchdog1"

# The shortest timeout that a device may have, and what a busy machine adds to it.
SHORT, SLACK = 10, 5


def test_armed_while_joined(guest):
    join_with_softdog(guest)
    assert (dog(guest, "state"), dog(guest, "timeout")) == ("active", "60")
    assert status(guest)["Manager"]["WatchdogState"] == "armed"
    assert "Software Watchdog" in guest.out("bailiffctl status")


def test_a_crash_leaves_it_running(guest):
    """Whoever comes next feeds it on, and can stop it. systemd has kept it open: it was closed by nobody."""
    pid = main_pid(guest)
    assert kept(guest) == 1
    guest.run(f"kill -KILL {pid}")
    guest.wait_until(f"[ $(systemctl show -P MainPID bailiffd) != {pid} ] && systemctl is-active -q bailiffd")
    assert dog(guest, "state") == "active"
    wait_lockspace(guest, "held")
    assert status(guest)["Manager"]["WatchdogState"] == "armed"
    guest.run("bailiffctl reexecute")
    wait_lockspace(guest, "held")
    assert dog(guest, "state") == "active"
    assert "did not stop" not in guest.out("dmesg")
    guest.run("bailiffctl leave space")
    guest.wait_until(f"grep -q inactive {DOG}/state")
    guest.wait_until("[ $(systemctl show -P NFileDescriptorStore bailiffd) = 0 ]")
    guest.run("bailiffctl join space")


def test_who_can_be_killed_is_killed_and_nothing_is_reset(guest):
    run_in_unit(guest, "killable", "sleep", "infinity")
    set_space(guest, "error")
    wait_lockspace(guest, "lost")
    guest.wait_until("! systemctl is-active -q killable")
    guest.wait_until(f"grep -q inactive {DOG}/state")
    assert "RESET" not in guest.look()
    # The record has it joined again as soon as the storage is back.
    set_space(guest, f"linear {DISK} 0")
    wait_lockspace(guest, "held")
    assert dog(guest, "state") == "active"


def test_one_that_stands_still_has_the_host_reset(guest):
    """Nobody feeds the device any more: that takes its timeout, whatever the leases are."""
    guest.run(f"sed -i 's/^type=device/&\\ntimeout={SHORT}/' /etc/bailiff/bailiffd.conf && sync && bailiffctl reexecute")
    guest.wait_until(f"grep -qx {SHORT} {DOG}/timeout")
    guest.look()
    guest.run("systemctl kill --kill-who=main --signal=SIGSTOP bailiffd")
    stopped = time.monotonic()
    when, _ = guest.wait_event("RESET")
    assert when <= stopped + SHORT + SLACK


def test_a_kernel_that_stands_still(guest):
    """softdog goes with it; the watchdog of the chipset does not. bailiffd gives one up for the other."""
    guest.wait_up()
    wait_lockspace(guest, "held")
    guest.run(f"modprobe wdat_wdt && grep -q wdat_wdt {HARDWARE}/identity")
    guest.run("sed -i 's,^type=device,&\\ndevice=/dev/watchdog1,' /etc/bailiff/bailiffd.conf && bailiffctl reexecute")
    guest.wait_until(f"grep -q inactive {DOG}/state && grep -qx active {HARDWARE}/state")
    guest.wait_until(f"grep -qx {SHORT} {HARDWARE}/timeout")
    assert "did not stop" not in guest.out("dmesg")
    wait_lockspace(guest, "held")
    assert status(guest)["Manager"]["WatchdogState"] == "armed"
    guest.look()
    stands_still = "echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger"
    guest.begin(f"setsid sh -c 'sleep 1; {stands_still}' >/dev/null 2>&1 &")
    guest.wait_event("WATCHDOG", action="reset")
    guest.wait_event("RESET")
    assert "sysrq triggered crash" in guest.console()
