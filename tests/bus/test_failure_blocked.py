# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon whose main loop stands still while its lease runs out: the last kill does not need it.

The main thread, and no other, is stopped by ptrace, as a debugger does it; nothing in the daemon knows of it.
"""

import os
import select
import signal
import time

import pytest

from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, format_lockspace, format_resource, join, lease, policy,
                         register, wait_by_asking)
from stopped_thread import StoppedThread

SECOND = 1_000_000
BUDGET = 40 * SECOND
# How late the kill may be on a busy machine: it must come before the watchdog would, 10 s later.
SLACK = 8 * SECOND


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def wait_for_end(pid):
    """When it ended. It is only looked at, so that its end stays to be seen by others."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return boottime()
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert poll.poll(90_000), "it lives on"
        return boottime()
    finally:
        os.close(pidfd)


def test_the_last_kill_does_not_need_the_main_loop(service, hanging_storage, storage, make_worker):
    """One with time left in its policy, one with a family, one that may go on, one whose lease is on storage that
    is well (its lockspace is not renewed either, with the main loop as it is; but its deadline is a later one)."""
    path = hanging_storage.path
    format_lockspace(service, path)
    for number in 1, 2, 3:
        format_resource(service, path, number * MIB, f"r{number}")
    join(service, path)
    format_lockspace(service, storage, name="well", io_timeout=("u", 10))
    format_resource(service, storage, lockspace="well")
    join(service, storage, name="well", io_timeout=10)

    patient, family, ignoring, elsewhere = (make_worker(first) for first in (
        IGNORE_TERM, "import subprocess\nchild = subprocess.Popen(['sh', '-c', 'sleep 1000 & sleep 1000'])\n", "", ""))
    registrations = [
        register(service, patient, failure_policy=policy(("signal", 39, "TERM"), ("kill", 0))),
        register(service, family, failure_policy=policy(("kill", 0)), descendants=("b", True)),
        register(service, ignoring, failure_policy=policy(("ignore", 0))),
        register(service, elsewhere, failure_policy=policy(("kill", 0)))]
    for number, registration in enumerate(registrations[:3], 1):
        acquire(service, registration, lease(path, number * MIB, f"r{number}"))
    acquire(service, registrations[3], lease(storage, lockspace="well"))
    wait_by_asking(service, lambda: len(children_of(family.pid)) == 1 and len(children_of(*children_of(family.pid))) >= 1,
                   "the family")
    child, = children_of(family.pid)
    grandchildren = children_of(child)

    hanging_storage.hang()
    service.wait_for_property(SPACE, "Lockspace", "State", "late")
    fail_at = service.property(SPACE, "Lockspace", "FailAtUsec")
    with StoppedThread(service.daemon.pid):
        ended = wait_for_end(patient.pid)
        assert fail_at + BUDGET <= ended < fail_at + BUDGET + SLACK
        # Killed together; which of them is gone first is the scheduler's choice.
        for pid in [family.pid, child, *grandchildren]:
            assert wait_for_end(pid) < fail_at + BUDGET + SLACK
        assert ignoring.poll() is None and elsewhere.poll() is None
    hanging_storage.resume()
    assert patient.wait() == family.wait() == -signal.SIGKILL
    # It goes on, and finds out what has become of its lockspace.
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    # The guard has no log; the main loop tells of it afterwards.
    wait_by_asking(service, lambda: "The last kill was sent to" in service.log(), "a line about it")
    assert ignoring.poll() is None and elsewhere.poll() is None


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(each) for each in children.read().split()]
