# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's watchdog behind leases, and a host that is really reset: one guest, so these tests go on from each other.

The lockspace lies on a device of the device mapper, so that its storage can fail: from then on each read and write of it is
an error.
"""

import time

from service_state import held, kept, main_pid, status

DISK = "/dev/disk/by-id/virtio-leases"
SPACE = "/dev/mapper/space"
DOG = "/sys/class/watchdog/watchdog0"
IO_TIMEOUT = 2
SECTORS = 32768  # of 512 bytes
SECOND = 1_000_000

# Seconds after the fail deadline: the watchdog may reset this host, and other hosts may take its leases
# (failure/reset-plan.h).
EARLIEST, FREE = 50, 60
# The shortest timeout that a device may have, and what a busy machine adds to it.
SHORT, SLACK = 10, 5


def dog(guest, attribute):
    return guest.out(f"cat {DOG}/{attribute}")


def install_devices(guest):
    """At each boot: the storage of the lockspace, and a device on which whoever reads waits for ever, in the kernel."""
    unit = f"""[Unit]
Before=bailiffd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=udevadm wait --timeout=120 {DISK}
ExecStart=dmsetup create space --table "0 {SECTORS} linear {DISK} 0"
ExecStart=dmsetup create stuck --table "0 {SECTORS} linear {DISK} {SECTORS}"
ExecStart=udevadm settle
ExecStart=dmsetup suspend --noflush --nolockfs stuck
[Install]
WantedBy=multi-user.target
"""
    guest.run(f"printf %s '{unit}' >/etc/systemd/system/devices.service && systemctl enable --now devices")


def set_space(guest, target):
    guest.run(f"dmsetup suspend --noflush --nolockfs space && dmsetup load space --table '0 {SECTORS} {target}' && "
              "dmsetup resume space")


def wait_lockspace(guest, state):
    guest.wait_until(f"bailiffctl status | grep -q '^space  *{state}'")


def guest_clock(guest):
    """The earliest and the latest time.monotonic() at which the guest's CLOCK_BOOTTIME was zero."""
    before = time.monotonic()
    uptime = float(guest.out("cut -d ' ' -f 1 /proc/uptime"))
    return before - uptime - 0.01, time.monotonic() - uptime


def run_in_unit(guest, unit, *command):
    guest.run(f"systemd-run --unit {unit} -p After=bailiffd.service -p SendSIGKILL=no bailiffctl run space thing@{SPACE}:1M "
              f"-- {' '.join(command)}")
    guest.wait_until("bailiffctl status | grep -q '^  thing  *held'")


def test_armed_while_joined(guest):
    install_devices(guest)
    guest.run("modprobe softdog && mkdir -p /etc/bailiff && "
              "printf '[watchdog]\\ntype=device\\n[failure-policy]\\nprocess=signal TERM 2s, kill\\n' "
              ">/etc/bailiff/bailiffd.conf && echo softdog >>/etc/modules-load.d/vm.conf && "
              "systemctl enable --now bailiffd")
    assert dog(guest, "state") == "inactive"
    guest.run(f"bailiffctl format-lockspace {SPACE} space --io-timeout {IO_TIMEOUT} && "
              f"bailiffctl format-resource {SPACE}:1M space thing && "
              f"bailiffctl join space {SPACE} 1 --io-timeout {IO_TIMEOUT} --persist")
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


def test_who_cannot_be_killed_has_the_host_reset(guest):
    """Between the last kill and the moment from which on other hosts may take the lease."""
    run_in_unit(guest, "stuck", "dd", "if=/dev/mapper/stuck", "of=/dev/null", "iflag=direct", "bs=4096", "count=1")
    guest.wait_until("ps -C dd -o state= | grep -q D")
    earliest_zero, latest_zero = guest_clock(guest)
    set_space(guest, "error")
    wait_lockspace(guest, "failing")
    now = status(guest)
    assert now["Manager"]["WatchdogState"] == "firing"
    fail = now["Lockspaces"][0]["FailAtUsec"] / SECOND
    assert "RESET" not in guest.look()
    when, event = guest.wait_event("RESET")
    assert event["data"] == {"guest": True, "reason": "guest-reset"}
    assert when - latest_zero >= fail + EARLIEST
    assert when - earliest_zero <= fail + FREE
    assert "softdog: Initiating system reboot" in guest.console()


def test_after_the_reset_it_is_back(guest):
    """bailiffd starts with the host and joins, as its record says. Nobody uses the lease."""
    guest.wait_up()
    guest.run("systemctl is-system-running --wait")
    wait_lockspace(guest, "held")
    assert dog(guest, "state") == "active"
    assert not held(guest)[0]
    run_in_unit(guest, "next", "sleep", "infinity")
    assert held(guest)[0]["thing"][:2] == ("held", 3)


def test_one_that_stands_still_has_the_host_reset(guest):
    """Nobody feeds the device any more: that takes its timeout, whatever the leases are."""
    guest.run("systemctl stop next")
    guest.wait_until("! bailiffctl status | grep -q thing")
    guest.run(f"sed -i 's/^type=device/&\\ntimeout={SHORT}/' /etc/bailiff/bailiffd.conf && bailiffctl reexecute")
    guest.wait_until(f"grep -qx {SHORT} {DOG}/timeout")
    guest.look()
    guest.run("systemctl kill --kill-who=main --signal=SIGSTOP bailiffd")
    stopped = time.monotonic()
    when, _ = guest.wait_event("RESET")
    assert when <= stopped + SHORT + SLACK
