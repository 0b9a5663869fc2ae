# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts and one storage: what a host that has lost its leases wrote comes before what the next one writes.

Host a holds two leases, each in a lockspace of its own, and under each of them a process writes to a log on storage that
goes on working when that of the leases does not (shared-log.c). Host b waits for both. One lockspace after the other
fails for a alone. The tests go on from each other.
"""

import concurrent.futures
import os
import time

from disk_records import LEASE_VERSION, MIB, OWNER_ID, TIMESTAMP, field
from service_state import show, status
from virtual_machine import LIMIT

IO_TIMEOUT = 2
SECOND = 1_000_000
SECTOR = 512

# Lockspaces, by what becomes of the process that writes under the lease.
KILLED, STUCK = "killed", "stuck"
PLACES = {KILLED: 0, STUCK: 16 * MIB}
LENGTH = 16 * MIB
# On the storage of the logs, behind them.
ELSEWHERE = 48 * MIB
HOST_IDS = {"a": 1, "b": 2}

# Seconds after the fail deadline: the watchdog may reset this host, and other hosts may take its leases
# (failure/reset-plan.h).
EARLIEST, FREE = 50, 60


def linear(disk, name):
    return f"0 {LENGTH // SECTOR} linear /dev/disk/by-id/virtio-{disk} {PLACES[name] // SECTOR}"


def furnish(host):
    """Its devices, and bailiffd with the watchdog of the chipset."""
    devices = "".join(f"dmsetup create {name} --table '{linear('leases', name)}'\n"
                      f"dmsetup create {name}-log --table '{linear('data', name)}'\n" for name in PLACES)
    host.run(f"set -e\n{devices}modprobe wdat_wdt\nmkdir -p /etc/bailiff\n"
             "printf '[watchdog]\\ntype=device\\n[failure-policy]\\nprocess=signal TERM 2s, kill\\n' "
             ">/etc/bailiff/bailiffd.conf\nsystemctl enable --now bailiffd")


def join(host):
    """Both lockspaces at the same time."""
    calls = [f"bailiffctl join {name} /dev/mapper/{name} {HOST_IDS[host.name]} --io-timeout {IO_TIMEOUT}" for name in PLACES]
    host.run(f"{calls[0]} & {calls[1]} && wait $!")


def on_each(hosts, do):
    """At the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(do, hosts.values()))


def write_log(host, name, *options):
    """A service that writes as long as it holds the lease."""
    host.run(f"systemd-run --unit {name}-writer -p After=bailiffd.service -p SendSIGKILL=no "
             f"bailiffctl run {' '.join(options)} {name} thing@/dev/mapper/{name}:1M -- "
             f"shared-log /dev/mapper/{name}-log {host.name}")


def records(host, name):
    """[(host, number, version, seconds of its CLOCK_BOOTTIME)] of a log, and nothing else is there."""
    with open(host.disks["data"], "rb") as disk:
        os.posix_fadvise(disk.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        disk.seek(PLACES[name])
        content = disk.read(LENGTH)
    lines = []
    while content[len(lines) * SECTOR]:
        sector = content[len(lines) * SECTOR:(len(lines) + 1) * SECTOR]
        writer, number, version, when = sector.rstrip(b"\0").decode().split()
        lines.append((writer, int(number), int(version), int(when) / SECOND))
    assert not content[len(lines) * SECTOR:].strip(b"\0")
    return lines


def wait_for_record(host, name):
    """Until there is one more of this host. A disk tells nobody that it was written to, so it is looked at."""
    end, before = time.monotonic() + LIMIT, len(records(host, name))
    while not any(record[0] == host.name for record in records(host, name)[before:]):
        assert time.monotonic() < end, f"host {host.name} does not write to {name}\n{host.console()}"
        time.sleep(0.1)


def lockspace(host, name):
    return next(space for space in status(host)["Lockspaces"] if space["Name"] == name)


def wait_lockspace(host, name, state):
    host.wait_until(f"bailiffctl status | grep -q '^{name}  *{state}'")


def fail_storage(host, name):
    """Of the leases of this lockspace; the logs' goes on."""
    host.run(f"dmsetup suspend --noflush --nolockfs {name} && dmsetup load {name} --table '0 {LENGTH // SECTOR} error' && "
             f"dmsetup resume {name}")


def leader(host, name, which):
    return field(host.disks["leases"], PLACES[name] + MIB, which)


def check_log(host, name):
    """All of a, then all of b; no number is missing, so nobody wrote over anybody; and b's version is the newer one.

    Returns the first record of b.
    """
    log = records(host, name)
    first = next(at for at, record in enumerate(log) if record[0] == "b")
    parts = {"a": log[:first], "b": log[first:]}
    for writer, part in parts.items():
        assert [record[:2] for record in part] == [(writer, number + 1) for number in range(len(part))]
        assert len({record[2] for record in part}) == 1
    assert parts["a"][0][2] < parts["b"][0][2] == leader(host, name, LEASE_VERSION)
    return parts["b"][0]


def test_one_writes_and_one_waits(hosts):
    on_each(hosts, furnish)
    hosts["a"].run("set -e\n" + "".join(f"bailiffctl format-lockspace /dev/mapper/{name} {name} --io-timeout {IO_TIMEOUT}\n"
                                        f"bailiffctl format-resource /dev/mapper/{name}:1M {name} thing\n"
                                        for name in PLACES))
    on_each(hosts, join)
    for name in PLACES:
        write_log(hosts["a"], name)
        wait_for_record(hosts["a"], name)
        write_log(hosts["b"], name, "--wait")
    for name in PLACES:
        assert {record[0] for record in records(hosts["b"], name)} == {"a"}
        assert leader(hosts["b"], name, OWNER_ID) == HOST_IDS["a"]


def test_who_can_be_killed_is_killed(hosts):
    """Though nothing is wrong with the storage that it writes to."""
    a = hosts["a"]
    wait_for_record(a, KILLED)
    fail_storage(a, KILLED)
    wait_lockspace(a, KILLED, "lost")
    a.wait_until(f"! systemctl is-active -q {KILLED}-writer")
    a.run(f"dd if=/dev/zero of=/dev/disk/by-id/virtio-data bs=4096 seek={ELSEWHERE // 4096} count=1 oflag=direct")
    assert lockspace(a, STUCK)["State"] == "held"
    wait_for_record(a, STUCK)
    assert "RESET" not in a.look()
    assert {record[0] for record in records(a, KILLED)} == {"a"}


def test_who_cannot_be_killed_has_the_host_reset(hosts):
    """What it writes to stands still, and so does it, in the kernel."""
    a = hosts["a"]
    a.killed = int(show(a, f"{KILLED}-writer", "ExecMainExitTimestampMonotonic")["ExecMainExitTimestampMonotonic"]) / SECOND
    a.run(f"dmsetup suspend --noflush --nolockfs {STUCK}-log")
    a.wait_until("ps -C shared-log -o state= | grep -q D")
    a.earliest_zero, a.latest_zero = a.clock_zero()
    fail_storage(a, STUCK)
    wait_lockspace(a, STUCK, "failing")
    fail = lockspace(a, STUCK)["FailAtUsec"] / SECOND
    a.reset, _ = a.wait_event("WATCHDOG", action="reset")
    a.wait_event("RESET", reason="guest-reset")
    assert a.reset - a.latest_zero >= fail + EARLIEST
    assert a.reset - a.earliest_zero <= fail + FREE


def test_the_next_one_writes_only_then(hosts):
    """The times of both hosts on one clock, that of the machine they run in."""
    a, b = hosts["a"], hosts["b"]
    ends = {KILLED: a.killed + a.latest_zero, STUCK: a.reset}
    for name, end in ends.items():
        wait_for_record(b, name)
        assert leader(b, name, OWNER_ID) == HOST_IDS["b"]
        earliest_zero, latest_zero = b.clock_zero()
        first = check_log(b, name)
        # In whole seconds, rounded down.
        acquired = leader(b, name, TIMESTAMP)
        assert end < acquired + 1 + latest_zero
        assert end < first[3] + earliest_zero
    assert "RESET" not in b.look()
    assert a.look().count("WATCHDOG") == 1
