# SPDX-License-Identifier: LGPL-2.1-or-later
"""File descriptors run out: what is new is refused, and what is held goes on as ever."""

import os
import pathlib
import resource
import select
import socket

import pytest

from exec_programs import scripts, steps  # noqa: F401
from lease_calls import (MIB, SPACE, acquire, begin_join, fails_with, format_lockspace, format_resource, join, lease,
                         register, release, unregister, wait_by_asking, wait_ended)
from main_loop import LIMIT
from private_service import BusError

KEPT = 64
# More than the daemon, a lockspace and what is kept take; few enough to use up.
HARD = 300
REFUSED = "file descriptors left of"


@pytest.fixture
def few(make_service):
    service = make_service("none")
    service.start_daemon(prefix=["prlimit", f"--nofile=64:{HARD}"])
    return service


@pytest.fixture
def few_space(few, storage):
    format_lockspace(few, storage)
    for number in range(1, 9):
        format_resource(few, storage, number * MIB, f"r{number}")
    join(few, storage)
    return storage


def is_refused(error):
    return error.name == "org.bailiff.Error.Busy" and REFUSED in error.message and "LimitNOFILE=" in error.message


def use_up(service, process):
    """Registrations of this process until one is refused."""
    registrations = []
    with pytest.raises(BusError) as caught:
        while len(registrations) < HARD:
            registrations.append(register(service, process, f"filler{len(registrations)}"))
    assert is_refused(caught.value), caught.value
    assert len(registrations) > 10
    return registrations


def wait_told(service, times):
    """The log is written by a thread of its own."""
    wait_by_asking(service, lambda: service.log().count(REFUSED) >= times, "the line in the log")
    assert service.log().count(REFUSED) == times


def count_open(service):
    return len(os.listdir(f"/proc/{service.daemon.pid}/fd"))


def wait_renewed(service, times=1):
    for _ in range(times):
        last = service.property(SPACE, "Lockspace", "LastRenewalUsec")
        wait_by_asking(service, lambda: service.property(SPACE, "Lockspace", "LastRenewalUsec") > last, "a renewal")


def cpu_seconds(service):
    fields = pathlib.Path(f"/proc/{service.daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_at_rest(service):
    """From one renewal to the third after it, which is six seconds, there is next to nothing to do."""
    wait_renewed(service)
    before = cpu_seconds(service)
    wait_renewed(service, 3)
    assert cpu_seconds(service) - before < 1
    assert "poll(2)" not in service.log()


def ask_for_metrics(service):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT)
        client.connect(os.path.join(service.directory, "run", "metrics.sock"))
        answer = b""
        try:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            while piece := client.recv(65536):
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def test_new_work_is_refused(few, few_space, make_storage, make_worker):
    assert resource.prlimit(few.daemon.pid, resource.RLIMIT_NOFILE) == (HARD, HARD)
    other = make_storage()
    format_lockspace(few, other, name="other")
    holder = make_worker()
    registration = register(few, holder)
    held, = acquire(few, registration, lease(few_space, MIB, "r1"))
    fillers = use_up(few, holder)
    assert count_open(few) <= HARD - KEPT
    wait_told(few, 1)

    objects = few.objects()
    with fails_with("Busy", REFUSED):
        begin_join(few, other, name="other")
    with fails_with("Busy", REFUSED):
        acquire(few, registration, lease(few_space, 2 * MIB, "r2"))
    with fails_with("Busy", REFUSED):
        register(few, holder, "another")
    with fails_with("Busy", REFUSED):
        format_resource(few, few_space, 9 * MIB, "r9")
    assert few.objects().keys() == objects.keys()
    assert ask_for_metrics(few) == b""
    wait_told(few, 1)

    # What it holds already is as good as ever.
    check_at_rest(few)
    few.call(held, "Resource", "Convert", "(sa{sv})", "shared", {})
    few.call(held, "Resource", "Convert", "(sa{sv})", "exclusive", {})
    release(few, registration, held)

    for path in fillers:
        unregister(few, path)
    assert b"bailiff_lockspaces" in ask_for_metrics(few)
    join(few, other, name="other")
    acquire(few, registration, lease(few_space, 2 * MIB, "r2"))
    # It is told again when it comes to this again.
    use_up(few, holder)
    wait_told(few, 2)


def test_leases_run_out_too(few, few_space, make_worker):
    """Those of one call that are let in together, and all that wait."""
    registration = register(few, make_worker())
    pending = []
    for _ in range(16):
        pending.append(few.begin(registration, "Registration", "Acquire", "(a(sssta{sv})a{sv})",
                                 [lease(few_space, number * MIB, f"r{number}") for number in range(1, 9)], {}))
    few.wait_until(lambda: all(call.done for call in pending), "all answers")
    assert sum(call.error is None for call in pending) == 1
    fillers = use_up(few, make_worker())
    assert count_open(few) <= HARD - KEPT
    release(few, registration)
    for path in fillers:
        unregister(few, path)
    acquire(few, registration, lease(few_space, MIB, "r1"))


def test_policies_are_walked(few, hanging_storage, scripts, make_worker, tmp_path):  # noqa: F811
    """Each has a program to run, and nobody else's is left for want of a descriptor."""
    format_lockspace(few, hanging_storage.path)
    format_resource(few, hanging_storage.path, MIB, "r1")
    join(few, hanging_storage.path)
    program = scripts("fence", 'echo done > "$0.$BAILIFF_REGISTRATION_ID"')
    workers = [make_worker() for _ in range(12)]
    registrations = [register(few, worker, f"w{number}", failure_policy=steps(("exec", 5, program), ("kill", 0)))
                     for number, worker in enumerate(workers)]
    for registration in registrations:
        acquire(few, registration, lease(hanging_storage.path, MIB, "r1", mode=("s", "shared")))
    use_up(few, make_worker())
    hanging_storage.fail()
    for worker in workers:
        wait_ended(few, worker)

    def outcomes():
        return [s.arguments[2] for s in few.signals if s.member == "StepFinished" and s.arguments[1] == "exec"]
    # A process may have ended before the signal of its step before that is here.
    few.wait_until(lambda: len(outcomes()) == len(workers), "what came of each program")
    assert all(outcomes())
    few.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "lost")


@pytest.mark.parametrize("hard", [HARD, 20])
def test_a_limit_that_is_lowered(few, few_space, make_worker, hard):
    """Below what is open: poll() takes no more descriptors than that."""
    worker = make_worker()
    for number in range(20):
        register(few, worker, f"w{number}")
    resource.prlimit(few.daemon.pid, resource.RLIMIT_NOFILE, (20, hard))
    check_at_rest(few)
    if hard > 20:
        assert resource.prlimit(few.daemon.pid, resource.RLIMIT_NOFILE) == (hard, hard)
        register(few, worker, "another")
    else:
        with fails_with("Busy", REFUSED):
            register(few, worker, "another")
        # The kernel drops it on its way, which is not what the caller did.
        pidfd = os.pidfd_open(worker.pid)
        with fails_with("Busy", "no file descriptor free to receive it"):
            few.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", 0, "by pidfd", {}, fds=[pidfd])
        os.close(pidfd)


def test_each_number_that_may_be_left(few, few_space, make_storage):
    """GLib ends the program when it finds none for an event loop."""
    other = make_storage()
    format_lockspace(few, other, name="other")
    used = {int(number) for number in os.listdir(f"/proc/{few.daemon.pid}/fd")}
    for limit in range(min(set(range(HARD)) - used), max(used) + 12):
        resource.prlimit(few.daemon.pid, resource.RLIMIT_NOFILE, (limit, HARD))
        with fails_with("Busy", REFUSED):
            begin_join(few, other, name="other")
        with socket.socket(socket.AF_UNIX) as client:  # whether it is accepted or not
            client.connect(os.path.join(few.directory, "run", "metrics.sock"))
    wait_renewed(few)
    resource.prlimit(few.daemon.pid, resource.RLIMIT_NOFILE, (HARD, HARD))
    few.call("Manager", "Manager", "GetMetrics", "(a{sv})", {})


def test_descriptors_that_no_method_wants(few, make_worker):
    """They are closed by the thread that reads from the bus."""
    ends = os.pipe()
    pidfd = os.pidfd_open(make_worker().pid)
    try:
        assert few.call("Manager", "org.freedesktop.DBus.Properties", "Get", "(ss)", "org.bailiff.Bailiff1.Manager",
                        "Version", fds=[ends[1]] * 8)
        with fails_with("InvalidArgument", "no file descriptor"):
            few.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", 0, "two", {}, fds=[pidfd, ends[1]])
        assert few.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", 0, "one", {}, fds=[pidfd])
    finally:
        os.close(ends[1])
    # Nobody has the other end any more.
    assert select.select([ends[0]], [], [], LIMIT)[0]
    os.close(ends[0])
    os.close(pidfd)


def test_as_many_as_there_is_room_for(few):
    """What is closed needs no room for a second one of each; the call is answered."""
    used = {int(number) for number in os.listdir(f"/proc/{few.daemon.pid}/fd")}
    room, number = 8 + 6, 0
    while room > 0:
        room -= number not in used
        number += 1
    resource.prlimit(few.daemon.pid, resource.RLIMIT_NOFILE, (number, HARD))
    ends = os.pipe()
    assert few.call("Manager", "org.freedesktop.DBus.Properties", "Get", "(ss)", "org.bailiff.Bailiff1.Manager",
                    "Version", fds=[ends[1]] * 8)
    for end in ends:
        os.close(end)
